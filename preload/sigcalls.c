/* SPDX-License-Identifier: ISC */
/* The calls that install handlers and set masks. glibc's others of the family reach the kernel past its own sigaction(), so they are written out here. */
#include "signals.h"

#define SIG_BIT(sig) (1ULL << ((sig)-1))

/* siginterrupt() was told that signal() is not to restart calls. */
static _Atomic uint64_t interrupting;

static int answer(int r) {
    if (r >= 0)
        return r;
    errno = -r;
    return -1;
}

int sigaction(int sig, const struct sigaction *act, struct sigaction *old) {
    return answer(signal_action(sig, act, old));
}
int __sigaction(int sig, const struct sigaction *act, struct sigaction *old) {
    return answer(signal_action(sig, act, old));
}

static bool is_signal(int sig) {
    if (sig >= 1 && sig < NSIG)
        return true;
    errno = EINVAL;
    return false;
}

static sighandler_t set_handler(int sig, sighandler_t handler, int flags, bool mask_self) {
    struct sigaction act, old;
    if (handler == SIG_ERR) {
        errno = EINVAL;
        return SIG_ERR;
    }
    if (!is_signal(sig))
        return SIG_ERR;
    memset(&act, 0, sizeof(act));
    act.sa_handler = handler;
    act.sa_flags = flags;
    if (mask_self)
        sigaddset(&act.sa_mask, sig);
    return answer(signal_action(sig, &act, &old)) < 0 ? SIG_ERR : old.sa_handler;
}

sighandler_t signal(int sig, sighandler_t handler) {
    bool stop = sig >= 1 && sig < NSIG && (atomic_load(&interrupting) & SIG_BIT(sig));
    return set_handler(sig, handler, stop ? 0 : SA_RESTART, true);
}
sighandler_t bsd_signal(int sig, sighandler_t handler) { return signal(sig, handler); }
sighandler_t ssignal(int sig, sighandler_t handler) { return signal(sig, handler); }

sighandler_t sysv_signal(int sig, sighandler_t handler) {
    return set_handler(sig, handler, (int)SA_RESETHAND | SA_NODEFER | SA_INTERRUPT, false);
}
sighandler_t __sysv_signal(int sig, sighandler_t handler) { return sysv_signal(sig, handler); }

int siginterrupt(int sig, int interrupt) {
    struct sigaction act;
    if (!is_signal(sig))
        return -1;
    if (answer(signal_action(sig, NULL, &act)) < 0)
        return -1;
    if (interrupt) {
        atomic_fetch_or(&interrupting, SIG_BIT(sig));
        act.sa_flags &= ~SA_RESTART;
    } else {
        atomic_fetch_and(&interrupting, ~SIG_BIT(sig));
        act.sa_flags |= SA_RESTART;
    }
    return answer(signal_action(sig, &act, NULL));
}

int sigignore(int sig) { return set_handler(sig, SIG_IGN, 0, false) == SIG_ERR ? -1 : 0; }

int sigprocmask(int how, const sigset_t *set, sigset_t *old) {
    return answer(signal_mask(how, set, old));
}
int pthread_sigmask(int how, const sigset_t *set, sigset_t *old) {
    return -signal_mask(how, set, old);
}

static int mask_one(int how, int sig, sigset_t *old) {
    sigset_t set;
    if (!is_signal(sig))
        return -1;
    sigemptyset(&set);
    sigaddset(&set, sig);
    return sigprocmask(how, &set, old);
}
int sighold(int sig) { return mask_one(SIG_BLOCK, sig, NULL); }
int sigrelse(int sig) { return mask_one(SIG_UNBLOCK, sig, NULL); }

sighandler_t sigset(int sig, sighandler_t handler) {
    sigset_t was;
    struct sigaction old;
    if (handler == SIG_HOLD) {
        if (mask_one(SIG_BLOCK, sig, &was) < 0)
            return SIG_ERR;
        if (sigismember(&was, sig))
            return SIG_HOLD;
        return answer(signal_action(sig, NULL, &old)) < 0 ? SIG_ERR : old.sa_handler;
    }
    sighandler_t before = set_handler(sig, handler, 0, false);
    if (before == SIG_ERR || mask_one(SIG_UNBLOCK, sig, &was) < 0)
        return SIG_ERR;
    return sigismember(&was, sig) ? SIG_HOLD : before;
}

/* BSD: the first 32 signals in an int. */
static int mask_bits(int how, int bits) {
    sigset_t set, old;
    unsigned word = (unsigned)bits;
    sigemptyset(&set);
    for (int sig = 1; sig <= 32; sig++)
        if (word & (1u << (sig - 1)))
            sigaddset(&set, sig);
    if (sigprocmask(how, &set, &old) < 0)
        return -1;
    word = 0;
    for (int sig = 1; sig <= 32; sig++)
        if (sigismember(&old, sig) == 1)
            word |= 1u << (sig - 1);
    return (int)word;
}
int sigblock(int mask) { return mask_bits(SIG_BLOCK, mask); }
int sigsetmask(int mask) { return mask_bits(SIG_SETMASK, mask); }

int sigsuspend(const sigset_t *mask) {
    sigset_t tmp;
    return real.sigsuspend(sig_real_mask(mask, &tmp));
}
int __sigsuspend(const sigset_t *mask) { return sigsuspend(mask); }
