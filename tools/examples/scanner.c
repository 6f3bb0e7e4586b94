/* SPDX-License-Identifier: MIT */
/* scanner.c - which TCP ports are open? example_scanner HOST FIRST LAST, for a numeric address. */
#include <errno.h>
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>

enum { AT_ONCE = 100 };
#define LIMIT_S 0.5

struct scan {
	const char *host;
	int first, last;
	bool open[65536];
};

RONDO_ASYNC(try_port, (struct scan *, scan), (int, port))
{
	struct rondo_timeout limit;
	int fd, ret = rondo_timeout_begin(&limit, LIMIT_S);

	if (ret < 0)
		return ret;
	fd = rondo_timeout_end(&limit, rondo_connect_tcp(scan->host, (uint16_t)port));
	scan->open[port] = fd >= 0;
	if (fd >= 0)
		return rondo_close(fd);
	if (fd != -EINVAL && fd != -EMFILE && fd != -ENFILE)	/* those say nothing about the port */
		return fd == -ECANCELED ? fd : 0;	/* closed, filtered, unreachable */
	return fprintf(stderr, "scanner: port %d: %s\n", port, rondo_strerror(fd)), fd;
}

static int async_main(void *arg)
{
	const struct rondo_task_group_options few = { .limit = AT_ONCE };
	struct rondo_task_group group;
	struct scan *scan = arg;
	int ret = rondo_task_group_begin_with(&group, &few);

	for (int port = scan->first; port <= scan->last && ret == 0; port++)
		if ((ret = rondo_task_group_room(&group)) == 0)
			ret = rondo_task_group_add(&group, try_port_task(scan, port));
	ret = rondo_task_group_end(&group, ret);
	for (int port = scan->first; port <= scan->last && ret == 0; port++)
		if (scan->open[port])
			printf("%d\n", port);
	return ret;
}

int main(int argc, char **argv)
{
	static struct scan scan;

	if (argc == 4)
		scan = (struct scan){ argv[1], atoi(argv[2]), atoi(argv[3]), { false } };
	if (argc != 4 || scan.first < 1 || scan.last > 65535)
		return fprintf(stderr, "usage: scanner HOST FIRST LAST\n"), 2;
	return rondo_run_with(rondo_options_from_environment(), async_main, &scan) < 0;
}
