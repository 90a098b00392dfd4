/* SPDX-License-Identifier: ISC */
/*
 * epoll. The program's epoll descriptor stays a real one of the kernel, with the kernel's members inside; our members are in a struct epset of the arena
 * that the descriptor table knows under the same number (and its dups, since the table follows them).
 *
 * When does a set get its epset? At creation, if the configuration is valid: then the process attaches, which costs no more than mapping the arena. A set from
 * elsewhere (made by a bare system call, inherited through exec) gets it when the first of ours is added; dups made before that keep to the kernel's half.
 *
 * epoll_wait: ours first, up to maxevents, then the kernel's in what room is left. If ours filled all of it, the kernel's come first the next time, so that
 * neither starves the other. Nothing there: a waiter on the epset and one sleep with the kernel's epoll descriptor as the extra one, left out if nobody ever added a
 * member of the kernel's (epset.kernel_cnt); adding the first one wakes the sleepers, so that they take it along.
 *
 * An epoll set inside another is a member on both sides: our items say when our half is ready, the kernel's member when its own half is. If
 * both are, epoll_wait reports it twice, which a program cannot tell from two events in a row.
 */
#include "worlds.h"
#include "decide.h"

#include <limits.h>
#include <sys/epoll.h>

#include "host/sys.h"

#define HARVEST_MAX                                                                                \
    128 /* events of ours in one call: the kernel too may give fewer than there are */
#define MAXEVENTS_MAX (INT_MAX / (int)sizeof(struct epoll_event))
#define NOT_OURS INT32_MIN /* libc shall have the call */

static struct socks *socks(void) { return &host_stack()->socks; }

static long sys_epoll_ctl(int ep, int op, int fd, struct epoll_event *ev) {
    return SYS_CALL4(SYS_epoll_ctl, ep, op, fd, ev);
}

/* What the kernel's half has now. */
static int kernel_harvest(int ep, struct epoll_event *ev, int max) {
    return (int)SYS_CALL6(SYS_epoll_pwait, ep, ev, max, 0, 0, SYS_SIGSET_BYTES);
}

/* ---- creation ---- */

/* Puts a new epset under the number ep. kernel_cnt: members that the kernel's half may have already. */
static int epset_install(int ep, uint32_t kernel_cnt, bool cloexec) {
    struct epset *e = epset_new(socks());
    if (!e)
        return -ENOMEM;
    e->kernel_cnt = kernel_cnt;
    int r = fd_install(ep, FD_EPOLL, e, cloexec);
    if (r < 0)
        epset_drop(socks(), e);
    return r;
}

/* Whatever fails here leaves a plain set of the kernel; the first of ours that is added tries again. */
static int created(int ep, bool cloexec) {
    int saved = errno;
    if (ep < 0)
        return ep;
    if (stack_is_configured() && stack_ready() == 0) {
        enter();
        uint64_t now_ns = host_lock();
        (void)epset_install(ep, 0, cloexec);
        host_unlock(now_ns);
        leave();
    }
    errno = saved;
    return ep;
}

EXPORT int epoll_create(int size) { return created(real.epoll_create(size), false); }

EXPORT int epoll_create1(int flags) {
    return created(real.epoll_create1(flags), flags & EPOLL_CLOEXEC);
}

/* ---- epoll_ctl ---- */

static bool op_known(int op) {
    return op == EPOLL_CTL_ADD || op == EPOLL_CTL_MOD || op == EPOLL_CTL_DEL;
}

/* A number that we do not know as a set, and one of ours shall go in: the kernel says what it is. fd is a placeholder, which no kernel set has. */
static int adopt(int ep, int fd) {
    struct epoll_event none = {0};
    long r = sys_epoll_ctl(ep, EPOLL_CTL_MOD, fd, &none);
    if (r < 0 && r != -ENOENT)
        return (int)r;
    bool cloexec = sys_fcntl(ep, F_GETFD, 0) & FD_CLOEXEC;
    uint64_t now_ns = host_lock();
    int rc = fd_lookup(ep) ? 0 : epset_install(ep, 1, cloexec);
    host_unlock(now_ns);
    return rc;
}

