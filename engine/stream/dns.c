/* SPDX-License-Identifier: MIT */
/* dns.c - getaddrinfo and getnameinfo: numeric answers, the way of a name, the list (A1, A2). */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/io.h"
#include "stream/address.h"
#include "stream/dns.h"

/* One kind of socket that the caller could open. */
struct kind {
	int type, protocol;
	const char *protocol_name;	/* in /etc/services */
	int port;
};

struct request {
	const char *host, *service;
	int flags, family;
	unsigned n_kinds;
	struct kind kinds[3];
};

static const struct kind known_kinds[] = {
	{ .type = SOCK_STREAM, .protocol = IPPROTO_TCP, .protocol_name = "tcp" },
	{ .type = SOCK_DGRAM, .protocol = IPPROTO_UDP, .protocol_name = "udp" },
	{ .type = SOCK_RAW },
};

enum { N_KINDS = sizeof(known_kinds) / sizeof(known_kinds[0]) };

/* --- what is asked for ----------------------------------------------------------------------- */

static int one_kind(struct request *r, int type, int protocol)
{
	struct kind *k = &r->kinds[r->n_kinds++];

	*k = (struct kind){ .type = type, .protocol = protocol };
	for (unsigned i = 0; i < N_KINDS; i++) {
		if (known_kinds[i].type != type)
			continue;
		k->protocol_name = known_kinds[i].protocol_name;
		if (!protocol)
			k->protocol = known_kinds[i].protocol;
	}
	return 0;
}

/* As libc: of a type that is not given there are all, as far as they speak the protocol. */
static int find_kinds(struct request *r, int type, int protocol)
{
	if ((type == SOCK_STREAM && protocol == IPPROTO_UDP) ||
	    (type == SOCK_DGRAM && protocol == IPPROTO_TCP))
		return -ESOCKTNOSUPPORT;
	if (type)
		return one_kind(r, type, protocol);
	for (unsigned i = 0; i < N_KINDS; i++)
		if (!protocol || !known_kinds[i].protocol || known_kinds[i].protocol == protocol)
			one_kind(r, known_kinds[i].type, protocol);
	return 0;
}

static int find_request(struct request *r, const struct addrinfo *hints)
{
	if (!r->host && !r->service)
		return -RONDO_ENOTFOUND;
	if (!hints)
		return find_kinds(r, 0, 0);
	r->flags = hints->ai_flags;
	r->family = hints->ai_family;
	if (r->family != AF_UNSPEC && r->family != AF_INET && r->family != AF_INET6)
		return -EAFNOSUPPORT;
	if ((r->flags & AI_CANONNAME) && !r->host)
		return -EINVAL;
	return find_kinds(r, hints->ai_socktype, hints->ai_protocol);
}

/* A2: an empty service is none, as in asyncio. Returns false if it is no number. */
static bool numeric_port(const char *service, int *port)
{
	char *end;
	unsigned long number;

	*port = 0;
	if (!service || !*service)
		return true;
	if (*service < '0' || *service > '9')
		return false;
	number = strtoul(service, &end, 10);
	*port = number <= UINT16_MAX ? (int)number : -RONDO_ENOTFOUND;
	return !*end;
}

/* A kind that has no port for the service is left out. */
static int find_ports(struct request *r)
{
	unsigned n_left = 0;
	int port;
	bool numeric = numeric_port(r->service, &port);

	if (!numeric && (r->flags & AI_NUMERICSERV))
		return -RONDO_ENOTFOUND;
	for (unsigned i = 0; i < r->n_kinds; i++) {
		struct kind k = r->kinds[i];

		k.port = port;
		if (!numeric)
			k.port = k.type == SOCK_RAW ? -RONDO_ENOTFOUND :
				 rondo__dns_service(r->service, k.protocol_name);
		if (k.port == -ECANCELED)
			return -ECANCELED;
		if (k.port >= 0)
			r->kinds[n_left++] = k;
	}
	r->n_kinds = n_left;
	return n_left ? 0 : -RONDO_ENOTFOUND;
}

