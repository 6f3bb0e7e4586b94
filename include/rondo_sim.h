/* SPDX-License-Identifier: MIT */
/* rondo_sim.h - run a program on a simulated kernel: virtual time, faults, and a seed that replays.
 *
 *   int main(void)
 *   {
 *           for (uint64_t seed = 1; seed <= 1000; seed++) {
 *                   struct rondo_sim_options o = { .seed = seed, .on_failure = rondo_sim_print_failure };
 *
 *                   if (rondo_sim_run(&o, program, NULL) != 0)
 *                           return 1;
 *           }
 *   }
 *
 * The program is unchanged: the same coroutines on the same engine, whose io_uring is simulated. Time
 * is virtual, so an hour of sleeping takes no time. Completions come late and in any order that the
 * kernel allows, transfers are short, queues are full, cancels lose their races, connections break,
 * disks fail: by chance, drawn from the seed, so that a run that failed can be repeated exactly.
 *
 * Only what goes through rondo is simulated. Descriptors are numbers from 2^20 up, so that a plain
 * read(2) of one fails. */
#ifndef RONDO_SIM_H
#define RONDO_SIM_H

#include <rondo.h>
#include <stdbool.h>

RONDO_BEGIN_DECLS

/* A property that did not hold. The strings are gone when on_failure has returned. */
struct rondo_sim_failure {
	const char *property;		/* "P1" to "P18" (engine/README.md), or "user" */
	const char *text;		/* what happened, one line */
	uint64_t seed;
	uint64_t event;			/* its number in the history */
	uint64_t time_ns;		/* virtual */
	const char *host;		/* NULL: none was running */
	const char *task;		/* NULL: none was running */
	uint64_t n_faults;		/* that had happened before */
};

enum { RONDO_SIM_FAULT_KINDS = 64 };	/* there are fewer */

/* What a run has done. */
struct rondo_sim_stats {
	uint64_t hash;			/* of the history: equal seeds, equal hashes */
	uint64_t time_ns;		/* virtual, at the end */
	uint64_t n_events, n_requests, n_cqes, n_faults;
	uint64_t n_by_fault[RONDO_SIM_FAULT_KINDS];	/* see rondo_sim_fault_name() */
};

/* Zero is the default of each. */
struct rondo_sim_options {
	uint64_t seed;
	struct rondo_options run;	/* of each loop */
	/* Faults happen in the first faults_ns of virtual time (0: 10 s; UINT64_MAX: always) ... */
	uint64_t faults_ns;
	/* ... and everything must have ended this long after (0: one hour). */
	uint64_t end_ns;
	bool no_faults;			/* none at all: only virtual time and a seeded order */
	const char *only_faults;	/* names, separated by commas: no others; NULL: all */
	/* A host's wall clock jumps (the fault WALL_JUMP), and in some seeds it runs fast or slow all the
	 * time (WALL_DRIFT), by at most so many millionths (0: 500; at most 100000). */
	unsigned wall_drift_ppm;
	bool may_leave_files_open;	/* descriptors that main leaves open are no failure */
	/* The kernel asks a busy loop to fetch completions only when it has some. Otherwise it asks
	 * whenever anything goes on at all; for then virtual time passes at each turn, while here it
	 * stops for a program that does nothing but yield. */
	bool exact_taskrun;
	bool check_user_data;		/* two requests in flight with one user_data are a failure */
	uint64_t until_event;		/* stop there, as if a property had failed; 0: do not */
	/* Serial numbers of faults that are not to happen, ascending; for shrinking. */
	const uint64_t *masked_faults;
	size_t n_masked_faults;
	void (*on_failure)(const struct rondo_sim_failure *failure, void *arg);
	void (*on_trace)(const char *line, void *arg);	/* the history, line by line */
	void *arg;			/* of both */
	struct rondo_sim_stats *stats;	/* filled in, if not NULL */
};

/* Run main(arg) on a simulated host, as rondo_run_with() would on a real one, in the calling thread.
 *
 * Owns:    everything stays the caller's. When a property fails, or when main returns while other
 *          hosts run, they stop where they are: what they had allocated is lost.
 * Awaits:  no; not from inside a task.
 * Returns: main's result; -EFAULT if a property did not hold (on_failure was told which); -EINVAL for
 *          an unknown fault in only_faults or a drift that is too much; -EBUSY inside a running loop or simulation. */
