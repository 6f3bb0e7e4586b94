/* SPDX-License-Identifier: MIT */
/* test_budget.c - goal: with a budget of awaits a task that never waits lets others run, and is told of
 * a cancel; without one nothing changes (D11). Method: a task that counts what it gets done between two
 * turns of another one, for each await that may complete at once. */
#include "rondo/channel.h"
#include "rondo/future.h"
#include "rondo/select.h"
#include "rondo/wait.h"
#include "rondo/xchannel.h"
#include "support/matrix.h"
#include "support/step.h"

RONDO_QUEUE(int, ints);
RONDO_XCHANNEL(int, xints);

enum { BUDGET = 5, N_TURNS = 4 };

static const struct rondo_options budget = { .await_budget = BUDGET }, none;

static struct rondo_lock lock;
static struct rondo_semaphore permits;
static struct rondo_event event;
static struct rondo_rwlock rwlock;
static struct rondo_once once;
static struct rondo_waitgroup group;
static struct rondo_future future;
static struct ints q;
static struct xints xq;
static rondo_task *done;

static int nothing(void *arg)
{
	(void)arg;
	return 7;
}

static int open_all(void)
{
	lock = (struct rondo_lock)RONDO_LOCK_INIT;
	permits = (struct rondo_semaphore)RONDO_SEMAPHORE_INIT(1);
	event = (struct rondo_event)RONDO_EVENT_INIT;
	rwlock = (struct rondo_rwlock)RONDO_RWLOCK_INIT;
	once = (struct rondo_once)RONDO_ONCE_INIT;
	group = (struct rondo_waitgroup)RONDO_WAITGROUP_INIT;
	rondo_event_set(&event);
	rondo_future_init(&future);
	CHECK_EQUAL(rondo_future_set_result(&future, 7), 0);
	CHECK_EQUAL(ints_init(&q, 4), 0);
	CHECK_EQUAL(xints_init(&xq, 4), 0);
	CHECK_EQUAL(rondo_once_call(&once, nothing, NULL), 7);
	done = rondo_create_task(nothing, NULL);
	return rondo_yield();
}

static int close_all(void)
{
	ints_free(&q);
	xints_free(&xq);
	return rondo_await(done) == 7 ? 0 : -1;
}

/* --- one await each that completes at once --------------------------------------------------- */

static int use_lock(void)
{
	int ret = rondo_lock_acquire(&lock);

	return ret < 0 ? ret : rondo_lock_release(&lock);
}

static int use_semaphore(void)
{
	int ret = rondo_semaphore_acquire(&permits);

	return ret < 0 ? ret : rondo_semaphore_release(&permits);
}

static int use_event(void)
{
	return rondo_event_wait(&event);
}

static int use_rwlock(void)
{
	int ret = rondo_rwlock_acquire_read(&rwlock);

	return ret < 0 ? ret : rondo_rwlock_release(&rwlock);
}

static int use_once(void)
{
	return rondo_once_call(&once, nothing, NULL);
}

static int use_waitgroup(void)
{
	return rondo_waitgroup_wait(&group);
}

static int use_put(void)
{
	int item, ret = ints_put(&q, 1);

	return ret < 0 ? ret : ints_get_nowait(&q, &item);
}

static int use_get(void)
{
	int item;

	CHECK_EQUAL(ints_put_nowait(&q, 1), 0);
	return ints_get(&q, &item) < 0 ? ints_get_nowait(&q, &item) ? -1 : -ECANCELED : 0;
}

static int use_xchannel(void)
{
	int item, ret = xints_send(&xq, 1);

	return ret < 0 ? ret : xints_receive_nowait(&xq, &item);
}

static int use_select(void)
{
	struct rondo_select_case c[] = {
		rondo_select_lock(NULL), rondo_select_event(&event), rondo_select_lock(&lock),
	};

	return rondo_select(c, 3, RONDO_FOREVER);
}

