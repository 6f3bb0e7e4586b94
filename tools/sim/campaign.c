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
	SLOW_MACHINE = 20,		/* times slower in real time, at most */
};

struct job {
	pid_t pid;
	atomic_uint_least64_t seed;	/* being run */
	atomic_uint_least64_t since_s, since_cpu_s;	/* by the real clock, and of CPU time */
	uint64_t n_failed, n_requests, n_faults, n_virtual_s;
	uint64_t n_by_fault[RONDO_SIM_FAULT_KINDS];
};

/* Between the parent and its jobs. */
struct shared {
	atomic_uint_least64_t n_started;
	atomic_uint n_shown;
	struct job jobs[JOBS_MAX];
};

static double clock_s(clockid_t clock)
{
	struct timespec ts;

	return clock_gettime(clock, &ts) < 0 ? 0 : (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double now_s(void)
{
	return clock_s(CLOCK_MONOTONIC);
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
		atomic_store(&j->since_cpu_s, (uint64_t)clock_s(CLOCK_PROCESS_CPUTIME_ID));
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

static int start_job(const struct campaign *c, struct shared *shared, struct job *j)
{
	pid_t pid;

	fflush(NULL);
	atomic_store(&j->since_s, (uint64_t)now_s());
	atomic_store(&j->since_cpu_s, 0);
	pid = fork();
	if (pid != 0) {
		j->pid = pid;
		return pid < 0 ? -errno : 0;
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
static int bury(const struct campaign *c, struct shared *shared, struct job *j, int status)
{
	struct trial t = { .workload = c->workload, .seed = atomic_load(&j->seed) };
	struct outcome o = { .failed = true };

	snprintf(o.property, sizeof(o.property), "crash");
	snprintf(o.text, sizeof(o.text), "%s",
		 !WIFSIGNALED(status) ? "a checker ended the process" :
		 WTERMSIG(status) == SIGKILL ? "it went on for too long" :
					       strsignal(WTERMSIG(status)));
	j->n_failed++;
	show(shared, &t, &o);
	if (c->first_failure)
		atomic_store(&shared->n_started, c->n_seeds);
	return start_job(c, shared, j);
}

/* What hangs either uses CPU time, and it is that which counts, so that no seed hangs because others use
 * this machine, too; or it sleeps. */
static bool is_hung(const struct campaign *c, const struct job *j)
{
	clockid_t clock;
	double cpu_s = clock_getcpuclockid(j->pid, &clock) == 0 ? clock_s(clock) : 0;

	return (uint64_t)cpu_s > atomic_load(&j->since_cpu_s) + c->hang_s ||
	       (uint64_t)now_s() > atomic_load(&j->since_s) + (uint64_t)SLOW_MACHINE * c->hang_s;
}

static void kill_jobs(const struct campaign *c, struct shared *shared, bool all)
{
	for (unsigned i = 0; i < c->n_jobs; i++)
		if (shared->jobs[i].pid > 0 && (all || is_hung(c, &shared->jobs[i])))
			kill(shared->jobs[i].pid, SIGKILL);
}

/* Returns 0, or an error: not all could be run. */
static int wait_for_jobs(const struct campaign *c, struct shared *shared)
{
	const struct timespec tick = { .tv_nsec = 20000000 };
	unsigned n_left = c->n_jobs;
	int ret = 0;

	while (n_left && ret == 0) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);
		struct job *j = pid > 0 ? job_of(shared, c->n_jobs, pid) : NULL;

		if (pid < 0 && errno == ECHILD)
			return -ECHILD;
		if (!j) {
			kill_jobs(c, shared, false);
			nanosleep(&tick, NULL);
		} else if (status != 0) {
			ret = bury(c, shared, j, status);
		} else {
			j->pid = 0;
			n_left--;
		}
	}
	return ret;
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
	int ret = 0;

	if (shared == MAP_FAILED)
		return -errno;
	if (c->n_jobs > JOBS_MAX)
		c->n_jobs = JOBS_MAX;
	for (unsigned i = 0; i < c->n_jobs && ret == 0; i++)
		ret = start_job(c, shared, &shared->jobs[i]);
	if (ret == 0)
		ret = wait_for_jobs(c, shared);
	if (ret < 0)
		kill_jobs(c, shared, true);
	while (ret < 0 && wait(NULL) > 0)
		;
	sum_up(c, shared);
	c->seconds = now_s() - start;
	munmap(shared, sizeof(*shared));
	return ret;
}
