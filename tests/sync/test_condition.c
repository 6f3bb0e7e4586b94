/* SPDX-License-Identifier: MIT */
/* test_condition.c - goal: a condition is asyncio 3.13's Condition: waiting always returns with the
 * lock taken, and no notification is lost to a task that is being cancelled. Method: rows S3 and S4
 * and probe p36 as orders of events, and the matrix. */
#include "support/matrix.h"
#include "support/step.h"

#include "rondo/sync.h"

static struct rondo_lock lock;
static struct rondo_condition condition = RONDO_CONDITION_INIT(&lock);
static struct rondo_condition other = RONDO_CONDITION_INIT(&lock);
static int flag;

/* Wait once: w<name>, or c<name> with what the lock is when the cancel arrives. */
static int waits(void *name)
{
	int ret;

	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	ret = rondo_condition_wait(&condition);
	if (ret == -ECANCELED)
		note("c%s(locked=%s)", (const char *)name,
		     rondo_lock_locked(&lock) ? "True" : "False");
	else
		note("w%s", (const char *)name);
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	return ret;
}

static rondo_task *start(const char *name)
{
	return rondo_create_task(waits, word(name));
}

static void run(rondo_fn *main)
{
	flag = 0;
	assert_run(main, NULL, 0);
	assert_false(rondo_lock_locked(&lock));
	assert_null(lock.waiters_.first_);
	assert_null(condition.waiters_.first_);
}

static int notify(size_t n)
{
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	CHECK_EQUAL(rondo_condition_notify(&condition, n), 0);
	return rondo_lock_release(&lock);
}

/* --- order -------------------------------------------------------------------------------- */

static int fifo_main(void *arg)
{
	rondo_task *tasks[5];

	(void)arg;
	for (int i = 0; i < 5; i++)
		tasks[i] = start((const char *[]){ "0", "1", "2", "3", "4" }[i]);
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(notify(0), 0);
	CHECK_EQUAL(turns(3), 0);
	note("one");
	CHECK_EQUAL(notify(1), 0);
	CHECK_EQUAL(turns(3), 0);
	note("two");
	CHECK_EQUAL(notify(2), 0);
	CHECK_EQUAL(turns(4), 0);
	note("all");
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	CHECK_EQUAL(rondo_condition_notify_all(&condition), 0);
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	return rondo_gather(5, tasks, NULL, 0);
}

/* S3: notify(n) and notify_all() are FIFO. */
static void test_notifications_go_to_those_who_wait_longest(void **state)
{
	(void)state;
	run(fifo_main);
	assert_log("one w0 two w1 w2 all w3 w4");
}

static int p36_main(void *arg)
{
	rondo_task *tasks[4] = { start("0"), start("1"), start("2"), start("3") };
	int results[4];

	(void)arg;
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	CHECK_EQUAL(rondo_condition_notify(&condition, 2), 0);
	CHECK(rondo_cancel(tasks[3]));
	CHECK_EQUAL(turns(2), 0);
	note("releasing");
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	CHECK_EQUAL(rondo_gather(4, tasks, results, RONDO_GATHER_ALL), 0);
	CHECK_EQUAL(results[2], 0);
	CHECK_EQUAL(results[3], -ECANCELED);
	return 0;
}

/* S3, p36: a cancelled wait takes the lock before it returns, and notifies somebody else (w2). */
static void test_a_cancelled_wait_takes_the_lock_and_notifies_another(void **state)
{
	(void)state;
	run(p36_main);
	assert_log("releasing w0 w1 c3(locked=True) w2");
}

static int lost_main(void *arg)
{
	rondo_task *a = start("a"), *b = start("b");

	(void)arg;
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(notify(1), 0);
	CHECK(rondo_cancel(a));			/* notified, but it did not run yet */
	CHECK_EQUAL(rondo_await(a), -ECANCELED);
	return rondo_await(b);
}

/* S3: 3.13's fix of the lost wake-up. */
static void test_a_notification_is_not_lost_to_a_cancelled_task(void **state)
{
	(void)state;
	run(lost_main);
	assert_log("ca(locked=True) wb");
}

static int repeated_main(void *arg)
{
	rondo_task *a = start("a");

	(void)arg;
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	for (int i = 0; i < 3; i++) {
		CHECK(rondo_cancel(a));
		CHECK_EQUAL(turns(2), 0);
		CHECK_EQUAL(rondo_task_state(a), RONDO_PENDING);
	}
	CHECK_EQUAL(rondo_cancelling(a), 3);
	note("releasing");
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	CHECK_EQUAL(rondo_await(a), -ECANCELED);
	return 0;
}

/* S3: taking the lock again is retried through further cancels; they are one -ECANCELED. */
static void test_no_number_of_cancels_makes_a_wait_return_without_the_lock(void **state)
{
	(void)state;
	run(repeated_main);
	assert_log("releasing ca(locked=True)");
}

