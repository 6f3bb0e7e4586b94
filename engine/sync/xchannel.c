/* SPDX-License-Identifier: MIT */
/* xchannel.c - channels between loops and threads (row S9).
 *
 * A mutex, held for a copy and at most one wake-up. Values go from hand to hand: whoever finds
 * somebody waiting on the other side copies from or to its value, so a waiter that was taken from
 * its list has what it came for, and nobody can be faster.
 *
 * F1  Under the lock: tasks or threads wait on one side only, senders while there is no room and
 *     receivers while there is nothing.
 * F2  A waiter lies on its stack and is left only with the lock taken once more: then whoever has
 *     woken it has done with it, and with the channel. */
#include "rondo/xchannel.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/remote.h"
#include "task/task.h"

enum side { RECEIVING, SENDING };

struct xchannel {
	pthread_mutex_t lock;
	struct list sides[2];		/* who waits, in order of arrival */
	char *slots;
	size_t item_size, n_max;
	size_t first, n;		/* values held */
	bool is_closed;
};

_Static_assert(sizeof(struct xchannel) <= sizeof(struct rondo_xchannel),
	       "struct rondo_xchannel is too small");

struct xwaiter {
	struct wait wait;		/* a task's; its task is NULL for a thread */
	struct remote_call wake;	/* a task of another thread's loop */
	pthread_cond_t woken;		/* a thread's */
	struct list link;
	struct xchannel *channel;
	void *value;
	int result;
	bool is_over;			/* in no list; result says why */
};

static struct xchannel *channel_of(struct rondo_xchannel *c)
{
	return (struct xchannel *)c;
}

int rondo_xchannel_init(struct rondo_xchannel *channel, size_t item_size, size_t n_max)
{
	struct xchannel *c = channel_of(channel);
	size_t size;

	if (!item_size)
		return -EINVAL;
	if (__builtin_mul_overflow(item_size, n_max, &size) || size == SIZE_MAX)
		return -ENOMEM;
	*c = (struct xchannel){ .lock = PTHREAD_MUTEX_INITIALIZER, .slots = malloc(size + 1),
				.item_size = item_size, .n_max = n_max };
	list_init(&c->sides[RECEIVING]);
	list_init(&c->sides[SENDING]);
	return c->slots ? 0 : -ENOMEM;
}

void rondo_xchannel_free(struct rondo_xchannel *channel)
{
	struct xchannel *c = channel_of(channel);

	if (!c)
		return;
	if (!list_empty(&c->sides[RECEIVING]) || !list_empty(&c->sides[SENDING]))
		BUG("a channel was freed under a task or thread that waits in it");
	pthread_mutex_destroy(&c->lock);
	free(c->slots);
	c->slots = NULL;
}

/* --- with the lock taken --------------------------------------------------------------------- */

static void push(struct xchannel *c, const void *value)
{
	size_t i = (c->first + c->n++) % c->n_max;

	memcpy(c->slots + i * c->item_size, value, c->item_size);
}

static void pop(struct xchannel *c, void *value)
{
	memcpy(value, c->slots + c->first * c->item_size, c->item_size);
	c->first = (c->first + 1) % c->n_max;
	c->n--;
}

static void run_wake(struct remote_call *call)
{
	rondo__wake(container_of(call, struct xwaiter, wake)->wait.task);
}

/* The first who waits there goes on. */
static void end_wait(struct list *side, int result)
{
	struct xwaiter *w = container_of(list_pop(side), struct xwaiter, link);
	struct rondo_task *t = w->wait.task;

	w->result = result;
	w->is_over = true;
	if (!t)
		pthread_cond_signal(&w->woken);
	else if (t->loop == rondo__loop)
		rondo__wake(t);
	else if (rondo__remote_call(t->loop->remote, &w->wake) < 0)
		BUG("a loop has ended with a task that waits in a channel");
}

static void *first_value(const struct list *side)
{
	return container_of(side->next, struct xwaiter, link)->value;
}

static int try_send(struct xchannel *c, const void *value)
{
	struct list *receivers = &c->sides[RECEIVING];

	if (c->is_closed)
		return -RONDO_EQSHUTDOWN;
	if (!list_empty(receivers)) {
		memcpy(first_value(receivers), value, c->item_size);
		end_wait(receivers, 0);
		return 0;
	}
	if (c->n == c->n_max)
		return -EAGAIN;
	push(c, value);
	return 0;
}

