/* SPDX-License-Identifier: MIT */
/* net.h - sockets for tests, made and used by plain system calls: the other side of what is tested.
 *
 * All on loopback or AF_UNIX, on ports the kernel chooses. What goes over loopback is mostly there
 * when the call that sent it returns, but on a busy machine it may be carried later, by another
 * thread: a test waits for what must come. */
#ifndef RONDO_TESTS_IO_NET_H
#define RONDO_TESTS_IO_NET_H

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "support/matrix.h"

union net_address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static inline void net_close(int fd)
{
	if (fd >= 0)
		close(fd);
}

static inline void net_close_pair(int fds[2])
{
	for (int i = 0; i < 2; i++) {
		net_close(fds[i]);
		fds[i] = -1;
	}
}

/* A socket bound to a free port of 127.0.0.1, whose address goes to *a. */
static inline int net_bound(int type, union net_address *a)
{
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(a->v4);

	*a = (union net_address){ .v4 = { .sin_family = AF_INET,
					  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
	if (fd < 0 || bind(fd, &a->any, size) < 0 || getsockname(fd, &a->any, &size) < 0)
		return -1;
	return fd;
}

static inline int net_listen(int backlog, union net_address *a)
{
	int fd = net_bound(SOCK_STREAM, a);

	return fd < 0 || listen(fd, backlog) < 0 ? -1 : fd;
}

static inline int net_connect(const union net_address *a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 || connect(fd, &a->any, sizeof(a->v4)) < 0 ? -1 : fd;
}

enum { NET_PATIENCE_MS = 30000 };	/* for what is under way */

static inline bool net_readable(int fd, int patience_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, patience_ms) == 1;
}

/* The connection that waits at a listener, or -1. */
static inline int net_accept_left(int listener)
{
	return net_readable(listener, 0) ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
}

/* The same for one that may still be under way. */
static inline int net_accept_soon(int listener)
{
	return net_readable(listener, NET_PATIENCE_MS) ?
		       accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
}

/* Two ends of a TCP connection. */
static inline int net_tcp_pair(int fds[2])
{
	union net_address a;
	int listener = net_listen(1, &a);

	if (listener < 0)
		return -1;
	fds[0] = net_connect(&a);
	fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	return fds[0] < 0 || fds[1] < 0 ? -1 : 0;
}

static inline int net_unix_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds);
}

/* Close so that the peer gets a reset instead of an end. */
static inline void net_reset(int fd)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

/* What tests send to fill a socket: byte i of the stream is net_pattern(i). */
static inline unsigned char net_pattern(size_t i)
{
	return (unsigned char)(i * 2654435761u >> 13);
}

static inline void net_fill_pattern(void *buf, size_t len, size_t offset)
{
	for (size_t i = 0; i < len; i++)
		((unsigned char *)buf)[i] = net_pattern(offset + i);
}

static inline bool net_is_pattern(const void *buf, size_t len, size_t offset)
{
	for (size_t i = 0; i < len; i++)
		if (((const unsigned char *)buf)[i] != net_pattern(offset + i))
			return false;
	return true;
}

/* Goes on with the pattern at offset; returns how many bytes went in before fd was full. Each send
 * is a record that no later one is added to: TCP would do that without asking whether there is
 * room. */
static inline size_t net_stuff(int fd, size_t offset)
{
	char block[4096];
	size_t n_bytes = 0;
	ssize_t n;

	for (size_t len = sizeof(block); len; len /= 16)
		do {
			net_fill_pattern(block, len, offset + n_bytes);
			n = send(fd, block, len, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_EOR);
			n_bytes += n > 0 ? (size_t)n : 0;
		} while (n > 0);
	return n_bytes;
}

/* Takes what is there, checking it; returns how many bytes, or -1 if one was wrong. */
static inline ssize_t net_drain(int fd, size_t offset)
{
	char block[4096];
	size_t n_bytes = 0;
	ssize_t n;

	while ((n = recv(fd, block, sizeof(block), MSG_DONTWAIT)) > 0) {
		if (!net_is_pattern(block, (size_t)n, offset + n_bytes))
			return -1;
		n_bytes += (size_t)n;
	}
	return (ssize_t)n_bytes;
}

/* Takes the next n_bytes and no more, checking them, also those that are still under way; 0, or -1
 * if one was wrong or there are fewer. */
static inline int net_take(int fd, size_t offset, size_t n_bytes)
{
	char block[4096];

	while (n_bytes) {
		size_t len = n_bytes < sizeof(block) ? n_bytes : sizeof(block);
		ssize_t n = net_readable(fd, NET_PATIENCE_MS) ? recv(fd, block, len, 0) : -1;

		if (n <= 0 || !net_is_pattern(block, (size_t)n, offset))
			return -1;
		offset += (size_t)n;
		n_bytes -= (size_t)n;
	}
	return 0;
}

static inline bool net_is_cloexec(int fd)
{
	return fcntl(fd, F_GETFD) == FD_CLOEXEC;
}

/* --- a test whose tasks run over Linux, or over a twisted one --------------------------------- */

static inline void net_run_on(const struct kernel *kernel, rondo_fn *main, void *arg)
{
	int n_fds = count_fds();
	int ret = rondo__run_on(kernel, NULL, main, arg);

	assert_checks_passed();
	assert_int_equal(ret, 0);
	assert_int_equal(count_fds(), n_fds);
}

static inline void net_run(rondo_fn *main, void *arg)
{
	net_run_on(&rondo__kernel_linux, main, arg);
}

/* Can an SQE be made to give any result (6.10)? The same kernels know an accept that does not
 * wait. */
enum { NET_NOP_INJECT = 1, NET_ACCEPT_DONTWAIT = 1 << 1 };

static inline void net_inject(struct io_uring_sqe *sqe, int result)
{
	io_uring_prep_nop(sqe);
	sqe->rw_flags = NET_NOP_INJECT;
	sqe->len = (unsigned)result;
}

static inline bool net_can_inject(void)
{
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	bool can;

	if (io_uring_queue_init(2, &ring, 0) < 0)
		return false;
	net_inject(io_uring_get_sqe(&ring), -EXDEV);
	can = io_uring_submit_and_wait(&ring, 1) == 1 && io_uring_peek_cqe(&ring, &cqe) == 0 &&
	      cqe->res == -EXDEV;
	io_uring_queue_exit(&ring);
	if (!can)
		print_message("skipped: this kernel (before 6.10) cannot play an older one\n");
	return can;
}

/* Older kernels answered -EAGAIN for O_NONBLOCK descriptors, where newer ones wait (KN-20). Every
 * second receive, send and accept is made to. */
static inline void net_refuse_to_wait(struct io_uring_sqe *sqe)
{
	static unsigned n;
	bool message = sqe->opcode == IORING_OP_SEND || sqe->opcode == IORING_OP_RECV ||
		       sqe->opcode == IORING_OP_SENDMSG || sqe->opcode == IORING_OP_RECVMSG ||
		       sqe->opcode == IORING_OP_SEND_ZC;

	if (!message && sqe->opcode != IORING_OP_ACCEPT)
		return;
	if (n++ & 1)
		return;
	if (message)
		sqe->msg_flags |= MSG_DONTWAIT;
	else
		sqe->ioprio |= NET_ACCEPT_DONTWAIT;
}

static inline const struct kernel *net_impatient_kernel(struct test_kernel *t)
{
	test_kernel_init(t);
	t->on_sqe = net_refuse_to_wait;
	return &t->kernel;
}
#endif
