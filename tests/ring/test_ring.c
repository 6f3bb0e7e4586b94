/* SPDX-License-Identifier: MIT */
/* test_ring.c - goal: whatever the kernel does to the queues, every SQE gets its CQEs, each
 * exactly once, and nobody above sees a full queue or an interrupted call. Method: NOPs through
 * tiny rings on the real kernel, and through a kernel that wraps it and injects failures into
 * io_uring_enter. */
#include "raw.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/time.h>

#include "base/list.h"

enum { N_MANY = 1000, N_STORM = 100000, N_TINY = 8 };

/* The real kernel, but enter first asks the script. */
struct scripted {
	struct kernel kernel;
	int error;			/* what enter fails with, without doing anything... */
	unsigned every;			/* ...every so many calls; 0: never */
	unsigned n_failures;		/* so many times in all; 0: for ever */
	unsigned submit_max;		/* SQEs taken per call; 0: all */
	unsigned n_calls, n_failed;
	unsigned last_fd, last_flags;
};

static int scripted_enter(const struct kernel *k, unsigned fd, unsigned to_submit,
			  unsigned min_complete, unsigned flags, const void *arg, size_t arg_size)
{
	struct scripted *s = (struct scripted *)container_of(k, struct scripted, kernel);

	s->last_fd = fd;
	s->last_flags = flags;
	s->n_calls++;
	if (s->every && s->n_calls % s->every == 0 &&
	    (!s->n_failures || s->n_failed < s->n_failures)) {
		s->n_failed++;
		return s->error;
	}
	if (s->submit_max && to_submit > s->submit_max)
		to_submit = s->submit_max;
	return rondo__kernel_linux.enter(k, fd, to_submit, min_complete, flags, arg, arg_size);
}

static void scripted_init(struct scripted *s)
{
	*s = (struct scripted){ .kernel = rondo__kernel_linux };
	s->kernel.enter = scripted_enter;
}

/* Counts what arrives under each user_data. */
struct tally {
	struct ring ring;
	unsigned n;
	unsigned char seen[N_STORM];
};

static void tally_complete(void *owner, const struct io_uring_cqe *cqe)
{
	struct tally *t = owner;

	t->n++;
	if (cqe->user_data < N_STORM && t->seen[cqe->user_data] < 255)
		t->seen[cqe->user_data]++;
}

static struct tally *tally_open(const struct kernel *k, const struct ring_options *o)
{
	struct tally *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	assert_int_equal(rondo__ring_open(&t->ring, k, o, tally_complete, t), 0);
	return t;
}

static void tally_nop(struct tally *t, unsigned i)
{
	struct io_uring_sqe *sqe = rondo__ring_sqe(&t->ring);

	io_uring_prep_nop(sqe);
	sqe->user_data = i;
}

