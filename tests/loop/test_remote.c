/* SPDX-License-Identifier: MIT */
/* test_remote.c - goal: calls from other threads run once each, on the loop's thread, in the
 * order in which each thread made them, or are refused; a handle outlives its loop. Method:
 * threads that hammer one loop while it works, meant to be run under TSan too; the writes to the
 * eventfd are counted. */
#include "support/step.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "loop/remote.h"

static const struct wait_class held_class = { .name = "test", .cancel = wait_cancel_now };

/* Park until release() is called, by a call on the loop's stack. */
struct hold {
	struct wait wait;
	bool released;
};

static void release(void *arg)
{
	struct hold *h = arg;

	h->released = true;
	if (h->wait.task->wait == &h->wait)
		rondo__wake(h->wait.task);
}

static void hold(struct hold *h)
{
	h->wait = (struct wait){ .class = &held_class, .task = rondo__self() };
	if (!h->released)
		rondo__park(&h->wait);
}

/* --- four threads, ten thousand calls each ------------------------------------------------ */

enum { N_THREADS = 4 };

struct caller {
	rondo_loop *loop;
	struct gathering *gathering;
	pthread_t thread;
	size_t n_calls;
	size_t n_seen;			/* the loop's: how many of ours ran, in order */
	int error;
};

struct mark {
	struct caller *caller;
	size_t number;
};

struct gathering {
	struct hold hold;
	pthread_t loop_thread;
	struct caller callers[N_THREADS];
	struct mark *marks;
	size_t n_left;
	size_t n_out_of_order, n_elsewhere;
};

static void count_call(void *arg)
{
	struct mark *m = arg;
	struct caller *c = m->caller;
	struct gathering *g = c->gathering;

	g->n_elsewhere += !pthread_equal(pthread_self(), g->loop_thread) || rondo_current_task();
	g->n_out_of_order += m->number != c->n_seen;
	c->n_seen++;
	if (--g->n_left == 0)
		release(&g->hold);
}

static void *call_often(void *arg)
{
	struct caller *c = arg;
	struct mark *marks = c->gathering->marks + (size_t)(c - c->gathering->callers) * c->n_calls;

	for (size_t i = 0; i < c->n_calls && !c->error; i++) {
		marks[i] = (struct mark){ c, i };
		c->error = rondo_call_soon_threadsafe(c->loop, count_call, &marks[i]);
		if (i % 64 == 0)
			sched_yield();
	}
	return NULL;
}

static int gathering_main(void *arg)
{
	size_t n_calls = *(size_t *)arg;
	struct gathering *g = calloc(1, sizeof(*g));

	g->marks = calloc(N_THREADS * n_calls, sizeof(*g->marks));
	g->loop_thread = pthread_self();
	g->n_left = N_THREADS * n_calls;
	for (int i = 0; i < N_THREADS; i++) {
		g->callers[i] = (struct caller){ .loop = rondo_loop_current(), .gathering = g,
						 .n_calls = n_calls };
		CHECK_EQUAL(pthread_create(&g->callers[i].thread, NULL, call_often, &g->callers[i]),
			    0);
	}
	hold(&g->hold);
	for (int i = 0; i < N_THREADS; i++) {
		CHECK_EQUAL(pthread_join(g->callers[i].thread, NULL), 0);
		CHECK_EQUAL(g->callers[i].error, 0);
		CHECK_EQUAL(g->callers[i].n_seen, n_calls);
	}
	CHECK_EQUAL(g->n_out_of_order, 0);
	CHECK_EQUAL(g->n_elsewhere, 0);
	free(g->marks);
	free(g);
	return 0;
}

/* L4. */
static void test_calls_of_four_threads_run_once_each_in_each_threads_order(void **state)
{
	size_t n_calls = STEP_SIZE(10000, 2000);

	(void)state;
	skip_threads_under_valgrind();
	assert_run(gathering_main, &n_calls, 0);
}

/* --- order and coalescing on one thread --------------------------------------------------- */

static void say(void *arg)
{
	note("%s", (const char *)arg);
}

static void say_and_call_again(void *arg)
{
	note("%s", (const char *)arg);
	if (rondo_call_soon_threadsafe(rondo_loop_current(), say, word("again")) < 0)
		note("refused");
}

static int yields_and_says(void *arg)
{
	for (int i = 0; i < 3; i++)
		CHECK_EQUAL(rondo_yield(), 0);
	say(arg);
	return 0;
}

static void create_in_call(void *arg)
{
	rondo_detach(rondo_create_task(yields_and_says, arg));
	note("created");
}

static int own_calls_main(void *arg)
{
	rondo_loop *l = rondo_loop_current();

	(void)arg;
	CHECK_EQUAL(rondo_call_soon_threadsafe(l, say_and_call_again, word("x")), 0);
	CHECK_EQUAL(rondo_call_soon_threadsafe(l, say, word("y")), 0);
	CHECK_EQUAL(rondo_call_soon_threadsafe(l, create_in_call, word("task")), 0);
	note("main");
	CHECK_EQUAL(yield_times(20), 0);
	return 0;
}

