/* SPDX-License-Identifier: MIT */
/* seeds.h - run a program on simulated kernels, one for each seed, and on the real one. */
#ifndef RONDO_TESTS_SEEDS_H
#define RONDO_TESTS_SEEDS_H

#include "support/check.h"

#include <errno.h>

#include "rondo.h"
#include "rondo_sim.h"

static uint64_t seeds_n_faults;		/* that happened in all runs */

/* Run main on the kernel of one seed. Returns the hash of its history. */
static inline uint64_t seeds_run_one(struct rondo_sim_options *o, rondo_fn *main, void *arg)
{
	struct rondo_sim_stats stats = { 0 };
	int ret;

	o->on_failure = rondo_sim_print_failure;
	o->stats = &stats;
	ret = rondo_sim_run(o, main, arg);
	if (ret != 0 || check_failure[0])
		print_error("seed %llu: %s\n", (unsigned long long)o->seed,
			    ret == 0 || check_failure[0] ? "a check failed" : rondo_strerror(ret));
	assert_checks_passed();
	assert_int_equal(ret, 0);
	seeds_n_faults += stats.n_faults;
	return stats.hash;
}

/* With faults; each 20th seed twice, which must be the same to the last bit (Z1). */
static inline void seeds_run(uint64_t n, const char *only_faults, rondo_fn *main, void *arg)
{
	seeds_n_faults = 0;
	for (uint64_t seed = 1; seed <= n; seed++) {
		struct rondo_sim_options o = { .seed = seed, .only_faults = only_faults };
		uint64_t hash = seeds_run_one(&o, main, arg);

		if (seed % 20 == 0)
			assert_true(seeds_run_one(&o, main, arg) == hash);
	}
	print_message("%llu seeds, %llu faults\n", (unsigned long long)n,
		      (unsigned long long)seeds_n_faults);
}

/* Without faults: only the order of things differs. */
static inline void seeds_run_calm(uint64_t n, rondo_fn *main, void *arg)
{
	for (uint64_t seed = 1; seed <= n; seed++) {
		struct rondo_sim_options o = { .seed = seed, .no_faults = true };

		seeds_run_one(&o, main, arg);
	}
}

/* What holds of the simulated kernel must hold of the real one. */
static inline void seeds_run_both(rondo_fn *main, void *arg)
{
	assert_int_equal(rondo_run(main, arg), 0);
	assert_checks_passed();
	seeds_run_calm(5, main, arg);
}
#endif
