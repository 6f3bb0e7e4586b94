/* SPDX-License-Identifier: MIT */
/* test_task.c - goal: a task is created, named, runs once, ends in the state its return value
 * says, and leaves no memory behind; errors nobody saw are told. Method: small programs under
 * rondo_run(), one per rule; row numbers (T1...) are those of asyncio's parity table. */
#include "support/step.h"

static int returns(void *arg)
{
	return (int)(intptr_t)arg;
}

static rondo_task *create_returning(int result)
{
	return rondo_create_task(returns, (void *)(intptr_t)result);
}

static int notes(void *arg)
{
	note("%s", (const char *)arg);
	return 0;
}

static int sleeps_for_ever(void *arg)
{
	(void)arg;
	return rondo_sleep(1e9);
}

/* --- what on_error was told --------------------------------------------------------------- */

static struct {
	unsigned n;
	char message[128], task[64];
	int error;
	void *arg;
} told;

static void tell(const struct rondo_report *r, void *arg)
{
	told.n++;
	snprintf(told.message, sizeof(told.message), "%s", r->message);
	snprintf(told.task, sizeof(told.task), "%s", r->task ? r->task : "(none)");
	told.error = r->error;
	told.arg = arg;
}

static void run_telling(rondo_fn *main, int expected)
{
	const struct rondo_options o = { .on_error = tell, .on_error_arg = &told };

	memset(&told, 0, sizeof(told));
	assert_run_on(&rondo__kernel_linux, &o, main, NULL, expected);
}

/* --- creating and running ----------------------------------------------------------------- */

static int order_main(void *arg)
{
	(void)arg;
	rondo_task *a = rondo_create_task(notes, word("a"));
	rondo_task *b = rondo_create_task(notes, word("b"));

	note("created");
	CHECK_EQUAL(rondo_await(b), 0);
	CHECK_EQUAL(rondo_await(a), 0);
	return 0;
}

/* T1. */
static void test_a_task_first_runs_when_its_creator_awaits(void **state)
{
	(void)state;
	assert_run(order_main, NULL, 0);
	assert_log("created a b");
}

static int done_main(void *arg)
{
	rondo_task *t = create_returning(7);
	uint64_t n_turns;

	(void)arg;
	rondo_detach(rondo_create_task(notes, word("first")));
	CHECK_EQUAL(rondo_yield(), 0);
	rondo_detach(rondo_create_task(notes, word("second")));
	n_turns = rondo__loop->n_turns;
	CHECK_EQUAL(rondo_await(t), 7);
	CHECK_EQUAL(rondo__loop->n_turns, n_turns);
	note("awaited");
	return 0;
}

/* p04, D11: nothing else runs meanwhile. */
static void test_awaiting_a_finished_task_takes_no_turn(void **state)
{
	(void)state;
	assert_run(done_main, NULL, 0);
	assert_log("first awaited");
}

static int states_main(void *arg)
{
	rondo_task *ok = create_returning(5), *failed = create_returning(-EIO);
	rondo_task *cancelled = create_returning(-ECANCELED);

	(void)arg;
	CHECK_EQUAL(rondo_task_state(ok), RONDO_PENDING);
	CHECK_EQUAL(rondo_task_result(ok), -EINPROGRESS);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_task_state(ok), RONDO_DONE);
	CHECK_EQUAL(rondo_task_state(failed), RONDO_FAILED);
	CHECK_EQUAL(rondo_task_state(cancelled), RONDO_CANCELLED);
	CHECK_EQUAL(rondo_task_result(ok), 5);
	CHECK_EQUAL(rondo_task_result(failed), -EIO);
	CHECK_EQUAL(rondo_task_result(cancelled), -ECANCELED);
	CHECK_EQUAL(rondo_cancelling(cancelled), 0);		/* T9, p13: nobody asked it to */
	CHECK_EQUAL(rondo_await(ok), 5);
	CHECK_EQUAL(rondo_await(failed), -EIO);
	CHECK_EQUAL(rondo_await(cancelled), -ECANCELED);
	return 0;
}

/* T13, T9. */
static void test_a_task_ends_in_the_state_its_return_value_says(void **state)
{
	(void)state;
	assert_run(states_main, NULL, 0);
}

