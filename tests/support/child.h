/* SPDX-License-Identifier: MIT */
/* child.h - do something to a process that must not happen to the test: in a child of fork.
 *
 * There is no cmocka in the child, where a failed assert would go on with the rest of the tests.
 * What a body found is its exit code, and what it says on stderr. */
#ifndef RONDO_TESTS_SUPPORT_CHILD_H
#define RONDO_TESTS_SUPPORT_CHILD_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"

enum {
	CHILD_PATIENCE_MS = 300000,	/* less than ctest's */
	CHILD_KILLED = 1000,		/* added to the signal, where others return an exit code */
};

/* What the last child of child_run() said. */
static char child_stderr[8192];

/* A child that dies as other programs do (cmocka handles the signals of a crash), leaves no core
 * file, and does not outlive the test. */
static inline pid_t child_fork(int (*body)(void *), void *arg)
{
	static const int crashes[] = { SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP };
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid != 0)
		return pid;
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		signal(crashes[i], SIG_DFL);
	_exit(body(arg));
}

static inline int child_end(pid_t pid)
{
	int status = -1;

	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : CHILD_KILLED + WTERMSIG(status);
}

/* Run body(arg) in a child: its exit code, or CHILD_KILLED and the signal that killed it. */
static inline int child_code(int (*body)(void *), void *arg)
{
	return child_end(child_fork(body, arg));
}

/* --- the same, listening to what it says ---------------------------------------------------- */

struct child_speech {
	int (*body)(void *);
	void *arg;
	int to;
};

static inline int child_speak(void *arg)
{
	const struct child_speech *s = arg;

	setpgid(0, 0);
	dup2(s->to, STDERR_FILENO);
	return s->body(s->arg);
}

/* Everything until the last writer has gone, or false if that takes too long. */
static inline bool child_listen(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	const size_t size = sizeof(child_stderr) - 1;
	ssize_t ret = 1;
	size_t n = 0;

	while (ret > 0 && n < size && poll(&p, 1, CHILD_PATIENCE_MS) == 1) {
		ret = read(fd, child_stderr + n, size - n);
		n += ret > 0 ? (size_t)ret : 0;
	}
	child_stderr[n] = '\0';
	return ret == 0;
}

/* Run body(arg) in a child with its stderr in child_stderr; returns what waitpid() said. A child
 * that hangs is killed, with its own children: not by an alarm, because Valgrind keeps signals from
 * a thread that is inside io_uring_enter. */
static inline int child_run(int (*body)(void *), void *arg)
{
	struct child_speech speech = { .body = body, .arg = arg };
	int fds[2], status = -1;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	speech.to = fds[1];
	pid = child_fork(child_speak, &speech);
	close(fds[1]);
	if (!child_listen(fds[0]) && pid > 0)
		kill(-pid, SIGKILL);
	close(fds[0]);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

/* --- bodies without an argument -------------------------------------------------------------- */

static inline int child_call(void *arg)
{
	int (*const *body)(void) = arg;

	return (*body)();
}

static inline int child_call_void(void *arg)
{
	void (*const *body)(void) = arg;

	(*body)();
	return 0;
}

/* As child_code(). */
static inline int child_result(int (*body)(void))
{
	return child_code(child_call, &body);
}

/* As child_run(). */
static inline int run_in_child(int (*body)(void))
{
	return child_run(child_call, &body);
}

/* The same for a body that has nothing to tell: 0 if it returns. */
static inline int child_status(void (*body)(void))
{
	return child_run(child_call_void, &body);
}

/* The body must return 0 in its child. */
static inline void assert_child_succeeds(int (*body)(void))
{
	int status = run_in_child(body);

	if (status != 0)
		print_error("status %#x, stderr: %s\n", (unsigned)status, child_stderr);
	assert_int_equal(status, 0);
}

/* In a child: leave with 1 when a condition does not hold, and say which. */
#define CHILD_CHECK(condition)                                                                     \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			dprintf(STDERR_FILENO, "%s:%d: %s\n", __FILE__, __LINE__, #condition);     \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)
#endif
