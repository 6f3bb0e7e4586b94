/* SPDX-License-Identifier: MIT */
/* test_sigpipe.c - goal: SIGPIPE cannot kill a user of the library, also where a write cannot be told
 * not to raise it (KN-4), and the thread's signal mask is as it was. Method: a kernel that refuses
 * RWF_NOSIGNAL, as kernels before 6.18 do, in a child with SIGPIPE at its default. */
#include "support/child.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rondo/file.h"
#include "task/run.h"

static long refuse_nosignal(const struct kernel *k, long number, long a, long b, long c, long d, long e,
			    long f)
{
	return number == SYS_pwritev2 ? -EOPNOTSUPP
				      : rondo__kernel_linux.call(k, number, a, b, c, d, e, f);
}

static int write_to_nobody(void *arg)
{
	int p[2], ret;

	(void)arg;
	if (pipe(p) < 0)
		return -errno;
	close(p[0]);
	ret = (int)rondo_write(p[1], "x", 1);
	close(p[1]);
	return ret;
}

static bool sigpipe_is_blocked(void)
{
	sigset_t set;

	pthread_sigmask(SIG_BLOCK, NULL, &set);
	return sigismember(&set, SIGPIPE) == 1;
}

static int run_old_kernel(void)
{
	struct kernel old = rondo__kernel_linux;

	old.call = refuse_nosignal;
	return rondo__run_on(&old, NULL, write_to_nobody, NULL);
}

static int survives(void)
{
	signal(SIGPIPE, SIG_DFL);
	CHILD_CHECK(run_old_kernel() == -EPIPE);
	CHILD_CHECK(!sigpipe_is_blocked());
	return 0;
}

static int keeps_a_blocked_signal_blocked(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	CHILD_CHECK(run_old_kernel() == -EPIPE);
	CHILD_CHECK(sigpipe_is_blocked());
	return 0;
}

static int survives_here(void)
{
	signal(SIGPIPE, SIG_DFL);
	CHILD_CHECK(rondo_run(write_to_nobody, NULL) == -EPIPE);
	CHILD_CHECK(!sigpipe_is_blocked());
	return 0;
}

static void test_a_write_nobody_reads_does_not_kill_on_an_old_kernel(void **state)
{
	(void)state;
	assert_child_succeeds(survives);
}

static void test_a_mask_of_the_programs_own_stays(void **state)
{
	(void)state;
	assert_child_succeeds(keeps_a_blocked_signal_blocked);
}

static void test_a_write_nobody_reads_does_not_kill_here(void **state)
{
	(void)state;
	assert_child_succeeds(survives_here);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_write_nobody_reads_does_not_kill_on_an_old_kernel),
		cmocka_unit_test(test_a_mask_of_the_programs_own_stays),
		cmocka_unit_test(test_a_write_nobody_reads_does_not_kill_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
