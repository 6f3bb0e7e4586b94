/* SPDX-License-Identifier: MIT */
/* test_bufring.c - goal: every provided buffer is with the kernel or with us, never both and never
 * neither; the kernel fills the one it names. Method: receives with buffer select on a socket pair,
 * through rings of two and four buffers, until they run out, are given back, and wrap around. */
#include "raw.h"

#include "ring/bufring.h"

struct fixture {
	struct raw raw;
	struct bufring bufring;
	int fds[2];
};

static void fixture_open(struct fixture *f, unsigned n_buffers, unsigned n_buffers_max)
{
	raw_open(&f->raw);
	f->bufring = (struct bufring){ .n_buffers = n_buffers, .n_buffers_max = n_buffers_max };
	assert_int_equal(rondo__bufring_open(&f->bufring, &f->raw.ring), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f->fds), 0);
}

static void fixture_close(struct fixture *f)
{
	rondo__bufring_close(&f->bufring, &f->raw.ring);
	assert_null(f->bufring.shared);
	raw_close(&f->raw);
	close(f->fds[0]);
	close(f->fds[1]);
}

/* Receive one byte through a provided buffer. Returns the buffer's number, or the error. */
static int receive(struct fixture *f, char byte)
{
	struct io_uring_sqe *sqe = rondo__ring_sqe(&f->raw.ring);
	unsigned id;
	int ret;

	assert_int_equal(write(f->fds[1], &byte, 1), 1);
	io_uring_prep_recv(sqe, f->fds[0], NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = BUFRING_GROUP;
	ret = raw_do(&f->raw, sqe);
	if (ret < 0) {
		assert_int_equal(read(f->fds[0], &byte, 1), 1);	/* its byte stays in the socket */
		return ret;
	}
	assert_int_equal(ret, 1);
	assert_true(f->raw.log[0].flags & IORING_CQE_F_BUFFER);
	id = bufring_take(&f->bufring, f->raw.log[0].flags);
	assert_int_equal(*(char *)bufring_at(&f->bufring, id), byte);
	return (int)id;
}

static void test_the_kernel_fills_the_buffer_it_names(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, 2, 2);
	assert_int_equal(f.bufring.n_ours, 0);
	assert_int_equal(receive(&f, 'a'), 0);
	assert_false(bufring_is_empty(&f.bufring));
	assert_int_equal(receive(&f, 'b'), 1);
	assert_true(bufring_is_empty(&f.bufring));
	assert_int_equal(*(char *)bufring_at(&f.bufring, 0), 'a');
	fixture_close(&f);
}

static void test_without_buffers_receiving_fails_until_one_is_given_back(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, 2, 2);
	assert_int_equal(receive(&f, 'a'), 0);
	assert_int_equal(receive(&f, 'b'), 1);
	assert_int_equal(receive(&f, 'c'), -ENOBUFS);
	rondo__bufring_give(&f.bufring, 1);
	assert_int_equal(f.bufring.n_ours, 1);
	assert_int_equal(receive(&f, 'd'), 1);
	assert_int_equal(receive(&f, 'e'), -ENOBUFS);
	fixture_close(&f);
}

static void test_it_doubles_until_it_is_as_large_as_it_may_be(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, 1, 4);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(receive(&f, 'x'), i);
		if (bufring_is_empty(&f.bufring))
			assert_int_equal(rondo__bufring_grow(&f.bufring), i < 3);
	}
	assert_int_equal(f.bufring.n_buffers, 4);
	assert_int_equal(f.bufring.n_ours, 4);
	assert_int_equal(receive(&f, 'x'), -ENOBUFS);
	fixture_close(&f);
}

/* Its tail is 16 bits wide. */
static void test_buffers_go_round_for_ever(void **state)
{
	enum { ROUNDS = 70000 };
	struct fixture f;

	(void)state;
	fixture_open(&f, 2, 2);
	for (int i = 0; i < ROUNDS; i++) {
		int id = receive(&f, (char)i);

		assert_int_equal(id, i % 2);
		rondo__bufring_give(&f.bufring, (unsigned)id);
	}
	assert_int_equal(f.bufring.n_ours, 0);
	fixture_close(&f);
}

static int refuse(const struct kernel *k, unsigned fd, unsigned opcode, const void *arg, unsigned n)
{
	if (opcode == IORING_REGISTER_PBUF_RING)
		return -ENOMEM;
	return rondo__kernel_linux.register_(k, fd, opcode, arg, n);
}

static void test_a_kernel_that_refuses_leaves_nothing_behind(void **state)
{
	struct kernel k = rondo__kernel_linux;
	struct bufring b = { 0 };
	struct raw r;

	(void)state;
	k.register_ = refuse;
	assert_int_equal(raw_try_open(&r, &k, &(struct ring_options){ 0 }), 0);
	assert_int_equal(rondo__bufring_open(&b, &r.ring), -ENOMEM);
	assert_null(b.shared);
	rondo__bufring_close(&b, &r.ring);	/* never opened: nothing to do */
	raw_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_kernel_fills_the_buffer_it_names),
		cmocka_unit_test(test_without_buffers_receiving_fails_until_one_is_given_back),
		cmocka_unit_test(test_it_doubles_until_it_is_as_large_as_it_may_be),
		cmocka_unit_test(test_buffers_go_round_for_ever),
		cmocka_unit_test(test_a_kernel_that_refuses_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
