/* SPDX-License-Identifier: MIT */
/* test_standard.c - files as streams, and stdin, stdout, stderr. Goal: rows U4 and U5: `prog < file`,
 * a pipe, a terminal and a socket; positions; O_NONBLOCK stays as it is. Method: real files; a child
 * of fork whose descriptors 0 to 2 are what the case says. */
#include "streams.h"

#include <sys/stat.h>

#include "support/child.h"
#include "support/folder.h"

/* --- files ----------------------------------------------------------------------------------- */

static const char path[] = "file";	/* in a folder of our own */

static int write_file(const char *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n = fd < 0 ? -1 : write(fd, content, strlen(content));

	net_close(fd);
	return n == (ssize_t)strlen(content) ? 0 : -1;
}

static bool file_is(const char *content)
{
	char got[256];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, got, sizeof(got));

	net_close(fd);
	return n == (ssize_t)strlen(content) && !memcmp(got, content, (size_t)n);
}

static int read_lines(void *arg)
{
	const char *line;

	(void)arg;
	CHECK_EQUAL(rondo_file_open("/nonexistent/file", O_RDONLY, 0, NULL, &stream), -ENOENT);
	CHECK_EQUAL(write_file("one\ntwo\nthree"), 0);
	CHECK_EQUAL(rondo_file_open(path, O_RDONLY, 0, NULL, &stream), 0);
	CHECK(lent(rondo_stream_read_line(stream, &line), &line, "one\n"));
	CHECK_EQUAL(rondo_stream_seek(stream, 0, SEEK_CUR), 4);		/* not what was read ahead */
	CHECK(lent(rondo_stream_read_line(stream, &line), &line, "two\n"));
	CHECK(lent(rondo_stream_read_line(stream, &line), &line, "three"));
	CHECK_EQUAL(rondo_stream_read_line(stream, &line), 0);
	CHECK(rondo_stream_at_eof(stream));
	CHECK_EQUAL(rondo_stream_seek(stream, 1, SEEK_SET), 1);
	CHECK(lent(rondo_stream_read_line(stream, &line), &line, "ne\n"));
	CHECK_EQUAL(rondo_stream_seek(stream, -2, SEEK_END), 11);
	CHECK(lent(rondo_stream_read_line(stream, &line), &line, "ee"));
	CHECK_EQUAL(rondo_stream_seek(stream, -1, SEEK_SET), -EINVAL);
	CHECK_EQUAL(rondo_stream_seek(stream, INT64_MAX, SEEK_CUR), -EINVAL);
	CHECK_EQUAL(rondo_stream_write(stream, "x", 1), -EBADF);	/* O_RDONLY */
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

/* U5 */
static void test_a_file_line_by_line(void **state)
{
	(void)state;
	net_run(read_lines, NULL);
}

/* Unlike a connection, a file that ended may go on: tail -f. */
static int follow(void *arg)
{
	const char *line;
	int fd;

	(void)arg;
	CHECK_EQUAL(write_file("one\n"), 0);
	CHECK_EQUAL(rondo_file_open(path, O_RDONLY, 0, NULL, &stream), 0);
	CHECK(lent(rondo_stream_read_line(stream, &line), &line, "one\n"));
	CHECK_EQUAL(rondo_stream_read_line(stream, &line), 0);
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	CHECK_EQUAL(write(fd, "two\n", 4), 4);
	close(fd);
	CHECK(lent(rondo_stream_read_line(stream, &line), &line, "two\n"));
	CHECK(!rondo_stream_at_eof(stream));
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_a_file_may_grow(void **state)
{
	(void)state;
	net_run(follow, NULL);
}

/* One position for reading and writing, through both buffers. */
static int read_and_write(void *arg)
{
	const struct rondo_stream_options *o = arg;
	const char *line;
	char c;

	CHECK_EQUAL(write_file("one\ntwo\nthree\n"), 0);
	CHECK_EQUAL(rondo_file_open(path, O_RDWR, 0, o, &stream), 0);
	CHECK(lent(rondo_stream_read_line(stream, &line), &line, "one\n"));
	CHECK_EQUAL(rondo_stream_write(stream, "T", 1), 0);
	CHECK_EQUAL(rondo_stream_write(stream, "W", 1), 0);
	CHECK_EQUAL(rondo_stream_read(stream, &c, 1), 1);
	CHECK_EQUAL(c, 'o');
	CHECK_EQUAL(rondo_stream_write(stream, "!", 1), 0);
	CHECK_EQUAL(rondo_stream_seek(stream, 0, SEEK_CUR), 8);
	CHECK(lent(rondo_stream_read_line(stream, &line), &line, "three\n"));
	CHECK_EQUAL(rondo_stream_write(stream, "four", 4), 0);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	CHECK(file_is("one\nTWo!three\nfour"));
	return 0;
}

static void test_reading_and_writing_share_a_position(void **state)
{
	const struct rondo_stream_options o = { .write_buffer = 64 };

	(void)state;
	net_run(read_and_write, NULL);
	net_run(read_and_write, (void *)(uintptr_t)&o);
}

static int append(void *arg)
{
	const char *line;

	(void)arg;
	CHECK_EQUAL(write_file("one\ntwo\n"), 0);
	CHECK_EQUAL(rondo_file_open(path, O_RDWR | O_APPEND, 0, NULL, &stream), 0);
	CHECK(lent(rondo_stream_read_line(stream, &line), &line, "one\n"));
	CHECK_EQUAL(rondo_stream_write(stream, "three\n", 6), 0);
	CHECK(lent(rondo_stream_read_line(stream, &line), &line, "two\n"));
	CHECK(lent(rondo_stream_read_line(stream, &line), &line, "three\n"));
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	CHECK(file_is("one\ntwo\nthree\n"));
	return 0;
}

static void test_appending_does_not_move_the_reader(void **state)
{
	(void)state;
	net_run(append, NULL);
}

static int no_seek(void *arg)
{
	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(rondo_stream_seek(stream, 0, SEEK_CUR), -ESPIPE);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_a_socket_has_no_position(void **state)
{
	(void)state;
	run_on_all_pairs(no_seek, NULL);
}

/* --- the standard streams -------------------------------------------------------------------- */

/* Copy the first two lines from stdin to stdout, and say on stderr how many. */
static int head(void *arg)
{
	const char *line;
	ssize_t n;
	int ret = 0;

	(void)arg;
	CHECK(rondo_stdin() && rondo_stdin() == rondo_stdin());
	for (int i = 0; i < 2 && ret == 0; i++) {
		n = rondo_stream_read_line(rondo_stdin(), &line);
		ret = n < 0 ? (int)n : rondo_stream_write(rondo_stdout(), line, (size_t)n);
	}
	return ret < 0 ? ret : rondo_stream_printf(rondo_stderr(), "2 lines\n");
}

static int head_in_child(void *arg)
{
	const int *fds = arg;

	for (int i = 0; i < 3; i++)
		if (dup2(fds[i], i) < 0)
			return 99;
	if (rondo_run(head, NULL) != 0)
		return 98;
	for (int i = 0; i < 3; i++)
		if (fcntl(i, F_GETFL) & O_NONBLOCK)
			return 97;
	return 0;
}

static void assert_read(int fd, const char *expected)
{
	char got[64];
	ssize_t n = read(fd, got, sizeof(got));

	assert_int_equal(n, strlen(expected));
	assert_memory_equal(got, expected, (size_t)n);
}

/* With stdin on in, the output on pipes. */
static void run_head(int in)
{
	int out[2], err[2], fds[3];

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	fds[0] = in;
	fds[1] = out[1];
	fds[2] = err[1];
	assert_int_equal(child_code(head_in_child, fds), 0);
	assert_read(out[0], "one\ntwo\n");
	assert_read(err[0], "2 lines\n");
	net_close_pair(out);
	net_close_pair(err);
}

#define THREE_LINES "one\ntwo\nthree\n"

/* U4: `prog < file`, which asyncio refuses. The next program goes on where we stopped. */
static void test_stdin_is_a_file(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(write_file(THREE_LINES), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	run_head(fd);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 8);
	assert_read(fd, "three\n");
	close(fd);
}

static void test_stdin_is_a_pipe_or_a_socket(void **state)
{
	(void)state;
	for (int kind = 0; kind < PAIR_KINDS; kind++) {
		assert_int_equal(pair_open((enum pair_kind)kind), 0);
		assert_int_equal(peer_say(THREE_LINES), 0);
		run_head(pair[0]);
		pair_clean(NULL);
	}
}

static void test_stdin_is_a_terminal(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), terminal;

	(void)state;
	if (master < 0) {
		print_message("there is no pseudo-terminal to be had here\n");
		skip();
	}
	assert_int_equal(grantpt(master) | unlockpt(master), 0);
	terminal = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(terminal >= 0);
	assert_int_equal(write(master, THREE_LINES, sizeof(THREE_LINES) - 1),
			 sizeof(THREE_LINES) - 1);
	run_head(terminal);
	close(terminal);
	close(master);
}

/* Several writers with one position: `(a; b) > file`. */
static void test_stdout_is_a_file_that_others_write_to(void **state)
{
	int in[2], fds[3];

	(void)state;
	assert_int_equal(write_file(""), 0);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(write(in[1], THREE_LINES, 14), 14);
	fds[0] = in[0];
	fds[1] = fds[2] = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fds[1], "before\n", 7), 7);
	assert_int_equal(child_code(head_in_child, fds), 0);
	assert_int_equal(write(fds[1], "after\n", 6), 6);
	assert_true(file_is("before\none\ntwo\n2 lines\nafter\n"));
	close(fds[1]);
	net_close_pair(in);
}

