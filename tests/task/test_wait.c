/* SPDX-License-Identifier: MIT */
/* test_wait.c - goal: rondo_wait() returns when its mode says, tells done from pending in order of
 * completion, and never cancels or uses up anything. Method: row W6 and probe p22 in each mode, the
 * limits 0, forever and in between, and the matrix of every awaitable. */
#include <math.h>

#include "rondo/future.h"
#include "rondo/wait.h"
#include "support/matrix.h"
#include "support/step.h"

static int returns(void *arg)
{
	return (int)(intptr_t)arg;
}

static rondo_task *create_returning(int result)
{
	return rondo_create_task(returns, (void *)(intptr_t)result);
}

static int sleeps(void *arg)
{
	(void)arg;
	return rondo_sleep(3600);
}

/* Takes n turns, then returns the result. */
struct turning {
	unsigned n_turns;
	int result;
};

static int turns_then_returns(void *arg)
{
	const struct turning *t = arg;

	return yield_times(t->n_turns) < 0 ? -ECANCELED : t->result;
}

static rondo_task *create_turning(struct turning *t)
{
	return rondo_create_task(turns_then_returns, t);
}

static int end_of(rondo_task *t)
{
	rondo_cancel(t);
	return rondo_await(t);
}

/* --- modes --------------------------------------------------------------------------------- */

static int first_main(void *arg)
{
	struct turning t = { 2, 7 };
	rondo_task *slow = rondo_create_task(sleeps, NULL), *fast = create_turning(&t);
	rondo_task *tasks[2] = { slow, fast };

	(void)arg;
	CHECK_EQUAL(rondo_wait(2, tasks, RONDO_FIRST_COMPLETED, RONDO_FOREVER), 1);
	CHECK(tasks[0] == fast && tasks[1] == slow);
	CHECK_EQUAL(rondo_task_state(slow), RONDO_PENDING);
	CHECK_EQUAL(rondo_cancelling(slow), 0);
	CHECK_EQUAL(rondo_await(fast), 7);
	CHECK_EQUAL(end_of(slow), -ECANCELED);
	return 0;
}

/* p22: one done, one pending and not cancelled. */
static void test_first_completed_leaves_the_others_alone(void **state)
{
	(void)state;
	assert_run(first_main, NULL, 0);
}

static int exception_main(void *arg)
{
	struct turning cancelled = { 1, -ECANCELED }, good = { 2, 1 }, bad = { 3, -EIO };
	rondo_task *slow = rondo_create_task(sleeps, NULL);
	rondo_task *c = create_turning(&cancelled), *g = create_turning(&good);
	rondo_task *b = create_turning(&bad);
	rondo_task *tasks[4] = { slow, b, g, c };

	(void)arg;
	CHECK_EQUAL(rondo_wait(4, tasks, RONDO_FIRST_EXCEPTION, RONDO_FOREVER), 3);
	CHECK(tasks[0] == c && tasks[1] == g && tasks[2] == b && tasks[3] == slow);
	CHECK_EQUAL(rondo_await(b), -EIO);
	CHECK_EQUAL(rondo_await(c), -ECANCELED);
	CHECK_EQUAL(rondo_await(g), 1);
	CHECK_EQUAL(end_of(slow), -ECANCELED);
	tasks[0] = create_returning(1);
	tasks[1] = create_returning(2);
	CHECK_EQUAL(rondo_wait(2, tasks, RONDO_FIRST_EXCEPTION, RONDO_FOREVER), 2);
	return RONDO_GATHER(tasks[0], tasks[1]);
}

/* p22, W6: a cancelled one is no exception; without any, all are waited for. */
static void test_first_exception_ignores_cancelled_tasks(void **state)
{
	(void)state;
	assert_run(exception_main, NULL, 0);
}

static int all_main(void *arg)
{
	enum { N = 40 };		/* more than fit on the stack */
	struct turning t[N];
	rondo_task *tasks[N], *given[N];

	(void)arg;
	for (unsigned i = 0; i < N; i++) {
		t[i] = (struct turning){ N - i, i % 3 ? (int)i : -EIO };
		given[i] = tasks[i] = create_turning(&t[i]);
	}
	CHECK_EQUAL(rondo_wait(N, tasks, RONDO_ALL_COMPLETED, RONDO_FOREVER), N);
	for (unsigned i = 0; i < N; i++) {
		CHECK(tasks[i] == given[N - 1 - i]);
		CHECK_EQUAL(rondo_await(given[i]), t[i].result);
	}
	CHECK_EQUAL(rondo__loop->n_live, 1);
	return 0;
}

/* W6: errors are not raised, and the order is that of completion. */
static void test_all_completed_puts_them_in_order_of_completion(void **state)
{
	(void)state;
	assert_run(all_main, NULL, 0);
}

