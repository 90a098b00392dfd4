/* SPDX-License-Identifier: ISC */
/* Sockets come and go: socket, accept, close, close_range, closefrom. */
#include "worlds.h"
#include "decide.h"
#include "fdtab.h"

#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include "host/sys.h"

#define TYPE_FLAGS (SOCK_CLOEXEC | SOCK_NONBLOCK)

/* ---- birth ---- */

/* Stream and datagram sockets of the Internet families, for IPv4 also ping and raw ones; 1: ours, 0: libc's, or the error that USERSTACK_STRICT makes of it. */
static int is_ours(int family, int type, int protocol) {
    if (family != AF_INET && family != AF_INET6)
        return 0;
    type &= ~TYPE_FLAGS;
    if (type == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP))
        return 1;
    if (type == SOCK_DGRAM && (protocol == 0 || protocol == IPPROTO_UDP))
        return 1;
    if (family == AF_INET && type == SOCK_DGRAM && protocol == IPPROTO_ICMP)
        return 1;
    if (family == AF_INET && type == SOCK_RAW && protocol > 0 && protocol < 256)
        return 1;
    return stack_is_strict() ? -EPROTONOSUPPORT : 0;
}

/*
 * The placeholder. A raw socket's is asked of the kernel always: whether the caller may have one is the kernel's to say (CAP_NET_RAW). Ping sockets are a matter of
 * net.ipv4.ping_group_range, which concerns the kernel's network: where that refuses, something stands in that cannot go there.
 */
static long placeholder(int family, int type, int protocol, bool *no_kernel) {
    bool raw = (type & ~TYPE_FLAGS) == SOCK_RAW, ping = !raw && protocol == IPPROTO_ICMP;
    long fd;
    if (raw) {
        fd = sys_socket(family, type, protocol);
        if (fd < 0 || !stack_is_strict())
            return fd;
        sys_close((int)fd);
        return sys_socket(AF_UNIX, SOCK_DGRAM | (type & TYPE_FLAGS), 0);
    }
    fd = place_new(family, type, protocol);
    *no_kernel = ping && (fd == -EACCES || fd == -EPERM);
    return *no_kernel ? sys_socket(AF_UNIX, type, 0) : fd;
}

static long do_socket(int family, int type, int protocol) {
    bool no_kernel = false;
    int fd = (int)placeholder(family, type, protocol, &no_kernel);
    if (fd < 0)
        return fd;
    uint64_t now = host_lock();
    struct socks *sk = &host_stack()->socks;
    struct sock *s;
    int r = sock_new(sk, family, type & ~TYPE_FLAGS, protocol, &s);
    if (r == 0) {
        s->nonblock = type & SOCK_NONBLOCK;
        s->no_kernel = no_kernel;
        s->owner_pid = stack_pid();
        r = fd_install(fd, FD_SOCK, s, type & SOCK_CLOEXEC);
        if (r < 0)
            sock_drop(sk, now, s);
    }
    call_trace(now, "socket", fd, r);
    host_unlock(now);
    if (r == 0)
        return fd;
    sys_close(fd);
    return r;
}

int socket(int family, int type, int protocol) {
    int r = is_ours(family, type, protocol);
    if (r == 0)
        return real.socket(family, type, protocol);
    if (r > 0)
        r = stack_ready();
    if (r < 0) {
        errno = -r;
        return -1;
    }
    enter();
    return (int)leave_ret(do_socket(family, type, protocol));
}

/* ---- accept ---- */

/* The new connection gets a number: that, or negative errno. */
static long accepted(struct call *c, struct sock *s, struct sockaddr *sa, socklen_t *len,
                     int flags) {
    struct ust_addr peer;
    uint16_t port = 0;
    memset(&peer, 0, sizeof(peer));
    int r = 0;
    if (sa) {
        r = sock_peer(c->sk, s, &peer, &port);
        /* Reset meanwhile: Linux refuses when the address is asked for. */
        if (r < 0)
            r = -ECONNABORTED;
    }
    int fd = r < 0 ? r : place_accepted(s->family, flags & SOCK_CLOEXEC);
    if (fd >= 0) {
        s->nonblock = flags & SOCK_NONBLOCK;
        s->owner_pid = stack_pid();
        r = fd_install(fd, FD_SOCK, s, flags & SOCK_CLOEXEC);
        if (r == 0 && sa) {
            r = addr_out(s, &peer, port, sa, len);
            if (r < 0)
                fd_remove(fd, NULL);
        }
        if (r == 0)
            return fd;
        sys_close(fd);
    } else {
        r = fd;
    }
    sock_drop(c->sk, c->now, s);
    return r;
}

static long do_accept(struct call *c, struct sockaddr *sa, socklen_t *len, int flags) {
    if (flags & ~TYPE_FLAGS)
        return -EINVAL;
    for (;;) {
        struct sock *s;
        int r = sock_accept(c->sk, c->now, c->s, &s);
        if (r == 0)
            return accepted(c, s, sa, len, flags);
        if (r == -EAGAIN && both_active(c->s)) { /* the number is one that we do not know */
            call_unlock(c);
            r = (int)SYS_CALL4(SYS_accept4, c->fd, sa, len, flags);
            call_lock(c);
        }
        if (r != -EAGAIN || call_nonblock(c, 0))
            return r;
        struct block_rule rule = {c->s->rcvtimeo_ns, POLLIN, true, -EAGAIN};
        r = call_block(c, &rule);
        if (r == -CALL_RESTART)
            r = call_again(c) ? 0 : -EBADF;
        if (r < 0)
            return r;
    }
}

int accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags) {
    struct call c;
    if (!fd_lookup(fd) || !call_begin(&c, "accept", fd))
        return real.accept4(fd, sa, len, flags);
    return (int)call_end(&c, do_accept(&c, sa, len, flags));
}

int accept(int fd, struct sockaddr *sa, socklen_t *len) {
    struct call c;
    if (!fd_lookup(fd) || !call_begin(&c, "accept", fd))
        return real.accept(fd, sa, len);
    return (int)call_end(&c, do_accept(&c, sa, len, 0));
}

/* ---- close ---- */

/*
 * SO_LINGER with a time, and this was the last descriptor: s, held by us, is no longer reachable. Sends the FIN and waits until everything is
 * acknowledged, the time is over, or a signal comes (close() returns 0 all the same, as in Linux). What goes on then goes on without us.
 */
static void linger(struct sock *s) {
    struct call c = {.name = "close", .fd = -1, .s = s, .st = host_stack(), .held = true};
    c.sk = &c.st->socks;
    c.now = c.started = host_lock();
    struct block_rule rule = {s->linger_s * NS_PER_S, POLLIN | POLLOUT | POLLRDHUP, false, -EAGAIN};
    /* Unread data: the connection is reset at once (RFC 2525 2.17). */
    bool unread = s->tcb && tcp_inq(s->tcb) > 0;
    if (!unread)
        sock_shutdown(c.sk, c.now, s, SHUT_WR);
    while (!unread && !sock_delivered(c.sk, s) && call_block(&c, &rule) == 0)
        ;
    if (c.held)
        sock_unhold(c.sk, s);
    host_unlock(c.now);
}

int fd_close(int fd) {
    uint64_t now = host_lock();
    call_trace(now, "close", fd, 0);
    struct sock *s = fd_forget(now, fd);
    host_unlock(now);
    int r = (int)sys_close(fd);
    if (s)
        linger(s);
    return r;
}

int close(int fd) {
    if (UST_LIKELY(!fd_entry(fd))) {
        if (UST_LIKELY(!stack_is_ready() || !host_fd_is_private(fd)))
            return real.close(fd);
        errno = EBADF;
        return -1;
    }
    enter();
    return (int)leave_ret(fd_close(fd));
}

int __close(int fd) { return close(fd); }

/* ---- many at once ---- */

/* Ours in [first, last] leave the table; the kernel closes the numbers afterwards. */
static void forget_range(unsigned first, unsigned last) {
    uint64_t now = host_lock();
    for (int fd = fd_next((int)first - 1); fd >= 0 && (unsigned)fd <= last; fd = fd_next(fd)) {
        struct sock *s = fd_forget(now, fd);
        if (s)
            sock_unhold(&host_stack()->socks, s);
    }
    host_unlock(now);
}

static void cloexec_range(unsigned first, unsigned last) {
    uint64_t now = host_lock();
    for (int fd = fd_next((int)first - 1); fd >= 0 && (unsigned)fd <= last; fd = fd_next(fd)) {
        struct fdent *e = fd_entry(fd);
        if (e)
            e->cloexec = true;
    }
    host_unlock(now);
}

/* close_range() in pieces around our private numbers. */
static long kernel_range(unsigned first, unsigned last, int flags) {
    while (first <= last) {
        int hole = host_fd_next(first > INT32_MAX ? INT32_MAX : (int)first);
        if (hole < 0 || (unsigned)hole > last)
            return SYS_CALL3(SYS_close_range, first, last, flags);
        if ((unsigned)hole > first) {
            long r = SYS_CALL3(SYS_close_range, first, (unsigned)hole - 1, flags);
            if (r < 0)
                return r;
        }
        first = (unsigned)hole + 1;
    }
    return 0;
}

int close_range(unsigned first, unsigned last, int flags) {
    if (!stack_is_ready() || first > last ||
        ((unsigned)flags & ~(CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE)))
        return real.close_range(first, last, flags);
    enter();
    if (first <= INT32_MAX) {
        unsigned end = UST_MIN(last, (unsigned)INT32_MAX);
        if ((unsigned)flags & CLOSE_RANGE_CLOEXEC)
            cloexec_range(first, end);
        else
            forget_range(first, end);
    }
    return (int)leave_ret(kernel_range(first, last, flags));
}

void closefrom(int first) {
    if (!stack_is_ready()) {
        real.closefrom(first);
        return;
    }
    int saved = errno;
    if (close_range(first < 0 ? 0 : (unsigned)first, ~0u, 0) < 0) {
        /* An older kernel: one by one, as far as there are any. */
        struct rlimit rl;
        if (sys_getrlimit(RLIMIT_NOFILE, &rl) == 0)
            for (int fd = first < 0 ? 0 : first; (rlim_t)fd < rl.rlim_cur; fd++)
                close(fd);
    }
    errno = saved;
}
