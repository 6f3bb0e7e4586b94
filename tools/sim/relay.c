/* SPDX-License-Identifier: MIT */
/* relay.c - the workload `echo`: a proxy that splices, datagrams sent again, other sends. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "sim/echo.h"

static unsigned below(unsigned n)
{
	return (unsigned)(rondo_sim_random() % n);
}

/* --- sends ----------------------------------------------------------------------------------- */

static ssize_t send_message(int fd, unsigned char *buf, size_t len)
{
	struct iovec iov[2] = { { buf, len / 3 }, { buf + len / 3, len - len / 3 } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	return rondo_sendmsg(fd, &msg, 0);
}

int echo_send_all(int fd, unsigned char *buf, size_t len)
{
	unsigned how = below(3);

	if (how == 0)
		return rondo_send_all(fd, buf, len, NULL);
	while (len) {
		ssize_t n = how == 1 ? send_message(fd, buf, len) : rondo_send_zc(fd, buf, len, 0);

		if (n < 0)
			return (int)n;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

/* --- the proxy ------------------------------------------------------------------------------- */

struct way {
	int from, to, pipe[2];
};

static ssize_t empty_pipe(const struct way *w, ssize_t n)
{
	while (n > 0) {
		ssize_t moved = rondo_splice(w->pipe[0], -1, w->to, -1, (size_t)n, 0);

		if (moved <= 0)
			return moved < 0 ? moved : -EIO;
		n -= moved;
	}
	return 0;
}

/* The end of one direction is passed on, and the other one goes on. */
static int forward(void *arg)
{
	const struct way *w = arg;
	ssize_t n, ret = 0;

	do {
		n = rondo_splice(w->from, -1, w->pipe[1], -1, 1 + below(20000), 0);
		if (n > 0)
			ret = empty_pipe(w, n);
	} while (n > 0 && ret == 0);
	return n < 0 ? (int)n : ret < 0 ? (int)ret : rondo_shutdown(w->to, SHUT_WR);
}

static int both_ways(struct way ways[2])
{
	rondo_task *tasks[2];

	for (int i = 0; i < 2; i++)
		tasks[i] = rondo_create_task(forward, &ways[i]);
	return rondo_gather(2, tasks, NULL, RONDO_GATHER_CANCEL_REST);
}

static int with_pipes(struct way ways[2])
{
	int ret = 0;
	int n = 0;

	while (n < 2 && (ret = rondo_pipe(ways[n].pipe, 0)) == 0)
		n++;
	if (ret == 0)
		ret = both_ways(ways);
	while (n-- > 0) {
		(void)rondo_close(ways[n].pipe[0]);
		(void)rondo_close(ways[n].pipe[1]);
	}
	return ret;
}

int echo_relay(int fd)
{
	int ret, out = rondo_connect_tcp(ECHO_HOST, ECHO_PORT);
	struct way ways[2] = { { .from = fd, .to = out }, { .from = out, .to = fd } };

	if (out < 0)
		return out;
	ret = with_pipes(ways);
	if (rondo_close(out) == -EBADF)
		rondo_sim_fail("the proxy's descriptor was closed by somebody else");
	return ret;
}

/* --- datagrams ------------------------------------------------------------------------------- */

static struct sockaddr_in address(const char *host)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(ECHO_PORT) };

	inet_pton(AF_INET, host, &a.sin_addr);
	return a;
}

static int echo_one(int fd)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	char buf[64];
	ssize_t n = rondo_recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &size);

	if (n > 0)
		n = rondo_sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from, size);
	return n < 0 ? (int)n : 0;
}

int echo_datagrams(void *arg)
{
	struct sockaddr_in a = address("0.0.0.0");
	int ret, fd = rondo_socket(AF_INET, SOCK_DGRAM, 0);

	(void)arg;
	if (fd < 0)
		return fd;
	ret = rondo_bind(fd, (struct sockaddr *)&a, sizeof(a));
	while (ret == 0) {
		ret = echo_one(fd);
		if (ret < 0 && ret != -ECANCELED)
			ret = rondo_sleep(0.01);
	}
	(void)rondo_close(fd);
	return ret;
}

struct datagram {
	int fd;
	uint32_t number;
};

/* What was sent before may come again, and late. */
static int receive_one(void *arg)
{
	const struct datagram *d = arg;
	uint32_t got[4] = { 0 };

	do {
		struct iovec iov = { got, sizeof(got) };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n = rondo_recvmsg(d->fd, &msg, 0);

		if (n < 0)
			return (int)n;
		if (n != 2 * sizeof(got[0]) || got[1] != ~got[0] || got[0] > d->number)
			rondo_sim_fail("a datagram of %zd bytes came back that nobody sent", n);
	} while (got[0] != d->number);
	return 0;
}

static int exchange(struct datagram *d)
{
	enum { TRIES_MAX = 2000 };
	int ret = -ETIMEDOUT;

	for (int i = 0; i < TRIES_MAX && ret < 0 && ret != -ECANCELED; i++) {
		uint32_t data[2] = { d->number, ~d->number };

		ret = (int)rondo_send(d->fd, data, sizeof(data), 0);
		if (ret >= 0)
			ret = rondo_wait_for(receive_one, d, 0.2);
		else if (ret != -ECANCELED)	/* refused: the other host is not up yet */
			ret = rondo_sleep(0.2) < 0 ? -ECANCELED : ret;
	}
	return ret;
}

int echo_exchange_datagrams(void)
{
	struct sockaddr_in a = address(ECHO_HOST);
	struct datagram d = { .fd = rondo_socket(AF_INET, SOCK_DGRAM, 0), .number = 1 };
	unsigned n = 1 + below(4);
	int ret;

	if (d.fd < 0)
		return d.fd;
	ret = rondo_connect(d.fd, (struct sockaddr *)&a, sizeof(a));
	for (; ret == 0 && d.number <= n; d.number++)
		ret = exchange(&d);
	if (rondo_close(d.fd) == -EBADF)
		rondo_sim_fail("the socket of a client was closed by somebody else");
	return ret;
}
