/* SPDX-License-Identifier: MIT */
/* process.h - a child process and the pipes to it. Layer 7.
 *
 * J1  A child is reaped once, by whoever first sees that it has ended (process_look()), and everybody
 *     is told from then on what was noted. Waiters look without reaping (WNOWAIT), so that no one's
 *     cancel, and no one's success, is another one's loss.
 * J2  The pidfd is open, and so names this child and no other, until the last waiter has gone. */
#ifndef RONDO_STREAM_PROCESS_H
#define RONDO_STREAM_PROCESS_H

#include "loop/loop.h"
#include "rondo/process.h"

struct rondo_process {
	struct resource resource;	/* of the loop, until it is closed */
	const struct kernel *kernel;
	int pid, pidfd;
	rondo_stream *pipes[3];		/* to 0, from 1 and 2; NULL: none, or closed */
	bool own_group;
	enum rondo_on_close on_close;
	unsigned n_refs;		/* the handle, and who waits (J2) */
	struct list orphan;		/* in the list of orphan.c */
	bool ended;			/* what follows is known (J1) */
	int error;			/* -ECHILD: its end was told to somebody else */
	int returncode;
};

/* Note the end of the child if it has come. */
void rondo__process_look(rondo_process *p);
void rondo__process_unref(rondo_process *p);
/* SIGKILL for the group if it is the child's own, else for the child. */
void rondo__process_kill_all(rondo_process *p);
/* orphan.c: nobody holds the handle any more. Reap the child when it ends; takes over the reference. */
void rondo__orphan(rondo_process *p);
/* The last reference is gone, before the child is. True if p is kept until somebody looks. */
bool rondo__orphan_keep(rondo_process *p);
/* Reap those that outlived the loop that waited for them. */
void rondo__orphans_look(void);
#endif
