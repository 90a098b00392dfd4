/* SPDX-License-Identifier: ISC */
/*
 * Signal handlers of the program run behind ours, the trampoline, which sigaction() installs with the program's mask and flags.
 *
 * Inside (ptls.depth > 0) it does not run the handler: it blocks the signal in the interrupted context and sends it to this thread again, siginfo and
 * all; leave() unblocks it, and the kernel delivers it there with everything as it should be. Two bits differ from what the program asked
 * for: SA_SIGINFO is always set, and SA_RESETHAND never, since a signal that was put off must find its handler: the trampoline resets it itself.
 *
 * Signals that the processor raises are not put off: SIGSEGV and SIGBUS in user_copy_* become EFAULT there, and any other is run at once, as is SIGSYS, whose
 * handler may have to perform the system call, and abort()'s SIGABRT.
 *
 * SIGSEGV and SIGBUS have the trampoline from the first socket on, whatever the program asked for; their default action is then brought about by
 * letting the fault come again without a handler. They are never blocked, or a copy from a bad address would end the process; a thread that believes them blocked
 * (ptls.sham_blocked) is treated as the kernel treats it: a fault ends it.
 */
#include "signals.h"
#include "user.h"

#include <sched.h>
#include <ucontext.h>

#include "host/sys.h"

#define BIT(sig) (1ULL << ((sig)-1))
#define SHAM_SIGNALS (BIT(SIGSEGV) | BIT(SIGBUS))

/* What the program asked for. */
struct handler {
    _Atomic uintptr_t fn; /* sa_handler or sa_sigaction; SIG_DFL where we are not in between */
    _Atomic int flags;
    sigset_t mask;
    bool ours; /* the trampoline is installed */
};
static struct handler handlers[SIG_CNT];
/* Guards handlers; taken inside enter(), so that no handler of the program interrupts its owner. */
static atomic_flag table_lock = ATOMIC_FLAG_INIT;
static bool adopted;

static uint64_t *first_word(void *sigset) { return sigset; }

static void lock_table(void) {
    enter();
    while (atomic_flag_test_and_set_explicit(&table_lock, memory_order_acquire))
        SYS_CALL0(SYS_sched_yield);
}

static void unlock_table(void) {
    atomic_flag_clear_explicit(&table_lock, memory_order_release);
    leave();
}

static bool is_default(uintptr_t fn) {
    return fn == (uintptr_t)SIG_DFL || fn == (uintptr_t)SIG_IGN;
}

/* Raised by the instruction that was interrupted. */
static bool is_fault(int sig, const siginfo_t *si) {
    switch (sig) {
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGTRAP:
    case SIGSYS:
        return si->si_code > 0;
    default:
        return false;
    }
}

static void send_again(int sig, siginfo_t *si) {
    int pid = (int)sys_getpid(), tid = (int)sys_gettid();
    if (SYS_CALL4(SYS_rt_tgsigqueueinfo, pid, tid, sig, si) < 0)
        SYS_CALL3(SYS_tgkill, pid, tid, sig);
}

static void put_off(int sig, siginfo_t *si, ucontext_t *uc) {
    uint64_t set = BIT(sig);
    /* SA_NODEFER: or it would come right here. */
    sys_sigprocmask(SIG_BLOCK, &set, NULL);
    *first_word(&uc->uc_sigmask) |= set;
    send_again(sig, si);
    ptls.pending |= set;
}

/* The kernel's default action from now on, which it then takes: when the faulting instruction is run again, or when the trampoline has returned. */
static void take_default(int sig, siginfo_t *si) {
    struct sigaction dfl;
    memset(&dfl, 0, sizeof(dfl));
    dfl.sa_handler = SIG_DFL;
    real.sigaction(sig, &dfl, NULL);
    if (!is_fault(sig, si))
        send_again(sig, si);
}

static void trampoline(int sig, siginfo_t *si, void *ctx) {
    bool fault = is_fault(sig, si);
    if (fault && (BIT(sig) & SHAM_SIGNALS) && user_copy_recover(ctx))
        return;
    if (fault && (ptls.sham_blocked & BIT(sig))) {
        take_default(sig, si);
        return;
    }
    bool own_abort = sig == SIGABRT && si->si_code == SI_TKILL && si->si_pid == sys_getpid();
    if (!fault && !own_abort && (ptls.depth > 0 || !sleep_cancel())) {
        put_off(sig, si, ctx);
        return;
    }
    if (ptls.sham_blocked &
        BIT(sig)) { /* sent by somebody: now it is blocked in earnest, and waits */
        *first_word(&((ucontext_t *)ctx)->uc_sigmask) |= BIT(sig);
        uint64_t set = BIT(sig);
        sys_sigprocmask(SIG_BLOCK, &set, NULL);
        send_again(sig, si);
        return;
    }

    struct handler *h = &handlers[sig];
    int flags = atomic_load_explicit(&h->flags, memory_order_acquire);
    uintptr_t fn = atomic_load_explicit(&h->fn, memory_order_acquire);
    if (flags & SA_RESETHAND) {
        fn = atomic_exchange(&h->fn, (uintptr_t)SIG_DFL);
        atomic_store(&h->flags, flags & ~SA_RESETHAND);
        if (!(BIT(sig) & SHAM_SIGNALS)) {
            struct sigaction dfl;
            memset(&dfl, 0, sizeof(dfl));
            dfl.sa_handler = SIG_DFL;
            real.sigaction(sig, &dfl, NULL);
        }
    }
    if (fn == (uintptr_t)SIG_IGN && !fault)
        return;
    if (is_default(fn)) {
        take_default(sig, si);
        return;
    }
    ptls.sig_handled++;
    if (!(flags & SA_RESTART))
        ptls.sig_norestart++;
    /* A handler without SA_SIGINFO ignores the other two, which the kernel passes to it as well. */
    ((void (*)(int, siginfo_t *, void *))fn)(sig, si, ctx);
}

