/* SPDX-License-Identifier: ISC */
/*
 * syscall(): 25 of 28 programs import it, and some send and receive through it. The numbers that concern sockets and descriptors go to the function of that
 * name; the rest goes on. io_uring would reach the kernel's sockets without us: there is none.
 */
#include "decide.h"

#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/sys.h"

/* The kernel's sets have SYS_SIGSET_BYTES, libc's are larger. False: the call is to fail with EFAULT. */
static bool mask_in(const void *user, sigset_t *set, const sigset_t **out) {
    *out = NULL;
    if (!user)
        return true;
    sigemptyset(set);
    enter();
    size_t missed = user_copy_in(set, user, SYS_SIGSET_BYTES);
    leave();
    *out = set;
    return missed == 0;
}

static long fault(void) {
    errno = EFAULT;
    return -1;
}

/* Polling, whose signal masks want care. */
static long poll_call(long nr, const long *a) {
    sigset_t set;
    const sigset_t *mask;
    const void *user_mask = (void *)a[4];
    struct {
        const void *mask;
        size_t len;
    } packed = {NULL, 0};
    switch (nr) {
    case SYS_ppoll:
        if (!mask_in((void *)a[3], &set, &mask))
            return fault();
        return ppoll((void *)a[0], (nfds_t)a[1], (void *)a[2], mask);
    case SYS_pselect6:
        if (a[5]) {
            enter();
            size_t missed = user_copy_in(&packed, (void *)a[5], sizeof(packed));
            leave();
            if (missed)
                return fault();
        }
        if (!mask_in(packed.mask, &set, &mask))
            return fault();
        return pselect((int)a[0], (void *)a[1], (void *)a[2], (void *)a[3], (void *)a[4], mask);
    case SYS_epoll_pwait:
        if (!mask_in(user_mask, &set, &mask))
            return fault();
        return epoll_pwait((int)a[0], (void *)a[1], (int)a[2], (int)a[3], mask);
#ifdef SYS_epoll_pwait2
    case SYS_epoll_pwait2:
        if (!mask_in(user_mask, &set, &mask))
            return fault();
        return epoll_pwait2((int)a[0], (void *)a[1], (int)a[2], (void *)a[3], mask);
#endif
    default:
        return real.syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    }
}

/* Descriptors and files. */
static long fd_call(long nr, const long *a) {
    switch (nr) {
    case SYS_read:
        return read((int)a[0], (void *)a[1], (size_t)a[2]);
    case SYS_write:
        return write((int)a[0], (void *)a[1], (size_t)a[2]);
    case SYS_readv:
        return readv((int)a[0], (void *)a[1], (int)a[2]);
    case SYS_writev:
        return writev((int)a[0], (void *)a[1], (int)a[2]);
    case SYS_preadv2:
        return preadv2((int)a[0], (void *)a[1], (int)a[2], a[3], (int)a[5]);
    case SYS_pwritev2:
        return pwritev2((int)a[0], (void *)a[1], (int)a[2], a[3], (int)a[5]);
    case SYS_sendfile:
        return sendfile((int)a[0], (int)a[1], (void *)a[2], (size_t)a[3]);
    case SYS_splice:
        return splice((int)a[0], (void *)a[1], (int)a[2], (void *)a[3], (size_t)a[4],
                      (unsigned)a[5]);
    case SYS_close:
        return close((int)a[0]);
    case SYS_close_range:
        return close_range((unsigned)a[0], (unsigned)a[1], (int)a[2]);
    case SYS_dup:
        return dup((int)a[0]);
    case SYS_dup3:
        return dup3((int)a[0], (int)a[1], (int)a[2]);
    case SYS_fcntl:
        return fcntl((int)a[0], (int)a[1], a[2]);
    case SYS_ioctl:
        return ioctl((int)a[0], (unsigned long)a[1], a[2]);
    case SYS_epoll_create1:
        return epoll_create1((int)a[0]);
    case SYS_epoll_ctl:
        return epoll_ctl((int)a[0], (int)a[1], (int)a[2], (void *)a[3]);
#ifdef SYS_dup2 /* not on the machines that came later */
    case SYS_dup2:
        return dup2((int)a[0], (int)a[1]);
    case SYS_poll:
        return poll((void *)a[0], (nfds_t)a[1], (int)a[2]);
    case SYS_select:
        return select((int)a[0], (void *)a[1], (void *)a[2], (void *)a[3], (void *)a[4]);
    case SYS_epoll_create:
        return epoll_create((int)a[0]);
    case SYS_epoll_wait:
        return epoll_wait((int)a[0], (void *)a[1], (int)a[2], (int)a[3]);
    case SYS_fork:
        return fork();
#endif
    default:
        return poll_call(nr, a);
    }
}

