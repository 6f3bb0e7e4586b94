/* SPDX-License-Identifier: MIT */
/* test_failure_points.c - goal: whatever fails while tasks are made, awaited, cancelled, put to
 * sleep and called from threads, the caller gets the error, nothing leaks, nothing hangs, and the
 * loop works on. Method: scenario.h. I/O has a program of its own beside this one. */
#include "scenario.h"

#include "random/entropy.h"
#include "rondo/async.h"
#include "rondo/call.h"
#include "rondo/context.h"
#include "rondo/debug.h"
#include "rondo/file.h"
#include "rondo/loop.h"
#include "rondo/random.h"
#include "rondo/runner.h"
#include "rondo/splice.h"

static int nothing(void)
{
	return 0;
}

static int return_one(void *arg)
{
	(void)arg;
	return 1;
}

/* --- tasks ----------------------------------------------------------------------------------- */

static int create_and_await(void)
{
	rondo_task *t = rondo_create_task(return_one, NULL);

	return exactly(rondo_await(t), 1);
}

RONDO_ASYNC_RETURNS(double, half, (double, x))
{
	*result = x / 2;
	return rondo_yield();
}

static int typed_task(void)
{
	double h = 0;
	int ret = half_await(half_task(3.0), &h);

	if (ret == 0)
		CHECK(h > 1.4 && h < 1.6);
	return ret;
}

/* Sizes no other task has had, so each needs a slab of its own. */
static int big_stacks(void)
{
	int ret = 0;

	for (size_t size = 16 << 10; size <= 1 << 20; size *= 4) {
		const struct rondo_task_options o = { .stack_size = size, .name = "big" };
		rondo_task *t = rondo_create_task_with(&o, return_one, NULL);

		ret = first(ret, exactly(rondo_await(t), 1));
	}
	return ret;
}

static unsigned n_tasks_kept(void)
{
	unsigned n = 0;

	for (const struct list *p = rondo__loop->tasks.next; p != &rondo__loop->tasks; p = p->next)
		n++;
	return n;
}

/* The handles are used up, whatever gather returns. */
static int gather(size_t n)
{
	rondo_task *tasks[20] = { NULL };
	int results[20] = { 0 }, ret;

	for (size_t i = 0; i < n; i++)
		tasks[i] = rondo_create_task(return_one, NULL);
	ret = rondo_gather(n, tasks, results, RONDO_GATHER_CANCEL_REST);
	for (size_t i = 0; i < n && ret == 0; i++)
		CHECK_EQUAL(results[i], 1);
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(n_tasks_kept(), 1);
	return ret;
}

static int gather_3(void)
{
	return gather(3);
}

static int gather_20(void)
{
	return gather(20);
}

static int sleeps_long(void *arg)
{
	(void)arg;
	return rondo_sleep(1000);
}

/* Cancelled, a gather of many ends when all of them have. */
static int gathers_sleepers(void *arg)
{
	rondo_task *tasks[20];

	(void)arg;
	for (size_t i = 0; i < 19; i++)
		tasks[i] = rondo_create_task(sleeps_long, NULL);
	tasks[19] = tasks[0];
	return rondo_gather(20, tasks, NULL, RONDO_GATHER_CANCEL_REST);
}

static int cancel_a_gather(void)
{
	rondo_task *t = rondo_create_task(gathers_sleepers, NULL);
	int ret = yield_times(2);

	rondo_cancel(t);
	ret = first(ret, rondo_await(t));
	CHECK_EQUAL(n_tasks_kept(), 1);
	return ret == -ECANCELED ? 0 : ret;
}

static int yields(void *arg)
{
	(void)arg;
	return yield_times(3);
}

/* Past the first ready queue (256) and past several slabs of stacks. */
static int many_tasks(void)
{
	static rondo_task *tasks[280];
	size_t n = STEP_SIZE(280, 60);
	int ret = 0;

	for (size_t i = 0; i < n; i++)
		tasks[i] = rondo_create_task(yields, NULL);
	for (size_t i = 0; i < n; i++)
		ret = first(ret, rondo_await(tasks[i]));
	return ret;
}

/* What main leaves behind is cancelled at the end. */
static int leave_tasks(void)
{
	int ret = 0;

	for (int i = 0; i < 5; i++) {
		rondo_task *t = rondo_create_task(i % 2 ? sleeps_long : yields, NULL);

		ret = t ? ret : -ENOMEM;
		rondo_detach(t);
	}
	return first(ret, yield_times(2));
}

/* --- time ------------------------------------------------------------------------------------ */

static int sleep_a_little(void)
{
	return first(rondo_sleep(0.0001), rondo_sleep_ns(1));
}

static int sleeps(void *arg)
{
	return rondo_sleep_ns((uint64_t)(uintptr_t)arg);
}

/* More than the heap has room for at first. */
static int many_sleepers(void)
{
	enum { N = 80 };
	static rondo_task *tasks[N];
	int ret = 0;

	for (size_t i = 0; i < N; i++)
		tasks[i] = rondo_create_task(sleeps, (void *)(100000 + 1000 * (i % 7)));
	for (size_t i = 0; i < N; i++)
		ret = first(ret, rondo_await(tasks[i]));
	return ret;
}

