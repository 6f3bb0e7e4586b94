/* SPDX-License-Identifier: MIT */
/* transfer.c - send and receive. Every send carries MSG_NOSIGNAL (KN-4).
 *
 * A send is tried at once, if it is this task's turn to (at_once.c): in the ring, the echo server
 * took 7-10 % more CPU with one connection and 1-4 % with 50 or 500.
 *
 * Nothing here keeps two tasks from sending on one stream at once: a lock per socket would cost
 * every send, and only the program knows where its messages end. */
#include <poll.h>
#include <sys/syscall.h>

#include "io/io.h"
#include "loop/timer.h"
#include "rondo/socket.h"
#include "switch/sanitizer.h"

/* Is ret an answer, rather than a reason to send through the ring? */
static bool is_final(long ret, int flags)
{
	return ret != -EINTR && (ret != -EAGAIN || flags & MSG_DONTWAIT);
}

static int mend(int ret, int fd, int flags, unsigned events)
{
	return is_final(ret, flags) ? ret : io_mend(ret, fd, events);
}

static int send_once(int fd, const void *buf, unsigned len, int flags)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_send(sqe, fd, buf, len, flags | MSG_NOSIGNAL);
	return rondo__op_await(&op);
}

ssize_t rondo_send(int fd, const void *buf, size_t len, int flags)
{
	struct rondo_task *self = rondo__self();
	long ret;

	if (rondo__at_once(self)) {
		ret = kernel_call6(self->loop->ring.kernel, SYS_sendto, fd, buf, io_clamp(len),
				   flags | MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
		if (likely(is_final(ret, flags)))
			return ret;
	}
	do {
		ret = send_once(fd, buf, io_clamp(len), flags);
	} while (ret < 0 && (ret = mend((int)ret, fd, flags, POLLOUT)) == 0);
	return ret;
}

int rondo_send_all(int fd, const void *buf, size_t len, size_t *n_sent)
{
	size_t done = 0;
	ssize_t ret = 0;

	while (done < len && ret >= 0) {
		ret = rondo_send(fd, (const char *)buf + done, len - done, MSG_WAITALL);
		done += ret > 0 ? (size_t)ret : 0;
	}
	if (n_sent)
		*n_sent = done;
	return ret < 0 ? (int)ret : 0;
}

static int sendmsg_once(int fd, const struct msghdr *msg, int flags)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_sendmsg(sqe, fd, msg, (unsigned)(flags | MSG_NOSIGNAL));
	return rondo__op_await(&op);
}

static int sendmsg_now(const struct rondo_task *self, int fd, const struct msghdr *msg, int flags)
{
	return (int)kernel_call3(self->loop->ring.kernel, SYS_sendmsg, fd, msg,
				 flags | MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* A datagram to a named AF_UNIX socket whose queue is full: as in connect_unix(), there is nothing
 * to poll, so it must not go through the ring (KN-37); and a poll would wake late (KN-38). */
static int sendmsg_unix(const struct rondo_task *self, int fd, const struct msghdr *msg, int flags)
{
	int ret = io_checkpoint();

	for (unsigned n_tries = 0; ret == 0; n_tries++) {
		ret = sendmsg_now(self, fd, msg, flags);
		if (is_final(ret, flags))
			return ret;
		ret = io_back_off(n_tries);
	}
	return ret;
}

static bool is_unix_name(const struct msghdr *msg)
{
	const struct sockaddr *name = msg->msg_name;

	return name && msg->msg_namelen >= sizeof(name->sa_family) && name->sa_family == AF_UNIX;
}

ssize_t rondo_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct rondo_task *self = rondo__self();
	int ret;

	if (is_unix_name(msg))
		return sendmsg_unix(self, fd, msg, flags);
	if (rondo__at_once(self)) {
		ret = sendmsg_now(self, fd, msg, flags);
		if (likely(is_final(ret, flags)))
			return ret;
	}
	do {
		ret = sendmsg_once(fd, msg, flags);
	} while (ret < 0 && (ret = mend(ret, fd, flags, POLLOUT)) == 0);
	return ret;
}

/* As a message: SEND takes an address only since 6.0. */
ssize_t rondo_sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *addr,
		     socklen_t addrlen)
{
	struct iovec part = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	struct msghdr msg = { .msg_name = (void *)(uintptr_t)addr, .msg_namelen = addrlen,
			      .msg_iov = &part, .msg_iovlen = 1 };

	return rondo_sendmsg(fd, &msg, flags);
}

