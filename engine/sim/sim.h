/* SPDX-License-Identifier: MIT */
/* sim.h - the simulated kernel: one world of hosts, virtual time, and seeded chance. Layer 9.
 *
 *   world (the caller's stack)  --switches into-->  a host that can run  --enter with a wait-->  world
 *      |                                                                                           ^
 *      +-- nobody can run: the clock jumps to the next event, which completes requests ------------+
 *
 * Each host runs one loop, unchanged, on a stack of its own; the seam (ring/kernel.h) is all that it
 * sees of the world. One thread runs everything, and the only places where another host may go on
 * are calls of the seam, so a run is a function of its seed.
 *
 * Z1  No decision depends on an address, on the real clock or on the order of a hash table; every
 *     decision draws from the stream of its concern, so that a new fault leaves old draws alone.
 * Z2  An effect happens at one instant of virtual time, in an event or a call; what a host sees of
 *     it happens later, in a CQE.
 * Z3  A request holds its file and its buffers from submission to its last CQE.
 * Z4  Whatever is not simulated fails loudly (rondo__sim_fail), it is never answered by a guess.
 * Z5  The first failure ends the run: no host runs again. */
#ifndef RONDO_SIM_SIM_H
#define RONDO_SIM_SIM_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bug.h"
#include "base/heap.h"
#include "base/list.h"
#include "ring/ring.h"
#include "rondo_sim.h"
#include "sim/fault.h"
#include "switch/stack.h"
#include "switch/switch.h"

struct sim;
struct sim_child;
struct sim_disk;
struct sim_file;
struct sim_host;
struct sim_net;
struct sim_ring;

/* --- chance ---------------------------------------------------------------------------------- */

/* One stream per concern (Z1). */
enum sim_stream {
	SIM_SCHEDULE,			/* which host runs, in what order completions are seen */
	SIM_LATENCY,			/* how long things take */
	SIM_LENGTH,			/* how short is a short transfer */
	SIM_CANCEL,			/* how races with a cancel end */
	SIM_NET,
	SIM_DISK,
	SIM_CRASH,			/* what of unsynced data survives */
	SIM_CLOCK,
	SIM_PROFILE,			/* what this kernel can do, and which faults there are */
	SIM_ENTROPY,			/* what the host's programs get for random */
	SIM_USER,			/* rondo_sim_random() */
	SIM_DRIFT,			/* how fast wall clocks run */
	SIM_N_STREAMS,
};

uint64_t rondo__sim_random(struct sim *s, enum sim_stream stream);
/* In [0, n); 0 if n is 0. */
uint64_t rondo__sim_below(struct sim *s, enum sim_stream stream, uint64_t n);
/* In [min, max], every order of magnitude as likely as the next. */
uint64_t rondo__sim_log(struct sim *s, enum sim_stream stream, uint64_t min, uint64_t max);
/* With a probability of n in 1000. */
bool rondo__sim_often(struct sim *s, enum sim_stream stream, unsigned n);

/* Does this fault happen here? Draws from the fault's own stream, counts it, and may be told not to
 * (shrinking, the phase without faults). */
bool rondo__sim_fault(struct sim *s, enum sim_fault fault);

/* --- events ---------------------------------------------------------------------------------- */

/* Something that will happen; embedded in what it happens to. Equal times keep their order. */
struct sim_event {
	struct heap_node node;
	void (*fire)(struct sim *s, struct sim_event *e);
};

void rondo__sim_event_init(struct sim_event *e, void (*fire)(struct sim *, struct sim_event *));
/* Let it happen after a delay, in place of when it would have happened before. */
void rondo__sim_schedule(struct sim *s, struct sim_event *e, uint64_t delay_ns);
void rondo__sim_unschedule(struct sim *s, struct sim_event *e);

static inline bool sim_is_scheduled(const struct sim_event *e)
{
	return heap_contains(&e->node);
}

/* --- hosts ----------------------------------------------------------------------------------- */

enum { SIM_HOSTS_MAX = 32, SIM_FD_FIRST = 1 << 20, SIM_FDS_MAX = 1024 };

enum { SIM_SIGNALS = 65, SIM_PENDING_MAX = 32, SIM_PROGRAMS_MAX = 16 };

enum sim_host_state {
	SIM_HOST_OFF,			/* never started, ended, or cut off */
	SIM_HOST_READY,			/* can go on */
	SIM_HOST_WAITING,		/* in an enter, for completions or a deadline */
	SIM_HOST_FROZEN,		/* could go on, but does not for a while */
};

/* What a process does when a signal comes, and which have come. */
struct sim_signals {
	struct sigaction actions[SIM_SIGNALS];
	uint64_t blocked;		/* bit i: signal i + 1 */
	siginfo_t pending[SIM_PENDING_MAX];	/* in order of arrival */
	unsigned n_pending;
	bool in_handler;
};

/* A program that simulated children can run. */
struct sim_program {
	char name[32];
	rondo_sim_program *main;
};

struct sim_fd {
	struct sim_file *file;		/* NULL: free */
	uint32_t n_opened;		/* how often this number was given out */
};

