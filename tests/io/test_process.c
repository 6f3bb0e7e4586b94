/* SPDX-License-Identifier: MIT */
/* test_process.c - waiting for children. Goal: the matrix, on the ring and by pidfd; each child is
 * reaped once, by whom it was meant for, and a cancelled wait reaps nobody. Method: children that
 * pause until they are killed, stopped or told to exit. */
#include "support/folder.h"
#include "support/matrix.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "ring/compat.h"
#include "rondo/process.h"

enum { N_CHILDREN = 20 };

static pid_t child = -1;
static int pidfd = -1;

/* A child that does nothing, and does not outlive us. */
static pid_t start_child(void)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

/* -1 where there is none; asked for in vain once only, because valgrind complains each time. */
static int open_pidfd(pid_t pid)
{
	static bool missing;
	int fd = missing ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);

	missing |= fd < 0;
	return fd;
}

static int fork_child(void *ctx)
{
	(void)ctx;
	child = start_child();
	pidfd = open_pidfd(child);
	return child > 0 ? 0 : -1;
}

static void reap_child(void *ctx)
{
	(void)ctx;
	if (pidfd >= 0)
		close(pidfd);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);	/* -ECHILD if the test did */
}

static int kill_child(void *ctx)
{
	(void)ctx;
	return kill(child, SIGKILL);
}

/* Success is to have learnt that this child was killed. */
static int told_of_kill(int ret, const siginfo_t *info)
{
	if (ret < 0)
		return info->si_pid == -7 ? ret : -EILSEQ;	/* untouched on failure */
	return info->si_pid == child && info->si_code == CLD_KILLED &&
	       info->si_status == SIGKILL && info->si_signo == SIGCHLD ? 0 : -EILSEQ;
}

static int start_by_pid(void *ctx)
{
	siginfo_t info = { .si_pid = -7 };

	(void)ctx;
	return told_of_kill(rondo_waitid(P_PID, (id_t)child, &info, WEXITED), &info);
}

static int start_by_pidfd(void *ctx)
{
	siginfo_t info = { .si_pid = -7 };

	(void)ctx;
	return told_of_kill(rondo_waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED), &info);
}

static int start_any(void *ctx)
{
	siginfo_t info = { .si_pid = -7 };

	(void)ctx;
	return told_of_kill(rondo_waitid(P_ALL, 0, &info, WEXITED), &info);
}

static void check_wait(const char *name, rondo_fn *start, const struct kernel *kernel)
{
	const struct matrix_verb v = {
		.start = start, .finish = kill_child, .prepare = fork_child,
		.clean = reap_child, .kernel = kernel,
	};

	matrix_check(name, &v);
}

static int has_waitid(void *arg)
{
	(void)arg;
	return ring_has_op(&rondo__loop->ring, RONDO_OP_WAITID);
}

static void test_waitid(void **state)
{
	(void)state;
	if (rondo_run(has_waitid, NULL) != 1) {
		print_message("skipped: this kernel has no IORING_OP_WAITID\n");
		skip();
	}
	check_wait("waitid of a process", start_by_pid, NULL);
	check_wait("waitid of any child", start_any, NULL);
}

static bool has_pidfd(void)
{
	int fd = open_pidfd(getpid());

	return fd >= 0 && close(fd) == 0;
}

/* valgrind does not know the system call. */
#define NEED_PIDFD()                                                                               \
	do {                                                                                       \
		if (!has_pidfd()) {                                                                \
			print_message("skipped: there is no pidfd_open(2) here\n");               \
			skip();                                                                    \
		}                                                                                  \
	} while (0)

static void test_waitid_by_pidfd(void **state)
{
	struct test_kernel k;

	(void)state;
	NEED_PIDFD();
	kernel_without(&k, RONDO_OP_WAITID);
	check_wait("waitid of a pidfd", start_by_pidfd, NULL);
	check_wait("waitid of a process, by pidfd", start_by_pid, &k.kernel);
	check_wait("waitid of a pidfd, by pidfd", start_by_pidfd, &k.kernel);
}

/* Between the first look and the pidfd somebody else may reap the child, or take the last descriptor;
 * and a pidfd may be readable while a thread of its process still runs. */
static long pidfd_error;
static unsigned n_looks, n_empty;

