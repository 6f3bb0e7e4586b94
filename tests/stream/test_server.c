/* SPDX-License-Identifier: MIT */
/* test_server.c - servers on the real loopback. Goal: every connection is served or told why not;
 * handlers that fail, are cancelled or keep their stream leave nothing open; ending is as graceful
 * as asked. Method: clients are tasks of the same loop; descriptors are counted after each test. */
#include "stream/servers.h"

#include <netinet/tcp.h>
#include <sys/resource.h>

static int serve_echo(rondo_server **server)
{
	return rondo_start_server(servers_echo, NULL, servers_loopback, 0, NULL, server);
}

/* --- beginning ------------------------------------------------------------------------------- */

static int option_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return rondo_getsockopt(fd, level, name, &value, &size) < 0 ? -1 : value;
}

/* V1: one socket per address, IPv6 alone on its own, REUSEADDR; V4. One port for all is ours. */
static int all_addresses(void *arg)
{
	rondo_server *server;
	union net_address a;
	socklen_t size;
	int port;

	(void)arg;
	CHECK_EQUAL(rondo_start_server(servers_echo, NULL, NULL, 0, NULL, &server), 0);
	port = rondo_server_port(server);
	CHECK(port > 0);
	CHECK(rondo_server_n_sockets(server) == 2 || rondo_server_n_sockets(server) == 1);
	for (size_t i = 0; i < rondo_server_n_sockets(server); i++) {
		int fd = rondo_server_socket(server, i);

		size = sizeof(a);
		CHECK_EQUAL(rondo_getsockname(fd, &a.any, &size), 0);
		CHECK_EQUAL(ntohs(a.v4.sin_port), port);
		CHECK_EQUAL(option_of(fd, SOL_SOCKET, SO_REUSEADDR), 1);
		if (a.any.sa_family == AF_INET6)
			CHECK_EQUAL(option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY), 1);
	}
	CHECK_EQUAL(rondo_server_socket(server, 2), -EINVAL);
	rondo_server_free(server);
	return 0;
}

SERVERS_RUN(test_all_addresses_have_a_socket_each, all_addresses)

/* V1: hosts named twice count once; those that this machine has not are skipped. */
static int several_hosts(void *arg)
{
	static const char *const more[] = { "127.0.0.2", "127.0.0.1", "203.0.113.1", NULL };
	const struct rondo_server_options o = { .more_hosts = more };
	static const char *const absent[] = { "203.0.113.2", NULL };
	const struct rondo_server_options none = { .more_hosts = absent };
	rondo_server *server;

	(void)arg;
	CHECK_EQUAL(rondo_start_server(servers_echo, NULL, servers_loopback, 0, &o, &server), 0);
	CHECK_EQUAL(rondo_server_n_sockets(server), 2);
	rondo_server_free(server);
	CHECK_EQUAL(rondo_start_server(servers_echo, NULL, "203.0.113.1", 0, &none, &server),
		    -EADDRNOTAVAIL);
	return 0;
}

SERVERS_RUN(test_several_hosts, several_hosts)

/* V1: a port in use, and one that is shared on purpose. */
static int ports(void *arg)
{
	const struct rondo_server_options shared = { .reuse_port = true, .backlog = 5 };
	rondo_server *a, *b, *c = NULL;
	uint16_t port;

	(void)arg;
	CHECK_EQUAL(rondo_start_server(servers_echo, NULL, servers_loopback, 0, &shared, &a), 0);
	port = (uint16_t)rondo_server_port(a);
	CHECK_EQUAL(rondo_start_server(servers_echo, NULL, servers_loopback, port, NULL, &c),
		    -EADDRINUSE);
	CHECK(!c);
	CHECK_EQUAL(rondo_start_server(servers_echo, NULL, servers_loopback, port, &shared, &b),
		    0);
	rondo_server_free(a);
	rondo_server_free(b);
	return 0;
}

SERVERS_RUN(test_a_port_is_taken_or_shared, ports)

/* --- serving --------------------------------------------------------------------------------- */

/* X1, q11: no Nagle on either side, and V10: the stream is of the accepted descriptor. */
static int tell_delay(rondo_stream *s, void *arg)
{
	(void)arg;
	return rondo_stream_printf(s, "%d\n", option_of(rondo_stream_fd(s), IPPROTO_TCP, TCP_NODELAY));
}

