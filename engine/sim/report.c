/* SPDX-License-Identifier: MIT */
/* report.c - the history of a run, its hash, and failures. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "loop/loop.h"
#include "sim/world.h"

static uint64_t mix(uint64_t hash, uint64_t x)
{
	hash = (hash ^ x) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

void rondo__sim_note(struct sim *s, const char *what, uint64_t a, uint64_t b)
{
	uint64_t word = 0;

	memcpy(&word, what, strnlen(what, sizeof(word)));
	s->hash = mix(mix(mix(mix(s->hash, word), a), b), s->now_ns);
	s->n_notes++;
	if (s->options.until_event && s->n_notes == s->options.until_event)
		rondo__sim_fail(s, "until", "stopped here, as asked");
}

bool rondo__sim_traces(const struct sim *s)
{
	return s->options.on_trace != NULL;
}

void rondo__sim_trace(struct sim *s, const char *format, ...)
{
	char line[256];
	va_list args;
	int n;

	if (!s->options.on_trace)
		return;
	n = snprintf(line, sizeof(line), "%8llu %llu.%09llu ", (unsigned long long)s->n_notes,
		     (unsigned long long)(s->now_ns / 1000000000),
		     (unsigned long long)(s->now_ns % 1000000000));
	va_start(args, format);
	vsnprintf(line + n, sizeof(line) - (size_t)n, format, args);
	va_end(args);
	s->options.on_trace(line, s->options.arg);
}

static const char *task_name(char *buf, size_t size)
{
	const struct rondo_task *t = rondo__loop ? rondo__loop->running : NULL;

	if (!t)
		return NULL;
	if (t->name[0])
		snprintf(buf, size, "%s", t->name);
	else
		snprintf(buf, size, "Task-%llu", (unsigned long long)t->id);
	return buf;
}

static void tell(struct sim *s, const char *property)
{
	char task[40];

	s->failure = (struct rondo_sim_failure){
		.property = property, .text = s->failure_text, .seed = s->options.seed,
		.event = s->n_notes, .time_ns = s->now_ns,
		.host = s->running ? s->running->name : NULL, .task = task_name(task, sizeof(task)),
		.n_faults = s->faults.n_all,
	};
	if (s->options.on_failure)
		s->options.on_failure(&s->failure, s->options.arg);
	s->failure.task = NULL;
}

void rondo__sim_fail(struct sim *s, const char *property, const char *format, ...)
{
	va_list args;

	if (!s->failed) {
		s->failed = true;
		va_start(args, format);
		vsnprintf(s->failure_text, sizeof(s->failure_text), format, args);
		va_end(args);
		rondo__sim_trace(s, "FAIL %s: %s", property, s->failure_text);
		tell(s, property);
	}
	if (s->running)
		rondo__sim_world_leave(s);
}

void rondo_sim_print_failure(const struct rondo_sim_failure *f, void *arg)
{
	(void)arg;
	fprintf(stderr, "rondo: sim: %s: %s\n", f->property, f->text);
	fprintf(stderr, "rondo: sim: seed 0x%016llx, event %llu, t=%llu.%09llu s, host %s, task %s, "
		"%llu faults before\n", (unsigned long long)f->seed, (unsigned long long)f->event,
		(unsigned long long)(f->time_ns / 1000000000),
		(unsigned long long)(f->time_ns % 1000000000), f->host ? f->host : "none",
		f->task ? f->task : "none", (unsigned long long)f->n_faults);
}
