/* SPDX-License-Identifier: MIT */
/* stack.c - see stack.h. */
#include "switch/stack.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bug.h"

enum {
	FIRST_SLAB_STACKS = 16,
	SLAB_BYTES_MAX = 1 << 30,
	MADV_GUARD_INSTALL_ = 102,	/* Linux 6.13; younger than Debian 12's headers */
	N_COLOURS = 16,
	CACHE_LINE = 64,
	/* vm.max_map_count is 65530 by default and a guard splits its mapping in two; leave half of
	 * what remains to the program. */
	MPROTECT_GUARDS_MAX = 16384,
	PAINT = 0xa5,
};

struct stack_slab {
	struct stack_slab *next;
	char *base;
	size_t stack_size;
	uint32_t n_stacks, n_made;	/* stacks [0, n_made) were handed out at least once */
};

_Thread_local struct san_bounds rondo__san_here;

static unsigned class_of(size_t size_bytes)
{
	unsigned class = 0;

	while (((size_t)STACK_SIZE_MIN << class) < size_bytes)
		class++;
	return class;
}

/* The struct stack of a slab's i-th stack: at its top, minus the colour. */
static struct stack *stack_at(const struct stack_slab *slab, uint32_t i, uint32_t colour)
{
	char *top = slab->base + (i + 1) * slab->stack_size;

	return (struct stack *)(top - sizeof(struct stack) - colour * CACHE_LINE);
}

static uint32_t colour_of(const struct stack_slab *slab, uint32_t i)
{
	/* Derived, so that unmapping finds every struct stack again. */
	return (uint32_t)(((uintptr_t)slab->base / slab->stack_size + i) % N_COLOURS);
}

static uint32_t next_slab_stacks(const struct stack_class *c, size_t stack_size)
{
	uint32_t n = c->slabs ? c->slabs->n_stacks * 2 : FIRST_SLAB_STACKS;

	while (n > 1 && n * stack_size > SLAB_BYTES_MAX)
		n /= 2;
	return n;
}

