/* SPDX-License-Identifier: MIT */
/* gather.c - run two functions concurrently and wait for both.
 *
 *     async def main():
 *         await asyncio.gather(task1(), task2())
 *
 *     asyncio.run(main()) */
#include <rondo.h>
#include <stdio.h>

RONDO_ASYNC(task1)
{
	printf("Task 1 started\n");
	int ret = rondo_sleep(2);
	if (ret < 0)
		return ret;
	printf("Task 1 completed\n");
	return 0;
}

RONDO_ASYNC(task2)
{
	printf("Task 2 started\n");
	int ret = rondo_sleep(1);
	if (ret < 0)
		return ret;
	printf("Task 2 completed\n");
	return 0;
}

static int async_main(void *arg)
{
	(void)arg;
	return RONDO_GATHER(task1_task(), task2_task());
}

int main(void)
{
	return rondo_run(async_main, NULL) < 0;
}
