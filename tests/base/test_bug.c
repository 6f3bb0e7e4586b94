/* SPDX-License-Identifier: MIT */
/* test_bug.c - goal: a wrong program stops with SIGABRT and one line that says what and where.
 * Method: be wrong in a forked child and read what it leaves on stderr. */
#include "support/check.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bug.h"

static char said[1024];

/* Run f in a child, its stderr in `said`; returns the wait status. */
static int in_child(void (*f)(void))
{
	ssize_t n, size = 0;
	int status, ends[2];
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
		signal(SIGABRT, SIG_DFL);
		dup2(ends[1], STDERR_FILENO);
		close(ends[0]);
		close(ends[1]);
		f();
		_exit(0);
	}
	close(ends[1]);
	while ((n = read(ends[0], said + size, sizeof(said) - 1 - (size_t)size)) > 0)
		size += n;
	said[size] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void assert_aborted(int status)
{
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void assert_one_line(void)
{
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
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
	assert_aborted(in_child(be_wrong));
	snprintf(end, sizeof(end), "test_bug.c:%d)\n", WRONG_LINE);
	assert_memory_equal(said, start, strlen(start));
	assert_true(strlen(said) > strlen(end));
	assert_string_equal(said + strlen(said) - strlen(end), end);
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
	assert_aborted(in_child(check_what_does_not_hold));
	assert_non_null(strstr(said, "rondo: BUG: three == 3 ("));
	assert_null(strstr(said, "three > 3"));
	assert_one_line();
}

static void check_what_holds(void)
{
	BUG_ON(three == 4);
}

static void test_bug_on_says_nothing_when_all_is_well(void **state)
{
	(void)state;
	assert_int_equal(in_child(check_what_holds), 0);
	assert_string_equal(said, "");
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
	assert_aborted(in_child(be_wrong_at_length));
	assert_int_equal(strlen(said), 256);
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
	assert_aborted(in_child(be_wrong_with_nobody_listening));
	assert_string_equal(said, "");
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
