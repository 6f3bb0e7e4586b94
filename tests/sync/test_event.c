/* SPDX-License-Identifier: MIT */
/* test_event.c - goal: an event is asyncio's Event: setting it wakes all who wait at that moment.
 * Method: row S2 and probe p35 as orders of events, and the matrix. */
#include "support/matrix.h"
#include "support/step.h"

#include <pthread.h>

#include "rondo/sync.h"

static struct rondo_event event;

static int waits(void *name)
{
	int ret = rondo_event_wait(&event);

	note("%s:%s", (const char *)name, ret < 0 ? "cancelled" :
	     rondo_event_is_set(&event) ? "set" : "clear");
	return ret;
}

static rondo_task *start(const char *name)
{
	return rondo_create_task(waits, word(name));
}

static void run(rondo_fn *main)
{
	event = (struct rondo_event)RONDO_EVENT_INIT;
	assert_run(main, NULL, 0);
	assert_null(event.waiters_.first_);
}

static int set_main(void *arg)
{
	rondo_task *other = start("other");

	(void)arg;
	CHECK(!rondo_event_is_set(&event));
	rondo_event_set(&event);
	CHECK(rondo_event_is_set(&event));
	CHECK_EQUAL(waits(word("main")), 0);
	CHECK_EQUAL(rondo_await(other), 0);
	rondo_event_clear(&event);
	CHECK(!rondo_event_is_set(&event));
	return 0;
}

/* S2: waiting for a set event does not yield. */
static void test_waiting_for_a_set_event_does_not_yield(void **state)
{
	(void)state;
	run(set_main);
	assert_log("main:set other:set");
}

static int clear_main(void *arg)
{
	rondo_task *late, *tasks[3] = { start("a"), start("b"), start("c") };

	(void)arg;
	CHECK_EQUAL(turns(2), 0);
	rondo_event_set(&event);
	rondo_event_clear(&event);
	late = start("late");
	CHECK_EQUAL(rondo_gather(3, tasks, NULL, 0), 0);
	CHECK_EQUAL(rondo_task_state(late), RONDO_PENDING);
	rondo_event_set(&event);
	rondo_event_set(&event);
	return rondo_await(late);
}

/* S2, p35: in the order they came, all of them, though it is clear again when they run. */
static void test_an_event_cleared_at_once_still_wakes_all(void **state)
{
	(void)state;
	run(clear_main);
	assert_log("a:clear b:clear c:clear late:set");
}

static int cancelled_main(void *arg)
{
	rondo_task *a = start("a"), *b = start("b"), *c = start("c");

	(void)arg;
	CHECK_EQUAL(turns(2), 0);
	CHECK(rondo_cancel(a));
	rondo_event_set(&event);
	CHECK(rondo_cancel(c));
	CHECK_EQUAL(rondo_await(a), -ECANCELED);
	CHECK_EQUAL(rondo_await(b), 0);
	CHECK_EQUAL(rondo_await(c), -ECANCELED);
	return 0;
}

/* S2, T6: a pure wait: the cancel wins, before the set and after it. */
static void test_a_cancel_wins_over_the_set(void **state)
{
	(void)state;
	run(cancelled_main);
	assert_log("a:cancelled b:set c:cancelled");
}

static int prepare(void *ctx)
{
	*(struct rondo_event *)ctx = (struct rondo_event)RONDO_EVENT_INIT;
	return 0;
}

static int wait_here(void *ctx)
{
	return rondo_event_wait(ctx);
}

static int set(void *ctx)
{
	rondo_event_set(ctx);
	return 0;
}

static void test_wait_in_the_matrix(void **state)
{
	const struct matrix_verb v = {
		.start = wait_here, .finish = set, .prepare = prepare, .ctx = &event,
	};

	(void)state;
	matrix_check("rondo_event_wait", &v);
}

static void *set_elsewhere(void *arg)
{
	rondo_event_set(arg);
	return NULL;
}

static int foreign_set_main(void *arg)
{
	pthread_t thread;

	(void)arg;
	event = (struct rondo_event)RONDO_EVENT_INIT;
	CHECK(start("a"));
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(pthread_create(&thread, NULL, set_elsewhere, &event), 0);
	CHECK_EQUAL(pthread_join(thread, NULL), 0);
	return 0;
}

static int foreign_set(void)
{
	return rondo_run(foreign_set_main, NULL);
}

/* S9, R8: not for threads, and it says so instead of corrupting the loop. */
static void test_waking_a_task_from_another_thread_is_a_bug(void **state)
{
	(void)state;
	assert_bug(foreign_set, "another thread");
}

static char report[512];

static void collect(const struct rondo_report *r, void *arg)
{
	(void)arg;
	snprintf(report, sizeof(report), "%s", r->message);
}

static void test_a_deadlock_report_names_the_event(void **state)
{
	const struct rondo_options o = { .on_error = collect };
	char expected[128];

	(void)state;
	prepare(&event);
	assert_int_equal(rondo_run_with(&o, wait_here, &event), -EDEADLK);
	snprintf(expected, sizeof(expected), "deadlock: waits for event %p to be set",
		 (void *)&event);
	assert_string_equal(report, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waiting_for_a_set_event_does_not_yield),
		cmocka_unit_test(test_an_event_cleared_at_once_still_wakes_all),
		cmocka_unit_test(test_a_cancel_wins_over_the_set),
		cmocka_unit_test(test_wait_in_the_matrix),
		cmocka_unit_test(test_waking_a_task_from_another_thread_is_a_bug),
		cmocka_unit_test(test_a_deadlock_report_names_the_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
