/* SPDX-License-Identifier: ISC */
/*
 * poll, ppoll, select, pselect.
 *
 * Nothing of ours among the descriptors: straight to libc, after one pass with fd_lookup() and no lock. Otherwise, in our copy of the set:
 *
 *     look:   the readiness words of ours, under the lock; the kernel's descriptors are set apart
 *     ready?  one ppoll() of the kernel's without waiting completes the answer
 *     else    a waiter on each of ours, and one sleep (sleep_in) with the kernel's as extra descriptors; then look again
 *
 * An epoll descriptor is ready if our half or its kernel half is, so it is on both sides. A number that is closed or becomes the kernel's while we
 * sleep is seen at the next look. select() is the same with its bitmaps turned into a set; the bitmaps are read and written a word at a time, only
 * as far as nfds goes, so descriptors above FD_SETSIZE work as in the kernel.
 *
 * The caller's signal mask counts in the sleep alone, as in the kernel: if something is ready at once, a signal that only the mask lets in stays pending.
 */
#include "worlds.h"
#include "internal.h"

#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/time.h>

#include "host/sys.h"

#define NEAR_CNT 128 /* sets up to here live on the stack */
#define NFDS_MAX                                                                                   \
    (1u << 20) /* beyond it nobody's table goes; the kernel says what is wrong with it */
#define NOT_OURS INT32_MIN /* no error and no count: libc shall have the call */

#define IN_BITS (POLLIN | POLLRDNORM | POLLRDBAND)
#define OUT_BITS (POLLOUT | POLLWRNORM | POLLWRBAND)

struct poll_set {
    struct pollfd *p; /* what the program asks, our copy */
    nfds_t cnt;
    struct pollfd *k; /* the kernel's part of it, with room for two more */
    uint32_t *k_at;   /* k[i] belongs to p[k_at[i]] */
    nfds_t k_cnt;
    nfds_t ours_cnt;
    bool sel; /* select(): only what the bitmaps ask for counts, a closed descriptor is EBADF */
};

static struct socks *socks(void) { return &host_stack()->socks; }

/* ---- memory for large sets: not malloc, since poll() may be called in a signal handler ----
 * A handler that jumps out of the sleep over such a set, and a cancelled thread, leave one mapping behind. */

struct poll_mem {
    size_t bytes;
    void *map;
};

static size_t set_bytes(nfds_t cnt) {
    return cnt * sizeof(struct pollfd) + (cnt + 2) * sizeof(struct pollfd) + cnt * sizeof(uint32_t);
}

static void set_place(struct poll_set *ps, void *mem, nfds_t cnt) {
    ps->p = mem;
    ps->k = ps->p + cnt;
    ps->k_at = (uint32_t *)(void *)(ps->k + cnt + 2);
    ps->cnt = cnt;
}

static int set_alloc(struct poll_set *ps, struct poll_mem *m, nfds_t cnt) {
    m->bytes = set_bytes(cnt);
    m->map = sys_mmap(NULL, m->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m->map == MAP_FAILED)
        return -ENOMEM;
    set_place(ps, m->map, cnt);
    return 0;
}

static void set_free(struct poll_mem *m) { sys_munmap(m->map, m->bytes); }

/* ---- one look ---- */

/* What select() makes of readiness: HUP and ERR are readable, ERR is writable, and neither counts where it was not asked for. */
static short sel_filter(short events, short revents) {
    short r = revents & POLLNVAL;
    if ((events & POLLIN) && (revents & (IN_BITS | POLLHUP | POLLERR)))
        r |= POLLIN;
    if ((events & POLLOUT) && (revents & (OUT_BITS | POLLERR)))
        r |= POLLOUT;
    if ((events & POLLPRI) && (revents & POLLPRI))
        r |= POLLPRI;
    return r;
}

static void set_result(struct poll_set *ps, nfds_t i, short revents) {
    struct pollfd *p = &ps->p[i];
    p->revents |= ps->sel ? sel_filter(p->events, revents) : revents;
}

static void set_kernel(struct poll_set *ps, nfds_t i, short events) {
    ps->k[ps->k_cnt] = (struct pollfd){.fd = ps->p[i].fd, .events = events};
    ps->k_at[ps->k_cnt++] = (uint32_t)i;
}

