/* SPDX-License-Identifier: MIT */
/* test_memory.c - futexes and madvise. Goal: tasks and threads wait for each other through one
 * word of memory; the matrix; older kernels are told apart. Method: waits are ended by plain
 * futex(2), from this thread and from others. */
#include "support/matrix.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "ring/compat.h"
#include "rondo/memory.h"
#include "switch/sanitizer.h"

enum { PAGE = 4096 };

static _Atomic uint32_t word;

static uint32_t *plain_word(void)
{
	return (uint32_t *)(uintptr_t)&word;
}

static long wake(int n)
{
	return syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

static int has_futex(void *arg)
{
	(void)arg;
	return ring_has_op(&rondo__loop->ring, RONDO_OP_FUTEX_WAIT);
}

/* Skip the test, with its reason. */
#define SKIP_IF(condition, why)                                                                    \
	do {                                                                                       \
		if (condition) {                                                                   \
			print_message("skipped: %s\n", why);                                      \
			skip();                                                                    \
		}                                                                                  \
	} while (0)
#define NEED_FUTEX()                                                                               \
	SKIP_IF(rondo_run(has_futex, NULL) != 1, "this kernel has no IORING_OP_FUTEX_WAIT")
/* Valgrind runs one thread at a time and does not know that io_uring_enter may block. */
#define NEED_THREADS() SKIP_IF(RUNNING_ON_VALGRIND, "valgrind stops threads while a loop sleeps")

static int start_wait(void *ctx)
{
	(void)ctx;
	return rondo_futex_wait(plain_word(), 0);
}

static int wake_one(void *ctx)
{
	(void)ctx;
	wake(1);	/* nobody waits any more if a cancel was faster */
	return 0;
}

static int start_wake(void *ctx)
{
	(void)ctx;
	return rondo_futex_wake(plain_word(), 1);
}

static void test_futex_wait(void **state)
{
	const struct matrix_verb v = { .start = start_wait, .finish = wake_one, .once = true };

	(void)state;
	NEED_FUTEX();
	atomic_store(&word, 0);
	matrix_check("futex_wait", &v);
}

static void test_futex_wake(void **state)
{
	const struct matrix_verb v = { .start = start_wake };

	(void)state;
	NEED_FUTEX();
	matrix_check("futex_wake", &v);
}

/* --- between tasks and threads --------------------------------------------------------------- */

static int waits_for_one(void *arg)
{
	(void)arg;
	while (atomic_load(&word) != 1) {
		int ret = rondo_futex_wait(plain_word(), 0);

		if (ret < 0 && ret != -EAGAIN)
			return ret;
	}
	return 0;
}

static sem_t go;

static void *set_and_wake(void *arg)
{
	sem_wait(&go);
	atomic_store(&word, 1);
	wake(INT_MAX);
	return arg;
}

static int is_woken_by_a_thread(void *arg)
{
	rondo_task *tasks[3];

	(void)arg;
	for (int i = 0; i < 3; i++) {
		tasks[i] = rondo_create_task(waits_for_one, NULL);
		CHECK(tasks[i]);
	}
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	sem_post(&go);
	for (int i = 0; i < 3; i++)
		CHECK_EQUAL(rondo_await(tasks[i]), 0);
	return 0;
}

static void test_a_thread_wakes_tasks(void **state)
{
	pthread_t thread;
	int ret;

	(void)state;
	NEED_FUTEX();
	NEED_THREADS();
	atomic_store(&word, 0);
	assert_int_equal(sem_init(&go, 0, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, set_and_wake, NULL), 0);
	ret = rondo_run(is_woken_by_a_thread, NULL);
	sem_post(&go);
	pthread_join(thread, NULL);
	sem_destroy(&go);
	assert_int_equal(ret, 0);
	assert_checks_passed();
}

static void *wait_in_thread(void *arg)
{
	while (atomic_load(&word) == 0)
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	return arg;
}

/* The thread may not wait yet; keep waking until it was found. */
static int wakes_a_thread(void *arg)
{
	int n = 0;

	(void)arg;
	while (n == 0) {
		n = rondo_futex_wake(plain_word(), 5);
		CHECK_EQUAL(rondo_yield(), 0);
	}
	CHECK_EQUAL(n, 1);
	atomic_store(&word, 1);
	CHECK(rondo_futex_wake(plain_word(), 5) >= 0);
	return 0;
}

static void test_a_task_wakes_a_thread(void **state)
{
	pthread_t thread;
	int ret;

	(void)state;
	NEED_FUTEX();
	NEED_THREADS();
	atomic_store(&word, 0);
	assert_int_equal(pthread_create(&thread, NULL, wait_in_thread, NULL), 0);
	ret = rondo_run(wakes_a_thread, NULL);
	atomic_store(&word, 1);
	wake(INT_MAX);
	pthread_join(thread, NULL);
	assert_int_equal(ret, 0);
	assert_checks_passed();
}

static int wakes_some(void *arg)
{
	rondo_task *tasks[5];
	int n_done = 0;

	(void)arg;
	for (int i = 0; i < 5; i++)
		tasks[i] = rondo_create_task(start_wait, NULL);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK_EQUAL(rondo_futex_wake(plain_word(), 2), 2);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	for (int i = 0; i < 5; i++)
		n_done += rondo_task_state(tasks[i]) == RONDO_DONE;
	CHECK_EQUAL(n_done, 2);
	CHECK_EQUAL(rondo_futex_wake(plain_word(), UINT32_MAX), 3);
	for (int i = 0; i < 5; i++)
		CHECK_EQUAL(rondo_await(tasks[i]), 0);
	return 0;
}

static void test_a_wake_wakes_as_many_as_it_says(void **state)
{
	(void)state;
	NEED_FUTEX();
	atomic_store(&word, 0);
	assert_int_equal(rondo_run(wakes_some, NULL), 0);
	assert_checks_passed();
}

static int is_told_errors(void *arg)
{
	static uint32_t pair[2];
	const uint32_t *odd = (const uint32_t *)((uintptr_t)pair + 1);

	(void)arg;
	CHECK_EQUAL(rondo_futex_wait(plain_word(), 77), -EAGAIN);
	CHECK_EQUAL(rondo_futex_wait(odd, 0), -EINVAL);
	CHECK_EQUAL(rondo_futex_wait((const uint32_t *)8, 0), -EFAULT);
	CHECK_EQUAL(rondo_futex_wake(odd, 1), -EINVAL);
	CHECK_EQUAL(rondo_futex_wake(plain_word(), 0), -EINVAL);
	return 0;
}

static void test_futex_errors(void **state)
{
	(void)state;
	NEED_FUTEX();
	atomic_store(&word, 0);
	assert_int_equal(rondo_run(is_told_errors, NULL), 0);
	assert_checks_passed();
}

static int is_refused(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_futex_wait(plain_word(), 0), -EOPNOTSUPP);
	CHECK_EQUAL(rondo_futex_wake(plain_word(), 1), -EOPNOTSUPP);
	return 0;
}

