/* SPDX-License-Identifier: MIT */
/* future.c - a result that somebody will set (row T16). */
#include "rondo/future.h"

#include <errno.h>
#include <stdatomic.h>

#include "task/callback.h"

enum { REMOTE_RESULT_SET = 1 };

struct future {
	struct loop *loop;
	struct list watchers;
	const char *message;		/* of who cancelled it, or NULL */
	int result;			/* valid once state is not RONDO_PENDING */
	atomic_int remote;		/* REMOTE_RESULT_SET: some other thread has settled it */
	int remote_result;
	uint8_t state;			/* enum rondo_task_state */
};

_Static_assert(sizeof(struct future) <= sizeof(struct rondo_future),
	       "struct rondo_future is too small");

struct future_wait {
	struct wait wait;
	struct watcher watcher;
	struct future *future;
	int result;			/* copied, so that the future may be gone when we run */
};

static struct future *future_of(struct rondo_future *f)
{
	return (struct future *)f;
}

static const struct future *future_of_const(const struct rondo_future *f)
{
	return (const struct future *)f;
}

void rondo_future_init(struct rondo_future *future)
{
	struct future *f = future_of(future);

	if (unlikely(!rondo__loop))
		BUG("rondo_future_init() was called outside a loop");
	*f = (struct future){ .loop = rondo__loop };
	list_init(&f->watchers);
}

static int settle(struct future *f, int result)
{
	if (f->loop != rondo__loop)
		return -RONDO_EWRONGLOOP;
	if (f->state != RONDO_PENDING)
		return -EALREADY;
	f->state = result >= 0 ? RONDO_DONE : result == -ECANCELED ? RONDO_CANCELLED : RONDO_FAILED;
	f->result = result;
	tell_watchers(&f->watchers, NULL);
	return 0;
}

int rondo_future_set_result(struct rondo_future *future, int result)
{
	return result < 0 ? -EINVAL : settle(future_of(future), result);
}

int rondo_future_set_error(struct rondo_future *future, int error)
{
	return error >= 0 ? -EINVAL : settle(future_of(future), error);
}

bool rondo_future_cancel(struct rondo_future *future)
{
	return settle(future_of(future), -ECANCELED) == 0;
}

static void settle_here(void *arg)
{
	struct future *f = arg;

	settle(f, f->remote_result);
}

int rondo_future_set_threadsafe(rondo_loop *loop, struct rondo_future *future, int result)
{
	struct future *f = future_of(future);
	int ret;

	if (atomic_exchange(&f->remote, REMOTE_RESULT_SET) == REMOTE_RESULT_SET)
		return -EALREADY;
	f->remote_result = result;
	ret = rondo_call_soon_threadsafe(loop, settle_here, f);
	if (ret < 0)
		atomic_store(&f->remote, 0);
	return ret;
}

/* --- waiting --------------------------------------------------------------------------------- */

/* T7: the future itself is cancelled, and so everybody who waits for it, us included. */
static bool cancel_future(struct wait *w)
{
	struct future *f = container_of(w, struct future_wait, wait)->future;

	w->cancelled = true;
	f->message = task_known(w->task)->message;
	settle(f, -ECANCELED);
	return true;
}

static bool leave_future(struct wait *w)
{
	list_remove(&container_of(w, struct future_wait, wait)->watcher.link);
	return wait_cancel_now(w);
}

static const struct wait_class future_class = { .name = "future", .cancel = cancel_future };
static const struct wait_class shield_class = { .name = "shielded future", .cancel = leave_future };

static int take_result(const struct future *f, struct rondo_task *who)
{
	if (f->state == RONDO_CANCELLED)
		task_set_message(who, f->message);	/* T14 */
	return f->result;
}

static void future_settled(struct watcher *watcher, struct rondo_task *t)
{
	struct future_wait *w = container_of(watcher, struct future_wait, watcher);

	(void)t;
	w->result = take_result(w->future, w->wait.task);
	rondo__wake(w->wait.task);
}

/* Apart, for future_wait()'s frame is what each waiting task keeps. */
static __attribute__((noinline)) int take_at_once(const struct future *f, struct rondo_task *self)
{
	budget_yield();
	return take_result(f, self);
}

static int future_wait(struct future *f, const struct wait_class *class)
{
	struct rondo_task *self = rondo__self();
	struct future_wait w = {
		.wait = { .class = class, .task = self },
		.watcher.done = future_settled,
		.future = f,
	};

	if (f->loop != self->loop)
		return -RONDO_EWRONGLOOP;
	if (f->state != RONDO_PENDING)
		return take_at_once(f, self);
	if (unlikely(self->must_cancel)) {
		if (class == &future_class) {
			f->message = task_known(self)->message;
			settle(f, -ECANCELED);
		}
		return task_deliver(self);
	}
	list_push(&f->watchers, &w.watcher.link);
	rondo__park(&w.wait);
	return rondo__wait_result(&w.wait, w.result);
}

int rondo_future_await(struct rondo_future *future)
{
	return future_wait(future_of(future), &future_class);
}

int rondo_future_shield(struct rondo_future *future)
{
	return future_wait(future_of(future), &shield_class);
}

struct list *rondo__future_watchers(struct rondo_future *future, struct loop **l)
{
	*l = future_of(future)->loop;
	return &future_of(future)->watchers;
}

enum rondo_task_state rondo_future_state(const struct rondo_future *future)
{
	return (enum rondo_task_state)future_of_const(future)->state;
}

int rondo_future_result(const struct rondo_future *future)
{
	const struct future *f = future_of_const(future);

	return f->state == RONDO_PENDING ? -EINPROGRESS : f->result;
}

int rondo_future_add_done_callback(struct rondo_future *future,
				   struct rondo_done_callback *callback,
				   void (*call)(struct rondo_future *, void *), void *arg)
{
	struct future *f = future_of(future);
	struct callback *c = (struct callback *)callback;

	if (f->loop != rondo__loop)
		return -RONDO_EWRONGLOOP;
	*c = (struct callback){ .future = future, .fn.future = call, .arg = arg };
	return rondo__callback_add(f->loop, c, &f->watchers, f->state != RONDO_PENDING);
}
