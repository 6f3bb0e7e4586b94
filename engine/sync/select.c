/* SPDX-License-Identifier: MIT */
/* select.c - the first of several waits.
 *
 * Each case lies in the list of what it waits for, like a wait of its own: a waiter of a queue or
 * an event, a watcher of a task or a future, a timer, a poll in the kernel. All share one parked
 * wait.
 *
 * A1  The first one to be granted, told or fired takes all others from their lists at once: so
 *     nobody grants them anything, and there is nothing to give back.
 * A2  A poll is the kernel's until its CQE (O1, O6): the task asks it to end when it runs, and does
 *     not leave before. It has taken nothing. */
#include "rondo/select.h"

#include <math.h>
#include <stdio.h>

#include "loop/op.h"
#include "loop/timer.h"
#include "rondo/time.h"
#include "sync/queue.h"
#include "task/task.h"

struct select {
	struct wait wait;
	struct wait end;		/* for the polls, after that */
	struct rondo_select_case *cases;
	size_t n_cases;
	struct rondo_select_case limit;	/* one more */
	struct rondo_select_case *winner;
	size_t n_polls;			/* in the kernel */
	bool is_over;			/* no case is in a list any more */
};

/* A case while it waits. */
struct entry {
	struct select *select;
	bool begun;			/* it is in a list */
	bool polling;			/* the kernel has it */
	int result;			/* of a poll */
	union {
		struct queue_wait queue;
		struct rondo_waiter waiter;
		struct watcher watcher;
		struct timer timer;
		struct op poll;
	};
};

_Static_assert(sizeof(struct entry) <= sizeof(((struct rondo_select_case *)0)->private_),
	       "struct rondo_select_case is too small");

static struct entry *entry_of(struct rondo_select_case *c)
{
	return (struct entry *)(void *)c->private_;
}

static struct rondo_select_case *case_of(struct entry *e)
{
	return (struct rondo_select_case *)((char *)e - offsetof(struct rondo_select_case, private_));
}

static struct rondo_select_case *case_at(struct select *s, size_t i)
{
	return i < s->n_cases ? &s->cases[i] : &s->limit;
}

/* What a kind of case does. */
struct select_kind {
	/* Optional: is it there to be taken? */
	bool (*is_there)(const struct rondo_select_case *c);
	/* Optional: take it. Returns the result, or -EAGAIN: it was not there after all. */
	int (*take)(struct rondo_select_case *c);
	/* Enter the list. Returns 0 or an error. */
	int (*begin)(struct rondo_select_case *c);
	void (*leave)(struct rondo_select_case *c);
	/* Optional, for the winner: error is 0, or -ECANCELED. Returns the result, the error, or
	 * -EAGAIN: it was not there after all. */
	int (*end)(struct rondo_select_case *c, int error);
};

enum { N_KINDS = RONDO_SELECT_TIME + 1 };

static const struct select_kind kinds[N_KINDS];

static void leave_all(struct select *s)
{
	s->is_over = true;
	for (size_t i = 0; i <= s->n_cases; i++) {
		struct rondo_select_case *c = case_at(s, i);

		if (entry_of(c)->begun && c != s->winner)
			kinds[c->kind_].leave(c);
		entry_of(c)->begun = false;
	}
}

/* A1. */
static void choose(struct entry *e)
{
	struct select *s = e->select;

	s->winner = case_of(e);
	leave_all(s);
	if (s->wait.task->wait == &s->wait)
		rondo__wake(s->wait.task);
}

/* --- tasks and futures ----------------------------------------------------------------------- */

static void told(struct watcher *w, struct rondo_task *t)
{
	(void)t;
	choose(container_of(w, struct entry, watcher));
}

static int watch(struct rondo_select_case *c, const struct loop *l, struct list *watchers)
{
	struct entry *e = entry_of(c);

	if (l != e->select->wait.task->loop)
		return -RONDO_EWRONGLOOP;
	e->watcher.done = told;
	list_push(watchers, &e->watcher.link);
	return 0;
}

