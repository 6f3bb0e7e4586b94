/* SPDX-License-Identifier: MIT */
/* test_server_crowd.c - goal: thousands of connections in one loop, and several loops behind one port
 * (row V11), are all served, and end. Method: both sides in one process, as many as descriptors and
 * checkers allow. */
#include "stream/servers.h"
#include "support/step.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

/* --- one loop -------------------------------------------------------------------------------- */

static size_t n_clients;
static rondo_server *server;
/* So many may be connecting: those beyond the backlog would wait for seconds to try again. */
enum { BACKLOG = 500 };
static struct rondo_semaphore connecting;

static int start_for_crowd(void)
{
	const struct rondo_server_options o = { .backlog = BACKLOG };

	connecting = (struct rondo_semaphore)RONDO_SEMAPHORE_INIT(BACKLOG);
	return rondo_start_server(servers_echo, NULL, servers_loopback, 0, &o, &server);
}

static int connect_in_crowd(rondo_stream **s)
{
	int ret = rondo_semaphore_acquire(&connecting);

	if (ret < 0)
		return ret;
	ret = servers_connect(server, s);
	if (ret == 0)
		ret = servers_say(*s, "hello");
	(void)rondo_semaphore_release(&connecting);
	return ret;
}

/* As many as descriptors allow: two ends each. */
static size_t clients_possible(void)
{
	struct rlimit limit;
	size_t n = STEP_SIZE(5000, 400);

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < n * 2 + 100) {
		limit.rlim_cur = limit.rlim_max < n * 2 + 100 ? limit.rlim_max : n * 2 + 100;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur >= n * 2 + 100 ? n : 400;
}

static int crowd_client(void *arg)
{
	struct rondo_barrier *all_here = arg;
	rondo_stream *s;
	int ret = connect_in_crowd(&s);

	if (ret < 0)
		return ret;
	ret = rondo_barrier_wait(all_here);
	if (ret >= 0)
		ret = servers_say(s, "all are here");
	(void)rondo_stream_close(s);
	return ret;
}

/* All at once, idle ones cost nothing that is shared: see the second word. */
static int crowd(void *arg)
{
	struct rondo_barrier all_here = RONDO_BARRIER_INIT(n_clients);
	rondo_task **tasks = calloc(n_clients, sizeof(*tasks));

	(void)arg;
	CHECK(tasks);
	CHECK_EQUAL(start_for_crowd(), 0);
	for (size_t i = 0; i < n_clients; i++)
		tasks[i] = rondo_create_task(crowd_client, &all_here);
	CHECK_EQUAL(rondo_gather(n_clients, tasks, NULL, RONDO_GATHER_CANCEL_REST), 0);
	free(tasks);
	CHECK_EQUAL(rondo_server_shutdown(server, 60), 0);
	rondo_server_free(server);
	return 0;
}

static void test_a_crowd_in_one_loop(void **state)
{
	(void)state;
	n_clients = clients_possible();
	print_message("%zu clients\n", n_clients);
	servers_run(crowd);
}

/* They are idle, and all cancelled. */
static int idle_client(void *arg)
{
	struct rondo_waitgroup *here = arg;
	rondo_stream *s;
	char byte;
	int ret = connect_in_crowd(&s);

	(void)rondo_waitgroup_done(here);
	if (ret < 0)
		return ret;
	ret = (int)rondo_stream_read(s, &byte, 1);
	(void)rondo_stream_close(s);
	return ret;
}

static int idle_crowd(void *arg)
{
	struct rondo_waitgroup here = RONDO_WAITGROUP_INIT;
	rondo_task **tasks = calloc(n_clients, sizeof(*tasks));

	(void)arg;
	CHECK(tasks);
	CHECK_EQUAL(start_for_crowd(), 0);
	rondo_waitgroup_add(&here, n_clients);
	for (size_t i = 0; i < n_clients; i++)
		tasks[i] = rondo_create_task(idle_client, &here);
	CHECK_EQUAL(rondo_waitgroup_wait(&here), 0);
	CHECK_EQUAL(rondo_server_n_clients(server), n_clients);
	CHECK_EQUAL(rondo_server_shutdown(server, 0.01), -ETIMEDOUT);
	CHECK_EQUAL(rondo_gather(n_clients, tasks, NULL, 0), 0);
	free(tasks);
	rondo_server_free(server);
	return 0;
}

