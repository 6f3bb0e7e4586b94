/* SPDX-License-Identifier: MIT */
/* ints.h - what the tests of queues share: a queue of numbers, and tasks that note what they put
 * and get. */
#ifndef RONDO_TESTS_SYNC_INTS_H
#define RONDO_TESTS_SYNC_INTS_H

#include "rondo/queue.h"
#include "support/matrix.h"
#include "support/step.h"

RONDO_QUEUE(int, ints);

static struct ints q;

/* In a main: a queue of its own size, which run() frees. */
static inline int make(size_t n_max)
{
	return ints_init(&q, n_max);
}

static inline void run(rondo_fn *main)
{
	assert_run(main, NULL, 0);
	assert_null(q.queue.sides_[0].waiters_.first_);
	assert_null(q.queue.sides_[1].waiters_.first_);
	assert_int_equal(q.queue.sides_[0].n_woken_, 0);
	assert_int_equal(q.queue.sides_[1].n_woken_, 0);
	ints_free(&q);
}

static inline const char *outcome(int ret)
{
	return ret == -ECANCELED ? "cancelled" : ret == -RONDO_EQSHUTDOWN ? "QueueShutDown" :
	       ret == -EAGAIN ? "again" : ret == 0 ? "ok" : "failed";
}

/* Get one: name='item', or name-why. */
static inline int gets(void *name)
{
	int item, ret = ints_get(&q, &item);

	if (ret == 0)
		note("%s=%d", (const char *)name, item);
	else
		note("%s-%s", (const char *)name, outcome(ret));
	return ret;
}

static inline rondo_task *getter(const char *name)
{
	return rondo_create_task(gets, word(name));
}

/* Put one. */
static inline int puts_one(void *item)
{
	int ret = ints_put(&q, (int)(intptr_t)item);

	note("put%d-%s", (int)(intptr_t)item, outcome(ret));
	return ret;
}

static inline rondo_task *putter(int item)
{
	return rondo_create_task(puts_one, (void *)(intptr_t)item);
}

static inline int get_now(void)
{
	int item, ret = ints_get_nowait(&q, &item);

	return ret < 0 ? ret : item;
}

#endif
