/* SPDX-License-Identifier: MIT */
/* conformance_transfer.h - scripts: reading, writing, polling, closing; pipes and splices. */
#ifndef RONDO_TESTS_CONFORMANCE_TRANSFER_H
#define RONDO_TESTS_CONFORMANCE_TRANSFER_H

#include <linux/fs.h>
#include <poll.h>
#include <sys/uio.h>

#include "sim/conformance.h"

static int ten_bytes(struct conf *c)
{
	return make_file(c, "old", "0123456789");
}

static void read_it(struct conf *c, uint64_t id, int fd, unsigned len, int64_t offset)
{
	ADD(c, id, read, fd, c->buf, len, (uint64_t)offset);
	wait_for_id(c, id);
}

static void write_it(struct conf *c, uint64_t id, int fd, const char *text, int64_t offset)
{
	ADD(c, id, write, fd, text, (unsigned)strlen(text), (uint64_t)offset);
	wait_for_id(c, id);
}

/* --- READ ------------------------------------------------------------------------------------ */

static void read_file(struct conf *c)
{
	read_it(c, 1, ten_bytes(c), 4, 2);
	say(c, 10, !memcmp(c->buf, "2345", c->lines[0].value > 0 ? (size_t)c->lines[0].value : 4));
}

static void read_to_the_end(struct conf *c)
{
	read_it(c, 1, ten_bytes(c), 100, 4);
}

static void read_behind_the_end(struct conf *c)
{
	read_it(c, 1, ten_bytes(c), 100, 50);
}

static void read_on(struct conf *c)
{
	int fd = ten_bytes(c);

	read_it(c, 1, fd, 3, -1);
	read_it(c, 2, fd, 3, -1);
	say(c, 10, kernel_call3(c->kernel, SYS_lseek, fd, 0, SEEK_CUR));
}

static void read_nothing(struct conf *c)
{
	read_it(c, 1, ten_bytes(c), 0, 0);
}

static void read_negative_offset(struct conf *c)
{
	read_it(c, 1, ten_bytes(c), 4, -5);
}

static void read_write_only(struct conf *c)
{
	ten_bytes(c);
	read_it(c, 1, open_file(c, "old", O_WRONLY), 4, 0);
}

static void read_folder(struct conf *c)
{
	read_it(c, 1, c->root, 4, 0);
}

static void read_bad_address(struct conf *c)
{
	ADD(c, 1, read, ten_bytes(c), (void *)8, 5, 0);
	wait_for(c, 1);
}

static void read_bad_flags(struct conf *c)
{
	ADD(c, 1, read, ten_bytes(c), c->buf, 5, 0)->rw_flags = 1 << 20;
	wait_for(c, 1);
}

static void read_pipe(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	put(c, p[1], "hello");
	read_it(c, 1, p[0], 10, 0);
	say_text(c, 10, c->buf, "hello");
}

static void read_pipe_waits(struct conf *c)
{
	int fd = add_waiting_read(c, 1);

	settle(c);
	say(c, 10, c->n_cqes);
	put(c, fd, "hello");
	wait_for(c, 1);
	say_text(c, 11, c->buf, "hello");
}

static void read_pipe_ended(struct conf *c)
{
	int fd = add_waiting_read(c, 1);

	settle(c);
	close_fd(c, fd);
	wait_for(c, 1);
}

static void read_pipe_nowait(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, 1, read, p[0], c->buf, 5, 0)->rw_flags = RWF_NOWAIT;
	wait_for(c, 1);
}

static void read_pipe_nonblock(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	kernel_call3(c->kernel, SYS_fcntl, p[0], F_SETFL, O_NONBLOCK);
	ADD(c, 1, read, p[0], c->buf, 5, 0);
	settle(c);
	put(c, p[1], "hello");
	wait_for(c, 1);
}

static void read_closed_meanwhile(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, 1, read, p[0], c->buf, 5, 0);
	settle(c);
	close_fd(c, p[0]);
	put(c, p[1], "hello");
	wait_for(c, 1);
}

static void read_wrong_end(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	read_it(c, 1, p[1], 5, 0);
}

static void read_in_worker(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	put(c, p[1], "hello");
	ADD(c, 1, read, p[0], c->buf, 5, 0)->flags = IOSQE_ASYNC;
	wait_for(c, 1);
}

/* --- WRITE ----------------------------------------------------------------------------------- */

