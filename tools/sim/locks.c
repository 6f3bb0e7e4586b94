/* SPDX-License-Identifier: MIT */
/* locks.c - workload: actors use locks, rwlocks, semaphores, events, a condition, a barrier and
 * queues at random, under time limits, in regions that put off cancels and in groups, and are cancelled at
 * any moment; beside each object is a model of asyncio's rules.
 *
 * What is promised: who came first is served first, and at once when there is nothing to wait for;
 * what was given to somebody is his one turn later; a cancel ends a wait in one turn, wins over what
 * was just granted, comes to nobody else and leaves nothing behind; and in the end everybody has
 * ended, for the keeper helps only those who wait for what is really not there. */
#include "sim/locks.h"

enum { ACTORS_MAX = 64, STEPS_MAX = 16, CHILDREN_MAX = 3, FOCUS = 19 };

/* --- may it be cancelled? -------------------------------------------------------------------- */

static bool is_masked(const struct actor *a)
{
	const struct scope *s = a->scope;

	while (s && !s->is_mask)
		s = s->outer;
	return s;
}

/* Has anybody outside its current call, which is not a group that it owns, asked it to stop? */
static bool is_disturbed(const struct actor *a)
{
	const struct scope *s = a->scope;

	for (; s && !s->is_mask; s = s->outer)
		if (rondo_timeout_expired(s->limit))
			return true;
	return !s && (a->n_asked || (a->owner && (*a->alarm || is_disturbed(a->owner))));
}

static bool may_be_cancelled(const struct actor *a)
{
	const struct scope *s = a->scope;

	if (a->alarm && *a->alarm)
		return true;
	for (; s && !s->is_mask; s = s->outer)
		if (rondo_timeout_expired(s->limit))
			return true;
	return !s && (a->pending || a->perhaps || (a->owner && is_disturbed(a->owner)));
}

static void was_told(struct actor *a)
{
	if (!is_masked(a))
		a->pending = a->perhaps = false;
}

void locks_ran(struct scene *s)
{
	s->n_runs++;
}

int locks_awaited(struct actor *a, int ret)
{
	locks_ran(a->scene);
	if (ret != -ECANCELED)
		return ret;
	if (!may_be_cancelled(a))
		rondo_sim_fail("a task was cancelled that nobody cancels");
	was_told(a);
	return ret;
}

/* A cancel beats what a pure wait was just granted. */
static void must_not_be_pending(const struct actor *a, int ret)
{
	if (ret == 0 && a->pending && !is_masked(a))
		rondo_sim_fail("a wait went well for a task that was asked to stop");
}

/* --- lines ----------------------------------------------------------------------------------- */

void locks_enter(struct actor *a, struct line *l)
{
	a->line = l;
	a->ticket = ++a->scene->n_tickets;
	a->n_runs = ++a->scene->n_runs;
	a->overtaken = false;
	a->class = a->may_pass = 0;
	a->next = NULL;
	a->prev = l->last;
	*(a->prev ? &a->prev->next : &l->first) = a;
	l->last = a;
	l->n++;
}

static void step_out(struct actor *a)
{
	struct line *l = a->line;

	*(a->prev ? &a->prev->next : &l->first) = a->next;
	*(a->next ? &a->next->prev : &l->last) = a->prev;
	a->line = NULL;
	l->n--;
}

int locks_leave(struct actor *a, bool at_once, int ret)
{
	bool parked = a->scene->n_runs != a->n_runs;

	if (at_once && (parked || ret != 0))
		rondo_sim_fail("a task waited for %s that was free, and got %d",
			       a->line->what, ret);
	if (ret == 0 && a->overtaken)
		rondo_sim_fail("a task got %s after one that came later", a->line->what);
	if (parked)
		must_not_be_pending(a, ret);
	for (struct actor *p = a->prev; p && ret == 0 && !a->line->any_order; p = p->prev)
		p->overtaken |= parked || !(a->may_pass >> p->class & 1);
	step_out(a);
	return locks_awaited(a, ret);
}

bool locks_is_quiet(struct actor *a, unsigned n_turns)
{
	uint64_t ticket = a->scene->n_tickets, n_runs = a->scene->n_runs + n_turns;

	for (unsigned i = 0; i < n_turns; i++)
		if (locks_awaited(a, rondo_yield()) < 0)
			return false;
	return a->scene->n_tickets == ticket && a->scene->n_runs == n_runs;
}

unsigned locks_n_live(const struct line *l)
{
	unsigned n = 0;

	for (const struct actor *a = l->first; a; a = a->next)
		n += !may_be_cancelled(a);
	return n;
}

static int yield(struct actor *a)
{
	int ret = rondo_yield();

	must_not_be_pending(a, ret);
	return locks_awaited(a, ret);
}

