/* SPDX-License-Identifier: ISC */
/* Whole stacks: a connection to ourselves, self-connect, buffers that tune themselves. Random transfers are tests/sim. */
#include "base/check_tools.h"

#include <sys/socket.h>

#include "support/sim.h"

static struct sim *s;

static void setup(void) { s = sim_new(7); }
static void teardown(void) {
    ck_assert_msg(s->error == NULL, "%s", s->error);
    sim_free(s);
}

static struct socks *sk(int host) { return &sim_stack(s, host)->socks; }

static struct sock *tcp_sock_new(int host) {
    struct sock *so;
    must_eq(sock_new(sk(host), AF_INET, SOCK_STREAM, 0, &so), 0);
    return so;
}

static struct sock *listen_on(int host, uint16_t port) {
    struct ust_addr any = addr_from_ip4(0);
    struct sock *l = tcp_sock_new(host);
    must_eq(sock_bind(sk(host), s->now_ns, l, &any, port), 0);
    must_eq(sock_listen(sk(host), s->now_ns, l, 5), 0);
    return l;
}

/* Writes as much as fits of what is left up to `total`. */
static void push(int host, struct sock *so, uint64_t *sent, uint64_t total, uint32_t id) {
    struct sbuf_mslice v[8];
    int cnt;
    while (*sent < total) {
        ssize_t n = sock_send_reserve(sk(host), so, total - *sent, v, &cnt, 8);
        if (n <= 0)
            return;
        uint64_t pos = *sent;
        for (int i = 0; i < cnt; pos += v[i].len, i++)
            sim_fill(id, pos, v[i].p, v[i].len);
        sock_send_commit(sk(host), s->now_ns, so, (size_t)n, 0);
        *sent += (uint64_t)n;
    }
}

static void pull(int host, struct sock *so, uint64_t *got, size_t max, uint32_t id) {
    struct ust_slice v[8];
    int cnt;
    while (max > 0) {
        ssize_t n = sock_recv_peek(sk(host), so, 0, max, v, &cnt, 8);
        if (n <= 0)
            return;
        for (int i = 0; i < cnt; i++) {
            must_eq(sim_verify(id, *got, v[i].p, v[i].len), v[i].len);
            *got += v[i].len;
        }
        sock_recv_done(sk(host), s->now_ns, so, (size_t)n);
        max -= (size_t)n;
    }
}

START_TEST(to_ourselves)
{
    int h = sim_add_host(s, 64u << 20, 1500, 0, 0, NULL);
    struct sock *l = listen_on(h, 80), *c = tcp_sock_new(h), *v = NULL;
    uint64_t sent = 0, got = 0, back = 0, back_got = 0;
    must_eq(sock_connect(sk(h), s->now_ns, c, &s->host[h].addr, 80), -EINPROGRESS);
    for (int i = 0; i < 10000 && (got < 1000000 || back_got < 500000); i++) {
        sim_kick(s, h);
        if (!v && sock_accept(sk(h), s->now_ns, l, &v) < 0)
            continue;
        push(h, c, &sent, 1000000, 1);
        pull(h, v, &got, 1 << 20, 1);
        push(h, v, &back, 500000, 2);
        pull(h, c, &back_got, 1 << 20, 2);
        if (!sim_step(s))
            break;
    }
    must_eq(got, 1000000);
    must_eq(back_got, 500000);
    must_eq(sim_stack(s, h)->link.stats.tx_frames, 0);
    sock_drop(sk(h), s->now_ns, c);
    sock_drop(sk(h), s->now_ns, v);
    sock_drop(sk(h), s->now_ns, l);
}
END_TEST

START_TEST(self_connect)
{ /* a simultaneous open with itself */
    int h = sim_add_host(s, 64u << 20, 1500, 0, 0, NULL);
    struct sock *c = tcp_sock_new(h);
    struct ust_addr any = addr_from_ip4(0);
    uint64_t sent = 0, got = 0;
    must_eq(sock_bind(sk(h), s->now_ns, c, &any, 1234), 0);
    must_eq(sock_connect(sk(h), s->now_ns, c, &s->host[h].addr, 1234), -EINPROGRESS);
    sim_kick(s, h);
    must_eq(sock_connect_result(sk(h), c), 0);
    for (int i = 0; i < 1000 && got < 100000; i++) {
        push(h, c, &sent, 100000, 5);
        sim_kick(s, h);
        pull(h, c, &got, 1 << 20, 5);
        sim_step(s);
    }
    must_eq(got, 100000);
    must_eq(sock_shutdown(sk(h), s->now_ns, c, SHUT_WR), 0);
    sim_kick(s, h);
    struct ust_slice v[8];
    int cnt;
    must_eq(sock_recv_peek(sk(h), c, 0, 1, v, &cnt, 8), 0); /* our own FIN */
    sock_drop(sk(h), s->now_ns, c);
}
END_TEST

