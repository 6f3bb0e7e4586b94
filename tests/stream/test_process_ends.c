/* SPDX-License-Identifier: MIT */
/* test_process_ends.c - goal: however early a child dies, and whoever forgets it, its end is told
 * once and no zombie is left. Method: kills from another thread while a program is being started;
 * loops that end around children. */
#include "stream/children.h"
#include "support/step.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>

/* --- killed before it is a program ----------------------------------------------------------- */

enum { N_EARLY = 60, LONG_ARGUMENT = 100 << 10, N_ARGUMENTS = 18 };

static atomic_bool stop;
static char children[64];		/* where the kernel lists those of the main thread */

/* Kill whatever child there is, as soon as it can be seen. */
static void *kill_children(void *arg)
{
	char text[32];

	(void)arg;
	while (!atomic_load(&stop)) {
		int fd = open(children, O_RDONLY | O_CLOEXEC);
		ssize_t n = read(fd, text, sizeof(text) - 1);

		close(fd);
		if (n <= 0)
			continue;
		text[n] = '\0';
		if (atoi(text) > 0)
			kill(atoi(text), SIGKILL);
	}
	return NULL;
}

/* Many bytes to copy: an exec takes its time. */
static const char *const *slow_argv(void)
{
	static char argument[LONG_ARGUMENT];
	static const char *argv[N_ARGUMENTS + 3] = { "sleep", "1000" };

	memset(argument, '0', sizeof(argument) - 1);
	argument[sizeof(argument) - 2] = '1';
	for (int i = 0; i < N_ARGUMENTS; i++)
		argv[2 + i] = argument;
	return argv;
}

static int die_early(void *arg)
{
	const struct rondo_process_options o = { .argv = slow_argv() };

	(void)arg;
	for (int i = 0; i < N_EARLY; i++) {
		rondo_process *p;
		int returncode = 77;

		CHECK_EQUAL(rondo_process_spawn(&o, &p), 0);
		CHECK_EQUAL(rondo_process_wait(p, &returncode), 0);
		CHECK_EQUAL(returncode, -SIGKILL);
		CHECK_EQUAL(rondo_process_close(p), 0);
	}
	return 0;
}

/* A child without an exit signal, as it is until it is exec'ed, has to be asked for specially. */
static void test_a_child_that_dies_before_its_exec_is_waited_for(void **state)
{
	int ret, n_fds = count_fds();
	pthread_t killer;

	(void)state;
	skip_threads_under_valgrind();
	snprintf(children, sizeof(children), "/proc/self/task/%ld/children", syscall(SYS_gettid));
	if (access(children, R_OK) < 0) {
		print_message("this kernel does not list children\n");
		skip();
	}
	atomic_store(&stop, false);
	assert_int_equal(pthread_create(&killer, NULL, kill_children, NULL), 0);
	ret = rondo_run(die_early, NULL);
	atomic_store(&stop, true);
	pthread_join(killer, NULL);
	assert_checks_passed();
	assert_int_equal(ret, 0);
	assert_true(is_childless());
	assert_int_equal(count_fds(), n_fds);
}

/* --- forgotten -------------------------------------------------------------------------------- */

static int forgets(void *arg)
{
	const struct rondo_process_options o = { .argv = ARGV("sleep", "1000"),
						 .on_close = RONDO_CLOSE_DETACHES };
	rondo_process *p;

	CHECK_EQUAL(rondo_process_spawn(&o, &p), 0);
	*(pid_t *)arg = rondo_process_pid(p);
	return 0;
}

static int starts_another(void *arg)
{
	struct rondo_process_options o = { .argv = ARGV("true") };
	char out[1];

	(void)arg;
	return outcome(&o, out, 1);
}

/* The loop closes it, which lets it go; nobody in the loop waits for it any more. */
static void test_a_child_to_be_detached_may_be_left_to_the_loop(void **state)
{
	int n_fds = count_fds();
	siginfo_t info;
	pid_t pid;

	(void)state;
	alarm(60);
	assert_int_equal(rondo_run(forgets, &pid), 0);
	assert_checks_passed();
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(rondo_run(starts_another, NULL), 0);
	assert_true(is_childless());
	assert_int_equal(count_fds(), n_fds);
	alarm(0);
}

/* --- its pipes -------------------------------------------------------------------------------- */

/* They are the process's alone. */
static int keeps_nothing(void *arg)
{
	const struct rondo_process_options o = { .argv = ARGV("cat"), .stream.keep_fd = true };
	struct rondo_process_result result;

	(void)arg;
	CHECK_EQUAL(rondo_process_run(&o, "hello", 5, &result), 0);
	CHECK_EQUAL(result.n_out, 5);
	rondo_process_result_free(&result);
	return 0;
}

static void test_pipes_are_closed_whatever_streams_are_told(void **state)
{
	(void)state;
	alarm(60);
	run_ok(keeps_nothing, NULL);
	alarm(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_child_that_dies_before_its_exec_is_waited_for),
		cmocka_unit_test(test_a_child_to_be_detached_may_be_left_to_the_loop),
		cmocka_unit_test(test_pipes_are_closed_whatever_streams_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
