/* SPDX-License-Identifier: ISC */
/* The fault link: settings, each impairment in numbers, order, repeatability. */
#include "net/netfix.h"

#include <stdio.h>

#include "wire/gso_hdr.h"

static struct netfix *f;

static void setup(void) { f = netfix_new(FIX_MTU, LINK_F_CSUM | LINK_F_TSO4, 65535); }
static void teardown(void) {
    fault_detach(f->link);
    netfix_free(f);
}

/* ---- the text form ---- */

static const struct good {
    const char *text;
    struct fault_cfg cfg;
} good[] = {
    {"", {.on = false}},
    {"loss=1%", {.tx.loss_ppm = 10000, .rx.loss_ppm = 10000, .on = true}},
    {"tx.loss=0.5%", {.tx.loss_ppm = 5000, .on = true}},
    {"rx.loss=100%", {.rx.loss_ppm = 1000000, .on = true}},
    {"loss=0", {.on = true}},
    {"loss=250ppm,burst=4",
     {.tx = {.loss_ppm = 250, .burst = 4}, .rx = {.loss_ppm = 250, .burst = 4}, .on = true}},
    {"delay=20ms,jitter=2.5ms",
     {.tx = {.delay_ns = 20000000, .jitter_ns = 2500000},
      .rx = {.delay_ns = 20000000, .jitter_ns = 2500000},
      .on = true}},
    {"tx.delay=1s,rx.delay=15us", {.tx.delay_ns = 1000000000, .rx.delay_ns = 15000, .on = true}},
    {"delay=0", {.on = true}},
    {"loss=2%,tx.loss=0", {.rx.loss_ppm = 20000, .on = true}},
    {"tx.reorder=0.1%,tx.dup=0.1%,tx.corrupt=0.01%",
     {.tx = {.reorder_ppm = 1000, .dup_ppm = 1000, .corrupt_ppm = 100}, .on = true}},
    {"tx.rate=10mbit,seed=7,tx.queue=50",
     {.tx = {.rate_bps = 10000000, .queue_cnt = 50}, .seed = 7, .on = true}},
    {"rx.rate=1.5gbit", {.rx.rate_bps = 1500000000, .on = true}},
};

START_TEST(parse_good)
{
    struct fault_cfg cfg;
    struct ust_slice bad;
    ck_assert_msg(fault_parse(good[_i].text, &cfg, &bad), "%s", good[_i].text);
    ck_assert_mem_eq(&cfg.tx, &good[_i].cfg.tx, sizeof cfg.tx);
    ck_assert_mem_eq(&cfg.rx, &good[_i].cfg.rx, sizeof cfg.rx);
    ck_assert_uint_eq(cfg.seed, good[_i].cfg.seed);
    ck_assert(cfg.on == good[_i].cfg.on);
}
END_TEST

static const struct {
    const char *text, *word;
} bad_cases[] = {
    {"loss", "loss"},
    {"loss=", "loss="},
    {"loss=1", "loss=1"},
    {"loss=101%", "loss=101%"},
    {"loss=-1%", "loss=-1%"},
    {"loss=1%,wat=3", "wat=3"},
    {"delay=5", "delay=5"},
    {"delay=5m", "delay=5m"},
    {"delay=.ms", "delay=.ms"},
    {"delay=5.ms", "delay=5.ms"},
    {"delay=ms", "delay=ms"},
    {"rate=1mb", "rate=1mb"},
    {"tx.seed=1", "tx.seed=1"},
    {"xx.loss=1%", "xx.loss=1%"},
    {"seed=1.5", "seed=1.5"},
    {"queue=-1", "queue=-1"},
    {"loss =1%", "loss =1%"},
    {"delay=99999h,loss=1%", "delay=99999h"},
    {",loss=1%", ""},
    {"loss=1%,,dup=1%", ""},
    {"delay=9999999999999999ms", "delay=9999999999999999ms"},
};

START_TEST(parse_bad)
{
    struct fault_cfg cfg;
    struct ust_slice bad;
    ck_assert_msg(!fault_parse(bad_cases[_i].text, &cfg, &bad), "%s", bad_cases[_i].text);
    ck_assert_uint_eq(bad.len, strlen(bad_cases[_i].word));
    ck_assert_mem_eq(bad.p, bad_cases[_i].word, bad.len);
}
END_TEST

/* ---- frames ---- */

static void attach(const char *text) {
    struct fault_cfg cfg;
    struct ust_slice bad;
    ck_assert(fault_parse(text, &cfg, &bad));
    ck_assert_int_eq(fault_attach(f->link, &cfg, f->now), 0);
}

