/* SPDX-License-Identifier: MIT */
/* test_switch.c - goal: a switch keeps what the compiler holds in registers and what the ABI
 * promises a caller (registers, alignment, values on the stack), for any number of contexts and
 * lives, and unwinding ends where a context began. Method: contexts on plain mapped memory; an
 * assembly helper fills every callee-saved register with marks before a switch and reads them
 * back after it. Runs on every architecture rondo switches on. */
#include "marks.h"
#include "support/child.h"

#include <fenv.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unwind.h>

#include "switch/switch.h"

enum { STACK_BYTES = 128 << 10 };

/* A stack with its context, and where it goes when it rests. */
struct strand {
	struct context context;
	char *base;
	struct san_stack san;
	struct context *back;
	void (*body)(struct strand *s);
	bool ended;
	void *arg;
	long result;
};

static struct context main_context;

/* Inlined, so that the compiler has values in registers at the very place of the switch. */
static inline __attribute__((always_inline)) void rest(struct strand *s)
{
	rondo__switch(&s->context, s->back);
}

static void resume(struct strand *s)
{
	s->back = &main_context;
	rondo__switch(&main_context, &s->context);
}

static void entry(void *arg)
{
	struct strand *s = arg;

	rondo__switch_entered(&s->context);
	s->body(s);
	s->ended = true;
	rondo__switch_last(&s->context, s->back);
}

/* Lay out the strand on its stack (anew). */
static void restart(struct strand *s, void (*body)(struct strand *s), void *arg)
{
	s->body = body;
	s->arg = arg;
	s->ended = false;
	san_stack_reused(&s->san, s->base, s->base + STACK_BYTES);
	rondo__context_init(&s->context, s->base, s->base + STACK_BYTES, entry, s);
	san_context_on_stack(&s->context.san, &s->san);
}

static void start(struct strand *s, void (*body)(struct strand *s), void *arg)
{
	s->base = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);
	assert_ptr_not_equal(s->base, MAP_FAILED);
	san_stack_made(&s->san, s->base, s->base + STACK_BYTES);
	restart(s, body, arg);
}

static void drop(struct strand *s)
{
	san_stack_unmade(&s->san, s->base, s->base + STACK_BYTES);
	munmap(s->base, STACK_BYTES);
}

/* The registers. */

static __attribute__((noinline)) void switch_as_a_function(struct context *from, struct context *to)
{
	rondo__switch(from, to);
}

/* Marks that differ between registers and between contexts. */
static long n_marks_lost(struct context *from, struct context *to, uint64_t mark)
{
	uint64_t marks[N_MARKS], seen[N_MARKS] = { 0 };
	long n_lost = 0;

	for (unsigned i = 0; i < N_MARKS; i++)
		marks[i] = mark * 0x0101010101010101u + i;
	switch_marked(from, to, marks, seen, switch_as_a_function);
	for (unsigned i = 0; i < N_MARKS; i++)
		n_lost += marks[i] != seen[i];
	return n_lost;
}

static void mark_registers(struct strand *s)
{
	for (unsigned i = 0; i < 3; i++)
		s->result += n_marks_lost(&s->context, s->back, 0x22 + i);
}

static void test_callee_saved_registers_survive(void **state)
{
	struct strand s = { .result = 0 };

	(void)state;
	start(&s, mark_registers, NULL);
	s.back = &main_context;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(n_marks_lost(&main_context, &s.context, 0x11 + i), 0);
	resume(&s);
	assert_true(s.ended);
	assert_int_equal(s.result, 0);
	drop(&s);
}

/* More live values than the machine has registers; volatile reads keep the compiler from
 * knowing them. */
static void hold_many_values(struct strand *s)
{
	volatile long *in = s->arg;
	long a = in[0], b = in[1], c = in[2], d = in[3], e = in[4], f = in[5], g = in[6], h = in[7];
	long i = in[8], j = in[9], k = in[10], l = in[11], m = in[12], n = in[13], o = in[14];
	double v = (double)in[15], w = (double)in[16], x = (double)in[17], y = (double)in[18];

	for (int round = 0; round < 5; round++) {
		rest(s);
		a += b, b += c, c += d, d += e, e += f, f += g, g += h, h += i;
		i += j, j += k, k += l, l += m, m += n, n += o, o += a;
		v += w, w += x, x += y, y += v;
	}
	s->result = a ^ b ^ c ^ d ^ e ^ f ^ g ^ h ^ i ^ j ^ k ^ l ^ m ^ n ^ o;
	s->result ^= (long)(v + w + x + y);
}

