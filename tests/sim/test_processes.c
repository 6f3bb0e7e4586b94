/* SPDX-License-Identifier: MIT */
/* test_processes.c - simulated children, futexes and madvise. Goal: each child is told of once and
 * to whom it was meant for; futexes wake whom they should; the errors are Linux's. Method: children
 * that exit later under hundreds of seeds; programs that need no child run on both kernels. */
#include "sim/seeds.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "io/io.h"
#include "rondo/file.h"
#include "rondo/memory.h"
#include "rondo/poll.h"
#include "rondo/process.h"
#include "task/task.h"

#define SECOND UINT64_C(1000000000)

static const struct kernel *seam(void)
{
	return rondo__self()->loop->ring.kernel;
}

static bool has_op(unsigned opcode)
{
	return ring_has_op(&rondo__self()->loop->ring, opcode);
}

/* --- errors ---------------------------------------------------------------------------------- */

static int is_refused(void *arg)
{
	siginfo_t info = { .si_pid = -7 };
	int fd = (int)kernel_call2(seam(), SYS_eventfd2, 0, 0);

	(void)arg;
	CHECK_EQUAL(rondo_waitid(P_ALL, 0, &info, WEXITED), -ECHILD);
	CHECK_EQUAL(rondo_waitid(P_ALL, 0, &info, WEXITED | WNOHANG), -ECHILD);
	CHECK_EQUAL(rondo_waitid(P_ALL, 0, &info, 0), -EINVAL);
	CHECK_EQUAL(rondo_waitid(P_ALL, 0, &info, WEXITED | 0x10000), -EINVAL);
	CHECK_EQUAL(rondo_waitid(P_PID, 0, &info, WEXITED), -EINVAL);
	CHECK_EQUAL(rondo_waitid(P_PID, 1, &info, WEXITED), -ECHILD);
	CHECK_EQUAL(rondo_waitid(17, 1, &info, WEXITED), -EINVAL);
	CHECK_EQUAL(rondo_waitid(P_PIDFD, (id_t)-1, &info, WEXITED), -EINVAL);
	CHECK_EQUAL(rondo_waitid(P_PIDFD, (id_t)fd, &info, WEXITED), -EBADF);
	CHECK_EQUAL(kernel_call2(seam(), SYS_pidfd_open, 0, 0), -EINVAL);
	CHECK_EQUAL(kernel_call2(seam(), SYS_pidfd_open, 999999999, 0), -ESRCH);
	CHECK_EQUAL(info.si_pid, -7);
	return rondo_close(fd);
}

static void test_errors_of_waitid_are_those_of_linux(void **state)
{
	(void)state;
	seeds_run_both(is_refused, NULL);
}

/* --- one child ------------------------------------------------------------------------------- */

static int told_of(const siginfo_t *info, int pid, int status)
{
	CHECK_EQUAL(info->si_signo, SIGCHLD);
	CHECK_EQUAL(info->si_code, CLD_EXITED);
	CHECK_EQUAL(info->si_pid, pid);
	CHECK_EQUAL(info->si_status, status);
	return 0;
}

static int waits_for_one(void *arg)
{
	siginfo_t info = { .si_pid = -7 };
	uint64_t begin = rondo_now_ns();
	int pid = rondo_sim_start_child(256 + 3, 2 * SECOND);

	(void)arg;
	CHECK(pid > 0);
	CHECK_EQUAL(rondo_waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG), 0);
	CHECK_EQUAL(info.si_pid, 0);
	if (has_op(RONDO_OP_WAITID))
		CHECK_EQUAL(rondo_waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
	else
		CHECK_EQUAL(rondo_waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	CHECK(rondo_now_ns() - begin >= 2 * SECOND);
	CHECK_EQUAL(told_of(&info, pid, 3), 0);
	CHECK_EQUAL(rondo_waitid(P_PID, (id_t)pid, &info, WEXITED), 0);
	CHECK_EQUAL(told_of(&info, pid, 3), 0);
	CHECK_EQUAL(rondo_waitid(P_PID, (id_t)pid, &info, WEXITED), -ECHILD);
	return 0;
}

static void test_a_child_is_told_of_when_it_exits_and_reaped_once(void **state)
{
	(void)state;
	seeds_run_calm(20, waits_for_one, NULL);
	seeds_run(100, NULL, waits_for_one, NULL);
}

static int waits_by_pidfd(void *arg)
{
	siginfo_t info = { 0 };
	int pid = rondo_sim_start_child(9, SECOND);
	int fd = (int)kernel_call2(seam(), SYS_pidfd_open, pid, 0);

	(void)arg;
	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_poll(fd, POLLIN), POLLIN);
	CHECK_EQUAL(rondo_waitid(P_PIDFD, (id_t)fd, &info, WEXITED), 0);
	CHECK_EQUAL(told_of(&info, pid, 9), 0);
	CHECK_EQUAL(rondo_poll(fd, POLLIN), POLLIN | POLLHUP);
	CHECK_EQUAL(rondo_waitid(P_PIDFD, (id_t)fd, &info, WEXITED), -ECHILD);
	CHECK_EQUAL(kernel_call2(seam(), SYS_pidfd_open, pid, 0), -ESRCH);
	CHECK_EQUAL(rondo_read(fd, &info, 1), -EINVAL);
	return rondo_close(fd);
}

