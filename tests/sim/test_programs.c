/* SPDX-License-Identifier: MIT */
/* test_programs.c - simulated children that run programs, and simulated signals. Goal: rondo_process_*
 * and rondo_signal_* keep their word under a thousand seeds; signals coalesce as Linux's do, and none
 * that is pending is lost, whatever it races with. */
#include "sim/seeds.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "loop/loop.h"
#include "rondo/process.h"
#include "rondo/signal.h"

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* --- programs -------------------------------------------------------------------------------- */

static int cat(int argc, const char *const *argv)
{
	char buf[300];
	ssize_t n;

	(void)argc, (void)argv;
	while ((n = rondo_read(0, buf, sizeof(buf))) > 0)
		for (ssize_t done = 0; done < n;) {
			ssize_t part = rondo_write(1, buf + done, (size_t)(n - done));

			if (part < 0)
				return 2;
			done += part;
		}
	return n < 0 ? 3 : 0;
}

static int sleeps(int argc, const char *const *argv)
{
	(void)argc;
	return rondo_sleep(atof(argv[1])) < 0 ? 4 : 5;
}

/* Leaves a child behind that holds its output. */
static int parent(int argc, const char *const *argv)
{
	struct rondo_process_options o = {
		.argv = ARGV("sleep", "100000"), .on_close = RONDO_CLOSE_DETACHES,
	};
	rondo_process *p;

	(void)argc, (void)argv;
	if (rondo_process_spawn(&o, &p) < 0)
		return 9;
	return rondo_process_close(p) < 0 ? 9 : 3;
}

/* Ends well when it is asked to. */
static int polite(int argc, const char *const *argv)
{
	rondo_signal *s;
	int ret = rondo_signal_open_one(SIGTERM, &s);

	(void)argc, (void)argv;
	if (ret == 0 && rondo_write(1, "ready", 5) == 5)
		ret = rondo_signal_next(s, NULL);
	rondo_signal_close(s);
	return ret == SIGTERM ? 42 : 1;
}

static int has_programs(void)
{
	CHECK_EQUAL(rondo_sim_set_program("cat", cat), 0);
	CHECK_EQUAL(rondo_sim_set_program("sleep", sleeps), 0);
	CHECK_EQUAL(rondo_sim_set_program("parent", parent), 0);
	CHECK_EQUAL(rondo_sim_set_program("polite", polite), 0);
	return 0;
}

static void test_programs_are_for_simulations(void **state)
{
	(void)state;
	assert_int_equal(rondo_sim_set_program("cat", cat), -EINVAL);
	assert_int_equal(rondo_sim_send_signal(1, SIGTERM), -EINVAL);
}

/* --- children -------------------------------------------------------------------------------- */

/* What the program wrote must be what it was fed, whatever is short, late or interrupted. */
static int talks(void *arg)
{
	struct rondo_process_options o = { .argv = ARGV("/bin/cat") };
	struct rondo_process_result r;
	char text[3000];

	(void)arg;
	CHECK_EQUAL(has_programs(), 0);
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)rondo_sim_random();
	CHECK_EQUAL(rondo_process_run(&o, text, sizeof(text), &r), 0);
	CHECK_EQUAL(r.returncode, 0);
	CHECK(r.n_out == sizeof(text) && !memcmp(r.out, text, sizeof(text)) && r.n_err == 0);
	rondo_process_result_free(&r);
	o.argv = ARGV("dog");
	CHECK_EQUAL(rondo_process_run(&o, NULL, 0, &r), -ENOENT);
	return 0;
}

static void test_communicate_loses_nothing(void **state)
{
	(void)state;
	seeds_run_calm(50, talks, NULL);
	/* OP_ENOMEM is an error of the pipe, which is told. */
	seeds_run(1000, "enter_eagain,enter_ebusy,enter_eintr,submit_partly,cqe_held,complete_late,"
		  "op_late,cancel_enoent,cancel_late,short_read,short_write,timer_late,host_frozen",
		  talks, NULL);
}

static int waits(void *arg)
{
	int returncode, ret = rondo_process_wait(arg, &returncode);

	return ret < 0 ? ret : 1000 + returncode;
}