static int extremes_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_await(create_returning(INT32_MAX)), INT32_MAX);
	CHECK_EQUAL(rondo_await(create_returning(INT32_MIN)), INT32_MIN);
	CHECK_EQUAL(rondo_await(create_returning(-RONDO_EQSHUTDOWN)), -RONDO_EQSHUTDOWN);
	return 0;
}

static void test_results_are_passed_on_untouched(void **state)
{
	(void)state;
	assert_run(extremes_main, NULL, 0);
}

static int null_main(void *arg)
{
	int results[2] = { 1, 1 };
	rondo_task *tasks[2] = { NULL, create_returning(3) };

	(void)arg;
	CHECK_EQUAL(rondo_await(NULL), -ENOMEM);
	CHECK_EQUAL(rondo_await_result(NULL, results, sizeof(results)), -ENOMEM);
	CHECK_EQUAL(results[0], 1);
	rondo_detach(NULL);
	CHECK(!rondo_cancel(NULL));
	CHECK(rondo_task_ref(NULL) == NULL);
	CHECK_EQUAL(rondo_gather(2, tasks, results, RONDO_GATHER_ALL), 0);
	CHECK_EQUAL(results[0], -ENOMEM);
	CHECK_EQUAL(results[1], 3);
	CHECK_EQUAL(RONDO_GATHER(create_returning(1), NULL), -ENOMEM);
	return 0;
}

static void test_a_task_that_could_not_be_created_is_awaited_as_enomem(void **state)
{
	(void)state;
	assert_run(null_main, NULL, 0);
}

static int self_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_await(rondo_current_task()), -EDEADLK);
	CHECK_EQUAL(rondo_yield(), 0);
	return 0;
}

/* T22. */
static void test_a_task_cannot_await_itself(void **state)
{
	(void)state;
	assert_run(self_main, NULL, 0);
}

/* --- options ------------------------------------------------------------------------------ */

struct args {
	char text[100];
	int number;
	double result;
};

static int uses_copy(void *arg)
{
	struct args *a = arg;

	CHECK_EQUAL((uintptr_t)a % 16, 0);
	CHECK_EQUAL(a->number, 42);
	CHECK(strcmp(a->text, "hello") == 0);
	a->result = 1.5;
	return 3;
}

static rondo_task *create_with_a_dying_frame(void)
{
	struct args args = { "hello", 42, 0 };
	char name[] = "a name";
	const struct rondo_task_options o = {
		.name = name, .copy = &args, .copy_size = sizeof(args),
		.result_offset = offsetof(struct args, result),
	};
	rondo_task *t = rondo_create_task_with(&o, uses_copy, NULL);

	memset(&args, 0xee, sizeof(args));
	memset(name, 'x', sizeof(name) - 1);
	return t;
}

static int copies_main(void *arg)
{
	rondo_task *t = create_with_a_dying_frame();
	double result = 9;

	(void)arg;
	CHECK(strcmp(rondo_task_name(t), "a name") == 0);
	CHECK_EQUAL(rondo_await_result(t, &result, sizeof(result)), 3);
	CHECK(result == 1.5);
	return 0;
}

/* D7, D14. */
static void test_arguments_and_name_are_copied_and_the_result_comes_back(void **state)
{
	(void)state;
	assert_run(copies_main, NULL, 0);
}

static int fails_after_writing(void *arg)
{
	((struct args *)arg)->result = 1.5;
	return -EIO;
}

static int untouched_main(void *arg)
{
	struct args args = { .number = 1 };
	const struct rondo_task_options o = { .copy = &args, .copy_size = sizeof(args),
					      .result_offset = offsetof(struct args, result) };
	double result = 9;

	(void)arg;
	rondo_task *t = rondo_create_task_with(&o, fails_after_writing, NULL);

	CHECK_EQUAL(rondo_await_result(t, &result, sizeof(result)), -EIO);
	CHECK(result == 9);
	return 0;
}

static void test_a_failed_task_leaves_the_result_untouched(void **state)
{
	(void)state;
	assert_run(untouched_main, NULL, 0);
}

static int sums_bytes(void *arg)
{
	const unsigned char *p = arg;
	int sum = 0;

	for (int i = 0; i < 16384; i++)
		sum += p[i];
	return sum;
}

