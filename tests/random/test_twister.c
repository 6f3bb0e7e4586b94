/* SPDX-License-Identifier: MIT */
/* test_twister.c - goal: the twister and its seeding are MT19937 as Python runs it.
 * Method: known words, known floats, and a checksum over more words than one refill makes. */
#include "vectors.h"

#include "random/twister.h"

static void test_seed_42_gives_the_words_of_python(void **state)
{
	struct rondo_random r = seeded(42);

	(void)state;
	assert_int_equal(r.state[0], 0x80000000);
	assert_int_equal(r.state[1], 3564348608);
	assert_int_equal(r.state[2], 1266698288);
	assert_int_equal(r.state[3], 4212342371);
	assert_int_equal(r.n_left, 0);
	assert_int_equal(rondo__twister_word(&r), 2746317213);
	assert_int_equal(r.n_left, 623);
}

static uint32_t crc32(uint32_t crc, const uint8_t *bytes, size_t n)
{
	crc = ~crc;
	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320 & (0 - (crc & 1)));
	}
	return ~crc;
}

static void test_a_thousand_words_have_python_s_checksum(void **state)
{
	struct rondo_random r = seeded(42);
	uint32_t crc = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		uint32_t word = rondo__twister_word(&r);
		uint8_t bytes[] = { (uint8_t)word, (uint8_t)(word >> 8), (uint8_t)(word >> 16),
				    (uint8_t)(word >> 24) };

		crc = crc32(crc, bytes, sizeof(bytes));
	}
	assert_int_equal(crc, 0x1288492d);
}

static void test_random_gives_python_s_floats(void **state)
{
	struct rondo_random small = seeded(42), big = big_seeded();

	(void)state;
	assert_draws(&small, random_42, N_OF(random_42));
	assert_draws(&big, random_big, N_OF(random_big));
}

/* Stable. The key and the numbers are those of the twister's authors. */
static void test_draws_1990_to_1999_are_those_of_the_reference(void **state)
{
	static const uint64_t expected[] = {
		0x0eab3258d2231f, 0x1b89db315277a5, 0x1db622a5518016, 0x0b7f9af0d575bf,
		0x029e4c4db82240, 0x04961892f5d673, 0x02b291598e4589, 0x11388382c15694,
		0x02dad977c9e1fe, 0x191d96d4d334c6,
	};
	static const uint32_t key[] = { 61731, 24903, 614, 42143 };
	struct rondo_random r = RONDO_RANDOM_INIT;

	(void)state;
	rondo_random_seed_words_r(&r, key, N_OF(key));
	for (unsigned i = 0; i < 1990; i++)
		rondo_random_random_r(&r);
	for (size_t i = 0; i < N_OF(expected); i++)
		assert_int_equal((uint64_t)(rondo_random_random_r(&r) * 0x1p53), expected[i]);
}

static void test_a_copy_continues_with_the_same_numbers(void **state)
{
	struct rondo_random r = seeded(42), copy;

	(void)state;
	for (unsigned i = 0; i < 1001; i++)
		rondo_random_random_r(&r);
	copy = r;
	for (unsigned i = 0; i < 1001; i++)
		assert_same_double(rondo_random_random_r(&r), rondo_random_random_r(&copy));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seed_42_gives_the_words_of_python),
		cmocka_unit_test(test_a_thousand_words_have_python_s_checksum),
		cmocka_unit_test(test_random_gives_python_s_floats),
		cmocka_unit_test(test_draws_1990_to_1999_are_those_of_the_reference),
		cmocka_unit_test(test_a_copy_continues_with_the_same_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
