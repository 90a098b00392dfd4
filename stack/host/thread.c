/* SPDX-License-Identifier: ISC */
/*
 * The stack thread: drives when no application thread does. It has every signal blocked, a small
 * stack, and one sleeping call.
 *
 *     TICK    an application thread drives, or did a moment ago: looks every TICK_NS (TICK_BUSY_NS
 *             while threads sleep without driving), and ever more rarely as long as there is
 *             nothing for it to do. If the seat is free it takes a burst itself; if no application
 *             has taken the lock either since the last look, it takes the seat: DRIVE.
 *     PARKED  an application thread sleeps in the seat and nothing has happened for PARK_TICKS: no
 *             timeout. Who leaves the seat kicks it.
 *     DRIVE   sleeps until the next frame or deadline, for ever if there is none.
 *
 * A driver that should have woken by itself STUCK_NS ago was stopped: its seat is taken. The
 * control socket is served here in every mode. What waits long for the kernel (a better way to
 * receive) is done by a short-lived thread beside it.
 */
#include <stdio.h>
#include <sys/prctl.h>

#include "host/control.h"
#include "host/priv.h"
#include "host/sys.h"

#define THREAD_STACK_BYTES (256u << 10)
#define THREAD_STACK_MAX (64u << 20)
#define TICK_NS NS_PER_MS
#define TICK_MAX_NS (4 * NS_PER_MS)
#define TICK_GROW_CNT 4 /* idle looks before the tick doubles */
#define TICK_BUSY_NS (NS_PER_MS / 4)
#define PARK_TICKS 16
#define STUCK_NS (20 * NS_PER_MS)
#define HOUSE_NS (200 * NS_PER_MS)
#define PUNCH_RUNS 16
/* All but 32 and 33, with which libc cancels threads and changes the ids of all of them at once. */
#define SIGNALS_ALL (~(3ULL << 31))

struct watch { /* what the last tick saw */
    uint64_t app_locks, bursts, kept_ns;
    uint32_t idle, seat;
    uint32_t calm; /* looks in a row at which there was nothing to take over */
    bool upgraded;
    bool punching; /* freed memory is waiting to be given back */
    bool watching; /* other processes may die, and there is no keeper to notice */
};

/* The driver does not do what it said, or holds the seat without sleeping and without working. */
static bool stuck(const struct host_shared *s, const struct watch *w, uint32_t d, uint64_t now_ns) {
    uint64_t wake = atomic_load(&s->wake_ns[SEAT_INDEX(d)]);
    if (wake == 0)
        return w->idle >= PARK_TICKS;
    return wake != TIME_NEVER && now_ns > wake && now_ns - wake > STUCK_NS;
}

/* Lock held: what to do now. */
static enum host_thread_mode decide(struct watch *w, uint64_t now_ns) {
    struct host_local *h = &host_local;
    struct host_shared *s = h->s;
    uint32_t d = atomic_load(&s->driver);
    bool quiet = s->app_locks == w->app_locks;
    w->idle = quiet && s->cnt.bursts == w->bursts ? w->idle + 1 : 0;
    w->app_locks = s->app_locks;
    w->bursts = s->cnt.bursts;
    w->punching = h->st->core.arena.punch_cnt > 0;
    w->watching = host_proc_cnt() > 1;
    if (d != 0 && d == w->seat)
        return THREAD_DRIVE;
    bool lost = d != 0 && stuck(s, w, d, now_ns);
    s->cnt.lost_sleeps += lost;
    if (lost || (d == 0 && quiet)) {
        w->seat = seat_take(host_local.thread_evfd, true);
        return THREAD_DRIVE;
    }
    return d != 0 && w->idle >= PARK_TICKS && !w->punching ? THREAD_PARKED : THREAD_TICK;
}

/* Lock held, five times a second at most: freed memory is given back, the wall clock followed. */
static void keep_house(struct watch *w, uint64_t now_ns) {
    void *p;
    uint64_t len;
    if (now_ns - w->kept_ns < HOUSE_NS)
        return;
    w->kept_ns = now_ns;
    if (host_proc_cnt() > 1)
        proc_bury_dead(now_ns);
    host_local.st->core.trace.wall_off_ns = host_wall_offset();
    for (int i = 0; i < PUNCH_RUNS && arena_take_punch(&host_local.st->core.arena, &p, &len); i++) {
        sys_madvise(p, len, MADV_REMOVE);
        host_local.s->cnt.punched_bytes += len;
    }
}

/* Decides what to do; takes a turn if nobody else drives. */
static enum host_thread_mode look(struct watch *w) {
    struct host_local *h = &host_local;
    struct host_shared *s = h->s;
    if (s->backup_mode == THREAD_TICK && !lock_try())
        return THREAD_TICK; /* somebody is at work */
    if (s->backup_mode != THREAD_TICK)
        lock_take();
    uint64_t now_ns = host_now();
    if (s->backup_pid != h->pid) { /* relieved */
        seat_leave(w->seat);
        evfd_release(h->thread_evfd);
        h->thread = false;
        lock_drop();
        return THREAD_NONE;
    }
    enum host_thread_mode mode = decide(w, now_ns);
    s->backup_mode = (uint8_t)mode;
    bool driving = mode == THREAD_DRIVE;
    w->calm++;
    if (driving || (mode == THREAD_TICK && atomic_load(&h->s->driver) == 0)) {
        h->s->cnt.services++;
        uint64_t before = h->s->cnt.bursts;
        if (h->up)
            turn_burst(now_ns);
        if (driving || h->s->cnt.bursts != before)
            w->calm = 0;
        keep_house(w, now_ns);
        turn_unlock(now_ns, NULL, driving);
    } else {
        keep_house(w, now_ns);
        turn_unlock(now_ns, NULL, false);
    }
    if (mode == THREAD_PARKED && h->cap)
        capture_write(h->cap);
    return mode;
}

