/* SPDX-License-Identifier: MIT */
/* test_timer.c - goal: a timer never fires early, ties fire in the order they were set, the
 * kernel holds one timeout however many sleepers there are, and no way of timing (COALESCED,
 * WAIT, SQE) shows in a result. Method: ten thousand timers on a fake clock (step.h) against a
 * sorted list; the SQEs that go to the kernel are counted; what depends on the kernel's own
 * timers runs on the real clock with deadlines of a few milliseconds, and no upper limit on
 * lateness is assumed. */
#include "support/step.h"

#include <math.h>

#include "loop/timer.h"

static const enum rondo_timers modes[] = {
	RONDO_TIMERS_COALESCED, RONDO_TIMERS_WAIT, RONDO_TIMERS_SQE
};

#define FOR_EACH_MODE(o)                                                                           \
	for (struct rondo_options o = { .timers = 0 }; o.timers <= RONDO_TIMERS_SQE; o.timers++)

static uint64_t n_timers(void)
{
	struct rondo_loop_stats stats;

	rondo_loop_stats(&stats);
	return stats.n_timers;
}

static uint64_t random_state = 88172645463325252u;

static uint64_t random_below(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % n;
}

/* --- ten thousand timers ------------------------------------------------------------------ */

enum { N_TIMERS = 10000, END_NS = 900000000 };

struct alarm {
	struct timer timer;
	uint64_t when, set;		/* the order they must fire in */
	bool stopped;
	struct alarm *stops;		/* when it fires, it takes this one back */
};

static struct alarm alarms[N_TIMERS];
static struct alarm *fired[N_TIMERS];
static size_t n_fired;
static uint64_t n_early;

static void alarm_fires(struct timer *t)
{
	struct alarm *a = container_of(t, struct alarm, timer);

	n_early += rondo_now_ns() < a->when;
	if (n_fired < N_TIMERS)
		fired[n_fired++] = a;
	if (a->stops && heap_contains(&a->stops->timer.node)) {
		rondo__timer_stop(rondo__loop, &a->stops->timer);
		a->stops->stopped = true;
	}
}

static void set_alarm(struct alarm *a, uint64_t when)
{
	static uint64_t n_set;

	*a = (struct alarm){ .timer.fire = alarm_fires, .when = when, .set = n_set++ };
	if (rondo__timer_start(rondo__loop, &a->timer, when) < 0)
		check_failed(__FILE__, __LINE__, "rondo__timer_start", -ENOMEM);
}

static int by_deadline(const void *a, const void *b)
{
	const struct alarm *x = *(struct alarm *const *)a, *y = *(struct alarm *const *)b;

	if (x->when != y->when)
		return x->when < y->when ? -1 : 1;
	return x->set < y->set ? -1 : 1;
}

/* The model: sort, then play it through. */
static size_t expected_firings(struct alarm *expected[])
{
	size_t n = 0;

	for (size_t i = 0; i < N_TIMERS; i++)
		if (!alarms[i].stopped)
			expected[n++] = &alarms[i];
	qsort(expected, n, sizeof(*expected), by_deadline);
	return n;
}

static int alarms_main(void *arg)
{
	uint64_t n_deadlines = *(uint64_t *)arg;

	n_fired = n_early = 0;
	for (size_t i = 0; i < N_TIMERS; i++)
		set_alarm(&alarms[i], 1 + random_below(n_deadlines) * (END_NS / n_deadlines));
	/* Some take back another, that may be earlier, later or themselves. */
	for (size_t i = 0; i < N_TIMERS / 4; i++)
		alarms[random_below(N_TIMERS)].stops = &alarms[random_below(N_TIMERS)];
	for (size_t i = 0; i < N_TIMERS / 8; i++) {
		struct alarm *a = &alarms[random_below(N_TIMERS)];

		rondo__timer_stop(rondo__loop, &a->timer);
		a->stopped = true;
	}
	CHECK_EQUAL(rondo_sleep_until(END_NS + 1), 0);
	CHECK_EQUAL(n_timers(), 0);
	return 0;
}

