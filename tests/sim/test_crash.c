/* SPDX-License-Identifier: MIT */
/* test_crash.c - the contents of files after a power cut. Goal: what was synced survives, and what
 * was not may be kept, lost or torn, sector by sector. Method: crash.h; each outcome that is
 * allowed has to come up on some seed, and no other. */
#include "sim/crash.h"

#include <linux/falloc.h>

/* --- contents -------------------------------------------------------------------------------- */

static int write_and_sync(void *arg)
{
	(void)arg;
	CHECK_EQUAL(make_old(), 0);
	CHECK(write_file("file", crash.new, true) >= 0);
	return cut_here();
}

static void test_what_was_synced_survives(void **state)
{
	(void)state;
	crash = (struct crash){ .writer = write_and_sync, .reader = count_file };
	run_seeds(false);
	assert_int_equal(crash.counts[NEW], N_SEEDS);
}

static int overwrite(void *arg)
{
	(void)arg;
	CHECK_EQUAL(make_old(), 0);
	CHECK(write_file("file", crash.new, false) >= 0);
	return cut_here();
}

static void test_what_was_not_synced_is_kept_lost_or_torn(void **state)
{
	(void)state;
	crash = (struct crash){ .writer = overwrite, .reader = count_file };
	run_seeds(false);
	assert_true(crash.counts[OLD] > 0 && crash.counts[NEW] > 0 && crash.counts[MIXED_SECTORS]);
	assert_int_equal(crash.counts[OLD] + crash.counts[NEW] + crash.counts[MIXED_SECTORS],
			 N_SEEDS);
}

static int overwrite_and_wait(void *arg)
{
	(void)arg;
	CHECK_EQUAL(make_old(), 0);
	CHECK(write_file("file", crash.new, false) >= 0);
	CHECK_EQUAL(rondo_sleep(40), 0);
	return cut_here();
}

static void test_after_a_while_everything_is_on_the_disk(void **state)
{
	(void)state;
	crash = (struct crash){ .writer = overwrite_and_wait, .reader = count_file };
	run_seeds(false);
	assert_int_equal(crash.counts[NEW], N_SEEDS);
}

static int overwrite_and_end(void *arg)
{
	int fd;

	(void)arg;
	CHECK_EQUAL(make_old(), 0);
	fd = write_file("file", crash.new, false);
	CHECK(fd >= 0);
	return rondo_close(fd);
}

static void test_a_clean_end_loses_nothing(void **state)
{
	(void)state;
	crash = (struct crash){
		.writer = overwrite_and_end, .reader = count_file, .clean = true,
	};
	run_seeds(false);
	assert_int_equal(crash.counts[NEW], N_SEEDS);
}

static int truncate_and_rewrite(void *arg)
{
	int fd;

	(void)arg;
	CHECK_EQUAL(make_old(), 0);
	fd = rondo_open("file", O_WRONLY | O_TRUNC, 0);
	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_pwrite_all(fd, crash.new, SIZE, 0, NULL), 0);
	return cut_here();
}

/* Bytes that were cut off never come back beside newer ones. */
static int count_rewritten(void *arg)
{
	enum outcome outcome;
	int n_old = 0, n_others = 0;

	(void)arg;
	CHECK_EQUAL(read_whole("file", &outcome), 0);
	crash.counts[outcome]++;
	for (size_t i = 0; outcome == MIXED_SECTORS && i < N_SECTORS; i++) {
		bool old = !memcmp(crash.got + i * SECTOR, crash.old + i * SECTOR, SECTOR);

		n_old += old;
		n_others += !old;
	}
	CHECK(!n_old || !n_others);
	return 0;
}

static void test_truncated_bytes_do_not_come_back_among_new_ones(void **state)
{
	(void)state;
	crash = (struct crash){ .writer = truncate_and_rewrite, .reader = count_rewritten };
	run_seeds(false);
	assert_true(crash.counts[OLD] && crash.counts[EMPTY] && crash.counts[NEW] &&
		    crash.counts[MIXED_SECTORS]);
	assert_int_equal(crash.counts[MISSING] + crash.counts[GARBAGE], 0);
}

static int punch(void *arg)
{
	int fd;

	(void)arg;
	CHECK_EQUAL(make_old(), 0);
	fd = rondo_open("file", O_WRONLY, 0);
	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100,
				    SIZE - 200), 0);
	return cut_here();
}

static int count_punched(void *arg)
{
	enum outcome outcome;
	bool is_hole;

	(void)arg;
	CHECK_EQUAL(read_whole("file", &outcome), 0);
	is_hole = all_zero(crash.got + 100, SIZE - 200);
	CHECK(!memcmp(crash.got, crash.old, 100));
	CHECK(is_hole || !memcmp(crash.got, crash.old, SIZE));
	crash.counts[is_hole ? NEW : OLD]++;
	return 0;
}

static void test_a_hole_is_there_or_not(void **state)
{
	(void)state;
	crash = (struct crash){ .writer = punch, .reader = count_punched };
	run_seeds(false);
	assert_true(crash.counts[OLD] && crash.counts[NEW]);
	assert_int_equal(crash.counts[OLD] + crash.counts[NEW], N_SEEDS);
}

/* A sync that failed is final for the bytes that it was for; what is written again is not lost. */
static int write_again(void *arg)
{
	int fd, ret = 0;

	(void)arg;
	fd = rondo_open("file", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	while (sync_root() < 0)
		continue;
	for (int i = 0; i < 50 && ret == 0; i++) {
		CHECK_EQUAL(rondo_pwrite_all(fd, crash.old, SIZE, 0, NULL), 0);
		ret = rondo_fsync(fd);
	}
	crash.n += ret < 0;
	do
		CHECK_EQUAL(rondo_pwrite_all(fd, crash.new, SIZE, 0, NULL), 0);
	while (rondo_fsync(fd) < 0);
	return cut_here();
}

static void test_what_is_written_again_after_a_failed_fsync_survives(void **state)
{
	(void)state;
	crash = (struct crash){
		.writer = write_again, .reader = count_file, .only_faults = "FSYNC_EIO",
	};
	run_seeds(true);
	assert_true(crash.n > 0);
	assert_int_equal(crash.counts[NEW], N_SEEDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_synced_survives),
		cmocka_unit_test(test_what_was_not_synced_is_kept_lost_or_torn),
		cmocka_unit_test(test_after_a_while_everything_is_on_the_disk),
		cmocka_unit_test(test_a_clean_end_loses_nothing),
		cmocka_unit_test(test_truncated_bytes_do_not_come_back_among_new_ones),
		cmocka_unit_test(test_a_hole_is_there_or_not),
		cmocka_unit_test(test_what_is_written_again_after_a_failed_fsync_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
