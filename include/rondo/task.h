/* SPDX-License-Identifier: MIT */
/* task.h - run a loop; create, await, cancel and combine tasks. asyncio's vocabulary and
 * semantics.
 *
 * A task function returns an int: zero or more is its result, less is an error. Calling such a
 * function directly is `await f()`; rondo_create_task() is asyncio.create_task(). A task that
 * returns -ECANCELED counts as cancelled.
 *
 * A handle from rondo_create_task() is used up by rondo_await(), rondo_gather() or
 * rondo_detach(), once, like a thread by pthread_join() or pthread_detach(). A NULL handle
 * stands for a task that could not be created: awaiting it gives -ENOMEM, so creation needs no
 * check of its own. */
#ifndef RONDO_TASK_H
#define RONDO_TASK_H

#include <stdbool.h>

#include "rondo/async.h"
#include "rondo/base.h"

RONDO_BEGIN_DECLS

typedef struct rondo_task rondo_task;
typedef struct rondo_context rondo_context;
typedef int rondo_fn(void *arg);

enum rondo_task_state {
	RONDO_PENDING,
	RONDO_DONE,			/* returned zero or more */
	RONDO_FAILED,			/* returned an error */
	RONDO_CANCELLED
};

/* --- running --------------------------------------------------------------------------------- */

enum rondo_timers {
	RONDO_TIMERS_COALESCED,		/* sleepers share one IORING_OP_TIMEOUT, the earliest */
	RONDO_TIMERS_WAIT,		/* the earliest deadline is passed to io_uring_enter */
	RONDO_TIMERS_SQE		/* one IORING_OP_TIMEOUT per sleep; for benchmarks */
};

/* What went wrong where no caller could be told. */
struct rondo_report {
	const char *message;		/* one line, without newline */
	const char *task;		/* the name of the task concerned, or NULL */
	int error;			/* a negative error, or 0 */
	const char *details;		/* more lines, such as a backtrace, or NULL */
};

/* Zero means default throughout, so `(struct rondo_options){ .on_error = rondo_report_print }`
 * is one. */
struct rondo_options {
	size_t stack_size;		/* of each task, in bytes; 64 KiB */
	size_t main_stack_size;		/* of the first task, in bytes; 256 KiB */
	unsigned sq_entries;		/* submission queue; 256 */
	unsigned cq_entries;		/* completion queue; 8 times sq_entries */
	enum rondo_timers timers;
	bool no_sigint;			/* leave SIGINT alone */
	bool no_overflow_report;	/* do not say which task overflowed its stack */
	/* How many awaits in a row a task may complete without waiting, such as taking free locks, before
	 * it lets others run, and is told of a cancel; 0: as many as it likes, as in asyncio. */
	unsigned await_budget;
	/* Told of errors nobody retrieved, of deadlocks, of tasks that outlive their cancellation.
	 * Runs on the loop's or a task's stack and must not await. NULL: nobody is told. */
	void (*on_error)(const struct rondo_report *report, void *arg);
	void *on_error_arg;
	/* Debug mode: see debug.h. */
	bool debug;
	double slow_seconds;		/* a step that takes longer is reported; 0.1 */
	int debug_signal;		/* to look at a stuck step with; 0: SIGURG; -1: none */
	/* Told at once, by another thread, that a step of the loop is slow, while it goes on. NULL:
	 * on_error is told when it has ended. */
	void (*on_stuck)(const struct rondo_report *report, void *arg);
	void *on_stuck_arg;
};

/* Run main(arg) as the first task of a new loop until it returns: asyncio.run(). Then cancels
 * what is still running, waits for it, and closes the loop. While it runs, in the main thread
 * and if SIGINT would kill the process, the first ^C cancels the first task and the second one
 * kills.
 *
 * Owns:    arg stays the caller's.
 * Awaits:  no; it blocks the calling thread, and cannot be called from a task (-EBUSY).
 * Returns: what main returned; -EINTR if ^C ended it; -EDEADLK if every task waited for another;
 *          -EPERM, -ENOSYS, -ENOMEM, -EMFILE... if no ring could be made
 *          (rondo_probe_explain()); of these -ENOMEM comes after up to 0.1 s of trying.
 * Kernel:  5.19; 6.1 or newer for full speed. */
