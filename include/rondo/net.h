/* SPDX-License-Identifier: MIT */
/* net.h - connections, as streams: asyncio.open_connection(). */
#ifndef RONDO_NET_H
#define RONDO_NET_H

#include <stdbool.h>
#include <sys/socket.h>

#include "rondo/base.h"
#include "rondo/stream.h"

RONDO_BEGIN_DECLS

struct addrinfo;

/* Something that makes another stream of each new one, such as TLS. */
struct rondo_stream_wrapper {
	/* Replace *stream. Runs in the task that connects, or in the handler's; may await. On
	 * failure *stream is closed by who called. host is NULL at a server. */
	int (*wrap)(rondo_stream **stream, bool is_server, const char *host, void *arg);
	void *arg;
};

/* What became of one address. */
struct rondo_connection_attempt {
	struct sockaddr_storage address;
	uint64_t started_ns;		/* in rondo_now_ns() time; 0: it was not tried */
	int error;			/* 0: connected; -ECANCELED: another one was faster */
};

/* Zero means default throughout. */
struct rondo_connection_options {
	int family;			/* AF_INET or AF_INET6; 0: either */
	/* Happy eyeballs: seconds until the next address is tried beside those that have not
	 * answered. 0: 0.25; less: only when they have failed. */
	double delay;
	double timeout;			/* seconds for everything, the wrapper included; 0: none */
	const char *local_host;		/* where to connect from; NULL: the kernel chooses */
	uint16_t local_port;
	const struct addrinfo *addresses;	/* instead of asking for host's; ports included */
	struct rondo_connection_attempt *attempts;	/* filled in, in order, if not NULL */
	size_t n_attempts;		/* the room there; what is left over is zeroed */
	struct rondo_stream_options stream;
	struct rondo_stream_wrapper wrapper;
};

/* Connect by TCP, without Nagle's delay, to the address of a host that answers first: addresses are
 * tried in turn, IPv6 and IPv4 alternating, each at the failure of the one before it or after a
 * quarter of a second (RFC 8305), until one connects. A host that is a numeric address is not looked
 * up.
 *
 * Owns:    *stream is the caller's, to be closed; untouched on failure. options may be NULL.
 * Awaits:  yes.
 * Cancel:  -ECANCELED; all sockets are closed.
 * Returns: 0; the error of the lookup; the error of the last attempt that failed, which is that of
 *          all if they agree (the others are in options->attempts); -ETIMEDOUT; the wrapper's. */
RONDO_API RONDO_MUST_CHECK int rondo_open_connection(const char *host, uint16_t port,
						     const struct rondo_connection_options *options,
						     rondo_stream **stream);

/* Connect to an AF_UNIX socket; "@name" is in the abstract namespace ("./@name" is a file).
 *
 * Owns:    as rondo_open_connection().
 * Awaits:  only while the listener's backlog is full.
 * Cancel:  -ECANCELED; the socket is closed.
 * Returns: 0; -ENAMETOOLONG; -errno, such as -ENOENT, and -ECONNREFUSED: nobody listens any more. */
RONDO_API RONDO_MUST_CHECK int rondo_open_unix_connection(const char *path,
							  const struct rondo_stream_options *options,
							  rondo_stream **stream);

/* Send bytes, and descriptors with the first of them, over an AF_UNIX socket.
 *
 * Owns:    fds stay the caller's, too: the receiver gets duplicates.
 * Awaits:  as rondo_send().
 * Cancel:  as rondo_send().
 * Returns: bytes sent, perhaps fewer than len; -EINVAL for no bytes or more than 253 descriptors;
 *          -errno. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_send_fds(int socket, const void *buf, size_t len,
						  const int fds[], size_t n_fds);

/* Receive bytes, and the descriptors that came with them. On a socket that nobody else receives
 * from: a stream that reads drops them, also one that has read before.
 *
 * Owns:    received descriptors are the caller's, and close-on-exec. *n_fds is the room at fds, and
 *          becomes how many came; those without room are closed.
 * Awaits:  yes.
 * Cancel:  -ECANCELED, or what was received already; nothing is lost.
 * Returns: bytes received, 0 at the end, -errno. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_recv_fds(int socket, void *buf, size_t len, int fds[],
						  size_t *n_fds);

RONDO_END_DECLS
#endif
