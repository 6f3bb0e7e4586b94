/* SPDX-License-Identifier: MIT */
/* test_queue_shutdown.c - goal: joining a queue and shutting it down are asyncio's; the last item
 * finds somebody, and nobody waits in vain. Method: rows Q5 and Q6 and probes p49 and p50 as orders
 * of events. */
#include "sync/ints.h"

/* --- join --------------------------------------------------------------------------------- */

static int joins(void *name)
{
	int ret = rondo_queue_join(&q.queue);

	note("%s-%s", (const char *)name, outcome(ret));
	return ret;
}

static int join_main(void *arg)
{
	rondo_task *t;

	(void)arg;
	CHECK_EQUAL(make(8), 0);
	CHECK_EQUAL(joins(word("empty")), 0);
	CHECK_EQUAL(rondo_queue_task_done(&q.queue), -EINVAL);
	CHECK_EQUAL(ints_put_nowait(&q, 1), 0);
	CHECK_EQUAL(ints_put_nowait(&q, 2), 0);
	t = rondo_create_task(joins, word("two"));
	CHECK_EQUAL(get_now(), 1);
	CHECK_EQUAL(get_now(), 2);
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_queue_task_done(&q.queue), 0);
	CHECK_EQUAL(turns(2), 0);
	note("last");
	CHECK_EQUAL(rondo_queue_task_done(&q.queue), 0);
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(rondo_queue_task_done(&q.queue), -EINVAL);
	CHECK_EQUAL(ints_put_nowait(&q, 3), 0);
	t = rondo_create_task(joins, word("again"));
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_task_state(t), RONDO_PENDING);
	CHECK_EQUAL(rondo_queue_task_done(&q.queue), 0);
	return rondo_await(t);
}

/* Q5, p49. */
static void test_join_waits_until_every_item_is_done(void **state)
{
	(void)state;
	run(join_main);
	assert_log("empty-ok last two-ok again-ok");
}

/* --- shutdown ----------------------------------------------------------------------------- */

static int drains_main(void *arg)
{
	rondo_task *p;

	(void)arg;
	CHECK_EQUAL(make(1), 0);
	CHECK_EQUAL(ints_put_nowait(&q, 1), 0);
	p = putter(2);
	CHECK_EQUAL(turns(2), 0);
	rondo_queue_shutdown(&q.queue, false);
	CHECK_EQUAL(puts_one((void *)3), -RONDO_EQSHUTDOWN);
	CHECK_EQUAL(ints_put_nowait(&q, 3), -RONDO_EQSHUTDOWN);
	CHECK_EQUAL(rondo_await(p), -RONDO_EQSHUTDOWN);
	CHECK_EQUAL(gets(word("main")), 0);
	CHECK_EQUAL(gets(word("main")), -RONDO_EQSHUTDOWN);
	CHECK_EQUAL(get_now(), -RONDO_EQSHUTDOWN);
	note("%zu", rondo_queue_size(&q.queue));
	return 0;
}

/* Q6, p50: `QueueShutDown, 1, QSD, 0`. */
static void test_a_shut_down_queue_refuses_puts_and_is_drained(void **state)
{
	(void)state;
	run(drains_main);
	assert_log("put3-QueueShutDown put2-QueueShutDown main=1 main-QueueShutDown 0");
}

static int blocked_main(void *arg)
{
	rondo_task *a, *b;

	(void)arg;
	CHECK_EQUAL(make(1), 0);
	a = getter("a");
	b = getter("b");
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(ints_put_nowait(&q, 1), 0);
	rondo_queue_shutdown(&q.queue, false);
	CHECK_EQUAL(rondo_await(a), 0);
	CHECK_EQUAL(rondo_await(b), -RONDO_EQSHUTDOWN);
	return 0;
}

/* Q6: getters that wait are told; one that an item was meant for still gets it. */
static void test_a_shutdown_wakes_the_getters(void **state)
{
	(void)state;
	run(blocked_main);
	assert_log("a=1 b-QueueShutDown");
}

static unsigned n_dropped;

static void drop(void *item)
{
	n_dropped += *(int *)item;
}

