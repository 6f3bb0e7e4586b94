/* SPDX-License-Identifier: MIT */
/* test_lgamma.c - goal: Python's logarithm of the gamma function, not libm's.
 * Method: values of Python's, of which the one at 3 differs from the true log(2) by three bits. */
#include "vectors.h"

#include <math.h>

#include "random/lgamma.h"

static void test_one_and_two_give_exactly_zero(void **state)
{
	(void)state;
	assert_same_double(rondo__lgamma(1.0), 0.0);
	assert_same_double(rondo__lgamma(2.0), 0.0);
}

static void test_both_branches_give_python_s_bits(void **state)
{
	static const struct {
		double x, expected;
	} known[] = {
		{ 3.0, 0x1.62e42fefa39ecp-1 }, { 4.0, 0x1.cab0bfa2a2004p+0 },
		{ 4.25, 0x1.0ea6864c19993p+1 }, { 4.5, 0x1.3a140a3a623ccp+1 },
		{ 5.0, 0x1.96ca77c922cf7p+1 }, { 5.25, 0x1.c7db2a73efc14p+1 },
		{ 7.0, 0x1.a51273acf01cbp+2 }, { 10.0, 0x1.99a8921a7f7cep+3 },
		{ 100.0, 0x1.67225b4879462p+8 }, { 1000001.0, 0x1.87193cc4f1ea6p+23 },
		{ 1e15, 0x1.dc9d5b94e12f4p+54 }, { 0x1p62, 0x1.4fcd0e7026820p+67 },
	};

	(void)state;
	for (size_t i = 0; i < N_OF(known); i++)
		assert_same_double(rondo__lgamma(known[i].x), known[i].expected);
}

static void test_libm_agrees_to_a_few_bits(void **state)
{
	(void)state;
	for (double x = 3.0; x < 1e18; x = x * 1.37 + 0.1)
		assert_true(fabs(rondo__lgamma(x) / lgamma(x) - 1.0) < 1e-14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_and_two_give_exactly_zero),
		cmocka_unit_test(test_both_branches_give_python_s_bits),
		cmocka_unit_test(test_libm_agrees_to_a_few_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
