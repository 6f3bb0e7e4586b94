/* SPDX-License-Identifier: MIT */
/* test_sigint.c - goal: the first ^C cancels the first task, the second kills, and nobody else's
 * handler is touched (row R3, probes q05 and q06). Method: each case in a forked child that
 * sends SIGINT to itself and checks what it can, while the parent looks at how it died. */
#include "support/step.h"

#include <pthread.h>

static int cleans_up_main(void *arg)
{
	(void)arg;
	kill(getpid(), SIGINT);
	note("%d", rondo_sleep(3600));
	note("%d", rondo_sleep(0.001));
	return -ECANCELED;
}

static int first(void)
{
	signal(SIGINT, SIG_DFL);
	CHILD_CHECK(rondo_run(cleans_up_main, NULL) == -EINTR);
	CHILD_CHECK(strcmp(step_log, "-125 0") == 0);
	return 0;
}

/* q05. */
static void test_the_first_sigint_cancels_main_which_cleans_up(void **state)
{
	(void)state;
	assert_child_succeeds(first);
}

static int swallows_main(void *arg)
{
	(void)arg;
	kill(getpid(), SIGINT);
	return rondo_sleep(3600) == -ECANCELED ? 9 : 1;
}

static int swallowed(void)
{
	signal(SIGINT, SIG_DFL);
	CHILD_CHECK(rondo_run(swallows_main, NULL) == 9);
	return 0;
}

/* q06. */
static void test_a_main_that_swallows_the_sigint_returns_its_value(void **state)
{
	(void)state;
	assert_child_succeeds(swallowed);
}

static int computes_main(void *arg)
{
	(void)arg;
	kill(getpid(), SIGINT);
	return 5;
}

static int computing(void)
{
	signal(SIGINT, SIG_DFL);
	CHILD_CHECK(rondo_run(computes_main, NULL) == -EINTR);
	return 0;
}

/* R3 with T8: cancelled while it ran, and it returned without an await that could have told it. */
static void test_a_sigint_is_not_lost_on_a_main_that_returns_without_awaiting(void **state)
{
	(void)state;
	assert_child_succeeds(computing);
}

static int twice_main(void *arg)
{
	(void)arg;
	kill(getpid(), SIGINT);
	if (rondo_sleep(3600) != -ECANCELED)
		return 1;
	kill(getpid(), SIGINT);
	return rondo_sleep(3600);
}

static int twice(void)
{
	signal(SIGINT, SIG_DFL);
	return rondo_run(twice_main, NULL) ? 1 : 0;
}

static int twice_at_once_main(void *arg)
{
	(void)arg;
	kill(getpid(), SIGINT);
	kill(getpid(), SIGINT);
	while (getppid())		/* not even awaiting: the way out of a busy loop */
		;
	return 0;
}

static int twice_at_once(void)
{
	signal(SIGINT, SIG_DFL);
	return rondo_run(twice_at_once_main, NULL) ? 1 : 0;
}

