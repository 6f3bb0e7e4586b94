/* SPDX-License-Identifier: MIT */
/* program_sync.c - instructions of programs: locks and their like, and queues. */
#include <errno.h>

#include "fuzz/program.h"

/* Mutual exclusion holds while the routine runs. */
int op_lock(struct context *c, const struct instruction *in)
{
	unsigned i = in->b % N_SLOTS, held = c->held;
	int ret = rondo_lock_acquire(&c->p->locks[i]);

	if (ret < 0)
		return ret;
	if (c->p->n_in_lock[i]++)
		rondo_sim_fail("two tasks hold one lock");
	c->held |= 1u << i;
	ret = program_call(c, 1 + in->a);
	c->held = held;
	c->p->n_in_lock[i]--;
	if (rondo_lock_release(&c->p->locks[i]) < 0)
		rondo_sim_fail("a lock was lost");
	return ret;
}

static int wait_in(struct context *c, unsigned i)
{
	int ret;

	c->p->n_in_lock[i]--;
	ret = rondo_condition_wait(&c->p->conditions[i]);
	if (c->p->n_in_lock[i]++ || !rondo_lock_locked(&c->p->locks[i]))
		rondo_sim_fail("a condition came back without the lock");
	return ret;
}

int op_condition(struct context *c, const struct instruction *in)
{
	unsigned i = in->a % N_SLOTS;

	if (!(c->held & 1u << i))
		return 0;
	if (in->b & 1)
		return wait_in(c, i);
	return in->b & 2 ? rondo_condition_notify_all(&c->p->conditions[i]) :
			   rondo_condition_notify(&c->p->conditions[i], 1 + in->b % 3);
}

int op_event(struct context *c, const struct instruction *in)
{
	struct rondo_event *e = &c->p->events[in->a % N_SLOTS];

	switch (in->b % 4) {
	case 0:
		rondo_event_set(e);
		return 0;
	case 1:
		rondo_event_clear(e);
		return 0;
	default:
		return rondo_event_wait(e);
	}
}

int op_semaphore(struct context *c, const struct instruction *in)
{
	unsigned i = in->b % N_SLOTS;
	int ret = rondo_semaphore_acquire(&c->p->semaphores[i]);

	if (ret < 0)
		return ret;
	if (++c->p->n_in_semaphore[i] > N_PERMITS)
		rondo_sim_fail("more permits than there are");
	ret = program_call(c, 1 + in->a);
	c->p->n_in_semaphore[i]--;
	if (rondo_semaphore_release(&c->p->semaphores[i]) < 0)
		rondo_sim_fail("a permit was lost");
	return ret;
}

int op_barrier(struct context *c, const struct instruction *in)
{
	struct rondo_barrier *b = &c->p->barriers[in->a % N_SLOTS];

	switch (in->b % 8) {
	case 0:
		return rondo_barrier_abort(b);
	case 1:
	case 2:
		return rondo_barrier_reset(b);
	default:
		return rondo_barrier_wait(b);
	}
}

static int acquire(struct context *c, unsigned i, bool write)
{
	struct program *p = c->p;
	int ret = write ? rondo_rwlock_acquire_write(&p->rwlocks[i]) :
			  rondo_rwlock_acquire_read(&p->rwlocks[i]);

	if (ret == 0 && (p->n_writers[i] || (write && p->n_readers[i])))
		rondo_sim_fail("a writer is not alone");
	return ret;
}

int op_rwlock(struct context *c, const struct instruction *in)
{
	unsigned i = in->b % N_SLOTS;
	bool write = in->b & 8;
	unsigned *n = write ? &c->p->n_writers[i] : &c->p->n_readers[i];
	int ret = acquire(c, i, write);

	if (ret < 0)
		return ret;
	++*n;
	ret = program_call(c, 1 + in->a);
	--*n;
	if (rondo_rwlock_release(&c->p->rwlocks[i]) < 0)
		rondo_sim_fail("a readers-writer lock was lost");
	return ret;
}

struct called {
	struct context *c;
	unsigned which;
};

static int call_once(void *arg)
{
	const struct called *d = arg;

	return program_call(d->c, 1 + d->which);
}

int op_once(struct context *c, const struct instruction *in)
{
	struct called d = { c, in->a };

	return rondo_once_call(&c->p->onces[in->b % N_SLOTS], call_once, &d);
}

int op_waitgroup(struct context *c, const struct instruction *in)
{
	struct rondo_waitgroup *w = &c->p->waitgroups[in->a % N_SLOTS];

	switch (in->b % 4) {
	case 0:
		rondo_waitgroup_add(w, in->b >> 2 & 3);
		return 0;
	case 1:
		return rondo_waitgroup_done(w);
	default:
		return rondo_waitgroup_wait(w);
	}
}

