/* SPDX-License-Identifier: MIT */
/* test_callback.c - goal: done callbacks of tasks run once, in order, a turn after the end, and
 * never after they were taken back; the task lives as long. Method: row T15 and probe p03 as
 * sentences of events; a hundred thousand of them for the room in the ready queue; those of
 * futures are in test_future.c. */
#include "support/step.h"

static int returns(void *arg)
{
	note("task");
	return (int)(intptr_t)arg;
}

static void says(rondo_task *t, void *arg)
{
	note("%s:%d", (const char *)arg, rondo_task_result(t));
}

/* --- order --------------------------------------------------------------------------------- */

static int order_main(void *arg)
{
	struct rondo_done_callback one, two, late;
	rondo_task *t = rondo_create_task(returns, (void *)3);
	uint64_t n_turns;

	(void)arg;
	CHECK_EQUAL(rondo_task_add_done_callback(t, &one, says, word("one")), 0);
	CHECK_EQUAL(rondo_task_add_done_callback(t, &two, says, word("two")), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_task_state(t), RONDO_DONE);
	CHECK_EQUAL(rondo_task_add_done_callback(t, &late, says, word("late")), 0);
	note("main");
	n_turns = rondo__loop->n_turns;
	CHECK_EQUAL(rondo_yield(), 0);
	note("main");
	CHECK_EQUAL(rondo__loop->n_turns, n_turns + 1);
	return rondo_await(t);
}

/* p03, T15: never at once, also not for a task that is done. */
static void test_callbacks_run_a_turn_later_in_order(void **state)
{
	(void)state;
	assert_run(order_main, NULL, 3);
	assert_log("task main one:3 two:3 late:3 main");
}

/* --- remove -------------------------------------------------------------------------------- */

static int remove_main(void *arg)
{
	struct rondo_done_callback never = { { 0 } }, one, two;
	rondo_task *t = rondo_create_task(returns, (void *)3);

	(void)arg;
	CHECK(!rondo_task_remove_done_callback(&never));
	CHECK_EQUAL(rondo_task_add_done_callback(t, &one, says, word("one")), 0);
	CHECK_EQUAL(rondo_task_add_done_callback(t, &two, says, word("two")), 0);
	CHECK(rondo_task_remove_done_callback(&one));
	CHECK(!rondo_task_remove_done_callback(&one));
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(!rondo_task_remove_done_callback(&two));
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(!rondo_task_remove_done_callback(&two));
	return rondo_await(t);
}

/* T15: one that is scheduled is called, as by asyncio. */
static void test_a_callback_can_be_taken_back_until_the_task_is_done(void **state)
{
	(void)state;
	assert_run(remove_main, NULL, 3);
	assert_log("task two:3");
}

/* --- the task's life ----------------------------------------------------------------------- */

static struct rondo_done_callback kept[2];
static struct rondo_report last_report;

static void keep_report(const struct rondo_report *r, void *arg)
{
	(void)arg;
	last_report = *r;
}

static void looks_not(rondo_task *t, void *arg)
{
	note("%s:%s", (const char *)arg, rondo_task_name(t));
}

static int detach_main(void *arg)
{
	const struct rondo_task_options o = { .name = "lost" };
	rondo_task *t = rondo_create_task_with(&o, returns, (void *)-EIO);

	(void)arg;
	CHECK_EQUAL(rondo_task_add_done_callback(t, &kept[0], looks_not, word("cb")), 0);
	rondo_detach(t);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(last_report.error, 0);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(last_report.error, -EIO);
	return 0;
}

/* T15, T17: the task is there for the callback, and only then is its error lost. */
static void test_a_detached_task_lives_until_its_callback(void **state)
{
	const struct rondo_options o = { .on_error = keep_report };

	(void)state;
	last_report.error = 0;
	assert_run_on(&rondo__kernel_linux, &o, detach_main, NULL, 0);
	assert_log("task cb:lost");
}

static int last_main(void *arg)
{
	rondo_task *self = rondo_current_task();

	(void)arg;
	CHECK_EQUAL(rondo_task_add_done_callback(self, &kept[0], says, word("main")), 0);
	return 8;
}

