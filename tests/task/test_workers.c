/* SPDX-License-Identifier: MIT */
/* test_workers.c - goal: rondo_run_workers() runs main once per worker, each with a loop, a
 * thread and a number of its own, ends them all when one fails, and returns the first error.
 * Method: workers that meet, fail or wait for ever; thread and ring set-up are starved in
 * children. Clean under TSan. */
#include "support/step.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/resource.h>

enum { MAX_WORKERS = 64 };

static atomic_uint n_ran, n_cancelled;
static atomic_uint n_with[MAX_WORKERS];

static void reset(void)
{
	atomic_store(&n_ran, 0);
	atomic_store(&n_cancelled, 0);
	for (int i = 0; i < MAX_WORKERS; i++)
		atomic_store(&n_with[i], 0);
}

static int run_workers(unsigned n, rondo_fn *main, void *arg)
{
	int ret;

	reset();
	ret = rondo_run_workers(n, main, arg);
	assert_checks_passed();
	return ret;
}

static int counts(void *arg)
{
	unsigned number = rondo_worker();

	atomic_fetch_add(&n_ran, 1);
	if (number < MAX_WORKERS)
		atomic_fetch_add(&n_with[number], 1);
	if (rondo_sleep(0.001) < 0)
		return -EIO;
	return number == rondo_worker() ? (int)(intptr_t)arg + (int)number : -EIO;
}

static void test_every_worker_runs_once_with_a_number_of_its_own(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	for (unsigned n = 1; n <= 5; n += 2) {
		assert_int_equal(run_workers(n, counts, (void *)100), 100 + (int)n - 1);
		assert_int_equal(atomic_load(&n_ran), n);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(atomic_load(&n_with[i]), 1);
	}
	assert_int_equal(rondo_worker(), 0);
}

static void test_zero_workers_means_one_per_cpu(void **state)
{
	cpu_set_t set;

	(void)state;
	skip_threads_under_valgrind();
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	assert_int_equal(run_workers(0, counts, NULL), CPU_COUNT(&set) - 1);
	assert_int_equal(atomic_load(&n_ran), CPU_COUNT(&set));
}

struct meeting {
	pthread_barrier_t barrier;
	_Atomic(rondo_loop *) loops[3];
	pthread_t threads[3];
};

static int meets(void *arg)
{
	struct meeting *m = arg;

	atomic_store(&m->loops[rondo_worker()], rondo_loop_current());
	m->threads[rondo_worker()] = pthread_self();
	pthread_barrier_wait(&m->barrier);		/* deadlocks unless all three run at once */
	return rondo_yield();
}

static void test_workers_run_at_once_in_threads_and_loops_of_their_own(void **state)
{
	struct meeting m = { .loops = { NULL } };

	(void)state;
	skip_threads_under_valgrind();
	pthread_barrier_init(&m.barrier, NULL, 3);
	assert_int_equal(run_workers(3, meets, &m), 0);
	pthread_barrier_destroy(&m.barrier);
	assert_ptr_not_equal(atomic_load(&m.loops[0]), atomic_load(&m.loops[1]));
	assert_ptr_not_equal(atomic_load(&m.loops[1]), atomic_load(&m.loops[2]));
	assert_ptr_not_equal(atomic_load(&m.loops[0]), atomic_load(&m.loops[2]));
	assert_true(pthread_equal(m.threads[0], pthread_self()));
}

static int fails_or_waits(void *arg)
{
	int ret;

	atomic_fetch_add(&n_ran, 1);
	if (rondo_worker() == (unsigned)(intptr_t)arg)
		return rondo_sleep(0.002) == 0 ? -EPIPE : -EIO;
	ret = rondo_sleep(3600);
	if (ret == -ECANCELED)
		atomic_fetch_add(&n_cancelled, 1);
	return ret;
}

static void test_the_first_error_stops_the_others_and_is_returned(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	for (intptr_t failing = 0; failing < 4; failing++) {
		assert_int_equal(run_workers(4, fails_or_waits, (void *)failing), -EPIPE);
		/* One that had not started when the error came is cancelled before it counts. */
		assert_in_range(atomic_load(&n_ran), 1, 4);
	}
}

static int fails_at_once(void *arg)
{
	(void)arg;
	return rondo_worker() == 0 ? -EPIPE : rondo_sleep(3600);
}

