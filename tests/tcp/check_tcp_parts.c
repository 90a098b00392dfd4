/* SPDX-License-Identifier: ISC */
/* The parts that can be asked alone: estimator, initial sequence numbers, cookies, scoreboard, CUBIC's curve, and what floods cost. */
#include "base/check_tools.h"

#include <math.h>

#include "tcp/tcb.h"

#define ARENA_BYTES (96u * 1024 * 1024)
#define T0 (1000 * NS_PER_S)

struct root {
    struct core core;
    struct link link;
    struct net net;
    struct tcp tcp;
};
static struct root *r;
static struct tcp *t;

static void bench_new(size_t arena_bytes) {
    static const uint8_t secret[16] = "tcp parts 000001";
    static const struct ust_mac mac = {{2, 0, 0, 0, 0, 2}}, peer = {{2, 0, 0, 0, 0, 1}};
    struct ust_addr a = addr_from_ip4(0x0a000002), gw = addr_from_ip4(0x0a000001),
                    zero = addr_from_ip4(0);
    r = (struct root *)map_pages(arena_bytes);
    struct core *c = &r->core;
    struct tcp_cfg cfg;
    ck_assert_int_eq(arena_init(&c->arena, r, arena_bytes, sizeof *r), 0);
    wheel_init(&c->wheel, T0);
    rng_init(&c->rng, secret);
    c->key.k[0] = rng_u64(&c->rng);
    c->key.k[1] = rng_u64(&c->rng);
    ck_assert_int_eq(link_init(&r->link, c, &mac, 1500, 0, 0), 0);
    ck_assert_int_eq(net_init(&r->net, c, &r->link, T0), 0);
    ck_assert_int_eq(net_addr_add(&r->net, T0, &a, 96 + 24, false, false), 0);
    ck_assert_int_eq(route_add(&r->net, &zero, 96, &gw, 0), 0);
    neigh_pin(&r->net.neigh, T0, &gw, &peer);
    tcp_cfg_default(&cfg);
    cfg.max_conns = 2000;
    cfg.max_syn = 500;
    t = &r->tcp;
    ck_assert_int_eq(tcp_init(t, c, &r->net, &cfg, T0), 0);
}

static void setup(void) { bench_new(ARENA_BYTES); }

static void teardown(void) {
    tcp_fini(t);
    net_fini(&r->net);
    link_fini(&r->link);
    for (int k = 0; k < SLAB_COUNT; k++)
        must_eq(slab_in_use(&r->core.arena, (enum slab_kind)k), 0);
    must_eq(r->core.wheel.cnt, 0);
    must_hold(arena_check(&r->core.arena));
}

/* ---- round trip time ---- */

START_TEST(rtt_first_sample)
{ /* RFC 6298 2.2 with G below 200 ms */
    struct tcp_rtt e;
    tcp_rtt_init(&e);
    ck_assert_uint_eq(e.rto_ns, NS_PER_S); /* 2.1 */
    tcp_rtt_sample(&e, T0, 100 * NS_PER_MS, seq_of(1), seq_of(2));
    ck_assert_uint_eq(e.srtt_ns, 100 * NS_PER_MS);
    ck_assert_uint_eq(e.rto_ns, 300 * NS_PER_MS);
    tcp_rtt_init(&e);
    tcp_rtt_sample(&e, T0, NS_PER_S, seq_of(1), seq_of(2));
    ck_assert_uint_eq(e.rto_ns, 3 * NS_PER_S);
}
END_TEST

START_TEST(rtt_settles_and_reacts)
{
    struct tcp_rtt e;
    seq_t una = seq_of(0);
    tcp_rtt_init(&e);
    for (int i = 0; i < 200; i++) {
        una = seq_add(una, 1000);
        tcp_rtt_sample(&e, T0, 50 * NS_PER_MS, una, seq_add(una, 1000));
    }
    ck_assert_uint_le(e.srtt_ns, 51 * NS_PER_MS);
    ck_assert_uint_le(e.rto_ns, 260 * NS_PER_MS); /* 200 ms is the least variance counted */
    ck_assert_uint_ge(e.rto_ns, 249 * NS_PER_MS);
    tcp_rtt_sample(&e, T0, 500 * NS_PER_MS, una, seq_add(una, 1000));
    uint64_t after_bad = e.rto_ns;
    ck_assert_uint_gt(after_bad, 400 * NS_PER_MS);
    /* A sample far below srtt is good news: RTO must not rise. */
    tcp_rtt_sample(&e, T0, 1 * NS_PER_MS, una, seq_add(una, 1000));
    ck_assert_uint_le(e.rto_ns, after_bad);
    ck_assert_uint_eq(e.min_ns, 1 * NS_PER_MS);
    /* The minimum is one of the last 300 s. */
    tcp_rtt_sample(&e, T0 + 301 * NS_PER_S, 70 * NS_PER_MS, una, una);
    ck_assert_uint_eq(e.min_ns, 70 * NS_PER_MS);
}
END_TEST

