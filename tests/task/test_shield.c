/* SPDX-License-Identifier: MIT */
/* test_shield.c - goal: a cancel stops at a shield and waits at the end of a mask, and in
 * neither case is it lost, doubled, or taken for somebody else's. Method: row W5 and probe p24,
 * then masks around and inside limits and groups, where counts tell whose request it was. Cancel
 * messages (T14) and eager tasks (T23, p51) are here too: they are about the first and last
 * steps of a task. */
#include "rondo/future.h"
#include "rondo/group.h"
#include "support/matrix.h"
#include "support/step.h"

/* --- shield -------------------------------------------------------------------------------- */

static int inner(void *arg)
{
	int ret = yield_times(4);

	note("inner:%d", ret);
	return ret < 0 ? ret : (int)(intptr_t)arg;
}

static int outer(void *arg)
{
	int ret = rondo_shield(arg);

	note("outer:%d", ret);
	return ret;
}

static int shield_main(void *arg)
{
	rondo_task *in = rondo_create_task(inner, (void *)3);
	rondo_task *out = rondo_create_task(outer, rondo_task_ref(in));

	(void)arg;
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(rondo_cancel(out));
	CHECK_EQUAL(rondo_await(out), -ECANCELED);
	CHECK_EQUAL(rondo_task_state(in), RONDO_PENDING);
	return rondo_await(in);
}

/* p24, W5. */
static void test_a_cancel_stops_at_a_shield(void **state)
{
	(void)state;
	assert_run(shield_main, NULL, 3);
	assert_log("outer:-125 inner:0");
}

static int cancelled_inside_main(void *arg)
{
	rondo_task *in = rondo_create_task(inner, NULL);
	rondo_task *out = rondo_create_task(outer, rondo_task_ref(in));

	(void)arg;
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(rondo_cancel_with(in, "inside"));
	CHECK_EQUAL(rondo_await(rondo_task_ref(out)), -ECANCELED);
	CHECK_EQUAL(rondo_cancelling(out), 0);
	CHECK(!strcmp(rondo_cancel_message(out), "inside"));
	rondo_detach(out);
	rondo_detach(in);
	return 0;
}

/* W5: the inner task cancelled by somebody else. */
static void test_a_shielded_task_that_is_cancelled_says_so(void **state)
{
	(void)state;
	assert_run(cancelled_inside_main, NULL, 0);
	assert_log("inner:-125 outer:-125");
}

static int fails(void *arg)
{
	(void)arg;
	return rondo_yield() < 0 ? -ECANCELED : -EIO;
}

static int n_reports;

static void count_report(const struct rondo_report *r, void *arg)
{
	(void)arg;
	n_reports += r->error == -EIO;
}

static int orphan_main(void *arg)
{
	rondo_task *out;

	(void)arg;
	CHECK_EQUAL(rondo_shield(rondo_create_task(fails, NULL)), -EIO);
	CHECK_EQUAL(rondo_shield(NULL), -ENOMEM);
	CHECK_EQUAL(rondo_shield(rondo_current_task()), -EDEADLK);
	CHECK_EQUAL(n_reports, 0);
	out = rondo_create_task(outer, rondo_create_task(fails, NULL));
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(rondo_cancel(out));
	CHECK_EQUAL(rondo_await(out), -ECANCELED);
	CHECK_EQUAL(yield_times(3), 0);
	CHECK_EQUAL(n_reports, 1);
	return 0;
}

/* p25 (3.14), K11: who was to see the error has gone, so it is told. */
static void test_the_error_of_an_orphan_is_told(void **state)
{
	const struct rondo_options o = { .on_error = count_report };

	(void)state;
	n_reports = 0;
	assert_run_on(&rondo__kernel_linux, &o, orphan_main, NULL, 0);
}

static struct rondo_future gate;
static rondo_task *target;

static int passes_gate(void *arg)
{
	(void)arg;
	return rondo_future_await(&gate);
}

static int shield_new(void *arg)
{
	(void)arg;
	if (!target) {
		rondo_future_init(&gate);
		target = rondo_create_task(passes_gate, NULL);
	}
	return rondo_shield(rondo_task_ref(target));
}

