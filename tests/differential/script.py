# SPDX-License-Identifier: MIT
"""The language of the scenarios: what rondo_side.c and asyncio_side.py run and generate.py writes.

A file holds scenarios, one word-separated statement a line:

    scenario 17 sem 1 0 sem 2 1 parties 2 queue fifo 1 queue lifo 0
    task 0                        the first one is started; others when a statement creates them
    create 1
    ~lock 0 {                     a block; `~`: its error is logged and goes no further
    sleep 2
    }
    finally {
    get 0
    } {
    sleep 1
    }
    end

Objects of a scenario: two semaphores (value, bounded), a barrier, two queues (order, size), and
two locks, two events, two conditions (of lock 0 and lock 1), four futures, four groups.
"""


class Op:
    """A statement."""
    __slots__ = ("name", "args", "swallow", "number", "body", "cleanup")

    def __init__(self, name, args=(), swallow=False, body=None, cleanup=None):
        self.name, self.args, self.swallow = name, args, swallow
        self.number = 0  # in its task, from 1 on, once it was parsed
        self.body, self.cleanup = body, cleanup


class Scenario:
    def __init__(self, seed, sems, parties, queues, programs):
        self.seed, self.sems, self.parties, self.queues = seed, sems, parties, queues
        self.programs = programs


def lines_of_block(ops):
    for op in ops:
        words = ["~" * op.swallow + op.name, *map(str, op.args)]
        if op.body is None:
            yield " ".join(words)
            continue
        yield " ".join([*words, "{"])
        yield from lines_of_block(op.body)
        if op.cleanup is not None:
            yield "} {"
            yield from lines_of_block(op.cleanup)
        yield "}"


def lines_of(scenario):
    words = [f"scenario {scenario.seed}"]
    words += [f"sem {value} {int(bounded)}" for value, bounded in scenario.sems]
    words += [f"parties {scenario.parties}"]
    words += [f"queue {order} {size}" for order, size in scenario.queues]
    yield " ".join(words)
    for number, program in enumerate(scenario.programs):
        yield f"task {number}"
        yield from lines_of_block(program)
    yield "end"


def number_or_word(word):
    return int(word) if word.lstrip("-").isdigit() else word


def parse_block(lines, count):
    """Parse up to the end of the block; returns (ops, the line that ended it)."""
    ops = []
    for line in lines:
        words = line.split()
        if words[0] in ("}", "task", "end"):
            return ops, words
        count[0] += 1
        op = Op(words[0].lstrip("~"), [number_or_word(w) for w in words[1:] if w != "{"],
                words[0].startswith("~"))
        op.number = count[0]
        if words[-1] == "{":
            op.body, last = parse_block(lines, count)
            if last == ["}", "{"]:
                op.cleanup, _ = parse_block(lines, count)
        ops.append(op)
    raise ValueError("a scenario without an end")


def parse(text):
    """Yield the scenarios of a text."""
    lines = iter(text.splitlines())
    for line in lines:
        words = line.split()
        scenario = Scenario(int(words[1]), [], 0, [], [])
        scenario.sems = [(int(words[i + 1]), words[i + 2] == "1")
                         for i, word in enumerate(words) if word == "sem"]
        scenario.parties = int(words[words.index("parties") + 1])
        scenario.queues = [(words[i + 1], int(words[i + 2]))
                           for i, word in enumerate(words) if word == "queue"]
        last = next(lines).split()
        while last[0] == "task":
            program, last = parse_block(lines, [0])
            scenario.programs.append(program)
        yield scenario
