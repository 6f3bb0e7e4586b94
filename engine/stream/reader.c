/* SPDX-License-Identifier: MIT */
/* reader.c - reading: rows X2 to X8 of asyncio's rules. See stream.h for where unread bytes lie. */
#include "stream/reader.h"

#include <stdlib.h>
#include <string.h>

#include "io/io.h"

enum {
	BLOCK = 16 << 10,		/* how much is read at a time */
	DIRECT_MIN = 4 << 10,		/* reads of this size go past the buffer */
	KEEP_MAX = 16 << 10,		/* a bigger buffer is freed when it is empty */
};

/* --- the buffer ------------------------------------------------------------------------------ */

/* Have room for n bytes behind what is there. */
static int reserve(struct rondo_stream *s, size_t n)
{
	size_t used = s->end - s->begin, capacity = s->capacity;
	char *larger;

	if (s->begin && (!used || s->capacity - s->end < n)) {
		memmove(s->buffer, s->buffer + s->begin, used);
		s->begin = 0;
		s->end = used;
	}
	if (s->capacity - s->end >= n)
		return 0;
	while (capacity < used + n)
		capacity = capacity ? capacity * 2 : BLOCK;
	larger = realloc(s->buffer, capacity);
	if (!larger)
		return -ENOMEM;
	s->buffer = larger;
	s->capacity = capacity;
	return 0;
}

/* Move the first n bytes of the chunk to the buffer. */
static int copy_chunk(struct rondo_stream *s, size_t n)
{
	int ret = n ? reserve(s, n) : 0;

	if (ret < 0 || !n)
		return ret;
	memcpy(s->buffer + s->end, s->chunk, n);
	s->end += n;
	s->chunk += n;
	s->n_chunk -= n;
	return 0;
}

/* Take n bytes, which must be there, and lend them: where they lie if they lie together. */
ssize_t rondo__stream_lend_first(struct rondo_stream *s, size_t n, const char **data)
{
	size_t n_buffered = s->end - s->begin;

	if (!n_buffered) {
		*data = s->chunk;
		s->chunk += n;
		s->n_chunk -= n;
		return (ssize_t)n;
	}
	if (n > n_buffered && copy_chunk(s, n - n_buffered) < 0)
		return -ENOMEM;
	*data = s->buffer + s->begin;
	s->begin += n;
	return (ssize_t)n;
}

static size_t copy_out(struct rondo_stream *s, char *buf, size_t len)
{
	size_t n = s->end - s->begin, m = s->n_chunk;

	if (n > len)
		n = len;
	if (n)
		memcpy(buf, s->buffer + s->begin, n);
	s->begin += n;
	if (m > len - n)
		m = len - n;
	if (m)
		memcpy(buf + n, s->chunk, m);
	s->chunk += m;
	s->n_chunk -= m;
	return n + m;
}

/* --- more bytes ------------------------------------------------------------------------------ */

/* A file's end is where it is now; all else ends once (X8). An error of a connection is told again
 * to who asks again: the kernel would say that it ended well. */
static ssize_t note_end(struct rondo_stream *s, ssize_t ret)
{
	if (ret > 0 || ret == -ECANCELED || ret == -ENOMEM || ret == -EBADF || s->grows) {
		s->has_ended = ret == 0;
		return ret;
	}
	s->has_ended = true;
	s->end_error = (int)ret;
	return ret;
}

/* A task that waits for an answer wants its question to be sent. */
static int flush_before_waiting(struct rondo_stream *s)
{
	int ret = 0;

	if (unlikely(s->n_out) && !rondo_lock_locked(&s->write_lock))
		ret = rondo_stream_flush(s);
	if (unlikely(s->closed))
		return -EBADF;
	return ret == -ECANCELED ? ret : 0;	/* else the next writer hears of it */
}

static ssize_t lend_more(struct rondo_stream *s)
{
	const void *data;
	ssize_t n = copy_chunk(s, s->n_chunk);

	if (unlikely(n < 0))
		return n;
	n = s->class->lend(s->self, &data);
	if (n > 0) {
		s->chunk = data;
		s->n_chunk = (size_t)n;
	}
	return n;
}

static ssize_t read_more(struct rondo_stream *s)
{
	ssize_t n = reserve(s, BLOCK / 2);

	if (n == 0)
		n = s->class->read(s->self, s->buffer + s->end, s->capacity - s->end);
	if (n > 0)
		s->end += (size_t)n;
	return n;
}

/* One call of the class: to memory of the caller's, or (buf NULL) to be unread. */
static ssize_t ask(struct rondo_stream *s, void *buf, size_t len)
{
	ssize_t n;

	if (unlikely(s->has_ended && !s->grows))
		return s->end_error;
	s->reading = true;
	stream_enter(s);
	n = flush_before_waiting(s);
	if (unlikely(n < 0))
		;
	else if (buf)
		n = s->class->read(s->self, buf, len);
	else
		n = s->class->lend ? lend_more(s) : read_more(s);
	s->reading = false;
	return stream_leave(s, note_end(s, n));
}