/* Is somebody in the line who came up to this ticket? */
static bool is_there(const struct line *l, uint64_t first, uint64_t last)
{
	for (const struct actor *a = l->first; a; a = a->next)
		if (a->ticket >= first && a->ticket <= last)
			return true;
	return false;
}

static bool ask_to_stop(struct actor *a)
{
	if (rondo_cancel(a->task) == a->ended)
		rondo_sim_fail("a task that %s cancelled",
			       a->ended ? "has ended was" : "runs was not");
	if (a->ended)
		return false;
	a->n_asked++;
	a->pending = true;
	return true;
}

void locks_be_cruel(const struct line *l)
{
	if (l->first && l->first->is_principal && locks_below(4) == 0)
		ask_to_stop(l->first);
}

int locks_hand_on(struct actor *a, const struct line *l)
{
	uint64_t ticket = l->first ? l->first->ticket : 0;
	int ret;

	locks_be_cruel(l);
	if (!ticket || locks_below(2))
		return 0;
	ret = yield(a);
	if (ret == 0 && is_there(l, ticket, ticket))
		rondo_sim_fail("the first in line did not get %s", l->what);
	return ret;
}

int locks_release_all(struct actor *a, const struct line *l)
{
	uint64_t ticket = a->scene->n_tickets;
	int ret;

	if (!l->first)
		return 0;
	ret = yield(a);
	if (ret == 0 && is_there(l, 0, ticket))
		rondo_sim_fail("not all were woken who waited for %s", l->what);
	return ret;
}

/* --- what takes time ------------------------------------------------------------------------- */

/* Memory may be short, now and then. */
static int pong(void *arg)
{
	ssize_t ret;

	while ((ret = rondo_write(*(int *)arg, "", 1)) < 0 && ret != -ECANCELED)
		if (rondo_sleep(0.001) < 0)
			return -ECANCELED;
	return (int)ret;
}

static int read_byte(struct actor *a, int fds[2])
{
	rondo_task *t = rondo_create_task(pong, &fds[1]);
	char c;
	int ret = locks_awaited(a, (int)rondo_read(fds[0], &c, 1));

	if (ret < 0)
		rondo_cancel(t);
	(void)rondo_await(t);
	locks_ran(a->scene);
	if (!is_masked(a)) {		/* it went to the other task, or comes next */
		a->perhaps |= a->pending;
		a->pending = false;
	}
	return ret == -ECANCELED ? ret : 0;
}

static int ping(struct actor *a)
{
	int fds[2], ret = locks_awaited(a, rondo_pipe(fds, 0));

	if (ret < 0)
		return ret == -ECANCELED ? ret : 0;
	ret = read_byte(a, fds);
	for (int i = 0; i < 2; i++)
		if (rondo_close(fds[i]) == -EBADF)
			rondo_sim_fail("a pipe was closed by somebody else");
	locks_ran(a->scene);
	return ret;
}

int locks_pause(struct actor *a)
{
	int ret;

	switch (locks_below(6)) {
	case 0:
		return 0;
	case 1:
		return ping(a);
	case 2:
	case 3:
		return yield(a);
	default:
		ret = rondo_sleep_ns(rondo_sim_random() % (locks_below(2) ? 1000000 : 1000));
		must_not_be_pending(a, ret);
		return locks_awaited(a, ret);
	}
}

/* --- steps, and what they are wrapped in ----------------------------------------------------- */

static int any_step(struct actor *a)
{
	static locks_step *const steps[FOCUS] = {
		locks_use_lock, locks_use_lock, locks_use_two, locks_use_rwlock, locks_use_rwlock,
		locks_use_semaphore, locks_use_semaphore, locks_wait_event, locks_set_event,
		locks_use_condition, locks_use_condition, locks_use_barrier, locks_get, locks_get,
		locks_put, locks_put, locks_join, locks_try_queue, locks_pause,
	};

	unsigned i;

	do
		i = locks_below(FOCUS);
	while (!(a->scene->focus >> i & 1));
	return steps[i](a);
}

/* Requests that a limit begun here would count. */
static unsigned n_requests(const struct actor *a)
{
	const struct scope *s = a->scope;
	unsigned n = 0;

	for (; s && !s->is_mask; s = s->outer)
		n += rondo_timeout_expired(s->limit);
	return n + (s ? 0 : a->n_asked);
}

static int wrapped(struct actor *a, unsigned depth);

static int with_mask(struct actor *a, unsigned depth)
{
	struct scope scope = { .outer = a->scope, .is_mask = true };
	struct rondo_mask mask;
	int ret;

	rondo_mask_begin(&mask);
	a->scope = &scope;
	ret = wrapped(a, depth + 1);
	a->scope = scope.outer;
	rondo_mask_end(&mask);
	return ret;
}