/* Our object under fd, if it takes part here: a socket that the kernel has does not. Lock held. */
static void *set_ours(int fd, enum fd_kind *kind) {
    struct fdent *e = fd_lookup(fd);
    if (!e)
        return NULL;
    *kind = (enum fd_kind)e->kind;
    if (*kind == FD_EPOLL)
        return fd_epset(fd);
    struct sock *s = fd_sock(fd);
    return s && s->where != SOCK_KERNEL ? s : NULL;
}

/* Lock held. Adds what is ready of ours to the results and sets the kernel's apart; returns how many entries have a result. */
static int set_look(struct poll_set *ps) {
    int ready = 0;
    ps->k_cnt = ps->ours_cnt = 0;
    for (nfds_t i = 0; i < ps->cnt; i++) {
        struct pollfd *p = &ps->p[i];
        enum fd_kind kind = FD_NONE;
        if (p->fd < 0)
            continue;
        void *obj = set_ours(p->fd, &kind);
        if (!obj) {
            set_kernel(ps, i, p->events);
        } else if (kind == FD_EPOLL) {
            struct epset *e = obj;
            ps->ours_cnt++;
            if (e->kernel_cnt > 0)
                set_kernel(ps, i, p->events);
            if (epset_ready(socks(), e))
                set_result(ps, i, (POLLIN | POLLRDNORM) & p->events);
        } else {
            uint32_t r = sock_poll(socks(), obj);
            ps->ours_cnt++;
            if (both_active(obj))
                set_kernel(ps, i, (short)(p->events & ~BOTH_NOT_ASKED));
            set_result(ps, i, (short)(r & ((uint16_t)p->events | POLLERR | POLLHUP)));
        }
        if (p->revents)
            ready++;
    }
    return ready;
}

/* The kernel's answers into the results: how many entries have one now. */
static int set_merge(struct poll_set *ps) {
    int ready = 0;
    for (nfds_t i = 0; i < ps->k_cnt; i++)
        set_result(ps, ps->k_at[i], ps->k[i].revents);
    for (nfds_t i = 0; i < ps->cnt; i++) {
        if (ps->p[i].revents)
            ready++;
        if (ps->sel && (ps->p[i].revents & POLLNVAL))
            return -EBADF;
    }
    return ready;
}

static int set_kernel_now(struct poll_set *ps, int ready) {
    struct timespec zero = {0, 0};
    if (ps->k_cnt == 0)
        return ready;
    long r = sys_ppoll(ps->k, ps->k_cnt, &zero, NULL);
    if (r < 0)
        return (int)r;
    return set_merge(ps);
}

/* A descriptor whose readiness select() does not want (HUP of one that waits for PRI alone) would end every sleep at once: it is left out from
 * here on. Nothing that it waits for can come behind a hang-up. */
static void set_mute(struct poll_set *ps) {
    if (!ps->sel)
        return;
    for (nfds_t i = 0; i < ps->k_cnt; i++) {
        struct pollfd *p = &ps->p[ps->k_at[i]];
        if (ps->k[i].revents && !p->revents)
            p->fd = ~p->fd;
    }
}

/* ---- the sleep ---- */

static int set_register(struct poll_set *ps, struct waiter *w) {
    int r = 0;
    for (nfds_t i = 0; i < ps->cnt && r == 0; i++) {
        const struct pollfd *p = &ps->p[i];
        enum fd_kind kind = FD_NONE;
        void *obj = p->fd < 0 ? NULL : set_ours(p->fd, &kind);
        if (!obj)
            continue;
        r = kind == FD_EPOLL ? waiter_watch_epset(socks(), w, obj)
                             : waiter_add_sock(socks(), w, obj, (uint16_t)p->events, false);
    }
    return r;
}

