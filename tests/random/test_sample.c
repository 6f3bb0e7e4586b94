/* SPDX-License-Identifier: MIT */
/* test_sample.c - goal: samples are Python's, from the pool as from the set.
 * Method: known samples on both sides of the border between the two methods; samples so large that
 * both need memory, checked for repeats; what has no sample. */
#include "vectors.h"

#include <errno.h>

static void assert_sample(struct rondo_random *r, size_t n, size_t k, const size_t *expected)
{
	size_t result[32];

	assert_int_equal(rondo_random_sample_index_r(r, n, k, result), 0);
	assert_memory_equal(result, expected, k * sizeof(*result));
}

static void test_samples_of_a_hundred_are_python_s(void **state)
{
	static const size_t small[] = { 81, 14, 3, 94, 35 }, big[] = { 14, 76, 50, 71, 6 };
	struct rondo_random a = seeded(42), b = big_seeded();

	(void)state;
	assert_sample(&a, 100, 5, small);
	assert_sample(&b, 100, 5, big);
}

static void test_samples_of_ten_in_a_row_are_python_s(void **state)
{
	static const size_t small[][3] = {
		{ 1, 0, 4 }, { 3, 9, 2 }, { 1, 8, 9 }, { 9, 6, 0 }, { 0, 1, 3 },
	};
	static const size_t big[][3] = {
		{ 1, 6, 0 }, { 1, 6, 7 }, { 8, 5, 4 }, { 8, 2, 5 }, { 4, 0, 5 },
	};
	struct rondo_random a = seeded(42), b = big_seeded();

	(void)state;
	for (size_t i = 0; i < N_OF(small); i++) {
		assert_sample(&a, 10, 3, small[i]);
		assert_sample(&b, 10, 3, big[i]);
	}
}

/* 21 picks allow a pool of 21 + 64 elements, and not one more; 6 allow as many, 22 one of 277. Each
 * of these samples would be another one by the other method. */
static void test_the_method_changes_where_python_s_does(void **state)
{
	static const size_t of_6[] = { 30, 16, 47, 60, 8, 1 };
	static const size_t of_22[] = { 197, 215, 20, 132, 261, 248, 207, 155, 244, 183, 111,
					258, 71, 144, 264, 48, 128, 75, 158, 50, 37, 169 };
	static const size_t pool[] = { 41, 19, 50, 6, 9, 68, 12, 46, 74, 7, 64,
				       27, 4, 11, 55, 53, 8, 30, 71, 54, 75 };
	static const size_t set[] = { 41, 19, 50, 83, 6, 9, 68, 12, 46, 74, 7,
				      64, 27, 4, 11, 55, 53, 8, 30, 70, 54 };
	struct rondo_random a = seeded(7), b = seeded(7);

	(void)state;
	assert_sample(&a, 85, 21, pool);
	assert_sample(&b, 86, 21, set);
	a = seeded(3);
	assert_sample(&a, 70, 6, of_6);
	a = seeded(0);
	assert_sample(&a, 277, 22, of_22);
}

static void test_a_sample_of_an_array_copies_its_elements(void **state)
{
	static const char *const fruit[] = { "apple", "banana", "cherry", "date" };
	const char *two[2];
	size_t indexes[2];
	struct rondo_random r = seeded(42), same = r;

	(void)state;
	assert_int_equal(rondo_random_sample_r(&r, fruit, 2, two), 0);
	assert_int_equal(rondo_random_sample_index_r(&same, 4, 2, indexes), 0);
	assert_ptr_equal(two[0], fruit[indexes[0]]);
	assert_ptr_equal(two[1], fruit[indexes[1]]);
}

static void test_counts_repeat_elements_as_in_python(void **state)
{
	static const char *const colours[] = { "red", "blue" };
	static const char *const expected[] = { "blue", "red", "blue", "red", "red" };
	static const size_t counts[] = { 4, 2 };
	struct rondo_random r = seeded(42);
	const char *five[5];

	(void)state;
	assert_int_equal(rondo_random_sample_counts_r(&r, colours, counts, 5, five), 0);
	for (size_t i = 0; i < 5; i++)
		assert_string_equal(five[i], expected[i]);
}

static void test_counts_draw_as_the_repeated_population_does(void **state)
{
	static const size_t counts[] = { 0, 3, 0, 1, 2, 0 }, repeated[] = { 1, 1, 1, 3, 4, 4 };
	struct rondo_random a = seeded(3), b = seeded(3);
	size_t by_counts[6], by_population[6];

	(void)state;
	assert_int_equal(rondo_random_sample_counts_index_r(&a, 6, counts, 6, by_counts), 0);
	assert_int_equal(rondo_random_sample_r(&b, repeated, 6, by_population), 0);
	assert_memory_equal(by_counts, by_population, sizeof(by_counts));
}

