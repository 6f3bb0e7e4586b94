/* SPDX-License-Identifier: MIT */
/* test_graph.c - goal: the graph of awaits says who awaits whom, in circles and at any depth, as
 * text and as JSON (row I3), and backtraces of suspended tasks are whole (T20). Method: each kind
 * of join once; return addresses that the waiting functions themselves have noted. */
#include "support/step.h"

#include "rondo/call.h"
#include "rondo/debug.h"
#include "rondo/future.h"
#include "rondo/group.h"
#include "rondo/wait.h"

static char text[1 << 16];

static void collect(const char *piece, size_t n, void *arg)
{
	size_t *used = arg;

	if (*used + n < sizeof(text)) {
		memcpy(text + *used, piece, n);
		*used += n;
		text[*used] = '\0';
	}
}

static int write_graph(unsigned flags)
{
	size_t used = 0;

	text[0] = '\0';
	return rondo_graph_write(collect, &used, flags);
}

static int sleeps(void *arg)
{
	(void)arg;
	return rondo_sleep(3600);
}

static rondo_task *named(const char *name, rondo_fn *fn, void *arg)
{
	return rondo_create_task_with(&(struct rondo_task_options){ .name = name }, fn, arg);
}

static int awaits(void *arg)
{
	return rondo_await(arg);
}

static int shields(void *arg)
{
	return rondo_shield(rondo_task_ref(arg));
}

static int gathers(void *arg)
{
	rondo_task *two[] = { named("left", sleeps, NULL), named("right", sleeps, NULL) };

	(void)arg;
	return rondo_gather(2, two, NULL, 0);
}

static int waits(void *arg)
{
	rondo_task *one[] = { arg };

	return (int)rondo_wait(1, one, RONDO_ALL_COMPLETED, 7200);
}

static int groups(void *arg)
{
	struct rondo_task_group g;
	int ret = rondo_task_group_begin(&g);

	(void)arg;
	if (ret == 0)
		ret = rondo_task_group_add(&g, named("child", sleeps, NULL));
	if (ret == 0)
		ret = rondo_sleep(3600);	/* a child is awaited from the first on */
	return rondo_task_group_end(&g, ret);
}

static int tree_main(void *arg)
{
	rondo_task *leaf;

	(void)arg;
	rondo_task_set_name(rondo_current_task(), "main");
	leaf = named("leaf", sleeps, NULL);
	rondo_detach(named("awaiter", awaits, rondo_task_ref(leaf)));
	rondo_detach(named("shielder", shields, leaf));
	rondo_detach(named("gatherer", gathers, NULL));
	rondo_detach(named("waiter", waits, leaf));
	rondo_detach(named("grouper", groups, NULL));
	CHECK_EQUAL(yield_times(3), 0);
	rondo_detach(named("new", sleeps, NULL));
	CHECK_EQUAL(write_graph(0), 11);
	rondo_cancel(leaf);
	rondo_detach(leaf);
	return 0;
}

/* I3: depth first, from those that nobody awaits. */
static void test_the_tree_shows_who_awaits_whom(void **state)
{
	(void)state;
	assert_run(tree_main, NULL, 0);
	assert_string_equal(text,
		"main [running]\n"
		"awaiter [waiting: task 'leaf']\n"
		"  leaf [waiting: sleep]\n"
		"shielder [waiting: task 'leaf']\n"
		"  leaf [waiting: sleep] - see above\n"
		"gatherer [waiting: 2 of 2 gathered tasks]\n"
		"  left [waiting: sleep]\n"
		"  right [waiting: sleep]\n"
		"waiter [waiting: all of 1 tasks]\n"
		"  leaf [waiting: sleep] - see above\n"
		"grouper [waiting: sleep]\n"
		"  child [waiting: sleep]\n"
		"new [ready]\n");
}

static int returns_at_once(void *arg)
{
	(void)arg;
	return 0;
}

/* One is done already, one never will be; the caller's name says how it waits. */
struct two {
	rondo_task *tasks[2];
};

static int gathers_two(void *arg)
{
	struct two *two = arg;

	return rondo_gather(2, two->tasks, NULL, RONDO_GATHER_KEEP);
}

