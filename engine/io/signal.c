/* SPDX-License-Identifier: MIT */
/* signal.c - receivers of signals. See rondo/signal.h.
 *
 * One handler for all; it walks the process's receivers and writes the siginfo into a pipe of each that
 * wants it, whose other end is read through the ring. The handler takes no lock: receivers join and
 * leave by one store, and who leaves waits until no handler is walking. */
#include "io/signal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/io.h"
#include "rondo/file.h"

enum {
	SIGSET_SIZE = 8,		/* the kernel's */
	N_SIGNALS = 65,			/* 1 to 64 */
};

struct rondo_signal {
	struct resource resource;	/* of the loop */
	rondo_signal *_Atomic next;	/* in the process's list */
	const struct kernel *kernel;
	const struct loop *loop;
	uint64_t set;			/* bit i: signal i + 1, as in the kernel's sigset_t */
	uint64_t unblocked;		/* of set: were blocked in this thread */
	_Atomic uint64_t overflow;	/* came when the pipe was full */
	int fds[2];			/* of the pipe; -1: closed */
	unsigned n_refs;		/* the handle, and who waits */
	bool listed;
};

/* One per process: kernel->signals. Made when first needed, never freed while a handler may run. */
struct signal_table {
	pthread_mutex_t lock;		/* for who joins and leaves */
	rondo_signal *_Atomic first;
	atomic_uint n_walking;		/* handlers */
	pid_t pid;			/* a child of fork() has the table, and is not meant */
	struct {
		unsigned n_receivers;
		struct sigaction before;
	} of[N_SIGNALS];
};

static uint64_t bit_of(int signal)
{
	return UINT64_C(1) << (signal - 1);
}

/* --- in the handler -------------------------------------------------------------------------- */

static bool put(rondo_signal *r, const siginfo_t *info)
{
	return kernel_call3(r->kernel, SYS_write, r->fds[1], info, sizeof(*info)) >= 0;
}

/* The second write says "look"; it fails only if the pipe is still full, and then the receiver, who
 * looks before it waits, will read to its end after the bit was set. */
static void deliver(rondo_signal *r, int signal, const siginfo_t *info)
{
	const siginfo_t look = { .si_signo = 0 };

	if (put(r, info))
		return;
	atomic_fetch_or(&r->overflow, bit_of(signal));
	(void)put(r, &look);
}

/* A simulated kernel has no machine context to hand over, and is told apart by that. */
static struct signal_table *table_in_handler(const void *context)
{
	const struct kernel *k = context ? &rondo__kernel_linux : rondo__loop->ring.kernel;

	return *k->signals;
}

/* In a child of fork() the pipes are the parent's: do what would have been done without us. */
static void on_signal(int signal, siginfo_t *info, void *context)
{
	struct signal_table *t = table_in_handler(context);
	int error = errno;

	if (context && t->pid != getpid()) {
		sigaction(signal, &t->of[signal].before, NULL);
		raise(signal);
		return;
	}
	atomic_fetch_add(&t->n_walking, 1);
	for (rondo_signal *r = atomic_load(&t->first); r; r = atomic_load(&r->next))
		if (r->set & bit_of(signal))
			deliver(r, signal, info);
	atomic_fetch_sub(&t->n_walking, 1);
	errno = error;
}

/* --- the process's dispositions (N2) --------------------------------------------------------- */

static struct signal_table *table_of(const struct kernel *k)
{
	static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
	struct signal_table *t;

	pthread_mutex_lock(&making);
	t = *k->signals;
	if (!t && (t = calloc(1, sizeof(*t)))) {
		pthread_mutex_init(&t->lock, NULL);
		*k->signals = t;
	}
	pthread_mutex_unlock(&making);
	return t;
}

static int take_over(struct signal_table *t, const struct kernel *k, int signal)
{
	const struct sigaction ours = {
		.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART,
	};
	int ret = 0;

	if (t->of[signal].n_receivers == 0)
		ret = k->sigaction(k, signal, &ours, &t->of[signal].before);
	if (ret == 0)
		t->of[signal].n_receivers++;
	return ret;
}

