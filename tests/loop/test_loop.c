/* SPDX-License-Identifier: MIT */
/* test_loop.c - goal: tasks and calls run in FIFO batches, the ring is polled between batches,
 * the loop ends when its main task does and not before the kernel is done with it, and misuse
 * stops with one line. Method: tasks log words and the order is compared with asyncio's (the
 * oracle of the parity table: p01, p02, ...); the loop's own counters are looked at from inside. */
#include "support/step.h"

/* --- order -------------------------------------------------------------------------------- */

static int yields_twice(void *arg)
{
	const char *name = arg;

	for (int i = 0; i < 3; i++) {
		note("%s%d", name, i);
		if (i < 2)
			CHECK_EQUAL(rondo_yield(), 0);
	}
	return 0;
}

static int two_yielders(void *arg)
{
	(void)arg;
	rondo_task *a = rondo_create_task(yields_twice, word("a"));
	rondo_task *b = rondo_create_task(yields_twice, word("b"));

	note("main");
	CHECK_EQUAL(rondo_await(a), 0);
	CHECK_EQUAL(rondo_await(b), 0);
	note("end");
	return 0;
}

/* p01, T1: creation order is first-run order, and yielding goes round. */
static void test_tasks_take_turns_in_the_order_of_creation(void **state)
{
	(void)state;
	assert_run(two_yielders, NULL, 0);
	assert_log("main a0 b0 a1 b1 a2 b2 end");
}

struct saying {
	struct ready_call ready;
	const char *text;
	struct saying *then;
};

static void say(struct ready_call *c)
{
	struct saying *s = container_of(c, struct saying, ready);

	note("%s", s->text);
	if (s->then)
		ready_push_call(&rondo__loop->ready, &s->then->ready);
}

static int says_task(void *arg)
{
	(void)arg;
	note("task");
	return 0;
}

static int calls_and_a_task(void *arg)
{
	struct saying x2 = { { say }, "x2", NULL }, x = { { say }, "x", &x2 };
	struct saying y = { { say }, "y", NULL }, z = { { say }, "z", NULL };
	struct loop *l = rondo__loop;

	(void)arg;
	ready_push_call(&l->ready, &x.ready);
	ready_push_call(&l->ready, &y.ready);
	rondo_detach(rondo_create_task(says_task, NULL));
	ready_push_call(&l->ready, &z.ready);
	note("main");
	CHECK_EQUAL(yield_times(1), 0);
	note("main");
	CHECK_EQUAL(yield_times(1), 0);
	return 0;
}

/* p02: calls and tasks share one queue; what a call queues waits for the next batch. */
static void test_calls_keep_their_place_between_tasks(void **state)
{
	(void)state;
	assert_run(calls_and_a_task, NULL, 0);
	assert_log("main x y task z main x2");
}

static int returns_at_once(void *arg)
{
	note("%s", (const char *)arg);
	return 0;
}

static int creates_another(void *arg)
{
	(void)arg;
	note("first");
	rondo_detach(rondo_create_task(returns_at_once, word("created-inside")));
	return 0;
}

static int batch_main(void *arg)
{
	(void)arg;
	rondo_detach(rondo_create_task(creates_another, NULL));
	rondo_detach(rondo_create_task(returns_at_once, word("second")));
	CHECK_EQUAL(yield_times(1), 0);
	note("main");
	return yield_times(1);
}

/* L2: a batch is what was ready at its start. */
static void test_what_a_batch_makes_ready_runs_in_the_next(void **state)
{
	(void)state;
	assert_run(batch_main, NULL, 0);
	assert_log("first second main created-inside");
}

static bool finished;

static int spins(void *arg)
{
	unsigned n = 0;

	(void)arg;
	while (!finished && rondo_yield() == 0)
		n++;
	return n > 0 ? 0 : -EIO;
}

static int reads_a_byte(void *arg)
{
	char c;

	CHECK_EQUAL(read_op(*(int *)arg, &c, 1), 1);
	return c;
}

static int sleeps_a_little(void *arg)
{
	(void)arg;
	return rondo_sleep(0.002);
}

static int starvation_main(void *arg)
{
	int fds[2], ret;

	CHECK_EQUAL(pipe2(fds, O_CLOEXEC), 0);
	finished = false;
	rondo_task *spinner = rondo_create_task(spins, NULL);
	rondo_task *reader = rondo_create_task(reads_a_byte, &fds[0]);
	rondo_task *sleeper = rondo_create_task(sleeps_a_little, NULL);

	(void)arg;
	CHECK_EQUAL(yield_times(3), 0);
	CHECK_EQUAL(write(fds[1], "x", 1), 1);
	ret = rondo_await(reader);
	CHECK_EQUAL(ret, 'x');
	CHECK_EQUAL(rondo_await(sleeper), 0);
	finished = true;
	close(fds[0]);
	close(fds[1]);
	return rondo_await(spinner);
}

