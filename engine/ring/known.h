/* SPDX-License-Identifier: MIT */
/* known.h - what is known of io_uring by name: its ops, flags, features and register ops, in the
 * order of their numbers. Layer 2. For probe.c alone: data, kept apart because there is so much of
 * it. */
#ifndef RONDO_RING_KNOWN_H
#define RONDO_RING_KNOWN_H

#include "ring/compat.h"

struct known {
	const char *name, *since;	/* the kernel that brought it */
	const char *why_not;		/* the engine does not use it, or USED or NO_NEED */
};

#define USED NULL
#define NO_NEED ""

static const struct known ops[] = {
	{ "NOP", "5.1", NO_NEED },
	{ "READV", "5.1", USED },
	{ "WRITEV", "5.1", USED },
	{ "FSYNC", "5.1", USED },
	{ "READ_FIXED", "5.1", NO_NEED },
	{ "WRITE_FIXED", "5.1", NO_NEED },
	{ "POLL_ADD", "5.1", USED },
	{ "POLL_REMOVE", "5.1", "ASYNC_CANCEL does it" },
	{ "SYNC_FILE_RANGE", "5.2", USED },
	{ "SENDMSG", "5.3", USED },
	{ "RECVMSG", "5.3", USED },
	{ "TIMEOUT", "5.4", USED },
	{ "TIMEOUT_REMOVE", "5.5", USED },
	{ "ACCEPT", "5.5", USED },
	{ "ASYNC_CANCEL", "5.5", USED },
	{ "LINK_TIMEOUT", "5.5", "a deadline is a heap entry that cancels" },
	{ "CONNECT", "5.5", USED },
	{ "FALLOCATE", "5.6", USED },
	{ "OPENAT", "5.6", USED },
	{ "CLOSE", "5.6", USED },
	{ "FILES_UPDATE", "5.6", NO_NEED },
	{ "STATX", "5.6", USED },
	{ "READ", "5.6", USED },
	{ "WRITE", "5.6", USED },
	{ "FADVISE", "5.6", USED },
	{ "MADVISE", "5.6", USED },
	{ "SEND", "5.6", USED },
	{ "RECV", "5.6", USED },
	{ "OPENAT2", "5.6", USED },
	{ "EPOLL_CTL", "5.6", "epoll_ctl(2) never blocks" },
	{ "SPLICE", "5.7", USED },
	{ "PROVIDE_BUFFERS", "5.7", "buffer rings replace it" },
	{ "REMOVE_BUFFERS", "5.7", "buffer rings replace it" },
	{ "TEE", "5.8", USED },
	{ "SHUTDOWN", "5.11", "shutdown(2) never blocks; this costs a worker thread" },
	{ "RENAMEAT", "5.11", USED },
	{ "UNLINKAT", "5.11", USED },
	{ "MKDIRAT", "5.15", USED },
	{ "SYMLINKAT", "5.15", USED },
	{ "LINKAT", "5.15", USED },
	{ "MSG_RING", "5.18", "an eventfd wakes from any thread, at the same cost" },
	{ "FSETXATTR", "5.19", USED },
	{ "SETXATTR", "5.19", USED },
	{ "FGETXATTR", "5.19", USED },
	{ "GETXATTR", "5.19", USED },
	{ "SOCKET", "5.19", "socket(2) never blocks" },
	{ "URING_CMD", "5.19", NO_NEED },
	{ "SEND_ZC", "6.0", USED },
	{ "SENDMSG_ZC", "6.1", NO_NEED },
	{ "READ_MULTISHOT", "6.7", NO_NEED },
	{ "WAITID", "6.7", USED },
	{ "FUTEX_WAIT", "6.7", USED },
	{ "FUTEX_WAKE", "6.7", USED },
	{ "FUTEX_WAITV", "6.7", NO_NEED },
	{ "FIXED_FD_INSTALL", "6.8", NO_NEED },
	{ "FTRUNCATE", "6.9", USED },
	{ "BIND", "6.11", "bind(2) never blocks" },
	{ "LISTEN", "6.11", "listen(2) never blocks" },
	{ "RECV_ZC", "6.15", "needs a network card with header split" },
	{ "EPOLL_WAIT", "6.15", USED },
	{ "READV_FIXED", "6.15", NO_NEED },
	{ "WRITEV_FIXED", "6.15", NO_NEED },
	{ "PIPE", "6.16", USED },
	{ "NOP128", "6.19", NO_NEED },
	{ "URING_CMD128", "6.19", NO_NEED },
};

