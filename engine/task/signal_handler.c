/* SPDX-License-Identifier: MIT */
/* signal_handler.c - asyncio's add_signal_handler (row N1): a task for each, which receives and calls. */
#include <errno.h>
#include <stdlib.h>

#include "io/signal.h"
#include "task/run.h"

struct signal_handler {
	struct list link;		/* in run->signal_handlers; in none: removed */
	rondo_task *task;
	rondo_signal *receiver;
	int signal;
	void (*call)(void *arg);
	void *arg;
};

static struct list *handlers(void)
{
	return &container_of(rondo__self()->loop, struct run, loop)->signal_handlers;
}

static struct signal_handler *find(int signal)
{
	struct list *all = handlers();

	for (struct list *p = all->next; p != all; p = p->next) {
		struct signal_handler *h = container_of(p, struct signal_handler, link);

		if (h->signal == signal)
			return h;
	}
	return NULL;
}

static int handle(void *arg)
{
	struct signal_handler *h = arg;
	int ret;

	while ((ret = rondo_signal_next(h->receiver, NULL)) >= 0)
		if (!list_empty(&h->link))
			h->call(h->arg);
	list_remove(&h->link);
	(void)rondo_signal_close(h->receiver);
	free(h);
	return ret;
}

/* Removed before it began. A close may wait, and this is no task. */
static void drop(void *arg)
{
	struct signal_handler *h = arg;

	list_remove(&h->link);
	rondo__signal_drop(h->receiver);
	free(h);
}

static int start(struct signal_handler *h)
{
	const struct rondo_task_options o = { .name = "signal handler", .on_drop = drop };
	int ret = rondo_signal_open_one(h->signal, &h->receiver);

	if (ret < 0)
		return ret;
	h->task = rondo_create_task_with(&o, handle, h);
	if (!h->task) {
		rondo__signal_drop(h->receiver);
		return -ENOMEM;
	}
	list_push(handlers(), &h->link);
	rondo_detach(h->task);
	return 0;
}

int rondo_add_signal_handler(int signal, void (*call)(void *arg), void *arg)
{
	struct signal_handler *h = find(signal);
	int ret;

	if (h) {
		h->call = call;
		h->arg = arg;
		return 0;
	}
	h = calloc(1, sizeof(*h));
	if (!h)
		return -ENOMEM;
	*h = (struct signal_handler){ .signal = signal, .call = call, .arg = arg };
	list_init(&h->link);
	ret = start(h);
	if (ret < 0)
		free(h);
	return ret;
}

/* The task ends by itself; what has come already is not called any more. */
int rondo_remove_signal_handler(int signal)
{
	struct signal_handler *h = find(signal);

	if (!h)
		return 0;
	list_remove(&h->link);
	rondo__signal_leave(h->receiver);
	rondo_cancel(h->task);
	return 1;
}