/* Reap until nothing is in flight, then check that 0..n-1 came once each. */
static void tally_finish(struct tally *t, unsigned n)
{
	uint64_t end = raw_now() + RAW_PATIENCE_S * RAW_SECOND;

	while (t->ring.n_in_flight) {
		assert_true(raw_now() < end);
		assert_int_equal(rondo__ring_enter(&t->ring, 1, end), 0);
		rondo__ring_reap(&t->ring);
	}
	assert_int_equal(t->n, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(t->seen[i], 1);
	assert_int_equal(t->ring.n_submitted, n);
	assert_int_equal(t->ring.n_reaped, n);
	rondo__ring_close(&t->ring);
	free(t);
}

static void test_a_full_sq_is_submitted_on_demand(void **state)
{
	struct tally *t = tally_open(&rondo__kernel_linux,
				     &(struct ring_options){ .sq_entries = N_TINY });

	(void)state;
	for (unsigned i = 0; i < N_MANY; i++)
		tally_nop(t, i);
	assert_true(t->ring.n_enters >= N_MANY / N_TINY - 1);
	tally_finish(t, N_MANY);
}

static void test_an_sq_of_one_entry_is_enough(void **state)
{
	struct tally *t = tally_open(&rondo__kernel_linux,
				     &(struct ring_options){ .sq_entries = 1, .cq_entries = 1 });

	(void)state;
	for (unsigned i = 0; i < N_MANY; i++)
		tally_nop(t, i);
	tally_finish(t, N_MANY);
}

static void test_a_cq_overflow_of_100000_loses_and_doubles_nothing(void **state)
{
	struct tally *t = tally_open(&rondo__kernel_linux,
				     &(struct ring_options){ .sq_entries = 64, .cq_entries = 64 });

	(void)state;
	for (unsigned i = 0; i < N_STORM; i++) {
		tally_nop(t, i);
		/* Enter without reaping, so that nearly all of them overflow. */
		if (i % 64 == 63)
			assert_int_equal(rondo__ring_enter(&t->ring, 0, UINT64_MAX), 0);
	}
	assert_true(t->ring.n_overflows > 0);
	tally_finish(t, N_STORM);
}

static void many_with(struct scripted *s, unsigned failures_at_least)
{
	struct tally *t = tally_open(&s->kernel, &(struct ring_options){ .sq_entries = N_TINY });

	for (unsigned i = 0; i < N_MANY; i++)
		tally_nop(t, i);
	tally_finish(t, N_MANY);
	assert_true(s->n_failed >= failures_at_least);
}

static void test_eintr_eagain_ebusy_and_etime_from_enter_end_here(void **state)
{
	static const int errors[] = { -EINTR, -EAGAIN, -EBUSY, -ETIME };
	struct scripted s;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {	/* ETIME needs a wait, which a flush is not */
		scripted_init(&s);
		s.error = errors[i];
		s.every = 2;
		many_with(&s, N_MANY / N_TINY / 2);
	}
	for (unsigned i = 0; i < 4; i++) {
		struct tally *t;

		scripted_init(&s);
		s.error = errors[i];
		t = tally_open(&s.kernel, &(struct ring_options){ .sq_entries = N_TINY });
		tally_nop(t, 0);
		s.every = 1;
		assert_int_equal(rondo__ring_enter(&t->ring, 1, UINT64_MAX), 0);
		assert_int_equal(ring_n_queued(&t->ring), 1);	/* not taken, and not forgotten */
		s.every = 0;
		tally_finish(t, 1);
	}
}

static void test_a_short_submit_leaves_the_rest_queued(void **state)
{
	struct scripted s;
	struct tally *t;

	(void)state;
	scripted_init(&s);
	s.submit_max = 3;
	t = tally_open(&s.kernel, &(struct ring_options){ .sq_entries = N_TINY });
	for (unsigned i = 0; i < N_TINY; i++)
		tally_nop(t, i);
	assert_int_equal(rondo__ring_enter(&t->ring, 0, UINT64_MAX), 0);
	assert_int_equal(ring_n_queued(&t->ring), N_TINY - 3);
	assert_int_equal(t->ring.n_submitted, 3);
	for (unsigned i = N_TINY; i < N_MANY; i++)
		tally_nop(t, i);
	tally_finish(t, N_MANY);
}

static void test_an_error_nobody_can_mend_is_returned(void **state)
{
	struct scripted s;
	struct tally *t;

	(void)state;
	scripted_init(&s);
	t = tally_open(&s.kernel, &(struct ring_options){ .sq_entries = N_TINY });
	s.error = -EFAULT;
	s.every = 1;
	assert_int_equal(rondo__ring_enter(&t->ring, 0, UINT64_MAX), -EFAULT);
	s.every = 0;
	tally_finish(t, 0);
}

/* A callback that asks for an SQE, as the loop's wake-up op does. */
struct asking {
	struct ring ring;
	unsigned n, seen[32];
};

enum { FIRST = 0, ASKED_FOR = 31 };

static void asking_complete(void *owner, const struct io_uring_cqe *cqe)
{
	struct asking *a = owner;
	struct io_uring_sqe *sqe;

	a->n++;
	a->seen[cqe->user_data]++;
	if (cqe->user_data != FIRST)
		return;
	sqe = rondo__ring_sqe(&a->ring);
	io_uring_prep_nop(sqe);
	sqe->user_data = ASKED_FOR;
}

static void asking_nops(struct asking *a, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		struct io_uring_sqe *sqe = rondo__ring_sqe(&a->ring);

		io_uring_prep_nop(sqe);
		sqe->user_data = i;
	}
}

