/* SPDX-License-Identifier: ISC */
#include "worlds.h"
#include "decide.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/epoll.h>

#include "host/sys.h"

/* The address that the kernel's half is bound to, by preference: the nth, false behind the last. An IPv6 socket has one address, ::1 if it can. */
static bool loopback_of(const struct sock *s, int nth, struct ust_addr *a) {
    memset(a, 0, sizeof *a);
    if (s->family == AF_INET6 && nth == 0)
        a->b[15] = 1;
    else if (nth == (s->family == AF_INET6) && !(s->family == AF_INET6 && s->v6only))
        *a = addr_from_ip4(INADDR_LOOPBACK);
    else
        return false;
    return true;
}

static int half_bind(struct call *c, uint16_t port) {
    struct ust_addr a;
    int r = -EADDRNOTAVAIL;
    for (int i = 0; r < 0 && loopback_of(c->s, i, &a); i++) {
        struct sockaddr_storage ss;
        if (!addr_is_kernels(&a))
            continue;
        socklen_t len = addr_store(c->s, &a, port, &ss);
        r = (int)sys_bind(c->fd, (struct sockaddr *)&ss, len);
    }
    return r;
}

/* Members of epoll sets from before. */
static void join_sets(const struct call *c) {
    struct epitem *it;
    LIST_FOREACH (it, &c->s->epitems, obj_link) {
        int ep = epoll_fd_of(it->set);
        struct epoll_event ev = {.events = it->events & ~(uint32_t)BOTH_NOT_ASKED,
                                 .data.u64 = it->data};
        if (ep >= 0 && SYS_CALL4(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, it->fd, &ev) == 0)
            epset_kernel_member(it->set, EPOLL_CTL_ADD);
    }
}

void both_open(struct call *c, int backlog) {
    struct sock *s = c->s;
    struct ust_addr a;
    uint16_t port;
    if (s->kernel_half || stack_is_strict() || s->kind == SOCK_KIND_PING ||
        s->kind == SOCK_KIND_RAW || sock_local(c->sk, s, &a, &port) < 0 || !addr_is_any(&a) ||
        port == 0 || (backlog < 0 && s->udp->connected))
        return;
    long fl = sys_fcntl(c->fd, F_GETFL, 0);
    int r = fl < 0 ? (int)fl : (int)sys_fcntl(c->fd, F_SETFL, fl | O_NONBLOCK);
    if (r == 0)
        r = half_bind(c, port);
    if (r == 0 && backlog >= 0)
        r = (int)SYS_CALL2(SYS_listen, c->fd, backlog);
    s->kernel_half = r == 0;
    s->kernel_half_err = -r;
    if (r == 0) {
        TRACE(&c->sk->c->trace, c->now, FD, "socket %llu port %u: the kernel's loopback too",
              (unsigned long long)s->id, (unsigned)port);
        join_sets(c);
    } else {
        TRACE(&c->sk->c->trace, c->now, FD, "socket %llu port %u: stack only: %s",
              (unsigned long long)s->id, (unsigned)port, strerrorname_np(-r));
    }
}

void both_close(struct call *c) {
    struct sockaddr_storage self;
    socklen_t len = sizeof self;
    char b;
    if (!c->s->kernel_half)
        return;
    c->s->kernel_half = false;
    /* Connected to itself nobody else reaches it; what came before is thrown away. */
    if (SYS_CALL3(SYS_getsockname, c->fd, &self, &len) == 0)
        sys_connect(c->fd, (struct sockaddr *)&self, len);
    while (SYS_CALL6(SYS_recvfrom, c->fd, &b, 1, MSG_DONTWAIT, NULL, NULL) >= 0)
        ;
}

bool both_readable(const struct call *c) {
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    struct timespec zero = {0, 0};
    return both_active(c->s) && sys_ppoll(&p, 1, &zero, NULL) > 0 && (p.revents & POLLIN);
}

bool both_again(int fd, int flags) {
    if (errno != EAGAIN || (flags & MSG_DONTWAIT))
        return false;
    enter();
    uint64_t now = host_lock();
    const struct sock *s = fd_sock(fd);
    bool again = s && !s->nonblock;
    host_unlock(now);
    leave();
    return again;
}
