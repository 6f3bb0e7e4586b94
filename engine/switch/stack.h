/* SPDX-License-Identifier: MIT */
/* stack.h - coroutine stacks: slabs per size class, last-in-first-out reuse, guards. Layer 1.
 *
 *   low address                                                              high address
 *   [ guard page | ................ frames grow down ................ | colour | struct stack ]
 *
 * A slab is one NORESERVE mapping of many equal stacks. A stack that was touched once stays
 * touched: recycling it costs no system call and no page fault, which is what makes spawning
 * cheap. The struct stack sits in the stack's own top page, and the task block is placed right
 * below it, so that a sleeping task costs one page. Tops are staggered by cache lines
 * ("colour"), because equal offsets in equal-sized stacks would all fall into the same cache
 * sets.
 *
 * K1  A pool belongs to one thread. A stack may be put back while still being run on: nothing in
 *     the pool writes to it before the next get, and the runner switches away first.
 * K2  A guard is never silently missing: stack.guarded says what a stack has, stack_pool.guard
 *     what the next one will get at best. */
#ifndef RONDO_SWITCH_STACK_H
#define RONDO_SWITCH_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "switch/sanitizer.h"

enum {
	STACK_SIZE_MIN = 16 << 10,
	STACK_SIZE_DEFAULT = 64 << 10,
	STACK_SIZE_MAX = 64 << 20,
	STACK_N_CLASSES = 13,		/* 16 KiB, 32 KiB, ... 64 MiB */
	STACK_PAGE = 4096,		/* the smallest page of both architectures */
};

/* From best to worst; a slab falls back to the next when the kernel refuses. */
enum stack_guard {
	STACK_GUARD_MADVISE,		/* MADV_GUARD_INSTALL per stack: no VMA per guard (KN-1) */
	STACK_GUARD_MPROTECT,		/* one VMA split per stack, up to the map limit (KN-2) */
	STACK_GUARD_SLAB,		/* one guard below each slab */
};

struct stack {
	struct stack *next;		/* in the pool's free list; undefined while in use */
	void *base;			/* lowest usable byte, above the guard */
	uint32_t size_bytes;		/* guard included: the size class */
	bool guarded;			/* has a guard of its own */
	struct san_stack san;
} __attribute__((aligned(16)));		/* so is what is placed right below it */

struct stack_slab;

struct stack_class {
	struct stack *free;
	struct stack_slab *slabs;	/* newest first; only it may have stacks never handed out */
};

struct stack_pool {
	struct stack_class classes[STACK_N_CLASSES];
	enum stack_guard guard;
	uint32_t n_mprotected;		/* guards of this pool that cost a VMA each */
};

void rondo__stack_pool_init(struct stack_pool *p);
/* Unmap everything; every stack must be unused. */
void rondo__stack_pool_free(struct stack_pool *p);

/* Get a stack of at least size_bytes (0: the default), or NULL when memory is short.
 * The struct stack is its highest object: frames and the task block go below it. */
struct stack *rondo__stack_get(struct stack_pool *p, size_t size_bytes);
void rondo__stack_put(struct stack_pool *p, struct stack *s);

/* Find the guard page's stack size if address lies in a guard of this pool, else 0.
 * Async-signal-safe. *base receives the lowest usable byte of the stack below which the access
 * fell. */
size_t rondo__stack_guard_hit(const struct stack_pool *p, const void *address, void **base);

/* Fill the unused part of a fresh stack with a pattern, and measure later how deep it was used. */
void rondo__stack_paint(struct stack *s, void *top);
size_t rondo__stack_high_water(const struct stack *s, const void *top);
#endif
