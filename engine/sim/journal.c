/* SPDX-License-Identifier: MIT */
/* journal.c - operations on names, sizes and attributes that a crash may still undo. See disk.h. */
#include <stdlib.h>
#include <string.h>

#include "sim/disk.h"

enum {
	RECORDS_MAX = 1024,		/* then it is committed, as a journal that is full */
	COMMIT_MIN_NS = 1000000,
};
static const uint64_t commit_max_ns = UINT64_C(5000000000);	/* ext4: commit=5 */

/* --- records --------------------------------------------------------------------------------- */

static struct sim_record *record_add(struct sim_inode *i, enum sim_record_kind kind)
{
	struct sim_disk *d = i->disk;
	struct sim_record *r = rondo__sim_alloc(sizeof(*r));

	r->kind = kind;
	r->op = d->op;
	r->inode = i;
	rondo__sim_inode_ref(i);
	list_push(&d->records, &r->link);
	d->n_records++;
	if (!sim_is_scheduled(&d->commit))
		rondo__sim_schedule(d->sim, &d->commit,
				    rondo__sim_log(d->sim, SIM_DISK, COMMIT_MIN_NS, commit_max_ns));
	return r;
}

static void record_free(struct sim_disk *d, struct sim_record *r)
{
	list_remove(&r->link);
	d->n_records--;
	rondo__sim_pages_free(d, &r->pages);
	if (r->child)
		rondo__sim_inode_unref(r->child);
	rondo__sim_inode_unref(r->inode);
	free(r->name);
	free(r->value);
	free(r);
}

static struct sim_record *record_of(struct list *l)
{
	return container_of(l, struct sim_record, link);
}

static char *copy_name(const char *name)
{
	char *copy = strdup(name);

	BUG_ON(!copy);
	return copy;
}

void rondo__sim_journal_begin(struct sim_disk *d)
{
	if (d->n_records >= RECORDS_MAX) {
		rondo__sim_journal_commit(d, d->op);
		if (d->n_records >= RECORDS_MAX / 2)	/* sizes that wait for their bytes */
			rondo__sim_disk_write_back(d, true);
	}
	d->op++;
}

void rondo__sim_journal_entry(struct sim_inode *dir, const char *name)
{
	struct sim_record *r = record_add(dir, SIM_RECORD_ENTRY);

	r->name = copy_name(name);
	r->child = rondo__sim_entry_find(dir, name);
	if (r->child)
		rondo__sim_inode_ref(r->child);
}

void rondo__sim_journal_attr(struct sim_inode *i, const struct sim_attr *old, bool waits_for_data)
{
	struct sim_record *r = record_add(i, SIM_RECORD_ATTR);

	r->attr = *old;
	r->waits_for_data = waits_for_data;
}

void rondo__sim_journal_xattr(struct sim_inode *i, const char *name)
{
	struct sim_record *r = record_add(i, SIM_RECORD_XATTR);
	struct sim_xattr *x = rondo__sim_xattr_find(i, name);

	r->name = copy_name(name);
	if (!x)
		return;
	r->value = rondo__sim_alloc(x->size_bytes);
	r->size_bytes = x->size_bytes;
	memcpy(r->value, x->value, x->size_bytes);
}

void rondo__sim_journal_pages(struct sim_inode *i, uint64_t first, uint64_t last,
			      struct sim_pages *pages)
{
	struct sim_record *r = record_add(i, SIM_RECORD_PAGES);

	r->first = first;
	r->last = last;
	r->pages = *pages;
	*pages = (struct sim_pages){ 0 };
}

/* --- becoming durable ------------------------------------------------------------------------ */

/* From the last to the first: a size that was set later, and is kept, settles those before. */
void rondo__sim_journal_commit(struct sim_disk *d, uint64_t op)
{
	uint64_t pass = ++d->pass;
	struct list *l = d->records.prev;

	while (l != &d->records) {
		struct sim_record *r = record_of(l);

		l = l->prev;
		if (r->op > op || (r->waits_for_data && r->inode->settled != pass))
			continue;
		if (r->kind == SIM_RECORD_ATTR)
			r->inode->settled = pass;
		record_free(d, r);
	}
}

void rondo__sim_journal_commit_folder(struct sim_inode *dir)
{
	struct sim_disk *d = dir->disk;

	for (struct list *l = d->records.prev; l != &d->records; l = l->prev) {
		struct sim_record *r = record_of(l);

		if (r->inode != dir)
			continue;
		rondo__sim_journal_commit(d, r->op);
		return;
	}
}

void rondo__sim_journal_settle(struct sim_inode *i, bool only_waiting)
{
	struct sim_disk *d = i->disk;
	struct list *l = d->records.prev;

	rondo__sim_inode_ref(i);
	while (l != &d->records) {
		struct sim_record *r = record_of(l);

		l = l->prev;
		if (r->inode == i && r->kind != SIM_RECORD_ENTRY &&
		    (r->waits_for_data || !only_waiting))
			record_free(d, r);
	}
	rondo__sim_inode_unref(i);
}

/* --- being undone ---------------------------------------------------------------------------- */

static void undo(struct sim_record *r)
{
	switch (r->kind) {
	case SIM_RECORD_ENTRY:
		rondo__sim_entry_set(r->inode, r->name, r->child);
		break;
	case SIM_RECORD_ATTR:
		r->inode->attr = r->attr;
		break;
	case SIM_RECORD_PAGES:
		rondo__sim_pages_restore(r->inode, r->first, r->last, &r->pages);
		break;
	case SIM_RECORD_XATTR:
		rondo__sim_xattr_set(r->inode, r->name, r->value, r->size_bytes);
		break;
	}
}

enum { SIZES_KEPT, SIZES_LOST, SOME_SIZES_LOST, N_FATES };

/* A size that waited for its bytes: may it have become durable before the crash? */
static bool keep_size(struct sim *s, struct sim_inode *i, uint64_t pass)
{
	if (i->settled == pass)
		return true;
	if (i->fated != pass) {
		i->fated = pass;
		i->fate = (unsigned)rondo__sim_below(s, SIM_CRASH, N_FATES);
	}
	return i->fate == SIZES_KEPT ||
	       (i->fate == SOME_SIZES_LOST && rondo__sim_below(s, SIM_CRASH, 2));
}

/* The last operation that survives: any that is not yet committed, or none of them. */
static uint64_t draw_survivor(struct sim_disk *d)
{
	uint64_t first = record_of(d->records.next)->op, last = record_of(d->records.prev)->op;

	return first - 1 + rondo__sim_below(d->sim, SIM_CRASH, last - first + 2);
}

uint64_t rondo__sim_journal_crash(struct sim_disk *d)
{
	uint64_t pass = ++d->pass, survivor = 0, n_undone = 0;

	rondo__sim_unschedule(d->sim, &d->commit);
	if (!list_empty(&d->records))
		survivor = draw_survivor(d);
	while (!list_empty(&d->records)) {
		struct sim_record *r = record_of(d->records.prev);
		bool keep = r->op <= survivor;

		if (keep && r->waits_for_data)
			keep = keep_size(d->sim, r->inode, pass);
		if (keep && r->kind == SIM_RECORD_ATTR)
			r->inode->settled = pass;
		if (!keep) {
			undo(r);
			n_undone++;
		}
		record_free(d, r);
	}
	return n_undone;
}

void rondo__sim_journal_free(struct sim_disk *d)
{
	while (!list_empty(&d->records))
		record_free(d, record_of(d->records.prev));
}
