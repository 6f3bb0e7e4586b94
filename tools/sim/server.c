/* SPDX-License-Identifier: MIT */
/* server.c - workload: a server of streams that is started, shut down and started again at any
 * moment, in every way there is, and clients that connect by happy eyeballs, ask, are cancelled and
 * try again.
 *
 * What may happen to a connection: it breaks, or is never made. What may never: a wrong answer, a
 * handler that runs on after its server has ended, a descriptor that stays open, a server or client
 * that does not end. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>

#include "sim/sim.h"

enum { PORT = 80, QUESTIONS_MAX = 8, TRIES_MAX = 4000 };
#define HOST "10.0.0.2"
#define NOBODY "10.0.0.77"

struct world {
	const struct workload_run *run;
	bool stopping;
	unsigned n_handling;
	rondo_server *server;
};

static unsigned below(unsigned n)
{
	return (unsigned)(rondo_sim_random() % n);
}

/* --- the server ------------------------------------------------------------------------------ */

/* Each number has the next one as its answer. */
static int answer(rondo_stream *s)
{
	uint32_t number;
	int ret;

	while ((ret = rondo_stream_read_exactly(s, &number, sizeof(number), NULL)) == 0) {
		number++;
		ret = below(8) ? 0 : rondo_sleep(below(300) / 1e3);
		if (ret == 0)
			ret = rondo_stream_write(s, &number, sizeof(number));
		if (ret < 0)
			break;
	}
	return ret == -RONDO_EINCOMPLETE ? 0 : ret;
}

static int handle(rondo_stream *s, void *arg)
{
	struct world *w = arg;
	int ret;

	w->n_handling++;
	ret = answer(s);
	if (below(16) == 0)
		rondo_server_close(w->server);
	if (below(16) == 0) {
		(void)rondo_server_keep(NULL);
		rondo_stream_abort(s);
	}
	w->n_handling--;
	return ret;
}

static int wrap(rondo_stream **stream, bool is_server, const char *host, void *arg)
{
	(void)stream, (void)host, (void)arg;
	if (!is_server)
		return rondo_sim_fail("a client's wrapper was called at a server");
	return below(8) ? 0 : below(2) ? rondo_sleep(below(100) / 1e3) : -EPROTO;
}

static int start(struct world *w)
{
	const struct rondo_server_options o = {
		.limit = below(2) ? 1 + below(3) : 0, .backlog = 1 + (int)below(8),
		.no_start = below(4) == 0, .stream.write_buffer = below(2) ? 64 : 0,
		.wrapper.wrap = below(2) ? wrap : NULL,
	};
	int ret;

	do {
		ret = rondo_start_server(handle, w, below(2) ? NULL : HOST, PORT, &o, &w->server);
		if (ret == -ECANCELED || (ret < 0 && rondo_sleep(0.1) < 0))
			return -ECANCELED;
	} while (ret < 0);
	return 0;
}

static int serve_forever(void *arg)
{
	return rondo_server_serve_forever(arg);
}

static int wait_closed(void *arg)
{
	return rondo_server_wait_closed(arg);
}

static int stop(struct world *w)
{
	switch (below(4)) {
	case 0:
		return rondo_server_shutdown(w->server, below(2000) / 1e3);
	case 1:
		rondo_server_close(w->server);
		if (below(2))
			rondo_server_close_clients(w->server);
		return rondo_wait_for(wait_closed, w->server, below(1000) / 1e3);
	case 2:
		rondo_server_abort_clients(w->server);
		return 0;
	default:
		return 0;
	}
}

/* As long as anybody wants it. */
static int live_on(struct world *w)
{
	int ret = 0;

	while (ret == 0 && !w->stopping && rondo_server_is_serving(w->server))
		ret = rondo_sleep(0.5);
	return ret;
}

/* From its start to its end. */
static int one_life(struct world *w)
{
	rondo_task *task = NULL;
	int ret = start(w);

	if (ret < 0)
		return ret;
	if (below(2))
		task = rondo_create_task(serve_forever, w->server);
	ret = below(4) ? rondo_sleep(below(5000) / 1e3) : live_on(w);
	if (task && below(2))
		rondo_cancel(task);
	if (ret == 0)
		ret = stop(w);
	rondo_server_free(w->server);
	if (task)
		(void)rondo_await(task);
	if (w->n_handling)
		rondo_sim_fail("%u handlers outlive their server", w->n_handling);
	return ret == -ECANCELED && rondo_cancelling(rondo_current_task()) ? ret : 0;
}

