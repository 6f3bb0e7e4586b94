/* SPDX-License-Identifier: MIT */
/* test_process.c - children: start, wait, signal, close. Goal: the matrix of wait; why a program was not
 * started is told by the call that started it; no zombie and no descriptor is left, in whatever
 * way things end. Method: small programs that every system has. */
#include "stream/children.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include "ring/compat.h"
#include "rondo/signal.h"

/* --- the matrix ------------------------------------------------------------------------------ */

static rondo_process *sleeper;

static int make_sleeper(void)
{
	struct rondo_process_options o = { .argv = ARGV("sleep", "1000") };

	return sleeper ? 0 : rondo_process_spawn(&o, &sleeper);
}

static int waits(void *ctx)
{
	int ret = make_sleeper(), returncode = 77;

	(void)ctx;
	if (ret == 0)
		ret = rondo_process_wait(sleeper, &returncode);
	if (ret < 0)
		return returncode == 77 ? ret : -EILSEQ;	/* untouched on failure */
	(void)rondo_process_close(sleeper);
	sleeper = NULL;
	return returncode == -SIGKILL ? 0 : -EILSEQ;
}

static int kills(void *ctx)
{
	int ret = make_sleeper();

	(void)ctx;
	return ret < 0 ? ret : kill(rondo_process_pid(sleeper), SIGKILL);
}

static void is_over(void *ctx)
{
	(void)ctx;
	assert_true(is_childless());
}

/* B3: cancelling wait leaves the child alone: it is there for the next. */
static void test_the_end_of_a_child_is_awaited(void **state)
{
	struct matrix_verb v = { .start = waits, .finish = kills, .clean = is_over };
	struct test_kernel k;

	(void)state;
	matrix_check("process_wait", &v);
	v.kernel = kernel_without(&k, RONDO_OP_WAITID);
	matrix_check("process_wait, by pidfd", &v);
}

/* --- starting -------------------------------------------------------------------------------- */

static int start_fails(const char *const *argv, const char *cwd)
{
	struct rondo_process_options o = {
		.argv = argv, .cwd = cwd, .in = { .kind = RONDO_STDIO_PIPE },
		.out = { .kind = RONDO_STDIO_PIPE }, .err = { .kind = RONDO_STDIO_PIPE },
	};
	rondo_process *p = NULL;
	int ret = rondo_process_spawn(&o, &p);

	return p ? 0 : ret;
}

static int is_told_why(void *arg)
{
	const char *const no_env[] = { "PATH=/nonexistent", NULL };
	struct rondo_process_options o = { .argv = ARGV("true"), .env = no_env };
	rondo_process *p;

	(void)arg;
	CHECK_EQUAL(start_fails(ARGV("/nonexistent/program"), NULL), -ENOENT);
	CHECK_EQUAL(start_fails(ARGV("no-such-program-anywhere"), NULL), -ENOENT);
	CHECK_EQUAL(start_fails(ARGV("/etc/passwd"), NULL), -EACCES);
	CHECK_EQUAL(start_fails(ARGV("/"), NULL), -EACCES);
	CHECK_EQUAL(start_fails(ARGV("/etc/passwd/x"), NULL), -ENOTDIR);
	CHECK_EQUAL(start_fails(ARGV("true"), "/etc/passwd"), -ENOTDIR);
	CHECK_EQUAL(start_fails(ARGV("true"), "/nonexistent"), -ENOENT);
	CHECK_EQUAL(rondo_process_spawn(&o, &p), -ENOENT);
	/* Of several places where it is not, the last is told. */
	o.env = (const char *const[]){ "PATH=/etc/passwd:/nonexistent", NULL };
	CHECK_EQUAL(rondo_process_spawn(&o, &p), -ENOENT);
	o.env = (const char *const[]){ "PATH=/nonexistent:/etc/passwd", NULL };
	CHECK_EQUAL(rondo_process_spawn(&o, &p), -ENOTDIR);
	/* "Not here" says less than any other error. */
	o = (struct rondo_process_options){ .argv = ARGV("passwd") };
	o.env = (const char *const[]){ "PATH=/etc:/nonexistent", NULL };
	CHECK_EQUAL(rondo_process_spawn(&o, &p), -EACCES);
	o = (struct rondo_process_options){ .argv = NULL };
	CHECK_EQUAL(rondo_process_spawn(&o, &p), -EINVAL);
	o = (struct rondo_process_options){ .argv = ARGV("true"), .shell = "true" };
	CHECK_EQUAL(rondo_process_spawn(&o, &p), -EINVAL);
	o = (struct rondo_process_options){ .argv = ARGV("true"), .out = { RONDO_STDIO_STDOUT, 0 } };
	CHECK_EQUAL(rondo_process_spawn(&o, &p), -EINVAL);
	o = (struct rondo_process_options){ .argv = ARGV("true"), .in = { RONDO_STDIO_FD, 9999 } };
	CHECK_EQUAL(rondo_process_spawn(&o, &p), -EBADF);
	o = (struct rondo_process_options){ .argv = ARGV("true"), .pass_fds = (int[]){ 9999 },
					    .n_pass_fds = 1 };
	CHECK_EQUAL(rondo_process_spawn(&o, &p), -EBADF);
	return rondo_process_close(NULL);
}

