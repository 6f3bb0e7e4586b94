/* SPDX-License-Identifier: MIT */
/* test_stack.c - goal: stacks are reused, sized, coloured and measured as stack.h says, at the
 * price it says. Method: ask the kernel, not the pool: /proc/self/maps for mappings, mincore()
 * for memory. */
#include "stacks.h"

#include "switch/switch.h"

static void test_the_last_stack_put_is_the_next_one_got(void **state)
{
	struct stack *a, *b, *c;
	struct stack_pool p;

	(void)state;
	rondo__stack_pool_init(&p);
	a = get(&p, 0);
	b = get(&p, 0);
	c = get(&p, 0);
	rondo__stack_put(&p, b);
	rondo__stack_put(&p, a);
	rondo__stack_put(&p, c);
	assert_ptr_equal(get(&p, 0), c);
	assert_ptr_equal(get(&p, 0), a);
	assert_ptr_equal(get(&p, 0), b);
	rondo__stack_pool_free(&p);
}

static void test_sizes_round_up_to_a_power_of_two(void **state)
{
	static const struct {
		size_t asked, got;
	} sizes[] = {
		{ 0, 64 * KIB }, { 1, 16 * KIB }, { 16 * KIB, 16 * KIB },
		{ 16 * KIB + 1, 32 * KIB }, { 64 * KIB, 64 * KIB }, { 100000, 128 * KIB },
		{ 5 * MIB, 8 * MIB }, { 64 * MIB, 64 * MIB },
	};
	struct stack_pool p;

	(void)state;
	rondo__stack_pool_init(&p);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct stack *s = get(&p, sizes[i].asked);
		size_t usable = (size_t)((char *)(s + 1) - (char *)s->base);

		assert_int_equal(s->size_bytes, sizes[i].got);
		assert_in_range(usable, sizes[i].got - STACK_PAGE - 1024,
				sizes[i].got - STACK_PAGE);
		rondo__stack_put(&p, s);
		assert_ptr_equal(get(&p, sizes[i].got), s);
		rondo__stack_put(&p, s);
	}
	rondo__stack_pool_free(&p);
}

static void test_sizes_above_the_largest_class_are_refused(void **state)
{
	struct stack_pool p;

	(void)state;
	rondo__stack_pool_init(&p);
	assert_null(rondo__stack_get(&p, (size_t)STACK_SIZE_MAX + 1));
	assert_null(rondo__stack_get(&p, SIZE_MAX));
	rondo__stack_pool_free(&p);
}

static void test_stacks_never_overlap(void **state)
{
	enum { N = 300 };
	struct stack *stacks[N];
	struct stack_pool p;

	(void)state;
	rondo__stack_pool_init(&p);
	for (unsigned i = 0; i < N; i++) {
		stacks[i] = get(&p, (size_t)16 * KIB << i % 3);
		assert_int_equal((uintptr_t)stacks[i]->base % STACK_PAGE, 0);
		memset(stacks[i]->base, (int)i,
		       (size_t)((char *)stacks[i] - (char *)stacks[i]->base));
	}
	for (unsigned i = 0; i < N; i++) {
		const char *low = stacks[i]->base, *high = (char *)stacks[i] - 1;

		assert_int_equal((unsigned char)*low, (unsigned char)i);
		assert_int_equal((unsigned char)*high, (unsigned char)i);
		assert_int_equal(stacks[i]->size_bytes, 16 * KIB << i % 3);
	}
	rondo__stack_pool_free(&p);
}

/* 64-byte steps, so that equal depths of different tasks lie in different cache sets. */
static void test_tops_are_staggered_and_aligned(void **state)
{
	unsigned seen = 0;
	struct stack_pool p;

	(void)state;
	rondo__stack_pool_init(&p);
	for (unsigned i = 0; i < 32; i++) {
		struct stack *s = get(&p, 0);

		assert_int_equal((uintptr_t)s % 16, 0);
		seen |= 1u << ((uintptr_t)s / 64 % 16);
	}
	assert_int_equal(seen, 0xffff);
	rondo__stack_pool_free(&p);
}

