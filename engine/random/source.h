/* SPDX-License-Identifier: MIT */
/* source.h - the three draws all others are made of: a float, some bits, an integer below n.
 *
 * Each comes from the twister or, for a system generator, from entropy; nothing above this file
 * knows which. The two differ in more than where the bits come from: Python reads entropy as one
 * big-endian number and words of the twister as a little-endian one. */
#ifndef RONDO_RANDOM_SOURCE_H
#define RONDO_RANDOM_SOURCE_H

#include "random/twister.h"

double rondo__source_system_unit(void);
uint64_t rondo__source_system_bits(unsigned k);
/* Below n for n = 2^64, which does not fit in the argument of rondo__source_below(). */
uint64_t rondo__source_below_2_64(struct rondo_random *r);

/* 0 <= x < 1. Both conversions are exact: 53 bits, and a multiplication by a power of two. */
static inline double rondo__source_unit(struct rondo_random *r)
{
	uint64_t high, low;

	if (__builtin_expect(r->kind == RONDO__RANDOM_SYSTEM, 0))
		return rondo__source_system_unit();
	high = rondo__twister_word(r) >> 5;
	low = rondo__twister_word(r) >> 6;
	return (double)(int64_t)(high << 26 | low) * 0x1p-53;
}

/* k bits, k <= 64. A word that is not used whole gives its high bits. */
static inline uint64_t rondo__source_bits(struct rondo_random *r, unsigned k)
{
	uint64_t low;

	if (k == 0)
		return 0;
	if (__builtin_expect(r->kind == RONDO__RANDOM_SYSTEM, 0))
		return rondo__source_system_bits(k);
	if (k <= 32)
		return rondo__twister_word(r) >> (32 - k);
	low = rondo__twister_word(r);
	return low | (uint64_t)(rondo__twister_word(r) >> (64 - k)) << 32;
}

/* 0 <= x < n, n > 0. Python takes the bits of n and not of n - 1, so that a power of two rejects
 * half of the draws and n = 1 consumes some; parity needs the same waste. */
static inline uint64_t rondo__source_below(struct rondo_random *r, uint64_t n)
{
	unsigned k = 64 - (unsigned)__builtin_clzll(n);
	uint64_t x;

	do
		x = rondo__source_bits(r, k);
	while (x >= n);
	return x;
}
#endif
