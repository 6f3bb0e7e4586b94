/* SPDX-License-Identifier: MIT */
/* await.c - wait for one task, or for several, or for one without handing a cancel on. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task/task.h"

struct join {
	struct wait wait;
	struct watcher watcher;
	struct rondo_task *target;
	bool forwarded;			/* the target was asked to stop because we were */
};

/* Cancelling who awaits a task cancels that task; the awaiter goes on when it has ended (T10). */
static void join_forward(struct wait *w, struct cancel_request *r)
{
	struct join *j = container_of(w, struct join, wait);

	j->forwarded = true;
	rondo__cancel_forward(r, j->target);
}

/* Only when tasks wait for each other in a circle: one of them has to give up. */
static bool join_cancel(struct wait *w)
{
	list_remove(&container_of(w, struct join, wait)->watcher.link);
	return wait_cancel_now(w);
}

static void join_describe(const struct wait *w, char *buf, size_t size)
{
	snprintf(buf, size, "task '%s'", rondo_task_name(container_of(w, struct join, wait)->target));
}

static void join_awaits(const struct wait *w, void (*seen)(struct rondo_task *t, void *arg), void *arg)
{
	seen(container_of(w, struct join, wait)->target, arg);
}

static const struct wait_class join_class = {
	.name = "task", .cancel = join_cancel, .forward = join_forward, .describe = join_describe,
	.awaits = join_awaits,
};

static void join_done(struct watcher *w, struct rondo_task *t)
{
	(void)t;
	rondo__wake(container_of(w, struct join, watcher)->wait.task);
}

static int join(struct rondo_task *self, struct rondo_task *target)
{
	struct join j = {
		.wait = { .class = &join_class, .task = self },
		.watcher.done = join_done,
		.target = target,
	};

	int ret;

	task_must_be_ours(target);
	list_push(&target->watchers, &j.watcher.link);
	if (self->must_cancel) {			/* T11 */
		self->must_cancel = false;
		j.forwarded = rondo_cancel(target);
	}
	rondo__park(&j.wait);
	ret = rondo__wait_result(&j.wait, 0);
	/* Our request came too late for an op of the target: not delivered there, it is ours
	 * again (O3). */
	if (unlikely(ret == 0 && j.forwarded && target->cancel_late))
		self->must_cancel = self->cancel_late = self->n_cancels > 0;
	return ret;
}

/* Who gets the cancel of another gets its message too (T14). */
static void take_message(struct rondo_task *self, const struct rondo_task *t)
{
	if (t->state == RONDO_CANCELLED)
		task_set_message(self, task_known(t)->message);
}

int rondo_await_result(rondo_task *task, void *result, size_t size_bytes)
{
	struct rondo_task *self = rondo__self();
	int ret = 0;

	if (!task)
		return -ENOMEM;
	if (task == self)
		return -EDEADLK;
	if (!task_is_done(task))
		ret = join(self, task);
	else
		budget_yield();
	if (ret == 0) {
		ret = rondo_task_result(task);
		if (ret >= 0 && size_bytes && task->result_slot)
			memcpy(result, task->result_slot, size_bytes);
		if (unlikely(ret == -ECANCELED))
			take_message(self, task);
	}
	task->retrieved = true;
	rondo__task_unref(task);
	return ret;
}

int rondo_await(rondo_task *task)
{
	return rondo_await_result(task, NULL, 0);
}

/* --- shield ---------------------------------------------------------------------------------- */

/* W5: the cancel is the waiter's alone. */
static const struct wait_class shield_class = {
	.name = "shielded task", .cancel = join_cancel, .describe = join_describe,
	.awaits = join_awaits,
};

static int shield(struct rondo_task *self, struct rondo_task *target)
{
	struct join j = {
		.wait = { .class = &shield_class, .task = self },
		.watcher.done = join_done,
		.target = target,
	};

	task_must_be_ours(target);
	if (self->must_cancel)
		return task_deliver(self);
	list_push(&target->watchers, &j.watcher.link);
	rondo__park(&j.wait);
	return rondo__wait_result(&j.wait, 0);
}

