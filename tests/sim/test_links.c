/* SPDX-License-Identifier: MIT */
/* test_links.c - chains of requests, and messages between rings. Goal: the simulated kernel breaks,
 * limits and cancels chains as Linux does. Method: rings of the test's own beside the loop's, on
 * both kernels; only results are compared, because the order of CQEs is nobody's promise. */
#include "sim/seeds.h"

#include <fcntl.h>
#include <sys/syscall.h>

#include "io/io.h"
#include "ring/ring.h"

enum { N_LOG = 16, PATIENCE = 20000 };

struct raw {
	struct ring ring;
	unsigned n;
	struct io_uring_cqe log[N_LOG];
};

static const struct kernel *seam(void)
{
	return rondo__self()->loop->ring.kernel;
}

static void log_cqe(void *owner, const struct io_uring_cqe *cqe)
{
	struct raw *r = owner;

	if (r->n < N_LOG)
		r->log[r->n] = *cqe;
	r->n++;
}

static int open_raw(struct raw *r)
{
	const struct ring_options o = { .sq_entries = 16 };

	*r = (struct raw){ .n = 0 };
	return rondo__ring_open(&r->ring, seam(), &o, log_cqe, r);
}

/* Submit, and sleep in the loop until n CQEs are there. */
static int wait_raw(struct raw *r, unsigned n)
{
	for (int i = 0; i < PATIENCE && r->n < n; i++) {
		CHECK_EQUAL(rondo__ring_enter(&r->ring, 0, 0), 0);
		rondo__ring_reap(&r->ring);
		CHECK_EQUAL(rondo_sleep(0.001), 0);
	}
	return r->n == n ? 0 : -ETIME;
}

/* The result that bears a number; each comes once. */
static int result(const struct raw *r, uint64_t user_data)
{
	int res = -EILSEQ;

	for (unsigned i = 0; i < r->n && i < N_LOG; i++)
		if (r->log[i].user_data == user_data)
			res = res == -EILSEQ ? r->log[i].res : -ENOTUNIQ;
	return res;
}

/* Take an SQE whose number is the next. */
static struct io_uring_sqe *next_sqe(struct raw *r, uint64_t user_data, unsigned flags)
{
	struct io_uring_sqe *sqe = rondo__ring_sqe(&r->ring);

	sqe->user_data = user_data;
	sqe->flags = (__u8)flags;
	return sqe;
}

static void add_nop(struct raw *r, uint64_t user_data, unsigned flags)
{
	next_sqe(r, user_data, flags)->opcode = IORING_OP_NOP;
}

static void add(struct raw *r, uint64_t user_data, unsigned flags, unsigned opcode, int fd,
		void *buf, unsigned len)
{
	struct io_uring_sqe *sqe = next_sqe(r, user_data, flags);

	sqe->opcode = (__u8)opcode;
	sqe->fd = fd;
	sqe->addr = (uintptr_t)buf;
	sqe->len = len;
}

static void add_limit(struct raw *r, uint64_t user_data, unsigned flags,
		      struct __kernel_timespec *ts)
{
	add(r, user_data, flags, IORING_OP_LINK_TIMEOUT, -1, ts, 1);
}

static int open_pipe(int p[2])
{
	return (int)kernel_call2(seam(), SYS_pipe2, p, O_CLOEXEC);
}

static void close_pipe(const int p[2])
{
	kernel_call2(seam(), SYS_close, p[0], 0);
	kernel_call2(seam(), SYS_close, p[1], 0);
}

/* --- chains ---------------------------------------------------------------------------------- */

static int links_run(struct raw *r, int p[2])
{
	char from[8] = "hello", to[8] = "";

	/* Each begins when the one before it has ended; so the read finds what was written. */
	add(r, 1, IOSQE_IO_LINK, IORING_OP_WRITE, p[1], from, 5);
	add_nop(r, 2, IOSQE_IO_LINK);
	add(r, 3, 0, IORING_OP_READ, p[0], to, 5);
	add_nop(r, 4, 0);
	CHECK_EQUAL(wait_raw(r, 4), 0);
	CHECK_EQUAL(result(r, 1), 5);
	CHECK_EQUAL(result(r, 2), 0);
	CHECK_EQUAL(result(r, 3), 5);
	CHECK_EQUAL(result(r, 4), 0);
	CHECK_EQUAL(memcmp(to, "hello", 5), 0);
	return 0;
}

