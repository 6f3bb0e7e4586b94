/* SPDX-License-Identifier: MIT */
/* sigpipe.c - see run.h. The disposition, which is the process's, is not touched. */
#include <pthread.h>
#include <signal.h>

#include "task/run.h"

static sigset_t only_sigpipe(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	return set;
}

void rondo__sigpipe_block(struct sigpipe_guard *g, const struct ring *ring)
{
	sigset_t old, set = only_sigpipe();

	g->blocked = false;
	if (!ring->has_nosignal && pthread_sigmask(SIG_BLOCK, &set, &old) == 0)
		g->blocked = sigismember(&old, SIGPIPE) == 0;
}

void rondo__sigpipe_unblock(const struct sigpipe_guard *g)
{
	const struct timespec at_once = { 0 };
	sigset_t set = only_sigpipe();

	if (!g->blocked)
		return;
	sigtimedwait(&set, NULL, &at_once);	/* none was pending before: nobody had blocked it */
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
