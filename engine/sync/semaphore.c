/* SPDX-License-Identifier: MIT */
/* semaphore.c - a number of permits: rows S5, S6, p33, p48 of asyncio's rules. */
#include <stdio.h>

#include "sync/waiters.h"

_Static_assert(sizeof(struct rondo_semaphore) == 40, "the size of a semaphore is part of the ABI");

static void semaphore_describe(const struct wait *w, char *buf, size_t size)
{
	snprintf(buf, size, "semaphore %p to be released", waiter_of(w)->object);
}

static const struct wait_class semaphore_class = {
	.name = "semaphore", .cancel = rondo__waiters_cancel, .describe = semaphore_describe,
};

static void grant(struct rondo_semaphore *s)
{
	s->value_--;
	s->n_granted_++;
	waiters_grant(&s->waiters_);
}

int rondo__semaphore_waited(struct rondo_semaphore *s, const struct rondo_waiter *w, int error)
{
	s->n_granted_ -= w->granted;
	if (w->granted && error < 0)
		s->value_++;			/* Y3 */
	/* Whoever came while we were about to run had to wait, though there was a permit (Y2). */
	while (s->value_ > 0 && s->waiters_.first_)
		grant(s);
	return error;
}

static int wait_in_turn(struct rondo_semaphore *s)
{
	struct rondo_waiter w = WAITER(s, &semaphore_class);

	return rondo__semaphore_waited(s, &w, rondo__waiters_wait(&s->waiters_, &w));
}

static __attribute__((noinline)) int acquire_slowly(struct rondo_semaphore *s)
{
	int ret = !rondo_semaphore_locked(s) ? budget_checkpoint() : 0;

	if (ret < 0)
		return ret;
	if (rondo_semaphore_locked(s))
		return s->value_ < 0 ? -EINVAL : wait_in_turn(s);
	s->value_--;
	return 0;
}

int rondo_semaphore_acquire(struct rondo_semaphore *semaphore)
{
	if (unlikely(semaphore->value_ <= 0 || semaphore->waiters_.first_ ||
		     (semaphore->n_granted_ | budgets_in_use())))
		return acquire_slowly(semaphore);
	semaphore->value_--;
	return 0;
}

int rondo_semaphore_release(struct rondo_semaphore *semaphore)
{
	if (unlikely(semaphore->value_ >= semaphore->limit_))
		return -EINVAL;
	semaphore->value_++;
	if (semaphore->waiters_.first_)
		grant(semaphore);
	return 0;
}

bool rondo_semaphore_locked(const struct rondo_semaphore *semaphore)
{
	return semaphore->value_ <= 0 || semaphore->waiters_.first_ || semaphore->n_granted_;
}
