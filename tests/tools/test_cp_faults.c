/* SPDX-License-Identifier: MIT */
/* test_cp_faults.c - goal: whatever happens to `rondo cp`, DST is the old file or the new, never
 * part of either; and unless it was killed, no temporary file is left. Method: kill it at many
 * moments (by how far it has come, by time, and by strace before each of its io_uring_enter calls),
 * interrupt it there, let these calls fail, fill the disk, limit its files. */
#include "files.h"

#include <sched.h>
#include <sys/mount.h>

enum {
	OLD_SIZE = 100000, NEW_SIZE = (6 << 20) + 77,
	SMALL_SIZE = (1 << 20) + 77,		/* three blocks: for strace, which is slow */
	OLD = 1, NEW = 2,			/* seeds of their content */
};

static uint64_t random_state = 88172645463325252u;

static uint64_t random_below(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % n;
}

/* What a test starts from: `new` is to be copied to `there`, where an old file is. */
static void make_files(size_t new_size)
{
	files_make("new", new_size, NEW, 0644);
	files_make("there", OLD_SIZE, OLD, 0600);
}

static bool there_is_old(void)
{
	return files_is("there", OLD_SIZE, OLD) && files_mode("there") == 0600;
}

static bool there_is_new(size_t new_size)
{
	return files_is("there", new_size, NEW) && files_mode("there") == 0644;
}

/* --- moments --------------------------------------------------------------------------------- */

static bool has_ended(pid_t pid)
{
	siginfo_t info = { .si_pid = 0 };

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid;
}

static void spin(double seconds)
{
	double end = command_now() + seconds;

	while (command_now() < end)
		;
}

/* Wait until the copy has written so many bytes, or is over. */
static void await_bytes(pid_t pid, off_t n_bytes)
{
	char path[PATH_MAX];
	struct stat st;

	while (!has_ended(pid))
		if (files_find_temporary(".", path, sizeof(path)) && stat(path, &st) == 0 &&
		    st.st_size >= n_bytes)
			return;
}

static void signal_at_some_moment(struct command *c, int kind, int signal_number, double whole)
{
	command_start(c);
	if (kind == 0)				/* any time, also before it has begun */
		spin((double)random_below(1000) / 1000 * whole);
	else if (kind == 1)			/* while it copies */
		await_bytes(c->pid, (off_t)random_below(NEW_SIZE));
	else					/* when all is copied, and on its way to the disk */
		await_bytes(c->pid, NEW_SIZE), spin((double)random_below(1000) / 5000 * whole);
	kill(c->pid, signal_number);
	command_end(c);
}

/* How long a whole copy takes here. */
static double time_copy(void)
{
	struct command c = { .arguments = { "cp", "new", "there" } };
	double start = command_now();

	command_run(&c);
	assert_succeeds(&c);
	assert_true(there_is_new(NEW_SIZE));
	return command_now() - start;
}

static void test_killed_60_times_the_file_is_the_old_one_or_the_new(void **state)
{
	char path[PATH_MAX];
	int n_old = 0, n_left = 0;
	double whole;

	(void)state;
	make_files(NEW_SIZE);
	whole = time_copy();
	for (int i = 0; i < 60; i++) {
		struct command c = { .arguments = { "cp", "new", "there" } };
		bool old;

		files_make("there", OLD_SIZE, OLD, 0600);
		signal_at_some_moment(&c, i % 3, SIGKILL, whole);
		old = there_is_old();
		assert_true(old || there_is_new(NEW_SIZE));
		assert_true(c.status == KILLED + SIGKILL || (c.status == OK && !old));
		n_old += old;
		while (files_find_temporary(".", path, sizeof(path))) {
			n_left++;
			assert_int_equal(unlink(path), 0);
		}
	}
	print_message("killed 60 times: the old file %d times, the new one %d; amid a copy %d\n",
		      n_old, 60 - n_old, n_left);
	assert_true(n_left > 0);
}

static void assert_interrupted(const struct command *c)
{
	assert_refuses(c, FAILED, "new: interrupted");
	assert_true(there_is_old());
}

