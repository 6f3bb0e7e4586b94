/* SPDX-License-Identifier: MIT */
/* test_debug.c - goal: debug mode tells of what is wrong and cannot be seen otherwise (rows I1, I5,
 * R8, D4): steps that take too long, with where they were at the time, the deaf, and leaks; and
 * each step is counted. Method: a clock that the test moves for how long, a real one for the
 * signal; the reports as they come. */
#include "support/step.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "rondo/call.h"
#include "rondo/debug.h"
#include "rondo/file.h"
#include "rondo/runner.h"
#include "rondo/socket.h"
#include "rondo/splice.h"
#include "rondo_sim.h"
#include "task/debug.h"

static struct told {
	unsigned n;
	char message[128], task[32], details[4096];
} told, stuck;

static atomic_bool is_told_stuck;

static void keep(struct told *t, const struct rondo_report *r)
{
	t->n++;
	snprintf(t->message, sizeof(t->message), "%s", r->message);
	snprintf(t->task, sizeof(t->task), "%s", r->task ? r->task : "");
	snprintf(t->details, sizeof(t->details), "%s", r->details ? r->details : "");
}

static void on_error(const struct rondo_report *r, void *arg)
{
	(void)arg;
	keep(&told, r);
}

/* A busy machine may hold up anybody. */
static bool is_spinner(const struct rondo_report *r)
{
	return r->task && strcmp(r->task, "spinner") == 0;
}

static void on_stuck(const struct rondo_report *r, void *arg)
{
	(void)arg;
	if (!is_spinner(r))
		return;
	keep(&stuck, r);
	atomic_store(&is_told_stuck, true);
}

static void on_slow_spinner(const struct rondo_report *r, void *arg)
{
	if (is_spinner(r))
		on_error(r, arg);
}

/* A busy machine may make any step slow; where the limit is tested it is the default one, 0.1 s. */
enum { PATIENT_S = 60 };

static struct rondo_options debug_options(double slow_seconds)
{
	memset(&told, 0, sizeof(told));
	memset(&stuck, 0, sizeof(stuck));
	atomic_store(&is_told_stuck, false);
	return (struct rondo_options){ .debug = true, .on_error = on_error,
				       .slow_seconds = slow_seconds };
}

/* --- how long ------------------------------------------------------------------------------- */

static int takes(void *arg)
{
	struct step_kernel *k = arg;

	if (rondo_yield() < 0)
		return -1;
	k->now_ns += 150000000;
	return rondo_yield();
}

static int slow_main(void *arg)
{
	rondo_task *t = rondo_create_task_with(&(struct rondo_task_options){ .name = "slow" }, takes,
					       arg);
	struct rondo_debug_stats stats;

	CHECK_EQUAL(rondo_await(t), 0);
	rondo_debug_stats(&stats);
	CHECK_EQUAL(stats.n_slow, 1);
	CHECK_EQUAL(stats.longest_ns, 150000000);
	CHECK_EQUAL(stats.n_by_log2_ns[27], 1);		/* 134 to 268 ms */
	CHECK_EQUAL(stats.n_steps, 4);			/* this one is not over */
	return 0;
}

/* I1: a step of 0.15 s, by the clock; the others are not told. */
static void test_a_slow_step_is_told(void **state)
{
	struct rondo_options o = debug_options(0);
	struct step_kernel k;

	(void)state;
	step_kernel_init(&k, true);
	assert_run_on(&k.kernel, &o, slow_main, &k, 0);
	assert_int_equal(told.n, 1);
	assert_string_equal(told.message, "a step took 0.150 s without awaiting");
	assert_string_equal(told.task, "slow");
	assert_non_null(strstr(told.details, "created at:\n  #0 "));
}

static void slow_call(void *arg)
{
	struct step_kernel *k = arg;

	k->now_ns += 150000000;
}

static int slow_call_main(void *arg)
{
	struct rondo_handle h;

	CHECK_EQUAL(rondo_call_soon(&h, slow_call, arg), 0);
	return rondo_yield();
}

