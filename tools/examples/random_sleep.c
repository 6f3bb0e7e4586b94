/* SPDX-License-Identifier: MIT */
/* random_sleep.c - five tasks sleep for a random time each; a number as argument is the seed.
 *
 *     async def random_sleep():
 *         sleep_time = random.uniform(0.1, 1.0)
 *         print(f"Sleeping for {sleep_time:.2f} seconds")
 *         await asyncio.sleep(sleep_time)
 *         print("Woke up!")
 *
 *     async def main():
 *         tasks = [asyncio.create_task(random_sleep()) for _ in range(5)]
 *         await asyncio.gather(*tasks)
 *
 *     asyncio.run(main()) */
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>

static int random_sleep(void *arg)
{
	double sleep_time = rondo_random_uniform(0.1, 1.0);
	int ret;

	(void)arg;
	printf("Sleeping for %.2f seconds\n", sleep_time);
	ret = rondo_sleep(sleep_time);
	if (ret < 0)
		return ret;
	printf("Woke up!\n");
	return 0;
}

static int async_main(void *arg)
{
	rondo_task *tasks[5];

	(void)arg;
	for (int i = 0; i < 5; i++)
		tasks[i] = rondo_create_task(random_sleep, NULL);
	return rondo_gather(5, tasks, NULL, 0);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		rondo_random_seed(strtoll(argv[1], NULL, 10));
	return rondo_run(async_main, NULL) < 0;
}