/* Inside enter(). deadline_ns 0: do not wait. The count of entries with results, 0 after the deadline, negative errno, or NOT_OURS. */
static int set_wait(struct poll_set *ps, uint64_t deadline_ns, const sigset_t *mask) {
    bool kernel_known = false, last = false;
    uint64_t now_ns = host_lock();
    for (;;) {
        int ready = set_look(ps);
        if (ps->ours_cnt == 0) {
            host_unlock(now_ns);
            return kernel_known && ready > 0 ? ready : NOT_OURS;
        }
        /* Without a mask nothing but readiness is to be found out without waiting. */
        if (ready > 0 || last || (deadline_ns == 0 && !mask)) {
            host_unlock(now_ns);
            return kernel_known ? ready : set_kernel_now(ps, ready);
        }
        struct host_wait hw;
        int r = host_wait_begin(&hw, ps->k_cnt > 0 || mask);
        if (r == 0) {
            r = set_register(ps, hw.w);
            if (r < 0)
                host_wait_end(&hw);
        }
        TRACED(&host_stack()->core.trace, now_ns, POLL, "sleep: %lu of ours, %lu of the kernel's",
               (unsigned long)ps->ours_cnt, (unsigned long)ps->k_cnt);
        host_unlock(now_ns);
        if (r < 0)
            return -ENOMEM;
        bool norestart;
        enum host_wait_result res =
            sleep_in(&hw, ps->k_cnt > 0 ? ps->k : NULL, ps->k_cnt, deadline_ns, mask, &norestart);
        now_ns = host_lock();
        host_wait_end(&hw);
        if (res == HOST_SIGNAL) {
            host_unlock(now_ns);
            return -EINTR;
        }
        last = res == HOST_TIMEOUT;
        if (res != HOST_EXTRA)
            continue;
        int k_ready = set_merge(ps);
        if (k_ready == 0) {
            set_mute(ps);
            k_ready = set_kernel_now(ps, 0); /* the sleep's own ppoll may have failed: why? */
        }
        if (k_ready < 0) {
            host_unlock(now_ns);
            return k_ready;
        }
        kernel_known = k_ready > 0;
    }
}

/* now + sec, nsec; TIME_NEVER where that overflows. 0 is kept for "do not wait". */
static uint64_t deadline_after(uint64_t sec, uint64_t nsec) {
    if (sec == 0 && nsec == 0)
        return 0;
    uint64_t now_ns = host_now();
    if (sec > (TIME_NEVER - now_ns) / NS_PER_S - 1)
        return TIME_NEVER;
    return now_ns + sec * NS_PER_S + nsec;
}

static bool timespec_ok(const struct timespec *ts) {
    return ts->tv_sec >= 0 && ts->tv_nsec >= 0 && ts->tv_nsec < (long)NS_PER_S;
}

/* The kernel's sigset_t, 8 bytes, into a whole one, as the kernel may have it. */
static int mask_in(sigset_t *set, const sigset_t *user) {
    sigset_t theirs;
    memset(&theirs, 0, sizeof theirs);
    if (user_copy_in(&theirs, user, SYS_SIGSET_BYTES))
        return -EFAULT;
    memset(set, 0, sizeof *set);
    *set = *sig_real_mask(&theirs, set);
    return 0;
}

/* ---- poll ---- */

/* <poll.h> tells the compiler that poll() only writes to fds, which is not so: it is not to draw conclusions. */
static inline const struct pollfd *as_read(struct pollfd *fds) {
    __asm__("" : "+r"(fds));
    return fds;
}

static bool poll_has_ours(const struct pollfd *fds, nfds_t cnt) {
    struct pollfd chunk[32];
    if (!host_stack() || cnt > NFDS_MAX)
        return false;
    while (cnt > 0) {
        nfds_t n = UST_MIN(cnt, UST_ARRAY_CNT(chunk));
        if (user_copy_in(chunk, fds, n * sizeof *fds))
            return false;
        for (nfds_t i = 0; i < n; i++)
            if (chunk[i].fd >= 0 && fd_lookup(chunk[i].fd))
                return true;
        fds += n;
        cnt -= n;
    }
    return false;
}

static int poll_set_run(struct poll_set *ps, struct pollfd *fds, uint64_t deadline_ns,
                        const sigset_t *mask) {
    if (user_copy_in(ps->p, fds, ps->cnt * sizeof *fds))
        return -EFAULT;
    for (nfds_t i = 0; i < ps->cnt; i++)
        ps->p[i].revents = 0;
    int r = set_wait(ps, deadline_ns, mask);
    if (r < 0)
        return r;
    for (nfds_t i = 0; i < ps->cnt; i++)
        if (user_copy_out(&fds[i].revents, &ps->p[i].revents, sizeof fds[i].revents))
            return -EFAULT;
    return r;
}

