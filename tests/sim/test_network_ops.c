/* SPDX-License-Identifier: MIT */
/* test_network_ops.c - what the ring shows of socket operations, CQE by CQE. Goal: multishots, zero
 * copy, cancels and several operations on one socket go as the kernel notes say, whichever way the
 * seed decides. Method: operations without a task, whose CQEs are written down (O6). */
#include "sim/pairs.h"

#include <unistd.h>

#include "loop/op.h"

enum { N_SEEDS = 60, LOG_MAX = 64 };

struct log {
	struct op op;
	int n;				/* CQEs so far */
	bool over;			/* one had no F_MORE */
	int res[LOG_MAX];
	unsigned flags[LOG_MAX];
	uint64_t when_ns[LOG_MAX];
};

static void write_down(struct op *op, const struct io_uring_cqe *cqe)
{
	struct log *log = container_of(op, struct log, op);

	BUG_ON(log->n == LOG_MAX || log->over);
	log->res[log->n] = cqe->res;
	log->flags[log->n] = cqe->flags;
	log->when_ns[log->n++] = rondo_now_ns();
	log->over = !(cqe->flags & IORING_CQE_F_MORE);
}

static struct io_uring_sqe *begin(struct log *log)
{
	memset(log, 0, sizeof(*log));
	return rondo__op_begin_owned(rondo__self()->loop, &log->op, write_down);
}

static void start(struct log *log)
{
	rondo__op_start(rondo__self()->loop, &log->op);
}

/* Until it has n CQEs, or is over. */
static int await_cqes(const struct log *log, int n)
{
	while (log->n < n && !log->over)
		if (rondo_sleep(0.001) < 0)
			return -1;
	return 0;
}

static int cancel(struct log *log)
{
	rondo__op_cancel(rondo__self()->loop, &log->op);
	return await_cqes(log, LOG_MAX);
}

static int count[4];			/* over all seeds: what came to pass */

/* --- accept ---------------------------------------------------------------------------------- */

static void arm_accept(struct log *log, int listener)
{
	io_uring_prep_multishot_accept(begin(log), listener, NULL, NULL, SOCK_CLOEXEC);
	start(log);
}

static int close_accepted(const struct log *log)
{
	int n = 0;

	for (int i = 0; i < log->n; i++) {
		if (log->res[i] < 0)
			continue;
		CHECK_EQUAL(rondo_close(log->res[i]), 0);
		n++;
	}
	return n;
}

/* Ten connections, and each is accepted once, however often the multishot ends. */
static int accept_ten(void *arg)
{
	enum { N = 10 };
	int port, listener = listen_at("127.0.0.1", &port), fds[N], n = 0;
	struct log log;

	(void)arg;
	CHECK(listener >= 0);
	arm_accept(&log, listener);
	for (int i = 0; i < N; i++) {
		do {
			fds[i] = rondo_connect_tcp("127.0.0.1", (uint16_t)port);
		} while (fds[i] < 0 && rondo_sleep(0.1) == 0);
	}
	for (;;) {
		CHECK_EQUAL(await_cqes(&log, N - n), 0);
		if (!log.over)
			CHECK_EQUAL(cancel(&log), 0);
		n += close_accepted(&log);
		if (n >= N)
			break;
		count[0]++;
		arm_accept(&log, listener);
	}
	CHECK_EQUAL(n, N);
	for (int i = 0; i < N; i++)
		CHECK_EQUAL(rondo_close(fds[i]), 0);
	return rondo_close(listener);
}

static void test_a_multishot_accept_may_end_but_loses_nobody(void **state)
{
	(void)state;
	seeds_run_both(accept_ten, NULL);
	count[0] = 0;
	seeds_run(N_SEEDS, "MULTISHOT_ENDS,ACCEPT_EMFILE", accept_ten, NULL);
	assert_true(count[0] > 10);
}

/* --- receives -------------------------------------------------------------------------------- */

/* Two wait for one byte each (KN-13). */
static int two_receives(void *arg)
{
	struct log logs[2];
	char bytes[2];
	int fds[2];

	(void)arg;
	CHECK_EQUAL(tcp_pair(fds), 0);
	for (int i = 0; i < 2; i++) {
		io_uring_prep_recv(begin(&logs[i]), fds[1], &bytes[i], 1, 0);
		start(&logs[i]);
	}
	CHECK_EQUAL(rondo_sleep(0.01), 0);
	CHECK_EQUAL(rondo_send(fds[0], "ab", 2, 0), 2);
	CHECK(await_cqes(&logs[0], 1) == 0 && await_cqes(&logs[1], 1) == 0);
	CHECK(logs[0].res[0] == 1 && logs[1].res[0] == 1);
	CHECK(bytes[0] != bytes[1] && bytes[0] + bytes[1] == 'a' + 'b');
	count[bytes[0] == 'a']++;
	return close_both(fds);
}

static void test_two_receives_are_served_in_any_order(void **state)
{
	(void)state;
	seeds_run_both(two_receives, NULL);
	memset(count, 0, sizeof(count));
	seeds_run_calm(N_SEEDS, two_receives, NULL);
	assert_true(count[0] > 5 && count[1] > 5);
}

