/* SPDX-License-Identifier: MIT */
/* random.c - fuzz target: seeds and saved states, whatever is in them.
 *
 * What a seed of digits means is worked out a second time here, by schoolbook arithmetic; a
 * state that is read must come out again as it went in. The first byte says which parser gets the
 * rest. */
#include <errno.h>
#include <math.h>
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* With its NUL, in memory of just that size. */
static char *text_of(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	MUST(text);
	memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

static void must_be_equal(struct rondo_random *a, struct rondo_random *b)
{
	for (int i = 0; i < 3; i++)
		MUST(rondo_random_getrandbits_r(a, 64) == rondo_random_getrandbits_r(b, 64));
}

/* --- digits ----------------------------------------------------------------------------------- */

static bool is_number(const char *text)
{
	text += *text == '-' || *text == '+';
	return *text && !text[strspn(text, "0123456789")];
}

/* A digit at a time. */
static void seed_by_hand(struct rondo_random *r, const char *text)
{
	uint32_t words[1024] = { 0 };
	size_t n = 1;

	for (const char *c = text + (*text == '-' || *text == '+'); *c; c++) {
		uint64_t carry = (uint64_t)(*c - '0');

		for (size_t i = 0; i < n; i++, carry >>= 32) {
			carry += (uint64_t)words[i] * 10;
			words[i] = (uint32_t)carry;
		}
		if (carry)
			words[n++] = (uint32_t)carry;
	}
	rondo_random_seed_words_r(r, words, n);
}

static void try_digits(const char *text)
{
	struct rondo_random a = RONDO_RANDOM_INIT, b = RONDO_RANDOM_INIT;
	int ret = rondo_random_seed_decimal_r(&a, text);

	MUST(ret == (is_number(text) ? 0 : -EINVAL));
	if (ret < 0 || strlen(text) > 4000)
		return;
	seed_by_hand(&b, text);
	must_be_equal(&a, &b);
}

/* --- strings, bytes, floats, words ------------------------------------------------------------ */

static void try_bytes(const uint8_t *data, size_t size)
{
	struct rondo_random a = RONDO_RANDOM_INIT, b = RONDO_RANDOM_INIT;
	char *text = text_of(data, size);

	rondo_random_seed_str_r(&a, text);
	rondo_random_seed_bytes_r(&b, text, strlen(text));
	must_be_equal(&a, &b);
	rondo_random_seed_bytes_r(&a, data, size);
	rondo_random_seed_bytes_v1_r(&a, data, size);
	(void)rondo_random_gauss_r(&a, 0, 1);
	free(text);
}

static void try_float(const uint8_t *data, size_t size)
{
	struct rondo_random a = RONDO_RANDOM_INIT, b = RONDO_RANDOM_INIT;
	double x = 0;

	memcpy(&x, data, size < sizeof(x) ? size : sizeof(x));
	MUST(rondo_random_seed_float_r(&a, x) == (isnan(x) ? -EINVAL : 0));
	if (isnan(x) || fabs(x) >= 1e15 || x != floor(x))
		return;
	/* As in Python, a whole number's seed is the integer's; its hash is one, if below 2^61. */
	rondo_random_seed_r(&b, (int64_t)x);
	if (x >= 0)
		must_be_equal(&a, &b);
}

static void try_words(const uint8_t *data, size_t size)
{
	struct rondo_random a = RONDO_RANDOM_INIT, b = RONDO_RANDOM_INIT;
	size_t n = size / sizeof(uint32_t);
	uint32_t *words = calloc(n + 3, sizeof(*words));

	MUST(words);
	memcpy(words, data, n * sizeof(*words));
	rondo_random_seed_words_r(&a, words, n);
	rondo_random_seed_words_r(&b, words, n + 3);	/* leading zeros are nothing */
	must_be_equal(&a, &b);
	free(words);
}

/* --- states ----------------------------------------------------------------------------------- */

static void use(const struct rondo_random_state *state)
{
	struct rondo_random a = RONDO_RANDOM_INIT;
	struct rondo_random_state again;
	int ret = rondo_random_setstate_r(&a, state);

	MUST(ret == (state->words[624] > 624 ? -EINVAL : 0));
	if (ret < 0)
		return;
	MUST(rondo_random_getstate_r(&a, &again) == 0);
	MUST(!memcmp(state->words, again.words, sizeof(again.words)));
	(void)rondo_random_gauss_r(&a, 0, 1);
	for (int i = 0; i < 3; i++)
		(void)rondo_random_random_r(&a);
}

static void try_text(const char *text)
{
	struct rondo_random_state state, again;
	char *out;

	if (rondo_random_state_from_text(&state, text) < 0)
		return;
	MUST(state.words[624] <= 624);
	out = malloc(RONDO_RANDOM_TEXT_SIZE);
	MUST(out && rondo_random_state_to_text(&state, out, RONDO_RANDOM_TEXT_SIZE) > 0);
	if (!isnan(state.gauss_next) && !isinf(state.gauss_next)) {
		MUST(rondo_random_state_from_text(&again, out) == 0);
		MUST(!memcmp(state.words, again.words, sizeof(state.words)));
		MUST(state.has_gauss_next == again.has_gauss_next);
		MUST(state.gauss_next == again.gauss_next);
	}
	free(out);
	use(&state);
}

/* 625 numbers nobody guesses: a true state's text, with bytes changed, put in and left out. Each
 * edit is a place, what to do there, and a byte. */
static void try_edited(const uint8_t *data, size_t size)
{
	struct rondo_random r = RONDO_RANDOM_INIT;
	struct rondo_random_state state;
	size_t room = RONDO_RANDOM_TEXT_SIZE + size;
	char *text = malloc(room), *exact;
	ssize_t n;

	rondo_random_seed_r(&r, 42);
	(void)rondo_random_gauss_r(&r, 0, 1);
	MUST(text && rondo_random_getstate_r(&r, &state) == 0);
	n = rondo_random_state_to_text(&state, text, RONDO_RANDOM_TEXT_SIZE);
	for (; size >= 4; data += 4, size -= 4) {
		ssize_t at = (data[0] | data[1] << 8) % n;

		/* Half of the edits are at the ends, where not just digits are. */
		if (data[2] & 1)
			at = data[2] & 2 ? n - 1 - at % 40 : at % 20;
		if (data[2] & 4) {
			memmove(text + at + 1, text + at, (size_t)(n++ - at));
			text[at] = (char)data[3];
		} else if (data[2] & 8 && n > 1) {
			memmove(text + at, text + at + 1, (size_t)(--n - at));
		} else {
			text[at] = (char)data[3];
		}
	}
	exact = text_of((uint8_t *)text, (size_t)n);
	try_text(exact);
	free(exact);
	free(text);
}

static void try_state(const uint8_t *data, size_t size)
{
	struct rondo_random_state state = { .words = { [624] = 624 } };

	memcpy(&state.words[624], data, size < 4 ? size : 4);
	if (size > 4)
		memcpy(state.words, data + 4, size - 4 < 624 * 4 ? size - 4 : 624 * 4);
	use(&state);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size == 0)
		return -1;
	text = text_of(data + 1, size - 1);
	switch (data[0] % 8) {
	case 0:
	case 1:
		try_digits(text);
		break;
	case 2:
		try_bytes(data + 1, size - 1);
		break;
	case 3:
		try_float(data + 1, size - 1);
		break;
	case 4:
		try_words(data + 1, size - 1);
		break;
	case 5:
		try_text(text);
		break;
	case 6:
		try_edited(data + 1, size - 1);
		break;
	default:
		try_state(data + 1, size - 1);
	}
	free(text);
	return 0;
}
