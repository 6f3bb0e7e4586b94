/* SPDX-License-Identifier: MIT */
/* heap.c - see heap.h. */
#include "base/heap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	ARITY = 4,
	FIRST_CAPACITY = 64,
	SWEEP_MIN = 64,			/* dead entries that are not worth a sweep */
	CACHE_LINE = 64,
	SHIFT = ARITY - 1,		/* entries before the root, so that entry 1 starts a line */
};

static bool before(const struct heap_entry *a, const struct heap_entry *b)
{
	if (a->when != b->when)
		return a->when < b->when;
	return (int32_t)(a->sequence - b->sequence) < 0;
}

static void sift_up(struct heap *h, uint32_t place, struct heap_entry e)
{
	while (place > 0) {
		uint32_t parent = (place - 1) / ARITY;

		if (!before(&e, &h->entries[parent]))
			break;
		h->entries[place] = h->entries[parent];
		place = parent;
	}
	h->entries[place] = e;
}

static uint32_t least_child(const struct heap *h, uint32_t first)
{
	uint32_t end = first + ARITY < h->n_entries ? first + ARITY : h->n_entries;
	uint32_t least = first;

	for (uint32_t i = first + 1; i < end; i++)
		if (before(&h->entries[i], &h->entries[least]))
			least = i;
	return least;
}

static void sift_down(struct heap *h, uint32_t place, struct heap_entry e)
{
	uint32_t child;

	while ((child = place * ARITY + 1) < h->n_entries) {
		child = least_child(h, child);
		if (!before(&h->entries[child], &e))
			break;
		h->entries[place] = h->entries[child];
		place = child;
	}
	h->entries[place] = e;
}

static void slot_free(struct heap *h, uint32_t slot)
{
	h->slots[slot].next_free = h->free_slot;
	h->free_slot = slot;
}

static uint32_t slot_get(struct heap *h)
{
	uint32_t slot = h->free_slot;

	if (slot == HEAP_NOWHERE)
		return h->n_slots++;
	h->free_slot = (uint32_t)h->slots[slot].next_free;
	return slot;
}

static struct heap_entry *entries_alloc(uint32_t capacity)
{
	size_t bytes = (capacity + SHIFT) * sizeof(struct heap_entry);
	struct heap_entry *p = aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1));

	return p ? p + SHIFT : NULL;
}

int rondo__heap_reserve(struct heap *h)
{
	struct heap_entry *entries;
	union heap_slot *slots;
	uint32_t capacity;

	if (h->n_entries < h->capacity)
		return 0;
	capacity = h->capacity ? h->capacity * 2 : FIRST_CAPACITY;
	entries = capacity > UINT32_MAX / ARITY ? NULL : entries_alloc(capacity);
	if (!entries)
		return -ENOMEM;
	slots = realloc(h->slots, capacity * sizeof(*slots));
	if (!slots) {
		free(entries - SHIFT);
		return -ENOMEM;
	}
	if (h->entries) {
		memcpy(entries, h->entries, h->n_entries * sizeof(*entries));
		free(h->entries - SHIFT);
	} else {
		h->free_slot = HEAP_NOWHERE;
	}
	h->slots = slots;
	h->entries = entries;
	h->capacity = capacity;
	return 0;
}

void rondo__heap_push(struct heap *h, struct heap_node *n)
{
	struct heap_entry e = { .when = n->when, .sequence = h->sequence++, .slot = slot_get(h) };

	h->slots[e.slot].node = n;
	n->slot = e.slot;
	sift_up(h, h->n_entries++, e);
}

/* Every entry has its own slot, so entries and slots run out together. */
static void sweep(struct heap *h)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < h->n_entries; i++)
		if (h->slots[h->entries[i].slot].node)
			h->entries[n++] = h->entries[i];
		else
			slot_free(h, h->entries[i].slot);
	h->n_entries = n;
	h->n_dead = 0;
	for (uint32_t i = n / ARITY + 1; i-- > 0;)
		if (i < n)
			sift_down(h, i, h->entries[i]);
}

void rondo__heap_remove(struct heap *h, struct heap_node *n)
{
	h->slots[n->slot].node = NULL;
	h->n_dead++;
	/* The latest deadline is usually the one set last, and taken back first. */
	if (h->entries[h->n_entries - 1].slot == n->slot) {
		slot_free(h, n->slot);
		h->n_entries--;
		h->n_dead--;
	} else if (h->n_dead >= SWEEP_MIN && h->n_dead > h->n_entries / 2) {
		sweep(h);
	}
	n->slot = HEAP_NOWHERE;
}

static void drop_top(struct heap *h)
{
	slot_free(h, h->entries[0].slot);
	h->n_dead--;
	if (--h->n_entries)
		sift_down(h, 0, h->entries[h->n_entries]);
}

struct heap_node *rondo__heap_top(struct heap *h)
{
	while (h->n_dead && !h->slots[h->entries[0].slot].node)
		drop_top(h);
	return h->n_entries ? h->slots[h->entries[0].slot].node : NULL;
}

void rondo__heap_free(struct heap *h)
{
	if (h->entries)
		free(h->entries - SHIFT);
	free(h->slots);
	*h = (struct heap){ 0 };
}
