/* SPDX-License-Identifier: MIT */
/* probe.c - everything one can know about a kernel's io_uring, as a list of facts. See probe.h.
 *
 * Where the kernel answers RONDO_REGISTER_QUERY its word is taken; older ones are asked with
 * IORING_REGISTER_PROBE and feature bits, and what is left is tried on rings of our own. The kernel
 * versions in the tables are words for people: nothing is decided by them. */
#include "ring/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "ring/known.h"
#include "ring/ring.h"
#include "switch/stack.h"

enum {
	N_TRY_ENTRIES = 8,
	N_PROBED_OPS = 256,		/* what IORING_REGISTER_PROBE can say */
};

#define N_OF(table) (sizeof(table) / sizeof((table)[0]))

struct report {
	rondo_probe_fn *item;
	void *ctx;
	const struct kernel *kernel;
	struct ring ring;		/* opened as a loop would */
	bool has_query;
	struct rondo_query_ops query;
	uint64_t supported[N_PROBED_OPS / 64];
	unsigned n_ops;			/* opcodes the kernel has heard of */
	int res;			/* of the last CQE */
};

static void tell(const struct report *p, const char *group, const char *name,
		 enum rondo_probe_state state, const char *value, const char *why)
{
	struct rondo_probe_item item = { group, name, state, value, why };

	p->item(p->ctx, &item);
}

/* A capability that is simply there or not. */
static void tell_known(const struct report *p, const char *group, const struct known *k, bool there)
{
	char why[64];

	if (there) {
		tell(p, group, k->name, k->why_not ? RONDO_PROBE_PRESENT : RONDO_PROBE_USED, "",
		     k->why_not ? k->why_not : "");
		return;
	}
	snprintf(why, sizeof(why), "needs kernel %s", k->since);
	tell(p, group, k->name, RONDO_PROBE_ABSENT, "", why);
}

/* Something younger than the tables. */
static void tell_unknown(const struct report *p, const char *group, const char *what, unsigned i)
{
	char name[32];

	snprintf(name, sizeof(name), "%s %u", what, i);
	tell(p, group, name, RONDO_PROBE_PRESENT, "", "younger than this library");
}

static void tell_bits(const struct report *p, const char *group, const struct known *table,
		      unsigned n, uint64_t bits)
{
	for (unsigned i = 0; i < 64; i++)
		if (i < n)
			tell_known(p, group, &table[i], bits >> i & 1);
		else if (bits >> i & 1)
			tell_unknown(p, group, "bit", i);
}

/* --- kernel and limits ---------------------------------------------------------------------- */

static void tell_kernel(const struct report *p, const struct limits *l, int error)
{
	char why[256] = "";

	tell(p, "kernel", "release", RONDO_PROBE_VALUE, l->release, "");
	tell(p, "kernel", "machine", RONDO_PROBE_VALUE, l->machine, "");
	if (error < 0)
		rondo__refusal_explain(l, error, why, sizeof(why));
	tell(p, "kernel", "io_uring", error < 0 ? RONDO_PROBE_REFUSED : RONDO_PROBE_USED, "", why);
}

static void tell_number(const struct report *p, const char *name, int n, const char *absent,
			const char *why)
{
	char value[16];

	snprintf(value, sizeof(value), "%d", n);
	if (absent)
		tell(p, "limits", name, RONDO_PROBE_ABSENT, "", absent);
	else
		tell(p, "limits", name, RONDO_PROBE_VALUE, value, why);
}

static void tell_limits(const struct report *p, const struct limits *l)
{
	static const char *const disabled[] = { "anybody may use io_uring",
						"only root and kernel.io_uring_group may use it",
						"nobody may use io_uring" };
	const char *absent = l->disabled < 0 ? "needs kernel 6.6" : NULL;
	char value[32] = "unlimited";

	if (l->memlock_bytes != UINT64_MAX)
		snprintf(value, sizeof(value), "%llu KiB",
			 (unsigned long long)l->memlock_bytes >> 10);
	tell(p, "limits", "RLIMIT_MEMLOCK", RONDO_PROBE_VALUE, value,
	     l->locks_freely ? "does not bind: this process has CAP_IPC_LOCK" : "");
	snprintf(value, sizeof(value), "unlimited");
	if (l->n_files != UINT64_MAX)
		snprintf(value, sizeof(value), "%llu", (unsigned long long)l->n_files);
	tell(p, "limits", "RLIMIT_NOFILE", RONDO_PROBE_VALUE, value, "");
	tell_number(p, "vm.max_map_count", l->n_maps, l->n_maps < 0 ? "not readable" : NULL, "");
	tell_number(p, "kernel.io_uring_disabled", l->disabled, absent,
		    l->disabled >= 0 && l->disabled < 3 ? disabled[l->disabled] : "");
	tell_number(p, "kernel.io_uring_group", l->group, absent, l->group < 0 ? "no group" : "");
}

