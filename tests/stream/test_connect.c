/* SPDX-License-Identifier: MIT */
/* test_connect.c - connections. Goal: of a host's addresses the one that answers first, started in
 * the rhythm of RFC 8305; whatever happens, one socket is left or none. Method: the matrix with a
 * handshake that somebody holds up; two simulated hosts, where addresses are black holes, refuse or
 * answer late, and time is virtual. */
#include "io/net.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/un.h>

#include "rondo/dns.h"
#include "rondo/file.h"
#include "rondo/net.h"
#include "rondo_sim.h"

static const char loopback[] = "127.0.0.1";

/* --- the matrix: a connection that is up, and a handshake that waits for the peer -------------- */

static struct {
	union net_address address;
	int listener;
	int dead;			/* an address that refuses */
} world;

static int prepare(void *ctx)
{
	union net_address nobody;

	(void)ctx;
	world.listener = net_listen(16, &world.address);
	world.dead = net_bound(SOCK_STREAM, &nobody);
	return world.listener < 0 || world.dead < 0 ? -1 : 0;
}

static void clean(void *ctx)
{
	int fd;

	(void)ctx;
	while ((fd = net_accept_left(world.listener)) >= 0)
		close(fd);
	close(world.listener);
	close(world.dead);
}

static int handshake(rondo_stream **stream, bool is_server, const char *host, void *arg)
{
	char byte;
	ssize_t n = rondo_stream_read(*stream, &byte, 1);

	(void)arg;
	if (is_server || !host)
		return -EPROTO;
	return n == 1 ? 0 : n < 0 ? (int)n : -ECONNRESET;
}

static int open_and_close(const struct rondo_connection_options *o)
{
	rondo_stream *s;
	int ret = rondo_open_connection(loopback, ntohs(world.address.v4.sin_port), o, &s);

	return ret < 0 ? ret : rondo_stream_close(s);
}

static int open_with_handshake(void *ctx)
{
	const struct rondo_connection_options o = { .wrapper.wrap = handshake };

	(void)ctx;
	return open_and_close(&o);
}

static int shake_hands(void *ctx)
{
	int fd = net_accept_soon(world.listener), ret = 0;

	(void)ctx;
	for (; fd >= 0; fd = net_accept_left(world.listener)) {
		ret = send(fd, "x", 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
		close(fd);
	}
	return ret == -EPIPE || ret == -ECONNRESET ? 0 : ret;
}

/* X1: a cancel closes all sockets. */
static void test_open_connection_with_a_handshake(void **state)
{
	const struct matrix_verb v = { .start = open_with_handshake, .finish = shake_hands,
				       .prepare = prepare, .clean = clean, .once = true };

	(void)state;
	matrix_check("open_connection", &v);
}

static int open_one(void *ctx)
{
	(void)ctx;
	return open_and_close(NULL);
}

/* An address that refuses, and then one that answers: attempts in tasks of a group. */
static int open_two(void *ctx)
{
	union net_address refuses = world.address;
	struct addrinfo good = { .ai_family = AF_INET, .ai_addr = &world.address.any,
				 .ai_addrlen = sizeof(world.address.v4) };
	struct addrinfo bad = { .ai_family = AF_INET, .ai_addr = &refuses.any,
				.ai_addrlen = sizeof(refuses.v4), .ai_next = &good };
	socklen_t size = sizeof(refuses.v4);

	(void)ctx;
	if (getsockname(world.dead, &refuses.any, &size) < 0)
		return -errno;
	return open_and_close(&(struct rondo_connection_options){ .addresses = &bad });
}

static void test_open_connection_completes_by_itself(void **state)
{
	const struct matrix_verb one = { .start = open_one, .prepare = prepare, .clean = clean,
					 .once = true };
	const struct matrix_verb two = { .start = open_two, .prepare = prepare, .clean = clean,
					 .once = true };

	(void)state;
	matrix_check("open_connection", &one);
	matrix_check("open_connection, two addresses", &two);
}

/* --- options, on the real loopback -------------------------------------------------------------- */

static int flag_of(const rondo_stream *s, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);
	int ret = rondo_getsockopt(rondo_stream_fd(s), level, name, &value, &size);

	return ret < 0 ? ret : value;
}

