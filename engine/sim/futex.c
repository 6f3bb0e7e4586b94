/* SPDX-License-Identifier: MIT */
/* futex.c - waiting on a word of the host's memory, and advice about that memory. */
#include <errno.h>
#include <linux/futex.h>
#include <sys/mman.h>

#include "sim/transfer.h"

/* Names of linux/futex.h that are younger than 6.1's. */
enum { FUTEX2_SIZE = 0x03, FUTEX2_U32 = 0x02, FUTEX2_IS_PRIVATE = 0x80 };

/* --- FUTEX_WAIT, FUTEX_WAKE ------------------------------------------------------------------ */

static uint64_t word_of(const struct sim_request *rq)
{
	return rq->sqe.addr;
}

static uint32_t mask_of(const struct sim_request *rq)
{
	return (uint32_t)rq->sqe.addr3;
}

static int prepare(struct sim_request *rq)
{
	const struct io_uring_sqe *sqe = &rq->sqe;
	uint32_t flags = (uint32_t)sqe->fd;

	if (sqe->len || sqe->rw_flags || sqe->buf_index || sqe->file_index)
		return -EINVAL;
	/* Linux has no other size yet. */
	if (flags & ~(FUTEX2_SIZE | FUTEX2_IS_PRIVATE) || (flags & FUTEX2_SIZE) != FUTEX2_U32)
		return -EINVAL;
	if (!(flags & FUTEX2_IS_PRIVATE)) {
		rondo__sim_fail(sim_of(rq), "Z4", "%s between processes", rq->op->name);
		return -EINVAL;
	}
	return sqe->addr2 >> 32 || sqe->addr3 >> 32 ? -EINVAL : 0;
}

static long run_wait(struct sim_request *rq)
{
	const uint32_t *word = (const uint32_t *)(uintptr_t)word_of(rq);

	if (!mask_of(rq) || word_of(rq) % sizeof(*word))
		return -EINVAL;
	if (sim_is_bad_address(word_of(rq)))
		return -EFAULT;
	if (__atomic_load_n(word, __ATOMIC_SEQ_CST) != (uint32_t)rq->sqe.addr2)
		return -EAGAIN;
	list_push(&sim_host_of(rq)->futexes, &rq->waiting);
	return SIM_WAIT;
}

const struct sim_op rondo__sim_op_futex_wait = {
	.name = "FUTEX_WAIT", .prepare = prepare, .run = run_wait, .cancel_counts = true,
};

/* The first come are the first woken. */
static long run_wake(struct sim_request *rq)
{
	struct list *futexes = &sim_host_of(rq)->futexes;
	uint32_t n_woken = 0, n_max = (uint32_t)rq->sqe.addr2;

	if (!mask_of(rq) || word_of(rq) % sizeof(uint32_t))
		return -EINVAL;
	for (struct list *next, *p = futexes->next; p != futexes && n_woken < n_max; p = next) {
		struct sim_request *waiter = container_of(p, struct sim_request, waiting);

		next = p->next;
		if (word_of(waiter) != word_of(rq) || !(mask_of(waiter) & mask_of(rq)))
			continue;
		rondo__sim_complete(waiter, 0, 0);
		n_woken++;
	}
	return (long)n_woken;
}

const struct sim_op rondo__sim_op_futex_wake = {
	.name = "FUTEX_WAKE", .prepare = prepare, .run = run_wake,
};

/* --- MADVISE --------------------------------------------------------------------------------- */

static int prepare_madvise(struct sim_request *rq)
{
	return rq->sqe.buf_index || rq->sqe.off || rq->sqe.splice_fd_in ? -EINVAL : 0;
}

/* MADV_DONTNEED changes what the program reads, and fails by what it has mapped; the memory is
 * real, so the kernel below does it, with an outcome that is the program's own doing. Hints are
 * not passed on: what they do can be seen in the time that things take alone, and that is ours. */
static long run_madvise(struct sim_request *rq)
{
	void *address = (void *)(uintptr_t)rq->sqe.addr;

	switch ((int)rq->sqe.fadvise_advice) {
	case MADV_DONTNEED:
		return madvise(address, rq->sqe.len, MADV_DONTNEED) < 0 ? -errno : 0;
	case MADV_NORMAL:
	case MADV_RANDOM:
	case MADV_SEQUENTIAL:
	case MADV_WILLNEED:
	case MADV_FREE:			/* the kernel may take the pages; it need not */
	case MADV_COLD:
	case MADV_HUGEPAGE:
	case MADV_NOHUGEPAGE:
		return rq->sqe.addr % SIM_PAGE ? -EINVAL : 0;
	default:
		if (rq->sqe.fadvise_advice < 256)
			rondo__sim_fail(sim_of(rq), "Z4", "madvise %u", rq->sqe.fadvise_advice);
		return -EINVAL;
	}
}

const struct sim_op rondo__sim_op_madvise = {
	.name = "MADVISE", .path = SIM_WORKER, .prepare = prepare_madvise, .run = run_madvise,
};
