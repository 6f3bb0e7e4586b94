/* SPDX-License-Identifier: MIT */
/* test_network.c - TCP within one simulated host. Goal: what a program sees of a connection, from
 * connect to the last error, is what Linux shows it. Method: small programs that must hold on the
 * real kernel and on simulated ones; then what only the simulator can be made to do. */
#include "sim/pairs.h"

enum { N_CALM = 20, N_FAULTY = 60 };

/* --- bytes ----------------------------------------------------------------------------------- */

static int both_ways(void *arg)
{
	char buf[16];
	int fds[2];

	(void)arg;
	CHECK_EQUAL(tcp_pair(fds), 0);
	CHECK_EQUAL(rondo_send_all(fds[0], "ping", 4, NULL), 0);
	CHECK_EQUAL(rondo_recv_exactly(fds[1], buf, 4, NULL), 0);
	CHECK(!memcmp(buf, "ping", 4));
	CHECK_EQUAL(rondo_write_all(fds[1], "answer", 6, NULL), 0);
	CHECK_EQUAL(rondo_read_exactly(fds[0], buf, 6, NULL), 0);
	CHECK(!memcmp(buf, "answer", 6));
	return close_both(fds);
}

static void test_bytes_go_both_ways(void **state)
{
	(void)state;
	seeds_run_both(both_ways, NULL);
}

static int flags_of_receive(void *arg)
{
	char buf[8] = { 0 };
	int fds[2];

	(void)arg;
	CHECK_EQUAL(tcp_pair(fds), 0);
	CHECK_EQUAL(rondo_recv(fds[1], buf, 8, MSG_DONTWAIT), -EAGAIN);
	CHECK_EQUAL(rondo_send(fds[0], "abcdef", 6, 0), 6);
	CHECK_EQUAL(rondo_poll(fds[1], POLLIN), POLLIN);
	CHECK_EQUAL(rondo_recv(fds[1], buf, 3, MSG_PEEK), 3);
	CHECK(!memcmp(buf, "abc", 3));
	CHECK_EQUAL(rondo_recv(fds[1], buf + 4, 2, MSG_TRUNC), 2);	/* thrown away */
	CHECK(!buf[4] && !buf[5]);
	CHECK_EQUAL(rondo_recv(fds[1], buf, 4, MSG_WAITALL), 4);
	CHECK(!memcmp(buf, "cdef", 4));
	return close_both(fds);
}

static void test_receive_peeks_truncates_and_does_not_wait(void **state)
{
	(void)state;
	seeds_run_both(flags_of_receive, NULL);
}

/* MSG_WAITALL goes on until the end comes. */
static int wait_for_all(void *arg)
{
	char buf[8];
	int fds[2];

	(void)arg;
	CHECK_EQUAL(tcp_pair(fds), 0);
	CHECK_EQUAL(rondo_send_all(fds[0], "abcd", 4, NULL), 0);
	CHECK_EQUAL(rondo_shutdown(fds[0], SHUT_WR), 0);
	CHECK_EQUAL(rondo_recv(fds[1], buf, 8, MSG_WAITALL), 4);
	CHECK_EQUAL(rondo_recv(fds[1], buf, 8, MSG_WAITALL), 0);
	return close_both(fds);
}

static void test_an_end_ends_a_receive_of_all(void **state)
{
	(void)state;
	seeds_run_both(wait_for_all, NULL);
}

/* --- connecting ------------------------------------------------------------------------------ */

static int refused(void *arg)
{
	union address a = { .v4 = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
	int port, fd, listener = listen_at("127.0.0.1", &port);

	(void)arg;
	CHECK(listener >= 0);
	CHECK_EQUAL(rondo_close(listener), 0);
	CHECK_EQUAL(rondo_connect_tcp("127.0.0.1", (uint16_t)port), -ECONNREFUSED);
	fd = rondo_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK(fd >= 0);
	a.v4.sin_port = htons((uint16_t)port);
	CHECK_EQUAL(rondo_connect(fd, &a.any, sizeof(a.v4)), -ECONNREFUSED);
	CHECK_EQUAL(option_of(fd, SOL_SOCKET, SO_ERROR), 0);
	return rondo_close(fd);
}

static void test_connecting_to_nobody_is_refused(void **state)
{
	(void)state;
	seeds_run_both(refused, NULL);
}

static int without_connection(void *arg)
{
	int port, listener, fd = rondo_socket(AF_INET, SOCK_STREAM, 0);
	union address a;
	socklen_t len = sizeof(a);
	char c;

	(void)arg;
	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_send(fd, "x", 1, 0), -EPIPE);
	CHECK_EQUAL(rondo_recv(fd, &c, 1, 0), -ENOTCONN);
	CHECK_EQUAL(rondo_shutdown(fd, SHUT_WR), -ENOTCONN);
	CHECK_EQUAL(rondo_getpeername(fd, &a.any, &len), -ENOTCONN);
	CHECK_EQUAL(rondo_accept(fd, NULL, NULL), -EINVAL);
	CHECK_EQUAL(rondo_poll(fd, POLLIN | POLLOUT), POLLOUT | POLLHUP);
	listener = listen_at("127.0.0.1", &port);
	CHECK_EQUAL(rondo_recv(listener, &c, 1, 0), -ENOTCONN);
	CHECK_EQUAL(rondo_send(listener, "x", 1, 0), -EPIPE);
	CHECK_EQUAL(option_of(listener, SOL_SOCKET, SO_ACCEPTCONN), 1);
	CHECK_EQUAL(rondo_close(listener), 0);
	return rondo_close(fd);
}

