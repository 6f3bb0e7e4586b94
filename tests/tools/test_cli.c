/* SPDX-License-Identifier: MIT */
/* test_cli.c - goal: whatever is wrong, every command says so in one line on standard error that
 * begins `rondo: `, prints nothing else, and exits with 2 if it was called wrongly and with 1 if it
 * failed. Method: tables of command lines; seccomp filters take the ring away. */
#include "command.h"

struct line {
	const char *arguments[8];
	const char *about;		/* what the one line must name */
};

static void assert_all_refused(const struct line *lines, size_t n, int status)
{
	for (size_t i = 0; i < n; i++) {
		struct command c = { .out = "" };

		memcpy(c.arguments, lines[i].arguments, sizeof(lines[i].arguments));
		command_run(&c);
		assert_refuses(&c, status, lines[i].about);
	}
}

#define ASSERT_ALL_REFUSED(lines, status)                                                          \
	assert_all_refused(lines, sizeof(lines) / sizeof((lines)[0]), status)

static void test_unknown_commands_and_flags_are_usage_errors(void **state)
{
	static const struct line lines[] = {
		{ { "nosuch" }, "nosuch: unknown command" },
		{ { "--nosuch" }, "--nosuch: unknown command" },
		{ { "" }, "unknown command" },
		{ { "Demo" }, "Demo: unknown command" },
		{ { "demo", "more" }, "more: demo takes no arguments" },
		{ { "demo", "--fast" }, "--fast" },
		{ { "probe", "--nosuch" }, "--nosuch" },
		{ { "probe", "--json", "more" }, "more" },
		{ { "echo", "7" }, "7: echo takes --port" },
		{ { "echo", "--port", "0", "--nosuch" }, "--nosuch" },
		{ { "cp", "-r", "a", "b" }, "cp: takes two names" },
		{ { "cp", "--nosuch", "a" }, "cp: takes two names" },
		{ { "cp", "a", "-r" }, "cp: takes two names" },
		{ { "bench", "nosuch" }, "nosuch: no such benchmark" },
		{ { "bench", "switch", "--nosuch" }, "--nosuch: no such benchmark" },
	};

	(void)state;
	ASSERT_ALL_REFUSED(lines, USAGE);
}

static void test_missing_values_are_usage_errors(void **state)
{
	static const struct line lines[] = {
		{ { "echo" }, "--port: is missing" },
		{ { "echo", "--workers", "2" }, "--port: is missing" },
		{ { "echo", "--port" }, "--port: needs a number" },
		{ { "echo", "--port", "0", "--workers" }, "--workers: needs a number" },
		{ { "cp" }, "cp: takes two names" },
		{ { "cp", "a" }, "cp: takes two names" },
		{ { "cp", "a", "b", "c" }, "cp: takes two names" },
		{ { "bench", "--json" }, "--json: needs a file name" },
		{ { "bench", "switch", "--json" }, "--json: needs a file name" },
	};

	(void)state;
	ASSERT_ALL_REFUSED(lines, USAGE);
}

static void test_what_is_not_a_number_in_range_is_a_usage_error(void **state)
{
	static const struct line lines[] = {
		{ { "echo", "--port", "http" }, "http: is not a port" },
		{ { "echo", "--port", "70000" }, "70000: is not a port" },
		{ { "echo", "--port", "65536" }, "65536: is not a port" },
		{ { "echo", "--port", "-1" }, "-1: is not a port" },
		{ { "echo", "--port", "80x" }, "80x: is not a port" },
		{ { "echo", "--port", "0x50" }, "0x50: is not a port" },
		{ { "echo", "--port", "8.0" }, "8.0: is not a port" },
		{ { "echo", "--port", "" }, "is not a port" },
		{ { "echo", "--port", "99999999999999999999" }, "is not a port" },
		{ { "echo", "--port", "--workers" }, "--workers: is not a port" },
		{ { "echo", "--port", "0", "--workers", "0" }, "0: is not a number of workers" },
		{ { "echo", "--port", "0", "--workers", "-2" }, "-2: is not a number of workers" },
		{ { "echo", "--port", "0", "--workers", "two" }, "two: is not a number of" },
		{ { "echo", "--port", "0", "--workers", "1000000" }, "1000000: is not a number" },
	};

	(void)state;
	ASSERT_ALL_REFUSED(lines, USAGE);
}

static void test_missing_files_are_failures(void **state)
{
	static const struct line lines[] = {
		{ { "cp", "missing", "b" }, "missing: No such file or directory" },
		{ { "cp", "", "b" }, "No such file or directory" },
		{ { "cp", "/proc/version", "missing/b" }, "missing/b: No such file or directory" },
		{ { "cp", "/proc/version", "missing/" }, "missing/: No such file or directory" },
		{ { "bench", "--json", "/nonexistent/x", "switch" }, "/nonexistent/x: No such" },
		{ { "bench", "switch", "--json", "missing/x" }, "missing/x: No such" },
	};

	(void)state;
	ASSERT_ALL_REFUSED(lines, FAILED);
}

