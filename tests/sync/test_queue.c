/* SPDX-License-Identifier: MIT */
/* test_queue.c - goal: a queue is asyncio's Queue, and better in one respect: nobody overtakes a
 * task that was woken, to get or to put. Method: rows Q1 to Q4 and Q7 and probes p04, p38 and p39
 * as orders of events. */
#include "sync/ints.h"

/* --- getting and putting ------------------------------------------------------------------ */

static int puts_four(void *arg)
{
	(void)arg;
	for (int i = 0; i < 4; i++) {
		CHECK_EQUAL(ints_put(&q, i), 0);
		note("put%d", i);
	}
	return 0;
}

static int gets_four(void *arg)
{
	(void)arg;
	for (int i = 0; i < 4; i++) {
		int item;

		CHECK_EQUAL(ints_get(&q, &item), 0);
		note("%d", item);
	}
	return 0;
}

static int p38_main(void *arg)
{
	CHECK_EQUAL(make(1), 0);
	return RONDO_GATHER(rondo_create_task(puts_four, arg), rondo_create_task(gets_four, arg));
}

/* Q1, p38: put waits when full, get when empty, items in order, one wake-up each. */
static void test_a_queue_of_one_alternates(void **state)
{
	(void)state;
	run(p38_main);
	assert_log("put0 0 put1 1 put2 2 put3 3");
}

static int handed_on_main(void *arg)
{
	rondo_task *g1, *g2;

	(void)arg;
	CHECK_EQUAL(make(1), 0);
	g1 = getter("g1");
	g2 = getter("g2");
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(ints_put_nowait(&q, 5), 0);
	CHECK(rondo_cancel(g1));
	CHECK_EQUAL(rondo_await(g1), -ECANCELED);
	return rondo_await(g2);
}

/* Q3, p38: woken, then cancelled: the item goes to the next one. */
static void test_a_cancelled_getter_loses_no_item(void **state)
{
	(void)state;
	run(handed_on_main);
	assert_log("g1-cancelled g2=5");
}

static int nowait_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(make(2), 0);
	CHECK_EQUAL(rondo_queue_max(&q.queue), 2);
	CHECK(rondo_queue_empty(&q.queue));
	CHECK_EQUAL(get_now(), -EAGAIN);
	CHECK_EQUAL(ints_put_nowait(&q, 1), 0);
	CHECK(!rondo_queue_empty(&q.queue) && !rondo_queue_full(&q.queue));
	CHECK_EQUAL(ints_put_nowait(&q, 2), 0);
	CHECK(rondo_queue_full(&q.queue));
	CHECK_EQUAL(ints_put_nowait(&q, 3), -EAGAIN);
	CHECK_EQUAL(rondo_queue_size(&q.queue), 2);
	CHECK_EQUAL(get_now(), 1);
	CHECK_EQUAL(ints_put_nowait(&q, 3), 0);
	CHECK_EQUAL(get_now(), 2);
	CHECK_EQUAL(get_now(), 3);
	CHECK_EQUAL(get_now(), -EAGAIN);
	return 0;
}

/* Q4: QueueEmpty and QueueFull are -EAGAIN. */
static void test_without_waiting_a_queue_says_try_again(void **state)
{
	(void)state;
	run(nowait_main);
}

static int no_yield_main(void *arg)
{
	rondo_task *other = putter(9);
	int item;

	(void)arg;
	CHECK_EQUAL(make(RONDO_UNBOUNDED), 0);
	for (int i = 0; i < 1000; i++)
		CHECK_EQUAL(ints_put(&q, i), 0);
	for (int i = 0; i < 1000; i++) {
		CHECK_EQUAL(ints_get(&q, &item), 0);
		CHECK_EQUAL(item, i);
	}
	CHECK(!rondo_queue_full(&q.queue));
	note("main");
	return rondo_await(other);
}

/* Q1, p04: what need not wait does not yield; an unbounded queue is asked for by name. */
static void test_an_unbounded_queue_never_waits_to_put(void **state)
{
	(void)state;
	run(no_yield_main);
	assert_log("main put9-ok");
}

/* --- nobody overtakes --------------------------------------------------------------------- */

static int barging_putter_main(void *arg)
{
	rondo_task *t;

	(void)arg;
	CHECK_EQUAL(make(1), 0);
	CHECK_EQUAL(ints_put_nowait(&q, 0), 0);
	t = putter(1);
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(get_now(), 0);		/* wakes the putter */
	CHECK(!rondo_queue_full(&q.queue));
	CHECK_EQUAL(ints_put_nowait(&q, 2), -EAGAIN);
	CHECK_EQUAL(puts_one((void *)3), 0);	/* and who would wait, waits behind it */
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(get_now(), 3);
	return 0;
}

