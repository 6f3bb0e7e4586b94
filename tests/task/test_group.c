/* SPDX-License-Identifier: MIT */
/* test_group.c - goal: a task group ends when asyncio's would, with the same errors, counts and
 * order of events. Method: rows G1 to G10 and the probes p30 to p32; each scenario was run with
 * python3.13 and its sentence of events stands in the expectation. Room and readiness are in
 * test_spawn.c. */
#include "rondo/future.h"
#include "rondo/group.h"
#include "support/matrix.h"
#include "support/step.h"

/* A child that works for some turns and then fails, or not; and what it does when it is
 * cancelled. */
struct child {
	const char *name;
	unsigned n_turns;
	int result;
	unsigned n_cleanup_turns;
	int cleanup_result;		/* 0: -ECANCELED */
};

static int works(void *arg)
{
	const struct child *c = arg;

	if (yield_times(c->n_turns) == 0) {
		note("%s", c->name);
		return c->result;
	}
	note("%s-cancel", c->name);
	CHECK_EQUAL(yield_times(c->n_cleanup_turns), 0);
	note("%s-end", c->name);
	return c->cleanup_result ? c->cleanup_result : -ECANCELED;
}

static int begin(struct rondo_task_group *g, struct child *c, size_t n)
{
	CHECK_EQUAL(rondo_task_group_begin(g), 0);
	for (size_t i = 0; i < n; i++)
		CHECK_EQUAL(rondo_task_group_spawn(g, works, &c[i]), 0);
	return 0;
}

#define BEGIN(g, c) CHECK_EQUAL(begin(g, c, sizeof(c) / sizeof((c)[0])), 0)

static int error_of(const struct rondo_task_group *g, size_t i)
{
	const struct rondo_task_group_error *e = rondo_task_group_error(g, i);

	return e ? e->error : 0;
}

/* --- without errors ------------------------------------------------------------------------ */

static int ends_main(void *arg)
{
	struct child c[] = { { "a", 3, 1, 0, 0 }, { "b", 1, 2, 0, 0 } };
	struct rondo_task_group g;
	uint64_t n_turns;

	(void)arg;
	BEGIN(&g, c);
	CHECK_EQUAL(rondo_task_group_n_tasks(&g), 2);
	note("body");
	CHECK_EQUAL(rondo_task_group_end(&g, 5), 5);
	CHECK_EQUAL(rondo_task_group_n_errors(&g), 0);
	CHECK_EQUAL(rondo_task_group_begin(&g), 0);
	n_turns = rondo__loop->n_turns;
	CHECK_EQUAL(rondo_task_group_end(&g, 0), 0);
	CHECK_EQUAL(rondo__loop->n_turns, n_turns);
	CHECK_EQUAL(rondo__loop->n_live, 1);
	return 0;
}

/* G1, G3; p06: an empty one takes no turn. */
static void test_the_end_waits_for_all_children(void **state)
{
	(void)state;
	assert_run(ends_main, NULL, 0);
	assert_log("body b a");
}

static int turns_main(void *arg)
{
	struct child c[] = { { "a", 0, 0, 0, 0 } };
	struct rondo_task_group g;
	uint64_t n_turns = rondo__loop->n_turns;

	(void)arg;
	BEGIN(&g, c);
	CHECK_EQUAL(rondo_task_group_end(&g, 0), 0);
	return (int)(rondo__loop->n_turns - n_turns);
}

/* p06: the child, the group's callback, the owner. */
static void test_a_group_of_one_takes_three_turns(void **state)
{
	(void)state;
	assert_run(turns_main, NULL, 3);
}

static struct rondo_task_group late_group;
static struct child late_child = { "late", 1, 0, 0, 0 };

static int spawns_late(void *arg)
{
	(void)arg;
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(rondo_task_group_spawn(&late_group, works, &late_child), 0);
	note("added");
	return 0;
}

