/* SPDX-License-Identifier: MIT */
/* conformance_data.h - scripts: what files hold. Sizes, syncing, attributes, memory. */
#ifndef RONDO_TESTS_CONFORMANCE_DATA_H
#define RONDO_TESTS_CONFORMANCE_DATA_H

#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/xattr.h>

#include "sim/conformance.h"

/* --- FSYNC, SYNC_FILE_RANGE, FADVISE --------------------------------------------------------- */

static int old_file(struct conf *c)
{
	return make_file(c, "old", "0123456789");
}

static int a_pipe(struct conf *c)
{
	int p[2];

	make_pipe(c, p);
	return p[1];
}

static void fsync_it(struct conf *c, int fd, unsigned flags)
{
	ADD(c, 1, fsync, fd, flags);
	wait_for(c, 1);
}

static void fsync_file(struct conf *c)
{
	fsync_it(c, old_file(c), 0);
}

static void fsync_data(struct conf *c)
{
	fsync_it(c, old_file(c), IORING_FSYNC_DATASYNC);
}

static void fsync_folder(struct conf *c)
{
	fsync_it(c, c->root, 0);
}

static void fsync_pipe(struct conf *c)
{
	fsync_it(c, a_pipe(c), 0);
}

static void fsync_bad_flags(struct conf *c)
{
	fsync_it(c, old_file(c), 1 << 5);
}

static void fsync_nothing(struct conf *c)
{
	fsync_it(c, -1, 0);
}

static void sync_range_it(struct conf *c, int fd, unsigned flags)
{
	ADD(c, 1, sync_file_range, fd, 4096, 0, (int)flags);
	wait_for(c, 1);
}

