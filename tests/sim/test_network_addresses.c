/* SPDX-License-Identifier: MIT */
/* test_network_addresses.c - addresses, ports and options of simulated sockets. Goal: who may have
 * which port, and what an address looks like, is as Linux has it. Method: small programs that must
 * hold on the real kernel and on simulated ones. */
#include "sim/pairs.h"

enum { N_CALM = 20 };

static int accept_on_all(void *arg)
{
	int port, listener = listen_at(NULL, &port), fds[2];
	union address a = { 0 };
	socklen_t len = sizeof(a);

	(void)arg;
	CHECK(listener >= 0);
	fds[0] = rondo_connect_tcp("127.0.0.1", (uint16_t)port);
	CHECK(fds[0] >= 0);
	fds[1] = rondo_accept(listener, &a.any, &len);
	CHECK(fds[1] >= 0);
	CHECK_EQUAL(len, sizeof(a.v6));
	CHECK(IN6_IS_ADDR_V4MAPPED(&a.v6.sin6_addr) && a.v6.sin6_addr.s6_addr[12] == 127);
	CHECK_EQUAL(ntohs(a.v6.sin6_port), port_of(fds[0]));
	CHECK_EQUAL(close_both(fds), 0);
	fds[0] = rondo_connect_tcp("::1", (uint16_t)port);
	CHECK(fds[0] >= 0);
	len = sizeof(a);
	fds[1] = rondo_accept(listener, &a.any, &len);
	CHECK(fds[1] >= 0 && IN6_IS_ADDR_LOOPBACK(&a.v6.sin6_addr));
	len = sizeof(a.v4);
	CHECK_EQUAL(rondo_getpeername(fds[0], &a.any, &len), 0);
	CHECK_EQUAL(len, sizeof(a.v6));		/* how long it is, not what was written */
	CHECK_EQUAL(ntohs(a.v6.sin6_port), port);
	CHECK_EQUAL(rondo_close(listener), 0);
	return close_both(fds);
}

static void test_a_listener_on_all_hears_ipv4_and_ipv6(void **state)
{
	(void)state;
	seeds_run_both(accept_on_all, NULL);
}

static int bind_to(const char *host, int port, bool reuse)
{
	struct rondo_listen_options o = { .no_reuse_addr = !reuse };
	int fd = rondo_listen_tcp(host, (uint16_t)port, &o);

	return fd < 0 ? fd : rondo_close(fd);
}

static int ports_in_use(void *arg)
{
	const struct rondo_listen_options shared = { .reuse_port = true };
	int port, fd, other, listener = listen_at("127.0.0.1", &port);

	(void)arg;
	CHECK(listener >= 0);
	CHECK_EQUAL(bind_to("127.0.0.1", port, false), -EADDRINUSE);
	CHECK_EQUAL(bind_to("127.0.0.1", port, true), -EADDRINUSE);
	CHECK_EQUAL(bind_to("0.0.0.0", port, true), -EADDRINUSE);
	CHECK_EQUAL(bind_to(NULL, port, true), -EADDRINUSE);
	CHECK_EQUAL(bind_to("127.0.0.2", port, true), 0);
	CHECK_EQUAL(bind_to("::1", port, true), 0);
	CHECK_EQUAL(bind_to("192.0.2.1", 0, true), -EADDRNOTAVAIL);
	CHECK_EQUAL(rondo_close(listener), 0);
	fd = rondo_listen_tcp("127.0.0.1", 0, &shared);
	CHECK(fd >= 0);
	other = rondo_listen_tcp("127.0.0.1", (uint16_t)port_of(fd), &shared);
	CHECK(other >= 0);
	CHECK_EQUAL(rondo_close(fd), 0);
	return rondo_close(other);
}

static void test_a_port_is_given_to_one_unless_shared(void **state)
{
	(void)state;
	seeds_run_both(ports_in_use, NULL);
}

/* Whoever closed first keeps the port for a while, unless SO_REUSEADDR. */
static int linger_in_time_wait(void *arg)
{
	int port, fds[2], listener = listen_at("127.0.0.1", &port);
	char c;

	(void)arg;
	CHECK(listener >= 0);
	fds[0] = rondo_connect_tcp("127.0.0.1", (uint16_t)port);
	fds[1] = rondo_accept(listener, NULL, NULL);
	CHECK(fds[0] >= 0 && fds[1] >= 0);
	CHECK_EQUAL(rondo_close(listener), 0);
	CHECK_EQUAL(rondo_close(fds[1]), 0);
	CHECK_EQUAL(rondo_recv(fds[0], &c, 1, 0), 0);
	CHECK_EQUAL(rondo_close(fds[0]), 0);
	CHECK_EQUAL(bind_to("127.0.0.1", port, false), -EADDRINUSE);
	return bind_to("127.0.0.1", port, true);
}

static void test_a_port_lingers_with_who_closed_first(void **state)
{
	(void)state;
	seeds_run_both(linger_in_time_wait, NULL);
}

static int after_a_minute(void *arg)
{
	int port, fds[2], listener = listen_at("127.0.0.1", &port);
	char c;

	(void)arg;
	fds[0] = rondo_connect_tcp("127.0.0.1", (uint16_t)port);
	fds[1] = rondo_accept(listener, NULL, NULL);
	CHECK_EQUAL(rondo_close(listener), 0);
	CHECK_EQUAL(rondo_close(fds[1]), 0);
	CHECK_EQUAL(rondo_recv(fds[0], &c, 1, 0), 0);
	CHECK_EQUAL(rondo_close(fds[0]), 0);
	CHECK_EQUAL(rondo_sleep(61), 0);
	return bind_to("127.0.0.1", port, false);
}

static void test_a_minute_later_the_port_is_free(void **state)
{
	(void)state;
	seeds_run_calm(N_CALM, after_a_minute, NULL);
}

static int options_round_trip(void *arg)
{
	int fd = rondo_socket(AF_INET6, SOCK_STREAM, 0), value = 3000;
	struct linger l = { .l_onoff = 1, .l_linger = 7 };
	socklen_t size = sizeof(l);

	(void)arg;
	CHECK(fd >= 0);
	CHECK_EQUAL(option_of(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	CHECK_EQUAL(option_of(fd, SOL_SOCKET, SO_DOMAIN), AF_INET6);
	CHECK_EQUAL(option_of(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	CHECK_EQUAL(option_of(fd, SOL_SOCKET, SO_ACCEPTCONN), 0);
	CHECK_EQUAL(rondo_setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, sizeof(value)), 0);
	CHECK_EQUAL(option_of(fd, SOL_SOCKET, SO_RCVBUF), 6000);
	CHECK_EQUAL(rondo_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)), 0);
	CHECK_EQUAL(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	CHECK_EQUAL(rondo_setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
	memset(&l, 0, sizeof(l));
	CHECK_EQUAL(rondo_getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &size), 0);
	CHECK(l.l_onoff == 1 && l.l_linger == 7 && size == sizeof(l));
	CHECK_EQUAL(rondo_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, 2), -EINVAL);
	CHECK_EQUAL(rondo_setsockopt(1 << 30, SOL_SOCKET, SO_KEEPALIVE, &value, 4), -EBADF);
	return rondo_close(fd);
}

static void test_options_are_kept(void **state)
{
	(void)state;
	seeds_run_both(options_round_trip, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_listener_on_all_hears_ipv4_and_ipv6),
		cmocka_unit_test(test_a_port_is_given_to_one_unless_shared),
		cmocka_unit_test(test_a_port_lingers_with_who_closed_first),
		cmocka_unit_test(test_a_minute_later_the_port_is_free),
		cmocka_unit_test(test_options_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
