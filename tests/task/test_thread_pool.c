/* SPDX-License-Identifier: MIT */
/* test_thread_pool.c - goal: a pool grows to its limit and no further, its idle threads end, and
 * shutting it down waits for what runs, for as long as it was told to, and says what that is.
 * Method: functions that wait on a gate; the threads of the process are counted in /proc. */
#include "support/step.h"

#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "rondo/thread.h"

static sem_t arrived, opened;
static atomic_int n_inside, n_most, n_ran;
static char reported[512];

static void reset(void)
{
	sem_init(&arrived, 0, 0);
	sem_init(&opened, 0, 0);
	atomic_store(&n_inside, 0);
	atomic_store(&n_most, 0);
	atomic_store(&n_ran, 0);
	reported[0] = '\0';
}

static void wait_sem(sem_t *s)
{
	while (sem_wait(s) < 0)
		;
}

int wait_at_the_gate(void *arg);	/* not static: its name is to be found */

int wait_at_the_gate(void *arg)
{
	int n = atomic_fetch_add(&n_inside, 1) + 1;

	(void)arg;
	if (n > atomic_load(&n_most))
		atomic_store(&n_most, n);
	sem_post(&arrived);
	wait_sem(&opened);
	atomic_fetch_sub(&n_inside, 1);
	atomic_fetch_add(&n_ran, 1);
	return 0;
}

static int in_pool(void *pool)
{
	return rondo_pool_run(pool, wait_at_the_gate, NULL);
}

