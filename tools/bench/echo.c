/* SPDX-License-Identifier: MIT */
/* echo.c - `rondo echo` against hand-written io_uring loops: CPU of the server per CPU of the
 * client. */
#include <math.h>
#include <rondo.h>
#include <stdio.h>
#include <unistd.h>

#include "echo.h"
#include "workloads.h"

enum { N_SERVERS = 4, N_COUNTS = 2, N_ROUNDS = 7 };

struct rondo_server {
	int listen_fd;
	uint64_t *n_enters;
};

static int server_main(void *arg)
{
	const struct rondo_server *s = arg;

	return echo_serve(s->listen_fd, s->n_enters);
}

static int serve(int listen_fd, void *ctx)
{
	struct rondo_server s = { listen_fd, ctx };

	return rondo_run(server_main, &s);
}

static void report_cell(struct bench_report *report, const char *what, unsigned n_connections,
			const struct bench_summary *value, double target)
{
	char name[96];

	snprintf(name, sizeof(name), "echo 64 B, %u connection%s: %s", n_connections,
		 n_connections == 1 ? "" : "s", what);
	bench_report_value(report, name, "", value, target);
}

int bench_echo(struct bench_report *report)
{
	static const unsigned counts[N_COUNTS] = { 1, 50 };
	static const double enter_targets[N_COUNTS] = { 1.1, 0.06 };
	static const double cpu_targets[N_COUNTS] = { NAN, 1.08 };
	struct raw_echo_options raw[] = {
		{ .mode = RAW_ECHO_MSINC, .stop_fd = -1, .n_enters = bench_shared_alloc(8) },
		{ .mode = RAW_ECHO_MSSKIP, .stop_fd = -1, .n_enters = bench_shared_alloc(8) },
		{ .mode = RAW_ECHO_OS, .stop_fd = -1, .n_enters = bench_shared_alloc(8) },
	};
	uint64_t *n_enters = bench_shared_alloc(8);
	const struct bench_echo_entry servers[N_SERVERS] = {
		{ "raw ring, multishot, inline send", raw_echo_serve, &raw[0], raw[0].n_enters },
		{ "raw ring, multishot, send SQE", raw_echo_serve, &raw[1], raw[1].n_enters },
		{ "raw ring, one-shot", raw_echo_serve, &raw[2], raw[2].n_enters },
		{ "rondo echo", serve, n_enters, n_enters },
	};
	const struct bench_echo_options options = {
		.connections = counts, .n_connections = N_COUNTS, .n_rounds = N_ROUNDS,
		.message_bytes = 64, .warmup_s = 0.1, .window_s = 0.4,
	};
	struct bench_echo_cell cells[N_COUNTS * N_SERVERS];
	int ret = bench_echo_compare(servers, N_SERVERS, &options, cells);

	for (unsigned c = 0; ret == 0 && c < N_COUNTS; c++) {
		const struct bench_echo_cell *ours = &cells[c * N_SERVERS + N_SERVERS - 1];

		report_cell(report, "server CPU, x raw (inline send)", counts[c], &ours->vs_first,
			    cpu_targets[c]);
		report_cell(report, "io_uring_enter per request", counts[c], &ours->enters_per_request,
			    enter_targets[c]);
	}
	return ret;
}
