/* SPDX-License-Identifier: MIT */
/* test_process_run.c - communicate and run. Goal: the matrix of both; all of input and output passes,
 * whoever is slow; too much output, a cancel or a deadline kills child and grandchildren. */
#include "stream/children.h"

#include "faults/child.h"

/* --- the matrices ---------------------------------------------------------------------------- */

static rondo_process *talker;

static int make_talker(void)
{
	struct rondo_process_options o = {
		.shell = "echo begun; exec sleep 1000", .in = { .kind = RONDO_STDIO_PIPE },
		.out = { .kind = RONDO_STDIO_PIPE }, .err = { .kind = RONDO_STDIO_PIPE },
	};

	return talker ? 0 : rondo_process_spawn(&o, &talker);
}

static int communicates(void *ctx)
{
	struct rondo_process_result result;
	int ret = make_talker();

	(void)ctx;
	if (ret == 0)
		ret = rondo_process_communicate(talker, NULL, 0, NULL, &result);
	if (ret < 0)
		return ret;
	(void)rondo_process_close(talker);
	talker = NULL;
	ret = result.returncode == -SIGKILL && result.n_err == 0 && result.out[result.n_out] == '\0';
	rondo_process_result_free(&result);
	return ret ? 0 : -EILSEQ;
}

static int kills_talker(void *ctx)
{
	int ret = make_talker();

	(void)ctx;
	return ret < 0 ? ret : kill(rondo_process_pid(talker), SIGKILL);
}

static void is_over(void *ctx)
{
	(void)ctx;
	assert_true(is_childless());
}

/* B4: a cancel leaves the child running: it is there for the next. */
static void test_communicating_is_awaited(void **state)
{
	const struct matrix_verb v = {
		.start = communicates, .finish = kills_talker, .clean = is_over,
	};

	(void)state;
	matrix_check("process_communicate", &v);
}

static int input[2];

static int opens_input(void *ctx)
{
	(void)ctx;
	return pipe2(input, O_CLOEXEC);
}

static int runs_cat(void *ctx)
{
	struct rondo_process_options o = { .argv = ARGV("cat"), .in = { RONDO_STDIO_FD, input[0] } };
	char out[16];
	int ret = outcome(&o, out, sizeof(out));

	(void)ctx;
	/* Cancelled or not: none is left when it returns. */
	if (!is_childless())
		return -ECHILD;
	return ret < 0 ? ret : strcmp(out, "fed") ? -EILSEQ : ret;
}

static int feeds(void *ctx)
{
	(void)ctx;
	if (write(input[1], "fed", 3) != 3)
		return -1;
	close(input[1]);
	input[1] = -1;
	return 0;
}

static void closes_input(void *ctx)
{
	(void)ctx;
	close(input[0]);
	if (input[1] >= 0)
		close(input[1]);
}

static void test_a_run_is_awaited(void **state)
{
	const struct matrix_verb v = {
		.start = runs_cat, .finish = feeds, .prepare = opens_input, .clean = closes_input,
		.once = true,
	};

	(void)state;
	matrix_check("process_run", &v);
}

/* --- what passes ----------------------------------------------------------------------------- */

static bool has(const struct rondo_process_result *r, int returncode, const char *out, const char *err)
{
	return r->returncode == returncode && r->n_out == strlen(out) && !strcmp(r->out, out) &&
	       r->n_err == strlen(err) && !strcmp(r->err, err);
}

/* q15: communicate((b'in', b'err\n'), 3) */
static int passes_all(void *arg)
{
	struct rondo_process_options o = { .shell = "cat; echo err >&2; exit 3" };
	struct rondo_process_result r;

	(void)arg;
	CHECK_EQUAL(rondo_process_run(&o, "in", 2, &r), 0);
	CHECK(has(&r, 3, "in", "err\n"));
	rondo_process_result_free(&r);
	CHECK(!r.out && !r.err);
	rondo_process_result_free(&r);
	o.err.kind = RONDO_STDIO_STDOUT;
	CHECK_EQUAL(rondo_process_run(&o, NULL, 0, &r), 0);
	CHECK(r.n_out == 4 && !strcmp(r.out, "err\n") && !r.err && r.n_err == 0);
	rondo_process_result_free(&r);
	o = (struct rondo_process_options){ .shell = "kill -9 $$" };
	CHECK_EQUAL(rondo_process_run(&o, NULL, 0, &r), 0);
	CHECK(has(&r, -9, "", ""));
	rondo_process_result_free(&r);
	o = (struct rondo_process_options){ .argv = ARGV("/nonexistent") };
	CHECK_EQUAL(rondo_process_run(&o, NULL, 0, &r), -ENOENT);
	o = (struct rondo_process_options){ .argv = ARGV("cat"), .in = { RONDO_STDIO_DEVNULL, 0 } };
	CHECK_EQUAL(rondo_process_run(&o, "in", 2, &r), -EINVAL);
	return 0;
}