static int time_is_up(void)
{
	int ret = rondo_wait_for(sleeps_long, NULL, 0.0001);

	return ret == -ETIMEDOUT ? 0 : ret;
}

static int nested_limits(void)
{
	struct rondo_timeout outer;
	int ret = rondo_timeout_begin(&outer, 100);

	if (ret == 0)
		ret = rondo_timeout_end(&outer, time_is_up());
	return ret;
}

/* --- cancelling ------------------------------------------------------------------------------ */

static int reads(void *arg)
{
	const int *fd = arg;
	char c;

	return (int)rondo_read(*fd, &c, 1);
}

/* A sleeper, a reader, and one who awaits a third. */
static int awaits_a_sleeper(void *arg)
{
	(void)arg;
	return rondo_await(rondo_create_task(sleeps_long, NULL));
}

static int cancelled(rondo_task *t)
{
	int ret;

	rondo_cancel(t);
	ret = rondo_await(t);
	return ret == -ECANCELED ? 0 : ret;
}

static int cancel_parked(void)
{
	int fds[2] = { -1, -1 }, ret = rondo_pipe(fds, 0);
	rondo_task *a, *b, *c;

	if (ret < 0)
		return ret;
	a = rondo_create_task(sleeps_long, NULL);
	b = rondo_create_task(reads, &fds[0]);
	c = rondo_create_task(awaits_a_sleeper, NULL);
	ret = yield_times(3);
	ret = first(ret, cancelled(a));
	ret = first(ret, cancelled(b));
	ret = first(ret, cancelled(c));
	shut(fds[0]);
	shut(fds[1]);
	return ret;
}

/* The closer ends the read that another task is in. */
static int close_under_a_reader(void)
{
	int fds[2] = { -1, -1 }, ret = rondo_pipe(fds, 0), told;
	rondo_task *t;

	if (ret < 0)
		return ret;
	t = rondo_create_task(reads, &fds[0]);
	ret = yield_times(2);
	ret = first(ret, rondo_close(fds[0]));
	/* Without memory for the table of descriptors the close does not reach the read. */
	if (t && !rondo__loop->fds.buckets)
		rondo_cancel(t);
	told = rondo_await(t);
	shut(fds[1]);
	return first(ret, told == -EBADF || told == -ECANCELED ? 0 : told);
}

static int awaits_main(void *arg)
{
	return rondo_await(arg);
}

/* Main and a task wait for each other. */
static int deadlock(void)
{
	rondo_task *main_task = rondo_task_ref(rondo_current_task());
	rondo_task *t = rondo_create_task(awaits_main, main_task);

	if (!t)
		rondo_detach(main_task);
	return rondo_await(t);
}

static void count_report(const struct rondo_report *report, void *arg)
{
	(void)arg;
	if (!strstr(report->message, "deadlock"))
		check_failed(__FILE__, __LINE__, report->message, report->error);
}

/* --- threads --------------------------------------------------------------------------------- */

struct caller {
	rondo_loop *loop;
	uint32_t n_made, n_run;
	int ret;
};

static void note_call(void *arg)
{
	((struct caller *)arg)->n_run++;
}

static void *calls(void *arg)
{
	struct caller *c = arg;

	for (int i = 0; i < 3; i++) {
		int ret = rondo_call_soon_threadsafe(c->loop, note_call, c);

		c->n_made += ret == 0;
		c->ret = first(c->ret, ret);
	}
	return NULL;
}

static int call_soon(void)
{
	struct caller c = { .loop = rondo_loop_current() };
	pthread_t thread;
	int ret = -pthread_create(&thread, NULL, calls, &c);

	if (ret < 0)
		return ret;
	pthread_join(thread, NULL);
	while (c.n_run < c.n_made)
		ret = first(ret, rondo_yield());
	return first(ret, c.ret);
}

static int work(void *arg)
{
	(void)arg;
	return first(rondo_yield(), rondo_await(rondo_create_task(yields, NULL)));
}

static int run_three_workers(void)
{
	return rondo_run_workers(3, work, NULL);
}

/* --- calls, watches, variables ----------------------------------------------------------------- */

static void note_once(void *arg)
{
	++*(int *)arg;
}

/* What could be asked for is done, what could not is not. */
static int calls_soon_and_later(void)
{
	struct rondo_handle soon, later;
	int n_soon = 0, n_later = 0;
	int ret_soon = rondo_call_soon(&soon, note_once, &n_soon);
	int ret_later = rondo_call_later(&later, 0.001, note_once, &n_later);
	int ret = first(ret_soon, ret_later);

	while ((ret_soon == 0 && !n_soon) || (ret_later == 0 && !n_later))
		ret = first(ret, rondo_yield());
	return ret;
}

static void read_byte(void *arg)
{
	int *fds = arg;
	char c;

	if (read(fds[0], &c, 1) == 1)
		rondo_remove_reader(fds[0]);
}

