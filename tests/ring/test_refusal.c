/* SPDX-License-Identifier: MIT */
/* test_refusal.c - goal: each cause that keeps a ring from being made is told apart from the
 * others, in one line that also says what to do. Method: made-up processes and systems; the real
 * causes are in tests/faults. */
#include "support/check.h"

#include <errno.h>
#include <sys/resource.h>

#include "ring/probe.h"

/* Nothing stands in the way; each test spoils one thing. */
static const struct limits healthy = {
	.setup_answer = -EFAULT, .group = -1, .memlock_bytes = 8 << 20, .n_files = 1024,
	.n_maps = 65530, .release = "6.18.1", .machine = "x86_64",
};

static char line[512];

static const char *explain(const struct limits *l, int error)
{
	int n;

	memset(line, 'x', sizeof(line));
	n = rondo__refusal_explain(l, error, line, sizeof(line));
	assert_int_equal(n, strlen(line));
	assert_true(n > 0 && n < 256);		/* the tool's buffer */
	assert_null(strchr(line, '\n'));
	return line;
}

static void assert_says(const struct limits *l, int error, const char *what)
{
	explain(l, error);
	if (!strstr(line, what))
		print_error("\"%s\" does not say \"%s\"\n", line, what);
	assert_non_null(strstr(line, what));
}

static void assert_silent(const struct limits *l, int error, const char *what)
{
	assert_null(strstr(explain(l, error), what));
}

static void test_seccomp_is_named(void **state)
{
	struct limits l = healthy;

	(void)state;
	l.filtered = true;
	assert_says(&l, -EPERM, "seccomp");
	assert_says(&l, -EPERM, "(EPERM)");
	assert_says(&l, -EPERM, "io_uring_setup");
	l.is_admin = true;
	l.disabled = 1;			/* which admins pass: so it is the filter */
	assert_says(&l, -EPERM, "seccomp");
	assert_silent(&l, -EPERM, "io_uring_disabled");
	l.setup_answer = -ENOSYS;
	assert_says(&l, -ENOSYS, "seccomp");
	assert_says(&l, -ENOSYS, "(ENOSYS)");
}

static void test_the_sysctl_is_named_with_its_value_and_group(void **state)
{
	struct limits l = healthy;

	(void)state;
	l.disabled = 2;
	assert_says(&l, -EPERM, "kernel.io_uring_disabled is 2");
	assert_says(&l, -EPERM, "sysctl kernel.io_uring_disabled=0");
	l.is_admin = l.filtered = true;
	assert_says(&l, -EPERM, "kernel.io_uring_disabled is 2");
	l = healthy;
	l.disabled = 1;
	assert_says(&l, -EPERM, "kernel.io_uring_disabled is 1");
	assert_says(&l, -EPERM, "set kernel.io_uring_group");
	l.group = 1234;
	assert_says(&l, -EPERM, "group 1234");
	l.filtered = true;		/* the sysctl would refuse it anyway */
	assert_says(&l, -EPERM, "kernel.io_uring_disabled is 1");
	l.filtered = false;
	l.is_admin = true;		/* in a user namespace, where it does not count */
	assert_says(&l, -EPERM, "kernel.io_uring_disabled is 1");
}

static void test_a_security_module_is_what_is_left(void **state)
{
	struct limits l = healthy;

	(void)state;
	assert_says(&l, -EPERM, "security module");
	assert_says(&l, -EACCES, "security module");
	l.disabled = -1;		/* a kernel before the sysctl */
	assert_says(&l, -EPERM, "security module");
}

static void test_an_old_kernel_is_named_with_the_one_needed(void **state)
{
	struct limits l = healthy;

	(void)state;
	strcpy(l.release, "5.15.0-old");
	assert_says(&l, -ENOSYS, "5.15.0-old is too old");
	assert_says(&l, -ENOSYS, "5.19 or newer");
	l.filtered = true;		/* but io_uring_setup answers */
	assert_says(&l, -ENOSYS, "too old");
	l.filtered = false;
	l.setup_answer = -ENOSYS;
	assert_says(&l, -ENOSYS, "has no io_uring");
}

static void test_memlock_is_named_with_its_value(void **state)
{
	struct limits l = healthy;

	(void)state;
	l.memlock_bytes = 64 << 10;
	assert_says(&l, -ENOMEM, "RLIMIT_MEMLOCK is 64 KiB");
	assert_says(&l, -ENOMEM, "`ulimit -l 8192`");
	l.memlock_bytes = 16 << 20;
	assert_says(&l, -ENOMEM, "`ulimit -l 32768`");
	l.memlock_bytes = UINT64_MAX;
	assert_says(&l, -ENOMEM, "not the cause");
	l.memlock_bytes = 64 << 10;
	l.locks_freely = true;
	assert_says(&l, -ENOMEM, "not the cause");
}

static void test_descriptors_are_named_with_their_limit(void **state)
{
	struct limits l = healthy;

	(void)state;
	assert_says(&l, -EMFILE, "RLIMIT_NOFILE is 1024");
	assert_says(&l, -EMFILE, "`ulimit -n 2048`");
	assert_says(&l, -ENFILE, "fs.file-max");
}

static void test_other_errors_keep_their_usual_text(void **state)
{
	(void)state;
	assert_string_equal(explain(&healthy, -EIO), rondo_strerror(-EIO));
	assert_string_equal(explain(&healthy, EIO), rondo_strerror(-EIO));
	assert_string_equal(explain(&healthy, RONDO_EGROUP), rondo_strerror(RONDO_EGROUP));
	assert_says(&healthy, EPERM, "security module");	/* either sign, as everywhere */
}

static void test_a_short_buffer_is_cut_and_terminated(void **state)
{
	char small[8] = "yyyyyyy";
	int n = rondo__refusal_explain(&healthy, -EMFILE, small, 4);

	(void)state;
	assert_int_equal(n, strlen(explain(&healthy, -EMFILE)));
	assert_int_equal(strlen(small), 3);
	assert_memory_equal(small, line, 3);
	assert_int_equal(small[4], 'y');
	assert_int_equal(rondo__refusal_explain(&healthy, -EMFILE, NULL, 0), n);
	assert_true(rondo_probe_explain(-EMFILE, small, sizeof(small)) > 0);
}

static void test_this_process_is_seen_as_it_is(void **state)
{
	struct rlimit files;
	struct limits l;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	rondo__limits_look(&l);
	assert_int_equal(l.n_files, files.rlim_cur);
	assert_true(l.release[0] && l.machine[0]);
	assert_true(l.n_maps > 0);
	assert_true(l.disabled >= -1 && l.disabled <= 2);
	files.rlim_cur--;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	rondo__limits_look(&l);
	assert_int_equal(l.n_files, files.rlim_cur);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seccomp_is_named),
		cmocka_unit_test(test_the_sysctl_is_named_with_its_value_and_group),
		cmocka_unit_test(test_a_security_module_is_what_is_left),
		cmocka_unit_test(test_an_old_kernel_is_named_with_the_one_needed),
		cmocka_unit_test(test_memlock_is_named_with_its_value),
		cmocka_unit_test(test_descriptors_are_named_with_their_limit),
		cmocka_unit_test(test_other_errors_keep_their_usual_text),
		cmocka_unit_test(test_a_short_buffer_is_cut_and_terminated),
		cmocka_unit_test(test_this_process_is_seen_as_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