static int use_checkpoint(void)
{
	return rondo_checkpoint();
}

static int use_await(void)
{
	return rondo_await(rondo_task_ref(done));
}

static int use_shield(void)
{
	return rondo_shield(rondo_task_ref(done));
}

static int use_gather(void)
{
	return rondo_gather(1, &done, NULL, RONDO_GATHER_KEEP);
}

static int use_wait(void)
{
	rondo_task *t = done;

	return rondo_wait(1, &t, RONDO_ALL_COMPLETED, RONDO_FOREVER) == 1 ? 0 : -1;
}

static int use_future(void)
{
	return rondo_future_await(&future);
}

/* The last ones leave a cancel to the next await, for it is meant for what they wait for. */
static const struct use {
	const char *name;
	int (*use)(void);
	bool keeps_cancel;
} uses[] = {
	{ "lock", use_lock, false },
	{ "semaphore", use_semaphore, false },
	{ "event", use_event, false },
	{ "rwlock", use_rwlock, false },
	{ "once", use_once, false },
	{ "waitgroup", use_waitgroup, false },
	{ "put", use_put, false },
	{ "get", use_get, false },
	{ "xchannel", use_xchannel, false },
	{ "select", use_select, false },
	{ "checkpoint", use_checkpoint, false },
	{ "await", use_await, true },
	{ "shield", use_shield, true },
	{ "gather", use_gather, true },
	{ "wait", use_wait, true },
	{ "future", use_future, true },
};

/* --- others run ------------------------------------------------------------------------------ */

static const struct use *used;
static unsigned n_used, used_at[N_TURNS];
static bool stop;

static int uses_it(void *arg)
{
	(void)arg;
	while (!stop && n_used < 1000) {
		CHECK(used->use() >= 0);
		n_used++;
	}
	return 0;
}

static int watches(void *arg)
{
	rondo_task *t;

	(void)arg;
	CHECK_EQUAL(open_all(), 0);
	n_used = 0;
	stop = false;
	t = rondo_create_task(uses_it, NULL);
	for (int i = 0; i < N_TURNS; i++) {
		CHECK_EQUAL(rondo_yield(), 0);
		used_at[i] = n_used;
	}
	stop = true;
	CHECK_EQUAL(rondo_await(t), 0);
	return close_all();
}

/* D11, K25: no more than the budget in one turn, and no less. */
static void test_others_run_when_the_budget_is_used_up(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		used = &uses[i];
		assert_run_on(&rondo__kernel_linux, &budget, watches, NULL, 0);
		for (unsigned turn = 0; turn < N_TURNS; turn++) {
			unsigned n = (turn + 1) * BUDGET;

			if (used_at[turn] != n)
				print_error("%s: %u in %u turns\n", used->name, used_at[turn], turn + 1);
			assert_int_equal(used_at[turn], n);
		}
	}
}

/* D11: what is there does not yield. */
static void test_without_a_budget_nobody_else_runs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		used = &uses[i];
		assert_run_on(&rondo__kernel_linux, &none, watches, NULL, 0);
		assert_int_equal(used_at[0], 1000);
	}
}

/* --- cancels --------------------------------------------------------------------------------- */

static int until_cancelled(void *arg)
{
	int ret = 0;

	(void)arg;
	for (n_used = 0; ret >= 0 && n_used < 1000; n_used++)
		ret = used->use();
	return ret < 0 ? ret : rondo_yield();
}

static int cancels_main(void *arg)
{
	rondo_task *t;

	(void)arg;
	CHECK_EQUAL(open_all(), 0);
	t = rondo_create_task(until_cancelled, NULL);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	CHECK_EQUAL(n_used, used->keeps_cancel ? 1000 : BUDGET + 1);
	CHECK(!rondo_lock_locked(&lock) && !rondo_semaphore_locked(&permits));
	return close_all();
}