static void test_a_slow_call_is_told(void **state)
{
	struct rondo_options o = debug_options(0);
	struct step_kernel k;

	(void)state;
	step_kernel_init(&k, true);
	assert_run_on(&k.kernel, &o, slow_call_main, &k, 0);
	assert_int_equal(told.n, 1);
	assert_string_equal(told.message, "a call took 0.150 s without awaiting");
	for (unsigned i = 0; i < 3; i++) {
		o.slow_seconds = (const double[]){ 0.2, 1e12, INFINITY }[i];
		told.n = 0;
		assert_run_on(&k.kernel, &o, slow_call_main, &k, 0);
		assert_int_equal(told.n, 0);
	}
}

/* --- where ---------------------------------------------------------------------------------- */

/* Spins until the watchdog has said where: if it never does, the test's own time runs out. */
static __attribute__((noinline)) void spin(void)
{
	while (!atomic_load(&is_told_stuck))
		;
}

static int spins(void *arg)
{
	(void)arg;
	spin();
	return 0;
}

static int spin_main(void *arg)
{
	rondo_task *t = rondo_create_task_with(&(struct rondo_task_options){ .name = "spinner" },
					       spins, NULL);

	(void)arg;
	return rondo_await(t);
}

static void assert_lists(const char *details, const char *title)
{
	const char *lines = strstr(details, title);

	if (!lines)
		print_error("%s\n", details);
	assert_non_null(lines);
	assert_non_null(strstr(lines, "\n  #3 "));	/* spin, spins, task_main, switch_entry */
}

/* I1, K22: while it still is stuck, from another thread; and again when it has ended. */
static void test_a_stuck_step_is_told_while_it_is_stuck(void **state)
{
	struct rondo_options o = debug_options(PATIENT_S);

	(void)state;
	skip_threads_under_valgrind();
	o.on_stuck = on_stuck;
	o.on_error = on_slow_spinner;
	o.slow_seconds = 0.02;
	assert_run_on(&rondo__kernel_linux, &o, spin_main, NULL, 0);
	assert_true(atomic_load(&is_told_stuck));
	assert_non_null(strstr(stuck.message, "without awaiting"));
	assert_lists(stuck.details, "where it is:");
	assert_true(told.n >= 1);
	assert_lists(told.details, "while it ran:");
}

static int sleeps_in_libc(void *arg)
{
	struct timespec left = { .tv_sec = *(const int *)arg, .tv_nsec = 400000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
	return 0;
}

/* I1: without on_stuck, when it has ended. A blocking call is seen like a busy one. */
static void test_a_blocking_call_is_told_with_its_place(void **state)
{
	int seconds = 0;

	(void)state;
	skip_threads_under_valgrind();
	do {		/* longer and longer, until the watchdog's thread came to look */
		struct rondo_options o = debug_options(0);

		assert_run_on(&rondo__kernel_linux, &o, sleeps_in_libc, &seconds, 0);
		assert_int_equal(told.n, 1);
		seconds += 5;
	} while (seconds < 50 && !strstr(told.details, "while it ran:"));
	assert_lists(told.details, "while it ran:");
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static void foreign_handler(int signal)
{
	(void)signal;
}

static bool has_handler(void (*handler)(int))
{
	struct sigaction now;

	return sigaction(SIGURG, NULL, &now) == 0 && now.sa_handler == handler;
}

static int looks_for_own_handler(void *arg)
{
	(void)arg;
	CHECK(!has_handler(SIG_DFL));
	return 0;
}

static atomic_uint n_stuck;

static void counts_stuck(const struct rondo_report *r, void *arg)
{
	*(bool *)arg = r->task && r->details && strstr(r->details, "\n  #1 ");
	atomic_fetch_add(&n_stuck, 1);
}

static int spins_until_both_are_told(void *arg)
{
	(void)arg;
	while (atomic_load(&n_stuck) < 2)
		;
	return 0;
}

static void *runs_in_debug_mode(void *arg)
{
	const struct rondo_options o = { .debug = true, .slow_seconds = 0.02,
					 .on_stuck = counts_stuck, .on_stuck_arg = arg };

	return (void *)(intptr_t)rondo_run_with(&o, spins_until_both_are_told, NULL);
}

/* Each thread is asked where it is, and answers for itself. */
static void test_several_loops_are_watched(void **state)
{
	bool told_both[2] = { false };
	pthread_t threads[2];
	void *ret;

	(void)state;
	skip_threads_under_valgrind();
	atomic_store(&n_stuck, 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, runs_in_debug_mode, &told_both[i]),
				 0);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], &ret);
		assert_null(ret);
		assert_true(told_both[i]);
	}
	assert_true(has_handler(SIG_DFL));
}

