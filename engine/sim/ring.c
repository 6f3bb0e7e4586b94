/* SPDX-License-Identifier: MIT */
/* ring.c - the seam: set up rings in real memory, take SQEs from them, post CQEs into them. */
#include "ring/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "ring/compat.h"
#include "sim/ops.h"
#include "sim/process.h"
#include "sim/world.h"

enum {
	ENTER_NS = 700, SUBMIT_NS = 150, CLOCK_NS = 30,
	ENTRIES_MAX = 32768,
};

/* --- what this seed's kernel can do ---------------------------------------------------------- */

enum {
	SETUP_519 = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL |
		    IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED,
	SETUP_60 = SETUP_519 | IORING_SETUP_SINGLE_ISSUER,
	SETUP_61 = SETUP_60 | IORING_SETUP_DEFER_TASKRUN,
};

static uint64_t ops_before(unsigned end)
{
	uint64_t ops = 0;

	for (unsigned op = 0; op < end; op++)
		if (rondo__sim_ops[op])
			ops |= UINT64_C(1) << op;
	return ops;
}

/* Kernels as they were released: 5.19, 6.0, 6.1, 6.12, 6.18. */
static void draw_age(struct sim *s)
{
	static const struct sim_profile ages[] = {
		{ .setup_flags = SETUP_519, .nonblock_is_eagain = true },
		{ .setup_flags = SETUP_60, .has_buffer_rings = true },
		{ .setup_flags = SETUP_61, .has_buffer_rings = true, .has_registered_rings = true },
		{ .setup_flags = SETUP_61, .has_buffer_rings = true, .has_registered_rings = true,
		  .features = RONDO_FEAT_MIN_TIMEOUT, .enter_flags = RONDO_ENTER_ABS_TIMER },
		{ .setup_flags = SETUP_61, .has_buffer_rings = true, .has_registered_rings = true,
		  .features = RONDO_FEAT_MIN_TIMEOUT | RONDO_FEAT_NO_IOWAIT,
		  .enter_flags = RONDO_ENTER_ABS_TIMER | RONDO_ENTER_NO_IOWAIT,
		  .has_nosignal = true },
	};
	static const unsigned ops_end[] = { IORING_OP_SEND_ZC, RONDO_OP_READ_MULTISHOT,
					    RONDO_OP_READ_MULTISHOT, RONDO_OP_RECV_ZC,
					    RONDO_OP_END };
	enum { N_AGES = sizeof(ages) / sizeof(ages[0]) };
	uint64_t age = rondo__sim_below(s, SIM_PROFILE, 2 * N_AGES);

	if (age >= N_AGES || s->options.no_faults)	/* mostly the youngest */
		age = N_AGES - 1;
	s->profile = ages[age];
	s->profile.ops = ops_before(ops_end[age]);
}

void rondo__sim_profile_draw(struct sim *s)
{
	uint64_t small = rondo__sim_below(s, SIM_PROFILE, 4);

	draw_age(s);
	if (s->options.no_faults || small > 1)
		return;
	s->profile.sq_entries = 1u << rondo__sim_below(s, SIM_PROFILE, 7);
	s->profile.cq_entries = s->profile.sq_entries << 1 << rondo__sim_below(s, SIM_PROFILE, 3);
}

/* --- rings ----------------------------------------------------------------------------------- */

/* The memory that the kernel shares with a process: the heads, tails and so on, then the array and
 * the CQEs. */
struct shared {
	unsigned sq_head, sq_tail, sq_mask, sq_entries, sq_flags, sq_dropped;
	unsigned cq_head, cq_tail, cq_mask, cq_entries, cq_flags, cq_overflow;
	unsigned array[];
};

static unsigned round_up(unsigned n)
{
	unsigned p = 1;

	while (p < n)
		p *= 2;
	return p;
}

static unsigned size_of_queue(unsigned asked, unsigned at_most)
{
	unsigned n = round_up(asked < ENTRIES_MAX ? asked : ENTRIES_MAX);

	return at_most && n > at_most ? at_most : n;
}

