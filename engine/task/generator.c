/* SPDX-License-Identifier: MIT */
/* generator.c - a task that hands out values when it is asked: R9, `async for`.
 *
 *            rondo_generator_next            rondo_generator_yield
 *   idle -----------------------> asked -------------------------> idle
 *                                   |      the body returns
 *                                   +------------------------> over
 *
 * Body and asker take turns: `asking` is set from the question to the answer, and the body waits
 * while it is not. */
#include "rondo/generator.h"

#include <stdio.h>
#include <string.h>

#include "task/task.h"

/* On the stack of who asks. */
struct asking {
	struct wait wait;
	struct generator *generator;
	void *value;
	int result;
	bool forwarded;			/* the body was asked to stop because we were */
};

struct generator {
	struct rondo_task *task;
	rondo_fn *body;
	struct asking *asking;
	uint32_t value_size;
	bool over;			/* the body has ended */
	bool ending;			/* it gets no more values out */
};

_Static_assert(sizeof(struct generator) <= sizeof(struct rondo_generator),
	       "struct rondo_generator is too small");

static struct generator *generator_of(struct rondo_generator *g)
{
	return (struct generator *)g;
}

/* A request that was handed on came too late for the body: it is the asker's again (O3). */
static void hand_back(const struct asking *a, struct rondo_task *body)
{
	struct rondo_task *asker = a->wait.task;

	if (!a->forwarded || !body->must_cancel)
		return;
	body->must_cancel = false;
	asker->must_cancel = asker->cancel_late = asker->n_cancels > 0;
}

static void answer(struct generator *g, const void *value, int result)
{
	struct asking *a = g->asking;

	if (!a)
		return;
	g->asking = NULL;
	if (value)
		memcpy(a->value, value, g->value_size);
	a->result = result;
	hand_back(a, g->task);
	rondo__wake(a->wait.task);
}

/* --- the body -------------------------------------------------------------------------------- */

static const struct wait_class idle_class = {
	.name = "somebody to ask for its next value", .cancel = wait_cancel_now,
};

static int wait_for_question(struct generator *g)
{
	struct wait w = { .class = &idle_class, .task = g->task };

	if (g->asking)
		return 0;
	if (g->ending || g->task->must_cancel)
		return task_deliver(g->task);
	rondo__park(&w);
	return rondo__wait_result(&w, 0);
}

/* Nobody is asking if the asker gave up, which happens only where tasks wait in a circle. */
int rondo_generator_yield(struct rondo_generator *generator, const void *value)
{
	struct generator *g = generator_of(generator);
	int ret;

	if (unlikely(g->task != rondo__self()))
		BUG("a generator's yield was called by another task than its own");
	ret = wait_for_question(g);
	if (ret < 0)
		return ret;
	answer(g, value, 0);
	return wait_for_question(g);
}

static void body_ended(struct generator *g, int result)
{
	g->over = true;
	g->task->retrieved |= g->asking != NULL;
	answer(g, NULL, result < 0 ? result : -RONDO_EEND);
}

static int run_body(void *state)
{
	struct generator *g = state;
	int ret = wait_for_question(g);

	if (ret == 0)
		ret = g->body(state);
	body_ended(g, ret);
	return ret;
}

/* Cancelled before it had begun. */
static void dropped(void *state)
{
	body_ended(state, -ECANCELED);
}

struct rondo_generator *rondo_generator_open(rondo_fn *body, const void *state, size_t state_size,
					     size_t value_size, const char *name)
{
	const struct rondo_task_options o = {
		.name = name, .copy = state, .copy_size = state_size, .on_drop = dropped,
	};
	struct rondo_task *t = rondo_create_task_with(&o, run_body, NULL);
	struct generator *g;

	if (!t)
		return NULL;
	g = t->arg;
	g->task = t;
	g->body = body;
	g->value_size = (uint32_t)value_size;
	return t->arg;
}

/* --- who asks -------------------------------------------------------------------------------- */

static void asking_forward(struct wait *w, struct cancel_request *r)
{
	struct asking *a = container_of(w, struct asking, wait);

	a->forwarded = true;
	rondo__cancel_forward(r, a->generator->task);
}

/* Only when tasks wait for each other in a circle. */
static bool asking_cancel(struct wait *w)
{
	struct asking *a = container_of(w, struct asking, wait);

	a->generator->asking = NULL;
	a->result = -ECANCELED;
	return wait_cancel_now(w);
}

static void asking_describe(const struct wait *w, char *buf, size_t size)
{
	const struct asking *a = container_of(w, const struct asking, wait);

	snprintf(buf, size, "the next value of '%s'", rondo_task_name(a->generator->task));
}

static const struct wait_class asking_class = {
	.name = "generator", .cancel = asking_cancel, .forward = asking_forward,
	.describe = asking_describe,
};

/* Whatever the answer is, it is here: a cancel that comes after it is for the next await. */
static int ask(struct generator *g, struct rondo_task *self, void *value)
{
	struct asking a = {
		.wait = { .class = &asking_class, .task = self }, .generator = g, .value = value,
	};

	if (self->must_cancel)
		return task_deliver(self);
	g->asking = &a;
	if (g->task->wait && g->task->wait->class == &idle_class)
		rondo__wake(g->task);
	rondo__park(&a.wait);
	return a.result;
}

int rondo_generator_next(struct rondo_generator *generator, void *value)
{
	struct generator *g = generator_of(generator);
	struct rondo_task *self = rondo__self();

	if (!g)
		return -ENOMEM;
	if (g->task->loop != self->loop)
		return -RONDO_EWRONGLOOP;
	if (g->task == self)
		return -EDEADLK;
	if (g->asking)
		return -EBUSY;
	return g->over ? -RONDO_EEND : ask(g, self, value);
}

int rondo_generator_end(struct rondo_generator *generator, int result)
{
	struct generator *g = generator_of(generator);
	struct rondo_mask mask;
	bool was_over;
	int ret;

	if (!g)
		return result;
	if (g->asking || g->task == rondo__self())
		return -EBUSY;
	was_over = g->over;
	g->ending = true;
	rondo_cancel(g->task);
	rondo_mask_begin(&mask);
	ret = rondo_await(g->task);		/* and the generator is gone */
	rondo_mask_end(&mask);
	if (result == -RONDO_EEND)
		result = 0;
	return result == 0 && !was_over && ret < 0 && ret != -ECANCELED ? ret : result;
}
