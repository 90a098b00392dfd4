/* SPDX-License-Identifier: ISC */
/*
 * The preload library from inside. Its story:
 *
 * Every interposed call looks its descriptor up (fd_get: one load for what is not ours) and passes on to libc, or goes through enter()/leave():
 *
 *     struct fdent *e = fd_lookup(fd);
 *     if (!e) return real.recv(fd, buf, len, flags);
 *     enter();
 *     ... host_lock(); sock_...(); host_unlock(); user_copy_*() ...
 *     return leave_ret(r);            // r < 0: errno = -r, returns -1
 *
 * enter/leave: between them signals are deferred. Our trampoline, which sigaction() installed in place of the program's handler, blocks a signal that arrives at
 * depth > 0 in the interrupted context and sends it to the thread again with rt_tgsigqueueinfo, siginfo and all: the kernel keeps it. leave()
 * unblocks it, so that the handler runs right after leave with everything as the kernel gives it (mask, SA_ONSTACK, SA_RESETHAND ...). A handler may call send() or siglongjmp().
 * While a thread sleeps (sleep_begin..sleep_end) depth is 0: the trampoline calls host_wait_cancel() first, then the handler, so that nothing of the sleep is left if the handler jumps away; if it returns, the
 * blocking loop sees the cancelled wait and decides: EINTR or once more, by the rule of the call and SA_RESTART (tls.sig_norestart counts handlers without it).
 * SIGSEGV and SIGBUS: never deferred; a fault inside user_copy_* ends the copy short (EFAULT); any other goes to the program's handler or default action.
 * Cancellation: none inside, since host/ and we use raw system calls; the sleep is the cancellation point.
 *
 * Not ours: everything but AF_INET/AF_INET6 stream and datagram sockets, and epoll descriptors (tracked because ours may join them).
 */
#ifndef UST_PRELOAD_INTERNAL_H
#define UST_PRELOAD_INTERNAL_H

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "host/host.h"
#include "host/proc.h"

/* ---- real.c: libc's own functions, found with dlsym(RTLD_NEXT) on first use (see calls.def for the list) ---- */
#include "real.h"

/* ---- fdtab.c ---- */
/* This process's table: pages of entries, NULL where there was never one. fd_page_cnt is 0 until the process is attached. */
extern struct fdent **fd_pages;
extern uint32_t fd_page_cnt;
/* Everything that we track under that number, sockets that became the kernel's too; for close, dup, fork and the like. Lock-free. */
static inline struct fdent *fd_entry(int fd) {
    uint32_t page = (uint32_t)fd >> FD_PAGE_SHIFT;
    if (UST_LIKELY(page >= __atomic_load_n(&fd_page_cnt, __ATOMIC_ACQUIRE)))
        return NULL;
    struct fdent *e =
        __atomic_load_n(&__atomic_load_n(&fd_pages, __ATOMIC_RELAXED)[page], __ATOMIC_ACQUIRE);
    if (!e)
        return NULL;
    e += (uint32_t)fd & (FD_PAGE_CNT - 1);
    return __atomic_load_n(&e->kind, __ATOMIC_ACQUIRE) == FD_NONE ? NULL : e;
}
/* NULL: not ours, or a socket that became the kernel's: the call goes to libc. Lock-free; the not-ours path is a few loads. The object may die meanwhile: after host_lock() look again with fd_sock(), fd_epset(). */
static inline struct fdent *fd_lookup(int fd) {
    struct fdent *e = fd_entry(fd);
    if (!e || __atomic_load_n(&e->kind, __ATOMIC_ACQUIRE) != FD_SOCK)
        return e;
    const struct sock *s = (const struct sock *)__atomic_load_n(&e->obj, __ATOMIC_RELAXED);
    return __atomic_load_n(&s->where, __ATOMIC_RELAXED) == SOCK_KERNEL ? NULL : e;
}
/* Lock held: the object under fd if it is of that kind, else NULL (closed or replaced meanwhile, or the kernel's). */
struct sock *fd_sock(int fd);
struct epset *fd_epset(int fd);
/* Lock held. The number exists in the kernel already (placeholder). 0 or -ENOMEM/-EMFILE. Takes over one reference. */
int fd_install(int fd, enum fd_kind kind, void *obj, bool cloexec);
/* Lock held. Forgets the number; returns the object whose reference is now the caller's, NULL if none. */
void *fd_remove(int fd, enum fd_kind *kind);
/* Walk of this process's entries, lock held: fd behind prev (-1: first), or -1. */
int fd_next(int prev);

