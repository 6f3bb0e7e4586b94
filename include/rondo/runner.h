/* SPDX-License-Identifier: MIT */
/* runner.h - a loop that is used several times: asyncio.Runner, run_forever() and stop().
 *
 *     rondo_loop *loop;
 *     int ret = rondo_loop_new(NULL, &loop);
 *     if (ret == 0)
 *             ret = rondo_loop_run(loop, load, &state);
 *     if (ret == 0)
 *             ret = rondo_loop_run(loop, save, &state);
 *     rondo_loop_free(loop);
 *
 * A loop belongs to the thread that made it. Between runs its other tasks stand still, and go on in
 * the next one. */
#ifndef RONDO_RUNNER_H
#define RONDO_RUNNER_H

#include <stdbool.h>

#include "rondo/loop.h"
#include "rondo/task.h"

RONDO_BEGIN_DECLS

/* Make a loop for the calling thread. NULL options mean defaults.
 *
 * Owns:    *loop is the caller's until rondo_loop_free().
 * Awaits:  no. Not from a task (-EBUSY).
 * Returns: 0, or as rondo_run() if no ring could be made. */
RONDO_API RONDO_MUST_CHECK int rondo_loop_new(const struct rondo_options *options,
					      rondo_loop **loop);

/* Run main(arg) as a task of this loop until it returns: Runner.run(). Unlike rondo_run() it leaves
 * the tasks that main started, to be continued by the next run. Context variables that main has set
 * are there in the next one.
 *
 * Owns:    arg stays the caller's.
 * Awaits:  no; it blocks the calling thread.
 * Returns: what main returned; -EINTR if ^C ended it, or rondo_loop_stop() came first (then main
 *          goes on in the next run); -EDEADLK if every task waited for another; -EBUSY from a task,
 *          -RONDO_EWRONGLOOP from another thread or a child of fork(), -ESHUTDOWN after
 *          rondo_loop_free(); -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_loop_run(rondo_loop *loop, rondo_fn *main, void *arg);

/* Run what there is until rondo_loop_stop(): loop.run_forever(). It sleeps when nothing is left to
 * do, since calls of other threads may come at any time.
 *
 * Awaits:  no; it blocks the calling thread.
 * Returns: 0, or as rondo_loop_run(). */
RONDO_API RONDO_MUST_CHECK int rondo_loop_run_forever(rondo_loop *loop);

/* Leave the loop at the end of the batch that runs: loop.stop(). What this batch makes ready runs
 * in the next run. If the loop is not running, the next run has one turn. From another thread, have
 * it called by rondo_call_soon_threadsafe().
 *
 * Awaits:  no.
 * Returns: 0, -RONDO_EWRONGLOOP, -ESHUTDOWN; -EBUSY where another loop runs. */
RONDO_API int rondo_loop_stop(rondo_loop *loop);

/* Is it the calling thread's running loop?
 *
 * Awaits:  no.
 * Returns: true or false. */
RONDO_API bool rondo_loop_is_running(const rondo_loop *loop);

/* Cancel all tasks of a loop, wait for them, and close it: Runner.close(). NULL is ignored, and so
 * is a loop that is closed and was kept by rondo_loop_ref().
 *
 * Owns:    loop is gone, unless it was kept.
 * Awaits:  no; it blocks the calling thread.
 * Returns: 0; -EBUSY while it runs, -RONDO_EWRONGLOOP from another thread or a child of fork(). */
RONDO_API int rondo_loop_free(rondo_loop *loop);

RONDO_END_DECLS
#endif
