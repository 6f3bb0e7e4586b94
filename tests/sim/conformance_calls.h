/* SPDX-License-Identifier: MIT */
/* conformance_calls.h - scripts: the plain system calls that go through the seam, and the table of
 * all of them. */
#ifndef RONDO_TESTS_CONFORMANCE_CALLS_H
#define RONDO_TESTS_CONFORMANCE_CALLS_H

#include <limits.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "sim/conformance_calls_files.h"
#include "sim/conformance_receive.h"
#include "sim/conformance_splice.h"

static void call_sendfile(struct conf *c)
{
	int fds[2], fd = make_file(c, "old", "0123456789");
	off_t at = 2;

	make_pair(c, SOCK_STREAM, fds);
	needs(c, plain(c, fcntl, fds[0], F_SETFL, O_RDWR | O_NONBLOCK));
	SAY(c, 1, sendfile, fds[0], fd, &at, 4);
	say(c, 2, (int)at);
	recv_it(c, 3, fds[1], 10, 0);
	SAY(c, 4, sendfile, fds[0], fd, &at, 100);
	SAY(c, 5, sendfile, fds[0], fd, &at, 100);
	SAY(c, 6, sendfile, fds[0], fd, &at, 0);
	at = -1;
	SAY(c, 7, sendfile, fds[0], fd, &at, 4);
}

static void call_sendfile_bad(struct conf *c)
{
	int fds[2], p[2], fd = make_file(c, "old", "0123456789");
	off_t at = 0;

	make_pair(c, SOCK_STREAM, fds);
	make_pipe(c, p);
	SAY(c, 1, sendfile, fds[0], p[0], &at, 4);
	SAY(c, 2, sendfile, fds[0], -1, &at, 4);
	SAY(c, 3, sendfile, -1, fd, &at, 4);
	SAY(c, 4, sendfile, p[0], fd, &at, 4);
}

static void call_lseek_no_file(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	SAY(c, 1, lseek, p[0], 0, SEEK_CUR);
	SAY(c, 2, lseek, -1, 0, SEEK_CUR);
}

static void call_eventfd(struct conf *c)
{
	int fd = plain(c, eventfd2, 3, EFD_SEMAPHORE | EFD_CLOEXEC);

	say_fd(c, 1, fd);
	ADD(c, 2, read, fd, c->buf, 8, 0);
	wait_for(c, 1);
	say(c, 3, c->buf[0]);
}

static void call_eventfd_bad_flags(struct conf *c)
{
	SAY(c, 1, eventfd2, 0, 1 << 20);
}

static void call_pipe(struct conf *c)
{
	int p[2];

	SAY(c, 1, pipe2, p, O_CLOEXEC | O_NONBLOCK);
	keep_fd(c, p[0]);
	keep_fd(c, p[1]);
	SAY(c, 2, write, p[1], "hello", 5);
}

static void call_pipe_bad_flags(struct conf *c)
{
	SAY(c, 1, pipe2, c->buf, 1 << 20);
}

static void call_epoll_pwait(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	SAY(c, 1, epoll_pwait, p[0], c->buf, 4, 0, NULL, 8);
}

static void call_epoll_pwait_bad(struct conf *c)
{
	SAY(c, 1, epoll_pwait, -1, c->buf, 4, 0, NULL, 8);
}

/* --- processes ------------------------------------------------------------------------------- */

static void call_pidfd_open(struct conf *c)
{
	int pid = make_child(c, 5, 5), fd = plain(c, pidfd_open, pid, 0);

	say_fd(c, 1, fd);
	ADD(c, 2, poll_add, fd, POLLIN);
	wait_for(c, 1);
	SAY(c, 3, waitid, P_PIDFD, fd, c->buf, WEXITED | WNOHANG, NULL);
	say_child(c, pid);
}

static void call_pidfd_open_bad(struct conf *c)
{
	SAY(c, 1, pidfd_open, 0, 0);
	SAY(c, 2, pidfd_open, 0x3fffffff, 0);
	SAY(c, 3, pidfd_open, 0x3fffffff, 1);
}

