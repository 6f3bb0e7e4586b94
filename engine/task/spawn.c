/* SPDX-License-Identifier: MIT */
/* spawn.c - children of a task group: with a limit, and until they are ready (row G11). */
#include <stdio.h>

#include "task/group.h"

struct spawner {
	struct wait wait;
	struct list link;		/* in group->spawners */
	bool granted;			/* counted in group->n_granted */
	bool refused;			/* the group may be gone */
};

/* --- room ------------------------------------------------------------------------------------ */

static bool spawner_cancel(struct wait *w)
{
	list_remove(&container_of(w, struct spawner, wait)->link);
	return wait_cancel_now(w);
}

static const struct wait_class spawner_class = {
	.name = "room in a task group", .cancel = spawner_cancel,
};

static bool has_room(const struct group *g)
{
	return g->n_children + g->n_granted < g->limit;
}

/* Handed over, so that nobody who comes later can be faster. */
void rondo__group_give_room(struct group *g)
{
	while (!list_empty(&g->spawners) && has_room(g)) {
		struct spawner *s = container_of(list_pop(&g->spawners), struct spawner, link);

		s->granted = true;
		g->n_granted++;
		rondo__wake(s->wait.task);
	}
}

void rondo__group_refuse_room(struct group *g)
{
	while (!list_empty(&g->spawners)) {
		struct spawner *s = container_of(list_pop(&g->spawners), struct spawner, link);

		s->refused = true;
		rondo__wake(s->wait.task);
	}
}

static int wait_for_room(struct group *g)
{
	struct rondo_task *self = rondo__self();
	struct spawner s = { .wait = { .class = &spawner_class, .task = self } };
	int ret;

	if (unlikely(self->must_cancel))
		return task_deliver(self);
	list_push(&g->spawners, &s.link);
	rondo__park(&s.wait);
	ret = rondo__wait_result(&s.wait, s.refused ? -EPERM : 0);
	if (!s.granted)
		return ret;
	g->n_granted--;
	if (ret == 0 && g->aborting)
		ret = -EPERM;
	if (ret < 0) {			/* somebody else may have it */
		rondo__group_give_room(g);
		rondo__group_look(g);
	}
	return ret;
}

int rondo_task_group_room(struct rondo_task_group *group)
{
	struct group *g = group_of(group);

	if (!group_is_open(g))
		return -EPERM;
	if (likely(list_empty(&g->spawners) && has_room(g)))
		return 0;
	return wait_for_room(g);
}

/* --- spawn ----------------------------------------------------------------------------------- */

/* A child before its first step; the caller starts it. */
static int make_child(struct rondo_task_group *group, const struct rondo_task_options *options,
		      rondo_fn *fn, void *arg, struct rondo_task **child)
{
	struct group *g = group_of(group);
	int ret = rondo_task_group_room(group);

	if (ret < 0)
		return ret;
	*child = rondo__task_make(g->owner->loop, options, fn, arg);
	if (*child) {
		rondo__group_adopt(g, *child);
		return 0;
	}
	rondo__group_give_room(g);
	rondo__group_look(g);
	return -ENOMEM;
}

int rondo_task_group_spawn_with(struct rondo_task_group *group,
				const struct rondo_task_options *options, rondo_fn *fn, void *arg)
{
	static const struct rondo_task_options defaults;
	const struct rondo_task_options *o = options ? options : &defaults;
	struct rondo_task *child;
	int ret = make_child(group, o, fn, arg, &child);

	if (ret == 0)
		rondo__task_start(child, o);
	return ret;
}

int rondo_task_group_spawn(struct rondo_task_group *group, rondo_fn *fn, void *arg)
{
	return rondo_task_group_spawn_with(group, NULL, fn, arg);
}

/* --- ready ----------------------------------------------------------------------------------- */

struct starting {
	struct wait wait;
	struct rondo_task *child;
	int value;			/* passed by the child, or how it ended */
};

static void starting_forward(struct wait *w, struct cancel_request *r)
{
	rondo__cancel_forward(r, container_of(w, struct starting, wait)->child);
}

static bool starting_cancel(struct wait *w)
{
	task_of(container_of(w, struct starting, wait)->child)->starting = NULL;
	return wait_cancel_now(w);
}

static void starting_describe(const struct wait *w, char *buf, size_t size)
{
	snprintf(buf, size, "the start of task '%s'",
		 rondo_task_name(container_of(w, struct starting, wait)->child));
}

static const struct wait_class starting_class = {
	.name = "start", .cancel = starting_cancel, .forward = starting_forward,
	.describe = starting_describe,
};

static bool tell_starting(struct rondo_task *child, int value)
{
	struct starting *s = task_of(child)->starting;

	if (!s)
		return false;
	task_of(child)->starting = NULL;
	s->value = value;
	rondo__wake(s->wait.task);
	return true;
}

bool rondo__group_not_started(struct rondo_task *t)
{
	bool told = tell_starting(t, t->result < 0 ? t->result : -EPROTO);

	t->retrieved |= told;
	return told;
}

int rondo_started(int value)
{
	struct rondo_task *self = rondo__self();

	if (value < 0)
		return -EINVAL;
	return task_known(self)->group && tell_starting(self, value) ? 0 : -EALREADY;
}

int rondo_task_group_spawn_ready(struct rondo_task_group *group, rondo_fn *fn, void *arg)
{
	static const struct rondo_task_options defaults;
	struct starting s = { .wait = { .class = &starting_class, .task = rondo__self() } };
	int ret = make_child(group, &defaults, fn, arg, &s.child);

	if (ret < 0)
		return ret;
	task_of(s.child)->starting = &s;
	rondo__task_start(s.child, &defaults);
	if (unlikely(s.wait.task->must_cancel)) {		/* T11 */
		s.wait.task->must_cancel = false;
		rondo_cancel(s.child);
	}
	rondo__park(&s.wait);
	return rondo__wait_result(&s.wait, s.value);
}
