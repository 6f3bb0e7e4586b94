/* SPDX-License-Identifier: MIT */
/* rondo.c - the rondo program: one name, several commands. */
#include <errno.h>
#include <rondo.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const struct {
	const char *name, *arguments, *what;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "demo", "", "the programs of the tour, then one loop doing sleep, file and socket",
	  cmd_demo },
	{ "probe", "[--json]", "what this kernel has, what is used, what is refused and why",
	  cmd_probe },
	{ "echo", "--port P [--workers N]", "a TCP echo server", cmd_echo },
	{ "cp", "SRC DST", "copy a file; a kill never leaves a torn DST", cmd_cp },
	{ "bench", "[NAME...] [--json F]", "measure this library against raw loops", cmd_bench },
	{ "sim", "[WORKLOAD] [--seeds N]...", "programs under the simulated kernel", cmd_sim },
};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int help(void)
{
	printf("rondo %s: asyncio for C on Linux io_uring\n\n", rondo_version());
	for (int i = 0; i < N_COMMANDS; i++)
		printf("  rondo %-6s %-24s %s\n", commands[i].name, commands[i].arguments,
		       commands[i].what);
	return CLI_OK;
}

/* What a command printed may still wait in stdio: a full disk is known only now. */
static int printed(int status)
{
	int error = fflush(stdout) ? -errno : ferror(stdout) ? -EIO : 0;

	return status == CLI_OK && error < 0 ? cli_fail_error("standard output", error) : status;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "help";

	if (!strcmp(name, "help") || !strcmp(name, "--help") || !strcmp(name, "-h"))
		return printed(help());
	if (!strcmp(name, "--version")) {
		printf("rondo %s\n", rondo_version());
		return printed(CLI_OK);
	}
	for (int i = 0; i < N_COMMANDS; i++)
		if (!strcmp(name, commands[i].name))
			return printed(commands[i].run(argc - 1, argv + 1));
	return cli_usage(name, "unknown command; try `rondo help`");
}