/* --- queues: items are numbers, in the order in which they were offered ----------------------- */

int op_put(struct context *c, const struct instruction *in)
{
	struct queue *q = &c->p->queues[in->a % N_SLOTS];
	uint64_t item = ++q->n_offered;
	int ret = in->b & 1 ? rondo_queue_put_value_nowait(&q->queue, &item) :
			      rondo_queue_put_value(&q->queue, &item);

	q->n_put += ret == 0;
	return ret;
}

/* What was granted to a task that is cancelled goes to another, behind later ones: only without
 * cancels is the order certain. */
static void check_order(const struct program *p, struct queue *q, uint64_t item)
{
	if (q->queue.options_.order == RONDO_QUEUE_FIFO && !p->cancels && item <= q->last_got)
		rondo_sim_fail("item %llu after item %llu", (unsigned long long)item,
			       (unsigned long long)q->last_got);
	if (item == 0 || item > q->n_offered)
		rondo_sim_fail("an item that nobody has put");
	q->last_got = item;
}

int op_get(struct context *c, const struct instruction *in)
{
	struct queue *q = &c->p->queues[in->a % N_SLOTS];
	uint64_t item = 0;
	int ret = in->b & 1 ? rondo_queue_get_value_nowait(&q->queue, &item) :
			      rondo_queue_get_value(&q->queue, &item);

	if (ret < 0)
		return ret;
	q->n_got++;
	check_order(c->p, q, item);
	return in->b & 2 ? rondo_queue_task_done(&q->queue) : 0;
}

int op_queue(struct context *c, const struct instruction *in)
{
	struct queue *q = &c->p->queues[in->a % N_SLOTS];

	if (in->b % 8 < 5)
		return rondo_queue_join(&q->queue);
	if (in->b % 8 < 7)
		return rondo_queue_task_done(&q->queue);
	rondo_queue_shutdown(&q->queue, in->b & 8);
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static struct program *dropping;

static void dropped(void *item)
{
	(void)item;
	if (dropping)
		dropping->queues[0].n_dropped++;
}

static int make_queue(struct queue *q, unsigned i)
{
	struct rondo_queue_options o = {
		.n_max = i % 4 == 3 ? RONDO_UNBOUNDED : 1 + i % 3,
		.order = i % 3 == 0 ? RONDO_QUEUE_FIFO :
			 i % 3 == 1 ? RONDO_QUEUE_PRIORITY : RONDO_QUEUE_LIFO,
		.compare = compare, .item_size = sizeof(uint64_t),
		.on_drop = i == 0 ? dropped : NULL,
	};

	return rondo_queue_init_with(&q->queue, &o);
}

void program_sync_begin(struct program *p)
{
	dropping = p;
	for (unsigned i = 0; i < N_SLOTS; i++) {
		p->conditions[i] = (struct rondo_condition)RONDO_CONDITION_INIT(&p->locks[i]);
		p->semaphores[i] = i & 1 ?
			(struct rondo_semaphore)RONDO_SEMAPHORE_INIT(N_PERMITS) :
			(struct rondo_semaphore)RONDO_BOUNDED_SEMAPHORE_INIT(N_PERMITS);
		p->barriers[i] = (struct rondo_barrier)RONDO_BARRIER_INIT(1 + i % 3);
		if (make_queue(&p->queues[i], i) < 0)
			rondo_sim_fail("no memory for a queue");
	}
}

/* Nobody waits any more: all is free, and what went in has come out or is still there. */
void program_sync_end(struct program *p)
{
	for (unsigned i = 0; i < N_SLOTS; i++) {
		struct queue *q = &p->queues[i];
		size_t n_left = rondo_queue_size(&q->queue);

		if (rondo_lock_locked(&p->locks[i]) || rondo_semaphore_locked(&p->semaphores[i]))
			rondo_sim_fail("a lock or a permit was not given back");
		rondo_queue_free(&q->queue);
		if (i == 0 && q->n_put != q->n_got + q->n_dropped)
			rondo_sim_fail("%llu items were put, %llu got, %llu dropped",
				       (unsigned long long)q->n_put, (unsigned long long)q->n_got,
				       (unsigned long long)q->n_dropped);
		if (i && !q->queue.is_shut_down_ && q->n_put != q->n_got + n_left)
			rondo_sim_fail("%llu items were put, %llu got, %zu left",
				       (unsigned long long)q->n_put, (unsigned long long)q->n_got,
				       n_left);
	}
	dropping = NULL;
}
