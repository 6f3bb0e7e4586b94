/* SPDX-License-Identifier: MIT */
/* test_cancel.c - goal: a cancel is counted, delivered once, forwarded to what the task waits
 * for, and loses to nothing but success. Method: each probe of asyncio's ordering oracle
 * (p07...) as a program whose events are logged; the row numbers are the parity table's. Then
 * what Python cannot do: chains of a hundred thousand awaits, circles, and resources that a
 * cancel must not lose. */
#include "support/step.h"

#include <sys/socket.h>

/* --- counting and delivery ---------------------------------------------------------------- */

static unsigned n_bodies;

static int counts_body(void *arg)
{
	(void)arg;
	n_bodies++;
	return 0;
}

static int before_start_main(void *arg)
{
	rondo_task *t = rondo_create_task(counts_body, NULL);

	(void)arg;
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_task_state(t), RONDO_PENDING);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_task_state(t), RONDO_CANCELLED);
	CHECK_EQUAL(rondo_cancelling(t), 1);
	CHECK(!rondo_cancel(t));
	CHECK_EQUAL(rondo_cancelling(t), 1);		/* T12: and the count survives the end */
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	CHECK_EQUAL(n_bodies, 0);
	return 0;
}

/* p07, T5, T3. */
static void test_a_task_cancelled_before_its_first_step_never_runs(void **state)
{
	(void)state;
	n_bodies = 0;
	assert_run(before_start_main, NULL, 0);
}

/* Sleep n times, whatever happens, and say what each sleep said. */
static int sleeps_through(void *arg)
{
	for (intptr_t i = 0; i < (intptr_t)arg; i++)
		note("%s", rondo_sleep(i ? 0.0005 : 1e9) == -ECANCELED ? "cancelled" : "slept");
	return (int)rondo_cancelling(rondo_current_task());
}

static int same_turn_main(void *arg)
{
	rondo_task *t = rondo_create_task(sleeps_through, (void *)3);

	(void)arg;
	CHECK_EQUAL(yield_times(1), 0);
	for (int i = 0; i < 3; i++)
		CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), 3);
	return 0;
}

/* p08, T4; and p16: who swallows it, goes on. */
static void test_three_cancels_in_one_turn_are_counted_but_delivered_once(void **state)
{
	(void)state;
	assert_run(same_turn_main, NULL, 0);
	assert_log("cancelled slept slept");
}

static int sleeps_for_ever_twice(void *arg)
{
	(void)arg;
	note("%s", rondo_sleep(1e9) == -ECANCELED ? "cancelled" : "slept");
	note("%s", rondo_sleep(1e9) == -ECANCELED ? "cancelled" : "slept");
	note("%u", rondo_cancelling(rondo_current_task()));
	return rondo_sleep(0.0005);
}

static int two_turns_main(void *arg)
{
	rondo_task *t = rondo_create_task(sleeps_for_ever_twice, NULL);

	(void)arg;
	CHECK_EQUAL(yield_times(1), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(yield_times(1), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), 0);
	return 0;
}

/* p09, T4. */
static void test_cancels_in_two_turns_are_delivered_twice(void **state)
{
	(void)state;
	assert_run(two_turns_main, NULL, 0);
	assert_log("cancelled cancelled 2");
}

static int notes_then_yields(void *arg)
{
	note("%s", (const char *)arg);
	int ret = rondo_yield();

	note("%s-%s", (const char *)arg, ret == -ECANCELED ? "cancelled" : "yielded");
	return ret;
}

static int never_at_once_main(void *arg)
{
	rondo_task *a = rondo_create_task(notes_then_yields, word("a"));
	rondo_task *b = rondo_create_task(notes_then_yields, word("b"));

	(void)arg;
	CHECK_EQUAL(yield_times(1), 0);
	CHECK(rondo_cancel(a));
	note("main");
	CHECK_EQUAL(rondo_await(a), -ECANCELED);
	CHECK_EQUAL(rondo_await(b), 0);
	return 0;
}

