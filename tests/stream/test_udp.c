/* SPDX-License-Identifier: MIT */
/* test_udp.c - UDP endpoints. Goal: datagrams are whole, the odd ones (empty, too long, refused) are
 * told and end nothing, no cancel loses one. Method: the loopback, the matrix, two simulated hosts. */
#include "io/net.h"

#include <net/if.h>
#include <pthread.h>

#include "rondo/udp.h"
#include "rondo_sim.h"

static const char loopback[] = "127.0.0.1";

/* --- the matrix ------------------------------------------------------------------------------ */

static struct {
	union net_address address;
	int fd, sender;
} world;

static int prepare(void *ctx)
{
	(void)ctx;
	world.fd = net_bound(SOCK_DGRAM, &world.address);
	world.sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return world.fd < 0 || world.sender < 0 ? -1 : 0;
}

static void clean(void *ctx)
{
	(void)ctx;
	close(world.fd);
	close(world.sender);
}

/* The endpoint is made and closed around each call: what is lost would be lost then, too. */
static int receive(void *ctx)
{
	struct rondo_udp_address from;
	char buf[16];
	rondo_udp *udp;
	int n, fd = dup(world.fd);

	(void)ctx;
	if (rondo_udp_from_fd(fd, &udp) < 0)
		return -EPROTO;
	n = (int)rondo_udp_recv_from(udp, buf, sizeof(buf), &from);
	if (n >= 0 && from.len != sizeof(from.u.v4))
		n = -EILSEQ;
	(void)rondo_udp_close(udp);
	return n;
}

static int send_one(void *ctx)
{
	(void)ctx;
	return sendto(world.sender, "datagram", 8, 0, &world.address.any,
		      sizeof(world.address.v4)) == 8 ? 0 : -errno;
}

/* U1 */
static void test_recv_is_cancelled_without_loss(void **state)
{
	const struct matrix_verb v = { .start = receive, .finish = send_one, .prepare = prepare,
				       .clean = clean, .result = 8 };

	(void)state;
	matrix_check("udp recv", &v);
}

/* --- what datagrams are ---------------------------------------------------------------------- */

static int port_of(rondo_udp *udp)
{
	return rondo_udp_port(udp);
}

static int open_pair(rondo_udp **server, rondo_udp **client)
{
	struct rondo_udp_options to = { .remote_host = loopback };

	CHECK_EQUAL(rondo_udp_open(loopback, 0, NULL, server), 0);
	CHECK(port_of(*server) > 0);
	to.remote_port = (uint16_t)port_of(*server);
	CHECK_EQUAL(rondo_udp_open(NULL, 0, &to, client), 0);
	return 0;
}

static int close_pair(rondo_udp *server, rondo_udp *client)
{
	CHECK_EQUAL(rondo_udp_close(server), 0);
	CHECK_EQUAL(rondo_udp_close(client), 0);
	return 0;
}

static int question_and_answer(void *arg)
{
	struct rondo_udp_address from = { .len = 0 };
	rondo_udp *server, *client;
	char buf[16];

	(void)arg;
	if (open_pair(&server, &client) < 0)
		return -1;
	CHECK_EQUAL(rondo_udp_send(client, "question", 8), 8);
	CHECK_EQUAL(rondo_udp_recv_from(server, buf, sizeof(buf), &from), 8);
	CHECK_EQUAL(ntohs(from.u.v4.sin_port), port_of(client));
	CHECK_EQUAL(rondo_udp_send(server, "x", 1), -EDESTADDRREQ);
	CHECK_EQUAL(rondo_udp_send_to(server, "answer", 6, &from), 6);
	CHECK_EQUAL(rondo_udp_recv(client, buf, sizeof(buf)), 6);
	CHECK_EQUAL(memcmp(buf, "answer", 6), 0);
	return close_pair(server, client);
}

