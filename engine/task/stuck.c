/* SPDX-License-Identifier: MIT */
/* stuck.c - debug mode's watchdog: a thread that sees when a step takes too long, and has the stuck
 * thread say where it is, by a signal, while it still is there. After the fact nobody could. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "switch/backtrace.h"
#include "task/debug.h"

enum { ANSWER_WITHIN_MS = 100, NS_PER_S = 1000000000 };

/* --- the signal: it belongs to the process -------------------------------------------------- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned n_users;
static int taken;			/* the signal, while there are users */
static struct sigaction before;

/* On the stuck thread, anywhere. It reads what only this thread writes, and what backtrace() needs
 * was loaded before (rondo__backtrace_prepare). */
static void on_signal(int signal, siginfo_t *info, void *ucontext)
{
	struct debug *d = rondo__loop ? debug_of(rondo__loop) : NULL;
	uint64_t step = d ? atomic_load(&d->dog.step) : 0;
	struct capture *c;
	int saved = errno;

	(void)signal, (void)info;
	if (!d || step != atomic_load(&d->dog.wanted) || !(step & 1))
		return;			/* it has just ended, or somebody else sent this */
	c = &d->dog.capture;
	c->task_id = d->task ? d->task->id : 0;
	memcpy(c->task, d->task ? d->task->name : "", d->task ? sizeof(c->task) : 1);
	c->n = rondo__backtrace_interrupted(ucontext, c->frames, STUCK_FRAMES);
	atomic_store_explicit(&c->step, step, memory_order_release);
	errno = saved;
}

/* Returns the signal, or 0 if it is not to be had. */
static int take_signal(int wanted)
{
	struct sigaction ours = { .sa_sigaction = on_signal,
				  .sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK };
	int signal = wanted ? wanted : SIGURG;

	if (signal < 0 || (n_users && signal != taken))
		return 0;
	if (!n_users) {
		if (sigaction(signal, NULL, &before) < 0 || (before.sa_flags & SA_SIGINFO) ||
		    (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) ||
		    sigaction(signal, &ours, NULL) < 0)
			return 0;
		taken = signal;
	}
	n_users++;
	return signal;
}

static int signal_acquire(int wanted)
{
	int ret;

	pthread_mutex_lock(&lock);
	ret = take_signal(wanted);
	pthread_mutex_unlock(&lock);
	return ret;
}

/* Leave it to the program if it took the signal over meanwhile. */
static void signal_release(void)
{
	struct sigaction now;

	pthread_mutex_lock(&lock);
	if (--n_users == 0 && sigaction(taken, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) &&
	    now.sa_sigaction == on_signal)
		sigaction(taken, &before, NULL);
	pthread_mutex_unlock(&lock);
}

/* --- the thread ----------------------------------------------------------------------------- */

static bool captured(const struct watchdog *dog, uint64_t step)
{
	return atomic_load_explicit(&dog->capture.step, memory_order_acquire) == step;
}

static void tell(const struct watchdog *dog, uint64_t step, uint64_t since_ns, uint64_t now_ns)
{
	const struct capture *c = &dog->capture;
	char details[DETAILS_BYTES] = "", message[96], name[32] = "";
	struct rondo_report r = { .message = message };

	snprintf(message, sizeof(message), "stuck for %.3f s without awaiting",
		 (double)(now_ns - since_ns) / NS_PER_S);
	if (captured(dog, step)) {
		rondo__debug_add_frames(details, sizeof(details), "where it is", c->frames, c->n);
		if (c->task[0])
			snprintf(name, sizeof(name), "%s", c->task);
		else if (c->task_id)
			snprintf(name, sizeof(name), "Task-%llu", (unsigned long long)c->task_id);
		r.task = name[0] ? name : NULL;
		r.details = details;
	}
	dog->options->on_stuck(&r, dog->options->on_stuck_arg);
}

/* The thread may be in the kernel, uninterruptibly: then there is no answer. */
static void ask(struct watchdog *dog, uint64_t step, uint64_t since_ns, uint64_t now_ns)
{
	const struct timespec ms = { .tv_nsec = 1000000 };

	if (dog->signal) {
		atomic_store(&dog->wanted, step);
		syscall(SYS_tgkill, getpid(), dog->tid, dog->signal);
	}
	if (!dog->options->on_stuck)
		return;
	for (int i = 0; dog->signal && i < ANSWER_WITHIN_MS && !captured(dog, step) &&
	     atomic_load(&dog->step) == step; i++)
		nanosleep(&ms, NULL);
	tell(dog, step, since_ns, now_ns);
}

static uint64_t now(void)
{
	return rondo__kernel_linux.now(&rondo__kernel_linux, CLOCK_MONOTONIC);
}

static void sleep_until(struct watchdog *dog, uint64_t when_ns)
{
	const struct timespec ts = { .tv_sec = (time_t)(when_ns / NS_PER_S),
				     .tv_nsec = (long)(when_ns % NS_PER_S) };

	pthread_cond_timedwait(&dog->wake, &dog->lock, &ts);
}

/* It looks a few times per limit; so a report comes late by a quarter of it. */
static void *run(void *arg)
{
	struct watchdog *dog = arg;
	uint64_t asked = 0;

	pthread_mutex_lock(&dog->lock);
	while (!dog->stop) {
		uint64_t step = atomic_load_explicit(&dog->step, memory_order_acquire);
		uint64_t since_ns = atomic_load(&dog->since_ns), now_ns = now();

		if ((step & 1) && step != asked && now_ns > since_ns &&
		    now_ns - since_ns >= dog->slow_ns && atomic_load(&dog->step) == step) {
			asked = step;
			pthread_mutex_unlock(&dog->lock);
			ask(dog, step, since_ns, now_ns);
			pthread_mutex_lock(&dog->lock);
			continue;
		}
		sleep_until(dog, now_ns + dog->slow_ns / 4 + 100000);
	}
	pthread_mutex_unlock(&dog->lock);
	return NULL;
}

int rondo__watchdog_start(struct watchdog *dog, struct loop *l, uint64_t slow_ns)
{
	pthread_condattr_t attributes;
	sigset_t all, old;
	int ret;

	dog->options = &l->options;
	dog->slow_ns = slow_ns;
	dog->tid = (pid_t)syscall(SYS_gettid);
	dog->signal = signal_acquire(l->options.debug_signal);
	pthread_mutex_init(&dog->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&dog->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	sigfillset(&all);		/* the program's signals are for its own threads */
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&dog->thread, NULL, run, dog);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	dog->started = ret == 0;
	return -ret;
}

void rondo__watchdog_stop(struct watchdog *dog)
{
	if (dog->started) {
		pthread_mutex_lock(&dog->lock);
		dog->stop = true;
		pthread_cond_signal(&dog->wake);
		pthread_mutex_unlock(&dog->lock);
		pthread_join(dog->thread, NULL);
		pthread_cond_destroy(&dog->wake);
		pthread_mutex_destroy(&dog->lock);
	}
	if (dog->signal)
		signal_release();
}
