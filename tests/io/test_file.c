/* SPDX-License-Identifier: MIT */
/* test_file.c - opening, closing, reading and writing do what the system calls of those names do,
 * while other tasks run. Goal: the whole matrix for every verb, the loops of read_exactly and
 * write_all, and errors. Method: pipes and FIFOs for what parks, files in a temporary folder for
 * the rest, and a kernel that shortens or refuses what it is asked. */
#include "support/folder.h"
#include "support/matrix.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "io/net.h"
#include "rondo/file.h"

#define HELLO "hello"
enum { HELLO_LEN = 5 };

static int p[2] = { -1, -1 };
static char buf[64];
static struct iovec halves[2] = { { buf, 2 }, { buf + 2, 3 } };

static int open_pipe(void *ctx)
{
	(void)ctx;
	memset(buf, 0, sizeof(buf));
	return pipe2(p, O_CLOEXEC);
}

/* In place of a pipe where a read must be over as soon as there is something: what came through a
 * pipe may be read by a worker, some time later (KN-42). */
static int open_sockets(void)
{
	memset(buf, 0, sizeof(buf));
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, p);
}

static void close_pipe(void *ctx)
{
	(void)ctx;
	for (int i = 0; i < 2; i++) {
		if (p[i] >= 0)
			close(p[i]);
		p[i] = -1;
	}
}

/* Since 6.4. */
static bool pipes_know_nowait(void)
{
	ssize_t ret = open_pipe(NULL) == 0 ? preadv2(p[0], halves, 2, -1, RWF_NOWAIT) : -1;
	bool known = ret < 0 && errno == EAGAIN;

	close_pipe(NULL);
	return known;
}

/* --- reading: parked on an empty pipe -------------------------------------------------------- */

static int send_hello(void *ctx)
{
	(void)ctx;
	return write(p[1], HELLO, HELLO_LEN) == HELLO_LEN ? 0 : -1;
}

/* Only the right bytes count as having read them. */
static int got_hello(ssize_t ret)
{
	return ret == HELLO_LEN && memcmp(buf, HELLO, HELLO_LEN) != 0 ? -EILSEQ : (int)ret;
}

static int start_read(void *ctx)
{
	(void)ctx;
	return got_hello(rondo_read(p[0], buf, sizeof(buf)));
}

static int start_pread(void *ctx)
{
	(void)ctx;
	return got_hello(rondo_pread(p[0], buf, sizeof(buf), 1234));
}

static int start_readv(void *ctx)
{
	(void)ctx;
	return got_hello(rondo_readv(p[0], halves, 2));
}

static int start_preadv(void *ctx)
{
	(void)ctx;
	return got_hello(rondo_preadv(p[0], halves, 2, 0));
}

static int start_preadv2(void *ctx)
{
	(void)ctx;
	return got_hello(rondo_preadv2(p[0], halves, 2, -1, 0));
}

static int start_read_exactly(void *ctx)
{
	size_t n = 99;
	int ret = rondo_read_exactly(p[0], buf, HELLO_LEN, &n);

	(void)ctx;
	if (n != (ret == 0 ? HELLO_LEN : 0))
		return -EILSEQ;
	return ret == 0 ? got_hello((ssize_t)n) : ret;
}

static int start_pread_exactly(void *ctx)
{
	int ret = rondo_pread_exactly(p[0], buf, HELLO_LEN, 0, NULL);

	(void)ctx;
	return ret == 0 ? got_hello(HELLO_LEN) : ret;
}

static void test_every_way_of_reading(void **state)
{
	static const struct { const char *name; rondo_fn *start; } ways[] = {
		{ "read", start_read }, { "pread", start_pread },
		{ "readv", start_readv }, { "preadv", start_preadv },
		{ "preadv2", start_preadv2 }, { "read_exactly", start_read_exactly },
		{ "pread_exactly", start_pread_exactly },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const struct matrix_verb v = {
			.start = ways[i].start, .finish = send_hello,
			.prepare = open_pipe, .clean = close_pipe, .result = HELLO_LEN,
		};

		matrix_check(ways[i].name, &v);
	}
}

/* --- writing: parked on a full pipe ---------------------------------------------------------- */

