/* SPDX-License-Identifier: MIT */
/* fs_file.c - open files of a disk: reading, writing, growing, syncing. See fs.h. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "ring/compat.h"
#include "sim/fs.h"

static const unsigned char zeros[SIM_PAGE_SIZE];

/* A transfer that was checked. */
struct span {
	uint64_t begin;
	size_t n_bytes;
};

static struct sim_disk_file *disk_file(struct sim_file *f)
{
	return (struct sim_disk_file *)f;
}

static int access_of(const struct sim_file *f)
{
	return f->flags & O_PATH ? O_PATH : f->flags & O_ACCMODE;
}

/* --- what reading and writing have in common ------------------------------------------------- */

static bool is_aligned(uint64_t x)
{
	return x % SIM_SECTOR_SIZE == 0;
}

/* O_DIRECT: whole sectors, to memory that the disk can reach. The one place where an address
 * matters, and only to a program that is wrong. */
static int check_direct(const struct sim_io *io, uint64_t begin)
{
	if (!is_aligned(begin))
		return -EINVAL;
	for (unsigned i = 0; i < io->n_iov; i++)
		if (!is_aligned((uintptr_t)io->iov[i].iov_base) || !is_aligned(io->iov[i].iov_len))
			return -EINVAL;
	return 0;
}

/* Flags of preadv2 and pwritev2. */
static int check_flags(struct sim *s, int flags)
{
	enum { READ_WRITE = RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND };

	if (flags & RWF_HIPRI)		/* of a ring that does not poll for completions */
		return -EINVAL;
	if (flags & ~(READ_WRITE | RONDO_RWF_NOSIGNAL))
		rondo__sim_fail(s, "Z4", "flags 0x%x of a read or write", (unsigned)flags);
	return 0;
}

/* O_DIRECT moves whole sectors, but for the end of a file. */
static size_t shorten(const struct sim_file *f, enum sim_fault fault, size_t n)
{
	struct sim *s = f->host->sim;

	if (!(f->flags & O_DIRECT))
		return rondo__sim_shorten(s, fault, n);
	if (!is_aligned(n))
		return n;
	return rondo__sim_shorten(s, fault, n / SIM_SECTOR_SIZE) * SIM_SECTOR_SIZE;
}

/* With O_DIRECT the op is over before the bytes have moved, and the position stays (KN-19). */
static void move_position(struct sim_file *f, const struct sim_io *io, uint64_t to)
{
	if (io->offset == -1 && !(f->flags & O_DIRECT && io->rq))
		f->position = (int64_t)to;
}

static int begin_transfer(struct sim_file *f, const struct sim_io *io, bool writes,
			  struct span *span)
{
	struct sim_inode *i = disk_file(f)->inode;
	bool appends = writes && (f->flags & O_APPEND || io->flags & RWF_APPEND);
	int ret = check_flags(f->host->sim, io->flags);

	if (ret < 0)
		return ret;
	if (S_ISDIR(i->mode) && io->flags & RWF_NOWAIT)
		return -EOPNOTSUPP;
	if (S_ISDIR(i->mode) && io->n_bytes)
		return writes ? -EBADF : -EISDIR;
	span->begin = (uint64_t)(io->offset == -1 ? f->position : io->offset);
	if (appends)
		span->begin = i->attr.size;
	span->n_bytes = io->n_bytes;
	if (span->begin > INT64_MAX - span->n_bytes)
		return -EINVAL;
	return f->flags & O_DIRECT ? check_direct(io, span->begin) : 0;
}

/* The part of a page that comes next. */
static size_t part_of(const struct span *span, size_t done, uint64_t *index, size_t *from)
{
	uint64_t at = span->begin + done;
	size_t left = span->n_bytes - done;

	*index = at / SIM_PAGE_SIZE;
	*from = at % SIM_PAGE_SIZE;
	return left < SIM_PAGE_SIZE - *from ? left : SIM_PAGE_SIZE - *from;
}

