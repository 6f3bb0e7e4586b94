/* SPDX-License-Identifier: MIT */
/* test_pipes.c - pipes and eventfds of the simulated kernel. Goal: they do what Linux's
 * do, lose and double no byte whatever goes wrong, and end when they are cancelled. Method: one
 * program with exact expectations runs on both kernels; pipelines that check every byte run under
 * hundreds of seeds. */
#include "sim/stream.h"

#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rondo/loop.h"
#include "rondo/poll.h"

/* --- the same on both kernels ---------------------------------------------------------------- */

static int moves_bytes(void *arg)
{
	struct iovec parts[3] = { { sink, 2 }, { sink + 10, 0 }, { sink + 20, 100 } };
	int p[2];

	(void)arg;
	CHECK_EQUAL(rondo_pipe(p, 0), 0);
	CHECK_EQUAL(read_nowait(p[0], sink, 1), -EAGAIN);
	CHECK_EQUAL(rondo_write(p[1], "hello", 5), 5);
	CHECK_EQUAL(rondo_read(p[0], sink, 0), 0);
	CHECK_EQUAL(rondo_poll(p[0], POLLIN | POLLRDNORM), POLLIN | POLLRDNORM);
	CHECK_EQUAL(rondo_poll(p[1], POLLOUT), POLLOUT);
	CHECK_EQUAL(rondo_readv(p[0], parts, 3), 5);
	CHECK_EQUAL(memcmp(sink, "he", 2) + memcmp(sink + 20, "llo", 3), 0);
	CHECK_EQUAL(rondo_read(p[1], sink, 1), -EBADF);
	CHECK_EQUAL(rondo_write(p[0], sink, 1), -EBADF);
	CHECK_EQUAL(rondo_pipe(p, 1), -EINVAL);
	parts[1].iov_len = SIZE_MAX;
	CHECK_EQUAL(rondo_writev(p[1], parts, 2), -EINVAL);
	return close_both(p);
}

/* A pipe is full when its 16 slots are taken, be they as short as they may. */
static int fills_up(void *arg)
{
	int p[2], n = 0;

	(void)arg;
	CHECK_EQUAL(rondo_pipe(p, 0), 0);
	CHECK_EQUAL(rondo_write(p[1], big, sizeof(big)), PIPE_SIZE);
	CHECK_EQUAL(write_nowait(p[1], big, 1), -EAGAIN);
	CHECK_EQUAL(rondo_read(p[0], sink, PAGE - 1), PAGE - 1);
	CHECK_EQUAL(write_nowait(p[1], big, 1), -EAGAIN);	/* a byte keeps its page */
	CHECK_EQUAL(rondo_read(p[0], sink, 1), 1);
	CHECK_EQUAL(write_nowait(p[1], big, 2 * PAGE), PAGE);
	CHECK_EQUAL(rondo_read(p[0], sink, sizeof(sink)), PIPE_SIZE);
	while (write_nowait(p[1], big, PAGE - 1) == PAGE - 1)
		n++;
	CHECK_EQUAL(n, 16);
	CHECK_EQUAL(write_nowait(p[1], big, 1), 1);		/* behind the last one */
	CHECK_EQUAL(write_nowait(p[1], big, 1), -EAGAIN);
	return close_both(p);
}

static int ends(void *arg)
{
	int p[2];

	(void)arg;
	CHECK_EQUAL(rondo_pipe(p, 0), 0);
	CHECK_EQUAL(rondo_write(p[1], "x", 1), 1);
	CHECK_EQUAL(rondo_close(p[1]), 0);
	CHECK_EQUAL(rondo_poll(p[0], POLLIN), POLLIN | POLLHUP);
	CHECK_EQUAL(rondo_read(p[0], sink, 5), 1);
	CHECK_EQUAL(rondo_read(p[0], sink, 5), 0);
	CHECK_EQUAL(rondo_poll(p[0], 0), POLLHUP);
	CHECK_EQUAL(rondo_close(p[0]), 0);
	CHECK_EQUAL(rondo_close(p[0]), -EBADF);
	CHECK_EQUAL(rondo_pipe(p, 0), 0);
	CHECK_EQUAL(rondo_close(p[0]), 0);
	CHECK_EQUAL(rondo_poll(p[1], POLLOUT), POLLOUT | POLLERR);
	CHECK_EQUAL(rondo_write(p[1], "x", 0), 0);
	CHECK_EQUAL(rondo_write(p[1], "x", 1), -EPIPE);
	return rondo_close(p[1]);
}

