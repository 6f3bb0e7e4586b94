/* SPDX-License-Identifier: MIT */
/* test_socket_tcp.c - the helpers of socket.c that listen and connect by numeric address. Goal:
 * every form of address that is one works and no other does; ports are shared only when asked for;
 * a server can restart at once. Method: loopback, free ports. */
#include "net.h"

#include <netinet/tcp.h>
#include <sys/syscall.h>

#include "rondo/file.h"
#include "rondo/socket.h"

static int port_of(int fd)
{
	union net_address a;
	socklen_t size = sizeof(a);

	if (rondo_getsockname(fd, &a.any, &size) < 0)
		return -1;
	return ntohs(a.any.sa_family == AF_INET6 ? a.v6.sin6_port : a.v4.sin_port);
}

static int can_be_reached(int listener, const char *host)
{
	int on = 0, fd, client = rondo_connect_tcp(host, (uint16_t)port_of(listener));
	socklen_t size = sizeof(on);

	CHECK(client >= 0);
	CHECK(net_is_cloexec(client));
	CHECK_EQUAL(rondo_getsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
	CHECK_EQUAL(on, 1);
	fd = rondo_accept(listener, NULL, NULL);
	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_close(fd) | rondo_close(client), 0);
	return 0;
}

static int listen_everywhere(void *arg)
{
	bool has_v6 = *(bool *)arg;
	int v4 = rondo_listen_tcp("127.0.0.1", 0, NULL), all = rondo_listen_tcp(NULL, 0, NULL), v6;

	CHECK(v4 >= 0 && all >= 0);
	CHECK(net_is_cloexec(v4));
	CHECK_EQUAL(can_be_reached(v4, "127.0.0.1"), 0);
	CHECK_EQUAL(can_be_reached(all, "127.0.0.1"), 0);
	CHECK_EQUAL(rondo_close(v4), 0);
	if (has_v6) {
		v6 = rondo_listen_tcp("::1", 0, NULL);
		CHECK(v6 >= 0);
		CHECK_EQUAL(can_be_reached(v6, "::1"), 0);
		CHECK_EQUAL(can_be_reached(v6, "::1%1"), 0);
		CHECK_EQUAL(can_be_reached(all, "::1"), 0);
		CHECK_EQUAL(rondo_close(v6), 0);
	}
	return rondo_close(all);
}

static void test_listening_and_connecting_by_numeric_address(void **state)
{
	int probe = rondo_listen_tcp("::1", 0, NULL);	/* also: outside a loop */
	bool has_v6 = probe >= 0;

	(void)state;
	net_close(probe);
	if (!has_v6)
		print_message("the IPv6 half is left out: this machine has no ::1\n");
	net_run(listen_everywhere, &has_v6);
}

static int bad_hosts(void *arg)
{
	static const char *const hosts[] = {
		"", "localhost", "1.2.3", "1.2.3.4.5", "256.1.1.1", "127.0.0.1 ", "::1%", "::1%lo",
		"::1%0", "::1%99999999999", "::1%1x", "[::1]", ":::", "%1",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee:ffff",
	};

	(void)arg;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		CHECK_EQUAL(rondo_listen_tcp(hosts[i], 0, NULL), -EINVAL);
		CHECK_EQUAL(rondo_connect_tcp(hosts[i], 1), -EINVAL);
	}
	return 0;
}

static void test_what_is_no_numeric_address_is_refused(void **state)
{
	(void)state;
	net_run(bad_hosts, NULL);
}

static int share_a_port(void *arg)
{
	const struct rondo_listen_options shared = { .reuse_port = true };
	int first = rondo_listen_tcp("127.0.0.1", 0, NULL);
	int second = rondo_listen_tcp("127.0.0.1", 0, &shared), third;

	(void)arg;
	CHECK_EQUAL(rondo_listen_tcp("127.0.0.1", (uint16_t)port_of(first), NULL), -EADDRINUSE);
	CHECK_EQUAL(rondo_listen_tcp("127.0.0.1", (uint16_t)port_of(first), &shared), -EADDRINUSE);
	third = rondo_listen_tcp("127.0.0.1", (uint16_t)port_of(second), &shared);
	CHECK(third >= 0);
	CHECK_EQUAL(rondo_close(first) | rondo_close(second) | rondo_close(third), 0);
	return 0;
}

