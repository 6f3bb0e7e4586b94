/* SPDX-License-Identifier: MIT */
/* test_seed.c - goal: each kind of seed starts the sequence it starts in Python.
 * Method: first draws known from Python; seeds that must be equal, compared with each other. */
#include "vectors.h"

#include <errno.h>
#include <math.h>

static struct rondo_random r;

static void assert_starts_with(double a, double b)
{
	assert_same_double(rondo_random_random_r(&r), a);
	assert_same_double(rondo_random_random_r(&r), b);
}

/* The whole of both states, not a few draws. */
static void assert_starts_like(const struct rondo_random *other)
{
	assert_memory_equal(r.state, other->state, sizeof(r.state));
	assert_int_equal(r.n_left, other->n_left);
}

static void test_the_sign_of_an_integer_does_not_matter(void **state)
{
	struct rondo_random plus = seeded(42), least = RONDO_RANDOM_INIT;

	(void)state;
	rondo_random_seed_r(&r, -42);
	assert_starts_like(&plus);
	rondo_random_seed_r(&r, INT64_MIN);
	rondo_random_seed_u64_r(&least, (uint64_t)1 << 63);
	assert_starts_like(&least);
	assert_int_equal(rondo_random_seed_decimal_r(&r, "-42"), 0);
	assert_starts_like(&plus);
	assert_int_equal(rondo_random_seed_decimal_r(&r, "+42"), 0);
	assert_starts_like(&plus);
}

static void test_leading_zeros_are_not_part_of_an_integer(void **state)
{
	static const uint32_t words[] = { 42, 0, 0 };
	struct rondo_random plain = seeded(42), zero = seeded(0);

	(void)state;
	rondo_random_seed_words_r(&r, words, 3);
	assert_starts_like(&plain);
	assert_int_equal(rondo_random_seed_decimal_r(&r, "0000000000000000000000000000042"), 0);
	assert_starts_like(&plain);
	rondo_random_seed_words_r(&r, words + 1, 2);
	assert_starts_like(&zero);
	rondo_random_seed_words_r(&r, NULL, 0);
	assert_starts_like(&zero);
}

static void test_words_and_decimal_digits_are_the_same_integers(void **state)
{
	/* 2^200 + 12345678901234567890 */
	static const uint32_t big[] = { 0xeb1f0ad2, 0xab54a98c, 0, 0, 0, 0, 0x100 };
	static const uint32_t two_to_64[] = { 0, 0, 1 };
	struct rondo_random other = big_seeded();

	(void)state;
	rondo_random_seed_words_r(&r, big, N_OF(big));
	assert_starts_like(&other);
	rondo_random_seed_words_r(&r, two_to_64, N_OF(two_to_64));
	assert_int_equal(rondo_random_seed_decimal_r(&other, "18446744073709551616"), 0);
	assert_starts_like(&other);
	rondo_random_seed_u64_r(&r, UINT64_MAX);
	assert_int_equal(rondo_random_seed_decimal_r(&other, "18446744073709551615"), 0);
	assert_starts_like(&other);
}

/* 10 KB, more than the 624 words that one round of seeding reads. */
static void test_a_seed_longer_than_the_state_uses_all_its_words(void **state)
{
	uint32_t words[2500];
	struct rondo_random first = RONDO_RANDOM_INIT;

	(void)state;
	memset(words, 0xff, sizeof(words));
	rondo_random_seed_words_r(&first, words, N_OF(words));
	words[N_OF(words) - 2] ^= 1;
	rondo_random_seed_words_r(&r, words, N_OF(words));
	assert_memory_not_equal(r.state, first.state, sizeof(r.state));
}

static void test_what_is_not_a_decimal_integer_is_refused(void **state)
{
	static const char *const wrong[] = {
		"", "-", "+-1", "1.5", "0x10", "12a", " 1", "1 ", "1_0",
	};
	struct rondo_random before;

	(void)state;
	rondo_random_seed_r(&r, 42);
	before = r;
	for (size_t i = 0; i < N_OF(wrong); i++)
		assert_int_equal(rondo_random_seed_decimal_r(&r, wrong[i]), -EINVAL);
	assert_starts_like(&before);
}

static void test_a_string_and_its_bytes_give_python_s_sequence(void **state)
{
	(void)state;
	rondo_random_seed_str_r(&r, "hello");
	assert_starts_with(0.3537754404730722, 0.6631985810268619);
	rondo_random_seed_bytes_r(&r, "hello", 5);
	assert_starts_with(0.3537754404730722, 0.6631985810268619);
	/* Stable. */
	rondo_random_seed_str_r(&r, "the quick brown fox");
	assert_starts_with(0x1.1239ddfb11b7cp-3, 0x1.b3cbb5c51b120p-4);
	assert_starts_with(0x1.8c4f55116b60fp-1, 0x1.63eb525174a27p-1);
}

