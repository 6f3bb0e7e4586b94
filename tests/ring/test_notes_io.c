/* SPDX-License-Identifier: MIT */
/* test_notes_io.c - goal: what kernel-notes.md says of reading, writing and sockets is so on this
 * kernel. Method: one test per note, named after it, on pipes, temporary files and loopback
 * sockets; what may kill is done in a child. */
#include "raw.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

enum { WRITE_PIPE, WRITE_PIPE_BLOCKED, WRITE_PIPE_QUIETLY, WRITE_SOCKET_QUIETLY, SEND_SOCKET };
enum { GOT_EPIPE = 0, GOT_EOPNOTSUPP = 1, GOT_OTHER = 2, BIG = 8 << 20 };

/* Write to somebody who has gone, with SIGPIPE as a program has it by default. */
static int write_to_nobody(void *how)
{
	int fds[2], kind = *(int *)how, ret;
	struct io_uring_sqe *sqe;
	sigset_t set;
	struct raw r;

	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&set);
	if (kind == WRITE_PIPE_BLOCKED)
		sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_SETMASK, &set, NULL);
	if (raw_try_open(&r, &rondo__kernel_linux, &(struct ring_options){ 0 }) < 0)
		return GOT_OTHER;
	ret = kind <= WRITE_PIPE_QUIETLY ? pipe(fds) : socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
	if (ret < 0)
		return GOT_OTHER;
	close(fds[0]);
	sqe = rondo__ring_sqe(&r.ring);
	if (kind == SEND_SOCKET)
		io_uring_prep_send(sqe, fds[1], "x", 1, 0);
	else
		io_uring_prep_write(sqe, fds[1], "x", 1, 0);
	if (kind == WRITE_PIPE_QUIETLY || kind == WRITE_SOCKET_QUIETLY)
		sqe->rw_flags = RONDO_RWF_NOSIGNAL;
	while (!r.n)
		if (rondo__ring_enter(&r.ring, 1, UINT64_MAX) < 0 || !rondo__ring_reap(&r.ring))
			return GOT_OTHER;
	ret = r.log[0].res;
	return ret == -EPIPE ? GOT_EPIPE : ret == -EOPNOTSUPP ? GOT_EOPNOTSUPP : GOT_OTHER;
}

static int nobody(int how)
{
	return child_code(write_to_nobody, &how);
}

static void test_kn4_a_write_op_may_kill_by_sigpipe_but_a_send_op_never(void **state)
{
	int quiet = GOT_EOPNOTSUPP, ret;
	struct raw r;

	(void)state;
	raw_open(&r);
	if (r.ring.has_nosignal)
		quiet = GOT_EPIPE;
	raw_close(&r);
	ret = nobody(WRITE_PIPE);
	assert_true(ret == GOT_EPIPE || ret == CHILD_KILLED + SIGPIPE);
	print_message("a write op to a pipe without reader %s\n",
		      ret == GOT_EPIPE ? "fails with EPIPE" : "kills by SIGPIPE");
	assert_int_equal(nobody(WRITE_PIPE_BLOCKED), GOT_EPIPE);
	assert_int_equal(nobody(WRITE_PIPE_QUIETLY), quiet);
	assert_int_equal(nobody(WRITE_SOCKET_QUIETLY), quiet);
	assert_int_equal(nobody(SEND_SOCKET), GOT_EPIPE);
}

static void test_kn13_receives_on_one_socket_take_what_comes_in_any_order(void **state)
{
	char parts[3][4] = { "", "", "" }, order[8] = "";
	unsigned n_seen[3] = { 0, 0, 0 };
	struct raw r;
	int fds[2];

	(void)state;
	raw_open(&r);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	for (unsigned i = 0; i < 3; i++) {
		struct io_uring_sqe *sqe = rondo__ring_sqe(&r.ring);

		io_uring_prep_recv(sqe, fds[1], parts[i], 3, 0);
		sqe->user_data = i;
	}
	raw_fence(&r);
	assert_int_equal(write(fds[0], "000111222", 9), 9);
	raw_wait(&r, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(raw_res(&r, i), 3);
		order[i] = parts[i][0];
		n_seen[parts[i][0] - '0']++;
	}
	print_message("receives 0, 1, 2 got parts %s\n", order);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(n_seen[i], 1);
	raw_close_pair(fds);
	raw_close(&r);
}

