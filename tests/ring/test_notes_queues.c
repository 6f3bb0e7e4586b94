/* SPDX-License-Identifier: MIT */
/* test_notes_queues.c - goal: what kernel-notes.md says of the two queues, of waiting and of who
 * may enter is so on this kernel. Method: one test per note, named after it. Where the engine
 * avoids something, plain liburing shows it and the engine's ring shows the remedy. */
#include "raw.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/time.h>

enum { N_CLIENTS = 10 };

static void test_kn8_an_overflow_ends_a_multishot_but_loses_nothing(void **state)
{
	struct ring_options small = { .sq_entries = 2, .cq_entries = 2 };
	int listener, clients[N_CLIENTS], n_accepted = 0, n_arms = 0;
	struct sockaddr_in a;
	bool armed = false;
	struct raw r;

	(void)state;
	assert_int_equal(raw_try_open(&r, &rondo__kernel_linux, &small), 0);
	raw_tcp_listen(&listener, &a);
	for (int i = 0; i < N_CLIENTS; i++)
		clients[i] = raw_tcp_connect(&a);
	for (unsigned seen = 0; n_accepted < N_CLIENTS; seen++) {
		if (!armed) {
			struct io_uring_sqe *sqe = rondo__ring_sqe(&r.ring);

			io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, 0);
			sqe->user_data = 1;
			armed = ++n_arms;
		}
		raw_wait(&r, seen + 1);
		assert_true(r.log[seen].res >= 0);	/* the end of a multishot is no error */
		close(r.log[seen].res);
		n_accepted++;
		armed = r.log[seen].flags & IORING_CQE_F_MORE;
	}
	print_message("%d accepts through a CQ of 2 took %d arms\n", N_CLIENTS, n_arms);
	assert_true(n_arms > 1);
	if (armed) {
		raw_cancel(&r, 1, 2);
		raw_wait(&r, N_CLIENTS + 2);
	}
	for (int i = 0; i < N_CLIENTS; i++)
		close(clients[i]);
	close(listener);
	raw_close(&r);
}

static void test_kn9_a_bad_sqe_cuts_the_batch_unless_submit_all(void **state)
{
	struct io_uring plain;
	struct raw r;

	(void)state;
	assert_int_equal(io_uring_queue_init(8, &plain, 0), 0);
	for (int i = 0; i < 3; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&plain);

		io_uring_prep_nop(sqe);
		sqe->opcode = i == 1 ? 250 : IORING_OP_NOP;
	}
	assert_int_equal(io_uring_submit(&plain), 2);
	assert_int_equal(*plain.sq.khead, 2);		/* the head tells the truth */
	assert_int_equal(*plain.sq.ktail, 3);
	io_uring_queue_exit(&plain);

	raw_open(&r);
	for (unsigned i = 1; i <= 3; i++)
		raw_nop(&r, i);
	r.ring.uring.sq.sqes[1].opcode = 250;
	assert_int_equal(rondo__ring_enter(&r.ring, 0, UINT64_MAX), 0);
	assert_int_equal(ring_n_queued(&r.ring), 0);
	raw_wait(&r, 3);
	assert_int_equal(raw_res(&r, 1), 0);
	assert_int_equal(raw_res(&r, 2), -EINVAL);
	assert_int_equal(raw_res(&r, 3), 0);
	raw_close(&r);
}

static void test_kn15_nothing_completes_until_an_enter_with_getevents(void **state)
{
	uint64_t end = raw_now() + RAW_PATIENCE_S * RAW_SECOND;
	int fd = eventfd(0, EFD_CLOEXEC), ret;
	uint64_t count;
	struct raw r;

	(void)state;
	raw_open(&r);
	if (r.ring.downgrades & RING_NO_DEFER_TASKRUN) {
		print_message("this kernel has no DEFER_TASKRUN\n");
		skip();
	}
	raw_read(&r, fd, &count, sizeof(count), 1);
	raw_fence(&r);
	assert_false(ring_wants_enter(&r.ring));
	assert_int_equal(eventfd_write(fd, 1), 0);
	while (!ring_wants_enter(&r.ring))	/* TASKRUN_FLAG says that there is something... */
		assert_true(raw_now() < end);
	assert_false(ring_has_cqe(&r.ring));	/* ...but it is not in the queue... */
	ret = r.ring.kernel->enter(r.ring.kernel, (unsigned)r.ring.uring.ring_fd, 0, 0, 0, NULL, 0);
	assert_int_equal(ret, 0);
	assert_false(ring_has_cqe(&r.ring));	/* ...nor does just any enter bring it. */
	assert_int_equal(rondo__ring_enter(&r.ring, 0, UINT64_MAX), 0);
	assert_true(ring_has_cqe(&r.ring));
	raw_wait(&r, 1);
	assert_int_equal(raw_res(&r, 1), sizeof(count));
	close(fd);
	raw_close(&r);
}

static void *enter_elsewhere(void *ring)
{
	return (void *)(intptr_t)rondo__ring_enter(ring, 0, UINT64_MAX);
}

