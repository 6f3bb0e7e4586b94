/* SPDX-License-Identifier: MIT */
/* test_receiver_crowd.c - many receivers share few buffers, and none harms another. Goal: a slow
 * reader is paused, a shortage is back-pressure and never an error, a deadlock or a lost byte, and
 * at the end every buffer is back. Method: tiny buffer rings, floods, tasks that sit on their
 * loans, and 500 connections that check every byte they get back. */
#include "net.h"

#include <sys/resource.h>

#include "loop/loop.h"
#include "rondo/file.h"
#include "rondo/socket.h"
#include "support/step.h"

static void use_buffers(unsigned n_buffers, unsigned n_buffers_max)
{
	rondo__loop->buffers = (struct bufring){ .n_buffers = n_buffers,
						 .n_buffers_max = n_buffers_max };
}

/* --- a reader that does not read -------------------------------------------------------------- */

struct link {
	int fds[2];			/* the receiver has fds[0] */
	struct rondo_receiver receiver;
	size_t n_received;
};

static int link_open(struct link *l)
{
	CHECK_EQUAL(net_unix_pair(l->fds), 0);
	rondo_receiver_init(&l->receiver, l->fds[0]);
	l->n_received = 0;
	return 0;
}

static void link_close(struct link *l)
{
	rondo_receiver_end(&l->receiver);
	net_close_pair(l->fds);
}

/* Receive what comes next of the pattern. */
static ssize_t link_lend(struct link *l)
{
	const void *data;
	ssize_t n = rondo_receiver_lend(&l->receiver, &data);

	if (n > 0) {
		CHECK(net_is_pattern(data, (size_t)n, l->n_received));
		l->n_received += (size_t)n;
	}
	return n;
}