static int poll_ours(struct pollfd *fds, nfds_t cnt, uint64_t deadline_ns, const sigset_t *mask) {
    struct poll_set ps = {0};
    if (cnt <= NEAR_CNT) {
        _Alignas(struct pollfd) char
            near_mem[(2 * NEAR_CNT + 2) * sizeof(struct pollfd) + NEAR_CNT * sizeof(uint32_t)];
        set_place(&ps, near_mem, cnt);
        return poll_set_run(&ps, fds, deadline_ns, mask);
    }
    struct rlimit lim;
    if (sys_getrlimit(RLIMIT_NOFILE, &lim) == 0 && cnt > lim.rlim_cur)
        return -EINVAL;
    struct poll_mem m;
    if (set_alloc(&ps, &m, cnt) < 0)
        return -ENOMEM;
    int r = poll_set_run(&ps, fds, deadline_ns, mask);
    set_free(&m);
    return r;
}

EXPORT int poll(struct pollfd *fds, nfds_t cnt, int timeout) {
    if (!poll_has_ours(as_read(fds), cnt))
        return real.poll(fds, cnt, timeout);
    enter();
    uint64_t ms = timeout < 0 ? 0 : (uint64_t)timeout;
    uint64_t deadline_ns =
        timeout < 0 ? TIME_NEVER : deadline_after(ms / 1000, ms % 1000 * NS_PER_MS);
    int r = poll_ours(fds, cnt, deadline_ns, NULL);
    if (r != NOT_OURS)
        return (int)leave_ret(r);
    leave();
    return real.poll(fds, cnt, timeout);
}

static int ppoll_ours(struct pollfd *fds, nfds_t cnt, const struct timespec *timeout,
                      const sigset_t *mask) {
    uint64_t deadline_ns = TIME_NEVER;
    struct timespec ts;
    sigset_t set;
    if (timeout) {
        if (user_copy_in(&ts, timeout, sizeof ts))
            return -EFAULT;
        if (!timespec_ok(&ts))
            return -EINVAL;
        deadline_ns = deadline_after((uint64_t)ts.tv_sec, (uint64_t)ts.tv_nsec);
    }
    if (mask && mask_in(&set, mask) < 0)
        return -EFAULT;
    return poll_ours(fds, cnt, deadline_ns, mask ? &set : NULL);
}

EXPORT int ppoll(struct pollfd *fds, nfds_t cnt, const struct timespec *timeout,
                 const sigset_t *mask) {
    if (!poll_has_ours(as_read(fds), cnt))
        return real.ppoll(fds, cnt, timeout, mask);
    enter();
    int r = ppoll_ours(fds, cnt, timeout, mask);
    if (r != NOT_OURS)
        return (int)leave_ret(r);
    leave();
    return real.ppoll(fds, cnt, timeout, mask);
}

/* libc's own check says what overflowed and aborts. */
EXPORT int __poll_chk(struct pollfd *fds, nfds_t cnt, int timeout, size_t room) {
    if (room / sizeof *fds < cnt)
        return real.__poll_chk(fds, cnt, timeout, room);
    return poll(fds, cnt, timeout);
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t cnt, const struct timespec *timeout,
                       const sigset_t *mask, size_t room) {
    if (room / sizeof *fds < cnt)
        return real.__ppoll_chk(fds, cnt, timeout, mask, room);
    return ppoll(fds, cnt, timeout, mask);
}

EXPORT int __poll(struct pollfd *fds, nfds_t cnt, int timeout) { return poll(fds, cnt, timeout); }

/* ---- select ---- */

#define WORD_BITS (8 * sizeof(unsigned long))

struct bitmaps {
    unsigned long *user[3]; /* in, out, exceptional; NULL: not given */
    unsigned cnt;           /* descriptors */
};
static const short sel_events[3] = {IN_BITS, OUT_BITS, POLLPRI};

/* Word w of each bitmap, without the bits from cnt on. Words that cannot be read are EFAULT within FD_SETSIZE; behind it they are empty, since
 * the kernel cuts nfds down to the size of the descriptor table before it reads. */