static int waits_for_two(void *arg)
{
	struct two two = *(struct two *)arg;

	return (int)rondo_wait(2, two.tasks, RONDO_ALL_COMPLETED, RONDO_FOREVER);
}

static int takes_two(void *arg)
{
	struct two *two = arg;
	struct rondo_as_completed each;
	rondo_task *t;
	int ret = rondo_as_completed_begin(&each, 2, two->tasks, RONDO_FOREVER);

	while (ret >= 0 && (ret = rondo_as_completed_next(&each, &t)) > 0)
		continue;
	rondo_as_completed_end(&each);
	return ret;
}

static int done_members_main(void *arg)
{
	struct two two = { { named("done", returns_at_once, NULL), named("left", sleeps, NULL) } };

	(void)arg;
	rondo_task_set_name(rondo_current_task(), "main");
	rondo_detach(named("gatherer", gathers_two, &two));
	rondo_detach(named("waiter", waits_for_two, &two));
	rondo_detach(named("taker", takes_two, &two));
	CHECK_EQUAL(yield_times(3), 0);
	CHECK_EQUAL(write_graph(0), 5);
	rondo_cancel(two.tasks[1]);
	rondo_detach(two.tasks[0]);
	rondo_detach(two.tasks[1]);
	return yield_times(4);
}

/* I3: what is over is awaited by nobody any more. */
static void test_finished_members_are_not_awaited(void **state)
{
	(void)state;
	assert_run(done_members_main, NULL, 0);
	assert_string_equal(text,
		"main [running]\n"
		"gatherer [waiting: 1 of 2 gathered tasks]\n"
		"  left [waiting: sleep]\n"
		"waiter [waiting: all of 2 tasks]\n"
		"  left [waiting: sleep] - see above\n"
		"taker [waiting: the next of 1 tasks]\n"
		"  left [waiting: sleep] - see above\n");
}

static int told_main(void *arg)
{
	rondo_task *told, *gatherer;

	(void)arg;
	rondo_task_set_name(rondo_current_task(), "main");
	told = named("told", sleeps, NULL);
	CHECK_EQUAL(yield_times(2), 0);
	rondo_cancel(told);
	CHECK_EQUAL(write_graph(0), 2);
	CHECK(strstr(text, "told [ready] (told to stop)\n") ||
	      strstr(text, "told [waiting: sleep] (told to stop)\n"));
	CHECK_EQUAL(rondo_await(told), -ECANCELED);
	gatherer = named("gatherer", gathers, NULL);
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(write_graph(RONDO_GRAPH_JSON), 4);
	CHECK(strstr(text, ",\"awaits\":[4,5]"));
	rondo_cancel(gatherer);
	CHECK_EQUAL(rondo_await(gatherer), -ECANCELED);
	return 0;
}

static void test_who_was_told_to_stop_and_several_members_are_shown(void **state)
{
	(void)state;
	assert_run(told_main, NULL, 0);
}

static int awaits_its_child(void *arg)
{
	struct rondo_task_group g;
	rondo_task *child = named("child", sleeps, NULL);
	int ret = rondo_task_group_begin(&g);

	(void)arg;
	if (ret == 0)
		ret = rondo_task_group_add(&g, rondo_task_ref(child));
	return rondo_task_group_end(&g, ret < 0 ? ret : rondo_await(child));
}

static int twice_main(void *arg)
{
	rondo_task *owner = named("owner", awaits_its_child, NULL);

	(void)arg;
	rondo_task_set_name(rondo_current_task(), "main");
	CHECK_EQUAL(yield_times(3), 0);
	CHECK_EQUAL(write_graph(0), 3);
	rondo_cancel(owner);
	CHECK_EQUAL(rondo_await(owner), -ECANCELED);
	return 0;
}

/* A child that its group's owner also awaits is one that it awaits. */
static void test_who_is_awaited_in_two_ways_is_shown_once(void **state)
{
	(void)state;
	assert_run(twice_main, NULL, 0);
	assert_string_equal(text,
		"main [running]\n"
		"owner [waiting: task 'child']\n"
		"  child [waiting: sleep]\n");
}

