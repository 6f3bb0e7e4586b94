/* SPDX-License-Identifier: MIT */
/* test_crash_names.c - names after a power cut. Goal: they go back to a moment of their history, so
 * that a program that syncs too little is found out, above all a copier (P15). Method: crash.h;
 * each outcome that is allowed has to come up on some seed, and no other. */
#include "sim/crash.h"

#include <linux/falloc.h>

/* --- names ----------------------------------------------------------------------------------- */

/* Replace the old file by rename, with some of the syncs that this takes. */
static int replace(bool sync_file, bool sync_folder)
{
	CHECK_EQUAL(make_old(), 0);
	CHECK(write_file("temporary", crash.new, sync_file) >= 0);
	CHECK_EQUAL(rondo_rename("temporary", "file"), 0);
	if (sync_folder)
		CHECK_EQUAL(sync_root(), 0);
	return cut_here();
}

static int replace_with_all_syncs(void *arg)
{
	(void)arg;
	return replace(true, true);
}

static int replace_without_folder(void *arg)
{
	(void)arg;
	return replace(true, false);
}

static int replace_without_file(void *arg)
{
	(void)arg;
	return replace(false, true);
}

static void test_a_rename_with_both_syncs_survives(void **state)
{
	(void)state;
	crash = (struct crash){ .writer = replace_with_all_syncs, .reader = count_file };
	run_seeds(false);
	assert_int_equal(crash.counts[NEW], N_SEEDS);
}

static void test_a_rename_whose_folder_was_not_synced_is_whole_or_lost(void **state)
{
	(void)state;
	crash = (struct crash){ .writer = replace_without_folder, .reader = count_file };
	run_seeds(false);
	assert_true(crash.counts[OLD] > 0 && crash.counts[NEW] > 0);
	assert_int_equal(crash.counts[OLD] + crash.counts[NEW], N_SEEDS);
}

static void test_a_rename_of_a_file_that_was_not_synced_may_empty_it(void **state)
{
	(void)state;
	crash = (struct crash){ .writer = replace_without_file, .reader = count_file };
	run_seeds(false);
	assert_true(crash.counts[EMPTY] > 0 && crash.counts[NEW] > 0);
	assert_true(crash.counts[MIXED_SECTORS] > 0);
	assert_int_equal(crash.counts[OLD] + crash.counts[MISSING] + crash.counts[GARBAGE], 0);
}

enum { N_NAMES = 10 };

static int make_folders(void *arg)
{
	char name[] = "folder-0";

	(void)arg;
	for (int i = 0; i < N_NAMES; i++, name[7]++) {
		CHECK_EQUAL(rondo_mkdir(name, 0700), 0);
		if (i == 4)
			CHECK_EQUAL(sync_root(), 0);
	}
	return cut_here();
}

static int count_folders(void *arg)
{
	char name[] = "folder-0";
	struct statx st;
	int n = 0;

	(void)arg;
	for (int i = 0; i < N_NAMES; i++, name[7]++) {
		int ret = rondo_stat(name, &st);

		CHECK(ret == 0 || ret == -ENOENT);
		CHECK(ret < 0 || n == i);	/* nothing is missing before it */
		n += ret == 0;
	}
	CHECK(n >= 5);
	crash.n |= 1 << n;
	return 0;
}

static void test_names_survive_in_order(void **state)
{
	(void)state;
	crash = (struct crash){ .writer = make_folders, .reader = count_folders };
	run_seeds(false);
	assert_int_equal(crash.n, 0x7e0);	/* five to ten of them, and each of that */
}

static int shuffle_names(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_mkdir("a", 0700), 0);
	CHECK_EQUAL(rondo_mkdir("a/b", 0700), 0);
	CHECK(write_file("a/b/file", crash.new, true) >= 0);
	CHECK_EQUAL(sync_root(), 0);
	CHECK_EQUAL(rondo_mkdir("c", 0700), 0);
	CHECK_EQUAL(rondo_rename("a/b", "c/d"), 0);
	CHECK_EQUAL(rondo_link("c/d/file", "hard"), 0);
	CHECK_EQUAL(rondo_unlink("c/d/file"), 0);
	CHECK_EQUAL(rondo_rmdir("c/d"), 0);
	CHECK_EQUAL(rondo_renameat2(AT_FDCWD, "hard", AT_FDCWD, "c", 1 << 1), 0);
	CHECK_EQUAL(rondo_unlink("c"), 0);
	return cut_here();
}

/* Wherever history was cut, the file has the right number of names, and the folders theirs. */
static int check_shuffled(void *arg)
{
	static const char *const names[] = { "a/b/file", "c/d/file", "hard", "c" };
	struct statx st;
	uint32_t n_links = 0, n_names = 0;

	(void)arg;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (rondo_stat(names[i], &st) < 0 || S_ISDIR(st.stx_mode))
			continue;
		n_names++;
		n_links = st.stx_nlink;
		CHECK_EQUAL(read_whole(names[i], &(enum outcome){ 0 }), 0);
		CHECK(!memcmp(crash.got, crash.new, SIZE));
	}
	CHECK_EQUAL(n_links, n_names);
	crash.counts[n_names]++;
	if (rondo_stat("a", &st) == 0)
		CHECK_EQUAL(st.stx_nlink, rondo_stat("a/b", &st) == 0 ? 3 : 2);
	if (rondo_stat("c/d/..", &st) == 0)
		CHECK_EQUAL(st.stx_nlink, 3);
	return 0;
}

