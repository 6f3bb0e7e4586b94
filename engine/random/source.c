/* SPDX-License-Identifier: MIT */
/* source.c - see source.h; and the public functions that are nothing but such a draw. */
#include "random/source.h"

#include <stdlib.h>
#include <string.h>

#include "random/entropy.h"

/* rondo_random_init_system() proved that entropy can be had. Should that change there is no number
 * to return, and going on with a guessable one would betray who asked for a system generator. */
static void take_entropy(void *buf, size_t size)
{
	if (rondo__random_entropy(buf, size) < 0)
		abort();
}

static uint64_t big_endian(const uint8_t *bytes, size_t size)
{
	uint64_t x = 0;

	for (size_t i = 0; i < size; i++)
		x = x << 8 | bytes[i];
	return x;
}

double rondo__source_system_unit(void)
{
	uint8_t bytes[7];

	take_entropy(bytes, sizeof(bytes));
	return (double)(int64_t)(big_endian(bytes, sizeof(bytes)) >> 3) * 0x1p-53;
}

uint64_t rondo__source_system_bits(unsigned k)
{
	size_t size = (k + 7) / 8;
	uint8_t bytes[8];

	take_entropy(bytes, size);
	return big_endian(bytes, size) >> (8 * size - k);
}

static void reverse(uint8_t *bytes, size_t size)
{
	for (size_t i = 0, j = size; i + 1 < j; i++) {
		uint8_t byte = bytes[--j];

		bytes[j] = bytes[i];
		bytes[i] = byte;
	}
}

/* One big-endian number of whole bytes, of which the excess low bits are dropped. It is turned
 * round and shifted where it stands, in the caller's words. */
static void system_words(size_t k, uint32_t *words)
{
	size_t size = k / 8 + (k % 8 != 0), n_words = k / 32 + (k % 32 != 0);
	unsigned excess = (8 - k % 8) % 8;
	uint8_t *bytes = (uint8_t *)words;

	memset(words, 0, n_words * sizeof(*words));
	take_entropy(bytes, size);
	reverse(bytes, size);
	for (size_t i = 0; i < n_words; i++) {
		const uint8_t *b = bytes + 4 * i;

		words[i] = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
			   (uint32_t)b[3] << 24;
	}
	for (size_t i = 0; i < n_words; i++) {
		uint64_t above = i + 1 < n_words ? words[i + 1] : 0;

		words[i] = (uint32_t)((above << 32 | words[i]) >> excess);
	}
}

void rondo_random_getrandbits_words_r(struct rondo_random *r, size_t k, uint32_t *words)
{
	if (k == 0)
		return;
	if (r->kind == RONDO__RANDOM_SYSTEM) {
		system_words(k, words);
		return;
	}
	for (; k > 32; k -= 32)
		*words++ = rondo__twister_word(r);
	*words = rondo__twister_word(r) >> (32 - k);
}

uint64_t rondo__source_below_2_64(struct rondo_random *r)
{
	uint32_t words[3];

	do
		rondo_random_getrandbits_words_r(r, 65, words);
	while (words[2]);
	return words[0] | (uint64_t)words[1] << 32;
}

double rondo_random_random_r(struct rondo_random *r)
{
	return rondo__source_unit(r);
}

uint64_t rondo_random_getrandbits_r(struct rondo_random *r, unsigned k)
{
	return rondo__source_bits(r, k < 64 ? k : 64);
}

/* The last word, when not needed whole, gives its high bytes, as bits do. */
void rondo_random_randbytes_r(struct rondo_random *r, void *bytes, size_t size)
{
	uint8_t *p = bytes;

	if (r->kind == RONDO__RANDOM_SYSTEM) {
		take_entropy(bytes, size);
		return;
	}
	while (size) {
		size_t n = size < 4 ? size : 4;
		uint32_t word = rondo__twister_word(r) >> (32 - 8 * n);

		for (size_t i = 0; i < n; i++)
			p[i] = (uint8_t)(word >> (8 * i));
		p += n;
		size -= n;
	}
}
