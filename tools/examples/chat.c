/* SPDX-License-Identifier: MIT */
/* chat.c - what one says, the others read: example_chat PORT (0: any). Who takes nothing for a
 * second is put out. */
#include <errno.h>
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>

enum { N_MEMBERS = 64 };
static struct { rondo_stream *stream; rondo_task *task; } members[N_MEMBERS];

static void tell(int i, const char *line, size_t n)
{
	struct rondo_timeout limit;
	rondo_task *task = members[i].task;
	int ret = members[i].stream ? rondo_timeout_begin(&limit, 1) : -ENOTCONN;

	if (ret == 0)
		ret = rondo_timeout_end(&limit, rondo_stream_write(members[i].stream, line, n));
	if (ret == -ETIMEDOUT && members[i].task == task)
		rondo_cancel(task);
}

static int be_member(rondo_stream *stream, void *arg)
{
	const char *line;
	ssize_t n;
	int own = 0;

	(void)arg;
	while (own < N_MEMBERS && members[own].stream)
		own++;
	if (own == N_MEMBERS)
		return rondo_stream_printf(stream, "the room is full\n");
	members[own].stream = stream;
	members[own].task = rondo_current_task();
	while ((n = rondo_stream_read_line(stream, &line)) > 0)
		for (int i = 0; i < N_MEMBERS; i++)
			if (i != own)
				tell(i, line, (size_t)n);
	members[own].stream = NULL;
	return (int)n;
}

static int async_main(void *port)
{
	rondo_server *server;
	int ret = rondo_start_server(be_member, NULL, "127.0.0.1", *(uint16_t *)port, NULL, &server);

	if (ret < 0 || printf("chatting on port %d\n", rondo_server_port(server)) < 0)
		return ret;
	return fflush(stdout) ? -EIO : rondo_server_serve_forever(server);
}

int main(int argc, char **argv)
{
	uint16_t port = argc > 1 ? (uint16_t)atoi(argv[1]) : 0;

	return rondo_run(async_main, &port) < 0;
}
