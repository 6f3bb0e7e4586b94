/* SPDX-License-Identifier: MIT */
/* test_files.c - the simulated file system. Goal: without faults every verb gives what ext4 gives,
 * in results, errors and contents. Method: a table of steps is run twice, by rondo_run() in a
 * temporary folder and by rondo_sim_run(), and each step must end alike; what only the simulator
 * can be asked for (faults, a full disk) follows. */
#include "support/check.h"
#include "support/folder.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <rondo.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "loop/loop.h"
#include "rondo_sim.h"

enum verb {
	OPEN,				/* into fd: path below `at`, a: flags, b: mode */
	OPEN2,				/* ..., b: RESOLVE_* */
	CLOSE,
	READ, PREAD,			/* a: length, b: offset */
	WRITE, PWRITE,			/* path is what is written, b: offset */
	APPEND,				/* the same with RWF_APPEND */
	SEEK,				/* a: offset, b: whence */
	STAT,				/* path below `at`, a: AT_* */
	FSYNC, FDATASYNC, TRUNCATE,	/* a: size */
	FALLOCATE,			/* path: "" or what is in mode; a: offset, b: length */
	FADVISE, RANGE,			/* a: advice, flags */
	MKDIR, RMDIR, UNLINK,
	SYMLINK, LINK,			/* path, path2; a: AT_* */
	RENAME,				/* path, path2; a: RENAME_* */
	SETX, FSETX,			/* path2: name=value; a: XATTR_* */
	GETX, FGETX,			/* path2: name; a: size */
};

struct step {
	enum verb verb;
	int fd;				/* a slot, or CWD */
	const char *path, *path2;
	int64_t a, b;
};

enum { CWD = 0, N_SLOTS = 10, STEPS_MAX = 256 };

struct outcome {
	long ret;
	char text[64];			/* what was read, or found out */
};

struct script {
	const struct step *steps;
	size_t n;
	int fds[N_SLOTS];
	struct outcome outcomes[STEPS_MAX];
};

/* --- running steps --------------------------------------------------------------------------- */

static long seek(int fd, int64_t offset, int whence)
{
	return kernel_call3(rondo__self()->loop->ring.kernel, SYS_lseek, fd, offset, whence);
}

static long do_stat(int at, const struct step *step, struct outcome *o)
{
	struct statx st;
	int ret = rondo_statx(at, step->path, (int)step->a, STATX_BASIC_STATS | STATX_BTIME, &st);
	bool is_folder;

	if (ret < 0)
		return ret;
	is_folder = S_ISDIR(st.stx_mode);
	/* How many blocks there are depends on how broken up the real disk is. */
	snprintf(o->text, sizeof(o->text), "%o size %lld links %u%s", st.stx_mode,
		 is_folder ? -1LL : (long long)st.stx_size, st.stx_nlink,
		 st.stx_blocks * 512 < st.stx_size ? " holes" : "");
	return st.stx_mtime.tv_sec > 1000000000 && st.stx_btime.tv_sec > 1000000000 ? 0 : -EILSEQ;
}

static long do_xattr(int at, const struct step *step, struct outcome *o)
{
	const char *equals = strchr(step->path2, '=');
	char name[512];

	snprintf(name, sizeof(name), "%.*s",
		 (int)(equals ? (size_t)(equals - step->path2) : strlen(step->path2)),
		 step->path2);
	switch (step->verb) {
	case SETX:
		return rondo_setxattr(step->path, name, equals + 1, strlen(equals + 1),
				      (int)step->a);
	case FSETX:
		return rondo_fsetxattr(at, name, equals + 1, strlen(equals + 1), (int)step->a);
	case GETX:
		return rondo_getxattr(step->path, name, o->text, (size_t)step->a);
	default:
		return rondo_fgetxattr(at, name, o->text, (size_t)step->a);
	}
}

static long do_names(int at, const struct step *step)
{
	switch (step->verb) {
	case MKDIR:
		return rondo_mkdirat(at, step->path, (mode_t)step->a);
	case RMDIR:
		return rondo_unlinkat(at, step->path, AT_REMOVEDIR);
	case UNLINK:
		return rondo_unlinkat(at, step->path, (int)step->a);
	case SYMLINK:
		return rondo_symlinkat(step->path, at, step->path2);
	case LINK:
		return rondo_linkat(at, step->path, at == AT_FDCWD || *step->path ? at : AT_FDCWD,
				    step->path2, (int)step->a);
	default:
		return rondo_renameat2(at, step->path, at, step->path2, (unsigned)step->a);
	}
}

