/* SPDX-License-Identifier: MIT */
/* script.h - the scenarios of script.py, parsed. */
#ifndef RONDO_TESTS_SCRIPT_H
#define RONDO_TESTS_SCRIPT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ARGS = 8, MAX_TASKS = 16, MAX_LINE = 256, N_PAIR = 2 };

struct line {
	char name[24];
	int args[MAX_ARGS];
	int n_args;
	int number;			/* in its task, from 1 on */
	bool swallow;			/* its error is logged and goes no further */
	bool is_block;
	struct line *body, *cleanup;	/* blocks */
	struct line *next;
};

struct scenario {
	long long seed;
	int sem_values[N_PAIR], n_parties, queue_sizes[N_PAIR];
	bool sem_bounded[N_PAIR];
	char queue_orders[N_PAIR][16];
	struct line *programs[MAX_TASKS];
	int n_programs;
};

/* Of all ops of a scenario; given back together. */
struct arena {
	struct line ops[512];
	size_t n;
};

static inline _Noreturn void script_error(const char *what)
{
	fprintf(stderr, "rondo_side: %s\n", what);
	exit(2);
}

/* The next line without its newline; false at the end of the file. */
static inline bool script_line(FILE *file, char line[MAX_LINE])
{
	if (!fgets(line, MAX_LINE, file))
		return false;
	line[strcspn(line, "\n")] = '\0';
	return true;
}

static inline struct line *script_op(struct arena *arena, char *text)
{
	struct line *op = &arena->ops[arena->n++];
	char *rest, *word = strtok_r(text, " ", &rest);

	if (arena->n == sizeof(arena->ops) / sizeof(arena->ops[0]))
		script_error("too many statements");
	*op = (struct line){ .swallow = word[0] == '~' };
	snprintf(op->name, sizeof(op->name), "%s", word + op->swallow);
	while ((word = strtok_r(NULL, " ", &rest)) != NULL) {
		if (!strcmp(word, "{"))
			op->is_block = true;
		else if (op->n_args < MAX_ARGS)
			op->args[op->n_args++] = atoi(word);
	}
	return op;
}

/* Up to the line that ends the block, which is left in `line`. */
static inline struct line *script_block(FILE *file, struct arena *arena, int *count,
				      char line[MAX_LINE])
{
	struct line *first = NULL, **end = &first;

	while (script_line(file, line)) {
		struct line *op;

		if (line[0] == '}' || !strncmp(line, "task", 4) || !strcmp(line, "end"))
			return first;
		*end = op = script_op(arena, line);
		end = &op->next;
		op->number = ++*count;
		if (!op->is_block)
			continue;
		op->body = script_block(file, arena, count, line);
		if (!strcmp(line, "} {"))
			op->cleanup = script_block(file, arena, count, line);
	}
	script_error("a scenario without an end");
}

/* Returns false at the end of the file. */
static inline bool script_read(FILE *file, struct arena *arena, struct scenario *s)
{
	char line[MAX_LINE];
	int bounded[N_PAIR], count;

	*s = (struct scenario){ 0 };
	arena->n = 0;
	if (!script_line(file, line))
		return false;
	if (sscanf(line, "scenario %lld sem %d %d sem %d %d parties %d queue %15s %d queue %15s %d",
		   &s->seed, &s->sem_values[0], &bounded[0], &s->sem_values[1], &bounded[1],
		   &s->n_parties, s->queue_orders[0], &s->queue_sizes[0], s->queue_orders[1],
		   &s->queue_sizes[1]) != 10)
		script_error("no scenario where one should begin");
	for (int i = 0; i < N_PAIR; i++)
		s->sem_bounded[i] = bounded[i];
	if (!script_line(file, line))
		script_error("a scenario without an end");
	while (!strncmp(line, "task", 4) && s->n_programs < MAX_TASKS) {
		count = 0;
		s->programs[s->n_programs++] = script_block(file, arena, &count, line);
	}
	return true;
}
#endif