ssize_t rondo__stream_fill(struct rondo_stream *s, size_t enough)
{
	s->enough = enough;
	return ask(s, NULL, 0);
}

/* What each call begins with. It ends loans. */
int rondo__stream_begin_read(struct rondo_stream *s)
{
	if (unlikely(s->loop != rondo__self()->loop))
		return -RONDO_EWRONGLOOP;
	if (unlikely(s->closed || !(s->class->lend || s->class->read)))
		return -EBADF;
	if (unlikely(s->reading))
		return -EBUSY;
	s->n_partial = s->n_consumed = 0;
	if (unlikely(s->begin == s->end && s->capacity > KEEP_MAX)) {
		free(s->buffer);
		s->buffer = NULL;
		s->begin = s->end = s->capacity = 0;
	}
	return io_checkpoint();
}

/* --- the calls ------------------------------------------------------------------------------- */

static ssize_t read_some(struct rondo_stream *s, char *buf, size_t len)
{
	ssize_t n;

	if (!stream_n_unread(s)) {
		if (len >= DIRECT_MIN && !s->class->lend)
			return ask(s, buf, len);
		n = rondo__stream_fill(s, 0);
		if (n <= 0)
			return n;
	}
	return (ssize_t)copy_out(s, buf, len);
}

ssize_t rondo_stream_read(rondo_stream *s, void *buf, size_t len)
{
	int ret = rondo__stream_begin_read(s);

	return ret < 0 || !len ? ret : read_some(s, buf, len);
}

ssize_t rondo_stream_lend(rondo_stream *s, const void **data)
{
	ssize_t n = rondo__stream_begin_read(s);
	const char *bytes;

	if (n == 0 && !stream_n_unread(s) && (n = rondo__stream_fill(s, 0)) == 0)
		return 0;
	if (n < 0)
		return n;
	n = rondo__stream_lend_first(s, s->begin < s->end ? s->end - s->begin : s->n_chunk, &bytes);
	*data = bytes;
	return n;
}

ssize_t rondo_stream_peek(rondo_stream *s, size_t len, const void **data)
{
	ssize_t n = rondo__stream_begin_read(s);

	if (n == 0)
		n = 1;
	while (n > 0 && stream_n_unread(s) < len)
		n = rondo__stream_fill(s, len - 1);
	if (n >= 0 && s->begin < s->end)
		n = copy_chunk(s, s->n_chunk);
	if (n < 0)
		return n;
	*data = s->begin < s->end ? s->buffer + s->begin : s->chunk;
	return (ssize_t)stream_n_unread(s);
}

/* Nothing is unread now. */
static int give_back(struct rondo_stream *s, const char *buf, size_t n)
{
	if (reserve(s, n) < 0)
		return -ENOMEM;
	memcpy(s->buffer + s->end, buf, n);
	s->end += n;
	return 0;
}

int rondo_stream_read_exactly(rondo_stream *s, void *buf, size_t len, size_t *n_read)
{
	ssize_t n = rondo__stream_begin_read(s);
	size_t done = 0;

	for (n = n < 0 ? n : 1; n > 0 && done < len; done += n > 0 ? (size_t)n : 0)
		n = read_some(s, (char *)buf + done, len - done);
	if (n == -ECANCELED && done && give_back(s, buf, done) == 0)
		done = 0;
	if (n_read)
		*n_read = done;
	if (n < 0)
		return (int)n;
	return done == len ? 0 : -RONDO_EINCOMPLETE;
}

/* The buffer itself is handed over. */
static ssize_t hand_over(struct rondo_stream *s, void **data)
{
	size_t n = stream_n_unread(s);

	if (copy_chunk(s, s->n_chunk) < 0 || reserve(s, 1) < 0)
		return -ENOMEM;
	memmove(s->buffer, s->buffer + s->begin, n);
	s->buffer[n] = '\0';
	*data = s->buffer;
	s->buffer = NULL;
	s->begin = s->end = s->capacity = 0;
	return (ssize_t)n;
}

ssize_t rondo_stream_read_all(rondo_stream *s, size_t max, void **data)
{
	ssize_t n = rondo__stream_begin_read(s);

	for (n = n < 0 ? n : 1; n > 0 && stream_n_unread(s) <= max;)
		n = rondo__stream_fill(s, max);
	if (n < 0)
		return n;
	return stream_n_unread(s) > max ? -RONDO_ELIMIT : hand_over(s, data);
}

size_t rondo_stream_partial(const rondo_stream *s, const char **data)
{
	if (s->n_partial)
		*data = s->partial;
	return s->n_partial;
}

size_t rondo_stream_consumed(const rondo_stream *s)
{
	return s->n_consumed;
}

size_t rondo_stream_buffered(const rondo_stream *s)
{
	return stream_n_unread(s);
}

bool rondo_stream_at_eof(const rondo_stream *s)
{
	return s->has_ended && !stream_n_unread(s);
}
