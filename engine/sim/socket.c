/* SPDX-License-Identifier: MIT */
/* socket.c - what all sockets of the simulated hosts share. See net.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "sim/tcp.h"

enum { SECOND_NS = 1000000000, REFUSALS_MAX = 1000, GONE_MIN_NS = 20000000 };

#define GONE_MAX_NS UINT64_C(2000000000)

static struct sim_net *net_of(const struct sim_socket *k)
{
	return k->file.host->sim->net;
}

struct sim_socket *rondo__sim_socket_make(struct sim_host *h, const struct net_protocol *protocol,
					  int domain, int type, int flags)
{
	struct sim_socket *k = rondo__sim_alloc(sizeof(*k));

	rondo__sim_file_init(&k->file, &rondo__sim_socket_class, h, flags);
	k->protocol = protocol;
	k->domain = domain;
	k->type = type;
	list_init(&k->queue);
	list_init(&k->queue_link);
	list_init(&k->messages);
	list_init(&k->sent);
	list_init(&k->peers);
	list_init(&k->peers_link);
	rondo__sim_event_init(&k->timer, NULL);
	rondo__sim_socket_defaults(k);
	list_push(&net_of(k)->sockets, &k->link);
	return k;
}

static void disown_messages(struct sim_socket *k)
{
	while (!list_empty(&k->sent))
		container_of(list_pop(&k->sent), struct net_message, sent_link)->sender = NULL;
}

void rondo__sim_socket_free(struct sim_socket *k)
{
	if (k->state == NET_ARRIVING)
		k->listener->n_arriving--;
	if (k->tcp)
		rondo__sim_tcp_detach(k);
	rondo__sim_unschedule(k->file.host->sim, &k->timer);
	rondo__sim_message_free_all(k);
	disown_messages(k);
	list_remove(&k->link);
	free(k);
}

int rondo__sim_socket_get(struct sim_host *h, int fd, struct sim_socket **k)
{
	struct sim_file *f = rondo__sim_fd_file(h, fd);

	if (!f)
		return -EBADF;
	if (f->class != &rondo__sim_socket_class)
		return -ENOTSOCK;
	*k = socket_of(f);
	return 0;
}

int rondo__sim_socket_error(struct sim_socket *k)
{
	int error = k->error;

	k->error = 0;
	return -error;
}

/* Who of several is served first is drawn: each tries again after a time of its own (KN-13). */
void rondo__sim_socket_notify(struct sim_socket *k, unsigned events)
{
	rondo__sim_file_notify(&k->file, events);
}

long rondo__sim_socket_send(struct sim_socket *k, struct net_io *x)
{
	if (k->domain == AF_INET6 || k->domain == AF_INET)
		if (x->rights) {	/* Linux ignores them there */
			rondo__sim_rights_free(x->rights);
			x->rights = NULL;
		}
	return k->protocol->send(k, x);
}

long rondo__sim_socket_receive(struct sim_socket *k, struct net_io *x)
{
	return k->protocol->receive(k, x);
}

/* --- connections that wait to be accepted ---------------------------------------------------- */

void rondo__sim_socket_enqueue(struct sim_socket *listener, struct sim_socket *k)
{
	k->listener = listener;
	list_push(&listener->queue, &k->queue_link);
	listener->n_queued++;
	rondo__sim_socket_notify(listener, POLLIN);
}

void rondo__sim_socket_dequeue(struct sim_socket *k)
{
	list_remove(&k->queue_link);
	k->listener->n_queued--;
	k->listener = NULL;
}

/* Nobody will accept them: they end with a reset, those that were just arriving without a word. */
void rondo__sim_socket_drop_queue(struct sim_socket *listener)
{
	struct list *next, *all = &net_of(listener)->sockets;

	while (!list_empty(&listener->queue)) {
		struct sim_socket *k = container_of(listener->queue.next, struct sim_socket,
						    queue_link);

		rondo__sim_socket_dequeue(k);
		k->options.linger = (struct linger){ .l_onoff = 1 };
		rondo__sim_file_unref(&k->file);
	}
	for (struct list *l = all->next; l != all; l = next) {
		struct sim_socket *k = container_of(l, struct sim_socket, link);

		next = l->next;
		if (k->listener == listener && k->state == NET_ARRIVING)
			rondo__sim_socket_free(k);
	}
}

