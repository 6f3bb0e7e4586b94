/* SPDX-License-Identifier: MIT */
/* udp.c - UDP endpoints (row U1).
 *
 * Each receive is one RECVMSG into the caller's memory. A multishot one into the loop's shared
 * buffers would cut datagrams off at 4 KiB, and hold them where a second task cannot get at them;
 * the kernel's own queue does neither. */
#include "rondo/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "io/io.h"
#include "rondo/file.h"
#include "rondo/socket.h"
#include "stream/address.h"

struct rondo_udp {
	struct resource resource;
	struct loop *loop;
	int fd;
	int family;
	struct rondo_udp_address peer;	/* with broadcast: the socket is not connected */
};

static void describe(const struct resource *r, char *buf, size_t size)
{
	snprintf(buf, size, "UDP endpoint on descriptor %d",
		 container_of(r, struct rondo_udp, resource)->fd);
}

static void drop(struct resource *r)
{
	(void)rondo_udp_close(container_of(r, struct rondo_udp, resource));
}

static const struct resource_class leaked = { .describe = describe, .drop = drop };

static int make(int fd, int family, rondo_udp **udp)
{
	rondo_udp *u = malloc(sizeof(*u));

	if (!u)
		return -ENOMEM;
	*u = (rondo_udp){ .loop = rondo__self()->loop, .fd = fd, .family = family };
	resource_add(u->loop, &u->resource, &leaked);
	*udp = u;
	return 0;
}

/* No SO_REUSEADDR: with it others could take datagrams from a port that is in use (asyncio had to
 * learn that). */
static int prepare(int fd, int family, bool both, const struct rondo_udp_options *o)
{
	int ret = 0;

	if (family == AF_INET6)
		ret = rondo__address_set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, !both);
	if (ret == 0 && o->broadcast)
		ret = rondo__address_set_flag(fd, SOL_SOCKET, SO_BROADCAST, 1);
	if (ret == 0 && o->reuse_port)
		ret = rondo__address_set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	return ret;
}

/* A socket of `family`, on local, towards peer; either may be NULL. Returns it, or an error. */
static int open_one(int family, bool both, const struct address *local, const struct address *peer,
		    const struct rondo_udp_options *o)
{
	int ret, fd = rondo_socket(family, SOCK_DGRAM, 0);

	if (fd < 0)
		return fd;
	ret = prepare(fd, family, both, o);
	if (ret == 0 && local)
		ret = rondo_bind(fd, &local->u.any, local->len);
	if (ret == 0 && peer && !o->broadcast)	/* of UDP that never waits */
		ret = (int)kernel_call3(rondo__address_seam(), SYS_connect, fd, &peer->u.any,
					peer->len);
	return ret < 0 ? rondo__address_give_up(fd, ret) : fd;
}

/* On the first local address that can be had. */
static int open_local(const struct addresses *locals, bool both, const struct rondo_udp_options *o)
{
	int fd = -EADDRNOTAVAIL;

	for (unsigned i = 0; i < locals->n && fd < 0; i++) {
		const struct address *a = &locals->list[i];

		fd = open_one(a->u.any.sa_family, both && a->u.any.sa_family == AF_INET6, a, NULL,
			      o);
	}
	return fd;
}

/* Towards the first address of the peer that can be reached from a local one. */
static int open_towards(const struct addresses *peers, const struct addresses *locals,
			const struct rondo_udp_options *o, const struct address **peer)
{
	int fd = -EADDRNOTAVAIL;

	for (unsigned i = 0; i < peers->n && fd < 0; i++) {
		int family = peers->list[i].u.any.sa_family;
		const struct address *local = rondo__addresses_of(locals, family);

		*peer = &peers->list[i];
		if (local || !locals->n)
			fd = open_one(family, false, local, *peer, o);
	}
	return fd;
}

/* Where to bind. Nowhere is for the kernel to choose, on the way to a peer. */
static int find_locals(struct addresses *a, const char *host, uint16_t port,
		       const struct rondo_udp_options *o)
{
	if (host)
		return rondo__addresses_find(a, host, port, o->family, SOCK_DGRAM);
	if (o->remote_host && !port)
		return 0;
	if (o->family != AF_INET && !o->broadcast)
		rondo__addresses_add_any(a, AF_INET6, port);
	if (o->family != AF_INET6)
		rondo__addresses_add_any(a, AF_INET, port);
	return 0;
}

static void set_peer(rondo_udp *u, const struct address *peer)
{
	memcpy(&u->peer.u, &peer->u, peer->len);
	u->peer.len = peer->len;
}

int rondo_udp_open(const char *host, uint16_t port, const struct rondo_udp_options *options,
		   rondo_udp **udp)
{
	static const struct rondo_udp_options defaults;
	const struct rondo_udp_options *o = options ? options : &defaults;
	struct addresses locals = { 0 }, peers = { 0 };
	const struct address *peer = NULL;
	rondo_udp *u = NULL;
	int fd, family, ret = find_locals(&locals, host, port, o);

	if (ret == 0 && o->remote_host)
		ret = rondo__addresses_find(&peers, o->remote_host, o->remote_port, o->family,
					    SOCK_DGRAM);
	if (ret < 0)
		return ret;
	fd = o->remote_host ? open_towards(&peers, &locals, o, &peer) :
			      open_local(&locals, !host && !o->family, o);
	if (fd < 0)
		return fd;
	family = rondo__address_family(fd);
	ret = family < 0 ? family : make(fd, family, &u);
	if (ret < 0)
		return rondo__address_give_up(fd, ret);
	if (peer && o->broadcast)
		set_peer(u, peer);
	*udp = u;
	return 0;
}

