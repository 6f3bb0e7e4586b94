/* SPDX-License-Identifier: MIT */
/* test_timeout.c - goal: a time limit cancels its own task, turns only its own cancel into
 * -ETIMEDOUT, and leaves the count of requests as it found it. Method: probes p26 to p29 of the
 * ordering oracle and rows W7 to W13, on a fake clock where the order of deadlines matters and
 * on the real one, in all timer modes, where it does not. */
#include "support/step.h"

#include <math.h>

#define FOR_EACH_MODE(o)                                                                           \
	for (struct rondo_options o = { .timers = 0 }; o.timers <= RONDO_TIMERS_SQE; o.timers++)

static unsigned cancelling(void)
{
	return rondo_cancelling(rondo_current_task());
}

static void run_in_all_modes(rondo_fn *main)
{
	FOR_EACH_MODE(o)
		assert_run_on(&rondo__kernel_linux, &o, main, NULL, 0);
}

static uint64_t n_timers(void)
{
	struct rondo_loop_stats stats;

	rondo_loop_stats(&stats);
	return stats.n_timers;
}

/* --- one limit ---------------------------------------------------------------------------- */

static int expires_main(void *arg)
{
	struct rondo_timeout limit;
	uint64_t start = rondo_now_ns();
	int ret;

	(void)arg;
	CHECK_EQUAL(rondo_timeout_begin(&limit, 0.002), 0);
	CHECK(!rondo_timeout_expired(&limit));
	CHECK(rondo_timeout_when(&limit) >= start + 2000000);
	ret = rondo_sleep(3600);
	CHECK_EQUAL(ret, -ECANCELED);
	CHECK(rondo_timeout_expired(&limit));
	CHECK_EQUAL(rondo_timeout_end(&limit, ret), -ETIMEDOUT);
	CHECK(rondo_timeout_expired(&limit));
	CHECK(rondo_now_ns() >= start + 2000000);
	CHECK_EQUAL(cancelling(), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(n_timers(), 0);
	return 0;
}

/* W10. */
static void test_a_limit_that_passes_is_etimedout(void **state)
{
	(void)state;
	run_in_all_modes(expires_main);
}

static int in_time_main(void *arg)
{
	struct rondo_timeout limit;

	(void)arg;
	CHECK_EQUAL(rondo_timeout_begin(&limit, 3600), 0);
	CHECK_EQUAL(n_timers(), 1);
	CHECK_EQUAL(rondo_timeout_end(&limit, rondo_sleep(0.0005)), 0);
	CHECK(!rondo_timeout_expired(&limit));
	CHECK_EQUAL(n_timers(), 0);
	CHECK_EQUAL(rondo_timeout_begin(&limit, 3600), 0);
	CHECK_EQUAL(rondo_timeout_end(&limit, -EIO), -EIO);
	CHECK_EQUAL(rondo_timeout_begin(&limit, 3600), 0);
	CHECK_EQUAL(rondo_timeout_end(&limit, -ECANCELED), -ECANCELED);
	return 0;
}

static void test_a_limit_that_holds_changes_nothing(void **state)
{
	(void)state;
	run_in_all_modes(in_time_main);
}

static int past_main(void *arg)
{
	static const double past[] = { 0, -1, -INFINITY };
	struct rondo_timeout limit;

	(void)arg;
	for (int i = 0; i < 3; i++) {
		CHECK_EQUAL(rondo_timeout_begin(&limit, past[i]), 0);
		CHECK_EQUAL(rondo_timeout_end(&limit, 5), 5);
		CHECK(!rondo_timeout_expired(&limit));
		CHECK_EQUAL(rondo_timeout_begin(&limit, past[i]), 0);
		CHECK_EQUAL(rondo_timeout_end(&limit, rondo_sleep(3600)), -ETIMEDOUT);
	}
	CHECK_EQUAL(rondo_timeout_begin_at(&limit, 1), 0);
	CHECK_EQUAL(rondo_timeout_end(&limit, rondo_sleep(3600)), -ETIMEDOUT);
	CHECK_EQUAL(cancelling(), 0);
	return 0;
}

/* p27, W10: a limit in the past fires at the next await, and so not in code without one. */
static void test_a_limit_in_the_past_fires_at_the_next_await(void **state)
{
	(void)state;
	run_in_all_modes(past_main);
}

static int past_yield_main(void *arg)
{
	struct rondo_timeout limit;

	(void)arg;
	for (int i = 0; i < 2000; i++) {
		CHECK_EQUAL(rondo_timeout_begin(&limit, 0), 0);
		CHECK_EQUAL(rondo_timeout_end(&limit, rondo_yield()), -ETIMEDOUT);
	}
	return 0;
}

/* p27: timeout(0) around sleep(0) is a TimeoutError, every time: it must not depend on how fast the
 * kernel's timer is. */
static void test_a_limit_of_zero_around_a_yield_always_fires(void **state)
{
	(void)state;
	run_in_all_modes(past_yield_main);
}

/* Let the kernel's timers be late, as on a machine whose timer has a coarse minimum. */
static int delay_timeouts(struct step_kernel *k, unsigned to_submit, unsigned n_wait)
{
	const struct io_uring_sq *sq = &k->ring->sq;

	(void)n_wait;
	for (unsigned i = 0, head = *sq->khead; i < to_submit; i++) {
		const struct io_uring_sqe *sqe = &sq->sqes[(head + i) & sq->ring_mask];
		struct __kernel_timespec *ts = (struct __kernel_timespec *)(uintptr_t)sqe->addr;

		if (sqe->opcode == IORING_OP_TIMEOUT)
			*ts = (struct __kernel_timespec){ .tv_sec = INT32_MAX };
	}
	return 0;
}

static int past_moved_main(void *arg)
{
	struct rondo_timeout limit;

	(void)arg;
	CHECK_EQUAL(rondo_timeout_begin_at(&limit, 1), 0);
	CHECK_EQUAL(rondo_timeout_end(&limit, rondo_yield()), -ETIMEDOUT);
	CHECK_EQUAL(rondo_timeout_begin(&limit, 3600), 0);
	CHECK_EQUAL(rondo_timeout_reschedule(&limit, 1), 0);
	CHECK_EQUAL(rondo_timeout_end(&limit, rondo_yield()), -ETIMEDOUT);
	return past_yield_main(NULL);
}

static void test_a_limit_in_the_past_does_not_wait_for_the_kernels_timer(void **state)
{
	const struct rondo_options o = { .no_sigint = true };
	struct step_kernel k;

	(void)state;
	step_kernel_init(&k, false);
	k.before_enter = delay_timeouts;
	assert_run_on(&k.kernel, &o, past_moved_main, NULL, 0);
}

static int odd_main(void *arg)
{
	struct rondo_timeout limit;
	static const double forever[] = { 1e18, INFINITY, 9e9 };

	(void)arg;
	CHECK_EQUAL(rondo_timeout_begin(&limit, NAN), -EINVAL);
	for (int i = 0; i < 3; i++) {
		CHECK_EQUAL(rondo_timeout_begin(&limit, forever[i]), 0);
		CHECK_EQUAL(rondo_timeout_end(&limit, rondo_sleep(0.0005)), 0);
	}
	CHECK_EQUAL(rondo_timeout_begin_at(&limit, UINT64_MAX), 0);
	CHECK_EQUAL(rondo_timeout_when(&limit), UINT64_MAX);
	CHECK_EQUAL(n_timers(), 0);
	CHECK_EQUAL(rondo_timeout_end(&limit, rondo_sleep(0.0005)), 0);
	return 0;
}

static void test_odd_limits_are_errors_or_very_long(void **state)
{
	(void)state;
	run_in_all_modes(odd_main);
}

/* --- what the code inside makes of it ----------------------------------------------------- */

static int inside_main(void *arg)
{
	struct rondo_timeout limit;

	(void)arg;
	/* Swallowed: no error, but expired. */
	CHECK_EQUAL(rondo_timeout_begin(&limit, 0.0005), 0);
	CHECK_EQUAL(rondo_sleep(3600), -ECANCELED);
	CHECK_EQUAL(rondo_timeout_end(&limit, 3), 3);
	CHECK(rondo_timeout_expired(&limit));
	CHECK_EQUAL(cancelling(), 0);
	/* Another error passes. */
	CHECK_EQUAL(rondo_timeout_begin(&limit, 0.0005), 0);
	CHECK_EQUAL(rondo_sleep(3600), -ECANCELED);
	CHECK_EQUAL(rondo_timeout_end(&limit, -EIO), -EIO);
	CHECK(rondo_timeout_expired(&limit));
	CHECK_EQUAL(cancelling(), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	return 0;
}

/* p27, W10. */
static void test_a_swallowed_limit_is_expired_but_no_error(void **state)
{
	(void)state;
	run_in_all_modes(inside_main);
}

static int cancels_me(void *arg)
{
	rondo_cancel(arg);
	return 0;
}

static int external_main(void *arg)
{
	rondo_task *self = rondo_current_task(), *t;
	struct rondo_timeout limit;

	(void)arg;
	CHECK_EQUAL(rondo_timeout_begin(&limit, 0.0005), 0);
	CHECK_EQUAL(rondo_sleep(3600), -ECANCELED);		/* the limit */
	t = rondo_create_task(cancels_me, self);
	CHECK_EQUAL(rondo_sleep(3600), -ECANCELED);		/* and somebody else */
	CHECK_EQUAL(rondo_timeout_end(&limit, -ECANCELED), -ECANCELED);
	CHECK(rondo_timeout_expired(&limit));
	CHECK_EQUAL(cancelling(), 1);
	CHECK_EQUAL(rondo_await(t), 0);
	/* The other way round, and no limit at all. */
	CHECK_EQUAL(rondo_uncancel(self), 0);
	CHECK_EQUAL(rondo_timeout_begin(&limit, 3600), 0);
	t = rondo_create_task(cancels_me, self);
	CHECK_EQUAL(rondo_sleep(3600), -ECANCELED);
	CHECK_EQUAL(rondo_timeout_end(&limit, -ECANCELED), -ECANCELED);
	CHECK(!rondo_timeout_expired(&limit));
	CHECK_EQUAL(cancelling(), 1);
	return rondo_await(t);
}

/* p28, W11: who else asked for the cancel wins. */
static void test_a_cancel_from_outside_is_not_turned_into_a_timeout(void **state)
{
	(void)state;
	run_in_all_modes(external_main);
}

static int entered_cancelled_main(void *arg)
{
	rondo_task *self = rondo_current_task();
	struct rondo_timeout limit;

	(void)arg;
	CHECK(rondo_cancel(self));
	CHECK_EQUAL(rondo_yield(), -ECANCELED);			/* swallowed, but counted */
	CHECK_EQUAL(rondo_timeout_begin(&limit, 0.0005), 0);
	CHECK_EQUAL(rondo_timeout_end(&limit, rondo_sleep(3600)), -ETIMEDOUT);
	CHECK_EQUAL(cancelling(), 1);
	return 0;
}

/* D5: the count at entry is what the limit compares with. */
static void test_requests_from_before_the_limit_do_not_count_against_it(void **state)
{
	(void)state;
	run_in_all_modes(entered_cancelled_main);
}

/* --- nested ------------------------------------------------------------------------------- */

static int nested_main(void *arg)
{
	struct rondo_timeout outer, inner;
	uint64_t deadline = rondo_now_ns() + 1000000;
	int ret;

	(void)arg;
	CHECK_EQUAL(rondo_timeout_begin_at(&outer, deadline), 0);
	CHECK_EQUAL(rondo_timeout_begin_at(&inner, deadline), 0);
	ret = rondo_timeout_end(&inner, rondo_sleep(3600));
	CHECK_EQUAL(ret, -ECANCELED);
	CHECK_EQUAL(cancelling(), 1);
	CHECK_EQUAL(rondo_timeout_end(&outer, ret), -ETIMEDOUT);
	CHECK(rondo_timeout_expired(&inner) && rondo_timeout_expired(&outer));
	CHECK_EQUAL(cancelling(), 0);
	return 0;
}

/* p26, W12: only the outermost says so. */
static void test_of_two_limits_that_pass_together_the_outer_one_times_out(void **state)
{
	(void)state;
	run_in_all_modes(nested_main);
}

static int nested_inner_main(void *arg)
{
	struct rondo_timeout outer, inner;

	(void)arg;
	CHECK_EQUAL(rondo_timeout_begin(&outer, 3600), 0);
	CHECK_EQUAL(rondo_timeout_begin(&inner, 0.0005), 0);
	CHECK_EQUAL(rondo_timeout_end(&inner, rondo_sleep(3600)), -ETIMEDOUT);
	CHECK_EQUAL(rondo_sleep(0.0005), 0);			/* the outer one goes on */
	CHECK_EQUAL(rondo_timeout_end(&outer, 0), 0);
	CHECK(!rondo_timeout_expired(&outer));
	/* And the outer one first. */
	CHECK_EQUAL(rondo_timeout_begin(&outer, 0.0005), 0);
	CHECK_EQUAL(rondo_timeout_begin(&inner, 3600), 0);
	CHECK_EQUAL(rondo_timeout_end(&inner, rondo_sleep(3600)), -ECANCELED);
	CHECK(!rondo_timeout_expired(&inner));
	CHECK_EQUAL(rondo_timeout_end(&outer, -ECANCELED), -ETIMEDOUT);
	CHECK_EQUAL(cancelling(), 0);
	CHECK_EQUAL(n_timers(), 0);
	return 0;
}

static void test_nested_limits_are_told_apart(void **state)
{
	(void)state;
	run_in_all_modes(nested_inner_main);
}

enum { DEPTH = 50 };

static int nests(unsigned depth, uint64_t deadline)
{
	struct rondo_timeout limit;

	if (depth == 0)
		return rondo_sleep(3600);
	if (rondo_timeout_begin_at(&limit, deadline + depth) < 0)
		return -EINVAL;
	return rondo_timeout_end(&limit, nests(depth - 1, deadline));
}

static int deep_main(void *arg)
{
	(void)arg;
	/* The innermost passes first, then all the others while it is being handled. */
	CHECK_EQUAL(nests(DEPTH, rondo_now_ns()), -ETIMEDOUT);
	CHECK_EQUAL(cancelling(), 0);
	CHECK_EQUAL(n_timers(), 0);
	return 0;
}

static void test_fifty_nested_limits_are_one_timeout(void **state)
{
	(void)state;
	run_in_all_modes(deep_main);
}

/* --- rescheduling ------------------------------------------------------------------------- */

static int reschedule_main(void *arg)
{
	struct rondo_timeout limit;
	uint64_t start = rondo_now_ns();

	(void)arg;
	CHECK_EQUAL(rondo_timeout_begin(&limit, 3600), 0);
	CHECK_EQUAL(rondo_timeout_reschedule(&limit, start + 2000000), 0);
	CHECK_EQUAL(rondo_timeout_when(&limit), start + 2000000);
	CHECK_EQUAL(n_timers(), 1);
	CHECK_EQUAL(rondo_timeout_end(&limit, rondo_sleep(3600)), -ETIMEDOUT);
	CHECK_EQUAL(rondo_timeout_reschedule(&limit, start), -EINVAL);

	CHECK_EQUAL(rondo_timeout_begin(&limit, 0.0005), 0);
	CHECK_EQUAL(rondo_timeout_reschedule(&limit, UINT64_MAX), 0);
	CHECK_EQUAL(n_timers(), 0);
	CHECK_EQUAL(rondo_sleep(0.002), 0);
	CHECK_EQUAL(rondo_timeout_reschedule(&limit, 1), 0);
	CHECK_EQUAL(rondo_sleep(3600), -ECANCELED);
	CHECK_EQUAL(rondo_timeout_reschedule(&limit, UINT64_MAX), -EINVAL);	/* expired */
	CHECK_EQUAL(rondo_timeout_end(&limit, -ECANCELED), -ETIMEDOUT);
	return 0;
}

/* W13. */
static void test_a_limit_can_be_moved_until_it_has_passed(void **state)
{
	(void)state;
	run_in_all_modes(reschedule_main);
}

/* --- what is waited for ------------------------------------------------------------------- */

static int waits_a_while(void *arg)
{
	int ret = rondo_sleep(*(double *)arg);

	note("inner%d", ret);
	return ret ? ret : 8;
}

static int through_await_main(void *arg)
{
	double forever = 3600, shortly = 0.0005;
	struct rondo_timeout limit;
	rondo_task *t;

	(void)arg;
	t = rondo_create_task(waits_a_while, &forever);
	CHECK_EQUAL(rondo_timeout_begin(&limit, 0.001), 0);
	CHECK_EQUAL(rondo_timeout_end(&limit, rondo_await(t)), -ETIMEDOUT);
	t = rondo_create_task(waits_a_while, &shortly);
	CHECK_EQUAL(rondo_timeout_begin(&limit, 3600), 0);
	CHECK_EQUAL(rondo_timeout_end(&limit, rondo_await(t)), 8);
	CHECK_EQUAL(cancelling(), 0);
	return 0;
}

/* T10 and W10 together. */
static void test_a_limit_cancels_the_task_that_is_awaited(void **state)
{
	(void)state;
	FOR_EACH_MODE(o) {
		assert_run_on(&rondo__kernel_linux, &o, through_await_main, NULL, 0);
		assert_log("inner-125 inner0");
	}
}

static int op_main(void *arg)
{
	struct rondo_timeout limit;
	int fds[2];
	char c;

	(void)arg;
	CHECK_EQUAL(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQUAL(rondo_timeout_begin(&limit, 0.001), 0);
	CHECK_EQUAL(rondo_timeout_end(&limit, read_op(fds[0], &c, 1)), -ETIMEDOUT);
	CHECK_EQUAL(write(fds[1], "x", 1), 1);
	CHECK_EQUAL(rondo_timeout_begin(&limit, 3600), 0);
	CHECK_EQUAL(rondo_timeout_end(&limit, read_op(fds[0], &c, 1)), 1);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static void test_a_limit_ends_an_op(void **state)
{
	(void)state;
	run_in_all_modes(op_main);
}

struct race {
	int fds[2];
	int ret;
	bool expired;
};

static int reads_with_limit(void *arg)
{
	struct race *r = arg;
	struct rondo_timeout limit;
	char c;

	CHECK_EQUAL(rondo_timeout_begin(&limit, 0.001), 0);
	r->ret = rondo_timeout_end(&limit, read_op(r->fds[0], &c, 1));
	r->expired = rondo_timeout_expired(&limit);
	CHECK_EQUAL(cancelling(), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	return 0;
}

static int race_main(void *arg)
{
	struct race r = { .ret = 1000 };
	rondo_task *t;
	uint64_t until;

	(void)arg;
	CHECK_EQUAL(pipe2(r.fds, O_CLOEXEC), 0);
	t = rondo_create_task(reads_with_limit, &r);
	CHECK_EQUAL(yield_times(2), 0);
	until = rondo_now_ns() + 2000000;
	CHECK_EQUAL(write(r.fds[1], "x", 1), 1);
	while (rondo_now_ns() < until)		/* now both are due in the same turn */
		;
	CHECK_EQUAL(rondo_await(t), 0);
	/* W8, D1: the byte is not lost, and a limit that it beat leaves no trace in the count. */
	if (r.ret == 1) {
		note("%s", "read");
	} else {
		char c;

		CHECK_EQUAL(r.ret, -ETIMEDOUT);
		CHECK_EQUAL(read(r.fds[0], &c, 1), 1);
	}
	close(r.fds[0]);
	close(r.fds[1]);
	return 0;
}

static void test_a_byte_and_a_limit_in_the_same_turn_lose_neither(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		run_in_all_modes(race_main);
	step_log[0] = '\0';
}

/* --- wait_for ----------------------------------------------------------------------------- */

static unsigned n_called;

static int counts_call(void *arg)
{
	n_called++;
	return rondo_sleep(*(double *)arg) < 0 ? -ECANCELED : 4;
}

static int swallows(void *arg)
{
	(void)arg;
	return rondo_sleep(3600) == -ECANCELED ? 42 : 0;
}

static int cleans_up(void *arg)
{
	int ret = rondo_sleep(3600);

	if (ret < 0 && rondo_sleep(0.003) == 0)
		note("cleaned-up");
	*(rondo_task **)arg = rondo_current_task();
	return ret;
}

static int fails_in_cleanup(void *arg)
{
	(void)arg;
	return rondo_sleep(3600) < 0 ? -EIO : 0;
}

static int wait_for_main(void *arg)
{
	double shortly = 0.0005, forever = 3600;
	rondo_task *ran_in = NULL;
	uint64_t start;

	(void)arg;
	n_called = 0;
	CHECK_EQUAL(rondo_wait_for(counts_call, &shortly, 0), -ETIMEDOUT);
	CHECK_EQUAL(rondo_wait_for(counts_call, &shortly, -1), -ETIMEDOUT);
	CHECK_EQUAL(rondo_wait_for(counts_call, &shortly, NAN), -EINVAL);
	CHECK_EQUAL(n_called, 0);
	CHECK_EQUAL(rondo_wait_for(counts_call, &shortly, 3600), 4);
	CHECK_EQUAL(rondo_wait_for(counts_call, &shortly, INFINITY), 4);
	CHECK_EQUAL(rondo_wait_for(counts_call, &forever, 0.0005), -ETIMEDOUT);
	CHECK_EQUAL(n_called, 3);
	CHECK_EQUAL(rondo_wait_for(swallows, NULL, 0.0005), 42);
	CHECK_EQUAL(rondo_wait_for(fails_in_cleanup, NULL, 0.0005), -EIO);
	start = rondo_now_ns();
	CHECK_EQUAL(rondo_wait_for(cleans_up, &ran_in, 0.0005), -ETIMEDOUT);
	CHECK(rondo_now_ns() - start >= 3500000);
	CHECK(ran_in == rondo_current_task());
	CHECK_EQUAL(cancelling(), 0);
	CHECK_EQUAL(n_timers(), 0);
	return 0;
}

/* p29, W7. */
static void test_wait_for_calls_in_the_same_task_and_waits_for_its_cleanup(void **state)
{
	(void)state;
	FOR_EACH_MODE(o) {
		assert_run_on(&rondo__kernel_linux, &o, wait_for_main, NULL, 0);
		assert_log("cleaned-up");
	}
}

static int waits_for_long(void *arg)
{
	double forever = 3600;

	(void)arg;
	return rondo_wait_for(counts_call, &forever, 3600);
}

static int cancelled_wait_for_main(void *arg)
{
	rondo_task *t = rondo_create_task(waits_for_long, NULL);

	(void)arg;
	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	CHECK_EQUAL(n_timers(), 0);
	return 0;
}

/* W7: a cancel from outside always comes through. */
static void test_a_cancel_comes_through_wait_for(void **state)
{
	(void)state;
	run_in_all_modes(cancelled_wait_for_main);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_limit_that_passes_is_etimedout),
		cmocka_unit_test(test_a_limit_that_holds_changes_nothing),
		cmocka_unit_test(test_a_limit_in_the_past_fires_at_the_next_await),
		cmocka_unit_test(test_a_limit_of_zero_around_a_yield_always_fires),
		cmocka_unit_test(test_a_limit_in_the_past_does_not_wait_for_the_kernels_timer),
		cmocka_unit_test(test_odd_limits_are_errors_or_very_long),
		cmocka_unit_test(test_a_swallowed_limit_is_expired_but_no_error),
		cmocka_unit_test(test_a_cancel_from_outside_is_not_turned_into_a_timeout),
		cmocka_unit_test(test_requests_from_before_the_limit_do_not_count_against_it),
		cmocka_unit_test(test_of_two_limits_that_pass_together_the_outer_one_times_out),
		cmocka_unit_test(test_nested_limits_are_told_apart),
		cmocka_unit_test(test_fifty_nested_limits_are_one_timeout),
		cmocka_unit_test(test_a_limit_can_be_moved_until_it_has_passed),
		cmocka_unit_test(test_a_limit_cancels_the_task_that_is_awaited),
		cmocka_unit_test(test_a_limit_ends_an_op),
		cmocka_unit_test(test_a_byte_and_a_limit_in_the_same_turn_lose_neither),
		cmocka_unit_test(test_wait_for_calls_in_the_same_task_and_waits_for_its_cleanup),
		cmocka_unit_test(test_a_cancel_comes_through_wait_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
