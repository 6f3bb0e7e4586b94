/* SPDX-License-Identifier: MIT */
/* test_socket.c - sockets are made, connected and accepted as the system calls of those names do,
 * and no descriptor is lost whatever races. Goal: the matrix for accept and connect, the errors a
 * peer or the machine really causes. Method: loopback and AF_UNIX, free ports,
 * descriptors counted around every case. */
#include "net.h"

#include <sys/resource.h>
#include <sys/un.h>

#include "rondo/file.h"
#include "rondo/socket.h"
#include "support/step.h"

/* --- accept ---------------------------------------------------------------------------------- */

enum { CLIENTS = 4 };

/* Clients exist before the case counts descriptors, so that connecting opens none. */
static struct {
	union net_address address;
	int listener, clients[CLIENTS], n_connected;
} accepting;

static int accept_prepare(void *ctx)
{
	(void)ctx;
	accepting.listener = net_listen(CLIENTS, &accepting.address);
	accepting.n_connected = 0;
	for (int i = 0; i < CLIENTS; i++)
		accepting.clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return accepting.listener < 0 ? -errno : 0;
}

static void accept_clean(void *ctx)
{
	(void)ctx;
	for (int i = 0; i < CLIENTS; i++)
		close(accepting.clients[i]);
	net_close(accepting.listener);
}

static int accept_start(void *ctx)
{
	(void)ctx;
	return rondo_accept(accepting.listener, NULL, NULL);
}

static int accept_finish(void *ctx)
{
	(void)ctx;
	return connect(accepting.clients[accepting.n_connected++], &accepting.address.any,
		       sizeof(accepting.address.v4));
}

static const struct matrix_verb accept_verb = {
	.start = accept_start, .finish = accept_finish, .prepare = accept_prepare,
	.clean = accept_clean, .result = MATRIX_FD,
};

static void test_accept(void **state)
{
	(void)state;
	matrix_check("accept", &accept_verb);
}

static void test_accept_waits_where_an_older_kernel_would_not(void **state)
{
	struct matrix_verb v = accept_verb;
	struct test_kernel t;

	(void)state;
	if (!net_can_inject())
		skip();
	v.kernel = net_impatient_kernel(&t);
	matrix_check("accept", &v);
}

static int accept_tells_the_peer(void *arg)
{
	union net_address address, peer, client_address;
	socklen_t size = sizeof(peer), client_size = sizeof(client_address);
	int listener = net_listen(1, &address), client = net_connect(&address);
	int fd = rondo_accept(listener, &peer.any, &size);

	(void)arg;
	CHECK(fd >= 0);
	CHECK(net_is_cloexec(fd));
	CHECK_EQUAL(getsockname(client, &client_address.any, &client_size), 0);
	CHECK_EQUAL(size, client_size);
	CHECK_EQUAL(memcmp(&peer, &client_address, size), 0);
	CHECK_EQUAL(rondo_close(fd), 0);
	CHECK_EQUAL(close(client), 0);
	CHECK_EQUAL(rondo_close(listener), 0);
	return 0;
}

static void test_accept_tells_who_connected(void **state)
{
	(void)state;
	net_run(accept_tells_the_peer, NULL);
}

struct accepter {
	int listener, ret;
};

static int accept_one(void *arg)
{
	struct accepter *a = arg;

	a->ret = rondo_accept(a->listener, NULL, NULL);
	return 0;
}

