/* SPDX-License-Identifier: MIT */
/* test_op.c - goal: an op returns what its CQE says, ends exactly once, and a cancel loses
 * neither bytes nor itself (O1-O6). Method: reads on sockets that the test fills or does not; a
 * race is staged by entering the kernel by hand, so that a CQE is posted but not yet reaped. */
#include "support/step.h"

#include <sys/socket.h>

#include "rondo/file.h"

static int read_op_masked(int fd, void *buf, unsigned len)
{
	struct op op;

	io_uring_prep_read(rondo__op_begin(&op), fd, buf, len, 0);
	int ret = rondo__op_await_masked(&op);

	if (ret > 0)
		san_kernel_wrote(buf, (size_t)ret);
	return ret;
}

/* Always run by a kernel worker, and blocking there. (Not IOSQE_ASYNC on a read: a worker that
 * finds a pipe empty hands the op over to poll, and a cancel that comes at that moment is lost
 * in the kernel.) */
static int splice_op(int fd, void *buf, unsigned len)
{
	struct op op;
	int fds[2], ret;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -EMFILE;
	io_uring_prep_splice(rondo__op_begin(&op), fd, -1, fds[1], -1, len, 0);
	ret = rondo__op_await(&op);
	if (ret > 0 && read(fds[0], buf, (size_t)ret) != ret)
		ret = -EIO;
	close(fds[0]);
	close(fds[1]);
	return ret;
}

static uint64_t n_user_ops(void)
{
	return rondo__loop->ring.n_in_flight - rondo__loop->n_internal;
}

/* A task that reads once and tells what it and its next await got. */
struct reader {
	int (*read)(int fd, void *buf, unsigned len);
	int fds[2];
	char buf[8];
	int ret, next;
};

static int reads(void *arg)
{
	struct reader *r = arg;

	r->ret = r->read(r->fds[0], r->buf, sizeof(r->buf));
	r->next = rondo_yield();
	return 0;
}

static rondo_task *start_reader(struct reader *r, int (*read)(int, void *, unsigned))
{
	*r = (struct reader){ .read = read, .ret = 1000, .next = 1000 };
	/* What came through a pipe may be read by a worker, some time later (KN-42). */
	if (read == splice_op ? pipe2(r->fds, O_CLOEXEC) :
				socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, r->fds))
		return NULL;
	return rondo_create_task(reads, r);
}

static int bytes_left(const struct reader *r)
{
	char buf[8];

	fcntl(r->fds[0], F_SETFL, O_NONBLOCK);
	return (int)read(r->fds[0], buf, sizeof(buf));
}

static void end_reader(struct reader *r)
{
	close(r->fds[0]);
	close(r->fds[1]);
}

static void run_passes(int (*main)(void *arg), void *arg)
{
	unsigned before = n_descriptors();

	assert_run(main, arg, 0);
	assert_int_equal(n_descriptors(), before);
}

/* --- result and error --------------------------------------------------------------------- */

static int result_main(void *arg)
{
	struct reader r;
	rondo_task *t = start_reader(&r, read_op);

	(void)arg;
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(r.ret, 1000);
	CHECK_EQUAL(write(r.fds[1], "abc", 3), 3);
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(r.ret, 3);
	CHECK_EQUAL(r.next, 0);
	CHECK(memcmp(r.buf, "abc", 3) == 0);
	CHECK_EQUAL(n_user_ops(), 0);
	end_reader(&r);
	return 0;
}

static void test_an_op_returns_what_the_kernel_says(void **state)
{
	(void)state;
	run_passes(result_main, NULL);
}

static int error_main(void *arg)
{
	char c;

	(void)arg;
	CHECK_EQUAL(read_op(-1, &c, 1), -EBADF);
	CHECK_EQUAL(read_op(100000, &c, 1), -EBADF);
	CHECK_EQUAL(rondo_yield(), 0);
	return 0;
}

static void test_an_op_returns_the_kernels_error(void **state)
{
	(void)state;
	run_passes(error_main, NULL);
}

/* --- cancel ------------------------------------------------------------------------------- */

static int notes(void *arg)
{
	note("%s", (const char *)arg);
	return 0;
}

