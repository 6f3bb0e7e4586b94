/* SPDX-License-Identifier: MIT */
/* pipe.c - pipes. What the two ends do to each other happens in slots of a page, as in Linux: that
 * decides when a pipe is full, what is atomic, and how short a write to a nearly full one is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/transfer.h"

static struct sim_pipe *pipe_of(struct sim_file *f)
{
	return container_of(f, struct sim_pipe_end, file)->pipe;
}

struct sim_slot *rondo__sim_pipe_slot(struct sim_pipe *p, unsigned i)
{
	return &p->slots[(p->first + i) % SIM_PIPE_SLOTS];
}

struct sim_slot *rondo__sim_pipe_grow(struct sim_pipe *p)
{
	struct sim_slot *slot = rondo__sim_pipe_slot(p, p->n_slots++);

	*slot = (struct sim_slot){ .page = rondo__sim_alloc(SIM_PAGE) };
	return slot;
}

static void drop_first(struct sim_pipe *p)
{
	free(rondo__sim_pipe_slot(p, 0)->page);
	p->first++;
	p->n_slots--;
}

void rondo__sim_pipe_consume(struct sim_pipe *p, size_t n)
{
	struct sim_slot *slot = rondo__sim_pipe_slot(p, 0);
	bool was_full = sim_pipe_is_full(p);

	slot->at += (uint32_t)n;
	slot->n -= (uint32_t)n;
	if (slot->n)
		return;
	drop_first(p);
	if (was_full && p->writer.open)
		rondo__sim_file_notify(&p->writer.file, POLLOUT);
}

/* --- reading --------------------------------------------------------------------------------- */

/* A write of more than PIPE_BUF bytes is not atomic, so a reader may come in the midst of it: then
 * it finds only the first slots. */
static unsigned readable_slots(struct sim_pipe *p)
{
	unsigned n = p->n_slots, n_parts = 0;

	for (unsigned i = 1; i < n; i++)
		n_parts += rondo__sim_pipe_slot(p, i)->goes_on;
	if (n_parts)
		n = (unsigned)rondo__sim_shorten(p->reader.file.host->sim, SIM_FAULT_SHORT_READ, n);
	while (n < p->n_slots && !rondo__sim_pipe_slot(p, n)->goes_on)
		n++;
	return n;
}

static long read_pipe(struct sim_file *f, struct sim_io *io)
{
	struct sim_pipe *p = pipe_of(f);
	size_t n_done = 0;

	if (!io->n_bytes)
		return 0;
	if (!p->n_slots)
		return p->writer.open ? SIM_WAIT : 0;
	for (unsigned n = readable_slots(p); n && n_done < io->n_bytes; n--) {
		struct sim_slot *slot = rondo__sim_pipe_slot(p, 0);
		size_t left = io->n_bytes - n_done, part = slot->n < left ? slot->n : left;

		rondo__sim_copy_out(io, n_done, slot->page + slot->at, part);
		n_done += part;
		rondo__sim_pipe_consume(p, part);
	}
	return (long)n_done;
}

static unsigned poll_reader(struct sim_file *f)
{
	struct sim_pipe *p = pipe_of(f);

	return (p->n_slots ? POLLIN : 0) | (p->writer.open ? 0 : POLLHUP);
}

/* --- writing --------------------------------------------------------------------------------- */

/* What would only begin a page is put behind the last bytes, if all of it fits there. */
static size_t write_behind(struct sim_pipe *p, const struct sim_io *io)
{
	size_t n = io->n_bytes % SIM_PAGE;
	struct sim_slot *last;

	if (!n || !p->n_slots)
		return 0;
	last = rondo__sim_pipe_slot(p, p->n_slots - 1);
	if (!last->merges || last->at + last->n + n > SIM_PAGE)
		return 0;
	rondo__sim_copy_in(io, 0, last->page + last->at + last->n, n);
	last->n += (uint32_t)n;
	return n;
}

/* How many new slots to write: fewer than possible if the kernel finds no more pages. One slot is
 * atomic. */
static unsigned writable_slots(struct sim_pipe *p, size_t n_bytes)
{
	size_t n = (n_bytes + SIM_PAGE - 1) / SIM_PAGE, n_free = SIM_PIPE_SLOTS - p->n_slots;

	n = n < n_free ? n : n_free;
	if (n > 1)
		n = rondo__sim_shorten(p->writer.file.host->sim, SIM_FAULT_SHORT_WRITE, n);
	return (unsigned)n;
}

static long write_pipe(struct sim_file *f, struct sim_io *io)
{
	struct sim_pipe *p = pipe_of(f);
	size_t n_done;

	if (!io->n_bytes)
		return 0;
	if (!p->reader.open)
		return -EPIPE;
	n_done = write_behind(p, io);
	if (!n_done && !sim_pipe_is_full(p) && rondo__sim_fault(f->host->sim, SIM_FAULT_OP_ENOMEM))
		return -ENOMEM;
	for (unsigned n = writable_slots(p, io->n_bytes - n_done); n; n--) {
		struct sim_slot *slot = rondo__sim_pipe_grow(p);
		size_t left = io->n_bytes - n_done;

		slot->n = left < SIM_PAGE ? (uint32_t)left : (uint32_t)SIM_PAGE;
		slot->merges = true;
		slot->goes_on = n_done > 0;
		rondo__sim_copy_in(io, n_done, slot->page, slot->n);
		n_done += slot->n;
	}
	if (!n_done)
		return SIM_WAIT;
	rondo__sim_file_notify(&p->reader.file, POLLIN);
	return (long)n_done;
}

