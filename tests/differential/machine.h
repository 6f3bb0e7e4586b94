/* SPDX-License-Identifier: MIT */
/* machine.h - a scenario as it runs, and its log: what both files of rondo_side share. */
#ifndef RONDO_TESTS_MACHINE_H
#define RONDO_TESTS_MACHINE_H

#include <errno.h>
#include <stdarg.h>

#include "rondo.h"
#include "script.h"

enum {
	N_FUTURES = 4, N_GROUPS = 4, N_CALLBACKS = 200, MAX_SCOPES = 8,
	USER_ERROR = 1000,		/* -1001 is the first error that scripts raise */
	TICK_NS = 1000000,
	LIMIT = 200,			/* when a scenario is cancelled */
	ROUNDS = 60			/* cancels that its tasks may swallow */
};

RONDO_QUEUE(int, ints);

struct machine {
	const struct scenario *scenario;
	uint64_t start_ns;
	struct program {
		struct machine *machine;
		int who;
		bool begun;		/* created, perhaps just being so */
		rondo_task *task;	/* our handle; NULL: not created */
		struct rondo_timeout *scopes[MAX_SCOPES];
		int n_scopes;
	} programs[MAX_TASKS];
	struct rondo_lock locks[N_PAIR];
	struct rondo_event events[N_PAIR];
	struct rondo_condition conditions[N_PAIR];
	struct rondo_semaphore sems[N_PAIR];
	struct rondo_barrier barrier;
	struct ints queues[N_PAIR];
	struct rondo_future futures[N_FUTURES];
	struct rondo_task_group groups[N_GROUPS];
	bool group_begun[N_GROUPS];
	struct called {
		struct machine *machine;
		struct rondo_done_callback callback;
		struct rondo_handle handle;
		rondo_task *task;
		bool added;
		int tag;
	} callbacks[N_CALLBACKS], calls[N_CALLBACKS], cancels[N_CALLBACKS];
	char log[1 << 16];
	size_t log_length;
};

enum { VALUE_BYTES = 256 };

/* A statement: what it does in the task of program p. Returns an error, or writes its value. */
typedef int statement(struct program *p, const struct line *op, char *value);

/* Find a statement by its name; NULL: there is none. */
statement *statement_named(const char *name);

/* Run a block. Returns 0 or the error that ended it, or what its `return` says. */
int run_block(struct program *p, const struct line *ops);
/* Run a program: the function of its task. */
int run_program(void *program);

/* The one word that both sides have for an error. */
const char *code_of(int error, char buf[16]);

static inline void value_of(char *value, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static inline void value_of(char *value, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(value, VALUE_BYTES, format, args);
	va_end(args);
}

/* Add an event to the log. */
void say(struct machine *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
#endif
