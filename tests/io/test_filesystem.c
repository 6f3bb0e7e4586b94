/* SPDX-License-Identifier: MIT */
/* test_filesystem.c - names and metadata. Goal: the matrix and the errors of every verb that
 * takes a path, and that each does to the folder what its system call would. Method: each case
 * starts with one known file, and is cleaned of whatever names the verb may have made, cancelled
 * or not. */
#include "support/folder.h"
#include "support/matrix.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "rondo/file.h"

enum { SIZE = 5 };

static int fd = -1;
static char value[16];

static int make_file(void *ctx)
{
	(void)ctx;
	fd = open("file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return fd >= 0 && write(fd, "hello", SIZE) == SIZE ? 0 : -1;
}

static void clean(void *ctx)
{
	static const char *const names[] = { "file", "new", "link" };

	(void)ctx;
	close(fd);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(names[i]);
	rmdir("folder");
}

static int start_statx(void *ctx)
{
	struct statx st = { 0 };
	int ret = rondo_statx(AT_FDCWD, "file", AT_SYMLINK_NOFOLLOW, STATX_SIZE, &st);

	(void)ctx;
	return ret == 0 && st.stx_size != SIZE ? -EILSEQ : ret;
}

static int start_stat(void *ctx)
{
	struct statx st = { 0 };
	int ret = rondo_stat("file", &st);

	(void)ctx;
	return ret == 0 && st.stx_size != SIZE ? -EILSEQ : ret;
}

static int start_fstat(void *ctx)
{
	struct statx st = { 0 };
	int ret = rondo_fstat(fd, &st);

	(void)ctx;
	return ret == 0 && st.stx_size != SIZE ? -EILSEQ : ret;
}

static int start_rename(void *ctx)
{
	(void)ctx;
	return rondo_rename("file", "new");
}

static int start_unlink(void *ctx)
{
	(void)ctx;
	return rondo_unlink("file");
}

static int start_mkdir(void *ctx)
{
	(void)ctx;
	return rondo_mkdir("folder", 0700);
}

static int start_rmdir(void *ctx)
{
	(void)ctx;
	return mkdir("folder", 0700) < 0 && errno != EEXIST ? -errno : rondo_rmdir("folder");
}

static int start_symlink(void *ctx)
{
	(void)ctx;
	return rondo_symlink("file", "link");
}

static int start_link(void *ctx)
{
	(void)ctx;
	return rondo_link("file", "link");
}

static void check_verb(const char *name, rondo_fn *start, int result)
{
	const struct matrix_verb v = {
		.start = start, .prepare = make_file, .clean = clean, .result = result,
	};

	matrix_check(name, &v);
}

static void test_describing(void **state)
{
	(void)state;
	check_verb("statx", start_statx, 0);
	check_verb("stat", start_stat, 0);
	check_verb("fstat", start_fstat, 0);
}

static void test_naming(void **state)
{
	(void)state;
	check_verb("rename", start_rename, 0);
	check_verb("unlink", start_unlink, 0);
	check_verb("symlink", start_symlink, 0);
	check_verb("link", start_link, 0);
}

static void test_folders(void **state)
{
	(void)state;
	check_verb("mkdir", start_mkdir, 0);
	check_verb("rmdir", start_rmdir, 0);
}

/* --- extended attributes --------------------------------------------------------------------- */

static int start_setxattr(void *ctx)
{
	(void)ctx;
	return rondo_setxattr("file", "user.rondo", "value", 5, 0);
}

static int start_fsetxattr(void *ctx)
{
	(void)ctx;
	return rondo_fsetxattr(fd, "user.rondo", "value", 5, 0);
}

static int with_attribute(void)
{
	return fsetxattr(fd, "user.rondo", "value", 5, 0) < 0 ? -errno : 0;
}

static int got_value(ssize_t ret)
{
	return ret == 5 && memcmp(value, "value", 5) != 0 ? -EILSEQ : (int)ret;
}

static int start_getxattr(void *ctx)
{
	int ret = with_attribute();

	(void)ctx;
	memset(value, 0, sizeof(value));
	if (ret == 0)
		ret = got_value(rondo_getxattr("file", "user.rondo", value, sizeof(value)));
	return ret;
}

static int start_fgetxattr(void *ctx)
{
	int ret = with_attribute();

	(void)ctx;
	memset(value, 0, sizeof(value));
	return ret < 0 ? ret : got_value(rondo_fgetxattr(fd, "user.rondo", value, sizeof(value)));
}

static int uses_attributes(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_getxattr("file", "user.rondo", value, sizeof(value)), -ENODATA);
	CHECK_EQUAL(rondo_setxattr("file", "user.rondo", "v", 1, XATTR_REPLACE), -ENODATA);
	CHECK_EQUAL(rondo_setxattr("file", "user.rondo", "value", 5, XATTR_CREATE), 0);
	CHECK_EQUAL(rondo_fsetxattr(fd, "user.rondo", "v", 1, XATTR_CREATE), -EEXIST);
	CHECK_EQUAL(rondo_getxattr("file", "user.rondo", NULL, 0), 5);
	CHECK_EQUAL(rondo_fgetxattr(fd, "user.rondo", value, 2), -ERANGE);
	CHECK_EQUAL(rondo_getxattr("none", "user.rondo", value, 2), -ENOENT);
	CHECK_EQUAL(rondo_setxattr("none", "user.rondo", "v", 1, 0), -ENOENT);
	CHECK_EQUAL(rondo_fgetxattr(-1, "user.rondo", value, 2), -EBADF);
	CHECK_EQUAL(rondo_fsetxattr(-1, "user.rondo", "v", 1, 0), -EBADF);
	CHECK_EQUAL(rondo_fsetxattr(fd, "user.rondo", "v", ((size_t)1 << 32) + 1, 0), -E2BIG);
	CHECK_EQUAL(rondo_getxattr("file", "nowhere.rondo", value, 2), -EOPNOTSUPP);
	return 0;
}

