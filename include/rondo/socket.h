/* SPDX-License-Identifier: MIT */
/* socket.h - sockets: the system calls one knows, awaiting instead of blocking. A descriptor may be
 * O_NONBLOCK or not, it makes no difference. New descriptors are close-on-exec.
 *
 * One task at a time should receive from a stream socket, and one send to it: the kernel serves two
 * receives in no certain order, and two sends of more than the socket takes at once mix their
 * bytes. Datagrams and AF_UNIX packets stay whole. */
#ifndef RONDO_SOCKET_H
#define RONDO_SOCKET_H

#include <stdbool.h>
#include <sys/socket.h>

#include "rondo/base.h"

RONDO_BEGIN_DECLS

/* --- calls that never block, so they are the plain system calls ------------------------------- */

/* Create a socket.
 *
 * Owns:    the caller closes it, with rondo_close().
 * Awaits:  no.
 * Returns: a descriptor, or -errno of socket(2).
 * Kernel:  SOCK_CLOEXEC is added to type. */
RONDO_API RONDO_MUST_CHECK int rondo_socket(int domain, int type, int protocol);

/* Create two connected sockets.
 *
 * Owns:    the caller closes both; fds is untouched on failure.
 * Awaits:  no.
 * Returns: 0, or -errno of socketpair(2).
 * Kernel:  SOCK_CLOEXEC is added to type. */
RONDO_API RONDO_MUST_CHECK int rondo_socketpair(int domain, int type, int protocol, int fds[2]);

/* Give a socket its own address.
 *
 * Awaits:  no.
 * Returns: 0, or -errno of bind(2). */
RONDO_API RONDO_MUST_CHECK int rondo_bind(int fd, const struct sockaddr *addr, socklen_t addrlen);

/* Let a socket be connected to; at most backlog connections wait to be accepted.
 *
 * Awaits:  no.
 * Returns: 0, or -errno of listen(2). */
RONDO_API RONDO_MUST_CHECK int rondo_listen(int fd, int backlog);

/* Close one direction of a connection, or both: SHUT_RD, SHUT_WR, SHUT_RDWR. Receives in flight
 * that can get nothing more return 0.
 *
 * Awaits:  no.
 * Returns: 0, or -errno of shutdown(2). */
RONDO_API int rondo_shutdown(int fd, int how);

/* Set an option.
 *
 * Awaits:  no.
 * Returns: 0, or -errno of setsockopt(2). */
RONDO_API RONDO_MUST_CHECK int rondo_setsockopt(int fd, int level, int name, const void *value,
						socklen_t size_bytes);

/* Get an option. *size_bytes is the room at value, and becomes the value's size.
 *
 * Awaits:  no.
 * Returns: 0, or -errno of getsockopt(2). */
RONDO_API RONDO_MUST_CHECK int rondo_getsockopt(int fd, int level, int name, void *value,
						socklen_t *size_bytes);

/* Get a socket's own address. *addrlen is the room at addr, and becomes the address's size.
 *
 * Awaits:  no.
 * Returns: 0, or -errno of getsockname(2). */
RONDO_API RONDO_MUST_CHECK int rondo_getsockname(int fd, struct sockaddr *addr, socklen_t *addrlen);

/* Get the address a socket is connected to; as rondo_getsockname().
 *
 * Awaits:  no.
 * Returns: 0, or -errno of getpeername(2). */
RONDO_API RONDO_MUST_CHECK int rondo_getpeername(int fd, struct sockaddr *addr, socklen_t *addrlen);

/* Zero means default throughout. */
struct rondo_listen_options {
	int backlog;			/* 0: SOMAXCONN */
	bool reuse_port;		/* SO_REUSEPORT: the kernel deals connections out */
	bool no_reuse_addr;		/* no SO_REUSEADDR: fail while old connections linger */
};

/* Make a TCP socket that listens on a numeric address: "127.0.0.1", "::1", "fe80::1%2"; NULL means
 * all, IPv4 and IPv6. Port 0 lets the kernel choose (rondo_getsockname() tells). Also outside a
 * loop, for example before rondo_run_workers().
 *
 * Owns:    the caller closes it. options may be NULL.
 * Awaits:  no.
 * Returns: a descriptor; -EINVAL if host is not a numeric address; -errno, such as -EADDRINUSE. */
RONDO_API RONDO_MUST_CHECK int rondo_listen_tcp(const char *host, uint16_t port,
						const struct rondo_listen_options *options);

