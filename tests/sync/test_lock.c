/* SPDX-License-Identifier: MIT */
/* test_lock.c - goal: a lock is asyncio's Lock: first come, first served, nobody gets in between,
 * nothing is lost when a waiting task is cancelled. Method: rows S1, S8 and R8 and probes p04, p33
 * and p34 as orders of events, and the matrix. */
#include "support/matrix.h"
#include "support/step.h"

#include <pthread.h>

#include "rondo/sync.h"

static struct rondo_lock lock;

/* Take the lock, note the word, keep the lock for a turn, twice. */
static int takes_twice(void *name)
{
	for (int i = 0; i < 2; i++) {
		CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
		note("%s%d", (const char *)name, i);
		CHECK_EQUAL(rondo_yield(), 0);
		CHECK_EQUAL(rondo_lock_release(&lock), 0);
	}
	return 0;
}

/* Take the lock, note the word, let go. */
static int takes(void *name)
{
	int ret = rondo_lock_acquire(&lock);

	note("%s%s", (const char *)name,
	     ret == 0 ? "" : ret == -ECANCELED ? "-cancelled" : "-failed");
	return ret == 0 ? rondo_lock_release(&lock) : ret;
}

static rondo_task *start(rondo_fn *fn, const char *name)
{
	rondo_task *t = rondo_create_task(fn, word(name));

	rondo_task_set_name(t, name);
	return t;
}

static void prepare(void)
{
	lock = (struct rondo_lock)RONDO_LOCK_INIT;
}

static void run(rondo_fn *main)
{
	prepare();
	assert_run(main, NULL, 0);
	assert_false(rondo_lock_locked(&lock));
	assert_null(lock.waiters_.first_);
	assert_null(lock.waiters_.last_);
}

/* --- order -------------------------------------------------------------------------------- */

static int free_main(void *arg)
{
	rondo_task *t = start(takes, "other");

	(void)arg;
	CHECK(!rondo_lock_locked(&lock));
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	note("taken");			/* before the other task ran: no yield */
	CHECK(rondo_lock_locked(&lock));
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	CHECK(!rondo_lock_locked(&lock));
	return rondo_await(t);
}

/* S1, p04: uncontended acquire does not yield. */
static void test_a_free_lock_is_taken_without_a_yield(void **state)
{
	(void)state;
	run(free_main);
	assert_log("taken other");
}

static int fair_main(void *arg)
{
	(void)arg;
	return RONDO_GATHER(start(takes_twice, "a"), start(takes_twice, "b"),
			    start(takes_twice, "c"));
}

/* S1, p33: who takes the lock again at once goes to the back. */
static void test_a_lock_is_fair(void **state)
{
	(void)state;
	run(fair_main);
	assert_log("a0 b0 c0 a1 b1 c1");
}

static int window_main(void *arg)
{
	rondo_task *waiter, *third;

	(void)arg;
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	waiter = start(takes, "waiter");
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	note("locked=%s", rondo_lock_locked(&lock) ? "True" : "False");
	CHECK_EQUAL(rondo_lock_release(&lock), -EPERM);
	third = start(takes, "third");
	CHECK_EQUAL(takes(word("main")), 0);
	return RONDO_GATHER(waiter, third);
}

/* S1, p34: between a release and the turn of the waiting task nobody else gets the lock. */
static void test_nobody_gets_in_between_a_release_and_the_waiter(void **state)
{
	(void)state;
	run(window_main);
	assert_log("locked=False waiter main third");
}

static int release_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_lock_release(&lock), -EPERM);
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	return 0;
}

/* S1: release by another task is allowed, release of a free lock is an error. */
static void test_any_task_may_release_but_only_a_taken_lock(void **state)
{
	(void)state;
	prepare();
	assert_run(release_main, NULL, 0);
	assert_true(rondo_lock_locked(&lock));
	assert_int_equal(rondo_lock_release(&lock), 0);
	assert_int_equal(rondo_lock_release(&lock), -EPERM);
}

/* --- cancelling --------------------------------------------------------------------------- */

static int skipped_main(void *arg)
{
	rondo_task *a, *b, *c;

	(void)arg;
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	a = start(takes, "a");
	b = start(takes, "b");
	c = start(takes, "c");
	CHECK_EQUAL(turns(2), 0);
	CHECK(rondo_cancel(b));
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	CHECK_EQUAL(rondo_await(b), -ECANCELED);
	return RONDO_GATHER(a, c);
}