static int server(void *arg)
{
	struct world *w = arg;
	int ret = 0;

	while (!w->stopping && ret == 0)
		ret = one_life(w);
	return ret;
}

/* --- the clients ----------------------------------------------------------------------------- */

struct client {
	uint32_t number;
	unsigned n_left;
};

static int ask(struct client *c, rondo_stream *s)
{
	uint32_t got;
	int ret = rondo_stream_write(s, &c->number, sizeof(c->number));

	if (ret == 0)
		ret = rondo_stream_read_exactly(s, &got, sizeof(got), NULL);
	if (ret == 0 && got != c->number + 1)
		return rondo_sim_fail("%u was answered by %u", c->number, got);
	if (ret == 0) {
		c->number += 1000;
		c->n_left--;
	}
	return ret;
}

/* The host's address, as IPv4, as IPv6 (where nobody may listen), and one that is nobody's. */
static int connect_somehow(rondo_stream **s)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT),
				   .sin6_addr.s6_addr = { 0xfd, [15] = 2 } };
	struct sockaddr_in v4[2] = {
		{ .sin_family = AF_INET, .sin_port = htons(PORT) },
		{ .sin_family = AF_INET, .sin_port = htons(PORT) },
	};
	struct addrinfo list[3] = {
		{ .ai_addr = (struct sockaddr *)&v6, .ai_addrlen = sizeof(v6), .ai_next = &list[1] },
		{ .ai_addr = (struct sockaddr *)&v4[0], .ai_addrlen = sizeof(v4[0]) },
		{ .ai_addr = (struct sockaddr *)&v4[1], .ai_addrlen = sizeof(v4[1]),
		  .ai_next = &list[0] },
	};
	const struct rondo_connection_options o = {
		.timeout = below(2) ? 0.1 + below(3000) / 1e3 : 0,
		.delay = below(2) ? 0.001 : 0,
		.addresses = below(2) ? &list[below(3)] : NULL,
	};

	v4[0].sin_addr.s_addr = inet_addr(HOST);
	v4[1].sin_addr.s_addr = inet_addr(NOBODY);
	return rondo_open_connection(HOST, PORT, &o, s);
}

/* As long as it goes well. */
static int one_connection(void *arg)
{
	struct client *c = arg;
	rondo_stream *s;
	int ret = connect_somehow(&s);

	if (ret < 0)
		return ret;
	for (unsigned n = 1 + below(QUESTIONS_MAX); n && c->n_left && ret == 0; n--)
		ret = ask(c, s);
	if (below(4))
		(void)rondo_stream_close(s);
	else
		rondo_stream_abort(s);
	return ret;
}

static int client(void *arg)
{
	struct client *c = arg;
	int ret = 0;

	for (unsigned n = 0; c->n_left; n++) {
		rondo_task *t = rondo_create_task(one_connection, c);
		/* In a server that is over the limit nobody answers for as long as somebody stays. */
		double seconds = below(3) ? 10 : below(500) / 1e3;

		if (n > TRIES_MAX)
			return rondo_sim_fail("client %u has no answers", c->number);
		ret = (int)rondo_wait(1, &t, RONDO_ALL_COMPLETED, seconds);
		rondo_cancel(t);
		(void)rondo_await(t);
		if (ret < 0 || rondo_sleep(below(200) / 1e3) < 0)
			return -ECANCELED;
	}
	return 0;
}

static int server_main(void *arg)
{
	enum { CLIENTS_MAX = 64 };
	struct world w = { .run = arg };
	struct client clients[CLIENTS_MAX];
	rondo_task *tasks[CLIENTS_MAX];
	unsigned n = w.run->n_tasks < CLIENTS_MAX ? w.run->n_tasks : CLIENTS_MAX;
	int ret, result, host = rondo_sim_start_host("server", server, &w);

	if (host < 0)
		return host;
	for (unsigned i = 0; i < n; i++) {
		clients[i] = (struct client){ .number = i * 100, .n_left = 10 };
		tasks[i] = rondo_create_task(client, &clients[i]);
	}
	ret = rondo_gather(n, tasks, NULL, 0);
	w.stopping = true;
	while (ret == 0 && !rondo_sim_host_result(host, &result))
		ret = rondo_sleep(0.5);
	return ret;
}

const struct workload workload_server = {
	.name = "server", .what = "a server of streams, started and shut down again and again",
	.main = server_main, .n_tasks = 6,
};
