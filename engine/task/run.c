/* SPDX-License-Identifier: MIT */
/* run.c - rondo_run: open a loop, run the first task, cancel and await the rest, close (row R1).
 * The steps of it one by one: runner.c. */
#include "task/run.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop/remote.h"
#include "task/context.h"
#include "task/task.h"

enum {
	MAIN_STACK_SIZE = 256 << 10,	/* the first task is where programs keep their big locals */
	LAST_STACK_SIZE = MAIN_STACK_SIZE,	/* of the same slab, so it costs no mapping */
	DEADLOCK_ROUNDS_MAX = 8,	/* a task may swallow its cancellation this often */
};

/* And one for the task that closes what was left open, which must not fail. */
int rondo__run_keep_slots(struct loop *l, unsigned n)
{
	int ret = rondo__ready_reserve(&l->ready, run_slots(l) + n + 1);

	if (ret == 0)
		container_of(l, struct run, loop)->n_calls += n;
	return ret;
}

void rondo__run_release_slots(struct loop *l, unsigned n)
{
	container_of(l, struct run, loop)->n_calls -= n;
}

void rondo__run_check_thread(const struct loop *l)
{
	if (container_of(l, const struct run, loop)->thread != (pid_t)syscall(SYS_gettid))
		BUG("a task was used by another thread than its loop's");
}

/* A child of fork() has the parent's ring mapped, and must not use it (KN-17): forget the loop, and
 * leave ^C to whatever the child does. */
