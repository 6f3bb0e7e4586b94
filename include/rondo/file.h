/* SPDX-License-Identifier: MIT */
/* file.h - files and folders: every call is an operation of the ring, and only its task waits.
 *
 * But what the page cache has is read at once, by a plain system call that does not wait, and the
 * task goes on if there is nothing else for its loop to do: a read need not let others run. In a
 * long loop of reads they get their turn all the same.
 *
 * Names, arguments and errors are those of the system calls, with two differences. New descriptors
 * are O_CLOEXEC. And what has begun on a regular file cannot be stopped: a cancelled read or write
 * that is already running completes, returns its result, and leaves the cancel to the task's next
 * await, so a deadline around file work may be overrun by one operation. On pipes, sockets and
 * terminals it ends at once. As in read(2), one call moves at most 0x7ffff000 bytes. */
#ifndef RONDO_FILE_H
#define RONDO_FILE_H

#include <sys/uio.h>

#include "rondo/base.h"

RONDO_BEGIN_DECLS

struct open_how;	/* <linux/openat2.h> */
struct statx;		/* <sys/stat.h> with _GNU_SOURCE */

/* --- opening and closing --------------------------------------------------------------------- */

/* Open a file, relative to the current folder: open(2). Give mode as 0 unless flags may create.
 *
 * Owns:    the descriptor is the caller's; it is O_CLOEXEC.
 * Awaits:  yes.
 * Cancel:  -ECANCELED; if the file was opened nevertheless, its descriptor, and the cancel stays.
 * Returns: a descriptor, -ENOENT, -EACCES, -EMFILE...
 * Kernel:  5.6. A FIFO whose other end is closed is mostly opened at once (to write: -ENXIO), but
 *          with O_CREAT, or if the kernel does not have its name at hand, the open waits, and
 *          holds one of few kernel threads. Add O_NONBLOCK to be sure; reads and writes wait in
 *          any case. */
RONDO_API RONDO_MUST_CHECK int rondo_open(const char *path, int flags, mode_t mode);

/* Open a file relative to the folder dirfd: openat(2).
 *
 * Owns:    the descriptor is the caller's; it is O_CLOEXEC.
 * Awaits:  yes.
 * Cancel:  as rondo_open().
 * Returns: as rondo_open().
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK int rondo_openat(int dirfd, const char *path, int flags, mode_t mode);

/* Open a file with limits on how the path is resolved: openat2(2). With RESOLVE_BENEATH it is the
 * way to open files that a peer names.
 *
 * Owns:    the descriptor is the caller's; it is O_CLOEXEC. how is only read.
 * Awaits:  yes.
 * Cancel:  as rondo_open().
 * Returns: as rondo_open(); -EXDEV, -ELOOP (how->resolve), -EAGAIN (try again, or RESOLVE_CACHED).
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK int rondo_openat2(int dirfd, const char *path,
					     const struct open_how *how);

/* Close a descriptor. What other tasks wait for on it (reading, writing, sending, receiving,
 * accepting, connecting, polling) is ended first, and returns -EBADF there: a plain close(2) would
 * leave them waiting, and the peer without the end of file. Work that only takes time, such as
 * fsync, goes on to its end.
 *
 * Owns:    fd is gone when this returns, whatever it returns but -EBADF.
 * Awaits:  yes, also for the operations it ends.
 * Cancel:  no: a cancel waits for the next await, so that cleaning up needs no special care.
 * Returns: 0; -EBADF (not open, or another task is closing it); -EIO, -ENOSPC, -EDQUOT: closed, but
 *          earlier writes were lost.
 * Kernel:  5.6. */
RONDO_API int rondo_close(int fd);

/* --- reading and writing --------------------------------------------------------------------- */

