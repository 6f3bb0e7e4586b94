/* SPDX-License-Identifier: MIT */
/* tcp.c - how TCP connections begin and end. See tcp.h. */
#include <errno.h>
#include <fcntl.h>

#include "sim/tcp.h"

#define SECOND UINT64_C(1000000000)

enum {
	NO_HOST_S = 3,			/* until ARP gives up */
	FIN_WAIT_S = 60, TIME_WAIT_S = 60,
	SYN_RETRY_MAX = 6,
};

static struct sim *sim_of(const struct sim_socket *k)
{
	return k->file.host->sim;
}

/* --- connecting ------------------------------------------------------------------------------ */

static void timer_fired(struct sim *s, struct sim_event *e)
{
	struct sim_socket *k = container_of(e, struct sim_socket, timer);

	(void)s;
	if (k->state == NET_CONNECTING)
		rondo__sim_tcp_end(k, EHOSTUNREACH);
	else
		rondo__sim_socket_free(k);
}

static void set_timer(struct sim_socket *k, uint64_t delay_s)
{
	k->timer.fire = timer_fired;
	rondo__sim_schedule(sim_of(k), &k->timer, delay_s * SECOND);
}

static int may_connect(struct sim_socket *k)
{
	if (k->state == NET_CONNECTING)
		return -EALREADY;
	if (k->state != NET_CLOSED)
		return -EISCONN;
	return rondo__sim_socket_error(k);
}

/* Forget an attempt that failed. */
static void forget_last(struct sim_socket *k)
{
	if (k->tcp)
		rondo__sim_tcp_detach(k);
	k->shut = 0;
	if (!k->bound_by_program)
		rondo__sim_address_unbind(k);
}

static int connect_to(struct sim_socket *k, const struct sockaddr *addr, socklen_t len)
{
	struct sim_host *host;
	int ret;

	if (k->connects && k->state == NET_CONNECTED) {
		k->connects = false;
		return 0;
	}
	ret = may_connect(k);
	if (ret == 0)
		ret = rondo__sim_address_read(k, addr, len, &k->there);
	if (ret < 0)
		return ret;
	if (k->there.ip == NET_ANY)
		k->there.ip = NET_LOOPBACK;
	forget_last(k);
	ret = rondo__sim_address_host(k->file.host, &k->there, &host);
	if (ret == 0)
		ret = rondo__sim_address_bind_for(k, &k->there);
	if (ret < 0)
		return ret;
	k->state = NET_CONNECTING;
	k->connects = true;
	rondo__sim_note(sim_of(k), "tcp connect", k->file.serial, k->there.ip);
	if (!host) {
		set_timer(k, NO_HOST_S);
		return -EINPROGRESS;
	}
	rondo__sim_tcp_make(k, host);
	rondo__sim_tcp_push(tcp_out(k), TCP_SYN, 0);
	rondo__sim_tcp_watch(tcp_out(k));
	return -EINPROGRESS;
}

static int listen_for(struct sim_socket *k, int backlog)
{
	int ret;

	if (k->state != NET_CLOSED && k->state != NET_LISTENING)
		return -EINVAL;
	ret = rondo__sim_address_bind_for(k, NULL);
	if (ret == 0)
		ret = rondo__sim_address_listen(k);
	if (ret < 0)
		return ret;
	k->state = NET_LISTENING;
	k->backlog = backlog < 0 || backlog > SOMAXCONN ? SOMAXCONN : (unsigned)backlog;
	return 0;
}

/* A full queue drops the SYN, which comes again later and later. */
static void try_again(struct tcp_connection *c)
{
	uint64_t delay_ns = SECOND << (c->n_dropped < SYN_RETRY_MAX ? c->n_dropped : SYN_RETRY_MAX);

	c->n_dropped++;
	rondo__sim_note(c->net->sim, "tcp backlog full", c->serial, c->n_dropped);
	rondo__sim_tcp_push(&c->ways[0], TCP_SYN, delay_ns);
}