static int link_send(struct link *l, size_t offset, size_t len)
{
	char bytes[4096];

	net_fill_pattern(bytes, len, offset);
	return (int)send(l->fds[1], bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Small messages: each takes a buffer. */
static int flood(struct link *l, size_t *n_sent)
{
	enum { MESSAGE = 10, PER_TURN = 20 };
	bool full = false;

	for (int turn = 0; turn < 200 && !full; turn++) {
		for (int i = 0; i < PER_TURN && !full; i++) {
			int ret = link_send(l, *n_sent, MESSAGE);

			full = ret < 0;
			*n_sent += full ? 0 : (size_t)ret;
		}
		CHECK_EQUAL(turns(1), 0);
	}
	return full;
}

static int reads_what_a_dead_peer_left(void *arg)
{
	const bool half = arg;
	const int room = 1 << 20;
	struct link l;
	size_t n_sent = 0;
	int ret;

	CHECK_EQUAL(link_open(&l), 0);
	CHECK_EQUAL(rondo_setsockopt(l.fds[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
	while ((ret = link_send(&l, n_sent, 4096)) > 0)
		n_sent += (size_t)ret;
	if (n_sent <= 34 * BUFRING_BUFFER_BYTES)
		print_message("net.core.wmem_max is too small for this to go wrong\n");
	CHECK_EQUAL(half ? shutdown(l.fds[1], SHUT_WR) : close(l.fds[1]), 0);
	while ((ret = (int)link_lend(&l)) > 0)
		;
	CHECK_EQUAL(ret, 0);
	CHECK_EQUAL(l.n_received, n_sent);
	rondo_receiver_end(&l.receiver);
	return half ? rondo_close(l.fds[0]) | rondo_close(l.fds[1]) : rondo_close(l.fds[0]);
}

/* KN-47: the kernel's multishot receive forgets the end when there is much before it. */
static void test_kn47_the_end_behind_many_bytes_of_a_unix_stream_is_heard(void **state)
{
	(void)state;
	net_run(reads_what_a_dead_peer_left, (void *)false);
	net_run(reads_what_a_dead_peer_left, (void *)true);
}

static int flood_a_sleeper(void *arg)
{
	struct bufring *b = &rondo__loop->buffers;
	struct link slow, other;
	size_t n_sent = 1;

	(void)arg;
	CHECK_EQUAL(link_open(&slow) | link_open(&other), 0);
	CHECK_EQUAL(link_send(&slow, 0, 1), 1);
	CHECK_EQUAL(link_lend(&slow), 1);	/* armed from now on, and not asked again */
	CHECK_EQUAL(flood(&slow, &n_sent), 1);	/* its socket fills up, as without us */
	CHECK(b->n_ours < b->n_buffers / 2);
	for (size_t i = 0; i < 100; i++) {
		CHECK_EQUAL(link_send(&other, i, 1), 1);
		CHECK_EQUAL(link_lend(&other), 1);
	}
	CHECK_EQUAL(b->n_buffers, BUFRING_BUFFERS);	/* no shortage was felt */
	while (slow.n_received < n_sent)
		CHECK(link_lend(&slow) > 0);
	link_close(&slow);
	link_close(&other);
	CHECK_EQUAL(b->n_ours, 0);
	return 0;
}

static void test_a_reader_that_does_not_read_is_paused(void **state)
{
	(void)state;
	net_run(flood_a_sleeper, NULL);
}

/* --- all buffers in use ----------------------------------------------------------------------- */

enum { HOLDERS = 10 };

/* Every one of them has a message and sits on it. */
static int hold_all(struct link links[HOLDERS])
{
	for (int i = 0; i < HOLDERS; i++) {
		CHECK_EQUAL(link_open(&links[i]), 0);
		CHECK_EQUAL(link_send(&links[i], 0, 100), 100);
		CHECK_EQUAL(link_lend(&links[i]), 100);
	}
	return 0;
}

static int release_all(struct link links[HOLDERS])
{
	for (int i = 0; i < HOLDERS; i++)
		link_close(&links[i]);
	CHECK_EQUAL(rondo__loop->buffers.n_ours, 0);
	return 0;
}

static int hold_more_than_there_are(void *arg)
{
	struct link links[HOLDERS];
	struct bufring *b = &rondo__loop->buffers;

	(void)arg;
	use_buffers(2, 8);
	CHECK_EQUAL(hold_all(links), 0);
	CHECK_EQUAL(b->n_buffers, 8);		/* it grew, and then there were own buffers */
	CHECK_EQUAL(b->n_ours, 8);
	return release_all(links);
}

static void test_a_shortage_of_buffers_makes_more_of_them(void **state)
{
	(void)state;
	net_run(hold_more_than_there_are, NULL);
}

/* Those that hold all the shared buffers wait for those that have none. */
static int hold_and_wait(void *arg)
{
	struct link links[HOLDERS];
	struct bufring *b = &rondo__loop->buffers;

	(void)arg;
	use_buffers(1, 1);
	CHECK_EQUAL(hold_all(links), 0);
	CHECK_EQUAL(b->n_ours, 1);
	for (int round = 0; round < 20; round++)
		for (int i = HOLDERS - 1; i >= 0; i--) {
			CHECK_EQUAL(link_send(&links[i], links[i].n_received, 100), 100);
			CHECK_EQUAL(link_lend(&links[i]), 100);
		}
	return release_all(links);
}

static void test_who_finds_no_buffer_does_not_wait_for_those_who_hold_them(void **state)
{
	(void)state;
	net_run(hold_and_wait, NULL);
}

/* --- echo: every connection a task on each side ----------------------------------------------- */

struct echo {
	int fds[2];			/* server, client */
	unsigned seed;
	int n_messages;
};

enum { MESSAGE_MAX = 9000 };

static int echo_server(void *arg)
{
	struct echo *e = arg;
	struct rondo_receiver receiver;
	const void *data;
	ssize_t n;

	rondo_receiver_init(&receiver, e->fds[0]);
	while ((n = rondo_receiver_lend(&receiver, &data)) > 0)
		CHECK_EQUAL(rondo_send_all(e->fds[0], data, (size_t)n, NULL), 0);
	rondo_receiver_end(&receiver);
	CHECK_EQUAL(n, 0);
	return rondo_close(e->fds[0]);
}

static int echo_client(void *arg)
{
	struct echo *e = arg;
	unsigned char bytes[MESSAGE_MAX];
	size_t offset = e->seed;

	for (int i = 0; i < e->n_messages; i++) {
		size_t len = (e->seed * 31u + (unsigned)i * 7919u) % MESSAGE_MAX + 1;

		net_fill_pattern(bytes, len, offset);
		CHECK_EQUAL(rondo_send_all(e->fds[1], bytes, len, NULL), 0);
		memset(bytes, 0, len);
		CHECK_EQUAL(rondo_recv_exactly(e->fds[1], bytes, len, NULL), 0);
		CHECK(net_is_pattern(bytes, len, offset));
		offset += len;
	}
	return rondo_close(e->fds[1]);
}

struct crowd {
	int (*pair)(int fds[2]);
	int n_connections, n_messages;
	unsigned n_buffers;		/* 0: as many as usual */
};

static int run_crowd(const struct crowd *c, struct echo *echoes, rondo_task **tasks)
{
	for (int i = 0; i < c->n_connections; i++) {
		struct echo *e = &echoes[i];

		*e = (struct echo){ .seed = (unsigned)i * 1000003u, .n_messages = c->n_messages };
		CHECK_EQUAL(c->pair(e->fds), 0);
		tasks[2 * i] = rondo_create_task(echo_server, e);
		tasks[2 * i + 1] = rondo_create_task(echo_client, e);
	}
	for (int i = 0; i < 2 * c->n_connections; i++)
		CHECK_EQUAL(rondo_await(tasks[i]), 0);
	CHECK_EQUAL(rondo__loop->buffers.n_ours, 0);
	return 0;
}

static int crowd_main(void *arg)
{
	const struct crowd *c = arg;
	struct echo *echoes = calloc((size_t)c->n_connections, sizeof(*echoes));
	rondo_task **tasks = calloc((size_t)c->n_connections * 2, sizeof(*tasks));
	int ret;

	if (c->n_buffers)
		use_buffers(c->n_buffers, c->n_buffers);
	ret = run_crowd(c, echoes, tasks);
	free(echoes);
	free(tasks);
	return ret;
}

static void test_a_hundred_sockets_share_four_buffers(void **state)
{
	struct crowd c = { .pair = net_unix_pair, .n_connections = (int)STEP_SIZE(100, 30),
			   .n_messages = 20, .n_buffers = 4 };

	(void)state;
	net_run(crowd_main, &c);
	c.pair = net_tcp_pair;
	net_run(crowd_main, &c);
}

/* Two descriptors each; an ordinary user may open 1024. */
static int connections_possible(int n_wanted)
{
	struct rlimit limit = { 0, 0 };
	int n;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
	setrlimit(RLIMIT_NOFILE, &limit);
	n = ((int)limit.rlim_cur - count_fds() - 8) / 2;
	if (n < n_wanted)
		print_message("RLIMIT_NOFILE leaves room for %d of %d connections\n", n, n_wanted);
	return n < n_wanted ? n : n_wanted;
}

static void test_500_connections_get_back_what_they_sent(void **state)
{
	struct crowd c = { .pair = net_tcp_pair,
			   .n_connections = connections_possible((int)STEP_SIZE(500, 60)),
			   .n_messages = (int)STEP_SIZE(20, 5) };

	(void)state;
	net_run(crowd_main, &c);
	c.pair = net_unix_pair;
	net_run(crowd_main, &c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kn47_the_end_behind_many_bytes_of_a_unix_stream_is_heard),
		cmocka_unit_test(test_a_reader_that_does_not_read_is_paused),
		cmocka_unit_test(test_a_shortage_of_buffers_makes_more_of_them),
		cmocka_unit_test(test_who_finds_no_buffer_does_not_wait_for_those_who_hold_them),
		cmocka_unit_test(test_a_hundred_sockets_share_four_buffers),
		cmocka_unit_test(test_500_connections_get_back_what_they_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
