/* SPDX-License-Identifier: MIT */
/* request.c - the life of a request: submitted, tried, waiting, completed, cancelled, linked. */
#include "sim/request.h"

#include <errno.h>
#include <stdlib.h>

#include "sim/ops.h"
#include "switch/sanitizer.h"

static struct sim *sim_of(const struct sim_request *rq)
{
	return rq->ring->file.host->sim;
}

/* --- the buffers that the kernel holds (P3) -------------------------------------------------- */

enum { HASHED_MAX = 16384 };	/* bytes of each buffer, at either end */

/* What a checker has poisoned because the kernel holds it may be read here all the same. */
SAN_UNCHECKED static uint64_t hash_bytes(uint64_t hash, const unsigned char *p, size_t n)
{
	typedef uint64_t __attribute__((aligned(1), may_alias)) word;

	for (; n >= sizeof(word); n -= sizeof(word), p += sizeof(word))
		hash = (hash ^ *(const word *)p) * UINT64_C(0x9e3779b97f4a7c15);
	for (; n; n--)
		hash = (hash ^ *p++) * UINT64_C(0x100000001b3);
	return hash;
}

static uint64_t hash_buffers(const struct sim_request *rq)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (unsigned i = 0; i < rq->n_iov; i++) {
		const unsigned char *p = rq->iov[i].iov_base;
		size_t len = rq->iov[i].iov_len, n = len < HASHED_MAX ? len : HASHED_MAX;

		hash = hash_bytes(hash, p, n);
		if (len > n)
			hash = hash_bytes(hash, p + len - n, n);
	}
	san_kernel_wrote(&hash, sizeof(hash));	/* of bytes that nobody may have written yet */
	return hash;
}

static void hold_buffers(struct sim_request *rq)
{
	rq->held = true;
	rq->buffers_hash = hash_buffers(rq);
	for (unsigned i = 0; rq->kernel_writes && i < rq->n_iov; i++)
		san_kernel_takes(rq->iov[i].iov_base, rq->iov[i].iov_len);
}

static void release_buffers(struct sim_request *rq)
{
	for (unsigned i = 0; rq->held && rq->kernel_writes && i < rq->n_iov; i++)
		san_kernel_gives(rq->iov[i].iov_base, rq->iov[i].iov_len);
}

static void check_buffers(struct sim_request *rq)
{
	if (rq->held && rq->n_iov && hash_buffers(rq) != rq->buffers_hash)
		rondo__sim_fail(sim_of(rq), "P3", "the buffer of %s (request %llu) was changed while "
				"the kernel held it", rq->op->name, (unsigned long long)rq->serial);
}

/* --- the end --------------------------------------------------------------------------------- */

static void free_request(struct sim_request *rq)
{
	rondo__sim_unschedule(sim_of(rq), &rq->event);
	list_remove(&rq->link);
	list_remove(&rq->waiting);
	if (rq->file)
		rondo__sim_file_unref(rq->file);
	free(rq->iov);
	free(rq->private_data);
	free(rq);
}

void rondo__sim_request_drop(struct sim_request *rq)
{
	if (rq->op->forget && (rq->state == SIM_WAITING || rq->state == SIM_BLOCKED))
		rq->op->forget(rq);
	release_buffers(rq);
	free_request(rq);
}

static void start(struct sim_request *rq);

/* A timeout may say that its end is no failure. */
static bool has_failed(const struct sim_request *rq)
{
	if (rq->op == &rondo__sim_op_timeout && rq->res == -ETIME)
		return !(rq->sqe.timeout_flags & IORING_TIMEOUT_ETIME_SUCCESS);
	return rq->res < 0;
}

/* Does what came out of it break its chain? A short transfer does, too. */
static bool breaks_chain(const struct sim_request *rq)
{
	if (rq->sqe.flags & IOSQE_IO_HARDLINK)
		return false;
	return has_failed(rq) || (rq->n_iov && rq->op->needs_file && rq->op->path != SIM_WORKER &&
			       (size_t)rq->res < rondo__sim_iov_bytes(rq->iov, rq->n_iov));
}

