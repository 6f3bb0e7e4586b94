/* SPDX-License-Identifier: MIT */
/* program.c - fuzz target: whatever a program does with the API, under whatever faults, the engine
 * does not crash, breaks no property of the simulator, leaks nothing, and the program ends.
 *
 * program.h says what an input is. Half of the mutations are of whole instructions, so that what is
 * tried stays a program. PROGRAM_TRACE=1 in the environment prints the history of an input. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/program.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *name;
	operation *run;			/* NULL: the routine ends */
} operations[] = {
#define OP(name) { #name, op_##name }
	{ "end", NULL }, { "end", NULL }, { "end", NULL },
	OP(spawn), OP(spawn), OP(spawn), OP(spawn), OP(sleep), OP(sleep), OP(yield), OP(cancel),
	OP(cancel), OP(await), OP(await_ref), OP(gather), OP(shield), OP(detach), OP(wait),
	OP(as_completed), OP(wait_for), OP(limit), OP(reschedule), OP(mask), OP(group),
	OP(group_spawn), OP(group_spawn), OP(group_ready), OP(started), OP(group_cancel), OP(call),
	OP(uncancel), OP(fail), OP(look), OP(callback), OP(future), OP(call_soon), OP(repeat),
	OP(lock), OP(condition), OP(event), OP(semaphore), OP(barrier), OP(rwlock), OP(once),
	OP(waitgroup), OP(put), OP(get), OP(queue), OP(pipe), OP(open), OP(close), OP(close),
	OP(read), OP(write), OP(read_at), OP(write_at), OP(read_exactly), OP(write_all), OP(file),
	OP(name), OP(splice), OP(poll), OP(futex), OP(child), OP(socketpair), OP(listen),
	OP(connect), OP(accept), OP(send), OP(recv), OP(shutdown), OP(receiver), OP(receive),
	OP(datagram),
#undef OP
};

enum { N_OPERATIONS = sizeof(operations) / sizeof(operations[0]) };

static bool tracing;

uint64_t program_delay_ns(uint8_t which)
{
	static const uint64_t delays_ns[] = { 0, 1000, 30000, 1000000, 20000000, 300000000,
					      1500000000, 8000000000 };

	return delays_ns[which & 7] * (1 + (which >> 3));
}

double program_seconds(uint8_t which)
{
	return (double)program_delay_ns(which) / 1e9;
}

size_t program_size(uint8_t which)
{
	static const size_t sizes[] = { 0, 1, 7, 100, 512, 4096, 20000, 70000 };

	return sizes[which & 7];
}

static void trace_step(const struct context *c, const struct instruction *in)
{
	fprintf(stderr, "  %s: routine %u: %s %u %u %u\n", rondo_task_name(rondo_current_task()),
		c->routine, operations[in->op % N_OPERATIONS].name, in->a, in->b, in->c);
}

/* What no function may return. */
static void check_result(const struct context *c, int ret)
{
	if (ret <= -512 && ret > -1000)
		rondo_sim_fail("an error of the kernel's own came out: %d", ret);
	if (ret == -EINTR || ret == -EFAULT)
		rondo_sim_fail("an error that is nobody's business: %d", ret);
	if (ret == -ECANCELED && !c->p->cancels)
		rondo_sim_fail("a task was cancelled that nobody cancels");
}

/* Returns whether the routine goes on. */
static bool step(struct context *c, const struct instruction *in, int *ret)
{
	if (tracing)
		trace_step(c, in);
	*ret = operations[in->op % N_OPERATIONS].run(c, in);
	if (tracing)
		fprintf(stderr, "  %s: %s: %d\n", rondo_task_name(rondo_current_task()),
			operations[in->op % N_OPERATIONS].name, *ret);
	check_result(c, *ret);
	if (*ret < 0 && c->in_mask)	/* its limit's cancel may be in it, and that comes once */
		return false;
	if (*ret != -ECANCELED)
		return *ret >= 0 || !(in->c & ON_ERROR_RETURN);
	if (!(in->c & ON_CANCEL_DECLINE) || c->p->stopping)
		return false;
	if (in->c & ON_CANCEL_UNCANCEL)
		rondo_uncancel(rondo_current_task());
	return true;
}

/* Execute a routine, so many behind the caller's own (0: itself). */
int program_call(struct context *c, unsigned which)
{
	struct program *p = c->p;
	unsigned n_later = p->n_routines - c->routine - 1, before = c->routine;
	int ret = 0;

	if (which) {
		if (!n_later)
			return rondo_yield();
		c->routine += 1 + (which - 1) % n_later;
	}
	for (unsigned i = p->starts[c->routine]; i < p->ends_at[c->routine]; i++) {
		if (p->stopping || !p->n_steps) {
			ret = p->stopping ? -ECANCELED : 0;
			break;
		}
		p->n_steps--;
		if (!step(c, &p->code[i], &ret))
			break;
		ret = 0;
	}
	c->routine = before;
	return ret;
}

/* --- the first task --------------------------------------------------------------------------- */

static int cancel_other(rondo_task *t, void *arg)
{
	if (t == rondo_current_task())
		return 0;
	rondo_cancel(t);
	++*(unsigned *)arg;
	return 0;
}

/* From now on nobody declines, so it takes a cancel each, and what a mask region takes. */
static void stop(struct program *p)
{
	unsigned n_left = 1;

	p->stopping = p->cancels = true;
	for (unsigned i = 0; n_left && i < 10000; i++) {
		n_left = 0;
		rondo_all_tasks(cancel_other, &n_left);
		if (rondo_sleep(i < 10 ? 0 : 0.1) < 0)
			rondo_sim_fail("the first task was cancelled");
	}
	if (n_left)
		rondo_sim_fail("%u tasks cannot be cancelled", n_left);
}