/* B1, q15 */
static void test_why_a_program_was_not_started_is_told_by_the_call(void **state)
{
	(void)state;
	run_ok(is_told_why, NULL);
}

static int takes_signal(void *arg)
{
	return rondo_signal_next(arg, NULL);
}

/* Who has a handler for SIGCHLD hears of children that were, and not of those that came to nothing. */
static int listens_for_sigchld(void *arg)
{
	struct rondo_process_options o = { .argv = ARGV("true") };
	rondo_signal *s;
	rondo_process *p;

	(void)arg;
	CHECK_EQUAL(rondo_signal_open_one(SIGCHLD, &s), 0);
	CHECK_EQUAL(start_fails(ARGV("/nonexistent/program"), NULL), -ENOENT);
	CHECK_EQUAL(rondo_wait_for(takes_signal, s, 0.001), -ETIMEDOUT);
	CHECK_EQUAL(rondo_process_spawn(&o, &p), 0);
	CHECK_EQUAL(rondo_signal_next(s, NULL), SIGCHLD);
	CHECK_EQUAL(rondo_process_close(p), 0);
	return rondo_signal_close(s);
}

static void test_a_child_that_came_to_nothing_sends_no_sigchld(void **state)
{
	(void)state;
	run_ok(listens_for_sigchld, NULL);
}

/* One descriptor more each time, until there are enough. */
static int runs_short(void *arg)
{
	struct rondo_process_options o = {
		.argv = ARGV("true"), .in = { .kind = RONDO_STDIO_PIPE },
		.out = { .kind = RONDO_STDIO_PIPE }, .err = { .kind = RONDO_STDIO_PIPE },
	};
	int n_fds = count_fds(), n_failed = 0;
	struct rlimit limit, low;
	rondo_process *p = NULL;

	(void)arg;
	CHECK_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (low = limit; !p; n_failed++) {
		int ret;

		low.rlim_cur = (rlim_t)(n_fds - 1 + n_failed);
		CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &low), 0);
		ret = rondo_process_spawn(&o, &p);
		CHECK_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
		CHECK(ret == 0 || ret == -EMFILE);
		CHECK(ret == 0 || count_fds() == n_fds);
		CHECK(ret == 0 || is_childless());
	}
	CHECK(n_failed > 4);
	CHECK_EQUAL(rondo_process_wait(p, NULL), 0);
	return rondo_process_close(p);
}

static void test_without_descriptors_nothing_is_left(void **state)
{
	(void)state;
	run_ok(runs_short, NULL);
}

static int inherits(void *arg)
{
	const char *const env[] = { "X=of the child", "PATH=/bin:/usr/bin", NULL };
	struct rondo_process_options o = { .shell = "pwd; echo $X", .cwd = "/", .env = env };
	int leaked = dup(0), passed = dup(0);	/* both without O_CLOEXEC */
	char out[4096], expected[64];

	(void)arg;
	CHECK_EQUAL(outcome(&o, out, sizeof(out)), 0);
	CHECK(!strcmp(out, "/\nof the child\n"));
	/* The fourth is ls's own, of the folder. */
	o = (struct rondo_process_options){ .argv = ARGV("ls", "/proc/self/fd") };
	CHECK_EQUAL(outcome(&o, out, sizeof(out)), 0);
	CHECK(!strcmp(out, "0\n1\n2\n3\n"));
	o.argv = ARGV("ls", "-v", "/proc/self/fd");
	o.pass_fds = &passed;
	o.n_pass_fds = 1;
	CHECK_EQUAL(outcome(&o, out, sizeof(out)), 0);
	snprintf(expected, sizeof(expected), "0\n1\n2\n3\n%d\n", passed);
	CHECK(!strcmp(out, expected));
	close(leaked);
	close(passed);
	return 0;
}