/* X1, q11: without Nagle's delay. X14: whom it is connected to. */
static int no_delay(void *arg)
{
	union net_address a;
	socklen_t size = sizeof(a);
	rondo_stream *s;

	(void)arg;
	CHECK_EQUAL(prepare(NULL), 0);
	CHECK_EQUAL(rondo_open_connection(loopback, ntohs(world.address.v4.sin_port), NULL, &s), 0);
	CHECK_EQUAL(flag_of(s, IPPROTO_TCP, TCP_NODELAY), 1);
	CHECK_EQUAL(rondo_stream_peername(s, &a.any, &size), 0);
	CHECK_EQUAL(size, sizeof(a.v4));
	CHECK_EQUAL(a.v4.sin_port, world.address.v4.sin_port);
	CHECK_EQUAL(rondo_stream_close(s), 0);
	clean(NULL);
	return 0;
}

/* X1: local_addr, also of the other family; family. */
static int from_where(void *arg)
{
	struct rondo_connection_options o = { .local_host = "127.0.0.2" };
	uint16_t port;
	union net_address a;
	socklen_t size = sizeof(a);
	rondo_stream *s;

	(void)arg;
	CHECK_EQUAL(prepare(NULL), 0);
	port = ntohs(world.address.v4.sin_port);
	CHECK_EQUAL(rondo_open_connection(loopback, port, &o, &s), 0);
	CHECK_EQUAL(rondo_stream_sockname(s, &a.any, &size), 0);
	CHECK_EQUAL(ntohl(a.v4.sin_addr.s_addr), INADDR_LOOPBACK + 1);
	CHECK_EQUAL(rondo_stream_close(s), 0);
	close(net_bound(SOCK_STREAM, &a));
	o = (struct rondo_connection_options){ .local_port = ntohs(a.v4.sin_port) };
	CHECK_EQUAL(rondo_open_connection(loopback, port, &o, &s), 0);
	CHECK_EQUAL(rondo_stream_sockname(s, &a.any, &size), 0);
	CHECK_EQUAL(ntohs(a.v4.sin_port), o.local_port);
	CHECK_EQUAL(rondo_stream_close(s), 0);
	o = (struct rondo_connection_options){ .local_host = "::1" };
	CHECK_EQUAL(rondo_open_connection(loopback, port, &o, &s), -EADDRNOTAVAIL);
	o = (struct rondo_connection_options){ .family = AF_INET6 };
	CHECK(rondo_open_connection(loopback, port, &o, &s) < 0);
	clean(NULL);
	return 0;
}

/* Its other address, ::1, refuses. */
static int by_name(void *arg)
{
	struct rondo_connection_attempt attempts[4];
	const struct rondo_connection_options o = { .attempts = attempts, .n_attempts = 4 };
	rondo_stream *s;
	int ret;

	(void)arg;
	CHECK_EQUAL(prepare(NULL), 0);
	ret = rondo_open_connection("localhost", ntohs(world.address.v4.sin_port), &o, &s);
	if (ret == -RONDO_ENOTFOUND || ret == -RONDO_EDNS)
		print_message("this machine is not called localhost\n");
	else
		CHECK_EQUAL(ret, 0);
	if (ret == 0)
		CHECK_EQUAL(rondo_stream_close(s), 0);
	clean(NULL);
	return 0;
}

static int refuse(rondo_stream **stream, bool is_server, const char *host, void *arg)
{
	(void)stream, (void)is_server, (void)host, (void)arg;
	return -EPROTO;
}

/* Who fails after the connection is up leaves no descriptor (net_run() counts them). */
static int wrapper_fails(void *arg)
{
	const struct rondo_connection_options o = { .wrapper.wrap = refuse };
	rondo_stream *s = NULL;

	(void)arg;
	CHECK_EQUAL(prepare(NULL), 0);
	CHECK_EQUAL(rondo_open_connection(loopback, ntohs(world.address.v4.sin_port), &o, &s),
		    -EPROTO);
	CHECK(!s);
	clean(NULL);
	CHECK_EQUAL(rondo_open_connection(loopback, ntohs(world.address.v4.sin_port), NULL, &s),
		    -ECONNREFUSED);
	return 0;
}

#define RUNS(name, main)                                                                           \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		net_run(main, NULL);                                                               \
	}

RUNS(test_connections_have_no_delay, no_delay)
RUNS(test_the_local_address_and_the_family_are_chosen, from_where)
RUNS(test_a_host_has_a_name, by_name)
RUNS(test_a_wrapper_that_fails_leaves_nothing, wrapper_fails)

