/* SPDX-License-Identifier: MIT */
/* raw.h - a ring without a loop, for tests: every CQE is logged, and nothing is waited for without
 * an end. Assertions are cmocka's, so this is for the main stack only. */
#ifndef RONDO_TESTS_RAW_H
#define RONDO_TESTS_RAW_H

#include "support/check.h"
#include "support/child.h"

#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ring/ring.h"

#define RAW_SECOND UINT64_C(1000000000)
#define RAW_FENCE UINT64_MAX	/* user_data of raw_fence()'s NOP, which is not logged */

enum { RAW_LOG = 128, RAW_PATIENCE_S = 60 };

struct raw_cqe {
	uint64_t user_data;
	int res;
	unsigned flags;
};

struct raw {
	struct ring ring;
	struct raw_cqe log[RAW_LOG];
	unsigned n;			/* CQEs in the log */
	bool fence_passed;
};

static inline uint64_t raw_now(void)
{
	return rondo__kernel_linux.now(&rondo__kernel_linux, CLOCK_MONOTONIC);
}

static inline void raw_complete(void *owner, const struct io_uring_cqe *cqe)
{
	struct raw *r = owner;

	if (cqe->user_data == RAW_FENCE) {
		r->fence_passed = true;
		return;
	}
	if (r->n < RAW_LOG)
		r->log[r->n] = (struct raw_cqe){ cqe->user_data, cqe->res, cqe->flags };
	r->n++;
}

static inline int raw_try_open(struct raw *r, const struct kernel *kernel,
			       const struct ring_options *o)
{
	r->n = 0;
	return rondo__ring_open(&r->ring, kernel, o, raw_complete, r);
}

static inline void raw_open(struct raw *r)
{
	struct ring_options o = { .sq_entries = 64 };

	assert_int_equal(raw_try_open(r, &rondo__kernel_linux, &o), 0);
}

static inline void raw_close(struct raw *r)
{
	assert_int_equal(r->ring.n_in_flight, 0);
	rondo__ring_close(&r->ring);
}

/* Submit, and wait until n CQEs are in the log. */
static inline void raw_wait(struct raw *r, unsigned n)
{
	uint64_t end = raw_now() + RAW_PATIENCE_S * RAW_SECOND;

	while (r->n < n) {
		assert_true(raw_now() < end);
		assert_int_equal(rondo__ring_enter(&r->ring, 1, end), 0);
		rondo__ring_reap(&r->ring);
	}
}

/* Submit, and let the kernel deliver whatever is complete by now: task work is run in order, and
 * the NOP's comes last. What is not in the log after this had not completed before it. */
static inline void raw_fence(struct raw *r)
{
	struct io_uring_sqe *sqe = rondo__ring_sqe(&r->ring);
	uint64_t end = raw_now() + RAW_PATIENCE_S * RAW_SECOND;

	io_uring_prep_nop(sqe);
	sqe->user_data = RAW_FENCE;
	r->fence_passed = false;
	while (!r->fence_passed) {
		assert_true(raw_now() < end);
		assert_int_equal(rondo__ring_enter(&r->ring, 1, end), 0);
		rondo__ring_reap(&r->ring);
	}
}

static inline const struct raw_cqe *raw_find(const struct raw *r, uint64_t user_data)
{
	for (unsigned i = 0; i < r->n && i < RAW_LOG; i++)
		if (r->log[i].user_data == user_data)
			return &r->log[i];
	return NULL;
}

static inline int raw_res(const struct raw *r, uint64_t user_data)
{
	const struct raw_cqe *cqe = raw_find(r, user_data);

	assert_non_null(cqe);
	return cqe->res;
}

/* Submit one prepared SQE alone and wait for its result. */
static inline int raw_do(struct raw *r, struct io_uring_sqe *sqe)
{
	sqe->user_data = 1;
	r->n = 0;
	raw_wait(r, 1);
	return r->log[0].res;
}

/* The SQEs of the commonest ops, named. */
static inline void raw_nop(struct raw *r, uint64_t user_data)
{
	struct io_uring_sqe *sqe = rondo__ring_sqe(&r->ring);

	io_uring_prep_nop(sqe);
	sqe->user_data = user_data;
}

static inline void raw_read(struct raw *r, int fd, void *buf, unsigned size, uint64_t user_data)
{
	struct io_uring_sqe *sqe = rondo__ring_sqe(&r->ring);

	io_uring_prep_read(sqe, fd, buf, size, 0);
	sqe->user_data = user_data;
}

static inline void raw_cancel(struct raw *r, uint64_t target, uint64_t user_data)
{
	struct io_uring_sqe *sqe = rondo__ring_sqe(&r->ring);

	io_uring_prep_cancel64(sqe, target, 0);
	sqe->user_data = user_data;
}

static inline int raw_count_entries(const char *folder)
{
	DIR *d = opendir(folder);
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* A connected pair over the loopback interface. */
static inline void raw_tcp_listen(int *fd, struct sockaddr_in *a)
{
	socklen_t size = sizeof(*a);

	*a = (struct sockaddr_in){ .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(*fd >= 0);
	assert_int_equal(bind(*fd, (struct sockaddr *)a, sizeof(*a)), 0);
	assert_int_equal(listen(*fd, 64), 0);
	assert_int_equal(getsockname(*fd, (struct sockaddr *)a, &size), 0);
}

static inline int raw_tcp_connect(const struct sockaddr_in *a)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)a, sizeof(*a)), 0);
	return fd;
}

static inline void raw_tcp_pair(int fds[2])
{
	struct sockaddr_in a;
	int listener;

	raw_tcp_listen(&listener, &a);
	fds[0] = raw_tcp_connect(&a);
	fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fds[1] >= 0);
	close(listener);
}

static inline void raw_close_pair(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static inline int raw_n_threads(void)
{
	return raw_count_entries("/proc/self/task") - 2;
}
#endif
