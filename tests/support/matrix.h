/* SPDX-License-Identifier: MIT */
/* matrix.h - what every awaitable has to get right, written once.
 *
 * A test describes its verb (how to call it, how to make it complete) and matrix_check() runs it
 * through: success, cancelled before its task started, before the call, while parked, in a race
 * with its completion (four orders), a deadline that passes and one that does not. Each case has
 * a loop of its own and may leave no descriptor behind. Errors have causes of their own: tests do
 * those by hand.
 *
 * Two rules of the engine are checked throughout: a cancel is delivered exactly once, by this await
 * or, if the verb succeeded nevertheless, by the next; and a cancelled verb took nothing with it,
 * so that calling it again succeeds. */
#ifndef RONDO_TESTS_MATRIX_H
#define RONDO_TESTS_MATRIX_H

#include "support/check.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "ring/kernel.h"
#include "rondo/task.h"
#include "rondo/time.h"
#include "task/run.h"

enum {
	MATRIX_FD = INT32_MAX,		/* as result: a descriptor, which the matrix closes */
	MATRIX_TURNS = 6,		/* of the loop: enough for whatever parks to be parked */
};

struct matrix_verb {
	int (*start)(void *ctx);	/* in a task: call the verb, return what it returned */
	int (*finish)(void *ctx);	/* make a parked verb succeed, by plain system calls; 0 if
					 * that went well. NULL: it completes by itself */
	int (*prepare)(void *ctx);	/* before each case: make a fresh world; 0. Optional */
	void (*clean)(void *ctx);	/* after each case: put back what it left. Optional */
	int (*open)(void *ctx);		/* the same, in the main task. Optional */
	void (*close)(void *ctx);
	void *ctx;
	int result;			/* what start returns when it succeeds, or MATRIX_FD */
	bool once;			/* what finish did is not there for a second call */
	const struct kernel *kernel;	/* NULL: Linux */
};

/* --- helpers, also for tests without a matrix ------------------------------------------------ */

/* Descriptors open in this process. */
static inline int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* In a task: let the loop go round, polling the ring each time, until others are parked. */
static inline int turns(int n)
{
	int ret = 0;

	while (n-- > 0 && ret == 0)
		ret = rondo_yield();
	return ret;
}

/* Linux with something missing or twisted. Calls that no hook concerns go straight through. */
struct test_kernel {
	struct kernel kernel;		/* first: the engine passes us this */
	uint64_t hidden_ops;		/* a bit per opcode that REGISTER_PROBE shall not report */
	void (*on_sqe)(struct io_uring_sqe *);	/* sees each SQE before Linux does. Optional */
	/* Sees what Linux answers to an op, before the engine does. Optional */
	void (*on_cqe)(const struct op *, struct io_uring_cqe *);
	struct io_uring *ring;
	unsigned n_seen;		/* CQEs */
};

static inline int test_kernel_setup(const struct kernel *k, unsigned entries, struct io_uring *ring,
				    struct io_uring_params *params)
{
	((struct test_kernel *)(uintptr_t)k)->ring = ring;
	return rondo__kernel_linux.setup(k, entries, ring, params);
}

/* The engine knows an op by its address, which is in user_data. */
static inline void test_kernel_look(struct test_kernel *t)
{
	struct io_uring_cq *cq = &t->ring->cq;
	unsigned tail = io_uring_smp_load_acquire(cq->ktail);

	for (; t->n_seen != tail; t->n_seen++) {
		struct io_uring_cqe *cqe = &cq->cqes[t->n_seen & cq->ring_mask];
		const struct op *op = (const struct op *)(uintptr_t)(cqe->user_data >> 16);

		if (op)
			t->on_cqe(op, cqe);
	}
}

