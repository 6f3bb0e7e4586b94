#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run scenarios (script.py) in asyncio, and print what happened, in order.

    asyncio_side.py FILE

One line a scenario: its seed, then an event a word. The clock is virtual (virtual.py).

Where rondo differs on purpose, the event `declared:ID` is written; what follows is not compared.
The IDs are those of the table in tests/parity.md.
"""
import asyncio
import builtins
import contextvars
import sys

import script
from virtual import QUEUES, TICK, Loop, Task, TaskGroup

N_GROUPS = 4
LIMIT = 200     # ticks until a scenario is cancelled
ROUNDS = 60     # cancels that its tasks may swallow

VARIABLE = contextvars.ContextVar("variable", default=0)

CancelledError = asyncio.CancelledError
QueueShutDown = getattr(asyncio, "QueueShutDown", ())
ExceptionGroup = getattr(builtins, "BaseExceptionGroup", ())


class UserError(Exception):
    pass


# --- what is logged -------------------------------------------------------------------------------

def code(error):
    """The one word that both sides have for an error."""
    if isinstance(error, CancelledError):
        return "C"
    if isinstance(error, UserError):
        return f"E{error.args[0]}"
    if isinstance(error, TimeoutError):
        return "T"
    if isinstance(error, ExceptionGroup):
        return "G"
    if isinstance(error, QueueShutDown):
        return "Q"
    if isinstance(error, (asyncio.QueueEmpty, asyncio.QueueFull)):
        return "A"
    if isinstance(error, asyncio.InvalidStateError):
        return "I"
    if isinstance(error, asyncio.BrokenBarrierError):
        return "B"
    if isinstance(error, (RuntimeError, ValueError)):
        return "P"
    raise error


def state(future):
    if future is None:
        return "none"
    if not future.done():
        return "-"
    if future.cancelled():
        return "C"
    return code(future.exception()) if future.exception() else str(future.result() or 0)


# --- the statements -------------------------------------------------------------------------------

class Machine:
    """One scenario as it runs."""

    def __init__(self, scenario):
        self.scenario, self.log = scenario, []
        self.loop = asyncio.get_running_loop()
        self.start_time = self.loop.time()
        self.tasks = [None] * len(scenario.programs)
        self.begun = set()  # created, perhaps just being so
        self.locks = [asyncio.Lock(), asyncio.Lock()]
        self.events = [asyncio.Event(), asyncio.Event()]
        self.conditions = [asyncio.Condition(lock) for lock in self.locks]
        self.sems = [(asyncio.BoundedSemaphore if bounded else asyncio.Semaphore)(value)
                     for value, bounded in scenario.sems]
        self.barrier = asyncio.Barrier(scenario.parties)
        self.queues = [QUEUES[order](self, size) for order, size in scenario.queues]
        self.futures = [self.loop.create_future() for _ in range(4)]
        self.groups = [None] * N_GROUPS
        self.scopes = [[] for _ in scenario.programs]
        self.callbacks, self.calls = {}, {}

    def note(self, text):
        self.log.append(f"{text}@{(self.loop.time() - self.start_time) // TICK}")

    def declare(self, what):
        self.log.append(f"declared:{what}")

    async def program(self, number):
        self.note(f"{number}:start")
        try:
            result = await self.run(number, self.scenario.programs[number])
        except BaseException as error:
            self.note(f"{number}:end={code(error)}")
            raise
        self.note(f"{number}:end={result or 0}")
        return result or 0

    async def run(self, who, ops):
        for op in ops:
            try:
                value = getattr(self, "do_" + op.name)(who, op, *op.args)
                if hasattr(value, "__await__"):
                    value = await value
            except BaseException as error:
                self.outcome(who, op, code(error))
                if op.swallow:
                    continue
                raise
            if op.name == "return":
                return value
            self.outcome(who, op, value)
        return 0

    def outcome(self, who, op, value):
        count = asyncio.current_task().cancelling()
        self.note(f"{who}.{op.number}:{op.name}={'' if value is None else value}/{count}")

    # A wait with what its task's cancel is to look at first.
    async def watching(self, watch, awaitable):
        task = asyncio.current_task()
        before, task.watch = task.watch, watch
        try:
            return await awaitable
        finally:
            task.watch = before

    def known(self, numbers):
        return [self.tasks[n] for n in numbers if self.tasks[n] is not None]

    # tasks
    def do_sleep(self, who, op, ticks):
        return asyncio.sleep(ticks * TICK)

    def spawn(self, number, create):
        if number in self.begun:
            return "again"
        self.begun.add(number)
        try:
            self.tasks[number] = create(self.program(number))
        except RuntimeError:
            self.begun.remove(number)
            raise
        return None

    def do_create(self, who, op, number):
        return self.spawn(number, lambda coro: Task(coro, loop=self.loop))

    def do_eager(self, who, op, number):
        return self.spawn(number, lambda coro: Task(coro, loop=self.loop, eager_start=True))

    def do_await(self, who, op, number):
        return self.tasks[number] if self.tasks[number] is not None else "none"

    def do_cancel(self, who, op, number):
        task = self.tasks[number]
        return "none" if task is None else int(task.cancel())

    def do_uncancel(self, who, op, number):
        task = self.tasks[number]
        if task is not None and task.watch:
            self.declare("T2")  # rondo's side tells by the count who ended the wait
        return "none" if task is None else task.uncancel()

    def do_state(self, who, op, number):
        return state(self.tasks[number])

    async def do_gather(self, who, op, everything, *numbers):
        tasks = self.known(numbers)
        if not tasks:
            return "none"

        def window():
            """One has failed, and asyncio's gather has not been told yet: W3."""
            if everything or gathering.done() or all(t.done() for t in tasks):
                return None
            failed = [t for t in tasks if t.done() and (t.cancelled() or t.exception())]
            return "W3" if failed else None
        gathering = asyncio.gather(*tasks, return_exceptions=bool(everything))
        results = await self.watching(window, gathering)
        return ",".join(code(r) if isinstance(r, BaseException) else str(r) for r in results)

    async def do_wait(self, who, op, when, ticks, *numbers):
        tasks = self.known(numbers)
        if not tasks:
            return "none"

        def window():
            """It is over, and asyncio's wait has not been told yet."""
            done = [t for t in tasks if t.done()]
            failed = [t for t in done if not t.cancelled() and t.exception()]
            over = [len(done) == len(tasks), done, failed or len(done) == len(tasks)][when]
            return "T2" if over else None
        modes = [asyncio.ALL_COMPLETED, asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION]
        done, _ = await self.watching(
            window, asyncio.wait(tasks, timeout=ticks * TICK or None, return_when=modes[when]))
        return ",".join(str(n) for n, t in enumerate(self.tasks) if t in done)

    def shielded(self, future):
        if future.done():
            return future
        outer = asyncio.shield(future)
        return self.watching(
            lambda: "T2" if future.done() and not outer.done() else None, outer)

    def do_shield(self, who, op, number):
        task = self.tasks[number]
        return "none" if task is None else self.shielded(task)

    async def do_each(self, who, op, ticks, *numbers):
        tasks = self.known(numbers)
        if not tasks or any(t.done() for t in tasks):
            return "none"
        each = asyncio.as_completed(tasks, timeout=ticks * TICK or None)
        n_given = 0

        def window():
            n_done = sum(t.done() for t in set(tasks))
            return "T2" if n_done > n_given + each._done.qsize() else None
        while n_given < len(set(tasks)):
            if window():
                self.declare(window())
            task = await self.watching(window, each.__anext__())
            n_given += 1
            self.note(f"{who}.{op.number}:next={self.tasks.index(task)}")
        return None

    # scopes
    async def do_timeout(self, who, op, ticks):
        try:
            async with asyncio.timeout(ticks * TICK) as scope:
                self.scopes[who].append(scope)
                try:
                    await self.run(who, op.body)
                finally:
                    self.scopes[who].pop()
        finally:
            self.note(f"{who}.{op.number}:expired={int(scope.expired())}")

    def do_reschedule(self, who, op, ticks):
        if not self.scopes[who]:
            return "none"
        return self.scopes[who][-1].reschedule(self.loop.time() + ticks * TICK if ticks else None)

    def do_wait_for(self, who, op, ticks):
        return asyncio.wait_for(self.run(who, op.body), ticks * TICK)

    def do_wait_task(self, who, op, ticks, number):
        task = self.tasks[number]
        return "none" if task is None else asyncio.wait_for(task, ticks * TICK)

    async def do_group(self, who, op, number):
        self.groups[number] = TaskGroup()
        try:
            async with self.groups[number]:
                await self.run(who, op.body)
        except ExceptionGroup as group:
            self.note(f"{who}.{op.number}:errors={','.join(map(code, group.exceptions))}")
            raise

    def do_spawn(self, who, op, group, number):
        if self.groups[group] is None:
            return "none"
        program = []
        try:
            return self.spawn(
                number, lambda coro: program.append(coro) or self.groups[group].create_task(coro))
        except RuntimeError:
            program[0].close()
            raise

    async def do_finally(self, who, op):
        try:
            await self.run(who, op.body)
        finally:
            await self.run(who, op.cleanup)

    async def do_do(self, who, op):
        await self.run(who, op.body)

    def do_raise(self, who, op, number):
        raise UserError(number) if number else CancelledError()

    def do_return(self, who, op, value):
        return value

    # locks and the like
    async def do_lock(self, who, op, number):
        async with self.locks[number]:
            await self.run(who, op.body)

    async def do_acquire(self, who, op, number):
        await self.locks[number].acquire()

    def do_release(self, who, op, number):
        self.locks[number].release()

    def do_locked(self, who, op, number):
        return int(self.locks[number].locked())

    async def do_sem(self, who, op, number):
        async with self.sems[number]:
            await self.run(who, op.body)

    async def do_sem_acquire(self, who, op, number):
        await self.sems[number].acquire()

    def do_sem_release(self, who, op, number):
        self.sems[number].release()

    def do_sem_locked(self, who, op, number):
        return int(self.sems[number].locked())

    async def do_event_wait(self, who, op, number):
        await self.events[number].wait()

    def do_event_set(self, who, op, number):
        self.events[number].set()

    def do_event_clear(self, who, op, number):
        self.events[number].clear()

    async def do_condition(self, who, op, number):
        async with self.conditions[number]:
            await self.run(who, op.body)

    async def do_condition_wait(self, who, op, number):
        await self.conditions[number].wait()

    def do_notify(self, who, op, number, n):
        self.conditions[number].notify(n) if n else self.conditions[number].notify_all()

    def do_barrier_wait(self, who, op):
        return self.barrier.wait()

    def do_barrier_abort(self, who, op):
        return self.barrier.abort()

    def do_barrier_reset(self, who, op):
        return self.barrier.reset()

    def do_barrier_state(self, who, op):
        return f"{self.barrier.n_waiting},{int(self.barrier.broken)}"

    # queues
    def do_put(self, who, op, number, item):
        return self.queues[number].put(item)

    def do_get(self, who, op, number):
        return self.queues[number].get()

    def do_put_nowait(self, who, op, number, item):
        return self.queues[number].put_nowait(item)

    def do_get_nowait(self, who, op, number):
        return self.queues[number].get_nowait()

    def do_item_done(self, who, op, number):
        return self.queues[number].task_done()

    def do_join(self, who, op, number):
        return self.queues[number].join()

    def do_shutdown(self, who, op, number, immediate):
        return self.queues[number].shutdown(bool(immediate))

    def do_queue_state(self, who, op, number):
        queue = self.queues[number]
        return f"{queue.qsize()},{int(queue.empty())},{int(queue.full())}"

    # futures and callbacks
    async def do_future_await(self, who, op, number):
        return await self.futures[number]

    def do_future_shield(self, who, op, number):
        return self.shielded(self.futures[number])

    def do_future_set(self, who, op, number, value):
        self.futures[number].set_result(value)

    def do_future_fail(self, who, op, number, error):
        self.futures[number].set_exception(UserError(error))

    def do_future_cancel(self, who, op, number):
        return int(self.futures[number].cancel())

    def do_future_state(self, who, op, number):
        return state(self.futures[number])

    def add_callback(self, future, tag):
        if future is None or tag in self.callbacks:
            return "none"
        self.callbacks[tag] = future, lambda f: self.note(
            f"call{tag},{VARIABLE.get()}={state(f)}")
        future.add_done_callback(self.callbacks[tag][1])
        return None

    def do_callback(self, who, op, number, tag):
        return self.add_callback(self.tasks[number], tag)

    def do_future_callback(self, who, op, number, tag):
        return self.add_callback(self.futures[number], tag)

    def do_variable_set(self, who, op, value):
        VARIABLE.set(value)

    def do_variable_get(self, who, op):
        return VARIABLE.get()

    def add_call(self, tag, call_in):
        if tag in self.calls:
            return "none"
        self.calls[tag] = call_in(lambda: self.note(f"call{tag},{VARIABLE.get()}"))
        return None

    def do_call_soon(self, who, op, tag):
        return self.add_call(tag, self.loop.call_soon)

    def do_call_later(self, who, op, ticks, tag):
        return self.add_call(tag, lambda call: self.loop.call_later(call_delay(ticks, tag), call))

    # A call that cancels a task, as a timeout does.
    def do_cancel_later(self, who, op, ticks, number, tag):
        task = self.tasks[number]
        if task is None:
            return "none"
        self.loop.call_later(call_delay(ticks, tag), task.cancel)
        return None

    def do_uncall(self, who, op, tag):
        return self.calls[tag].cancel() if tag in self.calls else "none"

    def do_uncallback(self, who, op, tag):
        if tag not in self.callbacks:
            return "none"
        future, call = self.callbacks[tag]
        return int(future.remove_done_callback(call))


def call_delay(ticks, tag):
    """Somewhere in the tick, and never when something else is due: L2."""
    return ticks * TICK + tag * 2654435761 % 2 ** 32 % (TICK - 1) + 1


async def play(scenario):
    """Run one scenario to its end; what does not end by itself is cancelled. Locks are released: a
    task whose condition's lock nobody releases cannot be cancelled (S3)."""
    Task.machine = machine = Machine(scenario)
    machine.spawn(0, lambda coro: Task(coro, loop=machine.loop))
    for _ in range(ROUNDS):
        await asyncio.sleep(LIMIT * TICK)
        left = [t for t in machine.tasks if t is not None and not t.done()]
        if not left:
            break
        machine.note("cancel")
        for task in left:
            task.cancel()
        for lock in machine.locks:
            if lock.locked():
                lock.release()
    return machine.log


def main():
    with open(sys.argv[1], encoding="ascii") as file:
        text = file.read()

    async def play_all():
        for scenario in script.parse(text):
            print(scenario.seed, *await play(scenario))
    loop = Loop()
    loop.run_until_complete(play_all())
    loop.close()


if __name__ == "__main__":
    main()
