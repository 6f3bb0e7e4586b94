/* SPDX-License-Identifier: MIT */
/* test_channel.c - goal: a channel without room is a meeting, at which both sides succeed at one
 * instant; nothing is lost, whoever is cancelled, and who came first is served first. Method: orders of
 * events, the matrix, a crowd being cancelled. */
#include "rondo/channel.h"
#include "support/matrix.h"
#include "support/step.h"

RONDO_CHANNEL(int, ints);

static struct ints c;

static void run(rondo_fn *main)
{
	assert_run(main, NULL, 0);
	assert_null(c.queue.sides_[0].waiters_.first_);
	assert_null(c.queue.sides_[1].waiters_.first_);
	assert_int_equal(c.queue.sides_[0].n_woken_, 0);
	assert_int_equal(c.queue.sides_[1].n_woken_, 0);
	ints_free(&c);
}

static const char *outcome(int ret)
{
	return ret == -ECANCELED ? "cancelled" : ret == -RONDO_EQSHUTDOWN ? "closed" :
	       ret == 0 ? "ok" : "failed";
}

static int sends(void *value)
{
	int ret = ints_send(&c, (int)(intptr_t)value);

	note("%d-%s", (int)(intptr_t)value, outcome(ret));
	return ret;
}

static rondo_task *sender(int value)
{
	return rondo_create_task(sends, (void *)(intptr_t)value);
}

static int receives(void *name)
{
	int value, ret = ints_receive(&c, &value);

	if (ret == 0)
		note("%s=%d", (const char *)name, value);
	else
		note("%s-%s", (const char *)name, outcome(ret));
	return ret;
}

static rondo_task *receiver(const char *name)
{
	return rondo_create_task(receives, word(name));
}

static int receive_now(void)
{
	int value, ret = ints_receive_nowait(&c, &value);

	return ret < 0 ? ret : value;
}

/* --- meetings ----------------------------------------------------------------------------- */

static int meeting_main(void *arg)
{
	rondo_task *t[4];

	(void)arg;
	CHECK_EQUAL(ints_init(&c, 0), 0);
	CHECK_EQUAL(rondo_queue_max(&c.queue), 0);
	CHECK_EQUAL(ints_send_nowait(&c, 1), -EAGAIN);
	CHECK_EQUAL(receive_now(), -EAGAIN);
	t[0] = sender(1);
	t[1] = sender(2);
	CHECK_EQUAL(turns(3), 0);
	note("|");
	CHECK_EQUAL(receive_now(), 1);
	CHECK_EQUAL(rondo_await(t[0]), 0);
	t[2] = receiver("a");
	t[3] = receiver("b");
	CHECK_EQUAL(turns(3), 0);
	note("|");
	CHECK_EQUAL(ints_send_nowait(&c, 3), 0);
	CHECK_EQUAL(rondo_gather(3, t + 1, NULL, 0), 0);
	CHECK_EQUAL(rondo_queue_size(&c.queue), 0);
	return 0;
}

/* S9's model between tasks: a send waits until somebody has it. */
static void test_without_room_both_sides_wait_for_each_other(void **state)
{
	(void)state;
	run(meeting_main);
	assert_log("| 1-ok a=2 2-ok | b=3");
}

static int in_order_main(void *arg)
{
	rondo_task *t[6];

	(void)arg;
	CHECK_EQUAL(ints_init(&c, 0), 0);
	for (int i = 0; i < 3; i++)
		t[i] = sender(i);
	CHECK_EQUAL(turns(2), 0);
	t[3] = receiver("a");
	t[4] = receiver("b");
	t[5] = receiver("c");
	return rondo_gather(6, t, NULL, 0);
}

static void test_who_came_first_is_served_first(void **state)
{
	(void)state;
	run(in_order_main);
	assert_log("a=0 b=1 c=2 0-ok 1-ok 2-ok");
}

/* --- cancels ------------------------------------------------------------------------------- */

static int receives_twice(void *arg)
{
	int value = 0;

	note("%s", outcome(ints_receive(&c, &value)));
	note("%d", value);
	note("%s", outcome(ints_receive(&c, &value)));
	return *(int *)arg = value;
}

static int met_main(void *arg)
{
	int value = 0;
	rondo_task *t;

	(void)arg;
	CHECK_EQUAL(ints_init(&c, 0), 0);
	t = rondo_create_task(receives_twice, &value);
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(ints_send_nowait(&c, 5), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), 5);
	t = sender(6);
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(receive_now(), 6);
	CHECK(rondo_cancel(t));			/* it ends well: T8 does not undo what was sent */
	CHECK_EQUAL(rondo_await(t), 0);
	return 0;
}

