/* SPDX-License-Identifier: MIT */
/* test_runner.c - goal: a loop can be run several times, stopped and closed (rows R2, R4 to R6),
 * and belongs to its thread and process (R8, R10). Method: sentences of events over several runs,
 * the public functions only. */
#include <sys/socket.h>

#include "support/step.h"

#include <pthread.h>

#include "rondo/runner.h"

static rondo_loop *make(void)
{
	rondo_loop *loop = NULL;

	step_log[0] = '\0';
	assert_int_equal(rondo_loop_new(NULL, &loop), 0);
	assert_null(rondo__loop);
	return loop;
}

static int says(void *arg)
{
	note("%s", (const char *)arg);
	return 3;
}

static int fails(void *arg)
{
	(void)arg;
	return -ENOENT;
}

/* R2. */
static void test_a_loop_runs_several_times(void **state)
{
	rondo_loop *loop = make();

	(void)state;
	assert_int_equal(rondo_loop_run(loop, says, word("one")), 3);
	assert_int_equal(rondo_loop_run(loop, fails, NULL), -ENOENT);
	assert_int_equal(rondo_loop_run(loop, says, word("two")), 3);
	assert_int_equal(rondo_loop_free(loop), 0);
	assert_log("one two");
}

static int sleeps(void *arg)
{
	note("begin");
	if (rondo_sleep((double)(intptr_t)arg / 1000) < 0) {
		note("cancelled");
		return -ECANCELED;
	}
	note("end");
	return 0;
}

static int starts_sleeper(void *arg)
{
	rondo_detach(rondo_create_task(sleeps, arg));
	return rondo_yield();
}

static int waits(void *arg)
{
	return rondo_sleep((double)(intptr_t)arg / 1000);
}

/* R2: what a main leaves behind goes on with the next one, and is cancelled at the end only. */
static void test_tasks_of_a_run_go_on_in_the_next(void **state)
{
	rondo_loop *loop = make();

	(void)state;
	assert_int_equal(rondo_loop_run(loop, starts_sleeper, (void *)5), 0);
	assert_int_equal(rondo_loop_run(loop, starts_sleeper, (void *)3600000), 0);
	note("between");
	assert_int_equal(rondo_loop_run(loop, waits, (void *)15), 0);
	note("free");
	assert_int_equal(rondo_loop_free(loop), 0);
	assert_log("begin begin between end free cancelled");
}

/* R2, R6: a closed loop stays closed, as long as somebody keeps the handle. */
static void test_a_closed_loop_says_so(void **state)
{
	unsigned n = n_descriptors();
	rondo_loop *loop = rondo_loop_ref(make());

	(void)state;
	assert_int_equal(rondo_loop_free(loop), 0);
	assert_int_equal(rondo_loop_free(loop), 0);
	assert_int_equal(rondo_loop_run(loop, says, word("never")), -ESHUTDOWN);
	assert_int_equal(rondo_loop_run_forever(loop), -ESHUTDOWN);
	assert_int_equal(rondo_loop_stop(loop), -ESHUTDOWN);
	assert_false(rondo_loop_is_running(loop));
	rondo_loop_unref(loop);
	assert_int_equal(rondo_loop_free(NULL), 0);
	assert_int_equal(n_descriptors(), n);
	assert_log("");
}

static int misuses(void *arg)
{
	rondo_loop *other = NULL;

	CHECK(rondo_loop_is_running(arg));
	CHECK_EQUAL(rondo_loop_new(NULL, &other), -EBUSY);
	CHECK_EQUAL(rondo_loop_run(arg, says, word("never")), -EBUSY);
	CHECK_EQUAL(rondo_loop_free(arg), -EBUSY);
	CHECK_EQUAL(rondo_run(says, word("never")), -EBUSY);
	return 0;
}

static int stops_another(void *arg)
{
	CHECK(!rondo_loop_is_running(arg));
	CHECK_EQUAL(rondo_loop_stop(arg), -EBUSY);
	return 0;
}

/* R6: of two loops of a thread the running one says nothing to the other. */
static void test_a_loop_does_not_stop_its_sibling(void **state)
{
	rondo_loop *one = make(), *two = make();

	(void)state;
	assert_int_equal(rondo_loop_run(one, stops_another, two), 0);
	assert_checks_passed();
	assert_int_equal(rondo_loop_run(two, says, word("on")), 3);
	assert_int_equal(rondo_loop_free(one), 0);
	assert_int_equal(rondo_loop_free(two), 0);
	assert_log("on");
}

/* R1 (q07), R6: not while it runs. */
static void test_a_running_loop_is_busy(void **state)
{
	rondo_loop *loop = make();

	(void)state;
	assert_false(rondo_loop_is_running(loop));
	assert_int_equal(rondo_loop_run(loop, misuses, loop), 0);
	assert_false(rondo_loop_is_running(loop));
	assert_int_equal(rondo_loop_free(loop), 0);
	assert_checks_passed();
	assert_log("");
}

