/* SPDX-License-Identifier: MIT */
/* spawn.c - start another program, as vfork(2) would: the child borrows our memory until it execs, so
 * nothing is copied, and it leaves the reason there if it cannot. Until then it makes system calls
 * and nothing else: it has our locks, our malloc and our thread's storage. No pthread_atfork()
 * handler runs. */
#include "ring/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ring/kernel.h"
#include "switch/sanitizer.h"

enum {
	CHILD_STACK_SIZE = 16 << 10,
	EXIT_UNUSED = 127,		/* nobody sees it */
	N_SIGNALS = 64,
	SIGSET_SIZE = 8,		/* the kernel's */
	CLOSE_RANGE_CLOEXEC_BIT = 1 << 2,
};

struct child {
	const struct spawn *s;
	int error;			/* why the program was not started; 0: it was */
};

/* Not the libc's functions: checkers intercept those. */
SAN_BARE static long sys(long number, long a, long b, long c)
{
	long ret = syscall(number, a, b, c, 0L, 0L);

	return ret < 0 ? -errno : ret;
}

/* --- in the child ---------------------------------------------------------------------------- */

/* No handler of ours may run here, in borrowed memory, once signals are let in. */
SAN_BARE static void reset_signals(void)
{
	struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } act;
	unsigned long none = 0;

	for (int i = 1; i <= N_SIGNALS; i++) {
		if (syscall(SYS_rt_sigaction, i, NULL, &act, SIGSET_SIZE) < 0 ||
		    act.handler == (void *)SIG_DFL)
			continue;
		if (act.handler == (void *)SIG_IGN && i != SIGPIPE && i != SIGXFSZ)
			continue;
		act.handler = (void *)SIG_DFL;
		act.flags = 0;
		syscall(SYS_rt_sigaction, i, &act, NULL, SIGSET_SIZE);
	}
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, SIGSET_SIZE);
}

SAN_BARE static long open_null(void)
{
	return sys(SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDWR | O_CLOEXEC);
}

/* Descriptor i shall be what from is. */
SAN_BARE static long place(int i, int from)
{
	if (from == SPAWN_INHERIT)
		return 0;
	if (from == i)
		return sys(SYS_fcntl, i, F_SETFD, 0);
	return sys(SYS_dup3, from, i, 0);
}

/* Those that are in the way of others move up first: stdin may be our 1, and stdout our 0. */
SAN_BARE static long set_stdio(const struct spawn *s)
{
	int from[3];
	long ret = 0;

	for (int i = 0; i < 3; i++) {
		from[i] = s->fds[i];
		if (from[i] == SPAWN_NULL)
			ret = from[i] = (int)open_null();
		if (ret >= 0 && from[i] >= 0 && from[i] < 3 && from[i] != i)
			ret = from[i] = (int)sys(SYS_fcntl, from[i], F_DUPFD_CLOEXEC, 3);
		if (ret < 0)
			return ret;
	}
	for (int i = 0; i < 2; i++)
		if ((ret = place(i, from[i])) < 0)
			return ret;
	return from[2] == SPAWN_STDOUT ? sys(SYS_dup3, 1, 2, 0) : place(2, from[2]);
}

/* Whatever was opened without O_CLOEXEC, by whomever, stays behind. */
SAN_BARE static void close_others_on_exec(void)
{
	struct rlimit limit = { .rlim_cur = 1024 };

	if (sys(SYS_close_range, 3, UINT32_MAX, CLOSE_RANGE_CLOEXEC_BIT) == 0)
		return;
	syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
	for (long fd = 3; fd < (long)limit.rlim_cur; fd++)
		sys(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
}

SAN_BARE static long set_fds(const struct spawn *s)
{
	long ret = set_stdio(s);

	if (ret < 0)
		return ret;
	close_others_on_exec();
	for (size_t i = 0; i < s->n_pass_fds && ret >= 0; i++)
		ret = sys(SYS_fcntl, s->pass_fds[i], F_SETFD, 0);
	return ret;
}

/* Does not return if all goes well. An error that says more than "not here" is the one to tell. */
SAN_BARE static long exec_first(const struct spawn *s)
{
	long ret = -ENOENT;

	for (const char *const *p = s->paths; *p; p++) {
		long error = sys(SYS_execve, (long)*p, (long)s->argv, (long)s->envp);

		if (ret == -ENOENT || ret == -ENOTDIR)
			ret = error;
		if (error != -ENOENT && error != -ENOTDIR && error != -EACCES)
			return error;
	}
	return ret;
}

SAN_BARE static long become(const struct spawn *s)
{
	long ret = 0;

	if (s->new_session)
		ret = sys(SYS_setsid, 0, 0, 0);
	else if (s->new_group)
		ret = sys(SYS_setpgid, 0, 0, 0);
	if (ret >= 0)
		ret = set_fds(s);
	if (ret >= 0 && s->cwd)
		ret = sys(SYS_chdir, (long)s->cwd, 0, 0);
	if (ret < 0)
		return ret;
	reset_signals();
	return exec_first(s);
}

SAN_BARE static int child_main(void *arg)
{
	struct child *c = arg;

	c->error = (int)become(c->s);
	syscall(SYS_exit_group, EXIT_UNUSED);
	return EXIT_UNUSED;
}

/* --- in the parent --------------------------------------------------------------------------- */

/* Without an exit signal nobody is told of a child that did not come to be, and no waitpid(-1) of
 * another thread sees it; exec makes SIGCHLD of it. It shares errno with us. */
static int start(struct child *c, char *stack, int *pidfd)
{
	int pid = san_clone(child_main, stack + CHILD_STACK_SIZE,
			    CLONE_VM | CLONE_VFORK | CLONE_PIDFD, c, pidfd);

	return pid < 0 ? -errno : pid;
}

/* The child has gone already, or is about to. */
static void bury(int pid, int pidfd)
{
	siginfo_t info;

	while (waitid(P_PID, (id_t)pid, &info, WEXITED | __WALL) < 0 && errno == EINTR)
		;
	close(pidfd);
}

int rondo__spawn_linux(const struct kernel *k, const struct spawn *s, int *pidfd)
{
	const unsigned long all = ~0ul;
	struct child c = { .s = s };
	int fd = -1, pid, error = errno;
	char *stack = malloc(CHILD_STACK_SIZE);
	unsigned long mask;

	(void)k;
	if (!stack)
		return -ENOMEM;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, SIGSET_SIZE);
	pid = start(&c, stack, &fd);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, SIGSET_SIZE);
	errno = error;
	free(stack);
	if (pid >= 0 && c.error) {
		bury(pid, fd);
		return c.error;
	}
	if (pid >= 0)
		*pidfd = fd;
	return pid;
}
