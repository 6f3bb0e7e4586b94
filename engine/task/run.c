/* SPDX-License-Identifier: MIT */
/* run.c - rondo_run: open a loop, run the first task, cancel and await the rest, close (row R1). */
#include "task/run.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "task/task.h"

enum {
	MAIN_STACK_SIZE = 256 << 10,	/* the first task is where programs keep their big locals */
	DEADLOCK_ROUNDS_MAX = 8,	/* a task may swallow its cancellation this often */
};

int rondo__run_keep_slots(struct loop *l, unsigned n)
{
	int ret = rondo__ready_reserve(&l->ready, run_slots(l) + n);

	if (ret == 0)
		container_of(l, struct run, loop)->n_calls += n;
	return ret;
}

void rondo__run_release_slots(struct loop *l, unsigned n)
{
	container_of(l, struct run, loop)->n_calls -= n;
}

/* A child of fork() has the parent's ring mapped, and must not use it (KN-17): forget the loop, and
 * leave ^C to whatever the child does. */
static void forget_loop(void)
{
	rondo__loop = NULL;
	rondo__sigint_unwatch();
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, forget_loop);
}

static int report_parked(rondo_task *t, void *ctx)
{
	char what[96], message[192];

	(void)ctx;
	rondo_task_describe(t, what, sizeof(what));
	snprintf(message, sizeof(message), "deadlock: waits for %s", what);
	rondo__task_report(t->loop, t, message, -EDEADLK);
	return 0;
}

static int report_survivor(rondo_task *t, void *ctx)
{
	(void)ctx;
	rondo__task_report(t->loop, t, "the task ignores its cancellation and was abandoned", -EDEADLK);
	return 0;
}

/* Run until `until` is done, or all tasks if NULL. When nothing can become ready any more,
 * report who waits for what and cancel everybody. Returns 0 or -EDEADLK. */
static int run_until(struct loop *l, struct rondo_task *until)
{
	unsigned n_rounds = 0;
	uint64_t n_live = 0;

	l->until_id = until ? until->id : 0;
	while (until ? !task_is_done(until) : l->n_live > 0) {
		if (rondo__loop_turn(l)) {
			if (unlikely(l->watches_sigint && rondo__sigint_take()) && until) {
				l->interrupted = true;
				l->interrupted_late = !rondo_cancel(until);
			}
			continue;
		}
		if (!n_rounds)
			rondo_all_tasks(report_parked, NULL);
		n_rounds = l->n_live == n_live ? n_rounds + 1 : 1;
		n_live = l->n_live;
		if (n_rounds > DEADLOCK_ROUNDS_MAX) {
			rondo_all_tasks(report_survivor, NULL);
			l->n_live = 0;
			return -EDEADLK;
		}
		rondo__cancel_all(l);
	}
	return n_rounds ? -EDEADLK : 0;
}

/* Is one of the first n tasks ever created still running? */
static bool one_of_first_runs(const struct loop *l, uint64_t n)
{
	if (l->n_live > l->n_created - n)
		return true;
	for (const struct list *p = l->tasks.next; p != &l->tasks; p = p->next) {
		const struct rondo_task *t = container_of(p, struct rondo_task, link);

		if (!task_is_done(t))
			return t->id <= n;
	}
	return false;
}

/* Cancel everything that is left, once, and wait for its cleanup, which may use tasks of its
 * own; then the same with what was started meanwhile and is still there, until nothing is. */
static void shut_down(struct loop *l)
{
	while (l->n_live) {
		l->until_id = l->n_created;
		rondo__cancel_all(l);
		while (one_of_first_runs(l, l->until_id))
			if (!rondo__loop_turn(l)) {
				run_until(l, NULL);
				return;
			}
	}
}

static int take_result(struct loop *l, struct rondo_task *main_task, int deadlock)
{
	int ret = rondo_task_result(main_task);

	if (deadlock)
		return deadlock;
	/* ^C and nobody else cancelled it, or would have if it had not run on to its end (T8). */
	if (l->interrupted && (ret == -ECANCELED || (ret >= 0 && l->interrupted_late)) &&
	    rondo_uncancel(main_task) == 0)
		return -EINTR;
	return ret;
}

static void end_turn(struct ready_call *c)
{
	(void)c;
	rondo__loop->attention = true;
}

