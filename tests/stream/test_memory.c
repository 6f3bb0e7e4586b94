/* SPDX-License-Identifier: MIT */
/* test_memory.c - streams in memory. Goal: row X8: they are like sockets to who reads and writes
 * them. Method: the matrix; a pattern through rings of every small size; ends, aborts. */
#include "streams.h"

#include "support/step.h"

static rondo_stream *ends[2];

/* --- the matrix ------------------------------------------------------------------------------ */

static bool begun, writes;

static int prepare(void *ctx)
{
	(void)ctx;
	begun = false;
	return 0;
}

static int done(int ret)
{
	if (ret == -ECANCELED)
		return ret;
	begun = false;
	for (int i = 0; i < 2; i++)
		if (rondo_stream_close(ends[i]) < 0)
			return -EIO;
	return ret;
}

/* A read of one byte, or a write of one to a ring that is full. */
static int start(void *ctx)
{
	char c = 0;
	int ret = 0;

	(void)ctx;
	if (!begun) {
		struct rondo_mask mask;

		rondo_mask_begin(&mask);
		ret = rondo_stream_memory_pair(1, NULL, ends);
		if (ret == 0 && writes)
			ret = rondo_stream_write(ends[0], "x", 1);
		rondo_mask_end(&mask);
	}
	begun = true;
	if (ret == 0)
		ret = writes ? rondo_stream_write(ends[0], "y", 1) :
			       (int)rondo_stream_read(ends[1], &c, 1);
	return done(ret);
}

/* Not by plain calls, but it does not wait either. */
static int finish(void *ctx)
{
	char c;

	(void)ctx;
	if (!writes)
		return rondo_stream_write(ends[0], "x", 1);
	return rondo_stream_read(ends[1], &c, 1) == 1 ? 0 : -1;
}

static void test_reading_and_writing_in_the_matrix(void **state)
{
	struct matrix_verb v = {
		.start = start, .finish = finish, .prepare = prepare, .result = 1, .once = true,
	};

	(void)state;
	matrix_check("read", &v);
	writes = true;
	v.result = 0;
	matrix_check("write", &v);
}

/* --- a pattern ------------------------------------------------------------------------------- */

enum { LEN = 1000 };

static int write_pattern(void *arg)
{
	char part[17];

	for (size_t n = 0, k; n < LEN; n += k) {
		k = 1 + n % sizeof(part);
		k = k < LEN - n ? k : LEN - n;
		net_fill_pattern(part, k, n);
		CHECK_EQUAL(rondo_stream_write(arg, part, k), 0);
	}
	CHECK_EQUAL(rondo_stream_shutdown_write(arg), 0);
	return 0;
}

static int read_pattern(void *arg)
{
	char part[13];
	size_t n = 0;
	ssize_t got;

	while ((got = rondo_stream_read(arg, part, 1 + n % sizeof(part))) > 0) {
		CHECK(net_is_pattern(part, (size_t)got, n));
		n += (size_t)got;
	}
	CHECK_EQUAL(got, 0);
	CHECK_EQUAL(n, LEN);
	return 0;
}

/* Both directions at once. */
static int patterns(void *arg)
{
	(void)arg;
	for (size_t capacity = 1; capacity < 40; capacity++) {
		rondo_task *tasks[4];

		CHECK_EQUAL(rondo_stream_memory_pair(capacity, NULL, ends), 0);
		for (int i = 0; i < 4; i++)
			tasks[i] = rondo_create_task(i < 2 ? write_pattern : read_pattern, ends[i % 2]);
		CHECK_EQUAL(rondo_gather(4, tasks, NULL, 0), 0);
		CHECK_EQUAL(rondo_stream_close(ends[0]), 0);
		CHECK_EQUAL(rondo_stream_close(ends[1]), 0);
	}
	return 0;
}

static void test_a_pattern_through_rings_of_every_size(void **state)
{
	(void)state;
	net_run(patterns, NULL);
}

/* --- ends ------------------------------------------------------------------------------------ */

static int write_two(void *arg)
{
	return rondo_stream_write(arg, "ab", 2);
}

