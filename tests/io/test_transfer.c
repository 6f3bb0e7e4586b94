/* SPDX-License-Identifier: MIT */
/* test_transfer.c - the verbs that send and receive bytes. Goal: the matrix for each of them,
 * inline and in the ring; peers and descriptors that go away. Method: full and empty sockets for
 * what must park. What becomes of long streams is in test_transfer_stream.c, messages and datagrams
 * are in test_message.c, and that nobody starves because another one sends in test_at_once.c. */
#include "net.h"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "loop/loop.h"
#include "rondo/file.h"
#include "rondo/poll.h"
#include "rondo/socket.h"
#include "support/step.h"

enum { HELLO_LEN = 5 };
#define HELLO "hello"

static int p[2] = { -1, -1 };		/* what is tested has p[0], the test p[1] */
static char buf[64];

static int unix_prepare(void *ctx)
{
	(void)ctx;
	memset(buf, 0, sizeof(buf));
	return net_unix_pair(p);
}

static void pair_clean(void *ctx)
{
	(void)ctx;
	net_close_pair(p);
}

/* --- receiving: parked on an empty socket ----------------------------------------------------- */

static int peer_sends_hello(void *ctx)
{
	(void)ctx;
	return send(p[1], HELLO, HELLO_LEN, MSG_NOSIGNAL) == HELLO_LEN ? 0 : -1;
}

/* Only the right bytes count as having received them. */
static int got_hello(ssize_t ret)
{
	return ret == HELLO_LEN && memcmp(buf, HELLO, HELLO_LEN) != 0 ? -EILSEQ : (int)ret;
}

static int start_recv(void *ctx)
{
	(void)ctx;
	return got_hello(rondo_recv(p[0], buf, sizeof(buf), 0));
}

static int start_recv_exactly(void *ctx)
{
	size_t n = 99;
	int ret = rondo_recv_exactly(p[0], buf, HELLO_LEN, &n);

	(void)ctx;
	if (n != (ret == 0 ? HELLO_LEN : 0))
		return -EILSEQ;
	return ret == 0 ? got_hello((ssize_t)n) : ret;
}

static int start_recvmsg(void *ctx)
{
	struct iovec halves[2] = { { buf, 2 }, { buf + 2, 3 } };
	struct msghdr msg = { .msg_iov = halves, .msg_iovlen = 2 };

	(void)ctx;
	return got_hello(rondo_recvmsg(p[0], &msg, 0));
}

static int start_recvfrom(void *ctx)
{
	(void)ctx;
	return got_hello(rondo_recvfrom(p[0], buf, sizeof(buf), 0, NULL, NULL));
}

static const struct way {
	const char *name;
	rondo_fn *start;
} receiving[] = {
	{ "recv", start_recv }, { "recv_exactly", start_recv_exactly },
	{ "recvmsg", start_recvmsg }, { "recvfrom", start_recvfrom },
};

enum { N_RECEIVING = sizeof(receiving) / sizeof(receiving[0]) };

static void check_receiving(const struct kernel *kernel)
{
	for (int i = 0; i < N_RECEIVING; i++) {
		const struct matrix_verb v = {
			.start = receiving[i].start, .finish = peer_sends_hello,
			.prepare = unix_prepare, .clean = pair_clean, .result = HELLO_LEN,
			.kernel = kernel,
		};

		matrix_check(receiving[i].name, &v);
	}
}

static void test_every_way_of_receiving(void **state)
{
	(void)state;
	check_receiving(NULL);
}

static void test_receiving_waits_where_an_older_kernel_would_not(void **state)
{
	struct test_kernel t;

	(void)state;
	check_receiving(net_impatient_kernel(&t));
}

/* --- sending: parked on a full socket --------------------------------------------------------- */

static size_t n_stuffed;

static int full_unix_prepare(void *ctx)
{
	int ret = unix_prepare(ctx);

	n_stuffed = net_stuff(p[0], 0);
	return ret;
}

static int buffer_sizes(int send_size, int recv_size)
{
	if (setsockopt(p[0], SOL_SOCKET, SO_SNDBUF, &send_size, sizeof(send_size)) < 0)
		return -1;
	return setsockopt(p[1], SOL_SOCKET, SO_RCVBUF, &recv_size, sizeof(recv_size));
}