static int links_break(struct raw *r, int p[2])
{
	char buf[16] = "hello", to[16];

	r->n = 0;
	/* An error cancels what follows, and a short transfer does. */
	add(r, 1, IOSQE_IO_LINK, IORING_OP_READ, -1, buf, 5);
	add_nop(r, 2, IOSQE_IO_LINK);
	add_nop(r, 3, 0);
	add(r, 4, IOSQE_IO_LINK, IORING_OP_WRITE, p[1], buf, 5);
	add(r, 5, IOSQE_IO_LINK, IORING_OP_READ, p[0], to, 10);
	add_nop(r, 6, 0);
	CHECK_EQUAL(wait_raw(r, 6), 0);
	CHECK_EQUAL(result(r, 1), -EBADF);
	CHECK_EQUAL(result(r, 2), -ECANCELED);
	CHECK_EQUAL(result(r, 3), -ECANCELED);
	CHECK_EQUAL(result(r, 4), 5);
	CHECK_EQUAL(result(r, 5), 5);
	CHECK_EQUAL(result(r, 6), -ECANCELED);
	return 0;
}

static int hard_links_hold(struct raw *r, int p[2])
{
	char buf[16] = "hello", to[16];

	r->n = 0;
	add(r, 1, IOSQE_IO_HARDLINK, IORING_OP_WRITE, p[1], buf, 5);
	add(r, 2, IOSQE_IO_HARDLINK, IORING_OP_READ, p[0], to, 10);
	add(r, 3, IOSQE_IO_HARDLINK, IORING_OP_READ, -1, buf, 10);
	add_nop(r, 4, 0);
	CHECK_EQUAL(wait_raw(r, 4), 0);
	CHECK_EQUAL(result(r, 1), 5);
	CHECK_EQUAL(result(r, 2), 5);
	CHECK_EQUAL(result(r, 3), -EBADF);
	CHECK_EQUAL(result(r, 4), 0);
	return 0;
}