static int open_gate(void *arg)
{
	(void)arg;
	rondo_future_set_result(&gate, 6);
	return 0;
}

static int no_target(void *arg)
{
	(void)arg;
	target = NULL;
	return 0;
}

static void test_shield_fits_the_matrix(void **state)
{
	const struct matrix_verb v = { .start = shield_new, .finish = open_gate,
				       .prepare = no_target, .result = 6 };

	(void)state;
	matrix_check("rondo_shield", &v);
}

/* --- masks --------------------------------------------------------------------------------- */

static int cleans_up(void *arg)
{
	struct rondo_mask mask;
	int ret;

	(void)arg;
	rondo_mask_begin(&mask);
	ret = yield_times(3);
	note("cleaned:%d", ret);
	rondo_mask_end(&mask);
	ret = rondo_yield();
	note("then:%d,%u", ret, rondo_cancelling(rondo_current_task()));
	return ret;
}

static int mask_main(void *arg)
{
	rondo_task *t = rondo_create_task(cleans_up, NULL);

	(void)arg;
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_cancelling(t), 2);
	return rondo_await(t);
}

/* W5 (b). */
static void test_a_cancel_waits_for_the_end_of_a_mask(void **state)
{
	(void)state;
	assert_run(mask_main, NULL, -ECANCELED);
	assert_log("cleaned:0 then:-125,2");
}

static int pending_main(void *arg)
{
	struct rondo_mask outer_mask, inner_mask;
	rondo_task *self = rondo_current_task();

	(void)arg;
	CHECK(rondo_cancel(self));
	rondo_mask_begin(&outer_mask);
	rondo_mask_begin(&inner_mask);
	CHECK_EQUAL(rondo_yield(), 0);
	rondo_mask_end(&inner_mask);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_sleep(0.0001), 0);
	rondo_mask_end(&outer_mask);
	CHECK_EQUAL(rondo_yield(), -ECANCELED);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_uncancel(self), 0);
	return 0;
}

static void test_a_cancel_from_before_the_mask_waits_too(void **state)
{
	(void)state;
	assert_run(pending_main, NULL, 0);
}

static int forgotten_main(void *arg)
{
	struct rondo_mask mask;
	rondo_task *self = rondo_current_task();

	(void)arg;
	rondo_mask_begin(&mask);
	CHECK(rondo_cancel(self));
	CHECK(rondo_cancel(self));
	CHECK_EQUAL(rondo_uncancel(self), 1);
	CHECK_EQUAL(rondo_uncancel(self), 0);
	rondo_mask_end(&mask);
	CHECK_EQUAL(rondo_yield(), 0);
	return 0;
}

/* T12: at zero it is forgotten, in a mask as outside. */
static void test_a_held_request_taken_back_is_forgotten(void **state)
{
	(void)state;
	assert_run(forgotten_main, NULL, 0);
}

static int awaits_masked(void *arg)
{
	struct rondo_mask mask;
	int ret;

	rondo_mask_begin(&mask);
	ret = rondo_await(arg);
	note("awaited:%d", ret);
	rondo_mask_end(&mask);
	return rondo_yield();
}

static int forward_main(void *arg)
{
	rondo_task *in = rondo_create_task(inner, (void *)3);
	rondo_task *t = rondo_create_task(awaits_masked, in);
	rondo_task *top = rondo_create_task(outer, NULL);

	(void)arg;
	rondo_detach(top);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(rondo_cancel(t));
	return rondo_await(t);
}

/* T10 ends at a mask: the task awaited inside is not asked either. */
static void test_a_mask_keeps_a_cancel_from_what_is_awaited_inside(void **state)
{
	(void)state;
	assert_run(forward_main, NULL, -ECANCELED);
	assert_log("outer:-12 inner:0 awaited:3");
}