/* It is not begun, and nothing behind it will be, however hard the link. */
static void fail(struct sim_request *rq, int error)
{
	rq->sqe.flags &= (__u8)~IOSQE_IO_HARDLINK;
	rondo__sim_complete(rq, error, 0);
}

static void go_on(struct sim_request *done)
{
	struct sim_request *rq = done->next_linked;

	if (rq && rq->op == &rondo__sim_op_link_timeout && rq->state != SIM_LINKED) {
		done->next_linked = rq->next_linked;
		rq->next_linked = NULL;
		rondo__sim_link_timeout_over(rq);	/* it has run since its head began */
		rq = done->next_linked;
	}
	if (!rq)
		return;
	done->next_linked = NULL;
	if (breaks_chain(done))
		fail(rq, rq->res < 0 ? rq->res : -ECANCELED);
	else
		start(rq);
}

/* The CQE: what the host sees of it. */
static void post(struct sim *s, struct sim_event *e)
{
	struct sim_request *rq = container_of(e, struct sim_request, event);
	struct sim_ring *r = rq->ring;
	bool silent = rq->sqe.flags & IOSQE_CQE_SKIP_SUCCESS && !has_failed(rq);

	check_buffers(rq);
	release_buffers(rq);
	rondo__sim_trace(s, "%s: %s #%llu fd %d = %d%s", r->file.host->name, rq->op->name,
			 (unsigned long long)rq->serial, rq->sqe.fd, rq->res,
			 rq->cqe_flags & IORING_CQE_F_MORE ? " (more)" : "");
	rondo__sim_note(s, "cqe", rq->serial, (uint64_t)(int64_t)rq->res);
	if (rq->op == &rondo__sim_op_timeout)
		r->timeout_fired = true;
	go_on(rq);
	if (!silent)
		rondo__sim_post(r, rq->sqe.user_data, rq->res, rq->cqe_flags);
	free_request(rq);
}

/* Most completions are seen at once or soon; some late. */
static uint64_t time_to_cqe(struct sim *s)
{
	if (rondo__sim_fault(s, SIM_FAULT_COMPLETE_LATE))
		return rondo__sim_log(s, SIM_LATENCY, 1000, 3000000000);
	return rondo__sim_often(s, SIM_LATENCY, 500) ? 0 :
						       rondo__sim_log(s, SIM_LATENCY, 100, 30000);
}

void rondo__sim_complete(struct sim_request *rq, int res, uint32_t cqe_flags)
{
	struct sim *s = sim_of(rq);

	rq->state = SIM_COMPLETING;
	rq->res = res;
	rq->cqe_flags = cqe_flags;
	list_remove(&rq->waiting);
	rq->event.fire = post;
	rondo__sim_schedule(s, &rq->event, rq->late_ns + time_to_cqe(s));
}

bool rondo__sim_post_more(struct sim_request *rq, int res, uint32_t cqe_flags)
{
	struct sim_ring *r = rq->ring;

	if (!list_empty(&r->overflow) || r->n_ready >= rondo__sim_cq_room(r) ||
	    rondo__sim_fault(sim_of(rq), SIM_FAULT_MULTISHOT_ENDS))
		return false;
	rondo__sim_trace(sim_of(rq), "%s: %s #%llu = %d, more", r->file.host->name, rq->op->name,
			 (unsigned long long)rq->serial, res);
	rondo__sim_note(sim_of(rq), "more", rq->serial, (uint64_t)(int64_t)res);
	rondo__sim_post(r, rq->sqe.user_data, res, cqe_flags | IORING_CQE_F_MORE);
	return true;
}

/* --- trying ---------------------------------------------------------------------------------- */

static bool in_worker(const struct sim_request *rq)
{
	if (rq->op->path == SIM_BY_FILE)
		return rq->file && rq->file->class->on_disk;
	return rq->op->path == SIM_WORKER || rq->sqe.flags & IOSQE_ASYNC;
}

