/* SPDX-License-Identifier: MIT */
/* splice.h - pipes, and moving bytes through them without copying them to user memory. */
#ifndef RONDO_SPLICE_H
#define RONDO_SPLICE_H

#include "rondo/base.h"

RONDO_BEGIN_DECLS

/* Make a pipe: pipe2(2).
 *
 * Owns:    fds[0], to read, and fds[1], to write, are the caller's; both are O_CLOEXEC. Untouched
 *          on failure.
 * Awaits:  yes, where the kernel has the operation.
 * Cancel:  -ECANCELED; if the pipe was made nevertheless, 0, and the cancel stays.
 * Returns: 0, -EMFILE, -ENFILE, -EINVAL (flags).
 * Kernel:  6.16; before that pipe2(2), which does not block. */
RONDO_API RONDO_MUST_CHECK int rondo_pipe(int fds[2], int flags);

/* Move bytes between two descriptors, one of which is a pipe: splice(2). An offset of -1 means
 * the file position, and is the only one for a pipe. Waits for input and for room first, in the
 * task alone, and only then has a kernel thread do the work (KN-25); a socket that takes less
 * than len may still hold that thread, so keep len near what the socket's buffer takes, or the
 * socket O_NONBLOCK.
 *
 * Awaits:  yes.
 * Cancel:  -ECANCELED, nothing was moved; or the bytes that were, and the cancel stays.
 * Returns: bytes moved, 0 at the end of the input, -EPIPE, -EINVAL (neither is a pipe), -ESPIPE,
 *          -EAGAIN (only with SPLICE_F_NONBLOCK), -EBADF.
 * Kernel:  5.7. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_splice(int fd_in, int64_t offset_in, int fd_out,
						int64_t offset_out, size_t len, unsigned flags);

/* Copy bytes from one pipe to another and leave them in the first: tee(2).
 *
 * Awaits:  yes.
 * Cancel:  as rondo_splice().
 * Returns: bytes copied, 0 at the end of the input, -EPIPE, -EINVAL (not two pipes), -EAGAIN
 *          (only with SPLICE_F_NONBLOCK), -EBADF.
 * Kernel:  5.8. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_tee(int fd_in, int fd_out, size_t len, unsigned flags);

RONDO_END_DECLS
#endif
