/* SPDX-License-Identifier: MIT */
/* test_interleavings.c - goal: however completions, cancels and a close interleave, each op has one
 * result, success beats cancel, a cancel is told exactly once, nobody leaves a buffer the kernel
 * still writes to, a late cancel does not hit the next op, and nothing is left in flight. Method: a
 * kernel made of a table (model.h), and every decision it and the cancelling task may take, tried
 * in turn: what completes next and with which result, what its cancel answers and when, how many
 * completions one enter brings, when a cancel is asked for. One loop lives through all of them. A
 * checker makes a run a hundred times as long: there, some thousand are drawn instead. */
#include "model.h"

/* --- a plan: who does what, and when cancels may come ---------------------------------------- */

static struct plan {
	const char *name;
	struct {
		int (*op)(struct actor *);
		int fd;
		unsigned n_ops;
	} actors[N_ACTORS_MAX];
	unsigned n_turns;		/* in each of which cancels may be asked for */
	unsigned n_cancels;		/* at most */
	unsigned n_asks;		/* of one actor at most */
	unsigned sq_entries;
	bool rich;
	unsigned n_quiet_turns;		/* before the first cancel; after one all are in flight */
} plan;

/* --- what the tasks do ----------------------------------------------------------------------- */

static int reads(struct actor *a)
{
	return read_op(a->fd, a->buf, LEN);
}

static int sends(struct actor *a)
{
	struct op op;

	io_uring_prep_send_zc(rondo__op_begin(&op), a->fd, a->buf, LEN, 0, 0);
	return rondo__op_await(&op);
}

static int acts(void *arg)
{
	struct actor *a = arg;

	for (unsigned i = 0; i < a->n_ops; i++) {
		a->began = ++n_begun;
		a->in_op = true;
		a->ret[i] = a->op(a);
		a->in_op = false;
	}
	a->ret[2] = rondo_yield();
	return 0;
}

static void add_actor(int (*op)(struct actor *), int fd, unsigned n_ops)
{
	struct actor *a = &actors[n_actors++];

	*a = (struct actor){ .op = op, .fd = fd, .n_ops = n_ops,
			     .ret = { NOTHING, NOTHING, NOTHING },
			     .answers = { NOTHING, NOTHING } };
	a->task = rondo_create_task(acts, a);
}

static unsigned n_times_told(const struct actor *a)
{
	return (a->ret[0] == -ECANCELED) + (a->ret[1] == -ECANCELED) + (a->ret[2] == -ECANCELED);
}

/* Two requests are one delivery only as long as the first was not told. */
static unsigned cancellable(struct actor *list[N_ACTORS_MAX], unsigned first)
{
	unsigned n = 0;

	for (unsigned i = first; i < n_actors; i++)
		if (actors[i].n_asked < plan.n_asks && !n_times_told(&actors[i]) &&
		    rondo_task_state(actors[i].task) == RONDO_PENDING)
			list[n++] = &actors[i];
	return n;
}

/* Cancel any of them, and then perhaps later ones: the order within a turn is only that of SQEs,
 * and what the kernel makes of those is its own decision. */
static void cancel_some(unsigned *n_left)
{
	struct actor *list[N_ACTORS_MAX];
	unsigned first = 0;

	while (*n_left) {
		unsigned n = cancellable(list, first), next = decide(n + 1);

		if (next == n)
			break;
		first = (unsigned)(list[next] - actors);
		list[next]->n_asked += rondo_cancel(list[next]->task);
		--*n_left;
	}
}

/* --- what must hold --------------------------------------------------------------------------- */

/* Dropped before it began, or told once, and not told what nobody asked. */
static int check_cancel(const struct actor *a, int result)
{
	if (a->ret[0] == NOTHING) {
		CHECK(a->n_asked > 0);
		CHECK_EQUAL(a->n_submitted, 0);
		CHECK_EQUAL(result, -ECANCELED);
		return 0;
	}
	CHECK_EQUAL(n_times_told(a), a->n_asked > 0);
	CHECK_EQUAL(result, 0);
	return 0;
}

/* Success is delivered with its bytes; an interruption is a cancel, or somebody closed it. */
static int check_op(const struct actor *a, unsigned i, unsigned *n_answers)
{
	int answer;

	if (a->ret[i] == -ECANCELED && *n_answers == a->n_answered)
		return 0;			/* cancelled before it began */
	CHECK(*n_answers < a->n_answered);
	answer = a->answers[(*n_answers)++];
	if (answer >= 0 || answer == -EBADF)
		CHECK_EQUAL(a->ret[i], answer);
	else if (model.fd_closed && a->fd == FIRST_FD)
		CHECK(a->ret[i] == -ECANCELED || a->ret[i] == -EBADF);
	else
		CHECK_EQUAL(a->ret[i], -ECANCELED);
	for (int j = 0; j < answer; j++)
		CHECK_EQUAL(a->buf[j], (char)('a' + a->fd));
	return 0;
}

