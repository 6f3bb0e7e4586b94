/* SPDX-License-Identifier: MIT */
/* message.c - messages that wait in a socket to be received: UDP's and AF_UNIX's. See net.h. */
#include <stdlib.h>
#include <string.h>

#include "sim/net.h"

enum { OVERHEAD_BYTES = 768 };		/* about what Linux charges for each, whatever its length */

struct net_message *rondo__sim_message_make(struct net_io *x, size_t n_bytes)
{
	struct net_message *m = rondo__sim_alloc(sizeof(*m) + n_bytes);

	list_init(&m->link);
	list_init(&m->sent_link);
	m->n_bytes = n_bytes;
	m->charge = n_bytes + OVERHEAD_BYTES;
	m->rights = x->rights;
	x->rights = NULL;
	rondo__sim_copy_in(x->io, x->skip, m->data, n_bytes);
	return m;
}

void rondo__sim_message_push(struct sim_socket *to, struct net_message *m)
{
	list_push(&to->messages, &m->link);
	to->n_message_bytes += m->charge;
	if (m->sender) {
		list_push(&m->sender->sent, &m->sent_link);
		m->sender->n_sent_bytes += m->charge;
	}
	rondo__sim_socket_notify(to, POLLIN);
}

/* AF_UNIX: the bytes count against the sender until they are read. It hears of room when three
 * quarters are free. */
static void pay_back(struct net_message *m)
{
	struct sim_socket *k = m->sender;

	if (!k)
		return;
	m->sender = NULL;
	list_remove(&m->sent_link);
	k->n_sent_bytes -= m->charge;
	if (k->n_sent_bytes * 4 <= k->options.send_bytes)
		rondo__sim_socket_notify(k, POLLOUT);
}

/* Those that wait for a place in a datagram socket's queue. */
static void tell_peers(struct sim_socket *at)
{
	for (struct list *l = at->peers.next; l != &at->peers; l = l->next)
		rondo__sim_socket_notify(container_of(l, struct sim_socket, peers_link), POLLOUT);
}

void rondo__sim_message_free(struct sim_socket *at, struct net_message *m)
{
	if (at) {
		at->n_message_bytes -= m->charge;
		list_remove(&m->link);
		tell_peers(at);
	}
	pay_back(m);
	rondo__sim_rights_free(m->rights);
	free(m);
}

void rondo__sim_message_free_all(struct sim_socket *k)
{
	while (!list_empty(&k->messages))
		rondo__sim_message_free(k, container_of(k->messages.next, struct net_message,
							link));
}

long rondo__sim_message_receive(struct sim_socket *k, struct net_io *x)
{
	struct net_message *m = container_of(k->messages.next, struct net_message, link);
	size_t room = x->io->n_bytes - x->skip, n = m->n_bytes < room ? m->n_bytes : room;
	size_t n_bytes = m->n_bytes;

	rondo__sim_copy_out(x->io, x->skip, m->data, n);
	x->from = m->from;
	x->from_len = m->from_len;
	if (n < n_bytes)
		x->flags_out |= MSG_TRUNC;
	if (x->io->flags & MSG_PEEK) {
		x->rights = rondo__sim_rights_copy(m->rights);
	} else {
		x->rights = m->rights;
		m->rights = NULL;
		rondo__sim_message_free(k, m);
	}
	return (long)(x->io->flags & MSG_TRUNC ? n_bytes : n);
}
