/* SPDX-License-Identifier: MIT */
/* sendfile.c - a file to a stream: row U3.
 *
 * The ring has no sendfile, and its splice needs a worker thread and a pipe. sendfile(2) is the
 * cheapest (reading and writing a cached file took 1.7 times its CPU), but on a blocking socket it
 * would stop the loop, and no flag keeps it from that. So it is used on sockets that are O_NONBLOCK,
 * and on those that nobody else has, which are made so meanwhile; the rest is read and written. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "io/io.h"
#include "rondo/file.h"
#include "stream/stream.h"

enum {
	CHUNK = 512 << 10,		/* by one call: others get their turn in between */
	BLOCK = 128 << 10,		/* read and written at a time */
};

/* What is left to send, and what was sent. */
struct job {
	struct rondo_stream *s;
	int fd;
	int64_t offset, left, n_sent;
};

static size_t next_size(const struct job *j, size_t max)
{
	return j->left < (int64_t)max ? (size_t)j->left : max;
}

static void advance(struct job *j, int64_t n)
{
	j->offset += n;
	j->left -= n;
	j->n_sent += n;
}

/* --- sendfile(2) ----------------------------------------------------------------------------- */

/* It raises SIGPIPE when the peer is gone, and has no flag for that either. */
static long sendfile_quietly(const struct job *j, size_t n)
{
	const struct timespec at_once = { 0 };
	sigset_t sigpipe, old, pending;
	off_t offset = j->offset;
	long ret;

	sigemptyset(&sigpipe);
	sigaddset(&sigpipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &sigpipe, &old);
	sigpending(&pending);
	ret = kernel_call4(j->s->loop->ring.kernel, SYS_sendfile, j->s->fd, j->fd, &offset, n);
	if (ret == -EPIPE && !sigismember(&pending, SIGPIPE))
		sigtimedwait(&sigpipe, NULL, &at_once);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}

static int send_by_kernel(struct job *j)
{
	while (j->left) {
		int ret = 0;
		long n;

		if (j->s->closed)
			return -EBADF;
		n = sendfile_quietly(j, next_size(j, CHUNK));
		if (n == 0)
			return 0;
		if (n > 0)
			advance(j, n);
		if (n > 0 && j->left)
			ret = rondo_yield();
		else if (n == -EAGAIN)
			ret = io_wait_ready(j->s->fd, POLLOUT);
		else if (n < 0 && n != -EINTR)
			return (int)n;
		if (ret < 0)
			return ret;
	}
	return 0;
}

static long get_flags(const struct rondo_stream *s)
{
	return kernel_call3(s->loop->ring.kernel, SYS_fcntl, s->fd, F_GETFL, 0);
}

static void set_flags(const struct rondo_stream *s, long flags)
{
	(void)kernel_call3(s->loop->ring.kernel, SYS_fcntl, s->fd, F_SETFL, flags);
}

static int send_nonblocking(struct job *j)
{
	long flags = j->s->is_socket ? get_flags(j->s) : -EINVAL;
	int ret;

	if (flags < 0 || (!(flags & O_NONBLOCK) && !j->s->exclusive))
		return -EINVAL;
	if (!(flags & O_NONBLOCK))
		set_flags(j->s, flags | O_NONBLOCK);
	ret = send_by_kernel(j);
	if (!(flags & O_NONBLOCK))
		set_flags(j->s, flags);
	return ret;
}

/* --- reading and writing --------------------------------------------------------------------- */

/* The file may be a pipe that stays empty, and is not the stream's to be closed with it. A limit
 * without end is what rondo_stream_interrupt() can bring to an end. */
static ssize_t read_block(struct job *j, char *block)
{
	struct rondo_timeout limit;
	ssize_t n = rondo_timeout_begin_at(&limit, UINT64_MAX);

	if (n < 0)
		return n;
	j->s->source = &limit;
	n = rondo_pread(j->fd, block, next_size(j, BLOCK), j->offset);
	j->s->source = NULL;
	n = rondo_timeout_end(&limit, (int)n);
	return n == -ETIMEDOUT && rondo_timeout_expired(&limit) ? -EBADF : n;
}

static int copy_block(struct job *j, char *block)
{
	ssize_t n = read_block(j, block);
	struct iovec one = { block, n > 0 ? (size_t)n : 0 };
	size_t n_written = 0;
	int ret;

	if (n <= 0)
		return (int)n;
	if (j->s->closed)
		return -EBADF;
	ret = j->s->class->write(j->s->self, &one, 1, &n_written);
	advance(j, (int64_t)n_written);
	return ret < 0 ? ret : 1;
}

static int send_by_copying(struct job *j)
{
	char *block = malloc(BLOCK);
	int ret = block ? 1 : -ENOMEM;

	while (ret > 0 && j->left)
		ret = copy_block(j, block);
	free(block);
	return ret < 0 ? ret : 0;
}

static int send_locked(struct job *j)
{
	int ret = j->s->write_error;

	if (ret == 0)
		ret = rondo__stream_flush_locked(j->s);
	if (ret < 0)
		return ret;
	ret = send_nonblocking(j);
	if ((ret == -EINVAL || ret == -ESPIPE) && !j->n_sent)	/* not this file, not this stream */
		ret = send_by_copying(j);
	return ret;
}

int rondo_stream_sendfile(rondo_stream *s, int fd, int64_t offset, int64_t count, int64_t *n_sent)
{
	struct job j = { s, fd, offset, count, 0 };
	int ret = offset < 0 ? -EINVAL : rondo__stream_begin_write(s);

	if (ret == 0 && count < 0)
		j.left = INT64_MAX - offset;
	if (ret == 0)
		ret = rondo__stream_end_write(s, send_locked(&j));
	if (n_sent)
		*n_sent = j.n_sent;
	return ret;
}