/* D1: success beats cancel, which is told by the next await. */
static void test_who_met_somebody_has_succeeded_though_cancelled(void **state)
{
	(void)state;
	run(met_main);
	assert_log("ok 5 cancelled 6-ok");
}

static int left_main(void *arg)
{
	rondo_task *a, *b, *one, *two;

	(void)arg;
	CHECK_EQUAL(ints_init(&c, 0), 0);
	a = receiver("a");
	b = receiver("b");
	CHECK_EQUAL(turns(2), 0);
	CHECK(rondo_cancel(a));
	CHECK_EQUAL(ints_send_nowait(&c, 1), 0);
	CHECK_EQUAL(rondo_await(b), 0);
	CHECK_EQUAL(rondo_await(a), -ECANCELED);
	one = sender(1);
	two = sender(2);
	CHECK_EQUAL(turns(2), 0);
	CHECK(rondo_cancel(one));
	CHECK_EQUAL(receive_now(), 2);
	CHECK_EQUAL(rondo_await(two), 0);
	CHECK_EQUAL(rondo_await(one), -ECANCELED);
	return 0;
}

static void test_who_is_cancelled_while_it_waits_meets_nobody(void **state)
{
	(void)state;
	run(left_main);
	assert_log("a-cancelled b=1 1-cancelled 2-ok");
}

/* --- closing -------------------------------------------------------------------------------- */

static int closed_main(void *arg)
{
	rondo_task *t;
	int value;

	(void)arg;
	CHECK_EQUAL(ints_init(&c, 0), 0);
	t = receiver("a");
	CHECK_EQUAL(turns(2), 0);
	ints_close(&c);
	CHECK_EQUAL(rondo_await(t), -RONDO_EQSHUTDOWN);
	CHECK_EQUAL(ints_send(&c, 1), -RONDO_EQSHUTDOWN);
	CHECK_EQUAL(ints_receive(&c, &value), -RONDO_EQSHUTDOWN);
	ints_free(&c);
	CHECK_EQUAL(ints_init(&c, 0), 0);
	t = sender(1);
	CHECK_EQUAL(turns(2), 0);
	ints_close(&c);
	CHECK_EQUAL(receive_now(), -RONDO_EQSHUTDOWN);
	CHECK_EQUAL(rondo_await(t), -RONDO_EQSHUTDOWN);
	ints_free(&c);
	CHECK_EQUAL(ints_init(&c, 2), 0);
	CHECK_EQUAL(ints_send(&c, 1), 0);
	ints_close(&c);
	CHECK_EQUAL(receive_now(), 1);
	CHECK_EQUAL(receive_now(), -RONDO_EQSHUTDOWN);
	return 0;
}

/* Q6 in a channel's words. */
static void test_a_closed_channel_ends_sending_and_receiving(void **state)
{
	(void)state;
	run(closed_main);
	assert_log("a-closed 1-closed");
}

static void test_a_rendezvous_has_neither_room_nor_another_order(void **state)
{
	struct rondo_queue_options o = { .rendezvous = true, .n_max = 1 };
	struct rondo_queue queue;

	(void)state;
	assert_int_equal(rondo_queue_init_with(&queue, &o), -EINVAL);
	o = (struct rondo_queue_options){ .rendezvous = true, .order = RONDO_QUEUE_LIFO };
	assert_int_equal(rondo_queue_init_with(&queue, &o), -EINVAL);
}

static int joined_main(void *arg)
{
	rondo_task *t;

	(void)arg;
	CHECK_EQUAL(ints_init(&c, 0), 0);
	t = sender(1);
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_queue_join(&c.queue), 0);	/* nothing was put yet */
	CHECK_EQUAL(receive_now(), 1);
	CHECK_EQUAL(rondo_wait_for((rondo_fn *)(void *)rondo_queue_join, &c.queue, 1e-9), -ETIMEDOUT);
	CHECK_EQUAL(rondo_queue_task_done(&c.queue), 0);
	CHECK_EQUAL(rondo_queue_join(&c.queue), 0);
	return rondo_await(t);
}

/* Q5. */
static void test_what_was_sent_counts_as_unfinished_from_the_meeting_on(void **state)
{
	(void)state;
	run(joined_main);
	assert_log("1-ok");
}

/* --- the matrix ----------------------------------------------------------------------------- */

static int prepare(void *ctx)
{
	return ints_init(&c, *(size_t *)ctx);
}

static void clean(void *ctx)
{
	(void)ctx;
	ints_free(&c);
}

