/* SPDX-License-Identifier: MIT */
/* test_splices.c - splice and tee of the simulated kernel. Goal: they do what Linux's do, wait in a
 * worker when they are told to wait, and lose and double no byte. Method: one program with exact
 * expectations runs on both kernels; pipelines that check every byte run under many seeds. */
#include "sim/stream.h"
#include "support/folder.h"

#include <sys/syscall.h>

/* --- the same on both kernels ---------------------------------------------------------------- */

static int splices(void *arg)
{
	int a[2], b[2];

	(void)arg;
	CHECK_EQUAL(rondo_pipe(a, 0), 0);
	CHECK_EQUAL(rondo_pipe(b, 0), 0);
	CHECK_EQUAL(rondo_splice(a[0], -1, b[1], -1, 5, SPLICE_F_NONBLOCK), -EAGAIN);
	CHECK_EQUAL(rondo_tee(a[0], b[1], 5, SPLICE_F_NONBLOCK), -EAGAIN);
	CHECK_EQUAL(rondo_write(a[1], "hello", 5), 5);
	CHECK_EQUAL(rondo_tee(a[0], b[1], 3, 0), 3);
	CHECK_EQUAL(rondo_splice(a[0], -1, b[1], -1, 4, 0), 4);
	CHECK_EQUAL(rondo_read(b[0], sink, 100), 7);
	CHECK_EQUAL(memcmp(sink, "helhell", 7), 0);
	CHECK_EQUAL(rondo_splice(a[0], 0, b[1], -1, 4, 0), -ESPIPE);
	CHECK_EQUAL(rondo_splice(a[0], -1, a[1], -1, 4, 0), -EINVAL);
	CHECK_EQUAL(rondo_tee(a[0], a[1], 4, 0), -EINVAL);
	CHECK_EQUAL(rondo_splice(b[0], -1, a[0], -1, 4, SPLICE_F_NONBLOCK), -EBADF);
	CHECK_EQUAL(rondo_splice(-1, -1, b[1], -1, 0, SPLICE_F_NONBLOCK), -EBADF);
	CHECK_EQUAL(rondo_splice(a[0], -1, b[1], -1, 4, 0x100 | SPLICE_F_NONBLOCK), -EINVAL);
	CHECK_EQUAL(rondo_close(b[0]), 0);
	CHECK_EQUAL(rondo_splice(a[0], -1, b[1], -1, 4, 0), -EPIPE);
	CHECK_EQUAL(rondo_close(a[1]), 0);
	CHECK_EQUAL(rondo_splice(a[0], -1, b[1], -1, 4, 0), -EPIPE);	/* before the end */
	CHECK_EQUAL(rondo_close(a[0]), 0);
	return rondo_close(b[1]);
}

/* Single bytes that were spliced take a slot each. */
static int splices_slots(void *arg)
{
	int a[2], b[2], n = 0;

	(void)arg;
	CHECK_EQUAL(rondo_pipe(a, 0), 0);
	CHECK_EQUAL(rondo_pipe(b, 0), 0);
	CHECK_EQUAL(rondo_write(a[1], big, 100), 100);
	while (rondo_splice(a[0], -1, b[1], -1, 1, SPLICE_F_NONBLOCK) == 1)
		n++;
	CHECK_EQUAL(n, 16);
	CHECK_EQUAL(write_nowait(b[1], big, 1), -EAGAIN);
	CHECK_EQUAL(rondo_read(b[0], sink, sizeof(sink)), 16);
	CHECK_EQUAL(rondo_splice(a[0], -1, b[1], -1, 1000, 0), 84);
	CHECK_EQUAL(write_nowait(b[1], big, 1), 1);
	CHECK_EQUAL(rondo_read(b[0], sink, sizeof(sink)), 85);
	CHECK_EQUAL(close_both(a), 0);
	return close_both(b);
}

static void test_splices_are_those_of_linux(void **state)
{
	(void)state;
	seeds_run_pipes(splices);
	seeds_run_pipes(splices_slots);
}

/* --- files ----------------------------------------------------------------------------------- */