static inline int test_kernel_enter(const struct kernel *k, unsigned fd, unsigned to_submit,
				    unsigned min_complete, unsigned flags, const void *arg,
				    size_t size)
{
	struct test_kernel *t = (struct test_kernel *)(uintptr_t)k;
	struct io_uring_sq *sq = &t->ring->sq;
	int ret;

	for (unsigned i = 0; t->on_sqe && i < to_submit; i++)
		t->on_sqe(&sq->sqes[(*sq->khead + i) & sq->ring_mask]);
	ret = rondo__kernel_linux.enter(k, fd, to_submit, min_complete, flags, arg, size);
	if (t->on_cqe)
		test_kernel_look(t);
	return ret;
}

static inline int test_kernel_register(const struct kernel *k, unsigned fd, unsigned opcode,
				       const void *arg, unsigned n)
{
	const struct test_kernel *t = (const struct test_kernel *)k;
	int ret = rondo__kernel_linux.register_(k, fd, opcode, arg, n);
	struct io_uring_probe *p = (struct io_uring_probe *)(uintptr_t)arg;

	if (opcode == IORING_REGISTER_PROBE && ret >= 0)
		for (unsigned i = 0; i < p->ops_len && i < 64; i++)
			if (t->hidden_ops >> p->ops[i].op & 1)
				p->ops[i].flags = 0;
	return ret;
}

/* A kernel for rondo__run_on() and struct matrix_verb; set its hooks before using it. */
static inline const struct kernel *test_kernel_init(struct test_kernel *t)
{
	*t = (struct test_kernel){ .kernel = rondo__kernel_linux };
	t->kernel.setup = test_kernel_setup;
	t->kernel.enter = test_kernel_enter;
	t->kernel.register_ = test_kernel_register;
	return &t->kernel;
}

static inline const struct kernel *kernel_without(struct test_kernel *t, unsigned opcode)
{
	test_kernel_init(t);
	t->hidden_ops = UINT64_C(1) << opcode;
	return &t->kernel;
}

/* --- the cases ------------------------------------------------------------------------------- */

/* One call of the verb in a task of its own. */
struct matrix_call {
	const struct matrix_verb *verb;
	bool cancel_first;		/* ask ourselves to stop, then call */
	bool called;
	int ret;			/* what the verb returned */
	int after;			/* and the await after it */
};

static inline int matrix_call(void *arg)
{
	struct matrix_call *c = arg;

	c->called = true;
	if (c->cancel_first)
		rondo_cancel(rondo_current_task());
	c->ret = c->verb->start(c->verb->ctx);
	c->after = rondo_yield();
	return 0;
}

/* Did the verb succeed? Use it once per result: it closes a descriptor. */
static inline bool matrix_succeeded(const struct matrix_verb *v, int ret)
{
	if (v->result != MATRIX_FD)
		return ret == v->result;
	return ret >= 0 && close(ret) == 0;
}

/* With cancels asked for, n_asked of them heard: success, or -ECANCELED, and each told once. */
static inline int matrix_cancel_told_once(const struct matrix_call *c, bool asked)
{
	if (c->ret != -ECANCELED)
		CHECK(matrix_succeeded(c->verb, c->ret));
	CHECK_EQUAL((c->ret == -ECANCELED) + (c->after == -ECANCELED), asked);
	CHECK(c->after == 0 || c->after == -ECANCELED);
	return 0;
}

/* Start the verb in a task; if it parks, see it parked. */
static inline int matrix_begin(struct matrix_call *c, rondo_task **task)
{
	*task = rondo_create_task(matrix_call, c);
	CHECK(*task);
	if (!c->verb->finish)
		return 0;
	CHECK_EQUAL(turns(MATRIX_TURNS), 0);
	CHECK_EQUAL(rondo_task_state(*task), RONDO_PENDING);
	return 0;
}

static inline int matrix_success(void *arg)
{
	const struct matrix_verb *v = arg;
	struct matrix_call c = { .verb = v };
	rondo_task *task;

	if (matrix_begin(&c, &task) < 0)
		return -1;
	if (v->finish)
		CHECK_EQUAL(v->finish(v->ctx), 0);
	CHECK_EQUAL(rondo_await(task), 0);
	CHECK(matrix_succeeded(v, c.ret));
	CHECK_EQUAL(c.after, 0);
	return 0;
}

