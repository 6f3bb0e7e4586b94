/* SPDX-License-Identifier: MIT */
/* program_tasks.c - instructions of programs: tasks, and what joins and cancels them. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "fuzz/program.h"

/* What a new task gets a copy of. */
struct start {
	struct program *p;
	unsigned routine;
	struct rondo_task_group *group;
};

static int task_main(void *arg)
{
	const struct start *s = arg;
	struct context c = { .p = s->p, .routine = s->routine, .group = s->group,
			     .is_listed = !s->group };
	int ret = program_call(&c, 0);

	s->p->n_ended++;
	return ret;
}

static void task_dropped(void *arg)
{
	((struct start *)arg)->p->n_dropped++;
}

static unsigned later_routine(const struct context *c, unsigned which)
{
	unsigned n = c->p->n_routines - c->routine;

	return n > 1 ? c->routine + 1 + which % (n - 1) : UINT32_MAX;
}

/* May the caller start one more task? Fills in how. */
static bool may_start(struct context *c, const struct instruction *in, struct start *s,
		      struct rondo_task_options *o)
{
	*s = (struct start){ c->p, later_routine(c, in->a), c->group };
	if (s->routine == UINT32_MAX || !c->p->n_tasks)
		return false;
	c->p->n_tasks--;
	*o = (struct rondo_task_options){ .copy = s, .copy_size = sizeof(*s),
					  .on_drop = task_dropped, .eager = in->c & 16 };
	return true;
}

int op_spawn(struct context *c, const struct instruction *in)
{
	rondo_task **slot = &c->p->tasks[in->b % N_SLOTS], *t;
	struct rondo_task_options o;
	struct start s;

	if (!may_start(c, in, &s, &o))
		return 0;
	s.group = NULL;			/* it may outlive that */
	c->p->n_created++;
	t = rondo_create_task_with(&o, task_main, NULL);
	if (!t)
		c->p->n_created--;
	rondo_detach(*slot);		/* an eager task may have filled it meanwhile */
	*slot = t;
	return t ? 0 : -ENOMEM;
}

int op_sleep(struct context *c, const struct instruction *in)
{
	uint64_t start = rondo_now_ns(), delay_ns = program_delay_ns(in->a);
	int ret = in->b & 1 ? rondo_sleep_until(start + delay_ns) : rondo_sleep_ns(delay_ns);

	(void)c;
	if (ret == 0 && rondo_now_ns() < start + delay_ns)
		rondo_sim_fail("a sleep was early");
	return ret;
}

int op_yield(struct context *c, const struct instruction *in)
{
	(void)c, (void)in;
	return rondo_yield();
}

static rondo_task *take(struct context *c, uint8_t which)
{
	rondo_task **slot = &c->p->tasks[which % N_SLOTS], *t = *slot;

	*slot = NULL;
	return t;
}

int op_cancel(struct context *c, const struct instruction *in)
{
	rondo_task *t = c->p->tasks[in->a % N_SLOTS];

	if (in->b % 4 == 0)
		t = rondo_current_task();
	if (!t)
		return 0;
	c->p->cancels = true;
	rondo_cancel_with(t, "by the program");
	return 0;
}

int op_await(struct context *c, const struct instruction *in)
{
	rondo_task *t = c->in_mask ? NULL : take(c, in->a);

	return t ? rondo_await(t) : 0;
}

int op_await_ref(struct context *c, const struct instruction *in)
{
	rondo_task *t = c->p->tasks[in->a % N_SLOTS];

	if (!t || c->in_mask)
		return 0;
	return in->b & 1 ? rondo_shield(rondo_task_ref(t)) : rondo_await(rondo_task_ref(t));
}

int op_shield(struct context *c, const struct instruction *in)
{
	rondo_task *t = take(c, in->a);

	return t ? rondo_shield(t) : 0;
}

int op_detach(struct context *c, const struct instruction *in)
{
	rondo_detach(take(c, in->a));
	return 0;
}

