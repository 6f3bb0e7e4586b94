/* SPDX-License-Identifier: MIT */
/* test_receiver.c - a receiver gives every byte once and in order, on every kind of kernel. Goal:
 * the matrix for lend and read, races with cancels, every way in which receiving ends. Method: a
 * stream whose i-th byte is known; kernels that lack buffer rings or multishot receives, that end
 * each multishot after one completion, or that do not wait. */
#include "net.h"

#include <pthread.h>

#include "loop/loop.h"
#include "rondo/file.h"
#include "rondo/socket.h"

enum { HELLO_LEN = 5 };
#define HELLO "hello"

static int p[2] = { -1, -1 };		/* the receiver has p[0], its peer p[1] */
static struct rondo_receiver r;

static void pair_clean(void *ctx)
{
	(void)ctx;
	net_close_pair(p);
}

/* --- kernels ---------------------------------------------------------------------------------- */

static int no_buffer_rings(const struct kernel *k, unsigned fd, unsigned opcode, const void *arg,
			   unsigned n)
{
	if (opcode == IORING_REGISTER_PBUF_RING)
		return -EINVAL;
	return test_kernel_register(k, fd, opcode, arg, n);
}

static bool is_multishot(const struct io_uring_sqe *sqe)
{
	return sqe->opcode == IORING_OP_RECV && (sqe->ioprio & IORING_RECV_MULTISHOT);
}

static void refuse_multishot(struct io_uring_sqe *sqe)
{
	if (is_multishot(sqe))
		sqe->ioprio |= 1 << 15;		/* no kernel knows it: -EINVAL, as from 5.19 */
}

static void end_multishot_soon(struct io_uring_sqe *sqe)
{
	if (is_multishot(sqe))
		sqe->ioprio &= (uint16_t)~IORING_RECV_MULTISHOT;
}

enum { N_KERNELS = 5 };

static struct test_kernel kernels[N_KERNELS];
static const char *const kernel_names[N_KERNELS] = {
	"plain Linux", "no buffer rings", "no multishot", "multishot that ends", "does not wait",
};

static const struct kernel *kernel_at(int i)
{
	for (int k = 0; k < N_KERNELS; k++)
		test_kernel_init(&kernels[k]);
	kernels[1].kernel.register_ = no_buffer_rings;
	kernels[2].on_sqe = refuse_multishot;
	kernels[3].on_sqe = end_multishot_soon;
	net_impatient_kernel(&kernels[4]);
	return &kernels[i].kernel;
}

/* --- the matrix ------------------------------------------------------------------------------- */

static bool begun;

static int pair_prepare(void *ctx)
{
	(void)ctx;
	begun = false;
	return net_unix_pair(p);
}

/* The receiver lives until it succeeds: cancelled calls are followed by others. */
static int begin_and(ssize_t (*call)(char *bytes))
{
	char bytes[HELLO_LEN];
	ssize_t n;

	if (!begun)
		rondo_receiver_init(&r, p[0]);
	begun = true;
	n = call(bytes);
	if (n == -ECANCELED)
		return -ECANCELED;
	rondo_receiver_end(&r);
	begun = false;
	return n == HELLO_LEN && memcmp(bytes, HELLO, HELLO_LEN) != 0 ? -EILSEQ : (int)n;
}

static ssize_t call_lend(char *bytes)
{
	const void *data;
	ssize_t n = rondo_receiver_lend(&r, &data);

	if (n > 0)
		memcpy(bytes, data, n < HELLO_LEN ? (size_t)n : HELLO_LEN);
	return n;
}

static ssize_t call_read(char *bytes)
{
	return rondo_receiver_read(&r, bytes, HELLO_LEN);
}

static int start_lend(void *ctx)
{
	(void)ctx;
	return begin_and(call_lend);
}

static int start_read(void *ctx)
{
	(void)ctx;
	return begin_and(call_read);
}

static int peer_sends_hello(void *ctx)
{
	(void)ctx;
	return send(p[1], HELLO, HELLO_LEN, MSG_NOSIGNAL) == HELLO_LEN ? 0 : -1;
}

