/* SPDX-License-Identifier: MIT */
/* socket_call.c - the plain calls on sockets. See net.h. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>

#include "sim/unix.h"

#define UNUSED(...) ((void)sizeof((long[]){ __VA_ARGS__ }))

/* --- making them ----------------------------------------------------------------------------- */

static const struct net_protocol *local_protocol(int type, int protocol)
{
	if (protocol && protocol != AF_UNIX)
		return NULL;
	return type == SOCK_STREAM ? &rondo__sim_unix_stream :
	       type == SOCK_DGRAM || type == SOCK_SEQPACKET ? &rondo__sim_unix_message : NULL;
}

static const struct net_protocol *inet_protocol(int type, int protocol)
{
	if (type == SOCK_STREAM && (!protocol || protocol == IPPROTO_TCP))
		return &rondo__sim_tcp;
	if (type == SOCK_DGRAM && (!protocol || protocol == IPPROTO_UDP))
		return &rondo__sim_udp;
	return NULL;
}

/* A type that the family has, with a protocol that it has not, is another mistake. */
static int no_such_protocol(int domain, int type, int protocol)
{
	bool has_type = type == SOCK_STREAM || type == SOCK_DGRAM;

	return protocol && (domain == AF_UNIX || has_type) ? -EPROTONOSUPPORT : -ESOCKTNOSUPPORT;
}

static int make(struct sim_host *h, int domain, int type, int protocol, struct sim_socket **k)
{
	int flags = O_RDWR | (type & SOCK_NONBLOCK ? O_NONBLOCK : 0);
	const struct net_protocol *p;

	type &= ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (domain != AF_UNIX && domain != AF_INET && domain != AF_INET6)
		return -EAFNOSUPPORT;
	p = domain == AF_UNIX ? local_protocol(type, protocol) : inet_protocol(type, protocol);
	if (!p)
		return no_such_protocol(domain, type, protocol);
	*k = rondo__sim_socket_make(h, p, domain, type, flags);
	return 0;
}

static int install(struct sim_host *h, struct sim_socket *k)
{
	int fd = rondo__sim_fd_install(h, &k->file);

	if (fd < 0)
		rondo__sim_file_unref(&k->file);
	return fd;
}

long rondo__sim_call_socket(struct sim_host *h, long domain, long type, long protocol, long d,
			    long e, long f)
{
	struct sim_socket *k;
	int ret = make(h, (int)domain, (int)type, (int)protocol, &k);

	UNUSED(d, e, f);
	return ret < 0 ? ret : install(h, k);
}

/* Linux stores the two numbers it will use before it knows that it can (KN-39). */
static int spoil(struct sim_host *h, int error, int pair[2])
{
	unsigned n = 0;

	for (int i = 0; i < SIM_FDS_MAX && n < 2; i++)
		if (!h->fds[i].file)
			pair[n++] = SIM_FD_FIRST + i;
	return n == 2 ? error : -EMFILE;
}

long rondo__sim_call_socketpair(struct sim_host *h, long domain, long type, long protocol,
				long fds, long e, long f)
{
	struct sim_socket *a, *b;
	int ret, pair[2];

	UNUSED(e, f);
	ret = make(h, (int)domain, (int)type, (int)protocol, &a);
	if (ret < 0)
		return spoil(h, ret, (int *)fds);
	if (domain != AF_UNIX) {
		rondo__sim_file_unref(&a->file);
		return spoil(h, -EOPNOTSUPP, (int *)fds);
	}
	(void)make(h, AF_UNIX, (int)type, (int)protocol, &b);
	rondo__sim_unix_join(a, b);
	pair[0] = install(h, a);
	pair[1] = pair[0] < 0 ? -EMFILE : install(h, b);
	if (pair[1] >= 0) {
		memcpy((void *)fds, pair, sizeof(pair));
		return 0;
	}
	if (pair[0] < 0)
		rondo__sim_file_unref(&b->file);
	else
		rondo__sim_fd_close(h, pair[0]);
	return -EMFILE;
}