static void test_interrupted_it_leaves_the_old_file_and_nothing_else(void **state)
{
	int n_interrupted = 0;
	double whole;

	(void)state;
	make_files(NEW_SIZE);
	whole = time_copy();
	for (int i = 0; i < 24 || (n_interrupted == 0 && i < 100); i++) {
		struct command c = { .arguments = { "cp", "new", "there" } };
		int number = i / 3 % 2 ? SIGTERM : SIGINT;

		files_make("there", OLD_SIZE, OLD, 0600);
		signal_at_some_moment(&c, i % 3, number, whole);
		assert_no_temporary(".");
		if (c.status == OK) {
			assert_true(there_is_new(NEW_SIZE));
		} else if (c.status == KILLED + number) {	/* before its loop, or after */
			assert_true(there_is_old() || there_is_new(NEW_SIZE));
		} else {
			assert_interrupted(&c);
			n_interrupted++;
		}
	}
	assert_true(n_interrupted > 0);
}

/* --- by strace ------------------------------------------------------------------------------- */

/* Leaks cannot be looked for in a process that is traced. */
static int without_leak_check(void)
{
	const char *options = getenv("ASAN_OPTIONS");
	char more[512];

	snprintf(more, sizeof(more), "%s:detect_leaks=0", options ? options : "");
	return setenv("ASAN_OPTIONS", more, 1);
}

static void copy_under_strace(struct command *c, const char *injection)
{
	const struct command traced = {
		.program = "strace",
		.arguments = { "-f", "-qq", "-o", "trace", "-e", "trace=io_uring_enter", "-e",
			       injection, command_rondo, "cp", "new", "there" },
		.prepare = without_leak_check,
	};

	*c = traced;
	command_run(c);
}

static void need_strace(void)
{
	struct command c = { .program = "strace",
			     .arguments = { "-o", "/dev/null", "-e", "inject=sync:error=EIO",
					    "true" } };

	command_start(&c);
	command_end(&c);
	if (c.status == OK)
		return;
	print_message("strace is not installed, or may not trace here\n");
	skip();
}