int rondo_shield(rondo_task *task)
{
	struct rondo_task *self = rondo__self();
	int ret = 0;

	if (!task)
		return -ENOMEM;
	if (task == self)
		return -EDEADLK;
	if (!task_is_done(task))
		ret = shield(self, task);
	else
		budget_yield();
	if (ret == 0) {
		ret = rondo_task_result(task);
		take_message(self, task);
	}
	rondo__task_unref(task);	/* an error from here on is told to on_error */
	return ret;
}

/* --- gather ---------------------------------------------------------------------------------- */

struct gather {
	struct wait wait;
	struct member {
		struct watcher watcher;
		struct gather *gather;
		struct rondo_task *task;
	} *members;
	size_t n_members;
	size_t n_pending;
	unsigned flags;
	int error;			/* the first one, in time */
	bool cancelled;			/* the members were asked to stop because the gather was */
};

static bool gather_is_over(const struct gather *g)
{
	return !g->n_pending || (g->error && !(g->flags & (RONDO_GATHER_ALL |
							   RONDO_GATHER_CANCEL_REST)));
}

/* Cancelling a gather cancels all its members (W3). */
static void gather_forward(struct wait *w, struct cancel_request *r)
{
	struct gather *g = container_of(w, struct gather, wait);

	g->cancelled = true;
	for (size_t i = g->n_members; i-- > 0;)
		rondo__cancel_forward(r, g->members[i].task);
}

static void gather_describe(const struct wait *w, char *buf, size_t size)
{
	const struct gather *g = container_of(w, struct gather, wait);

	snprintf(buf, size, "%zu of %zu gathered tasks", g->n_pending, g->n_members);
}

static void gather_awaits(const struct wait *w, void (*seen)(struct rondo_task *t, void *arg),
			  void *arg)
{
	const struct gather *g = container_of(w, struct gather, wait);

	for (size_t i = 0; i < g->n_members; i++)
		if (!task_is_done(g->members[i].task))
			seen(g->members[i].task, arg);
}

static const struct wait_class gather_class = {
	.name = "gather", .cancel = wait_cancel_now, .forward = gather_forward,
	.describe = gather_describe, .awaits = gather_awaits,
};

static void cancel_members(struct gather *g)
{
	for (size_t i = 0; i < g->n_members; i++)
		rondo_cancel(g->members[i].task);
}

/* One member is done, or could not be created. */
static void gather_count(struct gather *g, int result)
{
	g->n_pending--;
	if (result >= 0 || g->error)
		return;
	g->error = result;
	if ((g->flags & RONDO_GATHER_CANCEL_REST) && !g->cancelled)
		cancel_members(g);
}

static void gather_done(struct watcher *w, struct rondo_task *t)
{
	struct gather *g = container_of(w, struct member, watcher)->gather;

	gather_count(g, t->result);
	if (g->wait.task->wait == &g->wait && gather_is_over(g))
		rondo__wake(g->wait.task);
}

/* A task named twice is a member once: it has our mark then, which it loses when we leave. */
static void add_members(struct gather *g, size_t n, rondo_task *const tasks[])
{
	for (size_t i = 0; i < n; i++) {
		struct rondo_task *t = tasks[i];
		struct member *m = &g->members[g->n_members];

		if (!t || t->gathered == g)
			continue;
		task_must_be_ours(t);
		t->gathered = g;
		*m = (struct member){ .watcher.done = gather_done, .gather = g, .task = t };
		list_init(&m->watcher.link);
		g->n_members++;
	}
}

static void watch_members(struct gather *g)
{
	g->n_pending = g->n_members;
	for (size_t i = 0; i < g->n_members; i++) {
		struct member *m = &g->members[i];

		if (task_is_done(m->task))
			gather_count(g, m->task->result);
		else
			list_push(&m->task->watchers, &m->watcher.link);
	}
}

static int gather_wait(struct gather *g)
{
	struct rondo_task *self = g->wait.task;

	if (self->must_cancel) {
		self->must_cancel = false;
		g->cancelled = true;
		cancel_members(g);
	}
	rondo__park(&g->wait);
	return rondo__wait_result(&g->wait, 0);
}