static void test_kn19_offset_minus_one_moves_the_shared_position(void **state)
{
	int fd = memfd_create("rondo-test", MFD_CLOEXEC);
	struct io_uring_sqe *sqe;
	char buf[4] = "";
	struct raw r;

	(void)state;
	raw_open(&r);
	assert_int_equal(pwrite(fd, "abcd", 4, 0), 4);
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_read(sqe, fd, buf, 2, (uint64_t)-1);
	assert_int_equal(raw_do(&r, sqe), 2);
	assert_memory_equal(buf, "ab", 2);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 2);
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_read(sqe, fd, buf, 2, 1);		/* an offset of its own leaves it alone */
	assert_int_equal(raw_do(&r, sqe), 2);
	assert_memory_equal(buf, "bc", 2);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 2);
	close(fd);
	raw_close(&r);
}

static void test_kn19_with_o_direct_the_position_may_stay_behind(void **state)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
	struct io_uring_sqe *sqe;
	struct raw r;
	off_t at;
	char *p;

	(void)state;
	if (fd < 0) {
		print_message("/tmp has no O_DIRECT or no O_TMPFILE: %s\n", strerror(errno));
		skip();
	}
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(p != MAP_FAILED);
	raw_open(&r);
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_write(sqe, fd, p, 4096, (uint64_t)-1);
	assert_int_equal(raw_do(&r, sqe), 4096);
	at = lseek(fd, 0, SEEK_CUR);
	assert_true(at == 0 || at == 4096);
	print_message("after writing 4096 bytes with O_DIRECT the position is %ld\n", (long)at);
	raw_close(&r);
	munmap(p, 4096);
	close(fd);
}

static void test_kn20_o_nonblock_may_wait_or_answer_eagain(void **state)
{
	struct io_uring_sqe *sqe;
	int fds[2], sockets[2];
	struct raw r;
	char c;

	(void)state;
	raw_open(&r);
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	raw_read(&r, fds[0], &c, 1, 1);
	raw_fence(&r);
	print_message("reading an empty O_NONBLOCK pipe %s\n", r.n ? "answers" : "waits");
	if (r.n) {
		assert_int_equal(raw_res(&r, 1), -EAGAIN);
	} else {
		assert_int_equal(write(fds[1], "x", 1), 1);
		raw_wait(&r, 1);
		assert_int_equal(raw_res(&r, 1), 1);
	}
	/* Not to wait is asked for per call. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_recv(sqe, sockets[0], &c, 1, MSG_DONTWAIT);
	assert_int_equal(raw_do(&r, sqe), -EAGAIN);
	raw_close_pair(sockets);
	raw_close_pair(fds);
	raw_close(&r);
}

static void test_kn30_transfers_are_short_without_msg_waitall(void **state)
{
	char *big = calloc(1, BIG), *sink = malloc(BIG), small[10];
	struct io_uring_sqe *sqe;
	struct raw r;
	int fds[2];

	(void)state;
	raw_open(&r);
	raw_tcp_pair(fds);
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_send(sqe, fds[0], big, BIG, 0);
	assert_in_range(raw_do(&r, sqe), 1, BIG - 1);
	for (int left = r.log[0].res; left > 0;)
		left -= (int)recv(fds[1], sink, (size_t)left, MSG_WAITALL);
	r.n = 0;
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_send(sqe, fds[0], big, BIG, MSG_WAITALL);
	sqe->user_data = 1;
	raw_fence(&r);
	for (int got = 0; got < BIG; raw_fence(&r)) {
		ssize_t n = recv(fds[1], sink, BIG, MSG_DONTWAIT);

		assert_true(n > 0 || errno == EAGAIN);
		got += n > 0 ? (int)n : 0;
	}
	raw_wait(&r, 1);
	assert_int_equal(raw_res(&r, 1), BIG);
	r.n = 0;
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_recv(sqe, fds[1], small, sizeof(small), MSG_WAITALL);
	sqe->user_data = 2;
	assert_int_equal(write(fds[0], "abc", 3), 3);
	raw_fence(&r);
	assert_int_equal(r.n, 0);
	assert_int_equal(write(fds[0], "defghij", 7), 7);
	raw_wait(&r, 1);
	assert_int_equal(raw_res(&r, 2), 10);
	raw_close_pair(fds);
	raw_close(&r);
	free(big);
	free(sink);
}

static void test_kn31_send_zc_says_twice_that_it_is_done(void **state)
{
	int fds[2], local[2];
	struct io_uring_sqe *sqe;
	struct raw r;
	char c;

	(void)state;
	raw_open(&r);
	if (!ring_has_op(&r.ring, IORING_OP_SEND_ZC)) {
		print_message("this kernel has no SEND_ZC\n");
		skip();
	}
	raw_tcp_pair(fds);
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_send_zc(sqe, fds[0], "x", 1, 0, 0);
	sqe->user_data = 1;
	raw_wait(&r, 1);
	assert_int_equal(r.log[0].res, 1);
	assert_true(r.log[0].flags & IORING_CQE_F_MORE);
	assert_int_equal(r.ring.n_in_flight, r.n == 1);
	assert_int_equal(recv(fds[1], &c, 1, 0), 1);
	raw_wait(&r, 2);
	assert_true(r.log[1].flags & IORING_CQE_F_NOTIF);
	assert_int_equal(r.log[1].user_data, 1);
	assert_int_equal(r.ring.n_in_flight, 0);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, local), 0);
	r.n = 0;
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_send_zc(sqe, local[0], "x", 1, 0, 0);
	raw_wait(&r, 1);
	assert_int_equal(r.log[0].res, -EOPNOTSUPP);
	while (r.ring.n_in_flight)	/* a notification may follow, or not: F_MORE told */
		raw_fence(&r);
	raw_close_pair(local);
	raw_close_pair(fds);
	raw_close(&r);
}

