/* SPDX-License-Identifier: MIT */
/* scenario.h - SQLite's way with errors: a scenario is run with its Nth failure point failing, for
 * N = 1, 2, ... until it came through without reaching the Nth; each for three sets of errors, once
 * and with all that follow.
 *
 * After each run the caller must have heard the error that was injected, or nothing if nobody had
 * to notice; memory, mappings and descriptors are as before; and if the loop was made, the same
 * scenario works in it as soon as nothing fails any more. */
#ifndef RONDO_TESTS_SCENARIO_H
#define RONDO_TESTS_SCENARIO_H

#include <execinfo.h>

#include "failing.h"
#include "switch/sanitizer.h"

/* --- a scenario and its failure points ------------------------------------------------------- */

struct scenario {
	const char *name;
	/* In the first task: do it, clean up, return 0 or the first error. May be called again in
	 * the same loop. */
	int (*body)(void);
	/* Instead of a body: make the loop, too. */
	int (*run)(void);
	int expected;			/* what running it returns when nothing fails */
	bool ends_once;			/* the body cannot be repeated */
	/* Needs an operation that is younger than 5.19: when the kernel cannot be asked for those
	 * it has (IORING_REGISTER_PROBE), the loop takes it for an old one: -EOPNOTSUPP. */
	bool needs_young_op;
	bool spares_threads;		/* a thread that cannot be had is done without */
	struct rondo_options options;
};

struct outcome {
	bool in_main;			/* the loop was made */
	bool again;			/* the body was repeated */
	int second;			/* what it returned then */
};

static const struct scenario *scenario;
static struct outcome outcome;

static void disarm(void)
{
	atomic_store(&failing.armed, false);
}

/* What failed once, or failed for a while, leaves a loop behind that works. */
static int scenario_main(void *arg)
{
	int ret;

	(void)arg;
	outcome.in_main = true;
	ret = scenario->body();
	if (ret < 0 && !scenario->ends_once) {
		disarm();
		outcome.again = true;
		outcome.second = scenario->body();
	}
	return ret;
}

static int run_scenario(const struct scenario *s)
{
	struct rondo_options o = s->options;

	if (s->run)
		return s->run();
	if (!o.sq_entries)
		o.sq_entries = 16;		/* one size above the smallest, so it may shrink */
	return rondo_run_with(&o, scenario_main, NULL);
}

/* Rings mapped by liburing, which uses bare system calls. */
static long n_rings_mapped(void)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	long n = 0;

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, "[io_uring]") != NULL;
	if (f)
		fclose(f);
	return n;
}

static bool seems_old(const struct scenario *s, int ret)
{
	return s->needs_young_op && ret == -EOPNOTSUPP &&
	       (atomic_load(&failing.fired_kinds) >> REGISTER & 1);
}

/* Was it this that failed, and is that what the caller heard? */
static bool is_promised(const struct scenario *s, int ret)
{
	unsigned fired = atomic_load(&failing.fired_kinds);
	const int *error = errors[failing.flavour];

	for (unsigned kind = 0; kind < N_KINDS; kind++)
		if ((fired >> kind & 1) && kind != ENTER && kind != ADVISE && error[kind] == ret)
			return true;
	/* A kernel that knows none of the levels of setup.c is too old. */
	return seems_old(s, ret) ||
	       ((fired >> SETUP & 1) && error[SETUP] == -EINVAL && ret == -ENOSYS);
}

/* One failure that nobody may notice, and one that the caller must be told of. */
static bool must_be_invisible(enum kind kind, long detail)
{
	int error = errors[failing.flavour][kind];

	return kind == ENTER || kind == ADVISE ||
	       (kind == REGISTER && detail != IORING_REGISTER_ENABLE_RINGS) ||
	       (kind == SETUP && (error == -ENOMEM || error == -EINVAL)) ||
	       (kind == CALL && detail == SYS_pwritev2);
}