/* One page more: the guard of the whole slab, which also keeps slabs from touching. */
static char *slab_map(size_t size_bytes)
{
	char *p = mmap(NULL, size_bytes + STACK_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	if (mprotect(p, STACK_PAGE, PROT_NONE) < 0) {
		munmap(p, size_bytes + STACK_PAGE);
		return NULL;
	}
	/* A huge page would make one sleeping task cost 2 MiB. Best effort: THP may be absent. */
	madvise(p, size_bytes + STACK_PAGE, MADV_NOHUGEPAGE);
	return p + STACK_PAGE;
}

static struct stack_slab *slab_new(struct stack_class *c, size_t stack_size)
{
	struct stack_slab *slab = malloc(sizeof(*slab));
	uint32_t n = next_slab_stacks(c, stack_size);
	char *base = NULL;

	/* Address space may be short of a slab (RLIMIT_AS, strict overcommit) and not of a
	 * stack. */
	for (; slab && n; n /= 2) {
		base = slab_map(n * stack_size);
		if (base)
			break;
	}
	if (!base) {
		free(slab);
		return NULL;
	}
	*slab = (struct stack_slab){ .next = c->slabs, .base = base, .stack_size = stack_size,
				     .n_stacks = n };
	c->slabs = slab;
	return slab;
}

/* Of all pools together: the limit is the process's. */
static atomic_uint n_mprotected;

static bool mprotect_guard(char *page)
{
	if (atomic_fetch_add_explicit(&n_mprotected, 1, memory_order_relaxed) <
		    MPROTECT_GUARDS_MAX &&
	    mprotect(page, STACK_PAGE, PROT_NONE) == 0)
		return true;
	atomic_fetch_sub_explicit(&n_mprotected, 1, memory_order_relaxed);
	return false;
}

/* Guard the lowest page of a new stack as well as this kernel can. */
static bool guard_install(struct stack_pool *p, char *page)
{
	if (p->guard == STACK_GUARD_MADVISE) {
		if (madvise(page, STACK_PAGE, MADV_GUARD_INSTALL_) == 0)
			return true;
		p->guard = STACK_GUARD_MPROTECT;
	}
	if (p->guard == STACK_GUARD_MPROTECT) {
		if (mprotect_guard(page)) {
			p->n_mprotected++;
			return true;
		}
		p->guard = STACK_GUARD_SLAB;
	}
	return false;
}

static struct stack *stack_make(struct stack_pool *p, struct stack_class *c, size_t stack_size)
{
	struct stack_slab *slab = c->slabs;

	if (!slab || slab->n_made == slab->n_stacks) {
		slab = slab_new(c, stack_size);
		if (!slab)
			return NULL;
	}

	uint32_t i = slab->n_made++;
	char *low = slab->base + i * stack_size;
	struct stack *s = stack_at(slab, i, colour_of(slab, i));

	s->guarded = guard_install(p, low);
	s->base = low + STACK_PAGE;
	s->size_bytes = (uint32_t)stack_size;
	san_stack_made(&s->san, s->base, low + stack_size);
	return s;
}

void rondo__stack_pool_init(struct stack_pool *p)
{
	*p = (struct stack_pool){ .guard = STACK_GUARD_MADVISE };
}

static void slab_free(struct stack_slab *slab)
{
	for (uint32_t i = 0; i < slab->n_made; i++) {
		struct stack *s = stack_at(slab, i, colour_of(slab, i));

		san_stack_unmade(&s->san, s->base, slab->base + (i + 1) * slab->stack_size);
	}
	munmap(slab->base - STACK_PAGE, slab->n_stacks * slab->stack_size + STACK_PAGE);
	free(slab);
}

void rondo__stack_pool_free(struct stack_pool *p)
{
	for (unsigned class = 0; class < STACK_N_CLASSES; class++) {
		struct stack_slab *next, *slab = p->classes[class].slabs;

		for (; slab; slab = next) {
			next = slab->next;
			slab_free(slab);
		}
	}
	atomic_fetch_sub_explicit(&n_mprotected, p->n_mprotected, memory_order_relaxed);
	*p = (struct stack_pool){ 0 };
}

struct stack *rondo__stack_get(struct stack_pool *p, size_t size_bytes)
{
	struct stack_class *c;
	struct stack *s;
	unsigned class;

	if (size_bytes > STACK_SIZE_MAX)
		return NULL;
	class = class_of(size_bytes ? size_bytes : STACK_SIZE_DEFAULT);
	c = &p->classes[class];
	s = c->free;
	if (unlikely(!s))
		return stack_make(p, c, (size_t)STACK_SIZE_MIN << class);
	c->free = s->next;
	san_stack_reused(&s->san, s->base, s);
	return s;
}

void rondo__stack_put(struct stack_pool *p, struct stack *s)
{
	struct stack_class *c = &p->classes[class_of(s->size_bytes)];

	s->next = c->free;
	c->free = s;
}

static size_t slab_guard_hit(const struct stack_slab *slab, const char *address, void **base)
{
	const char *low = slab->base - STACK_PAGE;

	if (address < low || address >= slab->base + slab->n_stacks * slab->stack_size)
		return 0;
	size_t offset = address < slab->base ? 0 : (size_t)(address - slab->base);

	if (address >= slab->base && offset % slab->stack_size >= STACK_PAGE)
		return 0;
	*base = slab->base + offset / slab->stack_size * slab->stack_size + STACK_PAGE;
	return slab->stack_size;
}

size_t rondo__stack_guard_hit(const struct stack_pool *p, const void *address, void **base)
{
	for (unsigned class = 0; class < STACK_N_CLASSES; class++)
		for (const struct stack_slab *s = p->classes[class].slabs; s; s = s->next) {
			size_t size = slab_guard_hit(s, address, base);

			if (size)
				return size;
		}
	return 0;
}

/* Without a guard of its own a stack's lowest page is not protected, but still not for frames. */
void rondo__stack_paint(struct stack *s, void *top)
{
	memset(s->base, PAINT, (size_t)((char *)top - (char *)s->base));
}

size_t rondo__stack_high_water(const struct stack *s, const void *top)
{
	const unsigned char *p = s->base;

	san_trespass_begin();
	while (p < (const unsigned char *)top && *p == PAINT)
		p++;
	san_trespass_end();
	return (size_t)((const unsigned char *)top - p);
}