START_TEST(rtt_never_above_limit)
{
    struct tcp_rtt e;
    tcp_rtt_init(&e);
    tcp_rtt_sample(&e, T0, 500 * NS_PER_S, seq_of(1), seq_of(2));
    ck_assert_uint_eq(e.rto_ns, TCP_RTO_MAX_NS);
    tcp_rtt_sample(&e, T0, 0, seq_of(1), seq_of(2)); /* a clock that did not move */
    ck_assert_uint_eq(e.min_ns, 1);
}
END_TEST

/* ---- numbers that nobody may guess ---- */

static struct tcp_ep ep_of(uint32_t peer, uint16_t lport, uint16_t rport) {
    return (struct tcp_ep){.laddr = addr_from_ip4(0x0a000002),
                           .raddr = addr_from_ip4(peer),
                           .lport = lport,
                           .rport = rport};
}

/* RFC 9293 MUST-8, SHLD-1, MUST-9 */
START_TEST(isn_grows_for_one_tuple_and_differs_for_others)
{ /* RFC 6528 3 */
    struct tcp_ep a = ep_of(0x0a000001, 80, 1000), b = ep_of(0x0a000001, 80, 1001);
    seq_t i0 = tcp_isn(t, T0, &a), i1 = tcp_isn(t, T0 + NS_PER_S, &a);
    ck_assert_uint_eq(i1.v - i0.v, 250000); /* 4 us a step */
    uint32_t low = 0, high = 0;
    struct tcp_ep local = a, remote = a, port = a;
    local.laddr = addr_from_ip4(0x0a000003);
    remote.raddr = addr_from_ip4(0x0a000003);
    port.lport = 81;
    ck_assert_uint_ne(tcp_isn(t, T0, &local).v, i0.v);
    ck_assert_uint_ne(tcp_isn(t, T0, &remote).v, i0.v);
    ck_assert_uint_ne(tcp_isn(t, T0, &port).v, i0.v);
    for (uint16_t p = 1; p <= 1000; p++) { /* neighbours tell nothing */
        struct tcp_ep x = ep_of(0x0a000001, 80, p), y = ep_of(0x0a000001, 80, (uint16_t)(p + 1));
        uint32_t d = tcp_isn(t, T0, &y).v - tcp_isn(t, T0, &x).v;
        *(d < 0x80000000u ? &low : &high) += 1;
        must(d > 100000 || d == 0 || d < 100000);
    }
    ck_assert_uint_gt(low, 400);
    ck_assert_uint_gt(high, 400);
    ck_assert_uint_ne(tcp_isn(t, T0, &a).v, tcp_isn(t, T0, &b).v);
}
END_TEST

START_TEST(ts_offset_is_by_address_pair)
{ /* so that RFC 6191 works for the next connection */
    struct tcp_ep a = ep_of(0x0a000001, 80, 1000), b = ep_of(0x0a000001, 81, 2000),
                  c = ep_of(0x0a000003, 80, 1000);
    ck_assert_uint_eq(tcp_ts_offset(t, &a), tcp_ts_offset(t, &b));
    ck_assert_uint_ne(tcp_ts_offset(t, &a), tcp_ts_offset(t, &c));
}
END_TEST

START_TEST(cookies)
{ /* RFC 4987 3.6 */
    struct tcp_ep a = ep_of(0x0a000001, 80, 1000), b = ep_of(0x0a000001, 80, 1001);
    static const struct {
        uint16_t said, carried;
    } mss[] = {{1460, 1460}, {9000, 1460}, {1400, 1400}, {1399, 1300},
               {536, 536},   {300, 216},   {1, 216}};
    seq_t irs = seq_of(0xfffffff0u);
    for (size_t i = 0; i < UST_ARRAY_CNT(mss); i++) {
        seq_t c = tcp_cookie_make(t, T0, &a, irs, mss[i].said);
        ck_assert_uint_eq(tcp_cookie_check(t, T0 + 5 * NS_PER_S, &a, irs, c), mss[i].carried);
        ck_assert_uint_eq(tcp_cookie_check(t, T0 + 119 * NS_PER_S, &a, irs, c), mss[i].carried);
        ck_assert_uint_eq(tcp_cookie_check(t, T0 + 240 * NS_PER_S, &a, irs, c), 0);
        ck_assert_uint_eq(tcp_cookie_check(t, T0, &b, irs, c), 0);
        ck_assert_uint_eq(tcp_cookie_check(t, T0, &a, seq_add(irs, 1), c), 0);
        ck_assert_uint_eq(tcp_cookie_check(t, T0, &a, irs, seq_add(c, 1)), 0);
    }
    uint32_t hits = 0;
    struct rnd rnd = {7};
    for (int i = 0; i < 1000000; i++)
        hits += tcp_cookie_check(t, T0, &a, irs, seq_of((uint32_t)rnd_u64(&rnd))) != 0;
    ck_assert_uint_le(hits, 3); /* one in 2^24 / (3 minutes of 32 x 8 kinds) */
}
END_TEST

/* ---- the scoreboard against a plain array ---- */

static struct tcb *tcb_for_scoreboard(seq_t iss) {
    struct tcb *tb = tcp_open(t, &r);
    tb->snd_una = tb->snd_nxt = iss;
    tb->snd_una_pos = 0;
    tb->snd_mss = 10;
    tb->sack_ok = true;
    tcp_rtt_init(&tb->rtt);
    tcp_rack_init(tb);
    return tb;
}

