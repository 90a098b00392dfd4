/* SPDX-License-Identifier: ISC */
#include "base/check_tools.h"

#include "base/csum.h"
#include "base/pkt.h"

static struct pkt_tx pkt;

/* Headers grow from L4 outwards, the body is slices: the frame is all of it in order. */
START_TEST(linearize_in_order)
{
    uint8_t out[256];
    memset(&pkt, 0xee, sizeof pkt);
    memset(pkt_start(&pkt, 8), 'u', 8);
    memset(pkt_push(&pkt, 20), 'i', 20);
    memset(pkt_push(&pkt, 14), 'e', 14);
    pkt_add_body(&pkt, slice_of("hello ", 6));
    pkt_add_body(&pkt, slice_of("", 0));
    pkt_add_body(&pkt, slice_of("world", 5));
    ck_assert_uint_eq(pkt.slice_cnt, 2);
    ck_assert_uint_eq(pkt.body_len, 11);
    ck_assert_uint_eq(pkt_l4_len(&pkt), 19);
    ck_assert_uint_eq(pkt_len(&pkt), 53);
    ck_assert_uint_eq(pkt_linearize(&pkt, out, 53), 53);
    ck_assert_mem_eq(out, "eeeeeeeeeeeeeeiiiiiiiiiiiiiiiiiiiiuuuuuuuuhello world", 53);
}
END_TEST

/* With the pseudo header's sum in the field, completing gives the checksum over everything, odd
 * slices and all. */
START_TEST(completes_an_open_checksum)
{
    struct rnd r = {1};
    struct ust_addr src = addr_from_ip4(0x0a000001), dst = addr_from_ip4(0x0a000002);
    uint8_t body[3000], out[4000];
    for (int i = 0; i < 2000; i++) {
        uint8_t *l4 = pkt_start(&pkt, 20);
        rnd_fill(&r, l4, 20);
        rnd_fill(&r, pkt_push(&pkt, 20), 20);
        rnd_fill(&r, pkt_push(&pkt, 14), 14);
        rnd_fill(&r, body, sizeof body);
        for (uint64_t k = rnd_below(&r, PKT_SLICE_MAX + 1), at = 0; k > 0; k--) {
            size_t n = rnd_below(&r, 300);
            pkt_add_body(&pkt, slice_of(body + at, n));
            at += n;
        }
        struct csum c = {0};
        csum_add_pseudo(&c, &src, &dst, 6, pkt_l4_len(&pkt));
        uint16_t partial = csum_partial(&c), field;
        memcpy(l4 + 16, &partial, 2);
        pkt.needs_csum = true;
        pkt.csum_off = 16;
        size_t len = pkt_linearize(&pkt, out, sizeof out);
        must_eq(len, pkt_len(&pkt));
        csum_add(&c, out + 34, len - 34);
        must_eq(csum_finish(&c), 0);
        memcpy(&field, out + 34 + 16, 2);
        must(field != 0);
        /* The packet itself is unchanged: it may be linearized again. */
        must(memcmp(l4 + 16, &partial, 2) == 0);
    }
}
END_TEST

/* A sum of zero is sent as 0xffff: RFC 768 has 0 for "no checksum". */
START_TEST(zero_becomes_ffff)
{
    uint8_t out[100];
    uint8_t *l4 = pkt_start(&pkt, 8);
    memset(l4, 0xff, 8);
    pkt.needs_csum = true;
    pkt.csum_off = 6;
    ck_assert_uint_eq(pkt_linearize(&pkt, out, sizeof out), 8);
    ck_assert_uint_eq(out[6], 0xff);
    ck_assert_uint_eq(out[7], 0xff);
}
END_TEST

int main(void) {
    Suite *s = suite_create("pkt");
    TCase *t = tcase_create("pkt");
    tcase_add_test(t, linearize_in_order);
    tcase_add_test(t, completes_an_open_checksum);
    tcase_add_test(t, zero_becomes_ffff);
    suite_add_tcase(s, t);
    return run_suite(s);
}