static int bitmaps_word(const struct bitmaps *b, unsigned w, unsigned long v[3]) {
    unsigned bits = b->cnt - w * (unsigned)WORD_BITS;
    unsigned long keep = bits >= WORD_BITS ? ~0UL : (1UL << bits) - 1;
    for (int i = 0; i < 3; i++) {
        v[i] = 0;
        if (!b->user[i])
            continue;
        if (user_copy_in(&v[i], b->user[i] + w, sizeof v[i])) {
            if (w * WORD_BITS < FD_SETSIZE)
                return -EFAULT;
            v[i] = 0;
        }
        v[i] &= keep;
    }
    return 0;
}

static unsigned bitmaps_words(const struct bitmaps *b) {
    return (b->cnt + (unsigned)WORD_BITS - 1) / (unsigned)WORD_BITS;
}

/* Is one of ours in it? *cnt: how many descriptors are. */
static bool sel_has_ours(const struct bitmaps *b, nfds_t *cnt) {
    bool ours = false;
    *cnt = 0;
    for (unsigned w = 0; w < bitmaps_words(b); w++) {
        unsigned long v[3];
        if (bitmaps_word(b, w, v) < 0)
            return false;
        for (unsigned long any = v[0] | v[1] | v[2]; any; any &= any - 1) {
            ++*cnt;
            if (fd_lookup((int)(w * WORD_BITS) + __builtin_ctzl(any)))
                ours = true;
        }
    }
    return ours;
}

static int sel_in(const struct bitmaps *b, struct poll_set *ps) {
    nfds_t n = 0;
    for (unsigned w = 0; w < bitmaps_words(b); w++) {
        unsigned long v[3];
        if (bitmaps_word(b, w, v) < 0)
            return -EFAULT;
        for (unsigned long any = v[0] | v[1] | v[2]; any; any &= any - 1) {
            int bit = __builtin_ctzl(any);
            if (n == ps->cnt)
                return -EFAULT; /* another thread writes to the bitmaps */
            struct pollfd *p = &ps->p[n++];
            *p = (struct pollfd){.fd = (int)(w * WORD_BITS) + bit};
            for (int i = 0; i < 3; i++)
                if (v[i] >> bit & 1)
                    p->events |= sel_events[i];
        }
    }
    ps->cnt = n;
    return 0;
}

/* Writes the words that had a bit: the others stay zero. Returns the number of bits. */
static int sel_out(const struct bitmaps *b, const struct poll_set *ps) {
    int bits = 0;
    for (nfds_t i = 0; i < ps->cnt;) {
        const unsigned w = (unsigned)(ps->p[i].fd < 0 ? ~ps->p[i].fd : ps->p[i].fd) / WORD_BITS;
        unsigned long v[3] = {0};
        bool had[3] = {false};
        for (; i < ps->cnt; i++) {
            const struct pollfd *p = &ps->p[i];
            const unsigned fd = (unsigned)(p->fd < 0 ? ~p->fd : p->fd);
            if (fd / WORD_BITS != w)
                break;
            for (int j = 0; j < 3; j++) {
                if (!(p->events & sel_events[j]))
                    continue;
                had[j] = true;
                if (!(p->revents & sel_events[j]))
                    continue;
                v[j] |= 1UL << fd % WORD_BITS;
                bits++;
            }
        }
        for (int j = 0; j < 3; j++)
            if (had[j] && user_copy_out(b->user[j] + w, &v[j], sizeof v[j]))
                return -EFAULT;
    }
    return bits;
}

static int sel_run(const struct bitmaps *b, struct poll_set *ps, uint64_t deadline_ns,
                   const sigset_t *mask) {
    ps->sel = true;
    int r = sel_in(b, ps);
    if (r == 0)
        r = set_wait(ps, deadline_ns, mask);
    return r < 0 ? r : sel_out(b, ps);
}

static int sel_ours(const struct bitmaps *b, nfds_t cnt, uint64_t deadline_ns,
                    const sigset_t *mask) {
    struct poll_set ps = {0};
    if (cnt <= NEAR_CNT) {
        _Alignas(struct pollfd) char
            near_mem[(2 * NEAR_CNT + 2) * sizeof(struct pollfd) + NEAR_CNT * sizeof(uint32_t)];
        set_place(&ps, near_mem, cnt);
        return sel_run(b, &ps, deadline_ns, mask);
    }
    struct poll_mem m;
    if (set_alloc(&ps, &m, cnt) < 0)
        return -ENOMEM;
    int r = sel_run(b, &ps, deadline_ns, mask);
    set_free(&m);
    return r;
}

