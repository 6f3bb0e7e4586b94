/* SPDX-License-Identifier: MIT */
/* test_answers.c - goal: what a kernel answers seldom is told truthfully: a close that was
 * interrupted, a driver that takes nothing, a receive that ends without a reason. Method: the real
 * kernel, with the answers to some ops exchanged on their way to the engine. */
#include "net.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "loop/op.h"
#include "rondo/file.h"
#include "rondo/socket.h"

/* The first n ops of a kind do nothing, or what they always do, and are answered by res. */
static struct answer {
	uint8_t opcode;
	int res;
	unsigned n;
	bool does_it;
	unsigned n_told;
} answer;

static struct test_kernel k;

static void do_nothing(struct io_uring_sqe *sqe)
{
	uint64_t user_data = sqe->user_data;

	if (sqe->opcode != answer.opcode || !answer.n || answer.does_it)
		return;
	io_uring_prep_nop(sqe);
	sqe->user_data = user_data;
}

static void tell(const struct op *op, struct io_uring_cqe *cqe)
{
	if (op->opcode != answer.opcode || !answer.n || cqe->flags & IORING_CQE_F_MORE)
		return;
	answer.n--;
	answer.n_told++;
	cqe->res = answer.res;
}

static void run(struct answer a, rondo_fn *main, void *arg)
{
	int n_fds = count_fds();

	test_kernel_init(&k);
	k.on_sqe = do_nothing;
	k.on_cqe = tell;
	answer = a;
	assert_int_equal(rondo__run_on(&k.kernel, NULL, main, arg), 0);
	assert_checks_passed();
	assert_int_equal(answer.n_told, a.n);
	assert_int_equal(count_fds(), n_fds);
}

/* --- files ------------------------------------------------------------------------------------ */

static int closes(void *arg)
{
	int fd = memfd_create("x", MFD_CLOEXEC);

	(void)arg;
	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_close(fd), -EIO);
	CHECK(fcntl(fd, F_GETFD) < 0);		/* closed all the same: nobody closes it again */
	return 0;
}

static void test_an_interrupted_close_has_closed(void **state)
{
	(void)state;
	run((struct answer){ IORING_OP_CLOSE, -EINTR, 1, true, 0 }, closes, NULL);
}

static int writes_all(void *arg)
{
	int fd = memfd_create("x", MFD_CLOEXEC);
	size_t n = 9;

	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_pwrite_all(fd, "hello", 5, 0, &n), arg ? -EIO : 0);
	CHECK_EQUAL(n, arg ? 0 : 5);
	CHECK_EQUAL(close(fd), 0);
	return 0;
}

static void test_a_driver_that_takes_nothing_is_an_error(void **state)
{
	(void)state;
	run((struct answer){ IORING_OP_WRITE, 0, 1, false, 0 }, writes_all, &k);
	run((struct answer){ IORING_OP_WRITE, -EINTR, 2, false, 0 }, writes_all, NULL);
}

/* --- receivers -------------------------------------------------------------------------------- */

static int p[2];
static struct rondo_receiver r;

/* What a receive that does nothing is told by; then the bytes, which were there all the time. */
static int receives(void *arg)
{
	int expected = *(int *)arg;
	char buf[8];

	CHECK_EQUAL(net_unix_pair(p), 0);
	CHECK_EQUAL(write(p[1], "hello", 5), 5);
	rondo_receiver_init(&r, p[0]);
	if (expected)
		CHECK_EQUAL(rondo_receiver_read(&r, buf, 8), expected);
	CHECK_EQUAL(rondo_receiver_read(&r, buf, 8), 5);
	rondo_receiver_end(&r);
	net_close_pair(p);
	return 0;
}

static int receives_alone(void *arg)
{
	rondo__loop->buffers.refused = true;	/* a buffer of its own, one receive at a time */
	return receives(arg);
}

