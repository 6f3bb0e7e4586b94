/* SPDX-License-Identifier: MIT */
/* test_close.c - rondo_close() ends what is in flight on a descriptor before the descriptor goes.
 * Goal: nobody keeps waiting on a closed descriptor, the peer sees the end, nothing that was
 * moved is lost, and a close always closes. Method: tasks parked on pipes and sockets that
 * another one closes. */
#include "support/folder.h"
#include "support/matrix.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "rondo/file.h"

enum { MANY = 1000, BIG = 32 << 20 };

struct user {
	int fd;
	int ret, after;			/* of its operation, and of the await after it */
	char c;
};

static int read_one(void *arg)
{
	struct user *u = arg;

	u->ret = (int)rondo_read(u->fd, &u->c, 1);
	u->after = rondo_yield();
	return 0;
}

static int write_page(void *arg)
{
	static const char page[4096];
	struct user *u = arg;

	u->ret = (int)rondo_write(u->fd, page, sizeof(page));
	u->after = rondo_yield();
	return 0;
}

static int close_it(void *arg)
{
	struct user *u = arg;

	u->ret = rondo_close(u->fd);
	u->after = rondo_yield();
	return 0;
}

/* Start fn(u) on fd and let it park. */
static rondo_task *parked(rondo_fn *fn, struct user *u, int fd)
{
	rondo_task *task;

	*u = (struct user){ .fd = fd };
	task = rondo_create_task(fn, u);
	return task && turns(MATRIX_TURNS) == 0 ? task : NULL;
}

static void run_passes(rondo_fn *main_fn)
{
	int n_fds = count_fds();

	assert_int_equal(rondo_run(main_fn, NULL), 0);
	assert_checks_passed();
	assert_int_equal(count_fds(), n_fds);
}

static int closes_plainly(void *arg)
{
	int fd = dup(0);

	(void)arg;
	CHECK_EQUAL(rondo_close(fd), 0);
	CHECK_EQUAL(fcntl(fd, F_GETFD), -1);
	CHECK_EQUAL(rondo_close(fd), -EBADF);
	CHECK_EQUAL(rondo_close(-1), -EBADF);
	return 0;
}

static void test_close_closes_once(void **state)
{
	(void)state;
	run_passes(closes_plainly);
}

