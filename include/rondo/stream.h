/* SPDX-License-Identifier: MIT */
/* stream.h - buffered readers and writers: asyncio's StreamReader and StreamWriter as one object,
 * over sockets, pipes, terminals, files, or whatever has the functions of a rondo_stream_class.
 *
 *     rondo_stream *s;
 *     const char *line;
 *     ssize_t n;
 *     int ret = rondo_stream_from_fd(fd, NULL, &s);
 *
 *     if (ret < 0)
 *             return ret;
 *     while (ret == 0 && (n = rondo_stream_read_line(s, &line)) > 0)
 *             ret = rondo_stream_write(s, line, (size_t)n);
 *     rondo_stream_close(s);
 *
 * A stream belongs to the loop of the task that made it. One task at a time may read from it, and
 * any number write: each write stays whole, and they go out in the order of the calls. Reading and
 * writing do not wait for each other.
 *
 * What a read lends instead of copying it stays valid until the next call that reads. A read that
 * is cancelled takes nothing: the bytes stay for the next one. O_NONBLOCK is never touched, so a
 * pipe, terminal or file may be shared with other processes. */
#ifndef RONDO_STREAM_H
#define RONDO_STREAM_H

#include <stdarg.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "rondo/base.h"

RONDO_BEGIN_DECLS

typedef struct rondo_stream rondo_stream;

/* Zero means default throughout. */
struct rondo_stream_options {
	size_t limit;		/* bytes that a line may have before its end; 64 KiB */
	size_t write_buffer;	/* bytes collected before they are sent; 0: each write goes out */
	bool keep_fd;		/* closing the stream leaves the descriptor open */
	bool exclusive;		/* no other process has this socket: see rondo_stream_sendfile() */
};

/* A stream of another kind: TLS, compression, a test's memory. All functions are called in a task
 * and may await. At most one reads and one writes at a time, and the two may overlap. They keep the
 * rules of rondo's own: success beats cancel, errors are -errno, what a cancelled read would have
 * got is there for the next one. */
struct rondo_stream_class {
	const char *name;
	/* Read 1 to len bytes; 0 at the end. Not needed if there is lend. */
	ssize_t (*read)(void *self, void *buf, size_t len);
	/* Instead of read, optional: lend at least one byte, until the next call or close. */
	ssize_t (*lend)(void *self, const void **data);
	/* Write all, or fail after *n_written bytes, which is set in any case. */
	int (*write)(void *self, const struct iovec *iov, size_t n_iov, size_t *n_written);
	/* Tell the peer that no more comes. Optional. */
	int (*shutdown_write)(void *self);
	/* Make what is under way in other tasks, whatever it does next, return -EBADF; close follows
	 * when it has. Optional: without it, close waits for them. */
	void (*interrupt)(void *self);
	/* End, at once if abort is true, and free self, whatever this returns. Nothing else is under
	 * way. What was written is out already, or given up. */
	int (*close)(void *self, bool abort);
	/* Optional: the descriptor below, or -1. */
	int (*fd)(const void *self);
};

/* --- making, ending -------------------------------------------------------------------------- */

/* Make a stream of another kind. options may be NULL.
 *
 * Owns:    on success self is the stream's and *stream the caller's; class must stay.
 * Awaits:  no. Only from a task.
 * Returns: 0, -ENOMEM, -EINVAL (the class can neither read nor write, or not close). */
RONDO_API RONDO_MUST_CHECK int rondo_stream_new(const struct rondo_stream_class *class_, void *self,
						const struct rondo_stream_options *options,
						rondo_stream **stream);

/* Make a stream of a descriptor: a stream socket, an end of a pipe, a terminal, a file. A file is
 * read and written from its present position on; the stream then keeps a position of its own, and
 * writes at the end if the file is O_APPEND. options may be NULL.
 *
 * Owns:    on success fd is the stream's (unless keep_fd) and *stream the caller's; on failure fd
 *          stays the caller's.
 * Awaits:  no. Only from a task.
 * Returns: 0, -EBADF, -ENOMEM, -EPROTOTYPE (a socket, but no stream socket). */
