/* SPDX-License-Identifier: MIT */
/* conformance_files.h - scripts: names and metadata of files. */
#ifndef RONDO_TESTS_CONFORMANCE_FILES_H
#define RONDO_TESTS_CONFORMANCE_FILES_H

#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "sim/conformance.h"

/* --- OPENAT, OPENAT2 ------------------------------------------------------------------------- */

static void open_it(struct conf *c, const char *path, int flags)
{
	ADD(c, 1, openat, c->root, path, flags | O_CLOEXEC, 0644);
	wait_for(c, 1);
	gives_fds(c, 1);
}

static void open_new(struct conf *c)
{
	open_it(c, "new", O_CREAT | O_EXCL | O_WRONLY);
}

static void open_old(struct conf *c)
{
	make_file(c, "old", "text");
	open_it(c, "old", O_RDONLY);
}

static void open_missing(struct conf *c)
{
	open_it(c, "missing", O_RDONLY);
}

static void open_exclusively(struct conf *c)
{
	make_file(c, "old", "text");
	open_it(c, "old", O_CREAT | O_EXCL | O_WRONLY);
}

static void open_folder_to_write(struct conf *c)
{
	make_folder(c, "d");
	open_it(c, "d", O_WRONLY);
}

static void open_file_as_folder(struct conf *c)
{
	make_file(c, "old", "text");
	open_it(c, "old", O_RDONLY | O_DIRECTORY);
}

static void open_below_a_file(struct conf *c)
{
	make_file(c, "old", "text");
	open_it(c, "old/x", O_RDONLY);
}

static void open_without_a_name(struct conf *c)
{
	open_it(c, "", O_RDONLY);
}

static void open_bad_name(struct conf *c)
{
	open_it(c, NULL, O_RDONLY);
}

static void open_long_name(struct conf *c)
{
	memset(c->other, 'a', 300);
	open_it(c, c->other, O_RDONLY);
}

static void open_at_bad_folder(struct conf *c)
{
	ADD(c, 1, openat, -1, "x", O_RDONLY, 0);
	wait_for(c, 1);
}

static void open_at_a_pipe(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, 1, openat, p[0], "x", O_RDONLY, 0);
	wait_for(c, 1);
}

static void open_truncates(struct conf *c)
{
	struct statx *st = (void *)c->buf;

	make_file(c, "old", "text");
	open_it(c, "old", O_WRONLY | O_TRUNC);
	ADD(c, SETUP, statx, c->root, "old", 0, STATX_SIZE, st);
	needs(c, setup_wait(c));
	say(c, 10, (long long)st->stx_size);
}

static void open_how(struct conf *c, const char *path, uint64_t flags, uint64_t mode,
		     uint64_t resolve)
{
	static struct open_how how;

	how = (struct open_how){ .flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve };
	ADD(c, 1, openat2, c->root, path, &how);
	wait_for(c, 1);
	gives_fds(c, 1);
}

static void open2(struct conf *c)
{
	open_how(c, "new", O_CREAT | O_RDWR, 0600, 0);
}

static void open2_beneath(struct conf *c)
{
	open_how(c, "../x", O_RDONLY, 0, RESOLVE_BENEATH);
}

static void open2_no_links(struct conf *c)
{
	make_file(c, "old", "text");
	ADD(c, SETUP, symlinkat, "old", c->root, "link");
	needs(c, setup_wait(c));
	open_how(c, "link", O_RDONLY, 0, RESOLVE_NO_SYMLINKS);
}

static void open2_bad_resolve(struct conf *c)
{
	open_how(c, "new", O_RDONLY, 0, 1 << 20);
}

static void open2_mode_for_nothing(struct conf *c)
{
	open_how(c, "new", O_RDONLY, 0600, 0);
}

static void open2_short_how(struct conf *c)
{
	static struct open_how how;

	add_op(c, 1, IORING_OP_OPENAT2, c->root, "x", 8, (uintptr_t)&how);
	wait_for(c, 1);
}

/* --- STATX ----------------------------------------------------------------------------------- */

static void stat_it(struct conf *c, int dirfd, const char *path, int flags, unsigned mask)
{
	struct statx *st = (void *)c->buf;

	ADD(c, 1, statx, dirfd, path, flags, mask, st);
	wait_for(c, 1);
	if (c->n_lines && c->lines[0].value == 0)
		say(c, 10, (long long)st->stx_size);
}

static void stat_file(struct conf *c)
{
	make_file(c, "old", "text");
	stat_it(c, c->root, "old", 0, STATX_BASIC_STATS);
}

static void stat_descriptor(struct conf *c)
{
	stat_it(c, make_file(c, "old", "text"), "", AT_EMPTY_PATH, STATX_BASIC_STATS);
}

static void stat_link(struct conf *c)
{
	ADD(c, SETUP, symlinkat, "target", c->root, "link");
	needs(c, setup_wait(c));
	stat_it(c, c->root, "link", AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS);
}

static void stat_missing(struct conf *c)
{
	stat_it(c, c->root, "missing", 0, STATX_BASIC_STATS);
}

