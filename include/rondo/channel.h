/* SPDX-License-Identifier: MIT */
/* channel.h - channels between the tasks of a loop, by value: a queue in the words of Go and trio,
 * which may also hold nothing at all.
 *
 *     RONDO_CHANNEL(int, numbers)			defines struct numbers and its functions
 *
 *     struct numbers c;
 *     int n;
 *
 *     numbers_init(&c, 0);				room for none: a rendezvous
 *     ret = numbers_send(&c, 7);			waits until somebody has it
 *     while ((ret = numbers_receive(&c, &n)) == 0)	waits until somebody sends
 *             use(n);					until -RONDO_EQSHUTDOWN
 *     numbers_close(&c);
 *     numbers_free(&c);
 *
 * Any number of tasks may send and receive; they are served in order of arrival. With room for none,
 * both sides of a meeting have succeeded at one instant: who waited and is cancelled before it runs
 * is told of its success, and of the cancel by its next await. With room, a cancel always wins, and
 * what was granted goes to the next in line. Either way nothing is lost.
 *
 * A closed channel takes nothing more: sending ends with -RONDO_EQSHUTDOWN, also for those who wait,
 * and receiving does when all that was sent has been received. */
#ifndef RONDO_CHANNEL_H
#define RONDO_CHANNEL_H

#include "rondo/base.h"
#include "rondo/queue.h"

/* Define a channel of a type of your own: struct name, and
 *
 *     int  name_init(struct name *c, size_t n_max)		as rondo_queue_init(); 0: rendezvous
 *     int  name_send(struct name *c, type value)		as rondo_queue_put_value()
 *     int  name_send_nowait(struct name *c, type value)	as rondo_queue_put_value_nowait()
 *     int  name_receive(struct name *c, type *value)		as rondo_queue_get_value()
 *     int  name_receive_nowait(struct name *c, type *value)	as rondo_queue_get_value_nowait()
 *     void name_close(struct name *c)				as rondo_queue_shutdown(), not immediate
 *     void name_free(struct name *c)				as rondo_queue_free()
 *
 * Its member `queue` is what rondo_select_get() and rondo_select_put() take. */
#define RONDO_CHANNEL(type, name)							\
	struct name {									\
		struct rondo_queue queue;						\
	};										\
	__attribute__((unused)) RONDO_MUST_CHECK static inline int			\
	name##_init(struct name *q, size_t n_max)					\
	{										\
		struct rondo_queue_options o;						\
		memset(&o, 0, sizeof(o));						\
		o.n_max = n_max;							\
		o.item_size = sizeof(type);						\
		o.rendezvous = !n_max;							\
		return rondo_queue_init_with(&q->queue, &o);				\
	}										\
	__attribute__((unused)) static inline void name##_close(struct name *q)		\
	{										\
		rondo_queue_shutdown(&q->queue, false);					\
	}										\
	__attribute__((unused)) static inline void name##_free(struct name *q)		\
	{										\
		rondo_queue_free(q ? &q->queue : NULL);					\
	}										\
	RONDO__QUEUE_USE(type, name, send, (struct name *q, type item), put_value, &item)	\
	RONDO__QUEUE_USE(type, name, send_nowait, (struct name *q, type item),		\
			 put_value_nowait, &item)					\
	RONDO__QUEUE_USE(type, name, receive, (struct name *q, type *item), get_value, item)	\
	RONDO__QUEUE_USE(type, name, receive_nowait, (struct name *q, type *item),	\
			 get_value_nowait, item)					\
	struct name

#endif