static int item_op(struct epset *e, int op, int fd, void *obj, enum wait_obj kind,
                   const struct epoll_event *ev) {
    if (op == EPOLL_CTL_ADD)
        return epset_add(socks(), e, fd, obj, kind, ev->events, ev->data.u64);
    if (op == EPOLL_CTL_MOD)
        return epset_mod(socks(), e, fd, obj, ev->events, ev->data.u64);
    return epset_del(socks(), e, fd, obj);
}

/* A socket that serves both worlds is a member on both sides. Where both are ready it is reported twice. */
static void half_follows(int ep, int op, int fd, struct epset *e, const struct epoll_event *ev) {
    struct epoll_event k = *ev;
    k.events &= ~(uint32_t)BOTH_NOT_ASKED;
    if (sys_epoll_ctl(ep, op, fd, &k) == 0)
        epset_kernel_member(e, op);
}

/* A socket of ours. The order of errors is the kernel's. */
static int ctl_sock(int ep, int op, int fd, struct epoll_event *user_ev) {
    struct epoll_event ev = {0};
    if (op != EPOLL_CTL_DEL && user_copy_in(&ev, user_ev, sizeof ev))
        return -EFAULT;
    struct fdent *ent = fd_lookup(ep);
    if (!ent || ent->kind != FD_EPOLL) {
        int r = adopt(ep, fd);
        if (r < 0)
            return r;
    }
    uint64_t now_ns = host_lock();
    struct sock *s = fd_sock(fd);
    struct epset *e = fd_epset(ep);
    int r = NOT_OURS;
    if (s && s->where != SOCK_KERNEL) {
        if (!e)
            r = -EBADF; /* closed meanwhile */
        else if (!op_known(op))
            r = -EINVAL;
        else
            r = item_op(e, op, fd, s, WAIT_SOCK, &ev);
        if (r == 0 && s->kernel_half)
            half_follows(ep, op, fd, e, &ev);
        TRACED(&host_stack()->core.trace, now_ns, POLL, "epoll_ctl(%d, %s, %d) events %x: %d", ep,
               op == EPOLL_CTL_ADD   ? "ADD"
               : op == EPOLL_CTL_MOD ? "MOD"
                                     : "DEL",
               fd, ev.events, r);
    }
    host_unlock(now_ns);
    return r;
}

/* Counts the kernel's members, and tells sleepers that do not watch the kernel's half yet. Lock held. */
void epset_kernel_member(struct epset *e, int op) {
    if (op == EPOLL_CTL_DEL && e->kernel_cnt > 0)
        e->kernel_cnt--;
    if (op != EPOLL_CTL_ADD || e->kernel_cnt++ > 0)
        return;
    struct wait_link *l;
    TAILQ_FOREACH (l, &e->waiters, obj_link)
        waiter_mark(socks(), l->waiter);
}

/* The kernel took it; ours follows: the count of members, and for a set inside the set our half of it. */
static int ctl_follow(int ep, int op, int fd, const struct epoll_event *ev) {
    int r = 0;
    uint64_t now_ns = host_lock();
    struct epset *e = fd_epset(ep);
    struct epset *inner = fd_epset(fd);
    if (e && inner)
        r = item_op(e, op, fd, inner, WAIT_EPSET, ev);
    /* A membership from before the inner set was known here. */
    if (r == -ENOENT)
        r = 0;
    if (e && r == 0)
        epset_kernel_member(e, op);
    host_unlock(now_ns);
    return r;
}

/* Not a socket of ours, but the set is. */
static int ctl_kernel(int ep, int op, int fd, struct epoll_event *user_ev) {
    struct epoll_event ev = {0};
    if (op != EPOLL_CTL_DEL && user_copy_in(&ev, user_ev, sizeof ev))
        return -EFAULT;
    int r = (int)sys_epoll_ctl(ep, op, fd, &ev);
    if (r < 0 || op == EPOLL_CTL_MOD) {
        struct fdent *ent = fd_lookup(fd);
        if (r < 0 || !ent || ent->kind != FD_EPOLL)
            return r;
    }
    r = ctl_follow(ep, op, fd, &ev);
    if (r < 0 && op == EPOLL_CTL_ADD)
        sys_epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
    return r;
}