static int accepted_have_no_delay(void *arg)
{
	rondo_server *server;
	rondo_stream *s;
	const char *line;

	(void)arg;
	CHECK_EQUAL(rondo_start_server(tell_delay, NULL, servers_loopback, 0, NULL, &server), 0);
	CHECK_EQUAL(servers_connect(server, &s), 0);
	CHECK_EQUAL(rondo_stream_read_line(s, &line), 2);
	CHECK_EQUAL(*line, '1');
	CHECK_EQUAL(rondo_stream_read_line(s, &line), 0);	/* V2: closed when it returns */
	CHECK_EQUAL(rondo_stream_close(s), 0);
	rondo_server_free(server);
	return 0;
}

SERVERS_RUN(test_accepted_connections_have_no_delay, accepted_have_no_delay)

static int fail_after_a_word(rondo_stream *s, void *arg)
{
	int ret = rondo_stream_printf(s, "sorry\n");

	(void)arg;
	return ret < 0 ? ret : -EILSEQ;
}

/* V2: an error is reported, what was written arrives, the stream is closed. */
static int handler_fails(void *arg)
{
	rondo_server *server;
	rondo_stream *s;
	const char *line;

	(void)arg;
	CHECK_EQUAL(rondo_start_server(fail_after_a_word, NULL, servers_loopback, 0, NULL, &server),
		    0);
	CHECK_EQUAL(servers_connect(server, &s), 0);
	CHECK_EQUAL(rondo_stream_read_line(s, &line), 6);
	CHECK_EQUAL(rondo_stream_read_line(s, &line), 0);
	CHECK_EQUAL(rondo_stream_close(s), 0);
	CHECK_EQUAL(servers_report.n, 1);
	CHECK_EQUAL(servers_report.error, -EILSEQ);
	CHECK_EQUAL(rondo_server_n_clients(server), 0);
	rondo_server_free(server);
	return 0;
}

SERVERS_RUN(test_a_handler_that_fails_is_reported, handler_fails)

static rondo_stream *kept;

static int keep_it(rondo_stream *s, void *arg)
{
	(void)arg;
	kept = s;
	return rondo_server_keep(NULL);
}

static int a_kept_stream(void *arg)
{
	rondo_server *server;
	rondo_stream *s;

	(void)arg;
	CHECK_EQUAL(rondo_start_server(keep_it, NULL, servers_loopback, 0, NULL, &server), 0);
	CHECK_EQUAL(servers_connect(server, &s), 0);
	CHECK_EQUAL(turns(MATRIX_TURNS * 2), 0);
	CHECK_EQUAL(rondo_server_keep(NULL), -EINVAL);
	rondo_server_free(server);
	CHECK_EQUAL(rondo_stream_write(kept, "still", 5), 0);
	CHECK_EQUAL(rondo_stream_read_exactly(s, (char[5]){ 0 }, 5, NULL), 0);
	CHECK_EQUAL(rondo_stream_close(kept), 0);
	CHECK_EQUAL(rondo_stream_close(s), 0);
	return 0;
}

SERVERS_RUN(test_a_handler_may_keep_its_stream, a_kept_stream)

static int wrapped(rondo_stream **stream, bool is_server, const char *host, void *arg)
{
	unsigned *n = arg;

	if (!is_server || host)
		return -EPROTO;
	if ((*n)++)
		return -EACCES;
	return rondo_stream_write(*stream, "w", 1);
}

/* The wrapper runs in the handler's task; its failure closes that connection, no more. */
static int a_wrapper(void *arg)
{
	unsigned n = 0;
	const struct rondo_server_options o = { .wrapper = { wrapped, &n } };
	rondo_server *server;
	rondo_stream *a, *b;
	char byte;

	(void)arg;
	CHECK_EQUAL(rondo_start_server(servers_echo, NULL, servers_loopback, 0, &o, &server), 0);
	CHECK_EQUAL(servers_connect(server, &a), 0);
	CHECK_EQUAL(rondo_stream_read(a, &byte, 1), 1);
	CHECK_EQUAL(servers_connect(server, &b), 0);
	CHECK(rondo_stream_read(b, &byte, 1) <= 0);
	CHECK_EQUAL(servers_report.error, -EACCES);
	CHECK_EQUAL(servers_say(a, "echo"), 0);
	CHECK_EQUAL(rondo_stream_close(a), 0);
	CHECK_EQUAL(rondo_stream_close(b), 0);
	rondo_server_free(server);
	return 0;
}

