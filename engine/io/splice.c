/* SPDX-License-Identifier: MIT */
/* splice.c - pipes, splice and tee.
 *
 * The kernel runs SPLICE and TEE in a worker thread, one per operation that blocks (KN-25). So both
 * ends are polled first, which costs no thread, and the pipe's end is told not to block: if
 * somebody else was faster, the wait starts again. */
#include "rondo/splice.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>

#include "io/io.h"
#include "switch/sanitizer.h"

static int pipe_at_once(int fds[2], int flags)
{
	const struct kernel *k = rondo__self()->loop->ring.kernel;
	int ret = io_checkpoint();

	if (ret == 0)
		ret = (int)kernel_call2(k, SYS_pipe2, fds, flags);
	if (ret == 0)
		io_opened_pair(fds, "pipe");
	return ret;
}

int rondo_pipe(int fds[2], int flags)
{
	struct op op;
	struct io_uring_sqe *sqe;
	int ret;

	flags |= O_CLOEXEC;
	if (unlikely(!ring_has_op(&rondo__self()->loop->ring, RONDO_OP_PIPE)))
		return pipe_at_once(fds, flags);
	sqe = rondo__op_begin(&op);
	rondo__prep(sqe, RONDO_OP_PIPE, 0, fds, 0, 0);
	sqe->rw_flags = flags;
	ret = io_await(&op);
	if (ret == 0) {
		san_kernel_wrote(fds, 2 * sizeof(fds[0]));
		io_opened_pair(fds, "pipe");
	}
	return ret;
}

static int wait_both_ready(int fd_in, int fd_out)
{
	int ret = io_wait_ready(fd_in, POLLIN);

	if (ret >= 0)
		ret = io_wait_ready(fd_out, POLLOUT);
	return ret < 0 ? ret : 0;
}

/* One SPLICE or TEE. */
static int move(unsigned opcode, int fd_in, int64_t offset_in, int fd_out, int64_t offset_out,
		unsigned len, unsigned flags)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	rondo__prep(sqe, opcode, fd_out, NULL, len, (uint64_t)offset_out);
	sqe->splice_off_in = (uint64_t)offset_in;
	sqe->splice_fd_in = fd_in;
	sqe->splice_flags = flags | SPLICE_F_NONBLOCK;
	return io_await(&op);
}

static int wait_and_move(unsigned opcode, int fd_in, int64_t offset_in, int fd_out,
			 int64_t offset_out, size_t len, unsigned flags)
{
	int ret;

	do {
		ret = flags & SPLICE_F_NONBLOCK ? 0 : wait_both_ready(fd_in, fd_out);
		if (ret == 0)
			ret = move(opcode, fd_in, offset_in, fd_out, offset_out, io_clamp(len),
				   flags);
	} while (ret == -EAGAIN && !(flags & SPLICE_F_NONBLOCK));
	return ret;
}

ssize_t rondo_splice(int fd_in, int64_t offset_in, int fd_out, int64_t offset_out, size_t len,
		     unsigned flags)
{
	return wait_and_move(IORING_OP_SPLICE, fd_in, offset_in, fd_out, offset_out, len, flags);
}

ssize_t rondo_tee(int fd_in, int fd_out, size_t len, unsigned flags)
{
	return wait_and_move(IORING_OP_TEE, fd_in, 0, fd_out, 0, len, flags);
}