/* In a thread of its own: it waits for the kernel, which may take dozens of milliseconds. */
static void *upgrade_main(void *arg) {
    struct host_local *h = &host_local;
    struct dev *d = &h->dev;
    (void)arg;
    if (!d->ops->upgrade(d, DEV_UPGRADE_PREPARE))
        return NULL;
    uint64_t now_ns = turn_lock();
    if (h->up && d->ops->upgrade(d, DEV_UPGRADE_SWITCH)) {
        while (turn_burst(now_ns)) /* what waits in the old one, to its end */
            ;
        h->kick_driver = true; /* it sleeps on the old one */
    }
    turn_unlock(now_ns, NULL, false);
    d->ops->upgrade(d, DEV_UPGRADE_CLEAN);
    return NULL;
}

static int spawn(void *(*fn)(void *), pthread_t *tid) {
    pthread_attr_t a;
    const uint64_t all = SIGNALS_ALL;
    uint64_t old;
    size_t size = THREAD_STACK_BYTES;
    int r;
    pthread_attr_init(&a);
    pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
    sys_sigprocmask(SIG_SETMASK, &all, &old);
    do { /* a program with large thread-local variables needs more */
        pthread_attr_setstacksize(&a, size);
        r = pthread_create(tid, &a, fn, NULL);
        size *= 4;
    } while (r == EINVAL && size <= THREAD_STACK_MAX);
    sys_sigprocmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&a);
    return -r;
}

static void upgrade(struct watch *w) {
    struct dev *d = &host_local.dev;
    pthread_t tid;
    if (w->upgraded || !d->ops->upgrade || !d->ops->upgrade(d, DEV_UPGRADE_WANTED))
        return;
    w->upgraded = true;
    spawn(upgrade_main, &tid);
}

static uint64_t tick_ns(const struct watch *w) {
    uint64_t ns = atomic_load(&host_local.s->sleepers) > 1 ? TICK_BUSY_NS : TICK_NS;
    return UST_MIN(ns << UST_MIN(w->calm / TICK_GROW_CNT, 4u), TICK_MAX_NS);
}

/* One sleep in the mode that look() chose. */
static void rest(const struct watch *w, enum host_thread_mode mode) {
    struct host_local *h = &host_local;
    bool drive = mode == THREAD_DRIVE;
    int own = h->thread_evfd;
    struct pollfd p[3] = {{.fd = h->evfd[own], .events = POLLIN},
                          {.fd = h->ctl_fd, .events = POLLIN},
                          {.fd = dev_fd(), .events = POLLIN}};
    uint64_t now = host_now(), until = TIME_NEVER;
    if (dev_is_blocked())
        p[2].events |= POLLOUT;
    if (drive) {
        if (h->dev.ops->pending(&h->dev))
            return;
        until = seat_announce(own, w->punching || w->watching ? now + HOUSE_NS : TIME_NEVER);
        if (!seat_is(w->seat)) /* taken meanwhile: that kick may have been drained already */
            until = now;
    } else if (mode == THREAD_TICK) {
        until = now + tick_ns(w);
    } else if (w->watching) {
        until = now + HOUSE_NS;
    }
    struct timespec ts = sleep_time(now, until);
    long r = sys_ppoll(p, drive ? 3 : 2, &ts, NULL);
    if (drive)
        seat_awake(own);
    if (r <= 0)
        return;
    if (p[0].revents)
        evfd_drain(own);
    if (p[1].revents)
        control_serve(h->ctl_fd);
    if (drive && p[2].revents & ~(POLLIN | POLLOUT))
        turn_dev_error(p[2].revents);
}

static void *thread_main(void *arg) {
    struct watch w = {0};
    (void)arg;
    sys_prctl(PR_SET_NAME, (unsigned long)(uintptr_t) "userstack");
    sys_prctl(PR_SET_TIMERSLACK, 1);
    for (;;) {
        enum host_thread_mode mode = look(&w);
        if (mode == THREAD_NONE)
            return NULL;
        if (mode != THREAD_PARKED)
            upgrade(&w);
        rest(&w, mode);
    }
    return NULL;
}

void backup_clear(void) {
    struct host_shared *s = host_local.s;
    atomic_store(&s->backup_pid, 0);
    s->backup_mode = THREAD_NONE;
}

int thread_start(void) {
    struct host_local *h = &host_local;
    struct host_shared *s = h->s;
    lock_take();
    int i = evfd_claim(), spare = evfd_claim(); /* spare: a program out of descriptors can poll */
    evfd_release(spare);
    h->thread_evfd = i;
    h->thread = i >= 0;
    if (h->thread) {
        atomic_store(&s->backup_pid, h->pid);
        s->backup_evfd = i;
        s->backup_mode = THREAD_TICK;
    }
    lock_drop();
    int r = h->thread ? spawn(thread_main, &h->tid) : -EMFILE;
    if (r < 0 && h->thread) {
        lock_take();
        h->thread = false;
        backup_clear();
        evfd_release(i);
        lock_drop();
    }
    return r;
}

void backup_ensure(void) {
    struct host_local *h = &host_local;
    uint32_t pid = atomic_load_explicit(&h->s->backup_pid, memory_order_relaxed);
    if (UST_LIKELY(pid == h->pid) || !h->up)
        return;
    if (pid != 0 && !pid_is_dead(pid))
        return;
    pthread_mutex_lock(&h->life_lock);
    if (!h->thread) {
        uint64_t now_ns = turn_lock();
        proc_bury_dead(now_ns);
        turn_unlock(now_ns, NULL, false);
        thread_start();
    }
    pthread_mutex_unlock(&h->life_lock);
}
