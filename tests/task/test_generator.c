/* SPDX-License-Identifier: MIT */
/* test_generator.c - goal: a generator is Python's: its body runs only when asked, errors come out of
 * the question, leaving it lets it clean up, and none is left open when a loop ends (R9). Method: orders
 * of events, the matrix, misuse. tests/api/test_generators.c has the types. */
#include <sys/socket.h>
#include <pthread.h>

#include "rondo/file.h"
#include "rondo/generator.h"
#include "rondo/loop.h"
#include "rondo/sync.h"
#include "support/matrix.h"
#include "support/step.h"

static struct rondo_event event;

/* Says what it does. */
RONDO_GENERATOR(int, counts, (int, n), (int, result))
{
	int ret = 0;

	note("begin");
	for (int i = 0; i < n && ret == 0; i++) {
		note("yield%d", i);
		ret = counts_yield(gen, i);
	}
	note("%d", ret);
	if (ret == -ECANCELED) {
		note("%d", rondo_yield());		/* cleanup may await */
		note("cleaned");
		return result ? result : ret;
	}
	return result;
}

static int lock_step_main(void *arg)
{
	struct counts_generator *g = counts(2, 0);
	int i, ret;

	(void)arg;
	CHECK_EQUAL(turns(3), 0);
	note("|");
	while ((ret = counts_next(g, &i)) == 0) {
		note("got%d", i);
		CHECK_EQUAL(turns(3), 0);
	}
	CHECK_EQUAL(ret, -RONDO_EEND);
	CHECK_EQUAL(i, 1);				/* untouched */
	CHECK_EQUAL(counts_next(g, &i), -RONDO_EEND);
	return counts_end(g, ret);
}

static void test_the_body_runs_only_when_it_is_asked(void **state)
{
	(void)state;
	assert_run(lock_step_main, NULL, 0);
	assert_log("| begin yield0 got0 yield1 got1 0");
}

static int error_main(void *arg)
{
	struct counts_generator *g = counts(1, -EIO);
	int i, ret;

	(void)arg;
	while ((ret = counts_next(g, &i)) == 0)
		continue;
	CHECK_EQUAL(ret, -EIO);
	CHECK_EQUAL(counts_next(g, &i), -RONDO_EEND);
	CHECK_EQUAL(counts_end(g, 0), 0);		/* it was told already */
	g = counts(0, -EIO);
	ret = counts_next(g, &i);
	CHECK_EQUAL(counts_end(g, ret), -EIO);
	return 0;
}

/* Its task is nobody else's, but the body has it. */
RONDO_GENERATOR(int, cancels_itself, (int, n))
{
	int ret = n;

	(void)rondo_cancel(rondo_current_task());
	ret = cancels_itself_yield(gen, ret);
	note("%d", ret);
	return ret;
}

static int cancels_itself_main(void *arg)
{
	struct cancels_itself_generator *g = cancels_itself(7);
	int i = 0, ret;

	(void)arg;
	CHECK_EQUAL(cancels_itself_next(g, &i), 0);	/* what was yielded is not lost */
	CHECK_EQUAL(i, 7);
	ret = cancels_itself_next(g, &i);
	CHECK(ret < 0);
	return cancels_itself_end(g, 0);
}

static void test_a_body_that_cancels_itself_hears_of_it(void **state)
{
	char expected[16];

	(void)state;
	snprintf(expected, sizeof(expected), "%d", -ECANCELED);
	assert_run(cancels_itself_main, NULL, 0);
	assert_log(expected);
}

/* The first error is told, and the cleanup's only if there was none. */
static int two_errors_main(void *arg)
{
	struct counts_generator *g = counts(5, -EIO);
	int i;

	(void)arg;
	CHECK_EQUAL(counts_next(g, &i), 0);
	CHECK_EQUAL(counts_end(g, -EBADF), -EBADF);
	g = counts(5, -EIO);
	CHECK_EQUAL(counts_next(g, &i), 0);
	CHECK_EQUAL(counts_end(g, 0), -EIO);
	g = counts(5, 3);			/* no error at all, though it was cancelled */
	CHECK_EQUAL(counts_next(g, &i), 0);
	CHECK_EQUAL(counts_end(g, 0), 0);
	g = counts(5, 0);
	CHECK_EQUAL(counts_next(g, &i), 0);
	return counts_end(g, 0);
}

static void test_of_two_errors_the_first_is_told(void **state)
{
	(void)state;
	assert_run(two_errors_main, NULL, 0);
	step_log[0] = '\0';
}

