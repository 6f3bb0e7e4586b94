/* SPDX-License-Identifier: MIT */
/* failing.h - make the Nth thing fail that can fail, once or with all that follow; scenario.h does
 * so for every N.
 *
 * What can fail are the allocations and mappings, threads, and all calls of the seam. Allocations
 * are caught by functions of the same names in this program, which come before the C library's; the
 * kernel by a definition of rondo__kernel_linux, which keeps the linker from taking the library's.
 * So whatever the engine does, and however it is entered, passes through point() below. One header
 * per program: it defines functions that are not static. */
#ifndef RONDO_TESTS_FAILING_H
#define RONDO_TESTS_FAILING_H

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "random/entropy.h"
#include "rondo/file.h"
#include "support/step.h"

#define rondo__kernel_linux failing_real_kernel
#include "ring/kernel_linux.c"
#undef rondo__kernel_linux

enum kind { ALLOC, MAP, ADVISE, THREAD, SETUP, REGISTER, ENTER, CALL, ENTROPY, N_KINDS };

static const char *const kind_names[N_KINDS] = {
	"allocation", "mapping", "madvise", "thread", "setup", "register", "enter", "call",
	"entropy",
};

/* Every kind of thing fails for several reasons, one per flavour. What a kernel older than ours or
 * a full machine says; an enter may say no more than "not now". */
enum { N_FLAVOURS = 3 };

static const int errors[N_FLAVOURS][N_KINDS] = {
	{ -ENOMEM, -ENOMEM, -ENOMEM, -EAGAIN, -ENOMEM, -ENOMEM, -EAGAIN, -ENOMEM, -ENOSYS },
	{ -ENOMEM, -ENOMEM, -EINVAL, -EAGAIN, -EMFILE, -EINVAL, -EBUSY, -EMFILE, -EIO },
	{ -ENOMEM, -ENOMEM, -EINVAL, -EPERM, -EINVAL, -EPERM, -EINTR, -EACCES, -EPERM },
};

enum { N_ENTERS_MAX = 50000 };		/* of one run: beyond that it spins */

static struct {
	atomic_bool armed;		/* points are counted, and fail */
	atomic_bool counting;		/* allocations are counted */
	unsigned flavour;
	unsigned n;			/* which point fails */
	bool persistent;		/* and all after it */
	int fatal_enter;		/* if not 0: from the nth enter on, and nothing else */
	atomic_uint n_points, n_fired, n_enter_points;
	atomic_uint fired_kinds;	/* bits */
	atomic_long detail;		/* of the last to fire: opcode or system call */
	atomic_uint n_enters;
	atomic_long n_allocs, n_maps;	/* that live */
	const char *scenario;
} failing;

/* Is the program in charge of this thread? Not yet, or no longer, when the C library or a sanitizer
 * is making or ending it. */
static __thread bool watched;

/* A child that ends writes what tests/coverage counted: nothing fails any more. */
void rondo_before_flush(void);

void rondo_before_flush(void)
{
	watched = false;
}

/* For what runs before a sanitizer is ready. */
#define EARLY __attribute__((no_sanitize("address", "undefined")))

/* Returns 0, or the error to fail with. */
EARLY static int point(enum kind kind, long detail)
{
	unsigned i;

	if (!atomic_load(&failing.armed) || !watched || failing.fatal_enter)
		return 0;
	i = atomic_fetch_add(&failing.n_points, 1) + 1;
	if (i < failing.n || (i > failing.n && !failing.persistent))
		return 0;
	/* The kernel is never short of memory for good: every second enter goes through. */
	if (kind == ENTER && atomic_fetch_add(&failing.n_enter_points, 1) % 2)
		return 0;
	atomic_fetch_add(&failing.n_fired, 1);
	atomic_fetch_or(&failing.fired_kinds, 1u << kind);
	atomic_store(&failing.detail, detail);
	return errors[failing.flavour][kind];
}