static void stat_bad_flags(struct conf *c)
{
	stat_it(c, c->root, "missing", 1, STATX_BASIC_STATS);
}

static void stat_reserved(struct conf *c)
{
	stat_it(c, c->root, "missing", 0, STATX__RESERVED);
}

/* --- RENAMEAT, LINKAT, SYMLINKAT, MKDIRAT, UNLINKAT ------------------------------------------ */

static void rename_it(struct conf *c, const char *from, const char *to, unsigned flags)
{
	ADD(c, 1, renameat, c->root, from, c->root, to, flags);
	wait_for(c, 1);
}

static void rename_file(struct conf *c)
{
	make_file(c, "a", "text");
	rename_it(c, "a", "b", 0);
}

static void rename_missing(struct conf *c)
{
	rename_it(c, "a", "b", 0);
}

static void rename_noreplace(struct conf *c)
{
	make_file(c, "a", "text");
	make_file(c, "b", "text");
	rename_it(c, "a", "b", RENAME_NOREPLACE);
}

static void rename_exchange(struct conf *c)
{
	make_file(c, "a", "text");
	make_folder(c, "b");
	rename_it(c, "a", "b", RENAME_EXCHANGE);
}

static void rename_onto_folder(struct conf *c)
{
	make_file(c, "a", "text");
	make_folder(c, "b");
	rename_it(c, "a", "b", 0);
}

static void rename_into_itself(struct conf *c)
{
	make_folder(c, "a");
	rename_it(c, "a", "a/b", 0);
}

static void rename_bad_flags(struct conf *c)
{
	make_file(c, "a", "text");
	rename_it(c, "a", "b", 1 << 20);
}

static void link_it(struct conf *c, const char *from, const char *to)
{
	ADD(c, 1, linkat, c->root, from, c->root, to, 0);
	wait_for(c, 1);
}

static void link_file(struct conf *c)
{
	make_file(c, "a", "text");
	link_it(c, "a", "b");
}

static void link_missing(struct conf *c)
{
	link_it(c, "a", "b");
}

static void link_onto_another(struct conf *c)
{
	make_file(c, "a", "text");
	make_file(c, "b", "text");
	link_it(c, "a", "b");
}

static void link_folder(struct conf *c)
{
	make_folder(c, "a");
	link_it(c, "a", "b");
}

static void symlink_it(struct conf *c, const char *target, const char *name)
{
	ADD(c, 1, symlinkat, target, c->root, name);
	wait_for(c, 1);
}

static void symlink_new(struct conf *c)
{
	symlink_it(c, "nowhere", "a");
}

static void symlink_onto_another(struct conf *c)
{
	make_file(c, "a", "text");
	symlink_it(c, "nowhere", "a");
}

static void symlink_to_nothing(struct conf *c)
{
	symlink_it(c, "", "a");
}

static void mkdir_it(struct conf *c, const char *name)
{
	ADD(c, 1, mkdirat, c->root, name, 0755);
	wait_for(c, 1);
}

static void mkdir_new(struct conf *c)
{
	mkdir_it(c, "a/");
}

static void mkdir_onto_another(struct conf *c)
{
	make_file(c, "a", "text");
	mkdir_it(c, "a");
}

static void mkdir_in_missing(struct conf *c)
{
	mkdir_it(c, "a/b");
}

static void unlink_it(struct conf *c, const char *name, int flags)
{
	ADD(c, 1, unlinkat, c->root, name, flags);
	wait_for(c, 1);
}

static void unlink_file(struct conf *c)
{
	make_file(c, "a", "text");
	unlink_it(c, "a", 0);
}

static void unlink_missing(struct conf *c)
{
	unlink_it(c, "a", 0);
}

static void unlink_folder(struct conf *c)
{
	make_folder(c, "a");
	unlink_it(c, "a", 0);
}

static void rmdir_folder(struct conf *c)
{
	make_folder(c, "a");
	unlink_it(c, "a", AT_REMOVEDIR);
}

static void rmdir_full(struct conf *c)
{
	make_folder(c, "a");
	make_file(c, "a/b", "text");
	unlink_it(c, "a", AT_REMOVEDIR);
}

static void rmdir_file(struct conf *c)
{
	make_file(c, "a", "text");
	unlink_it(c, "a", AT_REMOVEDIR);
}

static void rmdir_dot(struct conf *c)
{
	unlink_it(c, ".", AT_REMOVEDIR);
}

static void unlink_bad_flags(struct conf *c)
{
	unlink_it(c, "a", 1);
}

static void sqe_of_bad_fields(struct conf *c)
{
	ADD(c, 1, mkdirat, c->root, "a", 0755)->buf_index = 1;
	ADD(c, 2, unlinkat, c->root, "a", 0)->off = 1;
	ADD(c, 3, openat, c->root, "a", O_RDONLY, 0)->buf_index = 1;
	ADD(c, 4, symlinkat, "a", c->root, "b")->len = 1;
	wait_for(c, 4);
}

/* What may go wrong with any change: a full disk, a disk that fails, memory. */
#define MAY_FAIL "1=-ENOSPC/-EIO/-ENOMEM/-EINTR"