/* A UDP frame numbered n goes to the link, either way. */
static size_t compose(uint32_t n, size_t len) {
    uint8_t l4[1480];
    struct ust_addr s = ip("10.0.0.2"), d = ip("10.0.0.7");
    struct udp_hdr uh = {.sport = 1, .dport = 2, .len = (uint16_t)(UDP_HDR_LEN + len)};
    memset(l4, 0x55, sizeof l4);
    memcpy(l4 + UDP_HDR_LEN, &n, 4);
    struct ust_slice body = slice_of(l4 + UDP_HDR_LEN, len);
    udp_emit(&uh, &s, &d, &body, 1, l4);
    struct fix_ip p = {.src = "10.0.0.2",
                       .dst = "10.0.0.7",
                       .proto = IP_PROTO_UDP,
                       .ttl = 9,
                       .eth_src = &fix_mac,
                       .payload = slice_of(l4, UDP_HDR_LEN + len)};
    return fix_compose(f, &p);
}
static void send_n(uint32_t n, size_t len) {
    size_t frame_len = compose(n, len);
    struct pkt_tx *p = link_reserve(f->link);
    ck_assert_ptr_nonnull(p);
    uint8_t *buf = buf_alloc(&f->c->arena, frame_len);
    memcpy(buf, f->frame, frame_len);
    pkt_start(p, 0);
    p->own = buf;
    pkt_add_body(p, slice_of(buf, frame_len));
    link_commit(f->link, f->now, p);
}
static uint32_t number_of(struct ust_slice frame) {
    uint32_t n;
    ck_assert_uint_ge(frame.len, ETH_HDR_LEN + 32);
    memcpy(&n, frame.p + ETH_HDR_LEN + 28, 4);
    return n;
}
/* -1: nothing to send. */
static int64_t sent_n(void) {
    struct pkt_tx *p = link_tx_peek(f->link);
    if (!p)
        return -1;
    uint32_t len = (uint32_t)pkt_linearize(p, f->out.bytes, sizeof f->out.bytes);
    link_tx_done(f->link);
    f->out.len = len;
    return number_of(slice_of(f->out.bytes, len));
}
static bool recv_n(uint32_t n, size_t len, bool csum_ok) {
    struct pkt_rx p = {.frame = slice_of(f->frame, compose(n, len)), .csum_ok = csum_ok};
    return link_rx(f->link, f->now, &p);
}
/* -1: nothing is due. */
static int64_t held_n(bool *csum_ok) {
    struct pkt_rx p;
    if (!link_held_next(f->link, f->now, &p))
        return -1;
    int64_t n = number_of(p.frame);
    if (csum_ok)
        *csum_ok = p.csum_ok;
    link_held_done(f->link);
    return n;
}

START_TEST(transparent)
{
    attach("loss=0");
    ck_assert_uint_eq(f->link->features, 0);
    ck_assert_uint_eq(f->link->gso_max_bytes, 0);
    for (uint32_t i = 0; i < 100; i++)
        send_n(i, 100);
    for (uint32_t i = 0; i < 100; i++)
        must_eq(sent_n(), i);
    for (uint32_t i = 0; i < 100; i++)
        must(!recv_n(i, 100, i & 1));
    for (uint32_t i = 0; i < 100; i++) {
        bool ok;
        must_eq(held_n(&ok), i);
        must(ok == (i & 1));
    }
    fault_detach(f->link);
    ck_assert_uint_eq(f->link->features, LINK_F_CSUM | LINK_F_TSO4);
    ck_assert_uint_eq(f->link->gso_max_bytes, 65535);
    ck_assert(recv_n(1, 100, false));
}
END_TEST

static uint32_t count_through(uint32_t n) {
    uint32_t got = 0;
    for (uint32_t i = 0; i < n; i++) {
        send_n(i, 50);
        while (sent_n() >= 0)
            got++;
    }
    return got;
}

START_TEST(loss)
{
    attach("tx.loss=10%,seed=3");
    uint32_t got = count_through(20000);
    ck_assert_uint_ge(got, 17700);
    ck_assert_uint_le(got, 18300);
    ck_assert_uint_eq(fix_drops(f, DROP_LINK_FAULT_LOSS), 20000 - got);
    ck_assert(!recv_n(1, 50, false)); /* the other direction is clean */
    ck_assert_int_eq(held_n(NULL), 1);
}
END_TEST

