/* SPDX-License-Identifier: MIT */
/* select.h - wait for the first of several things of different kinds: Go's select.
 *
 *     struct job job;
 *     struct rondo_select_case cases[] = {
 *             rondo_select_get(&jobs.queue, &job),
 *             rondo_select_event(&stop),
 *             rondo_select_fd(control, POLLIN),
 *     };
 *
 *     switch (rondo_select(cases, 3, 1.5)) {
 *     case 0:                                  cases[0].result: 0, or -RONDO_EQSHUTDOWN
 *             return work(&job);
 *     case 1: ...
 *     case -ETIMEDOUT: ...
 *     }
 *
 * Exactly one case wins; of the others nothing has happened: nothing was got or put, and no place in
 * a queue is kept. What is there already is taken in the order of the cases, so put first what
 * matters most; if one of the first is always there, those behind it starve (Go draws lots instead).
 * While waiting, the first in time wins. */
#ifndef RONDO_SELECT_H
#define RONDO_SELECT_H

#include <string.h>

#include "rondo/base.h"
#include "rondo/future.h"
#include "rondo/queue.h"
#include "rondo/sync.h"
#include "rondo/task.h"

RONDO_BEGIN_DECLS

enum rondo_select_kind {
	RONDO_SELECT_NEVER,
	RONDO_SELECT_TASK,
	RONDO_SELECT_FUTURE,
	RONDO_SELECT_EVENT,
	RONDO_SELECT_GET,
	RONDO_SELECT_PUT,
	RONDO_SELECT_LOCK,
	RONDO_SELECT_SEMAPHORE,
	RONDO_SELECT_FD,
	RONDO_SELECT_TIME
};

/* Made by the functions below. Members ending in an underscore are the library's. */
struct rondo_select_case {
	int result;			/* of the case that won */
	enum rondo_select_kind kind_;
	void *object_, *value_;
	uint64_t number_;		/* a descriptor's events, or a time */
	uint64_t private_[16];
};

/* Wait for the first of n_cases, at most `seconds` long (RONDO_FOREVER: no limit). With seconds <= 0
 * what is ready runs once, as with rondo_wait().
 *
 * Owns:    cases stay the caller's; a task's handle is not used up.
 * Awaits:  yes, unless a case is there already.
 * Cancel:  -ECANCELED; no case has won, unless a rendezvous took place just before: then that one
 *          has, and the next await tells. Neither tasks nor futures are cancelled.
 * Returns: the index of the case that won, and its result in `result`; -ETIMEDOUT; -ECANCELED; -ENOMEM;
 *          -EINVAL for a limit that is not a number; -RONDO_EWRONGLOOP. */
RONDO_API RONDO_MUST_CHECK int rondo_select(struct rondo_select_case cases[], size_t n_cases,
					    double seconds);

static inline struct rondo_select_case rondo__select_case(enum rondo_select_kind kind, void *object,
							  void *value, uint64_t number)
{
	struct rondo_select_case c;

	memset(&c, 0, sizeof(c));
	c.kind_ = object || kind == RONDO_SELECT_FD || kind == RONDO_SELECT_TIME ? kind :
									    RONDO_SELECT_NEVER;
	c.object_ = object;
	c.value_ = value;
	c.number_ = number;
	return c;
}

/* A task to be done; rondo_await() it then, which takes no time. The result is 0. NULL is a case that
 * never wins, here and below. */
static inline struct rondo_select_case rondo_select_task(rondo_task *task)
{
	return rondo__select_case(RONDO_SELECT_TASK, task, NULL, 0);
}

/* A future to be settled. The result is 0; ask rondo_future_result(). */
static inline struct rondo_select_case rondo_select_future(struct rondo_future *future)
{
	return rondo__select_case(RONDO_SELECT_FUTURE, future, NULL, 0);
}

/* An event to be set. The result is 0. */
static inline struct rondo_select_case rondo_select_event(struct rondo_event *event)
{
	return rondo__select_case(RONDO_SELECT_EVENT, event, NULL, 0);
}

/* An item to be got, into value: from a queue of any type, or a channel. The result is what
 * rondo_queue_get_value() returns. */
static inline struct rondo_select_case rondo_select_get(struct rondo_queue *queue, void *value)
{
	return rondo__select_case(RONDO_SELECT_GET, queue, value, 0);
}

/* An item to be put, copied from value if this case wins. The result is what rondo_queue_put_value()
 * returns. */
static inline struct rondo_select_case rondo_select_put(struct rondo_queue *queue, const void *value)
{
	return rondo__select_case(RONDO_SELECT_PUT, queue, (void *)(uintptr_t)value, 0);
}

/* A lock to be free: if this case wins, the lock is the caller's, as after rondo_lock_acquire(). The
 * result is 0. There is no case for a condition: waiting for one lets go of its lock and takes it again,
 * which takes time whoever wins. An event does what a select needs. */
static inline struct rondo_select_case rondo_select_lock(struct rondo_lock *lock)
{
	return rondo__select_case(RONDO_SELECT_LOCK, lock, NULL, 0);
}

/* A permit to be had: if this case wins, it is the caller's. The result is what
 * rondo_semaphore_acquire() returns. */
static inline struct rondo_select_case rondo_select_semaphore(struct rondo_semaphore *semaphore)
{
	return rondo__select_case(RONDO_SELECT_SEMAPHORE, semaphore, NULL, 0);
}

/* A descriptor to be ready for one of the events of poll(2). The result is as of rondo_poll(). To know
 * takes a turn of the loop, so a case that is there already wins first. */
static inline struct rondo_select_case rondo_select_fd(int fd, unsigned events)
{
	return rondo__select_case(RONDO_SELECT_FD, NULL, NULL, (uint64_t)(unsigned)fd << 32 | events);
}

/* A time to come, of rondo_now_ns(). The result is 0. */
static inline struct rondo_select_case rondo_select_time(uint64_t deadline_ns)
{
	return rondo__select_case(RONDO_SELECT_TIME, NULL, NULL, deadline_ns);
}

RONDO_END_DECLS
#endif
