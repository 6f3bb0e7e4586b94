/* SPDX-License-Identifier: MIT */
/* test_future.c - goal: a future is settled once, wakes all who wait in order, and loses nothing
 * to a cancel that asyncio would not. Method: rows T6, T7, T14 and T16 and the probes p03, p10
 * and p11 as sentences of events; the matrix of every awaitable for both ways to wait; real
 * threads. */
#include <pthread.h>

#include "rondo/future.h"
#include "support/matrix.h"
#include "support/step.h"

static struct rondo_future future;

static int awaits(void *arg)
{
	int ret = rondo_future_await(&future);

	note("%s:%d", (const char *)arg, ret);
	return ret;
}

static int shields(void *arg)
{
	int ret = rondo_future_shield(&future);

	note("%s:%d", (const char *)arg, ret);
	return ret;
}

static void says(struct rondo_future *f, void *arg)
{
	note("%s", f == &future ? (const char *)arg : "not the future");
}

/* --- settling ------------------------------------------------------------------------------ */

static int settle_main(void *arg)
{
	(void)arg;
	rondo_future_init(&future);
	CHECK_EQUAL(rondo_future_state(&future), RONDO_PENDING);
	CHECK_EQUAL(rondo_future_result(&future), -EINPROGRESS);
	CHECK_EQUAL(rondo_future_set_result(&future, -1), -EINVAL);
	CHECK_EQUAL(rondo_future_set_error(&future, 0), -EINVAL);
	CHECK_EQUAL(rondo_future_set_result(&future, 7), 0);
	CHECK_EQUAL(rondo_future_set_result(&future, 8), -EALREADY);
	CHECK_EQUAL(rondo_future_set_error(&future, -EIO), -EALREADY);
	CHECK(!rondo_future_cancel(&future));
	CHECK_EQUAL(rondo_future_state(&future), RONDO_DONE);
	CHECK_EQUAL(rondo_future_result(&future), 7);
	rondo_future_init(&future);
	CHECK_EQUAL(rondo_future_set_error(&future, -EIO), 0);
	CHECK_EQUAL(rondo_future_state(&future), RONDO_FAILED);
	CHECK_EQUAL(rondo_future_await(&future), -EIO);
	rondo_future_init(&future);
	CHECK(rondo_future_cancel(&future));
	CHECK_EQUAL(rondo_future_state(&future), RONDO_CANCELLED);
	CHECK_EQUAL(rondo_future_await(&future), -ECANCELED);
	CHECK_EQUAL(rondo_cancelling(rondo_current_task()), 0);
	return 0;
}

/* T16: InvalidStateError is -EALREADY. */
static void test_a_future_is_settled_once(void **state)
{
	(void)state;
	assert_run(settle_main, NULL, 0);
}

static int done_main(void *arg)
{
	uint64_t n_turns;

	(void)arg;
	rondo_future_init(&future);
	CHECK_EQUAL(rondo_future_set_result(&future, 3), 0);
	n_turns = rondo__loop->n_turns;
	CHECK_EQUAL(rondo_future_await(&future), 3);
	CHECK_EQUAL(rondo_future_shield(&future), 3);
	CHECK_EQUAL(rondo__loop->n_turns, n_turns);
	return 0;
}

/* p04. */
static void test_awaiting_a_settled_future_takes_no_turn(void **state)
{
	(void)state;
	assert_run(done_main, NULL, 0);
}

/* --- order --------------------------------------------------------------------------------- */

static int order_main(void *arg)
{
	struct rondo_done_callback one, two, late;
	rondo_task *a, *b;
	uint64_t n_turns;

	(void)arg;
	rondo_future_init(&future);
	a = rondo_create_task(awaits, word("A"));
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_future_add_done_callback(&future, &one, says, word("cb1")), 0);
	b = rondo_create_task(awaits, word("B"));
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_future_add_done_callback(&future, &two, says, word("cb2")), 0);
	CHECK_EQUAL(rondo_future_set_result(&future, 1), 0);
	CHECK_EQUAL(rondo_future_add_done_callback(&future, &late, says, word("late")), 0);
	note("set");
	n_turns = rondo__loop->n_turns;
	CHECK_EQUAL(rondo_yield(), 0);
	note("main");
	CHECK_EQUAL(rondo__loop->n_turns, n_turns + 1);
	return RONDO_GATHER(a, b);
}

/* p03, T15: waiters and callbacks in order of registration, all in the next turn, also a late
 * one. */
