/* SPDX-License-Identifier: MIT */
/* switch.c - what it costs to yield, and to create and await a task. CPU time of this thread,
 * pinned to one CPU, under SCHED_RR where that is allowed. */
#include <errno.h>
#include <rondo.h>
#include <stdlib.h>

#include "workloads.h"

enum { N_ROUNDS = 9, YIELDS = 4000000, SPAWNS = 400000, SPAWN_ALIVE = 1000 };

struct yielding {
	unsigned n_tasks;
	unsigned n_yields;		/* of each task */
	double ns;
};

static int yielder(void *arg)
{
	const struct yielding *y = arg;
	int ret = 0;

	for (unsigned i = 0; i < y->n_yields && ret == 0; i++)
		ret = rondo_yield();
	return ret;
}

static int yield_main(void *arg)
{
	struct yielding *y = arg;
	rondo_task **tasks = calloc(y->n_tasks, sizeof(*tasks));
	uint64_t start;
	int ret = 0;

	if (!tasks)
		return -ENOMEM;
	for (unsigned i = 0; i < y->n_tasks; i++)
		tasks[i] = rondo_create_task(yielder, y);
	ret = rondo_yield();		/* everybody has started: what follows is yields alone */
	start = bench_thread_cpu_ns();
	for (unsigned i = 0; i < y->n_tasks; i++)
		if (rondo_await(tasks[i]) < 0)
			ret = -ENOMEM;
	y->ns = (double)(bench_thread_cpu_ns() - start) / y->n_tasks / y->n_yields;
	free(tasks);
	return ret;
}

static int measure_yield(void *arg, double *ns)
{
	struct yielding y = { .n_tasks = *(unsigned *)arg };
	int ret;

	y.n_yields = YIELDS / y.n_tasks;
	ret = rondo_run(yield_main, &y);
	*ns = y.ns;
	return ret;
}

static int trivial(void *arg)
{
	(void)arg;
	return 0;
}

static int spawn_main(void *arg)
{
	static rondo_task *tasks[SPAWN_ALIVE];
	unsigned n_alive = *(unsigned *)arg;
	int ret = 0;

	for (unsigned done = 0; done < SPAWNS && ret >= 0; done += n_alive) {
		for (unsigned i = 0; i < n_alive; i++)
			tasks[i] = rondo_create_task(trivial, NULL);
		for (unsigned i = 0; i < n_alive && ret >= 0; i++)
			ret = rondo_await(tasks[i]);
	}
	return ret;
}

static int spawn_twice_main(void *arg)
{
	uint64_t start;
	int ret = spawn_main(arg);	/* the stacks are there now */

	start = bench_thread_cpu_ns();
	if (ret >= 0)
		ret = spawn_main(arg);
	return ret < 0 ? ret : (int)((bench_thread_cpu_ns() - start) * 1000 / SPAWNS);
}

static int measure_spawn(void *arg, double *ns)
{
	int ret = rondo_run(spawn_twice_main, arg);

	*ns = ret / 1000.0;
	return ret < 0 ? ret : 0;
}

int bench_switch(struct bench_report *report)
{
	static unsigned two = 2, many = 10000, million = 1000000;
	const struct bench_case cases[] = {
		{ "yield, 2 tasks", measure_yield, &two },
		{ "yield, 10,000 tasks", measure_yield, &many },
		{ "yield, 1,000,000 tasks", measure_yield, &million },
	};
	static const double targets[] = { 15, 35 };
	const struct bench_table t = {
		.title = "rondo_yield(), CPU time each", .unit = "ns", .cases = cases, .n_cases = 3,
		.n_rounds = N_ROUNDS, .targets = targets, .n_targets = 2,
	};

	return bench_run_table(&t, report);
}

int bench_spawn(struct bench_report *report)
{
	static unsigned one = 1, many = SPAWN_ALIVE;
	const struct bench_case cases[] = {
		{ "create + await, 1,000 alive", measure_spawn, &many },
		{ "create + await, 1 alive", measure_spawn, &one },
	};
	static const double target = 90;
	const struct bench_table t = {
		.title = "a task that returns at once, recycled stacks, CPU time each", .unit = "ns",
		.cases = cases, .n_cases = 2, .n_rounds = N_ROUNDS, .targets = &target, .n_targets = 1,
	};

	return bench_run_table(&t, report);
}
