/* SPDX-License-Identifier: MIT */
/* context.c - see context.h. A set is a flat array: programs have a handful of variables, and a
 * walk over those is faster than anything clever. */
#include "task/context.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 4 };

void rondo__vars_put(struct vars *v)
{
	if (--v->n_refs == 0)
		free(v);
}

static const struct task *running(void)
{
	if (unlikely(!rondo__loop))
		BUG("a context variable was used outside a loop");
	return rondo__loop->running ? task_known(rondo__loop->running) : NULL;
}

static struct vars **slot_of_call(struct loop *l)
{
	struct run *run = run_of(l);

	return run->call_vars ? run->call_vars : &run->vars;
}

struct vars *rondo__context_now(struct loop *l)
{
	const struct task *own;

	if (!l->running)
		return *slot_of_call(l);
	own = task_known(l->running);
	return own->context ? own->context->vars : own->vars;
}

/* Where the current set is kept. */
static struct vars **slot(void)
{
	struct task *own;

	if (!running())
		return slot_of_call(rondo__loop);
	own = task_of(rondo__loop->running);
	return own->context ? &own->context->vars : &own->vars;
}

static rondo_context *context_get(rondo_context *c)
{
	if (c)
		c->n_refs++;
	return c;
}

void rondo__context_inherit(struct rondo_task *t, rondo_context *shared)
{
	struct vars *now = shared ? NULL : rondo__context_now(t->loop);

	if (unlikely(t->loop->steps))	/* so all tasks of debug mode are extended, from the first on */
		rondo__debug_created(t);
	if (shared)
		task_of(t)->context = context_get(shared);
	else if (now)
		task_of(t)->vars = vars_get(now);
}

void rondo__context_leave(struct task *own)
{
	if (unlikely(own->created))
		rondo__debug_freed(own);
	vars_put(own->vars);
	own->vars = NULL;
	rondo_context_free(own->context);
	own->context = NULL;
}

void rondo__context_end_main(struct run *run)
{
	struct vars *left = vars_get(task_known(run->main_task)->vars);

	vars_put(run->vars);
	run->vars = left;
}

/* --- variables ------------------------------------------------------------------------------- */

static struct var *find(struct vars *v, const struct rondo_contextvar *key)
{
	for (uint32_t i = 0; v && i < v->n; i++)
		if (v->all[i].key == key)
			return &v->all[i];
	return NULL;
}

/* Make *at a set that only we refer to, with room for one more. */
static struct vars *own_set(struct vars **at)
{
	struct vars *old = *at, *v;
	uint32_t n = old ? old->n : 0, room;

	if (old && old->n_refs == 1 && n < old->room)
		return old;
	room = n < FIRST_ROOM ? FIRST_ROOM : n * 2;
	v = malloc(sizeof(*v) + room * sizeof(v->all[0]));
	if (!v)
		return NULL;
	*v = (struct vars){ .n_refs = 1, .n = n, .room = room };
	if (n)
		memcpy(v->all, old->all, n * sizeof(v->all[0]));
	vars_put(old);
	*at = v;
	return v;
}

bool rondo_contextvar_find(const struct rondo_contextvar *var, void **value)
{
	struct var *v;

	(void)running();
	v = find(rondo__context_now(rondo__loop), var);
	if (v)
		*value = v->value;
	return v != NULL;
}

void *rondo_contextvar_get(const struct rondo_contextvar *var)
{
	void *value = var->initial;

	(void)rondo_contextvar_find(var, &value);
	return value;
}

int rondo_contextvar_set(const struct rondo_contextvar *var, void *value,
			 struct rondo_contextvar_token *token)
{
	struct vars **at = slot();
	struct vars *v = own_set(at);
	struct var *there;

	if (!v)
		return -ENOMEM;
	there = find(v, var);
	if (token)
		*token = (struct rondo_contextvar_token){ .var_ = var, .where_ = at,
							  .value_ = there ? there->value : NULL,
							  .was_set_ = there != NULL };
	if (!there)
		there = &v->all[v->n++];
	*there = (struct var){ .key = var, .value = value };
	return 0;
}

int rondo_contextvar_reset(struct rondo_contextvar_token *token)
{
	struct vars **at = slot();
	struct vars *v;
	struct var *there;

	if (!token->var_)
		return -EALREADY;
	if (token->where_ != at)
		return -EINVAL;
	v = own_set(at);
	if (!v)
		return -ENOMEM;
	there = find(v, token->var_);
	if (there && token->was_set_)
		there->value = token->value_;
	else if (there)
		*there = v->all[--v->n];
	token->var_ = NULL;
	return 0;
}

/* --- contexts -------------------------------------------------------------------------------- */

rondo_context *rondo_context_copy(void)
{
	rondo_context *c = calloc(1, sizeof(*c));

	(void)running();
	if (!c)
		return NULL;
	*c = (rondo_context){ .n_refs = 1, .vars = vars_get(rondo__context_now(rondo__loop)) };
	return c;
}

void rondo_context_free(rondo_context *context)
{
	if (!context || --context->n_refs)
		return;
	vars_put(context->vars);
	free(context);
}

int rondo_context_run(rondo_context *context, rondo_fn *fn, void *arg)
{
	struct task *own = task_of(rondo__self());
	rondo_context *outer = own->context;
	int ret;

	own->context = context_get(context);
	ret = fn(arg);
	own->context = outer;
	rondo_context_free(context);
	return ret;
}
