/* SPDX-License-Identifier: ISC */
/* The clock, messages to the user, defaults, and the process-local struct. */
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "host/priv.h"
#include "host/sys.h"

struct host_local host_local = {.life_lock = PTHREAD_MUTEX_INITIALIZER,
                                .memfd = -1,
                                .ctl_fd = -1,
                                .name_fd = -1,
                                .trace_fd = -1,
                                .dev = {.fd = -1}};

uint64_t host_now(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts); /* the vDSO: no system call */
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

void sink_write(int fd, const void *p, size_t len) {
    const uint64_t sigpipe = 1ULL << (SIGPIPE - 1);
    uint64_t old = 0;
    const uint8_t *b = p;
    sys_sigprocmask(SIG_BLOCK, &sigpipe, &old);
    while (len > 0) {
        long n = sys_write(fd, b, len);
        if (n == -EINTR)
            continue;
        if (n == -EAGAIN) {
            struct timespec ts = {0, 100 * (long)NS_PER_MS};
            struct pollfd pf = {.fd = fd, .events = POLLOUT};
            if (sys_ppoll(&pf, 1, &ts, NULL) <= 0)
                break;
            continue;
        }
        if (n == -EPIPE && !(old & sigpipe)) {
            const struct timespec zero = {0, 0};
            sys_sigtimedwait(&sigpipe, NULL, &zero);
        }
        if (n <= 0)
            break;
        b += n;
        len -= (size_t)n;
    }
    sys_sigprocmask(SIG_SETMASK, &old, NULL);
}

void host_complain(const char *fmt, ...) {
    char line[600];
    int n = snprintf(line, sizeof line, "userstack: ");
    va_list ap;
    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof line - (size_t)n, fmt, ap);
    va_end(ap);
    if (m < 0)
        return;
    size_t len = UST_MIN((size_t)n + (size_t)m, sizeof line - 2);
    line[len++] = '\n';
    sink_write(2, line, len);
}

void host_cfg_default(struct host_cfg *cfg) {
    memset(cfg, 0, sizeof *cfg);
    cfg->valid = true;
    cfg->dev = DEV_PACKET;
    cfg->cc = TCP_CC_CUBIC;
}

void host_open_all(void) {
    lock_take();
    pool_make();
    lock_drop();
}

void host_sandbox(void) {
    struct host_local *h = &host_local;
    backup_ensure(); /* somebody has to drive */
    uint64_t now_ns = turn_lock();
    pool_make();
    h->passenger = h->sandboxed = true;
    h->up = false;
    turn_unlock(now_ns, NULL, false);
}

bool host_is_sandboxed(void) { return host_local.sandboxed; }
