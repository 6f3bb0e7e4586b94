/* SPDX-License-Identifier: MIT */
/* connect.c - connections to hosts with several addresses (rows X1, M9).
 *
 * The attempts are children of a group whose owner, the connecting task, starts one after the other
 * (RFC 8305). The first to connect puts its socket into race->fd; the owner then cancels the others
 * and leaves when all have ended, so that whatever happens at most that one socket is left. */
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <string.h>

#include "rondo/file.h"
#include "rondo/group.h"
#include "rondo/net.h"
#include "rondo/socket.h"
#include "rondo/sync.h"
#include "rondo/task.h"
#include "rondo/time.h"
#include "stream/address.h"
#include "stream/stream.h"

#define DELAY_S 0.25			/* RFC 8305, section 5 */

struct attempt {
	struct race *race;
	const struct address *address;
	struct rondo_connection_attempt *report;	/* NULL: nobody wants one */
	bool over;
};

struct race {
	const struct rondo_connection_options *options;
	struct addresses addresses, locals;
	struct attempt attempts[ADDRESSES_MAX];
	struct rondo_task_group group;
	struct rondo_event news;	/* an attempt is over */
	unsigned n_running;
	int fd;				/* the winner's; -1: none yet */
	int error;			/* of the last that failed */
};

/* --- one attempt ----------------------------------------------------------------------------- */

static int bind_local(int fd, const struct race *r, int family)
{
	const struct address *local = rondo__addresses_of(&r->locals, family);
	int ret = 0;

	if (!r->locals.n)
		return 0;
	if (!local)
		return -EADDRNOTAVAIL;
	/* Two attempts may run at once; and an old connection may linger. */
	if (r->options->local_port)
		ret = rondo__address_set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	return ret < 0 ? ret : rondo_bind(fd, &local->u.any, local->len);
}

static int connect_to(const struct race *r, const struct address *to)
{
	int ret, fd = rondo_socket(to->u.any.sa_family, SOCK_STREAM, 0);

	if (fd < 0)
		return fd;
	ret = rondo__address_set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (ret == 0)
		ret = bind_local(fd, r, to->u.any.sa_family);
	if (ret == 0)
		ret = rondo_connect(fd, &to->u.any, to->len);
	return ret < 0 ? rondo__address_give_up(fd, ret) : fd;
}

static void begin(struct attempt *a)
{
	if (a->report) {
		memcpy(&a->report->address, &a->address->u, a->address->len);
		a->report->started_ns = rondo_now_ns();
		a->report->error = -ECANCELED;
	}
	a->race->n_running++;
}

static int attempt(void *arg)
{
	struct attempt *a = arg;
	struct race *r = a->race;
	int fd = connect_to(r, a->address);

	if (fd >= 0 && r->fd >= 0) {		/* in the same turn */
		(void)rondo_close(fd);
		fd = -ECANCELED;
	}
	if (a->report)
		a->report->error = fd < 0 ? fd : 0;
	if (fd >= 0)
		r->fd = fd;
	else if (fd != -ECANCELED)
		r->error = fd;
	a->over = true;
	r->n_running--;
	rondo_event_set(&r->news);
	return 0;
}

/* --- all of them ----------------------------------------------------------------------------- */

static int news(void *arg)
{
	return rondo_event_wait(arg);
}

/* Until somebody has won, or nobody is left, or it is the next one's turn: because the one before
 * it has failed, or was given enough time. */
static int wait_for_news(struct race *r, const struct attempt *before, double delay)
{
	uint64_t begun_ns = rondo_now_ns();
	int ret = 0;

	while (ret == 0 && r->fd < 0 && r->n_running && !(before && before->over)) {
		rondo_event_clear(&r->news);
		if (before && delay >= 0)
			ret = rondo_wait_for(news, &r->news, delay - (double)(rondo_now_ns() - begun_ns) / 1e9);
		else
			ret = rondo_event_wait(&r->news);
	}
	return ret == -ETIMEDOUT ? 0 : ret;
}

static int try_all(struct race *r)
{
	double delay = r->options->delay == 0 ? DELAY_S : r->options->delay;
	unsigned n = r->addresses.n;
	int ret = 0;

	for (unsigned i = 0; i < n && ret == 0 && r->fd < 0; i++) {
		struct attempt *a = &r->attempts[i];

		begin(a);
		ret = rondo_task_group_spawn(&r->group, attempt, a);
		if (ret == 0)
			ret = wait_for_news(r, i + 1 < n ? a : NULL, delay);
	}
	return ret;
}

/* Returns 0 or an error; the socket, if there is one, is in r->fd. */
static int race(struct race *r)
{
	int ended, ret = rondo_task_group_begin(&r->group);

	if (ret < 0)
		return ret;
	ret = try_all(r);
	if (ret == 0)
		rondo_task_group_cancel(&r->group);
	ended = rondo_task_group_end(&r->group, ret);
	return ended == -RONDO_EGROUP ? ret : ended;
}

/* With one address nobody is to be raced. */
static int connect_alone(struct race *r)
{
	begin(&r->attempts[0]);
	(void)attempt(&r->attempts[0]);
	return r->fd < 0 && !r->error ? -ECANCELED : 0;
}

