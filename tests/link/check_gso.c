/* SPDX-License-Identifier: ISC */
/* Software segmentation: every field of every segment. */
#include "net/netfix.h"

#include "link/gso.h"

#define SRC 0x0a000002
#define DST 0x0a000007

static uint8_t frame[70000], seg[70000];

/* A whole TCP or UDP frame with len payload bytes; checksums as `fill` leaves them. Returns its length. */
static size_t compose(uint8_t proto, bool tagged, size_t len, uint8_t flags) {
    struct ust_addr s = addr_from_ip4(SRC), d = addr_from_ip4(DST);
    struct eth_hdr eh = {.dst = fix_peer_mac, .src = fix_mac, .type = ETH_TYPE_IP4};
    struct ip4_hdr ih = {.ttl = 64, .proto = proto, .df = true, .id = 65534, .src = s, .dst = d};
    struct tcp_hdr th = {
        .sport = 1, .dport = 2, .seq = seq_of(0xfffffff0), .flags = flags, .wnd = 77};
    uint8_t l4[TCP_HDR_MAX];
    th.opts.has_ts = true;
    th.opts.ts_val = 99;
    size_t l4_len = proto == IP_PROTO_TCP ? tcp_hdr_len(&th) : UDP_HDR_LEN;
    if (proto == IP_PROTO_TCP) {
        tcp_emit_partial(&th, &s, &d, (uint32_t)(l4_len + len), l4);
    } else {
        struct udp_hdr uh = {.sport = 1, .dport = 2, .len = (uint16_t)(l4_len + len)};
        udp_emit_partial(&uh, &s, &d, l4);
    }
    ih.total_len = (uint16_t)(IP4_HDR_LEN + l4_len + len);
    size_t n = ETH_HDR_LEN;
    eth_emit(&eh, frame);
    if (tagged) {
        static const uint8_t tag[6] = {0x81, 0, 0, 0, 8, 0};
        memcpy(frame + 12, tag, 6);
        n += 4;
    }
    ip4_emit(&ih, frame + n);
    n += IP4_HDR_LEN;
    memcpy(frame + n, l4, l4_len);
    n += l4_len;
    for (size_t i = 0; i < len; i++)
        frame[n + i] = fix_byte(i);
    return n + len;
}

static const struct cut {
    size_t len;
    uint16_t size;
    bool tagged;
} cuts[] = {{1, 1460, false},     {1460, 1460, false},  {1461, 1460, false}, {2920, 1460, false},
            {14600, 1448, false}, {65000, 1448, false}, {5000, 500, true},   {10, 1, false}};

START_TEST(tcp)
{
    const struct cut *c = &cuts[_i];
    uint8_t flags = TCPF_ACK | TCPF_PSH | TCPF_FIN | TCPF_CWR;
    size_t len = compose(IP_PROTO_TCP, c->tagged, c->len, flags), n, off = 0;
    struct gso_iter it;
    unsigned idx = 0;
    ck_assert(gso_begin(&it, slice_of(frame, len), c->size));
    while ((n = gso_next(&it, seg, sizeof seg)) > 0) {
        struct eth_hdr eh;
        struct ip4_hdr ih;
        struct tcp_hdr th;
        struct ust_slice l3, l4, data;
        must(n <= gso_frame_max(&it));
        must_eq(eth_parse(slice_of(seg, n), &eh, &l3), DROP_NONE);
        must_eq(ip4_parse(l3, &ih, &l4), DROP_NONE); /* checksum */
        must_eq(ih.total_len, l3.len);
        must_eq(ih.id, (uint16_t)(65534 + idx));
        must(ih.df);
        must_eq(tcp_parse(l4, &ih.src, &ih.dst, false, &th, &data), DROP_NONE); /* checksum */
        must_eq(th.seq.v, (uint32_t)(0xfffffff0 + off));
        must(th.opts.has_ts && th.opts.ts_val == 99);
        bool last = off + data.len == c->len;
        must_eq(data.len, last ? c->len - off : c->size);
        must(!(th.flags & TCPF_FIN) == !last && !(th.flags & TCPF_PSH) == !last);
        must(!(th.flags & TCPF_CWR) == (idx > 0));
        must(th.flags & TCPF_ACK);
        for (size_t i = 0; i < data.len; i++)
            must_eq(data.p[i], fix_byte(off + i));
        off += data.len;
        idx++;
    }
    ck_assert_uint_eq(off, c->len);
    ck_assert_uint_eq(idx, (c->len + c->size - 1) / c->size);
}
END_TEST

START_TEST(udp)
{
    size_t len = compose(IP_PROTO_UDP, false, 2500, 0), n, off = 0;
    struct gso_iter it;
    ck_assert(gso_begin(&it, slice_of(frame, len), 1000));
    while ((n = gso_next(&it, seg, sizeof seg)) > 0) {
        struct eth_hdr eh;
        struct ip4_hdr ih;
        struct udp_hdr uh;
        struct ust_slice l3, l4, data;
        eth_parse(slice_of(seg, n), &eh, &l3);
        ck_assert_int_eq(ip4_parse(l3, &ih, &l4), DROP_NONE);
        ck_assert_int_eq(udp_parse(l4, &ih.src, &ih.dst, false, &uh, &data), DROP_NONE);
        ck_assert_uint_eq(uh.sport, 1);
        for (size_t i = 0; i < data.len; i++)
            must_eq(data.p[i], fix_byte(off + i));
        off += data.len;
    }
    ck_assert_uint_eq(off, 2500);
}
END_TEST