static void run_alarms(enum rondo_timers mode, uint64_t n_deadlines)
{
	static struct alarm *expected[N_TIMERS];
	const struct rondo_options o = { .timers = mode };
	struct step_kernel k;
	size_t n;

	step_kernel_init(&k, true);
	assert_run_on(&k.kernel, &o, alarms_main, &n_deadlines, 0);
	n = expected_firings(expected);
	assert_int_equal(n_early, 0);
	assert_int_equal(n_fired, n);
	assert_memory_equal(fired, expected, n * sizeof(*fired));
}

/* L3, T1, D12: all different; many ties; nothing but ties. */
static void test_ten_thousand_timers_fire_in_order_of_deadline_and_setting(void **state)
{
	static const uint64_t n_deadlines[] = { END_NS, 1000, 3, 1 };

	(void)state;
	for (int mode = 0; mode < 2; mode++)
		for (int i = STEP_CHECKED ? 1 : 0; i < 4; i++)
			run_alarms(modes[mode], n_deadlines[i]);
}

/* --- order of sleepers -------------------------------------------------------------------- */

struct sleeper {
	const char *name;
	uint64_t deadline_ns;
	int ret;
};

static uint64_t first_turn, last_turn;	/* in which sleepers went on */

static int sleeps(void *arg)
{
	struct sleeper *s = arg;

	s->ret = rondo_sleep_until(s->deadline_ns);
	last_turn = rondo__loop->n_turns;
	first_turn = first_turn ? first_turn : last_turn;
	note("%s", s->name);
	CHECK(s->ret < 0 || rondo_now_ns() >= s->deadline_ns);
	return s->ret;
}

static int late_main(void *arg)
{
	struct step_kernel *k = arg;
	struct sleeper s[5] = { { "4", 4000, 1 }, { "1", 1000, 1 }, { "5", 5000, 1 },
				{ "2", 2000, 1 }, { "3", 3000, 1 } };

	first_turn = 0;
	for (int i = 0; i < 5; i++)
		rondo_detach(rondo_create_task(sleeps, &s[i]));
	CHECK_EQUAL(yield_times(2), 0);
	k->now_ns = 1000000;			/* somebody hogged the CPU */
	while (s[2].ret == 1)
		CHECK_EQUAL(yield_times(1), 0);
	CHECK_EQUAL(last_turn, first_turn);
	return 0;
}

/* p40: late timers fire in the order of their deadlines, in one turn. */
static void test_late_timers_fire_together_in_order(void **state)
{
	struct step_kernel k;

	(void)state;
	for (int mode = 0; mode < 2; mode++) {
		const struct rondo_options o = { .timers = modes[mode] };

		step_kernel_init(&k, true);
		assert_run_on(&k.kernel, &o, late_main, &k, 0);
		assert_log("1 2 3 4 5");
	}
}

static int real_order_main(void *arg)
{
	/* Longer and longer, until nobody has delayed us beyond the next deadline: of timeouts that
	 * are fetched together, 6.1 hands out the last first (KN-43), and mode SQE with it. */
	for (uint64_t step_ns = 2000000;; step_ns *= 2) {
		uint64_t start = rondo_now_ns();
		struct sleeper s[] = {
			{ "c", start + 3 * step_ns, 1 }, { "a", start + step_ns, 1 },
			{ "past", start - 1, 1 }, { "b", start + 2 * step_ns, 1 },
		};
		const int in_order[] = { 2, 1, 3, 0 };
		rondo_task *t[4];
		bool in_time;

		for (int i = 0; i < 4; i++)
			t[i] = rondo_create_task(sleeps, &s[i]);
		CHECK_EQUAL(yield_times(2), 0);
		in_time = rondo_now_ns() < start + step_ns;
		for (uint64_t i = 0; i < 4; i++) {
			CHECK_EQUAL(rondo_await(t[in_order[i]]), 0);
			in_time &= i == 3 || rondo_now_ns() < start + i * step_ns + step_ns;
		}
		if (in_time)
			return 0;
		step_log[0] = '\0';
	}
	(void)arg;
}

