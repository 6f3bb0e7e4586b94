/* SPDX-License-Identifier: MIT */
/* file.c - open, close, read, write, and what else is done to an open file. */
#include "rondo/file.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/io.h"
#include "switch/sanitizer.h"

/* Ranges of these bytes at a time where an SQE has only 32 bits for a length. */
enum { RANGE_MAX = 1 << 30 };

/* A FIFO is opened as with O_NONBLOCK, mostly (KN-40). */
int rondo_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_openat(sqe, dirfd, path, flags | O_CLOEXEC, mode);
	return io_opened(io_await(&op), "file");
}

int rondo_open(const char *path, int flags, mode_t mode)
{
	return rondo_openat(AT_FDCWD, path, flags, mode);
}

int rondo_openat2(int dirfd, const char *path, const struct open_how *how)
{
	struct open_how ours = *how;
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	ours.flags |= O_CLOEXEC;
	io_uring_prep_openat2(sqe, dirfd, path, &ours);
	return io_opened(io_await(&op), "file");
}

/* The ops first: those in flight hold the file open however often its number is closed (KN-11). */
int rondo_close(int fd)
{
	struct op op;
	struct io_uring_sqe *sqe;
	int ret = rondo__op_close_fd(fd);

	if (ret < 0)
		return ret;
	rondo__at_once_forget(rondo__loop, fd);
	sqe = rondo__op_begin(&op);
	io_uring_prep_close(sqe, fd);
	ret = io_closed(rondo__op_await_masked(&op), fd);
	return ret == -EINTR ? -EIO : ret;	/* closed, but perhaps not written out */
}

/* --- reading and writing --------------------------------------------------------------------- */

/* One READ, WRITE, READV or WRITEV, whose len counts bytes or vectors. */
struct transfer {
	unsigned opcode;
	int fd;
	const void *addr;
	unsigned len;
	unsigned n_bytes;		/* that the kernel would move; 0 if it will refuse */
	int flags;			/* RWF_* */
};

static int read_at_once(const struct transfer *t, int64_t offset)
{
	const struct iovec one = { .iov_base = (void *)(uintptr_t)t->addr, .iov_len = t->len };

	if (offset < 0 || t->flags)
		return -EAGAIN;
	if (t->opcode == IORING_OP_READ)
		return rondo__at_once_read(t->fd, &one, 1, t->n_bytes, offset);
	return rondo__at_once_read(t->fd, t->addr, t->len, t->n_bytes, offset);
}

static int transfer_at(const struct transfer *t, int64_t offset)
{
	bool reads = t->opcode == IORING_OP_READ || t->opcode == IORING_OP_READV;
	int ret = reads ? read_at_once(t, offset) : -EAGAIN;

	if (ret >= 0)
		return ret;
	do {
		struct op op;
		struct io_uring_sqe *sqe = rondo__op_begin(&op);

		rondo__prep(sqe, t->opcode, t->fd, t->addr, t->len, (uint64_t)offset);
		sqe->rw_flags = t->flags;
		ret = rondo__op_await(&op);
		if (likely(ret >= 0) || (t->flags & RWF_NOWAIT))
			return ret;
		ret = io_mend(ret, t->fd, reads ? POLLIN : POLLOUT);
	} while (ret == 0);
	return ret;
}

/* The file position is ours to move: the ring's own (offset -1) is not locked, does not move at all
 * with O_DIRECT, and stays behind what was written when an error cut a write short (KN-19). So a
 * transfer first moves the position past all that it may need, which gives every task a part of its
 * own, and gives back what it did not use, unless somebody has gone on from there. */
static int transfer_here(const struct transfer *t)
{
	const struct kernel *k = rondo__self()->loop->ring.kernel;
	int64_t end = kernel_call3(k, SYS_lseek, t->fd, t->n_bytes, SEEK_CUR), begin = end - t->n_bytes;
	int ret;

	if (end == -EINVAL)		/* a block device does not let us move beyond its end */
		begin = end = kernel_call3(k, SYS_lseek, t->fd, 0, SEEK_CUR);
	if (begin < 0)			/* a pipe, a terminal, a device without them, no file */
		return transfer_at(t, -1);
	ret = transfer_at(t, begin);
	if (ret != (int)t->n_bytes && kernel_call3(k, SYS_lseek, t->fd, 0, SEEK_CUR) == end)
		kernel_call3(k, SYS_lseek, t->fd, begin + (ret > 0 ? ret : 0), SEEK_SET);
	return ret;
}