static int done_main(void *arg)
{
	rondo_task *a = create_returning(1), *b = create_returning(2);
	rondo_task *tasks[3] = { rondo_create_task(sleeps, NULL), b, a }, *slow = tasks[0];
	uint64_t n_turns;

	(void)arg;
	CHECK_EQUAL(rondo_yield(), 0);
	n_turns = rondo__loop->n_turns;
	CHECK_EQUAL(rondo_wait(3, tasks, RONDO_FIRST_COMPLETED, RONDO_FOREVER), 2);
	CHECK(tasks[0] == b && tasks[1] == a && tasks[2] == slow);
	CHECK_EQUAL(rondo_wait(2, tasks, RONDO_ALL_COMPLETED, 0), 2);
	CHECK_EQUAL(rondo__loop->n_turns, n_turns);
	CHECK_EQUAL(end_of(slow), -ECANCELED);
	return RONDO_GATHER(a, b);
}

/* Deviation: asyncio takes turns even then; nothing is left to wait for (D11). */
static void test_waiting_for_finished_tasks_takes_no_turn(void **state)
{
	(void)state;
	assert_run(done_main, NULL, 0);
}

/* --- odd lists ----------------------------------------------------------------------------- */

static int odd_main(void *arg)
{
	rondo_task *t = create_returning(3);
	rondo_task *tasks[4] = { t, NULL, t, t };

	(void)arg;
	CHECK_EQUAL(rondo_wait(0, tasks, RONDO_ALL_COMPLETED, 0), -EINVAL);
	CHECK_EQUAL(rondo_wait(1, tasks, RONDO_ALL_COMPLETED, NAN), -EINVAL);
	CHECK_EQUAL(rondo_wait(4, tasks, RONDO_FIRST_EXCEPTION, RONDO_FOREVER), 1);
	CHECK(!tasks[0] && tasks[1] == t);
	CHECK_EQUAL(rondo_wait(4, tasks, RONDO_ALL_COMPLETED, RONDO_FOREVER), 4);
	CHECK(!tasks[0] && tasks[3] == t);
	return rondo_await(t);
}

/* W6: an empty list is an error; a task that could not be created has failed. */
static void test_odd_lists_are_counted_as_they_are(void **state)
{
	(void)state;
	assert_run(odd_main, NULL, 3);
}

/* --- limits -------------------------------------------------------------------------------- */

static int zero_main(void *arg)
{
	rondo_task *slow = rondo_create_task(sleeps, NULL), *ready = create_returning(1);
	rondo_task *tasks[2] = { slow, ready };

	(void)arg;
	CHECK_EQUAL(rondo_wait(1, tasks, RONDO_ALL_COMPLETED, 0), 0);
	CHECK(tasks[0] == slow);
	CHECK_EQUAL(rondo_await(ready), 1);
	tasks[1] = ready = create_returning(1);
	CHECK_EQUAL(rondo_wait(2, tasks, RONDO_ALL_COMPLETED, -1), 1);
	CHECK(tasks[0] == ready && tasks[1] == slow);
	CHECK_EQUAL(rondo_await(ready), 1);
	CHECK_EQUAL(end_of(slow), -ECANCELED);
	return 0;
}

/* p22: timeout 0 gives (0, 1); what is ready has its turn. */
static void test_a_limit_of_zero_lets_ready_tasks_run(void **state)
{
	(void)state;
	assert_run(zero_main, NULL, 0);
}

static int limit_main(void *arg)
{
	struct turning t = { 1, -EIO };
	rondo_task *slow = rondo_create_task(sleeps, NULL), *fast = create_turning(&t);
	rondo_task *tasks[2] = { slow, fast };

	(void)arg;
	CHECK_EQUAL(rondo_wait(2, tasks, RONDO_ALL_COMPLETED, 1.5), 1);
	CHECK_EQUAL(rondo_now_ns(), 1500000001);
	CHECK(tasks[0] == fast);
	CHECK_EQUAL(rondo_task_state(slow), RONDO_PENDING);
	CHECK_EQUAL(rondo_wait(1, tasks, RONDO_ALL_COMPLETED, 1.5), 1);
	CHECK_EQUAL(rondo_await(fast), -EIO);
	CHECK_EQUAL(end_of(slow), -ECANCELED);
	CHECK_EQUAL(heap_count(&rondo__loop->timers), 0);
	return 0;
}

/* W6: never a timeout error, never a cancel. */
static void test_a_limit_that_passes_is_no_error(void **state)
{
	struct step_kernel k;

	(void)state;
	step_kernel_init(&k, true);
	assert_run_on(&k.kernel, NULL, limit_main, NULL, 0);
}

/* --- cancelling ---------------------------------------------------------------------------- */

static rondo_task *children[2];

static int waits(void *arg)
{
	rondo_task *tasks[2] = { children[0], children[1] };
	ssize_t ret = rondo_wait(2, tasks, RONDO_ALL_COMPLETED, RONDO_FOREVER);

	(void)arg;
	note("waiter:%d", (int)ret);
	return (int)ret;
}

