/* SPDX-License-Identifier: MIT */
/* test_once.c - goal: it is done once, by one task, the others wait, and a failure leaves it to the
 * next. Method: row S8 as orders of events, and the matrix. */
#include "support/matrix.h"
#include "support/step.h"

#include "rondo/sync.h"

static struct rondo_once once;
static unsigned n_calls;

/* Takes two turns, and fails as often as *arg says. */
static int opens(void *arg)
{
	int *n_failures = arg, ret;

	n_calls++;
	note("open");
	ret = turns(2);
	if (ret < 0)
		return ret;
	return (*n_failures)-- > 0 ? -EIO : 7;
}

static int uses(void *n_failures)
{
	int ret = rondo_once_call(&once, opens, n_failures);

	note("%d", ret);
	return ret;
}

static void run(rondo_fn *main, int n_failures)
{
	once = (struct rondo_once)RONDO_ONCE_INIT;
	n_calls = 0;
	assert_run(main, &n_failures, 0);
	assert_false(rondo_lock_locked(&once.lock_));
}

static int three_main(void *arg)
{
	rondo_task *tasks[3];
	int results[3];

	for (int i = 0; i < 3; i++)
		tasks[i] = rondo_create_task(uses, arg);
	CHECK_EQUAL(rondo_gather(3, tasks, results, RONDO_GATHER_ALL), 0);
	CHECK_EQUAL(uses(arg), 7);
	return 0;
}

static void test_it_is_done_once_and_all_get_the_result(void **state)
{
	(void)state;
	run(three_main, 0);
	assert_log("open 7 7 7 7");
}

static void test_after_a_failure_the_next_task_tries(void **state)
{
	(void)state;
	run(three_main, 1);
	assert_log("open -5 open 7 7 7");
	assert_int_equal(n_calls, 2);
}

static int cancelled_main(void *arg)
{
	rondo_task *a = rondo_create_task(uses, arg), *b = rondo_create_task(uses, arg);

	CHECK_EQUAL(turns(1), 0);
	CHECK(rondo_cancel(a));
	CHECK_EQUAL(rondo_await(a), -ECANCELED);
	CHECK_EQUAL(rondo_await(b), 7);
	return 0;
}

static void test_when_the_task_that_does_it_is_cancelled_the_next_does_it(void **state)
{
	(void)state;
	run(cancelled_main, 0);
	assert_log("open -125 open 7");
}

static int itself(void *arg)
{
	return rondo_once_call(&once, itself, arg);
}

static int inside_main(void *arg)
{
	CHECK_EQUAL(itself(arg), -EDEADLK);
	CHECK_EQUAL(uses(arg), 7);
	return 0;
}

static void test_a_call_from_inside_is_an_error(void **state)
{
	(void)state;
	run(inside_main, 0);
	assert_log("open 7");
}

/* Another task, which has ended, is in it. */
static int prepare(void *ctx)
{
	(void)ctx;
	once = (struct rondo_once)RONDO_ONCE_INIT;
	once.lock_.holder_ = UINT64_MAX;
	return 0;
}

static int gives_seven(void *arg)
{
	(void)arg;
	return 7;
}

static int call(void *ctx)
{
	return rondo_once_call(&once, gives_seven, ctx);
}

static int leave(void *ctx)
{
	(void)ctx;
	return rondo_lock_release(&once.lock_);
}

static void test_call_in_the_matrix(void **state)
{
	const struct matrix_verb v = {
		.start = call, .finish = leave, .prepare = prepare, .result = 7,
	};

	(void)state;
	matrix_check("rondo_once_call", &v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_is_done_once_and_all_get_the_result),
		cmocka_unit_test(test_after_a_failure_the_next_task_tries),
		cmocka_unit_test(test_when_the_task_that_does_it_is_cancelled_the_next_does_it),
		cmocka_unit_test(test_a_call_from_inside_is_an_error),
		cmocka_unit_test(test_call_in_the_matrix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
