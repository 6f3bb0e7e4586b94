/* SPDX-License-Identifier: MIT */
/* test_integers.c - goal: randint and randrange draw Python's integers from any range of int64_t.
 * Method: known draws, the widest ranges, and the ranges that hold nothing. */
#include "vectors.h"

#include <errno.h>

static void assert_randint(struct rondo_random r, int64_t a, int64_t b, const int64_t *expected,
			   size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_int_equal(rondo_random_randint_r(&r, a, b), expected[i]);
}

static void test_a_die_falls_as_in_python(void **state)
{
	static const int64_t small[] = { 6, 1, 1, 6, 3 }, big[] = { 1, 5, 4, 5, 1 };

	(void)state;
	assert_randint(seeded(42), 1, 6, small, N_OF(small));
	assert_randint(big_seeded(), 1, 6, big, N_OF(big));
}

static void test_the_range_of_all_integers_draws_65_bits(void **state)
{
	static const int64_t expected[] = {
		-7169676182496904803, -4149976519821344517, 836864915349561680,
	};

	(void)state;
	assert_randint(seeded(42), INT64_MIN, INT64_MAX, expected, N_OF(expected));
}

static void assert_randrange(int64_t start, int64_t stop, int64_t step, const int64_t *expected,
			     size_t n)
{
	struct rondo_random r = seeded(42);

	for (size_t i = 0; i < n; i++)
		assert_int_equal(rondo_random_randrange_r(&r, start, stop, step), expected[i]);
}

static void test_steps_up_and_down_are_python_s(void **state)
{
	static const int64_t up[] = { 70, 7, 0, 77, 28 }, down[] = { -5, 10, 10, -5, 4 };

	(void)state;
	assert_randrange(0, 100, 7, up, N_OF(up));
	assert_randrange(10, -10, -3, down, N_OF(down));
}

/* Every value of a narrow range, and none beside it. */
static void test_draws_reach_both_ends_of_a_range(void **state)
{
	struct rondo_random r = seeded(1);
	unsigned seen = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		int64_t x = rondo_random_randint_r(&r, INT64_MAX - 2, INT64_MAX);

		assert_in_range(INT64_MAX - x, 0, 2);
		seen |= 1u << (INT64_MAX - x);
		x = rondo_random_randrange_r(&r, INT64_MIN, INT64_MIN + 3, 1);
		assert_in_range(x - INT64_MIN, 0, 2);
		seen |= 8u << (x - INT64_MIN);
		x = rondo_random_randrange_r(&r, 3, 0, -1);
		assert_in_range(x, 1, 3);
		seen |= 0x20u << x;
	}
	assert_int_equal(seen, 0x1ff);
}

static void test_steps_of_any_size_stay_in_range(void **state)
{
	struct rondo_random r = seeded(1);

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		int64_t x = rondo_random_randrange_r(&r, INT64_MIN, INT64_MAX, INT64_MAX);

		assert_true(x == INT64_MIN || x == -1 || x == INT64_MAX - 1);
		x = rondo_random_randrange_r(&r, INT64_MAX, INT64_MIN, INT64_MIN);
		assert_true(x == INT64_MAX || x == -1);
	}
}

static void test_empty_ranges_are_refused_and_draw_nothing(void **state)
{
	struct rondo_random r = seeded(42), before = r;

	(void)state;
	assert_int_equal(rondo_random_randint_r(&r, 1, 0), -EINVAL);
	assert_int_equal(rondo_random_randint_r(&r, INT64_MAX, INT64_MIN), -EINVAL);
	assert_int_equal(rondo_random_randrange_r(&r, 0, 0, 1), -EINVAL);
	assert_int_equal(rondo_random_randrange_r(&r, 3, 0, 1), -EINVAL);
	assert_int_equal(rondo_random_randrange_r(&r, 0, 3, -1), -EINVAL);
	assert_int_equal(rondo_random_randrange_r(&r, 0, 3, 0), -EINVAL);
	assert_int_equal(rondo_random_randrange_r(&r, 0, -1, 100), -EINVAL);
	assert_int_equal(rondo_random_randrange_r(&r, INT64_MAX, INT64_MIN, INT64_MAX), -EINVAL);
	assert_int_equal(rondo_random_randrange_r(&r, INT64_MIN, INT64_MAX, INT64_MIN), -EINVAL);
	assert_memory_equal(&r, &before, sizeof(r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_die_falls_as_in_python),
		cmocka_unit_test(test_the_range_of_all_integers_draws_65_bits),
		cmocka_unit_test(test_steps_up_and_down_are_python_s),
		cmocka_unit_test(test_draws_reach_both_ends_of_a_range),
		cmocka_unit_test(test_steps_of_any_size_stay_in_range),
		cmocka_unit_test(test_empty_ranges_are_refused_and_draw_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
