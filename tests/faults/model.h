/* SPDX-License-Identifier: MIT */
/* model.h - a kernel made of a table of requests, whose every decision is the test's: what
 * completes next, with which result, how many completions one enter brings, what a cancel answers
 * and when. decide() tries them all in turn, as an odometer does, run after run. */
#ifndef RONDO_TESTS_MODEL_H
#define RONDO_TESTS_MODEL_H

#include "support/step.h"

#include <sys/syscall.h>

#include "rondo/file.h"

/* --- every decision in turn ------------------------------------------------------------------ */

enum { N_DECISIONS_MAX = 96, N_DRAWN = 2500 };

/* The decisions of this run; the next run takes the last one differently that still can be. */
static struct {
	uint8_t taken[N_DECISIONS_MAX], width[N_DECISIONS_MAX];
	unsigned n, at;
	uint64_t n_runs;
	uint32_t random;		/* to draw from; 0: all are to be tried */
} script;

/* Marsaglia's xorshift: the same every time. */
static unsigned draw(unsigned n_ways)
{
	script.random ^= script.random << 13;
	script.random ^= script.random >> 17;
	script.random ^= script.random << 5;
	return script.random % n_ways;
}

static unsigned decide(unsigned n_ways)
{
	if (n_ways <= 1)
		return 0;
	if (script.at == script.n) {
		BUG_ON(script.n == N_DECISIONS_MAX);
		script.taken[script.n] = (uint8_t)(script.random ? draw(n_ways) : 0);
		script.width[script.n++] = (uint8_t)n_ways;
	}
	BUG_ON(script.width[script.at] != n_ways);	/* the same past, the same choice */
	return script.taken[script.at++];
}

static bool next_script(void)
{
	script.n_runs++;
	script.at = 0;
	if (script.random) {
		script.n = 0;
		return script.n_runs < N_DRAWN;
	}
	while (script.n && script.taken[script.n - 1] + 1 == script.width[script.n - 1])
		script.n--;
	if (!script.n)
		return false;
	script.taken[script.n - 1]++;
	return true;
}

static void print_script(void)
{
	print_error("run %llu, decisions:", (unsigned long long)script.n_runs + 1);
	for (unsigned i = 0; i < script.at; i++)
		print_error(" %u/%u", script.taken[i], script.width[i]);
	print_error("\n");
}

/* --- those whose ops are in the kernel -------------------------------------------------------- */

enum { N_ACTORS_MAX = 4, FIRST_FD = 10, LEN = 3, NOTHING = 1000 };

struct actor {
	rondo_task *task;
	int (*op)(struct actor *a);
	int fd;
	unsigned n_ops;			/* to do before the last await, which is a yield */
	char buf[LEN];
	bool in_op;
	uint64_t began;			/* its op: a count of all that ever began */
	unsigned n_asked;		/* to stop */
	int ret[3];			/* of its ops, and of the yield */
	int answers[2];			/* what the kernel said to its ops; NOTHING: never asked */
	unsigned n_submitted, n_answered;
};

static struct actor actors[N_ACTORS_MAX];
static unsigned n_actors;
static uint64_t n_begun;

static int closes(struct actor *a)
{
	return rondo_close(a->fd);
}

/* --- the kernel ------------------------------------------------------------------------------ */

enum { SQ_ENTRIES_MAX = 8, CQ_ENTRIES = 64, N_REQUESTS = 16 };

struct request {
	uint64_t user_data;		/* 0: free */
	struct actor *actor;		/* NULL: a CLOSE or an ASYNC_CANCEL */
	uint64_t target;		/* of an ASYNC_CANCEL */
	char *buf;
	uint8_t opcode;
	int fd;
	bool cancel_came;		/* an ASYNC_CANCEL for it was submitted */
	int cancel_said;		/* and has answered: 0, -EALREADY; else NOTHING */
	bool awaits_notif;		/* a zero-copy send that has told its result */
};

static struct model {
	unsigned sq_entries;
	bool rich;			/* all results, not only the typical ones */
	bool hurry;			/* complete everything at once, as it comes */
	bool fd_closed;			/* FIRST_FD */
	unsigned khead, ktail, kflags, array[SQ_ENTRIES_MAX];
	unsigned cq_head, cq_tail;
	struct io_uring_sqe sqes[SQ_ENTRIES_MAX];
	struct io_uring_cqe cqes[CQ_ENTRIES];
	struct request requests[N_REQUESTS];
} model;

