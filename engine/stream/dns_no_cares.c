/* SPDX-License-Identifier: MIT */
/* dns_no_cares.c - in place of dns_cares.c where c-ares was not there at build time. */
#include "stream/dns.h"

const bool rondo__dns_has_cares = false;

int rondo__dns_cares(struct dns *d, const char *host, struct dns_answer *v4,
		     struct dns_answer *v6)
{
	(void)d;
	(void)host;
	(void)v4;
	(void)v6;
	return -EOPNOTSUPP;
}

int rondo__dns_cares_name(struct dns *d, const struct dns_address *address, char *name,
			  size_t size)
{
	(void)d;
	(void)address;
	(void)name;
	(void)size;
	return -EOPNOTSUPP;
}

void rondo__dns_cares_abandon(struct dns *d)
{
	(void)d;
}
