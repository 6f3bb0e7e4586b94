/* SPDX-License-Identifier: MIT */
/* test_notes_cancel.c - goal: what kernel-notes.md says of cancelling and of closing descriptors
 * is so on this kernel. Method: one test per note, named after it, each racing or ordering two
 * requests on a bare ring. A fence (see raw.h) shows that something did not complete. */
#include "raw.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

enum { N_ROUNDS = 100, SLOW_READ = 32 << 20, CANCELLED_BEFORE = -1000 };

static void test_kn7_a_waiting_op_is_cancelled_and_posts_its_own_cqe(void **state)
{
	struct raw r;
	int fds[2];
	char c;

	(void)state;
	raw_open(&r);
	assert_int_equal(pipe(fds), 0);
	raw_read(&r, fds[0], &c, 1, 1);
	raw_fence(&r);
	assert_int_equal(r.ring.n_in_flight, 1);
	raw_cancel(&r, 1, 2);
	raw_wait(&r, 2);
	assert_int_equal(raw_res(&r, 1), -ECANCELED);
	assert_int_equal(raw_res(&r, 2), 0);
	r.n = 0;
	raw_cancel(&r, 1, 3);
	raw_wait(&r, 1);
	assert_int_equal(raw_res(&r, 3), -ENOENT);
	raw_close_pair(fds);
	raw_close(&r);
}

static void test_kn7_a_cancel_may_answer_with_a_count(void **state)
{
	uint32_t word = 0;
	struct raw r;

	(void)state;
	raw_open(&r);
	if (!ring_has_op(&r.ring, RONDO_OP_FUTEX_WAIT)) {
		print_message("this kernel has no FUTEX_WAIT\n");
		skip();
	}

	struct io_uring_sqe *sqe = rondo__ring_sqe(&r.ring);

	rondo__prep(sqe, RONDO_OP_FUTEX_WAIT, 2 | FUTEX_PRIVATE_FLAG, &word, 0, 0);
	sqe->addr3 = FUTEX_BITSET_MATCH_ANY;
	sqe->user_data = 1;
	raw_fence(&r);
	raw_cancel(&r, 1, 2);
	raw_wait(&r, 2);
	assert_int_equal(raw_res(&r, 1), -ECANCELED);
	assert_true(raw_res(&r, 2) >= 0);
	print_message("cancelling a futex wait answers %d\n", raw_res(&r, 2));
	raw_close(&r);
}

/* Cancel a read of a file while a worker copies. What the cancel answered. */
static int cancel_running_read(struct raw *r, int memory, volatile char *buf)
{
	uint64_t end = raw_now() + RAW_PATIENCE_S * RAW_SECOND;
	struct io_uring_sqe *sqe = rondo__ring_sqe(&r->ring);

	memset((char *)(uintptr_t)buf, 1, SLOW_READ);
	io_uring_prep_read(sqe, memory, (void *)(uintptr_t)buf, SLOW_READ, 0);
	sqe->flags |= IOSQE_ASYNC;
	sqe->user_data = 1;
	r->n = 0;
	assert_int_equal(rondo__ring_enter(&r->ring, 0, UINT64_MAX), 0);
	while (buf[0])
		assert_true(raw_now() < end);
	raw_cancel(r, 1, 2);
	raw_wait(r, 2);
	assert_int_equal(raw_res(r, 1), SLOW_READ);
	return raw_res(r, 2);
}