/* A sender waits only while all room is taken, so its value is behind what is there. */
static int try_receive(struct xchannel *c, void *value)
{
	struct list *senders = &c->sides[SENDING];

	if (!c->n && list_empty(senders))
		return c->is_closed ? -RONDO_EQSHUTDOWN : -EAGAIN;
	if (!c->n)
		memcpy(value, first_value(senders), c->item_size);
	else
		pop(c, value);
	if (list_empty(senders))
		return 0;
	if (c->n_max)
		push(c, first_value(senders));
	end_wait(senders, 0);
	return 0;
}

/* --- waiting --------------------------------------------------------------------------------- */

static bool xwaiter_cancel(struct wait *wait)
{
	struct xwaiter *w = container_of(wait, struct xwaiter, wait);
	bool is_over;

	pthread_mutex_lock(&w->channel->lock);
	is_over = w->is_over;
	if (!is_over)
		list_remove(&w->link);
	pthread_mutex_unlock(&w->channel->lock);
	return is_over ? false : wait_cancel_now(wait);
}

static void xwaiter_describe(const struct wait *wait, char *buf, size_t size)
{
	snprintf(buf, size, "channel %p between threads",
		 (const void *)container_of(wait, const struct xwaiter, wait)->channel);
}

static const struct wait_class xwaiter_class = {
	.name = "channel", .cancel = xwaiter_cancel, .describe = xwaiter_describe,
};

/* The lock is taken, and given back. */
static int wait_in_thread(struct xchannel *c, enum side side, void *value)
{
	struct xwaiter w = { .woken = PTHREAD_COND_INITIALIZER, .channel = c, .value = value };

	list_push(&c->sides[side], &w.link);
	while (!w.is_over)
		pthread_cond_wait(&w.woken, &c->lock);
	pthread_mutex_unlock(&c->lock);
	pthread_cond_destroy(&w.woken);
	return w.result;
}

static int wait_in_task(struct xchannel *c, enum side side, void *value)
{
	struct xwaiter w = {
		.wait = { .class = &xwaiter_class, .task = rondo__self() }, .wake.run = run_wake,
		.channel = c, .value = value,
	};

	if (unlikely(w.wait.task->must_cancel)) {
		pthread_mutex_unlock(&c->lock);
		return task_deliver(w.wait.task);
	}
	(void)rondo_loop_current();		/* so that it listens */
	list_push(&c->sides[side], &w.link);
	pthread_mutex_unlock(&c->lock);
	rondo__park(&w.wait);
	if (w.wait.cancelled)
		return rondo__wait_result(&w.wait, 0);
	pthread_mutex_lock(&c->lock);		/* F2 */
	pthread_mutex_unlock(&c->lock);
	return w.result;
}

/* --- the verbs ------------------------------------------------------------------------------- */

static int transfer(struct rondo_xchannel *channel, enum side side, void *value, bool may_wait)
{
	struct xchannel *c = channel_of(channel);
	int ret = may_wait && budgets_in_use() && rondo__loop ? rondo__budget_checkpoint() : 0;

	if (unlikely(ret < 0))
		return ret;
	pthread_mutex_lock(&c->lock);
	ret = side == SENDING ? try_send(c, value) : try_receive(c, value);
	if (ret == -EAGAIN && may_wait)
		return rondo__loop ? wait_in_task(c, side, value) : wait_in_thread(c, side, value);
	pthread_mutex_unlock(&c->lock);
	return ret;
}

int rondo_xchannel_send(struct rondo_xchannel *channel, const void *value)
{
	return transfer(channel, SENDING, (void *)(uintptr_t)value, true);
}

int rondo_xchannel_receive(struct rondo_xchannel *channel, void *value)
{
	return transfer(channel, RECEIVING, value, true);
}

int rondo_xchannel_send_nowait(struct rondo_xchannel *channel, const void *value)
{
	return transfer(channel, SENDING, (void *)(uintptr_t)value, false);
}

int rondo_xchannel_receive_nowait(struct rondo_xchannel *channel, void *value)
{
	return transfer(channel, RECEIVING, value, false);
}

void rondo_xchannel_close(struct rondo_xchannel *channel)
{
	struct xchannel *c = channel_of(channel);

	pthread_mutex_lock(&c->lock);
	c->is_closed = true;
	for (int side = 0; side < 2; side++)
		while (!list_empty(&c->sides[side]))
			end_wait(&c->sides[side], -RONDO_EQSHUTDOWN);
	pthread_mutex_unlock(&c->lock);
}
