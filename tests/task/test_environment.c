/* SPDX-License-Identifier: MIT */
/* test_environment.c - goal: the environment counts for who asks for it, and for nobody else (I1). Method:
 * values of RONDO_DEBUG. tests/tools/test_debug_mode.c has programs that ask. */
#include <stdlib.h>

#include "rondo/debug.h"
#include "support/step.h"

static void test_rondo_debug_turns_debug_mode_on(void **state)
{
	static const struct {
		const char *value;
		bool debug;
	} values[] = { { "1", true }, { "true", true }, { "00", true }, { "0", false }, { "", false },
		       { NULL, false } };

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const struct rondo_options *o;

		unsetenv("RONDO_DEBUG");
		if (values[i].value)
			setenv("RONDO_DEBUG", values[i].value, 1);
		o = rondo_options_from_environment();
		assert_int_equal(o->debug, values[i].debug);
		assert_ptr_equal(o->on_error, values[i].debug ? rondo_report_print : NULL);
		assert_int_equal(o->await_budget, 0);
	}
}

/* Debug mode counts steps. */
static int counts_steps(void *arg)
{
	struct rondo_debug_stats stats;

	CHECK_EQUAL(rondo_yield(), 0);
	rondo_debug_stats(&stats);
	CHECK_EQUAL(stats.n_steps > 0, *(bool *)arg);
	return 0;
}

static int asks(void *arg)
{
	return rondo_worker() == 1 ? counts_steps(arg) : 0;
}

static void test_only_who_asks_runs_in_debug_mode(void **state)
{
	bool no = false, yes = true;

	(void)state;
	setenv("RONDO_DEBUG", "1", 1);
	assert_int_equal(rondo_run(counts_steps, &no), 0);
	assert_int_equal(rondo_run_with(NULL, counts_steps, &no), 0);
	assert_int_equal(rondo_run_workers(2, asks, &no), 0);
	assert_int_equal(rondo_run_with(rondo_options_from_environment(), counts_steps, &yes), 0);
	assert_int_equal(rondo_run_workers_with(rondo_options_from_environment(), 2, asks, &yes), 0);
	assert_checks_passed();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rondo_debug_turns_debug_mode_on),
		cmocka_unit_test(test_only_who_asks_runs_in_debug_mode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
