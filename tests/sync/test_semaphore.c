/* SPDX-License-Identifier: MIT */
/* test_semaphore.c - goal: a semaphore is asyncio's: permits go to those who wait longest, and come
 * back from those who are cancelled. Method: rows S5 and S6 and probes p33 and p48 as orders of
 * events, the matrix, and a crowd. */
#include "support/matrix.h"
#include "support/step.h"

#include "rondo/sync.h"

static struct rondo_semaphore semaphore;

static int takes_twice(void *name)
{
	for (int i = 0; i < 2; i++) {
		CHECK_EQUAL(rondo_semaphore_acquire(&semaphore), 0);
		note("%s%d", (const char *)name, i);
		CHECK_EQUAL(rondo_yield(), 0);
		CHECK_EQUAL(rondo_semaphore_release(&semaphore), 0);
	}
	return 0;
}

/* Take a permit and keep it. */
static int takes(void *name)
{
	int ret = rondo_semaphore_acquire(&semaphore);

	note("%s%s", (const char *)name, ret == 0 ? "" : "-cancelled");
	return ret;
}

static rondo_task *start(rondo_fn *fn, const char *name)
{
	return rondo_create_task(fn, word(name));
}

static void run(int value, rondo_fn *main)
{
	semaphore = (struct rondo_semaphore)RONDO_SEMAPHORE_INIT(value);
	assert_run(main, NULL, 0);
	assert_null(semaphore.waiters_.first_);
	assert_int_equal(semaphore.n_granted_, 0);
}

static int fair_main(void *arg)
{
	(void)arg;
	return RONDO_GATHER(start(takes_twice, "a"), start(takes_twice, "b"),
			    start(takes_twice, "c"));
}

/* S5, p33. */
static void test_a_semaphore_is_fair(void **state)
{
	(void)state;
	run(1, fair_main);
	assert_log("a0 b0 c0 a1 b1 c1");
}

static int count_main(void *arg)
{
	rondo_task *t = start(takes, "third");

	(void)arg;
	for (int i = 0; i < 2; i++) {
		CHECK(!rondo_semaphore_locked(&semaphore));
		CHECK_EQUAL(takes(word("main")), 0);
	}
	CHECK(rondo_semaphore_locked(&semaphore));
	CHECK_EQUAL(turns(2), 0);
	note("release");
	CHECK_EQUAL(rondo_semaphore_release(&semaphore), 0);
	CHECK(rondo_semaphore_locked(&semaphore));
	return rondo_await(t);
}

/* S5, p04: permits there are do not yield; locked() is true while somebody waits. */
static void test_permits_are_counted_and_taken_without_a_yield(void **state)
{
	(void)state;
	run(2, count_main);
	assert_log("main main release third");
}

static int p48_main(void *arg)
{
	rondo_task *t = start(takes, "waiter");

	(void)arg;
	CHECK_EQUAL(rondo_semaphore_acquire(&semaphore), 0);
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_semaphore_release(&semaphore), 0);
	note("(%d,%d)", (int)semaphore.value_, rondo_semaphore_locked(&semaphore));
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	note("(%d,%d)", (int)semaphore.value_, rondo_semaphore_locked(&semaphore));
	return 0;
}

/* S5, p48: a release hands the permit over, and a cancelled task gives it back. */
static void test_a_cancelled_task_gives_its_permit_back(void **state)
{
	(void)state;
	run(1, p48_main);
	assert_log("(0,1) waiter-cancelled (1,0)");
}

static int window_main(void *arg)
{
	rondo_task *a, *b;

	(void)arg;
	a = start(takes, "a");
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_semaphore_release(&semaphore), 0);
	CHECK_EQUAL(rondo_semaphore_release(&semaphore), 0);
	CHECK_EQUAL(semaphore.value_, 1);
	CHECK(rondo_semaphore_locked(&semaphore));	/* a has to run first */
	b = start(takes, "b");
	CHECK_EQUAL(takes(word("main")), 0);
	return RONDO_GATHER(a, b) < 0 ? -1 : 0;
}

static int window_with_permits_main(void *arg)
{
	rondo_task *t;
	int ret;

	semaphore = (struct rondo_semaphore)RONDO_SEMAPHORE_INIT(0);
	t = rondo_create_task(window_main, arg);
	CHECK_EQUAL(turns(6), 0);
	CHECK_EQUAL(rondo_semaphore_release(&semaphore), 0);
	ret = rondo_await(t);
	return ret;
}

/* S5: who comes while a task that got a permit did not run yet waits behind it, even if there is
 * a permit left; and gets it right after. */
static void test_nobody_overtakes_a_task_about_to_run(void **state)
{
	(void)state;
	run(0, window_with_permits_main);
	assert_log("a main b");
}

static int many_main(void *arg)
{
	rondo_task *tasks[4] = { start(takes, "a"), start(takes, "b"), start(takes, "c"),
				 start(takes, "d") };

	(void)arg;
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_semaphore_release(&semaphore), 0);
	CHECK_EQUAL(rondo_semaphore_release(&semaphore), 0);
	CHECK(rondo_cancel(tasks[0]));		/* has a permit: goes to c */
	CHECK(rondo_cancel(tasks[3]));		/* has none */
	CHECK_EQUAL(rondo_await(tasks[0]), -ECANCELED);
	CHECK_EQUAL(rondo_await(tasks[3]), -ECANCELED);
	return RONDO_GATHER(tasks[1], tasks[2]);
}

/* S5, gh-90155. */
static void test_the_permit_of_a_cancelled_task_goes_to_the_next(void **state)
{
	(void)state;
	run(0, many_main);
	assert_log("a-cancelled b d-cancelled c");
	assert_int_equal(semaphore.value_, 0);
}

