/* SPDX-License-Identifier: MIT */
/* ring.h - one io_uring: set-up, SQEs, enter, reap. Layer 2. The only place that moves the queues.
 *
 * Q1  rondo__ring_sqe() always gives an SQE: a full queue is submitted on demand.
 * Q2  Reaping copies; it never runs user code. So it may happen on any stack.
 * Q3  n_in_flight counts SQEs that still owe a CQE. A ring is closed only at zero, because closing
 *     it does not stop the kernel from writing into buffers (KN-3).
 * Q4  EINTR, EAGAIN and EBUSY from enter, a full SQ and an overflown CQ end here. */
#ifndef RONDO_RING_RING_H
#define RONDO_RING_RING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bug.h"
#include "ring/compat.h"
#include "ring/kernel.h"

struct ring_options {
	unsigned sq_entries;		/* 0: RING_SQ_ENTRIES */
	unsigned cq_entries;		/* 0: RING_CQ_RATIO times the SQ */
	unsigned extra_setup_flags;	/* SQPOLL and the like, only on request */
	unsigned iowq_bounded, iowq_unbounded;	/* worker threads; 0: the defaults below */
};

enum {
	RING_SQ_ENTRIES = 256,
	RING_CQ_RATIO = 8,		/* an overflow is lossless but slow, and ends multishots (KN-8) */
	RING_SQ_ENTRIES_MIN = 8,
	RING_IOWQ_BOUNDED = 4,		/* the kernel's unbounded default is RLIMIT_NPROC (KN-6) */
	RING_IOWQ_UNBOUNDED = 32,
};

/* What was asked for and not given, in the order it was given up; rondo probe prints it. */
enum ring_downgrade {
	RING_NO_DEFER_TASKRUN = 1 << 0,	/* 6.1 */
	RING_NO_SINGLE_ISSUER = 1 << 1,	/* 6.0 */
	RING_NO_REGISTERED_FD = 1 << 2,	/* 5.18 */
	RING_NO_IOWQ_LIMIT = 1 << 3,	/* 5.15 */
	RING_SMALLER = 1 << 4,		/* RLIMIT_MEMLOCK */
	RING_NO_IOWAIT_FLAG = 1 << 5,	/* 6.15 */
	RING_NO_ABS_TIMER = 1 << 6,	/* 6.12 */
};

struct ring {
	struct io_uring uring;
	const struct kernel *kernel;
	unsigned enter_fd;		/* the registered index, or the fd itself */
	unsigned enter_flags;		/* on every enter */
	unsigned wait_flags;		/* on enters that sleep */
	uint64_t n_in_flight;
	uint64_t n_enters, n_submitted, n_reaped, n_overflows;
	void (*complete)(void *owner, const struct io_uring_cqe *cqe);
	void *owner;
	unsigned downgrades;		/* enum ring_downgrade */
	bool has_abs_timer, has_nosignal;
	uint64_t ops;		/* bit per opcode the kernel knows */
};

/* Open a ring for the calling thread; complete(owner, cqe) is called for each CQE reaped. */
int rondo__ring_open(struct ring *r, const struct kernel *kernel, const struct ring_options *o,
		     void (*complete)(void *, const struct io_uring_cqe *), void *owner);
void rondo__ring_close(struct ring *r);

/* Submit what is queued. With n_wait, sleep until that many CQEs are there or deadline_ns
 * (CLOCK_MONOTONIC; UINT64_MAX: no limit) has come. Returns 0 or an error nobody can mend. */
int rondo__ring_enter(struct ring *r, unsigned n_wait, uint64_t deadline_ns);
/* Make room in a full SQ. */
void rondo__ring_flush(struct ring *r);
unsigned rondo__ring_reap(struct ring *r);

static inline bool ring_has_op(const struct ring *r, unsigned opcode)
{
	return opcode < 64 && (r->ops >> opcode & 1);
}

static inline unsigned ring_n_queued(const struct ring *r)
{
	return r->uring.sq.sqe_tail - r->uring.sq.sqe_head;
}

/* A cleared SQE that will cost one CQE. It is the caller's until the next call on the ring. */
static inline struct io_uring_sqe *rondo__ring_sqe(struct ring *r)
{
	struct io_uring_sq *sq = &r->uring.sq;

	if (unlikely(sq->sqe_tail - io_uring_smp_load_acquire(sq->khead) >= sq->ring_entries))
		rondo__ring_flush(r);
	r->n_in_flight++;

	struct io_uring_sqe *sqe = &sq->sqes[sq->sqe_tail++ & sq->ring_mask];

	memset(sqe, 0, sizeof(*sqe));
	return sqe;
}

/* Give back the SQE taken last; nothing may have been queued since. */
static inline void rondo__ring_sqe_drop(struct ring *r)
{
	r->uring.sq.sqe_tail--;
	r->n_in_flight--;
}

/* Does the kernel have something for us that only an enter fetches? */
static inline bool ring_wants_enter(const struct ring *r)
{
	return *(volatile unsigned *)r->uring.sq.kflags &
	       (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
}

static inline bool ring_has_cqe(const struct ring *r)
{
	return io_uring_smp_load_acquire(r->uring.cq.ktail) != *r->uring.cq.khead;
}
#endif