static void attempt(struct sim *s, struct sim_event *e)
{
	struct sim_request *rq = container_of(e, struct sim_request, event);
	long res;

	check_buffers(rq);
	release_buffers(rq);		/* the one place where the kernel writes to them */
	res = rq->op->run(rq);
	hold_buffers(rq);
	if (res != SIM_WAIT) {
		rondo__sim_complete(rq, (int)res, rq->cqe_flags);
		return;
	}
	rq->state = in_worker(rq) ? SIM_BLOCKED : SIM_WAITING;
	if (rq->state == SIM_BLOCKED && rq->cancelled) {
		rondo__sim_cancel(rq);	/* the signal came before it blocked */
		return;
	}
	if (rq->wants && rq->file && list_empty(&rq->waiting))
		list_push(&rq->file->waiters, &rq->waiting);
	(void)s;
}

void rondo__sim_retry(struct sim_request *rq)
{
	if (sim_is_scheduled(&rq->event) || rq->state == SIM_COMPLETING)
		return;
	rq->event.fire = attempt;
	rondo__sim_schedule(sim_of(rq), &rq->event, rondo__sim_log(sim_of(rq), SIM_LATENCY, 0, 5000));
}

static void run_in_worker(struct sim *s, struct sim_event *e)
{
	struct sim_request *rq = container_of(e, struct sim_request, event);
	uint64_t slow = rondo__sim_fault(s, SIM_FAULT_DISK_SLOW) ? 3000000000 : 200000;

	rq->state = SIM_RUNNING;
	if (rondo__sim_fault(s, SIM_FAULT_OP_HANGS)) {
		rq->hangs = true;
		return;
	}
	rq->event.fire = attempt;
	rondo__sim_schedule(s, &rq->event, rondo__sim_log(s, SIM_LATENCY, 1000, slow));
}

/* It is looked up when the request begins: behind a link that may be later than its submission. */
static bool find_file(struct sim_request *rq)
{
	if (!rq->op->needs_file)
		return true;
	rq->file = rondo__sim_fd_file(rq->ring->file.host, rq->sqe.fd);
	if (rq->file)
		rondo__sim_file_ref(rq->file);
	return rq->file != NULL;
}

static void start(struct sim_request *rq)
{
	struct sim *s = sim_of(rq);
	bool late = rondo__sim_fault(s, rq->op == &rondo__sim_op_async_cancel ?
						SIM_FAULT_CANCEL_LATE : SIM_FAULT_OP_LATE);
	uint64_t delay_ns = late ? rondo__sim_log(s, SIM_LATENCY, 1000, 1000000000) : 0;

	if (rq->op == &rondo__sim_op_close)	/* Linux does not put that off: no file here has a flush */
		delay_ns = 0;
	hold_buffers(rq);
	if (rq->next_linked && rq->next_linked->op == &rondo__sim_op_link_timeout)
		rondo__sim_link_timeout_start(rq->next_linked, rq);
	if (!find_file(rq)) {
		rondo__sim_complete(rq, -EBADF, 0);
	} else if (in_worker(rq)) {
		rq->state = SIM_QUEUED;
		rq->event.fire = run_in_worker;
		rondo__sim_schedule(s, &rq->event,
				    delay_ns + rondo__sim_log(s, SIM_LATENCY, 1000, 50000));
	} else {
		rq->state = SIM_LATE;
		rq->event.fire = attempt;
		if (delay_ns)
			rondo__sim_schedule(s, &rq->event, delay_ns);
		else
			attempt(s, &rq->event);
	}
}

static void unhang(struct sim *s, struct sim_request *rq)
{
	if (!rq->hangs)
		return;
	rq->hangs = false;
	rq->event.fire = attempt;
	rondo__sim_schedule(s, &rq->event, rondo__sim_log(s, SIM_LATENCY, 1000, 1000000));
}

