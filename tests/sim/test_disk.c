/* SPDX-License-Identifier: MIT */
/* test_disk.c - faults of the simulated disk. Goal: each fault can be met, looks as it does from a
 * real kernel, and is over when faults are over. Method: small programs that run on many seeds with
 * one fault each, and say what they met. */
#include "support/check.h"

#include <fcntl.h>
#include <rondo.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "loop/op.h"
#include "rondo_sim.h"

enum { PAGE = 4096, SIZE = 8 * PAGE, N_SEEDS = 200, FAULTS_S = 10 };

/* What the runs over all seeds have met. */
struct met {
	int n_short_reads, n_short_writes, n_full, n_bad, n_failed_syncs, n_stale;
	uint64_t hash;
};

static void run_seeds(const char *faults, rondo_fn *main, struct met *met)
{
	for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
		const struct rondo_sim_options o = {
			.seed = seed, .only_faults = faults, .no_faults = !faults,
			.on_failure = rondo_sim_print_failure,
		};
		int ret = rondo_sim_run(&o, main, met);

		if (ret < 0)
			print_error("seed %llu\n", (unsigned long long)seed);
		assert_checks_passed();
		assert_int_equal(ret, 0);
	}
}

static void fill(unsigned char *buf, size_t n, unsigned char first)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = (unsigned char)(first + i / 7 + i / PAGE);
}

static int make_file(const char *name, const unsigned char *bytes, size_t n)
{
	int fd = rondo_open(name, O_RDWR | O_CREAT, 0600);

	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_write_all(fd, bytes, n, NULL), 0);
	return fd;
}

/* Until no fault can happen any more. */
static int outlast_faults(void)
{
	return rondo_sleep(FAULTS_S + 1);
}

/* --- transfers ------------------------------------------------------------------------------- */

static int short_transfers(void *arg)
{
	static unsigned char out[SIZE], in[SIZE];
	struct met *met = arg;
	ssize_t n;
	int fd;

	fill(out, SIZE, 1);
	fd = make_file("file", out, SIZE);
	CHECK(fd >= 0);
	n = rondo_pwrite(fd, out, SIZE, 0);
	CHECK(n > 0 && n <= SIZE);
	met->n_short_writes += n < SIZE;
	n = rondo_pread(fd, in, SIZE, 0);
	CHECK(n > 0 && n <= SIZE && !memcmp(in, out, (size_t)n));
	met->n_short_reads += n < SIZE;
	memset(in, 0, SIZE);
	CHECK_EQUAL(rondo_pread_exactly(fd, in, SIZE, 0, NULL), 0);
	CHECK(!memcmp(in, out, SIZE));
	CHECK_EQUAL(outlast_faults(), 0);
	CHECK_EQUAL(rondo_pwrite(fd, out, SIZE, 0), SIZE);
	CHECK_EQUAL(rondo_pread(fd, in, SIZE, 0), SIZE);
	return rondo_close(fd);
}

static void test_short_transfers_are_resumed_at_the_right_offset(void **state)
{
	struct met met = { 0 };

	(void)state;
	run_seeds("SHORT_READ,SHORT_WRITE", short_transfers, &met);
	assert_true(met.n_short_reads > 0 && met.n_short_writes > 0);
}

static int direct(void *arg)
{
	static unsigned char out[2 * PAGE] __attribute__((aligned(PAGE)));
	static unsigned char in[2 * PAGE] __attribute__((aligned(PAGE)));
	const struct iovec iov = { .iov_base = in, .iov_len = PAGE };
	int fd = rondo_open("file", O_RDWR | O_CREAT | O_DIRECT, 0600);

	(void)arg;
	fill(out, sizeof(out), 3);
	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_pwrite(fd, out, 100, 0), -EINVAL);
	CHECK_EQUAL(rondo_pwrite(fd, out, 512, 100), -EINVAL);
	CHECK_EQUAL(rondo_pwrite(fd, out + 1, 512, 0), -EINVAL);
	CHECK_EQUAL(rondo_pwrite(fd, out, sizeof(out), 0), sizeof(out));
	CHECK_EQUAL(rondo_pread(fd, in, sizeof(in), 512), sizeof(in) - 512);
	CHECK(!memcmp(in, out + 512, sizeof(in) - 512));
	CHECK_EQUAL(rondo_readv(fd, &iov, 1), PAGE);
	CHECK(!memcmp(in, out, PAGE));
	return rondo_close(fd);
}

