/* SPDX-License-Identifier: ISC */
/* The link's queues, offloads done in software, the loop, and the pair link. */
#include "net/netfix.h"

#include "link/pair.h"

static struct netfix *f;

static void setup(void) { f = netfix_new(FIX_MTU, LINK_F_CSUM, 0); }
static void setup_plain(void) { f = netfix_new(FIX_MTU, 0, 0); }
static void teardown(void) { netfix_free(f); }

/* A TCP frame with Ethernet header and len payload bytes, checksum open, in a reserved slot. */
static struct pkt_tx *tcp_frame(uint32_t len, uint16_t gso_size) {
    struct ust_addr s = ip("10.0.0.2"), d = ip("10.0.0.7");
    struct tcp_hdr th = {.sport = 1, .dport = 2, .seq = seq_of(5), .flags = TCPF_ACK | TCPF_PSH};
    struct pkt_tx *p = link_reserve(f->link);
    ck_assert_ptr_nonnull(p);
    tcp_emit_partial(&th, &s, &d, TCP_HDR_LEN + len, pkt_start(p, TCP_HDR_LEN));
    if (len) {
        uint8_t *buf = buf_alloc(&f->c->arena, len);
        for (uint32_t i = 0; i < len; i++)
            buf[i] = fix_byte(i);
        p->own = buf;
        /* in two slices of odd length, as a send buffer may give it */
        uint32_t half = len / 2 | 1;
        pkt_add_body(p, slice_of(buf, UST_MIN(half, len)));
        if (half < len)
            pkt_add_body(p, slice_of(buf + half, len - half));
    }
    p->needs_csum = true;
    p->csum_off = TCP_CSUM_OFF;
    p->gso = gso_size ? PKT_GSO_TCP4 : PKT_GSO_NONE;
    p->gso_size = gso_size;
    struct ip4_hdr ih = {.ttl = 64,
                         .proto = IP_PROTO_TCP,
                         .total_len = (uint16_t)(IP4_HDR_LEN + TCP_HDR_LEN + len),
                         .src = s,
                         .dst = d};
    ip4_emit(&ih, pkt_push(p, IP4_HDR_LEN));
    p->l3_off = p->head_off;
    struct eth_hdr eh = {.dst = fix_other_mac, .src = fix_mac, .type = ETH_TYPE_IP4};
    eth_emit(&eh, pkt_push(p, ETH_HDR_LEN));
    return p;
}
static struct ust_slice tcp_data(const struct sent *o) {
    struct tcp_hdr th;
    struct ust_slice data;
    ck_assert_int_eq(tcp_parse(o->l4, &o->ip.src, &o->ip.dst, false, &th, &data), DROP_NONE);
    return data;
}

/* ---- queue ---- */

START_TEST(reserve_commit_cancel)
{
    struct pkt_tx *p = tcp_frame(100, 0);
    ck_assert_ptr_null(link_tx_peek(f->link));
    link_cancel(f->link, p);
    ck_assert_ptr_null(link_tx_peek(f->link));
    ck_assert_uint_eq(link_room(f->link), LINK_TXQ_CAP);
    link_commit(f->link, f->now, tcp_frame(100, 0));
    link_commit(f->link, f->now, tcp_frame(200, 0));
    ck_assert_uint_eq(link_room(f->link), LINK_TXQ_CAP - 2);
    ck_assert_uint_eq(tcp_data(fix_sent(f)).len, 100);
    ck_assert_uint_eq(tcp_data(fix_sent(f)).len, 200);
    ck_assert_uint_eq(f->link->stats.tx_frames, 2);
    ck_assert_uint_eq(f->link->stats.tx_bytes, 2 * 54 + 300);
}
END_TEST

START_TEST(positions_wrap)
{
    f->link->tx_head = f->link->tx_tail = UINT32_MAX - 100;
    f->link->loop_head = f->link->loop_tail = UINT32_MAX - 3;
    for (int round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < LINK_TXQ_CAP; i++)
            link_commit(f->link, f->now, tcp_frame(i, 0));
        ck_assert_ptr_null(link_reserve(f->link));
        for (uint32_t i = 0; i < LINK_TXQ_CAP; i++)
            must_eq(fix_sent(f)->l4.len, TCP_HDR_LEN + i);
    }
    struct pkt_rx rx;
    for (int i = 0; i < 8; i++) {
        struct pkt_tx *p = tcp_frame(10, 0);
        p->to_loop = 1;
        link_commit(f->link, f->now, p);
    }
    for (int i = 0; i < 8; i++) {
        ck_assert(link_held_next(f->link, f->now, &rx));
        link_held_done(f->link);
    }
    ck_assert(!link_held_next(f->link, f->now, &rx));
}
END_TEST

