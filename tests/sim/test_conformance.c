/* SPDX-License-Identifier: MIT */
/* test_conformance.c - the simulated kernel against the real one. Goal: what the one answers, the
 * other may answer too. Method: a table of small scripts, at least two for each opcode and each
 * plain call that is simulated; they run on the kernel at hand, on the simulator without faults and
 * with those of many seeds, and every outcome must be one that the table allows. Without faults the
 * simulator must give the very outcome of Linux 6.18, where there is only one.
 *
 * RONDO_CONFORMANCE_SEEDS sets how many seeds, RONDO_CONFORMANCE_ONLY runs one script, and with
 * RONDO_CONFORMANCE_VERBOSE each script's outcomes are told. */
#include <ftw.h>
#include <sys/utsname.h>

#include "sim/conformance_run.h"

#include "sim/conformance_calls.h"
#include "sim/conformance_data.h"
#include "sim/conformance_files.h"
#include "sim/conformance_receive.h"
#include "sim/conformance_ring.h"
#include "sim/conformance_signals.h"
#include "sim/conformance_sockets.h"
#include "sim/conformance_splice.h"
#include "sim/conformance_time.h"
#include "sim/conformance_transfer.h"
#include "sim/ops.h"
#include "support/folder.h"
#include "switch/sanitizer.h"

enum {
	N_REAL = 3, N_CALM = 10,	/* runs */
	SEEDS = 100, SEEDS_OLD = 10,
	OUTCOMES_MAX = 64, WHATS_MAX = CALL + 512,
};

/* What was seen on one arm. */
struct seen {
	char *outcomes[OUTCOMES_MAX];
	unsigned counts[OUTCOMES_MAX];
	unsigned n;
	unsigned n_runs, n_broken, n_skipped;
};

static unsigned n_scripts, n_wrong, n_outcomes_real, n_outcomes_sim;
static unsigned n_of[WHATS_MAX];	/* scripts of each opcode and call */
static unsigned n_real_runs, n_sim_runs, n_not_real;
static bool is_6_18;

/* On an older kernel, which is likely to be an emulated one, that kernel is what matters: the
 * simulator is the same everywhere. */
static unsigned n_seeds(void)
{
	const char *n = getenv("RONDO_CONFORMANCE_SEEDS");

	if (n)
		return (unsigned)strtoul(n, NULL, 10);
	return is_6_18 ? SEEDS : SEEDS_OLD;
}

/* Is it the first time on this arm? */
static bool saw(struct seen *s, const char *outcome)
{
	for (unsigned i = 0; i < s->n; i++)
		if (!strcmp(s->outcomes[i], outcome)) {
			s->counts[i]++;
			return false;
		}
	if (s->n == OUTCOMES_MAX)
		return false;
	s->counts[s->n] = 1;
	s->outcomes[s->n] = strdup(outcome);
	return s->outcomes[s->n++] != NULL;
}

static void forget(struct seen *s)
{
	while (s->n)
		free(s->outcomes[--s->n]);
}

static void tell(const char *arm, const struct seen *s)
{
	for (unsigned i = 0; i < s->n; i++)
		print_message("    %-6s %4u x  %s\n", arm, s->counts[i], s->outcomes[i]);
	if (s->n_broken || s->n_skipped)
		print_message("    %-6s %u broken, %u skipped\n", arm, s->n_broken, s->n_skipped);
}

static void wrong(const struct script *script, const char *arm, unsigned long long seed,
		  const char *what, const char *outcome)
{
	print_error("%s, %s (%llu): %s: \"%s\"\n  exact: %s\n  also:  %s\n", script->name, arm,
		    seed, what, outcome, script->exact ? script->exact : "-",
		    script->also ? script->also : "-");
	n_wrong++;
}

/* Judge one run; exact: no other outcome than that. */
static void judge(const struct conf *c, struct seen *s, const char *arm, unsigned long long seed,
		  bool exact)
{
	const struct script *script = c->script;

	s->n_runs++;
	s->n_broken += c->broken;
	s->n_skipped += c->skipped;
	if (c->broken || c->skipped || !saw(s, c->outcome))
		return;
	if (exact && script->exact && !fits(script->exact, c->outcome))
		wrong(script, arm, seed, "not the exact outcome", c->outcome);
	else if (!fits(script->exact, c->outcome) && !fits(script->also, c->outcome))
		wrong(script, arm, seed, "not an outcome that is allowed", c->outcome);
}

/* --- the arms -------------------------------------------------------------------------------- */

static void run_on_real(const struct script *script, struct seen *s)
{
	static struct conf c;
	static unsigned n_roots;
	char root[64];

	for (unsigned i = 0; i < N_REAL; i++) {
		snprintf(root, sizeof(root), "%u", n_roots++);
		assert_int_equal(mkdir(root, 0755), 0);
		if (run_real(&c, script, root) < 0)
			wrong(script, "real", i, "no ring", "");
		judge(&c, s, "real", i, is_6_18);
	}
	if (s->n_broken)
		wrong(script, "real", 0, "could not be prepared", "");
}

static void run_on_sim(const struct script *script, struct seen *s, bool faults, unsigned n)
{
	static struct conf c;
	const char *arm = faults ? "faults" : "calm";

	for (unsigned seed = 1; seed <= n; seed++) {
		struct rondo_sim_options o = { .seed = seed, .no_faults = !faults };
		int ret = run_simulated(&c, script, &o);

		if (ret < 0 && !c.broken) {
			wrong(script, arm, seed, "the run failed", rondo_strerror(ret));
			break;
		}
		judge(&c, s, arm, seed, !faults);
	}
	if (faults ? s->n_broken * 2 > n : s->n_broken)
		wrong(script, arm, 0, "could not be prepared", "");
}