static void test_kn7_running_file_work_cannot_be_cancelled(void **state)
{
	int memory = memfd_create("rondo-test", MFD_CLOEXEC), ret = -ENOENT;
	char *buf = mmap(NULL, SLOW_READ, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
	struct raw r;

	(void)state;
	assert_true(buf != MAP_FAILED);
	assert_int_equal(ftruncate(memory, SLOW_READ), 0);
	raw_open(&r);
	/* ENOENT: it was done before the cancel came; then again. */
	for (int i = 0; ret == -ENOENT && i < N_ROUNDS; i++)
		ret = cancel_running_read(&r, memory, buf);
	assert_int_equal(ret, -EALREADY);
	raw_close(&r);
	munmap(buf, SLOW_READ);
	close(memory);
}

/* Cancel a splice that blocks in a worker after letting it get there for wait_ns. */
static int cancel_blocked_splice(struct raw *r, const int from[2], const int to[2],
				 uint64_t wait_ns)
{
	struct io_uring_sqe *sqe = rondo__ring_sqe(&r->ring);

	io_uring_prep_splice(sqe, from[0], -1, to[1], -1, 10, 0);
	sqe->user_data = 1;
	r->n = 0;
	assert_int_equal(rondo__ring_enter(&r->ring, 1, raw_now() + wait_ns), 0);
	raw_cancel(r, 1, 2);
	raw_wait(r, 2);
	return raw_res(r, 2) == 0 ? CANCELLED_BEFORE : raw_res(r, 1);
}

static void test_kn10_a_restart_code_of_the_kernel_may_leak(void **state)
{
	int from[2], to[2], ret = CANCELLED_BEFORE;
	struct raw r;

	(void)state;
	raw_open(&r);
	assert_int_equal(pipe(from), 0);
	assert_int_equal(pipe(to), 0);
	for (uint64_t ms = 1; ret == CANCELLED_BEFORE && ms < 2000; ms *= 2)
		ret = cancel_blocked_splice(&r, from, to, ms * (RAW_SECOND / 1000));
	print_message("a splice cancelled in its worker ends with %d\n", ret);
	assert_true(ret == -512 || ret == -EINTR || ret == -ECANCELED);
	raw_close_pair(from);
	raw_close_pair(to);
	raw_close(&r);
}

enum { STOPS_NOTHING = 100, STOP_FAILED = 101 };

/* Stop ourselves, which reaches our worker threads too, until the splice ends. What it ended with,
 * below 100: 1 for a restart code, or an errno. */
static int stop_a_blocked_splice(void *unused)
{
	int from[2], to[2];
	struct raw r;

	(void)unused;
	if (pipe(from) < 0 || pipe(to) < 0 ||
	    raw_try_open(&r, &rondo__kernel_linux, &(struct ring_options){ 0 }) < 0)
		return STOP_FAILED;
	io_uring_prep_splice(rondo__ring_sqe(&r.ring), from[0], -1, to[1], -1, 10, 0);
	for (uint64_t ms = 1; !r.n && ms < 2000; ms *= 2) {
		if (rondo__ring_enter(&r.ring, 1, raw_now() + ms * (RAW_SECOND / 1000)) < 0)
			return STOP_FAILED;
		rondo__ring_reap(&r.ring);
		if (!r.n && raise(SIGSTOP) != 0)
			return STOP_FAILED;
	}
	if (!r.n)
		return STOPS_NOTHING;
	return r.log[0].res <= -512 && r.log[0].res >= -516 ? 1 : -r.log[0].res;
}

static void test_kn10_a_stop_signal_ends_what_blocks_in_a_worker(void **state)
{
	int status, n_stops = 0;
	pid_t pid;

	(void)state;
	pid = child_fork(stop_a_blocked_splice, NULL);
	assert_true(pid > 0);
	while (waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) && ++n_stops)
		kill(pid, SIGCONT);
	assert_true(WIFEXITED(status));
	status = WEXITSTATUS(status);
	print_message("%d stops: %s\n", n_stops,
		      status == 1 ? "a restart code" :
		      status == EINTR ? "-EINTR" :
		      status == STOPS_NOTHING ? "the splice went on" : "an error");
	assert_true(status == 1 || status == EINTR || status == STOPS_NOTHING);
}

