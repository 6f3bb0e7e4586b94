/* SPDX-License-Identifier: MIT */
/* test_failure_points_net.c - goal: whatever fails while connections are opened and served, and
 * datagrams sent, somebody is told: the caller, or on_error where it failed in a connection's own
 * task. Nothing leaks, nothing hangs, and the loop works on. Method: scenario.h, on loopback. */
#include "scenario.h"

#include <netdb.h>
#include <netinet/in.h>

#include "rondo/net.h"
#include "rondo/socket.h"
#include "rondo/udp.h"
#include "support/folder.h"

static const char loopback[] = "127.0.0.1";

/* What on_error was told first in this body. */
static int reported;

static void on_error(const struct rondo_report *r, void *arg)
{
	(void)arg;
	if (!reported)
		reported = r->error;
}

/* --- connections ----------------------------------------------------------------------------- */

static int address_of(int fd, struct sockaddr_in *a)
{
	socklen_t size = sizeof(*a);

	return rondo_getsockname(fd, (struct sockaddr *)a, &size);
}

static int open_and_close(const struct sockaddr_in *a, const struct rondo_connection_options *o)
{
	rondo_stream *s;
	int ret = rondo_open_connection(loopback, ntohs(a->sin_port), o, &s);

	if (ret == 0)
		(void)rondo_stream_close(s);
	return ret;
}

static int connect_alone(void)
{
	struct sockaddr_in a;
	int listener = rondo_listen_tcp(loopback, 0, NULL), ret = listener;

	if (ret >= 0)
		ret = address_of(listener, &a);
	if (ret >= 0)
		ret = open_and_close(&a, NULL);
	shut(listener);
	return ret;
}

static int deaf_socket(struct sockaddr_in *a)
{
	int ret, fd = rondo_socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return fd;
	*a = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	ret = rondo_bind(fd, (struct sockaddr *)a, sizeof(*a));
	ret = first(ret, address_of(fd, a));
	if (ret < 0)
		shut(fd);
	return ret < 0 ? ret : fd;
}

/* An attempt that fails for a reason of ours is told by its report: the next one may succeed. */
static int race(const struct sockaddr_in *deaf, const struct sockaddr_in *good)
{
	struct addrinfo list[2] = {
		{ .ai_addr = (struct sockaddr *)(uintptr_t)deaf, .ai_addrlen = sizeof(*deaf),
		  .ai_next = &list[1] },
		{ .ai_addr = (struct sockaddr *)(uintptr_t)good, .ai_addrlen = sizeof(*good) },
	};
	struct rondo_connection_attempt attempts[2];
	const struct rondo_connection_options o = { .addresses = list, .attempts = attempts,
						    .n_attempts = 2 };
	int ret = open_and_close(good, &o);

	return ret == 0 && attempts[0].error != -ECONNREFUSED ? attempts[0].error : ret;
}

static int connect_to_the_second(void)
{
	struct sockaddr_in a, b;
	int listener = rondo_listen_tcp(loopback, 0, NULL), deaf = deaf_socket(&a);
	int ret = first(listener, deaf);

	if (ret == 0)
		ret = address_of(listener, &b);
	if (ret == 0)
		ret = race(&a, &b);
	shut(listener);
	shut(deaf);
	return ret;
}

/* --- servers --------------------------------------------------------------------------------- */

static int echo(rondo_stream *s, void *arg)
{
	const void *data;
	ssize_t n;
	int ret = 0;

	(void)arg;
	while (ret == 0 && (n = rondo_stream_lend(s, &data)) != 0)
		ret = n < 0 ? (int)n : rondo_stream_write(s, data, (size_t)n);
	return ret;
}

static int say(rondo_stream *s)
{
	char back[5];
	int ret = rondo_stream_write(s, "hello", 5);

	if (ret == 0)
		ret = rondo_stream_read_exactly(s, back, sizeof(back), NULL);
	if (ret == 0)
		CHECK_EQUAL(memcmp(back, "hello", 5), 0);
	return ret;
}

/* What the client sees of a failure on the other side is its end; on_error knows why. */
static int cause(int ret)
{
	return ret < 0 && reported ? reported : ret;
}

