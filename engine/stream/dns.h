/* SPDX-License-Identifier: MIT */
/* dns.h - what the files of name resolution share. Layer 7.
 *
 *   dns.c        what was asked, numeric answers, the list that is given out
 *   dns_files.c  /etc/hosts and /etc/services, read through the ring
 *
 * D1  A host's addresses are known without ports and socket types (struct dns_addresses); the list
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
