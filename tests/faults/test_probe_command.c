/* SPDX-License-Identifier: MIT */
/* test_probe_command.c - goal: `rondo probe` serves people and programs, also where io_uring is
 * refused: then it still shows the limits, says cause and remedy in one line, and exits with 1.
 * Method: run the program ($RONDO) as it is, under a seccomp filter and without memory to lock.
 * Its JSON writer is included here, because no kernel has names that need escaping. */
#include "child.h"

#include <fcntl.h>

#include "../../tools/cli.c"
#include "../../tools/probe.c"

struct run {
	const char *arguments[4];
	const char *out_path;		/* instead of keeping what it prints */
	int deny_error;			/* io_uring_setup fails with it */
	int memlock_kib;		/* as an ordinary user; -1: as it is */
	int exit_code;
	char out[65536], err[4096];
};

static const char *program;

static void read_all(int fd, char *buf, size_t size)
{
	size_t n = 0;
	ssize_t got;

	while ((got = read(fd, buf + n, size - 1 - n)) > 0)
		n += (size_t)got;
	buf[n] = '\0';
	close(fd);
}

/* In the child: the program, or 126. */
static void exec_program(const struct run *r, int out, int err)
{
	const char *argv[6] = { "rondo" };

	for (int i = 0; i < 4; i++)
		argv[i + 1] = r->arguments[i];
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	if (r->deny_error && child_deny(SYS_io_uring_setup, r->deny_error) < 0)
		_exit(126);
	if (r->memlock_kib >= 0 &&
	    (child_limit(RLIMIT_MEMLOCK, (rlim_t)r->memlock_kib << 10) < 0 ||
	     child_be_ordinary() < 0))
		_exit(126);
	execv(program, (char *const *)(uintptr_t)argv);
	_exit(126);
}

static void run(struct run *r)
{
	int out[2], err[2], to = -1;
	pid_t pid;

	/* What it prints is less than a pipe holds, so reading one after the other is fine. */
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	if (r->out_path)
		to = open(r->out_path, O_WRONLY | O_CLOEXEC);
	pid = fork();
	if (pid == 0)
		exec_program(r, to >= 0 ? to : out[1], err[1]);
	close(out[1]);
	close(err[1]);
	if (to >= 0)
		close(to);
	read_all(out[0], r->out, sizeof(r->out));
	read_all(err[0], r->err, sizeof(r->err));
	r->exit_code = child_end(pid);
	if (r->exit_code == 126) {
		print_message("%s cannot be run like this here\n", program);
		skip();
	}
}

/* One at a time: a test that is skipped leaves nothing behind. */
static struct run *probe(const char *argument)
{
	static struct run r;

	r = (struct run){ .arguments = { "probe", argument }, .memlock_kib = -1 };
	return &r;
}

static void assert_one_line(const char *text)
{
	const char *end = strchr(text, '\n');

	assert_non_null(end);
	assert_string_equal(end, "\n");
	assert_ptr_equal(strstr(text, "rondo: "), text);
}

/* Does python3 take it for JSON, and does an expression about it, named d, hold? */
static bool json_says(const char *json, const char *expression)
{
	char command[512];
	FILE *f;

	snprintf(command, sizeof(command),
		 "python3 -c 'import json, sys; d = json.load(sys.stdin); assert %s, d'",
		 expression);
	f = popen(command, "w");
	assert_non_null(f);
	fputs(json, f);
	return pclose(f) == 0;
}

static void need_python(void)
{
	if (system("python3 -c pass 2>/dev/null") == 0)
		return;
	print_message("python3 is not there to check JSON with\n");
	skip();
}

static void test_people_read_a_summary_first(void **state)
{
	struct run *r = probe(NULL);

	(void)state;
	run(r);
	assert_int_equal(r->exit_code, CLI_OK);
	assert_string_equal(r->err, "");
	assert_ptr_equal(strstr(r->out, "rondo "), r->out);
	assert_non_null(strstr(r->out, "\nio_uring: usable, with "));
	assert_non_null(strstr(r->out, "\nfall-backs in force: "));
	assert_non_null(strstr(r->out, "\nopcode\n  NOP "));
	assert_non_null(strstr(r->out, "\n  RLIMIT_NOFILE "));
	assert_null(strstr(r->out, " \n"));
}