static int start_and_free(void)
{
	rondo_server *server;
	int ret = rondo_start_server(echo, NULL, NULL, 0, NULL, &server);

	if (ret == 0)
		rondo_server_free(server);
	return ret;
}

static int serve_one(void)
{
	rondo_server *server;
	rondo_stream *s;
	int ended, ret = rondo_start_server(echo, NULL, loopback, 0, NULL, &server);

	reported = 0;
	if (ret < 0)
		return ret;
	ret = rondo_open_connection(loopback, (uint16_t)rondo_server_port(server), NULL, &s);
	if (ret == 0) {
		ret = say(s);
		(void)rondo_stream_close(s);
	}
	ended = rondo_server_shutdown(server, 10);
	rondo_server_free(server);
	return cause(first(ret, ended));
}

static int serve_one_on_a_path(void)
{
	rondo_server *server;
	rondo_stream *s;
	int ret = rondo_start_unix_server(echo, NULL, "socket", NULL, &server);

	reported = 0;
	if (ret < 0)
		return ret;
	ret = rondo_open_unix_connection("socket", NULL, &s);
	if (ret == 0) {
		ret = say(s);
		(void)rondo_stream_close(s);
	}
	rondo_server_free(server);
	CHECK(access("socket", F_OK) < 0);
	return cause(ret);
}

/* --- datagrams, descriptors ------------------------------------------------------------------- */

static int question(rondo_udp *server, rondo_udp *client)
{
	struct rondo_udp_address from;
	char buf[8];
	ssize_t n = rondo_udp_send(client, "question", 8);

	if (n >= 0)
		n = rondo_udp_recv_from(server, buf, sizeof(buf), &from);
	if (n >= 0)
		n = rondo_udp_send_to(server, buf, (size_t)n, &from);
	if (n >= 0)
		n = rondo_udp_recv(client, buf, sizeof(buf));
	return exactly(n, 8);
}

static int endpoints(void)
{
	struct rondo_udp_options to = { .remote_host = loopback };
	rondo_udp *server = NULL, *client = NULL;
	int ret = rondo_udp_open(loopback, 0, NULL, &server);

	if (ret == 0) {
		to.remote_port = (uint16_t)rondo_udp_port(server);
		ret = rondo_udp_open(NULL, 0, &to, &client);
	}
	if (ret == 0)
		ret = question(server, client);
	(void)rondo_udp_close(server);
	(void)rondo_udp_close(client);
	return ret;
}

static int descriptors(void)
{
	int pair[2], fd = -1;
	size_t n_fds = 1;
	char byte;
	ssize_t n = rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, pair);

	if (n < 0)
		return (int)n;
	n = rondo_send_fds(pair[0], "x", 1, &pair[1], 1);
	if (n == 1)
		n = rondo_recv_fds(pair[1], &byte, 1, &fd, &n_fds);
	if (n == 1)
		CHECK(n_fds == 1 && fd >= 0);
	shut(fd);
	shut(pair[0]);
	shut(pair[1]);
	return exactly(n, 1);
}

/* --- the list -------------------------------------------------------------------------------- */

#define TELLS .options.on_error = on_error

static const struct scenario scenarios[] = {
	{ .name = "connect to one address", .body = connect_alone },
	{ .name = "connect to the second address", .body = connect_to_the_second },
	{ .name = "a server's life", .body = start_and_free },
	{ .name = "a server and its client", .body = serve_one, TELLS },
	{ .name = "a server on a path", .body = serve_one_on_a_path, TELLS },
	{ .name = "endpoints", .body = endpoints },
	{ .name = "descriptors in a message", .body = descriptors },
};

static void test_any_one_thing_or_all_from_one_on_may_fail(void **state)
{
	(void)state;
	fail_everywhere(scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}

static void test_an_enter_that_fails_for_good_is_a_bug_line(void **state)
{
	(void)state;
	fail_enters_for_good(&scenarios[0], -EFAULT, " (engine/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_one_thing_or_all_from_one_on_may_fail),
		cmocka_unit_test(test_an_enter_that_fails_for_good_is_a_bug_line),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
