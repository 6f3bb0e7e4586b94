/* SPDX-License-Identifier: MIT */
/* test_bug.c - goal: a wrong program stops with SIGABRT and one line that says what and where.
 * Method: be wrong in a forked child and read what it leaves on stderr. */
#include "support/child.h"

#include "base/bug.h"

static void assert_aborted(int status)
{
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void assert_one_line(void)
{
	assert_ptr_equal(strchr(child_stderr, '\n'), child_stderr + strlen(child_stderr) - 1);
}

enum { WRONG_LINE = __LINE__ + 4 };

static void be_wrong(void)
{
	BUG("the queue was freed twice");
}

static void test_bug_aborts_with_one_line(void **state)
{
	static const char start[] = "rondo: BUG: the queue was freed twice (";
	char end[64];

	(void)state;
	assert_aborted(child_status(be_wrong));
	snprintf(end, sizeof(end), "test_bug.c:%d)\n", WRONG_LINE);
	assert_memory_equal(child_stderr, start, strlen(start));
	assert_true(strlen(child_stderr) > strlen(end));
	assert_string_equal(child_stderr + strlen(child_stderr) - strlen(end), end);
	assert_one_line();
}

static volatile int three = 3;

static void check_what_does_not_hold(void)
{
	BUG_ON(three > 3);
	BUG_ON(three == 3);
}

static void test_bug_on_names_the_condition(void **state)
{
	(void)state;
	assert_aborted(child_status(check_what_does_not_hold));
	assert_non_null(strstr(child_stderr, "rondo: BUG: three == 3 ("));
	assert_null(strstr(child_stderr, "three > 3"));
	assert_one_line();
}

static void check_what_holds(void)
{
	BUG_ON(three == 4);
}

static void test_bug_on_says_nothing_when_all_is_well(void **state)
{
	(void)state;
	assert_int_equal(child_status(check_what_holds), 0);
	assert_string_equal(child_stderr, "");
}

static void be_wrong_at_length(void)
{
	char what[2000];

	memset(what, 'x', sizeof(what) - 1);
	what[sizeof(what) - 1] = '\0';
	rondo__bug("a/file.c", 2147483647, what);
}

static void test_a_long_text_is_cut_and_still_ends_the_line(void **state)
{
	(void)state;
	assert_aborted(child_status(be_wrong_at_length));
	assert_int_equal(strlen(child_stderr), 256);
	assert_one_line();
}

static void be_wrong_with_nobody_listening(void)
{
	close(STDERR_FILENO);
	BUG("unheard");
}

static void test_bug_aborts_without_a_stderr(void **state)
{
	(void)state;
	assert_aborted(child_status(be_wrong_with_nobody_listening));
	assert_string_equal(child_stderr, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bug_aborts_with_one_line),
		cmocka_unit_test(test_bug_on_names_the_condition),
		cmocka_unit_test(test_bug_on_says_nothing_when_all_is_well),
		cmocka_unit_test(test_a_long_text_is_cut_and_still_ends_the_line),
		cmocka_unit_test(test_bug_aborts_without_a_stderr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
