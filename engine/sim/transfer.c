/* SPDX-License-Identifier: MIT */
/* transfer.c - what can be done to any open file: read, write, poll, close, and its flags. What
 * that means is its class's to say. */
#include "sim/transfer.h"

#include <errno.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>

enum {
	LENGTH_MAX = 0x7ffff000,	/* what Linux moves at most */
	RWF_KNOWN = RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND,
};

/* --- what is to be moved --------------------------------------------------------------------- */

static int take_vectors(struct sim_request *rq, const struct iovec *from, unsigned n)
{
	if (rq->sqe.flags & IOSQE_BUFFER_SELECT) {
		rondo__sim_fail(sim_of(rq), "Z4", "%s with provided buffers", rq->op->name);
		return -EINVAL;
	}
	if (n > IOV_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < n; i++) {
		if ((ssize_t)from[i].iov_len < 0)
			return -EINVAL;
		if (from[i].iov_len && sim_is_bad_address((uintptr_t)from[i].iov_base))
			return -EFAULT;
	}
	rq->iov = rondo__sim_alloc(n * sizeof(*from));
	rq->n_iov = n;
	if (n)
		memcpy(rq->iov, from, n * sizeof(*from));
	return 0;
}

static int prepare_one(struct sim_request *rq)
{
	const struct iovec one = { .iov_base = (void *)(uintptr_t)rq->sqe.addr,
				   .iov_len = rq->sqe.len };

	return take_vectors(rq, &one, 1);
}

static int prepare_many(struct sim_request *rq)
{
	if (rq->sqe.len && sim_is_bad_address(rq->sqe.addr))
		return -EFAULT;
	return take_vectors(rq, (const struct iovec *)(uintptr_t)rq->sqe.addr, rq->sqe.len);
}

static int prepare_read(struct sim_request *rq)
{
	rq->kernel_writes = true;
	return prepare_one(rq);
}

static int prepare_readv(struct sim_request *rq)
{
	rq->kernel_writes = true;
	return prepare_many(rq);
}

static size_t sum(const struct iovec *iov, unsigned n)
{
	size_t n_bytes = 0;

	for (unsigned i = 0; i < n && n_bytes < LENGTH_MAX; i++)
		n_bytes += iov[i].iov_len < LENGTH_MAX ? iov[i].iov_len : (size_t)LENGTH_MAX;
	return n_bytes < LENGTH_MAX ? n_bytes : (size_t)LENGTH_MAX;
}

/* --- moving ---------------------------------------------------------------------------------- */

static bool knows_flags(const struct sim *s, int flags)
{
	return !(flags & ~(RWF_KNOWN | (s->profile.has_nosignal ? RONDO_RWF_NOSIGNAL : 0)));
}

/* A write that nobody reads is -EPIPE with RWF_NOSIGNAL and without: the signal that would come
 * along is blocked by the engine where the flag is missing (KN-4). */
static long move(struct sim_file *f, struct sim_io *io, bool writes)
{
	long (*class_move)(struct sim_file *, struct sim_io *) = writes ? f->class->write :
									   f->class->read;

	if (!(writes ? sim_may_write(f) : sim_may_read(f)))
		return -EBADF;
	if (!class_move || io->offset < -1)
		return -EINVAL;
	if (!knows_flags(f->host->sim, io->flags))
		return -EOPNOTSUPP;
	return class_move(f, io);
}

static long run(struct sim_request *rq, bool writes)
{
	struct sim_io io = {
		.iov = rq->iov, .n_iov = rq->n_iov, .n_bytes = sum(rq->iov, rq->n_iov),
		.offset = (int64_t)rq->sqe.off, .flags = rq->sqe.rw_flags, .rq = rq,
	};
	long ret = move(rq->file, &io, writes);
	bool nonblock = (rq->file->flags & O_NONBLOCK) &&
			sim_of(rq)->profile.nonblock_is_eagain;

	if (ret == SIM_WAIT && (nonblock || (io.flags & RWF_NOWAIT)))
		ret = -EAGAIN;
	return ret;
}

static long run_read(struct sim_request *rq)
{
	return run(rq, false);
}

static long run_write(struct sim_request *rq)
{
	return run(rq, true);
}

const struct sim_op rondo__sim_op_read = {
	.name = "READ", .path = SIM_BY_FILE, .needs_file = true, .wants = POLLIN | POLLRDHUP,
	.prepare = prepare_read, .run = run_read,
};

