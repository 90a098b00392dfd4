/* SPDX-License-Identifier: ISC */
#include "wire/wire_tools.h"

#include "base/pkt.h"
#include "wire/udp.h"

static struct ust_addr src, dst;

static struct udp_hdr random_hdr(struct rnd *r, size_t payload_len, bool ip6) {
    struct udp_hdr h = {(uint16_t)rnd_u64(r), (uint16_t)rnd_u64(r),
                        (uint16_t)(UDP_HDR_LEN + payload_len)};
    src = ip6 ? rnd_ip6(r) : rnd_ip4(r);
    dst = ip6 ? rnd_ip6(r) : rnd_ip4(r);
    return h;
}

START_TEST(round_trip)
{
    struct rnd r = {1};
    for (int i = 0; i < 5000; i++) {
        uint8_t b[UDP_HDR_LEN + 300] = {0};
        struct udp_hdr got;
        struct ust_slice v[4], payload;
        size_t len = rnd_below(&r, 250), pad = rnd_one_in(&r, 2) ? rnd_below(&r, 50) : 0;
        struct udp_hdr h = random_hdr(&r, len, i & 1);
        rnd_fill(&r, b + UDP_HDR_LEN, len);
        int cnt = rnd_slices(&r, b + UDP_HDR_LEN, len, v, 4);
        udp_emit(&h, &src, &dst, v, cnt, b);
        struct ust_slice s =
            tail_copy(b, UDP_HDR_LEN + len + pad); /* what is beyond the length field is not ours */
        must_drop(udp_parse(s, &src, &dst, false, &got, &payload), DROP_NONE);
        must(got.sport == h.sport && got.dport == h.dport && got.len == h.len);
        must(payload.p == s.p + UDP_HDR_LEN && payload.len == len);
        /* Another address pair gives another sum. */
        struct ust_addr other = src;
        other.b[15] ^= 1;
        must_drop(udp_parse(s, &other, &dst, false, &got, &payload), DROP_UDP_CSUM);
        uint64_t bit = rnd_below(&r, (UDP_HDR_LEN + len) * 8);
        ((uint8_t *)(uintptr_t)s.p)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        must(udp_parse(s, &src, &dst, false, &got, &payload) != DROP_NONE);
        tail_free(s);
    }
}
END_TEST

START_TEST(truncated)
{
    struct rnd r = {2};
    for (int i = 0; i < 100; i++) {
        uint8_t b[UDP_HDR_LEN + 60];
        struct udp_hdr h = random_hdr(&r, 60, i & 1), got;
        struct ust_slice p = slice_of(b + UDP_HDR_LEN, 60);
        rnd_fill(&r, b, sizeof b);
        udp_emit(&h, &src, &dst, &p, 1, b);
        for (size_t n = 0; n < sizeof b; n++) {
            struct ust_slice s = tail_copy(b, n);
            enum drop want = n < UDP_HDR_LEN ? DROP_UDP_SHORT : DROP_UDP_LEN;
            must_drop(udp_parse(s, &src, &dst, false, &got, &p), want);
            must_drop(udp_parse(s, &src, &dst, true, &got, &p), want);
            uint16_t sport, dport;
            must_eq(udp_parse_ports(s, &sport, &dport), n >= 4);
            must(n < 4 || (sport == h.sport && dport == h.dport));
            tail_free(s);
        }
    }
}
END_TEST

static const struct {
    const char *what;
    uint8_t b[12];
    size_t len;
    bool ip6, csum_ok;
    enum drop drop;
    size_t payload_len;
} cases[] = {
    {"length 0", {0, 1, 0, 2, 0, 0, 0, 0}, 8, false, false, DROP_UDP_LEN, 0},
    {"length 7", {0, 1, 0, 2, 0, 7, 0, 0}, 8, false, false, DROP_UDP_LEN, 0},
    {"length 7, sum not looked at", {0, 1, 0, 2, 0, 7, 0, 0}, 8, false, true, DROP_UDP_LEN, 0},
    {"length one beyond", {0, 1, 0, 2, 0, 9, 0, 0}, 8, false, false, DROP_UDP_LEN, 0},
    {"length 65535", {0, 1, 0, 2, 0xff, 0xff, 0, 0}, 12, false, false, DROP_UDP_LEN, 0},
    {"no checksum over IPv4",
     {0, 1, 0, 2, 0, 12, 0, 0, 1, 2, 3, 4},
     12,
     false,
     false,
     DROP_NONE,
     4},
    /* RFC 8200 8.1 MUST-17 */
    {"no checksum over IPv6",
     {0, 1, 0, 2, 0, 12, 0, 0, 1, 2, 3, 4},
     12,
     true,
     false,
     DROP_UDP_CSUM,
     0},
    {"empty, no checksum", {0, 1, 0, 2, 0, 8, 0, 0}, 8, false, false, DROP_NONE, 0},
    {"shorter than the packet",
     {0, 1, 0, 2, 0, 9, 0, 0, 1, 2, 3, 4},
     12,
     false,
     false,
     DROP_NONE,
     1},
    {"wrong checksum", {0, 1, 0, 2, 0, 8, 0x11, 0x11}, 8, false, false, DROP_UDP_CSUM, 0},
    {"wrong checksum not looked at", {0, 1, 0, 2, 0, 8, 0x11, 0x11}, 8, false, true, DROP_NONE, 0},
};

