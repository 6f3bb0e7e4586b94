/* SPDX-License-Identifier: MIT */
/* test_async_macros.c - goal: RONDO_ASYNC and RONDO_ASYNC_RETURNS declare what they promise for
 * zero to eight arguments of any type, with the arguments copied and the result typed. Method: a
 * program as a user would write it, with the public headers only. test_async_macros.cpp is the
 * same in C++. */
#include "support/check.h"

#include <errno.h>

#include "rondo/task.h"
#include "rondo/time.h"

struct point {
	int x, y;
};

static char text[64];

RONDO_ASYNC(nothing)
{
	return rondo_yield() + 1;
}

RONDO_ASYNC(one, (int, a))
{
	return a;
}

RONDO_ASYNC(greet, (const char *, who), (double, delay))
{
	int ret = rondo_sleep(delay);

	snprintf(text, sizeof(text), "hello %s", who);
	return ret;
}

RONDO_ASYNC(three, (struct point, p), (long long, b), (char, c))
{
	return p.x + p.y + (int)b + c;
}

RONDO_ASYNC(four, (int, a), (int, b), (int, c), (int, d))
{
	return a * 1000 + b * 100 + c * 10 + d;
}

RONDO_ASYNC(five, (int, a), (int, b), (int, c), (int, d), (int, e))
{
	return a * 10000 + b * 1000 + c * 100 + d * 10 + e;
}

RONDO_ASYNC(six, (int, a), (int, b), (int, c), (int, d), (int, e), (int, f))
{
	return a + b + c + d + e + f;
}

RONDO_ASYNC(seven, (int, a), (int, b), (int, c), (int, d), (int, e), (int, f), (int, g))
{
	return a + b + c + d + e + f + g;
}

RONDO_ASYNC(eight, (char, a), (short, b), (int, c), (long, d), (float, e), (double, f),
	    (long double, g), (void *, h))
{
	return a + b + c + (int)d + (int)e + (int)f + (int)g + *(int *)h;
}

RONDO_ASYNC_RETURNS(double, half, (double, x))
{
	*result = x / 2;
	return rondo_yield();
}

RONDO_ASYNC_RETURNS(struct point, origin)
{
	result->x = result->y = 7;
	return 0;
}

RONDO_ASYNC_RETURNS(struct point, add, (struct point, a), (struct point, b))
{
	*result = (struct point){ a.x + b.x, a.y + b.y };
	return a.x < 0 ? -EDOM : 3;
}

RONDO_ASYNC_RETURNS(int, sum8, (int, a), (int, b), (int, c), (int, d), (int, e), (int, f), (int, g),
		    (int, h))
{
	*result = a + b + c + d + e + f + g + h;
	return 0;
}

/* Its own name inside: the function is declared before its body. */
RONDO_ASYNC(countdown, (int, n))
{
	return n ? rondo_await(countdown_task(n - 1)) + 1 : 0;
}

static int direct_main(void *arg)
{
	int eleven = 11;
	double h = 0;
	struct point p;

	(void)arg;
	CHECK_EQUAL(nothing(), 1);
	CHECK_EQUAL(one(5), 5);
	CHECK_EQUAL(greet("now", 0), 0);
	CHECK(strcmp(text, "hello now") == 0);
	CHECK_EQUAL(eight(1, 2, 3, 4, 5, 6, 7, &eleven), 39);
	CHECK_EQUAL(half(3.0, &h), 0);
	CHECK(h == 1.5);
	CHECK_EQUAL(origin(&p), 0);
	CHECK_EQUAL(p.x, 7);
	return 0;
}

static void run_passes(rondo_fn *main)
{
	int ret = rondo_run(main, NULL);

	assert_checks_passed();
	assert_int_equal(ret, 0);
}

static void test_calling_the_function_is_awaiting_it(void **state)
{
	(void)state;
	run_passes(direct_main);
}

