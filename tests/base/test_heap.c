/* SPDX-License-Identifier: MIT */
/* test_heap.c - goal: the heap hands out timers in (when, sequence) order, whatever was pushed and
 * removed before, and every node knows its slot. Method: random pushes and removals against a
 * sorted array that is too simple to be wrong; the whole heap is verified after each step. */
#include "support/child.h"

#include <errno.h>

#include "base/heap.h"
#include "switch/sanitizer.h"

enum { N_NODES = 300, N_STEPS = 40000 };

/* The model: the nodes in the order in which they must leave. */
struct model {
	struct heap_node *sorted[N_NODES];
	uint32_t n;
};

static uint64_t random_state;

static uint64_t random_below(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % n;
}

/* Equal deadlines stay behind those that were there first. */
static void model_insert(struct model *m, struct heap_node *n)
{
	uint32_t i = m->n++;

	for (; i > 0 && m->sorted[i - 1]->when > n->when; i--)
		m->sorted[i] = m->sorted[i - 1];
	m->sorted[i] = n;
}

static void model_remove(struct model *m, const struct heap_node *n)
{
	uint32_t i = 0;

	while (m->sorted[i] != n)
		i++;
	for (m->n--; i < m->n; i++)
		m->sorted[i] = m->sorted[i + 1];
}

static bool leaves_before(const struct heap_entry *a, const struct heap_entry *b)
{
	return a->when != b->when ? a->when < b->when
				  : (int32_t)(a->sequence - b->sequence) < 0;
}

/* Each entry has a slot of its own, each live slot's node knows it, and no child leaves before its
 * parent. */
static void assert_heap_is_sound(const struct heap *h)
{
	uint32_t n_dead = 0;

	assert_true(h->n_entries <= h->capacity && h->n_slots <= h->capacity);
	for (uint32_t i = 0; i < h->n_entries; i++) {
		const struct heap_entry *e = &h->entries[i];
		const struct heap_node *n = h->slots[e->slot].node;

		n_dead += !n;
		if (n) {
			assert_int_equal(n->slot, e->slot);
			assert_true(n->when == e->when);
		}
		if (i > 0)
			assert_true(leaves_before(&h->entries[(i - 1) / 4], e));
	}
	assert_int_equal(n_dead, h->n_dead);
}

static void push(struct heap *h, struct heap_node *n, uint64_t when)
{
	assert_int_equal(rondo__heap_reserve(h), 0);
	n->when = when;
	rondo__heap_push(h, n);
}

static void run_against_model(uint64_t seed, uint64_t n_deadlines)
{
	static struct heap_node nodes[N_NODES];
	struct model m = { .n = 0 };
	struct heap h = { 0 };

	random_state = seed;
	for (unsigned i = 0; i < N_NODES; i++)
		heap_node_init(&nodes[i]);
	for (unsigned step = 0; step < N_STEPS; step++) {
		struct heap_node *n = &nodes[random_below(N_NODES)];

		if (random_below(4) == 0 && rondo__heap_top(&h))
			n = rondo__heap_top(&h);	/* what a timer that fires does */
		if (heap_contains(n)) {
			rondo__heap_remove(&h, n);
			model_remove(&m, n);
		} else {
			push(&h, n, random_below(n_deadlines));
			model_insert(&m, n);
		}
		assert_int_equal(heap_count(&h), m.n);
		assert_ptr_equal(rondo__heap_top(&h), m.n ? m.sorted[0] : NULL);
		if (step % 16 == 0)
			assert_heap_is_sound(&h);
	}
	for (uint32_t i = 0; i < m.n; i++) {
		assert_ptr_equal(rondo__heap_top(&h), m.sorted[i]);
		rondo__heap_remove(&h, m.sorted[i]);
	}
	assert_null(rondo__heap_top(&h));
	rondo__heap_free(&h);
}

static void test_agrees_with_a_sorted_array(void **state)
{
	(void)state;
	run_against_model(1, UINT64_MAX);
	run_against_model(2, 1000);
}

static void test_agrees_with_a_sorted_array_when_deadlines_tie(void **state)
{
	(void)state;
	run_against_model(3, 2);
	run_against_model(4, 8);
}

static void test_equal_deadlines_leave_in_fifo_order(void **state)
{
	struct heap_node nodes[100];
	struct heap h = { 0 };

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		push(&h, &nodes[i], 7);
	for (unsigned i = 0; i < 100; i++) {
		assert_ptr_equal(rondo__heap_top(&h), &nodes[i]);
		rondo__heap_remove(&h, &nodes[i]);
	}
	rondo__heap_free(&h);
}

/* The sequence is short to keep entries small; what counts is the distance. */
static void test_fifo_order_survives_the_wrap_of_the_sequence(void **state)
{
	struct heap h = { .sequence = UINT32_MAX - 50 };
	struct heap_node nodes[100];

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		push(&h, &nodes[i], 7);
	assert_heap_is_sound(&h);
	for (unsigned i = 0; i < 100; i++) {
		assert_ptr_equal(rondo__heap_top(&h), &nodes[i]);
		rondo__heap_remove(&h, &nodes[i]);
	}
	rondo__heap_free(&h);
}

