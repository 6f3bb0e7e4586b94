/* SPDX-License-Identifier: MIT */
/* test_rwlock.c - goal: readers share, a writer is alone, the order of arrival holds, and nothing
 * is lost to the cancelled. Method: row S8 as orders of events, the matrix, and a crowd. */
#include "support/matrix.h"
#include "support/step.h"

#include "rondo/sync.h"

static struct rondo_rwlock lock;

/* A name's first letter says how: r or w. Notes r1+ when it has the lock and r1- when it lets go,
 * two turns later. */
static int uses(void *arg)
{
	const char *name = arg;
	int ret = name[0] == 'r' ? rondo_rwlock_acquire_read(&lock) :
				   rondo_rwlock_acquire_write(&lock);

	note("%s%s", name, ret == 0 ? "+" : "!");
	if (ret < 0)
		return ret;
	CHECK_EQUAL(turns(2), 0);
	note("%s-", name);
	return rondo_rwlock_release(&lock);
}

static rondo_task *start(const char *name)
{
	return rondo_create_task(uses, word(name));
}

static void run(rondo_fn *main)
{
	lock = (struct rondo_rwlock)RONDO_RWLOCK_INIT;
	assert_run(main, NULL, 0);
	assert_null(lock.waiters_.first_);
	assert_int_equal(lock.n_readers_, 0);
	assert_int_equal(lock.writer_, 0);
	assert_int_equal(rondo_rwlock_release(&lock), -EPERM);
}

static int order_main(void *arg)
{
	(void)arg;
	return RONDO_GATHER(start("r1"), start("r2"), start("w1"), start("r3"), start("r4"),
			    start("w2"), start("w3"));
}

/* S8: r3 does not overtake w1; r3 and r4 share. */
static void test_readers_share_and_writers_take_their_turn(void **state)
{
	(void)state;
	run(order_main);
	assert_log("r1+ r2+ r1- r2- w1+ w1- r3+ r4+ r3- r4- w2+ w2- w3+ w3-");
}

static int cancelled_writer_main(void *arg)
{
	rondo_task *w1, *r1;

	(void)arg;
	CHECK_EQUAL(rondo_rwlock_acquire_read(&lock), 0);
	w1 = start("w1");
	r1 = start("r1");
	CHECK_EQUAL(turns(1), 0);
	CHECK(rondo_cancel(w1));
	CHECK_EQUAL(rondo_await(w1), -ECANCELED);
	CHECK_EQUAL(rondo_await(r1), 0);
	note("main-");
	return rondo_rwlock_release(&lock);
}

/* S8: while main still reads. */
static void test_readers_behind_a_cancelled_writer_come_in(void **state)
{
	(void)state;
	run(cancelled_writer_main);
	assert_log("w1! r1+ r1- main-");
}

static int handed_on_main(void *arg)
{
	rondo_task *w1, *r1;

	(void)arg;
	CHECK_EQUAL(rondo_rwlock_acquire_write(&lock), 0);
	w1 = start("w1");
	r1 = start("r1");
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_rwlock_release(&lock), 0);
	CHECK_EQUAL(lock.writer_, 2);		/* handed over: never free in between */
	CHECK(rondo_cancel(w1));
	CHECK_EQUAL(rondo_await(w1), -ECANCELED);
	return rondo_await(r1);
}

static int readers_handed_on_main(void *arg)
{
	rondo_task *r1, *r2, *w1;

	(void)arg;
	CHECK_EQUAL(rondo_rwlock_acquire_write(&lock), 0);
	r1 = start("r1");
	r2 = start("r2");
	w1 = start("w1");
	CHECK_EQUAL(turns(2), 0);
	CHECK_EQUAL(rondo_rwlock_release(&lock), 0);
	CHECK(rondo_cancel(r1));
	CHECK(rondo_cancel(r2));
	CHECK_EQUAL(rondo_await(r1), -ECANCELED);
	CHECK_EQUAL(rondo_await(r2), -ECANCELED);
	return rondo_await(w1);
}

static void test_who_is_cancelled_after_its_turn_came_hands_the_lock_on(void **state)
{
	(void)state;
	run(handed_on_main);
	assert_log("w1! r1+ r1-");
	run(readers_handed_on_main);
	assert_log("r1! r2! w1+ w1-");
}

/* --- the matrix, and a crowd -------------------------------------------------------------- */

static int acquire_main(void *arg)
{
	return rondo_rwlock_acquire_write(arg);
}

/* Taken by a task that has ended. */
static int prepare(void *ctx)
{
	*(struct rondo_rwlock *)ctx = (struct rondo_rwlock)RONDO_RWLOCK_INIT;
	return rondo_run(acquire_main, ctx);
}