/* T3: delivery is never synchronous, and costs the task neither its turn nor anybody else's. */
static void test_a_cancel_is_delivered_in_turn(void **state)
{
	(void)state;
	assert_run(never_at_once_main, NULL, 0);
	assert_log("a b main a-cancelled b-yielded");
}

/* --- cancelling oneself ------------------------------------------------------------------- */

static int cancels_itself_and_returns(void *arg)
{
	CHECK(rondo_cancel(rondo_current_task()));
	return (int)(intptr_t)arg;
}

static int cancels_itself_and_awaits(void *arg)
{
	(void)arg;
	CHECK(rondo_cancel(rondo_current_task()));
	CHECK_EQUAL(rondo_yield(), -ECANCELED);
	CHECK_EQUAL(rondo_yield(), 0);
	return 6;
}

static int self_main(void *arg)
{
	rondo_task *t = rondo_create_task(cancels_itself_and_returns, (void *)5);

	(void)arg;
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_task_state(t), RONDO_CANCELLED);
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	t = rondo_create_task(cancels_itself_and_returns, (void *)(intptr_t)-EIO);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_task_state(t), RONDO_FAILED);
	CHECK_EQUAL(rondo_await(t), -EIO);
	CHECK_EQUAL(rondo_await(rondo_create_task(cancels_itself_and_awaits, NULL)), 6);
	return 0;
}

/* p12, T8: at the next await; returning instead is being cancelled; an error stays an error. */
static void test_a_task_that_cancels_itself_and_returns_is_cancelled(void **state)
{
	(void)state;
	assert_run(self_main, NULL, 0);
}

/* --- counting back ------------------------------------------------------------------------ */

static int returns_42_after_a_yield(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_yield(), 0);
	return 42;
}

static int uncancel_main(void *arg)
{
	rondo_task *t = rondo_create_task(returns_42_after_a_yield, NULL);

	(void)arg;
	CHECK_EQUAL(rondo_uncancel(t), 0);		/* not below zero */
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(rondo_cancel(t));				/* it yields: not delivered yet */
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_uncancel(t), 1);
	CHECK_EQUAL(rondo_uncancel(t), 0);
	CHECK_EQUAL(rondo_cancelling(t), 0);
	CHECK_EQUAL(rondo_await(t), 42);
	return 0;
}

/* p47 (3.13), T12. */
static void test_a_request_taken_back_before_delivery_is_forgotten(void **state)
{
	(void)state;
	assert_run(uncancel_main, NULL, 0);
}

static int uncancel_one_main(void *arg)
{
	rondo_task *t = rondo_create_task(returns_42_after_a_yield, NULL);

	(void)arg;
	rondo_cancel(t);
	rondo_cancel(t);
	CHECK_EQUAL(rondo_uncancel(t), 1);
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	return 0;
}

static void test_one_of_two_requests_taken_back_leaves_a_cancel(void **state)
{
	(void)state;
	assert_run(uncancel_one_main, NULL, 0);
}

/* --- through awaits ----------------------------------------------------------------------- */

static int cleans_up(void *arg)
{
	int ret = rondo_sleep(1e9);

	(void)arg;
	note("inner-%s", ret == -ECANCELED ? "cancel" : "slept");
	CHECK_EQUAL(rondo_sleep(0.001), 0);
	note("inner-end");
	return ret;
}

static rondo_task *inner;

static int awaits_inner(void *arg)
{
	int ret = rondo_await(inner);

	(void)arg;
	note("outer-%d", ret == -ECANCELED ? 0 : ret);
	return ret;
}

static int forwards_main(void *arg)
{
	rondo_task *outer;

	(void)arg;
	inner = rondo_create_task(cleans_up, NULL);
	outer = rondo_create_task(awaits_inner, NULL);
	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(outer));
	note("cancel");
	CHECK_EQUAL(rondo_cancelling(inner), 1);
	CHECK_EQUAL(rondo_cancelling(outer), 1);
	CHECK_EQUAL(rondo_await(outer), -ECANCELED);
	return 0;
}