/* The queue is full, the kernel is short of memory for a moment, and the reap that hopes to end
 * that meets a completion that wants an SQE: it makes room by reaping, inside the reap. */
static void test_a_completion_may_take_an_sqe_while_the_sq_is_full(void **state)
{
	struct scripted s;
	struct asking a = { .n = 0 };

	(void)state;
	scripted_init(&s);
	assert_int_equal(rondo__ring_open(&a.ring, &s.kernel,
					  &(struct ring_options){ .sq_entries = N_TINY },
					  asking_complete, &a), 0);
	asking_nops(&a, 0, N_TINY);
	assert_int_equal(rondo__ring_enter(&a.ring, 0, UINT64_MAX), 0);
	asking_nops(&a, N_TINY, 2 * N_TINY);
	s.error = -EAGAIN;
	s.every = s.n_calls + 1;
	asking_nops(&a, 2 * N_TINY, 2 * N_TINY + 1);
	assert_int_equal(s.n_failed, 1);
	for (unsigned i = 0; a.ring.n_in_flight && i < 1000; i++) {
		assert_int_equal(rondo__ring_enter(&a.ring, 1, raw_now() + RAW_SECOND), 0);
		rondo__ring_reap(&a.ring);
	}
	assert_int_equal(a.n, 2 * N_TINY + 2);
	for (unsigned i = 0; i < 2 * N_TINY + 1; i++)
		assert_int_equal(a.seen[i], 1);
	assert_int_equal(a.seen[ASKED_FOR], 1);
	assert_int_equal(a.ring.n_reaped, a.n);
	rondo__ring_close(&a.ring);
}

static void test_a_dropped_sqe_costs_nothing(void **state)
{
	struct raw r;

	(void)state;
	raw_open(&r);
	rondo__ring_sqe(&r.ring)->user_data = 7;
	assert_int_equal(r.ring.n_in_flight, 1);
	rondo__ring_sqe_drop(&r.ring);
	assert_int_equal(r.ring.n_in_flight, 0);
	assert_int_equal(ring_n_queued(&r.ring), 0);
	raw_nop(&r, 8);
	raw_wait(&r, 1);
	assert_int_equal(r.log[0].user_data, 8);
	assert_int_equal(r.ring.n_submitted, 1);
	raw_close(&r);
}

static void test_an_sqe_is_handed_out_clear(void **state)
{
	static const char zero[sizeof(struct io_uring_sqe)];
	struct raw r;

	(void)state;
	raw_open(&r);
	for (unsigned i = 0; i < 3 * r.ring.uring.sq.ring_entries; i++) {
		struct io_uring_sqe *sqe = rondo__ring_sqe(&r.ring);

		assert_memory_equal(sqe, zero, sizeof(*sqe));
		io_uring_prep_nop(sqe);
		sqe->user_data = ~UINT64_C(1);	/* for the next lap to stumble over */
	}
	while (r.ring.n_in_flight) {
		assert_int_equal(rondo__ring_enter(&r.ring, 1, raw_now() + RAW_SECOND), 0);
		rondo__ring_reap(&r.ring);
	}
	raw_close(&r);
}

static void test_a_multishot_stays_in_flight_until_its_last_cqe(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	struct raw r;

	(void)state;
	raw_open(&r);

	struct io_uring_sqe *sqe = rondo__ring_sqe(&r.ring);

	io_uring_prep_poll_multishot(sqe, fd, POLLIN);
	sqe->user_data = 1;
	for (unsigned i = 1; i <= 3; i++) {
		raw_fence(&r);
		assert_int_equal(eventfd_write(fd, 1), 0);
		raw_wait(&r, i);
		assert_true(r.log[i - 1].flags & IORING_CQE_F_MORE);
		assert_int_equal(r.ring.n_in_flight, 1);
	}
	raw_cancel(&r, 1, 2);
	raw_wait(&r, 5);
	assert_int_equal(r.ring.n_in_flight, 0);
	raw_close(&r);
	close(fd);
}

