/* SPDX-License-Identifier: MIT */
/* stream.c - how a stream begins and ends: rows X8, X13, X16 of asyncio's rules. See stream.h. */
#include "stream/stream.h"

#include <stdio.h>
#include <stdlib.h>

enum { LIMIT_DEFAULT = 64 << 10 };

/* --- beginning ------------------------------------------------------------------------------- */

static void describe(const struct resource *r, char *buf, size_t size)
{
	const struct rondo_stream *s = container_of(r, struct rondo_stream, resource);
	int fd = rondo_stream_fd(s);

	if (fd >= 0)
		snprintf(buf, size, "%s stream on descriptor %d", s->class->name, fd);
	else
		snprintf(buf, size, "%s stream", s->class->name);
}

static void drop(struct resource *r)
{
	rondo_stream_abort(container_of(r, struct rondo_stream, resource));
}

static bool is_flooded(const struct resource *r)
{
	const struct rondo_stream *s = container_of(r, struct rondo_stream, resource);

	return s->n_out > s->out_capacity || (s->reading && stream_n_unread(s) > s->enough);
}

static const struct resource_class leaked = {
	.describe = describe, .drop = drop, .is_flooded = is_flooded,
};

static int make_out(struct rondo_stream *s, const struct rondo_stream_options *o)
{
	s->out_capacity = o->write_buffer;
	s->out = o->write_buffer ? malloc(o->write_buffer) : NULL;
	return o->write_buffer && !s->out ? -ENOMEM : 0;
}

struct rondo_stream *rondo__stream_make(const struct rondo_stream_options *options)
{
	static const struct rondo_stream_options defaults;
	const struct rondo_stream_options *o = options ? options : &defaults;
	struct loop *l = rondo__self()->loop;
	struct rondo_stream *s = calloc(1, sizeof(*s));

	if (!s || make_out(s, o) < 0) {
		free(s);
		return NULL;
	}
	s->loop = l;
	s->chunk = "";
	s->limit = o->limit ? o->limit : LIMIT_DEFAULT;
	s->keep_fd = o->keep_fd;
	s->exclusive = o->exclusive;
	s->fd = -1;
	resource_add(l, &s->resource, &leaked);
	return s;
}

void rondo__stream_free(struct rondo_stream *s)
{
	resource_remove(&s->resource);
	for (int i = 0; i < 3; i++)
		if (s->loop->standard[i] == s)
			s->loop->standard[i] = NULL;
	free(s->buffer);
	free(s->out);
	free(s);
}

int rondo_stream_new(const struct rondo_stream_class *class, void *self,
		     const struct rondo_stream_options *options, rondo_stream **stream)
{
	struct rondo_stream *s;

	if (!class->close || !(class->read || class->lend || class->write))
		return -EINVAL;
	s = rondo__stream_make(options);
	if (!s)
		return -ENOMEM;
	s->class = class;
	s->self = self;
	*stream = s;
	return 0;
}

/* --- ending ---------------------------------------------------------------------------------- */

static const struct wait_class closing_class = {
	.name = "other tasks to leave a stream", .cancel = wait_cancel_later,
};

static void wait_for_users(struct rondo_stream *s)
{
	struct wait w = { .class = &closing_class, .task = rondo__self() };

	if (!s->n_users)
		return;
	s->closer = &w;
	rondo__park(&w);
}

void rondo_stream_interrupt(rondo_stream *s)
{
	s->closed = true;
	if (s->source)		/* if it cannot be told, it is waited for */
		(void)!rondo_timeout_reschedule(s->source, 0);
	if (s->n_users && s->class->interrupt)
		s->class->interrupt(s->self);
}

static int end(struct rondo_stream *s, bool abort)
{
	int ret;

	rondo_stream_interrupt(s);
	wait_for_users(s);
	ret = s->class->close(s->self, abort);
	rondo__stream_free(s);
	return ret;
}

/* Writers that came before send first; those that come later find the stream closed. */
static int flush_last(struct rondo_stream *s)
{
	int ret = 0;

	if (rondo_lock_locked(&s->write_lock) || s->n_out)
		ret = rondo_stream_flush(s);
	return s->n_out || ret == -ECANCELED ? ret : 0;
}

/* X13: asyncio's wait_closed() raises a peer's reset although all that was written is out. */
int rondo_stream_close(rondo_stream *s)
{
	int flushed, closed;

	if (!s)
		return 0;
	BUG_ON(s->loop != rondo__self()->loop);
	flushed = flush_last(s);
	closed = end(s, flushed < 0);
	return flushed < 0 ? flushed : closed;
}

void rondo_stream_abort(rondo_stream *s)
{
	if (!s)
		return;
	BUG_ON(s->loop != rondo__self()->loop);
	(void)end(s, true);
}

/* --- what it is ------------------------------------------------------------------------------ */

int rondo_stream_fd(const rondo_stream *s)
{
	return s->class->fd ? s->class->fd(s->self) : -1;
}

void *rondo_stream_self(const rondo_stream *s, const struct rondo_stream_class *class)
{
	return s->class == class ? s->self : NULL;
}

int rondo_stream_peername(const rondo_stream *s, struct sockaddr *addr, socklen_t *addrlen)
{
	int fd = rondo_stream_fd(s);

	return fd < 0 ? -ENOTSOCK : rondo_getpeername(fd, addr, addrlen);
}

int rondo_stream_sockname(const rondo_stream *s, struct sockaddr *addr, socklen_t *addrlen)
{
	int fd = rondo_stream_fd(s);

	return fd < 0 ? -ENOTSOCK : rondo_getsockname(fd, addr, addrlen);
}
