/* SPDX-License-Identifier: MIT */
/* state.c - generators: making them, saving and restoring them, as Python's getstate() does. */
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "random/entropy.h"
#include "random/twister.h"

enum { N = RONDO__TWISTER_WORDS };

void rondo_random_init(struct rondo_random *r)
{
	memset(r, 0, sizeof(*r));
}

int rondo_random_init_system(struct rondo_random *r)
{
	char probe;
	int ret = rondo__random_entropy(&probe, sizeof(probe));

	if (ret < 0)
		return ret;
	rondo_random_init(r);
	r->kind = RONDO__RANDOM_SYSTEM;
	return 0;
}

int rondo_random_getstate_r(struct rondo_random *r, struct rondo_random_state *state)
{
	if (r->kind == RONDO__RANDOM_SYSTEM)
		return -EOPNOTSUPP;
	if (r->kind == RONDO__RANDOM_UNSEEDED)
		rondo_random_seed_entropy_r(r);
	memcpy(state->words, r->state, sizeof(r->state));
	state->words[N] = N - r->n_left;
	state->has_gauss_next = r->has_gauss_next;
	state->gauss_next = r->has_gauss_next ? r->gauss_next : 0.0;
	return 0;
}

int rondo_random_setstate_r(struct rondo_random *r, const struct rondo_random_state *state)
{
	if (r->kind == RONDO__RANDOM_SYSTEM)
		return -EOPNOTSUPP;
	if (state->words[N] > N)
		return -EINVAL;
	memcpy(r->state, state->words, sizeof(r->state));
	r->n_left = N - state->words[N];
	r->has_gauss_next = state->has_gauss_next;
	r->gauss_next = state->gauss_next;
	r->kind = RONDO__RANDOM_TWISTER;
	return 0;
}

/* Python writes a decimal point whatever the locale, which printf and strtod would follow. Returns
 * the locale to go back to, 0 when there is no memory. */
static locale_t enter_c_locale(void)
{
	locale_t c = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0);

	return c ? uselocale(c) : (locale_t)0;
}

static void leave_c_locale(locale_t before)
{
	freelocale(uselocale(before));
}

ssize_t rondo_random_state_to_text(const struct rondo_random_state *state, char *text, size_t size)
{
	locale_t before;
	char *p = text;

	if (size < RONDO_RANDOM_TEXT_SIZE)
		return -ENOSPC;
	before = enter_c_locale();
	if (!before)
		return -ENOMEM;
	p += sprintf(p, "(3, (");
	for (unsigned i = 0; i < N; i++)
		p += sprintf(p, "%" PRIu32 ", ", state->words[i]);
	p += sprintf(p, "%" PRIu32 "), ", state->words[N]);
	if (state->has_gauss_next)
		p += sprintf(p, "%.16e)", state->gauss_next);
	else
		p += sprintf(p, "None)");
	leave_c_locale(before);
	return p - text;
}

/* Move past blanks and token if they come next. */
static bool skip(const char **p, const char *token)
{
	const char *q = *p + strspn(*p, " \t\r\n");
	size_t n = strlen(token);

	if (strncmp(q, token, n) != 0)
		return false;
	*p = q + n;
	return true;
}

static bool read_word(const char **p, uint32_t *word)
{
	uint64_t x = 0;

	if (!skip(p, "") || **p < '0' || **p > '9')
		return false;
	for (; **p >= '0' && **p <= '9'; ++*p) {
		x = 10 * x + (uint64_t)(**p - '0');
		if (x > UINT32_MAX)
			return false;
	}
	*word = (uint32_t)x;
	return true;
}

static bool read_words(const char **p, uint32_t *words)
{
	if (!skip(p, "("))
		return false;
	for (unsigned i = 0; i <= N; i++)
		if (!read_word(p, &words[i]) || !skip(p, i < N ? "," : ")"))
			return false;
	return words[N] <= N;
}

static bool read_gauss_next(const char **p, struct rondo_random_state *state)
{
	char *end;

	state->has_gauss_next = 0;
	state->gauss_next = 0.0;
	if (skip(p, "None"))
		return true;
	state->has_gauss_next = 1;
	state->gauss_next = strtod(*p, &end);
	if (end == *p)
		return false;
	*p = end;
	return true;
}

static bool read_state(const char *p, struct rondo_random_state *state)
{
	return skip(&p, "(") && skip(&p, "3") && skip(&p, ",") && read_words(&p, state->words) &&
	       skip(&p, ",") && read_gauss_next(&p, state) && skip(&p, ")") && skip(&p, "") &&
	       *p == '\0';
}

int rondo_random_state_from_text(struct rondo_random_state *state, const char *text)
{
	struct rondo_random_state found;
	locale_t before = enter_c_locale();
	bool valid;

	if (!before)
		return -ENOMEM;
	valid = read_state(text, &found);
	leave_c_locale(before);
	if (!valid)
		return -EINVAL;
	*state = found;
	return 0;
}
