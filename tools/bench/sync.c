/* SPDX-License-Identifier: MIT */
/* sync.c - what locks, queues and events cost: taken when nobody waits, and handed from task to task. CPU
 * time of this thread, pinned to one CPU, under SCHED_RR where that is allowed. */
#include <errno.h>
#include <math.h>
#include <rondo.h>

#include "asyncio.h"
#include "groups.h"
#include "peers.h"
#include "workloads.h"

enum { N_ROUNDS = 9, N_OPS = 4000000, N_ITEMS = 2000000 };

/* What a measurement's tasks share. */
struct pair {
	struct rondo_lock lock;
	struct rondo_semaphore semaphore;
	struct rondo_queue queue;
	struct rondo_event there, back;
	unsigned n;			/* of each task */
};

RONDO_GENERATOR(unsigned, counting)
{
	int ret = 0;

	for (unsigned i = 0; ret == 0; i++)
		ret = counting_yield(gen, i);
	return ret;
}

/* --- alone ----------------------------------------------------------------------------------- */

static int lock_alone(struct pair *p)
{
	int ret = 0;

	for (unsigned i = 0; i < p->n && ret == 0; i++) {
		ret = rondo_lock_acquire(&p->lock);
		if (ret == 0)
			ret = rondo_lock_release(&p->lock);
	}
	return ret;
}

static int semaphore_alone(struct pair *p)
{
	int ret = 0;

	for (unsigned i = 0; i < p->n && ret == 0; i++) {
		ret = rondo_semaphore_acquire(&p->semaphore);
		if (ret == 0)
			ret = rondo_semaphore_release(&p->semaphore);
	}
	return ret;
}

static int queue_alone(struct pair *p)
{
	void *item = p;
	int ret = 0;

	for (unsigned i = 0; i < p->n && ret == 0; i++) {
		ret = rondo_queue_put(&p->queue, item);
		if (ret == 0)
			ret = rondo_queue_get(&p->queue, &item);
	}
	return ret;
}

/* --- two tasks ------------------------------------------------------------------------------- */

/* The other one wants it each time: every acquire waits for a turn. */
static int lock_in_turn(void *arg)
{
	struct pair *p = arg;
	int ret = 0;

	for (unsigned i = 0; i < p->n && ret == 0; i++) {
		ret = rondo_lock_acquire(&p->lock);
		if (ret < 0)
			break;
		ret = rondo_yield();
		rondo_lock_release(&p->lock);
	}
	return ret;
}

static int puts_items(void *arg)
{
	struct pair *p = arg;
	int ret = 0;

	for (unsigned i = 0; i < p->n && ret == 0; i++)
		ret = rondo_queue_put(&p->queue, p);
	return ret;
}

static int gets_items(void *arg)
{
	struct pair *p = arg;
	void *item;
	int ret = 0;

	for (unsigned i = 0; i < p->n && ret == 0; i++)
		ret = rondo_queue_get(&p->queue, &item);
	return ret;
}

static int two_tasks(struct pair *p, rondo_fn *a, rondo_fn *b)
{
	return RONDO_GATHER(rondo_create_task(a, p), rondo_create_task(b, p));
}

/* As gets_items(), by a select that also waits for another queue. */
static int selects_items(void *arg)
{
	struct pair *p = arg;
	struct rondo_queue other;
	void *item;
	int ret = rondo_queue_init(&other, 1);

	for (unsigned i = 0; i < p->n && ret >= 0; i++) {
		struct rondo_select_case cases[] = {
			rondo_select_get(&other, &item), rondo_select_get(&p->queue, &item),
		};

		ret = rondo_select(cases, 2, RONDO_FOREVER);
	}
	rondo_queue_free(&other);
	return ret < 0 ? ret : 0;
}

static int select_two(struct pair *p)
{
	return two_tasks(p, puts_items, selects_items);
}

static int meet_two(struct pair *p)
{
	const struct rondo_queue_options o = { .rendezvous = true };
	int ret;

	rondo_queue_free(&p->queue);
	ret = rondo_queue_init_with(&p->queue, &o);
	return ret < 0 ? ret : two_tasks(p, puts_items, gets_items);
}

static int generator_two(struct pair *p)
{
	struct counting_generator *g = counting();
	unsigned value;
	int ret = 0;

	for (unsigned i = 0; i < p->n && ret == 0; i++)
		ret = counting_next(g, &value);
	return counting_end(g, ret);
}