static void test_waiters_and_callbacks_have_their_turn_in_order(void **state)
{
	(void)state;
	assert_run(order_main, NULL, 0);
	assert_log("set A:1 cb1 B:1 cb2 late main");
}

static int gone_main(void *arg)
{
	rondo_task *a;

	(void)arg;
	rondo_future_init(&future);
	a = rondo_create_task(awaits, word("A"));
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_future_set_result(&future, 5), 0);
	memset(&future, 0xee, sizeof(future));
	return rondo_await(a);
}

static void test_a_future_may_be_gone_once_it_is_settled(void **state)
{
	(void)state;
	assert_run(gone_main, NULL, 5);
	assert_log("A:5");
}

/* --- cancelling ---------------------------------------------------------------------------- */

static int cancel_main(void *arg)
{
	rondo_task *a, *b;

	(void)arg;
	rondo_future_init(&future);
	a = rondo_create_task(awaits, word("A"));
	b = rondo_create_task(awaits, word("B"));
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(rondo_cancel_with(a, "enough"));
	CHECK_EQUAL(rondo_future_state(&future), RONDO_CANCELLED);
	CHECK_EQUAL(rondo_future_set_result(&future, 1), -EALREADY);
	CHECK_EQUAL(rondo_await(rondo_task_ref(a)), -ECANCELED);
	CHECK_EQUAL(rondo_await(rondo_task_ref(b)), -ECANCELED);
	CHECK_EQUAL(rondo_cancelling(a), 1);
	CHECK_EQUAL(rondo_cancelling(b), 0);
	CHECK(!strcmp(rondo_cancel_message(b), "enough"));
	rondo_detach(a);
	rondo_detach(b);
	return 0;
}

/* p11, T7, T14: the producer finds it settled; who else waits is woken with the message. */
static void test_cancelling_a_waiter_cancels_the_future(void **state)
{
	(void)state;
	assert_run(cancel_main, NULL, 0);
	assert_log("A:-125 B:-125");
}

static int late_main(void *arg)
{
	rondo_task *a;

	(void)arg;
	rondo_future_init(&future);
	a = rondo_create_task(awaits, word("A"));
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_future_set_result(&future, 1), 0);
	CHECK(rondo_cancel(a));
	CHECK_EQUAL(rondo_await(a), -ECANCELED);
	CHECK_EQUAL(rondo_future_result(&future), 1);
	return 0;
}

/* p10, T6: the cancel wins, and the value stays where it is. */
static void test_a_cancel_beats_a_result_not_yet_picked_up(void **state)
{
	(void)state;
	assert_run(late_main, NULL, 0);
	assert_log("A:-125");
}

static int pending_main(void *arg)
{
	rondo_task *b;

	rondo_future_init(&future);
	b = rondo_create_task(awaits, word("B"));
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(rondo_cancel(rondo_current_task()));
	CHECK_EQUAL(arg ? rondo_future_shield(&future) : rondo_future_await(&future), -ECANCELED);
	CHECK_EQUAL(rondo_future_state(&future), arg ? RONDO_PENDING : RONDO_CANCELLED);
	CHECK_EQUAL(rondo_uncancel(rondo_current_task()), 0);
	if (arg)
		CHECK_EQUAL(rondo_future_set_result(&future, 2), 0);
	CHECK_EQUAL(rondo_await(b), arg ? 2 : -ECANCELED);
	return 0;
}

/* T11. */
static void test_a_pending_cancel_goes_to_the_future(void **state)
{
	(void)state;
	assert_run(pending_main, NULL, 0);
	assert_run(pending_main, word("shield"), 0);
}

static int shield_main(void *arg)
{
	rondo_task *a, *b;

	(void)arg;
	rondo_future_init(&future);
	a = rondo_create_task(shields, word("A"));
	b = rondo_create_task(shields, word("B"));
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(rondo_cancel(a));
	CHECK_EQUAL(rondo_await(a), -ECANCELED);
	CHECK_EQUAL(rondo_future_set_result(&future, 4), 0);
	return rondo_await(b);
}

static void test_cancelling_one_who_shields_a_future_leaves_it_to_the_others(void **state)
{
	(void)state;
	assert_run(shield_main, NULL, 4);
	assert_log("A:-125 B:4");
}

/* --- every awaitable ----------------------------------------------------------------------- */

/* A cancelled future stays cancelled: each call begins with a new one. */
static int await_fresh(void *arg)
{
	(void)arg;
	rondo_future_init(&future);
	return rondo_future_await(&future);
}

static int settle(void *arg)
{
	(void)arg;
	rondo_future_set_result(&future, 6);
	return 0;
}