static void test_programs_read_json(void **state)
{
	struct run *r = probe("--json");

	(void)state;
	need_python();
	run(r);
	assert_int_equal(r->exit_code, CLI_OK);
	assert_string_equal(r->err, "");
	assert_true(json_says(r->out, "d[\"usable\"] is True and d[\"error\"] == \"\""));
	assert_true(json_says(r->out, "all(len(i) == 5 for i in d[\"items\"])"));
	assert_true(json_says(r->out, "dict(group=\"opcode\", name=\"READ\", state=\"used\", "
				      "value=\"\", why=\"\") in d[\"items\"]"));
}

static void test_strings_are_escaped_for_json(void **state)
{
	static const char nasty[] = "\"quoted\" back\\slash tab\t nl\n del\x7f e\xc3\xa9 \xff";
	char *json = NULL;
	size_t size;
	FILE *f = open_memstream(&json, &size);

	(void)state;
	need_python();
	assert_non_null(f);
	json_string(f, nasty);
	fclose(f);
	assert_non_null(strstr(json, "\\\"quoted\\\" back\\\\slash tab\\u0009 nl\\u000a"));
	for (const char *p = json; *p; p++)
		assert_in_range(*p, 0x20, 0x7e);
	assert_true(json_says(json, "[ord(c) for c in d[-1:]] == [255] and d[0] == chr(34)"));
	free(json);
}

static void test_an_unknown_argument_is_one_line_and_exit_2(void **state)
{
	struct run *r = probe("--jason");

	(void)state;
	run(r);
	assert_int_equal(r->exit_code, CLI_USAGE);
	assert_one_line(r->err);
	assert_non_null(strstr(r->err, "--jason"));
	assert_string_equal(r->out, "");
	r->arguments[1] = "--json";
	r->arguments[2] = "more";
	run(r);
	assert_int_equal(r->exit_code, CLI_USAGE);
	assert_one_line(r->err);
}

static void test_a_full_disk_is_one_line_and_exit_1(void **state)
{
	static const char *const arguments[] = { NULL, "--json" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct run *r = probe(arguments[i]);

		r->out_path = "/dev/full";
		run(r);
		assert_int_equal(r->exit_code, CLI_FAILED);
		assert_one_line(r->err);
		assert_non_null(strstr(r->err, "No space left"));
	}
}

static void assert_refused(const struct run *r, const char *cause)
{
	assert_int_equal(r->exit_code, CLI_FAILED);
	assert_one_line(r->err);
	assert_ptr_equal(strstr(r->err, "rondo: io_uring: "), r->err);
	assert_non_null(strstr(r->err, cause));
	assert_non_null(strstr(r->out, "RLIMIT_MEMLOCK"));
}

static void test_under_seccomp_the_cause_is_named_and_limits_are_shown(void **state)
{
	struct run *r = probe(NULL);

	(void)state;
	r->deny_error = EPERM;
	run(r);
	assert_refused(r, "seccomp");
	assert_non_null(strstr(r->out, "io_uring: refused\n"));
	r->deny_error = ENOSYS;
	run(r);
	assert_refused(r, "seccomp");
	need_python();
	r->arguments[1] = "--json";
	run(r);
	assert_refused(r, "seccomp");
	assert_true(json_says(r->out, "d[\"usable\"] is False and \"seccomp\" in d[\"error\"]"));
}

static void test_without_memlock_the_cause_is_named_and_limits_are_shown(void **state)
{
	struct run *r = probe(NULL);

	(void)state;
	r->memlock_kib = 0;
	run(r);
	if (r->exit_code == CLI_OK) {
		print_message("this kernel does not charge rings to RLIMIT_MEMLOCK\n");
		skip();
	}
	assert_refused(r, "RLIMIT_MEMLOCK is 0 KiB");
}

static void test_an_ordinary_user_may_probe(void **state)
{
	struct run *r = probe(NULL);

	(void)state;
	r->memlock_kib = 8192;
	run(r);
	assert_int_equal(r->exit_code, CLI_OK);
	assert_non_null(strstr(r->out, "\nfall-backs in force: "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_people_read_a_summary_first),
		cmocka_unit_test(test_programs_read_json),
		cmocka_unit_test(test_strings_are_escaped_for_json),
		cmocka_unit_test(test_an_unknown_argument_is_one_line_and_exit_2),
		cmocka_unit_test(test_a_full_disk_is_one_line_and_exit_1),
		cmocka_unit_test(test_under_seccomp_the_cause_is_named_and_limits_are_shown),
		cmocka_unit_test(test_without_memlock_the_cause_is_named_and_limits_are_shown),
		cmocka_unit_test(test_an_ordinary_user_may_probe),
	};

	program = getenv("RONDO");
	if (!program || access(program, X_OK) < 0) {
		print_message("RONDO does not name the rondo program: nothing to test\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
