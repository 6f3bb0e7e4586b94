/* SPDX-License-Identifier: MIT */
/* test_dns_matrix.c - goal: looking for names and addresses is an await like any other: cancelled before,
 * while parked and in every race with the answer, with and without a deadline. Method: the matrix, over
 * a name server that is two plain sockets and answers when the matrix says so; and libc in threads. */
#include "support/matrix.h"
#include "stream/name_server.h"

#include "rondo/dns.h"
#include "stream/dns.h"

/* One kind of lookup, and what the server has to do for it. */
struct lookup {
	const char *name;		/* of the verb */
	const char *host;		/* NULL: the name of 192.0.2.1 */
	int family;
	unsigned n_questions;		/* by UDP */
	bool tcp;			/* and one more, by TCP */
	int fd, listener;		/* the server's */
	uint16_t port;
	bool is_over;			/* the call has returned */
};

/* --- the call -------------------------------------------------------------------------------- */

static int find_addresses(const struct lookup *l)
{
	const struct addrinfo hints = { .ai_family = l->family, .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	int n = 0, ret = rondo_getaddrinfo(l->host, "80", &hints, &list);

	if (ret < 0)
		return ret;
	for (const struct addrinfo *a = list; a; a = a->ai_next)
		n++;
	rondo_freeaddrinfo(list);
	return n;
}

static int find_name(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	char host[64];
	int ret;

	inet_pton(AF_INET, "192.0.2.1", &a.sin_addr);
	ret = rondo_getnameinfo((const void *)&a, sizeof(a), host, sizeof(host), NULL, 0, 0);
	return ret < 0 ? ret : strcmp(host, "named.test") == 0 ? 1 : -1;
}

/* Nothing is asked twice, however slow this machine is. */
static int look(void *ctx)
{
	struct lookup *l = ctx;
	char servers[32];
	const struct rondo_dns_options o = {
		.resolver = RONDO_DNS_CARES, .servers = servers, .no_cache = true, .no_search = true,
		.timeout_seconds = 3600,
	};
	int ret;

	snprintf(servers, sizeof(servers), "127.0.0.1:%u", l->port);
	if (rondo_dns_configure(&o) < 0)
		return -1;
	l->is_over = false;
	ret = l->host ? find_addresses(l) : find_name();
	l->is_over = true;
	return ret;
}

/* --- the server ------------------------------------------------------------------------------ */

/* Read what is there, or let others run until something is; 0: the call is over. */
static ssize_t await_bytes(const struct lookup *l, int fd, void *buf, size_t size,
			   struct sockaddr_in *from)
{
	socklen_t from_size = sizeof(*from);

	while (!l->is_over) {
		ssize_t n = recvfrom(fd, buf, size, MSG_DONTWAIT, (struct sockaddr *)from, &from_size);

		if (n >= 0 || errno != EAGAIN)
			return n < 0 ? -errno : n;
		if (rondo_yield() < 0)
			return -ECANCELED;
	}
	return 0;
}

static int await_connection(const struct lookup *l)
{
	while (!l->is_over) {
		int fd = accept4(l->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0 || errno != EAGAIN)
			return fd < 0 ? -errno : fd;
		if (rondo_yield() < 0)
			return -ECANCELED;
	}
	return -ENOTCONN;
}

static int answer_by_udp(const struct lookup *l)
{
	struct name_server none = { .address = NULL };
	struct sockaddr_in from = { .sin_port = 0 };
	struct dns_packet p;
	uint8_t q[512];
	ssize_t n = await_bytes(l, l->fd, q, sizeof(q), &from);

	if (n <= 0)
		return (int)n;
	CHECK(answer(&none, q, (size_t)n, false, &p));
	CHECK_EQUAL(sendto(l->fd, p.bytes, p.n, MSG_DONTWAIT, (struct sockaddr *)&from, sizeof(from)),
		    p.n);
	return 0;
}

static int answer_by_tcp(const struct lookup *l)
{
	struct name_server none = { .address = NULL };
	struct sockaddr_in from;
	struct dns_packet p;
	uint8_t q[514];
	ssize_t n = 0, got;
	int fd = await_connection(l);

	if (fd < 0)
		return fd == -ENOTCONN ? 0 : fd;
	do {
		got = await_bytes(l, fd, q + n, sizeof(q) - (size_t)n, &from);
		n += got > 0 ? got : 0;
	} while (got > 0 && (n < 2 || n < 2 + (q[0] << 8 | q[1])));
	if (got > 0) {
		CHECK(answer(&none, q + 2, (size_t)n - 2, true, &p));
		memmove(p.bytes + 2, p.bytes, p.n);
		p.bytes[0] = (uint8_t)(p.n >> 8);
		p.bytes[1] = (uint8_t)p.n;
		CHECK_EQUAL(send(fd, p.bytes, p.n + 2, MSG_NOSIGNAL), p.n + 2);
	}
	close(fd);
	return got < 0 && got != -ECONNRESET ? (int)got : 0;
}

static int finish(void *ctx)
{
	const struct lookup *l = ctx;
	int ret = 0;

	for (unsigned i = 0; i < l->n_questions && ret == 0; i++)
		ret = answer_by_udp(l);
	return ret == 0 && l->tcp ? answer_by_tcp(l) : ret;
}

static int prepare(void *ctx)
{
	struct lookup *l = ctx;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);

	l->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	l->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(l->listener, (struct sockaddr *)&at, size) < 0 || listen(l->listener, 10) < 0 ||
	    getsockname(l->listener, (struct sockaddr *)&at, &size) < 0)
		return -1;
	if (bind(l->fd, (struct sockaddr *)&at, size) < 0) {	/* taken by somebody else: another one */
		close(l->fd);
		close(l->listener);
		return prepare(ctx);
	}
	l->port = ntohs(at.sin_port);
	return 0;
}