/* L2, D10: the ring is polled every turn, also while something is always ready. */
static void test_a_task_that_yields_forever_starves_neither_io_nor_timers(void **state)
{
	(void)state;
	for (enum rondo_timers t = RONDO_TIMERS_COALESCED; t <= RONDO_TIMERS_SQE; t++) {
		const struct rondo_options o = { .timers = t };

		assert_run_on(&rondo__kernel_linux, &o, starvation_main, NULL, 0);
	}
}

/* --- the end of a run --------------------------------------------------------------------- */

static int sleeps_for_long(void *arg)
{
	int ret = rondo_sleep(*(double *)arg);

	note("%s at %llu", ret == -ECANCELED ? "cancelled" : "slept",
	     (unsigned long long)rondo_now_ns());
	return ret;
}

static int leaves_a_sleeper(void *arg)
{
	rondo_detach(rondo_create_task(sleeps_for_long, arg));
	return yield_times(2);
}

/* R1: main's end is the end; the loop must not first wait for whatever else it waits for. */
static void test_the_run_ends_with_its_main_task(void **state)
{
	struct step_kernel k;
	double seconds = 0.9;

	(void)state;
	step_kernel_init(&k, true);
	assert_run_on(&k.kernel, NULL, leaves_a_sleeper, &seconds, 0);
	assert_log("cancelled at 1");
}

static int exposes_itself(void *arg)
{
	(void)arg;
	CHECK(rondo_loop_current() != NULL);
	return 5;
}

static int expose_child(void)
{
	return rondo_run(exposes_itself, NULL) == 5 ? 0 : 1;
}

/* The same when the only thing left is that another thread might call. */
static void test_a_loop_that_can_be_woken_ends_with_its_main_task_too(void **state)
{
	(void)state;
	assert_child_succeeds(expose_child);
}

struct reader {
	int fd;
	int ret;
	char byte;
};

static int parks_on_a_read(void *arg)
{
	struct reader *r = arg;

	r->ret = read_op(r->fd, &r->byte, 1);
	return r->ret;
}

enum { N_READERS = 600 };

static int leaves_readers(void *arg)
{
	struct reader *readers = arg;

	for (int i = 0; i < N_READERS; i++)
		rondo_detach(rondo_create_task(parks_on_a_read, &readers[i]));
	CHECK_EQUAL(yield_times(3), 0);
	CHECK_EQUAL(rondo__loop->ring.n_in_flight - rondo__loop->n_internal, N_READERS);
	CHECK_EQUAL(rondo__loop->n_live, N_READERS + 1);
	return 0;
}

static uint64_t in_flight_at_close;

static void look_at_close(const struct kernel *k, struct io_uring *ring)
{
	in_flight_at_close = rondo__loop ? rondo__loop->ring.n_in_flight : UINT64_MAX;
	in_flight_at_close += io_uring_cq_ready(ring) + io_uring_sq_ready(ring);
	step_close(k, ring);
}

/* 600 cancels go through a queue of 8, and the ring is closed only when every op and every
 * cancel has had its CQE. */
static void test_closing_waits_for_ops_and_for_the_cancels_themselves(void **state)
{
	static struct reader readers[N_READERS];
	const struct rondo_options o = { .sq_entries = 8, .cq_entries = 16 };
	struct step_kernel k;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	for (int i = 0; i < N_READERS; i++)
		readers[i] = (struct reader){ .fd = fds[0], .ret = 1 };
	step_kernel_init(&k, false);
	k.kernel.close = look_at_close;
	assert_run_on(&k.kernel, &o, leaves_readers, readers, 0);
	assert_int_equal(in_flight_at_close, 0);
	assert_int_equal(k.n_ops[IORING_OP_ASYNC_CANCEL], N_READERS);
	for (int i = 0; i < N_READERS; i++)
		assert_int_equal(readers[i].ret, -ECANCELED);
	close(fds[0]);
	close(fds[1]);
}

static int counts_in_flight(void *arg)
{
	struct loop *l = rondo__loop;
	uint64_t before = l->ring.n_in_flight;

	(void)arg;
	CHECK_EQUAL(nop_op(), 0);
	CHECK_EQUAL(l->ring.n_in_flight, before);
	CHECK_EQUAL(rondo_sleep(0.0001), 0);
	CHECK_EQUAL(l->n_internal, before);	/* the timeout is no longer there */
	CHECK_EQUAL(l->ring.n_in_flight, before);
	CHECK_EQUAL(l->n_live, 1);
	return 0;
}