/* Handles of one's own on the tasks in some slots, perhaps with the same one twice. */
static size_t refs(struct context *c, const struct instruction *in, rondo_task **tasks)
{
	size_t n = 0;

	for (unsigned i = 0; !c->in_mask && i < 1 + (in->b & 7u); i++) {
		rondo_task *t = c->p->tasks[(in->a + i * (1 + (in->b >> 3 & 3))) % N_SLOTS];

		if (t)
			tasks[n++] = rondo_task_ref(t);
	}
	return n;
}

static void detach_all(size_t n, rondo_task **tasks)
{
	for (size_t i = 0; i < n; i++)
		rondo_detach(tasks[i]);
}

int op_gather(struct context *c, const struct instruction *in)
{
	rondo_task *tasks[N_SLOTS];
	int results[N_SLOTS], ret;
	size_t n = refs(c, in, tasks);
	unsigned flags = in->c >> 3 & 7;

	c->p->cancels |= flags & RONDO_GATHER_CANCEL_REST;
	ret = rondo_gather(n, tasks, in->c & 128 ? results : NULL, flags);
	if (flags & RONDO_GATHER_KEEP)
		detach_all(n, tasks);
	return ret;
}

int op_wait(struct context *c, const struct instruction *in)
{
	rondo_task *tasks[N_SLOTS];
	size_t n = refs(c, in, tasks);
	ssize_t ret = rondo_wait(n, tasks, in->c >> 3 & 3 ? (in->c >> 3 & 3) - 1 : 0,
				 in->c & 32 ? RONDO_FOREVER : program_seconds(in->c >> 5));

	if (ret > (ssize_t)n)
		rondo_sim_fail("%zd of %zu tasks are done", ret, n);
	for (ssize_t i = 0; i < ret; i++)
		if (rondo_task_state(tasks[i]) == RONDO_PENDING)
			rondo_sim_fail("rondo_wait() says that a pending task is done");
	detach_all(n, tasks);
	return ret < 0 ? (int)ret : 0;
}

int op_as_completed(struct context *c, const struct instruction *in)
{
	rondo_task *tasks[N_SLOTS], *t;
	size_t n = refs(c, in, tasks), n_given = 0;
	struct rondo_as_completed each;
	int ret = rondo_as_completed_begin(&each, n, tasks,
					   in->c & 8 ? RONDO_FOREVER : program_seconds(in->c >> 4));

	while (ret == 0 && n_given <= n && (ret = rondo_as_completed_next(&each, &t)) > 0) {
		n_given++;
		if (rondo_task_state(t) == RONDO_PENDING)
			rondo_sim_fail("rondo_as_completed_next() gives a pending task");
		ret = 0;
	}
	rondo_as_completed_end(&each);
	detach_all(n, tasks);
	return ret;
}

struct called {
	struct context *c;
	unsigned which;
};

static int call_later(void *arg)
{
	const struct called *d = arg;

	return program_call(d->c, 1 + d->which);
}

int op_wait_for(struct context *c, const struct instruction *in)
{
	struct called d = { c, in->a };
	uint64_t start = rondo_now_ns();
	double seconds = program_seconds(in->b);
	int ret;

	c->p->cancels = true;
	ret = rondo_wait_for(call_later, &d, seconds);
	/* One's own, or a limit's further down. */
	if (ret == -ETIMEDOUT && seconds > 0 && rondo_now_ns() < start)
		rondo_sim_fail("the clock went back");
	return ret;
}

int op_limit(struct context *c, const struct instruction *in)
{
	struct rondo_timeout limit, *outer = c->limit;
	uint64_t start = rondo_now_ns();
	int ret = rondo_timeout_begin(&limit, program_seconds(in->b));

	if (ret < 0)
		return ret;
	c->p->cancels = true;
	c->limit = &limit;
	ret = program_call(c, 1 + in->a);
	c->limit = outer;
	ret = rondo_timeout_end(&limit, ret);
	if (rondo_timeout_expired(&limit) && rondo_timeout_when(&limit) > rondo_now_ns() &&
	    rondo_timeout_when(&limit) > start)
		rondo_sim_fail("a time limit was early");
	return ret;
}