void rondo__sim_unhang_all(struct sim *s)
{
	for (unsigned i = 0; i < s->n_hosts; i++) {
		struct list *rings = &s->hosts[i]->rings;

		for (struct list *p = rings->next; p != rings; p = p->next) {
			struct list *requests = &container_of(p, struct sim_ring, link)->requests;

			for (struct list *q = requests->next; q != requests; q = q->next)
				unhang(s, container_of(q, struct sim_request, link));
		}
	}
}

/* --- cancelling ------------------------------------------------------------------------------ */

/* A worker is interrupted by a signal; how the op then ends is a matter of its kind (KN-10). */
static int interrupted(struct sim *s)
{
	enum { ERESTARTSYS = 512 };

	if (rondo__sim_fault(s, SIM_FAULT_CANCEL_RESTART))
		return -ERESTARTSYS;
	return rondo__sim_often(s, SIM_CANCEL, 500) ? -EINTR : -ECANCELED;
}

int rondo__sim_cancel(struct sim_request *rq)
{
	struct sim *s = sim_of(rq);

	rq->cancelled = true;
	switch (rq->state) {
	case SIM_LATE:
	case SIM_QUEUED:
		rondo__sim_complete(rq, -ECANCELED, 0);
		return 0;
	case SIM_WAITING:
		if (rq->op->forget)
			rq->op->forget(rq);
		rondo__sim_complete(rq, rq->n_moved ? (int)rq->n_moved : -ECANCELED, 0);
		return rq->op->cancel_counts;
	case SIM_BLOCKED:
		if (rq->op->forget)
			rq->op->forget(rq);
		rondo__sim_complete(rq, rq->n_moved ? (int)rq->n_moved : interrupted(s), 0);
		return -EALREADY;
	case SIM_RUNNING:
		return rondo__sim_fault(s, SIM_FAULT_CANCEL_ENOENT) ? -ENOENT : -EALREADY;
	case SIM_COMPLETING:
	case SIM_LINKED:
		break;
	}
	return -ENOENT;
}

/* What is linked behind another request, or limits one, cannot be found. */
static bool matches(const struct sim_request *rq, const struct sim_request *by)
{
	uint32_t flags = by->sqe.cancel_flags;

	if (rq == by || rq->state == SIM_COMPLETING || rq->state == SIM_LINKED ||
	    rq->op == &rondo__sim_op_link_timeout)
		return false;
	if (flags & IORING_ASYNC_CANCEL_ANY)
		return true;
	if (flags & IORING_ASYNC_CANCEL_FD)
		return rq->op->needs_file && rq->sqe.fd == by->sqe.fd;
	return rq->sqe.user_data == by->sqe.addr;
}

static int cancel_prepare(struct sim_request *by)
{
	enum { EITHER = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ANY };

	if (by->sqe.off || by->sqe.splice_fd_in || (by->sqe.cancel_flags & EITHER) == EITHER)
		return -EINVAL;
	return 0;
}

/* Of several that match, the first is as good as any (KN-12). */
static long cancel_run(struct sim_request *by)
{
	enum { KNOWN = IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ANY };
	struct list *requests = &by->ring->requests;
	bool all = by->sqe.cancel_flags & (IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY);
	int n = 0, ret = -ENOENT;

	if (by->sqe.cancel_flags & ~(uint32_t)KNOWN) {
		rondo__sim_fail(sim_of(by), "Z4", "ASYNC_CANCEL flags 0x%x", by->sqe.cancel_flags);
		return -EINVAL;
	}
	if (by->sqe.cancel_flags & IORING_ASYNC_CANCEL_FD &&
	    !rondo__sim_fd_file(by->ring->file.host, by->sqe.fd))
		return -EBADF;
	for (struct list *next, *p = requests->next; p != requests; p = next) {
		struct sim_request *rq = container_of(p, struct sim_request, link);

		next = p->next;
		if (!matches(rq, by))
			continue;
		/* Completing one may begin or end those that are linked to it. */
		next = requests->next;
		ret = rondo__sim_cancel(rq);
		n++;
		if (!all)
			return ret;
		if (ret < 0)
			next = p->next;		/* it is still there, and would match again */
	}
	return all ? n : ret;
}