START_TEST(loss_in_bursts)
{
    attach("tx.loss=10%,burst=5,seed=3");
    uint32_t lost = 0, bursts = 0;
    bool before = false;
    for (uint32_t i = 0; i < 50000; i++) {
        send_n(i, 50);
        bool gone = sent_n() < 0;
        lost += gone;
        bursts += gone && !before;
        before = gone;
    }
    ck_assert_uint_ge(lost, 4300);
    ck_assert_uint_le(lost, 5700);
    ck_assert_uint_ge(lost * 10 / bursts, 45);
    ck_assert_uint_le(lost * 10 / bursts, 55);
}
END_TEST

START_TEST(all_lost)
{
    attach("loss=100%,burst=3,seed=1");
    ck_assert_uint_eq(count_through(1000), 0);
}
END_TEST

START_TEST(duplication)
{
    attach("tx.dup=10%,seed=3");
    uint32_t got = count_through(10000);
    ck_assert_uint_ge(got, 10850);
    ck_assert_uint_le(got, 11150);
}
END_TEST

START_TEST(corruption)
{
    attach("tx.corrupt=50%,seed=3");
    uint32_t bad = 0;
    for (uint32_t i = 0; i < 2000; i++) {
        size_t len = compose(i, 50);
        static uint8_t before[200];
        memcpy(before, f->frame, len);
        send_n(i, 50);
        must(sent_n() >= 0);
        must_eq(f->out.len, len);
        unsigned bits = 0;
        for (size_t k = 0; k < len; k++)
            bits += (unsigned)__builtin_popcount(before[k] ^ f->out.bytes[k]);
        must(bits <= 1);
        bad += bits;
    }
    ck_assert_uint_ge(bad, 900);
    ck_assert_uint_le(bad, 1100);
}
END_TEST

START_TEST(corruption_of_received_is_not_trusted)
{
    attach("rx.corrupt=100%,seed=3");
    for (uint32_t i = 0; i < 500; i++) {
        /* a sender on this machine left the checksum open */
        size_t len = compose(i, 50);
        struct gso_hdr g;
        struct pkt_rx p = {.frame = slice_of(f->frame, len), .csum_ok = true};
        must(gso_hdr_parse(p.frame, &g));
        f->frame[g.l4_off + UDP_CSUM_OFF] = 1;
        f->frame[g.l4_off + UDP_CSUM_OFF + 1] = 2;
        must(!link_rx(f->link, f->now, &p));
        struct pkt_rx q;
        must(link_held_next(f->link, f->now, &q));
        must(!q.csum_ok);
        /* One bit, and that after the checksum was completed. */
        gso_hdr_fill_csum(&g, f->frame);
        unsigned bits = 0;
        must_eq(q.frame.len, len);
        for (size_t k = 0; k < len; k++)
            bits += (unsigned)__builtin_popcount(q.frame.p[k] ^ f->frame[k]);
        must_eq(bits, 1);
        link_held_done(f->link);
    }
}
END_TEST

START_TEST(delay_keeps_order)
{
    attach("tx.delay=20ms");
    uint64_t start = f->now;
    for (uint32_t i = 0; i < 50; i++) {
        send_n(i, 50);
        fix_advance(f, NS_PER_MS / 10);
    }
    ck_assert_int_eq(sent_n(), -1);
    fix_advance(f, start + 19 * NS_PER_MS - f->now);
    ck_assert_int_eq(sent_n(), -1);
    fix_advance(f, 2 * NS_PER_MS);
    ck_assert_int_eq(sent_n(), 0);
    fix_advance(f, 10 * NS_PER_MS);
    for (uint32_t i = 1; i < 50; i++)
        ck_assert_int_eq(sent_n(), i);
}
END_TEST

START_TEST(delay_received)
{
    attach("rx.delay=20ms");
    recv_n(1, 50, false);
    fix_advance(f, 5 * NS_PER_MS);
    recv_n(2, 50, true);
    ck_assert_int_eq(held_n(NULL), -1);
    fix_advance(f, 15200 * NS_PER_US);
    ck_assert_int_eq(held_n(NULL), 1);
    ck_assert_int_eq(held_n(NULL), -1);
    ck_assert_uint_le(wheel_next(&f->c->wheel), f->now + 5 * NS_PER_MS);
    fix_advance(f, 5 * NS_PER_MS);
    bool ok = false;
    ck_assert_int_eq(held_n(&ok), 2);
    ck_assert(ok);
}
END_TEST