static int late_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_task_group_begin(&late_group), 0);
	CHECK_EQUAL(rondo_task_group_spawn(&late_group, spawns_late, NULL), 0);
	note("body");
	CHECK_EQUAL(rondo_task_group_end(&late_group, 0), 0);
	CHECK_EQUAL(rondo_task_group_spawn(&late_group, works, &late_child), -EPERM);
	rondo_task_group_cancel(&late_group);
	return 0;
}

/* G1: from a child while the owner waits; not afterwards. */
static void test_a_child_may_add_children_until_the_last_one_ends(void **state)
{
	(void)state;
	assert_run(late_main, NULL, 0);
	assert_log("body added late");
}

static int single_main(void *arg)
{
	struct child c[] = { { "b", 3, 0, 0, 0 } }, a = { "a", 9, 0, 0, 0 };
	struct rondo_task_group g;
	rondo_task *t = rondo_create_task(works, &a);

	(void)arg;
	BEGIN(&g, c);
	CHECK_EQUAL(rondo_task_group_add(&g, rondo_task_ref(t)), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_task_group_end(&g, 0), 0);
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	return 0;
}

/* G5, p31. */
static void test_a_child_cancelled_alone_is_no_error(void **state)
{
	(void)state;
	assert_run(single_main, NULL, 0);
	assert_log("a-cancel a-end b");
}

/* --- errors -------------------------------------------------------------------------------- */

static int cancelled_body(int ret)
{
	if (ret == -ECANCELED)
		note("body-cancel");
	return ret;
}

static int same_turn_main(void *arg)
{
	struct child c[] = { { "a", 1, -EIO, 0, 0 }, { "b", 1, -EPIPE, 0, 0 },
			     { "c", 9, 0, 1, 0 } };
	struct rondo_task_group g;

	(void)arg;
	BEGIN(&g, c);
	CHECK_EQUAL(rondo_task_group_end(&g, cancelled_body(yield_times(9))), -RONDO_EGROUP);
	CHECK_EQUAL(rondo_task_group_n_errors(&g), 2);
	CHECK_EQUAL(error_of(&g, 0), -EIO);
	CHECK_EQUAL(error_of(&g, 1), -EPIPE);
	CHECK(!rondo_task_group_error(&g, 2));
	CHECK_EQUAL(rondo_cancelling(rondo_current_task()), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	return 0;
}

/* G2, G4, p30: both that fail in the same turn are errors; the rest, and the body, are
 * cancelled. */
static void test_the_first_error_cancels_the_others_a_turn_later(void **state)
{
	(void)state;
	assert_run(same_turn_main, NULL, 0);
	assert_log("a b c-cancel body-cancel c-end");
}

static int body_last_main(void *arg)
{
	struct child c[] = { { "a", 1, -EIO, 0, 0 } };
	struct rondo_task_group g;

	(void)arg;
	BEGIN(&g, c);
	rondo_task_set_name(rondo_current_task(), "owner");
	CHECK_EQUAL(yield_times(5), -ECANCELED);
	CHECK_EQUAL(rondo_task_group_end(&g, -ENOENT), -RONDO_EGROUP);
	CHECK_EQUAL(rondo_task_group_n_errors(&g), 2);
	CHECK_EQUAL(error_of(&g, 0), -EIO);
	CHECK_EQUAL(error_of(&g, 1), -ENOENT);
	CHECK(!strcmp(rondo_task_group_error(&g, 1)->task, "owner"));
	CHECK(!strncmp(rondo_task_group_error(&g, 0)->task, "Task-", 5));
	return 0;
}

/* G4, p30. */
static void test_the_bodys_own_error_comes_last(void **state)
{
	(void)state;
	assert_run(body_last_main, NULL, 0);
	assert_log("a");
}

static int body_error_main(void *arg)
{
	struct child c[] = { { "a", 9, 0, 2, 0 }, { "b", 9, 0, 0, -EPIPE } };
	struct rondo_task_group g;

	(void)arg;
	BEGIN(&g, c);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_task_group_end(&g, -ENOENT), -RONDO_EGROUP);
	CHECK_EQUAL(rondo_task_group_n_errors(&g), 2);
	CHECK_EQUAL(error_of(&g, 0), -EPIPE);
	CHECK_EQUAL(error_of(&g, 1), -ENOENT);
	return 0;
}