/* How many io_uring_enter calls a copy takes; strace writes a line about each. */
static int count_enters(void)
{
	struct command c;
	char line[256];
	int n = 0;
	FILE *f;

	copy_under_strace(&c, "inject=io_uring_enter:delay_enter=0:when=1000");
	assert_succeeds(&c);
	f = fopen("trace", "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, "io_uring_enter(") != NULL;
	fclose(f);
	return n;
}

/* Send a signal before the first io_uring_enter, the second, and so on, to the last. */
static int sweep(const char *signal_name, void (*check)(const struct command *c))
{
	int n_enters;

	make_files(SMALL_SIZE);
	n_enters = count_enters();
	assert_in_range(n_enters, 6, 100);
	for (int i = 1; i <= n_enters; i++) {
		struct command c;
		char injection[80];

		files_make("there", OLD_SIZE, OLD, 0600);
		snprintf(injection, sizeof(injection), "inject=io_uring_enter:signal=%s:when=%d",
			 signal_name, i);
		copy_under_strace(&c, injection);
		check(&c);
	}
	return n_enters;
}

static void check_killed(const struct command *c)
{
	char path[PATH_MAX];

	assert_true(there_is_old() || there_is_new(SMALL_SIZE));
	assert_true(c->status == KILLED + SIGKILL || (c->status == OK && !there_is_old()));
	if (files_find_temporary(".", path, sizeof(path)))
		assert_int_equal(unlink(path), 0);
}

static void test_killed_before_each_enter_the_file_is_the_old_one_or_the_new(void **state)
{
	int n_enters;

	(void)state;
	need_strace();
	n_enters = sweep("SIGKILL", check_killed);
	print_message("killed before each of its %d io_uring_enter calls\n", n_enters);
}

static int n_in_time, n_too_late;

/* What it says is what is so. Its last calls are made when the loop is being closed, where ^C is
 * not held back any more. */
static void check_interrupted(const struct command *c)
{
	assert_no_temporary(".");
	if (c->status == OK || (c->status == KILLED + SIGINT && n_too_late > 0)) {
		assert_true(there_is_new(SMALL_SIZE));
		n_too_late++;
	} else {
		assert_interrupted(c);
		n_in_time++;
	}
}

static void test_interrupted_at_each_enter_it_tells_the_truth(void **state)
{
	(void)state;
	need_strace();
	sweep("SIGINT", check_interrupted);
	print_message("interrupted %d times in time, %d too late\n", n_in_time, n_too_late);
	assert_true(n_in_time > 0 && n_too_late > 0);
}

static void test_an_enter_that_fails_for_the_moment_is_tried_again(void **state)
{
	static const char *const errors[] = { "EINTR", "EAGAIN", "EBUSY" };
	static const char *const moments[] = { "2+3", "1+2", "4" };

	(void)state;
	need_strace();
	for (int i = 0; i < 9; i++) {
		struct command c;
		char injection[80];

		make_files(SMALL_SIZE);
		snprintf(injection, sizeof(injection), "inject=io_uring_enter:error=%s:when=%s",
			 errors[i % 3], moments[i / 3]);
		copy_under_strace(&c, injection);
		assert_succeeds(&c);
		assert_true(there_is_new(SMALL_SIZE));
		assert_no_temporary(".");
	}
}

/* --- no room --------------------------------------------------------------------------------- */

static void assert_fails(const char *from, const char *to, int (*prepare)(void), const char *about)
{
	struct command c = { .arguments = { "cp", from, to }, .prepare = prepare };

	command_run(&c);
	assert_refuses(&c, FAILED, about);
}

/* A small disk, in a mount namespace of this program's own. */
static void mount_small_disk(const char *folder)
{
	assert_int_equal(mkdir(folder, 0755), 0);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", folder, "tmpfs", 0, "size=256k") < 0) {
		print_message("a small disk cannot be mounted here: %s\n", strerror(errno));
		skip();
	}
}

static void test_on_a_full_disk_nothing_is_torn_and_nothing_left(void **state)
{
	static const char about[] = "disk/there: No space left on device";

	(void)state;
	mount_small_disk("disk");
	files_make("new", 300000, NEW, 0644);
	assert_fails("new", "disk/there", NULL, about);
	assert_int_not_equal(access("disk/there", F_OK), 0);
	assert_no_temporary("disk");
	files_make("disk/there", OLD_SIZE, OLD, 0600);
	assert_fails("new", "disk", NULL, "disk/new: No space left on device");
	assert_fails("new", "disk/there", NULL, about);
	assert_true(files_is("disk/there", OLD_SIZE, OLD));
	assert_no_temporary("disk");
	/* Of this one nobody knows beforehand that it is too large. */
	if (access("/proc/kallsyms", R_OK) == 0)
		assert_fails("/proc/kallsyms", "disk/there", NULL, about);
	assert_true(files_is("disk/there", OLD_SIZE, OLD));
	assert_no_temporary("disk");
	assert_int_equal(umount("disk"), 0);
}

static int with_limited_files(void)
{
	return child_limit(RLIMIT_FSIZE, 1 << 20);
}

static void test_a_limit_on_file_sizes_is_an_error_not_a_death(void **state)
{
	struct command c = { .arguments = { "cp", "new", "there" }, .prepare = with_limited_files };

	(void)state;
	make_files((1 << 20) + 1);
	assert_fails("new", "there", with_limited_files, "there: File too large");
	assert_true(there_is_old());
	assert_no_temporary(".");
	make_files(NEW_SIZE);
	assert_fails("new", "absent", with_limited_files, "absent: File too large");
	assert_int_not_equal(access("absent", F_OK), 0);
	assert_no_temporary(".");
	make_files(1 << 20);
	command_run(&c);
	assert_succeeds(&c);
	assert_true(there_is_new(1 << 20));
}

/* Its first page is never mapped. */
static void test_what_cannot_be_read_is_an_error(void **state)
{
	(void)state;
	make_files(1);
	assert_fails("/proc/self/mem", "there", NULL, "/proc/self/mem: Input/output error");
	assert_true(there_is_old());
	assert_no_temporary(".");
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_killed_60_times_the_file_is_the_old_one_or_the_new),
	cmocka_unit_test(test_interrupted_it_leaves_the_old_file_and_nothing_else),
	cmocka_unit_test(test_killed_before_each_enter_the_file_is_the_old_one_or_the_new),
	cmocka_unit_test(test_interrupted_at_each_enter_it_tells_the_truth),
	cmocka_unit_test(test_an_enter_that_fails_for_the_moment_is_tried_again),
	cmocka_unit_test(test_a_limit_on_file_sizes_is_an_error_not_a_death),
	cmocka_unit_test(test_what_cannot_be_read_is_an_error),
	cmocka_unit_test(test_on_a_full_disk_nothing_is_torn_and_nothing_left),
};

COMMAND_MAIN(tests, command_enter)