static void test_kn33_a_regular_file_is_always_ready_to_poll(void **state)
{
	int fd = memfd_create("rondo-test", MFD_CLOEXEC);
	struct io_uring_sqe *sqe;
	struct raw r;

	(void)state;
	raw_open(&r);
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_poll_add(sqe, fd, POLLIN | POLLOUT);
	assert_int_equal(raw_do(&r, sqe) & (POLLIN | POLLOUT), POLLIN | POLLOUT);
	close(fd);
	raw_close(&r);
}

static void test_kn35_accept_without_descriptors_leaves_the_connection_queued(void **state)
{
	struct rlimit old, none;
	struct io_uring_sqe *sqe;
	int listener, client, fd;
	struct sockaddr_in a;
	struct raw r;

	(void)state;
	raw_open(&r);
	raw_tcp_listen(&listener, &a);
	client = raw_tcp_connect(&a);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	fd = dup(0);			/* the lowest free number becomes the limit */
	close(fd);
	none = (struct rlimit){ (rlim_t)fd, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_accept(sqe, listener, NULL, NULL, 0);
	fd = raw_do(&r, sqe);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(fd, -EMFILE);
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_accept(sqe, listener, NULL, NULL, 0);
	fd = raw_do(&r, sqe);
	assert_true(fd >= 0);
	close(fd);
	close(client);
	close(listener);
	raw_close(&r);
}

static void test_kn36_an_empty_buffer_ring_ends_a_receive_but_keeps_its_bytes(void **state)
{
	static char buffers[2][64];
	struct io_uring_buf_ring *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
						MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct io_uring_buf_reg reg = { .ring_addr = (uintptr_t)shared, .ring_entries = 2,
					.bgid = 7 };
	struct io_uring_sqe *sqe;
	struct raw r;
	char rest[8];
	int fds[2];

	(void)state;
	raw_open(&r);
	assert_int_equal(io_uring_register_buf_ring(&r.ring.uring, &reg, 0), 0);
	for (unsigned short i = 0; i < 2; i++)
		io_uring_buf_ring_add(shared, buffers[i], 64, i, 1, i);
	io_uring_buf_ring_advance(shared, 2);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_recv_multishot(sqe, fds[1], NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = 7;
	raw_fence(&r);
	for (int i = 0; i < 3; i++)
		assert_int_equal(send(fds[0], "hello", 5, 0), 5);
	raw_wait(&r, 1);
	if (r.log[0].res == -EINVAL) {
		print_message("this kernel has no multishot receive\n");
		skip();
	}
	raw_wait(&r, 3);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(r.log[i].res, 5);
		assert_true(r.log[i].flags & IORING_CQE_F_BUFFER);
	}
	assert_int_equal(r.log[2].res, -ENOBUFS);
	assert_false(r.log[2].flags & IORING_CQE_F_MORE);
	assert_int_equal(recv(fds[1], rest, sizeof(rest), MSG_DONTWAIT), 5);
	raw_close_pair(fds);
	raw_close(&r);
	munmap(shared, 4096);
}

/* An AF_UNIX address that no file stands for, and nobody else has. */
static struct sockaddr_un unix_name(const char *what)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "rondo-%s-%d", what, (int)getpid());
	return a;
}