static int accept_errors(void *arg)
{
	int fds[2], plain = rondo_socket(AF_INET, SOCK_STREAM, 0);

	(void)arg;
	CHECK_EQUAL(rondo_accept(-1, NULL, NULL), -EBADF);
	CHECK_EQUAL(rondo_accept(plain, NULL, NULL), -EINVAL);
	CHECK_EQUAL(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQUAL(rondo_accept(fds[0], NULL, NULL), -ENOTSOCK);
	net_close_pair(fds);
	return rondo_close(plain);
}

static void test_accept_reports_what_is_no_listener(void **state)
{
	(void)state;
	net_run(accept_errors, NULL);
}

/* --- accept in a race with a cancel (KN-23) --------------------------------------------------- */

enum { ROUNDS = 250, TURNS_MAX = 3 };

/* The connection and the cancel, n_turns apart; negative: the cancel comes first; TURNS_MAX: when
 * the task is over. */
static int connect_and_cancel(rondo_task *task, const union net_address *a, int n_turns)
{
	int client = -1;

	if (n_turns < 0) {
		rondo_cancel(task);
		CHECK_EQUAL(turns(-1 - n_turns), 0);
	}
	client = net_connect(a);
	if (n_turns >= 0) {
		CHECK_EQUAL(turns(n_turns), 0);
		while (n_turns == TURNS_MAX && rondo_task_state(task) == RONDO_PENDING)
			CHECK_EQUAL(rondo_yield(), 0);
		rondo_cancel(task);
	}
	return client;
}

/* Either the task got the connection or it still waits to be accepted, never both and never
 * neither. */
static int accept_race(int listener, const union net_address *a, int n_turns)
{
	struct accepter accepter = { .listener = listener, .ret = -EINPROGRESS };
	rondo_task *task = rondo_create_task(accept_one, &accepter);
	int client, left;

	CHECK_EQUAL(turns(3), 0);
	client = connect_and_cancel(task, a, n_turns);
	CHECK(client >= 0);
	(void)rondo_await(task);	/* says -ECANCELED also of a task that ended in time */
	left = accepter.ret < 0 ? net_accept_soon(listener) : net_accept_left(listener);
	CHECK((accepter.ret >= 0) != (left >= 0));
	CHECK(accepter.ret >= 0 || accepter.ret == -ECANCELED);
	close(accepter.ret >= 0 ? accepter.ret : left);
	close(client);
	return accepter.ret >= 0;
}

static int accept_races(void *arg)
{
	union net_address address;
	int listener = net_listen(1, &address), n_fds = count_fds(), n_accepted = 0;

	(void)arg;
	for (int round = 0; round < ROUNDS; round++)
		for (int n = -TURNS_MAX; n <= TURNS_MAX; n++) {
			int ret = accept_race(listener, &address, n);

			CHECK(ret >= 0);
			n_accepted += ret;
		}
	CHECK(n_accepted > 0);			/* the race was won both ways */
	CHECK(n_accepted < ROUNDS * (2 * TURNS_MAX + 1));
	CHECK_EQUAL(count_fds(), n_fds);
	close(listener);
	return 0;
}

static void test_accept_in_a_race_with_cancel_loses_no_connection(void **state)
{
	(void)state;
	net_run(accept_races, NULL);
}

/* --- accept without descriptors to spare ------------------------------------------------------ */

static int limit_files(rlim_t n, rlim_t *old)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -1;
	*old = limit.rlim_cur;
	limit.rlim_cur = n;
	return setrlimit(RLIMIT_NOFILE, &limit);
}

static int accept_at_the_limit(void *arg)
{
	union net_address address;
	int spare = dup(0), listener = net_listen(1, &address), client = net_connect(&address), fd;
	rlim_t old;

	(void)arg;
	CHECK_EQUAL(limit_files((rlim_t)client + 1, &old), 0);
	for (fd = 0; fd >= 0 || errno != EMFILE;)	/* fill the holes below */
		fd = dup(0);
	CHECK_EQUAL(rondo_accept(listener, NULL, NULL), -EMFILE);
	close(spare);
	fd = rondo_accept(listener, NULL, NULL);
	CHECK_EQUAL(fd, spare);
	CHECK_EQUAL(write(client, "x", 1), 1);
	CHECK_EQUAL(rondo_recv(fd, &(char){ 0 }, 1, 0), 1);
	return 0;
}

static int accept_at_the_limit_in_child(void)
{
	int ret = rondo_run(accept_at_the_limit, NULL);

	if (ret)
		fprintf(stderr, "%d: %s\n", ret, check_failure);
	return ret != 0;
}

static void test_without_descriptors_a_connection_waits_until_one_is_free(void **state)
{
	(void)state;
	if (RUNNING_ON_VALGRIND) {
		print_message("skipped: valgrind keeps RLIMIT_NOFILE to itself\n");
		skip();
	}
	assert_child_succeeds(accept_at_the_limit_in_child);
}

/* --- closing under an accept ------------------------------------------------------------------ */

static int close_the_listener(void *arg)
{
	union net_address address;
	struct accepter accepter = { .listener = net_listen(1, &address), .ret = -EINPROGRESS };
	rondo_task *task = rondo_create_task(accept_one, &accepter);

	(void)arg;
	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(rondo_close(accepter.listener), 0);
	CHECK_EQUAL(rondo_await(task), 0);
	CHECK_EQUAL(accepter.ret, -EBADF);
	return 0;
}

static void test_closing_a_listener_ends_an_accept(void **state)
{
	(void)state;
	net_run(close_the_listener, NULL);
}

/* --- connect ---------------------------------------------------------------------------------- */

static union net_address there;