static void test_asking_for_bytes_on_every_kernel(void **state)
{
	(void)state;
	for (int i = 0; i < N_KERNELS; i++) {
		struct matrix_verb v = {
			.start = start_lend, .finish = peer_sends_hello, .prepare = pair_prepare,
			.clean = pair_clean, .result = HELLO_LEN, .kernel = kernel_at(i),
		};

		matrix_check(kernel_names[i], &v);
		v.start = start_read;
		matrix_check(kernel_names[i], &v);
	}
}

/* --- streams ---------------------------------------------------------------------------------- */

enum { STREAM_LEN = 200000 };

/* Writes of many sizes, with pauses, then the end. */
static int write_stream(void *arg)
{
	static char chunk[20000];
	size_t n = 0;

	(void)arg;
	for (unsigned i = 0; n < STREAM_LEN; i++) {
		size_t len = i * 7919 % (i % 5 == 0 ? sizeof(chunk) : 200) + 1;

		if (len > STREAM_LEN - n)
			len = STREAM_LEN - n;
		net_fill_pattern(chunk, len, n);
		CHECK_EQUAL(rondo_send_all(p[1], chunk, len, NULL), 0);
		n += len;
		CHECK_EQUAL(turns((int)(i % 3)), 0);
	}
	CHECK_EQUAL(rondo_shutdown(p[1], SHUT_WR), 0);
	return 0;
}

/* Lends and reads in turn. */
static int read_stream(void *arg)
{
	const void *data;
	char bytes[333];
	size_t n = 0;
	ssize_t ret;

	(void)arg;
	for (unsigned i = 0; n < STREAM_LEN; i++, n += (size_t)ret) {
		bool lend = i % 3;

		ret = lend ? rondo_receiver_lend(&r, &data) :
			     rondo_receiver_read(&r, bytes, sizeof(bytes));
		CHECK(ret > 0);
		CHECK(net_is_pattern(lend ? data : bytes, (size_t)ret, n));
		CHECK_EQUAL(turns((int)(i % 7 == 0)), 0);
	}
	CHECK_EQUAL(rondo_receiver_lend(&r, &data), 0);
	CHECK_EQUAL(rondo_receiver_read(&r, bytes, 1), 0);	/* and it stays at the end */
	CHECK_EQUAL(rondo_receiver_read(&r, bytes, 0), 0);
	return 0;
}

static int stream_main(void *arg)
{
	rondo_task *writer = rondo_create_task(write_stream, NULL);
	struct bufring *b = &rondo__loop->buffers;

	if (arg)
		*b = *(const struct bufring *)arg;
	rondo_receiver_init(&r, p[0]);
	CHECK_EQUAL(read_stream(NULL), 0);
	CHECK_EQUAL(rondo_await(writer), 0);
	rondo_receiver_end(&r);
	CHECK_EQUAL(b->n_ours, 0);
	return 0;
}

static void run_streams(const struct bufring *size)
{
	static int (*const pairs[])(int fds[2]) = { net_unix_pair, net_tcp_pair };

	for (int i = 0; i < N_KERNELS * 2; i++) {
		assert_int_equal(pairs[i % 2](p), 0);
		net_run_on(kernel_at(i / 2), stream_main, (void *)(uintptr_t)size);
		pair_clean(NULL);
	}
}

static void test_a_stream_arrives_whole_on_every_kernel(void **state)
{
	(void)state;
	run_streams(NULL);
}

static void test_a_stream_arrives_whole_through_two_buffers(void **state)
{
	const struct bufring two = { .n_buffers = 2, .n_buffers_max = 2 };

	(void)state;
	run_streams(&two);
}

/* --- races with cancels ----------------------------------------------------------------------- */

struct asker {
	size_t offset;			/* of the stream, where it reads on */
	ssize_t ret;
};

static int ask_once(void *arg)
{
	struct asker *a = arg;
	const void *data;

	a->ret = rondo_receiver_lend(&r, &data);
	if (a->ret > 0 && !net_is_pattern(data, (size_t)a->ret, a->offset))
		a->ret = -EILSEQ;
	return 0;
}

