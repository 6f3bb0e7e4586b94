/* SPDX-License-Identifier: MIT */
/* test_guard.c - goal: a guard that a stack claims is there, however it was made, and is cheap.
 * Method: a system call that reads the page, /proc/self/maps, and a child that dies for the
 * real thing. */
#include "stacks.h"

static enum stack_guard forced_guard;
static size_t depth_bytes;	/* how far below the lowest usable byte the child writes */
static volatile char *written;

static void write_below_a_stack(void)
{
	struct stack_pool p;
	struct stack *s;

	rondo__stack_pool_init(&p);
	p.guard = forced_guard;
	/* The first stack of a slab: it is guarded whatever the method. */
	s = rondo__stack_get(&p, 0);
	written = (char *)s->base - depth_bytes;
	*written = 1;
	rondo__stack_pool_free(&p);
}

static int write_below(enum stack_guard guard, size_t bytes)
{
	forced_guard = guard;
	depth_bytes = bytes;
	return child_status(write_below_a_stack);
}

static void assert_segv(int status)
{
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSEGV);
}

static void test_a_madvise_guard_stops_the_program(void **state)
{
	(void)state;
	if (guards_are_emulated_away()) {
		print_message("the emulator takes MADV_GUARD_INSTALL for a hint\n");
		skip();
	}
	assert_segv(write_below(STACK_GUARD_MADVISE, 1));
	assert_segv(write_below(STACK_GUARD_MADVISE, STACK_PAGE));
}

static void test_an_mprotect_guard_stops_the_program(void **state)
{
	(void)state;
	assert_segv(write_below(STACK_GUARD_MPROTECT, 1));
	assert_segv(write_below(STACK_GUARD_MPROTECT, STACK_PAGE));
}

/* Without guards of their own only the slab's end stops a stack; the page kept free below it is not
 * protected, and s->guarded says so. */
static void test_a_slab_guard_stops_the_program_at_the_slabs_end(void **state)
{
	struct stack_pool p;

	(void)state;
	assert_int_equal(write_below(STACK_GUARD_SLAB, STACK_PAGE), 0);
	assert_segv(write_below(STACK_GUARD_SLAB, STACK_PAGE + 1));
	assert_segv(write_below(STACK_GUARD_SLAB, 2 * STACK_PAGE));
	rondo__stack_pool_init(&p);
	p.guard = STACK_GUARD_SLAB;
	assert_false(get(&p, 0)->guarded);
	rondo__stack_pool_free(&p);
}

static void test_every_guard_that_is_claimed_is_there(void **state)
{
	struct stack_pool p;

	(void)state;
	if (guards_are_emulated_away()) {
		print_message("the emulator takes MADV_GUARD_INSTALL for a hint\n");
		skip();
	}
	for (enum stack_guard g = STACK_GUARD_MADVISE; g <= STACK_GUARD_SLAB; g++) {
		rondo__stack_pool_init(&p);
		p.guard = g;
		for (unsigned i = 0; i < 100; i++) {
			struct stack *s = get(&p, 0);

			assert_int_equal(s->guarded, g != STACK_GUARD_SLAB);
			assert_int_equal(is_guarded(guard_of(s)), s->guarded);
			assert_false(is_guarded(s->base));
		}
		rondo__stack_pool_free(&p);
	}
}

/* KN-1: guards installed by MADV_GUARD_INSTALL do not split the mapping. */
static void test_a_hundred_thousand_guards_cost_few_mappings(void **state)
{
	unsigned n_stacks = fewer_under_a_checker(100000), before;
	struct stack_pool p;

	(void)state;
	rondo__stack_pool_init(&p);
	get(&p, STACK_SIZE_MIN);
	if (guards_are_emulated_away() || p.guard != STACK_GUARD_MADVISE) {
		rondo__stack_pool_free(&p);
		print_message("this kernel has no MADV_GUARD_INSTALL\n");
		skip();
	}
	before = n_mappings();
	for (unsigned i = 1; i < n_stacks; i++) {
		struct stack *s = get(&p, STACK_SIZE_MIN);

		if (!s->guarded || !is_guarded(guard_of(s)))
			fail_msg("stack %u has no guard", i);
	}
	assert_int_equal(p.guard, STACK_GUARD_MADVISE);
	if (!under_a_checker())
		assert_in_range(n_mappings(), before, before + 60);
	rondo__stack_pool_free(&p);
}

/* KN-2: where a guard costs a mapping, their number ends, and whoever comes later is told. */
static void test_mprotect_guards_are_never_silently_missing(void **state)
{
	unsigned n_stacks = fewer_under_a_checker(20000), n_guarded = 0;
	struct stack_pool p;

	(void)state;
	rondo__stack_pool_init(&p);
	p.guard = STACK_GUARD_MPROTECT;
	for (unsigned i = 0; i < n_stacks; i++) {
		struct stack *s = get(&p, STACK_SIZE_MIN);

		if (is_guarded(guard_of(s)) != s->guarded)
			fail_msg("stack %u: its guard is not what it says", i);
		n_guarded += s->guarded;
	}
	assert_int_equal(p.n_mprotected, n_guarded);
	assert_int_equal(p.guard, n_guarded < n_stacks ? STACK_GUARD_SLAB : STACK_GUARD_MPROTECT);
	rondo__stack_pool_free(&p);
	if (under_a_checker()) {
		print_message("too few stacks under a checker to reach the limit\n");
		skip();
	}
	assert_in_range(n_guarded, 1000, n_stacks - 1);
}

