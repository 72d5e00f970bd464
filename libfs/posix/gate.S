/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * gate.S: where every patched system call of libc arrives, by way of its trampoline (patch.c), which has put the address
 * of its own `syscall` instruction into rcx. A system call destroys rcx and r11 anyway; all other registers, the red
 * zone and the vector registers must survive. The gate goes on at
 *
 *	rcx	to make the call in the trampoline, as if nothing had been between
 *	rcx+2	behind it, with the answer in rax
 *
 * The frame that posix_gate sees is struct regs of posix.h.
 */
	.text
	.globl	posix_gate_entry
	.hidden	posix_gate_entry
	.type	posix_gate_entry, @function
posix_gate_entry:
	.cfi_startproc
	cmpq	$512, %rax
	jae	1f
	leaq	posix_wanted(%rip), %r11
	cmpb	$0, (%r11,%rax)
	jne	2f
1:	jmp	*%rcx
2:	leaq	-128(%rsp), %rsp
	.cfi_adjust_cfa_offset 128
	pushq	%rcx
	.cfi_adjust_cfa_offset 8
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	pushq	%r9
	pushq	%r8
	pushq	%r10
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%rax
	.cfi_adjust_cfa_offset 56
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	subq	$256, %rsp
	andq	$-64, %rsp
	movaps	%xmm0, (%rsp)
	movaps	%xmm1, 16(%rsp)
	movaps	%xmm2, 32(%rsp)
	movaps	%xmm3, 48(%rsp)
	movaps	%xmm4, 64(%rsp)
	movaps	%xmm5, 80(%rsp)
	movaps	%xmm6, 96(%rsp)
	movaps	%xmm7, 112(%rsp)
	movaps	%xmm8, 128(%rsp)
	movaps	%xmm9, 144(%rsp)
	movaps	%xmm10, 160(%rsp)
	movaps	%xmm11, 176(%rsp)
	movaps	%xmm12, 192(%rsp)
	movaps	%xmm13, 208(%rsp)
	movaps	%xmm14, 224(%rsp)
	movaps	%xmm15, 240(%rsp)
	movq	%rbp, %rdi
	cld
	call	posix_gate
	movaps	(%rsp), %xmm0
	movaps	16(%rsp), %xmm1
	movaps	32(%rsp), %xmm2
	movaps	48(%rsp), %xmm3
	movaps	64(%rsp), %xmm4
	movaps	80(%rsp), %xmm5
	movaps	96(%rsp), %xmm6
	movaps	112(%rsp), %xmm7
	movaps	128(%rsp), %xmm8
	movaps	144(%rsp), %xmm9
	movaps	160(%rsp), %xmm10
	movaps	176(%rsp), %xmm11
	movaps	192(%rsp), %xmm12
	movaps	208(%rsp), %xmm13
	movaps	224(%rsp), %xmm14
	movaps	240(%rsp), %xmm15
	movl	%eax, %r11d
	movq	%rbp, %rsp
	.cfi_def_cfa_register %rsp
	popq	%rax
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%r10
	popq	%r8
	popq	%r9
	.cfi_adjust_cfa_offset -56
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	leaq	128(%rsp), %rsp
	.cfi_adjust_cfa_offset -128
	/* posix_gate answered 0: make the call; 1: it is made. */
	testl	%r11d, %r11d
	jz	1b
	addq	$2, %rcx
	jmp	*%rcx
	.cfi_endproc
	.size	posix_gate_entry, .-posix_gate_entry

/*
 * long posix_on_stack(long (*fn)(void *), void *arg, void *top): calls fn(arg) on another stack, whose top is 16-byte
 * aligned.
 */
	.globl	posix_on_stack
	.hidden	posix_on_stack
	.type	posix_on_stack, @function
posix_on_stack:
	.cfi_startproc
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	movq	%rdi, %rax
	movq	%rsi, %rdi
	movq	%rdx, %rsp
	call	*%rax
	movq	%rbp, %rsp
	.cfi_def_cfa_register %rsp
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size	posix_on_stack, .-posix_on_stack
	.section .note.GNU-stack,"",@progbits