static int cancel_main(void *arg)
{
	struct turning t[2] = { { 6, 1 }, { 6, 2 } };
	rondo_task *w;

	(void)arg;
	children[0] = create_turning(&t[0]);
	children[1] = create_turning(&t[1]);
	w = rondo_create_task(waits, NULL);
	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(w));
	CHECK_EQUAL(rondo_await(w), -ECANCELED);
	CHECK_EQUAL(rondo_task_state(children[0]), RONDO_PENDING);
	CHECK_EQUAL(rondo_cancelling(children[0]), 0);
	return RONDO_GATHER(children[0], children[1]);
}

/* p22: the children are alive. */
static void test_cancelling_a_wait_leaves_the_tasks_running(void **state)
{
	(void)state;
	assert_run(cancel_main, NULL, 0);
	assert_log("waiter:-125");
}

static struct rondo_future gate;
static rondo_task *target;

static int passes_gate(void *arg)
{
	(void)arg;
	return rondo_future_await(&gate);
}

static int wait_for_target(void *arg)
{
	(void)arg;
	if (!target) {
		rondo_future_init(&gate);
		target = rondo_create_task(passes_gate, NULL);
	}
	return (int)rondo_wait(1, (rondo_task *[]){ target }, RONDO_ALL_COMPLETED, 7200);
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

static void test_wait_fits_the_matrix(void **state)
{
	const struct matrix_verb v = { .start = wait_for_target, .finish = open_gate,
				       .prepare = no_target, .result = 1 };

	(void)state;
	matrix_check("rondo_wait", &v);
}

/* --- a limit that has passed for ever ------------------------------------------------------------ */

static int sleeps_an_hour(void *arg)
{
	(void)arg;
	return rondo_sleep(3600);
}

static int minus_infinity_main(void *arg)
{
	rondo_task *tasks[20];
	struct rondo_as_completed each;

	(void)arg;
	for (int i = 0; i < 20; i++)
		tasks[i] = rondo_create_task(sleeps_an_hour, NULL);
	CHECK_EQUAL(rondo_wait(20, tasks, RONDO_ALL_COMPLETED, -INFINITY), 0);
	CHECK_EQUAL(rondo_as_completed_begin(&each, 20, tasks, -INFINITY), 0);
	CHECK_EQUAL(rondo_as_completed_next(&each, &tasks[0]), -ETIMEDOUT);
	rondo_as_completed_end(&each);
	for (int i = 0; i < 20; i++) {
		CHECK(rondo_cancel(tasks[i]));
		rondo_detach(tasks[i]);
	}
	return 0;
}

static void test_a_limit_of_minus_infinity_has_passed(void **state)
{
	(void)state;
	assert_run(minus_infinity_main, NULL, 0);
}

/* --- deadlocks ----------------------------------------------------------------------------- */

static void keep_report(const struct rondo_report *r, void *arg)
{
	(void)arg;
	note("[%s]", r->message);
}

static int deadlock_main(void *arg)
{
	rondo_task *self = rondo_current_task(), *tasks[2] = { self, self };
	const enum rondo_return_when *when = arg;

	return (int)rondo_wait(2, tasks, *when, RONDO_FOREVER);
}

static void assert_deadlock(enum rondo_return_when when, const char *expected)
{
	const struct rondo_options o = { .on_error = keep_report };

	assert_run_on(&rondo__kernel_linux, &o, deadlock_main, &when, -EDEADLK);
	assert_log(expected);
}

static void test_a_wait_that_cannot_end_is_reported(void **state)
{
	(void)state;
	assert_deadlock(RONDO_FIRST_COMPLETED, "[deadlock: waits for the first of 2 tasks]");
	assert_deadlock(RONDO_FIRST_EXCEPTION, "[deadlock: waits for the first failure of 2 tasks]");
	assert_deadlock(RONDO_ALL_COMPLETED, "[deadlock: waits for all of 2 tasks]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_completed_leaves_the_others_alone),
		cmocka_unit_test(test_first_exception_ignores_cancelled_tasks),
		cmocka_unit_test(test_all_completed_puts_them_in_order_of_completion),
		cmocka_unit_test(test_waiting_for_finished_tasks_takes_no_turn),
		cmocka_unit_test(test_odd_lists_are_counted_as_they_are),
		cmocka_unit_test(test_a_limit_of_zero_lets_ready_tasks_run),
		cmocka_unit_test(test_a_limit_that_passes_is_no_error),
		cmocka_unit_test(test_cancelling_a_wait_leaves_the_tasks_running),
		cmocka_unit_test(test_wait_fits_the_matrix),
		cmocka_unit_test(test_a_limit_of_minus_infinity_has_passed),
		cmocka_unit_test(test_a_wait_that_cannot_end_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