static bool has_attributes(void)
{
	bool has = make_file(NULL) == 0 && with_attribute() == 0;

	clean(NULL);
	return has;
}

static void test_attributes(void **state)
{
	(void)state;
	if (!has_attributes()) {
		print_message("skipped: the temporary folder has no user attributes\n");
		skip();
	}
	check_verb("setxattr", start_setxattr, 0);
	check_verb("fsetxattr", start_fsetxattr, 0);
	check_verb("getxattr", start_getxattr, 5);
	check_verb("fgetxattr", start_fgetxattr, 5);
	assert_int_equal(make_file(NULL), 0);
	assert_int_equal(rondo_run(uses_attributes, NULL), 0);
	assert_checks_passed();
	clean(NULL);
}

/* --- what they do ---------------------------------------------------------------------------- */

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static int renames(void *arg)
{
	int dir = open("folder", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)arg;
	CHECK_EQUAL(rondo_rename("file", "new"), 0);
	CHECK(!exists("file") && exists("new"));
	CHECK_EQUAL(rondo_rename("file", "new"), -ENOENT);
	CHECK_EQUAL(rondo_renameat2(AT_FDCWD, "new", dir, "inside", 0), 0);
	CHECK(exists("folder/inside"));
	CHECK_EQUAL(link("folder/inside", "file"), 0);
	CHECK_EQUAL(rondo_renameat2(dir, "inside", AT_FDCWD, "file", RENAME_NOREPLACE), -EEXIST);
	CHECK_EQUAL(rondo_renameat2(dir, "inside", AT_FDCWD, "file", ~0u), -EINVAL);
	CHECK_EQUAL(rondo_renameat2(-1, "inside", AT_FDCWD, "file", 0), -EBADF);
	CHECK_EQUAL(rondo_rename("folder", "file"), -ENOTDIR);
	CHECK_EQUAL(rondo_unlinkat(dir, "inside", 0), 0);
	CHECK(!exists("folder/inside"));
	return close(dir);
}

