/* SPDX-License-Identifier: MIT */
/* reader.c - fuzz target: what streams read, against asyncio's StreamReader written down plainly.
 *
 * The input says the limit, the separators, how the class gives its bytes (lent or read), the calls
 * and, as the rest, the bytes, in pieces whose lengths it says as well. Both see the same pieces, so
 * that they must agree in every result: rows X2 to X5. */
#include <errno.h>
#include <rondo_sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEPARATORS_MAX = 3, SEPARATOR_LEN_MAX = 4, BYTES_MAX = 4096 };

/* --- the input ------------------------------------------------------------------------------- */

struct input {
	const uint8_t *p;
	size_t left;
};

static unsigned take(struct input *in, unsigned max)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->p++ % (max + 1);
}

/* --- the source: pieces of the bytes ----------------------------------------------------------- */

struct source {
	const uint8_t *bytes;
	size_t left;
	uint64_t state;			/* of the lengths */
};

static size_t next_piece(struct source *s)
{
	size_t n;

	s->state = s->state * 6364136223846793005u + 1442695040888963407u;
	n = 1 + (s->state >> 33) % ((s->state >> 60) < 12 ? 4 : 90);
	return n < s->left ? n : s->left;
}

/* In memory of its own, of which ASan knows the end, and that does not outlive the loan. */
static ssize_t source_lend(void *self, const void **data)
{
	static char *last;
	struct source *s = self;
	size_t n = next_piece(s);

	free(last);
	last = malloc(n + !n);
	if (!last)
		abort();
	memcpy(last, s->bytes, n);
	s->bytes += n;
	s->left -= n;
	*data = last;
	return (ssize_t)n;
}

static ssize_t source_read(void *self, void *buf, size_t len)
{
	struct source *s = self;
	size_t n = next_piece(s);

	if (n > len)
		abort();		/* there is room for the largest piece */
	memcpy(buf, s->bytes, n);
	s->bytes += n;
	s->left -= n;
	return (ssize_t)n;
}

static int source_close(void *self, bool abort)
{
	(void)self, (void)abort;
	return 0;
}

static const struct rondo_stream_class lending = {
	.name = "lending", .lend = source_lend, .close = source_close,
};
static const struct rondo_stream_class reading = {
	.name = "reading", .read = source_read, .close = source_close,
};

/* --- asyncio's reader ---------------------------------------------------------------------------- */

struct model {
	struct source source;
	uint8_t buffer[BYTES_MAX];
	size_t n, limit;
	const struct iovec *seps;
	size_t n_seps;
	size_t consumed;
};

static size_t feed(struct model *m)
{
	size_t n = next_piece(&m->source);

	memcpy(m->buffer + m->n, m->source.bytes, n);
	m->source.bytes += n;
	m->source.left -= n;
	m->n += n;
	return n;
}

static void drop(struct model *m, size_t n)
{
	memmove(m->buffer, m->buffer + n, m->n - n);
	m->n -= n;
}

/* bytearray.find() */
static size_t find(const struct model *m, const struct iovec *sep, size_t from)
{
	for (size_t i = from; i + sep->iov_len <= m->n; i++)
		if (!memcmp(m->buffer + i, sep->iov_base, sep->iov_len))
			return i;
	return SIZE_MAX;
}

/* readuntil(): returns the length with the separator, -RONDO_ELIMIT, or -RONDO_EINCOMPLETE. */
static ssize_t model_until(struct model *m, const struct iovec *seps, size_t n_seps)
{
	size_t max = 0, offset = 0, start = 0, end;

	for (size_t i = 0; i < n_seps; i++)
		max = seps[i].iov_len > max ? seps[i].iov_len : max;
	for (;;) {
		end = SIZE_MAX;
		for (size_t i = 0; i < n_seps; i++) {
			size_t at = find(m, &seps[i], offset);

			if (at != SIZE_MAX && at + seps[i].iov_len < end) {
				end = at + seps[i].iov_len;
				start = at;
			}
		}
		if (end != SIZE_MAX)
			break;
		offset = m->n + 1 > max ? m->n + 1 - max : 0;
		m->consumed = offset;
		if (offset > m->limit)
			return -RONDO_ELIMIT;
		if (!feed(m))
			return -RONDO_EINCOMPLETE;
	}
	m->consumed = start;
	return start > m->limit ? -RONDO_ELIMIT : (ssize_t)end;
}

/* --- one call of each ---------------------------------------------------------------------------- */

static void same(const char *what, ssize_t got, ssize_t expected)
{
	if (got != expected)
		rondo_sim_fail("%s: %zd instead of %zd", what, got, expected);
}

static void same_bytes(const char *what, const struct model *m, const void *data, size_t n)
{
	if (n && memcmp(m->buffer, data, n))
		rondo_sim_fail("%s: other bytes", what);
}

static void try_until(struct model *m, rondo_stream *s)
{
	const char *data = NULL;
	ssize_t expected = model_until(m, m->seps, m->n_seps);
	ssize_t n = rondo_stream_read_until_bytes(s, m->seps, m->n_seps, &data);

	same("read_until", n, expected);
	if (n == -RONDO_ELIMIT)
		same("consumed", (ssize_t)rondo_stream_consumed(s), (ssize_t)m->consumed);
	if (n == -RONDO_EINCOMPLETE)
		n = (ssize_t)rondo_stream_partial(s, &data);
	if (expected == -RONDO_EINCOMPLETE)
		same("partial", n, (ssize_t)m->n);
	if (n < 0)
		return;
	same_bytes("read_until", m, data, (size_t)n);
	drop(m, (size_t)n);
}

