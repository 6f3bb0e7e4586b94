/* SPDX-License-Identifier: MIT */
/* test_world.c - goal: a simulated run is a function of its seed, virtual time costs nothing, hosts
 * take turns, a failure stops the world where it happens, and a power cut leaves nothing behind.
 * Method: small programs under rondo_sim_run(); what they saw is compared afterwards. */
#include "support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <rondo_sim.h>

#include "stream/stream.h"
#include "switch/sanitizer.h"

static struct rondo_sim_failure seen;
static char seen_text[256], seen_host[32];
static unsigned n_seen;

static void see(const struct rondo_sim_failure *f, void *arg)
{
	(void)arg;
	seen = *f;
	snprintf(seen_text, sizeof(seen_text), "%s", f->text);
	snprintf(seen_host, sizeof(seen_host), "%s", f->host ? f->host : "");
	n_seen++;
}

static int run(uint64_t seed, bool no_faults, rondo_fn *main, void *arg)
{
	struct rondo_sim_options o = { .seed = seed, .no_faults = no_faults, .on_failure = see };

	n_seen = 0;
	return rondo_sim_run(&o, main, arg);
}

/* --- time ------------------------------------------------------------------------------------ */

static int sleeps_a_week(void *arg)
{
	uint64_t start = rondo_now_ns();

	(void)arg;
	CHECK_EQUAL(rondo_sleep(7 * 86400.0), 0);
	CHECK(rondo_now_ns() - start >= UINT64_C(604800000000000));
	return 7;
}

static void test_a_week_of_sleep_takes_no_time(void **state)
{
	struct rondo_sim_options o = { .seed = 1, .end_ns = UINT64_C(864000000000000) };

	(void)state;
	assert_int_equal(rondo_sim_run(&o, sleeps_a_week, NULL), 7);
	assert_checks_passed();
}

static int never_ends(void *arg)
{
	(void)arg;
	for (;;)
		if (rondo_sleep(1) < 0)
			return -ECANCELED;
}

static void test_what_does_not_end_in_time_fails(void **state)
{
	(void)state;
	assert_int_equal(run(1, true, never_ends, NULL), -EFAULT);
	assert_int_equal(n_seen, 1);
	assert_string_equal(seen.property, "P5");
}

/* --- chance ---------------------------------------------------------------------------------- */

static int sleeps_at_random(void *arg)
{
	(void)arg;
	return rondo_sleep_ns(rondo_sim_random() % 1000000);
}

static int draws(void *arg)
{
	rondo_task *t[10];

	*(uint64_t *)arg = rondo_sim_random() ^ rondo_random_getrandbits(64);
	for (int i = 0; i < 10; i++)
		t[i] = rondo_create_task(sleeps_at_random, NULL);
	return rondo_gather(10, t, NULL, 0);
}

static void test_equal_seeds_make_equal_histories(void **state)
{
	uint64_t hashes[20];

	(void)state;
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct rondo_sim_stats a, b;
		struct rondo_sim_options o = { .seed = seed, .stats = &a };
		uint64_t x, y;

		assert_int_equal(rondo_sim_run(&o, draws, &x), 0);
		o.stats = &b;
		assert_int_equal(rondo_sim_run(&o, draws, &y), 0);
		assert_memory_equal(&a, &b, sizeof(a));
		assert_int_equal(x, y);
		hashes[seed] = a.hash;
		for (uint64_t i = 0; i < seed; i++)
			assert_int_not_equal(hashes[i], hashes[seed]);
	}
}

static void test_options_that_make_no_sense_are_refused(void **state)
{
	struct rondo_sim_options o = { .only_faults = "SHORT_READ,NO_SUCH" };
	uint64_t x;

	(void)state;
	assert_int_equal(rondo_sim_run(&o, draws, &x), -EINVAL);
	o.only_faults = "SHORT_READ,enter_eintr";
	assert_int_equal(rondo_sim_run(&o, draws, &x), 0);
	assert_int_equal(rondo_sim_cut_power(1), -EINVAL);
	assert_int_equal(rondo_sim_random(), 0);
	assert_int_equal(rondo_sim_fail("outside"), -EFAULT);
}

