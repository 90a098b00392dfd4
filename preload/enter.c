/* SPDX-License-Identifier: ISC */
/*
 * Into the stack and out again: signals deferred in between, sleeping, and the frame of a call on a socket (call.h).
 *
 * What a sleep leaves behind if a handler jumps out of it, or the thread is cancelled in it: nothing. The waiter and the driver's seat are given up by
 * host_wait_cancel(), the hold on the socket by sleep_cancel(), both before the handler runs.
 */
#include "worlds.h"
#include "signals.h"

#include <pthread.h>

#include "host/sys.h"

__thread struct ptls ptls __attribute__((tls_model("initial-exec")));

void leave_slow(void) {
    uint64_t set = ptls.pending;
    ptls.pending = 0;
    sys_sigprocmask(SIG_UNBLOCK, &set, NULL);
}

long leave_ret(long r) {
    leave();
    if (UST_LIKELY(r >= 0))
        return r;
    errno = (int)-r;
    return -1;
}

/* ---- sleeping ---- */

static void unhold(struct sock *s, struct host_hold *hold) {
    uint64_t now = host_lock();
    host_unhold(s, hold);
    host_unlock(now);
}

bool sleep_cancel(void) {
    struct host_wait *hw = ptls.sleep;
    struct sock *s = ptls.held;
    if (!hw)
        return true;
    ptls.depth++;
    bool over = host_wait_cancel(hw);
    if (over) {
        ptls.sleep = NULL;
        ptls.held = NULL;
        if (s)
            unhold(s, ptls.hold);
    }
    ptls.depth--;
    if (over && ptls.pending)
        leave_slow();
    return over;
}

/* The thread is being cancelled; host_wait() has cleared up behind itself. */
static void sleep_cancelled(void *arg) {
    (void)arg;
    struct sock *s = ptls.held;
    ptls.sleep = NULL;
    ptls.held = NULL;
    if (!s)
        return;
    enter();
    unhold(s, ptls.hold);
    leave();
}

#if !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wclobbered" /* in glibc's macro, under ThreadSanitizer */
#endif
enum host_wait_result sleep_in(struct host_wait *hw, struct pollfd *extra, nfds_t cnt,
                               uint64_t deadline_ns, const sigset_t *mask, bool *norestart) {
    enum host_wait_result r;
    uint32_t before = ptls.sig_norestart;
    ptls.sleep = hw;
    leave();
    pthread_cleanup_push(sleep_cancelled, NULL);
    r = host_wait(hw, extra, cnt, deadline_ns, mask, true);
    pthread_cleanup_pop(0);
    /* Put off while host_wait() had the lock: these handlers, too, may jump away. */
    if (UST_UNLIKELY(ptls.pending))
        leave_slow();
    enter();
    ptls.sleep = NULL;
    if (hw->cancelled)
        r = HOST_SIGNAL;
    *norestart = ptls.sig_norestart != before;
    return r;
}

#if !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/* ---- the frame of a call ---- */

bool call_begin(struct call *c, const char *name, int fd) {
    enter();
    c->now = c->started = host_lock();
    c->s = fd_sock(fd);
    if (UST_UNLIKELY(!c->s)) {
        host_unlock(c->now);
        leave();
        return false;
    }
    c->name = name;
    c->fd = fd;
    c->st = host_stack();
    c->sk = &c->st->socks;
    c->held = false;
    c->sigpipe = false;
    return true;
}

void call_trace(uint64_t now_ns, const char *name, int fd, long r) {
    struct trace *t = &host_stack()->core.trace;
    if (r >= 0 || r == CALL_TO_LIBC)
        TRACE(t, now_ns, CALL, "%s(%d) = %ld", name, fd, r < 0 ? 0 : r);
    else
        TRACE(t, now_ns, CALL, "%s(%d) = -1 %s", name, fd, strerrorname_np((int)-r));
}

static void call_unhold(struct call *c) {
    if (!c->held)
        return;
    c->held = false;
    host_unhold(c->s, c->hold);
    c->s = NULL;
}

long call_end(struct call *c, long r) {
    if (trace_on(&c->st->core.trace, TRACE_CALL))
        call_trace(c->now, c->name, c->fd, r);
    call_unhold(c);
    host_unlock(c->now);
    return call_end_unlocked(c, r);
}

long call_end_unlocked(struct call *c, long r) {
    leave();
    if (UST_LIKELY(r >= 0 || r == CALL_TO_LIBC))
        return r;
    /* As the kernel: it is pending when the call returns, so the handler runs first. */
    if (c->sigpipe && !host_is_sandboxed())
        SYS_CALL3(SYS_tgkill, sys_getpid(), sys_gettid(), SIGPIPE);
    errno = (int)-r;
    return -1;
}

void call_hold(struct call *c) {
    if (c->held)
        return;
    c->hold = host_hold(c->s);
    c->held = true;
}

void call_unlock(struct call *c) {
    call_hold(c);
    host_unlock(c->now);
}

void call_lock(struct call *c) { c->now = host_lock(); }

void call_let_go(struct call *c) {
    call_unhold(c);
    c->s = NULL;
    host_unlock(c->now);
    leave();
}

void call_come_back(struct call *c) {
    enter();
    call_lock(c);
    c->s = fd_sock(c->fd);
}

int call_need_net(struct call *c) {
    if (c->st->up)
        return 0;
    call_unlock(c);
    int r = host_up();
    call_lock(c);
    return r;
}

int call_need_net_for(struct call *c, const struct ust_addr *a) {
    int r = call_need_net(c);
    if (r < 0 || a == NULL || addr_is_ip4(a) || !net_ip6_pending(&c->st->net, c->now))
        return r;
    call_unlock(c);
    host_wait_ip6();
    call_lock(c);
    return 0;
}

int call_block(struct call *c, const struct block_rule *rule) {
    uint64_t deadline = TIME_NEVER;
    if (rule->timeo_ns != 0 && rule->timeo_ns < TIME_NEVER - c->started)
        deadline = c->started + rule->timeo_ns;
    if (c->now >= deadline)
        return rule->timeout_err;

    struct host_wait hw;
    struct pollfd half[3] = {{.fd = c->fd, .events = POLLIN}}; /* and room for host_wait() */
    bool both = (rule->events & POLLIN) && both_active(c->s);
    int err = host_wait_begin(&hw, both);
    if (err)
        return err;
    err = waiter_add_sock(c->sk, hw.w, c->s, rule->events, rule->exclusive);
    if (err) {
        host_wait_end(&hw);
        return err;
    }
    call_unlock(c);
    ptls.held = c->s;
    ptls.hold = c->hold;
    bool norestart;
    enum host_wait_result r = sleep_in(&hw, both ? half : NULL, both, deadline, NULL, &norestart);
    bool let_go = ptls.held == NULL;
    ptls.held = NULL;
    call_lock(c);
    if (let_go) { /* by sleep_cancel() */
        c->held = false;
        c->s = NULL;
    }
    host_wait_end(&hw);
    if (r == HOST_SIGNAL) {
        if (rule->timeo_ns != 0 || norestart)
            return -EINTR;
        return let_go ? -CALL_RESTART : 0;
    }
    /* A timeout is found above, by who comes back and finds nothing. */
    return 0;
}

bool call_again(struct call *c) {
    c->s = fd_sock(c->fd);
    return c->s != NULL;
}
