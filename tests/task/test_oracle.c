/* SPDX-License-Identifier: MIT */
/* test_oracle.c - goal: the probes of asyncio's ordering that are about no single verb: how many
 * turns each await takes, and what comes first within one. Method: turns are counted, sentences of
 * events compared. The other probes stand beside the verbs they are about; tests/parity.md lists
 * all of them.
 *
 * T2: gather, wait, shield and as_completed take a turn less than in asyncio, where a callback
 * stands between a task and who waits for it. Everything else takes as many turns. */
#include <sys/socket.h>

#include "rondo/group.h"
#include "rondo/queue.h"
#include "rondo/sync.h"
#include "rondo/wait.h"
#include "support/step.h"

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static rondo_task *a_task(void)
{
	return rondo_create_task(nothing, NULL);
}

/* --- p06: turns ------------------------------------------------------------------------------ */

static int calls(void)
{
	return nothing(NULL);
}

static int awaits_a_task(void)
{
	return rondo_await(a_task());
}

static int awaits_a_done_task(void)
{
	rondo_task *t = a_task();

	return rondo_yield() < 0 ? -1 : rondo_await(t);
}

static int gathers(void)
{
	return RONDO_GATHER(a_task(), a_task());
}

static int waits(void)
{
	rondo_task *tasks[] = { a_task(), a_task() };
	ssize_t n = rondo_wait(2, tasks, RONDO_ALL_COMPLETED, RONDO_FOREVER);

	return n == 2 ? RONDO_GATHER(tasks[0], tasks[1]) : -1;
}

static int shields(void)
{
	return rondo_shield(a_task());
}

static int takes_them_as_completed(void)
{
	rondo_task *tasks[] = { a_task() }, *t;
	struct rondo_as_completed each;
	int ret = rondo_as_completed_begin(&each, 1, tasks, RONDO_FOREVER);

	if (ret == 0 && rondo_as_completed_next(&each, &t) == 1)
		ret = rondo_await(t);
	rondo_as_completed_end(&each);
	return ret;
}

static int groups(void)
{
	struct rondo_task_group group;
	int ret = rondo_task_group_begin(&group);

	if (ret == 0)
		ret = rondo_task_group_end(&group, rondo_task_group_spawn(&group, nothing, NULL));
	return ret;
}

static int groups_nobody(void)
{
	struct rondo_task_group group;
	int ret = rondo_task_group_begin(&group);

	return ret < 0 ? ret : rondo_task_group_end(&group, 0);
}

static int limits(void)
{
	struct rondo_timeout limit;
	int ret = rondo_timeout_begin(&limit, 60);

	return ret < 0 ? ret : rondo_timeout_end(&limit, 0);
}

static int waits_for(void)
{
	return rondo_wait_for(nothing, NULL, 60);
}

static int locks(void)
{
	struct rondo_lock lock = RONDO_LOCK_INIT;
	int ret = rondo_lock_acquire(&lock);

	return ret < 0 ? ret : rondo_lock_release(&lock);
}

static int queues(void)
{
	struct rondo_queue q;
	void *item;
	int ret = rondo_queue_init(&q, 1);

	if (ret == 0)
		ret = rondo_queue_put(&q, &q);
	if (ret == 0)
		ret = rondo_queue_get(&q, &item);
	rondo_queue_free(&q);
	return ret;
}

static const struct {
	const char *what;
	int (*run)(void);
	unsigned n_turns, n_turns_in_asyncio;
} verbs[] = {
	{ "a call", calls, 0, 0 },
	{ "a task", awaits_a_task, 2, 2 },
	{ "a done task, after a yield", awaits_a_done_task, 1, 1 },
	{ "gather", gathers, 2, 3 },
	{ "wait", waits, 2, 3 },
	{ "shield", shields, 2, 3 },
	{ "as_completed", takes_them_as_completed, 2, 3 },
	{ "a group", groups, 3, 3 },
	{ "an empty group", groups_nobody, 0, 0 },
	{ "a limit", limits, 0, 0 },
	{ "wait_for", waits_for, 0, 0 },
	{ "a free lock", locks, 0, 0 },
	{ "a queue", queues, 0, 0 },
};

static int turns_main(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		uint64_t n_turns = rondo__loop->n_turns;

		CHECK_EQUAL(verbs[i].run(), 0);
		n_turns = rondo__loop->n_turns - n_turns;
		if (n_turns != verbs[i].n_turns)
			print_error("%s: %llu turns\n", verbs[i].what, (unsigned long long)n_turns);
		CHECK_EQUAL(n_turns, verbs[i].n_turns);
		CHECK(n_turns <= verbs[i].n_turns_in_asyncio);
	}
	return 0;
}

/* p04, p06, T2, D11. */
static void test_awaits_take_the_turns_of_asyncio_or_fewer(void **state)
{
	(void)state;
	assert_run(turns_main, NULL, 0);
}

/* --- p05: who runs first --------------------------------------------------------------------- */

static int ends(void *name)
{
	note("%s", (const char *)name);
	return 0;
}

static int awaits(void *task)
{
	CHECK_EQUAL(rondo_await(task), 0);
	note("waiter");
	return 0;
}

static int order_main(void *arg)
{
	rondo_task *a = rondo_create_task(ends, word("a")), *b, *c;

	(void)arg;
	b = rondo_create_task(awaits, a);
	note("created");
	c = rondo_create_task(ends, word("c"));
	CHECK_EQUAL(rondo_await(c), 0);
	note("main");
	return rondo_await(b);
}

/* p05, T1, T2: nobody runs before the creator awaits, and awaiting what is done takes no turn. */
static void test_tasks_and_those_who_await_them_keep_their_order(void **state)
{
	(void)state;
	assert_run(order_main, NULL, 0);
	assert_log("created a waiter c main");
}

/* --- p41: within a turn ---------------------------------------------------------------------- */

static int reads(void *fd)
{
	char byte;

	CHECK_EQUAL(read_op(*(int *)fd, &byte, 1), 1);
	note("io");
	return 0;
}

static int sleeps(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_sleep_ns(1000), 0);
	note("timer");
	return 0;
}

static int within_main(void *kernel)
{
	struct step_kernel *k = kernel;
	rondo_task *timer = rondo_create_task(sleeps, NULL), *io, *soon;
	int fds[2];

	/* No pipe: a worker reads those on 6.1, some turns later. */
	CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	io = rondo_create_task(reads, &fds[0]);
	CHECK_EQUAL(yield_times(3), 0);
	k->now_ns += 5000;
	CHECK_EQUAL(write(fds[1], "x", 1), 1);
	let_kernel_complete();
	soon = rondo_create_task(ends, word("soon"));
	CHECK_EQUAL(RONDO_GATHER(soon, io, timer), 0);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

/* p41, L2: first what was ready, then what the kernel finished, then what is due. */
static void test_a_turn_runs_what_was_ready_then_io_then_timers(void **state)
{
	struct step_kernel k;

	(void)state;
	step_kernel_init(&k, true);
	assert_run_on(&k.kernel, NULL, within_main, &k, 0);
	assert_log("soon io timer");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_awaits_take_the_turns_of_asyncio_or_fewer),
		cmocka_unit_test(test_tasks_and_those_who_await_them_keep_their_order),
		cmocka_unit_test(test_a_turn_runs_what_was_ready_then_io_then_timers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
