/* SPDX-License-Identifier: MIT */
/* seed.c - what Python makes of each kind of seed: always one non-negative integer, whose 32-bit
 * words are the twister's key. Leading zero words are not part of it. */
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "random/entropy.h"
#include "random/sha512.h"
#include "random/twister.h"

static uint32_t word_of_words(const void *key, size_t i)
{
	return ((const uint32_t *)key)[i];
}

void rondo_random_seed_words_r(struct rondo_random *r, const uint32_t *words, size_t n_words)
{
	static const uint32_t zero[1];

	if (r->kind == RONDO__RANDOM_SYSTEM)
		return;
	while (n_words && words[n_words - 1] == 0)
		n_words--;
	if (n_words == 0) /* the integer 0 still has one word */
		rondo__twister_seed(r, word_of_words, zero, 1);
	else
		rondo__twister_seed(r, word_of_words, words, n_words);
}

void rondo_random_seed_u64_r(struct rondo_random *r, uint64_t seed)
{
	uint32_t words[2] = { (uint32_t)seed, (uint32_t)(seed >> 32) };

	rondo_random_seed_words_r(r, words, 2);
}

void rondo_random_seed_r(struct rondo_random *r, int64_t seed)
{
	rondo_random_seed_u64_r(r, seed < 0 ? 0 - (uint64_t)seed : (uint64_t)seed);
}

/* words = words * factor + digit; n_words are enough for the result. */
static void multiply_add(uint32_t *words, size_t n_words, uint32_t factor, uint32_t digit)
{
	uint64_t carry = digit;

	for (size_t i = 0; i < n_words; i++) {
		carry += (uint64_t)words[i] * factor;
		words[i] = (uint32_t)carry;
		carry >>= 32;
	}
}

static uint32_t word_of_digits(const char *digits, size_t n)
{
	uint32_t x = 0;

	for (size_t i = 0; i < n; i++)
		x = 10 * x + (uint32_t)(digits[i] - '0');
	return x;
}

int rondo_random_seed_decimal_r(struct rondo_random *r, const char *digits)
{
	size_t n_digits, n_words;
	uint32_t *words;

	digits += *digits == '-' || *digits == '+';
	n_digits = strspn(digits, "0123456789");
	if (n_digits == 0 || digits[n_digits] != '\0')
		return -EINVAL;
	n_words = n_digits / 9 + 1; /* nine digits fit in a word */
	words = calloc(n_words, sizeof(*words));
	if (!words)
		return -ENOMEM;
	multiply_add(words, 1, 1, word_of_digits(digits, n_digits % 9));
	digits += n_digits % 9;
	for (size_t used = 2; *digits; digits += 9, used++)
		multiply_add(words, used, 1000000000, word_of_digits(digits, 9));
	rondo_random_seed_words_r(r, words, n_words);
	free(words);
	return 0;
}

/* Python's hash of a number is its value modulo the prime 2^61 - 1. There 2^61 is 1, so scaling by
 * a power of two rotates 61 bits. */
static uint64_t hash_of_finite(double x)
{
	const uint64_t prime = ((uint64_t)1 << 61) - 1;
	uint64_t hash, mantissa;
	int exponent, shift;

	mantissa = (uint64_t)ldexp(frexp(fabs(x), &exponent), 53);
	shift = (exponent - 53) % 61;
	if (shift < 0)
		shift += 61;
	hash = (mantissa << shift & prime) | mantissa >> (61 - shift);
	if (x >= 0)
		return hash;
	return hash == 1 ? 0 - (uint64_t)2 : 0 - hash; /* -1 means failure inside Python */
}

int rondo_random_seed_float_r(struct rondo_random *r, double seed)
{
	const uint64_t infinity = 314159;

	if (isnan(seed))
		return -EINVAL;
	if (isinf(seed))
		rondo_random_seed_u64_r(r, seed > 0 ? infinity : 0 - infinity);
	else
		rondo_random_seed_u64_r(r, hash_of_finite(seed));
	return 0;
}

/* The number written big-endian by the bytes of a seed followed by their hash. */
struct hashed_bytes {
	const uint8_t *bytes;
	size_t size;
	uint8_t digest[RONDO__SHA512_SIZE];
};

/* Byte i from the end; zeros go on above the first one. */
static uint8_t byte_from_end(const struct hashed_bytes *h, size_t i)
{
	if (i < RONDO__SHA512_SIZE)
		return h->digest[RONDO__SHA512_SIZE - 1 - i];
	i -= RONDO__SHA512_SIZE;
	return i < h->size ? h->bytes[h->size - 1 - i] : 0;
}

static uint32_t word_of_hashed_bytes(const void *key, size_t i)
{
	uint32_t word = 0;

	for (unsigned byte = 4; byte--;)
		word = word << 8 | byte_from_end(key, 4 * i + byte);
	return word;
}

void rondo_random_seed_bytes_r(struct rondo_random *r, const void *seed, size_t size)
{
	struct hashed_bytes h = { .bytes = seed, .size = size };
	size_t n_bytes = size + RONDO__SHA512_SIZE;

	if (r->kind == RONDO__RANDOM_SYSTEM)
		return;
	rondo__sha512(seed, size, h.digest);
	while (n_bytes > 1 && byte_from_end(&h, n_bytes - 1) == 0)
		n_bytes--;
	rondo__twister_seed(r, word_of_hashed_bytes, &h, (n_bytes + 3) / 4);
}

void rondo_random_seed_str_r(struct rondo_random *r, const char *seed)
{
	rondo_random_seed_bytes_r(r, seed, strlen(seed));
}

/* The hash of strings in Python 2 on 64 bits. */
void rondo_random_seed_bytes_v1_r(struct rondo_random *r, const void *seed, size_t size)
{
	const uint8_t *bytes = seed;
	uint64_t x = size ? (uint64_t)bytes[0] << 7 : 0;

	for (size_t i = 0; i < size; i++)
		x = 1000003 * x ^ bytes[i];
	rondo_random_seed_u64_r(r, x ^ size);
}

static void seed_from_clocks(struct rondo_random *r)
{
	struct timespec real = { 0 }, monotonic = { 0 };

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &monotonic);
	uint32_t words[] = {
		(uint32_t)real.tv_nsec, (uint32_t)real.tv_sec, (uint32_t)getpid(),
		(uint32_t)monotonic.tv_nsec, (uint32_t)monotonic.tv_sec,
	};
	rondo__twister_seed(r, word_of_words, words, sizeof(words) / sizeof(words[0]));
}

void rondo_random_seed_entropy_r(struct rondo_random *r)
{
	uint32_t words[RONDO__TWISTER_WORDS];

	if (r->kind == RONDO__RANDOM_SYSTEM)
		return;
	if (rondo__random_entropy(words, sizeof(words)) < 0)
		seed_from_clocks(r);
	else
		rondo__twister_seed(r, word_of_words, words, RONDO__TWISTER_WORDS);
}
