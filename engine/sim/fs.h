/* SPDX-License-Identifier: MIT */
/* fs.h - the file system that a host sees: names, open files, and what is done to them. Layer 9.
 *
 * It behaves as ext4 does for root with a umask of 022, in errors and their order too. There are
 * regular files, folders and symbolic links; the current folder is the root. */
#ifndef RONDO_SIM_FS_H
#define RONDO_SIM_FS_H

#include <errno.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/stat.h>

#include "sim/disk.h"
#include "sim/transfer.h"

/* ext4's, with blocks of 4 KiB. */
static const uint64_t sim_file_size_max = UINT64_C(0xffffffff) * SIM_PAGE_SIZE;

/* An open file, folder, or place (O_PATH). */
struct sim_disk_file {
	struct sim_file file;		/* first */
	struct sim_inode *inode;	/* held */
	uint32_t n_errors_seen;		/* of the inode's */
};

/* What becomes of a symbolic link at the end of a path. */
enum sim_last {
	SIM_LAST_FOLLOW,
	SIM_LAST_KEEP,			/* kept, unless a slash comes after it */
	SIM_LAST_NAME,			/* kept: the name itself is to be made or removed */
	SIM_LAST_CREATE,		/* followed, unless a slash comes after it (O_CREAT) */
};

enum sim_last_kind { SIM_IS_NAME, SIM_IS_ROOT, SIM_IS_DOT, SIM_IS_DOTDOT };

/* Where a path leads. Valid until the next change of names. */
struct sim_place {
	struct sim_inode *dir;		/* in which the last name is */
	struct sim_inode *inode;	/* NULL: there is none of that name */
	char name[NAME_MAX + 1];
	enum sim_last_kind kind;	/* of the last component; if it is no name, dir is NULL */
	bool slash;			/* something follows: it has to be a folder */
};

/* --- fs_name.c ------------------------------------------------------------------------------- */

/* Follow a path. 0 or -errno; a last name that does not exist is no error here. resolve is
 * RESOLVE_*. */
int rondo__sim_walk(struct sim_host *h, int dirfd, const char *path, enum sim_last last,
		    uint64_t resolve, struct sim_place *place);
/* The same, for something that has to exist; an empty path is dirfd itself if flags say so. */
int rondo__sim_walk_to(struct sim_host *h, int dirfd, const char *path, enum sim_last last,
		       int flags, struct sim_inode **inode);
/* For a name that is to be made: -EEXIST, -ENOENT. */
int rondo__sim_walk_to_new(struct sim_host *h, int dirfd, const char *path, bool folder,
			   struct sim_place *place);
/* Journaled; both with the times that go with it. */
void rondo__sim_name_set(struct sim_host *h, struct sim_inode *dir, const char *name,
			 struct sim_inode *child);
/* The wall clock. */
int64_t rondo__sim_fs_now(struct sim_host *h);

/* What an SQE points to, copied; it is the request's private_data. */
struct sim_names {
	struct open_how how;
	const char *path[2];
	const void *value;
	size_t size_bytes;
	char bytes[];
};

/* Copy up to two paths; which may be empty is a mask. 0 or -errno. */
int rondo__sim_names_copy(struct sim_request *rq, uint64_t path0, uint64_t path1,
			  unsigned may_be_empty);

/* The request is to fill this memory of the host. */
void rondo__sim_names_fill(struct sim_request *rq, uint64_t address, size_t size_bytes);

static inline struct sim_names *sim_names_of(const struct sim_request *rq)
{
	return rq->private_data;
}

/* --- fs_file.c ------------------------------------------------------------------------------- */

/* NULL: the file is no disk's. */
struct sim_disk_file *rondo__sim_disk_file(struct sim_file *f);
/* Open an inode: a new file with one reference. */
struct sim_disk_file *rondo__sim_disk_file_make(struct sim_host *h, struct sim_inode *i, int flags);
/* 0 or -errno; to be called in an operation that was begun. */
int rondo__sim_file_resize(struct sim_host *h, struct sim_inode *i, uint64_t size);
/* 0 or -EIO, once per failure and open file. */
int rondo__sim_file_check_error(struct sim_disk_file *df);
int rondo__sim_file_sync(struct sim_disk_file *df);
#endif
