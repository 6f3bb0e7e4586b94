/* SPDX-License-Identifier: MIT */
/* test_outside.c - goal: a thread that is no loop's can run tasks on a loop, wait for them with a
 * limit, and cancel them; and is told when the loop has ended. Method: the loop's own pool is the
 * thread, so that all ends with the test. */
#include "support/step.h"

#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "rondo/future.h"
#include "rondo/thread.h"

static rondo_loop *loop;
static pthread_t loop_thread;

static int double_it(void *arg)
{
	if (!pthread_equal(pthread_self(), loop_thread) || rondo_sleep(1e-4) < 0)
		return -EIO;
	return *(int *)arg * 2;
}

static int for_ever(void *arg)
{
	int ret = rondo_sleep(3600);

	*(int *)arg = ret;
	return ret;
}

static int fail_there(void *arg)
{
	(void)arg;
	return -ENOSPC;
}

/* --- E4 -------------------------------------------------------------------------------------- */

static int calls_back(void *arg)
{
	CHECK_EQUAL(rondo_loop_call(loop, double_it, arg), 42);
	CHECK_EQUAL(rondo_loop_call(NULL, double_it, arg), 42);
	CHECK_EQUAL(rondo_loop_call(loop, fail_there, NULL), -ENOSPC);
	return 1;
}

static int loop_calls(void *arg)
{
	int value = 21;

	(void)arg;
	loop = rondo_loop_current();
	loop_thread = pthread_self();
	CHECK_EQUAL(rondo_to_thread(calls_back, &value), 1);
	CHECK_EQUAL(rondo_loop_call(loop, double_it, &value), -EDEADLK);
	CHECK_EQUAL(rondo_loop_call(NULL, double_it, &value), -EINVAL);
	return 0;
}

static void test_a_thread_calls_into_its_loop(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	assert_run(loop_calls, NULL, 0);
}

/* --- L6 -------------------------------------------------------------------------------------- */

static int waits_and_cancels(void *arg)
{
	int value = 4, seen = 0;
	rondo_thread_future *f = rondo_run_coroutine_threadsafe(loop, double_it, &value);

	(void)arg;
	CHECK(f);
	CHECK_EQUAL(rondo_thread_future_wait(f, 60), 8);
	CHECK_EQUAL(rondo_thread_future_wait(f, 0), 8);
	CHECK(!rondo_thread_future_cancel(f));
	CHECK_EQUAL(rondo_thread_future_wait(f, NAN), -EINVAL);
	rondo_thread_future_free(f);

	f = rondo_run_coroutine_threadsafe(loop, for_ever, &seen);
	CHECK(f);
	CHECK_EQUAL(rondo_thread_future_wait(f, 0.002), -ETIMEDOUT);
	CHECK_EQUAL(rondo_thread_future_wait(f, -1), -ETIMEDOUT);
	CHECK(rondo_thread_future_cancel(f));
	CHECK_EQUAL(rondo_thread_future_wait(f, INFINITY), -ECANCELED);
	CHECK(seen == -ECANCELED || seen == 0);		/* 0: it had not begun */
	rondo_thread_future_free(f);
	rondo_thread_future_free(NULL);
	return 0;
}

static int futures(void *arg)
{
	loop = rondo_loop_current();
	loop_thread = pthread_self();
	return rondo_to_thread(waits_and_cancels, arg);
}

static void test_a_thread_waits_for_a_task_and_cancels_it(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	assert_run(futures, NULL, 0);
}

/* Cancelled before the loop could start it. */
static int never_started(void *arg)
{
	int seen = 0;
	rondo_thread_future *f;

	(void)arg;
	loop = rondo_loop_current();
	f = rondo_run_coroutine_threadsafe(loop, for_ever, &seen);
	CHECK(f);
	CHECK_EQUAL(rondo_thread_future_wait(f, 1), -EDEADLK);
	CHECK(rondo_thread_future_cancel(f));
	CHECK(rondo_thread_future_cancel(f));
	CHECK_EQUAL(yield_times(1), 0);
	while (rondo_thread_future_wait(f, 0) == -EDEADLK)
		CHECK_EQUAL(rondo_sleep(1e-4), 0);
	CHECK_EQUAL(rondo_thread_future_wait(f, 0), -ECANCELED);
	CHECK_EQUAL(seen, 0);
	rondo_thread_future_free(f);
	return 0;
}

static void test_a_task_that_is_cancelled_first_never_starts(void **state)
{
	(void)state;
	assert_run(never_started, NULL, 0);
}

/* --- the loop ends --------------------------------------------------------------------------- */

static sem_t loop_over;

static int gives_loop_away(void *arg)
{
	*(rondo_loop **)arg = rondo_loop_ref(rondo_loop_current());
	return 0;
}

static void test_a_loop_that_has_ended_says_so(void **state)
{
	rondo_thread_future *f;
	rondo_loop *gone;
	int value = 0;

	(void)state;
	assert_run(gives_loop_away, &gone, 0);
	f = rondo_run_coroutine_threadsafe(gone, for_ever, &value);
	assert_non_null(f);
	assert_int_equal(rondo_thread_future_wait(f, 60), -ESHUTDOWN);
	assert_false(rondo_thread_future_cancel(f));
	rondo_thread_future_free(f);
	assert_int_equal(rondo_loop_call(gone, for_ever, &value), -ESHUTDOWN);
	rondo_loop_unref(gone);
}

static atomic_int late_result;

/* Abandoned, so it is still in its call when the loop closes; it must come back from there. */
static int calls_too_late(void *arg)
{
	sem_post(arg);
	while (sem_wait(&loop_over) < 0)
		;
	for (int ret = 0; ret != -ESHUTDOWN; ret = rondo_loop_call(NULL, fail_there, NULL))
		;
	atomic_store(&late_result, 1);
	return 0;
}

static int start_late_caller(void *arg)
{
	const struct rondo_thread_options abandon = { .on_cancel = RONDO_THREAD_ABANDON };

	return rondo_to_thread_with(&abandon, calls_too_late, arg);
}

static int leaves_late_caller(void *arg)
{
	sem_t begun;
	rondo_task *t = rondo_create_task(start_late_caller, &begun);

	(void)arg;
	sem_init(&begun, 0, 0);
	CHECK_EQUAL(yield_times(2), 0);
	while (sem_wait(&begun) < 0)
		;
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	sem_post(&loop_over);
	return 0;
}

/* E4 at the end: a call that the loop does not take any more returns, so the thread can be joined. */
static void test_a_thread_is_not_left_in_a_call_when_the_loop_ends(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	sem_init(&loop_over, 0, 0);
	for (int i = 0; i < 20; i++) {
		atomic_store(&late_result, 0);
		assert_run(leaves_late_caller, NULL, 0);
		assert_int_equal(atomic_load(&late_result), 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_thread_calls_into_its_loop),
		cmocka_unit_test(test_a_thread_waits_for_a_task_and_cancels_it),
		cmocka_unit_test(test_a_task_that_is_cancelled_first_never_starts),
		cmocka_unit_test(test_a_loop_that_has_ended_says_so),
		cmocka_unit_test(test_a_thread_is_not_left_in_a_call_when_the_loop_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