static int send_zc_once(int fd, const void *buf, unsigned len, int flags)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_send_zc(sqe, fd, buf, len, flags | MSG_NOSIGNAL, 0);
	return rondo__op_await(&op);
}

ssize_t rondo_send_zc(int fd, const void *buf, size_t len, int flags)
{
	int ret;

	if (!ring_has_op(&rondo__self()->loop->ring, IORING_OP_SEND_ZC))
		return rondo_send(fd, buf, len, flags);
	do {
		ret = send_zc_once(fd, buf, io_clamp(len), flags);
	} while (ret < 0 && (ret = mend(ret, fd, flags, POLLOUT)) == 0);
	/* AF_UNIX cannot; and pinning the pages counts against RLIMIT_MEMLOCK and the socket's own
	 * limit for control memory. */
	if (ret == -EOPNOTSUPP || ret == -ENOBUFS || ret == -ENOMEM)
		return rondo_send(fd, buf, len, flags);
	return ret;
}

/* --- receiving ------------------------------------------------------------------------------- */

static int recv_once(int fd, void *buf, unsigned len, int flags)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_recv(sqe, fd, buf, len, flags);
	return rondo__op_await(&op);
}

ssize_t rondo_recv(int fd, void *buf, size_t len, int flags)
{
	int ret;

	do {
		ret = recv_once(fd, buf, io_clamp(len), flags);
	} while (ret < 0 && (ret = mend(ret, fd, flags, POLLIN)) == 0);
	if (ret > 0)	/* with MSG_TRUNC the datagram's length, not the buffer's */
		san_kernel_wrote(buf, (size_t)ret < len ? (size_t)ret : len);
	return ret;
}

int rondo_recv_exactly(int fd, void *buf, size_t len, size_t *n_received)
{
	size_t done = 0;
	ssize_t ret = 1;

	while (done < len && ret > 0) {
		ret = rondo_recv(fd, (char *)buf + done, len - done, MSG_WAITALL);
		done += ret > 0 ? (size_t)ret : 0;
	}
	if (n_received)
		*n_received = done;
	if (ret == 0)
		return -RONDO_EINCOMPLETE;
	return ret < 0 ? (int)ret : 0;
}

static int recvmsg_once(int fd, struct msghdr *msg, int flags)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_recvmsg(sqe, fd, msg, (unsigned)(flags | MSG_CMSG_CLOEXEC));
	return rondo__op_await(&op);
}

static void message_was_written(const struct msghdr *msg, size_t n, socklen_t name_room)
{
	for (size_t i = 0; i < msg->msg_iovlen && n; i++) {
		size_t part = msg->msg_iov[i].iov_len < n ? msg->msg_iov[i].iov_len : n;

		san_kernel_wrote(msg->msg_iov[i].iov_base, part);
		n -= part;
	}
	san_kernel_wrote(msg->msg_control, msg->msg_controllen);
	if (name_room > msg->msg_namelen)
		name_room = msg->msg_namelen;
	san_kernel_wrote(msg->msg_name, name_room);
}

ssize_t rondo_recvmsg(int fd, struct msghdr *msg, int flags)
{
	socklen_t name_room = msg->msg_name ? msg->msg_namelen : 0;
	int ret;

	do {
		ret = recvmsg_once(fd, msg, flags);
	} while (ret < 0 && (ret = mend(ret, fd, flags, POLLIN)) == 0);
	if (ret >= 0)
		message_was_written(msg, (size_t)ret, name_room);
	return ret;
}

ssize_t rondo_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *addr,
		       socklen_t *addrlen)
{
	struct iovec part = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = { .msg_name = addr, .msg_namelen = addr && addrlen ? *addrlen : 0,
			      .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t ret = rondo_recvmsg(fd, &msg, flags);

	if (ret >= 0 && addr && addrlen)
		*addrlen = msg.msg_namelen;
	return ret;
}
