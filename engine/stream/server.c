/* SPDX-License-Identifier: MIT */
/* server.c - servers: begin, close, shut down, free (rows V1, V4 to V8). See server.h. */
#include "stream/server.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "rondo/socket.h"
#include "rondo/task.h"
#include "rondo/time.h"
#include "task/task.h"

#define CLEAN_UP_S 1.0			/* between the cancel and the abort */

void rondo__server_report(const struct rondo_server *s, const char *message, int error)
{
	rondo__task_report(s->loop, rondo_current_task(), message, error);
}

void rondo__server_left(struct rondo_server *s)
{
	rondo_event_set(&s->room);
	if (server_is_over(s))
		rondo_event_set(&s->over);
}

/* --- beginning ------------------------------------------------------------------------------- */

static void describe(const struct resource *r, char *buf, size_t size)
{
	const struct rondo_server *s = container_of(r, struct rondo_server, resource);

	snprintf(buf, size, "server with %u sockets", s->n_listeners);
}

static void drop(struct resource *r)
{
	rondo_server_free(container_of(r, struct rondo_server, resource));
}

static const struct resource_class leaked = { .describe = describe, .drop = drop };

static struct rondo_server *make(rondo_handler *handler, void *arg,
				 const struct rondo_server_options *options)
{
	struct rondo_server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->loop = rondo__self()->loop;
	s->handler = handler;
	s->arg = arg;
	if (options)
		s->options = *options;
	list_init(&s->clients);
	return s;
}

static int listen_all(struct rondo_server *s)
{
	int ret = 0;

	for (unsigned i = 0; i < s->n_listeners && ret == 0; i++)
		if (!s->shared)
			ret = rondo_listen(s->listeners[i].fd, server_backlog(s));
	return ret;
}

int rondo_server_start_serving(rondo_server *s)
{
	int ret;

	if (s->closed)
		return -ESHUTDOWN;
	if (s->serving)
		return 0;
	ret = listen_all(s);
	if (ret < 0)
		return ret;
	s->serving = true;
	rondo_event_set(&s->started);
	return 0;
}

/* The sockets are there, or error says why not: start what accepts from them. */
static int begin(struct rondo_server *s, int error, rondo_server **server)
{
	int ret = error;

	if (ret == 0 && !s->options.no_start)
		ret = listen_all(s);
	if (ret < 0) {
		rondo__bind_remove_file(&s->file);
		rondo__bind_undo(s);
		free(s);
		return ret;
	}
	resource_add(s->loop, &s->resource, &leaked);
	for (unsigned i = 0; i < s->n_listeners && ret == 0; i++)
		ret = rondo__listener_start(&s->listeners[i]);
	if (ret == 0 && !s->options.no_start)
		ret = rondo_server_start_serving(s);
	if (ret < 0)
		rondo_server_free(s);
	else
		*server = s;
	return ret;
}

int rondo_start_server(rondo_handler *handler, void *arg, const char *host, uint16_t port,
		       const struct rondo_server_options *options, rondo_server **server)
{
	struct rondo_server *s = make(handler, arg, options);

	return s ? begin(s, rondo__bind_hosts(s, host, port), server) : -ENOMEM;
}

int rondo_start_unix_server(rondo_handler *handler, void *arg, const char *path,
			    const struct rondo_server_options *options, rondo_server **server)
{
	struct rondo_server *s = make(handler, arg, options);

	return s ? begin(s, rondo__bind_path(s, path), server) : -ENOMEM;
}

/* Accepting must not wait, and a blocking socket is shared with whoever made it so. */
static int adopt(int fd)
{
	int listens, flags;
	socklen_t size = sizeof(listens);
	int ret = rondo_getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);

	if (ret < 0 || !listens)
		return ret < 0 ? ret : -EINVAL;
	flags = (int)kernel_call3(rondo__address_seam(), SYS_fcntl, fd, F_GETFL, 0);
	if (flags >= 0)
		flags = (int)kernel_call3(rondo__address_seam(), SYS_fcntl, fd, F_SETFL,
					  flags | O_NONBLOCK);
	return flags;
}

int rondo_start_server_on(rondo_handler *handler, void *arg, int fd,
			  const struct rondo_server_options *options, rondo_server **server)
{
	struct rondo_server *s = make(handler, arg, options);
	int ret;

	if (!s)
		return -ENOMEM;
	ret = adopt(fd);
	if (ret == 0) {
		s->shared = true;
		s->listeners[s->n_listeners++] = (struct listener){ .server = s, .fd = fd };
	}
	return begin(s, ret, server);
}