static void write_file(struct conf *c)
{
	int fd = ten_bytes(c);

	write_it(c, 1, fd, "ab", 9);
	say(c, 10, kernel_call3(c->kernel, SYS_lseek, fd, 0, SEEK_END));
}

static void write_appends(struct conf *c)
{
	int fd;

	ten_bytes(c);
	fd = open_file(c, "old", O_WRONLY | O_APPEND);
	write_it(c, 1, fd, "abcde", 0);
	say(c, 10, kernel_call3(c->kernel, SYS_lseek, fd, 0, SEEK_END));
}

static void write_on(struct conf *c)
{
	int fd = make_file(c, "old", "");

	write_it(c, 1, fd, "abc", -1);
	write_it(c, 2, fd, "d", -1);
	say(c, 10, kernel_call3(c->kernel, SYS_lseek, fd, 0, SEEK_CUR));
}

static void write_read_only(struct conf *c)
{
	ten_bytes(c);
	write_it(c, 1, open_file(c, "old", O_RDONLY), "ab", 0);
}

static void write_pipe(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	write_it(c, 1, p[1], "hello", 0);
	if (has_line(c, 1, 5))
		read_it(c, 2, p[0], 10, 0);
}

static void write_pipe_unread(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	close_fd(c, p[0]);
	write_it(c, 1, p[1], "hello", 0);
}

static void write_pipe_full(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, 1, write, p[1], c->buf, ROOM, 0);
	wait_for(c, 1);
	if (c->n_lines && c->lines[0].value < ROOM)
		return;
	ADD(c, 2, write, p[1], c->buf, 1, 0);
	settle(c);
	say(c, 10, c->n_cqes);
	ADD(c, 3, read, p[0], c->other, 4096, 0);
	wait_for(c, 3);
}

static void write_bad_address(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, 1, write, p[1], (void *)8, 5, 0);
	wait_for(c, 1);
}

static void write_counter(struct conf *c)
{
	static const uint64_t one = 1;
	int fd = keep_fd(c, (int)kernel_call2(c->kernel, SYS_eventfd2, 4, 0));

	ADD(c, 1, write, fd, &one, 8, 0);
	wait_for(c, 1);
	read_it(c, 2, fd, 8, 0);
	say(c, 10, c->buf[0]);
}

/* --- READV, WRITEV --------------------------------------------------------------------------- */

static void vectors(struct conf *c, struct iovec *iov)
{
	iov[0] = (struct iovec){ c->buf, 3 };
	iov[1] = (struct iovec){ c->other, 20 };
}

static void readv_file(struct conf *c)
{
	struct iovec iov[2];

	vectors(c, iov);
	ADD(c, 1, readv, ten_bytes(c), iov, 2, 0);
	wait_for(c, 1);
	say(c, 10, c->buf[2]);
	say(c, 11, c->lines[0].value > 3 ? c->other[0] : '3');
}

static void readv_pipe(struct conf *c)
{
	struct iovec iov[2];
	int p[2];

	make_pipe(c, p);
	vectors(c, iov);
	put(c, p[1], "hello");
	ADD(c, 1, readv, p[0], iov, 2, 0);
	wait_for(c, 1);
	say(c, 10, c->other[1]);
}

static void readv_too_many(struct conf *c)
{
	ADD(c, 1, readv, ten_bytes(c), (struct iovec *)c->buf, 1025, 0);
	wait_for(c, 1);
}

static void readv_bad_address(struct conf *c)
{
	ADD(c, 1, readv, ten_bytes(c), (struct iovec *)8, 2, 0);
	wait_for(c, 1);
}

static void writev_file(struct conf *c)
{
	struct iovec iov[2];
	int fd = make_file(c, "old", "");

	vectors(c, iov);
	ADD(c, 1, writev, fd, iov, 2, 0);
	wait_for(c, 1);
}

static void writev_pipe(struct conf *c)
{
	struct iovec iov[2];
	int p[2];

	make_pipe(c, p);
	vectors(c, iov);
	ADD(c, 1, writev, p[1], iov, 2, 0);
	wait_for(c, 1);
}

static void writev_nothing(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, 1, writev, p[1], NULL, 0, 0);
	wait_for(c, 1);
}

/* --- POLL_ADD, POLL_REMOVE ------------------------------------------------------------------- */

static void poll_ready(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	put(c, p[1], "x");
	ADD(c, 1, poll_add, p[0], POLLIN);
	ADD(c, 2, poll_add, p[1], POLLOUT | POLLIN);
	wait_for(c, 2);
}