static int read_and_release(void *ctx)
{
	int ret = rondo_rwlock_acquire_read(ctx);

	return ret < 0 ? ret : rondo_rwlock_release(ctx);
}

static int write_and_release(void *ctx)
{
	int ret = rondo_rwlock_acquire_write(ctx);

	return ret < 0 ? ret : rondo_rwlock_release(ctx);
}

static int release(void *ctx)
{
	return rondo_rwlock_release(ctx);
}

static void test_acquire_in_the_matrix(void **state)
{
	struct matrix_verb v = {
		.start = read_and_release, .finish = release, .prepare = prepare, .ctx = &lock,
	};

	(void)state;
	matrix_check("rondo_rwlock_acquire_read", &v);
	v.start = write_and_release;
	matrix_check("rondo_rwlock_acquire_write", &v);
}

enum { N_CROWD = 200, N_STEPS = 3000 };

static unsigned n_reading, n_writing, n_collisions;

static int crowds(void *arg)
{
	uintptr_t number = (uintptr_t)arg;
	bool writes = number % 5 == 0;
	int ret;

	for (;;) {
		ret = writes ? rondo_rwlock_acquire_write(&lock) : rondo_rwlock_acquire_read(&lock);
		if (ret < 0)
			return ret;
		*(writes ? &n_writing : &n_reading) += 1;
		n_collisions += n_writing > 1 || (n_writing && n_reading);
		ret = turns((int)(number % 3));
		*(writes ? &n_writing : &n_reading) -= 1;
		rondo_rwlock_release(&lock);
		if (ret == 0)
			ret = turns(1);
		if (ret < 0)
			return ret;
	}
}

static int crowd_main(void *arg)
{
	static rondo_task *tasks[N_CROWD];
	unsigned seed = 1;

	(void)arg;
	for (uintptr_t i = 0; i < N_CROWD; i++)
		tasks[i] = rondo_create_task(crowds, (void *)i);
	for (unsigned n = STEP_SIZE(N_STEPS, N_STEPS / 10); n--;) {
		seed = seed * 1664525u + 1013904223u;
		if ((seed >> 8) % 8 == 0)
			rondo_cancel(tasks[(seed >> 12) % N_CROWD]);
		CHECK_EQUAL(rondo_yield(), 0);
	}
	for (unsigned i = 0; i < N_CROWD; i++) {
		rondo_cancel(tasks[i]);
		CHECK_EQUAL(rondo_await(tasks[i]), -ECANCELED);
	}
	return 0;
}

static void test_a_crowd_being_cancelled_keeps_readers_and_writers_apart(void **state)
{
	(void)state;
	run(crowd_main);
	assert_int_equal(n_collisions, 0);
	assert_int_equal(n_reading + n_writing, 0);
}

static char report[512];

static void collect(const struct rondo_report *r, void *arg)
{
	(void)arg;
	snprintf(report, sizeof(report), "%s", r->message);
}

static int twice_main(void *arg)
{
	CHECK_EQUAL(rondo_rwlock_acquire_read(arg), 0);
	CHECK_EQUAL(rondo_rwlock_acquire_write(arg), -ECANCELED);
	return 0;
}

static void test_a_deadlock_report_says_who_has_the_lock(void **state)
{
	const struct rondo_options o = { .on_error = collect };
	char expected[128];

	(void)state;
	lock = (struct rondo_rwlock)RONDO_RWLOCK_INIT;
	assert_int_equal(rondo_run_with(&o, twice_main, &lock), -EDEADLK);
	assert_checks_passed();
	snprintf(expected, sizeof(expected),
		 "deadlock: waits for rwlock, to write, %p held by 1 readers", (void *)&lock);
	assert_string_equal(report, expected);
	prepare(&lock);
	assert_int_equal(rondo_run_with(&o, read_and_release, &lock), -EDEADLK);
	snprintf(expected, sizeof(expected),
		 "deadlock: waits for rwlock, to read, %p held by Task-1", (void *)&lock);
	assert_string_equal(report, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_readers_share_and_writers_take_their_turn),
		cmocka_unit_test(test_readers_behind_a_cancelled_writer_come_in),
		cmocka_unit_test(test_who_is_cancelled_after_its_turn_came_hands_the_lock_on),
		cmocka_unit_test(test_acquire_in_the_matrix),
		cmocka_unit_test(test_a_crowd_being_cancelled_keeps_readers_and_writers_apart),
		cmocka_unit_test(test_a_deadlock_report_says_who_has_the_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
