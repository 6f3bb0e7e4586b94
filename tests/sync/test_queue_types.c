/* SPDX-License-Identifier: MIT */
/* test_queue_types.c - goal: RONDO_QUEUE and the initialisers of sync.h are what a user writes: any
 * type, by value, static or not. Method: the worker pool of queue.h's comment, with the public
 * headers only. test_queue_types.cpp is the same in C++. */
#include "support/check.h"

#include <errno.h>

#include "rondo/queue.h"
#include "rondo/sync.h"
#include "rondo/task.h"

struct job {
	char kind;
	double weight;
	const char *text;
};

RONDO_QUEUE(struct job, jobs);
RONDO_QUEUE(char, chars);

static struct rondo_lock lock = RONDO_LOCK_INIT;
static struct rondo_event done = RONDO_EVENT_INIT;
static struct rondo_condition changed = RONDO_CONDITION_INIT(&lock);
static struct rondo_semaphore two = RONDO_SEMAPHORE_INIT(2);
static struct rondo_semaphore bounded = RONDO_BOUNDED_SEMAPHORE_INIT(2);
static struct rondo_barrier barrier = RONDO_BARRIER_INIT(1);
static struct rondo_rwlock rwlock = RONDO_RWLOCK_INIT;
static struct rondo_once once = RONDO_ONCE_INIT;
static struct rondo_waitgroup group = RONDO_WAITGROUP_INIT;

static double weight;

static int worker(void *arg)
{
	struct jobs *todo = (struct jobs *)arg;
	struct job job;
	int ret;

	while ((ret = jobs_get(todo, &job)) == 0) {
		weight += job.weight;
		rondo_queue_task_done(&todo->queue);
	}
	return ret == -RONDO_EQSHUTDOWN ? 0 : ret;
}

static int pool_main(void *arg)
{
	struct job job = { 'x', 0.5, "text" };
	struct jobs todo;
	rondo_task *workers[3];

	(void)arg;
	CHECK_EQUAL(jobs_init(&todo, 2), 0);
	for (int i = 0; i < 3; i++)
		workers[i] = rondo_create_task(worker, &todo);
	for (int i = 0; i < 10; i++)
		CHECK_EQUAL(jobs_put(&todo, job), 0);
	CHECK_EQUAL(rondo_queue_join(&todo.queue), 0);
	rondo_queue_shutdown(&todo.queue, false);
	CHECK_EQUAL(rondo_gather(3, workers, NULL, 0), 0);
	jobs_free(&todo);
	return 0;
}

static void test_a_worker_pool_over_a_typed_queue(void **state)
{
	(void)state;
	assert_int_equal(rondo_run(pool_main, NULL), 0);
	assert_checks_passed();
	assert_true(weight == 5);
}

static int positive(void *arg)
{
	(void)arg;
	return 3;
}

static int every_main(void *arg)
{
	struct chars some;
	char c = 'c';

	CHECK_EQUAL(chars_init(&some, 1), 0);
	CHECK_EQUAL(chars_put_nowait(&some, c), 0);
	CHECK_EQUAL(chars_get_nowait(&some, &c), 0);
	CHECK_EQUAL(chars_get_nowait(&some, &c), -EAGAIN);
	chars_free(&some);
	chars_free(NULL);
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	CHECK_EQUAL(rondo_condition_wait_for(&changed, positive, arg), 3);
	CHECK_EQUAL(rondo_condition_notify_all(&changed), 0);
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	rondo_event_set(&done);
	CHECK_EQUAL(rondo_event_wait(&done), 0);
	CHECK_EQUAL(rondo_semaphore_acquire(&two), 0);
	CHECK_EQUAL(rondo_semaphore_release(&bounded), -EINVAL);
	CHECK_EQUAL(rondo_barrier_wait(&barrier), 0);
	CHECK_EQUAL(rondo_rwlock_acquire_read(&rwlock), 0);
	CHECK_EQUAL(rondo_rwlock_release(&rwlock), 0);
	CHECK_EQUAL(rondo_once_call(&once, positive, arg), 3);
	return rondo_waitgroup_wait(&group);
}

static void test_every_initialiser_makes_something_usable(void **state)
{
	(void)state;
	assert_int_equal(rondo_run(every_main, NULL), 0);
	assert_checks_passed();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_worker_pool_over_a_typed_queue),
		cmocka_unit_test(test_every_initialiser_makes_something_usable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