static void sync_range(struct conf *c)
{
	sync_range_it(c, old_file(c), SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
}

static void sync_range_pipe(struct conf *c)
{
	sync_range_it(c, a_pipe(c), SYNC_FILE_RANGE_WRITE);
}

static void sync_range_bad_flags(struct conf *c)
{
	sync_range_it(c, old_file(c), 1 << 6);
}

static void advise_it(struct conf *c, int fd, int advice)
{
	ADD(c, 1, fadvise, fd, 0, 100, advice);
	wait_for(c, 1);
}

static void fadvise_needed(struct conf *c)
{
	advise_it(c, old_file(c), POSIX_FADV_WILLNEED);
}

static void fadvise_not_needed(struct conf *c)
{
	advise_it(c, old_file(c), POSIX_FADV_DONTNEED);
}

static void fadvise_unknown(struct conf *c)
{
	advise_it(c, old_file(c), 77);
}

static void fadvise_pipe(struct conf *c)
{
	advise_it(c, a_pipe(c), POSIX_FADV_WILLNEED);
}

/* --- FTRUNCATE, FALLOCATE -------------------------------------------------------------------- */

static void say_size(struct conf *c, int fd)
{
	if (c->n_lines && c->lines[0].value == 0)
		say(c, 10, kernel_call3(c->kernel, SYS_lseek, fd, 0, SEEK_END));
}

static void truncate_it(struct conf *c, int fd, int64_t size)
{
	add_op(c, 1, RONDO_OP_FTRUNCATE, fd, NULL, 0, (uint64_t)size);
	wait_for(c, 1);
	say_size(c, fd);
}

static void truncate_shorter(struct conf *c)
{
	truncate_it(c, old_file(c), 3);
}

static void truncate_longer(struct conf *c)
{
	truncate_it(c, old_file(c), 100000);
}

static void truncate_read_only(struct conf *c)
{
	old_file(c);
	truncate_it(c, open_file(c, "old", O_RDONLY), 3);
}

static void truncate_negative(struct conf *c)
{
	truncate_it(c, old_file(c), -1);
}

static void truncate_pipe(struct conf *c)
{
	truncate_it(c, a_pipe(c), 3);
}

static void allocate_it(struct conf *c, int fd, int mode, int64_t offset, int64_t len)
{
	ADD(c, 1, fallocate, fd, mode, (uint64_t)offset, (uint64_t)len);
	wait_for(c, 1);
	say_size(c, fd);
}

static void allocate_longer(struct conf *c)
{
	allocate_it(c, old_file(c), 0, 0, 5000);
}

static void allocate_keeping_size(struct conf *c)
{
	allocate_it(c, old_file(c), FALLOC_FL_KEEP_SIZE, 0, 5000);
}

static void allocate_hole(struct conf *c)
{
	allocate_it(c, old_file(c), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 3);
}

static void allocate_hole_alone(struct conf *c)
{
	allocate_it(c, old_file(c), FALLOC_FL_PUNCH_HOLE, 2, 3);
}

static void allocate_nothing(struct conf *c)
{
	allocate_it(c, old_file(c), 0, 0, 0);
}

static void allocate_too_much(struct conf *c)
{
	allocate_it(c, old_file(c), 0, INT64_MAX - 10, 20);
}

static void allocate_read_only(struct conf *c)
{
	old_file(c);
	allocate_it(c, open_file(c, "old", O_RDONLY), 0, 0, 10);
}

static void allocate_pipe(struct conf *c)
{
	allocate_it(c, a_pipe(c), 0, 0, 10);
}

static void allocate_folder(struct conf *c)
{
	allocate_it(c, c->root, 0, 0, 10);
}

/* --- attributes ------------------------------------------------------------------------------ */

static const char *path_of(struct conf *c, const char *name)
{
	snprintf(c->other, 128, "%s/%s", c->root_path ? c->root_path : "", name);
	return c->other;
}

/* Setting is 1, getting 2. */
static void fset(struct conf *c, int fd, const char *name, const char *value, int flags)
{
	ADD(c, 1, fsetxattr, fd, name, value, flags, (unsigned)strlen(value));
	wait_for(c, 1);
}

static void fget(struct conf *c, int fd, const char *name, unsigned room)
{
	ADD(c, 2, fgetxattr, fd, name, c->buf, room);
	wait_for(c, c->n_cqes + 1);
}

static void xattr_by_fd(struct conf *c)
{
	int fd = old_file(c);

	fset(c, fd, "user.a", "text", 0);
	fget(c, fd, "user.a", 100);
	say_text(c, 10, c->buf, "text");
}

static void xattr_by_path(struct conf *c)
{
	old_file(c);
	ADD(c, 1, setxattr, "user.a", "text", path_of(c, "old"), 0, 4);
	wait_for(c, 1);
	ADD(c, 2, getxattr, "user.a", c->buf, path_of(c, "old"), 100);
	wait_for(c, 2);
	say_text(c, 10, c->buf, "text");
}

static void xattr_size(struct conf *c)
{
	int fd = old_file(c);

	fset(c, fd, "user.a", "text", 0);
	fget(c, fd, "user.a", 0);
}

static void xattr_no_room(struct conf *c)
{
	int fd = old_file(c);

	fset(c, fd, "user.a", "text", 0);
	fget(c, fd, "user.a", 2);
}

static void xattr_missing(struct conf *c)
{
	fget(c, old_file(c), "user.b", 10);
}

static void xattr_replace_missing(struct conf *c)
{
	fset(c, old_file(c), "user.a", "text", XATTR_REPLACE);
}

static void xattr_create_twice(struct conf *c)
{
	int fd = old_file(c);

	fset(c, fd, "user.a", "text", XATTR_CREATE);
	ADD(c, 2, fsetxattr, fd, "user.a", "more", XATTR_CREATE, 4);
	wait_for(c, 2);
}

static void xattr_of_no_namespace(struct conf *c)
{
	fset(c, old_file(c), "a", "text", 0);
}

static void xattr_bad_flags(struct conf *c)
{
	fset(c, old_file(c), "user.a", "text", 1 << 5);
}

static void xattr_set_missing_file(struct conf *c)
{
	ADD(c, 1, setxattr, "user.a", "text", path_of(c, "missing"), 0, 4);
	wait_for(c, 1);
}

static void xattr_get_missing_file(struct conf *c)
{
	ADD(c, 1, getxattr, "user.a", c->buf, path_of(c, "missing"), 4);
	wait_for(c, 1);
}

static void xattr_empty_name(struct conf *c)
{
	fget(c, old_file(c), "", 10);
}

static void xattr_bad_fd(struct conf *c)
{
	fget(c, -1, "user.a", 10);
}

/* --- MADVISE --------------------------------------------------------------------------------- */

static void madvise_it(struct conf *c, char *at, int advice)
{
	ADD(c, 1, madvise, at, 4096, advice);
	wait_for(c, 1);
}

static char *map_page(void)
{
	char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	BUG_ON(page == MAP_FAILED);
	*page = 1;
	return page;
}

static void madvise_not_needed(struct conf *c)
{
	char *page = map_page();

	madvise_it(c, page, MADV_DONTNEED);
	say(c, 10, *page);
	munmap(page, 4096);
}

static void madvise_needed(struct conf *c)
{
	char *page = map_page();

	madvise_it(c, page, MADV_NOHUGEPAGE);
	munmap(page, 4096);
}

static void madvise_unaligned(struct conf *c)
{
	char *page = map_page();

	madvise_it(c, page + 1, MADV_DONTNEED);
	munmap(page, 4096);
}

static void madvise_unknown(struct conf *c)
{
	char *page = map_page();

	madvise_it(c, page, 1000);
	munmap(page, 4096);
}

/* Where nothing is mapped. */
static void madvise_nowhere(struct conf *c)
{
	madvise_it(c, (char *)4096, MADV_DONTNEED);
}

#define DISK_FAILS "1=-ENOSPC/-EIO/-ENOMEM/-EINTR"
/* A file system may lack attributes of users: tmpfs before 6.6. */
#define NO_XATTRS "1=-EOPNOTSUPP 2=-EOPNOTSUPP 10=0?"

static const struct script data_scripts[] = {
	SCRIPT(FSYNC, fsync_file, .exact = "1=0", .also = DISK_FAILS),
	SCRIPT(FSYNC, fsync_data, .exact = "1=0", .also = DISK_FAILS),
	SCRIPT(FSYNC, fsync_folder, .exact = "1=0", .also = DISK_FAILS),
	SCRIPT(FSYNC, fsync_pipe, .exact = "1=-EINVAL"),
	SCRIPT(FSYNC, fsync_bad_flags, .exact = "1=-EINVAL"),
	SCRIPT(FSYNC, fsync_nothing, .exact = "1=-EBADF"),
	SCRIPT(SYNC_FILE_RANGE, sync_range, .exact = "1=0", .also = DISK_FAILS),
	SCRIPT(SYNC_FILE_RANGE, sync_range_pipe, .exact = "1=-ESPIPE"),
	SCRIPT(SYNC_FILE_RANGE, sync_range_bad_flags, .exact = "1=-EINVAL"),
	SCRIPT(FADVISE, fadvise_needed, .exact = "1=0"),
	SCRIPT(FADVISE, fadvise_not_needed, .exact = "1=0"),
	SCRIPT(FADVISE, fadvise_unknown, .exact = "1=-EINVAL"),
	SCRIPT(FADVISE, fadvise_pipe, .exact = "1=-ESPIPE"),
	NEW_SCRIPT(FTRUNCATE, truncate_shorter, .exact = "1=0 10=3", .also = DISK_FAILS),
	NEW_SCRIPT(FTRUNCATE, truncate_longer, .exact = "1=0 10=100000", .also = DISK_FAILS),
	NEW_SCRIPT(FTRUNCATE, truncate_read_only, .exact = "1=-EINVAL"),
	NEW_SCRIPT(FTRUNCATE, truncate_negative, .exact = "1=-EINVAL"),
	NEW_SCRIPT(FTRUNCATE, truncate_pipe, .exact = "1=-EINVAL"),
	SCRIPT(FALLOCATE, allocate_longer, .exact = "1=0 10=5000", .also = DISK_FAILS),
	SCRIPT(FALLOCATE, allocate_keeping_size, .exact = "1=0 10=10", .also = DISK_FAILS),
	SCRIPT(FALLOCATE, allocate_hole, .exact = "1=0 10=10", .also = DISK_FAILS),
	SCRIPT(FALLOCATE, allocate_hole_alone, .exact = "1=-EOPNOTSUPP"),
	SCRIPT(FALLOCATE, allocate_nothing, .exact = "1=-EINVAL"),
	SCRIPT(FALLOCATE, allocate_too_much, .exact = "1=-EFBIG"),
	SCRIPT(FALLOCATE, allocate_read_only, .exact = "1=-EBADF"),
	SCRIPT(FALLOCATE, allocate_pipe, .exact = "1=-ESPIPE"),
	SCRIPT(FALLOCATE, allocate_folder, .exact = "1=-EBADF"),
	SCRIPT(FSETXATTR, xattr_by_fd, .exact = "1=0 2=4 10=1", .also = NO_XATTRS),
	SCRIPT(SETXATTR, xattr_by_path, .exact = "1=0 2=4 10=1", .also = NO_XATTRS),
	SCRIPT(FGETXATTR, xattr_size, .exact = "1=0 2=4", .also = NO_XATTRS),
	SCRIPT(FGETXATTR, xattr_no_room, .exact = "1=0 2=-ERANGE", .also = NO_XATTRS),
	SCRIPT(FGETXATTR, xattr_missing, .exact = "2=-ENODATA", .also = "2=-EOPNOTSUPP"),
	SCRIPT(FSETXATTR, xattr_replace_missing, .exact = "1=-ENODATA", .also = "1=-EOPNOTSUPP"),
	SCRIPT(FSETXATTR, xattr_create_twice, .exact = "1=0 2=-EEXIST", .also = NO_XATTRS),
	SCRIPT(FSETXATTR, xattr_of_no_namespace, .exact = "1=-EOPNOTSUPP"),
	SCRIPT(FSETXATTR, xattr_bad_flags, .exact = "1=-EINVAL"),
	SCRIPT(SETXATTR, xattr_set_missing_file, .exact = "1=-ENOENT"),
	SCRIPT(GETXATTR, xattr_get_missing_file, .exact = "1=-ENOENT"),
	SCRIPT(GETXATTR, xattr_by_path, .exact = "1=0 2=4 10=1", .also = NO_XATTRS),
	SCRIPT(FGETXATTR, xattr_empty_name, .exact = "2=-ERANGE"),
	SCRIPT(FGETXATTR, xattr_bad_fd, .exact = "2=-EBADF"),
	SCRIPT(MADVISE, madvise_not_needed, .exact = "1=0 10=0"),
	SCRIPT(MADVISE, madvise_needed, .exact = "1=0"),
	SCRIPT(MADVISE, madvise_unaligned, .exact = "1=-EINVAL"),
	SCRIPT(MADVISE, madvise_unknown, .exact = "1=-EINVAL"),
	SCRIPT(MADVISE, madvise_nowhere, .exact = "1=-ENOMEM"),
};
#endif
