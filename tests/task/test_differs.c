/* SPDX-License-Identifier: MIT */
/* test_differs.c - goal: where the order of events or a count differs from asyncio's on purpose, it
 * is what tests/parity.md says. Method: the smallest scenarios of the last table there, with
 * asyncio's own result in the comment. Q2 and D1 are tested where queues and operations are. */
#include "rondo/call.h"
#include "support/step.h"

static int sleeps(void *arg)
{
	(void)arg;
	return rondo_sleep(60);
}

static int awaits(void *task)
{
	return rondo_await(task);
}

struct pair {
	rondo_task *tasks[2];
	unsigned flags;
};

static int gathers(void *arg)
{
	const struct pair *p = arg;

	return rondo_gather(2, p->tasks, NULL, p->flags);
}

/* --- W3 -------------------------------------------------------------------------------------- */

static int fails(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_yield(), 0);
	return -EIO;
}

static int cancels(void *arg)
{
	rondo_task **who = arg;

	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(rondo_cancel(*who));
	return 0;
}

static int over_main(void *arg)
{
	rondo_task *failing = rondo_create_task(fails, NULL), *gatherer;
	rondo_task *canceller = rondo_create_task(cancels, &gatherer);	/* in the same turn */
	rondo_task *stays = rondo_create_task(sleeps, NULL);
	struct pair p = { .tasks = { failing, rondo_task_ref(stays) } };

	(void)arg;
	gatherer = rondo_create_task(gathers, &p);
	CHECK_EQUAL(rondo_await(canceller), 0);
	CHECK_EQUAL(rondo_await(gatherer), -ECANCELED);		/* asyncio: the error */
	CHECK_EQUAL(rondo_task_state(stays), RONDO_PENDING);	/* asyncio: cancelled */
	CHECK_EQUAL(rondo_cancelling(stays), 0);
	CHECK(rondo_cancel(stays));
	CHECK_EQUAL(rondo_await(stays), -ECANCELED);
	return 0;
}

/* W3: a gather whose first member has failed is over, and hands no cancel on; so that it is the
 * awaiting task that is cancelled, as it was asked for. */
static void test_a_gather_that_is_over_hands_no_cancel_on(void **state)
{
	(void)state;
	assert_run(over_main, NULL, 0);
}

/* --- T10, W2 --------------------------------------------------------------------------------- */

static int ways_main(void *arg)
{
	rondo_task *leaf = rondo_create_task(sleeps, NULL);
	rondo_task *middle = rondo_create_task(awaits, rondo_task_ref(leaf));
	rondo_task *way = rondo_create_task(awaits, rondo_task_ref(middle));
	struct pair p = { .tasks = { rondo_task_ref(middle), way }, .flags = RONDO_GATHER_ALL };
	rondo_task *top = rondo_create_task(gathers, &p);

	(void)arg;
	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(top));
	CHECK_EQUAL(rondo_cancelling(middle), 2);
	CHECK_EQUAL(rondo_cancelling(leaf), 1);		/* asyncio: 2 */
	CHECK_EQUAL(rondo_await(top), -ECANCELED);
	CHECK_EQUAL(rondo_await(middle), -ECANCELED);
	CHECK_EQUAL(rondo_await(leaf), -ECANCELED);
	return 0;
}

/* T10: on two ways a request is counted twice, and goes on once. */
static void test_a_request_on_two_ways_goes_on_once(void **state)
{
	(void)state;
	assert_run(ways_main, NULL, 0);
}

static int twice_main(void *arg)
{
	rondo_task *t = rondo_create_task(sleeps, NULL);
	struct pair p = { .tasks = { rondo_task_ref(t), rondo_task_ref(t) } };
	rondo_task *top = rondo_create_task(gathers, &p);

	(void)arg;
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(rondo_cancel(top));
	CHECK_EQUAL(rondo_cancelling(t), 1);		/* asyncio: 2 */
	CHECK_EQUAL(rondo_await(top), -ECANCELED);
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	return 0;
}

/* W2. */
static void test_a_task_named_twice_is_cancelled_once(void **state)
{
	(void)state;
	assert_run(twice_main, NULL, 0);
}

/* --- L2 -------------------------------------------------------------------------------------- */

static void says(void *arg)
{
	(void)arg;
	note("call");
}

static int sleeps_a_little(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_sleep_ns(1000), 0);
	note("sleep");
	return 0;
}

static int due_main(void *arg)
{
	rondo_task *t = rondo_create_task(sleeps_a_little, NULL);
	struct rondo_handle handle;

	(void)arg;
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_call_at(&handle, rondo_now_ns() + 1000, says, NULL), 0);
	CHECK_EQUAL(rondo_sleep_ns(2000), 0);
	return rondo_await(t);
}

/* L2: in order of deadline and setting; asyncio makes all calls first: "call sleep". */
static void test_a_sleep_and_a_call_come_in_the_order_of_their_deadlines(void **state)
{
	struct step_kernel k;

	(void)state;
	step_kernel_init(&k, true);
	assert_run_on(&k.kernel, NULL, due_main, NULL, 0);
	assert_log("sleep call");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_gather_that_is_over_hands_no_cancel_on),
		cmocka_unit_test(test_a_request_on_two_ways_goes_on_once),
		cmocka_unit_test(test_a_task_named_twice_is_cancelled_once),
		cmocka_unit_test(test_a_sleep_and_a_call_come_in_the_order_of_their_deadlines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
