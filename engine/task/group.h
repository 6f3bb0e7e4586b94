/* SPDX-License-Identifier: MIT */
/* group.h - a task group as its files share it. Layer 5. */
#ifndef RONDO_TASK_GROUP_H
#define RONDO_TASK_GROUP_H

#include "rondo/group.h"
#include "task/task.h"

enum { GROUP_ERRORS = 8 };

/* What the group does on account of a child's end is done a turn later, as by asyncio's
 * callback: what else ends in that turn is a result or an error, and not cancelled. */
struct group {
	struct wait wait;		/* the owner's, in the end */
	struct ready_call abort_call;	/* after the first error */
	struct ready_call empty_call;	/* after the last child */
	struct rondo_task *owner;
	const struct mask *mask;	/* it began in: this one does not hold back our request */
	struct list children;		/* struct task.sibling, oldest first */
	struct list spawners;		/* who waits for room, in order of arrival */
	size_t n_children;
	size_t n_granted;		/* room given to spawners that have not run yet */
	size_t limit;			/* SIZE_MAX: none */
	struct rondo_task_group_error *errors, few[GROUP_ERRORS];
	size_t errors_room, n_errors;
	bool abort_queued, empty_queued;
	bool aborting;			/* everybody was asked to stop */
	bool asked_owner;		/* it has a request of ours */
	bool ending, ended;
};

_Static_assert(sizeof(struct group) <= sizeof(struct rondo_task_group),
	       "struct rondo_task_group is too small");

static inline struct group *group_of(struct rondo_task_group *g)
{
	return (struct group *)g;
}

static inline const struct group *group_of_const(const struct rondo_task_group *g)
{
	return (const struct group *)g;
}

/* Is anybody still to come back to the group? */
static inline bool group_is_busy(const struct group *g)
{
	return g->n_children || g->n_granted || g->abort_queued || g->empty_queued;
}

static inline bool group_is_open(const struct group *g)
{
	return !g->ended && !g->aborting && (!g->ending || group_is_busy(g));
}

/* Ask every child to stop, and refuse new ones. */
void rondo__group_abort(struct group *g);
void rondo__group_add_error(struct group *g, struct rondo_task *t, int error);
/* Nobody may be left: let the owner look, a turn later. */
void rondo__group_look(struct group *g);
/* Make t a child; the group takes over the handle. */
void rondo__group_adopt(struct group *g, struct rondo_task *t);

/* Give the room that a child left to who waits for it. */
void rondo__group_give_room(struct group *g);
/* Nobody who waits will get room. */
void rondo__group_refuse_room(struct group *g);
/* The child has ended before it was ready. Returns true if somebody was told of its result. */
bool rondo__group_not_started(struct rondo_task *t);
#endif
