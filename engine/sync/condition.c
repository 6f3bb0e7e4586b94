/* SPDX-License-Identifier: MIT */
/* condition.c - wait under a lock for a change: rows S3, S4, p36 of asyncio's rules. */
#include <stdio.h>

#include "sync/waiters.h"

_Static_assert(sizeof(struct rondo_condition) == 24, "the size of a condition is part of the ABI");

static void condition_describe(const struct wait *w, char *buf, size_t size)
{
	snprintf(buf, size, "condition %p to be notified", waiter_of(w)->object);
}

static const struct wait_class condition_class = {
	.name = "condition", .cancel = rondo__waiters_cancel, .describe = condition_describe,
};

/* The caller of wait() will release the lock, so it must have it: a cancel cannot end taking it
 * again, only be noted. And as a notification may have been meant for us, somebody else gets one:
 * a wake-up too many does no harm, one too few hangs the program. */
int rondo__condition_wait(struct rondo_waiters *list, struct rondo_lock *lock,
			  struct rondo_waiter *w)
{
	int locked, ret = rondo_lock_release(lock);

	if (ret < 0)
		return ret;
	ret = rondo__waiters_wait(list, w);
	while ((locked = rondo_lock_acquire(lock)) == -ECANCELED)
		ret = -ECANCELED;
	if (unlikely(locked < 0))
		ret = locked;
	if (unlikely(ret < 0))
		rondo__waiters_wake(list, 1);
	return ret;
}

int rondo_condition_wait(struct rondo_condition *condition)
{
	struct rondo_waiter w = WAITER(condition, &condition_class);

	return rondo__condition_wait(&condition->waiters_, condition->lock_, &w);
}

int rondo_condition_wait_for(struct rondo_condition *condition, rondo_fn *predicate, void *arg)
{
	int ret, result;

	while ((result = predicate(arg)) == 0) {
		ret = rondo_condition_wait(condition);
		if (ret < 0)
			return ret;
	}
	return result;
}

int rondo_condition_notify(struct rondo_condition *condition, size_t n_tasks)
{
	if (!rondo_lock_locked(condition->lock_))
		return -EPERM;
	rondo__waiters_wake(&condition->waiters_, n_tasks);
	return 0;
}

int rondo_condition_notify_all(struct rondo_condition *condition)
{
	return rondo_condition_notify(condition, SIZE_MAX);
}