static void test_enter_goes_through_the_registered_descriptor(void **state)
{
	struct scripted s;
	struct raw r;

	(void)state;
	scripted_init(&s);
	assert_int_equal(raw_try_open(&r, &s.kernel, &(struct ring_options){ 0 }), 0);
	if (r.ring.downgrades & RING_NO_REGISTERED_FD)
		skip();
	raw_nop(&r, 1);
	raw_wait(&r, 1);
	assert_true(s.last_flags & IORING_ENTER_REGISTERED_RING);
	assert_int_equal(s.last_fd, r.ring.enter_fd);
	raw_close(&r);
}

/* KN-16, KN-17: which of them it is, is the kernel's choice. */
static void test_a_registered_descriptor_of_another_thread_is_eexist(void **state)
{
	static const int errors[] = { -EBADF, -EINVAL };
	struct scripted s;
	struct raw r;

	(void)state;
	scripted_init(&s);
	assert_int_equal(raw_try_open(&r, &s.kernel, &(struct ring_options){ 0 }), 0);
	s.every = 1;
	for (int i = 0; i < 2; i++) {
		s.error = errors[i];
		r.ring.enter_flags |= IORING_ENTER_REGISTERED_RING;
		assert_int_equal(rondo__ring_enter(&r.ring, 0, UINT64_MAX), -EEXIST);
		r.ring.enter_flags &= ~IORING_ENTER_REGISTERED_RING;
		assert_int_equal(rondo__ring_enter(&r.ring, 0, UINT64_MAX), errors[i]);
	}
	s.every = 0;
	if (!(r.ring.downgrades & RING_NO_REGISTERED_FD))
		r.ring.enter_flags |= IORING_ENTER_REGISTERED_RING;
	raw_nop(&r, 1);
	raw_wait(&r, 1);
	raw_close(&r);
}

/* Wait for nothing until a deadline, and say how long it took. */
static uint64_t wait_for_nothing(struct raw *r, uint64_t deadline_ns)
{
	uint64_t start = raw_now();

	assert_int_equal(rondo__ring_enter(&r->ring, 1, deadline_ns), 0);
	assert_int_equal(rondo__ring_reap(&r->ring), 0);
	return raw_now() - start;
}

static void deadline_with(struct scripted *s, struct raw *r)
{
	uint64_t deadline_ns = raw_now() + RAW_SECOND / 50;

	wait_for_nothing(r, deadline_ns);
	assert_true(raw_now() >= deadline_ns);
	assert_int_equal(!!(s->last_flags & RONDO_ENTER_ABS_TIMER), r->ring.has_abs_timer);
	/* One that has passed does not wait at all, and surely not for its wrapped-around age. */
	assert_true(wait_for_nothing(r, 1) < RAW_PATIENCE_S * RAW_SECOND);
	assert_true(wait_for_nothing(r, raw_now()) < RAW_PATIENCE_S * RAW_SECOND);
	/* A completion ends the wait at once. */
	raw_nop(r, 1);
	assert_int_equal(rondo__ring_enter(&r->ring, 1, raw_now() + 3600 * RAW_SECOND), 0);
	assert_int_equal(rondo__ring_reap(&r->ring), 1);
}

static void test_a_wait_ends_at_its_deadline_absolute_or_relative(void **state)
{
	struct scripted s;
	struct raw r;

	(void)state;
	scripted_init(&s);
	assert_int_equal(raw_try_open(&r, &s.kernel, &(struct ring_options){ 0 }), 0);
	deadline_with(&s, &r);
	r.ring.has_abs_timer = false;		/* as before 6.12 */
	deadline_with(&s, &r);
	raw_close(&r);
}

static volatile sig_atomic_t n_alarms;

static void on_alarm(int signal)
{
	(void)signal;
	n_alarms++;
}

