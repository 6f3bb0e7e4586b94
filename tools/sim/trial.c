/* SPDX-License-Identifier: MIT */
/* trial.c - one run of a workload under one seed. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/sim.h"

/* Real seconds; a seed takes milliseconds, and a thousand times as long under a checker. */
enum { HANG_S = 120 };

struct recorder {
	const struct trial *trial;
	struct outcome *outcome;
};

static void record(const struct rondo_sim_failure *f, void *arg)
{
	struct outcome *o = ((struct recorder *)arg)->outcome;

	o->failed = true;
	snprintf(o->property, sizeof(o->property), "%s", f->property);
	snprintf(o->text, sizeof(o->text), "%s", f->text);
	snprintf(o->host, sizeof(o->host), "%s", f->host ? f->host : "");
	snprintf(o->task, sizeof(o->task), "%s", f->task ? f->task : "");
	o->event = f->event;
	o->time_ns = f->time_ns;
	o->n_faults = f->n_faults;
}

static void trace(const char *line, void *arg)
{
	fprintf(((struct recorder *)arg)->trial->trace, "%s\n", line);
}

void sim_run_trial(const struct trial *t, struct outcome *o)
{
	struct workload_run w = { .n_tasks = t->n_tasks ? t->n_tasks : t->workload->n_tasks };
	struct recorder r = { .trial = t, .outcome = o };
	struct rondo_sim_options options = {
		.seed = t->seed, .only_faults = t->only_faults, .until_event = t->until_event,
		.masked_faults = t->masked, .n_masked_faults = t->n_masked, .check_user_data = true,
		.on_failure = record, .on_trace = t->trace ? trace : NULL, .arg = &r,
		.stats = &o->stats,
	};

	*o = (struct outcome){ 0 };
	/* Not where a model knows when an await must not wait. */
	if (t->seed % 8 == 7 && t->workload != &workload_locks)
		options.run.await_budget = 1 + (unsigned)(t->seed / 8 % 4);
	if (t->workload->configure)
		t->workload->configure(&options);
	o->result = rondo_sim_run(&options, t->workload->main, &w);
	if (o->result >= 0 || o->failed)
		return;
	o->failed = true;
	o->time_ns = o->stats.time_ns;
	o->event = o->stats.n_events;
	o->n_faults = o->stats.n_faults;
	snprintf(o->property, sizeof(o->property), "result");
	snprintf(o->text, sizeof(o->text), "main returned %d: %s", o->result,
		 rondo_strerror(o->result));
}

static void died(struct outcome *o, int status)
{
	o->failed = true;
	snprintf(o->property, sizeof(o->property), "crash");
	if (WIFSIGNALED(status))
		snprintf(o->text, sizeof(o->text), "%s",
			 WTERMSIG(status) == SIGALRM ? "it went on for too long in real time" :
						       strsignal(WTERMSIG(status)));
	else
		snprintf(o->text, sizeof(o->text), "exit status %d", WEXITSTATUS(status));
}

void sim_fork_trial(const struct trial *t, struct outcome *o)
{
	struct outcome *shared = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE,
				      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = -1;
	pid_t pid;

	*o = (struct outcome){ .result = -ENOMEM };
	if (shared == MAP_FAILED)
		return;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		alarm(HANG_S);
		sim_run_trial(t, shared);
		_exit(0);
	}
	if (pid > 0 && waitpid(pid, &status, 0) == pid) {
		*o = *shared;
		if (status != 0)
			died(o, status);
	}
	munmap(shared, sizeof(*o));
}

void sim_print_failure(const struct trial *t, const struct outcome *o)
{
	printf("SIM FAIL %s %s\n", o->property, o->text);
	printf("  workload %s  seed %llu  commit %s  event %llu  t=%llu.%09llu s\n",
	       t->workload->name, (unsigned long long)t->seed, RONDO_COMMIT,
	       (unsigned long long)o->event, (unsigned long long)(o->time_ns / 1000000000),
	       (unsigned long long)(o->time_ns % 1000000000));
	printf("  host %s  task %s  faults before: %llu\n", o->host[0] ? o->host : "-",
	       o->task[0] ? o->task : "-", (unsigned long long)o->n_faults);
	printf("  replay: rondo sim %s --seed %llu --trace\n", t->workload->name,
	       (unsigned long long)t->seed);
	printf("  shrink: rondo sim %s --seed %llu --shrink\n", t->workload->name,
	       (unsigned long long)t->seed);
}
