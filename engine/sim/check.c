/* SPDX-License-Identifier: MIT */
/* check.c - what must hold of a loop, seen from outside each time it enters the kernel. */
#include "loop/op.h"
#include "sim/ops.h"
#include "sim/world.h"

static const struct heap_node *earliest(struct loop *l)
{
	return rondo__heap_top(&l->timers);
}

/* The kernel's timeout is never later than the earliest deadline (T2), or the loop oversleeps. */
static void check_armed(struct sim_host *h, struct loop *l)
{
	const struct heap_node *top = earliest(l);

	if (!top || l->options.timers != RONDO_TIMERS_COALESCED)
		return;
	if (!l->clock.armed || l->clock.armed_ns > top->when)
		rondo__sim_fail(h->sim, "P9", "the loop sleeps, and no timeout is set for its "
				"earliest deadline");
}

/* Whatever was ready when the loop last came by has run since (L2). Between batches, that is: the
 * loop may also come by while it reaps, to make room in a full SQ. */
static void check_fair(struct sim_host *h, const struct loop *l)
{
	if (l->ready.head != l->ready.batch_end || l->n_turns == h->n_turns)
		return;
	if ((int32_t)(l->ready.head - h->ready_tail) < 0)
		rondo__sim_fail(h->sim, "P6", "a task that was ready did not get its turn");
	h->ready_tail = l->ready.tail;
	h->n_turns = l->n_turns;
}

/* Nobody holds more than was said (P11): full receivers have asked the kernel to stop. */
static void check_receivers(struct sim_host *h, const struct loop *l)
{
	uint32_t n_left = l->receiver_is_flooded ? l->fds.n_ops : 0;

	for (uint32_t i = 0; n_left; i++)
		for (const struct op *op = l->fds.buckets[i]; op; op = op->next, n_left--)
			if (l->receiver_is_flooded(op))
				rondo__sim_fail(h->sim, "P11", "a receiver on descriptor %d is full, "
						"and goes on", op->fd);
}

/* ... and streams keep their limits. */
static void check_resources(struct sim_host *h, const struct loop *l)
{
	for (struct list *i = l->resources.next; i != &l->resources; i = i->next) {
		const struct resource *r = container_of(i, struct resource, link);

		if (r->class->is_flooded && r->class->is_flooded(r))
			rondo__sim_fail(h->sim, "P11", "a stream holds more than its limit");
	}
}

void rondo__sim_check_entry(struct sim_host *h, unsigned n_wait)
{
	struct loop *l = rondo__loop;

	if (!l || l->running)		/* a full SQ, flushed by a task: its batch goes on */
		return;
	check_fair(h, l);
	check_receivers(h, l);
	check_resources(h, l);
	if (n_wait && l->n_live) {
		if (l->ready.head != l->ready.tail)
			rondo__sim_fail(h->sim, "P6", "the loop sleeps while a task is ready");
		check_armed(h, l);
	}
}

void rondo__sim_check_buffers(struct sim_host *h)
{
	if (rondo__loop && rondo__loop->buffers.n_ours)
		rondo__sim_fail(h->sim, "P8", "%u receive buffers were never given back",
				rondo__loop->buffers.n_ours);
}

/* Everything the program had is given back (P8). */
void rondo__sim_check_ended(struct sim_host *h)
{
	unsigned n = rondo__sim_fd_count(h);

	if (n && !h->child && !h->sim->options.may_leave_files_open)
		rondo__sim_fail(h->sim, "P8", "%u descriptors were left open", n);
	if (!list_empty(&h->futexes))
		rondo__sim_fail(h->sim, "P2", "a futex wait outlived its loop");
	h->ready_tail = 0;
	h->n_turns = 0;
}
