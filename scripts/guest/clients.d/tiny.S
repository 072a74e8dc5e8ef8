/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A PV domU that does nothing: it blocks, and blocks again. What it takes to create
 * and destroy it is the toolstack's work alone. The notes are those of Xen's public
 * elfnote.h that the builder of domains asks for, hypercall 29 is sched_op and its
 * command 1 blocks.
 */
	.macro	note type, value:vararg
	.balign	4
	.long	4, 2f - 1f, \type
	.asciz	"Xen"
1:	\value
2:
	.endm

	.section .note.Xen, "a", @note
	note	6, .asciz "tiny"		/* GUEST_OS */
	note	5, .asciz "xen-3.0"		/* XEN_VERSION */
	note	8, .asciz "generic"		/* LOADER */
	note	3, .quad 0			/* VIRT_BASE */
	note	1, .quad _start			/* ENTRY */
	note	9, .asciz "yes"			/* PAE_MODE */

	.text
	.globl	_start
_start:
	mov	$29, %eax
	mov	$1, %edi
	xor	%esi, %esi
	syscall
	jmp	_start
