/* SPDX-License-Identifier: MIT */
/* conformance_calls_files.h - scripts: the plain system calls on files and pipes. What a call answers
 * is said as 1, and what a second one does as 2. */
#ifndef RONDO_TESTS_CONFORMANCE_CALLS_FILES_H
#define RONDO_TESTS_CONFORMANCE_CALLS_FILES_H

#include <sys/eventfd.h>

#include "sim/conformance.h"

#define SAY(c, id, name, ...) say(c, id, plain(c, name, __VA_ARGS__))

static void say_fd(struct conf *c, uint64_t id, int fd)
{
	say(c, id, fd);
	gives_fds(c, id);
}

static void call_close(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	SAY(c, 1, close, p[0]);
	SAY(c, 2, close, p[0]);
	c->fds[c->n_fds - 2] = -1;
}

static void call_close_bad(struct conf *c)
{
	SAY(c, 1, close, -1);
}

static void call_write(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	SAY(c, 1, write, p[1], "hello", 5);
	SAY(c, 2, write, p[0], "hello", 5);
	SAY(c, 3, write, p[1], NULL, 5);
	SAY(c, 4, write, -1, "hello", 5);
}

static void call_write_unread(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	close_fd(c, p[0]);
	SAY(c, 1, write, p[1], "hello", 5);
}

static void call_write_full(struct conf *c)
{
	int fd = keep_fd(c, plain(c, eventfd2, 0, EFD_NONBLOCK));
	uint64_t all = UINT64_MAX - 1;

	SAY(c, 1, write, fd, &all, 8);
	SAY(c, 2, write, fd, &all, 8);
	all = UINT64_MAX;
	SAY(c, 3, write, fd, &all, 8);
	SAY(c, 4, write, fd, &all, 4);
}

static void call_pwritev2(struct conf *c)
{
	struct iovec iov = { c->buf, 5 };
	int p[2], fd = make_file(c, "new", "");

	make_pipe(c, p);
	SAY(c, 1, pwritev2, fd, &iov, 1, 0, 0, 0);
	SAY(c, 2, pwritev2, p[1], &iov, 1, -1L, -1L, 0);
	SAY(c, 3, pwritev2, p[1], &iov, 1, 0, 0, 0);
	SAY(c, 4, pwritev2, -1, &iov, 1, 0, 0, 0);
}

static void call_pwritev2_flags(struct conf *c)
{
	struct iovec iov = { c->buf, 5 };
	int p[2];

	make_pipe(c, p);
	SAY(c, 1, pwritev2, p[1], &iov, 1, -1L, -1L, 1 << 20);
	SAY(c, 2, pwritev2, p[1], &iov, -1, -1L, -1L, 0);
	SAY(c, 3, pwritev2, p[1], NULL, 0, -1L, -1L, 0);
}

/* What was just written is cached. */
static void call_preadv2(struct conf *c)
{
	struct iovec halves[2] = { { c->buf, 3 }, { c->other, 9 } };
	int p[2], fd = make_file(c, "old", "0123456789");

	make_pipe(c, p);
	SAY(c, 1, preadv2, fd, halves, 2, 1, 0, RWF_NOWAIT);
	say(c, 2, c->buf[0]);
	say(c, 3, c->other[5]);
	SAY(c, 4, preadv2, fd, halves, 2, 10, 0, RWF_NOWAIT);
	SAY(c, 5, preadv2, p[0], halves, 1, 0, 0, RWF_NOWAIT);
	SAY(c, 6, preadv2, -1, halves, 1, 0, 0, RWF_NOWAIT);
	SAY(c, 7, preadv2, fd, halves, -1, 0, 0, RWF_NOWAIT);
	SAY(c, 8, preadv2, c->root, halves, 1, 0, 0, RWF_NOWAIT);
}

static void call_preadv2_flags(struct conf *c)
{
	struct iovec iov = { c->buf, 8 };
	int p[2], fd = make_file(c, "old", "0123456789");

	make_pipe(c, p);
	SAY(c, 1, preadv2, fd, &iov, 1, 0, 0, RWF_NOWAIT | 1 << 20);
	SAY(c, 2, preadv2, p[1], &iov, 1, -1L, -1L, RWF_NOWAIT);
	SAY(c, 3, preadv2, fd, NULL, 0, 0, 0, RWF_NOWAIT);
	SAY(c, 4, preadv2, p[0], &iov, 1, -1L, -1L, RWF_NOWAIT);
	needs(c, plain(c, write, p[1], "hello", 5));
	SAY(c, 5, preadv2, p[0], &iov, 1, -1L, -1L, RWF_NOWAIT);
}

static void call_fcntl(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	SAY(c, 1, fcntl, p[0], F_GETFD);
	SAY(c, 2, fcntl, p[0], F_GETFL);
	SAY(c, 3, fcntl, p[0], F_SETFL, O_NONBLOCK);
	SAY(c, 4, fcntl, p[0], F_GETFL);
}

static void call_fcntl_bad(struct conf *c)
{
	SAY(c, 1, fcntl, -1, F_GETFL);
}

static void call_lseek(struct conf *c)
{
	int fd = make_file(c, "old", "0123456789");

	SAY(c, 1, lseek, fd, 3, SEEK_SET);
	SAY(c, 2, lseek, fd, 4, SEEK_CUR);
	SAY(c, 3, lseek, fd, -1L, SEEK_END);
	SAY(c, 4, lseek, fd, -20L, SEEK_CUR);
	SAY(c, 5, lseek, fd, 0, 99);
	SAY(c, 6, lseek, fd, 50, SEEK_DATA);
	SAY(c, 7, lseek, fd, 2, SEEK_HOLE);
}

#endif
