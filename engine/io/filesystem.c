/* SPDX-License-Identifier: MIT */
/* filesystem.c - names and metadata: the verbs that take a path, and extended attributes. */
#include <fcntl.h>
#include <sys/stat.h>

#include "io/io.h"
#include "rondo/file.h"
#include "switch/sanitizer.h"

/* What rondo_stat() asks for. */
enum { USUAL_FIELDS = STATX_BASIC_STATS | STATX_BTIME };

int rondo_statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *buf)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);
	int ret;

	io_uring_prep_statx(sqe, dirfd, path, flags, mask, buf);
	ret = io_await(&op);
	if (ret == 0)
		san_kernel_wrote(buf, sizeof(*buf));
	return ret;
}

int rondo_stat(const char *path, struct statx *buf)
{
	return rondo_statx(AT_FDCWD, path, 0, USUAL_FIELDS, buf);
}

int rondo_fstat(int fd, struct statx *buf)
{
	/* AT_FDCWD is what an empty path would make of it: the current folder. */
	return fd < 0 ? -EBADF : rondo_statx(fd, "", AT_EMPTY_PATH, USUAL_FIELDS, buf);
}

int rondo_renameat2(int old_dirfd, const char *old_path, int new_dirfd, const char *new_path,
		    unsigned flags)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_renameat(sqe, old_dirfd, old_path, new_dirfd, new_path, flags);
	return io_await(&op);
}

int rondo_rename(const char *old_path, const char *new_path)
{
	return rondo_renameat2(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

int rondo_unlinkat(int dirfd, const char *path, int flags)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_unlinkat(sqe, dirfd, path, flags);
	return io_await(&op);
}

int rondo_unlink(const char *path)
{
	return rondo_unlinkat(AT_FDCWD, path, 0);
}

int rondo_rmdir(const char *path)
{
	return rondo_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int rondo_mkdirat(int dirfd, const char *path, mode_t mode)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_mkdirat(sqe, dirfd, path, mode);
	return io_await(&op);
}

int rondo_mkdir(const char *path, mode_t mode)
{
	return rondo_mkdirat(AT_FDCWD, path, mode);
}

int rondo_symlinkat(const char *target, int dirfd, const char *link_path)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_symlinkat(sqe, target, dirfd, link_path);
	return io_await(&op);
}

int rondo_symlink(const char *target, const char *link_path)
{
	return rondo_symlinkat(target, AT_FDCWD, link_path);
}

int rondo_linkat(int old_dirfd, const char *old_path, int new_dirfd, const char *new_path,
		 int flags)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_linkat(sqe, old_dirfd, old_path, new_dirfd, new_path, flags);
	return io_await(&op);
}

int rondo_link(const char *old_path, const char *new_path)
{
	return rondo_linkat(AT_FDCWD, old_path, AT_FDCWD, new_path, 0);
}

/* --- extended attributes --------------------------------------------------------------------- */

/* The kernel is told the length in 32 bits; what is too long there is too long for it in any
 * case. */

static ssize_t await_value(struct op *op, void *value, size_t size_bytes)
{
	int ret = io_await(op);

	if (ret > 0 && size_bytes)
		san_kernel_wrote(value, (size_t)ret);
	return ret;
}

ssize_t rondo_getxattr(const char *path, const char *name, void *value, size_t size_bytes)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_getxattr(sqe, name, value, path, io_clamp(size_bytes));
	return await_value(&op, value, size_bytes);
}

ssize_t rondo_fgetxattr(int fd, const char *name, void *value, size_t size_bytes)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_fgetxattr(sqe, fd, name, value, io_clamp(size_bytes));
	return await_value(&op, value, size_bytes);
}

int rondo_setxattr(const char *path, const char *name, const void *value, size_t size_bytes,
		   int flags)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_setxattr(sqe, name, value, path, flags, io_clamp(size_bytes));
	return io_await(&op);
}

int rondo_fsetxattr(int fd, const char *name, const void *value, size_t size_bytes, int flags)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_fsetxattr(sqe, fd, name, value, flags, io_clamp(size_bytes));
	return io_await(&op);
}
