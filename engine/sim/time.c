/* SPDX-License-Identifier: MIT */
/* time.c - NOP, and the timeouts. */
#include <errno.h>
#include <stdlib.h>

#include "sim/transfer.h"

static long nop_run(struct sim_request *rq)
{
	(void)rq;
	return 0;
}

const struct sim_op rondo__sim_op_nop = { .name = "NOP", .run = nop_run };

/* --- TIMEOUT --------------------------------------------------------------------------------- */

struct timeout {
	uint64_t when_ns;
	uint64_t interval_ns;		/* of a multishot */
	uint64_t n_left;		/* of a multishot; 0: for ever */
	struct sim_request *head;	/* of a LINK_TIMEOUT */
};

static uint64_t ns_of(const struct __kernel_timespec *ts)
{
	return (uint64_t)ts->tv_sec * 1000000000u + (uint64_t)ts->tv_nsec;
}

/* When a timespec means, by the clock that flags name. */
static uint64_t when(const struct sim_request *rq, const struct __kernel_timespec *ts, unsigned flags)
{
	const struct sim_host *h = rq->ring->file.host;
	uint64_t ns = ns_of(ts), now = h->sim->now_ns;

	if (!(flags & IORING_TIMEOUT_ABS))
		return ns < INT64_MAX - now ? now + ns : INT64_MAX;
	if (flags & IORING_TIMEOUT_REALTIME)
		ns = rondo__sim_wall_to_monotonic(h, ns);
	return ns > now ? ns : now;
}

/* Never early (P9), sometimes late. */
static void set_alarm(struct sim_request *rq)
{
	const struct timeout *t = rq->private_data;
	struct sim *s = sim_of(rq);
	uint64_t late_ns = rondo__sim_log(s, SIM_CLOCK, 0, 60000);

	if (rondo__sim_fault(s, SIM_FAULT_TIMER_LATE))
		late_ns = rondo__sim_log(s, SIM_CLOCK, 1000, 3000000000);
	rondo__sim_schedule(s, &rq->event, (t->when_ns > s->now_ns ? t->when_ns - s->now_ns : 0) + late_ns);
}

static bool again(struct sim_request *rq, struct timeout *t)
{
	if (!rq->multishot || t->n_left == 1 || !rondo__sim_post_more(rq, -ETIME, 0))
		return false;
	t->n_left -= t->n_left > 0;
	t->when_ns += t->interval_ns;
	set_alarm(rq);
	return true;
}

static void fired(struct sim *s, struct sim_event *e)
{
	struct sim_request *rq = container_of(e, struct sim_request, event);

	(void)s;
	if (!again(rq, rq->private_data))
		rondo__sim_complete(rq, -ETIME, 0);
}

static int timeout_prepare(struct sim_request *rq)
{
	enum { CLOCKS = IORING_TIMEOUT_BOOTTIME | IORING_TIMEOUT_REALTIME };
	enum { KNOWN = IORING_TIMEOUT_ABS | IORING_TIMEOUT_BOOTTIME | IORING_TIMEOUT_REALTIME |
		       IORING_TIMEOUT_ETIME_SUCCESS | 1 << 6 /* MULTISHOT, 6.4 */ };
	const struct __kernel_timespec *ts = (const void *)(uintptr_t)rq->sqe.addr;
	struct timeout *t = rq->private_data = rondo__sim_alloc(sizeof(*t));
	unsigned flags = rq->sqe.timeout_flags;

	if (rq->sqe.len != 1 || flags & ~(unsigned)KNOWN ||
	    (flags & (unsigned)CLOCKS) == (unsigned)CLOCKS)
		return -EINVAL;
	if (sim_is_bad_address(rq->sqe.addr))
		return -EFAULT;
	if (ts->tv_sec < 0 || ts->tv_nsec < 0)	/* more than a second's worth is taken */
		return -EINVAL;
	rq->multishot = flags & 1 << 6;
	if (rq->sqe.off && !rq->multishot)
		rondo__sim_fail(sim_of(rq), "Z4", "TIMEOUT that counts completions");
	t->when_ns = when(rq, ts, flags);
	t->interval_ns = ns_of(ts);
	t->n_left = rq->sqe.off;
	return 0;
}