/* p14, T10. */
static void test_a_cancel_goes_to_the_awaited_task_whose_cleanup_is_waited_for(void **state)
{
	(void)state;
	assert_run(forwards_main, NULL, 0);
	assert_log("cancel inner-cancel inner-end outer-0");
}

static int swallows(void *arg)
{
	CHECK_EQUAL(rondo_sleep(1e9), -ECANCELED);
	return (int)(intptr_t)arg;
}

static int swallowed_main(void *arg)
{
	rondo_task *outer;

	(void)arg;
	inner = rondo_create_task(swallows, (void *)9);
	outer = rondo_create_task(awaits_inner, NULL);
	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(outer));
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(rondo_task_state(outer), RONDO_DONE);
	CHECK_EQUAL(rondo_cancelling(outer), 1);
	CHECK_EQUAL(rondo_await(outer), 9);
	return 0;
}

/* p15, T10: the awaited task decides. */
static void test_an_awaited_task_that_swallows_the_cancel_gives_its_value(void **state)
{
	(void)state;
	assert_run(swallowed_main, NULL, 0);
	assert_log("outer-9");
}

static int awaits_with_a_cancel_pending(void *arg)
{
	(void)arg;
	CHECK(rondo_cancel(rondo_current_task()));
	inner = rondo_create_task(cleans_up, NULL);
	CHECK_EQUAL(rondo_await(inner), -ECANCELED);
	CHECK_EQUAL(rondo_yield(), 0);			/* delivered once */
	note("outer");
	return 0;
}

/* T11: the task newly awaited is cancelled at once; it never runs. */
static void test_a_pending_cancel_goes_to_the_task_that_is_awaited_next(void **state)
{
	(void)state;
	assert_run(awaits_with_a_cancel_pending, NULL, 0);
	assert_log("outer");
}

static int returns(void *arg)
{
	return (int)(intptr_t)arg;
}

static int late_main(void *arg)
{
	rondo_task *outer;

	(void)arg;
	inner = rondo_create_task(returns_42_after_a_yield, NULL);
	outer = rondo_create_task(awaits_inner, NULL);
	rondo_task_ref(inner);
	CHECK_EQUAL(yield_times(2), 0);
	/* Inner is done; outer is ready, but has not run. */
	CHECK_EQUAL(rondo_task_state(inner), RONDO_DONE);
	CHECK_EQUAL(rondo_task_state(outer), RONDO_PENDING);
	CHECK(rondo_cancel(outer));
	CHECK_EQUAL(rondo_await(outer), -ECANCELED);
	CHECK_EQUAL(rondo_await(inner), 42);		/* the value stays where it is */
	return 0;
}

/* p10, T6: a wait whose value persists loses to the cancel. */
static void test_a_cancel_beats_a_result_that_was_not_picked_up_yet(void **state)
{
	(void)state;
	assert_run(late_main, NULL, 0);
	assert_log("outer-0");
}

static int only_main(void *arg)
{
	rondo_task *t = rondo_create_task(swallows, (void *)1), *outer;

	(void)arg;
	inner = t;
	outer = rondo_create_task(awaits_inner, NULL);
	rondo_task_ref(t);
	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(t));				/* the inner one only */
	CHECK_EQUAL(rondo_await(outer), 1);
	CHECK_EQUAL(rondo_cancelling(outer), 0);
	rondo_detach(t);
	return 0;
}

static void test_cancelling_the_awaited_task_does_not_count_for_who_awaits(void **state)
{
	(void)state;
	assert_run(only_main, NULL, 0);
	step_log[0] = '\0';
}

/* --- chains and circles ------------------------------------------------------------------- */

static int awaits_arg(void *arg)
{
	return rondo_await(arg);
}

static rondo_task *create_chain(size_t n, rondo_fn *last, rondo_task **tail)
{
	rondo_task *t = *tail = rondo_create_task(last, NULL);

	for (size_t i = 1; t && i < n; i++)
		t = rondo_create_task(awaits_arg, t);
	return t;
}

static int sleeps_for_ever(void *arg)
{
	(void)arg;
	return rondo_sleep(1e9);
}