static int open_full_pipe(void *ctx)
{
	static const char page[4096];

	if (open_pipe(ctx) < 0 || fcntl(p[1], F_SETFL, O_NONBLOCK) < 0)
		return -1;
	while (write(p[1], page, sizeof(page)) > 0)
		;
	return errno == EAGAIN && fcntl(p[1], F_SETFL, 0) == 0 ? 0 : -1;
}

static int drain_pipe(void *ctx)
{
	static char sink[1 << 16];

	(void)ctx;
	return read(p[0], sink, sizeof(sink)) > 0 ? 0 : -1;
}

static int start_write(void *ctx)
{
	(void)ctx;
	return (int)rondo_write(p[1], HELLO, HELLO_LEN);
}

static int start_pwrite(void *ctx)
{
	(void)ctx;
	return (int)rondo_pwrite(p[1], HELLO, HELLO_LEN, 1234);
}

static int start_writev(void *ctx)
{
	(void)ctx;
	return (int)rondo_writev(p[1], halves, 2);
}

static int start_pwritev(void *ctx)
{
	(void)ctx;
	return (int)rondo_pwritev(p[1], halves, 2, 0);
}

static int start_pwritev2(void *ctx)
{
	(void)ctx;
	return (int)rondo_pwritev2(p[1], halves, 2, -1, 0);
}

static int start_write_all(void *ctx)
{
	size_t n = 99;
	int ret = rondo_write_all(p[1], HELLO, HELLO_LEN, &n);

	(void)ctx;
	if (n != (ret == 0 ? HELLO_LEN : 0))
		return -EILSEQ;
	return ret == 0 ? HELLO_LEN : ret;
}

static int start_pwrite_all(void *ctx)
{
	int ret = rondo_pwrite_all(p[1], HELLO, HELLO_LEN, 0, NULL);

	(void)ctx;
	return ret == 0 ? HELLO_LEN : ret;
}

static void test_every_way_of_writing(void **state)
{
	static const struct { const char *name; rondo_fn *start; } ways[] = {
		{ "write", start_write }, { "pwrite", start_pwrite },
		{ "writev", start_writev }, { "pwritev", start_pwritev },
		{ "pwritev2", start_pwritev2 }, { "write_all", start_write_all },
		{ "pwrite_all", start_pwrite_all },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const struct matrix_verb v = {
			.start = ways[i].start, .finish = drain_pipe,
			.prepare = open_full_pipe, .clean = close_pipe, .result = HELLO_LEN,
		};

		matrix_check(ways[i].name, &v);
	}
}

/* --- O_NONBLOCK, and kernels that return what they cannot do now ----------------------------- */

static unsigned n_twisted;

/* What a kernel before 5.16 did with an O_NONBLOCK pipe (KN-20). */
static void read_now_or_never(struct io_uring_sqe *sqe)
{
	if (sqe->opcode != IORING_OP_READ || sqe->fd != p[0])
		return;
	sqe->rw_flags |= RWF_NOWAIT;
	n_twisted++;
}

static void write_now_or_never(struct io_uring_sqe *sqe)
{
	if (sqe->opcode != IORING_OP_WRITE || sqe->fd != p[1])
		return;
	sqe->rw_flags |= RWF_NOWAIT;
	n_twisted++;
}

static void test_a_kernel_that_says_again_is_asked_again(void **state)
{
	struct test_kernel k;
	const struct matrix_verb reading = {
		.start = start_read, .finish = send_hello, .prepare = open_pipe,
		.clean = close_pipe, .result = HELLO_LEN, .kernel = test_kernel_init(&k),
	};
	const struct matrix_verb writing = {
		.start = start_write, .finish = drain_pipe, .prepare = open_full_pipe,
		.clean = close_pipe, .result = HELLO_LEN, .kernel = &k.kernel,
	};

	(void)state;
	if (!pipes_know_nowait()) {
		print_message("skipped: this kernel's pipes cannot play those of an older one\n");
		skip();
	}
	n_twisted = 0;
	k.on_sqe = read_now_or_never;
	matrix_check("read, or -EAGAIN", &reading);
	k.on_sqe = write_now_or_never;
	matrix_check("write, or -EAGAIN", &writing);
	assert_true(n_twisted > 20);
}

static int open_nonblocking_pipe(void *ctx)
{
	(void)ctx;
	return pipe2(p, O_CLOEXEC | O_NONBLOCK);
}