/* --- reading --------------------------------------------------------------------------------- */

/* What is clean may have left the cache, and its sector may have gone bad. */
static void draw_bad_sector(struct sim_disk_file *df, const struct span *span)
{
	struct sim *s = df->file.host->sim;
	uint64_t first = span->begin / SIM_PAGE_SIZE;
	uint64_t n = (span->begin + span->n_bytes - 1) / SIM_PAGE_SIZE - first + 1;
	struct sim_page *p;

	if (!rondo__sim_fault(s, SIM_FAULT_READ_EIO))
		return;
	p = rondo__sim_page_find(df->inode, first + rondo__sim_below(s, SIM_DISK, n));
	if (p && p->data && !p->dirty)
		p->bad_read |= (uint8_t)(1u << rondo__sim_below(s, SIM_DISK, SIM_PAGE_SECTORS));
}

static bool is_unreadable(const struct sim_disk_file *df, const struct sim_page *p)
{
	return p && p->bad_read && !df->file.host->sim->faults_over;
}

/* How much of what is to be read without waiting is cached; with O_DIRECT nobody asks. */
static size_t cached_part(const struct sim_file *f, const struct sim_io *io, size_t n)
{
	struct sim *s = f->host->sim;

	if (!(io->flags & RWF_NOWAIT) || f->flags & O_DIRECT ||
	    !rondo__sim_fault(s, SIM_FAULT_CACHE_MISS))
		return n;
	return rondo__sim_below(s, SIM_LENGTH, n);
}

/* relatime: once a day, or if it was written to. */
static void note_access(struct sim_disk_file *df)
{
	struct sim_inode *i = df->inode;
	int64_t now_ns = rondo__sim_fs_now(df->file.host);

	if (df->file.flags & O_NOATIME)
		return;
	if (i->atime_ns <= i->attr.mtime_ns || i->atime_ns <= i->attr.ctime_ns ||
	    now_ns - i->atime_ns >= INT64_C(86400000000000))
		i->atime_ns = now_ns;
}

static long read_pages(struct sim_disk_file *df, struct sim_io *io, const struct span *span)
{
	uint64_t index;
	size_t from, n;

	for (size_t done = 0; done < span->n_bytes; done += n) {
		struct sim_page *p;

		n = part_of(span, done, &index, &from);
		p = rondo__sim_page_find(df->inode, index);
		if (is_unreadable(df, p))
			return done ? (long)done : -EIO;
		rondo__sim_copy_out(io, done, (p && p->data ? p->data : zeros) + from, n);
	}
	return (long)span->n_bytes;
}

static long file_read(struct sim_file *f, struct sim_io *io)
{
	struct sim_disk_file *df = disk_file(f);
	uint64_t size = df->inode->attr.size;
	struct span span;
	long ret;

	if (access_of(f) != O_RDONLY && access_of(f) != O_RDWR)
		return -EBADF;
	ret = begin_transfer(f, io, false, &span);
	if (ret < 0)
		return ret;
	if (span.n_bytes)
		note_access(df);
	if (span.begin >= size || !span.n_bytes)
		return 0;
	if (span.n_bytes > size - span.begin)
		span.n_bytes = (size_t)(size - span.begin);
	span.n_bytes = cached_part(f, io, span.n_bytes);
	if (!span.n_bytes)
		return -EAGAIN;
	span.n_bytes = shorten(f, SIM_FAULT_SHORT_READ, span.n_bytes);
	draw_bad_sector(df, &span);
	ret = read_pages(df, io, &span);
	if (ret > 0)
		move_position(f, io, span.begin + (uint64_t)ret);
	return ret;
}

/* --- writing --------------------------------------------------------------------------------- */

