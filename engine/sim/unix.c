/* SPDX-License-Identifier: MIT */
/* unix.c - AF_UNIX sockets: names, connections, and packets. See net.h.
 *
 * All on one host, and at once: what is sent is there. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/unix.h"

enum { QUEUE_MAX = 512 };		/* net.unix.max_dgram_qlen, as Debian sets it, about */

/* --- names ----------------------------------------------------------------------------------- */

/* In the file system a name outlives its socket; an abstract one (it begins with 0) does not. */
struct net_unix_name {
	struct list link;		/* in net->names */
	struct sim_host *host;
	struct sim_socket *socket;	/* NULL: it is gone */
	size_t len;
	char name[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

static bool is_abstract(const struct net_unix_name *n)
{
	return !n->name[0];
}

static void forget(struct net_unix_name *n)
{
	if (n->socket)
		n->socket->name = NULL;
	list_remove(&n->link);
	free(n);
}

/* The name's length, 0 for none, or -EINVAL. */
static int read_name(const struct sockaddr *addr, socklen_t len, char *name)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)addr;
	size_t n = len - offsetof(struct sockaddr_un, sun_path);

	if (!addr || len < offsetof(struct sockaddr_un, sun_path) || len > sizeof(*un) ||
	    addr->sa_family != AF_UNIX)
		return -EINVAL;
	memcpy(name, un->sun_path, n);
	if (n && name[0])
		n = strnlen(name, n);
	return (int)n;
}

/* An abstract name is another one for each type of socket. */
static struct net_unix_name *find(struct sim_host *h, const char *name, size_t len, int type)
{
	struct list *names = &h->sim->net->names;

	for (struct list *l = names->next; l != names; l = l->next) {
		struct net_unix_name *n = container_of(l, struct net_unix_name, link);

		if (n->host == h && n->len == len && !memcmp(n->name, name, len) &&
		    (!is_abstract(n) || n->socket->type == type))
			return n;
	}
	return NULL;
}

static void give_name(struct sim_socket *k, const char *name, size_t len)
{
	struct net_unix_name *n = rondo__sim_alloc(sizeof(*n));

	n->host = k->file.host;
	n->socket = k;
	n->len = len;
	memcpy(n->name, name, len);
	k->name = n;
	list_push(&k->file.host->sim->net->names, &n->link);
}

/* A name of the kernel's choice: five digits. */
static int bind_anyhow(struct sim_socket *k)
{
	char name[8] = { 0 };

	do
		snprintf(name + 1, sizeof(name) - 1, "%05x",
			 k->file.host->sim->net->next_name++ & 0xfffff);
	while (find(k->file.host, name, 6, k->type));
	give_name(k, name, 6);
	return 0;
}

