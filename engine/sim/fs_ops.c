/* SPDX-License-Identifier: MIT */
/* fs_ops.c - what is done to an open file besides reading and writing, and lseek. See fs.h. */
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>

#include "sim/fs.h"

/* The file of a request, or what the kernel says of others. */
static struct sim_disk_file *file_of(const struct sim_request *rq, int *error, int other)
{
	struct sim_disk_file *df = rondo__sim_disk_file(rq->file);

	*error = df ? -EBADF : other;
	return df && df->file.flags & O_PATH ? NULL : df;
}

static bool is_writable(const struct sim_disk_file *df)
{
	return (df->file.flags & O_ACCMODE) != O_RDONLY;
}

/* --- syncing --------------------------------------------------------------------------------- */

static long fsync_run(struct sim_request *rq)
{
	int ret;
	struct sim_disk_file *df = file_of(rq, &ret, -EINVAL);

	if (rq->sqe.fsync_flags & ~IORING_FSYNC_DATASYNC)
		return -EINVAL;
	if (rq->sqe.off || rq->sqe.len)
		rondo__sim_fail(sim_of(rq), "Z4", "FSYNC of a part of a file");
	if (!df)
		return ret;
	ret = rondo__sim_file_sync(df);
	rondo__sim_note(sim_of(rq), "fsync", df->inode->ino, (uint64_t)(int64_t)ret);
	return ret;
}

const struct sim_op rondo__sim_op_fsync = {
	.name = "FSYNC", .path = SIM_WORKER, .needs_file = true, .run = fsync_run,
};

/* It promises nothing that a crash would respect; now and then the pages are written anyway. */
static long sync_range_run(struct sim_request *rq)
{
	enum { WAITS = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER };
	enum { KNOWN = WAITS | SYNC_FILE_RANGE_WRITE };
	int ret;
	struct sim_disk_file *df = file_of(rq, &ret, -ESPIPE);
	uint32_t flags = rq->sqe.sync_range_flags;

	if (!df)
		return ret;
	if (flags & ~(uint32_t)KNOWN || (int64_t)rq->sqe.off < 0)
		return -EINVAL;
	if (flags & SYNC_FILE_RANGE_WRITE && !list_empty(&df->inode->dirty) &&
	    rondo__sim_often(sim_of(rq), SIM_DISK, 500))
		rondo__sim_pages_write_back(df->inode);
	return flags & WAITS ? rondo__sim_file_check_error(df) : 0;
}

const struct sim_op rondo__sim_op_sync_file_range = {
	.name = "SYNC_FILE_RANGE", .path = SIM_WORKER, .needs_file = true, .run = sync_range_run,
};

static long fadvise_run(struct sim_request *rq)
{
	int ret;
	struct sim_disk_file *df = file_of(rq, &ret, -ESPIPE);

	if (!df)
		return ret;
	if (rq->sqe.fadvise_advice > POSIX_FADV_NOREUSE)
		return -EINVAL;
	if (rq->sqe.fadvise_advice == POSIX_FADV_DONTNEED)
		rondo__sim_pages_evict(df->inode);
	return 0;
}

const struct sim_op rondo__sim_op_fadvise = {
	.name = "FADVISE", .path = SIM_WORKER, .needs_file = true, .run = fadvise_run,
};

/* --- size ------------------------------------------------------------------------------------ */

static long ftruncate_run(struct sim_request *rq)
{
	int ret;
	struct sim_disk_file *df = file_of(rq, &ret, -EINVAL);

	if (!df)
		return ret;
	if (!S_ISREG(df->inode->mode) || !is_writable(df) || (int64_t)rq->sqe.off < 0)
		return -EINVAL;
	rondo__sim_journal_begin(df->inode->disk);
	return rondo__sim_file_resize(rq->file->host, df->inode, rq->sqe.off);
}

const struct sim_op rondo__sim_op_ftruncate = {
	.name = "FTRUNCATE", .path = SIM_WORKER, .needs_file = true, .run = ftruncate_run,
};

/* Give every page of a range its place on the disk, or none. */
static int allocate(struct sim_inode *i, uint64_t begin, uint64_t end)
{
	uint64_t first = begin / SIM_PAGE_SIZE, last = (end - 1) / SIM_PAGE_SIZE;
	uint64_t n = last - first + 1;

	n -= rondo__sim_page_place(&i->pages, last + 1) - rondo__sim_page_place(&i->pages, first);
	if (!n)
		return 0;
	if (!rondo__sim_disk_has_room(i->disk, n) ||
	    rondo__sim_fault(i->disk->sim, SIM_FAULT_WRITE_ENOSPC))
		return -ENOSPC;
	for (uint64_t index = first; index <= last; index++)
		rondo__sim_page_get(i, index);
	return 0;
}