/* --- memory ---------------------------------------------------------------------------------- */

#if SAN_THREAD
/* TSan's runtime allocates before it can run any function of ours. */
static inline bool allocations_are_caught(void)
{
	return false;
}
#else

#if SAN_ADDRESS
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif

void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t n, size_t size);
void *REAL(realloc)(void *p, size_t size);
void *REAL(memalign)(size_t alignment, size_t size);
void REAL(free)(void *p);

/* Valgrind puts its own in their place. */
static inline bool allocations_are_caught(void)
{
	return !RUNNING_ON_VALGRIND;
}

EARLY static void count(atomic_long *n, long change)
{
	if (watched && atomic_load(&failing.counting))
		atomic_fetch_add(n, change);
}

EARLY static void *counted(void *p)
{
	if (p)
		count(&failing.n_allocs, 1);
	return p;
}

EARLY static bool refused(enum kind kind)
{
	int error = point(kind, 0);

	if (error)
		errno = -error;
	return error;
}

EARLY void *malloc(size_t size)
{
	return refused(ALLOC) ? NULL : counted(REAL(malloc)(size));
}

EARLY void *calloc(size_t n, size_t size)
{
	return refused(ALLOC) ? NULL : counted(REAL(calloc)(n, size));
}

EARLY void *aligned_alloc(size_t alignment, size_t size)
{
	return refused(ALLOC) ? NULL : counted(REAL(memalign)(alignment, size));
}

EARLY void *realloc(void *p, size_t size)
{
	if (refused(ALLOC))
		return NULL;
	return p ? REAL(realloc)(p, size) : counted(REAL(realloc)(p, size));
}

EARLY void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? NULL : realloc(p, bytes);
}

EARLY void free(void *p)
{
	if (p)
		count(&failing.n_allocs, -1);
	REAL(free)(p);
}

/* The C library calls its own; so these are the engine's. */
void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	long ret;

	if (refused(MAP))
		return MAP_FAILED;
	ret = syscall(SYS_mmap, address, size, protection, flags, fd, offset);
	if (ret != -1)
		count(&failing.n_maps, 1);
	return (void *)ret;
}

int munmap(void *address, size_t size)
{
	count(&failing.n_maps, -1);
	return (int)syscall(SYS_munmap, address, size);
}

int mprotect(void *address, size_t size, int protection)
{
	return refused(MAP) ? -1 : (int)syscall(SYS_mprotect, address, size, protection);
}

int madvise(void *address, size_t size, int advice)
{
	return refused(ADVISE) ? -1 : (int)syscall(SYS_madvise, address, size, advice);
}

typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
create_fn __interceptor_pthread_create;

static create_fn *real_pthread_create(void)
{
#if SAN_ADDRESS
	return __interceptor_pthread_create;
#else
	return (create_fn *)dlsym(RTLD_NEXT, "pthread_create");
#endif
}

struct start {
	void *(*run)(void *);
	void *arg;
};

static void *watched_thread(void *arg)
{
	struct start s = *(struct start *)arg;
	void *ret;

	free(arg);
	watched = true;
	ret = s.run(s.arg);
	watched = false;
	return ret;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *a, void *(*run)(void *), void *arg)
{
	bool was_watched = watched;
	int ret = -point(THREAD, 0);
	struct start *s;

	if (ret)
		return ret;
	watched = false;
	s = malloc(sizeof(*s));
	*s = (struct start){ run, arg };
	ret = real_pthread_create()(thread, a, watched_thread, s);
	if (ret)
		free(s);
	watched = was_watched;
	return ret;
}
#endif

/* --- the kernel ------------------------------------------------------------------------------ */

/* An ordinary user's ring counts against RLIMIT_MEMLOCK until some time after it was closed; and
 * test_refusal, run beside this one, switches io_uring off for moments: -EPERM. */
