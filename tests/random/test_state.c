/* SPDX-License-Identifier: MIT */
/* test_state.c - goal: a saved state, as a struct or as Python's text, continues the same numbers.
 * Method: save and restore at every interesting index, refuse what is no state. With Python itself
 * states are exchanged in test_cpython.c. */
#include "vectors.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>

static void assert_continues(struct rondo_random *a, struct rondo_random *b)
{
	for (unsigned i = 0; i < 700; i++) {
		assert_same_double(rondo_random_gauss_r(a, 0.0, 1.0),
				   rondo_random_gauss_r(b, 0.0, 1.0));
		assert_int_equal(rondo_random_getrandbits_r(a, 7),
				 rondo_random_getrandbits_r(b, 7));
	}
}

static void test_a_restored_state_continues_the_sequence(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 700; n++) {
		struct rondo_random r = seeded(42), other = RONDO_RANDOM_INIT;
		struct rondo_random_state saved;

		for (unsigned i = 0; i < n; i++)
			rondo_random_getrandbits_r(&r, 32);
		if (n % 2)
			rondo_random_gauss_r(&r, 0.0, 1.0);
		assert_int_equal(rondo_random_getstate_r(&r, &saved), 0);
		assert_int_equal(rondo_random_setstate_r(&other, &saved), 0);
		assert_continues(&r, &other);
	}
}

static void test_the_index_counts_as_python_s_does(void **state)
{
	struct rondo_random r = seeded(42);
	struct rondo_random_state saved;

	(void)state;
	assert_int_equal(rondo_random_getstate_r(&r, &saved), 0);
	assert_int_equal(saved.words[624], 624);
	rondo_random_random_r(&r);
	assert_int_equal(rondo_random_getstate_r(&r, &saved), 0);
	assert_int_equal(saved.words[624], 2);
}

static void test_an_index_of_zero_starts_at_the_first_word(void **state)
{
	struct rondo_random r = seeded(42), other = RONDO_RANDOM_INIT;
	struct rondo_random_state saved;

	(void)state;
	rondo_random_getrandbits_r(&r, 32);
	assert_int_equal(rondo_random_getstate_r(&r, &saved), 0);
	saved.words[624] = 0;
	assert_int_equal(rondo_random_setstate_r(&other, &saved), 0);
	assert_int_equal(rondo_random_getrandbits_r(&other, 32), 2746317213);
	assert_continues(&r, &other);
}

static void test_asking_an_unseeded_generator_for_its_state_seeds_it(void **state)
{
	struct rondo_random r = RONDO_RANDOM_INIT, other = RONDO_RANDOM_INIT;
	struct rondo_random_state saved;

	(void)state;
	assert_int_equal(rondo_random_getstate_r(&r, &saved), 0);
	assert_int_equal(rondo_random_setstate_r(&other, &saved), 0);
	assert_continues(&r, &other);
}

static void test_a_state_with_a_wrong_index_is_refused(void **state)
{
	struct rondo_random r = seeded(42), before = r;
	struct rondo_random_state saved;

	(void)state;
	assert_int_equal(rondo_random_getstate_r(&r, &saved), 0);
	saved.words[624] = 625;
	saved.words[0]++;
	assert_int_equal(rondo_random_setstate_r(&r, &saved), -EINVAL);
	assert_memory_equal(&r, &before, sizeof(r));
}

static void test_a_system_generator_has_no_state(void **state)
{
	struct rondo_random_state saved = { .words = { 77 } };
	struct rondo_random r;

	(void)state;
	assert_int_equal(rondo_random_init_system(&r), 0);
	assert_int_equal(rondo_random_getstate_r(&r, &saved), -EOPNOTSUPP);
	assert_int_equal(rondo_random_setstate_r(&r, &saved), -EOPNOTSUPP);
	assert_int_equal(saved.words[0], 77);
}

static char text[RONDO_RANDOM_TEXT_SIZE];

static void assert_text_round_trip(const struct rondo_random_state *saved)
{
	struct rondo_random_state read;
	ssize_t n = rondo_random_state_to_text(saved, text, sizeof(text));

	assert_int_equal(n, strlen(text));
	assert_int_equal(rondo_random_state_from_text(&read, text), 0);
	assert_memory_equal(read.words, saved->words, sizeof(read.words));
	assert_int_equal(read.has_gauss_next, saved->has_gauss_next);
	assert_same_double(read.gauss_next, saved->gauss_next);
}

static void test_text_gives_back_every_bit(void **state)
{
	static const double values[] = {
		0.0, -0.0, 1.0, 0.1, -0x1.921fb54442d18p+1, 0x0.0000000000001p-1022,
		0x1.fffffffffffffp+1023,
	};
	struct rondo_random_state saved = { .has_gauss_next = 0 };

	(void)state;
	assert_text_round_trip(&saved);
	saved.has_gauss_next = 1;
	for (size_t i = 0; i < N_OF(values); i++) {
		saved.gauss_next = values[i];
		assert_text_round_trip(&saved);
	}
}