/* A file to a pipe to a pipe to a file, by position and by offset. */
static int passes_through(int file, int other)
{
	int a[2], b[2];
	char buf[16] = "";

	CHECK_EQUAL(rondo_pipe(a, 0) + rondo_pipe(b, 0), 0);
	CHECK_EQUAL(rondo_pwrite_all(file, "0123456789", 10, 0, NULL), 0);
	CHECK_EQUAL(rondo_splice(file, 2, a[1], -1, 5, 0), 5);
	CHECK_EQUAL(rondo_splice(file, -1, a[1], -1, 2, 0), 2);
	CHECK_EQUAL(rondo_splice(file, -1, a[1], -1, 100, 0), 8);
	CHECK_EQUAL(rondo_splice(file, -1, a[1], -1, 100, 0), 0);
	CHECK_EQUAL(rondo_splice(file, 1000, a[1], -1, 100, 0), 0);
	CHECK_EQUAL(rondo_splice(a[0], -1, b[1], -1, 100, 0), 15);
	CHECK_EQUAL(rondo_splice(b[0], -1, other, 1, 5, 0), 5);
	CHECK_EQUAL(rondo_splice(b[0], -1, other, -1, 1, 0), 1);
	CHECK_EQUAL(rondo_pread_exactly(other, buf, 6, 0, NULL), 0);
	CHECK_EQUAL(memcmp(buf, "023456", 6), 0);
	CHECK_EQUAL(rondo_splice(file, 0, other, 0, 1, SPLICE_F_NONBLOCK), -EINVAL);
	CHECK_EQUAL(rondo_tee(b[0], other, 1, SPLICE_F_NONBLOCK), -EINVAL);
	return close_both(a) + close_both(b);
}

static int opens_files(void *arg)
{
	int files[2];

	(void)arg;
	files[0] = rondo_open("one", O_RDWR | O_CREAT | O_TRUNC, 0600);
	files[1] = rondo_open("other", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(files[0] >= 0 && files[1] >= 0);
	CHECK_EQUAL(passes_through(files[0], files[1]), 0);
	return close_both(files);
}

static void test_files_pass_through_pipes(void **state)
{
	(void)state;
	seeds_run_pipes(opens_files);
	seeds_run_calm(20, opens_files, NULL);
}

/* --- pipelines ------------------------------------------------------------------------------- */

static int splices_all(void *arg)
{
	const int *fds = arg;
	ssize_t n;

	while ((n = rondo_splice(fds[0], -1, fds[1], -1, 1 + rondo_sim_random() % 30000, 0)) > 0)
		;
	CHECK_EQUAL(n, 0);
	CHECK_EQUAL(rondo_close(fds[0]), 0);
	return rondo_close(fds[1]);
}

static int runs_splices(void *arg)
{
	(void)arg;
	return runs_pipeline(splices_all);
}

static void test_pipelines_lose_and_double_no_byte(void **state)
{
	(void)state;
	seeds_run_calm(5, runs_splices, NULL);
	seeds_run(200, NULL, runs_splices, NULL);
	seeds_run(20, "INTERRUPTED,OP_LATE", runs_splices, NULL);
}

enum { N_RIVALS = 8 };

static int splices_one(void *arg)
{
	const int *fds = arg;

	return (int)rondo_splice(fds[0], -1, fds[1], -1, 1, 0);
}

/* All are told that there is input, and one gets it: the others must wait again. */
static int rivals_get_one_each(void *arg)
{
	rondo_task *tasks[N_RIVALS];
	int a[2], b[2];

	(void)arg;
	CHECK_EQUAL(make_pipe(a) + make_pipe(b), 0);
	int fds[2] = { a[0], b[1] };

	for (int i = 0; i < N_RIVALS; i++)
		tasks[i] = rondo_create_task(splices_one, fds);
	CHECK_EQUAL(rondo_sleep(0.1), 0);
	for (int i = 0; i < N_RIVALS; i++) {
		CHECK_EQUAL(rondo_write(a[1], "x", 1), 1);
		CHECK_EQUAL(rondo_read(b[0], sink, 1), 1);
	}
	for (int i = 0; i < N_RIVALS; i++)
		CHECK_EQUAL(rondo_await(tasks[i]), 1);
	return close_both(a) + close_both(b);
}

static void test_who_comes_too_late_waits_again(void **state)
{
	(void)state;
	seeds_run_calm(20, rivals_get_one_each, NULL);
	seeds_run(100, "OP_LATE,COMPLETE_LATE,CQE_HELD,INTERRUPTED", rivals_get_one_each, NULL);
}

/* --- splices that wait in a worker ----------------------------------------------------------- */

/* As the engine never does it: without polling first, and without SPLICE_F_NONBLOCK. */
static int blocks(unsigned opcode, int in, int out)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	rondo__prep(sqe, opcode, out, NULL, 5, opcode == IORING_OP_TEE ? 0 : UINT64_MAX);
	sqe->splice_off_in = opcode == IORING_OP_TEE ? 0 : UINT64_MAX;
	sqe->splice_fd_in = in;
	return rondo__op_await(&op);
}

