/* SPDX-License-Identifier: MIT */
/* socket_ops.c - the ring's operations on sockets. See net.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/net.h"

enum {
	SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_WAITALL | MSG_MORE,
	RECEIVE_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL | MSG_WAITALL | MSG_PEEK | MSG_TRUNC |
			MSG_CMSG_CLOEXEC,
};

/* What an op that moves bytes copied when it was submitted. */
struct transfer {
	struct msghdr *msg;		/* the host's, of SENDMSG and RECVMSG */
	socklen_t name_room;		/* of RECVMSG */
	union net_name to;		/* of a send */
	socklen_t to_len;		/* 0: to the peer */
	bool tried;
};

static struct sim *sim_of(const struct sim_request *rq)
{
	return rq->ring->file.host->sim;
}

static struct sim_host *host_of(const struct sim_request *rq)
{
	return rq->ring->file.host;
}

static struct sim_socket *socket_in(const struct sim_request *rq)
{
	return rq->file->class == &rondo__sim_socket_class ? socket_of(rq->file) : NULL;
}

/* Of sqe->ioprio and the MSG_ flags, what is simulated. */
static void check_flags(struct sim_request *rq, unsigned ioprio, int flags)
{
	if (rq->sqe.ioprio & ~ioprio)
		rondo__sim_fail(sim_of(rq), "Z4", "%s: ioprio 0x%x is not simulated", rq->op->name,
				rq->sqe.ioprio);
	if ((int)rq->sqe.msg_flags & ~flags)
		rondo__sim_fail(sim_of(rq), "Z4", "%s: flags 0x%x are not simulated", rq->op->name,
				rq->sqe.msg_flags);
}

static void *host_memory(uint64_t address)
{
	return (void *)(uintptr_t)address;
}

/* --- accept and connect ---------------------------------------------------------------------- */

