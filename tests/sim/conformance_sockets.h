/* SPDX-License-Identifier: MIT */
/* conformance_sockets.h - scripts: what the ring does with sockets. */
#ifndef RONDO_TESTS_CONFORMANCE_SOCKETS_H
#define RONDO_TESTS_CONFORMANCE_SOCKETS_H

#include <netinet/in.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sim/conformance.h"

/* --- sockets to play with -------------------------------------------------------------------- */

static int make_socket(struct conf *c, int domain, int type)
{
	return keep_fd(c, plain(c, socket, domain, type | SOCK_CLOEXEC, 0));
}

static void make_pair(struct conf *c, int type, int fds[2])
{
	fds[0] = fds[1] = -1;
	if (needs(c, plain(c, socketpair, AF_UNIX, type | SOCK_CLOEXEC, 0, fds)) < 0)
		return;
	keep_fd(c, fds[0]);
	keep_fd(c, fds[1]);
}

/* A TCP socket of the loopback that listens; where is said in a. */
static int make_listener(struct conf *c, struct sockaddr_in *a)
{
	int fd = make_socket(c, AF_INET, SOCK_STREAM);
	socklen_t size = sizeof(*a);

	*a = (struct sockaddr_in){ .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	needs(c, plain(c, bind, fd, a, sizeof(*a)));
	needs(c, plain(c, listen, fd, 16));
	needs(c, plain(c, getsockname, fd, a, &size));
	return fd;
}

static int make_connected(struct conf *c, const struct sockaddr_in *a)
{
	int fd = make_socket(c, AF_INET, SOCK_STREAM);

	ADD(c, SETUP, connect, fd, (const struct sockaddr *)a, sizeof(*a));
	needs(c, setup_wait(c));
	return fd;
}

static void make_tcp_pair(struct conf *c, int fds[2])
{
	struct sockaddr_in a;
	int listener = make_listener(c, &a);

	fds[0] = make_connected(c, &a);
	ADD(c, SETUP, accept, listener, NULL, NULL, SOCK_CLOEXEC);
	fds[1] = keep_fd(c, setup_wait(c));
}

static void sends(struct conf *c, int fd, const char *text)
{
	long len = (long)strlen(text);

	if (!c->broken && plain(c, sendto, fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) != len)
		c->broken = true;
}

/* --- ACCEPT ---------------------------------------------------------------------------------- */

static void accept_ready(struct conf *c)
{
	struct sockaddr_in a;
	int listener = make_listener(c, &a);

	make_connected(c, &a);
	ADD(c, 1, accept, listener, NULL, NULL, SOCK_CLOEXEC);
	wait_for(c, 1);
	gives_fds(c, 1);
}

static void accept_waits(struct conf *c)
{
	struct sockaddr_in a, peer = { 0 };
	socklen_t size = sizeof(peer);
	int listener = make_listener(c, &a);

	ADD(c, 1, accept, listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC);
	settle(c);
	say(c, 10, c->n_cqes);
	make_connected(c, &a);
	wait_for(c, 1);
	gives_fds(c, 1);
	say(c, 11, c->fds[0] >= 0 && peer.sin_family == AF_INET && size == sizeof(peer));
}

static void accept_again_and_again(struct conf *c)
{
	struct sockaddr_in a;
	int listener = make_listener(c, &a);

	ADD(c, 1, multishot_accept, listener, NULL, NULL, SOCK_CLOEXEC);
	settle(c);
	for (unsigned i = 1; i <= 2 && (i == 1 || c->lines[0].flags & IORING_CQE_F_MORE); i++) {
		make_connected(c, &a);
		wait_for(c, i);
	}
	gives_fds(c, 1);
}

static void accept_cancelled(struct conf *c)
{
	struct sockaddr_in a;

	ADD(c, 1, accept, make_listener(c, &a), NULL, NULL, 0);
	ADD(c, 2, cancel64, 1, 0);
	wait_for(c, 2);
}

static void accept_not_listening(struct conf *c)
{
	ADD(c, 1, accept, make_socket(c, AF_INET, SOCK_STREAM), NULL, NULL, 0);
	wait_for(c, 1);
}

static void accept_no_socket(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, 1, accept, p[0], NULL, NULL, 0);
	wait_for(c, 1);
}

static void accept_datagrams(struct conf *c)
{
	ADD(c, 1, accept, make_socket(c, AF_INET, SOCK_DGRAM), NULL, NULL, 0);
	wait_for(c, 1);
}

/* --- CONNECT --------------------------------------------------------------------------------- */

static void connect_it(struct conf *c, int fd, const void *a, socklen_t size)
{
	ADD(c, 1, connect, fd, a, size);
	wait_for(c, 1);
}

static void connect_tcp(struct conf *c)
{
	struct sockaddr_in a;

	make_listener(c, &a);
	connect_it(c, make_socket(c, AF_INET, SOCK_STREAM), &a, sizeof(a));
}

