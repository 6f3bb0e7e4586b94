/* SPDX-License-Identifier: MIT */
/* test_as_completed.c - goal: tasks are given in the order in which they end, each once, and
 * neither a limit nor a cancel loses one. Method: row W9 and probe p23, on a clock that the loop
 * moves. */
#include <math.h>

#include "rondo/future.h"
#include "rondo/wait.h"
#include "support/matrix.h"
#include "support/step.h"

struct sleeper {
	const char *name;
	double seconds;
};

static int sleeps(void *arg)
{
	const struct sleeper *s = arg;
	int ret = rondo_sleep(s->seconds);

	return ret < 0 ? ret : s->name[0];
}

/* Note the names of what comes, and return what ended it. */
static int note_all(struct rondo_as_completed *each)
{
	rondo_task *t;
	int ret;

	while ((ret = rondo_as_completed_next(each, &t)) > 0)
		note("%c", t ? rondo_await(t) : '0');
	return ret;
}

/* --- order --------------------------------------------------------------------------------- */

static int order_main(void *arg)
{
	struct sleeper s[12] = { { "c", 3 }, { "a", 1 }, { "d", 4 }, { "b", 2 }, { "h", 8 },
				 { "e", 5 }, { "f", 6 }, { "g", 7 }, { "l", 12 }, { "k", 11 },
				 { "j", 10 }, { "i", 9 } };
	size_t n = *(size_t *)arg;
	struct rondo_as_completed each;
	rondo_task *tasks[12];

	for (size_t i = 0; i < n; i++)
		tasks[i] = rondo_create_task(sleeps, &s[i]);
	CHECK_EQUAL(rondo_as_completed_begin(&each, n, tasks, RONDO_FOREVER), 0);
	CHECK_EQUAL(note_all(&each), 0);
	CHECK_EQUAL(note_all(&each), 0);
	rondo_as_completed_end(&each);
	CHECK_EQUAL(rondo__loop->n_live, 1);
	return 0;
}

static void run_fake(rondo_fn *main, void *arg)
{
	struct step_kernel k;

	step_kernel_init(&k, true);
	assert_run_on(&k.kernel, NULL, main, arg, 0);
}

/* W9, p23. */
static void test_tasks_come_in_order_of_completion(void **state)
{
	size_t none = 0, few = 4, many = 12;

	(void)state;
	run_fake(order_main, &none);
	assert_log("");
	run_fake(order_main, &few);
	assert_log("a b c d");
	run_fake(order_main, &many);
	assert_log("a b c d e f g h i j k l");
}

static int returns(void *arg)
{
	return (int)(intptr_t)arg;
}

static int done_main(void *arg)
{
	rondo_task *a = rondo_create_task(returns, (void *)'a');
	rondo_task *b = rondo_create_task(returns, (void *)'b');
	rondo_task *tasks[5] = { b, NULL, a, b, a };
	struct rondo_as_completed each;
	uint64_t n_turns;

	(void)arg;
	CHECK_EQUAL(rondo_yield(), 0);
	n_turns = rondo__loop->n_turns;
	CHECK_EQUAL(rondo_as_completed_begin(&each, 5, tasks, 1), 0);
	CHECK_EQUAL(note_all(&each), 0);
	rondo_as_completed_end(&each);
	CHECK_EQUAL(rondo__loop->n_turns, n_turns);
	return 0;
}

/* W9: twice is once; what is done comes first, as given, and takes no turn (D11). */
static void test_finished_tasks_come_at_once_and_each_once(void **state)
{
	(void)state;
	assert_run(done_main, NULL, 0);
	assert_log("b 0 a");
}

/* --- limits -------------------------------------------------------------------------------- */

static int limit_main(void *arg)
{
	struct sleeper s[4] = { { "z", 3600 }, { "b", 2 }, { "a", 1 }, { "c", 3 } };
	struct rondo_as_completed each;
	rondo_task *tasks[4], *t;

	(void)arg;
	for (size_t i = 0; i < 4; i++)
		tasks[i] = rondo_create_task(sleeps, &s[i]);
	CHECK_EQUAL(rondo_as_completed_begin(&each, 4, tasks, NAN), -EINVAL);
	CHECK_EQUAL(rondo_as_completed_begin(&each, 4, tasks, 10), 0);
	CHECK_EQUAL(note_all(&each), -ETIMEDOUT);
	CHECK_EQUAL(rondo_as_completed_next(&each, &t), -ETIMEDOUT);
	CHECK_EQUAL(rondo_task_state(tasks[0]), RONDO_PENDING);
	CHECK_EQUAL(rondo_cancelling(tasks[0]), 0);
	rondo_as_completed_end(&each);
	rondo_as_completed_end(&each);
	rondo_cancel(tasks[0]);
	CHECK_EQUAL(rondo_await(tasks[0]), -ECANCELED);
	return 0;
}

/* p23: `a b c TimeoutError`, and z is not cancelled. */
static void test_a_limit_ends_the_waiting_and_cancels_nobody(void **state)
{
	(void)state;
	run_fake(limit_main, NULL);
	assert_log("a b c");
}

