# SPDX-License-Identifier: MIT
"""Scenarios from seeds: the same seed, the same scenario, in every version of Python.

They are small and crowded: few objects, few ticks, so that things happen in the same turn. What
is left out is in the last table of tests/parity.md.
"""
import random

from script import Op, Scenario

# What each version of CPython is the reference for; older ones lack it or had it wrong.
SINCE = {"group": 13, "spawn": 13, "shutdown": 13, "each": 13, "uncancel": 13, "timeout": 13,
         "reschedule": 13, "condition_wait": 13, "barrier_wait": 13, "gather": 12, "eager": 12,
         "wait_for": 12, "wait_task": 12,
         # 3.11.2 lets a semaphore's waiter run behind what a cancel at the same time wakes.
         "sem": 13, "sem_acquire": 13, "sem_release": 13, "sem_locked": 13}

# (weight, name): statements that every scenario may have, and what they are about.
ALWAYS = [(10, "sleep"), (6, "create"), (3, "await"), (4, "cancel")]
FAMILIES = [
    [(2, "eager"), (8, "await"), (8, "cancel"), (2, "uncancel"), (2, "state"), (3, "raise"),
     (5, "finally"), (2, "do")],
    [(5, "gather"), (4, "wait"), (3, "shield"), (3, "each"), (3, "cancel"), (3, "raise")],
    [(6, "timeout"), (3, "wait_for"), (2, "wait_task"), (2, "reschedule"), (3, "shield")],
    [(6, "group"), (6, "spawn"), (3, "raise"), (3, "cancel")],
    [(6, "lock"), (3, "acquire"), (3, "release"), (1, "locked")],
    [(6, "sem"), (3, "sem_acquire"), (3, "sem_release"), (1, "sem_locked")],
    [(6, "event_wait"), (3, "event_set"), (1, "event_clear")],
    [(6, "condition"), (4, "notify")],
    [(6, "barrier_wait"), (1, "barrier_abort"), (1, "barrier_reset"), (1, "barrier_state")],
    [(6, "put"), (6, "get"), (2, "put_nowait"), (2, "get_nowait"), (2, "item_done"), (1, "join"),
     (1, "shutdown"), (1, "queue_state")],
    [(5, "future_await"), (2, "future_shield"), (3, "future_set"), (1, "future_fail"),
     (2, "future_cancel"), (1, "future_state"), (2, "future_callback")],
    [(3, "callback"), (1, "uncallback"), (3, "call_soon"), (3, "call_later"), (3, "cancel_later"),
     (1, "uncall"), (2, "variable_set"), (2, "variable_get")],
]
# Statements that often fail; they shall not end their task each time.
REFUSALS = ["release", "sem_release", "notify", "put_nowait", "get_nowait", "item_done",
            "future_set", "future_fail", "reschedule"]
BLOCKS = ["timeout", "wait_for", "group", "finally", "do", "lock", "sem", "condition"]


