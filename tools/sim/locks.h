/* SPDX-License-Identifier: MIT */
/* locks.h - what the parts of the workload `locks` share: actors, and the lines in which they wait.
 *
 * Beside each object is a model of it. An actor enters the model's line right before it calls the
 * engine and leaves it right after, and nothing else runs in between; so the line has the order in
 * which the engine saw them come. */
#ifndef RONDO_TOOLS_SIM_LOCKS_H
#define RONDO_TOOLS_SIM_LOCKS_H

#include <errno.h>
#include <stdlib.h>

#include "sim/sim.h"

enum { N_LOCKS = 3, N_RWLOCKS = 1, N_SEMAPHORES = 2, N_EVENTS = 1, N_QUEUES = 2 };

struct actor;
struct scene;

/* Those who are in a call now, in order of arrival. */
struct line {
	struct actor *first, *last;
	unsigned n;
	const char *what;		/* they wait for */
	bool any_order;			/* who came later may have it earlier */
	bool slow;			/* a cancelled call may go on: it needs a lock to end */
};

/* What may end a call with -ECANCELED, or forbid it, from the inside to the outside. */
struct scope {
	struct scope *outer;
	bool is_mask;
	struct rondo_timeout *limit;	/* else */
};

struct actor {
	struct scene *scene;
	rondo_task *task;
	struct actor *owner;		/* whose group it is in; NULL: none's */
	bool *alarm;			/* has the group it is in, or owns, reason to cancel it? */
	struct line *line;		/* where it waits; NULL: nowhere */
	struct actor *next, *prev;
	uint64_t ticket;		/* of its call */
	uint64_t n_runs;		/* of the scene, when it called */
	bool overtaken;			/* so its call must fail */
	unsigned class;			/* of its call */
	unsigned may_pass;		/* those of these classes (bits), if it need not wait */
	struct scope *scope;
	unsigned n_asked;		/* requests to cancel it that it did not take back */
	bool pending;			/* one of them must end its next wait */
	bool perhaps;			/* ... or may */
	unsigned n_steps;
	bool is_principal;		/* nobody's child or helper: others may cancel it */
	bool ended;
};

/* --- the objects, and what is known of them -------------------------------------------------- */

struct lock_model {
	struct rondo_lock lock;
	struct line line;
	const struct actor *holder;
	const struct line *others;	/* who takes it again after a condition; NULL: nobody does */
	unsigned n_beside;		/* selects of which it is not the main case: not in the line */
};

struct rwlock_model {
	struct rondo_rwlock lock;
	struct line line;
	const struct actor *writer;
	unsigned n_readers;
};

struct semaphore_model {
	struct rondo_semaphore semaphore;
	struct line line;
	unsigned n_held, n_max;
	unsigned n_beside;
};

struct event_model {
	struct rondo_event event;
	struct line line;
	bool is_set;
	unsigned n_sets;
};

struct condition_model {
	struct rondo_condition condition;
	struct lock_model lock;
	struct line line;
	unsigned n_tokens;
};

struct barrier_model {
	struct rondo_barrier barrier;
	struct line line;
	unsigned n_parties;
	uint64_t seen;			/* numbers given out in this round */
	unsigned n_passed;
	bool some_twice, next_twice;	/* numbers of this round, or of the next one, may be */
	unsigned n_breaks;		/* aborts and resets */
	unsigned n_helpers;
	bool broken;
};

enum { ITEMS_MAX = 64 };

struct queue_model {
	struct rondo_queue queue;
	struct rondo_queue_options options;
	struct line getters, putters, joiners;
	uint64_t items[ITEMS_MAX];	/* what is in it, in order of arrival */
	unsigned n_items;
	uint64_t n_unfinished, n_ends;	/* ends: how often that came to nothing */
	unsigned n_users;		/* in whatever call; renewed when there is none */
	bool down;
};

struct scene {
	uint64_t n_tickets, n_runs, n_items;
	unsigned n_left;		/* actors */
	uint64_t focus;			/* which steps there are (bits) */
	struct lock_model locks[N_LOCKS];
	struct rwlock_model rwlocks[N_RWLOCKS];
	struct semaphore_model semaphores[N_SEMAPHORES];
	struct event_model events[N_EVENTS];
	struct condition_model condition;
	struct barrier_model barrier;
	struct queue_model queues[N_QUEUES];
};

/* --- calls (locks.c) ------------------------------------------------------------------------- */

static inline unsigned locks_below(unsigned n)
{
	return (unsigned)(rondo_sim_random() % n);
}

/* Before and after a call that may wait; `at_once`: it must not. Set class and may_pass in between.
 * Returns ret. */
void locks_enter(struct actor *a, struct line *l);
int locks_leave(struct actor *a, bool at_once, int ret);
/* An await that is no pure wait returned ret: was it right to be cancelled? Returns ret. */
int locks_awaited(struct actor *a, int ret);
/* Let a number of turns pass. Did nobody begin or end anything meanwhile? */
bool locks_is_quiet(struct actor *a, unsigned n_turns);
/* Those in the line who are sure not to have been cancelled. */
unsigned locks_n_live(const struct line *l);
/* Something else than an actor ran. */
void locks_ran(struct scene *s);
/* Cancel the first in line, perhaps, which was given something right now. */
void locks_be_cruel(const struct line *l);
/* What the first in line waits for is free now. It has it one turn later. */
int locks_hand_on(struct actor *a, const struct line *l);
/* All who are in the line now are to have left it one turn later. */
int locks_release_all(struct actor *a, const struct line *l);
/* Something that takes time: a yield, a sleep, a byte through a pipe. */
int locks_pause(struct actor *a);

/* --- steps: a random use of one object each -------------------------------------------------- */

typedef int locks_step(struct actor *a);

locks_step locks_use_lock, locks_use_two, locks_use_rwlock, locks_use_semaphore, locks_wait_event,
	locks_set_event, locks_use_condition, locks_use_barrier;	/* locks_sync.c */
locks_step locks_get, locks_put, locks_join, locks_try_queue;		/* locks_queue.c */

void locks_sync_open(struct scene *s);
void locks_queues_open(struct scene *s);
/* Help those on who wait for what only others can give, but never because a wake-up was lost. */
int locks_sync_keep(struct actor *keeper);
int locks_queues_keep(struct actor *keeper);
/* Send home those whom the keeper had sent. */
int locks_sync_end(struct scene *s);
/* Nobody is left: is everything as it was? */
void locks_sync_close(struct scene *s);
void locks_queues_close(struct scene *s);
#endif
