/* SPDX-License-Identifier: MIT */
/* cli.c - see cli.h. */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>

/* It stays one line whatever a name contains, and does not steer the terminal. */
static void complain(const char *what, const char *why)
{
	char *line;

	if (asprintf(&line, "rondo: %s: %s", what, why) < 0) {
		fprintf(stderr, "rondo: %s\n", why);
		return;
	}
	for (char *c = line; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	fprintf(stderr, "%s\n", line);
	free(line);
}

int cli_fail(const char *what, const char *why)
{
	complain(what, why);
	return CLI_FAILED;
}

int cli_fail_error(const char *what, int error)
{
	return cli_fail(what, rondo_strerror(error));
}

int cli_usage(const char *what, const char *why)
{
	complain(what, why);
	return CLI_USAGE;
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

int cli_need_ring(void)
{
	char why[256];
	int error = rondo_run(nothing, NULL);

	if (error >= 0)
		return CLI_OK;
	rondo_probe_explain(error, why, sizeof(why));
	return cli_fail("io_uring", why);
}

int cli_fail_run(const char *what, int error)
{
	/* The same errors may come from the program itself: ask for a ring, and see. */
	int status = cli_need_ring();

	return status == CLI_OK ? cli_fail_error(what, error) : status;
}

bool cli_number(const char *text, long min, long max, long *value)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno || !isdigit((unsigned char)text[*text == '-']) || *end || n < min || n > max)
		return false;
	*value = n;
	return true;
}