static void call_waitid_running(struct conf *c)
{
	SAY(c, 1, waitid, P_PID, make_child(c, 5, 20000), c->buf, WEXITED | WNOHANG, NULL);
	say(c, 2, ((const siginfo_t *)(void *)c->buf)->si_pid);
}

static void call_waitid_nobody(struct conf *c)
{
	SAY(c, 1, waitid, P_ALL, 0, c->buf, WEXITED | WNOHANG, NULL);
	SAY(c, 2, waitid, P_ALL, 0, c->buf, WNOHANG, NULL);
	SAY(c, 3, waitid, P_PIDFD, c->root, c->buf, WEXITED | WNOHANG, NULL);
	SAY(c, 4, waitid, P_PIDFD, -1, c->buf, WEXITED | WNOHANG, NULL);
}

/* --- sockets --------------------------------------------------------------------------------- */

static void call_socket(struct conf *c)
{
	say_fd(c, 1, plain(c, socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	say_fd(c, 2, plain(c, socket, AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, IPPROTO_UDP));
	say_fd(c, 3, plain(c, socket, AF_UNIX, SOCK_SEQPACKET, 0));
}

static void call_socket_bad(struct conf *c)
{
	SAY(c, 1, socket, 99, SOCK_STREAM, 0);
	SAY(c, 2, socket, AF_INET, SOCK_SEQPACKET, 0);
	SAY(c, 3, socket, AF_INET, SOCK_STREAM, IPPROTO_UDP);
	SAY(c, 4, socket, AF_UNIX, SOCK_STREAM, 99);
	SAY(c, 5, socket, AF_INET, 9, 0);
}

static void call_socketpair(struct conf *c)
{
	int fds[2];

	SAY(c, 1, socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
	keep_fd(c, fds[0]);
	keep_fd(c, fds[1]);
	SAY(c, 2, sendto, fds[0], "hello", 5, 0);
}

static void call_socketpair_bad(struct conf *c)
{
	SAY(c, 1, socketpair, AF_INET, SOCK_STREAM, 0, c->buf);
	SAY(c, 2, socketpair, AF_UNIX, 9, 0, c->buf);
}

static void call_bind(struct conf *c)
{
	struct sockaddr_in a;
	int fd = make_listener(c, &a), other = make_socket(c, AF_INET, SOCK_STREAM);

	SAY(c, 1, bind, fd, &a, sizeof(a));
	SAY(c, 2, bind, other, &a, sizeof(a));
	SAY(c, 3, bind, other, &a, 4);
	a.sin_addr.s_addr = htonl(0x01020304);
	SAY(c, 4, bind, other, &a, sizeof(a));
	a.sin_family = AF_UNIX;
	SAY(c, 5, bind, other, &a, sizeof(a));
	SAY(c, 6, bind, c->root, &a, sizeof(a));
	SAY(c, 7, bind, -1, &a, sizeof(a));
}

static void call_bind_local(struct conf *c)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "\0rondo-conformance" };
	int fd = make_socket(c, AF_UNIX, SOCK_STREAM), other = make_socket(c, AF_UNIX, SOCK_STREAM);

	SAY(c, 1, bind, fd, &a, sizeof(a));
	SAY(c, 2, bind, other, &a, sizeof(a));
	SAY(c, 3, bind, fd, &a, sizeof(a));
	SAY(c, 4, bind, other, &a, 1);
}

static void call_listen(struct conf *c)
{
	SAY(c, 1, listen, make_socket(c, AF_INET, SOCK_STREAM), 5);
	SAY(c, 2, listen, make_socket(c, AF_INET, SOCK_DGRAM), 5);
	SAY(c, 3, listen, make_socket(c, AF_UNIX, SOCK_STREAM), 5);
	SAY(c, 4, listen, make_socket(c, AF_UNIX, SOCK_DGRAM), 5);
}

static void call_listen_bad(struct conf *c)
{
	int fds[2];

	make_tcp_pair(c, fds);
	SAY(c, 1, listen, fds[0], 5);
	SAY(c, 2, listen, c->root, 5);
	SAY(c, 3, listen, -1, 5);
}

static void call_connect_at_once(struct conf *c)
{
	struct sockaddr_in a;
	int fd = make_socket(c, AF_INET, SOCK_STREAM | SOCK_NONBLOCK);

	make_listener(c, &a);
	SAY(c, 1, connect, fd, &a, sizeof(a));
	ADD(c, 2, poll_add, fd, POLLOUT);
	wait_for(c, 1);
	SAY(c, 3, connect, fd, &a, sizeof(a));
	SAY(c, 4, connect, fd, &a, sizeof(a));
}

static void call_connect_local(struct conf *c)
{
	const struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "\0no-such-name" };

	SAY(c, 1, connect, make_socket(c, AF_UNIX, SOCK_STREAM), &a, sizeof(a));
	SAY(c, 2, connect, make_socket(c, AF_UNIX, SOCK_STREAM), &a, 2);
	SAY(c, 3, connect, c->root, &a, sizeof(a));
}

