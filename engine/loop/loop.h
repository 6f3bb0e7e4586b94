/* SPDX-License-Identifier: MIT */
/* loop.h - tasks as the loop sees them: the ready list, park and wake. Layer 3.
 *
 *            rondo__park (saves it, runs the next ready one)
 *   running ------------------------------------------------> parked on a wait
 *      ^                                                            |
 *      |  the batch reaches it              rondo__wake (by whoever finishes the wait)
 *      |                                                            v
 *      +------------------------------------------------------ ready (FIFO)
 *
 * L1  Control moves in two places only: switch_away() in loop.c leaves a task, straight into the
 *     next ready one, and run_batch() enters the first task of a batch.
 * L2  The ready list is FIFO. What becomes ready during a batch runs in the next one, after the
 *     ring was polled: a busy task cannot starve I/O. A poll that finds nothing needs no visit
 *     to the loop.
 * L3  task->wait is set exactly while the task is parked. Waking clears it, so a second finisher
 *     has nothing to wake.
 * L4  A wait lives on the parked task's stack and is finished by exactly one wake.
 * L5  Tasks never leave their thread; rondo__loop is that thread's loop. */
#ifndef RONDO_LOOP_LOOP_H
#define RONDO_LOOP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bug.h"
#include "base/heap.h"
#include "base/list.h"
#include "ring/bufring.h"
#include "ring/ring.h"
#include "rondo/loop.h"
#include "rondo/task.h"
#include "switch/overflow.h"
#include "switch/stack.h"
#include "switch/switch.h"

struct cancel_request;
struct loop;
struct op;
struct resource;
struct rondo_stream;
struct wait;

/* What is to run, in FIFO order: a ring of pointers, so that the next tasks' memory can be fetched
 * ahead (a linked list would have to load each task to find the next one). Room for every task and
 * call is made when it is created, so making one ready cannot fail. */
struct ready_queue {
	uintptr_t *slots;		/* struct rondo_task *, or struct ready_call * with bit 0 set */
	uint32_t mask;
	uint32_t head, tail;		/* free-running */
	uint32_t batch_end;		/* [head, batch_end) is the batch being run */
};

/* Something to run on the loop's own stack. */
struct ready_call {
	void (*run)(struct ready_call *c);
};

/* What a kind of wait does; shared by all waits of the kind. */
struct wait_class {
	const char *name;
	/* The task was asked to stop. Either finish the wait now, or ask whoever will finish it,
	 * and return true; or return false to leave the request for the task's next await. */
	bool (*cancel)(struct wait *w);
	/* Optional, for waits for tasks: hand the request to each of them by
	 * rondo__cancel_forward(). Then cancel is called only if they wait for each other in a
	 * circle. */
	void (*forward)(struct wait *w, struct cancel_request *r);
	/* For the graph of awaits, optional: call seen(t, arg) with each task that is waited for. */
	void (*awaits)(const struct wait *w, void (*seen)(struct rondo_task *t, void *arg),
		       void *arg);
	/* For reports, optional: what exactly is waited for. Writes a string into buf. */
	void (*describe)(const struct wait *w, char *buf, size_t size);
};

struct wait {
	const struct wait_class *class;
	struct rondo_task *task;
	bool cancelled;			/* a cancel took this wait; set by class->cancel only */
};

struct rondo_task {
	/* What a switch, or a cancel, touches is one cache line, right above the task's first
	 * frames. */
	struct context ctx;		/* where it continues, while not running */
	struct wait *wait;		/* L3 */
	struct loop *loop;
	uint8_t state;			/* enum rondo_task_state */
	bool must_cancel;		/* the next await returns -ECANCELED */
	bool extended;			/* task/ has written to what it keeps behind this */
	bool cancel_late;		/* must_cancel came while an op went well (O3): the result counts */
	uint32_t n_cancels;		/* asyncio's cancelling() */
	uint64_t cancel_id;		/* of the last request that came by (cancel.c) */
	struct rondo_task *cancel_next;

	uint32_t n_refs;
	int result;			/* valid once state is not RONDO_PENDING */
	bool painted;			/* its stack can be measured */
	bool retrieved;			/* somebody has seen the result */
	rondo_fn *fn;
	void *arg;
	struct stack *stack;		/* this block lies right below it */
	struct list link;		/* in loop->tasks, in order of creation, until freed */
	struct list watchers;		/* told when it is done, in order of arrival */
	uint64_t id;
	void *top;			/* where its frames begin, growing down */
	void *result_slot;		/* inside the copied arguments; NULL: none */
	void (*on_drop)(void *arg);	/* called instead of fn if cancelled before the first step */
	void *gathered;			/* the gather it is a member of, to find one named twice */
	char name[32];			/* empty: "Task-<id>" */
};

enum { CACHE_LINE_BYTES = 64 };

/* Something to do at a time (see timer.h). */
struct timer {
	struct heap_node node;
	void (*fire)(struct timer *t);	/* on the loop's stack; may wake, may not switch */
};

/* Ops that the kernel was asked to end and that have not ended (see op.c). */
struct cancelled_ops {
	struct list ops;
	struct timer again;		/* when to ask once more */
	uint64_t delay_ns;
	bool unheard;			/* one was answered that it did nothing */
};