static int connect_start(void *ctx)
{
	int fd = rondo_socket(AF_INET, SOCK_STREAM, 0);
	int ret = rondo_connect(fd, &there.any, sizeof(there.v4));

	(void)ctx;
	close(fd);
	return ret;
}

static void test_connect(void **state)
{
	const struct matrix_verb v = { .start = connect_start };
	int listener = net_listen(64, &there);

	(void)state;
	matrix_check("connect", &v);
	close(listener);
}

/* AF_UNIX: a connect waits while the backlog is full. */
static struct {
	struct sockaddr_un address;
	socklen_t size;
	int listener, client, in_the_way;
	int flags;
} waiting;

static int full_prepare(void *ctx)
{
	struct sockaddr *a = (struct sockaddr *)&waiting.address;

	(void)ctx;
	waiting.address.sun_family = AF_UNIX;
	waiting.size = sizeof(waiting.address);
	waiting.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	waiting.in_the_way = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	waiting.client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | waiting.flags, 0);
	if (bind(waiting.listener, a, sizeof(sa_family_t)) < 0 ||
	    getsockname(waiting.listener, a, &waiting.size) < 0 || listen(waiting.listener, 0) < 0)
		return -errno;
	return connect(waiting.in_the_way, a, waiting.size);
}

static void full_clean(void *ctx)
{
	(void)ctx;
	close(waiting.listener);
	close(waiting.in_the_way);
	close(waiting.client);
}

static int full_start(void *ctx)
{
	(void)ctx;
	return rondo_connect(waiting.client, (struct sockaddr *)&waiting.address, waiting.size);
}

static int full_finish(void *ctx)
{
	(void)ctx;
	return close(accept(waiting.listener, NULL, NULL));
}

static void test_connect_waits_while_a_backlog_is_full(void **state)
{
	static const int flags[] = { 0, SOCK_NONBLOCK };
	const struct matrix_verb v = {
		.start = full_start, .finish = full_finish, .prepare = full_prepare,
		.clean = full_clean,
	};

	(void)state;
	for (int i = 0; i < 2; i++) {
		waiting.flags = flags[i];
		matrix_check("connect to a full backlog", &v);
	}
}

static int connect_leaves_the_flags(void *arg)
{
	(void)arg;
	CHECK_EQUAL(full_finish(NULL), 0);
	CHECK_EQUAL(full_start(NULL), 0);
	CHECK_EQUAL(fcntl(waiting.client, F_GETFL) & O_NONBLOCK, 0);
	CHECK_EQUAL(full_finish(NULL), 0);
	CHECK_EQUAL(full_start(NULL), -EISCONN);
	return 0;
}

static void test_connect_leaves_a_blocking_socket_blocking(void **state)
{
	(void)state;
	waiting.flags = 0;
	assert_int_equal(full_prepare(NULL), 0);
	net_run(connect_leaves_the_flags, NULL);
	full_clean(NULL);
}

static int connect_errors(void *arg)
{
	union net_address nobody;
	struct sockaddr_un no_file = { .sun_family = AF_UNIX, .sun_path = "/nonexistent/socket" };
	int bound = net_bound(SOCK_STREAM, &nobody);	/* and not listening */
	int fd = rondo_socket(AF_INET, SOCK_STREAM, 0);
	int local = rondo_socket(AF_UNIX, SOCK_STREAM, 0);

	(void)arg;
	CHECK_EQUAL(rondo_connect(fd, &nobody.any, sizeof(nobody.v4)), -ECONNREFUSED);
	CHECK_EQUAL(rondo_connect(fd, &nobody.any, 1), -EINVAL);
	CHECK_EQUAL(rondo_connect(-1, &nobody.any, sizeof(nobody.v4)), -EBADF);
	CHECK_EQUAL(rondo_connect(-1, (struct sockaddr *)&no_file, sizeof(no_file)), -EBADF);
	CHECK_EQUAL(rondo_connect(local, (struct sockaddr *)&no_file, sizeof(no_file)), -ENOENT);
	CHECK_EQUAL(rondo_connect_tcp("127.0.0.1", ntohs(nobody.v4.sin_port)), -ECONNREFUSED);
	CHECK_EQUAL(rondo_close(fd) | rondo_close(local) | rondo_close(bound), 0);
	return 0;
}

static void test_connect_reports_why_it_failed(void **state)
{
	(void)state;
	net_run(connect_errors, NULL);
}