static void test_a_port_is_shared_only_when_all_ask_for_it(void **state)
{
	(void)state;
	net_run(share_a_port, NULL);
}

/* A connection that the server closed first lingers; a new server may have its port all the
 * same. */
static int listen_over_the_lingering(bool reuse, const struct rondo_listen_options *o)
{
	int listener = rondo_listen_tcp("127.0.0.1", 0, o), port = port_of(listener);
	int client = rondo_connect_tcp("127.0.0.1", (uint16_t)port);
	int fd = rondo_accept(listener, NULL, NULL), again;

	CHECK(client >= 0 && fd >= 0);
	CHECK_EQUAL(rondo_close(fd) | rondo_close(listener), 0);
	CHECK_EQUAL(rondo_recv(client, &(char){ 0 }, 1, 0), 0);
	CHECK_EQUAL(rondo_close(client), 0);
	again = rondo_listen_tcp("127.0.0.1", (uint16_t)port, o);
	CHECK(reuse ? again >= 0 : again == -EADDRINUSE);
	net_close(again);
	return 0;
}

static int linger(void *arg)
{
	const struct rondo_listen_options no_reuse = { .no_reuse_addr = true };

	(void)arg;
	CHECK_EQUAL(listen_over_the_lingering(true, NULL), 0);
	CHECK_EQUAL(listen_over_the_lingering(false, &no_reuse), 0);
	return 0;
}

static void test_a_server_may_restart_while_old_connections_linger(void **state)
{
	(void)state;
	net_run(linger, NULL);
}

/* --- a machine without IPv6 ---------------------------------------------------------------------- */

static int no_v6_error;			/* of the socket, or of the bind */

static long no_v6_call(const struct kernel *k, long number, long a, long b, long c, long d, long e,
		       long f)
{
	const struct sockaddr *address = (const void *)b;

	if (number == SYS_socket && a == AF_INET6 && no_v6_error == -EAFNOSUPPORT)
		return no_v6_error;
	if (number == SYS_bind && address->sa_family == AF_INET6)
		return no_v6_error;
	return rondo__kernel_linux.call(k, number, a, b, c, d, e, f);
}

static int listens_without_v6(void *arg)
{
	int all = rondo_listen_tcp(NULL, 0, NULL);

	if (no_v6_error == -EACCES) {
		CHECK_EQUAL(all, -EACCES);	/* that is no reason to try another way */
		return 0;
	}
	(void)arg;
	CHECK(all >= 0);
	CHECK_EQUAL(can_be_reached(all, "127.0.0.1"), 0);
	return rondo_close(all);
}

static void test_without_ipv6_everywhere_is_ipv4(void **state)
{
	static const int how[] = { -EAFNOSUPPORT, -EADDRNOTAVAIL, -EACCES };
	struct kernel k = rondo__kernel_linux;
	int n_fds = count_fds();

	(void)state;
	k.call = no_v6_call;
	for (size_t i = 0; i < 3; i++) {
		no_v6_error = how[i];
		assert_int_equal(rondo__run_on(&k, NULL, listens_without_v6, NULL), 0);
		assert_checks_passed();
		assert_int_equal(count_fds(), n_fds);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_listening_and_connecting_by_numeric_address),
		cmocka_unit_test(test_what_is_no_numeric_address_is_refused),
		cmocka_unit_test(test_a_port_is_shared_only_when_all_ask_for_it),
		cmocka_unit_test(test_a_server_may_restart_while_old_connections_linger),
		cmocka_unit_test(test_without_ipv6_everywhere_is_ipv4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
