/* SPDX-License-Identifier: MIT */
/* udp.h - UDP endpoints: datagrams as calls that await, instead of asyncio's callbacks.
 *
 *     rondo_udp *udp;
 *     int ret = rondo_udp_open("127.0.0.1", 7, NULL, &udp);
 *     while (ret == 0) {
 *             char buf[1500];
 *             struct rondo_udp_address from;
 *             ssize_t n = rondo_udp_recv_from(udp, buf, sizeof(buf), &from);
 *             ret = (int)(n < 0 ? n : rondo_udp_send_to(udp, buf, (size_t)n, &from));
 *             ret = ret > 0 ? 0 : ret;
 *     }
 *     rondo_udp_close(udp);
 *
 * Datagrams are whole, arrive in any order, more than once, or not at all. One of zero bytes is a
 * datagram like any other: 0 is no end here.
 *
 * Any number of tasks of the loop that opened it may receive and send at once; each datagram goes to
 * one of them. */
#ifndef RONDO_UDP_H
#define RONDO_UDP_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "rondo/base.h"

RONDO_BEGIN_DECLS

typedef struct rondo_udp rondo_udp;

/* Where a datagram comes from or goes to. */
struct rondo_udp_address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} u;
	socklen_t len;			/* 0: none */
};

/* Zero means default throughout. */
struct rondo_udp_options {
	const char *remote_host;	/* NULL: no peer */
	uint16_t remote_port;
	int family;			/* AF_INET or AF_INET6; 0: either */
	bool broadcast;			/* may send to broadcast addresses */
	bool reuse_port;		/* SO_REUSEPORT: several sockets share the port */
};

/* Open an endpoint on a local address, towards a peer, or both. host is an address or a name; NULL
 * means all addresses, IPv4 and IPv6 at once where there is no peer. Port 0 lets the kernel choose.
 * With a peer the kernel delivers only what comes from there (not with broadcast, so that answers
 * come from everywhere) and rondo_udp_send() sends there.
 *
 * Owns:    *udp is the caller's, to be closed; untouched on failure. options may be NULL.
 * Awaits:  only if a name has to be looked up.
 * Cancel:  -ECANCELED; nothing is open.
 * Returns: 0; the error of the lookup; -errno, such as -EADDRINUSE, of the last address tried. */
RONDO_API RONDO_MUST_CHECK int rondo_udp_open(const char *host, uint16_t port,
					      const struct rondo_udp_options *options,
					      rondo_udp **udp);

/* Make an endpoint of a datagram socket, of any family, bound and connected or not.
 *
 * Owns:    fd is the endpoint's once this has returned 0.
 * Awaits:  no.
 * Returns: 0; -EPROTOTYPE for another kind of socket; -errno. */
RONDO_API RONDO_MUST_CHECK int rondo_udp_from_fd(int fd, rondo_udp **udp);

/* Close an endpoint. Tasks that wait in it get -EBADF.
 *
 * Owns:    udp is gone. NULL is ignored.
 * Awaits:  yes.
 * Cancel:  waits for the caller's next await.
 * Returns: 0, or -errno. */
RONDO_API int rondo_udp_close(rondo_udp *udp);

/* Send a datagram to the peer.
 *
 * Owns:    buf stays the caller's and must not change until this returns.
 * Awaits:  yes, unless it could be sent at once: a full socket holds the sender up (U1: asyncio
 *          collects without bound).
 * Cancel:  -ECANCELED, or the count if it was sent already.
 * Returns: the bytes sent, always len; -EDESTADDRREQ without a peer; -EMSGSIZE. -ECONNREFUSED says
 *          that nobody received an earlier datagram; this one was not sent, and may be.
 *          -RONDO_EWRONGLOOP in a task of another loop. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_udp_send(rondo_udp *udp, const void *buf, size_t len);

/* Send a datagram to an address; IPv4 addresses will do for an IPv6 endpoint, too.
 *
 * Owns:    as rondo_udp_send(); to may be NULL for the peer.
 * Awaits:  as rondo_udp_send().
 * Cancel:  as rondo_udp_send().
 * Returns: as rondo_udp_send(). */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_udp_send_to(rondo_udp *udp, const void *buf, size_t len,
						     const struct rondo_udp_address *to);

/* Receive a datagram.
 *
 * Owns:    buf stays the caller's; the kernel may write it until this returns.
 * Awaits:  yes.
 * Cancel:  -ECANCELED, or the datagram if it was received already; none is ever lost.
 * Returns: its bytes, perhaps 0; -RONDO_ETRUNCATED: it was longer than len, its first len bytes are
 *          in buf, the rest is gone; -ECONNREFUSED: nobody received an earlier one that was sent
 *          to the peer. The endpoint works on after both. -RONDO_EWRONGLOOP as above. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_udp_recv(rondo_udp *udp, void *buf, size_t len);

/* Receive a datagram, and tell who sent it.
 *
 * Owns:    as rondo_udp_recv(), from too.
 * Awaits:  as rondo_udp_recv().
 * Cancel:  as rondo_udp_recv().
 * Returns: as rondo_udp_recv(). */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_udp_recv_from(rondo_udp *udp, void *buf, size_t len,
						       struct rondo_udp_address *from);

/* Get what is sent to a multicast group. interface is a name, such as "eth0"; NULL lets the kernel
 * choose.
 *
 * Awaits:  no.
 * Returns: 0; -EINVAL if group is not a numeric address; -ENODEV; -errno. */
RONDO_API RONDO_MUST_CHECK int rondo_udp_join(rondo_udp *udp, const char *group,
					      const char *interface);

/* Get it no longer. Arguments as for rondo_udp_join().
 *
 * Awaits:  no.
 * Returns: as rondo_udp_join(). */
RONDO_API RONDO_MUST_CHECK int rondo_udp_leave(rondo_udp *udp, const char *group,
					       const char *interface);

/* Look an address up, for rondo_udp_send_to(): the first that a host has.
 *
 * Owns:    *address is untouched on failure.
 * Awaits:  only if host is a name.
 * Cancel:  -ECANCELED.
 * Returns: 0, or the error of the lookup. */
RONDO_API RONDO_MUST_CHECK int rondo_udp_address(const char *host, uint16_t port, int family,
						 struct rondo_udp_address *address);

/* Tell the local port.
 *
 * Awaits:  no.
 * Returns: the port, or -errno. */
RONDO_API int rondo_udp_port(const rondo_udp *udp);

/* Tell the descriptor, for options and the like.
 *
 * Owns:    it stays the endpoint's.
 * Awaits:  no.
 * Returns: the descriptor. */
RONDO_API int rondo_udp_fd(const rondo_udp *udp);

RONDO_END_DECLS
#endif