static int accept_prepare(struct sim_request *rq)
{
	check_flags(rq, IORING_ACCEPT_MULTISHOT, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (rq->sqe.file_index)
		rondo__sim_fail(sim_of(rq), "Z4", "direct descriptors are not simulated");
	rq->multishot = rq->sqe.ioprio & IORING_ACCEPT_MULTISHOT;
	return 0;
}

static long accept_run(struct sim_request *rq)
{
	struct sim_socket *k = socket_in(rq);

	for (;;) {
		union net_name name;
		socklen_t len = 0;
		long fd = k ? rondo__sim_socket_accept(k, (int)rq->sqe.accept_flags, &name, &len) :
			      -ENOTSOCK;

		if (fd < 0)
			return fd;
		rondo__sim_socket_put_name(&name, len, host_memory(rq->sqe.addr),
					   host_memory(rq->sqe.addr2));
		if (!rq->multishot || !rondo__sim_post_more(rq, (int)fd, 0))
			return fd;
	}
}

const struct sim_op rondo__sim_op_accept = {
	.name = "ACCEPT", .needs_file = true, .wants = POLLIN, .prepare = accept_prepare,
	.run = accept_run,
};

static int copy_name(struct transfer *t, const void *addr, uint64_t len)
{
	if (len > sizeof(t->to))
		return -EINVAL;
	if (!addr || !len)
		return 0;
	memcpy(&t->to, addr, len);
	t->to_len = (socklen_t)len;
	return 0;
}

static int connect_prepare(struct sim_request *rq)
{
	check_flags(rq, 0, 0);
	rq->private_data = rondo__sim_alloc(sizeof(struct transfer));
	return copy_name(rq->private_data, host_memory(rq->sqe.addr), rq->sqe.addr2);
}

/* It was begun; how is it? */
static long connect_rest(struct sim_socket *k)
{
	int ret;

	if (k->state == NET_CONNECTING)
		return SIM_WAIT;
	k->connects = false;
	ret = rondo__sim_socket_error(k);
	return ret || k->state == NET_CONNECTED ? ret : -ECONNABORTED;
}

static long connect_run(struct sim_request *rq)
{
	struct transfer *t = rq->private_data;
	struct sim_socket *k = socket_in(rq);
	int ret;

	if (!k)
		return -ENOTSOCK;
	if (t->tried)
		return connect_rest(k);
	t->tried = true;
	ret = k->protocol->connect(k, &t->to.any, t->to_len);
	if (ret == -EAGAIN)	/* AF_UNIX: it would hold a worker, and no cancel reach it */
		rondo__sim_fail(sim_of(rq), "Z4", "CONNECT to a full backlog is not simulated");
	return ret == -EINPROGRESS ? SIM_WAIT : ret;
}

const struct sim_op rondo__sim_op_connect = {
	.name = "CONNECT", .needs_file = true, .wants = POLLOUT, .prepare = connect_prepare,
	.run = connect_run,
};

/* --- what all transfers share ---------------------------------------------------------------- */

static int prepare_buffer(struct sim_request *rq, bool kernel_writes)
{
	rq->private_data = rondo__sim_alloc(sizeof(struct transfer));
	rq->kernel_writes = kernel_writes;
	if (rq->sqe.flags & IOSQE_BUFFER_SELECT)
		return 0;
	rq->iov = rondo__sim_alloc(sizeof(struct iovec));
	rq->iov[0] = (struct iovec){ .iov_base = host_memory(rq->sqe.addr),
				     .iov_len = rq->sqe.len };
	rq->n_iov = 1;
	return 0;
}

static int prepare_message(struct sim_request *rq, bool kernel_writes)
{
	struct transfer *t = rondo__sim_alloc(sizeof(*t));
	struct msghdr *m = host_memory(rq->sqe.addr);
	size_t size = m->msg_iovlen * sizeof(struct iovec);

	rq->private_data = t;
	if (m->msg_iovlen > UIO_MAXIOV)
		return -EMSGSIZE;
	if (!kernel_writes && m->msg_name && m->msg_namelen > sizeof(t->to))
		return -EINVAL;
	rq->kernel_writes = kernel_writes;
	t->msg = m;
	t->name_room = m->msg_name ? m->msg_namelen : 0;
	rq->iov = rondo__sim_alloc(size);
	if (size)
		memcpy(rq->iov, m->msg_iov, size);
	rq->n_iov = (unsigned)m->msg_iovlen;
	return kernel_writes ? 0 : copy_name(t, m->msg_name, m->msg_name ? m->msg_namelen : 0);
}

static struct sim_io io_of(struct sim_request *rq)
{
	return (struct sim_io){ .iov = rq->iov, .n_iov = rq->n_iov,
				.n_bytes = rondo__sim_iov_bytes(rq->iov, rq->n_iov), .offset = -1,
				.flags = (int)rq->sqe.msg_flags, .rq = rq };
}

/* With MSG_WAITALL a stream goes on until all is moved (KN-30). */
static bool goes_on(const struct sim_request *rq, const struct sim_socket *k,
		    const struct sim_io *io)
{
	return io->flags & MSG_WAITALL && !(io->flags & MSG_PEEK) && !socket_is_dgram(k) &&
	       rq->n_moved < io->n_bytes;
}

/* A try has moved nothing: what of those before? */
static long moved_or(struct sim_request *rq, long ret)
{
	if (ret == SIM_WAIT && !(rq->sqe.msg_flags & MSG_DONTWAIT))
		return SIM_WAIT;
	if (rq->n_moved)
		return (long)rq->n_moved;
	return ret == SIM_WAIT ? -EAGAIN : ret;
}

/* --- sending --------------------------------------------------------------------------------- */

static int send_prepare(struct sim_request *rq)
{
	check_flags(rq, IORING_RECVSEND_POLL_FIRST, SEND_FLAGS);
	if (rq->sqe.addr_len > sizeof(union net_name))
		return -EINVAL;
	prepare_buffer(rq, false);
	return copy_name(rq->private_data, host_memory(rq->sqe.addr2), rq->sqe.addr_len);
}

static int sendmsg_prepare(struct sim_request *rq)
{
	check_flags(rq, IORING_RECVSEND_POLL_FIRST, SEND_FLAGS);
	return prepare_message(rq, false);
}

static long send_once(struct sim_request *rq, struct sim_socket *k, struct sim_io *io)
{
	struct transfer *t = rq->private_data;
	struct net_io x = { .io = io, .skip = rq->n_moved, .to = t->to_len ? &t->to.any : NULL,
			    .to_len = t->to_len };
	long ret = 0;

	if (t->msg && !rq->n_moved)
		ret = rondo__sim_rights_read(host_of(rq), t->msg, &x.rights);
	if (ret == 0)
		ret = rondo__sim_socket_send(k, &x);
	rondo__sim_rights_free(x.rights);
	return ret;
}

static long send_run(struct sim_request *rq)
{
	struct sim_socket *k = socket_in(rq);
	struct sim_io io = io_of(rq);
	long ret;

	if (!k)
		return -ENOTSOCK;
	do {
		ret = send_once(rq, k, &io);
		if (ret < 0)
			return moved_or(rq, ret);
		rq->n_moved += (size_t)ret;
	} while (ret > 0 && goes_on(rq, k, &io));
	return (long)rq->n_moved;
}

const struct sim_op rondo__sim_op_send = {
	.name = "SEND", .needs_file = true, .wants = POLLOUT, .prepare = send_prepare,
	.run = send_run,
};
const struct sim_op rondo__sim_op_sendmsg = {
	.name = "SENDMSG", .needs_file = true, .wants = POLLOUT, .prepare = sendmsg_prepare,
	.run = send_run,
};

/* Before anything else the kernel needs memory to remember the buffer by. */
static int send_zc_prepare(struct sim_request *rq)
{
	if (rondo__sim_fault(sim_of(rq), SIM_FAULT_ZC_REFUSED))
		return -ENOMEM;
	return send_prepare(rq);
}

/* The result comes first; the last CQE says that the buffer is free (KN-31). */
static long send_zc_run(struct sim_request *rq)
{
	struct sim_socket *k = socket_in(rq);
	struct sim *s = sim_of(rq);
	long ret = k && k->domain == AF_UNIX ? -EOPNOTSUPP : send_run(rq);

	if (ret == SIM_WAIT)
		return ret;
	rondo__sim_note(s, "zero-copy", rq->serial, (uint64_t)ret);
	rondo__sim_post(rq->ring, rq->sqe.user_data, (int)ret, IORING_CQE_F_MORE);
	rq->cqe_flags = IORING_CQE_F_NOTIF;
	rq->late_ns = rondo__sim_fault(s, SIM_FAULT_ZC_LATE) ?
			      rondo__sim_log(s, SIM_LATENCY, 1000000, 10000000000) :
			      rondo__sim_log(s, SIM_LATENCY, 0, 1000000);
	return 0;
}

const struct sim_op rondo__sim_op_send_zc = {
	.name = "SEND_ZC", .needs_file = true, .wants = POLLOUT, .prepare = send_zc_prepare,
	.run = send_zc_run,
};

/* --- receiving ------------------------------------------------------------------------------- */

static int recv_prepare(struct sim_request *rq)
{
	bool selects = rq->sqe.flags & IOSQE_BUFFER_SELECT;

	check_flags(rq, IORING_RECVSEND_POLL_FIRST | IORING_RECV_MULTISHOT, RECEIVE_FLAGS);
	rq->multishot = rq->sqe.ioprio & IORING_RECV_MULTISHOT;
	if (rq->multishot && (!selects || rq->sqe.len || rq->sqe.msg_flags & MSG_WAITALL))
		return -EINVAL;
	return prepare_buffer(rq, !selects);
}

static int recvmsg_prepare(struct sim_request *rq)
{
	check_flags(rq, IORING_RECVSEND_POLL_FIRST, RECEIVE_FLAGS);
	if (rq->sqe.flags & IOSQE_BUFFER_SELECT)
		rondo__sim_fail(sim_of(rq), "Z4", "RECVMSG into provided buffers is not simulated");
	return prepare_message(rq, true);
}

/* What recvmsg says beside the bytes. */
static void tell_message(struct sim_request *rq, struct net_io *x)
{
	struct transfer *t = rq->private_data;
	struct msghdr *m = t->msg;
	socklen_t len = t->name_room;

	if (!m)
		return;
	m->msg_flags = x->flags_out | (x->io->flags & MSG_CMSG_CLOEXEC);
	if (m->msg_name)
		rondo__sim_socket_put_name(&x->from, x->from_len, m->msg_name, &len);
	m->msg_namelen = m->msg_name ? len : 0;
	rondo__sim_rights_write(host_of(rq), x->rights, m);
	x->rights = NULL;
}

static long recv_once(struct sim_request *rq, struct sim_socket *k, struct sim_io *io)
{
	struct net_io x = { .io = io, .skip = rq->n_moved };
	long ret = rondo__sim_socket_receive(k, &x);

	if (ret >= 0)
		tell_message(rq, &x);
	rondo__sim_rights_free(x.rights);
	return ret;
}

static long recv_into(struct sim_request *rq, struct sim_socket *k)
{
	struct sim_io io = io_of(rq);
	long ret;

	do {
		ret = recv_once(rq, k, &io);
		if (ret < 0)
			return moved_or(rq, ret);
		rq->n_moved += (size_t)ret;
	} while (ret > 0 && goes_on(rq, k, &io));
	return (long)rq->n_moved;
}

/* What a receive would say, without a buffer to use up for it. */
static long look(struct sim_request *rq, struct sim_socket *k)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct sim_io io = { .iov = &iov, .n_iov = 1, .n_bytes = 1, .flags = MSG_PEEK };
	long ret = recv_once(rq, k, &io);

	if (ret == 0) {		/* an end, or an empty datagram to be taken */
		io.flags = 0;
		ret = recv_once(rq, k, &io);
	}
	return ret == SIM_WAIT && rq->sqe.msg_flags & MSG_DONTWAIT ? -EAGAIN : ret;
}