static unsigned n_threads(void)
{
	DIR *d = opendir("/proc/self/task");
	unsigned n = 0;

	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

/* --- idle for how long ------------------------------------------------------------------------ */

static int add_one(void *arg)
{
	return ++*(int *)arg;
}

/* A time that is none, or longer than can be counted, is not undefined behaviour: a thread that has
 * run one job is there for the next. */
static int idles_for(void *arg)
{
	const struct rondo_pool_options o = { .max_threads = 1, .idle_seconds = *(double *)arg };
	struct rondo_pool pool;
	int n = 0;

	rondo_pool_init(&pool, &o);
	CHECK_EQUAL(rondo_pool_run(&pool, add_one, &n), 1);
	CHECK_EQUAL(rondo_pool_run(&pool, add_one, &n), 2);
	CHECK_EQUAL(rondo_pool_shutdown(&pool, INFINITY), 0);
	return 0;
}

static void test_any_number_is_a_time_to_be_idle(void **state)
{
	static double seconds[] = { INFINITY, -INFINITY, NAN, 1e300, 1e10, -1, 0 };

	(void)state;
	skip_threads_under_valgrind();
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
		assert_run(idles_for, &seconds[i], 0);
}

/* --- growth ---------------------------------------------------------------------------------- */

enum { N_TASKS = 20, N_THREADS = 3 };

static int many_in_pool(void *arg)
{
	const struct rondo_pool_options o = { .max_threads = N_THREADS };
	rondo_task *all[N_TASKS];
	struct rondo_pool pool;

	(void)arg;
	rondo_pool_init(&pool, &o);
	for (int i = 0; i < N_TASKS; i++)
		all[i] = rondo_create_task(in_pool, &pool);
	CHECK_EQUAL(yield_times(2), 0);
	for (int i = 0; i < N_THREADS; i++)
		wait_sem(&arrived);
	CHECK_EQUAL(atomic_load(&n_inside), N_THREADS);
	for (int i = 0; i < N_TASKS; i++)
		sem_post(&opened);
	CHECK_EQUAL(rondo_gather(N_TASKS, all, NULL, 0), 0);
	CHECK_EQUAL(atomic_load(&n_ran), N_TASKS);
	CHECK(atomic_load(&n_most) <= N_THREADS);
	CHECK_EQUAL(rondo_pool_shutdown(&pool, INFINITY), 0);
	return 0;
}

/* E2 */
static void test_a_pool_grows_to_its_limit(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	reset();
	assert_run(many_in_pool, NULL, 0);
}

/* --- idle ------------------------------------------------------------------------------------ */

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int until_alone(void *arg)
{
	const unsigned n = *(unsigned *)arg;

	while (n_threads() > n)
		if (rondo_sleep(0.001) < 0)
			return -ECANCELED;
	return 0;
}

static int idles(void *arg)
{
	const struct rondo_pool_options o = { .idle_seconds = 1e-3, .name = "short-lived" };
	struct rondo_pool pool;
	unsigned n;

	(void)arg;
	CHECK_EQUAL(rondo_to_thread(nothing, NULL), 0);	/* TSan starts a thread of its own first */
	CHECK_EQUAL(rondo_pool_shutdown(NULL, INFINITY), 0);
	n = n_threads();
	rondo_pool_init(&pool, &o);
	for (int i = 0; i < 3; i++) {
		CHECK_EQUAL(rondo_pool_run(&pool, nothing, NULL), 0);
		CHECK_EQUAL(rondo_wait_for(until_alone, &n, 30), 0);
	}
	CHECK_EQUAL(rondo_pool_shutdown(&pool, 0), 0);
	return 0;
}

/* E1 */
static void test_idle_threads_end(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	assert_run(idles, NULL, 0);
}

/* --- shutdown -------------------------------------------------------------------------------- */

static void keep_report(const struct rondo_report *report, void *arg)
{
	(void)arg;
	snprintf(reported, sizeof(reported), "%s", report->message);
}

static const struct rondo_options reporting = { .on_error = keep_report };

static int shut_down_with_grace(void *arg)
{
	const struct rondo_pool_options o = { .name = "slow" };
	struct rondo_pool pool;
	rondo_task *t;

	(void)arg;
	rondo_pool_init(&pool, &o);
	t = rondo_create_task(in_pool, &pool);
	CHECK_EQUAL(yield_times(2), 0);
	wait_sem(&arrived);
	CHECK_EQUAL(rondo_pool_shutdown(&pool, 0.001), -ETIMEDOUT);
	CHECK(strstr(reported, "thread pool slow: "));
	CHECK(strstr(reported, "wait_at_the_gate()") || strstr(reported, "the function at 0x"));
	CHECK_EQUAL(rondo_pool_run(&pool, nothing, NULL), -ESHUTDOWN);
	CHECK_EQUAL(rondo_pool_shutdown(&pool, NAN), -EINVAL);
	CHECK_EQUAL(rondo_pool_shutdown(&pool, -INFINITY), -ETIMEDOUT);
	sem_post(&opened);
	CHECK_EQUAL(rondo_pool_shutdown(&pool, INFINITY), 0);
	CHECK_EQUAL(rondo_await(t), 0);
	return 0;
}

/* E3: after a grace it says who is stuck, and does not hang. */
static void test_a_shutdown_reports_who_is_stuck(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	reset();
	assert_run_on(&rondo__kernel_linux, &reporting, shut_down_with_grace, NULL, 0);
}

static int shut_down(void *pool)
{
	return rondo_pool_shutdown(pool, INFINITY);
}

static int shutdown_is_cancelled(void *arg)
{
	struct rondo_pool pool;
	rondo_task *t, *closer;

	(void)arg;
	rondo_pool_init(&pool, NULL);
	t = rondo_create_task(in_pool, &pool);
	CHECK_EQUAL(yield_times(2), 0);
	wait_sem(&arrived);
	closer = rondo_create_task(shut_down, &pool);
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(rondo_pool_shutdown(&pool, 1), -EBUSY);
	CHECK(rondo_cancel(closer));
	CHECK_EQUAL(rondo_await(closer), -ECANCELED);
	closer = rondo_create_task(shut_down, &pool);
	CHECK_EQUAL(yield_times(2), 0);
	sem_post(&opened);
	CHECK_EQUAL(rondo_await(closer), 0);
	CHECK_EQUAL(rondo_await(t), 0);
	return 0;
}

static void test_a_shutdown_may_be_cancelled_and_called_again(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	reset();
	assert_run(shutdown_is_cancelled, NULL, 0);
}

static int queue_then_shut_down(void *arg)
{
	const struct rondo_pool_options o = { .max_threads = 1 };
	struct rondo_pool pool;
	rondo_task *all[3], *closer;

	(void)arg;
	rondo_pool_init(&pool, &o);
	for (int i = 0; i < 3; i++)
		all[i] = rondo_create_task(in_pool, &pool);
	CHECK_EQUAL(yield_times(2), 0);
	closer = rondo_create_task(shut_down, &pool);
	CHECK_EQUAL(yield_times(2), 0);
	for (int i = 0; i < 3; i++)
		sem_post(&opened);
	CHECK_EQUAL(rondo_gather(3, all, NULL, 0), 0);
	CHECK_EQUAL(rondo_await(closer), 0);
	CHECK_EQUAL(atomic_load(&n_ran), 3);
	return 0;
}

/* As by ThreadPoolExecutor.shutdown(wait=True). */
static void test_what_waits_in_a_pool_is_run_before_it_ends(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	reset();
	assert_run(queue_then_shut_down, NULL, 0);
}

static int shut_own_down(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_to_thread(nothing, NULL), 0);
	CHECK_EQUAL(rondo_pool_shutdown(NULL, INFINITY), 0);
	CHECK_EQUAL(rondo_to_thread(nothing, NULL), -ESHUTDOWN);
	CHECK_EQUAL(rondo_pool_shutdown(NULL, 0), 0);
	return 0;
}

/* E3: shutdown_default_executor() */
static void test_a_loop_can_do_without_its_own_pool(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	assert_run(shut_own_down, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_pool_grows_to_its_limit),
		cmocka_unit_test(test_idle_threads_end),
		cmocka_unit_test(test_any_number_is_a_time_to_be_idle),
		cmocka_unit_test(test_a_shutdown_reports_who_is_stuck),
		cmocka_unit_test(test_a_shutdown_may_be_cancelled_and_called_again),
		cmocka_unit_test(test_what_waits_in_a_pool_is_run_before_it_ends),
		cmocka_unit_test(test_a_loop_can_do_without_its_own_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
