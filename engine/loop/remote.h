/* SPDX-License-Identifier: MIT */
/* remote.h - calls into a loop from other threads. Layer 3.
 *
 * A lock-free stack of calls and an eventfd, on which the loop keeps one READ armed. Measured
 * beside MSG_RING, an eventfd write is the cheaper of the two for the sender (274 against
 * 354-524 ns), works from threads that have no ring, and from signal handlers; so it is the only
 * way in.
 *
 * R1  Only the thread that pushes onto an empty stack writes to the eventfd.
 * R2  The eventfd lives until the last handle is gone, so a late caller cannot hit a reused
 *     number. */
#ifndef RONDO_LOOP_REMOTE_H
#define RONDO_LOOP_REMOTE_H

#include "loop/loop.h"

/* A call that needs no memory of its own: it lies with whoever waits for it to be run. */
struct remote_call {
	struct remote_call *next;
	void (*run)(struct remote_call *c);	/* on the loop's stack; c may be gone then */
	void (*drop)(struct remote_call *c);	/* instead, if the loop ends before; may be NULL */
};

/* Have c run on the loop's thread. From any thread. Returns 0, or -ESHUTDOWN: the loop has ended. */
int rondo__remote_call(struct rondo_loop *r, struct remote_call *c);
int rondo__remote_open(struct loop *l);
/* Arm the eventfd's READ; before that the loop cannot be woken from outside. */
void rondo__remote_start(struct loop *l);
/* Refuse further calls, drop those not yet run, and have the READ end. */
void rondo__remote_stop(struct loop *l);
void rondo__remote_close(struct loop *l);
/* Drop the calls and the loop's reference, without using the kernel. */
void rondo__remote_abandon(struct loop *l);
/* The READ's CQE: queue the calls that came, read again. */
void rondo__remote_complete(struct loop *l);
/* Calls may have come before the loop was turned: run them in its first batch. */
void rondo__remote_look(struct loop *l);
/* The loop itself, for its own thread; NULL if it was closed. */
struct loop *rondo__remote_loop(const struct rondo_loop *r);
/* Wake the loop for no call in particular. Async-signal-safe. */
void rondo__remote_wake(struct rondo_loop *r);
#endif
