/* SPDX-License-Identifier: MIT */
/* asyncio.h - python3's asyncio beside ours, where it is installed. */
#ifndef RONDO_TOOLS_BENCH_ASYNCIO_H
#define RONDO_TOOLS_BENCH_ASYNCIO_H

#include "bench.h"

/* Is there a python3 to compare with (3.8)? One with task groups (3.11)? Says so in one line if not. */
bool bench_has_asyncio(void);
bool bench_has_task_groups(void);

/* A bench_case.run: measures the function that arg, a string, names in asyncio.c. CPU time without the
 * start of the interpreter, in the unit of our own case. */
int bench_asyncio(void *arg, double *value);

/* The same, of something that needs task groups. */
int bench_asyncio_groups(void *arg, double *value);

#define BENCH_ASYNCIO(title, function) { "asyncio: " title, bench_asyncio, (char[]){ function } }
#define BENCH_ASYNCIO_GROUPS(title, function)                                                      \
	{ "asyncio: " title, bench_asyncio_groups, (char[]){ function } }

#endif
