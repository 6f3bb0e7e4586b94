# SPDX-License-Identifier: MIT
"""What tools/examples/random.c mirrors. The argument is the seed."""
import random
import sys

random.seed(int(sys.argv[1]))
print(f"{random.random():.16f}")
print(random.randint(1, 6))
print(f"{random.uniform(0.1, 1.0):.16f}")
print(random.choice(['apple', 'banana', 'cherry']))
print(random.sample(['apple', 'banana', 'cherry', 'date'], k=2))