static int check_fallocate(const struct sim_request *rq, const struct sim_disk_file *df)
{
	int mode = (int)rq->sqe.len;
	int64_t offset = (int64_t)rq->sqe.off, len = (int64_t)rq->sqe.addr;

	if (offset < 0 || len <= 0)
		return -EINVAL;
	switch (mode) {
	case 0:
	case FALLOC_FL_KEEP_SIZE:
	case FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE:
	case FALLOC_FL_ZERO_RANGE:
	case FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE:
		break;
	case FALLOC_FL_COLLAPSE_RANGE:
	case FALLOC_FL_INSERT_RANGE:
		rondo__sim_fail(sim_of(rq), "Z4", "FALLOCATE with mode 0x%x", mode);
		return -EOPNOTSUPP;
	default:
		return -EOPNOTSUPP;
	}
	if (!is_writable(df))
		return -EBADF;
	return (uint64_t)offset > sim_file_size_max - (uint64_t)len ||
			       (uint64_t)len > sim_file_size_max ?
		       -EFBIG :
		       0;
}

static int change_range(struct sim_host *h, struct sim_inode *i, int mode, uint64_t begin,
			uint64_t end)
{
	const struct sim_attr old = i->attr;
	int ret = 0;

	rondo__sim_journal_begin(i->disk);
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		rondo__sim_pages_clear(i, begin, end);
	if (!(mode & FALLOC_FL_PUNCH_HOLE))
		ret = allocate(i, begin, end);
	if (ret < 0)
		return ret;
	i->attr.mtime_ns = i->attr.ctime_ns = rondo__sim_fs_now(h);
	if (!(mode & FALLOC_FL_KEEP_SIZE) && end > old.size) {
		i->attr.size = end;
		rondo__sim_journal_attr(i, &old, false);
	}
	return 0;
}

static long fallocate_run(struct sim_request *rq)
{
	int ret;
	struct sim_disk_file *df = file_of(rq, &ret, strcmp(rq->file->class->name, "pipe") ?
							     -ENODEV : -ESPIPE);
	uint64_t begin = rq->sqe.off, end = begin + rq->sqe.addr;

	if (!df)
		return ret;
	ret = check_fallocate(rq, df);
	if (ret < 0)
		return ret;
	return change_range(rq->file->host, df->inode, (int)rq->sqe.len, begin, end);
}

const struct sim_op rondo__sim_op_fallocate = {
	.name = "FALLOCATE", .path = SIM_WORKER, .needs_file = true, .run = fallocate_run,
};

/* --- the position ---------------------------------------------------------------------------- */

static bool has_data(const struct sim_inode *i, uint64_t index)
{
	const struct sim_page *p = rondo__sim_page_find(i, index);

	return p && p->data;
}

/* Where data or a hole begins, from an offset on; beyond the end there is a hole. */
static int64_t seek_data(const struct sim_inode *i, int64_t offset, bool data)
{
	uint64_t size = i->attr.size, at = (uint64_t)offset;

	if (offset < 0 || at >= size)
		return -ENXIO;
	while (at < size && has_data(i, at / SIM_PAGE_SIZE) != data) {
		uint64_t index = at / SIM_PAGE_SIZE + 1;
		size_t place = rondo__sim_page_place(&i->pages, index);

		if (data && place == i->pages.n)
			return -ENXIO;
		at = (data ? i->pages.at[place]->index : index) * SIM_PAGE_SIZE;
	}
	if (at < size)
		return (int64_t)at;
	return data ? -ENXIO : (int64_t)size;
}

static int64_t seek(const struct sim_disk_file *df, int64_t offset, int whence)
{
	switch (whence) {
	case SEEK_SET:
		return offset;
	case SEEK_CUR:
		return df->file.position + offset;
	case SEEK_END:
		return (int64_t)df->inode->attr.size + offset;
	case SEEK_DATA:
	case SEEK_HOLE:
		return seek_data(df->inode, offset, whence == SEEK_DATA);
	default:
		return -EINVAL;
	}
}

long rondo__sim_call_lseek(struct sim_host *h, long a, long b, long c, long d, long e, long f)
{
	struct sim_file *file = rondo__sim_fd_file(h, (int)a);
	struct sim_disk_file *df = file ? rondo__sim_disk_file(file) : NULL;
	int64_t to;

	(void)d, (void)e, (void)f;
	if (!file || file->flags & O_PATH)
		return -EBADF;
	if (!df)
		return -ESPIPE;
	to = seek(df, b, (int)c);
	if (to == -ENXIO)
		return to;
	if (to < 0 || (uint64_t)to > sim_file_size_max)
		return -EINVAL;
	df->file.position = to;
	return to;
}