static void test_a_nonblocking_descriptor_is_waited_for(void **state)
{
	const struct matrix_verb v = {
		.start = start_read, .finish = send_hello, .prepare = open_nonblocking_pipe,
		.clean = close_pipe, .result = HELLO_LEN,
	};

	(void)state;
	matrix_check("read of an O_NONBLOCK pipe", &v);
}

static int reads_without_waiting(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_preadv2(p[0], halves, 2, -1, RWF_NOWAIT), -EAGAIN);
	CHECK_EQUAL(send_hello(NULL), 0);
	CHECK_EQUAL(rondo_preadv2(p[0], halves, 2, -1, RWF_NOWAIT), HELLO_LEN);
	return 0;
}

static void test_rwf_nowait_is_the_callers_wish(void **state)
{
	(void)state;
	if (!pipes_know_nowait()) {
		print_message("skipped: this kernel's pipes do not know RWF_NOWAIT\n");
		skip();
	}
	assert_int_equal(open_pipe(NULL), 0);
	assert_int_equal(rondo_run(reads_without_waiting, NULL), 0);
	close_pipe(NULL);
	assert_checks_passed();
}

/* IORING_NOP_INJECT_RESULT (6.10): the operation is not done, and its CQE says this. */
static void becomes_error(struct io_uring_sqe *sqe, int error)
{
	const uint64_t user_data = sqe->user_data;

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_NOP;
	sqe->rw_flags = 1;
	sqe->len = (uint32_t)error;
	sqe->user_data = user_data;
	n_twisted++;
}

static void first_read_is_interrupted(struct io_uring_sqe *sqe)
{
	if (sqe->opcode == IORING_OP_READ && sqe->fd == p[0] && !n_twisted)
		becomes_error(sqe, -EINTR);
}

static int reads_hello(void *arg)
{
	CHECK_EQUAL(send_hello(arg), 0);
	CHECK_EQUAL(start_read(arg), HELLO_LEN);
	return 0;
}

static void test_an_interrupted_read_is_begun_again(void **state)
{
	struct test_kernel k;

	(void)state;
	if (!net_can_inject())
		skip();
	test_kernel_init(&k);
	k.on_sqe = first_read_is_interrupted;
	n_twisted = 0;
	assert_int_equal(open_pipe(NULL), 0);
	assert_int_equal(rondo__run_on(&k.kernel, NULL, reads_hello, NULL), 0);
	close_pipe(NULL);
	assert_checks_passed();
	assert_int_equal(n_twisted, 1);
}

/* --- opening --------------------------------------------------------------------------------- */

static int fifo_writer = -1;

static int make_fifo(void *ctx)
{
	(void)ctx;
	return mkfifo("fifo", 0600);
}

static int open_fifo_writer(void *ctx)
{
	(void)ctx;
	fifo_writer = open("fifo", O_RDWR | O_CLOEXEC);
	return fifo_writer < 0 ? -1 : 0;
}

static void remove_fifo(void *ctx)
{
	(void)ctx;
	if (fifo_writer >= 0)
		close(fifo_writer);
	fifo_writer = -1;
	unlink("fifo");
}

/* With O_CREAT the open waits for the other end; without, it may be done at once. */
static int start_open_fifo(void *ctx)
{
	(void)ctx;
	return rondo_open("fifo", O_RDONLY | O_CREAT, 0600);
}

static int start_openat2_fifo(void *ctx)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_CREAT, .mode = 0600, .resolve = RESOLVE_BENEATH,
	};

	(void)ctx;
	return rondo_openat2(AT_FDCWD, "fifo", &how);
}

static int start_open_new(void *ctx)
{
	(void)ctx;
	unlink("new");
	return rondo_open("new", O_RDWR | O_CREAT | O_EXCL, 0600);
}

static void test_open(void **state)
{
	const struct matrix_verb fifo = {
		.start = start_open_fifo, .finish = open_fifo_writer,
		.prepare = make_fifo, .clean = remove_fifo, .result = MATRIX_FD,
	};
	const struct matrix_verb created = { .start = start_open_new, .result = MATRIX_FD };

	(void)state;
	matrix_check("open of a FIFO", &fifo);
	matrix_check("open with O_CREAT", &created);
}

static void test_openat2(void **state)
{
	const struct matrix_verb v = {
		.start = start_openat2_fifo, .finish = open_fifo_writer,
		.prepare = make_fifo, .clean = remove_fifo, .result = MATRIX_FD,
	};

	(void)state;
	matrix_check("openat2 of a FIFO", &v);
}

