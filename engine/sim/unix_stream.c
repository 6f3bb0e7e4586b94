/* SPDX-License-Identifier: MIT */
/* unix_stream.c - AF_UNIX streams: bytes, in messages only as far as they carry descriptors. */
#include <errno.h>
#include <string.h>

#include "sim/unix.h"

static long send_some(struct sim_socket *k, struct net_io *x)
{
	size_t n = x->io->n_bytes - x->skip, done = 0;

	n = rondo__sim_shorten(k->file.host->sim, SIM_FAULT_SHORT_WRITE, n);
	while (done < n && k->n_sent_bytes < k->options.send_bytes) {
		size_t part = k->options.send_bytes / 2 - 64;
		struct net_message *m;

		part = n - done < part ? n - done : part;
		m = rondo__sim_message_make(x, part);
		m->sender = k;
		x->skip += part;
		done += part;
		rondo__sim_message_push(k->peer, m);
	}
	return done ? (long)done : SIM_WAIT;
}

static long send_bytes(struct sim_socket *k, struct net_io *x)
{
	if (x->to)
		return k->state == NET_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	if (k->shut & NET_SHUT_SEND)
		return -EPIPE;
	if (!k->peer)
		return -ENOTCONN;
	if (x->io->n_bytes == x->skip)
		return 0;
	return send_some(k, x);
}

static long nothing_there(struct sim_socket *k)
{
	int ret = rondo__sim_socket_error(k);

	return ret || k->shut & NET_SHUT_RECEIVE ? ret : SIM_WAIT;
}

/* Take from the first message. False: it stops here, at descriptors or within a message. */
static bool take(struct sim_socket *k, struct net_message *m, struct net_io *x, size_t n)
{
	bool is_peek = x->io->flags & MSG_PEEK;

	if (m->rights && !x->rights) {
		x->rights = is_peek ? rondo__sim_rights_copy(m->rights) : m->rights;
		m->rights = is_peek ? m->rights : NULL;
	}
	if (is_peek)
		return !x->rights;
	m->n_used += n;
	if (m->n_used < m->n_bytes)
		return false;
	rondo__sim_message_free(k, m);
	return !x->rights;
}

static long receive_bytes(struct sim_socket *k, struct net_io *x)
{
	size_t room = x->io->n_bytes - x->skip, done = 0;
	struct list *next;

	if (k->state != NET_CONNECTED)
		return -EINVAL;
	if (list_empty(&k->messages))
		return nothing_there(k);
	if (!room)
		return 0;
	room = rondo__sim_shorten(k->file.host->sim, SIM_FAULT_SHORT_READ, room);
	for (struct list *l = k->messages.next; l != &k->messages && done < room; l = next) {
		struct net_message *m = container_of(l, struct net_message, link);
		size_t n = m->n_bytes - m->n_used;

		next = l->next;
		n = n < room - done ? n : room - done;
		rondo__sim_copy_out(x->io, x->skip + done, m->data + m->n_used, n);
		done += n;
		if (!take(k, m, x, n))
			break;
	}
	return (long)done;
}

const struct net_protocol rondo__sim_unix_stream = {
	.name = "AF_UNIX stream",
	.send = send_bytes, .receive = receive_bytes, .poll = rondo__sim_unix_poll,
	.bind = rondo__sim_unix_bind, .listen = rondo__sim_unix_listen,
	.connect = rondo__sim_unix_connect, .shutdown = rondo__sim_unix_shutdown,
	.release = rondo__sim_unix_release, .name_of = rondo__sim_unix_name,
};