static void test_an_error_of_the_body_cancels_the_children(void **state)
{
	(void)state;
	assert_run(body_error_main, NULL, 0);
	assert_log("a-cancel b-cancel b-end a-end");
}

static int nested_main(void *arg)
{
	struct child o[] = { { "o", 9, 0, 0, 0 } }, i[] = { { "i", 1, -EIO, 0, 0 },
							    { "j", 9, 0, 0, 0 } };
	struct rondo_task_group outer, inner;
	int ret;

	(void)arg;
	BEGIN(&outer, o);
	BEGIN(&inner, i);
	ret = rondo_task_group_end(&inner, 0);
	CHECK_EQUAL(ret, -RONDO_EGROUP);
	CHECK_EQUAL(rondo_task_group_end(&outer, ret), -RONDO_EGROUP);
	CHECK_EQUAL(error_of(&inner, 0), -EIO);
	CHECK_EQUAL(error_of(&outer, 0), -RONDO_EGROUP);
	CHECK_EQUAL(rondo_task_group_n_errors(&outer), 1);
	CHECK_EQUAL(rondo_cancelling(rondo_current_task()), 0);
	return 0;
}

/* G4: nested groups nest. */
static void test_the_error_of_an_inner_group_is_one_of_the_outer(void **state)
{
	(void)state;
	assert_run(nested_main, NULL, 0);
	assert_log("i j-cancel j-end o-cancel o-end");
}

static int n_reports;

static void count_report(const struct rondo_report *r, void *arg)
{
	(void)arg;
	n_reports += r->error == -EIO;
}

static int many_errors_main(void *arg)
{
	struct rondo_task_group_error room[12];
	const struct rondo_task_group_options o = { .errors = arg ? room : NULL, .n_errors = 12 };
	struct child c = { "x", 1, -EIO, 0, 0 };
	struct rondo_task_group g;

	CHECK_EQUAL(rondo_task_group_begin_with(&g, &o), 0);
	for (int i = 0; i < 11; i++)
		CHECK_EQUAL(rondo_task_group_spawn(&g, works, &c), 0);
	CHECK_EQUAL(rondo_task_group_end(&g, 0), -RONDO_EGROUP);
	CHECK_EQUAL(rondo_task_group_n_errors(&g), 11);
	CHECK_EQUAL(error_of(&g, 7), -EIO);
	CHECK_EQUAL(error_of(&g, 8), arg ? -EIO : 0);
	CHECK_EQUAL(error_of(&g, 11), 0);
	CHECK_EQUAL(n_reports, arg ? 0 : 3);
	return 0;
}

/* G4: all of them, in the caller's memory; without it none is lost in silence. */
static void test_errors_beyond_the_room_are_told(void **state)
{
	const struct rondo_options o = { .on_error = count_report };

	(void)state;
	n_reports = 0;
	assert_run_on(&rondo__kernel_linux, &o, many_errors_main, NULL, 0);
	n_reports = 0;
	assert_run_on(&rondo__kernel_linux, &o, many_errors_main, word("room"), 0);
}

/* --- the owner is cancelled ---------------------------------------------------------------- */

struct owner {
	struct child *children;
	size_t n_children;
	int after;			/* what the await after the group returned */
};

static int owns(void *arg)
{
	struct owner *o = arg;
	struct rondo_task_group g;
	int ret;

	CHECK_EQUAL(begin(&g, o->children, o->n_children), 0);
	ret = rondo_task_group_end(&g, 0);
	if (ret == -RONDO_EGROUP)
		note("EG%u", rondo_cancelling(rondo_current_task()));
	o->after = rondo_yield();
	return ret;
}

