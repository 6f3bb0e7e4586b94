/* SPDX-License-Identifier: MIT */
/* test_compat.c - goal: every number in compat.h means to this kernel what its name says. Method:
 * do with it what only the right number does; what this kernel lacks is skipped by name. */
#include "raw.h"

#include <linux/futex.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

static struct raw raw;

static int open_ring(void **state)
{
	(void)state;
	raw_open(&raw);
	return 0;
}

static int close_ring(void **state)
{
	(void)state;
	raw_close(&raw);
	return 0;
}

static void need(unsigned op, const char *name)
{
	if (ring_has_op(&raw.ring, op))
		return;
	print_message("this kernel has no %s\n", name);
	skip();
}

static struct io_uring_sqe *prepare(unsigned op, int fd, const void *addr, unsigned len,
				    uint64_t off)
{
	struct io_uring_sqe *sqe = rondo__ring_sqe(&raw.ring);

	rondo__prep(sqe, op, fd, addr, len, off);
	return sqe;
}

static void test_prep_fills_the_fields_it_names(void **state)
{
	struct io_uring_sqe sqe = { .user_data = 5 }, expected;
	char buf[4];

	(void)state;
	rondo__prep(&sqe, IORING_OP_READ, 3, buf, sizeof(buf), 7);
	memset(&expected, 0, sizeof(expected));
	io_uring_prep_read(&expected, 3, buf, sizeof(buf), 7);
	sqe.user_data = 0;
	assert_memory_equal(&sqe, &expected, sizeof(sqe));
}

static void test_pipe_makes_a_pipe(void **state)
{
	int fds[2] = { -1, -1 };
	char c;

	(void)state;
	need(RONDO_OP_PIPE, "PIPE");

	struct io_uring_sqe *sqe = prepare(RONDO_OP_PIPE, 0, fds, 0, 0);

	sqe->rw_flags = O_CLOEXEC;
	assert_int_equal(raw_do(&raw, sqe), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(read(fds[0], &c, 1), 1);
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	close(fds[0]);
	close(fds[1]);
}

static int temporary_file(void)
{
	char path[] = "/tmp/rondo-compat-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static void test_ftruncate_truncates(void **state)
{
	int fd = temporary_file();
	struct stat st;

	(void)state;
	need(RONDO_OP_FTRUNCATE, "FTRUNCATE");
	assert_int_equal(raw_do(&raw, prepare(RONDO_OP_FTRUNCATE, fd, NULL, 0, 12345)), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 12345);
	close(fd);
}

static void test_bind_binds_and_listen_listens(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), listening = 0;
	socklen_t size = sizeof(a);

	(void)state;
	need(RONDO_OP_BIND, "BIND");
	assert_int_equal(raw_do(&raw, prepare(RONDO_OP_BIND, fd, &a, 0, sizeof(a))), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	assert_int_not_equal(a.sin_port, 0);
	assert_int_equal(raw_do(&raw, prepare(RONDO_OP_LISTEN, fd, NULL, 8, 0)), 0);
	size = sizeof(listening);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size), 0);
	assert_true(listening);
	close(fd);
}

static struct io_uring_sqe *prepare_futex(unsigned op, uint32_t *word, uint64_t value)
{
	struct io_uring_sqe *sqe = prepare(op, 2 | FUTEX_PRIVATE_FLAG, word, 0, value);

	sqe->addr3 = FUTEX_BITSET_MATCH_ANY;
	return sqe;
}

static void test_futex_waits_and_wakes(void **state)
{
	uint32_t word = 5;

	(void)state;
	need(RONDO_OP_FUTEX_WAIT, "FUTEX_WAIT");
	assert_int_equal(raw_do(&raw, prepare_futex(RONDO_OP_FUTEX_WAIT, &word, 6)), -EAGAIN);
	raw.n = 0;
	prepare_futex(RONDO_OP_FUTEX_WAIT, &word, 5)->user_data = 1;
	raw_fence(&raw);
	assert_int_equal(raw.n, 0);
	prepare_futex(RONDO_OP_FUTEX_WAKE, &word, 1)->user_data = 2;
	raw_wait(&raw, 2);
	assert_int_equal(raw_res(&raw, 1), 0);
	assert_int_equal(raw_res(&raw, 2), 1);
}