static void poll_waits(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, 1, poll_add, p[0], POLLIN);
	settle(c);
	say(c, 10, c->n_cqes);
	put(c, p[1], "x");
	wait_for(c, 1);
}

static void poll_hang_up(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, 1, poll_add, p[0], 0);
	settle(c);
	close_fd(c, p[1]);
	wait_for(c, 1);
}

static void poll_file(struct conf *c)
{
	ADD(c, 1, poll_add, ten_bytes(c), POLLIN | POLLOUT);
	wait_for(c, 1);
}

static void poll_nothing(struct conf *c)
{
	ADD(c, 1, poll_add, -1, POLLIN);
	wait_for(c, 1);
}

static void poll_again_and_again(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, 1, poll_multishot, p[0], POLLIN);
	settle(c);
	for (unsigned i = 1; i <= 2 && (i == 1 || c->lines[0].flags & IORING_CQE_F_MORE); i++) {
		put(c, p[1], "x");
		wait_for(c, i);
	}
}

static void poll_with_offset(struct conf *c)
{
	ADD(c, 1, poll_add, ten_bytes(c), POLLIN)->off = 1;
	wait_for(c, 1);
}

static void poll_removed(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, 1, poll_add, p[0], POLLIN);
	settle(c);
	ADD(c, 2, poll_remove, 1);
	wait_for(c, 2);
}

static void poll_remove_absent(struct conf *c)
{
	ADD(c, 1, poll_remove, 7);
	wait_for(c, 1);
}

static void poll_remove_is_no_cancel(struct conf *c)
{
	add_waiting_read(c, 1);
	settle(c);
	ADD(c, 2, poll_remove, 1);
	wait_for(c, 1);
}

/* --- CLOSE, PIPE ----------------------------------------------------------------------------- */

static void close_it(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, 1, close, p[0]);
	wait_for(c, 1);
	ADD(c, 2, read, p[0], c->buf, 1, 0);
	wait_for(c, 2);
}

static void close_nothing(struct conf *c)
{
	ADD(c, 1, close, -1);
	wait_for(c, 1);
}

static void close_the_ring(struct conf *c)
{
	ADD(c, 1, close, c->ring.uring.ring_fd);
	wait_for(c, 1);
}

static void pipe_made(struct conf *c)
{
	int *fds = (int *)c->buf;

	add_op(c, 1, RONDO_OP_PIPE, 0, fds, 0, 0)->rw_flags = O_CLOEXEC;
	wait_for(c, 1);
	if (c->lines[0].value < 0)
		return;
	keep_fd(c, fds[0]);
	keep_fd(c, fds[1]);
	write_it(c, 2, fds[1], "hello", 0);
}

static void pipe_bad_flags(struct conf *c)
{
	add_op(c, 1, RONDO_OP_PIPE, 0, c->buf, 0, 0)->rw_flags = 1 << 20;
	wait_for(c, 1);
}

static void pipe_bad_address(struct conf *c)
{
	add_op(c, 1, RONDO_OP_PIPE, 0, NULL, 0, 0)->rw_flags = O_CLOEXEC;
	wait_for(c, 1);
}

