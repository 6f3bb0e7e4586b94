# SPDX-License-Identifier: MIT
"""asyncio, made to be compared: a loop whose clock is virtual, and tasks, groups and queues that
notice when something happens that is declared to mean something else in rondo.

The clock stands still while anything is ready, and then is at the next deadline. Deadlines that are
equal come in the order in which they were set, which asyncio leaves open and rondo promises (D12).
"""
import asyncio
import collections
import heapq
from asyncio import base_events, events

TICK = 10 ** 6  # nanoseconds; the clock counts whole ones


# --- a loop with a virtual clock ------------------------------------------------------------------

class Timer(events.TimerHandle):
    n_ever = 0

    def __init__(self, *args):
        super().__init__(*args)
        Timer.n_ever += 1
        self.order = Timer.n_ever

    def __lt__(self, other):
        return (self._when, self.order) < (other._when, other.order)


class Selector:
    """Nothing is waited for but time."""

    def __init__(self, loop):
        self.loop = loop

    def select(self, timeout):
        if timeout is None:
            raise RuntimeError("nothing can ever happen again")
        self.loop.now += timeout
        return []


base_events.MAXIMUM_SELECT_TIMEOUT = 1 << 60


class Loop(base_events.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self.now = 0
        self._clock_resolution = .5
        self._selector = Selector(self)
        self.set_task_factory(lambda loop, coro, **rest: Task(coro, loop=loop, **rest))
        self.set_exception_handler(lambda loop, context: None)

    def time(self):
        return self.now

    def call_later(self, delay, callback, *args, context=None):
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(self, when, callback, *args, context=None):
        timer = Timer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer

    def _process_events(self, event_list):
        pass

    def _write_to_self(self):
        pass


# --- tasks and groups ---------------------------------------------------------------------------

class Task(asyncio.Task):
    """Tells when it is asked to stop while that is declared to mean something else in rondo."""
    watch = None    # called then; returns the ID of a declared deviation, or None
    machine = None  # of the scenario that runs
    asked = None    # tasks that the request has come to that is on its way

    def cancel(self, msg=None):
        declared = self.watch and self.watch()
        if declared:
            Task.machine.declare(declared)
        if Task.asked is not None:
            if self in Task.asked:
                Task.machine.declare("T10")
            Task.asked.add(self)
            return super().cancel(msg)
        Task.asked = {self}
        try:
            return super().cancel(msg)
        finally:
            Task.asked = None


class InOrder(dict):
    """A set that is iterated in the order in which it was filled."""

    def add(self, item):
        self[item] = True

    def discard(self, item):
        self.pop(item, None)


class TaskGroup(asyncio.TaskGroup):
    """Cancels its children in the order of their creation, which asyncio leaves open (G2)."""

    def __init__(self):
        super().__init__()
        self._tasks = InOrder()


# --- queues that notice who overtakes (Q2) --------------------------------------------------------

class Waiters(collections.deque):
    """Futures that tasks wait for, and the tasks that were woken and did not run yet."""

    def __init__(self):
        super().__init__()
        self.waiting, self.woken = {}, {}

    def append(self, future):
        self.waiting[future] = task = asyncio.current_task()
        future.add_done_callback(lambda f: self.waiting.pop(f))
        super().append(future)
        self.woken.pop(task, None)

    def woke(self, future):
        if not future.cancelled():
            self.woken[self.waiting[future]] = True


def watched(base):
    class Queue(base):
        def __init__(self, machine, size):
            super().__init__(size)
            self.machine = machine
            self._getters, self._putters = Waiters(), Waiters()

        def _wakeup_next(self, waiters):
            before = {f for f in waiters if not f.done()}
            super()._wakeup_next(waiters)
            for future in before:
                if future.done():
                    waiters.woke(future)

        def may_go(self, waiters, n_free):
            """Is there something left for who comes now, with all that were woken served?"""
            task = asyncio.current_task()
            if waiters.woken.pop(task, None) is None and 0 < n_free <= len(waiters.woken):
                self.machine.declare("Q2")

        def n_room(self):
            return self.maxsize - self.qsize() if self.maxsize > 0 else 1 << 30

        def put_nowait(self, item):
            self.may_go(self._putters, self.n_room())
            super().put_nowait(item)

        def get_nowait(self):
            self.may_go(self._getters, self.qsize())
            return super().get_nowait()

        async def put(self, item):
            self.may_go(self._putters, self.n_room())
            try:
                return await super().put(item)
            finally:
                self._putters.woken.pop(asyncio.current_task(), None)

        async def get(self):
            self.may_go(self._getters, self.qsize())
            try:
                return await super().get()
            finally:
                self._getters.woken.pop(asyncio.current_task(), None)

        def shutdown(self, immediate=False):
            waiting = [(w, f) for w in (self._getters, self._putters) for f in w if not f.done()]
            super().shutdown(immediate)
            for waiters, future in waiting:
                if future.done():
                    waiters.woke(future)
    return Queue


QUEUES = {"fifo": watched(asyncio.Queue), "lifo": watched(asyncio.LifoQueue),
          "priority": watched(asyncio.PriorityQueue)}
