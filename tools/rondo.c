/* SPDX-License-Identifier: MIT */
/* rondo.c - the rondo program: one name, several commands. */
#include <errno.h>
#include <fcntl.h>
#include <rondo.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

static bool asks_for_help(const char *argument)
{
	return !strcmp(argument, "--help") || !strcmp(argument, "-h");
}

static int help_with(int i)
{
	printf("rondo %s %s\n\n  %s\n", commands[i].name, commands[i].arguments, commands[i].what);
	return CLI_OK;
}

/* bench and sim know more of themselves. */
static int run(int i, int argc, char **argv)
{
	if (argc == 2 && asks_for_help(argv[1]) && commands[i].run != cmd_bench &&
	    commands[i].run != cmd_sim)
		return help_with(i);
	return commands[i].run(argc, argv);
}

/* Called with a standard descriptor closed (>&-), the next file that is opened would get its number, and
 * what we say would be written into that. Nothing can be read from, or written to, these in its place. */
static void fill_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", fcntl(STDIN_FILENO, F_GETFD) < 0 ? O_WRONLY : O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
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

	fill_standard();
	if (!strcmp(name, "help") || asks_for_help(name))
		return printed(help());
	if (!strcmp(name, "--version")) {
		printf("rondo %s\n", rondo_version());
		return printed(CLI_OK);
	}
	for (int i = 0; i < N_COMMANDS; i++)
		if (!strcmp(name, commands[i].name))
			return printed(run(i, argc - 1, argv + 1));
	return cli_usage(name, "unknown command; try `rondo help`");
}
