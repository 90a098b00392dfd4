/* SPDX-License-Identifier: ISC */
/*
 * How an application thread sleeps.
 *
 * It takes the driver's seat if that is free and then sleeps in one ppoll of {the caller's fds,
 * its own eventfd, the device}, doing its own receiving: nothing is handed from thread to thread.
 * Otherwise it sleeps on a futex in the arena, or, if fds are to be watched, in ppoll with its
 * eventfd.
 *
 * The seat is taken from a driver that is of no use to itself: the stack thread, and anybody
 * whose last FUTILE_MAX bursts woke others only (a thread in accept() beside a busy one). The one
 * who lost it is kicked once, so that it stops watching the device.
 *
 * Signals. Handlers of the program may run only while this thread is in the sleeping system call
 * or just before it (busy false); host_wait_cancel() then takes the waiter away and zeroes the
 * time that the system call is about to read, so that a sleep that has not begun yet ends at
 * once. That is why even an endless sleep carries a time.
 */
#include <linux/futex.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/un.h>

#include "host/priv.h"
#include "host/sys.h"

#define FUTILE_MAX 16
#define SELECT_BITS 8192        /* descriptors that select() is asked about in place of ppoll() */
#define SLEEP_MAX_S 1000000000L /* 30 years */
#define SPIN_POLL_NS (20 * NS_PER_US) /* foreign fds are looked at that often while spinning */

/* ---- eventfds ---- */

static int evfd_make(int i) {
    long fd = sys_eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0)
        return -1;
    host_local.evfd[i] = host_fd_raise((int)fd);
    return i;
}

/*
 * Beyond the pool a sleeper polls a datagram socket that whoever has no copy of it reaches by its
 * name, five digits that the kernel chose: so that no process has to hold a thousand descriptors.
 */
static int named_make(int i) {
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    socklen_t len = sizeof sa;
    unsigned name;
    long fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (sys_bind((int)fd, (struct sockaddr *)&sa, sizeof sa.sun_family) < 0 ||
        SYS_CALL3(SYS_getsockname, fd, &sa, &len) < 0 ||
        sscanf(sa.sun_path + 1, "%5x", &name) != 1) {
        sys_close((int)fd);
        return -1;
    }
    host_local.evfd[i] = host_fd_raise((int)fd);
    host_local.named[i] = name;
    return i;
}

static void named_write(uint32_t name) {
    struct host_local *h = &host_local;
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    char text[8];
    if (h->name_fd < 0) {
        long fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
            return;
        h->name_fd = host_fd_raise((int)fd);
    }
    snprintf(text, sizeof text, "%05x", name);
    memcpy(sa.sun_path + 1, text, 5);
    sys_sendto(h->name_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&sa,
               offsetof(struct sockaddr_un, sun_path) + 6);
}

void pool_make(void) {
    for (int i = 0; i < HOST_POOL_CNT; i++)
        if (host_local.evfd[i] == 0 && evfd_make(i) < 0)
            return;
}

int evfd_claim(void) {
    struct host_shared *s = host_local.s;
    for (unsigned w = 0; w < UST_ARRAY_CNT(s->evfd_used); w++) {
        if (s->evfd_used[w] == UINT64_MAX)
            continue;
        unsigned bit = (unsigned)__builtin_ctzll(~s->evfd_used[w]);
        int i = (int)(w * 64 + bit);
        if (host_local.evfd[i] == 0 && (i < HOST_POOL_CNT ? evfd_make(i) : named_make(i)) < 0)
            return -1;
        s->evfd_used[w] |= 1ULL << bit;
        s->evfd_pid[i] = host_local.pid;
        s->evfd_name[i] = host_local.named[i];
        return i;
    }
    return -1;
}

void evfd_release(int i) {
    if (i >= 0)
        host_local.s->evfd_used[i / 64] &= ~(1ULL << (i % 64));
}

void evfd_release_of(uint32_t pid) {
    struct host_shared *s = host_local.s;
    int driver = SEAT_INDEX(atomic_load(&s->driver));
    for (int i = 0; i < HOST_EVFD_CNT; i++) {
        if (!(s->evfd_used[i / 64] >> (i % 64) & 1) || s->evfd_pid[i] != pid)
            continue;
        evfd_release(i);
        seat_awake(i);
        if (i == driver) {
            atomic_store(&s->driver, 0);
            host_local.kick_thread = true; /* somebody has to drive */
        }
    }
}