/* --- ending ---------------------------------------------------------------------------------- */

void rondo_server_close(rondo_server *s)
{
	if (s->closed)
		return;
	s->closed = true;
	for (unsigned i = 0; i < s->n_listeners; i++)
		rondo__listener_stop(&s->listeners[i]);
	rondo__server_left(s);
}

int rondo_server_wait_closed(rondo_server *s)
{
	int ret = 0;

	if (rondo__client_is_own(s))
		return -EDEADLK;
	s->n_users++;
	while (ret == 0 && !server_is_over(s))
		ret = rondo_event_wait(&s->over);
	s->n_users--;
	return ret;
}

int rondo_server_serve_forever(rondo_server *s)
{
	int ret = s->forever ? -EBUSY : rondo_server_start_serving(s);

	if (ret < 0)
		return ret;
	s->n_users++;
	s->forever = true;
	ret = rondo_server_wait_closed(s);
	if (ret == -ECANCELED) {
		rondo_server_close(s);
		ret = rondo_server_wait_closed(s);	/* a second cancel ends it */
		ret = -ECANCELED;
	}
	s->forever = false;
	s->n_users--;
	return ret;
}

/* As asyncio's close_clients() and abort_clients(), which do not touch the handlers. */
void rondo_server_close_clients(rondo_server *s)
{
	for (struct list *p = s->clients.next; p != &s->clients; p = p->next)
		rondo__client_end_input(container_of(p, struct client, link));
}

void rondo_server_abort_clients(rondo_server *s)
{
	for (struct list *p = s->clients.next; p != &s->clients; p = p->next)
		rondo__client_abort(container_of(p, struct client, link));
}

static void cancel_clients(struct rondo_server *s)
{
	for (struct list *p = s->clients.next; p != &s->clients; p = p->next)
		rondo_cancel(container_of(p, struct client, link)->task);
}

static int wait_closed(void *arg)
{
	return rondo_server_wait_closed(arg);
}

/* Nobody but the handlers can say how long this takes. */
static void end_clients(struct rondo_server *s)
{
	struct rondo_mask mask;

	rondo_mask_begin(&mask);
	cancel_clients(s);
	if (!s->n_clients || rondo_wait_for(wait_closed, s, CLEAN_UP_S) != 0) {
		rondo_server_abort_clients(s);
		cancel_clients(s);
	}
	while (!server_is_over(s) && rondo_event_wait(&s->over) == 0)
		;
	rondo_mask_end(&mask);
}

int rondo_server_shutdown(rondo_server *s, double grace)
{
	int ret = 0;

	if (!(grace >= 0))
		return -EINVAL;
	if (rondo__client_is_own(s))
		return -EDEADLK;
	s->n_users++;
	rondo_server_close(s);
	if (s->n_clients)
		ret = rondo_wait_for(wait_closed, s, grace);
	end_clients(s);
	s->n_users--;
	return ret;
}

/* Those who waited in it have been woken, and run before they can find it gone (E3). */
static void wait_for_users(struct rondo_server *s)
{
	while (s->n_users)
		if (rondo_yield() < 0)
			return;
}

void rondo_server_free(rondo_server *s)
{
	struct rondo_mask mask;

	if (!s)
		return;
	if (rondo__client_is_own(s))
		BUG("rondo_server_free() in a handler of the server");
	rondo_mask_begin(&mask);
	(void)rondo_server_shutdown(s, 0);
	wait_for_users(s);
	rondo_mask_end(&mask);
	resource_remove(&s->resource);
	free(s);
}

/* --- looking --------------------------------------------------------------------------------- */

bool rondo_server_is_serving(const rondo_server *s)
{
	return s->serving && !s->closed;
}

size_t rondo_server_n_clients(const rondo_server *s)
{
	return s->n_clients;
}

size_t rondo_server_n_sockets(const rondo_server *s)
{
	return s->closed ? 0 : s->n_listeners;
}

int rondo_server_socket(const rondo_server *s, size_t i)
{
	return i < rondo_server_n_sockets(s) ? s->listeners[i].fd : -EINVAL;
}

int rondo_server_port(const rondo_server *s)
{
	int fd = rondo_server_socket(s, 0);

	return fd < 0 ? fd : rondo__address_port(fd);
}
