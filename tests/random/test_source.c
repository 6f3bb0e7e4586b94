/* SPDX-License-Identifier: MIT */
/* test_source.c - goal: bits and bytes leave the twister, and entropy, in Python's order.
 * Method: known numbers; for a system generator, entropy that counts 1, 2, 3, ... in each call. */
#include "vectors.h"

#include <errno.h>

#include "random/entropy.h"
#include "random/source.h"
#include "support/child.h"

static void test_bits_come_from_the_high_end_of_a_word(void **state)
{
	struct rondo_random r = seeded(42);

	(void)state;
	assert_int_equal(rondo_random_getrandbits_r(&r, 1), 1);
	assert_int_equal(rondo_random_getrandbits_r(&r, 5), 3);
	assert_int_equal(rondo_random_getrandbits_r(&r, 31), 53710184);
	assert_int_equal(rondo_random_getrandbits_r(&r, 0), 0);
	assert_int_equal(rondo_random_getrandbits_r(&r, 33), 3184935163);
	assert_int_equal(rondo_random_getrandbits_r(&r, 40), 245864938384);
	assert_int_equal(rondo_random_getrandbits_r(&r, 63), 6792748013404602857);
}

static void test_sixty_four_bits_are_two_words_and_the_most(void **state)
{
	struct rondo_random r = seeded(42);

	(void)state;
	assert_int_equal(rondo_random_getrandbits_r(&r, 64), 2053695854357871005);
	r = seeded(42);
	assert_int_equal(rondo_random_getrandbits_r(&r, 65), 2053695854357871005);
}

/* 873491343714207852616756591005 */
static void test_a_hundred_bits_fill_four_words(void **state)
{
	static const uint32_t expected[] = { 0xa3b1799d, 0x1c80317f, 0x06671ad1, 0xb };
	uint32_t words[] = { 1, 2, 3, 4, 5 };
	struct rondo_random r = seeded(42);

	(void)state;
	rondo_random_getrandbits_words_r(&r, 100, words);
	assert_memory_equal(words, expected, sizeof(expected));
	assert_int_equal(words[4], 5);
	rondo_random_getrandbits_words_r(&r, 0, words);
	assert_int_equal(words[0], expected[0]);
}

/* The second sequence is stable. */
static void test_bytes_are_words_little_end_first(void **state)
{
	static const uint8_t ten[] = { 0x9d, 0x79, 0xb1, 0xa3, 0x7f, 0x31, 0x80, 0x1c, 0x67, 0x06 };
	const char *sixteen = "3\xa8\xf9" "f\xf4\xa4\xd0" "6\x19\x8f\x9f\x82\x02" "oe\xf0";
	struct rondo_random r = seeded(42);
	uint8_t bytes[17] = { 0 };

	(void)state;
	rondo_random_randbytes_r(&r, bytes, sizeof(ten));
	assert_memory_equal(bytes, ten, sizeof(ten));
	r = seeded(8675309);
	rondo_random_randbytes_r(&r, NULL, 0);
	rondo_random_randbytes_r(&r, bytes, 16);
	assert_memory_equal(bytes, sixteen, 16);
	assert_int_equal(bytes[16], 0);
	r = seeded(8675309);
	for (size_t i = 0; i < 16; i += 4)
		rondo_random_randbytes_r(&r, bytes + i, 4);
	assert_memory_equal(bytes, sixteen, 16);
}

static void test_below_one_consumes_words_too(void **state)
{
	struct rondo_random r = seeded(42);

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(rondo__source_below(&r, 1), 0);
	assert_int_equal(RONDO__TWISTER_WORDS - r.n_left, 15);
}

static int counting_entropy(void *buf, size_t size)
{
	for (size_t i = 0; i < size; i++)
		((uint8_t *)buf)[i] = (uint8_t)(i + 1);
	return 0;
}

static int no_entropy(void *buf, size_t size)
{
	(void)buf;
	(void)size;
	return -EPERM;
}

static void test_a_system_generator_reads_entropy_big_end_first(void **state)
{
	static const uint32_t hundred[] = { 0x90a0b0c0, 0x50607080, 0x10203040, 0 };
	static const uint32_t whole_bytes[] = { 0x06070809, 0x02030405, 1 };
	struct rondo_random r;
	uint32_t words[4];
	uint8_t bytes[3];

	(void)state;
	rondo__random_entropy = counting_entropy;
	assert_int_equal(rondo_random_init_system(&r), 0);
	assert_same_double(rondo_random_random_r(&r), 0x1.02030405060p-8);
	assert_int_equal(rondo_random_getrandbits_r(&r, 5), 0);
	assert_int_equal(rondo_random_getrandbits_r(&r, 40), 4328719365);
	assert_int_equal(rondo_random_getrandbits_r(&r, 63), 36311929895191428);
	rondo_random_getrandbits_words_r(&r, 100, words);
	assert_memory_equal(words, hundred, sizeof(hundred));
	rondo_random_getrandbits_words_r(&r, 72, words);
	assert_memory_equal(words, whole_bytes, sizeof(whole_bytes));
	rondo_random_randbytes_r(&r, bytes, sizeof(bytes));
	assert_memory_equal(bytes, "\1\2\3", 3);
	rondo__random_entropy = rondo__entropy_kernel;
}

static void test_seeding_a_system_generator_does_nothing(void **state)
{
	struct rondo_random r, before;

	(void)state;
	assert_int_equal(rondo_random_init_system(&r), 0);
	before = r;
	rondo_random_seed_r(&r, 42);
	rondo_random_seed_str_r(&r, "42");
	rondo_random_seed_entropy_r(&r);
	assert_int_equal(rondo_random_seed_decimal_r(&r, "42"), 0);
	assert_memory_equal(&r, &before, sizeof(r));
}

static void test_a_system_generator_without_entropy_is_refused(void **state)
{
	struct rondo_random r = seeded(42), before = r;

	(void)state;
	rondo__random_entropy = no_entropy;
	assert_int_equal(rondo_random_init_system(&r), -EPERM);
	assert_memory_equal(&r, &before, sizeof(r));
	rondo__random_entropy = rondo__entropy_kernel;
}

static int draw_without_entropy(void *r)
{
	rondo__random_entropy = no_entropy;
	rondo_random_random_r(r);
	return 0;
}

static void test_entropy_refused_later_aborts(void **state)
{
	struct rondo_random r;

	(void)state;
	assert_int_equal(rondo_random_init_system(&r), 0);
	assert_int_equal(child_code(draw_without_entropy, &r), CHILD_KILLED + SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bits_come_from_the_high_end_of_a_word),
		cmocka_unit_test(test_sixty_four_bits_are_two_words_and_the_most),
		cmocka_unit_test(test_a_hundred_bits_fill_four_words),
		cmocka_unit_test(test_bytes_are_words_little_end_first),
		cmocka_unit_test(test_below_one_consumes_words_too),
		cmocka_unit_test(test_a_system_generator_reads_entropy_big_end_first),
		cmocka_unit_test(test_seeding_a_system_generator_does_nothing),
		cmocka_unit_test(test_a_system_generator_without_entropy_is_refused),
		cmocka_unit_test(test_entropy_refused_later_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
