/* SPDX-License-Identifier: MIT */
/* test_crash_random.c - a power cut after any sequence of writes, truncations, holes and syncs.
 * Goal: no byte comes back that the program had not written, or had synced something newer over.
 * Method: a model keeps, for each byte and for the size, what it may be after a crash: all that it
 * has been since the last fsync that succeeded, if none has failed by then. */
#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <rondo.h>

#include "rondo_sim.h"

enum { SIZE = 5 * 4096, N_OPS = 40, N_SEEDS = 300 };

static struct model {
	int host;
	bool is_cut, is_ready;
	bool failed;			/* a sync has failed: what is on the disk stays unknown */
	size_t size;
	unsigned char now[SIZE];
	bool may_be_size[SIZE + 1];
	bool may_be[SIZE][N_OPS + 1];	/* operation i writes bytes of value i; 0 is a hole */
	unsigned char got[SIZE];
	int n_cases[4];			/* crashes that lost nothing, bytes, size; failed syncs */
} model;

static void set_size(size_t size)
{
	if (size < model.size) {
		memset(model.now + size, 0, model.size - size);
		for (size_t i = size; i < model.size; i++)
			model.may_be[i][0] = true;
	}
	model.size = size;
	model.may_be_size[size] = true;
}

static void set_bytes(size_t offset, size_t n, int value)
{
	for (size_t i = offset; i < offset + n; i++) {
		model.now[i] = (unsigned char)value;
		model.may_be[i][value] = true;
	}
}

static void synced(int ret)
{
	model.failed |= ret < 0;
	if (model.failed)
		return;
	memset(model.may_be_size, 0, sizeof(model.may_be_size));
	memset(model.may_be, 0, sizeof(model.may_be));
	model.may_be_size[model.size] = true;
	for (size_t i = 0; i < SIZE; i++)
		model.may_be[i][model.now[i]] = true;
}

/* --- the writer ------------------------------------------------------------------------------ */

static void write_some(int fd, int value)
{
	static unsigned char bytes[SIZE];
	size_t offset = rondo_sim_random() % SIZE, n = 1 + rondo_sim_random() % (SIZE - offset);
	ssize_t ret;

	memset(bytes, value, n);
	ret = rondo_pwrite(fd, bytes, n, (int64_t)offset);
	if (ret <= 0)
		return;
	set_bytes(offset, (size_t)ret, value);
	if (offset + (size_t)ret > model.size)
		set_size(offset + (size_t)ret);
}

static void truncate_some(int fd)
{
	size_t size = rondo_sim_random() % SIZE;

	if (rondo_ftruncate(fd, (int64_t)size) == 0)
		set_size(size);
}

static void punch_some(int fd)
{
	size_t offset = rondo_sim_random() % SIZE, n = 1 + rondo_sim_random() % (SIZE - offset);

	if (rondo_fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (int64_t)offset,
			    (int64_t)n) == 0)
		set_bytes(offset, n, 0);
}

static int make_file(void)
{
	int fd = rondo_open("file", O_RDWR | O_CREAT | O_EXCL, 0600), dir, ret;

	if (fd < 0)
		return fd;
	dir = rondo_open(".", O_RDONLY | O_DIRECTORY, 0);
	ret = dir < 0 ? dir : rondo_fsync(dir);
	if (dir >= 0)
		rondo_close(dir);
	if (ret < 0)
		rondo_close(fd);
	return ret < 0 ? ret : fd;
}

static int write_and_crash(void *arg)
{
	int fd = make_file(), n_ops = 1 + (int)(rondo_sim_random() % N_OPS);

	(void)arg;
	model.is_ready = fd >= 0;
	synced(0);
	for (int i = 1; model.is_ready && i <= n_ops; i++) {
		uint64_t what = rondo_sim_random() % 16;

		if (what < 8)
			write_some(fd, i);
		else if (what < 11)
			truncate_some(fd);
		else if (what < 13)
			punch_some(fd);
		else if (what < 15)
			synced(rondo_fsync(fd));
		else if (rondo_sleep((double)(rondo_sim_random() % 2000) / 1000) < 0)
			return -1;
	}
	model.is_cut = true;
	return rondo_sim_cut_power(model.host);
}

/* --- the reader ------------------------------------------------------------------------------ */

static int read_all(size_t *n)
{
	int fd = rondo_open("file", O_RDONLY, 0), ret;

	if (fd < 0)
		return fd;
	ret = rondo_pread_exactly(fd, model.got, SIZE, 0, n);
	CHECK_EQUAL(rondo_close(fd), 0);
	return ret == -RONDO_EINCOMPLETE ? 0 : ret;
}

