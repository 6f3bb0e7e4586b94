/* SPDX-License-Identifier: MIT */
/* until.c - reading up to a separator: rows X4, X5 of asyncio's rules.
 *
 * The separator that ends first wins, so we look for ends: a byte with which one ends, and then
 * whether the bytes before it are the rest. Every byte is looked at once, however many separators
 * there are and however small the pieces in which a line comes. */
#include <string.h>

#include "stream/reader.h"

enum { SEPARATORS_MAX = 16 };

struct separators {
	const struct iovec *v;
	size_t n, len_max;
	uint64_t last[4];		/* a bit for each byte with which one ends */
	int only;			/* if that is one byte: that; else -1 */
};

struct match {
	size_t begin, end;
};

static bool is_last(const struct separators *seps, unsigned char c)
{
	return seps->last[c / 64] >> c % 64 & 1;
}

static int prepare(struct separators *seps, const struct iovec *v, size_t n)
{
	*seps = (struct separators){ .v = v, .n = n, .only = -1 };
	if (!n || n > SEPARATORS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		unsigned char last;

		if (!v[i].iov_len)
			return -EINVAL;
		last = ((const unsigned char *)v[i].iov_base)[v[i].iov_len - 1];
		seps->last[last / 64] |= UINT64_C(1) << last % 64;
		seps->only = !i || seps->only == last ? last : -1;
		if (v[i].iov_len > seps->len_max)
			seps->len_max = v[i].iov_len;
	}
	return 0;
}

/* Is the byte before end of the unread ones, which lie in two parts, the end of sep? */
static bool ends_with(const struct rondo_stream *s, size_t end, const struct iovec *sep)
{
	size_t n_buffered = s->end - s->begin, begin = end - sep->iov_len, n;
	const char *bytes = sep->iov_base;

	if (begin >= n_buffered)
		return !memcmp(s->chunk + (begin - n_buffered), bytes, sep->iov_len);
	n = end < n_buffered ? sep->iov_len : n_buffered - begin;
	return !memcmp(s->buffer + s->begin + begin, bytes, n) &&
	       !memcmp(s->chunk, bytes + n, sep->iov_len - n);
}

static bool match_at(const struct rondo_stream *s, const struct separators *seps, size_t end,
		     struct match *m)
{
	for (size_t i = 0; i < seps->n; i++)
		if (seps->v[i].iov_len <= end && ends_with(s, end, &seps->v[i])) {
			*m = (struct match){ end - seps->v[i].iov_len, end };
			return true;
		}
	return false;
}

/* The first byte of a part with which a separator may end; n: there is none. */
static size_t next_last(const struct separators *seps, const char *part, size_t from, size_t n)
{
	const char *p;

	if (seps->only >= 0) {
		p = from < n ? memchr(part + from, seps->only, n - from) : NULL;
		return p ? (size_t)(p - part) : n;
	}
	while (from < n && !is_last(seps, (unsigned char)part[from]))
		from++;
	return from;
}

/* Look in the part that begins at `before` among the unread bytes; those up to *from are done. */
static bool search_part(const struct rondo_stream *s, const struct separators *seps,
			const char *part, size_t before, size_t n, size_t *from, struct match *m)
{
	size_t i = *from > before ? *from - before : 0;

	while (i < n && (i = next_last(seps, part, i, n)) < n)
		if (match_at(s, seps, before + ++i, m))
			return true;
	if (*from < before + n)
		*from = before + n;
	return false;
}

static bool search(const struct rondo_stream *s, const struct separators *seps, size_t *from,
		   struct match *m)
{
	size_t n = s->end - s->begin;

	return search_part(s, seps, n ? s->buffer + s->begin : "", 0, n, from, m) ||
	       search_part(s, seps, s->chunk, n, s->n_chunk, from, m);
}

static ssize_t over_limit(struct rondo_stream *s, size_t n_consumed)
{
	s->n_consumed = n_consumed;
	return -RONDO_ELIMIT;
}

static ssize_t incomplete(struct rondo_stream *s)
{
	ssize_t n = rondo__stream_lend_first(s, stream_n_unread(s), &s->partial);

	if (n < 0)
		return n;
	s->n_partial = (size_t)n;
	return -RONDO_EINCOMPLETE;
}

/* X5: the limit is for what comes before the separator. */
static ssize_t read_until(struct rondo_stream *s, const struct separators *seps, const char **data)
{
	size_t from = 0, safe, margin = seps->len_max - 1;
	struct match m;
	ssize_t n;

	while (!search(s, seps, &from, &m)) {
		safe = from > margin ? from - margin : 0;
		if (safe > s->limit)
			return over_limit(s, safe);
		n = rondo__stream_fill(s, s->limit < SIZE_MAX - margin ? s->limit + margin :
									 SIZE_MAX);
		if (n <= 0)
			return n < 0 ? n : incomplete(s);
	}
	if (m.begin > s->limit)
		return over_limit(s, m.begin);
	return rondo__stream_lend_first(s, m.end, data);
}

ssize_t rondo_stream_read_until_bytes(rondo_stream *s, const struct iovec *separators, size_t n,
				      const char **data)
{
	struct separators seps;
	int ret = prepare(&seps, separators, n);

	if (ret == 0)
		ret = rondo__stream_begin_read(s);
	return ret < 0 ? ret : read_until(s, &seps, data);
}

ssize_t rondo_stream_read_until(rondo_stream *s, const char *const *separators, size_t n,
				const char **data)
{
	struct iovec v[SEPARATORS_MAX];

	for (size_t i = 0; i < n && n <= SEPARATORS_MAX; i++)
		v[i] = (struct iovec){ (void *)(uintptr_t)separators[i], strlen(separators[i]) };
	return rondo_stream_read_until_bytes(s, v, n, data);
}

/* --- lines ----------------------------------------------------------------------------------- */

static void discard(struct rondo_stream *s, size_t n)
{
	size_t n_buffered = s->end - s->begin < n ? s->end - s->begin : n;

	s->begin += n_buffered;
	s->chunk += n - n_buffered;
	s->n_chunk -= n - n_buffered;
}

/* X4: drop the line that is too long, or all there is if its end has not come. */
static void drop_line(struct rondo_stream *s)
{
	struct iovec newline = { (void *)(uintptr_t)"\n", 1 };

	if (s->n_consumed < stream_n_unread(s) && ends_with(s, s->n_consumed + 1, &newline))
		discard(s, s->n_consumed + 1);
	else
		stream_drop_unread(s);
	s->n_consumed = 0;
}

static ssize_t read_line(struct rondo_stream *s, const char **line)
{
	struct iovec newline = { (void *)(uintptr_t)"\n", 1 };
	struct separators seps;
	ssize_t n;

	(void)prepare(&seps, &newline, 1);
	n = read_until(s, &seps, line);
	if (n == -RONDO_ELIMIT)
		drop_line(s);
	if (n != -RONDO_EINCOMPLETE)
		return n;
	n = (ssize_t)s->n_partial;
	if (n)
		*line = s->partial;
	s->n_partial = 0;
	return n;
}

ssize_t rondo_stream_read_line(rondo_stream *s, const char **line)
{
	int ret = rondo__stream_begin_read(s);
	const char *newline;

	if (unlikely(ret < 0))
		return ret;
	if (likely(s->begin == s->end && s->n_chunk)) {
		newline = memchr(s->chunk, '\n', s->n_chunk);
		if (likely(newline && (size_t)(newline - s->chunk) <= s->limit))
			return rondo__stream_lend_first(s, (size_t)(newline + 1 - s->chunk), line);
	}
	return read_line(s, line);
}