static int skips_cqes(struct raw *r)
{
	r->n = 0;
	add_nop(r, 1, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
	add_nop(r, 2, 0);
	CHECK_EQUAL(wait_raw(r, 1), 0);
	CHECK_EQUAL(result(r, 2), 0);
	r->ring.n_in_flight--;		/* the one that said nothing */
	return 0;
}

static int run_chains(void *arg)
{
	struct raw r;
	int p[2];

	(void)arg;
	CHECK_EQUAL(open_raw(&r), 0);
	CHECK_EQUAL(open_pipe(p), 0);
	CHECK_EQUAL(links_run(&r, p), 0);
	CHECK_EQUAL(links_break(&r, p), 0);
	CHECK_EQUAL(hard_links_hold(&r, p), 0);
	CHECK_EQUAL(skips_cqes(&r), 0);
	close_pipe(p);
	rondo__ring_close(&r.ring);
	return 0;
}

#define LATE "OP_LATE,COMPLETE_LATE,CQE_HELD,ENTER_EAGAIN,ENTER_EBUSY"

static void test_links_run_in_order_and_break_at_errors(void **state)
{
	(void)state;
	seeds_run_both(run_chains, NULL);
	seeds_run_calm(50, run_chains, NULL);
}

/* --- links that limit ------------------------------------------------------------------------ */

static int limit_comes(struct raw *r, const int p[2])
{
	struct __kernel_timespec ts = { .tv_nsec = 5000000 };
	char buf[8];

	r->n = 0;
	add(r, 1, IOSQE_IO_LINK, IORING_OP_READ, p[0], buf, 5);
	add_limit(r, 2, IOSQE_IO_LINK, &ts);
	add_nop(r, 3, 0);
	CHECK_EQUAL(wait_raw(r, 3), 0);
	CHECK_EQUAL(result(r, 1), -ECANCELED);
	CHECK_EQUAL(result(r, 2), -ETIME);
	CHECK_EQUAL(result(r, 3), -ECANCELED);
	return 0;
}

/* The chain goes on past it, though its own result is an error. */
static int limit_is_not_reached(struct raw *r, const int p[2])
{
	struct __kernel_timespec ts = { .tv_sec = 1000 };
	char buf[8] = "hello";

	r->n = 0;
	add(r, 1, IOSQE_IO_LINK, IORING_OP_READ, p[0], buf, 5);
	add_limit(r, 2, IOSQE_IO_LINK, &ts);
	add_nop(r, 3, 0);
	CHECK_EQUAL(rondo__ring_enter(&r->ring, 0, 0), 0);
	CHECK_EQUAL(rondo_sleep(0.02), 0);
	CHECK_EQUAL(kernel_call3(seam(), SYS_write, p[1], "world", 5), 5);
	CHECK_EQUAL(wait_raw(r, 3), 0);
	CHECK_EQUAL(result(r, 1), 5);
	CHECK_EQUAL(result(r, 2), -ECANCELED);
	CHECK_EQUAL(result(r, 3), 0);
	return 0;
}

static int limit_of_nothing(struct raw *r)
{
	struct __kernel_timespec ts = { .tv_sec = 1000 };

	r->n = 0;
	add_limit(r, 1, 0, &ts);
	CHECK_EQUAL(wait_raw(r, 1), 0);
	CHECK_EQUAL(result(r, 1), -EINVAL);
	return 0;
}

/* A cancel of the head ends the chain. */
static int head_is_cancelled(struct raw *r, const int p[2])
{
	struct __kernel_timespec ts = { .tv_sec = 1000 };
	char buf[8];

	r->n = 0;
	add(r, 1, IOSQE_IO_LINK, IORING_OP_READ, p[0], buf, 5);
	add_limit(r, 2, IOSQE_IO_LINK, &ts);
	add_nop(r, 3, 0);
	add(r, 4, 0, IORING_OP_ASYNC_CANCEL, -1, (void *)(uintptr_t)1, 0);
	CHECK_EQUAL(wait_raw(r, 4), 0);
	CHECK_EQUAL(result(r, 1), -ECANCELED);
	CHECK_EQUAL(result(r, 2), -ECANCELED);
	CHECK_EQUAL(result(r, 3), -ECANCELED);
	CHECK_EQUAL(result(r, 4), 0);
	return 0;
}

static int run_limits(void *arg)
{
	struct raw r;
	int p[2];

	(void)arg;
	CHECK_EQUAL(open_raw(&r), 0);
	CHECK_EQUAL(open_pipe(p), 0);
	CHECK_EQUAL(limit_comes(&r, p), 0);
	CHECK_EQUAL(limit_is_not_reached(&r, p), 0);
	CHECK_EQUAL(limit_of_nothing(&r), 0);
	CHECK_EQUAL(head_is_cancelled(&r, p), 0);
	close_pipe(p);
	rondo__ring_close(&r.ring);
	return 0;
}

static void test_a_linked_timeout_limits_the_one_before_it(void **state)
{
	(void)state;
	seeds_run_both(run_limits, NULL);
	seeds_run_calm(50, run_limits, NULL);
}

/* Whatever is late: each request has one result, and they fit together. (SUBMIT_PARTLY would cut
 * the chain, as it does in Linux.) */
static int races(void *arg)
{
	struct __kernel_timespec ts = { .tv_nsec = (long long)(rondo_sim_random() % 1000000) };
	uint64_t delay_ns = rondo_sim_random() % 1000000;
	char buf[8];
	struct raw r;
	int p[2], read, limit;

	(void)arg;
	CHECK_EQUAL(open_raw(&r), 0);
	CHECK_EQUAL(open_pipe(p), 0);
	if (r.ring.uring.sq.ring_entries < 4)
		goto close;		/* a queue without room for it cuts the chain */
	add(&r, 1, IOSQE_IO_LINK, IORING_OP_READ, p[0], buf, 5);
	add_limit(&r, 2, IOSQE_IO_LINK, &ts);
	add_nop(&r, 3, 0);
	CHECK_EQUAL(rondo__ring_enter(&r.ring, 0, 0), 0);
	CHECK_EQUAL(rondo_sleep_ns(delay_ns), 0);
	CHECK_EQUAL(kernel_call3(seam(), SYS_write, p[1], "world", 5), 5);
	CHECK_EQUAL(wait_raw(&r, 3), 0);
	read = result(&r, 1);
	limit = result(&r, 2);
	CHECK(read == 5 || read == -ECANCELED);
	/* The limit may come when the read has what it wants, but not its CQE yet. */
	CHECK(read == 5 ? limit == -ECANCELED || limit == -ENOENT || limit == -EALREADY :
			  limit == -ETIME);
	CHECK_EQUAL(result(&r, 3), read == 5 ? 0 : -ECANCELED);
close:
	close_pipe(p);
	rondo__ring_close(&r.ring);
	return 0;
}

static void test_a_limit_races_with_what_it_limits(void **state)
{
	(void)state;
	seeds_run_calm(100, races, NULL);
	seeds_run(200, LATE ",TIMER_LATE,CANCEL_ENOENT", races, NULL);
}

/* --- messages between rings ------------------------------------------------------------------ */

static struct io_uring_sqe *add_message(struct raw *r, uint64_t user_data, int fd)
{
	struct io_uring_sqe *sqe = next_sqe(r, user_data, 0);

	sqe->opcode = IORING_OP_MSG_RING;
	sqe->fd = fd;
	sqe->off = 77;
	sqe->len = 4711;
	return sqe;
}

static int sends_messages(struct raw *a, struct raw *b, const int p[2])
{
	int to = b->ring.uring.ring_fd;

	add_message(a, 1, to);
	add_message(a, 2, p[0]);
	add_message(a, 3, -1);
	add_message(a, 4, to)->rw_flags = 1 << 3;	/* no such flag */
	add_message(a, 5, to)->addr = 9;		/* no such command */
	add_message(a, 6, to)->file_index = 5;		/* flags, and no leave to pass them */
	CHECK_EQUAL(wait_raw(a, 6), 0);
	CHECK_EQUAL(result(a, 1), 0);
	CHECK_EQUAL(result(a, 2), -EBADFD);
	CHECK_EQUAL(result(a, 3), -EBADF);
	CHECK_EQUAL(result(a, 4), -EINVAL);
	CHECK_EQUAL(result(a, 5), -EINVAL);
	CHECK_EQUAL(result(a, 6), -EINVAL);
	b->ring.n_in_flight++;				/* a CQE without an SQE */
	CHECK_EQUAL(wait_raw(b, 1), 0);
	CHECK_EQUAL(result(b, 77), 4711);
	CHECK_EQUAL(b->log[0].flags, 0);
	return 0;
}

static int run_messages(void *arg)
{
	struct raw a, b;
	int p[2];

	(void)arg;
	CHECK_EQUAL(open_raw(&a), 0);
	if (!ring_has_op(&a.ring, IORING_OP_MSG_RING)) {
		rondo__ring_close(&a.ring);
		return 0;
	}
	CHECK_EQUAL(open_raw(&b), 0);
	CHECK_EQUAL(open_pipe(p), 0);
	CHECK_EQUAL(sends_messages(&a, &b, p), 0);
	close_pipe(p);
	rondo__ring_close(&a.ring);
	rondo__ring_close(&b.ring);
	return 0;
}

static void test_a_message_is_a_cqe_of_another_ring(void **state)
{
	(void)state;
	seeds_run_both(run_messages, NULL);
	seeds_run(100, LATE ",SUBMIT_PARTLY", run_messages, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links_run_in_order_and_break_at_errors),
		cmocka_unit_test(test_a_linked_timeout_limits_the_one_before_it),
		cmocka_unit_test(test_a_limit_races_with_what_it_limits),
		cmocka_unit_test(test_a_message_is_a_cqe_of_another_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
