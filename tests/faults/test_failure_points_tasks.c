/* SPDX-License-Identifier: MIT */
/* test_failure_points_tasks.c - goal: whatever fails while tasks are waited for in numbers, called
 * back, grouped, run by threads, told of signals or watched by debug mode, the caller gets the error,
 * nothing leaks, nothing hangs, and the loop works on. Method: scenario.h. */
#include "scenario.h"

#include <semaphore.h>

#include "rondo/call.h"
#include "rondo/context.h"
#include "rondo/debug.h"
#include "rondo/future.h"
#include "rondo/generator.h"
#include "rondo/group.h"
#include "rondo/loop.h"
#include "rondo/signal.h"
#include "rondo/thread.h"
#include "rondo/wait.h"

enum { N_MANY = 300, N_FEW = 20 };	/* more than a fresh queue has room for; than fit on a stack */

static int yields(void *arg)
{
	(void)arg;
	return rondo_yield();
}

/* So many tasks, or as many as could be made. */
static int make_tasks(rondo_task *tasks[], int n, rondo_fn *fn)
{
	int ret = 0;

	for (int i = 0; i < n; i++) {
		tasks[i] = rondo_create_task(fn, NULL);
		ret = first(ret, tasks[i] ? 0 : -ENOMEM);
	}
	return ret;
}

static int await_tasks(rondo_task *tasks[], int n)
{
	int ret = 0;

	for (int i = 0; i < n; i++)
		ret = first(ret, rondo_await(tasks[i]));
	return ret;
}

/* --- waiting for some of several --------------------------------------------------------------- */

static int waits_for_all(void)
{
	rondo_task *tasks[N_FEW];
	int ret = make_tasks(tasks, N_FEW, yields);
	ssize_t n = rondo_wait(N_FEW, tasks, RONDO_ALL_COMPLETED, 60);

	ret = first(ret, (int)n);
	if (ret == 0)
		CHECK_EQUAL(n, N_FEW);
	return first(ret, await_tasks(tasks, N_FEW));
}

static int takes_as_completed(void)
{
	rondo_task *tasks[N_FEW], *t;
	int n = 0, ret = make_tasks(tasks, N_FEW, yields);
	struct rondo_as_completed each;
	int begun = rondo_as_completed_begin(&each, N_FEW, tasks, 60), got = begun;

	while (got == 0 && (got = rondo_as_completed_next(&each, &t)) > 0) {
		n++;
		got = 0;
	}
	if (begun == 0)
		CHECK_EQUAL(n, N_FEW);
	rondo_as_completed_end(&each);
	return first(first(ret, begun), await_tasks(tasks, N_FEW));
}

static int fails(void *arg)
{
	(void)arg;
	return first(rondo_yield(), -EIO);
}

/* In parts, if there is no room for all: all of them end all the same. */
static int gathers_and_cancels_the_rest(void)
{
	rondo_task *tasks[N_MANY];
	int results[N_MANY], ret = make_tasks(tasks, N_MANY - 1, yields), got;

	tasks[N_MANY - 1] = rondo_create_task(fails, NULL);
	ret = first(ret, tasks[N_MANY - 1] ? 0 : -ENOMEM);
	got = rondo_gather(N_MANY, tasks, results, RONDO_GATHER_CANCEL_REST);
	CHECK(got < 0);
	for (int i = 0; i < N_MANY; i++)
		CHECK(results[i] != -EINPROGRESS);
	return first(ret, got == -EIO ? 0 : got);
}

/* --- calls -------------------------------------------------------------------------------------- */

static int n_called;

static void note_task(rondo_task *t, void *arg)
{
	(void)t, (void)arg;
	n_called++;
}

static int calls_back(void)
{
	static struct rondo_done_callback callbacks[N_MANY];
	rondo_task *t = rondo_create_task(yields, NULL);
	int n = 0, ret = t ? 0 : -ENOMEM;

	n_called = 0;
	for (int i = 0; t && i < N_MANY; i++) {
		int added = rondo_task_add_done_callback(t, &callbacks[i], note_task, NULL);

		n += added == 0;
		ret = first(ret, added);
	}
	ret = first(ret, rondo_await(t));
	while (n_called < n)
		ret = first(ret, rondo_yield());
	CHECK_EQUAL(n_called, n);
	return ret;
}

static void note_call(void *arg)
{
	(void)arg;
	n_called++;
}

static int calls_many(void)
{
	static struct rondo_handle soon[N_MANY], later[N_MANY];
	int n = 0, ret = 0;

	n_called = 0;
	for (int i = 0; i < N_MANY; i++) {
		int a = rondo_call_soon(&soon[i], note_call, NULL);
		int b = rondo_call_later(&later[i], 1e-6, note_call, NULL);

		n += (a == 0) + (b == 0);
		ret = first(ret, first(a, b));
	}
	while (n_called < n)
		ret = first(ret, rondo_yield());
	return ret;
}

