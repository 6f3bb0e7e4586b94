/* SPDX-License-Identifier: MIT */
/* sync.h - lock, event, condition, semaphore and barrier with asyncio's semantics; and what asyncio
 * lacks: a readers-writer lock, once, a wait group.
 *
 * For the tasks of one loop, not for threads: a task of another loop gets -RONDO_EWRONGLOOP where
 * it would wait beside others, and waking tasks from another thread is a bug that stops the
 * program.
 *
 * All are the caller's memory, ready with their RONDO_..._INIT, and have nothing to free:
 *
 *     static struct rondo_lock lock = RONDO_LOCK_INIT;
 *     object->lock = (struct rondo_lock)RONDO_LOCK_INIT;
 *
 * They stay in place while tasks wait in them. Members ending in an underscore are the library's.
 *
 * Waiting is first come, first served, allocates nothing, and does not yield when there is nothing
 * to wait for. Cancelling a task ends its wait with -ECANCELED even if its turn had just come; what
 * it would have got then goes to the next one, so nothing is lost. */
#ifndef RONDO_SYNC_H
#define RONDO_SYNC_H

#include <stdbool.h>

#include "rondo/base.h"
#include "rondo/task.h"

RONDO_BEGIN_DECLS

/* Tasks that wait, in order of arrival; they lie on the tasks' stacks. */
struct rondo_waiters {
	struct rondo_waiter *first_, *last_;
};

#define RONDO_WAITERS_INIT { NULL, NULL }

/* --- lock ------------------------------------------------------------------------------------ */

/* Mutual exclusion across awaits: asyncio.Lock. Not re-entrant. Zeroed memory is one, too. */
struct rondo_lock {
	struct rondo_waiters waiters_;
	uint64_t holder_;		/* a task's number; 0: free */
};

#define RONDO_LOCK_INIT { RONDO_WAITERS_INIT, 0 }

/* Take the lock.
 *
 * Awaits:  yes, unless it is free and nobody waits.
 * Cancel:  -ECANCELED; the lock is not taken.
 * Returns: 0, -ECANCELED, -RONDO_EWRONGLOOP. */
RONDO_API RONDO_MUST_CHECK int rondo_lock_acquire(struct rondo_lock *lock);

/* Let go of the lock; the task that waits longest gets it. Any task may do that, not only the one
 * that took it.
 *
 * Awaits:  no.
 * Returns: 0, or -EPERM if it is free. */
RONDO_API int rondo_lock_release(struct rondo_lock *lock);

/* Is the lock taken? Between a release and the waiting task's turn it is not, but nobody else can
 * take it then.
 *
 * Awaits:  no.
 * Returns: true or false. */
RONDO_API bool rondo_lock_locked(const struct rondo_lock *lock);

/* --- event ----------------------------------------------------------------------------------- */

/* A flag to wait for: asyncio.Event. Zeroed memory is one, too. */
struct rondo_event {
	struct rondo_waiters waiters_;
	bool is_set_;
};

#define RONDO_EVENT_INIT { RONDO_WAITERS_INIT, false }

/* Wait until the event is set.
 *
 * Awaits:  yes, unless it is set.
 * Cancel:  -ECANCELED.
 * Returns: 0, -ECANCELED, -RONDO_EWRONGLOOP. */
RONDO_API RONDO_MUST_CHECK int rondo_event_wait(struct rondo_event *event);

/* Set the event. All who wait go on, also if it is cleared before they run.
 *
 * Awaits:  no. */
RONDO_API void rondo_event_set(struct rondo_event *event);

/* Clear the event: who comes from now on waits.
 *
 * Awaits:  no. */
RONDO_API void rondo_event_clear(struct rondo_event *event);

/* Is the event set?
 *
 * Awaits:  no.
 * Returns: true or false. */
RONDO_API bool rondo_event_is_set(const struct rondo_event *event);

/* --- condition ------------------------------------------------------------------------------- */

/* Wait, under a lock, for what the lock protects to change: asyncio.Condition. Several conditions
 * may share one lock. */
struct rondo_condition {
	struct rondo_lock *lock_;
	struct rondo_waiters waiters_;
};

#define RONDO_CONDITION_INIT(lock) { (lock), RONDO_WAITERS_INIT }

