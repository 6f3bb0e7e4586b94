/* SPDX-License-Identifier: MIT */
/* callback.h - calls when a task or future is done (row T15). Layer 5.
 *
 * A callback waits like a task that awaits: as a watcher, in order of arrival. When its turn
 * comes it is a call in the ready queue, whose slot was kept when it was added. */
#ifndef RONDO_TASK_CALLBACK_H
#define RONDO_TASK_CALLBACK_H

#include "task/task.h"

struct rondo_future;

enum callback_state { CALLBACK_IDLE, CALLBACK_WAITS, CALLBACK_QUEUED };

struct callback {
	struct watcher watcher;
	struct ready_call call;
	struct rondo_task *task;	/* NULL: a future's */
	union {
		void (*task)(rondo_task *task, void *arg);
		void (*future)(struct rondo_future *future, void *arg);
	} fn;
	struct rondo_future *future;
	void *arg;
	struct loop *loop;
	struct vars *vars;		/* current when it was added, and in the call */
	uint8_t state;			/* enum callback_state */
};

/* Add c, of which fn, arg and task or future are set. Returns 0 or -ENOMEM. */
int rondo__callback_add(struct loop *l, struct callback *c, struct list *watchers, bool is_done);
bool rondo__callback_remove(struct callback *c);
#endif
