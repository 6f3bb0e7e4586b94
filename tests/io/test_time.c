/* SPDX-License-Identifier: MIT */
/* test_time.c - goal: the clock and the sleeping verbs as a user sees them: result, error,
 * cancel before start, cancel while parked, completion racing cancel, deadline. Method: table-
 * driven over the verbs that sleep, in all three timer modes; the timers below them have tests
 * of their own (loop/timer). */
#include "support/step.h"

#include <math.h>

#define FOR_EACH_MODE(o)                                                                           \
	for (struct rondo_options o = { .timers = 0 }; o.timers <= RONDO_TIMERS_SQE; o.timers++)

static int by_seconds(uint64_t delay_ns)
{
	return rondo_sleep((double)delay_ns / 1e9);
}

static int by_nanoseconds(uint64_t delay_ns)
{
	return rondo_sleep_ns(delay_ns);
}

static int by_deadline(uint64_t delay_ns)
{
	return rondo_sleep_until(rondo_now_ns() + delay_ns);
}

static int (*const verbs[])(uint64_t delay_ns) = { by_seconds, by_nanoseconds, by_deadline };
enum { N_VERBS = sizeof(verbs) / sizeof(verbs[0]) };

#define HOUR_NS UINT64_C(3600000000000)

struct nap {
	int (*verb)(uint64_t delay_ns);
	uint64_t delay_ns;
	int ret;
};

static int naps(void *arg)
{
	struct nap *n = arg;

	n->ret = n->verb(n->delay_ns);
	return n->ret;
}

static void run_matrix(rondo_fn *main)
{
	FOR_EACH_MODE(o)
		for (int i = 0; i < N_VERBS; i++)
			assert_run_on(&rondo__kernel_linux, &o, main, (void *)verbs[i], 0);
}

static int result_main(void *arg)
{
	int (*verb)(uint64_t) = (int (*)(uint64_t))arg;
	uint64_t start = rondo_now_ns();

	CHECK_EQUAL(verb(1500000), 0);
	CHECK(rondo_now_ns() - start + 1 >= 1500000);	/* 1: rounding of the double */
	CHECK_EQUAL(verb(0), 0);
	CHECK_EQUAL(verb(1), 0);
	return 0;
}

static void test_a_sleep_returns_zero_when_it_is_over(void **state)
{
	(void)state;
	run_matrix(result_main);
}

static int before_main(void *arg)
{
	int (*verb)(uint64_t) = (int (*)(uint64_t))arg;

	CHECK(rondo_cancel(rondo_current_task()));
	CHECK_EQUAL(verb(HOUR_NS), -ECANCELED);
	CHECK(rondo_cancel(rondo_current_task()));
	CHECK_EQUAL(verb(0), -ECANCELED);
	CHECK_EQUAL(verb(1000), 0);
	return 0;
}

static void test_a_cancel_before_the_start_ends_a_sleep(void **state)
{
	(void)state;
	run_matrix(before_main);
}

static int parked_main(void *arg)
{
	struct nap n = { (int (*)(uint64_t))arg, HOUR_NS, 1 };
	rondo_task *t = rondo_create_task(naps, &n);

	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	return 0;
}

static void test_a_cancel_wakes_a_sleeper(void **state)
{
	(void)state;
	run_matrix(parked_main);
}

static int racing_main(void *arg)
{
	for (unsigned i = 0; i < 50; i++) {
		struct nap n = { (int (*)(uint64_t))arg, 20000 + 2000 * i, 1 };
		rondo_task *t = rondo_create_task(naps, &n);
		uint64_t until;
		int ret;

		CHECK_EQUAL(yield_times(1), 0);
		until = rondo_now_ns() + 70000;
		while (rondo_now_ns() < until)
			;
		if (i & 1)
			CHECK_EQUAL(yield_times(1), 0);
		rondo_cancel(t);
		ret = rondo_await(t);
		CHECK(ret == 0 || ret == -ECANCELED);
		CHECK_EQUAL(n.ret, ret);
	}
	return 0;
}

static void test_a_sleep_that_ends_as_it_is_cancelled_ends_once(void **state)
{
	(void)state;
	run_matrix(racing_main);
}

static int sleeps_for_an_hour(void *arg)
{
	return ((int (*)(uint64_t))arg)(HOUR_NS);
}

static int deadline_main(void *arg)
{
	CHECK_EQUAL(rondo_wait_for(sleeps_for_an_hour, arg, 0.0005), -ETIMEDOUT);
	return rondo_yield();
}

static void test_a_deadline_ends_a_sleep(void **state)
{
	(void)state;
	run_matrix(deadline_main);
}

static int errors_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_sleep(NAN), -EINVAL);
	CHECK(rondo_cancel(rondo_current_task()));
	CHECK_EQUAL(rondo_sleep(NAN), -EINVAL);			/* and the cancel is still there */
	CHECK_EQUAL(rondo_yield(), -ECANCELED);
	return 0;
}

static void test_a_sleep_of_no_number_is_an_error(void **state)
{
	(void)state;
	assert_run(errors_main, NULL, 0);
}

static int clock_main(void *arg)
{
	uint64_t outside = *(uint64_t *)arg, ns = rondo_now_ns();
	double s = rondo_now();

	CHECK(ns >= outside);
	CHECK(s >= (double)ns / 1e9 - 1e-6);
	CHECK(s <= (double)ns / 1e9 + 60);
	return 0;
}

static void test_the_clock_is_the_same_inside_and_outside_of_loops(void **state)
{
	uint64_t now = rondo_now_ns();

	(void)state;
	assert_run(clock_main, &now, 0);
	assert_true(rondo_now_ns() >= now);
	assert_true(rondo_now() >= (double)now / 1e9 - 1e-6);
}

static int fake_clock_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_now_ns(), 1);
	CHECK_EQUAL(rondo_sleep_ns(5000), 0);
	CHECK_EQUAL(rondo_now_ns(), 5001);
	CHECK_EQUAL(rondo_sleep(0.5), 0);
	CHECK_EQUAL(rondo_now_ns(), 500005001);
	return 0;
}

/* The clock is the kernel's behind the seam, not libc's. */
static void test_the_clock_is_the_loops_kernels(void **state)
{
	struct step_kernel k;

	(void)state;
	step_kernel_init(&k, true);
	assert_run_on(&k.kernel, NULL, fake_clock_main, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_sleep_returns_zero_when_it_is_over),
		cmocka_unit_test(test_a_cancel_before_the_start_ends_a_sleep),
		cmocka_unit_test(test_a_cancel_wakes_a_sleeper),
		cmocka_unit_test(test_a_sleep_that_ends_as_it_is_cancelled_ends_once),
		cmocka_unit_test(test_a_deadline_ends_a_sleep),
		cmocka_unit_test(test_a_sleep_of_no_number_is_an_error),
		cmocka_unit_test(test_the_clock_is_the_same_inside_and_outside_of_loops),
		cmocka_unit_test(test_the_clock_is_the_loops_kernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
