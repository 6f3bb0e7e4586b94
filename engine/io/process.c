/* SPDX-License-Identifier: MIT */
/* process.c - waiting for children. */
#include "rondo/process.h"

#include <poll.h>
#include <sys/syscall.h>

#include "io/io.h"
#include "switch/sanitizer.h"

static int waitid_in_ring(idtype_t type, id_t id, siginfo_t *info, int options)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);
	int ret;

	rondo__prep(sqe, RONDO_OP_WAITID, (int)id, NULL, (unsigned)type, (uintptr_t)info);
	sqe->file_index = (uint32_t)options;
	ret = io_await(&op);
	if (ret == 0)
		san_kernel_wrote(info, sizeof(*info));
	return ret;
}

/* --- without the operation: a pidfd becomes readable when its process ends ------------------- */

static int waitid_now(idtype_t type, id_t id, siginfo_t *info, int options)
{
	const struct kernel *k = rondo__self()->loop->ring.kernel;

	info->si_pid = 0;
	return (int)kernel_call5(k, SYS_waitid, type, id, info, options | WNOHANG, 0);
}

static int wait_for_pidfd(int pidfd, idtype_t type, id_t id, siginfo_t *info, int options)
{
	int ret;

	do {
		ret = io_wait_ready(pidfd, POLLIN);
		if (ret >= 0)
			ret = waitid_now(type, id, info, options);
	} while (ret == 0 && info->si_pid == 0);
	return ret;
}

static int wait_for_pid(id_t pid, siginfo_t *info, int options)
{
	const struct kernel *k = rondo__self()->loop->ring.kernel;
	int ret, pidfd = (int)kernel_call2(k, SYS_pidfd_open, pid, 0);

	if (pidfd < 0)
		return pidfd == -ESRCH ? -ECHILD : pidfd;
	ret = wait_for_pidfd(pidfd, P_PID, pid, info, options);
	kernel_call2(k, SYS_close, pidfd, 0);
	return ret;
}

static int waitid_by_pidfd(idtype_t type, id_t id, siginfo_t *info, int options)
{
	int ret = io_checkpoint();

	if (ret == 0)
		ret = waitid_now(type, id, info, options);
	if (ret < 0 || info->si_pid != 0 || (options & WNOHANG))
		return ret;
	/* A pidfd tells of the end alone. */
	if ((options & (WEXITED | WSTOPPED | WCONTINUED)) != WEXITED)
		return -EOPNOTSUPP;
	if (type == P_PID)
		return wait_for_pid(id, info, options);
	return type == P_PIDFD ? wait_for_pidfd((int)id, type, id, info, options) : -EOPNOTSUPP;
}

int rondo_waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
	bool has_op = ring_has_op(&rondo__self()->loop->ring, RONDO_OP_WAITID);
	siginfo_t ours = { 0 };		/* a cancelled wait writes to it, too */
	int ret = has_op ? waitid_in_ring(type, id, &ours, options) :
			   waitid_by_pidfd(type, id, &ours, options);

	if (ret == 0 && info)
		*info = ours;
	return ret;
}