static long do_transfer(int fd, const struct step *step, struct outcome *o)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)step->path,
			     .iov_len = step->path ? strlen(step->path) : 0 };

	switch (step->verb) {
	case READ:
		return rondo_read(fd, o->text, (size_t)step->a);
	case PREAD:
		return rondo_pread(fd, o->text, (size_t)step->a, step->b);
	case WRITE:
		return rondo_write(fd, step->path, strlen(step->path));
	case PWRITE:
		return rondo_pwrite(fd, step->path, strlen(step->path), step->b);
	default:
		return rondo_pwritev2(fd, &iov, 1, step->b, RWF_APPEND);
	}
}

static long do_file(int fd, const struct step *step)
{
	switch (step->verb) {
	case SEEK:
		return seek(fd, step->a, (int)step->b);
	case FSYNC:
		return rondo_fsync(fd);
	case FDATASYNC:
		return rondo_fdatasync(fd);
	case TRUNCATE:
		return rondo_ftruncate(fd, step->a);
	case FALLOCATE:
		return rondo_fallocate(fd, atoi(step->path), step->a, step->b);
	case FADVISE:
		return rondo_fadvise(fd, 0, 0, (int)step->a);
	default:
		return rondo_sync_file_range(fd, 0, 0, (unsigned)step->a);
	}
}

/* Opened files go to the slot whose number path2 is. */
static long do_open(struct script *s, int at, const struct step *step)
{
	struct open_how how = { .flags = (uint64_t)step->a, .resolve = (uint64_t)step->b };
	int fd = step->verb == OPEN ? rondo_openat(at, step->path, (int)step->a, (mode_t)step->b)
				    : rondo_openat2(at, step->path, &how);

	if (fd < 0)
		return fd;
	s->fds[atoi(step->path2)] = fd;
	return 0;
}

static long do_step(struct script *s, const struct step *step, struct outcome *o)
{
	int fd = step->fd == CWD ? AT_FDCWD : s->fds[step->fd];

	switch (step->verb) {
	case OPEN:
	case OPEN2:
		return do_open(s, fd, step);
	case CLOSE:
		s->fds[step->fd] = -1;
		return rondo_close(fd);
	case READ: case PREAD: case WRITE: case PWRITE: case APPEND:
		return do_transfer(fd, step, o);
	case STAT:
		return do_stat(fd, step, o);
	case SETX: case FSETX: case GETX: case FGETX:
		return do_xattr(fd, step, o);
	case MKDIR: case RMDIR: case UNLINK: case SYMLINK: case LINK: case RENAME:
		return do_names(fd, step);
	default:
		return do_file(fd, step);
	}
}

static int run_script(void *arg)
{
	struct script *s = arg;

	if (rondo_ftruncate(-1, 0) == -EOPNOTSUPP)
		return -EOPNOTSUPP;	/* a kernel that is too old for all of the table */
	for (size_t i = 0; i < s->n; i++)
		s->outcomes[i].ret = do_step(s, &s->steps[i], &s->outcomes[i]);
	return 0;
}

/* --- the table ------------------------------------------------------------------------------- */

#define LONG_16 "0123456789abcdef"
#define LONG_64 LONG_16 LONG_16 LONG_16 LONG_16
#define LONG_256 LONG_64 LONG_64 LONG_64 LONG_64
#define R O_RDONLY
#define W O_WRONLY
#define RW O_RDWR
#define NEW (O_RDWR | O_CREAT | O_EXCL)