START_TEST(scoreboard_random)
{
    enum { BYTES = 4000 };
    struct rnd rnd = {(uint64_t)_i + 1};
    seq_t iss = seq_of(0xffffff00u);
    struct tcb *tb = tcb_for_scoreboard(iss);
    uint8_t model[BYTES]; /* 1 sacked, 2 lost, 4 sent again */
    uint32_t una = 0, nxt = 0;
    uint64_t now = T0;
    memset(model, 0, sizeof model);
    for (int step = 0; step < 3000; step++) {
        now += rnd_below(&rnd, 1000);
        struct tcp_seg *s = NULL;
        uint32_t at = nxt > una ? una + (uint32_t)rnd_below(&rnd, nxt - una) : una;
        if (nxt > una)
            s = tcp_seg_find(tb, seq_add(iss, at));
        switch (rnd_below(&rnd, 7)) {
        case 0:
        case 1: { /* send */
            uint32_t n = 1 + (uint32_t)rnd_below(&rnd, 200);
            if (nxt + n > BYTES)
                break;
            must(tcp_seg_append(t, now, tb, n, 0));
            nxt += n;
            break;
        }
        case 2: /* split */
            if (s && s->len > 1)
                must(tcp_seg_split(t, tb, s, 1 + (uint32_t)rnd_below(&rnd, s->len - 1)));
            break;
        case 3: /* sacked */
            if (s && !(s->flags & SEG_SACKED)) {
                memset(model + (s->seq.v - iss.v), 1, s->len);
                tcp_seg_mark_sacked(tb, s);
            }
            break;
        case 4: /* lost */
            if (s && !(s->flags & SEG_SACKED)) {
                memset(model + (s->seq.v - iss.v), 2, s->len);
                tcp_seg_mark_lost(tb, s);
            }
            break;
        case 5: { /* the lowest lost one goes again */
            struct tcp_seg *l = tcp_seg_next_lost(tb);
            uint32_t first = una;
            while (first < nxt && model[first] != 2)
                first++;
            must(!l == (first == nxt));
            if (!l)
                break;
            must_eq(l->seq.v - iss.v, first);
            memset(model + first, 6, l->len);
            tcp_seg_mark_sent_again(t, now, tb, l);
            break;
        }
        case 6: { /* acknowledged */
            if (!s || rnd_below(&rnd, 4))
                break;
            while (una < at) {
                struct tcp_seg *f = tcp_seg_first(tb);
                uint32_t n = UST_MIN(f->len, at - una);
                if (n < f->len)
                    tcp_seg_trim(tb, f, n);
                else
                    tcp_seg_drop(t, tb, f);
                una += n;
            }
            tb->snd_una = seq_add(iss, una);
            tb->snd_una_pos = una;
            break;
        }
        }
        uint32_t sacked = 0, lost = 0, again = 0;
        for (uint32_t i = una; i < nxt; i++) {
            sacked += model[i] & 1;
            lost += !!(model[i] & 2);
            again += !!(model[i] & 4);
        }
        must_eq(tb->sacked_bytes, sacked);
        must_eq(tb->lost_bytes, lost);
        must_eq(tb->retrans_bytes, again);
        must_eq(tcb_pipe(tb), nxt - una - sacked - lost + again);
    }
    tcp_seg_clear(t, tb);
    tb->snd_una = tb->snd_nxt;
    tcb_free(t, tb);
}
END_TEST

/* ---- CUBIC ---- */

/* One ACK for each segment, no loss: after a reduction the window follows W_cubic(t) (RFC 9438 4.2). */
START_TEST(cubic_follows_its_curve)
{
    static const struct { uint32_t w_max, rtt_ms; } k[] = {{1000, 100}, {5000, 50}, {200, 200}};
    struct tcb *tb = tcp_open(t, &r);
    uint64_t now = T0;
    const uint64_t rtt = k[_i].rtt_ms * NS_PER_MS;
    tb->opt.cc = TCP_CC_CUBIC;
    tb->snd_mss = 1000;
    tb->rtt.srtt_ns = rtt;
    const struct tcp_cc_ops *cc = tcp_cc(tb);
    cc->init(tb, now);
    tb->snd_cwnd = k[_i].w_max * 1000;
    tb->snd_ssthresh = cc->ssthresh(tb, now);
    ck_assert_uint_eq(tb->snd_ssthresh, k[_i].w_max * 700);
    tb->snd_cwnd = tb->snd_ssthresh;
    double kk = cbrt(k[_i].w_max * 0.3 / 0.4);
    for (int round = 0; round < 400; round++) {
        uint32_t acks = tb->snd_cwnd / 1000;
        for (uint32_t i = 0; i < acks; i++)
            cc->on_ack(tb, now + rtt * i / acks, 1000, rtt);
        now += rtt;
        double tt = (double)(now - T0) / 1e9;
        double w = 0.4 * (tt - kk) * (tt - kk) * (tt - kk) + k[_i].w_max;
        double is = tb->snd_cwnd / 1000.0;
        if (tt > 1.5 * kk)
            break;
        ck_assert_msg(fabs(is - w) < 0.03 * w + 3 || is > w, "round %d: %.1f, curve %.1f", round,
                      is, w);
        ck_assert_msg(is < 1.12 * w + 12 || tt < kk, "round %d: %.1f far above %.1f", round, is, w);
    }
    ck_assert_uint_gt(tb->snd_cwnd, k[_i].w_max * 1000);
    tcb_free(t, tb);
}
END_TEST