static int all_ends(void *arg)
{
	rondo_task *writer;
	char c;

	(void)arg;
	CHECK_EQUAL(rondo_stream_memory_pair(1, NULL, ends), 0);	/* closed by the other side */
	CHECK_EQUAL(rondo_stream_write(ends[0], "a", 1), 0);
	CHECK_EQUAL(rondo_stream_close(ends[0]), 0);
	CHECK_EQUAL(rondo_stream_read(ends[1], &c, 1), 1);
	CHECK_EQUAL(rondo_stream_read(ends[1], &c, 1), 0);
	CHECK_EQUAL(rondo_stream_write(ends[1], "a", 1), -EPIPE);
	CHECK_EQUAL(rondo_stream_close(ends[1]), 0);

	CHECK_EQUAL(rondo_stream_memory_pair(1, NULL, ends), 0);	/* ... under a writer */
	writer = rondo_create_task(write_two, ends[0]);
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_stream_close(ends[1]), 0);
	CHECK_EQUAL(rondo_await(writer), -EPIPE);
	CHECK_EQUAL(rondo_stream_write(ends[0], "c", 1), -EPIPE);	/* torn */
	CHECK_EQUAL(rondo_stream_close(ends[0]), 0);

	CHECK_EQUAL(rondo_stream_memory_pair(1, NULL, ends), 0);	/* aborted */
	CHECK_EQUAL(rondo_stream_write(ends[0], "a", 1), 0);
	rondo_stream_abort(ends[0]);
	CHECK_EQUAL(rondo_stream_read(ends[1], &c, 1), -ECONNRESET);
	CHECK_EQUAL(rondo_stream_write(ends[1], "a", 1), -ECONNRESET);
	CHECK_EQUAL(rondo_stream_close(ends[1]), 0);

	CHECK_EQUAL(rondo_stream_memory_pair(1, NULL, ends), 0);	/* by this side, under a writer */
	writer = rondo_create_task(write_two, ends[0]);
	CHECK_EQUAL(turns(2), 0);
	rondo_stream_abort(ends[0]);
	CHECK_EQUAL(rondo_await(writer), -EBADF);
	CHECK_EQUAL(rondo_stream_close(ends[1]), 0);
	return 0;
}

static void test_ends(void **state)
{
	(void)state;
	net_run(all_ends, NULL);
}

/* Sizes that overflow are memory that there is not. */
static int far_too_large(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_stream_memory_pair(SIZE_MAX / 2 + 1, NULL, ends), -ENOMEM);
	CHECK_EQUAL(rondo_stream_memory_pair(SIZE_MAX / 2, NULL, ends), -ENOMEM);
	CHECK_EQUAL(rondo_stream_memory_pair(SIZE_MAX, NULL, ends), -ENOMEM);
	return 0;
}

static void test_rings_that_are_far_too_large(void **state)
{
	(void)state;
	net_run(far_too_large, NULL);
}

static int wait_in_vain(void *arg)
{
	char c;
	int ret;

	(void)arg;
	CHECK_EQUAL(rondo_stream_memory_pair(0, NULL, ends), 0);
	ret = (int)rondo_stream_read(ends[0], &c, 1);
	CHECK_EQUAL(rondo_stream_close(ends[0]), 0);
	CHECK_EQUAL(rondo_stream_close(ends[1]), 0);
	return ret;
}

static void on_error(const struct rondo_report *report, void *arg)
{
	(void)arg;
	note("%s", report->message);
}

/* A test that waits for what never comes ends with a word of what that was. */
static void test_waiting_in_vain_is_a_deadlock(void **state)
{
	const struct rondo_options o = { .on_error = on_error };

	(void)state;
	assert_run_on(&rondo__kernel_linux, &o, wait_in_vain, NULL, -EDEADLK);
	assert_log("deadlock: waits for a memory stream");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading_and_writing_in_the_matrix),
		cmocka_unit_test(test_a_pattern_through_rings_of_every_size),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_rings_that_are_far_too_large),
		cmocka_unit_test(test_waiting_in_vain_is_a_deadlock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
