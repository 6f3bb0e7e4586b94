/* SPDX-License-Identifier: MIT */
/* stream.h - a stream of known bytes through pipes, each byte checked; waits that are cancelled. */
#ifndef RONDO_TESTS_STREAM_H
#define RONDO_TESTS_STREAM_H

#include "sim/seeds.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "io/io.h"
#include "rondo/file.h"
#include "rondo/splice.h"
#include "task/task.h"

enum { PIPE_SIZE = 1 << 16, PAGE = 4096, STREAM_LEN = 100 * 1000 };

static char big[2 * PIPE_SIZE], sink[2 * PIPE_SIZE];

static inline unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 7 + i / 251 + i / 65536);
}

static inline void fill_big(void)
{
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)byte_at(i);
}

/* A pipe that makes do without memory for a while. */
static inline int make_pipe(int p[2])
{
	int ret;

	while ((ret = rondo_pipe(p, 0)) == -ENFILE)
		ret = rondo_sleep(0.1);
	return ret;
}

static inline int close_both(const int p[2])
{
	int ret = rondo_close(p[0]);

	return ret < 0 ? ret : rondo_close(p[1]);
}

static inline ssize_t write_nowait(int fd, const void *buf, size_t len)
{
	const struct iovec one = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };

	return rondo_pwritev2(fd, &one, 1, -1, RWF_NOWAIT);
}

static inline ssize_t read_nowait(int fd, void *buf, size_t len)
{
	const struct iovec one = { .iov_base = buf, .iov_len = len };

	return rondo_preadv2(fd, &one, 1, -1, RWF_NOWAIT);
}

/* Older kernels, such as 6.1, have a worker read and write pipes, which then waits for all of it. */
static inline bool pipes_are_modern(void)
{
	struct iovec one = { .iov_base = sink, .iov_len = 1 };
	int p[2];
	bool modern;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	modern = preadv2(p[0], &one, 1, -1, RWF_NOWAIT) < 0 && errno == EAGAIN;
	close(p[0]);
	close(p[1]);
	return modern;
}

/* One program about pipes on both kernels; the simulated one is modern. */
static inline void seeds_run_pipes(rondo_fn *main)
{
	if (pipes_are_modern())
		seeds_run_both(main, NULL);
	else
		seeds_run_calm(5, main, NULL);
}

static inline int write_stubbornly(int fd, const unsigned char *buf, size_t len)
{
	while (len) {
		ssize_t ret = rondo_write(fd, buf, len);

		if (ret < 0 && ret != -ENOMEM)
			return (int)ret;
		buf += ret > 0 ? ret : 0;
		len -= ret > 0 ? (size_t)ret : 0;
	}
	return 0;
}

/* Write the stream to *fd in pieces of any length, and close it. */
static inline int produces(void *arg)
{
	static unsigned char buf[20000];
	const int *fd = arg;
	size_t n;

	for (size_t at = 0; at < STREAM_LEN; at += n) {
		n = 1 + rondo_sim_random() % sizeof(buf);
		n = n < STREAM_LEN - at ? n : STREAM_LEN - at;
		for (size_t i = 0; i < n; i++)
			buf[i] = byte_at(at + i);
		CHECK_EQUAL(write_stubbornly(*fd, buf, n), 0);
	}
	return rondo_close(*fd);
}

/* Read the stream from *fd, in pieces of any length, to its end. */
static inline int consumes(void *arg)
{
	static unsigned char buf[10000];
	const int *fd = arg;
	size_t at = 0;
	ssize_t n;

	while ((n = rondo_read(*fd, buf, 1 + rondo_sim_random() % sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++, at++)
			CHECK_EQUAL(buf[i], byte_at(at));
	CHECK_EQUAL(n, 0);
	CHECK_EQUAL(at, STREAM_LEN);
	return rondo_close(*fd);
}

/* Three pipes: written, moved by a link twice, read. A link closes its two descriptors. */
static inline int runs_pipeline(rondo_fn *link)
{
	int a[2], b[2], c[2];
	rondo_task *tasks[4];

	CHECK_EQUAL(make_pipe(a) + make_pipe(b) + make_pipe(c), 0);
	tasks[0] = rondo_create_task(produces, &a[1]);
	tasks[1] = rondo_create_task(link, (int[2]){ a[0], b[1] });
	tasks[2] = rondo_create_task(link, (int[2]){ b[0], c[1] });
	tasks[3] = rondo_create_task(consumes, &c[0]);
	for (int i = 0; i < 4; i++)
		CHECK_EQUAL(rondo_await(tasks[i]), 0);
	return 0;
}

/* fn waits for what never comes; so it ends at once, whatever becomes of its cancel. */
static inline int is_stopped(rondo_fn *fn, int in, int out)
{
	rondo_task *task = rondo_create_task(fn, (int[2]){ in, out });

	CHECK(task);
	CHECK_EQUAL(rondo_sleep(0.001 * (double)(rondo_sim_random() % 50)), 0);
	rondo_cancel(task);
	CHECK_EQUAL(rondo_await(task), -ECANCELED);
	return 0;
}

#define STREAM_CANCEL_FAULTS                                                                       \
	"CANCEL_ENOENT,CANCEL_LATE,CANCEL_RESTART,COMPLETE_LATE,OP_LATE,OP_HANGS"
#endif