static int negative_main(void *arg)
{
	(void)arg;
	CHECK(rondo_semaphore_locked(&semaphore));
	CHECK_EQUAL(rondo_semaphore_acquire(&semaphore), -EINVAL);
	return 0;
}

/* S5: ValueError in asyncio. */
static void test_a_semaphore_of_less_than_zero_is_an_error(void **state)
{
	(void)state;
	run(-1, negative_main);
}

static int bounded_main(void *arg)
{
	struct rondo_semaphore bounded = RONDO_BOUNDED_SEMAPHORE_INIT(2);

	(void)arg;
	CHECK_EQUAL(rondo_semaphore_release(&bounded), -EINVAL);
	CHECK_EQUAL(rondo_semaphore_acquire(&bounded), 0);
	CHECK_EQUAL(rondo_semaphore_acquire(&bounded), 0);
	CHECK(rondo_semaphore_locked(&bounded));
	CHECK_EQUAL(rondo_semaphore_release(&bounded), 0);
	CHECK_EQUAL(rondo_semaphore_release(&bounded), 0);
	CHECK_EQUAL(rondo_semaphore_release(&bounded), -EINVAL);
	CHECK(!rondo_semaphore_locked(&bounded));
	return 0;
}

/* S6: ValueError in asyncio. */
static void test_a_bounded_semaphore_cannot_be_released_too_often(void **state)
{
	(void)state;
	assert_run(bounded_main, NULL, 0);
}

/* --- the matrix, and a crowd -------------------------------------------------------------- */

static int prepare(void *ctx)
{
	*(struct rondo_semaphore *)ctx = (struct rondo_semaphore)RONDO_SEMAPHORE_INIT(0);
	return 0;
}

static int take_and_release(void *ctx)
{
	int ret = rondo_semaphore_acquire(ctx);

	return ret < 0 ? ret : rondo_semaphore_release(ctx);
}

static int release(void *ctx)
{
	return rondo_semaphore_release(ctx);
}

static void test_acquire_in_the_matrix(void **state)
{
	const struct matrix_verb v = {
		.start = take_and_release, .finish = release, .prepare = prepare, .ctx = &semaphore,
	};

	(void)state;
	matrix_check("rondo_semaphore_acquire", &v);
}

enum { N_PERMITS = 3, N_CROWD = 300, N_STEPS = 3000 };

static unsigned n_inside, n_inside_max;

static int crowds(void *arg)
{
	unsigned *state = arg;
	int ret = 0;

	for (;;) {
		ret = rondo_semaphore_acquire(&semaphore);
		if (ret < 0)
			return ret;
		n_inside++;
		n_inside_max = n_inside > n_inside_max ? n_inside : n_inside_max;
		*state = *state * 1664525u + 1013904223u;
		ret = turns((int)(*state >> 30));
		n_inside--;
		rondo_semaphore_release(&semaphore);
		if (ret < 0)
			return ret;
	}
}

static int crowd_main(void *arg)
{
	static rondo_task *tasks[N_CROWD];
	static unsigned states[N_CROWD];
	unsigned seed = 1;

	(void)arg;
	for (unsigned i = 0; i < N_CROWD; i++) {
		states[i] = i;
		tasks[i] = rondo_create_task(crowds, &states[i]);
	}
	for (unsigned n = STEP_SIZE(N_STEPS, N_STEPS / 10); n--;) {
		seed = seed * 1664525u + 1013904223u;
		rondo_cancel(tasks[(seed >> 8) % N_CROWD]);
		CHECK_EQUAL(rondo_yield(), 0);
	}
	for (unsigned i = 0; i < N_CROWD; i++) {
		rondo_cancel(tasks[i]);
		CHECK_EQUAL(rondo_await(tasks[i]), -ECANCELED);
	}
	return 0;
}

/* S5, K18: permits are never lost and never invented, whenever tasks are cancelled. */
static void test_a_crowd_being_cancelled_loses_no_permit(void **state)
{
	(void)state;
	run(N_PERMITS, crowd_main);
	assert_int_equal(semaphore.value_, N_PERMITS);
	assert_int_equal(n_inside, 0);
	assert_int_equal(n_inside_max, N_PERMITS);
}

static char report[512];

static void collect(const struct rondo_report *r, void *arg)
{
	(void)arg;
	snprintf(report, sizeof(report), "%s", r->message);
}

static void test_a_deadlock_report_names_the_semaphore(void **state)
{
	const struct rondo_options o = { .on_error = collect };
	char expected[128];

	(void)state;
	prepare(&semaphore);
	assert_int_equal(rondo_run_with(&o, take_and_release, &semaphore), -EDEADLK);
	snprintf(expected, sizeof(expected), "deadlock: waits for semaphore %p to be released",
		 (void *)&semaphore);
	assert_string_equal(report, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_semaphore_is_fair),
		cmocka_unit_test(test_permits_are_counted_and_taken_without_a_yield),
		cmocka_unit_test(test_a_cancelled_task_gives_its_permit_back),
		cmocka_unit_test(test_nobody_overtakes_a_task_about_to_run),
		cmocka_unit_test(test_the_permit_of_a_cancelled_task_goes_to_the_next),
		cmocka_unit_test(test_a_semaphore_of_less_than_zero_is_an_error),
		cmocka_unit_test(test_a_bounded_semaphore_cannot_be_released_too_often),
		cmocka_unit_test(test_acquire_in_the_matrix),
		cmocka_unit_test(test_a_crowd_being_cancelled_loses_no_permit),
		cmocka_unit_test(test_a_deadlock_report_names_the_semaphore),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
