/* SPDX-License-Identifier: MIT */
/* dns.h - what the files of name resolution share. Layer 7.
 *
 *   dns.c        what was asked, numeric answers, the list that is given out
 *   dns_lookup.c where a name is looked for; the order of what was found
 *   dns_files.c  /etc/hosts and /etc/services, read through the ring
 *   dns_cache.c  what was answered, for as long as it holds
 *   dns_cares.c  c-ares on the loop, or dns_no_cares.c where it was not there at build time
 *   dns_libc.c   libc's getaddrinfo in threads
 *
 * I1  A host's addresses are known without ports and socket types (struct dns_addresses); the list
 *     of struct addrinfo is made of them last, in one piece of memory. */
#ifndef RONDO_STREAM_DNS_H
#define RONDO_STREAM_DNS_H

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "rondo/base.h"
#include "rondo/dns.h"
#include "task/pool.h"

enum {
	DNS_NAME_MAX = 256,		/* with its end */
	DNS_ADDRESSES_MAX = 64,		/* of one host; what is more is not given out */
};

struct dns_address {
	sa_family_t family;		/* AF_INET or AF_INET6 */
	uint32_t scope;			/* of a link-local IPv6 address */
	union {
		struct in_addr v4;
		struct in6_addr v6;
	} bytes;
};

struct dns_addresses {
	unsigned n;
	char name[DNS_NAME_MAX];	/* the canonical one; empty: as asked */
	struct dns_address all[DNS_ADDRESSES_MAX];
};

/* What became of one question: the addresses of a host in one family. */
struct dns_answer {
	int result;			/* 0, or an error, -RONDO_ENOTFOUND among them */
	uint32_t ttl_seconds;
	struct dns_addresses found;
};

struct dns_entry;

enum { DNS_BUCKETS = 64 };

struct dns_cache {
	struct dns_entry *buckets[DNS_BUCKETS];
	struct list by_use;		/* the one used longest ago first */
	unsigned n, max;
};

/* What a loop knows of names. */
struct dns {
	struct loop_part part;
	struct rondo_dns_options options;	/* with no zeroes left */
	char servers[256];		/* options.servers points here, or is NULL */
	struct dns_cache cache;
	struct list lookups;		/* of c-ares, under way */
	struct pool pool;		/* for libc alone (K6): DNS does not wait behind other work */
};

/* The loop's, made when first asked for; NULL when memory is short. */
struct dns *rondo__dns(struct loop *l);

void rondo__dns_cache_init(struct dns_cache *c, unsigned max);
void rondo__dns_cache_clear(struct dns_cache *c);
/* Copy what is known to `answer`, if it holds at this time. */
bool rondo__dns_cache_get(struct dns_cache *c, const char *host, int family, uint64_t now_ns,
			  struct dns_answer *answer);
/* Keep an answer; without memory nothing is kept. */
void rondo__dns_cache_put(struct dns_cache *c, const char *host, int family, uint64_t now_ns,
			  const struct dns_answer *answer);

/* Find a host's addresses: cache, files, resolver. Returns 0 or an error. */
int rondo__dns_find(const char *host, int family, struct dns_addresses *found);
/* And an address's name. */
int rondo__dns_find_name(const struct dns_address *address, char *name, size_t size);

/* Ask c-ares for either or both, at the same time; NULL: not asked for. Returns 0 when each has
 * its answer, or an error that is none: -ECANCELED, -ENOMEM. */
int rondo__dns_cares(struct dns *d, const char *host, struct dns_answer *v4,
		     struct dns_answer *v6);
int rondo__dns_cares_name(struct dns *d, const struct dns_address *address, char *name,
			  size_t size);
/* Free what lookups under way have allocated, as rondo__loop_abandon(). */
void rondo__dns_cares_abandon(struct dns *d);
extern const bool rondo__dns_has_cares;

int rondo__dns_libc(struct dns *d, const char *host, int family, struct dns_addresses *found);
int rondo__dns_libc_name(struct dns *d, const struct dns_address *address, char *name, size_t size);
/* Of libc's getaddrinfo, as ours. */
int rondo__dns_error(int eai, int error);

/* Room for another one, or NULL: then there are enough. */
static inline struct dns_address *dns_add(struct dns_addresses *a)
{
	return a->n < DNS_ADDRESSES_MAX ? &a->all[a->n++] : NULL;
}

/* Read "192.0.2.1", "2001:db8::1", "fe80::1%eth0". Returns false if text is no address. */
bool rondo__dns_numeric(const char *text, struct dns_address *address);

/* Find host in /etc/hosts; localhost is there in any case. Adds addresses of the family. Returns 0
 * whether there are any or not, or an error. */
int rondo__dns_hosts(const char *host, int family, struct dns_addresses *found);
/* The same the other way round. Returns 0, or -RONDO_ENOTFOUND. */
int rondo__dns_hosts_name(const struct dns_address *address, char *name, size_t size);
/* The port of a service, for protocol "tcp" or "udp" or, if NULL, any. Returns it or an error. */
int rondo__dns_service(const char *service, const char *protocol);
int rondo__dns_service_name(unsigned port, const char *protocol, char *name, size_t size);
#endif
