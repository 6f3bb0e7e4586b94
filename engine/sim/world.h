/* SPDX-License-Identifier: MIT */
/* world.h - what world.c offers to ring.c, report.c and run.c alone. Layer 9. */
#ifndef RONDO_SIM_WORLD_H
#define RONDO_SIM_WORLD_H

#include "sim/sim.h"

/* A new host, not running. NULL if there are too many. */
struct sim_host *rondo__sim_host_make(struct sim *s, const char *name);
int rondo__sim_host_boot(struct sim_host *h, rondo_fn *main, void *arg);
/* The same for one that is off and has been given descriptors. */
void rondo__sim_host_start(struct sim_host *h, rondo_fn *main, void *arg);
/* The power is cut, or the simulation ends: whatever the host was doing is forgotten. */
void rondo__sim_host_off(struct sim_host *h);
void rondo__sim_host_crash(struct sim_host *h);
void rondo__sim_host_dies(struct sim_host *h);
void rondo__sim_host_free(struct sim_host *h);

/* Run everything until the first host has ended, or a property failed. */
void rondo__sim_world_run(struct sim *s);
/* Leave the host that runs, to come back when it is its turn. Only on its loop's own stack. */
void rondo__sim_world_switch(struct sim_host *h);
/* Of the seam: time goes on, nobody else does. */
void rondo__sim_sleep(const struct kernel *k, uint64_t ns);
/* Leave it for ever. */
_Noreturn void rondo__sim_world_leave(struct sim *s);

/* ring.c: of the seam. */
extern const struct kernel rondo__sim_kernel;
/* What a thread needs to begin, or to be heard of again (ring/kernel.h). */
uint64_t rondo__sim_thread_delay(const struct kernel *k);
/* Drop a host's rings with all their requests. */
void rondo__sim_rings_drop(struct sim_host *h);
/* Have the host's loop enter the kernel soon, though nothing of its own is in flight. */
void rondo__sim_rings_call_back(struct sim_host *h);
/* Is there what the host waits for in r? */
bool rondo__sim_ring_satisfies(const struct sim_ring *r, unsigned n_wait);
/* What this seed's kernel can do. */
void rondo__sim_profile_draw(struct sim *s);

/* check.c: what must hold each time a loop enters the kernel, and when its main has returned. */
void rondo__sim_check_entry(struct sim_host *h, unsigned n_wait);
void rondo__sim_check_ended(struct sim_host *h);
/* ... and when a loop gives up its shared buffers. */
void rondo__sim_check_buffers(struct sim_host *h);
#endif
