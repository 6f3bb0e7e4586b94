/* SPDX-License-Identifier: MIT */
/* context.h - context variables: values that a task hands on to the tasks it creates, without
 * naming them in every call. asyncio's contextvars.
 *
 *     static struct rondo_contextvar request_id = { .name = "request_id" };
 *
 *     rondo_contextvar_set(&request_id, (void *)id, NULL);
 *     task = rondo_create_task(handle, arg);            // sees id, whatever is set here later
 *
 * A task begins with a copy of its creator's variables, and so does a call made by
 * rondo_call_soon() and its kin, a watch, a done callback. What one sets the other does not see.
 * Tasks that use none pay nothing. Calls by rondo_call_soon_threadsafe() come from other threads
 * and have the loop's own.
 *
 * Values are plain pointers: what they point to must outlive whoever may read them. */
#ifndef RONDO_CONTEXT_H
#define RONDO_CONTEXT_H

#include <stdbool.h>

#include "rondo/base.h"
#include "rondo/task.h"

RONDO_BEGIN_DECLS

/* A variable: as a rule a static object, since it is known by its address. */
struct rondo_contextvar {
	const char *name;		/* for people */
	void *initial;			/* its value where it was not set */
};

/* To take a set back. */
struct rondo_contextvar_token {
	const struct rondo_contextvar *var_;
	void *where_;
	void *value_;
	bool was_set_;
};

/* Get a variable's value: ContextVar.get().
 *
 * Owns:    the value is who set it's.
 * Awaits:  no. Only from a task or a call of a loop.
 * Returns: the value; var->initial if it was not set. */
RONDO_API void *rondo_contextvar_get(const struct rondo_contextvar *var);

/* Look whether a variable was set, where ContextVar.get() would raise LookupError.
 *
 * Owns:    as rondo_contextvar_get(); *value is untouched if it was not set.
 * Awaits:  no. Only from a task or a call of a loop.
 * Returns: true or false. */
RONDO_API bool rondo_contextvar_find(const struct rondo_contextvar *var, void **value);

/* Set a variable for the running task, and for those it creates from now on: ContextVar.set(). The
 * token may be NULL.
 *
 * Owns:    the value stays the caller's, and must last; so does var.
 * Awaits:  no. Only from a task or a call of a loop.
 * Returns: 0, or -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_contextvar_set(const struct rondo_contextvar *var, void *value,
						    struct rondo_contextvar_token *token);

/* Take a set back, in the task that did it: ContextVar.reset().
 *
 * Awaits:  no. Only from a task or a call of a loop.
 * Returns: 0; -EALREADY if it was taken back, -EINVAL in another task or context, -ENOMEM. */
RONDO_API int rondo_contextvar_reset(struct rondo_contextvar_token *token);

/* Make a context from a copy of what is set here, for rondo_context_run() and for
 * rondo_task_options.context: copy_context().
 *
 * Owns:    the caller's until rondo_context_free().
 * Awaits:  no. Only from a task or a call of a loop.
 * Returns: the context, or NULL when memory is short. */
RONDO_API RONDO_MUST_CHECK rondo_context *rondo_context_copy(void);

/* Give a context up. It lives on while tasks run in it; NULL is ignored.
 *
 * Awaits:  no. */
RONDO_API void rondo_context_free(rondo_context *context);

/* Call fn(arg) in this task, but with the variables of a context: Context.run(). What fn sets stays
 * in the context. Unlike Python's, fn may await.
 *
 * Owns:    the context stays the caller's.
 * Awaits:  as fn does.
 * Cancel:  goes to fn's current await.
 * Returns: what fn returned. */
RONDO_API int rondo_context_run(rondo_context *context, rondo_fn *fn, void *arg);

RONDO_END_DECLS
#endif
