/* SPDX-License-Identifier: MIT */
/* client.c - a connection, and the task that serves it (rows V2, V8). See server.h. */
#include "rondo/socket.h"
#include "rondo/task.h"
#include "stream/server.h"
#include "stream/stream.h"

static void leave(struct client *c)
{
	struct rondo_server *s = c->server;

	list_remove(&c->link);
	s->n_clients--;
	rondo_detach(c->task);
	rondo__server_left(s);
}

/* Cancelled before it began. */
static void drop(void *arg)
{
	struct client *c = arg;

	rondo__address_give_up(c->fd, 0);
	leave(c);
}

static int begin(struct client *c)
{
	const struct rondo_server_options *o = &c->server->options;
	int ret = rondo__stream_from_own_fd(c->fd, &o->stream, &c->stream);

	if (ret < 0)
		return rondo__address_give_up(c->fd, ret);
	if (o->wrapper.wrap)
		ret = o->wrapper.wrap(&c->stream, true, NULL, o->wrapper.arg);
	return ret;
}

/* What a handler has written is sent even after its error, as in asyncio. */
static void end(struct client *c)
{
	rondo_stream *stream = c->stream;

	c->stream = NULL;
	c->closing = true;
	(void)rondo_stream_close(stream);
}

static int serve(void *arg)
{
	struct client *c = arg;
	struct rondo_server *s = c->server;
	int ret = begin(c);

	if (ret < 0 && ret != -ECANCELED)
		rondo__server_report(s, "a connection could not begin", ret);
	if (ret >= 0) {
		ret = s->handler(c->stream, s->arg);
		if (ret < 0 && ret != -ECANCELED)
			rondo__server_report(s, "the handler of a connection failed", ret);
	}
	end(c);
	leave(c);
	return 0;
}

int rondo__client_start(struct rondo_server *s, int fd)
{
	const struct client client = { .server = s, .fd = fd };
	const struct rondo_task_options o = { .copy = &client, .copy_size = sizeof(client),
					      .stack_size = s->options.stack_size,
					      .on_drop = drop };
	rondo_task *task = rondo_create_task_with(&o, serve, NULL);
	struct client *c;

	if (!task)
		return rondo__address_give_up(fd, -ENOMEM);
	c = task->arg;			/* the copy, in the task's own memory */
	c->task = task;
	list_push(&s->clients, &c->link);
	s->n_clients++;
	return 0;
}

static struct client *self(void)
{
	struct rondo_task *t = rondo__self();

	return t->fn == serve ? t->arg : NULL;
}

bool rondo__client_is_own(const struct rondo_server *s)
{
	const struct client *c = self();

	return c && c->server == s;
}

int rondo_server_keep(rondo_stream *instead)
{
	struct client *c = self();

	if (!c)
		return -EINVAL;
	c->stream = instead;
	return 0;
}

/* --- from outside ---------------------------------------------------------------------------- */

/* The handler's reads come to the end, behind what is there; it may still write. */
void rondo__client_end_input(struct client *c)
{
	if (c->stream)
		(void)rondo_shutdown(rondo_stream_fd(c->stream), SHUT_RD);
}

/* The close that follows resets the connection; whoever waits in the stream meets its end now. */
void rondo__client_abort(struct client *c)
{
	const struct linger at_once = { .l_onoff = 1 };
	int fd;

	if (c->closing)
		rondo_cancel(c->task);	/* it may be waiting for the peer to take the rest */
	if (!c->stream)
		return;
	fd = rondo_stream_fd(c->stream);
	if (rondo_setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0)
		(void)rondo_shutdown(fd, SHUT_RDWR);
}
