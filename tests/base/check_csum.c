/* SPDX-License-Identifier: ISC */
#include "base/check_tools.h"

#include "base/csum.h"

static uint16_t fast(const void *p, size_t len) {
    struct csum c = {0};
    csum_add(&c, p, len);
    return csum_finish(&c);
}

static uint16_t scalar(const void *p, size_t len) {
    struct csum c = {0};
    csum_add_scalar(&c, p, len);
    return csum_finish(&c);
}

/* RFC 1071 3: 0001 f203 f4f5 f6f7 sums to ddf2. */
START_TEST(rfc1071_example)
{
    static const uint8_t b[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    static const uint8_t want[] = {0xdd, 0xf2}, inverse[] = {0x22, 0x0d};
    struct csum c = {0};
    csum_add(&c, b, sizeof b);
    uint16_t sum = csum_partial(&c), fin = csum_finish(&c);
    ck_assert_mem_eq(&sum, want, 2);
    ck_assert_mem_eq(&fin, inverse, 2);
    fin = scalar(b, sizeof b);
    ck_assert_mem_eq(&fin, inverse, 2);
}
END_TEST

/* The bytes end where the block ends: reading beyond is seen by ASan. */
START_TEST(every_alignment_and_length)
{
    struct rnd r = {1};
    for (size_t align = 0; align < 16; align++) {
        for (size_t len = 0; len < 300; len++) {
            uint8_t *b = (uint8_t *)malloc(align + len + (align + len == 0));
            rnd_fill(&r, b, align + len);
            must_eq(fast(b + align, len), scalar(b + align, len));
            free(b);
        }
    }
}
END_TEST

START_TEST(long_and_extreme)
{
    const size_t cap = 1 << 20;
    uint8_t *b = (uint8_t *)malloc(cap);
    struct rnd r = {2};
    static const uint8_t fill[] = {0x00, 0xff, 0xfe, 0x80, 0x01};
    for (size_t f = 0; f < sizeof fill; f++) {
        memset(b, fill[f], cap);
        for (size_t len = cap - 70; len <= cap; len += 7)
            must_eq(fast(b, len), scalar(b, len));
    }
    rnd_fill(&r, b, cap);
    for (int i = 0; i < 60; i++) {
        size_t off = rnd_below(&r, 64), len = rnd_below(&r, cap / 8);
        must_eq(fast(b + off, len), scalar(b + off, len));
    }
    free(b);
}
END_TEST

/* However the bytes are cut into slices, odd ones in the middle included, the sum is that of the
 * whole. */
START_TEST(any_slices)
{
    struct rnd r = {3};
    uint8_t b[2000];
    for (int i = 0; i < 3000; i++) {
        size_t len = rnd_below(&r, sizeof b);
        rnd_fill(&r, b, len);
        struct csum c = {0}, s = {0};
        for (size_t at = 0, n; at < len; at += n) {
            n = rnd_below(&r, rnd_one_in(&r, 3) ? 400 : 9);
            n = UST_MIN(n, len - at);
            csum_add(&c, b + at, n);
            csum_add_scalar(&s, b + at, n);
        }
        must_eq(csum_finish(&c), scalar(b, len));
        must_eq(csum_finish(&s), scalar(b, len));
        must_eq(c.odd, len & 1);
        must_eq((uint16_t)~csum_partial(&c), csum_finish(&c));
    }
}
END_TEST

/* A packet with its checksum stored sums to zero, and one flipped bit shows. */
START_TEST(stored_checksum_gives_zero)
{
    struct rnd r = {4};
    uint8_t b[100];
    for (int i = 0; i < 2000; i++) {
        size_t len = 4 + rnd_below(&r, sizeof b - 4);
        size_t at = rnd_below(&r, len / 2) * 2;
        rnd_fill(&r, b, len);
        memset(b + at, 0, 2);
        uint16_t v = fast(b, len);
        memcpy(b + at, &v, 2);
        must_eq(fast(b, len), 0);
        b[rnd_below(&r, len)] ^= (uint8_t)(1u << rnd_below(&r, 8));
        must(fast(b, len) != 0);
    }
}
END_TEST

START_TEST(pseudo_header)
{
    /* RFC 9293 3.1: source, destination, zero, protocol, length. */
    static const uint8_t v4[12] = {10, 0, 0, 1, 192, 168, 1, 200, 0, 6, 0x12, 0x34};
    struct ust_addr s4 = addr_from_ip4(0x0a000001), d4 = addr_from_ip4(0xc0a801c8);
    struct csum c = {0};
    csum_add_pseudo(&c, &s4, &d4, 6, 0x1234);
    must_eq(csum_finish(&c), scalar(v4, sizeof v4));

    /* RFC 8200 8.1: source, destination, length in 32 bits, three zeros, next header. */
    struct rnd r = {5};
    uint8_t v6[40] = {0};
    struct ust_addr s6, d6;
    rnd_fill(&r, v6, 32);
    v6[0] = 0x20;
    memcpy(s6.b, v6, 16);
    memcpy(d6.b, v6 + 16, 16);
    v6[33] = 1; /* 65536 + 0x1234 */
    v6[34] = 0x12;
    v6[35] = 0x34;
    v6[39] = 17;
    c = (struct csum){0};
    csum_add_pseudo(&c, &s6, &d6, 17, 0x11234);
    must_eq(csum_finish(&c), scalar(v6, sizeof v6));

    /* Behind an odd slice it is still right. */
    uint8_t all[1 + 12] = {0x77};
    memcpy(all + 1, v4, 12);
    c = (struct csum){0};
    csum_add(&c, all, 1);
    csum_add_pseudo(&c, &s4, &d4, 6, 0x1234);
    /* 32 bits of length and 32 of protocol: the parity of each byte is as in the 12-byte form. */
    must_eq(csum_finish(&c), scalar(all, sizeof all));
}
END_TEST

int main(void) {
    Suite *s = suite_create("csum");
    TCase *t = tcase_create("csum");
    tcase_add_test(t, rfc1071_example);
    tcase_add_test(t, every_alignment_and_length);
    tcase_add_test(t, long_and_extreme);
    tcase_add_test(t, any_slices);
    tcase_add_test(t, stored_checksum_gives_zero);
    tcase_add_test(t, pseudo_header);
    suite_add_tcase(s, t);
    return run_suite(s);
}
