/* SPDX-License-Identifier: MIT */
/*
 * harness.c - how `rondo bench` measures: clocks, medians, rounds in turn, one shared CPU, servers
 * in child processes, and reports that say what the machine was doing.
 */
#define _GNU_SOURCE 1
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t bench_now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

uint64_t bench_thread_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t bench_process_cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct bench_summary bench_summarize(const double *values, unsigned n_values)
{
	double sorted[BENCH_MAX_ROUNDS];

	if (n_values == 0 || n_values > BENCH_MAX_ROUNDS)
		return (struct bench_summary){ NAN, NAN, NAN };
	memcpy(sorted, values, n_values * sizeof(*values));
	qsort(sorted, n_values, sizeof(*sorted), by_value);
	return (struct bench_summary){
		.median = (sorted[(n_values - 1) / 2] + sorted[n_values / 2]) / 2,
		.min = sorted[0],
		.max = sorted[n_values - 1],
	};
}

void bench_outcomes(double (*values)[BENCH_MAX_ROUNDS], unsigned n_cases, unsigned n_rounds,
		    struct bench_outcome *outcomes)
{
	double ratios[BENCH_MAX_ROUNDS];

	for (unsigned i = 0; i < n_cases; i++) {
		for (unsigned round = 0; round < n_rounds; round++)
			ratios[round] = values[i][round] / values[0][round];
		outcomes[i].value = bench_summarize(values[i], n_rounds);
		outcomes[i].pairwise = bench_summarize(ratios, n_rounds);
		outcomes[i].ratio_of_medians = outcomes[i].value.median / outcomes[0].value.median;
	}
}

int bench_compare(const struct bench_case *cases, unsigned n_cases, unsigned n_rounds,
		  struct bench_outcome *outcomes)
{
	double values[BENCH_MAX_CASES][BENCH_MAX_ROUNDS];

	if (n_cases == 0 || n_cases > BENCH_MAX_CASES || n_rounds == 0 ||
	    n_rounds > BENCH_MAX_ROUNDS)
		return -EINVAL;
	for (unsigned round = 0; round < n_rounds; round++) {
		for (unsigned k = 0; k < n_cases; k++) {
			unsigned i = (round + k) % n_cases;
			int ret = cases[i].run(cases[i].arg, &values[i][round]);

			if (ret < 0) {
				printf("failed: %s: %s\n", cases[i].name,
					strerror(-ret));
				return ret;
			}
		}
	}
	bench_outcomes(values, n_cases, n_rounds, outcomes);
	return 0;
}

void bench_compare_print(const char *title, const char *unit, const struct bench_case *cases,
			 const struct bench_outcome *outcomes, unsigned n_cases)
{
	printf("%s\n  %-22s %12s %25s   x %s: by pairs [min - max], of medians\n", title, "", unit,
	       "[min - max]", cases[0].name);
	for (unsigned i = 0; i < n_cases; i++) {
		const struct bench_outcome *o = &outcomes[i];

		printf("  %-22s %12.5g [%10.5g - %10.5g]   %.3f [%.3f - %.3f], %.3f\n",
		       cases[i].name, o->value.median, o->value.min, o->value.max,
		       o->pairwise.median, o->pairwise.min, o->pairwise.max, o->ratio_of_medians);
	}
	fflush(stdout);
}

/* Copies the first CPU model named by /proc/cpuinfo; not every architecture names one. */
static void cpu_model(char *model, size_t size)
{
	char line[256];
	FILE *in = fopen("/proc/cpuinfo", "re");

	snprintf(model, size, "CPU model not given");
	while (in && fgets(line, sizeof(line), in)) {
		char *value = strstr(line, ": ");

		if (strncmp(line, "model name", 10) != 0 || !value)
			continue;
		value[strcspn(value, "\n")] = '\0';
		snprintf(model, size, "%s", value + 2);
		break;
	}
	if (in)
		fclose(in);
}

struct conditions {
	char cpu[128];
	struct utsname kernel;
	double load[3];
	long n_cpus;
};

static void read_conditions(struct conditions *c)
{
	memset(c, 0, sizeof(*c));
	cpu_model(c->cpu, sizeof(c->cpu));
	uname(&c->kernel);
	if (getloadavg(c->load, 3) != 3)
		c->load[0] = c->load[1] = c->load[2] = NAN;
	c->n_cpus = sysconf(_SC_NPROCESSORS_ONLN);
}

void bench_print_conditions(FILE *out)
{
	struct conditions c;

	read_conditions(&c);
	fprintf(out, "machine: %s, %ld CPUs, %s %s %s, load %.2f %.2f %.2f\n", c.cpu, c.n_cpus,
		c.kernel.sysname, c.kernel.release, c.kernel.machine, c.load[0], c.load[1],
		c.load[2]);
	if (c.load[0] > 0.5)
		fprintf(out, "note: other work is running; trust ratios, not times\n");
	fflush(out);
}

static int last_cpu(const cpu_set_t *cpus)
{
	/* CPU 0 takes most of a machine's interrupts, so the last permitted one is quieter. */
	for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--) {
		if (CPU_ISSET(cpu, cpus))
			return cpu;
	}
	return 0;
}

int bench_pin_begin(struct bench_pin *pin)
{
	struct sched_param priority = { .sched_priority = 1 };
	cpu_set_t one;

	if (sched_getaffinity(0, sizeof(pin->old_cpus), &pin->old_cpus) < 0 ||
	    sched_getparam(0, &pin->old_param) < 0)
		return -errno;
	pin->old_policy = sched_getscheduler(0);
	pin->cpu = last_cpu(&pin->old_cpus);
	CPU_ZERO(&one);
	CPU_SET(pin->cpu, &one);
	if (sched_setaffinity(0, sizeof(one), &one) < 0)
		return -errno;
	pin->realtime = sched_setscheduler(0, SCHED_RR, &priority) == 0;
	return 0;
}