/* Members still running when a plain gather fails go on; their errors count as seen, as in
 * asyncio. */
static void leave_members(struct gather *g)
{
	for (size_t i = 0; i < g->n_members; i++) {
		struct rondo_task *t = g->members[i].task;

		list_remove(&g->members[i].watcher.link);
		t->gathered = NULL;
		t->retrieved = true;
		if (!(g->flags & RONDO_GATHER_KEEP))
			rondo__task_unref(t);
	}
}

static void copy_results(int results[], rondo_task *const tasks[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		results[i] = !tasks[i] ? -ENOMEM :
			     task_is_done(tasks[i]) ? tasks[i]->result : -EINPROGRESS;
}

static void take_first_message(const struct gather *g)
{
	for (size_t i = 0; i < g->n_members; i++)
		if (g->members[i].task->state == RONDO_CANCELLED) {
			take_message(g->wait.task, g->members[i].task);
			return;
		}
}

static int gather(struct gather *g, size_t n, rondo_task *const tasks[], int results[])
{
	int ret = 0;

	add_members(g, n, tasks);
	watch_members(g);
	for (size_t i = 0; i < n; i++)
		if (!tasks[i] && !g->error)
			g->n_pending++, gather_count(g, -ENOMEM);
	if (!gather_is_over(g))
		ret = gather_wait(g);
	else
		budget_yield();
	if (ret == 0 && !(g->flags & RONDO_GATHER_ALL)) {
		ret = g->error;
		if (unlikely(ret == -ECANCELED))
			take_first_message(g);
	}
	if (ret == 0 && g->cancelled)
		ret = -ECANCELED;	/* whatever the members made of it (bpo-32684) */
	if (results)
		copy_results(results, tasks, n);
	leave_members(g);
	return ret;
}

enum { ON_STACK = 16 };

/* Give up each task's handle once, however often it is named. */
static void use_up(size_t n, rondo_task *const tasks[])
{
	for (size_t i = 0; i < n; i++)
		if (tasks[i])
			rondo_task_ref(tasks[i])->gathered = (void *)(uintptr_t)tasks;
	for (size_t i = 0; i < n; i++) {
		struct rondo_task *t = tasks[i];

		if (!t)
			continue;
		t->retrieved = true;
		if (t->gathered)
			rondo__task_unref(t);
		t->gathered = NULL;
		rondo__task_unref(t);
	}
}

/* There is no memory for all members at once: wait for a few, then for the next few. Nobody notices,
 * but that the first error may be told later. */
static int gather_in_parts(size_t n, rondo_task *const tasks[], int results[], unsigned flags)
{
	struct member few[ON_STACK];
	int ret = 0;

	for (size_t i = 0; i < n && (ret == 0 || flags & ~(unsigned)RONDO_GATHER_KEEP); i += ON_STACK) {
		struct gather g = {
			.wait = { .class = &gather_class, .task = rondo__self() },
			.members = few, .flags = flags | RONDO_GATHER_KEEP,
		};
		size_t end = n - i < ON_STACK ? n : i + ON_STACK;
		int error = gather(&g, end - i, tasks + i, NULL);

		if (g.cancelled || (error && (flags & RONDO_GATHER_CANCEL_REST)))
			for (size_t j = end; j < n; j++)
				rondo_cancel(tasks[j]);
		ret = ret ? ret : error;
	}
	if (results)
		copy_results(results, tasks, n);
	if (!(flags & RONDO_GATHER_KEEP))
		use_up(n, tasks);
	return ret;
}

int rondo_gather(size_t n_tasks, rondo_task *const tasks[], int results[], unsigned flags)
{
	struct member few[ON_STACK];
	struct gather g = {
		.wait = { .class = &gather_class, .task = rondo__self() },
		.members = n_tasks <= ON_STACK ? few : malloc(n_tasks * sizeof(*g.members)),
		.flags = flags,
	};
	int ret;

	if (!g.members)
		return gather_in_parts(n_tasks, tasks, results, flags);
	ret = gather(&g, n_tasks, tasks, results);
	if (g.members != few)
		free(g.members);
	return ret;
}