EXPORT int epoll_ctl(int ep, int op, int fd, struct epoll_event *ev) {
    struct fdent *ent = fd_lookup(fd), *set = fd_lookup(ep);
    bool sock = ent && ent->kind == FD_SOCK;
    if (!sock && (!set || set->kind != FD_EPOLL))
        return real.epoll_ctl(ep, op, fd, ev);
    int r = NOT_OURS;
    enter();
    if (sock)
        r = ctl_sock(ep, op, fd, ev);
    if (r == NOT_OURS)
        r = ctl_kernel(ep, op, fd, ev);
    return (int)leave_ret(r);
}

/* ---- epoll_wait ---- */

struct ep_wait {
    int ep, max;
    struct epoll_event *user;
    uint64_t deadline_ns; /* 0: do not wait */
    const sigset_t *mask;
};

/* Nothing that was harvested may be lost: can what we are about to write be written? */
static bool may_write(struct epoll_event *user, int cnt) {
    char *first = (char *)user, *last = (char *)(user + cnt) - 1, c;
    return user_copy_in(&c, first, 1) == 0 && user_copy_out(first, &c, 1) == 0 &&
           user_copy_in(&c, last, 1) == 0 && user_copy_out(last, &c, 1) == 0;
}

/* Lock held. Ours into the program's array: count or -EFAULT. */
static int our_harvest(struct epset *e, struct epoll_event *user, int max) {
    struct ep_event got[HARVEST_MAX];
    if (e->ready_cnt == 0 || max == 0)
        return 0;
    max = UST_MIN(max, HARVEST_MAX);
    if (!may_write(user, UST_MIN(max, (int)UST_MIN(e->ready_cnt, INT_MAX))))
        return -EFAULT;
    int cnt = epset_harvest(socks(), e, got, max);
    for (int i = 0; i < cnt; i++) {
        struct epoll_event ev = {.events = got[i].events, .data.u64 = got[i].data};
        if (user_copy_out(&user[i], &ev, sizeof ev))
            return -EFAULT;
    }
    return cnt;
}

/*
 * Both halves once. Lock held at entry and exit, not in between. Count or negative errno. With the lock held again after a look at the kernel's half, something of
 * ours may have become ready: the caller asks epset_ready() before it sleeps.
 */
static int harvest(const struct ep_wait *w, uint64_t *now_ns) {
    struct epset *e = fd_epset(w->ep);
    if (!e)
        return -EBADF;
    bool kernel_first = e->kernel_turn && e->kernel_cnt > 0;
    e->kernel_turn = false;
    int ours = kernel_first ? 0 : our_harvest(e, w->user, w->max);
    if (ours < 0 || e->kernel_cnt == 0)
        return ours;
    if (ours == w->max) {
        e->kernel_turn = true;
        return ours;
    }
    host_unlock(*now_ns);
    int kernel = kernel_harvest(w->ep, w->user + ours, w->max - ours);
    *now_ns = host_lock();
    if (kernel < 0)
        return ours > 0 ? ours : kernel;
    if (!kernel_first || kernel == w->max)
        return ours + kernel;
    e = fd_epset(w->ep);
    ours = e ? our_harvest(e, w->user + kernel, w->max - kernel) : 0;
    return kernel + UST_MAX(ours, 0);
}

/* Lock held at entry and exit. 0 after the sleep, with *why; negative errno if it could not begin. */
static int ep_sleep(const struct ep_wait *w, uint64_t *now_ns, struct host_wait *hw,
                    enum host_wait_result *why) {
    struct epset *e = fd_epset(w->ep);
    struct pollfd extra[3] = {{.fd = w->ep, .events = POLLIN}};
    nfds_t cnt = e->kernel_cnt > 0;
    if (host_wait_begin(hw, cnt > 0 || w->mask) < 0)
        return -ENOMEM;
    if (waiter_add_epset(socks(), hw->w, e) < 0) {
        host_wait_end(hw);
        return -ENOMEM;
    }
    host_unlock(*now_ns);
    bool norestart;
    *why = sleep_in(hw, cnt ? extra : NULL, cnt, w->deadline_ns, w->mask, &norestart);
    *now_ns = host_lock();
    return 0;
}

