/* SPDX-License-Identifier: MIT */
/* test_thread.c - goal: to_thread delivers results, cancels by the rules, and never lets a thread
 * use what its task has left. Method: functions that wait on a gate which the test opens. */
#include "support/matrix.h"
#include "support/step.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "rondo/thread.h"
#include "rondo_sim.h"

/* --- a gate: the function has arrived, and waits until it is opened -------------------------- */

struct gate {
	sem_t arrived, open;
	atomic_int n_ran, n_freed;
	atomic_bool saw_cancel;
};

static void gate_init(struct gate *g)
{
	sem_init(&g->arrived, 0, 0);
	sem_init(&g->open, 0, 0);
	atomic_store(&g->n_ran, 0);
	atomic_store(&g->n_freed, 0);
	atomic_store(&g->saw_cancel, false);
}

static void wait_sem(sem_t *s)
{
	while (sem_wait(s) < 0)
		;
}

static int pass_gate(void *arg)
{
	struct gate *g = arg;

	sem_post(&g->arrived);
	wait_sem(&g->open);
	atomic_store(&g->saw_cancel, rondo_thread_cancelled());
	atomic_fetch_add(&g->n_ran, 1);
	return 7;
}

static int in_thread(void *gate)
{
	return rondo_to_thread(pass_gate, gate);
}

/* --- results --------------------------------------------------------------------------------- */

static pthread_t loop_thread;

static int report_thread(void *arg)
{
	sigset_t blocked;

	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	*(bool *)arg = !pthread_equal(pthread_self(), loop_thread);
	if (!sigismember(&blocked, SIGTERM) || !sigismember(&blocked, SIGINT) ||
	    sigismember(&blocked, SIGSEGV))
		return -EIO;
	return 42;
}

static int fail_here(void *arg)
{
	(void)arg;
	return -ENOSPC;
}

static int results(void *arg)
{
	bool elsewhere = false;

	(void)arg;
	loop_thread = pthread_self();
	CHECK_EQUAL(rondo_to_thread(report_thread, &elsewhere), 42);
	CHECK(elsewhere);
	CHECK_EQUAL(rondo_to_thread(fail_here, NULL), -ENOSPC);
	CHECK(!rondo_thread_cancelled());
	return 0;
}

/* E1 */
static void test_a_function_runs_in_a_thread_and_its_result_comes_back(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	assert_run(results, NULL, 0);
}

/* --- cancels: the matrix --------------------------------------------------------------------- */

/* Ends when the gate opens, or when it is not wanted any more. */
static int patient(void *arg)
{
	struct gate *g = arg;

	while (sem_trywait(&g->open) < 0) {
		if (rondo_thread_cancelled())
			return -ECANCELED;
		usleep(100);
	}
	return 7;
}

static int matrix_start(void *arg)
{
	return rondo_to_thread(patient, arg);
}

static int matrix_open(void *arg)
{
	struct gate *g = arg;

	return sem_post(&g->open);
}

static int matrix_prepare(void *arg)
{
	gate_init(arg);
	return 0;
}

static int at_once(void *arg)
{
	(void)arg;
	return 3;
}

static int start_at_once(void *arg)
{
	return rondo_to_thread(at_once, arg);
}

/* E1: what runs is waited for, so a cancelled call ends when its gate opens. */
static int cancelled_while_it_runs(void *arg)
{
	struct gate *g = arg;
	rondo_task *t = rondo_create_task(in_thread, g);

	CHECK_EQUAL(turns(2), 0);
	wait_sem(&g->arrived);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(turns(4), 0);
	CHECK_EQUAL(rondo_task_state(t), RONDO_PENDING);
	sem_post(&g->open);
	CHECK_EQUAL(rondo_await(t), 7);
	CHECK_EQUAL(atomic_load(&g->n_ran), 1);
	CHECK(atomic_load(&g->saw_cancel));
	return 0;
}

static int cancelled_then_yields(void *arg)
{
	int ret = rondo_to_thread(pass_gate, arg);

	CHECK_EQUAL(ret, 7);
	CHECK_EQUAL(rondo_cancelling(rondo_current_task()), 1);
	CHECK_EQUAL(rondo_yield(), -ECANCELED);
	CHECK_EQUAL(rondo_yield(), 0);
	return 0;
}

static int success_beats_cancel(void *arg)
{
	struct gate *g = arg;
	rondo_task *t = rondo_create_task(cancelled_then_yields, g);

	CHECK_EQUAL(turns(2), 0);
	wait_sem(&g->arrived);
	CHECK(rondo_cancel(t));
	sem_post(&g->open);
	CHECK_EQUAL(rondo_await(t), 0);
	return 0;
}

static int ends_when_asked(void *arg)
{
	struct gate *g = arg;

	sem_post(&g->arrived);
	while (!rondo_thread_cancelled())
		sched_yield();
	atomic_fetch_add(&g->n_ran, 1);
	return -ECANCELED;
}

