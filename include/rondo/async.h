/* SPDX-License-Identifier: MIT */
/* async.h - RONDO_ASYNC: `async def` with typed arguments and a typed result.
 *
 *     RONDO_ASYNC(greet, (const char *, who), (double, delay))
 *     {
 *             int ret = rondo_sleep(delay);
 *             printf("hello %s\n", who);
 *             return ret;
 *     }
 *
 *     greet("now", 0);                                    await greet("now", 0)
 *     rondo_task *t = greet_task("later", 1.5);           asyncio.create_task(greet("later", 1.5))
 *     rondo_await(t);
 *
 * RONDO_ASYNC_RETURNS(type, ...) adds a last parameter `type *result` and defines name_await():
 *
 *     RONDO_ASYNC_RETURNS(double, half, (double, x)) { *result = x / 2; return 0; }
 *
 *     double h;
 *     int ret = half_await(half_task(3.0), &h);
 *
 * The functions are static. Arguments (at most 8) are copied into the task, so the creator's
 * frame may be left; what they point to must live on. A function without arguments is
 * RONDO_ASYNC(name). */
#ifndef RONDO_ASYNC_H
#define RONDO_ASYNC_H

#include <stddef.h>

/* Only what also works without GNU extensions: no argument list below is ever empty. */
#define RONDO__PICK(_1, _2, _3, _4, _5, _6, _7, _8, _9, n, ...) n
#define RONDO__COUNT(...) RONDO__PICK(__VA_ARGS__, 9, 8, 7, 6, 5, 4, 3, 2, 1, ~)
/* 0 for a name alone, N for a name and parameters. */
#define RONDO__KIND(...) RONDO__PICK(__VA_ARGS__, N, N, N, N, N, N, N, N, 0, ~)
#define RONDO__PASTE(a, b) a##b
#define RONDO__CALL(a, b) RONDO__PASTE(a, b)

/* RONDO__EACH(m, ...): m applied to each; RONDO__LIST(m, ...): the same, separated by commas. */
#define RONDO__EACH(m, ...) RONDO__CALL(RONDO__EACH, RONDO__COUNT(__VA_ARGS__))(m, __VA_ARGS__)
#define RONDO__EACH1(m, a) m a
#define RONDO__EACH2(m, a, ...) m a RONDO__EACH1(m, __VA_ARGS__)
#define RONDO__EACH3(m, a, ...) m a RONDO__EACH2(m, __VA_ARGS__)
#define RONDO__EACH4(m, a, ...) m a RONDO__EACH3(m, __VA_ARGS__)
#define RONDO__EACH5(m, a, ...) m a RONDO__EACH4(m, __VA_ARGS__)
#define RONDO__EACH6(m, a, ...) m a RONDO__EACH5(m, __VA_ARGS__)
#define RONDO__EACH7(m, a, ...) m a RONDO__EACH6(m, __VA_ARGS__)
#define RONDO__EACH8(m, a, ...) m a RONDO__EACH7(m, __VA_ARGS__)
#define RONDO__LIST(m, ...) RONDO__CALL(RONDO__LIST, RONDO__COUNT(__VA_ARGS__))(m, __VA_ARGS__)
#define RONDO__LIST1(m, a) m a
#define RONDO__LIST2(m, a, ...) m a, RONDO__LIST1(m, __VA_ARGS__)
#define RONDO__LIST3(m, a, ...) m a, RONDO__LIST2(m, __VA_ARGS__)
#define RONDO__LIST4(m, a, ...) m a, RONDO__LIST3(m, __VA_ARGS__)
#define RONDO__LIST5(m, a, ...) m a, RONDO__LIST4(m, __VA_ARGS__)
#define RONDO__LIST6(m, a, ...) m a, RONDO__LIST5(m, __VA_ARGS__)
#define RONDO__LIST7(m, a, ...) m a, RONDO__LIST6(m, __VA_ARGS__)
#define RONDO__LIST8(m, a, ...) m a, RONDO__LIST7(m, __VA_ARGS__)

#define RONDO__PARAM(type, name) type name
#define RONDO__FIELD(type, name) type name;
#define RONDO__SAVE(type, name) arguments_.name = name;
#define RONDO__USE(type, name) arguments_->name
#define RONDO__UNUSED __attribute__((unused))

/* RONDO_ASYNC(name, (type, parameter)...) */
#define RONDO_ASYNC(...) RONDO__CALL(RONDO__ASYNC_, RONDO__KIND(__VA_ARGS__))(__VA_ARGS__)

