/* SPDX-License-Identifier: MIT */
/* test_file_contents.c - fsync, fdatasync, sync_file_range, fallocate, ftruncate, fadvise and
 * regular reads and writes: the verbs that complete by themselves, in worker threads. Goal: the
 * matrix for each, their errors, and that ranges too long for an SQE are covered whole. Method: a
 * file in a temporary folder, and a kernel that shows which operations it was asked for. */
#include "support/folder.h"
#include "support/matrix.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "ring/compat.h"
#include "rondo/file.h"

enum { SIZE = 1 << 16 };
static const int64_t GIB = 1 << 30;

static int fd = -1;
static char buf[SIZE];

static int open_file(void *ctx)
{
	(void)ctx;
	fd = open("file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return fd >= 0 && write(fd, buf, sizeof(buf)) == SIZE ? 0 : -1;
}

static void close_file(void *ctx)
{
	(void)ctx;
	close(fd);
	unlink("file");
}

static int start_pread(void *ctx)
{
	(void)ctx;
	return (int)rondo_pread(fd, buf, SIZE, 0);
}

static int start_pwrite(void *ctx)
{
	(void)ctx;
	return (int)rondo_pwrite(fd, buf, SIZE, 0);
}

static int start_fsync(void *ctx)
{
	(void)ctx;
	return rondo_fsync(fd);
}

static int start_fdatasync(void *ctx)
{
	(void)ctx;
	return rondo_fdatasync(fd);
}

static int start_sync_file_range(void *ctx)
{
	(void)ctx;
	return rondo_sync_file_range(fd, 0, SIZE, SYNC_FILE_RANGE_WRITE);
}

static int start_fallocate(void *ctx)
{
	(void)ctx;
	return rondo_fallocate(fd, 0, 0, 2 * SIZE);
}

static int start_ftruncate(void *ctx)
{
	(void)ctx;
	return rondo_ftruncate(fd, 100);
}

static int start_fadvise(void *ctx)
{
	(void)ctx;
	return rondo_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
}

static void check_verb(const char *name, rondo_fn *start, int result)
{
	const struct matrix_verb v = {
		.start = start, .prepare = open_file, .clean = close_file, .result = result,
	};

	matrix_check(name, &v);
}

static void test_reading_and_writing_a_file(void **state)
{
	(void)state;
	check_verb("pread of a file", start_pread, SIZE);
	check_verb("pwrite of a file", start_pwrite, SIZE);
}

static void test_syncing(void **state)
{
	(void)state;
	check_verb("fsync", start_fsync, 0);
	check_verb("fdatasync", start_fdatasync, 0);
	check_verb("sync_file_range", start_sync_file_range, 0);
}

static void test_fallocate(void **state)
{
	(void)state;
	check_verb("fallocate", start_fallocate, 0);
}

static bool kernel_has(unsigned opcode);

static void test_ftruncate(void **state)
{
	(void)state;
	if (!kernel_has(RONDO_OP_FTRUNCATE)) {
		print_message("skipped: this kernel has no IORING_OP_FTRUNCATE\n");
		skip();
	}
	check_verb("ftruncate", start_ftruncate, 0);
}

static void test_fadvise(void **state)
{
	(void)state;
	check_verb("fadvise", start_fadvise, 0);
}

/* --- what they do ---------------------------------------------------------------------------- */

static int has_op(void *opcode)
{
	return ring_has_op(&rondo__loop->ring, *(unsigned *)opcode);
}

static bool kernel_has(unsigned opcode)
{
	return rondo_run(has_op, &opcode) == 1;
}

static int64_t size_of_file(void)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_size : -1;
}

static int changes_size(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_fallocate(fd, 0, 0, 3 * SIZE), 0);
	CHECK_EQUAL(size_of_file(), 3 * SIZE);
	CHECK_EQUAL(rondo_fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 4 * SIZE), 0);
	CHECK_EQUAL(size_of_file(), 3 * SIZE);
	if (!ring_has_op(&rondo__loop->ring, RONDO_OP_FTRUNCATE))
		return 0;
	CHECK_EQUAL(rondo_ftruncate(fd, 100), 0);
	CHECK_EQUAL(size_of_file(), 100);
	CHECK_EQUAL(rondo_ftruncate(fd, 5 * GIB), 0);	/* beyond 32 bits */
	CHECK_EQUAL(size_of_file(), 5 * GIB);
	CHECK_EQUAL(rondo_pread(fd, buf, 10, 5 * GIB - 4), 4);
	CHECK_EQUAL(rondo_pwrite(fd, "end", 3, 5 * GIB), 3);
	CHECK_EQUAL(size_of_file(), 5 * GIB + 3);
	return 0;
}