static void test_a_call_may_call_again_and_create_tasks(void **state)
{
	(void)state;
	assert_run(own_calls_main, NULL, 0);
	assert_log("main x y created again task");
}

static uint64_t n_wakes;

static long count_wakes(const struct kernel *k, long number, long a, long b, long c, long d, long e,
			long f)
{
	n_wakes += number == SYS_write;
	return step_call(k, number, a, b, c, d, e, f);
}

static void count(void *arg)
{
	++*(size_t *)arg;
}

static int coalesced_main(void *arg)
{
	rondo_loop *l = rondo_loop_current();
	size_t n = 0;

	(void)arg;
	for (int i = 0; i < 1000; i++)
		CHECK_EQUAL(rondo_call_soon_threadsafe(l, count, &n), 0);
	CHECK_EQUAL(n_wakes, 1);
	CHECK_EQUAL(yield_times(5), 0);
	CHECK_EQUAL(n, 1000);
	CHECK_EQUAL(rondo_call_soon_threadsafe(l, count, &n), 0);
	CHECK_EQUAL(n_wakes, 2);
	CHECK_EQUAL(yield_times(5), 0);
	CHECK_EQUAL(n, 1001);
	return 0;
}

/* R1: only who finds the queue empty wakes the loop. */
static void test_a_thousand_calls_are_one_wake(void **state)
{
	const struct rondo_options o = { .no_sigint = true };
	struct step_kernel k;

	(void)state;
	n_wakes = 0;
	step_kernel_init(&k, false);
	k.kernel.call = count_wakes;
	assert_run_on(&k.kernel, &o, coalesced_main, NULL, 0);
}

/* --- waking a loop that sleeps ------------------------------------------------------------ */

struct waker {
	rondo_loop *loop;
	struct hold hold;
	rondo_task *task;
	int error;
};

static void *releases(void *arg)
{
	struct waker *w = arg;

	w->error = rondo_call_soon_threadsafe(w->loop, release, &w->hold);
	return NULL;
}

static int sleeping_main(void *arg)
{
	(void)arg;
	for (int i = 0; i < 200; i++) {
		struct waker w = { .loop = rondo_loop_current() };
		pthread_t thread;

		CHECK_EQUAL(pthread_create(&thread, NULL, releases, &w), 0);
		hold(&w.hold);
		CHECK_EQUAL(pthread_join(thread, NULL), 0);
		CHECK_EQUAL(w.error, 0);
	}
	return 0;
}

static void test_a_call_wakes_a_loop_that_has_nothing_else_to_do(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	assert_run(sleeping_main, NULL, 0);
}

static void cancel_task(void *arg)
{
	rondo_cancel(arg);
}

static void *cancels(void *arg)
{
	struct waker *w = arg;

	w->error = rondo_call_soon_threadsafe(w->loop, cancel_task, w->task);
	return NULL;
}

static int cancelled_main(void *arg)
{
	struct waker w = { .loop = rondo_loop_current(), .task = rondo_current_task() };
	pthread_t thread;

	(void)arg;
	CHECK_EQUAL(pthread_create(&thread, NULL, cancels, &w), 0);
	CHECK_EQUAL(rondo_sleep(3600), -ECANCELED);
	CHECK_EQUAL(pthread_join(thread, NULL), 0);
	CHECK_EQUAL(w.error, 0);
	return 0;
}

static void test_a_call_may_cancel_a_sleeping_task(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	assert_run(cancelled_main, NULL, 0);
}

/* --- after the end ------------------------------------------------------------------------ */

static int keeps_main(void *arg)
{
	*(rondo_loop **)arg = rondo_loop_ref(rondo_loop_current());
	return 0;
}

static void test_a_loop_that_has_ended_refuses_calls(void **state)
{
	unsigned before = n_descriptors();
	rondo_loop *loop = NULL;
	size_t n = 0;

	(void)state;
	assert_run(keeps_main, &loop, 0);
	assert_int_equal(rondo_call_soon_threadsafe(loop, count, &n), -ESHUTDOWN);
	assert_ptr_equal(rondo_loop_ref(loop), loop);
	rondo_loop_unref(loop);
	assert_int_equal(rondo_call_soon_threadsafe(loop, count, &n), -ESHUTDOWN);
	rondo_loop_unref(loop);
	rondo_loop_unref(NULL);
	assert_int_equal(n, 0);
	assert_int_equal(n_descriptors(), before);	/* R2: the eventfd has gone, too */
	assert_null(rondo_loop_current());
}

static int calls_and_ends_main(void *arg)
{
	rondo_loop *l = rondo_loop_current();

	for (int i = 0; i < 100; i++)
		CHECK_EQUAL(rondo_call_soon_threadsafe(l, count, arg), 0);
	return 0;
}