static int send_here(void *ctx)
{
	(void)ctx;
	return ints_send(&c, 7);
}

static int receive_here(void *ctx)
{
	int value = 0;

	(void)ctx;
	return ints_receive(&c, &value) < 0 ? -ECANCELED : value;
}

static int let_send(void *ctx)
{
	rondo_detach(rondo_create_task(send_here, ctx));
	return 0;
}

static int let_receive(void *ctx)
{
	rondo_detach(rondo_create_task(receive_here, ctx));
	return 0;
}

static void test_sending_and_receiving_in_the_matrix(void **state)
{
	size_t none = 0, one = 1;
	struct matrix_verb v = {
		.start = receive_here, .finish = let_send, .prepare = prepare, .clean = clean,
		.ctx = &none, .result = 7,
	};

	(void)state;
	matrix_check("receive, room for none", &v);
	v.ctx = &one;
	matrix_check("receive, room for one", &v);
	v = (struct matrix_verb){
		.start = send_here, .finish = let_receive, .prepare = prepare, .clean = clean,
		.ctx = &none,
	};
	matrix_check("send, room for none", &v);
}

/* --- a crowd -------------------------------------------------------------------------------- */

enum { N_TASKS = 16, N_SENT = 1000000 };

static uint64_t n_sent, n_received, sum_sent, sum_received;
static size_t n_wanted;

static int crowd_sends(void *arg)
{
	int ret = 0;

	for (unsigned i = 0; ret == 0; i++) {
		int value = (int)((uintptr_t)arg * 1000 + i % 1000);

		ret = ints_send(&c, value);
		if (ret == 0) {
			n_sent++;
			sum_sent += (unsigned)value;
			ret = turns(i % 7 == 0);
		}
	}
	return ret;
}

static int crowd_receives(void *arg)
{
	int value, ret = 0;

	(void)arg;
	for (unsigned i = 0; ret == 0; i++) {
		ret = ints_receive(&c, &value);
		if (ret == 0) {
			n_received++;
			sum_received += (unsigned)value;
			ret = turns(i % 5 == 0);
		}
	}
	return ret;
}

static rondo_task *crowd_task(uintptr_t i)
{
	return rondo_create_task(i % 2 ? crowd_sends : crowd_receives, (void *)i);
}

static int crowd_main(void *arg)
{
	rondo_task *tasks[N_TASKS];
	unsigned seed = 1;

	CHECK_EQUAL(ints_init(&c, *(size_t *)arg), 0);
	for (uintptr_t i = 0; i < N_TASKS; i++)
		tasks[i] = crowd_task(i);
	while (n_received < n_wanted) {
		uintptr_t i;

		seed = seed * 1664525u + 1013904223u;
		i = (seed >> 8) % N_TASKS;
		CHECK_EQUAL(turns((int)(seed >> 28)), 0);
		rondo_cancel(tasks[i]);
		CHECK_EQUAL(rondo_await(tasks[i]), -ECANCELED);
		tasks[i] = crowd_task(i);
	}
	ints_close(&c);
	for (unsigned i = 0; i < N_TASKS; i++)
		CHECK_EQUAL(rondo_await(tasks[i]), -RONDO_EQSHUTDOWN);
	return 0;
}

/* Q3, K8. */
static void test_a_million_values_through_a_crowd_being_cancelled(void **state)
{
	static const size_t rooms[] = { 0, 1, 3 };

	(void)state;
	for (int i = 0; i < 3; i++) {
		n_sent = n_received = sum_sent = sum_received = 0;
		n_wanted = STEP_SIZE(N_SENT, N_SENT / 50);
		assert_run(crowd_main, (void *)(uintptr_t)&rooms[i], 0);
		assert_int_equal(n_sent, n_received);
		assert_int_equal(sum_sent, sum_received);
		ints_free(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_without_room_both_sides_wait_for_each_other),
		cmocka_unit_test(test_who_came_first_is_served_first),
		cmocka_unit_test(test_who_met_somebody_has_succeeded_though_cancelled),
		cmocka_unit_test(test_who_is_cancelled_while_it_waits_meets_nobody),
		cmocka_unit_test(test_a_closed_channel_ends_sending_and_receiving),
		cmocka_unit_test(test_a_rendezvous_has_neither_room_nor_another_order),
		cmocka_unit_test(test_what_was_sent_counts_as_unfinished_from_the_meeting_on),
		cmocka_unit_test(test_sending_and_receiving_in_the_matrix),
		cmocka_unit_test(test_a_million_values_through_a_crowd_being_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
