/* SPDX-License-Identifier: MIT */
/* fs_open.c - opening by OPENAT and OPENAT2, and STATX. See fs.h. */
#include <fcntl.h>
#include <stdlib.h>

#include "sim/fs.h"

enum {
	UMASK = 022,
	MODE_ALL = 07777,
	/* With O_PATH all others are ignored by OPENAT, and refused by OPENAT2. */
	FLAGS_OF_PATH = O_DIRECTORY | O_NOFOLLOW | O_PATH | O_CLOEXEC,
	FLAGS_KNOWN = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK |
		      O_SYNC | O_DSYNC | O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY |
		      O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE,
	RESOLVE_KNOWN = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS |
			RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_CACHED,
};

static const struct open_how *how_of(const struct sim_request *rq)
{
	return &sim_names_of(rq)->how;
}

static bool has(const struct sim_request *rq, int flag)
{
	return ((int)how_of(rq)->flags & flag) == flag;
}

static bool writes(const struct sim_request *rq)
{
	return (how_of(rq)->flags & O_ACCMODE) != O_RDONLY;
}

static bool creates(uint64_t flags)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

/* --- flags ----------------------------------------------------------------------------------- */

static int check_how(struct sim *s, const struct open_how *how)
{
	bool is_tmpfile = (how->flags & O_TMPFILE) == O_TMPFILE;

	if (how->flags & ~(uint64_t)FLAGS_KNOWN || how->resolve & ~(uint64_t)RESOLVE_KNOWN)
		return -EINVAL;
	if ((how->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) ==
	    (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		return -EINVAL;
	if (creates(how->flags) ? how->mode & ~(uint64_t)MODE_ALL : how->mode != 0)
		return -EINVAL;
	if (how->flags & O_DIRECTORY && how->flags & O_CREAT)
		return -EINVAL;
	if (how->flags & O_TMPFILE & ~O_DIRECTORY && !is_tmpfile)
		return -EINVAL;
	if (is_tmpfile && (how->flags & O_ACCMODE) == O_RDONLY)
		return -EINVAL;
	if (how->flags & O_PATH && how->flags & ~(uint64_t)FLAGS_OF_PATH)
		return -EINVAL;
	if (how->resolve & RESOLVE_CACHED)
		rondo__sim_fail(s, "Z4", "RESOLVE_CACHED");
	return 0;
}

/* What openat(2) makes of its arguments. */
static struct open_how usual_how(const struct io_uring_sqe *sqe)
{
	struct open_how how = { .flags = sqe->open_flags & FLAGS_KNOWN };

	if (how.flags & O_PATH)
		how.flags &= FLAGS_OF_PATH;
	if (creates(how.flags))
		how.mode = sqe->len & MODE_ALL;
	return how;
}

static int prepare(struct sim_request *rq, const struct open_how *how)
{
	int ret;

	if (rq->sqe.file_index)
		rondo__sim_fail(sim_of(rq), "Z4", "a direct descriptor");
	ret = rondo__sim_names_copy(rq, rq->sqe.addr, 0, 0);
	if (ret == 0)
		sim_names_of(rq)->how = *how;
	return ret;
}

static int openat_prepare(struct sim_request *rq)
{
	const struct open_how how = usual_how(&rq->sqe);

	return prepare(rq, &how);
}

static int openat2_prepare(struct sim_request *rq)
{
	const struct open_how *how = (const struct open_how *)(uintptr_t)rq->sqe.off;

	if (rq->sqe.len < sizeof(*how))
		return -EINVAL;
	if (rq->sqe.len > sizeof(*how))
		rondo__sim_fail(sim_of(rq), "Z4", "an open_how of a later kernel");
	return prepare(rq, how);
}

/* --- opening --------------------------------------------------------------------------------- */

static struct sim_inode *make_inode(struct sim_request *rq)
{
	struct sim_host *h = sim_host_of(rq);
	uint32_t mode = (uint32_t)how_of(rq)->mode & ~(uint32_t)UMASK;

	rondo__sim_journal_begin(h->disk);
	return rondo__sim_inode_make(h->disk, S_IFREG | mode, rondo__sim_fs_now(h));
}

/* Give a descriptor for an inode. There is room: open_run has looked. */
static int install(struct sim_request *rq, struct sim_inode *i)
{
	struct sim_host *h = sim_host_of(rq);
	int flags = (int)how_of(rq)->flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC);

	return rondo__sim_fd_install(h, &rondo__sim_disk_file_make(h, i, flags)->file);
}

static int create(struct sim_request *rq, const struct sim_place *place)
{
	struct sim_inode *i;
	int fd;

	if (!has(rq, O_CREAT) || !place->dir->n_names)
		return -ENOENT;
	if (!rondo__sim_disk_has_room(place->dir->disk, 1))
		return -ENOSPC;
	i = make_inode(rq);
	rondo__sim_name_set(sim_host_of(rq), place->dir, place->name, i);
	fd = install(rq, i);
	rondo__sim_inode_unref(i);
	return fd;
}

static int open_tmpfile(struct sim_request *rq, const struct sim_place *place)
{
	struct sim_inode *i;
	int fd;

	if (!place->inode)
		return -ENOENT;
	if (!S_ISDIR(place->inode->mode))
		return -ENOTDIR;
	i = make_inode(rq);
	i->nameless = !has(rq, O_EXCL);
	fd = install(rq, i);
	rondo__sim_inode_unref(i);
	return fd;
}

/* In the kernel's order. */
static int check_existing(const struct sim_request *rq, const struct sim_place *place)
{
	uint32_t mode = place->inode->mode;

	if (has(rq, O_CREAT | O_EXCL))
		return -EEXIST;
	if (has(rq, O_CREAT) && S_ISDIR(mode))
		return -EISDIR;
	if (has(rq, O_DIRECTORY) && !S_ISDIR(mode))
		return -ENOTDIR;
	if (has(rq, O_PATH))
		return 0;
	if (S_ISLNK(mode))
		return -ELOOP;
	if (S_ISDIR(mode) && (writes(rq) || has(rq, O_TRUNC)))
		return -EISDIR;
	return 0;
}

static int open_existing(struct sim_request *rq, const struct sim_place *place)
{
	struct sim_inode *i = place->inode;
	int ret = check_existing(rq, place);

	if (ret < 0)
		return ret;
	if (has(rq, O_TRUNC) && i->attr.size) {
		rondo__sim_journal_begin(i->disk);
		rondo__sim_file_resize(sim_host_of(rq), i, 0);
	}
	return install(rq, i);
}

static enum sim_last last_of(const struct sim_request *rq)
{
	if (!has(rq, O_CREAT))
		return has(rq, O_NOFOLLOW) ? SIM_LAST_KEEP : SIM_LAST_FOLLOW;
	return has(rq, O_EXCL) || has(rq, O_NOFOLLOW) ? SIM_LAST_NAME : SIM_LAST_CREATE;
}

static long open_run(struct sim_request *rq)
{
	const struct open_how *how = how_of(rq);
	struct sim_host *h = sim_host_of(rq);
	struct sim_place place;
	int ret = check_how(h->sim, how);

	if (ret < 0)
		return ret;
	if (rondo__sim_fd_count(h) == SIM_FDS_MAX)
		return -EMFILE;		/* before anything is made, as in the kernel */
	ret = rondo__sim_walk(h, rq->sqe.fd, sim_names_of(rq)->path[0], last_of(rq), how->resolve,
			      &place);
	if (ret == 0 && has(rq, O_CREAT) && place.slash)
		ret = -EISDIR;
	if (ret < 0)
		return ret;
	if (has(rq, O_TMPFILE))
		return open_tmpfile(rq, &place);
	return place.inode ? open_existing(rq, &place) : create(rq, &place);
}

const struct sim_op rondo__sim_op_openat = {
	.name = "OPENAT", .path = SIM_WORKER, .prepare = openat_prepare, .run = open_run,
};

const struct sim_op rondo__sim_op_openat2 = {
	.name = "OPENAT2", .path = SIM_WORKER, .prepare = openat2_prepare, .run = open_run,
};

/* --- statx ----------------------------------------------------------------------------------- */

enum {
	STATX_FLAGS = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE,
	DISK_MAJOR = 8,
	N_INLINE = 60,			/* ext4 keeps shorter targets of links in the inode */
	BLOCKS_PER_PAGE = SIM_PAGE_SIZE / 512,
};

static int statx_prepare(struct sim_request *rq)
{
	bool may_be_empty = rq->sqe.statx_flags & AT_EMPTY_PATH;
	int ret = rondo__sim_names_copy(rq, rq->sqe.addr, 0, may_be_empty);

	if (ret < 0)
		return ret;
	rondo__sim_names_fill(rq, rq->sqe.off, sizeof(struct statx));
	return 0;
}

static struct statx_timestamp timestamp(int64_t ns)
{
	return (struct statx_timestamp){ .tv_sec = ns / 1000000000,
					 .tv_nsec = (uint32_t)(ns % 1000000000) };
}

/* Each folder in a folder has a name for it: "..". */
static uint32_t count_links(const struct sim_inode *i)
{
	uint32_t n = i->n_names;

	if (!S_ISDIR(i->mode) || !n)
		return n;
	n = 2;
	for (size_t k = 0; k < i->n_entries; k++)
		n += S_ISDIR(i->entries[k].inode->mode);
	return n;
}

static uint64_t count_blocks(const struct sim_inode *i)
{
	if (S_ISDIR(i->mode) || (S_ISLNK(i->mode) && i->attr.size >= N_INLINE))
		return BLOCKS_PER_PAGE;
	return i->pages.n * BLOCKS_PER_PAGE;
}

static void fill(const struct sim_inode *i, unsigned mask, struct statx *st)
{
	*st = (struct statx){
		.stx_mask = STATX_BASIC_STATS | STATX_MNT_ID | (mask & STATX_BTIME),
		.stx_blksize = SIM_PAGE_SIZE,
		.stx_nlink = count_links(i),
		.stx_mode = (uint16_t)i->mode,
		.stx_ino = i->ino,
		.stx_size = S_ISDIR(i->mode) ? SIM_PAGE_SIZE : i->attr.size,
		.stx_blocks = count_blocks(i),
		.stx_atime = timestamp(i->atime_ns),
		.stx_ctime = timestamp(i->attr.ctime_ns),
		.stx_mtime = timestamp(i->attr.mtime_ns),
		.stx_dev_major = DISK_MAJOR,
		.stx_mnt_id = 1,
	};
	if (mask & STATX_BTIME)
		st->stx_btime = timestamp(i->btime_ns);
}

static long statx_run(struct sim_request *rq)
{
	int flags = (int)rq->sqe.statx_flags;
	enum sim_last last = flags & AT_SYMLINK_NOFOLLOW ? SIM_LAST_KEEP : SIM_LAST_FOLLOW;
	struct sim_inode *i;
	int ret;

	if (rq->sqe.len & STATX__RESERVED || flags & ~STATX_FLAGS ||
	    (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	ret = rondo__sim_walk_to(sim_host_of(rq), rq->sqe.fd, sim_names_of(rq)->path[0], last,
				 flags, &i);
	if (ret == 0)
		fill(i, rq->sqe.len, rq->iov->iov_base);
	return ret;
}

const struct sim_op rondo__sim_op_statx = {
	.name = "STATX", .path = SIM_WORKER, .prepare = statx_prepare, .run = statx_run,
};