static bool must_be_told(enum kind kind, long detail)
{
	return (kind == REGISTER && detail == IORING_REGISTER_ENABLE_RINGS) ||
	       (kind == SETUP && !must_be_invisible(kind, detail)) || kind == THREAD ||
	       (kind == CALL && (detail == SYS_eventfd2 || detail == SYS_socket ||
				 detail == SYS_socketpair || detail == SYS_bind ||
				 detail == SYS_listen || detail == SYS_connect));
}

static const char *wrong(const struct scenario *s, int ret)
{
	unsigned fired = atomic_load(&failing.fired_kinds);
	enum kind kind = (enum kind)__builtin_ctz(fired | 1u << N_KINDS);
	long detail = atomic_load(&failing.detail);
	bool once = atomic_load(&failing.n_fired) == 1;

	if (outcome.again && outcome.second != 0 && !seems_old(s, outcome.second))
		return "the loop did not work afterwards";
	if (ret != s->expected && !is_promised(s, ret))
		return "not the promised error";
	if (once && ret != s->expected && must_be_invisible(kind, detail) && !seems_old(s, ret))
		return "it should have been invisible";
	if (once && ret == s->expected && must_be_told(kind, detail) &&
	    !(kind == THREAD && s->spares_threads))
		return "nobody was told";
	return NULL;
}

static struct {
	unsigned n_fds;
	long n_allocs, n_maps, n_rings;
} before;

static const char *leaked(void)
{
	if (n_descriptors() != before.n_fds)
		return "a descriptor leaked";
	if (n_rings_mapped() != before.n_rings)
		return "a ring's memory leaked";
	if (allocations_are_caught() && atomic_load(&failing.n_allocs) != 0)
		return "memory leaked";
	if (allocations_are_caught() && atomic_load(&failing.n_maps) != 0)
		return "a mapping leaked";
	return rondo__loop ? "the loop is still set" : NULL;
}

static void too_slow(int signal)
{
	(void)signal;
	stuck("hangs");
}

static int watched_run(const struct scenario *s)
{
	int ret;

	signal(SIGALRM, too_slow);
	alarm(120);
	atomic_store(&failing.counting, true);
	watched = true;
	ret = run_scenario(s);
	watched = false;
	atomic_store(&failing.counting, false);
	disarm();
	alarm(0);
	return ret;
}

static void begin_run(const struct scenario *s, unsigned n, bool persistent)
{
	scenario = s;
	outcome = (struct outcome){ 0 };
	failing.scenario = s->name;
	failing.n = n;
	failing.persistent = persistent;
	atomic_store(&failing.n_points, 0);
	atomic_store(&failing.n_fired, 0);
	atomic_store(&failing.n_enter_points, 0);
	atomic_store(&failing.fired_kinds, 0);
	atomic_store(&failing.n_enters, 0);
	atomic_store(&failing.n_allocs, 0);
	atomic_store(&failing.n_maps, 0);
	atomic_store(&failing.armed, n != 0);
}

/* Fail the nth point. True if the scenario has one. */
static bool try_point(const struct scenario *s, unsigned n, bool persistent, unsigned *n_told)
{
	const char *what, *leak;
	int ret;

	before.n_fds = n_descriptors();
	before.n_rings = n_rings_mapped();
	begin_run(s, n, persistent);
	ret = watched_run(s);
	what = wrong(s, ret);
	leak = leaked();
	if (what || leak || check_failure[0])
		print_error("%s: point %u (%s %ld%s, flavour %u): %s; returned %d, then %d; %ld "
			    "allocations, %ld mappings left\n", s->name, n,
			    kind_names[__builtin_ctz(atomic_load(&failing.fired_kinds) |
						     1u << (N_KINDS - 1))],
			    atomic_load(&failing.detail), persistent ? " and all after it" : "",
			    failing.flavour, what ? what : leak ? leak : "a check failed", ret,
			    outcome.second, atomic_load(&failing.n_allocs),
			    atomic_load(&failing.n_maps));
	assert_checks_passed();
	assert_true(!what && !leak);
	*n_told += ret != s->expected;
	return atomic_load(&failing.n_fired) > 0;
}

