/* SPDX-License-Identifier: MIT */
/* queue.c - rows Q1 to Q7, p38, p39, p50 of asyncio's rules.
 *
 * A put wakes the getter that waits longest, and a get the putter, as in asyncio; the woken one
 * takes the item, or puts it, when it runs. What asyncio lacks: until then the item, or the room,
 * is reserved for it (n_woken_), so that nobody overtakes and nobody has to queue again.
 *
 * A rendezvous has no slots: who comes second moves the item between its own value and that of the
 * one who waits. Then both have succeeded, also if the woken one is cancelled before it runs.
 *
 * U1  A getter is in the list only while every item is reserved, a putter only while all room is
 *     taken or reserved. Whatever frees an item or room passes it on at once.
 * U2  After a shutdown nobody is in the lists for good: putters have been told, and getters wait
 *     only for those an item is reserved for, who may give it back (Y3). */
#include "sync/queue.h"

#include <stdio.h>

#include "sync/items.h"

static void queue_describe(const struct wait *w, char *buf, size_t size)
{
	const struct rondo_queue *q = waiter_of(w)->object;

	snprintf(buf, size, "%s in queue %p, which holds %zu", w->class->name, (const void *)q,
		 q->n_items_);
}

static const struct wait_class classes[] = {
	[QUEUE_GETTING] = {
		.name = "an item", .cancel = rondo__waiters_cancel, .describe = queue_describe,
	},
	[QUEUE_PUTTING] = {
		.name = "room", .cancel = rondo__waiters_cancel, .describe = queue_describe,
	},
};

static bool options_are_valid(const struct rondo_queue_options *o)
{
	if (o->rendezvous)
		return !o->n_max && o->order == RONDO_QUEUE_FIFO;
	return o->n_max && (o->order != RONDO_QUEUE_PRIORITY || o->compare);
}

int rondo_queue_init_with(struct rondo_queue *queue, const struct rondo_queue_options *options)
{
	struct rondo_queue q = { .options_ = *options };
	int ret;

	if (!options_are_valid(options))
		return -EINVAL;
	if (!options->item_size)
		q.options_.item_size = sizeof(void *);
	ret = rondo__items_open(&q);
	if (ret == 0)
		*queue = q;
	return ret;
}

int rondo_queue_init(struct rondo_queue *queue, size_t n_max)
{
	return rondo_queue_init_with(queue, &(struct rondo_queue_options){ .n_max = n_max });
}

/* Or was told that it need not, and will look at the queue when it runs. */
static bool somebody_waits_on(const struct rondo_queue_side *side)
{
	return side->waiters_.first_ || side->n_woken_;
}

void rondo_queue_free(struct rondo_queue *queue)
{
	if (!queue)
		return;
	if (somebody_waits_on(&queue->sides_[QUEUE_GETTING]) ||
	    somebody_waits_on(&queue->sides_[QUEUE_PUTTING]) || queue->unfinished_.waiters_.first_)
		BUG("a queue was freed under a task that waits in it");
	while (queue->n_items_)
		rondo__items_pop(queue, NULL);
	rondo__items_close(queue);
}

/* --- getting and putting --------------------------------------------------------------------- */

static inline bool has_item(const struct rondo_queue *q)
{
	return q->n_items_ > q->sides_[QUEUE_GETTING].n_woken_;
}

static inline bool has_room(const struct rondo_queue *q)
{
	return q->options_.n_max - q->n_items_ > q->sides_[QUEUE_PUTTING].n_woken_;
}

static inline void wake_one(struct rondo_queue_side *side)
{
	side->n_woken_++;
	waiters_grant(&side->waiters_);
}

static inline void let_get(struct rondo_queue *q)
{
	if (q->sides_[QUEUE_GETTING].waiters_.first_ && has_item(q))
		wake_one(&q->sides_[QUEUE_GETTING]);
}

static inline void let_put(struct rondo_queue *q)
{
	if (q->sides_[QUEUE_PUTTING].waiters_.first_ && has_room(q))
		wake_one(&q->sides_[QUEUE_PUTTING]);
}

