/* SPDX-License-Identifier: MIT */
/* reals.c - the continuous distributions.
 *
 * Every expression keeps Python's order of operations, since each step rounds. Two things done by
 * compilers would round otherwise: contracting a * b + c into one fused operation, and computing a
 * libm function at compile time or turning one into another. The build flags of this folder forbid
 * both. For the same reason constants that Python computes with libm are spelled out. */
#include <math.h>

#include "random/source.h"

static const double pi = 0x1.921fb54442d18p+1;
static const double two_pi = 0x1.921fb54442d18p+2;
static const double e = 0x1.5bf0a8b145769p+1;
static const double log_4 = 0x1.62e42fefa39efp+0;
static const double one_plus_log_4_5 = 0x1.40859baee748fp+1;	/* 1 + log(4.5) */
static const double four_e_to_minus_half_by_root_2 = 0x1.b72cd3f331398p+0;

double rondo_random_uniform_r(struct rondo_random *r, double a, double b)
{
	return a + (b - a) * rondo__source_unit(r);
}

double rondo_random_triangular_r(struct rondo_random *r, double low, double high, double mode)
{
	double u = rondo__source_unit(r), c = 0.5;

	if (low == high)
		return low;
	if (!isnan(mode))
		c = (mode - low) / (high - low);
	if (u > c)
		return high + (low - high) * sqrt((1.0 - u) * (1.0 - c));
	return low + (high - low) * sqrt(u * c);
}

double rondo_random_gauss_r(struct rondo_random *r, double mu, double sigma)
{
	double angle, radius;

	if (r->has_gauss_next) {
		r->has_gauss_next = 0;
		return mu + r->gauss_next * sigma;
	}
	angle = rondo__source_unit(r) * two_pi;
	radius = sqrt(-2.0 * log(1.0 - rondo__source_unit(r)));
	r->gauss_next = sin(angle) * radius;
	r->has_gauss_next = 1;
	return mu + cos(angle) * radius * sigma;
}

/* Kinderman and Monahan's ratio of uniform deviates. */
double rondo_random_normalvariate_r(struct rondo_random *r, double mu, double sigma)
{
	double u, v, z;

	do {
		u = rondo__source_unit(r);
		v = 1.0 - rondo__source_unit(r);
		z = four_e_to_minus_half_by_root_2 * (u - 0.5) / v;
	} while (z * z / 4.0 > -log(v));
	return mu + z * sigma;
}

double rondo_random_lognormvariate_r(struct rondo_random *r, double mu, double sigma)
{
	return exp(rondo_random_normalvariate_r(r, mu, sigma));
}

double rondo_random_expovariate_r(struct rondo_random *r, double lambd)
{
	double x = -log(1.0 - rondo__source_unit(r));

	return lambd == 0.0 ? NAN : x / lambd;
}

/* Python's %, whose result has the sign of the divisor. */
static double modulo_two_pi(double x)
{
	double rest = fmod(x, two_pi);

	if (rest < 0.0)
		return rest + two_pi;
	return rest == 0.0 ? 0.0 : rest;
}

/* Best and Fisher's rejection; f is the cosine of the angle from the mean. */
static double von_mises_cosine(struct rondo_random *r, double kappa)
{
	double s = 0.5 / kappa;
	double rho = s + sqrt(1.0 + s * s);
	double z, d, u, q;

	do {
		z = cos(pi * rondo__source_unit(r));
		d = z / (rho + z);
		u = rondo__source_unit(r);
	} while (!(u < 1.0 - d * d || u <= (1.0 - d) * exp(d)));
	q = 1.0 / rho;
	return (q + z) / (1.0 + q * z);
}

double rondo_random_vonmisesvariate_r(struct rondo_random *r, double mu, double kappa)
{
	double angle;

	if (isnan(kappa))
		return NAN; /* Python loops for ever */
	if (kappa <= 1e-6)
		return two_pi * rondo__source_unit(r);
	angle = acos(von_mises_cosine(r, kappa));
	return modulo_two_pi(rondo__source_unit(r) > 0.5 ? mu + angle : mu - angle);
}

/* Cheng's method for alpha > 1. */
static double gamma_above_1(struct rondo_random *r, double alpha)
{
	double root = sqrt(2.0 * alpha - 1.0);
	double b = alpha - log_4, c = alpha + root;

	if (isinf(root))
		return NAN; /* no draw could be accepted */
	for (;;) {
		double u1 = rondo__source_unit(r), u2, v, x, z, accept;

		if (u1 <= 1e-7 || u1 >= 0.9999999)
			continue;
		u2 = 1.0 - rondo__source_unit(r);
		v = log(u1 / (1.0 - u1)) / root;
		x = alpha * exp(v);
		z = u1 * u1 * u2;
		accept = b + c * v - x;
		if (accept + one_plus_log_4_5 - 4.5 * z >= 0.0 || accept >= log(z))
			return x;
	}
}

/* Ahrens and Dieter's GS for alpha < 1. */
static double gamma_below_1(struct rondo_random *r, double alpha)
{
	double b = (e + alpha) / e;

	for (;;) {
		double p = b * rondo__source_unit(r), x, u;

		x = p <= 1.0 ? pow(p, 1.0 / alpha) : -log((b - p) / alpha);
		u = rondo__source_unit(r);
		if (u <= (p > 1.0 ? pow(x, alpha - 1.0) : exp(-x)))
			return x;
	}
}

double rondo_random_gammavariate_r(struct rondo_random *r, double alpha, double beta)
{
	if (!(alpha > 0.0 && beta > 0.0))
		return NAN;
	if (alpha > 1.0)
		return gamma_above_1(r, alpha) * beta;
	if (alpha == 1.0)
		return -log(1.0 - rondo__source_unit(r)) * beta;
	return gamma_below_1(r, alpha) * beta;
}

double rondo_random_betavariate_r(struct rondo_random *r, double alpha, double beta)
{
	double x = rondo_random_gammavariate_r(r, alpha, 1.0);

	if (!(x > 0.0)) /* 0.0, or NaN for a wrong alpha */
		return x;
	return x / (x + rondo_random_gammavariate_r(r, beta, 1.0));
}

double rondo_random_paretovariate_r(struct rondo_random *r, double alpha)
{
	double u = 1.0 - rondo__source_unit(r);

	return alpha == 0.0 ? NAN : pow(u, -1.0 / alpha);
}

double rondo_random_weibullvariate_r(struct rondo_random *r, double alpha, double beta)
{
	double x = -log(1.0 - rondo__source_unit(r));

	return beta == 0.0 ? NAN : alpha * pow(x, 1.0 / beta);
}