static int late_main(void *arg)
{
	rondo_task *a = start("a"), *b = start("b");

	(void)arg;
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	CHECK_EQUAL(rondo_condition_notify(&condition, 1), 0);
	CHECK_EQUAL(turns(2), 0);		/* a has its notification, and waits for the lock */
	CHECK(rondo_cancel(a));
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	CHECK_EQUAL(rondo_await(a), -ECANCELED);
	return rondo_await(b);
}

/* S3: cancelled while taking the lock again. */
static void test_a_cancel_while_taking_the_lock_passes_the_notification_on(void **state)
{
	(void)state;
	run(late_main);
	assert_log("ca(locked=True) wb");
}

/* --- errors, sharing, predicates ---------------------------------------------------------- */

static int unlocked_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_condition_wait(&condition), -EPERM);
	CHECK_EQUAL(rondo_condition_notify(&condition, 1), -EPERM);
	CHECK_EQUAL(rondo_condition_notify_all(&condition), -EPERM);
	return 0;
}

/* S3: RuntimeError in asyncio. */
static void test_waiting_and_notifying_need_the_lock(void **state)
{
	(void)state;
	run(unlocked_main);
}

static int waits_for_other(void *arg)
{
	int ret;

	(void)arg;
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	ret = rondo_condition_wait(&other);
	note("other");
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	return ret;
}

static int shared_main(void *arg)
{
	rondo_task *a = start("a"), *b = rondo_create_task(waits_for_other, NULL);

	(void)arg;
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	CHECK_EQUAL(rondo_condition_notify_all(&other), 0);
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	CHECK_EQUAL(rondo_await(b), 0);
	CHECK_EQUAL(rondo_task_state(a), RONDO_PENDING);
	CHECK_EQUAL(notify(1), 0);
	return rondo_await(a);
}

/* S3: one lock for several conditions. */
static void test_conditions_may_share_a_lock(void **state)
{
	(void)state;
	run(shared_main);
	assert_log("other wa");
}

static int flag_is_set(void *arg)
{
	(void)arg;
	return flag;
}

static int waits_for_flag(void *arg)
{
	int ret;

	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	ret = rondo_condition_wait_for(&condition, flag_is_set, arg);
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	note("%d", ret);
	return ret;
}

static int predicate_main(void *arg)
{
	rondo_task *t = rondo_create_task(waits_for_flag, arg);

	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(notify(1), 0);		/* not yet */
	CHECK_EQUAL(turns(4), 0);
	CHECK_EQUAL(rondo_task_state(t), RONDO_PENDING);
	flag = 42;
	CHECK_EQUAL(notify(1), 0);
	CHECK_EQUAL(rondo_await(t), 42);
	CHECK_EQUAL(waits_for_flag(arg), 42);	/* at once */
	flag = -EIO;
	CHECK_EQUAL(waits_for_flag(arg), -EIO);
	return 0;
}

/* S4: loops, and returns the predicate's value. */
static void test_wait_for_returns_the_predicates_value(void **state)
{
	(void)state;
	run(predicate_main);
	assert_log("42 42 -5");
}

/* --- the matrix --------------------------------------------------------------------------- */

static int prepare(void *ctx)
{
	(void)ctx;
	flag = 0;
	return 0;
}

static int set_flag(void *ctx)
{
	int ret = rondo_lock_acquire(&lock);

	(void)ctx;
	if (ret < 0)
		return ret;
	flag = 42;
	rondo_condition_notify(&condition, 1);
	return rondo_lock_release(&lock);
}

static void test_wait_for_in_the_matrix(void **state)
{
	const struct matrix_verb v = {
		.start = waits_for_flag, .finish = set_flag, .prepare = prepare, .result = 42,
	};

	(void)state;
	matrix_check("rondo_condition_wait_for", &v);
	assert_false(rondo_lock_locked(&lock));
	step_log[0] = '\0';
}

static char report[512];

static void collect(const struct rondo_report *r, void *arg)
{
	(void)arg;
	snprintf(report, sizeof(report), "%s", r->message);
}

static void test_a_deadlock_report_names_the_condition(void **state)
{
	const struct rondo_options o = { .on_error = collect };
	char expected[128];

	(void)state;
	assert_int_equal(rondo_run_with(&o, waits, word("")), -EDEADLK);
	assert_checks_passed();
	snprintf(expected, sizeof(expected), "deadlock: waits for condition %p to be notified",
		 (void *)&condition);
	assert_string_equal(report, expected);
	step_log[0] = '\0';
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_notifications_go_to_those_who_wait_longest),
		cmocka_unit_test(test_a_cancelled_wait_takes_the_lock_and_notifies_another),
		cmocka_unit_test(test_a_notification_is_not_lost_to_a_cancelled_task),
		cmocka_unit_test(test_no_number_of_cancels_makes_a_wait_return_without_the_lock),
		cmocka_unit_test(test_a_cancel_while_taking_the_lock_passes_the_notification_on),
		cmocka_unit_test(test_waiting_and_notifying_need_the_lock),
		cmocka_unit_test(test_conditions_may_share_a_lock),
		cmocka_unit_test(test_wait_for_returns_the_predicates_value),
		cmocka_unit_test(test_wait_for_in_the_matrix),
		cmocka_unit_test(test_a_deadlock_report_names_the_condition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