static long values_alone(long *in)
{
	struct strand s = { .result = 0 };

	start(&s, hold_many_values, in);
	while (!s.ended)
		resume(&s);
	drop(&s);
	return s.result;
}

static void test_values_in_registers_survive(void **state)
{
	struct strand strands[2] = { 0 };
	long in[2][19];

	(void)state;
	for (int i = 0; i < 19; i++) {
		in[0][i] = i * 17 + 1;
		in[1][i] = 1000000 - i * i;
	}
	for (int i = 0; i < 2; i++)
		start(&strands[i], hold_many_values, in[i]);
	for (int round = 0; round < 6; round++)
		for (int i = 0; i < 2; i++)
			resume(&strands[i]);
	for (int i = 0; i < 2; i++) {
		assert_true(strands[i].ended);
		assert_int_equal(strands[i].result, values_alone(in[i]));
		drop(&strands[i]);
	}
	assert_int_not_equal(strands[0].result, strands[1].result);
}

static void keep_argument(struct strand *s)
{
	s->result = *(int *)s->arg;
}

static void test_entry_gets_its_argument(void **state)
{
	struct strand s = { .result = 0 };
	int answer = 42;

	(void)state;
	start(&s, keep_argument, &answer);
	resume(&s);
	assert_true(s.ended);
	assert_int_equal(s.result, 42);
	drop(&s);
}

typedef float four_floats __attribute__((vector_size(16)));

/* The compiler relies on an aligned stack for vectors, and libc for printing doubles. */
static void use_vectors(struct strand *s)
{
	volatile four_floats a = { 1, 2, 3, 4 }, b = { 10, 20, 30, 40 };
	four_floats sum = a + b;
	char text[64];

	rest(s);
	sum += a;
	snprintf(text, sizeof(text), "%.1f %.1f %.1f %.1f", sum[0], sum[1], sum[2], sum[3]);
	s->result = strcmp(text, "12.0 24.0 36.0 48.0") == 0;
	s->result &= (uintptr_t)&a % 16 == 0 && (uintptr_t)&b % 16 == 0;
}

static uintptr_t entry_frame;

/* In place of entry(): whatever the compiler pushes, its frame address is that of an aligned
 * call. */
static void aligned_entry(void *arg)
{
	struct strand *s = arg;

	entry_frame = (uintptr_t)__builtin_frame_address(0);
	rondo__switch_entered(&s->context);
	use_vectors(s);
	s->ended = true;
	rondo__switch_last(&s->context, s->back);
}

static void test_the_stack_is_aligned_whatever_top_is(void **state)
{
	struct strand s = { .result = 0 };

	(void)state;
	start(&s, NULL, NULL);
	for (size_t off = 0; off < 64; off += 8) {
		char *top = s.base + STACK_BYTES - off;

		s.ended = false;
		s.result = 0;
		san_stack_reused(&s.san, s.base, s.base + STACK_BYTES);
		rondo__context_init(&s.context, s.base, top, aligned_entry, &s);
		san_context_on_stack(&s.context.san, &s.san);
		resume(&s);
		resume(&s);
		assert_true(s.ended);
		assert_int_equal(s.result, 1);
		assert_int_equal(entry_frame % 16, 0);
		assert_true((char *)entry_frame < top);
	}
	drop(&s);
}

/* Sums that the compiler keeps in floating-point registers as long as it can. */
static void sum_series(struct strand *s)
{
	double sum = 0, step = *(double *)s->arg;
	long double wide = 0;

	for (int i = 1; i <= 1000; i++) {
		sum += step / i;
		wide += (long double)step / i;
		if (s->back)
			rest(s);
	}
	*(double *)s->arg = sum + (double)wide;
}

static double series(double step)
{
	struct strand alone = { .arg = &step };

	sum_series(&alone);
	return step;
}

