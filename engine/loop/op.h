/* SPDX-License-Identifier: MIT */
/* op.h - one request in the kernel, from its SQE to its last CQE. Layer 3.
 *
 *   ssize_t rondo_read(...)
 *   {
 *           struct op op;
 *           struct io_uring_sqe *sqe = rondo__op_begin(&op);
 *
 *           io_uring_prep_read(sqe, ...);
 *           return rondo__op_await(&op);
 *   }
 *
 * O1  An op lives on the stack of the task that awaits it, and the task does not leave
 *     rondo__op_await() before the op's last CQE, cancelled or not. So the op and every buffer
 *     it names outlive the kernel's use of them.
 * O2  user_data is the op's address and a generation: unique in flight, because the kernel
 *     matches cancels by value (KN-12), and a stale CQE cannot hit an op that reuses the
 *     address.
 * O3  A cancel is a request; the op's own CQE decides (KN-7). Bytes that moved, a descriptor
 *     that was opened are delivered, and the cancel stays for the task's next await.
 * O4  Between begin and await no other SQE may be taken.
 * O5  -ECANCELED means that this task was cancelled, and nothing else.
 * O6  An op with on_cqe is awaited by nobody and lives in an object instead of a frame. on_cqe
 *     sees every CQE, on any stack: it runs no user code and does not park; it may wake and take
 *     SQEs. The object stays in place until the CQE without F_MORE.
 * O7  The kernel may lose a cancel (KN-44): one that answers it did nothing is repeated after a
 *     while, for as long as its op has not ended. */
#ifndef RONDO_LOOP_OP_H
#define RONDO_LOOP_OP_H

#include <errno.h>

#include "loop/loop.h"

/* user_data of SQEs that belong to no op; as addresses they would be below 64 KiB. */
enum {
	OP_IGNORED,			/* whatever it answers */
	OP_CANCEL,			/* the target's own CQE decides, but see O7 */
	OP_TIMEOUT,
	OP_TIMEOUT_UPDATE,
	OP_REMOTE,
};

struct op {
	struct wait wait;
	struct io_uring_sqe *sqe;	/* until awaited */
	int res;			/* the CQE's */
	uint32_t flags;			/* the CQE's */
	uint16_t generation;
	uint8_t opcode;
	bool asked_to_end;
	int fd;
	struct op *next, **prev;	/* in the descriptor's list; prev NULL: in none */
	struct list cancelled;		/* in loop->cancelled, if asked_to_end */
	struct closing *closing;	/* who is closing its descriptor under it, or NULL */
	void (*on_cqe)(struct op *op, const struct io_uring_cqe *cqe);	/* O6; NULL: wake the task */
};

/* Does res say that the op was stopped before it did anything (KN-10)? */
static inline bool op_interrupted(int res)
{
	enum { RESTART_FIRST = 512, RESTART_LAST = 516 };	/* ERESTARTSYS and its kin */

	return res == -ECANCELED || res == -EINTR || (-res >= RESTART_FIRST && -res <= RESTART_LAST);
}

/* Take an SQE for the running task. Fill it, then await. */
struct io_uring_sqe *rondo__op_begin(struct op *op);
/* Submit, park, return the CQE's res. */
int rondo__op_await(struct op *op);
/* The same, but a pending or arriving cancel waits for the task's next await: for close, and for
 * undoing things. */
int rondo__op_await_masked(struct op *op);

/* The same life without a task (O6): take an SQE, fill it, start. */
struct io_uring_sqe *rondo__op_begin_owned(struct loop *l, struct op *op,
					   void (*on_cqe)(struct op *, const struct io_uring_cqe *));
void rondo__op_start(struct loop *l, struct op *op);
/* Ask the kernel to end an op; its own last CQE says when, and how. */
void rondo__op_cancel(struct loop *l, struct op *op);
/* No more repeating: the loop is about to close. */
void rondo__op_cancels_stop(struct loop *l);
void rondo__op_cancels_init(struct loop *l);
/* A cancel did nothing: repeat it later, if it is still wanted. */
void rondo__op_cancels_unheard(struct loop *l);

/* End the ops in flight on fd, for rondo_close(): they return -EBADF to their tasks. Parks until
 * they have reported; take the SQE of the CLOSE next, before another task runs. Returns 0, or
 * -EBADF if another task is doing this. */
int rondo__op_close_fd(int fd);

/* The reaper's callback: finds the op in user_data, wakes its task. */
void rondo__op_complete(struct loop *l, const struct io_uring_cqe *cqe);
void rondo__op_table_free(struct loop *l);
#endif