/* Read at the file position, which moves; or from a pipe, socket or terminal: read(2). Waits for
 * data, also if fd is O_NONBLOCK. Tasks that share a position read a part each, in the order of
 * their calls; between them a short count may leave a gap, so give each its own descriptor or use
 * rondo_pread().
 *
 * Owns:    buf is the kernel's until this returns.
 * Awaits:  yes, unless the page cache had it all.
 * Cancel:  -ECANCELED, nothing was read; or the bytes that were, and the cancel stays.
 * Returns: bytes read, 0 at the end, -EBADF (also: closed meanwhile), -EIO...
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_read(int fd, void *buf, size_t len);

/* Write at the file position, which moves; or to a pipe or terminal: write(2). Waits for room,
 * also if fd is O_NONBLOCK. Tasks that share a position write a part each, in the order of their
 * calls. With O_APPEND the bytes go to the end, and the position moves by their number. Use
 * rondo_send() on sockets. No SIGPIPE is raised.
 *
 * Owns:    buf is the kernel's to read until this returns.
 * Awaits:  yes.
 * Cancel:  -ECANCELED, nothing was written; or the bytes that were, and the cancel stays.
 * Returns: bytes written, -EPIPE, -ENOSPC, -EFBIG, -EBADF (also: closed meanwhile)...
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_write(int fd, const void *buf, size_t len);

/* Read at an offset; the file position stays: pread(2). A pipe or socket has no offsets and
 * ignores it.
 *
 * Owns:    buf is the kernel's until this returns.
 * Awaits:  as rondo_read(); no if offset is invalid.
 * Cancel:  as rondo_read().
 * Returns: as rondo_read(); -EINVAL (offset below 0).
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_pread(int fd, void *buf, size_t len, int64_t offset);

/* Write at an offset; the file position stays: pwrite(2). O_APPEND writes at the end all the same.
 *
 * Owns:    buf is the kernel's to read until this returns.
 * Awaits:  yes, unless offset is invalid.
 * Cancel:  as rondo_write().
 * Returns: as rondo_write(); -EINVAL (offset below 0).
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_pwrite(int fd, const void *buf, size_t len,
						int64_t offset);

/* Read into several buffers, in order: readv(2).
 *
 * Owns:    iov and its buffers are the kernel's until this returns.
 * Awaits:  yes.
 * Cancel:  as rondo_read().
 * Returns: as rondo_read(); -EINVAL (n_iov above 1024).
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_readv(int fd, const struct iovec *iov, int n_iov);

/* Write several buffers, in order: writev(2).
 *
 * Owns:    iov and its buffers are the kernel's to read until this returns.
 * Awaits:  yes.
 * Cancel:  as rondo_write().
 * Returns: as rondo_write(); -EINVAL (n_iov above 1024).
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_writev(int fd, const struct iovec *iov, int n_iov);

/* Read at an offset into several buffers: preadv(2).
 *
 * Owns:    iov and its buffers are the kernel's until this returns.
 * Awaits:  yes, unless offset is invalid.
 * Cancel:  as rondo_read().
 * Returns: as rondo_pread().
 * Kernel:  5.1. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_preadv(int fd, const struct iovec *iov, int n_iov,
						int64_t offset);

/* Write several buffers at an offset: pwritev(2).
 *
 * Owns:    iov and its buffers are the kernel's to read until this returns.
 * Awaits:  yes, unless offset is invalid.
 * Cancel:  as rondo_write().
 * Returns: as rondo_pwrite().
 * Kernel:  5.1. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_pwritev(int fd, const struct iovec *iov, int n_iov,
						 int64_t offset);

/* Read with RWF_* flags: preadv2(2). Offset -1 is the file position.
 *
 * Owns:    iov and its buffers are the kernel's until this returns.
 * Awaits:  yes.
 * Cancel:  as rondo_read().
 * Returns: as rondo_read(); -EAGAIN (RWF_NOWAIT, and it would have waited), -EOPNOTSUPP (flags).
 * Kernel:  5.6, and what the flags need. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_preadv2(int fd, const struct iovec *iov, int n_iov,
						 int64_t offset, int flags);

/* Write with RWF_* flags: pwritev2(2). Offset -1 is the file position.
 *
 * Owns:    iov and its buffers are the kernel's to read until this returns.
 * Awaits:  yes.
 * Cancel:  as rondo_write().
 * Returns: as rondo_write(); -EAGAIN (RWF_NOWAIT, and it would have waited), -EOPNOTSUPP (flags).
 * Kernel:  5.6, and what the flags need. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_pwritev2(int fd, const struct iovec *iov, int n_iov,
						  int64_t offset, int flags);

/* Read exactly len bytes at the file position or from a pipe, in as many reads as it takes.
 *
 * Owns:    buf is the kernel's until this returns. *n_done, if n_done is not NULL, receives the
 *          bytes read, also on failure.
 * Awaits:  yes, unless len is 0.
 * Cancel:  -ECANCELED, between reads; *n_done bytes are in buf.
 * Returns: 0, -RONDO_EINCOMPLETE (the end came first), an error of rondo_read().
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK int rondo_read_exactly(int fd, void *buf, size_t len, size_t *n_done);

/* Read exactly len bytes at an offset.
 *
 * Owns:    as rondo_read_exactly().
 * Awaits:  yes, unless len is 0 or offset is invalid.
 * Cancel:  as rondo_read_exactly().
 * Returns: as rondo_read_exactly(); -EINVAL (offset below 0).
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK int rondo_pread_exactly(int fd, void *buf, size_t len, int64_t offset,
						   size_t *n_done);

/* Write all of buf at the file position or to a pipe, in as many writes as it takes.
 *
 * Owns:    buf is the kernel's to read until this returns. *n_done, if n_done is not NULL, receives
 *          the bytes written, also on failure.
 * Awaits:  yes, unless len is 0.
 * Cancel:  -ECANCELED, between writes; *n_done bytes are out.
 * Returns: 0, or an error of rondo_write().
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK int rondo_write_all(int fd, const void *buf, size_t len, size_t *n_done);

/* Write all of buf at an offset.
 *
 * Owns:    as rondo_write_all().
 * Awaits:  yes, unless len is 0 or offset is invalid.
 * Cancel:  as rondo_write_all().
 * Returns: as rondo_write_all(); -EINVAL (offset below 0).
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK int rondo_pwrite_all(int fd, const void *buf, size_t len, int64_t offset,
						size_t *n_done);

/* --- a file's contents and size -------------------------------------------------------------- */