/* --- groups, generators, variables ------------------------------------------------------------- */

static int says_ready(void *arg)
{
	(void)arg;
	return rondo_started(0);
}

static int groups_many(void)
{
	enum { N_GROUPS = 140 };
	struct rondo_task_group groups[N_GROUPS];
	int n = 0, ret = 0;

	while (n < N_GROUPS && ret == 0)
		if ((ret = rondo_task_group_begin(&groups[n])) == 0)
			n++;
	for (int i = 0; i < 3 && ret == 0; i++)
		ret = rondo_task_group_spawn(&groups[i], yields, NULL);
	if (ret == 0)
		ret = rondo_task_group_spawn_ready(&groups[0], says_ready, NULL);
	while (n-- > 0)
		ret = first(ret, rondo_task_group_end(&groups[n], 0));
	return ret;
}

RONDO_GENERATOR(int, numbers, (int, n))
{
	for (int i = 0; i < n; i++) {
		int ret = numbers_yield(gen, i);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static int generates(void)
{
	struct numbers_generator *g = numbers(3);
	int ret = 0, n = 0, number;

	while (g && (ret = numbers_next(g, &number)) == 0)
		n++;
	if (ret == -RONDO_EEND) {
		CHECK_EQUAL(n, 3);
		ret = 0;
	}
	return g ? numbers_end(g, ret) : -ENOMEM;
}

static struct rondo_contextvar variable;

/* A set that others share is copied before it is written to, by a reset as well. */
static int resets_a_variable(void)
{
	void *was = rondo_contextvar_get(&variable);
	struct rondo_contextvar_token token;
	int ret = rondo_contextvar_set(&variable, &token, &token), reset;
	rondo_context *copy;

	if (ret < 0)
		return ret;
	copy = rondo_context_copy();
	reset = rondo_contextvar_reset(&token);
	CHECK(rondo_contextvar_get(&variable) == (reset == 0 ? was : &token));
	if (reset < 0)				/* it can be tried again */
		reset = first(reset, rondo_contextvar_reset(&token));
	ret = first(copy ? 0 : -ENOMEM, reset);
	rondo_context_free(copy);
	return ret;
}

/* --- threads ------------------------------------------------------------------------------------- */

static int adds_one(void *arg)
{
	++*(int *)arg;
	return 0;
}

static int runs_in_threads(void)
{
	const struct rondo_thread_options o = { .on_cancel = RONDO_THREAD_ABANDON };
	struct rondo_pool pool;
	int n = 0, ret;

	rondo_pool_init(&pool, NULL);
	ret = rondo_pool_run(&pool, adds_one, &n);
	ret = first(ret, rondo_pool_run_with(&pool, &o, adds_one, &n));
	ret = first(ret, rondo_pool_shutdown(&pool, RONDO_FOREVER));
	ret = first(ret, rondo_to_thread(adds_one, &n));
	if (ret == 0)
		CHECK_EQUAL(n, 3);
	return ret;
}

static struct rondo_pool two;
static sem_t gate;

static int passes_the_gate(void *arg)
{
	(void)arg;
	while (sem_wait(&gate) < 0)
		;
	return 0;
}

static int passes_in_a_thread(void *arg)
{
	return rondo_pool_run(&two, passes_the_gate, arg);
}

/* The first is held up, so the second wants a thread of its own. */
static int runs_two_in_threads(void)
{
	rondo_task *tasks[2];
	int ret;

	sem_init(&gate, 0, 0);
	rondo_pool_init(&two, NULL);
	ret = make_tasks(tasks, 2, passes_in_a_thread);
	ret = first(ret, rondo_yield());
	for (int i = 0; i < 2; i++)
		sem_post(&gate);
	ret = first(ret, await_tasks(tasks, 2));
	ret = first(ret, rondo_pool_shutdown(&two, RONDO_FOREVER));
	sem_destroy(&gate);
	return ret;
}

static int shuts_down_the_loops_pool(void)
{
	return rondo_pool_shutdown(NULL, RONDO_FOREVER);
}

struct outside {
	rondo_loop *loop;
	struct rondo_future *future;
	int ret, settled;
	atomic_bool over;
};

static void *calls_in(void *arg)
{
	struct outside *o = arg;
	rondo_thread_future *f = rondo_run_coroutine_threadsafe(o->loop, yields, NULL);

	o->ret = f ? rondo_thread_future_wait(f, 60) : -ENOMEM;
	rondo_thread_future_free(f);
	o->ret = first(o->ret, rondo_loop_call(o->loop, yields, NULL));
	o->settled = rondo_future_set_threadsafe(o->loop, o->future, 7);
	atomic_store(&o->over, true);
	return NULL;
}

static int is_called_from_outside(void)
{
	struct rondo_future future;
	struct outside o = { .loop = rondo_loop_current(), .future = &future };
	pthread_t thread;
	int ret;

	rondo_future_init(&future);
	ret = -pthread_create(&thread, NULL, calls_in, &o);
	if (ret < 0)
		return ret;
	while (!atomic_load(&o.over))
		ret = first(ret, rondo_yield());
	pthread_join(thread, NULL);
	ret = first(ret, first(o.ret, o.settled));
	if (o.settled == 0)
		ret = first(ret, exactly(rondo_future_await(&future), 7));
	return ret;
}

/* --- signals ------------------------------------------------------------------------------------- */

static int receives_signals(void)
{
	rondo_signal *receiver;
	sigset_t set;
	int ret;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	ret = rondo_signal_open(&set, &receiver);
	if (ret < 0)
		return ret;
	raise(SIGUSR2);
	ret = exactly(rondo_signal_next(receiver, NULL), SIGUSR2);
	rondo_signal_close(receiver);
	return ret;
}

static int handles_signals(void)
{
	uint64_t end_ns = rondo_now_ns() + UINT64_C(30000000000);
	int ret = rondo_add_signal_handler(SIGUSR1, note_call, NULL);

	n_called = 0;
	if (ret < 0)
		return ret;
	raise(SIGUSR1);
	while (ret == 0 && !n_called && rondo_now_ns() < end_ns)	/* on 6.1 a worker reads */
		ret = first(ret, rondo_yield());
	if (ret == 0)
		CHECK_EQUAL(n_called, 1);
	CHECK_EQUAL(rondo_remove_signal_handler(SIGUSR1), 1);
	return first(ret, yield_times(4));
}

/* --- debug mode ------------------------------------------------------------------------------------ */

static void drop_text(const char *text, size_t n, void *arg)
{
	(void)text, (void)n, (void)arg;
}

static int gathers_many(void *arg)
{
	rondo_task **tasks = arg;

	return rondo_gather(N_MANY, tasks, NULL, RONDO_GATHER_KEEP);
}

/* More edges than there is room for at first. */
static int writes_a_wide_graph(void)
{
	rondo_task *tasks[N_MANY], *all;
	int ret = make_tasks(tasks, N_MANY, yields), wrote;

	all = rondo_create_task(gathers_many, tasks);
	ret = first(ret, all ? 0 : -ENOMEM);
	ret = first(ret, rondo_yield());
	wrote = rondo_graph_write(drop_text, NULL, 0);
	CHECK(wrote >= 0 || wrote == -ENOMEM);
	ret = first(ret, wrote < 0 ? wrote : 0);
	return first(first(ret, rondo_await(all)), await_tasks(tasks, N_MANY));
}

static int opens_in_debug_mode(void)
{
	rondo_task *t = rondo_create_task(yields, NULL);
	int fd = rondo_open("/dev/null", O_RDONLY, 0);

	shut(fd);
	return first(first(fd, rondo_await(t)), 0);
}

static const struct scenario scenarios[] = {
	{ .name = "wait for 20", .body = waits_for_all },
	{ .name = "20 as completed", .body = takes_as_completed },
	{ .name = "gather 300 and cancel the rest", .body = gathers_and_cancels_the_rest },
	{ .name = "300 callbacks", .body = calls_back },
	{ .name = "300 calls soon and 300 later", .body = calls_many },
	{ .name = "140 groups", .body = groups_many },
	{ .name = "a generator", .body = generates },
	{ .name = "reset a variable", .body = resets_a_variable },
	/* A second thread that cannot be had is done without: the first will take the job. */
	{ .name = "threads", .body = runs_in_threads, .spares_threads = true },
	{ .name = "two threads at once", .body = runs_two_in_threads, .spares_threads = true },
	{ .name = "a pool nobody used", .body = shuts_down_the_loops_pool },
	{ .name = "calls from outside", .body = is_called_from_outside },
	{ .name = "a receiver of signals", .body = receives_signals },
	{ .name = "a signal handler", .body = handles_signals },
	{ .name = "a wide graph", .body = writes_a_wide_graph },
	{ .name = "debug mode", .body = opens_in_debug_mode, .options.debug = true,
	  .spares_threads = true },
};

static void test_any_one_thing_or_all_from_one_on_may_fail(void **state)
{
	(void)state;
	fail_everywhere(scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}

static void test_an_enter_that_fails_for_good_is_a_bug_line(void **state)
{
	(void)state;
	fail_enters_for_good(&scenarios[0], -EFAULT, "io_uring_enter failed");
	fail_enters_for_good(&scenarios[5], -EFAULT, "io_uring_enter failed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_one_thing_or_all_from_one_on_may_fail),
		cmocka_unit_test(test_an_enter_that_fails_for_good_is_a_bug_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