int rondo_udp_from_fd(int fd, rondo_udp **udp)
{
	int type = rondo__address_type(fd), family = rondo__address_family(fd);

	if (type < 0 || family < 0)
		return type < 0 ? type : family;
	return type == SOCK_DGRAM ? make(fd, family, udp) : -EPROTOTYPE;
}

int rondo_udp_close(rondo_udp *udp)
{
	int ret;

	if (!udp)
		return 0;
	BUG_ON(udp->loop != rondo__self()->loop);
	ret = rondo_close(udp->fd);
	resource_remove(&udp->resource);
	free(udp);
	return ret;
}

/* --- datagrams ------------------------------------------------------------------------------- */

/* An IPv4 address as an IPv6 socket has it. */
static struct rondo_udp_address mapped(const struct rondo_udp_address *a)
{
	return (struct rondo_udp_address){
		.u.v6 = { .sin6_family = AF_INET6, .sin6_port = a->u.v4.sin_port,
			  .sin6_addr = address_mapped(a->u.v4.sin_addr) },
		.len = sizeof(a->u.v6),
	};
}

/* Another loop's ops are none that a close here would find and end (R8). */
static bool is_here(const rondo_udp *udp)
{
	return likely(udp->loop == rondo__self()->loop);
}

ssize_t rondo_udp_send_to(rondo_udp *udp, const void *buf, size_t len,
			  const struct rondo_udp_address *to)
{
	struct rondo_udp_address copy;

	if (!is_here(udp))
		return -RONDO_EWRONGLOOP;
	if (!to || !to->len)
		to = &udp->peer;
	if (to->len && udp->family == AF_INET6 && to->u.any.sa_family == AF_INET) {
		copy = mapped(to);
		to = &copy;
	}
	return rondo_sendto(udp->fd, buf, len, 0, to->len ? &to->u.any : NULL, to->len);
}

ssize_t rondo_udp_send(rondo_udp *udp, const void *buf, size_t len)
{
	return rondo_udp_send_to(udp, buf, len, NULL);
}

ssize_t rondo_udp_recv_from(rondo_udp *udp, void *buf, size_t len, struct rondo_udp_address *from)
{
	struct iovec part = { .iov_base = buf, .iov_len = len };
	struct msghdr msg = { .msg_name = from ? &from->u : NULL,
			      .msg_namelen = from ? sizeof(from->u) : 0,
			      .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t n = is_here(udp) ? rondo_recvmsg(udp->fd, &msg, 0) : -RONDO_EWRONGLOOP;

	if (n >= 0 && from)
		from->len = msg.msg_namelen < sizeof(from->u) ? msg.msg_namelen : sizeof(from->u);
	return n >= 0 && msg.msg_flags & MSG_TRUNC ? -RONDO_ETRUNCATED : n;
}

ssize_t rondo_udp_recv(rondo_udp *udp, void *buf, size_t len)
{
	return rondo_udp_recv_from(udp, buf, len, NULL);
}

/* --- multicast ------------------------------------------------------------------------------- */

static int member(rondo_udp *udp, const char *group, const char *interface, int name_v4, int name_v6)
{
	int index = interface ? rondo__interface_index(interface) : 0;
	struct ip_mreqn v4 = { .imr_ifindex = index };
	struct ipv6_mreq v6 = { .ipv6mr_interface = (unsigned)index };

	if (index < 0)
		return index;
	if (inet_pton(AF_INET, group, &v4.imr_multiaddr) == 1)
		return rondo_setsockopt(udp->fd, IPPROTO_IP, name_v4, &v4, sizeof(v4));
	if (inet_pton(AF_INET6, group, &v6.ipv6mr_multiaddr) == 1)
		return rondo_setsockopt(udp->fd, IPPROTO_IPV6, name_v6, &v6, sizeof(v6));
	return -EINVAL;
}

int rondo_udp_join(rondo_udp *udp, const char *group, const char *interface)
{
	return member(udp, group, interface, IP_ADD_MEMBERSHIP, IPV6_ADD_MEMBERSHIP);
}

int rondo_udp_leave(rondo_udp *udp, const char *group, const char *interface)
{
	return member(udp, group, interface, IP_DROP_MEMBERSHIP, IPV6_DROP_MEMBERSHIP);
}

/* --- looking --------------------------------------------------------------------------------- */

int rondo_udp_address(const char *host, uint16_t port, int family,
		      struct rondo_udp_address *address)
{
	struct addresses a = { 0 };
	int ret = rondo__addresses_find(&a, host, port, family, SOCK_DGRAM);

	if (ret < 0)
		return ret;
	if (!a.n)
		return -EADDRNOTAVAIL;
	memset(address, 0, sizeof(*address));
	memcpy(&address->u, &a.list[0].u, a.list[0].len);
	address->len = a.list[0].len;
	return 0;
}

int rondo_udp_port(const rondo_udp *udp)
{
	return rondo__address_port(udp->fd);
}

int rondo_udp_fd(const rondo_udp *udp)
{
	return udp->fd;
}