RONDO_API RONDO_MUST_CHECK int rondo_stream_from_fd(int fd,
						    const struct rondo_stream_options *options,
						    rondo_stream **stream);

/* Flush, and end a stream. A peer that has reset the connection is no error, unless bytes could not
 * be sent to it. Other tasks' writes that began before go out first; reads return -EBADF.
 *
 * Owns:    the handle is gone, whatever this returns. NULL is ignored.
 * Awaits:  yes.
 * Cancel:  -ECANCELED, at once, if it still had to send; what was not out then is dropped. Else it
 *          waits for the next await, so that cleaning up needs no special care.
 * Returns: 0; an error of the flush; -EIO, -ENOSPC, -EDQUOT: earlier writes to a file were lost. */
RONDO_API int rondo_stream_close(rondo_stream *s);

/* End a stream at once: drop what is buffered; a TCP connection is reset. Other tasks' reads and
 * writes return -EBADF.
 *
 * Owns:    the handle is gone. NULL is ignored.
 * Awaits:  yes, but not for the peer.
 * Cancel:  waits for the next await. */
RONDO_API void rondo_stream_abort(rondo_stream *s);

/* Make reads and writes that other tasks are waiting in return -EBADF, and later ones as well. For
 * streams upon streams: what a rondo_stream_class.interrupt may do to the stream below.
 *
 * Awaits:  yes, but not for the peer.
 * Cancel:  waits for the next await. */
RONDO_API void rondo_stream_interrupt(rondo_stream *s);

/* Make two streams that are connected with each other in memory, for tests of what reads and writes
 * streams. capacity bytes (0: 64 KiB) may be under way in each direction; who writes more waits.
 * options, which may be NULL, are those of both.
 *
 * Owns:    the caller closes both. An abort is to the other side like a reset connection.
 * Awaits:  no. Only from a task.
 * Returns: 0, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_stream_memory_pair(size_t capacity,
							const struct rondo_stream_options *options,
							rondo_stream *streams[2]);

/* Open a file as a stream: rondo_open() and rondo_stream_from_fd(). options may be NULL; a
 * write_buffer is worth it for many small writes.
 *
 * Owns:    the caller closes the stream.
 * Awaits:  yes.
 * Cancel:  -ECANCELED; or the file was opened, 0, and the cancel stays.
 * Returns: 0, or an error of rondo_open(). */
RONDO_API RONDO_MUST_CHECK int rondo_file_open(const char *path, int flags, mode_t mode,
					       const struct rondo_stream_options *options,
					       rondo_stream **stream);

/* Get the process's standard input as a stream of the calling task's loop, whether it is a file, a
 * pipe, a terminal or a socket. A file is read at the position that it shares with other processes:
 * at the end it is left behind the last byte that was read.
 *
 * Owns:    the stream is the loop's, which flushes it at its end. It may be closed before, which
 *          leaves the descriptor open; the next call makes a new one.
 * Awaits:  no. Only from a task.
 * Returns: the stream, or NULL if the descriptor is closed or memory is short. */
RONDO_API rondo_stream *rondo_stdin(void);

/* Get the process's standard output as a stream; as rondo_stdin().
 *
 * Awaits:  no. Only from a task.
 * Returns: the stream or NULL. */
RONDO_API rondo_stream *rondo_stdout(void);

/* Get the process's standard error as a stream; as rondo_stdin().
 *
 * Awaits:  no. Only from a task.
 * Returns: the stream or NULL. */
RONDO_API rondo_stream *rondo_stderr(void);

/* --- what it is ------------------------------------------------------------------------------ */

/* Tell the descriptor under a stream.
 *
 * Owns:    it stays the stream's.
 * Awaits:  no.
 * Returns: the descriptor, or -1. */
