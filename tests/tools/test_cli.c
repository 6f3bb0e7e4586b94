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
		{ { "sim", "nosuch" }, "nosuch: no such workload" },
		{ { "sim", "" }, "no such workload" },
		{ { "sim", "tree", "echo" }, "echo: one workload at a time" },
		{ { "sim", "tree", "--nosuch", "1" }, "--nosuch: unknown option" },
		{ { "sim", "tree", "--trace" }, "need --seed" },
		{ { "sim", "--seed", "1" }, "--seed: of which workload?" },
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
		{ { "sim", "tree", "--seeds" }, "--seeds: a value is missing" },
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
		{ { "echo", "--port", " 80" }, " 80: is not a port" },
		{ { "echo", "--port", "+80" }, "+80: is not a port" },
		{ { "echo", "--port", "-" }, "-: is not a port" },
		{ { "sim", "tree", "--seeds", "0" }, "0: not a number of seeds" },
		{ { "sim", "tree", "--seeds", "" }, "not a number of seeds" },
		{ { "sim", "tree", "--seeds", "-5" }, "-5: not a number of seeds" },
		{ { "sim", "tree", "--seed", "--trace" }, "--trace: not a seed" },
		{ { "sim", "tree", "--seed", "18446744073709551616" }, "not a seed" },
		{ { "sim", "tree", "--tasks", "1001" }, "1001: not 1 to 1000" },
		{ { "sim", "tree", "--jobs", "0" }, "0: not 1 to 64" },
		{ { "sim", "tree", "--seed", "1", "--keep", "1,x" }, "1,x: not a list of numbers" },
		{ { "sim", "tree", "--faults", "NOSUCH" }, "NOSUCH: no such faults" },
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
		{ { "sim", "--list", "missing" }, "missing: No such file or directory" },
		{ { "sim", "--list", "/" }, "/: Is a directory" },
	};

	(void)state;
	ASSERT_ALL_REFUSED(lines, FAILED);
}

static void write_file(const char *name, const char *text)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* A seed that is not run because its line has a mistake would seem to have passed. */
static void test_a_list_of_seeds_with_a_mistake_is_no_list(void **state)
{
	static const char *const wrong[] = { "tree\n", "tree x\n", "nosuch 1\n", "tree 1x # why\n" };
	struct command good = { .arguments = { "sim", "--list", "seeds" } };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct command c = good;

		write_file("seeds", wrong[i]);
		command_run(&c);
		assert_refuses(&c, FAILED, "no workload and seed");
	}
	write_file("seeds", "# a comment\n\n tree 1 # why\ntree 0x10\n");
	command_run(&good);
	assert_succeeds(&good);
	assert_string_equal(good.out, "2 listed seeds, 0 failed\n");
}

static void test_a_record_that_cannot_be_kept_is_told(void **state)
{
	struct command c = {
		.arguments = { "sim", "tree", "--seeds", "2", "--resume", "missing/record" },
	};

	(void)state;
	command_run(&c);
	assert_complains(&c, FAILED, "missing/record: No such file or directory");
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
	static const char *const names[] = { "demo", "probe", "echo", "cp", "bench", "sim" };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct command c = { .arguments = { ways[i] } };

		command_run(&c);
		assert_succeeds(&c);
		for (int n = 0; n < 6; n++) {
			char wanted[32];

			snprintf(wanted, sizeof(wanted), "\n  rondo %s ", names[n]);
			assert_non_null(strstr(c.out, wanted));
		}
	}
}

static void test_each_command_has_help(void **state)
{
	static const char *const names[] = { "demo", "probe", "echo", "cp", "bench", "sim" };

	(void)state;
	for (int i = 0; i < 12; i++) {
		struct command c = { .arguments = { names[i / 2], i % 2 ? "-h" : "--help" } };
		char wanted[32];

		command_run(&c);
		assert_succeeds(&c);
		snprintf(wanted, sizeof(wanted), "rondo %s ", names[i / 2]);
		assert_int_equal(strncmp(c.out, wanted, strlen(wanted)), 0);
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

/* --- closed descriptors ---------------------------------------------------------------------- */

static int with_nothing_open(void)
{
	return close_range(0, 2, 0);
}

/* What is said goes nowhere, and not into a file that has got the number of standard error. */
static void test_closed_standard_descriptors_are_not_taken_for_files(void **state)
{
	struct command c = { .prepare = with_nothing_open };
	char text[64] = "";
	FILE *f;

	(void)state;
	write_file("original", "what was written\n");
	c.arguments[0] = "cp";
	c.arguments[1] = "original";
	c.arguments[2] = "copy";
	command_run(&c);
	assert_status(&c, OK);
	f = fopen("copy", "r");
	assert_non_null(f);
	assert_int_equal(fread(text, 1, sizeof(text) - 1, f), 17);
	assert_string_equal(text, "what was written\n");
	fclose(f);
	c.arguments[0] = "--version";
	c.arguments[1] = c.arguments[2] = NULL;
	command_run(&c);
	assert_status(&c, FAILED);
}

static int with_its_own_pipe(void)
{
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	return pipe(fds) < 0 || dup2(fds[1], STDOUT_FILENO) < 0 || close(fds[0]) < 0 ? -1 : 0;
}

/* `rondo probe | head -1`: the reader has gone. With SIGPIPE as usual that is the end, without a word. */
static void test_a_reader_that_has_gone_is_told_or_kills(void **state)
{
	static const char *const ways[] = { "help", "--version", "probe" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct command c = { .arguments = { ways[i] }, .prepare = with_its_own_pipe };

		command_run(&c);
		assert_refuses(&c, FAILED, "standard output: Broken pipe");
	}
}

/* A leak checker needs one of its own, and has something to say without. */
static int without_children(void)
{
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	return child_deny(SYS_clone, EAGAIN);
}

/* Seeds that no process could be made for have not passed. */
static void test_a_simulation_without_processes_is_a_failure(void **state)
{
	struct command c = { .arguments = { "sim", "tree", "--seeds", "2" }, .prepare = without_children };

	(void)state;
	command_run(&c);
	assert_refuses(&c, FAILED, "tree: Resource temporarily unavailable");
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
	static const char *const benchmarks[] = { "switch", "spawn", "sleep",  "timers",
						  "sync",   "echo",  "stream", "read" };

	deny_error = error;
	assert_needs_a_ring("demo", NULL, NULL);
	assert_needs_a_ring("echo", "--port", "0");
	assert_needs_a_ring("cp", "/proc/version", "never");
	assert_int_not_equal(access("never", F_OK), 0);
	for (size_t i = 0; i < sizeof(benchmarks) / sizeof(benchmarks[0]); i++)
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
	cmocka_unit_test(test_a_list_of_seeds_with_a_mistake_is_no_list),
	cmocka_unit_test(test_a_record_that_cannot_be_kept_is_told),
	cmocka_unit_test(test_each_command_has_help),
	cmocka_unit_test(test_closed_standard_descriptors_are_not_taken_for_files),
	cmocka_unit_test(test_a_reader_that_has_gone_is_told_or_kills),
	cmocka_unit_test(test_the_version_is_one_line),
	cmocka_unit_test(test_what_cannot_be_printed_is_a_failure),
	cmocka_unit_test(test_a_simulation_without_processes_is_a_failure),
	cmocka_unit_test(test_io_uring_refused_by_seccomp_is_explained_by_every_command),
};

COMMAND_MAIN(tests, command_enter)