/* Without waiting; shutting down ends the listening, and resets who waits. */
static void call_accept(struct conf *c)
{
	struct sockaddr_in a;
	int listener = make_listener(c, &a);

	needs(c, plain(c, fcntl, listener, F_SETFL, O_RDWR | O_NONBLOCK));
	SAY(c, 1, accept4, listener, NULL, NULL, SOCK_CLOEXEC);
	make_connected(c, &a);
	ADD(c, SETUP, poll_add, listener, POLLIN);
	needs(c, setup_wait(c));
	say_fd(c, 2, plain(c, accept4, listener, NULL, NULL, SOCK_CLOEXEC));
	make_connected(c, &a);
	SAY(c, 3, shutdown, listener, SHUT_RDWR);
	SAY(c, 4, accept4, listener, NULL, NULL, SOCK_CLOEXEC);
}

/* AF_UNIX: who waits can still be accepted (KN-45). */
static void call_accept_local(struct conf *c)
{
	const struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "\0rondo-accept" };
	int listener = make_socket(c, AF_UNIX, SOCK_STREAM);

	needs(c, plain(c, fcntl, listener, F_SETFL, O_RDWR | O_NONBLOCK));
	needs(c, plain(c, bind, listener, &a, sizeof(a)));
	needs(c, plain(c, listen, listener, 4));
	SAY(c, 1, accept4, listener, NULL, NULL, 0);
	needs(c, plain(c, connect, make_socket(c, AF_UNIX, SOCK_STREAM), &a, sizeof(a)));
	SAY(c, 2, shutdown, listener, SHUT_RDWR);
	SAY(c, 3, connect, make_socket(c, AF_UNIX, SOCK_STREAM), &a, sizeof(a));
	say_fd(c, 4, plain(c, accept4, listener, NULL, NULL, 0));
	SAY(c, 5, accept4, listener, NULL, NULL, 0);
}

static void call_accept_bad(struct conf *c)
{
	SAY(c, 1, accept4, make_socket(c, AF_INET, SOCK_STREAM), NULL, NULL, 0);
	SAY(c, 2, accept4, make_socket(c, AF_INET, SOCK_DGRAM), NULL, NULL, 0);
	SAY(c, 3, accept4, c->root, NULL, NULL, 0);
	SAY(c, 4, accept4, -1, NULL, NULL, 0);
}

static void call_shutdown(struct conf *c)
{
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	SAY(c, 1, shutdown, fds[0], SHUT_WR);
	SAY(c, 2, shutdown, fds[0], SHUT_WR);
	SAY(c, 3, shutdown, fds[0], 9);
}

static void call_shutdown_bad(struct conf *c)
{
	SAY(c, 1, shutdown, make_socket(c, AF_INET, SOCK_STREAM), SHUT_RD);
	SAY(c, 2, shutdown, make_socket(c, AF_INET, SOCK_DGRAM), SHUT_RD);
	SAY(c, 3, shutdown, c->root, SHUT_RD);
	SAY(c, 4, shutdown, make_socket(c, AF_UNIX, SOCK_STREAM), SHUT_RD);
}

