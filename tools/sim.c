/* SPDX-License-Identifier: MIT */
/* sim.c - `rondo sim`: programs under the simulated kernel, one seed or very many. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "sim/sim.h"

static const struct workload *const workloads[] = {
	&workload_echo, &workload_copy, &workload_tree, &workload_locks, &workload_races,
	&workload_lines, &workload_server, &workload_spin, &workload_tour, &workload_channels,
};

enum { N_WORKLOADS = sizeof(workloads) / sizeof(workloads[0]), KEPT_MAX = 4096 };

struct arguments {
	const struct workload *workload;	/* NULL: all */
	bool one_seed, trace, shrink, first_failure;
	uint64_t seed, first, n_seeds;
	uint64_t until;
	long n_tasks, n_jobs, hang_s;
	const char *faults, *kept, *resume, *list;
};

static int help(void)
{
	printf("rondo sim [WORKLOAD] [OPTIONS]\n\n"
	       "  --seeds N      run N seeds (100)\n"
	       "  --first F      the first of them (1)\n"
	       "  --seed S       run this one, and tell what happened\n"
	       "  --trace        ... line by line\n"
	       "  --shrink       ... and find the fewest tasks and faults with which it fails\n"
	       "  --until E      ... up to event E\n"
	       "  --keep LIST    ... with these faults alone, by number, separated by commas\n"
	       "  --tasks N      how much a workload does\n"
	       "  --faults LIST  only these kinds of fault, by name\n"
	       "  --jobs N       processes (one per CPU)\n"
	       "  --hang S       a seed that takes longer, in seconds of CPU time, has failed (120)\n"
	       "  --first-failure  stop there\n"
	       "  --list FILE    run its lines `WORKLOAD SEED`: seeds that failed once\n"
	       "  --resume FILE  write down what was done, and go on from there\n\n");
	for (int i = 0; i < N_WORKLOADS; i++)
		printf("  %-8s %s\n", workloads[i]->name, workloads[i]->what);
	return CLI_OK;
}

static bool parse_u64(const char *text, uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, strncmp(text, "0x", 2) ? 10 : 16);
	return *text >= '0' && *text <= '9' && !*end && !errno;
}

static int bad(const char *option, const char *why)
{
	return cli_usage(option, why);
}

static const struct workload *workload_by_name(const char *name)
{
	for (int i = 0; i < N_WORKLOADS; i++)
		if (!strcmp(workloads[i]->name, name))
			return workloads[i];
	return NULL;
}