/* A cancel finds it waiting, or its bytes have moved; they are never lost. */
static int cancel_receive(void *arg)
{
	struct log log;
	char c = 0, next;
	int fds[2];

	(void)arg;
	CHECK_EQUAL(tcp_pair(fds), 0);
	io_uring_prep_recv(begin(&log), fds[1], &c, 1, 0);
	start(&log);
	CHECK_EQUAL(rondo_send(fds[0], "a", 1, 0), 1);
	CHECK_EQUAL(rondo_sleep_ns(rondo_sim_random() % 60000), 0);
	CHECK_EQUAL(cancel(&log), 0);
	CHECK_EQUAL(log.n, 1);
	CHECK(log.res[0] == 1 || log.res[0] == -ECANCELED);
	count[log.res[0] == 1]++;
	if (log.res[0] == 1)
		CHECK_EQUAL(rondo_send(fds[0], "a", 1, 0), 1);
	CHECK_EQUAL(rondo_recv(fds[1], &next, 1, 0), 1);
	CHECK(next == 'a');
	CHECK_EQUAL(rondo_recv(fds[1], &next, 1, MSG_DONTWAIT), -EAGAIN);
	return close_both(fds);
}

static void test_a_cancelled_receive_loses_no_byte(void **state)
{
	(void)state;
	seeds_run_both(cancel_receive, NULL);
	memset(count, 0, sizeof(count));
	seeds_run(N_SEEDS, "COMPLETE_LATE,CANCEL_LATE,NET_DELAY,CQE_HELD", cancel_receive, NULL);
	assert_true(count[0] > 5 && count[1] > 5);
}

/* A cancel in the middle of MSG_WAITALL gets what has moved. */
static int cancel_partly(void *arg)
{
	struct log log;
	char buf[8];
	int fds[2];

	(void)arg;
	CHECK_EQUAL(tcp_pair(fds), 0);
	io_uring_prep_recv(begin(&log), fds[1], buf, 8, MSG_WAITALL);
	start(&log);
	CHECK_EQUAL(rondo_send(fds[0], "abc", 3, 0), 3);
	CHECK_EQUAL(rondo_sleep(0.1), 0);
	CHECK_EQUAL(cancel(&log), 0);
	CHECK(log.n == 1 && log.res[0] == 3 && !memcmp(buf, "abc", 3));
	return close_both(fds);
}

static void test_a_cancelled_receive_of_all_gives_what_came(void **state)
{
	(void)state;
	seeds_run_both(cancel_partly, NULL);
}

/* --- sends ----------------------------------------------------------------------------------- */

static int zero_copy(void *arg)
{
	struct log log;
	int fds[2];
	char c;

	(void)arg;
	if (!ring_has_op(&rondo__self()->loop->ring, IORING_OP_SEND_ZC))
		return 0;		/* an older kernel, simulated or not */
	CHECK_EQUAL(tcp_pair(fds), 0);
	io_uring_prep_send_zc(begin(&log), fds[0], "x", 1, 0, 0);
	start(&log);
	CHECK_EQUAL(await_cqes(&log, 2), 0);
	CHECK_EQUAL(rondo_recv(fds[1], &c, 1, 0), 1);
	CHECK(log.n == 2 && log.res[0] == 1);
	CHECK(log.flags[0] & IORING_CQE_F_MORE && !(log.flags[0] & IORING_CQE_F_NOTIF));
	CHECK(log.flags[1] & IORING_CQE_F_NOTIF && !(log.flags[1] & IORING_CQE_F_MORE));
	count[log.when_ns[1] - log.when_ns[0] > 10000000]++;
	return close_both(fds);
}

static void test_zero_copy_says_twice_that_it_is_done(void **state)
{
	(void)state;
	seeds_run_both(zero_copy, NULL);
	memset(count, 0, sizeof(count));
	seeds_run(N_SEEDS, "ZC_LATE", zero_copy, NULL);
	assert_true(count[0] && count[1]);
}

static int poll_first(void *arg)
{
	struct io_uring_sqe *sqe;
	struct log log;
	int fds[2];
	char c;

	(void)arg;
	CHECK_EQUAL(tcp_pair(fds), 0);
	sqe = begin(&log);
	io_uring_prep_recv(sqe, fds[1], &c, 1, 0);
	sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
	start(&log);
	CHECK_EQUAL(rondo_send(fds[0], "x", 1, 0), 1);
	CHECK_EQUAL(await_cqes(&log, 1), 0);
	CHECK(log.res[0] == 1 && c == 'x');
	io_uring_prep_recv(begin(&log), STDIN_FILENO, &c, 1, 0);
	start(&log);
	CHECK_EQUAL(await_cqes(&log, 1), 0);
	CHECK(log.res[0] == -ENOTSOCK || log.res[0] == -EBADF);
	return close_both(fds);
}

static void test_a_receive_may_poll_first(void **state)
{
	(void)state;
	seeds_run_both(poll_first, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_multishot_accept_may_end_but_loses_nobody),
		cmocka_unit_test(test_two_receives_are_served_in_any_order),
		cmocka_unit_test(test_a_cancelled_receive_loses_no_byte),
		cmocka_unit_test(test_a_cancelled_receive_of_all_gives_what_came),
		cmocka_unit_test(test_zero_copy_says_twice_that_it_is_done),
		cmocka_unit_test(test_a_receive_may_poll_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