/* One kernel timeout for all sleepers (see timer.c). */
struct loop_clock {
	struct __kernel_timespec ts;	/* read by the kernel when the SQE is submitted */
	uint64_t armed_ns;		/* what the kernel's timeout is set to; UINT64_MAX: none */
	uint64_t position;		/* of the last timeout SQE, among all ever submitted */
	bool armed;			/* a TIMEOUT is owed its CQE */
	bool fired;			/* since the last look at the heap */
};

/* Which ops are in flight on which descriptor, so that closing one can end them. */
struct fd_table {
	struct op **buckets;
	uint32_t mask, n_ops;
};

/* Something that the program opens and must end: a stream, a server, a child process. What is left
 * of them when the loop ends is reported and dropped. */
struct resource_class {
	void (*describe)(const struct resource *r, char *buf, size_t size);	/* NULL: no leak */
	void (*drop)(struct resource *r);	/* in a task, so it may await; takes it from the list */
	/* Optional, for the simulator (P11): does it hold more than it may? */
	bool (*is_flooded)(const struct resource *r);
};

struct resource {
	struct list link;		/* in loop->resources, in order of creation */
	const struct resource_class *class;
};

/* What a higher layer keeps for each loop. */
struct loop_part {
	struct list link;		/* in loop->parts */
	const void *kind;		/* any address that only this kind uses */
	/* The last task is done, and no call from outside is taken any more: free it. Abandoned: as
	 * rondo__loop_abandon(). */
	void (*close)(struct loop *l, struct loop_part *p, bool abandoned);
};

/* Told of every step, a task's or a call's; in debug mode only (task/debug.h). */
struct step_watch {
	void (*begin)(struct step_watch *w, struct rondo_task *t);	/* NULL: a call */
	void (*end)(struct step_watch *w);
	/* Of descriptors, by a verb. */
	void (*opened)(struct step_watch *w, int fd, const char *what);
	void (*closed)(struct step_watch *w, int fd);
};

/* Bits of loop->attention: with any of them set, a batch that has ended goes back to the loop. */
enum {
	ATTENTION_LOOK = 1,		/* whoever turns the loop wants to look after this batch */
	ATTENTION_STEPS = 2,		/* debug mode: each step is a batch of its own */
};

/* What was learned of reading from a descriptor at once: a guess, and never about more than speed. */
struct read_guess {
	int fd;				/* -1: of none */
	uint16_t n_to_ring;		/* the next so many reads go to the ring */
	uint8_t n_until_asked;		/* reads before its flags are looked at again */
	uint8_t n_misses;		/* in a row: not in the page cache */
};

enum { READ_GUESSES = 64 };		/* by descriptor; others share a place */

/* What was done by a plain system call instead of in the ring (io/at_once.c). */
struct at_once {
	const struct rondo_task *task;	/* who did that last, to be compared only... */
	uint64_t turn;			/* ...and in which turn */
	struct read_guess guesses[READ_GUESSES];
};

struct loop {
	struct ready_queue ready;
	struct rondo_task *running;	/* NULL: the loop itself, or a call */
	struct context ctx;		/* where the loop continues */
	struct ring ring;
	uint16_t generation;		/* of the next op */
	uint32_t n_internal;		/* SQEs in flight that serve the loop, not a task */
	uint32_t n_closers;		/* tasks that wait for SQEs in flight, such as those */
	struct heap timers;
	struct loop_clock clock;
	struct fd_table fds;
	struct cancelled_ops cancelled;
	struct bufring buffers;		/* of the receivers; opened by the first */
	bool (*receiver_is_flooded)(const struct op *op);	/* for the simulator (P11); or NULL */
	const struct rondo_task *spender;	/* of the budget of awaits: who, to be compared only... */
	uint64_t spender_turn;		/* ...in which turn... */
	unsigned n_spent;		/* ...and how many */
	struct at_once at_once;
	struct stack_pool stacks;
	struct overflow_watch overflow;
	struct list resources;
	struct rondo_stream *standard[3];	/* stdin, stdout, stderr, once they were asked for */
	struct list tasks;		/* every task not yet freed, in order of creation */
	uint64_t until_id;		/* the loop is turned until a task up to this one is done */
	uint64_t n_live;		/* tasks not done */
	uint64_t n_created;
	uint64_t n_cancels;		/* requests ever made */
	struct list parts;		/* what higher layers keep here, newest last */
	struct rondo_loop *remote;	/* how other threads reach us */
	uint32_t n_outside;		/* waits that another thread will finish */
	uint8_t attention;
	bool exposed;			/* somebody outside may still wake us */
	bool watches_sigint;
	bool interrupted;		/* ^C cancelled the first task */
	bool interrupted_late;		/* ... or came when that was ending */
	uint64_t n_turns, n_stale;
	struct step_watch *steps;	/* NULL: not in debug mode */
	struct rondo_options options;
};

extern __thread struct loop *rondo__loop;
/* The same, or NULL if it has a budget of awaits (D11): who looks for the loop anyway asks both at once. */
extern __thread struct loop *rondo__unbudgeted;

