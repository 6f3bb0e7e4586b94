/* SPDX-License-Identifier: MIT */
/* group.c - task groups: begin, children, errors, cancel, end (rows G1 to G10). */
#include "task/group.h"

#include <stdio.h>
#include <string.h>

#include "task/run.h"

enum {
	CALLS = 2,
	LOOK_AHEAD = 4,			/* children */
};

void rondo__group_add_error(struct group *g, struct rondo_task *t, int error)
{
	struct rondo_task_group_error *e = &g->errors[g->n_errors];

	if (g->n_errors++ >= g->errors_room) {
		rondo__task_report(t->loop, t, "an error in a task group that has no room for it",
				   error);
		return;
	}
	e->error = error;
	strcpy(e->task, rondo_task_name(t));
}

static struct rondo_task *child_at(struct list *p)
{
	return &container_of(p, struct task, sibling)->base;
}

/* A hundred thousand children are cold, and their misses would come one after the other: so one
 * child is looked up well ahead, and what another one waits for, whose block has come by now. */
void rondo__group_abort(struct group *g)
{
	struct list *ahead = g->children.next, *middle = ahead, *next;

	g->aborting = true;
	for (int i = 0; i < 2 * LOOK_AHEAD && ahead != &g->children; i++, ahead = ahead->next) {
		__builtin_prefetch(child_at(ahead), 1);
		middle = i < LOOK_AHEAD ? ahead : middle;
	}
	for (struct list *p = g->children.next; p != &g->children; p = next) {
		next = p->next;
		if (ahead != &g->children) {
			__builtin_prefetch(child_at(ahead), 1);
			ahead = ahead->next;
			middle = middle->next;
			__builtin_prefetch(child_at(middle)->wait, 1);
		}
		rondo_cancel(child_at(p));
	}
	rondo__group_refuse_room(g);
}

static void ask_owner(struct group *g)
{
	g->asked_owner = true;
	rondo__cancel_from(g->owner, g->mask, NULL);
}

static void wake_owner(struct group *g)
{
	if (g->owner->wait == &g->wait && !group_is_busy(g))
		rondo__wake(g->owner);
}

static void abort_run(struct ready_call *c)
{
	struct group *g = container_of(c, struct group, abort_call);

	g->abort_queued = false;
	if (!g->aborting && !g->asked_owner) {
		rondo__group_abort(g);
		ask_owner(g);
	}
	wake_owner(g);
}

static void empty_run(struct ready_call *c)
{
	struct group *g = container_of(c, struct group, empty_call);

	g->empty_queued = false;
	wake_owner(g);
}

static void queue(struct group *g, struct ready_call *c, bool *queued)
{
	if (!*queued)
		ready_push_call(&g->owner->loop->ready, c);
	*queued = true;
}

void rondo__group_look(struct group *g)
{
	if (!g->n_children)
		queue(g, &g->empty_call, &g->empty_queued);
}

/* The same when they end: of the loop's next tasks, what it does not fetch itself. */
static void prefetch_ready(const struct ready_queue *q)
{
	const char *t = (const char *)q->slots[(q->head + LOOK_AHEAD - 1) & q->mask];

	for (int line = 1; line <= 4; line++) {
		__builtin_prefetch(t + line * CACHE_LINE_BYTES, 1);
		__builtin_prefetch(t - (line + 2) * CACHE_LINE_BYTES, 1);
	}
}

void rondo__group_child_done(struct rondo_task *t)
{
	struct task *own = task_of(t);
	struct group *g = own->group;

	if (g->aborting)
		prefetch_ready(&t->loop->ready);
	own->group = NULL;
	list_remove(&own->sibling);
	g->n_children--;
	if (!rondo__group_not_started(t) && t->state == RONDO_FAILED) {
		t->retrieved = true;
		rondo__group_add_error(g, t, t->result);
		if (!g->aborting)
			queue(g, &g->abort_call, &g->abort_queued);
	}
	rondo__group_give_room(g);
	rondo__group_look(g);
	rondo__task_unref(t);
}

void rondo__group_adopt(struct group *g, struct rondo_task *t)
{
	struct task *own = task_of(t);

	own->group = g;
	own->starting = NULL;
	list_push(&g->children, &own->sibling);
	g->n_children++;
	if (task_is_done(t))
		rondo__group_child_done(t);
}

int rondo_task_group_add(struct rondo_task_group *group, rondo_task *task)
{
	struct group *g = group_of(group);
	int ret;

	task_must_be_ours(task);
	ret = !task ? -ENOMEM : task == g->owner ? -EDEADLK : task_known(task)->group ? -EBUSY :
		  group_is_open(g) ? 0 : -EPERM;

	if (ret == 0)
		rondo__group_adopt(g, task);
	if (ret == -EPERM)
		rondo_cancel(task);
	if (ret < 0)
		rondo_detach(task);
	return ret;
}