void bench_pin_end(const struct bench_pin *pin)
{
	if (pin->realtime)
		sched_setscheduler(0, pin->old_policy, &pin->old_param);
	sched_setaffinity(0, sizeof(pin->old_cpus), &pin->old_cpus);
}

int bench_raise_nofile(unsigned n_files)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	if (limit.rlim_cur >= n_files)
		return 0;
	if (limit.rlim_max < n_files)
		return -EMFILE;
	limit.rlim_cur = n_files;
	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

void *bench_shared_alloc(size_t size_bytes)
{
	void *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			    -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static int listen_on(int fd, uint16_t *port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return -errno;
	*port = ntohs(address.sin_port);
	return 0;
}

int bench_listen(uint16_t *port)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int ret;

	if (fd < 0)
		return -errno;
	ret = listen_on(fd, port);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return fd;
}

pid_t bench_fork_server(bench_serve_fn *serve, int listen_fd, void *ctx)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid > 0)
		return pid;
	/* A real-time server that outlives its parent could hog a CPU for good. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(ESRCH);
	_exit(-serve(listen_fd, ctx));
}

int bench_server_cpu_ns(pid_t pid, uint64_t *cpu_ns)
{
	clockid_t clock;
	int error = clock_getcpuclockid(pid, &clock);

	/* The process clock also keeps what ended threads used; /proc/PID/task forgets them. */
	if (error)
		return -error;
	*cpu_ns = clock_ns(clock);
	return 0;
}

int bench_stop_server(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGKILL ? 0 : -EFAULT;
	return WEXITSTATUS(status) ? -WEXITSTATUS(status) : -ECHILD;
}

static void json_string(FILE *out, const char *text)
{
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putc('\\', out);
		if ((unsigned char)*text >= ' ')
			putc(*text, out);
	}
	putc('"', out);
}

static void json_number(FILE *out, const char *key, double value)
{
	/* JSON has no NaN and no infinity. */
	if (isfinite(value))
		fprintf(out, ", \"%s\": %.9g", key, value);
	else
		fprintf(out, ", \"%s\": null", key);
}

static void json_conditions(FILE *out)
{
	struct conditions c;

	read_conditions(&c);
	fprintf(out, "{\n  \"machine\": {\"cpu\": ");
	json_string(out, c.cpu);
	fprintf(out, ", \"n_cpus\": %ld, \"kernel\": ", c.n_cpus);
	json_string(out, c.kernel.release);
	json_number(out, "load_1_min", c.load[0]);
	fprintf(out, "},\n  \"figures\": [");
}

int bench_report_open(struct bench_report *report, const char *json_path)
{
	*report = (struct bench_report){ 0 };
	if (!json_path)
		return 0;
	report->json = fopen(json_path, "we");
	if (!report->json)
		return -errno;
	json_conditions(report->json);
	return 0;
}

static bool figure_passes(const struct bench_figure *f)
{
	return f->higher_is_better ? f->value.median >= f->target : f->value.median <= f->target;
}

static void report_json(struct bench_report *report, const struct bench_figure *f)
{
	FILE *out = report->json;

	fprintf(out, "%s\n    {\"name\": ", report->n_figures ? "," : "");
	json_string(out, f->name);
	fprintf(out, ", \"unit\": ");
	json_string(out, f->unit);
	json_number(out, "median", f->value.median);
	json_number(out, "min", f->value.min);
	json_number(out, "max", f->value.max);
	json_number(out, "target", f->target);
	fprintf(out, ", \"better\": \"%s\", \"pass\": %s}",
		f->higher_is_better ? "higher" : "lower",
		isnan(f->target) ? "null" : figure_passes(f) ? "true" : "false");
}

void bench_report_add(struct bench_report *report, const struct bench_figure *f)
{
	printf("  %-40s %10.5g %-9s [%.5g - %.5g]", f->name, f->value.median, f->unit,
	       f->value.min, f->value.max);
	if (!isnan(f->target)) {
		printf("  target %s %g: %s", f->higher_is_better ? ">=" : "<=", f->target,
		       figure_passes(f) ? "met" : "MISSED");
		report->n_missed += !figure_passes(f);
	}
	putchar('\n');
	fflush(stdout);
	if (report->json)
		report_json(report, f);
	report->n_figures++;
}

void bench_report_value(struct bench_report *report, const char *name, const char *unit,
			const struct bench_summary *value, double target)
{
	struct bench_figure figure = { .name = name, .unit = unit, .value = *value, .target = target };

	bench_report_add(report, &figure);
}

int bench_report_close(struct bench_report *report)
{
	FILE *out = report->json;
	bool failed;

	if (!out)
		return 0;
	report->json = NULL;
	fprintf(out, "\n  ]\n}\n");
	failed = ferror(out);
	return fclose(out) != 0 || failed ? -EIO : 0;
}

int bench_run_table(const struct bench_table *t, struct bench_report *report)
{
	struct bench_outcome outcomes[BENCH_MAX_CASES];
	struct bench_pin pin;
	int ret = bench_pin_begin(&pin);

	if (ret < 0)
		return ret;
	ret = bench_compare(t->cases, t->n_cases, t->n_rounds, outcomes);
	bench_pin_end(&pin);
	if (ret < 0)
		return ret;
	bench_compare_print(t->title, t->unit, t->cases, outcomes, t->n_cases);
	for (unsigned i = 0; i < t->n_cases; i++)
		bench_report_value(report, t->cases[i].name, t->unit, &outcomes[i].value,
				   i < t->n_targets ? t->targets[i] : NAN);
	return 0;
}