START_TEST(left_in_the_queues)
{
    link_commit(f->link, f->now, tcp_frame(100, 0));
    struct pkt_tx *p = tcp_frame(100, 0);
    p->to_loop = 1;
    link_commit(f->link, f->now, p);
    ck_assert_uint_eq(f->link->loop_head - f->link->loop_tail, 1);
} /* teardown finds nothing leaked */
END_TEST

START_TEST(too_long)
{
    link_commit(f->link, f->now, tcp_frame(1460, 0));
    ck_assert(fix_sent(f)->any);
    link_commit(f->link, f->now, tcp_frame(1461, 0));
    ck_assert(!fix_sent(f)->any);
    ck_assert_uint_eq(fix_drops(f, DROP_LINK_TOO_LONG), 1);
}
END_TEST

START_TEST(rebuilt)
{
    link_reserve(f->link);
    link_rebuild(f->link);
    ck_assert_ptr_nonnull(link_reserve(f->link));
    link_cancel(f->link, &f->link->txq[f->link->tx_head % LINK_TXQ_CAP]);
}
END_TEST

/* ---- checksums and segments in software ---- */

START_TEST(csum_left_to_the_device)
{
    link_commit(f->link, f->now, tcp_frame(777, 0));
    ck_assert(fix_sent(f)->needs_csum);
}
END_TEST

START_TEST(csum_in_software)
{
    link_commit(f->link, f->now, tcp_frame(777, 0));
    ck_assert(!link_tx_peek(f->link)->needs_csum);
    ck_assert_uint_eq(tcp_data(fix_sent(f)).len, 777);
}
END_TEST

START_TEST(udp_csum_zero_is_ffff)
{
    struct ust_addr s = ip("10.0.0.2"), d = ip("10.0.0.7");
    struct udp_hdr uh = {.sport = 1, .dport = 2, .len = UDP_HDR_LEN + 2};
    uint8_t hdr[UDP_HDR_LEN], word[2] = {0, 0};
    struct ust_slice body = slice_of(word, 2);
    udp_emit(&uh, &s, &d, &body, 1,
             hdr); /* the sum of the rest, as payload, makes the whole zero */
    struct pkt_tx *p = link_reserve(f->link);
    udp_emit_partial(&uh, &s, &d, pkt_start(p, UDP_HDR_LEN));
    p->own = buf_alloc(&f->c->arena, 2);
    memcpy(p->own, hdr + UDP_CSUM_OFF, 2);
    pkt_add_body(p, slice_of(p->own, 2));
    p->needs_csum = true;
    p->csum_off = UDP_CSUM_OFF;
    link_commit(f->link, f->now, p);
    const uint8_t *field = link_tx_peek(f->link)->head + PKT_L4_OFF + UDP_CSUM_OFF;
    ck_assert(field[0] == 0xff && field[1] == 0xff);
}
END_TEST

START_TEST(segments_in_software)
{
    link_commit(f->link, f->now, tcp_frame(14600, 1460));
    for (size_t k = 0; k < 10; k++) {
        const struct sent *o = fix_sent(f);
        ck_assert(o->any && !o->gso && !o->needs_csum);
        struct ust_slice d = tcp_data(o);
        ck_assert_uint_eq(d.len, 1460);
        for (size_t i = 0; i < d.len; i++)
            must_eq(d.p[i], fix_byte(k * 1460 + i));
    }
    ck_assert(!fix_sent(f)->any);
}
END_TEST

START_TEST(segments_without_room)
{
    while (link_room(f->link) > 4)
        link_commit(f->link, f->now, tcp_frame(1, 0));
    link_commit(f->link, f->now, tcp_frame(14600, 1460));
    ck_assert_uint_eq(fix_drops(f, DROP_LINK_GSO), 1);
    ck_assert_uint_eq(fix_flush(f), LINK_TXQ_CAP);
}
END_TEST

START_TEST(device_limit_on_gso)
{
    netfix_free(f);
    f = netfix_new(FIX_MTU, LINK_F_CSUM | LINK_F_TSO4, 10000);
    link_commit(f->link, f->now, tcp_frame(9960, 1460));
    ck_assert_uint_eq(fix_sent(f)->gso, PKT_GSO_TCP4);
    ck_assert_uint_eq(f->link->stats.tx_gso_frames, 1);
    link_commit(f->link, f->now, tcp_frame(9961, 1460));
    ck_assert_uint_eq(fix_flush(f), 7);
}
END_TEST