START_TEST(cubic_fast_convergence_and_undo)
{ /* RFC 9438 4.7 */
    struct tcb *tb = tcp_open(t, &r);
    tb->opt.cc = TCP_CC_CUBIC;
    tb->snd_mss = 1000;
    const struct tcp_cc_ops *cc = tcp_cc(tb);
    cc->init(tb, T0);
    tb->snd_cwnd = 1000 * 1000;
    cc->ssthresh(tb, T0);
    ck_assert_uint_eq(tb->cc.cubic.w_max_segs, 1000);
    tb->snd_cwnd = 700 * 1000; /* lost again below W_max */
    cc->ssthresh(tb, T0);
    ck_assert_uint_eq(tb->cc.cubic.w_max_segs, 595);
    cc->undo(tb, T0);
    ck_assert_uint_eq(tb->cc.cubic.w_max_segs, 1000);
    /* RFC 9438 4.9: the whole epoch goes on as it was. */
    cc->on_ack(tb, T0 + NS_PER_S, 1000, NS_PER_MS);
    struct tcp_cubic was = tb->cc.cubic;
    ck_assert_uint_ne(was.epoch_start_ns, 0);
    cc->ssthresh(tb, T0 + 2 * NS_PER_S);
    ck_assert_uint_eq(tb->cc.cubic.epoch_start_ns, 0);
    tb->cc.cubic.k_ms = tb->cc.cubic.origin_segs = 1;
    tb->cc.cubic.w_est_bytes = 1;
    cc->undo(tb, T0 + 3 * NS_PER_S);
    ck_assert_uint_eq(tb->cc.cubic.w_max_segs, was.w_max_segs);
    ck_assert_uint_eq(tb->cc.cubic.origin_segs, was.origin_segs);
    ck_assert_uint_eq(tb->cc.cubic.epoch_start_ns, was.epoch_start_ns);
    ck_assert_uint_eq(tb->cc.cubic.k_ms, was.k_ms);
    ck_assert_uint_eq(tb->cc.cubic.w_est_bytes, was.w_est_bytes);
    /* 4.2: what time passed idle does not count. */
    cc->after_idle(tb, T0 + 4 * NS_PER_S);
    ck_assert_uint_eq(tb->cc.cubic.epoch_start_ns, 0);
    tb->snd_cwnd = 1500; /* never below two segments */
    ck_assert_uint_eq(cc->ssthresh(tb, T0), 2000);
    tcb_free(t, tb);
}
END_TEST

START_TEST(hystart_leaves_slow_start_when_the_queue_grows)
{ /* RFC 9406 */
    struct tcb *tb = tcp_open(t, &r);
    uint64_t now = T0;
    tb->opt.cc = TCP_CC_CUBIC;
    tb->snd_mss = 1000;
    tb->snd_cwnd = 10000;
    tb->snd_ssthresh = UINT32_MAX;
    const struct tcp_cc_ops *cc = tcp_cc(tb);
    cc->init(tb, now);
    uint32_t rounds = 0;
    for (; tb->snd_ssthresh == UINT32_MAX && rounds < 60; rounds++) {
        /* 100 segments fit into the pipe of 50 ms; the rest waits, 0.5 ms each. */
        uint32_t acks = tb->snd_cwnd / 1000;
        uint64_t rtt = 50 * NS_PER_MS + (acks > 100 ? (acks - 100) * NS_PER_MS / 2 : 0);
        tb->snd_nxt = seq_add(tb->snd_una, acks * 1000);
        for (uint32_t i = 0; i < acks && tb->snd_ssthresh == UINT32_MAX; i++) {
            tb->snd_una = seq_add(tb->snd_una, 1000);
            cc->on_ack(tb, now, 1000, rtt);
        }
        now += rtt;
    }
    ck_assert_uint_lt(rounds, 20);
    ck_assert_uint_ge(tb->snd_cwnd, 100 * 1000);
    ck_assert_uint_le(tb->snd_cwnd, 1000 * 1000);
    tcb_free(t, tb);
}
END_TEST

/* ---- floods (what an attacker gains by doing it ten thousand times) ---- */

static uint8_t seg[2048];

static enum drop inject(uint64_t now, uint32_t from, const struct tcp_hdr *h, size_t len) {
    struct ip_rx rx = {
        .src = addr_from_ip4(from), .dst = addr_from_ip4(0x0a000002), .proto = IP_PROTO_TCP};
    size_t hlen = tcp_hdr_len(h);
    struct ust_slice body = slice_of(seg + 100, len);
    static uint8_t wire[2200];
    tcp_emit(h, &rx.src, &rx.dst, &body, 1, wire);
    memcpy(wire + hlen, body.p, len);
    rx.payload = slice_of(wire, hlen + len);
    return tcp_rx(t, now, &rx);
}