static void try_line(struct model *m, rondo_stream *s)
{
	struct iovec newline = { (void *)(uintptr_t)"\n", 1 };
	const char *data = NULL;
	ssize_t expected = model_until(m, &newline, 1);
	ssize_t n = rondo_stream_read_line(s, &data);

	if (expected == -RONDO_EINCOMPLETE)
		expected = (ssize_t)m->n;
	same("read_line", n, expected);
	if (n >= 0) {
		same_bytes("read_line", m, data, (size_t)n);
		drop(m, (size_t)n);
	} else if (m->consumed < m->n && m->buffer[m->consumed] == '\n') {
		drop(m, m->consumed + 1);
	} else {
		m->n = 0;
	}
}

static void try_exactly(struct model *m, rondo_stream *s, size_t len)
{
	uint8_t got[256];
	size_t n;
	int ret = rondo_stream_read_exactly(s, got, len, &n);

	while (m->n < len && feed(m))
		;
	same("read_exactly", ret, m->n < len ? -RONDO_EINCOMPLETE : 0);
	same("read_exactly", (ssize_t)n, (ssize_t)(m->n < len ? m->n : len));
	same_bytes("read_exactly", m, got, n);
	drop(m, n);
}

static void try_read(struct model *m, rondo_stream *s, size_t len)
{
	uint8_t got[256];
	ssize_t n = rondo_stream_read(s, got, len);

	if (len && !m->n)
		feed(m);
	same("read", n, (ssize_t)(m->n < len ? m->n : len));
	same_bytes("read", m, got, (size_t)n);
	drop(m, (size_t)n);
}

static void try_peek(struct model *m, rondo_stream *s, size_t len)
{
	const void *data;
	ssize_t n = rondo_stream_peek(s, len, &data);

	while (m->n < len && feed(m))
		;
	same("peek", n, (ssize_t)m->n);
	same_bytes("peek", m, data, (size_t)n);
}

static void try_lend(struct model *m, rondo_stream *s)
{
	const void *data = NULL;
	ssize_t n = rondo_stream_lend(s, &data);

	if (!m->n)
		feed(m);
	if (n < (m->n > 0) || n > (ssize_t)m->n)
		rondo_sim_fail("lend: %zd of %zu", n, m->n);
	same_bytes("lend", m, data, (size_t)n);
	drop(m, (size_t)n);
}

static void try_one(struct input *calls, struct model *m, rondo_stream *s)
{
	switch (take(calls, 7)) {
	case 0:
		try_exactly(m, s, take(calls, 255));
		break;
	case 1:
		try_read(m, s, take(calls, 60));
		break;
	case 2:
		try_peek(m, s, take(calls, 60));
		break;
	case 3:
		try_lend(m, s);
		break;
	case 4:
	case 5:
		try_line(m, s);
		break;
	default:
		try_until(m, s);
	}
	same("buffered", (ssize_t)rondo_stream_buffered(s), (ssize_t)m->n);
}

/* --- all ------------------------------------------------------------------------------------------ */

static int run(void *arg)
{
	struct input *in = arg, calls;
	static uint8_t bytes[SEPARATORS_MAX][SEPARATOR_LEN_MAX];
	struct iovec seps[SEPARATORS_MAX];
	struct rondo_stream_options o = { .limit = 1 + take(in, 80) };
	bool lends = take(in, 1);
	struct source source;
	struct model *m = calloc(1, sizeof(*m));
	rondo_stream *s;
	int ret;

	if (!m)
		return -ENOMEM;
	*m = (struct model){ .limit = o.limit, .seps = seps, .n_seps = 1 + take(in, 2) };
	for (size_t i = 0; i < m->n_seps; i++) {
		seps[i] = (struct iovec){ bytes[i], 1 + take(in, SEPARATOR_LEN_MAX - 1) };
		for (size_t j = 0; j < seps[i].iov_len; j++)
			bytes[i][j] = (uint8_t)take(in, 255);
	}
	calls.left = take(in, 60) < in->left ? in->left / 3 : in->left;
	calls.p = in->p;
	source = (struct source){ in->p + calls.left, in->left - calls.left, take(in, 255) };
	source.left = source.left < BYTES_MAX ? source.left : BYTES_MAX;
	m->source = source;
	ret = rondo_stream_new(lends ? &lending : &reading, &source, &o, &s);
	while (ret == 0 && calls.left)
		try_one(&calls, m, s);
	if (ret == 0)
		ret = rondo_stream_close(s);
	free(m);
	return ret;
}

static void failed(const struct rondo_sim_failure *f, void *arg)
{
	rondo_sim_print_failure(f, arg);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rondo_sim_options o = { .seed = 1, .no_faults = true, .on_failure = failed };
	struct input in = { data, size };

	if (rondo_sim_run(&o, run, &in) != 0)
		abort();
	return 0;
}
