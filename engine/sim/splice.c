/* SPDX-License-Identifier: MIT */
/* splice.c - moving bytes through pipes. A worker does it, and blocks while it waits (KN-25). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/transfer.h"

/* One SPLICE or TEE, while it is tried. */
struct move {
	struct sim_request *rq;
	struct sim_file *in, *out;
	bool nonblock;			/* does not wait for pipes */
};

static struct sim *sim(const struct move *m)
{
	return sim_of(m->rq);
}

/* --- waiting --------------------------------------------------------------------------------- */

/* What a request holds while it waits, besides its file, which is where the bytes go. */
struct held {
	struct sim_file *in;
};

static void let_go(struct sim_request *rq)
{
	struct held *h = rq->private_data;

	list_remove(&rq->waiting);
	if (h->in)
		rondo__sim_file_unref(h->in);
	h->in = NULL;
}

/* A cancel that found the worker running has left a signal, which keeps it from falling asleep. */
static long wait_for(struct move *m, struct sim_file *f, uint32_t events)
{
	if (m->rq->cancelled || rondo__sim_fault(sim(m), SIM_FAULT_INTERRUPTED))
		return -EINTR;
	m->rq->wants = events;
	list_push(&f->waiters, &m->rq->waiting);
	return SIM_WAIT;
}

static long wait_for_pipe(struct move *m, struct sim_file *f, uint32_t events)
{
	return m->nonblock ? -EAGAIN : wait_for(m, f, events);
}

/* --- between two pipes ----------------------------------------------------------------------- */

/* 1 if there are bytes to take and there is room for them; else what the op answers. The order is
 * Linux's, so that of two reasons the same one is told. */
static long both_ready(struct move *m, struct sim_pipe *from, struct sim_pipe *to)
{
	if (!from->n_slots && from->writer.open)
		return wait_for_pipe(m, m->in, POLLIN);
	if (!to->reader.open)
		return -EPIPE;
	if (sim_pipe_is_full(to))
		return wait_for_pipe(m, m->out, POLLOUT);
	return from->n_slots > 0;
}

/* Copy the start of a slot to the other pipe. Each slot takes one there, however short it is. */
static size_t copy_slot(const struct sim_slot *from, struct sim_pipe *to, size_t n)
{
	struct sim_slot *slot = rondo__sim_pipe_grow(to);

	slot->n = from->n < n ? from->n : (uint32_t)n;
	memcpy(slot->page, from->page + from->at, slot->n);
	return slot->n;
}

static long move_slots(struct move *m, struct sim_pipe *from, struct sim_pipe *to)
{
	size_t n_done = 0, len = m->rq->sqe.len, n;
	long ret = both_ready(m, from, to);

	if (ret != 1)
		return ret;
	for (; n_done < len && from->n_slots && !sim_pipe_is_full(to); n_done += n) {
		const struct sim_slot *slot = rondo__sim_pipe_slot(from, 0);
		bool merges = slot->merges && slot->n <= len - n_done;

		n = copy_slot(slot, to, len - n_done);
		rondo__sim_pipe_slot(to, to->n_slots - 1)->merges = merges;
		rondo__sim_pipe_consume(from, n);
	}
	rondo__sim_file_notify(&to->reader.file, POLLIN);
	return (long)n_done;
}

static long copy_slots(struct move *m, struct sim_pipe *from, struct sim_pipe *to)
{
	size_t n_done = 0, len = m->rq->sqe.len;
	long ret = both_ready(m, from, to);

	if (ret != 1)
		return ret;
	for (unsigned i = 0; n_done < len && i < from->n_slots && !sim_pipe_is_full(to); i++)
		n_done += copy_slot(rondo__sim_pipe_slot(from, i), to, len - n_done);
	rondo__sim_file_notify(&to->reader.file, POLLIN);
	return (long)n_done;
}

/* --- from and to other files ----------------------------------------------------------------- */

