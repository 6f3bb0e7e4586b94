/* SPDX-License-Identifier: MIT */
/* bench.c - `rondo bench [NAME...] [--json F]`: pick benchmarks, run them, report. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "cli.h"
#include "workloads.h"

static const struct {
	const char *name, *what;
	int (*run)(struct bench_report *report);
} workloads[] = {
	{ "switch", "yield through the scheduler", bench_switch },
	{ "spawn", "create and await a trivial task", bench_spawn },
	{ "sleep", "a million sleepers: memory, CPU time, cancelling", bench_sleep },
	{ "timers", "the three ways to sleep (rondo_options.timers)", bench_timers },
	{ "sync", "locks and queues", bench_sync },
	{ "echo", "TCP echo against hand-written io_uring loops", bench_echo },
	{ "stream", "lines through streams, against asyncio", bench_stream },
	{ "read", "file reads against pread and a raw ring", bench_read },
};

enum { N_WORKLOADS = sizeof(workloads) / sizeof(workloads[0]) };

static int find(const char *name)
{
	for (int i = 0; i < N_WORKLOADS; i++)
		if (!strcmp(workloads[i].name, name))
			return i;
	return -1;
}

static int help(void)
{
	printf("rondo bench [NAME...] [--json F]\n\n");
	for (int i = 0; i < N_WORKLOADS; i++)
		printf("  %-8s %s\n", workloads[i].name, workloads[i].what);
	return CLI_OK;
}

static int run(int workload, struct bench_report *report)
{
	int ret;

	printf("\n== %s: %s\n", workloads[workload].name, workloads[workload].what);
	fflush(stdout);
	ret = workloads[workload].run(report);
	return ret < 0 ? cli_fail_error(workloads[workload].name, ret) : CLI_OK;
}

static int run_wanted(const bool *wanted, bool all, const char *json_path)
{
	struct bench_report report;
	int ret, status = cli_need_ring();

	if (status != CLI_OK)
		return status;
	ret = bench_report_open(&report, json_path);
	if (ret < 0)
		return cli_fail_error(json_path, ret);
	bench_print_conditions(stdout);
	for (int i = 0; i < N_WORKLOADS && status == CLI_OK; i++)
		if (all || wanted[i])
			status = run(i, &report);
	printf("\n%u figures, %u short of their target\n", report.n_figures, report.n_missed);
	ret = bench_report_close(&report);
	return ret < 0 ? cli_fail_error(json_path, ret) : status;
}

int cmd_bench(int argc, char **argv)
{
	bool wanted[N_WORKLOADS] = { false }, all = true;
	const char *json_path = NULL;

	for (int i = 1; i < argc; i++) {
		int workload = find(argv[i]);

		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return help();
		if (!strcmp(argv[i], "--json")) {
			if (++i == argc)
				return cli_usage("--json", "needs a file name");
			json_path = argv[i];
		} else if (workload < 0) {
			return cli_usage(argv[i], "no such benchmark; try `rondo bench --help`");
		} else {
			wanted[workload] = true;
			all = false;
		}
	}
	return run_wanted(wanted, all, json_path);
}

/* One loop in a child of its own, so that no benchmark inherits another's memory. */
int bench_in_child(int (*measure)(void *arg, double *value), void *arg, double *value)
{
	struct bench_child {
		int ret;
		double value;
	} *shared = bench_shared_alloc(sizeof(*shared));
	pid_t pid;

	if (!shared)
		return -ENOMEM;
	shared->ret = -ECHILD;
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		shared->ret = measure(arg, &shared->value);
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	*value = shared->value;
	return shared->ret;
}
