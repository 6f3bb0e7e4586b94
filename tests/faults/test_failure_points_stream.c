/* SPDX-License-Identifier: MIT */
/* test_failure_points_stream.c - goal: whatever fails while streams are made, read and written, the
 * caller gets the error, nothing leaks, and the loop works on. Method: scenario.h. */
#include "scenario.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "rondo/file.h"
#include "rondo/socket.h"
#include "rondo/stream.h"

enum { LONG = 20000 };
static char text[LONG + 1];		/* one line, longer than a receive buffer */

/* Two streams on a pair of sockets. */
static int open_pair(rondo_stream *both[2], const struct rondo_stream_options *o)
{
	int fds[2], ret = rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, fds);

	both[0] = both[1] = NULL;
	for (int i = 0; i < 2 && ret == 0; i++) {
		ret = rondo_stream_from_fd(fds[i], o, &both[i]);
		if (ret < 0)
			shut(fds[i]);
		if (ret < 0 && i == 0)
			shut(fds[1]);
	}
	return ret;
}

static int close_pair(rondo_stream *both[2], int ret)
{
	for (int i = 0; i < 2; i++)
		ret = first(ret, rondo_stream_close(both[i]));
	return ret;
}

static int lines(void)
{
	const struct rondo_stream_options o = { .write_buffer = 100 };
	rondo_stream *both[2];
	const char *line;
	int ret = open_pair(both, &o);

	if (ret == 0)
		ret = rondo_stream_printf(both[0], "%s", text);	/* more than fits any stack buffer */
	if (ret == 0)
		ret = rondo_stream_write(both[0], "short\n", 6);
	if (ret == 0)
		ret = rondo_stream_flush(both[0]);
	if (ret == 0)
		ret = exactly((int)rondo_stream_read_line(both[1], &line), LONG);
	if (ret == 0)
		ret = exactly((int)rondo_stream_read_line(both[1], &line), 6);
	return close_pair(both, ret);
}

static int whole(void)
{
	rondo_stream *both[2];
	void *all = NULL;
	int ret = open_pair(both, NULL);

	if (ret == 0)
		ret = rondo_stream_write(both[0], text, LONG);
	if (ret == 0)
		ret = rondo_stream_shutdown_write(both[0]);
	if (ret == 0)
		ret = exactly((int)rondo_stream_read_all(both[1], LONG, &all), LONG);
	free(all);
	return close_pair(both, ret);
}

static int in_memory(void)
{
	rondo_stream *both[2] = { NULL, NULL };
	const char *line;
	int ret = rondo_stream_memory_pair(100, NULL, both);

	if (ret == 0)
		ret = rondo_stream_write(both[0], "short\n", 6);
	if (ret == 0)
		ret = exactly((int)rondo_stream_read_line(both[1], &line), 6);
	return close_pair(both, ret);
}

static int from_a_file(void)
{
	rondo_stream *file = NULL, *both[2];
	int64_t n = 0;
	int ret = open_pair(both, NULL), fd = memfd_create("file", MFD_CLOEXEC);

	if (fd < 0)
		return first(close_pair(both, ret), -errno);
	if (ret == 0)
		ret = rondo_stream_from_fd(fd, &(struct rondo_stream_options){ .keep_fd = true }, &file);
	if (ret == 0)
		ret = rondo_stream_write(file, text, 1000);
	if (ret == 0)
		ret = rondo_stream_sendfile(both[0], fd, 0, -1, &n);
	if (ret == 0)
		CHECK_EQUAL(n, 1000);
	ret = first(ret, rondo_stream_close(file));
	shut(fd);
	return close_pair(both, ret);
}

/* X16: what is left open is closed by the loop, whatever fails. A receive is in flight on it. */
static int left_open(void)
{
	rondo_stream *both[2];
	char byte;
	int ret = open_pair(both, NULL);

	if (ret == 0)
		ret = rondo_stream_write(both[0], "xy", 2);
	if (ret == 0)
		ret = exactly((int)rondo_stream_read(both[1], &byte, 1), 1);
	return ret;
}

static const struct scenario scenarios[] = {
	{ .name = "lines through streams", .body = lines },
	{ .name = "a whole stream", .body = whole },
	{ .name = "streams in memory", .body = in_memory },
	{ .name = "a file sent to a stream", .body = from_a_file },
	{ .name = "streams left open", .body = left_open },
};

static void test_any_one_thing_or_all_from_one_on_may_fail(void **state)
{
	(void)state;
	memset(text, 'x', LONG - 1);
	text[LONG - 1] = '\n';
	fail_everywhere(scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}

static void test_an_enter_that_fails_for_good_is_a_bug_line(void **state)
{
	(void)state;
	fail_enters_for_good(&scenarios[1], -EFAULT, " (engine/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_one_thing_or_all_from_one_on_may_fail),
		cmocka_unit_test(test_an_enter_that_fails_for_good_is_a_bug_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
