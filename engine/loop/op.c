/* SPDX-License-Identifier: MIT */
/* op.c - see op.h. */
#include "loop/op.h"

#include <stdio.h>
#include <stdlib.h>

#include "loop/remote.h"
#include "loop/timer.h"

enum {
	FIRST_BUCKETS = 256,
	GENERATION_BITS = 16,
};

static uint64_t user_data_of(const struct op *op)
{
	return (uint64_t)(uintptr_t)op << GENERATION_BITS | op->generation;
}

/* --- cancelling, until it has been heard (O7) ------------------------------------------------ */

#define AGAIN_AFTER_NS UINT64_C(10000000)
#define AGAIN_AFTER_MAX_NS UINT64_C(1000000000)

static void submit_cancel(struct loop *l, const struct op *op)
{
	struct io_uring_sqe *sqe = rondo__ring_sqe(&l->ring);

	io_uring_prep_cancel64(sqe, user_data_of(op), 0);
	sqe->user_data = OP_CANCEL;
}

void rondo__op_cancel(struct loop *l, struct op *op)
{
	if (!op->asked_to_end) {
		op->asked_to_end = true;
		list_push(&l->cancelled.ops, &op->cancelled);
	}
	submit_cancel(l, op);
}

static void ask_again_later(struct loop *l)
{
	struct cancelled_ops *c = &l->cancelled;
	uint64_t now_ns = l->ring.kernel->now(l->ring.kernel, CLOCK_MONOTONIC);

	/* Without memory for a timer the next answer of this kind tries again. */
	(void)rondo__timer_start(l, &c->again, now_ns + c->delay_ns);
	c->delay_ns = c->delay_ns < AGAIN_AFTER_MAX_NS ? c->delay_ns * 2 : AGAIN_AFTER_MAX_NS;
}

/* Each once, though a full SQ makes us reap, and then some leave the list. */
static void ask_again(struct timer *t)
{
	struct loop *l = container_of(t, struct loop, cancelled.again);
	struct list *ops = &l->cancelled.ops;
	const struct list *last = ops->prev;
	uint64_t n_reaped = l->ring.n_reaped;

	while (!list_empty(ops) && l->ring.n_reaped == n_reaped) {
		struct list *first = list_pop(ops);

		list_push(ops, first);
		submit_cancel(l, container_of(first, struct op, cancelled));
		if (first == last)
			break;
	}
	if (!list_empty(ops))
		ask_again_later(l);
}

/* Most of these answers come because the op ended at that moment. Reaping must not set timers (it may
 * happen while one is being set), so the loop's next turn does. */
static void cancel_did_nothing(struct loop *l)
{
	if (list_empty(&l->cancelled.ops))
		return;
	l->cancelled.unheard = true;
	l->attention |= ATTENTION_LOOK;
}

void rondo__op_cancels_unheard(struct loop *l)
{
	l->cancelled.unheard = false;
	if (list_empty(&l->cancelled.ops) || heap_contains(&l->cancelled.again.node))
		return;
	l->cancelled.delay_ns = AGAIN_AFTER_NS;
	ask_again_later(l);
}

static inline void leave_cancelled(struct op *op)
{
	if (unlikely(op->asked_to_end))
		list_remove(&op->cancelled);
}

void rondo__op_cancels_init(struct loop *l)
{
	list_init(&l->cancelled.ops);
	heap_node_init(&l->cancelled.again.node);
	l->cancelled.again.fire = ask_again;
}

void rondo__op_cancels_stop(struct loop *l)
{
	rondo__timer_stop(l, &l->cancelled.again);
}

static bool op_cancel(struct wait *w)
{
	if (!w->cancelled) {
		w->cancelled = true;
		rondo__op_cancel(w->task->loop, container_of(w, struct op, wait));
	}
	return true;
}

static void op_describe(const struct wait *w, char *buf, size_t size)
{
	const struct op *op = container_of(w, struct op, wait);

	snprintf(buf, size, "io_uring operation %u on descriptor %d", op->opcode, op->fd);
}

static const struct wait_class op_class = {
	.name = "operation", .cancel = op_cancel, .describe = op_describe,
};
static const struct wait_class masked_class = {
	.name = "operation", .cancel = wait_cancel_later, .describe = op_describe,
};

/* --- which ops are in flight on which descriptor ------------------------------------------- */

/* The ops that wait for a peer or a device, and so may outlast a close (KN-11). */
#define BIT(opcode) (UINT64_C(1) << (opcode))
static const uint64_t holds_fd =
	BIT(IORING_OP_READV) | BIT(IORING_OP_WRITEV) | BIT(IORING_OP_READ) | BIT(IORING_OP_WRITE) |
	BIT(IORING_OP_READ_FIXED) | BIT(IORING_OP_WRITE_FIXED) | BIT(IORING_OP_POLL_ADD) |
	BIT(IORING_OP_SENDMSG) | BIT(IORING_OP_RECVMSG) | BIT(IORING_OP_ACCEPT) |
	BIT(IORING_OP_CONNECT) | BIT(IORING_OP_SEND) | BIT(IORING_OP_RECV) |
	BIT(IORING_OP_SEND_ZC) | BIT(IORING_OP_SENDMSG_ZC) | BIT(RONDO_OP_READ_MULTISHOT) |
	BIT(RONDO_OP_EPOLL_WAIT);