static void unwatch(struct rondo_select_case *c)
{
	list_remove(&entry_of(c)->watcher.link);
}

static bool task_is_there(const struct rondo_select_case *c)
{
	return task_is_done(c->object_);
}

static int task_begin(struct rondo_select_case *c)
{
	struct rondo_task *t = c->object_;

	return t == rondo__self() ? -EDEADLK : watch(c, t->loop, &t->watchers);
}

static bool future_is_there(const struct rondo_select_case *c)
{
	return rondo_future_state(c->object_) != RONDO_PENDING;
}

static int future_begin(struct rondo_select_case *c)
{
	struct loop *l;
	struct list *watchers = rondo__future_watchers(c->object_, &l);

	return watch(c, l, watchers);
}

/* --- events and queues ----------------------------------------------------------------------- */

static void woken(struct rondo_waiter *w)
{
	choose(container_of(w, struct entry, waiter));
}

static int wait_in(struct rondo_select_case *c, struct rondo_waiters *list)
{
	struct entry *e = entry_of(c);

	e->waiter = (struct rondo_waiter){ .wait.task = e->select->wait.task, .woken = woken };
	if (waiters_are_foreign(list, &e->waiter))
		return -RONDO_EWRONGLOOP;
	waiters_push(list, &e->waiter);
	return 0;
}

static void leave_list(struct rondo_select_case *c)
{
	waiters_remove(&entry_of(c)->waiter);
}

static bool event_is_there(const struct rondo_select_case *c)
{
	return rondo_event_is_set(c->object_);
}

static int event_begin(struct rondo_select_case *c)
{
	return wait_in(c, &((struct rondo_event *)c->object_)->waiters_);
}

static enum queue_side side_of(const struct rondo_select_case *c)
{
	return c->kind_ == RONDO_SELECT_GET ? QUEUE_GETTING : QUEUE_PUTTING;
}

static bool queue_is_there(const struct rondo_select_case *c)
{
	return rondo__queue_may_try(c->object_, side_of(c));
}

static int queue_take(struct rondo_select_case *c)
{
	return rondo__queue_try(c->object_, side_of(c), c->value_);
}

static int queue_begin(struct rondo_select_case *c)
{
	struct rondo_queue *q = c->object_;

	entry_of(c)->queue.value = c->value_;
	return wait_in(c, &q->sides_[side_of(c)].waiters_);
}

static int queue_end(struct rondo_select_case *c, int error)
{
	error = rondo__queue_waited(c->object_, side_of(c), &entry_of(c)->queue, error);
	return error == -EAGAIN ? queue_take(c) : error;
}

/* --- locks and semaphores -------------------------------------------------------------------- */

static bool lock_is_there(const struct rondo_select_case *c)
{
	return rondo__lock_is_free(c->object_);
}

static int lock_take(struct rondo_select_case *c)
{
	((struct rondo_lock *)c->object_)->holder_ = rondo__self()->id;
	return 0;
}

static int lock_begin(struct rondo_select_case *c)
{
	return wait_in(c, &((struct rondo_lock *)c->object_)->waiters_);
}

static int lock_end(struct rondo_select_case *c, int error)
{
	return rondo__lock_waited(c->object_, &entry_of(c)->waiter, error);
}

static bool semaphore_is_there(const struct rondo_select_case *c)
{
	const struct rondo_semaphore *s = c->object_;

	return !rondo_semaphore_locked(s) || s->value_ < 0;
}

static int semaphore_take(struct rondo_select_case *c)
{
	struct rondo_semaphore *s = c->object_;

	if (s->value_ < 0)
		return -EINVAL;
	s->value_--;
	return 0;
}

static int semaphore_begin(struct rondo_select_case *c)
{
	return wait_in(c, &((struct rondo_semaphore *)c->object_)->waiters_);
}