/* --- connections ------------------------------------------------------------------------------ */

/* Accept a connection. addr and addrlen, which may both be NULL, receive the peer's address.
 *
 * Owns:    the caller closes the descriptor; addr and addrlen must stay until this returns.
 * Awaits:  yes.
 * Cancel:  -ECANCELED, or the descriptor if it was accepted already; none is ever lost.
 * Returns: a descriptor, or -errno. After -EMFILE and -ENFILE the connection still waits: accept
 *          again when a descriptor was closed, not at once.
 * Kernel:  5.5. */
RONDO_API RONDO_MUST_CHECK int rondo_accept(int fd, struct sockaddr *addr, socklen_t *addrlen);

/* Connect a socket.
 *
 * Owns:    addr stays the caller's.
 * Awaits:  yes.
 * Cancel:  -ECANCELED; the socket may still become connected and can only be closed.
 * Returns: 0, or -errno, such as -ECONNREFUSED.
 * Kernel:  5.5. */
RONDO_API RONDO_MUST_CHECK int rondo_connect(int fd, const struct sockaddr *addr,
					     socklen_t addrlen);

/* Make a TCP connection to a numeric address, without Nagle's delay (TCP_NODELAY).
 *
 * Owns:    the caller closes it.
 * Awaits:  yes.
 * Cancel:  -ECANCELED; the socket is closed.
 * Returns: a descriptor; -EINVAL if host is not a numeric address; -errno. */
RONDO_API RONDO_MUST_CHECK int rondo_connect_tcp(const char *host, uint16_t port);

/* --- sending ---------------------------------------------------------------------------------- */

/* Send some bytes. Tries at once when no other task is ready to run, which saves a round through
 * the loop. A peer that is gone is -EPIPE, never SIGPIPE.
 *
 * Owns:    buf stays the caller's and must not change until this returns.
 * Awaits:  yes, unless the bytes could be sent at once.
 * Cancel:  -ECANCELED, or the count if bytes were sent already.
 * Returns: bytes sent, perhaps fewer than len (MSG_WAITALL: only if an error or a cancel follows);
 *          -errno; -EAGAIN only with MSG_DONTWAIT.
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_send(int fd, const void *buf, size_t len, int flags);

/* Send all bytes, in as many sends as it takes.
 *
 * Owns:    as rondo_send(). *n_sent, if n_sent is not NULL, receives how many the socket took, also
 *          on failure.
 * Awaits:  as rondo_send().
 * Cancel:  -ECANCELED, after *n_sent bytes.
 * Returns: 0, or an error of rondo_send().
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK int rondo_send_all(int fd, const void *buf, size_t len, size_t *n_sent);

/* Send a datagram to addr.
 *
 * Owns:    as rondo_send().
 * Awaits:  as rondo_send().
 * Cancel:  as rondo_send().
 * Returns: bytes sent, or -errno.
 * Kernel:  5.3. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_sendto(int fd, const void *buf, size_t len, int flags,
						const struct sockaddr *addr, socklen_t addrlen);

/* Send a message: several buffers, an address, control data such as descriptors.
 *
 * Owns:    all that msg names stays the caller's and must not change until this returns.
 * Awaits:  as rondo_send().
 * Cancel:  as rondo_send().
 * Returns: bytes sent, or -errno.
 * Kernel:  5.3. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_sendmsg(int fd, const struct msghdr *msg, int flags);

/* Send some bytes without copying them, and wait until the kernel, and on TCP the peer, is done
 * with buf. Worth it only for large buffers on real network cards; on loopback it is slower than
 * rondo_send(), which takes over where the kernel or the socket cannot.
 *
 * Owns:    as rondo_send().
 * Awaits:  yes.
 * Cancel:  -ECANCELED, or the count if bytes were sent already; then it still waits for the peer.
 * Returns: as rondo_send().
 * Kernel:  6.0; earlier: rondo_send(). */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_send_zc(int fd, const void *buf, size_t len, int flags);

/* --- receiving -------------------------------------------------------------------------------- */