static void test_futex_waitv_says_which_word(void **state)
{
	uint32_t words[2] = { 0, 0 };
	struct futex_waitv v[2];

	(void)state;
	need(RONDO_OP_FUTEX_WAITV, "FUTEX_WAITV");
	memset(v, 0, sizeof(v));
	for (int i = 0; i < 2; i++) {
		v[i].uaddr = (uintptr_t)&words[i];
		v[i].flags = FUTEX_32 | FUTEX_PRIVATE_FLAG;
	}
	raw.n = 0;
	prepare(RONDO_OP_FUTEX_WAITV, 0, v, 2, 0)->user_data = 1;
	raw_fence(&raw);
	prepare_futex(RONDO_OP_FUTEX_WAKE, &words[1], 1)->user_data = 2;
	raw_wait(&raw, 2);
	assert_int_equal(raw_res(&raw, 1), 1);
}

static void test_waitid_waits_for_a_child(void **state)
{
	siginfo_t info;
	pid_t pid;

	(void)state;
	need(RONDO_OP_WAITID, "WAITID");
	pid = fork();
	if (pid == 0)
		_exit(42);
	memset(&info, 0, sizeof(info));

	struct io_uring_sqe *sqe = prepare(RONDO_OP_WAITID, pid, NULL, P_PID, (uintptr_t)&info);

	sqe->file_index = WEXITED;
	assert_int_equal(raw_do(&raw, sqe), 0);
	assert_int_equal(info.si_pid, pid);
	assert_int_equal(info.si_status, 42);
}

static void test_epoll_wait_reports_events(void **state)
{
	int efd = epoll_create1(EPOLL_CLOEXEC), event = eventfd(3, EFD_CLOEXEC);
	struct epoll_event want = { .events = EPOLLIN, .data.u32 = 77 }, got[4];

	(void)state;
	need(RONDO_OP_EPOLL_WAIT, "EPOLL_WAIT");
	assert_int_equal(epoll_ctl(efd, EPOLL_CTL_ADD, event, &want), 0);
	assert_int_equal(raw_do(&raw, prepare(RONDO_OP_EPOLL_WAIT, efd, got, 4, 0)), 1);
	assert_int_equal(got[0].data.u32, 77);
	close(efd);
	close(event);
}

static void test_read_multishot_wants_a_buffer_group(void **state)
{
	int fds[2];

	(void)state;
	need(RONDO_OP_READ_MULTISHOT, "READ_MULTISHOT");
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	/* Nobody registered group 9: it looks for a buffer, as no other op does unasked. */
	struct io_uring_sqe *sqe = prepare(RONDO_OP_READ_MULTISHOT, fds[0], NULL, 0, 0);

	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 9;
	assert_int_equal(raw_do(&raw, sqe), -ENOBUFS);
	close(fds[0]);
	close(fds[1]);
}

