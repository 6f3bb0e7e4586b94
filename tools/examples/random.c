/* SPDX-License-Identifier: MIT */
/* random.c - the random module; with a seed, Python's numbers bit for bit: `example_random 42`
 * prints what this does after random.seed(42).
 *
 *     print(f"{random.random():.16f}")
 *     print(random.randint(1, 6))
 *     print(f"{random.uniform(0.1, 1.0):.16f}")
 *     print(random.choice(['apple', 'banana', 'cherry']))
 *     print(random.sample(['apple', 'banana', 'cherry', 'date'], k=2)) */
#include <inttypes.h>
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	const char *fruits[] = { "apple", "banana", "cherry" };
	const char *more[] = { "apple", "banana", "cherry", "date" }, *picked[2];

	if (argc > 1)
		rondo_random_seed(strtoll(argv[1], NULL, 10));
	printf("%.16f\n", rondo_random_random());
	printf("%" PRId64 "\n", rondo_random_randint(1, 6));
	printf("%.16f\n", rondo_random_uniform(0.1, 1.0));
	printf("%s\n", rondo_random_choice(fruits));
	if (rondo_random_sample(more, 2, picked) < 0)
		return 1;
	printf("['%s', '%s']\n", picked[0], picked[1]);
	return 0;
}