static int lock_two(struct pair *p)
{
	return two_tasks(p, lock_in_turn, lock_in_turn);
}

static int queue_two(struct pair *p)
{
	return two_tasks(p, puts_items, gets_items);
}

static int event_goes(void *arg)
{
	struct pair *p = arg;
	int ret = 0;

	for (unsigned i = 0; i < p->n && ret == 0; i++) {
		rondo_event_set(&p->there);
		ret = rondo_event_wait(&p->back);
		rondo_event_clear(&p->back);
	}
	return ret;
}

static int event_comes(void *arg)
{
	struct pair *p = arg;
	int ret = 0;

	for (unsigned i = 0; i < p->n && ret == 0; i++) {
		ret = rondo_event_wait(&p->there);
		rondo_event_clear(&p->there);
		rondo_event_set(&p->back);
	}
	return ret;
}

static int event_two(struct pair *p)
{
	return two_tasks(p, event_goes, event_comes);
}

/* --- measuring ------------------------------------------------------------------------------- */

struct what {
	int (*run)(struct pair *p);
	unsigned n;			/* of each task; the figure is per one */
	size_t queue_max;
	double ns;
};

static int measure_main(void *arg)
{
	struct what *w = arg;
	struct pair p = {
		.lock = RONDO_LOCK_INIT, .semaphore = RONDO_SEMAPHORE_INIT(1),
		.there = RONDO_EVENT_INIT, .back = RONDO_EVENT_INIT, .n = w->n,
	};
	uint64_t start;
	int ret = rondo_queue_init(&p.queue, w->queue_max);

	if (ret < 0)
		return ret;
	start = bench_thread_cpu_ns();
	ret = w->run(&p);
	w->ns = (double)(bench_thread_cpu_ns() - start) / w->n;
	rondo_queue_free(&p.queue);
	return ret;
}

static int measure(void *arg, double *ns)
{
	struct what w = *(const struct what *)arg;
	int ret = rondo_run(measure_main, &w);

	*ns = w.ns;
	return ret;
}

int bench_sync(struct bench_report *report)
{
	static struct what lock = { lock_alone, N_OPS, 1, 0 }, turns = { lock_two, N_ITEMS, 1, 0 },
			   semaphore = { semaphore_alone, N_OPS, 1, 0 },
			   alone = { queue_alone, N_OPS, 1, 0 }, one = { queue_two, N_ITEMS, 1, 0 },
			   many = { queue_two, N_ITEMS, 64, 0 }, meet = { meet_two, N_ITEMS, 1, 0 },
			   selects = { select_two, N_ITEMS, 1, 0 },
			   yields = { generator_two, N_ITEMS, 1, 0 },
			   event = { event_two, N_ITEMS, 1, 0 };
	struct bench_case cases[] = {
		{ "lock + unlock", measure, &lock },
		{ "semaphore acquire + release", measure, &semaphore },
		{ "queue put + get, one task", measure, &alone },
		{ "queue put + get, two tasks, 1 item", measure, &one },
		{ "queue put + get, two tasks, 64 items", measure, &many },
		{ "lock handed over twice, with a yield", measure, &turns },
		{ "event set + wait, there and back", measure, &event },
		{ "channel without room, send + receive", measure, &meet },
		{ "select of two gets, and a put", measure, &selects },
		{ "generator, yield + next", measure, &yields },
		BENCH_ASYNCIO("lock + unlock", "lock"),
		BENCH_ASYNCIO("semaphore acquire + release", "semaphore"),
		BENCH_ASYNCIO("queue, two tasks, 1 item", "queue1"),
		BENCH_ASYNCIO("queue, two tasks, 64 items", "queue64"),
		BENCH_ASYNCIO("event set + wait, there and back", "event"),
		BENCH_GO("lock + unlock", "lock"),
		BENCH_GO("channel, two goroutines, 1 item", "queue1"),
		BENCH_GO("channel, two goroutines, 64 items", "queue64"),
	};
	static const double targets[] = { 10, NAN, NAN, 60, 60 };
	const struct bench_table t = {
		.title = "locks and queues, CPU time each", .unit = "ns", .cases = cases,
		.n_cases = bench_drop_absent(cases, sizeof(cases) / sizeof(cases[0])),
		.n_rounds = N_ROUNDS, .targets = targets,
		.n_targets = sizeof(targets) / sizeof(targets[0]),
	};
	int ret = bench_run_table(&t, report);

	return ret < 0 ? ret : bench_groups(report);
}