static void *enable_elsewhere(void *ring)
{
	int fd = ((struct io_uring *)ring)->ring_fd;

	/* liburing 2.3 declares io_uring_enable_rings() and does not export it (KN-21). */
	return (void *)(intptr_t)rondo__kernel_linux.register_(
		&rondo__kernel_linux, (unsigned)fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

static void *result_of(void *(*f)(void *), void *arg)
{
	pthread_t thread;
	void *result;

	assert_int_equal(pthread_create(&thread, NULL, f, arg), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	return result;
}

static void test_kn16_a_ring_belongs_to_the_thread_that_enabled_it(void **state)
{
	struct io_uring plain;
	struct raw r;

	(void)state;
	raw_open(&r);
	if (r.ring.downgrades & RING_NO_SINGLE_ISSUER) {
		print_message("this kernel has no SINGLE_ISSUER\n");
		skip();
	}
	raw_nop(&r, 1);
	assert_int_equal((intptr_t)result_of(enter_elsewhere, &r.ring), -EEXIST);
	/* The same through the plain descriptor, which every thread may use. */
	r.ring.enter_flags = 0;
	r.ring.enter_fd = (unsigned)r.ring.uring.ring_fd;
	assert_int_equal((intptr_t)result_of(enter_elsewhere, &r.ring), -EEXIST);
	raw_wait(&r, 1);
	raw_close(&r);

	assert_int_equal(io_uring_queue_init(8, &plain, IORING_SETUP_SINGLE_ISSUER |
						       IORING_SETUP_R_DISABLED), 0);
	io_uring_prep_nop(io_uring_get_sqe(&plain));
	assert_int_equal(io_uring_submit(&plain), -EBADFD);
	assert_int_equal((intptr_t)result_of(enable_elsewhere, &plain), 0);
	assert_int_equal(io_uring_submit(&plain), -EEXIST);
	io_uring_queue_exit(&plain);
}

static void test_kn22_a_timeouts_completion_ends_a_wait_for_many(void **state)
{
	struct __kernel_timespec ts = { .tv_nsec = 5000000 };
	uint64_t start = raw_now();
	struct io_uring_sqe *sqe;
	struct raw r;

	(void)state;
	raw_open(&r);
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_timeout(sqe, &ts, 0, 0);
	sqe->user_data = 1;
	assert_int_equal(rondo__ring_enter(&r.ring, 8, start + RAW_PATIENCE_S * RAW_SECOND), 0);
	assert_true(raw_now() - start < RAW_PATIENCE_S * RAW_SECOND / 2);
	raw_wait(&r, 1);		/* the wait may end just before the CQE is there */
	assert_int_equal(raw_res(&r, 1), -ETIME);
	raw_close(&r);
}

/* Close ring and listener with an accept armed, then bind the port again. */
static bool can_bind_again(bool drain)
{
	struct sockaddr_in a;
	struct io_uring ring;
	int listener, again;
	bool bound;

	raw_tcp_listen(&listener, &a);
	if (io_uring_queue_init(8, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN))
		assert_int_equal(io_uring_queue_init(8, &ring, 0), 0);
	io_uring_prep_accept(io_uring_get_sqe(&ring), listener, NULL, NULL, 0);
	assert_int_equal(io_uring_submit(&ring), 1);
	if (drain) {
		io_uring_prep_cancel64(io_uring_get_sqe(&ring), 0, 0);
		assert_int_equal(io_uring_submit_and_wait(&ring, 2), 1);
	}
	close(listener);
	io_uring_queue_exit(&ring);
	again = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bound = bind(again, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(again, 1) == 0;
	close(again);
	return bound;
}

static void test_kn27_a_closed_ring_lets_go_of_its_files_later(void **state)
{
	int n_held = 0;

	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_true(can_bind_again(true));
		n_held += !can_bind_again(false);
	}
	print_message("undrained, the port was still held %d times of 20\n", n_held);
	for (int i = 0; !n_held && i < 1000; i++)	/* it is a race, after all */
		n_held += !can_bind_again(false);
	assert_true(n_held > 0);
}

static volatile sig_atomic_t n_alarms;

static void on_alarm(int signal)
{
	(void)signal;
	n_alarms++;
}

static void test_kn28_enter_is_interrupted_in_spite_of_sa_restart(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART }, old;
	/* Again and again, should the first come before the wait has begun. */
	struct itimerval often = { { 0, 10000 }, { 0, 10000 } }, never = { { 0, 0 }, { 0, 0 } };
	struct raw r;
	int ret;

	(void)state;
	raw_open(&r);
	n_alarms = 0;
	sigaction(SIGALRM, &action, &old);
	setitimer(ITIMER_REAL, &often, NULL);
	ret = r.ring.kernel->enter(r.ring.kernel, (unsigned)r.ring.uring.ring_fd, 0, 1,
				   IORING_ENTER_GETEVENTS, NULL, 0);
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &old, NULL);
	assert_int_equal(ret, -EINTR);
	assert_true(n_alarms > 0);
	raw_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kn8_an_overflow_ends_a_multishot_but_loses_nothing),
		cmocka_unit_test(test_kn9_a_bad_sqe_cuts_the_batch_unless_submit_all),
		cmocka_unit_test(test_kn15_nothing_completes_until_an_enter_with_getevents),
		cmocka_unit_test(test_kn16_a_ring_belongs_to_the_thread_that_enabled_it),
		cmocka_unit_test(test_kn22_a_timeouts_completion_ends_a_wait_for_many),
		cmocka_unit_test(test_kn27_a_closed_ring_lets_go_of_its_files_later),
		cmocka_unit_test(test_kn28_enter_is_interrupted_in_spite_of_sa_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
