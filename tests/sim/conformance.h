/* SPDX-License-Identifier: MIT */
/* conformance.h - the language of the conformance table: a script is a function that submits a few
 * SQEs to a ring of its own, on whichever kernel it is given, and notes what came of them.
 *
 * An outcome is a line, sorted by user_data: "1=-ECANCELED 2=0+more 2=fd". What a script may say is
 * a pattern: outcomes, separated by "|"; of each item the values, separated by "/", or a range
 * "1..5", or "any"; "*" after an item: any number of times; "?": or not at all. */
#ifndef RONDO_TESTS_CONFORMANCE_H
#define RONDO_TESTS_CONFORMANCE_H

#include "support/check.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/io.h"
#include "ring/ring.h"
#include "rondo.h"
#include "rondo_sim.h"

#define MS UINT64_C(1000000)

enum {
	CALL = 1 << 16,			/* + SYS_*: what a script is about, when it is no opcode */
	ROOM = 1 << 16,			/* bytes of each buffer */
	ENTRIES = 16,
	MESSAGE = 50,			/* user_data of CQEs that no SQE of the ring asks for */
	SETUP = 1000,			/* user_data of what only prepares: not in the outcome */
	TIMEOUT_MULTISHOT = 1 << 6,	/* 6.4 */
	LINES_MAX = 64, FDS_MAX = 64, OUTCOME_SIZE = 512,
	PATIENCE_MS = 60000, SIM_PATIENCE_MS = 200000,
};

struct conf;

struct script {
	const char *name;
	unsigned what;			/* IORING_OP_*, RONDO_OP_* or CALL + SYS_* */
	void (*run)(struct conf *c);
	const char *exact;		/* Linux 6.18, and the simulator without faults; or NULL */
	const char *also;		/* what other kernels and faults make of it; or NULL */
	unsigned entries;		/* of both queues, if not the usual number */
	bool in_order;			/* that of the CQEs counts: one is promised */
};