static int unix_bound(int type, const struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)a, sizeof(*a)), 0);
	return fd;
}

static bool is_writable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	assert_true(poll(&p, 1, 0) >= 0);
	return p.revents & POLLOUT;
}

/* Without waiting. Returns how many fitted; then the peer is full. */
static unsigned send_until_full(int fd, const void *buf, size_t size, const struct sockaddr_un *a)
{
	unsigned n = 0;

	while (sendto(fd, buf, size, MSG_DONTWAIT, (const struct sockaddr *)a,
		      a ? sizeof(*a) : 0) == (ssize_t)size)
		n++;
	assert_int_equal(errno, EAGAIN);
	return n;
}

/* Op 1 is on a descriptor that is writable, but not for it: the poll that the kernel arms is over
 * at once, and it tries again, and again. A cancel meanwhile finds nothing. At last a worker gets
 * it, which waits as a blocking call does, and can be cancelled. */
static void assert_spins_past_cancels(struct raw *r, int full)
{
	unsigned n_rounds = 0, n_asked = 0;

	raw_fence(r);
	assert_null(raw_find(r, 1));
	raw_cancel(r, 1, 2);
	while (!raw_find(r, 2))
		raw_fence(r);
	/* 6.1 may hear it. */
	assert_true(raw_res(r, 2) == -ENOENT || raw_res(r, 2) == -EALREADY || !raw_res(r, 2));
	/* Every round is one retry or two; there are some 128. */
	while (!raw_find(r, 1) && n_rounds < 2000) {
		n_rounds++;
		raw_fence(r);
		if (n_rounds % 50 == 0)
			raw_cancel(r, 1, 100 + n_asked++);
	}
	close(full);
	while (r->ring.n_in_flight)
		raw_fence(r);
	print_message("a cancel answers %d; after %u rounds and %u more the op ends with %d\n",
		      raw_res(r, 2), n_rounds, n_asked, raw_res(r, 1));
	assert_true(raw_res(r, 1) == -512 || raw_res(r, 1) == -EINTR ||
		    raw_res(r, 1) == -ECANCELED || raw_res(r, 1) == -ECONNREFUSED);
}

static void test_kn37_a_connect_to_a_full_unix_listener_spins_past_cancels(void **state)
{
	struct sockaddr_un a = unix_name("listener");
	int listener = unix_bound(SOCK_STREAM, &a);
	int first = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int second = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int flags = fcntl(second, F_GETFL);
	struct io_uring_sqe *sqe;
	struct raw r;

	(void)state;
	raw_open(&r);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(connect(first, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(connect(second, (struct sockaddr *)&a, sizeof(a)), -1);
	assert_int_equal(errno, EAGAIN);
	assert_true(is_writable(second));
	assert_int_equal(fcntl(second, F_SETFL, flags & ~O_NONBLOCK), 0);
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_connect(sqe, second, (struct sockaddr *)&a, sizeof(a));
	sqe->user_data = 1;
	assert_spins_past_cancels(&r, listener);
	close(second);
	close(first);
	raw_close(&r);
}

static void test_kn37_a_datagram_to_a_full_unix_name_spins_past_cancels(void **state)
{
	struct sockaddr_un a = unix_name("receiver");
	int receiver = unix_bound(SOCK_DGRAM, &a), sender = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct iovec part = { .iov_base = (void *)(uintptr_t)"x", .iov_len = 1 };
	struct msghdr msg = { .msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &part,
			      .msg_iovlen = 1 };
	struct io_uring_sqe *sqe;
	struct raw r;

	(void)state;
	raw_open(&r);
	assert_true(send_until_full(sender, "x", 1, &a) > 0);
	assert_true(is_writable(sender));
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_sendmsg(sqe, sender, &msg, 0);
	sqe->user_data = 1;
	assert_spins_past_cancels(&r, receiver);
	close(sender);
	raw_close(&r);
}

static void test_kn38_a_full_unix_datagram_sender_is_polled_writable_late(void **state)
{
	static char message[64 << 10];
	unsigned n_sent, n_read = 0;
	struct io_uring_sqe *sqe;
	struct raw r;
	int fds[2];

	(void)state;
	raw_open(&r);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, fds), 0);
	n_sent = send_until_full(fds[0], message, sizeof(message), NULL);
	assert_true(n_sent >= 2);
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_poll_add(sqe, fds[0], POLLOUT);
	sqe->user_data = 1;
	/* There is room for the next one, and nobody is told. */
	assert_int_equal(recv(fds[1], message, sizeof(message), 0), sizeof(message));
	raw_fence(&r);
	assert_int_equal(r.n, 0);
	assert_false(is_writable(fds[0]));
	assert_int_equal(send_until_full(fds[0], message, sizeof(message), NULL), 1);
	while (!r.n && n_read++ < n_sent) {
		assert_int_equal(recv(fds[1], message, sizeof(message), 0), sizeof(message));
		raw_fence(&r);
	}
	assert_int_equal(raw_res(&r, 1) & POLLOUT, POLLOUT);
	print_message("writable after %u of %u were read\n", n_read, n_sent);
	assert_true(n_read > 1);
	raw_close_pair(fds);
	raw_close(&r);
}