/* D1: it took nothing with it. */
static void test_a_task_that_never_waits_is_told_of_its_cancel(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		used = &uses[i];
		assert_run_on(&rondo__kernel_linux, &budget, cancels_main, NULL, 0);
	}
}

/* --- what was there is gone ------------------------------------------------------------------ */

static int thief(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	note("thief");
	CHECK_EQUAL(rondo_yield(), 0);
	note("returns");
	return rondo_lock_release(&lock);
}

static int gone_main(void *arg)
{
	rondo_task *t;

	(void)arg;
	CHECK_EQUAL(open_all(), 0);
	for (int i = 0; i < BUDGET; i++)
		CHECK_EQUAL(rondo_checkpoint(), 0);
	t = rondo_create_task(thief, NULL);
	CHECK_EQUAL(rondo_lock_acquire(&lock), 0);
	note("main");
	CHECK_EQUAL(rondo_lock_release(&lock), 0);
	CHECK_EQUAL(rondo_await(t), 0);
	return close_all();
}

static void test_what_was_free_before_the_turn_is_waited_for_after_it(void **state)
{
	(void)state;
	assert_run_on(&rondo__kernel_linux, &budget, gone_main, NULL, 0);
	assert_log("thief returns main");
}

static int pulse(void *arg)
{
	(void)arg;
	rondo_event_set(&event);
	rondo_event_clear(&event);
	return 0;
}

static int in_line_main(void *arg)
{
	rondo_task *t;

	(void)arg;
	CHECK_EQUAL(open_all(), 0);
	rondo_event_clear(&event);
	for (int i = 0; i < BUDGET; i++)
		CHECK_EQUAL(rondo_checkpoint(), 0);
	t = rondo_create_task(pulse, NULL);
	CHECK_EQUAL(rondo_event_wait(&event), 0);
	CHECK_EQUAL(rondo_await(t), 0);
	return close_all();
}

/* Who has to wait gets in line at once: p35 holds. */
static void test_an_await_that_waits_is_not_put_off(void **state)
{
	(void)state;
	assert_run_on(&rondo__kernel_linux, &budget, in_line_main, NULL, 0);
}

/* --- time limits, debug mode ----------------------------------------------------------------- */

static int until_told(void *arg)
{
	int ret = 0;

	(void)arg;
	while (ret == 0)
		ret = use_lock();
	return ret;
}

static int limit_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(open_all(), 0);
	CHECK_EQUAL(rondo_wait_for(until_told, NULL, 0.001), -ETIMEDOUT);
	return close_all();
}

static void test_a_time_limit_reaches_a_task_that_never_waits(void **state)
{
	struct rondo_options o = budget;

	(void)state;
	for (int timers = RONDO_TIMERS_COALESCED; timers <= RONDO_TIMERS_SQE; timers++) {
		o.timers = (enum rondo_timers)timers;
		assert_run_on(&rondo__kernel_linux, &o, limit_main, NULL, 0);
	}
}

/* There each step is a batch of its own; and still not a turn. */
static void test_debug_mode_keeps_the_same_budget(void **state)
{
	const struct rondo_options debug = { .await_budget = BUDGET, .debug = true, .slow_seconds = 100 };

	(void)state;
	used = &uses[0];
	assert_run_on(&rondo__kernel_linux, &debug, watches, NULL, 0);
	assert_int_equal(used_at[N_TURNS - 1], N_TURNS * BUDGET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_others_run_when_the_budget_is_used_up),
		cmocka_unit_test(test_without_a_budget_nobody_else_runs),
		cmocka_unit_test(test_a_task_that_never_waits_is_told_of_its_cancel),
		cmocka_unit_test(test_what_was_free_before_the_turn_is_waited_for_after_it),
		cmocka_unit_test(test_an_await_that_waits_is_not_put_off),
		cmocka_unit_test(test_a_time_limit_reaches_a_task_that_never_waits),
		cmocka_unit_test(test_debug_mode_keeps_the_same_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
