/* SPDX-License-Identifier: MIT */
/* test_deadlock.c - goal: when nothing can ever become ready again, rondo_run() says who waits
 * for what and ends with -EDEADLK; and it never says so while anything might still happen.
 * Method: circles of awaits and gathers, waits without a waker, tasks that will not die; each in
 * a child that is killed if it hangs. */
#include <math.h>

#include "rondo/runner.h"
#include "support/step.h"

static char reports[2048];

static void collect(const struct rondo_report *r, void *arg)
{
	size_t n = strlen(reports);

	(void)arg;
	snprintf(reports + n, sizeof(reports) - n, "%s: %s: %d\n", r->task ? r->task : "-",
		 r->message, r->error);
}

static int run_collecting(rondo_fn *main, void *arg)
{
	const struct rondo_options o = { .on_error = collect };

	reports[0] = '\0';
	return rondo_run_with(&o, main, arg);
}

static const struct wait_class event_class = { .name = "an event", .cancel = wait_cancel_now };

static int waits_for_nothing(void *arg)
{
	struct wait w = { .class = &event_class, .task = rondo__self() };

	(void)arg;
	rondo__park(&w);
	return rondo__wait_result(&w, 0);
}

/* --- circles ------------------------------------------------------------------------------ */

static rondo_task *circle[4];

static int awaits_slot(void *arg)
{
	rondo_task **slot = arg;

	return rondo_await(*slot);
}

static int circle_main(void *arg)
{
	intptr_t n = (intptr_t)arg;

	for (intptr_t i = 0; i < n; i++) {
		circle[i] = rondo_create_task(awaits_slot, &circle[(i + 1) % n]);
		rondo_task_set_name(circle[i], (char[]){ (char)('a' + i), 0 });
	}
	rondo_task_set_name(rondo_current_task(), "main");
	return rondo_await(rondo_task_ref(circle[0]));
}

static int circle_of_two(void)
{
	CHILD_CHECK(run_collecting(circle_main, (void *)2) == -EDEADLK);
	CHILD_CHECK(strstr(reports, "main: deadlock: waits for task 'a': -35\n"));
	CHILD_CHECK(strstr(reports, "a: deadlock: waits for task 'b': -35\n"));
	CHILD_CHECK(strstr(reports, "b: deadlock: waits for task 'a': -35\n"));
	CHILD_CHECK(!rondo_current_task());
	return 0;
}

static int circle_of_four(void)
{
	CHILD_CHECK(run_collecting(circle_main, (void *)4) == -EDEADLK);
	CHILD_CHECK(strstr(reports, "d: deadlock: waits for task 'a': -35\n"));
	CHILD_CHECK(run_collecting(circle_main, (void *)3) == -EDEADLK);	/* and again */
	return 0;
}

/* I4, K23. */
static void test_tasks_that_await_each_other_are_reported_and_ended(void **state)
{
	(void)state;
	assert_child_succeeds(circle_of_two);
	assert_child_succeeds(circle_of_four);
}

static int gathers_slot(void *arg)
{
	return rondo_gather(1, arg, NULL, RONDO_GATHER_KEEP);
}

static int gather_circle_main(void *arg)
{
	(void)arg;
	circle[0] = rondo_create_task(gathers_slot, &circle[1]);
	circle[1] = rondo_create_task(awaits_slot, &circle[2]);
	circle[2] = rondo_create_task(gathers_slot, &circle[0]);
	return rondo_gather(3, circle, NULL, 0);
}

static int circle_of_gathers(void)
{
	CHILD_CHECK(run_collecting(gather_circle_main, NULL) == -EDEADLK);
	CHILD_CHECK(strstr(reports, "Task-2: deadlock: waits for 1 of 1 gathered tasks"));
	CHILD_CHECK(strstr(reports, "Task-1: deadlock: waits for 3 of 3 gathered tasks"));
	return 0;
}

static void test_tasks_that_gather_each_other_are_reported_and_ended(void **state)
{
	(void)state;
	assert_child_succeeds(circle_of_gathers);
}

static int gathers_itself_main(void *arg)
{
	rondo_task *self = rondo_current_task(), *tasks[] = { NULL, self };

	(void)arg;
	tasks[0] = rondo_create_task(waits_for_nothing, NULL);
	rondo_gather(2, tasks, NULL, RONDO_GATHER_KEEP);
	note("ended");
	return 0;
}

