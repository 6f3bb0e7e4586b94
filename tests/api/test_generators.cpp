// SPDX-License-Identifier: MIT
// test_generators.cpp - goal: RONDO_GENERATOR, RONDO_CHANNEL and rondo_select() mean in C++ what they
// mean in C, in strict C++11 too. Method: the twin of test_generators.c, shorter. Ends with 0, or says
// which check failed.
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <rondo.h>

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);       \
			return -1;                                                                 \
		}                                                                                  \
	} while (0)

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

RONDO_GENERATOR(point, corners)
{
	int ret = 0;

	for (int i = 0; i < 4 && ret == 0; i++)
		ret = corners_yield(gen, point{ i / 2.0, i % 2 + 0.0 });
	return ret;
}

RONDO_GENERATOR(const char *, eight, (char, a), (short, b), (int, c), (long, d), (float, e), (double, f),
		(const char *, g), (bool, h))
{
	return h && a + b + c + d + e + f > 20 ? eight_yield(gen, g) : -EIO;
}

RONDO_CHANNEL(point, points);
RONDO_XCHANNEL(point, xpoints);

RONDO_ASYNC(sender, (struct points *, c), (int, n))
{
	int ret = 0;

	for (int i = 0; i < n && ret == 0; i++)
		ret = points_send(c, point{ i + 0.0, 1 });
	points_close(c);
	return ret;
}

static int generators()
{
	countdown_generator *g = countdown(3);
	corners_generator *c = corners();
	eight_generator *e = eight(1, 2, 3, 4, 5, 6, "seven", true);
	point p = { 0, 0 };
	const char *text = "";
	int n, ret, got = 0;

	while ((ret = countdown_next(g, &n)) == 0)
		got = got * 10 + n;
	CHECK(got == 321 && ret == -RONDO_EEND && countdown_end(g, ret) == 0);
	CHECK(corners_next(c, &p) == 0 && corners_next(c, &p) == 0 && p.y == 1);
	CHECK(corners_end(c, 0) == 0);
	CHECK(eight_next(e, &text) == 0 && !std::strcmp(text, "seven"));
	CHECK(eight_next(e, &text) == -RONDO_EEND && eight_end(e, 0) == 0);
	return 0;
}

static int channels(size_t room)
{
	points c;
	point p = { 0, 0 };
	double sum = 0;
	int ret;

	CHECK(points_init(&c, room) == 0);
	rondo_task *t = sender_task(&c, 5);
	for (;;) {
		rondo_event never = RONDO_EVENT_INIT;
		rondo_select_case cases[] = { rondo_select_event(&never),
					      rondo_select_get(&c.queue, &p) };

		CHECK(rondo_select(cases, 2, RONDO_FOREVER) == 1);
		if ((ret = cases[1].result) < 0)
			break;
		sum += p.x;
	}
	CHECK(ret == -RONDO_EQSHUTDOWN && sum == 10);
	CHECK(points_receive(&c, &p) == ret && points_receive_nowait(&c, &p) == ret);
	CHECK(points_send_nowait(&c, p) == ret);
	points_free(&c);
	return rondo_await(t);
}

static int between_threads()
{
	xpoints c;
	point p = { 3, 4 };

	CHECK(xpoints_init(&c, 2) == 0 && xpoints_send(&c, p) == 0);
	CHECK(xpoints_send_nowait(&c, p) == 0 && xpoints_send_nowait(&c, p) == -EAGAIN);
	xpoints_close(&c);
	p.x = 0;
	CHECK(xpoints_receive(&c, &p) == 0 && p.x == 3 && xpoints_receive_nowait(&c, &p) == 0);
	CHECK(xpoints_receive(&c, &p) == -RONDO_EQSHUTDOWN);
	xpoints_free(&c);
	return 0;
}

static int run_everything(void *)
{
	CHECK(generators() == 0);
	CHECK(between_threads() == 0);
	for (size_t room = 0; room < 3; room++)
		CHECK(channels(room) == 0);
	return 0;
}

int main()
{
	rondo_options options = {};

	options.on_error = rondo_report_print;
	return rondo_run_with(&options, run_everything, nullptr) == 0 ? 0 : 1;
}
