/* SPDX-License-Identifier: MIT */
/* run.c - await one asynchronous function from another: in C, just call it.
 *
 *     async def main():
 *         await my_async_function()
 *
 *     asyncio.run(main()) */
#include <rondo.h>
#include <stdio.h>

static int my_async_function(void)
{
	int ret;

	printf("Hello, Async World!\n");
	ret = rondo_sleep(1);
	if (ret < 0)
		return ret;
	printf("Async function completed!\n");
	return 0;
}

static int async_main(void *arg)
{
	(void)arg;
	return my_async_function();
}

int main(void)
{
	return rondo_run(async_main, NULL) < 0;
}
