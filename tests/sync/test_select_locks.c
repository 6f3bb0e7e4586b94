/* SPDX-License-Identifier: MIT */
/* test_select_locks.c - goal: a select among locks and semaphores takes one of them and leaves the
 * others as if it had never asked, in the order of arrival. Method: orders of events beside plain
 * acquires, and the matrix. The workload `locks` of `rondo sim` has crowds of them. */
#include "rondo/select.h"

#include "rondo/wait.h"
#include "support/matrix.h"
#include "support/step.h"

static struct rondo_lock a, b;
static struct rondo_semaphore permits;
static struct rondo_event event;

static void prepare_all(void)
{
	a = b = (struct rondo_lock)RONDO_LOCK_INIT;
	permits = (struct rondo_semaphore)RONDO_SEMAPHORE_INIT(0);
	event = (struct rondo_event)RONDO_EVENT_INIT;
}

/* Nobody is left in any list, and nothing is taken but what main says. */
static void run(rondo_fn *main, int n_permits)
{
	prepare_all();
	assert_run(main, NULL, 0);
	assert_false(rondo_lock_locked(&a));
	assert_false(rondo_lock_locked(&b));
	assert_null(a.waiters_.first_);
	assert_null(b.waiters_.first_);
	assert_null(permits.waiters_.first_);
	assert_null(event.waiters_.first_);
	assert_int_equal(permits.value_, n_permits);
	assert_int_equal(permits.n_granted_, 0);
}

/* Wait for any of all; note who got what; give it back a turn later. */
static int selects(void *name)
{
	struct rondo_select_case cases[] = {
		rondo_select_lock(&a), rondo_select_lock(&b), rondo_select_semaphore(&permits),
		rondo_select_event(&event),
	};
	int ret = rondo_select(cases, 4, RONDO_FOREVER);

	note("%s%d", (const char *)name, ret);
	if (ret < 0)
		return ret;
	CHECK_EQUAL(cases[ret].result, 0);
	CHECK_EQUAL(rondo_yield(), 0);
	return ret == 0 ? rondo_lock_release(&a) : ret == 1 ? rondo_lock_release(&b) :
	       ret == 2 ? rondo_semaphore_release(&permits) : 0;
}

/* A plain acquire of a. */
static int takes(void *name)
{
	int ret = rondo_lock_acquire(&a);

	note("%s%s", (const char *)name, ret < 0 ? "-cancelled" : "");
	if (ret < 0)
		return ret;
	CHECK_EQUAL(rondo_yield(), 0);
	return rondo_lock_release(&a);
}

/* A plain acquire of a permit. */
static int permitted(void *name)
{
	int ret = rondo_semaphore_acquire(&permits);

	note("%s", (const char *)name);
	return ret < 0 ? ret : rondo_semaphore_release(&permits);
}

static int take_both(void)
{
	return rondo_lock_acquire(&a) < 0 || rondo_lock_acquire(&b) < 0 ? -1 : 0;
}

/* Start fn, and see it parked. */
static rondo_task *parked(rondo_fn *fn, const char *name)
{
	rondo_task *t = rondo_create_task(fn, word(name));

	return turns(2) < 0 || rondo_task_state(t) != RONDO_PENDING ? NULL : t;
}

/* --- what is there already ------------------------------------------------------------------- */

static int at_once_main(void *arg)
{
	struct rondo_semaphore negative = RONDO_SEMAPHORE_INIT(-1);
	struct rondo_select_case cases[] = {
		rondo_select_lock(&a), rondo_select_semaphore(&permits), rondo_select_lock(NULL),
		rondo_select_semaphore(NULL), rondo_select_semaphore(&negative),
	};

	(void)arg;
	CHECK_EQUAL(rondo_semaphore_release(&permits), 0);
	CHECK_EQUAL(rondo_select(cases, 4, RONDO_FOREVER), 0);
	CHECK_EQUAL(cases[0].result, 0);
	CHECK(rondo_lock_locked(&a));
	CHECK_EQUAL(rondo_select(cases, 4, RONDO_FOREVER), 1);
	CHECK_EQUAL(cases[1].result, 0);
	CHECK(rondo_semaphore_locked(&permits));
	CHECK_EQUAL(rondo_select(cases, 4, 0), -ETIMEDOUT);
	CHECK_EQUAL(rondo_select(cases, 5, RONDO_FOREVER), 4);
	CHECK_EQUAL(cases[4].result, -EINVAL);
	CHECK_EQUAL(rondo_semaphore_release(&permits), 0);
	return rondo_lock_release(&a);
}