/* Four bytes and a cancel, n_turns apart; negative: the cancel comes first. Returns how many bytes
 * the task got; what it did not get must still be there. */
static int race(size_t *offset, int n_turns)
{
	struct asker a = { .offset = *offset };
	rondo_task *task = rondo_create_task(ask_once, &a);
	char four[4], left[4];

	net_fill_pattern(four, sizeof(four), *offset);
	CHECK_EQUAL(turns(3), 0);
	if (n_turns < 0) {
		rondo_cancel(task);
		CHECK_EQUAL(turns(-1 - n_turns), 0);
	}
	CHECK_EQUAL(send(p[1], four, sizeof(four), 0), sizeof(four));
	*offset += sizeof(four);
	if (n_turns >= 0) {
		CHECK_EQUAL(turns(n_turns), 0);
		rondo_cancel(task);
	}
	(void)rondo_await(task);	/* says -ECANCELED also of a task that ended in time */
	if (a.ret == (ssize_t)sizeof(four))
		return 1;
	CHECK_EQUAL(a.ret, -ECANCELED);
	CHECK_EQUAL(rondo_receiver_read(&r, left, sizeof(left)), sizeof(left));
	CHECK(net_is_pattern(left, sizeof(left), a.offset));
	return 0;
}

static int races(void *arg)
{
	enum { ROUNDS = 300, TURNS_MAX = 3 };
	size_t offset = 0;
	int n_got = 0;

	(void)arg;
	rondo_receiver_init(&r, p[0]);
	for (int round = 0; round < ROUNDS; round++)
		for (int n = -TURNS_MAX; n <= TURNS_MAX; n++) {
			int ret = race(&offset, n);

			CHECK(ret >= 0);
			n_got += ret;
		}
	CHECK(n_got > 0 && n_got < ROUNDS * (2 * TURNS_MAX + 1));	/* won both ways */
	rondo_receiver_end(&r);
	return 0;
}

static void test_asking_in_a_race_with_cancel_loses_no_byte(void **state)
{
	(void)state;
	for (int i = 0; i < N_KERNELS; i++) {
		assert_int_equal(pair_prepare(NULL), 0);
		net_run_on(kernel_at(i), races, NULL);
		pair_clean(NULL);
	}
}

/* --- how receiving ends ----------------------------------------------------------------------- */

static int reset_after_bytes(void *arg)
{
	const void *data;

	(void)arg;
	rondo_receiver_init(&r, p[0]);
	CHECK_EQUAL(send(p[1], HELLO, HELLO_LEN, 0), HELLO_LEN);
	CHECK_EQUAL(rondo_receiver_lend(&r, &data), HELLO_LEN);
	CHECK_EQUAL(send(p[1], HELLO, HELLO_LEN, 0), HELLO_LEN);
	CHECK_EQUAL(turns(3), 0);		/* they are in a buffer before the reset */
	net_reset(p[1]);
	p[1] = -1;
	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(rondo_receiver_lend(&r, &data), HELLO_LEN);
	CHECK_EQUAL(rondo_receiver_lend(&r, &data), -ECONNRESET);
	CHECK_EQUAL(rondo_receiver_lend(&r, &data), 0);
	rondo_receiver_end(&r);
	return 0;
}

static int no_stream(void *arg)
{
	const void *data = &p;
	int fds[2];

	(void)arg;
	CHECK_EQUAL(pipe2(fds, O_CLOEXEC), 0);
	rondo_receiver_init(&r, fds[0]);
	CHECK_EQUAL(rondo_receiver_lend(&r, &data), -ENOTSOCK);
	rondo_receiver_end(&r);
	net_close_pair(fds);
	rondo_receiver_init(&r, -1);
	CHECK_EQUAL(rondo_receiver_lend(&r, &data), -EBADF);
	rondo_receiver_end(&r);
	CHECK(data == &p);			/* untouched on failure */
	return 0;
}