/* --- stop ---------------------------------------------------------------------------------- */

static rondo_loop *stopped;

static int note_task(void *arg)
{
	note("%s", (const char *)arg);
	return 0;
}

static int stops(void *arg)
{
	(void)arg;
	note("stop");
	rondo_loop_stop(stopped);
	rondo_detach(rondo_create_task(note_task, word("next")));
	return 0;
}

static int stops_amid(void *arg)
{
	rondo_detach(rondo_create_task(stops, NULL));
	rondo_detach(rondo_create_task(note_task, word("same")));
	note("main");
	if (rondo_yield() < 0)
		return -ECANCELED;
	note("main-again");
	return arg ? 0 : rondo_sleep(3600);
}

/* R4 (q08): the batch is run to its end, and what it made ready in the next run. R5 (q09): a main
 * that is not done is interrupted, and goes on. */
static void test_stop_ends_the_batch(void **state)
{
	rondo_loop *loop = stopped = make();

	(void)state;
	assert_int_equal(rondo_loop_run(loop, stops_amid, NULL), -EINTR);
	assert_log("main stop same main-again");
	assert_int_equal(rondo_loop_run(loop, note_task, word("two")), 0);
	assert_log("next two");
	assert_int_equal(rondo_loop_free(loop), 0);
}

static int starts_stops(void *arg)
{
	(void)arg;
	rondo_detach(rondo_create_task(stops, NULL));
	return 0;
}

/* R4: run_forever() goes on until somebody says stop. */
static void test_run_forever_ends_with_stop(void **state)
{
	rondo_loop *loop = stopped = make();

	(void)state;
	assert_int_equal(rondo_loop_run(loop, starts_stops, NULL), 0);
	assert_log("");
	assert_int_equal(rondo_loop_run_forever(loop), 0);
	assert_log("stop");
	assert_int_equal(rondo_loop_free(loop), 0);
	assert_log("");			/* "next" was cancelled before it began */
}

static int counts(void *arg)
{
	unsigned *n = arg;

	for (;; ++*n)
		if (rondo_yield() < 0)
			return -ECANCELED;
}

static unsigned n_yields;

static int starts_counter(void *arg)
{
	rondo_detach(rondo_create_task(counts, arg));
	return 0;
}

/* R4 (q08): stopped before it begins, it has exactly one turn; nothing to do does not mean
 * sleep. */
static void test_a_loop_stopped_before_has_one_turn(void **state)
{
	rondo_loop *loop = make();

	(void)state;
	n_yields = 0;
	assert_int_equal(rondo_loop_stop(loop), 0);
	assert_int_equal(rondo_loop_run_forever(loop), 0);	/* would sleep for ever */
	assert_int_equal(rondo_loop_run(loop, starts_counter, &n_yields), 0);
	assert_int_equal(n_yields, 0);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(rondo_loop_stop(loop), 0);
		assert_int_equal(rondo_loop_run_forever(loop), 0);
		assert_int_equal(n_yields, i);
	}
	assert_int_equal(rondo_loop_free(loop), 0);
}

static int reads_a_byte(void *arg)
{
	char c;
	int ret = read_op(*(int *)arg, &c, 1);

	note("read:%d", ret);
	return ret;
}

static int starts_reader(void *arg)
{
	rondo_detach(rondo_create_task(reads_a_byte, arg));
	return rondo_yield();
}

/* R4: stop, run, stop, run... is how some step a loop: I/O must get on. */
static void test_single_turns_do_io(void **state)
{
	rondo_loop *loop = make();
	int fds[2];

	(void)state;
	/* No pipe: a worker reads those on 6.1, some turns later. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(rondo_loop_run(loop, starts_reader, &fds[0]), 0);
	assert_int_equal(write(fds[1], "!", 1), 1);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(rondo_loop_stop(loop), 0);
		assert_int_equal(rondo_loop_run_forever(loop), 0);
	}
	assert_log("read:1");
	assert_int_equal(rondo_loop_free(loop), 0);
	close(fds[0]);
	close(fds[1]);
}

static void stop_call(void *arg)
{
	note("call");
	rondo_loop_stop(arg);
}

/* L5, R4: calls made before the run are run by it; the way to have something in a loop at all. */
static void test_calls_made_before_a_run_are_run(void **state)
{
	rondo_loop *loop = make();

	(void)state;
	assert_int_equal(rondo_call_soon_threadsafe(loop, stop_call, loop), 0);
	assert_int_equal(rondo_loop_run_forever(loop), 0);
	assert_log("call");
	assert_int_equal(rondo_loop_free(loop), 0);
}

static void *stop_from_thread(void *loop)
{
	return (void *)(intptr_t)rondo_call_soon_threadsafe(loop, stop_call, loop);
}

/* R4, L5: a loop with nothing to do waits for other threads. */
static void test_another_thread_stops_a_loop(void **state)
{
	rondo_loop *loop;
	pthread_t thread;

	(void)state;
	skip_threads_under_valgrind();
	loop = make();
	assert_int_equal(pthread_create(&thread, NULL, stop_from_thread, loop), 0);
	assert_int_equal(rondo_loop_run_forever(loop), 0);
	pthread_join(thread, NULL);
	assert_log("call");
	assert_int_equal(rondo_loop_free(loop), 0);
}

/* --- whose loop it is ------------------------------------------------------------------------ */

static void *use_from_thread(void *loop)
{
	if (rondo_loop_run(loop, says, word("never")) != -RONDO_EWRONGLOOP ||
	    rondo_loop_stop(loop) != -RONDO_EWRONGLOOP || rondo_loop_free(loop) != -RONDO_EWRONGLOOP)
		return word("wrong");
	return NULL;
}

/* R8. */
static void test_a_loop_is_its_threads(void **state)
{
	rondo_loop *loop = make();
	pthread_t thread;
	void *wrong;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, use_from_thread, loop), 0);
	pthread_join(thread, &wrong);
	assert_null(wrong);
	assert_int_equal(rondo_loop_free(loop), 0);
}