/* Put a file's data and metadata on the disk: fsync(2). An error is final: the lost writes are
 * gone, and a second call may say 0.
 *
 * Awaits:  yes.
 * Cancel:  -ECANCELED if it had not begun; else it completes, and the cancel stays.
 * Returns: 0, -EIO, -ENOSPC, -EDQUOT, -EINVAL (not a file), -EBADF.
 * Kernel:  5.1. */
RONDO_API RONDO_MUST_CHECK int rondo_fsync(int fd);

/* Put a file's data, and what is needed to read it back, on the disk: fdatasync(2).
 *
 * Awaits:  yes.
 * Cancel:  as rondo_fsync().
 * Returns: as rondo_fsync().
 * Kernel:  5.1. */
RONDO_API RONDO_MUST_CHECK int rondo_fdatasync(int fd);

/* Start or await writing back a part of a file: sync_file_range(2). Unlike rondo_fdatasync() it
 * promises nothing about a crash. A len of 0 is up to the end.
 *
 * Awaits:  yes, unless offset or len is invalid.
 * Cancel:  as rondo_fsync().
 * Returns: 0, -EINVAL, -EIO, -ENOSPC, -ESPIPE, -EBADF.
 * Kernel:  5.2. */
RONDO_API RONDO_MUST_CHECK int rondo_sync_file_range(int fd, int64_t offset, int64_t len,
						     unsigned flags);

