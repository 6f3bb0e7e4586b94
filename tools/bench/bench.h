/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what the measuring code of `rondo bench` shares.
 *
 * A figure here is always a comparison: on a busy machine the same program varies by half from one
 * minute to the next, so A and B run in turn, round after round, and the ratio is what counts.
 * harness.c has clocks, statistics, reports and child processes; load.c has the echo client that
 * every server is held against; raw_echo.c and raw_read.c are hand-written io_uring loops, the
 * limits that rondo is measured by.
 */
#ifndef RONDO_TOOLS_BENCH_BENCH_H
#define RONDO_TOOLS_BENCH_BENCH_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum {
	BENCH_MAX_CASES = 20,
	BENCH_MAX_ROUNDS = 64,
};

uint64_t bench_now_ns(void);		/* CLOCK_MONOTONIC */
uint64_t bench_thread_cpu_ns(void);
uint64_t bench_process_cpu_ns(void);

/* A small generator (xorshift64*): cheap enough to sit inside a timed loop. The state is not 0. */
static inline uint64_t bench_random(uint64_t *state)
{
	uint64_t x = *state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	*state = x;
	return x * UINT64_C(0x2545F4914F6CDD1D);
}

/* Below n: the high half of a product spreads evenly, and costs less than a remainder. */
static inline uint64_t bench_pick(uint64_t *state, uint64_t n)
{
	return (uint64_t)(((unsigned __int128)bench_random(state) * n) >> 64);
}

struct bench_summary {
	double median, min, max;
};

/* Summarises up to BENCH_MAX_ROUNDS values and leaves them in their order. */
struct bench_summary bench_summarize(const double *values, unsigned n_values);

/* One thing to measure. `run` makes one measurement; it returns 0 or -errno. */
struct bench_case {
	const char *name;
	int (*run)(void *arg, double *value);
	void *arg;
};

struct bench_outcome {
	struct bench_summary value;
	struct bench_summary pairwise;	/* value / the first case's value, round by round */
	double ratio_of_medians;	/* the same, after taking medians */
};

/* Says how each of n_cases rows did; row 0 is what the others are compared with. */
void bench_outcomes(double (*values)[BENCH_MAX_ROUNDS], unsigned n_cases, unsigned n_rounds,
		    struct bench_outcome *outcomes);

/*
 * Runs the cases in turn for n_rounds rounds, each round starting one case further on, so that no
 * case always follows the same one. Returns 0, or the first -errno of a case, whose name it prints.
 */
int bench_compare(const struct bench_case *cases, unsigned n_cases, unsigned n_rounds,
		  struct bench_outcome *outcomes);

/* Prints the outcomes as a table on stdout. */
void bench_compare_print(const char *title, const char *unit, const struct bench_case *cases,
			 const struct bench_outcome *outcomes, unsigned n_cases);

/* Prints CPU model, count of CPUs, kernel and load: whoever reads a figure needs them. */
void bench_print_conditions(FILE *out);

/*
 * "Mode A": the caller and the children it forks from now on share one CPU, under SCHED_RR if that
 * is permitted. Client and server then hand over to each other without an interrupt between CPUs
 * and without being preempted by neighbours, so that the ratio of their CPU times repeats within
 * one or two per cent. With the two on two virtual CPUs, wake-ups of a halted CPU drown everything.
 */
struct bench_pin {
	cpu_set_t old_cpus;
	int old_policy;
	struct sched_param old_param;
	int cpu;
	bool realtime;		/* false: no permission, figures are noisier */
};

int bench_pin_begin(struct bench_pin *pin);
void bench_pin_end(const struct bench_pin *pin);

/* Raises the soft limit of open files; returns 0, or -EMFILE when the hard limit is lower. */
int bench_raise_nofile(unsigned n_files);

/* Serves `listen_fd` until it is killed; a return is a failure (-errno). */
typedef int bench_serve_fn(int listen_fd, void *ctx);

/* Zeroed memory that a forked child shares with its parent: where a server counts. NULL: none. */
void *bench_shared_alloc(size_t size_bytes);

/* Opens a listening TCP socket on a free loopback port, TCP_NODELAY set for those it accepts. */
int bench_listen(uint16_t *port);

/* Forks a child that runs serve(listen_fd, ctx); it dies with its parent. Returns its pid. */
pid_t bench_fork_server(bench_serve_fn *serve, int listen_fd, void *ctx);

/* Gives the CPU time of every thread the child has had, kernel workers (io-wq) included. */
int bench_server_cpu_ns(pid_t pid, uint64_t *cpu_ns);

/* Kills and reaps the child. Returns 0, or -errno when it had already ended by itself. */
int bench_stop_server(pid_t pid);

struct bench_figure {
	const char *name, *unit;
	struct bench_summary value;
	double target;			/* NAN: a figure without a target */
	bool higher_is_better;
};

struct bench_report {
	FILE *json;			/* NULL: no file asked for */
	unsigned n_figures, n_missed;
};

/* json_path NULL writes no file. */
int bench_report_open(struct bench_report *report, const char *json_path);
/* Prints one line on stdout and, if there is a file, adds one object to it. */
void bench_report_add(struct bench_report *report, const struct bench_figure *figure);
/* Add a figure where less is better; target NAN: none. */
void bench_report_value(struct bench_report *report, const char *name, const char *unit,
			const struct bench_summary *value, double target);
/* Returns 0, or -errno if the file could not be written whole. */
int bench_report_close(struct bench_report *report);

/* Cases that are compared on one CPU, in turn, and of which less is better. */
struct bench_table {
	const char *title, *unit;
	const struct bench_case *cases;
	unsigned n_cases, n_rounds;
	const double *targets;		/* of the first n_targets; NAN: none */
	unsigned n_targets;
};

