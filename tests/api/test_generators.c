/* SPDX-License-Identifier: MIT */
/* test_generators.c - goal: RONDO_GENERATOR, RONDO_CHANNEL and their kin are what a user writes:
 * any type, zero to eight arguments. Method: the programs of the headers' comments, with the public
 * headers only. test_generators.cpp is the same in C++. */
#include "support/check.h"

#include <errno.h>
#include <rondo.h>

struct point {
	double x, y;
};

RONDO_GENERATOR(int, countdown, (int, from))
{
	int ret = 0;

	while (from > 0 && ret == 0)
		ret = countdown_yield(gen, from--);
	return ret;
}

RONDO_GENERATOR(struct point, corners)
{
	int ret = 0;

	for (int i = 0; i < 4 && ret == 0; i++) {
		struct point p = { i / 2, i % 2 };

		ret = corners_yield(gen, p);
	}
	return ret;
}

RONDO_GENERATOR(const char *, eight, (char, a), (short, b), (int, c), (long, d), (float, e), (double, f),
		(const char *, g), (void *, h))
{
	int ret = eight_yield(gen, g);

	if (ret == 0 && a + b + c + (int)d + (int)e + (int)f != 21)
		return -EIO;
	if (ret == 0)
		ret = eight_yield(gen, (const char *)h);
	return ret;
}

/* Of a generator: they nest. */
RONDO_GENERATOR(long, sums, (int, n))
{
	struct countdown_generator *g = countdown(n);
	long sum = 0;
	int i, ret;

	while ((ret = countdown_next(g, &i)) == 0 && ret == 0) {
		sum += i;
		ret = sums_yield(gen, sum);
		if (ret < 0)
			break;
	}
	return countdown_end(g, ret);
}

static int loops_main(void *arg)
{
	struct countdown_generator *g = countdown(3);
	struct corners_generator *c = corners();
	struct eight_generator *e = eight(1, 2, 3, 4, 5, 6, "seven", (void *)(uintptr_t)"eight");
	struct sums_generator *s = sums(4);
	struct point p = { 0, 0 };
	const char *text = "";
	int n, ret, got = 0;
	long sum = 0;

	(void)arg;
	while ((ret = countdown_next(g, &n)) == 0)
		got = got * 10 + n;
	CHECK_EQUAL(got, 321);
	CHECK_EQUAL(ret, -RONDO_EEND);
	CHECK_EQUAL(countdown_end(g, ret), 0);
	while ((ret = corners_next(c, &p)) == 0)
		sum += (long)(p.x + 10 * p.y);
	CHECK_EQUAL(corners_end(c, ret), 0);
	CHECK_EQUAL(sum, 22);
	CHECK_EQUAL(eight_next(e, &text), 0);
	CHECK(!strcmp(text, "seven"));
	CHECK_EQUAL(eight_next(e, &text), 0);
	CHECK(!strcmp(text, "eight"));
	CHECK_EQUAL(eight_end(e, 0), 0);
	while ((ret = sums_next(s, &sum)) == 0)
		continue;
	CHECK_EQUAL(sums_end(s, ret), 0);
	CHECK_EQUAL(sum, 10);
	return 0;
}

static void test_generators_of_any_type_and_any_arguments(void **state)
{
	(void)state;
	assert_int_equal(rondo_run(loops_main, NULL), 0);
	assert_checks_passed();
}

RONDO_CHANNEL(struct point, points);
RONDO_XCHANNEL(struct point, xpoints);

RONDO_ASYNC(sender, (struct points *, c), (int, n))
{
	int ret = 0;

	for (int i = 0; i < n && ret == 0; i++)
		ret = points_send(c, (struct point){ i, 1 });
	points_close(c);
	return ret;
}

static int channel_main(void *arg)
{
	struct points c;
	struct point p = { 0, 0 };
	rondo_task *t;
	double sum = 0;
	int ret;

	CHECK_EQUAL(points_init(&c, *(size_t *)arg), 0);
	t = sender_task(&c, 5);
	while ((ret = points_receive(&c, &p)) == 0)
		sum += p.x;
	CHECK_EQUAL(ret, -RONDO_EQSHUTDOWN);
	CHECK(sum == 10);
	CHECK_EQUAL(points_send_nowait(&c, p), -RONDO_EQSHUTDOWN);
	CHECK_EQUAL(points_receive_nowait(&c, &p), -RONDO_EQSHUTDOWN);
	points_free(&c);
	points_free(NULL);
	return rondo_await(t);
}

static void test_channels_with_and_without_room(void **state)
{
	(void)state;
	for (size_t room = 0; room < 3; room++)
		assert_int_equal(rondo_run(channel_main, &room), 0);
	assert_checks_passed();
}

/* Here without a loop: nothing has to wait. */
static void test_channels_between_threads(void **state)
{
	struct xpoints c;
	struct point p = { 3, 4 };

	(void)state;
	assert_int_equal(xpoints_init(&c, 2), 0);
	assert_int_equal(xpoints_send(&c, p), 0);
	assert_int_equal(xpoints_send_nowait(&c, p), 0);
	assert_int_equal(xpoints_send_nowait(&c, p), -EAGAIN);
	xpoints_close(&c);
	p.x = 0;
	assert_int_equal(xpoints_receive(&c, &p), 0);
	assert_true(p.x == 3);
	assert_int_equal(xpoints_receive_nowait(&c, &p), 0);
	assert_int_equal(xpoints_receive(&c, &p), -RONDO_EQSHUTDOWN);
	xpoints_free(&c);
}

static int select_main(void *arg)
{
	struct rondo_event stop = RONDO_EVENT_INIT;
	struct points c;
	struct point p;
	rondo_task *t;
	int n = 0;

	(void)arg;
	CHECK_EQUAL(points_init(&c, 0), 0);
	t = sender_task(&c, 5);
	for (;;) {
		struct rondo_select_case cases[] = {
			rondo_select_get(&c.queue, &p), rondo_select_event(&stop),
			rondo_select_fd(0, 0), rondo_select_task(NULL),
		};

		switch (rondo_select(cases, 2, RONDO_FOREVER)) {
		case 0:
			if (cases[0].result == -RONDO_EQSHUTDOWN)
				rondo_event_set(&stop);
			else
				n++;
			if (n < 5 || cases[0].result == 0)
				continue;
			break;
		default:
			return -EIO;
		}
		break;
	}
	CHECK_EQUAL(n, 5);
	points_free(&c);
	return rondo_await(t);
}

static void test_a_select_in_a_switch(void **state)
{
	(void)state;
	assert_int_equal(rondo_run(select_main, NULL), 0);
	assert_checks_passed();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generators_of_any_type_and_any_arguments),
		cmocka_unit_test(test_channels_with_and_without_room),
		cmocka_unit_test(test_channels_between_threads),
		cmocka_unit_test(test_a_select_in_a_switch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
