/* SPDX-License-Identifier: MIT */
/* net.c - the links between hosts: how long they take, what they lose, when they are cut. */
#include <errno.h>
#include <stdlib.h>

#include "sim/net.h"

enum {
	LOOPBACK_MIN_NS = 1000,		LOOPBACK_MAX_NS = 30000,
	LINK_MIN_NS = 10000,		LINK_MAX_NS = 30000000,
	CALM_LINK_NS = 200000,		/* the slowest link once faults have ended */
	LATE_MIN_NS = 1000000,		LATE_MAX_NS = 1000000000,
	RETRIES_MAX = 6,		/* of one segment, by the fault: 200 ms to 12.6 s */
};

static const uint64_t cut_min_ns = 1000000, cut_max_ns = 30000000000;

/* Nothing passes between two hosts. */
struct cut {
	struct list link;
	unsigned a, b;			/* numbers, a < b */
	bool by_fault;			/* and then it ends at this event */
	struct sim_event end;
};

/* --- partitions ------------------------------------------------------------------------------ */

static struct cut *find_cut(struct sim_net *n, unsigned a, unsigned b, bool by_fault)
{
	for (struct list *l = n->cuts.next; l != &n->cuts; l = l->next) {
		struct cut *c = container_of(l, struct cut, link);

		if (c->a == (a < b ? a : b) && c->b == (a < b ? b : a) && c->by_fault == by_fault)
			return c;
	}
	return NULL;
}

static void heal_cut(struct sim *s, struct cut *c)
{
	rondo__sim_note(s, "healed", c->a, c->b);
	rondo__sim_trace(s, "hosts %u and %u reach each other again", c->a, c->b);
	rondo__sim_unschedule(s, &c->end);
	list_remove(&c->link);
	free(c);
}

static void cut_over(struct sim *s, struct sim_event *e)
{
	heal_cut(s, container_of(e, struct cut, end));
}

static struct cut *make_cut(struct sim_net *n, unsigned a, unsigned b, bool by_fault)
{
	struct cut *c = rondo__sim_alloc(sizeof(*c));

	c->a = a < b ? a : b;
	c->b = a < b ? b : a;
	c->by_fault = by_fault;
	rondo__sim_event_init(&c->end, cut_over);
	list_push(&n->cuts, &c->link);
	rondo__sim_note(n->sim, "partition", c->a, c->b);
	rondo__sim_trace(n->sim, "hosts %u and %u are cut off from each other", c->a, c->b);
	return c;
}

int rondo__sim_net_partition(struct sim *s, struct sim_host *a, struct sim_host *b, bool cut)
{
	struct cut *c;

	if (a == b)
		return -EINVAL;
	c = find_cut(s->net, a->id, b->id, false);
	if (cut && !c)
		make_cut(s->net, a->id, b->id, false);
	if (!cut && c)
		heal_cut(s, c);
	return 0;
}

static void maybe_cut(struct sim *s, struct sim_host *a, struct sim_host *b)
{
	struct cut *c;

	if (a == b || !rondo__sim_fault(s, SIM_FAULT_NET_PARTITION) ||
	    find_cut(s->net, a->id, b->id, true))
		return;
	c = make_cut(s->net, a->id, b->id, true);
	rondo__sim_schedule(s, &c->end, rondo__sim_log(s, SIM_NET, cut_min_ns, cut_max_ns));
}

static bool is_on(const struct sim_host *h)
{
	/* A host whose main has ended is still there, as a machine is after its program. */
	return h->state != SIM_HOST_OFF || h->ended;
}

bool rondo__sim_net_reaches(struct sim_host *from, struct sim_host *to)
{
	struct sim_net *n = from->sim->net;

	return is_on(to) && (list_empty(&n->cuts) || from == to ||
			     (!find_cut(n, from->id, to->id, false) &&
			      !find_cut(n, from->id, to->id, true)));
}

bool rondo__sim_net_is_fault(struct sim_host *from, struct sim_host *to)
{
	return is_on(to) && from != to && !find_cut(from->sim->net, from->id, to->id, false);
}