static void map_sq(struct io_uring_sq *sq, struct shared *m, unsigned n)
{
	m->sq_entries = n;
	m->sq_mask = n - 1;
	*sq = (struct io_uring_sq){
		.khead = &m->sq_head, .ktail = &m->sq_tail, .kring_mask = &m->sq_mask,
		.kring_entries = &m->sq_entries, .kflags = &m->sq_flags, .kdropped = &m->sq_dropped,
		.array = m->array, .sqes = rondo__sim_alloc(n * sizeof(struct io_uring_sqe)),
		.ring_ptr = m, .ring_mask = n - 1, .ring_entries = n,
	};
}

static void map_cq(struct io_uring_cq *cq, struct shared *m, unsigned n)
{
	m->cq_entries = n;
	m->cq_mask = n - 1;
	*cq = (struct io_uring_cq){
		.khead = &m->cq_head, .ktail = &m->cq_tail, .kring_mask = &m->cq_mask,
		.kring_entries = &m->cq_entries, .kflags = &m->cq_flags, .koverflow = &m->cq_overflow,
		.cqes = rondo__sim_alloc(n * sizeof(struct io_uring_cqe)),
		.ring_ptr = m, .ring_mask = n - 1, .ring_entries = n,
	};
}

static void drop_cqes(struct list *l)
{
	while (!list_empty(l))
		free(container_of(list_pop(l), struct sim_cqe, link));
}

static void drop(struct sim_ring *r)
{
	while (!list_empty(&r->requests))
		rondo__sim_request_drop(container_of(r->requests.next, struct sim_request, link));
	drop_cqes(&r->ready);
	drop_cqes(&r->overflow);
	list_remove(&r->link);
}

static void release(struct sim_file *f)
{
	struct sim_ring *r = container_of(f, struct sim_ring, file);

	free(r->uring.sq.ring_ptr);
	free(r->uring.sq.sqes);
	free(r->uring.cq.cqes);
	free(r);
}

static const struct sim_file_class ring_class = { .name = "io_uring", .release = release };

void rondo__sim_rings_drop(struct sim_host *h)
{
	while (!list_empty(&h->rings))
		drop(container_of(h->rings.next, struct sim_ring, link));
}

static struct sim_ring *make_ring(struct sim_host *h, struct io_uring_params *p, unsigned entries)
{
	const struct sim_profile *profile = &h->sim->profile;
	unsigned n_sq = size_of_queue(entries, profile->sq_entries);
	unsigned n_cq = size_of_queue(p->flags & IORING_SETUP_CQSIZE ? p->cq_entries : 2 * n_sq,
				      profile->cq_entries);
	struct sim_ring *r = rondo__sim_alloc(sizeof(*r));
	struct shared *m = rondo__sim_alloc(sizeof(*m) + n_sq * sizeof(m->array[0]));

	rondo__sim_file_init(&r->file, &ring_class, h, 0);
	list_init(&r->requests);
	list_init(&r->ready);
	list_init(&r->overflow);
	list_push(&h->rings, &r->link);
	map_sq(&r->uring.sq, m, n_sq);
	map_cq(&r->uring.cq, m, n_cq);
	r->setup_flags = p->flags;
	r->enabled = !(p->flags & IORING_SETUP_R_DISABLED);
	return r;
}

static int sim_setup(const struct kernel *k, unsigned entries, struct io_uring *ring,
		     struct io_uring_params *p)
{
	struct sim_host *h = container_of(k, struct sim_host, kernel);
	struct sim_ring *r;
	int fd;