RONDO_GENERATOR(int, ends_itself, (int, n))
{
	note("%d", ends_itself_end(gen, n));
	return 0;
}

static int ends_itself_main(void *arg)
{
	struct ends_itself_generator *g = ends_itself(0);
	int i;

	(void)arg;
	CHECK_EQUAL(ends_itself_next(g, &i), -RONDO_EEND);
	return ends_itself_end(g, 0);
}

static void test_a_body_cannot_end_its_generator(void **state)
{
	char expected[16];

	(void)state;
	snprintf(expected, sizeof(expected), "%d", -EBUSY);
	assert_run(ends_itself_main, NULL, 0);
	assert_log(expected);
}

static char report[256];

static void collect(const struct rondo_report *r, void *arg)
{
	(void)arg;
	snprintf(report, sizeof(report), "%s: %s", r->task ? r->task : "", r->message);
}

static void test_an_error_comes_out_of_the_question_once(void **state)
{
	const struct rondo_options o = { .on_error = collect };

	(void)state;
	report[0] = '\0';
	assert_run_on(&rondo__kernel_linux, &o, error_main, NULL, 0);
	assert_string_equal(report, "");
}

/* --- leaving --------------------------------------------------------------------------------- */

static int left_main(void *arg)
{
	struct counts_generator *g = counts(9, *(int *)arg);
	int i;

	CHECK_EQUAL(counts_next(g, &i), 0);
	CHECK_EQUAL(counts_end(g, 0), *(int *)arg);
	note("|");
	g = counts(9, *(int *)arg);
	CHECK_EQUAL(counts_next(g, &i), 0);
	CHECK_EQUAL(counts_end(g, -EDOM), -EDOM);	/* the loop's own error comes first */
	return 0;
}

/* aclose(): GeneratorExit is -ECANCELED. */
static void test_a_generator_that_is_left_cleans_up_first(void **state)
{
	int result = 0;

	(void)state;
	assert_run(left_main, &result, 0);
	assert_log("begin yield0 -125 0 cleaned | begin yield0 -125 0 cleaned");
	result = -EIO;
	assert_run(left_main, &result, 0);
	assert_log("begin yield0 -125 0 cleaned | begin yield0 -125 0 cleaned");
}

static int unasked_main(void *arg)
{
	struct counts_generator *g = counts(9, -EIO);

	(void)arg;
	CHECK_EQUAL(counts_end(g, 0), 0);		/* cancelled before its first step */
	g = counts(9, -EIO);
	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(counts_end(g, 0), 0);
	return 0;
}

static void test_a_generator_that_was_never_asked_never_runs(void **state)
{
	(void)state;
	assert_run(unasked_main, NULL, 0);
	assert_log("");
}

RONDO_GENERATOR(int, stubborn)
{
	int n = 0, ret = stubborn_yield(gen, 1);

	while (ret == -ECANCELED && n++ < 3)
		ret = stubborn_yield(gen, 2);		/* RuntimeError in Python */
	note("%d", n);
	return ret;
}

static int stubborn_main(void *arg)
{
	struct stubborn_generator *g = stubborn();
	int i;

	(void)arg;
	CHECK_EQUAL(stubborn_next(g, &i), 0);
	return stubborn_end(g, 0);
}

static void test_who_yields_while_being_ended_is_told_again(void **state)
{
	(void)state;
	assert_run(stubborn_main, NULL, 0);
	assert_log("4");
}

static int open_main(void *arg)
{
	struct counts_generator *g = counts(9, *(int *)arg);
	int i;

	CHECK_EQUAL(counts_next(g, &i), 0);
	note("main ends");
	return 0;
}

/* R9: shutdown_asyncgens(). */
static void test_a_generator_left_open_is_ended_with_the_loop(void **state)
{
	const struct rondo_options o = { .on_error = collect };
	int result = 0;

	(void)state;
	report[0] = '\0';
	assert_run_on(&rondo__kernel_linux, &o, open_main, &result, 0);
	assert_log("begin yield0 main ends -125 0 cleaned");
	assert_string_equal(report, "");
	result = -EIO;
	assert_run_on(&rondo__kernel_linux, &o, open_main, &result, 0);
	assert_string_equal(report, "counts: the error of a task was never retrieved");
}

/* --- cancels --------------------------------------------------------------------------------- */

