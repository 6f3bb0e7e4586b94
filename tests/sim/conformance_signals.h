/* SPDX-License-Identifier: MIT */
/* conformance_signals.h - scripts: signals that a process sends to itself and to its children. */
#ifndef RONDO_TESTS_CONFORMANCE_SIGNALS_H
#define RONDO_TESTS_CONFORMANCE_SIGNALS_H

#include "sim/conformance_calls.h"

enum { QUEUED = 40, SIGNALS_SIZE = 8 };

static volatile int n_signals, last_value;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	n_signals++;
	last_value = info->si_value.sival_int;
}

static int own_pid(const struct conf *c)
{
	return c->in_sim ? 1 : getpid();
}

static void handle(struct conf *c, int signal, bool on)
{
	struct sigaction a = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART };

	if (!on)
		a = (struct sigaction){ .sa_handler = SIG_DFL };
	needs(c, c->kernel->sigaction(c->kernel, signal, &a, NULL));
	n_signals = 0;
}

static uint64_t bit_of_signal(int signal)
{
	return UINT64_C(1) << (signal - 1);
}

static void call_kill(struct conf *c)
{
	handle(c, SIGUSR2, true);
	SAY(c, 1, kill, own_pid(c), SIGUSR2);
	say(c, 2, n_signals);
	SAY(c, 3, kill, own_pid(c), 0);
	SAY(c, 4, kill, own_pid(c), 99);
	SAY(c, 5, kill, 0x3fffffff, SIGUSR2);
	SAY(c, 6, kill, -0x3fffffff, SIGUSR2);
	handle(c, SIGUSR2, false);
}

/* What is ignored, by default or on demand, has no effect. */
static void call_kill_ignored(struct conf *c)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };

	SAY(c, 1, kill, own_pid(c), SIGWINCH);
	needs(c, c->kernel->sigaction(c->kernel, SIGUSR2, &ignore, NULL));
	SAY(c, 2, kill, own_pid(c), SIGUSR2);
	handle(c, SIGUSR2, true);
	say(c, 3, n_signals);
	handle(c, SIGUSR2, false);
}

/* Of a standard signal one is kept while it is blocked. */
static void call_mask(struct conf *c)
{
	uint64_t set = bit_of_signal(SIGUSR2), old = 0;

	handle(c, SIGUSR2, true);
	SAY(c, 1, rt_sigprocmask, SIG_BLOCK, &set, &old, SIGNALS_SIZE);
	say(c, 2, (old & set) != 0);
	for (int i = 0; i < 3; i++)
		needs(c, plain(c, kill, own_pid(c), SIGUSR2));
	say(c, 3, n_signals);
	SAY(c, 4, rt_sigprocmask, SIG_UNBLOCK, &set, &old, SIGNALS_SIZE);
	say(c, 5, (old & set) != 0);
	say(c, 6, n_signals);
	SAY(c, 7, rt_sigprocmask, 99, &set, NULL, SIGNALS_SIZE);
	SAY(c, 8, rt_sigprocmask, SIG_BLOCK, &set, NULL, 5);
	handle(c, SIGUSR2, false);
}

static void queue(struct conf *c, int signal, int value)
{
	siginfo_t info = { .si_signo = signal, .si_code = SI_QUEUE };

	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = value;
	needs(c, plain(c, rt_sigqueueinfo, own_pid(c), signal, &info));
}

/* Those from SIGRTMIN on are all kept, with their values and in order; the lowest number comes first. */
static void call_queue(struct conf *c)
{
	uint64_t set = bit_of_signal(QUEUED) | bit_of_signal(SIGUSR2);

	handle(c, QUEUED, true);
	handle(c, SIGUSR2, true);
	needs(c, plain(c, rt_sigprocmask, SIG_BLOCK, &set, NULL, SIGNALS_SIZE));
	queue(c, QUEUED, 1);
	queue(c, SIGUSR2, 7);
	queue(c, QUEUED, 2);
	queue(c, SIGUSR2, 8);
	set = bit_of_signal(SIGUSR2);
	needs(c, plain(c, rt_sigprocmask, SIG_UNBLOCK, &set, NULL, SIGNALS_SIZE));
	say(c, 1, n_signals);
	say(c, 2, last_value);
	set = bit_of_signal(QUEUED);
	needs(c, plain(c, rt_sigprocmask, SIG_UNBLOCK, &set, NULL, SIGNALS_SIZE));
	say(c, 3, n_signals);
	say(c, 4, last_value);
	handle(c, QUEUED, false);
	handle(c, SIGUSR2, false);
}

static void call_pidfd_signal(struct conf *c)
{
	int pid = make_child(c, 5, 20000), fd = keep_fd(c, plain(c, pidfd_open, pid, 0));
	const siginfo_t *info = (const void *)c->buf;

	SAY(c, 1, pidfd_send_signal, fd, 0, NULL, 0);
	SAY(c, 2, pidfd_send_signal, fd, 99, NULL, 0);
	SAY(c, 3, pidfd_send_signal, fd, SIGTERM, NULL, 1 << 20);
	SAY(c, 4, pidfd_send_signal, -1, SIGTERM, NULL, 0);
	SAY(c, 5, pidfd_send_signal, fd, SIGTERM, NULL, 0);
	ADD(c, 6, poll_add, fd, POLLIN);
	wait_for(c, 1);
	SAY(c, 7, pidfd_send_signal, fd, SIGTERM, NULL, 0);	/* a zombie takes it */
	SAY(c, 8, waitid, P_PIDFD, fd, c->buf, WEXITED | WNOHANG, NULL);
	say(c, 9, info->si_code == CLD_KILLED);
	say_child(c, pid);
	SAY(c, 12, pidfd_send_signal, fd, SIGTERM, NULL, 0);
}

static const struct script signal_scripts[] = {
	CALL_SCRIPT(kill, call_kill, .exact = "1=0 2=1 3=0 4=-EINVAL 5=-ESRCH 6=-ESRCH"),
	CALL_SCRIPT(kill, call_kill_ignored, .exact = "1=0 2=0 3=0"),
	CALL_SCRIPT(rt_sigprocmask, call_mask, .exact = "1=0 2=0 3=0 4=0 5=1 6=1 7=-EINVAL 8=-EINVAL"),
	CALL_SCRIPT(rt_sigqueueinfo, call_queue, .exact = "1=1 2=7 3=3 4=2"),
	CALL_SCRIPT(pidfd_send_signal, call_pidfd_signal, .exact = "1=0 2=-EINVAL 3=-EINVAL 4=-EBADF "
		    "5=0 6=1 7=0 8=0 9=1 10=1 11=15 12=-ESRCH"),
};
#endif
