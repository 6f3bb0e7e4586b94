/* SPDX-License-Identifier: MIT */
/* lgamma.c - see lgamma.h. Lanczos's approximation with g = 6.02468..., as a quotient of two
 * polynomials of degree 12. The coefficients are those of Boost's "lanczos13m53", as in Python. */
#include "random/lgamma.h"

#include <math.h>

enum { N_TERMS = 13 };

static const double g = 6.024680040776729583740234375;

static const double numerator[N_TERMS] = {
	23531376880.410759688572007674451636754734846804940,
	42919803642.649098768957899047001988850926355848959,
	35711959237.355668049440185451547166705960488635843,
	17921034426.037209699919755754458931112671403265390,
	6039542586.3520280050642916443072979210699388420708,
	1439720407.3117216736632230727949123939715485786372,
	248874557.86205415651146038641322942321632125127801,
	31426415.585400194380614231628318205362874684987640,
	2876370.6289353724412254090516208496135991145378768,
	186056.26539522349504029498971604569928220784236328,
	8071.6720023658162106380029022722506138218516325024,
	210.82427775157934587250973392071336271166969580291,
	2.5066282746310002701649081771338373386264310793408,
};

/* x (x + 1) ... (x + 11), multiplied out. */
static const double denominator[N_TERMS] = {
	0, 39916800, 120543840, 150917976, 105258076, 45995730, 13339535,
	2637558, 357423, 32670, 1925, 66, 1,
};

/* From the highest power down; large x would overflow, so there both polynomials are divided by
 * their highest power of x, which amounts to going from the lowest up. */
static double quotient(double x)
{
	double above = 0.0, below = 0.0;

	if (x < 5.0) {
		for (unsigned i = N_TERMS; i--;) {
			above = above * x + numerator[i];
			below = below * x + denominator[i];
		}
	} else {
		for (unsigned i = 0; i < N_TERMS; i++) {
			above = above / x + numerator[i];
			below = below / x + denominator[i];
		}
	}
	return above / below;
}

double rondo__lgamma(double x)
{
	double l;

	if (x == 1.0 || x == 2.0)
		return 0.0;
	l = log(quotient(x)) - g;
	return l + (x - 0.5) * (log(x + g - 0.5) - 1.0);
}