static int limit_main(void *arg)
{
	struct rondo_mask mask;
	struct rondo_timeout limit;
	rondo_task *self = rondo_current_task();

	(void)arg;
	rondo_mask_begin(&mask);
	CHECK(rondo_cancel(self));
	CHECK_EQUAL(rondo_timeout_begin(&limit, 0.001), 0);
	CHECK_EQUAL(rondo_timeout_end(&limit, rondo_sleep(3600)), -ETIMEDOUT);
	CHECK(rondo_cancel(self));
	CHECK_EQUAL(rondo_timeout_begin(&limit, 0.001), 0);
	CHECK(rondo_cancel(self));
	CHECK_EQUAL(rondo_timeout_end(&limit, rondo_sleep(3600)), -ETIMEDOUT);
	CHECK_EQUAL(rondo_cancelling(self), 3);
	rondo_mask_end(&mask);
	CHECK_EQUAL(rondo_yield(), -ECANCELED);
	return 0;
}

/* W5 (b), with a deadline: the limit is inside, so it comes through, and is not taken for the
 * rest. */
static void test_a_limit_inside_a_mask_ends_the_cleanup(void **state)
{
	(void)state;
	assert_run(limit_main, NULL, 0);
}

static int deep_main(void *arg)
{
	struct rondo_mask a, b;
	struct rondo_timeout limit;
	rondo_task *self = rondo_current_task();

	(void)arg;
	rondo_mask_begin(&a);
	CHECK_EQUAL(rondo_timeout_begin(&limit, 0.001), 0);
	rondo_mask_begin(&b);
	CHECK(rondo_cancel(self));
	CHECK_EQUAL(rondo_sleep(0.01), 0);
	CHECK(rondo_timeout_expired(&limit));
	rondo_mask_end(&b);
	CHECK_EQUAL(rondo_timeout_end(&limit, rondo_yield()), -ETIMEDOUT);
	CHECK_EQUAL(rondo_yield(), 0);
	rondo_mask_end(&a);
	CHECK_EQUAL(rondo_yield(), -ECANCELED);
	CHECK_EQUAL(rondo_cancelling(self), 1);
	return 0;
}

static void test_each_mask_gives_back_what_it_held(void **state)
{
	(void)state;
	assert_run(deep_main, NULL, 0);
}

static int outer_limit_main(void *arg)
{
	struct rondo_timeout limit;
	struct rondo_mask mask;

	(void)arg;
	CHECK_EQUAL(rondo_timeout_begin(&limit, 0.001), 0);
	rondo_mask_begin(&mask);
	CHECK_EQUAL(rondo_sleep(0.01), 0);
	rondo_mask_end(&mask);
	CHECK_EQUAL(rondo_timeout_end(&limit, rondo_yield()), -ETIMEDOUT);
	CHECK_EQUAL(rondo_cancelling(rondo_current_task()), 0);
	return 0;
}

static void test_a_limit_around_a_mask_waits_for_its_end(void **state)
{
	(void)state;
	assert_run(outer_limit_main, NULL, 0);
}

static int group_main(void *arg)
{
	struct rondo_task_group g;
	struct rondo_mask mask;
	rondo_task *self = rondo_current_task();

	(void)arg;
	rondo_mask_begin(&mask);
	CHECK(rondo_cancel(self));
	CHECK_EQUAL(rondo_task_group_begin(&g), 0);
	CHECK_EQUAL(rondo_task_group_spawn(&g, fails, NULL), 0);
	CHECK_EQUAL(rondo_task_group_end(&g, rondo_sleep(3600)), -RONDO_EGROUP);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_task_group_begin(&g), 0);
	rondo_task_group_cancel(&g);
	CHECK_EQUAL(rondo_task_group_end(&g, rondo_yield()), 0);
	rondo_mask_end(&mask);
	CHECK_EQUAL(rondo_yield(), -ECANCELED);
	CHECK_EQUAL(rondo_cancelling(self), 1);
	return 0;
}

static void test_a_group_inside_a_mask_can_stop_its_body(void **state)
{
	(void)state;
	assert_run(group_main, NULL, 0);
}

static int leaves_a_mask(void *arg)
{
	static struct rondo_mask mask;

	rondo_mask_begin(arg ? arg : &mask);
	return 0;
}