static int as_ordinary_user(void)
{
	return child_be_ordinary();
}

static void test_a_lack_of_permission_is_a_failure(void **state)
{
	struct command c = { .arguments = { "cp", "secret", "copy" }, .prepare = as_ordinary_user };

	(void)state;
	assert_true(command_copy_file("/proc/version", "secret"));
	assert_int_equal(chmod("secret", 0), 0);
	command_run(&c);
	assert_refuses(&c, FAILED, "secret: Permission denied");
	if (getuid() != 0)
		return;
	c = (struct command){ .arguments = { "bench", "--json", "x", "switch" },
			      .prepare = as_ordinary_user };
	command_run(&c);
	assert_refuses(&c, FAILED, "x: Permission denied");
}

static void test_names_cannot_add_lines_or_steer_the_terminal(void **state)
{
	static const struct line lines[] = {
		{ { "cp", "a\nrondo: b", "c" }, "a?rondo: b: No such file or directory" },
		{ { "cp", "\033[2Ja\r\177", "c" }, "?[2Ja??: No such file or directory" },
	};
	static const struct line unknown[] = { { { "a\nb" }, "a?b: unknown command" } };

	(void)state;
	ASSERT_ALL_REFUSED(lines, FAILED);
	ASSERT_ALL_REFUSED(unknown, USAGE);
}

/* --- help ------------------------------------------------------------------------------------ */

static void test_help_names_every_command(void **state)
{
	static const char *const ways[] = { "help", "--help", "-h", NULL };
	static const char *const names[] = { "demo", "probe", "echo", "cp", "bench" };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct command c = { .arguments = { ways[i] } };

		command_run(&c);
		assert_succeeds(&c);
		for (int n = 0; n < 5; n++) {
			char wanted[32];

			snprintf(wanted, sizeof(wanted), "\n  rondo %s ", names[n]);
			assert_non_null(strstr(c.out, wanted));
		}
	}
}

static void test_the_version_is_one_line(void **state)
{
	struct command c = { .arguments = { "--version" } };
	int major, minor, patch, end = 0;

	(void)state;
	command_run(&c);
	assert_succeeds(&c);
	assert_int_equal(sscanf(c.out, "rondo %d.%d.%d\n%n", &major, &minor, &patch, &end), 3);
	assert_int_equal(end, strlen(c.out));
}

static void test_what_cannot_be_printed_is_a_failure(void **state)
{
	static const char *const ways[] = { "help", "--version", "probe" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct command c = { .arguments = { ways[i] }, .out_path = "/dev/full" };

		command_run(&c);
		assert_refuses(&c, FAILED, "standard output: No space left on device");
	}
}

/* --- without a ring -------------------------------------------------------------------------- */

static int deny_error;

static int without_ring(void)
{
	return child_deny(SYS_io_uring_setup, deny_error);
}

/* Only `rondo probe` has something to tell then, and tests/faults looks at that. */
static void assert_needs_a_ring(const char *name, const char *a, const char *b)
{
	struct command c = { .arguments = { name, a, b }, .prepare = without_ring };

	command_run(&c);
	assert_complains(&c, FAILED, "rondo: io_uring: ");
	assert_non_null(strstr(c.err, "seccomp"));
	if (strcmp(name, "bench"))
		assert_string_equal(c.out, "");
}

static void assert_commands_need_a_ring(int error)
{
	static const char *const benchmarks[] = { "switch", "spawn", "sleep",
						  "timers", "echo",  "read" };

	deny_error = error;
	assert_needs_a_ring("demo", NULL, NULL);
	assert_needs_a_ring("echo", "--port", "0");
	assert_needs_a_ring("cp", "/proc/version", "never");
	assert_int_not_equal(access("never", F_OK), 0);
	for (int i = 0; i < 6; i++)
		assert_needs_a_ring("bench", benchmarks[i], NULL);
}

static void test_io_uring_refused_by_seccomp_is_explained_by_every_command(void **state)
{
	(void)state;
	assert_commands_need_a_ring(EPERM);
	assert_commands_need_a_ring(ENOSYS);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_unknown_commands_and_flags_are_usage_errors),
	cmocka_unit_test(test_missing_values_are_usage_errors),
	cmocka_unit_test(test_what_is_not_a_number_in_range_is_a_usage_error),
	cmocka_unit_test(test_missing_files_are_failures),
	cmocka_unit_test(test_a_lack_of_permission_is_a_failure),
	cmocka_unit_test(test_names_cannot_add_lines_or_steer_the_terminal),
	cmocka_unit_test(test_help_names_every_command),
	cmocka_unit_test(test_the_version_is_one_line),
	cmocka_unit_test(test_what_cannot_be_printed_is_a_failure),
	cmocka_unit_test(test_io_uring_refused_by_seccomp_is_explained_by_every_command),
};

COMMAND_MAIN(tests, command_enter)
