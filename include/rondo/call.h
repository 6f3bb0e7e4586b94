/* SPDX-License-Identifier: MIT */
/* call.h - plain functions that the loop calls: soon, later, when a descriptor is ready. asyncio's
 * call_soon(), call_later(), add_reader(). They run on the loop's own stack: they may wake, create
 * and cancel tasks, and must not await. In a program of tasks they are seldom needed. */
#ifndef RONDO_CALL_H
#define RONDO_CALL_H

#include <stdbool.h>

#include "rondo/base.h"

RONDO_BEGIN_DECLS

/* Room for one call, caller-allocated: Handle and TimerHandle. Stays in place until the call runs
 * or is cancelled, and may then be used again, also by the call itself. */
struct rondo_handle {
	uint64_t private_[14];
};

/* Have call(arg) called in the next batch, after all that is ready by now: call_soon(). From inside
 * a call that is the next turn. The current context variables are those of the call.
 *
 * Owns:    handle must stay in place while the call is pending; arg stays the caller's.
 * Awaits:  no. Only from a task or a call of a loop.
 * Returns: 0, or -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_call_soon(struct rondo_handle *handle, void (*call)(void *arg),
					       void *arg);

/* Have call(arg) called `seconds` from now: call_later(). Calls that are due in one turn run after
 * what is ready and what the kernel completed, in the order of their deadlines.
 *
 * Owns:    as rondo_call_soon(). What is still pending when the loop closes is cancelled.
 * Awaits:  no. Only from a task or a call of a loop.
 * Returns: 0, -EINVAL (not a number), -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_call_later(struct rondo_handle *handle, double seconds,
						void (*call)(void *arg), void *arg);

/* Have call(arg) called when rondo_now_ns() has reached when_ns: call_at().
 *
 * Owns:    as rondo_call_later().
 * Awaits:  no. Only from a task or a call of a loop.
 * Returns: 0, or -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_call_at(struct rondo_handle *handle, uint64_t when_ns,
					     void (*call)(void *arg), void *arg);

/* Take a call back: Handle.cancel(). Does nothing if it was called or cancelled before, or if the
 * handle is all zeroes.
 *
 * Owns:    handle is the caller's again.
 * Awaits:  no. */
RONDO_API void rondo_handle_cancel(struct rondo_handle *handle);

/* Was the call taken back, by rondo_handle_cancel() or the end of the loop?
 *
 * Awaits:  no.
 * Returns: true or false. */
RONDO_API bool rondo_handle_cancelled(const struct rondo_handle *handle);

/* Tell when a call of rondo_call_later() or rondo_call_at() is due, in rondo_now_ns() time.
 *
 * Awaits:  no.
 * Returns: nanoseconds; 0 for rondo_call_soon(). */
RONDO_API uint64_t rondo_handle_when(const struct rondo_handle *handle);

/* Have call(arg) called in every turn in which fd can be read without waiting: add_reader(). A call
 * that is there already is replaced. Take it back before the descriptor is closed; rondo_close() on
 * a watched one ends the watch and tells on_error.
 *
 * Owns:    arg stays the caller's; it and fd must last until rondo_remove_reader().
 * Awaits:  no. Only from a task or a call of a loop.
 * Returns: 0, -EBADF, -ENOMEM.
 * Kernel:  5.1. */
RONDO_API RONDO_MUST_CHECK int rondo_add_reader(int fd, void (*call)(void *arg), void *arg);

/* Have call(arg) called in every turn in which fd can be written to: add_writer(). Else as
 * rondo_add_reader(), beside which it may stand.
 *
 * Owns:    as rondo_add_reader().
 * Awaits:  no. Only from a task or a call of a loop.
 * Returns: 0, -EBADF, -ENOMEM.
 * Kernel:  5.1. */
RONDO_API RONDO_MUST_CHECK int rondo_add_writer(int fd, void (*call)(void *arg), void *arg);

/* Stop the calls of rondo_add_reader(), also one that is about to run.
 *
 * Awaits:  no.
 * Returns: true, or false if there was none. */
RONDO_API bool rondo_remove_reader(int fd);

/* Stop the calls of rondo_add_writer(), also one that is about to run.
 *
 * Awaits:  no.
 * Returns: true, or false if there was none. */
RONDO_API bool rondo_remove_writer(int fd);

RONDO_END_DECLS
#endif