/* Put what was read into free slots, in the pages that it was read into. */
static void fill(struct sim_pipe *to, unsigned char *pages, size_t n)
{
	for (size_t done = 0; done < n; done += SIM_PAGE) {
		struct sim_slot *slot = rondo__sim_pipe_grow(to);

		slot->n = n - done < SIM_PAGE ? (uint32_t)(n - done) : (uint32_t)SIM_PAGE;
		memcpy(slot->page, pages + done, slot->n);
	}
	if (n)
		rondo__sim_file_notify(&to->reader.file, POLLIN);
}

static long read_into(struct move *m, struct sim_pipe *to)
{
	size_t room = (SIM_PIPE_SLOTS - to->n_slots) * (size_t)SIM_PAGE, len = m->rq->sqe.len;
	struct iovec one = { .iov_len = len < room ? len : room };
	struct sim_io io = {
		.iov = &one, .n_iov = 1, .n_bytes = one.iov_len,
		.offset = (int64_t)m->rq->sqe.splice_off_in,
	};
	long ret;

	one.iov_base = rondo__sim_alloc(one.iov_len);
	ret = m->in->class->read(m->in, &io);
	if (ret > 0)
		fill(to, one.iov_base, (size_t)ret);
	free(one.iov_base);
	return ret;
}

static long file_to_pipe(struct move *m, struct sim_pipe *to)
{
	long ret;

	if (!m->in->class->read)
		return -EINVAL;
	if (!to->reader.open)
		return -EPIPE;
	if (sim_pipe_is_full(to))
		return wait_for_pipe(m, m->out, POLLOUT);
	ret = read_into(m, to);
	if (ret != SIM_WAIT)
		return ret;
	return m->in->flags & O_NONBLOCK ? -EAGAIN : wait_for_pipe(m, m->in, POLLIN);
}

/* All slots as vectors, as far as n bytes reach. */
static unsigned vectors_of(struct sim_pipe *p, struct iovec *iov, size_t n)
{
	unsigned i;

	for (i = 0; i < p->n_slots && n; i++) {
		struct sim_slot *slot = rondo__sim_pipe_slot(p, i);

		iov[i].iov_base = slot->page + slot->at;
		iov[i].iov_len = slot->n < n ? slot->n : n;
		n -= iov[i].iov_len;
	}
	return i;
}

static long write_from(struct move *m, struct sim_pipe *from)
{
	struct iovec iov[SIM_PIPE_SLOTS];
	size_t n_moved = m->rq->n_moved;
	struct sim_io io = { .iov = iov, .offset = (int64_t)m->rq->sqe.off };
	long ret, left;

	io.n_iov = vectors_of(from, iov, m->rq->sqe.len - n_moved);
	io.n_bytes = rondo__sim_iov_bytes(iov, io.n_iov);
	if (io.offset >= 0)
		io.offset += (int64_t)n_moved;
	ret = m->out->class->write(m->out, &io);
	for (left = ret; left > 0;) {
		size_t n = rondo__sim_pipe_slot(from, 0)->n;

		n = n < (size_t)left ? n : (size_t)left;
		rondo__sim_pipe_consume(from, n);
		left -= (long)n;
	}
	return ret;
}

/* Goes on until all is moved or the pipe is empty: a socket without room is waited for, whatever
 * SPLICE_F_NONBLOCK says, which speaks of pipes. */
static long pipe_to_file(struct move *m, struct sim_pipe *from)
{
	struct sim_request *rq = m->rq;
	long ret = 1;

	if (!m->out->class->write || m->out->flags & O_APPEND)
		return -EINVAL;
	while (ret > 0 && rq->n_moved < rq->sqe.len && from->n_slots) {
		ret = write_from(m, from);
		rq->n_moved += ret > 0 ? (size_t)ret : 0;
	}
	if (ret == SIM_WAIT)
		ret = m->out->flags & O_NONBLOCK ? -EAGAIN : wait_for(m, m->out, POLLOUT);
	else if (ret > 0 && !rq->n_moved)
		ret = from->writer.open ? wait_for_pipe(m, m->in, POLLIN) : 0;
	return ret == SIM_WAIT || !rq->n_moved ? ret : (long)rq->n_moved;
}

