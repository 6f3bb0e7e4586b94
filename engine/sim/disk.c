/* SPDX-License-Identifier: MIT */
/* disk.c - a disk with its inodes, from the making of the host to its crashes. See disk.h. */
#include "sim/disk.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/ops.h"

enum {
	INO_ROOT = 2,			/* numbered as in ext4 */
	INO_FIRST = 12,
	MADE_S = 1600000000,		/* September 2020, before any host's clock */
	WRITE_BACK_PERIOD_S = 5,
	WRITE_BACK_AGE_S = 30,		/* Linux: dirty_expire_centisecs */
	SMALL_DISK_MIN = 64,		/* pages */
	SMALL_DISK_MAX = 1 << 10,
};

/* --- inodes ---------------------------------------------------------------------------------- */

struct sim_inode *rondo__sim_inode_make(struct sim_disk *d, uint32_t mode, int64_t now_ns)
{
	struct sim_inode *i = rondo__sim_alloc(sizeof(*i));

	i->disk = d;
	i->ino = d->next_ino++;
	i->n_refs = 1;
	i->mode = mode;
	i->attr.mtime_ns = i->attr.ctime_ns = i->atime_ns = i->btime_ns = now_ns;
	i->error_seen = true;
	list_init(&i->dirty);
	list_init(&i->xattrs);
	list_push(&d->inodes, &i->link);
	return i;
}

void rondo__sim_inode_ref(struct sim_inode *i)
{
	i->n_refs++;
}

static void inode_free(struct sim_inode *i)
{
	struct sim_inode *parent = i->parent != i ? i->parent : NULL;

	BUG_ON(i->n_entries);
	rondo__sim_pages_free(i->disk, &i->pages);
	while (!list_empty(&i->xattrs))
		rondo__sim_xattr_set(i, container_of(i->xattrs.next, struct sim_xattr, link)->name,
				     NULL, 0);
	list_remove(&i->dirty);
	list_remove(&i->link);
	free(i->entries);
	free(i->target);
	free(i);
	if (parent)
		rondo__sim_inode_unref(parent);
}

void rondo__sim_inode_unref(struct sim_inode *i)
{
	BUG_ON(!i->n_refs);
	if (--i->n_refs == 0)
		inode_free(i);
}

/* --- names of a folder ----------------------------------------------------------------------- */

/* Where the name is, or would be. */
static size_t entry_place(const struct sim_inode *dir, const char *name, bool *found)
{
	size_t low = 0, high = dir->n_entries;

	*found = false;
	while (low < high && !*found) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(dir->entries[middle].name, name);

		*found = order == 0;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return high;
}

struct sim_inode *rondo__sim_entry_find(const struct sim_inode *dir, const char *name)
{
	bool found;
	size_t place = entry_place(dir, name, &found);

	return found ? dir->entries[place].inode : NULL;
}

static void set_parent(struct sim_inode *i, struct sim_inode *parent)
{
	struct sim_inode *old = i->parent;

	rondo__sim_inode_ref(parent);
	i->parent = parent;
	if (old)
		rondo__sim_inode_unref(old);
}

static void entry_insert(struct sim_inode *dir, size_t place, const char *name)
{
	struct sim_entry *e;

	if (dir->n_entries == dir->room) {
		dir->room = dir->room ? dir->room * 2 : 8;
		dir->entries = realloc(dir->entries, dir->room * sizeof(*dir->entries));
		BUG_ON(!dir->entries);
	}
	e = &dir->entries[place];
	memmove(e + 1, e, (dir->n_entries++ - place) * sizeof(*e));
	e->name = strdup(name);
	BUG_ON(!e->name);
	e->inode = NULL;
}

static void entry_remove(struct sim_inode *dir, size_t place)
{
	struct sim_entry *e = &dir->entries[place];

	free(e->name);
	memmove(e, e + 1, (--dir->n_entries - place) * sizeof(*e));
}

void rondo__sim_entry_set(struct sim_inode *dir, const char *name, struct sim_inode *child)
{
	struct sim_inode *old = NULL;
	bool found;
	size_t place = entry_place(dir, name, &found);

	if (found)
		old = dir->entries[place].inode;
	else if (child)
		entry_insert(dir, place, name);
	if (child) {
		rondo__sim_inode_ref(child);
		child->n_names++;
		dir->entries[place].inode = child;
		if (S_ISDIR(child->mode))
			set_parent(child, dir);
	} else if (found) {
		entry_remove(dir, place);
	}
	if (old) {
		old->n_names--;
		rondo__sim_inode_unref(old);
	}
}

/* --- extended attributes --------------------------------------------------------------------- */

struct sim_xattr *rondo__sim_xattr_find(const struct sim_inode *i, const char *name)
{
	for (struct list *l = i->xattrs.next; l != &i->xattrs; l = l->next) {
		struct sim_xattr *x = container_of(l, struct sim_xattr, link);

		if (!strcmp(x->name, name))
			return x;
	}
	return NULL;
}

