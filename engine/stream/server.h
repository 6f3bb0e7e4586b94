/* SPDX-License-Identifier: MIT */
/* server.h - what the files of a server share. Layer 7.
 *
 *   server.c     begin, close, shut down, free; whom to ask
 *   listener.c   a socket that listens, and the task that accepts from it
 *   bind.c       from hosts, ports and paths to such sockets
 *   client.c     a connection, and the task that serves it
 *
 * E1  A connection is accepted by a plain call that does not wait, and is a client's in the same
 *     step: no cancel can come in between, so none is lost.
 * E2  A listener's task is the only one that closes its descriptor, and only after the poll on it
 *     has ended. rondo_server_close() first accepts what waits, then shuts the socket down, which
 *     stops the listening at once, then cancels the task.
 * E3  The server lives until its listeners' and clients' tasks have ended, and those that wait in it
 *     have left.
 * E4  client->stream is NULL once the server may not touch it any more: kept, or being closed. */
#ifndef RONDO_STREAM_SERVER_H
#define RONDO_STREAM_SERVER_H

#include <errno.h>

#include "loop/loop.h"
#include "rondo/net.h"
#include "rondo/sync.h"
#include "stream/address.h"

struct rondo_server;

struct listener {
	struct rondo_server *server;
	rondo_task *task;		/* NULL: not yet, or it has ended */
	int fd;				/* -1: closed */
	bool troubled;			/* it cannot accept, and that was reported (K34) */
};

/* The file of an AF_UNIX socket. */
struct socket_file {
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];	/* empty: none, or not to be removed */
	uint64_t inode;
	uint32_t dev_major, dev_minor;
};

struct client {
	struct list link;		/* in the server's clients, in order of arrival */
	struct rondo_server *server;
	rondo_task *task;
	rondo_stream *stream;		/* E4 */
	int fd;				/* until there is a stream */
	bool closing;			/* its handler has returned */
};

struct rondo_server {
	struct resource resource;
	struct loop *loop;
	rondo_handler *handler;
	void *arg;
	struct rondo_server_options options;
	struct list clients;
	size_t n_clients;
	struct listener listeners[ADDRESSES_MAX];
	unsigned n_listeners, n_accepting;	/* the second: their tasks that have not ended */
	struct socket_file file;
	struct rondo_event started;
	struct rondo_event room;	/* a client has left */
	struct rondo_event over;	/* closed, and nobody is left */
	unsigned n_users;		/* tasks that wait for `over` */
	bool serving, closed, shared, forever;
};

enum { BACKLOG = 100 };

static inline int server_backlog(const struct rondo_server *s)
{
	return s->options.backlog ? s->options.backlog : BACKLOG;
}

static inline bool server_is_over(const struct rondo_server *s)
{
	return s->closed && !s->n_clients && !s->n_accepting;
}

static inline bool server_is_full(const struct rondo_server *s)
{
	return s->options.limit && s->n_clients >= s->options.limit;
}

/* Somebody has left: tell who waits for that. */
void rondo__server_left(struct rondo_server *s);
void rondo__server_report(const struct rondo_server *s, const char *message, int error);

/* Start the task of a listener that has its fd. Returns 0 or -ENOMEM. */
int rondo__listener_start(struct listener *l);
/* E2: stop listening. */
void rondo__listener_stop(struct listener *l);

/* Make listeners for the hosts. Returns 0, or an error and none. */
int rondo__bind_hosts(struct rondo_server *s, const char *host, uint16_t port);
int rondo__bind_path(struct rondo_server *s, const char *path);
void rondo__bind_undo(struct rondo_server *s);
/* Remove the file, if it is still ours. Awaits. */
void rondo__bind_remove_file(struct socket_file *f);

/* Serve a connection in a task of its own. Returns 0, or -ENOMEM: then it is closed. */
int rondo__client_start(struct rondo_server *s, int fd);
void rondo__client_end_input(struct client *c);
void rondo__client_abort(struct client *c);
/* Is the running task a handler of this server? */
bool rondo__client_is_own(const struct rondo_server *s);

#endif