static int first_routine(void *arg)
{
	struct context c = { .p = arg };

	return program_call(&c, 0);
}

static int program_main(void *arg)
{
	struct program *p = arg;
	rondo_task *first;

	program_tasks_begin(p);
	program_sync_begin(p);
	first = rondo_create_task(first_routine, p);
	if (first && rondo_wait(1, &first, RONDO_ALL_COMPLETED, 60) < 0)
		rondo_sim_fail("the first task was cancelled");
	if (rondo_sleep(5) < 0)
		rondo_sim_fail("the first task was cancelled");
	stop(p);
	rondo_detach(first);
	program_tasks_end(p);
	program_sync_end(p);
	program_net_end(p);
	program_io_end(p);
	return 0;
}

/* --- inputs ----------------------------------------------------------------------------------- */

static void split(struct program *p, size_t n)
{
	unsigned start = 0;

	for (unsigned i = 0; i <= n && p->n_routines < N_ROUTINES; i++) {
		if (i < n && operations[p->code[i].op % N_OPERATIONS].run)
			continue;
		p->starts[p->n_routines] = start;
		p->ends_at[p->n_routines++] = i;
		start = i + 1;
	}
}

static void failed(const struct rondo_sim_failure *f, void *arg)
{
	rondo_sim_print_failure(f, arg);
	abort();
}

static void trace(const char *line, void *arg)
{
	(void)arg;
	fprintf(stderr, "%s\n", line);
}

static struct rondo_sim_options options_of(const uint8_t *header)
{
	static const unsigned entries[] = { 0, 1, 2, 8 };
	struct rondo_sim_options o = {
		.no_faults = header[8] & 1, .check_user_data = true, .on_failure = failed,
		.on_trace = tracing ? trace : NULL,
		.run = { .timers = header[8] >> 1 & 3, .sq_entries = entries[header[8] >> 3 & 3],
			 .cq_entries = entries[header[8] >> 5 & 3], .stack_size = 256 << 10 },
	};

	if (o.run.timers > RONDO_TIMERS_SQE)
		o.run.timers = RONDO_TIMERS_COALESCED;
	if (o.run.cq_entries < o.run.sq_entries)
		o.run.cq_entries = 0;
	memcpy(&o.seed, header, sizeof(o.seed));
	return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rondo_sim_options o;
	struct program *p;
	int ret;

	if (size < HEADER_SIZE)
		return -1;
	tracing = getenv("PROGRAM_TRACE") != NULL;
	o = options_of(data);
	p = calloc(1, sizeof(*p));
	if (!p)
		abort();
	p->code = (const struct instruction *)(data + HEADER_SIZE);
	p->n_steps = N_STEPS;
	p->n_tasks = N_TASKS;
	for (unsigned i = 0; i < N_ENDS; i++)
		p->ends[i].fd = -1;
	split(p, (size - HEADER_SIZE) / sizeof(struct instruction));
	ret = rondo_sim_run(&o, program_main, p);
	if (ret != 0) {
		fprintf(stderr, "rondo_sim_run() returned %d: %s\n", ret, rondo_strerror(ret));
		abort();
	}
	free(p);
	return 0;
}

/* --- mutations: insert, drop, copy, swap instructions; new operations, new arguments ---------- */

static size_t mutate_code(struct instruction *code, size_t n, size_t n_max)
{
	size_t i = n ? (size_t)rand() % n : 0, j = n ? (size_t)rand() % n : 0;
	struct instruction in = { (uint8_t)(rand() % N_OPERATIONS), (uint8_t)(rand() & 15),
				  (uint8_t)rand(), (uint8_t)rand() };

	switch (rand() % 6) {
	case 0:
	case 1:				/* insert a new one, or one that is there */
		if (n == n_max)
			return n;
		memmove(&code[i + 1], &code[i], (n - i) * sizeof(*code));
		code[i] = n && rand() % 4 == 0 ? code[j] : in;
		return n + 1;
	case 2:
		if (n < 2)
			return n;
		memmove(&code[i], &code[i + 1], (n - i - 1) * sizeof(*code));
		return n - 1;
	case 3:
		if (n) {
			in = code[i];
			code[i] = code[j];
			code[j] = in;
		}
		return n;
	case 4:
		if (n)
			code[i].op = in.op;
		return n;
	default:
		if (n)
			((uint8_t *)&code[i])[1 + rand() % 3] = in.b;
		return n;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	size_t n, n_max = (max_size - HEADER_SIZE) / sizeof(struct instruction);

	srand(seed);
	if (size < HEADER_SIZE || max_size < HEADER_SIZE + sizeof(struct instruction)) {
		memset(data + size, 0, size < HEADER_SIZE ? HEADER_SIZE - size : 0);
		return HEADER_SIZE;
	}
	if (rand() % 8 == 0) {		/* other faults, another order */
		data[rand() % HEADER_SIZE] = (uint8_t)rand();
		return size;
	}
	if (rand() % 4 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	n = (size - HEADER_SIZE) / sizeof(struct instruction);
	for (unsigned i = 0; i < 1u + (unsigned)rand() % 4; i++)
		n = mutate_code((struct instruction *)(data + HEADER_SIZE), n, n_max);
	return HEADER_SIZE + n * sizeof(struct instruction);
}
