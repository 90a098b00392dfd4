/* SPDX-License-Identifier: ISC */
/* Placeholders: the kernel's descriptors that stand for our sockets. */
#include "decide.h"

#include "host/sys.h"

/* Unbound stream sockets that nothing is ever done with, one a family; their dups stand for accepted connections. fd + 1; 0: not made yet. */
static _Atomic int template4, template6;

static int kernel_family(int family) { return stack_is_strict() ? AF_UNIX : family; }

int place_new(int family, int type, int protocol) {
    return (int)sys_socket(kernel_family(family), type, stack_is_strict() ? 0 : protocol);
}

void place_sync(int fd, const struct sock *s) {
    long fl = sys_fcntl(fd, F_GETFL, 0);
    if (fl >= 0 && !(fl & O_NONBLOCK) == s->nonblock)
        sys_fcntl(fd, F_SETFL, fl ^ O_NONBLOCK);
}

static int template_make(_Atomic int *slot, int family) {
    int fd = (int)sys_socket(kernel_family(family), SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    fd = host_fd_raise(fd);
    int none = 0;
    if (atomic_compare_exchange_strong(slot, &none, fd + 1))
        return fd;
    host_fd_forget(fd);
    sys_close(fd);
    return none - 1;
}

int place_accepted(int family, bool cloexec) {
    _Atomic int *slot = family == AF_INET ? &template4 : &template6;
    int t = atomic_load(slot) - 1;
    if (t < 0)
        t = template_make(slot, family);
    if (t < 0)
        return t;
    int fd = (int)sys_fcntl(t, cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
    if (fd != -EBADF)
        return fd;
    /* Somebody closed the template behind our back. */
    int was = t + 1;
    if (atomic_compare_exchange_strong(slot, &was, 0))
        host_fd_forget(t);
    t = template_make(slot, family);
    return t < 0 ? t : (int)sys_fcntl(t, cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
}