/* --- begin, cancel, end ---------------------------------------------------------------------- */

int rondo_task_group_begin_with(struct rondo_task_group *group,
				const struct rondo_task_group_options *options)
{
	struct rondo_task *self = rondo__self();
	struct group *g = group_of(group);
	int ret = rondo__run_keep_slots(self->loop, CALLS);

	if (ret < 0)
		return ret;
	*g = (struct group){ .owner = self, .mask = task_known(self)->mask, .limit = SIZE_MAX,
			     .abort_call.run = abort_run, .empty_call.run = empty_run,
			     .errors = g->few, .errors_room = GROUP_ERRORS };
	if (options && options->limit)
		g->limit = options->limit;
	if (options && options->errors) {
		g->errors = options->errors;
		g->errors_room = options->n_errors;
	}
	list_init(&g->children);
	list_init(&g->spawners);
	task_of(self)->n_scopes++;
	return 0;
}

int rondo_task_group_begin(struct rondo_task_group *group)
{
	return rondo_task_group_begin_with(group, NULL);
}

void rondo_task_group_cancel(struct rondo_task_group *group)
{
	struct group *g = group_of(group);

	if (g->ended || (g->ending && !group_is_busy(g)))
		return;
	if (!g->aborting)
		rondo__group_abort(g);
	if (!g->asked_owner)
		ask_owner(g);
}

static void group_describe(const struct wait *w, char *buf, size_t size)
{
	const struct group *g = container_of(w, struct group, wait);

	snprintf(buf, size, "%zu tasks of its group", g->n_children);
}

/* Not forwarded: asyncio's owner first wakes, and then cancels the children. */
static const struct wait_class group_class = {
	.name = "group", .cancel = wait_cancel_now, .describe = group_describe,
};

static int group_park(struct group *g)
{
	if (g->owner->must_cancel)
		return task_deliver(g->owner);
	g->wait = (struct wait){ .class = &group_class, .task = g->owner };
	rondo__park(&g->wait);
	return rondo__wait_result(&g->wait, 0);
}

/* G3: for all, however often we are asked to stop meanwhile. Returns whether we were (G7: also when
 * it was the children that failed first). */
static bool wait_for_all(struct group *g)
{
	bool cancelled = false;

	while (group_is_busy(g)) {
		if (group_park(g) == 0)
			continue;
		cancelled = true;
		if (!g->aborting)
			rondo__group_abort(g);
	}
	return cancelled;
}

/* G4, G6, G7. */
static int outcome(struct group *g, int result, bool cancelled)
{
	if (g->asked_owner) {
		rondo_uncancel(g->owner);
		cancelled &= task_n_cancels_inside(g->owner) > 0;
	}
	if (result < 0 && result != -ECANCELED)
		rondo__group_add_error(g, g->owner, result);
	if (!g->n_errors && cancelled)
		return -ECANCELED;
	if (!g->n_errors)
		return result < 0 ? 0 : result;
	if (task_n_cancels_inside(g->owner)) {
		rondo_uncancel(g->owner);
		rondo__cancel_from(g->owner, g->mask, task_known(g->owner)->message);
	}
	return -RONDO_EGROUP;
}

int rondo_task_group_end(struct rondo_task_group *group, int result)
{
	struct group *g = group_of(group);
	const struct rondo_task *self = rondo__self();
	bool cancelled = result == -ECANCELED;

	if (unlikely(g->ended || g->owner != self || g->mask != task_known(self)->mask))
		BUG("rondo_task_group_end(): not by its owner, not once, or inside a mask region");
	g->ending = true;
	if (result < 0 && !g->aborting)
		rondo__group_abort(g);
	cancelled |= wait_for_all(g);
	g->ended = true;
	task_of(g->owner)->n_scopes--;
	rondo__run_release_slots(g->owner->loop, CALLS);
	return outcome(g, result, cancelled);
}

/* --- looking --------------------------------------------------------------------------------- */

size_t rondo_task_group_n_errors(const struct rondo_task_group *group)
{
	return group_of_const(group)->n_errors;
}

const struct rondo_task_group_error *rondo_task_group_error(const struct rondo_task_group *group,
							    size_t i)
{
	const struct group *g = group_of_const(group);

	return i < g->n_errors && i < g->errors_room ? &g->errors[i] : NULL;
}

size_t rondo_task_group_n_tasks(const struct rondo_task_group *group)
{
	return group_of_const(group)->n_children;
}

int rondo_task_group_each(struct rondo_task_group *group, int (*each)(rondo_task *, void *),
			  void *ctx)
{
	struct group *g = group_of(group);
	int ret = 0;

	for (struct list *next, *p = g->children.next; p != &g->children && ret == 0; p = next) {
		next = p->next;
		ret = each(&container_of(p, struct task, sibling)->base, ctx);
	}
	return ret;
}
