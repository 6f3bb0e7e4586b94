/* SPDX-License-Identifier: MIT */
/* test_context.c - goal: context variables are inherited as copies, by tasks and calls, and tasks
 * that have none pay nothing (row L9, probe p45). Method: what each reader sees, as sentences. */
#include "support/step.h"

#include "rondo/call.h"
#include "rondo/context.h"
#include "rondo/group.h"
#include "rondo/runner.h"
#include "rondo/splice.h"
#include "rondo_sim.h"
#include "task/task.h"

static struct rondo_contextvar var = { .name = "var", .initial = (void *)1 }, other = { .name = "other" };

static long get(void)
{
	return (long)(intptr_t)rondo_contextvar_get(&var);
}

static int set(long n)
{
	return rondo_contextvar_set(&var, (void *)(intptr_t)n, NULL);
}

static int sets(void *arg)
{
	note("child:%ld", get());
	return arg ? set((long)(intptr_t)arg) : 0;
}

static int inherit_main(void *arg)
{
	rondo_task *before, *after;

	(void)arg;
	note("main:%ld", get());
	before = rondo_create_task(sets, (void *)7);
	CHECK_EQUAL(set(5), 0);
	after = rondo_create_task(sets, (void *)8);
	CHECK_EQUAL(set(6), 0);
	CHECK_EQUAL(rondo_await(before), 0);
	CHECK_EQUAL(rondo_await(after), 0);
	note("main:%ld", get());
	return 0;
}

/* L9: a task sees what was set when it was created; nobody sees what it sets. */
static void test_tasks_inherit_a_copy(void **state)
{
	(void)state;
	assert_run(inherit_main, NULL, 0);
	assert_log("main:1 child:1 child:5 main:6");
}

static int sets_again(void *arg)
{
	note("%ld", get());
	return set((long)(intptr_t)arg);
}

static int p45_main(void *arg)
{
	rondo_context *shared;
	rondo_task *t;

	(void)arg;
	note("%ld", get());
	CHECK_EQUAL(set(5), 0);
	t = rondo_create_task(sets_again, (void *)9);		/* a copy: sees 5 */
	CHECK_EQUAL(rondo_await(t), 0);
	shared = rondo_context_copy();
	CHECK_EQUAL(rondo_await(rondo_create_task_with(
		&(struct rondo_task_options){ .context = shared }, sets_again, (void *)6)), 0);
	CHECK_EQUAL(rondo_await(rondo_create_task_with(
		&(struct rondo_task_options){ .context = shared }, sets_again, (void *)2)), 0);
	note("main:%ld", get());
	rondo_context_free(shared);
	return 0;
}

/* p45, L9: tasks that share a context see each other's sets, and main does not. */
static void test_tasks_may_share_a_context(void **state)
{
	(void)state;
	assert_run(p45_main, NULL, 0);
	assert_log("1 5 5 6 main:5");
}

static void call_sets(void *arg)
{
	note("call:%ld", get());
	if (set((long)(intptr_t)arg) < 0)
		note("no memory");
	note("call:%ld", get());
}

static void task_done(rondo_task *t, void *arg)
{
	(void)t, (void)arg;
	note("done:%ld", get());
}

static int call_main(void *arg)
{
	struct rondo_handle soon, later;
	struct rondo_done_callback done;
	rondo_task *t = rondo_create_task(sets, NULL);

	(void)arg;
	CHECK_EQUAL(set(2), 0);
	CHECK_EQUAL(rondo_call_soon(&soon, call_sets, (void *)20), 0);
	CHECK_EQUAL(set(3), 0);
	CHECK_EQUAL(rondo_call_later(&later, 0, call_sets, (void *)30), 0);
	CHECK_EQUAL(set(4), 0);
	CHECK_EQUAL(rondo_task_add_done_callback(t, &done, task_done, NULL), 0);
	CHECK_EQUAL(set(5), 0);
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(yield_times(2), 0);
	note("main:%ld", get());
	return 0;
}