static void test_input_output_errors_and_returncode(void **state)
{
	(void)state;
	run_ok(passes_all, NULL);
}

enum { MUCH = 3 << 20 };

/* Far more than pipes hold, in both directions at once. */
static int passes_much(void *arg)
{
	struct rondo_process_options o = { .argv = ARGV("cat") };
	struct rondo_process_result r;
	char *much = malloc(MUCH);

	(void)arg;
	CHECK(much);
	for (int i = 0; i < MUCH; i++)
		much[i] = (char)(i * 7 + (i >> 9));
	CHECK_EQUAL(rondo_process_run(&o, much, MUCH, &r), 0);
	CHECK_EQUAL(r.n_out, MUCH);
	CHECK(!memcmp(r.out, much, MUCH));
	rondo_process_result_free(&r);
	/* It reads a little and goes: what it did not want is no error. */
	o.argv = ARGV("head", "-c", "3");
	CHECK_EQUAL(rondo_process_run(&o, much, MUCH, &r), 0);
	CHECK_EQUAL(r.n_out, 3);
	CHECK_EQUAL(r.returncode, 0);
	rondo_process_result_free(&r);
	free(much);
	return 0;
}

static void test_much_passes_both_ways_at_once(void **state)
{
	(void)state;
	run_ok(passes_much, NULL);
}

/* --- too much, too long ---------------------------------------------------------------------- */

/* All who hold the writing end are gone when the other one ends. */
static int all_are_dead(int fds[2])
{
	char c;

	close(fds[1]);
	CHECK_EQUAL(rondo_read(fds[0], &c, 1), 0);
	close(fds[0]);
	return 0;
}

static int runs_short(void *arg)
{
	struct rondo_process_result r;

	return rondo_process_run(arg, NULL, 0, &r);
}

/* A grandchild that holds the output as well, and does not care for SIGTERM. */
static int is_cut_off(void *arg)
{
	struct rondo_process_options o = {
		.shell = "trap '' TERM; (trap '' TERM; sleep 1000) & wait; wait", .n_pass_fds = 1,
	};
	int fds[2];

	(void)arg;
	CHECK_EQUAL(pipe2(fds, O_CLOEXEC), 0);
	o.pass_fds = &fds[1];
	CHECK_EQUAL(rondo_wait_for(runs_short, &o, 0.02), -ETIMEDOUT);
	CHECK(is_childless());
	return all_are_dead(fds);
}

/* K17 */
static void test_a_deadline_kills_grandchildren_too(void **state)
{
	(void)state;
	run_ok(is_cut_off, NULL);
}

static int writes_too_much(void *arg)
{
	struct rondo_process_options o = {
		.shell = "yes & yes >&2 & yes", .limits = { .out = 100000, .err = 1 << 30 },
	};
	struct rondo_process_result r = { .returncode = 77 };

	(void)arg;
	CHECK_EQUAL(rondo_process_run(&o, NULL, 0, &r), -RONDO_ELIMIT);
	CHECK(r.returncode == 77 && !r.out);
	CHECK(is_childless());
	/* Exactly the limit is not too much. */
	o.shell = "head -c 100000 /dev/zero";
	CHECK_EQUAL(rondo_process_run(&o, NULL, 0, &r), 0);
	CHECK_EQUAL(r.n_out, 100000);
	rondo_process_result_free(&r);
	o.shell = "head -c 100001 /dev/zero";
	CHECK_EQUAL(rondo_process_run(&o, NULL, 0, &r), -RONDO_ELIMIT);
	return 0;
}

static void test_too_much_output_ends_a_run(void **state)
{
	(void)state;
	run_ok(writes_too_much, NULL);
}

static int communicates_with(void *p)
{
	struct rondo_process_result r;

	return rondo_process_communicate(p, "in", 2, NULL, &r);
}

/* As reads and writes of a stream that another task closes; also before they have begun. */
static int is_closed_under_it(void *arg)
{
	const struct rondo_process_options o = {
		.shell = "exec sleep 1000", .in = { .kind = RONDO_STDIO_PIPE },
		.out = { .kind = RONDO_STDIO_PIPE },
	};
	const unsigned n_turns = *(unsigned *)arg;
	rondo_process *p;
	rondo_task *task;

	CHECK_EQUAL(rondo_process_spawn(&o, &p), 0);
	task = rondo_create_task(communicates_with, p);
	for (unsigned i = 0; i < n_turns; i++)
		CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_process_close(p), 0);
	CHECK_EQUAL(rondo_await(task), -EBADF);
	CHECK(is_childless());
	return 0;
}

static void test_a_child_is_closed_under_communicate(void **state)
{
	(void)state;
	for (unsigned n_turns = 1; n_turns <= 4; n_turns++)
		run_ok(is_closed_under_it, &n_turns);
}

