# SPDX-License-Identifier: MIT
"""What tools/examples/hello.c mirrors."""
import asyncio


async def my_async_function():
    print("Hello, Async World!")
    await asyncio.sleep(1)
    print("Async function completed!")

asyncio.run(my_async_function())