static long timeout_run(struct sim_request *rq)
{
	rq->event.fire = fired;
	set_alarm(rq);
	return SIM_WAIT;
}

static void timeout_forget(struct sim_request *rq)
{
	rondo__sim_unschedule(sim_of(rq), &rq->event);
}

const struct sim_op rondo__sim_op_timeout = {
	.name = "TIMEOUT", .prepare = timeout_prepare, .run = timeout_run, .forget = timeout_forget,
};

static struct sim_request *find_timeout(const struct sim_request *by)
{
	struct list *requests = &by->ring->requests;

	for (struct list *p = requests->next; p != requests; p = p->next) {
		struct sim_request *rq = container_of(p, struct sim_request, link);

		if (rq->op == &rondo__sim_op_timeout && rq->sqe.user_data == by->sqe.addr &&
		    (rq->state == SIM_WAITING || rq->state == SIM_LATE))
			return rq;
	}
	return NULL;
}

/* The timespec is read at submission (KN-26), though the update may come to its timeout later. */
static int timeout_remove_prepare(struct sim_request *rq)
{
	unsigned flags = rq->sqe.timeout_flags;
	const struct __kernel_timespec *ts = (const void *)(uintptr_t)rq->sqe.addr2;
	struct timeout *t = rq->private_data = rondo__sim_alloc(sizeof(*t));

	if (flags & ~(unsigned)(IORING_TIMEOUT_UPDATE | IORING_TIMEOUT_ABS)) {
		rondo__sim_fail(sim_of(rq), "Z4", "TIMEOUT_REMOVE flags 0x%x", flags);
		return -EINVAL;
	}
	if (!(flags & IORING_TIMEOUT_UPDATE))
		return flags ? -EINVAL : 0;
	if (sim_is_bad_address(rq->sqe.addr2))
		return -EFAULT;
	if (ts->tv_sec < 0 || ts->tv_nsec < 0)
		return -EINVAL;
	t->when_ns = when(rq, ts, flags);
	return 0;
}

static long timeout_remove_run(struct sim_request *rq)
{
	const struct timeout *update = rq->private_data;
	struct sim_request *target = find_timeout(rq);

	if (!target)
		return -ENOENT;
	if (!(rq->sqe.timeout_flags & IORING_TIMEOUT_UPDATE))
		return rondo__sim_cancel(target);
	((struct timeout *)target->private_data)->when_ns = update->when_ns;
	if (target->state == SIM_WAITING)
		set_alarm(target);
	return 0;
}

const struct sim_op rondo__sim_op_timeout_remove = {
	.name = "TIMEOUT_REMOVE", .prepare = timeout_remove_prepare, .run = timeout_remove_run,
};

/* --- LINK_TIMEOUT: runs beside the request before it ----------------------------------------- */

static void link_fired(struct sim *s, struct sim_event *e)
{
	struct sim_request *rq = container_of(e, struct sim_request, event);
	struct timeout *t = rq->private_data;
	struct sim_request *head = t->head;
	int ret;

	(void)s;
	t->head = NULL;
	head->next_linked = rq->next_linked;
	rq->next_linked = NULL;
	ret = rondo__sim_cancel(head);
	rondo__sim_complete(rq, ret < 0 ? ret : -ETIME, 0);
}

void rondo__sim_link_timeout_start(struct sim_request *rq, struct sim_request *head)
{
	struct timeout *t = rq->private_data;

	t->head = head;
	rq->state = SIM_WAITING;
	rq->event.fire = link_fired;
	set_alarm(rq);
}

void rondo__sim_link_timeout_over(struct sim_request *rq)
{
	((struct timeout *)rq->private_data)->head = NULL;
	rondo__sim_complete(rq, -ECANCELED, 0);
}

/* Without a request before it there is nothing to limit. */
static long link_timeout_run(struct sim_request *rq)
{
	(void)rq;
	return -EINVAL;
}

static void link_timeout_forget(struct sim_request *rq)
{
	struct timeout *t = rq->private_data;

	rondo__sim_unschedule(sim_of(rq), &rq->event);
	if (t->head)
		t->head->next_linked = NULL;
}

const struct sim_op rondo__sim_op_link_timeout = {
	.name = "LINK_TIMEOUT", .prepare = timeout_prepare, .run = link_timeout_run,
	.forget = link_timeout_forget,
};
