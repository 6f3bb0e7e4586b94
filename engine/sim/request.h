/* SPDX-License-Identifier: MIT */
/* request.h - one SQE in the simulated kernel, from submission to its last CQE. Layer 9.
 *
 *   submitted -> [late] -> trying --result--------------------------> completing -> CQE
 *                            |  ^                                        ^
 *                   SIM_WAIT |  | notify                                 |
 *                            v  |                                        |
 *                          waiting --cancel-----------------------------+
 *
 *   an op that workers run: queued -> running (cannot be stopped) -> completing -> CQE
 *
 * The effect takes place when a try succeeds; the CQE comes later, in any order that the kernel
 * allows, so a cancel may find an op whose bytes have moved. */
#ifndef RONDO_SIM_REQUEST_H
#define RONDO_SIM_REQUEST_H

#include "sim/file.h"

enum sim_path {
	SIM_INLINE,			/* tried at once */
	SIM_WORKER,			/* always run by a worker thread (KN-24) */
	SIM_BY_FILE,			/* a worker's, or late, if the file is on a disk; else inline */
};

enum sim_state {
	SIM_LATE,			/* will be tried; a cancel still stops it */
	SIM_WAITING,			/* for its file, or for what its op says */
	SIM_QUEUED,			/* for a worker; a cancel still stops it */
	SIM_RUNNING,			/* by a worker; it cannot be stopped, unless it blocks there */
	SIM_BLOCKED,			/* in a worker: a cancel interrupts it */
	SIM_COMPLETING,			/* the result stands, the CQE is to come */
	SIM_LINKED,			/* not begun: the op before it has not completed */
};

/* What is specific to an opcode. */
struct sim_op {
	const char *name;
	enum sim_path path;
	bool needs_file;		/* sqe->fd; -EBADF if there is none */
	uint32_t wants;			/* POLL* for which to wait on its file when run says SIM_WAIT */
	/* Optional: look at the SQE and copy what it points to (KN-26). 0 or the CQE's -errno. */
	int (*prepare)(struct sim_request *rq);
	/* Try once. The CQE's res, or SIM_WAIT. */
	long (*run)(struct sim_request *rq);
	/* Optional: it waits for something else than its file, and is taken back. */
	void (*forget)(struct sim_request *rq);
	bool cancel_counts;		/* a cancel that ends it answers 1 instead of 0 (KN-7) */
};

struct sim_request {
	struct list link;		/* in ring->requests, oldest first */
	struct list waiting;		/* in a list of waiters; empty: in none */
	struct sim_event event;		/* its next step */
	struct sim_ring *ring;
	const struct sim_op *op;
	struct io_uring_sqe sqe;
	struct sim_file *file;		/* held; NULL: none */
	uint64_t serial;		/* in the whole simulation, from 1 */
	enum sim_state state;
	uint32_t wants;			/* POLL* */
	int32_t res;			/* once COMPLETING */
	uint32_t cqe_flags;
	uint64_t late_ns;		/* more until the last CQE: a zero-copy buffer is still in use */
	bool cancelled;			/* somebody asked */
	bool multishot;
	bool hangs;			/* until faults end */
	bool timed_out;			/* its LINK_TIMEOUT asked */
	struct sim_request *next_linked;	/* begins when this has completed */
	struct iovec *iov;		/* the buffers; owned */
	unsigned n_iov;
	bool kernel_writes;		/* the buffers are to be filled, not read */
	bool held;			/* it has begun: its buffers are the kernel's */
	uint64_t buffers_hash;		/* at submission (P3) */
	size_t n_moved;			/* bytes so far, of an op that goes on until all is moved */
	uint64_t issued_ns;
	void *private_data;		/* the op's own; freed by free() */
};

struct sim_cqe {
	struct list link;
	struct io_uring_cqe cqe;
};

/* Provided buffers of one group: the ring in the host's memory. */
struct sim_buffers {
	struct io_uring_buf_ring *ring;
	uint32_t n_entries;		/* 0: no such group */
	uint16_t head;
};

enum { SIM_BUFFER_GROUPS = 8 };

struct sim_ring {
	struct sim_file file;		/* first */
	struct list link;		/* in host->rings */
	struct list requests;		/* not yet completed, in order of submission */
	struct list ready;		/* struct sim_cqe: to be posted by the next enter */
	struct list overflow;		/* struct sim_cqe: for which the CQ had no room */
	struct io_uring uring;		/* our view of the shared memory */
	uint32_t setup_flags;
	unsigned n_ready;
	bool enabled;
	bool registered;		/* has an index for enter */
	unsigned index;
	int fd;
	bool timeout_fired;		/* a TIMEOUT's completion ends a wait for many (KN-22) */
	struct sim_buffers groups[SIM_BUFFER_GROUPS];
	struct sim_request *link_head, *link_tail;	/* the chain being built by a submission */
};

extern const struct sim_op *const rondo__sim_ops[64];

/* Take the SQE: a request begins. */
void rondo__sim_submit(struct sim_ring *r, const struct io_uring_sqe *sqe);
/* That was all of this enter: a chain of links ends. */
void rondo__sim_submit_end(struct sim_ring *r);
/* Forget it without a CQE: its host is off. */
void rondo__sim_request_drop(struct sim_request *rq);
/* CQEs that the CQ could take now. */
unsigned rondo__sim_cq_room(const struct sim_ring *r);
/* Let a waiting request try again soon. */
void rondo__sim_retry(struct sim_request *rq);
/* End a request that waits outside its file (a timer, a futex): its op's run is not called again. */
void rondo__sim_complete(struct sim_request *rq, int res, uint32_t cqe_flags);
/* A CQE of a request that goes on (F_MORE is set). False if it has to end instead: the CQ is full. */
bool rondo__sim_post_more(struct sim_request *rq, int res, uint32_t cqe_flags);
/* A CQE that belongs to no request of this ring (MSG_RING). */
void rondo__sim_post(struct sim_ring *r, uint64_t user_data, int res, uint32_t cqe_flags);
/* Ask a request to end. Returns what ASYNC_CANCEL would answer: 0 or -EALREADY, -ENOENT. */
int rondo__sim_cancel(struct sim_request *rq);
/* Faults have ended: what hangs goes on. */
void rondo__sim_unhang_all(struct sim *s);

/* Choose a provided buffer for rq, of at most rq->sqe.len bytes if that is not 0. On success *iov is
 * the buffer and the flags for the CQE are returned; else -ENOBUFS. The buffer is used up. */
int rondo__sim_pick_buffer(struct sim_request *rq, struct iovec *iov);
#endif
