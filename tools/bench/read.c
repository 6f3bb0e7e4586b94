/* SPDX-License-Identifier: MIT */
/* read.c - reads of 4 KiB: from the page cache against pread(2), and O_DIRECT against a raw
 * ring. */
#include <errno.h>
#include <math.h>
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>

#include "workloads.h"

enum {
	CACHED_BYTES = 256 << 20,
	DIRECT_BYTES = 1 << 30,
	CACHED_READS = 300000,
	DIRECT_READS = 60000,
	DEPTH = 32,
	CACHED_ROUNDS = 9,
	DIRECT_ROUNDS = 7,
};

struct reading {
	int fd;
	uint64_t n_blocks, n_reads;
	unsigned depth;
	char *buffers;
	uint64_t seed, n_done;
};

/* One of `depth` tasks; together they read n_reads blocks at random. */
static int reader(void *arg)
{
	struct reading *r = arg;
	unsigned me = (unsigned)(r->seed++ % r->depth);
	char *buf = r->buffers + (size_t)me * BENCH_BLOCK_BYTES;
	uint64_t state = UINT64_C(0x9E3779B97F4A7C15) * (r->seed + 1);

	while (r->n_done < r->n_reads) {
		uint64_t block = bench_pick(&state, r->n_blocks);
		ssize_t n;

		r->n_done++;
		n = rondo_pread(r->fd, buf, BENCH_BLOCK_BYTES, (int64_t)(block * BENCH_BLOCK_BYTES));
		if (n != BENCH_BLOCK_BYTES)
			return n < 0 ? (int)n : -EIO;
		if (!bench_block_is(buf, block))
			return -EILSEQ;
	}
	return 0;
}

static int readers_main(void *arg)
{
	struct reading *r = arg;
	rondo_task *tasks[DEPTH];

	for (unsigned i = 0; i < r->depth; i++)
		tasks[i] = rondo_create_task(reader, r);
	return rondo_gather(r->depth, tasks, NULL, 0);
}

/* A case: either the raw loop or ours; *value is CPU ns per read or, direct, reads per second. */
struct read_case {
	const struct bench_file *file;
	enum raw_read_mode mode;
	unsigned depth;
	bool fixed, ours, per_second;
};

static int run_raw(const struct read_case *c, uint64_t n_reads, double *value)
{
	const struct raw_read_options options = {
		.mode = c->mode, .file = c->file, .depth = c->depth, .fixed = c->fixed,
		.n_reads = n_reads,
	};
	struct raw_read_result result;
	int ret = raw_read_run(&options, &result);

	*value = c->per_second ? result.reads_per_s : result.cpu_ns_per_read;
	return ret;
}

static int run_ours(const struct read_case *c, uint64_t n_reads, double *value)
{
	struct reading r = {
		.fd = c->mode == RAW_READ_DIRECT ? c->file->direct_fd : c->file->fd,
		.n_blocks = c->file->n_blocks, .n_reads = n_reads, .depth = c->depth,
		.buffers = aligned_alloc(BENCH_BLOCK_BYTES, DEPTH * BENCH_BLOCK_BYTES),
	};
	uint64_t cpu, wall;
	int ret;

	if (!r.buffers)
		return -ENOMEM;
	cpu = bench_process_cpu_ns();
	wall = bench_now_ns();
	ret = rondo_run(readers_main, &r);
	*value = c->per_second ? (double)n_reads * 1e9 / (double)(bench_now_ns() - wall)
			       : (double)(bench_process_cpu_ns() - cpu) / (double)n_reads;
	free(r.buffers);
	return ret;
}

static int run_case(void *arg, double *value)
{
	const struct read_case *c = arg;
	uint64_t n_reads = c->mode == RAW_READ_DIRECT ? DIRECT_READS : CACHED_READS;

	return c->ours ? run_ours(c, n_reads, value) : run_raw(c, n_reads, value);
}

static void report_ratio(struct bench_report *report, const char *name,
			 const struct bench_outcome *outcome, double target, bool higher_is_better)
{
	struct bench_figure figure = {
		.name = name, .unit = "", .value = outcome->pairwise, .target = target,
		.higher_is_better = higher_is_better,
	};

	bench_report_add(report, &figure);
}

/* Rows of cached(): what the two figures are of. */
enum { ALONE = 5, MANY = 6, N_CACHED };

static int cached(struct bench_report *report)
{
	struct bench_file file;
	struct read_case c[N_CACHED] = {
		{ .mode = RAW_READ_PREAD, .depth = DEPTH }, { .mode = RAW_READ_NOWAIT, .depth = DEPTH },
		{ .mode = RAW_READ_RING, .depth = 1 }, { .mode = RAW_READ_RING, .depth = DEPTH },
		{ .mode = RAW_READ_RING, .depth = DEPTH, .fixed = true },
		{ .mode = RAW_READ_RING, .depth = 1, .ours = true },
		{ .mode = RAW_READ_RING, .depth = DEPTH, .ours = true },
	};
	static const char *const names[N_CACHED] = {
		"pread(2)", "preadv2(2), RWF_NOWAIT", "raw ring, one at a time",
		"raw ring, 32 at a time", "... file, buffers registered",
		"rondo_pread, one task", "rondo_pread, 32 tasks",
	};
	struct bench_case cases[N_CACHED];
	struct bench_outcome outcomes[N_CACHED];
	struct bench_pin pin;
	int ret = bench_file_create(&file, CACHED_BYTES);

	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < N_CACHED; i++) {
		c[i].file = &file;
		cases[i] = (struct bench_case){ names[i], run_case, &c[i] };
	}
	ret = bench_pin_begin(&pin);
	if (ret == 0) {
		ret = bench_compare(cases, N_CACHED, CACHED_ROUNDS, outcomes);
		bench_pin_end(&pin);
	}
	bench_file_close(&file);
	if (ret < 0)
		return ret;
	bench_compare_print("4 KiB from the page cache, at random, CPU time each", "ns", cases, outcomes,
			    N_CACHED);
	report_ratio(report, "cached read alone, x pread", &outcomes[ALONE], 1.35, false);
	report_ratio(report, "cached reads, 32 at a time, x pread", &outcomes[MANY], 1.0, false);
	return 0;
}

static int direct(struct bench_report *report)
{
	struct bench_file file;
	struct read_case c[] = {
		{ &file, RAW_READ_DIRECT, DEPTH, .per_second = true },
		{ &file, RAW_READ_DIRECT, DEPTH, .ours = true, .per_second = true },
	};
	const struct bench_case cases[] = {
		{ "raw ring, 32 in flight", run_case, &c[0] },
		{ "rondo_pread, 32 tasks", run_case, &c[1] },
	};
	struct bench_outcome outcomes[2];
	int ret = bench_file_create(&file, DIRECT_BYTES);

	if (ret < 0)
		return ret;
	if (file.direct_fd < 0) {
		printf("note: %s\n", file.note ? file.note : "no O_DIRECT here");
		bench_file_close(&file);
		return 0;
	}
	ret = bench_compare(cases, 2, DIRECT_ROUNDS, outcomes);
	bench_file_close(&file);
	if (ret < 0)
		return ret;
	bench_compare_print("4 KiB O_DIRECT, at random", "reads/s", cases, outcomes, 2);
	report_ratio(report, "O_DIRECT at depth 32, reads/s, x raw ring", &outcomes[1], 0.97, true);
	return 0;
}

int bench_read(struct bench_report *report)
{
	int ret = cached(report);

	return ret < 0 ? ret : direct(report);
}
