/* SPDX-License-Identifier: ISC */
/*
 * TCP of the public interface: callbacks over the socket layer. Each flow and listener has an item in one edge-triggered event set of the arena; the
 * item's data is the index of its callback in front of the arena.
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "ust_priv.h"

#define DISPATCH_MAX 4096 /* callbacks a turn, at most; what is left is due at once */

/* ---- the callbacks ---- */

static struct ust_cb *cb_find(struct ust_stack *us, struct sock *s) {
    struct epitem *it;
    LIST_FOREACH (it, &s->epitems, obj_link) {
        if (it->set == us->tcp.events)
            return &us->cb[it->data];
    }
    return NULL;
}

static struct ust_cb *cb_new(struct ust_stack *us, struct sock *s, enum ust_cb_kind kind) {
    if (us->cb_free == 0)
        return NULL;
    uint32_t i = us->cb_free - 1;
    if (epset_add(&in(us)->socks, us->tcp.events, 0, s, WAIT_SOCK,
                  EPOLLET | EPOLLIN | EPOLLOUT | EPOLLRDHUP, i) < 0)
        return NULL;
    struct ust_cb *cb = &us->cb[i];
    us->cb_free = cb->next_free;
    *cb = (struct ust_cb){.kind = kind, .s = s};
    return cb;
}

static void cb_drop(struct ust_stack *us, struct ust_cb *cb) {
    epset_del(&in(us)->socks, us->tcp.events, 0, cb->s);
    *cb = (struct ust_cb){.next_free = us->cb_free};
    us->cb_free = (uint32_t)(cb - us->cb) + 1;
}

void ust_tcp_forget(struct ust_stack *us, struct sock *s) {
    struct ust_cb *cb = us->tcp.on ? cb_find(us, s) : NULL;
    if (cb != NULL)
        cb_drop(us, cb);
}

/* Events from here on, and those that are there already. */
static void cb_rearm(struct ust_stack *us, struct ust_cb *cb) {
    epset_mod(&in(us)->socks, us->tcp.events, 0, cb->s, EPOLLET | EPOLLIN | EPOLLOUT | EPOLLRDHUP,
              (uint64_t)(cb - us->cb));
}

/* ---- life ---- */

EXPORT int ust_tcp_new(struct ust_stack *us, struct ust_tcp **out) {
    if (us->tcp.on)
        return -EALREADY;
    us->tcp.events = epset_new(&in(us)->socks);
    if (us->tcp.events == NULL)
        return -ENOBUFS;
    us->tcp.on = true;
    *out = &us->tcp;
    return 0;
}

static void flow_reset(struct ust_stack *us, uint64_t now_ns, struct sock *s) {
    s->linger_on = true; /* SO_LINGER of no time: RST (RFC 9293 3.10.5) */
    s->linger_s = 0;
    sock_drop(&in(us)->socks, now_ns, s);
}

EXPORT void ust_tcp_free(struct ust_tcp *t, uint64_t now_ns) {
    struct ust_stack *us = ust_of_tcp(t);
    for (uint32_t i = 0; i < us->cb_cap; i++) {
        struct ust_cb *cb = &us->cb[i];
        struct sock *s = cb->s;
        if (cb->kind == UST_CB_FREE)
            continue;
        cb_drop(us, cb);
        flow_reset(us, now_ns, s);
    }
    epset_drop(&in(us)->socks, t->events);
    t->events = NULL;
    t->on = false;
}

/* ---- listening ---- */

static struct ust_cb *listener_find(struct ust_stack *us, uint16_t port) {
    for (uint32_t i = 0; i < us->cb_cap; i++)
        if (us->cb[i].kind == UST_CB_LISTEN && us->cb[i].port == port)
            return &us->cb[i];
    return NULL;
}