static void run_with_file(const struct kernel *kernel, rondo_fn *main_fn)
{
	int ret, n_fds = count_fds();

	assert_int_equal(open_file(NULL), 0);
	ret = rondo__run_on(kernel, NULL, main_fn, NULL);
	assert_checks_passed();
	assert_int_equal(ret, 0);
	close_file(NULL);
	assert_int_equal(count_fds(), n_fds);
}

static void test_sizes_change_as_asked(void **state)
{
	(void)state;
	run_with_file(&rondo__kernel_linux, changes_size);
}

static int is_told_errors(void *arg)
{
	int p[2], ret;

	(void)arg;
	CHECK_EQUAL(pipe2(p, O_CLOEXEC), 0);
	CHECK_EQUAL(rondo_fsync(-1), -EBADF);
	CHECK_EQUAL(rondo_fsync(p[0]), -EINVAL);
	CHECK_EQUAL(rondo_fdatasync(-1), -EBADF);
	CHECK_EQUAL(rondo_fdatasync(p[0]), -EINVAL);
	CHECK_EQUAL(rondo_fallocate(-1, 0, 0, 1), -EBADF);
	CHECK_EQUAL(rondo_fallocate(p[1], 0, 0, 1), -ESPIPE);
	CHECK_EQUAL(rondo_fallocate(fd, 0, 0, 0), -EINVAL);
	CHECK_EQUAL(rondo_fallocate(fd, 1 << 20, 0, 1), -EOPNOTSUPP);
	/* No file system has room for it; tmpfs alone would not mind the size. */
	ret = rondo_fallocate(fd, 0, 0, INT64_MAX);
	CHECK(ret == -EFBIG || ret == -ENOSPC);
	CHECK_EQUAL(rondo_fadvise(-1, 0, 0, POSIX_FADV_NORMAL), -EBADF);
	CHECK_EQUAL(rondo_fadvise(p[0], 0, 0, POSIX_FADV_NORMAL), -ESPIPE);
	CHECK_EQUAL(rondo_fadvise(fd, 0, 0, 99), -EINVAL);
	CHECK_EQUAL(rondo_fadvise(fd, 0, -1, POSIX_FADV_NORMAL), -EINVAL);
	CHECK_EQUAL(rondo_fadvise(fd, INT64_MAX, 1, POSIX_FADV_NORMAL), -EINVAL);
	CHECK_EQUAL(rondo_sync_file_range(-1, 0, 0, SYNC_FILE_RANGE_WRITE), -EBADF);
	CHECK_EQUAL(rondo_sync_file_range(p[1], 0, 0, SYNC_FILE_RANGE_WRITE), -ESPIPE);
	CHECK_EQUAL(rondo_sync_file_range(fd, 0, 0, 1 << 10), -EINVAL);
	CHECK_EQUAL(rondo_sync_file_range(fd, -1, 1, SYNC_FILE_RANGE_WRITE), -EINVAL);
	close(p[0]);
	close(p[1]);
	return 0;
}

static void test_errors_come_back_as_they_are(void **state)
{
	(void)state;
	run_with_file(&rondo__kernel_linux, is_told_errors);
}

static int truncate_errors(void *arg)
{
	int ret;

	(void)arg;
	CHECK_EQUAL(rondo_ftruncate(-1, 0), -EBADF);
	CHECK_EQUAL(rondo_ftruncate(fd, -1), -EINVAL);
	ret = rondo_ftruncate(fd, INT64_MAX);
	CHECK(ret == -EFBIG || (ret == 0 && lseek(fd, 0, SEEK_END) == INT64_MAX));	/* tmpfs */
	return 0;
}

static int truncate_is_refused(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_ftruncate(fd, 0), -EOPNOTSUPP);
	CHECK_EQUAL(size_of_file(), SIZE);
	return 0;
}