static int check_actor(const struct actor *a, int result)
{
	unsigned n_answers = 0;

	if (check_cancel(a, result) < 0)
		return -1;
	CHECK_EQUAL(a->n_submitted, a->n_answered);
	if (a->op == closes || a->ret[0] == NOTHING)
		return 0;
	for (unsigned i = 0; i < a->n_ops; i++)
		if (check_op(a, i, &n_answers) < 0)
			return -1;
	CHECK_EQUAL(n_answers, a->n_answered);
	return 0;
}

/* Of those who close, one does and the others find it closed. */
static int check_closers(void)
{
	unsigned n_closers = 0, n_closed = 0;

	for (unsigned i = 0; i < n_actors; i++) {
		const struct actor *a = &actors[i];

		if (a->op != closes || a->ret[0] == NOTHING)
			continue;
		CHECK(a->ret[0] == 0 || a->ret[0] == -EBADF);
		n_closers++;
		n_closed += a->ret[0] == 0;
	}
	CHECK(n_closed >= (n_closers > 0));
	return 0;
}

/* --- one run --------------------------------------------------------------------------------- */

/* Cancels may still owe their answers: they are counted, and awaited by nobody. */
static int check_nothing_is_left(void)
{
	struct request *list[N_REQUESTS];

	model.hurry = true;
	CHECK_EQUAL(yield_times(2), 0);
	model.hurry = false;
	CHECK_EQUAL(in_flight(list), 0);
	CHECK_EQUAL(rondo__loop->ring.n_in_flight, rondo__loop->n_internal);
	CHECK_EQUAL(rondo__loop->n_stale, 0);
	CHECK_EQUAL(rondo__loop->fds.n_ops, 0);
	return 0;
}

static int run_plan(void)
{
	unsigned n_cancels = plan.n_cancels;
	int results[N_ACTORS_MAX];

	n_actors = 0;
	model.fd_closed = false;
	for (unsigned i = 0; i < N_ACTORS_MAX && plan.actors[i].op; i++)
		add_actor(plan.actors[i].op, plan.actors[i].fd, plan.actors[i].n_ops);
	for (unsigned i = 0; i < plan.n_turns; i++) {
		if (i >= plan.n_quiet_turns)
			cancel_some(&n_cancels);
		CHECK_EQUAL(rondo_yield(), 0);
	}
	for (unsigned i = 0; i < n_actors; i++)
		results[i] = rondo_await(actors[i].task);
	for (unsigned i = 0; i < n_actors; i++)
		if (check_actor(&actors[i], results[i]) < 0)
			return -1;
	return check_closers() < 0 ? -1 : check_nothing_is_left();
}

static int run_all(void *arg)
{
	(void)arg;
	script.n = script.at = 0;
	script.n_runs = 0;
	script.random = STEP_CHECKED ? 20261123 : 0;
	do {
		if (run_plan() < 0 || check_failure[0]) {
			print_script();
			model.hurry = true;
			return -1;
		}
	} while (next_script());
	return 0;
}

static void try_all(const struct plan *p)
{
	const struct kernel kernel = {
		.setup = model_setup, .close = model_close, .enter = model_enter,
		.register_ = model_register, .now = rondo__kernel_linux.now,
		.sleep = rondo__kernel_linux.sleep,
		.call = model_call,
	};
	const struct rondo_options o = { .no_sigint = true };

	plan = *p;
	model = (struct model){ .sq_entries = plan.sq_entries, .rich = plan.rich };
	assert_run_on(&kernel, &o, run_all, NULL, 0);
	print_message("%s, SQ of %u: %llu interleavings%s\n", p->name, p->sq_entries,
		      (unsigned long long)script.n_runs, script.random ? " drawn" : "");
}

/* --- the plans ------------------------------------------------------------------------------- */

static void try_plans(const struct plan *plans, size_t n)
{
	for (size_t i = 0; i < n; i++)
		try_all(&plans[i]);
}

#define TRY_PLANS(...)                                                                             \
	do {                                                                                       \
		const struct plan plans_[] = { __VA_ARGS__ };                                      \
		try_plans(plans_, sizeof(plans_) / sizeof(plans_[0]));                             \
	} while (0)