class Generator:
    def __init__(self, seed, minor):
        self.random = random.Random(seed)
        self.minor = minor
        self.n_tasks = self.random.choice((2, 3, 3, 4, 4, 5, 6, 8))
        self.group_owners = []
        self.n_callbacks = 0
        # Each scenario is about little, or what belongs together would seldom meet.
        families = self.random.sample(FAMILIES, self.random.choice((1, 1, 2, 2, 3, 5, 12)))
        if len(families) <= 2:
            self.n_tasks += 2
        chosen = ALWAYS + [statement for family in families for statement in family]
        self.plain = self.usable([(w, name) for w, name in chosen if name not in BLOCKS])
        self.blocks = self.usable([(w, name) for w, name in chosen if name in BLOCKS])

    def usable(self, statements):
        """The weights and the names of those that this version has."""
        left = [(w, name) for w, name in statements if SINCE.get(name, 0) <= self.minor]
        return [w for w, _ in left], [name for _, name in left]

    def scenario(self, seed):
        pick = self.random.choice
        programs = [self.block(who, 0, self.random.randint(2, 7)) for who in range(self.n_tasks)]
        for who, program in enumerate(programs):
            if self.random.random() < .3:
                program.append(Op("return", [who + 1]))
        self.start_all(programs)
        return Scenario(seed, [(pick((0, 1, 1, 2)), pick((False, True))) for _ in range(2)],
                        pick((1, 2, 2, 3)),
                        [(pick(("fifo", "fifo", "lifo", "priority")), pick((0, 1, 1, 2)))
                         for _ in range(2)], programs)

    def start_all(self, programs):
        """Whoever is not started by chance is started by the first task, or a task below."""
        started = set()

        def look(ops):
            for op in ops:
                if op.name in ("create", "eager"):
                    started.add(op.args[0])
                elif op.name == "spawn":
                    started.add(op.args[1])
                look(op.body or [])
                look(op.cleanup or [])
        for program in programs:
            look(program)
        for number in range(1, len(programs)):
            if number not in started or self.random.random() < .5:
                programs[0].insert(0, Op("create", [number]))

    def block(self, who, depth, n):
        ops = []
        for _ in range(n):
            op = None
            while op is None:
                op = self.op(who, depth)
            op.swallow = self.random.random() < (.9 if op.name in REFUSALS else .35)
            ops.append(op)
        return ops

    def op(self, who, depth):
        if depth < 3 and self.blocks[1] and self.random.random() < .3 / (depth + 1):
            name = self.random.choices(self.blocks[1], self.blocks[0])[0]
            return self.block_op(name, who, depth)
        name = self.random.choices(self.plain[1], self.plain[0])[0]
        return self.plain_op(name, who)

    def block_op(self, name, who, depth):
        op = Op(name, [])
        if name in ("timeout", "wait_for"):
            op.args = [self.ticks(1)]
        elif name in ("lock", "sem", "condition"):
            op.args = [self.one_of(2)]
        elif name == "group":
            if len(self.group_owners) == 4:
                return None
            op.args = [len(self.group_owners)]
            self.group_owners.append(who)
        op.body = self.block(who, depth + 1, self.random.randint(1, 4))
        if name == "finally":
            op.cleanup = self.block(who, depth + 1, self.random.randint(1, 2))
        if name == "condition" and self.minor >= 13:
            op.body.append(Op("condition_wait", op.args, self.random.random() < .3))
        if name == "group" and who + 1 < self.n_tasks:
            op.body.insert(0, Op("spawn", [op.args[0], self.later(who)]))
        return op

    def plain_op(self, name, who):
        make = getattr(self, "make_" + name, None)
        if make:
            return make(who)
        two = self.one_of(2)
        if name.startswith(("barrier", "sem", "event")) or name in ("acquire", "release", "locked"):
            return Op(name, [] if name.startswith("barrier") else [two])
        if name in ("put", "put_nowait"):
            return Op(name, [two, self.random.randrange(4)])
        if name in ("get", "get_nowait", "item_done", "join", "queue_state"):
            return Op(name, [two])
        raise ValueError(name)

    def one_of(self, n):
        """The number of an object; the first is used more, so that there is a crowd."""
        return self.random.choice((0, self.random.randrange(n)))

    # Who waits for tasks waits for later ones: asyncio does not survive a circle.
    def later(self, who):
        return self.random.randrange(who + 1, self.n_tasks)

    def some_later(self, who):
        return [self.later(who) for _ in range(self.random.choice((1, 2, 2, 3, 6)))]

    def ticks(self, least):
        return self.random.choice((least, 1, 1, 2, 2, 3, 4))

    def make_sleep(self, _who):
        return Op("sleep", [self.random.choice((0, 0, 0, 1, 1, 2, 3))])

    def make_of_a_later_task(self, name, who):
        return Op(name, [self.later(who)]) if who + 1 < self.n_tasks else None

    def make_create(self, who):
        return self.make_of_a_later_task("create", who)

    def make_eager(self, who):
        return self.make_of_a_later_task("eager", who)

    def make_await(self, who):
        return self.make_of_a_later_task("await", who)

    def make_shield(self, who):
        return self.make_of_a_later_task("shield", who)

    def make_cancel(self, _who):
        return Op("cancel", [self.random.randrange(self.n_tasks)])

    def make_uncancel(self, _who):
        return Op("uncancel", [self.random.randrange(self.n_tasks)])

    def make_state(self, _who):
        return Op("state", [self.random.randrange(self.n_tasks)])

    def make_gather(self, who):
        if who + 1 >= self.n_tasks:
            return None
        # Once each: asyncio's gather cancels a task as often as it is named, rondo's once (W2).
        tasks = dict.fromkeys(self.some_later(who))
        return Op("gather", [self.random.randrange(2), *tasks])

    def make_wait(self, who):
        if who + 1 >= self.n_tasks:
            return None
        return Op("wait", [self.random.randrange(3), self.ticks(0), *self.some_later(who)])

    def make_each(self, who):
        if who + 1 >= self.n_tasks:
            return None
        return Op("each", [self.ticks(0), *self.some_later(who)])

    def make_reschedule(self, _who):
        return Op("reschedule", [self.ticks(0)])

    def make_wait_task(self, who):
        if who + 1 >= self.n_tasks:
            return None
        return Op("wait_task", [self.ticks(1), self.later(who)])

    def make_spawn(self, _who):
        if not self.group_owners:
            return None
        group = self.random.randrange(len(self.group_owners))
        owner = self.group_owners[group]
        return Op("spawn", [group, self.later(owner)]) if owner + 1 < self.n_tasks else None

    def make_raise(self, _who):
        return Op("raise", [self.random.choice((0, 1, 2, 3))])

    def make_notify(self, _who):
        number = self.one_of(2)
        notify = Op("notify", [number, self.random.randrange(3)])
        return Op("condition", [number], body=[notify]) if self.random.random() < .7 else notify

    def make_shutdown(self, _who):
        return Op("shutdown", [self.one_of(2), self.random.randrange(2)])

    def make_future_await(self, _who):
        return Op("future_await", [self.one_of(4)])

    def make_future_shield(self, _who):
        return Op("future_shield", [self.one_of(4)])

    def make_future_set(self, _who):
        return Op("future_set", [self.one_of(4), self.random.randrange(5)])

    def make_future_fail(self, _who):
        return Op("future_fail", [self.one_of(4), self.random.randint(1, 3)])

    def make_future_cancel(self, _who):
        return Op("future_cancel", [self.one_of(4)])

    def make_future_state(self, _who):
        return Op("future_state", [self.one_of(4)])

    def tag(self):
        self.n_callbacks += 1
        return self.n_callbacks

    def make_callback(self, _who):
        return Op("callback", [self.random.randrange(self.n_tasks), self.tag()])

    def make_future_callback(self, _who):
        return Op("future_callback", [self.one_of(4), self.tag()])

    def make_call_soon(self, _who):
        return Op("call_soon", [self.tag()])

    def make_call_later(self, _who):
        return Op("call_later", [self.ticks(1), self.tag()])

    def make_cancel_later(self, _who):
        return Op("cancel_later", [self.ticks(1), self.random.randrange(self.n_tasks), self.tag()])

    def make_uncall(self, _who):
        return Op("uncall", [self.random.randint(1, 4)])

    def make_variable_set(self, _who):
        return Op("variable_set", [self.random.randint(1, 9)])

    def make_variable_get(self, _who):
        return Op("variable_get")

    def make_uncallback(self, _who):
        return Op("uncallback", [self.random.randint(1, 4)])


def scenario(seed, minor):
    """The scenario of a seed for CPython 3.minor."""
    return Generator(seed, minor).scenario(seed)
