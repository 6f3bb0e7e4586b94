/* SPDX-License-Identifier: MIT */
/* test_network_local.c - AF_UNIX sockets of the simulated kernel. Goal: streams, packets, datagrams
 * and the descriptors they carry behave as Linux's. Method: small programs that must hold on the
 * real kernel and on simulated ones; names are abstract, so that nothing stays behind. */
#include "sim/pairs.h"

#include <stddef.h>
#include <sys/un.h>
#include <unistd.h>

/* A name no other run of this test has. */
static socklen_t name_it(struct sockaddr_un *a, const char *what)
{
	int n;

	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	n = snprintf(a->sun_path + 1, sizeof(a->sun_path) - 1, "rondo-test-%d-%s", (int)getpid(),
		     what);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
}

static const struct sockaddr *any(const struct sockaddr_un *a)
{
	return (const struct sockaddr *)a;
}

static int bound(int type, const char *what)
{
	struct sockaddr_un a;
	socklen_t len = name_it(&a, what);
	int fd = rondo_socket(AF_UNIX, type, 0);

	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_bind(fd, any(&a), len), 0);
	return fd;
}

static int connected(int type, const char *what)
{
	struct sockaddr_un a;
	socklen_t len = name_it(&a, what);
	int fd = rondo_socket(AF_UNIX, type, 0), ret;

	CHECK(fd >= 0);
	ret = rondo_connect(fd, any(&a), len);
	if (ret == 0)
		return fd;
	(void)rondo_close(fd);
	return ret;
}

/* --- streams --------------------------------------------------------------------------------- */