RONDO_API int rondo_run(rondo_fn *main, void *arg);

/* Run with options; NULL means defaults. Else as rondo_run().
 *
 * Owns:    options are copied.
 * Awaits:  no.
 * Returns: as rondo_run(). */
RONDO_API int rondo_run_with(const struct rondo_options *options, rondo_fn *main, void *arg);

/* Run main(arg) on n_workers threads, a loop each (0: one per CPU). The calling thread is one of
 * them. When one of them ends with an error the others are cancelled.
 *
 * Owns:    arg is shared by all workers.
 * Awaits:  no.
 * Returns: 0 or more if all did (the highest), else the first error. */
RONDO_API int rondo_run_workers(unsigned n_workers, rondo_fn *main, void *arg);

/* Run workers with options, each loop the same; NULL means defaults. Else as rondo_run_workers().
 *
 * Owns:    options must stay until this returns.
 * Awaits:  no.
 * Returns: as rondo_run_workers(). */
RONDO_API int rondo_run_workers_with(const struct rondo_options *options, unsigned n_workers,
				     rondo_fn *main, void *arg);

/* Tell the number of the calling worker, 0 to n_workers - 1; 0 outside rondo_run_workers().
 *
 * Awaits:  no.
 * Returns: the number. */
RONDO_API unsigned rondo_worker(void);

/* Print a report as one line on stderr: ready to be rondo_options.on_error.
 *
 * Awaits:  no. */
RONDO_API void rondo_report_print(const struct rondo_report *report, void *arg);

/* --- creating -------------------------------------------------------------------------------- */

/* Start fn(arg) as a task: asyncio.create_task(). It first runs when the caller next awaits,
 * after those created before it.
 *
 * Owns:    the handle is the caller's until used up (see the top); the loop keeps a running task
 *          alive in any case. arg must live as long as the task uses it.
 * Awaits:  no. Only from a task.
 * Returns: the task, or NULL when memory is short. */
RONDO_API RONDO_MUST_CHECK rondo_task *rondo_create_task(rondo_fn *fn, void *arg);

struct rondo_task_options {
	const char *name;		/* copied; at most 31 bytes are kept; NULL: "Task-<n>" */
	size_t stack_size;		/* bytes; 0: the loop's */
	bool measure_stack;		/* let rondo_task_stack_used() work; costs a fill of the stack */
	const void *copy;		/* if not NULL, copy_size bytes copied into the task become arg */
	size_t copy_size;
	size_t result_offset;		/* where in the copy fn leaves a typed result */
	void (*on_drop)(void *arg);	/* called in place of fn if it is cancelled before it starts */
	bool eager;			/* run it first, until it waits, and then the caller */
	rondo_context *context;		/* its variables are these, shared; NULL: a copy of the caller's */
};

/* Start a task with options; NULL means defaults. Else as rondo_create_task().
 *
 * Owns:    as rondo_create_task(); options, name and copy are copied.
 * Awaits:  no. Only from a task.
 * Returns: the task, or NULL when memory is short or the copy does not fit the stack. */
RONDO_API RONDO_MUST_CHECK rondo_task *rondo_create_task_with(const struct rondo_task_options *options,
							      rondo_fn *fn, void *arg);

/* --- awaiting -------------------------------------------------------------------------------- */

/* Wait until a task is done and use up its handle. If the caller is cancelled meanwhile, the
 * task is cancelled, and this returns once it has really ended.
 *
 * Owns:    task is gone when this returns, whatever it returns.
 * Awaits:  yes, unless the task is done already.
 * Cancel:  goes to the task (T10 of asyncio's rules); it decides what this returns.
 * Returns: the task's result or error; -ECANCELED if it, or the caller, was cancelled; -EDEADLK
 *          on itself; -ENOMEM for NULL. */
