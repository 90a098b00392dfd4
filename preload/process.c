/* SPDX-License-Identifier: ISC */
/*
 * Processes come and go. A child of fork() starts without sockets of ours: it detaches (until several processes share a stack), and may attach for itself.
 *
 * vfork() lends the child our memory and our stack frame, so that a function in C cannot stand in between: once the process is attached it is fork(),
 * before that a jump to libc's.
 */
#include "decide.h"
#include "signals.h"

#include <pthread.h>
#include <unistd.h>

#include "host/sys.h"

static _Atomic bool adopted;

/* dlsym() may not be usable in the child of a threaded process. */
static void before_fork(void) { real_resolve_all(); }

static void in_child(void) {
    if (!stack_is_ready())
        return;
    stack_after_fork_child();
    host_after_fork_child();
}

void process_adopt(void) {
    if (atomic_exchange(&adopted, true))
        return;
    pthread_atfork(before_fork, NULL, in_child);
}

/* ---- fork ---- */

pid_t fork(void) { return real.fork(); }
pid_t __fork(void) { return real.fork(); }

/* Runs no atfork handlers. */
pid_t _Fork(void) {
    before_fork();
    pid_t pid = real._Fork();
    if (pid == 0)
        in_child();
    return pid;
}

typedef pid_t (*fork_fn)(void);
fork_fn vfork_target(void) __attribute__((visibility("hidden"), used));
fork_fn vfork_target(void) {
    real_resolve_all();
    return stack_is_ready() ? real.fork : real.vfork;
}

#if defined(__x86_64__)
__asm__(".pushsection .text\n"
        ".globl vfork\n.type vfork, @function\n"
        ".globl __vfork\n.type __vfork, @function\n"
        "vfork:\n"
        "__vfork:\n"
        "    endbr64\n"
        "    sub $8, %rsp\n"
        "    call vfork_target\n"
        "    add $8, %rsp\n"
        "    jmp *%rax\n"
        ".size vfork, . - vfork\n"
        ".size __vfork, . - __vfork\n"
        ".popsection\n");
#elif defined(__aarch64__)
__asm__(".pushsection .text\n"
        ".globl vfork\n.type vfork, %function\n"
        ".globl __vfork\n.type __vfork, %function\n"
        "vfork:\n"
        "__vfork:\n"
        "    hint #34\n" /* bti c */
        "    stp x29, x30, [sp, #-16]!\n"
        "    bl vfork_target\n"
        "    ldp x29, x30, [sp], #16\n"
        "    mov x16, x0\n"
        "    br x16\n"
        ".size vfork, . - vfork\n"
        ".size __vfork, . - __vfork\n"
        ".popsection\n");
#endif

/* ---- the end ---- */

/* As the kernel does when a process ends: every socket is closed, and what was written is delivered. */
static void end_sockets(void) {
    if (!stack_is_ready())
        return;
    enter();
    struct socks *sk = &host_stack()->socks;
    uint64_t now_ns = host_lock();
    for (int fd = fd_next(-1); fd >= 0; fd = fd_next(fd)) {
        enum fd_kind kind;
        void *obj = fd_remove(fd, &kind);
        if (obj && kind == FD_SOCK)
            sock_drop(sk, now_ns, obj);
        else if (obj && kind == FD_EPOLL)
            epset_drop(sk, obj);
    }
    host_unlock(now_ns);
    leave();
    host_exit();
}

/* exit() runs it after the program's own handlers. */
__attribute__((destructor)) static void at_exit(void) { end_sockets(); }

void _exit(int status) {
    end_sockets();
    real._exit(status);
    __builtin_unreachable();
}

void _Exit(int status) { _exit(status); }
