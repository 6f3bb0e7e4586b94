/* SPDX-License-Identifier: MIT */
/* test_frames.c - goal: the backtrace of a suspended context is whole, and looking at it changes
 * nothing (row T20). Method: functions that note where they return to; each of these addresses must
 * be found, from the context's creator's stack and from another context's. */
#include "support/check.h"

#include <sys/mman.h>

#include "switch/backtrace.h"
#include "switch/stack.h"

enum { STACK_BYTES = 64 << 10, FRAMES = 32 };

static struct context main_context, one, two;
static struct san_stack san_one, san_two;
static char *base_one, *base_two;
static void *returns_to[2];
static void *frames[FRAMES];
static unsigned n_frames, n_rounds;

static __attribute__((noinline)) void waits(void)
{
	returns_to[0] = __builtin_return_address(0);
	for (;;) {
		n_rounds++;
		/* As in the engine, which has frame pointers. */
		__asm__ volatile("" : : "r"(__builtin_frame_address(0)));
		rondo__switch(&one, &main_context);
	}
}

static __attribute__((noinline)) void calls_waits(void)
{
	volatile char big[777];

	returns_to[1] = __builtin_return_address(0);
	big[0] = 1;
	waits();
	big[1] = big[0];
}

static void one_entry(void *arg)
{
	volatile int after = 0;

	(void)arg;
	rondo__switch_entered(&one);
	calls_waits();
	after++;
	rondo__switch_last(&one, &main_context);
}

static void two_entry(void *arg)
{
	(void)arg;
	rondo__switch_entered(&two);
	n_frames = rondo__backtrace_of(&one, base_one, base_one + STACK_BYTES, &two, frames, FRAMES);
	rondo__switch_last(&two, &main_context);
}

static char *make(struct context *c, struct san_stack *san, void (*entry)(void *))
{
	char *base = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	assert_true(base != MAP_FAILED);
	san_stack_made(san, base, base + STACK_BYTES);
	rondo__context_init(c, base, base + STACK_BYTES, entry, NULL);
	san_context_on_stack(&c->san, san);
	return base;
}

static bool found(const void *frame)
{
	for (unsigned i = 0; i < n_frames; i++)
		if (frames[i] == frame)
			return true;
	return false;
}

static void assert_whole(void)
{
	assert_in_range(n_frames, 4, FRAMES - 1);
	assert_ptr_equal(frames[0], one.machine.ip);
	assert_true(found(returns_to[0]));
	assert_true(found(returns_to[1]));
}

static void test_a_suspended_contexts_frames_are_found(void **state)
{
	(void)state;
	rondo__context_of_thread(&main_context);
	rondo__backtrace_prepare();
	base_one = make(&one, &san_one, one_entry);
	rondo__switch(&main_context, &one);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(n_rounds, i);
		n_frames = rondo__backtrace_of(&one, base_one, base_one + STACK_BYTES, &main_context,
					       frames, FRAMES);
		assert_whole();
		rondo__switch(&main_context, &one);	/* it goes on as if nobody had looked */
	}
	base_two = make(&two, &san_two, two_entry);
	n_frames = 0;
	rondo__switch(&main_context, &two);
	assert_whole();
}

/* Too little room for a visitor: frame pointers, as far as they go. */
static void test_a_full_stack_is_not_visited(void **state)
{
	(void)state;
	n_frames = rondo__backtrace_of(&one, (char *)one.machine.sp - 64, base_one + STACK_BYTES,
				       &main_context, frames, FRAMES);
	assert_in_range(n_frames, 1, FRAMES);
	assert_ptr_equal(frames[0], one.machine.ip);
	assert_int_equal(rondo__backtrace_of(&one, base_one, base_one + STACK_BYTES, &main_context,
					     frames, 1), 1);
	san_stack_unmade(&san_one, base_one, base_one + STACK_BYTES);
	san_stack_unmade(&san_two, base_two, base_two + STACK_BYTES);
	munmap(base_one, STACK_BYTES);
	munmap(base_two, STACK_BYTES);
}

static void test_frames_have_names(void **state)
{
	char name[256], tiny[4];

	(void)state;
	rondo__backtrace_describe((void *)(uintptr_t)mmap, name, sizeof(name));
	if (strncmp(name, "0x", 2) != 0)	/* as in a static program, which has no names */
		assert_non_null(strchr(name, '+'));
	rondo__backtrace_describe((void *)16, name, sizeof(name));
	assert_string_equal(name, "0x10");
	rondo__backtrace_describe((void *)(uintptr_t)mmap, tiny, sizeof(tiny));
	assert_int_equal(strlen(tiny), sizeof(tiny) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_suspended_contexts_frames_are_found),
		cmocka_unit_test(test_a_full_stack_is_not_visited),
		cmocka_unit_test(test_frames_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