/* Let go of the lock, wait to be notified, and take the lock again. May return without a
 * notification: look again at what you wait for, or use rondo_condition_wait_for().
 *
 * Awaits:  yes.
 * Cancel:  -ECANCELED, but with the lock taken again, however often the task is cancelled
 *          meanwhile; another waiting task is notified instead.
 * Returns: 0, -ECANCELED, -EPERM if the lock is free, -RONDO_EWRONGLOOP. */
RONDO_API RONDO_MUST_CHECK int rondo_condition_wait(struct rondo_condition *condition);

/* Wait until predicate(arg) returns something else than 0; it is called with the lock taken.
 *
 * Owns:    arg stays the caller's.
 * Awaits:  yes, unless the predicate holds.
 * Cancel:  as rondo_condition_wait().
 * Returns: what the predicate returned, else as rondo_condition_wait(). */
RONDO_API RONDO_MUST_CHECK int rondo_condition_wait_for(struct rondo_condition *condition,
							rondo_fn *predicate, void *arg);

/* Wake the n tasks that wait longest, or all if they are fewer. The lock must be taken.
 *
 * Awaits:  no.
 * Returns: 0, or -EPERM if the lock is free. */
RONDO_API int rondo_condition_notify(struct rondo_condition *condition, size_t n_tasks);

/* Wake all tasks that wait. The lock must be taken.
 *
 * Awaits:  no.
 * Returns: 0, or -EPERM if the lock is free. */
RONDO_API int rondo_condition_notify_all(struct rondo_condition *condition);

/* --- semaphore ------------------------------------------------------------------------------- */

/* A number of permits: asyncio.Semaphore and BoundedSemaphore. */
struct rondo_semaphore {
	struct rondo_waiters waiters_;
	int64_t value_;			/* permits to be had */
	int64_t limit_;			/* they cannot become more than that */
	uint64_t n_granted_;		/* waiting tasks that have one and did not run yet */
};

#define RONDO_SEMAPHORE_INIT(value) { RONDO_WAITERS_INIT, (int64_t)(value), INT64_MAX, 0 }
/* Releasing more often than it was acquired is an error. */
#define RONDO_BOUNDED_SEMAPHORE_INIT(value)                                                        \
	{ RONDO_WAITERS_INIT, (int64_t)(value), (int64_t)(value), 0 }

/* Take a permit.
 *
 * Awaits:  yes, unless there is one and nobody waits.
 * Cancel:  -ECANCELED; no permit is taken.
 * Returns: 0, -ECANCELED, -EINVAL if it was initialised with less than 0, -RONDO_EWRONGLOOP. */
RONDO_API RONDO_MUST_CHECK int rondo_semaphore_acquire(struct rondo_semaphore *semaphore);

/* Give a permit back, or a new one; the task that waits longest gets it.
 *
 * Awaits:  no.
 * Returns: 0, or -EINVAL if a bounded semaphore has all its permits. */
RONDO_API int rondo_semaphore_release(struct rondo_semaphore *semaphore);

/* Would rondo_semaphore_acquire() wait?
 *
 * Awaits:  no.
 * Returns: true or false. */
RONDO_API bool rondo_semaphore_locked(const struct rondo_semaphore *semaphore);

/* --- barrier --------------------------------------------------------------------------------- */

/* Where a number of tasks wait for each other, again and again: asyncio.Barrier. */
struct rondo_barrier {
	struct rondo_lock lock_;
	struct rondo_waiters waiters_;
	uint32_t n_parties_;
	uint32_t n_inside_;
	uint32_t state_;
};

#define RONDO_BARRIER_INIT(n_parties)                                                              \
	{ RONDO_LOCK_INIT, RONDO_WAITERS_INIT, (uint32_t)(n_parties), 0, 0 }

/* Wait until as many tasks are here as the barrier has parties. Whoever comes while they leave
 * waits for the next round.
 *
 * Awaits:  yes, unless the caller is the last one.
 * Cancel:  -ECANCELED; the barrier goes on waiting for one task more.
 * Returns: how many had arrived before the caller and were still there; -EPIPE if the barrier is or gets
 *          broken, or was reset; -EINVAL if it has no parties; -ECANCELED, -RONDO_EWRONGLOOP. */
RONDO_API RONDO_MUST_CHECK int rondo_barrier_wait(struct rondo_barrier *barrier);

/* Make the barrier as new. Tasks that wait get -EPIPE.
 *
 * Awaits:  yes, if others are just coming or leaving.
 * Cancel:  -ECANCELED; nothing was reset.
 * Returns: 0, -ECANCELED, -RONDO_EWRONGLOOP. */