/* Two wait, one is cancelled; the child exits or is killed. All at times of the seed's. */
static int races(void *arg)
{
	struct rondo_process_options o = { .argv = ARGV("sleep", "0.0005") };
	rondo_task *a, *b;
	rondo_process *p;
	int returncode, ret;
	bool kills = rondo_sim_random() % 2;

	(void)arg;
	CHECK_EQUAL(has_programs(), 0);
	ret = rondo_process_spawn(&o, &p);
	CHECK_EQUAL(ret, 0);
	a = rondo_create_task(waits, p);
	b = rondo_create_task(waits, p);
	CHECK_EQUAL(rondo_sleep_ns(rondo_sim_random() % 1500000), 0);
	if (kills) {
		ret = rondo_process_terminate(p);
		CHECK(ret == 0 || ret == -ESRCH);
	}
	CHECK_EQUAL(rondo_sleep_ns(rondo_sim_random() % 100000), 0);
	rondo_cancel(a);
	ret = rondo_await(a);
	CHECK_EQUAL(rondo_process_wait(p, &returncode), 0);
	CHECK(returncode == 5 || (kills && returncode == -SIGTERM));
	CHECK(ret == -ECANCELED || ret == 1000 + returncode);
	CHECK_EQUAL(rondo_await(b), 1000 + returncode);
	CHECK_EQUAL(rondo_process_kill(p), -ESRCH);
	return rondo_process_close(p);
}

static void test_waiters_cancels_and_kills_in_any_order(void **state)
{
	(void)state;
	seeds_run(1000, NULL, races, NULL);
}

static int runs_parent(void *arg)
{
	struct rondo_process_options o = { .argv = ARGV("parent") };
	struct rondo_process_result r;

	(void)arg;
	return rondo_process_run(&o, NULL, 0, &r);
}

/* The grandchild holds the pipes: the run does not end; when it is cut off, the grandchild dies. */
static int kills_grandchildren(void *arg)
{
	struct rondo_process_options o = {
		.argv = ARGV("parent"), .out = { .kind = RONDO_STDIO_PIPE },
		.group = RONDO_GROUP_OWN,
	};
	rondo_process *p;
	char c;
	int returncode, ret;

	(void)arg;
	CHECK_EQUAL(has_programs(), 0);
	CHECK_EQUAL(rondo_wait_for(runs_parent, NULL, 1000), -ETIMEDOUT);
	CHECK_EQUAL(rondo_waitid(P_ALL, 0, NULL, WEXITED | WNOHANG), -ECHILD);
	CHECK_EQUAL(rondo_process_spawn(&o, &p), 0);
	CHECK_EQUAL(rondo_process_wait(p, &returncode), 0);
	CHECK_EQUAL(returncode, 3);
	ret = rondo_process_signal_group(p, SIGKILL);
	CHECK(ret == 0 || ret == -ESRCH);
	if (ret == 0)
		CHECK_EQUAL(rondo_stream_read(rondo_process_stdout(p), &c, 1), 0);
	return rondo_process_close(p);
}

static void test_a_group_is_killed_as_a_whole(void **state)
{
	(void)state;
	seeds_run_calm(50, kills_grandchildren, NULL);
	seeds_run(300, "enter_eintr,complete_late,op_late,cancel_late,cqe_held,timer_late,host_frozen",
		  kills_grandchildren, NULL);
}

static int asks(void *arg)
{
	struct rondo_process_options o = {
		.argv = ARGV("polite"), .out = { .kind = RONDO_STDIO_PIPE },
	};
	rondo_process *p;
	char buf[5];
	int returncode;

	(void)arg;
	CHECK_EQUAL(has_programs(), 0);
	CHECK_EQUAL(rondo_process_spawn(&o, &p), 0);
	CHECK_EQUAL(rondo_stream_read_exactly(rondo_process_stdout(p), buf, 5, NULL), 0);
	CHECK_EQUAL(rondo_process_terminate(p), 0);
	CHECK_EQUAL(rondo_process_wait(p, &returncode), 0);
	CHECK_EQUAL(returncode, 42);
	return rondo_process_close(p);
}

static void test_a_child_may_receive_what_would_kill_it(void **state)
{
	(void)state;
	seeds_run_calm(50, asks, NULL);
	seeds_run(1000, "enter_eagain,enter_ebusy,enter_eintr,submit_partly,cqe_held,complete_late,"
		  "op_late,short_read,short_write,timer_late,host_frozen", asks, NULL);
}

/* --- signals --------------------------------------------------------------------------------- */

static int sends_some(void *arg)
{
	int *n = arg;

	for (; *n < 20; ++*n) {
		int ret = rondo_sleep_ns(rondo_sim_random() % 3000);

		if (ret < 0)
			return ret;
		CHECK_EQUAL(rondo_sim_send_signal(1, SIGUSR1), 0);
	}
	return 0;
}

static int takes_one(void *arg)
{
	return rondo_signal_next(arg, NULL);
}

/* Each wait is cancelled at some time: what it took it returns, what it did not take is there still. After
 * the last was sent one comes for certain; and never more than were sent. */