static const struct step names[] = {
	{ OPEN, CWD, "missing", "1", R, 0 },
	{ OPEN, CWD, "", "1", R, 0 },
	{ OPEN, CWD, "file", "1", NEW, 0666 },
	{ OPEN, CWD, "file", "2", NEW, 0666 },
	{ OPEN, CWD, "file/", "2", R, 0 },
	{ OPEN, CWD, "new/", "2", RW | O_CREAT, 0600 },
	{ OPEN, CWD, "file/x", "2", R, 0 },
	{ OPEN, CWD, "missing/x", "2", RW | O_CREAT, 0600 },
	{ OPEN, CWD, LONG_256, "2", R, 0 },
	{ OPEN, CWD, "file", "2", R | O_DIRECTORY, 0 },
	{ OPEN, CWD, "file", "2", RW | O_CREAT | O_DIRECTORY, 0600 },
	{ OPEN, 1, "x", "2", R, 0 },
	{ MKDIR, CWD, "folder", NULL, 0777, 0 },
	{ MKDIR, CWD, "folder", NULL, 0777, 0 },
	{ MKDIR, CWD, "folder/sub/", NULL, 01700, 0 },
	{ MKDIR, CWD, "missing/sub", NULL, 0777, 0 },
	{ MKDIR, CWD, ".", NULL, 0777, 0 },
	{ STAT, CWD, "folder", NULL, 0, 0 },
	{ STAT, CWD, "folder/sub/.", NULL, 0, 0 },
	{ STAT, CWD, "folder/sub/../../file", NULL, 0, 0 },
	{ STAT, CWD, "file", NULL, 1 << 30, 0 },
	{ STAT, CWD, "", NULL, 0, 0 },
	{ OPEN, CWD, "folder", "2", W, 0 },
	{ OPEN, CWD, "folder", "2", RW | O_CREAT, 0600 },
	{ OPEN, CWD, "folder", "2", R | O_DIRECTORY, 0 },
	{ READ, 2, NULL, NULL, 8, 0 },
	{ WRITE, 2, "no", NULL, 0, 0 },
	{ FSYNC, 2, NULL, NULL, 0, 0 },
	{ OPEN, 2, "inner", "3", NEW, 0640 },
	{ OPEN, 2, "../file", "4", R, 0 },
	{ CLOSE, 4, NULL, NULL, 0, 0 },
	{ STAT, 3, "", NULL, AT_EMPTY_PATH, 0 },
	{ SYMLINK, CWD, "file", "link", 0, 0 },
	{ SYMLINK, CWD, "file", "link", 0, 0 },
	{ SYMLINK, CWD, "", "empty", 0, 0 },
	{ SYMLINK, CWD, "file", "new/", 0, 0 },
	{ SYMLINK, CWD, "loop", "loop", 0, 0 },
	{ SYMLINK, CWD, "folder", "way", 0, 0 },
	{ SYMLINK, CWD, "nowhere", "dangling", 0, 0 },
	{ SYMLINK, CWD, "/etc", "absolute", 0, 0 },
	{ SYMLINK, CWD, "../file", "folder/up", 0, 0 },
	{ STAT, CWD, "link", NULL, 0, 0 },
	{ STAT, CWD, "link", NULL, AT_SYMLINK_NOFOLLOW, 0 },
	{ STAT, CWD, "way", NULL, AT_SYMLINK_NOFOLLOW, 0 },
	{ STAT, CWD, "way/", NULL, AT_SYMLINK_NOFOLLOW, 0 },
	{ STAT, CWD, "link/", NULL, 0, 0 },
	{ STAT, CWD, "way/inner", NULL, 0, 0 },
	{ STAT, CWD, "loop", NULL, 0, 0 },
	{ STAT, CWD, "dangling", NULL, 0, 0 },
	{ OPEN, CWD, "link", "4", R | O_NOFOLLOW, 0 },
	{ OPEN, CWD, "link", "4", R | O_NOFOLLOW | O_DIRECTORY, 0 },
	{ OPEN, CWD, "link", "4", NEW, 0600 },
	{ OPEN, CWD, "dangling", "4", RW | O_CREAT, 0600 },
	{ CLOSE, 4, NULL, NULL, 0, 0 },
	{ STAT, CWD, "nowhere", NULL, 0, 0 },
	{ OPEN, CWD, "link", "4", O_PATH | O_NOFOLLOW, 0 },
	{ STAT, 4, "", NULL, AT_EMPTY_PATH, 0 },
	{ READ, 4, NULL, NULL, 1, 0 },
	{ FSYNC, 4, NULL, NULL, 0, 0 },
	{ TRUNCATE, 4, NULL, NULL, 0, 0 },
	{ CLOSE, 4, NULL, NULL, 0, 0 },
	{ OPEN2, 2, "inner", "4", R, RESOLVE_BENEATH },
	{ CLOSE, 4, NULL, NULL, 0, 0 },
	{ OPEN2, 2, "sub/../inner", "4", R, RESOLVE_BENEATH },
	{ CLOSE, 4, NULL, NULL, 0, 0 },
	{ OPEN2, 2, "../file", "4", R, RESOLVE_BENEATH },
	{ OPEN2, 2, "sub/../../file", "4", R, RESOLVE_BENEATH },
	{ OPEN2, 2, "up", "4", R, RESOLVE_BENEATH },
	{ OPEN2, 2, "/etc/passwd", "4", R, RESOLVE_BENEATH },
	{ OPEN2, CWD, "absolute/passwd", "4", R, RESOLVE_BENEATH },
	{ OPEN2, CWD, "absolute/passwd", "4", R, RESOLVE_IN_ROOT },
	{ OPEN2, CWD, "/file", "4", R, RESOLVE_IN_ROOT },
	{ CLOSE, 4, NULL, NULL, 0, 0 },
	{ OPEN2, 2, "../../../inner", "4", R, RESOLVE_IN_ROOT },
	{ CLOSE, 4, NULL, NULL, 0, 0 },
	{ OPEN2, 2, "up", "4", R, RESOLVE_IN_ROOT },
	{ OPEN2, CWD, "link", "4", R, RESOLVE_NO_SYMLINKS },
	{ OPEN2, CWD, "way/inner", "4", R, RESOLVE_NO_SYMLINKS },
	{ OPEN2, CWD, "link", "4", R, RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH },
	{ CLOSE, 4, NULL, NULL, 0, 0 },
	{ OPEN2, CWD, "file", "4", R, RESOLVE_BENEATH | RESOLVE_IN_ROOT },
	{ OPEN2, CWD, "file", "4", R, 1 << 20 },
	{ LINK, CWD, "file", "hard", 0, 0 },
	{ LINK, CWD, "file", "hard", 0, 0 },
	{ LINK, CWD, "folder", "hard2", 0, 0 },
	{ LINK, CWD, "missing", "hard2", 0, 0 },
	{ LINK, CWD, "link", "soft2", 0, 0 },
	{ LINK, CWD, "link", "hard2", AT_SYMLINK_FOLLOW, 0 },
	{ LINK, CWD, "link", "hard3", 1, 0 },
	{ STAT, CWD, "file", NULL, 0, 0 },
	{ STAT, CWD, "soft2", NULL, AT_SYMLINK_NOFOLLOW, 0 },
	{ UNLINK, CWD, "folder", NULL, 0, 0 },
	{ UNLINK, CWD, "missing", NULL, 0, 0 },
	{ UNLINK, CWD, "hard/", NULL, 0, 0 },
	{ UNLINK, CWD, ".", NULL, 0, 0 },
	{ UNLINK, CWD, "hard", NULL, 1, 0 },
	{ UNLINK, CWD, "hard", NULL, 0, 0 },
	{ UNLINK, CWD, "hard2", NULL, 0, 0 },
	{ UNLINK, CWD, "way/", NULL, 0, 0 },
	{ RMDIR, CWD, "folder", NULL, 0, 0 },
	{ RMDIR, CWD, "file", NULL, 0, 0 },
	{ RMDIR, CWD, "way", NULL, 0, 0 },
	{ RMDIR, CWD, "folder/sub/.", NULL, 0, 0 },
	{ RMDIR, CWD, "folder/sub/..", NULL, 0, 0 },
	{ RMDIR, CWD, "/", NULL, 0, 0 },
	{ RENAME, CWD, "missing", "x", 0, 0 },
	{ RENAME, CWD, "file", "folder", 0, 0 },
	{ RENAME, CWD, "folder", "file", 0, 0 },
	{ RENAME, CWD, "folder", "folder/sub/x", 0, 0 },
	{ RENAME, CWD, "folder/sub", "folder", 0, 0 },
	{ RENAME, CWD, "file", "x/", 0, 0 },
	{ RENAME, CWD, "file", ".", 0, 0 },
	{ RENAME, CWD, "folder/..", "x", 0, 0 },
	{ RENAME, CWD, "file", "link", RENAME_NOREPLACE, 0 },
	{ RENAME, CWD, "file", "none", RENAME_EXCHANGE, 0 },
	{ RENAME, CWD, "file", "x", RENAME_EXCHANGE | RENAME_NOREPLACE, 0 },
	{ RENAME, CWD, "file", "x", 1 << 7, 0 },
	{ RENAME, CWD, "folder", "folder/sub", RENAME_EXCHANGE, 0 },
	{ RENAME, CWD, "file", "folder/sub", RENAME_EXCHANGE, 0 },
	{ STAT, CWD, "folder", NULL, 0, 0 },
	{ STAT, CWD, "file/../folder/sub", NULL, 0, 0 },
	{ RENAME, CWD, "file", "folder/sub", RENAME_EXCHANGE, 0 },
	{ LINK, CWD, "file", "twin", 0, 0 },
	{ RENAME, CWD, "file", "twin", 0, 0 },
	{ STAT, CWD, "file", NULL, 0, 0 },
	{ RENAME, CWD, "twin", "folder/inner", 0, 0 },
	{ STAT, 3, "", NULL, AT_EMPTY_PATH, 0 },
	{ STAT, CWD, "folder/inner", NULL, 0, 0 },
	{ RENAME, CWD, "folder", "renamed", 0, 0 },
	{ STAT, 2, "inner", NULL, 0, 0 },
	{ MKDIR, CWD, "empty", NULL, 0700, 0 },
	{ RENAME, CWD, "empty", "renamed", 0, 0 },
	{ RENAME, CWD, "renamed", "empty", 0, 0 },
	{ OPEN, CWD, "empty/sub", "4", R | O_DIRECTORY, 0 },
	{ RMDIR, CWD, "empty/sub", NULL, 0, 0 },
	{ OPEN, 4, "x", "5", NEW, 0600 },
	{ STAT, 4, "", NULL, AT_EMPTY_PATH, 0 },
	{ STAT, 4, "../inner", NULL, 0, 0 },
	{ CLOSE, 4, NULL, NULL, 0, 0 },
	{ OPEN, CWD, ".", "4", W | O_TMPFILE, 0600 },
	{ OPEN, CWD, ".", "5", R | O_TMPFILE, 0600 },
	{ STAT, 4, "", NULL, AT_EMPTY_PATH, 0 },
	{ LINK, 4, "", "named", AT_EMPTY_PATH, 0 },
	{ STAT, CWD, "named", NULL, 0, 0 },
	{ CLOSE, 4, NULL, NULL, 0, 0 },
	{ CLOSE, 4, NULL, NULL, 0, 0 },
	{ CLOSE, 3, NULL, NULL, 0, 0 },
	{ CLOSE, 2, NULL, NULL, 0, 0 },
	{ CLOSE, 1, NULL, NULL, 0, 0 },
};

