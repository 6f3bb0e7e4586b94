/* SPDX-License-Identifier: MIT */
/* test_await.c - goal: rondo_gather() waits for what it should, returns what asyncio's would,
 * and keeps no handle too many or too few. Method: the gather probes of the ordering oracle
 * (p17-p21) and rows W2 and W3, in every mode; what came out of python3 stands in the
 * expectations. Awaiting one task is tested with tasks (test_task.c) and cancels
 * (test_cancel.c). */
#include "support/step.h"

static int returns(void *arg)
{
	return (int)(intptr_t)arg;
}

static rondo_task *create_returning(int result)
{
	return rondo_create_task(returns, (void *)(intptr_t)result);
}

/* A task that works for some turns, says its name, and ends as told, also when it is cancelled. */
struct worker {
	const char *name;
	unsigned n_turns;		/* before it ends by itself */
	int result;
	unsigned n_cleanup_turns;	/* after a cancel */
	bool swallows;			/* the cancel, and returns its result */
	int cleanup_result;		/* if not 0, instead of -ECANCELED */
};

static int works(void *arg)
{
	struct worker *w = arg;
	bool cancelled = false;

	for (unsigned i = 0; i < w->n_turns && !cancelled; i++)
		cancelled = rondo_yield() == -ECANCELED;
	for (unsigned i = 0; cancelled && i < w->n_cleanup_turns; i++)
		CHECK_EQUAL(rondo_yield(), 0);
	note("%s", w->name);
	if (cancelled && !w->swallows)
		return w->cleanup_result ? w->cleanup_result : -ECANCELED;
	return w->result;
}

static rondo_task *create_worker(struct worker *w)
{
	return rondo_create_task(works, w);
}

static void create_workers(struct worker *w, rondo_task **t, size_t n)
{
	for (size_t i = 0; i < n; i++)
		t[i] = create_worker(&w[i]);
}

/* --- results ------------------------------------------------------------------------------ */

static int all_main(void *arg)
{
	struct worker w[] = { { "slow", 3, 1, 0, 0, 0 }, { "key-error", 1, -EIO, 0, 0, 0 },
			      { "cancelled", 2, -ECANCELED, 0, 0, 0 }, { "fast", 0, 4, 0, 0, 0 } };
	rondo_task *t[4];
	int results[4];

	(void)arg;
	create_workers(w, t, 4);
	CHECK_EQUAL(rondo_gather(4, t, results, RONDO_GATHER_ALL), 0);
	CHECK_EQUAL(results[0], 1);
	CHECK_EQUAL(results[1], -EIO);
	CHECK_EQUAL(results[2], -ECANCELED);
	CHECK_EQUAL(results[3], 4);
	CHECK_EQUAL(rondo_cancelling(rondo_current_task()), 0);
	return 0;
}

/* p18, W2: return_exceptions=True; in the order of the arguments, not of the ends. */
static void test_gather_all_gives_every_result_in_order_of_the_arguments(void **state)
{
	(void)state;
	assert_run(all_main, NULL, 0);
	assert_log("fast key-error cancelled slow");
}

static int plain_main(void *arg)
{
	rondo_task *t[3] = { create_returning(1), create_returning(2), create_returning(3) };
	int results[3];

	(void)arg;
	CHECK_EQUAL(rondo_gather(3, t, results, 0), 0);
	CHECK_EQUAL(results[0] * 100 + results[1] * 10 + results[2], 123);
	CHECK_EQUAL(rondo_gather(0, NULL, NULL, 0), 0);
	CHECK_EQUAL(rondo_gather(0, NULL, NULL, RONDO_GATHER_ALL), 0);
	CHECK_EQUAL(RONDO_GATHER(create_returning(1), create_returning(2)), 0);
	CHECK_EQUAL(RONDO_GATHER(create_returning(1)), 0);
	CHECK_EQUAL(rondo__loop->n_live, 1);
	return 0;
}

static void test_gather_returns_zero_and_the_results(void **state)
{
	(void)state;
	assert_run(plain_main, NULL, 0);
}