static int gets_soon(void *arg)
{
	(void)arg;
	CHECK_EQUAL(turns(6), 0);
	return gets(word("soon"));
}

static int barging_putter_outer(void *arg)
{
	rondo_task *t = rondo_create_task(gets_soon, arg);

	CHECK_EQUAL(barging_putter_main(arg), 0);
	return rondo_await(t);
}

/* Q2, p39, better than asyncio: there put_nowait(2) succeeds, and the putter queues again. */
static void test_nobody_puts_into_room_that_a_waiting_putter_was_woken_for(void **state)
{
	(void)state;
	run(barging_putter_outer);
	assert_log("put1-ok soon=1 put3-ok");
}

static int barging_getter_main(void *arg)
{
	rondo_task *g1;

	(void)arg;
	CHECK_EQUAL(make(4), 0);
	g1 = getter("g1");
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(ints_put_nowait(&q, 1), 0);
	CHECK_EQUAL(rondo_queue_size(&q.queue), 1);
	CHECK_EQUAL(get_now(), -EAGAIN);	/* it is for g1 */
	CHECK_EQUAL(ints_put_nowait(&q, 2), 0);
	CHECK_EQUAL(gets(word("main")), 0);	/* and this one for nobody */
	return rondo_await(g1);
}

/* Q2, better than asyncio: an item is not given to somebody else than who was woken for it. But the
 * items themselves come in the order they have, so who runs first gets the oldest. */
static void test_nobody_gets_an_item_that_a_waiting_getter_was_woken_for(void **state)
{
	(void)state;
	run(barging_getter_main);
	assert_log("main=1 g1=2");
}

static int fair_main(void *arg)
{
	rondo_task *tasks[6] = { getter("a"), getter("b"), getter("c") };

	(void)arg;
	CHECK_EQUAL(make(2), 0);
	CHECK_EQUAL(turns(2), 0);
	for (int i = 0; i < 3; i++)
		tasks[3 + i] = putter(i);
	CHECK_EQUAL(rondo_gather(6, tasks, NULL, 0), 0);
	return 0;
}

/* Q1, Q2: a queue of two, three getters that wait, three putters. The third one waits for a getter
 * to run, not because there is nobody to get. */
static void test_getters_and_putters_are_served_in_order(void **state)
{
	(void)state;
	run(fair_main);
	assert_log("put0-ok put1-ok a=0 b=1 put2-ok c=2");
}

static int cancelled_putter_main(void *arg)
{
	rondo_task *p1, *p2, *p3;

	(void)arg;
	CHECK_EQUAL(make(1), 0);
	CHECK_EQUAL(ints_put_nowait(&q, 0), 0);
	p1 = putter(1);
	p2 = putter(2);
	p3 = putter(3);
	CHECK_EQUAL(turns(2), 0);
	CHECK(rondo_cancel(p2));
	CHECK_EQUAL(get_now(), 0);
	CHECK(rondo_cancel(p1));		/* woken: its room goes to p3 */
	CHECK_EQUAL(rondo_await(p1), -ECANCELED);
	CHECK_EQUAL(rondo_await(p2), -ECANCELED);
	CHECK_EQUAL(rondo_await(p3), 0);
	CHECK_EQUAL(get_now(), 3);
	CHECK_EQUAL(get_now(), -EAGAIN);
	return 0;
}

/* Q3. */
static void test_a_cancelled_putter_leaves_no_item_and_hands_its_room_on(void **state)
{
	(void)state;
	run(cancelled_putter_main);
	assert_log("put2-cancelled put1-cancelled put3-ok");
}

/* --- pointers, priorities, errors --------------------------------------------------------- */

static int pointers_main(void *arg)
{
	struct rondo_queue p;
	void *item = arg;
	char a, b;

	CHECK_EQUAL(rondo_queue_init(&p, 2), 0);
	CHECK_EQUAL(rondo_queue_put(&p, &a), 0);
	CHECK_EQUAL(rondo_queue_put_nowait(&p, &b), 0);
	CHECK_EQUAL(rondo_queue_put_nowait(&p, &b), -EAGAIN);
	CHECK_EQUAL(rondo_queue_get(&p, &item), 0);
	CHECK(item == &a);
	CHECK_EQUAL(rondo_queue_get_nowait(&p, &item), 0);
	CHECK(item == &b);
	CHECK_EQUAL(rondo_queue_get_nowait(&p, &item), -EAGAIN);
	CHECK(item == &b);
	rondo_queue_free(&p);
	rondo_queue_free(NULL);
	return 0;
}

static void test_a_plain_queue_is_one_of_pointers(void **state)
{
	(void)state;
	assert_run(pointers_main, NULL, 0);
}

