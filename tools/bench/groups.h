/* SPDX-License-Identifier: MIT */
/* groups.h - benchmarks of tasks that are waited for together; `rondo bench sync` runs them. */
#ifndef RONDO_TOOLS_BENCH_GROUPS_H
#define RONDO_TOOLS_BENCH_GROUPS_H

#include "bench.h"

/* Prints its figures and adds them to the report. Returns 0 or a negative error. */
int bench_groups(struct bench_report *report);

#endif