void evfd_write(int i) {
    static const uint64_t one = 1;
    if (i < HOST_POOL_CNT)
        sys_write(host_local.evfd[i], &one, sizeof one);
    else
        named_write(__atomic_load_n(&host_local.s->evfd_name[i], __ATOMIC_RELAXED));
}

void evfd_drain(int i) {
    uint64_t v;
    while (sys_read(host_local.evfd[i], &v, sizeof v) > 0 && i >= HOST_POOL_CNT)
        ;
}

/* ---- the seat ---- */

uint32_t seat_take(int evfd, bool thread) {
    struct host_shared *s = host_local.s;
    uint32_t old = atomic_load_explicit(&s->driver, memory_order_relaxed);
    if (old != 0) {
        s->cnt.steals++;
        host_local.kick_old = SEAT_INDEX(old) + 1;
    }
    uint32_t seat = ++s->seat_seq << 16 | (thread ? SEAT_THREAD : 0u) | (uint32_t)(evfd + 1);
    seat_awake(evfd);
    s->futile = 0;
    s->cnt.seats++;
    atomic_store_explicit(&s->driver, seat, memory_order_release);
    return seat;
}

void seat_leave(uint32_t seat) {
    if (seat == 0 || !seat_is(seat))
        return;
    atomic_store_explicit(&host_local.s->driver, 0, memory_order_release);
    if (host_local.s->backup_mode == THREAD_PARKED) /* it would not notice */
        host_local.kick_thread = true;
}

uint64_t seat_announce(int evfd, uint64_t limit_ns) {
    struct host_shared *s = host_local.s;
    for (;;) {
        uint64_t t = UST_MIN(atomic_load(&s->deadline_ns), limit_ns);
        atomic_store(&s->wake_ns[evfd], t);
        if (atomic_load(&s->deadline_ns) >= t)
            return t;
    }
}

static bool seat_is_for_app(const struct host_shared *s) {
    uint32_t d = atomic_load_explicit(&s->driver, memory_order_relaxed);
    return d == 0 || (d & SEAT_THREAD) || s->futile >= FUTILE_MAX;
}

/* ---- one sleep ---- */

struct timespec sleep_time(uint64_t now_ns, uint64_t until_ns) {
    uint64_t ns = until_ns > now_ns ? until_ns - now_ns : 0;
    struct timespec ts = {.tv_sec = SLEEP_MAX_S};
    if (until_ns != TIME_NEVER && ns / NS_PER_S < (uint64_t)SLEEP_MAX_S) {
        ts.tv_sec = (time_t)(ns / NS_PER_S);
        ts.tv_nsec = (long)(ns % NS_PER_S);
    }
    return ts;
}

int host_wait_begin(struct host_wait *hw, bool needs_poll) {
    struct host_local *h = &host_local;
    struct host_shared *s = h->s;
    memset(hw, 0, sizeof *hw);
    hw->evfd = -1;
    hw->up = h->up;
    bool drive = h->up && (seat_is_for_app(s) || !backup_exists());
    if (drive || needs_poll) {
        hw->evfd = (int16_t)evfd_claim();
        if (hw->evfd < 0 && needs_poll)
            return -ENOBUFS;
    }
    hw->w = waiter_new(&h->st->socks, hw->evfd >= 0 ? WAITER_EVENTFD : WAITER_FUTEX, h->pid);
    if (!hw->w) {
        evfd_release(hw->evfd);
        return -ENOBUFS;
    }
    if (hw->evfd >= 0)
        hw->w->evfd = (uint16_t)hw->evfd;
    hw->word0 = hw->w->word;
    if (drive && hw->evfd >= 0 && seat_is_for_app(s))
        hw->seat = seat_take(hw->evfd, false);
    atomic_fetch_add_explicit(&s->sleepers, 1, memory_order_relaxed);
    return 0;
}

/* Lock held: nothing of the sleep is left. */
static void give_up(struct host_wait *hw) {
    struct host_local *h = &host_local;
    waiter_free(&h->st->socks, hw->w);
    evfd_release(hw->evfd);
    atomic_fetch_sub_explicit(&h->s->sleepers, 1, memory_order_relaxed);
    seat_leave(hw->seat);
}

void host_wait_end(struct host_wait *hw) {
    if (!hw->cancelled)
        give_up(hw);
    hw->cancelled = true;
}