/* U1: zero-length datagrams are sent and received (asyncio: since 3.13), and cut ones told. */
static int odd_datagrams(void *arg)
{
	static char big[70000];
	rondo_udp *server, *client;
	char buf[4];

	(void)arg;
	if (open_pair(&server, &client) < 0)
		return -1;
	CHECK_EQUAL(rondo_udp_send(client, "", 0), 0);
	CHECK_EQUAL(rondo_udp_send(client, "12345678", 8), 8);
	CHECK_EQUAL(rondo_udp_send(client, "1234", 4), 4);
	CHECK_EQUAL(rondo_udp_send(client, "", 0), 0);
	CHECK_EQUAL(rondo_udp_recv(server, buf, sizeof(buf)), 0);
	CHECK_EQUAL(rondo_udp_recv(server, buf, sizeof(buf)), -RONDO_ETRUNCATED);
	CHECK_EQUAL(memcmp(buf, "1234", 4), 0);
	CHECK_EQUAL(rondo_udp_recv(server, buf, sizeof(buf)), 4);
	CHECK_EQUAL(rondo_udp_recv(server, NULL, 0), 0);
	CHECK_EQUAL(rondo_udp_send(client, big, sizeof(big)), -EMSGSIZE);
	CHECK_EQUAL(rondo_udp_send(client, big, 65000), 65000);
	CHECK_EQUAL(rondo_udp_recv(server, big, sizeof(big)), 65000);
	return close_pair(server, client);
}

/* U1, q17: ECONNREFUSED is told to the next call, whatever it is, and the endpoint stays open. */
static int refused(void *arg)
{
	struct rondo_udp_options to = { .remote_host = loopback };
	struct rondo_udp_address from;
	rondo_udp *server, *client;
	uint16_t port;
	char buf[4];

	(void)arg;
	if (open_pair(&server, &client) < 0)
		return -1;
	port = to.remote_port = (uint16_t)port_of(server);
	CHECK_EQUAL(rondo_udp_close(server), 0);
	CHECK_EQUAL(rondo_udp_send(client, "x", 1), 1);
	CHECK_EQUAL(rondo_udp_recv(client, buf, sizeof(buf)), -ECONNREFUSED);
	CHECK_EQUAL(rondo_udp_send(client, "y", 1), 1);
	CHECK(net_readable(rondo_udp_fd(client), NET_PATIENCE_MS));	/* the refusal is there */
	CHECK_EQUAL(rondo_udp_send(client, "z", 1), -ECONNREFUSED);
	CHECK_EQUAL(rondo_udp_open(loopback, port, NULL, &server), 0);
	CHECK_EQUAL(rondo_udp_send(client, "z", 1), 1);
	CHECK_EQUAL(rondo_udp_recv_from(server, buf, sizeof(buf), &from), 1);
	CHECK_EQUAL(buf[0], 'z');
	CHECK_EQUAL(rondo_udp_send_to(server, "back", 4, &from), 4);
	CHECK_EQUAL(rondo_udp_recv(client, buf, sizeof(buf)), 4);
	return close_pair(server, client);
}

static int receive_truncated(void *arg)
{
	char buf[4];

	return (int)rondo_udp_recv(arg, buf, sizeof(buf));
}

/* A close ends what waits. U6: so does a deadline, which any await can have. */
static int closed_under_a_task(void *arg)
{
	rondo_udp *server, *client;
	struct rondo_timeout limit;
	rondo_task *task;

	(void)arg;
	if (open_pair(&server, &client) < 0)
		return -1;
	CHECK_EQUAL(rondo_timeout_begin_at(&limit, rondo_now_ns() + 1000000), 0);
	CHECK_EQUAL(rondo_timeout_end(&limit, receive_truncated(client)), -ETIMEDOUT);
	task = rondo_create_task(receive_truncated, server);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK_EQUAL(close_pair(server, client), 0);
	CHECK_EQUAL(rondo_await(task), -EBADF);
	CHECK_EQUAL(rondo_udp_close(NULL), 0);
	return 0;
}

/* --- options --------------------------------------------------------------------------------- */