static void forget_loop(void)
{
	loop_make_current(NULL);
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

/* When nothing can become ready any more: who waits for what? Then everybody is cancelled. Returns
 * false if that was done too often. */
static bool break_deadlock(struct run *run, unsigned *n_rounds, uint64_t *n_live)
{
	struct loop *l = &run->loop;

	if (!*n_rounds)
		rondo_all_tasks(report_parked, NULL);
	*n_rounds = l->n_live == *n_live ? *n_rounds + 1 : 1;
	*n_live = l->n_live;
	if (*n_rounds > DEADLOCK_ROUNDS_MAX) {
		rondo_all_tasks(report_survivor, NULL);
		l->n_live = 0;
		run->broken = true;
		return false;
	}
	rondo__cancel_all(l);
	return true;
}

static void take_sigint(struct loop *l, struct rondo_task *main_task)
{
	if (likely(!l->watches_sigint || !rondo__sigint_take()))
		return;
	l->interrupted = true;
	l->interrupted_late = !rondo_cancel(main_task);
}

/* Run until `until` is done, or all tasks if NULL. Returns 0, -EDEADLK, or -EINTR if `until` is not
 * done because the loop was stopped. */
static int run_until(struct run *run, struct rondo_task *until)
{
	struct loop *l = &run->loop;
	unsigned n_rounds = 0;
	uint64_t n_live = 0;

	l->until_id = until ? until->id : 0;
	while (until ? !task_is_done(until) : l->n_live > 0) {
		if (!rondo__loop_turn(l)) {
			if (!break_deadlock(run, &n_rounds, &n_live))
				return -EDEADLK;
			continue;
		}
		if (!until)
			continue;
		take_sigint(l, until);
		if (unlikely(run->stopping && run->running) && !task_is_done(until))
			return -EINTR;
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
static void shut_down(struct run *run)
{
	struct loop *l = &run->loop;

	while (l->n_live) {
		l->until_id = l->n_created;
		rondo__cancel_all(l);
		while (one_of_first_runs(l, l->until_id))
			if (!rondo__loop_turn(l)) {
				run_until(run, NULL);
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
	rondo__loop->attention |= ATTENTION_LOOK;
}

/* The callbacks of what ended last are still in the queue. They may create tasks. */
static void run_last_callbacks(struct run *run)
{
	struct ready_call last = { .run = end_turn };
	struct loop *l = &run->loop;

	if (loop_is_idle(l))
		return;
	ready_push_call(&l->ready, &last);
	rondo__loop_turn(l);
	shut_down(run);
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

/* The newest first: a stream may be built upon an older one, which it ends itself. */
static int drop_resources(void *arg)
{
	struct list *resources = arg;

	while (!list_empty(resources))
		drop_resource(rondo__self()->loop,
			      container_of(resources->prev, struct resource, link));
	return 0;
}

/* Row X16. What was never closed may have requests in flight, and the ring waits for those; only a
 * task can end them, so there is a stack for it though memory may be short. */
static void close_resources(struct run *run)
{
	struct loop *l = &run->loop;
	struct rondo_task_options o = { .name = "closing what was left open" };
	struct rondo_task *task;

	rondo__stack_put(&l->stacks, run->last_stack);
	if (list_empty(&l->resources))
		return;
	task = rondo__task_create(l, &o, drop_resources, &l->resources);
	if (!task) {
		o.stack_size = LAST_STACK_SIZE;
		task = rondo__task_create(l, &o, drop_resources, &l->resources);
	}
	BUG_ON(!task);
	run_until(run, task);
	rondo__task_unref(task);
	shut_down(run);			/* closing may leave tasks, as who detaches a child does */
}

/* Their stacks go with the loop; what else they have must go before. */
static void free_forgotten(struct loop *l)
{
	for (struct list *p = l->tasks.next; p != &l->tasks; p = p->next) {
		struct rondo_task *t = container_of(p, struct rondo_task, link);

		if (t->extended)
			rondo__context_leave(task_of(t));
	}
}

static void stop_watching(struct loop *l)
{
	if (l->watches_sigint)
		rondo__sigint_end();
	l->watches_sigint = false;
}

static void nothing(struct ready_call *c)
{
	(void)c;
}

/* While there is something to run, the loop polls and does not sleep: R4 wants one turn of that. */
static void stay_awake(struct ready_call *c)
{
	static struct ready_call more = { .run = nothing };

	(void)c;
	ready_push_call(&rondo__loop->ready, &more);
}

static void begin_turns(struct run *run)
{
	static struct ready_call first = { .run = stay_awake };

	run->running = true;
	rondo__remote_look(&run->loop);
	if (run->stopping)
		ready_push_call(&run->loop.ready, &first);
}

static void end_turns(struct run *run)
{
	run->running = false;
	run->stopping = false;
}

static void release_main(struct run *run)
{
	if (run->main_task)
		rondo__task_unref(run->main_task);
	run->main_task = NULL;
}

static int run_main(struct run *run)
{
	struct loop *l = &run->loop;
	int ret = run_until(run, run->main_task);

	return task_is_done(run->main_task) ? take_result(l, run->main_task, ret) : ret;
}

int rondo__run_main(struct run *run, rondo_fn *main, void *arg)
{
	struct loop *l = &run->loop;
	const struct rondo_task_options o = { .stack_size = l->options.main_stack_size };
	struct sigpipe_guard sigpipe;
	int ret;

	if (run->broken)
		return -EDEADLK;
	release_main(run);
	run->main_task = rondo__task_create(l, &o, main, arg);
	if (!run->main_task)
		return -ENOMEM;
	rondo__sigpipe_block(&sigpipe, &l->ring);
	begin_turns(run);
	l->interrupted = l->interrupted_late = false;
	rondo__sigint_watch(l);
	ret = run_main(run);
	stop_watching(l);		/* there is no main left to cancel: from here on ^C kills */
	end_turns(run);
	rondo__context_end_main(run);
	rondo__sigpipe_unblock(&sigpipe);
	return ret;
}

int rondo__run_forever(struct run *run)
{
	struct loop *l = &run->loop;
	struct sigpipe_guard sigpipe;

	if (run->broken)
		return -EDEADLK;
	rondo__sigpipe_block(&sigpipe, &l->ring);
	begin_turns(run);
	rondo__remote_start(l);
	l->exposed = true;		/* who else should stop it, when nothing is left to do? */
	do
		rondo__loop_turn(l);
	while (!run->stopping);
	end_turns(run);
	rondo__sigpipe_unblock(&sigpipe);
	return 0;
}

/* By now no task runs. Abandoned, those that were not done have things to be freed, too. */
static void close_part(struct loop *l, struct loop_part *p, bool abandoned)
{
	struct run *run = container_of(p, struct run, part);

	if (abandoned)
		rondo__handles_drop(run);
	free_forgotten(l);
	vars_put(run->vars);
	rondo__watches_free(run);
	rondo__debug_close(l);
}

int rondo__run_open(const struct kernel *kernel, const struct rondo_options *options,
		    struct run **run)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct rondo_options o = options ? *options : (struct rondo_options){ 0 };
	struct run *r = calloc(1, sizeof(*r));
	int ret;

	if (!r)
		return -ENOMEM;
	list_init(&r->signal_handlers);
	pthread_once(&once, watch_forks);
	if (!o.main_stack_size)
		o.main_stack_size = o.stack_size > MAIN_STACK_SIZE ? o.stack_size : MAIN_STACK_SIZE;
	ret = rondo__loop_open(&r->loop, kernel, &o);
	if (ret < 0) {
		free(r);
		return ret;
	}
	list_init(&r->handles);
	list_init(&r->watches_left);
	r->part = (struct loop_part){ .kind = &r->part, .close = close_part };
	rondo__loop_part_add(&r->loop, &r->part);	/* the first one is closed last */
	r->last_stack = rondo__stack_get(&r->loop.stacks, LAST_STACK_SIZE);
	ret = r->last_stack ? rondo__debug_open(&r->loop) : -ENOMEM;
	if (ret < 0) {
		rondo__loop_close(&r->loop);
		free(r);
		return ret;
	}
	r->process = getpid();
	r->thread = (pid_t)syscall(SYS_gettid);
	*run = r;
	return 0;
}

void rondo__run_close(struct run *run)
{
	struct loop *l = &run->loop;
	struct sigpipe_guard sigpipe;

	rondo__sigpipe_block(&sigpipe, &l->ring);
	shut_down(run);
	run_last_callbacks(run);
	close_resources(run);
	release_main(run);		/* so late: a call from outside may still name it */
	report_forgotten(l);
	rondo__debug_report_leaks(l);
	rondo__handles_drop(run);
	rondo__watches_remove(run);
	rondo__sigpipe_unblock(&sigpipe);
	rondo__loop_close(l);
	free(run);
}

int rondo__run_on(const struct kernel *kernel, const struct rondo_options *options, rondo_fn *main,
		  void *arg)
{
	struct run *run;
	int ret;

	if (rondo__loop)
		return -EBUSY;
	ret = rondo__run_open(kernel, options, &run);
	if (ret < 0)
		return ret;
	ret = rondo__run_main(run, main, arg);
	rondo__run_close(run);
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
	if (report->details)
		fprintf(stderr, "%s\n", report->details);
}
