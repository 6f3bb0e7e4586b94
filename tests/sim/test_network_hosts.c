/* SPDX-License-Identifier: MIT */
/* test_network_hosts.c - TCP between simulated hosts. Goal: cut links, hosts without power and
 * hosts that come back look as they do from a real machine. Method: a server on a second host, and
 * a first host that cuts and heals, over seeds that vary delays and order, then over all faults. */
#include "sim/pairs.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>

enum { PORT = 7, N_SEEDS = 40, N_ECHO = 200, ECHO_BYTES = 100000 };

/* What the hosts share with the test: they are one process. */
struct world {
	int server;			/* number of that host */
	int n_served;
	uint64_t hash;
};

/* --- the server ------------------------------------------------------------------------------ */

static int echo_one(void *arg)
{
	int fd = *(int *)arg;
	char buf[2000];
	ssize_t n;

	while ((n = rondo_recv(fd, buf, sizeof(buf), 0)) > 0)
		if (rondo_send_all(fd, buf, (size_t)n, NULL) < 0)
			break;
	(void)rondo_close(fd);
	return 0;
}

/* Serves until its power is cut or the first host ends. */
static int serve(void *arg)
{
	struct world *w = arg;
	int listener = rondo_listen_tcp("0.0.0.0", PORT, NULL);

	CHECK(listener >= 0);
	for (;;) {
		int fd = rondo_accept(listener, NULL, NULL);
		const struct rondo_task_options o = { .copy = &fd, .copy_size = sizeof(fd) };

		if (fd == -EMFILE && rondo_sleep(0.01) == 0)
			continue;
		CHECK(fd >= 0);
		w->n_served++;
		rondo_detach(rondo_create_task_with(&o, echo_one, NULL));
	}
}

static int start_server(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->server = rondo_sim_start_host("server", serve, w);
	CHECK_EQUAL(w->server, 2);
	return rondo_sleep(0.1);
}

static int ping(int fd)
{
	char buf[4];
	int ret = rondo_send_all(fd, "ping", 4, NULL);

	return ret < 0 ? ret : rondo_recv_exactly(fd, buf, 4, NULL);
}

/* --- addresses ------------------------------------------------------------------------------- */

static int address_of(int fd, bool peer, char *text, size_t size)
{
	union address a;
	socklen_t len = sizeof(a);

	CHECK_EQUAL((peer ? rondo_getpeername : rondo_getsockname)(fd, &a.any, &len), 0);
	CHECK(inet_ntop(AF_INET, &a.v4.sin_addr, text, (socklen_t)size));
	return ntohs(a.v4.sin_port);
}

static int talk(void *arg)
{
	char text[32];
	int fd;

	CHECK_EQUAL(start_server(arg), 0);
	fd = rondo_connect_tcp("10.0.0.2", PORT);
	CHECK(fd >= 0);
	CHECK_EQUAL(ping(fd), 0);
	CHECK(address_of(fd, false, text, sizeof(text)) >= 32768 && !strcmp(text, "10.0.0.1"));
	CHECK(address_of(fd, true, text, sizeof(text)) == PORT && !strcmp(text, "10.0.0.2"));
	CHECK_EQUAL(rondo_connect_tcp("10.0.0.2", PORT + 1), -ECONNREFUSED);
	CHECK_EQUAL(rondo_connect_tcp("127.0.0.1", PORT), -ECONNREFUSED);
	CHECK_EQUAL(rondo_connect_tcp("192.0.2.1", PORT), -ENETUNREACH);
	CHECK_EQUAL(rondo_connect_tcp("10.0.0.9", PORT), -EHOSTUNREACH);
	CHECK_EQUAL(rondo_connect_tcp("fd00::2", PORT), -ECONNREFUSED);	/* IPv4 only, there */
	return rondo_close(fd);
}

static void test_hosts_reach_each_other_by_number(void **state)
{
	struct world w;

	(void)state;
	seeds_run_calm(N_SEEDS, talk, &w);
}

/* --- partitions ------------------------------------------------------------------------------ */

/* How it ends, with a time limit. */
static int ping_within(int fd, double seconds)
{
	struct rondo_timeout limit;

	CHECK_EQUAL(rondo_timeout_begin(&limit, seconds), 0);
	return rondo_timeout_end(&limit, ping(fd));
}

static int cut_and_heal(void *arg)
{
	struct world *w = arg;
	char buf[4];
	int fd;

	CHECK_EQUAL(start_server(w), 0);
	fd = rondo_connect_tcp("10.0.0.2", PORT);
	CHECK(fd >= 0 && ping(fd) == 0);
	CHECK_EQUAL(rondo_sim_set_partition(1, w->server, true), 0);
	CHECK_EQUAL(ping_within(fd, 5), -ETIMEDOUT);
	CHECK_EQUAL(rondo_recv(fd, buf, 4, MSG_DONTWAIT), -EAGAIN);
	CHECK_EQUAL(rondo_sim_set_partition(1, w->server, false), 0);
	CHECK_EQUAL(rondo_recv_exactly(fd, buf, 4, NULL), 0);	/* what was lost is sent again */
	CHECK_EQUAL(ping(fd), 0);
	return rondo_close(fd);
}

