/* SPDX-License-Identifier: ISC */
/*
 * The end of the process. The kernel would deliver what was written after the program is gone; we
 * have to stay for it. The caller has closed the program's sockets; what their connections have
 * not delivered is waited for, at most LINGER_NS. A second SIGINT, SIGTERM, SIGHUP or SIGQUIT
 * ends the wait.
 */
#include <stdio.h>
#include <sys/signalfd.h>

#include "host/priv.h"
#include "host/sys.h"

#define LINGER_NS (30 * NS_PER_S)
#define SS_STAT_BYTES (64u << 10)

static const uint64_t end_signals =
    1ULL << (SIGINT - 1) | 1ULL << (SIGTERM - 1) | 1ULL << (SIGHUP - 1) | 1ULL << (SIGQUIT - 1);

static bool delivered(struct host_local *h) {
    uint64_t now_ns = turn_lock();
    bool none = tcp_undelivered(&h->st->tcp) == 0;
    turn_unlock(now_ns, NULL, false);
    if (none) /* the last ACK may have been queued by that very turn */
        return true;
    now_ns = turn_lock();
    none = tcp_undelivered(&h->st->tcp) == 0;
    turn_unlock(now_ns, NULL, false);
    return none;
}

static void linger(struct host_local *h) {
    uint64_t now = host_now(), end = now + LINGER_NS, old = 0;
    if (delivered(h))
        return;
    sys_sigprocmask(SIG_BLOCK, &end_signals, &old);
    long sig = sys_signalfd(-1, &end_signals, SFD_NONBLOCK | SFD_CLOEXEC);
    bool go_on = true;
    lock_take();
    int e = evfd_claim();
    uint32_t seat = e >= 0 ? seat_take(e, false) : 0;
    turn_unlock(host_now(), NULL, false);
    while (go_on && !delivered(h) && (now = host_now()) < end) {
        uint64_t until = e >= 0 ? seat_announce(e, end) : now + NS_PER_MS;
        struct pollfd p[3] = {
            {.fd = (int)sig, .events = POLLIN},
            {.fd = e >= 0 ? h->evfd[e] : -1, .events = POLLIN},
            {.fd = dev_fd(), .events = (short)(dev_is_blocked() ? POLLIN | POLLOUT : POLLIN)}};
        struct timespec ts = sleep_time(now, until);
        long r = sys_ppoll(p, 3, &ts, NULL);
        if (e >= 0)
            seat_awake(e);
        if (r > 0 && p[1].revents)
            evfd_drain(e);
        if (r > 0 && p[2].revents & ~(POLLIN | POLLOUT))
            turn_dev_error(p[2].revents);
        go_on = h->up && !(r > 0 && p[0].revents);
    }
    lock_take();
    seat_leave(seat);
    evfd_release(e);
    turn_unlock(host_now(), NULL, false);
    if (sig >= 0)
        sys_close((int)sig);
    /* What was received here is eaten: the program is ending already. */
    const struct timespec zero = {0, 0};
    while (sys_sigtimedwait(&end_signals, NULL, &zero) > 0)
        ;
    sys_sigprocmask(SIG_SETMASK, &old, NULL);
}

static void write_stat(struct host_local *h) {
    char path[sizeof h->cfg.stat_file];
    host_path(path, sizeof path, h->cfg.stat_file);
    char *buf =
        sys_mmap(NULL, SS_STAT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buf == MAP_FAILED)
        return;
    uint64_t now_ns = host_lock();
    size_t n = host_report(h->st, HOST_REPORT_STAT_JSON, buf, SS_STAT_BYTES);
    host_unlock(now_ns);
    long fd = sys_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY);
    if (fd >= 0) {
        sink_write((int)fd, buf, n);
        sys_close((int)fd);
    } else {
        host_complain("cannot write %s: %s", path, strerrordesc_np((int)-fd));
    }
    sys_munmap(buf, SS_STAT_BYTES);
}

void host_exit(void) {
    struct host_local *h = &host_local;
    if (!host_stack())
        return;
    lock_take();
    bool alone = host_proc_cnt() == 1;
    if (h->thread && !alone) /* another takes over */
        backup_clear();
    lock_drop();
    if (h->up && alone && !keeper_takes_over())
        linger(h);
    if (alone)
        lease_end(h);
    if (h->cfg.stat_file[0] && !h->sandboxed)
        write_stat(h);
    turn_flush();
    if (h->cap) {
        lock_take();
        capture_flush(h->cap);
        lock_drop();
    }
}