/* --- asking --------------------------------------------------------------------------------- */

static bool query(const struct kernel *k, struct rondo_query_ops *answer)
{
	struct rondo_query q = { .data = (uintptr_t)answer, .size = sizeof(*answer) };

	return k->register_(k, -1U, RONDO_REGISTER_QUERY, &q, 0) == 0 && q.result == 0;
}

static void probe_ops(struct report *p)
{
	_Alignas(struct io_uring_probe) char room[sizeof(struct io_uring_probe) +
						  N_PROBED_OPS * sizeof(struct io_uring_probe_op)];
	struct io_uring_probe *probe = memset(room, 0, sizeof(room));

	if (p->kernel->register_(p->kernel, (unsigned)p->ring.uring.ring_fd, IORING_REGISTER_PROBE,
				 probe, N_PROBED_OPS) < 0)
		return;
	p->n_ops = probe->last_op + 1u;
	for (unsigned i = 0; i < probe->ops_len; i++)
		if (probe->ops[i].flags & IO_URING_OP_SUPPORTED)
			p->supported[probe->ops[i].op / 64] |= UINT64_C(1) << probe->ops[i].op % 64;
}

static bool has_op(const struct report *p, unsigned op)
{
	return p->supported[op / 64] >> op % 64 & 1;
}

/* --- trying --------------------------------------------------------------------------------- */

/* Try a set-up flag with what it needs. 0, or an error; -EINVAL: this kernel does not know it. */
static int try_setup(const struct report *p, unsigned flags)
{
	struct io_uring_params params = {
		.flags = flags,
		.cq_entries = flags & IORING_SETUP_CQSIZE ? 2 * N_TRY_ENTRIES : 0,
		.sq_thread_cpu = flags & IORING_SETUP_SQ_AFF ? (unsigned)sched_getcpu() : 0,
		.wq_fd = flags & IORING_SETUP_ATTACH_WQ ? (unsigned)p->ring.uring.ring_fd : 0,
	};
	long fd = kernel_call2(p->kernel, SYS_io_uring_setup, N_TRY_ENTRIES, &params);

	if (fd >= 0)
		kernel_call2(p->kernel, SYS_close, fd, 0);
	/* NO_MMAP wants memory, which it was not given; saying so is proof enough. */
	return fd >= 0 || fd == -EFAULT ? 0 : (int)fd;
}

static void tell_setup_flag(const struct report *p, unsigned i)
{
	unsigned flag = 1u << i;
	struct known k = setup_flags[i].known;
	int ret;

	if (p->ring.uring.flags & flag)
		k.why_not = USED;
	if (p->has_query)
		ret = p->query.setup_flags & flag ? 0 : -EINVAL;
	else
		ret = p->ring.uring.flags & flag ? 0 : try_setup(p, flag | setup_flags[i].needs);
	if (ret == 0 || ret == -EINVAL)
		tell_known(p, "setup flag", &k, ret == 0);
	else
		tell(p, "setup flag", k.name, RONDO_PROBE_REFUSED, "", rondo_strerror(ret));
}

static void tell_setup_flags(const struct report *p)
{
	for (unsigned i = 0; i < 64; i++)
		if (i < N_OF(setup_flags))
			tell_setup_flag(p, i);
		else if (p->has_query && p->query.setup_flags >> i & 1)
			tell_unknown(p, "setup flag", "bit", i);
}

/* An enter that has nothing to do fails only because of a flag it does not know. */
static bool try_enter(const struct report *p, unsigned flag)
{
	if (flag == IORING_ENTER_REGISTERED_RING)
		return p->ring.enter_flags & flag;
	return p->kernel->enter(p->kernel, (unsigned)p->ring.uring.ring_fd, 0, 0, flag, NULL, 0) !=
	       -EINVAL;
}

static void tell_enter_flags(const struct report *p)
{
	uint64_t there = p->has_query ? p->query.enter_flags : 0;

	if (!p->has_query)
		for (unsigned i = 0; i < N_OF(enter_flags); i++)
			if (try_enter(p, 1u << i))
				there |= 1u << i;
	tell_bits(p, "enter flag", enter_flags, N_OF(enter_flags), there);
}

static int register_with(const struct report *p, unsigned fd, unsigned op, bool bad, unsigned n)
{
	return p->kernel->register_(p->kernel, fd, op, bad ? (const void *)8 : NULL, n);
}