#define READ(fd) { reads, fd, 1 }
#define READS(fd) { reads, fd, 2 }
#define SEND(fd) { sends, fd, 1 }
#define CLOSE(fd) { closes, fd, 1 }

static void test_one_op_and_its_cancel(void **state)
{
	(void)state;
	TRY_PLANS({ "a read", { READ(10) }, 4, 1, 1, 8, true, 0 },
		  { "a read", { READ(10) }, 4, 1, 1, 1, true, 0 },
		  { "a zero-copy send", { SEND(10) }, 4, 1, 1, 8, true, 0 });
}

/* T4: they are told as one. */
static void test_one_op_and_two_cancels(void **state)
{
	(void)state;
	TRY_PLANS({ "a read cancelled twice", { READ(10) }, 4, 2, 2, 8, true, 0 },
		  { "a read cancelled twice", { READ(10) }, 4, 2, 2, 1, true, 0 },
		  { "two reads of one task, cancelled twice", { READS(10) }, 4, 2, 2, 8, true, 0 },
		  { "a zero-copy send cancelled twice", { SEND(10) }, 4, 2, 2, 8, true, 0 });
}

/* The cancel of the first may come late, when the second is at the same address. */
static void test_a_late_cancel_spares_the_next_op(void **state)
{
	(void)state;
	TRY_PLANS({ "two reads of one task", { READS(10) }, 4, 1, 1, 8, true, 0 },
		  { "two reads of one task", { READS(10) }, 4, 1, 1, 1, true, 0 },
		  { "two sends of one task", { { sends, 10, 2 } }, 4, 1, 1, 8, true, 0 });
}

static void test_two_ops_and_their_cancels(void **state)
{
	(void)state;
	TRY_PLANS({ "two reads", { READ(10), READ(11) }, 2, 2, 1, 8, true, 0 },
		  { "two reads", { READ(10), READ(11) }, 3, 2, 1, 8, false, 0 },
		  { "two reads", { READ(10), READ(11) }, 2, 2, 1, 1, false, 0 },
		  { "a read and a zero-copy send", { READ(10), SEND(11) }, 2, 2, 1, 8, false, 0 });
}

static void test_three_ops_and_their_cancels(void **state)
{
	(void)state;
	TRY_PLANS({ "three reads", { READ(10), READ(11), READ(12) }, 2, 2, 1, 8, false, 0 },
		  { "three reads, in flight", { READ(10), READ(11), READ(12) },
		    2, 3, 1, 8, false, 1 },
		  { "three reads", { READ(10), READ(11), READ(12) }, 2, 1, 1, 2, false, 0 });
}

static void test_a_close_with_ops_in_flight(void **state)
{
	(void)state;
	TRY_PLANS({ "a read, and a close", { READ(10), CLOSE(10) }, 2, 2, 1, 8, true, 0 },
		  { "a read, and a close", { READ(10), CLOSE(10) }, 2, 2, 1, 1, true, 0 },
		  { "a close, and a read", { CLOSE(10), READ(10) }, 2, 2, 1, 8, true, 0 },
		  { "two reads of one task, and a close",
		    { READS(10), CLOSE(10) }, 2, 2, 1, 8, false, 0 },
		  { "a zero-copy send, and a close",
		    { SEND(10), CLOSE(10) }, 2, 2, 1, 8, false, 0 });
}

static void test_three_that_read_and_close(void **state)
{
	(void)state;
	TRY_PLANS({ "a read, and two closes",
		    { READ(10), CLOSE(10), CLOSE(10) }, 2, 2, 1, 8, false, 0 },
		  { "two reads, and a close",
		    { READ(10), READ(10), CLOSE(10) }, 2, 1, 1, 8, false, 0 },
		  { "two reads, and a close",
		    { READ(10), READ(10), CLOSE(10) }, 2, 0, 1, 1, false, 0 },
		  { "a read, a close, and a read", { READ(10), CLOSE(10), READ(10) },
		    2, 1, 1, 8, false, 0 },
		  { "a read, a close, and a read elsewhere", { READ(10), CLOSE(10), READ(11) },
		    2, 1, 1, 8, false, 0 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_op_and_its_cancel),
		cmocka_unit_test(test_one_op_and_two_cancels),
		cmocka_unit_test(test_a_late_cancel_spares_the_next_op),
		cmocka_unit_test(test_two_ops_and_their_cancels),
		cmocka_unit_test(test_three_ops_and_their_cancels),
		cmocka_unit_test(test_a_close_with_ops_in_flight),
		cmocka_unit_test(test_three_that_read_and_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