/* Sends everything away; returns segments, *last the last one. */
static uint32_t drain(uint64_t now, struct tcp_hdr *last) {
    struct pkt_tx *p;
    uint32_t n = 0;
    bool more;
    do {
        more = tcp_flush(t, now);
        while ((p = link_tx_peek(&r->link))) {
            static uint8_t frame[70000];
            size_t len = pkt_linearize(p, frame, sizeof frame);
            struct ip4_hdr ih;
            struct ust_slice l4, data;
            if (frame[12] != 8 || frame[13] != 0) { /* ARP for one of those who do not exist */
                link_tx_done(&r->link);
                continue;
            }
            must(ip4_parse(slice_of(frame + ETH_HDR_LEN, len - ETH_HDR_LEN), &ih, &l4) ==
                 DROP_NONE);
            if (last)
                must(tcp_parse(l4, &ih.src, &ih.dst, false, last, &data) == DROP_NONE);
            link_tx_done(&r->link);
            n++;
        }
    } while (more);
    return n;
}

static struct tcp_listener *listener(int backlog) {
    struct ust_addr any = addr_from_ip4(0);
    struct tcp_listener *l;
    struct tcb *tb = tcp_open(t, NULL);
    must_eq(tcp_bind(t, tb, &any, 80), 0);
    must_eq(tcp_listen(t, T0, tb, backlog, &l), 0);
    return l;
}

/* A handshake from the peer's port; returns our side, accepted. */
static struct tcb *handshake(struct tcp_listener *l, uint16_t port, bool sack) {
    struct tcp_hdr h = {.sport = port,
                        .dport = 80,
                        .seq = seq_of(1000),
                        .flags = TCPF_SYN,
                        .wnd = 65535,
                        .opts = {.has_mss = true, .mss = 1460, .sack_ok = sack}},
                   out;
    must_eq(inject(T0, 0x0a000001, &h, 0), DROP_NONE);
    must_eq(drain(T0, &out), 1);
    h = (struct tcp_hdr){.sport = port,
                         .dport = 80,
                         .seq = seq_of(1001),
                         .ack = seq_add(out.seq, 1),
                         .flags = TCPF_ACK,
                         .wnd = 65535};
    must_eq(inject(T0, 0x0a000001, &h, 0), DROP_NONE);
    struct tcb *tb = tcp_accept(t, T0, l, &r);
    must(tb);
    drain(T0, NULL);
    return tb;
}

START_TEST(syn_flood)
{
    struct tcp_listener *l = listener(128);
    struct tcb *tb = handshake(l, 999, true);
    uint64_t now = T0;
    struct rnd rnd = {3};
    for (int i = 0; i < 100000; i++) {
        struct tcp_hdr h = {.sport = (uint16_t)(1024 + rnd_below(&rnd, 60000)),
                            .dport = 80,
                            .seq = seq_of((uint32_t)rnd_u64(&rnd)),
                            .flags = TCPF_SYN,
                            .wnd = 1000};
        inject(now, 0x0a000000u + 10 + (uint32_t)rnd_below(&rnd, 200), &h, 0);
        now += 10 * NS_PER_US;
        if (i % 32 == 0)
            drain(now, NULL);
    }
    drain(now, NULL);
    must(t->syn_cnt <= 128);
    must(t->tcb_cnt <= 130);
    must(t->stats.cookies_sent > 50000);
    must_hold(tcp_check(t));
    /* Who was connected stays so, and who is honest gets in by a cookie. */
    struct tcp_hdr h = {.sport = 999,
                        .dport = 80,
                        .seq = seq_of(1001),
                        .ack = tb->snd_nxt,
                        .flags = TCPF_ACK | TCPF_PSH,
                        .wnd = 65535};
    must_eq(inject(now, 0x0a000001, &h, 100), DROP_NONE);
    must_eq(tcp_inq(tb), 100);
    struct tcp_hdr out;
    h = (struct tcp_hdr){
        .sport = 998, .dport = 80, .seq = seq_of(5), .flags = TCPF_SYN, .wnd = 1000};
    drain(now, NULL);
    must_eq(inject(now, 0x0a000001, &h, 0), DROP_TCP_SYN_QUEUE);
    must_eq(drain(now, &out), 1);
    h = (struct tcp_hdr){.sport = 998,
                         .dport = 80,
                         .seq = seq_of(6),
                         .ack = seq_add(out.seq, 1),
                         .flags = TCPF_ACK,
                         .wnd = 1000};
    must_eq(inject(now, 0x0a000001, &h, 0), DROP_NONE);
    must_eq(tcp_accept_cnt(l), 1);
}
END_TEST

START_TEST(stray_segments_cost_a_bounded_number_of_resets)
{
    uint64_t now = T0;
    uint32_t sent = 0;
    for (int i = 0; i < 50000; i++) {
        struct tcp_hdr h = {.sport = (uint16_t)i, .dport = (uint16_t)(i * 7), .flags = TCPF_ACK};
        inject(now, 0x0a000001, &h, 0);
        if (i % 10 == 0)
            sent += drain(now, NULL);
    }
    must(sent <= TCP_RST_BURST);
    now += NS_PER_S; /* and a second later the stack answers again */
    struct tcp_hdr h = {.sport = 5, .dport = 6, .flags = TCPF_ACK};
    inject(now, 0x0a000001, &h, 0);
    must_eq(drain(now, NULL), 1);
}
END_TEST

