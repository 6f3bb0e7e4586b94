/* SPDX-License-Identifier: MIT */
/* stream.h - what is behind a rondo_stream. Layer 7.
 *
 *   received and not read:   buffer[begin, end)  then  chunk[0, n_chunk)
 *
 * A class that lends (sockets: the loop's shared receive buffers) gives chunks. A line that lies in
 * one chunk is lent from there; only what spans chunks is copied to the buffer. A class that reads
 * (pipes, files) reads into the buffer.
 *
 * B1  Unread bytes change only in calls that read, and there only when the call succeeds or more
 *     bytes come: a cancelled read loses nothing.
 * B2  Memory that was lent stays as it is until the next call that reads.
 * B3  Writers have the lock for a whole message, in order of arrival. The lock is held whenever the
 *     class writes.
 * B4  A task inside the class is counted in n_users; the stream is freed when there is none. */
#ifndef RONDO_STREAM_STREAM_H
#define RONDO_STREAM_STREAM_H

#include <errno.h>

#include "loop/loop.h"
#include "rondo/socket.h"
#include "rondo/stream.h"
#include "rondo/sync.h"

struct rondo_stream {
	struct resource resource;
	const struct rondo_stream_class *class;
	void *self;
	struct loop *loop;

	const char *chunk;		/* lent by the class; never NULL */
	size_t n_chunk;
	char *buffer;
	size_t begin, end, capacity;
	size_t limit;
	size_t enough;			/* more than so many unread bytes are not waited for */
	const char *partial;		/* lent after -RONDO_EINCOMPLETE */
	size_t n_partial, n_consumed;
	int end_error;			/* how reading ended, if it has: 0 or an error */
	bool has_ended;
	bool grows;			/* a file: behind its end there may be more later */
	bool reading;			/* a task waits for bytes */

	struct rondo_lock write_lock;
	int write_error;		/* why nothing more can be written, or 0 */
	bool write_ended;		/* the peer was told so */
	char *out;			/* the write buffer, out_capacity bytes; NULL: none */
	size_t n_out, out_capacity;

	struct rondo_timeout *source;	/* around sendfile()'s wait for the file; or NULL */

	unsigned n_users;		/* B4 */
	bool closed;			/* to whoever is inside: leave */
	struct wait *closer;		/* waits for them */

	int fd;				/* all below: streams of descriptors (descriptor.c) */
	bool keep_fd, exclusive;
	bool is_socket;
	bool appends;			/* a file that is written at its end */
	bool shares_position;		/* a file whose position other processes go on from */
	int64_t offset;			/* of another file: where the next read begins */
	struct rondo_receiver receiver;
};

static inline size_t stream_n_unread(const struct rondo_stream *s)
{
	return s->end - s->begin + s->n_chunk;
}

static inline void stream_drop_unread(struct rondo_stream *s)
{
	s->begin = s->end = s->n_chunk = 0;
}

static inline void stream_enter(struct rondo_stream *s)
{
	s->n_users++;
}

/* Returns ret, or -EBADF if the stream was closed meanwhile: then it is not to be used after the
 * next await. */
static inline ssize_t stream_leave(struct rondo_stream *s, ssize_t ret)
{
	if (--s->n_users == 0 && unlikely(s->closer)) {
		rondo__wake(s->closer->task);
		s->closer = NULL;
	}
	return likely(!s->closed) ? ret : -EBADF;
}

/* A stream that is not yet anything. */
struct rondo_stream *rondo__stream_make(const struct rondo_stream_options *o);
void rondo__stream_free(struct rondo_stream *s);
/* rondo_stream_from_fd() for a socket that we have made ourselves, so that nobody else has it. */
int rondo__stream_from_own_fd(int fd, const struct rondo_stream_options *o, rondo_stream **stream);

/* Have one's turn to write. Returns 0, and rondo__stream_end_write() must follow; or an error. */
int rondo__stream_begin_write(struct rondo_stream *s);
/* Returns ret, or -EBADF as stream_leave(). */
int rondo__stream_end_write(struct rondo_stream *s, int ret);
/* In between: all that is buffered goes out. */
int rondo__stream_flush_locked(struct rondo_stream *s);

/* A file has one position: what was read ahead does not count for who writes, or leaves. */
void rondo__stream_forget_ahead(struct rondo_stream *s);

#endif