static void test_kn11_closing_a_socket_ends_nothing_and_sends_no_fin(void **state)
{
	char c = 0, peer;
	struct raw r;
	int fds[2];

	(void)state;
	raw_open(&r);
	raw_tcp_pair(fds);

	struct io_uring_sqe *sqe = rondo__ring_sqe(&r.ring);

	io_uring_prep_recv(sqe, fds[1], &c, 1, 0);
	sqe->user_data = 1;
	raw_fence(&r);
	close(fds[1]);
	raw_fence(&r);
	assert_int_equal(r.n, 0);
	assert_int_equal(recv(fds[0], &peer, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);		/* and not 0, the end */
	/* The orphan swallows what comes; then the socket is really closed. */
	assert_int_equal(send(fds[0], "x", 1, MSG_NOSIGNAL), 1);
	raw_wait(&r, 1);
	assert_int_equal(raw_res(&r, 1), 1);
	assert_int_equal(c, 'x');
	raw_fence(&r);
	assert_int_equal(recv(fds[0], &peer, 1, 0), 0);
	close(fds[0]);
	raw_close(&r);
}

/* Two reads under one number: at the timeout of the second, which one is cancelled? */
static void test_kn12_a_timeout_cancels_by_value_whoever_bears_it(void **state)
{
	struct __kernel_timespec ts = { .tv_nsec = 10000000 };
	struct raw_cqe const *cqe;
	int a[2], b[2], n_cancelled = 0;
	struct io_uring_sqe *sqe;
	char bytes[2] = "";
	struct raw r;

	(void)state;
	raw_open(&r);
	assert_int_equal(pipe(a), 0);
	assert_int_equal(pipe(b), 0);
	raw_read(&r, b[0], &bytes[1], 1, 77);
	sqe = &r.ring.uring.sq.sqes[(r.ring.uring.sq.sqe_tail - 1) & r.ring.uring.sq.ring_mask];
	sqe->flags |= IOSQE_IO_LINK;
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_link_timeout(sqe, &ts, 0);
	sqe->user_data = 2;
	raw_read(&r, a[0], &bytes[0], 1, 77);
	raw_wait(&r, 2);
	cqe = raw_find(&r, 77);
	assert_non_null(cqe);
	assert_int_equal(cqe->res, -ECANCELED);
	/* The survivor of the two takes its byte. */
	r.n = 0;
	assert_int_equal(write(a[1], "A", 1), 1);
	assert_int_equal(write(b[1], "B", 1), 1);
	raw_wait(&r, 1);
	raw_fence(&r);
	assert_int_equal(r.n, 1);
	n_cancelled = !bytes[0] + !bytes[1];
	assert_int_equal(n_cancelled, 1);
	print_message("the timeout of read B cancelled read %s\n", bytes[0] ? "B" : "A");
	raw_close_pair(a);
	raw_close_pair(b);
	raw_close(&r);
}

static void test_kn12_a_cancel_ends_one_of_those_that_bear_its_number(void **state)
{
	struct raw r;
	int fds[2];
	char c[2];

	(void)state;
	raw_open(&r);
	assert_int_equal(pipe(fds), 0);
	raw_read(&r, fds[0], &c[0], 1, 77);
	raw_read(&r, fds[0], &c[1], 1, 77);
	raw_fence(&r);
	raw_cancel(&r, 77, 2);
	raw_fence(&r);
	assert_int_equal(r.n, 2);
	assert_int_equal(raw_res(&r, 2), 0);
	assert_int_equal(raw_res(&r, 77), -ECANCELED);
	raw_cancel(&r, 77, 3);
	raw_wait(&r, 4);
	assert_int_equal(raw_res(&r, 3), 0);
	raw_close_pair(fds);
	raw_close(&r);
}

/* A client connects, and before the loop looks the accept is cancelled: in the same enter, or after
 * one that had other reasons and let the accept complete. */
static bool accept_beside_cancel(struct raw *r, int listener, const struct sockaddr_in *a,
				 bool enter_first)
{
	struct io_uring_sqe *sqe = rondo__ring_sqe(&r->ring);
	int client, fd;

	r->n = 0;
	io_uring_prep_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
	sqe->user_data = 1;
	raw_fence(r);
	client = raw_tcp_connect(a);
	if (enter_first)
		assert_int_equal(rondo__ring_enter(&r->ring, 0, UINT64_MAX), 0);
	raw_cancel(r, 1, 2);
	raw_wait(r, 2);
	fd = raw_res(r, 1);
	if (fd >= 0) {
		assert_true(raw_res(r, 2) < 0);
		close(fd);
		close(client);
		return true;
	}
	/* Cancelled: then the connection is still in the backlog. */
	assert_int_equal(fd, -ECANCELED);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	close(fd);
	close(client);
	return false;
}

static void test_kn23_an_accept_may_beat_its_cancel_and_yield_a_descriptor(void **state)
{
	int before = raw_count_entries("/proc/self/fd"), n_accepted = 0, listener;
	struct sockaddr_in a;
	struct raw r;

	(void)state;
	raw_open(&r);
	raw_tcp_listen(&listener, &a);
	for (int i = 0; i < N_ROUNDS; i++)
		n_accepted += accept_beside_cancel(&r, listener, &a, i % 2);
	print_message("%d of %d accepts beat their cancel\n", n_accepted, N_ROUNDS);
	assert_true(n_accepted > 0);
	close(listener);
	raw_close(&r);
	assert_int_equal(raw_count_entries("/proc/self/fd"), before);
}

struct leaver {
	struct io_uring ring;
	int fds[2];
	char c;
};

static void *arm_and_leave(void *arg)
{
	struct leaver *l = arg;

	io_uring_prep_read(io_uring_get_sqe(&l->ring), l->fds[0], &l->c, 1, 0);
	return (void *)(intptr_t)io_uring_submit(&l->ring);
}

static void test_kn29_a_thread_that_exits_takes_its_ops_along(void **state)
{
	struct __kernel_timespec patience = { .tv_sec = RAW_PATIENCE_S };
	struct io_uring_cqe *cqe;
	struct leaver l;
	pthread_t thread;
	void *submitted;

	(void)state;
	assert_int_equal(io_uring_queue_init(8, &l.ring, 0), 0);
	assert_int_equal(pipe(l.fds), 0);
	assert_int_equal(pthread_create(&thread, NULL, arm_and_leave, &l), 0);
	assert_int_equal(pthread_join(thread, &submitted), 0);
	assert_int_equal((intptr_t)submitted, 1);
	assert_int_equal(write(l.fds[1], "x", 1), 1);
	assert_int_equal(io_uring_wait_cqe_timeout(&l.ring, &cqe, &patience), 0);
	assert_int_equal(cqe->res, -ECANCELED);		/* although the byte is there */
	io_uring_queue_exit(&l.ring);
	raw_close_pair(l.fds);
}

static void test_kn34_a_cancel_reaches_an_op_of_its_own_batch(void **state)
{
	struct raw r;
	int fds[2];
	char c;

	(void)state;
	raw_open(&r);
	assert_int_equal(pipe(fds), 0);
	raw_read(&r, fds[0], &c, 1, 1);
	raw_cancel(&r, 1, 2);
	raw_wait(&r, 2);
	assert_int_equal(raw_res(&r, 1), -ECANCELED);
	assert_int_equal(raw_res(&r, 2), 0);
	raw_close_pair(fds);
	raw_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kn7_a_waiting_op_is_cancelled_and_posts_its_own_cqe),
		cmocka_unit_test(test_kn7_a_cancel_may_answer_with_a_count),
		cmocka_unit_test(test_kn7_running_file_work_cannot_be_cancelled),
		cmocka_unit_test(test_kn10_a_restart_code_of_the_kernel_may_leak),
		cmocka_unit_test(test_kn10_a_stop_signal_ends_what_blocks_in_a_worker),
		cmocka_unit_test(test_kn11_closing_a_socket_ends_nothing_and_sends_no_fin),
		cmocka_unit_test(test_kn12_a_timeout_cancels_by_value_whoever_bears_it),
		cmocka_unit_test(test_kn12_a_cancel_ends_one_of_those_that_bear_its_number),
		cmocka_unit_test(test_kn23_an_accept_may_beat_its_cancel_and_yield_a_descriptor),
		cmocka_unit_test(test_kn29_a_thread_that_exits_takes_its_ops_along),
		cmocka_unit_test(test_kn34_a_cancel_reaches_an_op_of_its_own_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