static int closes_under_a_reader(void *arg)
{
	struct user u;
	rondo_task *task;
	int p[2];

	(void)arg;
	CHECK_EQUAL(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	task = parked(read_one, &u, p[0]);
	CHECK(task);
	CHECK_EQUAL(rondo_close(p[0]), 0);
	CHECK_EQUAL(write(p[1], "x", 1) < 0 ? errno : 0, EPIPE);
	CHECK_EQUAL(rondo_await(task), 0);
	CHECK_EQUAL(u.ret, -EBADF);
	CHECK_EQUAL(u.after, 0);
	close(p[1]);
	return 0;
}

static void test_a_reader_is_told_and_the_writer_sees_a_broken_pipe(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	run_passes(closes_under_a_reader);
	signal(SIGPIPE, SIG_DFL);
}

static int closes_under_a_writer(void *arg)
{
	static char sink[1 << 16];
	struct user u;
	rondo_task *task;
	int p[2];

	(void)arg;
	CHECK_EQUAL(pipe2(p, O_CLOEXEC), 0);
	CHECK_EQUAL(write(p[1], sink, sizeof(sink)), sizeof(sink));
	task = parked(write_page, &u, p[1]);
	CHECK(task);
	CHECK_EQUAL(rondo_close(p[1]), 0);
	CHECK_EQUAL(rondo_await(task), 0);
	CHECK_EQUAL(u.ret, -EBADF);
	CHECK_EQUAL(read(p[0], sink, sizeof(sink)), sizeof(sink));
	CHECK_EQUAL(read(p[0], sink, sizeof(sink)), 0);
	close(p[0]);
	return 0;
}

static void test_a_writer_is_told_and_the_reader_sees_the_end(void **state)
{
	(void)state;
	run_passes(closes_under_a_writer);
}

static int closes_under_a_socket_reader(void *arg)
{
	struct user u;
	rondo_task *task;
	int s[2];
	char c;

	(void)arg;
	CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	task = parked(read_one, &u, s[0]);
	CHECK(task);
	CHECK_EQUAL(rondo_close(s[0]), 0);
	CHECK_EQUAL(recv(s[1], &c, 1, MSG_DONTWAIT), 0);
	CHECK_EQUAL(rondo_await(task), 0);
	CHECK_EQUAL(u.ret, -EBADF);
	close(s[1]);
	return 0;
}

static void test_the_peer_of_a_socket_sees_the_end(void **state)
{
	(void)state;
	run_passes(closes_under_a_socket_reader);
}

/* More operations than the SQ holds cancels: closing has to submit and reap in between. */
static int closes_under_many(void *arg)
{
	static struct user users[MANY];
	static rondo_task *tasks[MANY];
	int p[2];

	(void)arg;
	CHECK_EQUAL(pipe2(p, O_CLOEXEC), 0);
	for (int i = 0; i < MANY; i++) {
		users[i] = (struct user){ .fd = p[0] };
		tasks[i] = rondo_create_task(read_one, &users[i]);
		CHECK(tasks[i]);
	}
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK_EQUAL(rondo_close(p[0]), 0);
	for (int i = 0; i < MANY; i++) {
		CHECK_EQUAL(rondo_await(tasks[i]), 0);
		CHECK_EQUAL(users[i].ret, -EBADF);
		CHECK_EQUAL(users[i].after, 0);
	}
	close(p[1]);
	return 0;
}

static void test_a_thousand_readers_are_told(void **state)
{
	(void)state;
	run_passes(closes_under_many);
}

/* A kernel that finishes whatever it can each time it is entered; Linux does 20 things at a
 * time. */
static int enter_until_idle(const struct kernel *k, unsigned fd, unsigned to_submit,
			    unsigned min_complete, unsigned flags, const void *arg, size_t size)
{
	int ret = rondo__kernel_linux.enter(k, fd, to_submit, min_complete, flags, arg, size);

	for (int i = 0; i < MANY / 10; i++)
		rondo__kernel_linux.enter(k, fd, 0, 0, flags & ~IORING_ENTER_EXT_ARG, NULL, 0);
	return ret;
}

static int closes_under_many_that_complete(void *arg)
{
	static struct user users[MANY];
	static rondo_task *tasks[MANY];
	static const char bytes[MANY];
	int p[2], n_read = 0;

	(void)arg;
	CHECK_EQUAL(pipe2(p, O_CLOEXEC), 0);
	for (int i = 0; i < MANY; i++) {
		users[i] = (struct user){ .fd = p[0] };
		tasks[i] = rondo_create_task(read_one, &users[i]);
		CHECK(tasks[i]);
	}
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK_EQUAL(write(p[1], bytes, sizeof(bytes)), sizeof(bytes));
	CHECK_EQUAL(rondo_close(p[0]), 0);
	for (int i = 0; i < MANY; i++) {
		CHECK_EQUAL(rondo_await(tasks[i]), 0);
		CHECK(users[i].ret == 1 || users[i].ret == -EBADF);
		n_read += users[i].ret == 1;
	}
	CHECK(n_read > 0 && n_read < MANY);
	close(p[1]);
	return 0;
}

/* The full SQ is submitted in the middle of closing, and then the operations that were next on its
 * list are over. */
static void test_operations_that_complete_while_it_is_closed(void **state)
{
	struct kernel k = rondo__kernel_linux;

	(void)state;
	k.enter = enter_until_idle;
	assert_int_equal(rondo__run_on(&k, NULL, closes_under_many_that_complete, NULL), 0);
	assert_checks_passed();
}

static int closes_after_data_came(void *arg)
{
	struct user u;
	rondo_task *task;
	int p[2];

	(void)arg;
	/* A socket: a pipe's bytes may be read by a worker thread, at some time (KN-42). */
	CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p), 0);
	task = parked(read_one, &u, p[0]);
	CHECK(task);
	CHECK_EQUAL(write(p[1], "x", 1), 1);
	CHECK_EQUAL(turns(1), 0);
	CHECK_EQUAL(rondo_close(p[0]), 0);
	CHECK_EQUAL(rondo_await(task), 0);
	CHECK(u.ret == 1 && u.c == 'x');
	close(p[1]);
	return 0;
}

