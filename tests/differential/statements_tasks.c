/* SPDX-License-Identifier: MIT */
/* statements_tasks.c - the statements about tasks, scopes and groups. */
#include "statements.h"

/* --- creating and looking -------------------------------------------------------------------- */

static int create(struct program *p, const struct line *op, char *value, bool eager)
{
	struct program *child = &p->machine->programs[op->args[0]];
	rondo_task *task;

	if (child->begun) {
		value_of(value, "again");
		return 0;
	}
	child->begun = true;
	task = rondo_create_task_with(&(struct rondo_task_options){ .eager = eager }, run_program,
				      child);
	child->task = task;
	return task ? 0 : -ENOMEM;
}

int do_create(struct program *p, const struct line *op, char *value)
{
	return create(p, op, value, false);
}

int do_eager(struct program *p, const struct line *op, char *value)
{
	return create(p, op, value, true);
}

int do_cancel(struct program *p, const struct line *op, char *value)
{
	rondo_task *task = task_of_arg(p, op, 0, value);

	if (task)
		value_of(value, "%d", rondo_cancel(task));
	return 0;
}

int do_uncancel(struct program *p, const struct line *op, char *value)
{
	rondo_task *task = task_of_arg(p, op, 0, value);

	if (task)
		value_of(value, "%u", rondo_uncancel(task));
	return 0;
}

int do_state(struct program *p, const struct line *op, char *value)
{
	rondo_task *task = task_of_arg(p, op, 0, value);
	char buf[16];

	if (task)
		value_of(value, "%s",
			 state_of(rondo_task_result(task), rondo_task_state(task), buf));
	return 0;
}

/* Half a nanosecond more, for seconds are doubles and cut off to whole nanoseconds. */
static double seconds_of(int ticks)
{
	return (ticks * (double)TICK_NS + .5) * 1e-9;
}

/* --- awaiting one ---------------------------------------------------------------------------- */

int do_sleep(struct program *p, const struct line *op, char *value)
{
	(void)p, (void)value;
	return op->args[0] ? rondo_sleep_ns((uint64_t)op->args[0] * TICK_NS) : rondo_yield();
}

int do_await(struct program *p, const struct line *op, char *value)
{
	rondo_task *task = task_of_arg(p, op, 0, value);

	return task ? tell(rondo_await(rondo_task_ref(task)), value) : 0;
}

int do_shield(struct program *p, const struct line *op, char *value)
{
	rondo_task *task = task_of_arg(p, op, 0, value);
	struct before_shield before;
	int ret;

	if (!task)
		return 0;
	before = before_shield(rondo_task_state(task));
	ret = rondo_shield(rondo_task_ref(task));
	return tell(after_shield(&before, ret, rondo_task_state(task)), value);
}

static int await_task(void *task)
{
	return rondo_await(rondo_task_ref(task));
}

int do_wait_task(struct program *p, const struct line *op, char *value)
{
	rondo_task *task = task_of_arg(p, op, 1, value);

	if (!task)
		return 0;
	return tell(rondo_wait_for(await_task, task, seconds_of(op->args[0])), value);
}

/* --- awaiting several ------------------------------------------------------------------------ */

static int tasks_of_args(struct program *p, const struct line *op, int first, rondo_task *tasks[])
{
	int n = 0;

	for (int i = first; i < op->n_args; i++)
		if (p->machine->programs[op->args[i]].task)
			tasks[n++] = p->machine->programs[op->args[i]].task;
	return n;
}

static int count_done(rondo_task *const tasks[], int n, bool failed_only)
{
	int n_done = 0;

	for (int i = 0; i < n; i++)
		n_done += rondo_task_state(tasks[i]) != RONDO_PENDING &&
			  (!failed_only || rondo_task_result(tasks[i]) < 0);
	return n_done;
}

/* Append to a list with commas. */
static void add_to_list(char *value, const char *word)
{
	size_t n = strlen(value);

	snprintf(value + n, VALUE_BYTES - n, "%s%s", n ? "," : "", word);
}