static int cancelled_owner(struct child *c, size_t n, unsigned n_turns, unsigned n_cancels,
			   int result, int after)
{
	struct owner o = { c, n, 0 };
	rondo_task *t = rondo_create_task(owns, &o);

	CHECK_EQUAL(yield_times(n_turns), 0);
	for (unsigned i = 0; i < n_cancels; i++) {
		CHECK(rondo_cancel(t));
		note("cancel");
		CHECK_EQUAL(rondo_yield(), 0);
	}
	CHECK_EQUAL(rondo_await(rondo_task_ref(t)), result);
	CHECK_EQUAL(o.after, after);
	CHECK_EQUAL(rondo_cancelling(t), n_cancels);
	rondo_detach(t);
	return 0;
}

static int clean_main(void *arg)
{
	struct child c[] = { { "a", 9, 0, 2, 0 }, { "b", 9, 0, 0, 0 } };

	(void)arg;
	return cancelled_owner(c, 2, 3, 1, -ECANCELED, 0);
}

/* G6, p32: `clean -> cancelled, 1`. */
static void test_a_cancel_of_the_owner_cancels_the_children_and_comes_out(void **state)
{
	(void)state;
	assert_run(clean_main, NULL, 0);
	assert_log("cancel a-cancel b-cancel b-end a-end");
}

static int child_errs_main(void *arg)
{
	struct child c[] = { { "a", 9, 0, 2, -EIO } };

	(void)arg;
	return cancelled_owner(c, 1, 3, 1, -RONDO_EGROUP, -ECANCELED);
}

/* G6, p32: `child errs -> ExceptionGroup, 1`; the next await is cancelled. */
static void test_errors_win_over_the_cancel_which_comes_next(void **state)
{
	(void)state;
	assert_run(child_errs_main, NULL, 0);
	assert_log("cancel a-cancel a-end EG1");
}

static int repeated_main(void *arg)
{
	struct child c[] = { { "a", 9, 0, 6, 0 } };

	(void)arg;
	return cancelled_owner(c, 1, 3, 3, -ECANCELED, 0);
}

/* G3. */
static void test_repeated_cancels_do_not_cut_the_cleanup_short(void **state)
{
	(void)state;
	assert_run(repeated_main, NULL, 0);
	assert_log("cancel cancel a-cancel cancel a-end");
}

static int race_main(void *arg)
{
	struct child c[] = { { "a", 3, -EIO, 0, 0 } };

	(void)arg;
	return cancelled_owner(c, 1, 4, 1, -RONDO_EGROUP, -ECANCELED);
}

static void test_a_cancel_in_the_turn_of_an_error_loses_neither(void **state)
{
	(void)state;
	assert_run(race_main, NULL, 0);
	assert_log("cancel a EG1");
}

/* --- rondo_task_group_cancel ---------------------------------------------------------------- */

static int cancels_group(void *arg)
{
	CHECK_EQUAL(rondo_yield(), 0);
	rondo_task_group_cancel(arg);
	rondo_task_group_cancel(arg);
	note("stop");
	CHECK_EQUAL(rondo_yield(), -ECANCELED);
	return 0;
}