static void make_child(struct tcp_connection *c, struct sim_socket *listener)
{
	struct sim_socket *k = rondo__sim_socket_make(c->hosts[1], listener->protocol,
						      listener->domain, SOCK_STREAM, O_RDWR);

	k->options = listener->options;
	k->here = c->addresses[1];
	k->there = c->addresses[0];
	k->state = NET_ARRIVING;
	k->listener = listener;
	listener->n_arriving++;
	rondo__sim_tcp_attach(c, 1, k);
	rondo__sim_tcp_push(&c->ways[1], TCP_SYN_ACK, 0);
	rondo__sim_tcp_watch(&c->ways[1]);
}

static void syn_arrived(struct tcp_connection *c)
{
	struct sim_host *h = c->hosts[1];
	struct sim_socket *l = rondo__sim_address_find(h, &rondo__sim_tcp, &c->addresses[1],
						       &c->addresses[0]);

	if (!c->alive[0])
		return;
	if (!l || (h != c->hosts[0] && rondo__sim_fault(h->sim, SIM_FAULT_NET_REFUSED)))
		rondo__sim_tcp_push(&c->ways[1], TCP_RESET, 0);
	else if (l->n_queued + l->n_arriving > l->backlog)
		try_again(c);
	else
		make_child(c, l);
}

/* The other end knows of us: we may send. */
static void established(struct sim_socket *k)
{
	struct tcp_way *w = tcp_out(k);

	k->state = NET_CONNECTED;
	w->limit = w->window;
	rondo__sim_unschedule(sim_of(k), &w->give_up);
	rondo__sim_note(sim_of(k), "tcp connected", k->tcp->serial, k->side);
	if (k->listener) {
		k->listener->n_arriving--;
		rondo__sim_socket_enqueue(k->listener, k);
		return;
	}
	rondo__sim_tcp_push(w, TCP_ACK, 0);
	rondo__sim_socket_notify(k, POLLOUT);
}

/* --- ending ---------------------------------------------------------------------------------- */

/* With a reset: what is queued is not sent. */
static void abort_connection(struct sim_socket *k)
{
	struct tcp_way *w = tcp_out(k);
	bool alive = k->tcp->alive[k->side];

	rondo__sim_tcp_mute(w);
	if (alive)
		rondo__sim_tcp_push(w, TCP_RESET, 0);
	rondo__sim_note(sim_of(k), "tcp abort", k->tcp->serial, k->side);
	rondo__sim_socket_free(k);
}

