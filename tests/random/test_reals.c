/* SPDX-License-Identifier: MIT */
/* test_reals.c - goal: the continuous distributions are Python's.
 * Method: first draws known from Python. Those that need libm may differ in a last bit where
 * another libm runs, so they are compared closely here, and bit for bit with the Python that runs
 * on the same libm in test_cpython.c. */
#include "vectors.h"

#include <math.h>

static struct rondo_random r;

static int seed_42(void **state)
{
	(void)state;
	rondo_random_init(&r);
	rondo_random_seed_r(&r, 42);
	return 0;
}

static void assert_close(double a, double b)
{
	assert_true(fabs(a - b) <= 1e-15 * fabs(b));
}

static void test_uniform_is_exact(void **state)
{
	struct rondo_random big = big_seeded();

	(void)state;
	for (size_t i = 0; i < N_OF(uniform_42); i++) {
		assert_same_double(rondo_random_uniform_r(&r, 0.1, 1.0), uniform_42[i]);
		assert_same_double(rondo_random_uniform_r(&big, 0.1, 1.0), uniform_big[i]);
	}
}

/* One number for the bits of a thousand draws. */
static uint64_t folded(uint64_t sum, double x)
{
	return (sum ^ bits_of(x)) * 0x100000001b3;
}

/* Fusing a product with a sum changes one draw in four, but not the five above. */
static void test_a_thousand_draws_are_rounded_as_in_python(void **state)
{
	uint64_t uniform = 0xcbf29ce484222325, triangular = uniform;

	for (unsigned i = 0; i < 1000; i++)
		uniform = folded(uniform, rondo_random_uniform_r(&r, 0.1, 1.0));
	assert_int_equal(uniform, 0xea9c5bc8bda7f1d9);
	seed_42(state);
	for (unsigned i = 0; i < 1000; i++)
		triangular = folded(triangular, rondo_random_triangular_r(&r, 0.1, 0.9, 0.3));
	assert_int_equal(triangular, 0x2ef50074b0895a2f);
}

static void test_triangular_is_exact(void **state)
{
	(void)state;
	assert_same_double(rondo_random_triangular_r(&r, 0.0, 10.0, 3.0), 0x1.3e778556305edp+2);
	assert_same_double(rondo_random_triangular_r(&r, 0.0, 10.0, 3.0), 0x1.bb8018915466ap-1);
}

static void test_triangular_without_a_mode_is_symmetric(void **state)
{
	(void)state;
	assert_same_double(rondo_random_triangular_r(&r, 0.0, 1.0, RONDO_RANDOM_NO_MODE),
			   0x1.269a9b3e65bb8p-1);
	assert_same_double(rondo_random_triangular_r(&r, 0.0, 1.0, RONDO_RANDOM_NO_MODE),
			   0x1.ca0b936116990p-4);
}

static void test_a_triangle_of_no_width_gives_its_only_value(void **state)
{
	(void)state;
	assert_same_double(rondo_random_triangular_r(&r, 5.0, 5.0, 5.0), 5.0);
	assert_same_double(rondo_random_random_r(&r), random_42[1]);
}

static void test_gauss_keeps_every_second_value_back(void **state)
{
	(void)state;
	assert_close(rondo_random_gauss_r(&r, 0.0, 1.0), -0.14409032957792836);
	assert_true(r.has_gauss_next);
	assert_close(rondo_random_gauss_r(&r, 0.0, 1.0), -0.1729036003315193);
	assert_false(r.has_gauss_next);
	assert_same_double(rondo_random_random_r(&r), random_42[2]);
}

static void test_distributions_start_as_in_python(void **state)
{
	(void)state;
	assert_close(rondo_random_normalvariate_r(&r, 0.0, 1.0), 0.2453263417078634);
	assert_close(rondo_random_normalvariate_r(&r, 0.0, 1.0), -0.49684447341120286);
	seed_42(state);
	assert_close(rondo_random_lognormvariate_r(&r, 0.0, 0.25), 1.0632514144162173);
	assert_close(rondo_random_lognormvariate_r(&r, 0.0, 0.25), 0.8831933628710044);
	seed_42(state);
	assert_close(rondo_random_expovariate_r(&r, 1.5), 0.680040191516534);
	assert_close(rondo_random_expovariate_r(&r, 1.5), 0.01688589269515926);
	seed_42(state);
	assert_close(rondo_random_paretovariate_r(&r, 3.0), 1.4049758243344401);
	assert_close(rondo_random_paretovariate_r(&r, 3.0), 1.0084786885380799);
	seed_42(state);
	assert_close(rondo_random_weibullvariate_r(&r, 2.0, 1.5), 2.0266584121996885);
	assert_close(rondo_random_weibullvariate_r(&r, 2.0, 1.5), 0.17249381142006073);
}