/* Out of descriptors, this time or for a while? */
static bool is_out_of_fds(struct sim_host *h)
{
	struct sim *s = h->sim;

	if (rondo__sim_fault(s, SIM_FAULT_DESCRIPTORS_GONE))
		h->no_fds_until_ns = s->now_ns + rondo__sim_log(s, SIM_NET, GONE_MIN_NS,
							       GONE_MAX_NS);
	return (!s->faults_over && s->now_ns < h->no_fds_until_ns) ||
	       rondo__sim_fault(s, SIM_FAULT_ACCEPT_EMFILE);
}

/* The connection waits, and so the socket stays readable: who tries again at once spins (P14). */
static int refuse(struct sim_socket *k)
{
	struct sim *s = k->file.host->sim;

	if (!k->n_refusals || s->now_ns - k->refusals_since_ns >= SECOND_NS) {
		k->refusals_since_ns = s->now_ns;
		k->n_refusals = 0;
	}
	if (++k->n_refusals > REFUSALS_MAX)
		rondo__sim_fail(s, "P14", "%u accepts within a second found no free descriptor: "
				"the loop spins", k->n_refusals);
	return -EMFILE;
}

long rondo__sim_socket_accept(struct sim_socket *k, int flags, union net_name *name,
			      socklen_t *name_len)
{
	struct sim_host *h = k->file.host;
	struct sim_socket *child;
	int fd, len;

	if (k->state != NET_LISTENING)
		return k->protocol->listen && k->type != SOCK_DGRAM ? -EINVAL : -EOPNOTSUPP;
	if (rondo__sim_fd_count(h) == SIM_FDS_MAX)
		return -EMFILE;		/* Linux looks for a number first (KN-35) */
	if (list_empty(&k->queue) && k->shut & NET_SHUT_RECEIVE && !(k->file.flags & O_NONBLOCK))
		return -EINVAL;
	if (list_empty(&k->queue))
		return SIM_WAIT;
	if (is_out_of_fds(h))
		return refuse(k);
	child = container_of(k->queue.next, struct sim_socket, queue_link);
	fd = rondo__sim_fd_install(h, &child->file);
	if (fd < 0)
		return fd;
	rondo__sim_socket_dequeue(child);
	child->file.flags |= flags & SOCK_NONBLOCK ? O_NONBLOCK : 0;
	len = k->domain == AF_UNIX ? child->protocol->name_of(child, true, name) :
				     rondo__sim_address_write(k->domain, &child->there, name);
	*name_len = len < 0 ? (socklen_t)sizeof(sa_family_t) : (socklen_t)len;
	return fd;
}

void rondo__sim_socket_put_name(const union net_name *name, socklen_t len, struct sockaddr *addr,
				socklen_t *len_out)
{
	socklen_t room;

	if (!addr || !len_out)
		return;
	room = *len_out;
	memcpy(addr, name, len < room ? len : room);
	*len_out = len;
}

/* --- as files -------------------------------------------------------------------------------- */

static long read_socket(struct sim_file *f, struct sim_io *io)
{
	struct net_io x = { .io = io };
	long ret;

	io->flags = 0;			/* RWF_* mean nothing here */
	ret = rondo__sim_socket_receive(socket_of(f), &x);
	rondo__sim_rights_free(x.rights);
	return ret;
}

static long write_socket(struct sim_file *f, struct sim_io *io)
{
	struct net_io x = { .io = io };

	io->flags = 0;
	return rondo__sim_socket_send(socket_of(f), &x);
}

static unsigned poll_socket(struct sim_file *f)
{
	return socket_of(f)->protocol->poll(socket_of(f));
}

static void release_socket(struct sim_file *f)
{
	socket_of(f)->protocol->release(socket_of(f));
}

const struct sim_file_class rondo__sim_socket_class = {
	.name = "socket", .read = read_socket, .write = write_socket, .poll = poll_socket,
	.release = release_socket,
};
