/* SPDX-License-Identifier: MIT */
/* switch_aarch64.h - the switch itself, AAPCS64. Inline and left by a jump, for the reasons
 * given in switch_x86_64.h. Saved: sp, x29 (frame pointer) and the place to go on; all else is
 * given up. */
#ifndef RONDO_SWITCH_AARCH64_H
#define RONDO_SWITCH_AARCH64_H

#include <stdint.h>
#include <ucontext.h>

struct machine_context {
	void *sp, *fp, *ip;
};

/* In switch_aarch64.S: pops entry and arg, calls entry(arg). */
void rondo__switch_entry(void);
/* Also there: pops fn, and what it returns to; enters it. */
void rondo__switch_visit(void);

/* Besides entry and arg: a frame record, so that unwinding ends cleanly at the very jump, where the
 * frame is the new context's and the place still the old one's (see switch_x86_64.h). */
static inline void machine_context_init(struct machine_context *c, void *top,
					void (*entry)(void *), void *arg)
{
	uintptr_t *sp = (uintptr_t *)((uintptr_t)top & ~(uintptr_t)15) - 4;

	sp[0] = (uintptr_t)entry;
	sp[1] = (uintptr_t)arg;
	sp[2] = 0;
	sp[3] = (uintptr_t)rondo__switch_entry + 4;
	*c = (struct machine_context){ .sp = sp, .fp = &sp[2],
				       .ip = (void *)(uintptr_t)rondo__switch_entry };
}

/* Prepare a visit of suspended code: fn() will seem to have been called by it. Below its stack
 * pointer are bytes that nobody uses, but a signal. */
static inline struct machine_context machine_context_visit(const struct machine_context *c,
							   void (*fn)(void))
{
	uintptr_t *sp = (uintptr_t *)(((uintptr_t)c->sp - 128) & ~(uintptr_t)15) - 2;

	sp[0] = (uintptr_t)fn;
	sp[1] = (uintptr_t)c->ip;
	return (struct machine_context){ .sp = sp, .fp = c->fp,
					 .ip = (void *)(uintptr_t)rondo__switch_visit };
}

static inline void *machine_context_frame(const struct machine_context *c)
{
	return c->fp;
}

/* Where a signal has interrupted its thread. */
static inline void *machine_interrupted(const ucontext_t *u)
{
	return (void *)(uintptr_t)u->uc_mcontext.pc;
}

static inline __attribute__((always_inline)) void machine_switch(struct machine_context *from,
								 const struct machine_context *to)
{
	register struct machine_context *x0 __asm__("x0") = from;
	register const struct machine_context *x1 __asm__("x1") = to;

	__asm__ volatile("adr x16, 1f\n\t"
			 "mov x17, sp\n\t"
			 "stp x17, x29, [x0]\n\t"
			 "str x16, [x0, #16]\n\t"
			 "ldr x16, [x1, #16]\n\t"
			 "ldp x17, x29, [x1]\n\t"
			 "mov sp, x17\n\t"
			 "br x16\n"
			 "1:\thint #36"		/* bti j */
			 : "+r"(x0), "+r"(x1)
			 :
			 : "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
			   "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22",
			   "x23", "x24", "x25", "x26", "x27", "x28", "x30", "v0", "v1", "v2", "v3",
			   "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14",
			   "v15", "v16", "v17", "v18", "v19", "v20", "v21", "v22", "v23", "v24",
			   "v25", "v26", "v27", "v28", "v29", "v30", "v31", "cc", "memory");
}
#endif
