/* SPDX-License-Identifier: MIT */
/* run.c - rondo_sim_run, and what a simulated program can do to its world. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "loop/loop.h"
#include "random/entropy.h"
#include "rondo/random.h"
#include "sim/ops.h"
#include "sim/world.h"

#define FAULTS_NS UINT64_C(10000000000)
#define END_NS UINT64_C(3600000000000)

enum { DRIFT_PPM_LIMIT = 100000 };

static int entropy(void *buf, size_t size)
{
	unsigned char *p = buf;

	for (size_t i = 0; i < size; i++)
		p[i] = (unsigned char)rondo__sim_random(rondo__sim, SIM_ENTROPY);
	return 0;
}

static struct sim *make(const struct rondo_sim_options *o)
{
	struct sim *s = rondo__sim_alloc(sizeof(*s));

	s->options = *o;
	if (!s->options.faults_ns)
		s->options.faults_ns = FAULTS_NS;
	if (!s->options.end_ns)
		s->options.end_ns = END_NS;
	if (s->options.no_faults)
		s->options.faults_ns = 0;
	rondo__stack_pool_init(&s->stacks);
	rondo__context_of_thread(&s->ctx);
	rondo__sim_faults_draw(s);
	rondo__sim_profile_draw(s);
	s->now_ns = 1000000000 + rondo__sim_below(s, SIM_CLOCK, 1000000000);
	s->options.faults_ns += s->options.faults_ns < INT64_MAX ? s->now_ns : 0;
	s->net = rondo__sim_net_make(s);
	return s;
}

static void tell_stats(const struct sim *s)
{
	struct rondo_sim_stats *stats = s->options.stats;

	if (!stats)
		return;
	*stats = (struct rondo_sim_stats){
		.hash = s->hash, .time_ns = s->now_ns, .n_events = s->n_notes,
		.n_requests = s->n_requests, .n_cqes = s->n_cqes, .n_faults = s->faults.n_all,
	};
	for (unsigned i = 0; i < SIM_N_FAULTS && i < RONDO_SIM_FAULT_KINDS; i++)
		stats->n_by_fault[i] = s->faults.n_happened[i];
}

static void destroy(struct sim *s)
{
	for (unsigned i = 0; i < s->n_hosts; i++)
		rondo__sim_host_off(s->hosts[i]);
	for (unsigned i = 0; i < s->n_hosts; i++)
		rondo__sim_host_free(s->hosts[i]);
	rondo__sim_net_free(s->net);
	rondo__heap_free(&s->events);
	rondo__stack_pool_free(&s->stacks);
	free(s);
}

static int run(struct sim *s, rondo_fn *main, void *arg)
{
	struct sim_host *first = rondo__sim_host_make(s, "host-1");
	sigset_t signals;
	int ret;

	pthread_sigmask(SIG_SETMASK, NULL, &signals);
	ret = rondo__sim_host_boot(first, main, arg);
	if (ret == 0)
		rondo__sim_world_run(s);
	if (ret == 0)
		ret = s->failed ? -EFAULT : first->ended ? first->result : -ECONNABORTED;
	tell_stats(s);
	destroy(s);
	/* A loop that was abandoned has not put it back. */
	pthread_sigmask(SIG_SETMASK, &signals, NULL);
	return ret;
}

int rondo_sim_run(const struct rondo_sim_options *options, rondo_fn *main, void *arg)
{
	static const struct rondo_sim_options defaults;
	const struct rondo_sim_options *o = options ? options : &defaults;
	rondo__entropy_fn *old_entropy = rondo__random_entropy;
	int ret;

	if (rondo__sim || rondo__loop)
		return -EBUSY;
	if (!rondo__sim_faults_known(o->only_faults) || o->wall_drift_ppm > DRIFT_PPM_LIMIT)
		return -EINVAL;
	rondo__sim = make(o);
	rondo__random_entropy = entropy;
	(void)rondo_random_seed_entropy();
	ret = run(rondo__sim, main, arg);
	rondo__sim = NULL;
	rondo__random_entropy = old_entropy;
	(void)rondo_random_seed_entropy();
	return ret;
}

/* --- from inside ----------------------------------------------------------------------------- */

int rondo_sim_fail(const char *format, ...)
{
	char text[256];
	va_list args;

	if (rondo__sim) {
		va_start(args, format);
		vsnprintf(text, sizeof(text), format, args);
		va_end(args);
		rondo__sim_fail(rondo__sim, "user", "%s", text);
	}
	return -EFAULT;
}

uint64_t rondo_sim_random(void)
{
	return rondo__sim ? rondo__sim_random(rondo__sim, SIM_USER) : 0;
}

static struct sim_host *host_by_number(int host)
{
	struct sim *s = rondo__sim;

	return s && host >= 1 && (unsigned)host <= s->n_hosts ? s->hosts[host - 1] : NULL;
}

int rondo_sim_start_host(const char *name, rondo_fn *main, void *arg)
{
	struct sim_host *h;

	if (!rondo__sim)
		return -EINVAL;
	h = rondo__sim_host_make(rondo__sim, name);
	if (!h)
		return -EMFILE;
	return rondo__sim_host_boot(h, main, arg) < 0 ? -EINVAL : (int)h->id;
}

int rondo_sim_cut_power(int host)
{
	struct sim_host *h = host_by_number(host);

	if (!h || h->state == SIM_HOST_OFF)
		return -EINVAL;
	if (h != h->sim->running) {
		rondo__sim_host_crash(h);
		return 0;
	}
	h->cut = true;
	rondo__sim_world_leave(h->sim);
}

int rondo_sim_restart_host(int host, rondo_fn *main, void *arg)
{
	struct sim_host *h = host_by_number(host);

	return h ? rondo__sim_host_boot(h, main, arg) : -EINVAL;
}

bool rondo_sim_host_result(int host, int *result)
{
	const struct sim_host *h = host_by_number(host);

	if (!h || !h->ended)
		return false;
	*result = h->result;
	return true;
}

int rondo_sim_set_partition(int host, int other, bool cut)
{
	struct sim_host *a = host_by_number(host), *b = host_by_number(other);

	return a && b ? rondo__sim_net_partition(rondo__sim, a, b, cut) : -EINVAL;
}

int rondo_sim_start_child(int exit_status, uint64_t delay_ns)
{
	if (!rondo__sim || !rondo__sim->running)
		return -EINVAL;
	return rondo__sim_process_start(rondo__sim->running, exit_status, delay_ns);
}

const char *rondo_sim_fault_name(unsigned kind)
{
	return kind < SIM_N_FAULTS ? rondo__sim_fault_names[kind] : NULL;
}