static int closed_ones(void *arg)
{
	rondo_stream *out = rondo_stdout();

	(void)arg;
	close(0);
	CHECK(!rondo_stdin());
	CHECK(out);
	CHECK_EQUAL(rondo_stream_close(out), 0);
	CHECK_EQUAL(rondo_stream_write(rondo_stdout(), "again\n", 6), 0);	/* a new one */
	return 0;
}

static int closed_in_child(void *arg)
{
	const int *fds = arg;

	return dup2(fds[1], 1) < 0 ? 99 : rondo_run(closed_ones, NULL) ? 98 : 0;
}

static void test_standard_streams_may_be_closed(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(child_code(closed_in_child, fds), 0);
	assert_read(fds[0], "again\n");
	net_close_pair(fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_file_line_by_line),
		cmocka_unit_test(test_a_file_may_grow),
		cmocka_unit_test(test_reading_and_writing_share_a_position),
		cmocka_unit_test(test_appending_does_not_move_the_reader),
		cmocka_unit_test(test_a_socket_has_no_position),
		cmocka_unit_test(test_stdin_is_a_file),
		cmocka_unit_test(test_stdin_is_a_pipe_or_a_socket),
		cmocka_unit_test(test_stdin_is_a_terminal),
		cmocka_unit_test(test_stdout_is_a_file_that_others_write_to),
		cmocka_unit_test(test_standard_streams_may_be_closed),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
