/* SPDX-License-Identifier: MIT */
/* probe.h - look at a kernel, and at what stands in the way of a ring. Layer 2.
 *
 * rondo_probe() and rondo_probe_explain() are these functions over the real kernel and the real
 * process; tests hand in others. */
#ifndef RONDO_RING_PROBE_H
#define RONDO_RING_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ring/kernel.h"
#include "rondo/probe.h"

int rondo__probe(const struct kernel *kernel, rondo_probe_fn *item, void *ctx);

/* Can a write be told not to raise SIGPIPE (KN-4)? Tried on a pipe of its own. */
bool rondo__probe_nosignal(const struct kernel *kernel);

/* The process and the system as io_uring_setup(2) sees them before it says no. */
struct limits {
	int setup_answer;		/* of a call with no arguments: -ENOSYS if there is none */
	int disabled;			/* kernel.io_uring_disabled; -1: there is no such sysctl */
	int group;			/* kernel.io_uring_group; -1: none */
	bool filtered;			/* the process runs under a seccomp filter */
	bool is_admin;			/* by capability or group: passes io_uring_disabled=1 */
	bool locks_freely;		/* has CAP_IPC_LOCK: RLIMIT_MEMLOCK does not apply */
	uint64_t memlock_bytes;		/* RLIMIT_MEMLOCK; UINT64_MAX: unlimited */
	uint64_t n_files;		/* RLIMIT_NOFILE */
	int n_maps;			/* vm.max_map_count; -1: unknown */
	char release[65];		/* uname -r, for people only */
	char machine[65];		/* uname -m */
};

void rondo__limits_look(struct limits *l);
int rondo__refusal_explain(const struct limits *l, int error, char *why, size_t size);
#endif