/* Receive some bytes.
 *
 * Owns:    buf stays the caller's; the kernel may write it until this returns.
 * Awaits:  yes.
 * Cancel:  -ECANCELED, or the count if bytes were received already; none are lost.
 * Returns: bytes received, 0 when the peer sends no more, -errno; -EAGAIN only with MSG_DONTWAIT.
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_recv(int fd, void *buf, size_t len, int flags);

/* Receive exactly len bytes, in as many receives as it takes.
 *
 * Owns:    as rondo_recv(). *n_received, if n_received is not NULL, receives how many bytes are in
 *          buf, also on failure.
 * Awaits:  yes, unless len is 0.
 * Cancel:  -ECANCELED, after *n_received bytes.
 * Returns: 0, -RONDO_EINCOMPLETE (the peer ended first), an error of rondo_recv().
 * Kernel:  5.6. */
RONDO_API RONDO_MUST_CHECK int rondo_recv_exactly(int fd, void *buf, size_t len,
						  size_t *n_received);

/* Receive a datagram. addr and addrlen, which may both be NULL, receive the sender's address.
 *
 * Owns:    as rondo_recv(), addr and addrlen too.
 * Awaits:  yes.
 * Cancel:  as rondo_recv().
 * Returns: bytes received, or -errno.
 * Kernel:  5.3. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_recvfrom(int fd, void *buf, size_t len, int flags,
						  struct sockaddr *addr, socklen_t *addrlen);

/* Receive a message: several buffers, an address, control data. Descriptors that come with it are
 * close-on-exec.
 *
 * Owns:    msg and all it names must stay until this returns; received descriptors are the
 *          caller's.
 * Awaits:  yes.
 * Cancel:  as rondo_recv().
 * Returns: bytes received, 0 when the peer sends no more, -errno.
 * Kernel:  5.3. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_recvmsg(int fd, struct msghdr *msg, int flags);

/* --- receivers -------------------------------------------------------------------------------- */

/* Receives from one stream socket, for as long as it is open, with one request to the kernel
 * instead of one per call, into buffers that all receivers of a loop share: the cheapest way to
 * receive, and no memory for a connection that is silent. Caller-allocated; it must stay in place,
 * and be ended.
 *
 *     struct rondo_receiver r;
 *     const void *data;
 *     ssize_t n;
 *
 *     rondo_receiver_init(&r, fd);
 *     while ((n = rondo_receiver_lend(&r, &data)) > 0)
 *             if (rondo_send_all(fd, data, (size_t)n, NULL) < 0)
 *                     break;
 *     rondo_receiver_end(&r);
 */
struct rondo_receiver {
	uint64_t private_[24];
};

/* Begin. Nothing is received before somebody asks for it.
 *
 * Owns:    fd stays the caller's, and open until rondo_receiver_end() or rondo_close(), which makes
 *          the receiver return -EBADF. From the first call on nobody else should receive from fd.
 * Awaits:  no. Only from a task; the receiver then belongs to its loop. */
RONDO_API void rondo_receiver_init(struct rondo_receiver *receiver, int fd);

/* Lend the bytes received next, where they lie; this ends the previous loan.
 *
 * Owns:    *data may be read until the next call on this receiver, and is untouched on failure.
 *          Give it back soon (lend again, or end): a receiver that is not read from stops
 *          receiving.
 * Awaits:  yes, unless bytes are there.
 * Cancel:  -ECANCELED; bytes that came stay for the next call.
 * Returns: bytes lent, 0 when the peer sends no more, -errno; -EBUSY if another task waits already.
 * Kernel:  6.0; earlier, or short of memory: one receive per call, into memory of its own. */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_receiver_lend(struct rondo_receiver *receiver,
						       const void **data);

/* Copy the bytes received next, at most len, to buf; this ends a loan.
 *
 * Owns:    buf stays the caller's; the kernel does not write it.
 * Awaits:  yes, unless bytes are there.
 * Cancel:  -ECANCELED; bytes that came stay for the next call.
 * Returns: bytes copied, 0 when the peer sends no more (or len is 0), -errno, -EBUSY.
 * Kernel:  as rondo_receiver_lend(). */
RONDO_API RONDO_MUST_CHECK ssize_t rondo_receiver_read(struct rondo_receiver *receiver, void *buf,
						       size_t len);

/* End: bytes received and not asked for are dropped, and the memory at receiver is free to go. A
 * task that waits in it gets -EBADF. Ending twice is harmless.
 *
 * Awaits:  yes, until the kernel lets go of the socket, if it was receiving.
 * Cancel:  waits for the caller's next await. */
RONDO_API void rondo_receiver_end(struct rondo_receiver *receiver);

RONDO_END_DECLS
#endif