static int done_main(void *arg)
{
	rondo_task *t[2] = { create_returning(1), create_returning(2) };
	int results[2];
	uint64_t n_turns;

	(void)arg;
	CHECK_EQUAL(yield_times(1), 0);
	n_turns = rondo__loop->n_turns;
	CHECK_EQUAL(rondo_gather(2, t, results, 0), 0);
	CHECK_EQUAL(results[0] * 10 + results[1], 12);
	CHECK_EQUAL(rondo__loop->n_turns, n_turns);
	t[0] = create_returning(-EIO);
	t[1] = create_returning(-EPIPE);
	CHECK_EQUAL(yield_times(1), 0);
	CHECK_EQUAL(rondo_gather(2, t, results, 0), -EIO);
	return 0;
}

static void test_gathering_finished_tasks_takes_no_turn(void **state)
{
	(void)state;
	assert_run(done_main, NULL, 0);
}

/* --- errors ------------------------------------------------------------------------------- */

static unsigned n_told;

static void tell(const struct rondo_report *r, void *arg)
{
	(void)r, (void)arg;
	n_told++;
}

static int first_error_main(void *arg)
{
	struct worker w[] = { { "e1", 1, -EIO, 0, 0, 0 }, { "e2", 2, -EPIPE, 0, 0, 0 },
			      { "ok-finished", 3, 7, 0, 0, 0 } };
	rondo_task *t[3], *kept;
	int results[3] = { 1, 1, 1 };

	(void)arg;
	create_workers(w, t, 3);
	kept = rondo_task_ref(t[2]);
	CHECK_EQUAL(rondo_gather(3, t, results, 0), -EIO);
	note("caught");
	CHECK_EQUAL(rondo_task_state(kept), RONDO_PENDING);
	CHECK_EQUAL(rondo_await(kept), 7);
	return 0;
}

/* p17, W2: at once; the others run on, and their errors count as seen. */
static void test_the_first_error_returns_at_once_and_the_others_run_on(void **state)
{
	const struct rondo_options o = { .on_error = tell };

	(void)state;
	n_told = 0;
	assert_run_on(&rondo__kernel_linux, &o, first_error_main, NULL, 0);
	assert_log("e1 caught e2 ok-finished");
	assert_int_equal(n_told, 0);
}

static int cancelled_child_main(void *arg)
{
	struct worker w[] = { { "a", 9, 1, 0, 0, 0 }, { "b", 9, 2, 0, 0, 0 } };
	rondo_task *t[2], *b;

	(void)arg;
	create_workers(w, t, 2);
	b = rondo_task_ref(t[1]);
	CHECK_EQUAL(yield_times(1), 0);
	CHECK(rondo_cancel(t[0]));
	CHECK_EQUAL(rondo_gather(2, t, NULL, 0), -ECANCELED);
	CHECK_EQUAL(rondo_cancelling(rondo_current_task()), 0);
	CHECK_EQUAL(rondo_task_state(b), RONDO_PENDING);
	CHECK_EQUAL(rondo_cancelling(b), 0);
	CHECK_EQUAL(rondo_await(b), 2);
	return 0;
}

/* p19, W2: a child cancelled from outside is an error like others. */
static void test_a_cancelled_member_is_an_error_and_leaves_the_others_alone(void **state)
{
	(void)state;
	assert_run(cancelled_child_main, NULL, 0);
	assert_log("a b");
}

static int cancel_rest_main(void *arg)
{
	struct worker w[] = { { "a", 9, 1, 2, 0, 0 }, { "e", 1, -EIO, 0, 0, 0 },
			      { "b", 9, 2, 4, 0, -EPIPE }, { "c", 0, 3, 0, 0, 0 } };
	rondo_task *t[4];
	int results[4];

	(void)arg;
	create_workers(w, t, 4);
	CHECK_EQUAL(rondo_gather(4, t, results, RONDO_GATHER_CANCEL_REST), -EIO);
	note("gathered");
	CHECK_EQUAL(rondo__loop->n_live, 1);
	CHECK_EQUAL(results[0], -ECANCELED);
	CHECK_EQUAL(results[1], -EIO);
	CHECK_EQUAL(results[2], -EPIPE);
	CHECK_EQUAL(results[3], 3);
	return 0;
}

/* D7: the safe form, which asyncio does not have: nobody is left running. */
static void test_cancel_rest_cancels_the_others_and_waits_for_their_cleanup(void **state)
{
	(void)state;
	assert_run(cancel_rest_main, NULL, 0);
	assert_log("c e a b gathered");
}

