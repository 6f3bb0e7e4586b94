/* SPDX-License-Identifier: MIT */
/* transfer.h - what transfer.c, pipe.c, splice.c and their like share. Layer 9. */
#ifndef RONDO_SIM_TRANSFER_H
#define RONDO_SIM_TRANSFER_H

#include <fcntl.h>

#include "sim/ops.h"

enum { SIM_PIPE_SLOTS = 16, SIM_PAGE = 4096 };

/* Up to a page of bytes in a pipe. */
struct sim_slot {
	unsigned char *page;		/* owned */
	uint32_t at, n;
	bool merges;			/* a small write may be put behind its bytes */
	bool goes_on;			/* with a write that the slot before it began */
};

struct sim_pipe;

struct sim_pipe_end {
	struct sim_file file;		/* first */
	struct sim_pipe *pipe;
	bool open;
};

/* As in Linux a pipe is full when it has no slot, however few bytes they hold. */
struct sim_pipe {
	struct sim_slot slots[SIM_PIPE_SLOTS];
	unsigned first, n_slots;
	struct sim_pipe_end reader, writer;
};

/* The pipe whose reading (writing) end f is, or NULL. */
struct sim_pipe *rondo__sim_pipe_read_from(struct sim_file *f);
struct sim_pipe *rondo__sim_pipe_written_to(struct sim_file *f);
struct sim_slot *rondo__sim_pipe_slot(struct sim_pipe *p, unsigned i);
/* A new last slot with an empty page; there must be room. */
struct sim_slot *rondo__sim_pipe_grow(struct sim_pipe *p);
/* Take n bytes of the first slot away, and tell who waits for room. */
void rondo__sim_pipe_consume(struct sim_pipe *p, size_t n);

static inline bool sim_pipe_is_full(const struct sim_pipe *p)
{
	return p->n_slots == SIM_PIPE_SLOTS;
}

static inline struct sim_host *sim_host_of(const struct sim_request *rq)
{
	return rq->ring->file.host;
}

static inline struct sim *sim_of(const struct sim_request *rq)
{
	return sim_host_of(rq)->sim;
}

/* The bad pointer of a careless program. Nothing is ever mapped there, so this asks nothing that
 * differs from run to run; other bad pointers end in SIGSEGV, which is loud enough. */
static inline bool sim_is_bad_address(uint64_t address)
{
	return address < SIM_PAGE;
}

static inline bool sim_may_read(const struct sim_file *f)
{
	return (f->flags & O_ACCMODE) != O_WRONLY;
}

static inline bool sim_may_write(const struct sim_file *f)
{
	return (f->flags & O_ACCMODE) != O_RDONLY;
}

/* The ring that a file is, or NULL. */
struct sim_ring *rondo__sim_ring_of_file(struct sim_file *f);
/* What descriptors 0, 1 and 2 of a host are. Borrowed. */
struct sim_file *rondo__sim_console(struct sim_host *h, int fd);
void rondo__sim_console_close(struct sim_host *h);
#endif
