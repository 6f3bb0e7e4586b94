/* SPDX-License-Identifier: MIT */
/* callback.c - see callback.h. */
#include "task/callback.h"

#include "task/context.h"

_Static_assert(sizeof(struct callback) <= sizeof(struct rondo_done_callback),
	       "struct rondo_done_callback is too small");

/* The callback may be added anew, or be gone, as soon as the user's function runs. */
static void run(struct ready_call *call)
{
	struct callback *c = container_of(call, struct callback, call);
	const struct callback copy = *c;
	struct vars *vars = copy.vars;	/* the reference is ours now */

	c->state = CALLBACK_IDLE;
	rondo__run_release_slots(copy.loop, 1);
	run_of(copy.loop)->call_vars = &vars;
	if (copy.task)
		copy.fn.task(copy.task, copy.arg);
	else
		copy.fn.future(copy.future, copy.arg);
	run_of(copy.loop)->call_vars = NULL;
	vars_put(vars);
	if (copy.task)
		rondo__task_unref(copy.task);
}

static void queue(struct callback *c)
{
	c->state = CALLBACK_QUEUED;
	ready_push_call(&c->loop->ready, &c->call);
}

static void done(struct watcher *w, struct rondo_task *t)
{
	(void)t;
	queue(container_of(w, struct callback, watcher));
}

int rondo__callback_add(struct loop *l, struct callback *c, struct list *watchers, bool is_done)
{
	int ret = rondo__run_keep_slots(l, 1);

	if (ret < 0)
		return ret;
	c->loop = l;
	c->vars = vars_get(rondo__context_now(l));
	c->watcher.done = done;
	c->call.run = run;
	if (is_done) {
		queue(c);
		return 0;
	}
	c->state = CALLBACK_WAITS;
	list_push(watchers, &c->watcher.link);
	return 0;
}

bool rondo__callback_remove(struct callback *c)
{
	if (c->state != CALLBACK_WAITS)
		return false;
	c->state = CALLBACK_IDLE;
	list_remove(&c->watcher.link);
	vars_put(c->vars);
	rondo__run_release_slots(c->loop, 1);
	if (c->task)
		rondo__task_unref(c->task);
	return true;
}

int rondo_task_add_done_callback(rondo_task *task, struct rondo_done_callback *callback,
				 void (*call)(rondo_task *, void *), void *arg)
{
	struct callback *c = (struct callback *)callback;
	int ret;

	if (unlikely(task->loop != rondo__loop))	/* not running is no harm */
		rondo__run_check_thread(task->loop);
	*c = (struct callback){ .task = task, .fn.task = call, .arg = arg };
	ret = rondo__callback_add(task->loop, c, &task->watchers, task_is_done(task));
	if (ret == 0)
		task->n_refs++;
	return ret;
}

bool rondo_task_remove_done_callback(struct rondo_done_callback *callback)
{
	return rondo__callback_remove((struct callback *)callback);
}
