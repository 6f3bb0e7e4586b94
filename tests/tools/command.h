/* SPDX-License-Identifier: MIT */
/* command.h - run the rondo program as people run it, and see what it prints and what it leaves.
 *
 * A test fills in a struct command and calls command_run(), or start and end where something has to
 * happen in between. A program started here never outlives its test. */
#ifndef RONDO_TESTS_TOOLS_COMMAND_H
#define RONDO_TESTS_TOOLS_COMMAND_H

#include "faults/child.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

enum {
	OK = 0, FAILED = 1, USAGE = 2,	/* exit codes */
	KILLED = 1000,			/* and the signal, in place of an exit code */
	CANNOT_RUN = 126,
	PATIENCE_MS = 100000,		/* after which whatever does not come is missing */
};

struct command {
	const char *arguments[12];	/* after the program's name; NULL ends them */
	const char *program;		/* NULL: rondo */
	int (*prepare)(void);		/* in the child, before the program; negative: it cannot */
	const char *out_path;		/* standard output, instead of `out` */
	int err_fd;			/* standard error, instead of `err`; 0: none */
	pid_t pid;
	int from_out, from_err;
	int status;
	char out[16384], err[4096];
};

static char command_rondo[PATH_MAX];	/* the program under test */
static char command_folder[PATH_MAX];	/* where the test works; anyone may enter and read */
static char command_copy[PATH_MAX + 8];	/* of rondo, there: a user may have no way to the build */

/* --- the folder ------------------------------------------------------------------------------ */

static inline int command_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static inline bool command_copy_file(const char *from, const char *to)
{
	char block[65536];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	ssize_t n = in < 0 || out < 0 ? -1 : 0;

	while (n >= 0 && (n = read(in, block, sizeof(block))) > 0)
		n = write(out, block, (size_t)n) == n ? n : -1;
	close(in);
	return (fchmod(out, 0755) | close(out)) == 0 && n == 0;
}

/* cmocka group fixtures: relative paths are in an empty folder from here to there. */
static inline int command_enter(void **state)
{
	const char *parent = getenv("TMPDIR"), *rondo = getenv("RONDO");

	(void)state;
	snprintf(command_folder, sizeof(command_folder), "%s/rondo tools XXXXXX",
		 parent ? parent : "/tmp");
	if (!rondo || !realpath(rondo, command_rondo) || !mkdtemp(command_folder))
		return -1;
	snprintf(command_copy, sizeof(command_copy), "%s/rondo", command_folder);
	umask(022);
	return chmod(command_folder, 0755) | chdir(command_folder) |
	       !command_copy_file(command_rondo, command_copy);
}

static inline int command_leave(void **state)
{
	(void)state;
	return chdir("/") == 0 ? nftw(command_folder, command_remove, 8, FTW_DEPTH | FTW_PHYS) : -1;
}

/* A test program's main(); without a rondo program it has nothing to do. */
#define COMMAND_MAIN(tests, setup)                                                                 \
	int main(void)                                                                             \
	{                                                                                          \
		const char *rondo = getenv("RONDO");                                               \
		if (!rondo || access(rondo, X_OK) < 0) {                                           \
			print_message("RONDO does not name the rondo program\n");                  \
			return 77;                                                                 \
		}                                                                                  \
		return cmocka_run_group_tests(tests, setup, command_leave);                        \
	}

/* --- running --------------------------------------------------------------------------------- */

/* In the child. Signals are as at a terminal, wherever the tests were started from. */
static inline void command_exec(const struct command *c, int out, int err)
{
	const char *argv[sizeof(c->arguments) / sizeof(c->arguments[0]) + 2] = {
		c->program ? c->program : "rondo",
	};
	uid_t uid = getuid();
	sigset_t none;

	for (size_t i = 0; i < sizeof(c->arguments) / sizeof(c->arguments[0]); i++)
		argv[i + 1] = c->arguments[i];
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGINT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	if (c->prepare && c->prepare() < 0)
		_exit(CANNOT_RUN);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (c->program)
		execvp(c->program, (char *const *)(uintptr_t)argv);
	else
		execv(uid == getuid() ? command_rondo : command_copy,
		      (char *const *)(uintptr_t)argv);
	_exit(CANNOT_RUN);
}

static inline void command_start(struct command *c)
{
	int out[2], err[2];

	fflush(NULL);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	if (c->out_path) {
		close(out[1]);
		out[1] = open(c->out_path, O_WRONLY | O_CLOEXEC);
		assert_true(out[1] >= 0);
	}
	c->out[0] = c->err[0] = '\0';
	c->pid = fork();
	if (c->pid == 0)
		command_exec(c, out[1], c->err_fd ? c->err_fd : err[1]);
	assert_true(c->pid > 0);
	close(out[1]);
	close(err[1]);
	c->from_out = out[0];
	c->from_err = err[0];
}

/* Append what comes to a string; false at the end of it. */
static inline bool command_read_some(int fd, char *text, size_t size)
{
	size_t n = strlen(text);
	ssize_t got;

	assert_true(n + 1 < size);
	got = read(fd, text + n, size - 1 - n);
	if (got <= 0)
		return false;
	text[n + (size_t)got] = '\0';
	return true;
}

/* Wait until it ends; one that has got stuck is killed, which shows in its status. */
static inline void command_end(struct command *c)
{
	struct pollfd ends[2] = { { .fd = c->from_out, .events = POLLIN },
				  { .fd = c->from_err, .events = POLLIN } };

	while (ends[0].fd >= 0 || ends[1].fd >= 0) {
		if (poll(ends, 2, PATIENCE_MS) == 0)
			kill(c->pid, SIGKILL);
		if (ends[0].revents && !command_read_some(ends[0].fd, c->out, sizeof(c->out)))
			ends[0].fd = -1;
		if (ends[1].revents && !command_read_some(ends[1].fd, c->err, sizeof(c->err)))
			ends[1].fd = -1;
	}
	close(c->from_out);
	close(c->from_err);
	c->status = child_end(c->pid);
}

static inline void command_run(struct command *c)
{
	command_start(c);
	command_end(c);
	if (c->status == CANNOT_RUN) {
		print_message("%s: it cannot be run like this here\n",
			      c->program ? c->program : command_rondo);
		skip();
	}
}

/* --- what is expected ------------------------------------------------------------------------ */

#define assert_status(c, expected)                                                                 \
	do {                                                                                       \
		if ((c)->status != (expected))                                                     \
			print_error("exit %d, not %d; it said: %s\n", (c)->status, expected,       \
				    (c)->err);                                                     \
		assert_int_equal((c)->status, expected);                                           \
	} while (0)

/* One line on standard error, in our form, about what is wrong; and its exit code. */
static inline void assert_complains(const struct command *c, int status, const char *about)
{
	const char *end = strchr(c->err, '\n');

	if (!end || end[1] || strncmp(c->err, "rondo: ", 7) || !strstr(c->err, about))
		print_error("it said \"%s\", which should be a line about \"%s\"\n", c->err, about);
	assert_int_equal(strncmp(c->err, "rondo: ", 7), 0);
	assert_non_null(end);
	assert_string_equal(end, "\n");
	assert_non_null(strstr(c->err, about));
	assert_status(c, status);
}

static inline void assert_refuses(const struct command *c, int status, const char *about)
{
	assert_complains(c, status, about);
	assert_string_equal(c->out, "");
}

static inline void assert_succeeds(const struct command *c)
{
	assert_status(c, OK);
	assert_string_equal(c->err, "");
}

/* Seconds since some moment. */
static inline double command_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}
#endif