static const struct step contents[] = {
	{ OPEN, CWD, "file", "1", NEW, 0600 },
	{ READ, 1, NULL, NULL, 8, 0 },
	{ WRITE, 1, "hello world", NULL, 0, 0 },
	{ SEEK, 1, NULL, NULL, 0, SEEK_CUR },
	{ PREAD, 1, NULL, NULL, 32, 6 },
	{ PREAD, 1, NULL, NULL, 32, 11 },
	{ PREAD, 1, NULL, NULL, 32, 1 << 20 },
	{ SEEK, 1, NULL, NULL, -5, SEEK_END },
	{ READ, 1, NULL, NULL, 3, 0 },
	{ WRITE, 1, "LD!", NULL, 0, 0 },
	{ PREAD, 1, NULL, NULL, 32, 0 },
	{ SEEK, 1, NULL, NULL, -1, SEEK_SET },
	{ SEEK, 1, NULL, NULL, 0, 9 },
	{ STAT, CWD, "file", NULL, 0, 0 },
	{ PWRITE, 1, "far", NULL, 0, 10000 },
	{ STAT, CWD, "file", NULL, 0, 0 },
	{ PREAD, 1, NULL, NULL, 16, 4090 },
	{ PREAD, 1, NULL, NULL, 16, 9998 },
	{ SEEK, 1, NULL, NULL, 0, SEEK_HOLE },
	{ SEEK, 1, NULL, NULL, 5000, SEEK_DATA },
	{ SEEK, 1, NULL, NULL, 9000, SEEK_HOLE },
	{ SEEK, 1, NULL, NULL, 10003, SEEK_DATA },
	{ FSYNC, 1, NULL, NULL, 0, 0 },
	{ FDATASYNC, 1, NULL, NULL, 0, 0 },
	{ TRUNCATE, 1, NULL, NULL, 5, 0 },
	{ STAT, CWD, "file", NULL, 0, 0 },
	{ TRUNCATE, 1, NULL, NULL, 12, 0 },
	{ PREAD, 1, NULL, NULL, 16, 0 },
	{ TRUNCATE, 1, NULL, NULL, -1, 0 },
	{ TRUNCATE, 1, NULL, NULL, INT64_MAX, 0 },
	{ APPEND, 1, "tail", NULL, 0, 2 },
	{ PREAD, 1, NULL, NULL, 32, 0 },
	{ PWRITE, 1, "x", NULL, 0, INT64_MAX },
	{ PWRITE, 1, "x", NULL, 0, INT64_C(1) << 45 },
	{ OPEN, CWD, "file", "2", W | O_APPEND, 0 },
	{ WRITE, 2, "++", NULL, 0, 0 },
	{ SEEK, 2, NULL, NULL, 0, SEEK_CUR },
	{ PWRITE, 2, "--", NULL, 0, 0 },
	{ READ, 2, NULL, NULL, 1, 0 },
	{ PREAD, 1, NULL, NULL, 32, 10 },
	{ OPEN, CWD, "file", "3", R, 0 },
	{ WRITE, 3, "x", NULL, 0, 0 },
	{ TRUNCATE, 3, NULL, NULL, 0, 0 },
	{ FALLOCATE, 3, "0", NULL, 0, 4096 },
	{ FSYNC, 3, NULL, NULL, 0, 0 },
	{ OPEN, CWD, "file", "4", W | O_TRUNC, 0 },
	{ STAT, 3, "", NULL, AT_EMPTY_PATH, 0 },
	{ READ, 3, NULL, NULL, 8, 0 },
	{ PWRITE, 4, LONG_256, NULL, 0, 8000 },
	{ FALLOCATE, 4, "0", NULL, 0, 0 },
	{ FALLOCATE, 4, "0", NULL, -1, 5 },
	{ FALLOCATE, 4, "0", NULL, 0, INT64_MAX },
	{ FALLOCATE, 4, "0", NULL, 0, 20000 },
	{ FSYNC, 4, NULL, NULL, 0, 0 },
	{ STAT, CWD, "file", NULL, 0, 0 },
	{ FALLOCATE, 4, "1", NULL, 20480, 8192 },	/* KEEP_SIZE */
	{ STAT, CWD, "file", NULL, 0, 0 },
	{ FALLOCATE, 4, "2", NULL, 0, 4096 },		/* PUNCH_HOLE must keep the size */
	{ FALLOCATE, 4, "3", NULL, 8010, 20 },
	{ PREAD, 3, NULL, NULL, 40, 8000 },
	{ FALLOCATE, 4, "3", NULL, 4096, 4096 },
	{ PREAD, 3, NULL, NULL, 40, 8180 },
	{ FSYNC, 4, NULL, NULL, 0, 0 },
	{ STAT, CWD, "file", NULL, 0, 0 },
	{ FALLOCATE, 4, "16", NULL, 8195, 10 },		/* ZERO_RANGE */
	{ PREAD, 3, NULL, NULL, 40, 8180 },
	{ FALLOCATE, 4, "16", NULL, 40960, 10 },
	{ FSYNC, 4, NULL, NULL, 0, 0 },
	{ STAT, CWD, "file", NULL, 0, 0 },
	{ FALLOCATE, 4, "1024", NULL, 0, 4096 },
	{ FADVISE, 1, NULL, NULL, POSIX_FADV_DONTNEED, 0 },
	{ FADVISE, 1, NULL, NULL, 77, 0 },
	{ RANGE, 1, NULL, NULL, SYNC_FILE_RANGE_WRITE, 0 },
	{ RANGE, 1, NULL, NULL, 1 << 10, 0 },
	{ SETX, CWD, "file", "user.colour=blue", 0, 0 },
	{ SETX, CWD, "file", "user.colour=red", XATTR_CREATE, 0 },
	{ SETX, CWD, "file", "user.size=xl", XATTR_REPLACE, 0 },
	{ FSETX, 1, NULL, "user.size=xl", XATTR_CREATE, 0 },
	{ FSETX, 1, NULL, "user.colour=green", XATTR_REPLACE, 0 },
	{ GETX, CWD, "file", "user.colour", 32, 0 },
	{ GETX, CWD, "file", "user.colour", 3, 0 },
	{ GETX, CWD, "file", "user.colour", 0, 0 },
	{ FGETX, 1, NULL, "user.size", 32, 0 },
	{ FGETX, 1, NULL, "user.none", 32, 0 },
	{ FGETX, 1, NULL, "colour", 32, 0 },
	{ FSETX, 1, NULL, "user.=x", 0, 0 },
	{ FSETX, 1, NULL, "user." LONG_256 "=x", 0, 0 },
	{ FSETX, 1, NULL, "user.x=x", 77, 0 },
	{ SETX, CWD, "missing", "user.x=x", 0, 0 },
	{ UNLINK, CWD, "file", NULL, 0, 0 },
	{ STAT, 1, "", NULL, AT_EMPTY_PATH, 0 },
	{ PWRITE, 1, "alive", NULL, 0, 0 },
	{ PREAD, 3, NULL, NULL, 5, 0 },
	{ LINK, 1, "", "again", AT_EMPTY_PATH, 0 },
	{ CLOSE, 4, NULL, NULL, 0, 0 },
	{ CLOSE, 3, NULL, NULL, 0, 0 },
	{ CLOSE, 2, NULL, NULL, 0, 0 },
	{ CLOSE, 1, NULL, NULL, 0, 0 },
};

