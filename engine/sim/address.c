/* SPDX-License-Identifier: MIT */
/* address.c - IPv4 and IPv6 addresses, and who has which port. See net.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "sim/net.h"

enum {
	PORT_FIRST = 32768, PORT_LAST = 60999,	/* of those drawn for sockets that do not care */
	LOOPBACK_MASK = 0xff000000, HOSTS_MASK = 0xffffff00,
};

/* Of IPv4 in IPv6. */
static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
static const unsigned char hosts_v6[12] = { 0xfd };

static uint32_t be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put32(unsigned char *p, uint32_t x)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(x >> (24 - 8 * i));
}

static void read_v6(const struct sockaddr_in6 *from, struct net_address *a)
{
	const unsigned char *p = from->sin6_addr.s6_addr;

	*a = (struct net_address){ .v6 = true, .port = ntohs(from->sin6_port) };
	if (IN6_IS_ADDR_UNSPECIFIED(&from->sin6_addr))
		return;
	a->ip = UINT32_MAX;		/* nobody's */
	if (IN6_IS_ADDR_LOOPBACK(&from->sin6_addr))
		a->ip = NET_LOOPBACK;
	else if (!memcmp(p, hosts_v6, sizeof(hosts_v6)) && be32(p + 12) < 256)
		a->ip = NET_HOST | be32(p + 12);
	if (!memcmp(p, mapped, sizeof(mapped))) {
		a->v6 = false;
		a->ip = be32(p + 12);
	}
}

int rondo__sim_address_read(const struct sim_socket *k, const struct sockaddr *addr, socklen_t len,
			    struct net_address *a)
{
	union net_name name = { .any.sa_family = AF_UNSPEC };

	if (!addr || len < (k->domain == AF_INET ? sizeof(name.v4) : sizeof(name.v6.sin6_addr) + 8))
		return -EINVAL;
	memcpy(&name, addr, len < sizeof(name) ? len : sizeof(name));
	if (name.any.sa_family != k->domain)
		return -EAFNOSUPPORT;
	if (k->domain == AF_INET6) {
		read_v6(&name.v6, a);
		return a->v6 || !k->options.v6_only ? 0 : -ENETUNREACH;
	}
	*a = (struct net_address){ .ip = ntohl(name.v4.sin_addr.s_addr),
				   .port = ntohs(name.v4.sin_port) };
	return 0;
}

static void write_v6(const struct net_address *a, struct sockaddr_in6 *to)
{
	unsigned char *p = to->sin6_addr.s6_addr;

	*to = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(a->port) };
	if (!a->v6 && a->ip != NET_ANY) {
		memcpy(p, mapped, sizeof(mapped));
		put32(p + 12, a->ip);
	} else if (a->ip == NET_LOOPBACK) {
		p[15] = 1;
	} else if (a->ip != NET_ANY) {
		memcpy(p, hosts_v6, sizeof(hosts_v6));
		p[15] = (unsigned char)a->ip;
	}
}

int rondo__sim_address_write(int domain, const struct net_address *a, union net_name *name)
{
	memset(name, 0, sizeof(*name));
	if (domain == AF_INET6) {
		write_v6(a, &name->v6);
		return sizeof(name->v6);
	}
	name->v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(a->port),
					 .sin_addr.s_addr = htonl(a->ip) };
	return sizeof(name->v4);
}

int rondo__sim_address_name(struct sim_socket *k, bool peer, union net_name *name)
{
	if (peer && (k->state != NET_CONNECTED || !k->there.port))
		return -ENOTCONN;
	return rondo__sim_address_write(k->domain, peer ? &k->there : &k->here, name);
}

/* --- whose an address is --------------------------------------------------------------------- */

static bool is_loopback(uint32_t ip)
{
	return (ip & LOOPBACK_MASK) == (NET_LOOPBACK & LOOPBACK_MASK);
}

static bool is_own(const struct sim_host *h, uint32_t ip)
{
	return ip == NET_ANY || is_loopback(ip) || ip == (NET_HOST | h->id);
}

int rondo__sim_address_host(struct sim_host *h, const struct net_address *a, struct sim_host **host)
{
	uint32_t number = a->ip & ~(uint32_t)HOSTS_MASK;

	*host = h;
	if (is_own(h, a->ip))
		return 0;
	if ((a->ip & HOSTS_MASK) != NET_HOST)
		return -ENETUNREACH;
	*host = number && number <= h->sim->n_hosts ? h->sim->hosts[number - 1] : NULL;
	return 0;
}

/* --- ports ----------------------------------------------------------------------------------- */

/* Would packets for one of them be packets for the other? */
static bool overlap(const struct sim_socket *k, const struct sim_socket *other)
{
	const struct net_address *a = &k->here, *b = &other->here;
	bool both = a->v6 == b->v6 ||
		    (a->v6 && a->ip == NET_ANY && !k->options.v6_only) ||
		    (b->v6 && b->ip == NET_ANY && !other->options.v6_only);

	return both && (a->ip == b->ip || a->ip == NET_ANY || b->ip == NET_ANY);
}