START_TEST(jitter_spreads_and_reorders)
{
    attach("tx.delay=20ms,jitter=10ms,seed=5");
    enum { CNT = 300 };
    uint32_t inversions = 0;
    int64_t last = -1, n;
    for (uint32_t i = 0; i < CNT; i++)
        send_n(i, 50);
    fix_advance(f, 9900 * NS_PER_US);
    ck_assert_int_eq(sent_n(), -1);
    uint32_t got = 0;
    for (int ms = 0; ms < 22; ms++) {
        fix_advance(f, NS_PER_MS);
        while ((n = sent_n()) >= 0) {
            inversions += n < last;
            last = n;
            got++;
        }
    }
    ck_assert_uint_eq(got, CNT);
    ck_assert_uint_ge(inversions, CNT / 5);
}
END_TEST

START_TEST(reorder_skips_the_delay)
{
    attach("tx.delay=20ms,tx.reorder=10%,seed=5");
    for (uint32_t i = 0; i < 400; i++)
        send_n(i, 50);
    uint32_t early = 0;
    while (sent_n() >= 0)
        early++;
    ck_assert_uint_ge(early, 20);
    ck_assert_uint_le(early, 60);
    fix_advance(f, 21 * NS_PER_MS);
    int64_t last = -1, n;
    uint32_t late = 0;
    while ((n = sent_n()) >= 0) {
        must(n > last); /* the others keep their order */
        last = n;
        late++;
    }
    ck_assert_uint_eq(early + late, 400);
}
END_TEST

START_TEST(rate)
{
    /* 92 bytes a frame at 736 kbit/s: one a millisecond */
    attach("tx.rate=736kbit");
    for (uint32_t i = 0; i < 100; i++)
        send_n(i, 50);
    uint32_t got = 0;
    for (uint32_t ms = 1; ms <= 100; ms++) {
        fix_advance(f, NS_PER_MS);
        while (sent_n() >= 0)
            got++;
        must(got <= ms && got + 1 >= ms);
    }
    fix_advance(f, NS_PER_MS);
    while (sent_n() >= 0)
        got++;
    ck_assert_uint_eq(got, 100);
}
END_TEST

START_TEST(rate_queue_is_bounded)
{
    attach("tx.rate=736kbit,tx.queue=10,tx.delay=500ms");
    for (uint32_t i = 0; i < 30; i++)
        send_n(i, 50);
    ck_assert_uint_eq(fix_drops(f, DROP_LINK_FAULT_QUEUE), 20);
    fix_advance(f,
                10 * NS_PER_MS + NS_PER_US); /* the ten have left the limiter, if not the delay */
    for (uint32_t i = 0; i < 10; i++)
        send_n(100 + i, 50);
    ck_assert_uint_eq(fix_drops(f, DROP_LINK_FAULT_QUEUE), 20);
    fix_advance(f, 600 * NS_PER_MS);
    for (uint32_t i = 0; i < 20; i++)
        ck_assert_int_eq(sent_n(), i < 10 ? i : 90 + i);
}
END_TEST

START_TEST(gso_frames_are_cut)
{
    attach("rx.loss=0");
    struct tcp_hdr th = {.sport = 1, .dport = 2, .flags = TCPF_ACK};
    uint8_t l4[TCP_HDR_LEN + 5000];
    struct ust_addr s = ip("10.0.0.1"), d = ip("10.0.0.2");
    memset(l4, 3, sizeof l4);
    tcp_emit_partial(&th, &s, &d, sizeof l4, l4);
    struct fix_ip p = {.src = "10.0.0.1",
                       .dst = "10.0.0.2",
                       .proto = IP_PROTO_TCP,
                       .payload = slice_of(l4, sizeof l4)};
    struct pkt_rx rx = {.frame = slice_of(f->frame, fix_compose(f, &p)),
                        .csum_ok = true,
                        .gso = PKT_GSO_TCP4,
                        .gso_size = 1460};
    ck_assert(!link_rx(f->link, f->now, &rx));
    size_t total = 0;
    for (int i = 0; i < 4; i++) {
        struct ip4_hdr ih;
        struct eth_hdr eh;
        struct ust_slice l3, seg, data;
        ck_assert(link_held_next(f->link, f->now, &rx));
        ck_assert_uint_eq(rx.gso, PKT_GSO_NONE);
        eth_parse(rx.frame, &eh, &l3);
        ck_assert_int_eq(ip4_parse(l3, &ih, &seg), DROP_NONE);
        ck_assert_int_eq(tcp_parse(seg, &s, &d, false, &th, &data), DROP_NONE);
        ck_assert_uint_eq(th.seq.v, total);
        total += data.len;
        link_held_done(f->link);
    }
    ck_assert_uint_eq(total, 5000);
    ck_assert(!link_held_next(f->link, f->now, &rx));
}
END_TEST