/* --- its addresses --------------------------------------------------------------------------- */

static void add_own(const struct request *r, struct dns_addresses *found)
{
	const bool any = r->flags & AI_PASSIVE;

	if (r->family != AF_INET)
		*dns_add(found) = (struct dns_address){
			.family = AF_INET6, .bytes.v6 = any ? in6addr_any : in6addr_loopback };
	if (r->family != AF_INET6)
		*dns_add(found) = (struct dns_address){
			.family = AF_INET,
			.bytes.v4.s_addr = htonl(any ? INADDR_ANY : INADDR_LOOPBACK) };
}

static void map_to_v6(struct dns_address *a)
{
	if (a->family != AF_INET)
		return;
	a->family = AF_INET6;
	a->bytes.v6 = address_mapped(a->bytes.v4);
}

static bool wants_mapped(const struct request *r)
{
	return r->family == AF_INET6 && (r->flags & AI_V4MAPPED);
}

/* A2: no suspend, no thread. Returns false if the host is a name. */
static bool find_numeric(const struct request *r, struct dns_addresses *found, int *ret)
{
	struct dns_address a;

	*ret = 0;
	if (!r->host) {
		add_own(r, found);
		return true;
	}
	if (!rondo__dns_numeric(r->host, &a))
		return false;
	if (a.family == AF_INET && wants_mapped(r))
		map_to_v6(&a);
	if (r->family != AF_UNSPEC && a.family != r->family)
		*ret = -EAFNOSUPPORT;
	else
		*dns_add(found) = a;
	return true;
}

/* AI_V4MAPPED: IPv4 addresses in IPv6 form, if there are no others or with AI_ALL. */
static int find_mapped(const struct request *r, struct dns_addresses *found)
{
	int ret = rondo__dns_find(r->host, AF_INET6, found);
	struct dns_addresses v4 = { .n = 0 };

	if (ret != -RONDO_ENOTFOUND && (ret < 0 || !(r->flags & AI_ALL)))
		return ret;
	ret = rondo__dns_find(r->host, AF_INET, &v4);
	if (!found->name[0])
		memcpy(found->name, v4.name, sizeof(v4.name));
	for (unsigned i = 0; i < v4.n; i++) {
		struct dns_address *slot = dns_add(found);

		map_to_v6(&v4.all[i]);
		if (slot)
			*slot = v4.all[i];
	}
	return found->n && ret == -RONDO_ENOTFOUND ? 0 : ret;
}

static int find_addresses(const struct request *r, struct dns_addresses *found)
{
	const size_t length = r->host ? strlen(r->host) : 1;
	int ret;

	if (find_numeric(r, found, &ret))
		return ret;
	if ((r->flags & AI_NUMERICHOST) || !length || length >= DNS_NAME_MAX)
		return -RONDO_ENOTFOUND;
	return wants_mapped(r) ? find_mapped(r, found) : rondo__dns_find(r->host, r->family, found);
}

/* --- the list (I1) --------------------------------------------------------------------------- */

struct entry {
	struct addrinfo info;
	union address_bytes address;
};

static void fill_entry(struct entry *e, const struct dns_address *a, const struct kind *k)
{
	const in_port_t port = htons((uint16_t)k->port);

	*e = (struct entry){ .info = { .ai_family = a->family, .ai_socktype = k->type,
				       .ai_protocol = k->protocol,
				       .ai_addr = &e->address.any } };
	if (a->family == AF_INET) {
		e->info.ai_addrlen = sizeof(e->address.v4);
		e->address.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = port,
						      .sin_addr = a->bytes.v4 };
	} else {
		e->info.ai_addrlen = sizeof(e->address.v6);
		e->address.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = port,
						       .sin6_addr = a->bytes.v6,
						       .sin6_scope_id = a->scope };
	}
}