static void test_floating_point_values_survive(void **state)
{
	double sums[3] = { 1.0, 0.3, -7.25 };
	struct strand strands[3] = { 0 };

	(void)state;
	for (int i = 0; i < 3; i++)
		start(&strands[i], sum_series, &sums[i]);
	while (!strands[0].ended)
		for (int i = 0; i < 3; i++)
			resume(&strands[i]);
	assert_true(sums[0] == series(1.0));
	assert_true(sums[1] == series(0.3));
	assert_true(sums[2] == series(-7.25));
	for (int i = 0; i < 3; i++)
		drop(&strands[i]);
}

static void look_at_rounding(struct strand *s)
{
	s->result = fegetround();
	fesetround(FE_UPWARD);
	rest(s);
}

/* As with setjmp(): the modes belong to the thread, and no switch pays for saving them. */
static void test_the_rounding_mode_belongs_to_the_thread(void **state)
{
	struct strand s = { .result = 0 };
	int seen;

	(void)state;
	start(&s, look_at_rounding, NULL);
	fesetround(FE_DOWNWARD);
	resume(&s);
	seen = fegetround();
	fesetround(FE_TONEAREST);
	assert_int_equal(s.result, FE_DOWNWARD);
	assert_int_equal(seen, FE_UPWARD);
	resume(&s);
	assert_true(s.ended);
	drop(&s);
}

enum { N_RING = 500, N_ROUNDS = 40 };

static struct strand ring[N_RING];
static long ring_at;

/* Each context passes on to its neighbour, never through the main stack. */
static void pass_on(struct strand *s)
{
	long me = s - ring;
	char mine[200];

	memset(mine, (int)me, sizeof(mine));
	for (int i = 0; i < N_ROUNDS; i++) {
		s->result += ring_at == i * N_RING + me;
		ring_at++;
		rondo__switch(&s->context, &ring[(me + 1) % N_RING].context);
	}
	for (size_t i = 0; i < sizeof(mine); i++)
		s->result -= mine[i] != (char)me;
	s->back = me + 1 < N_RING ? &ring[me + 1].context : &main_context;
}

static void test_many_contexts_run_in_a_ring(void **state)
{
	(void)state;
	for (int i = 0; i < N_RING; i++)
		start(&ring[i], pass_on, NULL);
	ring_at = 0;
	resume(&ring[0]);
	for (int i = 0; i < N_RING; i++) {
		assert_true(ring[i].ended);
		assert_int_equal(ring[i].result, N_ROUNDS);
		drop(&ring[i]);
	}
}

/* Go down, rest at the bottom, and check on the way back what every frame holds. */
static __attribute__((noinline)) long descend(struct strand *s, int depth)
{
	volatile char frame[48];

	memset((void *)frame, depth, sizeof(frame));
	if (depth == 0)
		rest(s);
	long wrong = depth == 0 ? 0 : descend(s, depth - 1);

	for (size_t i = 0; i < sizeof(frame); i++)
		wrong += frame[i] != (char)depth;
	return wrong;
}

static void descend_often(struct strand *s)
{
	for (int i = 0; i < 20; i++)
		s->result += descend(s, *(int *)s->arg + i);
}

static void test_deep_frames_survive_interleaving(void **state)
{
	struct strand strands[4] = { 0 };
	int depths[4] = { 1, 17, 60, 100 };

	(void)state;
	for (int i = 0; i < 4; i++)
		start(&strands[i], descend_often, &depths[i]);
	for (int n = 0; n < 21; n++)
		for (int i = 0; i < 4; i++)
			resume(&strands[i]);
	for (int i = 0; i < 4; i++) {
		assert_true(strands[i].ended);
		assert_int_equal(strands[i].result, 0);
		drop(&strands[i]);
	}
}

static void count_life(struct strand *s)
{
	volatile int one = 1;

	*(long *)s->arg += one;
}

/* Frames that never return must leave nothing behind that adds up, in the checkers either: more
 * lives here than TSan's shadow stack has entries. */
static void test_a_stack_serves_many_lives(void **state)
{
	struct strand s = { .result = 0 };
	long n = 0, n_lives = RUNNING_ON_VALGRIND ? 2000 : 100000;

	(void)state;
	start(&s, count_life, &n);
	resume(&s);
	for (long i = 1; i < n_lives; i++) {
		restart(&s, count_life, &n);
		resume(&s);
	}
	assert_int_equal(n, n_lives);
	drop(&s);
}