/* ---- loop ---- */

START_TEST(loop)
{
    struct pkt_rx rx;
    struct pkt_tx *p = tcp_frame(3000, 1460);
    p->to_loop = 1; /* a GSO packet comes back as it is, without Ethernet header */
    link_commit(f->link, f->now, p);
    ck_assert_ptr_null(link_tx_peek(f->link));
    ck_assert(link_held_next(f->link, f->now, &rx));
    ck_assert(rx.looped && rx.csum_ok);
    ck_assert_uint_eq(rx.gso, PKT_GSO_TCP4);
    ck_assert_uint_eq(rx.gso_size, 1460);
    ck_assert_uint_eq(rx.frame.len, 3040);
    struct ip4_hdr ih;
    struct ust_slice l4;
    ck_assert_int_eq(ip4_parse(rx.frame, &ih, &l4), DROP_NONE);
    for (size_t i = 0; i < 3000; i++)
        must_eq(l4.p[TCP_HDR_LEN + i], fix_byte(i));
    link_held_done(f->link);
    ck_assert(!link_held_next(f->link, f->now, &rx));
}
END_TEST

START_TEST(loop_is_bounded)
{
    for (int i = 0; i < LINK_LOOPQ_CAP + 5; i++) {
        struct pkt_tx *p = tcp_frame(1, 0);
        p->to_loop = 1;
        link_commit(f->link, f->now, p);
    }
    ck_assert_uint_eq(fix_drops(f, DROP_LINK_LOOPQ_FULL), 5);
}
END_TEST

/* ---- pair ---- */

START_TEST(pair)
{
    struct pair_fifo q = {.cap = 4};
    q.slot = (struct pair_frame *)calloc(q.cap, sizeof *q.slot);
    for (uint32_t i = 0; i < 6; i++)
        link_commit(f->link, f->now, tcp_frame(100 + i, 0));
    ck_assert_uint_eq(pair_drain(f->link, &q), 4);
    ck_assert_uint_eq(q.dropped, 2);
    struct pkt_rx rx;
    for (uint32_t i = 0; i < 4; i++) {
        ck_assert(pair_next(&q, &rx));
        ck_assert_uint_eq(rx.frame.len, 54 + 100 + i);
        ck_assert(!rx.csum_ok && !rx.looped);
        memcpy(f->out.bytes, rx.frame.p, rx.frame.len);
        struct eth_hdr eh;
        struct ip4_hdr ih;
        struct tcp_hdr th;
        struct ust_slice l3, l4, data;
        eth_parse(rx.frame, &eh, &l3);
        ck_assert_int_eq(ip4_parse(l3, &ih, &l4), DROP_NONE);
        ck_assert_int_eq(tcp_parse(l4, &ih.src, &ih.dst, false, &th, &data), DROP_NONE);
        pair_done(&q);
    }
    ck_assert(!pair_next(&q, &rx));
    f->link->features |= LINK_F_TSO4;
    f->link->gso_max_bytes = 65535;
    link_commit(f->link, f->now, tcp_frame(60000, 1460));
    ck_assert_uint_eq(pair_drain(f->link, &q), 1);
    ck_assert(pair_next(&q, &rx));
    ck_assert_uint_eq(rx.gso, PKT_GSO_TCP4);
    ck_assert_uint_eq(rx.gso_size, 1460);
    pair_done(&q);
    free(q.slot);
}
END_TEST

int main(void) {
    Suite *s = suite_create("link");
    TCase *t = tcase_create("csum");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, reserve_commit_cancel);
    tcase_add_test(t, positions_wrap);
    tcase_add_test(t, left_in_the_queues);
    tcase_add_test(t, too_long);
    tcase_add_test(t, rebuilt);
    tcase_add_test(t, csum_left_to_the_device);
    tcase_add_test(t, device_limit_on_gso);
    tcase_add_test(t, loop);
    tcase_add_test(t, loop_is_bounded);
    tcase_add_test(t, pair);
    suite_add_tcase(s, t);
    t = tcase_create("plain");
    tcase_add_checked_fixture(t, setup_plain, teardown);
    tcase_add_test(t, csum_in_software);
    tcase_add_test(t, udp_csum_zero_is_ffff);
    tcase_add_test(t, segments_in_software);
    tcase_add_test(t, segments_without_room);
    suite_add_tcase(s, t);
    return run_suite(s);
}