EXPORT int ust_tcp_listen(struct ust_tcp *t, uint64_t now_ns, uint16_t port, ust_tcp_flow_fn fn,
                          void *ctx) {
    struct ust_stack *us = ust_of_tcp(t);
    struct socks *ss = &in(us)->socks;
    static const struct ust_addr any = {{0}};
    struct sock *s;

    if (port == 0 || fn == NULL)
        return -EINVAL;
    struct ust_cb *cb = listener_find(us, port);
    if (cb == NULL) {
        int r = sock_new(ss, AF_INET6, SOCK_STREAM, 0, &s);
        if (r < 0)
            return r;
        s->where = SOCK_STACK;
        s->reuseaddr = true; /* connections of an earlier listener may still be there */
        r = sock_bind(ss, now_ns, s, &any, port);
        if (r == 0)
            r = sock_listen(ss, now_ns, s, SOMAXCONN);
        if (r == 0 && (cb = cb_new(us, s, UST_CB_LISTEN)) == NULL)
            r = -ENOBUFS;
        if (r < 0) {
            sock_drop(ss, now_ns, s);
            return r;
        }
        cb->port = port;
    }
    cb->fn.flow = fn;
    cb->ctx = ctx;
    return 0;
}

EXPORT int ust_tcp_unlisten(struct ust_tcp *t, uint64_t now_ns, uint16_t port) {
    struct ust_stack *us = ust_of_tcp(t);
    struct ust_cb *cb = listener_find(us, port);
    if (cb == NULL)
        return -ENOENT;
    struct sock *s = cb->s;
    cb_drop(us, cb);
    sock_drop(&in(us)->socks, now_ns, s);
    return 0;
}

/* ---- connecting ---- */

static int set_int(struct socks *ss, uint64_t now_ns, struct sock *s, int level, int name,
                   uint64_t value) {
    int v = (int)value;
    return sock_setopt(ss, now_ns, s, level, name, &v, sizeof v);
}

EXPORT int ust_tcp_set_keepalive(struct ust_tcp *t, uint64_t now_ns, struct ust_socket *flow,
                                 const struct ust_keepalive *k) {
    struct socks *ss = &in(ust_of_tcp(t))->socks;
    struct sock *s = sk(flow);
    if (k == NULL)
        return set_int(ss, now_ns, s, SOL_SOCKET, SO_KEEPALIVE, 0);
    const struct {
        int name;
        uint64_t value, max;
    } opt[] = {{TCP_KEEPIDLE, k->after_ns / NS_PER_S, 32767},
               {TCP_KEEPINTVL, k->interval_ns / NS_PER_S, 32767},
               {TCP_KEEPCNT, k->probes, 127}};
    for (size_t i = 0; i < UST_ARRAY_CNT(opt); i++)
        if (opt[i].value < 1 || opt[i].value > opt[i].max)
            return -EINVAL;
    int r = 0;
    for (size_t i = 0; r == 0 && i < UST_ARRAY_CNT(opt); i++)
        r = set_int(ss, now_ns, s, IPPROTO_TCP, opt[i].name, opt[i].value);
    return r < 0 ? r : set_int(ss, now_ns, s, SOL_SOCKET, SO_KEEPALIVE, 1);
}

EXPORT int ust_tcp_connect(struct ust_tcp *t, uint64_t now_ns, const struct ust_ip *ip,
                           uint16_t port, const struct ust_keepalive *keepalive, ust_tcp_flow_fn fn,
                           void *ctx, struct ust_socket **out) {
    struct ust_stack *us = ust_of_tcp(t);
    struct socks *ss = &in(us)->socks;
    struct ust_addr a;
    struct ust_cb *cb = NULL;
    struct sock *s;

    if (ip == NULL || port == 0 || fn == NULL)
        return -EINVAL;
    a = from_ip(ip);
    int r = sock_new(ss, addr_is_ip4(&a) ? AF_INET : AF_INET6, SOCK_STREAM, 0, &s);
    if (r < 0)
        return r;
    s->where = SOCK_STACK;
    if (keepalive != NULL)
        r = ust_tcp_set_keepalive(t, now_ns, pub(s), keepalive);
    if (r == 0) {
        r = sock_connect(ss, now_ns, s, &a, port);
        r = r == -EINPROGRESS ? 0 : r;
    }
    if (r == 0 && (cb = cb_new(us, s, UST_CB_CONNECT)) == NULL)
        r = -ENOBUFS;
    if (r < 0) {
        flow_reset(us, now_ns, s);
        return r;
    }
    cb->fn.flow = fn;
    cb->ctx = ctx;
    if (out != NULL)
        *out = pub(s);
    return 0;
}