static int big_copy_main(void *arg)
{
	static char big[300000];
	struct rondo_task_options o = { .copy = big, .copy_size = 16384 };

	(void)arg;
	memset(big, 1, sizeof(big));
	CHECK_EQUAL(rondo_await(rondo_create_task_with(&o, sums_bytes, NULL)), 16384);
	o.copy_size = 16385;
	CHECK(rondo_create_task_with(&o, sums_bytes, NULL) == NULL);
	o.copy_size = SIZE_MAX;
	CHECK(rondo_create_task_with(&o, sums_bytes, NULL) == NULL);
	o.copy_size = 250000;
	o.stack_size = 1 << 20;
	CHECK_EQUAL(rondo_await(rondo_create_task_with(&o, sums_bytes, NULL)), 16384);
	/* What was refused has left nothing behind. */
	CHECK_EQUAL(rondo__loop->n_live, 1);
	CHECK_EQUAL(rondo_await(create_returning(1)), 1);
	return 0;
}

static void test_a_copy_takes_at_most_a_quarter_of_the_stack(void **state)
{
	(void)state;
	assert_run(big_copy_main, NULL, 0);
}

static int uses_stack(void *arg)
{
	size_t size = *(size_t *)arg;
	volatile char *room = __builtin_alloca(size);

	for (size_t i = 0; i < size; i += 256)
		room[i] = (char)i;
	return rondo_yield() + room[0];
}

static int sizes_main(void *arg)
{
	static size_t sizes[] = { 8 << 10, 48 << 10, 900 << 10, 8 << 20 };
	const size_t stacks[] = { 1, 0, 1 << 20, 9 << 20 };	/* 1: the smallest there is */
	const struct rondo_task_options too_large = { .stack_size = SIZE_MAX };

	(void)arg;
	for (int i = STEP_CHECKED; i < 4; i++) {
		const struct rondo_task_options o = { .stack_size = stacks[i] };

		CHECK_EQUAL(rondo_await(rondo_create_task_with(&o, uses_stack, &sizes[i])), 0);
	}
	CHECK(rondo_create_task_with(&too_large, returns, NULL) == NULL);
	return 0;
}

static void test_stacks_are_as_large_as_asked_for(void **state)
{
	(void)state;
	assert_run(sizes_main, NULL, 0);
}

static int stack_used_main(void *arg)
{
	static size_t sizes[] = { 4 << 10, 30 << 10 };
	const struct rondo_task_options o = { .measure_stack = true, .stack_size = 256 << 10 };
	rondo_task *t;
	ssize_t used[2];

	(void)arg;
	for (int i = 0; i < 2; i++) {
		t = rondo_create_task_with(&o, uses_stack, &sizes[i]);
		CHECK(rondo_task_stack_used(t) < 2048);		/* it has not run */
		CHECK_EQUAL(rondo_yield(), 0);
		CHECK_EQUAL(rondo_yield(), 0);
		used[i] = rondo_task_stack_used(t);
		CHECK(used[i] >= (ssize_t)sizes[i]);
		CHECK_EQUAL(rondo_await(t), 0);
	}
	CHECK(used[1] - used[0] >= 25 << 10 && used[1] - used[0] <= 27 << 10);
	t = create_returning(0);
	CHECK_EQUAL(rondo_task_stack_used(t), -EINVAL);
	CHECK_EQUAL(rondo_await(t), 0);
	return 0;
}

static void test_the_stack_used_is_measured_on_request(void **state)
{
	(void)state;
	assert_run(stack_used_main, NULL, 0);
}

/* --- dropped before it ran ---------------------------------------------------------------- */

static unsigned n_dropped, n_bodies;
static int dropped_value;

static void dropped(void *arg)
{
	n_dropped++;
	dropped_value = *(int *)arg;
}

static int counts_body(void *arg)
{
	(void)arg;
	n_bodies++;
	return rondo_yield();
}

static rondo_task *create_droppable(int value)
{
	const struct rondo_task_options o = { .copy = &value, .copy_size = sizeof(value),
					      .on_drop = dropped };

	return rondo_create_task_with(&o, counts_body, NULL);
}