/* They are leading zeros of the integer, and yet not without effect: they change the hash. */
static void test_zero_bytes_in_front_count(void **state)
{
	(void)state;
	rondo_random_seed_bytes_r(&r, "\0", 1);
	assert_starts_with(0x1.85c0f770e0488p-1, 0x1.cda74efd9fd02p-2);
	rondo_random_seed_bytes_r(&r, "\0\0\0\0\1", 5);
	assert_starts_with(0x1.8084e62504520p-5, 0x1.97b39c87befafp-1);
}

/* Stable. */
static void test_version_1_gives_the_sequences_of_python_2(void **state)
{
	(void)state;
	rondo_random_seed_r(&r, 3456147);
	assert_starts_with(0x1.ac362300d90d2p-1, 0x1.9d16f74365005p-1);
	assert_starts_with(0x1.1ebb4352e4c4dp-1, 0x1.1a7422abf9c11p-1);
	rondo_random_seed_bytes_v1_r(&r, "nofar", 5);
	assert_starts_with(0x1.8645314505ad7p-1, 0x1.afb1f82e40a40p-5);
	assert_starts_with(0x1.2a59d2285e971p-1, 0x1.56977142a7880p-6);
	rondo_random_seed_bytes_v1_r(&r, "rachel", 6);
	assert_starts_with(0x1.0b294cc856fcdp-1, 0x1.2ad22d79e77b8p-3);
	assert_starts_with(0x1.3052b9c072678p-2, 0x1.578f332106574p-3);
	rondo_random_seed_bytes_v1_r(&r, "", 0);
	assert_starts_with(0x1.b0580f98a7dbep-1, 0x1.84129978f9c1ap-1);
	assert_starts_with(0x1.aeaa51052e978p-2, 0x1.092178fb945a6p-2);
	rondo_random_seed_bytes_v1_r(&r, "\x00\x20\x40\x60\x80\xa0\xc0\xe0\xf0", 9);
	assert_starts_with(0x1.52c2fde444d23p-1, 0x1.875174f0daea4p-2);
	assert_starts_with(0x1.9e9b2c50e5cd2p-1, 0x1.fa57768bd321cp-2);
}

static void test_a_float_seeds_by_its_hash(void **state)
{
	struct rondo_random by_integer = seeded(1152921504606846979);

	(void)state;
	assert_int_equal(rondo_random_seed_float_r(&r, 3.5), 0);
	assert_starts_like(&by_integer);
	assert_same_double(rondo_random_random_r(&r), 0.3039190124834461);
	assert_int_equal(rondo_random_seed_float_r(&r, 42.0), 0);
	rondo_random_seed_r(&by_integer, 42);
	assert_starts_like(&by_integer);
	assert_int_equal(rondo_random_seed_float_r(&r, -1.0), 0);
	rondo_random_seed_u64_r(&by_integer, (uint64_t)-2);
	assert_starts_like(&by_integer);
	assert_int_equal(rondo_random_seed_float_r(&r, -INFINITY), 0);
	assert_starts_with(0x1.a4443ff3d6a92p-1, 0x1.2b2cf14f7549cp-2);
}

static void test_nan_is_not_a_seed(void **state)
{
	struct rondo_random before = seeded(42);

	(void)state;
	r = before;
	assert_int_equal(rondo_random_seed_float_r(&r, NAN), -EINVAL);
	assert_starts_like(&before);
}

static void test_seeding_forgets_the_gauss_kept_back(void **state)
{
	double first;

	(void)state;
	rondo_random_seed_r(&r, 42);
	first = rondo_random_gauss_r(&r, 0.0, 1.0);
	rondo_random_seed_r(&r, 42);
	assert_same_double(rondo_random_gauss_r(&r, 0.0, 1.0), first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_sign_of_an_integer_does_not_matter),
		cmocka_unit_test(test_leading_zeros_are_not_part_of_an_integer),
		cmocka_unit_test(test_words_and_decimal_digits_are_the_same_integers),
		cmocka_unit_test(test_a_seed_longer_than_the_state_uses_all_its_words),
		cmocka_unit_test(test_what_is_not_a_decimal_integer_is_refused),
		cmocka_unit_test(test_a_string_and_its_bytes_give_python_s_sequence),
		cmocka_unit_test(test_zero_bytes_in_front_count),
		cmocka_unit_test(test_version_1_gives_the_sequences_of_python_2),
		cmocka_unit_test(test_a_float_seeds_by_its_hash),
		cmocka_unit_test(test_nan_is_not_a_seed),
		cmocka_unit_test(test_seeding_forgets_the_gauss_kept_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