static int cancel_rest_failed_main(void *arg)
{
	struct worker w[] = { { "a", 9, 1, 1, 0, 0 } };
	rondo_task *t[3];

	(void)arg;
	t[0] = create_worker(&w[0]);
	t[1] = create_returning(-EIO);
	CHECK_EQUAL(yield_times(1), 0);
	t[2] = NULL;
	CHECK_EQUAL(rondo_gather(3, t, NULL, RONDO_GATHER_CANCEL_REST), -EIO);
	CHECK_EQUAL(rondo__loop->n_live, 1);
	t[0] = create_worker(&w[0]);
	CHECK_EQUAL(yield_times(1), 0);
	CHECK_EQUAL(rondo_gather(2, (rondo_task *[]){ t[0], NULL }, NULL, RONDO_GATHER_CANCEL_REST),
		    -ENOMEM);
	CHECK_EQUAL(rondo__loop->n_live, 1);
	return 0;
}

static void test_cancel_rest_begins_with_an_error_that_is_there_already(void **state)
{
	(void)state;
	assert_run(cancel_rest_failed_main, NULL, 0);
	assert_log("a a");
}

/* --- cancelling a gather ------------------------------------------------------------------ */

struct gathering {
	struct worker *workers;
	size_t n;
	unsigned flags;
	int results[4];
	int ret, next;
};

static int gathers(void *arg)
{
	struct gathering *g = arg;
	rondo_task *t[4];

	create_workers(g->workers, t, g->n);
	g->ret = rondo_gather(g->n, t, g->results, g->flags);
	note("gather%d", g->ret);
	g->next = rondo_yield();
	return g->ret;
}

static int cancels_gather_main(void *arg)
{
	struct gathering *g = arg;
	rondo_task *t = rondo_create_task(gathers, g);

	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), g->ret);
	CHECK_EQUAL(g->next, 0);			/* the cancel was delivered */
	CHECK_EQUAL(yield_times(9), 0);
	return 0;
}

static void run_cancelled(struct gathering *g, const char *log)
{
	assert_run(cancels_gather_main, g, 0);
	assert_log(log);
}

/* p20, W3: the default resumes at the first child's end, others still cleaning up; ALL and
 * CANCEL_REST at the last one's; all raise. */
static void test_cancelling_a_gather_cancels_all_members(void **state)
{
	struct worker w[] = { { "a", 50, 1, 1, 0, 0 }, { "b", 50, 2, 4, 0, 0 } };
	struct gathering g = { .workers = w, .n = 2 };

	(void)state;
	run_cancelled(&g, "a gather-125 b");
	g.flags = RONDO_GATHER_ALL;
	run_cancelled(&g, "a b gather-125");
	assert_int_equal(g.results[0], -ECANCELED);
	assert_int_equal(g.results[1], -ECANCELED);
	g.flags = RONDO_GATHER_CANCEL_REST;
	run_cancelled(&g, "a b gather-125");
}

/* W3, bpo-32684 (python3: CancelledError in both modes): whatever the members make of it. */
static void test_a_cancelled_gather_says_so_although_all_members_swallowed_it(void **state)
{
	struct worker w[] = { { "a", 50, 1, 1, true, 0 }, { "b", 50, 2, 4, true, 0 } };
	struct gathering g = { .workers = w, .n = 2 };

	(void)state;
	run_cancelled(&g, "a b gather-125");
	g.flags = RONDO_GATHER_ALL;
	run_cancelled(&g, "a b gather-125");
	g.flags = RONDO_GATHER_CANCEL_REST;
	run_cancelled(&g, "a b gather-125");
	assert_int_equal(g.results[0], 1);		/* and yet nothing is lost */
	assert_int_equal(g.results[1], 2);
}

/* python3: ValueError by default, CancelledError with return_exceptions. */
static void test_an_error_while_cleaning_up_comes_out_of_a_cancelled_gather(void **state)
{
	struct worker w[] = { { "a", 50, 1, 1, true, 0 }, { "b", 50, 2, 2, 0, -EIO } };
	struct gathering g = { .workers = w, .n = 2 };

	(void)state;
	run_cancelled(&g, "a b gather-5");
	g.flags = RONDO_GATHER_CANCEL_REST;
	run_cancelled(&g, "a b gather-5");
	g.flags = RONDO_GATHER_ALL;
	run_cancelled(&g, "a b gather-125");
}

