/* SPDX-License-Identifier: MIT */
/* marks.h - fill every callee-saved register with marks, call, and see which are left. */
#ifndef RONDO_TESTS_MARKS_H
#define RONDO_TESTS_MARKS_H

#include <stdint.h>

#include "switch/switch.h"

#if defined(__x86_64__)
enum { N_MARKS = 6 };
__asm__(".text\n"
	".type switch_marked, @function\n"
	"switch_marked:\n"
	"	pushq %rbx\n	pushq %rbp\n	pushq %r12\n"
	"	pushq %r13\n	pushq %r14\n	pushq %r15\n"
	"	pushq %rcx\n"		/* seven pushes: the stack is aligned for the call */
	"	movq (%rdx), %rbx\n	movq 8(%rdx), %rbp\n	movq 16(%rdx), %r12\n"
	"	movq 24(%rdx), %r13\n	movq 32(%rdx), %r14\n	movq 40(%rdx), %r15\n"
	"	call *%r8\n"
	"	popq %rcx\n"
	"	movq %rbx, (%rcx)\n	movq %rbp, 8(%rcx)\n	movq %r12, 16(%rcx)\n"
	"	movq %r13, 24(%rcx)\n	movq %r14, 32(%rcx)\n	movq %r15, 40(%rcx)\n"
	"	popq %r15\n	popq %r14\n	popq %r13\n"
	"	popq %r12\n	popq %rbp\n	popq %rbx\n"
	"	ret\n"
	".size switch_marked, .-switch_marked\n");
#elif defined(__aarch64__)
enum { N_MARKS = 11 + 8 };	/* x19-x29, d8-d15 */
__asm__(".text\n"
	".type switch_marked, %function\n"
	"switch_marked:\n"
	"	stp x29, x30, [sp, #-176]!\n"
	"	stp x19, x20, [sp, #16]\n	stp x21, x22, [sp, #32]\n"
	"	stp x23, x24, [sp, #48]\n	stp x25, x26, [sp, #64]\n"
	"	stp x27, x28, [sp, #80]\n	stp d8, d9, [sp, #96]\n"
	"	stp d10, d11, [sp, #112]\n	stp d12, d13, [sp, #128]\n"
	"	stp d14, d15, [sp, #144]\n	str x3, [sp, #160]\n"
	"	ldp x19, x20, [x2]\n	ldp x21, x22, [x2, #16]\n"
	"	ldp x23, x24, [x2, #32]\n	ldp x25, x26, [x2, #48]\n"
	"	ldp x27, x28, [x2, #64]\n	ldr x29, [x2, #80]\n"
	"	ldp d8, d9, [x2, #88]\n	ldp d10, d11, [x2, #104]\n"
	"	ldp d12, d13, [x2, #120]\n	ldp d14, d15, [x2, #136]\n"
	"	blr x4\n"
	"	ldr x3, [sp, #160]\n"
	"	stp x19, x20, [x3]\n	stp x21, x22, [x3, #16]\n"
	"	stp x23, x24, [x3, #32]\n	stp x25, x26, [x3, #48]\n"
	"	stp x27, x28, [x3, #64]\n	str x29, [x3, #80]\n"
	"	stp d8, d9, [x3, #88]\n	stp d10, d11, [x3, #104]\n"
	"	stp d12, d13, [x3, #120]\n	stp d14, d15, [x3, #136]\n"
	"	ldp x19, x20, [sp, #16]\n	ldp x21, x22, [sp, #32]\n"
	"	ldp x23, x24, [sp, #48]\n	ldp x25, x26, [sp, #64]\n"
	"	ldp x27, x28, [sp, #80]\n	ldp d8, d9, [sp, #96]\n"
	"	ldp d10, d11, [sp, #112]\n	ldp d12, d13, [sp, #128]\n"
	"	ldp d14, d15, [sp, #144]\n	ldp x29, x30, [sp], #176\n"
	"	ret\n"
	".size switch_marked, .-switch_marked\n");
#endif

/* Load `marks` into every callee-saved register, call f(from, to), and store what is in them
 * afterwards into `seen`. */
void switch_marked(struct context *from, struct context *to, const uint64_t *marks, uint64_t *seen,
		   void (*f)(struct context *from, struct context *to));
#endif