static void test_a_child_has_what_it_was_given_and_no_more(void **state)
{
	(void)state;
	run_ok(inherits, NULL);
}

/* The mask, what is caught, and what is ignored, as the kernel shows them. */
static int signals_of_child(char *out, size_t size, unsigned long long *ignored)
{
	struct rondo_process_options o = {
		.argv = ARGV("grep", "-E", "^Sig(Blk|Ign|Cgt):", "/proc/self/status"),
	};
	const char *ign;

	CHECK_EQUAL(outcome(&o, out, size), 0);
	ign = strstr(out, "SigIgn:");
	CHECK(ign);
	*ignored = strtoull(ign + 7, NULL, 16);
	CHECK(strstr(out, "SigBlk:\t0000000000000000\n"));
	return 0;
}

static int changes_signals(void *arg)
{
	unsigned long long ignored;
	rondo_signal *s;
	sigset_t usr1;
	char out[512];

	(void)arg;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	CHECK_EQUAL(rondo_signal_open_one(SIGTERM, &s), 0);
	CHECK_EQUAL(signals_of_child(out, sizeof(out), &ignored), 0);
	CHECK_EQUAL(rondo_signal_close(s), 0);
	pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
	CHECK(!(ignored & 1ull << (SIGPIPE - 1)));
	CHECK(!(ignored & 1ull << (SIGXFSZ - 1)));
	CHECK(ignored & 1ull << (SIGHUP - 1));		/* nohup works */
	CHECK(!(strtoull(strstr(out, "SigCgt:") + 7, NULL, 16) & 1ull << (SIGTERM - 1)));
	return 0;
}

