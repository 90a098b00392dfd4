/* SPDX-License-Identifier: ISC */
/*
 * Processes come and go. A child of fork() has a copy of the descriptor table, which the parent makes before (host/proc.h); the stack itself is shared memory.
 *
 * vfork() lends the child our memory and our stack frame, so that a function in C cannot stand in between: once the process is attached it is fork(),
 * before that a jump to libc's.
 */
#include "decide.h"
#include "signals.h"
#include "stdio_calls.h"

#include <pthread.h>
#include <unistd.h>

#include "host/sys.h"

static _Atomic bool adopted;

/* Of the fork that this thread is about to make, or NULL. */
static __thread struct host_proc *child __attribute__((tls_model("initial-exec")));

/* dlsym() may not be usable in the child of a threaded process. */
static void before_fork(void) {
    real_resolve_all();
    if (!stack_is_ready())
        return;
    enter();
    child = host_fork_prepare();
    leave();
}

static void in_child(void) {
    if (!stack_is_ready())
        return;
    enter();
    bool shares = child != NULL;
    if (shares)
        host_fork_child(child);
    stack_after_fork_child(shares);
    if (!shares)
        host_after_fork_child();
    child = NULL;
    leave();
}

/* Back in the parent, where it can be known what became of the fork: not from atfork handlers. */
static void in_parent(pid_t pid) {
    int saved = errno;
    if (child) {
        enter();
        if (pid > 0)
            host_fork_parent(child, (uint32_t)pid);
        else
            host_fork_failed(child);
        leave();
    }
    child = NULL;
    errno = saved;
}

void process_adopt(void) {
    if (atomic_exchange(&adopted, true))
        return;
    pthread_atfork(before_fork, NULL, in_child);
}

/* ---- fork ---- */

pid_t fork(void) {
    pid_t pid = real.fork();
    if (pid != 0)
        in_parent(pid);
    return pid;
}

pid_t __fork(void) { return fork(); }

/* Runs no atfork handlers. */
pid_t _Fork(void) {
    before_fork();
    pid_t pid = real._Fork();
    if (pid == 0)
        in_child();
    else
        in_parent(pid);
    return pid;
}

typedef pid_t (*fork_fn)(void);
fork_fn vfork_target(void) __attribute__((visibility("hidden"), used));
fork_fn vfork_target(void) {
    real_resolve_all();
    return stack_is_ready() ? fork : real.vfork;
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
__attribute__((destructor)) static void at_exit(void) {
    stdio_flush();
    end_sockets();
}

void _exit(int status) {
    end_sockets();
    real._exit(status);
    __builtin_unreachable();
}

void _Exit(int status) { _exit(status); }