static int blocks_in_splice(void *arg)
{
	const int *fds = arg;

	return blocks(IORING_OP_SPLICE, fds[0], fds[1]);
}

static int blocks_in_tee(void *arg)
{
	const int *fds = arg;

	return blocks(IORING_OP_TEE, fds[0], fds[1]);
}

/* Waits for input, then for room, though the input's descriptor is closed meanwhile. */
static int is_moved(rondo_fn *mover, bool *closed)
{
	int a[2], b[2];
	rondo_task *task;

	CHECK_EQUAL(rondo_pipe(a, 0) + rondo_pipe(b, 0), 0);
	CHECK_EQUAL(rondo_write(b[1], big, PIPE_SIZE), PIPE_SIZE);
	task = rondo_create_task(mover, (int[2]){ a[0], b[1] });
	CHECK_EQUAL(rondo_sleep(1), 0);
	CHECK_EQUAL(rondo_write(a[1], "hello", 5), 5);
	if (*closed)
		CHECK_EQUAL(kernel_call2(rondo__self()->loop->ring.kernel, SYS_close, a[0], 0), 0);
	CHECK_EQUAL(rondo_sleep(1), 0);
	CHECK(rondo_task_state(task) != RONDO_DONE);
	CHECK_EQUAL(rondo_read(b[0], sink, sizeof(sink)), PIPE_SIZE);
	CHECK_EQUAL(rondo_await(task), 5);
	CHECK_EQUAL(rondo_read(b[0], sink, sizeof(sink)), 5);
	CHECK_EQUAL(memcmp(sink, "hello", 5), 0);
	CHECK_EQUAL(*closed ? 0 : rondo_close(a[0]), 0);
	CHECK_EQUAL(rondo_close(a[1]), 0);
	return close_both(b);
}

static int moves_after_waiting(void *arg)
{
	CHECK_EQUAL(is_moved(blocks_in_splice, arg), 0);
	return is_moved(blocks_in_tee, arg);
}

static void test_a_splice_waits_in_a_worker_for_input_and_for_room(void **state)
{
	(void)state;
	seeds_run_calm(50, moves_after_waiting, &(bool){ false });
	seeds_run_calm(50, moves_after_waiting, &(bool){ true });
}

/* --- cancelling ------------------------------------------------------------------------------ */

static int splices_five(void *arg)
{
	const int *fds = arg;

	return (int)rondo_splice(fds[0], -1, fds[1], -1, 5, 0);
}

static int cancels_each(void *arg)
{
	int a[2], b[2];

	(void)arg;
	CHECK_EQUAL(make_pipe(a) + make_pipe(b), 0);
	CHECK_EQUAL(is_stopped(splices_five, a[0], b[1]), 0);
	CHECK_EQUAL(is_stopped(blocks_in_splice, a[0], b[1]), 0);
	CHECK_EQUAL(is_stopped(blocks_in_tee, a[0], b[1]), 0);
	return close_both(a) + close_both(b);
}

static void test_whatever_waits_can_be_cancelled(void **state)
{
	(void)state;
	seeds_run(200, STREAM_CANCEL_FAULTS, cancels_each, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_splices_are_those_of_linux),
		cmocka_unit_test(test_files_pass_through_pipes),
		cmocka_unit_test(test_pipelines_lose_and_double_no_byte),
		cmocka_unit_test(test_who_comes_too_late_waits_again),
		cmocka_unit_test(test_a_splice_waits_in_a_worker_for_input_and_for_room),
		cmocka_unit_test(test_whatever_waits_can_be_cancelled),
	};

	fill_big();
	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
