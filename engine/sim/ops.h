/* SPDX-License-Identifier: MIT */
/* ops.h - what the simulated kernel can do: its opcodes, and the plain calls. Layer 9.
 *
 * An opcode that is not in the table of ops.c, or a call that is not in that of call.c, fails the
 * run (Z4). */
#ifndef RONDO_SIM_OPS_H
#define RONDO_SIM_OPS_H

#include "sim/request.h"

#define SIM_OP(name) extern const struct sim_op rondo__sim_op_##name

/* time.c, request.c, message.c */
SIM_OP(nop);
SIM_OP(timeout);
SIM_OP(timeout_remove);		/* and update */
SIM_OP(link_timeout);
SIM_OP(async_cancel);
SIM_OP(msg_ring);

/* transfer.c: whatever has a class with read and write */
SIM_OP(read);
SIM_OP(readv);
SIM_OP(write);
SIM_OP(writev);
SIM_OP(close);
SIM_OP(poll_add);
SIM_OP(poll_remove);

/* fs_ops.c */
SIM_OP(openat);
SIM_OP(openat2);
SIM_OP(statx);
SIM_OP(renameat);
SIM_OP(unlinkat);
SIM_OP(mkdirat);
SIM_OP(symlinkat);
SIM_OP(linkat);
SIM_OP(fsync);
SIM_OP(fallocate);
SIM_OP(ftruncate);
SIM_OP(fadvise);
SIM_OP(sync_file_range);
SIM_OP(setxattr);
SIM_OP(fsetxattr);
SIM_OP(getxattr);
SIM_OP(fgetxattr);

/* socket_ops.c */
SIM_OP(accept);
SIM_OP(connect);
SIM_OP(send);
SIM_OP(recv);
SIM_OP(sendmsg);
SIM_OP(recvmsg);
SIM_OP(send_zc);
SIM_OP(shutdown);

/* pipe.c, process.c */
SIM_OP(pipe);
SIM_OP(splice);
SIM_OP(tee);
SIM_OP(epoll_wait);
SIM_OP(futex_wait);
SIM_OP(futex_wake);
SIM_OP(waitid);
SIM_OP(madvise);

#undef SIM_OP

extern const struct sim_op *const rondo__sim_ops[64];

/* Is a field set that this opcode has no use for? Then it is -EINVAL. */
bool rondo__sim_uses_foreign_field(const struct io_uring_sqe *sqe);

/* time.c: a LINK_TIMEOUT runs beside the request before it. */
void rondo__sim_link_timeout_start(struct sim_request *rq, struct sim_request *head);
void rondo__sim_link_timeout_over(struct sim_request *rq);

/* The plain calls; arguments as the system call's, results too (-errno). */
typedef long sim_call_fn(struct sim_host *h, long a, long b, long c, long d, long e, long f);

#define SIM_CALL(name) sim_call_fn rondo__sim_call_##name

SIM_CALL(close);		/* transfer.c */
SIM_CALL(write);
SIM_CALL(preadv2);
SIM_CALL(pwritev2);
SIM_CALL(fcntl);
SIM_CALL(sendfile);		/* sendfile.c */
SIM_CALL(lseek);		/* fs_ops.c */
SIM_CALL(eventfd2);		/* pipe.c */
SIM_CALL(pipe2);
SIM_CALL(epoll_pwait);
SIM_CALL(pidfd_open);		/* process.c */
SIM_CALL(waitid);
SIM_CALL(kill);			/* signal.c */
SIM_CALL(pidfd_send_signal);
SIM_CALL(rt_sigqueueinfo);
SIM_CALL(rt_sigprocmask);
SIM_CALL(socket);		/* socket_ops.c */
SIM_CALL(socketpair);
SIM_CALL(bind);
SIM_CALL(listen);
SIM_CALL(accept4);
SIM_CALL(connect);
SIM_CALL(shutdown);
SIM_CALL(setsockopt);
SIM_CALL(getsockopt);
SIM_CALL(getsockname);
SIM_CALL(getpeername);
SIM_CALL(ioctl);
SIM_CALL(sendto);
SIM_CALL(sendmsg);

#undef SIM_CALL

long rondo__sim_call(const struct kernel *k, long number, long a, long b, long c, long d, long e,
		     long f);

/* Made, and thrown away, with the world and its hosts. */
struct sim_disk *rondo__sim_disk_make(struct sim *s);
void rondo__sim_disk_free(struct sim_disk *d);
/* The power is gone: what was not synced is kept, lost, torn or reordered by SIM_CRASH. */
void rondo__sim_disk_crash(struct sim *s, struct sim_disk *d);
struct sim_net *rondo__sim_net_make(struct sim *s);
void rondo__sim_net_free(struct sim_net *n);
/* A host goes off: its connections go silent, the addresses it listened on are free. */
void rondo__sim_net_host_off(struct sim *s, struct sim_host *h);
int rondo__sim_net_partition(struct sim *s, struct sim_host *a, struct sim_host *b, bool cut);
void rondo__sim_net_heal(struct sim *s);	/* faults have ended */
/* Forget simulated children. */
void rondo__sim_process_host_off(struct sim_host *h);
int rondo__sim_process_start(struct sim_host *h, int exit_status, uint64_t delay_ns);
#endif