static int leaves_mask_in_child(void)
{
	return rondo_run(leaves_a_mask, NULL);
}

static int ends_wrong_mask(void *arg)
{
	struct rondo_mask a, b;

	(void)arg;
	rondo_mask_begin(&a);
	rondo_mask_begin(&b);
	rondo_mask_end(&a);
	return 0;
}

static int ends_wrong_mask_in_child(void)
{
	return rondo_run(ends_wrong_mask, NULL);
}

static void test_masks_that_do_not_nest_are_bugs(void **state)
{
	(void)state;
	assert_bug(leaves_mask_in_child, "ended inside a mask region");
	assert_bug(ends_wrong_mask_in_child, "not the innermost");
}

/* --- messages ------------------------------------------------------------------------------ */

static int waits_for(void *arg)
{
	return rondo_await(arg);
}

static int gathers(void *arg)
{
	rondo_task *t = arg;

	return rondo_gather(1, &t, NULL, RONDO_GATHER_KEEP);
}

static int message_main(void *arg)
{
	rondo_task *in = rondo_create_task(inner, NULL);
	rondo_task *t = rondo_create_task(arg ? gathers : waits_for, rondo_task_ref(in));

	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(!rondo_cancel_message(t));
	CHECK(rondo_cancel_with(t, "because"));
	CHECK_EQUAL(rondo_await(rondo_task_ref(t)), -ECANCELED);
	CHECK(!strcmp(rondo_cancel_message(t), "because"));
	CHECK(!strcmp(rondo_cancel_message(in), "because"));
	CHECK(!strcmp(rondo_cancel_message(rondo_current_task()), "because"));
	CHECK(!rondo_cancel_with(t, "too late"));
	CHECK(!strcmp(rondo_cancel_message(t), "because"));
	rondo_detach(t);
	rondo_detach(in);
	return 0;
}

/* T14: through await and gather, to the awaited and back. */
static void test_a_message_goes_with_the_cancel(void **state)
{
	(void)state;
	assert_run(message_main, NULL, 0);
	assert_log("inner:-125");
	assert_run(message_main, word("gather"), 0);
	assert_log("inner:-125");
}

/* --- eager tasks --------------------------------------------------------------------------- */

static int eager_body(void *arg)
{
	note("in:%d", rondo_current_task() == arg);
	return 9;
}

static int eager_blocks(void *arg)
{
	(void)arg;
	note("d1");
	CHECK_EQUAL(rondo_yield(), 0);
	note("d2");
	return 1;
}

static int eager_main(void *arg)
{
	const struct rondo_task_options eager = { .eager = true };
	rondo_task *self = rondo_current_task(), *t, *two[2];
	struct rondo_done_callback cb;
	uint64_t n_turns = rondo__loop->n_turns;

	(void)arg;
	(void)cb;
	t = rondo_create_task_with(&eager, eager_body, self);
	note("done:%d", rondo_task_state(t) == RONDO_DONE);
	CHECK(rondo_current_task() == self);
	CHECK_EQUAL(rondo_await(t), 9);
	two[0] = rondo_create_task_with(&eager, eager_body, self);
	two[1] = rondo_create_task_with(&eager, eager_body, self);
	CHECK_EQUAL(rondo_gather(2, two, NULL, 0), 0);
	CHECK_EQUAL(rondo__loop->n_turns, n_turns);
	t = rondo_create_task_with(&eager, eager_blocks, NULL);
	note("back");
	return rondo_await(t);
}

/* p51, T23. */
static void test_an_eager_task_runs_until_it_waits(void **state)
{
	(void)state;
	assert_run(eager_main, NULL, 1);
	assert_log("in:0 done:1 in:0 in:0 d1 back d2");
}

static int eager_nested(void *arg)
{
	const struct rondo_task_options eager = { .eager = true };
	intptr_t depth = (intptr_t)arg;
	void *deeper = (void *)(depth - 1);
	int ret;

	note("%d", (int)depth);
	if (depth)
		ret = rondo_await(rondo_create_task_with(&eager, eager_nested, deeper));
	else
		ret = rondo_yield();
	note("%d", (int)depth);
	return ret;
}

