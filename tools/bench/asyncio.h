/* SPDX-License-Identifier: MIT */
/* asyncio.h - python3's asyncio beside ours, where it is installed. */
#ifndef RONDO_TOOLS_BENCH_ASYNCIO_H
#define RONDO_TOOLS_BENCH_ASYNCIO_H

#include "bench.h"

/* Is there a python3 whose asyncio has task groups (3.11)? Says so in one line if there is not. */
bool bench_has_asyncio(void);

/* A bench_case.run: measures the function that arg, a string, names in asyncio.c. CPU time without the
 * start of the interpreter, in the unit of our own case. */
int bench_asyncio(void *arg, double *value);

#define BENCH_ASYNCIO(title, function) { "asyncio: " title, bench_asyncio, (char[]){ function } }

#endif
