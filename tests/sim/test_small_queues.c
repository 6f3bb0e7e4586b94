/* SPDX-License-Identifier: MIT */
/* test_small_queues.c - goal: with an SQ of one entry, where taking an SQE means to submit and to
 * reap first, deadlines are kept and cancels repeated all the same. Method: tasks whose waits are
 * cut off by time limits, under lost and late cancels; the simulator's own properties judge (P9
 * above all). A repeated cancel, answered while a timeout was being set, once lost that timeout. */
#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <rondo_sim.h>

enum { N_TASKS = 3, N_ROUNDS = 20, N_SEEDS = 400 };

static char failure[320];

static void see(const struct rondo_sim_failure *f, void *arg)
{
	(void)arg;
	snprintf(failure, sizeof(failure), "seed %llu: %s: %s", (unsigned long long)f->seed,
		 f->property, f->text);
}

static int read_for_ever(void *arg)
{
	char c;

	return (int)rondo_read(*(int *)arg, &c, 1);
}

static int open_nothing(void *arg)
{
	(void)arg;
	return rondo_open("/none", O_RDONLY, 0);
}

static int cut_off(void *arg)
{
	for (unsigned i = 0; i < N_ROUNDS; i++) {
		double seconds = 1e-6 * (double)(1 + rondo_sim_random() % 90);
		int ret = rondo_wait_for(i % 4 ? open_nothing : read_for_ever, arg, seconds);

		if (ret != -ETIMEDOUT && ret != -ENOENT && ret != -ENOMEM)
			return rondo_sim_fail("a wait that was cut off returned %d", ret);
	}
	return 0;
}

static int program(void *arg)
{
	unsigned n_tasks = 1 + *(uint64_t *)arg % N_TASKS;
	rondo_task *tasks[N_TASKS];
	int fds[2], ret = rondo_pipe(fds, 0);
	ssize_t n_done;

	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < n_tasks; i++)
		tasks[i] = rondo_create_task(cut_off, &fds[0]);
	/* A deadline far away, later than the moment to repeat a cancel. */
	n_done = rondo_wait(n_tasks, tasks, RONDO_ALL_COMPLETED, 600);
	if (n_done != (ssize_t)n_tasks)
		return rondo_sim_fail("%zd of %u tasks have ended", n_done, n_tasks);
	ret = rondo_gather(n_tasks, tasks, NULL, RONDO_GATHER_ALL);
	rondo_close(fds[0]);
	rondo_close(fds[1]);
	return ret;
}

static void test_an_sq_of_one_keeps_deadlines_and_repeats_cancels(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
		struct rondo_sim_options o = {
			.seed = seed, .run = { .sq_entries = 1, .cq_entries = 1 + seed % 3 },
			.only_faults = "CANCEL_ENOENT,CANCEL_LATE,DISK_SLOW",
			.on_failure = see,
		};

		failure[0] = '\0';
		if (rondo_sim_run(&o, program, &seed) != 0)
			print_error("%s\n", failure);
		assert_string_equal(failure, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_sq_of_one_keeps_deadlines_and_repeats_cancels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
