/* SPDX-License-Identifier: MIT */
/* test_interface.c - goal: interfaces by name and by number, and the kernel's errors when there is no
 * such one, or no descriptor to ask with; in a loop and outside of one. Method: lo, which every machine
 * has, and a kernel that gives no socket. */
#include <errno.h>
#include <net/if.h>
#include <sys/syscall.h>

#include "io/io.h"
#include "ring/kernel.h"
#include "support/check.h"
#include "task/run.h"

static void test_outside_a_loop_linux_is_asked(void **state)
{
	char name[IF_NAMESIZE];
	int lo = rondo__interface_index("lo");

	(void)state;
	if (lo == -ENODEV) {
		print_message("there is no interface lo here\n");
		skip();
	}
	assert_int_equal(lo, (int)if_nametoindex("lo"));
	assert_int_equal(rondo__interface_name((uint32_t)lo, name), 0);
	assert_string_equal(name, "lo");
}

static void test_what_is_not_there_is_an_error(void **state)
{
	char name[IF_NAMESIZE] = "as it was";

	(void)state;
	assert_int_equal(rondo__interface_index("nosuch0"), -ENODEV);
	assert_int_equal(rondo__interface_index("a-name-longer-than-any"), -ENODEV);
	assert_int_equal(rondo__interface_name(INT32_MAX, name), -ENODEV);
	assert_string_equal(name, "as it was");
}

static long no_socket(const struct kernel *k, long number, long a, long b, long c, long d, long e,
		      long f)
{
	return number == SYS_socket ? -EMFILE : rondo__kernel_linux.call(k, number, a, b, c, d, e, f);
}

static int asks_without_a_descriptor(void *arg)
{
	char name[IF_NAMESIZE];

	(void)arg;
	CHECK_EQUAL(rondo__interface_index("lo"), -EMFILE);
	CHECK_EQUAL(rondo__interface_name(1, name), -EMFILE);
	return 0;
}

static void test_without_a_descriptor_nobody_can_be_asked(void **state)
{
	struct kernel k = rondo__kernel_linux;
	int ret;

	(void)state;
	k.call = no_socket;
	ret = rondo__run_on(&k, NULL, asks_without_a_descriptor, NULL);
	assert_checks_passed();
	assert_int_equal(ret, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_outside_a_loop_linux_is_asked),
		cmocka_unit_test(test_what_is_not_there_is_an_error),
		cmocka_unit_test(test_without_a_descriptor_nobody_can_be_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
