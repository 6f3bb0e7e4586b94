/* SPDX-License-Identifier: MIT */
/* cli.h - what the commands of the rondo program share: exit codes and the one-line error. */
#ifndef RONDO_TOOLS_CLI_H
#define RONDO_TOOLS_CLI_H

#include <stdbool.h>
#include <stddef.h>

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* Print `rondo: what: why` on stderr, on one line whatever the names in it; return the exit
 * code, so that commands can `return` it. */
int cli_fail(const char *what, const char *why);
/* The same for a negative rondo error. */
int cli_fail_error(const char *what, int error);
int cli_usage(const char *what, const char *why);
/* Can a ring be had? If not, explain the cause and the remedy, and return CLI_FAILED. */
int cli_need_ring(void);
/* rondo_run() failed: if because no ring could be made, explain the cause and the remedy. */
int cli_fail_run(const char *what, int error);

/* Parse a whole decimal number within [min, max]; false leaves *value alone. */
bool cli_number(const char *text, long min, long max, long *value);

/* One per command; argv[0] is the command's name. They return the exit code. */
int cmd_demo(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_echo(int argc, char **argv);
int cmd_cp(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_sim(int argc, char **argv);
#endif