static long decode(long nr, const long *a) {
    switch (nr) {
    case SYS_socket:
        return socket((int)a[0], (int)a[1], (int)a[2]);
    case SYS_bind:
        return bind((int)a[0], (void *)a[1], (socklen_t)a[2]);
    case SYS_listen:
        return listen((int)a[0], (int)a[1]);
    case SYS_accept:
        return accept((int)a[0], (void *)a[1], (void *)a[2]);
    case SYS_accept4:
        return accept4((int)a[0], (void *)a[1], (void *)a[2], (int)a[3]);
    case SYS_connect:
        return connect((int)a[0], (void *)a[1], (socklen_t)a[2]);
    case SYS_shutdown:
        return shutdown((int)a[0], (int)a[1]);
    case SYS_getsockname:
        return getsockname((int)a[0], (void *)a[1], (void *)a[2]);
    case SYS_getpeername:
        return getpeername((int)a[0], (void *)a[1], (void *)a[2]);
    case SYS_getsockopt:
        return getsockopt((int)a[0], (int)a[1], (int)a[2], (void *)a[3], (void *)a[4]);
    case SYS_setsockopt:
        return setsockopt((int)a[0], (int)a[1], (int)a[2], (void *)a[3], (socklen_t)a[4]);
    case SYS_sendto:
        return sendto((int)a[0], (void *)a[1], (size_t)a[2], (int)a[3], (void *)a[4],
                      (socklen_t)a[5]);
    case SYS_sendmsg:
        return sendmsg((int)a[0], (void *)a[1], (int)a[2]);
    case SYS_sendmmsg:
        return sendmmsg((int)a[0], (void *)a[1], (unsigned)a[2], (int)a[3]);
    case SYS_recvfrom:
        return recvfrom((int)a[0], (void *)a[1], (size_t)a[2], (int)a[3], (void *)a[4],
                        (void *)a[5]);
    case SYS_recvmsg:
        return recvmsg((int)a[0], (void *)a[1], (int)a[2]);
    case SYS_recvmmsg:
        return recvmmsg((int)a[0], (void *)a[1], (unsigned)a[2], (int)a[3], (void *)a[4]);
#ifdef SYS_io_uring_setup
    case SYS_io_uring_setup:
        errno = ENOSYS;
        return -1;
#endif
    case SYS_seccomp:
        sandbox_begins();
        return real.syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    case SYS_prctl:
        return prctl((int)a[0], a[1], a[2], a[3], a[4]);
    case SYS_execve:
        return execve((void *)a[0], (void *)a[1], (void *)a[2]);
    case SYS_execveat:
        return execveat((int)a[0], (void *)a[1], (void *)a[2], (void *)a[3], (int)a[4]);
    case SYS_exit_group:
        _exit((int)a[0]);
    default:
        return fd_call(nr, a);
    }
}

long syscall(long nr, ...) {
    long a[6];
    va_list ap;
    va_start(ap, nr);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(ap, long);
    va_end(ap);
    return decode(nr, a);
}
