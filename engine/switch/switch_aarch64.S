/* SPDX-License-Identifier: MIT */
/* switch_aarch64.S - where a new context starts; the switch itself is in switch_aarch64.h. */
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

	.section .note.GNU-stack, "", %progbits
