/* SPDX-License-Identifier: MIT */
/* listener.c - a socket that listens, and the task that accepts from it (rows V3, V6). See server.h.
 *
 * The task waits until the socket is readable and then accepts what is there, up to the backlog, by
 * plain calls, as asyncio does. A multishot ACCEPT would save a call or two per connection; but it
 * goes on while the server is full, and what it has accepted when it is cancelled would have to be
 * found somebody. Accepting is no hot path: what follows costs ten times as much. */
#include <poll.h>
#include <sys/syscall.h>

#include "io/io.h"
#include "rondo/file.h"
#include "rondo/socket.h"
#include "rondo/task.h"
#include "stream/server.h"

#define PAUSE_S 1.0

static int accept_now(const struct listener *l)
{
	return (int)kernel_call4(rondo__address_seam(), SYS_accept4, l->fd, NULL, NULL,
				 SOCK_CLOEXEC);
}

/* The next connection may be fine: this one had an error already, as accept(2) warns. */
static bool is_about_the_connection(int error)
{
	switch (-error) {
	case ECONNABORTED: case ECONNRESET: case EPROTO: case EPERM: case EINTR: case ETIMEDOUT:
	case ENETDOWN: case ENOPROTOOPT: case EHOSTDOWN: case ENONET: case EHOSTUNREACH:
	case ENETUNREACH:
		return true;
	default:
		return false;
	}
}

static bool is_final(int error)
{
	return error == -EBADF || error == -EINVAL || error == -ENOTSOCK || error == -EOPNOTSUPP;
}

/* Out of descriptors or memory: the connection waits in the backlog, and trying at once would only
 * spin. One report, until it has gone well again. */
static int pause_accepting(struct listener *l, int error)
{
	if (!l->troubled)
		rondo__server_report(l->server, is_final(error) ?
				     "a server cannot accept connections any more" :
				     "a server cannot accept connections, and tries every second",
				     error);
	l->troubled = true;
	return is_final(error) ? error : rondo_sleep(PAUSE_S);
}

static int wait_for_room(struct rondo_server *s)
{
	int ret = 0;

	while (ret == 0 && server_is_full(s)) {
		rondo_event_clear(&s->room);
		ret = rondo_event_wait(&s->room);
	}
	return ret;
}

/* What waits, up to the backlog: then others have their turn. Returns 0 or an error. */
static int accept_waiting(struct listener *l)
{
	struct rondo_server *s = l->server;
	int n_left = server_backlog(s);

	while (n_left-- > 0 && !s->closed) {
		int ret = server_is_full(s) ? wait_for_room(s) : 0;

		if (ret == 0)
			ret = accept_now(l);
		if (ret == -EAGAIN || ret == -ECANCELED)
			return ret == -EAGAIN ? 0 : ret;
		if (ret >= 0)
			ret = rondo__client_start(s, ret);
		if (ret < 0 && !is_about_the_connection(ret))
			return s->closed ? -ECANCELED : pause_accepting(l, ret);
		l->troubled = false;
	}
	return s->closed ? -ECANCELED : 0;
}

static void clean_up(struct listener *l)
{
	int fd = l->fd;

	l->fd = -1;
	if (!l->server->shared)
		rondo__bind_remove_file(&l->server->file);
	(void)rondo_close(fd);
}

static int listener_main(void *arg)
{
	struct listener *l = arg;
	struct rondo_server *s = l->server;
	int ret = rondo_event_wait(&s->started);

	while (ret >= 0) {
		ret = io_wait_ready(l->fd, POLLIN);
		if (ret >= 0)
			ret = accept_waiting(l);
	}
	clean_up(l);
	rondo_detach(l->task);
	l->task = NULL;
	s->n_accepting--;
	rondo__server_left(s);
	return 0;
}

/* Eager, so that a cancel finds it where it will clean up. */
int rondo__listener_start(struct listener *l)
{
	const struct rondo_task_options o = { .name = "server", .eager = true };

	l->server->n_accepting++;
	l->task = rondo_create_task_with(&o, listener_main, l);
	if (!l->task)
		l->server->n_accepting--;
	return l->task ? 0 : -ENOMEM;
}

/* One that has no task: it could not be started, or has ended. */
static void drop(struct listener *l)
{
	if (l->fd >= 0 && !l->server->shared)
		rondo__address_give_up(l->fd, 0);
	l->fd = -1;
}

/* Those whose handshake is over have been told that they are connected: so they are served, where
 * nginx, say, would reset them. */
static void accept_last(struct listener *l)
{
	while (!server_is_full(l->server)) {
		int fd = accept_now(l);

		if (fd < 0 && !is_about_the_connection(fd))
			return;
		if (fd >= 0 && rondo__client_start(l->server, fd) < 0)
			return;
	}
}

void rondo__listener_stop(struct listener *l)
{
	if (!l->task) {
		drop(l);
		return;
	}
	if (l->server->serving && !l->server->shared) {
		accept_last(l);
		(void)rondo_shutdown(l->fd, SHUT_RDWR);
		accept_last(l);		/* AF_UNIX: what came in between is still there (KN-45) */
	}
	rondo_cancel(l->task);
}
