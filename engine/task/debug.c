/* SPDX-License-Identifier: MIT */
/* debug.c - see debug.h. What a step costs when it is watched: two looks at the clock. */
#include "task/debug.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "loop/timer.h"
#include "switch/backtrace.h"
#include "task/run.h"

enum {
	DEAF_STEPS = 16,		/* cleanup may await, but hardly as often */
	DEFAULT_SLOW_NS = 100000000,
};

void rondo__debug_add_frames(char *buf, size_t size, const char *title, void *const frames[],
			     unsigned n)
{
	size_t used = strlen(buf);
	char name[256];

	if (n && used < size)
		used += (size_t)snprintf(buf + used, size - used, "%s%s:", used ? "\n" : "", title);
	for (unsigned i = 0; i < n && used < size; i++) {
		rondo__backtrace_describe(frames[i], name, sizeof(name));
		used += (size_t)snprintf(buf + used, size - used, "\n  #%u %s", i, name);
	}
}

static void add_created(const struct rondo_task *t, char *buf, size_t size)
{
	const struct created *c = t ? task_known(t)->created : NULL;

	if (c)
		rondo__debug_add_frames(buf, size, "created at", c->frames, c->n);
}

static void report(const struct loop *l, struct rondo_task *t, const char *message, const char *details)
{
	const struct rondo_report r = { .message = message, .task = t ? rondo_task_name(t) : NULL,
					.details = details && details[0] ? details : NULL };

	if (l->options.on_error)
		l->options.on_error(&r, l->options.on_error_arg);
}

const struct rondo_options *rondo_options_from_environment(void)
{
	static __thread struct rondo_options options;
	const char *debug = getenv("RONDO_DEBUG");

	options = (struct rondo_options){ 0 };
	if (debug && debug[0] && strcmp(debug, "0") != 0) {
		options.debug = true;
		options.on_error = rondo_report_print;
	}
	return &options;
}

/* --- where tasks come from ------------------------------------------------------------------- */

/* Without memory it is not known. */
void rondo__debug_created(struct rondo_task *t)
{
	struct created *c = malloc(sizeof(*c));

	if (!c)
		return;
	c->n = rondo__backtrace_here(c->frames, CREATED_FRAMES);
	task_of(t)->created = c;
}

void rondo__debug_freed(struct task *own)
{
	free(own->created);
	own->created = NULL;
}

unsigned rondo_task_created_at(const rondo_task *task, void *frames[], unsigned n_frames)
{
	const struct created *c = task_known(task)->created;
	unsigned n = !c ? 0 : c->n < n_frames ? c->n : n_frames;

	if (n)
		memcpy(frames, c->frames, n * sizeof(*frames));
	return n;
}

unsigned rondo_task_backtrace(rondo_task *task, void *frames[], unsigned n_frames)
{
	struct loop *l = task->loop;

	if (task_is_done(task) || !n_frames)
		return 0;
	if (task == l->running)
		return rondo__backtrace_here(frames, n_frames);
	if (task->ctx.machine.ip == (void *)(uintptr_t)rondo__switch_entry) {
		frames[0] = (void *)(uintptr_t)task->fn;	/* it has not begun */
		return 1;
	}
	return rondo__backtrace_of(&task->ctx, task->stack->base, task->stack,
				   l->running ? &l->running->ctx : &l->ctx, frames, n_frames);
}

void rondo_frame_describe(const void *frame, char *buf, size_t size_bytes)
{
	rondo__backtrace_describe(frame, buf, size_bytes);
}

/* On its own, because it takes much of a task's stack. */
void rondo__debug_report(const struct loop *l, const struct rondo_task *t, struct rondo_report *r)
{
	char details[DETAILS_BYTES] = "";

	add_created(t, details, sizeof(details));
	r->details = details;
	l->options.on_error(r, l->options.on_error_arg);
}

/* --- steps ----------------------------------------------------------------------------------- */

static uint64_t now_of(const struct loop *l)
{
	return l->ring.kernel->now(l->ring.kernel, CLOCK_MONOTONIC);
}

static void step_begin(struct step_watch *w, struct rondo_task *t)
{
	struct debug *d = container_of(w, struct debug, watch);

	d->task = rondo_task_ref(t);	/* it may end */
	d->began_ns = now_of(d->loop);
	atomic_store_explicit(&d->dog.since_ns, d->began_ns, memory_order_relaxed);
	atomic_fetch_add_explicit(&d->dog.step, 1, memory_order_release);
}

static void count(struct rondo_debug_stats *s, uint64_t took_ns)
{
	unsigned log2 = took_ns ? 63 - (unsigned)__builtin_clzll(took_ns) : 0;

	s->n_steps++;
	s->n_by_log2_ns[log2 < 40 ? log2 : 39]++;
	if (took_ns > s->longest_ns)
		s->longest_ns = took_ns;
}