static void test_what_was_read_before_the_close_is_delivered(void **state)
{
	(void)state;
	run_passes(closes_after_data_came);
}

/* --- it always closes ------------------------------------------------------------------------ */

static int close_cancelled_before(void *arg)
{
	struct user u = { .fd = dup(0) };

	(void)arg;
	CHECK(rondo_cancel(rondo_current_task()));
	CHECK_EQUAL(close_it(&u), 0);
	CHECK_EQUAL(u.ret, 0);
	CHECK_EQUAL(u.after, -ECANCELED);
	CHECK_EQUAL(fcntl(u.fd, F_GETFD), -1);
	rondo_uncancel(rondo_current_task());
	return 0;
}

static void test_a_cancel_before_a_close_waits_for_the_next_await(void **state)
{
	(void)state;
	run_passes(close_cancelled_before);
}

static char big[BIG];

static int write_big(void *arg)
{
	struct user *u = arg;

	u->ret = (int)rondo_pwrite(u->fd, big, BIG, 0);
	u->after = rondo_yield();
	return 0;
}

/* Begin writing `big` to a new file, and go on when the kernel has begun, too. */
static rondo_task *write_in_progress(struct user *u)
{
	struct stat st = { 0 };
	rondo_task *task;

	*u = (struct user){ .fd = open("big", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) };
	task = rondo_create_task(write_big, u);
	while (u->fd >= 0 && st.st_size == 0)
		if (fstat(u->fd, &st) < 0 || rondo_yield() < 0)
			return NULL;
	return task;
}

static int close_cancelled_while_waiting(void *arg)
{
	struct user writer, closer;
	rondo_task *writing = write_in_progress(&writer), *closing;
	bool asked;

	(void)arg;
	CHECK(writing);
	closer = (struct user){ .fd = writer.fd };
	closing = rondo_create_task(close_it, &closer);
	CHECK(closing);
	CHECK_EQUAL(turns(1), 0);
	asked = rondo_cancel(closing);
	CHECK_EQUAL(rondo_await(closing), 0);
	CHECK_EQUAL(closer.ret, 0);
	CHECK_EQUAL(closer.after, asked ? -ECANCELED : 0);
	CHECK_EQUAL(fcntl(writer.fd, F_GETFD), -1);
	/* A running write cannot be stopped (KN-7): it is waited for, and keeps its result. */
	CHECK_EQUAL(rondo_await(writing), 0);
	CHECK_EQUAL(writer.ret, BIG);
	return unlink("big");
}

static void test_a_cancel_does_not_stop_a_close_that_waits(void **state)
{
	(void)state;
	run_passes(close_cancelled_while_waiting);
}

static int two_closers(void *arg)
{
	struct user writer, closers[2];
	rondo_task *writing = write_in_progress(&writer), *closing[2];

	(void)arg;
	CHECK(writing);
	for (int i = 0; i < 2; i++) {
		closers[i] = (struct user){ .fd = writer.fd };
		closing[i] = rondo_create_task(close_it, &closers[i]);
		CHECK(closing[i]);
	}
	for (int i = 0; i < 2; i++)
		CHECK_EQUAL(rondo_await(closing[i]), 0);
	CHECK_EQUAL(closers[0].ret, 0);
	CHECK_EQUAL(closers[1].ret, -EBADF);
	CHECK_EQUAL(rondo_await(writing), 0);
	CHECK_EQUAL(writer.ret, BIG);
	return unlink("big");
}