static int eager_order_main(void *arg)
{
	const struct rondo_task_options eager = { .eager = true };
	rondo_task *plain = rondo_create_task(inner, NULL), *t;

	(void)arg;
	t = rondo_create_task_with(&eager, eager_nested, (void *)2);
	note("main");
	CHECK_EQUAL(rondo_await(t), 0);
	return rondo_await(plain);
}

/* T23: nothing else runs in between, not even what was ready before. */
static void test_eager_tasks_nest_and_nobody_else_runs_meanwhile(void **state)
{
	(void)state;
	assert_run(eager_order_main, NULL, 0);
	assert_log("2 1 0 main 0 1 2 inner:0");
}

static int cancels_creator(void *arg)
{
	CHECK(rondo_cancel(arg));
	return 0;
}

static int eager_cancel_main(void *arg)
{
	const struct rondo_task_options eager = { .eager = true };
	rondo_task *self = rondo_current_task(), *t;

	(void)arg;
	t = rondo_create_task_with(&eager, cancels_creator, self);
	note("on");
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(rondo_yield(), -ECANCELED);
	return 0;
}

static void test_an_eager_task_may_cancel_its_creator(void **state)
{
	(void)state;
	assert_run(eager_cancel_main, NULL, 0);
	assert_log("on");
}

static int creates_and_returns(void *arg)
{
	const struct rondo_task_options eager = { .eager = true };

	(void)arg;
	return rondo_await(rondo_create_task_with(&eager, cancels_creator, rondo_current_task()));
}

static int swallows_first(void *arg)
{
	CHECK_EQUAL(rondo_sleep(60), -ECANCELED);
	return creates_and_returns(arg);
}

static int eager_return_main(void *swallows)
{
	rondo_task *t = rondo_create_task(swallows ? swallows_first : creates_and_returns, NULL);

	CHECK_EQUAL(rondo_yield(), 0);
	if (swallows) {
		CHECK(rondo_cancel(t));
		CHECK(rondo_cancel(t));		/* it is ready by now */
		CHECK_EQUAL(rondo_yield(), 0);
	}
	CHECK_EQUAL(rondo_task_state(t), RONDO_CANCELLED);
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	return 0;
}

/* T8: as if it had asked itself, it is cancelled although it returns. */
static void test_a_creator_cancelled_by_its_eager_task_cannot_return_well(void **state)
{
	(void)state;
	assert_run(eager_return_main, NULL, 0);
	assert_run(eager_return_main, word("swallows"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_cancel_stops_at_a_shield),
		cmocka_unit_test(test_a_shielded_task_that_is_cancelled_says_so),
		cmocka_unit_test(test_the_error_of_an_orphan_is_told),
		cmocka_unit_test(test_shield_fits_the_matrix),
		cmocka_unit_test(test_a_cancel_waits_for_the_end_of_a_mask),
		cmocka_unit_test(test_a_cancel_from_before_the_mask_waits_too),
		cmocka_unit_test(test_a_held_request_taken_back_is_forgotten),
		cmocka_unit_test(test_a_mask_keeps_a_cancel_from_what_is_awaited_inside),
		cmocka_unit_test(test_a_limit_inside_a_mask_ends_the_cleanup),
		cmocka_unit_test(test_each_mask_gives_back_what_it_held),
		cmocka_unit_test(test_a_limit_around_a_mask_waits_for_its_end),
		cmocka_unit_test(test_a_group_inside_a_mask_can_stop_its_body),
		cmocka_unit_test(test_masks_that_do_not_nest_are_bugs),
		cmocka_unit_test(test_a_message_goes_with_the_cancel),
		cmocka_unit_test(test_an_eager_task_runs_until_it_waits),
		cmocka_unit_test(test_eager_tasks_nest_and_nobody_else_runs_meanwhile),
		cmocka_unit_test(test_an_eager_task_may_cancel_its_creator),
		cmocka_unit_test(test_a_creator_cancelled_by_its_eager_task_cannot_return_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
