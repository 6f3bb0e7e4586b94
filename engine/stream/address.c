/* SPDX-License-Identifier: MIT */
/* address.c - see address.h. */
#include "stream/address.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "loop/loop.h"
#include "rondo/dns.h"
#include "rondo/socket.h"

static bool is_same(const struct address *a, const struct sockaddr *addr, socklen_t len)
{
	return a->len == len && !memcmp(&a->u, addr, len);
}

void rondo__addresses_add(struct addresses *a, const struct sockaddr *addr, socklen_t len)
{
	struct address *next = &a->list[a->n];

	if (a->n == ADDRESSES_MAX || len > sizeof(next->u))
		return;
	for (unsigned i = 0; i < a->n; i++)
		if (is_same(&a->list[i], addr, len))
			return;
	memcpy(&next->u, addr, len);
	next->len = len;
	a->n++;
}

void rondo__addresses_add_any(struct addresses *a, int family, uint16_t port)
{
	union address_bytes u;

	memset(&u, 0, sizeof(u));
	u.any.sa_family = (sa_family_t)family;
	if (family == AF_INET)
		u.v4.sin_port = htons(port);
	else
		u.v6.sin6_port = htons(port);
	rondo__addresses_add(a, &u.any, family == AF_INET ? sizeof(u.v4) : sizeof(u.v6));
}

const struct address *rondo__addresses_of(const struct addresses *a, int family)
{
	for (unsigned i = 0; i < a->n; i++)
		if (a->list[i].u.any.sa_family == family)
			return &a->list[i];
	return NULL;
}

/* A lookup takes the port as text. */
int rondo__addresses_find(struct addresses *a, const char *host, uint16_t port, int family,
			  int type)
{
	const struct addrinfo hints = { .ai_family = family, .ai_socktype = type,
					.ai_flags = AI_NUMERICSERV };
	struct addrinfo *list;
	char service[8];
	int ret;

	snprintf(service, sizeof(service), "%u", port);
	ret = rondo_getaddrinfo(host, service, &hints, &list);
	if (ret < 0)
		return ret;
	for (const struct addrinfo *i = list; i; i = i->ai_next)
		rondo__addresses_add(a, i->ai_addr, i->ai_addrlen);
	rondo_freeaddrinfo(list);
	return 0;
}

int rondo__address_of_path(struct sockaddr_un *a, const char *path)
{
	size_t n = strlen(path);

	if (!n || !strcmp(path, "@"))
		return -EINVAL;
	/* The kernel would take one byte more, without a zero behind it. */
	if (n >= sizeof(a->sun_path))
		return -ENAMETOOLONG;
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(a->sun_path, path, n);
	if (*path != '@')
		return (int)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	a->sun_path[0] = '\0';
	return (int)(offsetof(struct sockaddr_un, sun_path) + n);
}

int rondo__address_type(int fd)
{
	int type;
	socklen_t size = sizeof(type);
	int ret = rondo_getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);

	return ret < 0 ? ret : type;
}

int rondo__address_family(int fd)
{
	struct address a = { .len = sizeof(a.u) };
	int ret = rondo_getsockname(fd, &a.u.any, &a.len);

	return ret < 0 ? ret : a.u.any.sa_family;
}

int rondo__address_port(int fd)
{
	struct address a = { .len = sizeof(a.u) };
	int ret = rondo_getsockname(fd, &a.u.any, &a.len);

	if (ret < 0)
		return ret;
	if (a.u.any.sa_family != AF_INET && a.u.any.sa_family != AF_INET6)
		return -EAFNOSUPPORT;
	return ntohs(a.u.any.sa_family == AF_INET ? a.u.v4.sin_port : a.u.v6.sin6_port);
}

int rondo__address_set_flag(int fd, int level, int name, int on)
{
	return rondo_setsockopt(fd, level, name, &on, sizeof(on));
}

const struct kernel *rondo__address_seam(void)
{
	return rondo__self()->loop->ring.kernel;
}

int rondo__address_give_up(int fd, int error)
{
	(void)kernel_call2(rondo__address_seam(), SYS_close, fd, 0);
	return error;
}