RONDO_API int rondo_stream_fd(const rondo_stream *s);

/* Get what a stream of the given class was made with.
 *
 * Owns:    it stays the stream's.
 * Awaits:  no.
 * Returns: self, or NULL if the stream is of another class. */
RONDO_API void *rondo_stream_self(const rondo_stream *s, const struct rondo_stream_class *class_);

/* Get the address of the peer. *addrlen is the room at addr, and becomes the address's size.
 *
 * Awaits:  no.
 * Returns: 0, -ENOTSOCK, -ENOTCONN. */
RONDO_API RONDO_MUST_CHECK int rondo_stream_peername(const rondo_stream *s, struct sockaddr *addr,
						     socklen_t *addrlen);

/* Get the socket's own address; as rondo_stream_peername().
 *
 * Awaits:  no.
 * Returns: 0, -ENOTSOCK. */
RONDO_API RONDO_MUST_CHECK int rondo_stream_sockname(const rondo_stream *s, struct sockaddr *addr,
						     socklen_t *addrlen);

/* --- reading --------------------------------------------------------------------------------- */

/* Read some bytes: what is there, or what comes first.
 *
 * Owns:    buf stays the caller's; it may be written until this returns.
 * Awaits:  yes, unless bytes are there.
 * Cancel:  -ECANCELED; nothing is lost.
 * Returns: 1 to len bytes, 0 at the end (or len is 0), -errno; -EBUSY: another task is reading. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_stream_read(rondo_stream *s, void *buf, size_t len);

/* Lend what is there, or what comes first, where it lies. It counts as read.
 *
 * Owns:    *data may be read until the next call that reads; untouched on failure.
 * Awaits:  yes, unless bytes are there.
 * Cancel:  -ECANCELED; nothing is lost.
 * Returns: bytes lent, 0 at the end, -errno, -EBUSY. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_stream_lend(rondo_stream *s, const void **data);

/* Look at the next len bytes without taking them.
 *
 * Owns:    *data may be read until the next call that reads; untouched on failure.
 * Awaits:  yes, unless they are there.
 * Cancel:  -ECANCELED; nothing is lost.
 * Returns: bytes to be seen: at least len, fewer if the end comes first; -errno, -EBUSY, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_stream_peek(rondo_stream *s, size_t len,
						     const void **data);

/* Read exactly len bytes.
 *
 * Owns:    *n_read, if n_read is not NULL, receives how many bytes were taken, and are in buf:
 *          after -RONDO_EINCOMPLETE those that came before the end.
 * Awaits:  yes, unless they are there.
 * Cancel:  -ECANCELED; nothing is lost: what came goes back to the stream (*n_read is 0).
 * Returns: 0, -RONDO_EINCOMPLETE, -errno, -EBUSY. */
RONDO_API RONDO_MUST_CHECK int rondo_stream_read_exactly(rondo_stream *s, void *buf, size_t len,
							 size_t *n_read);

/* Read a line. It ends with its '\n', unless the end of the stream came first. Of a line longer
 * than the limit nothing can be had: it is dropped, with all that has been received if its end was
 * not yet there, and the next call goes on behind that.
 *
 * Owns:    *line is lent until the next call that reads, without a NUL; untouched on failure.
 * Awaits:  yes, unless the line is there.
 * Cancel:  -ECANCELED; nothing is lost.
 * Returns: its length, 0 at the end, -RONDO_ELIMIT, -errno, -EBUSY, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_stream_read_line(rondo_stream *s, const char **line);

/* Read up to one of several separators, and it: the one that ends first. For limits and ends there
 * are rondo_stream_partial() and rondo_stream_consumed().
 *
 * Owns:    *data is lent until the next call that reads, without a NUL; untouched on failure.
 * Awaits:  yes, unless it is there.
 * Cancel:  -ECANCELED; nothing is lost.
 * Returns: its length; -RONDO_EINCOMPLETE: the end came first; -RONDO_ELIMIT: more than the limit
 *          before the separator, and all of it stays; -EINVAL: no separator, an empty one, or more
 *          than 16; -errno, -EBUSY, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_stream_read_until(rondo_stream *s,
							   const char *const *separators, size_t n,
							   const char **data);

/* Read up to one of several separators that may contain NULs; else as rondo_stream_read_until().
 *
 * Owns:    as rondo_stream_read_until().
 * Awaits:  yes, unless it is there.
 * Cancel:  -ECANCELED; nothing is lost.
 * Returns: as rondo_stream_read_until(). */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_stream_read_until_bytes(rondo_stream *s,
								 const struct iovec *separators,
								 size_t n, const char **data);