static void test_all_three_modes_wake_in_the_order_of_deadlines(void **state)
{
	(void)state;
	FOR_EACH_MODE(o) {
		assert_run_on(&rondo__kernel_linux, &o, real_order_main, NULL, 0);
		assert_log("past a b c");
	}
}

static int never_early_main(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		uint64_t delay_ns = 1 + random_below(100000), start = rondo_now_ns();
		double seconds = (double)delay_ns / 1e9;

		CHECK_EQUAL(rondo_sleep_ns(delay_ns), 0);
		CHECK(rondo_now_ns() - start >= delay_ns);
		start = rondo_now_ns();
		CHECK_EQUAL(rondo_sleep(seconds), 0);
		CHECK(rondo_now_ns() - start + 1 >= delay_ns);	/* 1: rounding of the double */
	}
	return 0;
}

static void test_no_sleep_is_early(void **state)
{
	(void)state;
	FOR_EACH_MODE(o)
		assert_run_on(&rondo__kernel_linux, &o, never_early_main, NULL, 0);
}

/* --- cancelled sleeps --------------------------------------------------------------------- */

static int cancel_main(void *arg)
{
	struct sleeper s = { "sleeper", rondo_now_ns() + 3600000000000u, 1 };
	rondo_task *t = rondo_create_task(sleeps, &s);

	(void)arg;
	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(s.ret, 1);
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	CHECK_EQUAL(s.ret, -ECANCELED);
	CHECK_EQUAL(n_timers(), 0);
	return 0;
}

/* W1, p46. */
static void test_a_cancelled_sleep_ends_at_once_and_removes_its_timer(void **state)
{
	(void)state;
	FOR_EACH_MODE(o)
		assert_run_on(&rondo__kernel_linux, &o, cancel_main, NULL, 0);
}

static int due_main(void *arg)
{
	for (uint64_t delay_ns = 1000000;; delay_ns *= 2) {
		struct sleeper s = { "sleeper", rondo_now_ns() + delay_ns, 1 };
		rondo_task *t = rondo_create_task(sleeps, &s);

		CHECK_EQUAL(yield_times(2), 0);
		/* We are ready before the timer is found due, so it stays behind us in the
		 * queue. */
		while (t->wait)
			CHECK_EQUAL(yield_times(1), 0);
		if (s.ret == 1) {
			CHECK(rondo_cancel(t));
			CHECK_EQUAL(rondo_await(t), -ECANCELED);
			CHECK_EQUAL(s.ret, -ECANCELED);
			return 0;
		}
		CHECK_EQUAL(rondo_await(t), 0);		/* it was over before we looked: again */
	}
	(void)arg;
}

/* T6: nothing is lost when a sleep is cancelled, so the cancel wins, in all modes alike. */
static void test_a_cancel_beats_a_sleep_that_is_over_but_has_not_returned(void **state)
{
	(void)state;
	FOR_EACH_MODE(o)
		assert_run_on(&rondo__kernel_linux, &o, due_main, NULL, 0);
}

static int before_main(void *arg)
{
	struct rondo_task *self = rondo_current_task();
	uint64_t start = rondo_now_ns();

	(void)arg;
	CHECK(rondo_cancel(self));
	CHECK_EQUAL(rondo_sleep(3600), -ECANCELED);
	CHECK_EQUAL(rondo_sleep(0.0005), 0);
	CHECK(rondo_now_ns() - start >= 500000);
	CHECK(rondo_cancel(self));
	CHECK_EQUAL(rondo_sleep(0), -ECANCELED);
	return 0;
}

static void test_a_pending_cancel_ends_a_sleep_before_it_begins(void **state)
{
	(void)state;
	FOR_EACH_MODE(o)
		assert_run_on(&rondo__kernel_linux, &o, before_main, NULL, 0);
}

static int takes_back(void *arg)
{
	rondo_uncancel(arg);
	return 0;
}

