/* SPDX-License-Identifier: ISC */
#include "wire/wire_tools.h"

#include "wire/icmp4.h"
#include "base/csum.h"
#include "wire/igmp.h"

static struct icmp4_hdr random_hdr(struct rnd *r) {
    static const uint8_t types[] = {ICMP4_ECHO_REPLY,
                                    ICMP4_UNREACH,
                                    ICMP4_SOURCE_QUENCH,
                                    ICMP4_REDIRECT,
                                    ICMP4_ECHO,
                                    ICMP4_TIME_EXCEEDED,
                                    ICMP4_PARAM_PROBLEM,
                                    13,
                                    200};
    struct icmp4_hdr h;
    memset(&h, 0, sizeof h);
    h.type = types[rnd_below(r, sizeof types)];
    h.code = (uint8_t)rnd_below(r, 16);
    if (h.type == ICMP4_ECHO || h.type == ICMP4_ECHO_REPLY) {
        h.id = (uint16_t)rnd_u64(r);
        h.seq = (uint16_t)rnd_u64(r);
    } else if (h.type == ICMP4_UNREACH && h.code == ICMP4_FRAG_NEEDED) {
        h.mtu = (uint16_t)rnd_u64(r);
    } else if (h.type == ICMP4_PARAM_PROBLEM) {
        h.pointer = (uint8_t)rnd_u64(r);
    } else if (h.type == ICMP4_REDIRECT) {
        h.gateway = rnd_ip4(r);
    }
    return h;
}

/* With random payloads in random slices; every truncation and every flipped bit is a drop. */
START_TEST(round_trip)
{
    struct rnd r = {1};
    for (int i = 0; i < 5000; i++) {
        uint8_t b[ICMP4_HDR_LEN + 200];
        struct icmp4_hdr h = random_hdr(&r), got;
        struct ust_slice v[4], payload;
        size_t len = rnd_below(&r, 200);
        rnd_fill(&r, b + ICMP4_HDR_LEN, len);
        int cnt = rnd_slices(&r, b + ICMP4_HDR_LEN, len, v, 4);
        icmp4_emit(&h, v, cnt, b);
        memset(&got, 0x55, sizeof got);
        struct ust_slice s = tail_copy(b, ICMP4_HDR_LEN + len);
        must_drop(icmp4_parse(s, false, &got, &payload), DROP_NONE);
        must(memcmp(&h, &got, sizeof h) == 0);
        must(payload.p == s.p + ICMP4_HDR_LEN && payload.len == len);
        uint64_t bit = rnd_below(&r, s.len * 8);
        ((uint8_t *)(uintptr_t)s.p)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        must_drop(icmp4_parse(s, false, &got, &payload), DROP_ICMP_CSUM);
        must_drop(icmp4_parse(s, true, &got, &payload), DROP_NONE);
        tail_free(s);
    }
}
END_TEST

/* ping: id 0x1234, sequence 1, an odd payload. */
static const uint8_t echo[] = {8, 0, 0x21, 0x68, 0x12, 0x34, 0, 1, 'a', 'b', 'c'};

START_TEST(known_bytes)
{
    struct icmp4_hdr h;
    struct ust_slice p;
    uint8_t b[ICMP4_HDR_LEN];
    must_drop(icmp4_parse(slice_of(echo, sizeof echo), false, &h, &p), DROP_NONE);
    ck_assert_uint_eq(h.type, ICMP4_ECHO);
    ck_assert_uint_eq(h.id, 0x1234);
    ck_assert_uint_eq(h.seq, 1);
    icmp4_emit(&h, &p, 1, b);
    ck_assert_mem_eq(b, echo, sizeof b);
}
END_TEST

START_TEST(truncated)
{
    struct icmp4_hdr h;
    struct ust_slice p;
    for (size_t n = 0; n < sizeof echo; n++) {
        struct ust_slice s = tail_copy(echo, n);
        must_drop(icmp4_parse(s, false, &h, &p),
                  n < ICMP4_HDR_LEN ? DROP_ICMP_SHORT : DROP_ICMP_CSUM);
        must_drop(icmp4_parse(s, true, &h, &p), n < ICMP4_HDR_LEN ? DROP_ICMP_SHORT : DROP_NONE);
        tail_free(s);
    }
}
END_TEST

/* Fields of other types stay zero: nobody reads an echo's id as an MTU. */
START_TEST(fields_by_type)
{
    uint8_t b[ICMP4_HDR_LEN] = {0, 0, 0, 0, 1, 2, 3, 4};
    for (unsigned type = 0; type < 256; type++) {
        for (uint8_t code = 0; code < 6; code++) {
            struct icmp4_hdr h;
            struct ust_slice p;
            b[0] = (uint8_t)type;
            b[1] = code;
            must_drop(icmp4_parse(slice_of(b, sizeof b), true, &h, &p), DROP_NONE);
            bool is_echo = type == ICMP4_ECHO || type == ICMP4_ECHO_REPLY;
            must_eq(h.id, is_echo ? 0x0102 : 0);
            must_eq(h.seq, is_echo ? 0x0304 : 0);
            must_eq(h.mtu, type == ICMP4_UNREACH && code == ICMP4_FRAG_NEEDED ? 0x0304 : 0);
            must_eq(h.pointer, type == ICMP4_PARAM_PROBLEM ? 1 : 0);
            must_eq(h.gateway.b[15], type == ICMP4_REDIRECT ? 4 : 0);
        }
    }
}
END_TEST

