# SPDX-License-Identifier: MIT
"""What tools/examples/create_task.c mirrors."""
import asyncio


async def task1():
    print("Task 1 started")
    await asyncio.sleep(2)
    print("Task 1 completed")


async def task2():
    print("Task 2 started")
    await asyncio.sleep(1)
    print("Task 2 completed")


async def main():
    task1_obj = asyncio.create_task(task1())
    task2_obj = asyncio.create_task(task2())

    await task1_obj
    await task2_obj

asyncio.run(main())
