/* SPDX-License-Identifier: MIT */
/* test_cancel.c - goal: whatever waits in TLS can be cancelled at any point, or runs into its limit,
 * and leaves nothing behind; what was half done is not taken for whole. Method: the same run again
 * and again, cancelled one turn later each time, until it is over before the cancel comes. */
#include "pair.h"
#include "support/matrix.h"

/* --- cancel at every point ----------------------------------------------------------------- */

struct sweep {
	struct pair pair;
	rondo_fn *before;		/* in the main task, with an open pair; or NULL */
	rondo_fn *verb;			/* cancelled; of the client */
	rondo_fn *peer;			/* runs beside it, of the server */
	rondo_fn *after;		/* after a cancelled verb, in the main task; or NULL */
	unsigned n_turns;
	bool over;			/* the verb had ended before it was cancelled */
	int ret;
};

static int sweep_verb(void *arg)
{
	struct sweep *s = arg;

	s->ret = s->verb(s);
	return 0;
}

static int sweep_main(void *arg)
{
	struct sweep *s = arg;
	struct pair *p = &s->pair;
	rondo_task *verb, *peer;

	if ((s->before ? pair_open(p) : pair_plain(p)) < 0 || (s->before && s->before(s) < 0))
		return -1;
	peer = rondo_create_task(s->peer, s);
	verb = rondo_create_task(sweep_verb, s);
	CHECK_EQUAL(turns((int)s->n_turns), 0);
	s->over = !rondo_cancel(verb);
	CHECK_EQUAL(rondo_await(verb) == 0 || !s->over, true);
	if (s->ret == -ECANCELED && s->after && s->after(s) < 0)
		return -1;
	rondo_stream_abort(p->client);
	rondo_cancel(peer);
	rondo_await(peer);
	rondo_stream_abort(p->server);
	return 0;
}

/* Returns how many turns the verb takes. A cancelled one returns -ECANCELED, or has succeeded. */
static unsigned sweep(struct sweep *s, int success)
{
	int n_fds;

	s->pair.server_tls = server_context("good");
	s->pair.client_tls = client_context();
	for (s->n_turns = 0, s->over = false; !s->over; s->n_turns++) {
		n_fds = count_fds();
		s->pair.client = s->pair.server = NULL;
		s->ret = -ECANCELED;
		assert_int_equal(rondo_run(sweep_main, s), 0);
		assert_checks_passed();
		assert_int_equal(count_fds(), n_fds);
		if (s->ret != -ECANCELED)
			assert_int_equal(s->ret, success);
		assert_true(s->n_turns < 5000);
	}
	rondo_tls_context_free(s->pair.server_tls);
	rondo_tls_context_free(s->pair.client_tls);
	return s->n_turns;
}

static int shake_verb(void *arg)
{
	struct sweep *s = arg;
	const struct rondo_tls_options o = { .server_hostname = "localhost" };

	return rondo_start_tls(&s->pair.client, s->pair.client_tls, &o);
}

static int serve_peer(void *arg)
{
	struct sweep *s = arg;
	char buf[4096];
	ssize_t n = rondo_start_tls(&s->pair.server, s->pair.server_tls, NULL);

	while (n >= 0 && (n = rondo_stream_read(s->pair.server, buf, sizeof(buf))) > 0)
		continue;
	return 0;
}

