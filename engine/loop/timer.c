/* SPDX-License-Identifier: MIT */
/* timer.c - see timer.h.
 *
 * A kernel timeout costs about 20 us when it fires and a linear walk when it is removed (KN-14), so
 * the kernel holds one per loop: whoever sets the earliest deadline submits a TIMEOUT, or moves the
 * one that is there; its completion wakes every due sleeper and sets the next. */
#include "loop/timer.h"

#include "loop/op.h"

static bool coalesced(const struct loop *l)
{
	return l->options.timers == RONDO_TIMERS_COALESCED;
}

/* Has the kernel not read the SQE at this position yet? Then its timespec may still be changed. */
static bool unsubmitted(const struct loop *l, uint64_t position)
{
	return !(l->ring.uring.flags & IORING_SETUP_SQPOLL) && position >= l->ring.n_submitted;
}

static void submit_timeout(struct loop *l)
{
	struct io_uring_sqe *sqe = rondo__ring_sqe(&l->ring);

	l->clock.position = l->ring.n_submitted + ring_n_queued(&l->ring) - 1;
	l->n_internal++;
	if (l->clock.armed) {
		io_uring_prep_timeout_update(sqe, &l->clock.ts, OP_TIMEOUT, IORING_TIMEOUT_ABS);
		sqe->user_data = OP_TIMEOUT_UPDATE;
	} else {
		io_uring_prep_timeout(sqe, &l->clock.ts, 0, IORING_TIMEOUT_ABS);
		sqe->user_data = OP_TIMEOUT;
		l->clock.armed = true;
	}
}

/* Keep T2. */
static void arm(struct loop *l)
{
	const struct heap_node *top = rondo__heap_top(&l->timers);

	if (!top || top->when >= l->clock.armed_ns)
		return;
	if (!l->clock.armed || !unsubmitted(l, l->clock.position))
		submit_timeout(l);
	l->clock.armed_ns = top->when;
	l->clock.ts.tv_sec = (long long)(top->when / 1000000000u);
	l->clock.ts.tv_nsec = (long long)(top->when % 1000000000u);
}

int rondo__timer_start(struct loop *l, struct timer *t, uint64_t deadline_ns)
{
	int ret = rondo__heap_reserve(&l->timers);

	if (unlikely(ret < 0))
		return ret;
	t->node.when = deadline_ns;
	rondo__heap_push(&l->timers, &t->node);
	if (coalesced(l))
		arm(l);
	return 0;
}

void rondo__timer_stop(struct loop *l, struct timer *t)
{
	if (heap_contains(&t->node))
		rondo__heap_remove(&l->timers, &t->node);
}

/* The kernel takes seconds as a signed 64-bit number; a deadline beyond 292 years is one at 292. */
uint64_t rondo__timer_after(uint64_t now_ns, uint64_t delay_ns)
{
	return delay_ns < INT64_MAX - now_ns ? now_ns + delay_ns : INT64_MAX;
}

uint64_t rondo__timer_ns(double seconds)
{
	if (!(seconds > 0))
		return 0;
	return seconds < 9e9 ? (uint64_t)(seconds * 1e9) : INT64_MAX;
}

uint64_t rondo__timer_deadline(double seconds)
{
	const struct kernel *k = rondo__loop ? rondo__loop->ring.kernel : &rondo__kernel_linux;

	return rondo__timer_after(k->now(k, CLOCK_MONOTONIC), rondo__timer_ns(seconds));
}

uint64_t rondo__timer_wait_until(struct loop *l)
{
	const struct heap_node *top = rondo__heap_top(&l->timers);

	return top && !coalesced(l) ? top->when : UINT64_MAX;
}

bool rondo__timer_pending(const struct loop *l)
{
	return heap_count(&l->timers) > 0;
}

/* The TIMEOUT's CQE. */
void rondo__timer_complete(struct loop *l)
{
	l->clock.armed = false;
	l->clock.armed_ns = UINT64_MAX;
	l->clock.fired = true;
}

/* Coalesced, the clock is read only when the kernel says that it is time. */
void rondo__timer_expire(struct loop *l)
{
	struct heap_node *top;
	uint64_t now;

	if (likely(!l->clock.fired && (coalesced(l) || !heap_count(&l->timers))))
		return;
	l->clock.fired = false;
	now = l->ring.kernel->now(l->ring.kernel, CLOCK_MONOTONIC);
	while ((top = rondo__heap_top(&l->timers)) && top->when <= now) {
		struct timer *t = container_of(top, struct timer, node);

		rondo__heap_remove(&l->timers, top);
		t->fire(t);
	}
	if (coalesced(l))
		arm(l);
}

/* At close, when nobody sleeps any more. */
void rondo__timer_stop_all(struct loop *l)
{
	struct io_uring_sqe *sqe;

	BUG_ON(heap_count(&l->timers));
	if (!l->clock.armed)
		return;
	sqe = rondo__ring_sqe(&l->ring);
	io_uring_prep_timeout_remove(sqe, OP_TIMEOUT, 0);
	sqe->user_data = OP_IGNORED;
}
