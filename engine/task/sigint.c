/* SPDX-License-Identifier: MIT */
/* sigint.c - asyncio's ^C: the first cancels the first task, the second kills (row R3).
 *
 * Only in the process's main thread and only where SIGINT would kill the process anyway, so
 * nobody's handler is replaced; the old state is back when the loop ends. */
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/signal.h"
#include "loop/remote.h"
#include "task/run.h"

static struct rondo_loop *_Atomic watched;	/* NULL: nobody watches */
static atomic_uint n_signals;
atomic_bool rondo__sigint_pending;
static struct sigaction before;

static void on_sigint(int signal)
{
	struct rondo_loop *r = atomic_load(&watched);

	if (r && atomic_fetch_add(&n_signals, 1) == 0) {
		atomic_store(&rondo__sigint_pending, true);
		rondo__remote_wake(r);
		return;
	}
	sigaction(signal, &before, NULL);
	raise(signal);
}

void rondo__sigint_watch(struct loop *l)
{
	struct sigaction mine = { .sa_handler = on_sigint, .sa_flags = SA_RESTART };

	if (l->options.no_sigint || getpid() != (pid_t)syscall(SYS_gettid) || atomic_load(&watched))
		return;
	if (sigaction(SIGINT, NULL, &before) < 0 || (before.sa_flags & SA_SIGINFO) ||
	    before.sa_handler != SIG_DFL)
		return;
	atomic_store(&n_signals, 0);
	atomic_store(&rondo__sigint_pending, false);
	atomic_store(&watched, l->remote);
	rondo__remote_start(l);
	sigaction(SIGINT, &mine, NULL);
	l->watches_sigint = true;
}

void rondo__sigint_unwatch(void)
{
	struct sigaction now;

	/* Leave it to the program if it took the signal over meanwhile. */
	if (sigaction(SIGINT, NULL, &now) == 0 && now.sa_handler == on_sigint)
		sigaction(SIGINT, &before, NULL);
	atomic_store(&watched, NULL);
}

void rondo__sigint_end(void)
{
	rondo__sigint_unwatch();
	rondo__signals_forget(&rondo__kernel_linux, SIGINT, on_sigint, &before);
}