/* The signal is given back, and not taken from anybody. */
static void test_the_signal_is_borrowed(void **state)
{
	struct rondo_options o = debug_options(PATIENT_S);

	(void)state;
	assert_true(has_handler(SIG_DFL));
	assert_run_on(&rondo__kernel_linux, &o, looks_for_own_handler, NULL, 0);
	assert_true(has_handler(SIG_DFL));
	signal(SIGURG, foreign_handler);
	assert_run_on(&rondo__kernel_linux, &o, nothing, NULL, 0);
	assert_true(has_handler(foreign_handler));
	signal(SIGURG, SIG_DFL);
	o.debug_signal = -1;
	assert_run_on(&rondo__kernel_linux, &o, nothing, NULL, 0);
	o = (struct rondo_options){ .debug = false };
	assert_true(has_handler(SIG_DFL));
}

/* --- the deaf ------------------------------------------------------------------------------- */

static int is_deaf(void *arg)
{
	bool *stop = arg;

	while (!*stop)
		if (rondo_yield() < 0)
			continue;		/* the mistake */
	return 0;
}

static int cleans_up(void *arg)
{
	(void)arg;
	if (rondo_sleep(3600) < 0)
		for (int i = 0; i < 5; i++)
			if (rondo_yield() < 0)
				return -1;
	return -ECANCELED;
}

static int deaf_main(void *arg)
{
	rondo_fn *fn = arg == NULL ? cleans_up : is_deaf;
	static bool stop;
	rondo_task *t = rondo_create_task(fn, &stop);

	stop = false;
	CHECK_EQUAL(yield_times(2), 0);
	rondo_cancel(t);
	CHECK_EQUAL(yield_times(30), 0);
	stop = true;
	rondo_detach(t);
	return 0;
}

/* D4: a task that swallows its cancel; cleanup that awaits a little is no mistake. */
static void test_a_task_that_swallows_its_cancel_is_told(void **state)
{
	struct rondo_options o = debug_options(PATIENT_S);

	(void)state;
	assert_run_on(&rondo__kernel_linux, &o, deaf_main, NULL, 0);
	assert_int_equal(told.n, 0);
	assert_run_on(&rondo__kernel_linux, &o, deaf_main, &o, 0);
	assert_int_equal(told.n, 1);
	assert_string_equal(told.message, "the task goes on awaiting after it was told to stop");
	assert_non_null(strstr(told.details, "created at:"));
}

/* --- leaks ---------------------------------------------------------------------------------- */

static rondo_task *leaked;

static int leaks_handle(void *arg)
{
	(void)arg;
	leaked = rondo_create_task(nothing, NULL);
	return rondo_yield();
}

static void test_a_handle_that_is_left_is_told(void **state)
{
	struct rondo_options o = debug_options(PATIENT_S);

	(void)state;
	assert_run_on(&rondo__kernel_linux, &o, leaks_handle, NULL, 0);
	assert_int_equal(told.n, 1);
	assert_string_equal(told.message, "a handle of the task was never used up");
	assert_non_null(strstr(told.details, "created at:"));
}

static int left_open[2];