static int gives_in(void *arg)
{
	int ret = rondo_to_thread(ends_when_asked, arg);

	CHECK_EQUAL(ret, -ECANCELED);
	CHECK_EQUAL(rondo_yield(), 0);		/* told once */
	return ret;
}

static int cooperates(void *arg)
{
	struct gate *g = arg;
	rondo_task *t = rondo_create_task(gives_in, g);

	CHECK_EQUAL(turns(2), 0);
	wait_sem(&g->arrived);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	CHECK_EQUAL(atomic_load(&g->n_ran), 1);
	return 0;
}

static void run_with_gate(rondo_fn *main)
{
	struct gate g;

	gate_init(&g);
	assert_run(main, &g, 0);
	sem_destroy(&g.arrived);
	sem_destroy(&g.open);
}

static void test_a_running_function_is_waited_for(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	run_with_gate(cancelled_while_it_runs);
	run_with_gate(success_beats_cancel);
}

static void test_a_function_can_see_that_it_is_not_wanted(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	run_with_gate(cooperates);
}

static void test_to_thread_by_the_matrix(void **state)
{
	struct gate gate;
	const struct matrix_verb by_itself = { .start = start_at_once, .result = 3 };
	const struct matrix_verb parks = { .start = matrix_start, .finish = matrix_open,
					   .prepare = matrix_prepare, .ctx = &gate, .result = 7 };

	(void)state;
	skip_threads_under_valgrind();
	matrix_check("to_thread", &by_itself);
	matrix_check("to_thread, parked", &parks);
}

/* --- dequeued -------------------------------------------------------------------------------- */

struct crowd {
	struct gate gate;
	struct rondo_pool pool;
};

static int in_pool(void *arg)
{
	struct crowd *c = arg;

	return rondo_pool_run(&c->pool, pass_gate, &c->gate);
}

static int count_run(void *arg)
{
	struct crowd *c = arg;

	atomic_fetch_add(&c->gate.n_ran, 100);
	return 0;
}

static int queued_in_pool(void *arg)
{
	struct crowd *c = arg;

	return rondo_pool_run(&c->pool, count_run, c);
}

/* E1, E2: one thread, so the second function waits. */
static int cancelled_in_the_queue(void *arg)
{
	struct crowd *c = arg;
	const struct rondo_pool_options one = { .max_threads = 1, .name = "one" };
	rondo_task *first, *second;

	rondo_pool_init(&c->pool, &one);
	first = rondo_create_task(in_pool, c);
	second = rondo_create_task(queued_in_pool, c);
	CHECK_EQUAL(turns(2), 0);
	wait_sem(&c->gate.arrived);
	CHECK(rondo_cancel(second));
	CHECK_EQUAL(rondo_await(second), -ECANCELED);
	sem_post(&c->gate.open);
	CHECK_EQUAL(rondo_await(first), 7);
	CHECK_EQUAL(atomic_load(&c->gate.n_ran), 1);
	CHECK_EQUAL(rondo_pool_shutdown(&c->pool, 60), 0);
	return 0;
}

static void test_a_queued_function_that_is_cancelled_never_runs(void **state)
{
	struct crowd c;

	(void)state;
	skip_threads_under_valgrind();
	gate_init(&c.gate);
	assert_run(cancelled_in_the_queue, &c, 0);
}

/* --- abandoned ------------------------------------------------------------------------------- */

static struct gate abandoned_gate;

static int use_own_memory(void *arg)
{
	int *value = arg;

	sem_post(&abandoned_gate.arrived);
	wait_sem(&abandoned_gate.open);
	(*value)++;
	atomic_store(&abandoned_gate.saw_cancel, rondo_thread_cancelled());
	return *value;
}

static void free_own_memory(void *arg)
{
	free(arg);
	atomic_fetch_add(&abandoned_gate.n_freed, 1);
}

static const struct rondo_thread_options abandon = {
	.on_cancel = RONDO_THREAD_ABANDON, .on_abandon = free_own_memory,
};

static int abandonable(void *arg)
{
	int *value = calloc(1, sizeof(*value));
	int ret;

	(void)arg;
	CHECK(value);
	*value = 4;
	ret = rondo_to_thread_with(&abandon, use_own_memory, value);
	if (ret != -ECANCELED)
		free(value);
	return ret;
}

static int abandons(void *arg)
{
	rondo_task *t = rondo_create_task(abandonable, NULL);

	(void)arg;
	CHECK_EQUAL(turns(2), 0);
	wait_sem(&abandoned_gate.arrived);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	CHECK_EQUAL(atomic_load(&abandoned_gate.n_freed), 0);
	sem_post(&abandoned_gate.open);
	return 0;				/* the loop waits for it */
}

static int abandons_nothing(void *arg)
{
	sem_post(&abandoned_gate.open);
	CHECK_EQUAL(abandonable(arg), 5);
	CHECK_EQUAL(atomic_load(&abandoned_gate.n_freed), 0);
	rondo_cancel(rondo_current_task());
	CHECK_EQUAL(abandonable(arg), -ECANCELED);
	CHECK_EQUAL(atomic_load(&abandoned_gate.n_freed), 1);
	return 0;
}

