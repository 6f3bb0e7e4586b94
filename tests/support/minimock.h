/* SPDX-License-Identifier: MIT */
/* minimock.h - the part of cmocka that the switch test uses, for machines whose cmocka is not at
 * hand: the aarch64 build runs under qemu-user with nothing installed for arm64.
 *
 * A failed assert ends the program, because jumping off another stack is what is being tested. */
#ifndef RONDO_TESTS_MINIMOCK_H
#define RONDO_TESTS_MINIMOCK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct CMUnitTest {
	const char *name;
	void (*run)(void **state);
};

#define cmocka_unit_test(f) { #f, f }
#define cmocka_run_group_tests(tests, setup, teardown)                                             \
	minimock_run(tests, sizeof(tests) / sizeof((tests)[0]))
#define print_error(...) fprintf(stderr, __VA_ARGS__)
#define print_message(...) printf(__VA_ARGS__)
#define assert_true(c) minimock_assert(!!(c), #c, __FILE__, __LINE__)
#define assert_false(c) assert_true(!(c))
#define assert_null(p) assert_true((p) == NULL)
#define assert_non_null(p) assert_true((p) != NULL)
#define assert_int_equal(a, b) assert_true((long long)(a) == (long long)(b))
#define assert_int_not_equal(a, b) assert_true((long long)(a) != (long long)(b))
#define assert_ptr_equal(a, b) assert_true((const void *)(a) == (const void *)(b))
#define assert_ptr_not_equal(a, b) assert_true((const void *)(a) != (const void *)(b))
#define assert_string_equal(a, b) assert_true(strcmp(a, b) == 0)
#define assert_memory_equal(a, b, size) assert_true(memcmp(a, b, size) == 0)
#define assert_in_range(v, min, max)                                                               \
	assert_true((uintmax_t)(v) >= (uintmax_t)(min) && (uintmax_t)(v) <= (uintmax_t)(max))
#define fail() assert_true(!"reached")
#define fail_msg(...) (print_error(__VA_ARGS__), fail())
/* The rest of this test is left out; the name of the test stands in the log above. */
#define skip()                                                                                     \
	do {                                                                                       \
		print_message("[  SKIPPED ] %s\n", __func__);                                     \
		return;                                                                            \
	} while (0)

static inline void minimock_assert(int holds, const char *what, const char *file, int line)
{
	if (holds)
		return;
	fprintf(stderr, "%s:%d: %s does not hold\n", file, line, what);
	exit(1);
}

static inline int minimock_run(const struct CMUnitTest *tests, size_t n_tests)
{
	void *state = NULL;

	for (size_t i = 0; i < n_tests; i++) {
		printf("[ RUN      ] %s\n", tests[i].name);
		fflush(stdout);
		tests[i].run(&state);
	}
	printf("%zu test(s) run\n", n_tests);
	return 0;
}
#endif