/* What a lost end has left on the disk must not be seen when the file grows again. */
static int grow_again(size_t n)
{
	int fd = rondo_open("file", O_RDWR, 0);

	CHECK(fd >= 0);
	while (rondo_pwrite(fd, "x", 1, SIZE - 1) != 1)
		CHECK_EQUAL(rondo_sleep(5), 0);		/* until faults are over */
	CHECK_EQUAL(rondo_pread_exactly(fd, model.got, SIZE, 0, NULL), 0);
	for (size_t i = n; i < SIZE - 1; i++)
		CHECK_EQUAL(model.got[i], 0);
	return rondo_close(fd);
}

static int judge(void *arg)
{
	size_t n = 0;
	int ret;

	(void)arg;
	if (!model.is_ready)
		return 0;
	while ((ret = read_all(&n)) == -EIO)		/* until faults are over */
		CHECK_EQUAL(rondo_sleep(5), 0);
	CHECK_EQUAL(ret, 0);
	CHECK(n <= SIZE && model.may_be_size[n]);
	for (size_t i = 0; i < n; i++)
		CHECK(model.got[i] <= N_OPS && model.may_be[i][model.got[i]]);
	model.n_cases[0] += n == model.size && !memcmp(model.got, model.now, n);
	model.n_cases[1] += n == model.size && memcmp(model.got, model.now, n);
	model.n_cases[2] += n != model.size;
	model.n_cases[3] += model.failed;
	CHECK_EQUAL(rondo_sleep(11), 0);		/* no more faults */
	return grow_again(n);
}

static int wait_for_end(void)
{
	int result = 0;

	while (!rondo_sim_host_result(model.host, &result))
		CHECK_EQUAL(rondo_sleep(0.01), 0);
	return result;
}

static int crash_and_judge(void *arg)
{
	(void)arg;
	model.host = rondo_sim_start_host("disk", write_and_crash, NULL);
	CHECK(model.host > 0);
	while (!model.is_cut)
		CHECK_EQUAL(rondo_sleep(0.01), 0);
	CHECK_EQUAL(rondo_sleep(0.01), 0);
	CHECK_EQUAL(rondo_sim_restart_host(model.host, judge, NULL), 0);
	return wait_for_end();
}

static void run_seeds(const char *faults)
{
	int n_cases[4] = { 0 };

	for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
		const struct rondo_sim_options o = {
			.seed = seed, .no_faults = !faults, .only_faults = faults,
			.on_failure = rondo_sim_print_failure,
		};
		int ret;

		memset(&model, 0, sizeof(model));
		ret = rondo_sim_run(&o, crash_and_judge, NULL);
		if (ret < 0)
			print_error("seed %llu\n", (unsigned long long)seed);
		assert_checks_passed();
		assert_int_equal(ret, 0);
		for (int i = 0; i < 4; i++)
			n_cases[i] += model.n_cases[i];
	}
	print_message("nothing lost %d, bytes lost %d, size lost %d; syncs failed %d\n", n_cases[0],
		      n_cases[1], n_cases[2], n_cases[3]);
	assert_true(n_cases[0] && n_cases[1] && n_cases[2] && (n_cases[3] || !faults));
}

static void test_every_byte_after_a_crash_was_one_before(void **state)
{
	(void)state;
	run_seeds(NULL);
}

static void test_a_failing_disk_lies_no_more_than_its_errors_say(void **state)
{
	(void)state;
	run_seeds("READ_EIO,WRITE_EIO,WRITE_ENOSPC,FSYNC_EIO,SHORT_WRITE,SHORT_READ,DISK_SLOW");
}

/* What is left by a crash, with all faults that there are. */
static uint64_t history_of(uint64_t seed)
{
	struct rondo_sim_stats stats;
	const struct rondo_sim_options o = { .seed = seed, .stats = &stats };

	memset(&model, 0, sizeof(model));
	assert_true(rondo_sim_run(&o, crash_and_judge, NULL) <= 0);
	check_failure[0] = '\0';		/* the writer is not made for all of them */
	return stats.hash;
}

static void test_equal_seeds_crash_alike(void **state)
{
	static unsigned char first[SIZE];

	(void)state;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		uint64_t history = history_of(seed);

		memcpy(first, model.got, SIZE);
		assert_true(history == history_of(seed));
		assert_memory_equal(first, model.got, SIZE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_byte_after_a_crash_was_one_before),
		cmocka_unit_test(test_a_failing_disk_lies_no_more_than_its_errors_say),
		cmocka_unit_test(test_equal_seeds_crash_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
