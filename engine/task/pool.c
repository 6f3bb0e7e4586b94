/* SPDX-License-Identifier: MIT */
/* pool.c - threads that take jobs from a queue, end when idle, and are joined. See pool.h. */
#include "task/pool.h"

#include <dlfcn.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "loop/timer.h"
#include "rondo/time.h"

enum { MAX_THREADS = 32, MORE_THAN_CPUS = 4, IDLE_SECONDS = 10 };

__thread struct job *rondo__job;

static unsigned default_max_threads(void)
{
	cpu_set_t set;
	unsigned n = sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;

	return n + MORE_THAN_CPUS < MAX_THREADS ? n + MORE_THAN_CPUS : MAX_THREADS;
}

void rondo__pool_init(struct pool *p, const struct rondo_pool_options *o)
{
	pthread_condattr_t monotonic;

	*p = (struct pool){
		.max_threads = o->max_threads ? o->max_threads : default_max_threads(),
		.idle_ns = rondo__timer_ns(o->idle_seconds > 0 ? o->idle_seconds : IDLE_SECONDS),
	};
	strncpy(p->name, o->name ? o->name : "rondo-pool", sizeof(p->name) - 1);
	list_init(&p->queue);
	list_init(&p->running);
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&p->work, &monotonic);
	pthread_cond_init(&p->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

void rondo__pool_free(struct pool *p)
{
	pthread_cond_destroy(&p->ended);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
}

/* --- a thread -------------------------------------------------------------------------------- */

struct timespec rondo__pool_deadline(uint64_t ns)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	ns += (uint64_t)t.tv_nsec;
	t.tv_sec += (time_t)(ns / 1000000000u);
	t.tv_nsec = (long)(ns % 1000000000u);
	return t;
}

/* With the lock held. NULL: it is time to end. */
static struct job *next_job(struct pool *p)
{
	const struct timespec end = rondo__pool_deadline(p->idle_ns);
	int ret = 0;

	p->n_idle++;
	while (list_empty(&p->queue) && !p->closing && ret == 0)
		ret = pthread_cond_timedwait(&p->work, &p->lock, &end);
	p->n_idle--;
	if (list_empty(&p->queue))
		return NULL;
	p->n_queued--;
	return container_of(list_pop(&p->queue), struct job, link);
}

static void run_job(struct job *j)
{
	rondo__job = j;
	j->result = j->fn(j->arg);
	rondo__job = NULL;
}

/* It may be on the stack of a task that returns as soon as it is posted (H3). */
static void deliver(struct job *j, bool abandoned)
{
	struct rondo_loop *loop = j->loop;

	if (abandoned)
		j->done.drop(&j->done);
	else if (rondo__remote_call(loop, &j->done) < 0)
		BUG("a loop ended while a task of it waited for a thread");
	rondo_loop_unref(loop);
}

/* With the lock held, which is given up while the job runs. */
static void take_job(struct pool *p, struct job *j)
{
	bool abandoned;

	j->state = JOB_RUNNING;
	list_push(&p->running, &j->link);
	pthread_mutex_unlock(&p->lock);
	run_job(j);
	pthread_mutex_lock(&p->lock);
	list_remove(&j->link);
	j->state = JOB_OVER;
	abandoned = j->abandoned;
	pthread_mutex_unlock(&p->lock);
	deliver(j, abandoned);
	pthread_mutex_lock(&p->lock);
}

static void *thread_main(void *arg)
{
	struct pool *p = arg;
	struct job *j;
	pthread_t dead;
	bool has_dead;

	pthread_mutex_lock(&p->lock);
	pthread_setname_np(pthread_self(), p->name);
	while ((j = next_job(p)))
		take_job(p, j);
	dead = p->dead;
	has_dead = p->has_dead;
	p->dead = pthread_self();
	p->has_dead = true;
	if (--p->n_threads == 0) {
		pthread_cond_broadcast(&p->ended);
		if (p->closer)
			rondo__pool_closer_told(p->closer);
	}
	pthread_mutex_unlock(&p->lock);
	if (has_dead)
		pthread_join(dead, NULL);
	return NULL;
}

/* The process's signals go on to the threads that had them before; a fault of the function itself
 * comes to it as ever. */
static int start_thread(struct pool *p)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS };
	sigset_t all, before;
	pthread_t thread;
	int ret;

	sigfillset(&all);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&all, faults[i]);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ret = pthread_create(&thread, NULL, thread_main, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	p->n_threads += ret == 0;
	return -ret;
}

/* --- jobs ------------------------------------------------------------------------------------ */

int rondo__pool_queue(struct pool *p, struct job *j)
{
	int ret = 0;

	pthread_mutex_lock(&p->lock);
	if (p->closing)
		ret = -ESHUTDOWN;
	else if (p->n_idle <= p->n_queued && p->n_threads < p->max_threads)
		ret = start_thread(p);
	if (ret == -ESHUTDOWN || (ret < 0 && !p->n_threads)) {
		pthread_mutex_unlock(&p->lock);
		return ret;
	}
	j->state = JOB_QUEUED;
	rondo_loop_ref(j->loop);
	list_push(&p->queue, &j->link);
	p->n_queued++;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

enum job_state rondo__pool_cancel(struct pool *p, struct job *j, bool abandon)
{
	enum job_state state;

	pthread_mutex_lock(&p->lock);
	state = j->state;
	if (state == JOB_QUEUED) {
		list_remove(&j->link);
		p->n_queued--;
		rondo_loop_unref(j->loop);
	} else if (state == JOB_RUNNING) {
		atomic_store_explicit(&j->cancelled, true, memory_order_relaxed);
		j->abandoned = abandon;
	}
	pthread_mutex_unlock(&p->lock);
	return state;
}

/* --- closing --------------------------------------------------------------------------------- */

bool rondo__pool_begin_close(struct pool *p)
{
	bool none;

	pthread_mutex_lock(&p->lock);
	p->closing = true;
	pthread_cond_broadcast(&p->work);
	none = !p->n_threads;
	pthread_mutex_unlock(&p->lock);
	return none;
}

bool rondo__pool_join(struct pool *p, const struct timespec *deadline)
{
	bool has_dead;
	int ret = 0;

	pthread_mutex_lock(&p->lock);
	while (p->n_threads && ret == 0)
		ret = deadline ? pthread_cond_timedwait(&p->ended, &p->lock, deadline) :
				 pthread_cond_wait(&p->ended, &p->lock);
	has_dead = p->has_dead && !p->n_threads;
	if (has_dead)
		p->has_dead = false;
	pthread_mutex_unlock(&p->lock);
	if (has_dead)
		pthread_join(p->dead, NULL);
	return ret == 0;
}

static void report_job(const struct pool *p, const struct job *j, const struct loop *l)
{
	const void *address = (const void *)(uintptr_t)j->fn;
	char message[192];
	Dl_info info;

	if (dladdr(address, &info) && info.dli_sname && info.dli_saddr == address)
		snprintf(message, sizeof(message), "thread pool %s: %s() still runs", p->name,
			 info.dli_sname);
	else
		snprintf(message, sizeof(message), "thread pool %s: the function at %p still runs",
			 p->name, address);
	rondo__task_report(l, NULL, message, -ETIMEDOUT);
}

/* The handler is called with the lock held, so that the jobs stay: it must not await anyway, and a
 * thread that ends can wait. */
void rondo__pool_report(struct pool *p, const struct loop *l)
{
	pthread_mutex_lock(&p->lock);
	for (struct list *e = p->running.next; e != &p->running; e = e->next)
		report_job(p, container_of(e, struct job, link), l);
	pthread_mutex_unlock(&p->lock);
}
