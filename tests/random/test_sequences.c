/* SPDX-License-Identifier: MIT */
/* test_sequences.c - goal: choice, choices and shuffle treat a C array as Python does a list.
 * Method: known picks through the typed macros; weights written in the ways that must agree. */
#include "vectors.h"

#include <errno.h>
#include <limits.h>
#include <math.h>

static const char *const colours[] = { "red", "green", "blue", "cyan", "magenta" };

static void test_choice_picks_python_s_elements(void **state)
{
	static const char *const small[] = { "red", "red", "blue", "green", "green" };
	static const char *const big[] = { "red", "magenta", "cyan", "magenta", "red" };
	struct rondo_random a = seeded(42), b = big_seeded();

	(void)state;
	for (size_t i = 0; i < N_OF(small); i++) {
		assert_string_equal(rondo_random_choice_r(&a, colours), small[i]);
		assert_string_equal(rondo_random_choice_r(&b, colours), big[i]);
	}
}

static void test_shuffle_orders_as_python_does(void **state)
{
	static const int expected[] = { 7, 3, 2, 8, 5, 6, 9, 4, 0, 1 };
	int x[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
	struct rondo_random r = seeded(42);

	(void)state;
	rondo_random_shuffle_r(&r, x);
	assert_memory_equal(x, expected, sizeof(x));
}

/* Elements of every size from 1 to 200 bytes are moved whole: all their bytes are their number. */
static void test_shuffle_moves_elements_of_any_size(void **state)
{
	static const uint8_t expected[] = { 7, 3, 2, 8, 5, 6, 9, 4, 0, 1 };
	uint8_t x[10 * 200];

	(void)state;
	for (size_t size = 1; size <= 200; size++) {
		struct rondo_random r = seeded(42);

		for (size_t i = 0; i < 10; i++)
			memset(x + i * size, (int)i, size);
		rondo_random_shuffle_n_r(&r, x, 10, size);
		for (size_t i = 0; i < 10 * size; i++)
			assert_int_equal(x[i], expected[i / size]);
	}
}

static void test_short_sequences_shuffle_without_a_draw(void **state)
{
	struct rondo_random r = seeded(42), before = r;
	int one[] = { 1 };

	(void)state;
	rondo_random_shuffle_n_r(&r, NULL, 0, 4);
	rondo_random_shuffle_r(&r, one);
	assert_memory_equal(&r, &before, sizeof(r));
}

static void test_choices_pick_python_s_elements(void **state)
{
	static const size_t plain[] = { 6, 0, 2, 2, 7, 6, 8, 0, 4, 0 };
	static const double weights[] = { 5, 3, 2 };
	static const char abc[] = { 'a', 'b', 'c' };
	struct rondo_random r = seeded(42);
	size_t indexes[10];
	char letters[11] = "";

	(void)state;
	assert_int_equal(rondo_random_choices_index_r(&r, 10, NULL, 10, indexes), 0);
	assert_memory_equal(indexes, plain, sizeof(plain));
	r = seeded(42);
	assert_int_equal(rondo_random_choices_r(&r, abc, weights, 10, letters), 0);
	assert_string_equal(letters, "baaabbcaaa");
}

/* Stable: CPython promises that these three ways stay the same. */
static void test_weights_of_every_kind_pick_the_same(void **state)
{
	enum { N = 104729, K = 10000 };
	static double weights[N], sums[N];
	static size_t plain[K], weighted[K], cumulative[K];
	struct rondo_random r = seeded(8675309);

	(void)state;
	for (size_t i = 0; i < N; i++) {
		weights[i] = 1.0;
		sums[i] = (double)i + 1.0;
	}
	assert_int_equal(rondo_random_choices_index_r(&r, N, NULL, K, plain), 0);
	r = seeded(8675309);
	assert_int_equal(rondo_random_choices_index_r(&r, N, weights, K, weighted), 0);
	r = seeded(8675309);
	assert_int_equal(rondo_random_choices_cum_index_r(&r, N, sums, K, cumulative), 0);
	assert_memory_equal(plain, weighted, sizeof(plain));
	assert_memory_equal(plain, cumulative, sizeof(plain));
	assert_int_equal(plain[0], 42126);
	assert_int_equal(plain[4], 29422);
}

/* Stable: a wheel of 38 pockets, and the same as three elements with weights. */
static void test_an_expanded_population_picks_like_weights(void **state)
{
	enum { K = 10000 };
	static const double weights[] = { 18, 18, 2 }, sums[] = { 18, 36, 38 };
	static const char wheel[] = { 'r', 'b', 'g' };
	static char expanded[38], a[K], b[K], c[K];
	struct rondo_random r = seeded(9035768);

	(void)state;
	memset(expanded, 'r', 18);
	memset(expanded + 18, 'b', 18);
	memset(expanded + 36, 'g', 2);
	assert_int_equal(rondo_random_choices_r(&r, expanded, NULL, K, a), 0);
	r = seeded(9035768);
	assert_int_equal(rondo_random_choices_r(&r, wheel, weights, K, b), 0);
	r = seeded(9035768);
	assert_int_equal(rondo_random_choices_cum_r(&r, wheel, sums, K, c), 0);
	assert_memory_equal(a, b, K);
	assert_memory_equal(a, c, K);
}

/* A generator whose next float is 0.0: tempering maps a word of zero to zero. */
static struct rondo_random about_to_draw_zero(void)
{
	struct rondo_random r = seeded(42);

	rondo_random_random_r(&r);
	memset(&r.state[2], 0, 2 * sizeof(r.state[0]));
	return r;
}

static void test_an_element_without_weight_is_never_chosen(void **state)
{
	static const double second[] = { 0, 1 };
	struct rondo_random r = about_to_draw_zero();
	size_t index;

	(void)state;
	assert_int_equal(rondo_random_choices_index_r(&r, 2, second, 1, &index), 0);
	assert_int_equal(index, 1);
}

/* The least sum there is: scaling by a float below 1 rounds back up to it half of the time. */
static void test_a_scaled_sum_that_rounds_up_chooses_the_last(void **state)
{
	static const double least[] = { 0, 0x0.0000000000001p-1022 };
	struct rondo_random r = seeded(42);
	size_t indexes[100];

	(void)state;
	assert_int_equal(rondo_random_choices_index_r(&r, 2, least, 100, indexes), 0);
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(indexes[i], 1);
}

static void assert_refused(size_t n, const double *weights)
{
	struct rondo_random r = seeded(42), before = r;
	size_t result = 77;

	assert_int_equal(rondo_random_choices_index_r(&r, n, weights, 1, &result), -EINVAL);
	if (weights)
		assert_int_equal(rondo_random_choices_cum_index_r(&r, n, weights, 1, &result),
				 -EINVAL);
	assert_int_equal(result, 77);
	assert_memory_equal(&r, &before, sizeof(r));
}

static void test_choices_that_cannot_be_made_are_refused(void **state)
{
	static const double zero[] = { 0, 0 }, negative[] = { 0, -1 };
	const double infinite[] = { 1, INFINITY }, nan[] = { 1, NAN };

	(void)state;
	assert_refused(0, NULL);
	assert_refused(0, zero);
	assert_refused(2, zero);
	assert_refused(2, negative);
	assert_refused(2, infinite);
	assert_refused(2, nan);
	assert_refused(SIZE_MAX, NULL);
}

static void test_no_choices_of_nothing_are_none(void **state)
{
	struct rondo_random r = seeded(42), before = r;

	(void)state;
	assert_int_equal(rondo_random_choices_index_r(&r, 0, NULL, 0, NULL), 0);
	assert_memory_equal(&r, &before, sizeof(r));
}

static void test_an_index_of_an_empty_sequence_is_refused(void **state)
{
	struct rondo_random r = seeded(42);

	(void)state;
	assert_int_equal(rondo_random_choice_index_r(&r, 0), -EINVAL);
	assert_int_equal(rondo_random_choice_index_r(&r, (size_t)SSIZE_MAX + 1), -EINVAL);
	assert_true(rondo_random_choice_index_r(&r, SSIZE_MAX) >= 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice_picks_python_s_elements),
		cmocka_unit_test(test_shuffle_orders_as_python_does),
		cmocka_unit_test(test_shuffle_moves_elements_of_any_size),
		cmocka_unit_test(test_short_sequences_shuffle_without_a_draw),
		cmocka_unit_test(test_choices_pick_python_s_elements),
		cmocka_unit_test(test_weights_of_every_kind_pick_the_same),
		cmocka_unit_test(test_an_expanded_population_picks_like_weights),
		cmocka_unit_test(test_an_element_without_weight_is_never_chosen),
		cmocka_unit_test(test_a_scaled_sum_that_rounds_up_chooses_the_last),
		cmocka_unit_test(test_choices_that_cannot_be_made_are_refused),
		cmocka_unit_test(test_no_choices_of_nothing_are_none),
		cmocka_unit_test(test_an_index_of_an_empty_sequence_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
