/* SPDX-License-Identifier: MIT */
/* test_handle.c - goal: calls soon and later run once, in asyncio's order, or not at all (rows L1
 * to L4, M4, probes p02, p40, p41). Method: sentences of events, on a clock that the test moves
 * where time is in it; a crowd that is cancelled in the ready queue; the simulated kernel. */
#include <sys/socket.h>

#include "support/step.h"

#include <math.h>

#include "rondo/call.h"
#include "rondo_sim.h"

static void says(void *arg)
{
	note("%s", (const char *)arg);
}

static int says_task(void *arg)
{
	note("%s", (const char *)arg);
	return 0;
}

static struct rondo_handle x, y, z, x2;

static void x_call(void *arg)
{
	(void)arg;
	note("x");
	if (rondo_call_soon(&x2, says, word("x2")) < 0)
		note("no memory");
}

static int order_main(void *arg)
{
	uint64_t n_turns = rondo__loop->n_turns;

	(void)arg;
	CHECK_EQUAL(rondo_call_soon(&x, x_call, NULL), 0);
	CHECK_EQUAL(rondo_call_soon(&y, says, word("y")), 0);
	rondo_detach(rondo_create_task(says_task, word("task")));
	CHECK_EQUAL(rondo_call_soon(&z, says, word("z")), 0);
	note("main");
	CHECK_EQUAL(rondo_yield(), 0);
	note("main");
	CHECK_EQUAL(rondo__loop->n_turns, n_turns + 1);
	return yield_times(1);
}

/* p02, L1: FIFO with tasks; what a call asks for comes in the next turn. */
static void test_calls_are_made_in_order(void **state)
{
	(void)state;
	assert_run(order_main, NULL, 0);
	assert_log("main x y task z main x2");
}

/* --- cancel --------------------------------------------------------------------------------- */

static void cancels_y(void *arg)
{
	(void)arg;
	note("x");
	rondo_handle_cancel(&y);
	memset(&y, 0x5a, sizeof(y));	/* the handle is ours again */
}

static int cancel_main(void *arg)
{
	struct rondo_handle never = { { 0 } };

	(void)arg;
	rondo_handle_cancel(&never);
	CHECK(!rondo_handle_cancelled(&never));
	CHECK_EQUAL(rondo_call_soon(&x, cancels_y, NULL), 0);
	CHECK_EQUAL(rondo_call_soon(&y, says, word("y")), 0);
	CHECK_EQUAL(rondo_call_soon(&z, says, word("z")), 0);
	CHECK_EQUAL(rondo_call_later(&x2, 3600, says, word("x2")), 0);
	rondo_handle_cancel(&z);
	rondo_handle_cancel(&z);
	rondo_handle_cancel(&x2);
	CHECK(rondo_handle_cancelled(&z));
	CHECK(rondo_handle_cancelled(&x2));
	CHECK(!rondo_handle_cancelled(&x));
	CHECK_EQUAL(yield_times(3), 0);
	rondo_handle_cancel(&x);	/* too late is no harm */
	CHECK(!rondo_handle_cancelled(&x));
	return 0;
}

/* L1: also by a call before it in the same batch. */
static void test_cancelled_calls_are_skipped(void **state)
{
	(void)state;
	assert_run(cancel_main, NULL, 0);
	assert_log("x");
}

enum { CROWD = 5000 };

static unsigned n_called;

static void counts(void *arg)
{
	(void)arg;
	n_called++;
}

static int crowd_main(void *arg)
{
	struct rondo_handle *h = arg;

	for (int round = 0; round < 3; round++)
		for (int i = 0; i < CROWD; i++) {
			CHECK_EQUAL(rondo_call_soon(&h[i], counts, NULL), 0);
			if (round < 2 || i % 2)
				rondo_handle_cancel(&h[i]);
		}
	CHECK_EQUAL(rondo_yield(), 0);
	CHECK_EQUAL(n_called, CROWD / 2);
	CHECK_EQUAL(run_of(rondo__loop)->n_calls, 0);
	return 0;
}

/* What was cancelled in the queue has left it only when the batch was run: there is room for
 * both. */
static void test_the_queue_has_room_for_cancelled_calls(void **state)
{
	struct rondo_handle *h = calloc(CROWD, sizeof(*h));

	(void)state;
	n_called = 0;
	assert_run(crowd_main, h, 0);
	free(h);
}

/* --- time ----------------------------------------------------------------------------------- */

static int late_main(void *arg)
{
	static const double after[] = { 0.003, 0.001, 0.005, 0.002, 0.004 };
	static const char *const names[] = { "3", "1", "5", "2", "4" };
	struct step_kernel *k = arg;
	struct rondo_handle h[5];
	uint64_t n_turns;

	for (int i = 0; i < 5; i++)
		CHECK_EQUAL(rondo_call_later(&h[i], after[i], says, word(names[i])), 0);
	CHECK_EQUAL(rondo_handle_when(&h[0]), 1 + 3000000);
	k->now_ns += 1000000000;	/* a step that takes too long */
	CHECK_EQUAL(rondo_sleep(0.001), 0);
	n_turns = rondo__loop->n_turns;
	note("main");
	CHECK_EQUAL(rondo__loop->n_turns, n_turns);
	return 0;
}

/* p40, L2: late timers, all in one turn, by deadline. */
static void test_late_calls_are_made_by_deadline(void **state)
{
	struct step_kernel k;

	(void)state;
	step_kernel_init(&k, true);
	assert_run_on(&k.kernel, NULL, late_main, &k, 0);
	assert_log("1 2 3 4 5 main");
}

static int reads(void *arg)
{
	char c;

	CHECK_EQUAL(read_op(*(int *)arg, &c, 1), 1);
	note("io");
	return 0;
}

