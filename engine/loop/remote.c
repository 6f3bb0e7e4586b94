/* SPDX-License-Identifier: MIT */
/* remote.c - see remote.h. */
#include "loop/remote.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "loop/op.h"

/* One that rondo_call_soon_threadsafe() allocated. */
struct call {
	struct remote_call remote;
	void (*call)(void *);
	void *arg;
};

struct rondo_loop {
	struct ready_call ready;	/* in the loop's ready queue while calls wait to be run */
	_Atomic(struct remote_call *) calls;	/* newest first; CLOSED once the loop has ended */
	atomic_uint n_refs;
	const struct kernel *kernel;
	struct loop *loop;		/* the loop's: NULL once it was closed */
	int fd;
	bool reading;			/* the loop's: a READ is in flight */
	bool queued;			/* the loop's: ready is in the ready queue */
	uint64_t count;			/* what the READ fills in */
};

static struct remote_call closed_mark;
#define CLOSED (&closed_mark)

/* Newest first to oldest first. */
static struct remote_call *reversed(struct remote_call *c)
{
	struct remote_call *done = NULL;

	while (c) {
		struct remote_call *next = c->next;

		c->next = done;
		done = c;
		c = next;
	}
	return done;
}

static void run_calls(struct ready_call *ready)
{
	struct rondo_loop *r = container_of(ready, struct rondo_loop, ready);
	struct remote_call *next, *c = reversed(atomic_exchange_explicit(&r->calls, NULL,
									 memory_order_acquire));

	r->queued = false;
	for (; c; c = next) {
		next = c->next;
		c->run(c);
	}
}

static void run_allocated(struct remote_call *remote)
{
	struct call *c = container_of(remote, struct call, remote);

	c->call(c->arg);
	free(c);
}

static void drop_allocated(struct remote_call *remote)
{
	free(container_of(remote, struct call, remote));
}

int rondo__remote_open(struct loop *l)
{
	struct rondo_loop *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->kernel = l->ring.kernel;
	r->fd = kernel_above_stdio(r->kernel,
				   (int)kernel_call2(r->kernel, SYS_eventfd2, 0, EFD_CLOEXEC));
	if (r->fd < 0) {
		int ret = r->fd;

		free(r);
		return ret;
	}
	r->ready.run = run_calls;
	r->loop = l;
	atomic_init(&r->n_refs, 1);
	l->remote = r;
	return 0;
}

static void submit_read(struct loop *l)
{
	struct rondo_loop *r = l->remote;
	struct io_uring_sqe *sqe = rondo__ring_sqe(&l->ring);

	io_uring_prep_read(sqe, r->fd, &r->count, sizeof(r->count), 0);
	sqe->user_data = OP_REMOTE;
	r->reading = true;
	l->n_internal++;
}

void rondo__remote_start(struct loop *l)
{
	if (!l->remote->reading)
		submit_read(l);
}

static void queue(struct loop *l)
{
	if (!l->remote->queued)
		ready_push_call(&l->ready, &l->remote->ready);
	l->remote->queued = true;
}

void rondo__remote_complete(struct loop *l)
{
	struct rondo_loop *r = l->remote;

	r->reading = false;
	if (atomic_load_explicit(&r->calls, memory_order_relaxed) == CLOSED)
		return;
	queue(l);
	submit_read(l);
}

void rondo__remote_look(struct loop *l)
{
	if (atomic_load_explicit(&l->remote->calls, memory_order_relaxed))
		queue(l);
}

struct loop *rondo__remote_loop(const struct rondo_loop *r)
{
	return r->loop;
}

void rondo__remote_wake(struct rondo_loop *r)
{
	uint64_t one = 1;

	/* It can only fail when the counter is full, and then the loop is already being woken. */
	(void)kernel_call3(r->kernel, SYS_write, r->fd, &one, sizeof(one));
}

static void refuse_calls(struct rondo_loop *r)
{
	struct remote_call *c = atomic_exchange_explicit(&r->calls, CLOSED, memory_order_acquire);

	for (struct remote_call *next; c && c != CLOSED; c = next) {
		next = c->next;
		if (c->drop)
			c->drop(c);
	}
}

void rondo__remote_stop(struct loop *l)
{
	refuse_calls(l->remote);
	if (l->remote->reading)
		rondo__remote_wake(l->remote);
}

void rondo__remote_close(struct loop *l)
{
	l->remote->loop = NULL;
	rondo_loop_unref(l->remote);
	l->remote = NULL;
}

void rondo__remote_abandon(struct loop *l)
{
	struct rondo_loop *r = l->remote;

	if (!r)
		return;
	r->loop = NULL;
	refuse_calls(r);
	if (atomic_fetch_sub_explicit(&r->n_refs, 1, memory_order_acq_rel) == 1)
		free(r);
}

rondo_loop *rondo_loop_current(void)
{
	struct loop *l = rondo__loop;

	if (!l)
		return NULL;
	rondo__remote_start(l);
	l->exposed = true;
	return l->remote;
}

rondo_loop *rondo_loop_ref(rondo_loop *loop)
{
	atomic_fetch_add_explicit(&loop->n_refs, 1, memory_order_relaxed);
	return loop;
}

void rondo_loop_unref(rondo_loop *loop)
{
	if (!loop || atomic_fetch_sub_explicit(&loop->n_refs, 1, memory_order_acq_rel) != 1)
		return;
	kernel_call2(loop->kernel, SYS_close, loop->fd, 0);
	free(loop);
}

int rondo__remote_call(struct rondo_loop *loop, struct remote_call *c)
{
	struct remote_call *old = atomic_load_explicit(&loop->calls, memory_order_relaxed);

	do {
		if (old == CLOSED)
			return -ESHUTDOWN;
		c->next = old;
	} while (!atomic_compare_exchange_weak_explicit(&loop->calls, &old, c, memory_order_release,
							memory_order_relaxed));
	if (!old)
		rondo__remote_wake(loop);
	return 0;
}

int rondo_call_soon_threadsafe(rondo_loop *loop, void (*call)(void *), void *arg)
{
	struct call *c = malloc(sizeof(*c));
	int ret;

	if (!c)
		return -ENOMEM;
	*c = (struct call){ .remote = { .run = run_allocated, .drop = drop_allocated },
			    .call = call, .arg = arg };
	ret = rondo__remote_call(loop, &c->remote);
	if (ret < 0)
		free(c);
	return ret;
}
