/* SPDX-License-Identifier: MIT */
/* address.h - what a host and a port stand for: the addresses to connect or bind to. Layer 7. */
#ifndef RONDO_STREAM_ADDRESS_H
#define RONDO_STREAM_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "ring/kernel.h"

/* A name with more addresses is tried at the first ones. */
enum { ADDRESSES_MAX = 32 };

union address_bytes {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

struct address {
	union address_bytes u;
	socklen_t len;
};

/* In the order in which they are to be tried; none twice. */
struct addresses {
	unsigned n;
	struct address list[ADDRESSES_MAX];
};

/* Add what host and port stand for: a numeric address without any look-up, else by DNS, which
 * awaits. Returns 0, or an error. */
int rondo__addresses_find(struct addresses *a, const char *host, uint16_t port, int family,
			  int type);
/* An IPv4 address as IPv6 has it: ::ffff:10.0.0.1. */
static inline struct in6_addr address_mapped(struct in_addr v4)
{
	struct in6_addr v6 = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

	memcpy(&v6.s6_addr[12], &v4, sizeof(v4));
	return v6;
}

/* Add "0.0.0.0" or "::". */
void rondo__addresses_add_any(struct addresses *a, int family, uint16_t port);
/* Add one, unless it is there or there is no room. */
void rondo__addresses_add(struct addresses *a, const struct sockaddr *addr, socklen_t len);
/* The first of a family, or NULL. */
const struct address *rondo__addresses_of(const struct addresses *a, int family);

/* An AF_UNIX path; "@name" is in the abstract namespace. Returns the address's size; -EINVAL,
 * -ENAMETOOLONG. */
int rondo__address_of_path(struct sockaddr_un *a, const char *path);

/* SOCK_STREAM, SOCK_DGRAM..., or an error: -ENOTSOCK. */
int rondo__address_type(int fd);
/* The family of a socket, or an error. */
int rondo__address_family(int fd);
/* The local port of a socket, or an error. */
int rondo__address_port(int fd);
int rondo__address_set_flag(int fd, int level, int name, int on);
/* Close a socket that nobody else has seen: nothing is in flight, so the plain call does it at
 * once. Returns error. */
int rondo__address_give_up(int fd, int error);
/* The seam, where a task runs. */
const struct kernel *rondo__address_seam(void);

#endif
