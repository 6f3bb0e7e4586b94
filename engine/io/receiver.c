/* SPDX-License-Identifier: MIT */
/* receiver.c - one multishot receive per socket, into buffers that all receivers of a loop share.
 *
 *   idle --somebody asks--> armed --each CQE: a buffer joins the queue, the asking task is woken--+
 *     ^                       |  ^                                                                |
 *     +--- CQE without F_MORE-+  +----------------------------------------------------------------+
 *
 * V1  Whoever asks takes from the queue first, then hears how receiving ended (0, or an error), and
 *     only then arms again. So nothing is lost by an end, whatever it was: ENOBUFS (KN-36), a full
 *     CQ (KN-8), a pause.
 * V2  Asking is a pure wait: the kernel never sees the asking task's memory, so cancelling the task
 *     ends only the wait.
 * V3  A buffer goes back to the kernel when the loan ends. With more than HELD_MAX buffers unread
 *     and nobody asking, receiving is paused: one slow reader must not hold what all share.
 * V4  When all shared buffers are in use, and on kernels without them, one receive at a time fills
 *     a buffer of the receiver's own. Waiting for a shared one instead could be for ever: its
 *     holder may be waiting for us. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/io.h"
#include "rondo/socket.h"
#include "switch/sanitizer.h"

enum {
	HELD_MAX = 8,
	BURST_MAX = 32,			/* how often the kernel receives before it pauses (KN-47) */
	OWN = UINT16_MAX,		/* the receiver's own buffer; shared ones are below */
	NONE = OWN - 1,
};

enum request { MULTISHOT, ONE_SHOT, POLL };

struct receiver {
	struct op op;			/* whose wait is that of the task that asks */
	struct loop *loop;
	char *own;			/* allocated when first needed */
	uint32_t n_own;			/* bytes in it */
	uint32_t n_used;		/* bytes of the first buffer that were read */
	uint16_t first, last;		/* received and not read, or lent; NONE: none */
	uint16_t n_held;		/* in that queue */
	uint16_t n_left;		/* ... when the task that last asked ran again */
	uint8_t request;		/* enum request: what op is */
	uint32_t n_burst;		/* received since the task last began to wait */
	int fd;
	int end;			/* how receiving ended, if has_end; a negative error or 0 */
	bool has_end;			/* to be told when the queue is empty */
	bool lent;			/* the first buffer */
	bool armed;			/* the op owes its last CQE */
	bool asked;			/* by a task, from before it parks until it runs again */
	bool woken;			/* that task */
	bool pausing;			/* we have asked the kernel to stop */
	bool closed;			/* rondo_close() was called on fd */
	bool ended;
	bool no_multishot;		/* this socket refused it */
	bool must_poll;			/* the last receive would not wait (KN-20) */
};

_Static_assert(sizeof(struct receiver) <= sizeof(struct rondo_receiver),
	       "struct rondo_receiver is too small");

static struct receiver *receiver_of(struct rondo_receiver *r)
{
	return (struct receiver *)r;
}

/* --- the queue of received buffers ----------------------------------------------------------- */

static uint32_t *n_bytes_of(struct receiver *r, unsigned id)
{
	return id == OWN ? &r->n_own : &r->loop->buffers.notes[id].n_bytes;
}

static char *memory_of(const struct receiver *r, unsigned id)
{
	return id == OWN ? r->own : bufring_at(&r->loop->buffers, id);
}

/* OWN is received into only while the queue is empty, so it has no next. */
static void queue_push(struct receiver *r, unsigned id, uint32_t n_bytes)
{
	*n_bytes_of(r, id) = n_bytes;
	if (r->first == NONE)
		r->first = (uint16_t)id;
	else
		r->loop->buffers.notes[r->last].next = (uint16_t)id;
	r->last = (uint16_t)id;
	r->n_held++;
	r->n_burst++;
}

static void queue_drop(struct receiver *r)
{
	unsigned id = r->first;

	r->first = id == r->last ? NONE : r->loop->buffers.notes[id].next;
	r->n_held--;
	r->n_used = 0;
	if (id != OWN)
		rondo__bufring_give(&r->loop->buffers, id);
}

/* --- asking ---------------------------------------------------------------------------------- */

static struct receiver *asked_by(struct wait *w)
{
	return container_of(w, struct receiver, op.wait);
}

static void wake(struct receiver *r)
{
	if (!r->asked || r->woken)
		return;
	r->woken = true;
	rondo__wake(r->op.wait.task);
}

static bool ask_cancel(struct wait *w)
{
	w->cancelled = true;
	wake(asked_by(w));
	return true;
}

static void ask_describe(const struct wait *w, char *buf, size_t size)
{
	const struct receiver *r = container_of(w, struct receiver, op.wait);

	snprintf(buf, size, "bytes on descriptor %d", r->fd);
}