int do_gather(struct program *p, const struct line *op, char *value)
{
	unsigned flags = RONDO_GATHER_KEEP | (op->args[0] ? RONDO_GATHER_ALL : 0);
	rondo_task *tasks[MAX_ARGS];
	int n = tasks_of_args(p, op, 1, tasks), results[MAX_ARGS], ret;
	bool waits;
	char buf[16];

	if (!n) {
		value_of(value, "none");
		return 0;
	}
	waits = count_done(tasks, n, false) < n && (op->args[0] || !count_done(tasks, n, true));
	ret = rondo_gather((size_t)n, tasks, results, flags);
	if (waits)
		ret = one_turn_later(ret);
	for (int i = 0; i < n && ret == 0; i++)
		add_to_list(value, state_of(results[i], RONDO_DONE, buf));
	return ret;
}

static void list_done(struct machine *m, rondo_task *const tasks[], int n, char *value)
{
	char number[16];

	for (int i = 0; i < m->scenario->n_programs; i++)
		for (int j = 0; j < n; j++) {
			if (!tasks[j] || tasks[j] != m->programs[i].task ||
			    rondo_task_state(tasks[j]) == RONDO_PENDING)
				continue;
			snprintf(number, sizeof(number), "%d", i);
			add_to_list(value, number);
			break;
		}
}

/* Is there nothing to wait for? */
static bool is_over(rondo_task *const tasks[], int n, enum rondo_return_when when)
{
	int n_done = count_done(tasks, n, false);

	for (int i = 0; i < n && when == RONDO_FIRST_EXCEPTION; i++)
		if (rondo_task_state(tasks[i]) == RONDO_FAILED)
			return true;
	return n_done == n || (when == RONDO_FIRST_COMPLETED && n_done);
}

int do_wait(struct program *p, const struct line *op, char *value)
{
	static const enum rondo_return_when modes[] = { RONDO_ALL_COMPLETED, RONDO_FIRST_COMPLETED,
							RONDO_FIRST_EXCEPTION };
	const uint64_t deadline_ns = rondo_now_ns() + (uint64_t)op->args[1] * TICK_NS;
	rondo_task *tasks[MAX_ARGS];
	int n = tasks_of_args(p, op, 2, tasks);
	ssize_t ret;
	bool was_over;

	if (!n) {
		value_of(value, "none");
		return 0;
	}
	was_over = is_over(tasks, n, modes[op->args[0]]);
	ret = rondo_wait((size_t)n, tasks, modes[op->args[0]],
			 op->args[1] ? seconds_of(op->args[1]) : RONDO_FOREVER);
	if (ret < 0)
		return (int)ret;
	if (!op->args[1] || rondo_now_ns() < deadline_ns)
		ret = one_turn_later(0);
	if (was_over && ret == 0)	/* asyncio's callbacks are called soon, too */
		ret = one_turn_later(0);
	if (ret < 0)
		return (int)ret;
	list_done(p->machine, tasks, n, value);
	return 0;
}

/* The next task, a turn later if it had to be waited for. */
static int next(struct rondo_as_completed *each, rondo_task **task)
{
	struct rondo_loop_stats before, after;
	int ret;

	rondo_loop_stats(&before);
	ret = rondo_as_completed_next(each, task);
	rondo_loop_stats(&after);
	if (ret == 1 && after.n_turns != before.n_turns)
		return one_turn_later(ret);
	return ret;
}

int do_each(struct program *p, const struct line *op, char *value)
{
	struct rondo_as_completed each;
	rondo_task *tasks[MAX_ARGS], *task;
	int ret, n = tasks_of_args(p, op, 1, tasks);

	if (!n || count_done(tasks, n, false)) {
		value_of(value, "none");
		return 0;
	}
	ret = rondo_as_completed_begin(&each, (size_t)n, tasks, op->args[0] ?
				       seconds_of(op->args[0]) : RONDO_FOREVER);
	while (ret == 0 && (ret = next(&each, &task)) > 0)
		for (int i = 0; i < p->machine->scenario->n_programs; i++)
			if (p->machine->programs[i].task == task) {
				say(p->machine, "%d.%d:next=%d", p->who, op->number, i);
				ret = 0;
			}
	rondo_as_completed_end(&each);
	return ret;
}

