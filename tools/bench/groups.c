/* SPDX-License-Identifier: MIT */
/* groups.c - what it costs to wait for many tasks at once: gather, and a task group that ends by
 * cancelling its children. */
#include "groups.h"


#include "asyncio.h"
#include "peers.h"
#include "rondo.h"
#include "workloads.h"

enum {
	N_ROUNDS = 9,
	N_GATHERED = 1000,
	N_GATHERS = 300,
	N_CHILDREN = 100000,
};

static int trivial(void *arg)
{
	(void)arg;
	return 0;
}

/* --- gather ---------------------------------------------------------------------------------- */

struct gathering {
	bool with_creation;
	uint64_t cpu_ns;
};

static int gather_once(struct gathering *g)
{
	static rondo_task *tasks[N_GATHERED];
	uint64_t begin = bench_thread_cpu_ns();
	int ret;

	for (unsigned i = 0; i < N_GATHERED; i++)
		tasks[i] = rondo_create_task(trivial, NULL);
	if (!g->with_creation)
		begin = bench_thread_cpu_ns();
	ret = rondo_gather(N_GATHERED, tasks, NULL, 0);
	g->cpu_ns += bench_thread_cpu_ns() - begin;
	return ret;
}

static int gather_main(void *arg)
{
	struct gathering *g = arg;
	int ret = gather_once(g);	/* the stacks are there now */

	g->cpu_ns = 0;
	for (unsigned i = 0; i < N_GATHERS && ret == 0; i++)
		ret = gather_once(g);
	return ret;
}

static int measure_gather(void *arg, double *ns)
{
	struct gathering g = { .with_creation = *(bool *)arg };
	int ret = rondo_run(gather_main, &g);

	*ns = (double)g.cpu_ns / N_GATHERS / N_GATHERED;
	return ret;
}

/* --- a group that is cancelled --------------------------------------------------------------- */

struct cancelling {
	rondo_fn *child;
	uint64_t cpu_ns;
};

static int sleep_long(void *arg)
{
	(void)arg;
	return rondo_sleep(3600);
}

static int wait_for_future(void *arg)
{
	return rondo_future_await(arg);
}

static int cancel_children(struct rondo_task_group *group, struct cancelling *c)
{
	struct rondo_future never;
	int ret = 0;

	rondo_future_init(&never);
	for (unsigned i = 0; i < N_CHILDREN && ret == 0; i++)
		ret = rondo_task_group_spawn(group, c->child, &never);
	if (ret == 0)
		ret = rondo_yield();	/* all are parked now */
	c->cpu_ns = bench_thread_cpu_ns();
	rondo_task_group_cancel(group);
	return rondo_task_group_end(group, ret);
}

static int cancel_main(void *arg)
{
	struct cancelling *c = arg;
	struct rondo_task_group group;
	int ret = rondo_task_group_begin(&group);

	if (ret == 0)
		ret = cancel_children(&group, c);
	c->cpu_ns = bench_thread_cpu_ns() - c->cpu_ns;
	return ret;
}

static int measure_cancel(void *arg, double *ms)
{
	struct cancelling c = { .child = *(rondo_fn **)arg };
	int ret = rondo_run(cancel_main, &c);

	*ms = (double)c.cpu_ns / 1e6;
	return ret;
}

/* --------------------------------------------------------------------------------------------- */

int bench_groups(struct bench_report *report)
{
	static bool without = false, with = true;
	static rondo_fn *sleeps = sleep_long, *waits = wait_for_future;
	struct bench_case gathers[] = {
		{ "gather 1,000 ready tasks", measure_gather, &without },
		{ "create and gather 1,000 tasks", measure_gather, &with },
		BENCH_ASYNCIO("gather 1,000 tasks", "gather"),
		BENCH_GO("start and wait for 1,000 goroutines", "gather"),
	};
	struct bench_case cancels[] = {
		{ "cancel a group of 100,000 sleepers", measure_cancel, &sleeps },
		{ "cancel a group of 100,000 that await", measure_cancel, &waits },
		BENCH_ASYNCIO_GROUPS("cancel a group of 100,000 sleepers", "group"),
		BENCH_GO("cancel a context of 100,000 goroutines", "group"),
	};
	static const double gather_target = 120, cancel_target = 50;
	const struct bench_table gather_table = {
		.title = "rondo_gather(), CPU time for each task", .unit = "ns", .cases = gathers,
		.n_cases = bench_drop_absent(gathers, 4), .n_rounds = N_ROUNDS,
		.targets = &gather_target, .n_targets = 1,
	};
	const struct bench_table cancel_table = {
		.title = "a task group whose children are all cancelled, CPU time until its end",
		.unit = "ms", .cases = cancels, .n_cases = bench_drop_absent(cancels, 4),
		.n_rounds = N_ROUNDS, .targets = &cancel_target, .n_targets = 1,
	};
	int ret = bench_run_table(&gather_table, report);

	return ret < 0 ? ret : bench_run_table(&cancel_table, report);
}
