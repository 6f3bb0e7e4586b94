/* SPDX-License-Identifier: MIT */
/* test_watch.c - goal: watched descriptors call back in every turn in which they are ready, as
 * asyncio's add_reader() and add_writer() do (row L8). Method: pipes and a socket pair whose
 * readiness the test makes; the simulated kernel. */
#define turns matrix_turns		/* ours lets the kernel complete as well */
#include "support/matrix.h"
#undef turns
#include "support/step.h"

#include <sys/socket.h>

#include "rondo/call.h"
#include "rondo/file.h"
#include "rondo_sim.h"

static struct watched {
	int fds[2];
	unsigned n_calls;
	struct rondo_report report;
} w;

static void counts(void *arg)
{
	(void)arg;
	w.n_calls++;
}

static void reads_one(void *arg)
{
	char c = '?';

	(void)arg;
	if (read(w.fds[0], &c, 1) == 1)
		note("%c", c);
}

/* Turns enough for what the kernel has to say. */
static int turns(void)
{
	for (int i = 0; i < 6; i++) {
		let_kernel_complete();
		if (rondo_yield() < 0)
			return -1;
	}
	return 0;
}

static int level_main(void *arg)
{
	unsigned n;

	(void)arg;
	CHECK_EQUAL(rondo_add_reader(w.fds[0], counts, NULL), 0);
	CHECK_EQUAL(turns(), 0);
	CHECK_EQUAL(w.n_calls, 0);
	CHECK_EQUAL(write(w.fds[1], "ab", 2), 2);
	CHECK_EQUAL(turns(), 0);
	n = w.n_calls;
	CHECK(n >= 2);				/* again and again, while nobody reads */
	CHECK_EQUAL(turns(), 0);
	CHECK(w.n_calls > n);
	CHECK_EQUAL(rondo_add_reader(w.fds[0], reads_one, NULL), 0);
	CHECK_EQUAL(turns(), 0);
	n = w.n_calls;
	CHECK_EQUAL(turns(), 0);
	CHECK_EQUAL(w.n_calls, n);		/* the old call is replaced, the bytes are read */
	CHECK(rondo_remove_reader(w.fds[0]));
	CHECK(!rondo_remove_reader(w.fds[0]));
	CHECK_EQUAL(write(w.fds[1], "c", 1), 1);
	CHECK_EQUAL(turns(), 0);
	return 0;
}

static void run_with_pipe(rondo_fn *main, const struct rondo_options *o)
{
	w = (struct watched){ .n_calls = 0 };
	assert_int_equal(pipe(w.fds), 0);
	assert_run_on(&rondo__kernel_linux, o, main, NULL, 0);
	close(w.fds[0]);
	close(w.fds[1]);
}

/* L8: level-triggered; replaced; removed. */
static void test_a_reader_is_called_while_there_is_something(void **state)
{
	(void)state;
	run_with_pipe(level_main, NULL);
	assert_log("a b");
}

static void writes_until_full(void *arg)
{
	char bytes[4096] = { 0 };

	(void)arg;
	w.n_calls++;
	while (write(w.fds[1], bytes, sizeof(bytes)) > 0)
		;
}

static int writer_main(void *arg)
{
	char bytes[1 << 16];

	(void)arg;
	fcntl(w.fds[1], F_SETFL, O_NONBLOCK);
	CHECK_EQUAL(rondo_add_writer(w.fds[1], writes_until_full, NULL), 0);
	CHECK_EQUAL(turns(), 0);
	CHECK_EQUAL(w.n_calls, 1);
	CHECK(read(w.fds[0], bytes, sizeof(bytes)) > 0);
	CHECK_EQUAL(turns(), 0);
	CHECK_EQUAL(w.n_calls, 2);
	CHECK(rondo_remove_writer(w.fds[1]));
	CHECK(!rondo_remove_writer(w.fds[1]));
	return 0;
}

static void test_a_writer_is_called_while_there_is_room(void **state)
{
	(void)state;
	run_with_pipe(writer_main, NULL);
}

static void notes(void *arg)
{
	note("%s", (const char *)arg);
	if (*(const char *)arg == 'r')
		rondo_remove_reader(w.fds[0]);
	else
		rondo_remove_writer(w.fds[0]);
}

