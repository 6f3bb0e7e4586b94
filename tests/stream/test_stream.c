/* SPDX-License-Identifier: MIT */
/* test_stream.c - how streams begin and end. Goal: every kind of descriptor and a class of one's
 * own; closing while others read and write; who owns the descriptor; leaks. */
#include "streams.h"

#include "stream/stream.h"
#include "support/step.h"

/* --- beginning ------------------------------------------------------------------------------- */

static int echo_a_line(void *arg)
{
	const char *line;
	ssize_t n;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(peer_say("one\ntwo\n"), 0);
	n = rondo_stream_read_line(stream, &line);
	CHECK(lent(n, &line, "one\n"));
	n = rondo_stream_read_line(stream, &line);
	CHECK(lent(n, &line, "two\n"));
	peer_end();
	CHECK_EQUAL(rondo_stream_read_line(stream, &line), 0);
	CHECK(rondo_stream_at_eof(stream));
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_lines_of_a_socket_and_a_pipe(void **state)
{
	(void)state;
	run_on_all_pairs(echo_a_line, NULL);
}

static int refuse(void *arg)
{
	int fd = rondo_socket(AF_INET, SOCK_DGRAM, 0);

	(void)arg;
	stream = NULL;
	CHECK_EQUAL(rondo_stream_from_fd(-1, NULL, &stream), -EBADF);
	CHECK_EQUAL(rondo_stream_from_fd(fd, NULL, &stream), -EPROTOTYPE);
	CHECK(!stream);
	CHECK_EQUAL(rondo_close(fd), 0);	/* it is still ours */
	return 0;
}

static void test_what_is_no_stream_stays_the_callers(void **state)
{
	(void)state;
	net_run(refuse, NULL);
}

static int takes_back_and_aborts(void *task)
{
	rondo_uncancel(task);
	rondo_stream_abort(stream);
	return 0;
}

static int reads_with_a_cancel_pending(void *arg)
{
	rondo_task *other = rondo_create_task(takes_back_and_aborts, rondo_current_task());
	char c;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK(rondo_cancel(rondo_current_task()));
	CHECK_EQUAL(rondo_stream_read(stream, &c, 1), -ECANCELED);
	return rondo_await(other);
}

/* A pending cancel lets others run first, and so what was looked at before may be gone. */
static void test_a_cancel_that_is_taken_back_still_ends_the_read_that_met_it(void **state)
{
	(void)state;
	run_on_all_pairs(reads_with_a_cancel_pending, NULL);
}

static int keep(void *arg)
{
	const struct rondo_stream_options o = { .keep_fd = true };
	int fd = pair[0];
	char c;

	(void)arg;
	CHECK_EQUAL(rondo_stream_from_fd(fd, &o, &stream), 0);
	CHECK_EQUAL(rondo_stream_fd(stream), fd);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	CHECK_EQUAL(peer_say("x"), 0);
	CHECK_EQUAL(read(fd, &c, 1), 1);
	return 0;
}

static void test_a_kept_descriptor_stays_open(void **state)
{
	(void)state;
	run_on_all_pairs(keep, NULL);
}

/* --- ending while others are at it ----------------------------------------------------------- */

static int read_one(void *arg)
{
	char c;

	(void)arg;
	return (int)rondo_stream_read(stream, &c, 1);
}

static int write_much(void *arg)
{
	static char much[64 << 20];	/* more than any socket takes */

	(void)arg;
	return rondo_stream_write(stream, much, sizeof(much));
}

static int close_under_a_reader(void *arg)
{
	rondo_task *reader = rondo_create_task(read_one, NULL);

	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK_EQUAL(rondo_task_state(reader), RONDO_PENDING);
	if (arg)
		rondo_stream_abort(stream);
	else
		CHECK_EQUAL(rondo_stream_close(stream), 0);
	CHECK_EQUAL(rondo_await(reader), -EBADF);
	return 0;
}

static void test_closing_ends_a_read(void **state)
{
	(void)state;
	run_on_all_pairs(close_under_a_reader, NULL);
	run_on_all_pairs(close_under_a_reader, word("abort"));
}

/* One in the midst, one that waits for it, and nobody who reads: only abort ends them. */
static int abort_under_writers(void *arg)
{
	rondo_task *first = rondo_create_task(write_much, NULL);
	rondo_task *second = rondo_create_task(write_much, NULL);
	const int small = 64 << 10;	/* by itself TCP may take all of it */

	(void)arg;
	CHECK_EQUAL(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	CHECK_EQUAL(setsockopt(pair[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	rondo_stream_abort(stream);
	CHECK_EQUAL(rondo_await(first), -EBADF);
	CHECK_EQUAL(rondo_await(second), -EBADF);
	return 0;
}

static void test_abort_ends_writes(void **state)
{
	(void)state;
	run_with(PAIR_UNIX, abort_under_writers, NULL);
	run_with(PAIR_TCP, abort_under_writers, NULL);
}

/* As a sendfile that waits for its file does. */
static int waits_for_something_else(void *arg)
{
	(void)arg;
	stream_enter(stream);
	CHECK_EQUAL(rondo_sleep(0.05), 0);
	CHECK_EQUAL(stream_leave(stream, 0), -EBADF);
	return 0;
}

static int abort_under_it(void *arg)
{
	rondo_task *t = rondo_create_task(waits_for_something_else, NULL);
	uint64_t n_turns;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	n_turns = rondo__loop->n_turns;
	rondo_stream_abort(stream);
	CHECK(rondo__loop->n_turns - n_turns < 200);
	CHECK_EQUAL(rondo_await(t), 0);
	return 0;
}

static void test_an_abort_does_not_spin(void **state)
{
	(void)state;
	run_on_all_pairs(abort_under_it, NULL);
}

/* --- leaks ----------------------------------------------------------------------------------- */

static void on_error(const struct rondo_report *report, void *arg)
{
	(void)arg;
	note("%s", report->message);
}

static int leak(void *arg)
{
	char c;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(peer_say("xx"), 0);
	CHECK_EQUAL(rondo_stream_read(stream, &c, 1), 1);	/* from now on a receive is armed */
	return 0;
}

/* X16 */
static void test_a_stream_never_closed_is_reported_and_dropped(void **state)
{
	const struct rondo_options o = { .on_error = on_error };
	char expected[64];
	int n_fds = count_fds();

	(void)state;
	assert_int_equal(pair_open(PAIR_UNIX), 0);
	snprintf(expected, sizeof(expected), "never closed: socket stream on descriptor %d", pair[0]);
	assert_run_on(&rondo__kernel_linux, &o, leak, NULL, 0);
	assert_log(expected);
	pair_clean(NULL);
	assert_int_equal(count_fds(), n_fds);
}

/* --- a class of one's own -------------------------------------------------------------------- */

struct rot13 {
	rondo_stream *below;
	bool closed;
};

static char rot(char c)
{
	if ((c | 32) < 'a' || (c | 32) > 'z')
		return c;
	return (char)((c | 32) < 'n' ? c + 13 : c - 13);
}

static ssize_t rot_read(void *self, void *buf, size_t len)
{
	ssize_t n = rondo_stream_read(((struct rot13 *)self)->below, buf, len);

	for (ssize_t i = 0; i < n; i++)
		((char *)buf)[i] = rot(((char *)buf)[i]);
	return n;
}

static int rot_write(void *self, const struct iovec *iov, size_t n_iov, size_t *n_written)
{
	char text[64];
	int ret = 0;

	*n_written = 0;
	for (size_t i = 0; i < n_iov && ret == 0; i++) {
		for (size_t j = 0; j < iov[i].iov_len; j++)
			text[j] = rot(((char *)iov[i].iov_base)[j]);
		ret = rondo_stream_write(((struct rot13 *)self)->below, text, iov[i].iov_len);
		*n_written += ret ? 0 : iov[i].iov_len;
	}
	return ret;
}

static void rot_interrupt(void *self)
{
	rondo_stream_interrupt(((struct rot13 *)self)->below);
}

static int rot_close(void *self, bool abort)
{
	struct rot13 *r = self;

	r->closed = true;
	if (!abort)
		return rondo_stream_close(r->below);
	rondo_stream_abort(r->below);
	return 0;
}

static const struct rondo_stream_class rot_class = {
	.name = "rot13", .read = rot_read, .write = rot_write, .interrupt = rot_interrupt,
	.close = rot_close,
};
static const struct rondo_stream_class no_class = { .name = "none" };

static int talk_in_rot13(void *arg)
{
	struct rot13 r = { 0 };
	rondo_task *reader;
	const char *line;
	char got[8];
	ssize_t n;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	r.below = stream;
	CHECK_EQUAL(rondo_stream_new(&no_class, &r, NULL, &stream), -EINVAL);
	CHECK_EQUAL(rondo_stream_new(&rot_class, &r, NULL, &stream), 0);
	CHECK(rondo_stream_self(stream, &rot_class) == &r);
	CHECK(!rondo_stream_self(stream, &no_class));
	CHECK_EQUAL(rondo_stream_fd(stream), -1);
	CHECK_EQUAL(peer_say("Uryyb\n"), 0);
	n = rondo_stream_read_line(stream, &line);
	CHECK(lent(n, &line, "Hello\n"));
	CHECK_EQUAL(rondo_stream_printf(stream, "%s\n", "Hello"), 0);
	CHECK_EQUAL(read(pair[1], got, sizeof(got)), 6);
	CHECK(!memcmp(got, "Uryyb\n", 6));
	CHECK_EQUAL(rondo_stream_shutdown_write(stream), -EOPNOTSUPP);
	reader = rondo_create_task(read_one, NULL);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	CHECK(r.closed);
	CHECK_EQUAL(rondo_await(reader), -EBADF);
	return 0;
}

static void test_a_class_of_ones_own(void **state)
{
	(void)state;
	run_with(PAIR_UNIX, talk_in_rot13, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines_of_a_socket_and_a_pipe),
		cmocka_unit_test(test_what_is_no_stream_stays_the_callers),
		cmocka_unit_test(test_a_cancel_that_is_taken_back_still_ends_the_read_that_met_it),
		cmocka_unit_test(test_a_kept_descriptor_stays_open),
		cmocka_unit_test(test_closing_ends_a_read),
		cmocka_unit_test(test_abort_ends_writes),
		cmocka_unit_test(test_an_abort_does_not_spin),
		cmocka_unit_test(test_a_stream_never_closed_is_reported_and_dropped),
		cmocka_unit_test(test_a_class_of_ones_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
