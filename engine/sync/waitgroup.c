/* SPDX-License-Identifier: MIT */
/* waitgroup.c - wait until all of something is done: row S8, and a queue's join (Q5). */
#include <stdio.h>

#include "sync/waiters.h"

_Static_assert(sizeof(struct rondo_waitgroup) == 24, "the size of a wait group is part of the ABI");

static void waitgroup_describe(const struct wait *w, char *buf, size_t size)
{
	const struct rondo_waitgroup *g = waiter_of(w)->object;

	snprintf(buf, size, "wait group %p: %llu pending", (const void *)g,
		 (unsigned long long)g->n_pending_);
}

static const struct wait_class waitgroup_class = {
	.name = "wait group", .cancel = rondo__waiters_cancel, .describe = waitgroup_describe,
};

void rondo_waitgroup_add(struct rondo_waitgroup *group, size_t n)
{
	group->n_pending_ += n;
}

int rondo_waitgroup_done(struct rondo_waitgroup *group)
{
	if (!group->n_pending_)
		return -EINVAL;
	if (--group->n_pending_ == 0)
		rondo__waiters_wake(&group->waiters_, SIZE_MAX);
	return 0;
}

int rondo_waitgroup_wait(struct rondo_waitgroup *group)
{
	struct rondo_waiter w = WAITER(group, &waitgroup_class);

	return group->n_pending_ ? rondo__waiters_wait(&group->waiters_, &w) :
				   budget_checkpoint();
}
