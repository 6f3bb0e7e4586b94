# SPDX-License-Identifier: MIT
"""What tools/examples/random_sleep.c mirrors. The argument is the seed."""
import asyncio
import random
import sys

random.seed(int(sys.argv[1]))


async def random_sleep():
    sleep_time = random.uniform(0.1, 1.0)
    print(f"Sleeping for {sleep_time:.2f} seconds")
    await asyncio.sleep(sleep_time)
    print("Woke up!")


async def main():
    tasks = [asyncio.create_task(random_sleep()) for _ in range(5)]
    await asyncio.gather(*tasks)

asyncio.run(main())