static int slow_consumer_main(void *arg)
{
	struct sleeper s[3] = { { "a", 1 }, { "z", 3600 }, { "b", 2 } };
	struct rondo_as_completed each;
	rondo_task *tasks[3];

	(void)arg;
	for (size_t i = 0; i < 3; i++)
		tasks[i] = rondo_create_task(sleeps, &s[i]);
	CHECK_EQUAL(rondo_as_completed_begin(&each, 3, tasks, 3), 0);
	CHECK_EQUAL(rondo_sleep(100), 0);
	CHECK_EQUAL(note_all(&each), -ETIMEDOUT);
	rondo_as_completed_end(&each);
	rondo_detach(tasks[1]);
	return 0;
}

/* W9: what was done in time is given, however late it is asked for. */
static void test_what_was_done_in_time_is_given_after_it(void **state)
{
	(void)state;
	run_fake(slow_consumer_main, NULL);
	assert_log("a b");
}

/* --- cancelling, leaving early ------------------------------------------------------------- */

static int cancel_main(void *arg)
{
	struct sleeper s[2] = { { "a", 1 }, { "b", 2 } };
	struct rondo_as_completed each;
	rondo_task *tasks[2], *self = rondo_current_task(), *t;
	struct rondo_timeout limit;

	(void)arg;
	for (size_t i = 0; i < 2; i++)
		tasks[i] = rondo_create_task(sleeps, &s[i]);
	CHECK_EQUAL(rondo_as_completed_begin(&each, 2, tasks, RONDO_FOREVER), 0);
	CHECK_EQUAL(rondo_timeout_begin(&limit, 0.5), 0);
	CHECK_EQUAL(rondo_timeout_end(&limit, rondo_as_completed_next(&each, &t)), -ETIMEDOUT);
	CHECK(rondo_cancel(self));
	CHECK_EQUAL(rondo_as_completed_next(&each, &t), -ECANCELED);
	CHECK_EQUAL(rondo_uncancel(self), 0);
	CHECK_EQUAL(rondo_cancelling(tasks[0]), 0);
	CHECK_EQUAL(note_all(&each), 0);
	rondo_as_completed_end(&each);
	return 0;
}

static void test_a_cancel_loses_no_task(void **state)
{
	(void)state;
	run_fake(cancel_main, NULL);
	assert_log("a b");
}

static int leave_main(void *arg)
{
	struct sleeper s[10] = { { "a", 1 } };
	struct rondo_as_completed each;
	rondo_task *tasks[10], *t;

	(void)arg;
	for (size_t i = 0; i < 10; i++) {
		s[i] = (struct sleeper){ "a", (double)i };
		tasks[i] = rondo_create_task(sleeps, &s[i]);
	}
	CHECK_EQUAL(rondo_as_completed_begin(&each, 10, tasks, 60), 0);
	CHECK_EQUAL(rondo_as_completed_next(&each, &t), 1);
	CHECK(t == tasks[0]);
	rondo_as_completed_end(&each);
	memset(&each, 0xee, sizeof(each));
	CHECK_EQUAL(rondo_gather(10, tasks, NULL, 0), 0);
	CHECK_EQUAL(heap_count(&rondo__loop->timers), 0);
	return 0;
}

static void test_leaving_early_leaves_nothing_behind(void **state)
{
	(void)state;
	run_fake(leave_main, NULL);
}

static int foreign_main(void *arg)
{
	struct sleeper s = { "a", 3600 };
	struct rondo_as_completed each;
	rondo_task *t = rondo_create_task(sleeps, &s), *got;

	if (arg)
		return rondo_as_completed_next(arg, &got);
	if (rondo_as_completed_begin(&each, 1, &t, RONDO_FOREVER) < 0)
		return -1;
	return rondo_await(rondo_create_task(foreign_main, &each));
}

static int asks_in_another_task(void)
{
	return rondo_run(foreign_main, NULL);
}

static void test_asking_in_another_task_is_a_bug(void **state)
{
	(void)state;
	assert_bug(asks_in_another_task, "begun by another task");
}

/* --- every awaitable ----------------------------------------------------------------------- */

static struct rondo_future gate;
static rondo_task *target;

static int passes_gate(void *arg)
{
	(void)arg;
	return rondo_future_await(&gate);
}

static int next_of_one(void *arg)
{
	struct rondo_as_completed each;
	rondo_task *t;
	int ret;

	(void)arg;
	if (!target) {
		rondo_future_init(&gate);
		target = rondo_create_task(passes_gate, NULL);
	}
	ret = rondo_as_completed_begin(&each, 1, &target, 7200);
	if (ret < 0)
		return ret;
	ret = rondo_as_completed_next(&each, &t);
	rondo_as_completed_end(&each);
	return ret == 1 && t != target ? -EPROTO : ret;
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

static void test_next_fits_the_matrix(void **state)
{
	const struct matrix_verb v = { .start = next_of_one, .finish = open_gate,
				       .prepare = no_target, .result = 1 };

	(void)state;
	matrix_check("rondo_as_completed_next", &v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tasks_come_in_order_of_completion),
		cmocka_unit_test(test_finished_tasks_come_at_once_and_each_once),
		cmocka_unit_test(test_a_limit_ends_the_waiting_and_cancels_nobody),
		cmocka_unit_test(test_what_was_done_in_time_is_given_after_it),
		cmocka_unit_test(test_a_cancel_loses_no_task),
		cmocka_unit_test(test_leaving_early_leaves_nothing_behind),
		cmocka_unit_test(test_asking_in_another_task_is_a_bug),
		cmocka_unit_test(test_next_fits_the_matrix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