RONDO_API int rondo_await(rondo_task *task);

/* Await a task, and copy its typed result to result if it succeeded; RONDO_ASYNC_RETURNS uses this.
 *
 * Owns:    as rondo_await(); result is untouched on failure.
 * Awaits:  yes, unless the task is done already.
 * Cancel:  as rondo_await().
 * Returns: as rondo_await(). */
RONDO_API int rondo_await_result(rondo_task *task, void *result, size_t size_bytes);

/* Use up a handle without waiting: the task runs on, and its error, if any, goes to on_error.
 *
 * Owns:    task is no longer the caller's. NULL is ignored.
 * Awaits:  no. */
RONDO_API void rondo_detach(rondo_task *task);

/* Take one more handle on a task, so that two can await it.
 *
 * Owns:    the new handle is the caller's.
 * Awaits:  no.
 * Returns: its argument. */
RONDO_API rondo_task *rondo_task_ref(rondo_task *task);

enum rondo_gather_flags {
	RONDO_GATHER_ALL = 1,		/* wait for all, whatever fails: return_exceptions=True */
	RONDO_GATHER_CANCEL_REST = 2,	/* on the first error cancel the others, and wait for them */
	RONDO_GATHER_KEEP = 4		/* do not use up the handles */
};

/* Wait for several tasks at once: asyncio.gather(). Without flags the first error returns at
 * once and the others run on, their errors unreported, as in asyncio; RONDO_GATHER_CANCEL_REST
 * is the safe form. A task named twice is awaited once.
 *
 * Owns:    uses up each task's handle (NULLs count as -ENOMEM); results, if not NULL, receives
 *          each task's result or error in the order of the arguments, RONDO_GATHER_ALL or on
 *          success.
 * Awaits:  yes, unless nothing is left to wait for.
 * Cancel:  goes to all tasks; -ECANCELED at the first one's end, or at the last one's with
 *          flags.
 * Returns: 0, or the first error in time; with RONDO_GATHER_ALL 0, errors being in results. */
RONDO_API int rondo_gather(size_t n_tasks, rondo_task *const tasks[], int results[], unsigned flags);

/* gather(a(), b(), c()) for handles given in place. */
#ifdef __cplusplus
#define RONDO_GATHER(...)                                                                          \
	([&]() -> int {                                                                            \
		rondo_task *const tasks_[] = { __VA_ARGS__ };                                      \
		return rondo_gather(sizeof(tasks_) / sizeof(tasks_[0]), tasks_, NULL, 0);          \
	}())
#else
#define RONDO_GATHER(...)                                                                          \
	rondo_gather(sizeof((rondo_task *[]){ __VA_ARGS__ }) / sizeof(rondo_task *),               \
		     (rondo_task *[]){ __VA_ARGS__ }, NULL, 0)
#endif

/* Call fn(arg) in this task, but at most for `seconds`: asyncio.wait_for(). It is cancelled when
 * time is up, and given the time it needs to clean up.
 *
 * Owns:    arg stays the caller's.
 * Awaits:  as fn does.
 * Cancel:  goes to fn's current await.
 * Returns: what fn returned; -ETIMEDOUT if time was up and fn gave in to that; with seconds <= 0
 *          -ETIMEDOUT without calling fn. */
RONDO_API RONDO_MUST_CHECK int rondo_wait_for(rondo_fn *fn, void *arg, double seconds);

/* Wait for a task without handing a cancel on: asyncio.shield(). A caller that is cancelled
 * returns at once and the task runs on; if it then fails, on_error is told. To have its result
 * later, shield rondo_task_ref(task). For cleanup in the same task there is rondo_mask_begin().
 *
 * Owns:    task is gone when this returns, whatever it returns.
 * Awaits:  yes, unless the task is done already.
 * Cancel:  ends the waiting, not the task.
 * Returns: as rondo_await(); -ECANCELED if the caller or the task was cancelled. */
