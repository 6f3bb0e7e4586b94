/* SPDX-License-Identifier: MIT */
/* overflow.h - say which task overflowed its stack, before the process dies of it. Layer 1.
 *
 * A stack that overflows hits its guard, and SIGSEGV alone tells nobody which of ten thousand
 * tasks it was. While a thread watches, the signal first writes one line to stderr:
 *
 *     rondo: stack overflow in task 'client-7' (stack 64 KiB) at 0x7f1c2a3f0ff8
 *
 * and then the fault happens again with the default action: the exit status and the core are
 * those of a program that does not watch.
 *
 * W1  A SIGSEGV handler or an alternate signal stack that is there already is somebody else's,
 *     and stays as it is.
 * W2  Every other SIGSEGV does what it would have done: no line, and death by SIGSEGV. */
#ifndef RONDO_SWITCH_OVERFLOW_H
#define RONDO_SWITCH_OVERFLOW_H

#include <stddef.h>

#include "switch/stack.h"

struct overflow_watch {
	/* Set by the owner, and kept until rondo__overflow_unwatch(). */
	const struct stack_pool *pool;
	/* Write the name of the task on the stack whose lowest usable byte is stack_base.
	 * Called in a signal handler: async-signal-safe functions only. */
	void (*name)(const struct overflow_watch *w, void *stack_base, char *buf, size_t size);

	/* What rondo__overflow_unwatch() undoes. */
	struct overflow_watch *next;		/* of this thread's */
	void *signal_stack;			/* NULL: the thread had one */
	size_t signal_stack_size;
	bool watching;
};

/* Watch the calling thread's stacks. Returns 1, or 0 when somebody else handles SIGSEGV (W1), or
 * -errno; rondo__overflow_unwatch() may be called in every case. */
int rondo__overflow_watch(struct overflow_watch *w);
/* Undo it: same thread. The last one restores the default action. */
void rondo__overflow_unwatch(struct overflow_watch *w);
#endif
