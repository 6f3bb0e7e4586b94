/* SPDX-License-Identifier: MIT */
/* heap.h - a 4-ary min-heap of deadlines ordered by (when, sequence). Layer 0.
 *
 * Most deadlines are taken back before they come (a time limit on an operation that finished),
 * and the nodes lie on the stacks of sleeping tasks, which are cold. So the heap touches nodes
 * as little as it can: an entry is 16 bytes and has all that is compared, four children share a
 * cache line, and taking a node back only empties its slot. The dead entry leaves when it
 * reaches the top, or when half of the heap is dead and is swept: removal costs O(1) in the
 * mean, and never a search. */
#ifndef RONDO_BASE_HEAP_H
#define RONDO_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAP_NOWHERE UINT32_MAX

struct heap_node {
	uint64_t when;			/* fixed while in the heap */
	uint32_t slot;			/* HEAP_NOWHERE while outside */
};

struct heap_entry {
	uint64_t when;
	uint32_t sequence;		/* of pushes: equal deadlines leave in FIFO order */
	uint32_t slot;
};

union heap_slot {
	struct heap_node *node;		/* NULL: taken back */
	uintptr_t next_free;		/* while no entry has this slot */
};

struct heap {
	struct heap_entry *entries;	/* the root's four children start on a cache line */
	union heap_slot *slots;
	uint32_t n_entries, n_dead, capacity;
	uint32_t free_slot;		/* HEAP_NOWHERE: none below n_slots */
	uint32_t n_slots;		/* slots ever used */
	uint32_t sequence;
};

static inline void heap_node_init(struct heap_node *n)
{
	n->slot = HEAP_NOWHERE;
}

static inline bool heap_contains(const struct heap_node *n)
{
	return n->slot != HEAP_NOWHERE;
}

/* How many nodes it holds. */
static inline uint32_t heap_count(const struct heap *h)
{
	return h->n_entries - h->n_dead;
}

/* Make room for one more node. Returns 0 or -ENOMEM. */
int rondo__heap_reserve(struct heap *h);
/* Insert; rondo__heap_reserve() must have succeeded since the last push. */
void rondo__heap_push(struct heap *h, struct heap_node *n);
void rondo__heap_remove(struct heap *h, struct heap_node *n);
/* The earliest node, or NULL. */
struct heap_node *rondo__heap_top(struct heap *h);
void rondo__heap_free(struct heap *h);
#endif
