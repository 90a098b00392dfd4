/* SPDX-License-Identifier: ISC */
/*
 * Descriptors that the program must not see. They sit high, but not as high as the limit allows:
 * the kernel's descriptor table grows to the highest number, and every fork copies it.
 */
#include "host/priv.h"
#include "host/sys.h"

#define FD_TOP 4096   /* ours sit below this, where the limit allows it */
#define FD_BLOCK 1280 /* the pool of eventfds and the rest */
#define FD_BITS 8192  /* numbers in the bitmap */
#define FD_FAR_CNT 16 /* numbers beyond it */

static _Atomic uint64_t bits[FD_BITS / 64];
static _Atomic int far_fds[FD_FAR_CNT]; /* number + 1; 0 free */

bool host_fd_is_private(int fd) {
    if (fd < 0)
        return false;
    if (fd < FD_BITS)
        return atomic_load_explicit(&bits[fd / 64], memory_order_relaxed) >> (fd % 64) & 1;
    for (int i = 0; i < FD_FAR_CNT; i++)
        if (atomic_load_explicit(&far_fds[i], memory_order_relaxed) == fd + 1)
            return true;
    return false;
}

void host_fd_note(int fd) {
    if (fd < FD_BITS) {
        atomic_fetch_or(&bits[fd / 64], 1ULL << (fd % 64));
        return;
    }
    for (int i = 0; i < FD_FAR_CNT; i++) {
        int none = 0;
        if (atomic_compare_exchange_strong(&far_fds[i], &none, fd + 1))
            return;
    }
}

void host_fd_forget(int fd) {
    if (fd < FD_BITS) {
        atomic_fetch_and(&bits[fd / 64], ~(1ULL << (fd % 64)));
        return;
    }
    for (int i = 0; i < FD_FAR_CNT; i++) {
        int it = fd + 1;
        if (atomic_compare_exchange_strong(&far_fds[i], &it, 0))
            return;
    }
}

int host_fd_raise(int fd) {
    struct rlimit rl = {0};
    long up = -1;
    if (sys_getrlimit(RLIMIT_NOFILE, &rl) == 0) {
        long top = (long)UST_MIN((uint64_t)rl.rlim_cur, (uint64_t)FD_TOP);
        up = sys_fcntl(fd, F_DUPFD_CLOEXEC, top - UST_MIN(FD_BLOCK, top / 4));
        if (up < 0)
            up = sys_fcntl(fd, F_DUPFD_CLOEXEC, top / 2);
    }
    if (up < 0) { /* no room above: it stays where it is */
        sys_fcntl(fd, F_SETFD, FD_CLOEXEC);
        host_fd_note(fd);
        return fd;
    }
    host_fd_note((int)up);
    sys_close(fd);
    return (int)up;
}

int host_fd_next(int from) {
    int best = -1;
    for (int fd = UST_MAX(from, 0); fd < FD_BITS && best < 0; fd++) {
        if (atomic_load_explicit(&bits[fd / 64], memory_order_relaxed) >> (fd % 64) == 0)
            fd |= 63;
        else if (host_fd_is_private(fd))
            best = fd;
    }
    for (int i = 0; i < FD_FAR_CNT; i++) {
        int fd = atomic_load_explicit(&far_fds[i], memory_order_relaxed) - 1;
        if (fd >= from && (best < 0 || fd < best))
            best = fd;
    }
    return best;
}

int host_fd_move(int fd) {
    int *owner[HOST_EVFD_CNT + 4], cnt = 0;
    owner[cnt++] = &host_local.memfd;
    owner[cnt++] = &host_local.ctl_fd;
    owner[cnt++] = &host_local.dev.fd;
    owner[cnt++] = &host_local.trace_fd;
    for (int i = 0; i < HOST_EVFD_CNT; i++)
        owner[cnt++] = &host_local.evfd[i];
    int up = -EBUSY;
    lock_take();
    for (int i = 0; i < cnt && up < 0; i++) {
        if (*owner[i] != fd)
            continue;
        up = host_fd_raise(fd);
        if (up != fd)
            host_fd_forget(fd);
        *owner[i] = up;
    }
    lock_drop();
    return up == fd ? -EBUSY : up;
}
