/* SPDX-License-Identifier: MIT */
/* spawn.h - what struct kernel's spawn() is asked for: another program as a child. Layer 2. */
#ifndef RONDO_RING_SPAWN_H
#define RONDO_RING_SPAWN_H

#include <stdbool.h>
#include <stddef.h>

struct kernel;

/* In place of a descriptor. */
enum {
	SPAWN_INHERIT = -1,		/* ours, whatever it is */
	SPAWN_NULL = -2,		/* /dev/null */
	SPAWN_STDOUT = -3,		/* where descriptor 1 goes; of 2 only */
};

struct spawn {
	const char *const *paths;	/* of the program: tried in order, NULL ends them */
	const char *const *argv, *const *envp;
	const char *cwd;		/* NULL: ours */
	int fds[3];			/* what 0, 1 and 2 are to be */
	const int *pass_fds;		/* these stay open, under their numbers; no other does */
	size_t n_pass_fds;
	bool new_group, new_session;
};

/* Start it. Its signals are as a program expects them: none blocked, none caught, and SIGPIPE and SIGXFSZ
 * kill; what we ignore else stays ignored, as nohup(1) needs. Blocks until the program has been
 * exec'ed. Returns its pid, and a pidfd; or -errno, and then no child is left. */
int rondo__spawn_linux(const struct kernel *k, const struct spawn *s, int *pidfd);
#endif