/* A row of the table; the rest are designated fields. */
#define SCRIPT(op, function, ...)                                                                  \
	{ .name = #function, .what = IORING_OP_##op, .run = function, __VA_ARGS__ }
/* Of an opcode that liburing 2.3 does not know, and of a plain call. */
#define NEW_SCRIPT(op, function, ...)                                                              \
	{ .name = #function, .what = RONDO_OP_##op, .run = function, __VA_ARGS__ }
#define CALL_SCRIPT(call, function, ...)                                                           \
	{ .name = #function, .what = CALL + SYS_##call, .run = function, __VA_ARGS__ }

struct line {
	uint64_t id;
	long long value;
	unsigned flags;
	bool is_fd;
};

/* One run of one script. */
struct conf {
	const struct kernel *kernel;
	const struct script *script;
	bool in_sim;
	bool broken;			/* what the script needs did not come about */
	bool skipped;			/* this kernel cannot do it */
	bool over;			/* what completes now is not noted */
	bool shows_nonempty;
	struct ring ring;
	int root;			/* an empty folder */
	const char *root_path;		/* NULL: the simulator's */
	struct line lines[LINES_MAX];
	unsigned n_lines, n_cqes;
	int setup_result;
	bool setup_over;
	int fds[FDS_MAX];
	unsigned n_fds;
	int children[4];		/* real ones */
	unsigned n_children;
	char *buf, *other;		/* of ROOM bytes; they outlive every request */
	void *group;			/* a buffer ring that is registered; NULL: none */
	char outcome[OUTCOME_SIZE];
};

/* --- the ring -------------------------------------------------------------------------------- */

static inline uint64_t now(struct conf *c)
{
	return c->kernel->now(c->kernel, CLOCK_MONOTONIC);
}

static inline void note(struct conf *c, uint64_t id, long long value, unsigned flags)
{
	if (c->n_lines < LINES_MAX)
		c->lines[c->n_lines++] = (struct line){ id, value, flags, false };
}

/* Something else than a CQE that belongs to the outcome. */
static inline void say(struct conf *c, uint64_t id, long long value)
{
	note(c, id, value, 0);
}

static inline bool has_line(const struct conf *c, uint64_t id, long long value)
{
	for (unsigned i = 0; i < c->n_lines; i++)
		if (c->lines[i].id == id && c->lines[i].value == value)
			return true;
	return false;
}

static inline void conf_complete(void *owner, const struct io_uring_cqe *cqe)
{
	struct conf *c = owner;

	if (cqe->user_data == MESSAGE)
		c->ring.n_in_flight++;		/* it did not take an SQE of this ring */
	if (cqe->user_data == SETUP) {
		c->setup_result = cqe->res;
		c->setup_over = true;
	} else if (!c->over) {
		c->n_cqes++;
		note(c, cqe->user_data, cqe->res, cqe->flags);
	}
}

/* Let some time pass: a little that the CQEs of a moment ago may come, on the simulator. */
static inline int step(struct conf *c, uint64_t end_ns, uint64_t *nap_ns)
{
	int ret = rondo__ring_enter(&c->ring, !c->in_sim, end_ns);

	rondo__ring_reap(&c->ring);
	if (ret == 0 && c->in_sim) {
		ret = rondo_sleep((double)*nap_ns * 1e-9);
		*nap_ns = *nap_ns < 100 * MS ? *nap_ns * 2 : *nap_ns;
		if (rondo__ring_enter(&c->ring, 0, 0) == 0)
			rondo__ring_reap(&c->ring);
	}
	return ret;
}

/* Wait for a condition on c, while time goes by; if it never holds, the run is of no use. */
#define CONF_AWAIT(c, condition)                                                                   \
	do {                                                                                       \
		uint64_t end_ = now(c) + ((c)->in_sim ? SIM_PATIENCE_MS : PATIENCE_MS) * MS;       \
		uint64_t nap_ = 1000;                                                              \
                                                                                                   \
		while (!(condition) && step(c, end_, &nap_) == 0)                                  \
			if (now(c) >= end_ && (say(c, 999, -ETIME), true))                         \
				break;                                                             \
	} while (0)

static inline bool has_id(const struct conf *c, uint64_t id)
{
	for (unsigned i = 0; i < c->n_lines; i++)
		if (c->lines[i].id == id)
			return true;
	return false;
}

/* Submit all that is queued. */
static inline void submit(struct conf *c)
{
	CONF_AWAIT(c, ({
		BUG_ON(rondo__ring_enter(&c->ring, 0, 0) < 0);
		ring_n_queued(&c->ring) == 0;
	}));
	rondo__ring_reap(&c->ring);
}

static inline struct io_uring_sqe *conf_sqe(struct conf *c, uint64_t id)
{
	struct io_uring_sqe *sqe = rondo__ring_sqe(&c->ring);

	sqe->user_data = id;
	return sqe;
}

static inline struct io_uring_sqe *conf_add(struct conf *c, uint64_t id, struct io_uring_sqe from)
{
	struct io_uring_sqe *sqe = conf_sqe(c, id);

	from.user_data = id;
	*sqe = from;
	return sqe;
}

/* ADD(c, 1, read, fd, buf, n, 0)->flags = ...: an SQE by liburing's io_uring_prep_read(). Arguments
 * may submit SQEs themselves: they come first. */
#define ADD(c, id, name, ...)                                                                      \
	conf_add(c, id, ({                                                                         \
			 struct io_uring_sqe sqe_ = { 0 };                                         \
			 io_uring_prep_##name(&sqe_, __VA_ARGS__);                                 \
			 sqe_;                                                                     \
		 }))

/* The same by opcode, for those that liburing 2.3 does not know. */
static inline struct io_uring_sqe *add_op(struct conf *c, uint64_t id, unsigned opcode, int fd,
					  const void *addr, unsigned len, uint64_t off)
{
	struct io_uring_sqe *sqe = conf_sqe(c, id);

	rondo__prep(sqe, opcode, fd, addr, len, off);
	return sqe;
}

static inline struct io_uring_sqe *add_nop(struct conf *c, uint64_t id)
{
	return add_op(c, id, IORING_OP_NOP, -1, NULL, 0, 0);
}

/* plain(c, listen, fd, 16): a plain call. */
#define plain(c, name, ...) PLAIN(c, SYS_##name, __VA_ARGS__, 0, 0, 0, 0, 0)
#define PLAIN(c, number, a1, a2, a3, a4, a5, a6, ...)                                              \
	(int)kernel_call6((c)->kernel, number, a1, a2, a3, a4, a5, a6)

/* --- preparing ------------------------------------------------------------------------------- */

/* Wait for the op that was added last, as SETUP. */
static inline int setup_wait(struct conf *c)
{
	c->setup_over = false;
	CONF_AWAIT(c, c->setup_over);
	return c->setup_over ? c->setup_result : -ETIME;
}

static inline int needs(struct conf *c, long result)
{
	if (result < 0)
		c->broken = true;
	return (int)result;
}

static inline int keep_fd(struct conf *c, int fd)
{
	if (fd >= 0 && c->n_fds < FDS_MAX)
		c->fds[c->n_fds++] = fd;
	return needs(c, fd);
}

static inline void close_fd(struct conf *c, int fd)
{
	for (unsigned i = 0; i < c->n_fds; i++)
		if (c->fds[i] == fd)
			c->fds[i] = -1;
	if (fd >= 0)
		kernel_call2(c->kernel, SYS_close, fd, 0);
}

/* Ops of this number give descriptors, whose values are nobody's business. */
static inline void gives_fds(struct conf *c, uint64_t id)
{
	for (unsigned i = 0; i < c->n_lines; i++) {
		struct line *l = &c->lines[i];

		if (l->id != id || l->value < 0 || l->is_fd)
			continue;
		l->is_fd = true;
		keep_fd(c, (int)l->value);
	}
}

/* The descriptor that an op gave, -1: none. */
static inline int given_fd(struct conf *c, uint64_t id)
{
	gives_fds(c, id);
	for (unsigned i = 0; i < c->n_lines; i++)
		if (c->lines[i].id == id && c->lines[i].is_fd)
			return (int)c->lines[i].value;
	return -1;
}

static inline bool has_op(struct conf *c, unsigned opcode)
{
	if (!ring_has_op(&c->ring, opcode))
		c->skipped = true;
	return !c->skipped;
}

/* A chain must be submitted at once. */
static inline bool has_room(struct conf *c, unsigned n_sqes)
{
	if (c->ring.uring.sq.ring_entries < n_sqes)
		c->skipped = true;
	return !c->skipped;
}

static inline void pause_for(struct conf *c, uint64_t ns)
{
	struct __kernel_timespec ts = { .tv_sec = (long long)(ns / (1000 * MS)),
					.tv_nsec = (long long)(ns % (1000 * MS)) };

	ADD(c, SETUP, timeout, &ts, 0, 0);
	setup_wait(c);
}

/* Cancel what is in flight, and wait for it to end. */
static inline void drain(struct conf *c)
{
	for (int i = 0; i < 100 && c->ring.n_in_flight; i++) {
		ADD(c, SETUP, cancel, NULL, 0)->cancel_flags = IORING_ASYNC_CANCEL_ANY;
		setup_wait(c);
		if (c->ring.n_in_flight)
			pause_for(c, MS << (i < 10 ? i : 10));
	}
}

/* Submit, and wait until there are n CQEs in all. What a script has on its stack is the kernel's
 * until then, so a run that is of no use must come to rest as well. */
static inline void wait_for(struct conf *c, unsigned n)
{
	if (c->broken)
		drain(c);
	else
		CONF_AWAIT(c, c->n_cqes >= n);
}

/* Submit, and wait for the first CQE of a request. */
static inline void wait_for_id(struct conf *c, uint64_t id)
{
	if (c->broken)
		drain(c);
	else
		CONF_AWAIT(c, has_id(c, id));
}

/* What was submitted has been tried by now: at least without faults. */
static inline void settle(struct conf *c)
{
	submit(c);
	if (c->in_sim) {
		pause_for(c, MS);
		return;
	}
	add_nop(c, SETUP);
	setup_wait(c);
}

/* A pipe; [0] is to be read. */
static inline void make_pipe(struct conf *c, int fds[2])
{
	fds[0] = fds[1] = -1;
	if (needs(c, kernel_call2(c->kernel, SYS_pipe2, fds, O_CLOEXEC)) < 0)
		return;
	keep_fd(c, fds[0]);
	keep_fd(c, fds[1]);
}

static inline void put(struct conf *c, int fd, const char *text)
{
	long len = (long)strlen(text);

	if (!c->broken && kernel_call3(c->kernel, SYS_write, fd, text, len) != len)
		c->broken = true;
}

static inline struct __kernel_timespec after(uint64_t ns)
{
	return (struct __kernel_timespec){ .tv_sec = (long long)(ns / (1000 * MS)),
					   .tv_nsec = (long long)(ns % (1000 * MS)) };
}

/* A descriptor of a file in the folder. */
static inline int open_file(struct conf *c, const char *name, int flags)
{
	ADD(c, SETUP, openat, c->root, name, flags | O_CLOEXEC, 0644);
	return keep_fd(c, setup_wait(c));
}

/* A new file that holds a text, open for both. */
static inline int make_file(struct conf *c, const char *name, const char *text)
{
	int fd = open_file(c, name, O_RDWR | O_CREAT | O_TRUNC);

	if (!*text || c->broken)
		return fd;
	ADD(c, SETUP, write, fd, text, (unsigned)strlen(text), 0);
	if (setup_wait(c) != (int)strlen(text))
		c->broken = true;
	return fd;
}

static inline void make_folder(struct conf *c, const char *name)
{
	ADD(c, SETUP, mkdirat, c->root, name, 0755);
	needs(c, setup_wait(c));
}

/* A read that waits. Returns the end to write to. */
static inline int add_waiting_read(struct conf *c, uint64_t id)
{
	int p[2];

	make_pipe(c, p);
	ADD(c, id, read, p[0], c->buf, 5, 0);
	return p[1];
}

static inline void add_cancel(struct conf *c, uint64_t id, uint64_t target, unsigned flags)
{
	ADD(c, id, cancel64, target, (int)flags);
}

/* Does the buffer begin with this text? */
static inline void say_text(struct conf *c, uint64_t id, const char *buf, const char *text)
{
	say(c, id, !memcmp(buf, text, strlen(text)));
}
#endif