static void test_a_connection_goes_on_after_a_partition(void **state)
{
	struct world w;

	(void)state;
	seeds_run_calm(N_SEEDS, cut_and_heal, &w);
}

static int since(uint64_t start_ns)
{
	return (int)((rondo_now_ns() - start_ns) / 1000000000);
}

static int cut_for_long(void *arg)
{
	struct world *w = arg;
	unsigned limit_ms = 2000;
	uint64_t start;
	int fd, hasty;

	CHECK_EQUAL(start_server(w), 0);
	fd = rondo_connect_tcp("10.0.0.2", PORT);
	hasty = rondo_connect_tcp("10.0.0.2", PORT);
	CHECK(fd >= 0 && hasty >= 0 && ping(fd) == 0 && ping(hasty) == 0);
	CHECK_EQUAL(rondo_setsockopt(hasty, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, 4), 0);
	CHECK_EQUAL(rondo_sim_set_partition(1, w->server, true), 0);
	start = rondo_now_ns();
	CHECK_EQUAL(ping(hasty), -ETIMEDOUT);
	CHECK_EQUAL(since(start), 2);
	CHECK_EQUAL(rondo_send(hasty, "x", 1, 0), -EPIPE);
	start = rondo_now_ns();
	CHECK_EQUAL(ping(fd), -ETIMEDOUT);
	CHECK(since(start) >= 100 && since(start) < 130);
	start = rondo_now_ns();
	CHECK_EQUAL(rondo_connect_tcp("10.0.0.2", PORT), -ETIMEDOUT);
	CHECK_EQUAL(since(start), 127);
	CHECK_EQUAL(rondo_close(hasty), 0);
	return rondo_close(fd);
}

static void test_a_long_partition_ends_in_a_timeout(void **state)
{
	struct world w;

	(void)state;
	seeds_run_calm(N_SEEDS, cut_for_long, &w);
}

/* --- power ----------------------------------------------------------------------------------- */

static int cut_power(void *arg)
{
	struct world *w = arg;
	char c;
	int fd, again;

	CHECK_EQUAL(start_server(w), 0);
	fd = rondo_connect_tcp("10.0.0.2", PORT);
	CHECK(fd >= 0 && ping(fd) == 0);
	CHECK_EQUAL(rondo_sim_cut_power(w->server), 0);
	CHECK_EQUAL(ping_within(fd, 3), -ETIMEDOUT);		/* silence */
	CHECK_EQUAL(rondo_sim_restart_host(w->server, serve, w), 0);
	CHECK_EQUAL(rondo_recv(fd, &c, 1, 0), -ECONNRESET);	/* it knows nothing of us */
	again = rondo_connect_tcp("10.0.0.2", PORT);
	CHECK(again >= 0 && ping(again) == 0);
	CHECK_EQUAL(rondo_close(again), 0);
	return rondo_close(fd);
}

static void test_a_host_that_comes_back_resets_old_connections(void **state)
{
	struct world w;

	(void)state;
	seeds_run_calm(N_SEEDS, cut_power, &w);
}

