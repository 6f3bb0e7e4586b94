/* SPDX-License-Identifier: MIT */
/* echo.c - workload: clients on one host send random bytes to an echo server on another, some of
 * them through a proxy on a third, and check that the same come back; clients are cancelled and time
 * out at any moment. Datagrams go to and fro as well.
 *
 * What may happen to a connection while faults last: it breaks with an error. What may never: a byte
 * that was not sent, a descriptor that stays open, a client or server that does not end. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "sim/echo.h"

enum { ROUNDS_MAX = 6, CHUNK_MAX = 9000, CONNECTIONS_MAX = 4000 };

struct world {
	const struct workload_run *run;
	int listener;
	bool stopping, is_proxy;
	unsigned n_serving;
};

static unsigned below(unsigned n)
{
	return (unsigned)(rondo_sim_random() % n);
}

/* --- the server ------------------------------------------------------------------------------ */

struct connection {
	struct world *world;
	int fd;
};

static int echo_bytes(int fd, bool by_receiver)
{
	struct rondo_receiver r;
	char buf[3000];
	ssize_t n;

	if (by_receiver)
		rondo_receiver_init(&r, fd);
	do {
		n = by_receiver ? rondo_receiver_read(&r, buf, sizeof(buf)) :
				  rondo_recv(fd, buf, sizeof(buf), 0);
		if (n > 0) {
			int ret = rondo_send_all(fd, buf, (size_t)n, NULL);

			n = ret < 0 ? ret : n;
		}
	} while (n > 0);
	if (by_receiver)
		rondo_receiver_end(&r);
	return (int)n;
}

static int serve_one(void *arg)
{
	struct connection *c = arg;
	int ret = c->world->is_proxy ? echo_relay(c->fd) : echo_bytes(c->fd, below(2));

	if (rondo_close(c->fd) == -EBADF)
		rondo_sim_fail("the descriptor of a connection was closed by somebody else");
	c->world->n_serving--;
	free(c);
	return ret == -ECANCELED ? ret : 0;
}

/* Cancelled before it began: nobody has closed the connection. */
static int start_serving(struct world *w, int fd)
{
	struct connection *c = malloc(sizeof(*c));
	rondo_task *t;

	if (!c)
		return -ENOMEM;
	*c = (struct connection){ .world = w, .fd = fd };
	w->n_serving++;
	t = rondo_create_task(serve_one, c);
	if (!t)
		return -ENOMEM;
	rondo_detach(t);
	return 0;
}

