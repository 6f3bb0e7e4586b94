/* SPDX-License-Identifier: MIT */
/* msg_ring.c - messages from ring to ring, and what epoll there is: none. */
#include <errno.h>

#include "sim/transfer.h"

struct sim_ring *rondo__sim_ring_of_file(struct sim_file *f)
{
	struct list *rings = &f->host->rings;

	for (struct list *p = rings->next; p != rings; p = p->next) {
		struct sim_ring *r = container_of(p, struct sim_ring, link);

		if (&r->file == f)
			return r;
	}
	return NULL;
}

/* Names of liburing's that are younger than 2.3. */
enum { MSG_DATA, MSG_SEND_FD, MSG_FLAGS_PASS = 2 };

static int prepare(struct sim_request *rq)
{
	if (rq->sqe.addr == MSG_SEND_FD) {
		rondo__sim_fail(sim_of(rq), "Z4", "a descriptor in a message to a ring");
		return -EINVAL;
	}
	return rq->sqe.buf_index ? -EINVAL : 0;
}

static long run(struct sim_request *rq)
{
	const struct io_uring_sqe *sqe = &rq->sqe;
	struct sim_ring *target = rondo__sim_ring_of_file(rq->file);
	bool passes_flags = sqe->rw_flags & MSG_FLAGS_PASS;

	if (!target)
		return -EBADFD;
	if (sqe->addr != MSG_DATA || sqe->addr3 || sqe->rw_flags & ~MSG_FLAGS_PASS ||
	    (!passes_flags && sqe->file_index))
		return -EINVAL;
	if (!target->enabled)
		return -EBADFD;
	rondo__sim_note(sim_of(rq), "message", sqe->off, sqe->len);
	rondo__sim_post(target, sqe->off, (int)sqe->len, passes_flags ? sqe->file_index : 0);
	return 0;
}

const struct sim_op rondo__sim_op_msg_ring = {
	.name = "MSG_RING", .needs_file = true, .prepare = prepare, .run = run,
};

/* --- epoll ----------------------------------------------------------------------------------- */

/* An epoll descriptor comes from epoll_create(2), past the seam; so either none is meant, or one of
 * the real kernel, of which we know nothing. */
static long no_epoll(struct sim_host *h, int fd)
{
	if (fd < 0)
		return -EBADF;
	if (rondo__sim_fd_file(h, fd))
		return -EINVAL;
	rondo__sim_fail(h->sim, "Z4", "epoll, for descriptor %d", fd);
	return -EBADF;
}

static long run_epoll_wait(struct sim_request *rq)
{
	return no_epoll(sim_host_of(rq), rq->sqe.fd);
}

const struct sim_op rondo__sim_op_epoll_wait = { .name = "EPOLL_WAIT", .run = run_epoll_wait };

long rondo__sim_call_epoll_pwait(struct sim_host *h, long fd, long b, long c, long d, long e,
				 long f)
{
	(void)b, (void)c, (void)d, (void)e, (void)f;
	return no_epoll(h, (int)fd);
}