int rondo__sim_unix_bind(struct sim_socket *k, const struct sockaddr *addr, socklen_t len)
{
	char name[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int n = read_name(addr, len, name);

	if (n < 0)
		return n;
	if (k->name)
		return -EINVAL;
	if (n == 0)
		return bind_anyhow(k);
	if (find(k->file.host, name, (size_t)n, k->type))
		return -EADDRINUSE;
	give_name(k, name, (size_t)n);
	return 0;
}

int rondo__sim_unix_unlink(struct sim_host *h, const char *path)
{
	struct net_unix_name *n = *path ? find(h, path, strlen(path), 0) : NULL;

	if (!n)
		return -ENOENT;
	forget(n);
	return 0;
}

void rondo__sim_unix_free_all(struct sim_net *n)
{
	while (!list_empty(&n->names))
		forget(container_of(n->names.next, struct net_unix_name, link));
}

int rondo__sim_unix_write_name(const struct net_unix_name *n, union net_name *name)
{
	socklen_t len = offsetof(struct sockaddr_un, sun_path);

	memset(name, 0, sizeof(*name));
	name->local.sun_family = AF_UNIX;
	if (!n)
		return (int)len;
	memcpy(name->local.sun_path, n->name, n->len);
	len += (socklen_t)n->len + !is_abstract(n);
	return (int)(len < sizeof(name->local) ? len : sizeof(name->local));
}

int rondo__sim_unix_name(struct sim_socket *k, bool peer, union net_name *name)
{
	const struct sim_socket *whose = peer ? k->peer : k;

	if (!whose)
		return -ENOTCONN;
	if (whose->name_len)
		*name = whose->listener_name;
	return whose->name_len ? whose->name_len : rondo__sim_unix_write_name(whose->name, name);
}

/* Who has the name: 0 and the socket, or -errno. */
static int look_up(struct sim_socket *k, const struct sockaddr *addr, socklen_t len,
		   struct sim_socket **found)
{
	char name[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int n = read_name(addr, len, name);
	struct net_unix_name *entry;

	if (n <= 0)
		return -EINVAL;
	entry = find(k->file.host, name, (size_t)n, k->type);
	if (!entry)
		return name[0] ? -ENOENT : -ECONNREFUSED;
	if (!entry->socket)
		return -ECONNREFUSED;
	if (entry->socket->type != k->type)
		return -EPROTOTYPE;
	*found = entry->socket;
	return 0;
}

/* --- connections ----------------------------------------------------------------------------- */

void rondo__sim_unix_join(struct sim_socket *a, struct sim_socket *b)
{
	a->peer = b;
	b->peer = a;
	list_push(&b->peers, &a->peers_link);
	list_push(&a->peers, &b->peers_link);
	a->state = b->state = NET_CONNECTED;
}

static int connect_stream(struct sim_socket *k, struct sim_socket *listener)
{
	struct sim_socket *child;

	if (k->state == NET_CONNECTED)
		return -EISCONN;
	if (k->state == NET_LISTENING)
		return -EINVAL;
	if (listener->state != NET_LISTENING || listener->shut & NET_SHUT_RECEIVE)
		return -ECONNREFUSED;
	if (listener->n_queued > listener->backlog)
		return -EAGAIN;
	child = rondo__sim_socket_make(listener->file.host, listener->protocol, AF_UNIX, k->type,
				       O_RDWR);
	child->options = listener->options;
	child->name_len = rondo__sim_unix_write_name(listener->name, &child->listener_name);
	rondo__sim_unix_join(k, child);
	rondo__sim_socket_enqueue(listener, child);
	return 0;
}

void rondo__sim_unix_part(struct sim_socket *k)
{
	list_remove(&k->peers_link);
	k->peer = NULL;
}

static int connect_dgram(struct sim_socket *k, struct sim_socket *to)
{
	if (to->peer && to->peer != k)
		return -EPERM;
	rondo__sim_unix_part(k);
	k->peer = to;
	list_push(&to->peers, &k->peers_link);
	k->state = NET_CONNECTED;
	return 0;
}

int rondo__sim_unix_connect(struct sim_socket *k, const struct sockaddr *addr, socklen_t len)
{
	struct sim_socket *to;
	int ret;

	if (socket_is_dgram(k) && addr && len >= sizeof(addr->sa_family) &&
	    addr->sa_family == AF_UNSPEC) {
		rondo__sim_unix_part(k);
		k->state = NET_CLOSED;
		return 0;
	}
	ret = look_up(k, addr, len, &to);
	if (ret < 0)
		return ret;
	return socket_is_dgram(k) ? connect_dgram(k, to) : connect_stream(k, to);
}

int rondo__sim_unix_listen(struct sim_socket *k, int backlog)
{
	if (socket_is_dgram(k))
		return -EOPNOTSUPP;
	if (!k->name || (k->state != NET_CLOSED && k->state != NET_LISTENING))
		return -EINVAL;
	k->state = NET_LISTENING;
	k->backlog = backlog < 0 || backlog > SOMAXCONN ? SOMAXCONN : (unsigned)backlog;
	return 0;
}

static const unsigned all_events = POLLIN | POLLOUT | POLLRDHUP | POLLHUP;

int rondo__sim_unix_shutdown(struct sim_socket *k, unsigned how)
{
	k->shut |= how;
	if (k->peer && !socket_is_dgram(k)) {
		k->peer->shut |= (how & NET_SHUT_RECEIVE ? NET_SHUT_SEND : 0) |
				 (how & NET_SHUT_SEND ? NET_SHUT_RECEIVE : 0);
		rondo__sim_socket_notify(k->peer, all_events);
	}
	rondo__sim_socket_notify(k, all_events);
	return 0;
}

/* Those that are connected to us: of a stream the one peer, of datagrams any number. */
static void leave_peers(struct sim_socket *k, bool unread)
{
	while (!list_empty(&k->peers)) {
		struct sim_socket *peer = container_of(k->peers.next, struct sim_socket,
						       peers_link);

		rondo__sim_unix_part(peer);
		if (socket_is_dgram(k)) {
			peer->state = NET_CLOSED;
			peer->peer_is_gone = true;
		} else {
			peer->shut = NET_SHUT_BOTH;
			peer->error = unread ? ECONNRESET : 0;
		}
		rondo__sim_socket_notify(peer, all_events);
	}
}

/* Messages in flight carry references: freeing them may close other sockets, never this one. */
void rondo__sim_unix_release(struct sim_socket *k)
{
	bool unread = !list_empty(&k->messages) || k->options.linger.l_onoff;

	if (k->state == NET_LISTENING)
		rondo__sim_socket_drop_queue(k);
	rondo__sim_unix_part(k);
	leave_peers(k, unread);
	if (k->name) {
		k->name->socket = NULL;
		if (is_abstract(k->name))
			forget(k->name);
		k->name = NULL;
	}
	rondo__sim_socket_free(k);
}

/* --- packets --------------------------------------------------------------------------------- */

static bool queue_is_full(const struct sim_socket *k)
{
	unsigned n = 0;

	for (const struct list *l = k->messages.next; l != &k->messages; l = l->next)
		n++;
	return n >= QUEUE_MAX;
}

bool rondo__sim_unix_has_room(const struct sim_socket *k)
{
	return k->n_sent_bytes * 4 <= k->options.send_bytes;
}

static int destination(struct sim_socket *k, const struct net_io *x, struct sim_socket **to)
{
	*to = k->peer;
	if (x->to && socket_is_dgram(k))
		return look_up(k, x->to, x->to_len, to);
	if (x->to)
		return k->state == NET_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	if (!*to && k->peer_is_gone) {
		k->peer_is_gone = false;
		return -ECONNREFUSED;
	}
	return *to ? 0 : -ENOTCONN;
}

static long send_packet(struct sim_socket *k, struct net_io *x)
{
	size_t n = x->io->n_bytes;
	struct sim_socket *to;
	struct net_message *m;
	int ret = rondo__sim_socket_error(k);

	if (ret == 0 && k->shut & NET_SHUT_SEND)
		ret = -EPIPE;
	if (ret == 0)
		ret = destination(k, x, &to);
	if (ret == 0 && to->shut & NET_SHUT_RECEIVE)
		ret = -EPIPE;
	if (ret == 0 && socket_is_dgram(k) && to->peer && to->peer != k)
		ret = -EPERM;
	if (ret == 0 && n + 32 > k->options.send_bytes)
		ret = -EMSGSIZE;
	if (ret < 0)
		return ret;
	if (k->n_sent_bytes >= k->options.send_bytes || queue_is_full(to))
		return to == k->peer ? SIM_WAIT : -EAGAIN;
	m = rondo__sim_message_make(x, n);
	m->sender = k;
	m->from_len = (socklen_t)rondo__sim_unix_write_name(k->name, &m->from);
	rondo__sim_message_push(to, m);
	return (long)n;
}

static long receive_packet(struct sim_socket *k, struct net_io *x)
{
	int ret;

	if (k->type == SOCK_SEQPACKET && k->state != NET_CONNECTED)
		return -ENOTCONN;
	if (!list_empty(&k->messages))
		return rondo__sim_message_receive(k, x);
	ret = rondo__sim_socket_error(k);
	return ret || k->shut & NET_SHUT_RECEIVE ? ret : SIM_WAIT;
}

unsigned rondo__sim_unix_poll(struct sim_socket *k)
{
	unsigned events = k->error ? POLLERR : 0;
	bool full = socket_is_dgram(k) && k->peer && queue_is_full(k->peer);

	if (k->shut == NET_SHUT_BOTH)
		events |= POLLHUP;
	if (k->shut & NET_SHUT_RECEIVE)
		events |= POLLIN | POLLRDHUP;
	if (!list_empty(&k->messages) || !list_empty(&k->queue))
		events |= POLLIN;
	if (!socket_is_dgram(k) && k->state == NET_CLOSED)
		events |= POLLHUP;
	if (rondo__sim_unix_has_room(k) && !full)
		events |= POLLOUT;
	return events;
}

const struct net_protocol rondo__sim_unix_message = {
	.name = "AF_UNIX packets",
	.send = send_packet, .receive = receive_packet, .poll = rondo__sim_unix_poll,
	.bind = rondo__sim_unix_bind, .listen = rondo__sim_unix_listen,
	.connect = rondo__sim_unix_connect, .shutdown = rondo__sim_unix_shutdown,
	.release = rondo__sim_unix_release, .name_of = rondo__sim_unix_name,
};