static int stream(void *arg)
{
	char buf[8];
	int fds[2];

	(void)arg;
	CHECK_EQUAL(rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	CHECK_EQUAL(rondo_recv(fds[0], buf, 8, MSG_DONTWAIT), -EAGAIN);
	CHECK_EQUAL(rondo_send(fds[0], "abc", 3, 0), 3);
	CHECK_EQUAL(rondo_send(fds[0], "def", 3, 0), 3);
	CHECK_EQUAL(rondo_recv(fds[1], buf, 4, MSG_PEEK), 4);
	CHECK(!memcmp(buf, "abcd", 4));
	CHECK_EQUAL(rondo_recv(fds[1], buf, 8, 0), 6);
	CHECK(!memcmp(buf, "abcdef", 6));
	CHECK_EQUAL(rondo_shutdown(fds[0], SHUT_WR), 0);
	CHECK_EQUAL(rondo_recv(fds[1], buf, 8, 0), 0);
	CHECK_EQUAL(rondo_send(fds[0], "x", 1, 0), -EPIPE);
	CHECK_EQUAL(rondo_poll(fds[1], POLLIN | POLLOUT | POLLRDHUP), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQUAL(rondo_send(fds[1], "back", 4, 0), 4);
	CHECK_EQUAL(rondo_close(fds[0]), 0);		/* with that unread */
	CHECK_EQUAL(rondo_poll(fds[1], POLLIN) & (POLLHUP | POLLERR), POLLHUP | POLLERR);
	CHECK_EQUAL(rondo_send(fds[1], "x", 1, 0), -EPIPE);
	CHECK_EQUAL(rondo_recv(fds[1], buf, 8, 0), -ECONNRESET);
	CHECK_EQUAL(rondo_recv(fds[1], buf, 8, 0), 0);
	return rondo_close(fds[1]);
}

static void test_a_stream_has_bytes_and_ends(void **state)
{
	(void)state;
	seeds_run_both(stream, NULL);
}

static int unconnected(void *arg)
{
	int fd = rondo_socket(AF_UNIX, SOCK_STREAM, 0), packets = rondo_socket(AF_UNIX,
									       SOCK_SEQPACKET, 0);
	char c;

	(void)arg;
	CHECK(fd >= 0 && packets >= 0);
	CHECK_EQUAL(rondo_recv(fd, &c, 1, 0), -EINVAL);
	CHECK_EQUAL(rondo_send(fd, "x", 1, 0), -ENOTCONN);
	CHECK_EQUAL(rondo_recv(packets, &c, 1, 0), -ENOTCONN);
	CHECK_EQUAL(rondo_send(packets, "x", 1, 0), -ENOTCONN);
	CHECK_EQUAL(rondo_accept(fd, NULL, NULL), -EINVAL);
	CHECK_EQUAL(rondo_listen(fd, 1), -EINVAL);	/* it has no name */
	CHECK_EQUAL(connected(SOCK_STREAM, "nobody"), -ECONNREFUSED);
	CHECK_EQUAL(rondo_close(packets), 0);
	return rondo_close(fd);
}

static void test_without_a_peer_there_are_errors(void **state)
{
	(void)state;
	seeds_run_both(unconnected, NULL);
}

static int no_pair(void *arg)
{
	int fds[2] = { -7, -7 };

	(void)arg;
	CHECK_EQUAL(rondo_socketpair(AF_INET, SOCK_STREAM, 0, fds), -EOPNOTSUPP);
	CHECK(fds[0] == -7 && fds[1] == -7);		/* whatever the kernel does (KN-39) */
	CHECK_EQUAL(rondo_socketpair(AF_UNIX, SOCK_STREAM, 99, fds), -EPROTONOSUPPORT);
	CHECK_EQUAL(rondo_socketpair(AF_UNIX, SOCK_RDM, 0, fds), -ESOCKTNOSUPPORT);
	CHECK_EQUAL(rondo_socketpair(1000, SOCK_STREAM, 0, fds), -EAFNOSUPPORT);
	return 0;
}

static void test_no_pair_leaves_the_array_alone(void **state)
{
	(void)state;
	seeds_run_both(no_pair, NULL);
}

static int listener(void *arg)
{
	int fd = bound(SOCK_STREAM, "listener"), client, server;
	struct sockaddr_un a, mine;
	socklen_t len = sizeof(a), my_len = name_it(&mine, "listener");
	char c;

	(void)arg;
	CHECK(fd >= 0);
	CHECK_EQUAL(connected(SOCK_STREAM, "listener"), -ECONNREFUSED);
	CHECK_EQUAL(rondo_listen(fd, 4), 0);
	CHECK_EQUAL(connected(SOCK_DGRAM, "listener"), -ECONNREFUSED);
	client = connected(SOCK_STREAM, "listener");
	CHECK(client >= 0);
	CHECK_EQUAL(rondo_send(client, "x", 1, 0), 1);	/* nobody has accepted yet */
	server = rondo_accept(fd, (struct sockaddr *)&a, &len);
	CHECK(server >= 0 && len == sizeof(a.sun_family) && a.sun_family == AF_UNIX);
	CHECK_EQUAL(rondo_recv(server, &c, 1, 0), 1);
	len = sizeof(a);
	CHECK_EQUAL(rondo_getpeername(client, (struct sockaddr *)&a, &len), 0);
	CHECK(len == my_len && !memcmp(&a, &mine, len));
	len = sizeof(a);
	CHECK_EQUAL(rondo_getsockname(server, (struct sockaddr *)&a, &len), 0);
	CHECK(len == my_len && !memcmp(&a, &mine, len));
	CHECK_EQUAL(rondo_close(client), 0);
	CHECK_EQUAL(rondo_recv(server, &c, 1, 0), 0);
	CHECK_EQUAL(rondo_close(server), 0);
	return rondo_close(fd);
}

static void test_a_listener_has_a_name(void **state)
{
	(void)state;
	seeds_run_both(listener, NULL);
}

static int accept_in_a_while(void *arg)
{
	int fd;

	CHECK_EQUAL(rondo_sleep(0.05), 0);
	fd = rondo_accept(*(int *)arg, NULL, NULL);
	CHECK(fd >= 0);
	return rondo_close(fd);
}

/* The plain connect says -EAGAIN, and rondo_connect() comes again until there is room (KN-37). */
static int full_backlog(void *arg)
{
	int fd = bound(SOCK_STREAM, "full"), fds[3];
	rondo_task *task;

	(void)arg;
	CHECK(fd >= 0 && rondo_listen(fd, 1) == 0);
	fds[0] = connected(SOCK_STREAM, "full");
	fds[1] = connected(SOCK_STREAM, "full");
	task = rondo_create_task(accept_in_a_while, &fd);
	fds[2] = connected(SOCK_STREAM, "full");
	CHECK(fds[0] >= 0 && fds[1] >= 0 && fds[2] >= 0);
	CHECK_EQUAL(rondo_await(task), 0);
	CHECK_EQUAL(rondo_close(fd), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQUAL(rondo_close(fds[i]), 0);
	return 0;
}

static void test_a_full_backlog_lets_connects_wait(void **state)
{
	(void)state;
	seeds_run_both(full_backlog, NULL);
}

static int zero_copy(void *arg)
{
	int fds[2];
	char c;

	(void)arg;
	CHECK_EQUAL(rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	CHECK_EQUAL(rondo_send_zc(fds[0], "x", 1, 0), 1);	/* by a send (KN-31) */
	CHECK_EQUAL(rondo_recv(fds[1], &c, 1, 0), 1);
	return close_both(fds);
}

static void test_zero_copy_falls_back_to_a_send(void **state)
{
	(void)state;
	seeds_run_both(zero_copy, NULL);
}

/* --- packets --------------------------------------------------------------------------------- */

static int packets(void *arg)
{
	int *type = arg, fds[2];
	char buf[8] = { 0 };
	struct iovec part = { buf, 2 };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };

	CHECK_EQUAL(rondo_socketpair(AF_UNIX, *type, 0, fds), 0);
	CHECK_EQUAL(rondo_send(fds[0], "first", 5, 0), 5);
	CHECK_EQUAL(rondo_send(fds[0], "2nd", 3, 0), 3);
	CHECK_EQUAL(rondo_send(fds[0], "", 0, 0), 0);
	CHECK_EQUAL(rondo_recv(fds[1], buf, 2, MSG_PEEK | MSG_TRUNC), 5);
	CHECK_EQUAL(rondo_recvmsg(fds[1], &m, 0), 2);
	CHECK(m.msg_flags & MSG_TRUNC && !memcmp(buf, "fi", 2));
	CHECK_EQUAL(rondo_recv(fds[1], buf, 8, 0), 3);
	CHECK(!memcmp(buf, "2nd", 3));
	CHECK_EQUAL(rondo_recv(fds[1], buf, 8, 0), 0);		/* the empty one */
	CHECK_EQUAL(rondo_recv(fds[1], buf, 8, MSG_DONTWAIT), -EAGAIN);
	CHECK_EQUAL(rondo_close(fds[0]), 0);
	CHECK_EQUAL(rondo_send(fds[1], "x", 1, 0), *type == SOCK_DGRAM ? -ECONNREFUSED : -EPIPE);
	return rondo_close(fds[1]);
}

static void test_packets_and_datagrams_stay_whole(void **state)
{
	int types[] = { SOCK_SEQPACKET, SOCK_DGRAM };

	(void)state;
	seeds_run_both(packets, &types[0]);
	seeds_run_both(packets, &types[1]);
}

static int named_datagrams(void *arg)
{
	struct sockaddr_un to, from;
	socklen_t to_len = name_it(&to, "to"), from_len = sizeof(from);
	int receiver = bound(SOCK_DGRAM, "to"), sender = bound(SOCK_DGRAM, "from"), n = 0;
	char c;

	(void)arg;
	CHECK(receiver >= 0 && sender >= 0);
	CHECK_EQUAL(rondo_sendto(sender, "x", 1, 0, any(&to), to_len), 1);
	CHECK_EQUAL(rondo_recvfrom(receiver, &c, 1, 0, (struct sockaddr *)&from, &from_len), 1);
	CHECK_EQUAL(from_len, name_it(&to, "from"));
	CHECK(!memcmp(&from, &to, from_len));
	CHECK_EQUAL(rondo_sendto(sender, "x", 1, 0, any(&to), name_it(&to, "gone")), -ECONNREFUSED);
	to_len = name_it(&to, "to");
	while (rondo_sendto(sender, "x", 1, MSG_DONTWAIT, any(&to), to_len) == 1)
		n++;
	CHECK(n > 5);
	CHECK_EQUAL(rondo_sendto(sender, "x", 1, MSG_DONTWAIT, any(&to), to_len), -EAGAIN);
	while (n--)
		CHECK_EQUAL(rondo_recv(receiver, &c, 1, MSG_DONTWAIT), 1);
	CHECK_EQUAL(rondo_close(sender), 0);
	return rondo_close(receiver);
}

static void test_datagrams_go_to_names_until_a_queue_is_full(void **state)
{
	(void)state;
	seeds_run_both(named_datagrams, NULL);
}

/* --- descriptors in messages ----------------------------------------------------------------- */

union control {
	char bytes[CMSG_SPACE(8 * sizeof(int))];
	struct cmsghdr align;
};

static ssize_t send_fds(int fd, const char *text, const int *fds, unsigned n)
{
	union control c = { .align = { .cmsg_len = CMSG_LEN(n * sizeof(int)),
				       .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec part = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &c,
			    .msg_controllen = CMSG_SPACE(n * sizeof(int)) };

	memcpy(CMSG_DATA(&c.align), fds, n * sizeof(int));
	return rondo_sendmsg(fd, &m, 0);
}

/* Returns bytes; how many descriptors, and whether some were cut off. */
static ssize_t receive_fds(int fd, char *buf, size_t len, int *fds, unsigned room, int *n,
			   bool *cut)
{
	union control c = { 0 };
	struct iovec part = { buf, len };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &c,
			    .msg_controllen = room ? CMSG_LEN(room * sizeof(int)) : 0 };
	ssize_t ret = rondo_recvmsg(fd, &m, 0);

	*n = 0;
	if (ret >= 0 && m.msg_controllen) {
		*n = (int)((c.align.cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(&c.align), (size_t)*n * sizeof(int));
	}
	*cut = m.msg_flags & MSG_CTRUNC;
	return ret;
}

static int pass_descriptors(void *arg)
{
	int *type = arg, way[2], inner[2], got[4], n, bad = 1 << 30;
	char buf[8];
	bool cut;

	CHECK_EQUAL(rondo_socketpair(AF_UNIX, *type, 0, way), 0);
	CHECK_EQUAL(rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, inner), 0);
	CHECK_EQUAL(send_fds(way[0], "x", &bad, 1), -EBADF);
	CHECK_EQUAL(send_fds(way[0], "hold", &inner[1], 1), 4);
	CHECK_EQUAL(rondo_close(inner[1]), 0);		/* it lives on in the message */
	CHECK_EQUAL(rondo_send(inner[0], "hello", 5, 0), 5);
	CHECK_EQUAL(receive_fds(way[1], buf, 8, got, 4, &n, &cut), 4);
	CHECK(n == 1 && !cut && got[0] != inner[0]);
	CHECK_EQUAL(rondo_recv(got[0], buf, 8, 0), 5);
	CHECK(!memcmp(buf, "hello", 5));
	/* No room for it, or nobody receives it: it is closed. */
	CHECK_EQUAL(send_fds(way[0], "lost", &got[0], 1), 4);
	CHECK_EQUAL(rondo_close(got[0]), 0);
	CHECK_EQUAL(receive_fds(way[1], buf, 8, got, 0, &n, &cut), 4);
	CHECK(n == 0 && cut);
	CHECK_EQUAL(rondo_recv(inner[0], buf, 8, 0), 0);
	CHECK_EQUAL(rondo_close(inner[0]), 0);
	return close_both(way);
}

static void test_descriptors_travel_in_messages(void **state)
{
	int types[] = { SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM };

	(void)state;
	for (int i = 0; i < 3; i++)
		seeds_run_both(pass_descriptors, &types[i]);
}

/* Bytes before descriptors may come with them; bytes behind them do not. */
static int receive_between(void *arg)
{
	int way[2], inner[2], got[4], n;
	char buf[16];
	bool cut;

	(void)arg;
	CHECK_EQUAL(rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, way), 0);
	CHECK_EQUAL(rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, inner), 0);
	CHECK_EQUAL(rondo_send(way[0], "ab", 2, 0), 2);
	CHECK_EQUAL(send_fds(way[0], "cd", inner, 2), 2);
	CHECK_EQUAL(rondo_send(way[0], "ef", 2, 0), 2);
	CHECK_EQUAL(receive_fds(way[1], buf, 16, got, 2, &n, &cut), 4);
	CHECK(n == 2 && !cut && !memcmp(buf, "abcd", 4));
	CHECK_EQUAL(close_both(got), 0);
	CHECK_EQUAL(receive_fds(way[1], buf, 16, got, 2, &n, &cut), 2);
	CHECK(n == 0);
	CHECK_EQUAL(close_both(inner), 0);
	return close_both(way);
}

static void test_a_receive_stops_at_descriptors(void **state)
{
	(void)state;
	seeds_run_both(receive_between, NULL);
}

/* A descriptor that travels to itself in a closed socket is freed all the same, at the end. */
static int send_to_itself(void *arg)
{
	int way[2];

	(void)arg;
	CHECK_EQUAL(rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, way), 0);
	CHECK_EQUAL(send_fds(way[0], "x", way, 2), 1);
	return close_both(way);
}

static void test_descriptors_in_a_circle_do_not_leak(void **state)
{
	(void)state;
	seeds_run_both(send_to_itself, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_stream_has_bytes_and_ends),
		cmocka_unit_test(test_without_a_peer_there_are_errors),
		cmocka_unit_test(test_no_pair_leaves_the_array_alone),
		cmocka_unit_test(test_a_listener_has_a_name),
		cmocka_unit_test(test_a_full_backlog_lets_connects_wait),
		cmocka_unit_test(test_zero_copy_falls_back_to_a_send),
		cmocka_unit_test(test_packets_and_datagrams_stay_whole),
		cmocka_unit_test(test_datagrams_go_to_names_until_a_queue_is_full),
		cmocka_unit_test(test_descriptors_travel_in_messages),
		cmocka_unit_test(test_a_receive_stops_at_descriptors),
		cmocka_unit_test(test_descriptors_in_a_circle_do_not_leak),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