static const struct kernel *seam(void)
{
	return rondo__self()->loop->ring.kernel;
}

static int counts(void *arg)
{
	int fd = (int)kernel_call2(seam(), SYS_eventfd2, 3, EFD_CLOEXEC | EFD_SEMAPHORE);
	uint64_t v[2] = { 0 };

	(void)arg;
	CHECK_EQUAL(kernel_call2(seam(), SYS_eventfd2, 0, 2), -EINVAL);
	CHECK_EQUAL(rondo_read(fd, v, 4), -EINVAL);
	for (int i = 0; i < 3; i++) {
		CHECK_EQUAL(rondo_read(fd, v, sizeof(v)), 8);
		CHECK_EQUAL(v[0], 1);
	}
	CHECK_EQUAL(read_nowait(fd, v, 8), -EAGAIN);
	CHECK_EQUAL(rondo_close(fd), 0);
	fd = (int)kernel_call2(seam(), SYS_eventfd2, 0, EFD_CLOEXEC);
	v[0] = UINT64_MAX - 2;
	CHECK_EQUAL(rondo_write(fd, v, 16), -EINVAL);
	CHECK_EQUAL(rondo_write(fd, v, 8), 8);
	CHECK_EQUAL(rondo_poll(fd, POLLIN | POLLOUT), POLLIN | POLLOUT);
	v[0] = 1;
	CHECK_EQUAL(rondo_write(fd, v, 8), 8);
	CHECK_EQUAL(rondo_poll(fd, POLLIN | POLLOUT), POLLIN);
	CHECK_EQUAL(rondo_read(fd, v, 8), 8);
	CHECK_EQUAL(v[0], UINT64_MAX - 1);
	v[0] = UINT64_MAX;
	CHECK_EQUAL(rondo_write(fd, v, 8), -EINVAL);
	return rondo_close(fd);
}

static void test_pipes_and_eventfds_are_those_of_linux(void **state)
{
	(void)state;
	seeds_run_pipes(moves_bytes);
	seeds_run_pipes(fills_up);
	seeds_run_pipes(ends);
	seeds_run_pipes(counts);
}

/* --- waiting --------------------------------------------------------------------------------- */

static int reads_one(void *arg)
{
	const int *fd = arg;

	return (int)rondo_read(*fd, sink, 1);
}

static int writes_one(void *arg)
{
	const int *fd = arg;

	return (int)rondo_write(*fd, "x", 1);
}

static int polls_in(void *arg)
{
	const int *fd = arg;

	return rondo_poll(*fd, POLLIN);
}

/* What waits is woken by what happens at the other end, and by nothing else. */
static int is_woken(rondo_fn *waiter, int fd, rondo_fn *waker, int other_fd, int result)
{
	rondo_task *task = rondo_create_task(waiter, &fd);

	CHECK(task);
	CHECK_EQUAL(rondo_sleep(20), 0);
	CHECK(rondo_task_state(task) != RONDO_DONE);
	CHECK_EQUAL(waker(&other_fd), 1);
	CHECK_EQUAL(rondo_await(task), result);
	return 0;
}

static int closes(void *arg)
{
	const int *fd = arg;

	return rondo_close(*fd) == 0 ? 1 : -1;
}

static int reads_page(void *arg)
{
	const int *fd = arg;

	return rondo_read(*fd, sink, PAGE) == PAGE;
}

static int waits(void *arg)
{
	int p[2];

	(void)arg;
	CHECK_EQUAL(rondo_pipe(p, 0), 0);
	CHECK_EQUAL(is_woken(reads_one, p[0], writes_one, p[1], 1), 0);
	CHECK_EQUAL(is_woken(polls_in, p[0], writes_one, p[1], POLLIN), 0);
	CHECK_EQUAL(rondo_read(p[0], sink, 10), 1);
	CHECK_EQUAL(is_woken(reads_one, p[0], closes, p[1], 0), 0);
	CHECK_EQUAL(rondo_close(p[0]), 0);
	CHECK_EQUAL(rondo_pipe(p, 0), 0);
	CHECK_EQUAL(rondo_write(p[1], big, PIPE_SIZE), PIPE_SIZE);
	CHECK_EQUAL(is_woken(writes_one, p[1], reads_page, p[0], 1), 0);
	CHECK_EQUAL(rondo_write_all(p[1], big, PAGE - 1, NULL), 0);
	CHECK_EQUAL(is_woken(writes_one, p[1], closes, p[0], -EPIPE), 0);
	return rondo_close(p[1]);
}

