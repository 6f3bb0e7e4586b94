/* SPDX-License-Identifier: MIT */
/* memory.c - futexes and madvise. */
#include "rondo/memory.h"

#include "io/io.h"

/* Names of linux/futex.h that are younger than 6.1's. */
enum { FUTEX2_U32_PRIVATE = 0x02 | 0x80 };
static const uint64_t match_any = UINT32_MAX;

/* A multiple of every page size, huge ones included; an SQE has only 32 bits for a length. */
enum { RANGE_MAX = 1 << 30 };

static int futex(unsigned opcode, const uint32_t *word, uint32_t value)
{
	struct op op;
	struct io_uring_sqe *sqe;

	if (unlikely(!ring_has_op(&rondo__self()->loop->ring, opcode)))
		return -EOPNOTSUPP;
	sqe = rondo__op_begin(&op);
	rondo__prep(sqe, opcode, FUTEX2_U32_PRIVATE, word, 0, value);
	sqe->addr3 = match_any;
	return io_await(&op);
}

int rondo_futex_wait(const uint32_t *word, uint32_t expected)
{
	return futex(RONDO_OP_FUTEX_WAIT, word, expected);
}

int rondo_futex_wake(const uint32_t *word, uint32_t n_waiters)
{
	if (n_waiters > INT32_MAX)	/* the kernel counts in an int, and below 1 is 1 to it */
		n_waiters = INT32_MAX;
	return n_waiters ? futex(RONDO_OP_FUTEX_WAKE, word, n_waiters) : -EINVAL;
}

int rondo_madvise(void *address, size_t len, int advice)
{
	char *p = address;
	int ret;

	do {
		size_t n = len < RANGE_MAX ? len : RANGE_MAX;
		struct op op;
		struct io_uring_sqe *sqe = rondo__op_begin(&op);

		rondo__prep(sqe, IORING_OP_MADVISE, -1, p, (unsigned)n, 0);
		sqe->fadvise_advice = (uint32_t)advice;
		ret = io_await(&op);
		p += n;
		len -= n;
	} while (ret == 0 && len);
	return ret;
}
