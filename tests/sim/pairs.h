/* SPDX-License-Identifier: MIT */
/* pairs.h - connections for tests of the simulated network, made in a task. */
#ifndef RONDO_TESTS_PAIRS_H
#define RONDO_TESTS_PAIRS_H

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "sim/seeds.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static inline int port_of(int fd)
{
	union address a;
	socklen_t len = sizeof(a);
	int ret = rondo_getsockname(fd, &a.any, &len);

	return ret < 0 ? ret : ntohs(a.v4.sin_port);
}

/* A listener on host, and its port. */
static inline int listen_at(const char *host, int *port)
{
	int fd = rondo_listen_tcp(host, 0, NULL);

	*port = fd >= 0 ? port_of(fd) : 0;
	return fd;
}

/* Two ends of a connection on the loopback: [0] has connected, [1] was accepted. */
static inline int tcp_pair(int fds[2])
{
	int port, listener = listen_at("127.0.0.1", &port);

	CHECK(listener >= 0 && port > 0);
	fds[0] = rondo_connect_tcp("127.0.0.1", (uint16_t)port);
	CHECK(fds[0] >= 0);
	fds[1] = rondo_accept(listener, NULL, NULL);
	CHECK(fds[1] >= 0);
	CHECK_EQUAL(rondo_close(listener), 0);
	return 0;
}

static inline int close_both(int fds[2])
{
	CHECK_EQUAL(rondo_close(fds[0]), 0);
	CHECK_EQUAL(rondo_close(fds[1]), 0);
	return 0;
}

/* Close with a reset instead of an end. */
static inline int close_hard(int fd)
{
	struct linger at_once = { .l_onoff = 1 };

	CHECK_EQUAL(rondo_setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	return rondo_close(fd);
}

static inline int option_of(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);
	int ret = rondo_getsockopt(fd, level, name, &value, &size);

	return ret < 0 ? ret : value;
}

static inline unsigned char pattern_at(size_t i)
{
	return (unsigned char)(i * 2654435761u >> 13);
}

static inline void fill_pattern(unsigned char *buf, size_t len, size_t offset)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = pattern_at(offset + i);
}

static inline bool is_pattern(const void *buf, size_t len, size_t offset)
{
	for (size_t i = 0; i < len; i++)
		if (((const unsigned char *)buf)[i] != pattern_at(offset + i))
			return false;
	return true;
}
#endif