/* N1: children get the default mask. */
static void test_signals_of_a_child_are_the_default_ones(void **state)
{
	(void)state;
	run_ok(changes_signals, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
}

static int has_group(enum rondo_process_group group)
{
	struct rondo_process_options o = { .argv = ARGV("sleep", "1000"), .group = group };
	rondo_process *p;
	pid_t pid, pgid, sid;

	CHECK_EQUAL(rondo_process_spawn(&o, &p), 0);
	pid = rondo_process_pid(p);
	pgid = getpgid(pid);
	sid = getsid(pid);
	CHECK_EQUAL(rondo_process_close(p), 0);
	return (pgid == pid) + (sid == pid) + (pgid == getpgid(0) ? 10 : 0);
}

static int is_grouped(void *arg)
{
	(void)arg;
	CHECK_EQUAL(has_group(RONDO_GROUP_DEFAULT), 10);
	CHECK_EQUAL(has_group(RONDO_GROUP_OURS), 10);
	CHECK_EQUAL(has_group(RONDO_GROUP_OWN), 1);
	CHECK_EQUAL(has_group(RONDO_GROUP_SESSION), 2);
	return 0;
}

static void test_a_child_is_in_the_group_asked_for(void **state)
{
	(void)state;
	run_ok(is_grouped, NULL);
}

/* Our 0 is what it shall write to, our 1 what it shall read from, our 2 is named although it is its
 * own; and pipes lie on 0 to 2 themselves. */
static int crosses(void *arg)
{
	struct rondo_process_options o = {
		.argv = ARGV("cat"), .in = { RONDO_STDIO_FD, 1 }, .out = { RONDO_STDIO_FD, 0 },
		.err = { RONDO_STDIO_FD, 2 },
	};
	int in[2], out[2], returncode;
	rondo_process *p;
	char buf[8];

	(void)arg;
	CHECK(pipe(in) == 0 && pipe(out) == 0);
	CHECK(dup2(out[1], 0) == 0 && dup2(in[0], 1) == 1);
	CHECK_EQUAL(rondo_process_spawn(&o, &p), 0);
	CHECK(write(in[1], "crossed", 7) == 7 && close(in[1]) == 0);
	CHECK_EQUAL(rondo_process_wait(p, &returncode), 0);
	CHECK_EQUAL(returncode, 0);
	CHECK_EQUAL(read(out[0], buf, sizeof(buf)), 7);
	CHECK_EQUAL(rondo_process_close(p), 0);
	close(0), close(1), close(2);
	o = (struct rondo_process_options){ .shell = "cat; echo err >&2" };
	CHECK_EQUAL(outcome(&o, buf, sizeof(buf)), 0);
	CHECK(!strcmp(buf, "err\n"));
	return 0;
}

static int runs_crossed(void *arg)
{
	int ret = rondo_run(crosses, arg);

	return ret == 0 && !check_failure[0] ? 0 : 1;
}

static void test_descriptors_may_stand_in_each_others_place(void **state)
{
	(void)state;
	assert_int_equal(child_code(runs_crossed, NULL), 0);
}

/* --- waiting, signals ------------------------------------------------------------------------ */

static int waits_for(void *arg)
{
	int returncode, ret = rondo_process_wait(arg, &returncode);

	return ret < 0 ? ret : returncode < 0 ? 1000 - returncode : returncode;
}

/* B5, q15 */
static int terminates(void *arg)
{
	struct rondo_process_options o = { .argv = ARGV("sleep", "1000") };
	rondo_task *a, *b;
	rondo_process *p;
	int returncode;

	(void)arg;
	CHECK_EQUAL(rondo_process_spawn(&o, &p), 0);
	CHECK_EQUAL(rondo_process_returncode(p, &returncode), -EINPROGRESS);
	a = rondo_create_task(waits_for, p);
	b = rondo_create_task(waits_for, p);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK_EQUAL(rondo_process_send_signal(p, 9999), -EINVAL);
	CHECK_EQUAL(rondo_process_terminate(p), 0);
	CHECK_EQUAL(rondo_process_wait(p, &returncode), 0);
	CHECK_EQUAL(returncode, -15);
	CHECK_EQUAL(rondo_await(a), 1015);
	CHECK_EQUAL(rondo_await(b), 1015);
	CHECK_EQUAL(rondo_process_kill(p), -ESRCH);
	CHECK_EQUAL(rondo_process_terminate(p), -ESRCH);
	CHECK_EQUAL(rondo_process_signal_group(p, SIGKILL), -EINVAL);
	CHECK_EQUAL(rondo_process_returncode(p, &returncode), 0);
	CHECK_EQUAL(returncode, -15);
	return rondo_process_close(p);
}

static void test_every_waiter_is_told_of_the_same_end(void **state)
{
	(void)state;
	run_ok(terminates, NULL);
}

/* B2 */
static int is_reaped_elsewhere(void *arg)
{
	struct rondo_process_options o = { .argv = ARGV("true") };
	rondo_process *p;

	(void)arg;
	CHECK_EQUAL(rondo_process_spawn(&o, &p), 0);
	CHECK_EQUAL(waitpid(rondo_process_pid(p), NULL, 0), rondo_process_pid(p));
	CHECK_EQUAL(rondo_process_wait(p, NULL), -ECHILD);
	CHECK_EQUAL(rondo_process_returncode(p, NULL), -ECHILD);
	CHECK_EQUAL(rondo_process_kill(p), -ESRCH);
	return rondo_process_close(p);
}

static void test_a_child_that_somebody_else_reaped_is_told_so(void **state)
{
	(void)state;
	run_ok(is_reaped_elsewhere, NULL);
}

static int awaits_end(void *arg)
{
	return rondo_stream_read(arg, (char[16]){ 0 }, 16);
}

/* B3, K17: its child has the pipe. */
static int waits_for_child_alone(void *arg)
{
	struct rondo_process_options o = {
		.shell = "sleep 1000 & exit 3", .out = { .kind = RONDO_STDIO_PIPE },
		.group = RONDO_GROUP_OWN,
	};
	rondo_process *p;
	int returncode, ret;

	(void)arg;
	CHECK_EQUAL(rondo_process_spawn(&o, &p), 0);
	CHECK_EQUAL(rondo_process_wait(p, &returncode), 0);
	CHECK_EQUAL(returncode, 3);
	CHECK_EQUAL(rondo_wait_for(awaits_end, rondo_process_stdout(p), 0.002), -ETIMEDOUT);
	ret = rondo_process_signal_group(p, SIGKILL);
	if (ret == -ESRCH)		/* before 6.9 nobody can know whose group that is now */
		CHECK_EQUAL(kill(-rondo_process_pid(p), SIGKILL), 0);
	CHECK_EQUAL(awaits_end(rondo_process_stdout(p)), 0);
	return rondo_process_close(p);
}

static void test_wait_does_not_wait_for_grandchildren(void **state)
{
	(void)state;
	run_ok(waits_for_child_alone, NULL);
}

/* B3: a child that has filled a pipe does not end until somebody reads it. */
static int fills_a_pipe(void *arg)
{
	struct rondo_process_options o = {
		.argv = ARGV("head", "-c", "200000", "/dev/zero"),
		.out = { .kind = RONDO_STDIO_PIPE },
	};
	rondo_process *p;
	void *data;

	(void)arg;
	CHECK_EQUAL(rondo_process_spawn(&o, &p), 0);
	CHECK_EQUAL(rondo_wait_for(waits_for, p, 0.01), -ETIMEDOUT);
	CHECK_EQUAL(rondo_stream_read_all(rondo_process_stdout(p), 1 << 20, &data), 200000);
	free(data);
	CHECK_EQUAL(rondo_process_wait(p, NULL), 0);
	return rondo_process_close(p);
}

static void test_a_full_pipe_holds_a_child_up_until_it_is_read(void **state)
{
	(void)state;
	run_ok(fills_a_pipe, NULL);
}

static int talks(void *arg)
{
	struct rondo_process_options o = {
		.argv = ARGV("cat"), .in = { .kind = RONDO_STDIO_PIPE },
		.out = { .kind = RONDO_STDIO_PIPE },
	};
	const char *line;
	rondo_process *p;

	(void)arg;
	CHECK_EQUAL(rondo_process_spawn(&o, &p), 0);
	CHECK(!rondo_process_stderr(p));
	for (int i = 0; i < 3; i++) {
		CHECK_EQUAL(rondo_stream_printf(rondo_process_stdin(p), "line %d\n", i), 0);
		CHECK_EQUAL(rondo_stream_read_line(rondo_process_stdout(p), &line), 7);
		CHECK(!memcmp(line, "line ", 5) && line[5] == '0' + i);
	}
	CHECK_EQUAL(rondo_process_close_stdin(p), 0);
	CHECK_EQUAL(rondo_process_close_stdin(p), 0);
	CHECK(!rondo_process_stdin(p));
	CHECK_EQUAL(rondo_stream_read_line(rondo_process_stdout(p), &line), 0);
	CHECK_EQUAL(rondo_process_wait(p, NULL), 0);
	return rondo_process_close(p);
}

static void test_a_conversation_line_by_line(void **state)
{
	(void)state;
	run_ok(talks, NULL);
}

/* --- closing --------------------------------------------------------------------------------- */

static int closes(void *arg)
{
	return rondo_process_close(arg);
}

/* Writes what it was told last, when it is told no more. */
static int start_cat(enum rondo_on_close on_close, int out, rondo_process **p)
{
	struct rondo_process_options o = {
		.argv = ARGV("cat"), .in = { .kind = RONDO_STDIO_PIPE },
		.out = { RONDO_STDIO_FD, out }, .on_close = on_close,
	};

	return rondo_process_spawn(&o, p);
}

static int closes_and_waits(void *arg)
{
	struct rondo_process_options o = {
		.argv = ARGV("sleep", "1000"), .on_close = RONDO_CLOSE_WAITS,
	};
	int out[2];
	char buf[8];
	rondo_process *p;
	rondo_task *waiter;

	(void)arg;
	CHECK_EQUAL(pipe2(out, O_CLOEXEC), 0);
	CHECK_EQUAL(start_cat(RONDO_CLOSE_WAITS, out[1], &p), 0);
	CHECK_EQUAL(rondo_stream_write(rondo_process_stdin(p), "bye", 3), 0);
	waiter = rondo_create_task(waits_for, p);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK_EQUAL(rondo_process_close(p), 0);
	CHECK(is_childless());
	CHECK_EQUAL(rondo_await(waiter), 0);
	CHECK_EQUAL(read(out[0], buf, sizeof(buf)), 3);
	close(out[0]);
	close(out[1]);
	/* A cancel makes it short. */
	CHECK_EQUAL(rondo_process_spawn(&o, &p), 0);
	CHECK_EQUAL(rondo_wait_for(closes, p, 0.002), -ETIMEDOUT);
	CHECK(is_childless());
	return 0;
}

/* B6 */
static void test_a_close_that_waits(void **state)
{
	(void)state;
	run_ok(closes_and_waits, NULL);
}

/* A cancel that is pending does not keep it from being killed and reaped. */
static int closes_and_kills(void *arg)
{
	rondo_task *waiter;
	rondo_process *p;

	(void)arg;
	CHECK_EQUAL(start_cat(RONDO_CLOSE_KILLS, 2, &p), 0);
	waiter = rondo_create_task(waits_for, p);
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	rondo_cancel(rondo_current_task());
	CHECK_EQUAL(rondo_process_close(p), 0);
	CHECK(is_childless());
	CHECK_EQUAL(rondo_yield(), -ECANCELED);
	rondo_uncancel(rondo_current_task());
	CHECK_EQUAL(rondo_await(waiter), 1009);
	return 0;
}

static void test_a_close_that_kills(void **state)
{
	(void)state;
	run_ok(closes_and_kills, NULL);
}

static int detaches(void *arg)
{
	rondo_process *p;

	(void)arg;
	CHECK_EQUAL(start_cat(RONDO_CLOSE_DETACHES, 2, &p), 0);
	CHECK_EQUAL(rondo_process_close(p), 0);
	for (int i = 0; i < 5000 && !is_childless(); i++)	/* it ends, its input being closed */
		CHECK_EQUAL(rondo_sleep(0.001), 0);
	CHECK(is_childless());
	return 0;
}

static void test_a_detached_child_is_reaped_all_the_same(void **state)
{
	(void)state;
	run_ok(detaches, NULL);
}

static int detaches_for_long(void *arg)
{
	struct rondo_process_options o = {
		.argv = ARGV("sleep", "1000"), .on_close = RONDO_CLOSE_DETACHES,
	};
	rondo_process *p;

	CHECK_EQUAL(rondo_process_spawn(&o, &p), 0);
	*(pid_t *)arg = rondo_process_pid(p);
	return rondo_process_close(p);
}

static int starts_another(void *arg)
{
	struct rondo_process_options o = { .argv = ARGV("true") };

	return outcome(&o, arg, 1);
}

/* It outlives the loop; whoever starts the next child finds it. */
static void test_a_detached_child_outlives_the_loop_and_is_reaped_later(void **state)
{
	int n_fds = count_fds();
	siginfo_t info;
	pid_t pid;
	char out[1];

	(void)state;
	assert_int_equal(rondo_run(detaches_for_long, &pid), 0);
	assert_checks_passed();
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(rondo_run(starts_another, out), 0);
	assert_true(is_childless());
	assert_int_equal(count_fds(), n_fds);
}

static int forgets(void *arg)
{
	struct rondo_process_options o = {
		.argv = ARGV("sleep", "1000"), .in = { .kind = RONDO_STDIO_PIPE },
		.out = { .kind = RONDO_STDIO_PIPE },
	};
	rondo_process *p;

	(void)arg;
	return rondo_process_spawn(&o, &p);
}

static char reports[256];

static void keep_report(const struct rondo_report *report, void *arg)
{
	(void)arg;
	strncat(reports, report->message, 27);
	strcat(reports, ";");
}

/* K17: "Event loop is closed" in a destructor; here it is told, killed and reaped. */
static void test_a_child_that_was_never_closed_does_not_outlive_the_loop(void **state)
{
	const struct rondo_options o = { .on_error = keep_report };
	int n_fds = count_fds();

	(void)state;
	assert_int_equal(rondo_run_with(&o, forgets, NULL), 0);
	assert_string_equal(reports, "never closed: child process;");
	assert_true(is_childless());
	assert_int_equal(count_fds(), n_fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_end_of_a_child_is_awaited),
		cmocka_unit_test(test_why_a_program_was_not_started_is_told_by_the_call),
		cmocka_unit_test(test_a_child_that_came_to_nothing_sends_no_sigchld),
		cmocka_unit_test(test_without_descriptors_nothing_is_left),
		cmocka_unit_test(test_a_child_has_what_it_was_given_and_no_more),
		cmocka_unit_test(test_signals_of_a_child_are_the_default_ones),
		cmocka_unit_test(test_a_child_is_in_the_group_asked_for),
		cmocka_unit_test(test_descriptors_may_stand_in_each_others_place),
		cmocka_unit_test(test_every_waiter_is_told_of_the_same_end),
		cmocka_unit_test(test_a_child_that_somebody_else_reaped_is_told_so),
		cmocka_unit_test(test_wait_does_not_wait_for_grandchildren),
		cmocka_unit_test(test_a_full_pipe_holds_a_child_up_until_it_is_read),
		cmocka_unit_test(test_a_conversation_line_by_line),
		cmocka_unit_test(test_a_close_that_waits),
		cmocka_unit_test(test_a_close_that_kills),
		cmocka_unit_test(test_a_detached_child_is_reaped_all_the_same),
		cmocka_unit_test(test_a_child_that_was_never_closed_does_not_outlive_the_loop),
		cmocka_unit_test(test_a_detached_child_outlives_the_loop_and_is_reaped_later),
	};

	/* A folder that is closed to us, such as one below /root, would make -EACCES of -ENOENT. */
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
