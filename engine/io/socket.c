/* SPDX-License-Identifier: MIT */
/* socket.c - make sockets, connect them, accept, and the calls that never block.
 *
 * socket, bind, listen, shutdown and the options are plain system calls, although the ring has ops
 * for them: none can block, a call costs less than a round through the loop, and SHUTDOWN in the
 * ring wakes a worker thread (KN-24). */
#include "rondo/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "io/io.h"
#include "switch/sanitizer.h"

/* These calls also work outside a loop. */
static const struct kernel *seam(void)
{
	return rondo__loop ? rondo__loop->ring.kernel : &rondo__kernel_linux;
}

int rondo_socket(int domain, int type, int protocol)
{
	return io_opened((int)kernel_call3(seam(), SYS_socket, domain, type | SOCK_CLOEXEC, protocol),
			 "socket");
}

int rondo_socketpair(int domain, int type, int protocol, int fds[2])
{
	int pair[2], ret;	/* written even by a call that fails (KN-39) */

	type |= SOCK_CLOEXEC;
	ret = (int)kernel_call4(seam(), SYS_socketpair, domain, type, protocol, pair);
	if (ret == 0)
		memcpy(fds, pair, sizeof(pair));
	if (ret == 0)
		io_opened_pair(fds, "socket pair");
	return ret;
}

int rondo_bind(int fd, const struct sockaddr *addr, socklen_t addrlen)
{
	return (int)kernel_call3(seam(), SYS_bind, fd, addr, addrlen);
}

int rondo_listen(int fd, int backlog)
{
	return (int)kernel_call2(seam(), SYS_listen, fd, backlog);
}

int rondo_shutdown(int fd, int how)
{
	return (int)kernel_call2(seam(), SYS_shutdown, fd, how);
}

int rondo_setsockopt(int fd, int level, int name, const void *value, socklen_t size_bytes)
{
	return (int)kernel_call5(seam(), SYS_setsockopt, fd, level, name, value, size_bytes);
}

int rondo_getsockopt(int fd, int level, int name, void *value, socklen_t *size_bytes)
{
	return (int)kernel_call5(seam(), SYS_getsockopt, fd, level, name, value, size_bytes);
}

int rondo_getsockname(int fd, struct sockaddr *addr, socklen_t *addrlen)
{
	return (int)kernel_call3(seam(), SYS_getsockname, fd, addr, addrlen);
}

int rondo_getpeername(int fd, struct sockaddr *addr, socklen_t *addrlen)
{
	return (int)kernel_call3(seam(), SYS_getpeername, fd, addr, addrlen);
}

/* --- connections ----------------------------------------------------------------------------- */

static int accept_once(int fd, struct sockaddr *addr, socklen_t *addrlen)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);

	io_uring_prep_accept(sqe, fd, addr, addrlen, SOCK_CLOEXEC);
	return rondo__op_await(&op);
}

int rondo_accept(int fd, struct sockaddr *addr, socklen_t *addrlen)
{
	socklen_t room = addr && addrlen ? *addrlen : 0;
	int ret;

	do {
		ret = accept_once(fd, addr, addrlen);
	} while (ret < 0 && (ret = io_mend(ret, fd, POLLIN)) == 0);
	if (ret >= 0 && room)
		san_kernel_wrote(addr, *addrlen < room ? *addrlen : room);
	return io_opened(ret, "accepted connection");
}

/* Before 6.0 or so a connect on an O_NONBLOCK socket completes at once with -EINPROGRESS
 * (KN-20). */
static int connect_rest(int fd)
{
	int error, ret = io_wait_ready(fd, POLLOUT);
	socklen_t size = sizeof(error);

	if (ret < 0)
		return ret;
	ret = rondo_getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	return ret < 0 ? ret : -error;
}

static int connect_now(int fd, const struct sockaddr *addr, socklen_t addrlen)
{
	int flags = (int)kernel_call3(seam(), SYS_fcntl, fd, F_GETFL, 0);
	int ret;

	if (flags < 0)
		return flags;
	if (!(flags & O_NONBLOCK))
		(void)kernel_call3(seam(), SYS_fcntl, fd, F_SETFL, flags | O_NONBLOCK);
	ret = (int)kernel_call3(seam(), SYS_connect, fd, addr, addrlen);
	if (!(flags & O_NONBLOCK))
		(void)kernel_call3(seam(), SYS_fcntl, fd, F_SETFL, flags);
	return ret;
}

/* AF_UNIX connects at once, or not while the listener's backlog is full. The kernel tells nobody
 * when it has room again, so in the ring the connect would spin through its retries, unseen by a
 * cancel, and then hold a worker thread (KN-37). */
