/* SPDX-License-Identifier: MIT */
/* kernel_linux.c - the real kernel behind the seam. */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ring/kernel.h"
#include "ring/spawn.h"

static int linux_setup(const struct kernel *k, unsigned entries, struct io_uring *ring,
		       struct io_uring_params *params)
{
	int fd, ret = io_uring_queue_init_params(entries, ring, params);

	if (ret < 0)
		return ret;
	fd = kernel_above_stdio(k, ring->ring_fd);
	ring->ring_fd = ring->enter_ring_fd = fd < 0 ? -1 : fd;
	if (fd < 0)
		io_uring_queue_exit(ring);
	return fd < 0 ? fd : 0;
}

static void linux_close(const struct kernel *k, struct io_uring *ring)
{
	(void)k;
	io_uring_queue_exit(ring);
}

static int linux_enter(const struct kernel *k, unsigned fd, unsigned to_submit,
		       unsigned min_complete, unsigned flags, const void *arg, size_t arg_size)
{
	long ret = syscall(__NR_io_uring_enter, fd, to_submit, min_complete, flags, arg, arg_size);

	(void)k;
	return ret < 0 ? -errno : (int)ret;
}

static int linux_register(const struct kernel *k, unsigned fd, unsigned opcode, const void *arg,
			  unsigned n)
{
	long ret = syscall(__NR_io_uring_register, fd, opcode, arg, n);

	(void)k;
	return ret < 0 ? -errno : (int)ret;
}

static uint64_t linux_now(const struct kernel *k, clockid_t clock)
{
	struct timespec ts;

	(void)k;
	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void linux_sleep(const struct kernel *k, uint64_t ns)
{
	const struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000u),
				     .tv_nsec = (long)(ns % 1000000000u) };

	(void)k;
	clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);	/* a signal may end it: it was patience only */
}

static long linux_call(const struct kernel *k, long number, long a, long b, long c, long d, long e,
		       long f)
{
	long ret = syscall(number, a, b, c, d, e, f);

	(void)k;
	return ret < 0 ? -errno : ret;
}

static int linux_sigaction(const struct kernel *k, int signal, const struct sigaction *action,
			   struct sigaction *old)
{
	(void)k;
	return sigaction(signal, action, old) < 0 ? -errno : 0;
}

static void *linux_signals;

const struct kernel rondo__kernel_linux = {
	.setup = linux_setup,
	.close = linux_close,
	.enter = linux_enter,
	.register_ = linux_register,
	.now = linux_now,
	.sleep = linux_sleep,
	.call = linux_call,
	.sigaction = linux_sigaction,
	.signals = &linux_signals,
	.spawn = rondo__spawn_linux,
};
