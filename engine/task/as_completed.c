/* SPDX-License-Identifier: MIT */
/* as_completed.c - tasks in the order in which they end (row W9). */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "loop/timer.h"
#include "rondo/wait.h"
#include "task/task.h"

enum { FEW = 8 };

struct each {
	struct wait wait;
	struct timer timer;
	struct entry {
		struct watcher watcher;	/* its link: in the task's watchers, then in done */
		struct each *each;
		rondo_task *task;	/* not to be looked at once it was given: it may be gone */
		bool pending;
	} *entries, few[FEW];
	size_t n_entries, n_pending;
	struct list done;		/* entries not yet given */
	bool expired;
};

_Static_assert(sizeof(struct each) <= sizeof(struct rondo_as_completed),
	       "struct rondo_as_completed is too small");

static void each_describe(const struct wait *w, char *buf, size_t size)
{
	const struct each *e = container_of(w, struct each, wait);

	snprintf(buf, size, "the next of %zu tasks", e->n_pending);
}

static void each_awaits(const struct wait *w, void (*seen)(struct rondo_task *t, void *arg), void *arg)
{
	const struct each *e = container_of(w, struct each, wait);

	for (size_t i = 0; i < e->n_entries; i++)
		if (e->entries[i].pending)
			seen(e->entries[i].task, arg);
}

static const struct wait_class each_class = {
	.name = "as_completed", .cancel = wait_cancel_now, .describe = each_describe,
	.awaits = each_awaits,
};

static void each_wake(struct each *e)
{
	if (e->wait.task->wait == &e->wait)
		rondo__wake(e->wait.task);
}

static void entry_done(struct watcher *w, struct rondo_task *t)
{
	struct entry *entry = container_of(w, struct entry, watcher);
	struct each *e = entry->each;

	(void)t;
	entry->pending = false;
	e->n_pending--;
	list_push(&e->done, &w->link);
	each_wake(e);
}

static void stop_watching(struct each *e)
{
	for (size_t i = 0; i < e->n_entries; i++) {
		struct entry *entry = &e->entries[i];

		if (entry->pending)
			list_remove(&entry->watcher.link);
		entry->pending = false;
	}
}

static void time_is_up(struct timer *t)
{
	struct each *e = container_of(t, struct each, timer);

	e->expired = true;
	stop_watching(e);
	each_wake(e);
}

/* A task named twice is found as by gather, by a mark. */
static void watch(struct each *e, size_t n, rondo_task *const tasks[])
{
	for (size_t i = 0; i < n; i++) {
		struct entry *entry = &e->entries[e->n_entries];
		struct rondo_task *t = tasks[i];

		task_must_be_ours(t);
		if (t && t->gathered == e)
			continue;
		*entry = (struct entry){ .watcher.done = entry_done, .each = e, .task = t };
		e->n_entries++;
		if (t)
			t->gathered = e;
		if (!t || task_is_done(t)) {
			list_push(&e->done, &entry->watcher.link);
			continue;
		}
		entry->pending = true;
		list_push(&t->watchers, &entry->watcher.link);
		e->n_pending++;
	}
	for (size_t i = 0; i < n; i++)
		if (tasks[i])
			tasks[i]->gathered = NULL;
}

static int start_timer(struct each *e, double seconds)
{
	struct loop *l = e->wait.task->loop;

	if (!e->n_pending || (isinf(seconds) && seconds > 0))
		return 0;
	l->clock.fired |= seconds <= 0;
	return rondo__timer_start(l, &e->timer, rondo__timer_deadline(seconds));
}

int rondo_as_completed_begin(struct rondo_as_completed *each, size_t n_tasks,
			     rondo_task *const tasks[], double seconds)
{
	struct each *e = (struct each *)each;
	int ret;

	*e = (struct each){ .wait = { .class = &each_class, .task = rondo__self() },
			    .timer.fire = time_is_up };
	e->entries = e->few;
	list_init(&e->done);
	heap_node_init(&e->timer.node);
	if (isnan(seconds))
		return -EINVAL;
	if (n_tasks > FEW)
		e->entries = malloc(n_tasks * sizeof(*e->entries));
	if (!e->entries)
		return -ENOMEM;
	watch(e, n_tasks, tasks);
	ret = start_timer(e, seconds);
	if (ret < 0)
		rondo_as_completed_end(each);
	return ret;
}

int rondo_as_completed_next(struct rondo_as_completed *each, rondo_task **task)
{
	struct each *e = (struct each *)each;
	struct rondo_task *self = e->wait.task;
	int ret;

	if (unlikely(self != rondo__self()))
		BUG("rondo_as_completed_next(): begun by another task");
	while (list_empty(&e->done)) {
		if (!e->n_pending)
			return 0;
		if (e->expired)
			return -ETIMEDOUT;
		if (unlikely(self->must_cancel))
			return task_deliver(self);
		e->wait.cancelled = false;
		rondo__park(&e->wait);
		ret = rondo__wait_result(&e->wait, 0);
		if (ret < 0)
			return ret;
	}
	*task = container_of(list_pop(&e->done), struct entry, watcher.link)->task;
	return 1;
}

void rondo_as_completed_end(struct rondo_as_completed *each)
{
	struct each *e = (struct each *)each;

	rondo__timer_stop(e->wait.task->loop, &e->timer);
	stop_watching(e);
	if (e->entries != e->few)
		free(e->entries);
	e->entries = e->few;
	e->n_entries = e->n_pending = 0;
	list_init(&e->done);
}
