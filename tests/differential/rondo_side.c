/* SPDX-License-Identifier: MIT */
/* rondo_side.c - run scenarios (script.py) in rondo, and print what happened, in order.
 *
 *     rondo_side FILE
 *
 * As asyncio_side.py does in asyncio. The clock is virtual: it stands still while anything is
 * ready, and then is at the next deadline (support/step.h). All scenarios run in one loop. */
#include "machine.h"
#include "support/step.h"

void say(struct machine *m, const char *format, ...)
{
	uint64_t ticks = (rondo_now_ns() - m->start_ns) / TICK_NS;
	char text[VALUE_BYTES + 64];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	m->log_length += (size_t)snprintf(m->log + m->log_length, sizeof(m->log) - m->log_length,
					  " %s@%llu", text, (unsigned long long)ticks);
	if (m->log_length >= sizeof(m->log))
		script_error("the log is too long");
}

const char *code_of(int error, char buf[16])
{
	static const struct {
		int error;
		const char *code;
	} codes[] = {
		{ ECANCELED, "C" }, { ETIMEDOUT, "T" }, { RONDO_EGROUP, "G" },
		{ RONDO_EQSHUTDOWN, "Q" }, { EAGAIN, "A" }, { EALREADY, "I" }, { EPIPE, "B" },
		{ EPERM, "P" }, { EINVAL, "P" },
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (error == -codes[i].error)
			return codes[i].code;
	snprintf(buf, 16, "E%d", -error - USER_ERROR);
	return buf;
}

int run_block(struct program *p, const struct line *ops)
{
	for (const struct line *op = ops; op; op = op->next) {
		char value[VALUE_BYTES] = "", buf[16];
		statement *run = statement_named(op->name);
		int ret;

		if (!run)
			script_error(op->name);
		ret = run(p, op, value);
		if (!strcmp(op->name, "return"))
			return ret;
		say(p->machine, "%d.%d:%s=%s/%u", p->who, op->number, op->name,
		     ret < 0 ? code_of(ret, buf) : value, rondo_cancelling(rondo_current_task()));
		if (ret < 0 && !op->swallow)
			return ret;
	}
	return 0;
}

int run_program(void *program)
{
	struct program *p = program;
	char buf[16];
	int ret;

	say(p->machine, "%d:start", p->who);
	ret = run_block(p, p->machine->scenario->programs[p->who]);
	if (ret < 0)
		say(p->machine, "%d:end=%s", p->who, code_of(ret, buf));
	else
		say(p->machine, "%d:end=%d", p->who, ret);
	return ret;
}

static int compare_ints(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static int init_queue(struct ints *q, const char *order, int size)
{
	const struct rondo_queue_options o = {
		.n_max = size ? (size_t)size : RONDO_UNBOUNDED,
		.order = order[0] == 'l' ? RONDO_QUEUE_LIFO :
			 order[0] == 'p' ? RONDO_QUEUE_PRIORITY : RONDO_QUEUE_FIFO,
		.compare = compare_ints,
	};

	return ints_init_with(q, &o);
}

static int init(struct machine *m, const struct scenario *s)
{
	int ret = 0;

	memset(m, 0, sizeof(*m));
	m->scenario = s;
	m->start_ns = rondo_now_ns();
	for (int i = 0; i < s->n_programs; i++)
		m->programs[i] = (struct program){ .machine = m, .who = i };
	for (int i = 0; i < N_PAIR && ret == 0; i++) {
		m->conditions[i] = (struct rondo_condition)RONDO_CONDITION_INIT(&m->locks[i]);
		m->sems[i] = s->sem_bounded[i] ?
			(struct rondo_semaphore)RONDO_BOUNDED_SEMAPHORE_INIT(s->sem_values[i]) :
			(struct rondo_semaphore)RONDO_SEMAPHORE_INIT(s->sem_values[i]);
		ret = init_queue(&m->queues[i], s->queue_orders[i], s->queue_sizes[i]);
	}
	m->barrier = (struct rondo_barrier)RONDO_BARRIER_INIT(s->n_parties);
	for (int i = 0; i < N_FUTURES; i++)
		rondo_future_init(&m->futures[i]);
	return ret;
}

static bool all_done(const struct machine *m)
{
	for (int i = 0; i < m->scenario->n_programs; i++)
		if (m->programs[i].task && rondo_task_state(m->programs[i].task) == RONDO_PENDING)
			return false;
	return true;
}

static void cancel_all(struct machine *m)
{
	say(m, "cancel");
	for (int i = 0; i < m->scenario->n_programs; i++)
		rondo_cancel(m->programs[i].task);
	for (int i = 0; i < N_PAIR; i++)
		if (rondo_lock_locked(&m->locks[i]))
			rondo_lock_release(&m->locks[i]);
}

/* What does not end by itself is cancelled. Locks are released: a task whose condition's lock
 * nobody releases cannot be cancelled (S3). */
static int play(struct machine *m, const struct scenario *s)
{
	int ret = init(m, s);

	if (ret < 0)
		return ret;
	m->programs[0].begun = true;
	m->programs[0].task = rondo_create_task(run_program, &m->programs[0]);
	for (int i = 0; i < ROUNDS; i++) {
		ret = rondo_sleep_ns((uint64_t)LIMIT * TICK_NS);
		if (ret < 0 || all_done(m))
			break;
		cancel_all(m);
	}
	if (!all_done(m))
		return -EBUSY;
	for (int i = 0; i < s->n_programs; i++)
		rondo_detach(m->programs[i].task);
	for (int i = 0; i < N_PAIR; i++)
		ints_free(&m->queues[i]);
	return ret;
}

static int play_all(void *file)
{
	static struct machine m;
	static struct arena arena;
	struct scenario s;

	while (script_read(file, &arena, &s)) {
		int ret = play(&m, &s);

		if (ret < 0) {
			fprintf(stderr, "rondo_side: %lld: %s\n", s.seed, rondo_strerror(ret));
			return ret;
		}
		printf("%lld%s\n", s.seed, m.log);
		fflush(stdout);			/* so that it is known where it crashed */
	}
	return 0;
}

int main(int argc, char **argv)
{
	const struct rondo_options options = { .sq_entries = 16, .no_sigint = true };
	FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
	struct step_kernel k;
	int ret;

	if (!file)
		script_error("usage: rondo_side FILE");
	step_kernel_init(&k, true);
	ret = rondo__run_on(&k.kernel, &options, play_all, file);
	fclose(file);
	return ret < 0;
}