static void test_how_a_receive_ends(void **state)
{
	static const struct {
		int res, alone, shared;	/* what is told; 0: nothing, it goes on */
	} ends[] = {
		{ -EINTR, 0, 0 },	/* SIGSTOP */
		{ -EAGAIN, 0, 0 },	/* KN-20: poll, then again */
		{ -ENOBUFS, -ENOBUFS, 0 },
		{ -EINVAL, -EINVAL, 0 },	/* it is multishot that is refused */
		{ -ECANCELED, -EIO, -EIO },	/* though nobody asked for it (KN-41) */
		{ -512, -EIO, -EIO },
		{ -ECONNRESET, -ECONNRESET, -ECONNRESET },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		int alone = ends[i].alone, shared = ends[i].shared;

		run((struct answer){ IORING_OP_RECV, ends[i].res, 1, false, 0 }, receives_alone, &alone);
		run((struct answer){ IORING_OP_RECV, ends[i].res, 1, false, 0 }, receives, &shared);
	}
}

static int is_flooded_and_reset(void *arg)
{
	enum { BLOCK = 4096, BLOCKS = 20 };
	static char block[BLOCK];
	size_t n = 0;
	ssize_t got = 0;

	(void)arg;
	CHECK_EQUAL(net_unix_pair(p), 0);
	rondo_receiver_init(&r, p[0]);
	CHECK_EQUAL(write(p[1], block, 1), 1);
	CHECK_EQUAL(rondo_receiver_read(&r, block, 1), 1);
	for (int i = 0; i < BLOCKS; i++) {
		CHECK_EQUAL(write(p[1], block, BLOCK), BLOCK);
		CHECK_EQUAL(turns(4), 0);
	}
	CHECK_EQUAL(answer.n_told, 1);		/* paused: the receive has ended... */
	while ((got = rondo_receiver_read(&r, block, BLOCK)) > 0)
		n += (size_t)got;
	CHECK_EQUAL(got, -ECONNRESET);		/* ...and not for that */
	CHECK(n > 8 * BLOCK && n < BLOCKS * BLOCK);
	rondo_receiver_end(&r);
	net_close_pair(p);
	return 0;
}

static void test_a_pause_that_meets_an_error_loses_nothing(void **state)
{
	(void)state;
	run((struct answer){ IORING_OP_RECV, -ECONNRESET, 1, true, 0 }, is_flooded_and_reset, NULL);
}

static int asks_what_never_began(void *arg)
{
	struct rondo_receiver none;
	const void *data;
	char c;

	(void)arg;
	memset(&none, 0, sizeof(none));
	CHECK_EQUAL(rondo_receiver_read(&none, &c, 1), -EBADF);
	CHECK_EQUAL(rondo_receiver_lend(&none, &data), -EBADF);
	rondo_receiver_end(&none);
	return 0;
}

static void test_a_receiver_that_never_began(void **state)
{
	(void)state;
	run((struct answer){ 0 }, asks_what_never_began, NULL);
}

/* --- sockets ---------------------------------------------------------------------------------- */

static int sends_zc(void *arg)
{
	char buf[8];

	(void)arg;
	CHECK_EQUAL(net_tcp_pair(p), 0);
	CHECK_EQUAL(rondo_send_zc(p[0], "hello", 5, 0), 5);
	CHECK_EQUAL(recv(p[1], buf, 8, 0), 5);
	CHECK_EQUAL(recv(p[1], buf, 8, MSG_DONTWAIT), -1);
	net_close_pair(p);
	return 0;
}

static int can_send_zc(void *arg)
{
	(void)arg;
	return ring_has_op(&rondo__loop->ring, IORING_OP_SEND_ZC);
}

static void test_an_interrupted_send_is_made_again(void **state)
{
	(void)state;
	if (rondo_run(can_send_zc, NULL) != 1) {
		print_message("this kernel has no IORING_OP_SEND_ZC\n");
		skip();
	}
	run((struct answer){ IORING_OP_SEND_ZC, -EINTR, 3, false, 0 }, sends_zc, NULL);
}

static int accepts_an_address_without_length(void *arg)
{
	union net_address a;
	int client, listener = net_listen(1, &a);

	(void)arg;
	client = net_connect(&a);
	CHECK(client >= 0);
	CHECK_EQUAL(rondo_accept(listener, &a.any, NULL), -EFAULT);
	close(client);
	close(listener);
	return 0;
}

/* The address of a datagram is too short to have a family. */
static int sends_to_half_an_address(void *arg)
{
	struct sockaddr name = { .sa_family = AF_UNIX };
	struct iovec iov = { (void *)(uintptr_t)"x", 1 };
	struct msghdr msg = { .msg_name = &name, .msg_namelen = 1, .msg_iov = &iov, .msg_iovlen = 1 };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)arg;
	CHECK_EQUAL(rondo_sendmsg(fd, &msg, 0), -EINVAL);
	close(fd);
	return 0;
}

