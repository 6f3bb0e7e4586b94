/* SPDX-License-Identifier: MIT */
/* test_spawn.c - goal: a group with a limit never has more children, serves who waits in order,
 * and loses no room to a cancel; who starts a child until it is ready gets its word, its error
 * or its end. Method: row G11 as sentences of events; a census of children at every start. */
#include "rondo/future.h"
#include "rondo/group.h"
#include "support/matrix.h"
#include "support/step.h"

static struct rondo_task_group group;
static struct rondo_future gate;
static int n_inside, n_inside_max;

static int counted(void *arg)
{
	int ret;

	n_inside_max = ++n_inside > n_inside_max ? n_inside : n_inside_max;
	ret = yield_times((unsigned)(intptr_t)arg);
	n_inside--;
	return ret;
}

static int begin_limited(size_t limit)
{
	const struct rondo_task_group_options o = { .limit = limit };

	n_inside = n_inside_max = 0;
	return rondo_task_group_begin_with(&group, &o);
}

/* --- the limit ----------------------------------------------------------------------------- */

static int limit_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(begin_limited(3), 0);
	for (intptr_t i = 0; i < 50; i++)
		CHECK_EQUAL(rondo_task_group_spawn(&group, counted, (void *)(i * 7 % 5)), 0);
	CHECK_EQUAL(rondo_task_group_end(&group, 0), 0);
	CHECK_EQUAL(n_inside_max, 3);
	return 0;
}

static void test_a_limit_holds(void **state)
{
	(void)state;
	assert_run(limit_main, NULL, 0);
}

static int spawner(void *arg)
{
	int ret = rondo_task_group_spawn(&group, counted, (void *)2);

	note("%s:%d", (const char *)arg, ret);
	return ret;
}

static rondo_task *create_spawner(const char *name)
{
	return rondo_create_task(spawner, word(name));
}

static int fifo_main(void *arg)
{
	rondo_task *a, *b, *c;

	(void)arg;
	CHECK_EQUAL(begin_limited(1), 0);
	a = create_spawner("a");
	b = create_spawner("b");
	c = create_spawner("c");
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_task_group_spawn(&group, counted, (void *)2), 0);
	note("main");
	CHECK_EQUAL(rondo_task_group_end(&group, 0), 0);
	CHECK_EQUAL(n_inside_max, 1);
	return RONDO_GATHER(a, b, c);
}

static void test_room_goes_to_who_came_first(void **state)
{
	(void)state;
	assert_run(fifo_main, NULL, 0);
	assert_log("a:0 b:0 c:0 main");
}

static int cancel_main(void *arg)
{
	rondo_task *b, *c;

	(void)arg;
	CHECK_EQUAL(begin_limited(1), 0);
	CHECK_EQUAL(rondo_task_group_spawn(&group, counted, (void *)2), 0);
	b = create_spawner("b");
	c = create_spawner("c");
	while (rondo_task_group_n_tasks(&group))
		CHECK_EQUAL(rondo_yield(), 0);
	CHECK(rondo_cancel(b));			/* it was given the room, and has not run */
	CHECK_EQUAL(rondo_await(b), -ECANCELED);
	CHECK_EQUAL(rondo_task_group_end(&group, 0), 0);
	return rondo_await(c);
}

/* D13: room that was given to a task which is then cancelled goes on to the next. */
static void test_room_is_passed_on_by_a_cancelled_spawner(void **state)
{
	(void)state;
	assert_run(cancel_main, NULL, 0);
	assert_log("b:-125 c:0");
}

static int abort_main(void *arg)
{
	rondo_task *b, *c;

	(void)arg;
	CHECK_EQUAL(begin_limited(1), 0);
	CHECK_EQUAL(rondo_task_group_spawn(&group, counted, (void *)100), 0);
	b = create_spawner("b");
	c = create_spawner("c");
	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(c));
	rondo_task_group_cancel(&group);
	CHECK_EQUAL(rondo_task_group_end(&group, 0), 0);
	CHECK_EQUAL(rondo_await(b), -EPERM);
	CHECK_EQUAL(rondo_await(c), -ECANCELED);
	CHECK_EQUAL(rondo_task_group_room(&group), -EPERM);
	return 0;
}

