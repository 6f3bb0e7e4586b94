/* SPDX-License-Identifier: MIT */
/* rows.h - what test_cpython.c compares: functions, each with the arguments of a row, and how each
 * is drawn here. cpython.py draws the row of the same name. */
#ifndef RONDO_TESTS_RANDOM_ROWS_H
#define RONDO_TESTS_RANDOM_ROWS_H

#include "vectors.h"

#include "random/lgamma.h"
#include "random/sha512.h"

enum { MAX_ARGS = 4, MAX_NUMBERS = 512 };

union number {
	double d;
	uint64_t u;
};

/* A function with its arguments: those of i come before those of d in Python's call. Draw writes
 * its numbers to out and returns how many they are. */
struct row {
	const char *name;
	size_t (*draw)(struct rondo_random *r, const struct row *row, union number *out);
	unsigned n_ints, n_doubles;
	int64_t i[MAX_ARGS];
	double d[MAX_ARGS];
};

#define DRAW(name) \
	static size_t name(struct rondo_random *r, const struct row *row, union number *out)

#define DRAW_REAL(name, ...) \
	DRAW(draw_##name) \
	{ \
		const double *d = row->d; \
		(void)d; \
		out->d = rondo_random_##name##_r(__VA_ARGS__); \
		return 1; \
	}

DRAW_REAL(random, r)
DRAW_REAL(uniform, r, d[0], d[1])
DRAW_REAL(triangular, r, d[0], d[1], d[2])
DRAW_REAL(gauss, r, d[0], d[1])
DRAW_REAL(normalvariate, r, d[0], d[1])
DRAW_REAL(lognormvariate, r, d[0], d[1])
DRAW_REAL(expovariate, r, d[0])
DRAW_REAL(vonmisesvariate, r, d[0], d[1])
DRAW_REAL(gammavariate, r, d[0], d[1])
DRAW_REAL(betavariate, r, d[0], d[1])
DRAW_REAL(paretovariate, r, d[0])
DRAW_REAL(weibullvariate, r, d[0], d[1])

DRAW(draw_triangular_no_mode)
{
	out->d = rondo_random_triangular_r(r, row->d[0], row->d[1], RONDO_RANDOM_NO_MODE);
	return 1;
}

DRAW(draw_getrandbits)
{
	out->u = rondo_random_getrandbits_r(r, (unsigned)row->i[0]);
	return 1;
}

DRAW(draw_getrandbits_words)
{
	size_t n_words = ((size_t)row->i[0] + 31) / 32;
	uint32_t words[2 * MAX_NUMBERS] = { 0 };

	rondo_random_getrandbits_words_r(r, (size_t)row->i[0], words);
	memcpy(out, words, (n_words + 1) / 2 * 8);
	return (n_words + 1) / 2;
}

DRAW(draw_randbytes)
{
	size_t size = (size_t)row->i[0];

	memset(out, 0, size + 8);
	rondo_random_randbytes_r(r, out, size);
	return (size + 7) / 8;
}

DRAW(draw_randint)
{
	out->u = (uint64_t)rondo_random_randint_r(r, row->i[0], row->i[1]);
	return 1;
}

DRAW(draw_randrange)
{
	out->u = (uint64_t)rondo_random_randrange_r(r, row->i[0], row->i[1], row->i[2]);
	return 1;
}

DRAW(draw_choice)
{
	out->u = (uint64_t)rondo_random_choice_index_r(r, (size_t)row->i[0]);
	return 1;
}

DRAW(draw_shuffle)
{
	size_t n = (size_t)row->i[0];

	for (size_t i = 0; i < n; i++)
		out[i].u = i;
	rondo_random_shuffle_n_r(r, out, n, sizeof(*out));
	return n;
}

DRAW(draw_sample)
{
	size_t k = (size_t)row->i[1];

	assert_int_equal(rondo_random_sample_index_r(r, (size_t)row->i[0], k, &out->u), 0);
	return k;
}

DRAW(draw_sample_counts)
{
	size_t counts[MAX_ARGS], n = row->n_ints - 1, k = (size_t)row->i[n];

	for (size_t i = 0; i < n; i++)
		counts[i] = (size_t)row->i[i];
	assert_int_equal(rondo_random_sample_counts_index_r(r, n, counts, k, &out->u), 0);
	return k;
}

DRAW(draw_choices)
{
	size_t k = (size_t)row->i[1];

	assert_int_equal(rondo_random_choices_index_r(r, (size_t)row->i[0], NULL, k, &out->u), 0);
	return k;
}

DRAW(draw_choices_weighted)
{
	double weights[MAX_ARGS];
	size_t n = row->n_ints - 1, k = (size_t)row->i[n];

	for (size_t i = 0; i < n; i++)
		weights[i] = (double)row->i[i];
	assert_int_equal(rondo_random_choices_index_r(r, n, weights, k, &out->u), 0);
	return k;
}

DRAW(draw_choices_cumulative)
{
	double sums[MAX_ARGS];
	size_t n = row->n_ints - 1, k = (size_t)row->i[n];

	for (size_t i = 0; i < n; i++)
		sums[i] = (double)row->i[i];
	assert_int_equal(rondo_random_choices_cum_index_r(r, n, sums, k, &out->u), 0);
	return k;
}

DRAW(draw_binomialvariate)
{
	out->u = (uint64_t)rondo_random_binomialvariate_r(r, row->i[0], row->d[0]);
	return 1;
}

/* Not draws, but what draws stand on: compared at random places. */
DRAW(draw_lgamma)
{
	out->d = rondo__lgamma((double)(row->i[0] + rondo_random_randint_r(r, 0, 1048574)));
	return 1;
}

DRAW(draw_sha512)
{
	uint8_t bytes[MAX_NUMBERS];
	size_t size = (size_t)row->i[0];

	rondo_random_randbytes_r(r, bytes, size);
	rondo__sha512(bytes, size, (uint8_t *)out);
	return 8;
}

#define INTS(name, n, ...) { #name, draw_##name, n, 0, { __VA_ARGS__ }, { 0 } }
#define REALS(name, n, ...) { #name, draw_##name, 0, n, { 0 }, { __VA_ARGS__ } }

static const struct row rows[] = {
	REALS(random, 0, 0),
	INTS(getrandbits, 1, 0), INTS(getrandbits, 1, 1), INTS(getrandbits, 1, 8),
	INTS(getrandbits, 1, 31), INTS(getrandbits, 1, 32), INTS(getrandbits, 1, 33),
	INTS(getrandbits, 1, 40), INTS(getrandbits, 1, 63), INTS(getrandbits, 1, 64),
	INTS(getrandbits_words, 1, 7), INTS(getrandbits_words, 1, 64),
	INTS(getrandbits_words, 1, 65), INTS(getrandbits_words, 1, 100),
	INTS(getrandbits_words, 1, 1001),
	INTS(randbytes, 1, 1), INTS(randbytes, 1, 3), INTS(randbytes, 1, 4),
	INTS(randbytes, 1, 10), INTS(randbytes, 1, 64),
	INTS(randint, 2, 1, 6), INTS(randint, 2, 0, 0), INTS(randint, 2, 0, 255),
	INTS(randint, 2, -5, 5), INTS(randint, 2, INT64_MIN, INT64_MAX),
	INTS(randint, 2, 0, INT64_MAX), INTS(randint, 2, INT64_MIN, 0),
	INTS(randint, 2, 1, 4294967296),
	INTS(randint, 2, -4611686018427387905, 4611686018427387904),
	INTS(randrange, 3, 0, 10, 1), INTS(randrange, 3, 0, 100, 7),
	INTS(randrange, 3, 10, -10, -3), INTS(randrange, 3, 0, 1000000000000, 7),
	INTS(randrange, 3, INT64_MIN, INT64_MAX, 2), INTS(randrange, 3, INT64_MAX, INT64_MIN, -1),
	INTS(randrange, 3, INT64_MAX, INT64_MIN, INT64_MIN), INTS(randrange, 3, -3, -2, 100),
	INTS(choice, 1, 1), INTS(choice, 1, 2), INTS(choice, 1, 5), INTS(choice, 1, 52),
	INTS(choice, 1, 2147483648),
	INTS(shuffle, 1, 0), INTS(shuffle, 1, 1), INTS(shuffle, 1, 2), INTS(shuffle, 1, 10),
	INTS(shuffle, 1, 30),
	INTS(sample, 2, 10, 3), INTS(sample, 2, 10, 10), INTS(sample, 2, 21, 5),
	INTS(sample, 2, 22, 5), INTS(sample, 2, 70, 6), INTS(sample, 2, 86, 6),
	INTS(sample, 2, 100, 5), INTS(sample, 2, 85, 21),
	INTS(sample, 2, 86, 21), INTS(sample, 2, 277, 22), INTS(sample, 2, 278, 22),
	INTS(sample, 2, 1046, 86), INTS(sample, 2, 1099511627776, 30), INTS(sample, 2, 1, 1),
	INTS(sample, 2, 5, 0), INTS(sample, 2, 0, 0),
	INTS(sample_counts, 3, 4, 2, 5), INTS(sample_counts, 4, 0, 1000, 1, 7),
	INTS(sample_counts, 4, 1000000, 2000000, 0, 9),
	INTS(choices, 2, 3, 1), INTS(choices, 2, 10, 10), INTS(choices, 2, 104729, 5),
	INTS(choices_weighted, 4, 5, 3, 2, 3), INTS(choices_weighted, 4, 18, 18, 2, 5),
	INTS(choices_weighted, 4, 3, -1, 5, 4), INTS(choices_weighted, 2, 1, 2),
	INTS(choices_cumulative, 4, 18, 36, 38, 5), INTS(choices_cumulative, 4, 1, 1, 9, 3),
	REALS(uniform, 2, 0.1, 1.0), REALS(uniform, 2, 0.0, 1.0), REALS(uniform, 2, 5.0, -3.0),
	REALS(uniform, 2, -1e300, 1e300), REALS(uniform, 2, 1e-300, 1.0),
	REALS(uniform, 2, 2.0, 2.0), REALS(uniform, 2, 0.3, 0.7),
	REALS(triangular, 3, 0.0, 10.0, 3.0), REALS(triangular, 3, -1.0, 1.0, 1.0),
	REALS(triangular, 3, 0.1, 0.9, 0.3), REALS(triangular, 3, 5.0, 5.0, 5.0),
	REALS(triangular_no_mode, 2, 0.0, 1.0), REALS(triangular_no_mode, 2, 0.1, 7.3),
	REALS(gauss, 2, 0.0, 1.0), REALS(gauss, 2, 5.0, 2.5), REALS(gauss, 2, -0.1, 0.3),
	REALS(normalvariate, 2, 0.0, 1.0), REALS(normalvariate, 2, 5.0, 2.5),
	REALS(normalvariate, 2, -0.1, 0.3),
	REALS(lognormvariate, 2, 0.0, 1.0), REALS(lognormvariate, 2, 1.1, 0.25),
	REALS(expovariate, 1, 1.0), REALS(expovariate, 1, 1.5), REALS(expovariate, 1, -2.0),
	REALS(expovariate, 1, 1e-3),
	REALS(vonmisesvariate, 2, 0.0, 4.0), REALS(vonmisesvariate, 2, 1.0, 1e-7),
	REALS(vonmisesvariate, 2, 3.0, 0.5), REALS(vonmisesvariate, 2, -2.0, 100.0),
	REALS(vonmisesvariate, 2, 6.2, 1e-3), REALS(vonmisesvariate, 2, 100.0, 1e6),
	REALS(gammavariate, 2, 0.5, 1.0), REALS(gammavariate, 2, 0.01, 2.0),
	REALS(gammavariate, 2, 0.9, 0.3), REALS(gammavariate, 2, 1.0, 2.0),
	REALS(gammavariate, 2, 1.5, 1.0), REALS(gammavariate, 2, 2.0, 3.0),
	REALS(gammavariate, 2, 50.0, 0.1), REALS(gammavariate, 2, 1e6, 1.0),
	REALS(betavariate, 2, 0.5, 0.5), REALS(betavariate, 2, 1.0, 3.0),
	REALS(betavariate, 2, 2.0, 2.0), REALS(betavariate, 2, 0.001, 0.2),
	REALS(betavariate, 2, 30.0, 5.0),
	REALS(paretovariate, 1, 3.0), REALS(paretovariate, 1, 1.0), REALS(paretovariate, 1, 0.5),
	REALS(weibullvariate, 2, 1.0, 1.5), REALS(weibullvariate, 2, 2.0, 3.0),
	REALS(weibullvariate, 2, 1.0, 0.5), REALS(weibullvariate, 2, 3.0, 1.0),
#define BINOMIAL(n, p) { "binomialvariate", draw_binomialvariate, 1, 1, { n }, { p } }
	BINOMIAL(10, 0.3), BINOMIAL(100, 0.3), BINOMIAL(100, 0.75), BINOMIAL(1, 0.5),
	BINOMIAL(0, 0.5), BINOMIAL(7, 0.0), BINOMIAL(7, 1.0), BINOMIAL(50, 0.1),
	BINOMIAL(1000000, 0.5), BINOMIAL(20, 0.999999999), BINOMIAL(1000000000000, 1e-12),
	BINOMIAL(4611686018427387904, 0.4), BINOMIAL(40, 0.25), BINOMIAL(INT64_MAX, 1e-300),
	INTS(lgamma, 1, 1), INTS(lgamma, 1, 1000000000000), INTS(lgamma, 1, INT64_MAX / 2),
	INTS(sha512, 1, 0), INTS(sha512, 1, 111), INTS(sha512, 1, 112), INTS(sha512, 1, 127),
	INTS(sha512, 1, 128), INTS(sha512, 1, 500),
};
#endif