static void test_freeing_the_pool_unmaps_everything(void **state)
{
	struct stack_pool p;
	unsigned before;

	(void)state;
	rondo__stack_pool_init(&p);
	get(&p, 0);
	rondo__stack_pool_free(&p);	/* whatever libc and the checkers need is mapped by now */
	before = n_mappings();
	rondo__stack_pool_init(&p);
	for (unsigned i = 0; i < 100; i++)
		for (size_t size = 16 * KIB; size <= 256 * KIB; size *= 2)
			get(&p, size);
	assert_true(RUNNING_ON_VALGRIND || n_mappings() > before);
	rondo__stack_pool_free(&p);
	if (under_a_checker()) {
		print_message("a checker maps memory of its own: mappings are not counted\n");
		skip();
	}
	assert_int_equal(n_mappings(), before);
	rondo__stack_pool_free(&p);	/* again: harmless */
}

/* Memory. */

static unsigned n_resident_pages(const struct stack *s)
{
	unsigned char pages[64 * KIB / STACK_PAGE];
	unsigned n = 0;

	assert_int_equal(s->size_bytes, 64 * KIB);
	assert_int_equal(mincore(guard_of(s), s->size_bytes, pages), 0);
	for (unsigned i = 0; i < sizeof(pages); i++)
		n += pages[i] & 1;
	return n;
}

static long resident_bytes(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long total, resident;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%ld %ld", &total, &resident), 2);
	fclose(f);
	return resident * sysconf(_SC_PAGESIZE);
}

struct sleeper {
	struct context context, *back;
};

static void sleep_at_once(void *arg)
{
	struct sleeper *s = arg;

	rondo__switch_entered(&s->context);
	for (;;)
		rondo__switch(&s->context, s->back);
}

/* A task that sleeps: its block and its first frames share the top page with the struct stack. */
static void test_a_sleeping_stack_costs_one_page(void **state)
{
	unsigned n = fewer_under_a_checker(4000);
	struct context here;
	struct stack_pool p;
	long before, used;

	(void)state;
	rondo__context_of_thread(&here);
	rondo__stack_pool_init(&p);
	get(&p, 0);
	before = resident_bytes();
	for (unsigned i = 0; i < n; i++) {
		struct stack *stack = get(&p, 0);
		struct sleeper *s = (struct sleeper *)((char *)stack - 400);

		s->back = &here;
		rondo__context_init(&s->context, stack->base, s, sleep_at_once, s);
		san_context_on_stack(&s->context.san, &stack->san);
		rondo__switch(&here, &s->context);
		if (!under_a_checker() && n_resident_pages(stack) != 1)
			fail_msg("stack %u has %u pages", i, n_resident_pages(stack));
	}
	used = resident_bytes() - before;
	rondo__stack_pool_free(&p);
	if (under_a_checker()) {
		print_message("a checker uses stacks and memory for itself\n");
		skip();
	}
#ifdef RONDO_MINIMOCK
	used = (long)n * STACK_PAGE;	/* what resides is mostly the emulator */
#endif
	assert_in_range(used / n, STACK_PAGE * 9 / 10, STACK_PAGE * 11 / 10);
}

static void test_reuse_keeps_the_pages_that_were_touched(void **state)
{
	struct stack_pool p;
	struct stack *s;
	unsigned n;

	(void)state;
	rondo__stack_pool_init(&p);
	s = get(&p, 0);
	memset((char *)s - 20 * KIB, 1, 20 * KIB);
	n = n_resident_pages(s);
	assert_in_range(n, 5, 7);
	rondo__stack_put(&p, s);
	assert_ptr_equal(get(&p, 0), s);
	if (!RUNNING_ON_VALGRIND)
		assert_int_equal(n_resident_pages(s), n);
	rondo__stack_pool_free(&p);
}