static int chain_main(void *arg)
{
	size_t n = *(size_t *)arg;
	rondo_task *tail, *head = create_chain(n, sleeps_for_ever, &tail);

	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(head));
	CHECK_EQUAL(rondo_cancelling(tail), 1);
	CHECK_EQUAL(rondo_await(head), -ECANCELED);
	CHECK_EQUAL(rondo__loop->n_live, 1);
	return 0;
}

/* T10 where Python ends with a RecursionError. */
static void test_a_cancel_runs_down_a_chain_of_a_hundred_thousand_awaits(void **state)
{
	size_t n = STEP_SIZE(100000, 5000);

	(void)state;
	assert_run(chain_main, &n, 0);
}

static int leaves_chain_main(void *arg)
{
	rondo_task *tail;

	rondo_detach(create_chain(*(size_t *)arg, sleeps_for_ever, &tail));
	return yield_times(2);
}

static uint64_t cpu_ns_of_leaving_a_chain(size_t n)
{
	uint64_t start = rondo__kernel_linux.now(&rondo__kernel_linux, CLOCK_PROCESS_CPUTIME_ID);

	assert_run(leaves_chain_main, &n, 0);
	return rondo__kernel_linux.now(&rondo__kernel_linux, CLOCK_PROCESS_CPUTIME_ID) - start;
}

/* The end of the run cancels every task of the chain, and each request goes down to the chain's
 * end: that must not cost the square of its length. The bound is loose; the square was beyond
 * it. */
static void test_shutting_down_a_long_chain_takes_time_in_proportion(void **state)
{
	size_t n = STEP_SIZE(4000, 500);
	uint64_t few = cpu_ns_of_leaving_a_chain(n), many = cpu_ns_of_leaving_a_chain(10 * n);

	(void)state;
	if (many > 40 * few + 1000000000)
		print_error("%llu ns, then %llu ns\n", (unsigned long long)few,
			    (unsigned long long)many);
	assert_true(many <= 40 * few + 1000000000);
}

static int gathers_arg(void *arg)
{
	rondo_task *t = arg;

	return rondo_gather(1, &t, NULL, 0);
}

static int gather_chain_main(void *arg)
{
	size_t n = *(size_t *)arg;
	rondo_task *t = rondo_create_task(sleeps_for_ever, NULL);

	for (size_t i = 1; i < n; i++)
		t = rondo_create_task(gathers_arg, t);
	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	return 0;
}

static int gather_chain_child(void)
{
	size_t n = STEP_SIZE(20000, 3000);

	return rondo_run(gather_chain_main, &n);
}

/* The same through gathers, which have many targets: the canceller's stack must not grow with
 * it. */
static void test_a_cancel_runs_down_a_chain_of_gathers(void **state)
{
	(void)state;
	assert_child_succeeds(gather_chain_child);
}

/* --- what a cancel must not lose ---------------------------------------------------------- */

/* These read sockets: what came through a pipe may be read by a worker, some time later (KN-42). */

static int reads(void *arg)
{
	char c;
	int ret = read_op(*(int *)arg, &c, 1);

	return ret == 1 ? c : ret;
}

static int delivered_main(void *arg)
{
	int fds[2];
	rondo_task *t;

	(void)arg;
	CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	for (int woken = 0; woken < 2; woken++) {
		t = rondo_create_task(reads, &fds[0]);
		CHECK_EQUAL(yield_times(2), 0);
		CHECK_EQUAL(write(fds[1], "x", 1), 1);
		let_kernel_complete();
		if (woken)
			CHECK_EQUAL(yield_times(1), 0);
		CHECK(rondo_cancel(t));
		CHECK_EQUAL(rondo_await(t), 'x');
	}
	close(fds[0]);
	close(fds[1]);
	return 0;
}

/* D1, better than asyncio: bytes read, or a descriptor opened, by a task's last await are its
 * result although a cancel came too late. T8 is about requests made while the task runs. */
static void test_what_the_last_op_of_a_task_got_survives_a_late_cancel(void **state)
{
	(void)state;
	assert_run(delivered_main, NULL, 0);
}