/* The kernel picks a buffer before it looks; one that waits gives it back (KN-36). */
static bool lacks_buffers(const struct sim_request *rq)
{
	const struct sim_buffers *g;

	if (rq->sqe.buf_group >= SIM_BUFFER_GROUPS)
		return true;
	g = &rq->ring->groups[rq->sqe.buf_group];
	return !g->n_entries || io_uring_smp_load_acquire(&g->ring->tail) == g->head;
}

/* Into a buffer of the kernel's choice, which cqe_flags will name. */
static long recv_picked(struct sim_request *rq, struct sim_socket *k)
{
	struct transfer *t = rq->private_data;
	struct iovec iov;
	struct sim_io io = { .iov = &iov, .n_iov = 1, .flags = (int)rq->sqe.msg_flags, .rq = rq };
	bool tried = t->tried;
	long ret;
	int flags;

	rq->cqe_flags = 0;
	t->tried = true;
	if (!tried && lacks_buffers(rq))
		return -ENOBUFS;
	ret = look(rq, k);
	if (ret <= 0)
		return ret;
	flags = rondo__sim_pick_buffer(rq, &iov);
	if (flags < 0)
		return flags;
	io.n_bytes = iov.iov_len;
	ret = recv_once(rq, k, &io);
	rq->cqe_flags = (uint32_t)flags;
	if (k->protocol->poll(k) & POLLIN)
		rq->cqe_flags |= IORING_CQE_F_SOCK_NONEMPTY;
	return ret;
}

