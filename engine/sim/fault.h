/* SPDX-License-Identifier: MIT */
/* fault.h - what can go wrong, and how often this seed lets it (the swarm). Layer 9.
 *
 * Each seed draws which faults exist at all and how likely each is, so that some seeds have one
 * fault often and others many seldom. Each fault that happens has a serial number; shrinking runs a
 * seed again with some of them left out. */
#ifndef RONDO_SIM_FAULT_H
#define RONDO_SIM_FAULT_H

#include <stdbool.h>
#include <stdint.h>

/* Name, and the highest probability in 1000 that a seed may draw for it. */
#define SIM_FAULTS(X)                                                                              \
	/* the ring */                                                                             \
	X(ENTER_EAGAIN, 200)		/* enter answers -EAGAIN, nothing done */                  \
	X(ENTER_EBUSY, 200)                                                                        \
	X(ENTER_EINTR, 200)		/* a wait ends early */                                    \
	X(SUBMIT_PARTLY, 300)		/* fewer SQEs are taken than were offered */               \
	X(CQE_HELD, 500)		/* an enter leaves completions for the next */             \
	X(COMPLETE_LATE, 500)		/* a result is there long before its CQE */                \
	X(OP_LATE, 500)			/* an op takes long to begin */                            \
	X(OP_HANGS, 20)			/* ... until faults end */                                 \
	X(MULTISHOT_ENDS, 300)                                                                     \
	X(BUFFERS_GONE, 200)		/* -ENOBUFS although there are some */                     \
	/* cancels */                                                                              \
	X(CANCEL_ENOENT, 300)		/* not found, though in flight: nothing happens */         \
	X(CANCEL_LATE, 500)		/* the op completes first */                               \
	X(CANCEL_RESTART, 500)		/* a worker's op ends with -512 (KN-10) */                 \
	/* transfers */                                                                            \
	X(SHORT_READ, 500)                                                                         \
	X(SHORT_WRITE, 500)                                                                        \
	X(INTERRUPTED, 50)		/* -EINTR though nobody asked: ^Z in a worker */           \
	X(OP_ENOMEM, 20)                                                                           \
	/* files */                                                                                \
	X(READ_EIO, 20)			/* latched for the sector */                               \
	X(WRITE_EIO, 20)                                                                           \
	X(WRITE_ENOSPC, 50)                                                                        \
	X(FSYNC_EIO, 50)		/* once; the dirty pages are dropped */                    \
	X(DISK_SMALL, 500)		/* a disk that is soon full, until faults end */           \
	X(DISK_SLOW, 300)                                                                          \
	/* sockets */                                                                              \
	X(NET_LOSS, 300)		/* the segment comes late, by a retransmission */          \
	X(NET_DELAY, 500)                                                                          \
	X(NET_RESET, 10)                                                                           \
	X(NET_PARTITION, 20)		/* between two hosts, for a while */                       \
	X(NET_REFUSED, 50)                                                                         \
	X(NET_WINDOW, 500)		/* the receiver's window is small */                       \
	X(DATAGRAM_LOST, 300)                                                                      \
	X(DATAGRAM_TWICE, 100)                                                                     \
	X(ACCEPT_EMFILE, 100)                                                                      \
	X(ZC_LATE, 500)			/* the buffer of a zero-copy send is free much later */    \
	X(ZC_REFUSED, 100)                                                                         \
	/* time */                                                                                 \
	X(TIMER_LATE, 300)                                                                         \
	X(WALL_JUMP, 50)                                                                           \
	X(HOST_FROZEN, 20)		/* it does not run for seconds */                          \
	/* at the end, so that old seeds keep their faults */                                      \
	X(DESCRIPTORS_GONE, 500)	/* for seconds no connection can be accepted */            \
	X(WALL_DRIFT, 1000)		/* a host's wall clock runs fast or slow */                \
	X(CACHE_MISS, 900)		/* a read that must not wait finds not all in the cache */

#define SIM_FAULT_ENUM(name, max) SIM_FAULT_##name,
enum sim_fault { SIM_FAULTS(SIM_FAULT_ENUM) SIM_N_FAULTS };
#undef SIM_FAULT_ENUM

struct sim_faults {
	uint16_t per_mille[SIM_N_FAULTS];	/* 0: this seed does not have it */
	uint64_t streams[SIM_N_FAULTS];
	uint64_t n_happened[SIM_N_FAULTS];
	uint64_t n_all;			/* serial of the next */
};

extern const char *const rondo__sim_fault_names[SIM_N_FAULTS];

struct sim;

/* Seed all streams, and draw the swarm of this seed. */
void rondo__sim_faults_draw(struct sim *s);
/* Is a list of names, as in rondo_sim_options.only_faults, without mistakes? */
bool rondo__sim_faults_known(const char *names);
#endif
