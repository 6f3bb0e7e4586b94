/* SPDX-License-Identifier: MIT */
/* test_items.c - goal: a queue gives its items out in the order it was made for, whatever their
 * size, however it grows and wraps around. Method: random pushes and pops beside a plain array that
 * is searched; no loop is needed. */
#include "support/check.h"

#include <errno.h>

#include "rondo/queue.h"

enum { N_MODEL = 400, N_STEPS = 20000, SIZE_MAX_TESTED = 100 };

/* The model: what is in the queue, in the order it was put. */
static struct {
	uint8_t key;
	uint32_t number;
} model[N_MODEL];
static size_t n_model;

static int by_key(const void *a, const void *b)
{
	return *(const uint8_t *)a - *(const uint8_t *)b;
}

/* An item: its key, and its number in whatever room there is. */
static void fill(uint8_t *item, size_t size, uint8_t key, uint32_t number)
{
	memset(item, (int)(number & 0xff), size);
	item[0] = key;
	if (size >= 8)
		memcpy(item + 4, &number, sizeof(number));
}

static size_t model_next(enum rondo_queue_order order)
{
	size_t best = 0;

	if (order == RONDO_QUEUE_LIFO)
		return n_model - 1;
	for (size_t i = 1; order == RONDO_QUEUE_PRIORITY && i < n_model; i++)
		if (model[i].key < model[best].key)
			best = i;
	return best;
}

static void check_pop(struct rondo_queue *q, const struct rondo_queue_options *o)
{
	uint8_t item[SIZE_MAX_TESTED], expected[SIZE_MAX_TESTED];
	size_t i = model_next(o->order);

	assert_int_equal(rondo_queue_get_value_nowait(q, item), 0);
	fill(expected, o->item_size, model[i].key, model[i].number);
	assert_memory_equal(item, expected, o->item_size);
	n_model--;
	memmove(&model[i], &model[i + 1], (n_model - i) * sizeof(model[0]));
}

static void check_push(struct rondo_queue *q, const struct rondo_queue_options *o, uint8_t key)
{
	static uint32_t number;
	uint8_t item[SIZE_MAX_TESTED];

	fill(item, o->item_size, key, ++number);
	if (n_model == o->n_max) {
		assert_int_equal(rondo_queue_put_value_nowait(q, item), -EAGAIN);
		return;
	}
	assert_int_equal(rondo_queue_put_value_nowait(q, item), 0);
	model[n_model].key = key;
	model[n_model++].number = number;
}

static void exercise(const struct rondo_queue_options *o)
{
	struct rondo_queue q;
	uint32_t seed = 1;

	n_model = 0;
	assert_int_equal(rondo_queue_init_with(&q, o), 0);
	for (int i = 0; i < N_STEPS; i++) {
		/* It fills and empties in waves. */
		bool push = (seed >> 24) % 8 < (i / 500 % 2 ? 3 : 5);

		seed = seed * 1664525u + 1013904223u;
		if (push ? n_model < N_MODEL : !n_model)
			check_push(&q, o, (uint8_t)(seed >> 16) % 16);
		else
			check_pop(&q, o);
		assert_int_equal(rondo_queue_size(&q), n_model);
	}
	while (n_model)
		check_pop(&q, o);
	rondo_queue_free(&q);
}

/* Q1, Q7: also that equal priorities keep their order, which asyncio does not promise. */
static void test_every_order_and_size_keeps_its_promise(void **state)
{
	static const size_t sizes[] = { 1, 2, 8, 12, 24, SIZE_MAX_TESTED };
	static const size_t maxima[] = { 1, 7, RONDO_UNBOUNDED };

	(void)state;
	for (unsigned order = RONDO_QUEUE_FIFO; order <= RONDO_QUEUE_PRIORITY; order++)
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
			for (size_t m = 0; m < sizeof(maxima) / sizeof(maxima[0]); m++)
				exercise(&(struct rondo_queue_options){
					.n_max = maxima[m], .order = (enum rondo_queue_order)order,
					.compare = by_key, .item_size = sizes[s],
				});
}

static char dropped[16];

static void drop(void *item)
{
	strncat(dropped, item, 1);
}

static void test_freeing_a_queue_drops_what_is_left(void **state)
{
	struct rondo_queue_options o = {
		.n_max = RONDO_UNBOUNDED, .item_size = 1, .on_drop = drop, .compare = by_key,
	};

	(void)state;
	for (unsigned order = RONDO_QUEUE_FIFO; order <= RONDO_QUEUE_PRIORITY; order++) {
		static const char *const expected[] = { "bca", "acb", "abc" };
		struct rondo_queue q;

		o.order = (enum rondo_queue_order)order;
		dropped[0] = '\0';
		assert_int_equal(rondo_queue_init_with(&q, &o), 0);
		for (const char *p = "bca"; *p; p++)
			assert_int_equal(rondo_queue_put_value_nowait(&q, p), 0);
		rondo_queue_free(&q);
		assert_string_equal(dropped, expected[order]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_order_and_size_keeps_its_promise),
		cmocka_unit_test(test_freeing_a_queue_drops_what_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
