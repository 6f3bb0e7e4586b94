/* SPDX-License-Identifier: MIT */
/* cancel.c - ask tasks to stop (rows T3 to T12).
 *
 * A request goes on from a task to the tasks it waits for, and is counted by each, until it
 * comes to those that wait for something else. Awaits may be a hundred thousand deep, share
 * members and go in circles; so the way is a list through the tasks instead of a recursion, and
 * nobody is visited twice. */
#include "task/task.h"

struct cancel_request {
	uint64_t id;
	uint64_t first_id;		/* requests from this one on are one sweep over all tasks */
	struct rondo_task *todo;	/* linked by cancel_next; last in, first out */
	struct rondo_task *at;		/* whose wait is being followed */
	struct rondo_task *closer;	/* waits for one that was visited before: perhaps a circle */
	bool arrived;			/* at somebody who can stop, now or in this sweep */
};

void rondo__cancel_forward(struct cancel_request *r, struct rondo_task *t)
{
	if (task_is_done(t))
		return;
	t->n_cancels++;
	if (t->cancel_id >= r->first_id) {
		r->arrived |= t->cancel_id != r->id;
		r->closer = r->at;
		return;
	}
	t->cancel_id = r->id;
	t->cancel_next = r->todo;
	r->todo = t;
}

/* The end of the way. */
static void stop(struct rondo_task *t)
{
	if (t->wait && t->wait->class->cancel(t->wait))
		return;
	t->must_cancel = true;
	t->cancel_late = t != t->loop->running;		/* else it asked itself: T8 */
}

static void follow(struct cancel_request *r)
{
	while (r->todo) {
		struct rondo_task *t = r->at = r->todo;
		struct wait *w = t->wait;

		r->todo = t->cancel_next;
		if (w && w->class->forward) {
			w->class->forward(w, r);
		} else {
			r->arrived = true;
			stop(t);
		}
	}
	if (!r->arrived)		/* they all wait for each other: one has to give up */
		stop(r->closer ? r->closer : r->at);
}

bool rondo_cancel(rondo_task *task)
{
	struct cancel_request r = { 0 };

	if (!task || task_is_done(task))
		return false;
	if (likely(!task->wait || !task->wait->class->forward)) {
		task->n_cancels++;		/* the usual way is no way at all */
		stop(task);
		return true;
	}
	r.id = r.first_id = ++task->loop->n_cancels;
	rondo__cancel_forward(&r, task);
	follow(&r);
	return true;
}

void rondo__cancel_all(struct loop *l)
{
	uint64_t first_id = l->n_cancels + 1;

	for (struct list *p = l->tasks.next; p != &l->tasks; p = p->next) {
		struct rondo_task *t = container_of(p, struct rondo_task, link);
		struct cancel_request r = { .first_id = first_id };

		if (task_is_done(t) || t->cancel_id >= first_id)
			continue;
		r.id = ++l->n_cancels;
		rondo__cancel_forward(&r, t);
		follow(&r);
	}
}

unsigned rondo_cancelling(const rondo_task *task)
{
	return task->n_cancels;
}

unsigned rondo_uncancel(rondo_task *task)
{
	if (task->n_cancels && --task->n_cancels == 0)
		task->must_cancel = false;
	return task->n_cancels;
}