static int awaits_reader_then_yields(void *arg)
{
	CHECK_EQUAL(rondo_await(rondo_create_task(reads, arg)), 'x');
	note("got");
	note("%s", rondo_yield() == -ECANCELED ? "cancelled" : "yielded");
	return 0;
}

static int passed_up_main(void *arg)
{
	int fds[2];
	rondo_task *t;

	(void)arg;
	CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	t = rondo_create_task(awaits_reader_then_yields, &fds[0]);
	CHECK_EQUAL(yield_times(3), 0);
	CHECK_EQUAL(write(fds[1], "x", 1), 1);
	let_kernel_complete();
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), 0);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

/* And the request itself is not lost with it: who was cancelled gets it at the next await. */
static void test_a_cancel_beaten_in_an_awaited_task_stays_with_who_awaits(void **state)
{
	(void)state;
	assert_run(passed_up_main, NULL, 0);
	assert_log("got cancelled");
}

static int awaited_only_main(void *arg)
{
	int fds[2];
	rondo_task *t, *outer;

	(void)arg;
	CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	t = inner = rondo_create_task(reads, &fds[0]);
	rondo_task_ref(t);
	outer = rondo_create_task(awaits_inner, NULL);
	CHECK_EQUAL(yield_times(3), 0);
	CHECK_EQUAL(write(fds[1], "x", 1), 1);
	let_kernel_complete();
	CHECK(rondo_cancel(t));				/* not who awaits it */
	CHECK_EQUAL(rondo_await(outer), 'x');
	CHECK_EQUAL(rondo_cancelling(outer), 0);
	rondo_detach(t);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static void test_a_cancel_beaten_in_an_awaited_task_alone_stays_there(void **state)
{
	(void)state;
	assert_run(awaited_only_main, NULL, 0);
}

static int done_main(void *arg)
{
	rondo_task *t = rondo_create_task(returns, (void *)1);

	(void)arg;
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(!rondo_cancel(t));
	CHECK_EQUAL(rondo_task_state(t), RONDO_DONE);
	CHECK_EQUAL(rondo_await(t), 1);
	return 0;
}

static void test_a_finished_task_cannot_be_cancelled(void **state)
{
	(void)state;
	assert_run(done_main, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_task_cancelled_before_its_first_step_never_runs),
		cmocka_unit_test(test_three_cancels_in_one_turn_are_counted_but_delivered_once),
		cmocka_unit_test(test_cancels_in_two_turns_are_delivered_twice),
		cmocka_unit_test(test_a_cancel_is_delivered_in_turn),
		cmocka_unit_test(test_a_task_that_cancels_itself_and_returns_is_cancelled),
		cmocka_unit_test(test_a_request_taken_back_before_delivery_is_forgotten),
		cmocka_unit_test(test_one_of_two_requests_taken_back_leaves_a_cancel),
		cmocka_unit_test(test_a_cancel_goes_to_the_awaited_task_whose_cleanup_is_waited_for),
		cmocka_unit_test(test_an_awaited_task_that_swallows_the_cancel_gives_its_value),
		cmocka_unit_test(test_a_pending_cancel_goes_to_the_task_that_is_awaited_next),
		cmocka_unit_test(test_a_cancel_beats_a_result_that_was_not_picked_up_yet),
		cmocka_unit_test(test_cancelling_the_awaited_task_does_not_count_for_who_awaits),
		cmocka_unit_test(test_a_cancel_runs_down_a_chain_of_a_hundred_thousand_awaits),
		cmocka_unit_test(test_shutting_down_a_long_chain_takes_time_in_proportion),
		cmocka_unit_test(test_a_cancel_runs_down_a_chain_of_gathers),
		cmocka_unit_test(test_what_the_last_op_of_a_task_got_survives_a_late_cancel),
		cmocka_unit_test(test_a_cancel_beaten_in_an_awaited_task_stays_with_who_awaits),
		cmocka_unit_test(test_a_cancel_beaten_in_an_awaited_task_alone_stays_there),
		cmocka_unit_test(test_a_finished_task_cannot_be_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