static int taken_back_main(void *arg)
{
	struct rondo_task *self = rondo_current_task();
	uint64_t start = rondo_now_ns();
	int ret;

	(void)arg;
	rondo_detach(rondo_create_task(takes_back, self));
	CHECK(rondo_cancel(self));
	ret = rondo_sleep(0.05);
	/* Either is a truth; "slept" after no time at all would not be. */
	CHECK(ret == -ECANCELED || (ret == 0 && rondo_now_ns() - start >= 50000000));
	return 0;
}

/* T1 once more: a sleep that began with a cancel pending, which was then taken back. */
static void test_a_cancel_taken_back_does_not_make_a_sleep_early(void **state)
{
	(void)state;
	FOR_EACH_MODE(o)
		assert_run_on(&rondo__kernel_linux, &o, taken_back_main, NULL, 0);
}

static int stale_main(void *arg)
{
	struct step_kernel *k = arg;
	struct sleeper early = { "early", 1000, 1 }, late = { "late", 500000000, 1 };
	rondo_task *a = rondo_create_task(sleeps, &early), *b = rondo_create_task(sleeps, &late);

	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(a));
	CHECK_EQUAL(rondo_await(a), -ECANCELED);
	CHECK_EQUAL(rondo_await(b), 0);
	CHECK_EQUAL(late.ret, 0);
	CHECK_EQUAL(k->now_ns, 500000000);
	return 0;
}

/* T2: the kernel's timeout for somebody who has gone wakes nobody, and the next one is set. */
static void test_the_timeout_of_a_cancelled_sleeper_harms_nobody(void **state)
{
	struct step_kernel k;

	(void)state;
	step_kernel_init(&k, true);
	assert_run_on(&k.kernel, NULL, stale_main, &k, 0);
	assert_log("early late");
}

static int leaves_a_timeout_main(void *arg)
{
	(void)arg;
	return cancel_main(NULL);
}

/* The timeout set for an hour from now must neither keep the loop alive nor be waited for at
 * close. */
static int ends_with_a_stale_timeout(void)
{
	return rondo_run(leaves_a_timeout_main, NULL);
}

static void test_a_stale_timeout_does_not_delay_the_end(void **state)
{
	(void)state;
	assert_child_succeeds(ends_with_a_stale_timeout);
}

/* --- odd durations ------------------------------------------------------------------------ */

static int sleeps_seconds(void *arg)
{
	return rondo_sleep(*(double *)arg);
}

static int sleeps_until_never(void *arg)
{
	return rondo_sleep_until(*(uint64_t *)arg);
}

static int odd_main(void *arg)
{
	double forever[] = { 1e18, INFINITY, 1e300, 9.3e9, 9e9, 9e9 - 1 };
	uint64_t never[] = { UINT64_MAX, UINT64_MAX - 1, INT64_MAX, (uint64_t)INT64_MAX + 1 };
	rondo_task *t[10];

	(void)arg;
	CHECK_EQUAL(rondo_sleep(NAN), -EINVAL);
	CHECK_EQUAL(rondo_sleep(-NAN), -EINVAL);
	CHECK_EQUAL(rondo_sleep(0), 0);
	CHECK_EQUAL(rondo_sleep(-0.0), 0);
	CHECK_EQUAL(rondo_sleep(-1), 0);
	CHECK_EQUAL(rondo_sleep(-INFINITY), 0);
	CHECK_EQUAL(rondo_sleep(1e-300), 0);
	CHECK_EQUAL(rondo_sleep_ns(0), 0);
	CHECK_EQUAL(rondo_sleep_until(0), 0);
	for (int i = 0; i < 6; i++)
		t[i] = rondo_create_task(sleeps_seconds, &forever[i]);
	for (int i = 0; i < 4; i++)
		t[6 + i] = rondo_create_task(sleeps_until_never, &never[i]);
	CHECK_EQUAL(rondo_sleep(0.001), 0);
	for (int i = 0; i < 10; i++) {
		CHECK_EQUAL(rondo_task_state(t[i]), RONDO_PENDING);
		CHECK(rondo_cancel(t[i]));
		CHECK_EQUAL(rondo_await(t[i]), -ECANCELED);
	}
	return 0;
}