static int watches(void)
{
	int fds[2], ret = pipe(fds) < 0 ? -errno : 0;

	if (ret < 0)
		return ret;
	ret = rondo_add_reader(fds[0], read_byte, fds);
	if (ret == 0 && write(fds[1], "!", 1) != 1)
		ret = -EIO;
	ret = first(ret, yield_times(3));
	rondo_remove_reader(fds[0]);
	ret = first(ret, yield_times(2));
	shut(fds[0]);
	shut(fds[1]);
	return ret;
}

static struct rondo_contextvar variables[6];

static int sets_variables(void *arg)
{
	int ret = 0;

	for (int i = 0; i < 6; i++)
		ret = first(ret, rondo_contextvar_set(&variables[i], arg, NULL));
	return ret;
}

static int uses_variables(void)
{
	rondo_context *c = rondo_context_copy();
	int ret = c ? rondo_context_run(c, sets_variables, variables) : -ENOMEM;

	ret = first(ret, sets_variables(NULL));
	ret = first(ret, rondo_await(rondo_create_task(sets_variables, variables)));
	rondo_context_free(c);
	return ret;
}

static void drop_text(const char *text, size_t n, void *arg)
{
	(void)text, (void)n, (void)arg;
}

static int writes_graph(void)
{
	rondo_task *t = rondo_create_task(yields, NULL);
	int ret = rondo_graph_write(drop_text, NULL, RONDO_GRAPH_BACKTRACES);

	return first(ret < 0 ? ret : 0, rondo_await(t));
}

static int run_twice(void)
{
	rondo_loop *loop;
	int ret = rondo_loop_new(NULL, &loop);

	if (ret < 0)
		return ret;
	ret = rondo_loop_run(loop, work, NULL);
	ret = first(ret, rondo_loop_run(loop, work, NULL));
	return first(ret, rondo_loop_free(loop));
}

/* --- random ---------------------------------------------------------------------------------- */

static int seed_and_draw(void)
{
	static const double weights[] = { 1, 2, 3 };
	struct rondo_random r, system;
	size_t picks[100];
	int ret;

	rondo_random_init(&r);
	ret = rondo_random_seed_decimal_r(&r, "123456789012345678901234567890");
	ret = first(ret, rondo_random_sample_index_r(&r, 1000, 100, picks));
	ret = first(ret, rondo_random_choices_index_r(&r, 3, weights, 100, picks));
	rondo__random_entropy = failing_entropy;
	ret = first(ret, rondo_random_init_system(&system));
	rondo__random_entropy = rondo__entropy_kernel;
	return ret;
}

/* --- the list -------------------------------------------------------------------------------- */

static const struct scenario scenarios[] = {
	{ .name = "an empty main", .body = nothing, .options.no_sigint = true },
	{ .name = "an empty main that ^C may end", .body = nothing },
	{ .name = "create and await", .body = create_and_await },
	{ .name = "a typed task", .body = typed_task },
	{ .name = "stacks of four sizes", .body = big_stacks },
	{ .name = "gather 3", .body = gather_3 },
	{ .name = "gather 20", .body = gather_20 },
	{ .name = "cancel a gather of 20", .body = cancel_a_gather },
	{ .name = "many tasks", .body = many_tasks },
	{ .name = "tasks that outlive main", .body = leave_tasks },
	{ .name = "sleep", .body = sleep_a_little },
	{ .name = "sleep, waiting in enter", .body = sleep_a_little,
	  .options.timers = RONDO_TIMERS_WAIT },
	{ .name = "80 sleepers", .body = many_sleepers },
	{ .name = "a timeout", .body = time_is_up },
	{ .name = "a timeout in a timeout", .body = nested_limits },
	{ .name = "cancel what is parked", .body = cancel_parked },
	{ .name = "close under a reader", .body = close_under_a_reader },
	{ .name = "a deadlock", .body = deadlock, .expected = -EDEADLK, .ends_once = true,
	  .options.on_error = count_report },
	{ .name = "calls from a thread", .body = call_soon },
	{ .name = "three workers", .run = run_three_workers },
	{ .name = "calls soon and later", .body = calls_soon_and_later },
	{ .name = "a watch", .body = watches },
	{ .name = "context variables", .body = uses_variables },
	{ .name = "the graph of awaits", .body = writes_graph },
	{ .name = "a loop run twice", .run = run_twice },
	{ .name = "random", .body = seed_and_draw },
};

enum { N_SCENARIOS = sizeof(scenarios) / sizeof(scenarios[0]) };

static void test_any_one_thing_or_all_from_one_on_may_fail(void **state)
{
	(void)state;
	fail_everywhere(scenarios, N_SCENARIOS);
}

static void test_an_enter_that_fails_for_good_is_a_bug_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SCENARIOS; i++)
		if (scenarios[i].body && scenarios[i].body != many_sleepers)
			fail_enters_for_good(&scenarios[i], -EFAULT, "io_uring_enter failed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_one_thing_or_all_from_one_on_may_fail),
		cmocka_unit_test(test_an_enter_that_fails_for_good_is_a_bug_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
