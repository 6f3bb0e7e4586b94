/* SPDX-License-Identifier: MIT */
/* dns_libc.c - libc's getaddrinfo() and getnameinfo() in threads of their own.
 *
 * They cannot be stopped, so a cancelled lookup is abandoned, with all that it uses. */
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "stream/dns.h"

struct libc_lookup {
	int family, error;
	struct dns_address address;
	struct dns_addresses found;
	char host[DNS_NAME_MAX];
};

int rondo__dns_error(int eai, int error)
{
	switch (eai) {
	case 0:
		return 0;
	case EAI_NONAME:
	case EAI_NODATA:
	case EAI_SERVICE:
		return -RONDO_ENOTFOUND;
	case EAI_FAMILY:
	case EAI_ADDRFAMILY:
		return -EAFNOSUPPORT;
	case EAI_SOCKTYPE:
		return -ESOCKTNOSUPPORT;
	case EAI_BADFLAGS:
		return -EINVAL;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_OVERFLOW:
		return -ENOSPC;
	case EAI_SYSTEM:
		return error > 0 ? -error : -RONDO_EDNS;
	default:			/* EAI_AGAIN, EAI_FAIL */
		return -RONDO_EDNS;
	}
}

static void take(struct libc_lookup *q, const struct addrinfo *from)
{
	struct dns_address a = { .family = (sa_family_t)from->ai_family }, *slot;

	if (from->ai_family == AF_INET) {
		a.bytes.v4 = ((const struct sockaddr_in *)(const void *)from->ai_addr)->sin_addr;
	} else if (from->ai_family == AF_INET6) {
		const struct sockaddr_in6 *sa = (const void *)from->ai_addr;

		a.bytes.v6 = sa->sin6_addr;
		a.scope = sa->sin6_scope_id;
	} else {
		return;
	}
	slot = dns_add(&q->found);
	if (slot)
		*slot = a;
}

/* In a thread. */
static int find_addresses(void *arg)
{
	struct libc_lookup *q = arg;
	const struct addrinfo hints = { .ai_family = q->family, .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_CANONNAME };
	struct addrinfo *list = NULL;
	int ret = getaddrinfo(q->host, NULL, &hints, &list);

	if (ret != 0)
		return rondo__dns_error(ret, errno);
	if (list->ai_canonname)
		strncpy(q->found.name, list->ai_canonname, sizeof(q->found.name) - 1);
	for (const struct addrinfo *a = list; a; a = a->ai_next)
		take(q, a);
	freeaddrinfo(list);
	return q->found.n ? 0 : -RONDO_ENOTFOUND;
}

/* In a thread. */
static int find_name(void *arg)
{
	struct libc_lookup *q = arg;
	const struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr = q->address.bytes.v4 };
	const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = q->address.bytes.v6,
					 .sin6_scope_id = q->address.scope };
	const bool is_v4 = q->address.family == AF_INET;
	int ret = getnameinfo(is_v4 ? (const void *)&v4 : (const void *)&v6,
			      is_v4 ? sizeof(v4) : sizeof(v6), q->host, sizeof(q->host), NULL, 0,
			      NI_NAMEREQD);

	return rondo__dns_error(ret, errno);
}

/* libc would ask the real world, and block the only thread that a simulation has. */
static int run(struct dns *d, rondo_fn *fn, struct libc_lookup *q)
{
	static const struct rondo_thread_options abandon = {
		.on_cancel = RONDO_THREAD_ABANDON, .on_abandon = free,
	};

	if (rondo__self()->loop->ring.kernel->thread_delay) {
		free(q);
		return -ENOSYS;
	}
	return rondo_pool_run_with((struct rondo_pool *)&d->pool, &abandon, fn, q);
}

int rondo__dns_libc(struct dns *d, const char *host, int family, struct dns_addresses *found)
{
	struct libc_lookup *q = calloc(1, sizeof(*q));
	int ret;

	if (!q)
		return -ENOMEM;
	q->family = family;
	strncpy(q->host, host, sizeof(q->host) - 1);
	ret = run(d, find_addresses, q);
	if (ret == 0)
		*found = q->found;
	if (ret != -ECANCELED && ret != -ENOSYS)
		free(q);
	return ret;
}

int rondo__dns_libc_name(struct dns *d, const struct dns_address *address, char *name, size_t size)
{
	struct libc_lookup *q = calloc(1, sizeof(*q));
	int ret;

	if (!q)
		return -ENOMEM;
	q->address = *address;
	ret = run(d, find_name, q);
	if (ret == 0) {
		if (strlen(q->host) < size)
			memcpy(name, q->host, strlen(q->host) + 1);
		else
			ret = -ENOSPC;
	}
	if (ret != -ECANCELED && ret != -ENOSYS)
		free(q);
	return ret;
}