/* An offset of -1 is the file position. */
static int transfer(const struct transfer *t, int64_t offset)
{
	return offset == -1 ? transfer_here(t) : transfer_at(t, offset);
}

/* A write to a pipe that nobody reads is an error, and no reason to die (KN-4). */
static int no_sigpipe(void)
{
	return rondo__self()->loop->ring.has_nosignal ? RONDO_RWF_NOSIGNAL : 0;
}

static int read_at(int fd, void *buf, size_t len, int64_t offset)
{
	const struct transfer t = {
		.opcode = IORING_OP_READ, .fd = fd, .addr = buf, .len = io_clamp(len),
		.n_bytes = io_clamp(len),
	};
	int ret = transfer(&t, offset);

	if (ret > 0)
		san_kernel_wrote(buf, (size_t)ret);
	return ret;
}

static int write_at(int fd, const void *buf, size_t len, int64_t offset)
{
	const struct transfer t = {
		.opcode = IORING_OP_WRITE, .fd = fd, .addr = buf, .len = io_clamp(len),
		.n_bytes = io_clamp(len), .flags = no_sigpipe(),
	};

	return transfer(&t, offset);
}

ssize_t rondo_read(int fd, void *buf, size_t len)
{
	return read_at(fd, buf, len, -1);
}

ssize_t rondo_write(int fd, const void *buf, size_t len)
{
	return write_at(fd, buf, len, -1);
}

ssize_t rondo_pread(int fd, void *buf, size_t len, int64_t offset)
{
	return offset < 0 ? -EINVAL : read_at(fd, buf, len, offset);
}

ssize_t rondo_pwrite(int fd, const void *buf, size_t len, int64_t offset)
{
	return offset < 0 ? -EINVAL : write_at(fd, buf, len, offset);
}

static void kernel_wrote_vectors(const struct iovec *iov, size_t n_bytes)
{
	for (size_t n; n_bytes; n_bytes -= n, iov++) {
		n = iov->iov_len < n_bytes ? iov->iov_len : n_bytes;
		san_kernel_wrote(iov->iov_base, n);
	}
}

/* How many bytes the kernel would move; 0 if it will refuse, which it shall explain itself. */
static unsigned size_of_vectors(const struct iovec *iov, int n_iov)
{
	size_t n_bytes = 0;

	for (int i = 0; i < n_iov && n_iov <= IOV_MAX; i++)
		n_bytes += io_clamp(iov[i].iov_len);
	return io_clamp(n_bytes);
}

ssize_t rondo_preadv2(int fd, const struct iovec *iov, int n_iov, int64_t offset, int flags)
{
	const struct transfer t = {
		.opcode = IORING_OP_READV, .fd = fd, .addr = iov, .len = (unsigned)n_iov,
		.n_bytes = size_of_vectors(iov, n_iov), .flags = flags,
	};
	int ret = transfer(&t, offset);

	if (ret > 0)
		kernel_wrote_vectors(iov, (size_t)ret);
	return ret;
}

ssize_t rondo_pwritev2(int fd, const struct iovec *iov, int n_iov, int64_t offset, int flags)
{
	const struct transfer t = {
		.opcode = IORING_OP_WRITEV, .fd = fd, .addr = iov, .len = (unsigned)n_iov,
		.n_bytes = size_of_vectors(iov, n_iov), .flags = flags | no_sigpipe(),
	};

	return transfer(&t, offset);
}

ssize_t rondo_readv(int fd, const struct iovec *iov, int n_iov)
{
	return rondo_preadv2(fd, iov, n_iov, -1, 0);
}

ssize_t rondo_writev(int fd, const struct iovec *iov, int n_iov)
{
	return rondo_pwritev2(fd, iov, n_iov, -1, 0);
}

ssize_t rondo_preadv(int fd, const struct iovec *iov, int n_iov, int64_t offset)
{
	return offset < 0 ? -EINVAL : rondo_preadv2(fd, iov, n_iov, offset, 0);
}

