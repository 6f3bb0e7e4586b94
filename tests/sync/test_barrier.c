/* SPDX-License-Identifier: MIT */
/* test_barrier.c - goal: a barrier is asyncio's Barrier: its four states, breaking and resetting,
 * and the numbers it gives out. Method: row S7 and probe p37 as orders of events, and the
 * matrix. */
#include "support/matrix.h"
#include "support/step.h"

#include "rondo/sync.h"

static struct rondo_barrier barrier;

static int waits(void *name)
{
	int ret = rondo_barrier_wait(&barrier);

	if (ret >= 0)
		note("%s%d", (const char *)name, ret);
	else
		note("%s-%s", (const char *)name, ret == -EPIPE ? "broken" : "cancelled");
	return ret;
}

static rondo_task *start(const char *name)
{
	return rondo_create_task(waits, word(name));
}

static void run(unsigned n_parties, rondo_fn *main)
{
	barrier = (struct rondo_barrier)RONDO_BARRIER_INIT(n_parties);
	assert_run(main, NULL, 0);
	assert_null(barrier.waiters_.first_);
	assert_int_equal(barrier.n_inside_, 0);
	assert_false(rondo_lock_locked(&barrier.lock_));
}

static int p37_main(void *arg)
{
	rondo_task *a, *b, *c;

	(void)arg;
	CHECK_EQUAL(RONDO_GATHER(start("a"), start("b"), start("c")), 0);
	a = start("d");
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_barrier_n_waiting(&barrier), 1);
	CHECK(rondo_cancel(a));
	CHECK_EQUAL(rondo_await(a), -ECANCELED);
	CHECK_EQUAL(rondo_barrier_n_waiting(&barrier), 0);
	CHECK(!rondo_barrier_broken(&barrier));
	a = start("e");
	b = start("f");
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_barrier_abort(&barrier), 0);
	CHECK(rondo_barrier_broken(&barrier));
	CHECK_EQUAL(rondo_await(a), -EPIPE);
	CHECK_EQUAL(rondo_await(b), -EPIPE);
	CHECK_EQUAL(waits(word("g")), -EPIPE);
	CHECK_EQUAL(rondo_barrier_reset(&barrier), 0);
	CHECK(!rondo_barrier_broken(&barrier));
	a = start("h");
	b = start("i");
	c = start("j");
	return RONDO_GATHER(a, b, c);
}

/* S7, p37. */
static void test_a_barrier_counts_forgets_the_cancelled_breaks_and_is_reset(void **state)
{
	(void)state;
	run(3, p37_main);
	assert_log("c2 a0 b1 d-cancelled e-broken f-broken g-broken j2 h0 i1");
}

static int rounds_main(void *arg)
{
	rondo_task *tasks[5];

	(void)arg;
	for (int i = 0; i < 5; i++)
		tasks[i] = start((const char *[]){ "a", "b", "c", "d", "e" }[i]);
	CHECK_EQUAL(turns(12), 0);
	note("|");
	CHECK_EQUAL(rondo_barrier_n_waiting(&barrier), 1);
	CHECK_EQUAL(waits(word("main")), 1);
	for (int i = 0; i < 5; i++)
		CHECK(rondo_await(tasks[i]) >= 0);
	return 0;
}

/* S7: who comes while the barrier drains waits until it has, and counts for the next round. */
static void test_late_comers_wait_for_the_next_round(void **state)
{
	(void)state;
	run(2, rounds_main);
	assert_log("b1 a0 d1 c0 | main1 e0");
}

static int reset_main(void *arg)
{
	rondo_task *a = start("a"), *b = start("b"), *late;

	(void)arg;
	CHECK_EQUAL(turns(2), 0);
	late = start("late");			/* comes before the two have left */
	CHECK_EQUAL(rondo_barrier_reset(&barrier), 0);
	CHECK(!rondo_barrier_broken(&barrier));
	CHECK_EQUAL(rondo_barrier_n_waiting(&barrier), 0);	/* resetting */
	CHECK_EQUAL(rondo_await(a), -EPIPE);
	CHECK_EQUAL(rondo_await(b), -EPIPE);
	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(rondo_barrier_n_waiting(&barrier), 1);	/* filling again */
	CHECK(rondo_cancel(late));
	CHECK_EQUAL(rondo_await(late), -ECANCELED);
	return 0;
}

/* S7: reset with waiting tasks breaks for them alone. */
static void test_a_reset_breaks_for_those_who_wait_and_nobody_else(void **state)
{
	(void)state;
	run(3, reset_main);
	assert_log("a-broken b-broken late-cancelled");
}

static int draining_main(void *arg)
{
	rondo_task *a = start("a");

	(void)arg;
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(waits(word("main")), 1);
	CHECK_EQUAL(rondo_barrier_n_waiting(&barrier), 0);	/* draining: a is still inside */
	CHECK(rondo_cancel(a));
	CHECK_EQUAL(rondo_await(a), -ECANCELED);
	CHECK_EQUAL(rondo_barrier_n_waiting(&barrier), 0);
	a = start("b");
	CHECK_EQUAL(waits(word("main")), 0);
	return rondo_await(a) == 1 ? 0 : -1;
}

