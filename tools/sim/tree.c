/* SPDX-License-Identifier: MIT */
/* tree.c - workload: random trees of tasks that sleep, gather, form groups, set time limits, fail,
 * put off cancels and cancel each other, against what asyncio promises.
 *
 * What is promised: whoever waited for a task finds it, and all that it started, ended; nobody is
 * cancelled whom nobody cancels; an error is one that somebody returned; a sleep and a time limit are
 * never early; a tree that nobody disturbs returns the sum of its leaves. */
#include <errno.h>
#include <stdlib.h>

#include "sim/sim.h"

enum { DEPTH_MAX = 4, CHILDREN_MAX = 4 };

enum kind {
	LEAF, FAILING,
	SEQUENCE, GATHER, SOME, GATHER_CANCEL_REST, GROUP,	/* of several */
	LIMIT, CANCELLER,		/* of one, which they may cut off */
	MASKED, SHIELDED,		/* of one, whom no cancel reaches */
	N_KINDS
};

struct node {
	enum kind kind;
	unsigned depth;
	unsigned n_children;
	struct node *children[CHILDREN_MAX];
	unsigned n_leaves;		/* its sum, if nobody disturbs it */
	bool may_be_cancelled;		/* by somebody above */
	bool may_fail;			/* somewhere below */
	bool may_be_cut;		/* part of it may be cut off, and the sum be smaller */
	uint64_t delay_ns;		/* a leaf's sleep, a limit, the time before a cancel */
};

/* Tasks and calls that have begun and not ended, of the whole tree. */
static unsigned n_running;

static unsigned below(unsigned n)
{
	return (unsigned)(rondo_sim_random() % n);
}

static bool child_may_be_cancelled(const struct node *n)
{
	if (n->kind == MASKED || n->kind == SHIELDED)
		return false;
	return n->may_be_cancelled || n->kind >= GATHER_CANCEL_REST;
}

static struct node *grow(unsigned depth, bool may_be_cancelled)
{
	struct node *n = calloc(1, sizeof(*n));
	enum kind kind = depth >= DEPTH_MAX ? below(2) : below(N_KINDS);

	if (!n)
		abort();
	*n = (struct node){ .kind = below(4) && kind == FAILING ? LEAF : kind, .depth = depth,
			    .may_be_cancelled = may_be_cancelled,
			    .delay_ns = below(3) ? rondo_sim_random() % 2000000000 :
						   rondo_sim_random() % 20000 };
	n->may_fail = n->kind == FAILING;
	n->n_leaves = n->kind <= FAILING;
	if (n->kind >= SEQUENCE)
		n->n_children = n->kind >= LIMIT ? 1 : 1 + below(CHILDREN_MAX);
	n->may_be_cut = n->kind == LIMIT || n->kind == CANCELLER;
	for (unsigned i = 0; i < n->n_children; i++) {
		struct node *child = grow(depth + 1, child_may_be_cancelled(n));

		n->children[i] = child;
		n->n_leaves += child->n_leaves;
		n->may_fail |= child->may_fail;
		n->may_be_cut |= child->may_be_cut;
	}
	return n;
}

static void fell(struct node *n)
{
	for (unsigned i = 0; i < n->n_children; i++)
		fell(n->children[i]);
	free(n);
}

static int live(void *arg);

static int leaf(const struct node *n)
{
	uint64_t start = rondo_now_ns();
	int ret = n->delay_ns % 5 ? rondo_sleep_ns(n->delay_ns) : rondo_yield();

	if (ret == 0 && n->delay_ns % 5 && rondo_now_ns() < start + n->delay_ns)
		rondo_sim_fail("a sleep ended early");
	if (ret < 0)
		return ret;
	return n->kind == FAILING ? -EBADMSG : 1;
}

static int sequence(struct node *n)
{
	int sum = 0;

	for (unsigned i = 0; i < n->n_children; i++) {
		int ret = live(n->children[i]);

		if (ret < 0)
			return ret;
		sum += ret;
	}
	return sum;
}

static int gather(struct node *n)
{
	rondo_task *tasks[CHILDREN_MAX];
	int results[CHILDREN_MAX], ret, sum = 0;
	unsigned flags = n->kind == GATHER_CANCEL_REST ? RONDO_GATHER_CANCEL_REST :
							 RONDO_GATHER_ALL;

	for (unsigned i = 0; i < n->n_children; i++)
		tasks[i] = rondo_create_task(live, n->children[i]);
	ret = rondo_gather(n->n_children, tasks, results, flags);
	for (unsigned i = 0; i < n->n_children && ret >= 0; i++) {
		if (results[i] < 0)
			return results[i];
		sum += results[i];
	}
	return ret < 0 ? ret : sum;
}

/* What was cut off counts nothing. */
static int limit(struct node *n)
{
	uint64_t start = rondo_now_ns();
	int ret = rondo_wait_for(live, n->children[0], (double)n->delay_ns / 1e9);

	if (ret == -ETIMEDOUT && rondo_now_ns() + 1 < start + n->delay_ns)
		rondo_sim_fail("a time limit was early");
	return ret == -ETIMEDOUT ? 0 : ret;
}

static int canceller(struct node *n)
{
	rondo_task *t = rondo_create_task(live, n->children[0]);
	int slept = rondo_sleep_ns(n->delay_ns), ret;

	rondo_cancel(t);
	ret = rondo_await(t);
	if (slept < 0)
		return slept;
	return ret == -ECANCELED ? rondo_yield() : ret;
}