/* W1 and p45: no time at all is a yield, not a number is an error, beyond 292 years is 292
 * years. */
static void test_odd_durations_are_yields_errors_or_very_long(void **state)
{
	(void)state;
	FOR_EACH_MODE(o)
		assert_run_on(&rondo__kernel_linux, &o, odd_main, NULL, 0);
}

static int yields_by_sleeping(void *arg)
{
	double seconds = *(double *)arg;

	for (int i = 0; i < 3; i++) {
		note("%c%d", seconds < 0 ? 'n' : 'z', i);
		CHECK_EQUAL(rondo_sleep(seconds), 0);
	}
	return 0;
}

static int yield_order_main(void *arg)
{
	double zero = 0, negative = -1;
	rondo_task *a = rondo_create_task(yields_by_sleeping, &zero);
	rondo_task *b = rondo_create_task(yields_by_sleeping, &negative);

	(void)arg;
	return RONDO_GATHER(a, b);
}

static void test_a_sleep_of_zero_or_less_is_one_turn(void **state)
{
	(void)state;
	assert_run(yield_order_main, NULL, 0);
	assert_log("z0 n0 z1 n1 z2 n2");
}

/* --- one timeout in the kernel ------------------------------------------------------------ */

static int sleep_main_until(size_t n, uint64_t first, int64_t step, bool in_turns)
{
	struct sleeper *s = calloc(n, sizeof(*s));
	rondo_task **t = calloc(n, sizeof(rondo_task *));

	CHECK(s && t);
	for (size_t i = 0; i < n; i++) {
		s[i] = (struct sleeper){ "", first + (uint64_t)(step * (int64_t)i), 1 };
		t[i] = rondo_create_task(sleeps, &s[i]);
		if (in_turns)
			CHECK_EQUAL(yield_times(2), 0);
	}
	if (!in_turns)
		CHECK_EQUAL(yield_times(2), 0);
	for (size_t i = 0; i < n; i++)
		rondo_cancel(t[i]);
	for (size_t i = 0; i < n; i++)
		CHECK_EQUAL(rondo_await(t[i]), -ECANCELED);
	free(s);
	free(t);
	return 0;
}

static uint64_t in_an_hour(void)
{
	return rondo_now_ns() + UINT64_C(3600000000000);
}

static int later_and_later(void *arg)
{
	(void)arg;
	return sleep_main_until(STEP_SIZE(20000, 2000), in_an_hour(), 1000, false);
}

static int sooner_and_sooner(void *arg)
{
	(void)arg;
	return sleep_main_until(STEP_SIZE(20000, 2000), in_an_hour(), -1000, false);
}

static int sooner_in_turns(void *arg)
{
	(void)arg;
	return sleep_main_until(500, in_an_hour(), -1000, true);
}

/* T2: twenty thousand sleepers, one timeout; one that becomes the earliest moves it, and costs no
 * second SQE if the first was not submitted yet. */
static void test_all_sleepers_share_one_kernel_timeout(void **state)
{
	struct step_kernel k;

	(void)state;
	step_kernel_init(&k, false);
	assert_run_on(&k.kernel, NULL, later_and_later, NULL, 0);
	assert_int_equal(k.n_ops[IORING_OP_TIMEOUT], 1);
	assert_int_equal(k.n_updates, 0);

	step_kernel_init(&k, false);
	assert_run_on(&k.kernel, NULL, sooner_and_sooner, NULL, 0);
	assert_int_equal(k.n_ops[IORING_OP_TIMEOUT], 1);
	assert_int_equal(k.n_updates, 0);

	step_kernel_init(&k, false);
	assert_run_on(&k.kernel, NULL, sooner_in_turns, NULL, 0);
	assert_int_equal(k.n_ops[IORING_OP_TIMEOUT], 1);
	assert_int_equal(k.n_updates, 499);
}

