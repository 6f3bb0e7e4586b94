/* SPDX-License-Identifier: MIT */
/* test_list.c - goal: the intrusive list keeps its order and its links through every operation.
 * Method: short lists, walked in both directions after each step. */
#include "support/check.h"

#include "base/list.h"

struct item {
	int value;
	struct list link;
};

/* The values in order, as digits; every link is followed there and back. */
static unsigned digits_of(const struct list *l)
{
	unsigned digits = 0;

	for (const struct list *n = l->next; n != l; n = n->next) {
		assert_ptr_equal(n->next->prev, n);
		assert_ptr_equal(n->prev->next, n);
		digits = digits * 10 + (unsigned)container_of(n, struct item, link)->value;
	}
	return digits;
}

static void fill(struct list *l, struct item *items, int n)
{
	list_init(l);
	for (int i = 0; i < n; i++) {
		items[i].value = i + 1;
		list_push(l, &items[i].link);
	}
}

static void test_a_new_list_is_empty(void **state)
{
	struct list l;

	(void)state;
	list_init(&l);
	assert_true(list_empty(&l));
	assert_int_equal(digits_of(&l), 0);
}

static void test_push_appends(void **state)
{
	struct item items[4];
	struct list l;

	(void)state;
	fill(&l, items, 4);
	assert_false(list_empty(&l));
	assert_int_equal(digits_of(&l), 1234);
}

static void test_pop_takes_the_oldest(void **state)
{
	struct item items[3];
	struct list l;

	(void)state;
	fill(&l, items, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(container_of(list_pop(&l), struct item, link)->value, i + 1);
	assert_true(list_empty(&l));
}

static void test_remove_works_at_every_place(void **state)
{
	struct item items[5];
	struct list l;

	(void)state;
	fill(&l, items, 5);
	list_remove(&items[2].link);
	assert_int_equal(digits_of(&l), 1245);
	list_remove(&items[0].link);
	assert_int_equal(digits_of(&l), 245);
	list_remove(&items[4].link);
	assert_int_equal(digits_of(&l), 24);
}

static void test_removing_twice_is_harmless(void **state)
{
	struct item items[3];
	struct list l;

	(void)state;
	fill(&l, items, 3);
	list_remove(&items[1].link);
	list_remove(&items[2].link);	/* a neighbour that stale links would bring back */
	list_remove(&items[1].link);
	assert_int_equal(digits_of(&l), 1);
	list_push(&l, &items[1].link);
	assert_int_equal(digits_of(&l), 12);
}

/* A waker may remove the others while it walks, as long as it asks for the head again. */
static void test_popping_until_empty_survives_removals_on_the_way(void **state)
{
	struct item items[4];
	struct list l;
	unsigned seen = 0;

	(void)state;
	fill(&l, items, 4);
	while (!list_empty(&l)) {
		struct item *i = container_of(list_pop(&l), struct item, link);

		seen = seen * 10 + (unsigned)i->value;
		if (i->value == 1)
			list_remove(&items[2].link);
	}
	assert_int_equal(seen, 124);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_list_is_empty),
		cmocka_unit_test(test_push_appends),
		cmocka_unit_test(test_pop_takes_the_oldest),
		cmocka_unit_test(test_remove_works_at_every_place),
		cmocka_unit_test(test_removing_twice_is_harmless),
		cmocka_unit_test(test_popping_until_empty_survives_removals_on_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
