/* SPDX-License-Identifier: MIT */
/* net.h - connections and servers, as streams: asyncio.open_connection() and start_server().
 *
 *     static int hello(rondo_stream *stream, void *arg)
 *     {
 *             return rondo_stream_printf(stream, "hello\n");
 *     }
 *
 *     rondo_server *server;
 *     int ret = rondo_start_server(hello, NULL, "127.0.0.1", 7, NULL, &server);
 *     if (ret == 0)
 *             ret = rondo_server_serve_forever(server);
 *     rondo_server_free(server);
 *
 * Each connection is a task of its own, and its stream is closed when its handler returns. */
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

/* --- connections ------------------------------------------------------------------------------ */

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

/* --- servers ---------------------------------------------------------------------------------- */

typedef struct rondo_server rondo_server;

/* Serve one connection: await f(reader, writer). When it returns the stream is closed (see
 * rondo_server_keep()), also after an error, which goes to on_error, or a cancel. */
typedef int rondo_handler(rondo_stream *stream, void *arg);

/* Zero means default throughout. */
struct rondo_server_options {
	int family;			/* AF_INET or AF_INET6; 0: both */
	int backlog;			/* connections that may wait to be accepted; 100 */
	size_t limit;			/* of connections at once; the others wait in the backlog */
	bool reuse_port;		/* SO_REUSEPORT: the kernel deals connections out */
	bool no_reuse_addr;		/* no SO_REUSEADDR: fail while old connections linger */
	bool keep_alive;		/* SO_KEEPALIVE */
	bool no_start;			/* only bind; see rondo_server_start_serving() */
	const char *const *more_hosts;	/* beside host; ends with NULL */
	size_t stack_size;		/* of the handlers' tasks, in bytes; 0: the loop's */
	struct rondo_stream_options stream;
	struct rondo_stream_wrapper wrapper;
	/* Of AF_UNIX only: */
	mode_t mode;			/* of the socket file; 0: as umask has it */
	bool keep_path;			/* do not remove it at the end */
};

/* Listen on all addresses of a host, with one socket each, and call handler(stream, arg) in a task
 * of its own for every connection. NULL is every address of this machine, IPv4 and IPv6; port 0
 * lets the kernel choose, one port for all.
 *
 * Owns:    *server is the caller's, for rondo_server_free(); untouched on failure. options may be
 *          NULL. arg must live until the server has ended.
 * Awaits:  only if host is a name.
 * Cancel:  -ECANCELED; nothing is open.
 * Returns: 0; the error of the lookup; -errno, such as -EADDRINUSE; -ENOMEM. */
RONDO_API RONDO_MUST_CHECK int rondo_start_server(rondo_handler *handler, void *arg,
						  const char *host, uint16_t port,
						  const struct rondo_server_options *options,
						  rondo_server **server);

/* Listen on an AF_UNIX socket; "@name" is in the abstract namespace. A socket file on which nobody
 * listens any more is replaced; any other file is not (V9: asyncio takes it from a live server,
 * too). At the end the file is removed, unless it is not ours any more.
 *
 * Owns:    as rondo_start_server().
 * Awaits:  yes, for the file system.
 * Cancel:  waits for the caller's next await.
 * Returns: as rondo_start_server(); -EADDRINUSE also for a file that is no socket; -ENAMETOOLONG. */
RONDO_API RONDO_MUST_CHECK int rondo_start_unix_server(rondo_handler *handler, void *arg,
						       const char *path,
						       const struct rondo_server_options *options,
						       rondo_server **server);

/* Serve connections on a socket that listens already, for example one that several loops share or
 * that was passed by the process's parent. It becomes O_NONBLOCK. At the end it is only closed: what
 * waits in its backlog is for the others.
 *
 * Owns:    fd is the server's once this has returned 0. Else as rondo_start_server().
 * Awaits:  no.
 * Returns: 0; -EINVAL if it does not listen; -errno. */
RONDO_API RONDO_MUST_CHECK int rondo_start_server_on(rondo_handler *handler, void *arg, int fd,
						     const struct rondo_server_options *options,
						     rondo_server **server);