RONDO_API RONDO_MUST_CHECK int rondo_shield(rondo_task *task);

/* --- done callbacks -------------------------------------------------------------------------- */

/* Room for one callback, caller-allocated; stays in place until the call or until it is removed. */
struct rondo_done_callback {
	uint64_t private_[12];
};

/* Have call(task, arg) called in the turn after the task's end, or in the next one if it is done:
 * Task.add_done_callback(). Callbacks and those who await the task have their turn in the order in
 * which they came. The call runs on the loop's own stack: it may wake, create and cancel tasks, and
 * must not await.
 *
 * Owns:    the task lives at least until the call; the handle stays the caller's.
 * Awaits:  no.
 * Returns: 0, or -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int
rondo_task_add_done_callback(rondo_task *task, struct rondo_done_callback *callback,
			     void (*call)(rondo_task *task, void *arg), void *arg);

/* Take a callback back. One whose task is done already will be called.
 *
 * Owns:    if this returns true, callback is the caller's again.
 * Awaits:  no.
 * Returns: true, or false if it was called, is about to be, or was never added (all zeroes). */
RONDO_API bool rondo_task_remove_done_callback(struct rondo_done_callback *callback);

/* --- cancelling ------------------------------------------------------------------------------ */

/* Ask a task to stop: its current await, or its next one, returns -ECANCELED once. Never takes
 * effect at once, and the task may decline: asyncio's Task.cancel(). Several requests before the
 * task runs are one delivery, but all are counted.
 *
 * Awaits:  no.
 * Returns: true, or false if the task is done already. */
RONDO_API bool rondo_cancel(rondo_task *task);

/* Ask a task to stop, and say why. The message is not copied: a literal, or what outlives the task.
 * Requests go on to awaited tasks with their message.
 *
 * Awaits:  no.
 * Returns: as rondo_cancel(). */
RONDO_API bool rondo_cancel_with(rondo_task *task, const char *message);

/* Tell the message of the last request to cancel a task, or of the cancelled task it awaited.
 *
 * Owns:    the message of who asked.
 * Awaits:  no.
 * Returns: the message, or NULL if there was none. */
RONDO_API const char *rondo_cancel_message(const rondo_task *task);

/* Count the cancellation requests of a task that rondo_uncancel() has not taken back.
 *
 * Awaits:  no.
 * Returns: the count. */
RONDO_API unsigned rondo_cancelling(const rondo_task *task);

/* Take one request back; at zero, one that was not yet delivered is forgotten.
 *
 * Awaits:  no.
 * Returns: the requests left. */
RONDO_API unsigned rondo_uncancel(rondo_task *task);

/* A stretch of code that is not to be interrupted, such as cleanup that awaits.
 * Caller-allocated; from begin to end it stays in place, in one task, properly nested.
 *
 *     struct rondo_mask mask;
 *     rondo_mask_begin(&mask);
 *     save_what_was_done();
 *     rondo_mask_end(&mask);
 *
 * Requests are counted and wait for the end; then the next await returns -ECANCELED. Limits and
 * task groups begun inside work as ever, so a limit can end cleanup that takes too long. */
struct rondo_mask {
	uint64_t private_[2];
};

/* Begin to hold back requests to cancel the running task, one that is there already included.
 *
 * Owns:    mask must stay in place until rondo_mask_end().
 * Awaits:  no. Only from a task. */
RONDO_API void rondo_mask_begin(struct rondo_mask *mask);

/* Let requests come through again.
 *
 * Awaits:  no. */
RONDO_API void rondo_mask_end(struct rondo_mask *mask);

/* A time limit on a stretch of code: asyncio.timeout(). Caller-allocated; from begin to end it must
 * stay in place, in one task, properly nested.
 *
 *     struct rondo_timeout limit;
 *     int ret = rondo_timeout_begin(&limit, 1.5);
 *     if (ret == 0)
 *             ret = rondo_timeout_end(&limit, work());
 */