/* Slabs grow in number of stacks; when that much is not to be had, less will do. */
static void get_stacks_in_little_space(void)
{
	struct rlimit limit = { 512 * MIB, 512 * MIB };
	struct stack_pool p;

	rondo__stack_pool_init(&p);
	if (setrlimit(RLIMIT_AS, &limit) < 0)
		_exit(1);
	if (mmap(NULL, GIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
		_exit(77);
	for (unsigned i = 0; i < 4; i++)
		if (!rondo__stack_get(&p, 64 * MIB))
			_exit(2);
	for (unsigned i = 0; i < 4; i++)
		if (!rondo__stack_get(&p, 64 * MIB))
			_exit(0);	/* there is no room for eight */
	_exit(3);
}

static void test_a_smaller_slab_serves_when_memory_is_short(void **state)
{
	int status;

	(void)state;
	if (under_a_checker()) {
		print_message("a checker's shadow memory leaves no room for RLIMIT_AS\n");
		skip();
	}
	status = child_status(get_stacks_in_little_space);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("the emulator does not know RLIMIT_AS\n");
		skip();
	}
	assert_int_equal(status, 0);
}

/* The measure of depth. */

static __attribute__((noinline)) void use_stack(size_t bytes)
{
	char frame[1024];
	char *volatile p = frame;

	memset(p, 1, sizeof(frame));
	if (bytes > sizeof(frame))
		use_stack(bytes - sizeof(frame));
	p[0] = 2;	/* no tail call */
}

struct diver {
	struct context context, *back;
	size_t bytes;
};

static void dive(void *arg)
{
	struct diver *d = arg;

	rondo__switch_entered(&d->context);
	use_stack(d->bytes);
	rondo__switch_last(&d->context, d->back);
}

/* Leaves for ever with a half-used frame: to ASan what lies around the array stays poisoned, to
 * Valgrind what lies below the frame is gone. */
static __attribute__((noinline)) void dive_and_stay(void *arg)
{
	struct diver *d = arg;
	char frame[4096];
	char *volatile p = frame;

	rondo__switch_entered(&d->context);
	use_stack(d->bytes);
	p[sizeof(frame) / 2] = 1;
	rondo__switch_last(&d->context, d->back);
}

static size_t high_water_of(struct stack_pool *p, void (*entry)(void *), size_t bytes)
{
	struct stack *s = get(p, 0);
	struct diver d = { .bytes = bytes };
	struct context here;
	size_t high;

	rondo__context_of_thread(&here);
	d.back = &here;
	rondo__stack_paint(s, s);
	rondo__context_init(&d.context, s->base, s, entry, &d);
	san_context_on_stack(&d.context.san, &s->san);
	rondo__switch(&here, &d.context);
	high = rondo__stack_high_water(s, s);
	rondo__stack_put(p, s);
	return high;
}

/* ASan may keep frames elsewhere, so that the stack is hardly used at all. */
static void assert_high_water(struct stack_pool *p, void (*entry)(void *), size_t bytes)
{
	size_t slack = under_a_checker() ? 24 * KIB : 6 * KIB;

	assert_in_range(high_water_of(p, entry, bytes), SAN_ADDRESS ? 1 : bytes, bytes + slack);
}

static void test_high_water_tells_how_deep_a_stack_was_used(void **state)
{
	struct stack_pool p;

	(void)state;
	rondo__stack_pool_init(&p);
	/* The same stack each time, deep first: a new life is measured afresh. */
	assert_high_water(&p, dive, 30 * KIB);
	assert_high_water(&p, dive, 10 * KIB);
	assert_high_water(&p, dive_and_stay, 1 * KIB);
	assert_high_water(&p, dive, 1 * KIB);
	rondo__stack_pool_free(&p);
}

static void test_high_water_of_an_unused_stack_is_zero(void **state)
{
	struct stack_pool p;
	struct stack *s;

	(void)state;
	rondo__stack_pool_init(&p);
	s = get(&p, 0);
	rondo__stack_paint(s, s);
	assert_int_equal(rondo__stack_high_water(s, s), 0);
	*(char *)s->base = 0;
	assert_int_equal(rondo__stack_high_water(s, s), (char *)s - (char *)s->base);
	rondo__stack_pool_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_last_stack_put_is_the_next_one_got),
		cmocka_unit_test(test_sizes_round_up_to_a_power_of_two),
		cmocka_unit_test(test_sizes_above_the_largest_class_are_refused),
		cmocka_unit_test(test_stacks_never_overlap),
		cmocka_unit_test(test_tops_are_staggered_and_aligned),
		cmocka_unit_test(test_freeing_the_pool_unmaps_everything),
		cmocka_unit_test(test_a_sleeping_stack_costs_one_page),
		cmocka_unit_test(test_reuse_keeps_the_pages_that_were_touched),
		cmocka_unit_test(test_a_smaller_slab_serves_when_memory_is_short),
		cmocka_unit_test(test_high_water_tells_how_deep_a_stack_was_used),
		cmocka_unit_test(test_high_water_of_an_unused_stack_is_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
