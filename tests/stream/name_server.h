/* SPDX-License-Identifier: MIT */
/* name_server.h - a DNS server made of tasks, on loopback or on a simulated host, with names that
 * behave in every way that tests want. It counts what it is asked.
 *
 *   both.test     192.0.2.1, 192.0.2.2 and 2001:db8::1, for a minute
 *   v4.test       192.0.2.4 alone
 *   short.test    192.0.2.5, for a second
 *   alias.test    an alias of both.test
 *   big.test      40 addresses, by TCP alone
 *   slow.test     as v4.test, but the first n_to_drop questions are lost
 *   half.test     192.0.2.6; asked for IPv6 it does not answer
 *   broken.test   the server fails
 *   silent.test   no answer, ever
 *   192.0.2.1     named.test
 * and no others. */
#ifndef RONDO_TESTS_NAME_SERVER_H
#define RONDO_TESTS_NAME_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>

#include "rondo/file.h"
#include "rondo/socket.h"
#include "rondo/udp.h"
#include "support/step.h"

enum { DNS_A = 1, DNS_CNAME = 5, DNS_PTR = 12, DNS_AAAA = 28 };
enum { DNS_SERVER_FAILED = 2, DNS_NO_SUCH_NAME = 3, N_BIG = 40 };

struct name_server {
	const char *address;
	rondo_udp *udp;
	int listener;
	uint16_t port;
	unsigned n_udp, n_tcp;		/* questions */
	unsigned n_to_drop;
	rondo_task *udp_task, *tcp_task;
};

struct dns_packet {
	uint8_t bytes[2048];
	size_t n;
};

static inline void put16(struct dns_packet *p, unsigned value)
{
	p->bytes[p->n++] = (uint8_t)(value >> 8);
	p->bytes[p->n++] = (uint8_t)value;
}

static inline void put_name(struct dns_packet *p, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		p->bytes[p->n++] = (uint8_t)n;
		memcpy(&p->bytes[p->n], name, n);
		p->n += n;
		name += n + (name[n] == '.');
	}
	p->bytes[p->n++] = 0;
}

/* One more answer, about the name at an offset. */
static inline void put_answer(struct dns_packet *p, unsigned owner, int type, unsigned ttl,
			      const void *data, size_t size)
{
	put16(p, 0xc000 | owner);
	put16(p, (unsigned)type);
	put16(p, 1);
	put16(p, ttl >> 16);
	put16(p, ttl);
	put16(p, (unsigned)size);
	memcpy(&p->bytes[p->n], data, size);
	p->n += size;
	p->bytes[7]++;
}

static inline void put_v4(struct dns_packet *p, unsigned owner, unsigned last, unsigned ttl)
{
	const uint8_t a[4] = { 192, 0, 2, (uint8_t)last };

	put_answer(p, owner, DNS_A, ttl, a, sizeof(a));
}

/* The name and the type that are asked for; the offset of what comes behind, or 0. */
static inline size_t read_question(const uint8_t *q, size_t n, char name[256], int *type)
{
	size_t at = 12, out = 0;

	while (at < n && q[at] && at + q[at] + 5 < n && out + q[at] + 1 < 255) {
		for (unsigned i = 1; i <= q[at]; i++)
			name[out++] = (char)(q[at + i] | (q[at + i] >= 'A' && q[at + i] <= 'Z') << 5);
		name[out++] = '.';
		at += q[at] + 1u;
	}
	name[out ? out - 1 : 0] = '\0';
	if (at + 5 > n)
		return 0;
	*type = q[at + 1] << 8 | q[at + 2];
	return at + 5;
}

static inline void answer_addresses(struct dns_packet *p, const char *name, int type)
{
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	struct dns_packet target = { .n = 0 };
	unsigned owner = 12;

	if (strcmp(name, "alias.test") == 0) {
		put_name(&target, "both.test");
		put_answer(p, 12, DNS_CNAME, 30, target.bytes, target.n);
		owner = (unsigned)(p->n - target.n);
	}
	if (strcmp(name, "both.test") == 0 || owner != 12) {
		if (type == DNS_AAAA)
			put_answer(p, owner, DNS_AAAA, 60, v6, sizeof(v6));
		for (unsigned i = 1; i <= 2 && type == DNS_A; i++)
			put_v4(p, owner, i, 60);
	}
	if (type != DNS_A)
		return;
	if (strcmp(name, "v4.test") == 0 || strcmp(name, "slow.test") == 0)
		put_v4(p, 12, 4, 60);
	if (strcmp(name, "short.test") == 0)
		put_v4(p, 12, 5, 1);
	if (strcmp(name, "half.test") == 0)
		put_v4(p, 12, 6, 60);
	for (unsigned i = 0; i < N_BIG && strcmp(name, "big.test") == 0; i++)
		put_v4(p, 12, 100 + i, 60);
}