START_TEST(ip6)
{
    /* IPv6 header by hand: version 6, payload length, next header TCP, hop limit, addresses */
    size_t len = compose(IP_PROTO_TCP, false, 3000, TCPF_ACK);
    uint8_t l4[4000];
    size_t l4_len = len - ETH_HDR_LEN - IP4_HDR_LEN;
    memcpy(l4, frame + ETH_HDR_LEN + IP4_HDR_LEN, l4_len);
    frame[12] = 0x86;
    frame[13] = 0xdd;
    uint8_t *h = frame + ETH_HDR_LEN;
    memset(h, 0, 40);
    h[0] = 0x60;
    h[4] = (uint8_t)(l4_len >> 8);
    h[5] = (uint8_t)l4_len;
    h[6] = IP_PROTO_TCP;
    h[7] = 64;
    struct ust_addr s, d;
    ck_assert(addr_parse("2001:db8::1", &s) && addr_parse("2001:db8::2", &d));
    memcpy(h + 8, s.b, 16);
    memcpy(h + 24, d.b, 16);
    memcpy(h + 40, l4, l4_len);
    struct gso_iter it;
    size_t n, off = 0;
    ck_assert(gso_begin(&it, slice_of(frame, ETH_HDR_LEN + 40 + l4_len), 1400));
    while ((n = gso_next(&it, seg, sizeof seg)) > 0) {
        struct tcp_hdr th;
        struct ust_slice data;
        ck_assert_uint_eq((size_t)(seg[18] << 8 | seg[19]), n - ETH_HDR_LEN - 40);
        ck_assert_int_eq(tcp_parse(slice_of(seg + 54, n - 54), &s, &d, false, &th, &data),
                         DROP_NONE);
        off += data.len;
    }
    ck_assert_uint_eq(off, 3000);
}
END_TEST

START_TEST(not_to_be_cut)
{
    struct gso_iter it;
    size_t len = compose(IP_PROTO_TCP, false, 3000, TCPF_ACK);
    ck_assert(!gso_begin(&it, slice_of(frame, len), 0));
    for (size_t n = 0; n <= ETH_HDR_LEN + IP4_HDR_LEN + 32; n++) /* headers only, or less */
        ck_assert(!gso_begin(&it, slice_of(frame, n), 100));
    static const struct {
        size_t off;
        uint8_t v;
    } bad[] = {{13, 6},    {14, 0x65}, {14, 0x44}, {14, 0x4f},
               {20, 0x20}, {21, 1},    {23, 1},    {46, 0x40}};
    for (size_t i = 0; i < UST_ARRAY_CNT(bad); i++) {
        len = compose(IP_PROTO_TCP, false, 3, TCPF_ACK);
        frame[bad[i].off] = bad[i].v;
        ck_assert_msg(!gso_begin(&it, slice_of(frame, len), 100), "%zu", i);
    }
}
END_TEST

START_TEST(padding_is_no_payload)
{
    struct gso_iter it;
    size_t len = compose(IP_PROTO_UDP, false, 4, 0);
    ck_assert(gso_begin(&it, slice_of(frame, len + 14), 100));
    ck_assert_uint_eq(it.hdr.payload_len, 4);
}
END_TEST

START_TEST(fill_csum)
{
    static const uint8_t protos[2] = {IP_PROTO_TCP, IP_PROTO_UDP};
    size_t len = compose(protos[_i], false, 333, TCPF_ACK);
    struct gso_hdr g;
    struct ust_addr s = addr_from_ip4(SRC), d = addr_from_ip4(DST);
    struct tcp_hdr th;
    struct udp_hdr uh;
    struct ust_slice data;
    ck_assert(gso_hdr_parse(slice_of(frame, len), &g));
    gso_hdr_fill_csum(&g, frame);
    struct ust_slice l4 = slice_skip(slice_of(frame, len), g.l4_off);
    if (_i == 0)
        ck_assert_int_eq(tcp_parse(l4, &s, &d, false, &th, &data), DROP_NONE);
    else
        ck_assert_int_eq(udp_parse(l4, &s, &d, false, &uh, &data), DROP_NONE);
}
END_TEST

int main(void) {
    Suite *s = suite_create("gso");
    TCase *t = tcase_create("gso");
    tcase_add_loop_test(t, tcp, 0, (int)UST_ARRAY_CNT(cuts));
    tcase_add_test(t, udp);
    tcase_add_test(t, ip6);
    tcase_add_test(t, not_to_be_cut);
    tcase_add_test(t, padding_is_no_payload);
    tcase_add_loop_test(t, fill_csum, 0, 2);
    suite_add_tcase(s, t);
    return run_suite(s);
}
