/* SPDX-License-Identifier: MIT */
/* thread.h - functions that block, in threads; and from threads back into a loop.
 *
 *     ret = rondo_to_thread(compress, &job);        asyncio.to_thread()
 *
 * A cancelled task does not leave its arguments to a thread that still uses them: a function that
 * has not begun never runs, one that runs is waited for, and its result is delivered; the cancel
 * then comes at the next await, as everywhere. rondo_thread_cancelled() lets it end early, and
 * RONDO_THREAD_ABANDON gives up waiting, for arguments that the thread may keep. */
#ifndef RONDO_THREAD_H
#define RONDO_THREAD_H

#include <stdbool.h>

#include "rondo/base.h"
#include "rondo/loop.h"
#include "rondo/task.h"

RONDO_BEGIN_DECLS

/* --- into a thread --------------------------------------------------------------------------- */

/* Run fn(arg) in a thread of the loop's own pool, which has at most 4 more than there are CPUs and
 * at most 32, started when needed. It runs outside any task: no rondo function that awaits may be
 * called in it, but see rondo_loop_call(). All signals that are not its own fault are blocked.
 *
 * Owns:    arg is fn's until this returns.
 * Awaits:  yes.
 * Cancel:  a fn that was not begun is not; else it is waited for (see the top).
 * Returns: what fn returned; -ECANCELED; -EAGAIN, -ENOMEM if no thread could be started;
 *          -ESHUTDOWN after rondo_pool_shutdown(). */
RONDO_API RONDO_MUST_CHECK int rondo_to_thread(rondo_fn *fn, void *arg);

enum rondo_thread_cancel {
	RONDO_THREAD_WAIT,		/* for fn to return */
	RONDO_THREAD_ABANDON		/* return -ECANCELED at once, and leave arg to the thread */
};

/* Zero means default throughout. */
struct rondo_thread_options {
	enum rondo_thread_cancel on_cancel;
	/* With RONDO_THREAD_ABANDON: whenever -ECANCELED is returned, arg is no longer the caller's,
	 * and this is called with it, once: when fn has returned, on its thread; or, if it never
	 * ran, on the loop's. To free it, usually. */
	void (*on_abandon)(void *arg);
};

/* Run fn(arg) in a thread with options; NULL means defaults. Else as rondo_to_thread().
 *
 * Owns:    arg is fn's until this returns, and on_abandon's if it returns -ECANCELED.
 * Awaits:  yes.
 * Cancel:  as options->on_cancel says.
 * Returns: as rondo_to_thread(). */
RONDO_API RONDO_MUST_CHECK int rondo_to_thread_with(const struct rondo_thread_options *options,
						    rondo_fn *fn, void *arg);

/* Tell a function in a thread whether the task that waits for it was asked to stop.
 *
 * Awaits:  no.
 * Returns: true if it should return soon; false outside of such a function. */
RONDO_API bool rondo_thread_cancelled(void);

/* --- pools ----------------------------------------------------------------------------------- */

/* Threads of one's own, for work that must not wait behind other work: loop.run_in_executor().
 * Caller-allocated; any loop's tasks may use it. */
struct rondo_pool {
	uint64_t private_[48];
};

/* Zero means default throughout. */
struct rondo_pool_options {
	unsigned max_threads;		/* 4 more than CPUs, at most 32 */
	double idle_seconds;		/* an idle thread ends after this; 10 */
	const char *name;		/* of the threads; copied, 15 bytes are kept; "rondo-pool" */
};

/* Make a pool; it has no threads yet. options NULL means defaults.
 *
 * Owns:    pool must stay in place until rondo_pool_shutdown() has returned 0.
 * Awaits:  no. Also outside a loop. */
RONDO_API void rondo_pool_init(struct rondo_pool *pool, const struct rondo_pool_options *options);

/* Run fn(arg) in a thread of the pool, NULL being the loop's own. Else as rondo_to_thread().
 *
 * Owns:    as rondo_to_thread().
 * Awaits:  yes.
 * Cancel:  as rondo_to_thread().
 * Returns: as rondo_to_thread(). */
