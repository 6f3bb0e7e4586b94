/* SPDX-License-Identifier: MIT */
/* test_transfer_stream.c - bytes sent are bytes received: in order, once, whatever is cancelled
 * meanwhile. Goal: n_sent and n_received are the truth after a cancel; recv in a race with a cancel
 * loses nothing. Method: a stream whose i-th byte is known, small buffers, races stepped turn by
 * turn. */
#include "net.h"

#include "rondo/socket.h"

enum { HELLO_LEN = 5 };
#define HELLO "hello"

static int p[2] = { -1, -1 };
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

/* --- streams: every byte, once, in order ------------------------------------------------------ */

enum { STREAM_LEN = 1 << 20 };

struct stream {
	char *bytes;
	size_t n_sent;
	int ret;
};

static int send_stream(void *arg)
{
	struct stream *s = arg;

	s->ret = rondo_send_all(p[0], s->bytes, STREAM_LEN, &s->n_sent);
	return 0;
}

static int slow_reader(void *arg)
{
	struct stream s = { .bytes = arg };
	rondo_task *task = rondo_create_task(send_stream, &s);
	size_t n = 0;

	while (n < STREAM_LEN) {
		char block[777];
		ssize_t ret = rondo_recv(p[1], block, sizeof(block), 0);

		CHECK(ret > 0);
		CHECK(net_is_pattern(block, (size_t)ret, n));
		n += (size_t)ret;
		if (n % 16 == 0)
			CHECK_EQUAL(rondo_yield(), 0);
	}
	CHECK_EQUAL(rondo_await(task), 0);
	CHECK_EQUAL(s.ret, 0);
	CHECK_EQUAL(s.n_sent, STREAM_LEN);
	return 0;
}