static const struct script transfer_scripts[] = {
	SCRIPT(READ, read_file, .exact = "1=4 10=1", .also = "1=1..3/-EIO/-EINTR 10=any"),
	SCRIPT(READ, read_to_the_end, .exact = "1=6", .also = "1=1..5/-EIO/-EINTR"),
	SCRIPT(READ, read_behind_the_end, .exact = "1=0"),
	SCRIPT(READ, read_on, .exact = "1=3 2=3 10=6",
	       .also = "1=1..3/-EIO/-EINTR 2=1..3/-EIO/-EINTR 10=0..6"),
	SCRIPT(READ, read_nothing, .exact = "1=0"),
	SCRIPT(READ, read_negative_offset, .exact = "1=-EINVAL"),
	SCRIPT(READ, read_write_only, .exact = "1=-EBADF"),
	SCRIPT(READ, read_folder, .exact = "1=-EISDIR"),
	SCRIPT(READ, read_bad_address, .exact = "1=-EFAULT"),
	SCRIPT(READ, read_bad_flags, .exact = "1=-EOPNOTSUPP"),
	SCRIPT(READ, read_pipe, .exact = "1=5 10=1"),
	SCRIPT(READ, read_pipe_waits, .exact = "1=5 10=0 11=1"),
	SCRIPT(READ, read_pipe_ended, .exact = "1=0"),
	/* Pipes know RWF_NOWAIT since 6.3. */
	SCRIPT(READ, read_pipe_nowait, .exact = "1=-EAGAIN", .also = "1=-EOPNOTSUPP"),
	SCRIPT(READ, read_pipe_nonblock, .exact = "1=5", .also = "1=-EAGAIN"),
	SCRIPT(READ, read_closed_meanwhile, .exact = "1=5", .also = "1=-EBADF"),
	SCRIPT(READ, read_wrong_end, .exact = "1=-EBADF"),
	SCRIPT(READ, read_in_worker, .exact = "1=5", .also = "1=-EINTR"),
	SCRIPT(WRITE, write_file, .exact = "1=2 10=11",
	       .also = "1=1 10=10 | 1=-EIO/-ENOSPC/-EINTR 10=10"),
	SCRIPT(WRITE, write_appends, .exact = "1=5 10=15",
	       .also = "1=1..4 10=11..14 | 1=-EIO/-ENOSPC/-EINTR 10=10"),
	SCRIPT(WRITE, write_on, .exact = "1=3 2=1 10=4",
	       .also = "1=1..3/-EIO/-ENOSPC/-EINTR 2=1/-EIO/-ENOSPC/-EINTR 10=0..3"),
	SCRIPT(WRITE, write_read_only, .exact = "1=-EBADF"),
	SCRIPT(WRITE, write_pipe, .exact = "1=5 2=5", .also = "1=-ENOMEM"),
	SCRIPT(WRITE, write_pipe_unread, .exact = "1=-EPIPE"),
	SCRIPT(WRITE, write_pipe_full, .exact = "1=65536 2=1 3=4096 10=1",
	       .also = "1=4096..61440/-ENOMEM | 1=65536 2=-ENOMEM 3=4096 10=1"),
	SCRIPT(WRITE, write_bad_address, .exact = "1=-EFAULT"),
	SCRIPT(WRITE, write_counter, .exact = "1=8 2=8 10=5"),
	SCRIPT(READV, readv_file, .exact = "1=10 10=50 11=51", .also = "1=1..9 10=0/50 11=51 | "
	       "1=-EIO/-EINTR 10=0 11=51"),
	SCRIPT(READV, readv_pipe, .exact = "1=5 10=111"),
	SCRIPT(READV, readv_too_many, .exact = "1=-EINVAL"),
	SCRIPT(READV, readv_bad_address, .exact = "1=-EFAULT"),
	SCRIPT(WRITEV, writev_file, .exact = "1=23", .also = "1=1..22/-EIO/-ENOSPC/-EINTR"),
	SCRIPT(WRITEV, writev_pipe, .exact = "1=23", .also = "1=-ENOMEM"),
	SCRIPT(WRITEV, writev_nothing, .exact = "1=0"),
	SCRIPT(POLL_ADD, poll_ready, .exact = "1=1 2=4"),
	SCRIPT(POLL_ADD, poll_waits, .exact = "1=1 10=0"),
	SCRIPT(POLL_ADD, poll_hang_up, .exact = "1=16"),
	SCRIPT(POLL_ADD, poll_file, .exact = "1=5"),
	SCRIPT(POLL_ADD, poll_nothing, .exact = "1=-EBADF"),
	SCRIPT(POLL_ADD, poll_again_and_again, .exact = "1=1+more 1=1+more",
	       .also = "1=1+more* 1=1"),
	SCRIPT(POLL_ADD, poll_with_offset, .exact = "1=-EINVAL"),
	SCRIPT(POLL_REMOVE, poll_removed, .exact = "1=-ECANCELED 2=0"),
	SCRIPT(POLL_REMOVE, poll_remove_absent, .exact = "1=-ENOENT"),
	SCRIPT(POLL_REMOVE, poll_remove_is_no_cancel, .exact = "2=-ENOENT"),
	SCRIPT(CLOSE, close_it, .exact = "1=0 2=-EBADF"),
	SCRIPT(CLOSE, close_nothing, .exact = "1=-EBADF"),
	SCRIPT(CLOSE, close_the_ring, .exact = "1=-EBADF"),
	NEW_SCRIPT(PIPE, pipe_made, .exact = "1=0 2=5", .also = "1=-ENFILE | 1=0 2=-ENOMEM"),
	NEW_SCRIPT(PIPE, pipe_bad_flags, .exact = "1=-EINVAL"),
	NEW_SCRIPT(PIPE, pipe_bad_address, .exact = "1=-EFAULT"),
};
#endif
