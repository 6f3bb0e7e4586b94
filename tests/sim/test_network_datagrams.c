/* SPDX-License-Identifier: MIT */
/* test_network_datagrams.c - UDP of the simulated network. Goal: datagrams stay whole, come from
 * where they say, and between hosts may be lost, doubled and overtaken, but never changed. Method:
 * programs that must hold on the real kernel too, then two hosts that count what arrives. */
#include "sim/pairs.h"

enum { PORT = 9, N_SEEDS = 60, N_DATAGRAMS = 300 };

static const union address anywhere = { .v4 = { .sin_family = AF_INET } };

/* A socket on a port of the loopback, and its address. */
static int bound(union address *a)
{
	int fd = rondo_socket(AF_INET, SOCK_DGRAM, 0);

	*a = anywhere;
	a->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_bind(fd, &a->any, sizeof(a->v4)), 0);
	a->v4.sin_port = htons((uint16_t)port_of(fd));
	return fd;
}

static int send_and_receive(void *arg)
{
	union address to, from;
	socklen_t len = sizeof(from);
	int receiver = bound(&to), sender = rondo_socket(AF_INET, SOCK_DGRAM, 0);
	char buf[8];

	(void)arg;
	CHECK(receiver >= 0 && sender >= 0);
	CHECK_EQUAL(rondo_send(sender, "x", 1, 0), -EDESTADDRREQ);
	CHECK_EQUAL(rondo_sendto(sender, "first", 5, 0, &to.any, sizeof(to.v4)), 5);
	CHECK_EQUAL(rondo_sendto(sender, "", 0, 0, &to.any, sizeof(to.v4)), 0);
	CHECK_EQUAL(rondo_sendto(sender, "3rd", 3, 0, &to.any, sizeof(to.v4)), 3);
	CHECK_EQUAL(rondo_recvfrom(receiver, buf, 2, MSG_TRUNC, &from.any, &len), 5);
	CHECK(!memcmp(buf, "fi", 2) && len == sizeof(from.v4));
	CHECK_EQUAL(ntohs(from.v4.sin_port), port_of(sender));
	CHECK_EQUAL(ntohl(from.v4.sin_addr.s_addr), INADDR_LOOPBACK);
	CHECK_EQUAL(rondo_recv(receiver, buf, 8, 0), 0);
	CHECK_EQUAL(rondo_recv(receiver, buf, 8, MSG_PEEK), 3);
	CHECK_EQUAL(rondo_recv(receiver, buf, 8, 0), 3);
	CHECK_EQUAL(rondo_recv(receiver, buf, 8, MSG_DONTWAIT), -EAGAIN);
	CHECK_EQUAL(rondo_poll(receiver, POLLIN | POLLOUT), POLLOUT);
	CHECK_EQUAL(rondo_close(sender), 0);
	return rondo_close(receiver);
}

static void test_datagrams_stay_whole(void **state)
{
	(void)state;
	seeds_run_both(send_and_receive, NULL);
}

static int too_long(void *arg)
{
	static char buf[65508];
	union address to;
	int fd = bound(&to);

	(void)arg;
	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_sendto(fd, buf, sizeof(buf), 0, &to.any, sizeof(to.v4)), -EMSGSIZE);
	return rondo_close(fd);
}

static void test_a_datagram_has_a_greatest_length(void **state)
{
	(void)state;
	seeds_run_both(too_long, NULL);
}

static int nobody_there(void *arg)
{
	union address to, other;
	int fd = bound(&to), sender = rondo_socket(AF_INET, SOCK_DGRAM, 0);
	char c;

	(void)arg;
	CHECK(fd >= 0 && sender >= 0);
	CHECK_EQUAL(rondo_connect(sender, &to.any, sizeof(to.v4)), 0);
	CHECK_EQUAL(rondo_close(fd), 0);
	CHECK_EQUAL(rondo_send(sender, "x", 1, 0), 1);
	CHECK_EQUAL(rondo_recv(sender, &c, 1, 0), -ECONNREFUSED);
	/* Only from its peer it hears. */
	fd = bound(&other);
	CHECK(fd >= 0);
	to = anywhere;
	to.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.v4.sin_port = htons((uint16_t)port_of(sender));
	CHECK_EQUAL(rondo_sendto(fd, "x", 1, 0, &to.any, sizeof(to.v4)), 1);
	CHECK_EQUAL(rondo_connect(sender, &other.any, sizeof(other.v4)), 0);
	CHECK_EQUAL(rondo_sendto(fd, "y", 1, 0, &to.any, sizeof(to.v4)), 1);
	CHECK_EQUAL(rondo_recv(sender, &c, 1, 0), 1);
	CHECK(c == 'y');
	CHECK_EQUAL(rondo_close(sender), 0);
	return rondo_close(fd);
}