/* S1: cancelled waiters are skipped. */
static void test_a_cancelled_waiter_is_skipped(void **state)
{
	(void)state;
	run(skipped_main);
	assert_log("b-cancelled a c");
}

static int handed_on_main(void *arg)
{
	rondo_task *a, *b;

	(void)arg;
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	a = start(takes, "a");
	b = start(takes, "b");
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	CHECK(rondo_cancel(a));			/* woken, but it did not run yet */
	CHECK_EQUAL(rondo_await(a), -ECANCELED);
	CHECK_EQUAL(rondo_yield(), 0);
	return rondo_await(b);
}

/* S1: a waiter that is woken and then cancelled wakes the next one. */
static void test_a_waiter_cancelled_after_its_turn_came_hands_the_lock_on(void **state)
{
	(void)state;
	run(handed_on_main);
	assert_log("a-cancelled b");
}

static int late_main(void *arg)
{
	rondo_task *a, *b, *c;

	(void)arg;
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	a = start(takes, "a");
	b = start(takes, "b");
	c = start(takes, "c");
	CHECK_EQUAL(turns(2), 0);
	CHECK(rondo_cancel(a));
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	CHECK_EQUAL(rondo_await(a), -ECANCELED);
	return RONDO_GATHER(b, c);
}

/* S1: the same with the cancel first. */
static void test_a_release_while_the_first_waiter_is_cancelled_is_not_lost(void **state)
{
	(void)state;
	run(late_main);
	assert_log("a-cancelled b c");
}

static int optimist_main(void *arg)
{
	rondo_task *a;

	(void)arg;
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	a = start(takes, "a");
	CHECK_EQUAL(turns(2), 0);
	CHECK(rondo_cancel(a));
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	CHECK_EQUAL(takes(word("main")), 0);	/* nobody is left to be overtaken */
	CHECK_EQUAL(rondo_await(a), -ECANCELED);
	return 0;
}

/* S1: jumping the queue is allowed if all in it are cancelled. */
static void test_a_lock_that_only_cancelled_tasks_wait_for_is_free(void **state)
{
	(void)state;
	run(optimist_main);
	assert_log("main a-cancelled");
}

static int pardoned_main(void *arg)
{
	rondo_task *a;

	(void)arg;
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	a = start(takes, "a");
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	CHECK(rondo_cancel(a));
	CHECK_EQUAL(rondo_uncancel(a), 0);
	return rondo_await(a);
}

/* T12: a request taken back before it was delivered does not cost the lock. */
static void test_a_cancel_taken_back_leaves_the_waiter_its_turn(void **state)
{
	(void)state;
	run(pardoned_main);
	assert_log("a");
}

/* --- the matrix --------------------------------------------------------------------------- */

static int acquire_main(void *arg)
{
	return rondo_lock_acquire(arg);
}

/* Taken by a task that has ended. */
static int prepare_taken(void *ctx)
{
	*(struct rondo_lock *)ctx = (struct rondo_lock)RONDO_LOCK_INIT;
	return rondo_run(acquire_main, ctx);
}

static int take_and_release(void *ctx)
{
	int ret = rondo_lock_acquire(ctx);

	return ret < 0 ? ret : rondo_lock_release(ctx);
}

static int release(void *ctx)
{
	return rondo_lock_release(ctx);
}

static void test_acquire_in_the_matrix(void **state)
{
	const struct matrix_verb v = {
		.start = take_and_release, .finish = release, .prepare = prepare_taken,
		.ctx = &lock,
	};

	(void)state;
	matrix_check("rondo_lock_acquire", &v);
}

/* --- many, reports, threads --------------------------------------------------------------- */

enum { N_CROWD = 1000 };

static int crowd_main(void *arg)
{
	static rondo_task *tasks[N_CROWD];
	size_t n = STEP_SIZE(N_CROWD, 200);
	unsigned *n_in = arg;

	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	for (size_t i = 0; i < n; i++)
		tasks[i] = rondo_create_task(takes, word(""));
	CHECK_EQUAL(turns(2), 0);
	for (size_t i = 0; i < n; i++)
		if (i % 3)
			CHECK(rondo_cancel(tasks[i]));
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	for (size_t i = 0; i < n; i++) {
		int ret = rondo_await(tasks[i]);

		CHECK_EQUAL(ret, i % 3 ? -ECANCELED : 0);
		*n_in += ret == 0;
	}
	return 0;
}

