/* SPDX-License-Identifier: MIT */
/* locks_queue.c - the workload `locks`: queues of three orders, bounded or not, shut down at times.
 *
 * The model holds the same items: what is put is added when the call returns, which is the moment at
 * which the engine did so, and what is got must be what the model would give. */
#include <string.h>

#include "sim/locks.h"

/* Priority first, in the upper bits; then a number that tells items apart. */
static int compare(const void *a, const void *b)
{
	uint64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x >> 32 > y >> 32) - (x >> 32 < y >> 32);
}

static void open_queue(struct queue_model *m)
{
	m->options = (struct rondo_queue_options){
		.n_max = locks_below(3) ? 1 + locks_below(4) : RONDO_UNBOUNDED,
		.order = (enum rondo_queue_order)locks_below(3), .compare = compare,
		.item_size = sizeof(uint64_t),
	};
	m->n_items = 0;
	m->n_unfinished = 0;
	m->down = false;
	if (rondo_queue_init_with(&m->queue, &m->options) < 0)
		abort();
}

void locks_queues_open(struct scene *s)
{
	for (int i = 0; i < N_QUEUES; i++) {
		s->queues[i].getters.what = "an item";
		s->queues[i].putters.what = "room";
		s->queues[i].joiners = (struct line){ .what = "a join", .any_order = true };
		open_queue(&s->queues[i]);
	}
}

/* --- the model ------------------------------------------------------------------------------- */

static unsigned next_out(const struct queue_model *m)
{
	unsigned best = 0;

	if (m->options.order == RONDO_QUEUE_LIFO)
		return m->n_items - 1;
	for (unsigned i = 1; m->options.order == RONDO_QUEUE_PRIORITY && i < m->n_items; i++)
		if (compare(&m->items[i], &m->items[best]) < 0)
			best = i;
	return best;
}

static void check_size(const struct queue_model *m)
{
	if (rondo_queue_size(&m->queue) != m->n_items)
		rondo_sim_fail("a queue holds %zu items instead of %u", rondo_queue_size(&m->queue),
			       m->n_items);
	if (rondo_queue_full(&m->queue) != (m->n_items >= m->options.n_max) ||
	    rondo_queue_empty(&m->queue) != !m->n_items)
		rondo_sim_fail("a queue of %u items is wrong about itself", m->n_items);
}

static void was_put(struct queue_model *m, uint64_t item)
{
	if (m->down)
		rondo_sim_fail("something was put into a queue that is shut down");
	if (m->n_items >= m->options.n_max)
		rondo_sim_fail("a queue has more than %u items", m->n_items);
	m->items[m->n_items++] = item;
	m->n_unfinished++;
	check_size(m);
}

static void was_got(struct queue_model *m, uint64_t item)
{
	unsigned i = m->n_items ? next_out(m) : 0;

	if (!m->n_items)
		rondo_sim_fail("something was got from an empty queue");
	if (m->items[i] != item)
		rondo_sim_fail("item %llx was got instead of %llx", (unsigned long long)item,
			       (unsigned long long)m->items[i]);
	memmove(&m->items[i], &m->items[i + 1], (--m->n_items - i) * sizeof(m->items[0]));
	check_size(m);
}

static uint64_t new_item(struct scene *s)
{
	return (uint64_t)locks_below(3) << 32 | ++s->n_items;
}

static bool has_room(const struct queue_model *m)
{
	return m->n_items < m->options.n_max && m->n_items < ITEMS_MAX / 2;
}

/* Everything is done: whoever has waited for that goes on. */
static int finish(struct actor *a, struct queue_model *m, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (rondo_queue_task_done(&m->queue) < 0)
			rondo_sim_fail("more was done than had been put");
	m->n_unfinished -= n;
	if (!n || m->n_unfinished)
		return 0;
	m->n_ends++;
	return locks_release_all(a, &m->joiners);
}

/* Who waits must have been told. A getter to whom an item was promised may still come, or give it
 * back. */
static int shut_down(struct actor *a, struct queue_model *m)
{
	bool immediate = locks_below(2);
	int ret = 0;

	m->down = true;
	rondo_queue_shutdown(&m->queue, immediate);
	if (immediate) {
		m->n_ends += m->n_unfinished && m->n_unfinished == m->n_items;
		m->n_unfinished -= m->n_items;
		m->n_items = 0;
	}
	check_size(m);
	if (!m->n_items)
		ret = locks_release_all(a, &m->getters);
	return ret < 0 ? ret : locks_release_all(a, &m->putters);
}

/* --- steps ----------------------------------------------------------------------------------- */

static int get(struct actor *a, struct queue_model *m)
{
	bool at_once = !m->getters.first && (m->n_items || m->down);
	uint64_t item = 0;
	bool enough = m->n_items > locks_n_live(&m->getters);
	int ret;

	locks_enter(a, &m->getters);
	a->may_pass = enough;		/* those who have been promised one, too */
	ret = rondo_queue_get_value(&m->queue, &item);
	if (ret == -RONDO_EQSHUTDOWN && (!m->down || m->n_items))
		rondo_sim_fail("a queue with %u items says it is shut down", m->n_items);
	locks_leave(a, at_once && ret != -RONDO_EQSHUTDOWN, ret);
	if (ret < 0)
		return ret;
	was_got(m, item);
	ret = locks_hand_on(a, &m->putters);
	if (ret == 0)
		ret = locks_pause(a);
	return finish(a, m, 1) < 0 ? -ECANCELED : ret;
}