static int late_main(void *arg)
{
	struct worker w[] = { { "a", 1, 1, 0, 0, 0 } };
	struct gathering g = { .workers = w, .n = 1, .flags = *(unsigned *)arg };
	rondo_task *t = rondo_create_task(gathers, &g);

	/* Until the gather is over but has not returned: we are before it in the queue. */
	CHECK_EQUAL(yield_times(1), 0);
	while (t->wait)
		CHECK_EQUAL(yield_times(1), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	CHECK_EQUAL(g.ret, -ECANCELED);
	CHECK_EQUAL(g.results[0], 1);
	CHECK_EQUAL(g.next, 0);
	return 0;
}

/* T6. */
static void test_a_cancel_beats_a_gather_that_is_over_but_has_not_returned(void **state)
{
	unsigned flags[] = { 0, RONDO_GATHER_ALL, RONDO_GATHER_CANCEL_REST };

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_run(late_main, &flags[i], 0);
	step_log[0] = '\0';
}

static int pending_main(void *arg)
{
	struct worker w[] = { { "a", 50, 1, 0, 0, 0 }, { "b", 50, 2, 0, 0, 0 } };
	rondo_task *t[2];

	(void)arg;
	create_workers(w, t, 2);
	CHECK_EQUAL(yield_times(1), 0);
	CHECK(rondo_cancel(rondo_current_task()));
	CHECK_EQUAL(rondo_gather(2, t, NULL, RONDO_GATHER_ALL), -ECANCELED);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo__loop->n_live, 1);
	return 0;
}

/* T11 for gather. */
static void test_a_pending_cancel_goes_to_all_members(void **state)
{
	(void)state;
	assert_run(pending_main, NULL, 0);
	assert_log("a b");
}

/* --- handles ------------------------------------------------------------------------------ */

static int duplicates_main(void *arg)
{
	struct worker w = { "ran", 1, 1, 0, 0, 0 };
	rondo_task *a = create_worker(&w), *b = create_returning(2);
	rondo_task *t[] = { a, b, a, NULL, a, b };
	int results[6];

	(void)arg;
	CHECK_EQUAL(rondo_gather(6, t, results, RONDO_GATHER_ALL), 0);
	CHECK_EQUAL(results[0], 1);
	CHECK_EQUAL(results[1], 2);
	CHECK_EQUAL(results[2], 1);
	CHECK_EQUAL(results[3], -ENOMEM);
	CHECK_EQUAL(results[4], 1);
	CHECK_EQUAL(results[5], 2);
	return 0;
}

/* p21. */
static void test_a_task_named_twice_runs_once_and_is_told_twice(void **state)
{
	(void)state;
	assert_run(duplicates_main, NULL, 0);
	assert_log("ran");
}

static int keep_main(void *arg)
{
	rondo_task *t[2] = { create_returning(1), create_returning(2) };

	(void)arg;
	CHECK_EQUAL(rondo_gather(2, t, NULL, RONDO_GATHER_KEEP), 0);
	CHECK_EQUAL(rondo_task_state(t[0]), RONDO_DONE);
	CHECK_EQUAL(rondo_gather(2, t, NULL, RONDO_GATHER_KEEP | RONDO_GATHER_ALL), 0);
	CHECK_EQUAL(rondo_await(t[0]), 1);
	CHECK_EQUAL(rondo_await(t[1]), 2);
	return 0;
}

static void test_keep_leaves_the_handles_to_the_caller(void **state)
{
	(void)state;
	assert_run(keep_main, NULL, 0);
}

static int many_main(void *arg)
{
	size_t n = *(size_t *)arg;
	rondo_task **t = calloc(n, sizeof(*t));
	int *results = calloc(n, sizeof(*results));

	CHECK(t && results);
	for (size_t i = 0; i < n; i++)
		t[i] = create_returning((int)i);
	CHECK_EQUAL(rondo_gather(n, t, results, 0), 0);
	for (size_t i = 0; i < n; i++)
		CHECK_EQUAL(results[i], (int)i);
	CHECK_EQUAL(rondo__loop->n_live, 1);
	free(t);
	free(results);
	return 0;
}

