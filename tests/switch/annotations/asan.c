/* SPDX-License-Identifier: MIT */
/* asan.c - what AddressSanitizer says of coroutines: nothing about the correct ones, and the truth
 * about two that are wrong. See run.sh. */
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "coroutine.h"

enum { N = 3 };

static volatile int sink;
static struct stack_pool pool;

/* longjmp() makes ASan unpoison from the stack pointer up to the top of the stack it believes
 * to be on. */
static __attribute__((noinline)) void jump(jmp_buf to)
{
	char frame[256];
	char *volatile p = frame;

	memset(p, 2, sizeof(frame));
	sink = p[5];
	longjmp(to, 1);
}

static __attribute__((noinline)) void use_frame(int value)
{
	char frame[300];
	char *volatile p = frame;

	memset(p, value, sizeof(frame));
	sink = p[7];
}

static void jump_often(void *arg)
{
	static __thread jmp_buf here;

	(void)arg;
	for (volatile int round = 0; round < 5; round++) {
		if (!setjmp(here))
			jump(here);
		for (int i = 0; i < 4; i++)
			use_frame(i);
		co_yield();
	}
}

static void run_jumping(void)
{
	struct coroutine c[N];

	for (unsigned i = 0; i < N; i++)
		co_new(&c[i], &pool, jump_often, NULL);
	co_run_all(c, N);
}

static __attribute__((noinline)) void rest_in_frames(int depth)
{
	char frame[200];
	char *volatile p = frame;

	memset(p, depth, sizeof(frame));
	if (depth)
		rest_in_frames(depth - 1);
	else
		co_yield();
	sink = p[3];
}

static void rest_for_ever(void *arg)
{
	(void)arg;
	rest_in_frames(20);
}

static void clear_the_stack(void *arg)
{
	const struct stack *s = arg;
	char *here = __builtin_frame_address(0);

	/* What lies well below this frame is nobody's now; a system call may fill it. */
	memset(s->base, 0, (size_t)(here - (char *)s->base) - 4096);
}

/* A task is dropped with live frames; the next one on its stack must not inherit their red
 * zones. */
static void run_dropped(void)
{
	struct coroutine dropped, next;

	co_new(&dropped, &pool, rest_for_ever, NULL);
	co_resume(&dropped);
	rondo__stack_put(&pool, dropped.stack);
	co_new(&next, &pool, clear_the_stack, dropped.stack);
	if (next.stack != dropped.stack)
		abort();
	co_run_all(&next, 1);
}

/* A stack is unmapped with red zones on it; what is mapped there next, out of ASan's sight, is
 * clean. */
static void run_unmapped(void)
{
	struct coroutine dropped;
	char *base, *p;

	co_new(&dropped, &pool, rest_for_ever, NULL);
	co_resume(&dropped);
	base = dropped.stack->base;
	rondo__stack_pool_free(&pool);
	p = (char *)syscall(SYS_mmap, base, STACK_SIZE_DEFAULT - STACK_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (p != base)
		abort();
	memset(p, 0, STACK_SIZE_DEFAULT - STACK_PAGE);
}

static long resident_pages(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	long total, resident;

	if (!f || fscanf(f, "%ld %ld", &total, &resident) != 2)
		abort();
	fclose(f);
	return resident;
}

static void live_shortly(void *arg)
{
	(void)arg;
	rest_in_frames(5);
}

static void live(int n)
{
	struct coroutine c;

	for (int i = 0; i < n; i++) {
		co_new(&c, &pool, live_shortly, NULL);
		co_run_all(&c, 1);
		rondo__stack_put(&pool, c.stack);
	}
}

/* Each life ends in frames that never return: the fake ones that ASan keeps of them must be
 * given back. */
static void run_lives(void)
{
	long before;

	live(1000);
	before = resident_pages();
	live(10000);
	if (resident_pages() - before > 1000)
		printf("10,000 lives left %ld pages behind\n", resident_pages() - before);
}

static int *kept;

static __attribute__((noinline)) void keep_a_local(void)
{
	int local[8];
	int *volatile p = local;

	p[3] = 3;
	kept = p;
}

static void use_after_return(void *arg)
{
	(void)arg;
	keep_a_local();
	co_yield();
	sink = kept[3];
}

static __attribute__((noinline)) void write_past_the_end(size_t i)
{
	char frame[16];
	char *volatile p = frame;

	p[i] = 7;
	sink = p[3];
}

static void overflow_a_buffer(void *arg)
{
	co_yield();
	write_past_the_end(*(size_t *)arg);
}

static void run_one(void (*body)(void *))
{
	struct coroutine c;
	size_t i = 16;

	co_new(&c, &pool, body, &i);
	co_run_all(&c, 1);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";

	rondo__context_of_thread(&co_main);
	rondo__stack_pool_init(&pool);
	if (strcmp(mode, "jumping") == 0)
		run_jumping();
	else if (strcmp(mode, "dropped") == 0)
		run_dropped();
	else if (strcmp(mode, "unmapped") == 0)
		run_unmapped();
	else if (strcmp(mode, "lives") == 0)
		run_lives();
	else if (strcmp(mode, "use-after-return") == 0)
		run_one(use_after_return);
	else if (strcmp(mode, "overflow") == 0)
		run_one(overflow_a_buffer);
	else
		return 2;
	rondo__stack_pool_free(&pool);
	return 0;
}
