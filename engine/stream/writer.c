/* SPDX-License-Identifier: MIT */
/* writer.c - writing: rows X9 to X12 of asyncio's rules.
 *
 * X9: asyncio's write() never waits and buffers without bound. Here it waits until the bytes are
 * taken, which is write() and drain() in one; or until they are in a buffer of a fixed size, if the
 * stream was made with one. A message goes there whole or not at all, so a cancelled flush leaves a
 * buffer that can be sent later, and nothing torn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/io.h"
#include "stream/stream.h"

static size_t size_of(const struct iovec *iov, size_t n_iov)
{
	size_t n = 0;

	for (size_t i = 0; i < n_iov; i++)
		n += iov[i].iov_len;
	return n;
}

int rondo__stream_begin_write(struct rondo_stream *s)
{
	int ret;

	if (unlikely(s->loop != rondo__self()->loop))
		return -RONDO_EWRONGLOOP;
	if (unlikely(s->closed || !s->class->write))
		return -EBADF;
	stream_enter(s);
	ret = io_checkpoint();
	if (likely(ret == 0))
		ret = rondo_lock_acquire(&s->write_lock);
	if (unlikely(ret < 0))
		return (int)stream_leave(s, ret);
	return unlikely(s->closed) ? rondo__stream_end_write(s, -EBADF) : 0;
}

int rondo__stream_end_write(struct rondo_stream *s, int ret)
{
	rondo_lock_release(&s->write_lock);
	return (int)stream_leave(s, ret);
}

int rondo__stream_flush_locked(struct rondo_stream *s)
{
	struct iovec all = { s->out, s->n_out };
	size_t n = 0;
	int ret;

	if (!s->n_out)
		return 0;
	ret = s->class->write(s->self, &all, 1, &n);
	s->n_out -= n;
	if (s->n_out && n)
		memmove(s->out, s->out + n, s->n_out);
	return ret;
}

static void collect(struct rondo_stream *s, const struct iovec *iov, size_t n_iov)
{
	for (size_t i = 0; i < n_iov; i++) {
		if (iov[i].iov_len)
			memcpy(s->out + s->n_out, iov[i].iov_base, iov[i].iov_len);
		s->n_out += iov[i].iov_len;
	}
}

static int write_locked(struct rondo_stream *s, const struct iovec *iov, size_t n_iov, size_t len,
			size_t *n_written)
{
	int ret = 0;

	if (unlikely(s->write_error))
		return s->write_error;
	if (unlikely(s->grows))
		rondo__stream_forget_ahead(s);
	if (s->out_capacity - s->n_out < len)
		ret = rondo__stream_flush_locked(s);
	if (ret < 0 || !len)
		return ret;
	if (s->out_capacity < len)
		return s->class->write(s->self, iov, n_iov, n_written);
	collect(s, iov, n_iov);
	*n_written = len;
	return 0;
}

int rondo_stream_write_counted(rondo_stream *s, const struct iovec *iov, size_t n_iov,
			       size_t *n_written)
{
	int ret = rondo__stream_begin_write(s);

	*n_written = 0;
	if (unlikely(ret < 0))
		return ret;
	ret = write_locked(s, iov, n_iov, size_of(iov, n_iov), n_written);
	return rondo__stream_end_write(s, ret);
}

/* Half a message is out: what would follow it made no sense to the peer. */
static int write_whole(struct rondo_stream *s, const struct iovec *iov, size_t n_iov, size_t len)
{
	size_t n_written = 0;
	int ret = rondo__stream_begin_write(s);

	if (unlikely(ret < 0))
		return ret;
	ret = write_locked(s, iov, n_iov, len, &n_written);
	if (unlikely(ret < 0 && n_written))
		s->write_error = -EPIPE;
	return rondo__stream_end_write(s, ret);
}

int rondo_stream_write(rondo_stream *s, const void *buf, size_t len)
{
	struct iovec one = { (void *)(uintptr_t)buf, len };

	return write_whole(s, &one, 1, len);
}

int rondo_stream_writev(rondo_stream *s, const struct iovec *iov, size_t n_iov)
{
	return write_whole(s, iov, n_iov, size_of(iov, n_iov));
}

static int write_long_text(struct rondo_stream *s, size_t len, const char *format, va_list args)
{
	char *text = malloc(len + 1);
	int ret;

	if (!text)
		return -ENOMEM;
	vsnprintf(text, len + 1, format, args);
	ret = rondo_stream_write(s, text, len);
	free(text);
	return ret;
}

int rondo_stream_vprintf(rondo_stream *s, const char *format, va_list args)
{
	char text[512];
	va_list again;
	int n, ret;

	va_copy(again, args);
	n = vsnprintf(text, sizeof(text), format, args);
	if (n < 0)
		ret = -EINVAL;
	else if ((size_t)n < sizeof(text))
		ret = rondo_stream_write(s, text, (size_t)n);
	else
		ret = write_long_text(s, (size_t)n, format, again);
	va_end(again);
	return ret;
}

int rondo_stream_printf(rondo_stream *s, const char *format, ...)
{
	va_list args;
	int ret;

	va_start(args, format);
	ret = rondo_stream_vprintf(s, format, args);
	va_end(args);
	return ret;
}

/* X11 */
size_t rondo_stream_unsent(const rondo_stream *s)
{
	return s->n_out;
}

int rondo_stream_flush(rondo_stream *s)
{
	int ret = rondo__stream_begin_write(s);

	if (unlikely(ret < 0))
		return ret;
	ret = rondo__stream_flush_locked(s);
	return rondo__stream_end_write(s, ret);
}

/* X12 */
static int shut_down_locked(struct rondo_stream *s)
{
	int ret;

	if (s->write_ended)
		return 0;
	if (!s->class->shutdown_write)
		return -EOPNOTSUPP;
	ret = rondo__stream_flush_locked(s);
	if (ret == 0)
		ret = s->class->shutdown_write(s->self);
	if (ret < 0)
		return ret;
	s->write_error = -EPIPE;
	s->write_ended = true;
	return 0;
}

int rondo_stream_shutdown_write(rondo_stream *s)
{
	int ret = rondo__stream_begin_write(s);

	return ret < 0 ? ret : rondo__stream_end_write(s, shut_down_locked(s));
}
