/* SPDX-License-Identifier: MIT */
/* debug.h - debug mode (row I1): every step is watched. Layer 5.
 *
 * G1  Without debug mode nothing is asked on any hot path: l->steps is looked at once a turn. (A
 *     histogram of all steps, always on, was measured: one rdtsc is 9 to 16 ns on a yield of 20.)
 * G2  What the watchdog's thread reads are atomics, and what the interrupted thread wrote for
 * it. */
#ifndef RONDO_TASK_DEBUG_H
#define RONDO_TASK_DEBUG_H

#include <pthread.h>
#include <stdatomic.h>

#include "rondo/debug.h"
#include "task/task.h"

enum { CREATED_FRAMES = 12, STUCK_FRAMES = 32, DETAILS_BYTES = 4096 };

/* Where a task was created. */
struct created {
	unsigned n;
	void *frames[CREATED_FRAMES];
};

/* What a signal found on the loop's thread, for whoever sent it. */
struct capture {
	atomic_uint_fast64_t step;	/* of which all this is; odd */
	uint64_t task_id;		/* 0: a call */
	char task[32];			/* "": it has only the number */
	unsigned n;
	void *frames[STUCK_FRAMES];
};

/* A thread that looks whether the loop's thread gets on (stuck.c). */
struct watchdog {
	atomic_uint_fast64_t step;	/* odd while one runs */
	atomic_uint_fast64_t since_ns;	/* when it began */
	atomic_uint_fast64_t wanted;	/* the step to be captured */
	struct capture capture;
	uint64_t slow_ns;
	const struct rondo_options *options;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pid_t tid;			/* the loop's */
	int signal;			/* 0: none to be had */
	bool started, stop;
};

struct debug {
	struct step_watch watch;
	struct loop *loop;
	struct rondo_task *task;	/* whose step it is; NULL: a call */
	uint64_t began_ns, slow_ns;
	struct rondo_debug_stats stats;
	struct watchdog dog;
	const char **opened;		/* by descriptor: what it was opened as; NULL: not by us */
	size_t n_opened;
};

static inline struct debug *debug_of(const struct loop *l)
{
	return l->steps ? container_of(l->steps, struct debug, watch) : NULL;
}

/* Add a title and a line for each frame to a string. */
void rondo__debug_add_frames(char *buf, size_t size, const char *title, void *const frames[],
			     unsigned n);

int rondo__watchdog_start(struct watchdog *dog, struct loop *l, uint64_t slow_ns);
void rondo__watchdog_stop(struct watchdog *dog);
#endif