/* The callbacks of what ended last are still in the queue. They may create tasks. */
static void run_last_callbacks(struct loop *l)
{
	struct ready_call last = { .run = end_turn };

	if (loop_is_idle(l))
		return;
	ready_push_call(&l->ready, &last);
	rondo__loop_turn(l);
	shut_down(l);
}

/* Tasks whose handles were never used up, and so not freed: what they had to say is said now. */
static void report_forgotten(struct loop *l)
{
	for (struct list *p = l->tasks.next; p != &l->tasks; p = p->next)
		rondo__task_report_unseen(container_of(p, struct rondo_task, link));
}

static void drop_resource(struct loop *l, struct resource *r)
{
	char what[96], message[128];

	if (r->class->describe) {
		r->class->describe(r, what, sizeof(what));
		snprintf(message, sizeof(message), "never closed: %s", what);
		rondo__task_report(l, NULL, message, 0);
	}
	r->class->drop(r);
}

static int drop_resources(void *arg)
{
	struct list *resources = arg;

	while (!list_empty(resources))
		drop_resource(rondo__self()->loop,
			      container_of(resources->next, struct resource, link));
	return 0;
}

/* Row X16. What was never closed may have requests in flight, and the ring waits for those; only a
 * task can end them. */
static void close_resources(struct loop *l)
{
	const struct rondo_task_options o = { .name = "closing what was left open" };
	struct rondo_task *task;

	if (list_empty(&l->resources))
		return;
	task = rondo__task_create(l, &o, drop_resources, &l->resources);
	if (!task)
		return;
	run_until(l, task);
	rondo__task_unref(task);
}

static void stop_watching(struct loop *l)
{
	if (l->watches_sigint)
		rondo__sigint_unwatch();
	l->watches_sigint = false;
}

static int run_main(struct loop *l, rondo_fn *main, void *arg)
{
	const struct rondo_task_options o = { .stack_size = l->options.main_stack_size };
	struct rondo_task *main_task = rondo__task_create(l, &o, main, arg);
	int deadlock, ret;

	if (!main_task)
		return -ENOMEM;
	deadlock = run_until(l, main_task);
	if (!task_is_done(main_task))
		return deadlock;
	ret = take_result(l, main_task, deadlock);
	stop_watching(l);		/* there is no main left to cancel: from here on ^C kills */
	shut_down(l);
	run_last_callbacks(l);
	close_resources(l);
	rondo__task_unref(main_task);	/* last: a remote call may still name it */
	report_forgotten(l);
	return ret;
}

int rondo__run_on(const struct kernel *kernel, const struct rondo_options *options, rondo_fn *main,
		  void *arg)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct rondo_options o = options ? *options : (struct rondo_options){ 0 };
	struct sigpipe_guard sigpipe;
	struct run *run;
	struct loop *l;
	int ret;

	if (rondo__loop)
		return -EBUSY;
	pthread_once(&once, watch_forks);
	if (!o.main_stack_size)
		o.main_stack_size = o.stack_size > MAIN_STACK_SIZE ? o.stack_size : MAIN_STACK_SIZE;
	run = calloc(1, sizeof(*run));
	if (!run)
		return -ENOMEM;
	l = &run->loop;
	ret = rondo__loop_open(l, kernel, &o);
	if (ret == 0) {
		rondo__sigpipe_block(&sigpipe, &l->ring);
		rondo__sigint_watch(l);
		ret = run_main(l, main, arg);
		stop_watching(l);
		rondo__sigpipe_unblock(&sigpipe);
		rondo__loop_close(l);
	}
	free(run);
	return ret;
}

int rondo_run_with(const struct rondo_options *options, rondo_fn *main, void *arg)
{
	return rondo__run_on(&rondo__kernel_linux, options, main, arg);
}

int rondo_run(rondo_fn *main, void *arg)
{
	return rondo_run_with(NULL, main, arg);
}

void rondo_report_print(const struct rondo_report *report, void *arg)
{
	(void)arg;
	fprintf(stderr, "rondo: %s%s%s%s%s\n", report->task ? report->task : "",
		report->task ? ": " : "", report->message, report->error ? ": " : "",
		report->error ? rondo_strerror(report->error) : "");
}
