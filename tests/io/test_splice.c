/* SPDX-License-Identifier: MIT */
/* test_splice.c - pipes, splice and tee. Goal: the matrix for each, that bytes arrive, that waiting
 * costs no kernel thread (KN-25), and that a kernel without IORING_OP_PIPE still makes pipes.
 * Method: pipes that are empty or full, a file, a socket; threads are counted in
 * /proc/self/task. */
#include "support/child.h"
#include "support/folder.h"
#include "support/matrix.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "ring/compat.h"
#include "rondo/file.h"
#include "rondo/splice.h"

#define HELLO "hello"
enum { HELLO_LEN = 5, PIPE_SIZE = 1 << 16, MANY = 64 };

static int in[2] = { -1, -1 }, out[2] = { -1, -1 };
static char sink[PIPE_SIZE];

static int open_pipes(void *ctx)
{
	(void)ctx;
	return pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 ? 0 : -1;
}

static int open_full_pipes(void *ctx)
{
	if (open_pipes(ctx) < 0 || write(in[1], HELLO, HELLO_LEN) != HELLO_LEN)
		return -1;
	return write(out[1], sink, sizeof(sink)) == sizeof(sink) ? 0 : -1;
}

static void close_pipes(void *ctx)
{
	(void)ctx;
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
}

static int fill(void *ctx)
{
	(void)ctx;
	return write(in[1], HELLO, HELLO_LEN) == HELLO_LEN ? 0 : -1;
}

static int drain(void *ctx)
{
	(void)ctx;
	return read(out[0], sink, sizeof(sink)) > 0 ? 0 : -1;
}

static int start_splice(void *ctx)
{
	(void)ctx;
	return (int)rondo_splice(in[0], -1, out[1], -1, HELLO_LEN, 0);
}

static int start_tee(void *ctx)
{
	(void)ctx;
	return (int)rondo_tee(in[0], out[1], HELLO_LEN, 0);
}

static void check_both_waits(const char *name, rondo_fn *start)
{
	const struct matrix_verb for_input = {
		.start = start, .finish = fill, .prepare = open_pipes, .clean = close_pipes,
		.result = HELLO_LEN,
	};
	const struct matrix_verb for_room = {
		.start = start, .finish = drain, .prepare = open_full_pipes,
		.clean = close_pipes, .result = HELLO_LEN,
	};

	print_message("%s waits for input\n", name);
	matrix_check(name, &for_input);
	print_message("%s waits for room\n", name);
	matrix_check(name, &for_room);
}

static void test_splice_waits_for_input_and_for_room(void **state)
{
	(void)state;
	check_both_waits("splice", start_splice);
}

static void test_tee_waits_for_input_and_for_room(void **state)
{
	(void)state;
	check_both_waits("tee", start_tee);
}

static void run_passes(rondo_fn *main_fn)
{
	int n_fds = count_fds();

	assert_int_equal(rondo_run(main_fn, NULL), 0);
	assert_checks_passed();
	assert_int_equal(count_fds(), n_fds);
}

/* --- where the bytes go ---------------------------------------------------------------------- */

static int moves_bytes(void *arg)
{
	int p[2], s[2], fd = open("file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char buf[16] = "";

	(void)arg;
	CHECK_EQUAL(rondo_pipe(p, 0), 0);
	CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	CHECK_EQUAL(write(fd, "0123456789", 10), 10);
	/* From an offset of a file to a pipe to a socket. */
	CHECK_EQUAL(rondo_splice(fd, 2, p[1], -1, 5, 0), 5);
	CHECK_EQUAL(lseek(fd, 0, SEEK_CUR), 10);
	CHECK_EQUAL(rondo_splice(p[0], -1, s[0], -1, 100, 0), 5);
	CHECK_EQUAL(read(s[1], buf, sizeof(buf)), 5);
	CHECK_EQUAL(memcmp(buf, "23456", 5), 0);
	/* From a socket to a pipe to an offset of a file. */
	CHECK_EQUAL(write(s[1], "abc", 3), 3);
	CHECK_EQUAL(rondo_splice(s[0], -1, p[1], -1, 100, 0), 3);
	CHECK_EQUAL(rondo_splice(p[0], -1, fd, 20, 100, 0), 3);
	CHECK_EQUAL(pread(fd, buf, sizeof(buf), 20), 3);
	CHECK_EQUAL(memcmp(buf, "abc", 3), 0);
	/* The file position, and the end. */
	CHECK_EQUAL(lseek(fd, 8, SEEK_SET), 8);
	CHECK_EQUAL(rondo_splice(fd, -1, p[1], -1, 2, 0), 2);
	CHECK_EQUAL(lseek(fd, 0, SEEK_CUR), 10);
	CHECK_EQUAL(rondo_splice(fd, 1000, p[1], -1, 2, 0), 0);
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(s[i]);
	}
	return close(fd);
}