static int drop_main(void *arg)
{
	rondo_task *never = create_droppable(1), *once = create_droppable(2);
	rondo_task *pardoned = create_droppable(3);

	(void)arg;
	CHECK(rondo_cancel(never));
	CHECK(rondo_cancel(pardoned));
	CHECK_EQUAL(rondo_uncancel(pardoned), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(n_dropped, 1);
	CHECK_EQUAL(dropped_value, 1);
	CHECK_EQUAL(n_bodies, 2);
	CHECK(rondo_cancel(once));
	CHECK_EQUAL(rondo_await(never), -ECANCELED);
	CHECK_EQUAL(rondo_await(once), -ECANCELED);
	CHECK_EQUAL(rondo_await(pardoned), 0);
	CHECK_EQUAL(n_dropped, 1);
	rondo_detach(create_droppable(4));
	return 0;				/* the shutdown cancels it before its first step */
}

/* T5, p07, T12. */
static void test_on_drop_is_called_if_and_only_if_the_body_never_ran(void **state)
{
	(void)state;
	n_dropped = n_bodies = 0;
	assert_run(drop_main, NULL, 0);
	assert_int_equal(n_dropped, 2);
	assert_int_equal(dropped_value, 4);
	assert_int_equal(n_bodies, 2);
}

/* --- errors nobody saw -------------------------------------------------------------------- */

static int detached_main(void *arg)
{
	const struct rondo_task_options o = { .name = "worker" };

	(void)arg;
	rondo_detach(rondo_create_task_with(&o, returns, (void *)(intptr_t)-EIO));
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(told.n, 1);
	CHECK_EQUAL(told.error, -EIO);
	CHECK(strcmp(told.task, "worker") == 0);
	CHECK(strstr(told.message, "never retrieved") != NULL);
	CHECK(strchr(told.message, '\n') == NULL);
	CHECK(told.arg == &told);
	return 0;
}

/* T17: deterministic, not when a collector comes by. */
static void test_the_error_of_a_detached_task_is_told_at_its_end(void **state)
{
	(void)state;
	run_telling(detached_main, 0);
	assert_int_equal(told.n, 1);
}

static int detached_late_main(void *arg)
{
	rondo_task *t = create_returning(-EIO);

	(void)arg;
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(told.n, 0);
	rondo_detach(t);
	CHECK_EQUAL(told.n, 1);
	return 0;
}

static void test_the_error_of_a_finished_task_is_told_when_it_is_detached(void **state)
{
	(void)state;
	run_telling(detached_late_main, 0);
}

static rondo_task *forgotten;			/* the handle is used up by nobody */

static int forgets_main(void *arg)
{
	(void)arg;
	forgotten = create_returning(-EPIPE);
	return rondo_yield();
}

static void test_the_error_of_a_forgotten_task_is_told_when_the_loop_ends(void **state)
{
	(void)state;
	run_telling(forgets_main, 0);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.error, -EPIPE);
	assert_non_null(strstr(told.message, "never retrieved"));
	assert_string_equal(told.task, "Task-2");
}

static int fails_when_cancelled(void *arg)
{
	(void)arg;
	return rondo_sleep(1e9) == -ECANCELED ? -EREMOTEIO : 0;
}

static int leaves_a_failure_main(void *arg)
{
	(void)arg;
	rondo_detach(rondo_create_task(fails_when_cancelled, NULL));
	return rondo_yield();
}

/* R1 (3). */
static void test_an_error_during_the_shutdown_is_told(void **state)
{
	(void)state;
	run_telling(leaves_a_failure_main, 0);
	assert_int_equal(told.n, 1);
	assert_int_equal(told.error, -EREMOTEIO);
}

static int seen_main(void *arg)
{
	rondo_task *t = create_returning(-EIO);

	(void)arg;
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_task_result(t), -EIO);
	rondo_detach(t);
	CHECK_EQUAL(rondo_await(create_returning(-EIO)), -EIO);
	CHECK_EQUAL(RONDO_GATHER(create_returning(-EIO), create_returning(-EPIPE)), -EIO);
	rondo_detach(create_returning(-ECANCELED));
	rondo_detach(create_returning(0));
	t = rondo_create_task(sleeps_for_ever, NULL);
	CHECK_EQUAL(rondo_yield(), 0);
	rondo_cancel(t);
	rondo_detach(t);
	return yield_times(3);
}

static void test_errors_that_were_seen_and_cancellations_are_not_told(void **state)
{
	(void)state;
	run_telling(seen_main, 0);
	assert_int_equal(told.n, 0);
	run_telling(returns, 0);
	assert_int_equal(told.n, 0);
}

static int main_fails(void *arg)
{
	(void)arg;
	return -EIO;
}

/* q04: main's error is the caller's, and so has been seen. */
static void test_the_error_of_main_is_returned_and_not_told(void **state)
{
	(void)state;
	run_telling(main_fails, -EIO);
	assert_int_equal(told.n, 0);
}