SERVERS_RUN(test_a_wrapper_runs_before_the_handler, a_wrapper)

/* The limit: others wait in the backlog, unserved and unharmed. */
static int at_most_two(void *arg)
{
	const struct rondo_server_options o = { .limit = 2 };
	rondo_server *server;
	rondo_stream *s[4];

	(void)arg;
	CHECK_EQUAL(rondo_start_server(servers_echo, NULL, servers_loopback, 0, &o, &server), 0);
	for (int i = 0; i < 4; i++) {
		CHECK_EQUAL(servers_connect(server, &s[i]), 0);
		CHECK_EQUAL(rondo_stream_write(s[i], "hello", 5), 0);
	}
	CHECK_EQUAL(servers_say(s[0], ""), 0);
	CHECK_EQUAL(turns(20), 0);
	CHECK_EQUAL(rondo_server_n_clients(server), 2);
	for (int i = 0; i < 4; i++) {
		CHECK_EQUAL(rondo_stream_read_exactly(s[i], (char[5]){ 0 }, 5, NULL), 0);
		CHECK(rondo_server_n_clients(server) <= 2);
		CHECK_EQUAL(rondo_stream_close(s[i]), 0);
	}
	rondo_server_free(server);
	return 0;
}

SERVERS_RUN(test_a_limit_holds_connections_back, at_most_two)

/* --- start, stop ----------------------------------------------------------------------------- */

/* V4: start_serving=False; start twice; sockets () after close; V6: close twice. */
static int start_and_stop(void *arg)
{
	const struct rondo_server_options o = { .no_start = true };
	rondo_server *server;
	rondo_stream *s;
	uint16_t port;

	(void)arg;
	CHECK_EQUAL(rondo_start_server(servers_echo, NULL, servers_loopback, 0, &o, &server), 0);
	port = (uint16_t)rondo_server_port(server);
	CHECK(!rondo_server_is_serving(server));
	CHECK_EQUAL(rondo_open_connection(servers_loopback, port, NULL, &s), -ECONNREFUSED);
	CHECK_EQUAL(rondo_server_start_serving(server), 0);
	CHECK_EQUAL(rondo_server_start_serving(server), 0);
	CHECK(rondo_server_is_serving(server));
	CHECK_EQUAL(rondo_open_connection(servers_loopback, port, NULL, &s), 0);
	CHECK_EQUAL(servers_say(s, "hello"), 0);
	rondo_server_close(server);
	rondo_server_close(server);
	CHECK(!rondo_server_is_serving(server));
	CHECK_EQUAL(rondo_server_n_sockets(server), 0);
	CHECK_EQUAL(rondo_server_port(server), -EINVAL);
	CHECK_EQUAL(rondo_server_start_serving(server), -ESHUTDOWN);
	CHECK_EQUAL(rondo_server_serve_forever(server), -ESHUTDOWN);
	CHECK_EQUAL(servers_say(s, "still there"), 0);	/* V6: connections stay */
	CHECK_EQUAL(rondo_stream_close(s), 0);
	CHECK_EQUAL(rondo_server_wait_closed(server), 0);
	rondo_server_free(server);
	CHECK_EQUAL(rondo_open_connection(servers_loopback, port, NULL, &s), -ECONNREFUSED);
	return 0;
}

SERVERS_RUN(test_start_and_stop, start_and_stop)