static int sleeps(void *arg)
{
	(void)arg;
	return rondo_sleep(3600);
}

static int left_main(void *arg)
{
	rondo_task *t = rondo_create_task(sleeps, NULL);

	(void)arg;
	CHECK_EQUAL(rondo_task_add_done_callback(t, &kept[1], says, word("left")), 0);
	rondo_detach(t);
	return rondo_yield();
}

/* As run() of asyncio, which turns its loop a few times more. */
static void test_callbacks_of_what_ends_last_are_run(void **state)
{
	(void)state;
	assert_run(last_main, NULL, 8);
	assert_log("main:8");
	assert_run(left_main, NULL, 0);
	assert_log("left:-125");
}

/* --- inside a callback --------------------------------------------------------------------- */

static void adds_again(rondo_task *t, void *arg)
{
	unsigned *n = arg;

	note("%u", *n);
	if (--*n)
		*n = rondo_task_add_done_callback(t, &kept[0], adds_again, arg) < 0 ? 99 : *n;
	else
		rondo_detach(rondo_create_task(returns, NULL));
}

static int again_main(void *arg)
{
	unsigned n = 3;
	rondo_task *t = rondo_create_task(returns, NULL);

	(void)arg;
	CHECK_EQUAL(rondo_task_add_done_callback(t, &kept[0], adds_again, &n), 0);
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(yield_times(4), 0);
	CHECK_EQUAL(n, 0);
	return 0;
}

static void test_a_callback_may_add_itself_and_create_tasks(void **state)
{
	(void)state;
	assert_run(again_main, NULL, 0);
	assert_log("task 3 2 1 task");
}

static void awaits(rondo_task *t, void *arg)
{
	(void)t;
	(void)arg;
	if (rondo_yield() < 0)
		return;
}

static int awaiting_main(void *arg)
{
	rondo_task *t = rondo_create_task(returns, NULL);

	(void)arg;
	if (rondo_task_add_done_callback(t, &kept[0], awaits, NULL) < 0)
		return -1;
	return yield_times(3);
}

static int awaits_in_a_callback(void)
{
	return rondo_run(awaiting_main, NULL);
}

static void test_awaiting_in_a_callback_is_a_bug(void **state)
{
	(void)state;
	assert_bug(awaits_in_a_callback, "outside a task");
}

/* --- many ---------------------------------------------------------------------------------- */

static size_t n_called;

static void counts(rondo_task *t, void *arg)
{
	(void)t;
	n_called += (size_t)(intptr_t)arg;
}

static int quiet(void *arg)
{
	(void)arg;
	return 0;
}

static int many_main(void *arg)
{
	size_t n = STEP_SIZE(100000, 3000);
	struct rondo_done_callback *c = calloc(n, sizeof(*c));
	rondo_task *t = rondo_create_task(quiet, arg);

	CHECK(c);
	n_called = 0;
	for (size_t i = 0; i < n; i++)
		CHECK_EQUAL(rondo_task_add_done_callback(t, &c[i], counts, (void *)1), 0);
	for (size_t i = 0; i < n; i += 2)
		CHECK(rondo_task_remove_done_callback(&c[i]));
	CHECK_EQUAL(rondo_yield(), 0);
	for (size_t i = 0; i < 300; i++)	/* with places in the queue of their own */
		rondo_detach(rondo_create_task(quiet, NULL));
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(n_called, n / 2);
	free(c);
	return rondo_await(t);
}

static void test_any_number_of_callbacks_has_room_in_the_queue(void **state)
{
	(void)state;
	assert_run(many_main, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_callbacks_run_a_turn_later_in_order),
		cmocka_unit_test(test_a_callback_can_be_taken_back_until_the_task_is_done),
		cmocka_unit_test(test_a_detached_task_lives_until_its_callback),
		cmocka_unit_test(test_callbacks_of_what_ends_last_are_run),
		cmocka_unit_test(test_a_callback_may_add_itself_and_create_tasks),
		cmocka_unit_test(test_awaiting_in_a_callback_is_a_bug),
		cmocka_unit_test(test_any_number_of_callbacks_has_room_in_the_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
