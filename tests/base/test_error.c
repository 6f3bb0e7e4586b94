/* SPDX-License-Identifier: MIT */
/* test_error.c - goal: every error a rondo function may return has a text, and the version that was
 * compiled against is the one that runs. Method: ask for all of them. */
#include "support/check.h"

#include <errno.h>
#include <limits.h>

#include "rondo/base.h"

static void test_kernel_errors_have_their_usual_names(void **state)
{
	(void)state;
	assert_string_equal(rondo_strerror(-ENOENT), "No such file or directory");
	assert_string_equal(rondo_strerror(-ECANCELED), "Operation canceled");
	assert_string_equal(rondo_strerror(0), "Success");
}

static void test_the_sign_does_not_matter(void **state)
{
	(void)state;
	assert_string_equal(rondo_strerror(EPIPE), "Broken pipe");
	assert_string_equal(rondo_strerror(RONDO_EGROUP), rondo_strerror(-RONDO_EGROUP));
}

static void test_own_errors_each_have_their_own_name(void **state)
{
	(void)state;
	for (int a = RONDO_EINCOMPLETE; a <= RONDO_EEND; a++) {
		assert_non_null(rondo_strerror(-a));
		assert_null(strstr(rondo_strerror(-a), "Unknown"));
		for (int b = RONDO_EINCOMPLETE; b < a; b++)
			assert_string_not_equal(rondo_strerror(-a), rondo_strerror(-b));
	}
	assert_string_equal(rondo_strerror(-RONDO_EQSHUTDOWN), "Queue was shut down");
}

/* The kernel uses 1 to 4095 for errors, so one of ours can never be mistaken for one of its. */
static void test_own_errors_start_above_the_kernels(void **state)
{
	(void)state;
	assert_true(RONDO_EINCOMPLETE > 4095);
}

static void test_any_number_gets_a_text(void **state)
{
	static const int odd[] = { INT_MIN, INT_MIN + 1, INT_MAX, -4095, 4095,
				   RONDO_EINCOMPLETE - 1, -(RONDO_EEND + 1), 100000 };

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		assert_non_null(rondo_strerror(odd[i]));
		assert_non_null(strstr(rondo_strerror(odd[i]), "Unknown"));
	}
}

static void test_the_version_is_the_one_compiled_against(void **state)
{
	char expected[32];

	(void)state;
	snprintf(expected, sizeof(expected), "%d.%d.%d", RONDO_VERSION_MAJOR, RONDO_VERSION_MINOR,
		 RONDO_VERSION_PATCH);
	assert_string_equal(RONDO_VERSION, expected);
	assert_string_equal(rondo_version(), RONDO_VERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel_errors_have_their_usual_names),
		cmocka_unit_test(test_the_sign_does_not_matter),
		cmocka_unit_test(test_own_errors_each_have_their_own_name),
		cmocka_unit_test(test_own_errors_start_above_the_kernels),
		cmocka_unit_test(test_any_number_gets_a_text),
		cmocka_unit_test(test_the_version_is_the_one_compiled_against),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