static int json_main(void *arg)
{
	rondo_task *leaf;

	(void)arg;
	rondo_task_set_name(rondo_current_task(), "a \"name\"\\\n");
	leaf = named("leaf", sleeps, NULL);
	rondo_detach(named("awaiter", awaits, leaf));
	CHECK_EQUAL(rondo_yield(), 0);
	rondo_cancel(leaf);
	CHECK_EQUAL(write_graph(RONDO_GRAPH_JSON), 3);
	return 0;
}

static void test_the_graph_as_json(void **state)
{
	(void)state;
	assert_run(json_main, NULL, 0);
	assert_string_equal(text,
		"[{\"id\":1,\"name\":\"a \\\"name\\\"\\\\\\u000a\",\"state\":\"running\",\"waits_for\":null,"
		"\"cancelling\":0,\"awaits\":[]},\n"
		"{\"id\":2,\"name\":\"leaf\",\"state\":\"ready\",\"waits_for\":null,"
		"\"cancelling\":1,\"awaits\":[]},\n"
		"{\"id\":3,\"name\":\"awaiter\",\"state\":\"waiting\",\"waits_for\":\"task 'leaf'\","
		"\"cancelling\":0,\"awaits\":[2]}]\n");
}

static rondo_task *circle[2];

static int awaits_other(void *arg)
{
	return rondo_await(rondo_task_ref(circle[(intptr_t)arg]));
}

static int circle_main(void *arg)
{
	(void)arg;
	circle[0] = named("one", awaits_other, (void *)1);
	circle[1] = named("two", awaits_other, (void *)0);
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(write_graph(0), 3);
	rondo_cancel(circle[0]);
	rondo_detach(circle[0]);
	rondo_detach(circle[1]);
	return 0;
}

/* I3, I4: a circle is marked, and does not go on for ever. */
static void test_a_circle_is_marked(void **state)
{
	(void)state;
	assert_run(circle_main, NULL, 0);
	assert_string_equal(text,
		"Task-1 [running]\n"
		"one [waiting: task 'two']\n"
		"  two [waiting: task 'one']\n"
		"    one [waiting: task 'two'] - cycle\n");
}

static void count_lines(const char *piece, size_t n, void *arg)
{
	for (size_t i = 0; i < n; i++)
		*(size_t *)arg += piece[i] == '\n';
}

static int frames_main(void *arg)
{
	bool debug = rondo__loop->options.debug;
	void *frames[4] = { NULL, &frames, &frames, &frames };
	rondo_task *t = named("sleeper", sleeps, NULL);

	(void)arg;
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(rondo_task_created_at(t, frames, 1), debug ? 1 : 0);
	CHECK((frames[0] != NULL) == debug);
	CHECK(frames[1] == (void *)&frames);		/* no more than asked for */
	CHECK_EQUAL(rondo_task_created_at(t, frames, 0), 0);
	CHECK_EQUAL(rondo_task_backtrace(t, frames, 0), 0);
	rondo_cancel(t);
	return rondo_await(t) == -ECANCELED ? 0 : -1;
}

/* D3: without debug mode nobody knows; and no more frames are told than there is room for. */
static void test_frames_are_told_as_far_as_there_is_room(void **state)
{
	const struct rondo_options debug = { .debug = true };

	(void)state;
	assert_run(frames_main, NULL, 0);
	assert_run_on(&rondo__kernel_linux, &debug, frames_main, NULL, 0);
}

static int deep_main(void *arg)
{
	size_t n = *(size_t *)arg, n_lines = 0;
	rondo_task *last = rondo_create_task(sleeps, NULL), *first = last;

	for (size_t i = 1; i < n; i++)
		last = rondo_create_task(awaits, last);
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(rondo_graph_write(count_lines, &n_lines, 0), n + 1);
	CHECK_EQUAL(n_lines, n + 1);
	rondo_cancel(first);
	CHECK_EQUAL(rondo_await(last), -ECANCELED);
	return 0;
}

static void test_chains_may_be_deep(void **state)
{
	size_t n = STEP_SIZE(50000, 1000);

	(void)state;
	assert_run(deep_main, &n, 0);
}