/* Room may be short before the disk is full: for what is reserved, or somebody's quota. */
static void shorten_by_room(struct sim_disk_file *df, struct span *span)
{
	struct sim *s = df->file.host->sim;
	struct sim_pages *pages = &df->inode->pages;
	uint64_t first = span->begin / SIM_PAGE_SIZE;
	uint64_t end = (span->begin + span->n_bytes - 1) / SIM_PAGE_SIZE + 1, n_there;

	n_there = rondo__sim_page_place(pages, end) - rondo__sim_page_place(pages, first);
	if (n_there == end - first || !rondo__sim_fault(s, SIM_FAULT_WRITE_ENOSPC))
		return;
	end = first + rondo__sim_below(s, SIM_DISK, end - first);
	span->n_bytes = end > first ? (size_t)(end * SIM_PAGE_SIZE - span->begin) : 0;
}

/* One page, or -errno with nothing done to it. */
static int write_page(struct sim_disk_file *df, const struct sim_io *io, size_t done,
		      const struct span *span)
{
	struct sim_inode *i = df->inode;
	struct sim_page *p;
	uint64_t index;
	size_t from, n = part_of(span, done, &index, &from);

	p = rondo__sim_page_get(i, index);
	if (!p)
		return -ENOSPC;
	if (is_unreadable(df, p) && n < SIM_PAGE_SIZE)
		return -EIO;		/* what is around the bytes would have to be read first */
	if (n == SIM_PAGE_SIZE)
		p->bad_read = 0;
	rondo__sim_copy_in(io, done, rondo__sim_page_dirty(i, p, from, from + n) + from, n);
	return (int)n;
}

static long write_pages(struct sim_disk_file *df, const struct sim_io *io, const struct span *span)
{
	size_t done = 0;
	int ret = span->n_bytes ? 0 : -ENOSPC;

	while (ret >= 0 && done < span->n_bytes) {
		ret = write_page(df, io, done, span);
		done += ret > 0 ? (size_t)ret : 0;
	}
	return done ? (long)done : ret;
}

/* The size and times after a write; a size that grew is durable no sooner than the bytes. */
static void note_written(struct sim_disk_file *df, uint64_t end)
{
	struct sim_inode *i = df->inode;
	const struct sim_attr old = i->attr;

	i->attr.mtime_ns = i->attr.ctime_ns = rondo__sim_fs_now(df->file.host);
	if (end <= i->attr.size)
		return;
	i->attr.size = end;
	rondo__sim_journal_attr(i, &old, true);
}

static bool is_synchronous(const struct sim_file *f, const struct sim_io *io)
{
	return f->flags & (O_SYNC | O_DSYNC) || io->flags & (RWF_SYNC | RWF_DSYNC);
}

/* Without the cache between them, a write hears of the bad sector itself, and is all void. */
static bool direct_write_fails(struct sim_disk_file *df, const struct span *span)
{
	struct sim *s = df->file.host->sim;
	uint64_t first = span->begin / SIM_PAGE_SIZE;
	uint64_t last = (span->begin + span->n_bytes - 1) / SIM_PAGE_SIZE;
	bool fails = false;

	if (!(df->file.flags & O_DIRECT))
		return false;
	for (uint64_t index = first; index <= last; index++) {
		struct sim_page *p = rondo__sim_page_find(df->inode, index);

		fails |= p && rondo__sim_page_write_fails(s, p);
	}
	return fails;
}

static long write_span(struct sim_file *f, const struct sim_io *io, const struct span *span)
{
	struct sim_disk_file *df = disk_file(f);
	long ret;
	int error = 0;

	if (span->n_bytes && direct_write_fails(df, span))
		return -EIO;
	rondo__sim_journal_begin(df->inode->disk);
	ret = write_pages(df, io, span);
	if (ret <= 0)
		return ret;
	note_written(df, span->begin + (uint64_t)ret);
	move_position(f, io, span->begin + (uint64_t)ret);
	if (is_synchronous(f, io))
		error = rondo__sim_file_sync(df);
	return error < 0 ? error : ret;
}

