/* SPDX-License-Identifier: MIT */
/* test_file_faults.c - files on a bad day: disk full, limits, permissions, broken pipes, stopped
 * processes, files that change while they are read. Goal: the error or the short count reaches the
 * task that awaited it, and nothing else happens. Method: the real causes, mostly in a child
 * process that may be limited, stripped of its rights or killed. */
#include "support/child.h"
#include "support/folder.h"
#include "support/matrix.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "rondo/file.h"

enum {
	MANY = 1000,
	BIG = 32 << 20,
	MIB = 1 << 20,
	NOBODY = 65534,
	SKIPPED = 77,			/* a child's exit status: it could not set up its fault */
};

static char big[BIG];

/* In a child: run main_fn, tell a failed check, and make an exit status. */
static int run_checked(rondo_fn *main_fn)
{
	int ret = rondo_run(main_fn, NULL);

	if (check_failure[0])
		print_error("in the child: %s\n", check_failure);
	return ret == 0 && !check_failure[0] ? 0 : 1;
}

static void assert_child_passed(int status, const char *cause)
{
	if (status == SKIPPED) {
		print_message("skipped: %s is not possible here\n", cause);
		skip();
	}
	assert_int_equal(status, 0);
}

/* --- no room --------------------------------------------------------------------------------- */

static int fills_the_disk(void *arg)
{
	int fd = rondo_open("full", O_RDWR | O_CREAT, 0600);
	size_t n = 0;

	(void)arg;
	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_write_all(fd, big, 2 * MIB, &n), -ENOSPC);
	CHECK_EQUAL(n, MIB);		/* all that there was room for is there */
	CHECK_EQUAL(rondo_pwrite(fd, big, 1, 2 * MIB), -ENOSPC);
	CHECK_EQUAL(rondo_fallocate(fd, 0, 0, 2 * MIB), -ENOSPC);
	CHECK_EQUAL(rondo_pread_exactly(fd, big, MIB, 0, NULL), 0);
	return rondo_close(fd);
}

static int with_a_small_disk(void)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mkdir("disk", 0700) < 0 || mount("none", "disk", "tmpfs", 0, "size=1m") < 0 ||
	    chdir("disk") < 0)
		return SKIPPED;
	return run_checked(fills_the_disk);
}

static void test_a_full_disk_is_enospc_after_what_fitted(void **state)
{
	(void)state;
	assert_child_passed(child_result(with_a_small_disk), "mounting a tmpfs (needs root)");
}

static int exceeds_its_limit(void *arg)
{
	int fd = rondo_open("limited", O_RDWR | O_CREAT | O_TRUNC, 0600);
	size_t n = 0;

	(void)arg;
	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_pwrite(fd, big, 1500, 0), 1000);
	CHECK_EQUAL(rondo_pwrite(fd, big, 1500, 1000), -EFBIG);
	CHECK_EQUAL(rondo_write_all(fd, big, 1500, &n), -EFBIG);
	CHECK_EQUAL(n, 1000);
	return rondo_close(fd);
}

/* write(2) would raise SIGXFSZ; an operation of the ring returns the error alone. */
static int with_a_file_limit(void)
{
	const struct rlimit limit = { 1000, 1000 };

	return setrlimit(RLIMIT_FSIZE, &limit) < 0 ? SKIPPED : run_checked(exceeds_its_limit);
}

static void test_a_file_size_limit_shortens_and_then_fails_writes(void **state)
{
	(void)state;
	assert_child_passed(child_result(with_a_file_limit), "RLIMIT_FSIZE");
}

/* --- no right -------------------------------------------------------------------------------- */

static int is_denied(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_open("secret", O_RDONLY, 0), -EACCES);
	CHECK_EQUAL(rondo_open("new", O_WRONLY | O_CREAT, 0600), -EACCES);
	CHECK_EQUAL(rondo_mkdir("folder", 0700), -EACCES);
	CHECK_EQUAL(rondo_unlink("secret"), -EACCES);
	CHECK_EQUAL(rondo_rename("secret", "mine"), -EACCES);
	return 0;
}