static int gathers_itself(void)
{
	int ret = run_collecting(gathers_itself_main, NULL);

	CHILD_CHECK(ret == -EDEADLK || ret == 0);
	CHILD_CHECK(strcmp(step_log, "ended") == 0);
	return 0;
}

static void test_a_task_that_gathers_itself_does_not_hang(void **state)
{
	(void)state;
	assert_child_succeeds(gathers_itself);
}

static int cancelled_circle_main(void *arg)
{
	rondo_task *outer;

	(void)arg;
	circle[0] = rondo_create_task(awaits_slot, &circle[1]);
	circle[1] = rondo_create_task(awaits_slot, &circle[0]);
	outer = rondo_create_task(awaits_slot, (rondo_task *[]){ rondo_task_ref(circle[0]) });
	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(outer));
	CHECK_EQUAL(rondo_await(outer), -ECANCELED);
	CHECK_EQUAL(rondo__loop->n_live, 1);
	return 0;
}

static int cancelled_circle(void)
{
	CHILD_CHECK(run_collecting(cancelled_circle_main, NULL) == 0);
	CHILD_CHECK(!check_failure[0]);
	return 0;
}

/* A cancel that runs into a circle opens it. */
static void test_cancelling_who_awaits_a_circle_ends_the_circle(void **state)
{
	(void)state;
	assert_child_succeeds(cancelled_circle);
}

static int awaits_arg(void *arg)
{
	return rondo_await(arg);
}

static int long_circle_main(void *arg)
{
	size_t n = *(size_t *)arg;
	rondo_task *t;

	circle[0] = NULL;
	t = rondo_create_task(awaits_slot, &circle[0]);
	for (size_t i = 1; i < n; i++)
		t = rondo_create_task(awaits_arg, t);
	circle[0] = t;
	return rondo_await(rondo_task_ref(t));
}

static int long_circle(void)
{
	size_t n = STEP_SIZE(100000, 5000);

	CHILD_CHECK(rondo_run(long_circle_main, &n) == -EDEADLK);
	return 0;
}

static void test_a_circle_of_a_hundred_thousand_is_ended_in_time(void **state)
{
	(void)state;
	assert_child_succeeds(long_circle);
}

/* --- waits that nobody ends --------------------------------------------------------------- */

static int named_main(void *arg)
{
	const struct rondo_task_options o = { .name = "stuck" };

	(void)arg;
	return rondo_await(rondo_create_task_with(&o, waits_for_nothing, NULL));
}

static int stuck(void)
{
	CHILD_CHECK(run_collecting(named_main, NULL) == -EDEADLK);
	CHILD_CHECK(strstr(reports, "stuck: deadlock: waits for an event: -35\n"));
	CHILD_CHECK(strstr(reports, "Task-1: deadlock: waits for task 'stuck': -35\n"));
	return 0;
}

static void test_a_wait_without_a_waker_is_reported_by_name(void **state)
{
	(void)state;
	assert_child_succeeds(stuck);
}

static int cleans_up_main(void *arg)
{
	(void)arg;
	note("%d", waits_for_nothing(NULL));
	note("%d", rondo_sleep(0.001));
	return 12;
}

static int cleans_up(void)
{
	CHILD_CHECK(run_collecting(cleans_up_main, NULL) == -EDEADLK);
	CHILD_CHECK(strcmp(step_log, "-125 0") == 0);
	return 0;
}

/* Every task is cancelled, and may clean up; the result is -EDEADLK all the same. */
static void test_deadlocked_tasks_are_cancelled_and_clean_up(void **state)
{
	(void)state;
	assert_child_succeeds(cleans_up);
}

static int ignores_cancels(void *arg)
{
	while (waits_for_nothing(arg) == -ECANCELED)
		;
	return 0;
}

static int ignores(void)
{
	unsigned before = n_descriptors();

	CHILD_CHECK(run_collecting(ignores_cancels, NULL) == -EDEADLK);
	CHILD_CHECK(strstr(reports, "Task-1: deadlock: waits for an event"));
	CHILD_CHECK(strstr(reports, "abandoned"));
	CHILD_CHECK(n_descriptors() == before);
	CHILD_CHECK(rondo_run(waits_for_nothing, NULL) == -EDEADLK);
	return 0;
}