static void test_a_fixed_descriptor_can_be_installed(void **state)
{
	int fds[2];
	char c;

	(void)state;
	need(RONDO_OP_FIXED_FD_INSTALL, "FIXED_FD_INSTALL");
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(io_uring_register_files(&raw.ring.uring, fds, 1), 0);
	close(fds[0]);

	struct io_uring_sqe *sqe = prepare(RONDO_OP_FIXED_FD_INSTALL, 0, NULL, 0, 0);
	int fd;

	sqe->flags |= IOSQE_FIXED_FILE;
	fd = raw_do(&raw, sqe);
	assert_true(fd >= 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(read(fd, &c, 1), 1);
	close(fd);
	close(fds[1]);
}

static void test_vectors_go_into_registered_buffers(void **state)
{
	static char page[4096];
	struct iovec registered = { page, sizeof(page) }, part = { page + 100, 5 };
	int fd = temporary_file();

	(void)state;
	need(RONDO_OP_READV_FIXED, "READV_FIXED");
	memcpy(part.iov_base, "hello", 5);
	assert_int_equal(io_uring_register_buffers(&raw.ring.uring, &registered, 1), 0);
	assert_int_equal(raw_do(&raw, prepare(RONDO_OP_WRITEV_FIXED, fd, &part, 1, 0)), 5);
	part.iov_base = page + 200;
	assert_int_equal(raw_do(&raw, prepare(RONDO_OP_READV_FIXED, fd, &part, 1, 0)), 5);
	assert_memory_equal(page + 200, "hello", 5);
	close(fd);
}

static void test_recv_zc_wants_a_queue_of_a_network_card(void **state)
{
	int fds[2];

	(void)state;
	need(RONDO_OP_RECV_ZC, "RECV_ZC");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(raw_do(&raw, prepare(RONDO_OP_RECV_ZC, fds[0], NULL, 0, 0)), -EINVAL);
	close(fds[0]);
	close(fds[1]);
}

static int enter_once(unsigned flags, uint64_t wait_ns)
{
	struct __kernel_timespec ts = { .tv_nsec = (long long)wait_ns };
	struct io_uring_getevents_arg arg = { .ts = (uintptr_t)&ts };

	return raw.ring.kernel->enter(raw.ring.kernel, (unsigned)raw.ring.uring.ring_fd, 0, 1,
				      IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | flags, &arg,
				      sizeof(arg));
}

static void test_the_enter_flags_do_what_they_say(void **state)
{
	uint64_t start = raw_now();

	(void)state;
	if (raw.ring.downgrades & (RING_NO_ABS_TIMER | RING_NO_IOWAIT_FLAG)) {
		print_message("this kernel has no ABS_TIMER or no NO_IOWAIT\n");
		skip();
	}
	assert_int_equal(enter_once(RONDO_ENTER_NO_IOWAIT, RAW_SECOND / 100), -ETIME);
	assert_true(raw_now() - start >= RAW_SECOND / 100);
	/* One hundredth of a second after boot is long past. */
	start = raw_now();
	assert_int_equal(enter_once(RONDO_ENTER_ABS_TIMER, RAW_SECOND / 100), -ETIME);
	assert_true(raw_now() - start < RAW_SECOND);
	assert_int_equal(enter_once(1u << 31, 0), -EINVAL);
}

static void test_a_query_is_answered_in_our_layout(void **state)
{
	struct rondo_query_ops ops = { .n_ops = 0 };
	struct rondo_query q = { .data = (uintptr_t)&ops, .size = sizeof(ops) };
	int ret = raw.ring.kernel->register_(raw.ring.kernel, -1U, RONDO_REGISTER_QUERY, &q, 0);

	(void)state;
	if (ret < 0) {
		print_message("this kernel has no REGISTER_QUERY: %s\n", strerror(-ret));
		skip();
	}
	assert_int_equal(q.result, 0);
	assert_true(ops.n_ops > RONDO_OP_PIPE);
	assert_true(ops.n_register_ops > RONDO_REGISTER_QUERY);
	assert_true(ops.features & RONDO_FEAT_NO_IOWAIT);
	assert_true(ops.setup_flags & RONDO_SETUP_NO_SQARRAY);
	assert_true(ops.setup_flags & RONDO_SETUP_CQE_MIXED);
	assert_true(ops.enter_flags & RONDO_ENTER_ABS_TIMER);
	assert_true(ops.enter_flags & RONDO_ENTER_EXT_ARG_REG);
	assert_int_equal(ops.features, raw.ring.uring.features);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prep_fills_the_fields_it_names),
		cmocka_unit_test(test_pipe_makes_a_pipe),
		cmocka_unit_test(test_ftruncate_truncates),
		cmocka_unit_test(test_bind_binds_and_listen_listens),
		cmocka_unit_test(test_futex_waits_and_wakes),
		cmocka_unit_test(test_futex_waitv_says_which_word),
		cmocka_unit_test(test_waitid_waits_for_a_child),
		cmocka_unit_test(test_epoll_wait_reports_events),
		cmocka_unit_test(test_read_multishot_wants_a_buffer_group),
		cmocka_unit_test(test_a_fixed_descriptor_can_be_installed),
		cmocka_unit_test(test_vectors_go_into_registered_buffers),
		cmocka_unit_test(test_recv_zc_wants_a_queue_of_a_network_card),
		cmocka_unit_test(test_the_enter_flags_do_what_they_say),
		cmocka_unit_test(test_a_query_is_answered_in_our_layout),
	};

	return cmocka_run_group_tests(tests, open_ring, close_ring);
}