static int connect_unix(int fd, const struct sockaddr *addr, socklen_t addrlen)
{
	int ret = io_checkpoint();

	for (unsigned n_tries = 0; ret == 0; n_tries++) {
		ret = connect_now(fd, addr, addrlen);
		if (ret != -EAGAIN)
			return ret;
		ret = io_back_off(n_tries);
	}
	return ret;
}

static int connect_in_ring(int fd, const struct sockaddr *addr, socklen_t addrlen)
{
	struct op op;
	struct io_uring_sqe *sqe = rondo__op_begin(&op);
	int ret;

	io_uring_prep_connect(sqe, fd, addr, addrlen);
	ret = rondo__op_await(&op);
	return ret == -EINPROGRESS ? connect_rest(fd) : ret;
}

int rondo_connect(int fd, const struct sockaddr *addr, socklen_t addrlen)
{
	if (addrlen >= sizeof(addr->sa_family) && addr->sa_family == AF_UNIX)
		return connect_unix(fd, addr, addrlen);
	return connect_in_ring(fd, addr, addrlen);
}

/* --- numeric TCP addresses ------------------------------------------------------------------- */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* The number of the interface after the % of a link-local address. */
static bool parse_scope(const char *s, uint32_t *scope)
{
	char *end;
	unsigned long n = strtoul(s, &end, 10);

	*scope = (uint32_t)n;
	return *s >= '0' && *s <= '9' && !*end && n && n <= UINT32_MAX;
}

static bool parse_v6(const char *host, struct sockaddr_in6 *a)
{
	char digits[INET6_ADDRSTRLEN];
	size_t n = strcspn(host, "%");

	if (n >= sizeof(digits) || (host[n] && !parse_scope(host + n + 1, &a->sin6_scope_id)))
		return false;
	memcpy(digits, host, n);
	digits[n] = '\0';
	return inet_pton(AF_INET6, digits, &a->sin6_addr) == 1;
}

/* Returns the address's size, or -EINVAL. */
static int parse(const char *host, uint16_t port, union address *a)
{
	*a = (union address){ .v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) } };
	if (parse_v6(host, &a->v6))
		return sizeof(a->v6);
	*a = (union address){ .v4 = { .sin_family = AF_INET, .sin_port = htons(port) } };
	return inet_pton(AF_INET, host, &a->v4.sin_addr) == 1 ? (int)sizeof(a->v4) : -EINVAL;
}

static int set_flag(int fd, int level, int name, int on)
{
	return rondo_setsockopt(fd, level, name, &on, sizeof(on));
}

/* Nothing is in flight on a socket that nobody has seen yet, so the plain call closes it at
 * once. */
static int give_up(int fd, int error)
{
	(void)kernel_call2(seam(), SYS_close, fd, 0);
	return error;
}

static int prepare_listener(int fd, const union address *a, bool both,
			    const struct rondo_listen_options *o)
{
	int ret = 0;

	if (a->any.sa_family == AF_INET6)
		ret = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, !both);
	if (ret == 0 && !o->no_reuse_addr)
		ret = set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (ret == 0 && o->reuse_port)
		ret = set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	return ret;
}

static int listen_on(const char *host, uint16_t port, bool both,
		     const struct rondo_listen_options *o)
{
	union address a;
	int fd, ret, size = parse(host, port, &a);

	if (size < 0)
		return size;
	fd = rondo_socket(a.any.sa_family, SOCK_STREAM, 0);
	if (fd < 0)
		return fd;
	ret = prepare_listener(fd, &a, both, o);
	if (ret == 0)
		ret = rondo_bind(fd, &a.any, (socklen_t)size);
	if (ret == 0)
		ret = rondo_listen(fd, o->backlog ? o->backlog : SOMAXCONN);
	return ret < 0 ? give_up(fd, ret) : fd;
}

int rondo_listen_tcp(const char *host, uint16_t port, const struct rondo_listen_options *options)
{
	static const struct rondo_listen_options defaults;
	const struct rondo_listen_options *o = options ? options : &defaults;
	int ret;

	if (host)
		return listen_on(host, port, false, o);
	ret = listen_on("::", port, true, o);
	/* Without IPv6, in the kernel or on the machine: */
	if (ret == -EAFNOSUPPORT || ret == -EADDRNOTAVAIL)
		ret = listen_on("0.0.0.0", port, false, o);
	return ret;
}

int rondo_connect_tcp(const char *host, uint16_t port)
{
	union address a;
	int fd, ret, size = parse(host, port, &a);

	if (size < 0)
		return size;
	fd = rondo_socket(a.any.sa_family, SOCK_STREAM, 0);
	if (fd < 0)
		return fd;
	ret = set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (ret == 0)
		ret = rondo_connect(fd, &a.any, (socklen_t)size);
	return ret < 0 ? give_up(fd, ret) : fd;
}
