/* SPDX-License-Identifier: MIT */
/* setup.c - open a ring with everything the kernel gives, step by step downwards. See ring.h.
 *
 * A kernel refuses an unknown set-up flag with EINVAL and too large a ring with ENOMEM
 * (RLIMIT_MEMLOCK: KN-5), so trying is the only test that is right on backported kernels too. ENOMEM
 * may also pass (KN-27), so a while is waited before the ring gets smaller. */
#include <errno.h>
#include <linux/types.h>
#include <string.h>
#include <sys/syscall.h>

#include "ring/probe.h"
#include "ring/ring.h"
#include "switch/sanitizer.h"

/* From best to floor. Each level is what the kernels named can do. */
static const struct {
	unsigned flags, downgrades;
} levels[] = {
	/* 6.1 */
	{ IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG, 0 },
	/* 6.0 */
	{ IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
	  RING_NO_DEFER_TASKRUN },
	/* 5.19; below it too much is missing, and the ring is refused */
	{ IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
	  RING_NO_DEFER_TASKRUN | RING_NO_SINGLE_ISSUER },
};

enum { N_LEVELS = sizeof(levels) / sizeof(levels[0]) };

static int setup_level(struct ring *r, const struct ring_options *o, unsigned entries,
		       unsigned cq_entries, unsigned level)
{
	struct io_uring_params params = {
		.flags = levels[level].flags | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE |
			 IORING_SETUP_CLAMP | IORING_SETUP_R_DISABLED | o->extra_setup_flags,
		.cq_entries = cq_entries > entries ? cq_entries : entries,
	};

	if (o->extra_setup_flags & IORING_SETUP_SQPOLL)	/* the two exclude each other */
		params.flags &= ~(IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN |
				  IORING_SETUP_TASKRUN_FLAG);
	memset(&r->uring, 0, sizeof(r->uring));
	return r->kernel->setup(r->kernel, entries, &r->uring, &params);
}

/* What rings before this one had may be given back only now (KN-27), and it is the user's, not ours
 * alone. A process that is truly poor loses 63 ms by this, each time. */
#define FIRST_PAUSE_NS UINT64_C(1000000)
#define LAST_PAUSE_NS UINT64_C(32000000)

static bool wait_for_memory(const struct ring *r, uint64_t *pause_ns)
{
	if (*pause_ns > LAST_PAUSE_NS)
		return false;
	r->kernel->sleep(r->kernel, *pause_ns);
	*pause_ns *= 2;
	return true;
}

static bool halve(unsigned *entries, unsigned min)
{
	if (*entries <= min)
		return false;
	*entries /= 2;
	return true;
}

static bool shrink(unsigned *sq_entries, unsigned *cq_entries)
{
	bool sq = halve(sq_entries, RING_SQ_ENTRIES_MIN);
	bool cq = halve(cq_entries, RING_SQ_ENTRIES_MIN * RING_CQ_RATIO);

	return sq || cq;
}

static int setup(struct ring *r, const struct ring_options *o)
{
	unsigned entries = o->sq_entries ? o->sq_entries : RING_SQ_ENTRIES;
	unsigned cq_entries = o->cq_entries ? o->cq_entries : entries * RING_CQ_RATIO;
	uint64_t pause_ns = FIRST_PAUSE_NS;
	unsigned level = 0;
	int ret;

	for (;;) {
		ret = setup_level(r, o, entries, cq_entries, level);
		if (ret == -EINVAL && level + 1 < N_LEVELS)
			level++;
		else if (ret == -ENOMEM && wait_for_memory(r, &pause_ns))
			continue;
		else if (ret == -ENOMEM && shrink(&entries, &cq_entries))
			r->downgrades |= RING_SMALLER;
		else
			break;
	}
	r->downgrades |= levels[level].downgrades;
	/* Every level asked for flags of 5.19: what refuses them all is older. Unless it was the
	 * caller who asked for too much. */
	return ret == -EINVAL && !o->extra_setup_flags ? -ENOSYS : ret;
}