static void test_finished_ops_are_not_counted_as_in_flight(void **state)
{
	const struct rondo_options o = { .no_sigint = true };

	(void)state;
	assert_run_on(&rondo__kernel_linux, &o, counts_in_flight, NULL, 0);
}

static void test_a_run_leaves_no_descriptor_behind(void **state)
{
	unsigned before = n_descriptors();

	(void)state;
	assert_run(two_yielders, NULL, 0);
	assert_run(exposes_itself, NULL, 5);
	assert_int_equal(n_descriptors(), before);
}

/* --- many --------------------------------------------------------------------------------- */

static uint64_t n_ran;

static int yields_thrice(void *arg)
{
	(void)arg;
	CHECK_EQUAL(yield_times(3), 0);
	n_ran++;
	return 0;
}

static int many_main(void *arg)
{
	size_t n = *(size_t *)arg;
	rondo_task **tasks = malloc(n * sizeof(*tasks));

	CHECK(tasks != NULL);
	for (size_t i = 0; i < n; i++)
		tasks[i] = rondo_create_task(yields_thrice, NULL);
	CHECK_EQUAL(rondo__loop->n_live, n + 1);
	for (size_t i = 0; i < n; i++)
		CHECK_EQUAL(rondo_await(tasks[i]), 0);
	CHECK_EQUAL(rondo__loop->n_live, 1);
	free(tasks);
	return 0;
}

static void test_a_hundred_thousand_tasks_take_turns(void **state)
{
	size_t n = STEP_SIZE(100000, 2000);

	(void)state;
	n_ran = 0;
	assert_run(many_main, &n, 0);
	assert_int_equal(n_ran, n);
}

static int notes_n_ran(void *arg)
{
	(void)arg;
	n_ran++;
	return 0;
}

static void counts_call(void *arg)
{
	++*(uint64_t *)arg;
}

static int brimful_main(void *arg)
{
	size_t n = *(size_t *)arg;
	uint64_t n_calls = 0;

	n_ran = 0;
	CHECK_EQUAL(rondo_call_soon_threadsafe(rondo_loop_current(), counts_call, &n_calls), 0);
	for (size_t i = 0; i < n; i++)
		rondo_detach(rondo_create_task(notes_n_ran, NULL));
	CHECK_EQUAL(yield_times(4), 0);
	CHECK_EQUAL(n_ran, n);
	CHECK_EQUAL(n_calls, 1);
	return 0;
}

/* Every task is ready at once, and a call from outside too, around the size of the first queue. */
static void test_the_ready_queue_has_room_for_all_tasks_and_a_call(void **state)
{
	(void)state;
	for (size_t n = 250; n < 260; n++)
		assert_run(brimful_main, &n, 0);
}

static int splits(void *arg)
{
	intptr_t depth = (intptr_t)arg;
	int n = 1;

	if (depth > 0) {
		rondo_task *left = rondo_create_task(splits, (void *)(depth - 1));
		rondo_task *right = rondo_create_task(splits, (void *)(depth - 1));

		n += rondo_await(right);
		n += rondo_await(left);
	}
	return n;
}

static void test_tasks_create_tasks_recursively(void **state)
{
	intptr_t depth = (intptr_t)STEP_SIZE(15, 10);

	(void)state;
	assert_run(splits, (void *)depth, (2 << depth) - 1);
}

/* --- misuse ------------------------------------------------------------------------------- */

static int yields_without_a_loop(void)
{
	return rondo_yield();
}

static int sleeps_without_a_loop(void)
{
	return rondo_sleep(1);
}

static int creates_without_a_loop(void)
{
	return rondo_create_task(returns_at_once, NULL) != NULL;
}

static void yields_in_a_call(struct ready_call *c)
{
	(void)c;
	_exit(rondo_yield());
}

static int queues_a_call(void *arg)
{
	struct ready_call c = { yields_in_a_call };

	(void)arg;
	ready_push_call(&rondo__loop->ready, &c);
	return rondo_yield();
}

static int yields_where_only_calls_run(void)
{
	return rondo_run(queues_a_call, NULL);
}

static int wakes_itself(void *arg)
{
	(void)arg;
	rondo__wake(rondo__self());
	return 0;
}

static int wakes_the_running_task(void)
{
	return rondo_run(wakes_itself, NULL);
}

static const struct wait_class test_class = { .name = "test", .cancel = wait_cancel_now };

