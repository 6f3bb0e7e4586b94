/* SPDX-License-Identifier: MIT */
/* statements_calls.c - the statements about futures, callbacks, calls and context variables. */
#include "statements.h"

/* --- futures and callbacks ------------------------------------------------------------------- */

int do_future_await(struct program *p, const struct line *op, char *value)
{
	return tell(rondo_future_await(&p->machine->futures[op->args[0]]), value);
}

int do_future_shield(struct program *p, const struct line *op, char *value)
{
	struct rondo_future *f = &p->machine->futures[op->args[0]];
	struct before_shield before = before_shield(rondo_future_state(f));
	int ret = rondo_future_shield(f);

	return tell(after_shield(&before, ret, rondo_future_state(f)), value);
}

int do_future_set(struct program *p, const struct line *op, char *value)
{
	(void)value;
	return rondo_future_set_result(&p->machine->futures[op->args[0]], op->args[1]);
}

int do_future_fail(struct program *p, const struct line *op, char *value)
{
	(void)value;
	return rondo_future_set_error(&p->machine->futures[op->args[0]], -USER_ERROR - op->args[1]);
}

int do_future_cancel(struct program *p, const struct line *op, char *value)
{
	value_of(value, "%d", rondo_future_cancel(&p->machine->futures[op->args[0]]));
	return 0;
}

int do_future_state(struct program *p, const struct line *op, char *value)
{
	const struct rondo_future *f = &p->machine->futures[op->args[0]];
	char buf[16];

	value_of(value, "%s", state_of(rondo_future_result(f), rondo_future_state(f), buf));
	return 0;
}

static const struct rondo_contextvar variable = { .name = "variable" };

static int variable_value(void)
{
	return (int)(intptr_t)rondo_contextvar_get(&variable);
}

int do_variable_set(struct program *p, const struct line *op, char *value)
{
	(void)p, (void)value;
	return rondo_contextvar_set(&variable, (void *)(intptr_t)op->args[0], NULL);
}

int do_variable_get(struct program *p, const struct line *op, char *value)
{
	(void)p, (void)op;
	value_of(value, "%d", variable_value());
	return 0;
}

static void task_called(rondo_task *task, void *called)
{
	struct called *c = called;
	char buf[16];

	say(c->machine, "call%d,%d=%s", c->tag, variable_value(),
	     state_of(rondo_task_result(task), rondo_task_state(task), buf));
}

static void future_called(struct rondo_future *f, void *called)
{
	struct called *c = called;
	char buf[16];

	say(c->machine, "call%d,%d=%s", c->tag, variable_value(),
	     state_of(rondo_future_result(f), rondo_future_state(f), buf));
}

/* A callback that was not added yet; else the statement's value is "none". */
static struct called *new_call(struct program *p, struct called *c, int tag, char *value)
{
	if (c->added) {
		value_of(value, "none");
		return NULL;
	}
	*c = (struct called){ .machine = p->machine, .tag = tag, .added = true };
	return c;
}

static struct called *new_callback(struct program *p, int tag, char *value)
{
	return new_call(p, &p->machine->callbacks[tag], tag, value);
}

int do_callback(struct program *p, const struct line *op, char *value)
{
	rondo_task *task = task_of_arg(p, op, 0, value);
	struct called *c = task ? new_callback(p, op->args[1], value) : NULL;

	return c ? rondo_task_add_done_callback(task, &c->callback, task_called, c) : 0;
}

int do_future_callback(struct program *p, const struct line *op, char *value)
{
	struct rondo_future *f = &p->machine->futures[op->args[0]];
	struct called *c = new_callback(p, op->args[1], value);

	return c ? rondo_future_add_done_callback(f, &c->callback, future_called, c) : 0;
}

int do_uncallback(struct program *p, const struct line *op, char *value)
{
	struct called *c = &p->machine->callbacks[op->args[0]];

	if (c->added)
		value_of(value, "%d", rondo_task_remove_done_callback(&c->callback));
	else
		value_of(value, "none");
	return 0;
}

/* Somewhere in the tick, and never when something else is due: L2. */
static uint64_t call_time(int ticks, int tag)
{
	return rondo_now_ns() + (uint64_t)ticks * TICK_NS +
	       (uint32_t)tag * 2654435761u % (TICK_NS - 1) + 1;
}

static void called(void *call)
{
	const struct called *c = call;

	say(c->machine, "call%d,%d", c->tag, variable_value());
}

int do_call_soon(struct program *p, const struct line *op, char *value)
{
	struct called *c = new_call(p, &p->machine->calls[op->args[0]], op->args[0], value);

	return c ? rondo_call_soon(&c->handle, called, c) : 0;
}

int do_call_later(struct program *p, const struct line *op, char *value)
{
	struct called *c = new_call(p, &p->machine->calls[op->args[1]], op->args[1], value);

	return c ? rondo_call_at(&c->handle, call_time(op->args[0], op->args[1]), called, c) : 0;
}

static void cancels(void *call)
{
	const struct called *c = call;

	rondo_cancel(c->task);
}

int do_cancel_later(struct program *p, const struct line *op, char *value)
{
	rondo_task *task = task_of_arg(p, op, 1, value);
	struct called *c = &p->machine->cancels[op->args[2]];

	if (!task)
		return 0;
	c->task = task;
	return rondo_call_at(&c->handle, call_time(op->args[0], op->args[2]), cancels, c);
}

int do_uncall(struct program *p, const struct line *op, char *value)
{
	struct called *c = &p->machine->calls[op->args[0]];

	if (!c->added)
		value_of(value, "none");
	rondo_handle_cancel(&c->handle);
	return 0;
}