/* Only one of them is done for sure; the others are awaited after it. */
static int some(struct node *n)
{
	rondo_task *tasks[CHILDREN_MAX];
	int results[CHILDREN_MAX], sum = 0;
	struct rondo_mask mask;
	ssize_t ret;

	for (unsigned i = 0; i < n->n_children; i++)
		tasks[i] = rondo_create_task(live, n->children[i]);
	ret = rondo_wait(n->n_children, tasks, (enum rondo_return_when)below(3), RONDO_FOREVER);
	for (unsigned i = 0; i < n->n_children; i++)
		if (ret == -ECANCELED)
			rondo_cancel(tasks[i]);
		else if ((ssize_t)i < ret && rondo_task_state(tasks[i]) == RONDO_PENDING)
			rondo_sim_fail("a task is said to be done and is not");
	if (ret == 0)
		rondo_sim_fail("a wait ended and nobody was done");
	rondo_mask_begin(&mask);
	(void)rondo_gather(n->n_children, tasks, results, RONDO_GATHER_ALL);
	rondo_mask_end(&mask);
	for (unsigned i = 0; i < n->n_children && ret >= 0; i++) {
		ret = results[i] < 0 ? results[i] : ret;
		sum += results[i];
	}
	return ret < 0 ? (int)ret : sum;
}

struct child {
	struct node *node;
	int result;
};

static int live_in_group(void *arg)
{
	struct child *c = arg;

	c->result = live(c->node);
	return c->result;
}

static int spawn_children(struct node *n, struct rondo_task_group *group, struct child children[])
{
	int ret = 0;

	for (unsigned i = 0; i < n->n_children && ret == 0; i++) {
		children[i] = (struct child){ .node = n->children[i], .result = -EBUSY };
		ret = rondo_task_group_spawn(group, live_in_group, &children[i]);
	}
	return ret == -EPERM ? 0 : ret;		/* one has failed already */
}

/* Who did not run is missing only when somebody has failed, or all are cancelled. */
static int group(struct node *n)
{
	struct rondo_task_group group;
	struct rondo_task_group_options options = { .limit = below(CHILDREN_MAX) };
	struct child children[CHILDREN_MAX];
	int sum = 0, ret = rondo_task_group_begin_with(&group, &options);

	if (ret < 0)
		return ret;
	ret = rondo_task_group_end(&group, spawn_children(n, &group, children));
	if (rondo_task_group_n_tasks(&group))
		rondo_sim_fail("a group has ended, and %zu children have not",
			       rondo_task_group_n_tasks(&group));
	if ((ret == -RONDO_EGROUP) != (rondo_task_group_n_errors(&group) > 0))
		rondo_sim_fail("a group with %zu errors ended with %d",
			       rondo_task_group_n_errors(&group), ret);
	for (unsigned i = 0; i < n->n_children && ret == 0; i++)
		sum += children[i].result;
	if (ret == -RONDO_EGROUP)
		return rondo_task_group_error(&group, 0)->error;
	return ret < 0 ? ret : sum;
}

static int masked(struct node *n)
{
	struct rondo_mask mask;
	int ret;

	rondo_mask_begin(&mask);
	ret = live(n->children[0]);
	rondo_mask_end(&mask);
	return ret;
}

/* A cancel ends the waiting at once; then we wait again, for the checks to see who is there. */
static int shielded(struct node *n)
{
	rondo_task *t = rondo_create_task(live, n->children[0]);
	int ret = rondo_shield(rondo_task_ref(t));
	struct rondo_mask mask;

	rondo_mask_begin(&mask);
	if (rondo_await(t) == -ECANCELED)
		rondo_sim_fail("a cancel went through a shield");
	rondo_mask_end(&mask);
	return ret;
}

static void check(const struct node *n, int ret)
{
	if (ret == -ECANCELED && !n->may_be_cancelled)
		rondo_sim_fail("a task was cancelled that nobody cancels");
	if (ret < 0 && ret != -ECANCELED && !(n->may_fail && ret == -EBADMSG))
		rondo_sim_fail("an error that nobody returned: %d", ret);
	if (ret >= 0 && ((unsigned)ret > n->n_leaves ||
			 ((unsigned)ret < n->n_leaves && !n->may_be_cut)))
		rondo_sim_fail("%d leaves of %u came back", ret, n->n_leaves);
}

static int live(void *arg)
{
	struct node *n = arg;
	int ret;

	n_running++;
	switch (n->kind) {
	case LEAF:
	case FAILING:
		ret = leaf(n);
		break;
	case SEQUENCE:
		ret = sequence(n);
		break;
	case GATHER:
	case GATHER_CANCEL_REST:
		ret = gather(n);
		break;
	case LIMIT:
		ret = limit(n);
		break;
	case SOME:
		ret = some(n);
		break;
	case GROUP:
		ret = group(n);
		break;
	case MASKED:
		ret = masked(n);
		break;
	case SHIELDED:
		ret = shielded(n);
		break;
	default:
		ret = canceller(n);
	}
	n_running--;
	check(n, ret);
	return ret;
}

static int tree_main(void *arg)
{
	const struct workload_run *run = arg;

	for (unsigned i = 0; i < run->n_tasks; i++) {
		struct node *root = grow(0, false);
		int ret;

		n_running = 0;
		ret = live(root);
		if (n_running)
			rondo_sim_fail("%u tasks outlived those that waited for them", n_running);
		fell(root);
		if (ret == -ECANCELED)
			return ret;
	}
	return 0;
}

const struct workload workload_tree = {
	.name = "tree", .what = "random trees of tasks, gathers, groups, limits and cancels",
	.main = tree_main, .n_tasks = 8,
};
