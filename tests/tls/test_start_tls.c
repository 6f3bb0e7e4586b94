/* SPDX-License-Identifier: MIT */
/* test_start_tls.c - goal: a stream that was plain becomes encrypted in its place, and nothing that
 * was said before gets into the encrypted part (X15). Method: a line in plain, then a handshake. */
#include "pair.h"
#include "support/matrix.h"

static struct pair open_pair(void)
{
	return (struct pair){ .server_tls = server_context("good"), .client_tls = client_context() };
}

/* What was said in plain, and then a word each way. */
static int talk(struct pair *p)
{
	char buf[8];

	CHECK_EQUAL(p->client_ret, 0);
	CHECK_EQUAL(p->server_ret, 0);
	CHECK_EQUAL(rondo_stream_write(p->client, "ping", 4), 0);
	CHECK_EQUAL(rondo_stream_read(p->server, buf, sizeof(buf)), 4);
	CHECK_EQUAL(rondo_stream_write(p->server, "pong!", 5), 0);
	CHECK_EQUAL(rondo_stream_read(p->client, buf, sizeof(buf)), 5);
	return pair_close(p);
}

static int upgrade_main(void *arg)
{
	struct pair *p = arg;
	const char *line;

	if (pair_plain(p) < 0)
		return -1;
	CHECK_EQUAL(rondo_stream_write(p->server, "220 ready\n", 10), 0);
	CHECK_EQUAL(rondo_stream_flush(p->server), 0);
	CHECK_EQUAL(rondo_stream_read_line(p->client, &line), 10);
	CHECK_EQUAL(rondo_stream_write(p->client, "STARTTLS\n", 9), 0);
	CHECK_EQUAL(rondo_stream_flush(p->client), 0);
	CHECK_EQUAL(rondo_stream_read_line(p->server, &line), 9);
	CHECK_EQUAL(rondo_tls_peer_subject(p->client, NULL, 0), -EINVAL);
	CHECK(!rondo_tls_version(p->client) && !rondo_tls_native(p->client));
	CHECK_EQUAL(pair_shake_hands(p), 0);
	return talk(p);
}

/* The same with write buffers below, which TLS has to flush. */
static void test_a_plain_stream_becomes_encrypted(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(upgrade_main, &p);
	p = open_pair();
	p.plain.write_buffer = 100000;
	run_pair(upgrade_main, &p);
}

static int early_main(void *arg)
{
	struct pair *p = arg;
	const char *line;
	rondo_task *client;

	if (pair_plain(p) < 0)
		return -1;
	CHECK_EQUAL(rondo_stream_write(p->client, "STARTTLS\n", 9), 0);
	client = rondo_create_task(pair_connect, p);
	CHECK_EQUAL(turns(10), 0);
	CHECK_EQUAL(rondo_stream_read_line(p->server, &line), 9);
	CHECK(rondo_stream_buffered(p->server) > 100);
	CHECK_EQUAL(pair_serve(p), 0);
	CHECK_EQUAL(rondo_await(client), 0);
	return talk(p);
}

/* X15, gh-142352: what the client sent right behind its request is the first flight. */
static void test_a_server_hands_what_it_has_to_tls(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(early_main, &p);
}

static int injected_main(void *arg)
{
	struct pair *p = arg;
	const char *line;

	if (pair_plain(p) < 0)
		return -1;
	CHECK_EQUAL(rondo_stream_write(p->server, "220 ready\n250 evil\n", 19), 0);
	CHECK_EQUAL(rondo_stream_read_line(p->client, &line), 10);
	CHECK_EQUAL(pair_connect(p), 0);
	CHECK_EQUAL(p->client_ret, -EPROTO);
	CHECK(strcmp(p->client_why, "bytes from before the handshake") == 0);
	rondo_stream_close(p->server);
	return 0;
}

/* X15: nothing that came in plain is taken for the server's encrypted words. */
static void test_a_client_refuses_what_came_before(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(injected_main, &p);
}

/* Injected a little later, the bytes meet TLS, which does not take them either. */
static int injected_late_main(void *arg)
{
	struct pair *p = arg;
	rondo_task *client;

	if (pair_plain(p) < 0)
		return -1;
	client = rondo_create_task(pair_connect, p);
	CHECK_EQUAL(turns(4), 0);
	CHECK_EQUAL(rondo_stream_write(p->server, "250 evil\n", 9), 0);
	CHECK_EQUAL(rondo_await(client), 0);
	CHECK_EQUAL(p->client_ret, -EPROTO);
	CHECK(strcmp(p->client_why, "wrong version number") == 0);
	rondo_stream_close(p->server);
	return 0;
}