RONDO_API RONDO_MUST_CHECK int rondo_sim_run(const struct rondo_sim_options *options, rondo_fn *main,
					     void *arg);

/* Print a failure on stderr, one line of what and one of where. For rondo_sim_options.on_failure.
 *
 * Awaits:  no. */
RONDO_API void rondo_sim_print_failure(const struct rondo_sim_failure *failure, void *arg);

/* Say that the program under test did what it must not: the run ends and fails, as "user". Outside a
 * simulation it does nothing.
 *
 * Awaits:  it does not return in a simulation.
 * Returns: -EFAULT, outside. */
RONDO_API int rondo_sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Draw 64 random bits from the seed, for a program that wants to vary with it.
 *
 * Awaits:  no.
 * Returns: the bits; 0 outside a simulation. */
RONDO_API uint64_t rondo_sim_random(void);

/* Start another host, which runs main(arg) on a loop of its own and shares nothing with its neighbours
 * but the network (and, being one process, memory). Its address is 10.0.0.N, N being what is returned;
 * the first host, which rondo_sim_run() starts, is 10.0.0.1. 127.0.0.1 is each host itself.
 *
 * Owns:    arg must stay valid until the host has ended.
 * Awaits:  no.
 * Returns: the host's number; -EINVAL outside a simulation; -EMFILE if there are too many. */
RONDO_API RONDO_MUST_CHECK int rondo_sim_start_host(const char *name, rondo_fn *main, void *arg);

/* Cut a host's power: it stops where it is, its connections go silent, and of its files only what had
 * been synced is sure to survive. A host may cut its own.
 *
 * Awaits:  no; does not return if the host is the caller's own.
 * Returns: 0, or -EINVAL if there is no such host or it does not run. */
RONDO_API int rondo_sim_cut_power(int host);

/* Boot a host again that has ended or was cut off, with the files that it has left.
 *
 * Awaits:  no.
 * Returns: 0, or -EINVAL if there is no such host or it runs. */
RONDO_API RONDO_MUST_CHECK int rondo_sim_restart_host(int host, rondo_fn *main, void *arg);

/* How a host's last main ended.
 *
 * Awaits:  no.
 * Returns: true, and the result in *result, if it has ended by itself. */
RONDO_API bool rondo_sim_host_result(int host, int *result);

/* Let nothing pass between two hosts, or let it pass again. Connections stay, and go on then.
 *
 * Awaits:  no.
 * Returns: 0, or -EINVAL if there is no such host. */
RONDO_API int rondo_sim_set_partition(int host, int other, bool cut);

/* Make a child process of the calling host that will exit with a status after a delay, for
 * rondo_waitid().
 *
 * Awaits:  no.
 * Returns: its pid, or -EINVAL outside a simulation. */
RONDO_API int rondo_sim_start_child(int exit_status, uint64_t delay_ns);

/* A program that simulated children can run: as a main, and in a task of a loop of its own. What it
 * returns is its exit status; 1 if that is an error. */
typedef int rondo_sim_program(int argc, const char *const *argv);

/* Say what rondo_process_spawn() starts in this simulation by a name: argv[0]'s last part. Anything else
 * is -ENOENT. A child has the descriptors 0, 1, 2 and those that were passed to it, but no files and
 * no network of its parent's; it dies of signals like any process. There is room for some thirty at
 * once; more are -EAGAIN.
 *
 * Owns:    name is copied.
 * Awaits:  no.
 * Returns: 0; -EINVAL outside a simulation; -ENOSPC if there are too many. */
RONDO_API RONDO_MUST_CHECK int rondo_sim_set_program(const char *name, rondo_sim_program *main);

/* Send a signal to a host's process, as from outside: for rondo_signal_next(), and what is not received
 * kills. A plain kill(2) or raise(3) would reach the process that simulates.
 *
 * Awaits:  no.
 * Returns: 0; -EINVAL if there is no such host or signal; -EAGAIN if too many are pending. */
RONDO_API int rondo_sim_send_signal(int host, int signal);

/* Name a kind of fault, as in rondo_sim_options.only_faults.
 *
 * Awaits:  no.
 * Returns: a static string; NULL from some number below RONDO_SIM_FAULT_KINDS on. */
RONDO_API const char *rondo_sim_fault_name(unsigned kind);

RONDO_END_DECLS
#endif
