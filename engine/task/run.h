/* SPDX-License-Identifier: MIT */
/* run.h - from a main function to a loop and back. Layer 5. */
#ifndef RONDO_TASK_RUN_H
#define RONDO_TASK_RUN_H

#include <stdatomic.h>
#include <sys/types.h>

#include "loop/loop.h"

struct vars;
struct watch;

/* A loop as rondo_run() keeps it: with what this layer adds. Every loop of tasks is in one. */
struct run {
	struct loop loop;		/* first: rondo__loop_abandon() frees it */
	uint64_t n_calls;		/* slots of the ready queue that are kept for calls */
	struct rondo_task *main_task;	/* of the last run: a call from outside may still name it */
	struct stack *last_stack;	/* kept for the task that closes what was left open */
	struct vars *vars;		/* what main functions leave to those after them */
	struct vars **call_vars;	/* current in the call that runs; NULL: vars */
	struct list handles;		/* calls that are pending */
	struct watch **watches;		/* by descriptor and direction; NULL: none */
	size_t n_watches;
	struct list watches_left;	/* and also those that were removed and still have an op */
	struct loop_part part;		/* what of all this is to be freed */
	pid_t process, thread;		/* whose ring it is */
	bool running;
	bool stopping;			/* rondo_loop_stop(): leave after the batch */
	bool broken;			/* tasks were abandoned on it */
	struct list signal_handlers;	/* see signal_handler.c */
};

static inline struct run *run_of(struct loop *l)
{
	return container_of(l, struct run, loop);
}

/* The slots that may be needed: each task's, the calls', one for the calls from other threads, and
 * two for a first or a last turn. */
static inline uint64_t run_slots(const struct loop *l)
{
	return l->n_live + container_of(l, const struct run, loop)->n_calls + 3;
}

/* Keep n more slots, so that pushing as many calls cannot fail. Returns 0 or -ENOMEM. */
int rondo__run_keep_slots(struct loop *l, unsigned n);
void rondo__run_release_slots(struct loop *l, unsigned n);

/* R8: what is not made for threads is used by another one. */
void rondo__run_check_thread(const struct loop *l);

/* Make a loop; it becomes this thread's running one. options may be NULL. */
int rondo__run_open(const struct kernel *kernel, const struct rondo_options *options,
		    struct run **run);
/* Run main(arg) to its end; what else there is stays for the next time, or for the close. */
int rondo__run_main(struct run *run, rondo_fn *main, void *arg);
/* Run what there is until rondo_loop_stop(). */
int rondo__run_forever(struct run *run);
/* Cancel all tasks, wait for them, and free the loop. */
void rondo__run_close(struct run *run);

/* For the close: no call that is pending will be made. */
void rondo__handles_drop(struct run *run);
/* Nothing is watched any more; and what the kernel has given back by then. */
void rondo__watches_remove(struct run *run);
void rondo__watches_free(struct run *run);

/* Debug mode, if the options ask for it: from the opening of the loop... Returns 0 or -ENOMEM. */
int rondo__debug_open(struct loop *l);
/* ...to its close, which tells of what was left. */
void rondo__debug_report_leaks(struct loop *l);
void rondo__debug_close(struct loop *l);

/* rondo_run_with() over any kernel: the simulated one enters here. */
int rondo__run_on(const struct kernel *kernel, const struct rondo_options *options, rondo_fn *main,
		  void *arg);

/* Keep SIGPIPE from killing while a loop runs on a kernel that cannot be told not to raise it for a
 * write (KN-4): blocked in this thread, and what came is taken away at the end. */
struct sigpipe_guard {
	bool blocked;			/* by us */
};

void rondo__sigpipe_block(struct sigpipe_guard *g, const struct ring *ring);
void rondo__sigpipe_unblock(const struct sigpipe_guard *g);

/* ^C while a loop runs in the main thread (sigint.c). */
void rondo__sigint_watch(struct loop *l);
void rondo__sigint_unwatch(void);
/* The same at the end of a loop, and also where somebody receives SIGINT in our place. */
void rondo__sigint_end(void);
/* Has the first ^C come? True once. */
extern atomic_bool rondo__sigint_pending;

static inline bool rondo__sigint_take(void)
{
	return unlikely(atomic_load_explicit(&rondo__sigint_pending, memory_order_relaxed)) &&
	       atomic_exchange(&rondo__sigint_pending, false);
}
#endif