static void test_von_mises_starts_as_in_python_for_both_methods(void **state)
{
	(void)state;
	assert_close(rondo_random_vonmisesvariate_r(&r, 1.0, 4.0), 0.25213985140756456);
	assert_close(rondo_random_vonmisesvariate_r(&r, 1.0, 4.0), 1.1820060048654764);
	seed_42(state);
	assert_close(rondo_random_vonmisesvariate_r(&r, 1.0, 1e-7), 4.017637065087458);
	assert_close(rondo_random_vonmisesvariate_r(&r, 1.0, 1e-7), 0.157147209736526);
}

static void test_gamma_and_beta_start_as_in_python_for_every_method(void **state)
{
	(void)state;
	assert_close(rondo_random_gammavariate_r(&r, 0.5, 1.0), 0.573113778473856);
	assert_close(rondo_random_gammavariate_r(&r, 0.5, 1.0), 0.10602716941289642);
	seed_42(state);
	assert_close(rondo_random_gammavariate_r(&r, 1.0, 2.0), 2.040120574549602);
	assert_close(rondo_random_gammavariate_r(&r, 1.0, 2.0), 0.05065767808547778);
	seed_42(state);
	assert_close(rondo_random_gammavariate_r(&r, 2.5, 3.0), 4.619452840123849);
	assert_close(rondo_random_gammavariate_r(&r, 2.5, 3.0), 12.537909223375852);
	seed_42(state);
	assert_close(rondo_random_betavariate_r(&r, 2.0, 5.0), 0.13961892090489622);
	assert_close(rondo_random_betavariate_r(&r, 2.0, 5.0), 0.33770203607050125);
}

static void test_an_angle_is_never_negative(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		double x = rondo_random_vonmisesvariate_r(&r, -7.0, 0.5);

		assert_true(x >= 0.0 && x <= 0x1.921fb54442d18p+2);
	}
}

static void test_parameters_python_refuses_give_nan(void **state)
{
	(void)state;
	assert_true(isnan(rondo_random_expovariate_r(&r, 0.0)));
	assert_true(isnan(rondo_random_paretovariate_r(&r, 0.0)));
	assert_true(isnan(rondo_random_weibullvariate_r(&r, 1.0, 0.0)));
	assert_true(isnan(rondo_random_gammavariate_r(&r, 0.0, 1.0)));
	assert_true(isnan(rondo_random_gammavariate_r(&r, 1.0, 0.0)));
	assert_true(isnan(rondo_random_gammavariate_r(&r, -1.0, 1.0)));
	assert_true(isnan(rondo_random_gammavariate_r(&r, NAN, 1.0)));
	assert_true(isnan(rondo_random_betavariate_r(&r, 0.0, 1.0)));
	assert_true(isnan(rondo_random_betavariate_r(&r, 1.0, -1.0)));
}

/* Python's rejection loops would not end. */
static void test_parameters_no_draw_could_meet_give_nan(void **state)
{
	(void)state;
	assert_true(isnan(rondo_random_gammavariate_r(&r, INFINITY, 1.0)));
	assert_true(isnan(rondo_random_gammavariate_r(&r, 1.7e308, 1.0)));
	assert_true(isnan(rondo_random_vonmisesvariate_r(&r, 0.0, NAN)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_uniform_is_exact, seed_42),
		cmocka_unit_test_setup(test_a_thousand_draws_are_rounded_as_in_python, seed_42),
		cmocka_unit_test_setup(test_triangular_is_exact, seed_42),
		cmocka_unit_test_setup(test_triangular_without_a_mode_is_symmetric, seed_42),
		cmocka_unit_test_setup(test_a_triangle_of_no_width_gives_its_only_value, seed_42),
		cmocka_unit_test_setup(test_gauss_keeps_every_second_value_back, seed_42),
		cmocka_unit_test_setup(test_distributions_start_as_in_python, seed_42),
		cmocka_unit_test_setup(test_von_mises_starts_as_in_python_for_both_methods,
				       seed_42),
		cmocka_unit_test_setup(test_gamma_and_beta_start_as_in_python_for_every_method,
				       seed_42),
		cmocka_unit_test_setup(test_an_angle_is_never_negative, seed_42),
		cmocka_unit_test_setup(test_parameters_python_refuses_give_nan, seed_42),
		cmocka_unit_test_setup(test_parameters_no_draw_could_meet_give_nan, seed_42),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
