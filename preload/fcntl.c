/* SPDX-License-Identifier: ISC */
/*
 * fcntl() and ioctl(): flags are ours, since placeholders of accepted sockets share theirs; one that becomes the socket gets them then
 * (place_sync). The rest is the placeholder's to answer.
 */
#include "worlds.h"
#include "decide.h"
#include "fdtab.h"
#include "iface.h"
#include "stdio_calls.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#include <linux/sockios.h>

#include "host/sys.h"

#define NOT_HERE (-1024) /* pass it on to the placeholder */

static long do_fcntl(struct call *c, int cmd, long arg) {
    switch (cmd) {
    case F_GETFL:
        return O_RDWR | (c->s->nonblock ? O_NONBLOCK : 0) | (c->s->async ? O_ASYNC : 0);
    case F_SETFL:
        c->s->nonblock = arg & O_NONBLOCK;
        c->s->async = arg & O_ASYNC;
        return 0;
    default:
        return NOT_HERE;
    }
}

/* For sockets, epoll sets and sockets that became the kernel's alike. */
static long entry_fcntl(int fd, int cmd, long arg) {
    if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
        return fd_dup_from(fd, (int)arg, cmd == F_DUPFD_CLOEXEC);
    if (cmd == F_SETFD) {
        uint64_t now = host_lock();
        struct fdent *e = fd_entry(fd);
        if (e)
            e->cloexec = arg & FD_CLOEXEC;
        host_unlock(now);
    }
    return sys_fcntl(fd, cmd, arg);
}

static int fcntl_any(int fd, int cmd, void *arg) {
    long val = (long)arg;
    /* int for these; the upper half of the register is anything */
    if (cmd == F_SETFL || cmd == F_SETFD || cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
        val = (int)val;
    struct call c;
    if ((cmd == F_GETFL || cmd == F_SETFL) && fd_lookup(fd) && call_begin(&c, "fcntl", fd))
        return (int)call_end(&c, do_fcntl(&c, cmd, val));
    enter();
    int r = (int)leave_ret(entry_fcntl(fd, cmd, val));
    if (cmd == F_DUPFD || cmd == F_DUPFD_CLOEXEC)
        stdio_follow(r);
    return r;
}

static inline bool passes(int fd) {
    return !fd_entry(fd) && (!stack_is_ready() || !host_fd_is_private(fd));
}

#define FCNTL(name)                                                                                \
    int name(int fd, int cmd, ...) {                                                               \
        va_list ap;                                                                                \
        va_start(ap, cmd);                                                                         \
        void *arg = va_arg(ap, void *);                                                            \
        va_end(ap);                                                                                \
        if (UST_LIKELY(passes(fd)))                                                                \
            return real.name(fd, cmd, arg);                                                        \
        if (fd_entry(fd))                                                                          \
            return fcntl_any(fd, cmd, arg);                                                        \
        errno = EBADF;                                                                             \
        return -1;                                                                                 \
    }
FCNTL(fcntl)
FCNTL(fcntl64)
FCNTL(__fcntl)

/* ---- ioctl ---- */

static long do_ioctl(struct call *c, unsigned long req, void *arg) {
    int val;
    switch (req) {
    case FIONBIO:
    case FIOASYNC:
        if (user_copy_in(&val, arg, sizeof(val)) != 0)
            return -EFAULT;
        if (req == FIONBIO)
            c->s->nonblock = val != 0;
        else
            c->s->async = val != 0;
        return 0;
    case SIOCINQ: /* FIONREAD */
    case SIOCOUTQ:
    case SIOCOUTQNSD:
    case SIOCATMARK: {
        int r = sock_ioctl(c->sk, c->s, req, &val);
        if (r < 0)
            return r;
        if (req == SIOCINQ && val == 0 && both_active(c->s))
            return NOT_HERE;
        return user_copy_out(arg, &val, sizeof(val)) != 0 ? -EFAULT : 0;
    }
    default:
        return NOT_HERE;
    }
}

int ioctl(int fd, unsigned long req, ...) {
    va_list ap;
    va_start(ap, req);
    void *arg = va_arg(ap, void *);
    va_end(ap);
    if (iface_ioctl_ours(req)) {
        long r = iface_ioctl(fd, req, arg);
        if (r == 0)
            return 0;
        if (r != IFACE_NOT_OURS) {
            errno = (int)-r;
            return -1;
        }
    }
    if (UST_LIKELY(!fd_entry(fd)))
        return real.ioctl(fd, req, arg);
    if (req == FIOCLEX || req == FIONCLEX) {
        int cloexec = req == FIOCLEX ? FD_CLOEXEC : 0;
        enter();
        return (int)leave_ret(entry_fcntl(fd, F_SETFD, cloexec));
    }
    struct call c;
    if (!fd_lookup(fd) || !call_begin(&c, "ioctl", fd))
        return real.ioctl(fd, req, arg);
    long r = do_ioctl(&c, req, arg);
    if (r != NOT_HERE)
        return (int)call_end(&c, r);
    call_unlock(&c);
    r = sys_ioctl(fd, req, arg);
    call_lock(&c);
    return (int)call_end(&c, r);
}

int sockatmark(int fd) {
    int mark;
    return ioctl(fd, SIOCATMARK, &mark) < 0 ? -1 : mark;
}