static void test_kn39_socketpair_writes_its_array_when_it_fails(void **state)
{
	int fds[2] = { -7, -7 };

	(void)state;
	assert_int_equal(socketpair(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), -1);
	assert_int_equal(errno, EOPNOTSUPP);
	if (fds[0] == -7) {
		print_message("this kernel leaves the array alone\n");
		return;
	}
	/* Numbers that were free, and are again. */
	assert_int_equal(fcntl(fds[0], F_GETFD), -1);
	assert_int_equal(fcntl(fds[1], F_GETFD), -1);
}

static int open_in_ring(struct raw *r, const char *path, int flags)
{
	struct io_uring_sqe *sqe = rondo__ring_sqe(&r->ring);

	io_uring_prep_openat(sqe, AT_FDCWD, path, flags | O_CLOEXEC, 0600);
	return raw_do(r, sqe);
}

static void test_kn40_an_inline_open_of_a_fifo_waits_for_nobody(void **state)
{
	struct io_uring_sqe *sqe;
	struct stat st;
	char path[64];
	struct raw r;
	int fd;

	(void)state;
	raw_open(&r);
	snprintf(path, sizeof(path), "rondo-fifo-%d", (int)getpid());
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(stat(path, &st), 0);		/* its name is cached from here on */
	assert_int_equal(open_in_ring(&r, path, O_WRONLY), -ENXIO);
	fd = open_in_ring(&r, path, O_RDONLY);
	assert_true(fd >= 0);
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);	/* only the open was so */
	close(fd);
	/* With O_CREAT it is a worker's, and that waits for a writer as open(2) does. */
	sqe = rondo__ring_sqe(&r.ring);
	io_uring_prep_openat(sqe, AT_FDCWD, path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	sqe->user_data = 2;
	r.n = 0;
	raw_fence(&r);
	assert_int_equal(r.n, 0);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	raw_wait(&r, 1);
	assert_true(raw_res(&r, 2) >= 0);
	close(raw_res(&r, 2));
	close(fd);
	unlink(path);
	raw_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kn4_a_write_op_may_kill_by_sigpipe_but_a_send_op_never),
		cmocka_unit_test(test_kn13_receives_on_one_socket_take_what_comes_in_any_order),
		cmocka_unit_test(test_kn19_offset_minus_one_moves_the_shared_position),
		cmocka_unit_test(test_kn19_with_o_direct_the_position_may_stay_behind),
		cmocka_unit_test(test_kn20_o_nonblock_may_wait_or_answer_eagain),
		cmocka_unit_test(test_kn30_transfers_are_short_without_msg_waitall),
		cmocka_unit_test(test_kn31_send_zc_says_twice_that_it_is_done),
		cmocka_unit_test(test_kn33_a_regular_file_is_always_ready_to_poll),
		cmocka_unit_test(test_kn35_accept_without_descriptors_leaves_the_connection_queued),
		cmocka_unit_test(test_kn36_an_empty_buffer_ring_ends_a_receive_but_keeps_its_bytes),
		cmocka_unit_test(test_kn37_a_connect_to_a_full_unix_listener_spins_past_cancels),
		cmocka_unit_test(test_kn37_a_datagram_to_a_full_unix_name_spins_past_cancels),
		cmocka_unit_test(test_kn38_a_full_unix_datagram_sender_is_polled_writable_late),
		cmocka_unit_test(test_kn39_socketpair_writes_its_array_when_it_fails),
		cmocka_unit_test(test_kn40_an_inline_open_of_a_fifo_waits_for_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
