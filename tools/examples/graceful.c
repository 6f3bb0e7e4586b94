/* SPDX-License-Identifier: MIT */
/* graceful.c - a server that shuts down gracefully: at SIGTERM it stops listening, and connections have some
 * seconds to end by themselves; then, or at a second SIGTERM, their tasks are cancelled. It answers
 * each line with the same in capitals. Arguments: [PORT [SECONDS]] */
#include <ctype.h>
#include <netinet/in.h>
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>

static int serve(rondo_stream *s, void *arg)
{
	int ret = rondo_stream_printf(s, "hello\n");
	const char *line;
	ssize_t n = 0;

	(void)arg;
	while (ret == 0 && (n = rondo_stream_read_line(s, &line)) > 0)
		for (ssize_t i = 0; i < n && ret == 0; i++)
			ret = rondo_stream_printf(s, "%c", toupper((unsigned char)line[i]));
	return n < 0 ? (int)n : ret;
}

static void hurry(void *main_task)
{
	rondo_cancel(main_task);
}

static int async_main(void *arg)
{
	char **argv = arg;
	struct sockaddr_in at = { .sin_port = 0 };
	socklen_t size = sizeof(at);
	uint16_t port = argv[1] ? (uint16_t)atoi(argv[1]) : 0;
	rondo_signal *signals;
	rondo_server *server;
	int ret = rondo_signal_open_one(SIGTERM, &signals);

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (ret < 0 || (ret = rondo_start_server(serve, NULL, "127.0.0.1", port, NULL, &server)) < 0)
		return fprintf(stderr, "graceful: %s\n", rondo_strerror(ret)), ret;
	ret = rondo_getsockname(rondo_server_socket(server, 0), (void *)&at, &size);
	printf("listening on port %d\n", ntohs(at.sin_port));
	if (ret == 0)
		ret = rondo_signal_next(signals, NULL);
	if (ret > 0)
		ret = rondo_add_signal_handler(SIGTERM, hurry, rondo_current_task());
	rondo_server_close(server);
	printf("shutting down, connections: %zu\n", rondo_server_n_clients(server));
	if (ret == 0)
		ret = rondo_server_shutdown(server, argv[1] && argv[2] ? atof(argv[2]) : 10);
	printf("%s\n", ret == 0 ? "all ended by themselves" : "some had to be cancelled");
	rondo_server_free(server);
	return rondo_signal_close(signals);
}

int main(int argc, char **argv)
{
	return argc < 1 || rondo_run_with(rondo_options_from_environment(), async_main, argv) < 0;
}