/* A TCP socket that takes no more may take some a moment later: acknowledgements, window updates
 * and probes come when they like, and each may make room. Not here: what waits to be sent is far
 * more than the peer's buffer takes, and the sender's buffer is then made so small that it has room
 * only when nearly all of that is gone, for which the peer must read. The peer's has a size of its
 * own too, because the kernel would let it grow. */
static int full_tcp_prepare(void *ctx)
{
	const int big = 212992, medium = 1 << 15, small = 1;	/* the kernel doubles them */

	(void)ctx;
	if (net_tcp_pair(p) < 0 || buffer_sizes(big, medium) < 0)
		return -1;
	n_stuffed = net_stuff(p[0], 0);
	return buffer_sizes(small, medium) < 0 || n_stuffed < 4 * 2 * (size_t)medium ? -1 : 0;
}

/* TCP: room in the peer's buffer is soon filled by what still waited to be sent. */
static int peer_drains(void *ctx)
{
	int ret = net_take(p[1], 0, n_stuffed);

	(void)ctx;
	n_stuffed = 0;
	return ret;
}

static int start_send(void *ctx)
{
	(void)ctx;
	return (int)rondo_send(p[0], HELLO, HELLO_LEN, 0);
}

static int start_send_all(void *ctx)
{
	size_t n = 99;
	int ret = rondo_send_all(p[0], HELLO, HELLO_LEN, &n);

	(void)ctx;
	return n == (ret == 0 ? HELLO_LEN : 0) ? (ret == 0 ? HELLO_LEN : ret) : -EILSEQ;
}

static int start_sendmsg(void *ctx)
{
	struct iovec halves[2] = { { (char[]){ "he" }, 2 }, { (char[]){ "llo" }, 3 } };
	struct msghdr msg = { .msg_iov = halves, .msg_iovlen = 2 };

	(void)ctx;
	return (int)rondo_sendmsg(p[0], &msg, 0);
}

static int start_sendto(void *ctx)
{
	(void)ctx;
	return (int)rondo_sendto(p[0], HELLO, HELLO_LEN, 0, NULL, 0);
}

static int start_send_zc(void *ctx)
{
	(void)ctx;
	return (int)rondo_send_zc(p[0], HELLO, HELLO_LEN, 0);
}

static const struct way sending[] = {
	{ "send", start_send }, { "send_zc", start_send_zc }, { "send_all", start_send_all },
	{ "sendmsg", start_sendmsg }, { "sendto", start_sendto },
};

enum { N_SENDING = sizeof(sending) / sizeof(sending[0]) };

static void check_sending(const struct kernel *kernel, int (*prepare)(void *))
{
	for (int i = 0; i < N_SENDING; i++) {
		const struct matrix_verb v = {
			.start = sending[i].start, .finish = peer_drains, .prepare = prepare,
			.clean = pair_clean, .result = HELLO_LEN, .kernel = kernel,
		};

		matrix_check(sending[i].name, &v);
	}
}

static void test_every_way_of_sending(void **state)
{
	(void)state;
	check_sending(NULL, full_unix_prepare);
	check_sending(NULL, full_tcp_prepare);
}

static void test_sending_waits_where_an_older_kernel_would_not(void **state)
{
	struct test_kernel t;

	(void)state;
	check_sending(net_impatient_kernel(&t), full_unix_prepare);
}

static void test_send_zc_without_the_operation_is_send(void **state)
{
	struct test_kernel t;
	const struct matrix_verb v = {
		.start = start_send_zc, .finish = peer_drains, .prepare = full_tcp_prepare,
		.clean = pair_clean, .result = HELLO_LEN,
		.kernel = kernel_without(&t, IORING_OP_SEND_ZC),
	};

	(void)state;
	matrix_check("send_zc", &v);
}

static int zc_error;

static void fail_zc(struct io_uring_sqe *sqe)
{
	if (sqe->opcode == IORING_OP_SEND_ZC)
		net_inject(sqe, zc_error);
}