/* Root is denied nothing, so it becomes somebody else; others are denied what is their own. */
static int without_rights(void)
{
	int fd = open("secret", O_WRONLY | O_CREAT, 0000);

	if (fd < 0 || close(fd) < 0 || chmod(".", 0555) < 0)
		return SKIPPED;
	if (geteuid() == 0 && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
		return SKIPPED;
	return run_checked(is_denied);
}

static void test_permissions_are_those_of_the_user(void **state)
{
	int status = child_result(without_rights);

	(void)state;
	assert_int_equal(chmod(".", 0700), 0);
	assert_child_passed(status, "giving up rights");
}

/* --- broken pipes ---------------------------------------------------------------------------- */

static int writes_to_nobody(void *arg)
{
	const struct iovec iov = { big, 10 };
	int p[2];

	(void)arg;
	CHECK_EQUAL(pipe2(p, O_CLOEXEC), 0);
	close(p[0]);
	CHECK_EQUAL(rondo_write(p[1], "x", 1), -EPIPE);
	CHECK_EQUAL(rondo_pwrite(p[1], "x", 1, 0), -EPIPE);
	CHECK_EQUAL(rondo_writev(p[1], &iov, 1), -EPIPE);
	CHECK_EQUAL(rondo_pwritev2(p[1], &iov, 1, -1, 0), -EPIPE);
	CHECK_EQUAL(rondo_write_all(p[1], big, MIB, NULL), -EPIPE);
	return rondo_close(p[1]);
}

/* A writer that is parked when the last reader goes. */
static int write_page(void *arg)
{
	return (int)rondo_write(*(int *)arg, big, 4096);
}

static int reader_goes_away(void *arg)
{
	rondo_task *task;
	int p[2];

	(void)arg;
	CHECK_EQUAL(pipe2(p, O_CLOEXEC), 0);
	CHECK_EQUAL(write(p[1], big, 1 << 16), 1 << 16);
	task = rondo_create_task(write_page, &p[1]);
	CHECK(task);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	close(p[0]);
	CHECK_EQUAL(rondo_await(task), -EPIPE);
	return rondo_close(p[1]);
}

static int with_default_sigpipe(void)
{
	signal(SIGPIPE, SIG_DFL);
	return run_checked(writes_to_nobody) || run_checked(reader_goes_away);
}

static void test_a_pipe_without_reader_is_an_error_and_no_signal(void **state)
{
	(void)state;
	assert_int_equal(child_result(with_default_sigpipe), 0);
}

/* --- a stopped process ----------------------------------------------------------------------- */

/* With O_CREAT the open waits in a worker thread, and a stop signal interrupts that. */
static int opens_a_fifo(void *arg)
{
	int fd = rondo_open("stopped", O_RDONLY | O_CREAT, 0600);

	(void)arg;
	return fd < 0 ? fd : rondo_close(fd);
}

static int waits_for_a_fifo(void *unused)
{
	(void)unused;
	return run_checked(opens_a_fifo);
}

/* Does any thread of the process wait in a call of this name? */
static bool waits_in(pid_t pid, const char *call)
{
	char command[128];

	snprintf(command, sizeof(command), "cd /proc/%d/task && grep -qs %s */wchan */stack",
		 (int)pid, call);
	return system(command) == 0;
}

static bool becomes_true(bool (*condition)(pid_t), pid_t pid)
{
	for (int i = 0; i < 2000; i++) {
		if (condition(pid))
			return true;
		usleep(1000);
	}
	return false;
}

static bool is_waiting(pid_t pid)
{
	return waits_in(pid, "wait_for_partner");
}

static bool is_stopped(pid_t pid)
{
	int status;

	return waitpid(pid, &status, WUNTRACED | WNOHANG) == pid && WIFSTOPPED(status);
}

static void test_a_stopped_and_continued_process_goes_on_waiting(void **state)
{
	int status = -1, writer = -1;
	bool seen;
	pid_t pid;

	(void)state;
	assert_int_equal(mkfifo("stopped", 0600), 0);
	pid = child_fork(waits_for_a_fifo, NULL);
	seen = becomes_true(is_waiting, pid);
	if (seen && kill(pid, SIGSTOP) == 0 && becomes_true(is_stopped, pid) &&
	    kill(pid, SIGCONT) == 0 && becomes_true(is_waiting, pid))
		writer = open("stopped", O_RDWR | O_CLOEXEC);
	if (writer < 0)
		kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	close(writer);
	if (!seen) {
		print_message("skipped: where threads wait is not shown in /proc here\n");
		skip();
	}
	assert_true(writer >= 0);
	assert_int_equal(status, 0);
}

/* --- files that change ----------------------------------------------------------------------- */

static int reads_what_is_cut(void *arg)
{
	int fd = rondo_open("cut", O_RDWR | O_CREAT | O_TRUNC, 0600);
	size_t n = 0;

	(void)arg;
	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_write_all(fd, big, MIB, NULL), 0);
	CHECK_EQUAL(rondo_pread(fd, big, 4096, 0), 4096);
	CHECK_EQUAL(ftruncate(fd, 5000), 0);
	CHECK_EQUAL(rondo_pread(fd, big, 4096, 4096), 904);
	CHECK_EQUAL(rondo_pread(fd, big, 4096, 8192), 0);
	CHECK_EQUAL(rondo_pread_exactly(fd, big, MIB, 0, &n), -RONDO_EINCOMPLETE);
	CHECK_EQUAL(n, 5000);
	return rondo_close(fd);
}

