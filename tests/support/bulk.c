/* SPDX-License-Identifier: ISC */
#include "support/bulk.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#define PORT 5000
#define STREAM 1

static void fail(struct bulk *b, const char *what, long n) {
    if (!b->fail[0])
        snprintf(b->fail, sizeof b->fail, "%s: %ld (%ju sent, %ju arrived)", what, n,
                 (uintmax_t)b->sent, (uintmax_t)b->got);
}

static void client_app(struct sim *s, int host, void *ctx) {
    struct bulk *b = (struct bulk *)ctx;
    struct socks *sk = &sim_stack(s, host)->socks;
    struct sbuf_mslice v[8];
    int cnt;
    if (!b->client) {
        if (sock_new(sk, AF_INET, SOCK_STREAM, 0, &b->client) < 0)
            abort();
        int r = sock_connect(sk, s->now_ns, b->client, &s->host[1].addr, PORT);
        if (r != -EINPROGRESS)
            fail(b, "connect", r);
        return;
    }
    if (sock_connect_result(sk, b->client) != 0)
        return;
    while (b->sent < b->bytes) {
        ssize_t n =
            sock_send_reserve(sk, b->client, UST_MIN(b->bytes - b->sent, 1u << 20), v, &cnt, 8);
        if (n == -EAGAIN)
            return;
        if (n < 0) {
            fail(b, "send", (long)n);
            return;
        }
        uint64_t pos = b->sent;
        for (int i = 0; i < cnt; i++) {
            sim_fill(STREAM, pos, v[i].p, v[i].len);
            pos += v[i].len;
        }
        sock_send_commit(sk, s->now_ns, b->client, (size_t)n, 0);
        b->sent += (uint64_t)n;
    }
}

static void server_app(struct sim *s, int host, void *ctx) {
    struct bulk *b = (struct bulk *)ctx;
    struct socks *sk = &sim_stack(s, host)->socks;
    struct ust_slice v[8];
    int cnt;
    if (!b->server && sock_accept(sk, s->now_ns, b->listener, &b->server) < 0) {
        b->server = NULL;
        return;
    }
    for (;;) {
        ssize_t n = sock_recv_peek(sk, b->server, 0, 1u << 20, v, &cnt, 8);
        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            fail(b, "recv", (long)n);
            return;
        }
        for (int i = 0; i < cnt; i++) {
            if (sim_verify(STREAM, b->got, v[i].p, v[i].len) != v[i].len)
                fail(b, "wrong byte", 0);
            b->got += v[i].len;
        }
        sock_recv_done(sk, s->now_ns, b->server, (size_t)n);
        if (b->got == b->bytes && b->done_ns == 0)
            b->done_ns = s->now_ns - b->start_ns;
    }
}

void bulk_new(struct bulk *b, uint64_t seed, const struct tcp_cfg *cfg, uint32_t mtu) {
    struct ust_addr any = addr_from_ip4(0);
    b->s = sim_new(seed);
    b->s->check_every = 16;
    for (int i = 0; i < 2; i++)
        sim_add_host(b->s, 64u << 20, mtu, 0, 0, cfg);
    struct socks *sk = &sim_stack(b->s, 1)->socks;
    if (sock_new(sk, AF_INET, SOCK_STREAM, 0, &b->listener) < 0 ||
        sock_bind(sk, b->s->now_ns, b->listener, &any, PORT) < 0 ||
        sock_listen(sk, b->s->now_ns, b->listener, 8) < 0)
        abort();
    b->start_ns = b->s->now_ns;
    b->s->host[0].app = client_app;
    b->s->host[0].app_at_ns = b->s->now_ns;
    b->s->host[1].app = server_app;
    b->s->host[0].app_ctx = b->s->host[1].app_ctx = b;
}

static bool done(void *ctx) {
    struct bulk *b = (struct bulk *)ctx;
    return b->done_ns || b->fail[0];
}

bool bulk_run(struct bulk *b, uint64_t limit_ns) {
    sim_run(b->s, b->s->now_ns + limit_ns, done, b);
    if (b->s->error)
        snprintf(b->fail, sizeof b->fail, "%s", b->s->error);
    else if (!b->done_ns)
        fail(b, "did not end", 0);
    return b->done_ns && !b->fail[0];
}

void bulk_free(struct bulk *b) { sim_free(b->s); }
