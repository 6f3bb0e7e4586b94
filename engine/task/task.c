/* SPDX-License-Identifier: MIT */
/* task.c - create, run, finish and cancel tasks. */
#include "task/context.h"
#include "task/run.h"
#include "task/task.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void *carve(void *top, size_t size_bytes)
{
	return (void *)(((uintptr_t)top - size_bytes) & ~(uintptr_t)(CACHE_LINE_BYTES - 1));
}

static void leave_scopes(struct rondo_task *t)
{
	if (unlikely(task_known(t)->n_scopes))
		BUG("a task ended inside a mask region or a task group that it had begun");
	if (task_known(t)->group)
		rondo__group_child_done(t);
}

static void finish(struct rondo_task *t, int result)
{
	struct loop *l = t->loop;

	if (result == -ECANCELED || (result >= 0 && t->must_cancel && !t->cancel_late)) {
		t->state = RONDO_CANCELLED;
		result = -ECANCELED;
	} else {
		t->state = result < 0 ? RONDO_FAILED : RONDO_DONE;
	}
	t->result = result;
	t->cancel_late &= t->must_cancel && t->state != RONDO_CANCELLED;
	t->must_cancel = false;
	l->n_live--;
	l->attention |= t->id <= l->until_id || !l->n_live;
	if (unlikely(t->extended))
		leave_scopes(t);
	tell_watchers(&t->watchers, t);
}

/* The bottom frame of every task. */
static void task_main(void *arg)
{
	struct rondo_task *t = arg;
	int result = -ECANCELED;

	rondo__switch_entered(&t->ctx);
	if (t->must_cancel) {			/* cancelled before the first step: T5 */
		if (t->on_drop)
			t->on_drop(t->arg);
	} else {
		result = t->fn(t->arg);
	}
	finish(t, result);
	rondo__task_unref(t);			/* the loop's reference; the stack is still ours (K1) */
	rondo__leave(t);
}

/* As far as the name's first byte, line by line: at once it would be a `rep stos`, whose start takes
 * longer than the three. */
static inline void clear(struct rondo_task *t)
{
	enum { REST = offsetof(struct rondo_task, name) + 1 - 2 * CACHE_LINE_BYTES };
	char *p = (char *)t;

	memset(p, 0, CACHE_LINE_BYTES);
	memset(p + CACHE_LINE_BYTES, 0, CACHE_LINE_BYTES);
	memset(p + 2 * CACHE_LINE_BYTES, 0, REST);
}

/* [ frames ... | copied arguments | struct task | struct stack ], all in the top page. */
static struct rondo_task *place(struct stack *s, const struct rondo_task_options *o, void **arg)
{
	struct rondo_task *t = carve(s, sizeof(struct task));
	void *top = t;

	if (o->copy && o->copy_size > s->size_bytes / 4)
		return NULL;
	clear(t);
	t->stack = s;
	t->on_drop = o->on_drop;
	if (o->copy) {
		*arg = top = carve(t, o->copy_size);
		memcpy(*arg, o->copy, o->copy_size);
		t->result_slot = (char *)*arg + o->result_offset;
	}
	t->top = top;
	if (unlikely(o->measure_stack)) {
		rondo__stack_paint(s, top);
		t->painted = true;
	}
	rondo__context_init(&t->ctx, s->base, top, task_main, t);
	san_context_on_stack(&t->ctx.san, &s->san);
	return t;
}

/* C2: a task that is not extended has no variables. Calls are few. */
static bool may_inherit(const struct loop *l)
{
	return !l->running || l->running->extended;
}

struct rondo_task *rondo__task_make(struct loop *l, const struct rondo_task_options *o,
				    rondo_fn *fn, void *arg)
{
	struct rondo_task *t;
	struct stack *s;

	if (unlikely(rondo__ready_reserve(&l->ready, run_slots(l) + 1) < 0))
		return NULL;
	s = rondo__stack_get(&l->stacks, o->stack_size ? o->stack_size : l->options.stack_size);
	if (unlikely(!s))
		return NULL;
	t = place(s, o, &arg);
	if (unlikely(!t)) {
		rondo__stack_put(&l->stacks, s);
		return NULL;
	}
	t->loop = l;
	t->fn = fn;
	t->arg = arg;
	t->n_refs = 2;				/* the loop's, and the caller's */
	t->id = ++l->n_created;
	if (o->name)
		rondo_task_set_name(t, o->name);
	list_init(&t->watchers);
	list_push(&l->tasks, &t->link);
	l->n_live++;
	if (unlikely(o->context || may_inherit(l)))
		rondo__context_inherit(t, o->context);
	return t;
}

/* Who creates an eager task is about to run on, and may be asked to stop like any running task. */
static const struct wait_class eager_class = {
	.name = "the first steps of an eager task", .cancel = wait_cancel_later,
};