static void assert_no_repeats(size_t n, size_t k)
{
	uint8_t *seen = calloc(n, 1);
	size_t *result = calloc(k, sizeof(*result));
	struct rondo_random r = seeded(5);

	assert_non_null(seen);
	assert_non_null(result);
	assert_int_equal(rondo_random_sample_index_r(&r, n, k, result), 0);
	for (size_t i = 0; i < k; i++) {
		assert_true(result[i] < n);
		assert_int_equal(seen[result[i]]++, 0);
	}
	free(result);
	free(seen);
}

static void test_large_samples_hold_nothing_twice(void **state)
{
	(void)state;
	assert_no_repeats(100000, 100000);	/* pool */
	assert_no_repeats(2000000, 100000);	/* set */
	assert_no_repeats(64, 64);
}

/* The elements' numbers come from the widest population there is. */
static void test_a_population_may_be_as_large_as_size_t(void **state)
{
	struct rondo_random r = seeded(42);
	size_t result[100], highest = 0;

	(void)state;
	assert_int_equal(rondo_random_sample_index_r(&r, SIZE_MAX, 100, result), 0);
	for (size_t i = 0; i < 100; i++)
		highest = result[i] > highest ? result[i] : highest;
	assert_true(highest > SIZE_MAX / 2);
}

static void test_an_empty_sample_draws_nothing(void **state)
{
	struct rondo_random r = seeded(42), before = r;

	(void)state;
	assert_int_equal(rondo_random_sample_index_r(&r, 0, 0, NULL), 0);
	assert_int_equal(rondo_random_sample_index_r(&r, 1000, 0, NULL), 0);
	assert_memory_equal(&r, &before, sizeof(r));
}

static void test_samples_that_cannot_be_drawn_are_refused(void **state)
{
	static const size_t none[] = { 0, 0 }, endless[] = { SIZE_MAX, 2 }, three[] = { 1, 2 };
	struct rondo_random r = seeded(42), before = r;
	size_t result[4] = { 77 };

	(void)state;
	assert_int_equal(rondo_random_sample_index_r(&r, 3, 4, result), -EINVAL);
	assert_int_equal(rondo_random_sample_index_r(&r, 0, 1, result), -EINVAL);
	assert_int_equal(rondo_random_sample_n_r(&r, three, 2, 8, 3, result), -EINVAL);
	assert_int_equal(rondo_random_sample_counts_index_r(&r, 0, none, 0, result), -EINVAL);
	assert_int_equal(rondo_random_sample_counts_index_r(&r, 2, none, 0, result), -EINVAL);
	assert_int_equal(rondo_random_sample_counts_index_r(&r, 2, endless, 1, result), -EINVAL);
	assert_int_equal(rondo_random_sample_counts_index_r(&r, 2, three, 4, result), -EINVAL);
	assert_int_equal(result[0], 77);
	assert_memory_equal(&r, &before, sizeof(r));
}

/* Called by sanitizers alone, which would otherwise stop at the sizes asked for next. */
RONDO_API const char *__asan_default_options(void);
RONDO_API const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void test_a_sample_beyond_memory_is_refused(void **state)
{
	struct rondo_random r = seeded(42);
	size_t result;

	(void)state;
	assert_int_equal(rondo_random_sample_index_r(&r, SIZE_MAX, SIZE_MAX / 2, &result), -ENOMEM);
	assert_int_equal(rondo_random_sample_index_r(&r, SIZE_MAX, SIZE_MAX / 100, &result),
			 -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_samples_of_a_hundred_are_python_s),
		cmocka_unit_test(test_samples_of_ten_in_a_row_are_python_s),
		cmocka_unit_test(test_the_method_changes_where_python_s_does),
		cmocka_unit_test(test_a_sample_of_an_array_copies_its_elements),
		cmocka_unit_test(test_counts_repeat_elements_as_in_python),
		cmocka_unit_test(test_counts_draw_as_the_repeated_population_does),
		cmocka_unit_test(test_large_samples_hold_nothing_twice),
		cmocka_unit_test(test_a_population_may_be_as_large_as_size_t),
		cmocka_unit_test(test_an_empty_sample_draws_nothing),
		cmocka_unit_test(test_samples_that_cannot_be_drawn_are_refused),
		cmocka_unit_test(test_a_sample_beyond_memory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