/* In a rendezvous: is somebody waiting on the other side? */
static inline __attribute__((always_inline)) int meet(struct rondo_queue *q, enum queue_side side,
						     void *value)
{
	struct rondo_queue_side *others = &q->sides_[!side];
	const struct rondo_waiter *other = others->waiters_.first_;
	void *their_value;

	if (!other)
		return -EAGAIN;
	their_value = container_of(other, const struct queue_wait, waiter)->value;
	if (side == QUEUE_PUTTING)
		memcpy(their_value, value, q->options_.item_size);
	else
		memcpy(value, their_value, q->options_.item_size);
	q->unfinished_.n_pending_++;
	wake_one(others);
	return 0;
}

/* Of a queue that is not shut down. */
static inline __attribute__((always_inline)) int put_open(struct rondo_queue *q, const void *value)
{
	int ret;

	if (unlikely(!has_room(q)))
		return q->options_.rendezvous ? meet(q, QUEUE_PUTTING, (void *)(uintptr_t)value) :
						-EAGAIN;
	ret = rondo__items_push(q, value);
	if (unlikely(ret < 0))
		return ret;
	q->unfinished_.n_pending_++;
	let_get(q);
	return 0;
}

static inline __attribute__((always_inline)) int get_open(struct rondo_queue *q, void *value)
{
	if (unlikely(!has_item(q)))
		return q->options_.rendezvous ? meet(q, QUEUE_GETTING, value) : -EAGAIN;
	rondo__items_pop(q, value);
	let_put(q);
	return 0;
}

/* What was left at the shutdown. */
static int get_rest(struct rondo_queue *q, void *value)
{
	if (!has_item(q))
		return q->n_items_ ? -EAGAIN : -RONDO_EQSHUTDOWN;
	rondo__items_pop(q, value);
	if (!q->n_items_)
		rondo__waiters_wake(&q->sides_[QUEUE_GETTING].waiters_, SIZE_MAX);	/* U2 */
	return 0;
}

static inline int try_put(struct rondo_queue *q, const void *value)
{
	return unlikely(q->is_shut_down_) ? -RONDO_EQSHUTDOWN : put_open(q, value);
}

static inline int try_get(struct rondo_queue *q, void *value)
{
	return unlikely(q->is_shut_down_) ? get_rest(q, value) : get_open(q, value);
}

bool rondo__queue_may_try(const struct rondo_queue *q, enum queue_side side)
{
	return (side == QUEUE_GETTING ? has_item(q) : has_room(q)) || q->is_shut_down_ ||
	       (q->options_.rendezvous && q->sides_[!side].waiters_.first_);
}

int rondo__queue_try(struct rondo_queue *q, enum queue_side side, void *value)
{
	return side == QUEUE_GETTING ? try_get(q, value) : try_put(q, value);
}

/* The items and the room that are left for others. */
static int hand_on(struct rondo_queue *q, int error)
{
	let_get(q);				/* Y3 */
	let_put(q);
	return error;
}

/* The item has moved, so the request to stop is for the next await. */
static int met(struct rondo_task *self, int error)
{
	if (error == -ECANCELED)
		self->must_cancel = self->cancel_late = self->n_cancels > 0;
	return 0;
}

static inline int waited(struct rondo_queue *q, enum queue_side side, const struct queue_wait *w,
			 int error)
{
	q->sides_[side].n_woken_ -= w->waiter.granted;
	if (unlikely(q->options_.rendezvous && w->waiter.granted))
		return met(w->waiter.wait.task, error);
	return unlikely(error < 0) ? hand_on(q, error) : -EAGAIN;
}

int rondo__queue_waited(struct rondo_queue *q, enum queue_side side, const struct queue_wait *w,
			int error)
{
	return waited(q, side, w, error);
}

/* One function for both sides, which the verbs jump to. The processor predicts returns by the calls
 * that were made last; after a switch those are the other task's, and each return to another place
 * than there costs some 15 ns. So a getter and a putter that wait for each other come back the same
 * way, but for the last step: the two of these are 30 of the 50 ns that an item takes through a queue of
 * one. */
static __attribute__((noinline)) int wait_and_try(struct rondo_queue *q, void *value,
						  enum queue_side side)
{
	int ret;

