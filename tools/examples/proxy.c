/* SPDX-License-Identifier: MIT */
/* proxy.c - passes lines on, both ways, and shows them: example_proxy PORT TO_HOST TO_PORT */
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>

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
	char **to = arg;
	rondo_stream *server;
	rondo_task *ways[2];
	int ret = rondo_open_connection(to[0], (uint16_t)atoi(to[1]), NULL, &server);

	if (ret < 0)
		return rondo_stream_printf(client, "proxy: %s\n", rondo_strerror(ret));
	ways[0] = pass_task(client, server, ">");
	ways[1] = pass_task(server, client, "<");
	ret = rondo_gather(2, ways, NULL, RONDO_GATHER_CANCEL_REST);
	rondo_stream_close(server);
	return ret;
}

static int async_main(void *arg)
{
	char **argv = arg;
	rondo_server *server;
	int ret = rondo_start_server(serve, argv + 2, "127.0.0.1", (uint16_t)atoi(argv[1]), NULL, &server);

	if (ret < 0)
		return fprintf(stderr, "proxy: %s\n", rondo_strerror(ret)), ret;
	printf("passing on what comes to port %d\n", rondo_server_port(server));
	fflush(stdout);
	ret = rondo_server_serve_forever(server);
	rondo_server_free(server);
	return ret;
}

int main(int argc, char **argv)
{
	if (argc == 4)
		return rondo_run_with(rondo_options_from_environment(), async_main, argv) < 0;
	fprintf(stderr, "usage: proxy PORT TO_HOST TO_PORT\n");
	return 2;
}