/* --- comparing ------------------------------------------------------------------------------- */

static void make_script(struct script *s, const struct step *steps, size_t n)
{
	*s = (struct script){ .steps = steps, .n = n };
	assert_true(n <= STEPS_MAX);
	for (int i = 0; i < N_SLOTS; i++)
		s->fds[i] = -1;
}

static bool is_alike(const struct outcome *a, const struct outcome *b)
{
	return a->ret == b->ret && !memcmp(a->text, b->text, sizeof(a->text));
}

static void compare(const struct script *real, const struct script *sim)
{
	int n_different = 0;

	for (size_t i = 0; i < real->n; i++) {
		const struct outcome *a = &real->outcomes[i], *b = &sim->outcomes[i];
		const struct step *step = &real->steps[i];

		if (is_alike(a, b))
			continue;
		n_different++;
		print_error("step %zu (verb %d, %s, %s): Linux %ld \"%s\", simulated %ld \"%s\"\n",
			    i, step->verb, step->path ? step->path : "-",
			    step->path2 ? step->path2 : "-", a->ret, a->text, b->ret, b->text);
	}
	assert_int_equal(n_different, 0);
}

static int simulate(struct script *s, uint64_t seed)
{
	const struct rondo_sim_options o = {
		.seed = seed, .no_faults = true, .on_failure = rondo_sim_print_failure,
	};

	return rondo_sim_run(&o, run_script, s);
}

