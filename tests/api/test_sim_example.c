/* SPDX-License-Identifier: MIT */
/* test_sim_example.c - goal: the test that a user of rondo writes for a program of their own, under
 * the simulated kernel: short writes, slow disks, full queues, a thousand times. */
#include "support/check.h"

#include <fcntl.h>
#include <rondo_sim.h>

static const char text[] = "what matters\n";

/* The program under test: unchanged, it runs on a real kernel as well. */
static int save_and_load(void *arg)
{
	char found[sizeof(text)] = "";
	int ret, fd = rondo_open("/note", O_RDWR | O_CREAT, 0600);

	(void)arg;
	if (fd < 0)
		return fd;
	ret = rondo_write_all(fd, text, sizeof(text), NULL);
	if (ret == 0)
		ret = rondo_pread_exactly(fd, found, sizeof(text), 0, NULL);
	if (ret == 0 && strcmp(found, text))
		rondo_sim_fail("found %s", found);
	(void)rondo_close(fd);
	return ret;
}

static void test_what_was_saved_is_found_under_every_seed(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 1000; seed++) {
		struct rondo_sim_options o = { .seed = seed, .only_faults = "short_write,short_read,"
			"op_late,enter_eintr,cqe_held", .on_failure = rondo_sim_print_failure };

		assert_int_equal(rondo_sim_run(&o, save_and_load, NULL), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_saved_is_found_under_every_seed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
