/* SPDX-License-Identifier: MIT */
/* test_select.c - goal: exactly one case of a select wins, and of the others nothing has happened.
 * Method: each kind alone and beside others, orders of events, the matrix, the smallest queues of the
 * ring. test_select_crowd.c has many tasks at once. */
#include "rondo/select.h"

#include <math.h>
#include <poll.h>

#include "rondo/file.h"
#include "rondo/splice.h"
#include "rondo/wait.h"
#include "sync/ints.h"

static struct ints q2;
static struct rondo_event event;
static struct rondo_future future;
static int fds[2];

static void run_select(rondo_fn *main)
{
	event = (struct rondo_event)RONDO_EVENT_INIT;
	run(main);
	assert_null(event.waiters_.first_);
}

/* --- what is there already ------------------------------------------------------------------- */

static int at_once_main(void *arg)
{
	int a = 0, b = 5;
	struct rondo_select_case cases[] = {
		rondo_select_get(&q.queue, &a), rondo_select_event(&event),
		rondo_select_put(&q.queue, &b), rondo_select_time(1),
	};

	(void)arg;
	CHECK_EQUAL(make(1), 0);
	CHECK_EQUAL(rondo_select(cases, 4, 0), 2);	/* room, before a time that is over */
	CHECK_EQUAL(cases[2].result, 0);
	rondo_event_set(&event);
	CHECK_EQUAL(rondo_select(cases, 4, RONDO_FOREVER), 0);
	CHECK_EQUAL(cases[0].result, 0);
	CHECK_EQUAL(a, 5);
	CHECK_EQUAL(rondo_select(cases, 4, RONDO_FOREVER), 1);
	rondo_event_clear(&event);
	CHECK_EQUAL(rondo_select(cases + 3, 1, RONDO_FOREVER), 0);
	rondo_queue_shutdown(&q.queue, false);
	CHECK_EQUAL(rondo_select(cases, 4, RONDO_FOREVER), 0);
	CHECK_EQUAL(cases[0].result, -RONDO_EQSHUTDOWN);
	return 0;
}

/* In the order of the cases, without a yield. */
static void test_what_is_there_is_taken_in_the_order_of_the_cases(void **state)
{
	(void)state;
	run_select(at_once_main);
}

static int nothing(void *arg)
{
	(void)arg;
	return 3;
}

static int done_main(void *arg)
{
	rondo_task *t = rondo_create_task(nothing, NULL);
	struct rondo_select_case cases[] = { rondo_select_task(t), rondo_select_future(&future) };

	(void)arg;
	CHECK_EQUAL(make(1), 0);
	rondo_future_init(&future);
	CHECK_EQUAL(rondo_select(cases, 2, RONDO_FOREVER), 0);
	CHECK_EQUAL(cases[0].result, 0);
	CHECK_EQUAL(rondo_select(cases, 2, RONDO_FOREVER), 0);
	CHECK_EQUAL(rondo_await(t), 3);
	CHECK_EQUAL(rondo_future_set_result(&future, 4), 0);
	CHECK_EQUAL(rondo_select(cases + 1, 1, RONDO_FOREVER), 0);
	CHECK_EQUAL(cases[1].result, 0);
	CHECK_EQUAL(rondo_future_result(&future), 4);
	return 0;
}

static void test_a_task_and_a_future_that_are_done(void **state)
{
	(void)state;
	run_select(done_main);
}

/* --- waiting --------------------------------------------------------------------------------- */

static int item;

/* Everything at once, in this order. */
static int selects(void *arg)
{
	struct rondo_select_case cases[] = {
		rondo_select_get(&q.queue, &item), rondo_select_event(&event),
		rondo_select_future(&future), rondo_select_fd(fds[0], POLLIN),
		rondo_select_get(&q2.queue, &item), rondo_select_task(arg),
		rondo_select_time(rondo_now_ns() + UINT64_C(3600000000000)),
	};
	int ret = rondo_select(cases, 7, 3600);

	note("%d", ret);
	return ret < 0 ? ret : cases[ret].result < 0 ? cases[ret].result : ret;
}