/* Unless the program has another handler by now, which is its own affair. */
static void give_back(struct signal_table *t, const struct kernel *k, int signal)
{
	struct sigaction now;

	if (--t->of[signal].n_receivers || k->sigaction(k, signal, NULL, &now) < 0)
		return;
	if ((now.sa_flags & SA_SIGINFO) && now.sa_sigaction == on_signal)
		k->sigaction(k, signal, &t->of[signal].before, NULL);
}

static void give_back_all(struct signal_table *t, const struct kernel *k, uint64_t set)
{
	for (int i = 1; i < N_SIGNALS; i++)
		if (set & bit_of(i))
			give_back(t, k, i);
}

static int take_over_all(struct signal_table *t, const struct kernel *k, uint64_t set)
{
	for (int i = 1; i < N_SIGNALS; i++) {
		int ret = set & bit_of(i) ? take_over(t, k, i) : 0;

		if (ret < 0) {
			give_back_all(t, k, set & (bit_of(i) - 1));
			return ret;
		}
	}
	return 0;
}

/* --- the thread's mask (N2) ------------------------------------------------------------------ */

static void unblock(rondo_signal *r)
{
	uint64_t old = 0;

	kernel_call4(r->kernel, SYS_rt_sigprocmask, SIG_UNBLOCK, &r->set, &old, SIGSET_SIZE);
	r->unblocked = old & r->set;
}

/* Another receiver of this thread that still needs one of them open has to block it again later. */
static void block_again(struct signal_table *t, rondo_signal *r)
{
	for (rondo_signal *o = t->first; o; o = o->next) {
		uint64_t shared = o->loop == r->loop ? o->set & r->unblocked : 0;

		o->unblocked |= shared;
		r->unblocked &= ~shared;
	}
	if (r->unblocked)
		kernel_call4(r->kernel, SYS_rt_sigprocmask, SIG_BLOCK, &r->unblocked, NULL,
			     SIGSET_SIZE);
}

/* --- joining and leaving --------------------------------------------------------------------- */

static void unlist(struct signal_table *t, rondo_signal *r)
{
	rondo_signal *_Atomic *p = &t->first;

	while (atomic_load(p) != r)
		p = &atomic_load(p)->next;
	atomic_store(p, atomic_load(&r->next));
	while (atomic_load(&t->n_walking))
		sched_yield();
	r->listed = false;
}

static int join(struct signal_table *t, rondo_signal *r)
{
	int ret;

	pthread_mutex_lock(&t->lock);
	t->pid = getpid();
	atomic_store(&r->next, t->first);
	atomic_store(&t->first, r);
	r->listed = true;
	ret = take_over_all(t, r->kernel, r->set);
	if (ret < 0)
		unlist(t, r);
	else
		unblock(r);
	pthread_mutex_unlock(&t->lock);
	return ret;
}

/* The mask first, and the handler last: what is pending must not find the old disposition. */
static void leave_locked(struct signal_table *t, rondo_signal *r)
{
	if (!r->listed)
		return;
	unlist(t, r);
	block_again(t, r);
	give_back_all(t, r->kernel, r->set);
}

void rondo__signal_leave(rondo_signal *r)
{
	struct signal_table *t = *r->kernel->signals;

	pthread_mutex_lock(&t->lock);
	leave_locked(t, r);
	pthread_mutex_unlock(&t->lock);
}

/* --- a receiver ------------------------------------------------------------------------------ */

static void close_end(rondo_signal *r, int i)
{
	if (r->fds[i] >= 0)
		kernel_call2(r->kernel, SYS_close, r->fds[i], 0);
	r->fds[i] = -1;
}

/* Whoever leaves it open leaves the process changed: it is told, and that is put back (N2). */
static void describe(const struct resource *resource, char *buf, size_t size)
{
	const rondo_signal *r = container_of(resource, rondo_signal, resource);

	snprintf(buf, size, "a receiver of signal %d", __builtin_ctzll(r->set) + 1);
}

static void drop(struct resource *resource)
{
	(void)rondo_signal_close(container_of(resource, rondo_signal, resource));
}

static const struct resource_class leaked = { .describe = describe, .drop = drop };

static void unref(rondo_signal *r)
{
	if (--r->n_refs == 0)
		free(r);
}

