/* SPDX-License-Identifier: MIT */
/* test_fork.c - goal: a child of fork cannot disturb its parent's loop (KN-17): if it awaits, it
 * dies with a line that says why; if it goes its own way, it may, even with a loop of its own; and
 * nothing of the loop passes an exec. Method: fork inside a task, through the public API. */
#include "child.h"

#include <fcntl.h>
#include <signal.h>

#include "rondo/file.h"
#include "rondo/loop.h"
#include "rondo/task.h"
#include "rondo/time.h"

struct fork_test {
	int fds[2];			/* a pipe: the parent's task reads it */
	char text[256];
	int status;
};

static int seven(void *arg)
{
	(void)arg;
	return rondo_sleep(0.001) < 0 ? -1 : 7;
}

static int read_into_text(void *arg)
{
	struct fork_test *t = arg;

	return (int)rondo_read(t->fds[0], t->text, sizeof(t->text) - 1);
}

/* Fork while another task's read is in flight; the parent must then finish both its waits. */
static int fork_amid_io(struct fork_test *t, void (*in_the_child)(struct fork_test *))
{
	rondo_task *reader = rondo_create_task(read_into_text, t);
	pid_t pid;

	CHECK_EQUAL(rondo_sleep(0.001), 0);		/* let it park */
	pid = fork();
	if (pid == 0) {
		in_the_child(t);
		_exit(42);
	}
	CHECK_EQUAL(waitpid(pid, &t->status, 0), pid);
	CHECK_EQUAL(rondo_sleep(0.001), 0);
	CHECK_EQUAL(write(t->fds[1], "!", 1), 1);
	CHECK(rondo_await(reader) > 0);
	CHECK_EQUAL(rondo_sleep(0.001), 0);
	return 0;
}

static void run_with(struct fork_test *t, int (*main)(void *))
{
	assert_int_equal(pipe2(t->fds, O_CLOEXEC), 0);
	assert_int_equal(rondo_run(main, t), 0);
	assert_checks_passed();
	close(t->fds[0]);
	close(t->fds[1]);
}

static void await_in_the_child(struct fork_test *t)
{
	dup2(t->fds[1], STDERR_FILENO);		/* the last words go to the parent's reader */
	signal(SIGABRT, SIG_DFL);
	if (rondo_sleep(0.001) < 0)
		_exit(1);
}

static int child_awaits(void *arg)
{
	return fork_amid_io(arg, await_in_the_child);
}

static void test_f21_a_child_that_awaits_dies_saying_why(void **state)
{
	struct fork_test t = { .status = 0 };

	(void)state;
	run_with(&t, child_awaits);
	assert_true(WIFSIGNALED(t.status));
	assert_int_equal(WTERMSIG(t.status), SIGABRT);
	/* The child has no loop: the parent's is not its own. */
	if (!strstr(t.text, "outside a task"))
		print_error("\"%s\"\n", t.text);
	assert_non_null(strstr(t.text, "rondo: BUG: "));
	assert_non_null(strstr(t.text, "outside a task"));
}

/* R10: also as the child sees it, it has no loop. */
static void leave_in_the_child(struct fork_test *t)
{
	struct rondo_loop_stats stats;

	(void)t;
	rondo_loop_stats(&stats);
	if (rondo_loop_current() || rondo_current_task() || stats.n_turns)
		_exit(1);
}

static int child_leaves(void *arg)
{
	return fork_amid_io(arg, leave_in_the_child);
}

static void test_f21_a_child_that_leaves_disturbs_nobody(void **state)
{
	struct fork_test t = { .status = 0 };

	(void)state;
	run_with(&t, child_leaves);
	assert_int_equal(WEXITSTATUS(t.status), 42);
	assert_string_equal(t.text, "!");
}

static void run_in_the_child(struct fork_test *t)
{
	(void)t;
	_exit(rondo_run(seven, NULL));
}

static int child_runs(void *arg)
{
	return fork_amid_io(arg, run_in_the_child);
}

static void test_f21_a_child_may_have_a_loop_of_its_own(void **state)
{
	struct fork_test t = { .status = 0 };

	(void)state;
	run_with(&t, child_runs);
	assert_int_equal(WEXITSTATUS(t.status), 7);
	assert_string_equal(t.text, "!");
}

enum { MAX_FD = 256 };

static int flags_of_all(void *arg)
{
	int *flags = arg;

	for (int fd = 0; fd < MAX_FD; fd++)
		flags[fd] = fcntl(fd, F_GETFD);
	return rondo_sleep(0.001);
}

static void test_f22_no_descriptor_of_a_loop_passes_an_exec(void **state)
{
	int before[MAX_FD], during[MAX_FD], n_new = 0;

	(void)state;
	for (int fd = 0; fd < MAX_FD; fd++)
		before[fd] = fcntl(fd, F_GETFD);
	assert_int_equal(rondo_run(flags_of_all, during), 0);
	for (int fd = 0; fd < MAX_FD; fd++) {
		if (before[fd] >= 0 || during[fd] < 0)
			continue;
		n_new++;
		assert_int_equal(during[fd], FD_CLOEXEC);
	}
	assert_true(n_new > 0);		/* the ring, at least */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_f21_a_child_that_awaits_dies_saying_why),
		cmocka_unit_test(test_f21_a_child_that_leaves_disturbs_nobody),
		cmocka_unit_test(test_f21_a_child_may_have_a_loop_of_its_own),
		cmocka_unit_test(test_f22_no_descriptor_of_a_loop_passes_an_exec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