/* L9, T15: calls have what was set when they were asked for. */
static void test_calls_capture_what_is_set(void **state)
{
	(void)state;
	assert_run(call_main, NULL, 0);
	assert_log("child:1 call:2 call:20 call:3 call:30 done:4 main:5");
}

static int resets_foreign(void *arg)
{
	CHECK_EQUAL(rondo_contextvar_reset(arg), -EINVAL);
	return 0;
}

static int reset_main(void *arg)
{
	struct rondo_contextvar_token one, two;
	void *value = (void *)77;

	(void)arg;
	CHECK(!rondo_contextvar_find(&var, &value));
	CHECK_EQUAL((intptr_t)value, 77);
	CHECK_EQUAL(rondo_contextvar_set(&var, (void *)2, &one), 0);
	CHECK_EQUAL(rondo_contextvar_set(&var, (void *)3, &two), 0);
	CHECK(rondo_contextvar_find(&var, &value));
	CHECK_EQUAL((intptr_t)value, 3);
	CHECK_EQUAL(rondo_await(rondo_create_task(resets_foreign, &two)), 0);
	CHECK_EQUAL(rondo_contextvar_reset(&two), 0);
	CHECK_EQUAL(get(), 2);
	CHECK_EQUAL(rondo_contextvar_reset(&two), -EALREADY);
	CHECK_EQUAL(rondo_contextvar_reset(&one), 0);
	CHECK(!rondo_contextvar_find(&var, &value));
	CHECK_EQUAL(get(), 1);
	return 0;
}

static void test_a_set_can_be_taken_back(void **state)
{
	(void)state;
	assert_run(reset_main, NULL, 0);
}

static int inside(void *arg)
{
	(void)arg;
	note("in:%ld", get());
	if (rondo_yield() < 0 || set(11) < 0)
		return -1;
	note("in:%ld", get());
	return 42;
}

static int run_in_main(void *arg)
{
	rondo_context *c;

	(void)arg;
	CHECK_EQUAL(set(10), 0);
	c = rondo_context_copy();
	CHECK_EQUAL(set(1000), 0);
	CHECK_EQUAL(rondo_context_run(c, inside, NULL), 42);
	note("out:%ld", get());
	CHECK_EQUAL(rondo_context_run(c, inside, NULL), 42);
	rondo_context_free(c);
	rondo_context_free(NULL);
	return 0;
}

/* Context.run(); what runs in it may await. */
static void test_a_function_runs_in_a_context(void **state)
{
	(void)state;
	assert_run(run_in_main, NULL, 0);
	assert_log("in:10 in:11 out:1000 in:11 in:11");
}

static int sets_and_returns(void *arg)
{
	note("main:%ld", get());
	return set((long)(intptr_t)arg);
}

/* R2: what one main sets is there in the next run of the loop. */
static void test_a_loop_keeps_the_context_between_runs(void **state)
{
	rondo_loop *loop;

	(void)state;
	step_log[0] = '\0';
	assert_int_equal(rondo_loop_new(NULL, &loop), 0);
	assert_int_equal(rondo_loop_run(loop, sets_and_returns, (void *)2), 0);
	assert_int_equal(rondo_loop_run(loop, sets_and_returns, (void *)3), 0);
	assert_int_equal(rondo_loop_run(loop, sets_and_returns, (void *)4), 0);
	assert_int_equal(rondo_loop_free(loop), 0);
	assert_log("main:1 main:2 main:3");
}

static void never(void *arg)
{
	(void)arg;
	note("never");
}

static int loses_power(void *arg)
{
	struct rondo_handle handle;
	int fds[2];

	(void)arg;
	if (rondo_pipe(fds, 0) < 0 || set(2) < 0 || rondo_add_reader(fds[0], never, NULL) < 0 ||
	    rondo_call_later(&handle, 3600, never, NULL) < 0)
		return -1;
	rondo_detach(rondo_create_task(sets, (void *)3));
	return rondo_sleep(7200);
}

static int cuts_power(void *arg)
{
	int host = rondo_sim_start_host("other", loses_power, arg);

	if (rondo_sleep(1) < 0)
		return -1;
	return rondo_sim_cut_power(host);
}

