/* SPDX-License-Identifier: MIT */
/* What needs no name server: numbers, ports, this machine, /etc/hosts, the list that comes out. */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include "rondo/dns.h"
#include "rondo/loop.h"
#include "rondo_sim.h"
#include "support/step.h"

/* "2 10.0.0.1 80 1/6, ...": family, address, port, type and protocol of each entry. */
static int list_as_text(const struct addrinfo *list, char *text, size_t size)
{
	size_t n = 0;

	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		char host[64], port[8];

		if (getnameinfo(a->ai_addr, a->ai_addrlen, host, sizeof(host), port, sizeof(port),
				NI_NUMERICHOST | NI_NUMERICSERV) != 0)
			return -1;
		n += (size_t)snprintf(text + n, size - n, "%s%s %s %d/%d", n ? ", " : "", host, port,
				      a->ai_socktype, a->ai_protocol);
	}
	return 0;
}

struct question {
	const char *host, *service;
	struct addrinfo hints;
	int expected;
	const char *list;
};

static int ask(void *arg)
{
	const struct question *q = arg;
	struct addrinfo *list = NULL;
	struct rondo_loop_stats before, after;
	char text[512] = "";
	int ret;

	rondo_loop_stats(&before);
	ret = rondo_getaddrinfo(q->host, q->service, &q->hints, &list);
	rondo_loop_stats(&after);
	CHECK_EQUAL(ret, q->expected);
	if (ret == 0)
		CHECK_EQUAL(list_as_text(list, text, sizeof(text)), 0);
	if (q->list && strcmp(text, q->list) != 0)
		print_error("%s:%s gave \"%s\"\n", q->host, q->service, text);
	CHECK(!q->list || strcmp(text, q->list) == 0);
	/* A2: it never left the task. */
	CHECK_EQUAL(before.n_turns, after.n_turns);
	CHECK_EQUAL(before.n_submitted, after.n_submitted);
	rondo_freeaddrinfo(list);
	return 0;
}

static void ask_all(const struct question *all, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_run(ask, (void *)(uintptr_t)&all[i], 0);
}

#define ASK_ALL(all) ask_all(all, sizeof(all) / sizeof(all[0]))

/* A2 */
static void test_numbers_are_answered_without_a_wait(void **state)
{
	static const struct addrinfo stream = { .ai_socktype = SOCK_STREAM };
	static const struct addrinfo v4 = { .ai_socktype = SOCK_STREAM, .ai_family = AF_INET };
	static const struct addrinfo v6 = { .ai_socktype = SOCK_STREAM, .ai_family = AF_INET6 };
	static const struct addrinfo mapped = { .ai_socktype = SOCK_STREAM, .ai_family = AF_INET6,
						.ai_flags = AI_V4MAPPED };
	const struct question all[] = {
		{ "192.0.2.1", "80", stream, 0, "192.0.2.1 80 1/6" },
		{ "192.0.2.1", "80", v4, 0, "192.0.2.1 80 1/6" },
		{ "2001:db8::1", "443", v6, 0, "2001:db8::1 443 1/6" },
		{ "192.0.2.1", "80", v6, -EAFNOSUPPORT, "" },
		{ "2001:db8::1", "80", v4, -EAFNOSUPPORT, "" },
		{ "192.0.2.1", "80", mapped, 0, "::ffff:192.0.2.1 80 1/6" },
		{ "192.0.2.1", "", stream, 0, "192.0.2.1 0 1/6" },
		{ "192.0.2.1", NULL, stream, 0, "192.0.2.1 0 1/6" },
		{ "192.0.2.1", "65535", stream, 0, "192.0.2.1 65535 1/6" },
		{ "192.0.2.1", "65536", stream, -RONDO_ENOTFOUND, "" },
		{ "::1%lo", "1", stream, 0, NULL },
		{ "192.0.2.1", "7", { 0 }, 0,
		  "192.0.2.1 7 1/6, 192.0.2.1 7 2/17, 192.0.2.1 7 3/0" },
	};

	(void)state;
	ASK_ALL(all);
}

static void test_hints_that_make_no_sense_are_refused(void **state)
{
	static const struct question all[] = {
		{ NULL, NULL, { 0 }, -RONDO_ENOTFOUND, "" },
		{ "192.0.2.1", "80", { .ai_family = AF_UNIX }, -EAFNOSUPPORT, "" },
		{ "192.0.2.1", "80", { .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_UDP },
		  -ESOCKTNOSUPPORT, "" },
		{ "a.name", "80", { .ai_flags = AI_NUMERICHOST }, -RONDO_ENOTFOUND, "" },
		{ "192.0.2.1", "http", { .ai_flags = AI_NUMERICSERV }, -RONDO_ENOTFOUND, "" },
		{ "", "80", { 0 }, -RONDO_ENOTFOUND, "" },
		{ NULL, "80", { .ai_flags = AI_CANONNAME }, -EINVAL, "" },
	};

	(void)state;
	ASK_ALL(all);
}