static int cancel_main(void *arg)
{
	struct child c[] = { { "a", 9, 0, 1, 0 } };
	struct rondo_task_group g;
	int ret = 0;

	BEGIN(&g, c);
	CHECK_EQUAL(rondo_task_group_spawn(&g, cancels_group, &g), 0);
	if (arg)
		ret = cancelled_body(yield_times(9));
	CHECK_EQUAL(rondo_task_group_spawn(&g, works, c), arg ? -EPERM : 0);
	CHECK_EQUAL(rondo_task_group_end(&g, ret), 0);
	CHECK_EQUAL(rondo_task_group_n_errors(&g), 0);
	CHECK_EQUAL(rondo_cancelling(rondo_current_task()), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	return 0;
}

/* G9 (3.15). */
static void test_cancelling_a_group_ends_it_without_an_error(void **state)
{
	(void)state;
	assert_run(cancel_main, word("in the body"), 0);
	assert_log("stop body-cancel a-cancel a-end");
	assert_run(cancel_main, NULL, 0);
	assert_log("stop a-cancel a-cancel a-end a-end");
}

static int cancel_self_main(void *arg)
{
	struct child c[] = { { "a", 9, 0, 0, 0 } };
	struct rondo_task_group g;

	(void)arg;
	BEGIN(&g, c);
	rondo_task_group_cancel(&g);
	/* A body that does not await is not interrupted. */
	CHECK_EQUAL(rondo_task_group_end(&g, 3), 3);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_task_group_begin(&g), 0);
	rondo_task_group_cancel(&g);
	CHECK_EQUAL(rondo_task_group_end(&g, 0), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	return rondo_cancelling(rondo_current_task());
}

/* G9, T5: the child never starts. */
static void test_the_body_may_cancel_its_group(void **state)
{
	(void)state;
	assert_run(cancel_self_main, NULL, 0);
	assert_log("");
}

static struct rondo_task_group shared;

static int cancelled_twice(void *arg)
{
	struct child c[] = { { "a", 9, 0, 3, 0 } };
	int ret;

	(void)arg;
	BEGIN(&shared, c);
	ret = rondo_task_group_end(&shared, 0);
	note("end:%d,%u", ret, rondo_cancelling(rondo_current_task()));
	return ret;
}

static int both_main(void *arg)
{
	rondo_task *t = rondo_create_task(cancelled_twice, NULL);

	(void)arg;
	CHECK_EQUAL(yield_times(2), 0);
	rondo_task_group_cancel(&shared);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK(rondo_cancel(t));
	return rondo_await(t);
}

/* G7 (gh-155433): a cancel from outside during the wait is not taken for the group's own. */
static void test_a_cancel_from_outside_comes_out_of_a_cancelled_group(void **state)
{
	(void)state;
	assert_run(both_main, NULL, -ECANCELED);
	assert_log("a-cancel a-end end:-125,1");
}

/* --- limits, adding, looking --------------------------------------------------------------- */

static int limit_main(void *arg)
{
	struct child c[] = { { "a", 100000000, 0, 1, 0 } };
	struct rondo_task_group g;
	struct rondo_timeout limit;

	(void)arg;
	CHECK_EQUAL(rondo_timeout_begin(&limit, 0.001), 0);
	BEGIN(&g, c);
	CHECK_EQUAL(rondo_timeout_end(&limit, rondo_task_group_end(&g, 0)), -ETIMEDOUT);
	CHECK_EQUAL(rondo_cancelling(rondo_current_task()), 0);
	return 0;
}

static void test_a_limit_around_a_group_ends_its_children(void **state)
{
	(void)state;
	assert_run(limit_main, NULL, 0);
	assert_log("a-cancel a-end");
}

static int drops(void *arg)
{
	note("%s", (const char *)arg);
	return 0;
}

static void dropped(void *arg)
{
	note("%s-dropped", (const char *)arg);
}

static int add_main(void *arg)
{
	const struct rondo_task_options drop = { .on_drop = dropped };
	struct child ok = { "ok", 0, 4, 0, 0 }, bad = { "bad", 0, -EIO, 0, 0 };
	struct rondo_task_group g;
	rondo_task *t = rondo_create_task(works, &ok), *self = rondo_current_task();
	rondo_task *done, *late;

	(void)arg;
	CHECK_EQUAL(rondo_task_group_begin(&g), 0);
	CHECK_EQUAL(rondo_task_group_add(&g, NULL), -ENOMEM);
	CHECK_EQUAL(rondo_task_group_add(&g, rondo_task_ref(self)), -EDEADLK);
	CHECK_EQUAL(rondo_task_group_add(&g, rondo_task_ref(t)), 0);
	CHECK_EQUAL(rondo_task_group_add(&g, rondo_task_ref(t)), -EBUSY);
	CHECK_EQUAL(rondo_await(t), 4);
	done = rondo_create_task(works, &bad);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_task_group_add(&g, done), 0);		/* it has failed already */
	CHECK_EQUAL(rondo_task_group_end(&g, rondo_sleep(3600)), -RONDO_EGROUP);
	late = rondo_create_task_with(&drop, drops, word("x"));
	CHECK_EQUAL(rondo_task_group_add(&g, late), -EPERM);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo__loop->n_live, 1);
	return 0;
}