static void test_errors_come_after_the_bytes_before_them(void **state)
{
	(void)state;
	assert_int_equal(net_tcp_pair(p), 0);
	assert_int_equal(rondo_run(reset_after_bytes, NULL), 0);
	assert_checks_passed();
	net_run(no_stream, NULL);
	pair_clean(NULL);
}

static int close_under(void *arg)
{
	struct asker a = { .ret = 0 };
	rondo_task *task;
	const void *data;
	char byte;

	(void)arg;
	rondo_receiver_init(&r, p[0]);
	task = rondo_create_task(ask_once, &a);
	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(rondo_close(p[0]), 0);
	p[0] = -1;
	CHECK_EQUAL(rondo_await(task), 0);
	CHECK_EQUAL(a.ret, -EBADF);
	CHECK_EQUAL(rondo_receiver_lend(&r, &data), -EBADF);
	CHECK_EQUAL(recv(p[1], &byte, 1, MSG_DONTWAIT), 0);	/* the peer sees the end */
	rondo_receiver_end(&r);
	return 0;
}

/* Armed, with a byte nobody asked for yet. */
static int close_behind_bytes(void *arg)
{
	const void *data;

	(void)arg;
	rondo_receiver_init(&r, p[0]);
	CHECK_EQUAL(send(p[1], HELLO, HELLO_LEN, 0), HELLO_LEN);
	CHECK_EQUAL(rondo_receiver_lend(&r, &data), HELLO_LEN);
	CHECK_EQUAL(send(p[1], HELLO, HELLO_LEN, 0), HELLO_LEN);
	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(rondo_close(p[0]), 0);
	p[0] = -1;
	CHECK_EQUAL(rondo_receiver_lend(&r, &data), HELLO_LEN);
	CHECK_EQUAL(rondo_receiver_lend(&r, &data), -EBADF);
	rondo_receiver_end(&r);
	return 0;
}

static void test_closing_the_socket_ends_its_receiver(void **state)
{
	static rondo_fn *const mains[] = { close_under, close_behind_bytes };

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pair_prepare(NULL), 0);
		assert_int_equal(rondo_run(mains[i], NULL), 0);
		assert_checks_passed();
		pair_clean(NULL);
	}
}

/* What has happened to the one who waits, when the receiver ends. */
enum { STILL_PARKED, BYTES_ON_THE_WAY, WOKEN_BY_THE_END, N_ENDINGS };

static int end_under(void *arg)
{
	struct asker a = { .ret = 0 };
	rondo_task *task;
	const void *data;
	int ending = *(int *)arg;

	rondo_receiver_init(&r, p[0]);
	task = rondo_create_task(ask_once, &a);
	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(rondo_receiver_lend(&r, &data), -EBUSY);
	CHECK_EQUAL(rondo_receiver_read(&r, &(char){ 0 }, 1), -EBUSY);
	if (ending == BYTES_ON_THE_WAY)
		CHECK_EQUAL(send(p[1], HELLO, HELLO_LEN, 0), HELLO_LEN);
	if (ending == WOKEN_BY_THE_END) {
		CHECK_EQUAL(shutdown(p[1], SHUT_WR), 0);
		CHECK_EQUAL(turns(1), 0);	/* we were ready first, so it has not run yet */
		CHECK_EQUAL(rondo_task_state(task), RONDO_PENDING);
	}
	rondo_receiver_end(&r);
	memset(&r, 0xa5, sizeof(r));
	CHECK_EQUAL(rondo_await(task), 0);
	CHECK_EQUAL(a.ret, -EBADF);
	CHECK_EQUAL(rondo__loop->buffers.n_ours, 0);
	return 0;
}

static void test_ending_turns_out_who_waits(void **state)
{
	(void)state;
	for (int i = 0; i < N_KERNELS * N_ENDINGS; i++) {
		int ending = i % N_ENDINGS;

		assert_int_equal(pair_prepare(NULL), 0);
		net_run_on(kernel_at(i / N_ENDINGS), end_under, &ending);
		pair_clean(NULL);
	}
}

