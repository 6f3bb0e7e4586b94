/* SPDX-License-Identifier: MIT */
/* test_waitgroup.c - goal: whoever waits goes on when nothing is pending any more. Method: row S8
 * as orders of events, and the matrix. */
#include "support/matrix.h"
#include "support/step.h"

#include "rondo/sync.h"

static struct rondo_waitgroup group;

static int waits(void *name)
{
	int ret = rondo_waitgroup_wait(&group);

	note("%s%s", (const char *)name, ret < 0 ? "-cancelled" : "");
	return ret;
}

static int works(void *arg)
{
	CHECK_EQUAL(turns(2), 0);
	note("done");
	(void)arg;
	return rondo_waitgroup_done(&group);
}

static int wait_main(void *arg)
{
	rondo_task *a, *b, *c;

	CHECK_EQUAL(waits(word("none")), 0);
	rondo_waitgroup_add(&group, 2);
	for (int i = 0; i < 2; i++)
		rondo_detach(rondo_create_task(works, arg));
	a = rondo_create_task(waits, word("a"));
	b = rondo_create_task(waits, word("b"));
	c = rondo_create_task(waits, word("c"));
	CHECK_EQUAL(turns(1), 0);
	CHECK(rondo_cancel(b));
	CHECK_EQUAL(rondo_await(a), 0);
	CHECK_EQUAL(rondo_await(b), -ECANCELED);
	CHECK_EQUAL(rondo_await(c), 0);
	CHECK_EQUAL(rondo_waitgroup_done(&group), -EINVAL);
	return 0;
}

static void test_all_who_wait_go_on_when_the_last_is_done(void **state)
{
	(void)state;
	assert_run(wait_main, NULL, 0);
	assert_log("none b-cancelled done done a c");
}

static int prepare(void *ctx)
{
	*(struct rondo_waitgroup *)ctx = (struct rondo_waitgroup)RONDO_WAITGROUP_INIT;
	rondo_waitgroup_add(ctx, 1);
	return 0;
}

static int wait_here(void *ctx)
{
	return rondo_waitgroup_wait(ctx);
}

static int done(void *ctx)
{
	return rondo_waitgroup_done(ctx);
}

static void test_wait_in_the_matrix(void **state)
{
	const struct matrix_verb v = {
		.start = wait_here, .finish = done, .prepare = prepare, .ctx = &group,
	};

	(void)state;
	matrix_check("rondo_waitgroup_wait", &v);
}

static char report[512];

static void collect(const struct rondo_report *r, void *arg)
{
	(void)arg;
	snprintf(report, sizeof(report), "%s", r->message);
}

static void test_a_deadlock_report_says_how_many_are_pending(void **state)
{
	const struct rondo_options o = { .on_error = collect };
	char expected[128];

	(void)state;
	prepare(&group);
	assert_int_equal(rondo_run_with(&o, wait_here, &group), -EDEADLK);
	snprintf(expected, sizeof(expected), "deadlock: waits for wait group %p: 1 pending",
		 (void *)&group);
	assert_string_equal(report, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_who_wait_go_on_when_the_last_is_done),
		cmocka_unit_test(test_wait_in_the_matrix),
		cmocka_unit_test(test_a_deadlock_report_says_how_many_are_pending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