static void test_ftruncate_is_refused_where_it_would_block(void **state)
{
	struct test_kernel k;

	(void)state;
	run_with_file(kernel_without(&k, RONDO_OP_FTRUNCATE), truncate_is_refused);
	if (kernel_has(RONDO_OP_FTRUNCATE))
		run_with_file(&rondo__kernel_linux, truncate_errors);
}

/* --- ranges longer than an SQE can say ------------------------------------------------------- */

static unsigned n_ops;
static uint64_t range_begin, range_end;

static void note_range(struct io_uring_sqe *sqe)
{
	if (sqe->opcode != IORING_OP_FADVISE && sqe->opcode != IORING_OP_SYNC_FILE_RANGE)
		return;
	if (n_ops++ == 0)
		range_begin = range_end = sqe->off;
	/* A gap or an overlap makes the end wrong; a length of 0 is up to the end of the file. */
	range_end = sqe->off == range_end ? sqe->off + (sqe->len ? sqe->len : INT64_MAX / 2) : 0;
}

static int names_long_ranges(void *arg)
{
	const int64_t len = 5 * GIB + 7, offset = 3 * GIB + 1;

	(void)arg;
	n_ops = 0;
	CHECK_EQUAL(rondo_fadvise(fd, offset, len, POSIX_FADV_RANDOM), 0);
	CHECK_EQUAL(n_ops, 6);
	CHECK(range_begin == (uint64_t)offset && range_end == (uint64_t)(offset + len));
	n_ops = 0;
	CHECK_EQUAL(rondo_sync_file_range(fd, 0, 2 * GIB, SYNC_FILE_RANGE_WRITE), 0);
	CHECK_EQUAL(n_ops, 2);
	CHECK(range_begin == 0 && range_end == (uint64_t)(2 * GIB));
	n_ops = 0;
	CHECK_EQUAL(rondo_fadvise(fd, 10, 0, POSIX_FADV_NORMAL), 0);
	CHECK_EQUAL(n_ops, 1);
	CHECK(range_begin == 10 && range_end == 10 + (uint64_t)INT64_MAX / 2);
	return 0;
}

static void test_long_ranges_are_covered_in_pieces(void **state)
{
	struct test_kernel k;

	(void)state;
	test_kernel_init(&k);
	k.on_sqe = note_range;
	run_with_file(&k.kernel, names_long_ranges);
}

/* One count is at most 0x7ffff000 bytes, as read(2) has it, whatever is asked for. */
static unsigned longest;

static void note_length(struct io_uring_sqe *sqe)
{
	if (sqe->opcode != IORING_OP_READ && sqe->opcode != IORING_OP_WRITE)
		return;
	longest = sqe->len > longest ? sqe->len : longest;
	sqe->len = sqe->len < 16 ? sqe->len : 16;	/* no buffer is that long */
}

static int asks_for_too_much(void *arg)
{
	enum { LONGEST = 0x7ffff000 };
	void *room = mmap(NULL, LONGEST, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)arg;
	CHECK(room != MAP_FAILED);
	CHECK_EQUAL(rondo_pread(fd, room, SIZE_MAX / 2, 0), 16);
	munmap(room, LONGEST);
	CHECK_EQUAL(longest, LONGEST);
	longest = 0;
	CHECK_EQUAL(rondo_pwrite(fd, buf, (size_t)1 << 32, 0), 16);
	CHECK_EQUAL(longest, LONGEST);
	return 0;
}

static void test_a_length_beyond_32_bits_is_clamped_not_cut_off(void **state)
{
	struct test_kernel k;

	(void)state;
	test_kernel_init(&k);
	k.on_sqe = note_length;
	longest = 0;
	run_with_file(&k.kernel, asks_for_too_much);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading_and_writing_a_file),
		cmocka_unit_test(test_syncing),
		cmocka_unit_test(test_fallocate),
		cmocka_unit_test(test_ftruncate),
		cmocka_unit_test(test_fadvise),
		cmocka_unit_test(test_sizes_change_as_asked),
		cmocka_unit_test(test_errors_come_back_as_they_are),
		cmocka_unit_test(test_ftruncate_is_refused_where_it_would_block),
		cmocka_unit_test(test_long_ranges_are_covered_in_pieces),
		cmocka_unit_test(test_a_length_beyond_32_bits_is_clamped_not_cut_off),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