RONDO_GENERATOR(int, waits, (bool, swallows))
{
	int ret = 0;

	for (int i = 0; ret == 0; i++) {
		ret = rondo_event_wait(&event);
		note("%d", ret);
		if (swallows)
			ret = 0;
		if (ret == 0)
			ret = waits_yield(gen, i);
	}
	return ret;
}

struct asker {
	struct waits_generator *g;
	int value, ret, after;
};

static int asks(void *arg)
{
	struct asker *a = arg;

	a->value = -1;
	a->ret = waits_next(a->g, &a->value);
	a->after = rondo_yield();
	return 0;
}

static int cancelled_main(void *arg)
{
	struct asker a = { .g = waits(*(bool *)arg) };
	rondo_task *t = rondo_create_task(asks, &a);

	CHECK_EQUAL(turns(3), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(rondo_task_ref(t)), 0);
	CHECK_EQUAL(rondo_cancelling(t), 1);
	rondo_detach(t);
	CHECK_EQUAL(a.ret, *(bool *)arg ? 0 : -ECANCELED);
	CHECK_EQUAL(a.value, *(bool *)arg ? 0 : -1);
	CHECK_EQUAL(a.after, 0);
	CHECK_EQUAL(waits_next(a.g, &a.value) == -RONDO_EEND || *(bool *)arg, 1);
	return waits_end(a.g, 0);
}

/* T10: the body is asked to stop, and what it makes of that is the answer. */
static void test_a_cancel_goes_to_what_the_body_waits_for(void **state)
{
	bool swallows = false;

	(void)state;
	event = (struct rondo_event)RONDO_EVENT_INIT;
	assert_run(cancelled_main, &swallows, 0);
	assert_log("-125");
}

