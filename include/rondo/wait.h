/* SPDX-License-Identifier: MIT */
/* wait.h - wait for some of several tasks: asyncio.wait() and asyncio.as_completed(). Neither
 * cancels a task nor uses up a handle: await each task that is done, which takes no time.
 * rondo_gather() is in task.h. */
#ifndef RONDO_WAIT_H
#define RONDO_WAIT_H

#include "rondo/base.h"
#include "rondo/task.h"

RONDO_BEGIN_DECLS

/* As seconds: no limit. */
#define RONDO_FOREVER __builtin_inf()

enum rondo_return_when {
	RONDO_ALL_COMPLETED,
	RONDO_FIRST_COMPLETED,
	RONDO_FIRST_EXCEPTION		/* the first error that is no cancel, or all */
};

/* Wait until all of several tasks are done, or the first, or the first that fails, or time is up.
 * Then brings the done ones to the front of tasks, in the order in which they ended (those that had
 * ended before: as given), and the pending ones behind them, as given. A NULL counts as failed, a
 * task named twice as two.
 *
 * Owns:    the handles stay the caller's; tasks is untouched on failure.
 * Awaits:  yes, unless nothing is left to wait for. With seconds <= 0 what is ready runs once.
 * Cancel:  ends the waiting; the tasks run on.
 * Returns: how many are done; -ECANCELED; -EINVAL for no tasks or a limit that is not a number;
 *          -ENOMEM. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_wait(size_t n_tasks, rondo_task *tasks[],
					      enum rondo_return_when when, double seconds);

/* Goes through tasks as they complete. Caller-allocated; from begin to end it stays in place, in
 * one task.
 *
 *     struct rondo_as_completed each;
 *     rondo_task *t;
 *     int ret = rondo_as_completed_begin(&each, n, tasks, RONDO_FOREVER);
 *     while (ret == 0 && (ret = rondo_as_completed_next(&each, &t)) > 0)
 *             ret = use(rondo_await(t));
 *     rondo_as_completed_end(&each);
 * */
struct rondo_as_completed {
	uint64_t private_[64];
};

/* Begin to watch tasks, for at most `seconds` in all. A task named twice is given once; a NULL
 * is given as NULL.
 *
 * Owns:    each must stay in place until rondo_as_completed_end(); the handles stay the
 *          caller's, and a task that was not given yet must keep its handle until then.
 * Awaits:  no. Only from a task.
 * Returns: 0; -EINVAL (the limit is not a number); -ENOMEM. After an error there is nothing to
 *          end, and it does no harm. */
RONDO_API RONDO_MUST_CHECK int rondo_as_completed_begin(struct rondo_as_completed *each,
							size_t n_tasks, rondo_task *const tasks[],
							double seconds);

/* Wait for the next task to be done.
 *
 * Owns:    *task is the handle that the caller passed.
 * Awaits:  yes, unless one is done already.
 * Cancel:  ends the waiting; nothing is lost.
 * Returns: 1 and the task; 0 when all were given; -ECANCELED; -ETIMEDOUT when time is up, and from
 *          then on: what was done in time is given first. */
RONDO_API RONDO_MUST_CHECK int rondo_as_completed_next(struct rondo_as_completed *each,
						       rondo_task **task);

/* Stop watching; tasks that are not done run on.
 *
 * Awaits:  no. */
RONDO_API void rondo_as_completed_end(struct rondo_as_completed *each);

RONDO_END_DECLS
#endif
