/* SPDX-License-Identifier: MIT */
/* udp.c - datagrams between hosts: lost, doubled, in any order. See net.h. */
#include <errno.h>
#include <stdlib.h>

#include "sim/net.h"

enum { DATAGRAM_MAX = 65507 };

/* One on its way; or the answer that nobody was there. */
struct datagram {
	struct list link;		/* in net->datagrams */
	struct sim_event arrival;
	struct net_message *message;	/* NULL: an ICMP error, for who has the address to */
	struct sim_host *sender, *receiver;
	struct net_address from, to;
};

static void drop(struct datagram *d)
{
	list_remove(&d->link);
	if (d->message)
		rondo__sim_message_free(NULL, d->message);
	free(d);
}

void rondo__sim_udp_free_all(struct sim_net *n)
{
	while (!list_empty(&n->datagrams)) {
		struct datagram *d = container_of(n->datagrams.next, struct datagram, link);

		rondo__sim_unschedule(n->sim, &d->arrival);
		drop(d);
	}
}

static void arrive(struct datagram *d);

static void arrival(struct sim *s, struct sim_event *e)
{
	(void)s;
	arrive(container_of(e, struct datagram, arrival));
}

/* Off it goes; within a host it is there at once, as in Linux. */
static void post(struct datagram *d)
{
	struct sim *s = d->sender->sim;

	rondo__sim_event_init(&d->arrival, arrival);
	list_push(&s->net->datagrams, &d->link);
	if (d->sender == d->receiver)
		arrive(d);
	else
		rondo__sim_schedule(s, &d->arrival, rondo__sim_net_delay(d->sender, d->receiver));
}

/* Nobody has the port: a connected sender is told. */
static void refuse(struct datagram *d)
{
	struct datagram *answer = rondo__sim_alloc(sizeof(*answer));

	answer->sender = d->receiver;
	answer->receiver = d->sender;
	answer->from = d->to;
	answer->to = d->from;
	post(answer);
}

static void deliver(struct datagram *d, struct sim_socket *k)
{
	struct net_message *m = d->message;

	if (!m) {
		if (k && k->there.port) {
			k->error = ECONNREFUSED;
			rondo__sim_socket_notify(k, POLLIN | POLLOUT | POLLERR);
		}
	} else if (!k) {
		refuse(d);
	} else if (k->n_message_bytes + m->charge <= k->options.receive_bytes) {
		m->from_len = (socklen_t)rondo__sim_address_write(k->domain, &d->from, &m->from);
		rondo__sim_message_push(k, m);
		d->message = NULL;
	}
}

static void arrive(struct datagram *d)
{
	rondo__sim_note(d->sender->sim, "udp", d->to.ip, d->to.port);
	if (rondo__sim_net_reaches(d->sender, d->receiver))
		deliver(d, rondo__sim_address_find(d->receiver, &rondo__sim_udp, &d->to, &d->from));
	drop(d);
}

/* --- the program's side ---------------------------------------------------------------------- */

/* Where a datagram goes: to x's address or the peer's. */
static int destination(struct sim_socket *k, const struct net_io *x, struct net_address *to,
		       struct sim_host **host)
{
	int ret = 0;

	*to = k->there;
	if (x->to)
		ret = rondo__sim_address_read(k, x->to, x->to_len, to);
	else if (!k->there.port)
		ret = -EDESTADDRREQ;
	if (ret == 0 && !to->port)
		ret = -EINVAL;
	if (to->ip == NET_ANY)
		to->ip = NET_LOOPBACK;
	return ret < 0 ? ret : rondo__sim_address_host(k->file.host, to, host);
}

/* What the receiver will see as the sender, whose socket may be bound to no address. */
static struct net_address source(const struct sim_socket *k, const struct net_address *to)
{
	struct net_address a = k->here;