static int semaphore_end(struct rondo_select_case *c, int error)
{
	return rondo__semaphore_waited(c->object_, &entry_of(c)->waiter, error);
}

/* --- descriptors and time -------------------------------------------------------------------- */

static void poll_done(struct op *op, const struct io_uring_cqe *cqe)
{
	struct entry *e = container_of(op, struct entry, poll);
	struct select *s = e->select;

	s->n_polls--;
	e->polling = false;
	e->result = !op_interrupted(cqe->res) ? cqe->res : op->closing ? -EBADF : -EAGAIN;
	if (!s->is_over)
		choose(e);
	else if (!s->n_polls && s->end.task->wait == &s->end)
		rondo__wake(s->end.task);
}

static int poll_begin(struct rondo_select_case *c)
{
	struct entry *e = entry_of(c);
	struct loop *l = e->select->wait.task->loop;
	struct io_uring_sqe *sqe = rondo__op_begin_owned(l, &e->poll, poll_done);

	io_uring_prep_poll_add(sqe, (int)(c->number_ >> 32), (uint32_t)c->number_);
	rondo__op_start(l, &e->poll);
	e->select->n_polls++;
	e->polling = true;
	return 0;
}

/* A2: end_polls() does it. */
static void poll_leave(struct rondo_select_case *c)
{
	(void)c;
}

static int poll_end(struct rondo_select_case *c, int error)
{
	return error < 0 ? error : entry_of(c)->result;
}

static void time_came(struct timer *t)
{
	choose(container_of(t, struct entry, timer));
}

static bool time_is_there(const struct rondo_select_case *c)
{
	return rondo_now_ns() >= c->number_;
}

/* Time that is up already lets what is ready run once, as call_later(0) would. */
static int time_begin(struct rondo_select_case *c)
{
	struct entry *e = entry_of(c);
	struct loop *l = e->select->wait.task->loop;

	e->timer.fire = time_came;
	heap_node_init(&e->timer.node);
	l->clock.fired |= time_is_there(c);
	return rondo__timer_start(l, &e->timer, c->number_);
}

static void time_leave(struct rondo_select_case *c)
{
	rondo__timer_stop(rondo__loop, &entry_of(c)->timer);
}

static const struct select_kind kinds[N_KINDS] = {
	[RONDO_SELECT_TASK] = { task_is_there, NULL, task_begin, unwatch, NULL },
	[RONDO_SELECT_FUTURE] = { future_is_there, NULL, future_begin, unwatch, NULL },
	[RONDO_SELECT_EVENT] = { event_is_there, NULL, event_begin, leave_list, NULL },
	[RONDO_SELECT_GET] = { queue_is_there, queue_take, queue_begin, leave_list, queue_end },
	[RONDO_SELECT_PUT] = { queue_is_there, queue_take, queue_begin, leave_list, queue_end },
	[RONDO_SELECT_LOCK] = { lock_is_there, lock_take, lock_begin, leave_list, lock_end },
	[RONDO_SELECT_SEMAPHORE] = { semaphore_is_there, semaphore_take, semaphore_begin, leave_list,
				     semaphore_end },
	[RONDO_SELECT_FD] = { NULL, NULL, poll_begin, poll_leave, poll_end },
	[RONDO_SELECT_TIME] = { time_is_there, NULL, time_begin, time_leave, NULL },
};

/* --- all together ---------------------------------------------------------------------------- */

static bool select_cancel(struct wait *w)
{
	leave_all(container_of(w, struct select, wait));
	return wait_cancel_now(w);
}

static void select_describe(const struct wait *w, char *buf, size_t size)
{
	snprintf(buf, size, "the first of %zu waits", container_of(w, struct select, wait)->n_cases);
}

static const struct wait_class select_class = {
	.name = "select", .cancel = select_cancel, .describe = select_describe,
};

static const struct wait_class end_class = {
	.name = "the end of a select", .cancel = wait_cancel_later,
};

