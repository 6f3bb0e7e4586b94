/* SPDX-License-Identifier: MIT */
/* workers.c - one loop per thread. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sched.h>

#include "task/run.h"

struct workers {
	const struct rondo_options *options;
	rondo_fn *main;
	void *arg;
	pthread_mutex_t lock;
	bool stopping;
	int error;			/* the first one */
	int result;			/* the highest */
	unsigned n;
	struct worker *all;
};

struct worker {
	struct workers *workers;
	pthread_t thread;
	unsigned number;
	rondo_loop *loop;		/* under workers->lock; NULL unless running */
	rondo_task *main_task;
};

static __thread unsigned worker_number;

unsigned rondo_worker(void)
{
	return worker_number;
}

static void cancel_main(void *arg)
{
	rondo_cancel(arg);
}

/* With the lock held. Failing to tell a worker (no memory) leaves it running until it ends
 * itself. */
static void stop_worker(const struct worker *w)
{
	if (w->loop && rondo_call_soon_threadsafe(w->loop, cancel_main, w->main_task) < 0)
		return;
}

static int worker_main(void *arg)
{
	struct worker *w = arg;
	int ret;

	pthread_mutex_lock(&w->workers->lock);
	w->main_task = rondo_current_task();
	w->loop = rondo_loop_current();
	if (w->workers->stopping)
		rondo_cancel(w->main_task);
	pthread_mutex_unlock(&w->workers->lock);

	ret = w->workers->main(w->workers->arg);

	pthread_mutex_lock(&w->workers->lock);
	w->loop = NULL;			/* from here on nobody may cancel it any more */
	pthread_mutex_unlock(&w->workers->lock);
	return ret;
}

static void worker_ended(struct workers *all, int ret)
{
	pthread_mutex_lock(&all->lock);
	if (ret > all->result)
		all->result = ret;
	if (ret < 0 && !all->error) {
		all->error = ret;
		all->stopping = true;
		for (unsigned i = 0; i < all->n; i++)
			stop_worker(&all->all[i]);
	}
	pthread_mutex_unlock(&all->lock);
}

static void *worker_thread(void *arg)
{
	struct worker *w = arg;

	worker_number = w->number;
	worker_ended(w->workers, rondo_run_with(w->workers->options, worker_main, w));
	worker_number = 0;
	return NULL;
}

static unsigned n_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

static void run_all(struct workers *all)
{
	unsigned n_started = 1;
	int ret = 0;

	for (; n_started < all->n && ret == 0; n_started++)
		ret = pthread_create(&all->all[n_started].thread, NULL, worker_thread,
				     &all->all[n_started]);
	if (ret) {
		n_started--;
		worker_ended(all, -ret);
	}
	worker_thread(&all->all[0]);	/* stops at once if a thread could not be started */
	for (unsigned i = 1; i < n_started; i++)
		pthread_join(all->all[i].thread, NULL);
}

int rondo_run_workers_with(const struct rondo_options *options, unsigned n_workers, rondo_fn *main,
			   void *arg)
{
	struct workers all = { .options = options, .main = main, .arg = arg,
			       .n = n_workers ? n_workers : n_cpus() };

	if (rondo__loop)
		return -EBUSY;
	all.all = calloc(all.n, sizeof(*all.all));
	if (!all.all)
		return -ENOMEM;
	for (unsigned i = 0; i < all.n; i++)
		all.all[i] = (struct worker){ .workers = &all, .number = i };
	pthread_mutex_init(&all.lock, NULL);
	run_all(&all);
	pthread_mutex_destroy(&all.lock);
	free(all.all);
	return all.error ? all.error : all.result;
}

int rondo_run_workers(unsigned n_workers, rondo_fn *main, void *arg)
{
	return rondo_run_workers_with(NULL, n_workers, main, arg);
}