/* After a cancelled call: what it waited for is still to be had. */
static inline int matrix_again(const struct matrix_verb *v)
{
	if (v->once)
		return 0;
	if (v->finish)
		CHECK_EQUAL(v->finish(v->ctx), 0);
	CHECK(matrix_succeeded(v, v->start(v->ctx)));
	return 0;
}

static inline int matrix_cancelled_before_the_task(void *arg)
{
	struct matrix_call c = { .verb = arg };
	rondo_task *task = rondo_create_task(matrix_call, &c);

	CHECK(task);
	CHECK(rondo_cancel(task));
	CHECK_EQUAL(rondo_await(task), -ECANCELED);
	CHECK(!c.called);
	return 0;
}

static inline int matrix_cancelled_before_the_call(void *arg)
{
	struct matrix_call c = { .verb = arg, .cancel_first = true };
	rondo_task *task = rondo_create_task(matrix_call, &c);

	CHECK(task);
	CHECK_EQUAL(rondo_await(task), 0);
	CHECK_EQUAL(c.ret, -ECANCELED);
	CHECK_EQUAL(c.after, 0);
	return matrix_again(c.verb);
}

static inline int matrix_cancelled_while_parked(void *arg)
{
	struct matrix_call c = { .verb = arg };
	rondo_task *task;

	if (matrix_begin(&c, &task) < 0)
		return -1;
	CHECK(rondo_cancel(task));
	CHECK_EQUAL(rondo_await(task), 0);
	CHECK_EQUAL(c.ret, -ECANCELED);
	CHECK_EQUAL(c.after, 0);
	return matrix_again(c.verb);
}

/* Cancel after n turns a verb that completes by itself. */
static inline int matrix_cancelled_in_flight(const struct matrix_verb *v, int n_turns)
{
	struct matrix_call c = { .verb = v };
	rondo_task *task;
	bool asked;

	if (matrix_begin(&c, &task) < 0)
		return -1;
	CHECK_EQUAL(turns(n_turns), 0);
	asked = rondo_cancel(task);
	CHECK_EQUAL(rondo_await(task), 0);
	return matrix_cancel_told_once(&c, asked);
}

static inline int matrix_cancelled_after_1_turn(void *arg)
{
	return matrix_cancelled_in_flight(arg, 1);
}

static inline int matrix_cancelled_after_2_turns(void *arg)
{
	return matrix_cancelled_in_flight(arg, 2);
}

static inline int matrix_race(const struct matrix_verb *v, bool cancel_first, int n_turns_between)
{
	struct matrix_call c = { .verb = v };
	rondo_task *task;
	bool asked = false;

	if (matrix_begin(&c, &task) < 0)
		return -1;
	if (cancel_first)
		asked = rondo_cancel(task);
	else
		CHECK_EQUAL(v->finish(v->ctx), 0);
	CHECK_EQUAL(turns(n_turns_between), 0);
	if (cancel_first)
		CHECK_EQUAL(v->finish(v->ctx), 0);
	else
		asked = rondo_cancel(task);
	CHECK_EQUAL(rondo_await(task), 0);
	if (matrix_cancel_told_once(&c, asked) < 0)
		return -1;
	if (c.ret == -ECANCELED && !v->once)
		CHECK(matrix_succeeded(v, v->start(v->ctx)));
	return 0;
}

static inline int matrix_completion_then_cancel(void *arg)
{
	return matrix_race(arg, false, 0);
}

static inline int matrix_completion_turn_cancel(void *arg)
{
	return matrix_race(arg, false, 1);
}

static inline int matrix_cancel_then_completion(void *arg)
{
	return matrix_race(arg, true, 0);
}

static inline int matrix_cancel_turn_completion(void *arg)
{
	return matrix_race(arg, true, 1);
}

static inline int matrix_deadline_passes(void *arg)
{
	const struct matrix_verb *v = arg;
	int ret = rondo_wait_for(v->start, v->ctx, v->finish ? 0.002 : 1e-9);

	if (v->finish) {
		CHECK_EQUAL(ret, -ETIMEDOUT);
		return matrix_again(v);
	}
	CHECK(ret == -ETIMEDOUT || matrix_succeeded(v, ret));
	return 0;
}

