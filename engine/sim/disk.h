/* SPDX-License-Identifier: MIT */
/* disk.h - a host's disk: inodes, the pages of files, and the journal of names. Layer 9.
 *
 * What programs see is the cache, and only the cache is held here whole. What the disk lacks of it
 * is noted beside: a page keeps the old bytes of sectors that are not written out, and the journal
 * keeps how to take back each operation that is not committed. So a crash is undoing, and what has
 * become durable is what nothing can undo any more.
 *
 *   write ----> page: dirty sectors ---- fsync, write-back --------------> clean
 *          \--> record: the old size --- the same -----------------------> dropped
 *   rename ---> records: old entries --- fsync of the folder, commit ----> dropped
 *
 * D1  A crash takes back whole operations, the last first: names are a prefix of their history.
 * D2  Sectors that are dirty at a crash are kept or lost one by one, whatever became of the names.
 * D3  Bytes of a page beyond the file's size are zero.
 * D4  Synced is synced: fsync of a file drops all records of its own, and its pages are clean. */
#ifndef RONDO_SIM_DISK_H
#define RONDO_SIM_DISK_H

#include "sim/file.h"

enum {
	SIM_SECTOR_SIZE = 512,
	SIM_PAGE_SIZE = 4096,
	SIM_PAGE_SECTORS = SIM_PAGE_SIZE / SIM_SECTOR_SIZE,
	SIM_DISK_PAGES = 1 << 18,	/* 1 GiB: no larger than what may be held in memory */
};

/* The masks have a bit per sector. */
struct sim_page {
	uint64_t index;			/* in the file */
	uint8_t dirty;			/* the disk may have the old bytes */
	uint8_t stale;			/* it has them for sure: writing out failed */
	uint8_t bad_read, bad_write;	/* while there are faults */
	unsigned char *data;		/* NULL: zeros */
	unsigned char *old;		/* what the disk has where dirty or stale; NULL: zeros */
};

/* Ordered by index. */
struct sim_pages {
	struct sim_page **at;
	size_t n, room;
};

/* What of an inode a crash may take back. */
struct sim_attr {
	uint64_t size;
	int64_t mtime_ns, ctime_ns;	/* wall clock of the host */
};

struct sim_entry {
	char *name;
	struct sim_inode *inode;	/* held */
};

struct sim_xattr {
	struct list link;
	char *name;
	void *value;
	size_t size_bytes;
};

struct sim_inode {
	struct list link;		/* in disk->inodes, oldest first */
	struct sim_disk *disk;		/* NULL: thrown away before the last open file */
	uint64_t ino;
	uint32_t n_refs;		/* entries, open files, records, folders in it */
	uint32_t n_names;
	uint32_t mode;
	struct sim_attr attr;
	int64_t atime_ns, btime_ns;
	bool nameless;			/* O_TMPFILE, and may still be given a name */

	struct sim_pages pages;		/* of a regular file */
	char *target;			/* of a symbolic link */
	struct sim_inode *parent;	/* of a folder; held; the root is its own, not held */
	struct sim_entry *entries;	/* of a folder, ordered by name */
	size_t n_entries, room;
	struct list xattrs;

	struct list dirty;		/* in disk->dirty */
	uint64_t dirtied_ns;
	uint32_t n_errors;		/* of writing out, ever */
	bool error_seen;		/* the last of them was reported to somebody */
	uint64_t settled;		/* the pass of the journal that found its size kept */
	uint64_t fated;			/* the crash that drew a fate */
	unsigned fate;
};

enum sim_record_kind {
	SIM_RECORD_ENTRY,
	SIM_RECORD_ATTR,
	SIM_RECORD_PAGES,
	SIM_RECORD_XATTR,
};

/* How to take one step back. */
struct sim_record {
	struct list link;
	enum sim_record_kind kind;
	uint64_t op;			/* records of one operation are kept or undone together */
	bool waits_for_data;		/* a size that becomes durable with the bytes behind it */
	struct sim_inode *inode;	/* the folder or file; held */
	char *name;			/* of the entry or attribute */
	struct sim_inode *child;	/* the entry's before; held; NULL: none */
	struct sim_attr attr;
	uint64_t first, last;		/* pages that were replaced ... */
	struct sim_pages pages;		/* ... and what they were */
	void *value;			/* of the attribute; NULL: it had none */
	size_t size_bytes;
};