static int failing_setup(const struct kernel *k, unsigned entries, struct io_uring *ring,
			 struct io_uring_params *params)
{
	int ret = point(SETUP, 0);
	const struct io_uring_params asked = *params;

	if (ret < 0)
		return ret;
	for (unsigned tries = 0; tries < 2000; tries++) {
		*params = asked;
		ret = failing_real_kernel.setup(k, entries, ring, params);
		if (ret != -ENOMEM && ret != -EPERM)
			break;
		poll(NULL, 0, 1);
	}
	return ret;
}

static void failing_close(const struct kernel *k, struct io_uring *ring)
{
	failing_real_kernel.close(k, ring);
}

_Noreturn static void stuck(const char *how)
{
	dprintf(STDERR_FILENO, "%s: %s at point %u, %s, flavour %u\n", failing.scenario, how,
		failing.n, failing.persistent ? "and all after it" : "once", failing.flavour);
	_exit(3);
}

static int failing_enter(const struct kernel *k, unsigned fd, unsigned to_submit, unsigned n_wait,
			 unsigned flags, const void *arg, size_t size)
{
	unsigned n = atomic_fetch_add(&failing.n_enters, 1) + 1;
	int ret = point(ENTER, (long)to_submit);

	if (n > N_ENTERS_MAX)
		stuck("spins");
	if (failing.fatal_enter && n >= failing.n) {
		atomic_fetch_add(&failing.n_fired, 1);
		return failing.fatal_enter;
	}
	return ret < 0 ? ret :
		failing_real_kernel.enter(k, fd, to_submit, n_wait, flags, arg, size);
}

/* Undoing does not fail; a kernel that could not would leave things behind for ever. */
static int failing_register(const struct kernel *k, unsigned fd, unsigned opcode, const void *arg,
			    unsigned n)
{
	bool undoes = opcode == IORING_UNREGISTER_RING_FDS || opcode == IORING_UNREGISTER_PBUF_RING;
	int ret = undoes ? 0 : point(REGISTER, opcode);

	return ret < 0 ? ret : failing_real_kernel.register_(k, fd, opcode, arg, n);
}

static uint64_t failing_now(const struct kernel *k, clockid_t clock)
{
	return failing_real_kernel.now(k, clock);
}

/* Who fails would not be found to mend by waiting. */
static void failing_sleep(const struct kernel *k, uint64_t ns)
{
	(void)k, (void)ns;
}

/* The generator's own way to entropy is not the ring's: see rondo__random_entropy. */
__attribute__((unused)) static int failing_entropy(void *buf, size_t size)
{
	int ret = point(ENTROPY, 0);

	return ret < 0 ? ret : rondo__entropy_kernel(buf, size);
}

/* What makes something, or needs memory. The rest (close, lseek, shutdown, fcntl, a write to the
 * eventfd...) fails for no reason that lies outside the program. */
static bool can_fail(long number)
{
	static const long numbers[] = {
		SYS_eventfd2, SYS_socket, SYS_socketpair, SYS_pipe2, SYS_pidfd_open, SYS_bind,
		SYS_listen, SYS_connect, SYS_setsockopt, SYS_sendto, SYS_sendmsg, SYS_pwritev2,
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (numbers[i] == number)
			return true;
	return false;
}

static long failing_call(const struct kernel *k, long number, long a, long b, long c, long d,
			 long e, long f)
{
	int ret = can_fail(number) ? point(CALL, number) : 0;

	return ret < 0 ? ret : failing_real_kernel.call(k, number, a, b, c, d, e, f);
}

const struct kernel rondo__kernel_linux = {
	.setup = failing_setup,
	.close = failing_close,
	.enter = failing_enter,
	.register_ = failing_register,
	.now = failing_now,
	.sleep = failing_sleep,
	.call = failing_call,
	.sigaction = linux_sigaction,
	.signals = &linux_signals,
	.spawn = rondo__spawn_linux,
};
#endif