static int send_zc_twice(void *arg)
{
	(void)arg;
	CHECK_EQUAL(start_send_zc(NULL), HELLO_LEN);
	CHECK_EQUAL(start_send_zc(NULL), HELLO_LEN);
	CHECK_EQUAL(recv(p[1], buf, 2 * HELLO_LEN, MSG_WAITALL), 2 * HELLO_LEN);
	CHECK_EQUAL(memcmp(buf, HELLO HELLO, 2 * HELLO_LEN), 0);
	return 0;
}

static void test_send_zc_copies_when_memory_may_not_be_pinned(void **state)
{
	static const int errors[] = { -ENOBUFS, -ENOMEM, -EOPNOTSUPP };
	struct test_kernel t;

	(void)state;
	if (!net_can_inject())
		skip();
	for (int i = 0; i < 3; i++) {
		test_kernel_init(&t);
		t.on_sqe = fail_zc;
		zc_error = errors[i];
		assert_int_equal(net_tcp_pair(p), 0);
		net_run_on(&t.kernel, send_zc_twice, NULL);
		pair_clean(NULL);
	}
}

/* --- sending at once -------------------------------------------------------------------------- */

static int send_at_once(void *arg)
{
	const struct ring *ring = &rondo_current_task()->loop->ring;
	uint64_t n_submitted;
	unsigned n_queued;

	(void)arg;
	CHECK_EQUAL(turns(1), 0);		/* for what the loop itself has put there */
	n_submitted = ring->n_submitted;
	n_queued = ring_n_queued(ring);
	CHECK_EQUAL(start_send(NULL), HELLO_LEN);
	CHECK_EQUAL(start_send_all(NULL), HELLO_LEN);
	CHECK_EQUAL(start_sendmsg(NULL), HELLO_LEN);
	CHECK_EQUAL(start_sendto(NULL), HELLO_LEN);
	CHECK_EQUAL(ring->n_submitted, n_submitted);
	CHECK_EQUAL(ring_n_queued(ring), n_queued);
	CHECK_EQUAL(recv(p[1], buf, sizeof(buf), MSG_DONTWAIT), 4 * HELLO_LEN);
	CHECK(memcmp(buf, HELLO HELLO HELLO HELLO, 4 * HELLO_LEN) == 0);
	return 0;
}

static void test_with_nothing_else_to_do_a_send_needs_no_ring(void **state)
{
	(void)state;
	assert_int_equal(unix_prepare(NULL), 0);
	net_run(send_at_once, NULL);
	pair_clean(NULL);
}

static int cancelled_before_sending(void *arg)
{
	(void)arg;
	for (int i = 0; i < N_SENDING; i++) {
		rondo_cancel(rondo_current_task());
		CHECK_EQUAL(sending[i].start(NULL), -ECANCELED);
		CHECK_EQUAL(recv(p[1], buf, sizeof(buf), MSG_DONTWAIT), -1);
	}
	CHECK_EQUAL(start_send(NULL), HELLO_LEN);
	return 0;
}

static void test_a_cancelled_task_does_not_send(void **state)
{
	(void)state;
	assert_int_equal(unix_prepare(NULL), 0);
	net_run(cancelled_before_sending, NULL);
	pair_clean(NULL);
}

/* --- peers that go away, and descriptors that do ---------------------------------------------- */

struct receiver_task {
	char bytes[16];
	int ret;
};

static int recv_some(void *arg)
{
	struct receiver_task *r = arg;

	r->ret = (int)rondo_recv(p[0], r->bytes, sizeof(r->bytes), 0);
	return 0;
}

static int peer_reset(void *arg)
{
	struct receiver_task r = { .ret = 0 };
	rondo_task *task = rondo_create_task(recv_some, &r);

	(void)arg;
	CHECK_EQUAL(turns(3), 0);
	net_reset(p[1]);
	p[1] = -1;
	CHECK_EQUAL(rondo_await(task), 0);
	CHECK_EQUAL(r.ret, -ECONNRESET);
	CHECK_EQUAL(start_send(NULL), -EPIPE);
	return rondo_close(p[0]);
}

static void test_a_reset_reaches_who_receives(void **state)
{
	(void)state;
	assert_int_equal(net_tcp_pair(p), 0);
	assert_int_equal(rondo_run(peer_reset, NULL), 0);
	assert_checks_passed();
	p[0] = -1;
}