static void clean(void *ctx)
{
	const struct lookup *l = ctx;

	close(l->fd);
	close(l->listener);
}

/* A1: what asyncio's threads cannot do. */
static void test_lookups_in_the_matrix(void **state)
{
	static struct lookup lookups[] = {
		{ .name = "addresses", .host = "v4.test", .family = AF_INET, .n_questions = 1 },
		{ .name = "addresses of both families", .host = "both.test", .n_questions = 2 },
		{ .name = "addresses by TCP", .host = "big.test", .family = AF_INET, .n_questions = 1,
		  .tcp = true },
		{ .name = "a name", .n_questions = 1 },
	};
	static const int results[] = { 1, 3, N_BIG, 1 };

	(void)state;
	if (!rondo__dns_has_cares) {
		print_message("built without c-ares\n");
		skip();
	}
	for (int i = 0; i < 4; i++) {
		const struct matrix_verb v = {
			.start = look, .finish = finish, .prepare = prepare, .clean = clean,
			.ctx = &lookups[i], .result = results[i], .once = true,
		};

		matrix_check(lookups[i].name, &v);
	}
}

/* --- libc, in threads ------------------------------------------------------------------------ */

static int ask_libc_for_a_name(void *ctx)
{
	const struct dns_address loopback = { .family = AF_INET,
					      .bytes.v4.s_addr = htonl(INADDR_LOOPBACK) };
	char name[DNS_NAME_MAX];
	int ret = rondo__dns_libc_name(rondo__dns(rondo__loop), &loopback, name, sizeof(name));

	(void)ctx;
	/* Not everywhere does libc know a name, or whom to ask. */
	return ret == -RONDO_ENOTFOUND || ret == -RONDO_EDNS ? 0 : ret;
}

static void test_names_by_libc_in_the_matrix(void **state)
{
	const struct matrix_verb v = { .start = ask_libc_for_a_name };

	(void)state;
	skip_threads_under_valgrind();
	matrix_check("getnameinfo in a thread", &v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookups_in_the_matrix),
		cmocka_unit_test(test_names_by_libc_in_the_matrix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
