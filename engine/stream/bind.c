/* SPDX-License-Identifier: MIT */
/* bind.c - from hosts, ports and paths to sockets that can listen (rows V1, V9). See server.h. */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "rondo/file.h"
#include "rondo/socket.h"
#include "rondo/task.h"
#include "stream/server.h"

enum { PORT_TRIES = 16 };

static void add_listener(struct rondo_server *s, int fd)
{
	s->listeners[s->n_listeners++] = (struct listener){ .server = s, .fd = fd };
}

void rondo__bind_undo(struct rondo_server *s)
{
	while (s->n_listeners)
		rondo__address_give_up(s->listeners[--s->n_listeners].fd, 0);
}

/* --- TCP ------------------------------------------------------------------------------------- */

/* Accepted sockets inherit what the listener has, TCP_NODELAY too. */
static int prepare(int fd, int family, const struct rondo_server_options *o)
{
	int ret = rondo__address_set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1);

	if (ret == 0 && family == AF_INET6)
		ret = rondo__address_set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (ret == 0 && !o->no_reuse_addr)
		ret = rondo__address_set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (ret == 0 && o->reuse_port)
		ret = rondo__address_set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (ret == 0 && o->keep_alive)
		ret = rondo__address_set_flag(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	return ret;
}

static int bind_one(struct rondo_server *s, const struct address *a)
{
	int ret, fd = rondo_socket(a->u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return fd;
	ret = prepare(fd, a->u.any.sa_family, &s->options);
	if (ret == 0)
		ret = rondo_bind(fd, &a->u.any, a->len);
	if (ret < 0)
		return rondo__address_give_up(fd, ret);
	add_listener(s, fd);
	return 0;
}

static void set_port(struct address *a, int port)
{
	*(a->u.any.sa_family == AF_INET ? &a->u.v4.sin_port : &a->u.v6.sin6_port) =
		htons((uint16_t)port);
}

/* Addresses that this machine does not have are left out, as long as one is left. A port that the
 * kernel chose for the first one is everybody's (V1: asyncio has one for each). */
static int bind_all(struct rondo_server *s, struct addresses a, uint16_t port)
{
	int ret = 0, skipped = -EADDRNOTAVAIL;

	for (unsigned i = 0; i < a.n && ret == 0; i++) {
		if (!port && s->n_listeners)
			set_port(&a.list[i], rondo__address_port(s->listeners[0].fd));
		ret = bind_one(s, &a.list[i]);
		if (ret == -EADDRNOTAVAIL || ret == -EAFNOSUPPORT) {
			skipped = ret;
			ret = 0;
		}
	}
	if (ret == 0 && !s->n_listeners)
		ret = skipped;
	if (ret < 0)
		rondo__bind_undo(s);
	return ret;
}

static int find_hosts(struct rondo_server *s, const char *host, uint16_t port, struct addresses *a)
{
	const struct rondo_server_options *o = &s->options;
	int ret = 0;

	if (host && *host)
		ret = rondo__addresses_find(a, host, port, o->family, SOCK_STREAM);
	for (const char *const *more = o->more_hosts; ret == 0 && more && *more; more++)
		ret = rondo__addresses_find(a, *more, port, o->family, SOCK_STREAM);
	if (ret < 0 || (host && *host))
		return ret;
	if (o->family != AF_INET6)
		rondo__addresses_add_any(a, AF_INET, port);
	if (o->family != AF_INET)
		rondo__addresses_add_any(a, AF_INET6, port);
	return 0;
}

int rondo__bind_hosts(struct rondo_server *s, const char *host, uint16_t port)
{
	struct addresses a = { 0 };
	int ret = find_hosts(s, host, port, &a);
	unsigned n_tries = port ? 1 : PORT_TRIES;

	if (ret < 0)
		return ret;
	do {
		ret = bind_all(s, a, port);
	} while (ret == -EADDRINUSE && --n_tries);
	return ret;
}

/* --- AF_UNIX --------------------------------------------------------------------------------- */

static int look_at(const char *path, struct statx *st)
{
	return rondo_statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_INO, st);
}

/* Does nobody listen there any more? Asked without waiting: a full backlog is an answer. */
static int is_deserted(const struct sockaddr_un *a, socklen_t size)
{
	int ret, fd = rondo_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return fd;
	ret = (int)kernel_call3(rondo__address_seam(), SYS_connect, fd, a, size);
	return rondo__address_give_up(fd, ret == -ECONNREFUSED);
}

/* A socket file that its server left behind. Returns 0 if it is gone now, or -EADDRINUSE. */
static int remove_stale(const struct sockaddr_un *a, socklen_t size)
{
	struct statx st;
	int ret = a->sun_path[0] ? look_at(a->sun_path, &st) : -EADDRINUSE;

	if (ret < 0 || !S_ISSOCK(st.stx_mode))
		return -EADDRINUSE;
	ret = is_deserted(a, size);
	if (ret <= 0)
		return ret < 0 ? ret : -EADDRINUSE;
	return rondo_unlink(a->sun_path);
}

static int bind_socket(int fd, const struct sockaddr_un *a, socklen_t size)
{
	int ret = rondo_bind(fd, (const struct sockaddr *)a, size);

	if (ret != -EADDRINUSE)
		return ret;
	ret = remove_stale(a, size);
	return ret < 0 ? ret : rondo_bind(fd, (const struct sockaddr *)a, size);
}

/* Nobody can connect before it listens, so there is no moment with the wrong mode. */
static int own_file(struct rondo_server *s, const struct sockaddr_un *a)
{
	const struct rondo_server_options *o = &s->options;
	struct statx st;
	int ret = 0;

	if (!a->sun_path[0])
		return 0;
	if (o->mode)
		ret = (int)kernel_call3(rondo__address_seam(), SYS_fchmodat, AT_FDCWD, a->sun_path,
					o->mode);
	if (o->keep_path || look_at(a->sun_path, &st) < 0)
		return ret;
	strcpy(s->file.path, a->sun_path);
	s->file.inode = st.stx_ino;
	s->file.dev_major = st.stx_dev_major;
	s->file.dev_minor = st.stx_dev_minor;
	return ret;
}

/* If that fails there is nobody to be told, and nothing to be done. */
void rondo__bind_remove_file(struct socket_file *f)
{
	struct rondo_mask mask;
	struct statx st;
	int ret;

	rondo_mask_begin(&mask);
	ret = f->path[0] ? look_at(f->path, &st) : -ENOENT;
	if (ret == 0 && st.stx_ino == f->inode && st.stx_dev_major == f->dev_major &&
	    st.stx_dev_minor == f->dev_minor)
		ret = rondo_unlink(f->path);
	rondo_mask_end(&mask);
	f->path[0] = '\0';
}

int rondo__bind_path(struct rondo_server *s, const char *path)
{
	struct sockaddr_un a;
	struct rondo_mask mask;
	int fd, ret, size = rondo__address_of_path(&a, path);

	if (size < 0)
		return size;
	fd = rondo_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fd;
	rondo_mask_begin(&mask);	/* a file that is ours is known to be */
	ret = bind_socket(fd, &a, (socklen_t)size);
	if (ret == 0)
		ret = own_file(s, &a);
	rondo_mask_end(&mask);
	if (ret < 0)
		return rondo__address_give_up(fd, ret);
	add_listener(s, fd);
	return 0;
}