static int put(struct actor *a, struct queue_model *m)
{
	bool at_once = !m->putters.first && !m->down && m->n_items < m->options.n_max;
	uint64_t item = new_item(a->scene);
	bool enough;
	int ret;

	if (m->n_items >= ITEMS_MAX / 2)
		return 0;
	enough = m->options.n_max - m->n_items > locks_n_live(&m->putters);
	locks_enter(a, &m->putters);
	a->may_pass = enough;
	ret = locks_leave(a, at_once, rondo_queue_put_value(&m->queue, &item));
	if (ret == -RONDO_EQSHUTDOWN && !m->down)
		rondo_sim_fail("a queue says it is shut down");
	if (ret < 0)
		return ret;
	was_put(m, item);
	return locks_hand_on(a, &m->getters);
}

static int join(struct actor *a, struct queue_model *m)
{
	uint64_t n_ends = m->n_ends;
	bool at_once = !m->n_unfinished;
	int ret;

	locks_enter(a, &m->joiners);
	ret = locks_leave(a, at_once, rondo_queue_join(&m->queue));
	if (ret == 0 && !at_once && m->n_ends == n_ends)
		rondo_sim_fail("a join ended, and %llu items are not done",
			       (unsigned long long)m->n_unfinished);
	return ret;
}

static int try_get(struct actor *a, struct queue_model *m)
{
	uint64_t item;
	int ret = rondo_queue_get_value_nowait(&m->queue, &item);

	if (ret == -EAGAIN && m->n_items && !m->getters.first)
		rondo_sim_fail("an item could not be got");
	if (ret < 0)
		return 0;
	was_got(m, item);
	ret = locks_hand_on(a, &m->putters);
	return finish(a, m, 1) < 0 ? -ECANCELED : ret;
}

static int try_put(struct actor *a, struct queue_model *m)
{
	uint64_t item = new_item(a->scene);
	int ret = m->n_items >= ITEMS_MAX / 2 ? -ENOSPC :
						rondo_queue_put_value_nowait(&m->queue, &item);

	if (ret == -EAGAIN && m->n_items < m->options.n_max && !m->putters.first)
		rondo_sim_fail("an item could not be put");
	if (ret < 0)
		return 0;
	was_put(m, item);
	return locks_hand_on(a, &m->getters);
}

static int use(struct actor *a, int (*what)(struct actor *, struct queue_model *))
{
	struct queue_model *m = &a->scene->queues[locks_below(N_QUEUES)];
	int ret;

	m->n_users++;
	ret = what(a, m);
	m->n_users--;
	return ret == -RONDO_EQSHUTDOWN ? 0 : ret;
}

int locks_get(struct actor *a)
{
	return use(a, get);
}

int locks_put(struct actor *a)
{
	return use(a, put);
}

int locks_join(struct actor *a)
{
	return use(a, join);
}

int locks_try_queue(struct actor *a)
{
	return use(a, locks_below(2) ? try_get : try_put);
}

/* --- the keeper ------------------------------------------------------------------------------ */

static int renew(struct actor *keeper, struct queue_model *m)
{
	int ret = 0;

	while (m->n_items)
		ret = try_get(keeper, m);
	if (ret < 0 || m->n_users || m->n_unfinished)
		return ret;
	rondo_queue_free(&m->queue);
	open_queue(m);
	return 0;
}

/* A queue with items enough for all who wait to get, or room for all who wait to put, is left alone:
 * they must find out by themselves. */
static int keep(struct actor *keeper, struct queue_model *m)
{
	unsigned n_missing = m->getters.n > m->n_items && !m->down ? m->getters.n - m->n_items : 0;
	size_t room = m->options.n_max - m->n_items;
	int ret = 0;

	if (m->down)
		return m->n_users > m->joiners.n ? 0 : renew(keeper, m);
	if (locks_below(16) == 0)
		return shut_down(keeper, m);
	for (; n_missing && ret == 0 && has_room(m); n_missing--)
		ret = try_put(keeper, m);
	while (ret == 0 && m->n_items && ((m->joiners.n && !m->getters.n) || m->putters.n > room)) {
		ret = try_get(keeper, m);
		room++;
	}
	return ret;
}

int locks_queues_keep(struct actor *keeper)
{
	int ret = 0;

	for (int i = 0; i < N_QUEUES && ret == 0; i++)
		ret = keep(keeper, &keeper->scene->queues[i]);
	return ret;
}

void locks_queues_close(struct scene *s)
{
	for (int i = 0; i < N_QUEUES; i++) {
		check_size(&s->queues[i]);
		if (s->queues[i].n_unfinished != s->queues[i].n_items)
			rondo_sim_fail("%llu items of a queue are not done",
				       (unsigned long long)s->queues[i].n_unfinished);
		rondo_queue_free(&s->queues[i].queue);
	}
}
