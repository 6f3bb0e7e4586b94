/* SPDX-License-Identifier: MIT */
/* barrier.c - where tasks wait for each other: rows S7, p37 of asyncio's rules.
 *
 *            the last one comes             the last one leaves
 *   FILLING --------------------> DRAINING ---------------------> FILLING
 *      |       reset, with tasks inside         the last one leaves
 *      +---------------------------> RESETTING ------------------> FILLING
 *      any state --- abort ---> BROKEN --- reset ---> as from FILLING
 *
 * As in asyncio it is a condition: tasks come in and leave one by one, under its lock, and who
 * comes while others leave waits until they have. */
#include <stdio.h>

#include "sync/waiters.h"

_Static_assert(sizeof(struct rondo_barrier) == 56, "the size of a barrier is part of the ABI");

enum { FILLING, DRAINING, RESETTING, BROKEN };

static void barrier_describe(const struct wait *w, char *buf, size_t size)
{
	const struct rondo_barrier *b = waiter_of(w)->object;

	snprintf(buf, size, "barrier %p: %u of %u are there", (const void *)b, b->n_inside_,
		 b->n_parties_);
}

static const struct wait_class barrier_class = {
	.name = "barrier", .cancel = rondo__waiters_cancel, .describe = barrier_describe,
};

static void wake_all(struct rondo_barrier *b)
{
	rondo__waiters_wake(&b->waiters_, SIZE_MAX);
}

static int wait_for_change(struct rondo_barrier *b)
{
	struct rondo_waiter w = WAITER(b, &barrier_class);

	return rondo__condition_wait(&b->waiters_, &b->lock_, &w);
}

static int wait_until_drained(struct rondo_barrier *b)
{
	int ret = 0;

	while (ret == 0 && (b->state_ == DRAINING || b->state_ == RESETTING))
		ret = wait_for_change(b);
	return ret == 0 && b->state_ == BROKEN ? -EPIPE : ret;
}

static int wait_until_full(struct rondo_barrier *b)
{
	int ret = 0;

	while (ret == 0 && b->state_ == FILLING)
		ret = wait_for_change(b);
	return ret == 0 && b->state_ != DRAINING ? -EPIPE : ret;
}

static void leave(struct rondo_barrier *b)
{
	if (--b->n_inside_)
		return;
	if (b->state_ != BROKEN)
		b->state_ = FILLING;
	wake_all(b);
}

static int pass(struct rondo_barrier *b)
{
	uint32_t index = b->n_inside_++;
	int ret = 0;

	if (b->n_inside_ == b->n_parties_) {
		b->state_ = DRAINING;
		wake_all(b);
	} else {
		ret = wait_until_full(b);
	}
	leave(b);
	return ret < 0 ? ret : (int)index;
}

int rondo_barrier_wait(struct rondo_barrier *barrier)
{
	int ret;

	if (!barrier->n_parties_)
		return -EINVAL;
	ret = rondo_lock_acquire(&barrier->lock_);
	if (ret < 0)
		return ret;
	ret = wait_until_drained(barrier);
	if (ret == 0)
		ret = pass(barrier);
	rondo_lock_release(&barrier->lock_);
	return ret;
}

static int change_state(struct rondo_barrier *b, uint32_t state)
{
	int ret = rondo_lock_acquire(&b->lock_);

	if (ret < 0)
		return ret;
	b->state_ = state == RESETTING && !b->n_inside_ ? FILLING : state;
	wake_all(b);
	return rondo_lock_release(&b->lock_);
}

int rondo_barrier_reset(struct rondo_barrier *barrier)
{
	return change_state(barrier, RESETTING);
}

int rondo_barrier_abort(struct rondo_barrier *barrier)
{
	return change_state(barrier, BROKEN);
}

unsigned rondo_barrier_n_waiting(const struct rondo_barrier *barrier)
{
	return barrier->state_ == FILLING ? barrier->n_inside_ : 0;
}

bool rondo_barrier_broken(const struct rondo_barrier *barrier)
{
	return barrier->state_ == BROKEN;
}