static void test_who_waits_at_one_end_is_woken_from_the_other(void **state)
{
	(void)state;
	seeds_run_calm(50, waits, NULL);
	seeds_run(100, "COMPLETE_LATE,CQE_HELD,OP_LATE,TIMER_LATE,ENTER_EINTR", waits, NULL);
}

static int waits_though_nonblock(void *arg)
{
	int p[2];

	(void)arg;
	CHECK_EQUAL(rondo_pipe(p, O_NONBLOCK), 0);
	CHECK_EQUAL(kernel_call3(seam(), SYS_fcntl, p[0], F_GETFL, 0) & O_NONBLOCK, O_NONBLOCK);
	CHECK_EQUAL(is_woken(reads_one, p[0], writes_one, p[1], 1), 0);
	CHECK_EQUAL(rondo_write_all(p[1], big, PIPE_SIZE, NULL), 0);
	CHECK_EQUAL(is_woken(writes_one, p[1], reads_page, p[0], 1), 0);
	return close_both(p);
}

static void test_ops_on_o_nonblock_pipes_wait_or_are_tried_again(void **state)
{
	(void)state;
	seeds_run(100, "OP_LATE", waits_though_nonblock, NULL);
}

/* --- pipelines ------------------------------------------------------------------------------- */

static int copies(void *arg)
{
	unsigned char buf[7000];
	const int *fds = arg;
	ssize_t n;

	while ((n = rondo_read(fds[0], buf, 1 + rondo_sim_random() % sizeof(buf))) > 0)
		CHECK_EQUAL(write_stubbornly(fds[1], buf, (size_t)n), 0);
	CHECK_EQUAL(n, 0);
	CHECK_EQUAL(rondo_close(fds[0]), 0);
	return rondo_close(fds[1]);
}

static int runs_copies(void *arg)
{
	(void)arg;
	return runs_pipeline(copies);
}

static void test_pipelines_lose_and_double_no_byte(void **state)
{
	(void)state;
	seeds_run_calm(5, runs_copies, NULL);
	seeds_run(200, NULL, runs_copies, NULL);
	seeds_run(20, "SHORT_READ,SHORT_WRITE", runs_copies, NULL);
	assert_true(seeds_n_faults > 0);
}

/* --- cancelling ------------------------------------------------------------------------------ */

static int cancels_each(void *arg)
{
	int p[2], full[2];

	(void)arg;
	CHECK_EQUAL(make_pipe(p) + make_pipe(full), 0);
	CHECK_EQUAL(rondo_write_all(full[1], big, PIPE_SIZE, NULL), 0);
	CHECK_EQUAL(is_stopped(reads_one, p[0], 0), 0);
	CHECK_EQUAL(is_stopped(polls_in, p[0], 0), 0);
	CHECK_EQUAL(is_stopped(writes_one, full[1], 0), 0);
	return close_both(p) + close_both(full);
}

static void test_whatever_waits_can_be_cancelled(void **state)
{
	(void)state;
	seeds_run(200, STREAM_CANCEL_FAULTS, cancels_each, NULL);
}

/* --- success and cancel race ----------------------------------------------------------------- */

struct race {
	int p[2];
	size_t n_written, n_read;
};

static int reads_for_ever(void *arg)
{
	struct race *r = arg;
	char buf[100];
	ssize_t n;

	while ((n = rondo_read(r->p[0], buf, sizeof(buf))) > 0)
		r->n_read += (size_t)n;
	return (int)n;
}

static int writes_for_ever(void *arg)
{
	struct race *r = arg;
	ssize_t n;

	while ((n = rondo_write(r->p[1], big, 1 + rondo_sim_random() % 6000)) > 0 || n == -ENOMEM)
		r->n_written += n > 0 ? (size_t)n : 0;
	return (int)n;
}

