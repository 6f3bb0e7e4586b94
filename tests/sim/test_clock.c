/* SPDX-License-Identifier: MIT */
/* test_clock.c - goal: in some seeds a host's wall clock runs fast or slow, by no more than was asked
 * for, and never without faults; sleeping does not care, an alarm by the wall clock does.
 * Method: what the clock says before and after a sleep of a day, over many seeds. */
#include "support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <rondo_sim.h>
#include <sys/stat.h>

#include "loop/op.h"

enum { DAY_S = 86400, SEEDS = 300 };
#define NS UINT64_C(1000000000)

static uint64_t clock_ns(clockid_t clock)
{
	const struct kernel *k = rondo__self()->loop->ring.kernel;

	return k->now(k, clock);
}

static int measure_ppm(void *arg)
{
	uint64_t wall = clock_ns(CLOCK_REALTIME), start = clock_ns(CLOCK_MONOTONIC), slept;

	CHECK_EQUAL(rondo_sleep(DAY_S), 0);
	slept = clock_ns(CLOCK_MONOTONIC) - start;
	CHECK(slept >= DAY_S * NS && slept < (DAY_S + 1) * NS);
	wall = clock_ns(CLOCK_REALTIME) - wall;
	/* Reading a clock takes some nanoseconds itself. */
	*(int *)arg = (int)(((int64_t)wall - (int64_t)slept + (wall > slept ? 500 : -500)) /
			    (int64_t)(slept / 1000000));
	return 0;
}

static int run(struct rondo_sim_options *o, rondo_fn *main, void *arg)
{
	o->end_ns = 10 * DAY_S * NS;
	return rondo_sim_run(o, main, arg);
}

struct range {
	int min, max;
	unsigned n_drifting;
};

static struct range drifts(struct rondo_sim_options o)
{
	struct range r = { 0 };

	for (o.seed = 1; o.seed <= SEEDS; o.seed++) {
		int ppm = 0;

		assert_int_equal(run(&o, measure_ppm, &ppm), 0);
		r.min = ppm < r.min ? ppm : r.min;
		r.max = ppm > r.max ? ppm : r.max;
		r.n_drifting += ppm != 0;
	}
	assert_checks_passed();
	return r;
}

static void test_wall_clocks_drift_both_ways_by_500_ppm_at_most(void **state)
{
	struct range r = drifts((struct rondo_sim_options){ .only_faults = "WALL_DRIFT" });

	(void)state;
	assert_in_range(r.max, 100, 500);
	assert_in_range(-r.min, 100, 500);
	assert_in_range(r.n_drifting, SEEDS / 20, SEEDS / 2);
}

static void test_the_limit_of_drift_is_an_option(void **state)
{
	struct range r = drifts((struct rondo_sim_options){ .only_faults = "WALL_DRIFT",
							    .wall_drift_ppm = 3 });
	struct rondo_sim_options o = { .wall_drift_ppm = 100001 };
	int ppm;

	(void)state;
	assert_int_equal(r.max, 3);
	assert_int_equal(r.min, -3);
	assert_int_equal(run(&o, measure_ppm, &ppm), -EINVAL);
	o.wall_drift_ppm = 100000;
	assert_int_equal(run(&o, measure_ppm, &ppm), 0);
}

static void test_without_faults_there_is_no_drift(void **state)
{
	(void)state;
	assert_int_equal(drifts((struct rondo_sim_options){ .no_faults = true }).n_drifting, 0);
	assert_int_equal(drifts((struct rondo_sim_options){ .only_faults = "SHORT_READ" }).n_drifting,
			 0);
}

/* --- what a program sees of it --------------------------------------------------------------- */

static uint64_t mtime_of_new(const char *name)
{
	struct statx st = { 0 };
	int fd = rondo_open(name, O_CREAT | O_WRONLY, 0600);

	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_statx(fd, "", AT_EMPTY_PATH, STATX_MTIME, &st), 0);
	CHECK_EQUAL(rondo_close(fd), 0);
	return (uint64_t)st.stx_mtime.tv_sec * NS + st.stx_mtime.tv_nsec;
}

static int makes_two_files(void *arg)
{
	uint64_t first = mtime_of_new("first");

	CHECK_EQUAL(rondo_sleep(DAY_S), 0);
	*(uint64_t *)arg = mtime_of_new("second") - first;
	return 0;
}

static void test_times_of_files_are_by_the_wall_clock(void **state)
{
	struct rondo_sim_options o = { .only_faults = "WALL_DRIFT" };
	unsigned n_fast = 0, n_slow = 0;

	(void)state;
	for (o.seed = 1; o.seed <= SEEDS; o.seed++) {
		uint64_t apart = 0;
		int ppm = 0;

		assert_int_equal(run(&o, measure_ppm, &ppm), 0);
		assert_int_equal(run(&o, makes_two_files, &apart), 0);
		if (ppm > 1)
			assert_true(apart > DAY_S * NS);
		if (ppm < -20)		/* more than opening took */
			assert_true(apart < DAY_S * NS);
		n_fast += ppm > 1;
		n_slow += ppm < -20;
	}
	assert_true(n_fast && n_slow);
	assert_checks_passed();
}

/* --- an alarm by the wall clock -------------------------------------------------------------- */

static int waits_for_the_wall(void *arg)
{
	uint64_t end = clock_ns(CLOCK_REALTIME) + DAY_S * NS, is;
	struct __kernel_timespec ts = { .tv_sec = (long long)(end / NS),
					.tv_nsec = (long long)(end % NS) };
	struct op op;

	(void)arg;
	io_uring_prep_timeout(rondo__op_begin(&op), &ts, 0,
			      IORING_TIMEOUT_ABS | IORING_TIMEOUT_REALTIME);
	CHECK_EQUAL(rondo__op_await(&op), -ETIME);
	is = clock_ns(CLOCK_REALTIME);
	CHECK(is >= end && is < end + NS / 1000);
	return 0;
}

static void test_an_alarm_by_a_drifting_clock_is_on_time(void **state)
{
	struct rondo_sim_options o = { .only_faults = "WALL_DRIFT", .wall_drift_ppm = 100000 };

	(void)state;
	for (o.seed = 1; o.seed <= SEEDS; o.seed++)
		assert_int_equal(run(&o, waits_for_the_wall, NULL), 0);
	assert_checks_passed();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wall_clocks_drift_both_ways_by_500_ppm_at_most),
		cmocka_unit_test(test_the_limit_of_drift_is_an_option),
		cmocka_unit_test(test_without_faults_there_is_no_drift),
		cmocka_unit_test(test_times_of_files_are_by_the_wall_clock),
		cmocka_unit_test(test_an_alarm_by_a_drifting_clock_is_on_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