static void test_gather_takes_any_number_of_tasks(void **state)
{
	static const size_t sizes[] = { 15, 16, 17, 1000, 50000 };

	(void)state;
	for (int i = 0; i < (STEP_CHECKED ? 4 : 5); i++) {
		size_t n = sizes[i];

		assert_run(many_main, &n, 0);
	}
}

static int two_gathers(void *arg)
{
	rondo_task **t = arg;

	return rondo_gather(2, t, NULL, RONDO_GATHER_KEEP);
}

static int shared_main(void *arg)
{
	struct worker w[] = { { "a", 4, 1, 0, 0, 0 }, { "b", 2, -EIO, 0, 0, 0 } };
	rondo_task *t[2], *g1, *g2;

	(void)arg;
	create_workers(w, t, 2);
	g1 = rondo_create_task(two_gathers, t);
	g2 = rondo_create_task(two_gathers, t);
	CHECK_EQUAL(rondo_await(g1), -EIO);
	CHECK_EQUAL(rondo_await(g2), -EIO);
	CHECK_EQUAL(rondo_await(t[0]), 1);
	CHECK_EQUAL(rondo_await(t[1]), -EIO);
	return 0;
}

static void test_two_gathers_may_wait_for_the_same_tasks(void **state)
{
	(void)state;
	assert_run(shared_main, NULL, 0);
	step_log[0] = '\0';
}

static int nested_gathers(void *arg)
{
	struct worker *w = arg;

	return RONDO_GATHER(create_worker(&w[0]), create_worker(&w[1]));
}

static int nested_main(void *arg)
{
	struct worker w[] = { { "a", 50, 1, 0, 0, 0 }, { "b", 50, 1, 0, 0, 0 },
			      { "c", 50, 1, 0, 0, 0 }, { "d", 50, 1, 0, 0, 0 } };
	rondo_task *left = rondo_create_task(nested_gathers, &w[0]);
	rondo_task *right = rondo_create_task(nested_gathers, &w[2]);
	rondo_task *both[] = { left, right }, *t = rondo_create_task(two_gathers, both);

	(void)arg;
	CHECK_EQUAL(yield_times(3), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	CHECK_EQUAL(rondo_await(left), -ECANCELED);
	CHECK_EQUAL(rondo_await(right), -ECANCELED);
	return 0;
}

/* python3 cancels depth first, in the order of the arguments. */
static void test_a_cancel_reaches_the_members_of_members_in_order(void **state)
{
	(void)state;
	assert_run(nested_main, NULL, 0);
	assert_log("a b c d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gather_all_gives_every_result_in_order_of_the_arguments),
		cmocka_unit_test(test_gather_returns_zero_and_the_results),
		cmocka_unit_test(test_gathering_finished_tasks_takes_no_turn),
		cmocka_unit_test(test_the_first_error_returns_at_once_and_the_others_run_on),
		cmocka_unit_test(test_a_cancelled_member_is_an_error_and_leaves_the_others_alone),
		cmocka_unit_test(test_cancel_rest_cancels_the_others_and_waits_for_their_cleanup),
		cmocka_unit_test(test_cancel_rest_begins_with_an_error_that_is_there_already),
		cmocka_unit_test(test_cancelling_a_gather_cancels_all_members),
		cmocka_unit_test(test_a_cancelled_gather_says_so_although_all_members_swallowed_it),
		cmocka_unit_test(test_an_error_while_cleaning_up_comes_out_of_a_cancelled_gather),
		cmocka_unit_test(test_a_cancel_beats_a_gather_that_is_over_but_has_not_returned),
		cmocka_unit_test(test_a_pending_cancel_goes_to_all_members),
		cmocka_unit_test(test_a_task_named_twice_runs_once_and_is_told_twice),
		cmocka_unit_test(test_keep_leaves_the_handles_to_the_caller),
		cmocka_unit_test(test_gather_takes_any_number_of_tasks),
		cmocka_unit_test(test_two_gathers_may_wait_for_the_same_tasks),
		cmocka_unit_test(test_a_cancel_reaches_the_members_of_members_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