static void test_futexes_are_refused_by_older_kernels(void **state)
{
	struct test_kernel k;

	(void)state;
	test_kernel_init(&k);
	k.hidden_ops = UINT64_C(1) << RONDO_OP_FUTEX_WAIT | UINT64_C(1) << RONDO_OP_FUTEX_WAKE;
	assert_int_equal(rondo__run_on(&k.kernel, NULL, is_refused, NULL), 0);
	assert_checks_passed();
}

/* --- madvise --------------------------------------------------------------------------------- */

static char *memory;

static int start_madvise(void *ctx)
{
	(void)ctx;
	return rondo_madvise(memory, PAGE, MADV_DONTNEED);
}

static void test_madvise(void **state)
{
	const struct matrix_verb v = { .start = start_madvise };

	(void)state;
	memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	matrix_check("madvise", &v);
	munmap(memory, PAGE);
}

static const size_t GIB = 1 << 30;

static int advises(void *arg)
{
	const size_t spots[] = { 0, GIB - 1, GIB, 2 * GIB + 5, 3 * GIB - 1 };

	(void)arg;
	for (size_t i = 0; i < 5; i++)
		memory[spots[i]] = 'x';
	CHECK_EQUAL(rondo_madvise(memory, 3 * GIB, MADV_DONTNEED), 0);
	for (size_t i = 0; i < 5; i++)
		CHECK_EQUAL(memory[spots[i]], 0);
	CHECK_EQUAL(rondo_madvise(memory, 0, MADV_DONTNEED), 0);
	CHECK_EQUAL(rondo_madvise(memory + 1, PAGE, MADV_DONTNEED), -EINVAL);
	CHECK_EQUAL(rondo_madvise(memory, PAGE, 9999), -EINVAL);
	return 0;
}

/* Longer than the 32 bits of an SQE, were it one operation, and none of it may be missed. */
static void test_madvise_reaches_every_part_of_a_long_range(void **state)
{
	(void)state;
	memory = mmap(NULL, 3 * GIB, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	assert_int_equal(rondo_run(advises, NULL), 0);
	munmap(memory, 3 * GIB);
	assert_checks_passed();
}

static int advises_a_hole(void *arg)
{
	(void)arg;
	CHECK_EQUAL(rondo_madvise(memory, 3 * PAGE, MADV_DONTNEED), -ENOMEM);
	return 0;
}

static void test_madvise_of_a_hole_is_enomem(void **state)
{
	(void)state;
	memory = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	munmap(memory + PAGE, PAGE);	/* too small for anything that a loop maps */
	assert_int_equal(rondo_run(advises_a_hole, NULL), 0);
	munmap(memory, PAGE);
	munmap(memory + 2 * PAGE, PAGE);
	assert_checks_passed();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_futex_wait),
		cmocka_unit_test(test_futex_wake),
		cmocka_unit_test(test_a_thread_wakes_tasks),
		cmocka_unit_test(test_a_task_wakes_a_thread),
		cmocka_unit_test(test_a_wake_wakes_as_many_as_it_says),
		cmocka_unit_test(test_futex_errors),
		cmocka_unit_test(test_futexes_are_refused_by_older_kernels),
		cmocka_unit_test(test_madvise),
		cmocka_unit_test(test_madvise_reaches_every_part_of_a_long_range),
		cmocka_unit_test(test_madvise_of_a_hole_is_enomem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