	rondo__sim_spend(h, ENTER_NS);
	if (!entries || p->flags & ~h->sim->profile.setup_flags)
		return -EINVAL;
	r = make_ring(h, p, entries);
	fd = rondo__sim_fd_install(h, &r->file);
	if (fd < 0) {
		list_remove(&r->link);
		rondo__sim_file_unref(&r->file);
		return fd;
	}
	p->sq_entries = r->uring.sq.ring_entries;
	p->cq_entries = r->uring.cq.ring_entries;
	p->features = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE |
		      IORING_FEAT_RW_CUR_POS | IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG |
		      IORING_FEAT_NATIVE_WORKERS | IORING_FEAT_CQE_SKIP | h->sim->profile.features;
	*ring = r->uring;
	ring->flags = r->setup_flags;
	ring->features = p->features;
	ring->ring_fd = ring->enter_ring_fd = r->fd = fd;
	if (h->sim->n_hosts > 1)
		rondo__sim_rings_call_back(h);
	rondo__sim_note(h->sim, "setup", p->sq_entries, p->cq_entries);
	return 0;
}

static struct sim_ring *ring_of(struct sim_host *h, int fd)
{
	struct sim_file *f = rondo__sim_fd_file(h, fd);

	return f && f->class == &ring_class ? container_of(f, struct sim_ring, file) : NULL;
}

static void sim_close(const struct kernel *k, struct io_uring *ring)
{
	struct sim_host *h = container_of(k, struct sim_host, kernel);
	struct sim_ring *r = ring_of(h, ring->ring_fd);

	BUG_ON(!r);
	if (!list_empty(&r->requests))
		rondo__sim_fail(h->sim, "P2", "a ring was closed with %s in flight",
				container_of(r->requests.next, struct sim_request, link)->op->name);
	drop(r);
	rondo__sim_fd_close(h, r->fd);
}

/* --- completions ----------------------------------------------------------------------------- */

unsigned rondo__sim_cq_room(const struct sim_ring *r)
{
	const struct io_uring_cq *cq = &r->uring.cq;

	return cq->ring_entries - (*cq->ktail - io_uring_smp_load_acquire(cq->khead));
}

static unsigned n_visible(const struct sim_ring *r)
{
	return *r->uring.cq.ktail - io_uring_smp_load_acquire(r->uring.cq.khead);
}

bool rondo__sim_ring_satisfies(const struct sim_ring *r, unsigned n_wait)
{
	return r->timeout_fired || n_visible(r) + r->n_ready >= n_wait ||
	       (!list_empty(&r->overflow) && rondo__sim_cq_room(r));
}

static void post(struct sim_ring *r, struct sim_cqe *c)
{
	struct io_uring_cq *cq = &r->uring.cq;

	cq->cqes[*cq->ktail & cq->ring_mask] = c->cqe;
	io_uring_smp_store_release(cq->ktail, *cq->ktail + 1);
	r->file.host->sim->n_cqes++;
	free(c);
}

/* A loop that does not sleep must come back all the same, for time to pass and others to run. The
 * flag may be set in vain, so while anything else goes on in the world it always is. */
void rondo__sim_rings_call_back(struct sim_host *h)
{
	for (struct list *p = h->rings.next; p != &h->rings; p = p->next)
		*container_of(p, struct sim_ring, link)->uring.sq.kflags |= IORING_SQ_TASKRUN;
}