static void check_table(const struct step *steps, size_t n)
{
	struct script real, sim;
	struct statfs fs;
	int n_compared = 0, ret;

	make_script(&real, steps, n);
	ret = rondo_run(run_script, &real);
	if (statfs(".", &fs) < 0 || fs.f_type != EXT4_SUPER_MAGIC || ret == -EOPNOTSUPP) {
		print_message("the folder is not on ext4, or FTRUNCATE is missing\n");
		skip();
	}
	assert_int_equal(ret, 0);
	for (uint64_t seed = 1; seed <= 20; seed++) {
		make_script(&sim, steps, n);
		ret = simulate(&sim, seed);
		if (ret == -EOPNOTSUPP)
			continue;	/* this seed's kernel is too old */
		assert_int_equal(ret, 0);
		compare(&real, &sim);
		n_compared++;
	}
	assert_true(n_compared > 0);
}

static void test_names_behave_as_on_ext4(void **state)
{
	(void)state;
	check_table(names, sizeof(names) / sizeof(names[0]));
}

static void test_contents_behave_as_on_ext4(void **state)
{
	(void)state;
	check_table(contents, sizeof(contents) / sizeof(contents[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_names_behave_as_on_ext4, enter_folder,
						leave_folder),
		cmocka_unit_test_setup_teardown(test_contents_behave_as_on_ext4, enter_folder,
						leave_folder),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