static int opens_and_closes(void *arg)
{
	int pair[2], file, sock;

	(void)arg;
	file = rondo_open("/dev/null", O_RDONLY, 0);
	CHECK(file >= 0);
	sock = rondo_socket(AF_INET, SOCK_STREAM, 0);
	CHECK(sock >= 0);
	CHECK_EQUAL(rondo_pipe(pair, 0), 0);
	CHECK_EQUAL(rondo_close(file), 0);
	CHECK_EQUAL(rondo_close(pair[0]), 0);
	CHECK_EQUAL(close(sock), 0);			/* also a way, and no leak */
	left_open[0] = pair[1];
	return 0;
}

/* I5. */
static void test_a_descriptor_that_is_left_is_told(void **state)
{
	struct rondo_options o = debug_options(PATIENT_S);
	char expected[64];

	(void)state;
	assert_run_on(&rondo__kernel_linux, &o, opens_and_closes, NULL, 0);
	assert_int_equal(told.n, 1);
	snprintf(expected, sizeof(expected), "descriptor %d (pipe) was never closed", left_open[0]);
	assert_string_equal(told.message, expected);
	close(left_open[0]);
}

static int fails_unseen(void *arg)
{
	(void)arg;
	return -ENOENT;
}

static int leaves_error(void *arg)
{
	(void)arg;
	rondo_detach(rondo_create_task(fails_unseen, NULL));
	return rondo_yield();
}

/* T17, I1: with where it was created, which nobody knows afterwards. */
static void test_reports_say_where_the_task_was_created(void **state)
{
	struct rondo_options o = debug_options(PATIENT_S);

	(void)state;
	assert_run_on(&rondo__kernel_linux, &o, leaves_error, NULL, 0);
	assert_int_equal(told.n, 1);
	assert_string_equal(told.message, "the error of a task was never retrieved");
	assert_non_null(strstr(told.details, "created at:"));
	o.debug = false;
	assert_run_on(&rondo__kernel_linux, &o, leaves_error, NULL, 0);
	assert_int_equal(told.n, 2);
	assert_string_equal(told.details, "");
}

/* --- the same program as without ------------------------------------------------------------ */

static int says(void *arg)
{
	note("%s", (const char *)arg);
	return 0;
}

static int says_twice(void *arg)
{
	note("%s", (const char *)arg);
	if (rondo_yield() < 0)
		return -1;
	note("%s", (const char *)arg);
	return 0;
}

static void calls(void *arg)
{
	note("%s", (const char *)arg);
}

static int order_main(void *arg)
{
	const struct rondo_task_options eager = { .eager = true };
	struct rondo_handle h;

	(void)arg;
	rondo_detach(rondo_create_task(says_twice, word("a")));
	CHECK_EQUAL(rondo_call_soon(&h, calls, word("call")), 0);
	rondo_detach(rondo_create_task(says_twice, word("b")));
	rondo_detach(rondo_create_task_with(&eager, says_twice, word("eager")));
	note("main");
	CHECK_EQUAL(rondo_sleep(0.001), 0);
	return rondo_await(rondo_create_task(says, word("c")));
}

/* L2 of loop.h: FIFO, batches, eager tasks: nothing of the order changes. */
static void test_debug_mode_keeps_the_order(void **state)
{
	struct rondo_options o = debug_options(PATIENT_S);

	(void)state;
	assert_run(order_main, NULL, 0);
	assert_log("eager main a call b eager a b c");
	assert_run_on(&rondo__kernel_linux, &o, order_main, NULL, 0);
	assert_log("eager main a call b eager a b c");
	assert_int_equal(told.n, 0);
}

static int sim_main(void *arg)
{
	struct rondo_debug_stats stats;
	rondo_task *t = rondo_create_task(says_twice, word("a"));
	int fds[2];

	(void)arg;
	if (rondo_pipe(fds, 0) < 0 || rondo_sleep(0.5) < 0 || rondo_await(t) < 0)
		return -1;
	if (rondo_close(fds[0]) < 0 || rondo_close(fds[1]) < 0)
		return -1;
	rondo_debug_stats(&stats);
	return stats.n_steps > 5 ? 0 : rondo_sim_fail("%u steps", (unsigned)stats.n_steps);
}

