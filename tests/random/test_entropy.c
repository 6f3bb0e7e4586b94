/* SPDX-License-Identifier: MIT */
/* test_entropy.c - goal: entropy enters at one place; a refusal there stops nobody from drawing.
 * Method: entropy of our own, counted; then entropy that fails. */
#include "vectors.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "random/entropy.h"

static unsigned n_calls;

/* Takes the place of libc's, to do what the kernel does too seldom: interrupt, or give a part. */
static size_t largest_part;
static unsigned n_interrupts;

ssize_t getrandom(void *buf, size_t size, unsigned flags)
{
	if (n_interrupts) {
		n_interrupts--;
		errno = EINTR;
		return -1;
	}
	if (largest_part && size > largest_part)
		size = largest_part;
	return syscall(SYS_getrandom, buf, size, flags);
}

static int zero_entropy(void *buf, size_t size)
{
	n_calls++;
	memset(buf, 0, size);
	return 0;
}

static int no_entropy(void *buf, size_t size)
{
	(void)buf;
	(void)size;
	n_calls++;
	return -ENOSYS;
}

static int restore(void **state)
{
	(void)state;
	rondo__random_entropy = rondo__entropy_kernel;
	n_calls = 0;
	n_interrupts = 0;
	largest_part = 0;
	return 0;
}

static void test_the_kernel_fills_buffers_of_any_size(void **state)
{
	static uint8_t bytes[100000];
	size_t n_zeros = 0;

	(void)state;
	assert_int_equal(rondo__entropy_kernel(bytes, 0), 0);
	assert_int_equal(rondo__entropy_kernel(bytes, sizeof(bytes)), 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		n_zeros += bytes[i] == 0;
	assert_in_range(n_zeros, 200, 600); /* 390 expected, of deviation 20 */
}

static void test_interrupts_and_parts_leave_no_gap(void **state)
{
	uint8_t bytes[100], either[100] = { 0 };

	(void)state;
	largest_part = 7;
	for (unsigned i = 0; i < 20; i++) {
		n_interrupts = 3;
		memset(bytes, 0, sizeof(bytes));
		assert_int_equal(rondo__entropy_kernel(bytes, sizeof(bytes)), 0);
		for (size_t j = 0; j < sizeof(bytes); j++)
			either[j] |= bytes[j];
	}
	for (size_t j = 0; j < sizeof(either); j++)
		assert_true(either[j] != 0);
}

static void test_a_refusal_is_the_kernel_s_number(void **state)
{
	(void)state;
	assert_int_equal(rondo__entropy_kernel((void *)8, 1), -EFAULT);
}

static void test_a_generator_not_yet_seeded_asks_once(void **state)
{
	struct rondo_random r = RONDO_RANDOM_INIT, same = RONDO_RANDOM_INIT;

	(void)state;
	rondo__random_entropy = zero_entropy;
	for (unsigned i = 0; i < 2000; i++)
		rondo_random_random_r(&r);
	assert_int_equal(n_calls, 1);
	for (unsigned i = 0; i < 2000; i++)
		rondo_random_random_r(&same);
	assert_same_double(rondo_random_random_r(&r), rondo_random_random_r(&same));
}

static void test_a_seeded_generator_never_asks(void **state)
{
	struct rondo_random r = seeded(42);

	(void)state;
	rondo__random_entropy = zero_entropy;
	for (unsigned i = 0; i < 2000; i++)
		rondo_random_random_r(&r);
	assert_int_equal(n_calls, 0);
	rondo_random_seed_entropy_r(&r);
	assert_int_equal(n_calls, 1);
}

static void test_two_generators_seeded_by_the_kernel_differ(void **state)
{
	struct rondo_random a = RONDO_RANDOM_INIT, b = RONDO_RANDOM_INIT;

	(void)state;
	assert_true(rondo_random_getrandbits_r(&a, 64) != rondo_random_getrandbits_r(&b, 64));
}

static void test_clocks_stand_in_for_refused_entropy(void **state)
{
	struct rondo_random a = RONDO_RANDOM_INIT, b = RONDO_RANDOM_INIT;

	(void)state;
	rondo__random_entropy = no_entropy;
	assert_true(rondo_random_getrandbits_r(&a, 64) != rondo_random_getrandbits_r(&b, 64));
	assert_int_equal(n_calls, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_kernel_fills_buffers_of_any_size),
		cmocka_unit_test_teardown(test_interrupts_and_parts_leave_no_gap, restore),
		cmocka_unit_test(test_a_refusal_is_the_kernel_s_number),
		cmocka_unit_test_teardown(test_a_generator_not_yet_seeded_asks_once, restore),
		cmocka_unit_test_teardown(test_a_seeded_generator_never_asks, restore),
		cmocka_unit_test(test_two_generators_seeded_by_the_kernel_differ),
		cmocka_unit_test_teardown(test_clocks_stand_in_for_refused_entropy, restore),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