/* V6: it does not listen from the very call on, and whoever had connected is served. */
static int close_serves_the_backlog(void *arg)
{
	union net_address a;
	socklen_t size = sizeof(a);
	rondo_server *server;
	int fds[3], late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char byte;

	(void)arg;
	CHECK_EQUAL(serve_echo(&server), 0);
	CHECK_EQUAL(rondo_getsockname(rondo_server_socket(server, 0), &a.any, &size), 0);
	for (int i = 0; i < 3; i++) {
		fds[i] = net_connect(&a);
		CHECK_EQUAL(send(fds[i], "x", 1, 0), 1);
	}
	rondo_server_close(server);
	/* By plain calls: the loop has not moved on. */
	CHECK_EQUAL(connect(late, &a.any, sizeof(a.v4)), -1);
	CHECK_EQUAL(errno, ECONNREFUSED);
	close(late);
	CHECK_EQUAL(rondo_server_n_clients(server), 3);
	for (int i = 0; i < 3; i++) {
		CHECK_EQUAL(rondo_recv(fds[i], &byte, 1, 0), 1);
		CHECK_EQUAL(rondo_close(fds[i]), 0);
	}
	CHECK_EQUAL(rondo_server_wait_closed(server), 0);
	rondo_server_free(server);
	return 0;
}

SERVERS_RUN(test_close_is_at_once_and_serves_the_backlog, close_serves_the_backlog)

static rondo_server *the_server;

static int forever(void *arg)
{
	(void)arg;
	return rondo_server_serve_forever(the_server);
}

/* V5: a second one is refused; close() ends it, when the connections have ended; a cancel closes. */
static int serve_forever(void *arg)
{
	const struct rondo_server_options o = { .no_start = true };
	rondo_task *task;
	rondo_stream *s;

	(void)arg;
	CHECK_EQUAL(rondo_start_server(servers_echo, NULL, servers_loopback, 0, &o, &the_server), 0);
	task = rondo_create_task(forever, NULL);
	CHECK_EQUAL(turns(2), 0);
	CHECK(rondo_server_is_serving(the_server));
	CHECK_EQUAL(rondo_server_serve_forever(the_server), -EBUSY);
	CHECK_EQUAL(servers_connect(the_server, &s), 0);
	CHECK_EQUAL(servers_say(s, "hello"), 0);
	rondo_server_close(the_server);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK_EQUAL(rondo_task_state(task), RONDO_PENDING);
	CHECK_EQUAL(rondo_stream_close(s), 0);
	CHECK_EQUAL(rondo_await(task), 0);
	rondo_server_free(the_server);

	CHECK_EQUAL(serve_echo(&the_server), 0);
	task = rondo_create_task(forever, NULL);
	CHECK_EQUAL(servers_connect(the_server, &s), 0);
	CHECK_EQUAL(servers_say(s, "hello"), 0);
	rondo_cancel(task);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK(!rondo_server_is_serving(the_server));
	CHECK_EQUAL(rondo_task_state(task), RONDO_PENDING);
	rondo_cancel(task);
	CHECK_EQUAL(rondo_await(task), -ECANCELED);
	CHECK_EQUAL(servers_say(s, "still there"), 0);
	CHECK_EQUAL(rondo_stream_close(s), 0);
	rondo_server_free(the_server);
	return 0;
}

SERVERS_RUN(test_serve_forever, serve_forever)

/* The server goes while somebody waits in it, who was perhaps woken and did not run yet. */
static int freed_under_a_waiter(void *arg)
{
	(void)arg;
	for (int n_turns = 0; n_turns < 10; n_turns++) {
		rondo_task *task;

		CHECK_EQUAL(serve_echo(&the_server), 0);
		task = rondo_create_task(forever, NULL);
		CHECK_EQUAL(turns(2), 0);
		rondo_server_close(the_server);
		CHECK_EQUAL(turns(n_turns), 0);
		rondo_server_free(the_server);
		CHECK_EQUAL(rondo_await(task), 0);
	}
	rondo_server_free(NULL);
	return 0;
}

SERVERS_RUN(test_free_waits_for_those_who_wait_in_it, freed_under_a_waiter)

/* What a handler may ask of its own server. */
static int ask_own(rondo_stream *s, void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_server_wait_closed(the_server), -EDEADLK);
	CHECK_EQUAL(rondo_server_shutdown(the_server, 1), -EDEADLK);
	rondo_server_close(the_server);
	return rondo_stream_write(s, "x", 1);
}

static int asked_by_a_handler(void *arg)
{
	rondo_stream *s;

	(void)arg;
	CHECK_EQUAL(rondo_start_server(ask_own, NULL, servers_loopback, 0, NULL, &the_server), 0);
	CHECK_EQUAL(servers_connect(the_server, &s), 0);
	CHECK_EQUAL(rondo_server_serve_forever(the_server), 0);
	CHECK_EQUAL(rondo_stream_close(s), 0);
	rondo_server_free(the_server);
	return 0;
}