/* Who only listens does not notice, unless the kernel asks now and then. */
static int keep_alive(void *arg)
{
	const int names[] = { TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT }, values[] = { 5, 1, 3 };
	struct world *w = arg;
	uint64_t start;
	int fd, on = 1;
	char c;

	CHECK_EQUAL(start_server(w), 0);
	fd = rondo_connect_tcp("10.0.0.2", PORT);
	CHECK(fd >= 0);
	CHECK_EQUAL(rondo_setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQUAL(rondo_setsockopt(fd, IPPROTO_TCP, names[i], &values[i], 4), 0);
	CHECK_EQUAL(ping(fd), 0);
	CHECK_EQUAL(rondo_sleep(60), 0);
	CHECK_EQUAL(ping(fd), 0);		/* it was answered all the time */
	CHECK_EQUAL(rondo_sim_cut_power(w->server), 0);
	start = rondo_now_ns();
	CHECK_EQUAL(rondo_recv(fd, &c, 1, 0), -ETIMEDOUT);
	CHECK(since(start) >= 3 && since(start) <= 9);
	return rondo_close(fd);
}

static void test_keep_alive_notices_a_host_that_went_away(void **state)
{
	struct world w;

	(void)state;
	seeds_run_calm(N_SEEDS, keep_alive, &w);
}

/* A closed window, and then nothing: the sender must not wait for ever. */
static int listen_only(void *arg)
{
	int listener = rondo_listen_tcp("0.0.0.0", PORT, NULL), fd;

	(void)arg;
	CHECK(listener >= 0);
	fd = rondo_accept(listener, NULL, NULL);
	CHECK(fd >= 0);
	return rondo_sleep(1e6);
}

static int send_into_closed_window(void *arg)
{
	static unsigned char buf[1 << 20];
	struct world *w = arg;
	uint64_t start;
	size_t n;
	int fd;

	w->server = rondo_sim_start_host("reader", listen_only, w);
	CHECK(w->server == 2 && rondo_sleep(0.1) == 0);
	fd = rondo_connect_tcp("10.0.0.2", PORT);
	CHECK(fd >= 0);
	while (rondo_send(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		CHECK_EQUAL(rondo_sleep(1), 0);
	CHECK_EQUAL(rondo_sleep(600), 0);		/* it is there, and says so */
	CHECK_EQUAL(rondo_send(fd, buf, 1, MSG_DONTWAIT), -EAGAIN);
	CHECK_EQUAL(rondo_sim_cut_power(w->server), 0);
	start = rondo_now_ns();
	CHECK_EQUAL(rondo_send_all(fd, buf, sizeof(buf), &n), -ETIMEDOUT);
	CHECK(since(start) < 130);
	return rondo_close(fd);
}

static void test_a_closed_window_does_not_hide_a_dead_host(void **state)
{
	struct world w = { 0 };

	(void)state;
	seeds_run_calm(N_SEEDS, send_into_closed_window, &w);
}

/* --- everything at once ---------------------------------------------------------------------- */

struct exchange {
	int fd;
	bool zero_copy, lends;		/* by which verbs */
};

static int send_pattern(void *arg)
{
	const struct exchange *x = arg;
	unsigned char buf[5000];
	size_t done = 0;

	while (done < ECHO_BYTES) {
		ssize_t n;

		fill_pattern(buf, sizeof(buf), done);
		n = x->zero_copy ? rondo_send_zc(x->fd, buf, sizeof(buf), 0) :
				   rondo_send(x->fd, buf, sizeof(buf), MSG_WAITALL);
		if (n <= 0)
			return (int)n;
		done += (size_t)n;
	}
	return rondo_shutdown(x->fd, SHUT_WR);
}

static ssize_t lend_some(struct rondo_receiver *r, const struct exchange *x, unsigned char *buf,
			 const void **data)
{
	*data = buf;
	return x->lends ? rondo_receiver_lend(r, data) : rondo_recv(x->fd, buf, 4096, 0);
}

/* How many bytes came back, all as they were sent; or -1 if one is wrong. */
static long receive_pattern(const struct exchange *x)
{
	unsigned char buf[4096];
	struct rondo_receiver r;
	size_t done = 0;
	const void *data;
	ssize_t n;

	rondo_receiver_init(&r, x->fd);
	while ((n = lend_some(&r, x, buf, &data)) > 0) {
		if (!is_pattern(data, (size_t)n, done))
			(void)rondo_sim_fail("byte %zu or a later one is wrong", done);
		done += (size_t)n;
		if (rondo_sim_random() % 8 == 0 && rondo_sleep_ns(rondo_sim_random() % 50000000))
			return -1;
	}
	rondo_receiver_end(&r);
	return n == 0 || done == ECHO_BYTES ? (long)done : (long)n;
}

static int echo_once(void)
{
	struct exchange x = { .fd = rondo_connect_tcp("10.0.0.2", PORT),
			      .zero_copy = rondo_sim_random() & 1,
			      .lends = rondo_sim_random() & 1 };
	rondo_task *sender;
	long n;

	if (x.fd < 0)
		return x.fd;
	sender = rondo_create_task(send_pattern, &x);
	n = receive_pattern(&x);
	(void)rondo_shutdown(x.fd, SHUT_RDWR);
	(void)rondo_await(sender);
	(void)rondo_close(x.fd);
	return n == ECHO_BYTES ? 0 : n < 0 ? (int)n : -EPIPE;
}

/* While there are faults it may fail; without them it must not. */
static int echo_under_faults(void *arg)
{
	int ret;

	CHECK_EQUAL(start_server(arg), 0);
	do {
		ret = echo_once();
	} while (ret < 0 && rondo_now_ns() < 30000000000 && rondo_sleep(0.1) == 0);
	CHECK_EQUAL(ret, 0);
	return 0;
}

static void test_an_echo_is_right_under_all_faults(void **state)
{
	struct world w;

	(void)state;
	seeds_run(N_ECHO, NULL, echo_under_faults, &w);
}

static void test_an_echo_is_right_under_faults_of_the_network(void **state)
{
	struct world w;

	(void)state;
	seeds_run(N_ECHO, "NET_LOSS,NET_DELAY,NET_RESET,NET_PARTITION,NET_REFUSED,NET_WINDOW,"
		  "SHORT_READ,SHORT_WRITE,ACCEPT_EMFILE,ZC_LATE,ZC_REFUSED,MULTISHOT_ENDS,"
		  "BUFFERS_GONE", echo_under_faults, &w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts_reach_each_other_by_number),
		cmocka_unit_test(test_a_connection_goes_on_after_a_partition),
		cmocka_unit_test(test_a_long_partition_ends_in_a_timeout),
		cmocka_unit_test(test_a_host_that_comes_back_resets_old_connections),
		cmocka_unit_test(test_keep_alive_notices_a_host_that_went_away),
		cmocka_unit_test(test_a_closed_window_does_not_hide_a_dead_host),
		cmocka_unit_test(test_an_echo_is_right_under_all_faults),
		cmocka_unit_test(test_an_echo_is_right_under_faults_of_the_network),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