static int by_value(const void *a, const void *b)
{
	return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

static int priority_main(void *arg)
{
	const struct rondo_queue_options o = {
		.n_max = 4, .order = RONDO_QUEUE_PRIORITY, .compare = by_value,
	};
	rondo_task *g;

	(void)arg;
	CHECK_EQUAL(ints_init_with(&q, &o), 0);
	g = getter("g");
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(ints_put_nowait(&q, 5), 0);
	CHECK_EQUAL(ints_put_nowait(&q, 1), 0);
	CHECK_EQUAL(ints_put_nowait(&q, 3), 0);
	CHECK_EQUAL(rondo_await(g), 0);
	CHECK_EQUAL(get_now(), 3);
	CHECK_EQUAL(get_now(), 5);
	return 0;
}

/* Q7: the woken getter takes the best item there is when it runs. */
static void test_a_priority_queue_gives_the_lowest_first(void **state)
{
	(void)state;
	run(priority_main);
	assert_log("g=1");
}

static int lifo_main(void *arg)
{
	const struct rondo_queue_options o = { .n_max = 2, .order = RONDO_QUEUE_LIFO };
	rondo_task *p;

	(void)arg;
	CHECK_EQUAL(ints_init_with(&q, &o), 0);
	CHECK_EQUAL(ints_put_nowait(&q, 1), 0);
	CHECK_EQUAL(ints_put_nowait(&q, 2), 0);
	p = putter(3);
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(get_now(), 2);
	CHECK_EQUAL(rondo_await(p), 0);
	CHECK_EQUAL(get_now(), 3);
	CHECK_EQUAL(get_now(), 1);
	return 0;
}

/* Q7. */
static void test_a_lifo_queue_gives_the_newest_first(void **state)
{
	(void)state;
	run(lifo_main);
	assert_log("put3-ok");
}

static void test_a_queue_must_be_told_its_size_and_its_order(void **state)
{
	struct rondo_queue_options o = { .n_max = 1, .order = RONDO_QUEUE_PRIORITY };
	struct rondo_queue p;

	(void)state;
	assert_int_equal(rondo_queue_init(&p, 0), -EINVAL);
	assert_int_equal(rondo_queue_init_with(&p, &o), -EINVAL);
	assert_int_equal(rondo_queue_init(&p, SIZE_MAX - 1), -ENOMEM);
	o = (struct rondo_queue_options){ .n_max = 1, .item_size = SIZE_MAX, .compare = by_value,
					  .order = RONDO_QUEUE_PRIORITY };
	assert_int_equal(rondo_queue_init_with(&p, &o), -ENOMEM);
}

static int pointer_into_ints(void)
{
	CHILD_CHECK(ints_init(&q, 1) == 0);
	return rondo_queue_put_nowait(&q.queue, NULL);
}

static int freed_main(void *arg)
{
	CHECK_EQUAL(make(1), 0);
	(void)arg;
	CHECK(getter("g"));
	CHECK_EQUAL(turns(2), 0);
	ints_free(&q);
	return 0;
}

static int freed_under_a_getter(void)
{
	return rondo_run(freed_main, NULL);
}

static int freed_early_main(void *arg)
{
	CHECK_EQUAL(make(1), 0);
	(void)arg;
	CHECK(getter("g"));
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(ints_put_nowait(&q, 1), 0);		/* it is to get it, and has not run yet */
	ints_free(&q);
	return 0;
}

static int freed_under_one_who_was_woken(void)
{
	return rondo_run(freed_early_main, NULL);
}

static void test_misuse_stops_the_program(void **state)
{
	(void)state;
	assert_bug(freed_under_one_who_was_woken, "freed under a task");
	assert_bug(pointer_into_ints, "a queue of something else");
	assert_bug(freed_under_a_getter, "freed under a task");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_queue_of_one_alternates),
		cmocka_unit_test(test_a_cancelled_getter_loses_no_item),
		cmocka_unit_test(test_without_waiting_a_queue_says_try_again),
		cmocka_unit_test(test_an_unbounded_queue_never_waits_to_put),
		cmocka_unit_test(test_nobody_puts_into_room_that_a_waiting_putter_was_woken_for),
		cmocka_unit_test(test_nobody_gets_an_item_that_a_waiting_getter_was_woken_for),
		cmocka_unit_test(test_getters_and_putters_are_served_in_order),
		cmocka_unit_test(test_a_cancelled_putter_leaves_no_item_and_hands_its_room_on),
		cmocka_unit_test(test_a_plain_queue_is_one_of_pointers),
		cmocka_unit_test(test_a_priority_queue_gives_the_lowest_first),
		cmocka_unit_test(test_a_lifo_queue_gives_the_newest_first),
		cmocka_unit_test(test_a_queue_must_be_told_its_size_and_its_order),
		cmocka_unit_test(test_misuse_stops_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