SERVERS_RUN(test_a_handler_may_close_its_server, asked_by_a_handler)

/* --- ending connections ---------------------------------------------------------------------- */

/* V8: close_clients: they read the end, and still answer; abort_clients: a reset. */
static int close_and_abort_clients(void *arg)
{
	rondo_server *server;
	rondo_stream *a, *b;
	char byte;

	(void)arg;
	CHECK_EQUAL(serve_echo(&server), 0);
	CHECK_EQUAL(servers_connect(server, &a), 0);
	CHECK_EQUAL(servers_say(a, "hello"), 0);
	rondo_server_close_clients(server);
	CHECK_EQUAL(rondo_stream_read(a, &byte, 1), 0);
	CHECK_EQUAL(servers_connect(server, &b), 0);
	CHECK_EQUAL(servers_say(b, "hello"), 0);
	rondo_server_abort_clients(server);
	CHECK(rondo_stream_read(b, &byte, 1) <= 0);
	rondo_server_close(server);
	CHECK_EQUAL(rondo_server_wait_closed(server), 0);
	(void)rondo_stream_close(a);
	(void)rondo_stream_close(b);
	rondo_server_free(server);
	return 0;
}

SERVERS_RUN(test_close_clients_and_abort_clients, close_and_abort_clients)

static unsigned n_cancelled;

/* V7, K14: an idle client, who would hang wait_closed() for ever. */
static int note_cancel(rondo_stream *s, void *arg)
{
	int ret = servers_echo(s, arg);

	n_cancelled += ret == -ECANCELED;
	return ret;
}

static int shutdown_by_grace(void *arg)
{
	rondo_server *server;
	rondo_stream *idle, *quick;
	uint64_t begun_ns;
	char byte;

	(void)arg;
	n_cancelled = 0;
	CHECK_EQUAL(rondo_start_server(note_cancel, NULL, servers_loopback, 0, NULL, &server), 0);
	CHECK_EQUAL(servers_connect(server, &idle), 0);
	CHECK_EQUAL(servers_say(idle, "hello"), 0);
	CHECK_EQUAL(servers_connect(server, &quick), 0);
	CHECK_EQUAL(rondo_stream_close(quick), 0);
	CHECK_EQUAL(rondo_server_shutdown(server, -1), -EINVAL);
	CHECK_EQUAL(rondo_server_shutdown(server, __builtin_nan("")), -EINVAL);
	begun_ns = rondo_now_ns();
	CHECK_EQUAL(rondo_server_shutdown(server, 0.05), -ETIMEDOUT);
	CHECK(rondo_now_ns() - begun_ns >= 50000000);
	CHECK_EQUAL(n_cancelled, 1);
	CHECK_EQUAL(rondo_stream_read(idle, &byte, 1), 0);
	CHECK_EQUAL(rondo_stream_close(idle), 0);
	CHECK_EQUAL(rondo_server_shutdown(server, 1), 0);
	rondo_server_free(server);
	CHECK_EQUAL(servers_report.n, 0);
	return 0;
}

SERVERS_RUN(test_shutdown_cancels_after_the_grace, shutdown_by_grace)

/* Handlers that do not care for cancels meet the abort. */
static int stubborn(rondo_stream *s, void *arg)
{
	char byte;
	ssize_t n;

	(void)arg;
	do
		n = rondo_stream_read(s, &byte, 1);
	while (n == -ECANCELED || n > 0);
	return 0;
}

static int shutdown_of_the_stubborn(void *arg)
{
	rondo_server *server;
	rondo_stream *s;
	char byte;

	(void)arg;
	CHECK_EQUAL(rondo_start_server(stubborn, NULL, servers_loopback, 0, NULL, &server), 0);
	CHECK_EQUAL(servers_connect(server, &s), 0);
	CHECK_EQUAL(turns(MATRIX_TURNS * 2), 0);
	CHECK_EQUAL(rondo_server_n_clients(server), 1);
	CHECK_EQUAL(rondo_server_shutdown(server, 0), -ETIMEDOUT);
	CHECK(rondo_stream_read(s, &byte, 1) <= 0);
	(void)rondo_stream_close(s);
	rondo_server_free(server);
	return 0;
}