/* --- AF_UNIX -------------------------------------------------------------------------------------- */

static int unix_listener(const char *path, struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	strcpy(a->sun_path, path);
	if (*path == '@')
		a->sun_path[0] = '\0';
	else
		size++;
	return bind(fd, (struct sockaddr *)a, size) < 0 || listen(fd, 4) < 0 ? -1 : fd;
}

/* V9: paths and abstract names. */
static int unix_connections(void *arg)
{
	char path[64], name[64], too_long[200] = { 0 };
	const char *names[] = { path, name };
	struct sockaddr_un a;
	rondo_stream *s = NULL;

	(void)arg;
	snprintf(path, sizeof(path), "connect-%d.sock", getpid());
	snprintf(name, sizeof(name), "@rondo-connect-%d", getpid());
	memset(too_long, 'x', sizeof(too_long) - 1);
	for (int i = 0; i < 2; i++) {
		int listener = unix_listener(names[i], &a);

		CHECK(listener >= 0);
		CHECK_EQUAL(rondo_open_unix_connection(names[i], NULL, &s), 0);
		CHECK_EQUAL(rondo_stream_close(s), 0);
		close(listener);
		CHECK_EQUAL(rondo_open_unix_connection(names[i], NULL, &s), -ECONNREFUSED);
	}
	CHECK_EQUAL(unlink(path), 0);
	CHECK_EQUAL(rondo_open_unix_connection(path, NULL, &s), -ENOENT);
	CHECK_EQUAL(rondo_open_unix_connection("", NULL, &s), -EINVAL);
	CHECK_EQUAL(rondo_open_unix_connection(too_long, NULL, &s), -ENAMETOOLONG);
	return 0;
}

RUNS(test_unix_connections, unix_connections)

static struct {
	char name[64];
	int listener, blockers[8];
	unsigned n_blockers;
} full;

/* A backlog that is full: the connect waits. */
static int full_prepare(void *ctx)
{
	struct sockaddr_un a;

	(void)ctx;
	snprintf(full.name, sizeof(full.name), "@rondo-full-%d", getpid());
	full.listener = unix_listener(full.name, &a);
	for (full.n_blockers = 0; full.n_blockers < 8; full.n_blockers++) {
		socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
					     strlen(full.name));
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		full.blockers[full.n_blockers] = fd;
		if (connect(fd, (struct sockaddr *)&a, size) < 0) {
			close(fd);
			return errno == EAGAIN ? 0 : -errno;
		}
	}
	return -ENOBUFS;
}

static void full_clean(void *ctx)
{
	(void)ctx;
	close(full.listener);
	while (full.n_blockers)
		close(full.blockers[--full.n_blockers]);
}

static int full_connect(void *ctx)
{
	rondo_stream *s;
	int ret = rondo_open_unix_connection(full.name, NULL, &s);

	(void)ctx;
	return ret < 0 ? ret : rondo_stream_close(s);
}

static int full_finish(void *ctx)
{
	int fd = net_accept_left(full.listener);

	(void)ctx;
	return fd < 0 ? -errno : close(fd);
}

static void test_a_unix_connection_waits_for_room(void **state)
{
	const struct matrix_verb v = { .start = full_connect, .finish = full_finish,
				       .prepare = full_prepare, .clean = full_clean };

	(void)state;
	matrix_check("open_unix_connection", &v);
}

/* --- descriptors on their way -------------------------------------------------------------------- */

