/* SPDX-License-Identifier: MIT */
/* queue.h - queues between the tasks of a loop: asyncio.Queue, LifoQueue and PriorityQueue, of
 * pointers, or of any type by value.
 *
 *     RONDO_QUEUE(struct job, jobs)			defines struct jobs and its functions
 *
 *     struct jobs todo;
 *     struct job job = { 1 };
 *
 *     jobs_init(&todo, 16);				room for 16; RONDO_UNBOUNDED
 *     ret = jobs_put(&todo, job);			waits while it is full
 *     while ((ret = jobs_get(&todo, &job)) == 0) {	waits while it is empty
 *             work(&job);
 *             rondo_queue_task_done(&todo.queue);
 *     }						until -RONDO_EQSHUTDOWN
 *     jobs_free(&todo);
 *
 * Who waits longest is served first: as many items as there are woken tasks that have not run yet
 * stay reserved for them, and so does room. Putting and getting do not yield when they need not
 * wait. A cancelled get takes no item and a cancelled put leaves none. */
#ifndef RONDO_QUEUE_H
#define RONDO_QUEUE_H

#include <stdbool.h>
#include <string.h>

#include "rondo/base.h"
#include "rondo/sync.h"

RONDO_BEGIN_DECLS

#define RONDO_UNBOUNDED SIZE_MAX

enum rondo_queue_order {
	RONDO_QUEUE_FIFO,
	RONDO_QUEUE_LIFO,
	RONDO_QUEUE_PRIORITY		/* the lowest first, equal ones in the order they came */
};

/* Zero means default, but for n_max. */
struct rondo_queue_options {
	size_t n_max;			/* items; RONDO_UNBOUNDED */
	enum rondo_queue_order order;
	/* Of two items, as for qsort(3), by their addresses. RONDO_QUEUE_PRIORITY needs it. */
	int (*compare)(const void *a, const void *b);
	/* Called with the address of each item that is dropped instead of got: by
	 * rondo_queue_shutdown() and rondo_queue_free(). */
	void (*on_drop)(void *item);
	size_t item_size;		/* bytes; 0: a pointer's */
	/* Hold nothing: a put waits until somebody gets the item. With n_max 0, and FIFO. */
	bool rendezvous;
};

/* Those who wait to get, or to put. */
struct rondo_queue_side {
	struct rondo_waiters waiters_;
	size_t n_woken_;		/* and did not run yet: an item, or room, is theirs */
};

/* A queue of pointers, unless options say otherwise. Caller-allocated; it stays in place. Members
 * ending in an underscore are the library's. */
struct rondo_queue {
	struct rondo_queue_side sides_[2];
	size_t n_items_;
	struct rondo_waitgroup unfinished_;
	struct rondo_queue_options options_;
	char *slots_;
	size_t slot_size_, n_slots_;
	size_t first_;			/* the slot of the oldest item */
	uint64_t n_ever_;		/* items put, for equal priorities */
	bool is_shut_down_;
};

/* Make a queue for at most n_max pointers, first in, first out.
 *
 * Owns:    release its memory with rondo_queue_free().
 * Awaits:  no.
 * Returns: 0, -ENOMEM, -EINVAL if n_max is 0. */
RONDO_API RONDO_MUST_CHECK int rondo_queue_init(struct rondo_queue *queue, size_t n_max);

/* Make a queue with options.
 *
 * Owns:    as rondo_queue_init(); options are copied.
 * Awaits:  no.
 * Returns: 0, -ENOMEM, -EINVAL if n_max is 0 (unless it is a rendezvous) or there is no order without
 *          compare. */
RONDO_API RONDO_MUST_CHECK int rondo_queue_init_with(struct rondo_queue *queue,
						     const struct rondo_queue_options *options);

/* Drop what is left in the queue and free its memory. Nobody may be waiting in it. NULL is ignored.
 *
 * Awaits:  no. */
RONDO_API void rondo_queue_free(struct rondo_queue *queue);

/* Put a pointer into a queue of pointers, waiting while it is full.
 *
 * Owns:    item is the queue's, and then whoever gets it; on failure it stays the caller's.
 * Awaits:  yes, if it is full or others wait to put.
 * Cancel:  -ECANCELED; nothing was put.
 * Returns: 0, -RONDO_EQSHUTDOWN, -ECANCELED, -ENOMEM if it is unbounded, -RONDO_EWRONGLOOP. */
RONDO_API RONDO_MUST_CHECK int rondo_queue_put(struct rondo_queue *queue, void *item);

/* Put a pointer into a queue of pointers if there is room now.
 *
 * Owns:    as rondo_queue_put().
 * Awaits:  no.
 * Returns: 0, -EAGAIN, -RONDO_EQSHUTDOWN, -ENOMEM if it is unbounded. */
RONDO_API RONDO_MUST_CHECK int rondo_queue_put_nowait(struct rondo_queue *queue, void *item);

/* Get the next pointer from a queue of pointers, waiting while it is empty.
 *
 * Owns:    the item; *item is untouched on failure.
 * Awaits:  yes, if it is empty or others wait to get.
 * Cancel:  -ECANCELED; nothing was taken.
 * Returns: 0, -RONDO_EQSHUTDOWN when it is shut down and empty, -ECANCELED, -RONDO_EWRONGLOOP. */
RONDO_API RONDO_MUST_CHECK int rondo_queue_get(struct rondo_queue *queue, void **item);