START_TEST(igmp_round_trip)
{
    struct rnd r = {2};
    for (int i = 0; i < 2000; i++) {
        struct igmp_hdr h, got;
        uint8_t b[IGMP_LEN];
        memset(&h, 0, sizeof h);
        memset(&got, 0, sizeof got);
        h.type = (uint8_t)rnd_u64(&r);
        h.max_resp = (uint8_t)rnd_u64(&r);
        h.group = rnd_ip4(&r);
        if (h.type == IGMP_QUERY) {
            h.version = h.max_resp ? 2 : 1;
            h.max_resp_ms = h.max_resp ? h.max_resp * 100u : 10000;
        }
        igmp_emit(&h, b);
        for (size_t n = 0; n <= sizeof b; n++) {
            struct ust_slice s = tail_copy(b, n);
            must_drop(igmp_parse(s, &got), n < IGMP_LEN ? DROP_IGMP_SHORT : DROP_NONE);
            tail_free(s);
        }
        must(memcmp(&h, &got, sizeof h) == 0);
        uint64_t bit = rnd_below(&r, IGMP_LEN * 8);
        b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        must_drop(igmp_parse(slice_of(b, sizeof b), &got), DROP_IGMP_CSUM);
    }
}
END_TEST

/* RFC 3376 4.1: code 0x8f is (15 + 16) << 3 tenths, 0xff the longest. */
START_TEST(igmp_v3_query)
{
    struct igmp_hdr h;
    uint8_t b[IGMP_V3_QUERY_LEN + 8] = {IGMP_QUERY, 0x8f, 0,  0, 239, 1, 2,  3, 0x0a, 20,
                                        0,          2,    10, 0, 0,   7, 10, 0, 0,    9};
    struct csum c = {0};
    csum_add(&c, b, sizeof b);
    uint16_t sum = csum_finish(&c);
    memcpy(b + 2, &sum, 2);
    must_drop(igmp_parse(slice_of(b, sizeof b), &h), DROP_NONE);
    must_eq(h.version, 3);
    must_eq(h.max_resp_ms, 24800);
    must_eq(h.robustness, 2);
    must_eq(h.src_cnt, 2);
    must_eq(addr_ip4(&h.group), 0xef010203);
    struct ust_addr a = igmp_source(&h, 1);
    must_eq(addr_ip4(&a), 0x0a000009);
    /* Every length short of its sources, the checksum being right for it. */
    for (size_t n = IGMP_LEN + 1; n < sizeof b; n++) {
        uint8_t cut[sizeof b];
        struct csum k = {0};
        memcpy(cut, b, n);
        memset(cut + 2, 0, 2);
        csum_add(&k, cut, n);
        sum = csum_finish(&k);
        memcpy(cut + 2, &sum, 2);
        struct ust_slice s = tail_copy(cut, n);
        must_drop(igmp_parse(s, &h), DROP_IGMP_SHORT);
        tail_free(s);
    }
}
END_TEST

START_TEST(igmp_v3_report)
{
    uint8_t b[IGMP_LEN + 2 * IGMP_RECORD_LEN + 8];
    struct igmp_report r;
    struct ust_addr g = addr_from_ip4(0xef010203), src[2] = {g, addr_from_ip4(0x0a000007)};
    static const uint8_t want[sizeof b] = {0x22, 0, 0, 0, 0,   0, 0, 2, 4,   0, 0, 0, 239, 1, 2, 3,
                                           5,    0, 0, 2, 239, 1, 2, 3, 239, 1, 2, 3, 10,  0, 0, 7};
    igmp_report_begin(&r, b, sizeof b);
    must(igmp_report_add(&r, IGMP_CHANGE_TO_EXCLUDE, &g, NULL, 0));
    must(!igmp_report_add(&r, IGMP_ALLOW_NEW_SOURCES, &g, src, 3));
    must(igmp_report_add(&r, IGMP_ALLOW_NEW_SOURCES, &g, src, 2));
    must_eq(igmp_report_end(&r), sizeof b);
    struct csum c = {0};
    csum_add(&c, b, sizeof b);
    must_eq(csum_finish(&c), 0);
    b[2] = b[3] = 0;
    must(memcmp(b, want, sizeof b) == 0);
}
END_TEST

int main(void) {
    Suite *s = suite_create("icmp4, igmp");
    TCase *t = tcase_create("icmp4, igmp");
    tcase_add_test(t, round_trip);
    tcase_add_test(t, known_bytes);
    tcase_add_test(t, truncated);
    tcase_add_test(t, fields_by_type);
    tcase_add_test(t, igmp_round_trip);
    tcase_add_test(t, igmp_v3_query);
    tcase_add_test(t, igmp_v3_report);
    suite_add_tcase(s, t);
    return run_suite(s);
}
