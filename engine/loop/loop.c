/* SPDX-License-Identifier: MIT */
/* loop.c - the turn of the loop: run what is ready, enter the kernel, reap. See loop.h. */
#include "loop/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop/op.h"
#include "loop/remote.h"
#include "loop/timer.h"
#include "rondo/time.h"

__thread struct loop *rondo__loop, *rondo__unbudgeted;
unsigned rondo__n_budgets;

enum {
	FIRST_READY_SLOTS = 256,
	PREFETCH_AHEAD = 4,		/* tasks; a switch takes a few ns, a miss in a guest up to 100 */
};

int rondo__ready_reserve(struct ready_queue *q, uint64_t n)
{
	uint64_t size = q->slots ? (uint64_t)q->mask + 1 : FIRST_READY_SLOTS;
	uintptr_t *slots;

	if (likely(q->slots && n <= size))
		return 0;
	while (size < n)
		size *= 2;
	slots = size > UINT32_MAX / 2 ? NULL : malloc(size * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = q->head; i != q->tail; i++)
		slots[i & (size - 1)] = q->slots[i & q->mask];
	free(q->slots);
	q->slots = slots;
	q->mask = (uint32_t)size - 1;
	return 0;
}

/* A suspended task's lines are cold when there are many: its block, and its youngest frames,
 * which are just below unless it waits deep in calls. Stale slots are addresses too, and a
 * prefetch cannot fault. */
static inline void prefetch(const struct ready_queue *q)
{
	uintptr_t t = q->slots[(q->head + PREFETCH_AHEAD) & q->mask];

	__builtin_prefetch((const void *)t, 1);
	__builtin_prefetch((const void *)(t - CACHE_LINE_BYTES), 1);
	__builtin_prefetch((const void *)(t - 2 * CACHE_LINE_BYTES), 1);
}

static void start_batch(struct loop *l)
{
	l->n_turns++;
	l->ready.batch_end = l->ready.tail;
}

/* Who leaves the last task of a batch may as well start the next one, if that is all there is to do,
 * and save two switches. */
static inline struct context *next_context(struct loop *l)
{
	struct ready_queue *q = &l->ready;

	if (q->head == q->batch_end && q->head != q->tail && loop_turn_is_idle(l))
		start_batch(l);
	if (likely(q->head != q->batch_end)) {
		uintptr_t slot = q->slots[q->head & q->mask];

		if (likely(!(slot & 1))) {
			q->head++;
			prefetch(q);
			l->running = (struct rondo_task *)slot;
			return &l->running->ctx;
		}
	}
	l->running = NULL;
	return &l->ctx;
}

static inline void switch_away(struct loop *l, struct rondo_task *t)
{
	struct context *next = next_context(l);

	if (likely(next != &t->ctx))
		rondo__switch(&t->ctx, next);
}

void rondo__park(struct wait *w)
{
	struct rondo_task *t = w->task;

	BUG_ON(t->wait);
	t->wait = w;
	switch_away(t->loop, t);
}

static inline void requeue(struct rondo_task *t)
{
	ready_push(&t->loop->ready, t);
	switch_away(t->loop, t);
}

void rondo__requeue(struct rondo_task *t)
{
	requeue(t);
}

int rondo_yield(void)
{
	struct rondo_task *self = rondo__self();

	requeue(self);
	if (likely(!self->must_cancel))
		return 0;
	self->must_cancel = false;
	return -ECANCELED;
}

/* D11: asyncio has no such budget, and neither have we unless it is asked for. A turn begins with
 * nothing spent: whoever waited has let others run. Returns whether all was spent before. */
static bool spend(const struct rondo_task *self)
{
	struct loop *l = self->loop;

	if (l->spender != self || l->spender_turn != l->n_turns) {
		l->spender = self;
		l->spender_turn = l->n_turns;
		l->n_spent = 0;
	}
	return l->options.await_budget && l->n_spent++ >= l->options.await_budget;
}

int rondo__budget_checkpoint(void)
{
	const struct rondo_task *self = rondo__self();
	int ret = 0;

	while (ret == 0 && spend(self))
		ret = rondo_yield();
	return ret;
}