/* The limit on mappings is the process's, so another thread's pool counts against it too. */
static void test_mprotect_guards_are_counted_for_the_whole_process(void **state)
{
	struct stack_pool a, b;

	(void)state;
	if (under_a_checker()) {
		print_message("too few stacks under a checker to reach the limit\n");
		skip();
	}
	rondo__stack_pool_init(&a);
	rondo__stack_pool_init(&b);
	a.guard = b.guard = STACK_GUARD_MPROTECT;
	assert_true(get(&b, 0)->guarded);
	while (get(&a, STACK_SIZE_MIN)->guarded)
		;
	assert_false(get(&b, 0)->guarded);
	rondo__stack_pool_free(&a);
	rondo__stack_pool_init(&a);
	a.guard = STACK_GUARD_MPROTECT;
	assert_true(get(&a, 0)->guarded);
	rondo__stack_pool_free(&a);
	rondo__stack_pool_free(&b);
}

/* Use up the mappings that the kernel allows, then ask for stacks. */
static void get_stacks_at_the_map_limit(void)
{
	char *p = mmap(NULL, (size_t)STACK_PAGE * 140000, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct stack_pool pool;
	struct stack *s;
	unsigned i;

	rondo__stack_pool_init(&pool);
	pool.guard = STACK_GUARD_MPROTECT;
	if (p == MAP_FAILED || !rondo__stack_get(&pool, 0))
		_exit(1);
	for (i = 1; i < 140000 && mprotect(p + (size_t)i * STACK_PAGE, STACK_PAGE, PROT_READ) == 0;)
		i += 2;
	if (i >= 140000)
		_exit(77);
	for (i = 0; i < 200 && (s = rondo__stack_get(&pool, 0)); i++)
		if (is_guarded(guard_of(s)) != s->guarded)
			_exit(2);
	_exit(pool.guard == STACK_GUARD_SLAB || i < 200 ? 0 : 3);
}

static void test_a_guard_that_the_kernel_refuses_is_not_claimed(void **state)
{
	int status;

	(void)state;
	if (under_a_checker()) {
		print_message("a checker needs mappings of its own\n");
		skip();
	}
	status = child_status(get_stacks_at_the_map_limit);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("vm.max_map_count is above 140,000 here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void test_a_guard_hit_names_the_stack(void **state)
{
	struct stack_pool p;
	struct stack *a, *b;
	void *base = NULL;
	char here, *hit;

	(void)state;
	rondo__stack_pool_init(&p);
	assert_int_equal(rondo__stack_guard_hit(&p, &here, &base), 0);
	a = get(&p, 0);
	b = get(&p, 20 * KIB);
	get(&p, 0);
	for (size_t below = 1; below <= STACK_PAGE; below += STACK_PAGE - 1) {
		hit = (char *)a->base - below;
		assert_int_equal(rondo__stack_guard_hit(&p, hit, &base), 64 * KIB);
		assert_ptr_equal(base, a->base);
		hit = (char *)b->base - below;
		assert_int_equal(rondo__stack_guard_hit(&p, hit, &base), 32 * KIB);
		assert_ptr_equal(base, b->base);
	}
	/* The slab's own guard lies below the first stack's. */
	assert_int_equal(rondo__stack_guard_hit(&p, guard_of(a) - 1, &base), 64 * KIB);
	assert_ptr_equal(base, a->base);
	base = NULL;
	assert_int_equal(rondo__stack_guard_hit(&p, a->base, &base), 0);
	assert_int_equal(rondo__stack_guard_hit(&p, a, &base), 0);
	assert_int_equal(rondo__stack_guard_hit(&p, guard_of(a) - STACK_PAGE - 1, &base), 0);
	assert_int_equal(rondo__stack_guard_hit(&p, NULL, &base), 0);
	assert_int_equal(rondo__stack_guard_hit(&p, &here, &base), 0);
	assert_null(base);
	rondo__stack_pool_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_madvise_guard_stops_the_program),
		cmocka_unit_test(test_an_mprotect_guard_stops_the_program),
		cmocka_unit_test(test_a_slab_guard_stops_the_program_at_the_slabs_end),
		cmocka_unit_test(test_every_guard_that_is_claimed_is_there),
		cmocka_unit_test(test_a_hundred_thousand_guards_cost_few_mappings),
		cmocka_unit_test(test_mprotect_guards_are_never_silently_missing),
		cmocka_unit_test(test_mprotect_guards_are_counted_for_the_whole_process),
		cmocka_unit_test(test_a_guard_that_the_kernel_refuses_is_not_claimed),
		cmocka_unit_test(test_a_guard_hit_names_the_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
