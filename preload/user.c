/* SPDX-License-Identifier: ISC */
/*
 * Fault-safe copies from and to the program's memory, without a system call.
 *
 * The copy is written in assembly, so that its instructions lie between labels that the SIGSEGV/SIGBUS handler (signal.c) knows. Two parts:
 *
 *     user_copy_fast .. user_copy_slow    short lengths in a few wide moves; keeps dst, src and len aside
 *     user_copy_slow .. user_copy_end     byte by byte (x86: rep movsb), exact at every byte
 *
 * A fault in the first part goes on at user_copy_again, which starts over in the second; there the fault comes again, at the first byte that cannot be copied,
 * and the count of bytes left is in a register: the function returns it. Copying the same bytes twice does no harm.
 * Sanitizers see none of it, as they see none of the kernel's copies.
 */
#include "internal.h"
#include "user.h"

#include <ucontext.h>

size_t user_copy(void *dst, const void *src, size_t len);
extern const char user_copy_fast[] __attribute__((visibility("hidden")));
extern const char user_copy_slow[] __attribute__((visibility("hidden")));
extern const char user_copy_end[] __attribute__((visibility("hidden")));
extern const char user_copy_again[] __attribute__((visibility("hidden")));

#if defined(__x86_64__)
__asm__(".pushsection .text\n"
        ".p2align 4\n"
        ".hidden user_copy\n.globl user_copy\n.type user_copy, @function\n"
        ".hidden user_copy_fast\n.globl user_copy_fast\n"
        ".hidden user_copy_slow\n.globl user_copy_slow\n"
        ".hidden user_copy_end\n.globl user_copy_end\n"
        ".hidden user_copy_again\n.globl user_copy_again\n"
        "user_copy:\n"
        "    .cfi_startproc\n"
        "    endbr64\n"
        "    mov %rdi, %r8\n"
        "    mov %rsi, %r9\n"
        "    mov %rdx, %rcx\n"
        "    cmp $1536, %rdx\n"
        "    ja user_copy_slow\n"
        "    mov %rdx, %r10\n"
        "    cmp $16, %rdx\n"
        "    jb 2f\n"
        "user_copy_fast:\n"
        "    movups -16(%rsi,%rdx), %xmm1\n"
        "5:  cmp $64, %rdx\n"
        "    jbe 1f\n"
        "    movups (%rsi), %xmm0\n"
        "    movups 16(%rsi), %xmm2\n"
        "    movups 32(%rsi), %xmm3\n"
        "    movups 48(%rsi), %xmm4\n"
        "    movups %xmm0, (%rdi)\n"
        "    movups %xmm2, 16(%rdi)\n"
        "    movups %xmm3, 32(%rdi)\n"
        "    movups %xmm4, 48(%rdi)\n"
        "    add $64, %rsi\n"
        "    add $64, %rdi\n"
        "    sub $64, %rdx\n"
        "    jmp 5b\n"
        "1:  cmp $16, %rdx\n" /* 16 at a time while more than 16 are left, then the last 16 */
        "    jbe 3f\n"
        "    movups (%rsi), %xmm0\n"
        "    movups %xmm0, (%rdi)\n"
        "    add $16, %rsi\n"
        "    add $16, %rdi\n"
        "    sub $16, %rdx\n"
        "    jmp 1b\n"
        "3:  movups %xmm1, -16(%rdi,%rdx)\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        "2:  cmp $8, %rdx\n"
        "    jb 4f\n"
        "    mov (%rsi), %rax\n"
        "    mov -8(%rsi,%rdx), %rcx\n"
        "    mov %rax, (%rdi)\n"
        "    mov %rcx, -8(%rdi,%rdx)\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        "4:  cmp $4, %rdx\n"
        "    jb 6f\n"
        "    mov (%rsi), %eax\n"
        "    mov -4(%rsi,%rdx), %ecx\n"
        "    mov %eax, (%rdi)\n"
        "    mov %ecx, -4(%rdi,%rdx)\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        "6:  cmp $1, %rdx\n"
        "    jb user_copy_end\n" /* 0: as many are left */
        "    movzbl (%rsi), %eax\n"
        "    je 7f\n"
        "    movzwl -2(%rsi,%rdx), %ecx\n"
        "    mov %cx, -2(%rdi,%rdx)\n"
        "7:  mov %al, (%rdi)\n"
        "    xor %eax, %eax\n"
        "    ret\n"
        "user_copy_slow:\n"
        "    rep movsb\n"
        "user_copy_end:\n"
        "    mov %rcx, %rax\n"
        "    ret\n"
        "user_copy_again:\n"
        "    mov %r8, %rdi\n"
        "    mov %r9, %rsi\n"
        "    mov %r10, %rcx\n"
        "    jmp user_copy_slow\n"
        "    .cfi_endproc\n"
        ".size user_copy, . - user_copy\n"
        ".popsection\n");
#define UC_PC(uc) ((uc)->uc_mcontext.gregs[REG_RIP])
#elif defined(__aarch64__)
__asm__(
    ".pushsection .text\n"
    ".p2align 4\n"
    ".hidden user_copy\n.globl user_copy\n.type user_copy, %function\n"
    ".hidden user_copy_fast\n.globl user_copy_fast\n"
    ".hidden user_copy_slow\n.globl user_copy_slow\n"
    ".hidden user_copy_end\n.globl user_copy_end\n"
    ".hidden user_copy_again\n.globl user_copy_again\n"
    "user_copy:\n"
    "    .cfi_startproc\n"
    "    hint #34\n" /* bti c */
    "    mov x3, x0\n"
    "    mov x4, x1\n"
    "    cmp x2, #16\n"
    "    b.lo user_copy_slow\n"
    "user_copy_fast:\n"
    "    ldp x6, x7, [x1], #16\n"
    "    stp x6, x7, [x0], #16\n"
    "    sub x2, x2, #16\n"
    "    cmp x2, #16\n"
    "    b.hs user_copy_fast\n"
    "user_copy_slow:\n"
    "    cbz x2, user_copy_end\n"
    "    ldrb w6, [x1], #1\n"
    "    strb w6, [x0], #1\n"
    "    sub x2, x2, #1\n"
    "    b user_copy_slow\n"
    "user_copy_end:\n"
    "    mov x0, x2\n"
    "    ret\n"
    "user_copy_again:\n" /* the store may have faulted behind the load: take the source from the destination's place */
    "    sub x5, x0, x3\n"
    "    add x1, x4, x5\n"
    "    b user_copy_slow\n"
    "    .cfi_endproc\n"
    ".size user_copy, . - user_copy\n"
    ".popsection\n");
#define UC_PC(uc) ((uc)->uc_mcontext.pc)
#endif

bool user_copy_recover(void *uc) {
    ucontext_t *u = uc;
    uintptr_t pc = (uintptr_t)UC_PC(u);
    if (pc >= (uintptr_t)user_copy_fast && pc < (uintptr_t)user_copy_slow)
        UC_PC(u) = (__typeof__(UC_PC(u)))(uintptr_t)user_copy_again;
    else if (pc >= (uintptr_t)user_copy_slow && pc < (uintptr_t)user_copy_end)
        UC_PC(u) = (__typeof__(UC_PC(u)))(uintptr_t)user_copy_end;
    else
        return false;
    return true;
}

size_t user_copy_in(void *dst, const void *user_src, size_t len) {
    return user_copy(dst, user_src, len);
}

size_t user_copy_out(void *user_dst, const void *src, size_t len) {
    return user_copy(user_dst, src, len);
}
