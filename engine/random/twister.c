/* SPDX-License-Identifier: MIT */
/* twister.c - see twister.h. Matsumoto and Nishimura's MT19937 with the seeding by an array that
 * they published in 2002, which Python uses for every seed, small integers included. */
#include "random/twister.h"

enum { N = RONDO__TWISTER_WORDS, M = 397 };

/* Knuth's linear recurrence. The key is then mixed into what it leaves. */
static void fill(uint32_t *state, uint32_t seed)
{
	state[0] = seed;
	for (uint32_t i = 1; i < N; i++)
		state[i] = 1812433253 * (state[i - 1] ^ (state[i - 1] >> 30)) + i;
}

static uint32_t stir(const uint32_t *state, size_t i, uint32_t factor)
{
	return state[i] ^ (state[i - 1] ^ (state[i - 1] >> 30)) * factor;
}

/* Step round 1..623; word 0 serves as the predecessor of word 1. */
static size_t next(uint32_t *state, size_t i)
{
	if (++i < N)
		return i;
	state[0] = state[N - 1];
	return 1;
}

void rondo__twister_seed(struct rondo_random *r, rondo__key_word_fn *word, const void *key,
			 size_t n_words)
{
	uint32_t *state = r->state;
	size_t i = 1, j = 0;

	fill(state, 19650218);
	for (size_t n = n_words > N ? n_words : N; n; n--) {
		state[i] = stir(state, i, 1664525) + word(key, j) + (uint32_t)j;
		i = next(state, i);
		if (++j == n_words)
			j = 0;
	}
	for (size_t n = N - 1; n; n--) {
		state[i] = stir(state, i, 1566083941) - (uint32_t)i;
		i = next(state, i);
	}
	state[0] = 0x80000000; /* never all zeros */
	r->n_left = 0;
	r->has_gauss_next = 0;
	r->kind = RONDO__RANDOM_TWISTER;
}

/* The top bit of one word and the rest of the next, through the matrix. Free of branches, so that
 * the loops below vectorise. */
static inline uint32_t twist(uint32_t word, uint32_t following)
{
	uint32_t y = (word & 0x80000000) | (following & 0x7fffffff);

	return (y >> 1) ^ ((0 - (following & 1)) & 0x9908b0df);
}

void rondo__twister_refill(struct rondo_random *r)
{
	uint32_t *s = r->state;

	if (r->kind == RONDO__RANDOM_UNSEEDED)
		rondo_random_seed_entropy_r(r);
	for (size_t i = 0; i < N - M; i++)
		s[i] = s[i + M] ^ twist(s[i], s[i + 1]);
	for (size_t i = N - M; i < N - 1; i++)
		s[i] = s[i + M - N] ^ twist(s[i], s[i + 1]);
	s[N - 1] = s[M - 1] ^ twist(s[N - 1], s[0]);
	r->n_left = N;
}