void rondo__signals_forget(const struct kernel *k, int signal, void (*handler)(int),
			   const struct sigaction *instead)
{
	struct signal_table *t = *k->signals;

	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	if (t->of[signal].n_receivers && t->of[signal].before.sa_handler == handler)
		t->of[signal].before = *instead;
	pthread_mutex_unlock(&t->lock);
}

/* The writing end must not block a handler; the reading end waits in the ring. */
static int open_pipe(rondo_signal *r)
{
	long ret = kernel_call2(r->kernel, SYS_pipe2, r->fds, O_CLOEXEC);

	for (int i = 0; i < 2 && ret >= 0; i++)
		ret = r->fds[i] = kernel_above_stdio(r->kernel, r->fds[i]);
	if (ret >= 0)
		ret = kernel_call3(r->kernel, SYS_fcntl, r->fds[1], F_SETFL, O_NONBLOCK);
	return ret < 0 ? (int)ret : 0;
}

static int open_set(uint64_t set, rondo_signal **receiver)
{
	struct loop *l = rondo__self()->loop;
	struct signal_table *t = table_of(l->ring.kernel);
	rondo_signal *r = t ? calloc(1, sizeof(*r)) : NULL;
	int ret;

	if (!r)
		return -ENOMEM;
	*r = (struct rondo_signal){
		.kernel = l->ring.kernel, .loop = l, .set = set, .n_refs = 1, .fds = { -1, -1 },
	};
	ret = open_pipe(r);
	if (ret == 0)
		ret = join(t, r);
	if (ret == 0) {
		resource_add(l, &r->resource, &leaked);
		*receiver = r;
		return 0;
	}
	close_end(r, 0);
	close_end(r, 1);
	free(r);
	return ret;
}

/* After a handler for these the thread would repeat its error for ever. */
static bool is_own_fault(int signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL;
}

int rondo_signal_open(const sigset_t *set, rondo_signal **receiver)
{
	uint64_t bits = 0;

	for (int i = 1; i < N_SIGNALS; i++) {
		if (sigismember(set, i) != 1)
			continue;
		if (is_own_fault(i))
			return -EINVAL;
		bits |= bit_of(i);
	}
	return bits ? open_set(bits, receiver) : -EINVAL;
}

int rondo_signal_open_one(int signal, rondo_signal **receiver)
{
	if (signal < 1 || signal >= N_SIGNALS || is_own_fault(signal))
		return -EINVAL;
	return open_set(bit_of(signal), receiver);
}

/* The lowest of those that overflowed; 0 if none did. */
static int take_overflow(rondo_signal *r)
{
	uint64_t set = atomic_load(&r->overflow);
	int signal = set ? __builtin_ctzll(set) + 1 : 0;

	if (signal)
		atomic_fetch_and(&r->overflow, ~bit_of(signal));
	return signal;
}

static int next(rondo_signal *r, siginfo_t *info)
{
	for (;;) {
		int ret = io_checkpoint();

		if (ret < 0)
			return ret;
		ret = take_overflow(r);
		if (ret) {
			*info = (siginfo_t){ .si_signo = ret };
			return ret;
		}
		ret = r->fds[0] < 0 ? -EBADF : (int)rondo_read(r->fds[0], info, sizeof(*info));
		if (ret < 0 || (ret > 0 && info->si_signo))
			return ret < 0 ? ret : info->si_signo;
		if (ret == 0)
			return -EBADF;		/* closed */
	}
}

int rondo_signal_next(rondo_signal *r, siginfo_t *info)
{
	siginfo_t ours;		/* a cancelled read may write to it, too */
	int ret;

	r->n_refs++;
	ret = next(r, &ours);
	unref(r);
	if (ret > 0 && info)
		*info = ours;
	return ret;
}

void rondo__signal_drop(rondo_signal *r)
{
	resource_remove(&r->resource);
	rondo__signal_leave(r);
	close_end(r, 0);
	close_end(r, 1);
	unref(r);
}

int rondo_signal_close(rondo_signal *r)
{
	int fd;

	if (!r)
		return 0;
	resource_remove(&r->resource);
	rondo__signal_leave(r);
	close_end(r, 1);
	fd = r->fds[0];
	r->fds[0] = -1;
	if (fd >= 0)
		(void)rondo_close(fd);
	unref(r);
	return 0;
}