/* A cancel stays for the next await, and what nobody asked for goes back. */
static int end_at_leisure(void *arg)
{
	const void *data;

	(void)arg;
	rondo_receiver_init(&r, p[0]);
	rondo_receiver_end(&r);			/* never used */
	rondo_receiver_end(&r);
	CHECK_EQUAL(rondo_receiver_lend(&r, &data), -EBADF);
	rondo_receiver_init(&r, p[0]);
	CHECK_EQUAL(send(p[1], HELLO, HELLO_LEN, 0), HELLO_LEN);
	CHECK_EQUAL(rondo_receiver_lend(&r, &data), HELLO_LEN);
	CHECK_EQUAL(send(p[1], HELLO, HELLO_LEN, 0), HELLO_LEN);
	CHECK_EQUAL(turns(3), 0);
	rondo_cancel(rondo_current_task());
	rondo_receiver_end(&r);
	CHECK_EQUAL(rondo_yield(), -ECANCELED);
	CHECK_EQUAL(rondo__loop->buffers.n_ours, 0);
	return 0;
}

static void test_ending_is_no_cancellation_point(void **state)
{
	(void)state;
	assert_int_equal(pair_prepare(NULL), 0);
	net_run(end_at_leisure, NULL);
	pair_clean(NULL);
}

/* --- what it is not for ----------------------------------------------------------------------- */

static int ask_from_here(void *arg)
{
	const void *data;

	(void)arg;
	return (int)rondo_receiver_lend(&r, &data);
}

static void *run_another_loop(void *arg)
{
	*(int *)arg = rondo_run(ask_from_here, NULL);
	return NULL;
}

static int ask_from_another_loop(void *arg)
{
	pthread_t thread;
	int ret = 0;

	(void)arg;
	rondo_receiver_init(&r, p[0]);
	CHECK_EQUAL(pthread_create(&thread, NULL, run_another_loop, &ret), 0);
	CHECK_EQUAL(pthread_join(thread, NULL), 0);
	CHECK_EQUAL(ret, -RONDO_EWRONGLOOP);
	rondo_receiver_end(&r);
	return 0;
}

static void test_a_receiver_belongs_to_its_loop(void **state)
{
	(void)state;
	assert_int_equal(pair_prepare(NULL), 0);
	net_run(ask_from_another_loop, NULL);
	pair_clean(NULL);
}

static int await_each_other(void *arg)
{
	return rondo_await(*(rondo_task **)arg);
}

/* The receiver is armed, but nobody asks: bytes from its peer would wake nobody. */
static int deadlock_beside_a_receiver(void *arg)
{
	rondo_task *a, *b;
	const void *data;

	(void)arg;
	rondo_receiver_init(&r, p[0]);
	CHECK_EQUAL(send(p[1], HELLO, HELLO_LEN, 0), HELLO_LEN);
	CHECK_EQUAL(rondo_receiver_lend(&r, &data), HELLO_LEN);
	a = rondo_create_task(await_each_other, &b);
	b = rondo_create_task(await_each_other, &a);
	rondo_task_ref(a);
	(void)rondo_await(a);			/* ended by the detector */
	rondo_receiver_end(&r);
	return 0;
}

static void test_an_idle_receiver_hides_no_deadlock(void **state)
{
	(void)state;
	assert_int_equal(pair_prepare(NULL), 0);
	assert_int_equal(rondo_run(deadlock_beside_a_receiver, NULL), -EDEADLK);
	assert_checks_passed();
	pair_clean(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_asking_for_bytes_on_every_kernel),
		cmocka_unit_test(test_a_stream_arrives_whole_on_every_kernel),
		cmocka_unit_test(test_a_stream_arrives_whole_through_two_buffers),
		cmocka_unit_test(test_asking_in_a_race_with_cancel_loses_no_byte),
		cmocka_unit_test(test_errors_come_after_the_bytes_before_them),
		cmocka_unit_test(test_closing_the_socket_ends_its_receiver),
		cmocka_unit_test(test_ending_turns_out_who_waits),
		cmocka_unit_test(test_ending_is_no_cancellation_point),
		cmocka_unit_test(test_a_receiver_belongs_to_its_loop),
		cmocka_unit_test(test_an_idle_receiver_hides_no_deadlock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
