/* SPDX-License-Identifier: MIT */
/* page.c - the contents of files: cached pages, and which of their sectors the disk lacks. */
#include <stdlib.h>
#include <string.h>

#include "sim/disk.h"

/* --- tables of pages ------------------------------------------------------------------------- */

size_t rondo__sim_page_place(const struct sim_pages *p, uint64_t index)
{
	size_t low = 0, high = p->n;

	if (high && p->at[high - 1]->index < index)	/* the usual write is at the end */
		return high;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (p->at[middle]->index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void table_insert(struct sim_pages *p, size_t place, struct sim_page *page)
{
	if (p->n == p->room) {
		p->room = p->room ? p->room * 2 : 4;
		p->at = realloc(p->at, p->room * sizeof(*p->at));
		BUG_ON(!p->at);
	}
	memmove(&p->at[place + 1], &p->at[place], (p->n++ - place) * sizeof(*p->at));
	p->at[place] = page;
}

static void table_remove(struct sim_pages *p, size_t from, size_t to)
{
	if (from == to)
		return;
	memmove(&p->at[from], &p->at[to], (p->n - to) * sizeof(*p->at));
	p->n -= to - from;
}

static struct sim_page *page_make(struct sim_disk *d, uint64_t index)
{
	struct sim_page *page = rondo__sim_alloc(sizeof(*page));

	page->index = index;
	d->n_pages++;
	return page;
}

static void page_free(struct sim_disk *d, struct sim_page *page)
{
	free(page->data);
	free(page->old);
	free(page);
	d->n_pages--;
}

void rondo__sim_pages_free(struct sim_disk *d, struct sim_pages *p)
{
	for (size_t i = 0; i < p->n; i++)
		page_free(d, p->at[i]);
	free(p->at);
	*p = (struct sim_pages){ 0 };
}

struct sim_page *rondo__sim_page_find(const struct sim_inode *i, uint64_t index)
{
	size_t place = rondo__sim_page_place(&i->pages, index);

	return place < i->pages.n && i->pages.at[place]->index == index ? i->pages.at[place]
								       : NULL;
}

/* --- room ------------------------------------------------------------------------------------ */

static bool fits(const struct sim_disk *d, uint64_t n)
{
	uint64_t max = d->sim->faults_over ? SIM_DISK_PAGES : d->max_pages;

	return n <= max && d->n_pages <= max - n;
}

bool rondo__sim_disk_has_room(struct sim_disk *d, uint64_t n)
{
	if (fits(d, n))
		return true;
	/* What was deleted is free only when nothing can bring it back. */
	rondo__sim_disk_write_back(d, true);
	rondo__sim_journal_commit(d, d->op);
	return fits(d, n);
}

struct sim_page *rondo__sim_page_get(struct sim_inode *i, uint64_t index)
{
	struct sim_page *page = rondo__sim_page_find(i, index);

	if (page || !rondo__sim_disk_has_room(i->disk, 1))
		return page;
	page = page_make(i->disk, index);
	table_insert(&i->pages, rondo__sim_page_place(&i->pages, index), page);
	return page;
}

/* --- dirty and clean ------------------------------------------------------------------------- */

static uint8_t sectors(size_t begin, size_t end)
{
	size_t first = begin / SIM_SECTOR_SIZE;
	size_t last = (end + SIM_SECTOR_SIZE - 1) / SIM_SECTOR_SIZE;

	return (uint8_t)((1u << last) - (1u << first));
}

static void mark_dirty(struct sim_inode *i)
{
	struct sim_disk *d = i->disk;

	if (!list_empty(&i->dirty))
		return;
	i->dirtied_ns = d->sim->now_ns;
	list_push(&d->dirty, &i->dirty);
	if (!sim_is_scheduled(&d->write_back))
		rondo__sim_schedule(d->sim, &d->write_back, UINT64_C(5000000000));
}

unsigned char *rondo__sim_page_dirty(struct sim_inode *i, struct sim_page *p, size_t begin,
				     size_t end)
{
	if (!p->data) {
		p->data = rondo__sim_alloc(SIM_PAGE_SIZE);
	} else if (!p->dirty && !p->stale) {
		p->old = rondo__sim_alloc(SIM_PAGE_SIZE);
		memcpy(p->old, p->data, SIM_PAGE_SIZE);
	}
	p->dirty |= sectors(begin, end);
	p->stale &= (uint8_t)~p->dirty;
	mark_dirty(i);
	return p->data;
}

static void copy_sectors(unsigned char *to, const unsigned char *from, uint8_t mask)
{
	for (unsigned k = 0; k < SIM_PAGE_SECTORS; k++) {
		size_t at = (size_t)k * SIM_SECTOR_SIZE;

		if (!(mask >> k & 1))
			continue;
		if (from)
			memcpy(to + at, from + at, SIM_SECTOR_SIZE);
		else
			memset(to + at, 0, SIM_SECTOR_SIZE);
	}
}

/* The disk has what the cache has, but for the stale sectors. */
static void page_clean(struct sim_page *p)
{
	uint8_t dirty = p->dirty;

	p->dirty = 0;
	if (!p->stale) {
		free(p->old);
		p->old = NULL;
		return;
	}
	if (!p->old)
		p->old = rondo__sim_alloc(SIM_PAGE_SIZE);
	copy_sectors(p->old, p->data, dirty);
}

static void page_give_up(struct sim_page *p)
{
	p->stale |= p->dirty;
	p->dirty = 0;
}

bool rondo__sim_page_write_fails(struct sim *s, struct sim_page *p)
{
	if (rondo__sim_fault(s, SIM_FAULT_WRITE_EIO))
		p->bad_write |= (uint8_t)(1u << rondo__sim_below(s, SIM_DISK, SIM_PAGE_SECTORS));
	return !s->faults_over && (p->bad_write & (p->dirty ? p->dirty : 0xff));
}

bool rondo__sim_pages_write_back(struct sim_inode *i)
{
	bool ok = true;

	for (size_t k = 0; k < i->pages.n; k++) {
		struct sim_page *p = i->pages.at[k];

		if (!p->dirty)
			continue;
		if (!rondo__sim_page_write_fails(i->disk->sim, p)) {
			page_clean(p);
			continue;
		}
		page_give_up(p);
		ok = false;
	}
	list_remove(&i->dirty);
	if (!ok) {
		i->n_errors++;
		i->error_seen = false;
	}
	return ok;
}

void rondo__sim_pages_give_up(struct sim_inode *i)
{
	for (size_t k = 0; k < i->pages.n; k++)
		page_give_up(i->pages.at[k]);
	list_remove(&i->dirty);
	i->n_errors++;
	i->error_seen = false;
}

void rondo__sim_pages_evict(struct sim_inode *i)
{
	for (size_t k = 0; k < i->pages.n; k++) {
		struct sim_page *p = i->pages.at[k];

		if (p->dirty || !p->stale)
			continue;
		copy_sectors(p->data, p->old, p->stale);
		p->stale = 0;
		page_clean(p);
	}
}

/* --- clearing a range, and taking it back ---------------------------------------------------- */

static unsigned char *copy_of(const unsigned char *bytes)
{
	unsigned char *copy = NULL;

	if (bytes) {
		copy = rondo__sim_alloc(SIM_PAGE_SIZE);
		memcpy(copy, bytes, SIM_PAGE_SIZE);
	}
	return copy;
}

static void save_copy(struct sim_disk *d, struct sim_pages *saved, const struct sim_page *p)
{
	struct sim_page *copy = page_make(d, p->index);

	*copy = *p;
	copy->data = copy_of(p->data);
	copy->old = copy_of(p->old);
	table_insert(saved, saved->n, copy);
}

/* On the disk too: the record of it is what a crash may undo. */
static void zero(struct sim_page *p, size_t begin, size_t end)
{
	if (p->data)
		memset(p->data + begin, 0, end - begin);
	if (p->old)
		memset(p->old + begin, 0, end - begin);
}

/* The page that byte at is in, from begin to end within it, if that is not all of it. */
static void clear_part(struct sim_inode *i, struct sim_pages *saved, uint64_t index, size_t begin,
		       size_t end)
{
	struct sim_page *p = rondo__sim_page_find(i, index);

	if (!p || begin >= end)
		return;
	save_copy(i->disk, saved, p);
	zero(p, begin, end);
}

/* Move whole pages out of the file. */
static void take(struct sim_inode *i, struct sim_pages *saved, uint64_t first, uint64_t end)
{
	size_t from = rondo__sim_page_place(&i->pages, first);
	size_t to = rondo__sim_page_place(&i->pages, end);

	for (size_t k = from; k < to; k++)
		table_insert(saved, saved->n, i->pages.at[k]);
	table_remove(&i->pages, from, to);
}

void rondo__sim_pages_clear(struct sim_inode *i, uint64_t begin, uint64_t end)
{
	uint64_t first = begin / SIM_PAGE_SIZE, last = (end - 1) / SIM_PAGE_SIZE;
	uint64_t whole = first + (begin % SIM_PAGE_SIZE != 0);
	uint64_t whole_end = end / SIM_PAGE_SIZE;
	size_t head = begin % SIM_PAGE_SIZE, tail = end % SIM_PAGE_SIZE;
	struct sim_pages saved = { 0 };

	if (head)
		clear_part(i, &saved, first, head, first == last && tail ? tail : SIM_PAGE_SIZE);
	if (whole < whole_end)
		take(i, &saved, whole, whole_end);
	if (tail && !(head && first == last))
		clear_part(i, &saved, last, 0, tail);
	rondo__sim_journal_pages(i, first, last, &saved);
}

void rondo__sim_pages_restore(struct sim_inode *i, uint64_t first, uint64_t last,
			      struct sim_pages *pages)
{
	struct sim_pages replaced = { 0 };
	size_t place;

	take(i, &replaced, first, last + 1);
	rondo__sim_pages_free(i->disk, &replaced);
	place = rondo__sim_page_place(&i->pages, first);
	for (size_t k = 0; k < pages->n; k++)
		table_insert(&i->pages, place + k, pages->at[k]);
	free(pages->at);
	*pages = (struct sim_pages){ 0 };
}

/* --- crashes --------------------------------------------------------------------------------- */

enum { ALL_KEPT, ALL_LOST, PAGES_LOST, SECTORS_LOST, N_FATES };

static uint8_t draw_lost(struct sim *s, unsigned fate)
{
	switch (fate) {
	case ALL_KEPT:
		return 0;
	case ALL_LOST:
		return 0xff;
	case PAGES_LOST:
		return rondo__sim_below(s, SIM_CRASH, 2) ? 0xff : 0;
	default:
		return (uint8_t)rondo__sim_below(s, SIM_CRASH, 256);
	}
}

/* Nothing of a page lies beyond the end of its file (D3). */
static void trim(struct sim_inode *i)
{
	uint64_t n = (i->attr.size + SIM_PAGE_SIZE - 1) / SIM_PAGE_SIZE;
	size_t tail = i->attr.size % SIM_PAGE_SIZE;
	struct sim_pages beyond = { 0 };
	struct sim_page *last = tail ? rondo__sim_page_find(i, n - 1) : NULL;

	take(i, &beyond, n, UINT64_MAX);
	rondo__sim_pages_free(i->disk, &beyond);
	if (last)
		zero(last, tail, SIM_PAGE_SIZE);
}

void rondo__sim_pages_crash(struct sim_inode *i)
{
	struct sim *s = i->disk->sim;
	unsigned fate = N_FATES;

	for (size_t k = 0; k < i->pages.n; k++) {
		struct sim_page *p = i->pages.at[k];
		uint8_t lost = p->stale;

		if (p->dirty && fate == N_FATES)
			fate = (unsigned)rondo__sim_below(s, SIM_CRASH, N_FATES);
		if (p->dirty)
			lost |= (uint8_t)(p->dirty & draw_lost(s, fate));
		if (lost)
			copy_sectors(p->data, p->old, lost);
		p->dirty = p->stale = 0;
		page_clean(p);
	}
	list_remove(&i->dirty);
	i->error_seen = true;
	i->n_errors = 0;
	trim(i);
}
