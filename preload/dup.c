/* SPDX-License-Identifier: ISC */
/* More numbers for one socket: dup, dup2, dup3, fcntl(F_DUPFD). The kernel makes the number from the placeholder, and the table follows. */
#include "decide.h"
#include "fdtab.h"
#include "stdio_calls.h"

#include <unistd.h>

#include "host/sys.h"

/* The kernel has made `to` a twin of fd: so do we. to, or negative errno with `to` closed again. */
static long dup_done(int fd, int to, bool cloexec) {
    uint64_t now = host_lock();
    int r = 0;
    if (fd_entry(fd)) {
        r = fd_install_dup(fd, to, cloexec);
    } else { /* a file onto one of ours */
        struct sock *s = fd_forget(now, to);
        if (s)
            sock_unhold(&host_stack()->socks, s);
    }
    call_trace(now, "dup", fd, r < 0 ? r : to);
    host_unlock(now);
    if (r == 0)
        return to;
    sys_close(to);
    return r;
}

static bool concerns_us(int fd, int to) {
    if (!stack_is_ready())
        return false;
    return fd_entry(fd) || fd_entry(to) || host_fd_is_private(fd) || host_fd_is_private(to);
}

static long do_dup3(int fd, int to, int flags) {
    if (host_fd_is_private(fd))
        return -EBADF;
    /* The program wants this very number; ours can be any. */
    if (host_fd_is_private(to) && host_fd_move(to) < 0)
        return -EBUSY;
    long r = SYS_CALL3(SYS_dup3, fd, to, flags);
    return r < 0 ? r : dup_done(fd, to, flags & O_CLOEXEC);
}

int dup2(int fd, int to) {
    if (fd == to || !concerns_us(fd, to))
        return real.dup2(fd, to);
    enter();
    int r = (int)leave_ret(do_dup3(fd, to, 0));
    stdio_follow(r);
    return r;
}

int __dup2(int fd, int to) { return dup2(fd, to); }

int dup3(int fd, int to, int flags) {
    if (fd == to || !concerns_us(fd, to))
        return real.dup3(fd, to, flags);
    enter();
    int r = (int)leave_ret(do_dup3(fd, to, flags));
    stdio_follow(r);
    return r;
}

long fd_dup_from(int fd, int from, bool cloexec) {
    if (host_fd_is_private(fd))
        return -EBADF;
    long to = sys_fcntl(fd, cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, from);
    return to < 0 || !fd_entry(fd) ? to : dup_done(fd, (int)to, cloexec);
}

int dup(int fd) {
    if (!concerns_us(fd, -1))
        return real.dup(fd);
    enter();
    int r = (int)leave_ret(fd_dup_from(fd, 0, false));
    stdio_follow(r);
    return r;
}