static int none_is_lost(void *arg)
{
	rondo_signal *s;
	rondo_task *sender;
	int n_sent = 0, n_taken = 0;

	(void)arg;
	CHECK_EQUAL(rondo_signal_open_one(SIGUSR1, &s), 0);
	sender = rondo_create_task(sends_some, &n_sent);
	for (bool last = false; !last;) {
		rondo_task *t = rondo_create_task(takes_one, s);
		int ret;

		last = n_sent == 20;
		CHECK_EQUAL(rondo_sleep_ns(last ? 100000 : rondo_sim_random() % 5000), 0);
		rondo_cancel(t);
		ret = rondo_await(t);
		CHECK(ret == SIGUSR1 || ret == -ECANCELED);
		n_taken += ret == SIGUSR1;
	}
	CHECK_EQUAL(rondo_await(sender), 0);
	while (rondo_wait_for(takes_one, s, 60) == SIGUSR1)
		n_taken++;
	CHECK(n_taken >= 1 && n_taken <= n_sent);
	CHECK_EQUAL(rondo_sim_send_signal(1, SIGUSR1), 0);
	CHECK_EQUAL(rondo_signal_next(s, NULL), SIGUSR1);
	return rondo_signal_close(s);
}

static void test_no_pending_signal_is_lost_to_a_cancel(void **state)
{
	(void)state;
	seeds_run(1000, "enter_eagain,enter_ebusy,enter_eintr,submit_partly,cqe_held,complete_late,"
		  "op_late,cancel_enoent,cancel_late,timer_late,host_frozen", none_is_lost, NULL);
}

static const struct kernel *seam(void)
{
	return rondo__self()->loop->ring.kernel;
}

static long mask(int how, uint64_t set)
{
	return kernel_call4(seam(), SYS_rt_sigprocmask, how, &set, NULL, 8);
}

/* Linux's rules, in a process that has its signals blocked for a while. */
static int coalesces(void *arg)
{
	const int rt = 40;
	uint64_t both = UINT64_C(1) << (SIGUSR1 - 1) | UINT64_C(1) << (rt - 1);
	rondo_signal *usr1, *queued;

	(void)arg;
	CHECK_EQUAL(rondo_signal_open_one(rt, &queued), 0);
	CHECK_EQUAL(rondo_signal_open_one(SIGUSR1, &usr1), 0);
	CHECK_EQUAL(mask(SIG_BLOCK, both), 0);
	for (int i = 0; i < 3; i++) {
		CHECK_EQUAL(rondo_sim_send_signal(1, rt), 0);
		CHECK_EQUAL(rondo_sim_send_signal(1, SIGUSR1), 0);
	}
	CHECK_EQUAL(rondo_wait_for(takes_one, usr1, 1), -ETIMEDOUT);
	CHECK_EQUAL(mask(SIG_UNBLOCK, both), 0);
	CHECK_EQUAL(rondo_signal_next(usr1, NULL), SIGUSR1);
	CHECK_EQUAL(rondo_wait_for(takes_one, usr1, 1), -ETIMEDOUT);	/* three became one */
	for (int i = 0; i < 3; i++)
		CHECK_EQUAL(rondo_signal_next(queued, NULL), rt);
	CHECK_EQUAL(rondo_wait_for(takes_one, queued, 1), -ETIMEDOUT);
	CHECK_EQUAL(rondo_signal_close(usr1), 0);
	return rondo_signal_close(queued);
}

static void test_signals_coalesce_and_queue_as_in_linux(void **state)
{
	(void)state;
	seeds_run_calm(50, coalesces, NULL);
}

static int is_killed(void *arg)
{
	rondo_signal *s;

	(void)arg;
	CHECK_EQUAL(rondo_signal_open_one(SIGTERM, &s), 0);
	CHECK_EQUAL(rondo_sim_send_signal(1, SIGTERM), 0);
	CHECK_EQUAL(rondo_signal_next(s, NULL), SIGTERM);
	CHECK_EQUAL(rondo_signal_close(s), 0);
	CHECK_EQUAL(rondo_sim_send_signal(1, SIGTERM), 0);
	return rondo_sleep(1);
}

static void test_what_nobody_receives_kills(void **state)
{
	struct rondo_sim_options o = { .seed = 1, .no_faults = true };

	(void)state;
	assert_int_equal(rondo_sim_run(&o, is_killed, NULL), -ECONNABORTED);
	assert_checks_passed();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_programs_are_for_simulations),
		cmocka_unit_test(test_communicate_loses_nothing),
		cmocka_unit_test(test_waiters_cancels_and_kills_in_any_order),
		cmocka_unit_test(test_a_group_is_killed_as_a_whole),
		cmocka_unit_test(test_a_child_may_receive_what_would_kill_it),
		cmocka_unit_test(test_no_pending_signal_is_lost_to_a_cancel),
		cmocka_unit_test(test_signals_coalesce_and_queue_as_in_linux),
		cmocka_unit_test(test_what_nobody_receives_kills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