static void test_a_connected_socket_hears_that_nobody_is_there(void **state)
{
	(void)state;
	seeds_run_both(nobody_there, NULL);
}

/* --- between hosts --------------------------------------------------------------------------- */

struct count {
	unsigned n_seen[N_DATAGRAMS];
	unsigned n_lost, n_twice, n_late;	/* over all seeds */
	int last;
	bool wrong;
};

static void count_one(struct count *c, const unsigned char *buf, ssize_t n)
{
	unsigned i = buf[0] | (unsigned)buf[1] << 8;

	if (n != 2 + (ssize_t)(i % 100) || i >= N_DATAGRAMS ||
	    !is_pattern(buf + 2, (size_t)n - 2, i))
		c->wrong = true;
	else if (c->n_seen[i]++ == 0)
		c->n_late += (int)i < c->last;
	c->last = (int)i;
}

static int count_all(void *arg)
{
	struct count *c = arg;
	union address a = anywhere;
	int fd = rondo_socket(AF_INET, SOCK_DGRAM, 0);
	unsigned char buf[200];
	ssize_t n;

	a.v4.sin_port = htons(PORT);
	CHECK(fd >= 0 && rondo_bind(fd, &a.any, sizeof(a.v4)) == 0);
	while ((n = rondo_recv(fd, buf, sizeof(buf), 0)) > 0)
		count_one(c, buf, n);
	return -1;
}

static int send_all(void *arg)
{
	struct count *c = arg;
	union address to = anywhere;
	int fd = rondo_socket(AF_INET, SOCK_DGRAM, 0);

	to.v4.sin_port = htons(PORT);
	memset(c->n_seen, 0, sizeof(c->n_seen));
	c->last = -1;
	to.v4.sin_addr.s_addr = htonl(0x0a000000 | (unsigned)rondo_sim_start_host("counter",
										  count_all, c));
	CHECK(fd >= 0 && rondo_sleep(0.1) == 0);
	for (unsigned i = 0; i < N_DATAGRAMS; i++) {
		unsigned char buf[102] = { (unsigned char)i, (unsigned char)(i >> 8) };
		size_t n = 2 + i % 100;

		fill_pattern(buf + 2, n - 2, i);
		CHECK_EQUAL(rondo_sendto(fd, buf, n, 0, &to.any, sizeof(to.v4)), n);
		CHECK_EQUAL(rondo_sleep(0.001), 0);
	}
	CHECK_EQUAL(rondo_sleep(20), 0);
	for (unsigned i = 0; i < N_DATAGRAMS; i++) {
		c->n_lost += c->n_seen[i] == 0;
		c->n_twice += c->n_seen[i] > 1;
	}
	CHECK(!c->wrong);
	return rondo_close(fd);
}

static void test_all_arrive_without_faults(void **state)
{
	struct count c = { 0 };

	(void)state;
	seeds_run_calm(N_SEEDS, send_all, &c);
	assert_int_equal(c.n_lost, 0);
	assert_int_equal(c.n_twice, 0);
}

static void test_they_are_lost_doubled_and_overtaken_but_whole(void **state)
{
	struct count c = { 0 };

	(void)state;
	seeds_run(N_SEEDS, "DATAGRAM_LOST,DATAGRAM_TWICE,NET_DELAY", send_all, &c);
	print_message("%u lost, %u came twice, %u late\n", c.n_lost, c.n_twice, c.n_late);
	assert_true(c.n_lost && c.n_twice && c.n_late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_datagrams_stay_whole),
		cmocka_unit_test(test_a_datagram_has_a_greatest_length),
		cmocka_unit_test(test_a_connected_socket_hears_that_nobody_is_there),
		cmocka_unit_test(test_all_arrive_without_faults),
		cmocka_unit_test(test_they_are_lost_doubled_and_overtaken_but_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