static void test_a_pidfd_is_readable_when_its_process_has_ended(void **state)
{
	(void)state;
	seeds_run_calm(20, waits_by_pidfd, NULL);
	seeds_run(100, NULL, waits_by_pidfd, NULL);
}

/* --- many ------------------------------------------------------------------------------------ */

enum { N_CHILDREN = 20 };

struct child {
	int pid, status;
};

static int waits_for_its_own(void *arg)
{
	struct child *c = arg;
	siginfo_t info;

	CHECK_EQUAL(rondo_waitid(P_PID, (id_t)c->pid, &info, WEXITED), 0);
	return told_of(&info, c->pid, c->status);
}

static int each_gets_its_own(void *arg)
{
	struct child children[N_CHILDREN];
	rondo_task *tasks[N_CHILDREN];

	(void)arg;
	for (int i = 0; i < N_CHILDREN; i++) {
		children[i].status = i + 1;
		children[i].pid = rondo_sim_start_child(i + 1, rondo_sim_random() % SECOND);
		tasks[i] = rondo_create_task(waits_for_its_own, &children[i]);
		CHECK(tasks[i]);
	}
	for (int i = N_CHILDREN; i-- > 0;)
		CHECK_EQUAL(rondo_await(tasks[i]), 0);
	return 0;
}

static void test_each_task_is_told_of_its_own_child(void **state)
{
	(void)state;
	seeds_run(100, NULL, each_gets_its_own, NULL);
}

struct any {
	int n_by_status[N_CHILDREN + 1];
	int n_none;
};

static int waits_for_any(void *arg)
{
	struct any *any = arg;
	siginfo_t info;
	int ret = rondo_waitid(P_ALL, 0, &info, WEXITED);

	if (ret == 0)
		any->n_by_status[info.si_status]++;
	any->n_none += ret == -ECHILD;
	return ret == -ECHILD ? 0 : ret;
}

/* One task too many finds no child left. */
static int all_are_reaped_once(void *arg)
{
	struct any any = { .n_none = 0 };
	rondo_task *tasks[N_CHILDREN + 1];

	(void)arg;
	if (!has_op(RONDO_OP_WAITID))
		return 0;
	for (int i = 0; i < N_CHILDREN; i++)
		CHECK(rondo_sim_start_child(i, rondo_sim_random() % SECOND) > 0);
	for (int i = 0; i <= N_CHILDREN; i++)
		tasks[i] = rondo_create_task(waits_for_any, &any);
	for (int i = 0; i <= N_CHILDREN; i++)
		CHECK_EQUAL(rondo_await(tasks[i]), 0);
	for (int i = 0; i < N_CHILDREN; i++)
		CHECK_EQUAL(any.n_by_status[i], 1);
	CHECK_EQUAL(any.n_none, 1);
	return 0;
}

static void test_waiting_for_any_child_reaps_each_once(void **state)
{
	(void)state;
	seeds_run(100, NULL, all_are_reaped_once, NULL);
}

static int waits_for(void *arg)
{
	siginfo_t info = { .si_pid = -7 };
	int ret = rondo_waitid(P_PID, *(id_t *)arg, &info, WEXITED);

	if (ret < 0 && info.si_pid != -7)
		return -EILSEQ;		/* touched, though it failed */
	return ret;
}

