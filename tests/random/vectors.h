/* SPDX-License-Identifier: MIT */
/* vectors.h - numbers that CPython draws, for tests that have no Python at hand, and what compares
 * them. The rows for the two seeds are the same from Python 3.11 to 3.13 at least; those marked
 * "stable" are in CPython's own tests, which promise never to change them. */
#ifndef RONDO_TESTS_RANDOM_VECTORS_H
#define RONDO_TESTS_RANDOM_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rondo/random.h"

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* 2^200 + 12345678901234567890 */
#define BIG_SEED "1606938044258990275541962092341162602522215339461694069869266"

static inline uint64_t bits_of(double x)
{
	uint64_t bits;

	memcpy(&bits, &x, sizeof(bits));
	return bits;
}

/* Compared as bits: no difference is small enough, and NaN must equal itself. */
#define assert_same_double(a, b) assert_int_equal(bits_of(a), bits_of(b))

static inline void assert_draws(struct rondo_random *r, const double *expected, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_same_double(rondo_random_random_r(r), expected[i]);
}

static inline struct rondo_random seeded(int64_t seed)
{
	struct rondo_random r = RONDO_RANDOM_INIT;

	rondo_random_seed_r(&r, seed);
	return r;
}

static inline struct rondo_random big_seeded(void)
{
	struct rondo_random r = RONDO_RANDOM_INIT;

	assert_int_equal(rondo_random_seed_decimal_r(&r, BIG_SEED), 0);
	return r;
}

static const double random_42[] = {
	0x1.4762f307200c5p-1, 0x1.99c6b5eeb2060p-6, 0x1.19a1491f589dcp-2, 0x1.c922b623b8c1cp-3,
	0x1.7912c1468f47ep-1,
};

static const double random_big[] = {
	0x1.d6bfa533bfbf0p-4, 0x1.96c04c47cf22ep-2, 0x1.a792a068485b0p-5, 0x1.f5dd455b90e87p-1,
	0x1.ea6a24de6d002p-1,
};

/* uniform(0.1, 1.0) */
static const double uniform_42[] = {
	0x1.59d90decd00b1p-1, 0x1.f5ccb5bc1b416p-4, 0x1.63ddf5029c8e0p-2, 0x1.341c6b9013240p-2,
	0x1.8690e125e75a5p-1,
};

static const double uniform_big[] = {
	0x1.a0a30a57497c6p-3, 0x1.d479de40a0d2ap-2, 0x1.2c1a974aa9e15p-3, 0x1.f6e0be6c026adp-1,
	0x1.ec92bac82ee68p-1,
};
#endif
