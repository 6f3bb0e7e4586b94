/* SPDX-License-Identifier: MIT */
/* statements.h - the statements of the other files, for the table in statements.c; and what these
 * files share.
 *
 * T2: in asyncio who gathers, waits for, shields or goes through tasks is told by a callback, a
 * turn after the task's end; in rondo at once. So that the rest keeps its order here, such an await
 * is followed by a yield, whose cancel counts for it: one_turn_later(). */
#ifndef RONDO_TESTS_STATEMENTS_H
#define RONDO_TESTS_STATEMENTS_H

#include "loop/loop.h"
#include "machine.h"

statement do_create, do_eager, do_cancel, do_uncancel, do_state;
statement do_sleep, do_await, do_shield, do_wait_task, do_gather, do_wait, do_each;
statement do_timeout, do_reschedule, do_wait_for, do_finally, do_do, do_raise, do_return;
statement do_group, do_spawn;
statement do_future_await, do_future_shield, do_future_set, do_future_fail, do_future_cancel;
statement do_future_state, do_callback, do_future_callback, do_uncallback;
statement do_variable_set, do_variable_get, do_call_soon, do_call_later, do_cancel_later, do_uncall;

static inline const char *state_of(int result, enum rondo_task_state state, char buf[16])
{
	if (state == RONDO_PENDING)
		return "-";
	if (result < 0)
		return code_of(result, buf);
	snprintf(buf, 16, "%d", result);
	return buf;
}

/* The task of an argument; without one the statement's value is "none". */
static inline rondo_task *task_of_arg(struct program *p, const struct line *op, int i, char *value)
{
	rondo_task *task = p->machine->programs[op->args[i]].task;

	if (!task)
		value_of(value, "none");
	return task;
}

/* Its result is the statement's value. */
static inline int tell(int ret, char *value)
{
	if (ret < 0)
		return ret;
	value_of(value, "%d", ret);
	return 0;
}

static inline int one_turn_later(int ret)
{
	return rondo_yield() < 0 ? -ECANCELED : ret;
}

/* A shield may end because of what lies below it, or because of a cancel of ours. */
struct before_shield {
	bool waits, must_cancel;
	unsigned n_cancels;
};

static inline struct before_shield before_shield(enum rondo_task_state state)
{
	const struct rondo_task *self = rondo__self();

	return (struct before_shield){ state == RONDO_PENDING, self->must_cancel, self->n_cancels };
}

static inline int after_shield(const struct before_shield *b, int ret, enum rondo_task_state state)
{
	bool ours = ret == -ECANCELED && (state != RONDO_CANCELLED || b->must_cancel ||
					  rondo__self()->n_cancels > b->n_cancels);

	return b->waits && !ours ? one_turn_later(ret) : ret;
}
#endif