static void cap_workers(struct ring *r, const struct ring_options *o)
{
	unsigned workers[2] = { o->iowq_bounded ? o->iowq_bounded : RING_IOWQ_BOUNDED,
				o->iowq_unbounded ? o->iowq_unbounded : RING_IOWQ_UNBOUNDED };

	if (r->kernel->register_(r->kernel, (unsigned)r->uring.ring_fd,
				 IORING_REGISTER_IOWQ_MAX_WORKERS, workers, 2) < 0)
		r->downgrades |= RING_NO_IOWQ_LIMIT;
}

static void register_own_fd(struct ring *r)
{
	struct io_uring_rsrc_update update = { .offset = -1U, .data = (__u64)r->uring.ring_fd };

	r->enter_fd = (unsigned)r->uring.ring_fd;
	if (r->kernel->register_(r->kernel, r->enter_fd, IORING_REGISTER_RING_FDS, &update, 1) == 1) {
		r->enter_fd = update.offset;
		r->enter_flags |= IORING_ENTER_REGISTERED_RING;
	} else {
		r->downgrades |= RING_NO_REGISTERED_FD;
	}
}

static void probe_ops(struct ring *r)
{
	_Alignas(struct io_uring_probe) char room[sizeof(struct io_uring_probe) +
						  RONDO_OP_END * sizeof(struct io_uring_probe_op)];
	struct io_uring_probe *p = memset(room, 0, sizeof(room));

	if (r->kernel->register_(r->kernel, (unsigned)r->uring.ring_fd, IORING_REGISTER_PROBE, p,
				 RONDO_OP_END) < 0)
		return;
	for (unsigned i = 0; i < p->ops_len && i < RONDO_OP_END; i++)
		if (p->ops[i].flags & IO_URING_OP_SUPPORTED)
			r->ops |= UINT64_C(1) << p->ops[i].op;
}

static void note_features(struct ring *r)
{
	if (r->uring.features & RONDO_FEAT_NO_IOWAIT)
		r->wait_flags |= RONDO_ENTER_NO_IOWAIT;
	else
		r->downgrades |= RING_NO_IOWAIT_FLAG;
	r->has_abs_timer = r->uring.features & RONDO_FEAT_MIN_TIMEOUT;
	if (!r->has_abs_timer)
		r->downgrades |= RING_NO_ABS_TIMER;
}

/* SQE i always sits in slot i, so the indirection is written once. It is always there: NO_SQARRAY is
 * never asked for (liburing 2.3 would corrupt the ring). */
static void fill_sq_array(struct ring *r)
{
	struct io_uring_sq *sq = &r->uring.sq;

	for (unsigned i = 0; i < sq->ring_entries; i++)
		sq->array[i] = i;
	sq->sqe_head = sq->sqe_tail = *sq->khead;
}

char rondo__san_rings;			/* an address for san_ring_mapped() */

int rondo__ring_open(struct ring *r, const struct kernel *kernel, const struct ring_options *o,
		     void (*complete)(void *, const struct io_uring_cqe *), void *owner)
{
	int ret;

	*r = (struct ring){ .kernel = kernel, .complete = complete, .owner = owner };
	ret = setup(r, o);
	if (ret < 0)
		return ret;
	san_ring_mapped();
	/* The task that enables the ring becomes its single issuer. */
	ret = kernel->register_(kernel, (unsigned)r->uring.ring_fd, IORING_REGISTER_ENABLE_RINGS,
				NULL, 0);
	if (ret < 0) {
		kernel->close(kernel, &r->uring);
		return ret;
	}
	fill_sq_array(r);
	cap_workers(r, o);
	register_own_fd(r);
	probe_ops(r);
	note_features(r);
	r->has_nosignal = rondo__probe_nosignal(kernel);
	return 0;
}

void rondo__ring_close(struct ring *r)
{
	BUG_ON(r->n_in_flight != 0);
	if (r->enter_flags & IORING_ENTER_REGISTERED_RING) {
		struct io_uring_rsrc_update update = { .offset = r->enter_fd };

		r->kernel->register_(r->kernel, (unsigned)r->uring.ring_fd,
				     IORING_UNREGISTER_RING_FDS, &update, 1);
	}
	san_ring_unmapping();
	r->kernel->close(r->kernel, &r->uring);
}