static void model_fails(const char *why)
{
	check_failed(__FILE__, __LINE__, why, 0);
}

static struct request *find(uint64_t user_data)
{
	for (size_t i = 0; i < N_REQUESTS; i++)
		if (model.requests[i].user_data == user_data)
			return &model.requests[i];
	return NULL;
}

static struct actor *actor_of(const void *buf)
{
	for (unsigned i = 0; i < n_actors; i++)
		if (actors[i].buf == buf)
			return &actors[i];
	return NULL;
}

/* When the first of those that are closing began. */
static uint64_t close_began(void)
{
	uint64_t began = UINT64_MAX;

	for (unsigned i = 0; i < n_actors; i++)
		if (actors[i].op == closes && actors[i].in_op && actors[i].began < began)
			began = actors[i].began;
	return began;
}

/* Ops from before the close are over, and later ones were told to stop. */
static void take_close(const struct request *closing)
{
	model.fd_closed = true;
	for (size_t i = 0; i < N_REQUESTS; i++) {
		const struct request *r = &model.requests[i];

		if (!r->user_data || !r->actor || r->fd != closing->fd)
			continue;
		if (r->actor->began < close_began())
			model_fails("a CLOSE, and an op from before is in flight");
		if (!r->cancel_came && !r->awaits_notif)
			model_fails("a CLOSE, and an op on the descriptor goes on");
	}
}

/* An SQE is in the kernel. */
static void take(const struct io_uring_sqe *sqe)
{
	bool cancels = sqe->opcode == IORING_OP_ASYNC_CANCEL;
	struct request *target, *r = find(0);

	if (!cancels && find(sqe->user_data))
		model_fails("two requests with the same user_data");
	*r = (struct request){
		/* Those of cancels are all alike, and nobody looks for them. */
		.user_data = cancels ? UINT64_MAX : sqe->user_data, .opcode = sqe->opcode,
		.fd = sqe->fd, .buf = (char *)(uintptr_t)sqe->addr, .cancel_said = NOTHING,
		.target = cancels ? sqe->addr : 0,
	};
	r->actor = cancels ? NULL : actor_of(r->buf);
	if (r->actor && r->actor->n_submitted++ == r->actor->n_ops)
		model_fails("more ops than were begun");
	target = cancels ? find(r->target) : NULL;
	if (target)
		target->cancel_came = true;
	if (sqe->opcode == IORING_OP_CLOSE)
		take_close(r);
}

static void post(uint64_t user_data, int res, unsigned flags)
{
	struct io_uring_cqe *cqe = &model.cqes[model.cq_tail & (CQ_ENTRIES - 1)];

	BUG_ON(model.cq_tail - model.cq_head == CQ_ENTRIES);
	cqe->user_data = user_data;
	cqe->res = res;
	cqe->flags = flags;
	__atomic_store_n(&model.cq_tail, model.cq_tail + 1, __ATOMIC_RELEASE);
}

/* How a request may end now. Returns how many ways there are. */
static unsigned results_of(const struct request *r, int results[6])
{
	bool stopped = r->cancel_came && r->cancel_said == 0;
	unsigned n = 0;

	if (r->actor && r->fd == FIRST_FD && model.fd_closed && !r->cancel_came)
		results[n++] = -EBADF;
	else if (!stopped || model.rich)	/* what was stopped may have been done by then */
		results[n++] = LEN;
	if (r->cancel_came)
		results[n++] = -ECANCELED;
	if (!model.rich)
		return n;
	if (results[0] == LEN)
		results[n++] = 1;
	if (r->cancel_came && !stopped) {
		results[n++] = -EINTR;
		results[n++] = -512;
	}
	return n;
}

static void end_cancel(struct request *r)
{
	struct request *target = find(r->target);
	int res = -ENOENT;

	if (target && target->cancel_said == NOTHING && !target->awaits_notif) {
		res = model.rich && decide(2) ? -EALREADY : 0;
		target->cancel_came = true;
		target->cancel_said = res;
	}
	post(OP_IGNORED, res, 0);
	r->user_data = 0;
}

