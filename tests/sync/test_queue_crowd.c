/* SPDX-License-Identifier: MIT */
/* test_queue_crowd.c - goal: whatever is put is got, once, however many tasks put, get and are
 * cancelled at any moment. Method: the matrix, a crowd of tasks cancelled at random, and what a
 * deadlock report says of those who wait. */
#include "sync/ints.h"

/* --- the matrix --------------------------------------------------------------------------- */

static int prepare_empty(void *ctx)
{
	(void)ctx;
	return make(1);
}

/* Full, and one item is not done. */
static int prepare_full(void *ctx)
{
	(void)ctx;
	return make(1) < 0 ? -1 : ints_put_nowait(&q, 1);
}

static void clean(void *ctx)
{
	(void)ctx;
	ints_free(&q);
}

static int get_here(void *ctx)
{
	return ints_get(&q, ctx);
}

static int put_here(void *ctx)
{
	return ints_put(&q, *(int *)ctx);
}

static int join_here(void *ctx)
{
	(void)ctx;
	return rondo_queue_join(&q.queue);
}

static int give(void *ctx)
{
	return ints_put_nowait(&q, *(int *)ctx);
}

static int take(void *ctx)
{
	return ints_get_nowait(&q, ctx);
}

static int task_done(void *ctx)
{
	(void)ctx;
	return rondo_queue_task_done(&q.queue);
}

static void test_get_put_and_join_in_the_matrix(void **state)
{
	int item = 1;
	struct matrix_verb v = {
		.start = get_here, .finish = give, .prepare = prepare_empty, .clean = clean,
		.ctx = &item,
	};

	(void)state;
	matrix_check("rondo_queue_get", &v);
	v.start = put_here;
	v.finish = take;
	v.prepare = prepare_full;
	matrix_check("rondo_queue_put", &v);
	v.start = join_here;
	v.finish = task_done;
	matrix_check("rondo_queue_join", &v);
}

/* --- a crowd ------------------------------------------------------------------------------ */

enum { N_GETTERS = 20, N_PUTTERS = 20, N_STEPS = 4000 };

static unsigned long n_put, n_got, sum_put, sum_got;

static int crowd_puts(void *arg)
{
	int ret = 0;

	for (unsigned i = 0; ret == 0; i++) {
		int item = (int)((uintptr_t)arg * 1000 + i % 1000);

		ret = ints_put(&q, item);
		if (ret == 0) {
			n_put++;
			sum_put += (unsigned)item;
			ret = turns((int)(i % 2));
		}
	}
	return ret;
}

static int crowd_gets(void *arg)
{
	int item, ret = 0;

	for (unsigned i = 0; ret == 0; i++) {
		ret = ints_get(&q, &item);
		if (ret == 0) {
			n_got++;
			sum_got += (unsigned)item;
			ret = turns((int)(i % 3));
		}
	}
	(void)arg;
	return ret;
}

/* Cancel one at random, and put another one in its place. */
static int crowd_main(void *arg)
{
	rondo_task *tasks[N_GETTERS + N_PUTTERS];
	unsigned seed = 1;
	int item;

	CHECK_EQUAL(make(3), 0);
	for (uintptr_t i = 0; i < N_GETTERS + N_PUTTERS; i++)
		tasks[i] = rondo_create_task(i < N_GETTERS ? crowd_gets : crowd_puts, (void *)i);
	for (unsigned n = STEP_SIZE(N_STEPS, N_STEPS / 10); n--;) {
		uintptr_t i;

		seed = seed * 1664525u + 1013904223u;
		i = (seed >> 8) % (N_GETTERS + N_PUTTERS);
		rondo_cancel(tasks[i]);
		CHECK_EQUAL(turns((int)(seed >> 28) % 3), 0);
		CHECK_EQUAL(rondo_await(tasks[i]), -ECANCELED);
		tasks[i] = rondo_create_task(i < N_GETTERS ? crowd_gets : crowd_puts, (void *)i);
	}
	rondo_queue_shutdown(&q.queue, false);
	for (unsigned i = 0; i < N_GETTERS + N_PUTTERS; i++)
		CHECK_EQUAL(rondo_await(tasks[i]), -RONDO_EQSHUTDOWN);
	(void)arg;
	CHECK_EQUAL(ints_get(&q, &item), -RONDO_EQSHUTDOWN);
	return 0;
}

/* Q3, K8: whatever was put is got, once. */
static void test_a_crowd_being_cancelled_loses_no_item(void **state)
{
	(void)state;
	run(crowd_main);
	assert_true(n_put > 1000);
	assert_int_equal(n_put, n_got);
	assert_int_equal(sum_put, sum_got);
}

static char report[512];

static void collect(const struct rondo_report *r, void *arg)
{
	(void)arg;
	snprintf(report, sizeof(report), "%s", r->message);
}

static void test_a_deadlock_report_names_the_queue(void **state)
{
	const struct rondo_options o = { .on_error = collect };
	char expected[128];
	int item = 0;

	(void)state;
	assert_int_equal(prepare_empty(NULL), 0);
	assert_int_equal(rondo_run_with(&o, get_here, &item), -EDEADLK);
	snprintf(expected, sizeof(expected),
		 "deadlock: waits for an item in queue %p, which holds 0", (void *)&q);
	assert_string_equal(report, expected);
	ints_free(&q);
	assert_int_equal(prepare_full(NULL), 0);
	assert_int_equal(rondo_run_with(&o, put_here, &item), -EDEADLK);
	snprintf(expected, sizeof(expected), "deadlock: waits for room in queue %p, which holds 1",
		 (void *)&q);
	assert_string_equal(report, expected);
	ints_free(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get_put_and_join_in_the_matrix),
		cmocka_unit_test(test_a_crowd_being_cancelled_loses_no_item),
		cmocka_unit_test(test_a_deadlock_report_names_the_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
