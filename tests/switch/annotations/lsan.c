/* SPDX-License-Identifier: MIT */
/* lsan.c - what LeakSanitizer says of memory that only a suspended coroutine knows of
 * (nothing), and of memory that a coroutine has lost (a leak). See run.sh. */
#include <sys/mman.h>

#include "coroutine.h"

/* Several, because the last one's pointer may linger in a register of the main stack. */
enum { N = 10 };

static volatile int sink;
static struct stack_pool pool;
static struct coroutine c[N];
static char *handed_over;

/* Takes what the main stack allocated: of what a coroutine allocates, LSan untold cannot tell the
 * origin, and so keeps silent about it for another reason. */
static void hold(void *arg)
{
	char *volatile p = handed_over;

	(void)arg;
	handed_over = NULL;
	co_yield();
	sink = p[3];
	free(p);
}

static __attribute__((noinline)) void lose_memory(void)
{
	char *volatile p = malloc(200);

	memset(p, 1, 200);
	p = NULL;
}

/* A pointer in the remains of a returned frame still counts as held. */
static __attribute__((noinline)) void wipe_old_frames(void)
{
	volatile char frame[32 << 10];

	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = 0;
}

static void lose(void *arg)
{
	(void)arg;
	free(handed_over);
	lose_memory();
	wipe_old_frames();
	co_yield();
}

/* What is mapped where a stack was before is no stack: a pointer in it holds nothing. */
static void lose_where_a_stack_was(void)
{
	size_t size = STACK_SIZE_DEFAULT - STACK_PAGE;
	struct stack *s = rondo__stack_get(&pool, 0);
	char **base = s->base, **p;

	rondo__stack_pool_free(&pool);
	p = mmap(base, size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (p != base)
		abort();
	for (size_t i = 0; i < N; i++)
		p[i] = malloc(300);
	wipe_old_frames();
}

static void run(void (*body)(void *arg))
{
	for (int i = 0; i < N; i++) {
		handed_over = calloc(1, 100);
		co_new(&c[i], &pool, body, NULL);
		co_resume(&c[i]);
	}
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	rondo__context_of_thread(&co_main);
	rondo__stack_pool_init(&pool);
	if (strcmp(mode, "hold") == 0)
		run(hold);
	else if (strcmp(mode, "leak") == 0)
		run(lose);
	else if (strcmp(mode, "unmapped") == 0)
		lose_where_a_stack_was();
	else
		return 2;
	return 0;
}