static int runs_inside(void *arg)
{
	uint64_t x;

	(void)arg;
	CHECK_EQUAL(rondo_sim_run(NULL, draws, &x), -EBUSY);
	CHECK_EQUAL(rondo_run(draws, &x), -EBUSY);
	return 0;
}

static void test_a_run_within_a_run_is_refused(void **state)
{
	(void)state;
	assert_int_equal(run(1, false, runs_inside, NULL), 0);
	assert_checks_passed();
}

/* Leaving out the only fault of a run makes it a run without. */
static void test_faults_can_be_left_out_by_number(void **state)
{
	uint64_t x, masked[2000];
	struct rondo_sim_stats stats;
	unsigned n_with = 0;

	(void)state;
	for (uint64_t i = 0; i < 2000; i++)
		masked[i] = i;
	for (uint64_t seed = 0; seed < 40; seed++) {
		struct rondo_sim_options o = { .seed = seed, .stats = &stats };

		assert_int_equal(rondo_sim_run(&o, draws, &x), 0);
		n_with += stats.n_faults > 0;
		o.masked_faults = masked;
		o.n_masked_faults = 2000;
		assert_int_equal(rondo_sim_run(&o, draws, &x), 0);
		for (unsigned i = 0; i < RONDO_SIM_FAULT_KINDS; i++)
			assert_int_equal(stats.n_by_fault[i], 0);
	}
	assert_true(n_with > 5);
}

/* --- failures -------------------------------------------------------------------------------- */

static int fails_inside(void *arg)
{
	(void)arg;
	rondo_task_set_name(rondo_current_task(), "the culprit");
	rondo_sim_fail("%d is odd", 7);
	abort();
}

static void test_a_failure_names_the_task_and_ends_the_run(void **state)
{
	(void)state;
	assert_int_equal(run(42, false, fails_inside, NULL), -EFAULT);
	assert_int_equal(n_seen, 1);
	assert_string_equal(seen.property, "user");
	assert_string_equal(seen_text, "7 is odd");
	assert_string_equal(seen_host, "host-1");
	assert_int_equal(seen.seed, 42);
}

static int leaks(void *arg)
{
	(void)arg;
	return rondo_open("/left-open", O_RDWR | O_CREAT, 0600) < 0;
}

static void test_a_descriptor_left_open_is_a_failure_unless_allowed(void **state)
{
	struct rondo_sim_options o = { .no_faults = true, .may_leave_files_open = true };

	(void)state;
	assert_int_equal(run(1, true, leaks, NULL), -EFAULT);
	assert_string_equal(seen.property, "P8");
	assert_int_equal(rondo_sim_run(&o, leaks, NULL), 0);
}

/* The kernel fills the buffer of a read that waits; nobody else may touch it meanwhile. */
static char in_flight[64];

static int reads_into_it(void *arg)
{
	return (int)rondo_read(*(int *)arg, in_flight, sizeof(in_flight));
}

static int touches_it(void *arg)
{
	volatile size_t place = 8;	/* clang does not check what is in bounds for certain */
	int fds[2];
	rondo_task *reader;

	(void)arg;
	CHECK_EQUAL(rondo_pipe(fds, 0), 0);
	reader = rondo_create_task(reads_into_it, &fds[0]);
	CHECK_EQUAL(rondo_sleep(1), 0);
	in_flight[place] = 'x';
	CHECK_EQUAL(rondo_write(fds[1], "y", 1), 1);
	return rondo_await(reader);
}

static int touching_child(void)
{
	return run(1, true, touches_it, NULL) == -EFAULT && !strcmp(seen.property, "P3") ? 3 : 0;
}

/* AddressSanitizer knows of it at the instant, the simulator when the bytes come. */
static void test_a_buffer_that_the_kernel_holds_is_watched(void **state)
{
	int status;

	(void)state;
	status = run_in_child(touching_child);
	if (SAN_ADDRESS)
		assert_non_null(strstr(child_stderr, "use-after-poison"));
	else
		assert_int_equal(WEXITSTATUS(status), 3);
}

