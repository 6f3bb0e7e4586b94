/* SPDX-License-Identifier: MIT */
/* world.c - events, the clock, and the hosts that take turns. See sim.h. */
#include "sim/world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "sim/ops.h"
#include "sim/process.h"
#include "task/run.h"

enum { HOST_STACK_SIZE = 256 << 10 };

__thread struct sim *rondo__sim;

void *rondo__sim_alloc(size_t size_bytes)
{
	void *p = calloc(1, size_bytes ? size_bytes : 1);

	BUG_ON(!p);
	return p;
}

/* --- events ---------------------------------------------------------------------------------- */

void rondo__sim_event_init(struct sim_event *e, void (*fire)(struct sim *, struct sim_event *))
{
	heap_node_init(&e->node);
	e->fire = fire;
}

void rondo__sim_unschedule(struct sim *s, struct sim_event *e)
{
	if (heap_contains(&e->node))
		rondo__heap_remove(&s->events, &e->node);
}

void rondo__sim_schedule(struct sim *s, struct sim_event *e, uint64_t delay_ns)
{
	rondo__sim_unschedule(s, e);
	BUG_ON(rondo__heap_reserve(&s->events) < 0);
	e->node.when = delay_ns < INT64_MAX - s->now_ns ? s->now_ns + delay_ns : INT64_MAX;
	rondo__heap_push(&s->events, &e->node);
}

static void end_faults(struct sim *s)
{
	s->faults_over = true;
	rondo__sim_trace(s, "no more faults: everything must end now");
	rondo__sim_unhang_all(s);
	rondo__sim_net_heal(s);
}

/* The next thing to happen, unless nothing ever will. */
static struct sim_event *next_event(struct sim *s)
{
	struct heap_node *top = rondo__heap_top(&s->events);

	return top ? container_of(top, struct sim_event, node) : NULL;
}

static void fire(struct sim *s, struct sim_event *e)
{
	rondo__heap_remove(&s->events, &e->node);
	s->n_events++;
	e->fire(s, e);
}

/* The clock stands at a time up to which everything has happened. */
static void move_clock(struct sim *s, uint64_t to_ns)
{
	struct sim_event *e;

	if (!s->faults_over && to_ns >= s->options.faults_ns)
		end_faults(s);
	while ((e = next_event(s)) && e->node.when <= to_ns) {
		s->now_ns = s->now_ns > e->node.when ? s->now_ns : e->node.when;
		fire(s, e);
	}
	s->now_ns = s->now_ns > to_ns ? s->now_ns : to_ns;
}

void rondo__sim_spend(struct sim_host *h, uint64_t ns)
{
	move_clock(h->sim, h->sim->now_ns + ns);
}

void rondo__sim_sleep(const struct kernel *k, uint64_t ns)
{
	rondo__sim_spend(container_of(k, struct sim_host, kernel), ns);
}

/* Nobody can run: let time pass. False if nothing will ever happen again, or too late. */
static bool wait_for_event(struct sim *s)
{
	struct sim_event *e = next_event(s);
	uint64_t limit = s->options.faults_ns + s->options.end_ns;

	if (!s->faults_over && (!e || e->node.when > s->options.faults_ns)) {
		s->now_ns = s->now_ns > s->options.faults_ns ? s->now_ns : s->options.faults_ns;
		end_faults(s);
		return true;
	}
	if (!e || (e->node.when > limit && limit > s->options.faults_ns))
		return false;
	s->now_ns = s->now_ns > e->node.when ? s->now_ns : e->node.when;
	fire(s, e);
	return true;
}

/* --- hosts ----------------------------------------------------------------------------------- */

struct sim_host *rondo__sim_host(void)
{
	BUG_ON(!rondo__sim || !rondo__sim->running);
	return rondo__sim->running;
}

static void wait_over(struct sim *s, struct sim_event *e)
{
	struct sim_host *h = container_of(e, struct sim_host, wait_end);

	(void)s;
	if (h->state == SIM_HOST_WAITING)
		h->wait_over = true;
	h->state = SIM_HOST_READY;
}

/* One that a child had and has no more. */
static struct sim_host *spare_host(struct sim *s)
{
	for (unsigned i = 0; i < s->n_hosts; i++)
		if (s->hosts[i]->spare)
			return s->hosts[i];
	return NULL;
}