static void test_nobody_waits_for_room_in_a_cancelled_group(void **state)
{
	(void)state;
	assert_run(abort_main, NULL, 0);
	assert_log("c:-125 b:-1");
}

static int passes_gate(void *arg)
{
	(void)arg;
	return rondo_future_await(&gate);
}

/* A group whose only place is taken until the gate opens; room is 7. */
static int room_start(void *arg)
{
	int ret = begin_limited(1), end;

	(void)arg;
	if (ret < 0)
		return ret;
	rondo_future_init(&gate);
	ret = rondo_task_group_spawn(&group, passes_gate, NULL);
	if (ret == 0)
		ret = rondo_task_group_room(&group);
	rondo_future_set_result(&gate, 0);
	end = rondo_task_group_end(&group, 0);
	return ret < 0 ? ret : end < 0 ? end : 7;
}

static int open_gate(void *arg)
{
	(void)arg;
	rondo_future_set_result(&gate, 6);
	return 0;
}

static void test_room_fits_the_matrix(void **state)
{
	const struct matrix_verb v = { .start = room_start, .finish = open_gate, .result = 7,
				       .once = true };

	(void)state;
	matrix_check("rondo_task_group_room", &v);
}

/* --- ready --------------------------------------------------------------------------------- */

static int server(void *arg)
{
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_started(-1), -EINVAL);
	note("up");
	CHECK_EQUAL(rondo_started((int)(intptr_t)arg), 0);
	CHECK_EQUAL(rondo_started(1), -EALREADY);
	CHECK_EQUAL(yield_times(2), 0);
	note("down");
	return 0;
}

static int ready_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_started(1), -EALREADY);
	CHECK_EQUAL(rondo_task_group_begin(&group), 0);
	CHECK_EQUAL(rondo_task_group_spawn_ready(&group, server, (void *)8080), 8080);
	note("ready");
	return rondo_task_group_end(&group, 0);
}

static void test_a_starter_waits_until_the_child_is_ready(void **state)
{
	(void)state;
	assert_run(ready_main, NULL, 0);
	assert_log("up ready down");
}

static int ends_early(void *arg)
{
	return rondo_yield() < 0 ? -ECANCELED : (int)(intptr_t)arg;
}

static int early_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_task_group_begin(&group), 0);
	CHECK_EQUAL(rondo_task_group_spawn_ready(&group, ends_early, (void *)-EADDRINUSE),
		    -EADDRINUSE);
	CHECK_EQUAL(rondo_task_group_spawn_ready(&group, ends_early, (void *)5), -EPROTO);
	CHECK_EQUAL(rondo_task_group_spawn_ready(&group, ends_early, (void *)-ECANCELED),
		    -ECANCELED);
	CHECK_EQUAL(rondo_yield(), 0);
	return rondo_task_group_end(&group, 0);
}

/* As trio: the error is the starter's, and the group goes on. */
static void test_a_child_that_ends_before_it_is_ready_tells_its_starter(void **state)
{
	(void)state;
	assert_run(early_main, NULL, 0);
}

static int slow_server(void *arg)
{
	int ret = rondo_future_await(&gate);

	if (ret == -ECANCELED && arg) {
		note("cleanup");
		CHECK_EQUAL(yield_times(2), 0);
	}
	return ret < 0 ? ret : rondo_started(ret);
}

static int starts(void *arg)
{
	int ret = rondo_task_group_begin(&group);

	if (ret < 0)
		return ret;
	ret = rondo_task_group_spawn_ready(&group, slow_server, arg);
	note("start:%d", ret);
	return rondo_task_group_end(&group, ret);
}

static int cancel_start_main(void *arg)
{
	rondo_task *t;

	rondo_future_init(&gate);
	t = rondo_create_task(starts, arg);
	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(t));
	return rondo_await(t);
}

/* T10 for a child that is not ready: it is cancelled, and its cleanup waited for. */
static void test_cancelling_a_starter_cancels_the_child(void **state)
{
	(void)state;
	assert_run(cancel_start_main, word("slow"), -ECANCELED);
	assert_log("cleanup start:-125");
}

