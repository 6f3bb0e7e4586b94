/* SPDX-License-Identifier: MIT */
/* test_file_position.c - rondo_read() and rondo_write() move the file position as read(2) and
 * write(2) do. Goal: that holds where the ring's own position does not (KN-19): with O_DIRECT,
 * after a short write, for tasks that share a descriptor, for devices that have none. Method:
 * compare with lseek(2) after each call, on files, devices and pipes. */
#include "support/folder.h"
#include "support/matrix.h"

#include <fcntl.h>
#include <sys/eventfd.h>

#include "rondo/file.h"

enum { BLOCK = 4096, N_TASKS = 40 };

static char buf[64 << 10] __attribute__((aligned(BLOCK)));

static off_t position(int fd)
{
	return lseek(fd, 0, SEEK_CUR);
}

static void run_passes(rondo_fn *main_fn)
{
	int n_fds = count_fds();

	assert_int_equal(rondo_run(main_fn, NULL), 0);
	assert_checks_passed();
	assert_int_equal(count_fds(), n_fds);
}

static int uses_both(void *arg)
{
	const struct iovec halves[2] = { { buf, 2 }, { buf + 2, 3 } };
	int fd = rondo_open("both", O_RDWR | O_CREAT | O_TRUNC, 0600);

	(void)arg;
	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_write(fd, "abc", 3), 3);
	CHECK_EQUAL(rondo_write(fd, "def", 3), 3);
	CHECK_EQUAL(rondo_pwrite(fd, "X", 1, 1), 1);
	CHECK_EQUAL(position(fd), 6);
	CHECK_EQUAL(rondo_read(fd, buf, sizeof(buf)), 0);
	CHECK_EQUAL(position(fd), 6);
	CHECK_EQUAL(rondo_pread(fd, buf, sizeof(buf), 0), 6);
	CHECK_EQUAL(memcmp(buf, "aXcdef", 6), 0);
	CHECK_EQUAL(rondo_pread(fd, buf, sizeof(buf), 6), 0);
	CHECK_EQUAL(rondo_pread(fd, buf, sizeof(buf), 1 << 20), 0);
	CHECK_EQUAL(rondo_pread(fd, buf, 0, 0), 0);
	CHECK_EQUAL(lseek(fd, 4, SEEK_SET), 4);
	CHECK_EQUAL(rondo_preadv2(fd, halves, 2, -1, 0), 2);
	CHECK_EQUAL(memcmp(buf, "ef", 2), 0);
	CHECK_EQUAL(position(fd), 6);
	CHECK_EQUAL(rondo_preadv(fd, halves, 2, 1), 5);
	CHECK_EQUAL(memcmp(buf, "Xcdef", 5), 0);
	CHECK_EQUAL(rondo_writev(fd, halves, 2), 5);
	CHECK_EQUAL(position(fd), 11);
	CHECK_EQUAL(lseek(fd, 2, SEEK_SET), 2);
	CHECK_EQUAL(rondo_readv(fd, halves, 2), 5);
	CHECK_EQUAL(rondo_readv(fd, halves, 2000), -EINVAL);
	CHECK_EQUAL(position(fd), 7);
	return rondo_close(fd);
}

static void test_positions_move_and_offsets_do_not(void **state)
{
	(void)state;
	run_passes(uses_both);
}

static int reads_directly(void *arg)
{
	int fd = rondo_open("direct", O_RDWR | O_CREAT | O_TRUNC, 0600);

	(void)arg;
	for (int i = 0; i < 3; i++) {
		memset(buf, 'a' + i, BLOCK);
		CHECK_EQUAL(rondo_write_all(fd, buf, BLOCK, NULL), 0);
	}
	CHECK_EQUAL(rondo_close(fd), 0);
	fd = rondo_open("direct", O_RDWR | O_DIRECT, 0);
	if (fd == -EINVAL)
		return 1;
	for (int i = 0; i < 3; i++) {
		CHECK_EQUAL(rondo_read(fd, buf, BLOCK), BLOCK);
		CHECK_EQUAL(buf[0], 'a' + i);
		CHECK_EQUAL(position(fd), (i + 1) * BLOCK);
	}
	CHECK_EQUAL(rondo_read(fd, buf, BLOCK), 0);
	CHECK_EQUAL(rondo_write(fd, buf, BLOCK), BLOCK);
	CHECK_EQUAL(position(fd), 4 * BLOCK);
	return rondo_close(fd);
}

