/* SPDX-License-Identifier: MIT */
/* test_matrix.c - goal: what waits in TLS is an await like any other: handshakes, reading, writing,
 * the two ends of a stream. Method: the matrix. The encrypted streams lie upon a pair in memory, small
 * enough to be full; so who waits for whom is known, and nothing depends on time. Only
 * open_connection needs a socket. */
#include "pair.h"
#include "support/matrix.h"

#include <netinet/in.h>

enum {
	CAPACITY = 4096,		/* of each way below */
	RECORD_EXTRA = 22,		/* what a record of TLS 1.3 is longer than its bytes */
	N_BYTES = 200000,		/* more than is encrypted at once */
};

struct world {
	struct pair p;
	rondo_task *peer;		/* runs the server's part, once finish() has begun it */
	int listener;
	size_t n_written, n_read;
};

static char bytes[N_BYTES];

/* --- both ends ------------------------------------------------------------------------------- */

static int open_plain(void *ctx)
{
	struct world *w = ctx;
	rondo_stream *both[2];

	w->n_written = w->n_read = 0;
	w->peer = NULL;
	CHECK_EQUAL(rondo_stream_memory_pair(CAPACITY, NULL, both), 0);
	w->p.client = both[0];
	w->p.server = both[1];
	return 0;
}

static int open_encrypted(void *ctx)
{
	struct world *w = ctx;

	if (open_plain(w) < 0)
		return -1;
	CHECK_EQUAL(pair_shake_hands(&w->p), 0);
	CHECK_EQUAL(w->p.client_ret | w->p.server_ret, 0);
	return 0;
}

static void close_all(void *ctx)
{
	struct world *w = ctx;

	if (w->peer) {
		rondo_cancel(w->peer);
		rondo_await(w->peer);
	}
	rondo_stream_abort(w->p.client);
	rondo_stream_abort(w->p.server);
	w->p.client = w->p.server = NULL;
}

static int begin_peer(struct world *w, rondo_fn *fn)
{
	if (!w->peer)
		w->peer = rondo_create_task(fn, w);
	return w->peer ? 0 : -ENOMEM;
}

static void check(const char *name, struct matrix_verb v)
{
	struct world w = { .p = { .server_tls = server_context("good"),
				  .client_tls = client_context() } };

	v.ctx = &w;
	v.close = close_all;
	matrix_check(name, &v);
	rondo_tls_context_free(w.p.server_tls);
	rondo_tls_context_free(w.p.client_tls);
}

/* --- handshakes ------------------------------------------------------------------------------ */

static int start_tls_of_client(void *ctx)
{
	struct world *w = ctx;
	const struct rondo_tls_options o = { .server_hostname = "localhost" };

	return rondo_start_tls(&w->p.client, w->p.client_tls, &o);
}

static int serve(void *arg)
{
	struct world *w = arg;

	return rondo_start_tls(&w->p.server, w->p.server_tls, NULL);
}

static int serve_later(void *ctx)
{
	return begin_peer(ctx, serve);
}

static int start_tls_of_server(void *ctx)
{
	return serve(ctx);
}

static int call(void *arg)
{
	return start_tls_of_client(arg);
}

static int call_later(void *ctx)
{
	return begin_peer(ctx, call);
}

/* A stream whose handshake was cancelled is good for nothing. */
static void test_start_tls_in_the_matrix(void **state)
{
	(void)state;
	check("start_tls, a client", (struct matrix_verb){
		.open = open_plain, .start = start_tls_of_client, .finish = serve_later,
		.once = true });
	check("start_tls, a server", (struct matrix_verb){
		.open = open_plain, .start = start_tls_of_server, .finish = call_later,
		.once = true });
}

static int open_listener(void *ctx)
{
	struct sockaddr_in any = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct world *w = ctx;

	w->peer = NULL;
	w->listener = rondo_socket(AF_INET, SOCK_STREAM, 0);
	CHECK(w->listener >= 0);
	CHECK_EQUAL(rondo_bind(w->listener, (struct sockaddr *)&any, sizeof(any)), 0);
	return rondo_listen(w->listener, 10);
}

static int open_one(void *ctx)
{
	struct world *w = ctx;
	const struct rondo_connection_options o = { .wrapper = rondo_tls_wrapper(w->p.client_tls) };
	struct sockaddr_in a;
	socklen_t size = sizeof(a);
	int ret = rondo_getsockname(w->listener, (struct sockaddr *)&a, &size);
	rondo_stream *s;

	if (ret == 0)
		ret = rondo_open_connection("127.0.0.1", ntohs(a.sin_port), &o, &s);
	if (ret == 0)
		rondo_stream_abort(s);
	return ret;
}

/* One after the other: the first may be of a call that was cancelled. */
static int serve_all(void *arg)
{
	struct world *w = arg;
	int fd, ret = 0;

	while (ret != -ECANCELED && (fd = rondo_accept(w->listener, NULL, NULL)) >= 0) {
		char c;

		if (rondo_stream_from_fd(fd, NULL, &w->p.server) < 0)
			return rondo_close(fd);
		ret = serve(w);
		if (ret == 0)
			ret = (int)rondo_stream_read(w->p.server, &c, 1);
		rondo_stream_abort(w->p.server);
		w->p.server = NULL;
	}
	return 0;
}

static int accept_later(void *ctx)
{
	return begin_peer(ctx, serve_all);
}

static void close_listener(void *ctx)
{
	struct world *w = ctx;

	close_all(w);
	rondo_close(w->listener);
}

