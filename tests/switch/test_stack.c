/* SPDX-License-Identifier: MIT */
/* test_stack.c - goal: stacks are reused, sized, coloured, measured and guarded as stack.h says, at
 * the price it says. Method: ask the kernel, not the pool: /proc/self/maps for mappings, mincore() for
 * memory, a system call that reads a page for guards, and a child that dies for the real thing. */
#include "support/check.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "switch/stack.h"
#include "switch/switch.h"

enum { KIB = 1024, MIB = 1024 * KIB, GIB = 1024 * MIB };

static bool under_a_checker(void)
{
	return SAN_ADDRESS || SAN_THREAD || RUNNING_ON_VALGRIND;
}

/* TSan makes a fiber of each stack, in a millisecond; LSan and Valgrind keep them in lists. */
static unsigned fewer_under_a_checker(unsigned n)
{
	if (SAN_THREAD)
		return n / 200;
	return under_a_checker() ? n / 20 : n;
}

static struct stack *get(struct stack_pool *p, size_t size_bytes)
{
	struct stack *s = rondo__stack_get(p, size_bytes);

	assert_non_null(s);
	return s;
}

static char *guard_of(const struct stack *s)
{
	return (char *)s->base - STACK_PAGE;
}

/* Can a byte be read? The kernel is asked to, so that a guard answers -EFAULT instead of SIGSEGV. */
static bool is_guarded(const void *page)
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

/* qemu-user answers 0 to advice that it does not know. */
static bool guards_are_emulated_away(void)
{
	struct stack_pool p;
	bool absent;

	rondo__stack_pool_init(&p);
	absent = !is_guarded(guard_of(get(&p, 0))) && p.guard == STACK_GUARD_MADVISE;
	rondo__stack_pool_free(&p);
	return absent;
}

static unsigned n_mappings(void)
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

/* Run f in a child and return its wait status. */
static int in_child(void (*f)(void))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
		signal(SIGSEGV, SIG_DFL);
		f();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

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
		{ 0, 64 * KIB }, { 1, 16 * KIB }, { 16 * KIB, 16 * KIB }, { 16 * KIB + 1, 32 * KIB },
		{ 64 * KIB, 64 * KIB }, { 100000, 128 * KIB }, { 5 * MIB, 8 * MIB },
		{ 64 * MIB, 64 * MIB },
	};
	struct stack_pool p;

	(void)state;
	rondo__stack_pool_init(&p);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct stack *s = get(&p, sizes[i].asked);
		size_t usable = (size_t)((char *)(s + 1) - (char *)s->base);

		assert_int_equal(s->size_bytes, sizes[i].got);
		assert_in_range(usable, sizes[i].got - STACK_PAGE - 1024, sizes[i].got - STACK_PAGE);
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
		memset(stacks[i]->base, (int)i, (size_t)((char *)stacks[i] - (char *)stacks[i]->base));
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

/* Guards. */

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
}

static int write_below(enum stack_guard guard, size_t bytes)
{
	forced_guard = guard;
	depth_bytes = bytes;
	return in_child(write_below_a_stack);
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
	if (guards_are_emulated_away() || (get(&p, STACK_SIZE_MIN), p.guard) != STACK_GUARD_MADVISE) {
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
	status = in_child(get_stacks_at_the_map_limit);
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
	char here;

	(void)state;
	rondo__stack_pool_init(&p);
	assert_int_equal(rondo__stack_guard_hit(&p, &here, &base), 0);
	a = get(&p, 0);
	b = get(&p, 20 * KIB);
	get(&p, 0);
	for (size_t below = 1; below <= STACK_PAGE; below += STACK_PAGE - 1) {
		assert_int_equal(rondo__stack_guard_hit(&p, (char *)a->base - below, &base), 64 * KIB);
		assert_ptr_equal(base, a->base);
		assert_int_equal(rondo__stack_guard_hit(&p, (char *)b->base - below, &base), 32 * KIB);
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
	status = in_child(get_stacks_in_little_space);
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
		cmocka_unit_test(test_a_madvise_guard_stops_the_program),
		cmocka_unit_test(test_an_mprotect_guard_stops_the_program),
		cmocka_unit_test(test_a_slab_guard_stops_the_program_at_the_slabs_end),
		cmocka_unit_test(test_every_guard_that_is_claimed_is_there),
		cmocka_unit_test(test_a_hundred_thousand_guards_cost_few_mappings),
		cmocka_unit_test(test_mprotect_guards_are_never_silently_missing),
		cmocka_unit_test(test_mprotect_guards_are_counted_for_the_whole_process),
		cmocka_unit_test(test_a_guard_that_the_kernel_refuses_is_not_claimed),
		cmocka_unit_test(test_a_guard_hit_names_the_stack),
		cmocka_unit_test(test_a_sleeping_stack_costs_one_page),
		cmocka_unit_test(test_reuse_keeps_the_pages_that_were_touched),
		cmocka_unit_test(test_a_smaller_slab_serves_when_memory_is_short),
		cmocka_unit_test(test_high_water_tells_how_deep_a_stack_was_used),
		cmocka_unit_test(test_high_water_of_an_unused_stack_is_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