RONDO_API RONDO_MUST_CHECK int rondo_pool_run(struct rondo_pool *pool, rondo_fn *fn, void *arg);

/* Run fn(arg) in a thread of the pool with options. Else as rondo_to_thread_with().
 *
 * Owns:    as rondo_to_thread_with().
 * Awaits:  yes.
 * Cancel:  as rondo_to_thread_with().
 * Returns: as rondo_to_thread(). */
RONDO_API RONDO_MUST_CHECK int rondo_pool_run_with(struct rondo_pool *pool,
						   const struct rondo_thread_options *options,
						   rondo_fn *fn, void *arg);

/* Take no more functions, run those that wait, and wait until all threads have ended; NULL is the
 * loop's own pool. After grace_seconds (INFINITY: never) each function that still runs is
 * reported to on_error, by name if it has one. A loop that ends does this with its own pool, and
 * reports after 5 seconds, but then goes on waiting: what runs may use what is freed later.
 *
 * Owns:    pool is the caller's again if this returns 0.
 * Awaits:  yes, unless there are no threads.
 * Cancel:  -ECANCELED; the pool stays closed, and this may be called again.
 * Returns: 0; -ETIMEDOUT if functions still run; -EBUSY if another task is waiting here; -EINVAL
 *          (not a number). */
RONDO_API RONDO_MUST_CHECK int rondo_pool_shutdown(struct rondo_pool *pool, double grace_seconds);

/* --- back into a loop ------------------------------------------------------------------------ */

/* Run fn(arg) as a task of the loop and block the calling thread until it is done. In a function
 * that a task runs in a thread, NULL is that task's loop.
 *
 * Owns:    arg is the task's until this returns.
 * Awaits:  no; it blocks the calling thread, which must not be the loop's (-EDEADLK).
 * Returns: what fn returned; -ECANCELED if it was cancelled; -ENOMEM; -ESHUTDOWN if the loop ended
 *          before fn began; -EINVAL for NULL elsewhere. */
RONDO_API int rondo_loop_call(rondo_loop *loop, rondo_fn *fn, void *arg);

/* A task of a loop as another thread sees it: concurrent.futures.Future. */
typedef struct rondo_thread_future rondo_thread_future;

/* Start fn(arg) as a task of the loop, from any thread: asyncio.run_coroutine_threadsafe().
 *
 * Owns:    the handle is the caller's, for rondo_thread_future_free(). arg must live as long as the
 *          task uses it.
 * Awaits:  no. From any thread, but not from a signal handler.
 * Returns: the handle, or NULL when memory is short. A loop that has ended shows in the result. */
RONDO_API RONDO_MUST_CHECK rondo_thread_future *
rondo_run_coroutine_threadsafe(rondo_loop *loop, rondo_fn *fn, void *arg);

/* Block the calling thread until the task is done, at most for `seconds` (INFINITY: for ever).
 *
 * Awaits:  no; it blocks the calling thread, which must not be the loop's (-EDEADLK, unless the
 *          task is done).
 * Returns: the task's result or error; -ECANCELED if it was cancelled; -ETIMEDOUT, the task then
 *          runs on; -ESHUTDOWN if the loop ended before it began; -ENOMEM if it could not begin;
 *          -EINVAL (not a number). */
RONDO_API RONDO_MUST_CHECK int rondo_thread_future_wait(rondo_thread_future *future, double seconds);

/* Ask the task to stop; it may decline, and is done only when wait says so. A task that was not
 * started yet never is.
 *
 * Awaits:  no. From any thread.
 * Returns: true, or false if it is done already. */
RONDO_API bool rondo_thread_future_cancel(rondo_thread_future *future);

/* Give up the handle; the task runs on. NULL is ignored.
 *
 * Awaits:  no. From any thread. */
RONDO_API void rondo_thread_future_free(rondo_thread_future *future);

RONDO_END_DECLS
#endif