static int ep_wait(const struct ep_wait *w) {
    uint64_t now_ns = host_lock();
    if (!fd_epset(w->ep)) {
        host_unlock(now_ns);
        return NOT_OURS;
    }
    int r;
    for (;;) {
        r = harvest(w, &now_ns);
        if (r != 0 || w->deadline_ns == 0)
            break;
        struct epset *e = fd_epset(w->ep);
        if (!e) {
            r = -EBADF;
            break;
        }
        if (epset_ready(socks(), e))
            continue;
        struct host_wait hw;
        enum host_wait_result why;
        r = ep_sleep(w, &now_ns, &hw, &why);
        if (r < 0)
            break;
        /* First take, then give the waiter up: else the wake would be passed on for nothing. */
        if (why != HOST_WOKEN && why != HOST_EXTRA) {
            r = harvest(w, &now_ns);
            host_wait_end(&hw);
            if (r == 0 || r == -EBADF) /* a sleeper does not learn that the set was closed */
                r = why == HOST_SIGNAL ? -EINTR : 0;
            break;
        }
        r = harvest(w, &now_ns);
        host_wait_end(&hw);
        if (r != 0)
            break;
    }
    host_unlock(now_ns);
    return r;
}

static bool is_set_of_ours(int ep) {
    struct fdent *e = fd_lookup(ep);
    return e && e->kind == FD_EPOLL;
}

/* The deadline; 0: do not wait. */
static uint64_t deadline_ms(int timeout) {
    if (timeout < 0)
        return TIME_NEVER;
    return timeout == 0 ? 0 : host_now() + (uint64_t)timeout * NS_PER_MS;
}

/* Inside enter(). */
static int ep_pwait(int ep, struct epoll_event *ev, int max, uint64_t deadline_ns,
                    const sigset_t *user_mask) {
    sigset_t theirs, set;
    memset(&theirs, 0, sizeof theirs);
    if (user_mask && user_copy_in(&theirs, user_mask, SYS_SIGSET_BYTES))
        return -EFAULT;
    if (max <= 0 || max > MAXEVENTS_MAX)
        return -EINVAL;
    struct ep_wait w = {.ep = ep,
                        .max = max,
                        .user = ev,
                        .deadline_ns = deadline_ns,
                        .mask = user_mask ? sig_real_mask(&theirs, &set) : NULL};
    return ep_wait(&w);
}

EXPORT int epoll_wait(int ep, struct epoll_event *ev, int max, int timeout) {
    if (!is_set_of_ours(ep))
        return real.epoll_wait(ep, ev, max, timeout);
    enter();
    int r = ep_pwait(ep, ev, max, deadline_ms(timeout), NULL);
    if (r != NOT_OURS)
        return (int)leave_ret(r);
    leave();
    return real.epoll_wait(ep, ev, max, timeout);
}

EXPORT int epoll_pwait(int ep, struct epoll_event *ev, int max, int timeout, const sigset_t *mask) {
    if (!is_set_of_ours(ep))
        return real.epoll_pwait(ep, ev, max, timeout, mask);
    enter();
    int r = ep_pwait(ep, ev, max, deadline_ms(timeout), mask);
    if (r != NOT_OURS)
        return (int)leave_ret(r);
    leave();
    return real.epoll_pwait(ep, ev, max, timeout, mask);
}

/* 0 with the deadline, or negative errno. */
static int deadline_ts(const struct timespec *timeout, uint64_t *deadline_ns) {
    struct timespec ts;
    *deadline_ns = TIME_NEVER;
    if (!timeout)
        return 0;
    if (user_copy_in(&ts, timeout, sizeof ts))
        return -EFAULT;
    if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= (long)NS_PER_S)
        return -EINVAL;
    uint64_t now_ns = host_now();
    if (ts.tv_sec == 0 && ts.tv_nsec == 0)
        *deadline_ns = 0;
    else if ((uint64_t)ts.tv_sec < (TIME_NEVER - now_ns) / NS_PER_S - 1)
        *deadline_ns = now_ns + (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
    return 0;
}

EXPORT int epoll_pwait2(int ep, struct epoll_event *ev, int max, const struct timespec *timeout,
                        const sigset_t *mask) {
    if (!is_set_of_ours(ep))
        return real.epoll_pwait2(ep, ev, max, timeout, mask);
    uint64_t deadline_ns;
    enter();
    int r = deadline_ts(timeout, &deadline_ns);
    if (r == 0)
        r = ep_pwait(ep, ev, max, deadline_ns, mask);
    if (r != NOT_OURS)
        return (int)leave_ret(r);
    leave();
    return real.epoll_pwait2(ep, ev, max, timeout, mask);
}