static bool try_register(const struct report *p, unsigned op)
{
	unsigned fd = (unsigned)p->ring.uring.ring_fd, n = register_ops[op].n;

	switch (register_ops[op].try) {
	case LIKE:
		return try_register(p, op - 1);
	case BLIND:
		return register_with(p, -1U, op, true, n) == -EFAULT;
	case WITH_RECV_ZC:	/* it answers EINVAL to rings that are not made for it */
		return has_op(p, RONDO_OP_RECV_ZC);
	case PLAIN:
	case BAD:
		return register_with(p, fd, op, register_ops[op].try == BAD, n) != -EINVAL;
	}
	BUG("a register op that cannot be tried");
}

static void tell_register_ops(const struct report *p)
{
	unsigned op;

	for (op = 0; op < N_OF(register_ops); op++)
		tell_known(p, "register", &register_ops[op].known,
			   p->has_query ? op < p->query.n_register_ops : try_register(p, op));
	for (; p->has_query && op < p->query.n_register_ops; op++)
		tell_unknown(p, "register", "operation", op);
}

static void tell_ops(const struct report *p)
{
	unsigned op;

	for (op = 0; op < N_OF(ops); op++)
		tell_known(p, "opcode", &ops[op], has_op(p, op));
	for (; op < p->n_ops; op++)
		if (has_op(p, op))
			tell_unknown(p, "opcode", "operation", op);
}

/* --- what is done instead -------------------------------------------------------------------- */

static void tell_fallback(const struct report *p, const char *name, bool best, const char *value,
			  const char *why)
{
	tell(p, "fallback", name, best ? RONDO_PROBE_USED : RONDO_PROBE_ABSENT, value, why);
}

static void tell_ring_size(const struct report *p)
{
	bool smaller = p->ring.downgrades & RING_SMALLER;
	char value[64];

	snprintf(value, sizeof(value), "%u SQ entries, %u CQ entries",
		 p->ring.uring.sq.ring_entries, p->ring.uring.cq.ring_entries);
	tell(p, "fallback", "ring size", smaller ? RONDO_PROBE_REFUSED : RONDO_PROBE_USED, value,
	     smaller ? "RLIMIT_MEMLOCK leaves no room for more; raise it with `ulimit -l`" : "");
}

/* The downgrades of setup.c, in words. */
static const struct {
	unsigned downgrade;
	const char *name, *best, *instead, *why;
} downgrades[] = {
	{ RING_NO_DEFER_TASKRUN, "task work", "DEFER_TASKRUN", "COOP_TASKRUN", "needs kernel 6.1" },
	{ RING_NO_SINGLE_ISSUER, "locking", "SINGLE_ISSUER", "locked ring", "needs kernel 6.0" },
	{ RING_NO_REGISTERED_FD, "ring descriptor", "registered", "plain descriptor",
	  "the kernel refused it" },
	{ RING_NO_IOWQ_LIMIT, "worker threads", "limited", "up to RLIMIT_NPROC",
	  "the kernel refused it" },
	{ RING_NO_IOWAIT_FLAG, "idle waits", "NO_IOWAIT", "shown as iowait", "needs kernel 6.15" },
	{ RING_NO_ABS_TIMER, "deadlines", "ABS_TIMER", "relative timeout", "needs kernel 6.12" },
};

static void tell_downgrades(const struct report *p)
{
	for (unsigned i = 0; i < N_OF(downgrades); i++) {
		bool best = !(p->ring.downgrades & downgrades[i].downgrade);

		tell_fallback(p, downgrades[i].name, best,
			      best ? downgrades[i].best : downgrades[i].instead,
			      best ? "" : downgrades[i].why);
	}
}

/* The stack pool decides at its first stack; so ask a pool. */
static void tell_guards(const struct report *p)
{
	static const char *const value[] = {
		[STACK_GUARD_MADVISE] = "MADV_GUARD_INSTALL",
		[STACK_GUARD_MPROTECT] = "mprotect, as far as vm.max_map_count goes, then per slab",
		[STACK_GUARD_SLAB] = "one guard per slab",
	};
	struct stack_pool pool;
	struct stack *s;
	bool best;

	rondo__stack_pool_init(&pool);
	s = rondo__stack_get(&pool, STACK_SIZE_MIN);
	best = pool.guard == STACK_GUARD_MADVISE;
	if (s) {
		rondo__stack_put(&pool, s);
		tell_fallback(p, "stack guards", best, value[pool.guard],
			      best ? "" : "needs kernel 6.13");
	} else {
		tell(p, "fallback", "stack guards", RONDO_PROBE_REFUSED, "", "no stack can be made");
	}
	rondo__stack_pool_free(&pool);
}