static void connect_refused(struct conf *c)
{
	struct sockaddr_in a;

	close_fd(c, make_listener(c, &a));
	connect_it(c, make_socket(c, AF_INET, SOCK_STREAM), &a, sizeof(a));
}

static void connect_twice(struct conf *c)
{
	struct sockaddr_in a;

	make_listener(c, &a);
	connect_it(c, make_connected(c, &a), &a, sizeof(a));
}

static void connect_listener(struct conf *c)
{
	struct sockaddr_in a;
	int fd = make_listener(c, &a);

	connect_it(c, fd, &a, sizeof(a));
}

static void connect_udp(struct conf *c)
{
	struct sockaddr_in a;

	make_listener(c, &a);
	connect_it(c, make_socket(c, AF_INET, SOCK_DGRAM), &a, sizeof(a));
}

static void connect_local_missing(struct conf *c)
{
	const struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "no-such-name" };

	connect_it(c, make_socket(c, AF_UNIX, SOCK_STREAM), &a, sizeof(a));
}

static void connect_wrong_family(struct conf *c)
{
	const struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "no-such-name" };

	connect_it(c, make_socket(c, AF_INET, SOCK_STREAM), &a, sizeof(a));
}

static void connect_short_address(struct conf *c)
{
	const struct sockaddr_in a = { .sin_family = AF_INET };

	connect_it(c, make_socket(c, AF_INET, SOCK_STREAM), &a, 4);
}

static void connect_no_socket(struct conf *c)
{
	const struct sockaddr_in a = { .sin_family = AF_INET };

	connect_it(c, c->root, &a, sizeof(a));
}

/* --- SEND, SENDMSG, SEND_ZC ------------------------------------------------------------------ */

static void send_it(struct conf *c, int fd, const char *text, int flags)
{
	ADD(c, 1, send, fd, text, strlen(text), flags);
	wait_for(c, 1);
}

static void send_tcp(struct conf *c)
{
	int fds[2];

	make_tcp_pair(c, fds);
	send_it(c, fds[0], "hello", 0);
}

static void send_local(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	send_it(c, fds[0], "hello", 0);
}

static void send_not_connected(struct conf *c)
{
	send_it(c, make_socket(c, AF_INET, SOCK_STREAM), "hello", 0);
}

static void send_shut_down(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	needs(c, plain(c, shutdown, fds[0], SHUT_WR));
	send_it(c, fds[0], "hello", 0);
}

static void send_to_the_gone(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	close_fd(c, fds[1]);
	send_it(c, fds[0], "hello", MSG_NOSIGNAL);
}

static void send_no_socket(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	send_it(c, p[1], "hello", 0);
}

static void send_full(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	while (!c->broken && plain(c, sendto, fds[0], c->buf, ROOM, MSG_DONTWAIT) > 0)
		continue;
	ADD(c, 1, send, fds[0], c->buf, 10, MSG_DONTWAIT);
	ADD(c, 2, send, fds[0], c->buf, 10, 0);
	ADD(c, 3, cancel64, 2, 0);
	wait_for(c, 3);
}

static void send_datagram_too_long(struct conf *c)
{
	struct sockaddr_in a;
	int fd = make_socket(c, AF_INET, SOCK_DGRAM);

	make_listener(c, &a);
	needs(c, plain(c, connect, fd, &a, sizeof(a)));
	ADD(c, 1, send, fd, c->buf, ROOM - 1, 0);
	wait_for(c, 1);
}

static void sendmsg_it(struct conf *c, int fd)
{
	struct iovec iov[2] = { { c->buf, 3 }, { c->other, 4 } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };

	ADD(c, 1, sendmsg, fd, &m, 0);
	wait_for(c, 1);
}

static void sendmsg_local(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_DGRAM, fds);
	sendmsg_it(c, fds[0]);
}

static void sendmsg_tcp(struct conf *c)
{
	int fds[2];

	make_tcp_pair(c, fds);
	sendmsg_it(c, fds[0]);
}

static void sendmsg_nowhere(struct conf *c)
{
	sendmsg_it(c, make_socket(c, AF_INET, SOCK_DGRAM));
}

static void send_zc_tcp(struct conf *c)
{
	int fds[2];

	make_tcp_pair(c, fds);
	ADD(c, 1, send_zc, fds[0], "hello", 5, 0, 0);
	submit(c);
	CONF_AWAIT(c, c->n_cqes && !(c->lines[c->n_lines - 1].flags & IORING_CQE_F_MORE));
}

static void send_zc_local(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	ADD(c, 1, send_zc, fds[0], "hello", 5, 0, 0);
	submit(c);
	CONF_AWAIT(c, c->n_cqes && !(c->lines[c->n_lines - 1].flags & IORING_CQE_F_MORE));
}

static void send_zc_no_socket(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, 1, send_zc, p[1], "hello", 5, 0, 0);
	submit(c);
	CONF_AWAIT(c, c->n_cqes && !(c->lines[c->n_lines - 1].flags & IORING_CQE_F_MORE));
}