static rondo_loop *inherited;

static int use_in_child(void)
{
	return use_from_thread(inherited) ? 1 : rondo_run(says, word("child")) == 3 ? 0 : 2;
}

/* R10: a child of fork() cannot use the parent's loop, and may have one of its own. */
static void test_a_loop_is_its_processes(void **state)
{
	(void)state;
	inherited = make();
	assert_int_equal(run_in_child(use_in_child), 0);
	assert_int_equal(rondo_loop_run(inherited, says, word("parent")), 3);
	assert_int_equal(rondo_loop_free(inherited), 0);
	assert_log("parent");
}

static int waits_for_nobody(void *arg)
{
	struct wait w = { .task = rondo__self(), .class = arg };

	rondo__park(&w);
	return rondo__wait_result(&w, 0);
}

static const struct wait_class nobody_class = { .name = "nobody", .cancel = wait_cancel_now };

/* A deadlock ends the run, and the loop is good for another one. */
static void test_a_loop_outlives_a_deadlock(void **state)
{
	rondo_loop *loop = make();

	(void)state;
	assert_int_equal(rondo_loop_run(loop, waits_for_nobody, (void *)(uintptr_t)&nobody_class),
			 -EDEADLK);
	assert_int_equal(rondo_loop_run(loop, says, word("again")), 3);
	assert_int_equal(rondo_loop_free(loop), 0);
	assert_log("again");
}

/* --- the very end ----------------------------------------------------------------------------- */

static rondo_loop *stopped;

static int stops_and_ends(void *arg)
{
	(void)arg;
	rondo_loop_stop(stopped);
	return 7;
}

/* R5: a main that ends in the turn of the stop has ended. */
static void test_a_main_that_stops_its_loop_and_ends_has_a_result(void **state)
{
	(void)state;
	stopped = make();
	assert_int_equal(rondo_loop_run(stopped, stops_and_ends, NULL), 7);
	assert_int_equal(rondo_loop_run(stopped, fails, NULL), -ENOENT);
	assert_int_equal(rondo_loop_free(stopped), 0);
}

static int cleans_up(void *arg)
{
	int ret = rondo_sleep(100);

	note("%s", ret == -ECANCELED ? "cancelled" : "?");
	ret = rondo_sleep(0.001);		/* its cleanup takes a turn or more */
	note("%s", (const char *)arg);
	return ret;
}

static int leaves_a_task(void *arg)
{
	rondo_detach(rondo_create_task(cleans_up, arg));
	return rondo_yield();
}

/* R4 */
static void test_freeing_a_loop_lets_its_tasks_clean_up(void **state)
{
	rondo_loop *loop = make();

	(void)state;
	assert_int_equal(rondo_loop_run(loop, leaves_a_task, word("clean")), 0);
	assert_int_equal(rondo_loop_free(loop), 0);
	assert_log("cancelled clean");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_loop_runs_several_times),
		cmocka_unit_test(test_tasks_of_a_run_go_on_in_the_next),
		cmocka_unit_test(test_a_main_that_stops_its_loop_and_ends_has_a_result),
		cmocka_unit_test(test_freeing_a_loop_lets_its_tasks_clean_up),
		cmocka_unit_test(test_a_closed_loop_says_so),
		cmocka_unit_test(test_a_running_loop_is_busy),
		cmocka_unit_test(test_a_loop_does_not_stop_its_sibling),
		cmocka_unit_test(test_stop_ends_the_batch),
		cmocka_unit_test(test_run_forever_ends_with_stop),
		cmocka_unit_test(test_a_loop_stopped_before_has_one_turn),
		cmocka_unit_test(test_single_turns_do_io),
		cmocka_unit_test(test_calls_made_before_a_run_are_run),
		cmocka_unit_test(test_another_thread_stops_a_loop),
		cmocka_unit_test(test_a_loop_is_its_threads),
		cmocka_unit_test(test_a_loop_is_its_processes),
		cmocka_unit_test(test_a_loop_outlives_a_deadlock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
