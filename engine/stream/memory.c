/* SPDX-License-Identifier: MIT */
/* memory.c - two streams that are connected without the kernel: row X8.
 *
 *   side 0 writes --> way[0] --> side 1 reads,  side 1 writes --> way[1] --> side 0 reads */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream/stream.h"
#include "sync/waiters.h"

enum { CAPACITY_DEFAULT = 64 << 10 };

struct way {
	char *ring;
	size_t begin, n;		/* the bytes that are under way */
	struct rondo_waiters readers, writers;	/* at most one each */
	bool ended;			/* nobody will write any more */
	bool broken;			/* ... because of an abort */
	bool unread;			/* nobody will read any more */
};

struct side {
	struct memory_pair *pair;
	struct way *in, *out;
	bool interrupted;
};

struct memory_pair {
	struct way way[2];
	struct side side[2];
	size_t capacity;
	unsigned n_open;
};

static void describe(const struct wait *w, char *buf, size_t size)
{
	(void)w;
	snprintf(buf, size, "a memory stream");
}

static const struct wait_class memory_class_of_wait = {
	.name = "memory stream", .cancel = rondo__waiters_cancel, .describe = describe,
};

static int wait_in(struct rondo_waiters *list)
{
	struct rondo_waiter w = WAITER(list, &memory_class_of_wait);

	return rondo__waiters_wait(list, &w);
}

static void wake_all(struct way *w)
{
	rondo__waiters_wake(&w->readers, SIZE_MAX);
	rondo__waiters_wake(&w->writers, SIZE_MAX);
}

/* The piece that lies together, from the begin-th byte of the ring on. */
static size_t piece(size_t begin, size_t n, size_t capacity)
{
	return n < capacity - begin ? n : capacity - begin;
}

static size_t take(struct way *w, char *buf, size_t len, size_t capacity)
{
	size_t n = len < w->n ? len : w->n, first = piece(w->begin, n, capacity);

	memcpy(buf, w->ring + w->begin, first);
	memcpy(buf + first, w->ring, n - first);
	w->begin = (w->begin + n) % capacity;
	w->n -= n;
	return n;
}

static size_t put(struct way *w, const char *buf, size_t len, size_t capacity)
{
	size_t room = capacity - w->n, n = len < room ? len : room;
	size_t end = (w->begin + w->n) % capacity, first = piece(end, n, capacity);

	memcpy(w->ring + end, buf, first);
	memcpy(w->ring, buf + first, n - first);
	w->n += n;
	return n;
}

static ssize_t memory_read(void *self, void *buf, size_t len)
{
	struct side *side = self;
	struct way *w = side->in;
	int ret = 0;

	while (ret == 0 && !w->n) {
		if (side->interrupted)
			return -EBADF;
		if (w->ended)
			return w->broken ? -ECONNRESET : 0;
		ret = wait_in(&w->readers);
	}
	if (ret < 0)
		return ret;
	rondo__waiters_wake(&w->writers, SIZE_MAX);
	return (ssize_t)take(w, buf, len, side->pair->capacity);
}

static int write_part(struct side *side, const char *buf, size_t len, size_t *n_written)
{
	struct way *w = side->out;

	for (size_t n; len; buf += n, len -= n, *n_written += n) {
		int ret = 0;

		if (side->interrupted)
			return -EBADF;
		if (w->unread)
			return w->broken ? -ECONNRESET : -EPIPE;
		n = put(w, buf, len, side->pair->capacity);
		if (n)
			rondo__waiters_wake(&w->readers, SIZE_MAX);
		else
			ret = wait_in(&w->writers);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int memory_write(void *self, const struct iovec *iov, size_t n_iov, size_t *n_written)
{
	int ret = 0;

	*n_written = 0;
	for (size_t i = 0; i < n_iov && ret == 0; i++)
		ret = write_part(self, iov[i].iov_base, iov[i].iov_len, n_written);
	return ret;
}

static int memory_shutdown_write(void *self)
{
	struct way *w = ((struct side *)self)->out;

	w->ended = true;
	wake_all(w);
	return 0;
}

static void memory_interrupt(void *self)
{
	struct side *side = self;

	side->interrupted = true;
	wake_all(side->in);
	wake_all(side->out);
}

static int memory_close(void *self, bool abort)
{
	struct side *side = self;
	struct memory_pair *pair = side->pair;

	side->out->ended = side->in->unread = true;
	if (abort) {			/* as a reset does: what is under way is gone */
		side->out->broken = side->in->broken = true;
		side->out->n = 0;
	}
	wake_all(side->in);
	wake_all(side->out);
	if (--pair->n_open == 0)
		free(pair);
	return 0;
}

static const struct rondo_stream_class memory_class = {
	.name = "memory", .read = memory_read, .write = memory_write, .close = memory_close,
	.shutdown_write = memory_shutdown_write, .interrupt = memory_interrupt,
};

static struct memory_pair *make_pair(size_t capacity)
{
	struct memory_pair *pair = NULL;
	size_t size;

	if (!__builtin_mul_overflow(capacity, (size_t)2, &size) &&
	    !__builtin_add_overflow(size, sizeof(*pair), &size))
		pair = calloc(1, size);
	if (!pair)
		return NULL;
	pair->capacity = capacity;
	for (int i = 0; i < 2; i++) {
		pair->way[i].ring = (char *)(pair + 1) + (size_t)i * capacity;
		pair->side[i] = (struct side){ pair, &pair->way[1 - i], &pair->way[i], false };
	}
	return pair;
}

int rondo_stream_memory_pair(size_t capacity, const struct rondo_stream_options *options,
			     rondo_stream *streams[2])
{
	struct memory_pair *pair = make_pair(capacity ? capacity : CAPACITY_DEFAULT);
	rondo_stream *made[2];

	if (!pair)
		return -ENOMEM;
	for (; pair->n_open < 2; pair->n_open++)
		if (rondo_stream_new(&memory_class, &pair->side[pair->n_open], options,
				     &made[pair->n_open]) < 0) {
			if (pair->n_open)
				rondo__stream_free(made[0]);
			free(pair);
			return -ENOMEM;
		}
	streams[0] = made[0];
	streams[1] = made[1];
	return 0;
}