static struct op **bucket_of(const struct fd_table *t, int fd)
{
	return &t->buckets[(uint32_t)fd & t->mask];
}

static void bucket_push(struct fd_table *t, struct op *op)
{
	struct op **bucket = bucket_of(t, op->fd);

	op->next = *bucket;
	if (op->next)
		op->next->prev = &op->next;
	op->prev = bucket;
	*bucket = op;
}

/* Failing to grow only makes the lists longer; a table that never existed makes closes less
 * thorough. */
static void table_grow(struct fd_table *t)
{
	struct fd_table old = *t;
	uint32_t n = old.buckets ? (old.mask + 1) * 2 : FIRST_BUCKETS;
	struct op **buckets = calloc(n, sizeof(*buckets));

	if (!buckets)
		return;
	t->buckets = buckets;
	t->mask = n - 1;
	for (uint32_t i = 0; old.buckets && i <= old.mask; i++)
		for (struct op *next, *op = old.buckets[i]; op; op = next) {
			next = op->next;
			bucket_push(t, op);
		}
	free(old.buckets);
}

static void table_add(struct fd_table *t, struct op *op)
{
	op->prev = NULL;
	if (op->fd < 0 || op->opcode > 63 || !(holds_fd & BIT(op->opcode)))
		return;
	if (unlikely(!t->buckets || t->n_ops > t->mask))
		table_grow(t);
	if (unlikely(!t->buckets))
		return;
	t->n_ops++;
	bucket_push(t, op);
}

static void table_remove(struct fd_table *t, struct op *op)
{
	if (!op->prev)
		return;
	*op->prev = op->next;
	if (op->next)
		op->next->prev = op->prev;
	t->n_ops--;
}

void rondo__op_table_free(struct loop *l)
{
	free(l->fds.buckets);
	l->fds = (struct fd_table){ 0 };
}

static struct op *first_on(const struct fd_table *t, struct op *op, int fd)
{
	while (op && op->fd != fd)
		op = op->next;
	(void)t;
	return op;
}

/* --- closing a descriptor under its ops ------------------------------------------------------ */

/* On the closing task's stack, until every op that names it has reported. */
struct closing {
	struct wait wait;
	unsigned n_ops;			/* and one while ops are still being counted */
};

static void closing_describe(const struct wait *w, char *buf, size_t size)
{
	snprintf(buf, size, "%u operations to end on a descriptor being closed",
		 container_of(w, struct closing, wait)->n_ops);
}

/* Not a cancellation point: half a close would leave the descriptor open and its users cut off. */
static const struct wait_class closing_class = {
	.name = "close", .cancel = wait_cancel_later, .describe = closing_describe,
};

static struct op *ops_on(const struct fd_table *t, int fd)
{
	return t->n_ops ? first_on(t, *bucket_of(t, fd), fd) : NULL;
}

/* A closer that does not wait for the ops it ends; never written to. */
static struct closing nobody;

static bool is_closing(const struct fd_table *t, int fd)
{
	for (struct op *op = ops_on(t, fd); op; op = first_on(t, op->next, fd))
		if (op->closing && op->closing != &nobody)
			return true;
	return false;
}

static void end_ops(struct loop *l, int fd, struct closing *c)
{
	struct op *op = ops_on(&l->fds, fd);

	while (op) {
		uint64_t n_reaped = l->ring.n_reaped;

		if (!op->closing) {
			op->closing = c;
			if (c != &nobody)
				c->n_ops++;
			rondo__op_cancel(l, op);
		}
		/* A full SQ makes us reap, and then the list is another one. */
		op = l->ring.n_reaped == n_reaped ? first_on(&l->fds, op->next, fd) :
						    ops_on(&l->fds, fd);
	}
}

int rondo__op_close_fd(int fd)
{
	struct closing c = {
		.wait = { .class = &closing_class, .task = rondo__self() }, .n_ops = 1,
	};
	struct loop *l = c.wait.task->loop;

	if (is_closing(&l->fds, fd))
		return -EBADF;
	end_ops(l, fd, &c);
	if (--c.n_ops) {
		l->n_closers++;
		rondo__park(&c.wait);
		l->n_closers--;
	}
	/* Tasks that were told may have begun again; waiting for those could go on for ever. */
	end_ops(l, fd, &nobody);
	return 0;
}

