/* SPDX-License-Identifier: MIT */
/* step.h - what tests of the loop share: a log of events, a kernel whose clock they move, children.
 *
 * Order is what most rules are about, so tasks note() a word per event and the test compares the
 * sentence. The stepping kernel is the real one with two differences: it counts what goes through
 * enter, and its clock may be a fake one that stands still until the loop would sleep, and then is
 * at the deadline at once. A test of timers so takes no time and cannot be early or late by chance.
 * The fake clock starts at 1 ns; it works because the real CLOCK_MONOTONIC is beyond every fake
 * deadline, so that the kernel's own timers fire immediately. */
#ifndef RONDO_TESTS_STEP_H
#define RONDO_TESTS_STEP_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/loop.h"
#include "loop/op.h"
#include "ring/kernel.h"
#include "rondo/task.h"
#include "rondo/time.h"
#include "support/check.h"
#include "support/child.h"
#include "switch/sanitizer.h"
#include "task/run.h"

/* Sizes that plain builds can afford and checkers cannot. TSan has room for 8,000 fibers. */
#define STEP_CHECKED (SAN_ADDRESS || SAN_THREAD || RUNNING_ON_VALGRIND)
#define STEP_SLOW (STEP_CHECKED || getenv("RONDO_TESTS_SLOW"))	/* an emulated processor */
#define STEP_SIZE(plain, checked) ((size_t)(STEP_SLOW ? (checked) : (plain)))

/* Valgrind 3.19 keeps its one lock while a thread is inside io_uring_enter: the thread that a
 * sleeping loop waits for would never run. */
static inline void skip_threads_under_valgrind(void)
{
	if (RUNNING_ON_VALGRIND) {
		print_message("valgrind lets no other thread run while a loop sleeps\n");
		skip();
	}
}

static char step_log[4096];

/* Add a word to the log. */
__attribute__((format(printf, 1, 2), unused)) static void note(const char *format, ...)
{
	size_t n = strlen(step_log);
	va_list args;

	if (n && n + 1 < sizeof(step_log))
		step_log[n++] = ' ';
	va_start(args, format);
	vsnprintf(step_log + n, sizeof(step_log) - n, format, args);
	va_end(args);
}

/* Compare the log, and begin a new one. */
static inline void assert_log(const char *expected)
{
	char log[sizeof(step_log)];

	memcpy(log, step_log, sizeof(log));
	step_log[0] = '\0';
	assert_string_equal(log, expected);
}

/* A word as a task's argument. */
static inline void *word(const char *text)
{
	return (void *)(uintptr_t)text;
}

/* Let every ready task run `n` times. */
static inline int yield_times(unsigned n)
{
	while (n--)
		if (rondo_yield() < 0)
			return -ECANCELED;
	return 0;
}

static inline unsigned n_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

/* One op each, as the io layer would write it. */
static inline int step_finish_read(struct op *op, void *buf)
{
	int ret = rondo__op_await(op);

	if (ret > 0)
		san_kernel_wrote(buf, (size_t)ret);
	return ret;
}

static inline int read_op(int fd, void *buf, unsigned len)
{
	struct op op;

	io_uring_prep_read(rondo__op_begin(&op), fd, buf, len, 0);
	return step_finish_read(&op, buf);
}

static inline int nop_op(void)
{
	struct op op;

	io_uring_prep_nop(rondo__op_begin(&op));
	return rondo__op_await(&op);
}

/* Have the kernel post the CQEs it has, without submitting or reaping anything. */
static inline void let_kernel_complete(void)
{
	struct ring *r = &rondo__loop->ring;

	r->kernel->enter(r->kernel, r->enter_fd, 0, 0, IORING_ENTER_GETEVENTS | r->enter_flags,
			 NULL, 0);
}

/* --- the stepping kernel ------------------------------------------------------------------ */

struct step_kernel {
	struct kernel kernel;		/* first: the seam hands us this */
	struct io_uring *ring;
	bool fake_clock;
	uint64_t now_ns;		/* of the fake clock */
	uint64_t timeout_ns;		/* of the newest TIMEOUT or TIMEOUT_UPDATE submitted */
	uint64_t n_enters;
	uint64_t n_sleeps;		/* enters that waited */
	uint64_t n_ops[64];		/* SQEs submitted, by opcode */
	uint64_t n_updates;		/* TIMEOUT_REMOVEs that were updates */
	/* Optional: refuse an enter, or do something before one. 0: go on to the kernel. */
	int (*before_enter)(struct step_kernel *k, unsigned to_submit, unsigned n_wait);
};

static inline struct step_kernel *step_of(const struct kernel *k)
{
	return (struct step_kernel *)(uintptr_t)k;
}

