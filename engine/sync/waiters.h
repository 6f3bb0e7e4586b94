/* SPDX-License-Identifier: MIT */
/* waiters.h - tasks that wait in an object, in order of arrival. Layer 6.
 *
 *            rondo__waiters_wait                waiters_grant: it gets what it waits for
 *   running ---------------------> in the list --------------------------------------> ready,
 *                                       |      rondo__waiters_wake: it may look again  in no list
 *                                       |      a cancel: it gets nothing                 ^
 *                                       +------------------------------------------------+
 *
 * Y1  A waiter lies on its task's parked stack (L4). Whoever ends the wait takes it from the list,
 *     so the list holds only tasks that nobody has woken yet. (A lock's waiters stay until they
 *     run: lock.c.)
 * Y2  Nobody overtakes: who comes while others wait, or were granted something and did not run yet,
 *     waits behind them.
 * Y3  What was granted to a task that is cancelled before it runs, it hands on when it does. So a
 *     cancel always wins over a grant, and nothing is lost. */
#ifndef RONDO_SYNC_WAITERS_H
#define RONDO_SYNC_WAITERS_H

#include <errno.h>

#include "loop/loop.h"
#include "rondo/sync.h"

struct rondo_waiter {
	struct wait wait;
	struct rondo_waiters *list;	/* NULL: in none */
	struct rondo_waiter *next, *prev;
	const void *object;		/* what it waits in: for reports */
	bool granted;			/* and not only woken; also if a cancel came later (Y3). Of a
					 * lock: it was woken to take it */
	void (*woken)(struct rondo_waiter *w);	/* NULL: wake the task. Else it is one of several */
};

#define WAITER(object_, class_)                                                                    \
	{ .wait = { .class = (class_), .task = rondo__self() }, .object = (object_) }

static inline struct rondo_waiter *waiter_of(const struct wait *w)
{
	return container_of(w, struct rondo_waiter, wait);
}

static inline void waiters_push(struct rondo_waiters *list, struct rondo_waiter *w)
{
	w->list = list;
	w->next = NULL;
	w->prev = list->last_;
	*(w->prev ? &w->prev->next : &list->first_) = w;
	list->last_ = w;
}

static inline void waiters_remove(struct rondo_waiter *w)
{
	struct rondo_waiters *list = w->list;

	*(w->prev ? &w->prev->next : &list->first_) = w->next;
	*(w->next ? &w->next->prev : &list->last_) = w->prev;
	w->list = NULL;
}

static inline void waiter_wake(struct rondo_waiter *w)
{
	if (unlikely(w->wait.task->loop != rondo__loop))
		BUG("a task was to be woken by another thread than its own");
	if (unlikely(w->woken))
		w->woken(w);
	else
		rondo__wake(w->wait.task);
}

/* The first one gets what it waits for; there must be one. */
static inline void waiters_grant(struct rondo_waiters *list)
{
	struct rondo_waiter *w = list->first_;

	waiters_remove(w);
	w->granted = true;
	waiter_wake(w);
}

/* Wake the first n, or all there are, to look again. */
void rondo__waiters_wake(struct rondo_waiters *list, size_t n);
/* Wait at the end of the list. Returns 0, -ECANCELED, -RONDO_EWRONGLOOP. */
int rondo__waiters_wait(struct rondo_waiters *list, struct rondo_waiter *w);
/* As a wait_class.cancel. */
bool rondo__waiters_cancel(struct wait *w);

/* Tasks of different loops must not meet in a list: its links are not for two threads. */
static inline bool waiters_are_foreign(const struct rondo_waiters *list,
				       const struct rondo_waiter *w)
{
	return list->first_ && list->first_->wait.task->loop != w->wait.task->loop;
}

/* What select needs of them: may it be taken, and what to do when a waiter in the list was woken, or
 * granted, or is to give up then: error is 0 or -ECANCELED, and is returned. */
bool rondo__lock_is_free(const struct rondo_lock *lock);
int rondo__lock_waited(struct rondo_lock *lock, struct rondo_waiter *w, int error);
int rondo__semaphore_waited(struct rondo_semaphore *s, const struct rondo_waiter *w, int error);

/* What a condition's waiting is, also for a barrier: see condition.c. */
int rondo__condition_wait(struct rondo_waiters *list, struct rondo_lock *lock,
			  struct rondo_waiter *w);

/* For reports: "Task-3", or its name, found by number: the task may be long gone. */
void rondo__waiters_name_task(const struct loop *l, uint64_t id, char *buf, size_t size);
#endif