static void test_a_crowd_half_of_which_is_cancelled_gets_through(void **state)
{
	unsigned n_in = 0;

	(void)state;
	prepare();
	assert_run(crowd_main, &n_in, 0);
	assert_int_equal(n_in, (STEP_SIZE(N_CROWD, 200) + 2) / 3);
	assert_false(rondo_lock_locked(&lock));
	step_log[0] = '\0';
}

static char report[512];

static void collect(const struct rondo_report *r, void *arg)
{
	size_t n = strlen(report);

	(void)arg;
	snprintf(report + n, sizeof(report) - n, "%s %s|", r->task, r->message);
}

static int embrace_main(void *arg)
{
	rondo_task *t;

	(void)arg;
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	t = start(takes, "waits");
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	return 0;
}

static int forgetful_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_await(rondo_create_task(acquire_main, &lock)), 0);
	CHECK_EQUAL(rondo_lock_acquire(&lock), -ECANCELED);
	return 0;
}

static void test_a_deadlock_report_names_the_lock_and_its_holder(void **state)
{
	const struct rondo_options o = { .on_error = collect };
	char expected[128];

	(void)state;
	prepare();
	report[0] = '\0';
	assert_int_equal(rondo_run_with(&o, embrace_main, NULL), -EDEADLK);
	assert_checks_passed();
	snprintf(expected, sizeof(expected), "waits deadlock: waits for lock %p held by Task-1|",
		 (void *)&lock);
	assert_non_null(strstr(report, expected));
	prepare();
	report[0] = '\0';
	assert_int_equal(rondo_run_with(&o, forgetful_main, NULL), -EDEADLK);
	assert_checks_passed();
	snprintf(expected, sizeof(expected),
		 "Task-1 deadlock: waits for lock %p held by Task-2, which has ended|",
		 (void *)&lock);
	assert_non_null(strstr(report, expected));
	step_log[0] = '\0';
}

/* The other thread's loop runs while ours is blocked in pthread_join(), so the two never touch the
 * lock at the same time. */
static int foreign_main(void *arg)
{
	CHECK_EQUAL(rondo_lock_acquire(&lock), -RONDO_EWRONGLOOP);
	(void)arg;
	return 0;
}

static void *foreign_thread(void *ret)
{
	*(int *)ret = rondo_run(foreign_main, NULL);
	return NULL;
}

static int two_loops_main(void *arg)
{
	pthread_t thread;
	rondo_task *t;
	int ret = -1;

	(void)arg;
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	t = start(takes, "ours");
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(pthread_create(&thread, NULL, foreign_thread, &ret), 0);
	CHECK_EQUAL(pthread_join(thread, NULL), 0);
	CHECK_EQUAL(ret, 0);
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	return rondo_await(t);
}

/* R8, S9. */
static void test_a_task_of_another_loop_cannot_wait_beside_ours(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	run(two_loops_main);
	assert_log("ours");
}

static int without_a_task(void)
{
	prepare();
	return rondo_lock_acquire(&lock);
}

static void test_taking_a_lock_outside_a_task_is_a_bug(void **state)
{
	(void)state;
	assert_bug(without_a_task, "outside a task");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_free_lock_is_taken_without_a_yield),
		cmocka_unit_test(test_a_lock_is_fair),
		cmocka_unit_test(test_nobody_gets_in_between_a_release_and_the_waiter),
		cmocka_unit_test(test_any_task_may_release_but_only_a_taken_lock),
		cmocka_unit_test(test_a_cancelled_waiter_is_skipped),
		cmocka_unit_test(test_a_waiter_cancelled_after_its_turn_came_hands_the_lock_on),
		cmocka_unit_test(test_a_release_while_the_first_waiter_is_cancelled_is_not_lost),
		cmocka_unit_test(test_a_lock_that_only_cancelled_tasks_wait_for_is_free),
		cmocka_unit_test(test_a_cancel_taken_back_leaves_the_waiter_its_turn),
		cmocka_unit_test(test_acquire_in_the_matrix),
		cmocka_unit_test(test_a_crowd_half_of_which_is_cancelled_gets_through),
		cmocka_unit_test(test_a_deadlock_report_names_the_lock_and_its_holder),
		cmocka_unit_test(test_a_task_of_another_loop_cannot_wait_beside_ours),
		cmocka_unit_test(test_taking_a_lock_outside_a_task_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