static int both_main(void *arg)
{
	int *pair = w.fds;

	(void)arg;
	CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	CHECK_EQUAL(rondo_add_reader(pair[0], notes, word("r")), 0);
	CHECK_EQUAL(rondo_add_writer(pair[0], notes, word("w")), 0);
	CHECK_EQUAL(turns(), 0);
	CHECK_EQUAL(write(pair[1], "!", 1), 1);
	CHECK_EQUAL(turns(), 0);
	CHECK(!rondo_remove_reader(pair[0]));
	CHECK(!rondo_remove_writer(pair[0]));
	close(pair[0]);
	close(pair[1]);
	return 0;
}

/* A reader and a writer of one descriptor; each takes itself back from inside. */
static void test_reader_and_writer_stand_side_by_side(void **state)
{
	(void)state;
	assert_run(both_main, NULL, 0);
	assert_log("w r");
}

static void removes_writer(void *arg)
{
	(void)arg;
	note("reader");
	note(rondo_remove_writer(w.fds[0]) ? "removed" : "none");
	rondo_remove_reader(w.fds[0]);
}

static int queued_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, w.fds), 0);
	CHECK_EQUAL(write(w.fds[1], "!", 1), 1);
	CHECK_EQUAL(rondo_add_reader(w.fds[0], removes_writer, NULL), 0);
	CHECK_EQUAL(rondo_add_writer(w.fds[0], notes, word("w")), 0);
	CHECK_EQUAL(turns(), 0);
	close(w.fds[0]);
	close(w.fds[1]);
	return 0;
}

/* L8: a call that is about to run, in the same batch, does not if it is taken back. */
static void test_a_queued_call_is_taken_back(void **state)
{
	(void)state;
	assert_run(queued_main, NULL, 0);
	assert_log("reader removed");
}

static int sleeper(void *arg)
{
	return rondo_sleep(arg ? 1 : 0.001);
}

static void writes_back(void *arg)
{
	(void)arg;
	note("ready");
	rondo_remove_reader(w.fds[0]);
}

static int wakes_main(void *arg)
{
	rondo_task *t;

	(void)arg;
	CHECK_EQUAL(rondo_add_reader(w.fds[0], writes_back, NULL), 0);
	t = rondo_create_task(sleeper, NULL);
	CHECK_EQUAL(rondo_await(t), 0);
	CHECK_EQUAL(write(w.fds[1], "!", 1), 1);
	return rondo_sleep(0.001);
}

static void test_a_watch_wakes_a_sleeping_loop(void **state)
{
	(void)state;
	run_with_pipe(wakes_main, NULL);
	assert_log("ready");
}

/* --- errors and ends ------------------------------------------------------------------------ */

static void told(const struct rondo_report *r, void *arg)
{
	(void)arg;
	note("%s:%d", r->message, r->error);
}

static int refused_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_add_reader(-1, counts, NULL), -EBADF);
	CHECK_EQUAL(rondo_add_writer(1 << 20, counts, NULL), -EBADF);
	CHECK(!rondo_remove_reader(-1));
	CHECK(!rondo_remove_reader(1 << 20));
	return 0;
}

static void test_a_bad_descriptor_is_refused(void **state)
{
	(void)state;
	assert_run(refused_main, NULL, 0);
}

static int closed_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_add_reader(w.fds[0], counts, NULL), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(rondo_close(w.fds[0]), 0);
	CHECK_EQUAL(turns(), 0);
	CHECK(!rondo_remove_reader(w.fds[0]));
	CHECK_EQUAL(w.n_calls, 0);
	w.fds[0] = dup(w.fds[1]);
	return 0;
}

static void test_closing_a_watched_descriptor_is_told(void **state)
{
	const struct rondo_options o = { .on_error = told };

	(void)state;
	run_with_pipe(closed_main, &o);
	assert_log("a descriptor was closed while it was watched:-125");
}

static int left_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_add_reader(w.fds[0], counts, NULL), 0);
	CHECK_EQUAL(rondo_add_writer(w.fds[1], counts, NULL), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	return 0;
}

/* R6: what is watched at the end is not any more, armed or queued. */
static void test_watches_end_with_the_loop(void **state)
{
	(void)state;
	run_with_pipe(left_main, NULL);
}

/* --- answers that kernels give seldom ---------------------------------------------------------- */

static struct test_kernel twisted;
static int twisted_res;
static unsigned n_twisted;