static bool bitmaps_init(struct bitmaps *b, int cnt, fd_set *rd, fd_set *wr, fd_set *ex,
                         nfds_t *bits) {
    if (!host_stack() || cnt <= 0)
        return false;
    *b = (struct bitmaps){.user = {(void *)rd, (void *)wr, (void *)ex},
                          .cnt = UST_MIN((unsigned)cnt, NFDS_MAX)};
    return sel_has_ours(b, bits);
}

/* Linux counts the time that passed off the caller's timeval; whether it can be written is not looked at. */
static void timeval_left(struct timeval *timeout, uint64_t deadline_ns) {
    struct timeval left = {0, 0};
    uint64_t now_ns = host_now();
    if (deadline_ns == TIME_NEVER)
        return;
    if (deadline_ns > now_ns) {
        uint64_t us = (deadline_ns - now_ns) / NS_PER_US;
        left = (struct timeval){(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};
    }
    (void)user_copy_out(timeout, &left, sizeof left);
}

static int select_ours(const struct bitmaps *b, nfds_t bits, struct timeval *timeout) {
    uint64_t deadline_ns = TIME_NEVER;
    struct timeval tv;
    if (timeout) {
        if (user_copy_in(&tv, timeout, sizeof tv))
            return -EFAULT;
        if (tv.tv_sec < 0 || tv.tv_usec < 0)
            return -EINVAL;
        /* Microseconds may be a million and more. */
        uint64_t usec = (uint64_t)tv.tv_usec;
        deadline_ns =
            deadline_after((uint64_t)tv.tv_sec + usec / 1000000, usec % 1000000 * NS_PER_US);
    }
    int r = sel_ours(b, bits, deadline_ns, NULL);
    if (timeout && r != NOT_OURS)
        timeval_left(timeout, deadline_ns);
    return r;
}

EXPORT int select(int cnt, fd_set *rd, fd_set *wr, fd_set *ex, struct timeval *timeout) {
    struct bitmaps b;
    nfds_t bits;
    if (!bitmaps_init(&b, cnt, rd, wr, ex, &bits))
        return real.select(cnt, rd, wr, ex, timeout);
    enter();
    int r = select_ours(&b, bits, timeout);
    if (r != NOT_OURS)
        return (int)leave_ret(r);
    leave();
    return real.select(cnt, rd, wr, ex, timeout);
}

EXPORT int __select(int cnt, fd_set *rd, fd_set *wr, fd_set *ex, struct timeval *timeout) {
    return select(cnt, rd, wr, ex, timeout);
}

static int pselect_ours(const struct bitmaps *b, nfds_t bits, const struct timespec *timeout,
                        const sigset_t *mask) {
    uint64_t deadline_ns = TIME_NEVER;
    struct timespec ts;
    sigset_t set;
    if (timeout) {
        if (user_copy_in(&ts, timeout, sizeof ts))
            return -EFAULT;
        if (!timespec_ok(&ts))
            return -EINVAL;
        deadline_ns = deadline_after((uint64_t)ts.tv_sec, (uint64_t)ts.tv_nsec);
    }
    if (mask && mask_in(&set, mask) < 0)
        return -EFAULT;
    return sel_ours(b, bits, deadline_ns, mask ? &set : NULL);
}

EXPORT int pselect(int cnt, fd_set *rd, fd_set *wr, fd_set *ex, const struct timespec *timeout,
                   const sigset_t *mask) {
    struct bitmaps b;
    nfds_t bits;
    if (!bitmaps_init(&b, cnt, rd, wr, ex, &bits))
        return real.pselect(cnt, rd, wr, ex, timeout, mask);
    enter();
    int r = pselect_ours(&b, bits, timeout, mask);
    if (r != NOT_OURS)
        return (int)leave_ret(r);
    leave();
    return real.pselect(cnt, rd, wr, ex, timeout, mask);
}