/* --- bounds ---------------------------------------------------------------------------------- */

/* A run that fails stops where it is: what it had must be seen not to be lost. */
static rondo_stream *written[2], *volatile read_from;

static int has_written_too_much(void *arg)
{
	const struct rondo_stream_options o = { .write_buffer = 10 };
	rondo_stream *a;

	CHECK_EQUAL(rondo_stream_memory_pair(0, &o, written), 0);
	a = written[0];
	CHECK_EQUAL(rondo_stream_write(a, "0123456789", 10), 0);
	CHECK_EQUAL(rondo_sleep(0.001), 0);	/* full is not too full */
	a->n_out += arg != NULL;
	CHECK_EQUAL(rondo_sleep(0.001), 0);
	rondo_stream_abort(a);
	rondo_stream_abort(written[1]);
	return 0;
}

static ssize_t reads_in_its_sleep(void *self, void *buf, size_t len)
{
	(void)self;
	memset(buf, 'x', len);
	return rondo_sleep(0.001) < 0 ? -ECANCELED : 8;
}

static int close_nothing(void *self, bool abort)
{
	(void)self, (void)abort;
	return 0;
}

/* With a limit of 100 a line ends at 104 bytes. 64 bytes are more than a peek at 60 may wait with. */
static int reads_too_much(void *arg)
{
	static const struct rondo_stream_class class = {
		.name = "x", .read = reads_in_its_sleep, .close = close_nothing,
	};
	const struct rondo_stream_options o = { .limit = 100 };
	const void *data;
	const char *line;
	rondo_stream *s;

	CHECK_EQUAL(rondo_stream_new(&class, NULL, &o, &s), 0);
	read_from = s;
	CHECK_EQUAL(rondo_stream_peek(s, 60, &data), 64);
	CHECK_EQUAL(rondo_stream_read_line(s, &line), -RONDO_ELIMIT);
	CHECK_EQUAL(rondo_stream_peek(s, 60, &data), 64);
	if (arg) {
		s->reading = true;
		CHECK_EQUAL(rondo_sleep(0.001), 0);
	}
	return rondo_stream_close(s);
}

static void test_a_stream_that_holds_too_much_is_reported(void **state)
{
	rondo_fn *const mains[] = { has_written_too_much, reads_too_much };

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(run(1, true, mains[i], NULL), 0);
		assert_int_equal(run(1, true, mains[i], &seen), -EFAULT);
		assert_string_equal(seen.property, "P11");
		assert_checks_passed();
	}
}

/* --- hosts ----------------------------------------------------------------------------------- */

static int counts(void *arg)
{
	for (;;) {
		++*(unsigned *)arg;
		if (rondo_sleep(0.1) < 0)
			return -ECANCELED;
	}
}

static int returns_it(void *arg)
{
	return rondo_sleep(0.5) < 0 ? -1 : *(int *)arg;
}

static int watches_others(void *arg)
{
	unsigned n = 0, n_before;
	int value = 9, result = -1;
	int counter = rondo_sim_start_host("counter", counts, &n);
	int other = rondo_sim_start_host("other", returns_it, &value);

	(void)arg;
	CHECK_EQUAL(counter, 2);
	CHECK_EQUAL(other, 3);
	CHECK_EQUAL(rondo_sleep(100), 0);
	CHECK(n > 20);
	CHECK(rondo_sim_host_result(other, &result));
	CHECK_EQUAL(result, 9);
	CHECK_EQUAL(rondo_sim_restart_host(counter, counts, &n), -EINVAL);
	CHECK_EQUAL(rondo_sim_cut_power(counter), 0);
	CHECK_EQUAL(rondo_sim_cut_power(counter), -EINVAL);
	n_before = n;
	CHECK_EQUAL(rondo_sleep(10), 0);
	CHECK_EQUAL(n, n_before);
	CHECK(!rondo_sim_host_result(counter, &result));
	CHECK_EQUAL(rondo_sim_restart_host(counter, counts, &n), 0);
	CHECK_EQUAL(rondo_sleep(100), 0);
	CHECK(n > n_before + 20);
	return 0;
}

