/* SPDX-License-Identifier: MIT */
/* once.c - something to be done once: row S8. A lock that nobody needs any more once it is done. */
#include "sync/waiters.h"

_Static_assert(sizeof(struct rondo_once) == 32, "the size of a once is part of the ABI");

static int call(struct rondo_once *o, rondo_fn *fn, void *arg)
{
	int ret = fn(arg);

	if (ret >= 0) {
		o->result_ = ret;
		o->is_done_ = true;
	}
	return ret;
}

int rondo_once_call(struct rondo_once *once, rondo_fn *fn, void *arg)
{
	int ret;

	if (likely(once->is_done_)) {
		ret = budget_checkpoint();
		return ret < 0 ? ret : once->result_;
	}
	if (once->lock_.holder_ == rondo__self()->id)
		return -EDEADLK;
	ret = rondo_lock_acquire(&once->lock_);
	if (ret < 0)
		return ret;
	ret = once->is_done_ ? once->result_ : call(once, fn, arg);
	rondo_lock_release(&once->lock_);
	return ret;
}
