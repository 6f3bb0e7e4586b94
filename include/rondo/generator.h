/* SPDX-License-Identifier: MIT */
/* generator.h - RONDO_GENERATOR: an `async def` that yields values, for `async for`.
 *
 *     RONDO_GENERATOR(int, countdown, (int, from))
 *     {
 *             int ret = 0;
 *
 *             while (from > 0 && ret == 0)
 *                     ret = countdown_yield(gen, from--);      yield from; returns when asked again
 *             return ret;                                      the end, or an error
 *     }
 *
 *     struct countdown_generator *g = countdown(3);
 *     int n, ret;
 *
 *     while ((ret = countdown_next(g, &n)) == 0)               async for n in countdown(3):
 *             printf("%d\n", n);
 *     ret = countdown_end(g, ret);                             0, or what went wrong
 *
 * As in Python the body runs only while somebody asks for the next value, begins with the first
 * request, and may await. Unlike there it is a task with a stack of its own, so that asking is two
 * switches; values are copied and nothing is allocated for them. Arguments are copied, as by
 * RONDO_ASYNC.
 *
 * A generator that is left before its end is cancelled: its yield returns -ECANCELED, for it to
 * clean up. One that nobody ended is, like any task, when the loop ends. */
#ifndef RONDO_GENERATOR_H
#define RONDO_GENERATOR_H

#include "rondo/async.h"
#include "rondo/base.h"
#include "rondo/task.h"

RONDO_BEGIN_DECLS

/* The library's part of a generator; it lies in its task, with the arguments behind it. */
struct rondo_generator {
	uint64_t private_[6];
};

/* Make a generator: what RONDO_GENERATOR's name() calls. body(state) is called with the address of the
 * copy of state, which begins with a zeroed struct rondo_generator.
 *
 * Owns:    state and name are copied; end the generator with rondo_generator_end().
 * Awaits:  no.
 * Returns: the copy, or NULL without memory: everything below takes that for a generator that fails
 *          with -ENOMEM. */
RONDO_API struct rondo_generator *rondo_generator_open(rondo_fn *body, const void *state,
						       size_t state_size, size_t value_size,
						       const char *name);

/* Get the next value: asyncio's anext(). One task at a time may ask.
 *
 * Owns:    value stays the caller's, and is untouched unless this returns 0.
 * Awaits:  yes.
 * Cancel:  cancels what the body waits for; this returns what the body makes of that. A value that was
 *          yielded nevertheless is delivered, and the cancel comes with the next await. Cancelled
 *          before the call: -ECANCELED, and the body knows nothing of it.
 * Returns: 0 and a value; -RONDO_EEND after the last one, and from then on; the body's error, once;
 *          -EBUSY if another task is asking, -EDEADLK from the body itself, -RONDO_EWRONGLOOP, -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_generator_next(struct rondo_generator *generator, void *value);

/* Hand a value to who asks, and wait until somebody asks for another one. Only for the body.
 *
 * Owns:    value is copied.
 * Awaits:  yes.
 * Cancel:  -ECANCELED, from then on, if the generator is being ended.
 * Returns: 0 or -ECANCELED. */
RONDO_API RONDO_MUST_CHECK int rondo_generator_yield(struct rondo_generator *generator,
						     const void *value);

/* End a loop over a generator that went well so far or ended with `result`: asyncio's aclose(). A body
 * that has not ended is cancelled, and this waits until it has cleaned up.
 *
 * Owns:    uses up the generator.
 * Awaits:  yes, unless the body has ended.
 * Cancel:  waits all the same, as a mask region does; the next await tells.
 * Returns: result, but 0 for -RONDO_EEND; if that is 0, the error of the body's cleanup. -EBUSY while a
 *          task asks, and from the body itself: then the generator is not used up. */
RONDO_API RONDO_MUST_CHECK int rondo_generator_end(struct rondo_generator *generator, int result);

/* RONDO_GENERATOR(type, name, (type, parameter)...): see the top. The body has them as parameters, and
 * `gen`, for name_yield(). */
#define RONDO_GENERATOR(type, ...)							\
	RONDO__CALL(RONDO__GENERATOR_, RONDO__KIND(__VA_ARGS__))(type, __VA_ARGS__)

#define RONDO__GENERATOR_0(type, name)							\
	struct name##_state {								\
		struct rondo_generator generator_;					\
	};										\
	RONDO__GENERATOR_USE(type, name)						\
	static int name##_body(struct name##_generator *gen);				\
	static int name##_entry(void *state_)						\
	{										\
		return name##_body((struct name##_generator *)state_);			\
	}										\
	RONDO__UNUSED static struct name##_generator *name(void)			\
	{										\
		RONDO__GENERATOR_OPEN(type, name, )					\
	}										\
	static int name##_body(RONDO__UNUSED struct name##_generator *gen)

#define RONDO__GENERATOR_N(type, name, ...)						\
	struct name##_state {								\
		struct rondo_generator generator_;					\
		RONDO__EACH(RONDO__FIELD, __VA_ARGS__)					\
	};										\
	RONDO__GENERATOR_USE(type, name)						\
	static int name##_body(struct name##_generator *gen,				\
			       RONDO__LIST(RONDO__PARAM, __VA_ARGS__));			\
	static int name##_entry(void *state_)						\
	{										\
		struct name##_state *arguments_ = (struct name##_state *)state_;	\
		return name##_body((struct name##_generator *)state_,			\
				   RONDO__LIST(RONDO__USE, __VA_ARGS__));		\
	}										\
	RONDO__UNUSED static struct name##_generator *					\
	name(RONDO__LIST(RONDO__PARAM, __VA_ARGS__))					\
	{										\
		RONDO__GENERATOR_OPEN(type, name, RONDO__EACH(RONDO__SAVE, __VA_ARGS__)) \
	}										\
	static int name##_body(RONDO__UNUSED struct name##_generator *gen,		\
			       RONDO__LIST(RONDO__PARAM, __VA_ARGS__))

#define RONDO__GENERATOR_OPEN(type, name, save)						\
		struct name##_state arguments_;						\
		__builtin_memset(&arguments_, 0, sizeof(arguments_));			\
		save									\
		return (struct name##_generator *)rondo_generator_open(			\
			name##_entry, &arguments_, sizeof(arguments_), sizeof(type), #name);

#define RONDO__GENERATOR_USE(type, name)						\
	struct name##_generator;							\
	RONDO__UNUSED RONDO_MUST_CHECK static int					\
	name##_next(struct name##_generator *g, type *value)				\
	{										\
		return rondo_generator_next((struct rondo_generator *)g, value);	\
	}										\
	RONDO__UNUSED RONDO_MUST_CHECK static int					\
	name##_yield(struct name##_generator *g, type value)				\
	{										\
		return rondo_generator_yield((struct rondo_generator *)g, &value);	\
	}										\
	RONDO__UNUSED RONDO_MUST_CHECK static int					\
	name##_end(struct name##_generator *g, int result)				\
	{										\
		return rondo_generator_end((struct rondo_generator *)g, result);	\
	}

RONDO_END_DECLS
#endif
