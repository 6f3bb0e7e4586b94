/* SPDX-License-Identifier: MIT */
/* streams.h - what the tests of streams share: a stream on one end of a pair, plain calls on the
 * other. */
#ifndef RONDO_TESTS_STREAMS_H
#define RONDO_TESTS_STREAMS_H

#include "../io/net.h"

#include "loop/loop.h"
#include "rondo/file.h"
#include "rondo/socket.h"
#include "rondo/splice.h"
#include "rondo/stream.h"
#include "rondo/sync.h"

static int pair[2] = { -1, -1 };		/* the stream has pair[0], its peer pair[1] */
static rondo_stream *stream;

enum pair_kind { PAIR_UNIX, PAIR_TCP, PAIR_PIPE, PAIR_KINDS };

static const char *const pair_names[PAIR_KINDS] = { "unix", "tcp", "pipe" };

static inline int pair_open(enum pair_kind kind)
{
	if (kind == PAIR_UNIX)
		return net_unix_pair(pair);
	return kind == PAIR_TCP ? net_tcp_pair(pair) : pipe2(pair, O_CLOEXEC);
}

static inline void pair_clean(void *ctx)
{
	(void)ctx;
	net_close_pair(pair);
}

static inline ssize_t peer_send(const void *data, size_t len)
{
	return write(pair[1], data, len);
}

static inline int peer_say(const char *text)
{
	return peer_send(text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -1;
}

static inline void peer_end(void)
{
	net_close(pair[1]);
	pair[1] = -1;
}

/* A stream on pair[0], which it takes over. */
static inline int stream_begin(const struct rondo_stream_options *o)
{
	int ret = rondo_stream_from_fd(pair[0], o, &stream);

	if (ret == 0)
		pair[0] = -1;
	return ret;
}

/* Is text what a call lent? where is the address of its pointer, which is set by then. */
static inline bool lent(ssize_t n, const void *where, const char *expected)
{
	const char *data;

	memcpy(&data, where, sizeof(data));
	return n == (ssize_t)strlen(expected) && !memcmp(data, expected, (size_t)n);
}

/* Small rings, as in matrix.h. */
static inline void run_with(enum pair_kind kind, rondo_fn *main, void *arg)
{
	const struct rondo_options small = { .sq_entries = 16 };
	int ret, n_fds = count_fds();

	assert_int_equal(pair_open(kind), 0);
	ret = rondo__run_on(&rondo__kernel_linux, &small, main, arg);
	pair_clean(NULL);
	assert_checks_passed();
	assert_int_equal(ret, 0);
	assert_int_equal(count_fds(), n_fds);
}

static inline void run_on_all_pairs(rondo_fn *main, void *arg)
{
	for (int kind = 0; kind < PAIR_KINDS; kind++)
		run_with((enum pair_kind)kind, main, arg);
}
#endif
