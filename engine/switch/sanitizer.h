/* SPDX-License-Identifier: MIT */
/* sanitizer.h - tell AddressSanitizer, ThreadSanitizer, LeakSanitizer and Valgrind about stacks.
 * Layer 1. The only file of the engine with conditionals; without a checker every call is empty.
 *
 * ASan must know the bounds of the stack it is on, or it takes frames of the next stack for
 * overflows; a stack that is reused must be unpoisoned, because frames that never returned leave
 * poison behind. LSan must search suspended stacks for pointers. TSan keeps a shadow stack and a
 * clock per fiber; a reused stack needs a new fiber now and then, because the shadow stack keeps
 * every frame that never returned and is full after 65,536. Valgrind must know where a stack ends,
 * or it sees one switch as one huge frame.
 *
 * -DRONDO_UNTOLD leaves the checkers untold: the annotation tests build that to see them fail. */
#ifndef RONDO_SWITCH_SANITIZER_H
#define RONDO_SWITCH_SANITIZER_H

#include <stddef.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if !defined(RONDO_UNTOLD) && (defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer))
#define SAN_ADDRESS 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>
#else
#define SAN_ADDRESS 0
#endif

#if !defined(RONDO_UNTOLD) && (defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer))
#define SAN_THREAD 1
#include <sanitizer/tsan_interface.h>
#else
#define SAN_THREAD 0
#endif

#if !defined(RONDO_UNTOLD) && defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#define SAN_VALGRIND 1
#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef SAN_VALGRIND
#define SAN_VALGRIND 0
#define RUNNING_ON_VALGRIND 0
#endif

/* Per context. */
struct san_context {
#if SAN_ADDRESS
	void *base;
	size_t size;
	void *fake;		/* ASan's shadow frames while this context is suspended */
#endif
#if SAN_THREAD
	void *fiber;
#endif
#if !SAN_ADDRESS && !SAN_THREAD
	char nothing[0];
#endif
};

/* Per stack, from its first use until it is unmapped. */
struct san_stack {
	void *fiber;
	unsigned valgrind_id;
	unsigned n_lives;	/* of the fiber */
};

/* Where a thread runs something that takes its stack for the thread's own: a simulated host. */
struct san_bounds {
	void *base;
	size_t size;
};

extern _Thread_local struct san_bounds rondo__san_here;

#if SAN_ADDRESS
#include <pthread.h>

static inline void san_thread_runs_on(void *base, void *top)
{
	rondo__san_here = (struct san_bounds){ base, (size_t)((char *)top - (char *)base) };
}

static inline void san_context_of_thread(struct san_context *c)
{
	pthread_attr_t attributes;

	c->base = rondo__san_here.base;
	c->size = rondo__san_here.size;
	c->fake = NULL;
	if (c->base)
		return;
	if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
		pthread_attr_getstack(&attributes, &c->base, &c->size);
		pthread_attr_destroy(&attributes);
	}
}

static inline void san_context_init(struct san_context *c, void *base, void *top)
{
	c->base = base;
	c->size = (size_t)((char *)top - (char *)base);
	c->fake = NULL;
}

static inline void san_leave(struct san_context *from, struct san_context *to)
{
	__sanitizer_start_switch_fiber(&from->fake, to->base, to->size);
}

static inline void san_leave_last(struct san_context *from, struct san_context *to)
{
	(void)from;
	__sanitizer_start_switch_fiber(NULL, to->base, to->size);
}

static inline void san_arrive(struct san_context *self)
{
	__sanitizer_finish_switch_fiber(self->fake, NULL, NULL);
}

static inline void san_first_arrive(struct san_context *self)
{
	(void)self;
	__sanitizer_finish_switch_fiber(NULL, NULL, NULL);
}

#elif SAN_THREAD

static inline void san_thread_runs_on(void *base, void *top)
{
	(void)base, (void)top;
}

static inline void san_context_of_thread(struct san_context *c)
{
	c->fiber = __tsan_get_current_fiber();
}

static inline void san_context_init(struct san_context *c, void *base, void *top)
{
	(void)c, (void)base, (void)top;
}

/* Inlined even at -O0: a function of its own would enter one shadow stack and exit another. */
__attribute__((always_inline))
static inline void san_leave(struct san_context *from, struct san_context *to)
{
	(void)from;
	__tsan_switch_to_fiber(to->fiber, 0);
}

__attribute__((always_inline))
static inline void san_leave_last(struct san_context *from, struct san_context *to)
{
	san_leave(from, to);
}

static inline void san_arrive(struct san_context *self)
{
	(void)self;
}

static inline void san_first_arrive(struct san_context *self)
{
	(void)self;
}

#else

static inline void san_thread_runs_on(void *base, void *top)
{
	(void)base, (void)top;
}

static inline void san_context_of_thread(struct san_context *c)
{
	(void)c;
}

static inline void san_context_init(struct san_context *c, void *base, void *top)
{
	(void)c, (void)base, (void)top;
}

static inline void san_leave(struct san_context *from, struct san_context *to)
{
	(void)from, (void)to;
}

static inline void san_leave_last(struct san_context *from, struct san_context *to)
{
	(void)from, (void)to;
}

static inline void san_arrive(struct san_context *self)
{
	(void)self;
}

static inline void san_first_arrive(struct san_context *self)
{
	(void)self;
}
#endif