static int pass_some(void *arg)
{
	int pair[2], pipes[4], got[8];
	size_t n = 8;
	char buf[8];

	(void)arg;
	CHECK_EQUAL(net_unix_pair(pair), 0);
	CHECK_EQUAL(pipe2(pipes, O_CLOEXEC) + pipe2(pipes + 2, O_CLOEXEC), 0);
	CHECK_EQUAL(rondo_send_fds(pair[0], "hi", 2, pipes, 4), 2);
	CHECK_EQUAL(rondo_recv_fds(pair[1], buf, sizeof(buf), got, &n), 2);
	CHECK_EQUAL(n, 4);
	for (int i = 0; i < 4; i++)
		CHECK(net_is_cloexec(got[i]));
	CHECK_EQUAL(write(got[1], "x", 1), 1);
	CHECK_EQUAL(read(pipes[0], buf, 1), 1);
	for (int i = 0; i < 4; i++)
		close(got[i]);
	n = 1;				/* room for one: the others are closed by the kernel */
	CHECK_EQUAL(rondo_send_fds(pair[0], "hi", 2, pipes, 3), 2);
	CHECK_EQUAL(rondo_recv_fds(pair[1], buf, sizeof(buf), got, &n), 2);
	CHECK_EQUAL(n, 1);
	close(got[0]);
	CHECK_EQUAL(rondo_send_fds(pair[0], "x", 1, NULL, 0), 1);
	n = 8;
	CHECK_EQUAL(rondo_recv_fds(pair[1], buf, sizeof(buf), got, &n), 1);
	CHECK_EQUAL(n, 0);
	CHECK_EQUAL(rondo_send_fds(pair[0], "", 0, pipes, 1), -EINVAL);
	CHECK_EQUAL(rondo_send_fds(pair[0], "x", 1, pipes, 1000), -EINVAL);
	net_close_pair(pair);
	net_close_pair(pipes);
	net_close_pair(pipes + 2);
	return 0;
}

RUNS(test_descriptors_travel_with_bytes, pass_some)

/* --- happy eyeballs, in virtual time -------------------------------------------------------------- */

enum { PORT = 7, LIST_MAX = 6 };

#define GOOD "10.0.0.2"
#define GOOD_V6 "fd00::2"
#define REFUSES "10.0.0.3"		/* nobody listens there */
#define HOLE "10.0.0.200"		/* no such host: no answer */
#define HOLE_V6 "fd00::c8"
#define NO_ROUTE "192.0.2.1"

static const uint64_t MS = 1000000;

struct eyeballs {
	const char *hosts[LIST_MAX];
	struct rondo_connection_options options;
	struct rondo_connection_attempt attempts[LIST_MAX];
	int ret;
	uint64_t begun_ns, ended_ns;
};

static int accept_some(void *arg)
{
	int fd, listener = rondo_listen_tcp(NULL, PORT, NULL);

	(void)arg;
	while ((fd = rondo_accept(listener, NULL, NULL)) >= 0 || fd == -EMFILE) {
		char c;

		if (fd >= 0 && rondo_recv(fd, &c, 1, 0) == 1 && c == 'q')
			break;
		if (fd >= 0)
			(void)rondo_close(fd);
		else if (rondo_sleep(0.1) < 0)
			break;
	}
	if (fd >= 0)
		(void)rondo_close(fd);
	return rondo_close(listener);
}

static int idle(void *arg)
{
	(void)arg;
	return rondo_sleep(1000);
}

/* What a resolver would have found. */
static int add_host(struct addrinfo **list, const char *host)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo **end = list;

	while (*end)
		end = &(*end)->ai_next;
	return rondo_getaddrinfo(host, "7", &hints, end);
}

static void free_hosts(struct addrinfo *list)
{
	while (list) {
		struct addrinfo *next = list->ai_next;

		list->ai_next = NULL;
		rondo_freeaddrinfo(list);
		list = next;
	}
}

static int open_by(struct eyeballs *e)
{
	struct addrinfo *list = NULL;
	rondo_stream *s;

	for (int i = 0; i < LIST_MAX && e->hosts[i]; i++)
		CHECK_EQUAL(add_host(&list, e->hosts[i]), 0);
	e->options.addresses = list;
	e->options.attempts = e->attempts;
	e->options.n_attempts = LIST_MAX;
	e->begun_ns = rondo_now_ns();
	e->ret = rondo_open_connection("host", PORT, &e->options, &s);
	e->ended_ns = rondo_now_ns();
	free_hosts(list);
	return e->ret < 0 ? 0 : rondo_stream_close(s);
}

static int stop_server(int host)
{
	int result, ret;

	do {
		rondo_stream *s;

		ret = rondo_open_connection(GOOD, PORT, NULL, &s);
		if (ret == 0) {
			ret = rondo_stream_write(s, "q", 1);
			(void)rondo_stream_close(s);
		}
		if (ret == -ECANCELED || rondo_sleep(0.5) < 0)
			return -ECANCELED;
	} while (!rondo_sim_host_result(host, &result));
	return 0;
}