/* The op has reported. */
static void leave_table(struct loop *l, struct op *op)
{
	table_remove(&l->fds, op);
	if (unlikely(op->closing) && op->closing != &nobody && --op->closing->n_ops == 0)
		rondo__wake(op->closing->wait.task);
}

/* --- the life of an op ---------------------------------------------------------------------- */

struct io_uring_sqe *rondo__op_begin(struct op *op)
{
	struct rondo_task *t = rondo__self();

	op->wait = (struct wait){ .class = &op_class, .task = t };
	op->sqe = rondo__ring_sqe(&t->loop->ring);
	op->closing = NULL;
	op->on_cqe = NULL;
	op->asked_to_end = false;
	return op->sqe;
}

struct io_uring_sqe *rondo__op_begin_owned(struct loop *l, struct op *op,
					   void (*on_cqe)(struct op *, const struct io_uring_cqe *))
{
	*op = (struct op){ .sqe = rondo__ring_sqe(&l->ring), .on_cqe = on_cqe };
	return op->sqe;
}

void rondo__op_start(struct loop *l, struct op *op)
{
	op->generation = l->generation++;
	op->opcode = op->sqe->opcode;
	op->fd = op->sqe->fd;
	op->sqe->user_data = user_data_of(op);
	table_add(&l->fds, op);
}

/* Interrupted, though nobody here asked for it. SIGSTOP does that to an op that waits in a worker
 * thread: it can be begun again. -ECANCELED: no such thread could be had (KN-41). */
static int unasked(int res)
{
	return res == -ECANCELED ? -EIO : -EINTR;
}

/* The op is over: what does its task see? */
static int op_result(struct op *op)
{
	struct rondo_task *t = op->wait.task;

	if (likely(!op->wait.cancelled && !op->closing))
		return op_interrupted(op->res) ? unasked(op->res) : op->res;	/* O5 */
	if (op->wait.cancelled && op_interrupted(op->res)) {
		t->must_cancel = false;		/* delivered */
		return -ECANCELED;
	}
	if (op->wait.cancelled)		/* the op beat the cancel (O3), unless that was taken back */
		t->must_cancel = t->cancel_late = t->n_cancels > 0;
	return op->closing && op_interrupted(op->res) ? -EBADF : op->res;
}

/* Cancelled before it began: give the SQE back; others run first, as they would have in asyncio. */
static int cancelled_before(struct op *op)
{
	struct rondo_task *t = op->wait.task;

	rondo__ring_sqe_drop(&t->loop->ring);
	rondo__requeue(t);
	t->must_cancel = false;
	return -ECANCELED;
}

int rondo__op_await(struct op *op)
{
	struct rondo_task *t = op->wait.task;

	if (unlikely(t->must_cancel))
		return cancelled_before(op);
	rondo__op_start(t->loop, op);
	rondo__park(&op->wait);
	return op_result(op);
}

int rondo__op_await_masked(struct op *op)
{
	op->wait.class = &masked_class;
	rondo__op_start(op->wait.task->loop, op);
	rondo__park(&op->wait);
	return op_result(op);
}

static void complete_internal(struct loop *l, const struct io_uring_cqe *cqe)
{
	switch (cqe->user_data) {
	case OP_IGNORED:
		return;
	case OP_CANCEL:
		if (cqe->res == -ENOENT || cqe->res == -EALREADY)
			cancel_did_nothing(l);
		return;
	case OP_TIMEOUT:
		rondo__timer_complete(l);
		break;
	case OP_REMOTE:
		rondo__remote_complete(l);
		break;
	default:
		BUG_ON(cqe->user_data != OP_TIMEOUT_UPDATE);
	}
	l->n_internal--;
}

static void complete_owned(struct loop *l, struct op *op, const struct io_uring_cqe *cqe)
{
	if (!(cqe->flags & IORING_CQE_F_MORE)) {
		leave_cancelled(op);
		leave_table(l, op);
	}
	op->on_cqe(op, cqe);
}

void rondo__op_complete(struct loop *l, const struct io_uring_cqe *cqe)
{
	struct op *op = (struct op *)(uintptr_t)(cqe->user_data >> GENERATION_BITS);

	if (unlikely(!op)) {
		complete_internal(l, cqe);
		return;
	}
	if (unlikely(op->generation != (uint16_t)cqe->user_data)) {
		l->n_stale++;
		return;
	}
	if (unlikely(op->on_cqe)) {
		complete_owned(l, op, cqe);
		return;
	}
	/* A zero-copy send reports its result first and later, alone, that the buffer is free. */
	if (!(cqe->flags & IORING_CQE_F_NOTIF)) {
		op->res = cqe->res;
		op->flags = cqe->flags;
	}
	if (cqe->flags & IORING_CQE_F_MORE)
		return;
	leave_cancelled(op);
	leave_table(l, op);
	rondo__wake(op->wait.task);
}
