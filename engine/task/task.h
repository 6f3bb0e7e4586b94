/* SPDX-License-Identifier: MIT */
/* task.h - what the files of this layer share. Layer 5. */
#ifndef RONDO_TASK_TASK_H
#define RONDO_TASK_TASK_H

#include "loop/loop.h"

/* Told when a task is done: on the finishing task's stack, so it wakes and counts, no more. */
struct watcher {
	struct list link;
	void (*done)(struct watcher *w, struct rondo_task *t);
};

static inline bool task_is_done(const struct rondo_task *t)
{
	return t->state != RONDO_PENDING;
}

struct rondo_task *rondo__task_create(struct loop *l, const struct rondo_task_options *o,
				      rondo_fn *fn, void *arg);
/* Give up one reference; the last one reports an error nobody saw, and frees. */
void rondo__task_unref(struct rondo_task *t);
/* Pass a request on to a task that is waited for; from wait_class.forward only, the last one
 * first. */
void rondo__cancel_forward(struct cancel_request *r, struct rondo_task *t);
/* Ask every task to stop, each once however they wait for each other. */
void rondo__cancel_all(struct loop *l);
/* Tell on_error if the task failed and nobody knows. */
void rondo__task_report_unseen(struct rondo_task *t);
/* Tell on_error, if anybody listens. */
void rondo__task_report(const struct loop *l, struct rondo_task *t, const char *message, int error);
#endif