static inline bool is_known(const char *name)
{
	static const char *const names[] = { "both.test", "v4.test", "short.test", "alias.test",
					     "big.test", "slow.test", "half.test", "silent.test" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Make the answer of a question. Returns false if there is none. */
static inline bool answer(struct name_server *s, const uint8_t *q, size_t n, bool tcp,
			  struct dns_packet *p)
{
	struct dns_packet target = { .n = 0 };
	char name[256];
	int type, code = 0;
	size_t end = read_question(q, n, name, &type);

	if (!end || strcmp(name, "silent.test") == 0 ||
	    (strcmp(name, "half.test") == 0 && type == DNS_AAAA))
		return false;
	if (strcmp(name, "slow.test") == 0 && s->n_to_drop && s->n_to_drop--)
		return false;
	memcpy(p->bytes, q, end);
	p->n = end;
	memset(&p->bytes[6], 0, 6);
	p->bytes[2] = 0x81;
	if (strcmp(name, "big.test") == 0 && type == DNS_A && !tcp) {
		p->bytes[2] |= 2;
	} else if (strcmp(name, "1.2.0.192.in-addr.arpa") == 0 && type == DNS_PTR) {
		put_name(&target, "named.test");
		put_answer(p, 12, DNS_PTR, 60, target.bytes, target.n);
	} else if (strcmp(name, "broken.test") == 0) {
		code = DNS_SERVER_FAILED;
	} else if (is_known(name)) {
		answer_addresses(p, name, type);
	} else {
		code = DNS_NO_SUCH_NAME;
	}
	p->bytes[3] = (uint8_t)(0x80 | code);
	return true;
}

static inline int serve_udp(void *arg)
{
	struct name_server *s = arg;
	struct rondo_udp_address from;
	struct dns_packet p;
	uint8_t q[512];

	for (;;) {
		ssize_t n = rondo_udp_recv_from(s->udp, q, sizeof(q), &from);

		if (n < 0)
			return (int)n;
		s->n_udp++;
		if (answer(s, q, (size_t)n, false, &p))
			n = rondo_udp_send_to(s->udp, p.bytes, p.n, &from);
		if (n == -ECANCELED)
			return -ECANCELED;
	}
}

static inline int serve_connection(struct name_server *s, int fd)
{
	uint8_t q[514], size[2];
	struct dns_packet p;
	int ret;

	for (;;) {
		ret = rondo_recv_exactly(fd, q, 2, NULL);
		if (ret < 0 || q[0] > 1)
			return ret;
		ret = rondo_recv_exactly(fd, q + 2, (size_t)(q[0] << 8 | q[1]), NULL);
		if (ret < 0)
			return ret;
		s->n_tcp++;
		if (!answer(s, q + 2, (size_t)(q[0] << 8 | q[1]), true, &p))
			continue;
		size[0] = (uint8_t)(p.n >> 8);
		size[1] = (uint8_t)p.n;
		ret = rondo_send_all(fd, size, 2, NULL);	/* in two pieces, as it may come */
		if (ret == 0)
			ret = rondo_send_all(fd, p.bytes, p.n, NULL);
		if (ret < 0)
			return ret;
	}
}

static inline int serve_tcp(void *arg)
{
	struct name_server *s = arg;

	for (;;) {
		int ret, fd = rondo_accept(s->listener, NULL, NULL);

		if (fd == -EMFILE && rondo_sleep(0.1) == 0)
			continue;	/* who waits is still there */
		if (fd < 0)
			return fd;
		ret = serve_connection(s, fd);
		rondo_close(fd);
		if (ret == -ECANCELED)
			return ret;
	}
}

/* Both on one port; that which UDP was given may be taken for TCP. */
static inline int name_server_bind(struct name_server *s, const char *address, uint16_t port)
{
	int ret;

	for (int i = 0; i < 20; i++) {
		ret = rondo_udp_open(address, port, NULL, &s->udp);
		if (ret < 0)
			return ret;
		s->port = (uint16_t)rondo_udp_port(s->udp);
		s->listener = rondo_listen_tcp(address, s->port, NULL);
		if (s->listener >= 0)
			return 0;
		rondo_udp_close(s->udp);
	}
	return s->listener;
}

static inline int name_server_start(struct name_server *s, const char *address, uint16_t port)
{
	int ret;

	*s = (struct name_server){ .address = address };
	ret = name_server_bind(s, address, port);
	if (ret < 0)
		return ret;
	s->udp_task = rondo_create_task(serve_udp, s);
	s->tcp_task = rondo_create_task(serve_tcp, s);
	return 0;
}

static inline void name_server_stop(struct name_server *s)
{
	rondo_cancel(s->udp_task);
	rondo_cancel(s->tcp_task);
	rondo_await(s->udp_task);
	rondo_await(s->tcp_task);
	rondo_udp_close(s->udp);
	rondo_close(s->listener);
}
#endif
