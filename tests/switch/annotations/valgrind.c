/* SPDX-License-Identifier: MIT */
/* valgrind.c - what memcheck says of coroutines that switch between neighbouring stacks:
 * nothing, and the truth about a value nobody set and a write past a block. See run.sh. */
#include "coroutine.h"

enum { N = 8 };

static volatile int sink;
static struct stack_pool pool;
static struct coroutine all[N];

/* Straight into the next one that has not ended, as tasks do. Stacks of one slab are so near that
 * memcheck, untold, takes the switch for the push or pop of one large frame. */
static __attribute__((noinline)) void rest(void)
{
	struct coroutine *self = co_running, *next = self;

	do
		next = next == &all[N - 1] ? all : next + 1;
	while (next->ended);
	co_running = next;
	if (next != self)
		rondo__switch(&self->context, &next->context);
}

static __attribute__((noinline)) int rest_in_frames(int depth)
{
	volatile char frame[300];
	int wrong = 0;

	memset((void *)frame, depth, sizeof(frame));
	if (depth)
		wrong = rest_in_frames(depth - 1);
	else
		rest();
	for (size_t i = 0; i < sizeof(frame); i++)
		if (frame[i] != depth)
			wrong++;
	return wrong;
}

static void rest_often(void *arg)
{
	for (int i = 0; i < 10; i++)
		if (rest_in_frames(5 + *(int *)arg % 3))
			abort();
}

static __attribute__((noinline)) void use_what_was_not_set(void)
{
	int values[8];
	int *volatile p = values;

	rest();
	if (p[3] == 7)
		sink = 1;
}

static void use_unset(void *arg)
{
	(void)arg;
	use_what_was_not_set();
}

static __attribute__((noinline)) void write_past_the_block(void)
{
	volatile char *p = malloc(10);

	rest();
	p[10] = 1;
	free((void *)p);
}

static void overflow_a_block(void *arg)
{
	(void)arg;
	write_past_the_block();
}

/* Where the block of a task lies, no frame is ever pushed: only the pool can say that it is new. */
static __attribute__((noinline)) void use_what_the_last_life_left(void)
{
	struct stack *s = rondo__stack_get(&pool, 0);
	volatile int *block = (volatile int *)((char *)s - 64);

	*block = 7;
	rondo__stack_put(&pool, s);
	if (rondo__stack_get(&pool, 0) != s)
		abort();
	if (*block == 7)
		sink = 1;
	rondo__stack_put(&pool, s);
}

static void run(void (*body)(void *))
{
	int numbers[N];

	for (int i = 0; i < N; i++) {
		numbers[i] = i;
		co_new(&all[i], &pool, body, &numbers[i]);
	}
	co_run_all(all, N);
	for (int i = 0; i < N; i++)
		rondo__stack_put(&pool, all[i].stack);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	rondo__context_of_thread(&co_main);
	rondo__stack_pool_init(&pool);
	run(rest_often);	/* so that what follows runs on used stacks */
	if (strcmp(mode, "unset") == 0)
		run(use_unset);
	else if (strcmp(mode, "stale") == 0)
		use_what_the_last_life_left();
	else if (strcmp(mode, "overflow") == 0)
		run(overflow_a_block);
	else
		run(rest_often);
	rondo__stack_pool_free(&pool);
	return 0;
}
