/* SPDX-License-Identifier: MIT */
/* xchannel.h - channels between loops and threads, by value: a task awaits, a thread without a loop
 * blocks, and both call the same function.
 *
 *     RONDO_XCHANNEL(struct job, jobs)			defines struct jobs and its functions
 *
 *     struct jobs todo;
 *     struct job job;
 *
 *     jobs_init(&todo, 16);
 *     jobs_send(&todo, job);				in a task, or in a thread
 *     while ((ret = jobs_receive(&todo, &job)) == 0)	likewise
 *             work(&job);				until -RONDO_EQSHUTDOWN
 *
 * Served in order of arrival, tasks and threads alike. What was sent is received once: a task that was
 * handed a value, or rid of one, and is cancelled before it runs, has succeeded, and its next await
 * tells of the cancel. With room for none a send waits until somebody has the value. A loop whose tasks
 * have waited in one may be woken from outside, and so no longer finds deadlocks. */
#ifndef RONDO_XCHANNEL_H
#define RONDO_XCHANNEL_H

#include "rondo/base.h"

RONDO_BEGIN_DECLS

/* Caller-allocated; it stays in place. */
struct rondo_xchannel {
	uint64_t private_[20];
};

/* Make a channel with room for n_max values of item_size bytes; 0: a rendezvous.
 *
 * Owns:    release its memory with rondo_xchannel_free().
 * Awaits:  no. From any thread, as all below.
 * Returns: 0, -ENOMEM, -EINVAL if item_size is 0. */
RONDO_API RONDO_MUST_CHECK int rondo_xchannel_init(struct rondo_xchannel *channel, size_t item_size,
						   size_t n_max);

/* Free what the channel holds. Nobody may be using it. NULL is ignored.
 *
 * Awaits:  no. */
RONDO_API void rondo_xchannel_free(struct rondo_xchannel *channel);

/* Send a copy of value. Not from a call on a loop's own stack, which can neither await nor block.
 *
 * Owns:    value stays the caller's.
 * Awaits:  yes, if there is no room; without a loop, blocks the thread.
 * Cancel:  -ECANCELED; nothing was sent.
 * Returns: 0, -RONDO_EQSHUTDOWN, -ECANCELED. */
RONDO_API RONDO_MUST_CHECK int rondo_xchannel_send(struct rondo_xchannel *channel,
						   const void *value);

/* Receive the next value.
 *
 * Owns:    value stays the caller's, and is untouched on failure.
 * Awaits:  yes, if there is none; without a loop, blocks the thread.
 * Cancel:  -ECANCELED; nothing was received.
 * Returns: 0, -RONDO_EQSHUTDOWN when it is closed and empty, -ECANCELED. */
RONDO_API RONDO_MUST_CHECK int rondo_xchannel_receive(struct rondo_xchannel *channel, void *value);

/* Send a copy of value if somebody waits for it or there is room now.
 *
 * Owns:    value stays the caller's.
 * Awaits:  no.
 * Returns: 0, -EAGAIN, -RONDO_EQSHUTDOWN. */
RONDO_API RONDO_MUST_CHECK int rondo_xchannel_send_nowait(struct rondo_xchannel *channel,
							  const void *value);

/* Receive the next value if there is one now.
 *
 * Owns:    value stays the caller's, and is untouched on failure.
 * Awaits:  no.
 * Returns: 0, -EAGAIN, -RONDO_EQSHUTDOWN. */
RONDO_API RONDO_MUST_CHECK int rondo_xchannel_receive_nowait(struct rondo_xchannel *channel,
							     void *value);

/* Let nothing more be sent: who sends, or waits to, gets -RONDO_EQSHUTDOWN; receiving ends when all
 * that was sent has been received.
 *
 * Awaits:  no. */
RONDO_API void rondo_xchannel_close(struct rondo_xchannel *channel);

/* Define a channel of a type of your own: struct name, name_init(), name_free(), name_send(),
 * name_receive(), name_send_nowait(), name_receive_nowait(), name_close(). */
#define RONDO_XCHANNEL(type, name)							\
	struct name {									\
		struct rondo_xchannel channel;						\
	};										\
	RONDO__XCHANNEL_USE(name, init, (struct name *c, size_t n_max),		\
			    (&c->channel, sizeof(type), n_max))				\
	RONDO__XCHANNEL_USE(name, send, (struct name *c, type value), (&c->channel, &value)) \
	RONDO__XCHANNEL_USE(name, receive, (struct name *c, type *value),		\
			    (&c->channel, value))					\
	RONDO__XCHANNEL_USE(name, send_nowait, (struct name *c, type value),	\
			    (&c->channel, &value))					\
	RONDO__XCHANNEL_USE(name, receive_nowait, (struct name *c, type *value),	\
			    (&c->channel, value))					\
	__attribute__((unused)) static inline void name##_close(struct name *c)		\
	{										\
		rondo_xchannel_close(&c->channel);					\
	}										\
	__attribute__((unused)) static inline void name##_free(struct name *c)		\
	{										\
		rondo_xchannel_free(c ? &c->channel : NULL);				\
	}										\
	struct name

#define RONDO__XCHANNEL_USE(name, verb, parameters, arguments)			\
	__attribute__((unused)) RONDO_MUST_CHECK static inline int			\
	name##_##verb parameters							\
	{										\
		return rondo_xchannel_##verb arguments;					\
	}

RONDO_END_DECLS
#endif