/* T23: the new task runs at once, and its creator goes on when it first waits: both go to the front
 * of the batch, so that control moves where it always does (L1). */
static void run_first(struct rondo_task *t)
{
	struct loop *l = t->loop;
	struct ready_queue *q = &l->ready;
	struct wait w = { .class = &eager_class, .task = l->running };
	bool was_late = w.task->must_cancel && w.task->cancel_late;

	q->slots[--q->head & q->mask] = (uintptr_t)w.task;
	q->slots[--q->head & q->mask] = (uintptr_t)t;
	rondo__park(&w);
	w.task->wait = NULL;		/* the queue did what rondo__wake() does */
	w.task->cancel_late = was_late;	/* a request of the new task's is one of its own */
}

void rondo__task_start(struct rondo_task *t, const struct rondo_task_options *o)
{
	if (unlikely(o->eager && t->loop->running))
		run_first(t);
	else
		ready_push(&t->loop->ready, t);
}

struct rondo_task *rondo__task_create(struct loop *l, const struct rondo_task_options *o,
				      rondo_fn *fn, void *arg)
{
	struct rondo_task *t = rondo__task_make(l, o, fn, arg);

	if (likely(t))
		rondo__task_start(t, o);
	return t;
}

rondo_task *rondo_create_task_with(const struct rondo_task_options *options, rondo_fn *fn, void *arg)
{
	static const struct rondo_task_options defaults;
	struct loop *l = rondo__loop;

	if (unlikely(!l))
		BUG("rondo_create_task() was called outside a loop");
	return rondo__task_create(l, options ? options : &defaults, fn, arg);
}

rondo_task *rondo_create_task(rondo_fn *fn, void *arg)
{
	return rondo_create_task_with(NULL, fn, arg);
}

void rondo__task_report(const struct loop *l, struct rondo_task *t, const char *message, int error)
{
	struct rondo_report report = {
		.message = message, .task = t ? rondo_task_name(t) : NULL, .error = error,
	};

	if (!l->options.on_error)
		return;
	if (t && unlikely(task_known(t)->created))
		rondo__debug_report(l, t, &report);
	else
		l->options.on_error(&report, l->options.on_error_arg);
}

void rondo__task_report_unseen(struct rondo_task *t)
{
	if (unlikely(t->state == RONDO_FAILED && !t->retrieved))
		rondo__task_report(t->loop, t, "the error of a task was never retrieved", t->result);
}

void rondo__task_unref(struct rondo_task *t)
{
	if (--t->n_refs)
		return;
	rondo__task_report_unseen(t);
	if (unlikely(t->extended))
		rondo__context_leave(task_of(t));
	list_remove(&t->link);
	rondo__stack_put(&t->loop->stacks, t->stack);
}

void rondo_detach(rondo_task *task)
{
	if (task)
		rondo__task_unref(task);
}

rondo_task *rondo_task_ref(rondo_task *task)
{
	if (task)
		task->n_refs++;
	return task;
}

rondo_task *rondo_current_task(void)
{
	return rondo__loop ? rondo__loop->running : NULL;
}

int rondo_all_tasks(int (*each)(rondo_task *task, void *ctx), void *ctx)
{
	struct loop *l = rondo__loop;
	int ret = 0;

	if (!l)
		return 0;
	for (struct list *next, *p = l->tasks.next; p != &l->tasks && ret == 0; p = next) {
		struct rondo_task *t = container_of(p, struct rondo_task, link);

		next = p->next;
		if (!task_is_done(t))
			ret = each(t, ctx);
	}
	return ret;
}

const char *rondo_task_name(rondo_task *task)
{
	if (!task->name[0])
		snprintf(task->name, sizeof(task->name), "Task-%llu", (unsigned long long)task->id);
	return task->name;
}

void rondo_task_set_name(rondo_task *task, const char *name)
{
	size_t n = strnlen(name, sizeof(task->name) - 1);

	memcpy(task->name, name, n);
	task->name[n] = '\0';
}

enum rondo_task_state rondo_task_state(const rondo_task *task)
{
	return (enum rondo_task_state)task->state;
}

int rondo_task_result(rondo_task *task)
{
	if (!task_is_done(task))
		return -EINPROGRESS;
	task->retrieved = true;
	return task->result;
}

void rondo_task_describe(const rondo_task *task, char *buf, size_t size_bytes)
{
	const struct wait *w = task->wait;

	if (w && w->class->describe)
		w->class->describe(w, buf, size_bytes);
	else
		snprintf(buf, size_bytes, "%s", w ? w->class->name :
			 task_is_done(task) ? "nothing: it is done" : "nothing: it is ready to run");
}

ssize_t rondo_task_stack_used(const rondo_task *task)
{
	if (!task->painted)
		return -EINVAL;
	return (ssize_t)rondo__stack_high_water(task->stack, task->top);
}