/* --- scopes ---------------------------------------------------------------------------------- */

int do_timeout(struct program *p, const struct line *op, char *value)
{
	struct rondo_timeout limit;
	int ret = rondo_timeout_begin(&limit, seconds_of(op->args[0]));

	(void)value;
	if (ret < 0)
		return ret;
	p->scopes[p->n_scopes++] = &limit;
	ret = run_block(p, op->body);
	p->n_scopes--;
	ret = rondo_timeout_end(&limit, ret);
	say(p->machine, "%d.%d:expired=%d", p->who, op->number, rondo_timeout_expired(&limit));
	return ret;
}

int do_reschedule(struct program *p, const struct line *op, char *value)
{
	if (!p->n_scopes) {
		value_of(value, "none");
		return 0;
	}
	return rondo_timeout_reschedule(p->scopes[p->n_scopes - 1], op->args[0] ?
					rondo_now_ns() + (uint64_t)op->args[0] * TICK_NS :
					UINT64_MAX);
}

struct block {
	struct program *program;
	const struct line *body;
};

static int run_block_of(void *block)
{
	const struct block *b = block;

	return run_block(b->program, b->body);
}

int do_wait_for(struct program *p, const struct line *op, char *value)
{
	struct block block = { p, op->body };

	return tell(rondo_wait_for(run_block_of, &block, seconds_of(op->args[0])), value);
}

int do_finally(struct program *p, const struct line *op, char *value)
{
	int ret = run_block(p, op->body);
	int cleanup = run_block(p, op->cleanup);

	(void)value;
	return cleanup < 0 ? cleanup : ret;
}

int do_do(struct program *p, const struct line *op, char *value)
{
	(void)value;
	return run_block(p, op->body);
}

int do_raise(struct program *p, const struct line *op, char *value)
{
	(void)p, (void)value;
	return op->args[0] ? -USER_ERROR - op->args[0] : -ECANCELED;
}

int do_return(struct program *p, const struct line *op, char *value)
{
	(void)p, (void)value;
	return op->args[0];
}

/* --- groups ---------------------------------------------------------------------------------- */

static void note_errors(struct program *p, const struct line *op, struct rondo_task_group *group)
{
	char list[VALUE_BYTES] = "", buf[16];

	for (size_t i = 0; i < rondo_task_group_n_errors(group); i++)
		add_to_list(list, code_of(rondo_task_group_error(group, i)->error, buf));
	say(p->machine, "%d.%d:errors=%s", p->who, op->number, list);
}

int do_group(struct program *p, const struct line *op, char *value)
{
	struct rondo_task_group *group = &p->machine->groups[op->args[0]];
	int ret = rondo_task_group_begin(group);

	(void)value;
	if (ret < 0)
		return ret;
	p->machine->group_begun[op->args[0]] = true;
	ret = rondo_task_group_end(group, run_block(p, op->body));
	if (ret == -RONDO_EGROUP)
		note_errors(p, op, group);
	return ret;
}

static int keep_newest(rondo_task *task, void *newest)
{
	*(rondo_task **)newest = task;
	return 0;
}

int do_spawn(struct program *p, const struct line *op, char *value)
{
	struct rondo_task_group *group = &p->machine->groups[op->args[0]];
	struct program *child = &p->machine->programs[op->args[1]];
	rondo_task *task = NULL;
	int ret;

	if (!p->machine->group_begun[op->args[0]] || child->begun) {
		value_of(value, "%s", p->machine->group_begun[op->args[0]] ? "again" : "none");
		return 0;
	}
	ret = rondo_task_group_spawn(group, run_program, child);
	if (ret < 0)
		return ret;
	child->begun = true;
	rondo_task_group_each(group, keep_newest, &task);
	child->task = rondo_task_ref(task);
	return 0;
}