static void twist(const struct op *op, struct io_uring_cqe *cqe)
{
	if (op->opcode != IORING_OP_POLL_ADD || !n_twisted)
		return;
	n_twisted--;
	cqe->res = twisted_res;
}

static void told_and_removes(const struct rondo_report *r, void *arg)
{
	(void)arg;
	note("error%d", r->error);
	note(rondo_remove_reader(w.fds[0]) ? "removed" : "none");
}

static void run_twisted(rondo_fn *main, int res, unsigned n)
{
	const struct rondo_options o = { .on_error = told_and_removes };

	test_kernel_init(&twisted);
	twisted.on_cqe = twist;
	twisted_res = res;
	n_twisted = n;
	assert_int_equal(pipe(w.fds), 0);
	assert_run_on(&twisted.kernel, &o, main, NULL, 0);
	assert_int_equal(n_twisted, 0);
	close(w.fds[0]);
	close(w.fds[1]);
}

static int is_ready_main(void *arg)
{
	(void)arg;
	CHECK_EQUAL(write(w.fds[1], "a", 1), 1);
	CHECK_EQUAL(rondo_add_reader(w.fds[0], reads_one, NULL), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQUAL(turns(), 0);
	(void)rondo_remove_reader(w.fds[0]);
	return 0;
}

static void test_an_interrupted_poll_is_armed_again(void **state)
{
	(void)state;
	run_twisted(is_ready_main, -EINTR, 3);
	assert_log("a");
	run_twisted(is_ready_main, -ECANCELED, 1);
	assert_log("a");
}

/* The watch is gone with it; who is told may take it back, in vain or not. */
static void test_a_poll_that_fails_ends_the_watch(void **state)
{
	char expected[32];

	(void)state;
	snprintf(expected, sizeof(expected), "error%d removed", -ENOMEM);
	run_twisted(is_ready_main, -ENOMEM, 1);
	assert_log(expected);
}

static void test_outside_a_loop_nothing_is_watched(void **state)
{
	(void)state;
	assert_false(rondo_remove_reader(0));
	assert_false(rondo_remove_writer(0));
}

/* --- simulated -------------------------------------------------------------------------------- */

struct sim_pipe {
	int fds[2];
	unsigned n_read;
};

static void sim_reads(void *arg)
{
	struct sim_pipe *p = arg;

	p->n_read++;
	if (p->n_read == 3)
		rondo_remove_reader(p->fds[0]);
}

static int sim_main(void *arg)
{
	struct sim_pipe p = { .n_read = 0 };

	(void)arg;
	if (rondo_pipe(p.fds, 0) < 0)
		return -1;
	if (rondo_add_reader(p.fds[0], sim_reads, &p) < 0 || rondo_write_all(p.fds[1], "!", 1, NULL) < 0)
		return -1;
	while (p.n_read < 3)
		if (rondo_sleep(0.001) < 0)
			return -1;
	if (rondo_sleep(0.1) < 0)
		return -1;
	if (p.n_read != 3)
		return rondo_sim_fail("called %u times", p.n_read);
	if (rondo_add_writer(p.fds[1], sim_reads, &p) < 0 || !rondo_remove_writer(p.fds[1]))
		return -1;
	return rondo_close(p.fds[0]) < 0 ? -1 : rondo_close(p.fds[1]);
}

static void test_watches_in_the_simulated_kernel(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= STEP_SIZE(200, 20); seed++) {
		struct rondo_sim_options o = { .seed = seed, .on_failure = rondo_sim_print_failure,
					       .no_faults = true };

		assert_int_equal(rondo_sim_run(&o, sim_main, NULL), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_reader_is_called_while_there_is_something),
		cmocka_unit_test(test_an_interrupted_poll_is_armed_again),
		cmocka_unit_test(test_a_poll_that_fails_ends_the_watch),
		cmocka_unit_test(test_outside_a_loop_nothing_is_watched),
		cmocka_unit_test(test_a_writer_is_called_while_there_is_room),
		cmocka_unit_test(test_reader_and_writer_stand_side_by_side),
		cmocka_unit_test(test_a_queued_call_is_taken_back),
		cmocka_unit_test(test_a_watch_wakes_a_sleeping_loop),
		cmocka_unit_test(test_a_bad_descriptor_is_refused),
		cmocka_unit_test(test_closing_a_watched_descriptor_is_told),
		cmocka_unit_test(test_watches_end_with_the_loop),
		cmocka_unit_test(test_watches_in_the_simulated_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