static long recv_run(struct sim_request *rq)
{
	struct sim_socket *k = socket_in(rq);
	long ret;

	if (!k)
		return -ENOTSOCK;
	if (!(rq->sqe.flags & IOSQE_BUFFER_SELECT))
		return recv_into(rq, k);
	do
		ret = recv_picked(rq, k);
	while (ret > 0 && rq->multishot && rondo__sim_post_more(rq, (int)ret, rq->cqe_flags));
	return ret;
}

const struct sim_op rondo__sim_op_recv = {
	.name = "RECV", .needs_file = true, .wants = POLLIN, .prepare = recv_prepare,
	.run = recv_run,
};
const struct sim_op rondo__sim_op_recvmsg = {
	.name = "RECVMSG", .needs_file = true, .wants = POLLIN, .prepare = recvmsg_prepare,
	.run = recv_run,
};

/* --- shutdown -------------------------------------------------------------------------------- */

static long shutdown_run(struct sim_request *rq)
{
	return rondo__sim_call_shutdown(host_of(rq), rq->sqe.fd, rq->sqe.len, 0, 0, 0, 0);
}

const struct sim_op rondo__sim_op_shutdown = {
	.name = "SHUTDOWN", .path = SIM_WORKER, .needs_file = true, .run = shutdown_run,
};
