/* SPDX-License-Identifier: MIT */
/* switch_x86_64.S - where a new context starts, or a visitor; the switch itself is in switch_x86_64.h. */
	.text
	/* The stack holds entry and arg, and is a multiple of 16 at the call. Backtraces end
	 * here: the caller's address is undefined by the CFI, and rbp is 0 for walkers that
	 * know nothing else. */
	.p2align 4
	.globl	rondo__switch_entry
	.hidden	rondo__switch_entry
	.type	rondo__switch_entry, @function
rondo__switch_entry:
	.cfi_startproc
	.cfi_undefined rip
	endbr64
	popq	%rax			/* entry */
	popq	%rdi			/* arg */
	xorl	%ebp, %ebp
	call	*%rax
	ud2				/* entry returned: a bug */
	.cfi_endproc
	.size	rondo__switch_entry, .-rondo__switch_entry

	/* A visitor of a suspended stack (backtrace.c) starts here: pops a function, and enters it as
	 * if the code that is to be shown had called it. */
	.p2align 4
	.globl	rondo__switch_visit
	.hidden	rondo__switch_visit
	.type	rondo__switch_visit, @function
rondo__switch_visit:
	.cfi_startproc
	.cfi_def_cfa_offset 16
	endbr64
	popq	%rax
	.cfi_def_cfa_offset 8
	jmp	*%rax
	.cfi_endproc
	.size	rondo__switch_visit, .-rondo__switch_visit

	.section .note.GNU-stack, "", @progbits

	/* IBT only: a switch of stacks is not shadow-stack safe, and must not be claimed to be. */
	.section .note.gnu.property, "a"
	.p2align 3
	.long	4, 16, 5		/* name size, description size, NT_GNU_PROPERTY_TYPE_0 */
	.asciz	"GNU"
	.long	0xc0000002, 4, 1, 0	/* GNU_PROPERTY_X86_FEATURE_1_AND: IBT */
