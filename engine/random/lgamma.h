/* SPDX-License-Identifier: MIT */
/* lgamma.h - the logarithm of the gamma function as Python computes it.
 * Libm's differs in the last bits, which can turn the choice of a binomial draw. */
#ifndef RONDO_RANDOM_LGAMMA_H
#define RONDO_RANDOM_LGAMMA_H

/* x >= 1, the range that binomial draws need. */
double rondo__lgamma(double x);
#endif