/* A timer that is armed anew goes behind its equals: the order is that of the pushes. */
static void test_pushing_again_goes_to_the_end_of_the_equals(void **state)
{
	struct heap_node a, b;
	struct heap h = { 0 };

	(void)state;
	push(&h, &a, 7);
	push(&h, &b, 7);
	rondo__heap_remove(&h, &a);
	push(&h, &a, 7);
	assert_ptr_equal(rondo__heap_top(&h), &b);
	rondo__heap_free(&h);
}

static void test_a_removed_node_is_nowhere(void **state)
{
	struct heap_node nodes[3];
	struct heap h = { 0 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		heap_node_init(&nodes[i]);
		assert_false(heap_contains(&nodes[i]));
		push(&h, &nodes[i], i);
		assert_true(heap_contains(&nodes[i]));
	}
	rondo__heap_remove(&h, &nodes[1]);	/* inside */
	rondo__heap_remove(&h, &nodes[2]);	/* the last entry */
	rondo__heap_remove(&h, &nodes[0]);	/* the only one */
	for (unsigned i = 0; i < 3; i++)
		assert_false(heap_contains(&nodes[i]));
	rondo__heap_free(&h);
	assert_null(h.entries);
	assert_int_equal(h.capacity, 0);
}

/* Dead entries are swept out when they are the greater part, and the order survives it. */
static void test_a_sweep_keeps_the_order_and_frees_the_slots(void **state)
{
	static struct heap_node nodes[1000];
	struct heap h = { 0 };

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		push(&h, &nodes[i], (i * 7919) % 1000);
	for (unsigned i = 0; i < 1000; i++)
		if (i % 4)
			rondo__heap_remove(&h, &nodes[i]);
	assert_int_equal(heap_count(&h), 250);
	assert_true(h.n_entries <= 500);
	assert_heap_is_sound(&h);
	for (uint64_t last = 0; heap_count(&h);) {
		struct heap_node *top = rondo__heap_top(&h);

		assert_true(top->when >= last);
		last = top->when;
		rondo__heap_remove(&h, top);
	}
	for (unsigned i = 0; i < 1000; i++)
		push(&h, &nodes[i], i);
	assert_true(h.n_slots <= 1000);		/* slots are used again */
	rondo__heap_free(&h);
}

/* Setting and taking back one deadline for ever, before one that stays, must not grow the heap. */
static void test_taking_back_again_and_again_stays_small(void **state)
{
	struct heap_node stays, comes_and_goes;
	struct heap h = { 0 };

	(void)state;
	push(&h, &stays, 1000);
	for (unsigned i = 0; i < 100000; i++) {
		push(&h, &comes_and_goes, i % 2 ? 1 : 2000);
		rondo__heap_remove(&h, &comes_and_goes);
	}
	assert_true(h.capacity <= 256);
	assert_ptr_equal(rondo__heap_top(&h), &stays);
	rondo__heap_free(&h);
}

/* In a child, whose address space ends before the heap's appetite does. */
static int reserve_until_refused(void *bytes)
{
	struct rlimit limit = { *(rlim_t *)bytes, *(rlim_t *)bytes };
	struct heap h = { 0 }, before = { 0 };
	int ret = setrlimit(RLIMIT_AS, &limit);

	for (unsigned i = 0; i < 32 && ret == 0; i++) {
		h.n_entries = h.capacity;
		before = h;
		ret = rondo__heap_reserve(&h);
	}
	CHILD_CHECK(ret == -ENOMEM && before.capacity > 0);
	CHILD_CHECK(memcmp(&h, &before, sizeof(h)) == 0);
	return 0;
}

static void test_reserve_without_memory_changes_nothing(void **state)
{
	(void)state;
	if (SAN_ADDRESS || SAN_THREAD || RUNNING_ON_VALGRIND) {
		print_message("a checker's shadow memory leaves no room for RLIMIT_AS\n");
		skip();
	}
	/* The limit decides which of its two arrays is refused; between two doublings both are. */
	for (rlim_t bytes = 128 << 20; bytes < 256 << 20; bytes += 16 << 20)
		assert_int_equal(child_code(reserve_until_refused, &bytes), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_agrees_with_a_sorted_array),
		cmocka_unit_test(test_agrees_with_a_sorted_array_when_deadlines_tie),
		cmocka_unit_test(test_equal_deadlines_leave_in_fifo_order),
		cmocka_unit_test(test_fifo_order_survives_the_wrap_of_the_sequence),
		cmocka_unit_test(test_pushing_again_goes_to_the_end_of_the_equals),
		cmocka_unit_test(test_a_removed_node_is_nowhere),
		cmocka_unit_test(test_a_sweep_keeps_the_order_and_frees_the_slots),
		cmocka_unit_test(test_taking_back_again_and_again_stays_small),
		cmocka_unit_test(test_reserve_without_memory_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