static inline void loop_make_current(struct loop *l)
{
	rondo__loop = l;
	rondo__unbudgeted = l && !l->options.await_budget ? l : NULL;
}

int rondo__loop_open(struct loop *l, const struct kernel *kernel, const struct rondo_options *o);
/* Drain the ring and free everything; all tasks must be done. */
void rondo__loop_close(struct loop *l);
/* Free everything, and l itself, without a word to its tasks or its kernel: a simulated power cut. */
void rondo__loop_abandon(struct loop *l);

/* The part of this kind, or NULL. */
struct loop_part *rondo__loop_part(struct loop *l, const void *kind);
void rondo__loop_part_add(struct loop *l, struct loop_part *p);

/* One turn: run what was ready, submit and (if nothing is ready) sleep in one enter, reap.
 * Returns false if nothing can ever become ready again: a deadlock. */
bool rondo__loop_turn(struct loop *l);

/* Leave the CPU until w is finished. Only from a task. */
void rondo__park(struct wait *w);
/* Go to the end of the ready list. Only for the running task. */
void rondo__requeue(struct rondo_task *t);
/* The task is done: leave its stack for ever. */
_Noreturn void rondo__leave(struct rondo_task *t);

/* Make room for n entries in all. Returns 0 or -ENOMEM. */
int rondo__ready_reserve(struct ready_queue *q, uint64_t n);

static inline void ready_push(struct ready_queue *q, struct rondo_task *t)
{
	q->slots[q->tail++ & q->mask] = (uintptr_t)t;
}

static inline void ready_push_call(struct ready_queue *q, struct ready_call *c)
{
	q->slots[q->tail++ & q->mask] = (uintptr_t)c | 1;
}

/* Put another call in the place of the one that was pushed when the tail was at position. */
static inline void ready_replace_call(struct ready_queue *q, uint32_t position, struct ready_call *c)
{
	q->slots[position & q->mask] = (uintptr_t)c | 1;
}

static inline void resource_add(struct loop *l, struct resource *r, const struct resource_class *class)
{
	r->class = class;
	list_push(&l->resources, &r->link);
}

static inline void resource_remove(struct resource *r)
{
	list_remove(&r->link);
}

/* Is there nothing to run but the running task? */
static inline bool loop_is_idle(const struct loop *l)
{
	return l->ready.head == l->ready.tail;
}

/* Would the loop's own turn find nothing to do but to start the next batch? */
static inline bool loop_turn_is_idle(const struct loop *l)
{
	return !l->attention && !l->clock.fired && !ring_n_queued(&l->ring) &&
	       !ring_wants_enter(&l->ring) && !ring_has_cqe(&l->ring) &&
	       (!heap_count(&l->timers) || l->options.timers == RONDO_TIMERS_COALESCED);
}

/* Make a parked task ready. Does not switch. */
static inline void rondo__wake(struct rondo_task *t)
{
	BUG_ON(!t->wait);
	t->wait = NULL;
	ready_push(&t->loop->ready, t);
}

/* The running task; awaiting anywhere else is a bug in the program. */
static inline struct rondo_task *rondo__self(void)
{
	struct loop *l = rondo__loop;

	if (unlikely(!l || !l->running))
		BUG("an awaiting function was called outside a task");
	return l->running;
}

/* --- the budget of awaits (D11) ---------------------------------------------------------------- */

/* How many loops have one, in all threads; atomic. */
extern __attribute__((visibility("hidden"))) unsigned rondo__n_budgets;

/* Nearly always none. A number, so that it can be asked together with other things, by |. */
static inline unsigned budgets_in_use(void)
{
	return __atomic_load_n(&rondo__n_budgets, __ATOMIC_RELAXED);
}

/* For an await that need not wait, before it takes what is there; which may be gone then. Those use
 * it that a task could repeat for ever without a wait: for what other tasks do, not for what the
 * kernel brings, of which there is never more than came with the last turn. Returns 0 or -ECANCELED. */
int rondo__budget_checkpoint(void);
/* The same where a cancel is for whatever is awaited, and so stays pending. */
void rondo__budget_yield(void);

static inline int budget_checkpoint(void)
{
	return unlikely(budgets_in_use()) ? rondo__budget_checkpoint() : 0;
}

static inline void budget_yield(void)
{
	if (unlikely(budgets_in_use()))
		rondo__budget_yield();
}

/* A cancel that was taken by w, or came after w was finished but before the task ran, beats a
 * result that stays where it is; a cancel is delivered once. */
static inline int rondo__wait_result(struct wait *w, int result)
{
	if (likely(!w->cancelled && !w->task->must_cancel))
		return result;
	w->task->must_cancel = false;
	return -ECANCELED;
}

/* The finish of a wait that needs nobody's consent to end. */
static inline bool wait_cancel_now(struct wait *w)
{
	w->cancelled = true;
	rondo__wake(w->task);
	return true;
}

/* ... and of one that must come to its end: the request is for the task's next await. */
static inline bool wait_cancel_later(struct wait *w)
{
	(void)w;
	return false;
}
#endif