static int swallowed_main(void *arg)
{
	struct asker a = { .g = waits(true) };
	rondo_task *t = rondo_create_task(asks, &a);

	(void)arg;
	CHECK_EQUAL(turns(3), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(a.ret, 0);
	CHECK_EQUAL(a.value, 0);
	CHECK_EQUAL(a.after, 0);
	rondo_event_set(&event);
	CHECK_EQUAL(waits_next(a.g, &a.value), 0);
	CHECK_EQUAL(a.value, 1);
	rondo_event_clear(&event);
	return waits_end(a.g, 0);
}

/* p15 with a generator. */
static void test_a_body_that_goes_on_has_its_value_delivered(void **state)
{
	(void)state;
	event = (struct rondo_event)RONDO_EVENT_INIT;
	assert_run(swallowed_main, NULL, 0);
	assert_log("-125 0");
}

static int late_main(void *arg)
{
	struct asker a = { .g = waits(false) };
	rondo_task *t = rondo_create_task(asks, &a);

	(void)arg;
	CHECK_EQUAL(turns(3), 0);
	rondo_event_set(&event);
	CHECK_EQUAL(rondo_yield(), 0);			/* the body yields, the asker is ready */
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(a.ret, 0);
	CHECK_EQUAL(a.value, 0);
	CHECK_EQUAL(a.after, -ECANCELED);
	return waits_end(a.g, 0);
}

/* D1. */
static void test_a_value_beats_a_cancel_that_comes_after_it(void **state)
{
	(void)state;
	event = (struct rondo_event)RONDO_EVENT_INIT;
	assert_run(late_main, NULL, 0);
	assert_log("0");
}

RONDO_GENERATOR(int, reads, (int, fd))
{
	char c;
	int ret = (int)rondo_read(fd, &c, 1);

	return ret < 0 ? ret : reads_yield(gen, c);
}

static int asks_reads(void *arg)
{
	struct reads_generator *g = reads(*(int *)arg);
	int value = 0, ret = reads_next(g, &value), after;

	note("%d %c", ret, value);
	after = rondo_yield();
	note("%d", after);
	return reads_end(g, 0);
}

static int op_main(void *arg)
{
	int *fds = arg;
	rondo_task *t = rondo_create_task(asks_reads, &fds[0]);

	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(write(fds[1], "x", 1), 1);
	let_kernel_complete();
	CHECK(rondo_cancel(t));
	return rondo_await(t);
}

/* O3: the cancel came too late for the body's read; so it is the asker's again. */
static void test_a_cancel_too_late_for_the_body_comes_back_to_the_asker(void **state)
{
	int fds[2];

	(void)state;
	/* No pipe: a worker reads those on 6.1, some turns later. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_run(op_main, fds, 0);
	assert_log("0 x -125");
	close(fds[0]);
	close(fds[1]);
}

RONDO_GENERATOR(int, slow)
{
	struct rondo_mask mask;
	int ret = slow_yield(gen, 1);

	rondo_mask_begin(&mask);
	note("%d", rondo_event_wait(&event));
	rondo_mask_end(&mask);
	return ret;
}

static int ended_slowly(void *arg)
{
	int i, ret;
	struct slow_generator *g = arg;

	CHECK_EQUAL(slow_next(g, &i), 0);
	ret = slow_end(g, 0);
	note("end%d", ret);
	return rondo_yield();
}

static int slow_main(void *arg)
{
	rondo_task *t = rondo_create_task(ended_slowly, slow());

	(void)arg;
	CHECK_EQUAL(turns(5), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(turns(5), 0);
	note("|");
	rondo_event_set(&event);
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	return 0;
}

static void test_ending_waits_for_the_cleanup_though_cancelled(void **state)
{
	(void)state;
	event = (struct rondo_event)RONDO_EVENT_INIT;
	assert_run(slow_main, NULL, 0);
	assert_log("| 0 end0");
}

/* --- the matrix ------------------------------------------------------------------------------ */

static struct waits_generator *in_matrix;

static int prepare(void *ctx)
{
	(void)ctx;
	in_matrix = NULL;
	event = (struct rondo_event)RONDO_EVENT_INIT;
	step_log[0] = '\0';
	return 0;
}

static int next_here(void *ctx)
{
	int value = -1, ret;

	(void)ctx;
	if (!in_matrix)
		in_matrix = waits(false);
	ret = waits_next(in_matrix, &value);
	return ret < 0 ? ret : value;
}

static int finish(void *ctx)
{
	(void)ctx;
	rondo_event_set(&event);
	return 0;
}

/* Once: a body that was cancelled has ended. */
static void test_next_in_the_matrix(void **state)
{
	struct matrix_verb v = {
		.start = next_here, .finish = finish, .prepare = prepare, .once = true,
	};

	(void)state;
	matrix_check("rondo_generator_next", &v);
}

/* --- wrong questions ------------------------------------------------------------------------- */

static struct waits_generator *mine;

RONDO_GENERATOR(int, narcissist)
{
	int i;

	note("%d", narcissist_next(gen, &i) == -EDEADLK);
	note("%d", narcissist_end(gen, 0) == -EBUSY);
	return 0;
}

static void *other_loop(void *arg)
{
	struct asker a = { .g = arg };

	return rondo_run(asks, &a) == 0 && a.ret == -RONDO_EWRONGLOOP ? NULL : arg;
}

static int wrong_main(void *arg)
{
	struct asker a = { .g = mine = waits(false) };
	struct narcissist_generator *n = narcissist();
	rondo_task *t = rondo_create_task(asks, &a);
	pthread_t thread;
	void *failed;
	int i = 0;

	(void)arg;
	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(waits_next(mine, &i), -EBUSY);
	CHECK_EQUAL(waits_end(mine, 0), -EBUSY);
	CHECK_EQUAL(narcissist_next(n, &i), -RONDO_EEND);
	CHECK_EQUAL(narcissist_end(n, 0), 0);
	rondo_cancel(t);
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(pthread_create(&thread, NULL, other_loop, mine), 0);
	CHECK_EQUAL(pthread_join(thread, &failed), 0);
	CHECK(!failed);
	CHECK_EQUAL(waits_next(NULL, &i), -ENOMEM);
	CHECK_EQUAL(waits_end(NULL, -ENOMEM), -ENOMEM);
	return waits_end(mine, 0);
}

static void test_questions_that_cannot_be_asked(void **state)
{
	(void)state;
	event = (struct rondo_event)RONDO_EVENT_INIT;
	assert_run(wrong_main, NULL, 0);
	assert_log("1 1 -125");
}

static int asks_and_ends(void *arg)
{
	int i, ret = waits_next(*(struct waits_generator **)arg, &i);

	return ret == -ECANCELED ? 0 : ret;
}

/* Its body waits for a task that waits for its next value. */
RONDO_GENERATOR(int, circle, (struct waits_generator **, self))
{
	note("%d", rondo_await(rondo_create_task(asks_and_ends, self)));
	return circle_yield(gen, 7);
}

static struct waits_generator *in_circle;

static int circle_main(void *arg)
{
	int i = 0;

	(void)arg;
	in_circle = (struct waits_generator *)circle(&in_circle);
	CHECK_EQUAL(rondo_generator_next((struct rondo_generator *)in_circle, &i), 0);
	CHECK_EQUAL(i, 7);
	return waits_end(in_circle, 0);
}

static void test_who_asks_from_inside_is_told_that_somebody_else_does(void **state)
{
	(void)state;
	assert_run(circle_main, NULL, 0);
	assert_log("-16");
}

static int stuck_main(void *arg)
{
	struct waits_generator *g = waits(false);
	int i, ret = waits_next(g, &i);

	(void)arg;
	return waits_end(g, ret);
}

static void test_a_deadlock_report_tells_of_the_generator(void **state)
{
	const struct rondo_options o = { .on_error = collect };

	(void)state;
	event = (struct rondo_event)RONDO_EVENT_INIT;
	assert_int_equal(rondo_run_with(&o, stuck_main, NULL), -EDEADLK);
	assert_non_null(strstr(report, "waits"));
	step_log[0] = '\0';
}

/* --- many ------------------------------------------------------------------------------------ */

RONDO_GENERATOR(size_t, naturals)
{
	int ret = 0;

	for (size_t i = 0; ret == 0; i++)
		ret = naturals_yield(gen, i);
	return ret;
}

static int many_main(void *arg)
{
	struct naturals_generator *g = naturals();
	struct rondo_loop_stats before, after;
	size_t value, n = STEP_SIZE(1000000, 20000);

	(void)arg;
	rondo_loop_stats(&before);
	for (size_t i = 0; i < n; i++) {
		CHECK_EQUAL(naturals_next(g, &value), 0);
		CHECK_EQUAL(value, i);
	}
	rondo_loop_stats(&after);
	CHECK_EQUAL(after.n_created, before.n_created);
	return naturals_end(g, 0);
}

static void test_a_million_values(void **state)
{
	(void)state;
	assert_run(many_main, NULL, 0);
}

RONDO_GENERATOR(int, sleeps_first, (double, seconds))
{
	int ret = rondo_sleep(seconds);

	return ret < 0 ? ret : sleeps_first_yield(gen, 5);
}

static int asks_sleeper(void *arg)
{
	int i = 0;

	CHECK_EQUAL(sleeps_first_next(arg, &i), 0);
	CHECK_EQUAL(i, 5);
	return 0;
}

static int ends_while_asked(void *arg)
{
	struct sleeps_first_generator *g = sleeps_first(0.01);
	rondo_task *asker = rondo_create_task(asks_sleeper, g);

	(void)arg;
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(sleeps_first_end(g, 0), -EBUSY);
	CHECK_EQUAL(rondo_await(asker), 0);		/* who is not disturbed */
	return sleeps_first_end(g, 0);
}

static void test_a_generator_that_is_asked_cannot_be_ended(void **state)
{
	(void)state;
	assert_run(ends_while_asked, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_body_runs_only_when_it_is_asked),
		cmocka_unit_test(test_a_body_that_cancels_itself_hears_of_it),
		cmocka_unit_test(test_of_two_errors_the_first_is_told),
		cmocka_unit_test(test_a_body_cannot_end_its_generator),
		cmocka_unit_test(test_an_error_comes_out_of_the_question_once),
		cmocka_unit_test(test_a_generator_that_is_left_cleans_up_first),
		cmocka_unit_test(test_a_generator_that_was_never_asked_never_runs),
		cmocka_unit_test(test_who_yields_while_being_ended_is_told_again),
		cmocka_unit_test(test_a_generator_left_open_is_ended_with_the_loop),
		cmocka_unit_test(test_a_cancel_goes_to_what_the_body_waits_for),
		cmocka_unit_test(test_a_body_that_goes_on_has_its_value_delivered),
		cmocka_unit_test(test_a_value_beats_a_cancel_that_comes_after_it),
		cmocka_unit_test(test_a_cancel_too_late_for_the_body_comes_back_to_the_asker),
		cmocka_unit_test(test_ending_waits_for_the_cleanup_though_cancelled),
		cmocka_unit_test(test_next_in_the_matrix),
		cmocka_unit_test(test_questions_that_cannot_be_asked),
		cmocka_unit_test(test_who_asks_from_inside_is_told_that_somebody_else_does),
		cmocka_unit_test(test_a_deadlock_report_tells_of_the_generator),
		cmocka_unit_test(test_a_million_values),
		cmocka_unit_test(test_a_generator_that_is_asked_cannot_be_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