START_TEST(rst_and_syn_sweeps_do_not_reset)
{
    struct tcp_listener *l = listener(5);
    struct tcb *tb = handshake(l, 999, true);
    uint32_t sent = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        struct tcp_hdr h = {.sport = 999,
                            .dport = 80,
                            .seq = seq_of(1001 + 1 + i * 214747),
                            .flags = i % 2 ? TCPF_RST : TCPF_SYN};
        inject(T0, 0x0a000001, &h, 0);
        sent += drain(T0, NULL);
    }
    must_eq(tcp_state(tb), TCPS_ESTABLISHED);
    must(sent <= 2); /* challenge ACKs, limited for each connection */
}
END_TEST

START_TEST(ooo_flood)
{ /* one byte in every second place */
    struct tcp_listener *l = listener(5);
    struct tcb *tb = handshake(l, 999, true);
    for (uint32_t i = 0; i < 20000; i++) {
        struct tcp_hdr h = {.sport = 999,
                            .dport = 80,
                            .seq = seq_of(1001 + 1 + 2 * i),
                            .ack = tb->snd_nxt,
                            .flags = TCPF_ACK,
                            .wnd = 1000};
        inject(T0, 0x0a000001, &h, 1);
        if (i % 64 == 0)
            drain(T0, NULL);
    }
    must(tb->ooo_cnt <= TCP_OOO_MIN);
    must(sbuf_blocks(&tb->rcv) <= 6);
    must_hold(tcp_check(t));
    struct tcp_hdr h = {.sport = 999,
                        .dport = 80,
                        .seq = seq_of(1001),
                        .ack = tb->snd_nxt,
                        .flags = TCPF_ACK,
                        .wnd = 1000};
    drain(T0, NULL);
    must_eq(inject(T0, 0x0a000001, &h, 1), DROP_NONE);
    must_eq(tcp_inq(tb), 2);
}
END_TEST

START_TEST(sack_flood_splits_no_finer_than_segments)
{
    struct tcp_listener *l = listener(5);
    struct tcb *tb = handshake(l, 999, true);
    struct sbuf_mslice v[8];
    int cnt;
    r->link.features = LINK_F_TSO4;
    r->link.gso_max_bytes = 65535;
    tb->snd_cwnd = 1 << 20;
    tb->snd_wnd = tb->max_snd_wnd = 1 << 20;
    for (int i = 0; i < 4; i++) {
        ssize_t n = tcp_send_reserve(t, tb, 50000, v, &cnt, 8);
        must(n > 0);
        tcp_send_commit(t, T0, tb, (size_t)n, false, false);
    }
    drain(T0, NULL);
    uint32_t out = tcb_outstanding(tb);
    must(out > 150000);
    struct rnd rnd = {9};
    for (int i = 0; i < 20000; i++) {
        struct tcp_hdr h = {.sport = 999,
                            .dport = 80,
                            .seq = seq_of(1001),
                            .ack = tb->snd_una,
                            .flags = TCPF_ACK,
                            .wnd = 65535};
        h.opts.sack_cnt = 3;
        for (int k = 0; k < 3; k++) {
            uint32_t a = (uint32_t)rnd_below(&rnd, out);
            h.opts.sack[k].start = seq_add(tb->snd_una, a);
            h.opts.sack[k].end = seq_add(tb->snd_una, a + 1 + (uint32_t)rnd_below(&rnd, 3000));
        }
        inject(T0 + (uint64_t)i, 0x0a000001, &h, 0);
        if (i % 100 == 0) {
            drain(T0 + (uint64_t)i, NULL);
            must_hold(tcp_check(t));
        }
    }
    must(slab_in_use(&r->core.arena, SLAB_TCP_SEG) <= out / 1000 + 20);
}
END_TEST

/* ---- ports ---- */

START_TEST(connect_uses_every_port_once_for_one_peer_and_again_for_another)
{
    struct ust_addr a = addr_from_ip4(0x0a000001), b = addr_from_ip4(0x0a000003);
    const int range = 100;
    static struct tcb *tb[250];
    int n = 0;
    t->ports.lo = 40000;
    t->ports.hi = (uint16_t)(40000 + range - 1);
    struct tcb *taken = tcp_open(t, &r); /* bind() keeps its port for itself */
    struct ust_addr any = addr_from_ip4(0);
    must_eq(tcp_bind(t, taken, &any, 40050), 0);
    uint8_t seen[100] = {0};
    for (int i = 0; i < range; i++, n++) {
        tb[n] = tcp_open(t, &r);
        int e = tcp_connect(t, T0, tb[n], &a, 80);
        must_eq(e, i < range - 1 ? 0 : -EADDRNOTAVAIL);
        if (e == 0)
            must_eq(seen[tb[n]->ep.lport - 40000]++, 0);
    }
    must_eq(seen[50], 0);
    for (int i = 0; i < range - 1; i++, n++) {
        tb[n] = tcp_open(t, &r);
        must_eq(tcp_connect(t, T0, tb[n], &b, 80), 0);
    }
    must_hold(tcp_check(t));
    tb[n] = tcp_open(t, &r);
    must_eq(tcp_bind(t, tb[n], &any, 40001), -EADDRINUSE);
    n++;
    for (int i = 0; i < n; i++)
        tcp_close(t, T0, tb[i]);
    tcp_close(t, T0, taken);
    must_eq(t->ports.cnt, 0);
}
END_TEST