/* Reserve, free or zero a part of a file: fallocate(2).
 *
 * Awaits:  yes.
 * Cancel:  as rondo_fsync().
 * Returns: 0, -ENOSPC, -EOPNOTSUPP (the file system, or mode), -EFBIG, -EBADF...
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK int rondo_fallocate(int fd, int mode, int64_t offset, int64_t len);

/* Cut or extend a file to a length: ftruncate(2).
 *
 * Awaits:  yes.
 * Cancel:  as rondo_fsync().
 * Returns: 0, -EINVAL, -EFBIG, -EBADF; -EOPNOTSUPP on older kernels, where it would block the loop:
 *          call ftruncate(2) in a thread (rondo_to_thread()), or open with O_TRUNC.
 * Kernel:  6.9. */
RONDO_API RONDO_MUST_CHECK int rondo_ftruncate(int fd, int64_t length);

/* Say how a part of a file will be read: posix_fadvise(2) with its POSIX_FADV_* values. A len of
 * 0 is up to the end.
 *
 * Awaits:  yes, unless offset or len is invalid.
 * Cancel:  as rondo_fsync().
 * Returns: 0, -EINVAL, -ESPIPE, -EBADF.
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK int rondo_fadvise(int fd, int64_t offset, int64_t len, int advice);

/* --- metadata -------------------------------------------------------------------------------- */

/* Describe a file: statx(2).
 *
 * Owns:    buf is the kernel's until this returns; untouched on failure.
 * Awaits:  yes.
 * Cancel:  -ECANCELED if it had not begun; else its result, and the cancel stays.
 * Returns: 0, -ENOENT, -EACCES...
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK int rondo_statx(int dirfd, const char *path, int flags, unsigned mask,
					   struct statx *buf);

/* Describe the file at path, following symbolic links: the basic fields and the time of birth.
 *
 * Owns:    as rondo_statx().
 * Awaits:  yes.
 * Cancel:  as rondo_statx().
 * Returns: as rondo_statx().
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK int rondo_stat(const char *path, struct statx *buf);

/* Describe an open file: the basic fields and the time of birth.
 *
 * Owns:    as rondo_statx().
 * Awaits:  yes.
 * Cancel:  as rondo_statx().
 * Returns: 0, -EBADF.
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK int rondo_fstat(int fd, struct statx *buf);

/* Give a file a new name, replacing what has it: rename(2). Readers see the old file or the new
 * one.
 *
 * Awaits:  yes.
 * Cancel:  -ECANCELED if it had not begun; else its result, and the cancel stays.
 * Returns: 0, -ENOENT, -EXDEV, -EACCES...
 * Kernel:  5.11. */
RONDO_API RONDO_MUST_CHECK int rondo_rename(const char *old_path, const char *new_path);

/* Rename between two folders, and with RENAME_* flags: renameat2(2).
 *
 * Awaits:  yes.
 * Cancel:  as rondo_rename().
 * Returns: as rondo_rename(); -EEXIST (RENAME_NOREPLACE), -EINVAL (flags).
 * Kernel:  5.11. */
RONDO_API RONDO_MUST_CHECK int rondo_renameat2(int old_dirfd, const char *old_path, int new_dirfd,
					       const char *new_path, unsigned flags);

/* Remove a file's name: unlink(2).
 *
 * Awaits:  yes.
 * Cancel:  as rondo_rename().
 * Returns: 0, -ENOENT, -EISDIR, -EACCES...
 * Kernel:  5.11. */
RONDO_API RONDO_MUST_CHECK int rondo_unlink(const char *path);

/* Remove a name in the folder dirfd; with AT_REMOVEDIR, a folder: unlinkat(2).
 *
 * Awaits:  yes.
 * Cancel:  as rondo_rename().
 * Returns: as rondo_unlink(); -ENOTDIR, -ENOTEMPTY.
 * Kernel:  5.11. */
RONDO_API RONDO_MUST_CHECK int rondo_unlinkat(int dirfd, const char *path, int flags);

/* Remove an empty folder: rmdir(2).
 *
 * Awaits:  yes.
 * Cancel:  as rondo_rename().
 * Returns: 0, -ENOENT, -ENOTDIR, -ENOTEMPTY, -EACCES...
 * Kernel:  5.11. */
RONDO_API RONDO_MUST_CHECK int rondo_rmdir(const char *path);