static bool tolerate(const struct sim_socket *k, const struct sim_socket *other)
{
	if (k->options.reuse_port && other->options.reuse_port)
		return true;
	return k->options.reuse_address && other->options.reuse_address &&
	       (socket_is_dgram(k) || other->state != NET_LISTENING);
}

static bool is_taken(struct sim_socket *k, bool by_listener)
{
	struct list *all = &k->file.host->sim->net->sockets;

	for (struct list *l = all->next; l != all; l = l->next) {
		const struct sim_socket *other = container_of(l, struct sim_socket, link);

		if (other == k || other->file.host != k->file.host ||
		    other->protocol != k->protocol || other->here.port != k->here.port)
			continue;
		if (by_listener && other->state != NET_LISTENING)
			continue;
		if (overlap(k, other) && !tolerate(k, other))
			return true;
	}
	return false;
}

static bool is_used(struct sim_socket *k, uint16_t port)
{
	struct list *all = &k->file.host->sim->net->sockets;

	for (struct list *l = all->next; l != all; l = l->next) {
		const struct sim_socket *other = container_of(l, struct sim_socket, link);

		if (other->file.host == k->file.host && other->protocol == k->protocol &&
		    other->here.port == port)
			return true;
	}
	return false;
}

/* In order, so that a port stays unused for long after it was closed. */
static int choose_port(struct sim_socket *k)
{
	uint16_t *next = &k->file.host->sim->net->next_port[k->file.host->id];

	for (unsigned i = PORT_FIRST; i <= PORT_LAST; i++) {
		uint16_t port = *next < PORT_FIRST || *next > PORT_LAST ? PORT_FIRST : *next;

		*next = (uint16_t)(port + 1);
		if (!is_used(k, port)) {
			k->here.port = port;
			return 0;
		}
	}
	return -EADDRINUSE;
}

int rondo__sim_address_bind(struct sim_socket *k, const struct sockaddr *addr, socklen_t len)
{
	struct net_address a;
	int ret = rondo__sim_address_read(k, addr, len, &a);

	if (ret < 0)
		return ret;
	if (!is_own(k->file.host, a.ip))
		return -EADDRNOTAVAIL;
	if (k->state != NET_CLOSED || k->here.port)
		return -EINVAL;
	k->here = a;
	ret = a.port ? (is_taken(k, false) ? -EADDRINUSE : 0) : choose_port(k);
	if (ret < 0)
		k->here = (struct net_address){ 0 };
	k->bound_by_program = ret == 0;
	return ret;
}

/* For who did not: before it connects or sends (to), or listens (NULL). */
int rondo__sim_address_bind_for(struct sim_socket *k, const struct net_address *to)
{
	int ret = 0;

	if (!k->here.port) {
		k->here = (struct net_address){ .v6 = k->domain == AF_INET6 };
		ret = choose_port(k);
	}
	if (ret < 0)
		return to ? -EADDRNOTAVAIL : ret;
	if (to && k->here.ip == NET_ANY && (k->protocol == &rondo__sim_tcp || k->there.port)) {
		k->here.v6 = to->v6;
		k->here.ip = is_loopback(to->ip) ? to->ip : NET_HOST | k->file.host->id;
	}
	return 0;
}

void rondo__sim_address_unbind(struct sim_socket *k)
{
	k->here = (struct net_address){ 0 };
}

int rondo__sim_address_listen(struct sim_socket *k)
{
	return is_taken(k, true) ? -EADDRINUSE : 0;
}

/* --- who is meant ---------------------------------------------------------------------------- */

/* How well a socket matches: 0 not at all, else the more exactly the more. */
static unsigned match(const struct sim_socket *k, const struct net_address *to,
		      const struct net_address *from)
{
	const struct net_address *a = &k->here;
	unsigned score = 1;

	if (a->port != to->port)
		return 0;
	if (a->v6 != to->v6 && !(a->v6 && a->ip == NET_ANY && !k->options.v6_only))
		return 0;
	if (a->ip != NET_ANY && a->ip != to->ip)
		return 0;
	score += (a->ip == to->ip) * 2 + (a->v6 == to->v6);
	if (k->protocol == &rondo__sim_tcp)
		return k->state == NET_LISTENING ? score : 0;
	if (!k->there.port)
		return score;
	return k->there.port == from->port && k->there.ip == from->ip ? score + 4 : 0;
}

/* Several that share a port (SO_REUSEPORT) are dealt to by chance. */
struct sim_socket *rondo__sim_address_find(struct sim_host *h, const struct net_protocol *protocol,
					   const struct net_address *to,
					   const struct net_address *from)
{
	struct list *all = &h->sim->net->sockets;
	struct sim_socket *found = NULL;
	unsigned best = 0, n = 0;

	for (struct list *l = all->next; l != all; l = l->next) {
		struct sim_socket *k = container_of(l, struct sim_socket, link);
		unsigned score;

		if (k->file.host != h || k->protocol != protocol || k->orphan)
			continue;
		score = match(k, to, from);
		n = score > best ? 0 : n;
		best = score > best ? score : best;
		if (!score || score < best)
			continue;
		n++;
		if (n == 1 || rondo__sim_below(h->sim, SIM_NET, n) == 0)
			found = k;
	}
	return found;
}