static int accept_all(struct world *w)
{
	while (!w->stopping) {
		int fd = rondo_accept(w->listener, NULL, NULL);

		if (fd == -ECANCELED)
			return fd;
		if (fd < 0 && rondo_sleep(0.05) < 0)	/* no descriptors: pause */
			return -ECANCELED;
		if (fd >= 0 && start_serving(w, fd) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int server(void *arg)
{
	struct world *w = arg;
	rondo_task *datagrams;
	int ret;

	w->listener = rondo_listen_tcp("0.0.0.0", ECHO_PORT, NULL);
	if (w->listener < 0)
		return w->listener;
	datagrams = rondo_create_task(echo_datagrams, NULL);
	ret = accept_all(w);
	rondo_cancel(datagrams);
	(void)rondo_await(datagrams);
	(void)rondo_close(w->listener);
	while (ret == 0 && w->n_serving)
		ret = rondo_sleep(0.01);
	return ret;
}

/* --- the clients ----------------------------------------------------------------------------- */

struct client {
	struct world *world;
	unsigned number;
	bool done;			/* it has seen one connection through to its end */
};

static void fill(unsigned char *buf, size_t n, unsigned salt, size_t at)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = (unsigned char)((at + i) * 31 + (at + i) / 251 + salt);
}

static int check_echo(int fd, size_t n, unsigned salt, size_t at)
{
	unsigned char got[CHUNK_MAX], expected[CHUNK_MAX];
	size_t n_got = 0;
	int ret = rondo_recv_exactly(fd, got, n, &n_got);

	fill(expected, n, salt, at);
	if (memcmp(got, expected, n_got))
		rondo_sim_fail("the echo differs within %zu bytes after %zu", n_got, at);
	return ret;
}

struct chunk {
	int fd;
	unsigned salt;
	size_t n, at;
};

static int send_chunk(void *arg)
{
	const struct chunk *c = arg;
	unsigned char buf[CHUNK_MAX];

	fill(buf, c->n, c->salt, c->at);
	return echo_send_all(c->fd, buf, c->n);
}

/* Both at once: with small windows the server stops reading until somebody reads what it sends. */
static int send_and_check(struct chunk *c)
{
	rondo_task *sender = rondo_create_task(send_chunk, c);
	int sent, ret = check_echo(c->fd, c->n, c->salt, c->at);

	if (ret < 0)
		rondo_cancel(sender);
	sent = rondo_await(sender);
	return ret < 0 ? ret : sent;
}

static int talk(int fd, unsigned salt)
{
	struct chunk chunk = { .fd = fd, .salt = salt };
	unsigned n_rounds = 1 + below(ROUNDS_MAX);
	char c;
	int ret = 0;

	for (unsigned i = 0; i < n_rounds && ret == 0; i++) {
		chunk.n = 1 + below(CHUNK_MAX);
		ret = send_and_check(&chunk);
		chunk.at += chunk.n;
	}
	if (ret == 0)
		ret = rondo_shutdown(fd, SHUT_WR);
	if (ret == 0 && (ret = (int)rondo_recv(fd, &c, 1, 0)) > 0)
		rondo_sim_fail("a byte came after the end");
	return ret;
}

static int one_connection(void *arg)
{
	struct client *c = arg;
	int ret, fd = rondo_connect_tcp(below(3) ? ECHO_HOST : ECHO_PROXY, ECHO_PORT);

	if (fd < 0)
		return fd;
	ret = talk(fd, c->number);
	if (rondo_close(fd) == -EBADF)
		rondo_sim_fail("the descriptor of a client was closed by somebody else");
	c->done |= ret == 0;
	return ret;
}

static int cancelled_connection(struct client *c)
{
	rondo_task *t = rondo_create_task(one_connection, c);
	int ret = rondo_sleep(below(200) / 1e3);

	rondo_cancel(t);
	return ret < 0 ? ret : rondo_await(t);
}

/* Try until one connection went well; while faults last some are cut off on purpose. */
static int client(void *arg)
{
	struct client *c = arg;
	int ret = 0;

	for (unsigned n = 0; !c->done; n++) {
		if (n > CONNECTIONS_MAX)
			return rondo_sim_fail("client %u got no connection through", c->number);
		if (below(3) == 0)
			ret = cancelled_connection(c);
		else if (below(3) == 0)
			ret = rondo_wait_for(one_connection, c, below(2000) / 1e3);
		else
			ret = below(4) ? one_connection(c) : echo_exchange_datagrams();
		if (!c->done)
			ret = rondo_sleep(0.1 + below(1000) / 1e3);
	}
	return ret < 0 && !c->done ? ret : 0;
}

static int talk_to_server(struct world *w)
{
	enum { CLIENTS_MAX = 64 };
	struct client clients[CLIENTS_MAX];
	rondo_task *tasks[CLIENTS_MAX];
	unsigned n = w->run->n_tasks < CLIENTS_MAX ? w->run->n_tasks : CLIENTS_MAX;

	for (unsigned i = 0; i < n; i++) {
		clients[i] = (struct client){ .world = w, .number = i };
		tasks[i] = rondo_create_task(client, &clients[i]);
	}
	return rondo_gather(n, tasks, NULL, 0);
}

/* The server sees that it is to stop when one more connection comes, or an accept fails. */
static int stop_server(struct world *w, int host, const char *address)
{
	int ret, result = 0;

	w->stopping = true;
	while (!rondo_sim_host_result(host, &result)) {
		int fd = rondo_connect_tcp(address, ECHO_PORT);

		if (fd >= 0)
			(void)rondo_close(fd);
		ret = rondo_sleep(0.5);
		if (ret < 0)
			return ret;
	}
	return result;
}

static int echo_main(void *arg)
{
	struct world w = { .run = arg }, relay = { .run = arg, .is_proxy = true };
	int ret, host = rondo_sim_start_host("server", server, &w);
	int proxy = rondo_sim_start_host("proxy", server, &relay);

	if (host < 0 || proxy < 0)
		return -EMFILE;
	ret = talk_to_server(&w);
	if (ret >= 0)
		ret = stop_server(&relay, proxy, ECHO_PROXY);
	return ret < 0 ? ret : stop_server(&w, host, ECHO_HOST);
}

const struct workload workload_echo = {
	.name = "echo", .what = "clients, a proxy and an echo server, with cancels and timeouts",
	.main = echo_main, .n_tasks = 6,
};