static int parks_forever(void *arg)
{
	struct wait w = { .class = &test_class, .task = rondo__self() };

	(void)arg;
	rondo__park(&w);
	return 0;
}

static int wakes_twice_main(void *arg)
{
	rondo_task *t = rondo_create_task(parks_forever, NULL);

	(void)arg;
	if (rondo_yield() == 0) {
		rondo__wake(t);
		rondo__wake(t);
	}
	return 0;
}

static int wakes_twice(void)
{
	return rondo_run(wakes_twice_main, NULL);
}

static int closes_with_live_tasks_main(void *arg)
{
	(void)arg;
	rondo__loop_close(rondo__loop);
	return 0;
}

static int closes_with_live_tasks(void)
{
	return rondo_run(closes_with_live_tasks_main, NULL);
}

static void test_misuse_stops_with_one_line(void **state)
{
	(void)state;
	assert_bug(yields_without_a_loop, "an awaiting function was called outside a task");
	assert_bug(sleeps_without_a_loop, "an awaiting function was called outside a task");
	assert_bug(creates_without_a_loop, "outside a loop");
	assert_bug(yields_where_only_calls_run, "an awaiting function was called outside a task");
	assert_bug(wakes_the_running_task, "!t->wait");
	assert_bug(wakes_twice, "!t->wait");
	assert_bug(closes_with_live_tasks, "n_live");
}

static int forks_and_awaits(void *arg)
{
	int status = -1;
	pid_t pid = fork();

	(void)arg;
	if (pid == 0)
		_exit(rondo_sleep(0.001) != 0);		/* must not touch the parent's ring */
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT)
		abort();
	return 0;
}

static int awaits_in_a_forked_child(void)
{
	return rondo_run(forks_and_awaits, NULL);
}

/* R10, KN-17: the ring is the parent's. */
static void test_a_forked_child_cannot_use_its_parents_loop(void **state)
{
	(void)state;
	assert_bug(awaits_in_a_forked_child, "an awaiting function was called outside a task");
}

/* --- the name of an overflown stack ----------------------------------------------------------- */

/* What the handler of SIGSEGV asks; the processes that die of it are in tests/switch. */
static int names_itself(void *arg)
{
	struct overflow_watch *w = &rondo__loop->overflow;
	struct rondo_task *self = rondo__self(), *other = rondo_create_task(returns_at_once, NULL);
	char name[40], expected[40];

	(void)arg;
	self->name[0] = '\0';
	self->id = 1234567890;
	w->name(w, self->stack->base, name, sizeof(name));
	snprintf(expected, sizeof(expected), "Task-%llu", (unsigned long long)self->id);
	CHECK(!strcmp(name, expected));
	w->name(w, self->stack->base, name, 8);
	CHECK(!strcmp(name, "Task-12"));
	strcpy(self->name, "client-7");
	w->name(w, self->stack->base, name, sizeof(name));
	CHECK(!strcmp(name, "client-7"));
	w->name(w, other->stack->base, name, sizeof(name));	/* which does not run */
	CHECK(!strcmp(name, "?"));
	rondo__loop->running = NULL;
	w->name(w, self->stack->base, name, sizeof(name));
	rondo__loop->running = self;
	CHECK(!strcmp(name, "?"));
	return rondo_await(other);
}

static void test_who_overflows_is_named(void **state)
{
	(void)state;
	assert_run(names_itself, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tasks_take_turns_in_the_order_of_creation),
		cmocka_unit_test(test_calls_keep_their_place_between_tasks),
		cmocka_unit_test(test_what_a_batch_makes_ready_runs_in_the_next),
		cmocka_unit_test(test_a_task_that_yields_forever_starves_neither_io_nor_timers),
		cmocka_unit_test(test_the_run_ends_with_its_main_task),
		cmocka_unit_test(test_a_loop_that_can_be_woken_ends_with_its_main_task_too),
		cmocka_unit_test(test_closing_waits_for_ops_and_for_the_cancels_themselves),
		cmocka_unit_test(test_finished_ops_are_not_counted_as_in_flight),
		cmocka_unit_test(test_a_run_leaves_no_descriptor_behind),
		cmocka_unit_test(test_a_hundred_thousand_tasks_take_turns),
		cmocka_unit_test(test_the_ready_queue_has_room_for_all_tasks_and_a_call),
		cmocka_unit_test(test_tasks_create_tasks_recursively),
		cmocka_unit_test(test_who_overflows_is_named),
		cmocka_unit_test(test_misuse_stops_with_one_line),
		cmocka_unit_test(test_a_forked_child_cannot_use_its_parents_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
