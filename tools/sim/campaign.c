/* SPDX-License-Identifier: MIT */
/* campaign.c - many seeds of one workload, in as many processes as there are CPUs. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/sim.h"

enum {
	JOBS_MAX = 64,
	FAILURES_SHOWN = 10,
	TWICE_EVERY = 50,		/* seeds: one of them is run twice, and must be the same */
};

struct job {
	pid_t pid;
	atomic_uint_least64_t seed;	/* being run */
	atomic_uint_least64_t since_s;	/* by the real clock */
	uint64_t n_failed, n_requests, n_faults, n_virtual_s;
	uint64_t n_by_fault[RONDO_SIM_FAULT_KINDS];
};

/* Between the parent and its jobs. */
struct shared {
	atomic_uint_least64_t n_started;
	atomic_uint n_shown;
	struct job jobs[JOBS_MAX];
};

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void show(struct shared *shared, const struct trial *t, const struct outcome *o)
{
	if (atomic_fetch_add(&shared->n_shown, 1) < FAILURES_SHOWN)
		sim_print_failure(t, o);
	fflush(stdout);
}

/* Once more: the same history, or something depends on more than the seed (P17). */
static void run_twice(const struct trial *t, struct outcome *o)
{
	uint64_t hash = o->stats.hash;

	sim_run_trial(t, o);
	if (o->stats.hash == hash)
		return;
	o->failed = true;
	snprintf(o->property, sizeof(o->property), "P17");
	snprintf(o->text, sizeof(o->text), "two runs of one seed differ");
}

static void add(struct job *j, const struct outcome *o)
{
	j->n_failed += o->failed;
	j->n_requests += o->stats.n_requests;
	j->n_faults += o->stats.n_faults;
	j->n_virtual_s += o->time_ns / 1000000000;
	for (unsigned i = 0; i < RONDO_SIM_FAULT_KINDS; i++)
		j->n_by_fault[i] += o->stats.n_by_fault[i];
}

static void work(const struct campaign *c, struct shared *shared, struct job *j)
{
	uint64_t i;

	while ((i = atomic_fetch_add(&shared->n_started, 1)) < c->n_seeds) {
		struct trial t = { .workload = c->workload, .seed = c->first + i,
				   .n_tasks = c->n_tasks, .only_faults = c->only_faults };
		struct outcome o;

		atomic_store(&j->seed, t.seed);
		atomic_store(&j->since_s, (uint64_t)now_s());
		sim_run_trial(&t, &o);
		if (!o.failed && t.seed % TWICE_EVERY == 0)
			run_twice(&t, &o);
		o.time_ns = o.stats.time_ns;
		add(j, &o);
		if (o.failed)
			show(shared, &t, &o);
		if (o.failed && c->first_failure)
			atomic_store(&shared->n_started, c->n_seeds);
	}
}

static void start_job(const struct campaign *c, struct shared *shared, struct job *j)
{
	pid_t pid;

	fflush(NULL);
	atomic_store(&j->since_s, (uint64_t)now_s());
	pid = fork();
	if (pid != 0) {
		j->pid = pid;
		return;
	}
	work(c, shared, j);
	fflush(stdout);
	_exit(0);
}

static struct job *job_of(struct shared *shared, unsigned n_jobs, pid_t pid)
{
	for (unsigned i = 0; i < n_jobs; i++)
		if (shared->jobs[i].pid == pid)
			return &shared->jobs[i];
	return NULL;
}

/* A job died in the middle of a seed: that seed has failed, and the rest is still to be run. */
static void bury(const struct campaign *c, struct shared *shared, struct job *j, int status)
{
	struct trial t = { .workload = c->workload, .seed = atomic_load(&j->seed) };
	struct outcome o = { .failed = true };

	snprintf(o.property, sizeof(o.property), "crash");
	snprintf(o.text, sizeof(o.text), "%s",
		 !WIFSIGNALED(status) ? "a checker ended the process" :
		 WTERMSIG(status) == SIGKILL ? "it went on for too long in real time" :
					       strsignal(WTERMSIG(status)));
	j->n_failed++;
	show(shared, &t, &o);
	if (c->first_failure)
		atomic_store(&shared->n_started, c->n_seeds);
	start_job(c, shared, j);
}

static void kill_hung(const struct campaign *c, struct shared *shared)
{
	for (unsigned i = 0; i < c->n_jobs; i++)
		if (shared->jobs[i].pid > 0 &&
		    (uint64_t)now_s() > atomic_load(&shared->jobs[i].since_s) + c->hang_s)
			kill(shared->jobs[i].pid, SIGKILL);
}

static void wait_for_jobs(const struct campaign *c, struct shared *shared)
{
	const struct timespec tick = { .tv_nsec = 20000000 };
	unsigned n_left = c->n_jobs;

	while (n_left) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);
		struct job *j = pid > 0 ? job_of(shared, c->n_jobs, pid) : NULL;

		if (pid < 0 && errno == ECHILD)
			return;
		if (!j) {
			kill_hung(c, shared);
			nanosleep(&tick, NULL);
		} else if (status != 0) {
			bury(c, shared, j, status);
		} else {
			j->pid = 0;
			n_left--;
		}
	}
}

static void sum_up(struct campaign *c, const struct shared *shared)
{
	for (unsigned i = 0; i < c->n_jobs; i++) {
		const struct job *j = &shared->jobs[i];

		c->n_failed += j->n_failed;
		c->n_requests += j->n_requests;
		c->n_faults += j->n_faults;
		c->n_virtual_s += j->n_virtual_s;
		for (unsigned k = 0; k < RONDO_SIM_FAULT_KINDS; k++)
			c->n_by_fault[k] += j->n_by_fault[k];
	}
}

int sim_run_campaign(struct campaign *c)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double start = now_s();

	if (shared == MAP_FAILED)
		return -errno;
	if (c->n_jobs > JOBS_MAX)
		c->n_jobs = JOBS_MAX;
	for (unsigned i = 0; i < c->n_jobs; i++)
		start_job(c, shared, &shared->jobs[i]);
	wait_for_jobs(c, shared);
	sum_up(c, shared);
	c->seconds = now_s() - start;
	munmap(shared, sizeof(*shared));
	return 0;
}
