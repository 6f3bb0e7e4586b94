/* SPDX-License-Identifier: MIT */
/* create_task.c - start two tasks, then await each.
 *
 *     async def main():
 *         task1_obj = asyncio.create_task(task1())
 *         task2_obj = asyncio.create_task(task2())
 *
 *         await task1_obj
 *         await task2_obj
 *
 *     asyncio.run(main()) */
#include <rondo.h>
#include <stdio.h>

struct work {
	int number;
	double seconds;
};

static int work(void *arg)
{
	const struct work *w = arg;
	int ret;

	printf("Task %d started\n", w->number);
	ret = rondo_sleep(w->seconds);
	if (ret < 0)
		return ret;
	printf("Task %d completed\n", w->number);
	return 0;
}

static int async_main(void *arg)
{
	struct work one = { 1, 2 }, two = { 2, 1 };
	rondo_task *task1 = rondo_create_task(work, &one);
	rondo_task *task2 = rondo_create_task(work, &two);
	int ret1 = rondo_await(task1);
	int ret2 = rondo_await(task2);

	(void)arg;
	return ret1 < 0 ? ret1 : ret2;
}

int main(void)
{
	return rondo_run(async_main, NULL) < 0;
}
