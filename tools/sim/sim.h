/* SPDX-License-Identifier: MIT */
/* sim.h - what the parts of `rondo sim` share: workloads, one run of one, campaigns, shrinking. */
#ifndef RONDO_TOOLS_SIM_H
#define RONDO_TOOLS_SIM_H

#include <rondo_sim.h>
#include <stdio.h>

/* What a workload's main gets. */
struct workload_run {
	unsigned n_tasks;		/* how much of it; shrinking makes it less */
};

/* A program that checks itself, by rondo_sim_fail() or by returning an error. */
struct workload {
	const char *name, *what;
	rondo_fn *main;			/* its argument is a struct workload_run */
	unsigned n_tasks;		/* unless the caller says otherwise */
	/* Optional: what it needs of the simulation. */
	void (*configure)(struct rondo_sim_options *o);
};

extern const struct workload workload_channels, workload_copy, workload_races, workload_echo,
	workload_lines, workload_locks, workload_server, workload_spin, workload_tour, workload_tree;

/* One run. */
struct trial {
	const struct workload *workload;
	uint64_t seed;
	unsigned n_tasks;
	const char *only_faults;
	uint64_t until_event;
	const uint64_t *masked;		/* serials of faults that are left out, ascending */
	size_t n_masked;
	FILE *trace;			/* NULL: none */
};

/* What became of it; plain memory, so that a child can leave it to its parent. */
struct outcome {
	bool failed;
	int result;
	char property[16];
	char text[256];
	char host[32], task[40];
	uint64_t event, time_ns, n_faults;
	struct rondo_sim_stats stats;
};

void sim_run_trial(const struct trial *t, struct outcome *o);
/* The same in a child, so that a crash or a hang of the engine is an outcome, too. */
void sim_fork_trial(const struct trial *t, struct outcome *o);
void sim_print_failure(const struct trial *t, const struct outcome *o);

struct campaign {
	const struct workload *workload;
	uint64_t first, n_seeds;
	unsigned n_jobs, n_tasks;
	unsigned hang_s;		/* real seconds after which a seed counts as hung */
	bool first_failure;		/* stop at one */
	const char *only_faults;

	/* Filled in. */
	uint64_t n_failed, n_requests, n_faults, n_virtual_s;
	uint64_t n_by_fault[RONDO_SIM_FAULT_KINDS];
	double seconds;
};

/* Run its seeds in n_jobs processes; failures are printed as they come. 0 or an error. */
int sim_run_campaign(struct campaign *c);

/* Run again with fewer tasks and faults while it fails in the same way; print what is left. */
int sim_shrink(const struct trial *t);
#endif