static inline int matrix_finisher(void *arg)
{
	const struct matrix_verb *v = arg;
	int ret = turns(MATRIX_TURNS);

	return ret < 0 ? ret : v->finish(v->ctx);
}

static inline int matrix_deadline_is_met(void *arg)
{
	const struct matrix_verb *v = arg;
	rondo_task *task = v->finish ? rondo_create_task(matrix_finisher, arg) : NULL;

	CHECK(matrix_succeeded(v, rondo_wait_for(v->start, v->ctx, 60)));
	CHECK_EQUAL(rondo_yield(), 0);
	if (task)
		CHECK_EQUAL(rondo_await(task), 0);
	return 0;
}

enum matrix_kind { MATRIX_BOTH, MATRIX_PARKS, MATRIX_COMPLETES };

static const struct matrix_case {
	const char *name;
	rondo_fn *run;
	enum matrix_kind kind;
} matrix_cases[] = {
	{ "success", matrix_success, MATRIX_BOTH },
	{ "cancelled before its task started", matrix_cancelled_before_the_task, MATRIX_BOTH },
	{ "cancelled before the call", matrix_cancelled_before_the_call, MATRIX_BOTH },
	{ "cancelled while parked", matrix_cancelled_while_parked, MATRIX_PARKS },
	{ "cancelled one turn after the call", matrix_cancelled_after_1_turn, MATRIX_COMPLETES },
	{ "cancelled two turns after the call", matrix_cancelled_after_2_turns, MATRIX_COMPLETES },
	{ "completed, then cancelled", matrix_completion_then_cancel, MATRIX_PARKS },
	{ "completed, a turn, then cancelled", matrix_completion_turn_cancel, MATRIX_PARKS },
	{ "cancelled, then completed", matrix_cancel_then_completion, MATRIX_PARKS },
	{ "cancelled, a turn, then completed", matrix_cancel_turn_completion, MATRIX_PARKS },
	{ "a deadline that passes", matrix_deadline_passes, MATRIX_BOTH },
	{ "a deadline that is met", matrix_deadline_is_met, MATRIX_BOTH },
};

struct matrix_run {
	const struct matrix_verb *verb;
	const struct matrix_case *which;
};

static inline int matrix_main(void *arg)
{
	const struct matrix_run *r = arg;
	const struct matrix_verb *v = r->verb;
	int ret = v->open ? v->open(v->ctx) : 0;

	if (ret == 0)
		ret = r->which->run((void *)(uintptr_t)v);
	if (v->close)
		v->close(v->ctx);
	return ret;
}

/* Small rings: a program has hundreds of cases, and what a ring locked is given back only later
 * (KN-27), which for an ordinary user may be too late. */
static inline void matrix_run_case(const char *verb, const struct matrix_verb *v,
				   const struct matrix_case *c)
{
	const struct rondo_options small = { .sq_entries = 16 };
	struct matrix_run r = { v, c };
	int ret, n_fds = count_fds();

	assert_int_equal(v->prepare ? v->prepare(v->ctx) : 0, 0);
	ret = rondo__run_on(v->kernel ? v->kernel : &rondo__kernel_linux, &small, matrix_main, &r);
	if (ret != 0 || check_failure[0])
		print_error("%s, %s: main returned %d\n", verb, c->name, ret);
	assert_checks_passed();
	assert_int_equal(ret, 0);
	if (v->clean)
		v->clean(v->ctx);
	assert_int_equal(count_fds(), n_fds);
}

/* Run every case that fits the verb; verb is its name, for messages. */
static inline void matrix_check(const char *verb, const struct matrix_verb *v)
{
	const enum matrix_kind other = v->finish ? MATRIX_COMPLETES : MATRIX_PARKS;

	for (size_t i = 0; i < sizeof(matrix_cases) / sizeof(matrix_cases[0]); i++)
		if (matrix_cases[i].kind != other)
			matrix_run_case(verb, v, &matrix_cases[i]);
}
#endif
