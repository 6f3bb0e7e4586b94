/* SPDX-License-Identifier: MIT */
/* tcp_wire.c - segments between the two ends of a connection: late, lost and sent again, answered
 * or not. See tcp.h.
 *
 * A segment that does not get through stays at the head of its way until a retransmission does, so
 * whatever follows waits behind it. An acknowledgement says what is true when it arrives. */
#include <errno.h>
#include <stdlib.h>

#include "sim/tcp.h"

#define SECOND UINT64_C(1000000000)

enum {
	SEGMENT_BYTES = 1460, SEGMENTS_MAX = 16,	/* in one event */
	RETRY_MAX_S = 120,
	SYN_GIVE_UP_S = 127,		/* six retries, as tcp_syn_retries */
	GIVE_UP_S = 120,		/* as tcp_retries2 of 8; 15 is a quarter of an hour */
	PERSIST_S = 5,			/* between probes of a closed window */
	SMALL_MIN = 256, SMALL_MAX = 8192,
};

static struct sim *sim_of(const struct tcp_way *w)
{
	return w->tcp->net->sim;
}

static struct sim_host *sender_of(const struct tcp_way *w)
{
	return w->tcp->hosts[w->from];
}

static struct sim_host *receiver_of(const struct tcp_way *w)
{
	return w->tcp->hosts[!w->from];
}

/* --- segments -------------------------------------------------------------------------------- */

static struct tcp_segment *first_of(struct tcp_way *w)
{
	return container_of(w->segments.next, struct tcp_segment, link);
}

static void await_first(struct tcp_way *w)
{
	struct sim *s = sim_of(w);
	uint64_t when;

	if (list_empty(&w->segments))
		return;
	when = first_of(w)->when_ns;
	rondo__sim_schedule(s, &w->arrival, when > s->now_ns ? when - s->now_ns : 0);
}

static void drop_first(struct tcp_way *w)
{
	struct tcp_segment *g = first_of(w);

	list_remove(&g->link);
	free(g);
}

void rondo__sim_tcp_push(struct tcp_way *w, enum tcp_kind kind, uint64_t extra_ns)
{
	struct tcp_segment *g = rondo__sim_alloc(sizeof(*g));
	bool is_first = list_empty(&w->segments);
	uint64_t last_ns = is_first ? 0 : container_of(w->segments.prev, struct tcp_segment,
						       link)->when_ns;

	g->kind = kind;
	g->end = w->sent;
	g->when_ns = sim_of(w)->now_ns + extra_ns +
		     rondo__sim_net_delay_tcp(sender_of(w), receiver_of(w));
	if (g->when_ns < last_ns)
		g->when_ns = last_ns;
	list_push(&w->segments, &g->link);
	if (is_first)
		await_first(w);
}

static uint64_t retry_ns(const struct tcp_way *w, enum tcp_kind kind)
{
	uint64_t ns = kind == TCP_SYN ? SECOND : NET_RETRY_NS;

	ns <<= w->n_retries < 16 ? w->n_retries : 16;
	return ns < RETRY_MAX_S * SECOND ? ns : RETRY_MAX_S * SECOND;
}

/* If nobody is there to send it again, what follows has a gap before it and is as good as lost. A
 * reset is never sent again; but while the cut is the simulator's idea it passes later: a program
 * without time limits would wait for ever, and not because of its own doing. */
static void drop_lost(struct tcp_way *w)
{
	bool keep_resets = rondo__sim_net_is_fault(sender_of(w), receiver_of(w));
	bool keep_others = w->tcp->alive[w->from];
	struct list *next;

	for (struct list *l = w->segments.next; l != &w->segments; l = next) {
		struct tcp_segment *g = container_of(l, struct tcp_segment, link);

		next = l->next;
		if (g->kind == TCP_RESET ? keep_resets : keep_others)
			continue;
		list_remove(&g->link);
		free(g);
	}
	w->cut_short |= !keep_others;
}

static void lost(struct tcp_way *w)
{
	struct sim *s = sim_of(w);

	rondo__sim_note(s, "tcp lost", w->tcp->serial, w->n_retries);
	if (!w->tcp->alive[w->from] || first_of(w)->kind == TCP_RESET)
		drop_lost(w);
	if (list_empty(&w->segments))
		return;
	rondo__sim_schedule(s, &w->arrival, retry_ns(w, first_of(w)->kind));
	w->n_retries++;
}

static void arrival(struct sim *s, struct sim_event *e)
{
	struct tcp_way *w = container_of(e, struct tcp_way, arrival);
	struct tcp_segment *g = first_of(w);
	enum tcp_kind kind = g->kind;

	if (!rondo__sim_net_reaches(sender_of(w), receiver_of(w))) {
		lost(w);
		return;
	}
	w->n_retries = 0;
	if (kind == TCP_DATA && w->tcp->alive[!w->from])
		w->received = g->end;
	rondo__sim_note(s, "tcp", w->tcp->serial << 8 | kind << 1 | w->from, g->end);
	drop_first(w);
	await_first(w);
	rondo__sim_tcp_arrived(w, kind);	/* which may free the connection */
}