static void test_o_direct_takes_whole_sectors_only(void **state)
{
	struct met met = { 0 };

	(void)state;
	run_seeds(NULL, direct, &met);
}

/* The ring's own position, which rondo_read() does not trust: by an op of our own. */
static int read_here(int fd, void *buf, unsigned n)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_read(sqe, fd, buf, n, (uint64_t)-1);
	return rondo__op_await(&op);
}

static int position_of(int fd)
{
	return (int)kernel_call3(rondo__self()->loop->ring.kernel, SYS_lseek, fd, 0, SEEK_CUR);
}

static int positions(void *arg)
{
	static unsigned char buf[PAGE] __attribute__((aligned(PAGE)));
	int fd = rondo_open("file", O_RDWR | O_CREAT, 0600), direct_fd;

	(void)arg;
	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_pwrite_all(fd, buf, PAGE, 0, NULL), 0);
	CHECK_EQUAL(read_here(fd, buf, 512), 512);
	CHECK_EQUAL(position_of(fd), 512);
	direct_fd = rondo_open("file", O_RDONLY | O_DIRECT, 0);
	CHECK(direct_fd >= 0);
	CHECK_EQUAL(read_here(direct_fd, buf, 512), 512);
	CHECK_EQUAL(position_of(direct_fd), 0);
	CHECK_EQUAL(rondo_close(direct_fd), 0);
	return rondo_close(fd);
}

static void test_kn19_with_o_direct_the_position_stays_behind(void **state)
{
	struct met met = { 0 };

	(void)state;
	run_seeds(NULL, positions, &met);
}

/* --- a full disk ----------------------------------------------------------------------------- */

static int fill_disk(void *arg)
{
	enum { MANY = 5 << 20 };
	static unsigned char block[64 << 10];
	struct met *met = arg;
	int fd = rondo_open("big", O_RDWR | O_CREAT, 0600), ret = 0;
	size_t n = 0, done;
	struct statx st;

	CHECK(fd >= 0);
	while (ret == 0 && n < MANY) {
		ret = rondo_write_all(fd, block, sizeof(block), &done);
		n += done;
	}
	CHECK(ret == 0 || ret == -ENOSPC);
	CHECK_EQUAL(rondo_fstat(fd, &st), 0);
	CHECK_EQUAL(st.stx_size, n);
	met->n_full += ret == -ENOSPC;
	if (ret == -ENOSPC) {
		CHECK_EQUAL(rondo_fallocate(fd, 0, (int64_t)n + PAGE, PAGE), -ENOSPC);
		CHECK_EQUAL(rondo_mkdir("folder", 0700), -ENOSPC);
		CHECK_EQUAL(rondo_pwrite(fd, block, PAGE, 0), PAGE);	/* has its place */
		CHECK_EQUAL(rondo_unlink("big"), 0);
		CHECK_EQUAL(rondo_close(fd), 0);
		fd = make_file("big", block, PAGE);	/* what was deleted is free */
		CHECK(fd >= 0);
	}
	CHECK_EQUAL(outlast_faults(), 0);
	CHECK_EQUAL(rondo_fallocate(fd, 0, 0, MANY), 0);
	return rondo_close(fd);
}

static void test_a_small_disk_is_full_until_something_is_deleted(void **state)
{
	struct met met = { 0 };

	(void)state;
	run_seeds("DISK_SMALL", fill_disk, &met);
	assert_true(met.n_full > 0);
}