int op_reschedule(struct context *c, const struct instruction *in)
{
	if (!c->limit)
		return 0;
	return rondo_timeout_reschedule(c->limit, in->b & 1 && !c->in_mask ? UINT64_MAX :
					rondo_now_ns() + program_delay_ns(in->a));
}

/* With a limit, which is obeyed, or the end of the program could not interrupt it. And without
 * awaits of tasks: two that wait for each other, each in a region of its own, would do so for
 * ever. */
int op_mask(struct context *c, const struct instruction *in)
{
	bool outer = c->in_mask;
	struct rondo_mask mask;
	int ret;

	rondo_mask_begin(&mask);
	c->in_mask = true;
	ret = op_limit(c, in);
	c->in_mask = outer;
	rondo_mask_end(&mask);
	return ret;
}

/* Not by a task that others may await: a child that awaits the owner of its group waits for ever,
 * and no cancel can end that, as in asyncio. */
int op_group(struct context *c, const struct instruction *in)
{
	struct rondo_task_group group, *outer = c->group;
	struct rondo_task_group_options o = { .limit = in->b & 3 };
	int ret = c->in_mask || c->is_listed ? 1 :
		  rondo_task_group_begin_with(&group, &o);

	if (ret != 0)
		return ret < 0 ? ret : 0;
	c->p->cancels = true;
	c->group = &group;
	ret = program_call(c, 1 + in->a);
	c->group = outer;
	ret = rondo_task_group_end(&group, ret);
	if (rondo_task_group_n_tasks(&group))
		rondo_sim_fail("children outlived their group");
	return ret;
}

int op_group_spawn(struct context *c, const struct instruction *in)
{
	struct rondo_task_options o;
	struct start s;
	int ret;

	if (!c->group || !may_start(c, in, &s, &o))
		return 0;
	c->p->n_created++;
	ret = rondo_task_group_spawn_with(c->group, &o, task_main, NULL);
	c->p->n_created -= ret < 0;
	return ret;
}

/* No copy goes with it: the child gets its start from this frame, which waits for it. */
static int ready_main(void *arg)
{
	struct start s = *(const struct start *)arg;

	s.p->n_created++;
	if (s.routine & 1)
		(void)rondo_started(3);
	return task_main(&s);
}

int op_group_ready(struct context *c, const struct instruction *in)
{
	struct rondo_task_options o;
	struct start s;

	if (!c->group || c->in_mask || !may_start(c, in, &s, &o))
		return 0;
	return rondo_task_group_spawn_ready(c->group, ready_main, &s);
}

int op_started(struct context *c, const struct instruction *in)
{
	(void)c;
	(void)rondo_started(in->a);
	return 0;
}

int op_group_cancel(struct context *c, const struct instruction *in)
{
	rondo_task *t = take(c, in->a);

	if (!c->group) {
		rondo_detach(t);
		return 0;
	}
	if (t)				/* half of the time, what was a task becomes a child */
		return rondo_task_group_add(c->group, t);
	rondo_task_group_cancel(c->group);
	return 0;
}

int op_call(struct context *c, const struct instruction *in)
{
	return program_call(c, 1 + in->a);
}

int op_repeat(struct context *c, const struct instruction *in)
{
	int ret = 0;

	for (unsigned i = 0; i < 2u + (in->b & 3) && ret >= 0; i++)
		ret = program_call(c, 1 + in->a);
	return ret;
}

int op_uncancel(struct context *c, const struct instruction *in)
{
	(void)in;
	if (!c->p->stopping)
		rondo_uncancel(rondo_current_task());
	return 0;
}

int op_fail(struct context *c, const struct instruction *in)
{
	c->p->cancels = true;		/* a task that ends so counts as cancelled */
	return in->a & 1 ? -EBADMSG : in->a & 2 ? -ECANCELED : -ETIMEDOUT;
}

static int look_at(rondo_task *t, void *arg)
{
	char text[80];

	rondo_task_describe(t, text, sizeof(text));
	*(size_t *)arg += strlen(text) + strlen(rondo_task_name(t));
	return 0;
}

