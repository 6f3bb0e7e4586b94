/* SPDX-License-Identifier: MIT */
/* switch.h - move the CPU from one stack to another. Layer 1.
 *
 * A context is where a suspended piece of code goes on: its stack pointer, frame pointer and
 * program counter. Nothing here knows of tasks or loops.
 *
 * S1  rondo__switch() and rondo__switch_last() are the only ways between stacks, and they tell
 *     every checker (sanitizer.h). */
#ifndef RONDO_SWITCH_SWITCH_H
#define RONDO_SWITCH_SWITCH_H

#include "switch/sanitizer.h"
#include "switch/switch_arch.h"

struct context {
	struct machine_context machine;
	struct san_context san;		/* what the checkers know this stack by; empty without them */
};

/* Prepare c to call entry(arg) on the stack [base, top); entry must never return. */
static inline void rondo__context_init(struct context *c, void *base, void *top,
				       void (*entry)(void *), void *arg)
{
	machine_context_init(&c->machine, top, entry, arg);
	san_context_init(&c->san, base, top);
}

/* Describe the calling thread's own stack, so that contexts can switch back to it. */
static inline void rondo__context_of_thread(struct context *c)
{
	c->machine = (struct machine_context){ 0 };
	san_context_of_thread(&c->san);
}

/* Save the running context in from, continue to. Returns when somebody switches back to from. */
static inline __attribute__((always_inline)) void rondo__switch(struct context *from,
								struct context *to)
{
	san_leave(&from->san, &to->san);
	machine_switch(&from->machine, &to->machine);
	san_arrive(&from->san);
}

/* The same, for a context that will never run again: its stack may be reused at once. */
_Noreturn static inline void rondo__switch_last(struct context *from, struct context *to)
{
	san_leave_last(&from->san, &to->san);
	machine_switch(&from->machine, &to->machine);
	__builtin_unreachable();
}

/* The first thing a new context does. */
static inline void rondo__switch_entered(struct context *self)
{
	san_first_arrive(&self->san);
}
#endif