static void test_open_connection_in_the_matrix(void **state)
{
	struct world w = { .p = { .server_tls = server_context("good"),
				  .client_tls = client_context() } };
	const struct matrix_verb v = { .open = open_listener, .close = close_listener,
				       .start = open_one, .finish = accept_later, .ctx = &w };

	(void)state;
	matrix_check("open_connection with TLS", &v);
	rondo_tls_context_free(w.p.server_tls);
	rondo_tls_context_free(w.p.client_tls);
}

/* --- reading ----------------------------------------------------------------------------------- */

static int read_four(void *ctx)
{
	struct world *w = ctx;
	char buf[4];

	return (int)rondo_stream_read(w->p.client, buf, sizeof(buf));
}

static int send_four(void *ctx)
{
	struct world *w = ctx;

	return rondo_stream_write(w->p.server, "four", 4);
}

static int read_end(void *ctx)
{
	struct world *w = ctx;
	char c;

	return (int)rondo_stream_read(w->p.client, &c, 1);
}

static int send_end(void *ctx)
{
	struct world *w = ctx;

	return rondo_stream_shutdown_write(w->p.server);
}

static int cut_off(void *ctx)
{
	struct world *w = ctx;

	rondo_stream_abort(w->p.server);
	w->p.server = NULL;
	return 0;
}

static void test_read_in_the_matrix(void **state)
{
	(void)state;
	check("read", (struct matrix_verb){ .open = open_encrypted, .start = read_four,
					    .finish = send_four, .result = 4 });
	check("read, the end", (struct matrix_verb){ .open = open_encrypted, .start = read_end,
						     .finish = send_end });
	check("read, an error", (struct matrix_verb){ .open = open_encrypted, .start = read_end,
						      .finish = cut_off, .result = -ECONNRESET });
}

/* --- writing ----------------------------------------------------------------------------------- */

/* Go on from where the last call was cancelled. */
static int write_rest(void *ctx)
{
	struct world *w = ctx;
	const struct iovec rest = { bytes + w->n_written, N_BYTES - w->n_written };
	size_t n;
	int ret = rondo_stream_write_counted(w->p.client, &rest, 1, &n);

	w->n_written += n;
	return ret;
}

/* Read to the end, and see that nothing was lost, doubled or changed. */
static int read_away(void *arg)
{
	static char buf[3000];
	struct world *w = arg;
	ssize_t n;

	while ((n = rondo_stream_read(w->p.server, buf, sizeof(buf))) > 0) {
		CHECK(w->n_read + (size_t)n <= N_BYTES);
		CHECK(memcmp(buf, bytes + w->n_read, (size_t)n) == 0);
		w->n_read += (size_t)n;
	}
	return (int)n;
}

static int read_away_later(void *ctx)
{
	return begin_peer(ctx, read_away);
}

static void test_write_in_the_matrix(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_BYTES; i++)
		bytes[i] = (char)(i * 2654435761u >> 11);
	check("write", (struct matrix_verb){ .open = open_encrypted, .start = write_rest,
					     .finish = read_away_later });
	check("write, an error", (struct matrix_verb){ .open = open_encrypted, .start = write_rest,
						       .finish = cut_off, .result = -ECONNRESET });
}

/* --- ends -------------------------------------------------------------------------------------- */

/* One record, and the way to the server is full. */
static int open_full(void *ctx)
{
	struct world *w = ctx;

	if (open_encrypted(w) < 0)
		return -1;
	CHECK_EQUAL(rondo_stream_write(w->p.client, bytes, CAPACITY - RECORD_EXTRA), 0);
	return 0;
}

static int shut_down(void *ctx)
{
	return rondo_stream_shutdown_write(((struct world *)ctx)->p.client);
}

static void test_shutdown_write_in_the_matrix(void **state)
{
	(void)state;
	check("shutdown_write", (struct matrix_verb){ .open = open_full, .start = shut_down,
						      .finish = read_away_later });
}

static int close_client(void *ctx)
{
	struct world *w = ctx;
	rondo_stream *s = w->p.client;

	w->p.client = NULL;
	return rondo_stream_close(s);
}

static int part(void *arg)
{
	struct world *w = arg;
	int ret = read_away(w);

	return ret < 0 ? ret : rondo_stream_shutdown_write(w->p.server);
}

static int part_later(void *ctx)
{
	return begin_peer(ctx, part);
}

/* A close that was cancelled has cut the connection. */
static int send_end_if_possible(void *ctx)
{
	int ret = send_end(ctx);

	return ret == -ECONNRESET ? 0 : ret;
}

/* Its goodbye is out at once; what it waits for is the peer's. */
static void test_close_in_the_matrix(void **state)
{
	(void)state;
	check("close", (struct matrix_verb){ .open = open_encrypted, .start = close_client,
					     .finish = send_end_if_possible, .once = true });
	check("close, with much to be sent", (struct matrix_verb){
		.open = open_full, .start = close_client, .finish = part_later,
		.once = true });
}

static const struct CMUnitTest tests[] = {
	cmocka_unit_test(test_start_tls_in_the_matrix),
	cmocka_unit_test(test_open_connection_in_the_matrix),
	cmocka_unit_test(test_read_in_the_matrix),
	cmocka_unit_test(test_write_in_the_matrix),
	cmocka_unit_test(test_shutdown_write_in_the_matrix),
	cmocka_unit_test(test_close_in_the_matrix),
};

TLS_MAIN(tests)
