/* SPDX-License-Identifier: MIT */
/* timeout.c - time limits on a stretch of code (rows W7, W10-W13 of asyncio's rules). */
#include <errno.h>
#include <math.h>

#include "loop/timer.h"
#include "rondo/time.h"
#include "task/task.h"

struct limit {
	struct timer timer;
	struct rondo_task *task;
	uint64_t deadline_ns;
	const struct mask *mask;	/* it began in, so that this one does not hold it back */
	uint32_t n_cancels_at_begin;	/* without those held back */
	bool expired, ended;
};

_Static_assert(sizeof(struct limit) <= sizeof(struct rondo_timeout), "struct rondo_timeout is too small");

static struct limit *limit_of(struct rondo_timeout *t)
{
	return (struct limit *)t;
}

static const struct limit *limit_of_const(const struct rondo_timeout *t)
{
	return (const struct limit *)t;
}

static void fire(struct timer *timer)
{
	struct limit *l = container_of(timer, struct limit, timer);

	l->expired = true;
	rondo__cancel_from(l->task, l->mask, NULL);
}

/* One that is due already fires at the next await, however slow the kernel's timer is to say so. */
static int start(struct limit *l, bool due)
{
	if (l->deadline_ns == UINT64_MAX)
		return 0;
	l->task->loop->clock.fired |= due;
	return rondo__timer_start(l->task->loop, &l->timer, l->deadline_ns);
}

static int begin(struct rondo_timeout *limit, uint64_t deadline_ns, bool due)
{
	struct limit *l = limit_of(limit);
	struct rondo_task *self = rondo__self();

	*l = (struct limit){ .timer.fire = fire, .task = self, .deadline_ns = deadline_ns,
			     .mask = task_known(self)->mask,
			     .n_cancels_at_begin = task_n_cancels_inside(self) };
	heap_node_init(&l->timer.node);
	return start(l, due);
}

int rondo_timeout_begin_at(struct rondo_timeout *limit, uint64_t deadline_ns)
{
	return begin(limit, deadline_ns, deadline_ns <= rondo_now_ns());
}

int rondo_timeout_begin(struct rondo_timeout *limit, double seconds)
{
	if (isnan(seconds))
		return -EINVAL;
	if (isinf(seconds) && seconds > 0)	/* a timer for it would hide a deadlock */
		return begin(limit, UINT64_MAX, false);
	return begin(limit, rondo__timer_deadline(seconds), seconds <= 0);
}

int rondo_timeout_reschedule(struct rondo_timeout *limit, uint64_t deadline_ns)
{
	struct limit *l = limit_of(limit);

	if (l->ended || l->expired)
		return -EINVAL;
	rondo__timer_stop(l->task->loop, &l->timer);
	l->deadline_ns = deadline_ns;
	return start(l, deadline_ns <= rondo_now_ns());
}

uint64_t rondo_timeout_when(const struct rondo_timeout *limit)
{
	return limit_of_const(limit)->deadline_ns;
}

int rondo_timeout_end(struct rondo_timeout *limit, int result)
{
	struct limit *l = limit_of(limit);

	rondo__timer_stop(l->task->loop, &l->timer);
	l->ended = true;
	if (!l->expired)
		return result;
	rondo_uncancel(l->task);
	if (result == -ECANCELED && task_n_cancels_inside(l->task) <= l->n_cancels_at_begin)
		return -ETIMEDOUT;
	return result;
}

bool rondo_timeout_expired(const struct rondo_timeout *limit)
{
	return limit_of_const(limit)->expired;
}

int rondo_wait_for(rondo_fn *fn, void *arg, double seconds)
{
	struct rondo_timeout limit;
	int ret;

	if (seconds <= 0)
		return -ETIMEDOUT;
	ret = rondo_timeout_begin(&limit, seconds);
	if (ret < 0)
		return ret;
	return rondo_timeout_end(&limit, fn(arg));
}
