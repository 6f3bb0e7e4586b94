/* SPDX-License-Identifier: MIT */
/* orphan.c - children that were let go, so that none stays a zombie: a task of the loop waits for each.
 * Those that outlive the loop are in a list of the process, which whoever starts a child looks
 * through, as CPython does. */
#include <pthread.h>

#include "ring/spawn.h"
#include "stream/process.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list orphans = { &orphans, &orphans };

/* A simulated child ends with its kernel; and a copy of Linux, which a test makes, is not for ever. */
bool rondo__orphan_keep(rondo_process *p)
{
	if (p->kernel->spawn != rondo__spawn_linux)
		return false;
	p->kernel = &rondo__kernel_linux;
	p->n_refs = 1;
	pthread_mutex_lock(&lock);
	list_push(&orphans, &p->orphan);
	pthread_mutex_unlock(&lock);
	return true;
}

static int wait_for_orphan(void *arg)
{
	rondo_process *p = arg;
	int ret = rondo_process_wait(p, NULL);

	rondo__process_unref(p);
	return ret == -ECANCELED ? ret : 0;
}

static void never_waited(void *arg)
{
	rondo__process_unref(arg);
}

void rondo__orphan(rondo_process *p)
{
	const struct rondo_task_options o = { .name = "reaper", .on_drop = never_waited };
	rondo_task *task = rondo_create_task_with(&o, wait_for_orphan, p);

	if (task)
		rondo_detach(task);
	else
		rondo__process_unref(p);
}

void rondo__orphans_look(void)
{
	struct list *next;

	pthread_mutex_lock(&lock);
	for (struct list *q = orphans.next; q != &orphans; q = next) {
		rondo_process *p = container_of(q, struct rondo_process, orphan);

		next = q->next;
		rondo__process_look(p);
		if (!p->ended)
			continue;
		list_remove(q);
		rondo__process_unref(p);
	}
	pthread_mutex_unlock(&lock);
}