static void xattr_add(struct sim_inode *i, const char *name, const void *value, size_t size_bytes)
{
	struct sim_xattr *x = rondo__sim_alloc(sizeof(*x));

	x->name = strdup(name);
	BUG_ON(!x->name);
	x->value = rondo__sim_alloc(size_bytes);
	x->size_bytes = size_bytes;
	if (size_bytes)
		memcpy(x->value, value, size_bytes);
	list_push(&i->xattrs, &x->link);
}

void rondo__sim_xattr_set(struct sim_inode *i, const char *name, const void *value,
			  size_t size_bytes)
{
	struct sim_xattr *old = rondo__sim_xattr_find(i, name);

	if (old)
		list_remove(&old->link);
	if (value)
		xattr_add(i, name, value, size_bytes);
	if (old) {
		free(old->name);
		free(old->value);
		free(old);
	}
}

/* --- the disk -------------------------------------------------------------------------------- */

/* What is old in any case, and more now and then. */
static bool is_due(struct sim *s, const struct sim_inode *i)
{
	return s->now_ns - i->dirtied_ns >= UINT64_C(1000000000) * WRITE_BACK_AGE_S ||
	       rondo__sim_often(s, SIM_DISK, 200);
}

void rondo__sim_disk_write_back(struct sim_disk *d, bool all)
{
	struct list *l = d->dirty.next;

	while (l != &d->dirty) {
		struct sim_inode *i = container_of(l, struct sim_inode, dirty);

		l = l->next;
		if (!all && !is_due(d->sim, i))
			continue;
		rondo__sim_pages_write_back(i);
		/* A size becomes durable even if the bytes behind it could not be written. */
		rondo__sim_journal_settle(i, true);
	}
}

/* As the kernel's flusher. */
static void write_back(struct sim *s, struct sim_event *e)
{
	struct sim_disk *d = container_of(e, struct sim_disk, write_back);

	rondo__sim_disk_write_back(d, false);
	if (!list_empty(&d->dirty))
		rondo__sim_schedule(s, e, UINT64_C(1000000000) * WRITE_BACK_PERIOD_S);
}

static void commit(struct sim *s, struct sim_event *e)
{
	struct sim_disk *d = container_of(e, struct sim_disk, commit);

	(void)s;
	rondo__sim_journal_commit(d, d->op);
}

/* A disk may be small only where being full is a fault; then the end of faults enlarges it. */
static uint64_t draw_size(struct sim *s)
{
	if (!rondo__sim_fault(s, SIM_FAULT_DISK_SMALL))
		return SIM_DISK_PAGES;
	return rondo__sim_log(s, SIM_DISK, SMALL_DISK_MIN, SMALL_DISK_MAX);
}

struct sim_disk *rondo__sim_disk_make(struct sim *s)
{
	struct sim_disk *d = rondo__sim_alloc(sizeof(*d));

	d->sim = s;
	d->max_pages = draw_size(s);
	list_init(&d->inodes);
	list_init(&d->records);
	list_init(&d->dirty);
	rondo__sim_event_init(&d->commit, commit);
	rondo__sim_event_init(&d->write_back, write_back);
	d->next_ino = INO_ROOT;
	d->root = rondo__sim_inode_make(d, S_IFDIR | 0755, INT64_C(1000000000) * MADE_S);
	d->root->parent = d->root;
	d->root->n_names = 1;
	d->next_ino = INO_FIRST;
	return d;
}

/* Folders and what is in them hold each other. */
static void clear_folder(struct sim_inode *dir)
{
	while (dir->n_entries)
		rondo__sim_entry_set(dir, dir->entries[dir->n_entries - 1].name, NULL);
	if (dir->parent && dir->parent != dir) {
		struct sim_inode *parent = dir->parent;

		dir->parent = NULL;
		rondo__sim_inode_unref(parent);
	}
}

void rondo__sim_disk_free(struct sim_disk *d)
{
	if (!d)
		return;
	rondo__sim_unschedule(d->sim, &d->commit);
	rondo__sim_unschedule(d->sim, &d->write_back);
	rondo__sim_journal_free(d);
	for (struct list *l = d->inodes.next; l != &d->inodes; l = l->next)
		rondo__sim_inode_ref(container_of(l, struct sim_inode, link));
	for (struct list *l = d->inodes.next; l != &d->inodes; l = l->next)
		clear_folder(container_of(l, struct sim_inode, link));
	rondo__sim_inode_unref(d->root);
	while (!list_empty(&d->inodes)) {
		struct sim_inode *i = container_of(list_pop(&d->inodes), struct sim_inode, link);

		rondo__sim_pages_free(d, &i->pages);
		list_remove(&i->dirty);
		i->disk = NULL;
		rondo__sim_inode_unref(i);
	}
	free(d);
}

void rondo__sim_disk_crash(struct sim *s, struct sim_disk *d)
{
	uint64_t n_undone = rondo__sim_journal_crash(d);

	for (struct list *l = d->inodes.next; l != &d->inodes; l = l->next)
		rondo__sim_pages_crash(container_of(l, struct sim_inode, link));
	rondo__sim_unschedule(s, &d->write_back);
	rondo__sim_note(s, "disk crash", n_undone, d->n_pages);
	rondo__sim_trace(s, "disk: %llu operations on names and sizes were lost",
			 (unsigned long long)n_undone);
}