static int sleeps(void *arg)
{
	(void)arg;
	return rondo_event_wait(&event);
}

/* Nothing of the select may be left anywhere. */
static int nothing_is_left(void)
{
	struct rondo_loop_stats stats;

	CHECK(!q.queue.sides_[0].waiters_.first_ && !q2.queue.sides_[0].waiters_.first_);
	CHECK_EQUAL(q.queue.sides_[0].n_woken_, 0);
	rondo_loop_stats(&stats);
	CHECK_EQUAL(stats.n_timers, 0);
	return 0;
}

static int open_all(void)
{
	CHECK_EQUAL(make(1), 0);
	CHECK_EQUAL(ints_init(&q2, 1), 0);
	CHECK_EQUAL(rondo_pipe(fds, 0), 0);
	rondo_future_init(&future);
	return 0;
}

static int close_all(void)
{
	ints_free(&q2);
	CHECK_EQUAL(rondo_close(fds[0]), 0);
	CHECK_EQUAL(rondo_close(fds[1]), 0);
	return 0;
}

static int each_main(void *arg)
{
	(void)arg;
	if (open_all() < 0)
		return -1;
	for (int i = 0; i < 6; i++) {
		rondo_task *other = rondo_create_task(sleeps, NULL);
		rondo_task *t = rondo_create_task(selects, other);

		CHECK_EQUAL(turns(3), 0);
		CHECK_EQUAL(rondo_task_state(t), RONDO_PENDING);
		if (i == 0 || i == 4)
			CHECK_EQUAL(ints_put_nowait(i ? &q2 : &q, 40 + i), 0);
		else if (i == 1)
			rondo_event_set(&event);
		else if (i == 2)
			CHECK_EQUAL(rondo_future_set_result(&future, 9), 0);
		else if (i == 3)
			CHECK_EQUAL(rondo_write(fds[1], "x", 1), 1);
		else
			CHECK(rondo_cancel(other));
		CHECK_EQUAL(rondo_await(t), i == 3 ? 3 : i);
		CHECK_EQUAL(nothing_is_left(), 0);
		CHECK(i % 4 || item == 40 + i);
		CHECK_EQUAL(rondo_future_state(&future), i == 2 ? RONDO_DONE : RONDO_PENDING);
		rondo_future_init(&future);
		rondo_event_clear(&event);
		rondo_cancel(other);
		(void)rondo_await(other);
		CHECK(i != 3 || rondo_read(fds[0], &item, 1) == 1);
	}
	return close_all();
}

static void test_whatever_comes_first_wins_and_leaves_nothing_of_the_others(void **state)
{
	(void)state;
	run_select(each_main);
	assert_log("0 1 2 3 4 5");
}

static int both_main(void *arg)
{
	rondo_task *t;

	(void)arg;
	if (open_all() < 0)
		return -1;
	t = rondo_create_task(selects, NULL);
	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(ints_put_nowait(&q2, 8), 0);
	CHECK_EQUAL(ints_put_nowait(&q, 7), 0);		/* C1: nobody waits for it any more */
	CHECK_EQUAL(get_now(), 7);
	rondo_event_set(&event);
	CHECK_EQUAL(rondo_await(t), 4);
	CHECK_EQUAL(item, 8);
	return close_all();
}

static void test_who_was_granted_one_thing_is_granted_no_other(void **state)
{
	(void)state;
	run_select(both_main);
	assert_log("4");
}

static int behind_main(void *arg)
{
	rondo_task *t, *g;

	(void)arg;
	if (open_all() < 0)
		return -1;
	t = rondo_create_task(selects, NULL);
	CHECK_EQUAL(turns(3), 0);
	g = getter("g");
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(ints_put_nowait(&q, 7), 0);		/* for the select, which came first... */
	CHECK_EQUAL(get_now(), -EAGAIN);
	CHECK(rondo_cancel(t));				/* ... and gives it back: Q3 */
	CHECK_EQUAL(rondo_await(t), -ECANCELED);
	CHECK_EQUAL(rondo_await(g), 0);
	return close_all();
}