void rondo__sim_tcp_end(struct sim_socket *k, int error)
{
	if (k->tcp)
		rondo__sim_tcp_mute(tcp_out(k));
	rondo__sim_unschedule(sim_of(k), &k->timer);
	if (k->orphan || k->state == NET_ARRIVING) {
		rondo__sim_socket_free(k);
		return;
	}
	k->state = NET_CLOSED;
	k->error = error;
	k->shut = NET_SHUT_BOTH;
	rondo__sim_note(sim_of(k), "tcp error", k->file.serial, (uint64_t)error);
	rondo__sim_socket_notify(k, POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
}

void rondo__sim_tcp_check_over(struct sim_socket *k)
{
	if (!k->orphan || k->state == NET_TIME_WAIT || !tcp_out(k)->fin_acked)
		return;
	if (!tcp_in(k)->fin_received) {
		if (!sim_is_scheduled(&k->timer))
			set_timer(k, FIN_WAIT_S);
	} else if (k->closed_first) {
		k->state = NET_TIME_WAIT;
		set_timer(k, TIME_WAIT_S);
	} else {
		rondo__sim_socket_free(k);
	}
}

static void send_fin(struct sim_socket *k)
{
	struct tcp_way *w = tcp_out(k);

	if (w->fin)
		return;
	w->fin = true;
	k->closed_first = !tcp_in(k)->fin_received;
	rondo__sim_tcp_transmit(w);
}

/* Whoever closes without having read everything tells the sender so. */
static void release(struct sim_socket *k)
{
	const struct linger *linger = &k->options.linger;

	if (k->state == NET_LISTENING)
		rondo__sim_socket_drop_queue(k);
	if (k->state != NET_CONNECTED || socket_is_silent(k)) {
		rondo__sim_socket_free(k);
	} else if (tcp_readable(k) || (linger->l_onoff && !linger->l_linger)) {
		abort_connection(k);
	} else {
		k->orphan = true;
		send_fin(k);
		rondo__sim_tcp_check_over(k);
	}
}

static int stop_listening(struct sim_socket *k)
{
	rondo__sim_socket_drop_queue(k);
	k->state = NET_CLOSED;
	rondo__sim_socket_notify(k, POLLIN | POLLHUP);
	return 0;
}

static int shut_down(struct sim_socket *k, unsigned how)
{
	if (k->state == NET_LISTENING)
		return how & NET_SHUT_RECEIVE ? stop_listening(k) : 0;
	if (k->state == NET_CONNECTING) {
		rondo__sim_tcp_end(k, ECONNRESET);
		return 0;
	}
	if (k->state != NET_CONNECTED || (tcp_out(k)->fin_acked && tcp_in(k)->fin_received))
		return -ENOTCONN;
	k->shut |= how;
	if (how & NET_SHUT_SEND)
		send_fin(k);
	rondo__sim_socket_notify(k, POLLIN | POLLOUT | POLLRDHUP |
				    (k->shut == NET_SHUT_BOTH ? POLLHUP : 0));
	return 0;
}

/* --- what comes ------------------------------------------------------------------------------ */

static void reset_arrived(struct sim_socket *k)
{
	if (k->state == NET_CONNECTING)
		rondo__sim_tcp_end(k, ECONNREFUSED);
	else if (tcp_in(k)->fin_received && !tcp_out(k)->fin)
		rondo__sim_tcp_end(k, EPIPE);
	else
		rondo__sim_tcp_end(k, ECONNRESET);
}

static void data_arrived(struct sim_socket *k)
{
	struct tcp_way *back = tcp_out(k);

	if (k->orphan) {		/* nobody will ever read it */
		abort_connection(k);
		return;
	}
	rondo__sim_socket_notify(k, POLLIN);
	rondo__sim_tcp_ack(tcp_in(k));
	rondo__sim_tcp_acked(back);
}

static void fin_arrived(struct sim_socket *k)
{
	struct tcp_way *back = tcp_out(k);

	tcp_in(k)->fin_received = true;
	k->shut |= NET_SHUT_RECEIVE;
	rondo__sim_socket_notify(k, POLLIN | POLLRDHUP |
				    (k->shut == NET_SHUT_BOTH ? POLLHUP : 0));
	rondo__sim_tcp_ack(tcp_in(k));
	rondo__sim_tcp_acked(back);
}

/* To a socket that is gone, on a host that is there. */
static void refuse(struct tcp_connection *c, unsigned to)
{
	if (c->alive[!to])
		rondo__sim_tcp_push(&c->ways[to], TCP_RESET, 0);
}

void rondo__sim_tcp_arrived(struct tcp_way *w, enum tcp_kind kind)
{
	struct tcp_connection *c = w->tcp;
	unsigned to = !w->from;
	struct sim_socket *k = c->ends[to];

	if (kind == TCP_SYN)
		syn_arrived(c);
	else if (!c->alive[to] && kind != TCP_RESET)
		refuse(c, to);
	else if (!c->alive[to])
		return;
	else if (kind == TCP_RESET)
		reset_arrived(k);
	else if (kind == TCP_SYN_ACK || kind == TCP_ACK)
		established(k);
	else if (kind == TCP_DATA)
		data_arrived(k);
	else if (kind == TCP_FIN)
		fin_arrived(k);
	else
		rondo__sim_tcp_ack(w);	/* TCP_PROBE */
}

const struct net_protocol rondo__sim_tcp = {
	.name = "TCP", .ip_protocol = IPPROTO_TCP,
	.send = rondo__sim_tcp_send, .receive = rondo__sim_tcp_receive, .poll = rondo__sim_tcp_poll,
	.bind = rondo__sim_address_bind, .name_of = rondo__sim_address_name,
	.listen = listen_for, .connect = connect_to, .shutdown = shut_down, .release = release,
};