static void test_the_wait_mode_needs_no_timeout_sqe_and_the_sqe_mode_one_each(void **state)
{
	const struct rondo_options wait = { .timers = RONDO_TIMERS_WAIT };
	const struct rondo_options sqe = { .timers = RONDO_TIMERS_SQE };
	struct step_kernel k;

	(void)state;
	step_kernel_init(&k, false);
	assert_run_on(&k.kernel, &wait, sooner_in_turns, NULL, 0);
	assert_int_equal(k.n_ops[IORING_OP_TIMEOUT], 0);
	step_kernel_init(&k, false);
	assert_run_on(&k.kernel, &sqe, sooner_in_turns, NULL, 0);
	assert_int_equal(k.n_ops[IORING_OP_TIMEOUT], 500);
}

/* --- through a small queue ---------------------------------------------------------------- */

enum { N_CROWD = 1000 };

static struct sleeper crowd[N_CROWD];

static int nops_then_sleeps(void *arg)
{
	struct sleeper *s = arg;

	CHECK_EQUAL(nop_op(), 0);
	s->ret = rondo_sleep_until(s->deadline_ns);
	CHECK_EQUAL(s->ret, 0);
	CHECK(rondo_now_ns() >= s->deadline_ns);
	CHECK_EQUAL(nop_op(), 0);
	return 0;
}

static int crowd_main(void *arg)
{
	uint64_t start = rondo_now_ns();
	rondo_task *t[N_CROWD];

	(void)arg;
	for (unsigned i = 0; i < N_CROWD; i++) {
		crowd[i] = (struct sleeper){ "", start + 20000000 - i * 10000, 1 };
		t[i] = rondo_create_task(nops_then_sleeps, &crowd[i]);
	}
	for (unsigned i = 0; i < N_CROWD; i++)
		CHECK_EQUAL(rondo_await(t[i]), 0);
	return 0;
}

/* A thousand sleepers, each becoming the earliest, while the queue of 8 is full most of the
 * time. */
static void test_timers_work_while_the_submission_queue_is_full(void **state)
{
	(void)state;
	FOR_EACH_MODE(o) {
		o.sq_entries = 8;
		assert_run_on(&rondo__kernel_linux, &o, crowd_main, NULL, 0);
	}
	for (int mode = 0; mode < 2; mode++) {
		const struct rondo_options o = { .sq_entries = 8, .timers = modes[mode] };
		struct step_kernel k;

		step_kernel_init(&k, true);
		assert_run_on(&k.kernel, &o, crowd_main, NULL, 0);
	}
}

static int reads_forever(void *arg)
{
	char c;

	return read_op(*(int *)arg, &c, 1);
}

static int hogs(void *arg)
{
	while (rondo_now_ns() < *(uint64_t *)arg)
		;
	return 0;
}