/* Whether they ran or were dropped, LeakSanitizer and Valgrind must find nothing. */
static void test_calls_that_come_too_late_are_dropped(void **state)
{
	size_t n = 0;

	(void)state;
	assert_run(calls_and_ends_main, &n, 0);
	assert_true(n == 0 || n == 100);
}

struct stormer {
	rondo_loop *loop;
	pthread_t thread;
	size_t n_accepted;
	int end;
};

static atomic_size_t n_ran;

static void ran(void *arg)
{
	(void)arg;
	atomic_fetch_add(&n_ran, 1);
}

static void *storms(void *arg)
{
	struct stormer *s = arg;

	while ((s->end = rondo_call_soon_threadsafe(s->loop, ran, NULL)) == 0)
		s->n_accepted++;
	rondo_loop_unref(s->loop);
	return NULL;
}

static int storm_main(void *arg)
{
	struct stormer *s = arg;

	for (int i = 0; i < N_THREADS; i++) {
		s[i].loop = rondo_loop_ref(rondo_loop_current());
		CHECK_EQUAL(pthread_create(&s[i].thread, NULL, storms, &s[i]), 0);
	}
	while (atomic_load(&n_ran) < 500)
		CHECK_EQUAL(rondo_sleep(0.0005), 0);
	return 0;
}

/* The loop closes under four threads that keep calling. */
static void test_a_loop_may_end_while_threads_call_it(void **state)
{
	(void)state;
	skip_threads_under_valgrind();
	for (int round = 0; round < 5; round++) {
		struct stormer s[N_THREADS] = { { 0 } };
		size_t n_accepted = 0;

		atomic_store(&n_ran, 0);
		assert_run(storm_main, s, 0);
		for (int i = 0; i < N_THREADS; i++) {
			pthread_join(s[i].thread, NULL);
			assert_int_equal(s[i].end, -ESHUTDOWN);
			n_accepted += s[i].n_accepted;
		}
		assert_in_range(atomic_load(&n_ran), 500, n_accepted);
	}
}

/* --- through a full, reluctant queue ------------------------------------------------------ */

/* Take no SQE while `reluctant`, but do everything else: the SQ stays full while CQEs come. */
static bool reluctant;

static int enter_without_submitting(const struct kernel *kernel, unsigned fd, unsigned to_submit,
				    unsigned n_wait, unsigned flags, const void *arg, size_t size)
{
	static unsigned n;

	if (reluctant && n++ % 3 != 2) {
		rondo__kernel_linux.enter(&rondo__kernel_linux, fd, 0, 0, flags, arg, size);
		return -EAGAIN;
	}
	return step_enter(kernel, fd, to_submit, n_wait, flags, arg, size);
}

static int reads_forever(void *arg)
{
	char c;

	return read_op(*(int *)arg, &c, 1);
}

static int reluctant_main(void *arg)
{
	rondo_loop *l = rondo_loop_current();
	size_t n = 0;
	int fds[2];

	(void)arg;
	CHECK_EQUAL(pipe2(fds, O_CLOEXEC), 0);
	CHECK_EQUAL(yield_times(3), 0);
	reluctant = true;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 9; i++)
			rondo_detach(rondo_create_task(reads_forever, &fds[0]));
		CHECK_EQUAL(rondo_call_soon_threadsafe(l, count, &n), 0);
		CHECK_EQUAL(yield_times(9), 0);
	}
	reluctant = false;
	CHECK_EQUAL(yield_times(9), 0);
	CHECK_EQUAL(n, 20);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

/* The READ on the eventfd completes, and is to be submitted again, while the SQ is full: reaping
 * then comes back to itself and must not hand out a CQE twice. */
static void test_a_wake_is_handled_once_while_the_submission_queue_stays_full(void **state)
{
	const struct rondo_options o = { .sq_entries = 8, .no_sigint = true };
	struct step_kernel k;

	(void)state;
	step_kernel_init(&k, false);
	k.kernel.enter = enter_without_submitting;
	assert_run_on(&k.kernel, &o, reluctant_main, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls_of_four_threads_run_once_each_in_each_threads_order),
		cmocka_unit_test(test_a_call_may_call_again_and_create_tasks),
		cmocka_unit_test(test_a_thousand_calls_are_one_wake),
		cmocka_unit_test(test_a_call_wakes_a_loop_that_has_nothing_else_to_do),
		cmocka_unit_test(test_a_call_may_cancel_a_sleeping_task),
		cmocka_unit_test(test_a_loop_that_has_ended_refuses_calls),
		cmocka_unit_test(test_calls_that_come_too_late_are_dropped),
		cmocka_unit_test(test_a_loop_may_end_while_threads_call_it),
		cmocka_unit_test(test_a_wake_is_handled_once_while_the_submission_queue_stays_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
