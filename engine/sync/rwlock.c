/* SPDX-License-Identifier: MIT */
/* rwlock.c - many readers or one writer: row S8. The lock is handed over at the release, so that it
 * is never free while somebody waits, and readers that stand in a row get it together. */
#include <stdio.h>

#include "sync/waiters.h"

_Static_assert(sizeof(struct rondo_rwlock) == 32, "the size of a rwlock is part of the ABI");

static void rwlock_describe(const struct wait *w, char *buf, size_t size)
{
	const struct rondo_rwlock *l = waiter_of(w)->object;
	char holder[64];

	snprintf(holder, sizeof(holder), "%llu readers", (unsigned long long)l->n_readers_);
	if (l->writer_)
		rondo__waiters_name_task(w->task->loop, l->writer_, holder, sizeof(holder));
	snprintf(buf, size, "%s %p held by %s", w->class->name, (const void *)l, holder);
}

static const struct wait_class read_class = {
	.name = "rwlock, to read,", .cancel = rondo__waiters_cancel, .describe = rwlock_describe,
};
static const struct wait_class write_class = {
	.name = "rwlock, to write,", .cancel = rondo__waiters_cancel, .describe = rwlock_describe,
};

static bool may_have(const struct rondo_rwlock *l, const struct wait_class *class)
{
	return !l->writer_ && (class == &read_class || !l->n_readers_);
}

static void take(struct rondo_rwlock *l, const struct wait *w)
{
	if (w->class == &read_class)
		l->n_readers_++;
	else
		l->writer_ = w->task->id;
}

static void hand_over(struct rondo_rwlock *l)
{
	while (l->waiters_.first_ && may_have(l, l->waiters_.first_->wait.class)) {
		take(l, &l->waiters_.first_->wait);
		waiters_grant(&l->waiters_);
	}
}

static bool is_free_for(const struct rondo_rwlock *l, const struct wait_class *class)
{
	return !l->waiters_.first_ && may_have(l, class);
}

static int acquire(struct rondo_rwlock *l, const struct wait_class *class)
{
	struct rondo_waiter w = WAITER(l, class);
	int ret = is_free_for(l, class) ? budget_checkpoint() : 0;

	if (unlikely(ret < 0))
		return ret;
	if (likely(is_free_for(l, class))) {
		take(l, &w.wait);
		return 0;
	}
	ret = rondo__waiters_wait(&l->waiters_, &w);
	if (ret < 0 && w.granted)
		rondo_rwlock_release(l);	/* Y3 */
	else if (ret < 0)
		hand_over(l);			/* a writer that gave up may have held up readers */
	return ret;
}

int rondo_rwlock_acquire_read(struct rondo_rwlock *lock)
{
	return acquire(lock, &read_class);
}

int rondo_rwlock_acquire_write(struct rondo_rwlock *lock)
{
	return acquire(lock, &write_class);
}

int rondo_rwlock_release(struct rondo_rwlock *lock)
{
	if (lock->writer_)
		lock->writer_ = 0;
	else if (lock->n_readers_)
		lock->n_readers_--;
	else
		return -EPERM;
	hand_over(lock);
	return 0;
}