/* Whether a set-up flag is used is read off the ring itself. needs: flags it cannot do without. */
static const struct {
	struct known known;
	unsigned needs;
} setup_flags[] = {
	{ { "IOPOLL", "5.1", "only on request" }, 0 },
	{ { "SQPOLL", "5.1", "only on request: a kernel thread per ring" }, 0 },
	{ { "SQ_AFF", "5.1", "serves SQPOLL" }, IORING_SETUP_SQPOLL },
	{ { "CQSIZE", "5.5", NO_NEED }, 0 },
	{ { "CLAMP", "5.6", NO_NEED }, 0 },
	{ { "ATTACH_WQ", "5.6", "serves SQPOLL" }, 0 },
	{ { "R_DISABLED", "5.10", NO_NEED }, 0 },
	{ { "SUBMIT_ALL", "5.18", NO_NEED }, 0 },
	{ { "COOP_TASKRUN", "5.19", "DEFER_TASKRUN is better" }, 0 },
	{ { "TASKRUN_FLAG", "5.19", NO_NEED }, IORING_SETUP_COOP_TASKRUN },
	{ { "SQE128", "5.19", NO_NEED }, 0 },
	{ { "CQE32", "5.19", NO_NEED }, 0 },
	{ { "SINGLE_ISSUER", "6.0", NO_NEED }, 0 },
	{ { "DEFER_TASKRUN", "6.1", NO_NEED }, IORING_SETUP_SINGLE_ISSUER },
	{ { "NO_MMAP", "6.5", NO_NEED }, 0 },
	{ { "REGISTERED_FD_ONLY", "6.5", NO_NEED }, RONDO_SETUP_NO_MMAP },
	{ { "NO_SQARRAY", "6.6", "liburing 2.3 corrupts the ring with it" }, 0 },
	{ { "HYBRID_IOPOLL", "6.13", "serves IOPOLL" }, IORING_SETUP_IOPOLL },
	{ { "CQE_MIXED", "6.18", NO_NEED }, 0 },
	{ { "SQE_MIXED", "6.19", NO_NEED }, 0 },
	{ { "SQ_REWIND", "7.0", NO_NEED }, RONDO_SETUP_NO_SQARRAY },
};

static const struct known enter_flags[] = {
	{ "GETEVENTS", "5.1", USED },
	{ "SQ_WAKEUP", "5.1", "serves SQPOLL" },
	{ "SQ_WAIT", "5.10", "serves SQPOLL" },
	{ "EXT_ARG", "5.11", USED },
	{ "REGISTERED_RING", "5.18", USED },
	{ "ABS_TIMER", "6.12", USED },
	{ "EXT_ARG_REG", "6.13", NO_NEED },
	{ "NO_IOWAIT", "6.15", USED },
};

static const struct known features[] = {
	{ "SINGLE_MMAP", "5.4", USED },
	{ "NODROP", "5.5", USED },
	{ "SUBMIT_STABLE", "5.5", USED },
	{ "RW_CUR_POS", "5.6", USED },
	{ "CUR_PERSONALITY", "5.6", NO_NEED },
	{ "FAST_POLL", "5.7", USED },
	{ "POLL_32BITS", "5.9", NO_NEED },
	{ "SQPOLL_NONFIXED", "5.11", "serves SQPOLL" },
	{ "EXT_ARG", "5.11", USED },
	{ "NATIVE_WORKERS", "5.12", USED },
	{ "RSRC_TAGS", "5.13", NO_NEED },
	{ "CQE_SKIP", "5.17", "every SQE owes one CQE, so that none is forgotten" },
	{ "LINKED_FILE", "5.17", NO_NEED },
	{ "REG_REG_RING", "6.3", NO_NEED },
	{ "RECVSEND_BUNDLE", "6.10", NO_NEED },
	{ "MIN_TIMEOUT", "6.12", USED },
	{ "RW_ATTR", "6.14", NO_NEED },
	{ "NO_IOWAIT", "6.15", USED },
};

/* How to try a register op: with these arguments a kernel that knows it says anything but EINVAL,
 * and does nothing. BAD is an address that cannot be read. LIKE: it cannot be tried, and came with
 * its predecessor. BLIND: it goes without a ring, and so is known only by its EFAULT. */
