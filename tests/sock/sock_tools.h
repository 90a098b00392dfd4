/* SPDX-License-Identifier: ISC */
/*
 * Two stacks on a simulated wire, and short words for what programs do on them. Host 0 is 10.0.0.1, host 1 is 10.0.0.2. fx_end() closes what is left, lets the
 * longest timers pass, and asserts that every pool of sock/, udp/ and tcp/ is empty.
 */
#ifndef UST_TESTS_SOCK_TOOLS_H
#define UST_TESTS_SOCK_TOOLS_H

#include "base/check_tools.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "stack.h"
#include "support/sim.h"

#define FX_SOCKS 64

struct fx {
    struct sim *sim;
    struct socks *sk[2];
    struct sock *open[FX_SOCKS]; /* to be closed at the end; see fx_sock() */
    uint8_t open_host[FX_SOCKS];
    int open_cnt;
};

static struct fx fx;

static inline uint64_t fx_now(void) { return fx.sim->now_ns; }
static inline struct ust_addr fx_addr(int host) {
    return addr_from_ip4(0x0a000001u + (uint32_t)host);
}

/* Everything that is due up to `ns` from now. */
static inline void fx_run(uint64_t ns) {
    uint64_t until = fx_now() + ns;
    for (int h = 0; h < 2; h++)
        sim_kick(fx.sim, h);
    for (;;) {
        uint64_t at = fx.sim->heap_cnt ? fx.sim->heap[0].at_ns : TIME_NEVER;
        for (int h = 0; h < 2; h++)
            at = UST_MIN(at, stack_deadline(sim_stack(fx.sim, h)));
        if (at > until)
            break;
        sim_step(fx.sim);
    }
    fx.sim->now_ns = until;
    if (fx.sim->error)
        ck_abort_msg("%s", fx.sim->error);
}

static inline void fx_begin(void) {
    memset(&fx, 0, sizeof fx);
    fx.sim = sim_new(1);
    for (int h = 0; h < 2; h++) {
        sim_add_host(fx.sim, 64u << 20, 1500, 0, 0, NULL);
        fx.sim->wire[h][1 - h].delay_ns = 100 * NS_PER_US;
    }
    for (int h = 0; h < 2; h++)
        fx.sk[h] = &sim_stack(fx.sim, h)->socks;
    fx_run(NS_PER_MS);
}

static inline struct sock *fx_own(int host, struct sock *s) {
    ck_assert_int_lt(fx.open_cnt, FX_SOCKS);
    fx.open_host[fx.open_cnt] = (uint8_t)host;
    fx.open[fx.open_cnt++] = s;
    return s;
}

static inline struct sock *fx_sock(int host, int family, int type) {
    struct sock *s = NULL;
    ck_assert_int_eq(sock_new(fx.sk[host], family, type, 0, &s), 0);
    return fx_own(host, s);
}

static inline void fx_close(struct sock *s) {
    for (int i = 0; i < fx.open_cnt; i++) {
        if (fx.open[i] != s)
            continue;
        fx.open[i] = NULL;
        sock_drop(fx.sk[fx.open_host[i]], fx_now(), s);
        return;
    }
    ck_abort_msg("not open");
}

static inline void fx_end(void) {
    static const enum slab_kind kinds[] = {
        SLAB_SOCK,    SLAB_EPSET,        SLAB_EPITEM, SLAB_WAITER,  SLAB_WAIT_LINK, SLAB_TCB,
        SLAB_UDP_PCB, SLAB_TCP_LISTENER, SLAB_TCP_TW, SLAB_TCP_SEG, SLAB_TCP_RANGE, SLAB_UDP_DGRAM};
    fx.sim->wire[0][1].dead = fx.sim->wire[1][0].dead = false;
    for (int i = 0; i < fx.open_cnt; i++)
        if (fx.open[i])
            sock_drop(fx.sk[fx.open_host[i]], fx_now(), fx.open[i]);
    fx_run(300 * NS_PER_S);
    for (int h = 0; h < 2; h++) {
        struct stack *st = sim_stack(fx.sim, h);
        must_hold(stack_check(st));
        for (size_t k = 0; k < UST_ARRAY_CNT(kinds); k++)
            if (slab_in_use(&st->core.arena, kinds[k]) != 0)
                ck_abort_msg("host %d: %u of %s left", h, slab_in_use(&st->core.arena, kinds[k]),
                             slab_kind_name(kinds[k]));
    }
    sim_free(fx.sim);
}

/* ---- what programs do ---- */

static inline int fx_bind(int host, struct sock *s, uint16_t port) {
    struct ust_addr any = {{0}};
    return sock_bind(fx.sk[host], fx_now(), s, &any, port);
}

static inline struct sock *fx_listener(int host, uint16_t port, int backlog) {
    struct sock *l = fx_sock(host, AF_INET, SOCK_STREAM);
    ck_assert_int_eq(fx_bind(host, l, port), 0);
    ck_assert_int_eq(sock_listen(fx.sk[host], fx_now(), l, backlog), 0);
    return l;
}

static inline int fx_connect(int host, struct sock *s, uint16_t port) {
    struct ust_addr to = fx_addr(1 - host);
    int r = sock_connect(fx.sk[host], fx_now(), s, &to, port);
    return r;
}

static inline struct sock *fx_accept(int host, struct sock *l) {
    struct sock *s = NULL;
    ck_assert_int_eq(sock_accept(fx.sk[host], fx_now(), l, &s), 0);
    return fx_own(host, s);
}

static inline ssize_t fx_send(int host, struct sock *s, const void *p, size_t len, int flags) {
    struct sbuf_mslice v[4];
    const uint8_t *b = (const uint8_t *)p;
    int cnt;
    ssize_t n = sock_send_reserve(fx.sk[host], s, len, v, &cnt, 4);
    if (n <= 0)
        return n;
    for (int i = 0; i < cnt; i++) {
        memcpy(v[i].p, b, v[i].len);
        b += v[i].len;
    }
    sock_send_commit(fx.sk[host], fx_now(), s, (size_t)n, flags);
    return n;
}

static inline ssize_t fx_recv(int host, struct sock *s, void *p, size_t len, int flags) {
    struct ust_slice v[4];
    uint8_t *b = (uint8_t *)p;
    int cnt;
    ssize_t n = sock_recv_peek(fx.sk[host], s, 0, len, v, &cnt, 4);
    if (n <= 0)
        return n;
    for (int i = 0; i < cnt; i++) {
        memcpy(b, v[i].p, v[i].len);
        b += v[i].len;
    }
    sock_recv_done(fx.sk[host], fx_now(), s, flags & MSG_PEEK ? 0 : (size_t)n);
    return n;
}

static inline int fx_getint(int host, struct sock *s, int level, int name) {
    int v = -777;
    size_t len = sizeof v;
    ck_assert_int_eq(sock_getopt(fx.sk[host], fx_now(), s, level, name, &v, &len), 0);
    return v;
}

static inline int fx_setint(int host, struct sock *s, int level, int name, int v) {
    return sock_setopt(fx.sk[host], fx_now(), s, level, name, &v, sizeof v);
}

static inline uint32_t fx_poll(int host, struct sock *s) { return sock_poll(fx.sk[host], s); }

#endif
