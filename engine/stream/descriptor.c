/* SPDX-License-Identifier: MIT */
/* descriptor.c - streams of descriptors: what reads and writes sockets, pipes, terminals, files.
 *
 * Nothing here asks for O_NONBLOCK, which belongs to the open file and so to every process that has
 * it (U4: asyncio's pipes set it, and break the shell's terminal): the ring waits without it. */
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/io.h"
#include "loop/op.h"
#include "rondo/file.h"
#include "stream/address.h"
#include "stream/stream.h"

enum { PARTS_MAX = 32 };

static long call3(long number, long a, long b, long c)
{
	return kernel_call3(rondo__self()->loop->ring.kernel, number, a, b, c);
}

static int fd_of(const void *self)
{
	return ((const struct rondo_stream *)self)->fd;
}

/* --- writing all ----------------------------------------------------------------------------- */

/* Where a write has come to. */
struct cursor {
	const struct iovec *iov;
	size_t n_iov, n_done;		/* n_done bytes of the first one */
};

/* The next parts, at most PARTS_MAX. Returns how many. */
static int next_parts(const struct cursor *c, struct iovec *parts)
{
	size_t n = c->n_iov < PARTS_MAX ? c->n_iov : PARTS_MAX;

	for (size_t i = 0; i < n; i++)
		parts[i] = c->iov[i];
	parts[0].iov_base = (char *)parts[0].iov_base + c->n_done;
	parts[0].iov_len -= c->n_done;
	return (int)n;
}

static void skip(struct cursor *c, size_t n)
{
	for (c->n_done += n; c->n_iov && c->n_done >= c->iov->iov_len; c->iov++, c->n_iov--)
		c->n_done -= c->iov->iov_len;
}

static int write_all(struct rondo_stream *s, const struct iovec *iov, size_t n_iov,
		     size_t *n_written,
		     ssize_t (*write)(struct rondo_stream *s, struct iovec *parts, int n, bool more))
{
	struct cursor c = { iov, n_iov, 0 };
	struct iovec parts[PARTS_MAX];
	ssize_t ret = 0;

	*n_written = 0;
	for (skip(&c, 0); c.n_iov && ret >= 0; skip(&c, ret > 0 ? (size_t)ret : 0)) {
		int n = next_parts(&c, parts);

		ret = s->closed ? -EBADF : write(s, parts, n, (size_t)n < c.n_iov);
		if (ret == 0)
			ret = -EIO;	/* some driver took nothing and gave no reason */
		*n_written += ret > 0 ? (size_t)ret : 0;
	}
	return ret < 0 ? (int)ret : 0;
}

/* --- ending ---------------------------------------------------------------------------------- */

static void sleep_masked(uint64_t delay_ns)
{
	struct __kernel_timespec ts = { .tv_nsec = (long long)delay_ns };
	struct op op;

	io_uring_prep_timeout(rondo__op_begin(&op), &ts, 0, 0);
	(void)rondo__op_await_masked(&op);
}

/* Whoever was woken before we came may begin to wait once more, and is told again. Who waits for
 * something else, as for the file that is sent, comes to this descriptor later if at all. */
static void fd_interrupt(void *self)
{
	enum { AT_ONCE = 8, MS = 1000000, LONGEST_MS = 16 };
	struct rondo_stream *s = self;

	for (unsigned n = 0; s->n_users && s->fd >= 0; n++) {
		(void)rondo__op_close_fd(s->fd);
		if (s->n_users && n < AT_ONCE)
			rondo__requeue(rondo__self());
		else if (s->n_users)
			sleep_masked(n < AT_ONCE + 4 ? MS << (n - AT_ONCE) : LONGEST_MS * MS);
	}
}

static int fd_close(void *self, bool abort)
{
	struct rondo_stream *s = self;

	(void)abort;
	return s->keep_fd || s->fd < 0 ? 0 : rondo_close(s->fd);
}

/* --- sockets --------------------------------------------------------------------------------- */

static ssize_t socket_lend(void *self, const void **data)
{
	struct rondo_stream *s = self;

	return rondo_receiver_lend(&s->receiver, data);
}

static ssize_t socket_send(struct rondo_stream *s, struct iovec *parts, int n, bool more)
{
	struct msghdr msg = { .msg_iov = parts, .msg_iovlen = (size_t)n };

	return rondo_sendmsg(s->fd, &msg, MSG_WAITALL | (more ? MSG_MORE : 0));
}

static int socket_write(void *self, const struct iovec *iov, size_t n_iov, size_t *n_written)
{
	struct rondo_stream *s = self;

	if (n_iov == 1)
		return rondo_send_all(s->fd, iov->iov_base, iov->iov_len, n_written);
	return write_all(s, iov, n_iov, n_written, socket_send);
}

static int socket_shutdown_write(void *self)
{
	int ret = rondo_shutdown(((struct rondo_stream *)self)->fd, SHUT_WR);

	return ret == -ENOTCONN ? 0 : ret;	/* the peer was faster, and reset it */
}

static int socket_close(void *self, bool abort)
{
	static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	struct rondo_stream *s = self;

	rondo_receiver_end(&s->receiver);
	if (s->keep_fd)
		return 0;
	if (abort)	/* on other sockets than TCP it does nothing */
		(void)!rondo_setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	return fd_close(self, abort);
}