static int tasks_main(void *arg)
{
	int eleven = 11;
	struct point p = { 1, 2 };

	(void)arg;
	CHECK_EQUAL(rondo_await(nothing_task()), 1);
	CHECK_EQUAL(rondo_await(one_task(5)), 5);
	CHECK_EQUAL(rondo_await(greet_task("later", 0.001)), 0);
	CHECK(strcmp(text, "hello later") == 0);
	CHECK_EQUAL(rondo_await(three_task(p, 40, 'A')), 1 + 2 + 40 + 'A');
	CHECK_EQUAL(rondo_await(four_task(1, 2, 3, 4)), 1234);
	CHECK_EQUAL(rondo_await(five_task(1, 2, 3, 4, 5)), 12345);
	CHECK_EQUAL(rondo_await(six_task(1, 2, 3, 4, 5, 6)), 21);
	CHECK_EQUAL(rondo_await(seven_task(1, 2, 3, 4, 5, 6, 7)), 28);
	CHECK_EQUAL(rondo_await(eight_task(1, 2, 3, 4, 5, 6, 7, &eleven)), 39);
	CHECK_EQUAL(rondo_await(countdown_task(100)), 100);
	return 0;
}

static void test_a_task_gets_its_arguments(void **state)
{
	(void)state;
	run_passes(tasks_main);
}

static rondo_task *create_from_a_dying_frame(int a)
{
	struct point p = { a, a };
	rondo_task *t = three_task(p, a, (char)a);

	memset(&p, 0x7f, sizeof(p));
	return t;
}

static int copies_main(void *arg)
{
	rondo_task *a = create_from_a_dying_frame(1), *b = create_from_a_dying_frame(2);

	(void)arg;
	CHECK_EQUAL(rondo_await(b), 8);
	CHECK_EQUAL(rondo_await(a), 4);
	return 0;
}

static void test_arguments_are_copied_into_the_task(void **state)
{
	(void)state;
	run_passes(copies_main);
}

static int results_main(void *arg)
{
	struct point p = { 3, 4 }, negative = { -1, 0 }, r = { 9, 9 };
	rondo_task *t[3];
	double h[3] = { 0, 0, 0 };
	int sum = 0;

	(void)arg;
	for (int i = 0; i < 3; i++)
		t[i] = half_task(i + 1);
	for (int i = 0; i < 3; i++)
		CHECK_EQUAL(half_await(t[i], &h[i]), 0);
	CHECK(h[0] == 0.5 && h[1] == 1 && h[2] == 1.5);
	CHECK_EQUAL(origin_await(origin_task(), &r), 0);
	CHECK_EQUAL(r.y, 7);
	CHECK_EQUAL(add_await(add_task(p, p), &r), 3);
	CHECK_EQUAL(r.x * 10 + r.y, 68);
	CHECK_EQUAL(add_await(add_task(negative, p), &r), -EDOM);
	CHECK_EQUAL(r.x * 10 + r.y, 68);			/* untouched on failure */
	CHECK_EQUAL(sum8_await(sum8_task(1, 2, 3, 4, 5, 6, 7, 8), &sum), 0);
	CHECK_EQUAL(sum, 36);
	CHECK_EQUAL(half_await(NULL, &h[0]), -ENOMEM);
	return 0;
}

static void test_results_are_typed_and_untouched_on_failure(void **state)
{
	(void)state;
	run_passes(results_main);
}

static int gather_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(RONDO_GATHER(one_task(1), greet_task("all", 0.0005), four_task(0, 0, 0, 1)), 0);
	CHECK(strcmp(text, "hello all") == 0);
	CHECK_EQUAL(RONDO_GATHER(one_task(1), one_task(-EIO), nothing_task()), -EIO);
	return 0;
}

static void test_tasks_are_gathered_in_place(void **state)
{
	(void)state;
	run_passes(gather_main);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calling_the_function_is_awaiting_it),
		cmocka_unit_test(test_a_task_gets_its_arguments),
		cmocka_unit_test(test_arguments_are_copied_into_the_task),
		cmocka_unit_test(test_results_are_typed_and_untouched_on_failure),
		cmocka_unit_test(test_tasks_are_gathered_in_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