static void test_without_a_connection_there_are_errors(void **state)
{
	(void)state;
	seeds_run_both(without_connection, NULL);
}

static int accept_later(void *arg)
{
	return rondo_accept(*(int *)arg, NULL, NULL);
}

static int stop_listening(void *arg)
{
	int port, listener = listen_at("127.0.0.1", &port);
	rondo_task *task;

	(void)arg;
	CHECK(listener >= 0);
	task = rondo_create_task(accept_later, &listener);
	CHECK(task && rondo_yield() == 0);
	CHECK_EQUAL(rondo_shutdown(listener, SHUT_RD), 0);
	CHECK_EQUAL(rondo_await(task), -EINVAL);
	CHECK_EQUAL(rondo_connect_tcp("127.0.0.1", (uint16_t)port), -ECONNREFUSED);
	return rondo_close(listener);
}

static void test_shutting_a_listener_down_ends_an_accept(void **state)
{
	(void)state;
	seeds_run_both(stop_listening, NULL);
}

/* Who waits in a closed listener's queue is reset. */
static int close_listener(void *arg)
{
	int port, fd, listener = listen_at("127.0.0.1", &port);
	char c;

	(void)arg;
	CHECK(listener >= 0);
	fd = rondo_connect_tcp("127.0.0.1", (uint16_t)port);
	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_poll(listener, POLLIN), POLLIN);
	CHECK_EQUAL(rondo_close(listener), 0);
	CHECK_EQUAL(rondo_recv(fd, &c, 1, 0), -ECONNRESET);
	return rondo_close(fd);
}

static void test_closing_a_listener_resets_who_waits(void **state)
{
	(void)state;
	seeds_run_both(close_listener, NULL);
}

/* --- ends ------------------------------------------------------------------------------------ */