/* A machine with one process that runs one loop; or a child process on one. */
struct sim_host {
	struct kernel kernel;		/* first: the seam hands us this */
	struct sim *sim;
	char name[32];
	unsigned id;			/* 1, 2, ...: its address is 10.0.0.<id> */
	enum sim_host_state state;
	struct context ctx;		/* where it goes on, while it does not run */
	struct stack *stack;		/* what its loop runs on */
	struct loop *loop;		/* rondo__loop, while it does not run */
	rondo_fn *main;
	void *arg;
	int result;
	uint64_t n_boots;

	struct sim_fd fds[SIM_FDS_MAX];	/* descriptor SIM_FD_FIRST + i */
	struct sim_file *console[3];	/* descriptors 0, 1, 2; made when first used */
	uint64_t no_fds_until_ns;	/* for connections: DESCRIPTORS_GONE */
	struct list rings;
	unsigned n_indexes;		/* of registered rings, ever */
	struct list futexes;		/* requests that wait on a word, in order */
	struct list children;		/* simulated ones; see process.c */
	struct list orphans;		/* children of children that have ended */
	struct sim_child *child;	/* what runs here as a program; NULL: this is a machine */
	bool spare;			/* was a child's, and is free */
	int pid, group;			/* of the process */
	struct sim_signals signals;
	void *signal_table;		/* of the engine's io/signal.c */
	bool killed;			/* by a signal, and has not left yet */
	struct sim_disk *disk;		/* survives a crash */

	struct sim_ring *waits_on;	/* while WAITING */
	unsigned wait_n;
	bool wait_over;			/* the deadline has come */
	struct sim_event wait_end;	/* the deadline; while FROZEN, the thaw */
	bool ended;			/* main has returned result */
	bool cut;			/* it has cut its own power */
	uint32_t ready_tail;		/* of its loop after an earlier batch (P6) ... */
	uint64_t n_turns;		/* ... and which one that was */
	int64_t wall_offset_ns;		/* CLOCK_REALTIME less CLOCK_MONOTONIC, and drift */
	int64_t wall_drift_ppm;		/* by how much faster CLOCK_REALTIME runs */
};

/* The host that runs now; never NULL in a call of the seam. */
struct sim_host *rondo__sim_host(void);
/* The host may go on if what it waits for is there. */
void rondo__sim_host_poke(struct sim_host *h);
/* Draw what the host's CLOCK_REALTIME is, and how fast it runs. */
void rondo__sim_wall_set(struct sim_host *h);
/* What it is now, in nanoseconds. */
uint64_t rondo__sim_wall_clock(struct sim_host *h);
/* When it will be that late by the wall clock, unless that jumps: CLOCK_MONOTONIC. */
uint64_t rondo__sim_wall_to_monotonic(const struct sim_host *h, uint64_t wall_ns);
/* Time passes while the host computes: the clock moves, and what was due happens. */
void rondo__sim_spend(struct sim_host *h, uint64_t ns);

/* --- the world ------------------------------------------------------------------------------- */

/* What this seed's kernel can do. */
struct sim_profile {
	unsigned setup_flags;		/* that io_uring_setup knows */
	unsigned enter_flags;
	uint32_t features;
	uint64_t ops;			/* bit per opcode */
	bool has_registered_rings, has_buffer_rings, has_nosignal;
	bool nonblock_is_eagain;	/* ops on O_NONBLOCK files do not wait (KN-20) */
	unsigned sq_entries, cq_entries;	/* never more than these; 0: as asked */
};

struct sim {
	struct rondo_sim_options options;
	uint64_t now_ns;		/* CLOCK_MONOTONIC of every host */
	struct heap events;
	uint64_t streams[SIM_N_STREAMS];
	struct sim_profile profile;
	struct sim_faults faults;
	bool faults_over;		/* the phase in which everything must end */
	struct context ctx;		/* of the world */
	struct sim_host *running;
	struct sim_host *hosts[SIM_HOSTS_MAX];
	unsigned n_hosts;
	struct stack_pool stacks;	/* of the hosts */
	struct sim_net *net;
	uint64_t n_events, n_requests, n_cqes, n_files, n_notes;
	uint64_t n_pids;
	struct sim_program programs[SIM_PROGRAMS_MAX];
	unsigned n_programs;
	uint64_t hash;			/* of the history */
	bool failed;
	struct rondo_sim_failure failure;
	char failure_text[512];
};

/* Of the calling thread; NULL outside a simulation. */
extern __thread struct sim *rondo__sim;

/* --- history and failures -------------------------------------------------------------------- */

/* Part of the history, and so of its hash; what, a and b must not depend on addresses (Z1). */
void rondo__sim_note(struct sim *s, const char *what, uint64_t a, uint64_t b);
bool rondo__sim_traces(const struct sim *s);
/* A line of the trace, if somebody reads it; not part of the hash. */
void rondo__sim_trace(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A property ("P3") does not hold. Does not return if a host runs (Z5). */
void rondo__sim_fail(struct sim *s, const char *property, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Memory that cannot be refused: zeroed, freed by free(). A simulator without memory is a BUG. */
void *rondo__sim_alloc(size_t size_bytes);
#endif
