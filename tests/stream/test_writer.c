/* SPDX-License-Identifier: MIT */
/* test_writer.c - writing to streams. Goal: rows X9 to X13 and probes q11, q13, q14 of asyncio's
 * rules: back-pressure, order, cancels, half-close, what a peer that is gone does, the write buffer.
 * Method: the matrix, against a peer that does not read; a class that takes what it is told to. */
#include "streams.h"

#include <pthread.h>

#include "support/step.h"

enum { BIG = 3 << 20 };
static char big[BIG];

/* The stream writes to pair[1] of a pipe, so turn that round. What the kernel takes is less than BIG
 * and than a MESSAGE. */
static int open_to_write(enum pair_kind kind)
{
	const int small = 64 << 10;
	int ret = pair_open(kind);

	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(pair[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (kind == PAIR_PIPE) {
		int reader = pair[0];

		pair[0] = pair[1];
		pair[1] = reader;
	}
	return ret;
}

static void run_writing(enum pair_kind kind, rondo_fn *main, void *arg)
{
	int ret, n_fds = count_fds();

	assert_int_equal(open_to_write(kind), 0);
	ret = rondo__run_on(&rondo__kernel_linux, NULL, main, arg);
	pair_clean(NULL);
	assert_checks_passed();
	assert_int_equal(ret, 0);
	assert_int_equal(count_fds(), n_fds);
}

static void run_writing_to_all(rondo_fn *main, void *arg)
{
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		run_writing((enum pair_kind)kind, main, arg);
}

/* Read what is there, which must go on with the pattern. Returns the count, or -1. */
static ssize_t peer_take(size_t offset, size_t max)
{
	static char block[BIG];
	struct pollfd poll_in = { .fd = pair[1], .events = POLLIN };
	size_t n = 0;

	while (n < max && poll(&poll_in, 1, 0) == 1) {
		ssize_t got = read(pair[1], block, max - n);

		if (got <= 0)
			break;
		if (!net_is_pattern(block, (size_t)got, offset + n))
			return -1;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

/* The same, waiting for as many as there must be. If there are more they are counted, too. */
static ssize_t peer_expect(size_t offset, size_t n_bytes)
{
	size_t n = 0;

	while (n < n_bytes && net_readable(pair[1], NET_PATIENCE_MS)) {
		ssize_t got = peer_take(offset + n, BIG);

		if (got <= 0)
			return -1;
		n += (size_t)got;
	}
	return (ssize_t)n;
}

/* --- the matrix: the peer does not read, and then does ---------------------------------------- */

enum how { WRITE, WRITEV, FLUSH, SHUTDOWN, HOWS };
static const char *const how_names[HOWS] = { "write", "writev", "flush", "shutdown_write" };

static size_t n_written, n_taken;
static bool begun;
static enum pair_kind kind_of_pair;
static const struct rondo_stream_options buffered = { .write_buffer = BIG };

static int prepare(void *ctx)
{
	(void)ctx;
	begun = false;
	n_written = n_taken = 0;
	return open_to_write(kind_of_pair);
}

static int call(enum how how)
{
	size_t left = BIG - n_written, n = 0;
	struct iovec rest[4];
	int ret;

	if (how == FLUSH)
		return rondo_stream_flush(stream);
	if (how == SHUTDOWN)
		return rondo_stream_shutdown_write(stream);
	rest[0] = (struct iovec){ big + n_written, how == WRITE ? left : 1 };
	rest[1] = (struct iovec){ NULL, 0 };
	rest[2] = (struct iovec){ big + n_written + 1, left / 2 };
	rest[3] = (struct iovec){ big + n_written + 1 + left / 2, left - 1 - left / 2 };
	ret = rondo_stream_write_counted(stream, rest, how == WRITE ? 1 : 4, &n);
	n_written += n;
	return ret;
}

static int begin(enum how how)
{
	struct rondo_mask mask;
	int ret;

	rondo_mask_begin(&mask);
	ret = stream_begin(how >= FLUSH ? &buffered : NULL);
	if (ret == 0 && how >= FLUSH)
		ret = rondo_stream_write(stream, big, BIG - 1);
	rondo_mask_end(&mask);
	begun = true;
	return ret;
}

/* A cancelled call is followed by others, which go on where it stopped. */
static int start(void *ctx)
{
	enum how how = *(enum how *)ctx;
	int ret = begun ? 0 : begin(how);

	if (ret == 0)
		ret = call(how);
	if (ret == -ECANCELED)
		return ret;
	begun = false;
	return rondo_stream_close(stream) < 0 ? -EIO : ret;
}

static void *take_all(void *arg)
{
	char block[4096];
	ssize_t n;

	(void)arg;
	while ((n = read(pair[1], block, sizeof(block))) > 0) {
		if (!net_is_pattern(block, (size_t)n, n_taken))
			break;
		n_taken += (size_t)n;
	}
	return NULL;
}

static pthread_t taker;
static bool has_taker;

/* A thread, so that it goes on for as long as there is something to take. */
static int finish(void *ctx)
{
	(void)ctx;
	if (has_taker)
		return 0;
	has_taker = true;
	return pthread_create(&taker, NULL, take_all, NULL);
}

static void clean(void *ctx)
{
	size_t expected = *(enum how *)ctx >= FLUSH ? BIG - 1 : BIG;

	if (has_taker) {
		shutdown(pair[0], SHUT_WR);	/* if it was never begun */
		pthread_join(taker, NULL);
		assert_int_equal(n_taken, expected);	/* once and in order, whatever was cancelled */
	}
	has_taker = false;
	pair_clean(NULL);
}

static void test_every_write_in_the_matrix(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	for (enum how how = 0; how < HOWS; how++)
		for (int kind = 0; kind < PAIR_KINDS; kind++) {
			const struct matrix_verb v = {
				.start = start, .finish = finish, .prepare = prepare,
				.clean = clean, .ctx = &how,
			};
			char name[64];

			kind_of_pair = (enum pair_kind)kind;
			snprintf(name, sizeof(name), "%s to %s", how_names[how], pair_names[kind]);
			matrix_check(name, &v);
		}
}

/* --- several writers ------------------------------------------------------------------------- */

enum { N_WRITERS = 8, MESSAGE = 300000 };

static int write_message(void *arg)
{
	size_t i = (size_t)(uintptr_t)arg;

	return rondo_stream_write(stream, big + i * MESSAGE, MESSAGE);
}

/* Each message is larger than the socket's buffer, and they do not mix. The third gives up. */
static int many_writers(void *arg)
{
	rondo_task *writers[N_WRITERS];
	size_t n = 0;
	ssize_t got;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	for (uintptr_t i = 0; i < N_WRITERS; i++)
		writers[i] = rondo_create_task(write_message, (void *)(i < 3 ? i : i - (i > 3)));
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK(rondo_cancel(writers[3]));
	CHECK_EQUAL(rondo_await(writers[3]), -ECANCELED);
	while (n < (size_t)MESSAGE * (N_WRITERS - 1)) {
		got = peer_take(n, 50000);
		CHECK(got >= 0);
		n += (size_t)got;
		CHECK_EQUAL(turns(1), 0);
	}
	for (int i = 0; i < N_WRITERS; i++)
		if (i != 3)
			CHECK_EQUAL(rondo_await(writers[i]), 0);
	CHECK_EQUAL(peer_take(n, 1), 0);	/* and nothing of the one that gave up */
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_messages_stay_whole_and_in_order(void **state)
{
	(void)state;
	run_writing_to_all(many_writers, NULL);
}

/* --- cut short ------------------------------------------------------------------------------- */

static int write_big(void *arg)
{
	(void)arg;
	return rondo_stream_write(stream, big, BIG);
}

/* Half a message is out: nothing may follow it. On 6.1 a worker writes to pipes, when it likes. */
static int torn(void *arg)
{
	rondo_task *writer = rondo_create_task(write_big, NULL);
	struct pollfd peer;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	peer = (struct pollfd){ .fd = pair[1], .events = POLLIN };
	CHECK_EQUAL(poll(&peer, 1, -1), 1);
	CHECK(rondo_cancel(writer));
	CHECK_EQUAL(rondo_await(writer), -ECANCELED);
	CHECK_EQUAL(rondo_stream_write(stream, "x", 1), -EPIPE);
	CHECK_EQUAL(rondo_stream_printf(stream, "x"), -EPIPE);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_nothing_follows_half_a_message(void **state)
{
	(void)state;
	run_writing_to_all(torn, NULL);
}

/* Whoever reads finds the end, as after a close, and does not wait for the other half. */
static int torn_and_half_closed(void *arg)
{
	rondo_task *writer = rondo_create_task(write_big, NULL);
	char bytes[4096];
	ssize_t n;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK(rondo_cancel(writer));
	CHECK_EQUAL(rondo_await(writer), -ECANCELED);
	CHECK_EQUAL(rondo_stream_shutdown_write(stream), 0);
	CHECK_EQUAL(rondo_stream_shutdown_write(stream), 0);
	while ((n = rondo_read(pair[1], bytes, sizeof(bytes))) > 0)
		;
	CHECK_EQUAL(n, 0);
	CHECK_EQUAL(rondo_stream_write(stream, "x", 1), -EPIPE);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

/* X12 */
static void test_half_close_after_half_a_message(void **state)
{
	(void)state;
	run_writing_to_all(torn_and_half_closed, NULL);
}

/* Not cancelled by itself, but before it began to wait. */
static int cancelled_before(void *arg)
{
	size_t n = 9;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	rondo_cancel(rondo_current_task());
	CHECK_EQUAL(rondo_stream_write_counted(stream, &(struct iovec){ big, 1 }, 1, &n), -ECANCELED);
	CHECK_EQUAL(n, 0);
	CHECK_EQUAL(rondo_stream_write(stream, big, 1), 0);
	CHECK_EQUAL(rondo_stream_write(stream, NULL, 0), 0);
	CHECK_EQUAL(rondo_stream_writev(stream, NULL, 0), 0);
	CHECK_EQUAL(peer_expect(0, 1), 1);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_a_write_that_never_began_leaves_no_trace(void **state)
{
	(void)state;
	run_writing_to_all(cancelled_before, NULL);
}

/* --- peers that are gone --------------------------------------------------------------------- */

/* q14: asyncio's drain() and wait_closed() both raise ECONNRESET. Here the write says it, in words
 * that depend on the kind of socket, and the close is well. No SIGPIPE: the test would be dead. */
static int peer_is_gone(void *arg)
{
	int ret = 0;

	CHECK_EQUAL(stream_begin(NULL), 0);
	if (arg)
		net_reset(pair[1]);
	else
		close(pair[1]);
	pair[1] = -1;
	while (ret == 0) {
		struct pollfd gone = { .fd = rondo_stream_fd(stream) };

		ret = rondo_stream_write(stream, big, 1000);
		if (ret == 0)		/* a reset is under way */
			CHECK_EQUAL(poll(&gone, 1, NET_PATIENCE_MS), 1);
	}
	CHECK(ret == -EPIPE || ret == -ECONNRESET);
	CHECK_EQUAL(rondo_stream_close(stream), 0);	/* X13 */
	return 0;
}

static void test_a_peer_that_is_gone(void **state)
{
	(void)state;
	assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
	run_writing_to_all(peer_is_gone, NULL);
	run_writing(PAIR_TCP, peer_is_gone, word("reset"));
}

/* X13: the exception: bytes that were promised to go out. */
static int unsent_at_close(void *arg)
{
	const struct rondo_stream_options o = { .write_buffer = 100 };

	(void)arg;
	CHECK_EQUAL(stream_begin(&o), 0);
	close(pair[1]);
	pair[1] = -1;
	CHECK_EQUAL(rondo_stream_write(stream, "bye", 3), 0);
	CHECK_EQUAL(rondo_stream_close(stream), -EPIPE);
	return 0;
}

static void test_close_tells_of_bytes_that_never_went_out(void **state)
{
	(void)state;
	run_writing(PAIR_UNIX, unsent_at_close, NULL);
	run_writing(PAIR_PIPE, unsent_at_close, NULL);
}

static int abort_it(void *arg)
{
	char c;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(rondo_stream_write(stream, "x", 1), 0);
	CHECK_EQUAL(read(pair[1], &c, 1), 1);
	rondo_stream_abort(stream);
	CHECK_EQUAL(read(pair[1], &c, 1), -1);
	CHECK_EQUAL(errno, ECONNRESET);
	rondo_stream_abort(NULL);
	CHECK_EQUAL(rondo_stream_close(NULL), 0);
	return 0;
}

static void test_abort_resets(void **state)
{
	(void)state;
	run_writing(PAIR_TCP, abort_it, NULL);
}

/* The write may have got on, and its task not run, when the abort comes: it must not begin again. */
static int abort_between_waits(void *arg)
{
	rondo_task *writer;

	CHECK_EQUAL(stream_begin(NULL), 0);
	writer = rondo_create_task(write_big, NULL);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK_EQUAL(rondo_task_state(writer), RONDO_PENDING);
	while (peer_take(0, 60000) == 0)	/* on 6.1 a worker writes to pipes, later */
		CHECK_EQUAL(turns(1), 0);
	CHECK_EQUAL(turns(*(const int *)arg), 0);
	rondo_stream_abort(stream);
	CHECK_EQUAL(rondo_await(writer), -EBADF);
	return 0;
}

static void test_abort_between_two_waits(void **state)
{
	(void)state;
	for (int n = 0; n < 5; n++)
		run_writing_to_all(abort_between_waits, &n);
}

static int close_it(void *arg)
{
	(void)arg;
	return rondo_stream_close(stream);
}

/* Nobody reads: a close that has to flush can be given up. */
static int close_is_cancelled(void *arg)
{
	rondo_task *closer = rondo_create_task(close_it, NULL);

	(void)arg;
	CHECK_EQUAL(stream_begin(&buffered), 0);
	CHECK_EQUAL(rondo_stream_write(stream, big, BIG), 0);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK_EQUAL(rondo_task_state(closer), RONDO_PENDING);
	CHECK(rondo_cancel(closer));
	CHECK_EQUAL(rondo_await(closer), -ECANCELED);
	return 0;
}

static void test_a_close_that_has_to_send_can_be_cancelled(void **state)
{
	(void)state;
	run_writing_to_all(close_is_cancelled, NULL);
}

/* Else closing is no point of cancellation. */
static int close_in_spite(void *arg)
{
	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	rondo_cancel(rondo_current_task());
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	CHECK_EQUAL(rondo_yield(), -ECANCELED);
	return 0;
}

static void test_a_close_with_nothing_to_send_is_not_cancelled(void **state)
{
	(void)state;
	run_writing_to_all(close_in_spite, NULL);
}

/* --- half-close ------------------------------------------------------------------------------ */

static int half_close(void *arg)
{
	const char *line;
	char c;

	(void)arg;
	CHECK_EQUAL(stream_begin(&buffered), 0);
	CHECK_EQUAL(rondo_stream_write(stream, big, 3), 0);
	CHECK_EQUAL(rondo_stream_shutdown_write(stream), 0);	/* flushes first */
	CHECK_EQUAL(rondo_stream_shutdown_write(stream), 0);	/* q11: idempotent */
	CHECK_EQUAL(peer_expect(0, 3), 3);
	CHECK_EQUAL(read(pair[1], &c, 1), 0);
	CHECK_EQUAL(rondo_stream_write(stream, "x", 1), -EPIPE);
	CHECK_EQUAL(rondo_stream_flush(stream), 0);
	if (arg) {		/* q11: reading goes on */
		CHECK_EQUAL(peer_say("still\n"), 0);
		CHECK(lent(rondo_stream_read_line(stream, &line), &line, "still\n"));
	}
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

/* X12 */
static void test_half_close(void **state)
{
	(void)state;
	run_writing(PAIR_UNIX, half_close, word("both ways"));
	run_writing(PAIR_TCP, half_close, word("both ways"));
	run_writing(PAIR_PIPE, half_close, NULL);
}

static int half_close_nothing(void *arg)
{
	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(rondo_stream_shutdown_write(stream), -EOPNOTSUPP);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_the_reading_end_of_a_pipe_has_no_half(void **state)
{
	(void)state;
	run_with(PAIR_PIPE, half_close_nothing, NULL);
}

/* --- the write buffer: X10 ------------------------------------------------------------------- */

static int collect(void *arg)
{
	const struct rondo_stream_options o = { .write_buffer = 10 };
	const struct iovec two[] = { { big + 8, 1 }, { big + 9, 1 } };
	size_t n = 0;

	(void)arg;
	CHECK_EQUAL(stream_begin(&o), 0);
	CHECK_EQUAL(rondo_stream_write(stream, big, 4), 0);
	CHECK_EQUAL(rondo_stream_write(stream, big + 4, 4), 0);
	CHECK_EQUAL(rondo_stream_writev(stream, two, 2), 0);
	CHECK_EQUAL(peer_take(0, 99), 0);
	CHECK_EQUAL(rondo_stream_write(stream, big + 10, 3), 0);	/* no room: the others go */
	CHECK_EQUAL(peer_expect(0, 10), 10);
	CHECK_EQUAL(rondo_stream_write(stream, big + 13, 20), 0);	/* never room: goes itself */
	CHECK_EQUAL(peer_expect(10, 23), 23);
	CHECK_EQUAL(rondo_stream_write_counted(stream, &(struct iovec){ big + 33, 10 }, 1, &n), 0);
	CHECK_EQUAL(n, 10);
	CHECK_EQUAL(peer_take(33, 99), 0);
	CHECK_EQUAL(rondo_stream_flush(stream), 0);
	CHECK_EQUAL(peer_expect(33, 10), 10);
	CHECK_EQUAL(rondo_stream_write(stream, big + 43, 1), 0);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	CHECK_EQUAL(peer_expect(43, 1), 1);
	return 0;
}

static void test_small_writes_are_collected(void **state)
{
	(void)state;
	run_writing_to_all(collect, NULL);
}

static int ask(void *arg)
{
	const char *line;

	(void)arg;
	return (int)rondo_stream_read_line(stream, &line);
}

/* A question that lies in the buffer while its answer is waited for would be a deadlock. */
static int question(void *arg)
{
	const struct rondo_stream_options o = { .write_buffer = 10 };
	rondo_task *reader;

	(void)arg;
	CHECK_EQUAL(stream_begin(&o), 0);
	CHECK_EQUAL(rondo_stream_write(stream, big, 4), 0);
	reader = rondo_create_task(ask, NULL);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK_EQUAL(peer_expect(0, 4), 4);
	CHECK_EQUAL(peer_say("yes\n"), 0);
	CHECK_EQUAL(rondo_await(reader), 4);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_a_read_that_waits_flushes(void **state)
{
	(void)state;
	run_writing(PAIR_UNIX, question, NULL);
}

/* --- printf ---------------------------------------------------------------------------------- */

static int print(void *arg)
{
	static char expected[3000], got[3000];
	int n = snprintf(expected, sizeof(expected), "%d %s.%2000d", 5, "words", 7);

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(rondo_stream_printf(stream, "%d %s.", 5, "words"), 0);
	CHECK_EQUAL(rondo_stream_printf(stream, "%2000d", 7), 0);
	CHECK_EQUAL(recv(pair[1], got, (size_t)n, MSG_WAITALL), n);
	CHECK(!memcmp(got, expected, (size_t)n));
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_printf(void **state)
{
	(void)state;
	run_writing(PAIR_UNIX, print, NULL);
	run_writing(PAIR_TCP, print, NULL);
}

/* --- a vector longer than one call takes ----------------------------------------------------- */

static int long_vector(void *arg)
{
	enum { N = 1000 };
	static struct iovec iov[N];
	size_t n = 0;

	(void)arg;
	for (size_t i = 0; i < N; n += i++ % 7)
		iov[i] = (struct iovec){ big + n, i % 7 };
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(rondo_stream_writev(stream, iov, N), 0);
	CHECK_EQUAL(peer_expect(0, n), n);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_a_long_vector(void **state)
{
	(void)state;
	run_writing_to_all(long_vector, NULL);
}

static int fill_big(void **state)
{
	(void)state;
	net_fill_pattern(big, BIG, 0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_write_in_the_matrix),
		cmocka_unit_test(test_messages_stay_whole_and_in_order),
		cmocka_unit_test(test_nothing_follows_half_a_message),
		cmocka_unit_test(test_half_close_after_half_a_message),
		cmocka_unit_test(test_a_write_that_never_began_leaves_no_trace),
		cmocka_unit_test(test_a_peer_that_is_gone),
		cmocka_unit_test(test_close_tells_of_bytes_that_never_went_out),
		cmocka_unit_test(test_abort_resets),
		cmocka_unit_test(test_abort_between_two_waits),
		cmocka_unit_test(test_a_close_that_has_to_send_can_be_cancelled),
		cmocka_unit_test(test_a_close_with_nothing_to_send_is_not_cancelled),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_the_reading_end_of_a_pipe_has_no_half),
		cmocka_unit_test(test_small_writes_are_collected),
		cmocka_unit_test(test_a_read_that_waits_flushes),
		cmocka_unit_test(test_printf),
		cmocka_unit_test(test_a_long_vector),
	};

	return cmocka_run_group_tests(tests, fill_big, NULL);
}