static int before_start_main(void *arg)
{
	struct ring *r = &rondo__loop->ring;
	uint64_t n_in_flight = r->n_in_flight, n_taken = r->n_submitted + ring_n_queued(r);
	char c;
	int fds[2];

	(void)arg;
	CHECK_EQUAL(pipe2(fds, O_CLOEXEC), 0);
	rondo_detach(rondo_create_task(notes, word("other")));
	CHECK(rondo_cancel(rondo_current_task()));
	CHECK_EQUAL(read_op(fds[0], &c, 1), -ECANCELED);
	note("main");
	CHECK_EQUAL(r->n_in_flight, n_in_flight);
	CHECK_EQUAL(r->n_submitted + ring_n_queued(r), n_taken);
	/* Delivered once. */
	CHECK_EQUAL(write(fds[1], "x", 1), 1);
	CHECK_EQUAL(read_op(fds[0], &c, 1), 1);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

/* T3, T8: never delivered synchronously: others run first. Nothing is submitted. */
static void test_a_pending_cancel_ends_an_op_before_it_is_submitted(void **state)
{
	(void)state;
	run_passes(before_start_main, NULL);
	assert_log("other main");
}

static int parked_main(void *arg)
{
	struct reader r;
	rondo_task *t = start_reader(&r, arg ? splice_op : read_op);

	CHECK_EQUAL(yield_times(3), 0);
	CHECK_EQUAL(n_user_ops(), 1);
	CHECK(rondo_cancel(t));
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(r.ret, 1000);
	CHECK_EQUAL(rondo_cancelling(t), 2);
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(r.ret, -ECANCELED);
	CHECK_EQUAL(r.next, 0);
	end_reader(&r);
	return 0;
}

/* The first outcome: the kernel found the op and ended it. T4: two requests are one delivery. */
static void test_cancel_wakes_a_parked_reader(void **state)
{
	(void)state;
	run_passes(parked_main, NULL);
}

/* The second outcome, -EALREADY: the op is being run by a kernel worker, which is interrupted;
 * that its CQE says -EINTR or -ERESTARTSYS there reaches nobody. */
static void test_cancel_wakes_a_reader_that_a_kernel_worker_runs(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++)
		run_passes(parked_main, word("in a worker"));
}

static int late_cancel_main(void *arg)
{
	struct reader r;
	rondo_task *t = start_reader(&r, read_op);

	(void)arg;
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(write(r.fds[1], "abc", 3), 3);
	let_kernel_complete();
	CHECK(ring_has_cqe(&rondo__loop->ring));
	CHECK(rondo_cancel(t));				/* the kernel will answer -ENOENT */
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(r.ret, 3);
	CHECK(memcmp(r.buf, "abc", 3) == 0);
	CHECK_EQUAL(r.next, -ECANCELED);
	end_reader(&r);
	return 0;
}

/* The third outcome, and D1, where asyncio loses the bytes (probe 3): the op was done already. */
static void test_bytes_that_moved_beat_a_cancel_which_the_next_await_gets(void **state)
{
	(void)state;
	run_passes(late_cancel_main, NULL);
}

static int woken_main(void *arg)
{
	struct reader r;
	rondo_task *t = start_reader(&r, read_op);

	(void)arg;
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(write(r.fds[1], "abc", 3), 3);
	let_kernel_complete();
	CHECK_EQUAL(rondo_yield(), 0);			/* reaps; we run before the reader does */
	CHECK(!t->wait && r.ret == 1000);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(r.ret, 3);
	CHECK_EQUAL(r.next, -ECANCELED);
	end_reader(&r);
	return 0;
}

/* D1 again: reaped, but its task has not run yet. */
static void test_a_cancel_after_the_completion_waits_for_the_next_await(void **state)
{
	(void)state;
	run_passes(woken_main, NULL);
}

static int same_turn_main(void *arg)
{
	for (int i = 0; i < 200; i++) {
		struct reader r;
		rondo_task *t = start_reader(&r, i & 1 ? splice_op : read_op);

		CHECK_EQUAL(yield_times((unsigned)i % 5), 0);
		if (i & 2) {
			CHECK_EQUAL(write(r.fds[1], "abc", 3), 3);
			CHECK(rondo_cancel(t));
		} else {
			CHECK(rondo_cancel(t));
			CHECK_EQUAL(write(r.fds[1], "abc", 3), 3);
		}
		int ret = rondo_await(t);

		if (r.ret == 1000) {			/* cancelled before it ever ran */
			CHECK_EQUAL(ret, -ECANCELED);
			CHECK_EQUAL(bytes_left(&r), 3);
		} else if (r.ret == 3) {
			CHECK_EQUAL(r.next, -ECANCELED);
			CHECK_EQUAL(bytes_left(&r), -1);
		} else {
			CHECK_EQUAL(r.ret, -ECANCELED);
			CHECK_EQUAL(r.next, 0);
			CHECK_EQUAL(bytes_left(&r), 3);
		}
		end_reader(&r);
	}
	(void)arg;
	return 0;
}