EXPORT int ust_tcp_set_handler(struct ust_tcp *t, struct ust_socket *flow, ust_tcp_event_fn fn,
                               void *ctx) {
    struct ust_stack *us = ust_of_tcp(t);
    struct ust_cb *cb = cb_find(us, sk(flow));
    if (cb == NULL && (cb = cb_new(us, sk(flow), UST_CB_FLOW)) == NULL)
        return -ENOBUFS;
    if (cb->kind != UST_CB_FLOW)
        return -EINVAL; /* its handshake has not ended */
    cb->fn.event = fn;
    cb->ctx = ctx;
    cb_rearm(us, cb);
    return 0;
}

/* ---- dispatch ---- */

static void accept_all(struct ust_stack *us, uint64_t now_ns, struct ust_cb *cb) {
    struct socks *ss = &in(us)->socks;
    struct sock *l = cb->s, *s;
    while (cb->s == l && cb->kind == UST_CB_LISTEN && sock_accept(ss, now_ns, l, &s) == 0) {
        if (cb_new(us, s, UST_CB_FLOW) == NULL) {
            flow_reset(us, now_ns, s); /* no room for another: told to the peer at once */
            continue;
        }
        cb->fn.flow(cb->ctx, now_ns, pub(s), 0);
    }
}

static void connect_ended(struct ust_stack *us, uint64_t now_ns, struct ust_cb *cb) {
    struct socks *ss = &in(us)->socks;
    struct sock *s = cb->s;
    int r = sock_connect_result(ss, s);
    if (r == -EINPROGRESS)
        return;
    ust_tcp_flow_fn fn = cb->fn.flow;
    void *ctx = cb->ctx;
    cb->kind = UST_CB_FLOW;
    cb->fn.event = NULL;
    fn(ctx, now_ns, pub(s), r);
    if (r < 0 && cb->s == s) { /* the callback may have closed it already */
        cb_drop(us, cb);
        sock_drop(ss, now_ns, s);
    }
}

void ust_tcp_dispatch(struct ust_stack *us, uint64_t now_ns) {
    struct socks *ss = &in(us)->socks;
    struct ep_event ev;
    for (int n = 0;
         n < DISPATCH_MAX && us->tcp.on && epset_harvest(ss, us->tcp.events, &ev, 1) == 1; n++) {
        struct ust_cb *cb = &us->cb[ev.data];
        switch (cb->kind) {
        case UST_CB_LISTEN:
            accept_all(us, now_ns, cb);
            break;
        case UST_CB_CONNECT:
            connect_ended(us, now_ns, cb);
            break;
        case UST_CB_FLOW:
            if (cb->fn.event != NULL)
                cb->fn.event(cb->ctx, now_ns, pub(cb->s), ust_ready_of(ev.events));
            break;
        case UST_CB_FREE:
            break;
        }
    }
}

/* ---- segments ---- */

EXPORT void ust_tcp_input(struct ust_tcp *t, uint64_t now_ns, const struct ust_ip *src,
                          const struct ust_ip *dst, struct ust_slice segment) {
    struct stack *st = in(ust_of_tcp(t));
    struct ip_rx rx = {.src = from_ip(src),
                       .dst = from_ip(dst),
                       .proto = IP_PROTO_TCP,
                       .ttl = 64,
                       .packet = segment,
                       .payload = segment};
    enum drop d = tcp_rx(&st->tcp, now_ns, &rx);
    if (d != DROP_NONE)
        core_drop_flow(&st->core, now_ns, d, &rx.src, -1, &rx.dst, -1);
}