static int half_close(void *arg)
{
	char buf[8];
	int fds[2];

	(void)arg;
	CHECK_EQUAL(tcp_pair(fds), 0);
	CHECK_EQUAL(rondo_poll(fds[1], POLLOUT | POLLIN | POLLRDHUP), POLLOUT);
	CHECK_EQUAL(rondo_shutdown(fds[0], SHUT_WR), 0);
	CHECK_EQUAL(rondo_send(fds[0], "x", 1, 0), -EPIPE);
	CHECK_EQUAL(rondo_poll(fds[1], POLLRDHUP), POLLRDHUP);
	CHECK_EQUAL(rondo_poll(fds[1], POLLOUT | POLLIN | POLLRDHUP), POLLOUT | POLLIN | POLLRDHUP);
	CHECK_EQUAL(rondo_recv(fds[1], buf, 8, 0), 0);
	CHECK_EQUAL(rondo_send_all(fds[1], "still", 5, NULL), 0);
	CHECK_EQUAL(rondo_recv_exactly(fds[0], buf, 5, NULL), 0);
	CHECK_EQUAL(rondo_shutdown(fds[1], SHUT_WR), 0);
	CHECK_EQUAL(rondo_recv(fds[0], buf, 8, 0), 0);
	CHECK_EQUAL(rondo_poll(fds[0], POLLIN | POLLOUT | POLLRDHUP),
		    POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	return close_both(fds);
}

static void test_one_direction_ends_and_the_other_goes_on(void **state)
{
	(void)state;
	seeds_run_both(half_close, NULL);
}

static int reset(void *arg)
{
	char buf[8];
	int fds[2];

	(void)arg;
	CHECK_EQUAL(tcp_pair(fds), 0);
	CHECK_EQUAL(rondo_send_all(fds[0], "last", 4, NULL), 0);
	CHECK_EQUAL(close_hard(fds[0]), 0);
	CHECK_EQUAL(rondo_poll(fds[1], POLLRDHUP) & (POLLERR | POLLHUP), POLLERR | POLLHUP);
	CHECK_EQUAL(rondo_recv_exactly(fds[1], buf, 4, NULL), 0);	/* it had arrived */
	CHECK_EQUAL(rondo_recv(fds[1], buf, 8, 0), -ECONNRESET);
	CHECK_EQUAL(rondo_recv(fds[1], buf, 8, 0), 0);
	CHECK_EQUAL(rondo_send(fds[1], "x", 1, 0), -EPIPE);
	CHECK_EQUAL(rondo_shutdown(fds[1], SHUT_WR), -ENOTCONN);
	return rondo_close(fds[1]);
}

static void test_a_reset_is_told_once(void **state)
{
	(void)state;
	seeds_run_both(reset, NULL);
}

static int close_unread(void *arg)
{
	char c;
	int fds[2];

	(void)arg;
	CHECK_EQUAL(tcp_pair(fds), 0);
	CHECK_EQUAL(rondo_send_all(fds[0], "unread", 6, NULL), 0);
	CHECK_EQUAL(rondo_poll(fds[1], POLLIN), POLLIN);
	CHECK_EQUAL(rondo_close(fds[1]), 0);
	CHECK_EQUAL(rondo_recv(fds[0], &c, 1, 0), -ECONNRESET);
	return rondo_close(fds[0]);
}

static void test_closing_with_unread_bytes_resets(void **state)
{
	(void)state;
	seeds_run_both(close_unread, NULL);
}

static int send_to_closed(void *arg)
{
	char c;
	int fds[2];

	(void)arg;
	CHECK_EQUAL(tcp_pair(fds), 0);
	CHECK_EQUAL(rondo_close(fds[1]), 0);
	CHECK_EQUAL(rondo_recv(fds[0], &c, 1, 0), 0);
	CHECK_EQUAL(rondo_send(fds[0], "x", 1, 0), 1);		/* who could know? */
	CHECK_EQUAL(rondo_poll(fds[0], 0) & POLLERR, POLLERR);
	CHECK_EQUAL(rondo_send(fds[0], "x", 1, 0), -EPIPE);
	CHECK_EQUAL(rondo_recv(fds[0], &c, 1, 0), 0);
	return rondo_close(fds[0]);
}

static void test_sending_to_a_closed_socket_is_a_broken_pipe(void **state)
{
	(void)state;
	seeds_run_both(send_to_closed, NULL);
}

/* What was sent before the close arrives all the same. */
enum { BEHIND = 60000 };

static int send_and_close(void *arg)
{
	static unsigned char buf[BEHIND];

	fill_pattern(buf, sizeof(buf), 0);
	CHECK_EQUAL(rondo_send_all(*(int *)arg, buf, sizeof(buf), NULL), 0);
	return rondo_close(*(int *)arg);
}

static int close_behind(void *arg)
{
	static unsigned char buf[BEHIND];
	rondo_task *task;
	int fds[2];

	(void)arg;
	CHECK_EQUAL(tcp_pair(fds), 0);
	task = rondo_create_task(send_and_close, &fds[0]);
	CHECK(task);
	memset(buf, 0, sizeof(buf));
	CHECK_EQUAL(rondo_recv_exactly(fds[1], buf, sizeof(buf), NULL), 0);
	CHECK(is_pattern(buf, sizeof(buf), 0));
	CHECK_EQUAL(rondo_recv(fds[1], buf, 1, 0), 0);
	CHECK_EQUAL(rondo_await(task), 0);
	return rondo_close(fds[1]);
}

static void test_a_closed_socket_sends_what_was_queued(void **state)
{
	(void)state;
	seeds_run_both(close_behind, NULL);
	seeds_run(N_FAULTY, "NET_LOSS,NET_DELAY,NET_WINDOW,SHORT_READ,SHORT_WRITE", close_behind,
		  NULL);
}

/* --- queues and limits ----------------------------------------------------------------------- */

struct late {
	int port, ret;
	uint64_t connected_ns;
};

static int connect_one(void *arg)
{
	struct late *late = arg;

	late->ret = rondo_connect_tcp("127.0.0.1", (uint16_t)late->port);
	late->connected_ns = rondo_now_ns();
	return late->ret < 0 ? late->ret : 0;
}

/* backlog 1 lets two wait; the third comes when the kernel tries again. */
static int full_backlog(void *arg)
{
	const struct rondo_listen_options o = { .backlog = 1 };
	int listener = rondo_listen_tcp("127.0.0.1", 0, &o), fds[2], last;
	struct late late = { .port = port_of(listener) };
	uint64_t start = rondo_now_ns();
	rondo_task *task;

	(void)arg;
	for (int i = 0; i < 2; i++) {
		fds[i] = rondo_connect_tcp("127.0.0.1", (uint16_t)late.port);
		CHECK(fds[i] >= 0);
	}
	task = rondo_create_task(connect_one, &late);
	CHECK(task && rondo_sleep(5) == 0 && !late.connected_ns);
	last = rondo_accept(listener, NULL, NULL);
	CHECK(last >= 0);
	CHECK_EQUAL(rondo_await(task), 0);
	CHECK(late.connected_ns - start >= 7000000000 && late.connected_ns - start < 8000000000);
	CHECK_EQUAL(rondo_close(last), 0);
	CHECK_EQUAL(rondo_close(late.ret), 0);
	CHECK_EQUAL(rondo_close(listener), 0);
	return close_both(fds);
}

static void test_a_full_backlog_makes_connects_wait(void **state)
{
	(void)state;
	seeds_run_calm(N_CALM, full_backlog, NULL);
}

enum { FDS_MAX = 1024 };

static int no_descriptors(void *arg)
{
	int port, listener = listen_at("127.0.0.1", &port), fds[FDS_MAX], n = 0, fd, client;

	(void)arg;
	client = rondo_connect_tcp("127.0.0.1", (uint16_t)port);
	CHECK(client >= 0);
	while ((fd = rondo_socket(AF_INET, SOCK_STREAM, 0)) >= 0)
		fds[n++] = fd;
	CHECK_EQUAL(fd, -EMFILE);
	CHECK_EQUAL(rondo_accept(listener, NULL, NULL), -EMFILE);
	CHECK_EQUAL(rondo_accept(listener, NULL, NULL), -EMFILE);
	CHECK_EQUAL(rondo_close(fds[--n]), 0);
	fd = rondo_accept(listener, NULL, NULL);	/* the connection has waited (KN-35) */
	CHECK(fd >= 0);
	while (n)
		CHECK_EQUAL(rondo_close(fds[--n]), 0);
	CHECK_EQUAL(rondo_close(fd), 0);
	CHECK_EQUAL(rondo_close(client), 0);
	return rondo_close(listener);
}

static void test_without_descriptors_a_connection_stays_queued(void **state)
{
	(void)state;
	seeds_run_calm(3, no_descriptors, NULL);
}

/* A reader that sleeps stops the writer after what buffers hold. */
static int stuff(void *arg)
{
	static unsigned char block[4096];
	int *fds = arg;
	size_t n = 0;
	ssize_t ret;

	while ((ret = rondo_send(fds[0], block, sizeof(block), MSG_DONTWAIT)) > 0)
		n += (size_t)ret;
	return ret == -EAGAIN ? (int)n : (int)ret;
}

static int back_pressure(void *arg)
{
	static char buf[1 << 20];
	int fds[2], size = 8192, n, more;

	(void)arg;
	CHECK_EQUAL(tcp_pair(fds), 0);
	CHECK_EQUAL(rondo_setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
	n = stuff(fds);
	CHECK(n > 0 && n < 1 << 20);
	do {				/* until also the receiver's buffer is full */
		CHECK_EQUAL(rondo_sleep(0.1), 0);
		more = stuff(fds);
		n += more;
	} while (more > 0);
	CHECK_EQUAL(more, 0);
	CHECK(n <= 2 * size + 2 * 131072);
	CHECK_EQUAL(rondo_recv_exactly(fds[1], buf, (size_t)n, NULL), 0);
	CHECK_EQUAL(rondo_poll(fds[0], POLLOUT), POLLOUT);
	return close_both(fds);
}

static void test_a_reader_that_sleeps_stops_the_writer(void **state)
{
	(void)state;
	seeds_run_calm(N_CALM, back_pressure, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes_go_both_ways),
		cmocka_unit_test(test_receive_peeks_truncates_and_does_not_wait),
		cmocka_unit_test(test_an_end_ends_a_receive_of_all),
		cmocka_unit_test(test_connecting_to_nobody_is_refused),
		cmocka_unit_test(test_without_a_connection_there_are_errors),
		cmocka_unit_test(test_shutting_a_listener_down_ends_an_accept),
		cmocka_unit_test(test_closing_a_listener_resets_who_waits),
		cmocka_unit_test(test_one_direction_ends_and_the_other_goes_on),
		cmocka_unit_test(test_a_reset_is_told_once),
		cmocka_unit_test(test_closing_with_unread_bytes_resets),
		cmocka_unit_test(test_sending_to_a_closed_socket_is_a_broken_pipe),
		cmocka_unit_test(test_a_closed_socket_sends_what_was_queued),
		cmocka_unit_test(test_a_full_backlog_makes_connects_wait),
		cmocka_unit_test(test_without_descriptors_a_connection_stays_queued),
		cmocka_unit_test(test_a_reader_that_sleeps_stops_the_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