static void test_an_idle_crowd_is_shut_down(void **state)
{
	(void)state;
	n_clients = clients_possible();
	servers_run(idle_crowd);
}

/* --- several loops, one port ------------------------------------------------------------------ */

enum { N_WORKERS = 3, N_CALLS = 300 };

static struct {
	int port;			/* of all */
	atomic_uint n_ready, n_served, n_by[N_WORKERS];
	atomic_int shared_fd;
} workers;

static int serve_in_worker(rondo_stream *s, void *arg)
{
	(void)arg;
	workers.n_by[rondo_worker()]++;
	workers.n_served++;
	return servers_echo(s, NULL);
}

static int finish_when_all_are_served(rondo_server *own)
{
	int ret = 0;

	workers.n_ready++;
	while (ret == 0 && workers.n_served < N_CALLS)
		ret = rondo_sleep(0.002);
	if (ret == 0)
		ret = rondo_server_shutdown(own, 60);
	rondo_server_free(own);
	return ret;
}

/* V11: a socket for each loop, and the kernel deals connections out. */
static int worker_with_own_socket(void *arg)
{
	const struct rondo_server_options o = { .reuse_port = true };
	rondo_server *own;
	int ret = rondo_start_server(serve_in_worker, NULL, servers_loopback, (uint16_t)workers.port,
				     &o, &own);

	(void)arg;
	return ret < 0 ? ret : finish_when_all_are_served(own);
}

/* Or one socket for all of them. */
static int worker_with_shared_socket(void *arg)
{
	rondo_server *own;
	int fd = fcntl(workers.shared_fd, F_DUPFD_CLOEXEC, 0);
	int ret = rondo_start_server_on(serve_in_worker, NULL, fd, NULL, &own);

	(void)arg;
	return ret < 0 ? ret : finish_when_all_are_served(own);
}

static void *call_workers(void *arg)
{
	union net_address a = *(const union net_address *)arg;

	while (workers.n_ready < N_WORKERS)
		sched_yield();
	for (int i = 0; i < N_CALLS; i++) {
		int fd = net_connect(&a);
		char c = 'x';

		if (fd < 0 || send(fd, &c, 1, MSG_NOSIGNAL) != 1 || recv(fd, &c, 1, 0) != 1)
			return word("a call was not answered");
		close(fd);
	}
	return NULL;
}

static void run_workers(rondo_fn *main, union net_address *a)
{
	pthread_t caller;
	void *failure;
	int n_fds = count_fds();

	workers.n_ready = workers.n_served = 0;
	for (int i = 0; i < N_WORKERS; i++)
		workers.n_by[i] = 0;
	workers.port = ntohs(a->v4.sin_port);
	assert_int_equal(pthread_create(&caller, NULL, call_workers, a), 0);
	assert_int_equal(rondo_run_workers(N_WORKERS, main, NULL), 0);
	pthread_join(caller, &failure);
	assert_null(failure);
	assert_int_equal(workers.n_served, N_CALLS);
	assert_int_equal(count_fds(), n_fds);
	print_message("%u, %u and %u connections\n", workers.n_by[0], workers.n_by[1],
		      workers.n_by[2]);
}

static void test_workers_share_a_port(void **state)
{
	const struct rondo_listen_options reuse = { .reuse_port = true };
	union net_address a;
	socklen_t size = sizeof(a);
	int fd;

	(void)state;
	skip_threads_under_valgrind();
	fd = rondo_listen_tcp(servers_loopback, 0, &reuse);	/* only to have a port */
	assert_int_equal(getsockname(fd, &a.any, &size), 0);
	close(fd);
	run_workers(worker_with_own_socket, &a);
	for (int i = 0; i < N_WORKERS; i++)
		assert_true(workers.n_by[i] > 0);
}

static void test_workers_share_a_socket(void **state)
{
	union net_address a;

	(void)state;
	skip_threads_under_valgrind();
	workers.shared_fd = net_listen(100, &a);
	assert_true(workers.shared_fd >= 0);
	run_workers(worker_with_shared_socket, &a);
	close(workers.shared_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_crowd_in_one_loop),
		cmocka_unit_test(test_an_idle_crowd_is_shut_down),
		cmocka_unit_test(test_workers_share_a_port),
		cmocka_unit_test(test_workers_share_a_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