SERVERS_RUN(test_shutdown_aborts_the_stubborn, shutdown_of_the_stubborn)

/* A client that does not read: the handler has returned, its last bytes cannot be sent. */
enum { UNREAD_BYTES = 16 << 20 };

static int write_much(rondo_stream *s, void *arg)
{
	static char bytes[UNREAD_BYTES];

	(void)arg;
	return rondo_stream_write(s, bytes, sizeof(bytes));	/* into the write buffer */
}

static int unread(void *arg)
{
	const struct rondo_server_options o = { .stream.write_buffer = UNREAD_BYTES + 1 };

	(void)arg;
	for (int abort = 0; abort < 2; abort++) {
		rondo_server *server;
		rondo_stream *s;

		CHECK_EQUAL(rondo_start_server(write_much, NULL, servers_loopback, 0, &o, &server),
			    0);
		CHECK_EQUAL(servers_connect(server, &s), 0);
		CHECK_EQUAL(turns(30), 0);
		CHECK_EQUAL(rondo_server_n_clients(server), 1);
		rondo_server_close_clients(server);
		CHECK_EQUAL(turns(MATRIX_TURNS), 0);
		CHECK_EQUAL(rondo_server_n_clients(server), 1);
		if (abort) {
			rondo_server_abort_clients(server);
			rondo_server_close(server);
			CHECK_EQUAL(rondo_server_wait_closed(server), 0);
		} else {
			CHECK_EQUAL(rondo_server_shutdown(server, 0.01), -ETIMEDOUT);
		}
		rondo_server_free(server);
		rondo_stream_abort(s);
	}
	return 0;
}

SERVERS_RUN(test_a_client_that_does_not_read_holds_nobody_up, unread)

static int shut_down_slowly(void *arg)
{
	(void)arg;
	return rondo_server_shutdown(the_server, 100);
}

/* A cancel ends the grace; and main may end with a server open, which is told. */
static int shutdown_cancelled(void *arg)
{
	rondo_task *task;
	rondo_stream *s;

	(void)arg;
	CHECK_EQUAL(serve_echo(&the_server), 0);
	CHECK_EQUAL(servers_connect(the_server, &s), 0);
	CHECK_EQUAL(servers_say(s, "hello"), 0);
	task = rondo_create_task(shut_down_slowly, NULL);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	rondo_cancel(task);
	CHECK_EQUAL(rondo_await(task), -ECANCELED);
	CHECK_EQUAL(rondo_server_n_clients(the_server), 0);
	CHECK_EQUAL(rondo_stream_close(s), 0);
	rondo_server_free(the_server);
	CHECK_EQUAL(serve_echo(&the_server), 0);
	return 0;
}

static void test_a_cancel_ends_the_grace_and_a_leak_is_told(void **state)
{
	(void)state;
	servers_run(shutdown_cancelled);
	assert_int_equal(servers_report.n, 1);
	assert_non_null(strstr(servers_report.message, "never closed: server"));
}

/* --- no descriptors left ---------------------------------------------------------------------- */

/* V3, K34: at the limit one report is made; the connection waits, and is served when one is free.
 * A full second passes: that is what is tested. */
static int out_of_descriptors(void *arg)
{
	struct rlimit old, low;
	rondo_server *server;
	union net_address a;
	socklen_t size = sizeof(a);
	int fd, spare, n = 0, fillers[64];
	uint64_t begun_ns;
	char byte;

	(void)arg;
	CHECK_EQUAL(serve_echo(&server), 0);
	CHECK_EQUAL(rondo_getsockname(rondo_server_socket(server, 0), &a.any, &size), 0);
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(getrlimit(RLIMIT_NOFILE, &old), 0);
	fd = net_connect(&a);
	spare = dup(0);
	low = (struct rlimit){ .rlim_cur = (rlim_t)spare + 1, .rlim_max = old.rlim_max };
	while (n < 64 && (fillers[n] = dup(0)) >= 0 && fillers[n] < spare)
		n++;
	close(fillers[n]);
	CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &low), 0);
	CHECK_EQUAL(send(fd, "x", 1, 0), 1);
	CHECK_EQUAL(turns(20), 0);
	CHECK_EQUAL(servers_report.n, 1);
	CHECK_EQUAL(servers_report.error, -EMFILE);
	begun_ns = rondo_now_ns();
	close(spare);
	CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &old), 0);
	CHECK_EQUAL(rondo_recv(fd, &byte, 1, 0), 1);
	CHECK(rondo_now_ns() - begun_ns > 500000000);
	CHECK_EQUAL(servers_report.n, 1);
	while (n)
		close(fillers[--n]);
	close(fd);
	rondo_server_free(server);
	return 0;
}