/* Get the next pointer from a queue of pointers if there is one now.
 *
 * Owns:    as rondo_queue_get().
 * Awaits:  no.
 * Returns: 0, -EAGAIN, -RONDO_EQSHUTDOWN. */
RONDO_API RONDO_MUST_CHECK int rondo_queue_get_nowait(struct rondo_queue *queue, void **item);

/* Copy an item of options.item_size bytes into the queue, waiting while it is full: the
 * untyped form of RONDO_QUEUE's functions.
 *
 * Owns:    value stays the caller's.
 * Awaits:  as rondo_queue_put().
 * Cancel:  as rondo_queue_put().
 * Returns: as rondo_queue_put(). */
RONDO_API RONDO_MUST_CHECK int rondo_queue_put_value(struct rondo_queue *queue, const void *value);

/* Copy an item into the queue if there is room now.
 *
 * Owns:    value stays the caller's.
 * Awaits:  no.
 * Returns: as rondo_queue_put_nowait(). */
RONDO_API RONDO_MUST_CHECK int rondo_queue_put_value_nowait(struct rondo_queue *queue,
							    const void *value);

/* Move the next item out of the queue to value, waiting while it is empty.
 *
 * Owns:    value stays the caller's, and is untouched on failure.
 * Awaits:  as rondo_queue_get().
 * Cancel:  as rondo_queue_get().
 * Returns: as rondo_queue_get(). */
RONDO_API RONDO_MUST_CHECK int rondo_queue_get_value(struct rondo_queue *queue, void *value);

/* Move the next item out of the queue to value if there is one now.
 *
 * Owns:    value stays the caller's, and is untouched on failure.
 * Awaits:  no.
 * Returns: as rondo_queue_get_nowait(). */
RONDO_API RONDO_MUST_CHECK int rondo_queue_get_value_nowait(struct rondo_queue *queue, void *value);

/* Count the items in the queue, those that waiting tasks are about to take included.
 *
 * Awaits:  no.
 * Returns: the count. */
RONDO_API size_t rondo_queue_size(const struct rondo_queue *queue);

/* Tell how many items the queue has room for.
 *
 * Awaits:  no.
 * Returns: the number, or RONDO_UNBOUNDED. */
RONDO_API size_t rondo_queue_max(const struct rondo_queue *queue);

/* Is there no item in the queue?
 *
 * Awaits:  no.
 * Returns: true or false. */
RONDO_API bool rondo_queue_empty(const struct rondo_queue *queue);

/* Are there as many items in the queue as it has room for?
 *
 * Awaits:  no.
 * Returns: true or false. */
RONDO_API bool rondo_queue_full(const struct rondo_queue *queue);

/* Say that the work on an item got from the queue is done: counted down for rondo_queue_join().
 *
 * Awaits:  no.
 * Returns: 0, or -EINVAL if that was said of every item that was put. */
RONDO_API int rondo_queue_task_done(struct rondo_queue *queue);

/* Wait until the work on every item that was put is done.
 *
 * Awaits:  yes, if some is not.
 * Cancel:  -ECANCELED.
 * Returns: 0, -ECANCELED, -RONDO_EWRONGLOOP. */
RONDO_API RONDO_MUST_CHECK int rondo_queue_join(struct rondo_queue *queue);

/* End the queue for good: nothing can be put any more, and getting ends with -RONDO_EQSHUTDOWN when
 * all items have been got. With immediate they are dropped now, and count as done.
 *
 * Awaits:  no. */
RONDO_API void rondo_queue_shutdown(struct rondo_queue *queue, bool immediate);

/* Define a queue of a type of your own, by value: struct name, name_init(), name_init_with(),
 * name_free(), name_put(), name_put_nowait(), name_get(), name_get_nowait(). All else takes the
 * address of its member `queue`. */
#define RONDO_QUEUE(type, name)								\
	struct name {									\
		struct rondo_queue queue;						\
	};										\
	RONDO__QUEUE_INIT(type, name)							\
	RONDO__QUEUE_USE(type, name, put, (struct name *q, type item), put_value, &item)	\
	RONDO__QUEUE_USE(type, name, put_nowait, (struct name *q, type item),		\
			 put_value_nowait, &item)					\
	RONDO__QUEUE_USE(type, name, get, (struct name *q, type *item), get_value, item)	\
	RONDO__QUEUE_USE(type, name, get_nowait, (struct name *q, type *item),		\
			 get_value_nowait, item)					\
	struct name

#define RONDO__QUEUE_INIT(type, name)							\
	__attribute__((unused)) RONDO_MUST_CHECK static inline int			\
	name##_init_with(struct name *q, const struct rondo_queue_options *options)	\
	{										\
		struct rondo_queue_options o = *options;				\
		o.item_size = sizeof(type);						\
		return rondo_queue_init_with(&q->queue, &o);				\
	}										\
	__attribute__((unused)) RONDO_MUST_CHECK static inline int			\
	name##_init(struct name *q, size_t n_max)					\
	{										\
		struct rondo_queue_options o;						\
		memset(&o, 0, sizeof(o));						\
		o.n_max = n_max;							\
		return name##_init_with(q, &o);						\
	}										\
	__attribute__((unused)) static inline void name##_free(struct name *q)		\
	{										\
		rondo_queue_free(q ? &q->queue : NULL);					\
	}

#define RONDO__QUEUE_USE(type, name, verb, parameters, function, value)			\
	__attribute__((unused)) RONDO_MUST_CHECK static inline int name##_##verb parameters	\
	{										\
		return rondo_queue_##function(&q->queue, value);			\
	}

RONDO_END_DECLS
#endif
