/* SPDX-License-Identifier: MIT */
/* waiters.c - see waiters.h. */
#include "sync/waiters.h"

#include <stdio.h>

void rondo__waiters_wake(struct rondo_waiters *list, size_t n)
{
	while (n-- && list->first_) {
		struct rondo_waiter *w = list->first_;

		waiters_remove(w);
		waiter_wake(w);
	}
}

bool rondo__waiters_cancel(struct wait *w)
{
	waiters_remove(waiter_of(w));
	return wait_cancel_now(w);
}

int rondo__waiters_wait(struct rondo_waiters *list, struct rondo_waiter *w)
{
	struct rondo_task *self = w->wait.task;

	if (unlikely(waiters_are_foreign(list, w)))
		return -RONDO_EWRONGLOOP;
	if (unlikely(self->must_cancel)) {
		w->wait.cancelled = true;
		rondo__requeue(self);		/* not a yield: as with a sleep, it ends here */
	} else {
		waiters_push(list, w);
		rondo__park(&w->wait);
	}
	return rondo__wait_result(&w->wait, 0);
}

void rondo__waiters_name_task(const struct loop *l, uint64_t id, char *buf, size_t size)
{
	for (struct list *p = l->tasks.next; p != &l->tasks; p = p->next) {
		struct rondo_task *t = container_of(p, struct rondo_task, link);

		if (t->id == id && t->state == RONDO_PENDING) {
			snprintf(buf, size, "%s", rondo_task_name(t));
			return;
		}
	}
	snprintf(buf, size, "Task-%llu, which has ended", (unsigned long long)id);
}
