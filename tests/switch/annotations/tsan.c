/* SPDX-License-Identifier: MIT */
/* tsan.c - what ThreadSanitizer says of coroutines on two threads: nothing when they share
 * nothing, the race when they do. See run.sh. */
#include <pthread.h>

#include "coroutine.h"

/* More frames in suspended coroutines than one thread's shadow stack has room for (65,536). */
enum { N = 700, DEPTH = 300, N_RACING = 2 };

static int shared;
static pthread_barrier_t both_ran;

static __attribute__((noinline)) int rest_in_frames(int depth)
{
	volatile int below = depth;

	if (depth)
		below += rest_in_frames(depth - 1);
	else
		co_yield();
	return below;
}

static void rest_deep(void *arg)
{
	(void)arg;
	rest_in_frames(DEPTH);
}

static __attribute__((noinline)) void increment_shared(void)
{
	shared++;
}

static void race(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++) {
		increment_shared();
		co_yield();
	}
}

static void run(void (*body)(void *), unsigned n)
{
	struct coroutine *c = calloc(n, sizeof(*c));
	struct stack_pool pool;

	if (!c)
		abort();
	rondo__context_of_thread(&co_main);
	rondo__stack_pool_init(&pool);
	for (unsigned i = 0; i < n; i++)
		co_new(&c[i], &pool, body, NULL);
	co_run_all(c, n);
	/* A race is told with both its stacks, so the first racer's fiber must still be there. */
	pthread_barrier_wait(&both_ran);
	rondo__stack_pool_free(&pool);
	free(c);
}

static void *run_deep(void *unused)
{
	run(rest_deep, N);
	return unused;
}

static void *run_racing(void *unused)
{
	run(race, N_RACING);
	return unused;
}

/* More stacks in all than TSan has room for at once (8,128 fibers in gcc's). */
static void run_many_pools(void)
{
	struct stack_pool pool;

	for (int n = 0; n < 9; n++) {
		rondo__stack_pool_init(&pool);
		for (int i = 0; i < 950; i++)
			if (!rondo__stack_get(&pool, 0))
				abort();
		rondo__stack_pool_free(&pool);
	}
}

int main(int argc, char **argv)
{
	void *(*body)(void *) = argc > 1 && strcmp(argv[1], "race") == 0 ? run_racing : run_deep;
	pthread_t threads[2];

	if (argc > 1 && strcmp(argv[1], "pools") == 0) {
		run_many_pools();
		return 0;
	}
	pthread_barrier_init(&both_ran, NULL, 2);
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, body, NULL))
			return 2;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
