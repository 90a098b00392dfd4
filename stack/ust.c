/* SPDX-License-Identifier: ISC */
/*
 * The public functions of userstack-core: a thin cover over stack.h and sock/. No logic lives here. TCP with callbacks is ust_tcp.c.
 */
#include <poll.h>
#include <sys/socket.h>

#include "ust_priv.h"

EXPORT bool ust_ip_parse(const char *s, struct ust_ip *out) {
    struct ust_addr a;
    if (!addr_parse(s, &a))
        return false;
    to_ip(out, &a);
    return true;
}

EXPORT const char *ust_ip_str(const struct ust_ip *ip, char *buf) {
    struct ust_addr a = from_ip(ip);
    return addr_str(&a, buf);
}

EXPORT const char *ust_version(void) { return PACKAGE_VERSION; }

EXPORT struct ust_stack *ust_stack_new(void *mem, size_t size, const uint8_t seed[16],
                                       uint64_t now_ns) {
    struct ust_stack *us = (struct ust_stack *)mem;
    struct stack_cfg cfg;
    size_t front = UST_MAX(size / 64, ARENA_SPAN_BYTES) & ~(size_t)(ARENA_SPAN_BYTES - 1);
    if (size <= front)
        return NULL;
    stack_cfg_default(&cfg);
    memcpy(cfg.seed, seed, sizeof cfg.seed);
    us->st = stack_init((uint8_t *)mem + front, size - front, &cfg, now_ns);
    if (us->st == NULL)
        return NULL;
    us->cb_cap = (uint32_t)((front - sizeof *us) / sizeof us->cb[0]);
    for (uint32_t i = us->cb_cap; i > 0; i--) {
        us->cb[i - 1].next_free = us->cb_free;
        us->cb_free = i;
    }
    return us;
}

EXPORT void ust_stack_free(struct ust_stack *st, uint64_t now_ns) {
    if (st->tcp.on)
        ust_tcp_free(&st->tcp, now_ns);
    stack_fini(in(st), now_ns);
}

EXPORT int ust_link_up(struct ust_stack *st, uint64_t now_ns, const struct ust_link *link) {
    struct ust_mac mac;
    memcpy(mac.b, link->mac, sizeof mac.b);
    return stack_up(in(st), now_ns, &mac, link->mtu, 0, 0);
}

EXPORT int ust_addr_add(struct ust_stack *st, uint64_t now_ns, const struct ust_ip *ip,
                        unsigned plen, bool probe) {
    struct ust_addr a = from_ip(ip);
    unsigned max = addr_is_ip4(&a) ? 32 : 128;
    if (plen > max)
        return -EINVAL;
    return net_addr_add(&in(st)->net, now_ns, &a, (uint8_t)(128 - max + plen), probe, true);
}

EXPORT int ust_gateway_add(struct ust_stack *st, const struct ust_ip *gw) {
    struct ust_addr a = from_ip(gw), any = addr_from_ip4(0);
    return route_add(&in(st)->net, &any, 96, &a, 0);
}

EXPORT void ust_input(struct ust_stack *st, uint64_t now_ns, const void *frame, size_t len) {
    struct pkt_rx p = {.frame = slice_of(frame, len)};
    stack_rx(in(st), now_ns, &p);
}

EXPORT bool ust_turn(struct ust_stack *st, uint64_t now_ns) {
    struct stack *s = in(st);
    bool more = stack_turn(s, now_ns);
    while (waiter_wake_pop(&s->socks) != NULL) {
    } /* nobody sleeps in a library */
    trace_consume(&s->core.trace, (size_t)(s->core.trace.head - s->core.trace.tail));
    ust_tcp_dispatch(st, now_ns);
    return more;
}

EXPORT ssize_t ust_output(struct ust_stack *st, void *buf, size_t cap) {
    struct pkt_tx *p = link_tx_peek(&in(st)->link);
    if (p == NULL)
        return 0;
    if (pkt_len(p) > cap)
        return -EMSGSIZE;
    size_t len = pkt_linearize(p, (uint8_t *)buf, cap);
    link_tx_done(&in(st)->link);
    return (ssize_t)len;
}

EXPORT uint64_t ust_deadline(const struct ust_stack *st) {
    if (st->tcp.on && st->tcp.events->ready_cnt > 0)
        return 0; /* more callbacks than one turn runs */
    return stack_deadline(st->st);
}

/* ---- sockets ---- */

EXPORT int ust_socket_new(struct ust_stack *st, enum ust_kind kind, struct ust_socket **out) {
    struct sock *s;
    int r = sock_new(&in(st)->socks, AF_INET, kind == UST_TCP ? SOCK_STREAM : SOCK_DGRAM, 0, &s);
    if (r < 0)
        return r;
    s->where = SOCK_STACK;
    *out = (struct ust_socket *)(void *)s;
    return 0;
}

EXPORT void ust_socket_close(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s) {
    ust_tcp_forget(st, sk(s));
    sock_drop(&in(st)->socks, now_ns, sk(s));
}

EXPORT int ust_bind(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s,
                    const struct ust_ip *ip, uint16_t port) {
    struct ust_addr a = from_ip(ip);
    return sock_bind(&in(st)->socks, now_ns, sk(s), &a, port);
}

EXPORT int ust_listen(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s, int backlog) {
    return sock_listen(&in(st)->socks, now_ns, sk(s), backlog);
}