static const struct script file_scripts[] = {
	SCRIPT(OPENAT, open_new, .exact = "1=fd", .also = MAY_FAIL),
	SCRIPT(OPENAT, open_old, .exact = "1=fd", .also = MAY_FAIL),
	SCRIPT(OPENAT, open_missing, .exact = "1=-ENOENT"),
	SCRIPT(OPENAT, open_exclusively, .exact = "1=-EEXIST"),
	SCRIPT(OPENAT, open_folder_to_write, .exact = "1=-EISDIR"),
	SCRIPT(OPENAT, open_file_as_folder, .exact = "1=-ENOTDIR"),
	SCRIPT(OPENAT, open_below_a_file, .exact = "1=-ENOTDIR"),
	SCRIPT(OPENAT, open_without_a_name, .exact = "1=-ENOENT"),
	SCRIPT(OPENAT, open_bad_name, .exact = "1=-EFAULT"),
	SCRIPT(OPENAT, open_long_name, .exact = "1=-ENAMETOOLONG"),
	SCRIPT(OPENAT, open_at_bad_folder, .exact = "1=-EBADF"),
	SCRIPT(OPENAT, open_at_a_pipe, .exact = "1=-ENOTDIR"),
	SCRIPT(OPENAT, open_truncates, .exact = "1=fd 10=0"),
	SCRIPT(OPENAT2, open2, .exact = "1=fd", .also = MAY_FAIL),
	SCRIPT(OPENAT2, open2_beneath, .exact = "1=-EXDEV"),
	SCRIPT(OPENAT2, open2_no_links, .exact = "1=-ELOOP"),
	SCRIPT(OPENAT2, open2_bad_resolve, .exact = "1=-EINVAL"),
	SCRIPT(OPENAT2, open2_mode_for_nothing, .exact = "1=-EINVAL"),
	SCRIPT(OPENAT2, open2_short_how, .exact = "1=-EINVAL"),
	SCRIPT(STATX, stat_file, .exact = "1=0 10=4"),
	SCRIPT(STATX, stat_descriptor, .exact = "1=0 10=4"),
	SCRIPT(STATX, stat_link, .exact = "1=0 10=6"),
	SCRIPT(STATX, stat_missing, .exact = "1=-ENOENT"),
	SCRIPT(STATX, stat_bad_flags, .exact = "1=-EINVAL"),
	SCRIPT(STATX, stat_reserved, .exact = "1=-EINVAL"),
	SCRIPT(RENAMEAT, rename_file, .exact = "1=0", .also = MAY_FAIL),
	SCRIPT(RENAMEAT, rename_missing, .exact = "1=-ENOENT"),
	SCRIPT(RENAMEAT, rename_noreplace, .exact = "1=-EEXIST"),
	SCRIPT(RENAMEAT, rename_exchange, .exact = "1=0", .also = MAY_FAIL),
	SCRIPT(RENAMEAT, rename_onto_folder, .exact = "1=-EISDIR"),
	SCRIPT(RENAMEAT, rename_into_itself, .exact = "1=-EINVAL"),
	SCRIPT(RENAMEAT, rename_bad_flags, .exact = "1=-EINVAL"),
	SCRIPT(LINKAT, link_file, .exact = "1=0", .also = MAY_FAIL),
	SCRIPT(LINKAT, link_missing, .exact = "1=-ENOENT"),
	SCRIPT(LINKAT, link_onto_another, .exact = "1=-EEXIST"),
	SCRIPT(LINKAT, link_folder, .exact = "1=-EPERM"),
	SCRIPT(SYMLINKAT, symlink_new, .exact = "1=0", .also = MAY_FAIL),
	SCRIPT(SYMLINKAT, symlink_onto_another, .exact = "1=-EEXIST"),
	SCRIPT(SYMLINKAT, symlink_to_nothing, .exact = "1=-ENOENT"),
	SCRIPT(MKDIRAT, mkdir_new, .exact = "1=0", .also = MAY_FAIL),
	SCRIPT(MKDIRAT, mkdir_onto_another, .exact = "1=-EEXIST"),
	SCRIPT(MKDIRAT, mkdir_in_missing, .exact = "1=-ENOENT"),
	SCRIPT(UNLINKAT, unlink_file, .exact = "1=0", .also = MAY_FAIL),
	SCRIPT(UNLINKAT, unlink_missing, .exact = "1=-ENOENT"),
	SCRIPT(UNLINKAT, unlink_folder, .exact = "1=-EISDIR"),
	SCRIPT(UNLINKAT, rmdir_folder, .exact = "1=0", .also = MAY_FAIL),
	SCRIPT(UNLINKAT, rmdir_full, .exact = "1=-ENOTEMPTY"),
	SCRIPT(UNLINKAT, rmdir_file, .exact = "1=-ENOTDIR"),
	SCRIPT(UNLINKAT, rmdir_dot, .exact = "1=-EINVAL"),
	SCRIPT(UNLINKAT, unlink_bad_flags, .exact = "1=-EINVAL"),
	SCRIPT(UNLINKAT, sqe_of_bad_fields, .exact = "1=-EINVAL 2=-EINVAL 3=-EINVAL 4=-EINVAL"),
};
#endif