static void test_what_a_cancelled_select_was_granted_goes_to_the_next_in_line(void **state)
{
	(void)state;
	run_select(behind_main);
	assert_log("g=7 -125");	/* the poll takes a turn to end */
}

static int gives_event_main(void *arg)
{
	rondo_task *t;

	(void)arg;
	if (open_all() < 0)
		return -1;
	t = rondo_create_task(selects, NULL);
	CHECK_EQUAL(turns(3), 0);
	rondo_event_set(&event);
	rondo_event_clear(&event);
	CHECK_EQUAL(rondo_await(t), 1);
	return close_all();
}

/* S2, p35. */
static void test_an_event_that_was_set_and_cleared_has_won(void **state)
{
	(void)state;
	run_select(gives_event_main);
	assert_log("1");
}

static int limits_main(void *arg)
{
	struct rondo_select_case c = rondo_select_event(&event), never = rondo_select_event(NULL);
	uint64_t start = rondo_now_ns();

	(void)arg;
	CHECK_EQUAL(make(1), 0);
	CHECK_EQUAL(rondo_select(&c, 1, 0.001), -ETIMEDOUT);
	CHECK(rondo_now_ns() >= start + 1000000);
	CHECK_EQUAL(rondo_select(&c, 1, 0), -ETIMEDOUT);
	CHECK_EQUAL(rondo_select(&c, 1, -1), -ETIMEDOUT);
	CHECK_EQUAL(rondo_select(&c, 1, NAN), -EINVAL);
	CHECK_EQUAL(rondo_select(NULL, 0, 0), -ETIMEDOUT);
	CHECK_EQUAL(rondo_select(&never, 1, 0), -ETIMEDOUT);
	c = rondo_select_task(rondo_current_task());
	CHECK_EQUAL(rondo_select(&c, 1, 1), -EDEADLK);
	return 0;
}

static void test_a_select_has_a_time_limit(void **state)
{
	(void)state;
	run_select(limits_main);
}

static int ready_main(void *arg)
{
	struct rondo_select_case c[2];
	rondo_task *t;

	(void)arg;
	if (open_all() < 0)
		return -1;
	c[0] = rondo_select_event(&event);
	c[1] = rondo_select_fd(fds[1], POLLOUT);
	CHECK_EQUAL(rondo_select(c, 2, 0), 1);		/* what is ready runs once */
	CHECK_EQUAL(c[1].result, POLLOUT);
	c[1] = rondo_select_fd(-1, POLLIN);
	CHECK_EQUAL(rondo_select(c, 2, RONDO_FOREVER), 1);
	CHECK_EQUAL(c[1].result, -EBADF);
	t = rondo_create_task(selects, NULL);
	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(rondo_close(fds[0]), 0);
	CHECK_EQUAL(rondo_await(t), -EBADF);
	CHECK_EQUAL(rondo_pipe(fds, 0), 0);
	return close_all();
}

static void test_descriptors_that_are_ready_bad_or_closed_meanwhile(void **state)
{
	(void)state;
	run_select(ready_main);
	assert_log("3");
}

/* --- rings that are full all the time -------------------------------------------------------- */

enum { N_FDS = 40 };

static int crowded_main(void *arg)
{
	struct rondo_select_case c[N_FDS + 1];

	(void)arg;
	if (open_all() < 0)
		return -1;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N_FDS; i++)
			c[i] = rondo_select_fd(fds[0], POLLIN);
		c[N_FDS] = rondo_select_time(rondo_now_ns() + 1000000);
		CHECK_EQUAL(rondo_select(c, N_FDS + 1, RONDO_FOREVER), N_FDS);
		c[3] = rondo_select_fd(fds[1], POLLOUT);
		CHECK_EQUAL(rondo_select(c, N_FDS, RONDO_FOREVER), 3);
		CHECK_EQUAL(c[3].result, POLLOUT);
		CHECK_EQUAL(nothing_is_left(), 0);
	}
	return close_all();
}