const struct sim_op rondo__sim_op_readv = {
	.name = "READV", .path = SIM_BY_FILE, .needs_file = true, .wants = POLLIN | POLLRDHUP,
	.prepare = prepare_readv, .run = run_read,
};

const struct sim_op rondo__sim_op_write = {
	.name = "WRITE", .path = SIM_BY_FILE, .needs_file = true, .wants = POLLOUT,
	.prepare = prepare_one, .run = run_write,
};

const struct sim_op rondo__sim_op_writev = {
	.name = "WRITEV", .path = SIM_BY_FILE, .needs_file = true, .wants = POLLOUT,
	.prepare = prepare_many, .run = run_write,
};

/* --- poll ------------------------------------------------------------------------------------ */

enum {
	POLL_READ = POLLIN | POLLRDNORM,
	POLL_WRITE = POLLOUT | POLLWRNORM,
	POLL_KNOWN = POLL_READ | POLL_WRITE | POLLPRI | POLLERR | POLLHUP | POLLRDHUP | POLLRDBAND |
		     POLLWRBAND,
};

static int prepare_poll(struct sim_request *rq)
{
	const struct io_uring_sqe *sqe = &rq->sqe;
	uint32_t events = sqe->poll32_events;

	if (sqe->buf_index || sqe->off || sqe->addr || sqe->len & ~IORING_POLL_ADD_MULTI)
		return -EINVAL;
	if (events & ~(uint32_t)POLL_KNOWN) {
		rondo__sim_fail(sim_of(rq), "Z4", "poll for the events %#x", events);
		return -EINVAL;
	}
	rq->multishot = sqe->len & IORING_POLL_ADD_MULTI;
	rq->wants = events | POLLERR | POLLHUP;
	/* Classes speak of POLLIN and POLLOUT alone. */
	rq->wants |= events & POLLRDNORM ? POLLIN : 0;
	rq->wants |= events & POLLWRNORM ? POLLOUT : 0;
	return 0;
}

static long ready(const struct sim_request *rq)
{
	unsigned wanted = rq->sqe.poll32_events | POLLERR | POLLHUP;
	unsigned mask = rq->file->class->poll ? rq->file->class->poll(rq->file) : POLLIN | POLLOUT;

	mask |= (mask & POLLIN ? POLLRDNORM : 0) | (mask & POLLOUT ? POLLWRNORM : 0);
	return mask & wanted;
}

/* A multishot tells of every change, whether or not somebody has read in the meantime. */
static long run_poll(struct sim_request *rq)
{
	long mask = ready(rq);

	if (!rq->file->class->poll)	/* always ready (KN-33), and nothing ever changes */
		return mask ? mask : -EINVAL;
	if (!mask)
		return SIM_WAIT;
	if (rq->multishot && rondo__sim_post_more(rq, (int)mask, 0))
		return SIM_WAIT;
	return mask;
}

const struct sim_op rondo__sim_op_poll_add = {
	.name = "POLL_ADD", .needs_file = true, .prepare = prepare_poll, .run = run_poll,
};

static int prepare_poll_remove(struct sim_request *rq)
{
	enum { UPDATES = IORING_POLL_UPDATE_EVENTS | IORING_POLL_UPDATE_USER_DATA };
	const struct io_uring_sqe *sqe = &rq->sqe;

	if (sqe->buf_index || sqe->splice_fd_in || sqe->len & ~(UPDATES | IORING_POLL_ADD_MULTI))
		return -EINVAL;
	if (sqe->len & UPDATES) {
		rondo__sim_fail(sim_of(rq), "Z4", "update of a poll");
		return -EINVAL;
	}
	return sqe->len ? -EINVAL : 0;
}

/* Only polls that wait can be found, or will wait at once. */
static struct sim_request *find_poll(struct sim_ring *r, uint64_t user_data)
{
	for (struct list *p = r->requests.next; p != &r->requests; p = p->next) {
		struct sim_request *rq = container_of(p, struct sim_request, link);

		if (rq->op == &rondo__sim_op_poll_add && rq->sqe.user_data == user_data &&
		    (rq->state == SIM_WAITING || rq->state == SIM_LATE))
			return rq;
	}
	return NULL;
}

static long run_poll_remove(struct sim_request *rq)
{
	struct sim_request *target = find_poll(rq->ring, rq->sqe.addr);

	return target ? rondo__sim_cancel(target) : -ENOENT;
}

const struct sim_op rondo__sim_op_poll_remove = {
	.name = "POLL_REMOVE", .prepare = prepare_poll_remove, .run = run_poll_remove,
};