/* "1,22,333" */
static bool is_list_of_numbers(const char *text)
{
	size_t n = strspn(text, "0123456789");

	return n && (!text[n] || (text[n] == ',' && is_list_of_numbers(text + n + 1)));
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

static bool are_faults(const char *names)
{
	const struct rondo_sim_options o = { .only_faults = names };

	return rondo_sim_run(&o, nothing, NULL) != -EINVAL;
}

/* One option with a value. */
static int take_value(struct arguments *a, const char *option, const char *value)
{
	if (!value)
		return bad(option, "a value is missing");
	if (!strcmp(option, "--seed"))
		return a->one_seed = true, parse_u64(value, &a->seed) ? 0 : bad(value, "not a seed");
	if (!strcmp(option, "--first"))
		return parse_u64(value, &a->first) ? 0 : bad(value, "not a seed");
	if (!strcmp(option, "--seeds"))
		return parse_u64(value, &a->n_seeds) && a->n_seeds ? 0 : bad(value, "not a number of seeds");
	if (!strcmp(option, "--until"))
		return parse_u64(value, &a->until) ? 0 : bad(value, "not a number");
	if (!strcmp(option, "--tasks"))
		return cli_number(value, 1, 1000, &a->n_tasks) ? 0 : bad(value, "not 1 to 1000");
	if (!strcmp(option, "--jobs"))
		return cli_number(value, 1, 64, &a->n_jobs) ? 0 : bad(value, "not 1 to 64");
	if (!strcmp(option, "--hang"))
		return cli_number(value, 1, 86400, &a->hang_s) ? 0 : bad(value, "not 1 to 86400");
	if (!strcmp(option, "--faults"))
		return a->faults = value, are_faults(value) ? 0 : bad(value, "no such faults");
	if (!strcmp(option, "--list"))
		a->list = value;
	else if (!strcmp(option, "--keep"))
		return a->kept = value, is_list_of_numbers(value) ? 0 : bad(value, "not a list of numbers");
	else if (!strcmp(option, "--resume"))
		a->resume = value;
	else
		return bad(option, "unknown option; try `rondo sim --help`");
	return 0;
}

static int parse(int argc, char **argv, struct arguments *a)
{
	for (int i = 1; i < argc; i++) {
		int ret = 0;

		if (!strcmp(argv[i], "--trace"))
			a->trace = true;
		else if (!strcmp(argv[i], "--shrink"))
			a->shrink = true;
		else if (!strcmp(argv[i], "--first-failure"))
			a->first_failure = true;
		else if (argv[i][0] == '-') {
			ret = take_value(a, argv[i], i + 1 < argc ? argv[i + 1] : NULL);
			i++;
		} else if (a->workload) {
			ret = bad(argv[i], "one workload at a time, or all");
		} else if (!(a->workload = workload_by_name(argv[i]))) {
			ret = bad(argv[i], "no such workload; try `rondo sim --help`");
		}
		if (ret != 0)
			return ret;
	}
	if ((a->trace || a->shrink || a->until || a->kept) && !a->one_seed)
		return bad("sim", "--trace, --shrink, --until and --keep need --seed");
	return 0;
}

/* --- one seed -------------------------------------------------------------------------------- */

/* All serials but those in the list, up to a number beyond which there will be none. */
static size_t mask_all_but(const char *list, uint64_t *masked, size_t max)
{
	size_t n = 0;

	for (uint64_t serial = 0; serial < max; serial++) {
		const char *p = list;
		bool kept = false;

		while (*p >= '0' && *p <= '9') {
			char *end;

			kept |= strtoull(p, &end, 10) == serial;
			p = *end == ',' ? end + 1 : end;
		}
		if (!kept)
			masked[n++] = serial;
	}
	return n;
}

static int run_one(const struct arguments *a)
{
	static uint64_t masked[16 * KEPT_MAX];
	struct trial t = {
		.workload = a->workload, .seed = a->seed, .n_tasks = (unsigned)a->n_tasks,
		.only_faults = a->faults, .until_event = a->until, .masked = masked,
		.trace = a->trace ? stdout : NULL,
	};
	struct outcome o;

	if (a->kept)
		t.n_masked = mask_all_but(a->kept, masked, sizeof(masked) / sizeof(masked[0]));
	if (a->shrink)
		return sim_shrink(&t) < 0 ? cli_fail_error("sim", -ENOMEM) : CLI_OK;
	sim_run_trial(&t, &o);
	if (o.failed)
		sim_print_failure(&t, &o);
	printf("%s: seed %llu: %s, %llu requests, %llu faults, %.3f s of virtual time, hash %016llx\n",
	       t.workload->name, (unsigned long long)t.seed, o.failed ? "failed" : "passed",
	       (unsigned long long)o.stats.n_requests, (unsigned long long)o.stats.n_faults,
	       (double)o.stats.time_ns / 1e9, (unsigned long long)o.stats.hash);
	return o.failed ? CLI_FAILED : CLI_OK;
}

/* --- many ------------------------------------------------------------------------------------ */

static void tell(const struct campaign *c)
{
	printf("%-6s %8llu seeds from %llu: %llu failed, %llu requests, %llu faults, %.1f s "
	       "(%.0f seeds/s), %.1f h of virtual time\n", c->workload->name,
	       (unsigned long long)c->n_seeds, (unsigned long long)c->first,
	       (unsigned long long)c->n_failed, (unsigned long long)c->n_requests,
	       (unsigned long long)c->n_faults, c->seconds,
	       c->seconds > 0 ? (double)c->n_seeds / c->seconds : 0,
	       (double)c->n_virtual_s / 3600);
	fflush(stdout);
}

/* What was done before, by a run that was interrupted; lines of it that are wrong are no record. */
static void read_record(const char *path, struct campaign *c)
{
	FILE *f = path ? fopen(path, "r") : NULL;
	char name[32];
	unsigned long long first, n, failed, requests, faults, virtual_s;
	double seconds;

	while (f && fscanf(f, "%31s %llu %llu %llu %llu %llu %llu %lf\n", name, &first, &n, &failed,
			   &requests, &faults, &virtual_s, &seconds) == 8) {
		if (strcmp(name, c->workload->name) || first != c->first)
			continue;
		c->n_seeds = n;
		c->n_failed = failed;
		c->n_requests = requests;
		c->n_faults = faults;
		c->n_virtual_s = virtual_s;
		c->seconds = seconds;
	}
	if (f)
		fclose(f);
}

static int write_record(const char *path, const struct campaign *c)
{
	FILE *f = path ? fopen(path, "a") : NULL;

	if (!f)
		return path ? -errno : 0;
	fprintf(f, "%s %llu %llu %llu %llu %llu %llu %f\n", c->workload->name,
		(unsigned long long)c->first, (unsigned long long)c->n_seeds,
		(unsigned long long)c->n_failed, (unsigned long long)c->n_requests,
		(unsigned long long)c->n_faults, (unsigned long long)c->n_virtual_s, c->seconds);
	return fclose(f) ? -errno : 0;
}

static void add(struct campaign *sum, const struct campaign *part)
{
	sum->n_seeds += part->n_seeds;
	sum->n_failed += part->n_failed;
	sum->n_requests += part->n_requests;
	sum->n_faults += part->n_faults;
	sum->n_virtual_s += part->n_virtual_s;
	sum->seconds += part->seconds;
	for (unsigned i = 0; i < RONDO_SIM_FAULT_KINDS; i++)
		sum->n_by_fault[i] += part->n_by_fault[i];
}

static int run_many(const struct arguments *a, const struct workload *w, struct campaign *sum)
{
	const uint64_t step = a->resume ? 10000 : a->n_seeds;
	struct campaign done = { .workload = w, .first = a->first };

	read_record(a->resume, &done);
	while (done.n_seeds < a->n_seeds) {
		struct campaign part = {
			.workload = w, .first = a->first + done.n_seeds,
			.n_seeds = a->n_seeds - done.n_seeds < step ? a->n_seeds - done.n_seeds : step,
			.n_jobs = (unsigned)a->n_jobs, .n_tasks = (unsigned)a->n_tasks,
			.only_faults = a->faults, .hang_s = (unsigned)a->hang_s,
			.first_failure = a->first_failure,
		};
		int ret = sim_run_campaign(&part);

		if (ret < 0)
			return cli_fail_error(w->name, ret);
		add(&done, &part);
		ret = write_record(a->resume, &done);
		if (ret < 0)
			return cli_fail_error(a->resume, ret);
		if (done.n_failed && a->first_failure)
			break;
	}
	tell(&done);
	add(sum, &done);
	return 0;
}

/* Which faults has nothing met (P18)? Of few seeds that says nothing. */
static void tell_faults(const struct campaign *sum)
{
	unsigned n_kinds = 0, n_met = 0;

	for (; rondo_sim_fault_name(n_kinds); n_kinds++)
		n_met += sum->n_by_fault[n_kinds] > 0;
	printf("faults of %u kinds out of %u", n_met, n_kinds);
	for (unsigned i = 0; i < n_kinds; i++)
		if (!sum->n_by_fault[i])
			printf("%s%s", n_kinds == n_met + 1 ? "; never " : " -", rondo_sim_fault_name(i));
	printf("\n");
}

static int run_campaigns(const struct arguments *a)
{
	struct campaign sum = { 0 };

	for (int i = 0; i < N_WORKLOADS; i++) {
		int ret = CLI_OK;

		if (!a->workload || a->workload == workloads[i])
			ret = run_many(a, workloads[i], &sum);
		if (ret != CLI_OK)
			return ret;
	}
	tell_faults(&sum);
	printf("%llu seeds, %llu failed\n", (unsigned long long)sum.n_seeds,
	       (unsigned long long)sum.n_failed);
	return sum.n_failed ? CLI_FAILED : CLI_OK;
}

static bool is_blank(const char *line)
{
	line += strspn(line, " \t\n");
	return !*line || *line == '#';
}

/* One line `WORKLOAD SEED`. Returns 1 if the seed failed, 0 if not, or less: the line is wrong. */
static int run_line(const char *line)
{
	struct trial t = { 0 };
	struct outcome o;
	char name[32], seed[32];

	if (sscanf(line, "%31s %31s", name, seed) != 2 || !parse_u64(seed, &t.seed))
		return -EINVAL;
	t.workload = workload_by_name(name);
	if (!t.workload)
		return -EINVAL;
	sim_fork_trial(&t, &o);
	if (o.failed)
		sim_print_failure(&t, &o);
	return o.failed;
}

/* Such lines, and comments from # on. */
static int run_list(const struct arguments *a)
{
	FILE *f = fopen(a->list, "r");
	unsigned n = 0, n_failed = 0;
	char line[256];
	int ret = 0;

	if (!f)
		return cli_fail_error(a->list, -errno);
	errno = 0;
	while (ret >= 0 && fgets(line, sizeof(line), f)) {
		if (is_blank(line))
			continue;
		ret = run_line(line);
		n++;
		n_failed += ret > 0;
	}
	if (ferror(f))
		ret = -errno;
	fclose(f);
	if (ret < 0)
		return ret == -EINVAL ? cli_fail(line, "no workload and seed") :
					cli_fail_error(a->list, ret);
	printf("%u listed seeds, %u failed\n", n, n_failed);
	return n_failed ? CLI_FAILED : CLI_OK;
}

int cmd_sim(int argc, char **argv)
{
	struct arguments a = { .first = 1, .n_seeds = 100, .hang_s = 120,
			       .n_jobs = sysconf(_SC_NPROCESSORS_ONLN) };
	int ret;

	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return help();
	ret = parse(argc, argv, &a);
	if (ret != 0)
		return ret;
	if (a.list)
		return run_list(&a);
	if (!a.one_seed)
		return run_campaigns(&a);
	if (!a.workload)
		return bad("--seed", "of which workload?");
	return run_one(&a);
}
