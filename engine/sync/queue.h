/* SPDX-License-Identifier: MIT */
/* queue.h - getting from and putting into a queue, for its own verbs and for a select. Layer 6. */
#ifndef RONDO_SYNC_QUEUE_H
#define RONDO_SYNC_QUEUE_H

#include "rondo/queue.h"
#include "sync/waiters.h"

enum queue_side { QUEUE_GETTING, QUEUE_PUTTING };

struct queue_wait {
	struct rondo_waiter waiter;
	void *value;			/* where the item goes, or what is put: for a rendezvous */
};

/* Would a try get or put something, or tell of a shutdown? It may find out yet that it has to wait. */
bool rondo__queue_may_try(const struct rondo_queue *q, enum queue_side side);

/* Get into, or put from, value. Returns 0, -RONDO_EQSHUTDOWN, -ENOMEM, or -EAGAIN: one has to wait in
 * the side's list. */
int rondo__queue_try(struct rondo_queue *q, enum queue_side side, void *value);

/* A wait in the side's list is over, with 0 or an error. Takes its reservation back, and hands on
 * what an error leaves. Returns 0 if it was given what it waited for, in a rendezvous, which also
 * beats an error; -EAGAIN if it is to try again; or the error. */
int rondo__queue_waited(struct rondo_queue *q, enum queue_side side, const struct queue_wait *w,
			int error);
#endif
