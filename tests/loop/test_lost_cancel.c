/* SPDX-License-Identifier: MIT */
/* test_lost_cancel.c - goal: a cancel that the kernel loses (KN-44) is repeated until its op ends, and
 * one that came too late is not. Method: a kernel that makes the first cancels name nobody. Each runs
 * in a child, because an engine that does not repeat waits for ever. */
#include "support/step.h"

#include "rondo/file.h"
#include "rondo/socket.h"
#include "rondo/time.h"

static unsigned n_to_lose, n_seen;

/* Change the target of the cancels that are about to be submitted. */
static int losing_enter(const struct kernel *k, unsigned fd, unsigned to_submit, unsigned n_wait,
			unsigned flags, const void *arg, size_t arg_size)
{
	if (rondo__loop) {
		struct io_uring_sq *sq = &rondo__loop->ring.uring.sq;

		for (unsigned i = *sq->khead; i != *sq->ktail; i++) {
			struct io_uring_sqe *sqe = &sq->sqes[i & sq->ring_mask];

			if (sqe->opcode != IORING_OP_ASYNC_CANCEL)
				continue;
			n_seen++;
			if (n_to_lose) {
				n_to_lose--;
				sqe->addr = 7;
			}
		}
	}
	return rondo__kernel_linux.enter(k, fd, to_submit, n_wait, flags, arg, arg_size);
}

static int run_losing(unsigned n, int (*main)(void *))
{
	const struct rondo_options o = { .no_sigint = true };
	struct kernel k = rondo__kernel_linux;

	k.enter = losing_enter;
	n_to_lose = n;
	n_seen = 0;
	return rondo__run_on(&k, &o, main, NULL);
}

struct reading {
	int fds[2];
	int ret;
};

static int receives(void *arg)
{
	struct reading *r = arg;
	char c;

	r->ret = (int)rondo_recv(r->fds[0], &c, 1, 0);
	return 0;
}

static rondo_task *start(struct reading *r)
{
	*r = (struct reading){ .ret = 1000 };
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, r->fds) < 0)
		return NULL;
	return rondo_create_task(receives, r);
}

static int cancelled_main(void *arg)
{
	struct reading r[2];
	rondo_task *t[2] = { start(&r[0]), start(&r[1]) };

	(void)arg;
	if (rondo_yield() < 0 || rondo_yield() < 0)
		return -1;
	rondo_cancel(t[0]);
	rondo_cancel(t[1]);
	if (rondo_await(t[0]) != 0 || rondo_await(t[1]) != 0)
		return -2;
	close(r[0].fds[1]);
	close(r[1].fds[1]);
	return r[0].ret == -ECANCELED && r[1].ret == -ECANCELED ? rondo_close(r[0].fds[0]) +
		rondo_close(r[1].fds[0]) : -3;
}

static int lost_cancels(void)
{
	CHILD_CHECK(run_losing(5, cancelled_main) == 0);
	CHILD_CHECK(n_to_lose == 0 && n_seen >= 7);
	return 0;
}

static void test_a_lost_cancel_is_repeated_until_it_is_heard(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	assert_child_succeeds(lost_cancels);
}

static int closed_main(void *arg)
{
	struct reading r;
	rondo_task *t = start(&r);

	(void)arg;
	if (rondo_yield() < 0 || rondo_yield() < 0)
		return -1;
	if (rondo_close(r.fds[0]) != 0 || rondo_await(t) != 0)
		return -2;
	close(r.fds[1]);
	return r.ret == -EBADF ? 0 : -3;
}

static int lost_while_closing(void)
{
	CHILD_CHECK(run_losing(3, closed_main) == 0);
	CHILD_CHECK(n_to_lose == 0 && n_seen >= 4);
	return 0;
}

static void test_a_close_repeats_lost_cancels(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	assert_child_succeeds(lost_while_closing);
}

static int late_main(void *arg)
{
	struct reading r;
	rondo_task *t = start(&r);

	(void)arg;
	if (rondo_yield() < 0 || rondo_yield() < 0 || write(r.fds[1], "x", 1) != 1)
		return -1;
	let_kernel_complete();
	rondo_cancel(t);
	if (rondo_await(t) != 0)
		return -2;
	if (rondo_sleep(0.03) != 0)
		return -4;
	close(r.fds[0]);
	close(r.fds[1]);
	return r.ret == 1 ? 0 : -3;
}

static int late_cancel(void)
{
	CHILD_CHECK(run_losing(0, late_main) == 0);
	CHILD_CHECK(n_seen == 1);
	return 0;
}

static void test_a_cancel_that_came_too_late_is_not_repeated(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	assert_child_succeeds(late_cancel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_lost_cancel_is_repeated_until_it_is_heard),
		cmocka_unit_test(test_a_close_repeats_lost_cancels),
		cmocka_unit_test(test_a_cancel_that_came_too_late_is_not_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
