/* SPDX-License-Identifier: MIT */
/* process.h - children of simulated hosts, and signals. Layer 9.
 *
 * A child is a number that will exit with a status; or it runs a program, and then that runs on a
 * host of its own, which has the descriptors that it was given and a loop of its own. */
#ifndef RONDO_SIM_PROCESS_H
#define RONDO_SIM_PROCESS_H

#include "sim/file.h"

struct sim_child {
	struct list link;		/* in host->children, oldest first; in none: reaped */
	struct sim_event exit;
	struct sim_host *host;		/* whose child it is, or on whose machine it runs */
	struct sim_host *self;		/* where its program runs; NULL: it has none, or has ended */
	char **argv;			/* of the program */
	uint32_t n_refs;		/* the host until it is reaped, and pidfds */
	int pid, group;
	int status;			/* that it will exit, or has exited, with */
	int signal;			/* that has killed it; 0: none */
	bool exited;
	bool orphaned;			/* nobody waits for it: in host->orphans */
	struct list pidfds;
};

struct sim_child *rondo__sim_child_make(struct sim_host *h);
/* It has not come to be. */
void rondo__sim_child_forget(struct sim_child *c);
int rondo__sim_pidfd_make(struct sim_host *h, struct sim_child *c, int flags);
/* NULL if fd is no pidfd. */
struct sim_child *rondo__sim_pidfd_child(struct sim_host *h, int fd);
bool rondo__sim_child_is_reaped(const struct sim_child *c);
/* It will end, a little later; killed by signal unless that is 0. */
void rondo__sim_child_ends(struct sim_child *c, int status, int signal, uint64_t delay_ns);

/* program.c */
int rondo__sim_spawn(const struct kernel *k, const struct spawn *s, int *pidfd);
/* A host whose child has ended is there for another one. */
void rondo__sim_program_over(struct sim_child *c);

/* signal.c: send one to the process that runs on h. Returns 0 or -EAGAIN. */
int rondo__sim_signal(struct sim_host *h, const siginfo_t *info);
/* ... to a child, whether it has a program or not. */
int rondo__sim_signal_child(struct sim_child *c, const siginfo_t *info);
/* Run the handlers of what is pending: where h returns from the kernel, on its stack. */
void rondo__sim_signals_deliver(struct sim_host *h);
bool rondo__sim_signals_wake(const struct sim_host *h);
int rondo__sim_sigaction(const struct kernel *k, int signal, const struct sigaction *action,
			 struct sigaction *old);
#endif