/* Debug mode is for programs under test, too. */
static void test_debug_mode_in_the_simulated_kernel(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= STEP_SIZE(100, 10); seed++) {
		struct rondo_sim_options o = { .seed = seed, .no_faults = true,
					       .run = debug_options(PATIENT_S),
					       .on_failure = rondo_sim_print_failure };

		assert_int_equal(rondo_sim_run(&o, sim_main, NULL), 0);
		assert_int_equal(told.n, 0);
	}
	step_log[0] = '\0';
}

static void test_there_are_no_stats_without_debug_mode(void **state)
{
	struct rondo_debug_stats stats;

	(void)state;
	rondo_debug_stats(&stats);
	assert_int_equal(stats.n_steps, 0);
}

/* --- threads -------------------------------------------------------------------------------- */

static rondo_task *foreign;

static void *cancels_foreign(void *arg)
{
	rondo_cancel(foreign);
	return arg;
}

static int gives_task_away(void *arg)
{
	pthread_t thread;

	foreign = rondo_current_task();
	if (pthread_create(&thread, NULL, cancels_foreign, arg) == 0)
		pthread_join(thread, NULL);
	return 0;
}

static int run_foreign(void)
{
	return rondo_run(gives_task_away, NULL);
}

/* R8: in any mode, since nothing good can come of it. */
static void test_cancelling_from_another_thread_is_a_bug(void **state)
{
	(void)state;
	assert_bug(run_foreign, "another thread");
}

/* Reports are cut off where there is no room, wherever that is. */
static void test_frames_are_cut_off(void **state)
{
	void *frames[] = { (void *)(uintptr_t)keep, (void *)(uintptr_t)on_error };
	char all[256] = "", part[256];

	(void)state;
	rondo__debug_add_frames(all, sizeof(all), "here", frames, 0);
	assert_string_equal(all, "");
	rondo__debug_add_frames(all, sizeof(all), "here", frames, 2);
	assert_true(!strncmp(all, "here:\n  #0 ", 11) && strstr(all, "\n  #1 "));
	for (size_t size = 1; size <= strlen(all) + 1; size++) {
		memset(part, 'x', sizeof(part));
		part[0] = '\0';
		rondo__debug_add_frames(part, size, "here", frames, 2);
		assert_int_equal(strlen(part), size - 1);
		assert_memory_equal(part, all, size - 1);
		assert_int_equal(part[size], 'x');
		rondo__debug_add_frames(part, size, "there", frames, 2);	/* full */
		assert_memory_equal(part, all, size - 1);
		assert_int_equal(part[size], 'x');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_slow_step_is_told),
		cmocka_unit_test(test_a_slow_call_is_told),
		cmocka_unit_test(test_a_stuck_step_is_told_while_it_is_stuck),
		cmocka_unit_test(test_a_blocking_call_is_told_with_its_place),
		cmocka_unit_test(test_several_loops_are_watched),
		cmocka_unit_test(test_the_signal_is_borrowed),
		cmocka_unit_test(test_a_task_that_swallows_its_cancel_is_told),
		cmocka_unit_test(test_a_handle_that_is_left_is_told),
		cmocka_unit_test(test_a_descriptor_that_is_left_is_told),
		cmocka_unit_test(test_reports_say_where_the_task_was_created),
		cmocka_unit_test(test_debug_mode_keeps_the_order),
		cmocka_unit_test(test_debug_mode_in_the_simulated_kernel),
		cmocka_unit_test(test_there_are_no_stats_without_debug_mode),
		cmocka_unit_test(test_cancelling_from_another_thread_is_a_bug),
		cmocka_unit_test(test_frames_are_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