SERVERS_RUN(test_without_descriptors_it_pauses_and_says_so_once, out_of_descriptors)

/* --- a socket that listens already ------------------------------------------------------------ */

static int adopted(void *arg)
{
	union net_address a;
	int ret, listener = net_listen(4, &a), other = dup(listener), plain;
	rondo_server *server;
	rondo_stream *s;

	(void)arg;
	plain = net_bound(SOCK_STREAM, &(union net_address){ 0 });
	CHECK_EQUAL(rondo_start_server_on(servers_echo, NULL, plain, NULL, &server), -EINVAL);
	CHECK_EQUAL(rondo_start_server_on(servers_echo, NULL, -1, NULL, &server), -EBADF);
	CHECK_EQUAL(rondo_start_server_on(servers_echo, NULL, listener, NULL, &server), 0);
	CHECK_EQUAL(servers_connect(server, &s), 0);
	CHECK_EQUAL(servers_say(s, "hello"), 0);
	CHECK_EQUAL(rondo_stream_close(s), 0);
	rondo_server_free(server);
	/* It listens on for who has it, too. */
	ret = net_connect(&a);
	CHECK(ret >= 0);
	close(ret);
	close(other);
	close(plain);
	return 0;
}

SERVERS_RUN(test_a_listening_socket_can_be_adopted, adopted)

/* --- the matrix ------------------------------------------------------------------------------- */

static int close_parked_server(void *ctx)
{
	(void)ctx;
	if (the_server)
		rondo_server_close(the_server);
	return 0;
}

/* One server for all calls of a case, so that a cancelled one can be tried again. */
static int wait_closed(void *ctx)
{
	(void)ctx;
	if (!the_server && serve_echo(&the_server) < 0)
		return -EPROTO;
	return rondo_server_wait_closed(the_server);
}

static int forget(void *ctx)
{
	(void)ctx;
	the_server = NULL;		/* the loop's end has dropped the last one */
	return 0;
}

/* V7 */
static void test_wait_closed_is_cancelled(void **state)
{
	const struct matrix_verb v = { .start = wait_closed, .finish = close_parked_server,
				       .prepare = forget };

	(void)state;
	matrix_check("server_wait_closed", &v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_addresses_have_a_socket_each),
		cmocka_unit_test(test_several_hosts),
		cmocka_unit_test(test_a_port_is_taken_or_shared),
		cmocka_unit_test(test_accepted_connections_have_no_delay),
		cmocka_unit_test(test_a_handler_that_fails_is_reported),
		cmocka_unit_test(test_a_handler_may_keep_its_stream),
		cmocka_unit_test(test_a_wrapper_runs_before_the_handler),
		cmocka_unit_test(test_a_limit_holds_connections_back),
		cmocka_unit_test(test_start_and_stop),
		cmocka_unit_test(test_close_is_at_once_and_serves_the_backlog),
		cmocka_unit_test(test_serve_forever),
		cmocka_unit_test(test_free_waits_for_those_who_wait_in_it),
		cmocka_unit_test(test_a_handler_may_close_its_server),
		cmocka_unit_test(test_close_clients_and_abort_clients),
		cmocka_unit_test(test_shutdown_cancels_after_the_grace),
		cmocka_unit_test(test_shutdown_aborts_the_stubborn),
		cmocka_unit_test(test_a_client_that_does_not_read_holds_nobody_up),
		cmocka_unit_test(test_a_cancel_ends_the_grace_and_a_leak_is_told),
		cmocka_unit_test(test_without_descriptors_it_pauses_and_says_so_once),
		cmocka_unit_test(test_a_listening_socket_can_be_adopted),
		cmocka_unit_test(test_wait_closed_is_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