bool host_wait_cancel(struct host_wait *hw) {
    if (hw->busy) {
        hw->interrupted = true;
        return false;
    }
    if (hw->cancelled)
        return true;
    lock_take();
    give_up(hw);
    hw->cancelled = true;
    hw->ts = (struct timespec){0, 0};
    turn_unlock(host_now(), NULL, false);
    return true;
}

static bool is_woken(const struct host_wait *hw) {
    return __atomic_load_n(&hw->w->word, __ATOMIC_ACQUIRE) != hw->word0;
}

/* Does this thread read the device? Without a stack thread everybody does who can. */
static bool is_driving(const struct host_wait *hw) {
    if (hw->evfd < 0 || !hw->up)
        return false;
    return (hw->seat != 0 && seat_is(hw->seat)) || !backup_exists();
}

static void service(const struct host_wait *hw) {
    uint64_t now_ns = turn_lock();
    turn_unlock(now_ns, hw->w, true);
}

static bool dev_pending(void) {
    struct dev *d = &host_local.dev;
    return d->ops->pending(d);
}

struct sleep {
    struct pollfd *fd; /* the caller's, then ours */
    nfds_t cnt;
    uint64_t deadline_ns;
    const sigset_t *mask;
    bool cancellable;
};

/*
 * A cancellation unwinds these frames without a word to the address sanitizer, which would go on
 * believing in their red zones: they have none.
 */
#define MAY_BE_UNWOUND __attribute__((no_sanitize("address")))

/*
 * ppoll(), which refuses more descriptors than RLIMIT_NOFILE allows a process that has them open
 * all the same; select() does not.
 */
MAY_BE_UNWOUND static long poll_any(struct pollfd *p, nfds_t cnt, struct timespec *ts,
                                    const sigset_t *mask) {
    long r = sys_ppoll(p, cnt, ts, mask);
    if (UST_LIKELY(r != -EINVAL))
        return r;
    unsigned long set[3][SELECT_BITS / 64];
    const struct {
        const void *mask;
        size_t len;
    } packed = {mask, SYS_SIGSET_BYTES};
    const short events[3] = {POLLIN, POLLOUT, POLLPRI};
    int top = 0;
    memset(set, 0, sizeof set);
    for (nfds_t i = 0; i < cnt; i++) {
        p[i].revents = 0;
        for (int k = 0; k < 3 && p[i].fd >= 0 && p[i].fd < SELECT_BITS; k++)
            if (p[i].events & events[k]) {
                set[k][p[i].fd / 64] |= 1UL << (p[i].fd % 64);
                top = UST_MAX(top, p[i].fd + 1);
            }
    }
    r = SYS_CALL6(SYS_pselect6, top, set[0], set[1], set[2], ts, mask ? &packed : NULL);
    for (nfds_t i = 0; i < cnt && r > 0; i++)
        for (int k = 0; k < 3 && p[i].fd >= 0 && p[i].fd < SELECT_BITS; k++)
            if (set[k][p[i].fd / 64] >> (p[i].fd % 64) & 1)
                p[i].revents |= events[k];
    return r;
}

/*
 * The system call, with busy false around it. hw->ts is the time. Negative errno, or what ppoll
 * says.
 */
