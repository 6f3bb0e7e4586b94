/* SPDX-License-Identifier: MIT */
/* items.h - where a queue keeps its items, in the order it gives them out. Layer 6.
 *
 * FIFO and LIFO: a ring of slots. PRIORITY: a binary heap in slots 1 to n_items_, each item
 * followed by its number, so that equal ones keep their order; slot 0 holds the one being moved. */
#ifndef RONDO_SYNC_ITEMS_H
#define RONDO_SYNC_ITEMS_H

#include "rondo/queue.h"

/* Set sizes, and make room for all items unless there is no limit. options_ must be set. Returns 0
 * or -ENOMEM. */
int rondo__items_open(struct rondo_queue *q);
void rondo__items_close(struct rondo_queue *q);
/* Returns 0, or -ENOMEM if the queue has no limit. */
int rondo__items_push(struct rondo_queue *q, const void *value);
/* There must be one. value may be NULL: it is dropped. */
void rondo__items_pop(struct rondo_queue *q, void *value);

#endif
