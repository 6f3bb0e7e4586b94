/* SPDX-License-Identifier: MIT */
/* at_once.c - what is done by a plain system call, here and now, instead of in the ring: sends, and
 * reads of what is in the page cache. It saves a round through the loop. */
#define _GNU_SOURCE 1
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "io/io.h"

static bool nothing_else_to_do(const struct loop *l)
{
	return loop_is_idle(l) && loop_turn_is_idle(l);
}

/* A task that never parks holds up all others. So once per turn, and again only while there is
 * nothing else to do: no task to run, and nothing to bring to the kernel or to fetch from it. */
bool rondo__at_once(struct rondo_task *self)
{
	struct loop *l = self->loop;
	bool first = l->at_once.task != self || l->at_once.turn != l->n_turns;

	if (unlikely(self->must_cancel))
		return false;
	if (!first && !nothing_else_to_do(l))
		return false;
	l->at_once.task = self;
	l->at_once.turn = l->n_turns;
	return true;
}

/* --- reads ----------------------------------------------------------------------------------- */

/* preadv2(RWF_NOWAIT) reads what is cached and never waits, but for one case: with O_DIRECT it waits
 * for the disk (KN-48). So a descriptor's flags are looked at first, and again now and then, because
 * the number may come to mean another file behind our back. A guess that is wrong costs time. */
enum {
	ASK_AFTER = 255,		/* reads; asking takes a tenth of one */
	REFUSED = 1023,			/* reads to leave to the ring, where the file does not know RWF_NOWAIT */
	MISSES_MAX = 6,			/* 63 reads to leave to the ring, where nothing is cached */
};

static struct read_guess *guess_of(struct loop *l, int fd)
{
	struct read_guess *g = &l->at_once.guesses[(unsigned)fd % READ_GUESSES];

	if (unlikely(g->fd != fd))
		*g = (struct read_guess){ .fd = fd };
	return g;
}

void rondo__at_once_forget(struct loop *l, int fd)
{
	*guess_of(l, fd) = (struct read_guess){ .fd = -1 };
}

static bool goes_through_cache(const struct loop *l, int fd)
{
	long flags = kernel_call3(l->ring.kernel, SYS_fcntl, fd, F_GETFL, 0);

	return flags >= 0 && !(flags & O_DIRECT);
}

/* Is it worth trying? */
static bool may_be_cached(const struct loop *l, struct read_guess *g)
{
	if (g->n_to_ring) {
		g->n_to_ring--;
		return false;
	}
	if (likely(g->n_until_asked)) {
		g->n_until_asked--;
		return true;
	}
	if (!goes_through_cache(l, g->fd)) {
		g->n_to_ring = REFUSED;
		return false;
	}
	g->n_until_asked = ASK_AFTER;
	return true;
}

/* Part of it is not cached: the ring waits for it. What misses again and again is tried less and less
 * often. Other errors are not answers either: pipes have no offsets, and for the ring no need of them;
 * tmpfs and overlayfs do not know RWF_NOWAIT on older kernels; a sandbox may refuse the call. */
static int missed(struct read_guess *g, long ret)
{
	if (ret >= 0 || ret == -EAGAIN) {
		g->n_misses += g->n_misses < MISSES_MAX;
		g->n_to_ring = (uint16_t)((1u << g->n_misses) - 1);
		return -EAGAIN;
	}
	g->n_to_ring = REFUSED;
	g->n_until_asked = 0;
	return -EAGAIN;
}

int rondo__at_once_read(int fd, const struct iovec *iov, unsigned n_iov, unsigned n_bytes,
			int64_t offset)
{
	struct rondo_task *self = rondo__self();
	struct loop *l = self->loop;
	struct read_guess *g = guess_of(l, fd);
	long ret;

	if (!n_bytes || !may_be_cached(l, g) || !rondo__at_once(self))
		return -EAGAIN;
	ret = kernel_call6(l->ring.kernel, SYS_preadv2, fd, iov, n_iov, offset, 0, RWF_NOWAIT);
	if (unlikely(ret != (long)n_bytes && ret != 0))
		return missed(g, ret);
	g->n_misses = 0;
	/* Others first, as if the ring had answered. A switch costs a tenth of what the ring costs, and
	 * so the task's next read may be done at once, too. */
	if (!nothing_else_to_do(l))
		rondo__requeue(self);
	return (int)ret;
}