struct sim_host *rondo__sim_host_make(struct sim *s, const char *name)
{
	struct sim_host *h = spare_host(s);

	if (h) {
		h->spare = false;
		snprintf(h->name, sizeof(h->name), "%s", name);
		return h;
	}
	if (s->n_hosts == SIM_HOSTS_MAX)
		return NULL;
	h = rondo__sim_alloc(sizeof(*h));
	h->kernel = rondo__sim_kernel;
	h->kernel.signals = &h->signal_table;
	h->sim = s;
	snprintf(h->name, sizeof(h->name), "%s", name);
	list_init(&h->rings);
	list_init(&h->futexes);
	list_init(&h->children);
	list_init(&h->orphans);
	h->pid = h->group = 1;
	rondo__sim_event_init(&h->wait_end, wait_over);
	rondo__sim_wall_set(h);
	s->hosts[s->n_hosts++] = h;
	h->id = s->n_hosts;
	for (unsigned i = 0; i < s->n_hosts; i++)
		rondo__sim_rings_call_back(s->hosts[i]);
	h->disk = rondo__sim_disk_make(s);
	return h;
}

static void host_main(void *arg)
{
	struct sim_host *h = arg;
	struct rondo_options o = h->sim->options.run;

	rondo__switch_entered(&h->ctx);
	o.no_sigint = true;
	o.no_overflow_report |= h->id > 1;
	h->result = rondo__run_on(&h->kernel, &o, h->main, h->arg);
	h->ended = true;
	rondo__sim_check_ended(h);
	rondo__sim_note(h->sim, "ended", h->id, (uint64_t)(int64_t)h->result);
	h->state = SIM_HOST_OFF;
	if (h->child)
		rondo__sim_child_ends(h->child, h->result < 0 ? 1 : h->result, 0, 1000);
	rondo__switch_last(&h->ctx, &h->sim->ctx);
}

uint64_t rondo__sim_thread_delay(const struct kernel *k)
{
	enum { SOON_NS = 1000, LATE_NS = 10000000 };

	return rondo__sim_log(container_of(k, struct sim_host, kernel)->sim, SIM_LATENCY, SOON_NS,
			      LATE_NS);
}

int rondo__sim_host_boot(struct sim_host *h, rondo_fn *main, void *arg)
{
	if (h->state != SIM_HOST_OFF)
		return -EINVAL;
	rondo__sim_host_off(h);		/* what an ended main has left */
	rondo__sim_host_start(h, main, arg);
	return 0;
}

void rondo__sim_host_start(struct sim_host *h, rondo_fn *main, void *arg)
{
	h->stack = rondo__stack_get(&h->sim->stacks, HOST_STACK_SIZE);
	BUG_ON(!h->stack);
	h->main = main;
	h->arg = arg;
	h->ended = false;
	h->loop = NULL;
	h->ready_tail = 0;
	h->n_turns = 0;
	h->n_boots++;
	rondo__context_init(&h->ctx, h->stack->base, h->stack, host_main, h);
	san_context_on_stack(&h->ctx.san, &h->stack->san);
	h->state = SIM_HOST_READY;
	rondo__sim_note(h->sim, "boot", h->id, h->n_boots);
}

void rondo__sim_host_off(struct sim_host *h)
{
	h->state = SIM_HOST_OFF;
	rondo__sim_unschedule(h->sim, &h->wait_end);
	h->waits_on = NULL;
	if (h->loop)
		rondo__loop_abandon(h->loop);
	h->loop = NULL;
	rondo__sim_rings_drop(h);
	rondo__sim_fd_close_all(h);
	rondo__sim_net_host_off(h->sim, h);
	rondo__sim_process_host_off(h);
	memset(&h->signals, 0, sizeof(h->signals));
	free(h->signal_table);
	h->signal_table = NULL;
	if (h->stack)
		rondo__stack_put(&h->sim->stacks, h->stack);
	h->stack = NULL;
}

/* Off, and the disk forgets what was not synced. */
void rondo__sim_host_crash(struct sim_host *h)
{
	h->cut = false;
	rondo__sim_note(h->sim, "power cut", h->id, 0);
	rondo__sim_trace(h->sim, "%s: power cut", h->name);
	rondo__sim_host_off(h);
	rondo__sim_disk_crash(h->sim, h->disk);
}

