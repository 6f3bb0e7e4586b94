/* SPDX-License-Identifier: MIT */
/* test_reader.c - reading from streams. Goal: rows X2 to X8 and probe q12 of asyncio's rules; a text
 * cut at every place; cancels, limits, ends; lending. Method: the matrix, over sockets, pipes and
 * memory; random separators against a naive search. */
#include "streams.h"

#include <pthread.h>

#include "support/step.h"

static rondo_stream *other;		/* the far side of a memory pair */

static int far_say(const void *data, size_t len)
{
	if (other)
		return rondo_stream_write(other, data, len);
	return peer_send(data, len) == (ssize_t)len ? 0 : -1;
}

static int far_end(void)
{
	int ret = other ? rondo_stream_close(other) : 0;

	other = NULL;
	if (pair[1] >= 0)
		peer_end();
	return ret;
}

/* --- the matrix ------------------------------------------------------------------------------ */

enum { HELLO_LEN = 6 };
#define HELLO "hello\n"

static bool begun;

static ssize_t by_read(char *bytes)
{
	return rondo_stream_read(stream, bytes, HELLO_LEN);
}

static ssize_t keep(ssize_t n, const void *data, char *bytes)
{
	if (n == HELLO_LEN)
		memcpy(bytes, data, HELLO_LEN);
	return n;
}

static ssize_t by_lend(char *bytes)
{
	const void *data = NULL;
	ssize_t n = rondo_stream_lend(stream, &data);

	return keep(n, data, bytes);
}

static ssize_t by_peek(char *bytes)
{
	const void *data = NULL;
	ssize_t n = rondo_stream_peek(stream, HELLO_LEN, &data);

	return keep(n, data, bytes);
}

static ssize_t by_exactly(char *bytes)
{
	size_t n;
	int ret = rondo_stream_read_exactly(stream, bytes, HELLO_LEN, &n);

	return ret < 0 ? ret : (ssize_t)n;
}

static ssize_t by_line(char *bytes)
{
	const char *line = NULL;
	ssize_t n = rondo_stream_read_line(stream, &line);

	return keep(n, line, bytes);
}

static ssize_t by_until(char *bytes)
{
	static const char *const separators[] = { "ohl", "o\n" };
	const char *data = NULL;
	ssize_t n = rondo_stream_read_until(stream, separators, 2, &data);

	return keep(n, data, bytes);
}

static ssize_t (*const calls[])(char *) = { by_read, by_lend, by_peek, by_exactly, by_line, by_until };
static const char *const call_names[] = { "read", "lend", "peek", "read_exactly", "read_line",
					  "read_until" };

/* The stream lives until a call succeeds: cancelled ones are followed by others. */
static int start(void *ctx)
{
	char bytes[HELLO_LEN];
	ssize_t n;

	if (!begun && stream_begin(NULL) < 0)
		return -1;
	begun = true;
	n = calls[*(const size_t *)ctx](bytes);
	if (n == -ECANCELED)
		return -ECANCELED;
	begun = false;
	if (n == HELLO_LEN && memcmp(bytes, HELLO, HELLO_LEN) != 0)
		n = -EILSEQ;
	return rondo_stream_close(stream) < 0 ? -EIO : (int)n;
}

static int finish(void *ctx)
{
	(void)ctx;
	return peer_say(HELLO);
}

static enum pair_kind kind_of_pair;

static int prepare(void *ctx)
{
	(void)ctx;
	begun = false;
	return pair_open(kind_of_pair);
}

/* The stream closes its end before the matrix counts: give it another. */
static void clean(void *ctx)
{
	pair_clean(ctx);
}

static void test_every_read_in_the_matrix(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		for (int kind = 0; kind < PAIR_KINDS; kind++) {
			const struct matrix_verb v = {
				.start = start, .finish = finish, .prepare = prepare,
				.clean = clean, .ctx = &i, .result = HELLO_LEN,
			};
			char name[64];

			kind_of_pair = (enum pair_kind)kind;
			snprintf(name, sizeof(name), "%s from %s", call_names[i], pair_names[kind]);
			matrix_check(name, &v);
		}
}

/* --- cut at every place ---------------------------------------------------------------------- */

