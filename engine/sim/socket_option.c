/* SPDX-License-Identifier: MIT */
/* socket_option.c - options of simulated sockets. See net.h. */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#include "sim/tcp.h"

enum {
	TCP_SEND_BYTES = 87040, TCP_RECEIVE_BYTES = 131072,
	OTHER_BYTES = 212992,		/* net.core.rmem_default */
	SEND_MIN = 4608, RECEIVE_MIN = 2304,
	IDLE_S = 7200, INTERVAL_S = 75, PROBES = 9,
};

void rondo__sim_socket_defaults(struct sim_socket *k)
{
	bool is_tcp = k->protocol == &rondo__sim_tcp;

	k->options = (struct net_options){
		.send_bytes = is_tcp ? TCP_SEND_BYTES : OTHER_BYTES,
		.receive_bytes = is_tcp ? TCP_RECEIVE_BYTES : OTHER_BYTES,
		.idle_s = IDLE_S, .interval_s = INTERVAL_S, .n_probes = PROBES,
	};
}

enum { NUMBER = 1, FLAG };

/* Options that are a flag or a number of struct net_options. */
static const struct {
	int level, name, kind;
	size_t offset;
	bool tcp_only;
} table[] = {
#define OPTION(level, name, kind, field, tcp)                                                      \
	{ level, name, kind, offsetof(struct net_options, field), tcp }
	OPTION(SOL_SOCKET, SO_REUSEADDR, FLAG, reuse_address, false),
	OPTION(SOL_SOCKET, SO_REUSEPORT, FLAG, reuse_port, false),
	OPTION(SOL_SOCKET, SO_KEEPALIVE, FLAG, keep_alive, false),
	OPTION(SOL_SOCKET, SO_BROADCAST, FLAG, broadcast, false),
	OPTION(SOL_SOCKET, SO_SNDBUF, NUMBER, send_bytes, false),
	OPTION(SOL_SOCKET, SO_RCVBUF, NUMBER, receive_bytes, false),
	OPTION(IPPROTO_TCP, TCP_NODELAY, FLAG, no_delay, true),
	OPTION(IPPROTO_TCP, TCP_USER_TIMEOUT, NUMBER, user_timeout_ms, true),
	OPTION(IPPROTO_TCP, TCP_KEEPIDLE, NUMBER, idle_s, true),
	OPTION(IPPROTO_TCP, TCP_KEEPINTVL, NUMBER, interval_s, true),
	OPTION(IPPROTO_TCP, TCP_KEEPCNT, NUMBER, n_probes, true),
	OPTION(IPPROTO_IPV6, IPV6_V6ONLY, FLAG, v6_only, false),
#undef OPTION
};

/* Its row in the table, or -1. */
static int find(const struct sim_socket *k, int level, int name)
{
	for (int i = 0; i < (int)(sizeof(table) / sizeof(table[0])); i++)
		if (table[i].level == level && table[i].name == name)
			return table[i].tcp_only && k->protocol != &rondo__sim_tcp ? -1 : i;
	return -1;
}

static long unknown(struct sim_socket *k, int level, int name)
{
	if (level == IPPROTO_TCP && k->protocol != &rondo__sim_tcp)
		return k->domain == AF_UNIX ? -EOPNOTSUPP : -ENOPROTOOPT;
	rondo__sim_fail(k->file.host->sim, "Z4", "option %d of level %d is not simulated", name,
			level);
	return -ENOPROTOOPT;
}

static long set_linger(struct sim_socket *k, const void *value, socklen_t size)
{
	if (size < sizeof(struct linger))
		return -EINVAL;
	memcpy(&k->options.linger, value, sizeof(struct linger));
	return 0;
}

/* Linux keeps twice of what is asked for, for its own bookkeeping. */
static uint32_t buffer_size(int name, int value)
{
	uint32_t bytes = value < 0 || value > OTHER_BYTES ? OTHER_BYTES * 2 : (uint32_t)value * 2;
	uint32_t least = name == SO_SNDBUF ? SEND_MIN : RECEIVE_MIN;

	return bytes < least ? least : bytes;
}