/* --- naming and connecting ------------------------------------------------------------------- */

long rondo__sim_call_bind(struct sim_host *h, long fd, long addr, long len, long d, long e, long f)
{
	struct sim_socket *k;
	int ret = rondo__sim_socket_get(h, (int)fd, &k);

	UNUSED(d, e, f);
	return ret < 0 ? ret : k->protocol->bind(k, (const void *)addr, (socklen_t)len);
}

long rondo__sim_call_listen(struct sim_host *h, long fd, long backlog, long c, long d, long e,
			    long f)
{
	struct sim_socket *k;
	int ret = rondo__sim_socket_get(h, (int)fd, &k);

	UNUSED(c, d, e, f);
	if (ret < 0)
		return ret;
	return k->protocol->listen ? k->protocol->listen(k, (int)backlog) : -EOPNOTSUPP;
}

/* On a blocking socket it would stop the host's only thread: a mistake in what calls it. */
long rondo__sim_call_accept4(struct sim_host *h, long fd, long addr, long len, long flags, long e,
			     long f)
{
	struct sim_socket *k;
	union net_name name;
	socklen_t name_len = 0;
	long ret = rondo__sim_socket_get(h, (int)fd, &k);

	UNUSED(e, f);
	if (ret < 0)
		return ret;
	ret = rondo__sim_socket_accept(k, (int)flags, &name, &name_len);
	if (ret == SIM_WAIT && !(k->file.flags & O_NONBLOCK))
		rondo__sim_fail(h->sim, "Z4", "accept4(2) on a blocking socket would block");
	if (ret >= 0)
		rondo__sim_socket_put_name(&name, name_len, (void *)addr, (socklen_t *)len);
	return ret == SIM_WAIT ? -EAGAIN : ret;
}

/* The same. */
long rondo__sim_call_connect(struct sim_host *h, long fd, long addr, long len, long d, long e,
			     long f)
{
	struct sim_socket *k;
	int ret = rondo__sim_socket_get(h, (int)fd, &k);

	UNUSED(d, e, f);
	if (ret == 0)
		ret = k->protocol->connect(k, (const void *)addr, (socklen_t)len);
	if ((ret == -EINPROGRESS || ret == -EAGAIN) && !(k->file.flags & O_NONBLOCK))
		rondo__sim_fail(h->sim, "Z4", "connect(2) on a blocking socket would block");
	return ret;
}

long rondo__sim_call_shutdown(struct sim_host *h, long fd, long how, long c, long d, long e, long f)
{
	struct sim_socket *k;
	int ret = rondo__sim_socket_get(h, (int)fd, &k);

	UNUSED(c, d, e, f);
	if (ret < 0)
		return ret;
	if (how < SHUT_RD || how > SHUT_RDWR)
		return -EINVAL;
	return k->protocol->shutdown(k, (unsigned)how + 1);	/* NET_SHUT_* */
}

static long tell_name(struct sim_host *h, int fd, bool peer, void *addr, socklen_t *len)
{
	struct sim_socket *k;
	union net_name name;
	int ret = rondo__sim_socket_get(h, fd, &k);

	if (ret == 0 && (!addr || !len))
		ret = -EFAULT;
	if (ret == 0 && (int)*len < 0)
		ret = -EINVAL;
	if (ret == 0)
		ret = k->protocol->name_of(k, peer, &name);
	if (ret < 0)
		return ret;
	rondo__sim_socket_put_name(&name, (socklen_t)ret, addr, len);
	return 0;
}

long rondo__sim_call_getsockname(struct sim_host *h, long fd, long addr, long len, long d, long e,
				 long f)
{
	UNUSED(d, e, f);
	return tell_name(h, (int)fd, false, (void *)addr, (socklen_t *)len);
}