/* Under Valgrind a run takes fifty times as long. */
static unsigned n_flavours(void)
{
	return RUNNING_ON_VALGRIND ? 1 : N_FLAVOURS;
}

/* The first backtrace loads libgcc, which glibc keeps for ever. The checker knows that of the loader's
 * own calls of malloc, but not of those through failing.h. */
static void load_unwinder(void)
{
#if SAN_ADDRESS
	__lsan_disable();
	backtrace((void *[1]){ NULL }, 1);
	__lsan_enable();
#endif
}

static void fail_one_everywhere(const struct scenario *s)
{
	unsigned n[2] = { 0 }, n_told = 0;

	load_unwinder();
	begin_run(s, 0, false);
	if (s->needs_young_op && watched_run(s) == -EOPNOTSUPP) {
		print_message("%s: left out, this kernel lacks the operation\n", s->name);
		return;
	}
	/* First without a failure: the C library's own first times are not leaks. */
	for (int i = 0; i < 2; i++) {
		begin_run(s, 0, false);
		assert_int_equal(watched_run(s), s->expected);
		assert_checks_passed();
	}
	for (failing.flavour = 0; failing.flavour < n_flavours(); failing.flavour++)
		for (int persistent = 0; persistent < 2; persistent++)
			for (unsigned i = 1; try_point(s, i, persistent, &n_told); i++)
				n[persistent]++;
	failing.flavour = 0;
	print_message("%s: %u failures of one point, %u of all from one on; the program was told "
		      "of %u, the rest it could not notice\n", s->name, n[0], n[1], n_told);
	assert_true(n[0] > 0 && n[1] > 0);
}

/* Any one thing may fail, or all from one on, in each of n scenarios. */
static void fail_everywhere(const struct scenario *s, size_t n)
{
	if (!allocations_are_caught())
		print_message("memory is not made to fail: this checker has its own allocator\n");
	for (size_t i = 0; i < n; i++)
		fail_one_everywhere(&s[i]);
}

/* --- an enter that fails for good ------------------------------------------------------------ */

static int run_with_fatal_enter(void)
{
	const struct scenario *s = scenario;
	int error = failing.fatal_enter;

	begin_run(s, failing.n, true);
	failing.fatal_enter = error;
	alarm(60);
	watched = true;
	run_scenario(s);
	/* 77: it went on as if nothing were wrong. */
	return atomic_load(&failing.n_fired) ? 77 : 0;
}

static bool stopped_with_a_line(int status, const char *what)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
	       strstr(child_stderr, "rondo: BUG: ") && strstr(child_stderr, what);
}

/* Nothing can be done about it: one line says so, and the process stops. */
static void fail_enters_for_good(const struct scenario *s, int error, const char *what)
{
	unsigned n = 0;
	int status;

	scenario = s;
	do {
		failing.n = ++n;
		failing.fatal_enter = error;
		status = run_in_child(run_with_fatal_enter);
		failing.fatal_enter = 0;
		if (status != 0 && !stopped_with_a_line(status, what))
			fail_msg("%s: enter %u failed for good: status %#x, stderr: %s", s->name, n,
				 (unsigned)status, child_stderr);
	} while (status != 0);
	print_message("%s: %u enters failed for good, each a BUG line\n", s->name, n - 1);
}

/* --- for bodies ------------------------------------------------------------------------------ */

static void shut(int fd)
{
	if (fd >= 0)
		rondo_close(fd);
}

/* The first error of two, as cleaning up goes on. */
static int first(int a, int b)
{
	return a < 0 ? a : b < 0 ? b : 0;
}

/* A short count where all bytes must move is a wrong result, not a failure. */
static int exactly(ssize_t got, ssize_t expected)
{
	if (got >= 0)
		CHECK_EQUAL(got, expected);
	return got < 0 ? (int)got : 0;
}
#endif