/* A stack was carved out of its slab: from now on it may hold live frames. */
static inline void san_stack_made(struct san_stack *s, void *base, void *top)
{
	(void)s, (void)base, (void)top;
#if SAN_ADDRESS
	__lsan_register_root_region(base, (size_t)((char *)top - (char *)base));
#endif
#if SAN_THREAD
	s->fiber = __tsan_create_fiber(0);
	s->n_lives = 0;
#endif
#if SAN_VALGRIND
	if (RUNNING_ON_VALGRIND)
		s->valgrind_id = VALGRIND_STACK_REGISTER(base, top);
#endif
}

/* The stack is about to be unmapped. */
static inline void san_stack_unmade(struct san_stack *s, void *base, void *top)
{
	(void)s, (void)base, (void)top;
#if SAN_ADDRESS
	__lsan_unregister_root_region(base, (size_t)((char *)top - (char *)base));
	__asan_unpoison_memory_region(base, (size_t)((char *)top - (char *)base));
#endif
#if SAN_THREAD
	__tsan_destroy_fiber(s->fiber);
#endif
#if SAN_VALGRIND
	if (RUNNING_ON_VALGRIND)
		VALGRIND_STACK_DEREGISTER(s->valgrind_id);
#endif
}

/* A pooled stack starts a new life. */
static inline void san_stack_reused(struct san_stack *s, void *base, void *top)
{
	(void)s, (void)base, (void)top;
#if SAN_ADDRESS
	__asan_unpoison_memory_region(base, (size_t)((char *)top - (char *)base));
#endif
#if SAN_THREAD
	/* Not every time: a new fiber costs TSan half a millisecond. */
	if (++s->n_lives % 1024 == 0) {
		__tsan_destroy_fiber(s->fiber);
		s->fiber = __tsan_create_fiber(0);
	}
#endif
#if SAN_VALGRIND
	if (RUNNING_ON_VALGRIND)
		(void)VALGRIND_MAKE_MEM_UNDEFINED(base, (size_t)((char *)top - (char *)base));
#endif
}

/* Frames are about to be built on a suspended stack, below sp. */
static inline void san_stack_visited(void *base, void *sp)
{
	(void)base, (void)sp;
#if SAN_VALGRIND
	if (RUNNING_ON_VALGRIND)
		(void)VALGRIND_MAKE_MEM_UNDEFINED(base, (size_t)((char *)sp - (char *)base));
#endif
}

static inline void san_context_on_stack(struct san_context *c, struct san_stack *s)
{
	(void)c, (void)s;
#if SAN_THREAD
	c->fiber = s->fiber;
#endif
}

/* Between these two, memory may be read that no live frame owns. */
static inline void san_trespass_begin(void)
{
#if SAN_VALGRIND
	VALGRIND_DISABLE_ERROR_REPORTING;
#endif
}

static inline void san_trespass_end(void)
{
#if SAN_VALGRIND
	VALGRIND_ENABLE_ERROR_REPORTING;
#endif
}

/* liburing maps and unmaps rings by bare system calls, which TSan does not see: for it, a ring at the
 * address of one that another thread has closed is the same memory, still in use. The kernel orders
 * an unmapping before the next mapping. */
extern char rondo__san_rings;

static inline void san_ring_mapped(void)
{
#if SAN_THREAD
	__tsan_acquire(&rondo__san_rings);
#endif
}

static inline void san_ring_unmapping(void)
{
#if SAN_THREAD
	__tsan_release(&rondo__san_rings);
#endif
}

/* A simulated kernel holds a buffer that it will write to: whoever touches it meanwhile is told. */
static inline void san_kernel_takes(const void *p, size_t size)
{
	(void)p, (void)size;
#if SAN_ADDRESS
	__asan_poison_memory_region(p, size);
#endif
}

static inline void san_kernel_gives(const void *p, size_t size)
{
	(void)p, (void)size;
#if SAN_ADDRESS
	__asan_unpoison_memory_region(p, size);
#endif
}

/* A function that may read what is held. */
#if SAN_ADDRESS
#define SAN_UNCHECKED __attribute__((no_sanitize_address))
#else
#define SAN_UNCHECKED
#endif

/* A function that runs where a checker's own state must not be touched: between vfork and exec. */
#if SAN_ADDRESS
#define SAN_BARE __attribute__((no_sanitize("address", "undefined")))
#elif SAN_THREAD && defined(__clang__)
#define SAN_BARE __attribute__((disable_sanitizer_instrumentation))
#elif SAN_THREAD
#define SAN_BARE __attribute__((no_sanitize_thread))
#else
#define SAN_BARE
#endif

/* TSan takes clone(2) for a fork, whose child has a copy of its state; this one borrows it. */
#if SAN_THREAD
int __clone(int (*fn)(void *arg), void *stack, int flags, void *arg, ...);
#define san_clone __clone
#else
#define san_clone clone
#endif

/* Valgrind does not see what the kernel writes: it must be told that the bytes are defined now. */
static inline void san_kernel_wrote(const void *p, size_t size)
{
	(void)p, (void)size;
#if SAN_VALGRIND
	if (RUNNING_ON_VALGRIND)
		(void)VALGRIND_MAKE_MEM_DEFINED(p, size);
#endif
}
#endif
