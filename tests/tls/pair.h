/* SPDX-License-Identifier: MIT */
/* pair.h - what the TLS tests share: a folder of certificates, contexts, and two ends of one
 * connection in one loop. */
#ifndef RONDO_TESTS_TLS_PAIR_H
#define RONDO_TESTS_TLS_PAIR_H

#include "support/check.h"
#include "support/folder.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rondo_tls.h"

/* --- certificates ------------------------------------------------------------------------- */

/* A group's setup: certificates.sh, in a folder of its own. */
static inline int make_certificates(void **state)
{
	const char *source = getenv("RONDO_SOURCE");
	char command[PATH_MAX + 64];

	if (!source || enter_folder(state) < 0)
		return -1;
	snprintf(command, sizeof(command), "sh '%s/tests/tls/certificates.sh' >log 2>&1", source);
	if (system(command) != 0) {
		(void)!system("cat log >&2");
		return -1;
	}
	return 0;
}

static inline bool have_program(const char *test)
{
	return system(test) == 0;
}

/* A test program's main(). */
#define TLS_MAIN(tests)                                                                            \
	int main(void)                                                                             \
	{                                                                                          \
		if (!have_program("openssl version >/dev/null 2>&1")) {                            \
			print_message("there is no openssl command to make certificates with\n");  \
			return 77;                                                                 \
		}                                                                                  \
		return cmocka_run_group_tests(tests, make_certificates, leave_folder);             \
	}

/* --- contexts ------------------------------------------------------------------------------ */

static _Thread_local char last_failure[200];	/* what on_failure was told last */
static _Thread_local int last_failure_error;

static inline void note_failure(int error, const char *why, void *arg)
{
	(void)arg;
	last_failure_error = error;
	snprintf(last_failure, sizeof(last_failure), "%s", why);
}

static inline rondo_tls_context *context(struct rondo_tls_context_options o)
{
	rondo_tls_context *c = NULL;
	int ret;

	ret = rondo_tls_context_new(&o, &c);
	if (ret < 0)
		print_error("context: %d: %s\n", ret, rondo_tls_error(NULL));
	assert_int_equal(ret, 0);
	return c;
}

/* A server that shows NAME.pem. */
static inline rondo_tls_context *server_context(const char *name)
{
	static char cert[64], key[64];

	snprintf(cert, sizeof(cert), "%s.pem", name);
	snprintf(key, sizeof(key), "%s.key", name);
	return context((struct rondo_tls_context_options){
		.is_server = true, .cert_file = cert, .key_file = key, .on_failure = note_failure });
}

static inline rondo_tls_context *client_context(void)
{
	return context((struct rondo_tls_context_options){ .ca_file = "ca.pem" });
}

/* --- two ends ------------------------------------------------------------------------------ */

struct pair {
	rondo_tls_context *server_tls, *client_tls;
	const char *host;		/* whom the client wants */
	const struct rondo_tls_options *server_options;
	struct rondo_stream_options plain;	/* of both plain streams */
	int type;			/* of sockets; 0: AF_UNIX's */
	rondo_stream *client, *server;	/* plain, then encrypted */
	int client_ret, server_ret;	/* of the handshakes */
	char client_why[200];
};

static inline int pair_plain(struct pair *p)
{
	int fds[2];

	CHECK_EQUAL(rondo_socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	CHECK_EQUAL(rondo_stream_from_fd(fds[0], &p->plain, &p->client), 0);
	CHECK_EQUAL(rondo_stream_from_fd(fds[1], &p->plain, &p->server), 0);
	return 0;
}

/* A failed side closes, as its peer would wait for it otherwise. */
static inline int pair_serve(void *arg)
{
	struct pair *p = arg;

	p->server_ret = rondo_start_tls(&p->server, p->server_tls, p->server_options);
	if (p->server_ret < 0) {
		rondo_stream_close(p->server);
		p->server = NULL;
	}
	return 0;
}

static inline int pair_connect(void *arg)
{
	struct pair *p = arg;
	const struct rondo_tls_options o = { .server_hostname = p->host ? p->host : "localhost" };

	p->client_ret = rondo_start_tls(&p->client, p->client_tls, &o);
	if (p->client_ret < 0) {
		snprintf(p->client_why, sizeof(p->client_why), "%s", rondo_tls_error(NULL));
		rondo_stream_close(p->client);
		p->client = NULL;
	}
	return 0;
}

/* Both handshakes, whatever becomes of them. */
static inline int pair_shake_hands(struct pair *p)
{
	last_failure[0] = '\0';
	last_failure_error = 0;
	return RONDO_GATHER(rondo_create_task(pair_serve, p), rondo_create_task(pair_connect, p));
}

static inline int pair_open(struct pair *p)
{
	if (pair_plain(p) < 0)
		return -1;
	CHECK_EQUAL(pair_shake_hands(p), 0);
	if (p->client_ret < 0)
		print_error("client: %s\n", p->client_why);
	CHECK_EQUAL(p->client_ret, 0);
	CHECK_EQUAL(p->server_ret, 0);
	return 0;
}

static inline int pair_close_client(void *arg)
{
	return rondo_stream_close(((struct pair *)arg)->client);
}

static inline int pair_close_server(void *arg)
{
	return rondo_stream_close(((struct pair *)arg)->server);
}

/* Both at once: each waits for the other's goodbye. */
static inline int pair_close(struct pair *p)
{
	CHECK_EQUAL(RONDO_GATHER(rondo_create_task(pair_close_client, p),
				 rondo_create_task(pair_close_server, p)), 0);
	p->client = p->server = NULL;
	return 0;
}

/* Run main(pair) on a loop and see that no descriptor is left. */
static inline void run_pair(rondo_fn *main, struct pair *p)
{
	int ret;

	p->client = p->server = NULL;
	ret = rondo_run(main, p);
	assert_checks_passed();
	assert_int_equal(ret, 0);
	rondo_tls_context_free(p->server_tls);
	rondo_tls_context_free(p->client_tls);
}
#endif