EXPORT int ust_accept(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s,
                      struct ust_socket **out) {
    struct sock *n;
    int r = sock_accept(&in(st)->socks, now_ns, sk(s), &n);
    if (r == 0)
        *out = (struct ust_socket *)(void *)n;
    return r;
}

EXPORT int ust_connect(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s,
                       const struct ust_ip *ip, uint16_t port) {
    struct ust_addr a = from_ip(ip);
    return sock_connect(&in(st)->socks, now_ns, sk(s), &a, port);
}

EXPORT int ust_error(struct ust_stack *st, struct ust_socket *s) {
    int err = 0;
    size_t len = sizeof err;
    sock_getopt(&in(st)->socks, 0, sk(s), SOL_SOCKET, SO_ERROR, &err, &len);
    return -err;
}

EXPORT ssize_t ust_sendto(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s,
                          const void *buf, size_t len, const struct ust_ip *ip, uint16_t port) {
    struct socks *ss = &in(st)->socks;
    if (sk(s)->kind == SOCK_KIND_UDP) {
        struct udp_send to = {.dst = from_ip(ip), .dport = ip ? port : 0};
        if (len > UDP_MAX_PAYLOAD4)
            return -EMSGSIZE;
        uint8_t *b = sock_dgram_buf(ss, len);
        if (b == NULL)
            return -ENOBUFS;
        memcpy(b, buf, len);
        int r = sock_dgram_send(ss, now_ns, sk(s), &to, b, len, false);
        return r < 0 ? r : (ssize_t)len;
    }
    size_t done = 0;
    while (done < len) {
        struct sbuf_mslice v[8];
        int cnt;
        ssize_t n = sock_send_reserve(ss, sk(s), len - done, v, &cnt, 8);
        if (n < 0)
            return done ? (ssize_t)done : n;
        for (int i = 0; i < cnt; i++) {
            memcpy(v[i].p, (const uint8_t *)buf + done, v[i].len);
            done += v[i].len;
        }
        sock_send_commit(ss, now_ns, sk(s), (size_t)n, 0);
    }
    return (ssize_t)done;
}

EXPORT ssize_t ust_send(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s,
                        const void *buf, size_t len) {
    return ust_sendto(st, now_ns, s, buf, len, NULL, 0);
}

EXPORT ssize_t ust_recvfrom(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s, void *buf,
                            size_t len, struct ust_ip *ip, uint16_t *port) {
    struct socks *ss = &in(st)->socks;
    struct ust_addr a;
    uint16_t p;
    if (sk(s)->kind == SOCK_KIND_UDP) {
        struct udp_dgram *d;
        int r = sock_dgram_peek(ss, sk(s), &d);
        if (r < 0 || d == NULL)
            return r;
        size_t n = UST_MIN(len, (size_t)d->len);
        if (n)
            memcpy(buf, d->buf, n);
        to_ip(ip, &d->src);
        if (port != NULL)
            *port = d->sport;
        sock_dgram_done(ss, sk(s), true);
        return (ssize_t)n;
    }
    struct ust_slice v[8];
    int cnt;
    ssize_t n = sock_recv_peek(ss, sk(s), 0, len, v, &cnt, 8);
    if (n <= 0)
        return n;
    uint8_t *dst = (uint8_t *)buf;
    for (int i = 0; i < cnt; i++) {
        memcpy(dst, v[i].p, v[i].len);
        dst += v[i].len;
    }
    sock_recv_done(ss, now_ns, sk(s), (size_t)n);
    if (sock_peer(ss, sk(s), &a, &p) == 0) {
        to_ip(ip, &a);
        if (port != NULL)
            *port = p;
    }
    return n;
}

EXPORT ssize_t ust_recv(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s, void *buf,
                        size_t len) {
    return ust_recvfrom(st, now_ns, s, buf, len, NULL, NULL);
}

EXPORT int ust_shutdown(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s, int how) {
    return sock_shutdown(&in(st)->socks, now_ns, sk(s), how);
}

static int answer(int r, const struct ust_addr *a, uint16_t p, struct ust_ip *ip, uint16_t *port) {
    if (r < 0)
        return r;
    to_ip(ip, a);
    if (port != NULL)
        *port = p;
    return 0;
}

EXPORT int ust_local(struct ust_stack *st, struct ust_socket *s, struct ust_ip *ip,
                     uint16_t *port) {
    struct ust_addr a;
    uint16_t p;
    int r = sock_local(&in(st)->socks, sk(s), &a, &p);
    return answer(r, &a, p, ip, port);
}

EXPORT int ust_peer(struct ust_stack *st, struct ust_socket *s, struct ust_ip *ip, uint16_t *port) {
    struct ust_addr a;
    uint16_t p;
    int r = sock_peer(&in(st)->socks, sk(s), &a, &p);
    return answer(r, &a, p, ip, port);
}

EXPORT unsigned ust_ready(struct ust_stack *st, struct ust_socket *s) {
    return ust_ready_of(sock_poll(&in(st)->socks, sk(s)));
}

unsigned ust_ready_of(uint32_t ev) {
    return (ev & (POLLIN | POLLRDHUP) ? UST_IN : 0u) | (ev & POLLOUT ? UST_OUT : 0u) |
           (ev & POLLERR ? UST_ERR : 0u) | (ev & POLLHUP ? UST_HUP : 0u);
}