static long twisted_call(const struct kernel *k, long number, long a, long b, long c, long d, long e,
			 long f)
{
	long ret = 0;

	if (number == SYS_pidfd_open && pidfd_error)
		return pidfd_error;
	if (number == SYS_waitid)
		n_looks++;
	if (number != SYS_waitid || n_looks < 2 || !n_empty)
		ret = rondo__kernel_linux.call(k, number, a, b, c, d, e, f);
	else
		n_empty--;
	return ret;
}

static int waits_for_child(void *arg)
{
	(void)arg;
	n_looks = 0;
	return rondo_waitid(P_PID, (id_t)child, NULL, WEXITED);
}

static int kills_soon(void *arg)
{
	rondo_task *t = rondo_create_task(waits_for_child, NULL);

	(void)arg;
	CHECK_EQUAL(turns(4), 0);
	CHECK_EQUAL(n_looks, 1);		/* it waits for the pidfd */
	CHECK_EQUAL(kill(child, SIGTERM), 0);
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(n_empty, 0);
	return 0;
}

static void test_what_may_come_between_two_looks(void **state)
{
	struct test_kernel k;
	int n_fds;

	(void)state;
	NEED_PIDFD();
	kernel_without(&k, RONDO_OP_WAITID);
	k.kernel.call = twisted_call;
	n_fds = count_fds();
	assert_int_equal(fork_child(NULL), 0);
	pidfd_error = -ESRCH;
	assert_int_equal(rondo__run_on(&k.kernel, NULL, waits_for_child, NULL), -ECHILD);
	pidfd_error = -EMFILE;
	assert_int_equal(rondo__run_on(&k.kernel, NULL, waits_for_child, NULL), -EMFILE);
	pidfd_error = 0;
	n_empty = 3;
	assert_int_equal(rondo__run_on(&k.kernel, NULL, kills_soon, NULL), 0);
	assert_checks_passed();
	reap_child(NULL);
	assert_int_equal(count_fds(), n_fds);
}

/* --- what is told ---------------------------------------------------------------------------- */

static int looks_without_waiting(void *arg)
{
	siginfo_t info = { .si_pid = -7 };

	(void)arg;
	CHECK_EQUAL(rondo_waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG), 0);
	CHECK_EQUAL(info.si_pid, 0);
	CHECK_EQUAL(rondo_waitid(P_ALL, 0, &info, WEXITED | WNOHANG), 0);
	CHECK_EQUAL(kill_child(NULL), 0);
	/* Seen, and left to be reaped, as often as one likes. */
	CHECK_EQUAL(rondo_waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	CHECK_EQUAL(info.si_pid, child);
	/* A pending cancel comes first, even where nothing would have to be waited for. */
	CHECK(rondo_cancel(rondo_current_task()));
	CHECK_EQUAL(rondo_waitid(P_PID, (id_t)child, NULL, WEXITED), -ECANCELED);
	rondo_uncancel(rondo_current_task());
	CHECK_EQUAL(rondo_waitid(P_PID, (id_t)child, NULL, WEXITED), 0);
	CHECK_EQUAL(rondo_waitid(P_PID, (id_t)child, &info, WEXITED), -ECHILD);
	CHECK_EQUAL(info.si_pid, child);
	return 0;
}

static int is_told_errors(void *arg)
{
	siginfo_t info;

	(void)arg;
	CHECK_EQUAL(rondo_waitid(P_PID, 1, &info, WEXITED), -ECHILD);
	CHECK_EQUAL(rondo_waitid(P_PID, (id_t)child, &info, 0), -EINVAL);
	CHECK_EQUAL(rondo_waitid((idtype_t)99, (id_t)child, &info, WEXITED), -EINVAL);
	CHECK_EQUAL(rondo_waitid(P_PIDFD, 9999, &info, WEXITED), -EBADF);
	return 0;
}

static void run_with_child(const struct kernel *kernel, rondo_fn *main_fn)
{
	int ret, n_fds = count_fds();

	assert_int_equal(fork_child(NULL), 0);
	ret = rondo__run_on(kernel, NULL, main_fn, NULL);
	assert_checks_passed();
	assert_int_equal(ret, 0);
	reap_child(NULL);
	assert_int_equal(count_fds(), n_fds);
}