static void test_what_is_free_is_taken_in_the_order_of_the_cases(void **state)
{
	(void)state;
	run(at_once_main, 1);
}

/* --- in turn --------------------------------------------------------------------------------- */

static int fifo_main(void *arg)
{
	rondo_task *t[4];

	(void)arg;
	CHECK_EQUAL(take_both(), 0);
	CHECK(t[0] = parked(takes, "w"));
	CHECK(t[1] = parked(selects, "s"));
	CHECK(t[2] = parked(takes, "x"));
	CHECK(t[3] = parked(selects, "z"));
	CHECK_EQUAL(rondo_lock_release(&a), 0);
	CHECK_EQUAL(takes(word("main")), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQUAL(rondo_await(t[i]), 0);
	return rondo_lock_release(&b);
}

/* S1, p33: a select has its place among those who wait. */
static void test_selects_and_acquires_come_in_the_order_of_arrival(void **state)
{
	(void)state;
	run(fifo_main, 0);
	assert_log("w s0 x z0 main");
}

static int permits_main(void *arg)
{
	rondo_task *t[3];

	(void)arg;
	CHECK_EQUAL(take_both(), 0);
	CHECK(t[0] = parked(permitted, "w"));
	CHECK(t[1] = parked(selects, "s"));
	CHECK(t[2] = parked(permitted, "x"));
	CHECK_EQUAL(rondo_semaphore_release(&permits), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQUAL(rondo_await(t[i]), 0);
	CHECK_EQUAL(rondo_lock_release(&a), 0);
	return rondo_lock_release(&b);
}

/* S5. */
static void test_permits_go_to_selects_and_acquires_in_the_order_of_arrival(void **state)
{
	(void)state;
	run(permits_main, 1);
	assert_log("w s2 x");
}

static int window_main(void *arg)
{
	rondo_task *t;

	(void)arg;
	CHECK_EQUAL(take_both(), 0);
	CHECK(t = parked(selects, "s"));
	CHECK_EQUAL(rondo_lock_release(&a), 0);
	CHECK_EQUAL(takes(word("main")), 0);		/* not before the select, which did not run yet */
	CHECK_EQUAL(rondo_await(t), 0);
	return rondo_lock_release(&b);
}

/* p34. */
static void test_nobody_gets_in_between_a_release_and_the_select(void **state)
{
	(void)state;
	run(window_main, 0);
	assert_log("s0 main");
}

/* --- losers ---------------------------------------------------------------------------------- */

static int loses_main(void *arg)
{
	rondo_task *t, *next;

	(void)arg;
	CHECK_EQUAL(take_both(), 0);
	CHECK(t = parked(selects, "s"));
	CHECK(next = parked(takes, "next"));
	CHECK_EQUAL(rondo_lock_release(&b), 0);		/* wins */
	CHECK_EQUAL(rondo_lock_release(&a), 0);		/* too late for it: for the next one */
	CHECK_EQUAL(rondo_semaphore_release(&permits), 0);
	rondo_event_set(&event);
	CHECK_EQUAL(permits.value_, 1);
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(rondo_await(next), 0);
	return 0;
}

static void test_of_two_that_become_free_the_first_one_wins_and_the_other_is_the_next_ones(void **state)
{
	(void)state;
	run(loses_main, 1);
	assert_log("s1 next");
}

static int trace_main(void *arg)
{
	rondo_task *t;

	(void)arg;
	CHECK_EQUAL(take_both(), 0);
	CHECK(t = parked(selects, "s"));
	rondo_event_set(&event);
	CHECK_EQUAL(rondo_lock_release(&a), 0);
	CHECK_EQUAL(rondo_lock_acquire(&a), 0);		/* at once: nobody waits for it any more */
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(rondo_lock_release(&a), 0);
	return rondo_lock_release(&b);
}

static void test_a_select_that_is_over_waits_for_no_lock(void **state)
{
	(void)state;
	run(trace_main, 0);
	assert_log("s3");
}

static int same_main(void *arg)
{
	struct rondo_select_case cases[] = {
		rondo_select_lock(&a), rondo_select_lock(&a), rondo_select_semaphore(&permits),
		rondo_select_semaphore(&permits),
	};
	rondo_task *t;

	(void)arg;
	CHECK_EQUAL(rondo_lock_acquire(&a), 0);
	t = rondo_create_task(takes, word("w"));
	CHECK_EQUAL(rondo_select(cases, 4, 0), -ETIMEDOUT);	/* nor is a lock re-entrant */
	CHECK_EQUAL(rondo_lock_release(&a), 0);
	CHECK_EQUAL(rondo_select(cases, 4, RONDO_FOREVER), 0);
	CHECK_EQUAL(rondo_lock_release(&a), 0);
	return rondo_await(t);
}

static void test_one_lock_in_two_cases(void **state)
{
	(void)state;
	run(same_main, 0);
	assert_log("w");
}

/* --- cancels --------------------------------------------------------------------------------- */

static int handed_on_main(void *arg)
{
	rondo_task *t, *next;

	(void)arg;
	CHECK_EQUAL(take_both(), 0);
	CHECK(t = parked(selects, "s"));
	CHECK(next = parked(takes, "next"));
	CHECK_EQUAL(rondo_lock_release(&a), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	CHECK_EQUAL(rondo_await(next), 0);
	return rondo_lock_release(&b);
}

/* Y3: the lock, */
static void test_a_select_cancelled_after_its_turn_came_hands_the_lock_on(void **state)
{
	(void)state;
	run(handed_on_main, 0);
	assert_log("s-125 next");
}

static int given_back_main(void *arg)
{
	rondo_task *t, *next;

	(void)arg;
	CHECK_EQUAL(take_both(), 0);
	CHECK(t = parked(selects, "s"));
	CHECK(next = parked(permitted, "next"));
	CHECK_EQUAL(rondo_semaphore_release(&permits), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	CHECK_EQUAL(rondo_await(next), 0);
	CHECK_EQUAL(rondo_lock_release(&a), 0);
	return rondo_lock_release(&b);
}

/* and the permit (p48). */
static void test_a_select_cancelled_after_its_turn_came_gives_the_permit_back(void **state)
{
	(void)state;
	run(given_back_main, 1);
	assert_log("s-125 next");
}

static int behind_main(void *arg)
{
	rondo_task *w, *t;

	(void)arg;
	CHECK_EQUAL(take_both(), 0);
	CHECK(w = parked(takes, "w"));
	CHECK(t = parked(selects, "s"));
	CHECK(rondo_cancel(w));
	CHECK_EQUAL(rondo_lock_release(&a), 0);		/* while the first one did not go yet */
	CHECK_EQUAL(rondo_await(w), -ECANCELED);
	CHECK_EQUAL(rondo_await(t), 0);
	return rondo_lock_release(&b);
}

static void test_a_release_while_the_one_before_is_cancelled_comes_to_the_select(void **state)
{
	(void)state;
	run(behind_main, 0);
	assert_log("w-cancelled s0");
}

/* --- the matrix ------------------------------------------------------------------------------ */

static int prepare(void *ctx)
{
	(void)ctx;
	prepare_all();
	a.holder_ = b.holder_ = UINT64_MAX;	/* somebody else's */
	return 0;
}

static int select_here(void *ctx)
{
	struct rondo_select_case c[] = {
		rondo_select_lock(&a), rondo_select_lock(&b), rondo_select_semaphore(&permits),
	};
	int ret = rondo_select(c, 3, 3600);

	(void)ctx;
	return ret < 0 ? ret : c[ret].result < 0 ? c[ret].result : ret;
}

/* What a call before may have taken is given back first. */
static int finish(void *ctx)
{
	int which = *(int *)ctx;

	if (which < 2)
		return rondo_lock_release(which ? &b : &a);
	return rondo_semaphore_release(&permits);
}

static void test_each_in_the_matrix(void **state)
{
	static const char *const names[] = { "lock", "second lock", "permit" };

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct matrix_verb v = {
			.start = select_here, .finish = finish, .prepare = prepare, .ctx = &i,
			.result = i,
		};

		matrix_check(names[i], &v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_free_is_taken_in_the_order_of_the_cases),
		cmocka_unit_test(test_selects_and_acquires_come_in_the_order_of_arrival),
		cmocka_unit_test(test_permits_go_to_selects_and_acquires_in_the_order_of_arrival),
		cmocka_unit_test(test_nobody_gets_in_between_a_release_and_the_select),
		cmocka_unit_test(
			test_of_two_that_become_free_the_first_one_wins_and_the_other_is_the_next_ones),
		cmocka_unit_test(test_a_select_that_is_over_waits_for_no_lock),
		cmocka_unit_test(test_one_lock_in_two_cases),
		cmocka_unit_test(test_a_select_cancelled_after_its_turn_came_hands_the_lock_on),
		cmocka_unit_test(test_a_select_cancelled_after_its_turn_came_gives_the_permit_back),
		cmocka_unit_test(test_a_release_while_the_one_before_is_cancelled_comes_to_the_select),
		cmocka_unit_test(test_each_in_the_matrix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