/* Only children's requests are not all known. */
static void check_limit(struct actor *a, struct rondo_timeout *limit, int ret, unsigned n_before)
{
	bool expired = rondo_timeout_expired(limit);
	int wanted = ret == -ECANCELED && expired && n_requests(a) <= n_before ? -ETIMEDOUT : ret;
	int end = rondo_timeout_end(limit, ret);

	if (expired && rondo_now_ns() < rondo_timeout_when(limit))
		rondo_sim_fail("a time limit was early");
	if (end != wanted && !a->owner)
		rondo_sim_fail("a time limit made %d of %d, and not %d", end, ret, wanted);
	a->perhaps |= expired && a->n_asked;
}

static int with_limit(struct actor *a, unsigned depth)
{
	struct rondo_timeout limit;
	struct scope scope = { .outer = a->scope, .limit = &limit };
	unsigned n_before = n_requests(a);
	bool expired;
	int ret = rondo_timeout_begin(&limit, locks_below(8) ? locks_below(3000) / 1e6 : 0);

	if (ret < 0)
		return 0;
	a->scope = &scope;
	ret = wrapped(a, depth + 1);
	a->scope = scope.outer;
	expired = rondo_timeout_expired(&limit);
	check_limit(a, &limit, ret, n_before);
	return expired && ret == -ECANCELED && !is_disturbed(a) ? 0 : ret;
}

/* --- groups ---------------------------------------------------------------------------------- */

struct crowd {
	struct rondo_task_group group;
	struct actor *owner;
	bool doomed;			/* the first child will fail; others may wait for that */
	bool alarm;			/* it has reason to cancel its children */
	unsigned n_running, n_failed;
	struct child {
		struct actor actor;
		struct crowd *crowd;
	} children[CHILDREN_MAX];
};

static int wait_for_ever(struct actor *a)
{
	struct rondo_event never = RONDO_EVENT_INIT;

	return locks_awaited(a, rondo_event_wait(&never));
}

static int child(void *arg)
{
	struct child *me = arg;
	struct crowd *c = me->crowd;
	int ret;

	c->n_running++;
	me->actor = (struct actor){ .scene = c->owner->scene, .task = rondo_current_task(),
				    .owner = c->owner, .alarm = &c->alarm };
	ret = c->doomed && me != c->children && locks_below(2) ? wait_for_ever(&me->actor) :
								wrapped(&me->actor, 1);
	if (me == c->children && c->doomed) {
		ret = -EBADMSG;
		c->n_failed++;
		c->alarm = true;
	}
	c->n_running--;
	return ret;
}

static int crowd_body(struct actor *a, struct crowd *c)
{
	unsigned n = 1 + locks_below(CHILDREN_MAX);
	int ret = 0;

	for (unsigned i = 0; i < n && ret == 0; i++) {
		c->children[i].crowd = c;
		ret = locks_awaited(a, rondo_task_group_spawn(&c->group, child, &c->children[i]));
		if (ret == -EPERM && !c->alarm)
			rondo_sim_fail("a group does not take a child");
	}
	if (ret == 0 && locks_below(2))
		ret = c->doomed && locks_below(2) ? wait_for_ever(a) : locks_pause(a);
	if (locks_below(6) == 0) {
		c->alarm = true;
		rondo_task_group_cancel(&c->group);
	}
	return ret == -ECANCELED ? ret : 0;
}

static void check_crowd(const struct actor *a, const struct crowd *c, int ret)
{
	size_t n_errors = rondo_task_group_n_errors(&c->group);

	if (c->n_running)
		rondo_sim_fail("%u children outlived their group", c->n_running);
	if (n_errors != c->n_failed)
		rondo_sim_fail("%zu errors of %u failed children", n_errors, c->n_failed);
	if ((ret == -RONDO_EGROUP) != (n_errors > 0) || (ret < 0 && !n_errors && ret != -ECANCELED))
		rondo_sim_fail("a group with %zu errors ended with %d", n_errors, ret);
	if (ret == -ECANCELED && !is_disturbed(a))
		rondo_sim_fail("a group ended as cancelled that nobody cancels");
}

/* The group's own request is taken back at its end, but may have come together with another. */
static int with_group(struct actor *a)
{
	struct crowd c = { .owner = a, .doomed = locks_below(2) };
	struct rondo_task_group_options options = { .limit = locks_below(2) };
	bool *alarm = a->alarm;
	int ret = rondo_task_group_begin_with(&c.group, &options);

	if (ret < 0)
		return 0;
	a->alarm = &c.alarm;
	ret = crowd_body(a, &c);
	ret = rondo_task_group_end(&c.group, ret);
	a->alarm = alarm;
	locks_ran(a->scene);
	check_crowd(a, &c, ret);
	if (ret == -ECANCELED)
		was_told(a);
	a->perhaps |= a->n_asked && ret != -ECANCELED;
	if (ret != 0 || c.alarm)
		a->pending = false;
	return ret == -ECANCELED ? ret : 0;
}