static int send_to_nobody(void *arg)
{
	(void)arg;
	for (int i = 0; i < N_SENDING; i++)
		CHECK_EQUAL(sending[i].start(NULL), -EPIPE);
	return 0;
}

static int send_for_another(void *arg)
{
	return sending[*(int *)arg].start(NULL);
}

/* Twice in one batch, so that at least the second goes through the ring. */
static int send_to_nobody_in_a_crowd(void *arg)
{
	(void)arg;
	for (int i = 0; i < N_SENDING; i++) {
		rondo_task *a = rondo_create_task(send_for_another, &i);
		rondo_task *b = rondo_create_task(send_for_another, &i);

		CHECK_EQUAL(rondo_await(a), -EPIPE);
		CHECK_EQUAL(rondo_await(b), -EPIPE);
	}
	return 0;
}

static int send_to_nobody_in_child(void)
{
	signal(SIGPIPE, SIG_DFL);
	if (unix_prepare(NULL) < 0 || close(p[1]) < 0)
		return 2;
	return rondo_run(send_to_nobody, NULL) | rondo_run(send_to_nobody_in_a_crowd, NULL);
}

static void test_sending_to_nobody_is_an_error_and_no_signal(void **state)
{
	(void)state;
	assert_child_succeeds(send_to_nobody_in_child);
}

static int close_under(void *arg)
{
	rondo_task *task = rondo_create_task(*(rondo_fn **)arg, NULL);

	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(rondo_task_state(task), RONDO_PENDING);
	CHECK_EQUAL(rondo_close(p[0]), 0);
	CHECK_EQUAL(rondo_await(task), -EBADF);
	return 0;
}

static void check_close_under(const struct way *ways, int n_ways, int (*prepare)(void *))
{
	for (int i = 0; i < n_ways; i++) {
		rondo_fn *start = ways[i].start;

		assert_int_equal(prepare(NULL), 0);
		assert_int_equal(rondo_run(close_under, &start), 0);
		assert_checks_passed();
		p[0] = -1;
		pair_clean(NULL);
	}
}

static void test_closing_a_socket_ends_what_waits_for_it(void **state)
{
	(void)state;
	check_close_under(receiving, N_RECEIVING, unix_prepare);
	check_close_under(sending, N_SENDING, full_tcp_prepare);
}

static int shut_down_under(void *arg)
{
	rondo_task *task = rondo_create_task(start_recv, NULL);

	(void)arg;
	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(rondo_shutdown(p[0], SHUT_RD), 0);
	CHECK_EQUAL(rondo_await(task), 0);
	return 0;
}

static void test_shutting_down_ends_receiving(void **state)
{
	(void)state;
	assert_int_equal(unix_prepare(NULL), 0);
	net_run(shut_down_under, NULL);
	pair_clean(NULL);
}