/* What a child leaves behind on purpose lives on after a run that went well. */
static int leaves_behind(void *arg)
{
	struct rondo_process_options o = {
		.shell = "sleep 1000 <&- >&- 2>&- & echo $!", .n_pass_fds = 1,
	};
	char out[32];
	int fds[2];

	(void)arg;
	CHECK_EQUAL(pipe2(fds, O_CLOEXEC), 0);
	o.pass_fds = &fds[1];
	CHECK_EQUAL(outcome(&o, out, sizeof(out)), 0);
	CHECK_EQUAL(kill(atoi(out), SIGKILL), 0);
	return all_are_dead(fds);
}

static void test_a_run_that_went_well_kills_nobody(void **state)
{
	(void)state;
	run_ok(leaves_behind, NULL);
}

/* --- what can be run ----------------------------------------------------------------------------- */

/* A file that is no program is found, and that is what is told, not what else was tried. */
static int runs_no_program(void *arg)
{
	struct rondo_process_options o = { .argv = ARGV("no-program") };
	int fd = open("no-program", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0700);
	char out[16], path[] = "./no-program/below:.:/bin";

	(void)arg;
	CHECK(fd >= 0);
	CHECK_EQUAL(write(fd, "\177nothing", 8), 8);
	close(fd);
	CHECK_EQUAL(setenv("PATH", path, 1), 0);
	CHECK_EQUAL(outcome(&o, out, sizeof(out)), -ENOEXEC);
	o.argv = ARGV("no-such-program");
	CHECK_EQUAL(outcome(&o, out, sizeof(out)), -ENOENT);
	CHECK_EQUAL(unlink("no-program"), 0);
	return 0;
}

/* In a child, which may have another PATH. */
static int runs_no_program_here(void)
{
	return rondo_run(runs_no_program, NULL) == 0 && !check_failure[0] ? 0 : 1;
}

static void test_a_file_that_is_no_program_is_told(void **state)
{
	(void)state;
	assert_child_succeeds(runs_no_program_here);
}

static int looks_for_a_descriptor(void *arg)
{
	int fd = dup(0);		/* without O_CLOEXEC */
	char command[64], out[64];
	struct rondo_process_options o = { .shell = command };

	(void)arg;
	CHECK(fd >= 0);
	snprintf(command, sizeof(command), "test ! -e /proc/self/fd/%d", fd);
	CHECK_EQUAL(outcome(&o, out, sizeof(out)), 0);
	close(fd);
	return 0;
}

/* Linux below 5.11 has no CLOSE_RANGE_CLOEXEC, and filters may refuse it: one by one, then. */
static int runs_without_close_range(void)
{
	if (child_limit(RLIMIT_NOFILE, 256) < 0 || child_deny(SYS_close_range, ENOSYS) < 0)
		return 2;
	return rondo_run(looks_for_a_descriptor, NULL) == 0 && !check_failure[0] ? 0 : 1;
}

static void test_a_child_has_no_other_descriptors_without_close_range(void **state)
{
	(void)state;
	assert_child_succeeds(runs_without_close_range);
}

/* --- many ------------------------------------------------------------------------------------ */

enum { N_AT_ONCE = 200 };

static int is_one_of_many(void *arg)
{
	char command[32], expected[16], out[16];
	struct rondo_process_options o = { .shell = command };
	int i = (int)(intptr_t)arg;

	snprintf(command, sizeof(command), "read x; echo %d; exit %d", i, i % 200);
	snprintf(expected, sizeof(expected), "%d\n", i);
	CHECK_EQUAL(outcome(&o, out, sizeof(out)), i % 200);
	CHECK(!strcmp(out, expected));
	return 0;
}

static int runs_many(void *arg)
{
	rondo_task *tasks[N_AT_ONCE];

	(void)arg;
	for (int i = 0; i < N_AT_ONCE; i++)
		tasks[i] = rondo_create_task(is_one_of_many, (void *)(intptr_t)i);
	for (int i = 0; i < N_AT_ONCE; i++)
		CHECK_EQUAL(rondo_await(tasks[i]), 0);
	return 0;
}

static void test_two_hundred_children_at_once(void **state)
{
	(void)state;
	run_ok(runs_many, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_communicating_is_awaited),
		cmocka_unit_test(test_a_run_is_awaited),
		cmocka_unit_test(test_input_output_errors_and_returncode),
		cmocka_unit_test(test_much_passes_both_ways_at_once),
		cmocka_unit_test(test_a_deadline_kills_grandchildren_too),
		cmocka_unit_test(test_too_much_output_ends_a_run),
		cmocka_unit_test(test_a_child_is_closed_under_communicate),
		cmocka_unit_test(test_a_run_that_went_well_kills_nobody),
		cmocka_unit_test(test_a_file_that_is_no_program_is_told),
		cmocka_unit_test(test_a_child_has_no_other_descriptors_without_close_range),
		cmocka_unit_test(test_two_hundred_children_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