static int opens(void *arg)
{
	const struct open_how beneath = { .flags = O_RDONLY, .resolve = RESOLVE_BENEATH };
	struct stat st;
	int dir, fd = rondo_open("made", O_WRONLY | O_CREAT, 0640);

	(void)arg;
	CHECK(fd >= 0);
	CHECK_EQUAL(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQUAL(fstat(fd, &st), 0);
	CHECK_EQUAL(st.st_mode & 0777, 0640);
	CHECK_EQUAL(rondo_close(fd), 0);
	dir = rondo_open(".", O_RDONLY | O_DIRECTORY, 0);
	CHECK(dir >= 0);
	fd = rondo_openat(dir, "made", O_RDONLY | O_NOFOLLOW, 0);
	CHECK_EQUAL(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQUAL(rondo_close(fd), 0);
	fd = rondo_openat2(dir, "made", &beneath);
	CHECK_EQUAL(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQUAL(rondo_close(fd), 0);
	CHECK_EQUAL(rondo_openat2(dir, "../made", &beneath), -EXDEV);
	CHECK_EQUAL(rondo_openat2(dir, "/etc/passwd", &beneath), -EXDEV);
	CHECK_EQUAL(symlink("made", "link"), 0);
	CHECK_EQUAL(rondo_open("link", O_RDONLY | O_NOFOLLOW, 0), -ELOOP);
	CHECK_EQUAL(rondo_open("made", O_RDWR | O_CREAT | O_EXCL, 0600), -EEXIST);
	CHECK_EQUAL(rondo_open("none", O_RDONLY, 0), -ENOENT);
	CHECK_EQUAL(rondo_open(".", O_RDWR, 0), -EISDIR);
	CHECK_EQUAL(rondo_open("made/x", O_RDONLY, 0), -ENOTDIR);
	CHECK_EQUAL(rondo_openat(-1, "made", O_RDONLY, 0), -EBADF);
	CHECK_EQUAL(rondo_open(NULL, O_RDONLY, 0), -EFAULT);
	return rondo_close(dir);
}

static void test_open_is_cloexec_and_keeps_to_its_flags(void **state)
{
	int n_fds = count_fds();

	(void)state;
	assert_int_equal(rondo_run(opens, NULL), 0);
	assert_checks_passed();
	assert_int_equal(count_fds(), n_fds);
}

/* --- reading and writing exactly ------------------------------------------------------------- */

static void at_most_three_bytes(struct io_uring_sqe *sqe)
{
	if ((sqe->opcode == IORING_OP_READ || sqe->opcode == IORING_OP_WRITE) && sqe->len > 3)
		sqe->len = 3;
}

static int copies_in_pieces(void *arg)
{
	static const char text[] = "in pieces of three bytes each";
	char back[sizeof(text) + 8] = "";
	size_t n = 0;
	int fd = rondo_open("pieces", O_RDWR | O_CREAT | O_TRUNC, 0600);

	(void)arg;
	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_write(fd, text, sizeof(text)), 3);
	CHECK_EQUAL(rondo_write_all(fd, text + 3, sizeof(text) - 3, &n), 0);
	CHECK_EQUAL(n, sizeof(text) - 3);
	CHECK_EQUAL(rondo_pread_exactly(fd, back, sizeof(text), 0, &n), 0);
	CHECK(n == sizeof(text) && memcmp(back, text, sizeof(text)) == 0);
	CHECK_EQUAL(rondo_pwrite_all(fd, "IN", 2, 0, NULL), 0);
	CHECK_EQUAL(rondo_pwrite_all(fd, "PIECES", 6, 3, &n), 0);
	CHECK_EQUAL(rondo_pread_exactly(fd, back, sizeof(text), 0, NULL), 0);
	CHECK_EQUAL(memcmp(back, "IN PIECES of three", 18), 0);
	/* The end of the file comes first: how much there was is told. */
	CHECK_EQUAL(rondo_pread_exactly(fd, back, sizeof(back), 4, &n), -RONDO_EINCOMPLETE);
	CHECK_EQUAL(n, sizeof(text) - 4);
	CHECK_EQUAL(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQUAL(rondo_read_exactly(fd, back, sizeof(text), NULL), 0);
	CHECK_EQUAL(rondo_read_exactly(fd, back, 1, &n), -RONDO_EINCOMPLETE);
	CHECK_EQUAL(n, 0);
	CHECK_EQUAL(rondo_read_exactly(-1, back, 0, &n), 0);
	return rondo_close(fd);
}

static void test_short_counts_are_made_whole(void **state)
{
	struct test_kernel k;

	(void)state;
	test_kernel_init(&k);
	k.on_sqe = at_most_three_bytes;
	assert_int_equal(rondo__run_on(&k.kernel, NULL, copies_in_pieces, NULL), 0);
	assert_checks_passed();
}

static int read_ten_exactly(void *n_done)
{
	return rondo_read_exactly(p[0], buf, 10, n_done);
}

static int cancels_half_way(void *arg)
{
	size_t n = 0;
	rondo_task *task = rondo_create_task(read_ten_exactly, &n);

	(void)arg;
	CHECK(task);
	CHECK_EQUAL(send_hello(NULL), 0);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK(rondo_cancel(task));
	CHECK_EQUAL(rondo_await(task), -ECANCELED);
	CHECK_EQUAL(n, HELLO_LEN);
	CHECK_EQUAL(memcmp(buf, HELLO, HELLO_LEN), 0);
	return 0;
}

static void test_a_cancelled_read_exactly_tells_what_it_has(void **state)
{
	(void)state;
	assert_int_equal(open_sockets(), 0);
	assert_int_equal(rondo_run(cancels_half_way, NULL), 0);
	close_pipe(NULL);
	assert_checks_passed();
}

/* --- errors ---------------------------------------------------------------------------------- */

static int is_told_errors(void *arg)
{
	int dir = rondo_open(".", O_RDONLY, 0), fd = rondo_open("made", O_RDONLY, 0);

	(void)arg;
	CHECK(dir >= 0 && fd >= 0);
	CHECK_EQUAL(rondo_read(-1, buf, 1), -EBADF);
	CHECK_EQUAL(rondo_write(-1, buf, 1), -EBADF);
	CHECK_EQUAL(rondo_readv(-1, halves, 2), -EBADF);
	CHECK_EQUAL(rondo_writev(-1, halves, 2), -EBADF);
	CHECK_EQUAL(rondo_read(dir, buf, 1), -EISDIR);
	CHECK_EQUAL(rondo_write(fd, buf, 1), -EBADF);
	CHECK_EQUAL(rondo_pread(fd, buf, 1, -1), -EINVAL);
	CHECK_EQUAL(rondo_pwrite(fd, buf, 1, -1), -EINVAL);
	CHECK_EQUAL(rondo_preadv(fd, halves, 2, -2), -EINVAL);
	CHECK_EQUAL(rondo_pwritev(fd, halves, 2, -2), -EINVAL);
	CHECK_EQUAL(rondo_pread_exactly(fd, buf, 1, -1, NULL), -EINVAL);
	CHECK_EQUAL(rondo_pwrite_all(fd, buf, 1, -1, NULL), -EINVAL);
	CHECK_EQUAL(rondo_readv(fd, halves, 1025), -EINVAL);
	CHECK_EQUAL(rondo_readv(fd, halves, -1), -EINVAL);
	CHECK_EQUAL(rondo_preadv2(fd, halves, 2, 0, 1 << 30), -EOPNOTSUPP);
	CHECK_EQUAL(rondo_close(dir), 0);
	return rondo_close(fd);
}

static void test_errors_come_back_as_they_are(void **state)
{
	(void)state;
	assert_int_equal(rondo_run(is_told_errors, NULL), 0);
	assert_checks_passed();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_way_of_reading),
		cmocka_unit_test(test_every_way_of_writing),
		cmocka_unit_test(test_a_kernel_that_says_again_is_asked_again),
		cmocka_unit_test(test_a_nonblocking_descriptor_is_waited_for),
		cmocka_unit_test(test_rwf_nowait_is_the_callers_wish),
		cmocka_unit_test(test_an_interrupted_read_is_begun_again),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_openat2),
		cmocka_unit_test(test_open_is_cloexec_and_keeps_to_its_flags),
		cmocka_unit_test(test_short_counts_are_made_whole),
		cmocka_unit_test(test_a_cancelled_read_exactly_tells_what_it_has),
		cmocka_unit_test(test_errors_come_back_as_they_are),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