static void test_bytes_move_between_files_pipes_and_sockets(void **state)
{
	(void)state;
	run_passes(moves_bytes);
}

static int copies(void *arg)
{
	char buf[16];

	CHECK_EQUAL(open_pipes(arg), 0);
	CHECK_EQUAL(fill(arg), 0);
	CHECK_EQUAL(rondo_tee(in[0], out[1], 100, 0), HELLO_LEN);
	CHECK_EQUAL(read(in[0], buf, sizeof(buf)), HELLO_LEN);
	CHECK_EQUAL(memcmp(buf, HELLO, HELLO_LEN), 0);
	CHECK_EQUAL(read(out[0], buf, sizeof(buf)), HELLO_LEN);
	CHECK_EQUAL(memcmp(buf, HELLO, HELLO_LEN), 0);
	close_pipes(arg);
	return 0;
}

static void test_tee_leaves_the_bytes_where_they_were(void **state)
{
	(void)state;
	run_passes(copies);
}

static int is_told_ends_and_errors(void *arg)
{
	int fd = open("file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	CHECK_EQUAL(open_pipes(arg), 0);
	CHECK_EQUAL(rondo_splice(fd, 0, fd, 0, 1, 0), -EINVAL);
	CHECK_EQUAL(rondo_splice(-1, -1, out[1], -1, 1, 0), -EBADF);
	CHECK_EQUAL(rondo_splice(fd, 0, -1, -1, 1, 0), -EBADF);
	CHECK_EQUAL(rondo_splice(in[0], 5, out[1], -1, 1, SPLICE_F_NONBLOCK), -ESPIPE);
	CHECK_EQUAL(rondo_splice(in[0], -1, out[1], -1, 1, SPLICE_F_NONBLOCK), -EAGAIN);
	CHECK_EQUAL(rondo_tee(in[0], out[1], 1, SPLICE_F_NONBLOCK), -EAGAIN);
	CHECK_EQUAL(rondo_tee(in[0], fd, 1, SPLICE_F_NONBLOCK), -EINVAL);
	CHECK_EQUAL(rondo_tee(-1, out[1], 1, 0), -EBADF);
	close(in[1]);
	in[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	CHECK_EQUAL(rondo_splice(in[0], -1, out[1], -1, 1, 0), 0);
	CHECK_EQUAL(rondo_tee(in[0], out[1], 1, 0), 0);
	close_pipes(arg);
	return close(fd);
}

static void test_ends_and_errors_come_back_as_they_are(void **state)
{
	(void)state;
	run_passes(is_told_ends_and_errors);
}

static int moves_to_nobody(void *arg)
{
	CHECK_EQUAL(open_pipes(arg), 0);
	CHECK_EQUAL(fill(arg), 0);
	close(out[0]);
	CHECK_EQUAL(rondo_splice(in[0], -1, out[1], -1, HELLO_LEN, 0), -EPIPE);
	CHECK_EQUAL(rondo_tee(in[0], out[1], HELLO_LEN, 0), -EPIPE);
	return 0;
}

static int with_default_sigpipe(void)
{
	signal(SIGPIPE, SIG_DFL);
	return rondo_run(moves_to_nobody, NULL) == 0 && !check_failure[0] ? 0 : 1;
}

static void test_a_pipe_without_reader_is_an_error_and_no_signal(void **state)
{
	(void)state;
	assert_int_equal(child_result(with_default_sigpipe), 0);
}

/* --- waiting costs no thread ----------------------------------------------------------------- */

static unsigned n_splices, n_that_may_block;

static void count_splices(struct io_uring_sqe *sqe)
{
	if (sqe->opcode != IORING_OP_SPLICE)
		return;
	n_splices++;
	n_that_may_block += !(sqe->splice_flags & SPLICE_F_NONBLOCK);
}

static int count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static int splice_one(void *arg)
{
	(void)arg;
	return rondo_splice(in[0], -1, out[1], -1, 1, 0) == 1 ? 0 : -1;
}

/* Start many splices, and see them all wait without a thread, and without trying in vain. */
static int all_wait(rondo_task *tasks[MANY])
{
	const int n_threads = count_threads();

	for (int i = 0; i < MANY; i++) {
		tasks[i] = rondo_create_task(splice_one, NULL);
		CHECK(tasks[i]);
	}
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK_EQUAL(n_splices, 0);
	CHECK_EQUAL(count_threads(), n_threads);
	return 0;
}

static int many_wait_for_input(void *arg)
{
	rondo_task *tasks[MANY];

	CHECK_EQUAL(open_pipes(arg), 0);
	if (all_wait(tasks) < 0)
		return -1;
	/* One byte for each: whoever is late finds the pipe empty, and waits again. */
	for (int i = 0; i < MANY; i++) {
		CHECK_EQUAL(write(in[1], "x", 1), 1);
		CHECK_EQUAL(rondo_read(out[0], sink, 1), 1);
	}
	for (int i = 0; i < MANY; i++)
		CHECK_EQUAL(rondo_await(tasks[i]), 0);
	CHECK(n_splices >= MANY);
	CHECK_EQUAL(n_that_may_block, 0);
	close_pipes(arg);
	return 0;
}

static int many_wait_for_room(void *arg)
{
	rondo_task *tasks[MANY];

	CHECK_EQUAL(open_full_pipes(arg), 0);
	if (all_wait(tasks) < 0)
		return -1;
	for (int i = 0; i < MANY; i++)
		CHECK(rondo_cancel(tasks[i]));
	for (int i = 0; i < MANY; i++)
		CHECK_EQUAL(rondo_await(tasks[i]), -1);
	close_pipes(arg);
	return 0;
}

static int run_counted(rondo_fn *main_fn)
{
	struct test_kernel k;
	int ret;

	test_kernel_init(&k);
	k.on_sqe = count_splices;
	ret = rondo__run_on(&k.kernel, NULL, main_fn, NULL);
	if (check_failure[0])
		print_error("in the child: %s\n", check_failure);
	return ret == 0 && !check_failure[0] ? 0 : 1;
}

static int waits_for_input(void)
{
	return run_counted(many_wait_for_input);
}

static int waits_for_room(void)
{
	return run_counted(many_wait_for_room);
}

/* In children, which have no worker threads left over from other tests. */
static void test_waiting_splices_hold_no_threads(void **state)
{
	(void)state;
	assert_int_equal(child_result(waits_for_input), 0);
	assert_int_equal(child_result(waits_for_room), 0);
}

/* --- pipe ------------------------------------------------------------------------------------ */

static int start_pipe(void *ctx)
{
	int p[2] = { -7, -7 }, ret = rondo_pipe(p, 0);

	(void)ctx;
	if (ret < 0)
		return p[0] == -7 && p[1] == -7 ? ret : -EILSEQ;
	if (write(p[1], "x", 1) != 1 || read(p[0], sink, sizeof(sink)) != 1)
		return -EIO;
	if (fcntl(p[0], F_GETFD) != FD_CLOEXEC || fcntl(p[1], F_GETFD) != FD_CLOEXEC)
		return -EPERM;
	return close(p[0]) == 0 && close(p[1]) == 0 ? 0 : -errno;
}

static int is_refused(void *arg)
{
	int p[2];

	(void)arg;
	CHECK_EQUAL(rondo_pipe(p, O_CREAT), -EINVAL);
	CHECK_EQUAL(rondo_pipe(p, O_NONBLOCK), 0);
	CHECK_EQUAL(fcntl(p[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	close(p[0]);
	return close(p[1]);
}

static void test_pipe(void **state)
{
	struct test_kernel k;
	const struct matrix_verb with_op = { .start = start_pipe };
	const struct matrix_verb without = {
		.start = start_pipe, .kernel = kernel_without(&k, RONDO_OP_PIPE),
	};

	(void)state;
	matrix_check("pipe", &with_op);
	matrix_check("pipe by pipe2(2)", &without);
	run_passes(is_refused);
	assert_int_equal(rondo__run_on(&k.kernel, NULL, is_refused, NULL), 0);
	assert_checks_passed();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_splice_waits_for_input_and_for_room),
		cmocka_unit_test(test_tee_waits_for_input_and_for_room),
		cmocka_unit_test(test_bytes_move_between_files_pipes_and_sockets),
		cmocka_unit_test(test_tee_leaves_the_bytes_where_they_were),
		cmocka_unit_test(test_ends_and_errors_come_back_as_they_are),
		cmocka_unit_test(test_a_pipe_without_reader_is_an_error_and_no_signal),
		cmocka_unit_test(test_waiting_splices_hold_no_threads),
		cmocka_unit_test(test_pipe),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
