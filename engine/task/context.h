/* SPDX-License-Identifier: MIT */
/* context.h - the variables that tasks inherit (row L9). Layer 5.
 *
 * C1  A set of variables that more than one refers to is never written: who sets a variable copies
 *     it first. So to inherit is to count, and nobody sees what another sets afterwards.
 * C2  A task that has none, and whose creator has none, never hears of this file. */
#ifndef RONDO_TASK_CONTEXT_H
#define RONDO_TASK_CONTEXT_H

#include "rondo/context.h"
#include "task/run.h"
#include "task/task.h"

struct vars {
	uint32_t n_refs;
	uint32_t n, room;
	struct var {
		const struct rondo_contextvar *key;
		void *value;
	} all[];
};

/* For tasks that are to share their variables (create_task's context=). */
struct rondo_context {
	uint32_t n_refs;
	struct vars *vars;
};

static inline struct vars *vars_get(struct vars *v)
{
	if (v)
		v->n_refs++;
	return v;
}

void rondo__vars_put(struct vars *v);

static inline void vars_put(struct vars *v)
{
	if (unlikely(v))
		rondo__vars_put(v);
}

/* What is current here: in a task, or in a call. Does not make the task known to this layer. */
struct vars *rondo__context_now(struct loop *l);
/* The new task t begins with what is current, or shares what was asked for. */
void rondo__context_inherit(struct rondo_task *t, rondo_context *shared);
/* The task is freed. */
void rondo__context_leave(struct task *own);
/* What a main function has set is what the next one begins with, as by asyncio.Runner. */
void rondo__context_end_main(struct run *run);

/* On the loop's own stack: call fn(arg) where *vars is current. */
static inline void context_call(struct loop *l, struct vars **vars, void (*fn)(void *), void *arg)
{
	struct run *run = run_of(l);

	run->call_vars = vars;
	fn(arg);
	run->call_vars = NULL;
}
#endif