static inline bool is_there(const struct rondo_select_case *c)
{
	const struct select_kind *kind = &kinds[c->kind_];

	return kind->is_there && kind->is_there(c);
}

/* D11: one that is there is an await that need not wait. */
static int checkpoint(const struct select *s)
{
	for (size_t i = 0; i < s->n_cases; i++)
		if (is_there(&s->cases[i]))
			return rondo__budget_checkpoint();
	return 0;
}

/* -EAGAIN: none is there. */
static int try_all(struct select *s)
{
	int ret = -EAGAIN;

	for (size_t i = 0; i < s->n_cases && ret == -EAGAIN; i++) {
		const struct select_kind *kind = &kinds[s->cases[i].kind_];

		s->winner = &s->cases[i];
		if (is_there(s->winner))
			ret = kind->take ? kind->take(s->winner) : 0;
	}
	return ret;
}

/* To begin a case may need an SQE, to take one may reap, and so an earlier poll may win meanwhile. */
static int begin_all(struct select *s)
{
	int ret = 0;

	for (size_t i = 0; i <= s->n_cases; i++) {
		struct entry *e = entry_of(case_at(s, i));

		e->select = s;
		e->begun = e->polling = false;
	}
	for (size_t i = 0; i <= s->n_cases && ret == 0 && !s->is_over; i++) {
		struct rondo_select_case *c = case_at(s, i);

		if (c->kind_ == RONDO_SELECT_NEVER)
			continue;
		ret = kinds[c->kind_].begin(c);
		entry_of(c)->begun = ret == 0 && !s->is_over;
		if (ret == 0 && s->is_over && s->winner != c)
			kinds[c->kind_].leave(c);
	}
	return ret;
}

/* A2. Asking may reap, too. */
static void end_polls(struct select *s)
{
	struct loop *l = s->wait.task->loop;

	for (size_t i = 0; i < s->n_cases && s->n_polls; i++)
		if (entry_of(&s->cases[i])->polling)
			rondo__op_cancel(l, &entry_of(&s->cases[i])->poll);
	if (s->n_polls)
		rondo__park(&s->end);
}

/* The winner's result, or -EAGAIN if there is none after all; or an error, and no winner. */
static int wait_for_one(struct select *s)
{
	int ret;

	s->winner = NULL;
	if (unlikely(s->wait.task->must_cancel))
		return task_deliver(s->wait.task);
	s->is_over = false;
	ret = begin_all(s);
	if (unlikely(ret < 0)) {
		s->winner = NULL;
		leave_all(s);
	}
	if (!s->is_over)
		rondo__park(&s->wait);
	if (likely(ret == 0))
		ret = rondo__wait_result(&s->wait, 0);
	if (s->winner && kinds[s->winner->kind_].end)
		ret = kinds[s->winner->kind_].end(s->winner, ret);
	if (ret == -ECANCELED)
		s->winner = NULL;
	end_polls(s);
	return ret;
}

static int outcome(struct select *s, int result)
{
	if (!s->winner)
		return result;
	s->winner->result = result;
	return s->winner == &s->limit ? -ETIMEDOUT : (int)(s->winner - s->cases);
}

int rondo_select(struct rondo_select_case cases[], size_t n_cases, double seconds)
{
	struct rondo_task *self = rondo__self();
	struct select s = {
		.wait = { .class = &select_class, .task = self },
		.end = { .class = &end_class, .task = self },
		.cases = cases, .n_cases = n_cases,
	};
	int ret;

	if (isnan(seconds))
		return -EINVAL;
	if (!isinf(seconds) || seconds < 0)
		s.limit = rondo_select_time(rondo__timer_deadline(seconds));
	ret = unlikely(budgets_in_use()) ? checkpoint(&s) : 0;
	if (unlikely(ret < 0))
		return ret;
	do {
		ret = try_all(&s);
		if (ret == -EAGAIN)
			ret = wait_for_one(&s);
	} while (ret == -EAGAIN);
	return outcome(&s, ret);
}
