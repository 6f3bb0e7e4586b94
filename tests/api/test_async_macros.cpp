// SPDX-License-Identifier: MIT
// test_async_macros.cpp - goal: the headers and their macros mean in C++ what they mean in C, in strict
// C++11 too. Method: the twin of test_async_macros.c, shorter and without cmocka, whose header is C's.
// Ends with 0, or says which check failed.
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "rondo/task.h"
#include "rondo/time.h"

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
			return -1;                                                                 \
		}                                                                                  \
	} while (0)

struct point {
	int x, y;
};

static std::string text;

RONDO_ASYNC(nothing)
{
	return rondo_yield() + 1;
}

RONDO_ASYNC(greet, (const char *, who), (double, delay))
{
	int ret = rondo_sleep(delay);

	text = std::string("hello ") + who;
	return ret;
}

RONDO_ASYNC(eight, (char, a), (short, b), (int, c), (long, d), (float, e), (double, f), (bool, g),
	    (void *, h))
{
	return a + b + c + static_cast<int>(d) + static_cast<int>(e) + static_cast<int>(f) + g +
	       *static_cast<int *>(h);
}

RONDO_ASYNC_RETURNS(double, half, (double, x))
{
	*result = x / 2;
	return rondo_yield();
}

RONDO_ASYNC_RETURNS(point, origin)
{
	result->x = result->y = 7;
	return 0;
}

RONDO_ASYNC_RETURNS(point, add, (point, a), (point, b))
{
	*result = point{ a.x + b.x, a.y + b.y };
	return a.x < 0 ? -EDOM : 3;
}

static int run_everything(void *)
{
	int eleven = 11;
	point p = { 3, 4 }, negative = { -1, 0 }, r = { 9, 9 };
	double h = 0;

	CHECK(nothing() == 1);
	CHECK(rondo_await(nothing_task()) == 1);
	CHECK(greet("now", 0) == 0 && text == "hello now");
	CHECK(rondo_await(greet_task("later", 0.001)) == 0 && text == "hello later");
	CHECK(rondo_await(eight_task(1, 2, 3, 4, 5, 6, true, &eleven)) == 33);
	CHECK(half_await(half_task(3.0), &h) == 0 && h == 1.5);
	CHECK(origin_await(origin_task(), &r) == 0 && r.y == 7);
	CHECK(add_await(add_task(p, p), &r) == 3 && r.x == 6 && r.y == 8);
	CHECK(add_await(add_task(negative, p), &r) == -EDOM && r.x == 6);
	CHECK(RONDO_GATHER(nothing_task(), greet_task("all", 0.0005)) == 0 && text == "hello all");
	return 0;
}

int main()
{
	rondo_options options = {};

	options.on_error = rondo_report_print;
	return rondo_run_with(&options, run_everything, nullptr) == 0 ? 0 : 1;
}