#define RONDO__ASYNC_0(name)								\
	static int name(void);								\
	RONDO__UNUSED static int name##_entry(void *nothing_)				\
	{										\
		(void)nothing_;								\
		return name();								\
	}										\
	RONDO__UNUSED static rondo_task *name##_task(void)				\
	{										\
		return rondo_create_task(name##_entry, NULL);				\
	}										\
	static int name(void)

#define RONDO__ASYNC_N(name, ...)							\
	struct name##_arguments {							\
		RONDO__EACH(RONDO__FIELD, __VA_ARGS__)					\
	};										\
	static int name(RONDO__LIST(RONDO__PARAM, __VA_ARGS__));			\
	RONDO__UNUSED static int name##_entry(void *copy_)				\
	{										\
		struct name##_arguments *arguments_ = (struct name##_arguments *)copy_;	\
		return name(RONDO__LIST(RONDO__USE, __VA_ARGS__));			\
	}										\
	RONDO__UNUSED static rondo_task *name##_task(RONDO__LIST(RONDO__PARAM, __VA_ARGS__)) \
	{										\
		struct name##_arguments arguments_;					\
		struct rondo_task_options options_;					\
		__builtin_memset(&arguments_, 0, sizeof(arguments_));			\
		__builtin_memset(&options_, 0, sizeof(options_));			\
		RONDO__EACH(RONDO__SAVE, __VA_ARGS__)					\
		options_.copy = &arguments_;						\
		options_.copy_size = sizeof(arguments_);				\
		return rondo_create_task_with(&options_, name##_entry, NULL);		\
	}										\
	static int name(RONDO__LIST(RONDO__PARAM, __VA_ARGS__))

/* RONDO_ASYNC_RETURNS(type, name, (type, parameter)...) */
#define RONDO_ASYNC_RETURNS(type, ...)							\
	RONDO__CALL(RONDO__RETURNS_, RONDO__KIND(__VA_ARGS__))(type, __VA_ARGS__)

#define RONDO__RETURNS_0(type, name)							\
	struct name##_arguments {							\
		type result_;								\
	};										\
	static int name(type *result);							\
	RONDO__UNUSED static int name##_entry(void *copy_)				\
	{										\
		return name(&((struct name##_arguments *)copy_)->result_);		\
	}										\
	RONDO__UNUSED static rondo_task *name##_task(void)				\
	{										\
		struct name##_arguments arguments_;					\
		struct rondo_task_options options_;					\
		__builtin_memset(&arguments_, 0, sizeof(arguments_));			\
		__builtin_memset(&options_, 0, sizeof(options_));			\
		options_.copy = &arguments_;						\
		options_.copy_size = sizeof(arguments_);				\
		options_.result_offset = offsetof(struct name##_arguments, result_);	\
		return rondo_create_task_with(&options_, name##_entry, NULL);		\
	}										\
	RONDO__UNUSED static int name##_await(rondo_task *task, type *result)		\
	{										\
		return rondo_await_result(task, result, sizeof(*result));		\
	}										\
	static int name(type *result)

#define RONDO__RETURNS_N(type, name, ...)						\
	struct name##_arguments {							\
		RONDO__EACH(RONDO__FIELD, __VA_ARGS__)					\
		type result_;								\
	};										\
	static int name(RONDO__LIST(RONDO__PARAM, __VA_ARGS__), type *result);		\
	RONDO__UNUSED static int name##_entry(void *copy_)				\
	{										\
		struct name##_arguments *arguments_ = (struct name##_arguments *)copy_;	\
		return name(RONDO__LIST(RONDO__USE, __VA_ARGS__), &arguments_->result_); \
	}										\
	RONDO__UNUSED static rondo_task *name##_task(RONDO__LIST(RONDO__PARAM, __VA_ARGS__)) \
	{										\
		struct name##_arguments arguments_;					\
		struct rondo_task_options options_;					\
		__builtin_memset(&arguments_, 0, sizeof(arguments_));			\
		__builtin_memset(&options_, 0, sizeof(options_));			\
		RONDO__EACH(RONDO__SAVE, __VA_ARGS__)					\
		options_.copy = &arguments_;						\
		options_.copy_size = sizeof(arguments_);				\
		options_.result_offset = offsetof(struct name##_arguments, result_);	\
		return rondo_create_task_with(&options_, name##_entry, NULL);		\
	}										\
	RONDO__UNUSED static int name##_await(rondo_task *task, type *result)		\
	{										\
		return rondo_await_result(task, result, sizeof(*result));		\
	}										\
	static int name(RONDO__LIST(RONDO__PARAM, __VA_ARGS__), type *result)

#endif
