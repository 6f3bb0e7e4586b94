/* SPDX-License-Identifier: MIT */
/* binomial.c - the binomial distribution. Order of operations and build flags: see reals.c. */
#include <errno.h>
#include <math.h>

#include "random/lgamma.h"
#include "random/source.h"

/* Devroye: the gaps between successes are geometric. For n * p < 10. */
static int64_t by_gaps(struct rondo_random *r, int64_t n, double p)
{
	double c = log2(1.0 - p);
	uint64_t at = 0; /* two's worth of int64_t: at is not above n before a gap is added */
	int64_t successes = 0;

	if (c == 0.0)
		return 0; /* p is lost in 1 - p */
	for (;;) {
		double u = rondo__source_unit(r);

		if (u == 0.0)
			continue; /* Python 3.14 draws again, older ones raise */
		at += (uint64_t)floor(log2(u) / c) + 1;
		if (at > (uint64_t)n)
			return successes;
		successes++;
	}
}

/* The ratio of the probabilities of k and of the mode, as a logarithm. */
struct acceptance {
	double scale, log_odds, at_mode;
	int64_t mode;
};

static void prepare(struct acceptance *a, int64_t n, double p, double b, double deviation)
{
	a->scale = (2.83 + 5.1 / b) * deviation;
	a->log_odds = log(p / (1.0 - p));
	a->mode = (int64_t)floor((double)((uint64_t)n + 1) * p);
	a->at_mode = rondo__lgamma((double)(a->mode + 1)) +
		     rondo__lgamma((double)((uint64_t)(n - a->mode) + 1));
}

static double log_ratio(const struct acceptance *a, int64_t n, int64_t k)
{
	return a->at_mode - rondo__lgamma((double)((uint64_t)k + 1)) -
	       rondo__lgamma((double)((uint64_t)(n - k) + 1)) +
	       (double)(k - a->mode) * a->log_odds;
}

/* Hormann's BTRS: transformed rejection with a squeeze. For n * p >= 10 and p <= 0.5. */
static int64_t by_rejection(struct rondo_random *r, int64_t n, double p)
{
	double deviation = sqrt((double)n * p * (1.0 - p));
	double b = 1.15 + 2.53 * deviation;
	double a = -0.0873 + 0.0248 * b + 0.01 * p;
	double c = (double)n * p + 0.5, squeeze = 0.92 - 4.2 / b;
	struct acceptance acceptance = { .scale = 0.0 };

	for (;;) {
		double u = rondo__source_unit(r) - 0.5, v, from_edge = 0.5 - fabs(u), x;
		int64_t k;

		/* At the edge itself, where Python 3.14 draws again, this is minus infinity. */
		x = floor((2.0 * a / from_edge + b) * u + c);
		if (x < 0.0 || x >= 0x1p63 || (int64_t)x > n)
			continue;
		k = (int64_t)x;
		v = rondo__source_unit(r);
		if (from_edge >= 0.07 && v <= squeeze)
			return k;
		if (acceptance.scale == 0.0) /* most draws end before needing it */
			prepare(&acceptance, n, p, b, deviation);
		v *= acceptance.scale / (a / (from_edge * from_edge) + b);
		if (log(v) <= log_ratio(&acceptance, n, k))
			return k;
	}
}

static int64_t up_to_half(struct rondo_random *r, int64_t n, double p)
{
	return (double)n * p < 10.0 ? by_gaps(r, n, p) : by_rejection(r, n, p);
}

int64_t rondo_random_binomialvariate_r(struct rondo_random *r, int64_t n, double p)
{
	if (n < 0 || !(p >= 0.0 && p <= 1.0))
		return -EINVAL;
	if (p == 0.0 || p == 1.0)
		return p == 0.0 ? 0 : n;
	if (n == 1)
		return rondo__source_unit(r) < p;
	return p > 0.5 ? n - up_to_half(r, n, 1.0 - p) : up_to_half(r, n, p);
}