/* act as the kernel is to have it. */
static void install(int sig, const struct sigaction *act, struct sigaction *k) {
    bool sham = (BIT(sig) & SHAM_SIGNALS) && adopted;
    *k = *act;
    if (is_default((uintptr_t)act->sa_handler) && !sham)
        return;
    k->sa_sigaction = trampoline;
    k->sa_flags = (act->sa_flags | SA_SIGINFO) & ~(int)SA_RESETHAND;
    if (is_default((uintptr_t)act->sa_handler))
        k->sa_flags |= SA_ONSTACK | SA_RESTART;
    *first_word(&k->sa_mask) &= ~SHAM_SIGNALS;
}

static bool is_trampoline(const struct sigaction *k) {
    return (k->sa_flags & SA_SIGINFO) && k->sa_sigaction == trampoline;
}

/* What the program is told: k as the kernel has it, the rest from our table. */
static void show(const struct handler *h, struct sigaction *k) {
    const int mask = SA_SIGINFO | (int)SA_RESETHAND | SA_ONSTACK | SA_RESTART;
    if (!is_trampoline(k))
        return;
    k->sa_handler = (sighandler_t)atomic_load(&h->fn);
    k->sa_flags = (k->sa_flags & ~mask) | (atomic_load(&h->flags) & mask);
    k->sa_mask = h->mask;
}

int signal_action(int sig, const struct sigaction *act, struct sigaction *old) {
    /* Bad numbers, and those that libc keeps for itself, are libc's to refuse. */
    if (sig <= 0 || sig >= SIG_CNT)
        return real.sigaction(sig, act, old) < 0 ? -errno : 0;
    struct sigaction a, k, was;
    if (act) {
        a = *act; /* before anything is locked: it may fault */
        real_resolve_all();
    }
    lock_table();
    struct handler *h = &handlers[sig];
    int r;
    if (!act) {
        r = real.sigaction(sig, NULL, &was);
        if (r == 0)
            show(h, &was);
    } else {
        install(sig, &a, &k);
        /* The kernel may deliver between the two; the handler that it finds in the table then is the new one, as its flags are those. */
        uintptr_t fn = atomic_load(&h->fn);
        int flags = atomic_load(&h->flags);
        bool in_between = is_trampoline(&k);
        if (in_between) {
            atomic_store_explicit(&h->fn, (uintptr_t)a.sa_handler, memory_order_release);
            atomic_store_explicit(&h->flags, a.sa_flags, memory_order_release);
        }
        r = real.sigaction(sig, &k, &was);
        struct handler before = {.fn = fn, .flags = flags, .mask = h->mask};
        if (r == 0) {
            show(&before, &was);
            h->mask = a.sa_mask;
            h->ours = in_between;
        } else if (in_between) {
            atomic_store(&h->fn, fn);
            atomic_store(&h->flags, flags);
        }
    }
    int err = errno;
    unlock_table();
    if (r < 0)
        return -err;
    if (old)
        *old = was;
    return 0;
}

void signal_adopt(void) {
    if (adopted)
        return;
    int saved = errno;
    real_resolve_all();
    lock_table();
    bool first = !adopted;
    adopted = true;
    unlock_table();
    for (int sig = 1; first && sig < SIG_CNT; sig++) {
        struct sigaction k;
        if (sig == SIGKILL || sig == SIGSTOP || real.sigaction(sig, NULL, &k) < 0)
            continue;
        if (is_trampoline(&k))
            continue;
        if (is_default((uintptr_t)k.sa_handler) && !(BIT(sig) & SHAM_SIGNALS))
            continue;
        signal_action(sig, &k, NULL);
    }
    /* What this thread has blocked of the two, it has blocked in earnest. */
    uint64_t set = SHAM_SIGNALS, was = 0;
    sys_sigprocmask(SIG_UNBLOCK, &set, &was);
    ptls.sham_blocked |= was & SHAM_SIGNALS;
    errno = saved;
}

const sigset_t *sig_real_mask(const sigset_t *mask, sigset_t *tmp) {
    if (!mask || !adopted)
        return mask;
    *tmp = *mask;
    *first_word(tmp) &= ~SHAM_SIGNALS;
    return tmp;
}

int signal_mask(int how, const sigset_t *set, sigset_t *old) {
    sigset_t tmp, was;
    const sigset_t *k = sig_real_mask(set, &tmp);
    uint64_t sham = ptls.sham_blocked;
    /* Until the first socket the kernel has the truth; threads that were made before keep theirs until they set their mask again. */
    int err = real.pthread_sigmask(how, k, adopted && old ? &was : old);
    if (err)
        return -err;
    if (!adopted)
        return 0;
    if (set) {
        uint64_t bits = *(const uint64_t *)(const void *)set & SHAM_SIGNALS;
        if (how == SIG_BLOCK)
            ptls.sham_blocked |= bits;
        if (how == SIG_UNBLOCK) {
            ptls.sham_blocked &= ~bits;
        }
        if (how == SIG_SETMASK)
            ptls.sham_blocked = bits;
    }
    if (old) {
        *first_word(&was) |= sham;
        *old = was;
    }
    return 0;
}

void signal_after_fork_child(void) { atomic_flag_clear(&table_lock); }