static const struct rondo_stream_class socket_class = {
	.name = "socket", .lend = socket_lend, .write = socket_write, .close = socket_close,
	.shutdown_write = socket_shutdown_write, .interrupt = fd_interrupt, .fd = fd_of,
};

/* --- pipes, terminals: no positions ---------------------------------------------------------- */

static ssize_t pipe_read(void *self, void *buf, size_t len)
{
	return rondo_pread(((struct rondo_stream *)self)->fd, buf, len, 0);
}

static ssize_t pipe_put(struct rondo_stream *s, struct iovec *parts, int n, bool more)
{
	(void)more;
	return rondo_pwritev(s->fd, parts, n, 0);
}

static int pipe_write(void *self, const struct iovec *iov, size_t n_iov, size_t *n_written)
{
	return write_all(self, iov, n_iov, n_written, pipe_put);
}

/* A pipe's writing end has nothing but that direction. */
static int pipe_shutdown_write(void *self)
{
	struct rondo_stream *s = self;
	long flags = call3(SYS_fcntl, s->fd, F_GETFL, 0);
	int fd = s->fd;

	if (flags < 0 || (flags & O_ACCMODE) != O_WRONLY || s->keep_fd)
		return -EOPNOTSUPP;
	s->fd = -1;
	return rondo_close(fd);
}

static const struct rondo_stream_class pipe_class = {
	.name = "pipe", .read = pipe_read, .write = pipe_write, .close = fd_close,
	.shutdown_write = pipe_shutdown_write, .interrupt = fd_interrupt, .fd = fd_of,
};

/* --- files ----------------------------------------------------------------------------------- */

static void move_position(struct rondo_stream *s, int64_t n)
{
	if (s->shares_position)
		(void)call3(SYS_lseek, s->fd, n, SEEK_CUR);
	else
		s->offset += n;
}

void rondo__stream_forget_ahead(struct rondo_stream *s)
{
	if (!stream_n_unread(s) || s->reading || (s->appends && !s->shares_position))
		return;
	move_position(s, -(int64_t)stream_n_unread(s));
	stream_drop_unread(s);
}

static ssize_t file_read(void *self, void *buf, size_t len)
{
	struct rondo_stream *s = self;
	ssize_t n;

	if (s->shares_position)
		return rondo_read(s->fd, buf, len);
	n = rondo_pread(s->fd, buf, len, s->offset);
	s->offset += n > 0 ? n : 0;
	return n;
}

static ssize_t file_put(struct rondo_stream *s, struct iovec *parts, int n, bool more)
{
	ssize_t ret;

	(void)more;
	if (s->shares_position)
		return rondo_writev(s->fd, parts, n);
	ret = rondo_pwritev(s->fd, parts, n, s->offset);
	s->offset += ret > 0 && !s->appends ? ret : 0;
	return ret;
}

static int file_write(void *self, const struct iovec *iov, size_t n_iov, size_t *n_written)
{
	return write_all(self, iov, n_iov, n_written, file_put);
}

/* Who has the position after us begins where we stopped. */
static int file_close(void *self, bool abort)
{
	struct rondo_stream *s = self;

	if (s->shares_position)
		rondo__stream_forget_ahead(s);
	return fd_close(self, abort);
}

static const struct rondo_stream_class file_class = {
	.name = "file", .read = file_read, .write = file_write, .close = file_close,
	.interrupt = fd_interrupt, .fd = fd_of,
};

/* --- which of them --------------------------------------------------------------------------- */

static int is_stream_socket(int fd)
{
	int type = rondo__address_type(fd);

	if (type < 0)
		return type == -ENOTSOCK ? 0 : type;
	return type == SOCK_STREAM ? 1 : -EPROTOTYPE;
}

/* By what it can do, so that it is the same for all kernels. */
static int find_class(struct rondo_stream *s, int fd)
{
	int ret = is_stream_socket(fd);
	long flags = call3(SYS_fcntl, fd, F_GETFL, 0);

	if (ret < 0 || flags < 0)
		return ret < 0 ? ret : (int)flags;
	s->fd = fd;
	s->self = s;
	s->is_socket = ret;
	s->offset = ret ? -ESPIPE : call3(SYS_lseek, fd, 0, SEEK_CUR);
	s->appends = flags & O_APPEND;
	s->grows = s->offset >= 0;
	s->class = ret ? &socket_class : s->grows ? &file_class : &pipe_class;
	if (ret)
		rondo_receiver_init(&s->receiver, fd);
	return 0;
}

int rondo_stream_from_fd(int fd, const struct rondo_stream_options *options, rondo_stream **stream)
{
	struct rondo_stream *s = rondo__stream_make(options);
	int ret = s ? find_class(s, fd) : -ENOMEM;

	if (ret < 0 && s)
		rondo__stream_free(s);
	if (ret == 0)
		*stream = s;
	return ret;
}

int rondo__stream_from_own_fd(int fd, const struct rondo_stream_options *options,
			      rondo_stream **stream)
{
	int ret = rondo_stream_from_fd(fd, options, stream);

	if (ret == 0)
		(*stream)->exclusive = true;
	return ret;
}
