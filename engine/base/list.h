/* SPDX-License-Identifier: MIT */
/* list.h - an intrusive doubly linked list. Layer 0: includes nothing of ours. */
#ifndef RONDO_BASE_LIST_H
#define RONDO_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_push(struct list *l, struct list *n)
{
	n->prev = l->prev;
	n->next = l;
	l->prev->next = n;
	l->prev = n;
}

/* The removed node is left a list of its own, so removing it again is harmless. */
static inline void list_remove(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}

static inline struct list *list_pop(struct list *l)
{
	struct list *n = l->next;

	list_remove(n);
	return n;
}
#endif
