/* SPDX-License-Identifier: MIT */
/* tour.c - workload: the programs of tools/examples/, unchanged, print what they always print.
 *
 * The build compiles them once more for this, with main renamed tour_main_<name>, rondo_run renamed
 * tour_run and printf renamed tour_printf. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

int tour_main_hello(void);
int tour_main_run(void);
int tour_main_gather(void);
int tour_main_create_task(void);
int tour_main_random(int argc, char **argv);
int tour_main_random_sleep(int argc, char **argv);

int tour_run(rondo_fn *main, void *arg);
int tour_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char output[4096];
static size_t n_output;

/* We are in a task already: its first task is a call. */
int tour_run(rondo_fn *main, void *arg)
{
	return main(arg);
}

int tour_printf(const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(output + n_output, sizeof(output) - n_output, format, args);
	va_end(args);
	n_output += (size_t)n;
	if (n_output >= sizeof(output))
		n_output = sizeof(output) - 1;
	return n;
}

static int random_42(void)
{
	char name[] = "random", seed[] = "42", *argv[] = { name, seed, NULL };

	return tour_main_random(2, argv);
}

static int random_sleep_42(void)
{
	char name[] = "random_sleep", seed[] = "42", *argv[] = { name, seed, NULL };

	return tour_main_random_sleep(2, argv);
}

static const struct {
	const char *name;
	int (*run)(void);
	const char *output;		/* what Python prints */
} programs[] = {
	{ "hello", tour_main_hello, "Hello, Async World!\nAsync function completed!\n" },
	{ "run", tour_main_run, "Hello, Async World!\nAsync function completed!\n" },
	{ "gather", tour_main_gather,
	  "Task 1 started\nTask 2 started\nTask 2 completed\nTask 1 completed\n" },
	{ "create_task", tour_main_create_task,
	  "Task 1 started\nTask 2 started\nTask 2 completed\nTask 1 completed\n" },
	{ "random", random_42, NULL },
	{ "random_sleep", random_sleep_42,
	  "Sleeping for 0.68 seconds\nSleeping for 0.12 seconds\nSleeping for 0.35 seconds\n"
	  "Sleeping for 0.30 seconds\nSleeping for 0.76 seconds\n"
	  "Woke up!\nWoke up!\nWoke up!\nWoke up!\nWoke up!\n" },
};

static int tour_main(void *arg)
{
	(void)arg;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		int status;

		n_output = 0;
		output[0] = '\0';
		status = programs[i].run();
		if (status != 0)
			return rondo_sim_fail("%s ended with status %d", programs[i].name, status);
		if (programs[i].output && strcmp(programs[i].output, output))
			return rondo_sim_fail("%s printed: %s", programs[i].name, output);
	}
	return 0;
}

const struct workload workload_tour = {
	.name = "tour", .what = "the example programs, unchanged, print what they always print",
	.main = tour_main, .n_tasks = 1,
};
