/* SPDX-License-Identifier: MIT */
/* pipeline.c - the ten commonest words of a text: four programs joined by pipes, as a shell would, and
 * what the last one prints is read line by line: pipeline < TEXT */
#define _GNU_SOURCE 1			/* pipe2 */
#include <errno.h>
#include <fcntl.h>
#include <rondo.h>
#include <stdio.h>
#include <unistd.h>

enum { N_STAGES = 4 };

static const char *const stages[N_STAGES][5] = {
	{ "tr", "-cs", "A-Za-z", "\\n", NULL },
	{ "sort", NULL },
	{ "uniq", "-c", NULL },
	{ "sort", "-k1,1nr", "-k2", NULL },
};

/* Each reads from `from`, and the next one reads what it writes. */
static int start(int i, int *from, rondo_process **p)
{
	struct rondo_process_options o = { .argv = stages[i], .in = { RONDO_STDIO_FD, *from } };
	int to[2] = { -1, -1 }, ret = i + 1 < N_STAGES && pipe2(to, O_CLOEXEC) < 0 ? -errno : 0;

	o.out.kind = i + 1 < N_STAGES ? RONDO_STDIO_FD : RONDO_STDIO_PIPE;
	o.out.fd = to[1];
	if (ret == 0)
		ret = rondo_process_spawn(&o, p);
	close(*from);
	close(to[1]);
	*from = to[0];
	return ret;
}

static int async_main(void *arg)
{
	rondo_process *children[N_STAGES] = { NULL };
	int from = dup(STDIN_FILENO), ret = from < 0 ? -errno : 0;
	const char *line;
	ssize_t n = 0;

	(void)arg;
	for (int i = 0; i < N_STAGES && ret == 0; i++)
		ret = start(i, &from, &children[i]);
	for (int i = 0; i < 10 && ret == 0 && n >= 0; i++)
		if ((n = rondo_stream_read_line(rondo_process_stdout(children[N_STAGES - 1]), &line)) > 0)
			printf("%.*s", (int)n, line);
	for (int i = 0; i < N_STAGES; i++)
		rondo_process_close(children[i]);
	if (ret < 0 || n < 0)
		fprintf(stderr, "pipeline: %s\n", rondo_strerror(ret < 0 ? ret : (int)n));
	return ret < 0 ? ret : (int)n;
}

int main(void)
{
	return rondo_run_with(rondo_options_from_environment(), async_main, NULL) < 0;
}