static int start_matrix(void *arg)
{
	(void)arg;
	rondo_future_init(&gate);
	return starts(NULL);
}

static void test_starting_fits_the_matrix(void **state)
{
	const struct matrix_verb v = { .start = start_matrix, .finish = open_gate, .result = 6,
				       .once = true };

	(void)state;
	matrix_check("rondo_task_group_spawn_ready", &v);
}

static void keep_report(const struct rondo_report *r, void *arg)
{
	(void)arg;
	if (strstr(r->message, "start of"))
		note("%s", r->message);
}

static int deadlock_main(void *arg)
{
	rondo_future_init(&gate);
	return starts(arg);
}

static void test_a_start_that_cannot_end_is_reported(void **state)
{
	const struct rondo_options o = { .on_error = keep_report };

	(void)state;
	assert_run_on(&rondo__kernel_linux, &o, deadlock_main, NULL, -EDEADLK);
	assert_log("deadlock: waits for the start of task 'Task-2' start:-125");
}

/* --- a cancel in every turn -------------------------------------------------------------------- */

struct turn_of_cancel {
	unsigned n;
	bool spawns;			/* who waits for room meanwhile */
	int spawned;
};

static int cancels_group(void *arg)
{
	const struct turn_of_cancel *t = arg;

	CHECK_EQUAL(yield_times(t->n), 0);
	rondo_task_group_cancel(&group);
	return 0;
}

static int spawns_late(void *arg)
{
	struct turn_of_cancel *t = arg;

	t->spawned = rondo_task_group_spawn(&group, counted, (void *)1);
	return 0;
}

/* Between the last child's end and the owner's turn it is too late to cancel, and nobody is asked. */
static int cancel_in_turn(void *arg)
{
	struct turn_of_cancel *t = arg;
	rondo_task *late = NULL, *canceller;

	CHECK_EQUAL(begin_limited(t->spawns ? 1 : 0), 0);
	CHECK_EQUAL(rondo_task_group_spawn(&group, counted, (void *)2), 0);
	canceller = rondo_create_task(cancels_group, t);
	if (t->spawns)
		late = rondo_create_task(spawns_late, t);
	CHECK_EQUAL(rondo_task_group_end(&group, 0), 0);
	CHECK_EQUAL(rondo_cancelling(rondo_current_task()), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_await(canceller), 0);
	if (late)
		CHECK_EQUAL(rondo_await(late), 0);
	CHECK_EQUAL(n_inside, 0);
	CHECK(t->spawned == 0 || t->spawned == -EPERM);
	return t->spawned;
}

static void test_a_group_may_be_cancelled_in_any_turn(void **state)
{
	unsigned n_spawned = 0, n_refused = 0;

	(void)state;
	for (unsigned n = 0; n < 10; n++) {
		struct turn_of_cancel t = { .n = n };

		assert_run(cancel_in_turn, &t, 0);
		t = (struct turn_of_cancel){ .n = n, .spawns = true };
		assert_true(rondo_run(cancel_in_turn, &t) <= 0);
		assert_checks_passed();
		n_spawned += t.spawned == 0;
		n_refused += t.spawned == -EPERM;
	}
	assert_true(n_spawned && n_refused);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_limit_holds),
		cmocka_unit_test(test_room_goes_to_who_came_first),
		cmocka_unit_test(test_room_is_passed_on_by_a_cancelled_spawner),
		cmocka_unit_test(test_nobody_waits_for_room_in_a_cancelled_group),
		cmocka_unit_test(test_room_fits_the_matrix),
		cmocka_unit_test(test_a_starter_waits_until_the_child_is_ready),
		cmocka_unit_test(test_a_child_that_ends_before_it_is_ready_tells_its_starter),
		cmocka_unit_test(test_cancelling_a_starter_cancels_the_child),
		cmocka_unit_test(test_starting_fits_the_matrix),
		cmocka_unit_test(test_a_start_that_cannot_end_is_reported),
		cmocka_unit_test(test_a_group_may_be_cancelled_in_any_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
