// SPDX-License-Identifier: MIT
// test_queue_types.cpp - goal: queue.h and sync.h mean in C++ what they mean in C, in strict C++11
// too. Method: the twin of test_queue_types.c, without cmocka, whose header is C's. Ends with 0, or
// says which check failed.
#include <cerrno>
#include <cstdio>

#include "rondo/queue.h"
#include "rondo/sync.h"
#include "rondo/task.h"

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
			return -1;                                                                 \
		}                                                                                  \
	} while (0)

struct job {
	char kind;
	double weight;
};

RONDO_QUEUE(job, jobs);
RONDO_QUEUE(char, chars);

static rondo_lock lock = RONDO_LOCK_INIT;
static rondo_event done = RONDO_EVENT_INIT;
static rondo_condition changed = RONDO_CONDITION_INIT(&lock);
static rondo_semaphore two = RONDO_SEMAPHORE_INIT(2);
static rondo_semaphore bounded = RONDO_BOUNDED_SEMAPHORE_INIT(2);
static rondo_barrier barrier = RONDO_BARRIER_INIT(1);
static rondo_rwlock rwlock = RONDO_RWLOCK_INIT;
static rondo_once once = RONDO_ONCE_INIT;
static rondo_waitgroup group = RONDO_WAITGROUP_INIT;

static double weight;

static int worker(void *arg)
{
	jobs *todo = static_cast<jobs *>(arg);
	job j;
	int ret;

	while ((ret = jobs_get(todo, &j)) == 0) {
		weight += j.weight;
		rondo_queue_task_done(&todo->queue);
	}
	return ret == -RONDO_EQSHUTDOWN ? 0 : ret;
}

static int pool()
{
	jobs todo;
	rondo_task *workers[3];

	CHECK(jobs_init(&todo, 2) == 0);
	for (int i = 0; i < 3; i++)
		workers[i] = rondo_create_task(worker, &todo);
	for (int i = 0; i < 10; i++)
		CHECK(jobs_put(&todo, job{ 'x', 0.5 }) == 0);
	CHECK(rondo_queue_join(&todo.queue) == 0);
	rondo_queue_shutdown(&todo.queue, false);
	CHECK(rondo_gather(3, workers, nullptr, 0) == 0);
	jobs_free(&todo);
	CHECK(weight == 5);
	return 0;
}

static int positive(void *)
{
	return 3;
}

static int everything(void *arg)
{
	rondo_queue_options options = {};
	chars some;
	char c = 'c';

	CHECK(pool() == 0);
	options.n_max = 1;
	CHECK(chars_init_with(&some, &options) == 0);
	CHECK(chars_put_nowait(&some, c) == 0);
	CHECK(chars_get_nowait(&some, &c) == 0);
	CHECK(chars_get_nowait(&some, &c) == -EAGAIN);
	chars_free(&some);
	lock = RONDO_LOCK_INIT;
	CHECK(rondo_lock_acquire(&lock) == 0);
	CHECK(rondo_condition_wait_for(&changed, positive, arg) == 3);
	CHECK(rondo_condition_notify_all(&changed) == 0);
	CHECK(rondo_lock_release(&lock) == 0);
	rondo_event_set(&done);
	CHECK(rondo_event_wait(&done) == 0);
	CHECK(rondo_semaphore_acquire(&two) == 0);
	CHECK(rondo_semaphore_release(&bounded) == -EINVAL);
	CHECK(rondo_barrier_wait(&barrier) == 0);
	CHECK(rondo_rwlock_acquire_read(&rwlock) == 0);
	CHECK(rondo_rwlock_release(&rwlock) == 0);
	CHECK(rondo_once_call(&once, positive, arg) == 3);
	CHECK(rondo_waitgroup_wait(&group) == 0);
	return 0;
}

int main()
{
	return rondo_run(everything, nullptr) == 0 ? 0 : 1;
}
