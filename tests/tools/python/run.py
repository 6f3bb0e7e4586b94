# SPDX-License-Identifier: MIT
"""What tools/examples/run.c mirrors."""
import asyncio


async def my_async_function():
    print("Hello, Async World!")
    await asyncio.sleep(1)
    print("Async function completed!")


async def main():
    await my_async_function()

asyncio.run(main())