static const struct wait_class ask_class = {
	.name = "receiver", .cancel = ask_cancel, .describe = ask_describe,
};
static const struct wait_class end_class = {
	.name = "receiver", .cancel = wait_cancel_later, .describe = ask_describe,
};

/* Park until a CQE has come. While nobody asks, an armed receive wakes nobody, and the deadlock
 * detector must not count on it. */
static void ask(struct receiver *r, struct rondo_task *self, const struct wait_class *class)
{
	r->op.wait = (struct wait){ .class = class, .task = self };
	r->asked = true;
	r->woken = false;
	r->loop->n_internal -= r->armed;
	rondo__park(&r->op.wait);
	r->loop->n_internal += r->armed;
	r->asked = false;
	r->n_left = r->n_held;
}

/* --- the kernel's side ----------------------------------------------------------------------- */

/* The CQE without F_MORE: what does it mean that receiving is over? */
static void note_end(struct receiver *r, int res)
{
	struct bufring *b = &r->loop->buffers;

	if (r->op.closing) {
		r->closed = true;
	} else if (res > 0 || res == -EINTR || (r->pausing && op_interrupted(res)) ||
		   (res == -ENOBUFS && r->request == MULTISHOT)) {
		return;
	} else if (res == -EAGAIN) {
		r->must_poll = true;
	} else if (res == -EINVAL && r->request == MULTISHOT) {
		r->no_multishot = true;
		b->refused |= !b->proven;
	} else {
		r->end = op_interrupted(res) ? -EIO : res;
		r->has_end = true;
	}
}

static void take_data(struct receiver *r, const struct io_uring_cqe *cqe)
{
	struct bufring *b = &r->loop->buffers;
	unsigned id = OWN;

	if (cqe->flags & IORING_CQE_F_BUFFER) {
		id = bufring_take(b, cqe->flags);
		b->proven = true;
	}
	if (cqe->res > 0 && r->request != POLL)
		queue_push(r, id, (uint32_t)cqe->res);
	else if (id != OWN)
		rondo__bufring_give(b, id);
}

static void pause_if_flooded(struct receiver *r)
{
	if (r->n_held <= HELD_MAX || r->asked || !r->armed || r->pausing)
		return;
	r->pausing = true;
	rondo__op_cancel(r->loop, &r->op);
}

static void on_cqe(struct op *op, const struct io_uring_cqe *cqe)
{
	struct receiver *r = container_of(op, struct receiver, op);

	take_data(r, cqe);
	if (!(cqe->flags & IORING_CQE_F_MORE)) {
		r->armed = false;
		r->loop->n_internal -= !r->asked;
		note_end(r, cqe->res);
	}
	pause_if_flooded(r);
	wake(r);
}

/* Does an op in flight belong to a receiver that goes on though it holds too much and nobody asks
 * (V3)? What came in one go with what the task had asked for is excused. */
static bool is_flooded(const struct op *op)
{
	const struct receiver *r = container_of(op, struct receiver, op);

	return op->on_cqe == on_cqe && !op->asked_to_end && !r->asked && r->n_held > HELD_MAX &&
	       r->n_held > r->n_left;
}

/* --- the task's side ------------------------------------------------------------------------- */

static struct io_uring_sqe *begin(struct receiver *r, enum request request)
{
	r->request = (uint8_t)request;
	return rondo__op_begin_owned(r->loop, &r->op, on_cqe);
}

static int start(struct receiver *r)
{
	r->armed = true;
	r->pausing = false;
	r->loop->n_internal++;
	rondo__op_start(r->loop, &r->op);
	return 0;
}

