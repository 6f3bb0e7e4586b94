/* SPDX-License-Identifier: MIT */
/* to_thread.c - a task waits for a function in a thread (E1, E2); a loop's own pool (E3). */
#include <math.h>
#include <stdlib.h>

#include "rondo/future.h"
#include "rondo/time.h"
#include "task/pool.h"

enum { CLOSE_GRACE_SECONDS = 5 };

_Static_assert(sizeof(struct pool) <= sizeof(struct rondo_pool), "struct rondo_pool is too small");

/* --- the loop's own pool --------------------------------------------------------------------- */

struct own_pool {
	struct loop_part part;
	struct pool pool;
};

static const char own_pool_kind;

/* Whatever still runs was abandoned by its task; nobody knows what it uses, so it is waited for. */
static void close_own_pool(struct loop *l, struct loop_part *part, bool abandoned)
{
	struct own_pool *own = container_of(part, struct own_pool, part);
	struct timespec grace;

	clock_gettime(CLOCK_MONOTONIC, &grace);
	grace.tv_sec += CLOSE_GRACE_SECONDS;
	if (!abandoned) {
		rondo__pool_begin_close(&own->pool);
		if (!rondo__pool_join(&own->pool, &grace)) {
			rondo__pool_report(&own->pool, l);
			rondo__pool_join(&own->pool, NULL);
		}
	}
	rondo__pool_free(&own->pool);
	free(own);
}

static struct pool *own_pool(struct loop *l)
{
	static const struct rondo_pool_options defaults;
	struct loop_part *part = rondo__loop_part(l, &own_pool_kind);
	struct own_pool *own;

	if (part)
		return &container_of(part, struct own_pool, part)->pool;
	own = malloc(sizeof(*own));
	if (!own)
		return NULL;
	rondo__pool_init(&own->pool, &defaults);
	own->part = (struct loop_part){ .kind = &own_pool_kind, .close = close_own_pool };
	rondo__loop_part_add(l, &own->part);
	return &own->pool;
}

/* --- a task waits for a job ------------------------------------------------------------------ */

struct job_wait {
	struct wait wait;
	struct job *job;		/* NULL: abandoned */
	enum job_state found;		/* by the cancel */
	bool may_abandon;
};

/* H2: what runs is waited for, unless it owns what it uses. */
static bool cancel_job(struct wait *wait)
{
	struct job_wait *w = container_of(wait, struct job_wait, wait);

	w->found = rondo__pool_cancel(w->job->pool, w->job, w->may_abandon);
	if (w->found == JOB_RUNNING && w->may_abandon)
		w->job = NULL;
	else if (w->found != JOB_QUEUED)
		return wait->cancelled = true;
	return wait_cancel_now(wait);
}

static const struct wait_class job_class = { .name = "a thread", .cancel = cancel_job };

static void job_done(struct remote_call *c)
{
	struct job *j = container_of(c, struct job, done);

	rondo__wake(j->wait->wait.task);
}

/* By the thread: the task did not wait. */
static void job_abandoned(struct remote_call *c)
{
	struct job *j = container_of(c, struct job, done);

	if (j->on_abandon)
		j->on_abandon(j->arg);
	free(j);
}

/* The function's word counts, and the cancel comes later; unless it says that it gave in to it. */
static int job_result(const struct job_wait *w)
{
	struct rondo_task *t = w->wait.task;
	const int result = w->job->result;

	if (!w->wait.cancelled)
		return result;
	if (result == -ECANCELED)
		t->must_cancel = false;
	else
		t->must_cancel = t->cancel_late = t->n_cancels > 0;
	return result;
}

/* Park until the job is over or was taken back. *gone: it is the thread's now. */
static int await_job(struct pool *p, struct job *j, bool may_abandon, bool *gone)
{
	struct rondo_task *self = rondo__self();
	struct loop *l = self->loop;
	struct job_wait w = { .wait = { .class = &job_class, .task = self }, .job = j,
			      .may_abandon = may_abandon };
	int ret;

	rondo__remote_start(l);
	j->wait = &w;
	j->pool = p;
	j->loop = l->remote;
	ret = rondo__pool_queue(p, j);
	if (ret < 0)
		return ret;
	l->n_outside++;
	rondo__park(&w.wait);
	l->n_outside--;
	*gone = !w.job;
	if (*gone || (w.wait.cancelled && w.found == JOB_QUEUED)) {
		self->must_cancel = false;
		return -ECANCELED;
	}
	return job_result(&w);
}

/* A kernel without threads: here and now, between two waits. */
static int run_inline(const struct kernel *k, struct job *j, bool may_abandon)
{
	struct job *outer = rondo__job;
	struct rondo_mask mask;
	int ret = rondo_sleep_ns(k->thread_delay(k));

	if (ret < 0)
		return ret;
	j->loop = rondo__loop->remote;
	rondo__job = j;
	j->result = j->fn(j->arg);
	rondo__job = outer;
	if (!may_abandon)
		rondo_mask_begin(&mask);
	ret = rondo_sleep_ns(k->thread_delay(k));
	if (!may_abandon)
		rondo_mask_end(&mask);
	return ret < 0 ? ret : j->result;
}

static int run_job(struct pool *p, struct job *j, bool may_abandon, bool *gone)
{
	struct rondo_task *self = rondo__self();
	const struct kernel *k = self->loop->ring.kernel;

	*gone = false;
	if (self->must_cancel)
		return task_deliver(self);
	return k->thread_delay ? run_inline(k, j, may_abandon) : await_job(p, j, may_abandon, gone);
}