static long file_write(struct sim_file *f, struct sim_io *io)
{
	struct span span;
	int ret;

	if (access_of(f) != O_WRONLY && access_of(f) != O_RDWR)
		return -EBADF;
	ret = begin_transfer(f, io, true, &span);
	if (ret < 0 || !span.n_bytes)
		return ret;
	if (io->flags & RWF_NOWAIT && !(f->flags & O_DIRECT))
		return -EAGAIN;		/* ext4 does not write to the cache without waiting */
	if (span.begin >= sim_file_size_max)
		return -EFBIG;
	if (span.n_bytes > sim_file_size_max - span.begin)
		span.n_bytes = (size_t)(sim_file_size_max - span.begin);
	span.n_bytes = shorten(f, SIM_FAULT_SHORT_WRITE, span.n_bytes);
	shorten_by_room(disk_file(f), &span);
	return write_span(f, io, &span);
}

/* --- size, and the disk ---------------------------------------------------------------------- */

int rondo__sim_file_resize(struct sim_host *h, struct sim_inode *i, uint64_t size)
{
	const struct sim_attr old = i->attr;

	if (size > sim_file_size_max)
		return -EFBIG;
	i->attr.mtime_ns = i->attr.ctime_ns = rondo__sim_fs_now(h);
	i->attr.size = size;
	if (size != old.size)
		rondo__sim_journal_attr(i, &old, false);
	if (size < old.size)
		rondo__sim_pages_clear(i, size, UINT64_MAX);
	return 0;
}

int rondo__sim_file_check_error(struct sim_disk_file *df)
{
	struct sim_inode *i = df->inode;

	if (df->n_errors_seen == i->n_errors)
		return 0;
	df->n_errors_seen = i->n_errors;
	i->error_seen = true;
	return -EIO;
}

/* The disk says that it failed to flush its own cache; the next commit may well succeed. */
static int sync_folder(struct sim_disk_file *df)
{
	if (rondo__sim_fault(df->file.host->sim, SIM_FAULT_FSYNC_EIO))
		return -EIO;
	rondo__sim_journal_commit_folder(df->inode);
	return 0;
}

int rondo__sim_file_sync(struct sim_disk_file *df)
{
	struct sim_inode *i = df->inode;
	int ret;

	if (S_ISDIR(i->mode))
		return sync_folder(df);
	if (!list_empty(&i->dirty) && rondo__sim_fault(df->file.host->sim, SIM_FAULT_FSYNC_EIO))
		rondo__sim_pages_give_up(i);
	else
		rondo__sim_pages_write_back(i);
	ret = rondo__sim_file_check_error(df);
	if (ret == 0)
		rondo__sim_journal_settle(i, false);
	return ret;
}

/* --- the class ------------------------------------------------------------------------------- */

static void file_release(struct sim_file *f)
{
	rondo__sim_inode_unref(disk_file(f)->inode);
	free(f);
}

static unsigned file_poll(struct sim_file *f)
{
	(void)f;
	return POLLIN | POLLOUT;	/* always (KN-33) */
}

static const struct sim_file_class class = {
	.name = "file on a disk",
	.read = file_read,
	.write = file_write,
	.poll = file_poll,
	.release = file_release,
	.on_disk = true,
};

struct sim_disk_file *rondo__sim_disk_file(struct sim_file *f)
{
	return f->class == &class ? disk_file(f) : NULL;
}

struct sim_disk_file *rondo__sim_disk_file_make(struct sim_host *h, struct sim_inode *i, int flags)
{
	struct sim_disk_file *df = rondo__sim_alloc(sizeof(*df));

	rondo__sim_file_init(&df->file, &class, h, flags);
	df->file.position = flags & O_PATH ? -1 : 0;
	df->inode = i;
	rondo__sim_inode_ref(i);
	/* A failure that nobody was told of is told to this one too. */
	df->n_errors_seen = i->error_seen ? i->n_errors : i->n_errors - 1;
	return df;
}
