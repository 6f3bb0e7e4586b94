/* SPDX-License-Identifier: MIT */
/* cli.c - fuzz target: the command line of the rondo program. Its main and the commands' parsers
 * are the real ones; what they would then do (listen, run, measure, open files) is replaced here,
 * see world.h.
 *
 * The input is the arguments, a line each, up to an empty line; what follows is the contents of
 * every file that is read. Whatever it is, the exit code is 0, 1 or 2; and if it is not 0, stderr
 * has one line that begins with "rondo: ". */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench/workloads.h"
#include "cli.h"
#include "fuzz/world.h"
#include "sim/sim.h"

#undef fopen
#undef fflush
#undef rondo_run
#undef rondo_listen_tcp

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int fuzz_main(int argc, char **argv);

enum { ARGUMENTS_MAX = 32 };

static FILE *complaints;		/* what the program says on stderr */
static char *files;			/* what is in every file */
static size_t files_size;
static unsigned n_failures_told;	/* by workloads that "failed", or by a file */
static unsigned n_campaigns;

FILE *fuzz_stderr(void)
{
	return complaints;
}

FILE *fuzz_fopen(const char *path, const char *mode)
{
	if (!*path) {
		errno = ENOENT;
		return NULL;
	}
	if (*mode != 'r' || !files_size)
		return fopen("/dev/null", mode);
	n_failures_told++;		/* the record of an earlier run may speak of some */
	return fmemopen(files, files_size, "r");
}

int fuzz_fflush(FILE *file)
{
	(void)file;
	return 0;
}

int fuzz_listen_tcp(const char *host, uint16_t port, const struct rondo_listen_options *options)
{
	(void)host, (void)port, (void)options;
	return -EADDRINUSE;
}

/* No ring, so nothing runs. */
int fuzz_run(rondo_fn *main, void *arg)
{
	(void)main, (void)arg;
	return -ENOSYS;
}

/* --- commands that only do -------------------------------------------------------------------- */

int cmd_demo(int argc, char **argv)
{
	(void)argc, (void)argv;
	return CLI_OK;
}

int cmd_probe(int argc, char **argv)
{
	return cmd_demo(argc, argv);
}

int cmd_cp(int argc, char **argv)
{
	return cmd_demo(argc, argv);
}

/* --- what `rondo bench` runs ------------------------------------------------------------------ */

/* BENCHMARKS and WORKLOADS are lists of X(name), made by build.sh. */
#define X(name)                                                                                    \
	int bench_##name(struct bench_report *report)                                              \
	{                                                                                          \
		(void)report;                                                                      \
		return 0;                                                                          \
	}
BENCHMARKS
#undef X

void bench_print_conditions(FILE *out)
{
	(void)out;
}

void *bench_shared_alloc(size_t size_bytes)
{
	(void)size_bytes;
	return NULL;
}

int bench_report_open(struct bench_report *report, const char *json_path)
{
	*report = (struct bench_report){ 0 };
	return json_path && !*json_path ? -ENOENT : 0;
}

void bench_report_add(struct bench_report *report, const struct bench_figure *figure)
{
	(void)report, (void)figure;
}

int bench_report_close(struct bench_report *report)
{
	(void)report;
	return 0;
}

/* --- what `rondo sim` runs -------------------------------------------------------------------- */

#define X(name_) const struct workload workload_##name_ = { .name = #name_, .what = "" };
WORKLOADS
#undef X

/* A list of faults to keep is read whole: the rest must be masked in order. */
static void check_trial(const struct trial *t)
{
	for (size_t i = 1; i < t->n_masked; i++)
		if (t->masked[i] <= t->masked[i - 1])
			abort();
	if (!t->workload || t->n_tasks > 1000)
		abort();
}

void sim_run_trial(const struct trial *t, struct outcome *o)
{
	check_trial(t);
	*o = (struct outcome){ .failed = t->seed % 2 };
	n_failures_told += o->failed;
}

void sim_fork_trial(const struct trial *t, struct outcome *o)
{
	sim_run_trial(t, o);
}

void sim_print_failure(const struct trial *t, const struct outcome *o)
{
	(void)t, (void)o;
}

int sim_shrink(const struct trial *t)
{
	check_trial(t);
	return 0;
}

int sim_run_campaign(struct campaign *c)
{
	if (!c->workload || !c->n_jobs || c->n_jobs > 64 || !c->hang_s)
		abort();
	c->n_failed = c->n_seeds % 2;
	n_failures_told += c->n_failed > 0;
	return ++n_campaigns > 50 ? -ENOMEM : 0;	/* counting to 2^64 would take its time */
}

/* --- the input -------------------------------------------------------------------------------- */

/* Cut into lines; returns how many arguments there are. What follows an empty line is files. */
static int cut(char *text, size_t size, char **argv)
{
	char *line = text, *end = text + size;
	int argc = 1;

	files_size = 0;
	while (line < end && argc < ARGUMENTS_MAX) {
		char *next = memchr(line, '\n', (size_t)(end - line));

		if (!next)
			next = end;
		*next = '\0';
		if (next == line && next < end) {
			files = next + 1;
			files_size = (size_t)(end - files);
			break;
		}
		argv[argc++] = line;
		line = next + 1;
	}
	argv[argc] = NULL;
	return argc;
}

/* Did the program keep its word? */
static void judge(int status, const char *told, size_t size)
{
	const char *newline = memchr(told, '\n', size);
	bool one_line = size > 8 && !strncmp(told, "rondo: ", 7) && newline == told + size - 1;

	if (status < CLI_OK || status > CLI_USAGE)
		abort();
	if (status == CLI_OK ? size != 0 : !one_line && !(status == CLI_FAILED && n_failures_told))
		abort();
	for (size_t i = 0; i + 1 < size; i++)
		if ((unsigned char)told[i] < ' ' || told[i] == 127)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *argv[ARGUMENTS_MAX + 1] = { (char[]){ "rondo" } }, *text = malloc(size + 1), *told;
	size_t told_size;
	int argc, status;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	argc = cut(text, size, argv);
	n_failures_told = n_campaigns = 0;
	complaints = open_memstream(&told, &told_size);
	if (!complaints)
		abort();
	status = fuzz_main(argc, argv);
	fclose(complaints);
	judge(status, told, told_size);
	free(told);
	free(text);
	return 0;
}