static int no_room(void *arg)
{
	static unsigned char block[SIZE];
	struct met *met = arg;
	int fd = rondo_open("file", O_RDWR | O_CREAT, 0600), n = 0;

	CHECK(fd >= 0);
	for (int i = 0; i < 50; i++) {
		ssize_t ret = rondo_pwrite(fd, block, SIZE, n);

		CHECK(ret == -ENOSPC || (ret > 0 && ret <= SIZE));
		met->n_full += ret == -ENOSPC;
		met->n_short_writes += ret > 0 && ret < SIZE;
		n += ret > 0 ? (int)ret : 0;
	}
	for (int i = 0; n && i < 50; i++)
		CHECK_EQUAL(rondo_pwrite(fd, block, 1, 0), 1);
	CHECK_EQUAL(outlast_faults(), 0);
	CHECK_EQUAL(rondo_pwrite(fd, block, SIZE, n), SIZE);
	return rondo_close(fd);
}

static void test_room_may_be_short_at_any_new_page_but_not_at_old_ones(void **state)
{
	struct met met = { 0 };

	(void)state;
	run_seeds("WRITE_ENOSPC", no_room, &met);
	assert_true(met.n_full > 0 && met.n_short_writes > 0);
}

/* --- bad sectors ----------------------------------------------------------------------------- */

static int bad_reads(void *arg)
{
	static unsigned char out[SIZE], in[SIZE];
	struct met *met = arg;
	size_t n = 0, again = 0;
	int fd, ret = 0;

	fill(out, SIZE, 5);
	fd = make_file("file", out, SIZE);
	CHECK(fd >= 0);
	for (int i = 0; i < 100; i++)		/* what is not on the disk cannot be bad there */
		CHECK_EQUAL(rondo_pread(fd, in, SIZE, 0), SIZE);
	CHECK_EQUAL(rondo_fsync(fd), 0);
	for (int i = 0; i < 50 && ret == 0; i++)
		ret = rondo_pread_exactly(fd, in, SIZE, 0, &n);
	CHECK(ret == 0 || ret == -EIO);
	CHECK(n % PAGE == 0 && !memcmp(in, out, n));
	if (ret == -EIO) {
		met->n_bad++;
		CHECK_EQUAL(rondo_pread_exactly(fd, in, SIZE, 0, &again), -EIO);
		CHECK(again <= n);		/* latched; perhaps another one before it by now */
		CHECK_EQUAL(rondo_pwrite(fd, out, 1, (int64_t)n + 1), -EIO);
		CHECK_EQUAL(rondo_pwrite(fd, out + n, PAGE, (int64_t)n), PAGE);	/* remapped */
	}
	CHECK_EQUAL(outlast_faults(), 0);
	CHECK_EQUAL(rondo_pread(fd, in, SIZE, 0), SIZE);
	CHECK(!memcmp(in, out, SIZE));
	return rondo_close(fd);
}

static void test_a_bad_sector_stays_bad_until_it_is_written(void **state)
{
	struct met met = { 0 };

	(void)state;
	run_seeds("READ_EIO", bad_reads, &met);
	assert_true(met.n_bad > 0);
}

static int bad_writes(void *arg)
{
	static unsigned char out[SIZE] __attribute__((aligned(PAGE)));
	struct met *met = arg;
	int fd = make_file("file", out, SIZE), ret = 0, direct_fd;

	CHECK(fd >= 0);
	for (int i = 0; i < 50 && ret == 0; i++) {
		CHECK_EQUAL(rondo_pwrite(fd, out, SIZE, 0), SIZE);	/* into the cache */
		ret = rondo_fsync(fd);
	}
	CHECK(ret == 0 || ret == -EIO);
	if (ret == -EIO) {
		met->n_bad++;
		CHECK_EQUAL(rondo_fsync(fd), 0);			/* nothing is dirty */
		CHECK_EQUAL(rondo_pwrite(fd, out, SIZE, 0), SIZE);
		CHECK_EQUAL(rondo_fsync(fd), -EIO);			/* latched */
		direct_fd = rondo_open("file", O_WRONLY | O_DIRECT, 0);
		CHECK(direct_fd >= 0);
		CHECK_EQUAL(rondo_pwrite(direct_fd, out, SIZE, 0), -EIO);
		CHECK_EQUAL(rondo_close(direct_fd), 0);
	}
	CHECK_EQUAL(outlast_faults(), 0);
	CHECK_EQUAL(rondo_pwrite(fd, out, SIZE, 0), SIZE);
	ret = rondo_fsync(fd);		/* may still tell of a write-back that failed */
	CHECK(ret == 0 || ret == -EIO);
	CHECK_EQUAL(rondo_fsync(fd), 0);
	return rondo_close(fd);
}

