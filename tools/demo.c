/* SPDX-License-Identifier: MIT */
/* demo.c - `rondo demo`: the programs of tools/examples/, one after the other.
 *
 * The build compiles each of them a second time for this program, with main renamed
 * example_<name>, and rondo_run() demo_run(). */
#include <rondo.h>
#include <stdio.h>

#include "cli.h"

int example_hello(void);
int example_run(void);
int example_gather(void);
int example_create_task(void);
int example_random(int argc, char **argv);
int example_random_sleep(int argc, char **argv);
int example_overlap(void);

/* In place of the examples' rondo_run(): for RONDO_DEBUG. */
int demo_run(rondo_fn *main, void *arg);

int demo_run(rondo_fn *main, void *arg)
{
	return rondo_run_with(rondo_options_from_environment(), main, arg);
}

static int random_42(void)
{
	char name[] = "random", seed[] = "42", *argv[] = { name, seed, NULL };

	return example_random(2, argv);
}

static int random_sleep_42(void)
{
	char name[] = "random_sleep", seed[] = "42", *argv[] = { name, seed, NULL };

	return example_random_sleep(2, argv);
}

static const struct {
	const char *title;
	int (*run)(void);
} programs[] = {
	{ "hello: define an asynchronous function", example_hello },
	{ "run: await it", example_run },
	{ "gather: run two at once", example_gather },
	{ "create_task: start two, await each", example_create_task },
	{ "random: seed(42), then the numbers Python gives", random_42 },
	{ "random_sleep: five random sleepers, seed(42)", random_sleep_42 },
	{ "overlap: sleep, file and socket on one loop", example_overlap },
};

int cmd_demo(int argc, char **argv)
{
	if (argc > 1)
		return cli_usage(argv[1], "demo takes no arguments");
	if (cli_need_ring() != CLI_OK)	/* the programs would fail without a word */
		return CLI_FAILED;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		printf("%s--- %s\n", i ? "\n" : "", programs[i].title);
		fflush(stdout);
		if (programs[i].run())
			return cli_fail(programs[i].title, "the program failed");
	}
	return CLI_OK;
}
