/* SPDX-License-Identifier: MIT */
/* sample.c - drawing without replacement.
 *
 * Python has two methods, and which one runs shows in the numbers. A small population is copied
 * into a pool from which each pick is removed. Of a large one, picks are remembered in a set and
 * drawn again when they come twice. The rule that decides models the memory a list and a set take
 * in CPython; it has to be the same here, whatever our own tables take. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "random/source.h"

/* Never an index: n is at most SIZE_MAX, so indexes end one below. */
#define EMPTY SIZE_MAX

enum { N_SMALL = 128 };

struct sampler {
	size_t n;		/* the population */
	size_t n_left;		/* of the pool */
	size_t mask;		/* of the set, a hash table of mask + 1 places; 0 with a pool */
	size_t *table;		/* the pool or the set: small, or allocated */
	size_t small[N_SMALL];	/* the usual sample needs no allocation */
};

/* 21 places, and beyond 5 picks the smallest power of 4 that is at least 3 k more. Python computes
 * the power with logarithms; that differs from this only for k beyond 10^13. */
static bool fits_pool(size_t n, size_t k)
{
	size_t limit = 21, power = 1;

	if (k > SIZE_MAX / 64)
		return true; /* then n, which is not below k, is below 12 k + 21 */
	if (k > 5) {
		while (power < 3 * k)
			power *= 4;
		limit += power;
	}
	return n <= limit;
}

static size_t set_size(size_t k)
{
	size_t size = 2;

	while (size < 2 * k)
		size *= 2;
	return size;
}

static int begin(struct sampler *s, size_t n, size_t k)
{
	bool pool = fits_pool(n, k);
	size_t size = pool ? n : set_size(k);

	s->n = s->n_left = n;
	s->mask = pool ? 0 : size - 1;
	s->table = s->small;
	if (size > N_SMALL)
		s->table = reallocarray(NULL, size, sizeof(*s->table));
	if (!s->table)
		return -ENOMEM;
	for (size_t i = 0; i < size; i++)
		s->table[i] = pool ? i : EMPTY;
	return 0;
}

static void end(struct sampler *s)
{
	if (s->table != s->small)
		free(s->table);
}

static size_t pick_from_pool(struct sampler *s, struct rondo_random *r)
{
	size_t j = rondo__source_below(r, s->n_left);
	size_t picked = s->table[j];

	s->table[j] = s->table[--s->n_left];
	return picked;
}

/* Multiplying by the golden ratio spreads runs of neighbours over the table. */
static bool add_to_set(struct sampler *s, size_t index)
{
	size_t at = (size_t)((index * 0x9e3779b97f4a7c15u) >> 20) & s->mask;

	for (; s->table[at] != EMPTY; at = (at + 1) & s->mask)
		if (s->table[at] == index)
			return false;
	s->table[at] = index;
	return true;
}

static size_t pick_new(struct sampler *s, struct rondo_random *r)
{
	size_t index;

	do
		index = rondo__source_below(r, s->n);
	while (!add_to_set(s, index));
	return index;
}

static size_t pick(struct sampler *s, struct rondo_random *r)
{
	return s->mask ? pick_new(s, r) : pick_from_pool(s, r);
}

int rondo_random_sample_index_r(struct rondo_random *r, size_t n, size_t k, size_t *result)
{
	struct sampler s;
	int ret = k > n ? -EINVAL : begin(&s, n, k);

	if (ret < 0)
		return ret;
	for (size_t i = 0; i < k; i++)
		result[i] = pick(&s, r);
	end(&s);
	return 0;
}

int rondo_random_sample_n_r(struct rondo_random *r, const void *base, size_t n, size_t size,
			    size_t k, void *result)
{
	struct sampler s;
	int ret = k > n ? -EINVAL : begin(&s, n, k);

	if (ret < 0)
		return ret;
	for (size_t i = 0; i < k; i++)
		memcpy((char *)result + i * size, (const char *)base + pick(&s, r) * size, size);
	end(&s);
	return 0;
}

/* The element that place belongs to when each stands counts[i] times in a row. */
static size_t owner(size_t n, const size_t *sums, size_t place)
{
	size_t low = 0, high = n - 1;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (place < sums[middle])
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static int sum_up(size_t n, const size_t *counts, size_t *sums)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		if (__builtin_add_overflow(sum, counts[i], &sum))
			return -EINVAL;
		sums[i] = sum;
	}
	return sum ? 0 : -EINVAL;
}

/* Places first, all of them, as a sample of range(sum): their owners then take their stead. */
static int sample_places(struct rondo_random *r, size_t n, const size_t *counts, size_t *sums,
			 size_t k, size_t *result)
{
	int ret = sum_up(n, counts, sums);

	if (ret == 0)
		ret = rondo_random_sample_index_r(r, sums[n - 1], k, result);
	for (size_t i = 0; ret == 0 && i < k; i++)
		result[i] = owner(n, sums, result[i]);
	return ret;
}

int rondo_random_sample_counts_index_r(struct rondo_random *r, size_t n, const size_t *counts,
				       size_t k, size_t *result)
{
	size_t *sums;
	int ret;

	if (n == 0)
		return -EINVAL;
	sums = reallocarray(NULL, n, sizeof(*sums));
	if (!sums)
		return -ENOMEM;
	ret = sample_places(r, n, counts, sums, k, result);
	free(sums);
	return ret;
}

int rondo_random_sample_counts_n_r(struct rondo_random *r, const void *base, size_t n, size_t size,
				   const size_t *counts, size_t k, void *result)
{
	size_t *picks = reallocarray(NULL, k ? k : 1, sizeof(*picks));
	int ret;

	if (!picks)
		return -ENOMEM;
	ret = rondo_random_sample_counts_index_r(r, n, counts, k, picks);
	for (size_t i = 0; ret == 0 && i < k; i++)
		memcpy((char *)result + i * size, (const char *)base + picks[i] * size, size);
	free(picks);
	return ret;
}
