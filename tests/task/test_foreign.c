/* SPDX-License-Identifier: MIT */
/* test_foreign.c - goal: a task that another thread's loop owns cannot be awaited, or changed, however it
 * is tried: the program stops with one line, where it would be two threads in one list (row R8).
 * Method: a task of one loop is handed to the main function of another, once for each verb, in
 * children. */
#include "support/step.h"

#include <math.h>
#include <pthread.h>

#include "rondo/group.h"
#include "rondo/wait.h"

static rondo_task *theirs;
static void (*verb)(void);

static void await(void)
{
	(void)!rondo_await(theirs);
}

static void gather(void)
{
	(void)!rondo_gather(1, &theirs, NULL, 0);
}

static void shield(void)
{
	(void)!rondo_shield(theirs);
}

static void wait_for_first(void)
{
	(void)!rondo_wait(1, &theirs, RONDO_FIRST_COMPLETED, INFINITY);
}

static void wait_for_each(void)
{
	struct rondo_as_completed each;

	(void)!rondo_as_completed_begin(&each, 1, &theirs, INFINITY);
}

static void add_to_group(void)
{
	static struct rondo_task_group group;

	(void)!rondo_task_group_begin(&group);
	(void)!rondo_task_group_add(&group, theirs);
}

static void call(rondo_task *task, void *arg)
{
	(void)task, (void)arg;
}

static void add_callback(void)
{
	static struct rondo_done_callback callback;

	(void)!rondo_task_add_done_callback(theirs, &callback, call, NULL);
}

static void cancel(void)
{
	rondo_cancel(theirs);
}

static void uncancel(void)
{
	rondo_uncancel(theirs);
}

/* --- the two loops --------------------------------------------------------------------------- */

static int thief(void *arg)
{
	(void)arg;
	verb();
	return 0;
}

static void *runs_another_loop(void *arg)
{
	(void)!rondo_run(thief, arg);
	return NULL;
}

static int waits(void *arg)
{
	(void)arg;
	return rondo_sleep(60);
}

static int lends_a_task(void *arg)
{
	pthread_t thread;

	theirs = rondo_create_task(waits, arg);
	if (rondo_yield() == 0 && pthread_create(&thread, NULL, runs_another_loop, arg) == 0)
		pthread_join(thread, NULL);
	rondo_cancel(theirs);
	return 0;
}

static int run_both(void)
{
	return rondo_run(lends_a_task, NULL);
}

/* R8. */
static void test_a_task_of_another_loop_is_a_bug_to_every_verb(void **state)
{
	static void (*const verbs[])(void) = {
		await, gather, shield, wait_for_first, wait_for_each, add_to_group, add_callback, cancel,
		uncancel,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		verb = verbs[i];
		assert_bug(run_both, "another");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_task_of_another_loop_is_a_bug_to_every_verb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
