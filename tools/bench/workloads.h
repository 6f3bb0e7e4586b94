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
#endif