ssize_t rondo_pwritev(int fd, const struct iovec *iov, int n_iov, int64_t offset)
{
	return offset < 0 ? -EINVAL : rondo_pwritev2(fd, iov, n_iov, offset, 0);
}

static int64_t advanced(int64_t offset, size_t n_bytes)
{
	return offset < 0 ? -1 : offset + (int64_t)n_bytes;
}

static int read_exactly(int fd, char *buf, size_t len, int64_t offset, size_t *n_done)
{
	size_t n = 0;
	int ret = 1;

	for (; n < len && ret > 0; n += ret > 0 ? (size_t)ret : 0)
		ret = read_at(fd, buf + n, len - n, advanced(offset, n));
	if (n_done)
		*n_done = n;
	if (n == len)
		return 0;
	return ret < 0 ? ret : -RONDO_EINCOMPLETE;
}

static int write_all(int fd, const char *buf, size_t len, int64_t offset, size_t *n_done)
{
	size_t n = 0;
	int ret = 1;

	for (; n < len && ret > 0; n += ret > 0 ? (size_t)ret : 0)
		ret = write_at(fd, buf + n, len - n, advanced(offset, n));
	if (n_done)
		*n_done = n;
	if (n == len)
		return 0;
	return ret < 0 ? ret : -EIO;		/* some driver took nothing and gave no reason */
}

int rondo_read_exactly(int fd, void *buf, size_t len, size_t *n_done)
{
	return read_exactly(fd, buf, len, -1, n_done);
}

int rondo_pread_exactly(int fd, void *buf, size_t len, int64_t offset, size_t *n_done)
{
	return offset < 0 ? -EINVAL : read_exactly(fd, buf, len, offset, n_done);
}

int rondo_write_all(int fd, const void *buf, size_t len, size_t *n_done)
{
	return write_all(fd, buf, len, -1, n_done);
}

int rondo_pwrite_all(int fd, const void *buf, size_t len, int64_t offset, size_t *n_done)
{
	return offset < 0 ? -EINVAL : write_all(fd, buf, len, offset, n_done);
}

/* --- a file's contents and size -------------------------------------------------------------- */

static int sync_file(int fd, unsigned flags)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_fsync(sqe, fd, flags);
	return io_await(&op);
}

int rondo_fsync(int fd)
{
	return sync_file(fd, 0);
}

int rondo_fdatasync(int fd)
{
	return sync_file(fd, IORING_FSYNC_DATASYNC);
}

int rondo_fallocate(int fd, int mode, int64_t offset, int64_t len)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_fallocate(sqe, fd, mode, offset, len);
	return io_await(&op);
}

int rondo_ftruncate(int fd, int64_t length)
{
	struct op op;
	struct io_uring_sqe *sqe;

	if (unlikely(!ring_has_op(&rondo__self()->loop->ring, RONDO_OP_FTRUNCATE)))
		return -EOPNOTSUPP;
	sqe = rondo__op_begin(&op);
	rondo__prep(sqe, RONDO_OP_FTRUNCATE, fd, NULL, 0, (uint64_t)length);
	return io_await(&op);
}

/* FADVISE or SYNC_FILE_RANGE, piece by piece; both take a length of 0 for the rest of the file. */
static int for_range(unsigned opcode, int fd, int64_t offset, int64_t len, unsigned how)
{
	int ret;

	if (offset < 0 || len < 0 || offset > INT64_MAX - len)
		return -EINVAL;
	do {
		unsigned n = len < RANGE_MAX ? (unsigned)len : (unsigned)RANGE_MAX;
		struct op op;
		struct io_uring_sqe *sqe = rondo__op_begin(&op);

		rondo__prep(sqe, opcode, fd, NULL, n, (uint64_t)offset);
		sqe->fadvise_advice = how;
		ret = io_await(&op);
		offset += n;
		len -= n;
	} while (ret == 0 && len);
	return ret;
}

int rondo_fadvise(int fd, int64_t offset, int64_t len, int advice)
{
	return for_range(IORING_OP_FADVISE, fd, offset, len, (unsigned)advice);
}

int rondo_sync_file_range(int fd, int64_t offset, int64_t len, unsigned flags)
{
	return for_range(IORING_OP_SYNC_FILE_RANGE, fd, offset, len, flags);
}