/* ---- copies without the lock: what may happen between reserve and commit, peek and consume ---- */

static void from_peer(struct tcb *tb, uint8_t flags, uint32_t ack_add, size_t len) {
    struct tcp_hdr h = {.sport = tb->ep.rport,
                        .dport = 80,
                        .seq = tb->rcv_nxt,
                        .ack = seq_add(tb->snd_una, ack_add),
                        .flags = flags,
                        .wnd = 65535};
    inject(T0, 0x0a000001, &h, len);
}

START_TEST(acks_while_a_writer_copies)
{
    struct tcb *tb = handshake(listener(5), 999, true);
    struct sbuf_mslice v[8];
    int cnt;
    ssize_t n = tcp_send_reserve(t, tb, 1000, v, &cnt, 8);
    must_eq(n, 1000);
    memset(v[0].p, 'a', 1000);
    tcp_send_commit(t, T0, tb, 1000, false, false);
    drain(T0, NULL);
    n = tcp_send_reserve(t, tb, 100, v, &cnt, 8);
    must_eq(n, 100);
    tcp_pin(tb);
    from_peer(tb, TCPF_ACK, 1000, 0); /* everything before is dropped */
    must_eq(tcp_outq(tb), 0);
    memset(v[0].p, 'b', 100);
    tcp_send_commit(t, T0, tb, 100, false, false);
    tcp_unpin(t, tb);
    uint8_t got[100];
    sbuf_copy_out(&tb->snd, 1000, got, 100);
    must(got[0] == 'b' && got[99] == 'b');
    must_hold(tcp_check(t));
}
END_TEST

START_TEST(reset_while_a_writer_and_a_reader_copy)
{
    struct tcb *tb = handshake(listener(5), 999, true);
    struct sbuf_mslice v[8];
    struct ust_slice rv[8];
    int cnt;
    memset(seg + 100, 'x', 500);
    from_peer(tb, TCPF_ACK, 0, 500);
    drain(T0, NULL);
    must_eq(tcp_send_reserve(t, tb, 40000, v, &cnt, 8), 40000);
    tcp_pin(tb);
    must_eq(tcp_recv_peek(t, tb, 0, 1000, rv, &cnt, 8), 500);
    tcp_pin(tb);
    from_peer(tb, TCPF_RST, 0, 0);
    must_eq(tcp_state(tb), TCPS_CLOSED);
    memset(v[0].p, 'b', v[0].len); /* still ours to write, under ASan too */
    must(rv[0].p[0] == 'x' && rv[0].p[499] == 'x');
    tcp_send_commit(t, T0, tb, 40000, false, false);
    tcp_unpin(t, tb);
    tcp_recv_consume(t, T0, tb, 500);
    tcp_unpin(t, tb);
    must_eq(sbuf_blocks(&tb->snd) + sbuf_blocks(&tb->rcv), 0);
    must_eq(tcp_send_reserve(t, tb, 1, v, &cnt, 8), -ECONNRESET);
}
END_TEST

START_TEST(closed_while_a_reader_copies)
{
    struct tcb *tb = handshake(listener(5), 999, true);
    struct ust_slice rv[8];
    int cnt;
    memset(seg + 100, 'x', 500);
    from_peer(tb, TCPF_ACK, 0, 500);
    must_eq(tcp_recv_peek(t, tb, 0, 1000, rv, &cnt, 8), 500);
    tcp_pin(tb);
    tcp_close(t, T0, tb); /* unread data: RST */
    must(rv[0].p[499] == 'x');
    must_hold(tcp_check(t));
    must(tcp_next(t, NULL) == NULL);
    tcp_unpin(t, tb);
    must_eq(slab_in_use(&r->core.arena, SLAB_TCB), 0);
}
END_TEST

START_TEST(disconnected_while_a_reader_copies)
{
    struct tcb *tb = handshake(listener(5), 999, true);
    struct ust_slice rv[8];
    struct ust_addr peer = addr_from_ip4(0x0a000001);
    int cnt;
    from_peer(tb, TCPF_ACK, 0, 500);
    must_eq(tcp_recv_peek(t, tb, 0, 1000, rv, &cnt, 8), 500);
    tcp_pin(tb);
    tcp_abort(t, T0, tb, true);
    must_eq(tcp_connect(t, T0, tb, &peer, 80), -EALREADY); /* not before the reader is done */
    tcp_recv_consume(t, T0, tb, 500);
    tcp_unpin(t, tb);
    must_eq(tcp_inq(tb), 0);
    must_eq(tcp_connect(t, T0, tb, &peer, 80), 0);
    must_hold(tcp_check(t));
}
END_TEST

/* ---- memory runs out ---- */