/* Whoever wins in the kernel: the bytes are either with the task or still in the pipe, and
 * exactly one await says -ECANCELED. */
static void test_bytes_and_cancel_in_the_same_turn_lose_neither(void **state)
{
	(void)state;
	run_passes(same_turn_main, NULL);
}

static int taken_back_main(void *arg)
{
	struct reader r;
	rondo_task *t = start_reader(&r, read_op);

	(void)arg;
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(write(r.fds[1], "abc", 3), 3);
	let_kernel_complete();
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_uncancel(t), 0);
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(r.ret, 3);
	CHECK_EQUAL(r.next, 0);
	end_reader(&r);
	return 0;
}

/* T12: a request that was taken back before it was delivered is forgotten, also if an op beat
 * it. */
static void test_a_cancel_that_was_beaten_and_taken_back_is_forgotten(void **state)
{
	(void)state;
	run_passes(taken_back_main, NULL);
}

static int masked_main(void *arg)
{
	struct reader r;
	rondo_task *t = start_reader(&r, read_op_masked);

	(void)arg;
	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(yield_times(3), 0);
	CHECK_EQUAL(r.ret, 1000);
	CHECK_EQUAL(write(r.fds[1], "abc", 3), 3);
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(r.ret, 3);
	CHECK_EQUAL(r.next, -ECANCELED);
	end_reader(&r);
	return 0;
}

static void test_a_masked_op_leaves_the_cancel_to_the_next_await(void **state)
{
	(void)state;
	run_passes(masked_main, NULL);
}

