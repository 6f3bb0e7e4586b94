/* SPDX-License-Identifier: MIT */
/* process.c - wait for a child, signal it, be done with it. See process.h. */
#include "stream/process.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>

#include "io/io.h"

enum {
	SIGNAL_GROUP = 1 << 2,		/* PIDFD_SIGNAL_PROCESS_GROUP, 6.9 */
	/* Also one that a signal killed before it was exec'ed, when it has no exit signal yet. */
	ENDED = WEXITED | __WALL,
};

/* --- its end --------------------------------------------------------------------------------- */

static void note_end(rondo_process *p, int error, const siginfo_t *info)
{
	p->ended = true;
	p->error = error;
	p->returncode = info->si_code == CLD_EXITED ? info->si_status : -info->si_status;
}

void rondo__process_look(rondo_process *p)
{
	siginfo_t info = { 0 };
	long ret;

	if (p->ended)
		return;
	ret = kernel_call5(p->kernel, SYS_waitid, P_PIDFD, p->pidfd, &info, ENDED | WNOHANG, 0);
	if (ret < 0 || info.si_pid)
		note_end(p, (int)ret, &info);
}

void rondo__process_unref(rondo_process *p)
{
	if (--p->n_refs || (!p->ended && rondo__orphan_keep(p)))
		return;
	kernel_call2(p->kernel, SYS_close, p->pidfd, 0);
	free(p);
}

static int tell_end(const rondo_process *p, int *returncode)
{
	if (!p->error && returncode)
		*returncode = p->returncode;
	return p->error;
}

/* Looks first, because the kernel may have reaped it for one who does not wait here. */
static int wait_for_end(rondo_process *p)
{
	siginfo_t info;
	int ret;

	rondo__process_look(p);
	if (p->ended)
		return io_checkpoint();
	ret = rondo_waitid(P_PIDFD, (id_t)p->pidfd, &info, ENDED | WNOWAIT);
	if (ret == -ECANCELED)
		return ret;
	rondo__process_look(p);
	return p->ended ? 0 : ret;
}

int rondo_process_wait(rondo_process *p, int *returncode)
{
	int ret;

	p->n_refs++;
	ret = wait_for_end(p);
	if (ret >= 0)
		ret = tell_end(p, returncode);
	rondo__process_unref(p);
	return ret;
}

int rondo_process_returncode(rondo_process *p, int *returncode)
{
	rondo__process_look(p);
	return p->ended ? tell_end(p, returncode) : -EINPROGRESS;
}

/* --- signals --------------------------------------------------------------------------------- */

int rondo_process_send_signal(rondo_process *p, int signal)
{
	if (p->ended)
		return -ESRCH;
	return (int)kernel_call4(p->kernel, SYS_pidfd_send_signal, p->pidfd, signal, NULL, 0);
}

int rondo_process_terminate(rondo_process *p)
{
	return rondo_process_send_signal(p, SIGTERM);
}

int rondo_process_kill(rondo_process *p)
{
	return rondo_process_send_signal(p, SIGKILL);
}

/* By number only while our zombie or child keeps that from being given to another group. */
int rondo_process_signal_group(rondo_process *p, int signal)
{
	long ret;

	if (!p->own_group)
		return -EINVAL;
	ret = kernel_call4(p->kernel, SYS_pidfd_send_signal, p->pidfd, signal, NULL, SIGNAL_GROUP);
	if (ret != -EINVAL)
		return (int)ret;
	return p->ended ? -ESRCH : (int)kernel_call2(p->kernel, SYS_kill, -p->pid, signal);
}

void rondo__process_kill_all(rondo_process *p)
{
	if (p->own_group)
		rondo_process_signal_group(p, SIGKILL);
	else
		rondo_process_kill(p);
}

/* --- being done with it ---------------------------------------------------------------------- */

static int close_pipes(rondo_process *p)
{
	int ret = 0;

	for (int i = 0; i < 3; i++) {
		rondo_stream *s = p->pipes[i];
		int error;

		p->pipes[i] = NULL;
		error = rondo_stream_close(s);
		ret = error == -ECANCELED ? error : ret;
	}
	return ret;
}

static void abort_pipes(rondo_process *p)
{
	for (int i = 0; i < 3; i++) {
		rondo_stream *s = p->pipes[i];

		p->pipes[i] = NULL;
		if (s)
			rondo_stream_abort(s);
	}
}

/* What was killed ends soon. */
static void reap(rondo_process *p)
{
	struct rondo_mask mask;

	rondo_mask_begin(&mask);
	abort_pipes(p);
	(void)!rondo_process_wait(p, NULL);
	rondo_mask_end(&mask);
}

static void kill_and_reap(rondo_process *p)
{
	if (!p->ended)
		rondo__process_kill_all(p);
	reap(p);
}

static int let_it_end(rondo_process *p)
{
	int ret = close_pipes(p);

	if (ret != -ECANCELED)
		ret = rondo_process_wait(p, NULL);
	if (ret == -ECANCELED)
		kill_and_reap(p);
	return ret == -ECANCELED ? ret : 0;
}

static int detach(rondo_process *p)
{
	struct rondo_mask mask;

	rondo_mask_begin(&mask);
	(void)close_pipes(p);
	rondo_mask_end(&mask);
	rondo__process_look(p);
	if (!p->ended) {
		p->n_refs++;
		rondo__orphan(p);
	}
	return 0;
}

static int close_as_agreed(rondo_process *p)
{
	rondo__process_look(p);
	if (p->on_close == RONDO_CLOSE_WAITS)
		return let_it_end(p);
	if (p->on_close == RONDO_CLOSE_DETACHES)
		return detach(p);
	kill_and_reap(p);
	return 0;
}

int rondo_process_close(rondo_process *p)
{
	int ret;

	if (!p)
		return 0;
	resource_remove(&p->resource);
	ret = close_as_agreed(p);
	rondo__process_unref(p);
	return ret;
}

/* --- looking --------------------------------------------------------------------------------- */

pid_t rondo_process_pid(const rondo_process *p)
{
	return p->pid;
}

int rondo_process_pidfd(const rondo_process *p)
{
	return p->pidfd;
}

rondo_stream *rondo_process_stdin(const rondo_process *p)
{
	return p->pipes[0];
}

rondo_stream *rondo_process_stdout(const rondo_process *p)
{
	return p->pipes[1];
}

rondo_stream *rondo_process_stderr(const rondo_process *p)
{
	return p->pipes[2];
}

int rondo_process_close_stdin(rondo_process *p)
{
	rondo_stream *s = p->pipes[0];

	p->pipes[0] = NULL;
	return rondo_stream_close(s);
}
