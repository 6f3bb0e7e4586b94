/* SPDX-License-Identifier: MIT */
/* stacks.h - what the tests of stacks ask of the kernel instead of the pool. */
#ifndef RONDO_TESTS_STACKS_H
#define RONDO_TESTS_STACKS_H

#include "support/check.h"
#include "support/child.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "switch/stack.h"

enum { KIB = 1024, MIB = 1024 * KIB, GIB = 1024 * MIB };

static inline bool under_a_checker(void)
{
	return SAN_ADDRESS || SAN_THREAD || RUNNING_ON_VALGRIND;
}

/* TSan makes a fiber of each stack, in a millisecond; LSan and Valgrind keep them in lists. */
static inline unsigned fewer_under_a_checker(unsigned n)
{
	if (SAN_THREAD)
		return n / 200;
	return under_a_checker() ? n / 20 : n;
}

static inline struct stack *get(struct stack_pool *p, size_t size_bytes)
{
	struct stack *s = rondo__stack_get(p, size_bytes);

	assert_non_null(s);
	return s;
}

static inline char *guard_of(const struct stack *s)
{
	return (char *)s->base - STACK_PAGE;
}

/* Can a byte be read? The kernel is asked to, so that a guard answers -EFAULT instead of
 * SIGSEGV. */
static inline bool is_guarded(const void *page)
{
	static int ends[2];
	char byte;

	if (!ends[1])
		assert_int_equal(pipe(ends), 0);
	if (write(ends[1], page, 1) < 0)
		return errno == EFAULT;
	assert_int_equal(read(ends[0], &byte, 1), 1);
	return false;
}

/* qemu-user answers 0 to advice that it does not know. A kernel that did would be a bug to find. */
static inline bool guards_are_emulated_away(void)
{
#ifdef RONDO_MINIMOCK
	return true;
#endif
	return false;
}

static inline unsigned n_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned n = 0;
	int c;

	assert_non_null(maps);
	while ((c = getc(maps)) != EOF)
		n += c == '\n';
	fclose(maps);
	return n;
}
#endif