static void test_mistakes_with_addresses(void **state)
{
	(void)state;
	run((struct answer){ 0 }, accepts_an_address_without_length, NULL);
	run((struct answer){ 0 }, sends_to_half_an_address, NULL);
}

static long refuse_v6_only(const struct kernel *kernel, long number, long a, long b, long c, long d,
			   long e, long f)
{
	if (number == SYS_setsockopt && b == IPPROTO_IPV6 && c == IPV6_V6ONLY)
		return -ENOPROTOOPT;
	return rondo__kernel_linux.call(kernel, number, a, b, c, d, e, f);
}

static int listens_v6(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_listen_tcp("::1", 0, NULL), -ENOPROTOOPT);
	return 0;
}

static void test_a_listener_that_cannot_be_prepared_is_closed(void **state)
{
	int n_fds = count_fds();

	(void)state;
	test_kernel_init(&k);
	k.kernel.call = refuse_v6_only;
	assert_int_equal(rondo__run_on(&k.kernel, NULL, listens_v6, NULL), 0);
	assert_checks_passed();
	assert_int_equal(count_fds(), n_fds);
}

/* --- at the edges ----------------------------------------------------------------------------- */

static int reads_one(void *arg)
{
	char c;

	(void)arg;
	return (int)rondo_receiver_read(&r, &c, 1);
}

/* While the kernel lets go nobody begins again. */
static int ends_under_a_reader(void *arg)
{
	rondo_task *late;

	(void)arg;
	CHECK_EQUAL(net_unix_pair(p), 0);
	rondo_receiver_init(&r, p[0]);
	CHECK_EQUAL(write(p[1], "x", 1), 1);
	CHECK_EQUAL(reads_one(NULL), 1);
	late = rondo_create_task(reads_one, NULL);
	rondo_receiver_end(&r);
	CHECK_EQUAL(rondo_await(late), -EBADF);
	net_close_pair(p);
	return 0;
}

/* Much that comes in one go, for a task that takes little: no pause, until more comes. */
static int takes_little(void *arg)
{
	enum { BLOCK = 16 << 10, BLOCKS = 12, MORE = 4 << 20 };
	static char block[BLOCK];
	rondo_task *reader;
	const struct op *op = (const struct op *)&r;

	(void)arg;
	CHECK_EQUAL(net_unix_pair(p), 0);
	CHECK_EQUAL(setsockopt(p[1], SOL_SOCKET, SO_SNDBUF, &(int){ MORE }, sizeof(int)), 0);
	rondo_receiver_init(&r, p[0]);
	reader = rondo_create_task(reads_one, NULL);
	CHECK_EQUAL(turns(3), 0);
	for (int i = 0; i < BLOCKS; i++)
		CHECK_EQUAL(write(p[1], block, BLOCK), BLOCK);
	CHECK_EQUAL(rondo_await(reader), 1);
	CHECK(!rondo__loop->receiver_is_flooded(op));
	CHECK_EQUAL(write(p[1], block, 1), 1);
	CHECK_EQUAL(turns(3), 0);
	CHECK(!rondo__loop->receiver_is_flooded(op));
	for (size_t n = 1; n < BLOCKS * BLOCK + 1; n++)
		CHECK_EQUAL(reads_one(NULL), 1);
	rondo_receiver_end(&r);
	net_close_pair(p);
	return 0;
}

static void test_a_receiver_at_its_edges(void **state)
{
	(void)state;
	run((struct answer){ 0 }, ends_under_a_reader, NULL);
	run((struct answer){ 0 }, takes_little, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_interrupted_close_has_closed),
		cmocka_unit_test(test_a_driver_that_takes_nothing_is_an_error),
		cmocka_unit_test(test_how_a_receive_ends),
		cmocka_unit_test(test_a_pause_that_meets_an_error_loses_nothing),
		cmocka_unit_test(test_a_receiver_that_never_began),
		cmocka_unit_test(test_an_interrupted_send_is_made_again),
		cmocka_unit_test(test_mistakes_with_addresses),
		cmocka_unit_test(test_a_listener_that_cannot_be_prepared_is_closed),
		cmocka_unit_test(test_a_receiver_at_its_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
