/* SPDX-License-Identifier: MIT */
/* integers.c - integers from a range. Widths are counted in 128 bits, since a range of 64-bit
 * integers can hold 2^64 of them. */
#include <errno.h>

#include "random/source.h"

__extension__ typedef __int128 wide;

/* 0 <= x < n for 0 < n <= 2^64. */
static uint64_t below(struct rondo_random *r, wide n)
{
	if (n > UINT64_MAX)
		return rondo__source_below_2_64(r);
	return rondo__source_below(r, (uint64_t)n);
}

int64_t rondo_random_randint_r(struct rondo_random *r, int64_t a, int64_t b)
{
	if (b < a)
		return -EINVAL;
	return (int64_t)((uint64_t)a + below(r, (wide)b - a + 1));
}

/* Python rounds this division towards minus infinity; towards zero gives the same count, or another
 * one that is not positive either. */
static wide n_steps(wide width, wide step)
{
	return step > 0 ? (width + step - 1) / step : (width + step + 1) / step;
}

int64_t rondo_random_randrange_r(struct rondo_random *r, int64_t start, int64_t stop, int64_t step)
{
	wide n;

	if (step == 0)
		return -EINVAL;
	n = n_steps((wide)stop - start, step);
	if (n <= 0)
		return -EINVAL;
	return (int64_t)(start + step * (wide)below(r, n));
}