static void test_a_sector_that_cannot_be_written_fails_each_fsync(void **state)
{
	struct met met = { 0 };

	(void)state;
	run_seeds("WRITE_EIO", bad_writes, &met);
	assert_true(met.n_bad > 0);
}

/* --- fsync ----------------------------------------------------------------------------------- */

/* Write and sync until that fails. */
static int sync_until_failure(int fd, const unsigned char *bytes)
{
	int ret = 0;

	for (int i = 0; i < 100 && ret == 0; i++) {
		CHECK_EQUAL(rondo_pwrite(fd, bytes, SIZE, 0), SIZE);
		ret = rondo_fsync(fd);
	}
	return ret;
}

static int failed_sync(void *arg)
{
	static unsigned char old[SIZE], new[SIZE], in[SIZE];
	struct met *met = arg;
	int fd, other, later, ret;

	fill(old, SIZE, 7);
	fill(new, SIZE, 99);
	fd = make_file("file", old, SIZE);
	CHECK(fd >= 0);
	other = rondo_open("file", O_RDWR, 0);
	CHECK(other >= 0);
	if (rondo_fsync(fd) == 0) {
		ret = sync_until_failure(fd, new);
		CHECK(ret == 0 || ret == -EIO);
		if (ret == -EIO) {
			met->n_failed_syncs++;
			later = rondo_open("file", O_RDWR, 0);
			CHECK_EQUAL(rondo_fsync(fd), 0);	/* once, and then it says 0 (F52) */
			CHECK_EQUAL(rondo_fsync(other), -EIO);	/* told to who had it open */
			CHECK_EQUAL(rondo_fsync(other), 0);
			CHECK_EQUAL(rondo_fsync(later), 0);
			CHECK_EQUAL(rondo_close(later), 0);
			CHECK_EQUAL(rondo_pread(fd, in, SIZE, 0), SIZE);
			CHECK(!memcmp(in, new, SIZE));		/* still in the cache */
			CHECK_EQUAL(rondo_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
			CHECK_EQUAL(rondo_pread(fd, in, SIZE, 0), SIZE);
			met->n_stale += !memcmp(in, old, SIZE);	/* and never on the disk */
		}
	}
	CHECK_EQUAL(rondo_close(other), 0);
	return rondo_close(fd);
}

static void test_f52_fsync_fails_once_and_the_bytes_are_lost(void **state)
{
	struct met met = { 0 };

	(void)state;
	run_seeds("FSYNC_EIO", failed_sync, &met);
	assert_true(met.n_failed_syncs > 0);
	/* The first round of sync_until_failure() may have failed; then the disk has the old. */
	assert_true(met.n_stale > 0);
}

static int unseen_failure(void *arg)
{
	static unsigned char out[SIZE];
	struct met *met = arg;
	int fd = make_file("file", out, SIZE), ret;

	CHECK(fd >= 0);
	for (int i = 0; i < 20; i++) {		/* written back behind our back */
		CHECK_EQUAL(rondo_pwrite(fd, out, SIZE, 0), SIZE);
		CHECK_EQUAL(rondo_sleep(0.4), 0);
	}
	CHECK_EQUAL(rondo_close(fd), 0);
	CHECK_EQUAL(outlast_faults(), 0);
	fd = rondo_open("file", O_RDONLY, 0);
	CHECK(fd >= 0);
	ret = rondo_fsync(fd);
	CHECK(ret == 0 || ret == -EIO);
	met->n_failed_syncs += ret == -EIO;
	CHECK_EQUAL(rondo_fsync(fd), 0);
	return rondo_close(fd);
}

static void test_a_failed_write_back_is_told_to_who_opens_the_file_later(void **state)
{
	struct met met = { 0 };

	(void)state;
	run_seeds("WRITE_EIO", unseen_failure, &met);
	assert_true(met.n_failed_syncs > 0);
}

/* --- everything at once ---------------------------------------------------------------------- */

static int random_op(unsigned char *buf, int *fds)
{
	char name[] = "file-0", other[] = "file-0";
	size_t slot = rondo_sim_random() % 4;
	int64_t offset = (int64_t)(rondo_sim_random() % SIZE);
	size_t n = rondo_sim_random() % SIZE;

	name[5] = (char)('0' + rondo_sim_random() % 6);
	other[5] = (char)('0' + rondo_sim_random() % 6);
	switch (rondo_sim_random() % 9) {
	case 0:
		if (fds[slot] >= 0)
			rondo_close(fds[slot]);
		fds[slot] = rondo_open(name, O_RDWR | O_CREAT, 0600);
		return fds[slot] >= 0;
	case 1:
		return rondo_rename(name, other);
	case 2:
		return rondo_unlink(name);
	case 3:
		return rondo_fsync(fds[slot]);
	case 4:
		return rondo_fallocate(fds[slot], (int)(rondo_sim_random() % 2) * 3, offset,
				       (int64_t)n + 1);
	case 5:
		return rondo_link(name, other);
	case 6:
		return (int)rondo_pread(fds[slot], buf, n, offset);
	case 7:
		return rondo_ftruncate(fds[slot], offset);
	default:
		return (int)rondo_pwrite(fds[slot], buf, n, offset);
	}
}

/* All that can be seen of a run goes into a hash. */
static int random_ops(void *arg)
{
	static unsigned char buf[SIZE];
	struct met *met = arg;
	int fds[] = { -1, -1, -1, -1 };

	met->hash = UINT64_C(0xcbf29ce484222325);
	fill(buf, SIZE, 11);
	for (int i = 0; i < 300; i++) {
		int ret = random_op(buf, fds);

		met->hash = (met->hash ^ (uint64_t)(int64_t)ret) * UINT64_C(0x100000001b3);
		for (size_t k = 0; k < SIZE; k += 97)
			met->hash = (met->hash ^ buf[k]) * UINT64_C(0x100000001b3);
	}
	for (int i = 0; i < 4; i++)
		if (fds[i] >= 0)
			rondo_close(fds[i]);
	return 0;
}

static uint64_t hash_of_run(uint64_t seed, uint64_t *history)
{
	struct rondo_sim_stats stats;
	struct met met = { 0 };
	const struct rondo_sim_options o = {
		.seed = seed, .on_failure = rondo_sim_print_failure, .stats = &stats,
	};

	assert_int_equal(rondo_sim_run(&o, random_ops, &met), 0);
	*history = stats.hash;
	return met.hash;
}

static void test_equal_seeds_give_equal_bytes(void **state)
{
	uint64_t last = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++) {
		uint64_t history, again;
		uint64_t hash = hash_of_run(seed, &history);

		assert_true(hash == hash_of_run(seed, &again));
		assert_true(history == again);
		assert_true(history != last);
		last = history;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short_transfers_are_resumed_at_the_right_offset),
		cmocka_unit_test(test_o_direct_takes_whole_sectors_only),
		cmocka_unit_test(test_kn19_with_o_direct_the_position_stays_behind),
		cmocka_unit_test(test_a_small_disk_is_full_until_something_is_deleted),
		cmocka_unit_test(test_room_may_be_short_at_any_new_page_but_not_at_old_ones),
		cmocka_unit_test(test_a_bad_sector_stays_bad_until_it_is_written),
		cmocka_unit_test(test_a_sector_that_cannot_be_written_fails_each_fsync),
		cmocka_unit_test(test_f52_fsync_fails_once_and_the_bytes_are_lost),
		cmocka_unit_test(test_a_failed_write_back_is_told_to_who_opens_the_file_later),
		cmocka_unit_test(test_equal_seeds_give_equal_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