static void test_a_signal_ends_the_wait_and_is_no_error(void **state)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART }, old;
	struct itimerval soon = { .it_value.tv_usec = 10000 };
	struct raw r;

	(void)state;
	raw_open(&r);
	sigaction(SIGALRM, &action, &old);
	n_alarms = 0;
	setitimer(ITIMER_REAL, &soon, NULL);
	while (!n_alarms)
		assert_int_equal(rondo__ring_enter(&r.ring, 1, UINT64_MAX), 0);
	assert_int_equal(rondo__ring_reap(&r.ring), 0);
	sigaction(SIGALRM, &old, NULL);
	raw_close(&r);
}

static int close_too_early(void *arg)
{
	struct raw r;
	int quiet = dup(STDERR_FILENO);

	(void)arg;
	if (raw_try_open(&r, &rondo__kernel_linux, &(struct ring_options){ 0 }) < 0)
		return 1;
	close(STDERR_FILENO);		/* the BUG line would look like a failure of the test */
	close(quiet);
	raw_nop(&r, 1);
	rondo__ring_close(&r.ring);
	return 0;
}

static void test_closing_a_ring_with_an_op_in_flight_is_a_bug(void **state)
{
	(void)state;
	assert_int_equal(child_code(close_too_early, NULL), CHILD_KILLED + SIGABRT);
}

/* SQPOLL, with a thread that falls asleep at once. */
static int sleepy_setup(const struct kernel *k, unsigned entries, struct io_uring *ring,
			struct io_uring_params *params)
{
	params->sq_thread_idle = 1;
	return rondo__kernel_linux.setup(k, entries, ring, params);
}

static void test_an_sqpoll_thread_that_fell_asleep_is_woken(void **state)
{
	struct scripted s;
	struct raw r;
	int ret;

	(void)state;
	scripted_init(&s);
	s.kernel.setup = sleepy_setup;
	ret = raw_try_open(&r, &s.kernel,
			   &(struct ring_options){ .extra_setup_flags = IORING_SETUP_SQPOLL });
	if (ret < 0) {
		print_message("SQPOLL: %s\n", strerror(-ret));
		skip();
	}
	for (unsigned i = 1; i <= 3; i++) {
		uint64_t end = raw_now() + RAW_PATIENCE_S * RAW_SECOND;

		while (!(*(volatile unsigned *)r.ring.uring.sq.kflags & IORING_SQ_NEED_WAKEUP))
			assert_true(raw_now() < end);
		raw_nop(&r, i);
		raw_wait(&r, i);
		/* The flag may appear right after it was looked at, so every enter must wake. */
		assert_true(s.last_flags & IORING_ENTER_SQ_WAKEUP);
	}
	assert_int_equal(rondo__ring_enter(&r.ring, 0, UINT64_MAX), 0);
	assert_true(s.last_flags & IORING_ENTER_SQ_WAKEUP);
	raw_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_full_sq_is_submitted_on_demand),
		cmocka_unit_test(test_an_sq_of_one_entry_is_enough),
		cmocka_unit_test(test_a_cq_overflow_of_100000_loses_and_doubles_nothing),
		cmocka_unit_test(test_eintr_eagain_ebusy_and_etime_from_enter_end_here),
		cmocka_unit_test(test_a_short_submit_leaves_the_rest_queued),
		cmocka_unit_test(test_an_error_nobody_can_mend_is_returned),
		cmocka_unit_test(test_a_completion_may_take_an_sqe_while_the_sq_is_full),
		cmocka_unit_test(test_a_dropped_sqe_costs_nothing),
		cmocka_unit_test(test_an_sqe_is_handed_out_clear),
		cmocka_unit_test(test_a_multishot_stays_in_flight_until_its_last_cqe),
		cmocka_unit_test(test_enter_goes_through_the_registered_descriptor),
		cmocka_unit_test(test_a_registered_descriptor_of_another_thread_is_eexist),
		cmocka_unit_test(test_a_wait_ends_at_its_deadline_absolute_or_relative),
		cmocka_unit_test(test_a_signal_ends_the_wait_and_is_no_error),
		cmocka_unit_test(test_closing_a_ring_with_an_op_in_flight_is_a_bug),
		cmocka_unit_test(test_an_sqpoll_thread_that_fell_asleep_is_woken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