/* Make visible what has completed, in order; what finds no room waits in the kernel (KN-8). */
static void post_ready(struct sim_ring *r, unsigned n_wait)
{
	struct sim *s = r->file.host->sim;
	unsigned *flags = r->uring.sq.kflags;

	while (!list_empty(&r->overflow) && rondo__sim_cq_room(r))
		post(r, container_of(list_pop(&r->overflow), struct sim_cqe, link));
	while (!list_empty(&r->ready)) {
		struct list *first;

		if (n_visible(r) >= n_wait && rondo__sim_fault(s, SIM_FAULT_CQE_HELD))
			break;
		first = list_pop(&r->ready);
		r->n_ready--;
		if (list_empty(&r->overflow) && rondo__sim_cq_room(r)) {
			post(r, container_of(first, struct sim_cqe, link));
		} else {
			list_push(&r->overflow, first);
			++*r->uring.cq.koverflow;
		}
	}
	r->timeout_fired &= r->n_ready > 0;
	*flags &= ~(unsigned)(IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
	if (r->n_ready || (!s->options.exact_taskrun &&
			   (!list_empty(&r->requests) || s->n_hosts > 1)))
		*flags |= IORING_SQ_TASKRUN;
	if (!list_empty(&r->overflow))
		*flags |= IORING_SQ_CQ_OVERFLOW;
}

void rondo__sim_post(struct sim_ring *r, uint64_t user_data, int res, uint32_t cqe_flags)
{
	struct sim_cqe *c = rondo__sim_alloc(sizeof(*c));

	c->cqe = (struct io_uring_cqe){ .user_data = user_data, .res = res, .flags = cqe_flags };
	list_push(&r->ready, &c->link);
	r->n_ready++;
	*r->uring.sq.kflags |= IORING_SQ_TASKRUN;
	rondo__sim_host_poke(r->file.host);
}

/* --- enter ----------------------------------------------------------------------------------- */

static unsigned submit(struct sim_ring *r, unsigned n)
{
	struct io_uring_sq *sq = &r->uring.sq;
	struct sim *s = r->file.host->sim;
	unsigned n_taken = 0, n_there = io_uring_smp_load_acquire(sq->ktail) - *sq->khead;

	if (n_there > sq->ring_entries)
		rondo__sim_fail(s, "P13", "%u SQEs in a queue of %u", n_there, sq->ring_entries);
	n = n < n_there ? n : n_there;
	while (n_taken < n) {
		unsigned slot = sq->array[*sq->khead & sq->ring_mask];
		struct io_uring_sqe sqe;

		if (n_taken && rondo__sim_fault(s, SIM_FAULT_SUBMIT_PARTLY))
			break;
		sqe = sq->sqes[slot & sq->ring_mask];
		memset(&sq->sqes[slot & sq->ring_mask], 0xa5, sizeof(sqe));	/* it is ours now */
		io_uring_smp_store_release(sq->khead, *sq->khead + 1);
		n_taken++;
		rondo__sim_spend(r->file.host, SUBMIT_NS);
		rondo__sim_submit(r, &sqe);
	}
	rondo__sim_submit_end(r);
	return n_taken;
}

/* Nanoseconds until the wait is to end; UINT64_MAX: never. */
static uint64_t wait_limit(struct sim_host *h, unsigned flags, const void *arg)
{
	const struct io_uring_getevents_arg *a = arg;
	const struct __kernel_timespec *ts;
	uint64_t ns;

	if (!(flags & IORING_ENTER_EXT_ARG) || !a->ts)
		return UINT64_MAX;
	ts = (const struct __kernel_timespec *)(uintptr_t)a->ts;
	ns = (uint64_t)ts->tv_sec * 1000000000u + (uint64_t)ts->tv_nsec;
	if (flags & RONDO_ENTER_ABS_TIMER)
		ns = ns > h->sim->now_ns ? ns - h->sim->now_ns : 0;
	return ns;
}

static uint64_t late(struct sim *s, uint64_t ns)
{
	if (rondo__sim_fault(s, SIM_FAULT_TIMER_LATE))
		return ns + rondo__sim_log(s, SIM_CLOCK, 1000, 3000000000);
	return ns;
}

static int sleep_in_kernel(struct sim_ring *r, unsigned n_wait, uint64_t limit_ns)
{
	struct sim_host *h = r->file.host;
	struct sim *s = h->sim;

	if (rondo__sim_ring_satisfies(r, n_wait))
		return 0;
	if (rondo__sim_signals_wake(h) || rondo__sim_fault(s, SIM_FAULT_ENTER_EINTR))
		return -EINTR;
	h->waits_on = r;
	h->wait_n = n_wait;
	h->wait_over = false;
	h->state = SIM_HOST_WAITING;
	if (limit_ns != UINT64_MAX)
		rondo__sim_schedule(s, &h->wait_end, late(s, limit_ns));
	rondo__sim_world_switch(h);
	h->waits_on = NULL;
	if (rondo__sim_ring_satisfies(r, n_wait))
		return 0;
	return h->wait_over ? -ETIME : rondo__sim_signals_wake(h) ? -EINTR : 0;
}

/* Where another host may run, though this one did not ask to sleep: or two that wait for each other
 * by yielding would wait for ever. On a task's stack (a full SQ is flushed there) it may not. */
static void let_others_run(struct sim_host *h)
{
	if (h->sim->n_hosts == 1 || (rondo__loop && rondo__loop->running))
		return;
	h->state = SIM_HOST_READY;
	rondo__sim_world_switch(h);
}

static int get_events(struct sim_ring *r, unsigned n_wait, unsigned flags, const void *arg)
{
	struct sim_host *h = r->file.host;
	int ret = 0;

	if (n_wait > r->uring.cq.ring_entries)
		n_wait = r->uring.cq.ring_entries;
	if (n_wait)
		ret = sleep_in_kernel(r, n_wait, wait_limit(h, flags, arg));
	else
		let_others_run(h);
	post_ready(r, n_wait);
	return ret;
}

static struct sim_ring *ring_to_enter(struct sim_host *h, unsigned fd, unsigned flags)
{
	if (!(flags & IORING_ENTER_REGISTERED_RING))
		return ring_of(h, (int)fd);
	for (struct list *p = h->rings.next; p != &h->rings; p = p->next) {
		struct sim_ring *r = container_of(p, struct sim_ring, link);

		if (r->registered && r->index == fd)
			return r;
	}
	return NULL;
}

static int sim_enter(const struct kernel *k, unsigned fd, unsigned to_submit, unsigned n_wait,
		     unsigned flags, const void *arg, size_t arg_size)
{
	enum { KNOWN = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | IORING_ENTER_REGISTERED_RING };
	struct sim_host *h = container_of(k, struct sim_host, kernel);
	struct sim_ring *r = ring_to_enter(h, fd, flags);
	unsigned n_taken;
	int ret = 0;

	(void)arg_size;
	if (flags & ~(KNOWN | h->sim->profile.enter_flags))
		return -EINVAL;
	if (!r)
		return flags & IORING_ENTER_REGISTERED_RING ? -EINVAL : -EBADF;
	if (!r->enabled)
		return -EBADFD;
	rondo__sim_check_entry(h, n_wait);
	rondo__sim_spend(h, ENTER_NS);
	if (to_submit && rondo__sim_fault(h->sim, SIM_FAULT_ENTER_EAGAIN))
		return -EAGAIN;
	if (to_submit && rondo__sim_fault(h->sim, SIM_FAULT_ENTER_EBUSY))
		return -EBUSY;
	n_taken = submit(r, to_submit);
	rondo__sim_spend(h, 0);		/* what completed at once is there */
	if ((flags & IORING_ENTER_GETEVENTS) && n_taken == to_submit)
		ret = get_events(r, n_wait, flags, arg);
	rondo__sim_signals_deliver(h);
	return n_taken ? (int)n_taken : ret;
}

/* --- register -------------------------------------------------------------------------------- */

static int probe(struct sim_host *h, struct io_uring_probe *p, unsigned n)
{
	memset(p, 0, sizeof(*p) + n * sizeof(p->ops[0]));
	for (unsigned op = 0; op < n && op < RONDO_OP_END; op++) {
		p->ops[op].op = (__u8)op;
		if (h->sim->profile.ops >> op & 1)
			p->ops[op].flags = IO_URING_OP_SUPPORTED;
		p->last_op = (__u8)op;
	}
	p->ops_len = (__u8)(n < RONDO_OP_END ? n : RONDO_OP_END);
	return 0;
}

static int register_ring_fd(struct sim_host *h, struct sim_ring *r, struct io_uring_rsrc_update *u)
{
	if (!h->sim->profile.has_registered_rings)
		return -EINVAL;
	r->registered = true;
	r->index = h->n_indexes++;
	u->offset = r->index;
	return 1;
}

static int register_buffers(struct sim_host *h, struct sim_ring *r,
			    const struct io_uring_buf_reg *reg)
{
	if (!h->sim->profile.has_buffer_rings)
		return -EINVAL;
	if (reg->bgid >= SIM_BUFFER_GROUPS) {
		rondo__sim_fail(h->sim, "Z4", "buffer group %u", reg->bgid);
		return -ENOMEM;
	}
	if (r->groups[reg->bgid].n_entries)
		return -EEXIST;
	r->groups[reg->bgid] = (struct sim_buffers){
		.ring = (struct io_uring_buf_ring *)(uintptr_t)reg->ring_addr,
		.n_entries = reg->ring_entries,
	};
	return 0;
}

static int unregister_buffers(struct sim_ring *r, const struct io_uring_buf_reg *reg)
{
	rondo__sim_check_buffers(r->file.host);
	if (reg->bgid >= SIM_BUFFER_GROUPS || !r->groups[reg->bgid].n_entries)
		return -EINVAL;
	r->groups[reg->bgid] = (struct sim_buffers){ 0 };
	return 0;
}

static int sim_register(const struct kernel *k, unsigned fd, unsigned opcode, const void *arg,
			unsigned n)
{
	struct sim_host *h = container_of(k, struct sim_host, kernel);
	struct sim_ring *r = ring_of(h, (int)fd);
	void *p = (void *)(uintptr_t)arg;

	rondo__sim_spend(h, ENTER_NS);
	if (!r)
		return -EBADF;
	switch (opcode) {
	case IORING_REGISTER_PROBE:
		return probe(h, p, n);
	case IORING_REGISTER_ENABLE_RINGS:
		r->enabled = true;
		return 0;
	case IORING_REGISTER_IOWQ_MAX_WORKERS:
		return 0;
	case IORING_REGISTER_RING_FDS:
		return register_ring_fd(h, r, p);
	case IORING_UNREGISTER_RING_FDS:
		r->registered = false;
		return 1;
	case IORING_REGISTER_PBUF_RING:
		return register_buffers(h, r, p);
	case IORING_UNREGISTER_PBUF_RING:
		return unregister_buffers(r, p);
	default:
		rondo__sim_fail(h->sim, "Z4", "io_uring_register operation %u is not simulated", opcode);
		return -EINVAL;
	}
}

int rondo__sim_pick_buffer(struct sim_request *rq, struct iovec *iov)
{
	struct sim *s = rq->ring->file.host->sim;
	struct sim_buffers *g = &rq->ring->groups[rq->sqe.buf_group % SIM_BUFFER_GROUPS];
	struct io_uring_buf *b;
	unsigned len;

	if (rq->sqe.buf_group >= SIM_BUFFER_GROUPS || !g->n_entries ||
	    io_uring_smp_load_acquire(&g->ring->tail) == g->head ||
	    rondo__sim_fault(s, SIM_FAULT_BUFFERS_GONE))
		return -ENOBUFS;
	b = &g->ring->bufs[g->head++ & (g->n_entries - 1)];
	len = rq->sqe.len && rq->sqe.len < b->len ? rq->sqe.len : b->len;
	*iov = (struct iovec){ .iov_base = (void *)(uintptr_t)b->addr, .iov_len = len };
	return (int)(IORING_CQE_F_BUFFER | (uint32_t)b->bid << IORING_CQE_BUFFER_SHIFT);
}

/* --- the clock ------------------------------------------------------------------------------- */

static uint64_t sim_now(const struct kernel *k, clockid_t clock)
{
	struct sim_host *h = container_of(k, struct sim_host, kernel);

	rondo__sim_spend(h, CLOCK_NS);
	return clock == CLOCK_REALTIME ? rondo__sim_wall_clock(h) : h->sim->now_ns;
}

const struct kernel rondo__sim_kernel = {
	.setup = sim_setup,
	.close = sim_close,
	.enter = sim_enter,
	.register_ = sim_register,
	.now = sim_now,
	.sleep = rondo__sim_sleep,
	.call = rondo__sim_call,
	.thread_delay = rondo__sim_thread_delay,
	.sigaction = rondo__sim_sigaction,
	.spawn = rondo__sim_spawn,
};