static void test_the_position_moves_with_o_direct(void **state)
{
	int ret = rondo_run(reads_directly, NULL);

	(void)state;
	assert_checks_passed();
	if (ret == 1) {
		print_message("skipped: the temporary folder's file system has no O_DIRECT\n");
		skip();
	}
	assert_int_equal(ret, 0);
}

/* --- sharing --------------------------------------------------------------------------------- */

struct part {
	int fd;
	ssize_t ret;
	char bytes[4];
};

static int read_part(void *arg)
{
	struct part *p = arg;

	p->ret = rondo_read(p->fd, p->bytes, sizeof(p->bytes));
	return 0;
}

static int write_part(void *arg)
{
	struct part *p = arg;

	p->ret = rondo_write(p->fd, p->bytes, sizeof(p->bytes));
	return 0;
}

static int run_all(rondo_fn *fn, struct part parts[N_TASKS], int fd)
{
	rondo_task *tasks[N_TASKS];

	for (int i = 0; i < N_TASKS; i++) {
		parts[i].fd = fd;
		tasks[i] = rondo_create_task(fn, &parts[i]);
		CHECK(tasks[i]);
	}
	for (int i = 0; i < N_TASKS; i++) {
		CHECK_EQUAL(rondo_await(tasks[i]), 0);
		CHECK_EQUAL(parts[i].ret, sizeof(parts[i].bytes));
	}
	return 0;
}

static int shares(void *arg)
{
	struct part in[N_TASKS], out[N_TASKS] = { { 0 } };
	int fd = rondo_open("shared", O_RDWR | O_CREAT | O_TRUNC, 0600);

	(void)arg;
	for (int i = 0; i < N_TASKS; i++)
		memcpy(in[i].bytes, (char[4]){ 'a', '0' + i / 10, '0' + i % 10, 'z' }, 4);
	if (run_all(write_part, in, fd) < 0)
		return -1;
	CHECK_EQUAL(position(fd), 4 * N_TASKS);
	CHECK_EQUAL(lseek(fd, 0, SEEK_SET), 0);
	if (run_all(read_part, out, fd) < 0)
		return -1;
	/* A part each, none twice, in the order in which the tasks asked. */
	for (int i = 0; i < N_TASKS; i++)
		CHECK_EQUAL(memcmp(out[i].bytes, in[i].bytes, sizeof(in[i].bytes)), 0);
	CHECK_EQUAL(position(fd), 4 * N_TASKS);
	return rondo_close(fd);
}

static void test_tasks_that_share_a_position_get_a_part_each(void **state)
{
	(void)state;
	run_passes(shares);
}