/* It cannot be ended, so it is left behind; the process goes on. */
/* What is left of such a loop cannot run. */
static int ignores_in_a_loop(void)
{
	const struct rondo_options o = { .on_error = collect };
	rondo_loop *loop;

	reports[0] = '\0';
	CHILD_CHECK(rondo_loop_new(&o, &loop) == 0);
	CHILD_CHECK(rondo_loop_run(loop, ignores_cancels, NULL) == -EDEADLK);
	CHILD_CHECK(rondo_loop_run(loop, awaits_slot, NULL) == -EDEADLK);
	CHILD_CHECK(rondo_loop_run_forever(loop) == -EDEADLK);
	CHILD_CHECK(rondo_loop_free(loop) <= 0);
	return 0;
}

static void test_a_loop_that_was_given_up_does_not_run_again(void **state)
{
	(void)state;
	assert_child_succeeds(ignores_in_a_loop);
}

static void test_a_task_that_ignores_its_cancellation_is_abandoned(void **state)
{
	(void)state;
	assert_child_succeeds(ignores);
}

static int leaves_ignorer_main(void *arg)
{
	rondo_detach(rondo_create_task(ignores_cancels, NULL));
	(void)arg;
	return rondo_yield() + 7;
}

static int leaves_ignorer(void)
{
	CHILD_CHECK(run_collecting(leaves_ignorer_main, NULL) == 7);
	CHILD_CHECK(strstr(reports, "Task-2: the task ignores its cancellation and was abandoned"));
	return 0;
}

static void test_a_task_left_behind_that_ignores_its_cancellation_is_abandoned(void **state)
{
	(void)state;
	assert_child_succeeds(leaves_ignorer);
}

/* --- what is no deadlock ------------------------------------------------------------------ */

static int reads_forever(void *arg)
{
	char c;

	return read_op(*(int *)arg, &c, 1);
}

