/* SPDX-License-Identifier: ISC */
#include "base/check_tools.h"

#include "base/rng.h"

/* Key 00 01 .. 0f as in appendix A of the SipHash paper. */
static const struct sip_key paper_key = {{0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL}};

/* The messages "", 00, 00 01, ... : from the paper's reference implementation; entry 15 stands in
 * the paper. */
static const uint64_t vectors[] = {
    0x726fdb47dd0e0e31ULL, 0x74f839c593dc67fdULL, 0x0d6c8009d9a94f5aULL, 0x85676696d7fb7e2dULL,
    0xcf2794e0277187b7ULL, 0x18765564cd99a68dULL, 0xcbc9466e58fee3ceULL, 0xab0200f58b01d137ULL,
    0x93f5f5799a932462ULL, 0x9e0082df0ba9e4b0ULL, 0x7a5dbbc594ddb9f3ULL, 0xf4b32f46226bada7ULL,
    0x751e8fbc860ee5fbULL, 0x14ea5627c0843d90ULL, 0xf723ca908e7af2eeULL, 0xa129ca6149be45e5ULL,
};

START_TEST(siphash_vectors)
{
    uint8_t *m = (uint8_t *)malloc((size_t)_i + (_i == 0));
    for (int i = 0; i < _i; i++)
        m[i] = (uint8_t)i;
    must_eq(siphash(&paper_key, m, (size_t)_i), vectors[_i]);
    free(m);
}
END_TEST

START_TEST(repeatable_for_a_seed)
{
    static const uint8_t seed[16] = {1, 2, 3}, other[16] = {1, 2, 4};
    struct rng a, b, c;
    int same = 0;
    rng_init(&a, seed);
    rng_init(&b, seed);
    rng_init(&c, other);
    for (int i = 0; i < 1000; i++) {
        uint64_t v = rng_u64(&a);
        must_eq(v, rng_u64(&b));
        same += v == rng_u64(&c);
    }
    must_eq(same, 0);
}
END_TEST

/* The secret is the key as SipHash reads it, the message a 64-bit counter, both little-endian. */
START_TEST(counter_mode)
{
    uint8_t secret[16], ctr[8] = {0};
    struct rng r;
    for (int i = 0; i < 16; i++)
        secret[i] = (uint8_t)i;
    rng_init(&r, secret);
    for (int i = 0; i < 300; i++) {
        ctr[0] = (uint8_t)i;
        ctr[1] = (uint8_t)(i >> 8);
        must_eq(rng_u64(&r), siphash(&paper_key, ctr, sizeof ctr));
    }
}
END_TEST

/* 16 buckets of an n that does not divide 2^32: chi squared with 15 degrees, 60 is one in ten
 * million. */
START_TEST(below_is_uniform)
{
    static const uint32_t ns[] = {16, 48, 1000, 0xc0000000u, 0xffffffffu};
    static const uint8_t seed[16] = {7};
    struct rng r;
    rng_init(&r, seed);
    for (size_t k = 0; k < UST_ARRAY_CNT(ns); k++) {
        const int total = 64000;
        double chi = 0;
        int cnt[16] = {0};
        for (int i = 0; i < total; i++) {
            uint32_t v = rng_below(&r, ns[k]);
            must(v < ns[k]);
            cnt[(uint64_t)v * 16 / ns[k]]++;
        }
        for (int i = 0; i < 16; i++) {
            /* Values in the bucket, since 1000 is no multiple of 16. */
            uint64_t lo = ((uint64_t)i * ns[k] + 15) / 16,
                     hi = ((uint64_t)(i + 1) * ns[k] + 15) / 16;
            double want = (double)total * (double)(hi - lo) / ns[k];
            chi += (cnt[i] - want) * (cnt[i] - want) / want;
        }
        ck_assert_msg(chi < 60, "n %u: chi squared %.1f", ns[k], chi);
    }
    must_eq(rng_below(&r, 1), 0);
}
END_TEST

/* Without refusing some draws, every third value of this n would come twice as often. */
START_TEST(below_has_no_modulo_bias)
{
    static const uint8_t seed[16] = {8};
    struct rng r;
    int cnt[3] = {0};
    rng_init(&r, seed);
    for (int i = 0; i < 30000; i++)
        cnt[rng_below(&r, 0xc0000000u) % 3]++;
    for (int i = 0; i < 3; i++)
        must(cnt[i] > 9500 && cnt[i] < 10500);
}
END_TEST

int main(void) {
    Suite *s = suite_create("rng");
    TCase *t = tcase_create("rng");
    tcase_add_loop_test(t, siphash_vectors, 0, UST_ARRAY_CNT(vectors));
    tcase_add_test(t, repeatable_for_a_seed);
    tcase_add_test(t, counter_mode);
    tcase_add_test(t, below_is_uniform);
    tcase_add_test(t, below_has_no_modulo_bias);
    suite_add_tcase(s, t);
    return run_suite(s);
}