/* Make a folder: mkdir(2).
 *
 * Awaits:  yes.
 * Cancel:  as rondo_rename().
 * Returns: 0, -EEXIST, -ENOENT, -ENOSPC, -EACCES...
 * Kernel:  5.15. */
RONDO_API RONDO_MUST_CHECK int rondo_mkdir(const char *path, mode_t mode);

/* Make a folder in the folder dirfd: mkdirat(2).
 *
 * Awaits:  yes.
 * Cancel:  as rondo_rename().
 * Returns: as rondo_mkdir().
 * Kernel:  5.15. */
RONDO_API RONDO_MUST_CHECK int rondo_mkdirat(int dirfd, const char *path, mode_t mode);

/* Make link_path a symbolic link that says target: symlink(2).
 *
 * Awaits:  yes.
 * Cancel:  as rondo_rename().
 * Returns: 0, -EEXIST, -ENOENT, -EACCES...
 * Kernel:  5.15. */
RONDO_API RONDO_MUST_CHECK int rondo_symlink(const char *target, const char *link_path);

/* Make a symbolic link in the folder dirfd: symlinkat(2).
 *
 * Awaits:  yes.
 * Cancel:  as rondo_rename().
 * Returns: as rondo_symlink().
 * Kernel:  5.15. */
RONDO_API RONDO_MUST_CHECK int rondo_symlinkat(const char *target, int dirfd,
					       const char *link_path);

/* Give a file one more name: link(2).
 *
 * Awaits:  yes.
 * Cancel:  as rondo_rename().
 * Returns: 0, -EEXIST, -EXDEV, -ENOENT, -EPERM...
 * Kernel:  5.15. */
RONDO_API RONDO_MUST_CHECK int rondo_link(const char *old_path, const char *new_path);

/* Link between two folders; with AT_EMPTY_PATH and an empty old_path, link the open file old_dirfd:
 * linkat(2).
 *
 * Awaits:  yes.
 * Cancel:  as rondo_rename().
 * Returns: as rondo_link().
 * Kernel:  5.15. */
RONDO_API RONDO_MUST_CHECK int rondo_linkat(int old_dirfd, const char *old_path, int new_dirfd,
					    const char *new_path, int flags);

/* Read an extended attribute: getxattr(2). A size of 0 asks how long it is.
 *
 * Owns:    value is the kernel's until this returns.
 * Awaits:  yes.
 * Cancel:  as rondo_statx().
 * Returns: bytes, -ENODATA (no such attribute), -ERANGE (value is too small), -EOPNOTSUPP,
 *          -ENOENT...
 * Kernel:  5.19. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_getxattr(const char *path, const char *name, void *value,
						  size_t size_bytes);

/* Read an extended attribute of an open file: fgetxattr(2).
 *
 * Owns:    value is the kernel's until this returns.
 * Awaits:  yes.
 * Cancel:  as rondo_statx().
 * Returns: as rondo_getxattr(); -EBADF.
 * Kernel:  5.19. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_fgetxattr(int fd, const char *name, void *value,
						   size_t size_bytes);

/* Set an extended attribute; flags may be XATTR_CREATE or XATTR_REPLACE: setxattr(2).
 *
 * Awaits:  yes.
 * Cancel:  as rondo_rename().
 * Returns: 0, -EEXIST, -ENODATA (flags), -ENOSPC, -E2BIG, -EOPNOTSUPP, -ENOENT...
 * Kernel:  5.19. */
RONDO_API RONDO_MUST_CHECK int rondo_setxattr(const char *path, const char *name, const void *value,
					      size_t size_bytes, int flags);

/* Set an extended attribute of an open file: fsetxattr(2).
 *
 * Awaits:  yes.
 * Cancel:  as rondo_rename().
 * Returns: as rondo_setxattr(); -EBADF.
 * Kernel:  5.19. */
RONDO_API RONDO_MUST_CHECK int rondo_fsetxattr(int fd, const char *name, const void *value,
					       size_t size_bytes, int flags);

RONDO_END_DECLS
#endif