static void end_zero_copy(struct request *r)
{
	if (!r->actor->in_op)
		model_fails("the task left before the kernel let go of its buffer");
	post(r->user_data, 0, IORING_CQE_F_NOTIF);
	r->user_data = 0;
}

static void end_op(struct request *r)
{
	struct actor *a = r->actor;
	int results[6], res;
	unsigned n = results_of(r, results);

	res = results[model.hurry ? 0 : decide(n)];
	if (!a->in_op || a->n_answered == a->n_submitted) {
		model_fails("the task left before its op's last completion");
		return;
	}
	if (res > 0)
		memset(r->buf, 'a' + a->fd, (size_t)res);
	a->answers[a->n_answered++] = res;
	r->awaits_notif = r->opcode == IORING_OP_SEND_ZC && res > 0;
	post(r->user_data, res, r->awaits_notif ? IORING_CQE_F_MORE : 0);
	if (!r->awaits_notif)
		r->user_data = 0;
}

static void end(struct request *r)
{
	if (r->awaits_notif) {
		end_zero_copy(r);
	} else if (r->actor) {
		end_op(r);
	} else if (r->opcode == IORING_OP_ASYNC_CANCEL) {
		end_cancel(r);
	} else {
		BUG_ON(r->opcode != IORING_OP_CLOSE);
		post(r->user_data, 0, 0);
		r->user_data = 0;
	}
}

static unsigned in_flight(struct request *list[N_REQUESTS])
{
	unsigned n = 0;

	for (size_t i = 0; i < N_REQUESTS; i++)
		if (model.requests[i].user_data)
			list[n++] = &model.requests[i];
	return n;
}

/* Any of those in flight next, or, if nobody sleeps, none. */
static void complete_some(unsigned n_wait)
{
	struct request *list[N_REQUESTS];

	for (unsigned n; (n = in_flight(list)) > 0;) {
		bool may_stop = !model.hurry && model.cq_tail - model.cq_head >= n_wait;
		unsigned next = model.hurry ? 0 : decide(n + may_stop);

		if (may_stop && next == n)
			break;
		end(list[next]);
	}
	if (model.cq_tail - model.cq_head < n_wait)
		BUG("the loop sleeps, and nothing is in flight");
}

static int model_enter(const struct kernel *k, unsigned fd, unsigned to_submit, unsigned n_wait,
		       unsigned flags, const void *arg, size_t size)
{
	struct request *list[N_REQUESTS];
	unsigned head = model.khead;

	(void)k, (void)fd, (void)flags, (void)arg, (void)size;
	for (unsigned i = 0; i < to_submit; i++)
		take(&model.sqes[head++ & (model.sq_entries - 1)]);
	__atomic_store_n(&model.khead, head, __ATOMIC_RELEASE);
	complete_some(n_wait);
	/* As long as something may happen the loop shall come and see. */
	model.kflags = in_flight(list) ? IORING_SQ_TASKRUN : 0;
	return (int)to_submit;
}

static int model_setup(const struct kernel *k, unsigned entries, struct io_uring *ring,
		       struct io_uring_params *params)
{
	(void)k, (void)entries, (void)params;
	*ring = (struct io_uring){
		.sq = { .khead = &model.khead, .ktail = &model.ktail, .kflags = &model.kflags,
			.array = model.array, .sqes = model.sqes, .ring_mask = model.sq_entries - 1,
			.ring_entries = model.sq_entries },
		.cq = { .khead = &model.cq_head, .ktail = &model.cq_tail, .cqes = model.cqes,
			.ring_mask = CQ_ENTRIES - 1, .ring_entries = CQ_ENTRIES },
		.ring_fd = 1000,
	};
	return 0;
}

static void model_close(const struct kernel *k, struct io_uring *ring)
{
	(void)k, (void)ring;
}

static int model_register(const struct kernel *k, unsigned fd, unsigned opcode, const void *arg,
			  unsigned n)
{
	(void)k, (void)fd, (void)arg, (void)n;
	return opcode == IORING_REGISTER_ENABLE_RINGS ? 0 : -EINVAL;
}

static long model_call(const struct kernel *k, long number, long a, long b, long c, long d, long e,
		       long f)
{
	(void)k, (void)a, (void)b, (void)c, (void)d, (void)e, (void)f;
	return number == SYS_eventfd2 ? 1001 : number == SYS_close ? 0 : -EMFILE;
}
#endif
