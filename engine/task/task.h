/* SPDX-License-Identifier: MIT */
/* task.h - what the files of this layer share. Layer 5. */
#ifndef RONDO_TASK_TASK_H
#define RONDO_TASK_TASK_H

#include <errno.h>

#include "loop/loop.h"

struct created;
struct group;
struct rondo_future;
struct starting;
struct vars;

/* A stretch of code that holds requests back; on the task's stack. */
struct mask {
	struct mask *outer;
	uint32_t n_held;		/* requests it keeps from what runs inside */
	bool pending;			/* one of them was never delivered */
};

/* Told when a task or future is done: on the finishing task's stack, so it wakes and counts, no
 * more. t is NULL for a future. */
struct watcher {
	struct list link;
	void (*done)(struct watcher *w, struct rondo_task *t);
};

/* A task as this layer has it. Four cache lines are touched to make a task and a fifth costs a
 * tenth of the whole; so what only some tasks need is not even cleared before it is first used. */
struct task {
	struct rondo_task base;
	const char *message;		/* of the last request to cancel it, or NULL */
	struct mask *mask;		/* the innermost one it is in */
	uint32_t n_held;		/* of its n_cancels: those that a mask holds */
	uint32_t n_scopes;		/* masks and groups that it has begun and not ended */
	struct group *group;		/* it is a child of, until it is done */
	struct vars *vars;		/* its context variables (context.h), unless... */
	rondo_context *context;		/* ...it shares these; or NULL */
	struct created *created;	/* where, in debug mode; or NULL */
	uint32_t n_deaf;		/* steps since it was told to stop, in debug mode */

	struct list sibling;		/* in the group, as all below */
	struct starting *starting;	/* who waits for its rondo_started(), or NULL */
};

/* To be written to. */
static inline struct task *task_of(struct rondo_task *t)
{
	struct task *own = container_of(t, struct task, base);

	if (!t->extended) {
		own->message = NULL;
		own->mask = NULL;
		own->n_held = own->n_scopes = 0;
		own->group = NULL;
		own->vars = NULL;
		own->context = NULL;
		own->created = NULL;
		own->n_deaf = 0;
		t->extended = true;
	}
	return own;
}

/* To be read: zeroes if nothing was written yet. */
static inline const struct task *task_known(const struct rondo_task *t)
{
	static const struct task plain;

	return unlikely(t->extended) ? container_of(t, const struct task, base) : &plain;
}

static inline void task_set_message(struct rondo_task *t, const char *message)
{
	if (unlikely(message || t->extended))
		task_of(t)->message = message;
}

/* The requests that were made inside the masks it is in. */
static inline uint32_t task_n_cancels_inside(const struct rondo_task *t)
{
	return t->n_cancels - task_known(t)->n_held;
}

static inline bool task_is_done(const struct rondo_task *t)
{
	return t->state != RONDO_PENDING;
}

/* R8: its lists are not for two threads. NULL is nobody's. */
static inline void task_must_be_ours(const struct rondo_task *t)
{
	if (unlikely(t && t->loop != rondo__loop))
		BUG("a task of another loop was awaited");
}

/* Tell those in a list of watchers, in order of their arrival. */
static inline void tell_watchers(struct list *watchers, struct rondo_task *t)
{
	while (!list_empty(watchers)) {
		struct watcher *w = container_of(list_pop(watchers), struct watcher, link);

		w->done(w, t);
	}
}

/* A request that is there before a wait begins is delivered in the next turn, as by asyncio. */
static inline int task_deliver(struct rondo_task *self)
{
	rondo__requeue(self);		/* no yield: taken back meanwhile, it still ends this */
	self->must_cancel = false;
	return -ECANCELED;
}

struct rondo_task *rondo__task_create(struct loop *l, const struct rondo_task_options *o,
				      rondo_fn *fn, void *arg);
/* The same in two steps: a task that is to be known to others before it first runs. */
struct rondo_task *rondo__task_make(struct loop *l, const struct rondo_task_options *o,
				    rondo_fn *fn, void *arg);
void rondo__task_start(struct rondo_task *t, const struct rondo_task_options *o);
/* Give up one reference; the last one reports an error nobody saw, and frees. */
void rondo__task_unref(struct rondo_task *t);
/* Pass a request on to a task that is waited for; from wait_class.forward only, the last one
 * first. */
void rondo__cancel_forward(struct cancel_request *r, struct rondo_task *t);
/* rondo_cancel() by somebody inside the task: only masks begun inside the scope hold it back. */
bool rondo__cancel_from(struct rondo_task *t, const struct mask *scope, const char *message);
/* A child of a group is done. */
void rondo__group_child_done(struct rondo_task *t);
/* Ask every task to stop, each once however they wait for each other. */
void rondo__cancel_all(struct loop *l);
/* Who is told when a future is settled, and whose loop's it is. */
struct list *rondo__future_watchers(struct rondo_future *future, struct loop **l);
/* Tell on_error if the task failed and nobody knows. */
void rondo__task_report_unseen(struct rondo_task *t);
/* Debug mode: the task is new; it is freed. */
void rondo__debug_created(struct rondo_task *t);
void rondo__debug_freed(struct task *own);
/* Tell on_error, and where the task was created. */
void rondo__debug_report(const struct loop *l, const struct rondo_task *t, struct rondo_report *r);
/* Tell on_error, if anybody listens. */
void rondo__task_report(const struct loop *l, struct rondo_task *t, const char *message, int error);
#endif
