/* SPDX-License-Identifier: MIT */
/* test_group_order.c - goal: what the differential test (tests/differential) found in task groups
 * stays mended. Method: the scenario that it had made small, with asyncio's sentence of events. */
#include "rondo/group.h"
#include "support/step.h"

static int nothing(void *arg)
{
	(void)arg;
	note("child");
	return 0;
}

/* --- the end of a child whose owner is about to end the group ------------------------------- */

static rondo_task *only_child;

static int remember(rondo_task *task, void *arg)
{
	(void)arg;
	only_child = rondo_task_ref(task);
	return 0;
}

static int awaits_the_child(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_await(only_child), 0);
	note("awaited");
	return 0;
}

static int ends_main(void *arg)
{
	struct rondo_task_group g;
	rondo_task *t = rondo_create_task(awaits_the_child, NULL);

	(void)arg;
	CHECK_EQUAL(rondo_task_group_begin(&g), 0);
	CHECK_EQUAL(rondo_task_group_spawn(&g, nothing, NULL), 0);
	CHECK_EQUAL(rondo_task_group_each(&g, remember, NULL), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	note("body");
	CHECK_EQUAL(rondo_task_group_end(&g, 0), 0);
	note("group");
	return rondo_await(t);
}

/* G3: the group hears of its child's end a turn later, also if nobody waits for that yet. */
static void test_a_group_ends_a_turn_after_its_last_child(void **state)
{
	(void)state;
	assert_run(ends_main, NULL, 0);
	assert_log("child body awaited group");
}

/* --- an error of the body beside a cancel of its owner --------------------------------------- */

static int cancels(void *task)
{
	note("%d", rondo_cancel(task));
	return 0;
}

static int fails_main(void *arg)
{
	const bool before = arg != NULL;
	struct rondo_task_group g;
	rondo_task *t = NULL;

	if (before)
		rondo_cancel(rondo_current_task());
	else
		t = rondo_create_task(cancels, rondo_current_task());
	CHECK_EQUAL(rondo_task_group_begin(&g), 0);
	CHECK_EQUAL(rondo_task_group_spawn(&g, nothing, NULL), 0);
	CHECK_EQUAL(rondo_task_group_end(&g, -EIO), -RONDO_EGROUP);
	CHECK_EQUAL(rondo_task_group_n_errors(&g), 1);
	CHECK_EQUAL(rondo_task_group_error(&g, 0)->error, -EIO);
	CHECK_EQUAL(rondo_cancelling(rondo_current_task()), 1);
	CHECK_EQUAL(rondo_yield(), -ECANCELED);
	CHECK_EQUAL(rondo_uncancel(rondo_current_task()), 0);
	return before ? 0 : rondo_await(t);
}

/* G6: the body's error wins over a cancel, too; that comes with the next await, as ever. */
static void test_the_bodys_error_is_not_lost_to_a_cancel_from_before(void **state)
{
	(void)state;
	assert_run(fails_main, word("before"), 0);
	assert_log("");
}

static void test_the_bodys_error_is_not_lost_to_a_cancel_at_the_end(void **state)
{
	(void)state;
	assert_run(fails_main, NULL, 0);
	assert_log("1");
}

/* --- looking at a group, and cancelling one that has ended -------------------------------------- */

static int stops_at(rondo_task *task, void *arg)
{
	unsigned *n_left = arg;

	(void)task;
	return --*n_left ? 0 : 7;
}

static int sleeps(void *arg)
{
	(void)arg;
	return rondo_sleep(3600);
}

static int looks_main(void *arg)
{
	struct rondo_task_group g;
	unsigned n = 2;

	(void)arg;
	CHECK_EQUAL(rondo_task_group_begin(&g), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQUAL(rondo_task_group_spawn(&g, sleeps, NULL), 0);
	CHECK_EQUAL(rondo_task_group_each(&g, stops_at, &n), 7);
	CHECK_EQUAL(n, 0);
	rondo_task_group_cancel(&g);
	CHECK_EQUAL(rondo_task_group_spawn_ready(&g, sleeps, NULL), -EPERM);
	CHECK_EQUAL(rondo_task_group_end(&g, 0), 0);
	rondo_task_group_cancel(&g);
	CHECK_EQUAL(rondo_cancelling(rondo_current_task()), 0);
	return rondo_yield();
}

static void test_looking_stops_when_told_and_an_ended_group_cancels_nobody(void **state)
{
	(void)state;
	assert_run(looks_main, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_group_ends_a_turn_after_its_last_child),
		cmocka_unit_test(test_the_bodys_error_is_not_lost_to_a_cancel_from_before),
		cmocka_unit_test(test_the_bodys_error_is_not_lost_to_a_cancel_at_the_end),
		cmocka_unit_test(test_looking_stops_when_told_and_an_ended_group_cancels_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