static void test_a_history_of_names_is_undone_from_its_end(void **state)
{
	(void)state;
	crash = (struct crash){ .writer = shuffle_names, .reader = check_shuffled };
	run_seeds(false);
	assert_true(crash.counts[0] > 0 && crash.counts[1] > 0 && crash.counts[2] > 0);
}

static int set_attributes(void *arg)
{
	(void)arg;
	CHECK_EQUAL(make_old(), 0);
	CHECK_EQUAL(rondo_setxattr("file", "user.a", "1", 1, 0), 0);
	CHECK_EQUAL(rondo_setxattr("file", "user.a", "22", 2, 0), 0);
	return cut_here();
}

static int count_attributes(void *arg)
{
	char value[8];
	ssize_t n = rondo_getxattr("file", "user.a", value, sizeof(value));

	(void)arg;
	CHECK(n == -ENODATA || n == 1 || n == 2);
	crash.counts[n < 0 ? 0 : n]++;
	return 0;
}

static void test_attributes_are_undone_too(void **state)
{
	(void)state;
	crash = (struct crash){ .writer = set_attributes, .reader = count_attributes };
	run_seeds(false);
	assert_true(crash.counts[0] > 0 && crash.counts[1] > 0 && crash.counts[2] > 0);
}

/* --- the copier, with everything that can go wrong ------------------------------------------- */

static int put(const char *name, const unsigned char *bytes, bool sync)
{
	int fd = rondo_open(name, O_WRONLY | O_CREAT | O_EXCL, 0600), ret;

	if (fd < 0)
		return fd;
	ret = rondo_fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, SIZE);
	if (ret == 0)
		ret = rondo_pwrite_all(fd, bytes, SIZE, 0, NULL);
	if (ret == 0 && sync)
		ret = rondo_fsync(fd);
	rondo_close(fd);
	return ret;
}

/* tools/cp.c in small: into a temporary name, synced, renamed, the folder synced. */
static int copy(bool sync)
{
	int ret = put("file", crash.old, true);

	if (ret == 0)
		ret = sync_root();
	if (ret < 0)
		return 0;		/* a fault was there first: no old file to keep */
	crash.n = 1;
	ret = put("temporary", crash.new, sync);
	if (ret == 0)
		ret = rondo_rename("temporary", "file");
	if (ret == 0)
		ret = sync_root();
	crash.told_done = ret == 0;
	return rondo_sleep(1000);	/* to be cut off before */
}

static int copy_well(void *arg)
{
	(void)arg;
	return copy(true);
}

static int copy_badly(void *arg)
{
	(void)arg;
	return copy(false);
}

static int judge_copy(void *arg)
{
	enum outcome outcome;
	int ret;

	(void)arg;
	do {				/* a bad sector is bad until faults are over */
		ret = read_whole("file", &outcome);
		if (ret < 0 && rondo_sleep(5) < 0)
			return -1;
	} while (ret < 0);
	if (crash.n && (outcome != NEW && (outcome != OLD || crash.told_done)))
		crash.counts[GARBAGE]++;
	else if (crash.n)
		crash.counts[outcome]++;
	crash.n = 0;
	return 0;
}

static void test_p15_a_copier_that_syncs_leaves_the_old_file_or_the_new(void **state)
{
	(void)state;
	crash = (struct crash){ .writer = copy_well, .reader = judge_copy, .cut_s = 0.02 };
	run_seeds(true);
	assert_int_equal(crash.counts[GARBAGE], 0);
	assert_true(crash.counts[OLD] > 0 && crash.counts[NEW] > 0);
}

static void test_p15_a_copier_that_does_not_is_found_out(void **state)
{
	(void)state;
	crash = (struct crash){ .writer = copy_badly, .reader = judge_copy, .cut_s = 0.02 };
	run_seeds(true);
	assert_true(crash.counts[GARBAGE] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_rename_with_both_syncs_survives),
		cmocka_unit_test(test_a_rename_whose_folder_was_not_synced_is_whole_or_lost),
		cmocka_unit_test(test_a_rename_of_a_file_that_was_not_synced_may_empty_it),
		cmocka_unit_test(test_names_survive_in_order),
		cmocka_unit_test(test_a_history_of_names_is_undone_from_its_end),
		cmocka_unit_test(test_attributes_are_undone_too),
		cmocka_unit_test(test_p15_a_copier_that_syncs_leaves_the_old_file_or_the_new),
		cmocka_unit_test(test_p15_a_copier_that_does_not_is_found_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