static void report_slow(struct debug *d, uint64_t step, uint64_t took_ns)
{
	const struct capture *c = &d->dog.capture;
	char details[DETAILS_BYTES] = "", message[96];

	d->stats.n_slow++;
	snprintf(message, sizeof(message), "a %s took %.3f s without awaiting",
		 d->task ? "step" : "call", (double)took_ns / 1e9);
	if (atomic_load_explicit(&c->step, memory_order_acquire) == step)
		rondo__debug_add_frames(details, sizeof(details), "while it ran", c->frames, c->n);
	add_created(d->task, details, sizeof(details));
	report(d->loop, d->task, message, details);
}

/* D4: in C a cancel is easily swallowed, by not looking at what a call returned. */
static void look_for_the_deaf(struct debug *d, struct rondo_task *t)
{
	struct task *own = task_of(t);
	char details[DETAILS_BYTES] = "";

	if (task_is_done(t) || t->must_cancel || t->n_cancels <= own->n_held ||
	    (t->wait && t->wait->cancelled)) {
		own->n_deaf = 0;
		return;
	}
	if (++own->n_deaf != DEAF_STEPS)
		return;
	add_created(t, details, sizeof(details));
	report(d->loop, t, "the task goes on awaiting after it was told to stop", details);
}

static void step_end(struct step_watch *w)
{
	struct debug *d = container_of(w, struct debug, watch);
	uint64_t took_ns = now_of(d->loop) - d->began_ns;
	uint64_t step = atomic_fetch_add_explicit(&d->dog.step, 1, memory_order_release);

	count(&d->stats, took_ns);
	if (took_ns >= d->slow_ns)
		report_slow(d, step, took_ns);
	if (!d->task)
		return;
	look_for_the_deaf(d, d->task);
	rondo__task_unref(d->task);
}

void rondo_debug_stats(struct rondo_debug_stats *stats)
{
	const struct debug *d = rondo__loop ? debug_of(rondo__loop) : NULL;

	*stats = d ? d->stats : (struct rondo_debug_stats){ 0 };
}

/* --- what was opened and not closed --------------------------------------------------------- */

/* Without memory for it a leak is not found. */
static void opened(struct step_watch *w, int fd, const char *what)
{
	struct debug *d = container_of(w, struct debug, watch);
	size_t n = ((size_t)fd + 64) & ~(size_t)63;

	if ((size_t)fd >= d->n_opened) {
		const char **all = realloc(d->opened, n * sizeof(*all));

		if (!all)
			return;
		memset(all + d->n_opened, 0, (n - d->n_opened) * sizeof(*all));
		d->opened = all;
		d->n_opened = n;
	}
	d->opened[fd] = what;
}

static void closed(struct step_watch *w, int fd)
{
	struct debug *d = container_of(w, struct debug, watch);

	if ((size_t)fd < d->n_opened)
		d->opened[fd] = NULL;
}

/* I5. One that was closed by other means than ours is no leak. */
static void report_descriptors(struct debug *d)
{
	const struct kernel *k = d->loop->ring.kernel;
	char message[96];

	for (size_t fd = 0; fd < d->n_opened; fd++) {
		if (!d->opened[fd] || kernel_call3(k, SYS_fcntl, (int)fd, F_GETFD, 0) < 0)
			continue;
		snprintf(message, sizeof(message), "descriptor %zu (%s) was never closed", fd,
			 d->opened[fd]);
		report(d->loop, NULL, message, NULL);
	}
}

void rondo__debug_report_leaks(struct loop *l)
{
	if (!l->steps)
		return;
	for (struct list *p = l->tasks.next; p != &l->tasks; p = p->next)
		rondo__task_report(l, container_of(p, struct rondo_task, link),
				   "a handle of the task was never used up", 0);
	report_descriptors(debug_of(l));
}

/* --- open and close ------------------------------------------------------------------------- */

int rondo__debug_open(struct loop *l)
{
	struct debug *d;
	double slow = l->options.slow_seconds;

	if (!l->options.debug)
		return 0;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->loop = l;
	d->watch = (struct step_watch){ .begin = step_begin, .end = step_end, .opened = opened,
					.closed = closed };
	d->slow_ns = slow > 0 ? rondo__timer_ns(slow) : DEFAULT_SLOW_NS;
	rondo__backtrace_prepare();
	/* Without the watchdog slow steps are still reported, but not where they were slow. Another
	 * kernel has another time. */
	if (l->ring.kernel == &rondo__kernel_linux)
		(void)rondo__watchdog_start(&d->dog, l, d->slow_ns);
	l->steps = &d->watch;
	return 0;
}

void rondo__debug_close(struct loop *l)
{
	struct debug *d = debug_of(l);

	if (!d)
		return;
	l->steps = NULL;
	rondo__watchdog_stop(&d->dog);
	free(d->opened);
	free(d);
}