/* --- several handles, several awaiters ---------------------------------------------------- */

static int awaits_and_notes(void *arg)
{
	int ret = rondo_await(arg);

	note("%d", ret);
	return ret;
}

static int yields_then_returns(void *arg)
{
	CHECK_EQUAL(yield_times(2), 0);
	return (int)(intptr_t)arg;
}

static int two_awaiters_main(void *arg)
{
	rondo_task *t = rondo_create_task(yields_then_returns, (void *)8), *a, *b;

	(void)arg;
	a = rondo_create_task(awaits_and_notes, rondo_task_ref(t));
	b = rondo_create_task(awaits_and_notes, rondo_task_ref(t));
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_await(t), 8);
	note("main");
	CHECK_EQUAL(rondo_await(a), 8);
	CHECK_EQUAL(rondo_await(b), 8);
	return 0;
}

/* p03: in the order in which they began to wait. */
static void test_all_who_await_a_task_are_woken_in_order(void **state)
{
	(void)state;
	assert_run(two_awaiters_main, NULL, 0);
	assert_log("8 8 main");
}

/* --- names and lists ---------------------------------------------------------------------- */

static int names_main(void *arg)
{
	const char *longest = "0123456789012345678901234567890";	/* 31 */
	rondo_task *self = rondo_current_task(), *t = create_returning(0);
	char longer[64];

	(void)arg;
	CHECK(strcmp(rondo_task_name(self), "Task-1") == 0);
	CHECK(strcmp(rondo_task_name(t), "Task-2") == 0);
	rondo_task_set_name(t, "new name");
	CHECK(strcmp(rondo_task_name(t), "new name") == 0);
	snprintf(longer, sizeof(longer), "%sabc", longest);
	rondo_task_set_name(t, longer);
	CHECK(strcmp(rondo_task_name(t), longest) == 0);
	rondo_task_set_name(t, "");
	CHECK(strcmp(rondo_task_name(t), "Task-2") == 0);
	return rondo_await(t);
}

/* T18. */
static void test_tasks_have_names(void **state)
{
	(void)state;
	assert_run(names_main, NULL, 0);
}

static int lists_one(rondo_task *t, void *ctx)
{
	unsigned *n = ctx;

	note("%s", rondo_task_name(t));
	return ++*n == 3 ? 77 : 0;
}

static int list_main(void *arg)
{
	rondo_task *a = create_returning(0), *b = rondo_create_task(sleeps_for_ever, NULL);
	rondo_task *c = rondo_create_task(sleeps_for_ever, NULL);
	unsigned n = 100;

	(void)arg;
	rondo_task_set_name(rondo_current_task(), "main");
	rondo_task_set_name(a, "a");
	rondo_task_set_name(b, "b");
	rondo_task_set_name(c, "c");
	CHECK_EQUAL(rondo_all_tasks(lists_one, &n), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	note("-");
	CHECK_EQUAL(rondo_all_tasks(lists_one, &n), 0);
	note("-");
	n = 1;
	CHECK_EQUAL(rondo_all_tasks(lists_one, &n), 77);
	rondo_cancel(b);
	rondo_cancel(c);
	CHECK_EQUAL(rondo_await(a), 0);
	CHECK_EQUAL(rondo_await(b), -ECANCELED);
	CHECK_EQUAL(rondo_await(c), -ECANCELED);
	return 0;
}

/* T19: oldest first, without those that are done, until told to stop. */
static void test_all_tasks_lists_what_is_not_done(void **state)
{
	unsigned n = 0;

	(void)state;
	assert_run(list_main, NULL, 0);
	assert_log("main a b c - main b c - main b");
	assert_int_equal(rondo_all_tasks(lists_one, &n), 0);
	assert_int_equal(n, 0);
	assert_null(rondo_current_task());
}

static int describe_main(void *arg)
{
	rondo_task *sleeper = rondo_create_task(sleeps_for_ever, NULL), *waiter, *done;
	char what[64], tiny[4];

	(void)arg;
	rondo_task_set_name(sleeper, "dormouse");
	waiter = rondo_create_task(awaits_and_notes, rondo_task_ref(sleeper));
	done = create_returning(0);
	rondo_task_describe(sleeper, what, sizeof(what));
	CHECK(strstr(what, "ready") != NULL);
	CHECK_EQUAL(rondo_yield(), 0);
	rondo_task_describe(sleeper, what, sizeof(what));
	CHECK(strcmp(what, "sleep") == 0);
	rondo_task_describe(waiter, what, sizeof(what));
	CHECK(strcmp(what, "task 'dormouse'") == 0);
	rondo_task_describe(waiter, tiny, sizeof(tiny));
	CHECK(strcmp(tiny, "tas") == 0);
	rondo_task_describe(done, what, sizeof(what));
	CHECK(strstr(what, "done") != NULL);
	rondo_cancel(sleeper);
	CHECK_EQUAL(rondo_await(sleeper), -ECANCELED);
	CHECK_EQUAL(rondo_await(waiter), -ECANCELED);
	return rondo_await(done);
}

static void test_a_task_tells_what_it_waits_for(void **state)
{
	(void)state;
	assert_run(describe_main, NULL, 0);
}

/* --- memory ------------------------------------------------------------------------------- */

static int lifo_main(void *arg)
{
	rondo_task *a = create_returning(0), *b = create_returning(0), *c;

	(void)arg;
	CHECK_EQUAL(rondo_await(a), 0);
	CHECK_EQUAL(rondo_await(b), 0);
	c = create_returning(0);
	CHECK(c == b);					/* the last one freed is the warmest */
	CHECK(create_returning(0) == a);
	return rondo_await(c);
}

static void test_stacks_are_recycled_last_in_first_out(void **state)
{
	(void)state;
	assert_run(lifo_main, NULL, 0);
}

static long resident_pages(void)
{
	char buf[128];
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, buf, sizeof(buf) - 1);

	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return atol(strchr(buf, ' '));
}