/* ---- enter.c, signal.c ---- */
struct ptls {
    int depth;               /* > 0: inside; signals are deferred */
    uint64_t pending;        /* deferred signals: blocked and queued to this thread, bit sig - 1 */
    struct host_wait *sleep; /* the wait this thread sleeps in, or NULL */
    struct sock *held;       /* the socket that the sleep holds, or NULL */
    struct host_hold *hold;  /* the record of that */
    uint32_t sig_handled;    /* handlers run so far */
    uint32_t sig_norestart;  /* of these, without SA_RESTART */
    uint64_t sham_blocked;   /* SIGSEGV, SIGBUS: the program believes them blocked */
};
extern __thread struct ptls ptls __attribute__((tls_model("initial-exec")));
void leave_slow(void);
static inline void enter(void) {
    ptls.depth++;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}
static inline void leave(void) {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (--ptls.depth == 0 && UST_UNLIKELY(ptls.pending))
        leave_slow();
}
/* leave() and the C convention: r < 0 sets errno = -r and gives -1; errno is untouched else. */
long leave_ret(long r);

/* Lock held, at the end of a call on a socket: one trace line under USERSTACK_TRACE=call. */
void call_trace(uint64_t now_ns, const char *name, int fd, long r);
/*
 * A blocking loop's sleep. Called inside enter(), without the lock, after host_wait_begin(). Leaves (depth 0, deferred signals run), sleeps, enters again.
 * Returns as host_wait(); HOST_SIGNAL if a handler ran, and *norestart tells whether one without SA_RESTART was among them.
 */
enum host_wait_result sleep_in(struct host_wait *hw, struct pollfd *extra, nfds_t cnt,
                               uint64_t deadline_ns, const sigset_t *mask, bool *norestart);

/* A mask of the program's as the kernel may have it: without SIGSEGV and SIGBUS, which user_copy_* needs. NULL stays NULL; else tmp is filled and returned. */
const sigset_t *sig_real_mask(const sigset_t *mask, sigset_t *tmp);

/* ---- user.c: user memory ---- */
/* Copies and returns bytes NOT copied (0: all). Never faults, never errs; no system call unless it faults. */
size_t user_copy_in(void *dst, const void *user_src, size_t len);
size_t user_copy_out(void *user_dst, const void *src, size_t len);

/* ---- addr.c: sockaddr <-> struct ust_addr ---- */
/* Copies in and checks as the kernel: 0, -EFAULT, -EINVAL (short), -EAFNOSUPPORT. AF_UNSPEC: *unspec. IPv6 socket: sockaddr_in6 (mapped or not) only. */
int addr_in(const struct sock *s, const struct sockaddr *sa, socklen_t len, struct ust_addr *a,
            uint16_t *port, bool *unspec);
/* The scope id that came with a: link-local addresses want one if it is needed (-EINVAL), and it has to be that of the stack's interface (-ENODEV). */
int addr_check_scope(const struct sock *s, const struct sockaddr *sa, socklen_t len,
                     const struct ust_addr *a, bool needed);
/* Writes a sockaddr of s's family, truncated to *len as the kernel does; *len = full size. 0 or -EFAULT, -EINVAL (negative length). */
int addr_out(const struct sock *s, const struct ust_addr *a, uint16_t port, struct sockaddr *sa,
             socklen_t *len);
/* Its two halves: the sockaddr in our memory (returns its length), and what the kernel does with an address and a length to fill in. */
socklen_t addr_store(const struct sock *s, const struct ust_addr *a, uint16_t port,
                     struct sockaddr_storage *ss);
int addr_copy_out(const void *from, socklen_t full, struct sockaddr *sa, socklen_t *len);

/* ---- decide.c: late choice (DESIGN.md section 4) ---- */
/* Lock NOT held. Makes sure that the process is attached and configured: 0 or -ENETDOWN (line printed once). */
int stack_ready(void);
/* Is a destination/local address the kernel's by USERSTACK_KERNEL? */
bool addr_is_kernels(const struct ust_addr *a);
/* Lock held. Turns an undecided socket to the kernel: every epoll membership of every descriptor moves to the kernel's sets. */
void decide_kernel(struct sock *s, enum sock_why why);
void decide_stack(struct sock *s, enum sock_why why);

/* ---- epoll_calls.c ---- */
/* Lock held: the kernel's half of the set has one member more (EPOLL_CTL_ADD) or less (EPOLL_CTL_DEL). */
void epset_kernel_member(struct epset *e, int op);

/* ---- config.c ---- */
/* Reads the environment (and USERSTACK_CONFIG) once, at load time, into cfg; never prints. cfg->valid/error tell. */
void config_load(struct host_cfg *cfg, char *const *envp);
/* The table behind it: for `userstack run --help` and the man page. */
struct config_value; /* a value being parsed, private to config.c */
struct config_name {
    const char *name;   /* "USERSTACK_IF" */
    const char *arg;    /* "IF" */
    const char *option; /* of `userstack run`: "-i", "--trace", or NULL */
    const char *def;    /* default, parsed when no value is given; NULL: none */
    bool (*parse)(const struct config_value *v);
    const char *help;
};
extern const struct config_name config_names[];
extern const size_t config_name_cnt;

#endif