static int connect_any(struct race *r)
{
	int ret = r->addresses.n == 1 ? connect_alone(r) : race(r);

	if (ret == 0)
		return r->fd >= 0 ? r->fd : r->error;
	if (r->fd >= 0)
		(void)rondo_close(r->fd);
	return ret;
}

/* --- whom to try, in which order ------------------------------------------------------------- */

/* The families in turn, beginning with the first one's; else in the given order. */
static void interleave(struct addresses *a)
{
	const struct addresses from = *a;
	bool taken[ADDRESSES_MAX] = { false };
	int family = from.n ? from.list[0].u.any.sa_family : 0;

	for (a->n = 0; a->n < from.n; ) {
		unsigned i = 0, other = from.n;

		while (i < from.n && (taken[i] || from.list[i].u.any.sa_family != family)) {
			other = !taken[i] && other == from.n ? i : other;
			i++;
		}
		i = i < from.n ? i : other;
		taken[i] = true;
		a->list[a->n++] = from.list[i];
		family = from.list[i].u.any.sa_family == AF_INET ? AF_INET6 : AF_INET;
	}
}

/* A port alone is one of every address. */
static int find_locals(struct race *r)
{
	const struct rondo_connection_options *o = r->options;

	if (o->local_host)
		return rondo__addresses_find(&r->locals, o->local_host, o->local_port, o->family,
					     SOCK_STREAM);
	rondo__addresses_add_any(&r->locals, AF_INET6, o->local_port);
	rondo__addresses_add_any(&r->locals, AF_INET, o->local_port);
	return 0;
}

static int find_addresses(struct race *r, const char *host, uint16_t port)
{
	const struct rondo_connection_options *o = r->options;
	int ret = 0;

	for (const struct addrinfo *i = o->addresses; i; i = i->ai_next)
		if (!o->family || i->ai_family == o->family)
			rondo__addresses_add(&r->addresses, i->ai_addr, i->ai_addrlen);
	if (!o->addresses)
		ret = rondo__addresses_find(&r->addresses, host, port, o->family, SOCK_STREAM);
	if (ret == 0 && (o->local_host || o->local_port))
		ret = find_locals(r);
	interleave(&r->addresses);
	return ret < 0 || r->addresses.n ? ret : -EADDRNOTAVAIL;
}

static void prepare_attempts(struct race *r)
{
	const struct rondo_connection_options *o = r->options;

	for (size_t i = 0; o->attempts && i < o->n_attempts; i++)
		o->attempts[i] = (struct rondo_connection_attempt){ .started_ns = 0 };
	for (unsigned i = 0; i < r->addresses.n; i++) {
		struct attempt *a = &r->attempts[i];

		*a = (struct attempt){ .race = r, .address = &r->addresses.list[i] };
		if (o->attempts && i < o->n_attempts)
			a->report = &o->attempts[i];
	}
}

static int connect_host(const char *host, uint16_t port, const struct rondo_connection_options *o)
{
	struct race r = { .options = o, .fd = -1, .news = RONDO_EVENT_INIT };
	int ret = find_addresses(&r, host, port);

	if (ret < 0)
		return ret;
	prepare_attempts(&r);
	return connect_any(&r);
}

/* --- as streams ------------------------------------------------------------------------------ */

static int wrap(const struct rondo_connection_options *o, const char *host, rondo_stream **stream)
{
	int ret = o->wrapper.wrap(stream, false, host, o->wrapper.arg);

	if (ret < 0)
		rondo_stream_abort(*stream);
	return ret < 0 ? ret : 0;
}

static int open_stream(const char *host, uint16_t port, const struct rondo_connection_options *o,
		       rondo_stream **stream)
{
	rondo_stream *s;
	int ret, fd = connect_host(host, port, o);

	if (fd < 0)
		return fd;
	ret = rondo__stream_from_own_fd(fd, &o->stream, &s);
	if (ret < 0)
		return rondo__address_give_up(fd, ret);
	if (o->wrapper.wrap)
		ret = wrap(o, host, &s);
	if (ret == 0)
		*stream = s;
	return ret;
}

int rondo_open_connection(const char *host, uint16_t port,
			  const struct rondo_connection_options *options, rondo_stream **stream)
{
	static const struct rondo_connection_options defaults;
	const struct rondo_connection_options *o = options ? options : &defaults;
	struct rondo_timeout limit;
	int ret;

	if (o->timeout == 0)
		return open_stream(host, port, o, stream);
	ret = rondo_timeout_begin(&limit, o->timeout);
	if (ret < 0)
		return ret;
	return rondo_timeout_end(&limit, open_stream(host, port, o, stream));
}

int rondo_open_unix_connection(const char *path, const struct rondo_stream_options *options,
			       rondo_stream **stream)
{
	struct sockaddr_un a;
	int fd, ret, size = rondo__address_of_path(&a, path);

	if (size < 0)
		return size;
	fd = rondo_socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		return fd;
	ret = rondo_connect(fd, (const struct sockaddr *)&a, (socklen_t)size);
	if (ret == 0)
		ret = rondo__stream_from_own_fd(fd, options, stream);
	return ret < 0 ? rondo__address_give_up(fd, ret) : 0;
}
