/* SPDX-License-Identifier: MIT */
/* backtrace.c - see backtrace.h. */
#include "switch/backtrace.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "base/bug.h"

enum {
	ROOM_BYTES = 16 << 10,		/* for the visitor: the unwinder takes three or four */
	RED_ZONE_BYTES = 128,		/* below the stack pointer, in use on x86-64 */
	OWN_FRAMES = 8,			/* at most, above what is asked for */
};

/* Of <execinfo.h>, where there is one. */
extern int backtrace(void **buffer, int size) __attribute__((weak));

/* Drop the frames above `first`. Returns the number of the others; 0 if it is not there. */
static unsigned begin_at(void *frames[], unsigned n, const void *first)
{
	for (unsigned i = 0; i < n; i++)
		if (frames[i] == first) {
			memmove(frames, frames + i, (n - i) * sizeof(*frames));
			return n - i;
		}
	return 0;
}

/* Frames are below each other, and none is beyond top: so this ends, whatever is in frame. */
static unsigned follow_pointers(const void *frame, const void *top, void *frames[], unsigned n)
{
	const uintptr_t *fp = frame;
	unsigned i = 0;

	while (i < n && fp && (uintptr_t)fp % sizeof(*fp) == 0 &&
	       (uintptr_t)(fp + 2) <= (uintptr_t)top && fp[1]) {
		const uintptr_t *next = (const uintptr_t *)fp[0];

		frames[i++] = (void *)fp[1];
		if (next <= fp)
			break;
		fp = next;
	}
	return i;
}

void rondo__backtrace_prepare(void)
{
	void *frames[2];

	if (backtrace)
		backtrace(frames, 2);
}

static unsigned unwind(void *frames[], unsigned n)
{
	int ret = backtrace ? backtrace(frames, (int)n) : 0;

	return ret > 0 ? (unsigned)ret : 0;
}

unsigned rondo__backtrace_here(void *frames[], unsigned n)
{
	unsigned got = unwind(frames, n);
	unsigned of_caller = begin_at(frames, got, __builtin_return_address(0));

	return of_caller ? of_caller : got;
}

unsigned rondo__backtrace_interrupted(const void *ucontext, void *frames[], unsigned n)
{
	void *pc = machine_interrupted(ucontext);
	unsigned all = unwind(frames, n);
	unsigned got = begin_at(frames, all, pc);

	if (got || !n)
		return got;
	/* The place, at least; and a checker that calls handlers later than the signal came has the
	 * calls that led there among its own. */
	all = all < n ? all : n - 1;
	memmove(frames + 1, frames, all * sizeof(*frames));
	frames[0] = pc;
	return all + 1;
}

/* --- a suspended one ------------------------------------------------------------------------- */

struct visit {
	struct context at;		/* the visitor's */
	struct context *home;
	void **frames;
	unsigned n;
};

static __thread struct visit *visit;

/* It is entered on the suspended stack, below everything, and never returns there. */
__attribute__((noinline, no_sanitize("thread"))) static void look(void)
{
	struct visit *v = visit;

	san_arrive(&v->at.san);
	v->n = unwind(v->frames, v->n);
	rondo__switch(&v->at, v->home);
	BUG("a visit went on");
}

static unsigned visit_it(struct context *c, struct context *self, void *frames[], unsigned n)
{
	struct visit v = { .home = self, .frames = frames, .n = n };

	v.at.machine = machine_context_visit(&c->machine, look);
	v.at.san = c->san;
	visit = &v;
	rondo__switch(self, &v.at);
	visit = NULL;
	c->san = v.at.san;
	return begin_at(frames, v.n, c->machine.ip);
}

unsigned rondo__backtrace_of(struct context *c, void *base, void *top, struct context *self,
			     void *frames[], unsigned n)
{
	void *all[64 + OWN_FRAMES];
	unsigned got = 0;

	if ((char *)c->machine.sp - (char *)base >= ROOM_BYTES && backtrace) {
		san_stack_visited(base, (char *)c->machine.sp - RED_ZONE_BYTES);
		got = visit_it(c, self, all, sizeof(all) / sizeof(all[0]));
	}
	if (!got) {
		all[got++] = c->machine.ip;
		got += follow_pointers(machine_context_frame(&c->machine), top, all + 1, 64);
	}
	if (got > n)
		got = n;
	memcpy(frames, all, got * sizeof(*frames));
	return got;
}

/* --- names ----------------------------------------------------------------------------------- */

void rondo__backtrace_describe(const void *frame, char *buf, size_t size)
{
	const char *file;
	Dl_info info;

	if (!dladdr(frame, &info) || !info.dli_fname) {
		snprintf(buf, size, "%p", frame);
		return;
	}
	file = strrchr(info.dli_fname, '/');
	file = file ? file + 1 : info.dli_fname;
	if (info.dli_sname)
		snprintf(buf, size, "%s+%#tx (%s)", info.dli_sname,
			 (const char *)frame - (const char *)info.dli_saddr, file);
	else
		snprintf(buf, size, "%s+%#tx", file,
			 (const char *)frame - (const char *)info.dli_fbase);
}