/* --- acknowledgements, probes, and losing patience ------------------------------------------- */

static bool is_outstanding(struct tcp_way *w)
{
	struct sim_socket *k = w->tcp->ends[w->from];

	return w->sent > w->acked || (w->fin_sent && !w->fin_acked) || w->probing ||
	       (k && (k->state == NET_CONNECTING || k->state == NET_ARRIVING));
}

static uint64_t patience_ns(const struct sim_socket *k, const struct tcp_way *w)
{
	const struct net_options *o = &k->options;

	if (o->user_timeout_ms)
		return o->user_timeout_ms * (SECOND / 1000);
	if (k->state == NET_CONNECTING)
		return SYN_GIVE_UP_S * SECOND;
	if (w->probing && w->sent == w->acked && w->sent == w->written)
		return (uint64_t)o->interval_s * o->n_probes * SECOND;
	return GIVE_UP_S * SECOND;
}

void rondo__sim_tcp_watch(struct tcp_way *w)
{
	struct sim_socket *k = w->tcp->ends[w->from];

	if (w->tcp->alive[w->from] && !sim_is_scheduled(&w->give_up) && is_outstanding(w))
		rondo__sim_schedule(sim_of(w), &w->give_up, patience_ns(k, w));
}

static void give_up(struct sim *s, struct sim_event *e)
{
	struct tcp_way *w = container_of(e, struct tcp_way, give_up);

	rondo__sim_note(s, "tcp timeout", w->tcp->serial, w->from);
	rondo__sim_tcp_end(w->tcp->ends[w->from], ETIMEDOUT);
}

static void await_probe(struct tcp_way *w)
{
	struct sim *s = sim_of(w);
	struct sim_socket *k = w->tcp->ends[w->from];

	if (!w->tcp->alive[w->from] || k->state != NET_CONNECTED || is_outstanding(w))
		rondo__sim_unschedule(s, &w->probe);
	else if (w->written > w->sent)
		rondo__sim_schedule(s, &w->probe, PERSIST_S * SECOND);
	else if (k->options.keep_alive && !w->fin)
		rondo__sim_schedule(s, &w->probe, k->options.idle_s * SECOND);
	else
		rondo__sim_unschedule(s, &w->probe);
}

static void probe(struct sim *s, struct sim_event *e)
{
	struct tcp_way *w = container_of(e, struct tcp_way, probe);

	(void)s;
	w->probing = true;
	rondo__sim_tcp_push(w, TCP_PROBE, 0);
	rondo__sim_tcp_watch(w);
}

void rondo__sim_tcp_acked(struct tcp_way *w)
{
	struct sim_socket *k = w->tcp->ends[w->from];

	w->acked = w->received;
	if (w->limit < w->read + w->window)
		w->limit = w->read + w->window;
	w->fin_acked = w->fin_received;
	w->probing = false;
	rondo__sim_unschedule(sim_of(w), &w->give_up);
	rondo__sim_unschedule(sim_of(w), &w->ack);
	rondo__sim_tcp_transmit(w);
	if (rondo__sim_tcp_has_room(k))
		rondo__sim_socket_notify(k, POLLOUT);
	rondo__sim_tcp_check_over(k);
}

static void ack_arrival(struct sim *s, struct sim_event *e)
{
	struct tcp_way *w = container_of(e, struct tcp_way, ack);

	(void)s;
	if (rondo__sim_net_reaches(receiver_of(w), sender_of(w)) && w->tcp->alive[!w->from])
		rondo__sim_tcp_acked(w);
	else				/* so what it was for is sent again */
		rondo__sim_tcp_push(w, TCP_PROBE, retry_ns(w, TCP_PROBE));
}

void rondo__sim_tcp_ack(struct tcp_way *w)
{
	if (w->tcp->alive[w->from] && !sim_is_scheduled(&w->ack))
		rondo__sim_schedule(sim_of(w), &w->ack,
				    rondo__sim_net_delay_tcp(receiver_of(w), sender_of(w)));
}

/* Something between the hosts has lost track of the connection, and tells both. */
static void reset_both(struct tcp_connection *c)
{
	rondo__sim_tcp_push(&c->ways[0], TCP_RESET, 0);
	rondo__sim_tcp_push(&c->ways[1], TCP_RESET, 0);
}

