/* SPDX-License-Identifier: MIT */
/* coroutine.h - the least that can be called a coroutine, over the engine's switch and stacks:
 * what the annotation programs share. */
#ifndef RONDO_TESTS_COROUTINE_H
#define RONDO_TESTS_COROUTINE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "switch/stack.h"
#include "switch/switch.h"

struct coroutine {
	struct context context;
	struct stack *stack;
	void (*body)(void *arg);
	void *arg;
	bool ended;
};

static __thread struct context co_main;
static __thread struct coroutine *co_running;

static void co_entry(void *arg)
{
	struct coroutine *c = arg;

	rondo__switch_entered(&c->context);
	c->body(c->arg);
	c->ended = true;
	rondo__switch_last(&c->context, &co_main);
}

static inline void co_new(struct coroutine *c, struct stack_pool *p, void (*body)(void *),
			  void *arg)
{
	*c = (struct coroutine){ .stack = rondo__stack_get(p, 0), .body = body, .arg = arg };
	if (!c->stack)
		abort();
	rondo__context_init(&c->context, c->stack->base, c->stack, co_entry, c);
	san_context_on_stack(&c->context.san, &c->stack->san);
}

static __attribute__((noinline)) void co_resume(struct coroutine *c)
{
	co_running = c;
	rondo__switch(&co_main, &c->context);
}

static __attribute__((noinline)) void co_yield(void)
{
	rondo__switch(&co_running->context, &co_main);
}

static inline void co_run_all(struct coroutine *c, unsigned n)
{
	for (unsigned n_ended = 0; n_ended < n;)
		for (unsigned i = n_ended = 0; i < n; i++) {
			if (!c[i].ended)
				co_resume(&c[i]);
			n_ended += c[i].ended;
		}
}
#endif
