/* SPDX-License-Identifier: MIT */
/* workloads.h - the benchmarks of rondo itself, and what they share. */
#ifndef RONDO_TOOLS_BENCH_WORKLOADS_H
#define RONDO_TOOLS_BENCH_WORKLOADS_H

#include "bench.h"

/* Each prints its figures and adds them to the report. Returns 0 or a negative error. */
int bench_switch(struct bench_report *report);
int bench_spawn(struct bench_report *report);
int bench_sleep(struct bench_report *report);
int bench_timers(struct bench_report *report);
int bench_sync(struct bench_report *report);
int bench_echo(struct bench_report *report);
int bench_stream(struct bench_report *report);
int bench_read(struct bench_report *report);

/* Measure in a forked child. Fits bench_case.run through an argument of one's own. */
int bench_in_child(int (*measure)(void *arg, double *value), void *arg, double *value);
/* Cases that are compared on one CPU, in turn, and of which less is better. */
struct bench_table {
	const char *title, *unit;
	const struct bench_case *cases;
	unsigned n_cases, n_rounds;
	const double *targets;		/* of the first n_targets; NAN: none */
	unsigned n_targets;
};

/* Measure, print and report them. Returns 0 or an error. */
int bench_run_table(const struct bench_table *t, struct bench_report *report);
/* Add a figure where less is better; target NAN: none. */
void bench_report_value(struct bench_report *report, const char *name, const char *unit,
			const struct bench_summary *value, double target);
#endif