/* R3. */
static void test_the_second_sigint_kills(void **state)
{
	int status;

	(void)state;
	status = run_in_child(twice);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
	status = run_in_child(twice_at_once);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

static int cancels_me(void *arg)
{
	rondo_cancel(arg);
	return 0;
}

static int also_cancelled_main(void *arg)
{
	(void)arg;
	rondo_detach(rondo_create_task(cancels_me, rondo_current_task()));
	kill(getpid(), SIGINT);
	return rondo_sleep(3600);
}

static int also_cancelled(void)
{
	signal(SIGINT, SIG_DFL);
	CHILD_CHECK(rondo_run(also_cancelled_main, NULL) == -ECANCELED);
	return 0;
}

/* R3, CPython's test_interrupt_cancelled_task: only ^C's own cancel becomes -EINTR. */
static void test_another_pending_cancel_is_ecanceled(void **state)
{
	(void)state;
	assert_child_succeeds(also_cancelled);
}

static volatile sig_atomic_t n_handled;

static void handler(int signal)
{
	(void)signal;
	n_handled++;
}

static int interrupted_main(void *arg)
{
	(void)arg;
	kill(getpid(), SIGINT);
	return rondo_sleep(0.002);
}

static int has_handler(void)
{
	struct sigaction mine = { .sa_handler = handler }, now;

	sigaction(SIGINT, &mine, NULL);
	CHILD_CHECK(rondo_run(interrupted_main, NULL) == 0);
	CHILD_CHECK(n_handled == 1);
	sigaction(SIGINT, NULL, &now);
	CHILD_CHECK(now.sa_handler == handler);
	return 0;
}

static int ignores(void)
{
	struct sigaction now;

	signal(SIGINT, SIG_IGN);
	CHILD_CHECK(rondo_run(interrupted_main, NULL) == 0);
	sigaction(SIGINT, NULL, &now);
	CHILD_CHECK(now.sa_handler == SIG_IGN);
	return 0;
}

static void test_an_existing_handler_is_left_alone(void **state)
{
	(void)state;
	assert_child_succeeds(has_handler);
	assert_child_succeeds(ignores);
}

static int takes_over_main(void *arg)
{
	(void)arg;
	signal(SIGINT, handler);
	return interrupted_main(NULL);
}

static int takes_over(void)
{
	struct sigaction now;

	signal(SIGINT, SIG_DFL);
	CHILD_CHECK(rondo_run(takes_over_main, NULL) == 0);
	CHILD_CHECK(n_handled == 1);
	sigaction(SIGINT, NULL, &now);
	CHILD_CHECK(now.sa_handler == handler);
	return 0;
}

static void test_a_handler_installed_by_the_program_meanwhile_stays(void **state)
{
	(void)state;
	assert_child_succeeds(takes_over);
}

static int returns(void *arg)
{
	return (int)(intptr_t)arg;
}

static int restored(void)
{
	struct sigaction now;

	signal(SIGINT, SIG_DFL);
	for (int i = 0; i < 3; i++) {
		CHILD_CHECK(rondo_run(returns, (void *)1) == 1);
		sigaction(SIGINT, NULL, &now);
		CHILD_CHECK(now.sa_handler == SIG_DFL);
		CHILD_CHECK(rondo_run(cleans_up_main, NULL) == -EINTR);
		sigaction(SIGINT, NULL, &now);
		CHILD_CHECK(now.sa_handler == SIG_DFL);
	}
	raise(SIGINT);
	return 0;
}

static void test_the_disposition_is_restored(void **state)
{
	int status;

	(void)state;
	status = run_in_child(restored);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

static int left_alone(void)
{
	const struct rondo_options o = { .no_sigint = true };

	signal(SIGINT, SIG_DFL);
	return rondo_run_with(&o, interrupted_main, NULL) ? 1 : 0;
}

static void test_no_sigint_leaves_the_signal_alone(void **state)
{
	int status;

	(void)state;
	status = run_in_child(left_alone);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

static int sees_default_main(void *arg)
{
	struct sigaction now;

	(void)arg;
	sigaction(SIGINT, NULL, &now);
	return now.sa_handler == SIG_DFL ? rondo_sleep(0.001) : -EIO;
}

static void *runs_in_thread(void *arg)
{
	*(int *)arg = rondo_run(sees_default_main, NULL);
	return NULL;
}

static int in_thread(void)
{
	pthread_t thread;
	int ret = 1;

	signal(SIGINT, SIG_DFL);
	CHILD_CHECK(pthread_create(&thread, NULL, runs_in_thread, &ret) == 0);
	pthread_join(thread, NULL);
	CHILD_CHECK(ret == 0);
	return 0;
}

/* R3: only the main thread's loop. */
static void test_a_loop_in_another_thread_does_not_watch_sigint(void **state)
{
	(void)state;
	assert_child_succeeds(in_thread);
}

static void *interrupts(void *arg)
{
	(void)arg;
	kill(getpid(), SIGINT);		/* whichever thread takes it, the loop must wake */
	return NULL;
}

static int threaded_main(void *arg)
{
	pthread_t *thread = arg;

	if (pthread_create(thread, NULL, interrupts, NULL))
		return 1;
	return rondo_sleep(3600);
}

static int from_a_thread(void)
{
	signal(SIGINT, SIG_DFL);
	for (int i = 0; i < 20; i++) {
		pthread_t thread;

		CHILD_CHECK(rondo_run(threaded_main, &thread) == -EINTR);
		pthread_join(thread, NULL);
	}
	return 0;
}

static void test_a_sigint_from_another_thread_wakes_a_sleeping_loop(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	if (SAN_THREAD) {
		print_message("TSan keeps a signal back until libc is called\n");
		skip();
	}
	assert_child_succeeds(from_a_thread);
}

static int spins_main(void *arg)
{
	unsigned n = 0;

	(void)arg;
	kill(getpid(), SIGINT);
	while (rondo_yield() == 0)
		n++;
	note("%s", n < 1000000 ? "soon" : "late");
	return -ECANCELED;
}

static int spinning(void)
{
	signal(SIGINT, SIG_DFL);
	CHILD_CHECK(rondo_run(spins_main, NULL) == -EINTR);
	CHILD_CHECK(strcmp(step_log, "soon") == 0);
	return 0;
}

static void test_a_sigint_reaches_a_main_that_only_yields(void **state)
{
	(void)state;
	assert_child_succeeds(spinning);
}

static int interrupts_its_cleanup(void *arg)
{
	(void)arg;
	if (rondo_sleep(3600) != -ECANCELED)
		return 1;
	kill(getpid(), SIGINT);
	return rondo_sleep(0.5);
}

static int leaves_main(void *arg)
{
	(void)arg;
	rondo_detach(rondo_create_task(interrupts_its_cleanup, NULL));
	return rondo_yield();
}

static int in_shutdown(void)
{
	signal(SIGINT, SIG_DFL);
	rondo_run(leaves_main, NULL);
	return 1;
}

/* As in asyncio, where the handler is gone by then: there is no main left to cancel, and a ^C
 * that did nothing would be a program that cannot be stopped. */
static void test_a_sigint_during_the_shutdown_kills(void **state)
{
	int status;

	(void)state;
	status = run_in_child(in_shutdown);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

static int child_of_task(void)
{
	CHILD_CHECK(rondo_run(cleans_up_main, NULL) == -EINTR);
	CHILD_CHECK(strcmp(step_log, "-125 0") == 0);
	return 0;
}

static int forks_main(void *arg)
{
	int status = -1;
	pid_t pid = fork();

	(void)arg;
	if (pid == 0)
		_exit(child_of_task());
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status != 0)
		return status;
	/* The child's ^C was not ours. */
	return rondo_sleep(0.002);
}

static int forking(void)
{
	signal(SIGINT, SIG_DFL);
	CHILD_CHECK(rondo_run(forks_main, NULL) == 0);
	return 0;
}

/* R10. */
static void test_a_forked_child_has_a_sigint_of_its_own(void **state)
{
	(void)state;
	assert_child_succeeds(forking);
}

static int forks_dying_main(void *arg)
{
	int status = -1;
	pid_t pid = fork();

	(void)arg;
	if (pid == 0) {
		raise(SIGINT);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGINT ? 0 : 1;
}

static int forking_dying(void)
{
	signal(SIGINT, SIG_DFL);
	CHILD_CHECK(rondo_run(forks_dying_main, NULL) == 0);
	return 0;
}

/* It has no loop that could be cancelled, so the signal does what it did before the loop. */
static void test_a_forked_child_without_a_loop_dies_of_the_first_sigint(void **state)
{
	(void)state;
	assert_child_succeeds(forking_dying);
}

/* R3: a handler that wants to know more is a handler, too. */
static unsigned n_told;

static void is_told(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	n_told += info->si_pid == getpid();
}

static int interrupts_itself(void *arg)
{
	(void)arg;
	kill(getpid(), SIGINT);
	return rondo_sleep(0.001);
}

static int runs_with_a_handler(void)
{
	const struct sigaction theirs = { .sa_sigaction = is_told, .sa_flags = SA_SIGINFO };
	struct sigaction now;

	CHILD_CHECK(sigaction(SIGINT, &theirs, NULL) == 0);
	CHILD_CHECK(rondo_run(interrupts_itself, NULL) == 0);
	CHILD_CHECK(n_told == 1);
	CHILD_CHECK(sigaction(SIGINT, NULL, &now) == 0 && now.sa_sigaction == is_told);
	return 0;
}

static void test_a_handler_with_siginfo_is_left_alone(void **state)
{
	(void)state;
	assert_child_succeeds(runs_with_a_handler);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_sigint_cancels_main_which_cleans_up),
		cmocka_unit_test(test_a_main_that_swallows_the_sigint_returns_its_value),
		cmocka_unit_test(test_a_sigint_is_not_lost_on_a_main_that_returns_without_awaiting),
		cmocka_unit_test(test_the_second_sigint_kills),
		cmocka_unit_test(test_another_pending_cancel_is_ecanceled),
		cmocka_unit_test(test_an_existing_handler_is_left_alone),
		cmocka_unit_test(test_a_handler_installed_by_the_program_meanwhile_stays),
		cmocka_unit_test(test_the_disposition_is_restored),
		cmocka_unit_test(test_no_sigint_leaves_the_signal_alone),
		cmocka_unit_test(test_a_loop_in_another_thread_does_not_watch_sigint),
		cmocka_unit_test(test_a_sigint_from_another_thread_wakes_a_sleeping_loop),
		cmocka_unit_test(test_a_sigint_reaches_a_main_that_only_yields),
		cmocka_unit_test(test_a_sigint_during_the_shutdown_kills),
		cmocka_unit_test(test_a_forked_child_has_a_sigint_of_its_own),
		cmocka_unit_test(test_a_forked_child_without_a_loop_dies_of_the_first_sigint),
		cmocka_unit_test(test_a_handler_with_siginfo_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
