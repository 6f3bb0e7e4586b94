/* SPDX-License-Identifier: MIT */
/* call.c - the plain system calls of a simulated host. See ops.h. */
#include <errno.h>
#include <sys/syscall.h>

#include "sim/ops.h"
#include "sim/process.h"

/* What a plain call costs the caller, about. */
enum { CALL_NS = 300 };

static const struct {
	long number;
	sim_call_fn *call;
} calls[] = {
	{ SYS_close, rondo__sim_call_close },
	{ SYS_write, rondo__sim_call_write },
	{ SYS_preadv2, rondo__sim_call_preadv2 },
	{ SYS_pwritev2, rondo__sim_call_pwritev2 },
	{ SYS_fcntl, rondo__sim_call_fcntl },
	{ SYS_lseek, rondo__sim_call_lseek },
	{ SYS_sendfile, rondo__sim_call_sendfile },
	{ SYS_eventfd2, rondo__sim_call_eventfd2 },
	{ SYS_pipe2, rondo__sim_call_pipe2 },
	{ SYS_epoll_pwait, rondo__sim_call_epoll_pwait },
	{ SYS_pidfd_open, rondo__sim_call_pidfd_open },
	{ SYS_waitid, rondo__sim_call_waitid },
	{ SYS_kill, rondo__sim_call_kill },
	{ SYS_pidfd_send_signal, rondo__sim_call_pidfd_send_signal },
	{ SYS_rt_sigqueueinfo, rondo__sim_call_rt_sigqueueinfo },
	{ SYS_rt_sigprocmask, rondo__sim_call_rt_sigprocmask },
	{ SYS_socket, rondo__sim_call_socket },
	{ SYS_socketpair, rondo__sim_call_socketpair },
	{ SYS_bind, rondo__sim_call_bind },
	{ SYS_listen, rondo__sim_call_listen },
	{ SYS_accept4, rondo__sim_call_accept4 },
	{ SYS_connect, rondo__sim_call_connect },
	{ SYS_shutdown, rondo__sim_call_shutdown },
	{ SYS_setsockopt, rondo__sim_call_setsockopt },
	{ SYS_getsockopt, rondo__sim_call_getsockopt },
	{ SYS_getsockname, rondo__sim_call_getsockname },
	{ SYS_getpeername, rondo__sim_call_getpeername },
	{ SYS_ioctl, rondo__sim_call_ioctl },
	{ SYS_sendto, rondo__sim_call_sendto },
	{ SYS_sendmsg, rondo__sim_call_sendmsg },
};

long rondo__sim_call(const struct kernel *k, long number, long a, long b, long c, long d, long e,
		     long f)
{
	struct sim_host *h = container_of(k, struct sim_host, kernel);

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		long ret;

		if (calls[i].number != number || !calls[i].call)
			continue;
		rondo__sim_spend(h, CALL_NS);
		ret = calls[i].call(h, a, b, c, d, e, f);
		rondo__sim_note(h->sim, "call", (uint64_t)number, (uint64_t)ret);
		rondo__sim_signals_deliver(h);
		return ret;
	}
	rondo__sim_fail(h->sim, "Z4", "system call %ld is not simulated", number);
	return -ENOSYS;
}