static int masked_pending_main(void *arg)
{
	int fds[2];
	char c;

	(void)arg;
	CHECK_EQUAL(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQUAL(write(fds[1], "x", 1), 1);
	CHECK(rondo_cancel(rondo_current_task()));
	CHECK_EQUAL(read_op_masked(fds[0], &c, 1), 1);
	CHECK_EQUAL(read_op(fds[0], &c, 1), -ECANCELED);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

static void test_a_masked_op_is_run_although_a_cancel_is_pending(void **state)
{
	(void)state;
	run_passes(masked_pending_main, NULL);
}

/* --- what nobody asked for ---------------------------------------------------------------- */

static int uninvited_main(void *arg)
{
	struct reader r;
	rondo_task *t = start_reader(&r, read_op);
	struct io_uring_sqe *sqe;

	(void)arg;
	CHECK_EQUAL(yield_times(2), 0);
	sqe = rondo__ring_sqe(&rondo__loop->ring);
	io_uring_prep_cancel(sqe, NULL, IORING_ASYNC_CANCEL_FD);
	sqe->fd = r.fds[0];
	sqe->user_data = OP_IGNORED;
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(r.ret, -EIO);
	CHECK_EQUAL(r.next, 0);
	end_reader(&r);
	return 0;
}

/* D3, O5: -ECANCELED means that this task was cancelled, and nothing else. */
static void test_a_cqe_of_ecanceled_that_nobody_asked_for_is_an_io_error(void **state)
{
	(void)state;
	run_passes(uninvited_main, NULL);
}

static int closes_under_main(void *arg)
{
	struct reader rs[3];
	rondo_task *ts[3];

	(void)arg;
	for (int i = 0; i < 3; i++) {
		ts[i] = start_reader(&rs[i], read_op);
		if (i > 0) {
			end_reader(&rs[i]);
			rs[i].fds[0] = rs[0].fds[0];
		}
	}
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(n_user_ops(), 3);
	CHECK_EQUAL(rondo__op_close_fd(rs[0].fds[0]), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_EQUAL(rondo_await(ts[i]), 0);
		CHECK_EQUAL(rs[i].ret, -EBADF);
		CHECK_EQUAL(rs[i].next, 0);
	}
	CHECK_EQUAL(rondo__op_close_fd(rs[0].fds[0]), 0);	/* nothing is in flight */
	end_reader(&rs[0]);
	return 0;
}

static void test_closing_a_descriptor_ends_its_ops_with_ebadf(void **state)
{
	(void)state;
	run_passes(closes_under_main, NULL);
}

static int closes_and_cancels_main(void *arg)
{
	struct reader r;
	rondo_task *t = start_reader(&r, read_op);

	(void)arg;
	CHECK_EQUAL(yield_times(2), 0);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo__op_close_fd(r.fds[0]), 0);
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(r.ret, -ECANCELED);
	CHECK_EQUAL(r.next, 0);
	end_reader(&r);
	return 0;
}

static void test_a_cancel_counts_even_if_the_descriptor_is_closed_too(void **state)
{
	(void)state;
	run_passes(closes_and_cancels_main, NULL);
}

/* Two descriptors whose ops are in one list. */
static int closes_neighbour(void *arg)
{
	enum { BUCKETS = 256 };
	struct reader low, high;
	rondo_task *a = start_reader(&low, read_op), *b = start_reader(&high, read_op);
	int fd = high.fds[0];

	(void)arg;
	high.fds[0] = dup2(fd, low.fds[0] + BUCKETS);
	CHECK_EQUAL(high.fds[0], low.fds[0] + BUCKETS);
	close(fd);
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(rondo_close(-1), -EBADF);	/* on which nobody waits */
	CHECK_EQUAL(rondo_close(low.fds[0]), 0);
	CHECK_EQUAL(rondo_await(a), 0);
	CHECK_EQUAL(low.ret, -EBADF);
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(high.ret, 1000);		/* it still waits */
	CHECK_EQUAL(write(high.fds[1], "abc", 3), 3);
	CHECK_EQUAL(rondo_await(b), 0);
	CHECK_EQUAL(high.ret, 3);
	close(low.fds[1]);
	end_reader(&high);
	return 0;
}

static void test_closing_a_descriptor_spares_its_neighbours(void **state)
{
	(void)state;
	run_passes(closes_neighbour, NULL);
}

static int stale_main(void *arg)
{
	struct loop *l = rondo__loop;
	struct reader r;
	rondo_task *t = start_reader(&r, read_op);
	struct io_uring_cqe cqe = { .res = 7 };
	struct op *op;

	(void)arg;
	CHECK_EQUAL(yield_times(2), 0);
	op = container_of(t->wait, struct op, wait);
	for (uint16_t ahead = 1; ahead < 4; ahead++) {
		cqe.user_data = (uint64_t)(uintptr_t)op << 16 | (uint16_t)(op->generation - ahead);
		rondo__op_complete(l, &cqe);
	}
	CHECK_EQUAL(l->n_stale, 3);
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(r.ret, 1000);
	CHECK_EQUAL(write(r.fds[1], "abc", 3), 3);
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(r.ret, 3);
	end_reader(&r);
	return 0;
}

/* O2: a CQE of an earlier life of the same address. */
static void test_a_stale_completion_wakes_nobody(void **state)
{
	(void)state;
	run_passes(stale_main, NULL);
}

static int generations_main(void *arg)
{
	uint16_t first = rondo__loop->generation;
	char c;

	(void)arg;
	for (int i = 0; i < 0x10000 + 10; i++)
		CHECK_EQUAL(read_op(-1, &c, 1), -EBADF);
	CHECK_EQUAL((uint16_t)(rondo__loop->generation - first), 10);
	CHECK_EQUAL(rondo__loop->n_stale, 0);
	return 0;
}

static void test_generations_wrap_around(void **state)
{
	(void)state;
	run_passes(generations_main, NULL);
}

/* --- many, through a small queue ---------------------------------------------------------- */

enum { N_PIPES = 40, N_PER_PIPE = 5 };

static int reads_shared(void *arg)
{
	char c;
	int ret = read_op(*(int *)arg, &c, 1);

	return ret == 1 ? c : ret;
}

static int many_main(void *arg)
{
	rondo_task *tasks[N_PIPES][N_PER_PIPE];
	int fds[N_PIPES][2];

	(void)arg;
	for (int i = 0; i < N_PIPES; i++) {
		CHECK_EQUAL(pipe2(fds[i], O_CLOEXEC), 0);
		for (int j = 0; j < N_PER_PIPE; j++)
			tasks[i][j] = rondo_create_task(reads_shared, &fds[i][0]);
	}
	CHECK_EQUAL(yield_times(2), 0);
	CHECK_EQUAL(n_user_ops(), N_PIPES * N_PER_PIPE);
	/* A third is cancelled, a third gets a byte each, a third is closed under. */
	for (int i = 0; i < N_PIPES; i++)
		for (int j = 0; j < N_PER_PIPE; j++)
			if (i % 3 == 0)
				CHECK(rondo_cancel(tasks[i][j]));
			else if (i % 3 == 1)
				CHECK_EQUAL(write(fds[i][1], "y", 1), 1);
			else if (j == 0)
				CHECK_EQUAL(rondo__op_close_fd(fds[i][0]), 0);
	for (int i = 0; i < N_PIPES; i++) {
		for (int j = 0; j < N_PER_PIPE; j++)
			CHECK_EQUAL(rondo_await(tasks[i][j]),
				    i % 3 == 0 ? -ECANCELED : i % 3 == 1 ? 'y' : -EBADF);
		close(fds[i][0]);
		close(fds[i][1]);
	}
	CHECK_EQUAL(rondo__loop->fds.n_ops, 0);
	return 0;
}

static void test_two_hundred_ops_end_as_asked_through_a_queue_of_eight(void **state)
{
	const struct rondo_options o = { .sq_entries = 8, .cq_entries = 8 };

	(void)state;
	assert_run_on(&rondo__kernel_linux, &o, many_main, NULL, 0);
	run_passes(many_main, NULL);
}

/* Refuse every other enter, as a kernel short of memory does. */
static int refuse_every_other(struct step_kernel *k, unsigned to_submit, unsigned n_wait)
{
	static const int refusals[] = { -EAGAIN, -EBUSY, -EINTR };
	static unsigned n;

	(void)k, (void)to_submit, (void)n_wait;
	return n++ % 2 ? refusals[n / 2 % 3] : 0;
}

static void test_a_kernel_that_refuses_every_other_enter_changes_nothing(void **state)
{
	const struct rondo_options o = { .sq_entries = 8, .cq_entries = 16 };
	struct step_kernel k;

	(void)state;
	step_kernel_init(&k, false);
	k.before_enter = refuse_every_other;
	assert_run_on(&k.kernel, &o, many_main, NULL, 0);
}

static int descriptions_main(void *arg)
{
	struct reader r;
	rondo_task *t = start_reader(&r, read_op);
	char what[96], number[16];

	(void)arg;
	CHECK_EQUAL(yield_times(2), 0);
	rondo_task_describe(t, what, sizeof(what));
	snprintf(number, sizeof(number), "%d", r.fds[0]);
	CHECK(strstr(what, number) != NULL);
	CHECK(rondo_cancel(t));
	CHECK_EQUAL(rondo_await(t), 0);
	end_reader(&r);
	return 0;
}

static void test_a_parked_op_is_described_with_its_descriptor(void **state)
{
	(void)state;
	run_passes(descriptions_main, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_op_returns_what_the_kernel_says),
		cmocka_unit_test(test_an_op_returns_the_kernels_error),
		cmocka_unit_test(test_a_pending_cancel_ends_an_op_before_it_is_submitted),
		cmocka_unit_test(test_cancel_wakes_a_parked_reader),
		cmocka_unit_test(test_cancel_wakes_a_reader_that_a_kernel_worker_runs),
		cmocka_unit_test(test_bytes_that_moved_beat_a_cancel_which_the_next_await_gets),
		cmocka_unit_test(test_a_cancel_after_the_completion_waits_for_the_next_await),
		cmocka_unit_test(test_bytes_and_cancel_in_the_same_turn_lose_neither),
		cmocka_unit_test(test_a_cancel_that_was_beaten_and_taken_back_is_forgotten),
		cmocka_unit_test(test_a_masked_op_leaves_the_cancel_to_the_next_await),
		cmocka_unit_test(test_a_masked_op_is_run_although_a_cancel_is_pending),
		cmocka_unit_test(test_a_cqe_of_ecanceled_that_nobody_asked_for_is_an_io_error),
		cmocka_unit_test(test_closing_a_descriptor_ends_its_ops_with_ebadf),
		cmocka_unit_test(test_a_cancel_counts_even_if_the_descriptor_is_closed_too),
		cmocka_unit_test(test_closing_a_descriptor_spares_its_neighbours),
		cmocka_unit_test(test_a_stale_completion_wakes_nobody),
		cmocka_unit_test(test_generations_wrap_around),
		cmocka_unit_test(test_two_hundred_ops_end_as_asked_through_a_queue_of_eight),
		cmocka_unit_test(test_a_kernel_that_refuses_every_other_enter_changes_nothing),
		cmocka_unit_test(test_a_parked_op_is_described_with_its_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