void rondo__budget_yield(void)
{
	struct rondo_task *self = rondo__self();

	while (spend(self))
		requeue(self);
}

int rondo_checkpoint(void)
{
	return rondo__budget_checkpoint();
}

_Noreturn void rondo__leave(struct rondo_task *t)
{
	rondo__switch_last(&t->ctx, next_context(t->loop));
}

/* Only what was ready at the start (L2); tasks hand over to each other, and come back here when the
 * batch is empty or a call is next. */
static void run_batch(struct loop *l)
{
	struct ready_queue *q = &l->ready;

	start_batch(l);
	while (q->head != q->batch_end) {
		uintptr_t slot = q->slots[q->head++ & q->mask];

		if (slot & 1) {
			struct ready_call *c = (struct ready_call *)(slot & ~(uintptr_t)1);

			c->run(c);
			continue;
		}
		l->running = (struct rondo_task *)slot;
		rondo__switch(&l->ctx, &l->running->ctx);
	}
}

/* Debug mode: the batch seems to end after each step, and attention brings it back here. So steps can
 * be watched, and a switch between tasks has nothing to ask in any other mode. */
static void run_batch_in_steps(struct loop *l)
{
	struct ready_queue *q = &l->ready;
	uint32_t end = q->tail;

	l->n_turns++;
	while (q->head != end) {
		uintptr_t slot = q->slots[q->head++ & q->mask];
		struct ready_call *c = slot & 1 ? (struct ready_call *)(slot & ~(uintptr_t)1) : NULL;

		q->batch_end = q->head;
		l->running = c ? NULL : (struct rondo_task *)slot;
		l->steps->begin(l->steps, l->running);
		if (c)
			c->run(c);
		else
			rondo__switch(&l->ctx, &l->running->ctx);
		l->steps->end(l->steps);
	}
}

static void enter(struct loop *l, unsigned n_wait)
{
	uint64_t deadline_ns = n_wait ? rondo__timer_wait_until(l) : UINT64_MAX;
	int ret = rondo__ring_enter(&l->ring, n_wait, deadline_ns);

	if (unlikely(ret == -EEXIST))
		BUG("a ring was used by another thread or process than its own");
	if (unlikely(ret < 0))
		BUG("io_uring_enter failed: was the ring's descriptor closed?");
}

bool rondo__loop_turn(struct loop *l)
{
	l->attention = l->steps ? ATTENTION_STEPS : 0;
	if (unlikely(l->steps))
		run_batch_in_steps(l);
	else
		run_batch(l);
	if (unlikely(l->attention & ATTENTION_LOOK))
		return true;		/* the caller must look before anybody sleeps */
	if (unlikely(l->cancelled.unheard))
		rondo__op_cancels_unheard(l);
	/* Fired: a full SQ was flushed during the batch, and the timeout reaped with it. */
	if (!loop_is_idle(l) || l->clock.fired) {
		if (ring_n_queued(&l->ring) || ring_wants_enter(&l->ring))
			enter(l, 0);
	} else if (l->ring.n_in_flight > l->n_internal || l->n_closers || rondo__timer_pending(l) ||
		   l->exposed || l->n_outside) {
		enter(l, 1);
	} else {
		return false;
	}
	rondo__ring_reap(&l->ring);
	rondo__timer_expire(l);
	return true;
}

/* In a signal handler: which task ran on the stack that overflowed? */
static void name_overflown(const struct overflow_watch *w, void *stack_base, char *buf, size_t size)
{
	const struct loop *l = container_of(w, struct loop, overflow);
	const struct rondo_task *t = l->running;
	char digits[24];
	size_t n = sizeof(digits);

	if (!t || t->stack->base != stack_base) {
		strncpy(buf, "?", size);
		return;
	}
	digits[--n] = '\0';
	for (uint64_t id = t->id; id; id /= 10)
		digits[--n] = (char)('0' + id % 10);
	memcpy(&digits[n -= 5], "Task-", 5);
	strncpy(buf, t->name[0] ? t->name : &digits[n], size - 1);
	buf[size - 1] = '\0';
}

static void complete(void *owner, const struct io_uring_cqe *cqe)
{
	rondo__op_complete(owner, cqe);
}

