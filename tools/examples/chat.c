/* SPDX-License-Identifier: MIT */
/* chat.c - what one says, the others read: chat [PORT]. Who takes nothing for a second is out. */
#include <errno.h>
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_MEMBERS = 64 };
static struct { rondo_stream *stream; rondo_task *task; } members[N_MEMBERS];

/* That another one has gone is no error of ours; that we are to stop is. */
static int tell(int i, const char *line, size_t n)
{
	struct rondo_timeout limit;
	rondo_task *task = members[i].task;
	int ret = members[i].stream ? rondo_timeout_begin(&limit, 1) : -ENOTCONN;

	if (ret == 0)
		ret = rondo_timeout_end(&limit, rondo_stream_write(members[i].stream, line, n));
	if (ret == -ETIMEDOUT && members[i].task == task)
		rondo_cancel(task);
	return ret == -ECANCELED ? ret : 0;
}

static int be_member(rondo_stream *stream, void *full)
{
	const char *line;
	ssize_t n = 0, own = 0;

	while (own < N_MEMBERS && members[own].stream)
		own++;
	if (own == N_MEMBERS)
		return rondo_stream_printf(stream, "%s\n", (const char *)full);
	members[own].stream = stream, members[own].task = rondo_current_task();
	while (n >= 0 && (n = rondo_stream_read_line(stream, &line)) > 0)
		for (int i = 0; i < N_MEMBERS && n > 0; i++)
			n = i != own && tell(i, line, (size_t)n) < 0 ? -ECANCELED : n;
	members[own].stream = NULL;
	return (int)n;
}

static int async_main(void *arg)
{
	char **argv = arg, full[] = "the room is full";
	uint16_t port = argv[1] ? (uint16_t)atoi(argv[1]) : 0;
	rondo_server *server;
	int ret = rondo_start_server(be_member, full, "127.0.0.1", port, NULL, &server);

	if (ret < 0)
		return fprintf(stderr, "chat: %s\n", rondo_strerror(ret)), ret;
	printf("chatting on port %d\n", rondo_server_port(server)), fflush(stdout);
	ret = rondo_server_serve_forever(server);
	rondo_server_free(server);
	return ret;
}

int main(int argc, char **argv)
{
	return argc < 1 || rondo_run_with(rondo_options_from_environment(), async_main, argv) < 0;
}
