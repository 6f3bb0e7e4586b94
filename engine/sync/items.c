/* SPDX-License-Identifier: MIT */
/* items.c - see items.h. */
#include "sync/items.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bug.h"

enum { FIRST_SLOTS = 16, SLOT_ALIGNMENT = 16 };

/* Most items are pointers or numbers. */
static inline void copy(void *to, const void *from, size_t size)
{
	if (likely(size == sizeof(void *)))
		memcpy(to, from, sizeof(void *));
	else
		memcpy(to, from, size);
}

static inline char *slot(const struct rondo_queue *q, size_t i)
{
	return q->slots_ + i * q->slot_size_;
}

static inline bool is_heap(const struct rondo_queue *q)
{
	return q->options_.order == RONDO_QUEUE_PRIORITY;
}

/* --- room ------------------------------------------------------------------------------------ */

static char *alloc_slots(const struct rondo_queue *q, size_t n)
{
	size_t size;

	if (__builtin_add_overflow(n, is_heap(q), &n) ||
	    __builtin_mul_overflow(n, q->slot_size_, &size))
		return NULL;
	return malloc(size);
}

int rondo__items_open(struct rondo_queue *q)
{
	size_t item_size = q->options_.item_size;

	q->slot_size_ = item_size;
	if (is_heap(q) && __builtin_add_overflow(item_size, sizeof(q->n_ever_) + SLOT_ALIGNMENT - 1,
						 &q->slot_size_))
		return -ENOMEM;
	if (is_heap(q))
		q->slot_size_ &= ~(size_t)(SLOT_ALIGNMENT - 1);
	q->n_slots_ = q->options_.n_max == RONDO_UNBOUNDED ? FIRST_SLOTS : q->options_.n_max;
	q->slots_ = alloc_slots(q, q->n_slots_);
	return q->slots_ || q->options_.rendezvous ? 0 : -ENOMEM;
}

void rondo__items_close(struct rondo_queue *q)
{
	free(q->slots_);
	q->slots_ = NULL;
}

/* Twice as many slots, and the items in the first ones. */
static int grow(struct rondo_queue *q)
{
	size_t n_to_end = q->n_slots_ - q->first_;
	char *slots = q->n_slots_ > SIZE_MAX / 2 ? NULL : alloc_slots(q, q->n_slots_ * 2);

	if (!slots)
		return -ENOMEM;
	if (is_heap(q)) {
		memcpy(slots, q->slots_, (q->n_slots_ + 1) * q->slot_size_);
	} else {
		memcpy(slots, slot(q, q->first_), n_to_end * q->slot_size_);
		memcpy(slots + n_to_end * q->slot_size_, q->slots_, q->first_ * q->slot_size_);
		q->first_ = 0;
	}
	free(q->slots_);
	q->slots_ = slots;
	q->n_slots_ *= 2;
	return 0;
}

/* --- the heap -------------------------------------------------------------------------------- */

static uint64_t number_of(const struct rondo_queue *q, const char *item)
{
	uint64_t number;

	memcpy(&number, item + q->slot_size_ - sizeof(number), sizeof(number));
	return number;
}

static bool is_before(const struct rondo_queue *q, const char *a, const char *b)
{
	int order = q->options_.compare(a, b);

	return order ? order < 0 : number_of(q, a) < number_of(q, b);
}

static void move(struct rondo_queue *q, size_t to, size_t from)
{
	memcpy(slot(q, to), slot(q, from), q->slot_size_);
}

static void heap_push(struct rondo_queue *q, const void *value)
{
	size_t i = q->n_items_ + 1;

	copy(slot(q, 0), value, q->options_.item_size);
	memcpy(slot(q, 1) - sizeof(q->n_ever_), &q->n_ever_, sizeof(q->n_ever_));
	for (; i > 1 && is_before(q, slot(q, 0), slot(q, i / 2)); i /= 2)
		move(q, i, i / 2);
	move(q, i, 0);
}

/* Put the last item in the place of the first, which is gone, and then further down. */
static void heap_close_gap(struct rondo_queue *q)
{
	size_t child, i = 1, n = q->n_items_ - 1;

	move(q, 0, n + 1);
	for (; (child = i * 2) <= n; i = child) {
		if (child < n && is_before(q, slot(q, child + 1), slot(q, child)))
			child++;
		if (!is_before(q, slot(q, child), slot(q, 0)))
			break;
		move(q, i, child);
	}
	move(q, i, 0);
}

/* --- both ------------------------------------------------------------------------------------ */

/* The slot i after the oldest item's. */
static char *ring_slot(const struct rondo_queue *q, size_t i)
{
	size_t n_to_end = q->n_slots_ - q->first_;

	return slot(q, i < n_to_end ? q->first_ + i : i - n_to_end);
}

int rondo__items_push(struct rondo_queue *q, const void *value)
{
	int ret = unlikely(q->n_items_ == q->n_slots_) ? grow(q) : 0;

	if (unlikely(ret < 0))
		return ret;
	if (unlikely(is_heap(q)))
		heap_push(q, value);
	else
		copy(ring_slot(q, q->n_items_), value, q->options_.item_size);
	q->n_items_++;
	q->n_ever_++;
	return 0;
}

static char *next_out(const struct rondo_queue *q)
{
	if (is_heap(q))
		return slot(q, 1);
	return ring_slot(q, q->options_.order == RONDO_QUEUE_LIFO ? q->n_items_ - 1 : 0);
}

void rondo__items_pop(struct rondo_queue *q, void *value)
{
	char *item = next_out(q);

	if (likely(value))
		copy(value, item, q->options_.item_size);
	else if (q->options_.on_drop)
		q->options_.on_drop(item);
	if (likely(q->options_.order == RONDO_QUEUE_FIFO))
		q->first_ = q->first_ + 1 == q->n_slots_ ? 0 : q->first_ + 1;
	else if (is_heap(q))
		heap_close_gap(q);
	q->n_items_--;
}
