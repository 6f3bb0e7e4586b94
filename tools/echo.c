/* SPDX-License-Identifier: MIT */
/* echo.c - `rondo echo --port P [--workers N]`: send back what comes; one loop per worker, and the
 * kernel deals connections out among them by SO_REUSEPORT. */
#include "echo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <rondo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

enum { WORKERS_MAX = 1024 };

static const double accept_pause_s = 0.1;	/* out of descriptors: somebody has to hang up */

static void note_enters(uint64_t *n_enters)
{
	struct rondo_loop_stats stats;

	if (!n_enters)
		return;
	rondo_loop_stats(&stats);
	*n_enters = stats.n_enters;
}

RONDO_ASYNC(echo_connection, (int, fd), (uint64_t *, n_enters))
{
	struct rondo_receiver receiver;
	const void *data;
	ssize_t n;
	int one = 1, ret = rondo_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));

	rondo_receiver_init(&receiver, fd);
	while (ret >= 0 && (n = rondo_receiver_lend(&receiver, &data)) > 0) {
		ret = rondo_send_all(fd, data, (size_t)n, NULL);
		note_enters(n_enters);
	}
	rondo_receiver_end(&receiver);
	rondo_close(fd);
	return 0;	/* that a peer went away is no error of the server */
}

/* Errors of one connection, or of the moment, must not end the server. */
static int accept_failed(int error)
{
	switch (error) {
	case -EMFILE:
	case -ENFILE:
	case -ENOBUFS:
	case -ENOMEM:
		return rondo_sleep(accept_pause_s);
	case -ECONNABORTED:
	case -EPROTO:
	case -EPERM:
	case -ENETDOWN:
	case -EHOSTUNREACH:
	case -ENETUNREACH:
		return 0;
	default:
		return error;
	}
}

int echo_serve(int listen_fd, uint64_t *n_enters)
{
	for (;;) {
		int fd = rondo_accept(listen_fd, NULL, NULL), ret = 0;
		rondo_task *t;

		if (fd < 0) {
			ret = accept_failed(fd);
			if (ret < 0)
				return ret;
			continue;
		}
		t = echo_connection_task(fd, n_enters);
		if (!t)
			rondo_close(fd);
		rondo_detach(t);
	}
}

struct server {
	long port, n_workers;
	int *fds;			/* one listening socket per worker */
};

static int worker(void *arg)
{
	const struct server *s = arg;

	/* Only now: there is a ring, and ^C ends the server as it should. */
	if (rondo_worker() == 0) {
		printf("rondo: echoing on port %ld\n", s->port);
		fflush(stdout);
	}
	return echo_serve(s->fds[rondo_worker()], NULL);
}

static long port_of(int fd)
{
	struct sockaddr_in6 addr;
	socklen_t size = sizeof(addr);

	if (rondo_getsockname(fd, (struct sockaddr *)&addr, &size) < 0)
		return 0;
	return ntohs(addr.sin6_port);	/* at the same place in sockaddr_in */
}

/* Workers share the port with each other. SO_REUSEPORT alone would let them share it with another
 * server of the same user, which would then get some of our clients. */
static int port_is_free(const struct server *s)
{
	int fd = rondo_listen_tcp(NULL, (uint16_t)s->port, NULL);

	return fd < 0 ? fd : close(fd);
}

static int listen_all(struct server *s)
{
	const struct rondo_listen_options options = { .reuse_port = s->n_workers > 1 };
	int ret = port_is_free(s);

	if (ret < 0)
		return ret;
	for (long i = 0; i < s->n_workers; i++) {
		s->fds[i] = rondo_listen_tcp(NULL, (uint16_t)s->port, &options);
		if (s->fds[i] < 0)
			return s->fds[i];
		if (!s->port)
			s->port = port_of(s->fds[i]);
	}
	return 0;
}

static int run_server(struct server *s)
{
	char what[32];
	int ret = listen_all(s);

	if (ret < 0) {
		snprintf(what, sizeof(what), "port %ld", s->port);
		return cli_fail_error(what, ret);
	}
	ret = rondo_run_workers_with(rondo_options_from_environment(), (unsigned)s->n_workers, worker,
				     s);
	if (ret == -EINTR || ret == -ECANCELED)
		return CLI_OK;		/* ^C is how a server ends */
	return ret < 0 ? cli_fail_run("echo", ret) : CLI_OK;
}

static int parse(int argc, char **argv, struct server *s)
{
	for (int i = 1; i < argc; i++) {
		bool port = !strcmp(argv[i], "--port"), workers = !strcmp(argv[i], "--workers");

		if (!port && !workers)
			return cli_usage(argv[i], "echo takes --port P [--workers N]");
		if (i + 1 == argc)
			return cli_usage(argv[i], "needs a number");
		if (port && !cli_number(argv[++i], 0, 65535, &s->port))
			return cli_usage(argv[i], "is not a port");
		if (workers && !cli_number(argv[++i], 1, WORKERS_MAX, &s->n_workers))
			return cli_usage(argv[i], "is not a number of workers");
	}
	return s->port < 0 ? cli_usage("--port", "is missing") : CLI_OK;
}

int cmd_echo(int argc, char **argv)
{
	struct server s = { .port = -1, .n_workers = 1 };
	int status = parse(argc, argv, &s);

	if (status != CLI_OK)
		return status;
	s.fds = malloc((size_t)s.n_workers * sizeof(*s.fds));
	if (!s.fds)
		return cli_fail_error("echo", -ENOMEM);
	status = run_server(&s);
	free(s.fds);
	return status;
}