/* ---- buffers ---- */

struct flow {
    struct sock *l, *c, *v;
    uint64_t sent, got, total;
    size_t read_max;
    uint32_t rcvbuf;
};

static void app_c(struct sim *sm, int h, void *ctx) {
    struct flow *f = (struct flow *)ctx;
    (void)sm;
    push(h, f->c, &f->sent, f->total, 1);
}
static void app_v(struct sim *sm, int h, void *ctx) {
    struct flow *f = (struct flow *)ctx;
    (void)sm;
    if (!f->v && sock_accept(sk(h), s->now_ns, f->l, &f->v) < 0)
        return;
    pull(h, f->v, &f->got, f->read_max, 1);
}
static bool all_there(void *ctx) {
    return ((struct flow *)ctx)->got == ((struct flow *)ctx)->total;
}

static void run(struct flow *f, uint64_t limit_ns, bool must_end) {
    for (int h = 0; h < 2; h++) {
        sim_add_host(s, 128u << 20, 1500, 0, 0, NULL);
        s->wire[h][1 - h].rate_bps = 400000000;
        s->wire[h][1 - h].delay_ns = 50 * NS_PER_MS; /* 5 MB fit into the pipe */
        s->wire[h][1 - h].queue_frames = 10000;
    }
    s->check_every = 500;
    f->l = listen_on(1, 80);
    if (f->rcvbuf) {
        int v = (int)f->rcvbuf;
        must_eq(sock_setopt(sk(1), s->now_ns, f->l, SOL_SOCKET, SO_RCVBUF, &v, sizeof v), 0);
    }
    f->c = tcp_sock_new(0);
    s->host[0].app = app_c;
    s->host[1].app = app_v;
    s->host[0].app_ctx = s->host[1].app_ctx = f;
    must_eq(sock_connect(sk(0), s->now_ns, f->c, &s->host[1].addr, 80), -EINPROGRESS);
    sim_kick(s, 0);
    bool done = sim_run(s, s->now_ns + limit_ns, all_there, f);
    must(done == must_end);
}

static void finish(struct flow *f) {
    s->host[0].app = s->host[1].app = NULL;
    sock_drop(sk(0), s->now_ns, f->c);
    sock_drop(sk(1), s->now_ns, f->v);
    sock_drop(sk(1), s->now_ns, f->l);
}

START_TEST(buffers_grow_with_the_path)
{
    struct flow f = {.total = 100u << 20, .read_max = 1 << 24};
    struct tcp_info_out o;
    run(&f, 8 * NS_PER_S, true); /* at least half the rate from start to end */
    tcp_info(&sim_stack(s, 1)->tcp, s->now_ns, f.v->tcb, &o);
    must(o.rcv_ssthresh > (2u << 20)); /* the receiver's buffer started at 1 MB */
    finish(&f);
}
END_TEST

START_TEST(a_locked_buffer_stays)
{
    struct flow f = {.total = 20u << 20, .read_max = 1 << 24, .rcvbuf = 200000};
    struct tcp_info_out o;
    uint64_t t0 = s->now_ns;
    run(&f, 60 * NS_PER_S, true);
    tcp_info(&sim_stack(s, 1)->tcp, s->now_ns, f.v->tcb, &o);
    must(o.rcv_ssthresh <= 400000);
    must(s->now_ns - t0 > 4 * NS_PER_S); /* a window of at most 400 KB in each 100 ms */
    finish(&f);
}
END_TEST

START_TEST(a_reader_that_does_not_read_stops_the_writer)
{
    struct flow f = {.total = 50u << 20, .read_max = 0};
    run(&f, 30 * NS_PER_S, false);
    must(f.got == 0);
    must(f.sent < (12u << 20)); /* one send buffer and one receive buffer */
    struct tcp_info_out o;
    tcp_info(&sim_stack(s, 0)->tcp, s->now_ns, f.c->tcb, &o);
    must(o.rwnd_limited_us > 20000000);
    f.read_max = 1 << 24;
    s->host[1].app_at_ns = s->now_ns;
    must(sim_run(s, s->now_ns + 60 * NS_PER_S, all_there, &f)); /* and goes on when it reads */
    finish(&f);
}
END_TEST

int main(void) {
    Suite *su = suite_create("tcp: whole stacks");
    TCase *tc = tcase_create("pair");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, to_ourselves);
    tcase_add_test(tc, self_connect);
    tcase_add_test(tc, buffers_grow_with_the_path);
    tcase_add_test(tc, a_locked_buffer_stays);
    tcase_add_test(tc, a_reader_that_does_not_read_stops_the_writer);
    suite_add_tcase(su, tc);
    SRunner *sr = srunner_create(su);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