static void test_the_longest_text_fits_in_the_size_promised(void **state)
{
	struct rondo_random_state saved = { .has_gauss_next = 1, .gauss_next = -1e-300 };

	(void)state;
	memset(saved.words, 0xff, sizeof(saved.words));
	assert_in_range(rondo_random_state_to_text(&saved, text, sizeof(text)), 7500,
			RONDO_RANDOM_TEXT_SIZE - 1);
}

static void test_text_is_written_as_python_writes_it(void **state)
{
	struct rondo_random r = seeded(42);
	struct rondo_random_state saved;
	ssize_t n;

	(void)state;
	assert_int_equal(rondo_random_getstate_r(&r, &saved), 0);
	n = rondo_random_state_to_text(&saved, text, sizeof(text));
	assert_true(n > 0);
	assert_memory_equal(text, "(3, (2147483648, 3564348608, 1266698288, 4212342371, ", 53);
	assert_string_equal(text + n - 12, " 624), None)");
}

/* Locales that write 0,5. None may be installed; the C locale is tested in any case. */
static void test_text_does_not_depend_on_the_locale(void **state)
{
	static const char *const locales[] = { "C", "de_DE.UTF-8", "fr_FR.UTF-8", "ru_RU.UTF-8" };
	struct rondo_random_state saved = { .has_gauss_next = 1, .gauss_next = 0.5 };

	(void)state;
	for (size_t i = 0; i < N_OF(locales); i++) {
		if (!setlocale(LC_ALL, locales[i]))
			continue;
		assert_text_round_trip(&saved);
		assert_non_null(strstr(text, " 5.0000000000000000e-01)"));
	}
	setlocale(LC_ALL, "C");
}

static void test_a_buffer_too_small_is_refused(void **state)
{
	struct rondo_random_state saved = { .has_gauss_next = 0 };
	char small[100] = "untouched";

	(void)state;
	assert_int_equal(rondo_random_state_to_text(&saved, small, sizeof(small)), -ENOSPC);
	assert_string_equal(small, "untouched");
}

/* Write a text with 624 times word and then index, between prefix and suffix. */
static const char *made_text(const char *prefix, const char *word, const char *index,
			     const char *suffix)
{
	static char made[20000];
	char *p = made + sprintf(made, "%s", prefix);

	for (unsigned i = 0; i < 624; i++)
		p += sprintf(p, "%s,", word);
	sprintf(p, "%s%s", index, suffix);
	return made;
}

static void assert_text(int expected, const char *made)
{
	struct rondo_random_state read = { .words = { 77 } };

	assert_int_equal(rondo_random_state_from_text(&read, made), expected);
	if (expected < 0)
		assert_int_equal(read.words[0], 77);
}

static void test_only_a_whole_state_is_read(void **state)
{
	(void)state;
	assert_text(0, made_text("(3,(", "1", "624", "),None)"));
	assert_text(0, made_text(" ( 3 , (\n", " 4294967295\t", " 0 ", ") , -2.5e-1 ) \n"));
	assert_text(-EINVAL, made_text("(2,(", "1", "624", "),None)"));
	assert_text(-EINVAL, made_text("(3,(", "4294967296", "624", "),None)"));
	assert_text(-EINVAL, made_text("(3,(", "18446744073709551617", "624", "),None)"));
	assert_text(-EINVAL, made_text("(3,(", "-1", "624", "),None)"));
	assert_text(-EINVAL, made_text("(3,(", "", "624", "),None)"));
	assert_text(-EINVAL, made_text("(3,(", "1", "625", "),None)"));
	assert_text(-EINVAL, made_text("(3,(", "1", "1,624", "),None)"));
	assert_text(-EINVAL, made_text("(3,(", "1", "624", "),nothing)"));
	assert_text(-EINVAL, made_text("(3,(", "1", "624", "),None) more"));
	assert_text(-EINVAL, made_text("(3,(", "1", "624", "),None"));
	assert_text(-EINVAL, "(3, (1, 2, 3), None)");
	assert_text(-EINVAL, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_restored_state_continues_the_sequence),
		cmocka_unit_test(test_the_index_counts_as_python_s_does),
		cmocka_unit_test(test_an_index_of_zero_starts_at_the_first_word),
		cmocka_unit_test(test_asking_an_unseeded_generator_for_its_state_seeds_it),
		cmocka_unit_test(test_a_state_with_a_wrong_index_is_refused),
		cmocka_unit_test(test_a_system_generator_has_no_state),
		cmocka_unit_test(test_text_gives_back_every_bit),
		cmocka_unit_test(test_the_longest_text_fits_in_the_size_promised),
		cmocka_unit_test(test_text_is_written_as_python_writes_it),
		cmocka_unit_test(test_text_does_not_depend_on_the_locale),
		cmocka_unit_test(test_a_buffer_too_small_is_refused),
		cmocka_unit_test(test_only_a_whole_state_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