/* A cancelled wait has reaped nobody; one that succeeded has. */
static int cancelled_waits_reap_nobody(void *arg)
{
	int pid = rondo_sim_start_child(1, 1000000), ret, expected;
	rondo_task *task = rondo_create_task(waits_for, &pid);

	(void)arg;
	CHECK_EQUAL(rondo_sleep_ns(rondo_sim_random() % 2000000), 0);
	rondo_cancel(task);
	ret = rondo_await(task);
	CHECK(ret == 0 || ret == -ECANCELED);
	expected = ret == 0 ? -ECHILD : 0;
	CHECK_EQUAL(rondo_waitid(P_PID, (id_t)pid, NULL, WEXITED), expected);
	return 0;
}

static void test_a_cancelled_wait_reaps_nobody(void **state)
{
	(void)state;
	seeds_run_calm(50, cancelled_waits_reap_nobody, NULL);
	seeds_run(200, NULL, cancelled_waits_reap_nobody, NULL);
}

static int leaves_children(void *arg)
{
	int pid = rondo_sim_start_child(0, 3600 * SECOND);

	(void)arg;
	CHECK(rondo_sim_start_child(0, 1) > 0);
	CHECK_EQUAL(rondo_waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOHANG), 0);
	return 0;
}

static void test_children_may_outlive_their_host(void **state)
{
	(void)state;
	seeds_run(20, NULL, leaves_children, NULL);
}

/* --- futexes --------------------------------------------------------------------------------- */

static uint32_t word;

static int waits_for_word(void *arg)
{
	(void)arg;
	return rondo_futex_wait(&word, 0);
}

static int is_told_errors(void *arg)
{
	static uint32_t pair[2];
	const uint32_t *odd = (const uint32_t *)((uintptr_t)pair + 1);

	(void)arg;
	if (!has_op(RONDO_OP_FUTEX_WAIT))
		return 0;
	CHECK_EQUAL(rondo_futex_wait(&word, 77), -EAGAIN);
	CHECK_EQUAL(rondo_futex_wait(odd, 0), -EINVAL);
	CHECK_EQUAL(rondo_futex_wait((const uint32_t *)8, 0), -EFAULT);
	CHECK_EQUAL(rondo_futex_wake(odd, 1), -EINVAL);
	CHECK_EQUAL(rondo_futex_wake(&word, 1), 0);
	return 0;
}

static int wakes_some(void *arg)
{
	rondo_task *tasks[5];
	int n_done = 0;

	(void)arg;
	if (!has_op(RONDO_OP_FUTEX_WAIT))
		return 0;
	for (int i = 0; i < 5; i++)
		tasks[i] = rondo_create_task(waits_for_word, NULL);
	CHECK_EQUAL(rondo_sleep(0.01), 0);
	CHECK_EQUAL(rondo_futex_wake(&word, 2), 2);
	CHECK_EQUAL(rondo_sleep(0.01), 0);
	for (int i = 0; i < 5; i++)
		n_done += rondo_task_state(tasks[i]) == RONDO_DONE;
	CHECK_EQUAL(n_done, 2);
	CHECK(rondo_task_state(tasks[0]) == RONDO_DONE);	/* the first come */
	CHECK_EQUAL(rondo_futex_wake(&word, UINT32_MAX), 3);
	for (int i = 0; i < 5; i++)
		CHECK_EQUAL(rondo_await(tasks[i]), 0);
	return 0;
}

static void test_futexes_are_those_of_linux(void **state)
{
	(void)state;
	seeds_run_both(is_told_errors, NULL);
	seeds_run_both(wakes_some, NULL);
}

/* A lock of futexes, after Drepper: 0 free, 1 taken, 2 taken and somebody may wait. */
static int lock(uint32_t *w)
{
	if (*w == 0) {
		*w = 1;
		return 0;
	}
	while (*w != 0) {
		int ret;

		*w = 2;
		ret = rondo_futex_wait(w, 2);
		if (ret < 0 && ret != -EAGAIN)
			return ret;
	}
	*w = 2;
	return 0;
}

/* Whatever happens to the caller, the next one must be woken. */
static void unlock(uint32_t *w)
{
	struct rondo_mask mask;
	uint32_t was = *w;

	*w = 0;
	rondo_mask_begin(&mask);
	if (was == 2 && rondo_futex_wake(w, 1) < 0)
		(void)check_failed(__FILE__, __LINE__, "futex_wake", 0);
	rondo_mask_end(&mask);
}