/* What a kernel did that does not wait for O_NONBLOCK sockets: start the connection, say so. */
static void connect_in_progress(struct io_uring_sqe *sqe)
{
	int fd = sqe->fd;

	if (sqe->opcode != IORING_OP_CONNECT)
		return;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	connect(fd, (const struct sockaddr *)(uintptr_t)sqe->addr, (socklen_t)sqe->off);
	net_inject(sqe, -errno);
}

static int connect_on_an_older_kernel(void *arg)
{
	union net_address nobody;
	int bound = net_bound(SOCK_STREAM, &nobody);

	(void)arg;
	CHECK_EQUAL(connect_start(NULL), 0);
	there = nobody;
	CHECK_EQUAL(connect_start(NULL), -ECONNREFUSED);
	return rondo_close(bound);
}

static void test_connect_finishes_what_an_older_kernel_left_in_progress(void **state)
{
	struct test_kernel t;
	int listener;

	(void)state;
	if (!net_can_inject())
		skip();
	listener = net_listen(64, &there);
	test_kernel_init(&t);
	t.on_sqe = connect_in_progress;
	net_run_on(&t.kernel, connect_on_an_older_kernel, NULL);
	close(listener);
}

/* --- what never blocks ------------------------------------------------------------------------ */

static int plain_calls(void *arg)
{
	union net_address a, b, got;
	socklen_t size = sizeof(got), int_size = sizeof(int);
	int fds[2] = { -1, -1 }, value = 1, fd = net_bound(SOCK_STREAM, &a);
	int other = rondo_socket(AF_INET, SOCK_STREAM, 0);

	(void)arg;
	CHECK(net_is_cloexec(other));
	CHECK_EQUAL(rondo_bind(other, &a.any, sizeof(a.v4)), -EADDRINUSE);
	CHECK_EQUAL(rondo_listen(fd, 1), 0);
	CHECK_EQUAL(rondo_getsockname(fd, &got.any, &size), 0);
	CHECK_EQUAL(memcmp(&got, &a, sizeof(a.v4)), 0);
	CHECK_EQUAL(rondo_getpeername(fd, &got.any, &size), -ENOTCONN);
	CHECK_EQUAL(rondo_connect(other, &a.any, sizeof(a.v4)), 0);
	CHECK_EQUAL(rondo_getpeername(other, &b.any, &size), 0);
	CHECK_EQUAL(b.v4.sin_port, a.v4.sin_port);
	CHECK_EQUAL(rondo_setsockopt(other, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)), 0);
	value = 0;
	CHECK_EQUAL(rondo_getsockopt(other, SOL_SOCKET, SO_KEEPALIVE, &value, &int_size), 0);
	CHECK_EQUAL(value, 1);
	CHECK_EQUAL(rondo_setsockopt(-1, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)), -EBADF);
	CHECK_EQUAL(rondo_socket(-1, SOCK_STREAM, 0), -EAFNOSUPPORT);
	CHECK_EQUAL(rondo_socketpair(AF_INET, SOCK_STREAM, 0, fds), -EOPNOTSUPP);
	CHECK_EQUAL(fds[0], -1);
	CHECK_EQUAL(rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	CHECK(net_is_cloexec(fds[0]) && net_is_cloexec(fds[1]));
	CHECK_EQUAL(rondo_shutdown(fds[0], SHUT_WR), 0);
	CHECK_EQUAL(rondo_recv(fds[1], &value, 1, 0), 0);
	CHECK_EQUAL(rondo_shutdown(fd, -1), -EINVAL);
	net_close_pair(fds);
	return rondo_close(fd) | rondo_close(other);
}

static void test_calls_that_never_block_are_the_plain_ones(void **state)
{
	(void)state;
	net_run(plain_calls, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accept),
		cmocka_unit_test(test_accept_waits_where_an_older_kernel_would_not),
		cmocka_unit_test(test_accept_tells_who_connected),
		cmocka_unit_test(test_accept_reports_what_is_no_listener),
		cmocka_unit_test(test_accept_in_a_race_with_cancel_loses_no_connection),
		cmocka_unit_test(test_without_descriptors_a_connection_waits_until_one_is_free),
		cmocka_unit_test(test_closing_a_listener_ends_an_accept),
		cmocka_unit_test(test_connect),
		cmocka_unit_test(test_connect_waits_while_a_backlog_is_full),
		cmocka_unit_test(test_connect_leaves_a_blocking_socket_blocking),
		cmocka_unit_test(test_connect_reports_why_it_failed),
		cmocka_unit_test(test_connect_finishes_what_an_older_kernel_left_in_progress),
		cmocka_unit_test(test_calls_that_never_block_are_the_plain_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