static unsigned poll_writer(struct sim_file *f)
{
	struct sim_pipe *p = pipe_of(f);

	return (sim_pipe_is_full(p) ? 0 : POLLOUT) | (p->reader.open ? 0 : POLLERR);
}

/* --- ends ------------------------------------------------------------------------------------ */

static void free_if_closed(struct sim_pipe *p)
{
	if (p->reader.open || p->writer.open)
		return;
	while (p->n_slots)
		drop_first(p);
	free(p);
}

static void release_reader(struct sim_file *f)
{
	struct sim_pipe *p = pipe_of(f);

	p->reader.open = false;
	if (p->writer.open)
		rondo__sim_file_notify(&p->writer.file, POLLOUT | POLLERR);
	free_if_closed(p);
}

static void release_writer(struct sim_file *f)
{
	struct sim_pipe *p = pipe_of(f);

	p->writer.open = false;
	if (p->reader.open)
		rondo__sim_file_notify(&p->reader.file, POLLIN | POLLHUP);
	free_if_closed(p);
}

static const struct sim_file_class reader_class = {
	.name = "pipe", .read = read_pipe, .poll = poll_reader, .release = release_reader,
};

static const struct sim_file_class writer_class = {
	.name = "pipe", .write = write_pipe, .poll = poll_writer, .release = release_writer,
};

struct sim_pipe *rondo__sim_pipe_read_from(struct sim_file *f)
{
	return f->class == &reader_class ? pipe_of(f) : NULL;
}

struct sim_pipe *rondo__sim_pipe_written_to(struct sim_file *f)
{
	return f->class == &writer_class ? pipe_of(f) : NULL;
}

/* --- making one ------------------------------------------------------------------------------ */

static void open_end(struct sim_pipe *p, struct sim_pipe_end *end,
		     const struct sim_file_class *class, struct sim_host *h, int flags)
{
	rondo__sim_file_init(&end->file, class, h, flags);
	end->file.position = -1;
	end->pipe = p;
	end->open = true;
}

static long make_pipe(struct sim_host *h, int *fds, int flags)
{
	struct sim_pipe *p;
	int reader, writer;

	if (flags & (O_DIRECT | O_EXCL)) {	/* packets, and notifications */
		rondo__sim_fail(h->sim, "Z4", "a pipe with flags %#o", flags);
		return -EINVAL;
	}
	p = rondo__sim_alloc(sizeof(*p));
	open_end(p, &p->reader, &reader_class, h, O_RDONLY | (flags & O_NONBLOCK));
	open_end(p, &p->writer, &writer_class, h, O_WRONLY | (flags & O_NONBLOCK));
	reader = rondo__sim_fd_install(h, &p->reader.file);
	writer = reader < 0 ? reader : rondo__sim_fd_install(h, &p->writer.file);
	if (writer < 0) {
		if (reader < 0)
			rondo__sim_file_unref(&p->reader.file);
		else
			rondo__sim_fd_close(h, reader);
		rondo__sim_file_unref(&p->writer.file);
		return writer;
	}
	fds[0] = reader;
	fds[1] = writer;
	return 0;
}

static bool knows_flags(int flags)
{
	return !(flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT | O_EXCL));
}

static int prepare_pipe(struct sim_request *rq)
{
	const struct io_uring_sqe *sqe = &rq->sqe;

	if (sqe->fd || sqe->off || sqe->addr3 || !knows_flags((int)sqe->rw_flags))
		return -EINVAL;
	if (sqe->file_index) {
		rondo__sim_fail(sim_of(rq), "Z4", "a pipe of direct descriptors");
		return -EINVAL;
	}
	if (sim_is_bad_address(sqe->addr))
		return -EFAULT;
	rq->kernel_writes = true;
	rq->n_iov = 1;
	rq->iov = rondo__sim_alloc(sizeof(*rq->iov));
	*rq->iov = (struct iovec){ .iov_base = (void *)(uintptr_t)sqe->addr,
				   .iov_len = 2 * sizeof(int) };
	return 0;
}

static long run_pipe(struct sim_request *rq)
{
	if (rondo__sim_fault(sim_of(rq), SIM_FAULT_OP_ENOMEM))
		return -ENFILE;		/* that is how pipe2 tells of it */
	return make_pipe(sim_host_of(rq), rq->iov[0].iov_base, (int)rq->sqe.rw_flags);
}

const struct sim_op rondo__sim_op_pipe = {
	.name = "PIPE", .prepare = prepare_pipe, .run = run_pipe,
};

long rondo__sim_call_pipe2(struct sim_host *h, long fds, long flags, long c, long d, long e, long f)
{
	(void)c, (void)d, (void)e, (void)f;
	if (!knows_flags((int)flags))
		return -EINVAL;
	return make_pipe(h, (int *)fds, (int)flags);
}