static void test_an_error_before_others_have_started_stops_them_too(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	for (int i = 0; i < 20; i++)
		assert_int_equal(run_workers(4, fails_at_once, NULL), -EPIPE);
}

static int swallows(void *arg)
{
	(void)arg;
	if (rondo_worker() == 0)
		return -EPIPE;
	if (rondo_sleep(3600) == -ECANCELED)
		atomic_fetch_add(&n_cancelled, 1);
	return rondo_sleep(0.001);			/* cancelled once, so this one works */
}

static void test_a_stopped_worker_may_clean_up(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	assert_int_equal(run_workers(3, swallows, NULL), -EPIPE);
}

static int refuses_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_run_workers(2, counts, NULL), -EBUSY);
	return rondo_yield();
}

static void test_workers_in_a_loop_are_refused(void **state)
{
	(void)state;
	assert_run(refuses_main, NULL, 0);
}

static int interrupted_worker(void *arg)
{
	pthread_barrier_t *barrier = arg;
	int ret;

	pthread_barrier_wait(barrier);
	if (rondo_worker() == 1)
		kill(getpid(), SIGINT);
	ret = rondo_sleep(3600);
	if (ret == -ECANCELED)
		atomic_fetch_add(&n_cancelled, 1);
	return ret;
}

static int interrupted(void)
{
	pthread_barrier_t barrier;

	signal(SIGINT, SIG_DFL);
	pthread_barrier_init(&barrier, NULL, 3);
	CHILD_CHECK(rondo_run_workers(3, interrupted_worker, &barrier) == -EINTR);
	CHILD_CHECK(atomic_load(&n_cancelled) == 3);
	return 0;
}

/* R3 for workers. */
static void test_a_sigint_stops_all_workers(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	reset();
	assert_child_succeeds(interrupted);
}

static int without_threads(void)
{
	struct rlimit none = { 1, 1 };
	int ret;

	if (setgid(65534) < 0 || setuid(65534) < 0)
		return 77;
	setrlimit(RLIMIT_NPROC, &none);
	ret = rondo_run_workers(3, fails_or_waits, (void *)100);
	CHILD_CHECK(ret == -EAGAIN);
	return 0;
}

/* F8: a worker that could not be started is an error like others, and stops those that could. */
static void test_a_thread_that_cannot_be_started_is_an_error(void **state)
{
	int status;

	(void)state;
	skip_threads_under_valgrind();
	if (STEP_CHECKED) {
		print_message("a checker's runtime may need threads of its own\n");
		skip();
	}
	status = run_in_child(without_threads);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("only root can become an ordinary user\n");
		skip();
	}
	if (status)
		print_error("status %#x, stderr: %s\n", (unsigned)status, child_stderr);
	assert_int_equal(status, 0);
}

static int without_descriptors(void)
{
	struct rlimit limit = { 4, 4 };		/* enough for no loop, or for one */
	int ret;

	setrlimit(RLIMIT_NOFILE, &limit);
	ret = rondo_run_workers(3, fails_or_waits, (void *)100);
	CHILD_CHECK(ret == -EMFILE);
	return 0;
}

static void test_a_loop_that_cannot_be_set_up_is_an_error(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	assert_child_succeeds(without_descriptors);
}

static void test_workers_leave_no_descriptor_behind(void **state)
{
	unsigned before = n_descriptors();

	(void)state;
	skip_threads_under_valgrind();
	for (int i = 0; i < 10; i++)
		assert_int_equal(run_workers(3, counts, NULL), 2);
	assert_int_equal(n_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_worker_runs_once_with_a_number_of_its_own),
		cmocka_unit_test(test_zero_workers_means_one_per_cpu),
		cmocka_unit_test(test_workers_run_at_once_in_threads_and_loops_of_their_own),
		cmocka_unit_test(test_the_first_error_stops_the_others_and_is_returned),
		cmocka_unit_test(test_an_error_before_others_have_started_stops_them_too),
		cmocka_unit_test(test_a_stopped_worker_may_clean_up),
		cmocka_unit_test(test_workers_in_a_loop_are_refused),
		cmocka_unit_test(test_a_sigint_stops_all_workers),
		cmocka_unit_test(test_a_thread_that_cannot_be_started_is_an_error),
		cmocka_unit_test(test_a_loop_that_cannot_be_set_up_is_an_error),
		cmocka_unit_test(test_workers_leave_no_descriptor_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