/* In a handler: take the stream from the server, which then closes `instead` when the handler
 * returns, or nothing if that is NULL. For streams that are to outlive their handler, and for those
 * that were replaced, as by rondo_start_tls().
 *
 * Owns:    the stream is the caller's; instead the server's.
 * Awaits:  no.
 * Returns: 0; -EINVAL in any other task. */
RONDO_API int rondo_server_keep(rondo_stream *instead);

/* Begin to listen, if it was not begun yet.
 *
 * Awaits:  no.
 * Returns: 0; -ESHUTDOWN after rondo_server_close(); -errno of listen(2). */
RONDO_API RONDO_MUST_CHECK int rondo_server_start_serving(rondo_server *server);

/* Does the server accept connections?
 *
 * Awaits:  no.
 * Returns: true or false. */
RONDO_API bool rondo_server_is_serving(const rondo_server *server);

/* Begin to listen if need be, and wait until the server is closed and its connections have ended.
 *
 * Awaits:  yes.
 * Cancel:  closes the server, waits for its connections, then -ECANCELED; a second one ends the
 *          waiting.
 * Returns: 0; -EBUSY if another task is in it; -ESHUTDOWN if the server was closed before; -EDEADLK
 *          in a handler of its own. */
RONDO_API RONDO_MUST_CHECK int rondo_server_serve_forever(rondo_server *server);

/* Stop listening, now; connections stay, and those that wait to be accepted, up to the limit, are
 * still served. Harmless when repeated.
 *
 * Awaits:  no.
 * Kernel:  a TCP connection that is made in the microsecond between the last look for such and the
 *          end is reset; no call does both. */
RONDO_API void rondo_server_close(rondo_server *server);

/* Wait until the server is closed and its last connection has ended.
 *
 * Awaits:  yes, unless that is so.
 * Cancel:  ends the waiting.
 * Returns: 0; -ECANCELED; -EDEADLK in a handler of its own. */
RONDO_API RONDO_MUST_CHECK int rondo_server_wait_closed(rondo_server *server);

/* Let every connection end after what it is doing: its handler reads the end of the stream, and may
 * still write.
 *
 * Awaits:  no. */
RONDO_API void rondo_server_close_clients(rondo_server *server);

/* End every connection at once, with a reset, whatever was still to be sent.
 *
 * Awaits:  no. */
RONDO_API void rondo_server_abort_clients(rondo_server *server);

/* Shut down gracefully: close, give connections `grace` seconds to end by themselves, then cancel
 * their handlers, and abort what is left a second later. Whatever was accepted is served, or told
 * to stop by a cancel.
 *
 * Awaits:  yes, until the last handler has returned.
 * Cancel:  ends the grace; -ECANCELED once all have ended.
 * Returns: 0: all ended by themselves; -ETIMEDOUT: some had to be cancelled; -ECANCELED; -EINVAL for
 *          what is no time; -EDEADLK in a handler of its own. */
RONDO_API int rondo_server_shutdown(rondo_server *server, double grace);

/* Shut down without grace, if that was not done, and free the server: the end of `async with`.
 *
 * Owns:    server is gone. NULL is ignored. Not in a handler of its own.
 * Awaits:  yes, while handlers are running.
 * Cancel:  waits for the caller's next await. */
RONDO_API void rondo_server_free(rondo_server *server);

/* Count the connections that are being served.
 *
 * Awaits:  no.
 * Returns: the count. */
RONDO_API size_t rondo_server_n_clients(const rondo_server *server);

/* Count the sockets it listens on, or would; 0 after rondo_server_close().
 *
 * Awaits:  no.
 * Returns: the count. */
RONDO_API size_t rondo_server_n_sockets(const rondo_server *server);

/* Get one of them.
 *
 * Owns:    the server's.
 * Awaits:  no.
 * Returns: the descriptor, or -EINVAL. */
RONDO_API int rondo_server_socket(const rondo_server *server, size_t i);

/* Tell the port of the first socket.
 *
 * Awaits:  no.
 * Returns: the port; -EAFNOSUPPORT of AF_UNIX; -EINVAL after rondo_server_close(). */
RONDO_API int rondo_server_port(const rondo_server *server);

RONDO_END_DECLS
#endif