const struct sim_op rondo__sim_op_async_cancel = {
	.name = "ASYNC_CANCEL", .prepare = cancel_prepare, .run = cancel_run,
};

/* --- submission ------------------------------------------------------------------------------ */

/* What a real kernel would answer before it begins: 0, or the CQE's error. */
static int begin(struct sim_request *rq)
{
	enum { KNOWN = IOSQE_ASYNC | IOSQE_IO_LINK | IOSQE_IO_HARDLINK | IOSQE_BUFFER_SELECT |
		       IOSQE_CQE_SKIP_SUCCESS };

	if (rq->sqe.flags & ~(unsigned)KNOWN)
		rondo__sim_fail(sim_of(rq), "Z4", "SQE flags 0x%x", rq->sqe.flags);
	rq->wants = rq->op->wants;
	if (rondo__sim_uses_foreign_field(&rq->sqe))
		return -EINVAL;
	return rq->op->prepare ? rq->op->prepare(rq) : 0;
}

static const struct sim_op unknown_op = { .name = "an unknown operation" };

static struct sim_request *make(struct sim_ring *r, const struct io_uring_sqe *sqe)
{
	struct sim *s = r->file.host->sim;
	struct sim_request *rq = rondo__sim_alloc(sizeof(*rq));

	rq->ring = r;
	rq->sqe = *sqe;
	rq->serial = ++s->n_requests;
	rq->issued_ns = s->now_ns;
	rq->op = &unknown_op;
	if (sqe->opcode < 64 && s->profile.ops >> sqe->opcode & 1)
		rq->op = rondo__sim_ops[sqe->opcode];
	else if (sqe->opcode < 64 && !rondo__sim_ops[sqe->opcode])
		rondo__sim_fail(s, "Z4", "operation %u is not simulated", sqe->opcode);
	list_init(&rq->waiting);
	rondo__sim_event_init(&rq->event, NULL);
	list_push(&r->requests, &rq->link);
	rondo__sim_note(s, "sqe", sqe->opcode, rq->serial);
	rondo__sim_trace(s, "%s: %s #%llu fd %d submitted", r->file.host->name, rq->op->name,
			 (unsigned long long)rq->serial, sqe->fd);
	return rq;
}

/* In flight, two requests with one number could not be told apart by a cancel (O2, KN-12). */
static void check_unique(const struct sim_request *rq)
{
	struct list *requests = &rq->ring->requests;

	if (rq->sqe.user_data < 1 << 16 || !rq->ring->file.host->sim->options.check_user_data)
		return;
	for (struct list *p = requests->next; p != requests; p = p->next) {
		const struct sim_request *other = container_of(p, struct sim_request, link);

		if (other != rq && other->sqe.user_data == rq->sqe.user_data)
			rondo__sim_fail(sim_of(rq), "P1", "two requests in flight with one user_data");
	}
}

static void start_chain(struct sim_request *head)
{
	if (head->res < 0)
		fail(head, head->res);
	else
		start(head);
}

void rondo__sim_submit(struct sim_ring *r, const struct io_uring_sqe *sqe)
{
	struct sim_request *rq = make(r, sqe), *head = r->link_head;
	bool links = sqe->flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK);
	int ret = rq->op->run ? begin(rq) : -EINVAL;

	check_unique(rq);
	if (head) {
		r->link_tail->next_linked = rq;
		rq->state = SIM_LINKED;
	}
	rq->res = ret;
	if (ret < 0 && head && head->res == 0)
		head->res = -ECANCELED;	/* a mistake in one keeps all from being done */
	r->link_tail = links ? rq : NULL;
	r->link_head = links ? head ? head : rq : NULL;
	if (!links)			/* else the chain begins when it is whole */
		start_chain(head ? head : rq);
}

void rondo__sim_submit_end(struct sim_ring *r)
{
	struct sim_request *rq = r->link_head;

	r->link_head = r->link_tail = NULL;
	if (rq)
		start_chain(rq);
}