/* Measure, print and report them. Returns 0 or an error. */
int bench_run_table(const struct bench_table *t, struct bench_report *report);

/* What the echo client of load.c, the yardstick, is to do. */
struct load_options {
	uint16_t port;			/* on 127.0.0.1 */
	unsigned n_connections;
	size_t message_bytes;
	double warmup_s;
	double window_s;		/* 0: no limit in time */
	uint64_t n_requests;		/* 0: no limit in number; else stop after so many */
	/* Called as the measured window begins (false) and ends (true); may be NULL. */
	void (*mark)(void *arg, bool at_end);
	void *mark_arg;
};

struct load_result {
	uint64_t n_requests;		/* answered and checked inside the window */
	uint64_t n_errors;		/* connections lost, or ended because a byte was wrong */
	double seconds;			/* length of the window */
	double cpu_s;			/* CPU time of the client in the window */
	double p50_us, p99_us;
};

/*
 * Plays ping-pong on every connection and checks every byte that comes back. Returns 0, -ETIMEDOUT
 * if nothing was answered for two seconds, -ECONNRESET if no connection is left, or what connecting
 * gave. A result with n_errors != 0 is not a measurement.
 */
int load_run(const struct load_options *options, struct load_result *result);

struct bench_echo_entry {
	const char *name;
	bench_serve_fn *serve;
	void *ctx;
	/* From bench_shared_alloc(); the server counts its io_uring_enter calls here. Or NULL. */
	uint64_t *n_enters;
};

struct bench_echo_options {
	const unsigned *connections;	/* one table for each of these counts */
	unsigned n_connections;
	unsigned n_rounds;
	size_t message_bytes;
	double warmup_s, window_s;
};

struct bench_echo_cell {
	struct bench_summary srv_per_cli;	/* server CPU / client CPU of the same run */
	struct bench_summary vs_first;		/* srv_per_cli / the first entry's, by rounds */
	double vs_first_of_medians;
	struct bench_summary enters_per_request;	/* NAN without a counter */
	struct bench_summary requests_per_s;
	double p50_us, p99_us;			/* medians over the rounds */
};

/*
 * Runs the servers in turn in mode A and prints a table for each count of connections.
 * cells[c * n_entries + e] takes what was measured for connections[c] and entries[e].
 */
int bench_echo_compare(const struct bench_echo_entry *entries, unsigned n_entries,
		       const struct bench_echo_options *options, struct bench_echo_cell *cells);

/* How the hand-written io_uring echo server of raw_echo.c receives and sends. */
enum raw_echo_mode {
	RAW_ECHO_MSSKIP,	/* multishot recv, shared buffers, send SQE silent on success */
	RAW_ECHO_MSINC,		/* multishot recv, shared buffers, send(2) inline */
	RAW_ECHO_MS,		/* multishot recv, shared buffers, send SQE */
	RAW_ECHO_OS,		/* one-shot recv into the connection's buffer, send SQE */
	RAW_ECHO_OSTRY,		/* one-shot recv into the connection's buffer, send(2) inline */
	RAW_ECHO_N_MODES,
};

struct raw_echo_options {
	enum raw_echo_mode mode;
	int stop_fd;			/* return once readable or hung up; -1: never */
	unsigned n_buffers;		/* a power of two; 0: 512 */
	unsigned buffer_bytes;		/* 0: 4096 */
	uint64_t *n_enters;		/* io_uring_enter calls are added here; NULL: not counted */
};

const char *raw_echo_mode_name(enum raw_echo_mode mode);

/* Fits bench_echo_entry.serve; ctx is a struct raw_echo_options. */
int raw_echo_serve(int listen_fd, void *ctx);

/* What raw_read.c and whoever is compared with it read. */
struct bench_file {
	int fd;
	int direct_fd;			/* the same file, O_DIRECT; -1: the file system has none */
	uint64_t n_blocks;
	const char *note;		/* what a reader of the figures must know; NULL: nothing */
};

enum { BENCH_BLOCK_BYTES = 4096 };

/*
 * Makes a nameless file of numbered blocks in $TMPDIR (else the current directory), written to the
 * disk and read once, so that it is in the page cache too.
 */
int bench_file_create(struct bench_file *file, uint64_t size_bytes);
void bench_file_close(struct bench_file *file);

/* Says whether a block holds what bench_file_create() wrote in it: one load and one compare. */
static inline bool bench_block_is(const void *block, uint64_t number)
{
	return *(const uint64_t *)block == number + 1;
}

enum raw_read_mode {
	RAW_READ_PREAD,			/* pread(2), page cache */
	RAW_READ_NOWAIT,		/* preadv2(2) with RWF_NOWAIT, page cache */
	RAW_READ_RING,			/* the ring, page cache */
	RAW_READ_DIRECT,		/* the ring, O_DIRECT */
};

struct raw_read_options {
	enum raw_read_mode mode;
	const struct bench_file *file;
	/*
	 * How many buffers are read into, at most 256: the reads in flight. The plain calls have one
	 * read in flight, but take the buffers in turn, so that they can have the same footprint.
	 */
	unsigned depth;
	bool fixed;			/* the ring has the file and the buffers registered */
	uint64_t n_reads;
};

struct raw_read_result {
	double cpu_ns_per_read;		/* of the whole process, io-wq included */
	double reads_per_s;
};

/* Reads blocks at random; set-up and tear-down are not timed. Returns 0 or -errno. */
int raw_read_run(const struct raw_read_options *options, struct raw_read_result *result);

#endif
