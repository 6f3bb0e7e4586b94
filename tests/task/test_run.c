/* SPDX-License-Identifier: MIT */
/* test_run.c - goal: rondo_run() is asyncio.run(): what main returns comes out, what main leaves
 * behind is cancelled once, cleans up and is waited for, and nothing remains, so that it can be
 * run again, in a thread, or in a forked child. Method: the q probes of the ordering oracle and
 * rows R1 and R10; set-up failures by resource limits in children. */
#include "support/step.h"

#include <pthread.h>
#include <sys/resource.h>

#include "rondo/signal.h"
#include "rondo/stream.h"

static int returns(void *arg)
{
	return (int)(intptr_t)arg;
}

/* --- what comes out ----------------------------------------------------------------------- */

/* q04, R1. */
static void test_run_returns_what_main_returns(void **state)
{
	(void)state;
	assert_run(returns, (void *)0, 0);
	assert_run(returns, (void *)42, 42);
	assert_run(returns, (void *)(intptr_t)-EIO, -EIO);
	assert_run(returns, (void *)(intptr_t)-ECANCELED, -ECANCELED);
	assert_run(returns, (void *)(intptr_t)-RONDO_EGROUP, -RONDO_EGROUP);
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static int finds_none_of_the_three(void *arg)
{
	rondo_signal *receiver;

	(void)arg;
	CHECK(rondo_loop_current());
	CHECK_EQUAL(rondo_signal_open_one(SIGUSR1, &receiver), 0);
	for (int fd = 0; fd < 3; fd++)
		CHECK(!is_open(fd));
	CHECK(!rondo_stdin());
	CHECK_EQUAL(raise(SIGUSR1), 0);
	CHECK_EQUAL(rondo_signal_next(receiver, NULL), SIGUSR1);
	return rondo_signal_close(receiver);
}

static int runs_without_stdio(void *arg)
{
	(void)arg;
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	return rondo_run(finds_none_of_the_three, NULL) == 0 ? 0 : 1;
}

/* A printf would go to the ring, or fill the eventfd and block. */
static void test_no_descriptor_of_a_loop_stands_in_for_a_closed_stdio(void **state)
{
	(void)state;
	assert_int_equal(child_code(runs_without_stdio, NULL), 0);
}

static int runs_inside_main(void *arg)
{
	int count = 0;

	(void)arg;
	CHECK_EQUAL(rondo_run(returns, &count), -EBUSY);
	CHECK_EQUAL(rondo_run_with(NULL, returns, &count), -EBUSY);
	CHECK_EQUAL(rondo_run_workers(2, returns, &count), -EBUSY);
	return rondo_yield() + 3;			/* and the loop is none the worse */
}

/* q07, R1. */
static void test_a_loop_in_a_loop_is_refused(void **state)
{
	(void)state;
	assert_run(runs_inside_main, NULL, 3);
}

static void test_run_can_be_called_again_and_again(void **state)
{
	unsigned before = n_descriptors();

	(void)state;
	for (int i = 0; i < 50; i++)
		assert_run(returns, (void *)(intptr_t)i, i);
	assert_int_equal(n_descriptors(), before);
}

static int prints_reports(void)
{
	rondo_report_print(&(struct rondo_report){ .message = "all is lost" }, NULL);
	rondo_report_print(&(struct rondo_report){ .message = "it ended", .task = "reader",
						   .error = -EIO }, NULL);
	rondo_report_print(&(struct rondo_report){ .message = "who waits", .task = "main",
						   .details = "a for b" }, NULL);
	return 0;
}

static void test_a_report_is_printed_in_one_line_without_what_it_lacks(void **state)
{
	char expected[256];

	(void)state;
	assert_int_equal(run_in_child(prints_reports), 0);
	snprintf(expected, sizeof(expected), "rondo: all is lost\nrondo: reader: it ended: %s\n"
		 "rondo: main: who waits\na for b\n", rondo_strerror(-EIO));
	assert_string_equal(child_stderr, expected);
}

static void *runs_in_thread(void *arg)
{
	int *ret = arg;

	*ret = rondo_run(returns, (void *)7) == 7 && !rondo_loop_current() ? 0 : 1;
	return NULL;
}

/* R8: a loop per thread. */
static void test_threads_run_loops_of_their_own(void **state)
{
	pthread_t threads[4];
	int rets[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, runs_in_thread, &rets[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(rets[i], 0);
	}
}

/* --- options ------------------------------------------------------------------------------ */

static int uses_stack(void *arg)
{
	size_t size = *(size_t *)arg;
	volatile char *room = __builtin_alloca(size);

	for (size_t i = 0; i < size; i += 256)
		room[i] = 0;
	return room[0];
}

static int child_uses_stack(void *arg)
{
	return rondo_await(rondo_create_task(uses_stack, arg));
}

static void test_options_set_the_sizes_of_stacks(void **state)
{
	struct rondo_options o = { 0 };
	size_t size = 200 << 10;

	(void)state;
	assert_run(uses_stack, &size, 0);		/* main's default is 256 KiB */
	o.stack_size = 1 << 20;
	size = 900 << 10;
	assert_run_on(&rondo__kernel_linux, &o, child_uses_stack, &size, 0);
	assert_run_on(&rondo__kernel_linux, &o, uses_stack, &size, 0);
	o = (struct rondo_options){ .main_stack_size = 4 << 20 };
	size = 3 << 20;
	assert_run_on(&rondo__kernel_linux, &o, uses_stack, &size, 0);
	o = (struct rondo_options){ .main_stack_size = SIZE_MAX };
	assert_run_on(&rondo__kernel_linux, &o, returns, NULL, -ENOMEM);
}

static int queue_sizes_main(void *arg)
{
	const unsigned *sizes = arg;

	CHECK_EQUAL(rondo__loop->ring.uring.sq.ring_entries, sizes[0]);
	CHECK_EQUAL(rondo__loop->ring.uring.cq.ring_entries, sizes[1]);
	return rondo_sleep(0.0001);
}

static void test_options_set_the_sizes_of_queues(void **state)
{
	static unsigned sizes[][2] = { { 8, 8 }, { 64, 512 }, { 256, 2048 } };
	const struct rondo_options options[] = {
		{ .sq_entries = 8, .cq_entries = 8 }, { .sq_entries = 64 }, { 0 },
	};

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_run_on(&rondo__kernel_linux, &options[i], queue_sizes_main, sizes[i], 0);
}

/* --- the shutdown ------------------------------------------------------------------------- */

static int cleans_up(void *arg)
{
	const char *name = arg;
	int ret = rondo_sleep(0.9);

	note("%s%d", name, ret);
	for (int i = 0; i < 3; i++)
		note("%s%d", name, rondo_sleep(0.0002));
	return ret;
}

static int leaves_two_main(void *arg)
{
	(void)arg;
	rondo_detach(rondo_create_task(cleans_up, word("a")));
	CHECK_EQUAL(yield_times(2), 0);
	note("main");
	return 11;
}

/* q01, R1: cancelled once, and its cleanup waited for however often it awaits. */
static void test_what_main_leaves_behind_is_cancelled_once_and_cleans_up(void **state)
{
	(void)state;
	assert_run(leaves_two_main, NULL, 11);
	assert_log("main a-125 a0 a0 a0");
}

static int is_stubborn(void *arg)
{
	(void)arg;
	while (rondo_sleep(0.001) != -ECANCELED)
		;
	note("swallowed");
	note("%d", rondo_sleep(0.003));
	return 5;
}

static int leaves_stubborn_main(void *arg)
{
	(void)arg;
	rondo_detach(rondo_create_task(is_stubborn, NULL));
	return rondo_yield();
}

/* q02, R1. */
static void test_a_task_that_swallows_the_shutdown_is_waited_for(void **state)
{
	(void)state;
	assert_run(leaves_stubborn_main, NULL, 0);
	assert_log("swallowed 0");
}

static int notes_its_end(void *arg)
{
	int ret = rondo_sleep(0.9);

	note("%s%d", (const char *)arg, ret);
	return ret;
}

static int spawns_when_cancelled(void *arg)
{
	(void)arg;
	note("%d", rondo_sleep(0.9));
	rondo_detach(rondo_create_task(notes_its_end, word("late")));
	CHECK_EQUAL(yield_times(3), 0);
	note("end");
	return 0;
}

static int leaves_spawner_main(void *arg)
{
	(void)arg;
	rondo_detach(rondo_create_task(spawns_when_cancelled, NULL));
	return rondo_yield();
}

/* q03: asyncio drops it; here it is cancelled in its turn, when those before it have ended. */
static void test_a_task_created_during_the_shutdown_is_cancelled_too(void **state)
{
	(void)state;
	assert_run(leaves_spawner_main, NULL, 0);
	assert_log("-125 end late-125");
}

static int helps(void *arg)
{
	note("%s%d", (const char *)arg, rondo_sleep(0.001));
	return 0;
}

static int cleans_up_with_help(void *arg)
{
	int ret = rondo_sleep(0.9);
	rondo_task *t[] = {
		rondo_create_task(helps, word("x")), rondo_create_task(helps, word("y")),
	};

	(void)arg;
	note("gather%d", rondo_gather(2, t, NULL, 0));
	return ret;
}

static int leaves_helped_main(void *arg)
{
	(void)arg;
	rondo_detach(rondo_create_task(cleans_up_with_help, NULL));
	rondo_detach(rondo_create_task(cleans_up, word("a")));
	return yield_times(2);
}

/* As in asyncio, a cleanup may use tasks: they are not cancelled under it, and nor is anybody
 * again. */
static void test_a_cleanup_may_create_tasks_and_await_them(void **state)
{
	struct step_kernel k;

	(void)state;
	step_kernel_init(&k, true);
	assert_run_on(&k.kernel, NULL, leaves_helped_main, NULL, 0);
	assert_log("a-125 a0 a0 a0 x0 y0 gather0");
}

static int never_starts(void *arg)
{
	(void)arg;
	note("started");
	return 0;
}

static int returns_at_once_main(void *arg)
{
	(void)arg;
	rondo_detach(rondo_create_task(never_starts, NULL));
	return 0;
}

static void test_a_task_that_has_not_started_when_main_ends_never_does(void **state)
{
	(void)state;
	assert_run(returns_at_once_main, NULL, 0);
	assert_log("");
}

static int spawns_for_ever(void *arg)
{
	intptr_t n = (intptr_t)arg;

	if (n > 0)
		rondo_detach(rondo_create_task(spawns_for_ever, (void *)(n - 1)));
	note("%d", (int)n);
	return rondo_sleep(0.9);
}

static int leaves_generations_main(void *arg)
{
	rondo_detach(rondo_create_task(spawns_for_ever, arg));
	return rondo_yield();
}

static void test_generations_of_tasks_end_in_turn(void **state)
{
	(void)state;
	assert_run(leaves_generations_main, (void *)3, 0);
	assert_log("3");	/* its child is cancelled before its first step */
}

/* --- children of fork --------------------------------------------------------------------- */

static int sleeps_a_little(void *arg)
{
	(void)arg;
	return rondo_sleep(0.001);
}

static int in_child(void)
{
	rondo_task *t = rondo_current_task();

	CHILD_CHECK(!t && !rondo_loop_current());
	CHILD_CHECK(rondo_run(sleeps_a_little, NULL) == 0);
	CHILD_CHECK(rondo_run(leaves_two_main, NULL) == 11);
	return 0;
}

static int forks_main(void *arg)
{
	rondo_task *sleeper = rondo_create_task(sleeps_a_little, NULL);
	int status = -1;
	pid_t pid;

	(void)arg;
	CHECK_EQUAL(rondo_yield(), 0);			/* the parent's ring has work in flight */
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(in_child());
	CHECK(pid > 0);
	CHECK_EQUAL(waitpid(pid, &status, 0), pid);
	CHECK_EQUAL(status, 0);
	CHECK_EQUAL(rondo_await(sleeper), 0);
	CHECK_EQUAL(rondo_sleep(0.001), 0);
	return 0;
}

/* R10. */
static void test_a_forked_child_of_a_task_runs_a_loop_and_the_parent_goes_on(void **state)
{
	(void)state;
	assert_run(forks_main, NULL, 0);
}

/* --- set-up that fails -------------------------------------------------------------------- */

static int without_descriptors(void)
{
	struct rlimit was, limit;
	unsigned before = n_descriptors();

	getrlimit(RLIMIT_NOFILE, &was);
	/* Each step of the set-up that needs a descriptor is the first to find none. */
	for (rlim_t n = 3; n < 6; n++) {
		limit = (struct rlimit){ n, was.rlim_max };
		setrlimit(RLIMIT_NOFILE, &limit);
		int ret = rondo_run(returns, (void *)1);

		CHILD_CHECK(ret == -EMFILE || ret == 1);
		CHILD_CHECK(n > 3 || ret == -EMFILE);
	}
	setrlimit(RLIMIT_NOFILE, &was);
	CHILD_CHECK(n_descriptors() == before);
	CHILD_CHECK(rondo_run(returns, (void *)1) == 1);
	return 0;
}

/* F5. */
static void test_a_process_without_descriptors_left_gets_emfile(void **state)
{
	(void)state;
	assert_child_succeeds(without_descriptors);
}

static int without_memlock(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_MEMLOCK, &none);
	if (setgid(65534) < 0 || setuid(65534) < 0)
		return 77;
	int ret = rondo_run(returns, (void *)1);

	/* Kernels up to 6.12 do not charge rings. */
	CHILD_CHECK(ret == -ENOMEM || ret == 1);
	return 0;
}

/* F4. */
static void test_a_process_that_may_lock_no_memory_gets_enomem(void **state)
{
	int status;

	(void)state;
	status = run_in_child(without_memlock);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("only root can become an ordinary user\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static int refused;

static int refuse_setup(const struct kernel *k, unsigned entries, struct io_uring *ring,
			struct io_uring_params *params)
{
	(void)k, (void)entries, (void)ring, (void)params;
	return refused;
}

/* F1, F2. */
static void test_a_refused_ring_is_returned_as_it_is(void **state)
{
	static const int refusals[] = { -EPERM, -ENOSYS, -EACCES, -ENFILE };
	struct step_kernel k;

	(void)state;
	for (int i = 0; i < 4; i++) {
		step_kernel_init(&k, false);
		k.kernel.setup = refuse_setup;
		refused = refusals[i];
		assert_run_on(&k.kernel, NULL, returns, NULL, refused);
	}
	assert_null(rondo_loop_current());
	assert_run(returns, (void *)1, 1);
}

static long refuse_calls(const struct kernel *k, long number, long a, long b, long c, long d,
			 long e, long f)
{
	(void)k, (void)number, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
	return -ENFILE;
}

static void test_a_loop_that_cannot_be_made_wakeable_leaves_nothing(void **state)
{
	unsigned before = n_descriptors();
	struct step_kernel k;

	(void)state;
	step_kernel_init(&k, false);
	k.kernel.call = refuse_calls;
	assert_run_on(&k.kernel, NULL, returns, NULL, -ENFILE);
	assert_int_equal(n_descriptors(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_returns_what_main_returns),
		cmocka_unit_test(test_a_loop_in_a_loop_is_refused),
		cmocka_unit_test(test_run_can_be_called_again_and_again),
		cmocka_unit_test(test_no_descriptor_of_a_loop_stands_in_for_a_closed_stdio),
		cmocka_unit_test(test_a_report_is_printed_in_one_line_without_what_it_lacks),
		cmocka_unit_test(test_threads_run_loops_of_their_own),
		cmocka_unit_test(test_options_set_the_sizes_of_stacks),
		cmocka_unit_test(test_options_set_the_sizes_of_queues),
		cmocka_unit_test(test_what_main_leaves_behind_is_cancelled_once_and_cleans_up),
		cmocka_unit_test(test_a_task_that_swallows_the_shutdown_is_waited_for),
		cmocka_unit_test(test_a_task_created_during_the_shutdown_is_cancelled_too),
		cmocka_unit_test(test_a_cleanup_may_create_tasks_and_await_them),
		cmocka_unit_test(test_a_task_that_has_not_started_when_main_ends_never_does),
		cmocka_unit_test(test_generations_of_tasks_end_in_turn),
		cmocka_unit_test(test_a_forked_child_of_a_task_runs_a_loop_and_the_parent_goes_on),
		cmocka_unit_test(test_a_process_without_descriptors_left_gets_emfile),
		cmocka_unit_test(test_a_process_that_may_lock_no_memory_gets_enomem),
		cmocka_unit_test(test_a_refused_ring_is_returned_as_it_is),
		cmocka_unit_test(test_a_loop_that_cannot_be_made_wakeable_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
