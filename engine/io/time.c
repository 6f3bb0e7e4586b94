/* SPDX-License-Identifier: MIT */
/* time.c - the clock and sleeping. */
#include "rondo/time.h"

#include <errno.h>
#include <math.h>

#include "loop/op.h"
#include "loop/timer.h"

enum { NS_PER_S = 1000000000 };

struct sleep {
	struct wait wait;
	struct timer timer;
};

static bool sleep_cancel(struct wait *w)
{
	struct sleep *s = container_of(w, struct sleep, wait);

	rondo__timer_stop(w->task->loop, &s->timer);
	return wait_cancel_now(w);
}

static const struct wait_class sleep_class = { .name = "sleep", .cancel = sleep_cancel };

static void sleep_over(struct timer *t)
{
	rondo__wake(container_of(t, struct sleep, timer)->wait.task);
}

/* rondo_options.timers == RONDO_TIMERS_SQE: one kernel timeout for this sleep alone. */
static int sleep_in_kernel(uint64_t deadline_ns)
{
	struct __kernel_timespec ts = { .tv_sec = (long long)(deadline_ns / NS_PER_S),
					.tv_nsec = (long long)(deadline_ns % NS_PER_S) };
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);
	int ret;

	io_uring_prep_timeout(sqe, &ts, 0, IORING_TIMEOUT_ABS);
	ret = rondo__op_await(&op);
	/* How a timeout succeeds; no bytes moved, so that a cancel wins here as in the other
	 * modes. */
	return ret == -ETIME ? rondo__wait_result(&op.wait, 0) : ret;
}

static int sleep_to(uint64_t deadline_ns)
{
	struct rondo_task *self = rondo__self();
	struct loop *l = self->loop;
	struct sleep s = { .wait = { .class = &sleep_class, .task = self }, .timer.fire = sleep_over };
	int ret;

	if (unlikely(self->must_cancel)) {
		rondo__requeue(self);		/* not a yield: taken back now, the cancel still ends this */
		self->must_cancel = false;
		return -ECANCELED;
	}
	if (unlikely(l->options.timers == RONDO_TIMERS_SQE))
		return sleep_in_kernel(deadline_ns);
	ret = rondo__timer_start(l, &s.timer, deadline_ns);
	if (unlikely(ret < 0))
		return ret;
	rondo__park(&s.wait);
	return rondo__wait_result(&s.wait, 0);
}

int rondo_sleep_until(uint64_t deadline_ns)
{
	return deadline_ns <= rondo_now_ns() ? rondo_yield() : sleep_to(deadline_ns);
}

int rondo_sleep_ns(uint64_t delay_ns)
{
	return delay_ns ? sleep_to(rondo__timer_after(rondo_now_ns(), delay_ns)) : rondo_yield();
}

int rondo_sleep(double seconds)
{
	if (unlikely(isnan(seconds)))
		return -EINVAL;
	return seconds > 0 ? sleep_to(rondo__timer_deadline(seconds)) : rondo_yield();
}

uint64_t rondo_now_ns(void)
{
	const struct kernel *k = rondo__loop ? rondo__loop->ring.kernel : &rondo__kernel_linux;

	return k->now(k, CLOCK_MONOTONIC);
}

double rondo_now(void)
{
	return (double)rondo_now_ns() / NS_PER_S;
}