/* G1: a task that comes too late never runs, as the coroutine that asyncio closes. */
static void test_tasks_can_be_added_and_their_handles_are_used_up(void **state)
{
	(void)state;
	assert_run(add_main, NULL, 0);
	assert_log("ok bad x-dropped");
}

static int eager_child(void *arg)
{
	note("%zu", rondo_task_group_n_tasks(arg));
	return -EIO;
}

static int eager_main(void *arg)
{
	const struct rondo_task_options eager = { .eager = true };
	struct rondo_task_group g;

	(void)arg;
	CHECK_EQUAL(rondo_task_group_begin(&g), 0);
	CHECK_EQUAL(rondo_task_group_spawn_with(&g, &eager, eager_child, &g), 0);
	note("body");
	CHECK_EQUAL(rondo_task_group_end(&g, 0), -RONDO_EGROUP);
	CHECK_EQUAL(rondo_cancelling(rondo_current_task()), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	return 0;
}

/* T23 (gh-128550): it is a child before it runs, so its error is the group's. */
static void test_an_eager_child_that_fails_at_once_is_an_error(void **state)
{
	(void)state;
	assert_run(eager_main, NULL, 0);
	assert_log("1 body");
}

static int note_child(rondo_task *t, void *ctx)
{
	(void)ctx;
	note("%s", rondo_task_name(t));
	return 0;
}

static int each_main(void *arg)
{
	const struct rondo_task_options first = { .name = "first" }, second = { .name = "second" };
	struct child c = { "x", 1, 0, 0, 0 };
	struct rondo_task_group g;

	(void)arg;
	CHECK_EQUAL(rondo_task_group_begin(&g), 0);
	CHECK_EQUAL(rondo_task_group_spawn_with(&g, &first, works, &c), 0);
	CHECK_EQUAL(rondo_task_group_spawn_with(&g, &second, works, &c), 0);
	CHECK_EQUAL(rondo_task_group_each(&g, note_child, NULL), 0);
	CHECK_EQUAL(rondo_task_group_end(&g, 0), 0);
	CHECK_EQUAL(rondo_task_group_each(&g, note_child, NULL), 0);
	return 0;
}

/* G11. */
static void test_a_group_lists_its_children(void **state)
{
	(void)state;
	assert_run(each_main, NULL, 0);
	assert_log("first second x x");
}

/* --- bugs, deadlocks, the matrix, many ------------------------------------------------------ */

static int forgets_end(void *arg)
{
	static struct rondo_task_group g;

	return rondo_task_group_begin(arg ? arg : &g);
}

static int forgets_end_in_child(void)
{
	return rondo_run(forgets_end, NULL);
}

static int ends_twice(void *arg)
{
	struct rondo_task_group g;

	(void)arg;
	if (rondo_task_group_begin(&g) < 0 || rondo_task_group_end(&g, 0) < 0)
		return -1;
	return rondo_task_group_end(&g, 0);
}

static int ends_twice_in_child(void)
{
	return rondo_run(ends_twice, NULL);
}

/* G1, G10. */
static void test_a_group_is_ended_once_and_by_its_owner(void **state)
{
	(void)state;
	assert_bug(forgets_end_in_child, "a task group that it had begun");
	assert_bug(ends_twice_in_child, "not once");
}

static void keep_report(const struct rondo_report *r, void *arg)
{
	(void)arg;
	note("[%s]", r->message);
}

static int waits_for_ever(void *arg)
{
	return rondo_future_await(arg);
}

static int deadlock_main(void *arg)
{
	struct rondo_future never;
	struct rondo_task_group g;

	(void)arg;
	rondo_future_init(&never);
	CHECK_EQUAL(rondo_task_group_begin(&g), 0);
	CHECK_EQUAL(rondo_task_group_spawn(&g, waits_for_ever, &never), 0);
	return rondo_task_group_end(&g, 0);
}

static void test_a_group_that_cannot_end_is_reported_and_ended(void **state)
{
	const struct rondo_options o = { .on_error = keep_report };

	(void)state;
	assert_run_on(&rondo__kernel_linux, &o, deadlock_main, NULL, -EDEADLK);
	assert_log("[deadlock: waits for 1 tasks of its group] [deadlock: waits for future]");
}

static struct rondo_future gate;

static int group_of_one(void *arg)
{
	struct rondo_task_group g;
	int ret = rondo_task_group_begin(&g);

	(void)arg;
	if (ret < 0)
		return ret;
	rondo_future_init(&gate);
	ret = rondo_task_group_spawn(&g, waits_for_ever, &gate);
	return rondo_task_group_end(&g, ret < 0 ? ret : 5);
}

static int open_gate(void *arg)
{
	(void)arg;
	rondo_future_set_result(&gate, 6);
	return 0;
}

static void test_the_end_fits_the_matrix(void **state)
{
	const struct matrix_verb v = { .start = group_of_one, .finish = open_gate, .result = 5,
				       .once = true };

	(void)state;
	matrix_check("rondo_task_group_end", &v);
}

static int sleeps(void *arg)
{
	(void)arg;
	return rondo_sleep(3600);
}

static int many_main(void *arg)
{
	size_t n = STEP_SIZE(100000, 3000);
	struct rondo_task_group g;

	(void)arg;
	CHECK_EQUAL(rondo_task_group_begin(&g), 0);
	for (size_t i = 0; i < n; i++)
		CHECK_EQUAL(rondo_task_group_spawn(&g, sleeps, NULL), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	rondo_task_group_cancel(&g);
	CHECK_EQUAL(rondo_task_group_end(&g, 0), 0);
	CHECK_EQUAL(rondo__loop->n_live, 1);
	CHECK_EQUAL(heap_count(&rondo__loop->timers), 0);
	return 0;
}

static void test_a_hundred_thousand_children_are_cancelled(void **state)
{
	(void)state;
	assert_run(many_main, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_end_waits_for_all_children),
		cmocka_unit_test(test_a_group_of_one_takes_three_turns),
		cmocka_unit_test(test_a_child_may_add_children_until_the_last_one_ends),
		cmocka_unit_test(test_a_child_cancelled_alone_is_no_error),
		cmocka_unit_test(test_the_first_error_cancels_the_others_a_turn_later),
		cmocka_unit_test(test_the_bodys_own_error_comes_last),
		cmocka_unit_test(test_an_error_of_the_body_cancels_the_children),
		cmocka_unit_test(test_the_error_of_an_inner_group_is_one_of_the_outer),
		cmocka_unit_test(test_errors_beyond_the_room_are_told),
		cmocka_unit_test(test_a_cancel_of_the_owner_cancels_the_children_and_comes_out),
		cmocka_unit_test(test_errors_win_over_the_cancel_which_comes_next),
		cmocka_unit_test(test_repeated_cancels_do_not_cut_the_cleanup_short),
		cmocka_unit_test(test_a_cancel_in_the_turn_of_an_error_loses_neither),
		cmocka_unit_test(test_cancelling_a_group_ends_it_without_an_error),
		cmocka_unit_test(test_the_body_may_cancel_its_group),
		cmocka_unit_test(test_a_cancel_from_outside_comes_out_of_a_cancelled_group),
		cmocka_unit_test(test_a_limit_around_a_group_ends_its_children),
		cmocka_unit_test(test_tasks_can_be_added_and_their_handles_are_used_up),
		cmocka_unit_test(test_an_eager_child_that_fails_at_once_is_an_error),
		cmocka_unit_test(test_a_group_lists_its_children),
		cmocka_unit_test(test_a_group_is_ended_once_and_by_its_owner),
		cmocka_unit_test(test_a_group_that_cannot_end_is_reported_and_ended),
		cmocka_unit_test(test_the_end_fits_the_matrix),
		cmocka_unit_test(test_a_hundred_thousand_children_are_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