static void test_hosts_take_turns_and_lose_their_power(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 50; seed++) {
		assert_int_equal(run(seed, false, watches_others, NULL), 0);
		assert_checks_passed();
	}
}

static int cuts_itself(void *arg)
{
	(void)arg;
	(void)rondo_sim_cut_power(1);
	abort();
}

static void test_a_host_may_cut_its_own_power(void **state)
{
	(void)state;
	assert_int_equal(run(1, true, cuts_itself, NULL), -ECONNABORTED);
	assert_int_equal(n_seen, 0);
}

/* It stops in the middle of a receive into the buffers that its loop shares. */
static int receives_for_ever(void *arg)
{
	struct rondo_receiver r;
	int fd, listener = rondo_listen_tcp("0.0.0.0", 7, NULL);
	char c;

	(void)arg;
	CHECK(listener >= 0);
	fd = rondo_accept(listener, NULL, NULL);
	CHECK(fd >= 0);
	rondo_receiver_init(&r, fd);
	CHECK_EQUAL(rondo_receiver_read(&r, &c, 1), 1);
	return (int)rondo_receiver_read(&r, &c, 1);
}

static int cuts_a_receiver(void *arg)
{
	int host = rondo_sim_start_host("receiver", receives_for_ever, NULL), fd = -1, result;

	(void)arg;
	CHECK(host > 0);
	for (int i = 0; i < 2; i++) {
		while ((fd = rondo_connect_tcp("10.0.0.2", 7)) < 0)
			CHECK_EQUAL(rondo_sleep(0.1), 0);
		CHECK_EQUAL(rondo_send(fd, "x", 1, 0), 1);
		CHECK_EQUAL(rondo_sleep(1), 0);
		CHECK_EQUAL(rondo_sim_cut_power(host), 0);
		CHECK(!rondo_sim_host_result(host, &result));
		CHECK_EQUAL(rondo_close(fd), 0);
		CHECK_EQUAL(rondo_sim_restart_host(host, receives_for_ever, NULL), 0);
	}
	return 0;
}

static void test_a_host_that_receives_may_lose_its_power(void **state)
{
	(void)state;
	assert_int_equal(run(1, true, cuts_a_receiver, NULL), 0);
	assert_checks_passed();
}

/* Two hosts that only yield, each until the other has: neither may be forgotten. */
struct pair {
	bool here, there;
};

static int yields_there(void *arg)
{
	struct pair *p = arg;

	p->there = true;
	while (!p->here)
		if (rondo_sleep(0) < 0)
			return -ECANCELED;
	return 0;
}

static int yields_here(void *arg)
{
	struct pair p = { 0 };

	(void)arg;
	CHECK(rondo_sim_start_host("there", yields_there, &p) > 0);
	while (!p.there)
		CHECK_EQUAL(rondo_sleep_ns(1000), 0);
	p.here = true;
	return 0;
}

static void test_hosts_wait_for_each_other(void **state)
{
	(void)state;
	assert_int_equal(run(3, false, yields_here, NULL), 0);
	assert_checks_passed();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_week_of_sleep_takes_no_time),
		cmocka_unit_test(test_what_does_not_end_in_time_fails),
		cmocka_unit_test(test_equal_seeds_make_equal_histories),
		cmocka_unit_test(test_options_that_make_no_sense_are_refused),
		cmocka_unit_test(test_a_run_within_a_run_is_refused),
		cmocka_unit_test(test_faults_can_be_left_out_by_number),
		cmocka_unit_test(test_a_failure_names_the_task_and_ends_the_run),
		cmocka_unit_test(test_a_descriptor_left_open_is_a_failure_unless_allowed),
		cmocka_unit_test(test_a_buffer_that_the_kernel_holds_is_watched),
		cmocka_unit_test(test_a_stream_that_holds_too_much_is_reported),
		cmocka_unit_test(test_hosts_take_turns_and_lose_their_power),
		cmocka_unit_test(test_a_host_may_cut_its_own_power),
		cmocka_unit_test(test_a_host_that_receives_may_lose_its_power),
		cmocka_unit_test(test_hosts_wait_for_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
