/* SPDX-License-Identifier: ISC */
/* Names and connections: bind, listen, connect, shutdown, getsockname, getpeername. Here undecided sockets become the stack's or the kernel's. */
#include "worlds.h"
#include "decide.h"

#include <netinet/in.h>

#include "host/sys.h"

/* ---- bind ---- */

static long do_bind(struct call *c, const struct sockaddr *sa, socklen_t len) {
    struct sock *s = c->s;
    struct ust_addr a;
    uint16_t port;
    bool unspec;
    sa_family_t family;
    int r = addr_in(s, sa, len, &a, &port, &unspec);
    if (r < 0)
        return r;
    if (user_copy_in(&family, &sa->sa_family, sizeof(family)) != 0)
        return -EFAULT;
    if (unspec) {
        if (len < (s->family == AF_INET ? sizeof(struct sockaddr_in) : 24u))
            return -EINVAL;
        /* Linux: for IPv4, AF_UNSPEC with the wildcard address means AF_INET. */
        if (s->family != AF_INET || !addr_is_any(&a))
            return -EAFNOSUPPORT;
    } else if (family != s->family) {
        return -EAFNOSUPPORT;
    }
    if (s->where == SOCK_UNDECIDED && !addr_is_any(&a) && addr_is_kernels(&a)) {
        r = decide_kernel_prepare(c);
        if (r == 0)
            r = (int)sys_bind(c->fd, sa, len);
        if (r == 0)
            decide_kernel(s, SOCK_WHY_BIND_ADDR);
        return r;
    }
    r = call_need_net_for(c, addr_is_any(&a) ? NULL : &a);
    if (r == 0)
        r = addr_check_scope(s, sa, len, &a, true);
    if (r < 0)
        return r;
    r = sock_bind(c->sk, c->now, s, &a, port);
    if (r == 0)
        decide_stack(s, addr_is_any(&a) ? SOCK_WHY_WILDCARD : SOCK_WHY_BIND_ADDR);
    if (r == 0 && s->kind == SOCK_KIND_UDP)
        both_open(c, -1);
    return r;
}

int bind(int fd, const struct sockaddr *sa, socklen_t len) {
    struct call c;
    if (!fd_lookup(fd) || !call_begin(&c, "bind", fd))
        return real.bind(fd, sa, len);
    return (int)call_end(&c, do_bind(&c, sa, len));
}

static long do_listen(struct call *c, int backlog) {
    int r = call_need_net(c);
    if (r < 0)
        return r;
    r = sock_listen(c->sk, c->now, c->s, backlog);
    if (r == 0 && c->s->where == SOCK_UNDECIDED)
        decide_stack(c->s, SOCK_WHY_LISTEN);
    if (r == 0)
        both_open(c, UST_MAX(backlog, 0));
    return r;
}

int listen(int fd, int backlog) {
    struct call c;
    if (!fd_lookup(fd) || !call_begin(&c, "listen", fd))
        return real.listen(fd, backlog);
    return (int)call_end(&c, do_listen(&c, backlog));
}

/* ---- connect ---- */

/*
 * The placeholder connects; it may block there, so nothing of ours is held meanwhile. A handshake that failed leaves the socket
 * undecided: the next attempt may go elsewhere.
 */
static long connect_kernel(struct call *c, const struct sockaddr *sa, socklen_t len) {
    int r = decide_kernel_prepare(c);
    if (r < 0)
        return r;
    call_let_go(c);
    r = real.connect(c->fd, sa, len);
    int err = r < 0 ? errno : 0;
    call_come_back(c);
    bool begun = err == 0 || err == EINPROGRESS || err == EINTR || err == EALREADY;
    if (c->s && begun)
        decide_kernel(c->s, SOCK_WHY_DEST_KERNEL_PREFIX);
    return -err;
}

/* Waits for the end of the handshake; first: what connect() says if it does not come in time. */
static long await_handshake(struct call *c, int first) {
    for (;;) {
        struct block_rule rule = {c->s->sndtimeo_ns, POLLOUT, false, first};
        int r = call_block(c, &rule);
        if (r < 0)
            return r;
        r = sock_connect_result(c->sk, c->s);
        if (r != -EINPROGRESS)
            return r;
    }
}

