/* SPDX-License-Identifier: MIT */
/* group.h - tasks that end together, before the block that started them: asyncio.TaskGroup.
 *
 *     struct rondo_task_group group;
 *     int ret = rondo_task_group_begin(&group);
 *     if (ret == 0)
 *             ret = rondo_task_group_end(&group, body(&group));
 *
 *     int body(struct rondo_task_group *group)
 *     {
 *             int ret = rondo_task_group_spawn(group, fetch, &first);
 *             return ret < 0 ? ret : rondo_task_group_add(group, greet_task("you", 1.5));
 *     }
 *
 * The first child that fails cancels the others and the body; the end waits for all, so children
 * may use what lies on the body's stack. A child that is cancelled is no error. */
#ifndef RONDO_GROUP_H
#define RONDO_GROUP_H

#include "rondo/base.h"
#include "rondo/task.h"

RONDO_BEGIN_DECLS

/* Who failed, and how. */
struct rondo_task_group_error {
	int error;
	char task[32];			/* its name; the owner's for the body's own error */
};

/* Zero means default throughout. */
struct rondo_task_group_options {
	size_t limit;			/* of children; rondo_task_group_spawn() waits for room */
	struct rondo_task_group_error *errors;	/* to collect errors in; NULL: 8 are */
	size_t n_errors;		/* the room there; more are told to on_error */
};

struct rondo_task_group {
	uint64_t private_[72];
};

/* Begin a group in the running task, its owner. Caller-allocated, properly nested.
 *
 * Owns:    group must stay in place until rondo_task_group_end().
 * Awaits:  no. Only from a task.
 * Returns: 0, or -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_task_group_begin(struct rondo_task_group *group);

/* Begin with options; NULL means defaults.
 *
 * Owns:    group, and options->errors, must stay in place until rondo_task_group_end(); options are
 *          copied.
 * Awaits:  no. Only from a task.
 * Returns: 0, or -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int
rondo_task_group_begin_with(struct rondo_task_group *group,
			    const struct rondo_task_group_options *options);

/* Start fn(arg) as a child: from the body, from a child, from any task while the group is open.
 *
 * Owns:    the group keeps the child.
 * Awaits:  only for room, in a group with a limit; who came first is served first.
 * Cancel:  ends the waiting for room.
 * Returns: 0; -EPERM if the group has ended or is being cancelled; -ECANCELED; -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_task_group_spawn(struct rondo_task_group *group, rondo_fn *fn,
						      void *arg);

/* Start a child with options; NULL means defaults. Else as rondo_task_group_spawn().
 *
 * Owns:    as rondo_task_group_spawn(); options are copied.
 * Awaits:  as rondo_task_group_spawn(); an eager child runs first.
 * Cancel:  ends the waiting for room.
 * Returns: as rondo_task_group_spawn(). */
RONDO_API RONDO_MUST_CHECK int
rondo_task_group_spawn_with(struct rondo_task_group *group,
			    const struct rondo_task_options *options, rondo_fn *fn, void *arg);

/* Start a child, and wait until it calls rondo_started(): trio's nursery.start(). An error
 * before that is returned here and is not the group's.
 *
 * Owns:    as rondo_task_group_spawn().
 * Awaits:  yes.
 * Cancel:  before it has started, goes to the child, which decides what this returns.
 * Returns: what the child passed; its error; -EPROTO if it ended well without a call; else as
 *          rondo_task_group_spawn(). */
RONDO_API RONDO_MUST_CHECK int rondo_task_group_spawn_ready(struct rondo_task_group *group,
							    rondo_fn *fn, void *arg);

/* Say that the running task is ready, to whoever waits in rondo_task_group_spawn_ready().
 *
 * Awaits:  no. Only from a task.
 * Returns: 0; -EINVAL for a negative value; -EALREADY if nobody waits. */
RONDO_API int rondo_started(int value);

/* Make a task a child, as RONDO_ASYNC's create them. The limit does not hold it back; see
 * rondo_task_group_room().
 *
 * Owns:    uses up the handle, whatever it returns; to have the result too, add
 *          rondo_task_ref(task).
 * Awaits:  no.
 * Returns: 0; -EPERM as rondo_task_group_spawn(): the task is cancelled; -EBUSY if it is in a
 *          group, -EDEADLK for the owner; -ENOMEM for NULL. */
RONDO_API RONDO_MUST_CHECK int rondo_task_group_add(struct rondo_task_group *group,
						    rondo_task *task);

/* Wait until the group has room for one more child under its limit.
 *
 * Awaits:  unless there is room, and nobody waits for it.
 * Cancel:  ends the waiting.
 * Returns: 0, -EPERM, -ECANCELED. */
RONDO_API RONDO_MUST_CHECK int rondo_task_group_room(struct rondo_task_group *group);

/* Cancel the children and the body, without an error: TaskGroup.cancel() of Python 3.15. The end
 * then returns 0 if nothing else happened. Harmless when repeated, or after the end.
 *
 * Awaits:  no. */
RONDO_API void rondo_task_group_cancel(struct rondo_task_group *group);

/* Wait for all children; `result` is what the body returned. An error of the body, -ECANCELED
 * included, cancels them.
 *
 * Owns:    group is the caller's again; the errors can be read until it is gone.
 * Awaits:  unless no child is left.
 * Cancel:  cancels the children, and waits for them all the same.
 * Returns: result; 0 after rondo_task_group_cancel(); -RONDO_EGROUP if the body or children failed;
 *          -ECANCELED if the owner was cancelled and nothing failed. */
RONDO_API RONDO_MUST_CHECK int rondo_task_group_end(struct rondo_task_group *group, int result);

/* Count the errors, those beyond the room for them included.
 *
 * Awaits:  no.
 * Returns: the count. */
RONDO_API size_t rondo_task_group_n_errors(const struct rondo_task_group *group);

/* Get one of the errors, in the order in which they happened, the body's last.
 *
 * Owns:    the group's, or where the options said.
 * Awaits:  no.
 * Returns: the error, or NULL if there was no room for so many. */
RONDO_API const struct rondo_task_group_error *
rondo_task_group_error(const struct rondo_task_group *group, size_t i);

/* Count the children that are not done.
 *
 * Awaits:  no.
 * Returns: the count. */
RONDO_API size_t rondo_task_group_n_tasks(const struct rondo_task_group *group);

/* Call each(task, ctx) for every child that is not done, oldest first. It may cancel tasks, and
 * must not await. Stops when each returns non-zero.
 *
 * Awaits:  no.
 * Returns: what each returned last, or 0. */
RONDO_API int rondo_task_group_each(struct rondo_task_group *group,
				    int (*each)(rondo_task *task, void *ctx), void *ctx);

RONDO_END_DECLS
#endif