static int eyeballs_main(void *arg)
{
	int host = rondo_sim_start_host("server", accept_some, NULL);

	CHECK_EQUAL(host, 2);
	CHECK_EQUAL(rondo_sim_start_host("idle", idle, NULL), 3);
	CHECK_EQUAL(rondo_sleep(0.1), 0);
	CHECK_EQUAL(open_by(arg), 0);
	return stop_server(host);
}

static void run_eyeballs(struct eyeballs *e)
{
	const struct rondo_sim_options o = { .seed = 1, .no_faults = true,
					     .on_failure = rondo_sim_print_failure };

	assert_int_equal(rondo_sim_run(&o, eyeballs_main, e), 0);
	assert_checks_passed();
}

/* When the i-th attempt began, in ms since the call. */
static int begun_ms(const struct eyeballs *e, int i)
{
	return e->attempts[i].started_ns ? (int)((e->attempts[i].started_ns - e->begun_ns) / MS) : -1;
}

static int took_ms(const struct eyeballs *e)
{
	return (int)((e->ended_ns - e->begun_ns) / MS);
}

/* X1, M9: the next address after exactly a quarter of a second. */
static void test_a_silent_address_is_given_a_quarter_of_a_second(void **state)
{
	struct eyeballs e = { .hosts = { HOLE, HOLE, HOLE_V6, "10.0.0.201", GOOD } };

	(void)state;
	run_eyeballs(&e);
	assert_int_equal(e.ret, 0);
	assert_int_equal(begun_ms(&e, 0), 0);
	assert_int_equal(begun_ms(&e, 1), 250);
	assert_int_equal(begun_ms(&e, 2), 500);
	assert_int_equal(begun_ms(&e, 3), 750);
	assert_int_equal(begun_ms(&e, 4), -1);
	assert_in_range(took_ms(&e), 750, 900);
	assert_int_equal(e.attempts[0].error, -ECANCELED);
	assert_int_equal(e.attempts[3].error, 0);
}

/* RFC 8305, 4: the families take turns, the first one's first. */
static void test_families_take_turns(void **state)
{
	struct eyeballs e = { .hosts = { HOLE_V6, "fd00::c9", "fd00::ca", HOLE, "10.0.0.201" },
			      .options.timeout = 2 };
	const int families[] = { AF_INET6, AF_INET, AF_INET6, AF_INET, AF_INET6 };

	(void)state;
	run_eyeballs(&e);
	assert_int_equal(e.ret, -ETIMEDOUT);
	assert_int_equal(took_ms(&e), 2000);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(e.attempts[i].address.ss_family, families[i]);
		assert_int_equal(begun_ms(&e, i), 250 * i);
		assert_int_equal(e.attempts[i].error, -ECANCELED);
	}
}

static void test_a_failure_is_followed_at_once(void **state)
{
	struct eyeballs e = { .hosts = { REFUSES, NO_ROUTE, GOOD } };

	(void)state;
	run_eyeballs(&e);
	assert_int_equal(e.ret, 0);
	assert_int_equal(e.attempts[0].error, -ECONNREFUSED);
	assert_int_equal(e.attempts[1].error, -ENETUNREACH);
	assert_in_range(took_ms(&e), 0, 200);
}

static void test_errors_that_agree_are_the_error(void **state)
{
	struct eyeballs same = { .hosts = { REFUSES, "fd00::3" } };
	struct eyeballs mixed = { .hosts = { NO_ROUTE, REFUSES } };
	struct eyeballs none = { .hosts = { GOOD }, .options.family = AF_INET6 };

	(void)state;
	run_eyeballs(&same);
	assert_int_equal(same.ret, -ECONNREFUSED);
	run_eyeballs(&mixed);
	assert_int_equal(mixed.ret, -ECONNREFUSED);
	assert_int_equal(mixed.attempts[0].error, -ENETUNREACH);
	run_eyeballs(&none);
	assert_int_equal(none.ret, -EADDRNOTAVAIL);
}

/* M9: as asyncio's default, one after the other. */
static void test_without_a_delay_only_failures_are_followed(void **state)
{
	struct eyeballs e = { .hosts = { HOLE, GOOD_V6 }, .options.delay = -1 };
	struct eyeballs fast = { .hosts = { HOLE, HOLE_V6, GOOD }, .options.delay = 0.01 };

	(void)state;
	run_eyeballs(&e);
	assert_int_equal(e.ret, 0);
	assert_int_equal(e.attempts[0].error, -EHOSTUNREACH);	/* nobody knows the address */
	assert_in_range(begun_ms(&e, 1), 2500, 4000);
	run_eyeballs(&fast);
	assert_int_equal(fast.ret, 0);
	assert_int_equal(begun_ms(&fast, 1), 10);
}