/* By a signal. The disk is there, and so are the others. */
void rondo__sim_host_dies(struct sim_host *h)
{
	h->killed = false;
	rondo__sim_trace(h->sim, "%s: killed by a signal", h->name);
	rondo__sim_note(h->sim, "killed", h->id, 0);
	if (!h->child)
		rondo__sim_host_off(h);
	else
		h->state = SIM_HOST_OFF;	/* the rest when it exits */
}

void rondo__sim_host_free(struct sim_host *h)
{
	rondo__sim_host_off(h);
	rondo__sim_disk_free(h->disk);
	free(h);
}

void rondo__sim_host_poke(struct sim_host *h)
{
	if (h->state != SIM_HOST_WAITING || !rondo__sim_ring_satisfies(h->waits_on, h->wait_n))
		return;
	rondo__sim_unschedule(h->sim, &h->wait_end);
	h->state = SIM_HOST_READY;
}

/* --- taking turns ---------------------------------------------------------------------------- */

static void enter_host(struct sim *s, struct sim_host *h)
{
	s->running = h;
	loop_make_current(h->loop);
	san_thread_runs_on(h->stack->base, h->stack);
	rondo__switch(&s->ctx, &h->ctx);
	san_thread_runs_on(NULL, NULL);
	h->loop = rondo__loop;
	loop_make_current(NULL);
	s->running = NULL;
	if (h->cut)
		rondo__sim_host_crash(h);
	if (h->killed)
		rondo__sim_host_dies(h);
}

void rondo__sim_world_switch(struct sim_host *h)
{
	rondo__switch(&h->ctx, &h->sim->ctx);
}

_Noreturn void rondo__sim_world_leave(struct sim *s)
{
	rondo__switch_last(&s->running->ctx, &s->ctx);
}

/* One of those that can run; now and then it stands still instead. */
static struct sim_host *pick_host(struct sim *s)
{
	struct sim_host *ready[SIM_HOSTS_MAX], *h;
	unsigned n = 0;

	for (unsigned i = 0; i < s->n_hosts; i++)
		if (s->hosts[i]->state == SIM_HOST_READY)
			ready[n++] = s->hosts[i];
	if (!n)
		return NULL;
	h = ready[n > 1 ? rondo__sim_below(s, SIM_SCHEDULE, n) : 0];
	if (!rondo__sim_fault(s, SIM_FAULT_HOST_FROZEN))
		return h;
	h->state = SIM_HOST_FROZEN;
	rondo__sim_schedule(s, &h->wait_end, rondo__sim_log(s, SIM_CLOCK, 1000000, 20000000000));
	return pick_host(s);
}

/* Who waits for what, as much of it as there is room for. */
struct waiters {
	char text[320];
	size_t n;
};

static int add_waiter(rondo_task *t, void *arg)
{
	struct waiters *w = arg;
	char what[96];

	rondo_task_describe(t, what, sizeof(what));
	if (w->n < sizeof(w->text) - 1)
		w->n += (size_t)snprintf(w->text + w->n, sizeof(w->text) - w->n, "; %s waits for %s",
					 rondo_task_name(t), what);
	return 0;
}

static void list_waiters(struct sim *s, struct waiters *w)
{
	for (unsigned i = 0; i < s->n_hosts; i++) {
		loop_make_current(s->hosts[i]->loop);
		rondo_all_tasks(add_waiter, w);
	}
	loop_make_current(NULL);
}

static void stuck(struct sim *s)
{
	struct waiters w = { 0 };
	uint64_t limit = s->options.faults_ns + s->options.end_ns;

	list_waiters(s, &w);
	if (next_event(s))
		rondo__sim_fail(s, "P5", "not at an end %llu s (virtual) after the last fault%s",
				(unsigned long long)((limit - s->options.faults_ns) / 1000000000),
				w.text);
	else
		rondo__sim_fail(s, "P5", "every host waits, and nothing will ever happen%s", w.text);
}

void rondo__sim_world_run(struct sim *s)
{
	while (!s->failed && !s->hosts[0]->ended) {
		struct sim_host *h = pick_host(s);

		if (h)
			enter_host(s, h);
		else if (wait_for_event(s))
			continue;
		else if (s->hosts[0]->state == SIM_HOST_OFF)
			return;			/* its power was cut, and nobody restarts it */
		else
			stuck(s);
	}
}