static int immediate_main(void *arg)
{
	const struct rondo_queue_options o = { .n_max = 3, .on_drop = drop };
	rondo_task *j, *p, *g;

	(void)arg;
	CHECK_EQUAL(ints_init_with(&q, &o), 0);
	g = getter("g");
	CHECK_EQUAL(turns(2), 0);
	for (int i = 1; i <= 3; i++)
		CHECK_EQUAL(ints_put_nowait(&q, i), 0);
	p = putter(4);
	j = rondo_create_task(joins, word("join"));
	CHECK_EQUAL(turns(2), 0);		/* g has 1, p put 4 */
	rondo_queue_shutdown(&q.queue, true);
	CHECK_EQUAL(rondo_queue_size(&q.queue), 0);
	CHECK_EQUAL(rondo_await(g), 0);
	CHECK_EQUAL(rondo_await(p), 0);
	CHECK_EQUAL(get_now(), -RONDO_EQSHUTDOWN);
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_task_state(j), RONDO_PENDING);
	CHECK_EQUAL(rondo_queue_task_done(&q.queue), 0);	/* for the one that was got */
	return rondo_await(j);
}

/* Q6, p50: immediate: what is in the queue is dropped and counts as done. */
static void test_an_immediate_shutdown_drops_what_is_left(void **state)
{
	(void)state;
	n_dropped = 0;
	run(immediate_main);
	assert_log("g=1 put4-ok join-ok");
	assert_int_equal(n_dropped, 2 + 3 + 4);
}

static int woken_then_immediate_main(void *arg)
{
	rondo_task *g, *j;

	(void)arg;
	CHECK_EQUAL(make(1), 0);
	g = getter("g");
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(ints_put_nowait(&q, 1), 0);
	j = rondo_create_task(joins, word("join"));
	rondo_queue_shutdown(&q.queue, true);	/* the item g was woken for is dropped, too */
	CHECK_EQUAL(rondo_await(g), -RONDO_EQSHUTDOWN);
	return rondo_await(j);
}

/* Q6. */
static void test_an_immediate_shutdown_also_drops_reserved_items(void **state)
{
	(void)state;
	run(woken_then_immediate_main);
	assert_log("g-QueueShutDown join-ok");
}

static int given_back_main(void *arg)
{
	rondo_task *a, *late;

	(void)arg;
	CHECK_EQUAL(make(1), 0);
	a = getter("a");
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(ints_put_nowait(&q, 1), 0);
	rondo_queue_shutdown(&q.queue, false);
	CHECK_EQUAL(get_now(), -EAGAIN);	/* not the end: a may give it back */
	late = getter("late");
	CHECK(rondo_cancel(a));
	CHECK_EQUAL(rondo_await(a), -ECANCELED);
	return rondo_await(late);
}

static int taken_main(void *arg)
{
	rondo_task *a, *late;

	(void)arg;
	CHECK_EQUAL(make(2), 0);
	late = getter("late");
	a = getter("a");
	CHECK_EQUAL(turns(2), 0);
	rondo_cancel(late);
	CHECK_EQUAL(ints_put_nowait(&q, 1), 0);
	rondo_queue_shutdown(&q.queue, false);
	CHECK_EQUAL(gets(word("main")), -RONDO_EQSHUTDOWN);
	CHECK_EQUAL(rondo_await(late), -ECANCELED);
	return rondo_await(a);
}

/* Q3, Q6: the last item of a shut down queue is neither lost nor waited for in vain. */
static void test_the_last_item_of_a_shut_down_queue_finds_somebody(void **state)
{
	(void)state;
	run(given_back_main);
	assert_log("a-cancelled late=1");
	run(taken_main);
	assert_log("late-cancelled a=1 main-QueueShutDown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_join_waits_until_every_item_is_done),
		cmocka_unit_test(test_a_shut_down_queue_refuses_puts_and_is_drained),
		cmocka_unit_test(test_a_shutdown_wakes_the_getters),
		cmocka_unit_test(test_an_immediate_shutdown_drops_what_is_left),
		cmocka_unit_test(test_an_immediate_shutdown_also_drops_reserved_items),
		cmocka_unit_test(test_the_last_item_of_a_shut_down_queue_finds_somebody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
