/* SPDX-License-Identifier: MIT */
/* servers.h - handlers and clients for tests of servers. */
#ifndef RONDO_TESTS_STREAM_SERVERS_H
#define RONDO_TESTS_STREAM_SERVERS_H

#include "io/net.h"

#include "rondo/file.h"
#include "rondo/net.h"
#include "rondo/socket.h"
#include "rondo/sync.h"

static const char servers_loopback[] = "127.0.0.1";

/* Echo until the end. */
static inline int servers_echo(rondo_stream *s, void *arg)
{
	const void *data;
	ssize_t n;

	(void)arg;
	while ((n = rondo_stream_lend(s, &data)) > 0) {
		int ret = rondo_stream_write(s, data, (size_t)n);

		if (ret < 0)
			return ret;
	}
	return (int)n;
}

static inline int servers_connect(rondo_server *server, rondo_stream **s)
{
	return rondo_open_connection(servers_loopback, (uint16_t)rondo_server_port(server), NULL,
				     s);
}

/* Have a word echoed. */
static inline int servers_say(rondo_stream *s, const char *text)
{
	char got[64];
	int ret = rondo_stream_write(s, text, strlen(text));

	if (ret == 0)
		ret = rondo_stream_read_exactly(s, got, strlen(text), NULL);
	return ret == 0 && memcmp(got, text, strlen(text)) ? -EILSEQ : ret;
}

/* What on_error was told. */
static struct {
	unsigned n;
	int error;
	char message[128];
} servers_report;

static inline void servers_on_error(const struct rondo_report *r, void *arg)
{
	(void)arg;
	servers_report.n++;
	servers_report.error = r->error;
	snprintf(servers_report.message, sizeof(servers_report.message), "%s", r->message);
}

/* Run main, with reports; no descriptor may be left. */
static inline void servers_run(rondo_fn *main)
{
	const struct rondo_options o = { .on_error = servers_on_error };
	int ret, n_fds = count_fds();

	memset(&servers_report, 0, sizeof(servers_report));
	ret = rondo__run_on(&rondo__kernel_linux, &o, main, NULL);
	assert_checks_passed();
	assert_int_equal(ret, 0);
	assert_int_equal(count_fds(), n_fds);
}

#define SERVERS_RUN(name, main)                                                                    \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		servers_run(main);                                                                 \
	}

#endif