static int within_main(void *arg)
{
	struct rondo_handle soon, timer;
	int fds[2];
	rondo_task *reader;

	(void)arg;
	/* No pipe: a worker reads those on 6.1, some turns later. */
	CHECK_EQUAL(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	reader = rondo_create_task(reads, &fds[0]);
	CHECK_EQUAL(yield_times(2), 0);			/* the READ is in the kernel */
	CHECK_EQUAL(write(fds[1], "!", 1), 1);
	CHECK_EQUAL(rondo_call_later(&timer, 0, says, word("timer")), 0);
	CHECK_EQUAL(rondo_call_soon(&soon, says, word("soon")), 0);
	CHECK_EQUAL(rondo_await(reader), 0);
	CHECK_EQUAL(yield_times(2), 0);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

/* p41, L2: what is ready, then I/O, then timers. */
static void test_calls_come_after_ready_and_io(void **state)
{
	(void)state;
	assert_run(within_main, NULL, 0);
	assert_log("soon io timer");
}

static uint64_t called_at;

static void notes_time(void *arg)
{
	(void)arg;
	called_at = rondo_now_ns();
}

static int precise_main(void *arg)
{
	struct step_kernel *k = arg;
	struct rondo_handle h;

	CHECK_EQUAL(rondo_call_at(&h, k->now_ns + 50123, notes_time, NULL), 0);
	CHECK_EQUAL(rondo_sleep(1), 0);
	CHECK_EQUAL(called_at, 1 + 50123);
	CHECK_EQUAL(rondo_call_later(&h, (double)NAN, notes_time, NULL), -EINVAL);
	CHECK_EQUAL(rondo_call_at(&h, 1, says, word("past")), 0);
	CHECK_EQUAL(rondo_yield(), 0);
	return yield_times(1);
}

/* L4: nanoseconds; a deadline in the past is the next turn. */
static void test_calls_are_made_at_their_nanosecond(void **state)
{
	struct step_kernel k;

	(void)state;
	step_kernel_init(&k, true);
	assert_run_on(&k.kernel, NULL, precise_main, &k, 0);
	assert_log("past");
}

/* --- the end -------------------------------------------------------------------------------- */

static int leaves_calls(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_call_later(&x, 3600, says, word("never")), 0);
	CHECK_EQUAL(rondo_call_soon(&y, says, word("y")), 0);
	return 0;
}

/* R6: a loop that closes forgets its timers, and knows their handles no more. */
static void test_pending_calls_end_with_the_loop(void **state)
{
	(void)state;
	assert_run(leaves_calls, NULL, 0);
	assert_log("y");
	assert_true(rondo_handle_cancelled(&x));
	rondo_handle_cancel(&x);
}

static void ticks(void *arg)
{
	unsigned *n = arg;

	if (++*n < 5 && rondo_call_later(&x, 0.01, ticks, n) < 0)
		*n = 100;
}

static int ticker(void *arg)
{
	unsigned n = 0;
	double begin = rondo_now();

	(void)arg;
	if (rondo_call_later(&x, 0.01, ticks, &n) < 0 || rondo_call_later(&y, 0.035, says, word("y")) < 0)
		return -1;
	while (n < 5)
		if (rondo_sleep(0.001) < 0)
			return -1;
	if (rondo_now() - begin < 0.05)
		return rondo_sim_fail("five ticks of 10 ms in %g s", rondo_now() - begin);
	return n == 5 ? 0 : rondo_sim_fail("%u ticks", n);
}

/* A handle used again by its own call; any schedule, any seed. */
static void test_calls_in_the_simulated_kernel(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= STEP_SIZE(200, 20); seed++) {
		struct rondo_sim_options o = { .seed = seed, .on_failure = rondo_sim_print_failure };

		step_log[0] = '\0';
		assert_int_equal(rondo_sim_run(&o, ticker, NULL), 0);
		assert_log("y");
	}
}

/* --- tasks of calls --------------------------------------------------------------------------- */

static int notes_eager(void *arg)
{
	note("%s", (const char *)arg);
	return 5;
}

static rondo_task *made_in_a_call;
static struct rondo_handle maker;

static void makes_an_eager_task(void *arg)
{
	const struct rondo_task_options eager = { .eager = true };

	note("call");
	made_in_a_call = rondo_create_task_with(&eager, notes_eager, arg);
	note("made");
}

/* T23: nobody runs who could go on when it first waits, so it has its turn. It has no typed result. */
static int eager_from_a_call_main(void *arg)
{
	int untouched = 77;

	(void)arg;
	CHECK_EQUAL(rondo_call_soon(&maker, makes_an_eager_task, word("task")), 0);
	CHECK_EQUAL(rondo_sleep(0), 0);
	CHECK_EQUAL(rondo_sleep(0), 0);
	CHECK(made_in_a_call);
	CHECK_EQUAL(rondo_await_result(made_in_a_call, &untouched, sizeof(untouched)), 5);
	CHECK_EQUAL(untouched, 77);
	return 0;
}

static void test_an_eager_task_of_a_call_has_its_turn(void **state)
{
	(void)state;
	assert_run(eager_from_a_call_main, NULL, 0);
	assert_log("call made task");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls_are_made_in_order),
		cmocka_unit_test(test_cancelled_calls_are_skipped),
		cmocka_unit_test(test_the_queue_has_room_for_cancelled_calls),
		cmocka_unit_test(test_late_calls_are_made_by_deadline),
		cmocka_unit_test(test_calls_come_after_ready_and_io),
		cmocka_unit_test(test_calls_are_made_at_their_nanosecond),
		cmocka_unit_test(test_pending_calls_end_with_the_loop),
		cmocka_unit_test(test_calls_in_the_simulated_kernel),
		cmocka_unit_test(test_an_eager_task_of_a_call_has_its_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