static uint64_t fingerprint(uint64_t seed) {
    char text[100];
    uint64_t h = 1469598103934665603ULL;
    int64_t n;
    snprintf(text, sizeof text, "tx.loss=10%%,dup=5%%,delay=5ms,jitter=4ms,corrupt=1%%,seed=%u",
             (unsigned)seed);
    attach(text);
    for (uint32_t i = 0; i < 300; i++) {
        send_n(i, 50);
        fix_advance(f, NS_PER_MS / 2);
        while ((n = sent_n()) >= 0)
            for (uint32_t k = 0; k < f->out.len; k++)
                h = (h ^ f->out.bytes[k]) * 1099511628211ULL;
    }
    fault_detach(f->link);
    return h;
}

START_TEST(one_seed_one_run)
{
    uint64_t a = fingerprint(1), b = fingerprint(2);
    fix_advance(f, 12345678);
    f->now = (f->now >> WHEEL_TICK_SHIFT) << WHEEL_TICK_SHIFT;
    ck_assert_uint_eq(fingerprint(1) == a, true);
    ck_assert_uint_ne(a, b);
}
END_TEST

START_TEST(waits_for_room_in_the_queue)
{
    attach("tx.delay=1ms");
    for (uint32_t i = 0; i < LINK_TXQ_CAP + 100; i++)
        send_n(i, 10);
    fix_advance(f, 2 * NS_PER_MS);
    for (uint32_t i = 0; i < LINK_TXQ_CAP; i++)
        must_eq(sent_n(), i);
    ck_assert_int_eq(sent_n(), -1);
    fix_advance(f, 2 * NS_PER_MS);
    for (uint32_t i = LINK_TXQ_CAP; i < LINK_TXQ_CAP + 100; i++)
        must_eq(sent_n(), i);
}
END_TEST

START_TEST(detach_frees_and_rebuild_forgets)
{
    attach("delay=1s");
    for (uint32_t i = 0; i < 20; i++) {
        send_n(i, 100);
        recv_n(i, 100, false);
    }
    wheel_init(&f->c->wheel, f->now);
    link_rebuild(f->link);
    ck_assert_uint_eq(slab_in_use(&f->c->arena, SLAB_FAULT_FRAME), 0);
    send_n(1, 100);
    fix_advance(f, 1001 * NS_PER_MS);
    ck_assert_int_eq(sent_n(), 1);
    send_n(2, 100);
    recv_n(3, 100, false);
    ck_assert_uint_eq(slab_in_use(&f->c->arena, SLAB_FAULT_FRAME), 2);
    fault_detach(f->link);
    ck_assert_uint_eq(slab_in_use(&f->c->arena, SLAB_FAULT_FRAME), 0);
    fault_detach(f->link);
}
END_TEST

START_TEST(held_frames_are_bounded)
{
    attach("rx.delay=3600s");
    for (uint32_t i = 0; i < 20000; i++)
        recv_n(i, 60, false);
    ck_assert_uint_le(slab_in_use(&f->c->arena, SLAB_FAULT_FRAME), 16384);
    ck_assert_uint_ge(fix_drops(f, DROP_LINK_FAULT_MEMORY), 20000 - 16384);
}
END_TEST

int main(void) {
    Suite *s = suite_create("fault");
    TCase *t = tcase_create("fault");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, parse_good, 0, (int)UST_ARRAY_CNT(good));
    tcase_add_loop_test(t, parse_bad, 0, (int)UST_ARRAY_CNT(bad_cases));
    tcase_add_test(t, transparent);
    tcase_add_test(t, loss);
    tcase_add_test(t, loss_in_bursts);
    tcase_add_test(t, all_lost);
    tcase_add_test(t, duplication);
    tcase_add_test(t, corruption);
    tcase_add_test(t, corruption_of_received_is_not_trusted);
    tcase_add_test(t, delay_keeps_order);
    tcase_add_test(t, delay_received);
    tcase_add_test(t, jitter_spreads_and_reorders);
    tcase_add_test(t, reorder_skips_the_delay);
    tcase_add_test(t, rate);
    tcase_add_test(t, rate_queue_is_bounded);
    tcase_add_test(t, gso_frames_are_cut);
    tcase_add_test(t, one_seed_one_run);
    tcase_add_test(t, waits_for_room_in_the_queue);
    tcase_add_test(t, detach_frees_and_rebuild_forgets);
    tcase_add_test(t, held_frames_are_bounded);
    suite_add_tcase(s, t);
    return run_suite(s);
}