/* After -RONDO_EINCOMPLETE of rondo_stream_read_until(): get what came before the end.
 *
 * Owns:    *data is lent until the next call that reads.
 * Awaits:  no.
 * Returns: its length; 0 if the last read ended otherwise. */
RONDO_API size_t rondo_stream_partial(const rondo_stream *s, const char **data);

/* After -RONDO_ELIMIT of rondo_stream_read_until(): tell how many bytes come before the separator or,
 * if that was not found, before the place where it may begin. They can be read.
 *
 * Awaits:  no.
 * Returns: that number; 0 if the last read ended otherwise. */
RONDO_API size_t rondo_stream_consumed(const rondo_stream *s);

/* Read up to the end, but at most max bytes.
 *
 * Owns:    *data is the caller's to free(), with a NUL behind it; untouched on failure.
 * Awaits:  yes, until the end.
 * Cancel:  -ECANCELED; nothing is lost.
 * Returns: bytes read; -RONDO_ELIMIT: there are more, and all of them stay; -errno, what came stays
 *          as well; -EBUSY, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_stream_read_all(rondo_stream *s, size_t max, void **data);

/* Tell how many bytes were received and not yet read.
 *
 * Awaits:  no.
 * Returns: the number of those that can be read without awaiting. */
RONDO_API size_t rondo_stream_buffered(const rondo_stream *s);

/* Has a read come to the end, and is nothing buffered?
 *
 * Awaits:  no.
 * Returns: true or false. */
RONDO_API bool rondo_stream_at_eof(const rondo_stream *s);

/* --- writing --------------------------------------------------------------------------------- */

/* Write all bytes. Without a write buffer this returns when the kernel, or the class, has taken them:
 * a slow reader holds up its writer, and nothing piles up. A write that an error or a cancel cut
 * short has left half a message; nothing can be written behind it, and later writes return -EPIPE.
 * rondo_stream_write_counted() leaves that to its caller.
 *
 * Owns:    buf stays the caller's and must not change until this returns.
 * Awaits:  yes, unless the bytes could be taken at once.
 * Cancel:  -ECANCELED; if it was still waiting for other writes, without a trace.
 * Returns: 0; -EPIPE, -ECONNRESET: the peer is gone; -EPIPE after rondo_stream_shutdown_write();
 *          -errno; -EBADF: closed meanwhile. */
RONDO_API RONDO_MUST_CHECK int rondo_stream_write(rondo_stream *s, const void *buf, size_t len);

/* Write several buffers as one; else as rondo_stream_write().
 *
 * Owns:    iov and its buffers stay the caller's and must not change until this returns.
 * Awaits:  as rondo_stream_write().
 * Cancel:  as rondo_stream_write().
 * Returns: as rondo_stream_write(). */
RONDO_API RONDO_MUST_CHECK int rondo_stream_writev(rondo_stream *s, const struct iovec *iov,
						   size_t n_iov);

/* Write several buffers, and tell how far that went, so that the caller can go on from there: later
 * writes are not refused.
 *
 * Owns:    as rondo_stream_writev(); *n_written is set also on failure.
 * Awaits:  as rondo_stream_write().
 * Cancel:  -ECANCELED, after *n_written bytes.
 * Returns: as rondo_stream_write(). */
