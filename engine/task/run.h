/* SPDX-License-Identifier: MIT */
/* run.h - from a main function to a loop and back. Layer 5. */
#ifndef RONDO_TASK_RUN_H
#define RONDO_TASK_RUN_H

#include <stdatomic.h>

#include "loop/loop.h"

/* rondo_run_with() over any kernel: the simulated one enters here. */
int rondo__run_on(const struct kernel *kernel, const struct rondo_options *options, rondo_fn *main,
		  void *arg);

/* Keep SIGPIPE from killing while a loop runs on a kernel that cannot be told not to raise it for a
 * write (KN-4): blocked in this thread, and what came is taken away at the end. */
struct sigpipe_guard {
	bool blocked;			/* by us */
	bool was_pending;
};

void rondo__sigpipe_block(struct sigpipe_guard *g, const struct ring *ring);
void rondo__sigpipe_unblock(const struct sigpipe_guard *g);

/* ^C while a loop runs in the main thread (sigint.c). */
void rondo__sigint_watch(struct loop *l);
void rondo__sigint_unwatch(void);
/* Has the first ^C come? True once. */
extern atomic_bool rondo__sigint_pending;

static inline bool rondo__sigint_take(void)
{
	return unlikely(atomic_load_explicit(&rondo__sigint_pending, memory_order_relaxed)) &&
	       atomic_exchange(&rondo__sigint_pending, false);
}
#endif