struct rondo_timeout {
	uint64_t private_[10];
};

/* Start the limit: cancel the running task `seconds` from now (a past deadline: at its next await;
 * INFINITY: never, like asyncio.timeout(None)).
 *
 * Owns:    limit must stay in place until rondo_timeout_end().
 * Awaits:  no. Only from a task.
 * Returns: 0, -EINVAL (not a number), -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_timeout_begin(struct rondo_timeout *limit, double seconds);

/* Start the limit for an absolute rondo_now_ns() time.
 *
 * Owns:    limit must stay in place until rondo_timeout_end().
 * Awaits:  no. Only from a task.
 * Returns: 0, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_timeout_begin_at(struct rondo_timeout *limit, uint64_t deadline_ns);

/* Move the deadline; UINT64_MAX means never.
 *
 * Awaits:  no.
 * Returns: 0, -EINVAL if the limit has ended or expired, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_timeout_reschedule(struct rondo_timeout *limit, uint64_t deadline_ns);

/* Tell the deadline, in rondo_now_ns() time.
 *
 * Awaits:  no.
 * Returns: the deadline; UINT64_MAX: never. */
RONDO_API uint64_t rondo_timeout_when(const struct rondo_timeout *limit);

/* End the stretch of code that returned `result`. Only this turns -ECANCELED into -ETIMEDOUT,
 * and only if this limit, and nobody else, asked for the cancel.
 *
 * Awaits:  no.
 * Returns: result, or -ETIMEDOUT. */
RONDO_API RONDO_MUST_CHECK int rondo_timeout_end(struct rondo_timeout *limit, int result);

/* Did the limit pass? Also after the end, and also if the code succeeded nevertheless.
 *
 * Awaits:  no.
 * Returns: true or false. */
RONDO_API bool rondo_timeout_expired(const struct rondo_timeout *limit);

/* --- looking --------------------------------------------------------------------------------- */

/* Get the running task: asyncio.current_task().
 *
 * Owns:    borrowed.
 * Awaits:  no.
 * Returns: the task, or NULL outside one. */
RONDO_API rondo_task *rondo_current_task(void);

/* Call each(task, ctx) for every task of this loop that is not done, oldest first: all_tasks().
 * It may cancel tasks and must not await. Stops when each returns non-zero.
 *
 * Awaits:  no.
 * Returns: what each returned last, or 0. */
RONDO_API int rondo_all_tasks(int (*each)(rondo_task *task, void *ctx), void *ctx);

/* Tell a task's name; "Task-<n>" unless it was given one.
 *
 * Owns:    the string is the task's.
 * Awaits:  no.
 * Returns: the name. */
RONDO_API const char *rondo_task_name(rondo_task *task);

/* Name a task; at most 31 bytes are kept.
 *
 * Awaits:  no. */
RONDO_API void rondo_task_set_name(rondo_task *task, const char *name);

/* Tell what became of a task.
 *
 * Awaits:  no.
 * Returns: the state. */
RONDO_API enum rondo_task_state rondo_task_state(const rondo_task *task);

/* Get the result of a finished task without using up the handle. Counts as having seen its error.
 *
 * Awaits:  no.
 * Returns: its result or error, -ECANCELED, -EINPROGRESS if it is not done. */
RONDO_API int rondo_task_result(rondo_task *task);

/* Describe what a task waits for, for people: "sleep", "task 'fetch'", "recv on descriptor 7".
 *
 * Owns:    writes a string of at most size bytes into buf.
 * Awaits:  no. */
RONDO_API void rondo_task_describe(const rondo_task *task, char *buf, size_t size_bytes);

/* Measure how much of its stack a task has used at most, in bytes; it must have been created with
 * measure_stack.
 *
 * Awaits:  no.
 * Returns: bytes, or -EINVAL. */
RONDO_API ssize_t rondo_task_stack_used(const rondo_task *task);

RONDO_END_DECLS
#endif
