/* SPDX-License-Identifier: MIT */
/* compat.h - io_uring's numbers that are younger than liburing 2.3. Layer 2.
 *
 * Own names, because enum members of the system's header cannot be tested for and would clash. All
 * are found by probing, never by kernel version; struct layouts did not change since 2.3, so a
 * field that got an alias later is reached by its old name (static asserts below). */
#ifndef RONDO_RING_COMPAT_H
#define RONDO_RING_COMPAT_H

#include <liburing.h>
#include <stddef.h>
#include <string.h>

enum rondo_op {				/* kernel */
	RONDO_OP_READ_MULTISHOT = 49,	/* 6.7 */
	RONDO_OP_WAITID = 50,		/* 6.7 */
	RONDO_OP_FUTEX_WAIT = 51,	/* 6.7 */
	RONDO_OP_FUTEX_WAKE = 52,	/* 6.7 */
	RONDO_OP_FUTEX_WAITV = 53,	/* 6.7 */
	RONDO_OP_FIXED_FD_INSTALL = 54,	/* 6.8 */
	RONDO_OP_FTRUNCATE = 55,	/* 6.9 */
	RONDO_OP_BIND = 56,		/* 6.11 */
	RONDO_OP_LISTEN = 57,		/* 6.11 */
	RONDO_OP_RECV_ZC = 58,		/* 6.15 */
	RONDO_OP_EPOLL_WAIT = 59,	/* 6.15 */
	RONDO_OP_READV_FIXED = 60,	/* 6.15 */
	RONDO_OP_WRITEV_FIXED = 61,	/* 6.15 */
	RONDO_OP_PIPE = 62,		/* 6.16 */
	RONDO_OP_END = 64,		/* probing looks no further */
};

#define RONDO_SETUP_NO_MMAP (1u << 14)		  /* 6.5 */
#define RONDO_SETUP_REGISTERED_FD_ONLY (1u << 15) /* 6.5, with NO_MMAP */
#define RONDO_SETUP_NO_SQARRAY (1u << 16)	  /* 6.6; never through liburing 2.3 (KN-21) */
#define RONDO_SETUP_HYBRID_IOPOLL (1u << 17)	  /* 6.13, with IOPOLL */
#define RONDO_SETUP_CQE_MIXED (1u << 18)	  /* 6.18 */
#define RONDO_SETUP_SQE_MIXED (1u << 19)	  /* 6.19 */
#define RONDO_SETUP_SQ_REWIND (1u << 20)	  /* 7.0, with NO_SQARRAY */

#define RONDO_ENTER_ABS_TIMER (1u << 5)	 /* 6.12 */
#define RONDO_ENTER_EXT_ARG_REG (1u << 6) /* 6.13 */
#define RONDO_ENTER_NO_IOWAIT (1u << 7)	 /* 6.15, with RONDO_FEAT_NO_IOWAIT */
#define RONDO_FEAT_REG_REG_RING (1u << 13)
#define RONDO_FEAT_MIN_TIMEOUT (1u << 15) /* 6.12: stands for ABS_TIMER too */
#define RONDO_FEAT_NO_IOWAIT (1u << 17)
#define RONDO_RECVSEND_BUNDLE (1u << 4)
#define RONDO_REGISTER_QUERY 35		 /* 6.18 */
#define RONDO_RWF_NOSIGNAL 0x100	 /* 6.18 */

/* What RONDO_REGISTER_QUERY takes, and what it answers to query_op 0. */
struct rondo_query {
	uint64_t next;
	uint64_t data;			/* address of a struct rondo_query_ops */
	uint32_t query_op;
	uint32_t size;			/* of what data points to; comes back as what was filled */
	int32_t result;
	uint32_t reserved[3];
};

struct rondo_query_ops {
	uint32_t n_ops, n_register_ops;
	uint64_t features, setup_flags, enter_flags, sqe_flags;
	uint32_t n_query_ops, reserved;
};

_Static_assert(sizeof(struct rondo_query) == 40, "struct io_uring_query_hdr");
_Static_assert(sizeof(struct rondo_query_ops) == 48, "struct io_uring_query_opcode");

_Static_assert(sizeof(struct io_uring_sqe) == 64, "an SQE is 64 bytes");
_Static_assert(offsetof(struct io_uring_sqe, off) == 8, "off, addr2");
_Static_assert(offsetof(struct io_uring_sqe, addr) == 16, "addr");
_Static_assert(offsetof(struct io_uring_sqe, len) == 24, "len");
_Static_assert(offsetof(struct io_uring_sqe, rw_flags) == 28, "waitid, futex, pipe flags");
_Static_assert(offsetof(struct io_uring_sqe, file_index) == 44, "file_index, optlen");
_Static_assert(offsetof(struct io_uring_sqe, addr3) == 48, "addr3");
_Static_assert(sizeof(struct io_uring_getevents_arg) == 24, "wait argument");

/* Fill any SQE. Like io_uring_prep_rw, which has no room for opcodes it does not know by name. */
static inline void rondo__prep(struct io_uring_sqe *sqe, unsigned opcode, int fd, const void *addr,
			       unsigned len, uint64_t off)
{
	io_uring_prep_rw((int)opcode, sqe, fd, addr, len, off);
}
#endif
