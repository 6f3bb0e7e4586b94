/* SPDX-License-Identifier: MIT */
/* shrink.c - make a failing run as small as it can be and still fail in the same way: fewer tasks,
 * then fewer faults (delta debugging: leave out ever smaller pieces). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

/* Leaving out one fault changes what happens later, and may bring faults that were not there. */
enum {
	MORE_FAULTS = 10000,
	CRASH_FAULTS = 2000,		/* a process that died does not say how many it had */
};

struct shrinking {
	struct trial trial;
	char property[16];
	uint64_t *kept;			/* serials of faults, ascending */
	size_t n_kept;
	uint64_t *masked;		/* all others, for the trial */
	uint64_t n_all;
	unsigned n_trials;
};

static void mask_others(struct shrinking *s, size_t skip_from, size_t n_skip)
{
	size_t k = 0, n = 0;

	for (uint64_t serial = 0; serial < s->n_all; serial++) {
		while (k < s->n_kept && s->kept[k] < serial)
			k++;
		if (k < s->n_kept && s->kept[k] == serial &&
		    (k < skip_from || k >= skip_from + n_skip))
			continue;
		s->masked[n++] = serial;
	}
	s->trial.masked = s->masked;
	s->trial.n_masked = n;
}

static bool still_fails(struct shrinking *s, struct outcome *o)
{
	s->n_trials++;
	sim_fork_trial(&s->trial, o);
	return o->failed && !strcmp(o->property, s->property);
}

static void fewer_tasks(struct shrinking *s)
{
	struct outcome o;
	unsigned n = s->trial.n_tasks ? s->trial.n_tasks : s->trial.workload->n_tasks;
	unsigned step = n / 2;

	while (step) {
		s->trial.n_tasks = n > step ? n - step : 1;
		if (s->trial.n_tasks < n && still_fails(s, &o))
			n = s->trial.n_tasks;
		else
			step /= 2;
	}
	s->trial.n_tasks = n;
}

static void fewer_faults(struct shrinking *s)
{
	struct outcome o;

	for (size_t piece = s->n_kept; piece; piece /= 2)
		for (size_t i = 0; i < s->n_kept;) {
			size_t n = piece < s->n_kept - i ? piece : s->n_kept - i;

			mask_others(s, i, n);
			if (still_fails(s, &o)) {
				memmove(&s->kept[i], &s->kept[i + n],
					(s->n_kept - i - n) * sizeof(s->kept[0]));
				s->n_kept -= n;
			} else {
				i += n;
			}
		}
	mask_others(s, 0, 0);
}

/* How it is called, and what is left of its history. */
static void tell(struct shrinking *s, const struct outcome *o)
{
	sim_print_failure(&s->trial, o);
	printf("shrunk in %u runs to %u tasks and %zu faults:\n", s->n_trials, s->trial.n_tasks,
	       s->n_kept);
	printf("  rondo sim %s --seed %llu --tasks %u --keep ", s->trial.workload->name,
	       (unsigned long long)s->trial.seed, s->trial.n_tasks);
	for (size_t i = 0; i < s->n_kept; i++)
		printf("%s%llu", i ? "," : "", (unsigned long long)s->kept[i]);
	printf("%s --trace\n", s->n_kept ? "" : "none");
}

int sim_shrink(const struct trial *t)
{
	struct shrinking s = { .trial = *t };
	struct outcome o;
	int ret = 0;

	sim_fork_trial(t, &o);
	if (!o.failed) {
		printf("seed %llu does not fail\n", (unsigned long long)t->seed);
		return 0;
	}
	memcpy(s.property, o.property, sizeof(s.property));
	fewer_tasks(&s);
	still_fails(&s, &o);
	s.n_kept = o.stats.n_faults ? o.stats.n_faults : CRASH_FAULTS;
	s.n_all = s.n_kept + MORE_FAULTS;
	s.kept = calloc(s.n_kept + 1, sizeof(*s.kept));
	s.masked = calloc(s.n_all, sizeof(*s.masked));
	if (s.kept && s.masked) {
		for (size_t i = 0; i < s.n_kept; i++)
			s.kept[i] = i;
		fewer_faults(&s);
		still_fails(&s, &o);
		tell(&s, &o);
	} else {
		ret = -ENOMEM;
	}
	free(s.kept);
	free(s.masked);
	return ret;
}
