/* SPDX-License-Identifier: MIT */
/* backtrace.h - which calls led to where code is, also on a stack that is suspended. Layer 1.
 *
 * The C library's backtrace() reads the unwind tables, and so shows code that was compiled without
 * frame pointers; but only from where it is called. So it is called on the suspended stack, by a
 * visitor that seems to have been called there. Without it (it is glibc's), or where the stack has
 * too little room left, frame pointers are followed: through rondo, and as far as the program has
 * them. */
#ifndef RONDO_SWITCH_BACKTRACE_H
#define RONDO_SWITCH_BACKTRACE_H

#include <stddef.h>

#include "switch/switch.h"

/* Have the C library load what it needs, so that later calls may come from a signal handler. */
void rondo__backtrace_prepare(void);
/* Of the caller, innermost first. Returns their number, at most n. */
unsigned rondo__backtrace_here(void *frames[], unsigned n);
/* Of what was interrupted by a signal, called in its handler. */
unsigned rondo__backtrace_interrupted(const void *ucontext, void *frames[], unsigned n);
/* Of a suspended context, whose stack begins at base; self is the running one. */
unsigned rondo__backtrace_of(struct context *c, void *base, void *top, struct context *self,
			     void *frames[], unsigned n);
/* "function+0x1c (file)", or what is known of it. */
void rondo__backtrace_describe(const void *frame, char *buf, size_t size);
#endif
