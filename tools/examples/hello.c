/* SPDX-License-Identifier: MIT */
/* hello.c - define an asynchronous function and run it.
 *
 *     async def my_async_function():
 *         print("Hello, Async World!")
 *         await asyncio.sleep(1)
 *         print("Async function completed!")
 *
 *     asyncio.run(my_async_function()) */
#include <rondo.h>
#include <stdio.h>

static int my_async_function(void *arg)
{
	int ret;

	(void)arg;
	printf("Hello, Async World!\n");
	ret = rondo_sleep(1);
	if (ret < 0)
		return ret;
	printf("Async function completed!\n");
	return 0;
}

int main(void)
{
	return rondo_run(my_async_function, NULL) < 0;
}