/* --- SPLICE ---------------------------------------------------------------------------------- */

static bool has_offset(uint64_t offset)
{
	return offset != UINT64_MAX;
}

static long splice_files(struct move *m)
{
	const struct io_uring_sqe *sqe = &m->rq->sqe;
	struct sim_pipe *from = rondo__sim_pipe_read_from(m->in);
	struct sim_pipe *to = rondo__sim_pipe_written_to(m->out);

	if (!sim_may_read(m->in) || !sim_may_write(m->out))
		return -EBADF;
	if ((from && has_offset(sqe->splice_off_in)) || (to && has_offset(sqe->off)))
		return -ESPIPE;
	if ((!from && !to) || from == to)
		return -EINVAL;
	if ((!from && has_offset(sqe->splice_off_in) && m->in->position == -1) ||
	    (!to && has_offset(sqe->off) && m->out->position == -1))
		return -EINVAL;
	if (from && to)
		return move_slots(m, from, to);
	return from ? pipe_to_file(m, from) : file_to_pipe(m, to);
}

static long tee_pipes(struct move *m)
{
	struct sim_pipe *from = rondo__sim_pipe_read_from(m->in);
	struct sim_pipe *to = rondo__sim_pipe_written_to(m->out);

	if (!sim_may_read(m->in) || !sim_may_write(m->out))
		return -EBADF;
	return from && to && from != to ? copy_slots(m, from, to) : -EINVAL;
}

static int prepare(struct sim_request *rq)
{
	const unsigned known = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;

	if (rq->sqe.splice_flags & SPLICE_F_FD_IN_FIXED) {
		rondo__sim_fail(sim_of(rq), "Z4", "%s from a direct descriptor", rq->op->name);
		return -EINVAL;
	}
	rq->private_data = rondo__sim_alloc(sizeof(struct held));
	return rq->sqe.splice_flags & ~known ? -EINVAL : 0;
}

static int prepare_tee(struct sim_request *rq)
{
	return rq->sqe.splice_off_in || rq->sqe.off ? -EINVAL : prepare(rq);
}

/* Where the bytes come from is looked up when the worker begins, and then held. */
static long run(struct sim_request *rq, long (*go)(struct move *))
{
	struct held *held = rq->private_data;
	struct move m = { .rq = rq, .in = held->in, .out = rq->file };
	long ret = 0;

	list_remove(&rq->waiting);
	if (!m.in) {
		m.in = rondo__sim_fd_file(sim_host_of(rq), rq->sqe.splice_fd_in);
		if (!m.in)
			return -EBADF;
		rondo__sim_file_ref(m.in);
		held->in = m.in;
	}
	m.nonblock = rq->sqe.splice_flags & SPLICE_F_NONBLOCK;
	m.nonblock |= rondo__sim_pipe_read_from(m.in) && m.in->flags & O_NONBLOCK;
	m.nonblock |= rondo__sim_pipe_written_to(m.out) && m.out->flags & O_NONBLOCK;
	if (rq->sqe.len)
		ret = go(&m);
	if (ret != SIM_WAIT)
		let_go(rq);
	return ret;
}

static long run_splice(struct sim_request *rq)
{
	return run(rq, splice_files);
}

static long run_tee(struct sim_request *rq)
{
	return run(rq, tee_pipes);
}

const struct sim_op rondo__sim_op_splice = {
	.name = "SPLICE", .path = SIM_WORKER, .needs_file = true, .prepare = prepare,
	.run = run_splice, .forget = let_go,
};

const struct sim_op rondo__sim_op_tee = {
	.name = "TEE", .path = SIM_WORKER, .needs_file = true, .prepare = prepare_tee,
	.run = run_tee, .forget = let_go,
};