RONDO_API RONDO_MUST_CHECK int rondo_barrier_reset(struct rondo_barrier *barrier);

/* Break the barrier: who waits, and who comes, gets -EPIPE until it is reset.
 *
 * Awaits:  yes, if others are just coming or leaving.
 * Cancel:  -ECANCELED; nothing was broken.
 * Returns: 0, -ECANCELED, -RONDO_EWRONGLOOP. */
RONDO_API RONDO_MUST_CHECK int rondo_barrier_abort(struct rondo_barrier *barrier);

/* Count the tasks that wait for the others to come.
 *
 * Awaits:  no.
 * Returns: the count. */
RONDO_API unsigned rondo_barrier_n_waiting(const struct rondo_barrier *barrier);

/* Is the barrier broken?
 *
 * Awaits:  no.
 * Returns: true or false. */
RONDO_API bool rondo_barrier_broken(const struct rondo_barrier *barrier);

/* --- readers-writer lock --------------------------------------------------------------------- */

/* Many readers or one writer. In order of arrival: readers do not overtake a waiting writer. Zeroed
 * memory is one, too. */
struct rondo_rwlock {
	struct rondo_waiters waiters_;
	uint64_t writer_;		/* a task's number; 0: none */
	uint64_t n_readers_;
};

#define RONDO_RWLOCK_INIT { RONDO_WAITERS_INIT, 0, 0 }

/* Take the lock together with other readers.
 *
 * Awaits:  yes, if a writer has it or anybody waits.
 * Cancel:  -ECANCELED; the lock is not taken.
 * Returns: 0, -ECANCELED, -RONDO_EWRONGLOOP. */
RONDO_API RONDO_MUST_CHECK int rondo_rwlock_acquire_read(struct rondo_rwlock *lock);

/* Take the lock alone.
 *
 * Awaits:  yes, unless it is free and nobody waits.
 * Cancel:  -ECANCELED; the lock is not taken.
 * Returns: 0, -ECANCELED, -RONDO_EWRONGLOOP. */
RONDO_API RONDO_MUST_CHECK int rondo_rwlock_acquire_write(struct rondo_rwlock *lock);

/* Let go of the lock, as reader or writer.
 *
 * Awaits:  no.
 * Returns: 0, or -EPERM if it is free. */
RONDO_API int rondo_rwlock_release(struct rondo_rwlock *lock);

/* --- once ------------------------------------------------------------------------------------ */

/* Something to be done once, by whoever comes first. Zeroed memory is one, too. */
struct rondo_once {
	struct rondo_lock lock_;
	int result_;
	bool is_done_;
};

#define RONDO_ONCE_INIT { RONDO_LOCK_INIT, 0, false }

/* Call fn(arg), unless an earlier call succeeded; while another task is in it, wait for that. If it
 * fails, or is cancelled, the next task tries.
 *
 * Owns:    arg stays the caller's.
 * Awaits:  as fn does, or for the task that is in it.
 * Cancel:  goes to fn, or -ECANCELED.
 * Returns: what the call that succeeded returned, 0 or more; fn's error; -ECANCELED; -EDEADLK from
 *          inside fn; -RONDO_EWRONGLOOP. */
RONDO_API RONDO_MUST_CHECK int rondo_once_call(struct rondo_once *once, rondo_fn *fn, void *arg);

/* --- wait group ------------------------------------------------------------------------------ */

/* Counts what is still to be done, for others to wait for the end. Zeroed memory is one, too. */
struct rondo_waitgroup {
	struct rondo_waiters waiters_;
	uint64_t n_pending_;
};

#define RONDO_WAITGROUP_INIT { RONDO_WAITERS_INIT, 0 }

/* Count n more.
 *
 * Awaits:  no. */
RONDO_API void rondo_waitgroup_add(struct rondo_waitgroup *group, size_t n);

/* Count one less; the last one wakes all who wait.
 *
 * Awaits:  no.
 * Returns: 0, or -EINVAL if nothing was pending. */
RONDO_API int rondo_waitgroup_done(struct rondo_waitgroup *group);

/* Wait until nothing is pending.
 *
 * Awaits:  yes, if something is pending.
 * Cancel:  -ECANCELED.
 * Returns: 0, -ECANCELED, -RONDO_EWRONGLOOP. */
RONDO_API RONDO_MUST_CHECK int rondo_waitgroup_wait(struct rondo_waitgroup *group);

RONDO_END_DECLS
#endif