/* All addresses means IPv6, too, and IPv4 addresses can be sent to from there. */
static int both_families(void *arg)
{
	struct rondo_udp_options to = { .remote_host = "::1" };
	struct rondo_udp_address v4, from;
	rondo_udp *server, *v6 = NULL, *plain;
	char buf[8];

	(void)arg;
	CHECK_EQUAL(rondo_udp_open(NULL, 0, NULL, &server), 0);
	CHECK_EQUAL(rondo_udp_address(loopback, (uint16_t)port_of(server), 0, &v4), 0);
	CHECK_EQUAL(rondo_udp_open(NULL, 0, NULL, &plain), 0);
	CHECK_EQUAL(rondo_udp_send_to(plain, "four", 4, &v4), 4);
	CHECK_EQUAL(rondo_udp_recv_from(server, buf, sizeof(buf), &from), 4);
	CHECK_EQUAL(rondo_udp_send_to(server, "back", 4, &from), 4);
	CHECK_EQUAL(rondo_udp_recv(plain, buf, sizeof(buf)), 4);
	CHECK_EQUAL(rondo_udp_close(plain), 0);
	to.remote_port = (uint16_t)port_of(server);
	if (rondo_udp_open(NULL, 0, &to, &v6) == 0 && rondo_udp_send(v6, "six", 3) == 3)
		CHECK_EQUAL(rondo_udp_recv_from(server, buf, sizeof(buf), &from), 3);
	else
		print_message("no IPv6 here\n");
	CHECK_EQUAL(rondo_udp_close(v6), 0);
	return rondo_udp_close(server);
}

static int shared_port(void *arg)
{
	const struct rondo_udp_options shared = { .reuse_port = true };
	rondo_udp *a, *b, *c;

	(void)arg;
	CHECK_EQUAL(rondo_udp_open(loopback, 0, &shared, &a), 0);
	CHECK_EQUAL(rondo_udp_open(loopback, (uint16_t)port_of(a), &shared, &b), 0);
	CHECK_EQUAL(port_of(a), port_of(b));
	CHECK_EQUAL(rondo_udp_open(loopback, (uint16_t)port_of(a), NULL, &c), -EADDRINUSE);
	return close_pair(a, b);
}

/* Only with the option; and then answers may come from any address. */
static int broadcast(void *arg)
{
	struct rondo_udp_options o = { .remote_host = "127.255.255.255", .broadcast = true };
	struct rondo_udp_address from;
	rondo_udp *server, *client;
	char buf[8];

	(void)arg;
	CHECK_EQUAL(rondo_udp_open("0.0.0.0", 0, NULL, &server), 0);
	o.remote_port = (uint16_t)port_of(server);
	CHECK_EQUAL(rondo_udp_open(NULL, 0, &o, &client), 0);
	CHECK_EQUAL(rondo_udp_send(client, "all", 3), 3);
	CHECK_EQUAL(rondo_udp_recv_from(server, buf, sizeof(buf), &from), 3);
	CHECK_EQUAL(rondo_udp_send_to(server, "here", 4, &from), 4);
	CHECK_EQUAL(rondo_udp_recv(client, buf, sizeof(buf)), 4);
	CHECK_EQUAL(rondo_udp_close(client), 0);
	o.broadcast = false;
	CHECK_EQUAL(rondo_udp_open(NULL, 0, &o, &client), -EACCES);
	return rondo_udp_close(server);
}

static int multicast(void *arg)
{
	struct rondo_udp_address group;
	rondo_udp *server, *client;
	struct ip_mreqn on_lo = { .imr_ifindex = (int)if_nametoindex("lo") };
	char buf[8];

	(void)arg;
	CHECK_EQUAL(rondo_udp_open("0.0.0.0", 0, NULL, &server), 0);
	CHECK_EQUAL(rondo_udp_open(loopback, 0, NULL, &client), 0);
	CHECK_EQUAL(rondo_udp_join(server, "not an address", NULL), -EINVAL);
	CHECK_EQUAL(rondo_udp_join(server, "239.1.2.3", "nosuch0"), -ENODEV);
	CHECK_EQUAL(rondo_udp_join(server, "239.1.2.3", "lo"), 0);
	CHECK_EQUAL(rondo_setsockopt(rondo_udp_fd(client), IPPROTO_IP, IP_MULTICAST_IF, &on_lo,
				     sizeof(on_lo)), 0);
	CHECK_EQUAL(rondo_udp_address("239.1.2.3", (uint16_t)port_of(server), 0, &group), 0);
	CHECK_EQUAL(rondo_udp_send_to(client, "group", 5, &group), 5);
	CHECK_EQUAL(rondo_udp_recv(server, buf, sizeof(buf)), 5);
	CHECK_EQUAL(rondo_udp_leave(server, "239.1.2.3", "lo"), 0);
	return close_pair(server, client);
}