static int removes(void *arg)
{
	struct stat st;

	(void)arg;
	CHECK_EQUAL(rondo_unlink("none"), -ENOENT);
	CHECK_EQUAL(rondo_unlink("folder"), -EISDIR);
	CHECK_EQUAL(rondo_rmdir("file"), -ENOTDIR);
	CHECK_EQUAL(rondo_mkdir("folder", 0700), -EEXIST);
	CHECK_EQUAL(rondo_mkdir("none/folder", 0700), -ENOENT);
	CHECK_EQUAL(rondo_mkdirat(AT_FDCWD, "folder/below", 0750), 0);
	CHECK_EQUAL(stat("folder/below", &st), 0);
	CHECK_EQUAL(st.st_mode, S_IFDIR | 0750);
	CHECK_EQUAL(rondo_rmdir("folder"), -ENOTEMPTY);
	CHECK_EQUAL(rondo_unlinkat(AT_FDCWD, "folder/below", AT_REMOVEDIR), 0);
	CHECK_EQUAL(rondo_unlinkat(-1, "below", 0), -EBADF);
	CHECK_EQUAL(rondo_unlink("file"), 0);
	CHECK(!exists("file"));
	return 0;
}

static int links(void *arg)
{
	char target[8] = "";
	struct stat st;

	(void)arg;
	CHECK_EQUAL(rondo_symlink("anything", "link"), 0);
	CHECK_EQUAL(readlink("link", target, sizeof(target)), 8);
	CHECK_EQUAL(memcmp(target, "anything", 8), 0);
	CHECK_EQUAL(rondo_symlink("anything", "link"), -EEXIST);
	CHECK_EQUAL(rondo_symlinkat("anything", -1, "link"), -EBADF);
	CHECK_EQUAL(rondo_link("file", "new"), 0);
	CHECK_EQUAL(rondo_link("file", "new"), -EEXIST);
	CHECK_EQUAL(rondo_link("none", "folder/new"), -ENOENT);
	CHECK_EQUAL(fstat(fd, &st), 0);
	CHECK_EQUAL(st.st_nlink, 2);
	if (geteuid() != 0)			/* before 6.10, linking what is open is root's */
		return 0;
	CHECK_EQUAL(rondo_linkat(fd, "", AT_FDCWD, "folder/new", AT_EMPTY_PATH), 0);
	CHECK_EQUAL(fstat(fd, &st), 0);
	CHECK_EQUAL(st.st_nlink, 3);
	return unlink("folder/new");
}

static int describes(void *arg)
{
	struct statx st = { .stx_size = 99 };

	(void)arg;
	CHECK_EQUAL(rondo_stat("none", &st), -ENOENT);
	CHECK_EQUAL(rondo_stat("file/x", &st), -ENOTDIR);
	CHECK_EQUAL(rondo_fstat(-1, &st), -EBADF);
	CHECK_EQUAL(rondo_fstat(AT_FDCWD, &st), -EBADF);
	CHECK_EQUAL(rondo_statx(AT_FDCWD, "file", 1 << 30, STATX_SIZE, &st), -EINVAL);
	CHECK_EQUAL(st.stx_size, 99);		/* failures leave it alone */
	CHECK_EQUAL(symlink("file", "link"), 0);
	CHECK_EQUAL(rondo_stat("link", &st), 0);
	CHECK_EQUAL(st.stx_mode, S_IFREG | 0600);
	CHECK_EQUAL(rondo_statx(AT_FDCWD, "link", AT_SYMLINK_NOFOLLOW, STATX_MODE, &st), 0);
	CHECK(S_ISLNK(st.stx_mode));
	return 0;
}

static void run_with_world(rondo_fn *main_fn)
{
	int n_fds = count_fds();

	assert_int_equal(make_file(NULL), 0);
	assert_int_equal(mkdir("folder", 0700), 0);
	assert_int_equal(rondo_run(main_fn, NULL), 0);
	assert_checks_passed();
	clean(NULL);
	assert_int_equal(count_fds(), n_fds);
}

static void test_renames_move_and_refuse_to_replace(void **state)
{
	(void)state;
	run_with_world(renames);
}

static void test_files_and_folders_are_removed_each_by_its_verb(void **state)
{
	(void)state;
	run_with_world(removes);
}

static void test_links_are_made(void **state)
{
	(void)state;
	run_with_world(links);
}

static void test_what_is_described_is_what_was_named(void **state)
{
	(void)state;
	run_with_world(describes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_describing),
		cmocka_unit_test(test_naming),
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_attributes),
		cmocka_unit_test(test_renames_move_and_refuse_to_replace),
		cmocka_unit_test(test_files_and_folders_are_removed_each_by_its_verb),
		cmocka_unit_test(test_links_are_made),
		cmocka_unit_test(test_what_is_described_is_what_was_named),
	};

	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