static void test_bytes_that_are_not_tls_end_the_handshake(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(injected_late_main, &p);
}

static int twice_main(void *arg)
{
	struct pair *p = arg;

	if (pair_open(p) < 0)
		return -1;
	CHECK_EQUAL(pair_shake_hands(p), 0);
	return talk(p);
}

/* H2: TLS over TLS. */
static void test_tls_goes_over_tls(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(twice_main, &p);
}

/* --- the wrapper --------------------------------------------------------------------------- */

static int echo_line(rondo_stream *s, void *arg)
{
	const char *line;
	ssize_t n;

	(void)arg;
	while ((n = rondo_stream_read_line(s, &line)) > 0)
		CHECK_EQUAL(rondo_stream_write(s, line, (size_t)n), 0);
	return (int)n;
}

static int wrapped_main(void *arg)
{
	struct pair *p = arg;
	struct rondo_server_options server = { .wrapper = rondo_tls_wrapper(p->server_tls) };
	struct rondo_connection_options client = { .wrapper = rondo_tls_wrapper(p->client_tls) };
	rondo_server *listening;
	const char *line;
	uint16_t port;

	CHECK_EQUAL(rondo_start_server(echo_line, NULL, "localhost", 0, &server, &listening), 0);
	port = (uint16_t)rondo_server_port(listening);
	for (int i = 0; i < 3; i++) {
		CHECK_EQUAL(rondo_open_connection("localhost", port, &client, &p->client), 0);
		CHECK_EQUAL(rondo_stream_write(p->client, "hello\n", 6), 0);
		CHECK_EQUAL(rondo_stream_read_line(p->client, &line), 6);
		CHECK(rondo_stream_fd(p->client) >= 0);
		CHECK_EQUAL(rondo_stream_close(p->client), 0);
	}
	client.wrapper = rondo_tls_wrapper(p->server_tls);
	CHECK_EQUAL(rondo_open_connection("localhost", port, &client, &p->client), -EINVAL);
	CHECK(strcmp(rondo_tls_error(NULL), "a server's context in a client") == 0);
	CHECK_EQUAL(rondo_server_shutdown(listening, 5), 0);
	rondo_server_free(listening);
	return 0;
}

/* H1: what ssl= is in asyncio. The name that is verified is that which is connected to. */
static void test_connections_and_servers_take_it_as_an_option(void **state)
{
	struct pair p = open_pair();

	(void)state;
	run_pair(wrapped_main, &p);
}

/* --- room ---------------------------------------------------------------------------------- */

static ssize_t n_used[2];

static int measured_main(void *arg)
{
	static const struct rondo_task_options o = { .measure_stack = true, .stack_size = 256 << 10 };
	struct pair *p = arg;
	rondo_task *tasks[2];

	if (pair_plain(p) < 0)
		return -1;
	tasks[0] = rondo_create_task_with(&o, pair_serve, p);
	tasks[1] = rondo_create_task_with(&o, pair_connect, p);
	CHECK_EQUAL(rondo_gather(2, tasks, NULL, RONDO_GATHER_KEEP), 0);
	for (int i = 0; i < 2; i++) {
		n_used[i] = rondo_task_stack_used(tasks[i]);
		rondo_detach(tasks[i]);
	}
	return talk(p);
}

/* The header says that half of a task's usual stack is enough. */
static void test_a_handshake_fits_a_tasks_stack(void **state)
{
	struct pair p = open_pair();

	(void)state;
	p.server_tls = (rondo_tls_context_free(p.server_tls), server_context("fixed"));
	run_pair(measured_main, &p);
	p = open_pair();
	run_pair(measured_main, &p);
	print_message("stack used by the server %zd, by the client %zd bytes\n", n_used[0], n_used[1]);
	assert_in_range(n_used[0], 1, 24 << 10);
	assert_in_range(n_used[1], 1, 24 << 10);
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_a_plain_stream_becomes_encrypted),
	cmocka_unit_test(test_a_server_hands_what_it_has_to_tls),
	cmocka_unit_test(test_a_client_refuses_what_came_before),
	cmocka_unit_test(test_bytes_that_are_not_tls_end_the_handshake),
	cmocka_unit_test(test_tls_goes_over_tls),
	cmocka_unit_test(test_connections_and_servers_take_it_as_an_option),
	cmocka_unit_test(test_a_handshake_fits_a_tasks_stack),
};

TLS_MAIN(tests)
