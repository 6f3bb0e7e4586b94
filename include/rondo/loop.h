/* SPDX-License-Identifier: MIT */
/* loop.h - a handle on a loop, for the threads that do not run it. */
#ifndef RONDO_LOOP_H
#define RONDO_LOOP_H

#include "rondo/base.h"

RONDO_BEGIN_DECLS

typedef struct rondo_loop rondo_loop;

/* Get the calling thread's loop, to hand to other threads: asyncio's get_running_loop(). From
 * then on the loop may be woken from outside, so it no longer reports a deadlock when nothing is
 * left to do.
 *
 * Owns:    borrowed until rondo_run() returns; take rondo_loop_ref() to keep it longer.
 * Awaits:  no.
 * Returns: the loop, or NULL where none is running. */
RONDO_API rondo_loop *rondo_loop_current(void);

/* Keep the handle valid, even beyond the end of its loop. From any thread.
 *
 * Awaits:  no.
 * Returns: its argument. */
RONDO_API rondo_loop *rondo_loop_ref(rondo_loop *loop);

/* Give up a reference taken by rondo_loop_ref(). From any thread; NULL is ignored.
 *
 * Awaits:  no. */
RONDO_API void rondo_loop_unref(rondo_loop *loop);

/* Run call(arg) on the loop's thread at its next turn: asyncio's call_soon_threadsafe(). Calls
 * of one thread run in the order they were made. The call runs on the loop's own stack: it may
 * wake, create and cancel tasks, and must not await.
 *
 * Owns:    arg stays the caller's until call has run; calls not yet run when the loop ends are
 *          dropped.
 * Awaits:  no. From any thread, but not from a signal handler.
 * Returns: 0, -ENOMEM, -ESHUTDOWN (the loop has ended). */
RONDO_API RONDO_MUST_CHECK int rondo_call_soon_threadsafe(rondo_loop *loop, void (*call)(void *),
							  void *arg);

/* What a loop has done since it started. */
struct rondo_loop_stats {
	uint64_t n_turns;		/* batches run */
	uint64_t n_enters;		/* io_uring_enter calls */
	uint64_t n_submitted;		/* SQEs the kernel took */
	uint64_t n_reaped;		/* CQEs */
	uint64_t n_overflows;		/* enters that found the CQ overflown */
	uint64_t n_in_flight;		/* SQEs that still owe a CQE */
	uint64_t n_created;		/* tasks ever created */
	uint64_t n_tasks;		/* tasks not done */
	uint64_t n_timers;		/* sleeps and time limits pending */
};

/* Read the counters of the calling thread's loop; all zero where none is running.
 *
 * Awaits:  no. */
RONDO_API void rondo_loop_stats(struct rondo_loop_stats *stats);

RONDO_END_DECLS
#endif