static void add_up(struct strand *s)
{
	for (int i = 0; i < 10; i++) {
		s->result += (intptr_t)s->arg;
		rest(s);
	}
}

static void *run_alone(void *unused)
{
	static __thread struct context here;
	struct strand s = { .result = 0 };

	(void)unused;
	rondo__context_of_thread(&here);
	s.base = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (s.base == MAP_FAILED)
		return NULL;
	san_stack_made(&s.san, s.base, s.base + STACK_BYTES);
	restart(&s, add_up, (void *)(intptr_t)3);
	s.back = &here;
	while (!s.ended)
		rondo__switch(&here, &s.context);
	drop(&s);
	return (void *)(intptr_t)s.result;
}

static void test_threads_switch_independently(void **state)
{
	pthread_t threads[4];
	void *result;

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_alone, NULL), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_int_equal((intptr_t)result, 30);
	}
}

struct walk {
	_Unwind_Reason_Code end;
	int n_frames;
	bool saw_entry;
	uintptr_t last_ip;
};

static _Unwind_Reason_Code walk_frame(struct _Unwind_Context *frame, void *arg)
{
	struct walk *w = arg;

	if (_Unwind_GetIP(frame))	/* the unwinder shows an unknown caller as 0 */
		w->last_ip = _Unwind_GetIP(frame);
	w->saw_entry |= _Unwind_GetRegionStart(frame) == (uintptr_t)entry;
	return ++w->n_frames > 100 ? _URC_NORMAL_STOP : _URC_NO_REASON;
}

static void walk_stack(struct strand *s)
{
	struct walk *w = s->arg;

	w->end = _Unwind_Backtrace(walk_frame, w);
}

static __attribute__((noinline)) void walk_from_below(struct strand *s, int depth)
{
	volatile char frame[64];

	frame[0] = (char)depth;
	if (depth)
		walk_from_below(s, depth - 1);
	else
		walk_stack(s);
	frame[1] = frame[0];
}

static void walk_stack_deep(struct strand *s)
{
	walk_from_below(s, 10);
}

static void test_unwinding_ends_where_the_context_began(void **state)
{
	struct walk w = { .n_frames = 0 };
	struct strand s = { .result = 0 };

	(void)state;
	start(&s, walk_stack_deep, &w);
	resume(&s);
	assert_int_equal(w.end, _URC_END_OF_STACK);
	assert_true(w.saw_entry);
	assert_in_range(w.n_frames, 5, 20);
	assert_in_range(w.last_ip, (uintptr_t)rondo__switch_entry,
			(uintptr_t)rondo__switch_entry + 32);
	drop(&s);
}

static void return_at_once(void *unused)
{
	(void)unused;
}

static void run_entry_that_returns(void)
{
	struct strand s = { .result = 0 };

	start(&s, NULL, NULL);
	rondo__context_init(&s.context, s.base, s.base + STACK_BYTES, return_at_once, NULL);
	rondo__switch(&main_context, &s.context);
}

static void test_an_entry_that_returns_is_stopped(void **state)
{
	int status = child_status(run_entry_that_returns);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_true(WTERMSIG(status) == SIGILL || WTERMSIG(status) == SIGTRAP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_callee_saved_registers_survive),
		cmocka_unit_test(test_values_in_registers_survive),
		cmocka_unit_test(test_entry_gets_its_argument),
		cmocka_unit_test(test_the_stack_is_aligned_whatever_top_is),
		cmocka_unit_test(test_floating_point_values_survive),
		cmocka_unit_test(test_the_rounding_mode_belongs_to_the_thread),
		cmocka_unit_test(test_many_contexts_run_in_a_ring),
		cmocka_unit_test(test_deep_frames_survive_interleaving),
		cmocka_unit_test(test_a_stack_serves_many_lives),
		cmocka_unit_test(test_threads_switch_independently),
		cmocka_unit_test(test_unwinding_ends_where_the_context_began),
		cmocka_unit_test(test_an_entry_that_returns_is_stopped),
	};

	rondo__context_of_thread(&main_context);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
