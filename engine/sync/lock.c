/* SPDX-License-Identifier: MIT */
/* lock.c - mutual exclusion: rows S1, p33, p34 of asyncio's rules.
 *
 * A release frees the lock and wakes the first waiter, which takes it when it runs. Meanwhile the
 * waiter stays in the list, and whoever finds somebody there waits too (Y2): so nobody gets in
 * between. A waiter that was cancelled stays as well, until it runs and wakes the next one if the
 * lock is free. Taking it from the list at once would make the next one run earlier than in
 * asyncio. */
#include <stdio.h>

#include "sync/waiters.h"

_Static_assert(sizeof(struct rondo_lock) == 24, "the size of a lock is part of the ABI");

static void lock_describe(const struct wait *w, char *buf, size_t size)
{
	const struct rondo_lock *l = waiter_of(w)->object;
	char holder[64] = "nobody";

	if (l->holder_)
		rondo__waiters_name_task(w->task->loop, l->holder_, holder, sizeof(holder));
	snprintf(buf, size, "lock %p held by %s", (const void *)l, holder);
}

/* It stays in the list: see the top. */
static const struct wait_class lock_class = {
	.name = "lock", .cancel = wait_cancel_now, .describe = lock_describe,
};

/* It takes the lock when it runs: until then it must not be woken again. */
static void wake_first(struct rondo_lock *l)
{
	struct rondo_waiter *w = l->waiters_.first_;

	if (!w || w->granted || w->wait.cancelled)
		return;
	w->granted = true;
	waiter_wake(w);
}

static bool somebody_waits(const struct rondo_lock *l)
{
	const struct rondo_waiter *w = l->waiters_.first_;

	while (w && w->wait.cancelled)
		w = w->next;
	return w;
}

static inline int waited(struct rondo_lock *l, struct rondo_waiter *w, int error)
{
	waiters_remove(w);
	if (likely(error == 0))
		l->holder_ = w->wait.task->id;
	else if (!l->holder_)
		wake_first(l);			/* Y3 */
	return error;
}

int rondo__lock_waited(struct rondo_lock *l, struct rondo_waiter *w, int error)
{
	return waited(l, w, error);
}

static __attribute__((noinline)) int wait_in_turn(struct rondo_lock *l)
{
	struct rondo_waiter w = WAITER(l, &lock_class);
	struct rondo_task *self = w.wait.task;

	if (unlikely(waiters_are_foreign(&l->waiters_, &w)))
		return -RONDO_EWRONGLOOP;
	waiters_push(&l->waiters_, &w);
	if (unlikely(self->must_cancel)) {
		w.wait.cancelled = true;
		rondo__requeue(self);
	} else {
		rondo__park(&w.wait);
	}
	return waited(l, &w, rondo__wait_result(&w.wait, 0));
}

static inline bool is_free(const struct rondo_lock *l)
{
	return !l->holder_ && (!l->waiters_.first_ || !somebody_waits(l));
}

bool rondo__lock_is_free(const struct rondo_lock *l)
{
	return is_free(l);
}

/* In a loop with a budget (D11), or in none, which is a bug. */
static __attribute__((noinline)) int acquire_in_budget(struct rondo_lock *l)
{
	const struct rondo_task *self = rondo__self();
	int ret = is_free(l) ? budget_checkpoint() : 0;

	if (ret < 0)
		return ret;
	if (!is_free(l))
		return wait_in_turn(l);
	l->holder_ = self->id;
	return 0;
}

int rondo_lock_acquire(struct rondo_lock *lock)
{
	const struct loop *l = rondo__unbudgeted;

	if (unlikely(!l || !l->running))
		return acquire_in_budget(lock);
	if (unlikely(!is_free(lock)))
		return wait_in_turn(lock);
	lock->holder_ = l->running->id;
	return 0;
}

int rondo_lock_release(struct rondo_lock *lock)
{
	if (unlikely(!lock->holder_))
		return -EPERM;
	lock->holder_ = 0;
	if (unlikely(lock->waiters_.first_))
		wake_first(lock);
	return 0;
}

bool rondo_lock_locked(const struct rondo_lock *lock)
{
	return lock->holder_;
}