void rondo__sim_tcp_transmit(struct tcp_way *w)
{
	struct sim *s = sim_of(w);

	while (w->sent < w->written && w->sent < w->limit) {
		uint64_t n = SEGMENT_BYTES * (1 + rondo__sim_below(s, SIM_NET, SEGMENTS_MAX));

		n = n < w->written - w->sent ? n : w->written - w->sent;
		w->sent += n < w->limit - w->sent ? n : w->limit - w->sent;
		rondo__sim_tcp_push(w, TCP_DATA, 0);
		if (rondo__sim_fault(s, SIM_FAULT_NET_RESET))
			reset_both(w->tcp);
	}
	if (w->fin && !w->fin_sent && w->sent == w->written) {
		w->fin_sent = true;
		rondo__sim_tcp_push(w, TCP_FIN, 0);
	}
	rondo__sim_tcp_watch(w);
	await_probe(w);
}

/* --- connections ----------------------------------------------------------------------------- */

static void way_init(struct tcp_connection *c, unsigned from)
{
	struct tcp_way *w = &c->ways[from];

	w->tcp = c;
	w->from = from;
	list_init(&w->segments);
	rondo__sim_event_init(&w->arrival, arrival);
	rondo__sim_event_init(&w->ack, ack_arrival);
	rondo__sim_event_init(&w->probe, probe);
	rondo__sim_event_init(&w->give_up, give_up);
}

struct tcp_connection *rondo__sim_tcp_make(struct sim_socket *k, struct sim_host *to)
{
	struct sim_net *n = k->file.host->sim->net;
	struct tcp_connection *c = rondo__sim_alloc(sizeof(*c));

	c->net = n;
	c->serial = ++n->n_connections;
	c->hosts[0] = k->file.host;
	c->hosts[1] = to;
	c->addresses[0] = k->here;
	c->addresses[1] = k->there;
	way_init(c, 0);
	way_init(c, 1);
	list_push(&n->connections, &c->link);
	rondo__sim_tcp_attach(c, 0, k);
	return c;
}

static size_t buffer_bytes(struct sim_socket *k, uint32_t option)
{
	struct sim *s = k->file.host->sim;

	if (rondo__sim_fault(s, SIM_FAULT_NET_WINDOW))
		return rondo__sim_log(s, SIM_NET, SMALL_MIN, SMALL_MAX);
	return option;
}

void rondo__sim_tcp_attach(struct tcp_connection *c, unsigned side, struct sim_socket *k)
{
	c->ends[side] = k;
	c->alive[side] = true;
	k->tcp = c;
	k->side = side;
	tcp_out(k)->room = buffer_bytes(k, k->options.send_bytes);
	tcp_in(k)->window = buffer_bytes(k, k->options.receive_bytes);
}

void rondo__sim_tcp_resize(struct sim_socket *k)
{
	if (!k->tcp)
		return;
	tcp_out(k)->room = k->options.send_bytes;
	tcp_in(k)->window = k->options.receive_bytes;
	rondo__sim_tcp_ack(tcp_in(k));
}

static void way_stop(struct tcp_way *w)
{
	rondo__sim_unschedule(sim_of(w), &w->ack);
	rondo__sim_unschedule(sim_of(w), &w->probe);
	rondo__sim_unschedule(sim_of(w), &w->give_up);
}

void rondo__sim_tcp_mute(struct tcp_way *w)
{
	w->tcp->alive[w->from] = false;
	w->cut_short |= w->written != w->sent;
	w->written = w->sent;
	way_stop(w);
}

static void way_free(struct tcp_way *w)
{
	way_stop(w);
	rondo__sim_unschedule(sim_of(w), &w->arrival);
	while (!list_empty(&w->segments))
		drop_first(w);
	free(w->bytes);
}

static void connection_free(struct tcp_connection *c)
{
	way_free(&c->ways[0]);
	way_free(&c->ways[1]);
	list_remove(&c->link);
	free(c);
}

void rondo__sim_tcp_detach(struct sim_socket *k)
{
	struct tcp_connection *c = k->tcp;

	rondo__sim_tcp_mute(tcp_out(k));
	c->ends[k->side] = NULL;
	k->tcp = NULL;
	if (!c->ends[0] && !c->ends[1])
		connection_free(c);
}

/* Faults have ended: nobody waits for the next retransmission. */
void rondo__sim_tcp_heal(struct sim_net *n)
{
	for (struct list *l = n->connections.next; l != &n->connections; l = l->next) {
		struct tcp_connection *c = container_of(l, struct tcp_connection, link);

		for (unsigned i = 0; i < 2; i++) {
			c->ways[i].n_retries = 0;
			if (sim_is_scheduled(&c->ways[i].arrival))
				rondo__sim_schedule(n->sim, &c->ways[i].arrival, 1000000);
			if (sim_is_scheduled(&c->ways[i].ack))
				rondo__sim_schedule(n->sim, &c->ways[i].ack, 1000000);
		}
	}
}