int rondo__loop_open(struct loop *l, const struct kernel *kernel, const struct rondo_options *o)
{
	struct ring_options ring = { .sq_entries = o->sq_entries, .cq_entries = o->cq_entries };
	int ret;

	*l = (struct loop){ .options = *o, .clock.armed_ns = UINT64_MAX };
	list_init(&l->tasks);
	list_init(&l->resources);
	list_init(&l->parts);
	rondo__op_cancels_init(l);
	rondo__stack_pool_init(&l->stacks);
	rondo__context_of_thread(&l->ctx);
	ret = rondo__ring_open(&l->ring, kernel, &ring, complete, l);
	if (ret < 0)
		return ret;
	ret = rondo__ready_reserve(&l->ready, 1);
	if (ret == 0)
		ret = rondo__remote_open(l);
	if (ret < 0) {
		free(l->ready.slots);
		rondo__ring_close(&l->ring);
		return ret;
	}
	l->overflow = (struct overflow_watch){ .pool = &l->stacks, .name = name_overflown };
	if (!o->no_overflow_report)
		rondo__overflow_watch(&l->overflow);	/* a failure costs the report, no more */
	if (o->await_budget)
		__atomic_add_fetch(&rondo__n_budgets, 1, __ATOMIC_RELAXED);
	loop_make_current(l);
	return 0;
}

/* Closing a ring does not stop the kernel (KN-3): wait for what it still owes, cancels included. */
static void drain(struct loop *l)
{
	rondo__op_cancels_stop(l);
	rondo__timer_stop_all(l);
	rondo__remote_stop(l);
	while (l->ring.n_in_flight) {
		enter(l, 1);
		rondo__ring_reap(&l->ring);
	}
}

struct loop_part *rondo__loop_part(struct loop *l, const void *kind)
{
	for (struct list *p = l->parts.next; p != &l->parts; p = p->next) {
		struct loop_part *part = container_of(p, struct loop_part, link);

		if (part->kind == kind)
			return part;
	}
	return NULL;
}

void rondo__loop_part_add(struct loop *l, struct loop_part *p)
{
	list_push(&l->parts, &p->link);
}

/* Newest first: it may rest on older ones. */
static void close_parts(struct loop *l, bool abandoned)
{
	while (!list_empty(&l->parts)) {
		struct loop_part *p = container_of(l->parts.prev, struct loop_part, link);

		list_remove(&p->link);
		p->close(l, p, abandoned);
	}
}

static void free_memory(struct loop *l)
{
	rondo__op_table_free(l);
	rondo__heap_free(&l->timers);
	free(l->ready.slots);
	if (l->options.await_budget)
		__atomic_sub_fetch(&rondo__n_budgets, 1, __ATOMIC_RELAXED);
	if (!l->options.no_overflow_report)
		rondo__overflow_unwatch(&l->overflow);
	rondo__stack_pool_free(&l->stacks);
}

void rondo__loop_close(struct loop *l)
{
	BUG_ON(l->n_live);
	drain(l);
	close_parts(l, false);
	rondo__remote_close(l);
	rondo__bufring_close(&l->buffers, &l->ring);
	rondo__ring_close(&l->ring);
	free_memory(l);
	loop_make_current(NULL);
}

void rondo__loop_abandon(struct loop *l)
{
	close_parts(l, true);
	rondo__remote_abandon(l);
	rondo__bufring_abandon(&l->buffers);
	free_memory(l);
	free(l);
}

void rondo_loop_stats(struct rondo_loop_stats *stats)
{
	const struct loop *l = rondo__loop;

	*stats = (struct rondo_loop_stats){ 0 };
	if (!l)
		return;
	*stats = (struct rondo_loop_stats){
		.n_turns = l->n_turns, .n_enters = l->ring.n_enters,
		.n_submitted = l->ring.n_submitted, .n_reaped = l->ring.n_reaped,
		.n_overflows = l->ring.n_overflows, .n_in_flight = l->ring.n_in_flight,
		.n_created = l->n_created, .n_tasks = l->n_live, .n_timers = heap_count(&l->timers),
	};
}