START_TEST(small_arena)
{
    teardown();
    bench_new(4u << 20);
    struct tcp_listener *l = listener(4000);
    struct rnd rnd = {(uint64_t)_i + 11};
    static struct tcb *conn[64];
    uint64_t now = T0;
    memset(conn, 0, sizeof conn);
    for (int step = 0; step < 20000; step++) {
        now += rnd_below(&rnd, 20) * NS_PER_MS;
        struct timer *tm;
        while ((tm = wheel_pop(&r->core.wheel, now))) {
            if (tm->kind == TIMER_TCB || tm->kind == TIMER_TCP_TW)
                tcp_timer(t, now, tm);
            else
                net_timer(&r->net, now, tm);
        }
        uint32_t i = (uint32_t)rnd_below(&rnd, 64);
        struct tcb *tb = conn[i];
        struct tcp_hdr h = {
            .sport = (uint16_t)(2000 + i), .dport = 80, .wnd = (uint16_t)rnd_u64(&rnd)};
        switch (rnd_below(&rnd, 6)) {
        case 0:
            if (tb)
                break;
            h.flags = TCPF_SYN;
            h.seq = seq_of((uint32_t)rnd_u64(&rnd));
            h.opts.sack_ok = true;
            inject(now, 0x0a000001, &h, 0);
            break;
        case 1: { /* complete a handshake, by looking into the stack */
            struct ust_addr a = addr_from_ip4(0x0a000002), p = addr_from_ip4(0x0a000001);
            struct tcp_ep *ep = tcp_ep_find(t, &a, 80, &p, h.sport);
            drain(now, NULL);
            if (!ep || ep->kind != TCP_EP_TCB || tb)
                break;
            struct tcb *c = (struct tcb *)(void *)ep;
            h.flags = TCPF_ACK;
            h.seq = c->rcv_nxt;
            h.ack = c->snd_nxt;
            inject(now, 0x0a000001, &h, 0);
            c = tcp_accept(t, now, l, &conn[i]);
            if (c)
                conn[c->ep.rport - 2000] = c;
            break;
        }
        case 2: { /* data, in order or not */
            if (!tb || tb->state == TCPS_CLOSED)
                break;
            h.flags = TCPF_ACK;
            h.seq =
                seq_add(tb->rcv_nxt, rnd_one_in(&rnd, 2) ? 0 : (uint32_t)rnd_below(&rnd, 60000));
            h.ack = rnd_one_in(&rnd, 3) ? tb->snd_nxt : tb->snd_una;
            inject(now, 0x0a000001, &h, rnd_below(&rnd, 1400));
            break;
        }
        case 3: { /* write */
            struct sbuf_mslice v[8];
            int cnt;
            if (!tb)
                break;
            ssize_t n = tcp_send_reserve(t, tb, rnd_below(&rnd, 100000), v, &cnt, 8);
            if (n >= 0)
                tcp_send_commit(t, now, tb, (size_t)n, false, false);
            break;
        }
        case 4: { /* read */
            struct ust_slice v[8];
            int cnt;
            if (!tb || rnd_below(&rnd, 3))
                break;
            ssize_t n = tcp_recv_peek(t, tb, 0, 100000, v, &cnt, 8);
            if (n > 0)
                tcp_recv_consume(t, now, tb, (size_t)n);
            break;
        }
        case 5:
            if (tb && rnd_one_in(&rnd, 10)) {
                if (rnd_one_in(&rnd, 2))
                    tcp_close(t, now, tb);
                else
                    tcp_abort(t, now, tb, false);
                conn[i] = NULL;
            }
            break;
        }
        if (step % 4 == 0)
            drain(now, NULL);
        if (step % 16 == 0)
            must_hold(tcp_check(t));
    }
    uint64_t refused = 0;
    for (int k = 0; k < SLAB_COUNT; k++)
        refused += r->core.arena.classes[k].fail_cnt;
    must(refused > 0); /* else this was no test */
    drain(now, NULL);
}
END_TEST

int main(void) {
    Suite *s = suite_create("tcp: parts");
    TCase *tc = tcase_create("parts");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, rtt_first_sample);
    tcase_add_test(tc, rtt_settles_and_reacts);
    tcase_add_test(tc, rtt_never_above_limit);
    tcase_add_test(tc, isn_grows_for_one_tuple_and_differs_for_others);
    tcase_add_test(tc, ts_offset_is_by_address_pair);
    tcase_add_test(tc, cookies);
    tcase_add_loop_test(tc, scoreboard_random, 0, 20);
    tcase_add_loop_test(tc, cubic_follows_its_curve, 0, 3);
    tcase_add_test(tc, cubic_fast_convergence_and_undo);
    tcase_add_test(tc, hystart_leaves_slow_start_when_the_queue_grows);
    tcase_add_test(tc, syn_flood);
    tcase_add_test(tc, stray_segments_cost_a_bounded_number_of_resets);
    tcase_add_test(tc, rst_and_syn_sweeps_do_not_reset);
    tcase_add_test(tc, ooo_flood);
    tcase_add_test(tc, sack_flood_splits_no_finer_than_segments);
    tcase_add_test(tc, connect_uses_every_port_once_for_one_peer_and_again_for_another);
    tcase_add_test(tc, acks_while_a_writer_copies);
    tcase_add_test(tc, reset_while_a_writer_and_a_reader_copy);
    tcase_add_test(tc, closed_while_a_reader_copies);
    tcase_add_test(tc, disconnected_while_a_reader_copies);
    tcase_add_loop_test(tc, small_arena, 0, 6);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