/* What is said in two pieces, and more once it was read. */
#define TEXT "first\r\nsecond line\n\r\nTHE END..rest"
enum { TEXT_LEN = sizeof(TEXT) - 1 };

struct pieces {
	size_t cut;			/* TEXT_LEN: byte by byte */
};

static int say_in_pieces(void *arg)
{
	size_t cut = ((const struct pieces *)arg)->cut;

	for (size_t i = 0, n; i < TEXT_LEN; i += n) {
		n = cut == TEXT_LEN ? 1 : i < cut ? cut - i : TEXT_LEN - i;
		CHECK_EQUAL(far_say(&TEXT[i], n), 0);
		CHECK_EQUAL(turns(3), 0);
	}
	CHECK_EQUAL(far_end(), 0);
	return 0;
}

static int read_text(void)
{
	static const char *const ends[] = { "END", "END.", "\n" };
	const char *data;
	char four[4], left[16];
	const void *seen;
	size_t n = 0;

	CHECK(lent(rondo_stream_read_line(stream, &data), &data, "first\r\n"));
	CHECK_EQUAL(rondo_stream_read_exactly(stream, four, 4, &n), 0);
	CHECK(n == 4 && !memcmp(four, "seco", 4));
	CHECK(rondo_stream_peek(stream, 3, &seen) >= 3 && !memcmp(seen, "nd ", 3));
	CHECK(lent(rondo_stream_read_until(stream, ends, 3, &data), &data, "nd line\n"));
	CHECK(lent(rondo_stream_read_line(stream, &data), &data, "\r\n"));
	CHECK(lent(rondo_stream_read_until(stream, ends, 3, &data), &data, "THE END"));
	CHECK_EQUAL(rondo_stream_read_until(stream, ends, 3, &data), -RONDO_EINCOMPLETE);
	CHECK(lent((ssize_t)rondo_stream_partial(stream, &data), &data, "..rest"));
	CHECK_EQUAL(rondo_stream_read(stream, left, sizeof(left)), 0);
	CHECK_EQUAL(rondo_stream_partial(stream, &data), 0);
	return 0;
}

