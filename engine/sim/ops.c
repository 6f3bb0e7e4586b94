/* SPDX-License-Identifier: MIT */
/* ops.c - which opcodes the simulated kernel knows, and what they want left alone. See ops.h. */
#include "sim/ops.h"

const struct sim_op *const rondo__sim_ops[64] = {
	[IORING_OP_NOP] = &rondo__sim_op_nop,
	[IORING_OP_READV] = &rondo__sim_op_readv,
	[IORING_OP_WRITEV] = &rondo__sim_op_writev,
	[IORING_OP_FSYNC] = &rondo__sim_op_fsync,
	[IORING_OP_POLL_ADD] = &rondo__sim_op_poll_add,
	[IORING_OP_POLL_REMOVE] = &rondo__sim_op_poll_remove,
	[IORING_OP_SYNC_FILE_RANGE] = &rondo__sim_op_sync_file_range,
	[IORING_OP_SENDMSG] = &rondo__sim_op_sendmsg,
	[IORING_OP_RECVMSG] = &rondo__sim_op_recvmsg,
	[IORING_OP_TIMEOUT] = &rondo__sim_op_timeout,
	[IORING_OP_TIMEOUT_REMOVE] = &rondo__sim_op_timeout_remove,
	[IORING_OP_ACCEPT] = &rondo__sim_op_accept,
	[IORING_OP_ASYNC_CANCEL] = &rondo__sim_op_async_cancel,
	[IORING_OP_LINK_TIMEOUT] = &rondo__sim_op_link_timeout,
	[IORING_OP_CONNECT] = &rondo__sim_op_connect,
	[IORING_OP_FALLOCATE] = &rondo__sim_op_fallocate,
	[IORING_OP_OPENAT] = &rondo__sim_op_openat,
	[IORING_OP_CLOSE] = &rondo__sim_op_close,
	[IORING_OP_STATX] = &rondo__sim_op_statx,
	[IORING_OP_READ] = &rondo__sim_op_read,
	[IORING_OP_WRITE] = &rondo__sim_op_write,
	[IORING_OP_FADVISE] = &rondo__sim_op_fadvise,
	[IORING_OP_MADVISE] = &rondo__sim_op_madvise,
	[IORING_OP_SEND] = &rondo__sim_op_send,
	[IORING_OP_RECV] = &rondo__sim_op_recv,
	[IORING_OP_OPENAT2] = &rondo__sim_op_openat2,
	[IORING_OP_SPLICE] = &rondo__sim_op_splice,
	[IORING_OP_TEE] = &rondo__sim_op_tee,
	[IORING_OP_SHUTDOWN] = &rondo__sim_op_shutdown,
	[IORING_OP_RENAMEAT] = &rondo__sim_op_renameat,
	[IORING_OP_UNLINKAT] = &rondo__sim_op_unlinkat,
	[IORING_OP_MKDIRAT] = &rondo__sim_op_mkdirat,
	[IORING_OP_SYMLINKAT] = &rondo__sim_op_symlinkat,
	[IORING_OP_LINKAT] = &rondo__sim_op_linkat,
	[IORING_OP_MSG_RING] = &rondo__sim_op_msg_ring,
	[IORING_OP_FSETXATTR] = &rondo__sim_op_fsetxattr,
	[IORING_OP_SETXATTR] = &rondo__sim_op_setxattr,
	[IORING_OP_FGETXATTR] = &rondo__sim_op_fgetxattr,
	[IORING_OP_GETXATTR] = &rondo__sim_op_getxattr,
	[IORING_OP_SEND_ZC] = &rondo__sim_op_send_zc,
	[RONDO_OP_WAITID] = &rondo__sim_op_waitid,
	[RONDO_OP_FUTEX_WAIT] = &rondo__sim_op_futex_wait,
	[RONDO_OP_FUTEX_WAKE] = &rondo__sim_op_futex_wake,
	[RONDO_OP_FTRUNCATE] = &rondo__sim_op_ftruncate,
	[RONDO_OP_EPOLL_WAIT] = &rondo__sim_op_epoll_wait,
	[RONDO_OP_PIPE] = &rondo__sim_op_pipe,
};

/* Fields that an opcode does not use, as far as Linux looks at them (those of rings, transfers and
 * processes are looked at where the rest of them is). */
enum { OFF = 1, ADDR = 2, LEN = 4, FLAGS = 8, BUF = 16, SPLICE = 32, ADDR3 = 64 };

static const unsigned char unused[64] = {
	[IORING_OP_FSYNC] = ADDR | BUF | SPLICE,
	[IORING_OP_SYNC_FILE_RANGE] = ADDR | BUF | SPLICE,
	[IORING_OP_TIMEOUT] = BUF | SPLICE,
	[IORING_OP_TIMEOUT_REMOVE] = BUF | LEN | SPLICE,
	[IORING_OP_ACCEPT] = LEN | BUF,
	[IORING_OP_CONNECT] = LEN | BUF | FLAGS | SPLICE,
	[IORING_OP_FALLOCATE] = BUF | FLAGS | SPLICE,
	[IORING_OP_OPENAT] = BUF,
	[IORING_OP_OPENAT2] = BUF,
	[IORING_OP_STATX] = BUF | SPLICE,
	[IORING_OP_FADVISE] = BUF | SPLICE,
	[IORING_OP_SHUTDOWN] = OFF | ADDR | FLAGS | BUF | SPLICE,
	[IORING_OP_RENAMEAT] = BUF | SPLICE,
	[IORING_OP_UNLINKAT] = OFF | LEN | BUF | SPLICE,
	[IORING_OP_MKDIRAT] = OFF | FLAGS | BUF | SPLICE,
	[IORING_OP_SYMLINKAT] = LEN | FLAGS | BUF | SPLICE,
	[IORING_OP_LINKAT] = BUF | SPLICE,
	[RONDO_OP_EPOLL_WAIT] = OFF | FLAGS | BUF | SPLICE,
	[RONDO_OP_FTRUNCATE] = FLAGS | ADDR | LEN | BUF | SPLICE | ADDR3,
};

bool rondo__sim_uses_foreign_field(const struct io_uring_sqe *sqe)
{
	unsigned used = (sqe->off ? OFF : 0) | (sqe->addr ? ADDR : 0) | (sqe->len ? LEN : 0) |
			(sqe->rw_flags ? FLAGS : 0) | (sqe->buf_index ? BUF : 0) |
			(sqe->splice_fd_in ? SPLICE : 0) | (sqe->addr3 ? ADDR3 : 0);

	return used & unused[sqe->opcode];
}
