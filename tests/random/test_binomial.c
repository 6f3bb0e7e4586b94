/* SPDX-License-Identifier: MIT */
/* test_binomial.c - goal: binomial counts are Python's, small and large.
 * Method: known draws of both methods, the cases decided without a draw, the mean of many. */
#include "vectors.h"

#include <errno.h>
#include <math.h>

static void assert_counts(int64_t n, double p, const int64_t *expected, size_t n_expected)
{
	struct rondo_random r = seeded(42);

	for (size_t i = 0; i < n_expected; i++)
		assert_int_equal(rondo_random_binomialvariate_r(&r, n, p), expected[i]);
}

static void test_both_methods_count_as_python_does(void **state)
{
	static const int64_t few[] = { 1, 3, 2, 1, 1 }, many[] = { 32, 27, 33, 37, 29 };
	static const int64_t border[] = { 11, 8, 12, 14, 9 }, half[] = { 12, 9, 12, 14, 10 };
	static const int64_t above_half[] = { 749826, 750291, 749692, 749373, 750096 };

	(void)state;
	assert_counts(10, 0.3, few, N_OF(few));
	assert_counts(100, 0.3, many, N_OF(many));
	assert_counts(40, 0.25, border, N_OF(border));
	assert_counts(21, 0.5, half, N_OF(half));
	assert_counts(1000000, 0.75, above_half, N_OF(above_half));
}

static void test_certain_outcomes_need_no_draw(void **state)
{
	struct rondo_random r = seeded(42), before = r;

	(void)state;
	assert_int_equal(rondo_random_binomialvariate_r(&r, 7, 0.0), 0);
	assert_int_equal(rondo_random_binomialvariate_r(&r, 7, 1.0), 7);
	assert_int_equal(rondo_random_binomialvariate_r(&r, 7, 1e-300), 0);
	assert_memory_equal(&r, &before, sizeof(r));
}

static void test_one_trial_is_one_comparison(void **state)
{
	struct rondo_random r = seeded(42);

	(void)state;
	for (size_t i = 0; i < N_OF(random_42); i++)
		assert_int_equal(rondo_random_binomialvariate_r(&r, 1, 0.25), random_42[i] < 0.25);
}

static void assert_mean(int64_t n, double p)
{
	double expected = (double)n * p, deviation = sqrt(expected * (1.0 - p)), sum = 0.0;
	struct rondo_random r = seeded(1);

	for (unsigned i = 0; i < 10000; i++) {
		int64_t x = rondo_random_binomialvariate_r(&r, n, p);

		assert_true(x >= 0 && x <= n);
		sum += (double)x;
	}
	/* The mean's own deviation is a hundredth; five of those never happen. */
	assert_true(fabs(sum / 10000 - expected) < 5 * deviation / 100);
}

static void test_counts_have_the_mean_they_should(void **state)
{
	(void)state;
	assert_mean(3, 0.5);
	assert_mean(20, 0.9);
	assert_mean(1000, 0.75);
	assert_mean(INT64_MAX, 0.5);
	assert_mean(1000000, 5e-6);
	assert_mean(INT64_MAX, 1e-10);
}

static void test_parameters_python_refuses_are_refused(void **state)
{
	struct rondo_random r = seeded(42), before = r;

	(void)state;
	assert_int_equal(rondo_random_binomialvariate_r(&r, -1, 0.5), -EINVAL);
	assert_int_equal(rondo_random_binomialvariate_r(&r, 1, -0.1), -EINVAL);
	assert_int_equal(rondo_random_binomialvariate_r(&r, 1, 1.1), -EINVAL);
	assert_int_equal(rondo_random_binomialvariate_r(&r, 100, NAN), -EINVAL);
	assert_memory_equal(&r, &before, sizeof(r));
}

/* A generator about to draw exactly 0.0: tempering is a bijection that maps zero to zero. */
static void test_a_draw_of_zero_is_drawn_again(void **state)
{
	struct rondo_random zero = seeded(42), after;

	(void)state;
	rondo_random_random_r(&zero);
	memset(&zero.state[2], 0, 2 * sizeof(zero.state[0]));
	after = zero;
	assert_same_double(rondo_random_random_r(&after), 0.0);
	struct rondo_random few = zero, few_after = after, many = zero, many_after = after;

	assert_int_equal(rondo_random_binomialvariate_r(&few, 10, 0.3),
			 rondo_random_binomialvariate_r(&few_after, 10, 0.3));
	assert_int_equal(few.n_left, few_after.n_left);
	assert_int_equal(rondo_random_binomialvariate_r(&many, 100, 0.3),
			 rondo_random_binomialvariate_r(&many_after, 100, 0.3));
	assert_int_equal(many.n_left, many_after.n_left);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_methods_count_as_python_does),
		cmocka_unit_test(test_certain_outcomes_need_no_draw),
		cmocka_unit_test(test_one_trial_is_one_comparison),
		cmocka_unit_test(test_counts_have_the_mean_they_should),
		cmocka_unit_test(test_parameters_python_refuses_are_refused),
		cmocka_unit_test(test_a_draw_of_zero_is_drawn_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