/* --- close ----------------------------------------------------------------------------------- */

static int prepare_close(struct sim_request *rq)
{
	const struct io_uring_sqe *sqe = &rq->sqe;

	if (sqe->file_index) {
		rondo__sim_fail(sim_of(rq), "Z4", "close of a direct descriptor");
		return -EINVAL;
	}
	return sqe->off || sqe->addr || sqe->len || sqe->rw_flags || sqe->buf_index ? -EINVAL : 0;
}

static long run_close(struct sim_request *rq)
{
	struct sim_host *h = sim_host_of(rq);
	struct sim_file *f = rondo__sim_fd_file(h, rq->sqe.fd);

	if (!f || rondo__sim_ring_of_file(f))	/* rings cannot close rings */
		return -EBADF;
	return rondo__sim_fd_close(h, rq->sqe.fd);
}

const struct sim_op rondo__sim_op_close = {
	.name = "CLOSE", .prepare = prepare_close, .run = run_close,
};

/* --- plain calls ----------------------------------------------------------------------------- */

long rondo__sim_call_close(struct sim_host *h, long fd, long b, long c, long d, long e, long f)
{
	(void)b, (void)c, (void)d, (void)e, (void)f;
	return rondo__sim_fd_close(h, (int)fd);
}

static long move_vectors(struct sim_host *h, int fd, const struct iovec *iov, unsigned n_iov,
			 int64_t offset, int flags, bool writes)
{
	struct sim_file *f = rondo__sim_fd_file(h, fd);
	struct sim_io io = { .iov = iov, .n_iov = n_iov, .offset = offset, .flags = flags };
	long ret;

	if (!f)
		return -EBADF;
	if (offset >= 0 && f->position == -1)
		return -ESPIPE;
	if (n_iov > IOV_MAX)
		return -EINVAL;
	io.n_bytes = sum(iov, n_iov);
	ret = move(f, &io, writes);
	return ret == SIM_WAIT ? -EAGAIN : ret;
}

long rondo__sim_call_write(struct sim_host *h, long fd, long buf, long n, long d, long e, long f)
{
	const struct iovec one = { .iov_base = (void *)buf, .iov_len = (size_t)n };

	(void)d, (void)e, (void)f;
	if (n && sim_is_bad_address((uint64_t)buf))
		return -EFAULT;
	return move_vectors(h, (int)fd, &one, 1, -1, 0, true);
}

/* The second half of the offset is for machines of 32 bits. */
long rondo__sim_call_pwritev2(struct sim_host *h, long fd, long iov, long n_iov, long offset,
			      long high, long flags)
{
	(void)high;
	if (n_iov < 0)
		return -EINVAL;
	return move_vectors(h, (int)fd, (const struct iovec *)iov, (unsigned)n_iov, offset,
			    (int)flags, true);
}

/* One that might wait would stop the host. */
long rondo__sim_call_preadv2(struct sim_host *h, long fd, long iov, long n_iov, long offset,
			     long high, long flags)
{
	(void)high;
	if (!(flags & RWF_NOWAIT))
		rondo__sim_fail(h->sim, "Z4", "preadv2 without RWF_NOWAIT");
	if (n_iov < 0)
		return -EINVAL;
	return move_vectors(h, (int)fd, (const struct iovec *)iov, (unsigned)n_iov, offset,
			    (int)flags, false);
}

static long set_descriptor_flags(struct sim_host *h, long flags)
{
	if (flags & FD_CLOEXEC)
		return 0;
	/* It would be for a program to be executed, and there is no such thing. */
	rondo__sim_fail(h->sim, "Z4", "fcntl: a descriptor that is to survive exec");
	return -EINVAL;
}

long rondo__sim_call_fcntl(struct sim_host *h, long fd, long what, long flags, long d, long e,
			   long unused)
{
	enum { SETTABLE = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME };
	struct sim_file *f = rondo__sim_fd_file(h, (int)fd);

	(void)d, (void)e, (void)unused;
	if (!f)
		return -EBADF;
	switch (what) {
	case F_GETFL:
		return f->flags;
	case F_SETFL:
		f->flags = (f->flags & ~SETTABLE) | ((int)flags & SETTABLE);
		return 0;
	case F_GETFD:
		return FD_CLOEXEC;
	case F_SETFD:
		return set_descriptor_flags(h, flags);
	default:
		rondo__sim_fail(h->sim, "Z4", "fcntl command %ld", what);
		return -EINVAL;
	}
}