static int wrong_descriptors(void *arg)
{
	int fds[2];

	(void)arg;
	CHECK_EQUAL(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQUAL(rondo_recv(-1, buf, 1, 0), -EBADF);
	CHECK_EQUAL(rondo_send(-1, buf, 1, 0), -EBADF);
	CHECK_EQUAL(rondo_send_zc(-1, buf, 1, 0), -EBADF);
	CHECK_EQUAL(rondo_recv(fds[0], buf, 1, 0), -ENOTSOCK);
	CHECK_EQUAL(rondo_send(fds[1], buf, 1, 0), -ENOTSOCK);
	CHECK_EQUAL(rondo_recv(p[0], buf, 1, MSG_DONTWAIT), -EAGAIN);
	CHECK_EQUAL(rondo_recv(p[0], buf, 0, MSG_DONTWAIT), -EAGAIN);
	CHECK_EQUAL(rondo_send(p[0], "x", 1, 0), 1);
	CHECK_EQUAL(rondo_recv(p[1], (void *)1, 1, 0), -EFAULT);
	(void)net_stuff(p[0], 0);
	CHECK_EQUAL(rondo_send(p[0], "x", 1, MSG_DONTWAIT), -EAGAIN);
	net_close_pair(fds);
	return 0;
}

static void test_errors_are_those_of_the_system_calls(void **state)
{
	(void)state;
	assert_int_equal(unix_prepare(NULL), 0);
	net_run(wrong_descriptors, NULL);
	pair_clean(NULL);
}

/* --- at once, or after others ------------------------------------------------------------------ */

static unsigned n_sendtos;

static long counts_sendto(const struct kernel *k, long number, long a, long b, long c, long d,
			  long e, long f)
{
	n_sendtos += number == SYS_sendto;
	return rondo__kernel_linux.call(k, number, a, b, c, d, e, f);
}

enum other { NOBODY, A_TASK, A_SLEEPER, A_COMPLETION };

static int is_other(void *arg)
{
	if (arg)			/* not a read, which a worker would finish on 6.1 (KN-42) */
		return rondo_poll(*(int *)arg, POLLIN) == POLLIN ? 0 : -EIO;
	return rondo_sleep(3600) == -ECANCELED ? 0 : -EIO;
}

/* How many of two sends of one turn are plain calls. The second one lets others go first. */
static int sends_twice(void *arg)
{
	enum other other = *(enum other *)arg;
	rondo_task *t = NULL;
	int fds[2], n;

	CHECK_EQUAL(pipe(fds), 0);
	if (other == A_SLEEPER || other == A_COMPLETION)
		t = rondo_create_task(is_other, other == A_COMPLETION ? fds : NULL);
	CHECK_EQUAL(yield_times(3), 0);
	n_sendtos = 0;
	CHECK_EQUAL(rondo_send(p[0], HELLO, HELLO_LEN, 0), HELLO_LEN);
	CHECK_EQUAL(n_sendtos, 1);
	if (other == A_TASK)
		t = rondo_create_task(is_other, NULL);
	if (other == A_COMPLETION) {
		CHECK_EQUAL(write(fds[1], "x", 1), 1);
		let_kernel_complete();
	}
	CHECK_EQUAL(rondo_send(p[0], HELLO, HELLO_LEN, 0), HELLO_LEN);
	n = (int)n_sendtos;
	if (t) {
		if (other != A_COMPLETION)
			rondo_cancel(t);
		(void)rondo_await(t);
	}
	close(fds[0]);
	close(fds[1]);
	return n;
}

static void assert_sends(enum other other, enum rondo_timers timers, int n_at_once)
{
	const struct rondo_options o = { .timers = timers };
	struct test_kernel k;

	test_kernel_init(&k);
	k.kernel.call = counts_sendto;
	assert_int_equal(net_unix_pair(p), 0);
	assert_run_on(&k.kernel, &o, sends_twice, &other, n_at_once);
	pair_clean(NULL);
}

static void test_who_sends_again_lets_others_go_first(void **state)
{
	(void)state;
	assert_sends(NOBODY, RONDO_TIMERS_COALESCED, 2);
	assert_sends(A_TASK, RONDO_TIMERS_COALESCED, 1);
	assert_sends(A_SLEEPER, RONDO_TIMERS_COALESCED, 2);	/* the kernel tells us when it is time */
	assert_sends(A_SLEEPER, RONDO_TIMERS_WAIT, 1);		/* only if we ask it */
	assert_sends(NOBODY, RONDO_TIMERS_WAIT, 2);
	assert_sends(A_COMPLETION, RONDO_TIMERS_COALESCED, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_way_of_receiving),
		cmocka_unit_test(test_receiving_waits_where_an_older_kernel_would_not),
		cmocka_unit_test(test_every_way_of_sending),
		cmocka_unit_test(test_sending_waits_where_an_older_kernel_would_not),
		cmocka_unit_test(test_send_zc_without_the_operation_is_send),
		cmocka_unit_test(test_send_zc_copies_when_memory_may_not_be_pinned),
		cmocka_unit_test(test_with_nothing_else_to_do_a_send_needs_no_ring),
		cmocka_unit_test(test_a_cancelled_task_does_not_send),
		cmocka_unit_test(test_a_reset_reaches_who_receives),
		cmocka_unit_test(test_sending_to_nobody_is_an_error_and_no_signal),
		cmocka_unit_test(test_closing_a_socket_ends_what_waits_for_it),
		cmocka_unit_test(test_shutting_down_ends_receiving),
		cmocka_unit_test(test_errors_are_those_of_the_system_calls),
		cmocka_unit_test(test_who_sends_again_lets_others_go_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
