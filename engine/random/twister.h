/* SPDX-License-Identifier: MIT */
/* twister.h - MT19937, the generator behind every draw that is not a system generator's.
 *
 * state holds 624 words of which the last n_left are still to be handed out; Python's index is
 * 624 - n_left. A zeroed generator has none left, so the question whether it was ever seeded is
 * asked only once in 624 words, when they are made anew. */
#ifndef RONDO_RANDOM_TWISTER_H
#define RONDO_RANDOM_TWISTER_H

#include <stddef.h>
#include <stdint.h>

#include "rondo/random.h"

enum { RONDO__TWISTER_WORDS = 624 };

/* The values of rondo_random.kind. Zero must be the one not seeded yet. */
enum { RONDO__RANDOM_UNSEEDED, RONDO__RANDOM_TWISTER, RONDO__RANDOM_SYSTEM };

/* Gives word i of a key. Keys are read through it so that a seed of any size needs no copy. */
typedef uint32_t rondo__key_word_fn(const void *key, size_t i);

/* Seed from a key of n_words > 0 words. */
void rondo__twister_seed(struct rondo_random *r, rondo__key_word_fn *word, const void *key,
			 size_t n_words);
/* Make 624 new words, seeding from entropy first if nobody has seeded. */
void rondo__twister_refill(struct rondo_random *r);

static inline uint32_t rondo__twister_word(struct rondo_random *r)
{
	uint32_t y;

	if (__builtin_expect(r->n_left == 0, 0))
		rondo__twister_refill(r);
	y = r->state[RONDO__TWISTER_WORDS - r->n_left--];
	y ^= y >> 11;
	y ^= (y << 7) & 0x9d2c5680;
	y ^= (y << 15) & 0xefc60000;
	return y ^ (y >> 18);
}
#endif