static void test_of_two_closers_one_closes(void **state)
{
	(void)state;
	run_passes(two_closers);
}

static bool closed;

static int read_whatever_it_is_told(void *arg)
{
	struct user *u = arg;

	while (!closed)
		u->ret = (int)rondo_read(u->fd, &u->c, 1);
	return 0;
}

static int closes_under_the_stubborn(void *arg)
{
	struct user users[3];
	rondo_task *tasks[3];
	int p[2];

	(void)arg;
	closed = false;
	CHECK_EQUAL(pipe2(p, O_CLOEXEC), 0);
	for (int i = 0; i < 3; i++) {
		tasks[i] = parked(read_whatever_it_is_told, &users[i], p[0]);
		CHECK(tasks[i]);
	}
	CHECK_EQUAL(rondo_close(p[0]), 0);
	CHECK_EQUAL(write(p[1], "x", 1) < 0 ? errno : 0, EPIPE);
	closed = true;
	for (int i = 0; i < 3; i++) {
		CHECK_EQUAL(rondo_await(tasks[i]), 0);
		CHECK_EQUAL(users[i].ret, -EBADF);
	}
	close(p[1]);
	return 0;
}

static void test_readers_that_begin_again_do_not_keep_it_open(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	run_passes(closes_under_the_stubborn);
	signal(SIGPIPE, SIG_DFL);
}

static int closes_and_cancels(void *arg)
{
	struct user u;
	rondo_task *task;
	int p[2];

	(void)arg;
	CHECK_EQUAL(pipe2(p, O_CLOEXEC), 0);
	task = parked(read_one, &u, p[0]);
	CHECK(task);
	CHECK(rondo_cancel(task));
	CHECK_EQUAL(rondo_close(p[0]), 0);
	CHECK_EQUAL(rondo_await(task), 0);
	CHECK_EQUAL(u.ret, -ECANCELED);
	CHECK_EQUAL(u.after, 0);
	close(p[1]);
	return 0;
}

static void test_a_cancelled_reader_is_cancelled_not_closed(void **state)
{
	(void)state;
	run_passes(closes_and_cancels);
}

static int close_body(void *arg)
{
	return rondo_close(*(int *)arg);
}

static int closes_by_a_deadline(void *arg)
{
	int fd = dup(0);

	(void)arg;
	CHECK_EQUAL(rondo_wait_for(close_body, &fd, 60), 0);
	CHECK_EQUAL(fcntl(fd, F_GETFD), -1);
	fd = dup(0);
	CHECK_EQUAL(rondo_wait_for(close_body, &fd, 1e-9), 0);
	CHECK_EQUAL(fcntl(fd, F_GETFD), -1);
	return 0;
}

static void test_a_deadline_that_passes_does_not_stop_a_close(void **state)
{
	(void)state;
	run_passes(closes_by_a_deadline);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_close_closes_once),
		cmocka_unit_test(test_a_reader_is_told_and_the_writer_sees_a_broken_pipe),
		cmocka_unit_test(test_a_writer_is_told_and_the_reader_sees_the_end),
		cmocka_unit_test(test_the_peer_of_a_socket_sees_the_end),
		cmocka_unit_test(test_a_thousand_readers_are_told),
		cmocka_unit_test(test_operations_that_complete_while_it_is_closed),
		cmocka_unit_test(test_what_was_read_before_the_close_is_delivered),
		cmocka_unit_test(test_a_cancel_before_a_close_waits_for_the_next_await),
		cmocka_unit_test(test_a_cancel_does_not_stop_a_close_that_waits),
		cmocka_unit_test(test_of_two_closers_one_closes),
		cmocka_unit_test(test_readers_that_begin_again_do_not_keep_it_open),
		cmocka_unit_test(test_a_cancelled_reader_is_cancelled_not_closed),
		cmocka_unit_test(test_a_deadline_that_passes_does_not_stop_a_close),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
