/* SPDX-License-Identifier: MIT */
/* kernel.h - the seam: everything the engine asks of the world. Layer 2.
 *
 * The hot path (fill an SQE, move the tail, read CQEs, move the head) is plain memory and the same
 * for every kernel; only these calls differ between Linux and the simulated kernel. Each ring holds
 * one pointer to its kernel, set when it is opened. All calls return -errno on failure. */
#ifndef RONDO_RING_KERNEL_H
#define RONDO_RING_KERNEL_H

#include <fcntl.h>
#include <liburing.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

struct spawn;

struct kernel {
	/* Create a ring: fills params as io_uring_setup does, and maps SQ and CQ into ring. */
	int (*setup)(const struct kernel *k, unsigned entries, struct io_uring *ring,
		     struct io_uring_params *params);
	void (*close)(const struct kernel *k, struct io_uring *ring);
	int (*enter)(const struct kernel *k, unsigned fd, unsigned to_submit, unsigned min_complete,
		     unsigned flags, const void *arg, size_t arg_size);
	int (*register_)(const struct kernel *k, unsigned fd, unsigned opcode, const void *arg,
			 unsigned n);
	/* Nanoseconds of a CLOCK_*. */
	uint64_t (*now)(const struct kernel *k, clockid_t clock);
	/* Block the thread: while there is no ring to wait in. */
	void (*sleep)(const struct kernel *k, uint64_t ns);
	/* Any other system call, by number; only calls that cannot block belong here. */
	long (*call)(const struct kernel *k, long number, long a, long b, long c, long d, long e,
		     long f);
	/* sigaction(2), with libc's struct. */
	int (*sigaction)(const struct kernel *k, int signal, const struct sigaction *action,
			 struct sigaction *old);
	void **signals;			/* where io/signal.c keeps what is the process's */
	/* Start a program: see ring/spawn.h. */
	int (*spawn)(const struct kernel *k, const struct spawn *s, int *pidfd);
	/* NULL: programs may use threads. Else what they would run in a thread runs on the loop's, so
	 * that a run can be repeated, and this is how long that seems to take, in nanoseconds. */
	uint64_t (*thread_delay)(const struct kernel *k);
};

extern const struct kernel rondo__kernel_linux;

#define kernel_call6(k, number, a, b, c, d, e, f)                                                  \
	(k)->call((k), (number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define kernel_call5(k, number, a, b, c, d, e) kernel_call6(k, number, a, b, c, d, e, 0)
#define kernel_call4(k, number, a, b, c, d) kernel_call6(k, number, a, b, c, d, 0, 0)
#define kernel_call3(k, number, a, b, c) kernel_call6(k, number, a, b, c, 0, 0, 0)
#define kernel_call2(k, number, a, b) kernel_call6(k, number, a, b, 0, 0, 0, 0)

/* Of our own descriptors none may be 0 to 2. In a program that was started without those, a printf
 * would go to the ring, or into the eventfd of a loop, and there the second one blocks for ever.
 * Takes over fd, which may be an error. Returns it, or another one in its place, or an error. */
static inline int kernel_above_stdio(const struct kernel *k, int fd)
{
	enum { FIRST = 3 };
	int above = fd;

	if (__builtin_expect(fd >= 0 && fd < FIRST, 0)) {
		above = (int)kernel_call3(k, SYS_fcntl, fd, F_DUPFD_CLOEXEC, FIRST);
		kernel_call2(k, SYS_close, fd, 0);
	}
	return above;
}
#endif