/* Ops that younger kernels brought, and what the io layer does without them. */
static const struct {
	unsigned op;
	const char *name, *instead;
} op_fallbacks[] = {
	{ IORING_OP_SEND_ZC, "send_zc", "send" },
	{ RONDO_OP_WAITID, "waitid", "a pidfd and waitid(2)" },
	{ RONDO_OP_FUTEX_WAIT, "futex_wait", "-EOPNOTSUPP" },
	{ RONDO_OP_FUTEX_WAKE, "futex_wake", "-EOPNOTSUPP" },
	{ RONDO_OP_FTRUNCATE, "ftruncate", "-EOPNOTSUPP" },
	{ RONDO_OP_EPOLL_WAIT, "epoll_wait", "poll and epoll_wait(2)" },
	{ RONDO_OP_PIPE, "pipe", "pipe2(2)" },
};

static void tell_op_fallbacks(const struct report *p)
{
	char why[64];

	for (unsigned i = 0; i < N_OF(op_fallbacks); i++) {
		bool best = ring_has_op(&p->ring, op_fallbacks[i].op);

		snprintf(why, sizeof(why), "needs kernel %s", ops[op_fallbacks[i].op].since);
		tell_fallback(p, op_fallbacks[i].name, best,
			      best ? "io_uring" : op_fallbacks[i].instead, best ? "" : why);
	}
}

/* A multishot receive that may take its buffer from a group that does not exist misses the group,
 * unless it is the multishot that this kernel does not know. */
static bool can_share_buffers(struct report *p)
{
	struct io_uring_sqe *sqe;
	const struct kernel *k = p->kernel;
	int fds[2];

	if (kernel_call4(k, SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return false;
	kernel_call3(k, SYS_write, fds[0], "x", 1);	/* so that it does not wait */
	sqe = rondo__ring_sqe(&p->ring);
	io_uring_prep_recv_multishot(sqe, fds[1], NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = UINT16_MAX;
	while (p->ring.n_in_flight && rondo__ring_enter(&p->ring, 1, UINT64_MAX) == 0)
		rondo__ring_reap(&p->ring);
	if (ring_n_queued(&p->ring))	/* a filter may allow set-up, but not enter */
		rondo__ring_sqe_drop(&p->ring);
	kernel_call2(k, SYS_close, fds[0], 0);
	kernel_call2(k, SYS_close, fds[1], 0);
	return p->res == -ENOBUFS;
}

static void tell_fallbacks(struct report *p)
{
	bool quiet = p->ring.has_nosignal, shared = can_share_buffers(p);

	tell_ring_size(p);
	tell_downgrades(p);
	tell_guards(p);
	tell_fallback(p, "receive buffers", shared, shared ? "shared" : "one per connection",
		      shared ? "" : "needs kernel 6.0");
	tell_fallback(p, "SIGPIPE", quiet, quiet ? "RWF_NOSIGNAL" : "blocked on the loop's thread",
		      quiet ? "" : "needs kernel 6.18");
	tell_op_fallbacks(p);
}

/* --- entry points --------------------------------------------------------------------------- */

static void keep_result(void *owner, const struct io_uring_cqe *cqe)
{
	((struct report *)owner)->res = cqe->res;
}

int rondo__probe(const struct kernel *kernel, rondo_probe_fn *item, void *ctx)
{
	struct report p = { .item = item, .ctx = ctx, .kernel = kernel };
	struct limits l;
	int ret = rondo__ring_open(&p.ring, kernel, &(struct ring_options){ 0 }, keep_result, &p);

	rondo__limits_look(&l);
	tell_kernel(&p, &l, ret);
	tell_limits(&p, &l);
	if (ret < 0)
		return ret;
	p.has_query = query(kernel, &p.query);
	probe_ops(&p);
	tell_setup_flags(&p);
	tell_enter_flags(&p);
	tell_bits(&p, "feature", features, N_OF(features), p.ring.uring.features);
	tell_ops(&p);
	tell_register_ops(&p);
	tell_fallbacks(&p);
	rondo__ring_close(&p.ring);
	return 0;
}

int rondo_probe(rondo_probe_fn *item, void *ctx)
{
	return rondo__probe(&rondo__kernel_linux, item, ctx);
}

bool rondo__probe_nosignal(const struct kernel *kernel)
{
	struct iovec one = { .iov_base = (char[]){ 0 }, .iov_len = 1 };
	int fds[2];
	long ret;

	if (kernel_call2(kernel, SYS_pipe2, fds, O_CLOEXEC) < 0)
		return false;
	ret = kernel_call6(kernel, SYS_pwritev2, fds[1], &one, 1, -1, -1, RONDO_RWF_NOSIGNAL);
	kernel_call2(kernel, SYS_close, fds[0], 0);
	kernel_call2(kernel, SYS_close, fds[1], 0);
	return ret == 1;
}