EXPORT int ust_tcp_peer(struct ust_tcp *t, struct ust_socket *flow, struct ust_ip *ip,
                        uint16_t *port) {
    return ust_peer(ust_of_tcp(t), flow, ip, port);
}

EXPORT int ust_tcp_local(struct ust_tcp *t, struct ust_socket *flow, struct ust_ip *ip,
                         uint16_t *port) {
    return ust_local(ust_of_tcp(t), flow, ip, port);
}

/* ---- data ---- */

/* A peer that keepalive found dead ends the stream for the reader; the writer hears why. */
static ssize_t read_result(struct ust_tcp *t, struct ust_socket *flow, ssize_t r) {
    struct ust_stack *us = ust_of_tcp(t);
    struct ust_cb *cb;
    if (r != -ETIMEDOUT || !sk(flow)->keepalive)
        return r;
    cb = cb_find(us, sk(flow));
    if (cb == NULL)
        cb = cb_new(us, sk(flow), UST_CB_FLOW);
    if (cb != NULL)
        cb->dead = true;
    return 0;
}

EXPORT ssize_t ust_tcp_read(struct ust_tcp *t, uint64_t now_ns, struct ust_socket *flow, void *buf,
                            size_t len) {
    return read_result(t, flow, ust_recv(ust_of_tcp(t), now_ns, flow, buf, len));
}

EXPORT ssize_t ust_tcp_peek_slices(struct ust_tcp *t, struct ust_socket *flow, struct ust_slice *v,
                                   int *cnt) {
    struct socks *ss = &in(ust_of_tcp(t))->socks;
    int max = *cnt;
    *cnt = 0;
    return read_result(t, flow, sock_recv_peek(ss, sk(flow), 0, SIZE_MAX, v, cnt, max));
}

EXPORT void ust_tcp_consume(struct ust_tcp *t, uint64_t now_ns, struct ust_socket *flow, size_t n) {
    sock_recv_done(&in(ust_of_tcp(t))->socks, now_ns, sk(flow), n);
}

EXPORT ssize_t ust_tcp_write(struct ust_tcp *t, uint64_t now_ns, struct ust_socket *flow,
                             const void *buf, size_t len, int flags) {
    struct iovec iov = {(void *)(uintptr_t)buf, len};
    return ust_tcp_writev(t, now_ns, flow, &iov, 1, flags);
}

EXPORT ssize_t ust_tcp_writev(struct ust_tcp *t, uint64_t now_ns, struct ust_socket *flow,
                              const struct iovec *iov, int cnt, int flags) {
    struct ust_stack *us = ust_of_tcp(t);
    struct ust_cb *cb = cb_find(us, sk(flow));
    ssize_t done = 0;

    if (cnt < 0 || (flags & ~UST_NODELAY))
        return -EINVAL;
    if (cb != NULL && cb->dead)
        return -ETIMEDOUT;
    for (int i = 0; i < cnt; i++) {
        ssize_t n = ust_send(us, now_ns, flow, iov[i].iov_base, iov[i].iov_len);
        if (n < 0)
            return done ? done : n;
        done += n;
        if ((size_t)n < iov[i].iov_len)
            break;
    }
    if (done > 0 && (flags & UST_NODELAY))
        tcp_push(&in(us)->tcp, sk(flow)->tcb);
    return done;
}

/* ---- the end ---- */

EXPORT void ust_tcp_close(struct ust_tcp *t, uint64_t now_ns, struct ust_socket *flow) {
    ust_socket_close(ust_of_tcp(t), now_ns, flow);
}

EXPORT int ust_tcp_shutdown(struct ust_tcp *t, uint64_t now_ns, struct ust_socket *flow, int how) {
    return ust_shutdown(ust_of_tcp(t), now_ns, flow, how);
}

EXPORT void ust_tcp_abort(struct ust_tcp *t, uint64_t now_ns, struct ust_socket *flow) {
    struct ust_stack *us = ust_of_tcp(t);
    ust_tcp_forget(us, sk(flow));
    flow_reset(us, now_ns, sk(flow));
}