/* The first address answers after the others were tried, and is taken all the same. */
static int heal_later(void *arg)
{
	int ret = rondo_sleep(0.7);

	(void)arg;
	rondo_sim_set_partition(1, 2, false);
	return ret;
}

static int slow_main(void *arg)
{
	int host = rondo_sim_start_host("server", accept_some, NULL);
	rondo_task *healer;

	CHECK_EQUAL(rondo_sim_start_host("idle", idle, NULL), 3);
	CHECK_EQUAL(rondo_sleep(0.1), 0);
	rondo_sim_set_partition(1, 2, true);
	healer = rondo_create_task(heal_later, NULL);
	CHECK_EQUAL(open_by(arg), 0);
	CHECK_EQUAL(rondo_await(healer), 0);
	return stop_server(host);
}

static void test_a_late_answer_still_counts(void **state)
{
	const struct rondo_sim_options o = { .seed = 1, .no_faults = true,
					     .on_failure = rondo_sim_print_failure };
	struct eyeballs e = { .hosts = { GOOD, HOLE, HOLE_V6 } };

	(void)state;
	assert_int_equal(rondo_sim_run(&o, slow_main, &e), 0);
	assert_checks_passed();
	assert_int_equal(e.ret, 0);
	assert_int_equal(e.attempts[0].error, 0);
	assert_int_equal(begun_ms(&e, 1), 250);
	assert_int_equal(begun_ms(&e, 2), 500);
	assert_in_range(took_ms(&e), 700, 3000);
}

/* --- faults and cancels at any moment: what is open at the end is a failure of the run ------------- */

static int one_race(void *arg)
{
	static const char *const hosts[] = { GOOD, GOOD_V6, REFUSES, HOLE, HOLE_V6, NO_ROUTE };
	struct eyeballs e = { .options.delay = 0.05 };

	(void)arg;
	for (int i = 0; i < LIST_MAX; i++)
		e.hosts[i] = rondo_sim_random() % 3 ? hosts[rondo_sim_random() % LIST_MAX] : GOOD;
	CHECK_EQUAL(open_by(&e), 0);
	return e.ret;
}

static int many_races(void *arg)
{
	int host = rondo_sim_start_host("server", accept_some, NULL);

	(void)arg;
	CHECK_EQUAL(rondo_sim_start_host("idle", idle, NULL), 3);
	for (int i = 0; i < 20; i++) {
		rondo_task *t = rondo_create_task(one_race, NULL);
		int ret = rondo_sleep((double)(rondo_sim_random() % 300) / 1e3);

		if (rondo_sim_random() % 2)
			rondo_cancel(t);
		(void)rondo_await(t);
		if (ret < 0)
			return ret;
	}
	return stop_server(host);
}

static void test_no_socket_is_left_whatever_happens(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 60; seed++) {
		const struct rondo_sim_options o = { .seed = seed,
						     .on_failure = rondo_sim_print_failure };

		assert_int_equal(rondo_sim_run(&o, many_races, NULL), 0);
		assert_checks_passed();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_connection_with_a_handshake),
		cmocka_unit_test(test_open_connection_completes_by_itself),
		cmocka_unit_test(test_connections_have_no_delay),
		cmocka_unit_test(test_the_local_address_and_the_family_are_chosen),
		cmocka_unit_test(test_a_host_has_a_name),
		cmocka_unit_test(test_a_wrapper_that_fails_leaves_nothing),
		cmocka_unit_test(test_unix_connections),
		cmocka_unit_test(test_a_unix_connection_waits_for_room),
		cmocka_unit_test(test_descriptors_travel_with_bytes),
		cmocka_unit_test(test_a_silent_address_is_given_a_quarter_of_a_second),
		cmocka_unit_test(test_families_take_turns),
		cmocka_unit_test(test_a_failure_is_followed_at_once),
		cmocka_unit_test(test_errors_that_agree_are_the_error),
		cmocka_unit_test(test_without_a_delay_only_failures_are_followed),
		cmocka_unit_test(test_a_late_answer_still_counts),
		cmocka_unit_test(test_no_socket_is_left_whatever_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