/* A loop that is abandoned in a simulated power cut leaves nothing; checkers of memory see that. */
static void test_nothing_is_left_after_a_power_cut(void **state)
{
	(void)state;
	for (int debug = 0; debug < 2; debug++) {
		struct rondo_sim_options o = { .seed = 1, .no_faults = true, .run.debug = debug,
					       .on_failure = rondo_sim_print_failure };

		step_log[0] = '\0';
		assert_int_equal(rondo_sim_run(&o, cuts_power, NULL), 0);
		assert_log("child:2");
	}
}

static int sets_other(void *arg)
{
	return rondo_contextvar_set(&other, arg, NULL);
}

/* What a copy there was no memory for leaves: the variables are the task's own. */
static int runs_in_none(void *arg)
{
	struct rondo_contextvar_token token;

	CHECK_EQUAL(rondo_context_run(NULL, sets_other, arg), 0);
	CHECK(rondo_contextvar_get(&other) == arg);
	CHECK_EQUAL(rondo_contextvar_set(&other, &token, &token), 0);
	CHECK_EQUAL(rondo_contextvar_reset(&token), 0);
	CHECK(rondo_contextvar_get(&other) == arg);
	return 0;
}

static void test_without_a_context_a_function_runs_in_the_tasks_own(void **state)
{
	(void)state;
	assert_run(runs_in_none, word("mine"), 0);
}

enum { N_VARS = 50 };

static struct rondo_contextvar many[N_VARS];

static int checks_many(void *arg)
{
	for (intptr_t i = 0; i < N_VARS; i++)
		CHECK_EQUAL((intptr_t)rondo_contextvar_get(&many[i]), i + (intptr_t)arg);
	return 0;
}

static int many_main(void *arg)
{
	rondo_task *t;

	(void)arg;
	for (intptr_t i = 0; i < N_VARS; i++)
		CHECK_EQUAL(rondo_contextvar_set(&many[i], (void *)i, NULL), 0);
	t = rondo_create_task(checks_many, NULL);
	for (intptr_t i = 0; i < N_VARS; i++)
		CHECK_EQUAL(rondo_contextvar_set(&many[i], (void *)(i + 1), NULL), 0);
	CHECK_EQUAL(checks_many((void *)1), 0);
	return rondo_await(t);
}

static void test_there_may_be_many_variables(void **state)
{
	(void)state;
	assert_run(many_main, NULL, 0);
}

static int is_plain(void *arg)
{
	(void)arg;
	CHECK(!rondo__self()->extended);
	CHECK_EQUAL((intptr_t)rondo_contextvar_get(&other), 0);
	CHECK(!rondo__self()->extended);
	return 0;
}

static int plain_main(void *arg)
{
	(void)arg;
	return rondo_await(rondo_create_task(is_plain, NULL));
}

/* C2: who uses none has nothing to keep, nor to clear. */
static void test_tasks_without_variables_pay_nothing(void **state)
{
	(void)state;
	assert_run(plain_main, NULL, 0);
}

static int use_outside(void)
{
	return (int)get();
}

static void test_a_variable_outside_a_loop_is_a_bug(void **state)
{
	(void)state;
	assert_bug(use_outside, "outside a loop");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tasks_inherit_a_copy),
		cmocka_unit_test(test_tasks_may_share_a_context),
		cmocka_unit_test(test_calls_capture_what_is_set),
		cmocka_unit_test(test_a_set_can_be_taken_back),
		cmocka_unit_test(test_a_function_runs_in_a_context),
		cmocka_unit_test(test_a_loop_keeps_the_context_between_runs),
		cmocka_unit_test(test_nothing_is_left_after_a_power_cut),
		cmocka_unit_test(test_without_a_context_a_function_runs_in_the_tasks_own),
		cmocka_unit_test(test_there_may_be_many_variables),
		cmocka_unit_test(test_tasks_without_variables_pay_nothing),
		cmocka_unit_test(test_a_variable_outside_a_loop_is_a_bug),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