static int cycles_main(void *arg)
{
	size_t n = *(size_t *)arg;
	long before = 0;

	for (size_t i = 0; i < n; i++) {
		if (i == n / 10)
			before = resident_pages();
		CHECK_EQUAL(rondo_await(create_returning((int)i)), (int)i);
	}
	CHECK(STEP_CHECKED || resident_pages() - before <= 64);	/* checkers keep records */
	CHECK_EQUAL(rondo__loop->n_created, n + 1);
	return 0;
}

static void test_a_million_tasks_in_turn_use_the_memory_of_one(void **state)
{
	size_t n = STEP_SIZE(1000000, 20000);

	(void)state;
	assert_run(cycles_main, &n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_task_first_runs_when_its_creator_awaits),
		cmocka_unit_test(test_awaiting_a_finished_task_takes_no_turn),
		cmocka_unit_test(test_a_task_ends_in_the_state_its_return_value_says),
		cmocka_unit_test(test_results_are_passed_on_untouched),
		cmocka_unit_test(test_a_task_that_could_not_be_created_is_awaited_as_enomem),
		cmocka_unit_test(test_a_task_cannot_await_itself),
		cmocka_unit_test(test_arguments_and_name_are_copied_and_the_result_comes_back),
		cmocka_unit_test(test_a_failed_task_leaves_the_result_untouched),
		cmocka_unit_test(test_a_copy_takes_at_most_a_quarter_of_the_stack),
		cmocka_unit_test(test_stacks_are_as_large_as_asked_for),
		cmocka_unit_test(test_the_stack_used_is_measured_on_request),
		cmocka_unit_test(test_on_drop_is_called_if_and_only_if_the_body_never_ran),
		cmocka_unit_test(test_the_error_of_a_detached_task_is_told_at_its_end),
		cmocka_unit_test(test_the_error_of_a_finished_task_is_told_when_it_is_detached),
		cmocka_unit_test(test_the_error_of_a_forgotten_task_is_told_when_the_loop_ends),
		cmocka_unit_test(test_an_error_during_the_shutdown_is_told),
		cmocka_unit_test(test_errors_that_were_seen_and_cancellations_are_not_told),
		cmocka_unit_test(test_the_error_of_main_is_returned_and_not_told),
		cmocka_unit_test(test_all_who_await_a_task_are_woken_in_order),
		cmocka_unit_test(test_tasks_have_names),
		cmocka_unit_test(test_all_tasks_lists_what_is_not_done),
		cmocka_unit_test(test_a_task_tells_what_it_waits_for),
		cmocka_unit_test(test_stacks_are_recycled_last_in_first_out),
		cmocka_unit_test(test_a_million_tasks_in_turn_use_the_memory_of_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