struct sim_disk {
	struct sim *sim;
	struct sim_inode *root;
	struct list inodes;
	uint64_t next_ino;
	uint64_t n_pages, max_pages;
	struct list records;		/* the journal, oldest first */
	size_t n_records;
	uint64_t op;			/* the current operation */
	uint64_t pass;			/* of commits and crashes */
	struct sim_event commit;
	struct list dirty;		/* inodes with dirty pages, oldest first */
	struct sim_event write_back;
};

/* --- disk.c: inodes -------------------------------------------------------------------------- */

/* Held by the caller. */
struct sim_inode *rondo__sim_inode_make(struct sim_disk *d, uint32_t mode, int64_t now_ns);
void rondo__sim_inode_ref(struct sim_inode *i);
void rondo__sim_inode_unref(struct sim_inode *i);
/* Not held; NULL: no such name. */
struct sim_inode *rondo__sim_entry_find(const struct sim_inode *dir, const char *name);
/* Make a name mean an inode, or nothing (NULL), whatever it meant before. Not journaled. */
void rondo__sim_entry_set(struct sim_inode *dir, const char *name, struct sim_inode *child);
struct sim_xattr *rondo__sim_xattr_find(const struct sim_inode *i, const char *name);
/* The value is copied; NULL: no such attribute. Not journaled. */
void rondo__sim_xattr_set(struct sim_inode *i, const char *name, const void *value,
			  size_t size_bytes);

/* Write files' dirty pages out: all, or those whose time has come. */
void rondo__sim_disk_write_back(struct sim_disk *d, bool all);

/* --- page.c ---------------------------------------------------------------------------------- */

/* The place of the first page that has this index or a greater one. */
size_t rondo__sim_page_place(const struct sim_pages *p, uint64_t index);
struct sim_page *rondo__sim_page_find(const struct sim_inode *i, uint64_t index);
/* Find it or make it of zeros. NULL: the disk is full. */
struct sim_page *rondo__sim_page_get(struct sim_inode *i, uint64_t index);
/* The bytes, to be changed between begin and end. */
unsigned char *rondo__sim_page_dirty(struct sim_inode *i, struct sim_page *p, size_t begin,
				     size_t end);
/* Is there room for n more pages? If there is not, writes everything out to make some. */
bool rondo__sim_disk_has_room(struct sim_disk *d, uint64_t n);
/* Make the bytes from begin to end zero and free pages, as one journaled step. */
void rondo__sim_pages_clear(struct sim_inode *i, uint64_t begin, uint64_t end);
/* Take the pages first to last away, and put others in their place. */
void rondo__sim_pages_restore(struct sim_inode *i, uint64_t first, uint64_t last,
			      struct sim_pages *pages);
void rondo__sim_pages_free(struct sim_disk *d, struct sim_pages *pages);
/* Write the dirty pages out. False if some could not be written (they count as clean). */
bool rondo__sim_pages_write_back(struct sim_inode *i);
/* Give up the dirty pages, as a failed fsync does: clean in the cache, old on the disk. */
void rondo__sim_pages_give_up(struct sim_inode *i);
/* Drop clean pages from the cache: what could not be written is read as it was before. */
void rondo__sim_pages_evict(struct sim_inode *i);
/* Does writing this page to the disk fail? */
bool rondo__sim_page_write_fails(struct sim *s, struct sim_page *p);
/* The cache is gone. */
void rondo__sim_pages_crash(struct sim_inode *i);

/* --- journal.c ------------------------------------------------------------------------------- */

/* A new operation; what is journaled until the next belongs to it. */
void rondo__sim_journal_begin(struct sim_disk *d);
/* To be called before the change that it could take back. */
void rondo__sim_journal_entry(struct sim_inode *dir, const char *name);
void rondo__sim_journal_attr(struct sim_inode *i, const struct sim_attr *old, bool waits_for_data);
void rondo__sim_journal_xattr(struct sim_inode *i, const char *name);
/* Takes the pages over. */
void rondo__sim_journal_pages(struct sim_inode *i, uint64_t first, uint64_t last,
			      struct sim_pages *pages);
/* Everything up to an operation is on the disk. */
void rondo__sim_journal_commit(struct sim_disk *d, uint64_t op);
/* The same, up to the last operation on this folder. */
void rondo__sim_journal_commit_folder(struct sim_inode *dir);
/* All that belongs to the file itself is on the disk; only_waiting: its sizes, with its bytes. */
void rondo__sim_journal_settle(struct sim_inode *i, bool only_waiting);
/* Returns how many operations were undone. */
uint64_t rondo__sim_journal_crash(struct sim_disk *d);
/* Forget the journal: the disk is thrown away. */
void rondo__sim_journal_free(struct sim_disk *d);
#endif