/* Q1, C2: to begin one poll reaps the others. */
static void test_more_polls_than_the_ring_has_entries(void **state)
{
	const struct rondo_options o = { .sq_entries = 2, .cq_entries = 4 };

	(void)state;
	assert_run_on(&rondo__kernel_linux, &o, crowded_main, NULL, 0);
	ints_free(&q);
}

/* --- the matrix ------------------------------------------------------------------------------ */

static bool early;

static int prepare(void *ctx)
{
	(void)ctx;
	early = true;
	event = (struct rondo_event)RONDO_EVENT_INIT;
	return make(1) < 0 || ints_init(&q2, 1) < 0 || ints_put_nowait(&q2, 1) < 0 ||
	       pipe(fds) < 0 ? -1 : 0;
}

static void clean(void *ctx)
{
	(void)ctx;
	ints_free(&q);
	ints_free(&q2);
	close(fds[0]);
	close(fds[1]);
}

/* All kinds, of which ctx will win. */
static int select_here(void *ctx)
{
	int one = 1;
	struct rondo_select_case c[] = {
		rondo_select_fd(fds[0], POLLIN), rondo_select_get(&q.queue, &item),
		rondo_select_put(&q2.queue, &one), rondo_select_event(&event),
		rondo_select_future(&future),
	};
	int ret;

	if (early)			/* the future is of a loop */
		rondo_future_init(&future);
	early = false;
	ret = rondo_select(c, 5, 3600);
	(void)ctx;
	return ret < 0 ? ret : c[ret].result < 0 ? c[ret].result : ret;
}

static int finish(void *ctx)
{
	char c;

	switch (*(int *)ctx) {
	case 0:
		return write(fds[1], "x", 1) == 1 ? 0 : -errno;
	case 1:
		return ints_put_nowait(&q, 1);
	case 2:
		return ints_get_nowait(&q2, &item);
	case 3:
		rondo_event_set(&event);
		return 0;
	default:
		if (early)
			rondo_future_init(&future);
		early = false;
		(void)c;
		return rondo_future_set_result(&future, 0);
	}
}

static void test_each_kind_in_the_matrix(void **state)
{
	static const char *const names[] = { "fd", "get", "put", "event", "future" };

	(void)state;
	for (int i = 0; i < 5; i++) {
		struct matrix_verb v = {
			.start = select_here, .finish = finish, .prepare = prepare, .clean = clean,
			.ctx = &i, .result = i,
		};

		matrix_check(names[i], &v);
	}
}

static char report[512];

static void collect(const struct rondo_report *r, void *arg)
{
	(void)arg;
	snprintf(report, sizeof(report), "%s", r->message);
}

static int stuck_main(void *arg)
{
	struct rondo_select_case c[] = { rondo_select_event(&event), rondo_select_event(&event) };

	(void)arg;
	return rondo_select(c, 2, RONDO_FOREVER);
}

static void test_a_deadlock_report_tells_of_the_select(void **state)
{
	const struct rondo_options o = { .on_error = collect };

	(void)state;
	event = (struct rondo_event)RONDO_EVENT_INIT;
	assert_int_equal(rondo_run_with(&o, stuck_main, NULL), -EDEADLK);
	assert_string_equal(report, "deadlock: waits for the first of 2 waits");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_there_is_taken_in_the_order_of_the_cases),
		cmocka_unit_test(test_a_task_and_a_future_that_are_done),
		cmocka_unit_test(test_whatever_comes_first_wins_and_leaves_nothing_of_the_others),
		cmocka_unit_test(test_who_was_granted_one_thing_is_granted_no_other),
		cmocka_unit_test(test_what_a_cancelled_select_was_granted_goes_to_the_next_in_line),
		cmocka_unit_test(test_an_event_that_was_set_and_cleared_has_won),
		cmocka_unit_test(test_a_select_has_a_time_limit),
		cmocka_unit_test(test_descriptors_that_are_ready_bad_or_closed_meanwhile),
		cmocka_unit_test(test_more_polls_than_the_ring_has_entries),
		cmocka_unit_test(test_each_kind_in_the_matrix),
		cmocka_unit_test(test_a_deadlock_report_tells_of_the_select),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