static void test_looking_does_not_wait_and_reaping_is_once(void **state)
{
	struct test_kernel k;

	(void)state;
	run_with_child(&rondo__kernel_linux, looks_without_waiting);
	NEED_PIDFD();
	run_with_child(kernel_without(&k, RONDO_OP_WAITID), looks_without_waiting);
}

static void test_errors_come_back_as_they_are(void **state)
{
	struct test_kernel k;

	(void)state;
	run_with_child(&rondo__kernel_linux, is_told_errors);
	run_with_child(kernel_without(&k, RONDO_OP_WAITID), is_told_errors);
}

static int sees_a_stop(void *arg)
{
	siginfo_t info;

	(void)arg;
	CHECK_EQUAL(kill(child, SIGSTOP), 0);
	CHECK_EQUAL(rondo_waitid(P_PID, (id_t)child, &info, WSTOPPED), 0);
	CHECK(info.si_code == CLD_STOPPED && info.si_status == SIGSTOP);
	CHECK_EQUAL(kill(child, SIGCONT), 0);
	CHECK_EQUAL(rondo_waitid(P_PID, (id_t)child, &info, WCONTINUED), 0);
	CHECK_EQUAL(info.si_code, CLD_CONTINUED);
	return 0;
}

/* What a pidfd does not tell is refused, not waited for in vain. */
static int is_refused_a_stop(void *arg)
{
	siginfo_t info;

	(void)arg;
	CHECK_EQUAL(rondo_waitid(P_PID, (id_t)child, &info, WSTOPPED), -EOPNOTSUPP);
	CHECK_EQUAL(rondo_waitid(P_PID, (id_t)child, &info, WEXITED | WSTOPPED), -EOPNOTSUPP);
	CHECK_EQUAL(rondo_waitid(P_ALL, 0, &info, WEXITED), -EOPNOTSUPP);
	return 0;
}

static void test_stops_are_told_where_the_kernel_can(void **state)
{
	struct test_kernel k;

	(void)state;
	if (rondo_run(has_waitid, NULL) == 1)
		run_with_child(&rondo__kernel_linux, sees_a_stop);
	run_with_child(kernel_without(&k, RONDO_OP_WAITID), is_refused_a_stop);
}

/* --- many children --------------------------------------------------------------------------- */

struct waiter {
	pid_t pid;
	siginfo_t info;
};

static int wait_for_own(void *arg)
{
	struct waiter *w = arg;

	return rondo_waitid(P_PID, (id_t)w->pid, &w->info, WEXITED);
}

static int each_gets_its_own(void *arg)
{
	struct waiter *w = arg;
	rondo_task *tasks[N_CHILDREN];

	for (int i = 0; i < N_CHILDREN; i++) {
		tasks[i] = rondo_create_task(wait_for_own, &w[i]);
		CHECK(tasks[i]);
	}
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	for (int i = N_CHILDREN - 1; i >= 0; i--)
		CHECK_EQUAL(kill(w[i].pid, i % 2 ? SIGTERM : SIGKILL), 0);
	for (int i = 0; i < N_CHILDREN; i++) {
		CHECK_EQUAL(rondo_await(tasks[i]), 0);
		CHECK_EQUAL(w[i].info.si_pid, w[i].pid);
		CHECK_EQUAL(w[i].info.si_status, i % 2 ? SIGTERM : SIGKILL);
	}
	return 0;
}

static void test_each_task_is_told_of_its_own_child(void **state)
{
	struct waiter waiters[N_CHILDREN];
	int ret;

	(void)state;
	for (int i = 0; i < N_CHILDREN; i++)
		waiters[i].pid = start_child();
	ret = rondo_run(each_gets_its_own, waiters);
	for (int i = 0; ret != 0 && i < N_CHILDREN; i++)
		kill(waiters[i].pid, SIGKILL);
	assert_checks_passed();
	assert_int_equal(ret, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waitid),
		cmocka_unit_test(test_waitid_by_pidfd),
		cmocka_unit_test(test_what_may_come_between_two_looks),
		cmocka_unit_test(test_looking_does_not_wait_and_reaping_is_once),
		cmocka_unit_test(test_errors_come_back_as_they_are),
		cmocka_unit_test(test_stops_are_told_where_the_kernel_can),
		cmocka_unit_test(test_each_task_is_told_of_its_own_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