static int with_op_main(void *arg)
{
	int fds[2];
	rondo_task *reader, *waiter;

	(void)arg;
	CHECK_EQUAL(pipe2(fds, O_CLOEXEC), 0);
	reader = rondo_create_task(reads_forever, &fds[0]);
	waiter = rondo_create_task(waits_for_nothing, NULL);
	CHECK_EQUAL(yield_times(3), 0);
	CHECK_EQUAL(write(fds[1], "x", 1), 1);
	CHECK_EQUAL(rondo_await(reader), 1);
	rondo_cancel(waiter);
	CHECK_EQUAL(rondo_await(waiter), -ECANCELED);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static int with_timer_main(void *arg)
{
	struct rondo_timeout limit;

	(void)arg;
	CHECK_EQUAL(rondo_timeout_begin(&limit, 0.003), 0);
	CHECK_EQUAL(rondo_timeout_end(&limit, waits_for_nothing(NULL)), -ETIMEDOUT);
	return 0;
}

static void test_a_pending_op_or_timer_is_no_deadlock(void **state)
{
	(void)state;
	for (enum rondo_timers t = RONDO_TIMERS_COALESCED; t <= RONDO_TIMERS_SQE; t++) {
		const struct rondo_options o = { .timers = t, .on_error = collect };

		reports[0] = '\0';
		assert_run_on(&rondo__kernel_linux, &o, with_op_main, NULL, 0);
		assert_run_on(&rondo__kernel_linux, &o, with_timer_main, NULL, 0);
		assert_string_equal(reports, "");
	}
}

static int ended_timer_main(void *arg)
{
	struct rondo_timeout limit;

	(void)arg;
	CHECK_EQUAL(rondo_timeout_begin(&limit, 3600), 0);
	CHECK_EQUAL(rondo_timeout_end(&limit, 0), 0);
	return waits_for_nothing(NULL);
}

static int ended_timer(void)
{
	CHILD_CHECK(run_collecting(ended_timer_main, NULL) == -EDEADLK);
	return 0;
}

/* The kernel's timeout is still set for the hour, but nobody would be woken by it. */
static void test_a_timer_that_was_taken_back_does_not_hide_a_deadlock(void **state)
{
	(void)state;
	assert_child_succeeds(ended_timer);
}

static int cancelled_op_main(void *arg)
{
	int fds[2];
	rondo_task *t;

	(void)arg;
	CHECK_EQUAL(pipe2(fds, O_CLOEXEC), 0);
	t = rondo_create_task(reads_forever, &fds[0]);
	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	close(fds[0]);
	close(fds[1]);
	return waits_for_nothing(NULL);
}

static int cancelled_op(void)
{
	CHILD_CHECK(run_collecting(cancelled_op_main, NULL) == -EDEADLK);
	return 0;
}

static void test_an_op_that_was_cancelled_does_not_hide_a_deadlock(void **state)
{
	(void)state;
	assert_child_succeeds(cancelled_op);
}

static int exposed_main(void *arg)
{
	rondo_loop *l = rondo_loop_current();

	(void)arg;
	if (!l)
		return 1;
	return waits_for_nothing(NULL);
}

static int leave_when_it_sleeps(struct step_kernel *k, unsigned to_submit, unsigned n_wait)
{
	(void)k, (void)to_submit;
	if (n_wait)
		_exit(reports[0] ? 1 : 0);
	return 0;
}

static int exposed(void)
{
	const struct rondo_options o = { .on_error = collect };
	struct step_kernel k;

	step_kernel_init(&k, false);
	k.before_enter = leave_when_it_sleeps;
	rondo__run_on(&k.kernel, &o, exposed_main, NULL);
	return 2;
}

/* Another thread may still call: then waiting for it is not a deadlock, whatever it looks like. */
static void test_a_loop_that_others_can_call_waits(void **state)
{
	(void)state;
	assert_child_succeeds(exposed);
}

static int waits_without_a_limit(void *arg)
{
	struct rondo_timeout limit;

	CHECK_EQUAL(rondo_timeout_begin(&limit, INFINITY), 0);
	CHECK(rondo_timeout_when(&limit) == UINT64_MAX);
	return rondo_timeout_end(&limit, rondo_wait_for(waits_for_nothing, arg, INFINITY));
}

static int limit_without_end(void)
{
	CHILD_CHECK(run_collecting(waits_without_a_limit, NULL) == -EDEADLK);
	CHILD_CHECK(strstr(reports, "deadlock: waits for an event"));
	return 0;
}

/* asyncio.timeout(None): a limit that never comes is no limit. */
static void test_a_time_limit_without_end_does_not_hide_a_deadlock(void **state)
{
	(void)state;
	assert_child_succeeds(limit_without_end);
}

/* --- while the loop ends ---------------------------------------------------------------------- */

static int is_deaf_once(void *arg)
{
	CHECK_EQUAL(waits_for_nothing(arg), -ECANCELED);
	CHECK_EQUAL(waits_for_nothing(arg), -ECANCELED);
	CHECK_EQUAL(rondo_sleep(0.001), 0);
	note("over");
	return 0;
}

static int leaves_a_deaf_task(void *arg)
{
	rondo_detach(rondo_create_task(is_deaf_once, arg));
	return rondo_yield() < 0 ? -1 : 7;
}

/* The main has its result; what waits for nothing after it is cancelled again, and has its cleanup. */
static void test_a_deadlock_after_main_is_broken(void **state)
{
	(void)state;
	step_log[0] = '\0';
	assert_int_equal(run_collecting(leaves_a_deaf_task, NULL), 7);
	assert_checks_passed();
	assert_log("over");
	assert_non_null(strstr(reports, "deadlock: waits for"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tasks_that_await_each_other_are_reported_and_ended),
		cmocka_unit_test(test_tasks_that_gather_each_other_are_reported_and_ended),
		cmocka_unit_test(test_a_task_that_gathers_itself_does_not_hang),
		cmocka_unit_test(test_cancelling_who_awaits_a_circle_ends_the_circle),
		cmocka_unit_test(test_a_circle_of_a_hundred_thousand_is_ended_in_time),
		cmocka_unit_test(test_a_wait_without_a_waker_is_reported_by_name),
		cmocka_unit_test(test_deadlocked_tasks_are_cancelled_and_clean_up),
		cmocka_unit_test(test_a_loop_that_was_given_up_does_not_run_again),
		cmocka_unit_test(test_a_task_that_ignores_its_cancellation_is_abandoned),
		cmocka_unit_test(test_a_task_left_behind_that_ignores_its_cancellation_is_abandoned),
		cmocka_unit_test(test_a_pending_op_or_timer_is_no_deadlock),
		cmocka_unit_test(test_a_timer_that_was_taken_back_does_not_hide_a_deadlock),
		cmocka_unit_test(test_a_time_limit_without_end_does_not_hide_a_deadlock),
		cmocka_unit_test(test_an_op_that_was_cancelled_does_not_hide_a_deadlock),
		cmocka_unit_test(test_a_loop_that_others_can_call_waits),
		cmocka_unit_test(test_a_deadlock_after_main_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