MAY_BE_UNWOUND static long sleep_call(struct host_wait *hw, const struct sleep *sl, nfds_t cnt) {
    long r;
    int old = 0;
    hw->busy = false;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (hw->interrupted || hw->cancelled) {
        r = -EINTR;
    } else {
        if (sl->cancellable)
            pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
        if (hw->evfd < 0)
            r = sys_futex(&hw->w->word, FUTEX_WAIT, hw->word0, &hw->ts);
        else
            r = poll_any(sl->fd, cnt, &hw->ts, sl->mask);
        if (sl->cancellable)
            pthread_setcanceltype(old, NULL);
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    hw->busy = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    return r;
}

static bool any_ready(const struct sleep *sl) {
    for (nfds_t i = 0; i < sl->cnt; i++)
        if (sl->fd[i].revents)
            return true;
    return false;
}

/* Busy polling before the sleep. True: woken. */
static bool spin(struct host_wait *hw, const struct sleep *sl) {
    uint64_t now = host_now(), polled = now;
    uint64_t end = UST_MIN(now + host_local.cfg.spin_us * NS_PER_US, sl->deadline_ns);
    for (; now < end && !hw->interrupted; now = host_now()) {
        if (is_woken(hw))
            return true;
        if (is_driving(hw) && (dev_pending() || atomic_load(&host_local.s->deadline_ns) <= now))
            service(hw);
        if (sl->cnt > 0 && now - polled > SPIN_POLL_NS) {
            struct timespec zero = {0, 0};
            polled = now;
            if (sys_ppoll(sl->fd, sl->cnt, &zero, NULL) > 0)
                return false;
        }
    }
    return false;
}

MAY_BE_UNWOUND static enum host_wait_result sleep_futex(struct host_wait *hw,
                                                        const struct sleep *sl) {
    for (;;) {
        if (is_woken(hw))
            return HOST_WOKEN;
        uint64_t now = sl->deadline_ns == TIME_NEVER ? 0 : host_now();
        if (now >= sl->deadline_ns)
            return HOST_TIMEOUT;
        hw->ts = sleep_time(now, sl->deadline_ns);
        long r = sleep_call(hw, sl, 0);
        if (hw->cancelled || hw->interrupted || r == -EINTR)
            return HOST_SIGNAL;
    }
}

MAY_BE_UNWOUND static enum host_wait_result sleep_poll(struct host_wait *hw, struct sleep *sl) {
    struct host_local *h = &host_local;
    struct pollfd *own = &sl->fd[sl->cnt], *dev = own + 1;
    for (;;) {
        bool driving = is_driving(hw);
        while (driving && !is_woken(hw) && dev_pending())
            service(hw);
        if (is_woken(hw)) /* what else is ready the caller asks for itself */
            return HOST_WOKEN;
        uint64_t until = driving ? seat_announce(hw->evfd, sl->deadline_ns) : sl->deadline_ns;
        uint64_t now = until == TIME_NEVER ? 0 : host_now();
        hw->ts = sleep_time(now, until);
        *own = (struct pollfd){.fd = h->evfd[hw->evfd], .events = POLLIN};
        *dev = (struct pollfd){.fd = dev_fd(),
                               .events = (short)(dev_is_blocked() ? POLLIN | POLLOUT : POLLIN)};
        long r = sleep_call(hw, sl, sl->cnt + (driving ? 2 : 1));
        if (driving)
            seat_awake(hw->evfd);
        if (hw->cancelled)
            return HOST_SIGNAL;
        if (r > 0 && own->revents)
            evfd_drain(hw->evfd);
        if (r > 0 && driving && dev->revents & ~(POLLIN | POLLOUT))
            turn_dev_error(dev->revents);
        if (driving && (r == 0 || (r > 0 && dev->revents)))
            service(hw);
        if (hw->interrupted || r == -EINTR)
            return HOST_SIGNAL;
        if (r < 0)
            return HOST_EXTRA; /* the caller's ppoll will say what is wrong with its fds */
        if (is_woken(hw))
            return HOST_WOKEN;
        if (r > 0 && any_ready(sl))
            return HOST_EXTRA;
        if (r == 0 && sl->deadline_ns != TIME_NEVER && host_now() >= sl->deadline_ns)
            return HOST_TIMEOUT;
    }
}

MAY_BE_UNWOUND static enum host_wait_result sleep_any(struct host_wait *hw, struct sleep *sl) {
    if (host_local.cfg.spin_us > 0 && spin(hw, sl))
        return HOST_WOKEN;
    return hw->evfd < 0 ? sleep_futex(hw, sl) : sleep_poll(hw, sl);
}

static void on_cancellation(void *hw) { host_wait_cancel(hw); }

static enum host_wait_result sleep_cancellable(struct host_wait *hw, struct sleep *sl) {
    enum host_wait_result r;
    pthread_cleanup_push(on_cancellation, hw);
    r = sleep_any(hw, sl);
    pthread_cleanup_pop(0);
    return r;
}

enum host_wait_result host_wait(struct host_wait *hw, struct pollfd *extra, nfds_t cnt,
                                uint64_t deadline_ns, const sigset_t *mask, bool cancellable) {
    struct pollfd room[2];
    struct sleep sl = {cnt > 0 ? extra : room, cnt, deadline_ns, mask, cancellable};
    for (nfds_t i = 0; i < cnt; i++)
        extra[i].revents = 0;
    enum host_wait_result r = HOST_SIGNAL;
    hw->busy = true;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    backup_ensure();
    if (!hw->cancelled)
        r = cancellable ? sleep_cancellable(hw, &sl) : sleep_any(hw, &sl);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    hw->busy = false;
    return r;
}