	if (a.ip == NET_ANY)
		a.ip = to->ip == NET_LOOPBACK ? NET_LOOPBACK : NET_HOST | k->file.host->id;
	a.v6 = to->v6;
	return a;
}

static void send_one(struct sim_socket *k, struct net_io *x, size_t n, struct sim_host *host,
		     const struct net_address *to)
{
	struct datagram *d = rondo__sim_alloc(sizeof(*d));

	d->message = rondo__sim_message_make(x, n);
	d->sender = k->file.host;
	d->receiver = host;
	d->from = source(k, to);
	d->to = *to;
	post(d);
}

static long send_to(struct sim_socket *k, struct net_io *x)
{
	struct sim *s = k->file.host->sim;
	size_t n = x->io->n_bytes;
	struct net_address to;
	struct sim_host *host = NULL;
	int ret = rondo__sim_socket_error(k);

	if (ret == 0 && k->shut & NET_SHUT_SEND)
		ret = -EPIPE;
	if (ret == 0 && n > DATAGRAM_MAX)
		ret = -EMSGSIZE;
	if (ret == 0)
		ret = destination(k, x, &to, &host);
	if (ret == 0)
		ret = rondo__sim_address_bind_for(k, &to);
	if (ret < 0)
		return ret;
	if (!host || (host != k->file.host && rondo__sim_fault(s, SIM_FAULT_DATAGRAM_LOST)))
		return (long)n;
	send_one(k, x, n, host, &to);
	if (host != k->file.host && rondo__sim_fault(s, SIM_FAULT_DATAGRAM_TWICE))
		send_one(k, x, n, host, &to);
	return (long)n;
}

static long receive(struct sim_socket *k, struct net_io *x)
{
	int ret = rondo__sim_socket_error(k);

	if (ret < 0)
		return ret;
	if (!list_empty(&k->messages))
		return rondo__sim_message_receive(k, x);
	return k->shut & NET_SHUT_RECEIVE ? 0 : SIM_WAIT;
}

static unsigned poll_events(struct sim_socket *k)
{
	unsigned events = POLLOUT;

	if (k->error)
		events |= POLLERR;
	if (k->shut & NET_SHUT_RECEIVE)
		events |= POLLIN | POLLRDHUP;
	if (k->shut == NET_SHUT_BOTH)
		events |= POLLHUP;
	return events | (list_empty(&k->messages) ? 0 : POLLIN);
}

static int disconnect(struct sim_socket *k)
{
	k->there = (struct net_address){ 0 };
	k->state = NET_CLOSED;
	if (!k->bound_by_program)
		rondo__sim_address_unbind(k);
	return 0;
}

/* Only from there it hears then, and to there it sends. */
static int connect_to(struct sim_socket *k, const struct sockaddr *addr, socklen_t len)
{
	struct net_address to;
	struct sim_host *host;
	int ret;

	if (addr && len >= sizeof(addr->sa_family) && addr->sa_family == AF_UNSPEC)
		return disconnect(k);
	ret = rondo__sim_address_read(k, addr, len, &to);
	if (ret < 0)
		return ret;
	if (to.ip == NET_ANY)
		to.ip = NET_LOOPBACK;
	ret = rondo__sim_address_host(k->file.host, &to, &host);
	if (ret < 0)
		return ret;
	k->there = to;
	k->state = NET_CONNECTED;
	return rondo__sim_address_bind_for(k, &to);
}

static int shut_down(struct sim_socket *k, unsigned how)
{
	k->shut |= how;
	rondo__sim_socket_notify(k, POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	return k->state == NET_CONNECTED ? 0 : -ENOTCONN;
}

const struct net_protocol rondo__sim_udp = {
	.name = "UDP", .ip_protocol = IPPROTO_UDP,
	.send = send_to, .receive = receive, .poll = poll_events,
	.bind = rondo__sim_address_bind, .name_of = rondo__sim_address_name,
	.connect = connect_to, .shutdown = shut_down, .release = rondo__sim_socket_free,
};