static int run_here(struct pool *p, rondo_fn *fn, void *arg)
{
	struct job j = { .fn = fn, .arg = arg, .done.run = job_done };
	bool gone;

	return run_job(p, &j, false, &gone);
}

static int run_abandonable(struct pool *p, const struct rondo_thread_options *o, rondo_fn *fn,
			   void *arg)
{
	struct job *j = malloc(sizeof(*j));
	bool gone;
	int ret;

	if (!j)
		return -ENOMEM;
	*j = (struct job){ .fn = fn, .arg = arg, .on_abandon = o->on_abandon,
			   .done = { .run = job_done, .drop = job_abandoned } };
	ret = run_job(p, j, true, &gone);
	if (gone)
		return ret;
	if (ret == -ECANCELED && o->on_abandon)
		o->on_abandon(arg);
	free(j);
	return ret;
}

int rondo_pool_run_with(struct rondo_pool *pool, const struct rondo_thread_options *options,
			rondo_fn *fn, void *arg)
{
	struct pool *p = pool ? (struct pool *)pool : own_pool(rondo__self()->loop);

	if (!p)
		return -ENOMEM;
	if (options && options->on_cancel == RONDO_THREAD_ABANDON)
		return run_abandonable(p, options, fn, arg);
	return run_here(p, fn, arg);
}

int rondo_pool_run(struct rondo_pool *pool, rondo_fn *fn, void *arg)
{
	return rondo_pool_run_with(pool, NULL, fn, arg);
}

int rondo_to_thread_with(const struct rondo_thread_options *options, rondo_fn *fn, void *arg)
{
	return rondo_pool_run_with(NULL, options, fn, arg);
}

int rondo_to_thread(rondo_fn *fn, void *arg)
{
	return rondo_pool_run_with(NULL, NULL, fn, arg);
}

bool rondo_thread_cancelled(void)
{
	const struct job *j = rondo__job;

	return j && atomic_load_explicit(&j->cancelled, memory_order_relaxed);
}

/* --- a pool's life --------------------------------------------------------------------------- */

void rondo_pool_init(struct rondo_pool *pool, const struct rondo_pool_options *options)
{
	static const struct rondo_pool_options defaults;

	rondo__pool_init((struct pool *)pool, options ? options : &defaults);
}

/* Who waits for the last thread. */
struct pool_closer {
	struct remote_call told;
	struct rondo_future ended;
	struct rondo_loop *loop;
	bool posted;			/* under the pool's lock */
};

static void closer_told(struct remote_call *c)
{
	rondo_future_set_result(&container_of(c, struct pool_closer, told)->ended, 0);
}

void rondo__pool_closer_told(struct pool_closer *c)
{
	c->posted = true;
	if (rondo__remote_call(c->loop, &c->told) < 0)
		BUG("a loop ended while a task of it waited for a thread");
}

/* Returns 1, 0 if there is nothing to wait for, -EBUSY if somebody else waits. */
static int closer_begin(struct pool *p, struct pool_closer *c)
{
	int ret = 0;

	pthread_mutex_lock(&p->lock);
	if (p->closer)
		ret = -EBUSY;
	else if (p->n_threads)
		ret = 1;
	if (ret == 1)
		p->closer = c;
	pthread_mutex_unlock(&p->lock);
	return ret;
}

/* Leave, or if the call is on its way, wait for it: c is on our stack. */
static void closer_end(struct pool *p, struct pool_closer *c)
{
	struct rondo_mask mask;
	int ret = 0;

	pthread_mutex_lock(&p->lock);
	p->closer = NULL;
	pthread_mutex_unlock(&p->lock);
	rondo_mask_begin(&mask);
	if (c->posted)
		ret = rondo_future_shield(&c->ended);
	BUG_ON(ret < 0);
	rondo_mask_end(&mask);
}

static int wait_ended(void *future)
{
	return rondo_future_shield(future);
}

static int await_end(struct pool *p, double grace_seconds)
{
	struct loop *l = rondo__self()->loop;
	struct pool_closer c = { .told.run = closer_told, .loop = rondo_loop_ref(l->remote) };
	int ret;

	rondo_future_init(&c.ended);
	rondo__remote_start(l);
	ret = closer_begin(p, &c);
	if (ret > 0) {
		l->n_outside++;
		ret = isinf(grace_seconds) && grace_seconds > 0 ? wait_ended(&c.ended) :
			rondo_wait_for(wait_ended, &c.ended, grace_seconds);
		closer_end(p, &c);
		l->n_outside--;
	}
	rondo_loop_unref(c.loop);
	return ret;
}

int rondo_pool_shutdown(struct rondo_pool *pool, double grace_seconds)
{
	struct loop *l = rondo__self()->loop;
	struct pool *p = pool ? (struct pool *)pool : own_pool(l);
	int ret = 0;

	if (!p)
		return -ENOMEM;
	if (isnan(grace_seconds))
		return -EINVAL;
	if (!rondo__pool_begin_close(p))
		ret = await_end(p, grace_seconds);
	if (ret == -ETIMEDOUT)
		rondo__pool_report(p, l);
	if (ret < 0)
		return ret;
	rondo__pool_join(p, NULL);
	if (pool)
		rondo__pool_free(p);
	return 0;
}