RONDO_API RONDO_MUST_CHECK int rondo_stream_write_counted(rondo_stream *s, const struct iovec *iov,
							  size_t n_iov, size_t *n_written);

/* Write formatted text, as printf(3).
 *
 * Awaits:  as rondo_stream_write().
 * Cancel:  as rondo_stream_write().
 * Returns: as rondo_stream_write(); -ENOMEM, -EINVAL (format). */
RONDO_API RONDO_MUST_CHECK int rondo_stream_printf(rondo_stream *s, const char *format, ...)
	__attribute__((format(__printf__, 2, 3)));

/* Write formatted text, as vprintf(3).
 *
 * Awaits:  as rondo_stream_write().
 * Cancel:  as rondo_stream_write().
 * Returns: as rondo_stream_printf(). */
RONDO_API RONDO_MUST_CHECK int rondo_stream_vprintf(rondo_stream *s, const char *format,
						    va_list args)
	__attribute__((format(__printf__, 2, 0)));

/* Tell how many bytes the write buffer holds: get_write_buffer_size().
 *
 * Awaits:  no.
 * Returns: the number; 0 for a stream without one. */
RONDO_API size_t rondo_stream_unsent(const rondo_stream *s);

/* Send what the write buffer holds. That happens by itself when it is full, when a read of the
 * stream has to wait, and in rondo_stream_close().
 *
 * Awaits:  yes, unless nothing is to be sent, or it could be sent at once.
 * Cancel:  -ECANCELED; what was not sent stays in the buffer.
 * Returns: as rondo_stream_write(). */
RONDO_API RONDO_MUST_CHECK int rondo_stream_flush(rondo_stream *s);

/* Flush, and tell the peer that no more comes; reading goes on. The writing end of a pipe is closed.
 * Doing it twice is harmless. After half a message it is what the peer finds behind that half.
 *
 * Awaits:  as rondo_stream_flush().
 * Cancel:  -ECANCELED; it was not done.
 * Returns: 0, -EOPNOTSUPP (nothing that can be half closed), an error of rondo_stream_flush(). */
RONDO_API RONDO_MUST_CHECK int rondo_stream_shutdown_write(rondo_stream *s);

/* Send count bytes of a file, or up to its end if count is negative. The file's position stays. On
 * a socket that is O_NONBLOCK, that this library has made for a connection or a server, or that
 * options.exclusive says nobody else has, the kernel sends straight from its page cache, and the
 * loop waits while it reads what is not there yet; elsewhere the bytes are read and written.
 *
 * Owns:    fd stays the caller's. *n_sent, if n_sent is not NULL, is set also on failure, and writing
 *          can go on from there.
 * Awaits:  yes.
 * Cancel:  -ECANCELED, after *n_sent bytes. fd may be a pipe, but there is no going back in it: what
 *          was read and not sent, up to 128 KiB, is gone, as after any other error.
 * Returns: 0, also if the file ended first; an error of rondo_stream_write() or of reading fd; -EINVAL
 *          (offset below 0). */
RONDO_API RONDO_MUST_CHECK int rondo_stream_sendfile(rondo_stream *s, int fd, int64_t offset,
						     int64_t count, int64_t *n_sent);

/* Move the position of a file's stream: lseek(2). What was read ahead does not count, and what is
 * in the write buffer goes out first. (0, SEEK_CUR) tells the position.
 *
 * Awaits:  as rondo_stream_flush().
 * Cancel:  as rondo_stream_flush().
 * Returns: the position, -ESPIPE (no file), -EINVAL, -EBUSY, an error of rondo_stream_flush(). */
RONDO_API RONDO_MUST_CHECK int64_t rondo_stream_seek(rondo_stream *s, int64_t offset, int whence);

RONDO_END_DECLS
#endif
