/* SPDX-License-Identifier: MIT */
/* future.h - a result that will be there later, set by whoever has it: asyncio.Future.
 *
 *     struct rondo_future answer;
 *     rondo_future_init(&answer);
 *     ...                                          another task, or a callback:
 *     ret = rondo_future_await(&answer);           rondo_future_set_result(&answer, 42);
 *
 * Caller-allocated; it stays in place until it is settled, and needs no end: those who waited have
 * their result then. Larger results go beside it, into the structure that holds it. As in asyncio,
 * cancelling one who awaits a future cancels the future for all; rondo_future_shield() does not. */
#ifndef RONDO_FUTURE_H
#define RONDO_FUTURE_H

#include "rondo/base.h"
#include "rondo/loop.h"
#include "rondo/task.h"

RONDO_BEGIN_DECLS

struct rondo_future {
	uint64_t private_[6];
};

/* Make a future of the calling thread's loop, pending.
 *
 * Owns:    future must stay in place until it is settled.
 * Awaits:  no. Only where a loop runs. */
RONDO_API void rondo_future_init(struct rondo_future *future);

/* Settle a future with a result of zero or more, and wake all who wait, in order.
 *
 * Owns:    nothing inside needs future any more when this has returned 0.
 * Awaits:  no.
 * Returns: 0; -EALREADY if it is settled, perhaps by a cancel; -EINVAL for a negative result;
 *          -RONDO_EWRONGLOOP from another thread. */
RONDO_API int rondo_future_set_result(struct rondo_future *future, int result);

/* Settle a future with a negative error; -ECANCELED is a cancel. Else as rondo_future_set_result().
 *
 * Owns:    as rondo_future_set_result().
 * Awaits:  no.
 * Returns: as rondo_future_set_result(); -EINVAL for what is not negative. */
RONDO_API int rondo_future_set_error(struct rondo_future *future, int error);

/* Settle a future of another thread's loop, with a result or, negative, an error, at that loop's
 * next turn. What is settled by then stays as it is.
 *
 * Owns:    future must stay in place until then.
 * Awaits:  no. From any thread.
 * Returns: 0; -EALREADY if some thread has done so; -ENOMEM; -ESHUTDOWN if the loop has ended. */
RONDO_API RONDO_MUST_CHECK int rondo_future_set_threadsafe(rondo_loop *loop,
							   struct rondo_future *future, int result);

/* Cancel a future: all who wait for it get -ECANCELED, and are not cancelled themselves.
 *
 * Awaits:  no.
 * Returns: true, or false if it is settled. */
RONDO_API bool rondo_future_cancel(struct rondo_future *future);

/* Wait until a future is settled.
 *
 * Owns:    future stays the caller's.
 * Awaits:  yes, unless it is settled already.
 * Cancel:  cancels the future, for all who wait for it.
 * Returns: its result or error; -ECANCELED if it or the caller was cancelled. */
RONDO_API RONDO_MUST_CHECK int rondo_future_await(struct rondo_future *future);

/* Wait until a future is settled, but leave it pending when the caller is cancelled.
 *
 * Owns:    future stays the caller's.
 * Awaits:  yes, unless it is settled already.
 * Cancel:  ends the waiting, not the future.
 * Returns: as rondo_future_await(). */
RONDO_API RONDO_MUST_CHECK int rondo_future_shield(struct rondo_future *future);

/* Tell what became of a future.
 *
 * Awaits:  no.
 * Returns: the state, as of a task. */
RONDO_API enum rondo_task_state rondo_future_state(const struct rondo_future *future);

/* Get the result of a settled future.
 *
 * Awaits:  no.
 * Returns: its result or error, -ECANCELED, -EINPROGRESS if it is not settled. */
RONDO_API int rondo_future_result(const struct rondo_future *future);

/* Have call(future, arg) called in the turn after the future is settled, or in the next one if
 * it is: as rondo_task_add_done_callback(); rondo_task_remove_done_callback() takes it back.
 *
 * Owns:    future and callback stay in place until the call.
 * Awaits:  no.
 * Returns: 0, -ENOMEM, -RONDO_EWRONGLOOP. */
RONDO_API RONDO_MUST_CHECK int
rondo_future_add_done_callback(struct rondo_future *future, struct rondo_done_callback *callback,
			       void (*call)(struct rondo_future *future, void *arg), void *arg);

RONDO_END_DECLS
#endif
