/* SPDX-License-Identifier: MIT */
/* switch_aarch64.S - where a new context starts, or a visitor; the switch itself is in switch_aarch64.h. */
	.text
	/* The stack holds entry and arg. Backtraces end here: the CFI leaves the caller
	 * undefined, and the frame record is empty. */
	.p2align 4
	.globl	rondo__switch_entry
	.hidden	rondo__switch_entry
	.type	rondo__switch_entry, %function
rondo__switch_entry:
	.cfi_startproc
	.cfi_undefined x30
	hint	#36			/* bti j */
	ldp	x16, x0, [sp], #16	/* entry, arg */
	mov	x29, xzr
	mov	x30, xzr
	blr	x16
	brk	#1			/* entry returned: a bug */
	.cfi_endproc
	.size	rondo__switch_entry, .-rondo__switch_entry

	/* A visitor of a suspended stack (backtrace.c) starts here: pops a function and a return
	 * address, and enters it as if the code that is to be shown had called it. */
	.p2align 4
	.globl	rondo__switch_visit
	.hidden	rondo__switch_visit
	.type	rondo__switch_visit, %function
rondo__switch_visit:
	.cfi_startproc
	.cfi_undefined x30
	hint	#36			/* bti j */
	ldp	x16, x30, [sp], #16
	br	x16
	.cfi_endproc
	.size	rondo__switch_visit, .-rondo__switch_visit

	.section .note.GNU-stack, "", %progbits
