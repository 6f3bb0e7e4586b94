/* SPDX-License-Identifier: MIT */
/* event.c - a flag to wait for: rows S2, p35 of asyncio's rules. */
#include <stdio.h>

#include "sync/waiters.h"

_Static_assert(sizeof(struct rondo_event) == 24, "the size of an event is part of the ABI");

static void event_describe(const struct wait *w, char *buf, size_t size)
{
	snprintf(buf, size, "event %p to be set", waiter_of(w)->object);
}

static const struct wait_class event_class = {
	.name = "event", .cancel = rondo__waiters_cancel, .describe = event_describe,
};

int rondo_event_wait(struct rondo_event *event)
{
	struct rondo_waiter w = WAITER(event, &event_class);

	return event->is_set_ ? budget_checkpoint() : rondo__waiters_wait(&event->waiters_, &w);
}

void rondo_event_set(struct rondo_event *event)
{
	event->is_set_ = true;
	rondo__waiters_wake(&event->waiters_, SIZE_MAX);
}

void rondo_event_clear(struct rondo_event *event)
{
	event->is_set_ = false;
}

bool rondo_event_is_set(const struct rondo_event *event)
{
	return event->is_set_;
}