START_TEST(by_case)
{
    struct rnd r = {3};
    struct udp_hdr h;
    struct ust_slice p, s = tail_copy(cases[_i].b, cases[_i].len);
    src = cases[_i].ip6 ? rnd_ip6(&r) : rnd_ip4(&r);
    dst = src;
    must_drop(udp_parse(s, &src, &dst, cases[_i].csum_ok, &h, &p), cases[_i].drop);
    if (cases[_i].drop == DROP_NONE)
        ck_assert_uint_eq(p.len, cases[_i].payload_len);
    tail_free(s);
}
END_TEST

/* RFC 768: a computed zero goes out as all ones, and that is right for the receiver. */
START_TEST(computed_zero_is_ffff)
{
    struct rnd r = {4};
    int seen = 0;
    for (int i = 0; i < 200; i++) {
        uint8_t b[UDP_HDR_LEN + 2] = {0};
        struct udp_hdr h = random_hdr(&r, 2, i & 1), got;
        struct ust_slice p = slice_of(b + UDP_HDR_LEN, 2);
        /* The payload that brings the sum to zero is the checksum over a zero payload. */
        udp_emit(&h, &src, &dst, &p, 1, b);
        memcpy(b + UDP_HDR_LEN, b + UDP_CSUM_OFF, 2);
        udp_emit(&h, &src, &dst, &p, 1, b);
        must(b[UDP_CSUM_OFF] == 0xff && b[UDP_CSUM_OFF + 1] == 0xff);
        must_drop(udp_parse(slice_of(b, sizeof b), &src, &dst, false, &got, &p), DROP_NONE);
        seen++;
    }
    ck_assert_int_eq(seen, 200);
}
END_TEST

/* A checksum left open, completed by the packet code, is the one that udp_emit computes. */
START_TEST(partial_completes_to_full)
{
    static struct pkt_tx pkt;
    struct rnd r = {5};
    for (int i = 0; i < 1000; i++) {
        uint8_t body[101], full[UDP_HDR_LEN], out[UDP_HDR_LEN + 101];
        size_t len = rnd_below(&r, sizeof body);
        struct udp_hdr h = random_hdr(&r, len, i & 1);
        struct ust_slice p = slice_of(body, len);
        rnd_fill(&r, body, len);
        udp_emit(&h, &src, &dst, &p, 1, full);
        udp_emit_partial(&h, &src, &dst, pkt_start(&pkt, UDP_HDR_LEN));
        pkt_add_body(&pkt, p);
        pkt.needs_csum = true;
        pkt.csum_off = UDP_CSUM_OFF;
        must_eq(pkt_linearize(&pkt, out, sizeof out), UDP_HDR_LEN + len);
        must(memcmp(out, full, UDP_HDR_LEN) == 0);
    }
}
END_TEST

START_TEST(emit_without_checksum)
{
    struct rnd r = {6};
    uint8_t b[UDP_HDR_LEN];
    struct udp_hdr h = random_hdr(&r, 0, false), got;
    struct ust_slice p;
    memset(b, 0xee, sizeof b);
    udp_emit_nocsum(&h, b);
    ck_assert(b[6] == 0 && b[7] == 0);
    must_drop(udp_parse(slice_of(b, sizeof b), &src, &dst, false, &got, &p), DROP_NONE);
    ck_assert(got.sport == h.sport && got.dport == h.dport && p.len == 0);
}
END_TEST

int main(void) {
    Suite *s = suite_create("udp");
    TCase *t = tcase_create("udp");
    tcase_add_test(t, round_trip);
    tcase_add_test(t, truncated);
    tcase_add_loop_test(t, by_case, 0, UST_ARRAY_CNT(cases));
    tcase_add_test(t, computed_zero_is_ffff);
    tcase_add_test(t, partial_completes_to_full);
    tcase_add_test(t, emit_without_checksum);
    suite_add_tcase(s, t);
    return run_suite(s);
}