/* S7, T6: a cancel of a task on its way out does not keep the barrier from filling again. */
static void test_a_task_cancelled_on_its_way_out_leaves_all_the_same(void **state)
{
	(void)state;
	run(2, draining_main);
	assert_log("main1 a-cancelled b1 main0");
}

static int abort_main(void *arg)
{
	rondo_task *a = start("a");

	(void)arg;
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(waits(word("main")), 1);
	CHECK_EQUAL(rondo_barrier_abort(&barrier), 0);	/* while a is still inside */
	CHECK_EQUAL(rondo_await(a), -EPIPE);
	CHECK(rondo_barrier_broken(&barrier));
	CHECK_EQUAL(rondo_barrier_reset(&barrier), 0);
	CHECK(!rondo_barrier_broken(&barrier));
	return 0;
}

/* S7: as in asyncio, who has not left when it is aborted is told so. */
static void test_an_abort_reaches_those_who_are_leaving(void **state)
{
	(void)state;
	run(2, abort_main);
	assert_log("main1 a-broken");
}

static int parties_main(void *arg)
{
	struct rondo_barrier none = RONDO_BARRIER_INIT(0), one = RONDO_BARRIER_INIT(1);

	(void)arg;
	CHECK_EQUAL(rondo_barrier_wait(&none), -EINVAL);
	CHECK_EQUAL(rondo_barrier_wait(&one), 0);
	CHECK_EQUAL(rondo_barrier_wait(&one), 0);
	return 0;
}

/* S7: ValueError in asyncio. */
static void test_a_barrier_needs_parties(void **state)
{
	(void)state;
	assert_run(parties_main, NULL, 0);
}

/* --- the matrix --------------------------------------------------------------------------- */

static int prepare(void *ctx)
{
	*(struct rondo_barrier *)ctx = (struct rondo_barrier)RONDO_BARRIER_INIT(2);
	return 0;
}

/* The number depends on who of the two comes first. */
static int pass(void *ctx)
{
	int ret = rondo_barrier_wait(ctx);

	return ret < 0 ? ret : 0;
}

/* Another task comes. It may pass with one that is cancelled on its way out, and is gone then. */
static int other_comes(void *ctx)
{
	rondo_detach(rondo_create_task(pass, ctx));
	return 0;
}

static void test_wait_in_the_matrix(void **state)
{
	const struct matrix_verb v = {
		.start = pass, .finish = other_comes, .prepare = prepare, .ctx = &barrier,
		.once = true,
	};

	(void)state;
	matrix_check("rondo_barrier_wait", &v);
}

/* As if somebody were just coming. */
static int prepare_busy(void *ctx)
{
	prepare(ctx);
	barrier.lock_.holder_ = UINT64_MAX;
	return 0;
}

static int leave_door(void *ctx)
{
	(void)ctx;
	return rondo_lock_release(&barrier.lock_);
}

static int reset(void *ctx)
{
	return rondo_barrier_reset(ctx);
}

static int break_it(void *ctx)
{
	return rondo_barrier_abort(ctx);
}

static void test_reset_and_abort_in_the_matrix(void **state)
{
	struct matrix_verb v = {
		.start = reset, .finish = leave_door, .prepare = prepare_busy, .ctx = &barrier,
	};

	(void)state;
	matrix_check("rondo_barrier_reset", &v);
	v.start = break_it;
	matrix_check("rondo_barrier_abort", &v);
}

static char report[512];

static void collect(const struct rondo_report *r, void *arg)
{
	(void)arg;
	snprintf(report, sizeof(report), "%s", r->message);
}

static void test_a_deadlock_report_says_how_many_are_there(void **state)
{
	const struct rondo_options o = { .on_error = collect };
	char expected[128];

	(void)state;
	prepare(&barrier);
	assert_int_equal(rondo_run_with(&o, pass, &barrier), -EDEADLK);
	snprintf(expected, sizeof(expected), "deadlock: waits for barrier %p: 1 of 2 are there",
		 (void *)&barrier);
	assert_string_equal(report, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_barrier_counts_forgets_the_cancelled_breaks_and_is_reset),
		cmocka_unit_test(test_late_comers_wait_for_the_next_round),
		cmocka_unit_test(test_a_reset_breaks_for_those_who_wait_and_nobody_else),
		cmocka_unit_test(test_a_task_cancelled_on_its_way_out_leaves_all_the_same),
		cmocka_unit_test(test_an_abort_reaches_those_who_are_leaving),
		cmocka_unit_test(test_a_barrier_needs_parties),
		cmocka_unit_test(test_wait_in_the_matrix),
		cmocka_unit_test(test_reset_and_abort_in_the_matrix),
		cmocka_unit_test(test_a_deadlock_report_says_how_many_are_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