int op_look(struct context *c, const struct instruction *in)
{
	rondo_task *t = c->p->tasks[in->a % N_SLOTS];
	struct rondo_loop_stats stats;
	size_t n = 0;

	rondo_loop_stats(&stats);
	rondo_all_tasks(look_at, &n);
	if (t) {
		rondo_task_set_name(t, "looked at");
		(void)rondo_task_result(t);
		(void)rondo_cancelling(t);
	}
	return 0;
}

/* --- callbacks, futures, calls of the loop ---------------------------------------------------- */

static void call_back(rondo_task *t, void *arg)
{
	(void)t;
	*(bool *)arg = false;
}

int op_callback(struct context *c, const struct instruction *in)
{
	unsigned i = in->b % N_SLOTS;
	rondo_task *t = c->p->tasks[in->a % N_SLOTS];
	struct rondo_done_callback *callback = &c->p->callbacks[i];
	bool *is_waiting = &c->p->callback_is_waiting[i];
	int ret;

	if (*is_waiting) {
		if (rondo_task_remove_done_callback(callback))
			*is_waiting = false;
		return 0;
	}
	if (!t)
		return 0;
	ret = rondo_task_add_done_callback(t, callback, call_back, is_waiting);
	*is_waiting = ret == 0;
	return ret;
}

int op_future(struct context *c, const struct instruction *in)
{
	struct rondo_future *f = &c->p->futures[in->a % N_SLOTS];

	switch (in->b % 8) {
	case 0:
		return rondo_future_set_error(f, -EBADMSG);
	case 1:
		c->p->cancels = true;
		rondo_future_cancel(f);
		return 0;
	case 2:				/* nobody waits for a settled one, so it may begin anew */
		if (rondo_future_state(f) != RONDO_PENDING)
			rondo_future_init(f);
		return 0;
	case 3:
		return rondo_future_shield(f);
	case 4:
	case 5:
		return rondo_future_set_result(f, in->c);
	default:
		return rondo_future_await(f);
	}
}

struct loop_call {
	struct program *p;
	unsigned which;
};

static void from_the_loop(void *arg)
{
	struct program *p = arg;

	p->n_loop_calls--;
	for (unsigned i = 0; i < N_SLOTS; i++)
		rondo_event_set(&p->events[i]);
}

int op_call_soon(struct context *c, const struct instruction *in)
{
	int ret;

	(void)in;
	ret = rondo_call_soon_threadsafe(rondo_loop_current(), from_the_loop, c->p);
	c->p->n_loop_calls += ret == 0;
	return ret;
}

void program_tasks_begin(struct program *p)
{
	for (unsigned i = 0; i < N_SLOTS; i++)
		rondo_future_init(&p->futures[i]);
}

static void check_told(const struct program *p)
{
	if (p->n_created != p->n_ended + p->n_dropped)
		rondo_sim_fail("%llu tasks were created, %llu ended, %llu never ran",
			       (unsigned long long)p->n_created, (unsigned long long)p->n_ended,
			       (unsigned long long)p->n_dropped);
	for (unsigned i = 0; i < N_SLOTS; i++)
		if (p->callback_is_waiting[i])
			rondo_sim_fail("a task has ended and its callback was not called");
	if (p->n_loop_calls)
		rondo_sim_fail("a call of the loop did not come back");
}

void program_tasks_end(struct program *p)
{
	for (unsigned i = 0; i < N_SLOTS; i++)
		rondo_future_cancel(&p->futures[i]);
	/* A callback has its turn after the task's end; a call, when the eventfd is read. */
	for (unsigned i = 0; i < 1000 && (i < 3 || p->n_loop_calls); i++)
		if (rondo_sleep(i < 3 ? 0 : 0.1) < 0)
			rondo_sim_fail("the first task was cancelled");
	check_told(p);
	for (unsigned i = 0; i < N_SLOTS; i++)
		rondo_detach(p->tasks[i]);
}