static int in_pieces(void *arg)
{
	const struct pieces *c = arg;
	rondo_stream *both[2];
	rondo_task *talker;

	if (pair[0] < 0) {
		CHECK_EQUAL(rondo_stream_memory_pair(c->cut % 5 + 1, NULL, both), 0);
		stream = both[0];
		other = both[1];
	} else {
		CHECK_EQUAL(stream_begin(NULL), 0);
	}
	talker = rondo_create_task(say_in_pieces, arg);
	CHECK_EQUAL(read_text(), 0);
	CHECK_EQUAL(rondo_await(talker), 0);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_a_text_cut_at_every_place(void **state)
{
	(void)state;
	for (size_t cut = 1; cut <= TEXT_LEN; cut++) {
		struct pieces c = { cut };

		run_on_all_pairs(in_pieces, &c);
		net_run(in_pieces, &c);		/* no pair: memory */
	}
}

/* --- separators, against a naive search ------------------------------------------------------ */

static const char *const words[] = { "a", "ab", "bba", "b", "aab", "cb", "bc", "abcab", "c" };

/* asyncio's words: the first end, and of those the first in order. */
static size_t naive(const char *all, size_t len, const char *const *seps, size_t n)
{
	for (size_t end = 1; end <= len; end++)
		for (size_t i = 0; i < n; i++)
			if (strlen(seps[i]) <= end &&
			    !memcmp(all + end - strlen(seps[i]), seps[i], strlen(seps[i])))
				return end;
	return 0;
}

static size_t below(size_t n)
{
	static uint64_t x = 88172645463325252u;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (size_t)(x % n);
}

static int compare_once(void)
{
	enum { WORDS = sizeof(words) / sizeof(words[0]) };
	const char *seps[3], *data;
	size_t n = 1 + below(3), len = below(60), at = 0, end;
	char all[60];

	for (size_t i = 0; i < n; i++)
		seps[i] = words[below(WORDS)];
	for (size_t i = 0; i < len; i++)
		all[i] = "abcd"[below(below(2) ? 4 : 2)];
	for (size_t i = 0, k; i < len; i += k) {	/* the memory has room for all */
		k = 1 + below(len - i);
		CHECK_EQUAL(rondo_stream_write(other, all + i, k), 0);
	}
	CHECK_EQUAL(rondo_stream_shutdown_write(other), 0);
	for (; (end = naive(all + at, len - at, seps, n)); at += end) {
		CHECK_EQUAL(rondo_stream_read_until(stream, seps, n, &data), end);
		CHECK(!memcmp(data, all + at, end));
	}
	CHECK_EQUAL(rondo_stream_read_until(stream, seps, n, &data), -RONDO_EINCOMPLETE);
	CHECK_EQUAL(rondo_stream_partial(stream, &data), len - at);
	return 0;
}

static int compare(void *arg)
{
	rondo_stream *both[2];

	(void)arg;
	for (int i = 0; i < 3000; i++) {
		CHECK_EQUAL(rondo_stream_memory_pair(64, NULL, both), 0);
		stream = both[0];
		other = both[1];
		CHECK_EQUAL(compare_once(), 0);
		CHECK_EQUAL(far_end(), 0);
		CHECK_EQUAL(rondo_stream_close(stream), 0);
	}
	return 0;
}

/* X5 */
static void test_the_separator_that_ends_first_wins(void **state)
{
	(void)state;
	net_run(compare, NULL);
}

static int bad_separators(void *arg)
{
	static const char *const empty[] = { "x", "" };
	const char *many[17], *data;
	rondo_stream *both[2];

	(void)arg;
	for (int i = 0; i < 17; i++)
		many[i] = "x";
	CHECK_EQUAL(rondo_stream_memory_pair(0, NULL, both), 0);
	CHECK_EQUAL(rondo_stream_read_until(both[0], empty, 2, &data), -EINVAL);
	CHECK_EQUAL(rondo_stream_read_until(both[0], empty, 0, &data), -EINVAL);
	CHECK_EQUAL(rondo_stream_read_until(both[0], many, 17, &data), -EINVAL);
	CHECK_EQUAL(rondo_stream_write(both[1], "a\0bx", 4), 0);
	CHECK_EQUAL(rondo_stream_read_until_bytes(both[0], &(struct iovec){ word(""), 1 }, 1, &data), 2);
	CHECK_EQUAL(rondo_stream_read_until(both[0], many, 16, &data), 2);
	CHECK_EQUAL(rondo_stream_close(both[0]), 0);
	CHECK_EQUAL(rondo_stream_close(both[1]), 0);
	return 0;
}

static void test_separators_are_checked_and_may_hold_nul(void **state)
{
	(void)state;
	net_run(bad_separators, NULL);
}

/* --- limits: probe q12 ----------------------------------------------------------------------- */

static int begin_small(const char *all)
{
	const struct rondo_stream_options o = { .limit = 5 };
	rondo_stream *both[2];

	CHECK_EQUAL(rondo_stream_memory_pair(64, &o, both), 0);
	stream = both[0];
	other = both[1];
	CHECK_EQUAL(rondo_stream_write(other, all, strlen(all)), 0);
	return 0;
}

static int end_small(void)
{
	CHECK_EQUAL(far_end(), 0);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static int limits(void *arg)
{
	static const char *const seps[] = { "\r\n", "." };
	const char *data;
	char buf[32];

	(void)arg;
	/* X4: as long as the limit is well; a longer line is dropped, and the next one is whole. */
	CHECK_EQUAL(begin_small("12345\n123456\n12\n"), 0);
	CHECK(lent(rondo_stream_read_line(stream, &data), &data, "12345\n"));
	CHECK_EQUAL(rondo_stream_read_line(stream, &data), -RONDO_ELIMIT);
	CHECK(lent(rondo_stream_read_line(stream, &data), &data, "12\n"));
	CHECK_EQUAL(end_small(), 0);
	/* X4: its end has not come: all is dropped. */
	CHECK_EQUAL(begin_small("123456"), 0);
	CHECK_EQUAL(rondo_stream_read_line(stream, &data), -RONDO_ELIMIT);
	CHECK_EQUAL(rondo_stream_buffered(stream), 0);
	CHECK_EQUAL(rondo_stream_write(other, "78\n", 3), 0);
	CHECK(lent(rondo_stream_read_line(stream, &data), &data, "78\n"));
	CHECK_EQUAL(end_small(), 0);
	/* X5, M8: all stays, and the number of bytes before the separator is told. */
	CHECK_EQUAL(begin_small("123456\r\nx"), 0);
	CHECK_EQUAL(rondo_stream_read_until(stream, seps, 2, &data), -RONDO_ELIMIT);
	CHECK_EQUAL(rondo_stream_consumed(stream), 6);
	CHECK_EQUAL(rondo_stream_read(stream, buf, sizeof(buf)), 9);
	CHECK_EQUAL(rondo_stream_consumed(stream), 0);
	/* Not found: the last byte may be the begin of one. */
	CHECK_EQUAL(rondo_stream_write(other, "123456\r", 7), 0);
	CHECK_EQUAL(rondo_stream_read_until(stream, seps, 2, &data), -RONDO_ELIMIT);
	CHECK_EQUAL(rondo_stream_consumed(stream), 6);
	CHECK_EQUAL(rondo_stream_buffered(stream), 7);
	/* X2, X3: no limit for those */
	CHECK_EQUAL(rondo_stream_read_exactly(stream, buf, 7, NULL), 0);
	CHECK_EQUAL(end_small(), 0);
	return 0;
}

static void test_limits(void **state)
{
	(void)state;
	net_run(limits, NULL);
}

enum { LONG_LEN = 200000 };
static char text[LONG_LEN + 1];

static int write_text(void *arg)
{
	return rondo_stream_write(arg, text, sizeof(text));
}

/* A long line through the loop's small buffers. */
static int long_line(void *arg)
{
	const struct rondo_stream_options o = { .limit = LONG_LEN };
	rondo_stream *both[2];
	rondo_task *writer;
	const char *line;

	(void)arg;
	net_fill_pattern(text, LONG_LEN, 0);
	for (size_t i = 0; i < LONG_LEN; i++)
		text[i] |= 1 << 6;		/* no newlines */
	text[LONG_LEN] = '\n';
	for (int i = 0; i < 2; i++) {
		CHECK_EQUAL(rondo_stream_from_fd(pair[i], &o, &both[i]), 0);
		pair[i] = -1;
	}
	for (int i = 0; i < 3; i++) {
		writer = rondo_create_task(write_text, both[1]);
		CHECK_EQUAL(rondo_stream_read_line(both[0], &line), LONG_LEN + 1);
		CHECK(!memcmp(line, text, sizeof(text)));
		CHECK_EQUAL(rondo_await(writer), 0);
	}
	CHECK_EQUAL(rondo_stream_close(both[0]), 0);
	CHECK_EQUAL(rondo_stream_close(both[1]), 0);
	return 0;
}

static void test_a_line_over_many_buffers(void **state)
{
	(void)state;
	run_with(PAIR_UNIX, long_line, NULL);
}

/* --- cancels --------------------------------------------------------------------------------- */

static int read_eight(void *arg)
{
	size_t n = 99;
	int ret = rondo_stream_read_exactly(stream, arg, 8, &n);

	return ret == -ECANCELED && n ? -EILSEQ : ret;
}

/* What came before a cancel goes to the next who reads (D1: asyncio's own buffer does that). */
static int cancelled_halfway(void *arg)
{
	char got[8], again[8];
	rondo_task *reader;

	CHECK_EQUAL(stream_begin(NULL), 0);
	for (int i = 0; i < 3; i++) {
		reader = rondo_create_task(read_eight, got);
		CHECK_EQUAL(peer_say("abcd"), 0);
		CHECK_EQUAL(turns(MATRIX_TURNS), 0);
		CHECK(rondo_cancel(reader));
		CHECK_EQUAL(rondo_await(reader), -ECANCELED);
		/* From a pipe a worker reads on 6.1, later; and TCP carries when it likes. */
		CHECK(rondo_stream_buffered(stream) == 4 || (arg && !rondo_stream_buffered(stream)));
		CHECK_EQUAL(peer_say("efgh"), 0);
		CHECK_EQUAL(rondo_stream_read_exactly(stream, again, 8, NULL), 0);
		CHECK(!memcmp(again, "abcdefgh", 8));
	}
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_a_cancelled_read_loses_nothing(void **state)
{
	(void)state;
	run_with(PAIR_UNIX, cancelled_halfway, NULL);
	run_with(PAIR_TCP, cancelled_halfway, word("tcp"));
	run_with(PAIR_PIPE, cancelled_halfway, word("pipe"));
}

/* X7 */
static int second_reader(void *arg)
{
	char got[8], c;
	rondo_task *reader = rondo_create_task(read_eight, got);
	const char *line;
	const void *data;
	void *all;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(turns(3), 0);
	CHECK_EQUAL(rondo_stream_read(stream, &c, 1), -EBUSY);
	CHECK_EQUAL(rondo_stream_lend(stream, &data), -EBUSY);
	CHECK_EQUAL(rondo_stream_peek(stream, 1, &data), -EBUSY);
	CHECK_EQUAL(rondo_stream_read_exactly(stream, &c, 1, NULL), -EBUSY);
	CHECK_EQUAL(rondo_stream_read_line(stream, &line), -EBUSY);
	CHECK_EQUAL(rondo_stream_read_all(stream, 1, &all), -EBUSY);
	CHECK_EQUAL(peer_say("abcdefgh"), 0);
	CHECK_EQUAL(rondo_await(reader), 0);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_a_second_reader_is_refused(void **state)
{
	(void)state;
	run_on_all_pairs(second_reader, NULL);
}

/* --- ends ------------------------------------------------------------------------------------ */

static int ends(void *arg)
{
	const char *line;
	char buf[8];
	size_t n = 99;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(peer_say("abc"), 0);
	peer_end();
	CHECK_EQUAL(rondo_stream_read(stream, buf, 0), 0);	/* X2: no end, only nothing asked for */
	CHECK(!rondo_stream_at_eof(stream));
	CHECK_EQUAL(rondo_stream_read_exactly(stream, buf, 8, &n), -RONDO_EINCOMPLETE);	/* X3 */
	CHECK(n == 3 && !memcmp(buf, "abc", 3));		/* M8 */
	CHECK(rondo_stream_at_eof(stream));			/* X8 */
	CHECK_EQUAL(rondo_stream_read_exactly(stream, buf, 1, &n), -RONDO_EINCOMPLETE);
	CHECK_EQUAL(n, 0);
	CHECK_EQUAL(rondo_stream_read_exactly(stream, buf, 0, &n), 0);
	CHECK_EQUAL(rondo_stream_read_line(stream, &line), 0);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_the_end_comes_early(void **state)
{
	(void)state;
	run_on_all_pairs(ends, NULL);
}

static int last_line(void *arg)
{
	const char *line;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(peer_say("abc\nde"), 0);
	peer_end();
	CHECK(lent(rondo_stream_read_line(stream, &line), &line, "abc\n"));
	CHECK(!rondo_stream_at_eof(stream));
	CHECK(lent(rondo_stream_read_line(stream, &line), &line, "de"));	/* X4: without its end */
	CHECK_EQUAL(rondo_stream_partial(stream, &line), 0);
	CHECK_EQUAL(rondo_stream_read_line(stream, &line), 0);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_a_last_line_without_an_end(void **state)
{
	(void)state;
	run_on_all_pairs(last_line, NULL);
}

/* The error is told, and told again: the kernel would go on with a clean end. */
static int reset_by_peer(void *arg)
{
	const char *line;
	char c;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(peer_say("a\nb"), 0);
	CHECK(lent(rondo_stream_read_line(stream, &line), &line, "a\n"));
	net_reset(pair[1]);
	pair[1] = -1;
	CHECK_EQUAL(rondo_stream_read_line(stream, &line), -ECONNRESET);
	CHECK_EQUAL(rondo_stream_buffered(stream), 1);
	CHECK_EQUAL(rondo_stream_read(stream, &c, 1), 1);
	CHECK_EQUAL(rondo_stream_read(stream, &c, 1), -ECONNRESET);
	CHECK_EQUAL(rondo_stream_close(stream), 0);		/* X13 */
	return 0;
}

static void test_a_reset_is_an_error_and_stays_one(void **state)
{
	(void)state;
	run_with(PAIR_TCP, reset_by_peer, NULL);
}

static int read_all(void *arg)
{
	const void *data;
	void *all = NULL;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(peer_say("0123456789"), 0);
	peer_end();
	CHECK(rondo_stream_peek(stream, 4, &data) >= 4);
	CHECK_EQUAL(rondo_stream_read_all(stream, 9, &all), -RONDO_ELIMIT);
	CHECK(!all);
	CHECK_EQUAL(rondo_stream_buffered(stream), 10);		/* they stay */
	CHECK_EQUAL(rondo_stream_read_all(stream, 10, &all), 10);
	CHECK(!strcmp(all, "0123456789"));
	free(all);
	CHECK_EQUAL(rondo_stream_read_all(stream, 10, &all), 0);
	CHECK(!strcmp(all, ""));
	free(all);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

/* X2: read(-1), with a cap */
static void test_read_all_has_a_cap(void **state)
{
	(void)state;
	run_on_all_pairs(read_all, NULL);
}

/* --- lending --------------------------------------------------------------------------------- */

/* Lines of one buffer are lent from where the kernel put them. */
static int lines_are_not_copied(void *arg)
{
	const char *first, *second;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(peer_say("abc\nde\n"), 0);
	CHECK(lent(rondo_stream_read_line(stream, &first), &first, "abc\n"));
	CHECK(lent(rondo_stream_read_line(stream, &second), &second, "de\n"));
	CHECK(second == first + 4);
	CHECK(!memcmp(first, "abc\nde\n", 7));
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_lines_are_lent_where_they_lie(void **state)
{
	(void)state;
	run_on_all_pairs(lines_are_not_copied, NULL);
}

/* A loan is not disturbed by writing, nor by bytes that come. */
static int loans_last(void *arg)
{
	const void *data;
	ssize_t n;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(peer_say("abcdef"), 0);
	n = rondo_stream_lend(stream, &data);
	CHECK(lent(n, &data, "abcdef"));
	for (int i = 0; i < 20; i++) {
		CHECK_EQUAL(peer_say("xxxxxxxxxxxxxxxxxxxx"), 0);
		CHECK_EQUAL(rondo_stream_write(stream, "y", 1), 0);
		CHECK_EQUAL(turns(2), 0);
	}
	CHECK(lent(n, &data, "abcdef"));
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_a_loan_lasts(void **state)
{
	(void)state;
	run_with(PAIR_UNIX, loans_last, NULL);
}

static int other_loop(void *arg)
{
	char c;

	return (int)rondo_stream_read(arg, &c, 1);
}

static void *other_thread(void *arg)
{
	return (void *)(intptr_t)rondo_run(other_loop, arg);
}

static int use_elsewhere(void *arg)
{
	pthread_t thread;
	void *ret;

	(void)arg;
	CHECK_EQUAL(stream_begin(NULL), 0);
	CHECK_EQUAL(pthread_create(&thread, NULL, other_thread, stream), 0);
	CHECK_EQUAL(pthread_join(thread, &ret), 0);
	CHECK_EQUAL((intptr_t)ret, -RONDO_EWRONGLOOP);
	CHECK_EQUAL(rondo_stream_close(stream), 0);
	return 0;
}

static void test_a_stream_belongs_to_its_loop(void **state)
{
	(void)state;
	run_with(PAIR_UNIX, use_elsewhere, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_read_in_the_matrix),
		cmocka_unit_test(test_a_text_cut_at_every_place),
		cmocka_unit_test(test_the_separator_that_ends_first_wins),
		cmocka_unit_test(test_separators_are_checked_and_may_hold_nul),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_a_line_over_many_buffers),
		cmocka_unit_test(test_a_cancelled_read_loses_nothing),
		cmocka_unit_test(test_a_second_reader_is_refused),
		cmocka_unit_test(test_the_end_comes_early),
		cmocka_unit_test(test_a_last_line_without_an_end),
		cmocka_unit_test(test_a_reset_is_an_error_and_stays_one),
		cmocka_unit_test(test_read_all_has_a_cap),
		cmocka_unit_test(test_lines_are_lent_where_they_lie),
		cmocka_unit_test(test_a_loan_lasts),
		cmocka_unit_test(test_a_stream_belongs_to_its_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