static int make_list(const struct request *r, const struct dns_addresses *found,
		     struct addrinfo **list)
{
	const char *name = r->flags & AI_CANONNAME ? found->name[0] ? found->name : r->host : "";
	const size_t n = (size_t)found->n * r->n_kinds, name_size = strlen(name) + 1;
	struct entry *all = malloc(n * sizeof(*all) + name_size);

	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		fill_entry(&all[i], &found->all[i / r->n_kinds], &r->kinds[i % r->n_kinds]);
		all[i].info.ai_next = i + 1 < n ? &all[i + 1].info : NULL;
	}
	if (r->flags & AI_CANONNAME)
		all[0].info.ai_canonname = memcpy(&all[n], name, name_size);
	*list = &all[0].info;
	return 0;
}

int rondo_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		      struct addrinfo **list)
{
	struct request r = { .host = host, .service = service };
	struct dns_addresses found;
	int ret = find_request(&r, hints);

	found.n = 0;
	found.name[0] = found.name[sizeof(found.name) - 1] = '\0';
	if (ret == 0)
		ret = find_ports(&r);
	if (ret == 0)
		ret = find_addresses(&r, &found);
	return ret == 0 ? make_list(&r, &found, list) : ret;
}

void rondo_freeaddrinfo(struct addrinfo *list)
{
	free(list);
}

/* --- and back -------------------------------------------------------------------------------- */

static int take_address(const struct sockaddr *sa, socklen_t length, struct dns_address *a,
			unsigned *port)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	*a = (struct dns_address){ .family = AF_UNSPEC };
	if (length >= sizeof(v4) && sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		*a = (struct dns_address){ .family = AF_INET, .bytes.v4 = v4.sin_addr };
		*port = ntohs(v4.sin_port);
	} else if (length >= sizeof(v6) && sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof(v6));
		*a = (struct dns_address){ .family = AF_INET6, .scope = v6.sin6_scope_id,
					   .bytes.v6 = v6.sin6_addr };
		*port = ntohs(v6.sin6_port);
	}
	return a->family == AF_UNSPEC ? -EAFNOSUPPORT : 0;
}

static int number_of_host(const struct dns_address *a, char *host, size_t size)
{
	char number[INET6_ADDRSTRLEN], interface[IF_NAMESIZE];
	int n;

	inet_ntop(a->family, &a->bytes, number, sizeof(number));
	if (!a->scope)
		n = snprintf(host, size, "%s", number);
	else if (rondo__interface_name(a->scope, interface) == 0)
		n = snprintf(host, size, "%s%%%s", number, interface);
	else
		n = snprintf(host, size, "%s%%%u", number, a->scope);
	return (size_t)n < size ? 0 : -ENOSPC;
}

static int name_of_host(const struct dns_address *a, int flags, char *host, size_t size)
{
	int ret = -RONDO_ENOTFOUND;

	if (!(flags & NI_NUMERICHOST))
		ret = rondo__dns_find_name(a, host, size);
	if (ret == -RONDO_ENOTFOUND && !(flags & NI_NAMEREQD))
		return number_of_host(a, host, size);
	return ret;
}

static int name_of_service(unsigned port, int flags, char *service, size_t size)
{
	int ret = -RONDO_ENOTFOUND;

	if (!(flags & NI_NUMERICSERV))
		ret = rondo__dns_service_name(port, flags & NI_DGRAM ? "udp" : "tcp", service, size);
	if (ret == -RONDO_ENOTFOUND)
		ret = (size_t)snprintf(service, size, "%u", port) < size ? 0 : -ENOSPC;
	return ret;
}

int rondo_getnameinfo(const struct sockaddr *address, socklen_t length, char *host,
		      socklen_t host_size, char *service, socklen_t service_size, int flags)
{
	struct dns_address a;
	unsigned port;
	int ret = take_address(address, length, &a, &port);

	if (ret == 0 && host_size)
		ret = name_of_host(&a, flags, host, host_size);
	if (ret == 0 && service_size)
		ret = name_of_service(port, flags, service, service_size);
	return ret;
}