static long do_connect(struct call *c, const struct sockaddr *sa, socklen_t len) {
    struct ust_addr a;
    uint16_t port;
    bool unspec;
    int r = addr_in(c->s, sa, len, &a, &port, &unspec);
    if (unspec)
        return sock_disconnect(c->sk, c->now, c->s);
    bool busy = c->s->listening || c->s->connecting || c->s->was_connected;
    /* Linux: a stream socket that is not free says so before it looks at the address. */
    bool unread =
        r == -EFAULT || len < sizeof(sa->sa_family) || len > sizeof(struct sockaddr_storage);
    if (r < 0 && (!busy || unread)) {
        /* and a datagram socket has taken a port by then. */
        if (!unread && c->s->kind == SOCK_KIND_UDP && call_need_net(c) == 0)
            sock_dgram_autobind(c->sk, c->s);
        return r;
    }
    if (!busy && dest_is_kernels(c->s, &a))
        return connect_kernel(c, sa, len);
    r = call_need_net_for(c, &a);
    if (r == 0 && !busy)
        r = addr_check_scope(c->s, sa, len, &a, true);
    while (r == 0) {
        r = sock_connect(c->sk, c->now, c->s, &a, port);
        if ((r == 0 || r == -EINPROGRESS) && c->s->where == SOCK_UNDECIDED)
            decide_stack(c->s, SOCK_WHY_DEST_STACK);
        if (r == 0 && c->s->kind == SOCK_KIND_UDP)
            both_close(c);
        if ((r != -EINPROGRESS && r != -EALREADY) || call_nonblock(c, 0))
            return r;
        r = (int)await_handshake(c, r);
        if (r != -CALL_RESTART)
            return r;
        r = call_again(c) ? 0 : -EBADF;
    }
    return r;
}

/* A handshake that send() has started, or found under way; first as above. 0: connected. */
long conn_await(struct call *c, int first) {
    if (call_nonblock(c, 0))
        return first;
    return await_handshake(c, first);
}

/*
 * What MSG_FASTOPEN does before it sends: as Linux's tcp_sendmsg_fastopen() and __inet_stream_connect(). 0: go on sending (connected, or the SYN
 * waits for the data).
 */
long conn_fastopen(struct call *c, const struct sockaddr *sa, socklen_t len, int flags) {
    struct sock *s = c->s;
    struct ust_addr a;
    uint16_t port;
    bool unspec = false;
    int r = sa ? addr_in(s, sa, len, &a, &port, &unspec) : -EINVAL, first = -EALREADY;
    if (unspec)
        return -EOPNOTSUPP;
    if (sa && (r == -EFAULT || len < sizeof(sa->sa_family)))
        return r;
    if (s->listening || s->was_connected)
        return -EISCONN;
    if (sock_fo_deferred(s))
        return 0;
    if (!s->connecting) {
        if (r < 0)
            return r;
        if (dest_is_kernels(s, &a)) {
            r = decide_kernel_prepare(c);
            if (r == 0)
                decide_kernel(s, SOCK_WHY_DEST_KERNEL_PREFIX);
            return r < 0 ? r : CALL_TO_LIBC;
        }
        r = call_need_net(c);
        if (r < 0)
            return r;
        r = sock_connect_fo(c->sk, c->now, s, &a, port);
        if ((r == 0 || r == -EINPROGRESS) && s->where == SOCK_UNDECIDED)
            decide_stack(s, SOCK_WHY_DEST_STACK);
        if (r != -EINPROGRESS)
            return r;
        first = r;
    }
    r = sock_connect_result(c->sk, s);
    if (r != -EINPROGRESS)
        return r;
    if (flags & MSG_DONTWAIT)
        return first;
    return conn_await(c, first);
}

int connect(int fd, const struct sockaddr *sa, socklen_t len) {
    struct call c;
    if (UST_UNLIKELY(!fd_lookup(fd) && fd_entry(fd)))
        decide_again(fd, sa, len);
    if (!fd_lookup(fd) || !call_begin(&c, "connect", fd))
        return real.connect(fd, sa, len);
    return (int)call_end(&c, do_connect(&c, sa, len));
}

int __connect(int fd, const struct sockaddr *sa, socklen_t len) { return connect(fd, sa, len); }

/* ---- the rest ---- */

int shutdown(int fd, int how) {
    struct call c;
    if (!fd_lookup(fd) || !call_begin(&c, "shutdown", fd))
        return real.shutdown(fd, how);
    if (both_active(c.s)) {
        SYS_CALL2(SYS_shutdown, c.fd, how);
        c.s->kernel_half = c.s->listener == NULL || how == SHUT_WR;
    }
    return (int)call_end(&c, sock_shutdown(c.sk, c.now, c.s, how));
}

int getsockname(int fd, struct sockaddr *sa, socklen_t *len) {
    struct call c;
    struct ust_addr a;
    uint16_t port;
    if (!fd_lookup(fd) || !call_begin(&c, "getsockname", fd))
        return real.getsockname(fd, sa, len);
    int r = sock_local(c.sk, c.s, &a, &port);
    return (int)call_end(&c, r < 0 ? r : addr_out(c.s, &a, port, sa, len));
}

int getpeername(int fd, struct sockaddr *sa, socklen_t *len) {
    struct call c;
    struct ust_addr a;
    uint16_t port;
    if (!fd_lookup(fd) || !call_begin(&c, "getpeername", fd))
        return real.getpeername(fd, sa, len);
    int r = sock_peer(c.sk, c.s, &a, &port);
    return (int)call_end(&c, r < 0 ? r : addr_out(c.s, &a, port, sa, len));
}