static int wrapped(struct actor *a, unsigned depth)
{
	switch (depth < 3 ? locks_below(8) : 7) {
	case 0:
		return with_mask(a, depth);
	case 1:
	case 2:
		return with_limit(a, depth);
	case 3:
		return a->owner ? any_step(a) : with_group(a);
	default:
		return any_step(a);
	}
}

/* --- actors ---------------------------------------------------------------------------------- */

static void take_back(struct actor *a)
{
	unsigned n = rondo_cancelling(a->task);

	if (n != a->n_asked)
		rondo_sim_fail("%u requests are counted instead of %u", n, a->n_asked);
	while (a->n_asked) {
		a->n_asked--;
		if (rondo_uncancel(a->task) != a->n_asked)
			rondo_sim_fail("a request was not taken back");
	}
	a->pending = a->perhaps = false;
}

static int act(void *arg)
{
	struct actor *a = arg;
	int ret = 0;

	for (; a->n_steps; a->n_steps--) {
		ret = wrapped(a, 0);
		if (ret == -ECANCELED && locks_below(4) == 0)
			break;
		if (ret == -ECANCELED)
			take_back(a);
	}
	a->ended = true;
	a->scene->n_left--;
	return ret;
}

static void dropped(void *arg)
{
	struct actor *a = arg;

	a->ended = true;
	a->scene->n_left--;
	if (!a->n_asked)
		rondo_sim_fail("a task never began, and nobody has cancelled it");
}

struct cast {
	struct scene *scene;
	struct actor actors[ACTORS_MAX];
	rondo_task *tasks[ACTORS_MAX];
	unsigned n;
};

static void start_actors(struct cast *c)
{
	const struct rondo_task_options options = { .on_drop = dropped };

	for (unsigned i = 0; i < c->n; i++) {
		struct actor *a = &c->actors[i];

		*a = (struct actor){ .scene = c->scene, .n_steps = 1 + locks_below(STEPS_MAX),
				     .is_principal = true };
		a->task = c->tasks[i] = rondo_create_task_with(&options, act, a);
		if (!a->task)
			abort();
		c->scene->n_left++;
	}
}

/* Everybody's task can be asked to stop; who waits has been told one turn later. */
static int cancel_one(struct actor *a)
{
	struct line *l = a->line;
	uint64_t ticket = a->ticket;
	bool masked = is_masked(a);
	int ret;

	if (!ask_to_stop(a))
		return 0;
	ret = rondo_yield();
	locks_ran(a->scene);
	if (ret == 0 && l && !l->slow && !masked && is_there(l, ticket, ticket))
		rondo_sim_fail("a task that was cancelled still waits for %s", l->what);
	return ret;
}

static int disturb(void *arg)
{
	struct cast *c = arg;
	unsigned n = locks_below(2 * c->n);
	int ret = 0;

	while (ret == 0 && n-- && c->scene->n_left) {
		ret = locks_below(4) ? rondo_sleep_ns(rondo_sim_random() % 2000000) : rondo_yield();
		locks_ran(c->scene);
		if (ret == 0)
			ret = cancel_one(&c->actors[locks_below(c->n)]);
	}
	return ret;
}

static int keep(struct scene *s)
{
	struct actor keeper = { .scene = s, .task = rondo_current_task() };
	int ret = 0;

	while (ret == 0 && s->n_left) {
		ret = rondo_sleep_ns(rondo_sim_random() % 2000000);
		locks_ran(s);
		if (ret == 0)
			ret = locks_sync_keep(&keeper);
		if (ret == 0)
			ret = locks_queues_keep(&keeper);
	}
	return ret < 0 ? ret : locks_sync_end(s);
}

static int locks_main(void *arg)
{
	const struct workload_run *run = arg;
	struct scene scene = { 0 };
	struct cast cast = { .scene = &scene };
	rondo_task *disturber;
	int ret;

	cast.n = run->n_tasks < ACTORS_MAX ? run->n_tasks : ACTORS_MAX;
	scene.focus = locks_below(2) ? UINT64_MAX : rondo_sim_random() & rondo_sim_random();
	scene.focus |= UINT64_C(1) << locks_below(FOCUS);
	locks_sync_open(&scene);
	locks_queues_open(&scene);
	start_actors(&cast);
	disturber = rondo_create_task(disturb, &cast);
	ret = keep(&scene);
	if (ret == 0)
		ret = rondo_await(disturber);
	if (ret == 0)
		ret = rondo_gather(cast.n, cast.tasks, NULL, RONDO_GATHER_ALL);
	locks_sync_close(&scene);
	locks_queues_close(&scene);
	return ret;
}

const struct workload workload_locks = {
	.name = "locks", .what = "locks, queues and their like, against a model of asyncio's rules",
	.main = locks_main, .n_tasks = 8,
};
