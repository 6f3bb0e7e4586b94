/* SPDX-License-Identifier: MIT */
/* test_sha512.c - goal: SHA-512 as FIPS 180-4 has it.
 * Method: the standard's examples, and the lengths around which padding takes another block. */
#include "vectors.h"

#include "random/sha512.h"

#include <stdio.h>

static void assert_digest(const void *data, size_t size, const char *expected)
{
	uint8_t digest[RONDO__SHA512_SIZE];
	char hex[2 * RONDO__SHA512_SIZE + 1];

	rondo__sha512(data, size, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(hex + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(hex, expected);
}

static void test_the_examples_of_the_standard_hold(void **state)
{
	const char *two_blocks = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
				 "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";

	(void)state;
	assert_digest("abc", 3,
		      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		      "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
	assert_digest(two_blocks, strlen(two_blocks),
		      "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
		      "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909");
}

static void test_nothing_and_a_million_letters_hash_as_known(void **state)
{
	static char letters[1000000];

	(void)state;
	memset(letters, 'a', sizeof(letters));
	assert_digest(letters, sizeof(letters),
		      "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
		      "de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b");
	assert_digest(NULL, 0,
		      "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
		      "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e");
}

/* The hash of the hashes of 0, 1, ... 299 bytes: every way in which the padding can fall. */
static void test_every_length_up_to_300_hashes_as_known(void **state)
{
	static uint8_t digests[300 * RONDO__SHA512_SIZE];
	uint8_t bytes[300];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	for (size_t n = 0; n < 300; n++)
		rondo__sha512(bytes, n, digests + n * RONDO__SHA512_SIZE);
	assert_digest(digests, sizeof(digests),
		      "97248248ab8e9324b9577e93acd92914d32bb25edcacbb91edb75576dea14781"
		      "b5b477c027835c43a08ddc16cbbcd6d067d159897e5c18aa43aeeb2e49811bb3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_examples_of_the_standard_hold),
		cmocka_unit_test(test_nothing_and_a_million_letters_hash_as_known),
		cmocka_unit_test(test_every_length_up_to_300_hashes_as_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