static int wrong_arguments(void *arg)
{
	struct rondo_udp_options v6 = { .family = AF_INET6 };
	rondo_udp *udp = NULL;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)arg;
	CHECK(rondo_udp_open(loopback, 0, &v6, &udp) < 0);
	CHECK_EQUAL(rondo_udp_open("203.0.113.1", 0, NULL, &udp), -EADDRNOTAVAIL);
	CHECK_EQUAL(rondo_udp_from_fd(fd, &udp), -EPROTOTYPE);
	CHECK_EQUAL(rondo_udp_from_fd(-1, &udp), -EBADF);
	CHECK(!udp);
	return rondo_close(fd);
}

static char leak[128];

static void note_leak(const struct rondo_report *r, void *arg)
{
	(void)arg;
	snprintf(leak, sizeof(leak), "%s", r->message);
}

static int never_closed(void *arg)
{
	return rondo_udp_open(arg, 0, NULL, &(rondo_udp *){ NULL });
}

/* As streams (X16). */
static void test_an_endpoint_that_was_never_closed_is_told(void **state)
{
	const struct rondo_options o = { .on_error = note_leak };
	int n_fds = count_fds();

	(void)state;
	assert_int_equal(rondo_run_with(&o, never_closed, (void *)(uintptr_t)loopback), 0);
	assert_non_null(strstr(leak, "never closed: UDP endpoint"));
	assert_int_equal(count_fds(), n_fds);
}

#define RUNS(name, main)                                                                           \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		net_run(main, NULL);                                                               \
	}

RUNS(test_a_datagram_can_be_answered, question_and_answer)
RUNS(test_empty_and_cut_datagrams_are_told, odd_datagrams)
RUNS(test_a_refusal_is_told_and_ends_nothing, refused)
RUNS(test_a_close_ends_what_waits, closed_under_a_task)
RUNS(test_all_addresses_are_both_families, both_families)
RUNS(test_a_port_can_be_shared_on_request, shared_port)
RUNS(test_broadcasts_need_the_option, broadcast)
RUNS(test_groups_can_be_joined, multicast)
RUNS(test_wrong_arguments_are_refused, wrong_arguments)

/* --- the simulated network -------------------------------------------------------------------- */

enum { SIM_PORT = 9, N_QUESTIONS = 20, N_SEEDS = 40 };

static int sim_server(void *arg)
{
	rondo_udp *udp;
	int ret = rondo_udp_open("0.0.0.0", SIM_PORT, NULL, &udp);

	(void)arg;
	while (ret >= 0) {
		struct rondo_udp_address from;
		char buf[8];
		ssize_t n = rondo_udp_recv_from(udp, buf, sizeof(buf), &from);

		if (n < 0)
			break;
		n = rondo_udp_send_to(udp, buf, (size_t)n, &from);
		ret = n < 0 ? (int)n : 0;
		if (buf[0] == 'q')
			break;
	}
	return rondo_udp_close(udp);
}

struct answer {
	rondo_udp *udp;
	unsigned number, n_got;
};

/* Until the answer to this question comes: others may be late ones. */
static int take_answer(void *arg)
{
	struct answer *a = arg;
	unsigned number;
	ssize_t n;

	do {
		n = rondo_udp_recv(a->udp, &number, sizeof(number));
		if (n == sizeof(number) && number > a->number)
			return rondo_sim_fail("an answer came before its question");
	} while (n >= 0 && number != a->number);
	return n < 0 ? (int)n : 0;
}

