/* SPDX-License-Identifier: MIT */
/* proxy.c - a line-based proxy: passes lines on, both ways, and shows them:
 * example_proxy PORT TO_HOST TO_PORT */
#include <errno.h>
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>

static char **arguments;

RONDO_ASYNC(pass, (rondo_stream *, from), (rondo_stream *, to), (const char *, arrow))
{
	const char *line;
	ssize_t n;
	int ret = 0;

	while (ret == 0 && (n = rondo_stream_read_line(from, &line)) != 0) {
		if (n < 0)
			return (int)n;
		printf("%s %.*s", arrow, (int)n, line);
		fflush(stdout);
		ret = rondo_stream_write(to, line, (size_t)n);
	}
	return ret < 0 ? ret : rondo_stream_shutdown_write(to);
}

static int serve(rondo_stream *client, void *arg)
{
	rondo_stream *server;
	int ret = rondo_open_connection(arguments[2], (uint16_t)atoi(arguments[3]), NULL, &server);
	rondo_task *ways[2];

	(void)arg;
	if (ret < 0)
		return rondo_stream_printf(client, "proxy: %s\n", rondo_strerror(ret));
	ways[0] = pass_task(client, server, ">");
	ways[1] = pass_task(server, client, "<");
	ret = rondo_gather(2, ways, NULL, RONDO_GATHER_CANCEL_REST);
	rondo_stream_close(server);
	return ret;
}

static int async_main(void *port)
{
	rondo_server *server;
	int ret = rondo_start_server(serve, NULL, "127.0.0.1", *(uint16_t *)port, NULL, &server);

	if (ret == 0 && printf("passing on what comes to port %d\n", rondo_server_port(server)) > 0)
		ret = fflush(stdout) ? -EIO : rondo_server_serve_forever(server);
	return ret;
}

int main(int argc, char **argv)
{
	uint16_t port = argc == 4 ? (uint16_t)atoi(argv[1]) : 0;

	arguments = argv;
	return argc != 4 ? 2 : rondo_run(async_main, &port) < 0;
}
