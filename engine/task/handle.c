/* SPDX-License-Identifier: MIT */
/* handle.c - calls soon and later (rows L1, L2, M4): Handle and TimerHandle.
 *
 * A call has its slot in the ready queue kept from the start, so that its time can come without
 * memory. One that is cancelled in the queue leaves a call that does nothing in its place: the
 * handle may be gone before the batch is run. */
#include "rondo/call.h"

#include <errno.h>
#include <math.h>

#include "loop/timer.h"
#include "rondo/time.h"
#include "task/context.h"

enum handle_state { HANDLE_IDLE, HANDLE_TIMED, HANDLE_QUEUED };

struct handle {
	struct ready_call call;
	struct timer timer;
	struct list pending;		/* in run->handles */
	struct loop *loop;
	struct vars *vars;		/* as they were when the call was asked for */
	void (*fn)(void *);
	void *arg;
	uint32_t position;		/* in the ready queue, if queued */
	uint8_t state;			/* enum handle_state */
	bool cancelled;
};

_Static_assert(sizeof(struct handle) <= sizeof(struct rondo_handle), "struct rondo_handle is too small");

static void leave(struct handle *h)
{
	h->state = HANDLE_IDLE;
	list_remove(&h->pending);
	vars_put(h->vars);
	h->vars = NULL;
}

/* The handle may be used anew, or be gone, as soon as the user's function runs. */
static void run(struct ready_call *call)
{
	struct handle *h = container_of(call, struct handle, call);
	struct vars *vars = vars_get(h->vars);
	const struct handle copy = *h;

	leave(h);
	rondo__run_release_slots(copy.loop, 1);
	context_call(copy.loop, &vars, copy.fn, copy.arg);
	vars_put(vars);
}

static void skip(struct ready_call *call)
{
	(void)call;
	rondo__run_release_slots(rondo__loop, 1);
}

static void queue(struct handle *h)
{
	struct ready_queue *q = &h->loop->ready;

	h->state = HANDLE_QUEUED;
	h->position = q->tail;
	ready_push_call(q, &h->call);
}

/* L2: after what was ready and what the kernel has completed in this turn. */
static void time_has_come(struct timer *t)
{
	queue(container_of(t, struct handle, timer));
}

static int prepare(struct handle *h, void (*fn)(void *), void *arg)
{
	struct loop *l = rondo__loop;
	int ret;

	if (unlikely(!l))
		BUG("a call was asked for outside a loop");
	ret = rondo__run_keep_slots(l, 1);
	if (ret < 0)
		return ret;
	*h = (struct handle){ .loop = l, .fn = fn, .arg = arg, .call.run = run,
			      .timer.fire = time_has_come, .vars = vars_get(rondo__context_now(l)) };
	heap_node_init(&h->timer.node);
	list_push(&run_of(l)->handles, &h->pending);
	return 0;
}

int rondo_call_soon(struct rondo_handle *handle, void (*call)(void *), void *arg)
{
	struct handle *h = (struct handle *)handle;
	int ret = prepare(h, call, arg);

	if (ret == 0)
		queue(h);
	return ret;
}

/* What is due already waits for the end of the turn, like everything else that is due then. */
static int call_at(struct rondo_handle *handle, uint64_t when_ns, bool due, void (*call)(void *),
		   void *arg)
{
	struct handle *h = (struct handle *)handle;
	int ret = prepare(h, call, arg);

	if (ret < 0)
		return ret;
	h->state = HANDLE_TIMED;
	ret = rondo__timer_start(h->loop, &h->timer, when_ns);
	if (ret < 0) {
		leave(h);
		rondo__run_release_slots(h->loop, 1);
		return ret;
	}
	h->loop->clock.fired |= due;
	return 0;
}

int rondo_call_at(struct rondo_handle *handle, uint64_t when_ns, void (*call)(void *), void *arg)
{
	return call_at(handle, when_ns, when_ns <= rondo_now_ns(), call, arg);
}

int rondo_call_later(struct rondo_handle *handle, double seconds, void (*call)(void *), void *arg)
{
	if (isnan(seconds))
		return -EINVAL;
	return call_at(handle, rondo__timer_deadline(seconds), seconds <= 0, call, arg);
}

void rondo_handle_cancel(struct rondo_handle *handle)
{
	struct handle *h = (struct handle *)handle;
	static struct ready_call nothing = { .run = skip };

	if (h->state == HANDLE_IDLE)
		return;
	h->cancelled = true;
	if (h->state == HANDLE_TIMED) {
		rondo__timer_stop(h->loop, &h->timer);
		rondo__run_release_slots(h->loop, 1);
	} else {
		ready_replace_call(&h->loop->ready, h->position, &nothing);
	}
	leave(h);
}

bool rondo_handle_cancelled(const struct rondo_handle *handle)
{
	return ((const struct handle *)handle)->cancelled;
}

uint64_t rondo_handle_when(const struct rondo_handle *handle)
{
	return ((const struct handle *)handle)->timer.node.when;
}

void rondo__handles_drop(struct run *run)
{
	while (!list_empty(&run->handles))
		rondo_handle_cancel((struct rondo_handle *)container_of(run->handles.next,
									struct handle, pending));
}