static void run_all(const struct script *script)
{
	struct seen real = { .n = 0 }, calm = real, faults = real;
	bool verbose = getenv("RONDO_CONFORMANCE_VERBOSE");

	if (verbose)
		print_message("%s\n", script->name);
	run_on_real(script, &real);
	run_on_sim(script, &calm, false, N_CALM);
	if (!script->in_order)
		run_on_sim(script, &faults, true, n_seeds());
	if (verbose) {
		tell("real", &real);
		tell("calm", &calm);
		tell("faults", &faults);
	}
	n_scripts++;
	n_of[script->what]++;
	n_not_real += !real.n;
	n_outcomes_real += real.n;
	n_real_runs += real.n_runs - real.n_skipped;
	n_sim_runs += calm.n_runs + faults.n_runs - calm.n_skipped - faults.n_skipped;
	n_outcomes_sim += faults.n > calm.n ? faults.n : calm.n;
	forget(&real);
	forget(&calm);
	forget(&faults);
}

static void run_table(const struct script *scripts, size_t n)
{
	const char *only = getenv("RONDO_CONFORMANCE_ONLY");
	unsigned n_wrong_before = n_wrong;

	for (size_t i = 0; i < n; i++)
		if (!only || strstr(scripts[i].name, only))
			run_all(&scripts[i]);
	assert_int_equal(n_wrong, n_wrong_before);
}

#define TABLE_TEST(name, table)                                                                    \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		run_table(table, sizeof(table) / sizeof(table[0]));                                \
	}

TABLE_TEST(test_the_ring_itself, ring_scripts)
TABLE_TEST(test_timeouts_and_cancels, time_scripts)
TABLE_TEST(test_names_of_files, file_scripts)
TABLE_TEST(test_contents_of_files, data_scripts)
TABLE_TEST(test_transfers, transfer_scripts)
TABLE_TEST(test_splices_futexes_and_children, other_scripts)
TABLE_TEST(test_sockets, socket_scripts)
TABLE_TEST(test_receiving, receive_scripts)
TABLE_TEST(test_plain_calls, call_scripts)

static void test_signals(void **state)
{
	(void)state;
	if (SAN_THREAD) {
		print_message("TSan keeps a signal back until libc is called\n");
		skip();
	}
	run_table(signal_scripts, sizeof(signal_scripts) / sizeof(signal_scripts[0]));
}

/* --- the whole ------------------------------------------------------------------------------- */

static void test_patterns_say_what_they_mean(void **state)
{
	(void)state;
	assert_true(fits("1=0 2=-EINVAL", "1=0 2=-EINVAL"));
	assert_false(fits("1=0 2=-EINVAL", "1=0"));
	assert_false(fits("1=0", "1=0 2=0"));
	assert_false(fits("1=0", "1=0+more"));
	assert_false(fits("1=0", "11=0"));
	assert_false(fits("1=0", ""));
	assert_false(fits("1=0", "1=01"));
	assert_true(fits("1=3/5 | 1=1..2", "1=2"));
	assert_false(fits("1=3/5 | 1=1..2", "1=4"));
	assert_false(fits("1=1..5", "1=-EINVAL"));
	assert_true(fits("1=1..5/-EINTR+more* 1=0", "1=4+more 1=-EINTR+more 1=0"));
	assert_true(fits("1=1+more* 1=0", "1=0"));
	assert_false(fits("1=1+more* 1=0", "1=1+more"));
	assert_true(fits("1=0 2=0? 3=any", "1=0 3=-EIO"));
	assert_true(fits("", ""));
	assert_false(fits(NULL, ""));
}

static void test_every_op_and_call_has_two_scripts(void **state)
{
	unsigned n_ops = 0, n_calls = 0;

	(void)state;
	if (getenv("RONDO_CONFORMANCE_ONLY"))
		skip();
	for (unsigned op = 0; op < 64; op++) {
		if (!rondo__sim_ops[op])
			continue;
		n_ops++;
		if (n_of[op] < 2)
			print_error("%s has %u scripts\n", rondo__sim_ops[op]->name, n_of[op]);
		n_wrong += n_of[op] < 2;
	}
	for (unsigned call = 0; CALL + call < WHATS_MAX; call++)
		n_calls += n_of[CALL + call] > 0;
	print_message("%u opcodes, %u calls, %u scripts (%u of which this kernel cannot run); "
		      "outcomes: %u on the real kernel in %u runs, %u on the simulator in %u\n",
		      n_ops, n_calls, n_scripts, n_not_real, n_outcomes_real, n_real_runs,
		      n_outcomes_sim, n_sim_runs);
	assert_int_equal(n_wrong, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns_say_what_they_mean),
		cmocka_unit_test(test_the_ring_itself),
		cmocka_unit_test(test_timeouts_and_cancels),
		cmocka_unit_test(test_names_of_files),
		cmocka_unit_test(test_contents_of_files),
		cmocka_unit_test(test_transfers),
		cmocka_unit_test(test_splices_futexes_and_children),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_receiving),
		cmocka_unit_test(test_plain_calls),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_every_op_and_call_has_two_scripts),
	};
	struct utsname u;
	int major = 0, minor = 0;

	uname(&u);
	is_6_18 = sscanf(u.release, "%d.%d", &major, &minor) == 2 && major * 100 + minor >= 618;
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