enum try { PLAIN, BAD, LIKE, BLIND, WITH_RECV_ZC };

static const struct {
	struct known known;
	enum try try;
	unsigned n;
} register_ops[] = {
	{ { "REGISTER_BUFFERS", "5.1", NO_NEED }, BAD, 1 },
	{ { "UNREGISTER_BUFFERS", "5.1", NO_NEED }, PLAIN, 0 },
	{ { "REGISTER_FILES", "5.1", NO_NEED }, BAD, 1 },
	{ { "UNREGISTER_FILES", "5.1", NO_NEED }, PLAIN, 0 },
	{ { "REGISTER_EVENTFD", "5.2", NO_NEED }, BAD, 1 },
	{ { "UNREGISTER_EVENTFD", "5.2", NO_NEED }, PLAIN, 0 },
	{ { "REGISTER_FILES_UPDATE", "5.5", NO_NEED }, BAD, 1 },
	{ { "REGISTER_EVENTFD_ASYNC", "5.6", NO_NEED }, BAD, 1 },
	{ { "REGISTER_PROBE", "5.6", USED }, BAD, 1 },
	{ { "REGISTER_PERSONALITY", "5.6", NO_NEED }, PLAIN, 0 },
	{ { "UNREGISTER_PERSONALITY", "5.6", NO_NEED }, LIKE, 0 },
	{ { "REGISTER_RESTRICTIONS", "5.10", NO_NEED }, BAD, 1 },
	{ { "REGISTER_ENABLE_RINGS", "5.10", USED }, PLAIN, 0 },
	{ { "REGISTER_FILES2", "5.13", NO_NEED }, BAD, 32 },
	{ { "REGISTER_FILES_UPDATE2", "5.13", NO_NEED }, BAD, 32 },
	{ { "REGISTER_BUFFERS2", "5.13", NO_NEED }, BAD, 32 },
	{ { "REGISTER_BUFFERS_UPDATE", "5.13", NO_NEED }, BAD, 32 },
	{ { "REGISTER_IOWQ_AFF", "5.14", NO_NEED }, BAD, 8 },
	{ { "UNREGISTER_IOWQ_AFF", "5.14", NO_NEED }, LIKE, 0 },
	{ { "REGISTER_IOWQ_MAX_WORKERS", "5.15", USED }, BAD, 2 },
	{ { "REGISTER_RING_FDS", "5.18", USED }, BAD, 1 },
	{ { "UNREGISTER_RING_FDS", "5.18", USED }, BAD, 1 },
	{ { "REGISTER_PBUF_RING", "5.19", USED }, BAD, 1 },
	{ { "UNREGISTER_PBUF_RING", "5.19", USED }, BAD, 1 },
	{ { "REGISTER_SYNC_CANCEL", "6.0", "it would block the loop" }, BAD, 1 },
	{ { "REGISTER_FILE_ALLOC_RANGE", "6.0", NO_NEED }, BAD, 0 },
	{ { "REGISTER_PBUF_STATUS", "6.8", NO_NEED }, BAD, 1 },
	{ { "REGISTER_NAPI", "6.9", NO_NEED }, BAD, 1 },
	{ { "UNREGISTER_NAPI", "6.9", NO_NEED }, BAD, 1 },
	{ { "REGISTER_CLOCK", "6.12", NO_NEED }, BAD, 0 },
	{ { "REGISTER_CLONE_BUFFERS", "6.12", NO_NEED }, BAD, 1 },
	{ { "REGISTER_SEND_MSG_RING", "6.13", NO_NEED }, BLIND, 1 },
	{ { "REGISTER_ZCRX_IFQ", "6.15", "needs a network card with header split" },
	  WITH_RECV_ZC, 1 },
	{ { "REGISTER_RESIZE_RINGS", "6.13", NO_NEED }, BAD, 1 },
	{ { "REGISTER_MEM_REGION", "6.13", NO_NEED }, BAD, 1 },
	{ { "REGISTER_QUERY", "6.18", USED }, PLAIN, 0 },
	{ { "REGISTER_ZCRX_CTRL", "6.19", NO_NEED }, BAD, 1 },
	{ { "REGISTER_BPF_FILTER", "7.0", NO_NEED }, BAD, 1 },
};
#endif
