/* SPDX-License-Identifier: MIT */
/* asyncio.c - what our locks, queues and groups are compared with. */
#include "asyncio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char program[] =
	"import asyncio, sys, time\n"
	"now = time.thread_time_ns\n"
	"async def lock(n=200000):\n"
	"    l, t = asyncio.Lock(), now()\n"
	"    for _ in range(n):\n"
	"        await l.acquire()\n"
	"        l.release()\n"
	"    return (now() - t) / n\n"
	"async def semaphore(n=200000):\n"
	"    s, t = asyncio.Semaphore(), now()\n"
	"    for _ in range(n):\n"
	"        await s.acquire()\n"
	"        s.release()\n"
	"    return (now() - t) / n\n"
	"async def queue(size, n=50000):\n"
	"    q = asyncio.Queue(size)\n"
	"    async def put():\n"
	"        for i in range(n):\n"
	"            await q.put(i)\n"
	"    async def get():\n"
	"        for i in range(n):\n"
	"            await q.get()\n"
	"    t = now()\n"
	"    await asyncio.gather(put(), get())\n"
	"    return (now() - t) / n\n"
	"def queue1(): return queue(1)\n"
	"def queue64(): return queue(64)\n"
	"async def event(n=50000):\n"
	"    there, back = asyncio.Event(), asyncio.Event()\n"
	"    async def goes():\n"
	"        for _ in range(n):\n"
	"            there.set()\n"
	"            await back.wait()\n"
	"            back.clear()\n"
	"    async def comes():\n"
	"        for _ in range(n):\n"
	"            await there.wait()\n"
	"            there.clear()\n"
	"            back.set()\n"
	"    t = now()\n"
	"    await asyncio.gather(goes(), comes())\n"
	"    return (now() - t) / n\n"
	"async def nothing(): pass\n"
	"async def gather(n=1000, rounds=50):\n"
	"    spent = 0\n"
	"    for _ in range(rounds):\n"
	"        tasks = [asyncio.create_task(nothing()) for _ in range(n)]\n"
	"        t = now()\n"
	"        await asyncio.gather(*tasks)\n"
	"        spent += now() - t\n"
	"    return spent / n / rounds\n"
	"async def group(n=100000):\n"
	"    try:\n"
	"        async with asyncio.TaskGroup() as g:\n"
	"            for _ in range(n):\n"
	"                g.create_task(asyncio.sleep(3600))\n"
	"            await asyncio.sleep(0)\n"
	"            t = now()\n"
	"            raise KeyError\n"
	"    except BaseException:\n"	/* except* would be a syntax error before 3.11 */
	"        spent = now() - t\n"
	"    return spent / 1e6\n"
	"print(asyncio.run(globals()[sys.argv[1]]()))\n";

/* Of one minor version of Python 3, asked for once. */
struct python {
	int minor;
	bool tried, there;
};

static bool has(struct python *p)
{
	char command[96];

	snprintf(command, sizeof(command),
		 "python3 -c 'import asyncio, sys; sys.exit(sys.version_info < (3, %d))' 2>/dev/null",
		 p->minor);
	if (!p->tried) {
		p->there = system(command) == 0;
		if (!p->there)
			printf("no python3 of 3.%d or later is installed: not compared with\n",
			       p->minor);
	}
	p->tried = true;
	return p->there;
}

bool bench_has_asyncio(void)
{
	static struct python first = { .minor = 8 };

	return has(&first);
}

bool bench_has_task_groups(void)
{
	static struct python with_groups = { .minor = 11 };

	return bench_has_asyncio() && has(&with_groups);
}

int bench_asyncio(void *arg, double *value)
{
	char command[sizeof(program) + 64];
	FILE *out;
	int n;

	snprintf(command, sizeof(command), "exec python3 -c \"%s\" %s", program, (const char *)arg);
	out = popen(command, "r");
	if (!out)
		return -errno;
	n = fscanf(out, "%lf", value);
	return pclose(out) == 0 && n == 1 ? 0 : -EIO;
}

int bench_asyncio_groups(void *arg, double *value)
{
	return bench_asyncio(arg, value);
}