static inline uint64_t step_ns(const void *timespec)
{
	struct __kernel_timespec ts;

	memcpy(&ts, timespec, sizeof(ts));
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline int step_setup(const struct kernel *kernel, unsigned entries, struct io_uring *ring,
			     struct io_uring_params *params)
{
	step_of(kernel)->ring = ring;
	return rondo__kernel_linux.setup(&rondo__kernel_linux, entries, ring, params);
}

static inline void step_close(const struct kernel *kernel, struct io_uring *ring)
{
	rondo__kernel_linux.close(&rondo__kernel_linux, ring);
	step_of(kernel)->ring = NULL;
}

static inline void step_look_at(struct step_kernel *k, const struct io_uring_sqe *sqe)
{
	bool update = sqe->opcode == IORING_OP_TIMEOUT_REMOVE &&
		      (sqe->timeout_flags & IORING_TIMEOUT_UPDATE);

	k->n_ops[sqe->opcode & 63]++;
	k->n_updates += update;
	if (sqe->opcode == IORING_OP_TIMEOUT)
		k->timeout_ns = step_ns((const void *)(uintptr_t)sqe->addr);
	if (update)
		k->timeout_ns = step_ns((const void *)(uintptr_t)sqe->addr2);
}

static inline void step_sleep(struct step_kernel *k, unsigned flags, const void *arg)
{
	const struct io_uring_getevents_arg *a = arg;
	uint64_t wake_ns = k->timeout_ns;

	k->n_sleeps++;
	if ((flags & IORING_ENTER_EXT_ARG) && a->ts && (flags & RONDO_ENTER_ABS_TIMER))
		wake_ns = step_ns((const void *)(uintptr_t)a->ts);
	else if ((flags & IORING_ENTER_EXT_ARG) && a->ts)
		wake_ns = k->now_ns + step_ns((const void *)(uintptr_t)a->ts);
	if (k->now_ns < wake_ns)
		k->now_ns = wake_ns;
}

static inline int step_enter(const struct kernel *kernel, unsigned fd, unsigned to_submit,
			     unsigned n_wait, unsigned flags, const void *arg, size_t arg_size)
{
	struct step_kernel *k = step_of(kernel);
	const struct io_uring_sq *sq = &k->ring->sq;
	int ret = k->before_enter ? k->before_enter(k, to_submit, n_wait) : 0;

	if (ret < 0)
		return ret;
	k->n_enters++;
	for (unsigned i = 0, head = *sq->khead; i < to_submit; i++)
		step_look_at(k, &sq->sqes[(head + i) & sq->ring_mask]);
	if (n_wait)
		step_sleep(k, flags, arg);
	return rondo__kernel_linux.enter(&rondo__kernel_linux, fd, to_submit, n_wait, flags, arg,
					 arg_size);
}

static inline int step_register(const struct kernel *k, unsigned fd, unsigned opcode,
				const void *arg, unsigned n)
{
	(void)k;
	return rondo__kernel_linux.register_(&rondo__kernel_linux, fd, opcode, arg, n);
}

static inline uint64_t step_now(const struct kernel *kernel, clockid_t clock)
{
	const struct step_kernel *k = step_of(kernel);

	return k->fake_clock ? k->now_ns : rondo__kernel_linux.now(&rondo__kernel_linux, clock);
}

static inline void step_kernel_sleep(const struct kernel *k, uint64_t ns)
{
	(void)k;
	rondo__kernel_linux.sleep(&rondo__kernel_linux, ns);
}

static inline long step_call(const struct kernel *k, long number, long a, long b, long c, long d,
			     long e, long f)
{
	(void)k;
	return rondo__kernel_linux.call(&rondo__kernel_linux, number, a, b, c, d, e, f);
}

static inline void step_kernel_init(struct step_kernel *k, bool fake_clock)
{
	*k = (struct step_kernel){
		.kernel = { .setup = step_setup, .close = step_close, .enter = step_enter,
			    .register_ = step_register, .now = step_now, .sleep = step_kernel_sleep,
			    .call = step_call },
		.fake_clock = fake_clock,
		.now_ns = 1,
	};
}

/* Run main(arg) over kernel k; the checks inside and what it returned must be right. */
static inline void assert_run_on(const struct kernel *k, const struct rondo_options *o,
				 rondo_fn *main, void *arg, int expected)
{
	int ret;

	step_log[0] = '\0';
	ret = rondo__run_on(k, o, main, arg);
	assert_checks_passed();
	assert_int_equal(ret, expected);
}

static inline void assert_run(rondo_fn *main, void *arg, int expected)
{
	assert_run_on(&rondo__kernel_linux, NULL, main, arg, expected);
}

/* --- what ends a process ------------------------------------------------------------------ */

/* The body must stop with a BUG line that says `what`. */
static inline void assert_bug(int (*body)(void), const char *what)
{
	int status = run_in_child(body);

	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT || !strstr(child_stderr, what))
		print_error("status %#x, stderr: %s\n", (unsigned)status, child_stderr);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
	assert_non_null(strstr(child_stderr, "rondo: BUG: "));
	assert_non_null(strstr(child_stderr, what));
}
#endif
