/* SPDX-License-Identifier: MIT */
/* cli.c - see cli.h. */
#include "cli.h"

#include <errno.h>
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>

int cli_fail(const char *what, const char *why)
{
	fprintf(stderr, "rondo: %s: %s\n", what, why);
	return CLI_FAILED;
}

int cli_fail_error(const char *what, int error)
{
	return cli_fail(what, rondo_strerror(error));
}

int cli_usage(const char *what, const char *why)
{
	fprintf(stderr, "rondo: %s: %s\n", what, why);
	return CLI_USAGE;
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

int cli_fail_run(const char *what, int error)
{
	char why[256];

	/* The same errors may come from the program itself: ask for a ring, and see. */
	error = rondo_run(nothing, NULL) < 0 ? error : -error;
	if (error > 0)
		return cli_fail_error(what, -error);
	rondo_probe_explain(error, why, sizeof(why));
	return cli_fail("io_uring", why);
}

bool cli_number(const char *text, long min, long max, long *value)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < min || n > max)
		return false;
	*value = n;
	return true;
}
