/* SPDX-License-Identifier: MIT */
/* runner.c - a loop that is used several times (rows R2, R4 to R6).
 *
 * Deliberately absent: setting another loop as the current one, and policies (R7: the running loop
 * is a property of the thread, and there is no other); run_until_complete() of a foreign future
 * (R5: a main function awaits it); is_running() of other threads' loops, which is out of date as it
 * is told. */
#include "rondo/runner.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop/remote.h"
#include "task/run.h"

/* May this thread use it? The ring is one thread's, and a child of fork() has none (KN-17). */
static int check(const rondo_loop *loop, struct run **run)
{
	struct loop *l = rondo__remote_loop(loop);

	if (!l)
		return -ESHUTDOWN;
	*run = run_of(l);
	if ((*run)->thread != (pid_t)syscall(SYS_gettid) || (*run)->process != getpid())
		return -RONDO_EWRONGLOOP;
	return rondo__loop ? -EBUSY : 0;
}

int rondo_loop_new(const struct rondo_options *options, rondo_loop **loop)
{
	struct run *run;
	int ret;

	if (rondo__loop)
		return -EBUSY;
	ret = rondo__run_open(&rondo__kernel_linux, options, &run);
	if (ret < 0)
		return ret;
	loop_make_current(NULL);		/* it does not run yet */
	*loop = run->loop.remote;
	return 0;
}

int rondo_loop_run(rondo_loop *loop, rondo_fn *main, void *arg)
{
	struct run *run;
	int ret = check(loop, &run);

	if (ret < 0)
		return ret;
	loop_make_current(&run->loop);
	ret = rondo__run_main(run, main, arg);
	loop_make_current(NULL);
	return ret;
}

int rondo_loop_run_forever(rondo_loop *loop)
{
	struct run *run;
	int ret = check(loop, &run);

	if (ret < 0)
		return ret;
	loop_make_current(&run->loop);
	ret = rondo__run_forever(run);
	loop_make_current(NULL);
	return ret;
}

int rondo_loop_stop(rondo_loop *loop)
{
	struct run *run;
	int ret = check(loop, &run);

	if (ret < 0 && (ret != -EBUSY || rondo__loop != &run->loop))
		return ret;
	run->stopping = true;
	run->loop.attention |= ATTENTION_LOOK;
	return 0;
}

bool rondo_loop_is_running(const rondo_loop *loop)
{
	return rondo__loop && rondo__loop == rondo__remote_loop(loop);
}

int rondo_loop_free(rondo_loop *loop)
{
	struct run *run;
	int ret;

	if (!loop || !rondo__remote_loop(loop))
		return 0;
	ret = check(loop, &run);
	if (ret < 0)
		return ret;
	loop_make_current(&run->loop);
	rondo__run_close(run);
	return 0;
}
