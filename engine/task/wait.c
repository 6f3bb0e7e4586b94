/* SPDX-License-Identifier: MIT */
/* wait.c - asyncio.wait(): some of several tasks, and nobody is cancelled (row W6). */
#include "rondo/wait.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "loop/timer.h"
#include "task/task.h"

struct some {
	struct wait wait;
	struct timer timer;
	struct member {
		struct watcher watcher;
		struct some *some;
		rondo_task *task;
		rondo_task *ended;	/* of members[i]: the task that ended as number i */
		bool done;
	} *members;
	size_t n_members, n_done;
	enum rondo_return_when when;
	bool failed;			/* one of them, other than by a cancel */
	bool expired;
};

static bool some_is_over(const struct some *s)
{
	return s->n_done == s->n_members || s->expired ||
	       (s->when == RONDO_FIRST_COMPLETED && s->n_done) ||
	       (s->when == RONDO_FIRST_EXCEPTION && s->failed);
}

static void some_wake(struct some *s)
{
	if (s->wait.task->wait == &s->wait && some_is_over(s))
		rondo__wake(s->wait.task);
}

static void count(struct member *m, int result)
{
	struct some *s = m->some;

	m->done = true;
	s->members[s->n_done++].ended = m->task;
	s->failed |= result < 0 && result != -ECANCELED;
}

static void member_done(struct watcher *w, struct rondo_task *t)
{
	struct member *m = container_of(w, struct member, watcher);

	count(m, t->result);
	some_wake(m->some);
}

static void time_is_up(struct timer *t)
{
	struct some *s = container_of(t, struct some, timer);

	s->expired = true;
	some_wake(s);
}

static void some_describe(const struct wait *w, char *buf, size_t size)
{
	const struct some *s = container_of(w, struct some, wait);

	snprintf(buf, size, "%s of %zu tasks",
		 s->when == RONDO_FIRST_COMPLETED ? "the first" :
		 s->when == RONDO_FIRST_EXCEPTION ? "the first failure" : "all", s->n_members);
}

static void some_awaits(const struct wait *w, void (*seen)(struct rondo_task *t, void *arg), void *arg)
{
	const struct some *s = container_of(w, struct some, wait);

	for (size_t i = 0; i < s->n_members; i++)
		if (!s->members[i].done)
			seen(s->members[i].task, arg);
}

static const struct wait_class some_class = {
	.name = "wait", .cancel = wait_cancel_now, .describe = some_describe,
	.awaits = some_awaits,
};

static void watch(struct some *s, rondo_task *const tasks[])
{
	for (size_t i = 0; i < s->n_members; i++) {
		struct member *m = &s->members[i];

		task_must_be_ours(tasks[i]);
		/* Not ended: an earlier member may have set it. */
		m->watcher.done = member_done;
		m->some = s;
		m->task = tasks[i];
		m->done = false;
		list_init(&m->watcher.link);
		if (!m->task || task_is_done(m->task))
			count(m, m->task ? m->task->result : -ENOMEM);
		else
			list_push(&m->task->watchers, &m->watcher.link);
	}
}

/* Time that is up already lets what is ready run once, as call_later(0) would. */
static int start_timer(struct some *s, double seconds)
{
	struct loop *l = s->wait.task->loop;

	if (isinf(seconds) && seconds > 0)
		return 0;
	l->clock.fired |= seconds <= 0;
	return rondo__timer_start(l, &s->timer, rondo__timer_deadline(seconds));
}

static int some_wait(struct some *s, double seconds)
{
	struct rondo_task *self = s->wait.task;
	int ret;

	if (unlikely(self->must_cancel))
		return task_deliver(self);
	ret = start_timer(s, seconds);
	if (ret < 0)
		return ret;
	rondo__park(&s->wait);
	rondo__timer_stop(self->loop, &s->timer);
	return rondo__wait_result(&s->wait, 0);
}

static void put_in_order(const struct some *s, rondo_task *tasks[])
{
	size_t n = 0;

	for (; n < s->n_done; n++)
		tasks[n] = s->members[n].ended;
	for (size_t i = 0; i < s->n_members; i++)
		if (!s->members[i].done)
			tasks[n++] = s->members[i].task;
}

ssize_t rondo_wait(size_t n_tasks, rondo_task *tasks[], enum rondo_return_when when, double seconds)
{
	enum { ON_STACK = 16 };
	struct member few[ON_STACK];
	struct some s = {
		.wait = { .class = &some_class, .task = rondo__self() },
		.timer.fire = time_is_up,
		.n_members = n_tasks,
		.when = when,
	};
	ssize_t ret = 0;

	if (!n_tasks || isnan(seconds))
		return -EINVAL;
	s.members = n_tasks <= ON_STACK ? few : malloc(n_tasks * sizeof(*s.members));
	if (!s.members)
		return -ENOMEM;
	heap_node_init(&s.timer.node);
	watch(&s, tasks);
	if (!some_is_over(&s))
		ret = some_wait(&s, seconds);
	else
		budget_yield();
	for (size_t i = 0; i < n_tasks; i++)
		list_remove(&s.members[i].watcher.link);
	if (ret == 0) {
		put_in_order(&s, tasks);
		ret = (ssize_t)s.n_done;
	}
	if (s.members != few)
		free(s.members);
	return ret;
}