/* U1, U6: ask again after a while, as one does. */
static int ask(struct answer *a)
{
	for (int n_tries = 0; n_tries < 100; n_tries++) {
		ssize_t n = rondo_udp_send(a->udp, &a->number, sizeof(a->number));
		int ret = n < 0 ? (int)n : rondo_wait_for(take_answer, a, 0.5);

		if (ret == 0 || ret == -ECANCELED)
			return ret;
		if (ret == -ECONNREFUSED && (ret = rondo_sleep(0.1)) < 0)
			return ret;
	}
	return -ETIMEDOUT;
}

static int sim_client(void *arg)
{
	const struct rondo_udp_options to = { .remote_host = "10.0.0.2", .remote_port = SIM_PORT };
	int host = rondo_sim_start_host("server", sim_server, NULL), ret, result;
	struct answer a = { .number = 0 };

	(void)arg;
	ret = rondo_udp_open(NULL, 0, &to, &a.udp);
	for (; ret == 0 && a.number < N_QUESTIONS; a.number++)
		ret = ask(&a);
	while (ret == 0 && !rondo_sim_host_result(host, &result)) {
		ssize_t n = rondo_udp_send(a.udp, "quit", 4);

		(void)n;
		ret = rondo_sleep(1);
	}
	(void)rondo_udp_close(a.udp);
	return ret;
}

static int on_another_loop(void *arg)
{
	struct rondo_udp_address to;
	rondo_udp *udp = arg;
	char buf[1];

	CHECK_EQUAL(rondo_udp_address(loopback, (uint16_t)port_of(udp), AF_INET, &to), 0);
	CHECK_EQUAL(rondo_udp_send(udp, "x", 1), -RONDO_EWRONGLOOP);
	CHECK_EQUAL(rondo_udp_send_to(udp, "x", 1, &to), -RONDO_EWRONGLOOP);
	CHECK_EQUAL(rondo_udp_recv(udp, buf, 1), -RONDO_EWRONGLOOP);
	CHECK_EQUAL(rondo_udp_recv_from(udp, buf, 1, &to), -RONDO_EWRONGLOOP);
	return 0;
}

static void *other_thread(void *udp)
{
	return (void *)(intptr_t)rondo_run(on_another_loop, udp);
}

/* R8: what it had in flight on its own loop could not be ended by a close here. */
static int belongs_to_its_loop(void *arg)
{
	pthread_t thread;
	rondo_udp *udp;
	void *ret;

	(void)arg;
	CHECK_EQUAL(rondo_udp_open(loopback, 0, NULL, &udp), 0);
	CHECK_EQUAL(pthread_create(&thread, NULL, other_thread, udp), 0);
	CHECK_EQUAL(pthread_join(thread, &ret), 0);
	CHECK_EQUAL((intptr_t)ret, 0);
	return rondo_udp_close(udp);
}

static void test_an_endpoint_belongs_to_one_loop(void **state)
{
	int ret = rondo_run(belongs_to_its_loop, NULL);

	(void)state;
	assert_checks_passed();
	assert_int_equal(ret, 0);
}

static void test_questions_are_answered_on_a_network_that_loses(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= N_SEEDS; seed++) {
		struct rondo_sim_options o = { .seed = seed,
					       .on_failure = rondo_sim_print_failure };

		assert_int_equal(rondo_sim_run(&o, sim_client, NULL), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recv_is_cancelled_without_loss),
		cmocka_unit_test(test_a_datagram_can_be_answered),
		cmocka_unit_test(test_empty_and_cut_datagrams_are_told),
		cmocka_unit_test(test_a_refusal_is_told_and_ends_nothing),
		cmocka_unit_test(test_a_close_ends_what_waits),
		cmocka_unit_test(test_all_addresses_are_both_families),
		cmocka_unit_test(test_a_port_can_be_shared_on_request),
		cmocka_unit_test(test_broadcasts_need_the_option),
		cmocka_unit_test(test_groups_can_be_joined),
		cmocka_unit_test(test_wrong_arguments_are_refused),
		cmocka_unit_test(test_an_endpoint_that_was_never_closed_is_told),
		cmocka_unit_test(test_an_endpoint_belongs_to_one_loop),
		cmocka_unit_test(test_questions_are_answered_on_a_network_that_loses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
