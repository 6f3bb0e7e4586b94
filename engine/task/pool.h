/* SPDX-License-Identifier: MIT */
/* pool.h - threads for functions that block (rows E1 to E3). Layer 5.
 *
 *            dequeued by a cancel
 *              +--------------> never runs
 *              |
 *   queued ----+---> running ---> over: posted to its loop, which wakes the task
 *                      |
 *                      +--------> over: abandoned meanwhile, freed by the thread
 *
 * H1  pool->lock guards the pool and every job's state; a loop's thread holds it for a moment only.
 * H2  A job lies on the stack of the task that waits for it, which does not leave before the job is
 *     dequeued or over; only one that may be abandoned is on the heap.
 * H3  Posting a job to its loop is the last that a thread does with it, and cannot fail.
 * H4  A thread that ends is joined: by the next one that ends, or by who closes the pool. */
#ifndef RONDO_TASK_POOL_H
#define RONDO_TASK_POOL_H

#include <pthread.h>
#include <stdatomic.h>

#include "loop/remote.h"
#include "rondo/thread.h"
#include "task/task.h"

struct pool_closer;

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t work;		/* a job was queued, or the pool is closing */
	pthread_cond_t ended;		/* n_threads is 0 */
	struct list queue, running;	/* jobs */
	unsigned n_threads, n_idle, n_queued, max_threads;
	uint64_t idle_ns;
	bool closing;
	bool has_dead;			/* dead is to be joined */
	pthread_t dead;
	struct pool_closer *closer;	/* the task that waits for the last thread, or NULL */
	char name[16];
};

enum job_state { JOB_QUEUED, JOB_RUNNING, JOB_OVER };

struct job_wait;

struct job {
	struct list link;		/* in the pool's queue, then among those that run */
	struct remote_call done;
	struct rondo_loop *loop;	/* a reference */
	struct pool *pool;
	struct job_wait *wait;		/* the loop's: who waits */
	rondo_fn *fn;
	void *arg;
	int result;			/* once it is over */
	uint8_t state;			/* enum job_state */
	bool abandoned;
	atomic_bool cancelled;		/* what rondo_thread_cancelled() says */
	void (*on_abandon)(void *arg);
};

/* The job that the calling thread runs, or NULL. */
extern __thread struct job *rondo__job;

void rondo__pool_init(struct pool *p, const struct rondo_pool_options *o);
/* Have a thread run the job, start one if need be. Returns 0 or an error: then it is not queued. */
int rondo__pool_queue(struct pool *p, struct job *j);
/* Take a job back that did not start. With abandon, one that runs is left to its thread. Returns
 * the state it was found in. */
enum job_state rondo__pool_cancel(struct pool *p, struct job *j, bool abandon);

/* Nothing more is taken. Returns true if there are no threads left. */
bool rondo__pool_begin_close(struct pool *p);
/* Wait, blocking, until the last thread has ended, or until a CLOCK_MONOTONIC time (NULL: for ever).
 * Returns false if it has not. */
bool rondo__pool_join(struct pool *p, const struct timespec *deadline);
/* The CLOCK_MONOTONIC time that is so far from now. */
struct timespec rondo__pool_deadline(uint64_t ns);
/* Tell on_error what runs. */
void rondo__pool_report(struct pool *p, const struct loop *l);
/* All threads have ended and were joined. */
void rondo__pool_free(struct pool *p);

/* Tell the task that waits in rondo_pool_shutdown(), under the lock. */
void rondo__pool_closer_told(struct pool_closer *c);
#endif
