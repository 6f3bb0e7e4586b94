/* SPDX-License-Identifier: MIT */
/* switch_x86_64.h - the switch itself, System V x86-64.
 *
 * Inline, and left by a jump: a called switch returns with `ret`, to an address that the CPU's
 * return stack did not see pushed, and each switch between two places of the code costs a
 * misprediction (12.5 ns a switch here, against 1.5). The compiler is told that every register
 * is lost except rsp and rbp, which are saved, so it spills what is live at this very place and
 * nothing else.
 *
 * Nothing is pushed, so the red zone is safe. rbp is loaded right before the jump: the frames
 * are found through rbp, and a debugger stopping at any instruction sees whole ones. mxcsr and
 * the x87 control word are per-thread modes and stay, as with setjmp. */
#ifndef RONDO_SWITCH_X86_64_H
#define RONDO_SWITCH_X86_64_H

#include <stdint.h>
#include <ucontext.h>

struct machine_context {
	void *sp, *bp, *ip;
};

/* In switch_x86_64.S: pops entry and arg, calls entry(arg). */
void rondo__switch_entry(void);
/* Also there: pops fn, and what it returns to; enters it. */
void rondo__switch_visit(void);

/* Besides entry and arg: a frame for rbp, so that at the very jump, where rbp is the new
 * context's and the place still the old one's, unwinding finds rondo__switch_entry (past its
 * first instruction, of 4 bytes, because callers are looked up one byte before the return
 * address) and ends there. */
static inline void machine_context_init(struct machine_context *c, void *top,
					void (*entry)(void *), void *arg)
{
	uintptr_t *sp = (uintptr_t *)((uintptr_t)top & ~(uintptr_t)15) - 4;

	sp[0] = (uintptr_t)entry;
	sp[1] = (uintptr_t)arg;
	sp[2] = 0;
	sp[3] = (uintptr_t)rondo__switch_entry + 4;
	*c = (struct machine_context){ .sp = sp, .bp = &sp[2],
				       .ip = (void *)(uintptr_t)rondo__switch_entry };
}

/* Prepare a visit of suspended code: fn() will seem to have been called by it. Below its stack
 * pointer are 128 bytes that it may use (the red zone). */
static inline struct machine_context machine_context_visit(const struct machine_context *c,
							   void (*fn)(void))
{
	uintptr_t *sp = (uintptr_t *)(((uintptr_t)c->sp - 128) & ~(uintptr_t)15) - 2;

	sp[0] = (uintptr_t)fn;
	sp[1] = (uintptr_t)c->ip;
	return (struct machine_context){ .sp = sp, .bp = c->bp,
					 .ip = (void *)(uintptr_t)rondo__switch_visit };
}

static inline void *machine_context_frame(const struct machine_context *c)
{
	return c->bp;
}

/* Where a signal has interrupted its thread. */
static inline void *machine_interrupted(const ucontext_t *u)
{
	return (void *)(uintptr_t)u->uc_mcontext.gregs[REG_RIP];
}

static inline __attribute__((always_inline)) void machine_switch(struct machine_context *from,
								 const struct machine_context *to)
{
	__asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
			 "movq %%rsp, (%0)\n\t"
			 "movq %%rbp, 8(%0)\n\t"
			 "movq %%rax, 16(%0)\n\t"
			 "movq 16(%1), %%rax\n\t"
			 "movq (%1), %%rsp\n\t"
			 "movq 8(%1), %%rbp\n\t"
			 "jmp *%%rax\n"
			 "1:\tendbr64"
			 : "+D"(from), "+S"(to)
			 :
			 : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13",
			   "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
			   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14",
			   "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)",
			   "st(7)", "cc", "memory");
}
#endif
