/* SPDX-License-Identifier: MIT */
/* check.h - the test framework, and checks that may fail inside a task.
 *
 * A cmocka assert that fails on a task's stack jumps over the loop and leaks the task; so tasks use
 * CHECK, which records the first failure and returns, and the test asserts on the main stack with
 * assert_checks_passed(). */
#ifndef RONDO_TESTS_CHECK_H
#define RONDO_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef RONDO_MINIMOCK
#include "minimock.h"
#else
#include <cmocka.h>
#endif

static char check_failure[256];

static inline bool check_failed(const char *file, int line, const char *what, long long got)
{
	if (!check_failure[0])
		snprintf(check_failure, sizeof(check_failure), "%s:%d: %s (got %lld)", file, line,
			 what, got);
	return true;
}

/* In a task: record the failure and leave the function with -1. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition) && check_failed(__FILE__, __LINE__, #condition, 0))              \
			return -1;                                                                 \
	} while (0)

/* The same, showing the value that was not expected. */
#define CHECK_EQUAL(expression, expected)                                                          \
	do {                                                                                       \
		long long got_ = (long long)(expression);                                          \
		if (got_ != (long long)(expected) &&                                               \
		    check_failed(__FILE__, __LINE__, #expression " == " #expected, got_))          \
			return -1;                                                                 \
	} while (0)

/* On the main stack, after the loop has ended. */
static inline void assert_checks_passed(void)
{
	char failure[sizeof(check_failure)];

	memcpy(failure, check_failure, sizeof(failure));
	check_failure[0] = '\0';
	if (failure[0])
		print_error("%s\n", failure);
	assert_true(failure[0] == '\0');
}
#endif