static int arm_multishot(struct receiver *r)
{
	struct io_uring_sqe *sqe = begin(r, MULTISHOT);

	io_uring_prep_recv_multishot(sqe, r->fd, NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = BUFRING_GROUP;
	return start(r);
}

static int arm_one_shot(struct receiver *r)
{
	if (!r->own)
		r->own = malloc(BUFRING_BUFFER_BYTES);
	if (!r->own)
		return -ENOMEM;
	io_uring_prep_recv(begin(r, ONE_SHOT), r->fd, r->own, BUFRING_BUFFER_BYTES, 0);
	return start(r);
}

static int arm_poll(struct receiver *r)
{
	r->must_poll = false;
	io_uring_prep_poll_add(begin(r, POLL), r->fd, POLLIN);
	return start(r);
}

/* Is there a shared buffer? The first receiver that asks makes them. */
static bool can_share(const struct receiver *r)
{
	struct bufring *b = &r->loop->buffers;

	if (unlikely(!b->shared && !b->refused))
		b->refused = rondo__bufring_open(b, &r->loop->ring) < 0;
	return !b->refused && !r->no_multishot && (!bufring_is_empty(b) || rondo__bufring_grow(b));
}

static int arm(struct receiver *r)
{
	if (unlikely(r->must_poll))
		return arm_poll(r);
	return likely(can_share(r)) ? arm_multishot(r) : arm_one_shot(r);
}

/* Tell the end once; who asks again asks the kernel again, which knows what is true by then. */
static int take_end(struct receiver *r)
{
	r->has_end = false;
	return r->end;
}

static bool is_unix(const struct receiver *r)
{
	int domain;
	socklen_t size = sizeof(domain);

	return rondo_getsockopt(r->fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 &&
	       domain == AF_UNIX;
}

/* After so many in one go the end of an AF_UNIX stream may have gone unheard (KN-47), so the receive is
 * ended, to be begun anew, which asks the socket once more. */
static void look_behind(struct receiver *r)
{
	r->n_burst = 0;
	if (!r->armed || r->pausing || !is_unix(r))
		return;
	r->pausing = true;
	rondo__op_cancel(r->loop, &r->op);
}

/* Wait until the queue has a buffer. Returns 1, or what to return instead. */
static int wait_for_bytes(struct receiver *r)
{
	while (r->first == NONE) {
		struct rondo_task *self = rondo__self();
		int ret;

		if (unlikely(r->closed))
			return -EBADF;
		if (unlikely(r->has_end))
			return take_end(r);
		if (unlikely(r->n_burst > BURST_MAX)) {
			look_behind(r);		/* a full SQ reaps: look again */
			continue;
		}
		ret = likely(r->armed) ? 0 : arm(r);
		if (unlikely(ret < 0))
			return ret;
		r->n_burst = 0;
		ask(r, self, &ask_class);
		ret = rondo__wait_result(&r->op.wait, likely(!r->ended) ? 0 : -EBADF);
		if (unlikely(ret < 0))
			return ret;
	}
	return 1;
}

/* What every call begins with. */
static int enter(struct receiver *r)
{
	if (unlikely(!r->loop || r->ended))
		return -EBADF;
	if (unlikely(r->loop != rondo__self()->loop))
		return -RONDO_EWRONGLOOP;
	if (unlikely(r->asked))
		return -EBUSY;
	if (r->lent)
		queue_drop(r);
	r->lent = false;
	return io_checkpoint();
}

void rondo_receiver_init(struct rondo_receiver *receiver, int fd)
{
	struct loop *l = rondo__self()->loop;

	*receiver_of(receiver) = (struct receiver){ .loop = l, .fd = fd, .first = NONE,
						    .last = NONE };
	l->receiver_is_flooded = is_flooded;
}

ssize_t rondo_receiver_lend(struct rondo_receiver *receiver, const void **data)
{
	struct receiver *r = receiver_of(receiver);
	uint32_t n;
	int ret = enter(r);

	if (ret == 0)
		ret = wait_for_bytes(r);
	if (ret <= 0)
		return ret;
	n = *n_bytes_of(r, r->first) - r->n_used;
	*data = memory_of(r, r->first) + r->n_used;
	r->lent = true;
	san_kernel_wrote(*data, n);
	return n;
}

static size_t copy_first(struct receiver *r, void *buf, size_t len)
{
	const char *from = memory_of(r, r->first) + r->n_used;
	size_t n = *n_bytes_of(r, r->first) - r->n_used;

	if (n > len)
		n = len;
	san_kernel_wrote(from, n);
	memcpy(buf, from, n);
	r->n_used += (uint32_t)n;
	if (r->n_used == *n_bytes_of(r, r->first))
		queue_drop(r);
	return n;
}

ssize_t rondo_receiver_read(struct rondo_receiver *receiver, void *buf, size_t len)
{
	struct receiver *r = receiver_of(receiver);
	int ret = enter(r);

	if (ret == 0 && len)
		ret = wait_for_bytes(r);
	return ret <= 0 ? ret : (ssize_t)copy_first(r, buf, len);
}

/* Until the kernel has let go. */
static void stop(struct receiver *r, struct rondo_task *self)
{
	while (r->armed) {
		if (r->pausing) {
			ask(r, self, &end_class);
			continue;
		}
		r->pausing = true;
		rondo__op_cancel(r->loop, &r->op);	/* a full SQ reaps: look again */
	}
}

void rondo_receiver_end(struct rondo_receiver *receiver)
{
	struct receiver *r = receiver_of(receiver);
	struct rondo_task *self;

	if (!r->loop)
		return;
	self = rondo__self();
	BUG_ON(r->loop != self->loop);
	r->ended = true;
	wake(r);
	while (r->asked)		/* who waits in it sees that, and goes */
		rondo__requeue(self);
	stop(r, self);
	while (r->first != NONE)
		queue_drop(r);
	free(r->own);
	*r = (struct receiver){ .first = NONE };
}