static void call_setsockopt(struct conf *c)
{
	int one = 1, fd = make_socket(c, AF_INET, SOCK_STREAM), value = 0;
	socklen_t size = sizeof(value);

	SAY(c, 1, setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	SAY(c, 2, setsockopt, fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	SAY(c, 3, getsockopt, fd, IPPROTO_TCP, TCP_NODELAY, &value, &size);
	say(c, 4, value);
	one = 10000;
	SAY(c, 5, setsockopt, fd, SOL_SOCKET, SO_SNDBUF, &one, sizeof(one));
	SAY(c, 6, getsockopt, fd, SOL_SOCKET, SO_SNDBUF, &value, &size);
	say(c, 7, value);
}

static void call_setsockopt_bad(struct conf *c)
{
	int one = 1, fd = make_socket(c, AF_INET, SOCK_STREAM);

	SAY(c, 1, setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, &one, 2);
	SAY(c, 2, setsockopt, fd, SOL_SOCKET, SO_REUSEADDR, NULL, 4);
	SAY(c, 3, setsockopt, make_socket(c, AF_UNIX, SOCK_STREAM), IPPROTO_TCP, TCP_NODELAY, &one,
	    4);
	SAY(c, 4, setsockopt, c->root, SOL_SOCKET, SO_REUSEADDR, &one, 4);
	SAY(c, 5, setsockopt, make_socket(c, AF_INET, SOCK_DGRAM), IPPROTO_TCP, TCP_NODELAY, &one,
	    4);
}

static void call_getsockopt(struct conf *c)
{
	struct sockaddr_in a;
	int value = 0, fd = make_listener(c, &a);
	socklen_t size = sizeof(value);

	SAY(c, 1, getsockopt, fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &size);
	say(c, 2, value);
	SAY(c, 3, getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, &value, &size);
	say(c, 4, value);
	SAY(c, 5, getsockopt, fd, SOL_SOCKET, SO_ERROR, &value, &size);
	say(c, 6, value);
}

static void call_getsockopt_bad(struct conf *c)
{
	int value = 0;
	socklen_t size = sizeof(value);

	SAY(c, 1, getsockopt, c->root, SOL_SOCKET, SO_TYPE, &value, &size);
	size = (socklen_t)-1;
	SAY(c, 2, getsockopt, make_socket(c, AF_INET, SOCK_STREAM), SOL_SOCKET, SO_TYPE, &value,
	    &size);
}

static void call_names(struct conf *c)
{
	struct sockaddr_in a, b;
	socklen_t size_a = sizeof(a), size_b = sizeof(b);
	int fds[2];

	make_tcp_pair(c, fds);
	SAY(c, 1, getsockname, fds[0], &a, &size_a);
	SAY(c, 2, getpeername, fds[1], &b, &size_b);
	say(c, 3, size_a == sizeof(a) && size_b == size_a && a.sin_port == b.sin_port);
}

static void call_names_bad(struct conf *c)
{
	int fd = make_socket(c, AF_INET, SOCK_STREAM);
	socklen_t size = 100;

	SAY(c, 1, getpeername, fd, c->buf, &size);
	SAY(c, 2, getsockname, c->root, c->buf, &size);
	size = (socklen_t)-1;
	SAY(c, 3, getsockname, fd, c->buf, &size);
}

static void call_name_local(struct conf *c)
{
	socklen_t size = 100;
	int fds[2];

	make_pair(c, SOCK_STREAM, fds);
	SAY(c, 1, getsockname, fds[0], c->buf, &size);
	say(c, 2, size);
	SAY(c, 3, getpeername, fds[0], c->buf, &size);
}

/* The loopback is the first interface everywhere. */
static void call_ioctl(struct conf *c)
{
	int fd = make_socket(c, AF_UNIX, SOCK_DGRAM);
	struct ifreq r = { .ifr_name = "lo" };

	SAY(c, 1, ioctl, fd, SIOCGIFINDEX, &r);
	say(c, 2, r.ifr_ifindex);
	strcpy(r.ifr_name, "nosuch0");
	SAY(c, 3, ioctl, fd, SIOCGIFINDEX, &r);
	r = (struct ifreq){ .ifr_ifindex = 1 };
	SAY(c, 4, ioctl, fd, SIOCGIFNAME, &r);
	say(c, 5, strcmp(r.ifr_name, "lo"));
	r.ifr_ifindex = 0;
	SAY(c, 6, ioctl, fd, SIOCGIFNAME, &r);
	r.ifr_ifindex = INT_MAX;
	SAY(c, 7, ioctl, fd, SIOCGIFNAME, &r);
}

static void call_ioctl_bad(struct conf *c)
{
	struct ifreq r = { .ifr_name = "lo" };

	SAY(c, 1, ioctl, -1, SIOCGIFINDEX, &r);
	SAY(c, 2, ioctl, c->root, SIOCGIFINDEX, &r);
}

static void call_sendto(struct conf *c)
{
	struct sockaddr_in a;
	socklen_t size = sizeof(a);
	int to = make_socket(c, AF_INET, SOCK_DGRAM), fd = make_socket(c, AF_INET, SOCK_DGRAM);

	a = (struct sockaddr_in){ .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	needs(c, plain(c, bind, to, &a, sizeof(a)));
	needs(c, plain(c, getsockname, to, &a, &size));
	SAY(c, 1, sendto, fd, "hello", 5, 0, &a, sizeof(a));
	recv_it(c, 2, to, 10, 0);
	SAY(c, 3, sendto, fd, "hello", 5, 0, NULL, 0);
	a.sin_port = 0;
	SAY(c, 4, sendto, fd, "hello", 5, 0, &a, sizeof(a));
}

static void call_sendto_bad(struct conf *c)
{
	SAY(c, 1, sendto, make_socket(c, AF_INET, SOCK_STREAM), "hello", 5, MSG_NOSIGNAL);
	SAY(c, 2, sendto, c->root, "hello", 5, 0);
	SAY(c, 3, sendto, -1, "hello", 5, 0);
}

static void call_sendmsg(struct conf *c)
{
	struct iovec iov[2] = { { c->buf, 3 }, { c->buf, 4 } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
	int fds[2];

	make_pair(c, SOCK_DGRAM, fds);
	SAY(c, 1, sendmsg, fds[0], &m, 0);
	recv_it(c, 2, fds[1], 10, 0);
}

static void call_sendmsg_bad(struct conf *c)
{
	struct msghdr m = { .msg_iovlen = 0 };

	SAY(c, 1, sendmsg, make_socket(c, AF_UNIX, SOCK_DGRAM), &m, 0);
	SAY(c, 2, sendmsg, c->root, &m, 0);
	SAY(c, 3, sendmsg, -1, &m, 0);
}

static const struct script call_scripts[] = {
	CALL_SCRIPT(close, call_close, .exact = "1=0 2=-EBADF"),
	CALL_SCRIPT(close, call_close_bad, .exact = "1=-EBADF"),
	CALL_SCRIPT(write, call_write, .exact = "1=5 2=-EBADF 3=-EFAULT 4=-EBADF",
		    .also = "1=-ENOMEM 2=-EBADF 3=-EFAULT 4=-EBADF"),
	CALL_SCRIPT(write, call_write_unread, .exact = "1=-EPIPE"),
	CALL_SCRIPT(write, call_write_full, .exact = "1=8 2=-EAGAIN 3=-EINVAL 4=-EINVAL"),
	CALL_SCRIPT(pwritev2, call_pwritev2, .exact = "1=5 2=5 3=-ESPIPE 4=-EBADF",
		    .also = "1=1..4/-EIO/-ENOSPC/5 2=5/-ENOMEM 3=-ESPIPE 4=-EBADF"),
	CALL_SCRIPT(pwritev2, call_pwritev2_flags, .exact = "1=-EOPNOTSUPP 2=-EINVAL 3=0"),
	CALL_SCRIPT(preadv2, call_preadv2,
		    .exact = "1=9 2=49 3=57 4=0 5=-ESPIPE 6=-EBADF 7=-EINVAL 8=-EOPNOTSUPP",
		    .also = "1=1..9/-EAGAIN/-EIO/-EOPNOTSUPP 2=any 3=any 4=0/-EOPNOTSUPP 5=-ESPIPE "
			    "6=-EBADF 7=-EINVAL 8=-EOPNOTSUPP"),
	CALL_SCRIPT(preadv2, call_preadv2_flags, .exact = "1=-EOPNOTSUPP 2=-EBADF 3=0 4=-EAGAIN 5=5",
		    .also = "1=-EOPNOTSUPP 2=-EBADF 3=0/-EOPNOTSUPP 4=-EAGAIN/-EOPNOTSUPP "
			    "5=1..5/-EOPNOTSUPP/-EAGAIN"),
	CALL_SCRIPT(fcntl, call_fcntl, .exact = "1=1 2=0 3=0 4=2048"),
	CALL_SCRIPT(fcntl, call_fcntl_bad, .exact = "1=-EBADF"),
	CALL_SCRIPT(lseek, call_lseek, .exact = "1=3 2=7 3=9 4=-EINVAL 5=-EINVAL 6=-ENXIO 7=10"),
	CALL_SCRIPT(sendfile, call_sendfile, .exact = "1=4 2=6 3=4 4=4 5=0 6=0 7=-EINVAL",
		    .also = "1=1..4 2=3..6 3=1..4 4=1..7 5=0..6 6=0 7=-EINVAL"),
	CALL_SCRIPT(sendfile, call_sendfile_bad, .exact = "1=-ESPIPE 2=-EBADF 3=-EBADF 4=-EBADF"),
	CALL_SCRIPT(lseek, call_lseek_no_file, .exact = "1=-ESPIPE 2=-EBADF"),
	CALL_SCRIPT(eventfd2, call_eventfd, .exact = "1=fd 2=8 3=1"),
	CALL_SCRIPT(eventfd2, call_eventfd_bad_flags, .exact = "1=-EINVAL"),
	CALL_SCRIPT(pipe2, call_pipe, .exact = "1=0 2=5", .also = "1=0 2=-ENOMEM"),
	CALL_SCRIPT(pipe2, call_pipe_bad_flags, .exact = "1=-EINVAL"),
	CALL_SCRIPT(epoll_pwait, call_epoll_pwait, .exact = "1=-EINVAL"),
	CALL_SCRIPT(epoll_pwait, call_epoll_pwait_bad, .exact = "1=-EBADF"),
	CALL_SCRIPT(pidfd_open, call_pidfd_open, .exact = "1=fd 2=1 3=0 10=1 11=5"),
	CALL_SCRIPT(pidfd_open, call_pidfd_open_bad, .exact = "1=-EINVAL 2=-ESRCH 3=-EINVAL"),
	CALL_SCRIPT(waitid, call_waitid_running, .exact = "1=0 2=0"),
	CALL_SCRIPT(waitid, call_waitid_nobody, .exact = "1=-ECHILD 2=-EINVAL 3=-EBADF 4=-EINVAL"),
	CALL_SCRIPT(socket, call_socket, .exact = "1=fd 2=fd 3=fd"),
	CALL_SCRIPT(socket, call_socket_bad, .exact = "1=-EAFNOSUPPORT 2=-ESOCKTNOSUPPORT "
		    "3=-EPROTONOSUPPORT 4=-EPROTONOSUPPORT 5=-ESOCKTNOSUPPORT"),
	CALL_SCRIPT(socketpair, call_socketpair, .exact = "1=0 2=5", .also = "1=0 2=1..4"),
	CALL_SCRIPT(socketpair, call_socketpair_bad, .exact = "1=-EOPNOTSUPP 2=-ESOCKTNOSUPPORT"),
	CALL_SCRIPT(bind, call_bind, .exact = "1=-EINVAL 2=-EADDRINUSE 3=-EINVAL "
		    "4=-EADDRNOTAVAIL 5=-EAFNOSUPPORT 6=-ENOTSOCK 7=-EBADF"),
	CALL_SCRIPT(bind, call_bind_local, .exact = "1=0 2=-EADDRINUSE 3=-EINVAL 4=-EINVAL"),
	CALL_SCRIPT(listen, call_listen, .exact = "1=0 2=-EOPNOTSUPP 3=-EINVAL 4=-EOPNOTSUPP"),
	CALL_SCRIPT(listen, call_listen_bad, .exact = "1=-EINVAL 2=-ENOTSOCK 3=-EBADF"),
	CALL_SCRIPT(connect, call_connect_at_once, .exact = "1=-EINPROGRESS 2=4 3=0 4=-EISCONN"),
	CALL_SCRIPT(connect, call_connect_local,
		    .exact = "1=-ECONNREFUSED 2=-EINVAL 3=-ENOTSOCK"),
	CALL_SCRIPT(accept4, call_accept, .exact = "1=-EAGAIN 2=fd 3=0 4=-EINVAL",
		    .also = "1=-EAGAIN 2=-EMFILE 3=0 4=-EINVAL"),
	CALL_SCRIPT(accept4, call_accept_local,
		    .exact = "1=-EAGAIN 2=0 3=-ECONNREFUSED 4=fd 5=-EAGAIN",
		    .also = "1=-EAGAIN 2=0 3=-ECONNREFUSED 4=-EMFILE 5=fd/-EMFILE"),
	CALL_SCRIPT(accept4, call_accept_bad,
		    .exact = "1=-EINVAL 2=-EOPNOTSUPP 3=-ENOTSOCK 4=-EBADF"),
	CALL_SCRIPT(shutdown, call_shutdown, .exact = "1=0 2=0 3=-EINVAL"),
	CALL_SCRIPT(shutdown, call_shutdown_bad,
		    .exact = "1=-ENOTCONN 2=-ENOTCONN 3=-ENOTSOCK 4=0"),
	CALL_SCRIPT(setsockopt, call_setsockopt, .exact = "1=0 2=0 3=0 4=1 5=0 6=0 7=20000"),
	CALL_SCRIPT(setsockopt, call_setsockopt_bad, .exact = "1=-EINVAL 2=-EFAULT 3=-EOPNOTSUPP "
		    "4=-ENOTSOCK 5=-ENOPROTOOPT"),
	CALL_SCRIPT(getsockopt, call_getsockopt, .exact = "1=0 2=1 3=0 4=6 5=0 6=0"),
	CALL_SCRIPT(getsockopt, call_getsockopt_bad, .exact = "1=-ENOTSOCK 2=-EINVAL"),
	CALL_SCRIPT(getsockname, call_names, .exact = "1=0 2=0 3=1"),
	CALL_SCRIPT(getpeername, call_names, .exact = "1=0 2=0 3=1"),
	CALL_SCRIPT(getsockname, call_names_bad, .exact = "1=-ENOTCONN 2=-ENOTSOCK 3=-EINVAL"),
	CALL_SCRIPT(getpeername, call_name_local, .exact = "1=0 2=2 3=0"),
	CALL_SCRIPT(ioctl, call_ioctl, .exact = "1=0 2=1 3=-ENODEV 4=0 5=0 6=-ENODEV 7=-ENODEV"),
	CALL_SCRIPT(ioctl, call_ioctl_bad, .exact = "1=-EBADF 2=-ENOTTY"),
	CALL_SCRIPT(sendto, call_sendto, .exact = "1=5 2=5 3=-EDESTADDRREQ 4=-EINVAL"),
	CALL_SCRIPT(sendto, call_sendto_bad, .exact = "1=-EPIPE 2=-ENOTSOCK 3=-EBADF"),
	CALL_SCRIPT(sendmsg, call_sendmsg, .exact = "1=7 2=7"),
	CALL_SCRIPT(sendmsg, call_sendmsg_bad, .exact = "1=-ENOTCONN 2=-ENOTSOCK 3=-EBADF"),
};
#endif