static void test_a_handshake_can_be_cancelled_at_every_point(void **state)
{
	struct sweep s = { .verb = shake_verb, .peer = serve_peer };

	(void)state;
	assert_true(sweep(&s, 0) > 3);
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int read_verb(void *arg)
{
	struct sweep *s = arg;
	char buf[16];

	return (int)rondo_stream_read(s->pair.client, buf, sizeof(buf));
}

static int slow_peer(void *arg)
{
	struct sweep *s = arg;

	CHECK_EQUAL(turns(10), 0);
	return rondo_stream_write(s->pair.server, "data", 4);
}

static int read_again(void *arg)
{
	CHECK_EQUAL(read_verb(arg), 4);
	return 0;
}

/* What a cancelled read would have got is there for the next one. */
static void test_a_read_can_be_cancelled_at_every_point(void **state)
{
	struct sweep s = { .before = nothing, .verb = read_verb, .peer = slow_peer,
			   .after = read_again };

	(void)state;
	assert_true(sweep(&s, 4) > 8);
}

enum { LONG_MESSAGE = 1 << 20 };

static char message[LONG_MESSAGE];

static int write_verb(void *arg)
{
	struct sweep *s = arg;

	return rondo_stream_write(s->pair.client, message, sizeof(message));
}

static size_t n_arrived;
static int arrived_end;

static int counting_peer(void *arg)
{
	static char buf[10000];
	struct sweep *s = arg;
	ssize_t n;

	for (n_arrived = 0; (n = rondo_stream_read(s->pair.server, buf, sizeof(buf))) > 0; )
		n_arrived += (size_t)n;
	arrived_end = (int)n;
	return rondo_stream_shutdown_write(s->pair.server);
}

/* Half a message is never followed by a good end; none at all, or all of it, is. */
static int close_after_write(void *arg)
{
	struct sweep *s = arg;
	bool whole;

	arrived_end = 1;
	CHECK_EQUAL(rondo_stream_close(s->pair.client), 0);
	s->pair.client = NULL;
	while (arrived_end == 1)
		CHECK_EQUAL(rondo_yield(), 0);
	whole = n_arrived == 0 || n_arrived == LONG_MESSAGE;
	CHECK_EQUAL(arrived_end, whole ? 0 : -ECONNRESET);
	return 0;
}

static void test_a_write_can_be_cancelled_at_every_point(void **state)
{
	struct sweep s = { .before = nothing, .verb = write_verb, .peer = counting_peer,
			   .after = close_after_write };

	(void)state;
	assert_true(sweep(&s, 0) > 8);
}

static int close_verb(void *arg)
{
	struct sweep *s = arg;
	int ret = rondo_stream_close(s->pair.client);

	s->pair.client = NULL;
	return ret;
}

static int closing_peer(void *arg)
{
	struct sweep *s = arg;
	char c;

	if (turns(10) < 0 || rondo_stream_read(s->pair.server, &c, 1) != 0 || turns(10) < 0)
		return -1;
	rondo_stream_close(s->pair.server);
	s->pair.server = NULL;
	return 0;
}

static void test_a_close_can_be_cancelled_at_every_point(void **state)
{
	struct sweep s = { .before = nothing, .verb = close_verb, .peer = closing_peer };

	(void)state;
	assert_true(sweep(&s, 0) > 8);
}

static int piecewise_main(void *arg)
{
	struct sweep *s = arg;
	struct iovec rest = { message, sizeof(message) };
	struct rondo_timeout limit;
	rondo_task *peer;
	size_t n;
	int ret;

	if (pair_open(&s->pair) < 0)
		return -1;
	peer = rondo_create_task(counting_peer, s);
	while (rest.iov_len) {
		CHECK_EQUAL(rondo_timeout_begin(&limit, 0.0001), 0);
		ret = rondo_stream_write_counted(s->pair.client, &rest, 1, &n);
		ret = rondo_timeout_end(&limit, ret);
		CHECK(ret == 0 || ret == -ETIMEDOUT);
		rest.iov_base = (char *)rest.iov_base + n;
		rest.iov_len -= n;
	}
	CHECK_EQUAL(rondo_stream_shutdown_write(s->pair.client), 0);
	CHECK_EQUAL(rondo_await(peer), 0);
	CHECK_EQUAL(n_arrived, LONG_MESSAGE);
	CHECK_EQUAL(arrived_end, 0);
	return pair_close(&s->pair);
}

/* E4: who knows how far a cancelled write went can go on from there. */
static void test_a_cancelled_write_can_be_continued(void **state)
{
	struct sweep s = { .pair = { .server_tls = server_context("good"),
				     .client_tls = client_context() } };

	(void)state;
	assert_int_equal(rondo_run(piecewise_main, &s), 0);
	assert_checks_passed();
	rondo_tls_context_free(s.pair.server_tls);
	rondo_tls_context_free(s.pair.client_tls);
}

static int piece_verb(void *arg)
{
	const struct iovec piece = { message, sizeof(message) };
	struct sweep *s = arg;
	size_t n;

	return rondo_stream_write_counted(s->pair.client, &piece, 1, &n);
}

static int cancel_a_write(struct sweep *s)
{
	rondo_task *writing = rondo_create_task(piece_verb, s);

	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK(rondo_cancel(writing));
	CHECK_EQUAL(rondo_await(writing), -ECANCELED);
	return 0;
}

static int torn_main(void *arg)
{
	struct sweep *s = arg;
	rondo_task *peer;

	if (pair_open(&s->pair) < 0 || cancel_a_write(s) < 0 || cancel_a_write(s) < 0)
		return -1;
	peer = rondo_create_task(counting_peer, s);
	CHECK_EQUAL(rondo_stream_close(s->pair.client), 0);
	rondo_await(peer);
	CHECK(n_arrived < LONG_MESSAGE);
	CHECK_EQUAL(arrived_end, -ECONNRESET);
	rondo_stream_close(s->pair.server);
	return 0;
}

/* The second write gets nowhere: that makes the first no better. */
static void test_half_a_message_stays_half_a_message(void **state)
{
	struct sweep s = { .pair = { .server_tls = server_context("good"),
				     .client_tls = client_context() } };

	(void)state;
	assert_int_equal(rondo_run(torn_main, &s), 0);
	assert_checks_passed();
	rondo_tls_context_free(s.pair.server_tls);
	rondo_tls_context_free(s.pair.client_tls);
}

/* --- limits -------------------------------------------------------------------------------- */

static int silent_main(void *arg)
{
	const struct rondo_tls_options o = { .handshake_timeout = 0.002 };
	struct pair *p = arg;

	if (pair_plain(p) < 0)
		return -1;
	CHECK_EQUAL(rondo_start_tls(&p->server, p->server_tls, &o), -ETIMEDOUT);
	CHECK_EQUAL(last_failure_error, -ETIMEDOUT);
	rondo_stream_close(p->client);
	rondo_stream_close(p->server);
	return 0;
}

/* H1: a peer that does not shake hands is let go. */
static void test_a_handshake_has_a_limit(void **state)
{
	struct pair p = { .client_tls = client_context(), .server_tls = server_context("good") };

	(void)state;
	run_pair(silent_main, &p);
}

static int unheard_main(void *arg)
{
	struct pair *p = arg;
	char c;

	if (pair_open(p) < 0)
		return -1;
	CHECK_EQUAL(rondo_stream_close(p->server), -ETIMEDOUT);
	CHECK_EQUAL(rondo_stream_read(p->client, &c, 1), 0);
	rondo_stream_abort(p->client);
	return 0;
}

/* H2: it says goodbye, and does not wait for ever for the peer's. */
static void test_a_close_has_a_limit(void **state)
{
	static const struct rondo_tls_options short_limit = { .shutdown_timeout = 0.002 };
	struct pair p = { .client_tls = client_context(), .server_tls = server_context("good"),
			  .server_options = &short_limit };

	(void)state;
	run_pair(unheard_main, &p);
}

/* --- ends that others bring about ------------------------------------------------------------ */

static int waiting_reader(void *arg)
{
	char c;

	return (int)rondo_stream_read(arg, &c, 1);
}

static int closed_main(void *arg)
{
	struct pair *p = arg;
	rondo_task *reading, *closing;
	char c;

	if (pair_open(p) < 0)
		return -1;
	reading = rondo_create_task(waiting_reader, p->server);
	CHECK_EQUAL(turns(6), 0);
	closing = rondo_create_task(pair_close_server, p);
	CHECK_EQUAL(rondo_await(reading), -EBADF);
	CHECK_EQUAL(rondo_stream_read(p->client, &c, 1), 0);
	CHECK_EQUAL(rondo_stream_close(p->client), 0);
	return rondo_await(closing);
}

/* The peer reads a good end all the same. */
static void test_a_close_wakes_the_reader(void **state)
{
	struct pair p = { .client_tls = client_context(), .server_tls = server_context("good") };

	(void)state;
	run_pair(closed_main, &p);
}

static int left_open_main(void *arg)
{
	return pair_open(arg);
}

static int told_twice_reader(void *arg)
{
	struct pair *p = arg;
	char byte;

	CHECK_EQUAL(rondo_stream_read(p->client, &byte, 1), -EBADF);
	return 0;
}

static int end_of_server(void *arg)
{
	struct pair *p = arg;
	char byte;

	CHECK_EQUAL(rondo_stream_read(p->server, &byte, 1), 0);	/* not a torn end */
	return rondo_stream_close(p->server);
}

/* The second time the reader has been told, and did not run yet. */
static int told_twice_main(void *arg)
{
	struct pair *p = arg;
	rondo_task *reader, *peer;

	if (pair_open(p) < 0)
		return -1;
	reader = rondo_create_task(told_twice_reader, p);
	peer = rondo_create_task(end_of_server, p);
	CHECK_EQUAL(turns(5), 0);
	rondo_stream_interrupt(p->client);
	while (rondo_task_state(reader) == RONDO_PENDING) {
		CHECK_EQUAL(rondo_yield(), 0);
		rondo_stream_interrupt(p->client);
	}
	CHECK_EQUAL(rondo_await(reader), 0);
	CHECK_EQUAL(rondo_stream_close(p->client), 0);
	return rondo_await(peer);
}

/* H2 */
static void test_a_reader_may_be_told_twice(void **state)
{
	struct pair p = { .client_tls = client_context(), .server_tls = server_context("good") };

	(void)state;
	run_pair(told_twice_main, &p);
}

static int n_reports;

static void count_report(const struct rondo_report *r, void *arg)
{
	(void)arg;
	n_reports += strstr(r->message, "never closed: TLS stream") != NULL;
}

/* X16: and the streams below are not told twice. */
static void test_what_was_left_open_is_told_and_closed(void **state)
{
	struct pair p = { .client_tls = client_context(), .server_tls = server_context("good") };
	struct rondo_options o = { .on_error = count_report };
	int n_fds = count_fds();

	(void)state;
	n_reports = 0;
	assert_int_equal(rondo_run_with(&o, left_open_main, &p), 0);
	assert_checks_passed();
	assert_int_equal(n_reports, 2);
	assert_int_equal(count_fds(), n_fds);
	rondo_tls_context_free(p.server_tls);
	rondo_tls_context_free(p.client_tls);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_a_handshake_can_be_cancelled_at_every_point),
	cmocka_unit_test(test_a_read_can_be_cancelled_at_every_point),
	cmocka_unit_test(test_a_write_can_be_cancelled_at_every_point),
	cmocka_unit_test(test_a_close_can_be_cancelled_at_every_point),
	cmocka_unit_test(test_a_cancelled_write_can_be_continued),
	cmocka_unit_test(test_half_a_message_stays_half_a_message),
	cmocka_unit_test(test_a_handshake_has_a_limit),
	cmocka_unit_test(test_a_close_has_a_limit),
	cmocka_unit_test(test_a_close_wakes_the_reader),
	cmocka_unit_test(test_a_reader_may_be_told_twice),
	cmocka_unit_test(test_what_was_left_open_is_told_and_closed),
};

TLS_MAIN(tests)