struct shared {
	uint32_t lock;
	int n_inside, n_rounds;
};

static int locks_and_unlocks(void *arg)
{
	struct shared *s = arg;

	for (int i = 0; i < 10; i++) {
		int ret = lock(&s->lock);

		if (ret < 0)
			return ret;
		CHECK_EQUAL(s->n_inside++, 0);
		ret = rondo_sleep_ns(rondo_sim_random() % 100000);
		s->n_inside--;
		s->n_rounds++;
		unlock(&s->lock);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* A waiter that is cancelled after it was woken passes the wake on; the model has no such case, so
 * only tasks that hold the lock, or have not begun, are cancelled: none here. */
static int excludes(void *arg)
{
	struct shared s = { 0 };
	rondo_task *tasks[6];

	(void)arg;
	if (!has_op(RONDO_OP_FUTEX_WAIT))
		return 0;
	for (int i = 0; i < 6; i++)
		tasks[i] = rondo_create_task(locks_and_unlocks, &s);
	for (int i = 0; i < 6; i++)
		CHECK_EQUAL(rondo_await(tasks[i]), 0);
	CHECK_EQUAL(s.n_rounds, 60);
	return 0;
}

static void test_a_lock_of_futexes_excludes_and_wakes(void **state)
{
	(void)state;
	seeds_run(200, NULL, excludes, NULL);
}

static int cancels_waits(void *arg)
{
	rondo_task *task = rondo_create_task(waits_for_word, NULL);
	int ret, n = 0;

	(void)arg;
	if (!has_op(RONDO_OP_FUTEX_WAIT))
		return rondo_await(task) == -EOPNOTSUPP ? 0 : -1;
	CHECK_EQUAL(rondo_sleep_ns(rondo_sim_random() % 100000), 0);
	if (rondo_sim_random() % 2)
		n = rondo_futex_wake(&word, 1);
	rondo_cancel(task);
	ret = rondo_await(task);
	CHECK(n == 1 ? ret == 0 : ret == -ECANCELED);
	CHECK_EQUAL(rondo_futex_wake(&word, 1), 0);
	return 0;
}

static void test_a_futex_wait_is_woken_or_cancelled_never_both(void **state)
{
	(void)state;
	seeds_run_calm(50, cancels_waits, NULL);
	seeds_run(200, NULL, cancels_waits, NULL);
}

/* --- madvise --------------------------------------------------------------------------------- */

static int advises(void *arg)
{
	char *memory = arg;

	memory[5] = 'x';
	CHECK_EQUAL(rondo_madvise(memory, 4096, MADV_WILLNEED), 0);
	CHECK_EQUAL(memory[5], 'x');
	CHECK_EQUAL(rondo_madvise(memory, 4096, MADV_DONTNEED), 0);
	CHECK_EQUAL(memory[5], 0);
	CHECK_EQUAL(rondo_madvise(memory + 1, 4096, MADV_DONTNEED), -EINVAL);
	CHECK_EQUAL(rondo_madvise(memory + 1, 4096, MADV_NORMAL), -EINVAL);
	CHECK_EQUAL(rondo_madvise(memory, 4096, 9999), -EINVAL);
	return 0;
}

static void test_madvise_drops_what_it_should(void **state)
{
	void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	assert_ptr_not_equal(memory, MAP_FAILED);
	seeds_run_both(advises, memory);
	munmap(memory, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors_of_waitid_are_those_of_linux),
		cmocka_unit_test(test_a_child_is_told_of_when_it_exits_and_reaped_once),
		cmocka_unit_test(test_a_pidfd_is_readable_when_its_process_has_ended),
		cmocka_unit_test(test_each_task_is_told_of_its_own_child),
		cmocka_unit_test(test_waiting_for_any_child_reaps_each_once),
		cmocka_unit_test(test_a_cancelled_wait_reaps_nobody),
		cmocka_unit_test(test_children_may_outlive_their_host),
		cmocka_unit_test(test_futexes_are_those_of_linux),
		cmocka_unit_test(test_a_lock_of_futexes_excludes_and_wakes),
		cmocka_unit_test(test_a_futex_wait_is_woken_or_cancelled_never_both),
		cmocka_unit_test(test_madvise_drops_what_it_should),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