static void run_stream(rondo_fn *main)
{
	static int (*const pairs[])(int fds[2]) = { net_unix_pair, net_tcp_pair };
	char *bytes = malloc(STREAM_LEN);
	int small = 4096;

	net_fill_pattern(bytes, STREAM_LEN, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pairs[i](p), 0);
		setsockopt(p[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
		setsockopt(p[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
		net_run(main, bytes);
		pair_clean(NULL);
	}
	free(bytes);
}

static void test_a_slow_reader_gets_every_byte_of_a_long_send(void **state)
{
	(void)state;
	run_stream(slow_reader);
}

/* Cut off after some of it has gone: the peer has exactly what n_sent says. */
static int cancel_a_long_send(void *arg)
{
	struct stream s = { .bytes = arg };
	rondo_task *task = rondo_create_task(send_stream, &s);
	size_t n = 0;

	CHECK_EQUAL(turns(3), 0);
	for (int i = 0; i < 5; i++) {
		ssize_t ret = net_drain(p[1], n);

		CHECK(ret >= 0);
		n += (size_t)ret;
		CHECK_EQUAL(turns(3), 0);
	}
	CHECK(rondo_cancel(task));
	CHECK_EQUAL(rondo_await(task), 0);
	CHECK_EQUAL(s.ret, -ECANCELED);
	CHECK(s.n_sent > 0 && s.n_sent < STREAM_LEN);
	CHECK(n <= s.n_sent);			/* TCP may still be carrying the rest */
	CHECK_EQUAL(net_take(p[1], n, s.n_sent - n), 0);
	n = s.n_sent;
	CHECK_EQUAL(net_drain(p[1], n), 0);
	return 0;
}

static void test_a_cancelled_send_says_how_much_has_gone(void **state)
{
	(void)state;
	run_stream(cancel_a_long_send);
}

static int recv_half(void *arg)
{
	struct stream *s = arg;

	s->ret = rondo_recv_exactly(p[0], s->bytes, HELLO_LEN, &s->n_sent);
	return 0;
}

static int cancel_half_a_recv(void *arg)
{
	struct stream s = { .bytes = buf };
	rondo_task *task = rondo_create_task(recv_half, &s);

	(void)arg;
	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(send(p[1], "hel", 3, 0), 3);
	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(rondo_task_state(task), RONDO_PENDING);
	CHECK(rondo_cancel(task));
	CHECK_EQUAL(rondo_await(task), 0);
	CHECK_EQUAL(s.ret, -ECANCELED);
	CHECK_EQUAL(s.n_sent, 3);
	CHECK_EQUAL(send(p[1], "lo", 2, 0), 2);
	CHECK_EQUAL(rondo_recv_exactly(p[0], buf + 3, 2, NULL), 0);
	CHECK_EQUAL(memcmp(buf, HELLO, HELLO_LEN), 0);
	return 0;
}

static void test_a_cancelled_recv_exactly_says_how_much_has_come(void **state)
{
	(void)state;
	assert_int_equal(unix_prepare(NULL), 0);
	net_run(cancel_half_a_recv, NULL);
	pair_clean(NULL);
}

static int end_in_the_middle(void *arg)
{
	size_t n = 0;

	(void)arg;
	CHECK_EQUAL(rondo_recv_exactly(p[0], buf, 0, &n), 0);
	CHECK_EQUAL(send(p[1], "hel", 3, 0), 3);
	CHECK_EQUAL(shutdown(p[1], SHUT_WR), 0);
	CHECK_EQUAL(rondo_recv_exactly(p[0], buf, HELLO_LEN, &n), -RONDO_EINCOMPLETE);
	CHECK_EQUAL(n, 3);
	CHECK_EQUAL(rondo_recv(p[0], buf, 1, 0), 0);
	CHECK_EQUAL(rondo_send_all(p[0], HELLO, HELLO_LEN, NULL), 0);	/* half closed */
	CHECK_EQUAL(recv(p[1], buf, sizeof(buf), 0), HELLO_LEN);
	return 0;
}

static void test_the_end_of_the_peer_ends_receiving_and_not_sending(void **state)
{
	(void)state;
	assert_int_equal(unix_prepare(NULL), 0);
	net_run(end_in_the_middle, NULL);
	pair_clean(NULL);
}

/* --- receiving in a race with a cancel (D1) --------------------------------------------------- */

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

enum { ROUNDS = 500, TURNS_MAX = 3 };

/* Four bytes of the stream and a cancel, n_turns apart; negative: the cancel comes first; TURNS_MAX:
 * when the task has got them. Returns how many bytes it got. */
static int recv_race(size_t *n_sent, size_t *n_received, int n_turns)
{
	struct receiver_task r = { .ret = 0 };
	rondo_task *task = rondo_create_task(recv_some, &r);
	char four[4];

	net_fill_pattern(four, sizeof(four), *n_sent);
	CHECK_EQUAL(turns(3), 0);
	if (n_turns < 0) {
		rondo_cancel(task);
		CHECK_EQUAL(turns(-1 - n_turns), 0);
	}
	CHECK_EQUAL(send(p[1], four, sizeof(four), 0), sizeof(four));
	*n_sent += sizeof(four);
	if (n_turns >= 0) {
		CHECK_EQUAL(turns(n_turns), 0);
		while (n_turns == TURNS_MAX && !r.ret)	/* TCP carries them when it likes */
			CHECK_EQUAL(rondo_yield(), 0);
		rondo_cancel(task);
	}
	(void)rondo_await(task);	/* says -ECANCELED also of a task that ended in time */
	CHECK(r.ret > 0 || r.ret == -ECANCELED);
	if (r.ret < 0)
		return 0;
	CHECK(net_is_pattern(r.bytes, (size_t)r.ret, *n_received));
	*n_received += (size_t)r.ret;
	return r.ret;
}

static int recv_races(void *arg)
{
	size_t n_sent = 0, n_received = 0, n_by_tasks = 0;

	(void)arg;
	for (int round = 0; round < ROUNDS; round++)
		for (int n = -TURNS_MAX; n <= TURNS_MAX; n++) {
			int ret = recv_race(&n_sent, &n_received, n);

			CHECK(ret >= 0);
			n_by_tasks += (size_t)ret;
			CHECK_EQUAL(net_take(p[0], n_received, n_sent - n_received), 0);
			n_received = n_sent;
		}
	CHECK(n_by_tasks > 0 && n_by_tasks < n_sent);	/* the race was won both ways */
	return 0;
}

static void test_recv_in_a_race_with_cancel_loses_no_byte(void **state)
{
	static int (*const pairs[])(int fds[2]) = { net_unix_pair, net_tcp_pair };

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pairs[i](p), 0);
		net_run(recv_races, NULL);
		pair_clean(NULL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_slow_reader_gets_every_byte_of_a_long_send),
		cmocka_unit_test(test_a_cancelled_send_says_how_much_has_gone),
		cmocka_unit_test(test_a_cancelled_recv_exactly_says_how_much_has_come),
		cmocka_unit_test(test_the_end_of_the_peer_ends_receiving_and_not_sending),
		cmocka_unit_test(test_recv_in_a_race_with_cancel_loses_no_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
