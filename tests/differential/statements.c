/* SPDX-License-Identifier: MIT */
/* statements.c - the statements about locks, queues and the like; and all of them by name. */
#include "statements.h"

/* Between acquiring and releasing, whatever the block says; the release has the last word. */
static int held(struct program *p, const struct line *op, statement *release)
{
	int ret = run_block(p, op->body);
	int released = release(p, op, NULL);

	return released < 0 ? released : ret;
}

static int do_acquire(struct program *p, const struct line *op, char *value)
{
	(void)value;
	return rondo_lock_acquire(&p->machine->locks[op->args[0]]);
}

static int do_release(struct program *p, const struct line *op, char *value)
{
	(void)value;
	return rondo_lock_release(&p->machine->locks[op->args[0]]);
}

/* Also `condition`: that of lock i is condition i. */
static int do_lock(struct program *p, const struct line *op, char *value)
{
	int ret = do_acquire(p, op, value);

	return ret < 0 ? ret : held(p, op, do_release);
}

static int do_locked(struct program *p, const struct line *op, char *value)
{
	value_of(value, "%d", rondo_lock_locked(&p->machine->locks[op->args[0]]));
	return 0;
}

static int do_sem_acquire(struct program *p, const struct line *op, char *value)
{
	(void)value;
	return rondo_semaphore_acquire(&p->machine->sems[op->args[0]]);
}

static int do_sem_release(struct program *p, const struct line *op, char *value)
{
	(void)value;
	return rondo_semaphore_release(&p->machine->sems[op->args[0]]);
}

static int do_sem(struct program *p, const struct line *op, char *value)
{
	int ret = do_sem_acquire(p, op, value);

	return ret < 0 ? ret : held(p, op, do_sem_release);
}

static int do_sem_locked(struct program *p, const struct line *op, char *value)
{
	value_of(value, "%d", rondo_semaphore_locked(&p->machine->sems[op->args[0]]));
	return 0;
}

static int do_event_wait(struct program *p, const struct line *op, char *value)
{
	(void)value;
	return rondo_event_wait(&p->machine->events[op->args[0]]);
}

static int do_event_set(struct program *p, const struct line *op, char *value)
{
	(void)value;
	rondo_event_set(&p->machine->events[op->args[0]]);
	return 0;
}

static int do_event_clear(struct program *p, const struct line *op, char *value)
{
	(void)value;
	rondo_event_clear(&p->machine->events[op->args[0]]);
	return 0;
}

static int do_condition_wait(struct program *p, const struct line *op, char *value)
{
	(void)value;
	return rondo_condition_wait(&p->machine->conditions[op->args[0]]);
}

static int do_notify(struct program *p, const struct line *op, char *value)
{
	struct rondo_condition *condition = &p->machine->conditions[op->args[0]];

	(void)value;
	return op->args[1] ? rondo_condition_notify(condition, (size_t)op->args[1]) :
			     rondo_condition_notify_all(condition);
}

static int do_barrier_wait(struct program *p, const struct line *op, char *value)
{
	int ret = rondo_barrier_wait(&p->machine->barrier);

	(void)op;
	if (ret >= 0)
		value_of(value, "%d", ret);
	return ret < 0 ? ret : 0;
}

static int do_barrier_abort(struct program *p, const struct line *op, char *value)
{
	(void)op, (void)value;
	return rondo_barrier_abort(&p->machine->barrier);
}

static int do_barrier_reset(struct program *p, const struct line *op, char *value)
{
	(void)op, (void)value;
	return rondo_barrier_reset(&p->machine->barrier);
}

static int do_barrier_state(struct program *p, const struct line *op, char *value)
{
	const struct rondo_barrier *barrier = &p->machine->barrier;

	(void)op;
	value_of(value, "%u,%d", rondo_barrier_n_waiting(barrier), rondo_barrier_broken(barrier));
	return 0;
}

static int do_put(struct program *p, const struct line *op, char *value)
{
	(void)value;
	return ints_put(&p->machine->queues[op->args[0]], op->args[1]);
}

static int do_put_nowait(struct program *p, const struct line *op, char *value)
{
	(void)value;
	return ints_put_nowait(&p->machine->queues[op->args[0]], op->args[1]);
}

static int do_get(struct program *p, const struct line *op, char *value)
{
	int item, ret = ints_get(&p->machine->queues[op->args[0]], &item);

	if (ret == 0)
		value_of(value, "%d", item);
	return ret;
}

static int do_get_nowait(struct program *p, const struct line *op, char *value)
{
	int item, ret = ints_get_nowait(&p->machine->queues[op->args[0]], &item);

	if (ret == 0)
		value_of(value, "%d", item);
	return ret;
}

static int do_item_done(struct program *p, const struct line *op, char *value)
{
	(void)value;
	return rondo_queue_task_done(&p->machine->queues[op->args[0]].queue);
}

static int do_join(struct program *p, const struct line *op, char *value)
{
	(void)value;
	return rondo_queue_join(&p->machine->queues[op->args[0]].queue);
}

static int do_shutdown(struct program *p, const struct line *op, char *value)
{
	(void)value;
	rondo_queue_shutdown(&p->machine->queues[op->args[0]].queue, op->args[1]);
	return 0;
}

static int do_queue_state(struct program *p, const struct line *op, char *value)
{
	const struct rondo_queue *q = &p->machine->queues[op->args[0]].queue;

	value_of(value, "%zu,%d,%d", rondo_queue_size(q), rondo_queue_empty(q),
		 rondo_queue_full(q));
	return 0;
}

statement *statement_named(const char *name)
{
#define S(name) { #name, do_##name }
	static const struct {
		const char *name;
		statement *run;
	} all[] = {
		S(sleep), S(create), S(eager), S(await), S(cancel), S(uncancel), S(state),
		S(gather), S(wait), S(shield), S(each), S(timeout), S(reschedule), S(wait_for),
		S(wait_task), S(group), S(spawn), S(finally), S(do), S(raise), S(return),
		S(lock), S(acquire), S(release), S(locked), S(sem), S(sem_acquire),
		S(sem_release), S(sem_locked), S(event_wait), S(event_set), S(event_clear),
		{ "condition", do_lock }, S(condition_wait), S(notify), S(barrier_wait),
		S(barrier_abort), S(barrier_reset), S(barrier_state), S(put), S(get),
		S(put_nowait), S(get_nowait), S(item_done), S(join), S(shutdown), S(queue_state),
		S(future_await), S(future_shield), S(future_set), S(future_fail),
		S(future_cancel), S(future_state), S(callback), S(future_callback), S(uncallback),
		S(variable_set), S(variable_get), S(call_soon), S(call_later),
		S(cancel_later), S(uncall),
	};
#undef S

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(all[i].name, name))
			return all[i].run;
	return NULL;
}
