/* SPDX-License-Identifier: MIT */
/* test_programs.c - the examples that talk to the world: goal: they do what they say, and end as they
 * should. Method: run them as children, with pipes and connections of the test's. */
#include "stream/children.h"

#include <limits.h>

#include "rondo/net.h"

static char program[PATH_MAX];

static const char *path_of(const char *name)
{
	const char *build = getenv("RONDO_BUILD");

	snprintf(program, sizeof(program), "%s/example_%s", build ? build : ".", name);
	return program;
}

/* --- pipeline -------------------------------------------------------------------------------- */

static int counts_words(void *arg)
{
	static const char text[] = "the cat and the dog and the end\n";
	struct rondo_process_options o = { .argv = ARGV(path_of("pipeline")) };
	struct rondo_process_result r;

	(void)arg;
	CHECK_EQUAL(rondo_process_run(&o, text, sizeof(text) - 1, &r), 0);
	CHECK_EQUAL(r.returncode, 0);
	CHECK(!strcmp(r.out, "      3 the\n      2 and\n      1 cat\n      1 dog\n      1 end\n"));
	CHECK_EQUAL(r.n_err, 0);
	rondo_process_result_free(&r);
	return 0;
}

static void test_the_pipeline_counts_words(void **state)
{
	(void)state;
	run_ok(counts_words, NULL);
}

/* --- ticker ---------------------------------------------------------------------------------- */

static int expects(rondo_process *p, const char *line)
{
	const char *said;
	ssize_t n = rondo_stream_read_line(rondo_process_stdout(p), &said);

	if (n == (ssize_t)strlen(line) && !memcmp(said, line, (size_t)n))
		return 0;
	print_error("not \"%s\" but \"%.*s\"\n", line, n > 0 ? (int)n : 0, n > 0 ? said : "");
	return -1;
}

static int ends_with(rondo_process *p, int expected)
{
	int returncode;

	CHECK_EQUAL(rondo_process_wait(p, &returncode), 0);
	CHECK_EQUAL(returncode, expected);
	return rondo_process_close(p);
}

static int ticks_and_ends(void *arg)
{
	struct rondo_process_options o = {
		.argv = ARGV(path_of("ticker"), "0.01", "echo tick", "1000", "echo tock"),
		.out = { .kind = RONDO_STDIO_PIPE },
	};
	rondo_process *p;
	const char *line;
	long last = -1;
	int n_tocks = 0;

	(void)arg;
	CHECK_EQUAL(rondo_process_spawn(&o, &p), 0);
	for (int i = 0; i < 6; i++) {
		ssize_t n = rondo_stream_read_line(rondo_process_stdout(p), &line);
		long turn;

		CHECK(n > 0);
		turn = strtol(line, NULL, 10);
		if (memmem(line, (size_t)n, ": tock\n", 7)) {	/* behind it may be more lines */
			CHECK_EQUAL(turn, 0);
			n_tocks++;
			continue;
		}
		CHECK(turn > last);			/* missed some, perhaps; never one twice */
		last = turn;
	}
	CHECK_EQUAL(n_tocks, 1);
	CHECK_EQUAL(rondo_process_terminate(p), 0);
	return ends_with(p, 0);
}

static void test_the_ticker_ticks_until_sigterm(void **state)
{
	(void)state;
	run_ok(ticks_and_ends, NULL);
}

/* --- graceful -------------------------------------------------------------------------------- */

static int start_server(const char *grace, rondo_process **p, int *port)
{
	struct rondo_process_options o = {
		.argv = ARGV(path_of("graceful"), "0", grace), .out = { .kind = RONDO_STDIO_PIPE },
	};
	char said[64] = "";
	const char *line;
	ssize_t n;

	CHECK_EQUAL(rondo_process_spawn(&o, p), 0);
	n = rondo_stream_read_line(rondo_process_stdout(*p), &line);
	CHECK(n > 0 && n < (ssize_t)sizeof(said));
	memcpy(said, line, (size_t)n);
	CHECK_EQUAL(sscanf(said, "listening on port %d\n", port), 1);
	return 0;
}

static int gets_line(rondo_stream *s, const char *line)
{
	const char *said;
	ssize_t n = rondo_stream_read_line(s, &said);

	CHECK(n == (ssize_t)strlen(line) && !memcmp(said, line, (size_t)n));
	return 0;
}

/* A connection goes on after SIGTERM, new ones are refused, and the end of the last one is the end. */
static int is_let_finish(void *arg)
{
	rondo_stream *s, *refused;
	rondo_process *p;
	int port;

	(void)arg;
	CHECK_EQUAL(start_server("1000", &p, &port), 0);
	CHECK_EQUAL(rondo_open_connection("127.0.0.1", (uint16_t)port, NULL, &s), 0);
	CHECK_EQUAL(gets_line(s, "hello\n"), 0);
	CHECK_EQUAL(rondo_process_terminate(p), 0);
	CHECK_EQUAL(expects(p, "shutting down, connections: 1\n"), 0);
	CHECK_EQUAL(rondo_open_connection("127.0.0.1", (uint16_t)port, NULL, &refused), -ECONNREFUSED);
	CHECK_EQUAL(rondo_stream_printf(s, "still here\n"), 0);
	CHECK_EQUAL(gets_line(s, "STILL HERE\n"), 0);
	CHECK_EQUAL(rondo_stream_close(s), 0);
	CHECK_EQUAL(expects(p, "all ended by themselves\n"), 0);
	return ends_with(p, 0);
}

/* One that does not end is ended, after the grace or at a second SIGTERM. */
static int is_cut_off(void *arg)
{
	const char *grace = arg, *rest;
	rondo_process *p;
	rondo_stream *s;
	int port;

	CHECK_EQUAL(start_server(grace, &p, &port), 0);
	CHECK_EQUAL(rondo_open_connection("127.0.0.1", (uint16_t)port, NULL, &s), 0);
	CHECK_EQUAL(gets_line(s, "hello\n"), 0);
	CHECK_EQUAL(rondo_process_terminate(p), 0);
	CHECK_EQUAL(expects(p, "shutting down, connections: 1\n"), 0);
	if (atof(grace) > 1)
		CHECK_EQUAL(rondo_process_terminate(p), 0);
	CHECK(rondo_stream_read_line(s, &rest) <= 0);
	CHECK_EQUAL(expects(p, "some had to be cancelled\n"), 0);
	(void)rondo_stream_close(s);
	return ends_with(p, 0);
}

static void test_the_server_shuts_down_gracefully(void **state)
{
	(void)state;
	run_ok(is_let_finish, NULL);
	run_ok(is_cut_off, (void *)(uintptr_t)"0.01");
	run_ok(is_cut_off, (void *)(uintptr_t)"1000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_pipeline_counts_words),
		cmocka_unit_test(test_the_ticker_ticks_until_sigterm),
		cmocka_unit_test(test_the_server_shuts_down_gracefully),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
