/* SPDX-License-Identifier: MIT */
/* ring.c - the queues: publish SQEs, enter the kernel, hand out CQEs. See ring.h. */
#include "ring/ring.h"

#include <errno.h>

#include "switch/sanitizer.h"

/* Publish the queued SQEs; the store releases their contents to the kernel (SQPOLL reads them
 * without an enter). Returns how many the kernel has not taken yet. */
static unsigned publish(struct ring *r)
{
	struct io_uring_sq *sq = &r->uring.sq;

	io_uring_smp_store_release(sq->ktail, sq->sqe_tail);
	return sq->sqe_tail - io_uring_smp_load_acquire(sq->khead);
}

/* The kernel's head is the truth about what it took: enter may stop early (KN-9). */
static void count_submitted(struct ring *r)
{
	struct io_uring_sq *sq = &r->uring.sq;
	unsigned head = io_uring_smp_load_acquire(sq->khead);

	r->n_submitted += head - sq->sqe_head;
	sq->sqe_head = head;
}

static int enter(struct ring *r, unsigned n_wait, unsigned flags, const void *arg, size_t arg_size)
{
	unsigned to_submit = publish(r);
	int ret;

	if (*(volatile unsigned *)r->uring.sq.kflags & IORING_SQ_CQ_OVERFLOW)
		r->n_overflows++;
	/* Always: SQ_NEED_WAKEUP may appear right after it was looked at. */
	if (r->uring.flags & IORING_SETUP_SQPOLL)
		flags |= IORING_ENTER_SQ_WAKEUP;
	r->n_enters++;
	ret = r->kernel->enter(r->kernel, r->enter_fd, to_submit, n_wait,
			       flags | IORING_ENTER_GETEVENTS | r->enter_flags, arg, arg_size);
	count_submitted(r);
	/* A registered descriptor is known only to the task that registered it: to another thread,
	 * or in the child of a fork, it is what SINGLE_ISSUER would call EEXIST (KN-16, KN-17). */
	if ((ret == -EINVAL || ret == -EBADF) && (r->enter_flags & IORING_ENTER_REGISTERED_RING))
		return -EEXIST;
	return ret;
}

static struct __kernel_timespec timespec_of(uint64_t ns)
{
	return (struct __kernel_timespec){ .tv_sec = (long long)(ns / 1000000000u),
					   .tv_nsec = (long long)(ns % 1000000000u) };
}

static int enter_until(struct ring *r, unsigned n_wait, uint64_t deadline_ns)
{
	struct __kernel_timespec ts;
	struct io_uring_getevents_arg arg = { .sigmask_sz = _NSIG / 8 };
	unsigned flags = IORING_ENTER_EXT_ARG | r->wait_flags;

	if (r->has_abs_timer) {
		flags |= RONDO_ENTER_ABS_TIMER;
	} else {
		uint64_t now = r->kernel->now(r->kernel, CLOCK_MONOTONIC);

		deadline_ns = deadline_ns > now ? deadline_ns - now : 0;
	}
	ts = timespec_of(deadline_ns);
	arg.ts = (uintptr_t)&ts;
	return enter(r, n_wait, flags, &arg, sizeof(arg));
}

int rondo__ring_enter(struct ring *r, unsigned n_wait, uint64_t deadline_ns)
{
	int ret;

	if (n_wait && deadline_ns != UINT64_MAX)
		ret = enter_until(r, n_wait, deadline_ns);
	else
		ret = enter(r, n_wait, n_wait ? r->wait_flags : 0, NULL, 0);
	/* EINTR: a signal, or its handler, wants the loop's attention. EAGAIN, EBUSY: the kernel is
	 * short of memory or wants CQEs consumed first. ETIME: the deadline. All mean "reap, and
	 * come back". */
	if (ret >= 0 || ret == -EINTR || ret == -EAGAIN || ret == -EBUSY || ret == -ETIME)
		return 0;
	return ret;
}

void rondo__ring_flush(struct ring *r)
{
	struct io_uring_sq *sq = &r->uring.sq;

	while (sq->sqe_tail - io_uring_smp_load_acquire(sq->khead) >= sq->ring_entries) {
		int ret = enter(r, 0, 0, NULL, 0);

		BUG_ON(ret < 0 && ret != -EINTR && ret != -EAGAIN && ret != -EBUSY);
		rondo__ring_reap(r);	/* EBUSY ends when the CQ has room again */
	}
}

/* A CQE is consumed before it is handed out: who gets it may take an SQE, find the SQ full, and so
 * come here again. */
unsigned rondo__ring_reap(struct ring *r)
{
	struct io_uring_cq *cq = &r->uring.cq;
	unsigned n = 0;

	for (; ring_has_cqe(r); n++) {
		unsigned head = *cq->khead;
		const struct io_uring_cqe *slot = &cq->cqes[head & cq->ring_mask];
		struct io_uring_cqe cqe;

		san_kernel_wrote(slot, sizeof(*slot));
		memcpy(&cqe, slot, sizeof(cqe));
		/* First, because complete() may take an SQE, and a full SQ reaps: in here. */
		io_uring_smp_store_release(cq->khead, head + 1);
		if (!(cqe.flags & IORING_CQE_F_MORE))
			r->n_in_flight--;
		r->n_reaped++;
		r->complete(r->owner, &cqe);
	}
	return n;
}
