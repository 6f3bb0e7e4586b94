/* SPDX-License-Identifier: MIT */
/* sleep.c - a million sleeping tasks: memory, CPU time, cancelling; and the three timer modes. Each
 * measurement has a process of its own, so that none inherits another's memory. */
#include <errno.h>
#include <math.h>
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "workloads.h"

enum { MILLION = 1000000, N_ROUNDS = 3, N_TIMERS = 30000 };

static double rss_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long size, resident = 0;

	if (f && fscanf(f, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static int sleep_long(void *arg)
{
	(void)arg;
	return rondo_sleep(10000);
}

static int sleep_random(void *arg)
{
	(void)arg;
	return rondo_sleep(rondo_random_uniform(0.1, 1.0));
}

static int yield_once(void *arg)
{
	(void)arg;
	return rondo_yield();
}

static rondo_task **start(unsigned n, rondo_fn *fn)
{
	rondo_task **tasks = malloc(n * sizeof(*tasks));

	for (unsigned i = 0; tasks && i < n; i++)
		tasks[i] = rondo_create_task(fn, NULL);
	return tasks;
}

/* Bytes of memory per sleeping task, everything included. */
static int memory_main(void *arg)
{
	double before = rss_bytes();
	rondo_task **tasks = start(MILLION, sleep_long);
	int ret = tasks ? rondo_yield() : -ENOMEM;

	if (ret == 0)
		ret = rondo_yield();
	/* The array of handles is the benchmark's, not the task's. */
	*(double *)arg = (rss_bytes() - before) / MILLION - sizeof(*tasks);
	free(tasks);
	return ret;
}

static int measure_memory(void *arg, double *value)
{
	(void)arg;
	return rondo_run(memory_main, value);
}

struct cancelling {
	bool shuffled;
	double ns;
};

static int cancel_main(void *arg)
{
	struct cancelling *c = arg;
	rondo_task **tasks = start(MILLION, sleep_long);
	int ret = tasks ? rondo_yield() : -ENOMEM;
	uint64_t begin;

	if (ret < 0)
		return ret;
	if (c->shuffled)
		rondo_random_shuffle_n(tasks, MILLION, sizeof(*tasks));
	begin = bench_thread_cpu_ns();
	for (unsigned i = 0; i < MILLION; i++)
		rondo_cancel(tasks[i]);
	c->ns = (double)(bench_thread_cpu_ns() - begin) / MILLION;
	for (unsigned i = 0; i < MILLION; i++)
		if (rondo_await(tasks[i]) != -ECANCELED)
			ret = -EIO;
	free(tasks);
	return ret;
}

static int measure_cancel(void *arg, double *value)
{
	struct cancelling c = { .shuffled = arg };
	int ret = rondo_run(cancel_main, &c);

	*value = c.ns;
	return ret;
}

static int run_all_main(void *arg)
{
	rondo_fn **fn = arg;
	rondo_task **tasks = start(MILLION, *fn);
	int ret = 0;

	if (!tasks)
		return -ENOMEM;
	for (unsigned i = 0; i < MILLION; i++)
		if (rondo_await(tasks[i]) < 0)
			ret = -EIO;
	free(tasks);
	return ret;
}

/* CPU seconds of a whole run, the kernel's share included. */
static int measure_cpu(void *arg, double *value)
{
	rondo_fn *fn = arg ? yield_once : sleep_random;
	uint64_t begin = bench_process_cpu_ns();
	int ret = rondo_run(run_all_main, &fn);

	*value = (double)(bench_process_cpu_ns() - begin) / 1e9;
	return ret;
}

struct in_child {
	int (*measure)(void *arg, double *value);
	void *arg;
};

static int measure_in_child(void *arg, double *value)
{
	struct in_child *c = arg;

	return bench_in_child(c->measure, c->arg, value);
}

static void report_difference(struct bench_report *report, double values[][BENCH_MAX_ROUNDS])
{
	double difference[BENCH_MAX_ROUNDS];
	struct bench_summary s;

	for (int i = 0; i < N_ROUNDS; i++)
		difference[i] = values[0][i] - values[1][i];
	s = bench_summarize(difference, N_ROUNDS);
	bench_report_value(report, "1 M sleeps of 0.1-1.0 s beyond spawning", "CPU-s", &s, 2.5);
}

static int sleep_cpu(struct bench_report *report)
{
	double values[2][BENCH_MAX_ROUNDS];
	static const char spawn_only;

	for (int round = 0; round < N_ROUNDS; round++)
		for (int i = 0; i < 2; i++) {
			int ret = bench_in_child(measure_cpu, i ? (void *)(uintptr_t)&spawn_only : NULL,
						 &values[i][round]);

			if (ret < 0)
				return ret;
		}
	report_difference(report, values);
	return 0;
}

static int measure_rounds(struct in_child *c, const char *name, const char *unit, double target,
			  struct bench_report *report)
{
	double values[BENCH_MAX_ROUNDS];
	struct bench_summary s;

	for (int i = 0; i < N_ROUNDS; i++) {
		int ret = measure_in_child(c, &values[i]);

		if (ret < 0)
			return ret;
	}
	s = bench_summarize(values, N_ROUNDS);
	bench_report_value(report, name, unit, &s, target);
	return 0;
}

int bench_sleep(struct bench_report *report)
{
	static char yes;
	struct in_child memory = { measure_memory, NULL }, in_order = { measure_cancel, NULL },
			shuffled = { measure_cancel, &yes };
	struct bench_pin pin;
	int ret;

	ret = measure_rounds(&memory, "memory of a sleeping task, of 1 M", "bytes", 4.7 * 1024, report);
	if (ret == 0)
		ret = sleep_cpu(report);
	if (ret < 0 || (ret = bench_pin_begin(&pin)) < 0)
		return ret;
	ret = measure_rounds(&in_order, "cancel one of 1 M sleeps, in order", "ns", 100, report);
	if (ret == 0)
		ret = measure_rounds(&shuffled, "cancel one of 1 M sleeps, shuffled", "ns", NAN, report);
	bench_pin_end(&pin);
	return ret;
}

/* --- timers ---------------------------------------------------------------------------------- */

static int sleep_short(void *arg)
{
	int ret = 0;

	(void)arg;
	for (int i = 0; i < 10 && ret == 0; i++)
		ret = rondo_sleep(rondo_random_uniform(0.01, 0.1));
	return ret;
}

static int timers_main(void *arg)
{
	rondo_task **tasks = start(N_TIMERS / 10, sleep_short);
	int ret = tasks ? rondo_gather(N_TIMERS / 10, tasks, NULL, 0) : -ENOMEM;

	(void)arg;
	free(tasks);
	return ret;
}

static int measure_timers(void *arg, double *us)
{
	const struct rondo_options options = { .timers = *(enum rondo_timers *)arg };
	uint64_t begin = bench_process_cpu_ns();
	int ret = rondo_run_with(&options, timers_main, NULL);

	*us = (double)(bench_process_cpu_ns() - begin) / 1e3 / N_TIMERS;
	return ret;
}

int bench_timers(struct bench_report *report)
{
	static enum rondo_timers modes[] = { RONDO_TIMERS_COALESCED, RONDO_TIMERS_WAIT,
					     RONDO_TIMERS_SQE };
	const struct bench_case cases[] = {
		{ "COALESCED: one TIMEOUT, the earliest", measure_timers, &modes[0] },
		{ "WAIT: the deadline of io_uring_enter", measure_timers, &modes[1] },
		{ "SQE: one TIMEOUT per sleep", measure_timers, &modes[2] },
	};
	struct bench_outcome outcomes[3];
	int ret = bench_compare(cases, 3, 7, outcomes);

	if (ret < 0)
		return ret;
	bench_compare_print("30,000 sleeps of 10-100 ms by 3,000 tasks, CPU time each", "us", cases,
			    outcomes, 3);
	for (int i = 0; i < 3; i++)
		bench_report_value(report, cases[i].name, "us", &outcomes[i].value, NAN);
	return 0;
}