static void test_no_host_is_this_machine(void **state)
{
	static const struct question all[] = {
		{ NULL, "80", { .ai_socktype = SOCK_STREAM }, 0, "::1 80 1/6, 127.0.0.1 80 1/6" },
		{ NULL, "80", { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, 0,
		  ":: 80 1/6, 0.0.0.0 80 1/6" },
		{ NULL, "80", { .ai_socktype = SOCK_DGRAM, .ai_family = AF_INET,
				.ai_flags = AI_PASSIVE }, 0, "0.0.0.0 80 2/17" },
	};

	(void)state;
	ASK_ALL(all);
}

/* A2: IPv6 scope */
static int scoped(void *arg)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	const struct addrinfo numeric = { .ai_flags = AI_NUMERICHOST };
	struct addrinfo *list;
	const struct sockaddr_in6 *a;

	(void)arg;
	CHECK_EQUAL(rondo_getaddrinfo("fe80::1%lo", "9", &hints, &list), 0);
	a = (const void *)list->ai_addr;
	CHECK_EQUAL(a->sin6_scope_id, if_nametoindex("lo"));
	rondo_freeaddrinfo(list);
	CHECK_EQUAL(rondo_getaddrinfo("fe80::1%7", "9", &hints, &list), 0);
	a = (const void *)list->ai_addr;
	CHECK_EQUAL(a->sin6_scope_id, 7);
	rondo_freeaddrinfo(list);
	CHECK_EQUAL(rondo_getaddrinfo("fe80::1%4294967297", "9", &numeric, &list), -RONDO_ENOTFOUND);
	CHECK_EQUAL(rondo_getaddrinfo("fe80::1%0", "9", &numeric, &list), -RONDO_ENOTFOUND);
	CHECK_EQUAL(rondo_getaddrinfo("fe80::1%+7", "9", &numeric, &list), -RONDO_ENOTFOUND);
	CHECK_EQUAL(rondo_getaddrinfo("fe80::1%nosuch0", "9", &numeric, &list), -RONDO_ENOTFOUND);
	return 0;
}

/* The simulated kernel's interfaces, which no real one has. */
static int scoped_in_the_simulation(void *arg)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	struct addrinfo *list;
	char host[64];

	(void)arg;
	CHECK_EQUAL(rondo_getaddrinfo("fe80::1%sim0", "9", &hints, &list), 0);
	CHECK_EQUAL(((const struct sockaddr_in6 *)(const void *)list->ai_addr)->sin6_scope_id, 2);
	CHECK_EQUAL(rondo_getnameinfo(list->ai_addr, list->ai_addrlen, host, sizeof(host), NULL, 0,
				      NI_NUMERICHOST), 0);
	CHECK_EQUAL(strcmp(host, "fe80::1%sim0"), 0);
	rondo_freeaddrinfo(list);
	return 0;
}

static void test_an_address_may_have_a_scope(void **state)
{
	(void)state;
	assert_run(scoped, NULL, 0);
}

static void test_a_scope_is_one_of_the_simulated_kernels(void **state)
{
	const struct rondo_sim_options o = { .seed = 1, .no_faults = true,
					     .on_failure = rondo_sim_print_failure };
	int ret = rondo_sim_run(&o, scoped_in_the_simulation, NULL);

	(void)state;
	assert_checks_passed();
	assert_int_equal(ret, 0);
}

/* A1: /etc/hosts, or where it has none, RFC 6761. */
static int find_localhost(void *arg)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = AF_INET,
					.ai_flags = AI_CANONNAME };
	struct addrinfo *list;
	char text[128];

	(void)arg;
	CHECK_EQUAL(rondo_getaddrinfo("LocalHost", "1", &hints, &list), 0);
	CHECK_EQUAL(list_as_text(list, text, sizeof(text)), 0);
	CHECK(strstr(text, "127.0.0.1 1 1/6"));
	CHECK(list->ai_canonname && strcasecmp(list->ai_canonname, "localhost") == 0);
	rondo_freeaddrinfo(list);
	CHECK_EQUAL(rondo_getaddrinfo("some.localhost.", "1", &hints, &list), 0);
	rondo_freeaddrinfo(list);
	return 0;
}

static void test_localhost_is_in_the_hosts_file(void **state)
{
	(void)state;
	assert_run(find_localhost, NULL, 0);
}

static int name_numbers(void *arg)
{
	const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(81),
					 .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	const struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(82),
					.sin_addr.s_addr = htonl(0xc0000201) };
	const int numeric = NI_NUMERICHOST | NI_NUMERICSERV;
	const struct sockaddr *a4 = (const void *)&v4, *a6 = (const void *)&v6;
	char host[64], service[32];

	(void)arg;
	CHECK_EQUAL(rondo_getnameinfo(a6, sizeof(v6), host, 64, service, 32, numeric), 0);
	CHECK(strcmp(host, "::1") == 0 && strcmp(service, "81") == 0);
	CHECK_EQUAL(rondo_getnameinfo(a4, sizeof(v4), host, 64, service, 32, numeric), 0);
	CHECK(strcmp(host, "192.0.2.1") == 0 && strcmp(service, "82") == 0);
	CHECK_EQUAL(rondo_getnameinfo(a4, sizeof(v4), host, 5, NULL, 0, numeric), -ENOSPC);
	CHECK_EQUAL(rondo_getnameinfo(a4, sizeof(v4), NULL, 0, service, 2, numeric), -ENOSPC);
	CHECK_EQUAL(rondo_getnameinfo(a4, 3, host, 64, NULL, 0, numeric), -EAFNOSUPPORT);
	CHECK_EQUAL(rondo_getnameinfo(a6, sizeof(v6), host, 64, NULL, 0, NI_NAMEREQD), 0);
	CHECK(strstr(host, "localhost"));
	return 0;
}

static void test_addresses_have_names(void **state)
{
	(void)state;
	assert_run(name_numbers, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_are_answered_without_a_wait),
		cmocka_unit_test(test_hints_that_make_no_sense_are_refused),
		cmocka_unit_test(test_no_host_is_this_machine),
		cmocka_unit_test(test_an_address_may_have_a_scope),
		cmocka_unit_test(test_a_scope_is_one_of_the_simulated_kernels),
		cmocka_unit_test(test_localhost_is_in_the_hosts_file),
		cmocka_unit_test(test_addresses_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