static int flushed_main(void *arg)
{
	uint64_t deadline = rondo_now_ns() + 2000000, later = deadline + 1000000;
	struct sleeper s = { "woken", deadline, 1 };
	rondo_task *sleeper = rondo_create_task(sleeps, &s);
	int fds[2];

	(void)arg;
	CHECK_EQUAL(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQUAL(yield_times(2), 0);
	/* One batch: the TIMEOUT fires, and the ninth read finds the SQ full and so reaps it. */
	rondo_detach(rondo_create_task(hogs, &later));
	for (int i = 0; i < 9; i++)
		rondo_detach(rondo_create_task(reads_forever, &fds[0]));
	CHECK_EQUAL(rondo_await(sleeper), 0);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static int flushed_child(void)
{
	const struct rondo_options o = { .sq_entries = 8, .no_sigint = true };

	CHILD_CHECK(rondo_run_with(&o, flushed_main, NULL) == 0);
	CHILD_CHECK(strcmp(step_log, "woken") == 0);
	return 0;
}

/* In a child, because a loop that forgets it sleeps for ever. */
static void test_a_timeout_reaped_by_a_flush_is_not_forgotten(void **state)
{
	(void)state;
	assert_child_succeeds(flushed_child);
}

static int flushed_then_yields_main(void *arg)
{
	uint64_t deadline = rondo_now_ns() + 2000000, later = deadline + 1000000;
	struct sleeper s = { "woken", deadline, 1 };
	int fds[2];

	(void)arg;
	rondo_detach(rondo_create_task(sleeps, &s));
	CHECK_EQUAL(pipe2(fds, O_CLOEXEC), 0);
	for (int i = 0; i < 8; i++)
		rondo_detach(rondo_create_task(reads_forever, &fds[0]));
	CHECK_EQUAL(yield_times(3), 0);
	CHECK_EQUAL(hogs(&later), 0);
	for (int i = 0; i < 8; i++)
		rondo__ring_sqe(&rondo__loop->ring)->user_data = OP_IGNORED;	/* NOPs */
	CHECK(rondo_cancel(rondo_current_task()));
	/* It flushes, then gives its SQE back. */
	CHECK_EQUAL(reads_forever(&fds[0]), -ECANCELED);
	for (int i = 0; i < 1000 && s.ret == 1; i++)
		CHECK_EQUAL(yield_times(1), 0);
	CHECK_EQUAL(s.ret, 0);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

/* The same when nobody sleeps: tasks that only yield must not keep the loop from looking. */
static void test_a_timeout_reaped_by_a_flush_is_seen_while_others_yield(void **state)
{
	const struct rondo_options o = { .sq_entries = 8, .no_sigint = true };

	(void)state;
	assert_run_on(&rondo__kernel_linux, &o, flushed_then_yields_main, NULL, 0);
}

static int long_ago_main(void *arg)
{
	struct loop *l = rondo__loop;
	struct sleeper far = { "far", in_an_hour(), 1 };
	struct sleeper near = { "near", 0, 1 };
	rondo_task *f = rondo_create_task(sleeps, &far), *n;

	(void)arg;
	CHECK_EQUAL(yield_times(2), 0);
	/* As if 2^31 other SQEs had gone through the ring since: 36 minutes at a million a
	 * second. */
	l->ring.n_submitted += UINT64_C(1) << 31;
	near.deadline_ns = rondo_now_ns() + 1000000;
	n = rondo_create_task(sleeps, &near);
	CHECK_EQUAL(rondo_await(n), 0);
	CHECK(rondo_cancel(f));
	CHECK_EQUAL(rondo_await(f), -ECANCELED);
	return 0;
}

static void test_a_timeout_set_two_billion_submissions_ago_can_still_be_moved(void **state)
{
	(void)state;
	assert_run(long_ago_main, NULL, 0);
	assert_log("near far");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ten_thousand_timers_fire_in_order_of_deadline_and_setting),
		cmocka_unit_test(test_late_timers_fire_together_in_order),
		cmocka_unit_test(test_all_three_modes_wake_in_the_order_of_deadlines),
		cmocka_unit_test(test_no_sleep_is_early),
		cmocka_unit_test(test_a_cancelled_sleep_ends_at_once_and_removes_its_timer),
		cmocka_unit_test(test_a_cancel_beats_a_sleep_that_is_over_but_has_not_returned),
		cmocka_unit_test(test_a_pending_cancel_ends_a_sleep_before_it_begins),
		cmocka_unit_test(test_a_cancel_taken_back_does_not_make_a_sleep_early),
		cmocka_unit_test(test_the_timeout_of_a_cancelled_sleeper_harms_nobody),
		cmocka_unit_test(test_a_stale_timeout_does_not_delay_the_end),
		cmocka_unit_test(test_odd_durations_are_yields_errors_or_very_long),
		cmocka_unit_test(test_a_sleep_of_zero_or_less_is_one_turn),
		cmocka_unit_test(test_all_sleepers_share_one_kernel_timeout),
		cmocka_unit_test(test_the_wait_mode_needs_no_timeout_sqe_and_the_sqe_mode_one_each),
		cmocka_unit_test(test_timers_work_while_the_submission_queue_is_full),
		cmocka_unit_test(test_a_timeout_reaped_by_a_flush_is_not_forgotten),
		cmocka_unit_test(test_a_timeout_reaped_by_a_flush_is_seen_while_others_yield),
		cmocka_unit_test(test_a_timeout_set_two_billion_submissions_ago_can_still_be_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