static void test_a_file_cut_while_it_is_read_ends_early(void **state)
{
	(void)state;
	assert_int_equal(rondo_run(reads_what_is_cut, NULL), 0);
	assert_checks_passed();
}

static int append_fd;

static int appends(void *arg)
{
	return (int)rondo_pwrite(append_fd, arg, 10, 0);
}

static int appends_from_many_tasks(void *arg)
{
	static char lines[10][32];
	rondo_task *tasks[10];

	(void)arg;
	append_fd = rondo_open("log", O_RDWR | O_CREAT | O_APPEND, 0600);
	for (int i = 0; i < 10; i++) {
		snprintf(lines[i], sizeof(lines[i]), "line %04d\n", i);
		tasks[i] = rondo_create_task(appends, lines[i]);
		CHECK(tasks[i]);
	}
	for (int i = 0; i < 10; i++)
		CHECK_EQUAL(rondo_await(tasks[i]), 10);
	CHECK_EQUAL(rondo_pread(append_fd, big, 200, 0), 100);
	big[100] = '\0';
	for (int i = 0; i < 10; i++)
		CHECK(strstr(big, lines[i]));
	return rondo_close(append_fd);
}

static void test_o_append_is_honoured(void **state)
{
	(void)state;
	assert_int_equal(rondo_run(appends_from_many_tasks, NULL), 0);
	assert_checks_passed();
}

/* --- many, and long -------------------------------------------------------------------------- */

struct reader {
	int fd, i;
	uint32_t value;
};

static int read_own_number(void *arg)
{
	struct reader *r = arg;

	return (int)rondo_pread(r->fd, &r->value, sizeof(r->value), 4 * r->i);
}

static int many_readers(void *arg)
{
	static struct reader readers[MANY];
	static rondo_task *tasks[MANY];
	static uint32_t numbers[MANY];
	int fd = rondo_open("numbers", O_RDWR | O_CREAT, 0600);

	(void)arg;
	for (uint32_t i = 0; i < MANY; i++)
		numbers[i] = 7 * i;
	CHECK_EQUAL(rondo_write_all(fd, numbers, sizeof(numbers), NULL), 0);
	for (int i = 0; i < MANY; i++) {
		readers[i] = (struct reader){ .fd = fd, .i = i };
		tasks[i] = rondo_create_task(read_own_number, &readers[i]);
		CHECK(tasks[i]);
	}
	for (int i = 0; i < MANY; i++) {
		CHECK_EQUAL(rondo_await(tasks[i]), 4);
		CHECK_EQUAL(readers[i].value, 7 * i);
	}
	return rondo_close(fd);
}

/* The SQ has 256 entries. */
static void test_a_thousand_tasks_read_at_once(void **state)
{
	(void)state;
	assert_int_equal(rondo_run(many_readers, NULL), 0);
	assert_checks_passed();
}

static int write_big(void *arg)
{
	int ret = (int)rondo_pwrite(*(int *)arg, big, BIG, 0);

	/* It could not be stopped, so the cancel is for the await after it. */
	return rondo_yield() == -ECANCELED ? ret : -EILSEQ;
}

static int cancels_a_running_write(void *arg)
{
	int fd = rondo_open("long", O_RDWR | O_CREAT | O_TRUNC, 0600);
	rondo_task *task = rondo_create_task(write_big, &fd);
	struct stat st = { 0 };

	(void)arg;
	CHECK(fd >= 0 && task);
	while (st.st_size == 0) {
		CHECK_EQUAL(rondo_yield(), 0);
		CHECK_EQUAL(fstat(fd, &st), 0);
	}
	CHECK(rondo_cancel(task));
	CHECK_EQUAL(rondo_await(task), BIG);
	return rondo_close(fd);
}

static void test_a_running_write_completes_although_cancelled(void **state)
{
	(void)state;
	assert_int_equal(rondo_run(cancels_a_running_write, NULL), 0);
	assert_checks_passed();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_disk_is_enospc_after_what_fitted),
		cmocka_unit_test(test_a_file_size_limit_shortens_and_then_fails_writes),
		cmocka_unit_test(test_permissions_are_those_of_the_user),
		cmocka_unit_test(test_a_pipe_without_reader_is_an_error_and_no_signal),
		cmocka_unit_test(test_a_stopped_and_continued_process_goes_on_waiting),
		cmocka_unit_test(test_a_file_cut_while_it_is_read_ends_early),
		cmocka_unit_test(test_o_append_is_honoured),
		cmocka_unit_test(test_a_thousand_tasks_read_at_once),
		cmocka_unit_test(test_a_running_write_completes_although_cancelled),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
