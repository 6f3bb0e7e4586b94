/* SPDX-License-Identifier: MIT */
/* bufring.h - buffers provided to the kernel, which picks one when data has come. Layer 2.
 *
 *   ours --rondo__bufring_give--> the kernel's --a CQE with F_BUFFER, bufring_take--> ours
 *
 * A waiting receive holds no buffer, so a thousand idle connections share a few. The kernel takes
 * them in the order they were given, so all of them pass through the cache: hence few (measured:
 * 8192 of them cost 4-8 % of an echo server), and more only when they were all in use at once.
 *
 * What comes in small pieces touches one page of each, however long they are. What comes in large
 * ones costs the kernel a receive and us a completion for each buffer: an echo of 16 KiB takes half
 * the CPU, and one of 64 KiB two fifths, of what it took with buffers of 4 KiB. */
#ifndef RONDO_RING_BUFRING_H
#define RONDO_RING_BUFRING_H

#include "ring/ring.h"

enum {
	BUFRING_GROUP = 0,		/* sqe->buf_group */
	BUFRING_BUFFER_BYTES = 16384 + 512,	/* a TLS record of 16 KiB with all that is around it */
	BUFRING_STRIDE_BYTES = 16384 + 576,	/* first lines in one set of the cache cost 1-2 % */
	BUFRING_BUFFERS = 256,		/* at first */
	BUFRING_BUFFERS_MAX = 1024,	/* entries of the ring, a power of two */
};

/* What the holder of a buffer knows about it. */
struct bufring_note {
	uint32_t n_bytes;
	uint16_t next;			/* in the holder's list; the ring does not read it */
};

struct bufring {
	struct io_uring_buf_ring *shared;	/* with the kernel; NULL: not open */
	char *memory;
	struct bufring_note *notes;	/* one per buffer */
	unsigned n_buffers, n_buffers_max;	/* if set before it is opened, else the defaults */
	unsigned n_ours;		/* buffers that the kernel does not have */
	bool refused;			/* the kernel lacks these, or multishot: do not try again */
	bool proven;			/* a multishot receive has filled one */
};

/* Register the ring and give it its first buffers. -EINVAL: the kernel has no buffer rings
 * (5.19). */
int rondo__bufring_open(struct bufring *b, struct ring *r);
/* No receive may be in flight. */
void rondo__bufring_close(struct bufring *b, struct ring *r);
/* Free its memory; the kernel is no more. */
void rondo__bufring_abandon(struct bufring *b);
/* Twice as many buffers; false if that would be too many. */
bool rondo__bufring_grow(struct bufring *b);
void rondo__bufring_give(struct bufring *b, unsigned id);

static inline void *bufring_at(const struct bufring *b, unsigned id)
{
	return b->memory + (size_t)id * BUFRING_STRIDE_BYTES;
}

/* The buffer a CQE with F_BUFFER names: the caller's until given. */
static inline unsigned bufring_take(struct bufring *b, uint32_t cqe_flags)
{
	b->n_ours++;
	return cqe_flags >> IORING_CQE_BUFFER_SHIFT;
}

static inline bool bufring_is_empty(const struct bufring *b)
{
	return b->n_ours == b->n_buffers;
}
#endif