/* --- backtraces ----------------------------------------------------------------------------- */

static void *expected[3];

/* What the volatile stops is the tail call, which would leave no frame. */
static __attribute__((noinline)) int inner(void)
{
	volatile int ret;

	expected[0] = __builtin_return_address(0);
	ret = rondo_sleep(3600);
	return ret;
}

static __attribute__((noinline)) int middle(void)
{
	volatile int ret;

	expected[1] = __builtin_return_address(0);
	ret = inner();
	return ret;
}

static int outer(void *arg)
{
	volatile int ret;

	(void)arg;
	ret = middle();
	return ret;
}

static bool has(void *const frames[], unsigned n, const void *frame)
{
	for (unsigned i = 0; i < n; i++)
		if (frames[i] == frame)
			return true;
	return false;
}

static int look(rondo_task *t)
{
	void *frames[32];
	unsigned n = rondo_task_backtrace(t, frames, 32);
	char name[256];

	for (unsigned i = 0; i < n; i++) {
		rondo_frame_describe(frames[i], name, sizeof(name));
		print_message("  #%u %s\n", i, name);
	}
	CHECK(n >= 4);
	CHECK(has(frames, n, expected[0]));
	CHECK(has(frames, n, expected[1]));
	CHECK_EQUAL(rondo_task_backtrace(t, frames, 2), 2);
	return 0;
}

static int backtrace_main(void *arg)
{
	rondo_task *t = rondo_create_task(outer, NULL);
	void *frames[8];

	(void)arg;
	CHECK_EQUAL(rondo_task_backtrace(t, frames, 8), 1);	/* not begun: its function */
	CHECK(frames[0] == (void *)(uintptr_t)outer);
	CHECK_EQUAL(rondo_yield(), 0);
	for (int i = 0; i < 3; i++)				/* looking changes nothing */
		if (look(t) < 0)
			return -1;
	CHECK(rondo_task_backtrace(rondo_current_task(), frames, 8) >= 2);
	CHECK_EQUAL(write_graph(RONDO_GRAPH_BACKTRACES), 2);
	CHECK(strstr(text, "\n  #0 ") != NULL);
	CHECK_EQUAL(write_graph(RONDO_GRAPH_BACKTRACES | RONDO_GRAPH_JSON), 2);
	CHECK(strstr(text, "\"backtrace\":[\"") != NULL);
	rondo_task_ref(t);
	rondo_cancel(t);
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	CHECK_EQUAL(rondo_task_backtrace(t, frames, 8), 0);
	rondo_detach(t);
	return 0;
}

/* T20: all of a suspended task's frames, which were compiled without frame pointers. */
static void test_a_suspended_tasks_backtrace_is_whole(void **state)
{
	(void)state;
	assert_run(backtrace_main, NULL, 0);
}

static void describe_call(void *arg)
{
	*(int *)arg = look(circle[0]);
}

static int from_call_main(void *arg)
{
	struct rondo_handle h;
	int ret = 1;

	(void)arg;
	circle[0] = rondo_create_task(outer, NULL);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_call_soon(&h, describe_call, &ret), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	rondo_cancel(circle[0]);
	CHECK_EQUAL(rondo_await(circle[0]), -ECANCELED);
	return ret;
}

/* The loop's own stack is as good a place to look from. */
static void test_a_call_may_look_at_tasks(void **state)
{
	(void)state;
	assert_run(from_call_main, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_tree_shows_who_awaits_whom),
		cmocka_unit_test(test_finished_members_are_not_awaited),
		cmocka_unit_test(test_who_was_told_to_stop_and_several_members_are_shown),
		cmocka_unit_test(test_who_is_awaited_in_two_ways_is_shown_once),
		cmocka_unit_test(test_the_graph_as_json),
		cmocka_unit_test(test_frames_are_told_as_far_as_there_is_room),
		cmocka_unit_test(test_a_circle_is_marked),
		cmocka_unit_test(test_chains_may_be_deep),
		cmocka_unit_test(test_a_suspended_tasks_backtrace_is_whole),
		cmocka_unit_test(test_a_call_may_look_at_tasks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
