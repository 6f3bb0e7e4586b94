/* SPDX-License-Identifier: MIT */
/* test_stuck.c - goal: the watchdog of debug mode has its signal to itself or does without (I1): a
 * program's handler stays, a stranger's signal tells nothing, and what is stuck is told with or
 * without an answer. Method: steps that are stuck until they are told of; signals sent by the test.
 * tests/task/test_debug.c has what the reports say. */
#include "support/step.h"

#include <pthread.h>
#include <stdatomic.h>

#include "rondo/call.h"
#include "rondo/debug.h"
#include "task/debug.h"

static struct told {
	char task[32], details[4096];
} told;

static atomic_bool is_told;

static void on_stuck(const struct rondo_report *r, void *arg)
{
	(void)arg;
	snprintf(told.task, sizeof(told.task), "%s", r->task ? r->task : "-");
	snprintf(told.details, sizeof(told.details), "%s", r->details ? r->details : "-");
	atomic_store(&is_told, true);
}

/* Nothing is slow in a thousand seconds. */
static struct rondo_options options(double slow_seconds, int signal)
{
	atomic_store(&is_told, false);
	return (struct rondo_options){ .debug = true, .slow_seconds = slow_seconds,
				       .debug_signal = signal, .on_stuck = on_stuck };
}

static void run(int signal, rondo_fn *main, void *arg)
{
	const struct rondo_options o = options(1000, signal);

	assert_run_on(&rondo__kernel_linux, &o, main, arg, 0);
	assert_false(atomic_load(&is_told));
}

/* --- whose signal it is ----------------------------------------------------------------------- */

static atomic_uint n_theirs;

static void theirs(int signal)
{
	(void)signal;
	atomic_fetch_add(&n_theirs, 1);
}

static void theirs_with_info(int signal, siginfo_t *info, void *context)
{
	(void)info, (void)context;
	theirs(signal);
}

static void handle(int signal, void (*handler)(int), bool with_info)
{
	struct sigaction action = { .sa_handler = handler };

	if (with_info) {
		action.sa_sigaction = theirs_with_info;
		action.sa_flags = SA_SIGINFO;
	}
	assert_int_equal(sigaction(signal, &action, NULL), 0);
}

static struct sigaction handler_of(int signal)
{
	struct sigaction now;

	assert_int_equal(sigaction(signal, NULL, &now), 0);
	return now;
}

static struct watchdog *dog(void)
{
	return &debug_of(rondo__loop)->dog;
}

static int has_signal(void *arg)
{
	CHECK_EQUAL(dog()->signal, (intptr_t)arg);
	return 0;
}

static void test_a_programs_handler_stays(void **state)
{
	(void)state;
	handle(SIGUSR2, theirs, false);
	run(SIGUSR2, has_signal, (void *)0);
	assert_ptr_equal(handler_of(SIGUSR2).sa_handler, theirs);
	handle(SIGUSR2, NULL, true);
	run(SIGUSR2, has_signal, (void *)0);
	assert_ptr_equal(handler_of(SIGUSR2).sa_sigaction, theirs_with_info);
	handle(SIGUSR2, SIG_IGN, false);
	run(SIGUSR2, has_signal, (void *)SIGUSR2);
	assert_ptr_equal(handler_of(SIGUSR2).sa_handler, SIG_IGN);
	handle(SIGUSR2, SIG_DFL, false);
	run(SIGUSR2, has_signal, (void *)SIGUSR2);
	assert_ptr_equal(handler_of(SIGUSR2).sa_handler, SIG_DFL);
	run(SIGKILL, has_signal, (void *)0);	/* which would have killed at the first slow step */
	run(1000, has_signal, (void *)0);
	run(-1, has_signal, (void *)0);
	run(0, has_signal, (void *)SIGURG);
}

static int takes_it(void *arg)
{
	CHECK_EQUAL(dog()->signal, SIGUSR2);
	handle(SIGUSR2, SIG_IGN, arg != NULL);
	return 0;
}

static void test_a_handler_that_was_taken_over_stays(void **state)
{
	(void)state;
	run(SIGUSR2, takes_it, NULL);
	assert_ptr_equal(handler_of(SIGUSR2).sa_handler, SIG_IGN);
	handle(SIGUSR2, SIG_DFL, false);
	run(SIGUSR2, takes_it, word("with info"));
	assert_ptr_equal(handler_of(SIGUSR2).sa_sigaction, theirs_with_info);
	handle(SIGUSR2, SIG_DFL, false);
}

/* --- strangers' signals ----------------------------------------------------------------------- */

static void *raises_elsewhere(void *arg)
{
	raise(SIGUSR2);
	return arg;
}

static int raises(void *arg)
{
	uint64_t captured = atomic_load(&dog()->capture.step);
	pthread_t thread;

	(void)arg;
	errno = ENOTTY;
	CHECK_EQUAL(raise(SIGUSR2), 0);
	CHECK_EQUAL(errno, ENOTTY);
	CHECK_EQUAL(pthread_create(&thread, NULL, raises_elsewhere, NULL), 0);
	CHECK_EQUAL(pthread_join(thread, NULL), 0);
	CHECK_EQUAL(atomic_load(&dog()->capture.step), captured);
	return 0;
}

static void test_a_strangers_signal_tells_nothing(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	run(SIGUSR2, raises, NULL);
}

/* --- steps that are stuck --------------------------------------------------------------------- */

static void is_stuck(void *arg)
{
	(void)arg;
	while (!atomic_load(&is_told))
		;
}

static struct rondo_handle handle_of_call;

static int calls(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_call_soon(&handle_of_call, is_stuck, NULL), 0);
	return yield_times(2);
}

static int spins(void *arg)
{
	if (arg)
		rondo_task_set_name(rondo_current_task(), arg);
	is_stuck(NULL);
	return 0;
}

static void run_stuck(int signal, rondo_fn *main, void *arg)
{
	const struct rondo_options o = options(0.01, signal);

	memset(&told, 0, sizeof(told));
	assert_run_on(&rondo__kernel_linux, &o, main, arg, 0);
	assert_true(atomic_load(&is_told));
}

/* A busy machine may make another step slow first, or give no answer in time: once more then. */
static void assert_told(rondo_fn *main, void *arg, const char *task)
{
	int n = 0;

	do
		run_stuck(0, main, arg);
	while ((strcmp(told.task, task) || !strcmp(told.details, "-")) && n++ < 100);
	assert_string_equal(told.task, task);
	assert_non_null(strstr(told.details, "where it is:"));
}

static void test_a_call_that_is_stuck_is_no_tasks(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	assert_told(calls, NULL, "-");
}

static void test_a_task_without_a_name_is_told_by_its_number(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	assert_told(spins, NULL, "Task-1");
	assert_told(spins, word("spinner"), "spinner");
}

/* Nobody can be asked where it is, but that it is. */
static void test_without_a_signal_it_is_told_all_the_same(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	run_stuck(-1, spins, NULL);
	assert_string_equal(told.task, "-");
	assert_string_equal(told.details, "-");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_programs_handler_stays),
		cmocka_unit_test(test_a_handler_that_was_taken_over_stays),
		cmocka_unit_test(test_a_strangers_signal_tells_nothing),
		cmocka_unit_test(test_a_call_that_is_stuck_is_no_tasks),
		cmocka_unit_test(test_a_task_without_a_name_is_told_by_its_number),
		cmocka_unit_test(test_without_a_signal_it_is_told_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