	do {
		struct queue_wait w = { .waiter = WAITER(q, &classes[side]), .value = value };

		ret = rondo__waiters_wait(&q->sides_[side].waiters_, &w.waiter);
		ret = waited(q, side, &w, ret);
		if (likely(ret == -EAGAIN))
			ret = side == QUEUE_GETTING ? try_get(q, value) : try_put(q, value);
	} while (unlikely(ret == -EAGAIN));
	return ret;
}

/* After a shutdown, or with a budget of awaits (D11): what is rare costs the rest one test. */
static inline bool is_special(const struct rondo_queue *q)
{
	return unlikely(q->is_shut_down_ | budgets_in_use());
}

static __attribute__((noinline)) int move_slowly(struct rondo_queue *q, void *value,
						 enum queue_side side)
{
	int ret = rondo__queue_may_try(q, side) ? budget_checkpoint() : 0;

	if (ret == 0)
		ret = rondo__queue_try(q, side, value);
	return ret == -EAGAIN ? wait_and_try(q, value, side) : ret;
}

/* --- by value -------------------------------------------------------------------------------- */

int rondo_queue_put_value_nowait(struct rondo_queue *queue, const void *value)
{
	return try_put(queue, value);
}

int rondo_queue_put_value(struct rondo_queue *queue, const void *value)
{
	int ret;

	if (is_special(queue))
		return move_slowly(queue, (void *)(uintptr_t)value, QUEUE_PUTTING);
	ret = put_open(queue, value);
	return ret == -EAGAIN ? wait_and_try(queue, (void *)(uintptr_t)value, QUEUE_PUTTING) :
				ret;
}

int rondo_queue_get_value_nowait(struct rondo_queue *queue, void *value)
{
	return try_get(queue, value);
}

int rondo_queue_get_value(struct rondo_queue *queue, void *value)
{
	int ret;

	if (is_special(queue))
		return move_slowly(queue, value, QUEUE_GETTING);
	ret = get_open(queue, value);
	return ret == -EAGAIN ? wait_and_try(queue, value, QUEUE_GETTING) : ret;
}

/* --- of pointers ----------------------------------------------------------------------------- */

static void must_hold_pointers(const struct rondo_queue *q)
{
	if (unlikely(q->options_.item_size != sizeof(void *)))
		BUG("a pointer was put into, or got from, a queue of something else");
}

int rondo_queue_put(struct rondo_queue *queue, void *item)
{
	must_hold_pointers(queue);
	return rondo_queue_put_value(queue, &item);
}

int rondo_queue_put_nowait(struct rondo_queue *queue, void *item)
{
	must_hold_pointers(queue);
	return try_put(queue, &item);
}

int rondo_queue_get(struct rondo_queue *queue, void **item)
{
	must_hold_pointers(queue);
	return rondo_queue_get_value(queue, item);
}

int rondo_queue_get_nowait(struct rondo_queue *queue, void **item)
{
	must_hold_pointers(queue);
	return try_get(queue, item);
}

/* --- the whole queue ------------------------------------------------------------------------- */

size_t rondo_queue_size(const struct rondo_queue *queue)
{
	return queue->n_items_;
}

size_t rondo_queue_max(const struct rondo_queue *queue)
{
	return queue->options_.n_max;
}

bool rondo_queue_empty(const struct rondo_queue *queue)
{
	return !queue->n_items_;
}

bool rondo_queue_full(const struct rondo_queue *queue)
{
	return queue->n_items_ >= queue->options_.n_max;
}

int rondo_queue_task_done(struct rondo_queue *queue)
{
	return rondo_waitgroup_done(&queue->unfinished_);
}

int rondo_queue_join(struct rondo_queue *queue)
{
	return rondo_waitgroup_wait(&queue->unfinished_);
}

void rondo_queue_shutdown(struct rondo_queue *queue, bool immediate)
{
	queue->is_shut_down_ = true;
	while (immediate && queue->n_items_) {
		rondo__items_pop(queue, NULL);
		rondo_waitgroup_done(&queue->unfinished_);
	}
	rondo__waiters_wake(&queue->sides_[QUEUE_GETTING].waiters_, SIZE_MAX);
	rondo__waiters_wake(&queue->sides_[QUEUE_PUTTING].waiters_, SIZE_MAX);
}