static void test_an_abandoned_function_keeps_its_arguments(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	gate_init(&abandoned_gate);
	assert_run(abandons, NULL, 0);
	/* E3: the loop has closed after its thread. */
	assert_int_equal(atomic_load(&abandoned_gate.n_freed), 1);
	assert_true(atomic_load(&abandoned_gate.saw_cancel));
	gate_init(&abandoned_gate);
	assert_run(abandons_nothing, NULL, 0);
}

/* --- many ------------------------------------------------------------------------------------ */

enum { N_JOBS = 10000, N_AT_ONCE = 100 };

static int add_one(void *arg)
{
	return atomic_fetch_add((atomic_int *)arg, 1) >= 0 ? 1 : 0;
}

static int add_many(void *arg)
{
	for (size_t i = 0; i < STEP_SIZE(N_JOBS, N_JOBS / 10) / N_AT_ONCE; i++)
		CHECK_EQUAL(rondo_to_thread(add_one, arg), 1);
	return 0;
}

static int many(void *arg)
{
	rondo_task *all[N_AT_ONCE];

	for (int i = 0; i < N_AT_ONCE; i++)
		all[i] = rondo_create_task(add_many, arg);
	return rondo_gather(N_AT_ONCE, all, NULL, 0);
}

static void test_ten_thousand_functions_run_once_each(void **state)
{
	atomic_int n = 0;

	(void)state;
	skip_threads_under_valgrind();
	assert_run(many, &n, 0);
	assert_int_equal(atomic_load(&n), STEP_SIZE(N_JOBS, N_JOBS / 10));
}

/* --- the simulated kernel -------------------------------------------------------------------- */

static int sim_body(void *arg)
{
	return *(int *)arg + 1;
}

static int sim_call_back(void *arg)
{
	return rondo_loop_call(NULL, sim_body, arg);
}

static int sim_start(void *arg)
{
	return rondo_to_thread(sim_body, arg);
}

static int sim_n_abandoned;

static void sim_abandoned(void *arg)
{
	(void)arg;
	sim_n_abandoned++;
}

static int sim_start_abandonable(void *arg)
{
	const struct rondo_thread_options o = { .on_cancel = RONDO_THREAD_ABANDON,
						.on_abandon = rondo_sim_random() % 2 ?
							      sim_abandoned : NULL };

	return rondo_to_thread_with(&o, sim_body, arg);
}

/* Whose argument is given up, if and only if it was cancelled. */
static int sim_abandon(void)
{
	int value = 1, ret;
	rondo_task *t = rondo_create_task(sim_start_abandonable, &value);

	sim_n_abandoned = 0;
	ret = rondo_sleep_ns(rondo_sim_random() % 10000000);
	if (ret < 0)
		return ret;
	rondo_cancel(t);
	ret = rondo_await(t);
	CHECK(ret == 2 || ret == -ECANCELED);
	return 0;
}

static int sim_main(void *arg)
{
	int value = 1;
	rondo_task *t;
	int ret;

	(void)arg;
	CHECK_EQUAL(rondo_to_thread(sim_body, &value), 2);
	CHECK_EQUAL(rondo_to_thread(sim_call_back, &value), 2);
	t = rondo_create_task(sim_start, &value);
	ret = rondo_sleep_ns(rondo_sim_random() % 10000000);
	if (ret < 0)
		return ret;
	rondo_cancel(t);
	ret = rondo_await(t);
	CHECK(ret == 2 || ret == -ECANCELED);
	CHECK_EQUAL(rondo_to_thread_with(&(struct rondo_thread_options){ 0 }, sim_body, &value), 2);
	return sim_abandon();
}

/* The same program, in one thread, with the same history each time. */
static void test_it_runs_on_the_simulated_kernel(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 200; seed++) {
		struct rondo_sim_stats first, second;
		struct rondo_sim_options o = { .seed = seed, .stats = &first,
					       .on_failure = rondo_sim_print_failure };

		assert_int_equal(rondo_sim_run(&o, sim_main, NULL), 0);
		assert_checks_passed();
		o.stats = &second;
		assert_int_equal(rondo_sim_run(&o, sim_main, NULL), 0);
		assert_true(first.hash == second.hash);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_function_runs_in_a_thread_and_its_result_comes_back),
		cmocka_unit_test(test_a_running_function_is_waited_for),
		cmocka_unit_test(test_a_function_can_see_that_it_is_not_wanted),
		cmocka_unit_test(test_to_thread_by_the_matrix),
		cmocka_unit_test(test_a_queued_function_that_is_cancelled_never_runs),
		cmocka_unit_test(test_an_abandoned_function_keeps_its_arguments),
		cmocka_unit_test(test_ten_thousand_functions_run_once_each),
		cmocka_unit_test(test_it_runs_on_the_simulated_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