/* --- delays ---------------------------------------------------------------------------------- */

/* Each pair of hosts has its own distance, the same both ways. */
static uint64_t link_ns(struct sim_host *from, struct sim_host *to)
{
	struct sim *s = from->sim;
	unsigned a = from->id < to->id ? from->id : to->id;
	unsigned b = from->id < to->id ? to->id : from->id;
	uint64_t *ns = &s->net->link_ns[a][b];

	if (!*ns)
		*ns = a == b ? rondo__sim_log(s, SIM_NET, LOOPBACK_MIN_NS, LOOPBACK_MAX_NS) :
			       rondo__sim_log(s, SIM_NET, LINK_MIN_NS, LINK_MAX_NS);
	return s->faults_over && *ns > CALM_LINK_NS ? CALM_LINK_NS : *ns;
}

uint64_t rondo__sim_net_delay(struct sim_host *from, struct sim_host *to)
{
	struct sim *s = from->sim;
	uint64_t ns = link_ns(from, to);

	maybe_cut(s, from, to);
	ns += rondo__sim_below(s, SIM_NET, ns / 2 + 1);
	if (rondo__sim_fault(s, SIM_FAULT_NET_DELAY))
		ns += rondo__sim_log(s, SIM_NET, LATE_MIN_NS, LATE_MAX_NS);
	return ns;
}

uint64_t rondo__sim_net_delay_tcp(struct sim_host *from, struct sim_host *to)
{
	uint64_t ns = rondo__sim_net_delay(from, to);

	for (unsigned i = 0; i < RETRIES_MAX; i++) {
		if (!rondo__sim_fault(from->sim, SIM_FAULT_NET_LOSS))
			break;
		ns += (uint64_t)NET_RETRY_NS << i;
	}
	return ns;
}

void rondo__sim_net_heal(struct sim *s)
{
	struct sim_net *n = s->net;
	struct list *next;

	for (struct list *l = n->cuts.next; l != &n->cuts; l = next) {
		struct cut *c = container_of(l, struct cut, link);

		next = l->next;
		if (c->by_fault)
			heal_cut(s, c);
	}
	rondo__sim_tcp_heal(n);
}

/* --- the network as a whole ------------------------------------------------------------------- */

struct sim_net *rondo__sim_net_make(struct sim *s)
{
	struct sim_net *n = rondo__sim_alloc(sizeof(*n));

	n->sim = s;
	list_init(&n->sockets);
	list_init(&n->connections);
	list_init(&n->datagrams);
	list_init(&n->names);
	list_init(&n->cuts);
	return n;
}

void rondo__sim_net_free(struct sim_net *n)
{
	if (!n)
		return;
	/* The hosts are gone, and with them all that needed one. */
	BUG_ON(!list_empty(&n->sockets) || !list_empty(&n->connections));
	rondo__sim_udp_free_all(n);
	rondo__sim_unix_free_all(n);
	while (!list_empty(&n->cuts))
		cut_over(n->sim, &container_of(n->cuts.next, struct cut, link)->end);
	free(n);
}

/* What its program had open is closed. Sockets that are left are orphans, or such that only
 * messages keep open, perhaps in a circle. */
static bool drop_one(struct sim_net *n, const struct sim_host *h)
{
	for (struct list *l = n->sockets.next; l != &n->sockets; l = l->next) {
		struct sim_socket *k = container_of(l, struct sim_socket, link);

		if (k->file.host != h)
			continue;
		if (k->orphan) {
			rondo__sim_socket_free(k);
			return true;
		}
		if (list_empty(&k->messages))
			continue;
		rondo__sim_file_ref(&k->file);
		rondo__sim_message_free_all(k);
		rondo__sim_file_unref(&k->file);
		return true;
	}
	return false;
}

void rondo__sim_net_host_off(struct sim *s, struct sim_host *h)
{
	while (s->net && drop_one(s->net, h))
		;
}