static void set_number(struct sim_socket *k, int i, int value)
{
	char *field = (char *)&k->options + table[i].offset;
	uint32_t number = (uint32_t)value;

	if (table[i].kind == FLAG) {
		*(bool *)field = value != 0;
		return;
	}
	if (table[i].level == SOL_SOCKET)
		number = buffer_size(table[i].name, value);
	memcpy(field, &number, sizeof(number));
	if (table[i].level == SOL_SOCKET)
		rondo__sim_tcp_resize(k);
}

static long set_option(struct sim_socket *k, int level, int name, const void *value, socklen_t size)
{
	int i = find(k, level, name), number;

	if (level == SOL_SOCKET && name == SO_LINGER)
		return set_linger(k, value, size);
	if (i < 0)
		return unknown(k, level, name);
	if (level == IPPROTO_IPV6 && k->domain != AF_INET6)
		return -ENOPROTOOPT;
	if (size < sizeof(number))
		return -EINVAL;
	if (level == IPPROTO_IPV6 && k->here.port)
		return -EINVAL;
	memcpy(&number, value, sizeof(number));
	if (level == IPPROTO_TCP && table[i].kind == NUMBER && number < 0)
		return -EINVAL;
	set_number(k, i, number);
	return 0;
}

long rondo__sim_call_setsockopt(struct sim_host *h, long fd, long level, long name, long value,
				long size, long unused)
{
	struct sim_socket *k;
	int ret = rondo__sim_socket_get(h, (int)fd, &k);

	(void)unused;
	if (ret < 0)
		return ret;
	if (!value)
		return -EFAULT;
	return set_option(k, (int)level, (int)name, (const void *)value, (socklen_t)size);
}

/* --- getting --------------------------------------------------------------------------------- */

static bool get_fact(struct sim_socket *k, int name, int *number)
{
	switch (name) {
	case SO_ERROR:
		*number = -rondo__sim_socket_error(k);
		return true;
	case SO_TYPE:
		*number = k->type;
		return true;
	case SO_DOMAIN:
		*number = k->domain;
		return true;
	case SO_PROTOCOL:
		*number = k->protocol->ip_protocol;
		return true;
	case SO_ACCEPTCONN:
		*number = k->state == NET_LISTENING;
		return true;
	default:
		return false;
	}
}

static long get_number(struct sim_socket *k, int level, int name, int *number)
{
	int i = find(k, level, name);
	const char *field = (const char *)&k->options + (i < 0 ? 0 : table[i].offset);

	if (level == SOL_SOCKET && get_fact(k, name, number))
		return 0;
	if (i < 0)
		return unknown(k, level, name);
	if (level == IPPROTO_IPV6 && k->domain != AF_INET6)
		return -ENOPROTOOPT;
	if (table[i].kind == FLAG)
		*number = *(const bool *)field;
	else
		memcpy(number, field, sizeof(*number));
	return 0;
}

static long put(void *value, socklen_t *size, const void *from, size_t n)
{
	if ((int)*size < 0)
		return -EINVAL;
	*size = *size < n ? *size : (socklen_t)n;
	memcpy(value, from, *size);
	return 0;
}

long rondo__sim_call_getsockopt(struct sim_host *h, long fd, long level, long name, long value,
				long size, long unused)
{
	struct sim_socket *k;
	int number = 0;
	long ret = rondo__sim_socket_get(h, (int)fd, &k);

	(void)unused;
	if (ret < 0)
		return ret;
	if (!value || !size)
		return -EFAULT;
	if (level == SOL_SOCKET && name == SO_LINGER)
		return put((void *)value, (socklen_t *)size, &k->options.linger,
			   sizeof(k->options.linger));
	ret = get_number(k, (int)level, (int)name, &number);
	return ret < 0 ? ret : put((void *)value, (socklen_t *)size, &number, sizeof(number));
}