static void test_awaiting_a_future_fits_the_matrix(void **state)
{
	const struct matrix_verb v = { .start = await_fresh, .finish = settle, .result = 6,
				       .once = true };

	(void)state;
	matrix_check("rondo_future_await", &v);
}

static int shield_fresh(void *arg)
{
	(void)arg;
	rondo_future_init(&future);
	return rondo_future_shield(&future);
}

static void test_shielding_a_future_fits_the_matrix(void **state)
{
	const struct matrix_verb v = { .start = shield_fresh, .finish = settle, .result = 6,
				       .once = true };

	(void)state;
	matrix_check("rondo_future_shield", &v);
}

/* --- deadlocks, threads -------------------------------------------------------------------- */

static void keep_report(const struct rondo_report *r, void *arg)
{
	(void)arg;
	note("[%s]", r->message);
}

static int never_main(void *arg)
{
	(void)arg;
	rondo_future_init(&future);
	return rondo_future_await(&future);
}

static void test_a_future_nobody_will_settle_is_a_deadlock_by_name(void **state)
{
	const struct rondo_options o = { .on_error = keep_report };

	(void)state;
	assert_run_on(&rondo__kernel_linux, &o, never_main, NULL, -EDEADLK);
	assert_log("[deadlock: waits for future]");
}

static rondo_loop *loop;
static int thread_results[2];

static void *settles_from_outside(void *arg)
{
	(void)arg;
	thread_results[0] = rondo_future_set_threadsafe(loop, &future, 9);
	thread_results[1] = rondo_future_set_threadsafe(loop, &future, 10);
	return NULL;
}

static int thread_main(void *arg)
{
	pthread_t thread;
	int ret;

	(void)arg;
	rondo_future_init(&future);
	loop = rondo_loop_current();
	CHECK_EQUAL(pthread_create(&thread, NULL, settles_from_outside, NULL), 0);
	ret = rondo_future_await(&future);
	pthread_join(thread, NULL);
	CHECK_EQUAL(thread_results[0], 0);
	CHECK_EQUAL(thread_results[1], -EALREADY);
	return ret;
}

static void test_another_thread_settles_a_future_once(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	assert_run(thread_main, NULL, 9);
}

static int foreign_main(void *arg)
{
	struct rondo_done_callback cb;

	(void)arg;
	CHECK_EQUAL(rondo_future_set_result(&future, 1), -RONDO_EWRONGLOOP);
	CHECK_EQUAL(rondo_future_await(&future), -RONDO_EWRONGLOOP);
	CHECK_EQUAL(rondo_future_add_done_callback(&future, &cb, says, NULL), -RONDO_EWRONGLOOP);
	CHECK(!rondo_future_cancel(&future));
	return 0;
}

static void *runs_a_loop(void *arg)
{
	thread_results[0] = rondo_run(foreign_main, arg);
	return NULL;
}

static int wrong_loop_main(void *arg)
{
	pthread_t thread;

	rondo_future_init(&future);
	thread_results[0] = -1;
	CHECK_EQUAL(pthread_create(&thread, NULL, runs_a_loop, arg), 0);
	pthread_join(thread, NULL);
	CHECK_EQUAL(thread_results[0], 0);
	CHECK_EQUAL(rondo_future_state(&future), RONDO_PENDING);
	return 0;
}

/* R8. */
static void test_a_future_of_another_loop_is_refused(void **state)
{
	(void)state;
	assert_run(wrong_loop_main, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_future_is_settled_once),
		cmocka_unit_test(test_awaiting_a_settled_future_takes_no_turn),
		cmocka_unit_test(test_waiters_and_callbacks_have_their_turn_in_order),
		cmocka_unit_test(test_a_future_may_be_gone_once_it_is_settled),
		cmocka_unit_test(test_cancelling_a_waiter_cancels_the_future),
		cmocka_unit_test(test_a_cancel_beats_a_result_not_yet_picked_up),
		cmocka_unit_test(test_a_pending_cancel_goes_to_the_future),
		cmocka_unit_test(test_cancelling_one_who_shields_a_future_leaves_it_to_the_others),
		cmocka_unit_test(test_awaiting_a_future_fits_the_matrix),
		cmocka_unit_test(test_shielding_a_future_fits_the_matrix),
		cmocka_unit_test(test_a_future_nobody_will_settle_is_a_deadlock_by_name),
		cmocka_unit_test(test_another_thread_settles_a_future_once),
		cmocka_unit_test(test_a_future_of_another_loop_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
