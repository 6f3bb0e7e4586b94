/* SPDX-License-Identifier: MIT */
/* cancel.c - ask tasks to stop (rows T3 to T12, T14), and regions that put it off (W5).
 *
 * A request goes on from a task to the tasks it waits for, and is counted by each, until it
 * comes to those that wait for something else. Awaits may be a hundred thousand deep, share
 * members and go in circles; so the way is a list through the tasks instead of a recursion, and
 * nobody is visited twice. */
#include "task/run.h"
#include "task/task.h"

struct cancel_request {
	const char *message;
	uint64_t id;
	uint64_t first_id;		/* requests from this one on are one sweep over all tasks */
	struct rondo_task *todo;	/* linked by cancel_next; last in, first out */
	struct rondo_task *at;		/* whose wait is being followed */
	struct rondo_task *closer;	/* waits for one that was visited before: perhaps a circle */
	bool arrived;			/* at somebody who can stop, now or in this sweep */
};

/* Does a mask region keep a request from the task for now? The one that does is the outermost of
 * those begun inside the asking scope: its end is when the scope may be heard again. */
static bool hold_back(struct rondo_task *t, const struct mask *scope)
{
	struct mask *m = task_known(t)->mask;

	if (likely(m == scope))
		return false;
	while (m->outer != scope)
		m = m->outer;
	m->n_held++;
	m->pending = true;
	task_of(t)->n_held++;
	return true;
}

void rondo__cancel_forward(struct cancel_request *r, struct rondo_task *t)
{
	if (task_is_done(t))
		return;
	t->n_cancels++;
	task_set_message(t, r->message);
	if (unlikely(hold_back(t, NULL))) {
		r->arrived = true;
		return;
	}
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

/* From a task that waits for others, on to those. */
static void send_on(struct rondo_task *t, const char *message)
{
	struct cancel_request r = { .message = message, .todo = t };

	t->cancel_id = r.id = r.first_id = ++t->loop->n_cancels;
	t->cancel_next = NULL;
	follow(&r);
}

bool rondo__cancel_from(struct rondo_task *task, const struct mask *scope, const char *message)
{
	if (!task || task_is_done(task))
		return false;
	if (unlikely(task->loop != rondo__loop))	/* not running is no harm */
		rondo__run_check_thread(task->loop);
	task->n_cancels++;
	task_set_message(task, message);
	if (unlikely(hold_back(task, scope)))
		return true;
	if (likely(!task->wait || !task->wait->class->forward))
		stop(task);			/* the usual way is no way at all */
	else
		send_on(task, message);
	return true;
}

bool rondo_cancel(rondo_task *task)
{
	return rondo__cancel_from(task, NULL, NULL);
}

bool rondo_cancel_with(rondo_task *task, const char *message)
{
	return rondo__cancel_from(task, NULL, message);
}

const char *rondo_cancel_message(const rondo_task *task)
{
	return task_known(task)->message;
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

/* At zero what is not delivered yet is forgotten, also what a region holds. */
static void forget(struct rondo_task *t)
{
	t->must_cancel = false;
	for (struct mask *m = task_known(t)->mask; m; m = m->outer)
		m->pending = false;
}

unsigned rondo_uncancel(rondo_task *task)
{
	uint32_t n_held = task_known(task)->n_held;

	if (unlikely(task->loop != rondo__loop))
		rondo__run_check_thread(task->loop);
	if (!task->n_cancels)
		return 0;
	if (--task->n_cancels == 0)
		forget(task);
	else if (task->n_cancels == n_held)
		task->must_cancel = false;	/* only what is held back is left */
	if (n_held > task->n_cancels)
		task_of(task)->n_held = task->n_cancels;
	return task->n_cancels;
}

/* --- regions that are not to be interrupted -------------------------------------------------- */

_Static_assert(sizeof(struct mask) <= sizeof(struct rondo_mask), "struct rondo_mask is too small");

/* Inside, scopes are to see only the requests that are made inside. */
void rondo_mask_begin(struct rondo_mask *mask)
{
	struct rondo_task *self = rondo__self();
	struct task *own = task_of(self);
	struct mask *m = (struct mask *)mask;

	*m = (struct mask){ .outer = own->mask, .n_held = self->n_cancels - own->n_held,
			    .pending = self->must_cancel };
	self->must_cancel = false;
	own->n_held = self->n_cancels;
	own->n_scopes++;
	own->mask = m;
}

void rondo_mask_end(struct rondo_mask *mask)
{
	struct rondo_task *self = rondo__self();
	struct task *own = task_of(self);
	struct mask *m = (struct mask *)mask;

	if (unlikely(own->mask != m))
		BUG("rondo_mask_end(): not the innermost region of this task");
	own->mask = m->outer;
	own->n_held -= m->n_held < own->n_held ? m->n_held : own->n_held;
	own->n_scopes--;
	if (m->pending) {
		self->must_cancel = true;
		self->cancel_late = true;
	}
}