static int reads_beyond_the_end_together(void *arg)
{
	struct part a = { .ret = -1 }, b = { .ret = -1 };
	rondo_task *first, *second;

	(void)arg;
	a.fd = b.fd = rondo_open("six", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK_EQUAL(rondo_pwrite(a.fd, "abcdef", 6, 0), 6);
	first = rondo_create_task(read_part, &a);
	second = rondo_create_task(read_part, &b);
	CHECK_EQUAL(rondo_await(first), 0);
	CHECK_EQUAL(rondo_await(second), 0);
	CHECK(a.ret == 4 && memcmp(a.bytes, "abcd", 4) == 0);
	CHECK(b.ret == 2 && memcmp(b.bytes, "ef", 2) == 0);
	CHECK_EQUAL(position(a.fd), 6);
	return rondo_close(a.fd);
}

static void test_the_position_ends_at_the_end(void **state)
{
	(void)state;
	run_passes(reads_beyond_the_end_together);
}

/* --- giving back ----------------------------------------------------------------------------- */

/* Into memory that cannot be written to. */
static int read_nowhere(void *arg)
{
	static const char constant[sizeof(((struct part *)0)->bytes)];
	struct part *p = arg;

	p->ret = rondo_read(p->fd, (void *)(uintptr_t)constant, sizeof(constant));
	return 0;
}

/* The first fails when the second has its part already: going back would give that part again. */
static int fails_before_another(void *arg)
{
	struct part a = { .ret = -1 }, b = { .ret = -1 };
	rondo_task *first, *second;

	(void)arg;
	a.fd = b.fd = rondo_open("ten", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK_EQUAL(rondo_pwrite(a.fd, "abcdefghij", 10, 0), 10);
	first = rondo_create_task(read_nowhere, &a);
	second = rondo_create_task(read_part, &b);
	CHECK_EQUAL(rondo_await(first), 0);
	CHECK_EQUAL(rondo_await(second), 0);
	CHECK_EQUAL(a.ret, -EFAULT);
	CHECK(b.ret == 4 && memcmp(b.bytes, "efgh", 4) == 0);
	CHECK_EQUAL(position(a.fd), 8);
	return rondo_close(a.fd);
}

static void test_nothing_is_given_back_that_another_has_passed(void **state)
{
	(void)state;
	run_passes(fails_before_another);
}

static int is_refused(void *arg)
{
	struct iovec bad = { (void *)8, 4 };
	int fd = rondo_open("refused", O_RDONLY | O_CREAT | O_TRUNC, 0600);

	(void)arg;
	CHECK_EQUAL(lseek(fd, 5, SEEK_SET), 5);
	CHECK_EQUAL(rondo_write(fd, "x", 1), -EBADF);
	CHECK_EQUAL(position(fd), 5);
	CHECK_EQUAL(rondo_writev(fd, &bad, 1), -EBADF);
	CHECK_EQUAL(position(fd), 5);
	CHECK(rondo_cancel(rondo_current_task()));
	CHECK_EQUAL(rondo_read(fd, buf, 100), -ECANCELED);
	rondo_uncancel(rondo_current_task());
	CHECK_EQUAL(position(fd), 5);
	return rondo_close(fd);
}

static void test_an_error_or_a_cancel_leaves_the_position(void **state)
{
	(void)state;
	run_passes(is_refused);
}

/* The greatest offset of a file, beyond which no position may be: also the end of a block
 * device. */
static off_t greatest(int fd)
{
	off_t good = 0;

	for (off_t step = (off_t)1 << 62; step; step /= 2)
		if (lseek(fd, good + step, SEEK_SET) >= 0)
			good += step;
	return good;
}

static int meets_the_last_position(void *has_one)
{
	int fd = rondo_open("huge", O_RDWR | O_CREAT | O_TRUNC, 0600);
	off_t last = greatest(fd);

	*(bool *)has_one = last < INT64_MAX;
	if (last == INT64_MAX)
		return rondo_close(fd);
	CHECK_EQUAL(lseek(fd, last - 10, SEEK_SET), last - 10);
	CHECK_EQUAL(rondo_read(fd, buf, 100), 0);
	CHECK_EQUAL(position(fd), last - 10);
	CHECK_EQUAL(ftruncate(fd, last - 3), 0);
	CHECK_EQUAL(rondo_read(fd, buf, 100), 7);
	CHECK_EQUAL(position(fd), last - 3);
	CHECK_EQUAL(rondo_read(fd, buf, 100), 0);
	CHECK_EQUAL(position(fd), last - 3);
	CHECK_EQUAL(lseek(fd, last - 10, SEEK_SET), last - 10);
	CHECK_EQUAL(rondo_write(fd, buf, 100), 10);
	CHECK_EQUAL(position(fd), last);
	CHECK_EQUAL(rondo_write(fd, buf, 100), -EFBIG);
	CHECK_EQUAL(position(fd), last);
	return rondo_close(fd);
}

static void test_the_last_position_there_is(void **state)
{
	bool has_one = false;

	(void)state;
	assert_int_equal(rondo_run(meets_the_last_position, &has_one), 0);
	assert_checks_passed();
	if (!has_one) {
		print_message("skipped: the temporary folder's files may be of any size\n");
		skip();
	}
}

/* --- what has no position, or does not care -------------------------------------------------- */

static int uses_devices(void *arg)
{
	int zero = rondo_open("/dev/zero", O_RDWR, 0), null = rondo_open("/dev/null", O_RDWR, 0);

	(void)arg;
	CHECK(zero >= 0 && null >= 0);
	memset(buf, 1, sizeof(buf));
	CHECK_EQUAL(rondo_read_exactly(zero, buf, sizeof(buf), NULL), 0);
	CHECK_EQUAL(buf[0] + buf[sizeof(buf) - 1], 0);
	CHECK_EQUAL(rondo_read(null, buf, 1), 0);
	CHECK_EQUAL(rondo_write(null, buf, 100), 100);
	CHECK_EQUAL(rondo_write(null, buf, 100), 100);
	CHECK_EQUAL(rondo_close(null), 0);
	return rondo_close(zero);
}

static void test_devices_without_a_position_are_read(void **state)
{
	(void)state;
	run_passes(uses_devices);
}

static int read_counter(void *arg)
{
	uint64_t n = 0;
	ssize_t ret = rondo_read(*(int *)arg, &n, sizeof(n));

	return ret == sizeof(n) ? (int)n : -1;
}

/* lseek(2) on an eventfd succeeds and means nothing; a waiting reader must not keep out a
 * writer. */
static int uses_an_eventfd(void *arg)
{
	const uint64_t seven = 7;
	int fd = eventfd(0, EFD_CLOEXEC);
	rondo_task *task = rondo_create_task(read_counter, &fd);

	(void)arg;
	CHECK(fd >= 0 && task);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK_EQUAL(rondo_write(fd, &seven, sizeof(seven)), sizeof(seven));
	CHECK_EQUAL(rondo_await(task), 7);
	return rondo_close(fd);
}

static void test_an_eventfd_is_read_while_it_is_written(void **state)
{
	(void)state;
	run_passes(uses_an_eventfd);
}

/* /proc makes its files as they are read, and counts what it has made. */
static int reads_proc(void *arg)
{
	static char expected[sizeof(buf)];
	int plain = open("/proc/self/mounts", O_RDONLY | O_CLOEXEC);
	ssize_t n_expected = 0, n = 0, ret;
	int fd = rondo_open("/proc/self/mounts", O_RDONLY, 0);

	(void)arg;
	CHECK(fd >= 0 && plain >= 0);
	while ((ret = read(plain, expected + n_expected, 100)) > 0)
		n_expected += ret;
	while ((ret = rondo_read(fd, buf + n, 100)) > 0)
		n += ret;
	CHECK_EQUAL(ret, 0);
	CHECK_EQUAL(n, n_expected);
	CHECK_EQUAL(memcmp(buf, expected, (size_t)n), 0);
	close(plain);
	return rondo_close(fd);
}

static void test_files_of_proc_are_read_in_pieces(void **state)
{
	(void)state;
	run_passes(reads_proc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_positions_move_and_offsets_do_not),
		cmocka_unit_test(test_the_position_moves_with_o_direct),
		cmocka_unit_test(test_tasks_that_share_a_position_get_a_part_each),
		cmocka_unit_test(test_the_position_ends_at_the_end),
		cmocka_unit_test(test_nothing_is_given_back_that_another_has_passed),
		cmocka_unit_test(test_an_error_or_a_cancel_leaves_the_position),
		cmocka_unit_test(test_the_last_position_there_is),
		cmocka_unit_test(test_devices_without_a_position_are_read),
		cmocka_unit_test(test_an_eventfd_is_read_while_it_is_written),
		cmocka_unit_test(test_files_of_proc_are_read_in_pieces),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
