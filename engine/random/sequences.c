/* SPDX-License-Identifier: MIT */
/* sequences.c - choosing, shuffling and weighing elements; sampling is in sample.c. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "random/source.h"

/* Up to here a length is exact as a double, and scaling by it stays below it. */
static const uint64_t max_exact = (uint64_t)1 << 53;

ssize_t rondo_random_choice_index_r(struct rondo_random *r, size_t n)
{
	if (n == 0 || n > SSIZE_MAX)
		return -EINVAL;
	return (ssize_t)rondo__source_below(r, n);
}

static void swap(char *a, char *b, size_t size)
{
	char saved[64];

	while (size) {
		size_t n = size < sizeof(saved) ? size : sizeof(saved);

		memcpy(saved, a, n);
		memmove(a, b, n); /* a and b are the same element at times */
		memcpy(b, saved, n);
		a += n;
		b += n;
		size -= n;
	}
}

void rondo_random_shuffle_n_r(struct rondo_random *r, void *base, size_t n, size_t size)
{
	char *bytes = base;

	while (n > 1) {
		size_t j = rondo__source_below(r, n);

		n--;
		swap(bytes + n * size, bytes + j * size, size);
	}
}

/* The first index whose cumulative weight is above x, the last one at most. The steps are those of
 * Python's bisect: sums that decrease, because weights are negative, give the same nonsense. */
static size_t bisect(const double *cum_weights, size_t n, double x)
{
	size_t low = 0, high = n - 1;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (x < cum_weights[middle])
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Equal chances when cum_weights is NULL. Unlike choice, this scales a float, rounding included. */
static size_t weighted_index(struct rondo_random *r, size_t n, const double *cum_weights)
{
	double x = rondo__source_unit(r);

	if (cum_weights)
		return bisect(cum_weights, n, x * cum_weights[n - 1]);
	return (size_t)(x * (double)n);
}

static int check_total(size_t n, const double *cum_weights)
{
	if (n == 0 || !isfinite(cum_weights[n - 1]) || cum_weights[n - 1] <= 0.0)
		return -EINVAL;
	return 0;
}

/* Where the choices of choose() go: indexes when base is NULL, else copies of elements. */
struct choices {
	const char *base;
	size_t size;
	void *result;
};

static void choose(struct rondo_random *r, size_t n, const double *cum_weights, size_t k,
		   const struct choices *c)
{
	for (size_t i = 0; i < k; i++) {
		size_t j = weighted_index(r, n, cum_weights);

		if (c->base)
			memcpy((char *)c->result + i * c->size, c->base + j * c->size, c->size);
		else
			((size_t *)c->result)[i] = j;
	}
}

static int choose_cumulative(struct rondo_random *r, size_t n, const double *cum_weights, size_t k,
			     const struct choices *c)
{
	int ret = check_total(n, cum_weights);

	if (ret == 0)
		choose(r, n, cum_weights, k, c);
	return ret;
}

static int choose_weighted(struct rondo_random *r, size_t n, const double *weights, size_t k,
			   const struct choices *c)
{
	double *cum_weights;
	int ret;

	if (n == 0)
		return -EINVAL;
	cum_weights = reallocarray(NULL, n, sizeof(*cum_weights));
	if (!cum_weights)
		return -ENOMEM;
	cum_weights[0] = weights[0];
	for (size_t i = 1; i < n; i++)
		cum_weights[i] = cum_weights[i - 1] + weights[i];
	ret = choose_cumulative(r, n, cum_weights, k, c);
	free(cum_weights);
	return ret;
}

static int choose_any(struct rondo_random *r, size_t n, const double *weights, size_t k,
		      const struct choices *c)
{
	if (weights)
		return choose_weighted(r, n, weights, k, c);
	if ((n == 0 && k != 0) || n > max_exact)
		return -EINVAL;
	choose(r, n, NULL, k, c);
	return 0;
}

int rondo_random_choices_index_r(struct rondo_random *r, size_t n, const double *weights, size_t k,
				 size_t *result)
{
	return choose_any(r, n, weights, k, &(struct choices){ .result = result });
}

int rondo_random_choices_cum_index_r(struct rondo_random *r, size_t n, const double *cum_weights,
				     size_t k, size_t *result)
{
	return choose_cumulative(r, n, cum_weights, k, &(struct choices){ .result = result });
}

int rondo_random_choices_n_r(struct rondo_random *r, const void *base, size_t n, size_t size,
			     const double *weights, size_t k, void *result)
{
	return choose_any(r, n, weights, k, &(struct choices){ base, size, result });
}

int rondo_random_choices_cum_n_r(struct rondo_random *r, const void *base, size_t n, size_t size,
				 const double *cum_weights, size_t k, void *result)
{
	return choose_cumulative(r, n, cum_weights, k, &(struct choices){ base, size, result });
}
