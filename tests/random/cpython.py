# SPDX-License-Identifier: MIT
"""cpython.py - the draws that test_cpython.c compares with, made by this Python's random module.

Reads a plan, one command a line, fields parted by tabs:
    row NAME ARGUMENT...    add a row: a function with its arguments
    run ROW SEED COUNT      seed a new generator, write COUNT draws of that row
    mix SEED COUNT          the same, but each draw from the next row, round and round
    getstate SEED           draw a little, then write the state and the 1000 draws that follow
Writes a line saying which Python it is and which functions it had to be lent, then every draw as
eight bytes: a float as it is, an integer modulo 2^64. Draws of several numbers write all of them.
"""

import ast
import hashlib
import math
import random
import struct
import sys
from array import array


class Entropy:
    """Stands in for os.urandom; the test puts the same behind its own generators."""

    def __init__(self):
        self.x = 1

    def __call__(self, n):
        out = bytearray(n)
        for i in range(n):
            self.x = (self.x * 6364136223846793005 + 1442695040888963407) % 2**64
            out[i] = self.x >> 56
        return bytes(out)


def binomialvariate(rng, n, p):
    """What Random.binomialvariate does since Python 3.12, for the Pythons before it."""
    uniform = rng.random
    if p == 0.0 or p == 1.0:
        return n if p else 0
    if n == 1:
        return int(uniform() < p)
    if p > 0.5:
        return n - binomialvariate(rng, n, 1.0 - p)
    if n * p < 10.0:
        log_q = math.log2(1.0 - p)
        wins, trial = -1, 0
        while log_q and trial <= n:
            trial += math.floor(math.log2(uniform()) / log_q) + 1
            wins += 1
        return max(wins, 0)
    sd = math.sqrt(n * p * (1.0 - p))
    b = 1.15 + 2.53 * sd
    a = -0.0873 + 0.0248 * b + 0.01 * p
    mode = math.floor((n + 1) * p)

    def acceptable(k, us, v):
        v *= (2.83 + 5.1 / b) * sd / (a / (us * us) + b)
        at_mode = math.lgamma(mode + 1) + math.lgamma(n - mode + 1)
        bound = at_mode - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        return math.log(v) <= bound + (k - mode) * math.log(p / (1.0 - p))

    while True:
        u = uniform() - 0.5
        us = 0.5 - math.fabs(u)
        k = math.floor((2.0 * a / us + b) * u + (n * p + 0.5))
        if 0 <= k <= n:
            v = uniform()
            if (us >= 0.07 and v <= 0.92 - 4.2 / b) or acceptable(k, us, v):
                return k


def shuffled(rng, n):
    x = list(range(n))
    rng.shuffle(x)
    return x


def sample_counts(rng, *counts_and_k):
    *counts, k = counts_and_k
    return rng.sample(range(len(counts)), k=k, counts=counts)


def weighted(rng, *weights_and_k):
    *weights, k = weights_and_k
    return rng.choices(range(len(weights)), weights, k=k)


def cumulative(rng, *weights_and_k):
    *weights, k = weights_and_k
    return rng.choices(range(len(weights)), cum_weights=weights, k=k)


def padded(data):
    data += bytes(-len(data) % 8)
    return struct.unpack("<%dQ" % (len(data) // 8), data)


def big_bits(rng, k):
    return padded(rng.getrandbits(k).to_bytes((k + 31) // 32 * 4, "little"))


# Rows that are not simply the method of the same name.
SPECIAL = {
    "getrandbits_words": big_bits,
    "randbytes": lambda rng, n: padded(rng.randbytes(n)),
    "choice": lambda rng, n: rng.choice(range(n)),
    "shuffle": shuffled,
    "sample": lambda rng, n, k: rng.sample(range(n), k),
    "sample_counts": sample_counts,
    "choices": lambda rng, n, k: rng.choices(range(n), k=k),
    "choices_weighted": weighted,
    "choices_cumulative": cumulative,
    "triangular_no_mode": lambda rng, low, high: rng.triangular(low, high),
    "lgamma": lambda rng, x: math.lgamma(x + rng.randint(0, 1048574)),
    "sha512": lambda rng, n: padded(hashlib.sha512(rng.randbytes(n)).digest()),
}
LENT = {} if hasattr(random.Random, "binomialvariate") else {"binomialvariate": binomialvariate}


def bind(name, args):
    """The row as a function of the generator."""
    if name in SPECIAL or name in LENT:
        function = SPECIAL.get(name) or LENT[name]
        return lambda rng: function(rng, *args)
    return lambda rng: getattr(rng, name)(*args)


def parse(text):
    return float.fromhex(text) if "x" in text else int(text)


def seeded(text):
    kind, _, value = text.partition(":")
    rng = random.Random()
    if kind == "int":
        rng.seed(int(value))
    elif kind == "float":
        rng.seed(float.fromhex(value))
    elif kind == "str":
        rng.seed(bytes.fromhex(value).decode())
    elif kind == "bytes":
        rng.seed(bytes.fromhex(value))
    elif kind == "v1":
        rng.seed(bytes.fromhex(value), version=1)
    elif kind == "state":
        rng.setstate(ast.literal_eval(value))
    elif kind == "system":
        random._urandom = Entropy()
        rng = random.SystemRandom()
    else:
        raise ValueError(text)
    return rng


def write(numbers):
    if numbers and isinstance(numbers[0], (tuple, list)):
        numbers = [number for several in numbers for number in several]
    if numbers and isinstance(numbers[0], float):
        data = array("d", numbers)
    else:
        data = array("Q", [number % 2**64 for number in numbers])
    if sys.byteorder == "big":
        data.byteswap()
    sys.stdout.buffer.write(data.tobytes())


def write_state(rng):
    """The length of the text, the text filled up to eight bytes, and what comes next."""
    for _ in range(700):
        rng.random()
    rng.gauss(0.0, 1.0)
    text = repr(rng.getstate()).encode()
    write([len(text)])
    write([padded(text)])
    write([rng.gauss(0.0, 1.0)] + [rng.random() for _ in range(999)])


def main(plan):
    rows = []
    with open(plan, encoding="utf-8") as file:
        lines = file.readlines()
    lent = " ".join(LENT)
    sys.stdout.buffer.write(("%s\n%s\n" % (sys.version.split()[0], lent)).encode())
    sys.stdout.flush()
    for line in lines:
        command, *fields = line.rstrip("\n").split("\t")
        if command == "row":
            rows.append(bind(fields[0], [parse(field) for field in fields[1:]]))
        elif command == "run":
            rng, row = seeded(fields[1]), rows[int(fields[0])]
            write([row(rng) for _ in range(int(fields[2]))])
        elif command == "mix":
            rng = seeded(fields[0])
            for i in range(int(fields[1])):
                write([rows[i % len(rows)](rng)])
        elif command == "getstate":
            write_state(seeded(fields[0]))


main(sys.argv[1])