long rondo__sim_call_getpeername(struct sim_host *h, long fd, long addr, long len, long d, long e,
				 long f)
{
	UNUSED(d, e, f);
	return tell_name(h, (int)fd, true, (void *)addr, (socklen_t *)len);
}

/* Every host has these, numbered from 1. */
static const char *const interfaces[] = { "lo", "sim0" };

enum { N_INTERFACES = sizeof(interfaces) / sizeof(interfaces[0]) };

static int interface_index(struct ifreq *r)
{
	for (int i = 0; i < N_INTERFACES; i++)
		if (!strncmp(r->ifr_name, interfaces[i], sizeof(r->ifr_name))) {
			r->ifr_ifindex = i + 1;
			return 0;
		}
	return -ENODEV;
}

static int interface_name(struct ifreq *r)
{
	const int i = r->ifr_ifindex - 1;

	if (i < 0 || i >= N_INTERFACES)
		return -ENODEV;
	strcpy(r->ifr_name, interfaces[i]);
	return 0;
}

long rondo__sim_call_ioctl(struct sim_host *h, long fd, long request, long arg, long d, long e,
			   long f)
{
	struct sim_socket *k;
	int ret = rondo__sim_socket_get(h, (int)fd, &k);

	UNUSED(d, e, f);
	if (ret < 0)
		return ret == -ENOTSOCK ? -ENOTTY : ret;
	if (request == SIOCGIFINDEX)
		return interface_index((void *)arg);
	if (request == SIOCGIFNAME)
		return interface_name((void *)arg);
	rondo__sim_fail(h->sim, "Z4", "ioctl 0x%lx is not simulated", (unsigned long)request);
	return -ENOTTY;
}

/* --- sending --------------------------------------------------------------------------------- */

static long send_now(struct sim_host *h, struct sim_socket *k, struct net_io *x)
{
	enum { KNOWN = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_WAITALL | MSG_MORE };
	int flags = x->io->flags;
	long ret;

	if (flags & ~KNOWN)
		rondo__sim_fail(h->sim, "Z4", "flags 0x%x of a plain send", flags);
	ret = rondo__sim_socket_send(k, x);
	if (ret == SIM_WAIT && !((flags & MSG_DONTWAIT) | (k->file.flags & O_NONBLOCK)))
		rondo__sim_fail(h->sim, "Z4", "a plain send would block");
	return ret == SIM_WAIT ? -EAGAIN : ret;
}

long rondo__sim_call_sendto(struct sim_host *h, long fd, long buf, long len, long flags, long addr,
			    long addr_len)
{
	struct iovec iov = { .iov_base = (void *)buf, .iov_len = (size_t)len };
	struct sim_io io = { .iov = &iov, .n_iov = 1, .n_bytes = (size_t)len, .flags = (int)flags };
	struct net_io x = { .io = &io, .to = (const void *)addr, .to_len = (socklen_t)addr_len };
	struct sim_socket *k;
	int ret = rondo__sim_socket_get(h, (int)fd, &k);

	return ret < 0 ? ret : send_now(h, k, &x);
}

long rondo__sim_call_sendmsg(struct sim_host *h, long fd, long message, long flags, long d, long e,
			     long f)
{
	const struct msghdr *m = (const void *)message;
	struct sim_io io = { .iov = m->msg_iov, .n_iov = (unsigned)m->msg_iovlen,
			     .n_bytes = rondo__sim_iov_bytes(m->msg_iov, (unsigned)m->msg_iovlen),
			     .flags = (int)flags };
	struct net_io x = { .io = &io, .to = m->msg_namelen ? m->msg_name : NULL,
			    .to_len = m->msg_namelen };
	struct sim_socket *k;
	long ret = rondo__sim_socket_get(h, (int)fd, &k);

	UNUSED(d, e, f);
	if (ret == 0)
		ret = rondo__sim_rights_read(h, m, &x.rights);
	if (ret < 0)
		return ret;
	ret = send_now(h, k, &x);
	rondo__sim_rights_free(x.rights);
	return ret;
}
