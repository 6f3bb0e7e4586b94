/* SPDX-License-Identifier: MIT */
/* outside.c - tasks that other threads start, cancel and wait for (rows E4, L6).
 *
 * The thread's lock guards what both sides see; the task itself only its loop touches. */
#include <math.h>
#include <stdlib.h>

#include "loop/timer.h"
#include "task/pool.h"

struct rondo_thread_future {
	struct remote_call start, stop;
	struct rondo_done_callback callback;
	struct rondo_loop *loop;	/* a reference */
	rondo_fn *fn;
	void *arg;
	rondo_task *task;		/* the loop's: a handle, while it runs */
	pthread_mutex_t lock;
	pthread_cond_t settled;
	unsigned n_refs;		/* the handle's, the loop's, a stop on its way */
	bool done, cancelled, stopping;
	int result;
};

static void unref(struct rondo_thread_future *f)
{
	bool last;

	pthread_mutex_lock(&f->lock);
	last = --f->n_refs == 0;
	pthread_mutex_unlock(&f->lock);
	if (!last)
		return;
	rondo_loop_unref(f->loop);
	pthread_cond_destroy(&f->settled);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* The loop has no more to do with it. */
static void settle(struct rondo_thread_future *f, int result)
{
	pthread_mutex_lock(&f->lock);
	f->done = true;
	f->result = result;
	pthread_cond_broadcast(&f->settled);
	pthread_mutex_unlock(&f->lock);
	unref(f);
}

static void task_done(rondo_task *t, void *arg)
{
	struct rondo_thread_future *f = arg;
	const int result = rondo_task_result(t);

	f->task = NULL;
	rondo_detach(t);
	settle(f, result);
}

static void start_task(struct remote_call *c)
{
	static const struct rondo_task_options defaults;
	struct rondo_thread_future *f = container_of(c, struct rondo_thread_future, start);
	bool cancelled;

	pthread_mutex_lock(&f->lock);
	cancelled = f->cancelled;
	pthread_mutex_unlock(&f->lock);
	if (cancelled) {
		settle(f, -ECANCELED);
		return;
	}
	f->task = rondo__task_create(rondo__loop, &defaults, f->fn, f->arg);
	if (!f->task) {
		settle(f, -ENOMEM);
	} else if (rondo_task_add_done_callback(f->task, &f->callback, task_done, f) < 0) {
		/* It has not run yet, and so never will. */
		rondo_cancel(f->task);
		rondo_detach(f->task);
		f->task = NULL;
		settle(f, -ENOMEM);
	}
}

static void drop_start(struct remote_call *c)
{
	settle(container_of(c, struct rondo_thread_future, start), -ESHUTDOWN);
}

static void stop_task(struct remote_call *c)
{
	struct rondo_thread_future *f = container_of(c, struct rondo_thread_future, stop);

	pthread_mutex_lock(&f->lock);
	f->stopping = false;
	pthread_mutex_unlock(&f->lock);
	rondo_cancel(f->task);
	unref(f);
}

static void drop_stop(struct remote_call *c)
{
	unref(container_of(c, struct rondo_thread_future, stop));
}

rondo_thread_future *rondo_run_coroutine_threadsafe(rondo_loop *loop, rondo_fn *fn, void *arg)
{
	struct rondo_thread_future *f = malloc(sizeof(*f));
	pthread_condattr_t monotonic;

	if (!f)
		return NULL;
	*f = (struct rondo_thread_future){
		.start = { .run = start_task, .drop = drop_start },
		.stop = { .run = stop_task, .drop = drop_stop },
		.loop = rondo_loop_ref(loop), .fn = fn, .arg = arg, .n_refs = 2,
	};
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&f->settled, &monotonic);
	pthread_condattr_destroy(&monotonic);
	if (rondo__remote_call(loop, &f->start) < 0)
		settle(f, -ESHUTDOWN);
	return f;
}

static bool runs_here(const rondo_loop *loop)
{
	return rondo__loop && rondo__loop->remote == loop;
}

int rondo_thread_future_wait(rondo_thread_future *f, double seconds)
{
	const bool here = runs_here(f->loop);
	struct timespec deadline;
	int ret = 0;

	if (isnan(seconds))
		return -EINVAL;
	deadline = rondo__pool_deadline(rondo__timer_ns(seconds));
	pthread_mutex_lock(&f->lock);
	while (!f->done && !here && ret == 0)
		ret = pthread_cond_timedwait(&f->settled, &f->lock, &deadline);
	ret = f->done ? f->result : here ? -EDEADLK : -ETIMEDOUT;
	pthread_mutex_unlock(&f->lock);
	return ret;
}

bool rondo_thread_future_cancel(rondo_thread_future *f)
{
	bool done, post;

	pthread_mutex_lock(&f->lock);
	done = f->done;
	post = !done && !f->stopping;
	f->cancelled = true;
	if (post) {
		f->stopping = true;
		f->n_refs++;
	}
	pthread_mutex_unlock(&f->lock);
	if (post && rondo__remote_call(f->loop, &f->stop) < 0)
		unref(f);
	return !done;
}

void rondo_thread_future_free(rondo_thread_future *f)
{
	if (f)
		unref(f);
}

int rondo_loop_call(rondo_loop *loop, rondo_fn *fn, void *arg)
{
	rondo_thread_future *f;
	int ret;

	if (!loop && !rondo__job)
		return -EINVAL;
	loop = loop ? loop : rondo__job->loop;
	if (runs_here(loop))		/* a kernel without threads runs the caller inside a task */
		return rondo__job ? fn(arg) : -EDEADLK;
	f = rondo_run_coroutine_threadsafe(loop, fn, arg);
	if (!f)
		return -ENOMEM;
	ret = rondo_thread_future_wait(f, INFINITY);
	rondo_thread_future_free(f);
	return ret;
}