/* Both are stopped at some time; what was written and not read must lie in the pipe. */
static int races(void *arg)
{
	struct race r = { .p = { -1, -1 } };
	rondo_task *reader, *writer;

	(void)arg;
	CHECK_EQUAL(make_pipe(r.p), 0);
	reader = rondo_create_task(reads_for_ever, &r);
	writer = rondo_create_task(writes_for_ever, &r);
	CHECK_EQUAL(rondo_sleep_ns(rondo_sim_random() % 3000000), 0);
	rondo_cancel(reader);
	CHECK_EQUAL(rondo_await(reader), -ECANCELED);
	rondo_cancel(writer);
	CHECK_EQUAL(rondo_await(writer), -ECANCELED);
	CHECK_EQUAL(rondo_close(r.p[1]), 0);
	CHECK_EQUAL(reads_for_ever(&r), 0);
	CHECK_EQUAL(r.n_read, r.n_written);
	return rondo_close(r.p[0]);
}

static void test_bytes_that_moved_are_told_though_a_cancel_came(void **state)
{
	(void)state;
	seeds_run(200, NULL, races, NULL);
}

/* --- calls from another host ----------------------------------------------------------------- */

enum { N_CALLS = 50 };

struct remote {
	rondo_loop *loop;
	unsigned n_called, n_wrong;
};

static void called(void *arg)
{
	struct remote *r = arg;

	r->n_wrong += rondo_loop_current() != r->loop;
	r->n_called++;
}

static int calls(void *arg)
{
	struct remote *r = arg;

	for (int i = 0; i < N_CALLS; i++) {
		CHECK_EQUAL(rondo_call_soon_threadsafe(r->loop, called, r), 0);
		CHECK_EQUAL(rondo_sleep_ns(rondo_sim_random() % 100000), 0);
	}
	return 0;
}

static int is_called(void *arg)
{
	struct remote r = { .loop = rondo_loop_current() };
	int host = rondo_sim_start_host("caller", calls, &r), result = -1;

	(void)arg;
	CHECK(host > 0);
	while (!rondo_sim_host_result(host, &result) || r.n_called < N_CALLS)
		CHECK_EQUAL(rondo_sleep(0.01), 0);
	CHECK_EQUAL(result, 0);
	CHECK_EQUAL(r.n_called, N_CALLS);
	CHECK_EQUAL(r.n_wrong, 0);
	return 0;
}

static void test_another_host_calls_through_the_eventfd(void **state)
{
	(void)state;
	seeds_run_calm(20, is_called, NULL);
	seeds_run(200, NULL, is_called, NULL);
}

/* --- the console ----------------------------------------------------------------------------- */

static int says_hello(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_read(STDIN_FILENO, sink, 10), 0);
	CHECK_EQUAL(rondo_read(STDOUT_FILENO, sink, 10), -EBADF);
	CHECK_EQUAL(rondo_poll(STDOUT_FILENO, POLLOUT), POLLOUT);
	CHECK_EQUAL(rondo_write_all(STDOUT_FILENO, "hello\n", 6, NULL), 0);
	return 0;
}

static void test_what_a_simulated_program_prints_is_seen(void **state)
{
	struct rondo_sim_options o = { .seed = 1, .on_failure = rondo_sim_print_failure };
	FILE *file = tmpfile();
	int ret, real = dup(STDOUT_FILENO);
	char line[16] = "";

	(void)state;
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	ret = rondo_sim_run(&o, says_hello, NULL);
	dup2(real, STDOUT_FILENO);
	close(real);
	rewind(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	assert_int_equal(ret, 0);
	assert_checks_passed();
	assert_string_equal(line, "hello\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pipes_and_eventfds_are_those_of_linux),
		cmocka_unit_test(test_who_waits_at_one_end_is_woken_from_the_other),
		cmocka_unit_test(test_ops_on_o_nonblock_pipes_wait_or_are_tried_again),
		cmocka_unit_test(test_pipelines_lose_and_double_no_byte),
		cmocka_unit_test(test_whatever_waits_can_be_cancelled),
		cmocka_unit_test(test_bytes_that_moved_are_told_though_a_cancel_came),
		cmocka_unit_test(test_another_host_calls_through_the_eventfd),
		cmocka_unit_test(test_what_a_simulated_program_prints_is_seen),
	};

	fill_big();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