/* --- SHUTDOWN -------------------------------------------------------------------------------- */

static void shutdown_it(struct conf *c, int fd, int how)
{
	ADD(c, 1, shutdown, fd, how);
	wait_for(c, 1);
}

static void shutdown_pair(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	shutdown_it(c, fds[0], SHUT_WR);
	ADD(c, 2, recv, fds[1], c->buf, 5, 0);
	wait_for(c, 2);
}

static void shutdown_not_connected(struct conf *c)
{
	shutdown_it(c, make_socket(c, AF_INET, SOCK_STREAM), SHUT_WR);
}

static void shutdown_bad_how(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	shutdown_it(c, fds[0], 9);
}

static void shutdown_no_socket(struct conf *c)
{
	shutdown_it(c, c->root, SHUT_WR);
}

#define NO_MEMORY "1=-ENOMEM"

static const struct script socket_scripts[] = {
	SCRIPT(ACCEPT, accept_ready, .exact = "1=fd", .also = "1=-EMFILE"),
	SCRIPT(ACCEPT, accept_waits, .exact = "1=fd 10=0 11=1", .also = "1=-EMFILE 10=0 11=0"),
	SCRIPT(ACCEPT, accept_again_and_again, .exact = "1=fd+more 1=fd+more",
	       .also = "1=fd+more* 1=fd/-EMFILE"),
	SCRIPT(ACCEPT, accept_cancelled, .exact = "1=-ECANCELED 2=0"),
	SCRIPT(ACCEPT, accept_not_listening, .exact = "1=-EINVAL"),
	SCRIPT(ACCEPT, accept_no_socket, .exact = "1=-ENOTSOCK"),
	SCRIPT(ACCEPT, accept_datagrams, .exact = "1=-EOPNOTSUPP"),
	SCRIPT(CONNECT, connect_tcp, .exact = "1=0"),
	SCRIPT(CONNECT, connect_refused, .exact = "1=-ECONNREFUSED"),
	SCRIPT(CONNECT, connect_twice, .exact = "1=-EISCONN"),
	SCRIPT(CONNECT, connect_listener, .exact = "1=-EISCONN"),
	SCRIPT(CONNECT, connect_udp, .exact = "1=0"),
	SCRIPT(CONNECT, connect_local_missing, .exact = "1=-ENOENT"),
	SCRIPT(CONNECT, connect_wrong_family, .exact = "1=-EAFNOSUPPORT"),
	SCRIPT(CONNECT, connect_short_address, .exact = "1=-EINVAL"),
	SCRIPT(CONNECT, connect_no_socket, .exact = "1=-ENOTSOCK"),
	SCRIPT(SEND, send_tcp, .exact = "1=5", .also = "1=1..4"),
	SCRIPT(SEND, send_local, .exact = "1=5", .also = "1=1..4"),
	SCRIPT(SEND, send_not_connected, .exact = "1=-EPIPE"),
	SCRIPT(SEND, send_shut_down, .exact = "1=-EPIPE"),
	SCRIPT(SEND, send_to_the_gone, .exact = "1=-EPIPE"),
	SCRIPT(SEND, send_no_socket, .exact = "1=-ENOTSOCK"),
	SCRIPT(SEND, send_full, .exact = "1=-EAGAIN 2=-ECANCELED 3=0"),
	SCRIPT(SEND, send_datagram_too_long, .exact = "1=-EMSGSIZE"),
	SCRIPT(SENDMSG, sendmsg_local, .exact = "1=7"),
	SCRIPT(SENDMSG, sendmsg_tcp, .exact = "1=7", .also = "1=1..6"),
	SCRIPT(SENDMSG, sendmsg_nowhere, .exact = "1=-EDESTADDRREQ"),
	SCRIPT(SEND_ZC, send_zc_tcp, .exact = "1=5+more 1=0+notif",
	       .also = "1=1..4+more 1=0+notif | 1=-ENOMEM"),
	SCRIPT(SEND_ZC, send_zc_local, .exact = "1=-EOPNOTSUPP+more 1=0+notif",
	       .also = "1=-EOPNOTSUPP | 1=-ENOMEM"),
	SCRIPT(SEND_ZC, send_zc_no_socket, .exact = "1=-ENOTSOCK+more 1=0+notif",
	       .also = "1=-ENOTSOCK | 1=-ENOMEM"),
	SCRIPT(SHUTDOWN, shutdown_pair, .exact = "1=0 2=0"),
	SCRIPT(SHUTDOWN, shutdown_not_connected, .exact = "1=-ENOTCONN"),
	SCRIPT(SHUTDOWN, shutdown_bad_how, .exact = "1=-EINVAL"),
	SCRIPT(SHUTDOWN, shutdown_no_socket, .exact = "1=-ENOTSOCK"),
};
#endif
