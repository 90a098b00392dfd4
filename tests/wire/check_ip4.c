/* SPDX-License-Identifier: ISC */
#include "wire/wire_tools.h"

#include "base/csum.h"
#include "wire/ip4.h"

static void fix_csum(uint8_t *b) {
    struct csum c = {0};
    b[10] = b[11] = 0;
    csum_add(&c, b, (size_t)(b[0] & 15) * 4);
    uint16_t v = csum_finish(&c);
    memcpy(b + 10, &v, 2);
}

static struct ip4_hdr random_hdr(struct rnd *r, uint8_t *opts, size_t payload_len) {
    struct ip4_hdr h;
    memset(&h, 0, sizeof h);
    h.tos = (uint8_t)rnd_u64(r);
    h.ttl = (uint8_t)rnd_u64(r);
    h.proto = (uint8_t)rnd_u64(r);
    h.df = rnd_one_in(r, 2);
    h.mf = rnd_one_in(r, 2);
    h.id = (uint16_t)rnd_u64(r);
    h.frag_off = (uint16_t)(rnd_below(r, 8192) * 8);
    h.src = rnd_ip4(r);
    h.dst = rnd_ip4(r);
    rnd_fill(r, opts, 40);
    h.opts = slice_of(opts, rnd_below(r, 11) * 4);
    h.hdr_len = (uint8_t)(IP4_HDR_LEN + h.opts.len);
    h.total_len = (uint16_t)(h.hdr_len + payload_len);
    return h;
}

static void must_eq_hdr(const struct ip4_hdr *a, const struct ip4_hdr *b) {
    must_eq(a->tos, b->tos);
    must_eq(a->ttl, b->ttl);
    must_eq(a->proto, b->proto);
    must_eq(a->df, b->df);
    must_eq(a->mf, b->mf);
    must_eq(a->id, b->id);
    must_eq(a->frag_off, b->frag_off);
    must_eq(a->total_len, b->total_len);
    must_eq(a->hdr_len, b->hdr_len);
    must(addr_eq(&a->src, &b->src) && addr_eq(&a->dst, &b->dst));
    must_eq(a->opts.len, b->opts.len);
    must(a->opts.len == 0 || memcmp(a->opts.p, b->opts.p, a->opts.len) == 0);
}

START_TEST(round_trip)
{
    struct rnd r = {1};
    for (int i = 0; i < 5000; i++) {
        uint8_t opts[40], b[200] = {0};
        size_t len = rnd_below(&r, 100), pad = rnd_one_in(&r, 2) ? rnd_below(&r, 40) : 0;
        struct ip4_hdr h = random_hdr(&r, opts, len), got;
        struct ust_slice payload;
        must_eq(ip4_hdr_len(&h), h.hdr_len);
        must_eq(ip4_emit(&h, b), h.hdr_len);
        struct ust_slice s = tail_copy(b, h.total_len + pad);
        must_drop(ip4_parse(s, &got, &payload), DROP_NONE);
        must_eq_hdr(&h, &got);
        must(payload.p == s.p + h.hdr_len && payload.len == len); /* the frame's padding is gone */
        /* Any one bit of the header flipped is seen. */
        uint64_t bit = rnd_below(&r, h.hdr_len * 8u);
        ((uint8_t *)(uintptr_t)s.p)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        must(ip4_parse(s, &got, &payload) != DROP_NONE);
        tail_free(s);
    }
}
END_TEST

/* The example of many textbooks. */
static const uint8_t sample[] = {0x45, 0x00, 0x00, 0x18, 0x00, 0x00, 0x40, 0x00,
                                 0x40, 0x11, 0xb8, 0xbc, 0xc0, 0xa8, 0x00, 0x01,
                                 0xc0, 0xa8, 0x00, 0xc7, 'd',  'a',  't',  'a'};

START_TEST(known_bytes)
{
    struct ip4_hdr h;
    struct ust_slice p;
    uint8_t b[IP4_HDR_LEN];
    must_drop(ip4_parse(slice_of(sample, sizeof sample), &h, &p), DROP_NONE);
    ck_assert(h.df && !h.mf && h.frag_off == 0 && h.opts.len == 0);
    ck_assert_uint_eq(h.ttl, 64);
    ck_assert_uint_eq(h.proto, IP_PROTO_UDP);
    ck_assert_uint_eq(h.total_len, 24);
    ck_assert_uint_eq(addr_ip4(&h.src), 0xc0a80001);
    ck_assert_uint_eq(addr_ip4(&h.dst), 0xc0a800c7);
    ck_assert_mem_eq(p.p, "data", 4);
    ck_assert_uint_eq(ip4_emit(&h, b), IP4_HDR_LEN);
    ck_assert_mem_eq(b, sample, IP4_HDR_LEN);
}
END_TEST

START_TEST(truncated)
{
    struct rnd r = {2};
    for (int i = 0; i < 200; i++) {
        uint8_t opts[40], b[120] = {0};
        struct ip4_hdr h = random_hdr(&r, opts, rnd_below(&r, 40)), got;
        struct ust_slice p;
        ip4_emit(&h, b);
        for (size_t n = 0; n < h.total_len; n++) {
            struct ust_slice s = tail_copy(b, n);
            must_drop(ip4_parse(s, &got, &p), n < IP4_HDR_LEN ? DROP_IP4_SHORT
                                              : n < h.hdr_len ? DROP_IP4_IHL
                                                              : DROP_IP4_TOTAL_LEN);
            /* A quoted packet may be cut behind its header. */
            enum drop d = ip4_parse_quoted(s, &got, &p);
            must_eq(d == DROP_NONE, n >= h.hdr_len);
            if (d == DROP_NONE) {
                must_eq_hdr(&h, &got);
                must(p.p == s.p + h.hdr_len && p.len == n - h.hdr_len);
            }
            tail_free(s);
        }
    }
}
END_TEST

static const struct {
    const char *what;
    int off;
    uint8_t value;
    bool csum; /* corrected after the change */
    enum drop drop, quoted;
} bad[] = {
    {"version 6", 0, 0x65, true, DROP_IP4_VERSION, DROP_IP4_VERSION},
    {"version 0", 0, 0x05, true, DROP_IP4_VERSION, DROP_IP4_VERSION},
    {"IHL 4", 0, 0x44, true, DROP_IP4_IHL, DROP_IP4_IHL},
    {"IHL 0", 0, 0x40, true, DROP_IP4_IHL, DROP_IP4_IHL},
    {"IHL beyond the packet", 0, 0x47, false, DROP_IP4_IHL, DROP_IP4_IHL},
    {"total length 0", 3, 0, true, DROP_IP4_TOTAL_LEN, DROP_IP4_TOTAL_LEN},
    {"total length 19", 3, 19, true, DROP_IP4_TOTAL_LEN, DROP_IP4_TOTAL_LEN},
    {"total length 20", 3, 20, true, DROP_NONE, DROP_NONE},
    {"total length beyond the frame", 3, 25, true, DROP_IP4_TOTAL_LEN, DROP_NONE},
    {"total length far beyond", 2, 0xff, true, DROP_IP4_TOTAL_LEN, DROP_NONE},
    {"checksum", 10, 0xb9, false, DROP_IP4_CSUM, DROP_NONE},
    {"TTL 0 is the host's business", 8, 0, true, DROP_NONE, DROP_NONE},
    {"reserved flag", 6, 0xc0, true, DROP_NONE, DROP_NONE},
};

START_TEST(malformed)
{
    struct ip4_hdr h;
    struct ust_slice p;
    uint8_t b[sizeof sample];
    memcpy(b, sample, sizeof b);
    b[bad[_i].off] = bad[_i].value;
    if (bad[_i].csum)
        fix_csum(b);
    struct ust_slice s = tail_copy(b, sizeof b);
    must_drop(ip4_parse(s, &h, &p), bad[_i].drop);
    must_drop(ip4_parse_quoted(s, &h, &p), bad[_i].quoted);
    tail_free(s);
}
END_TEST

/* A coalesced frame larger than its length field can say: the frame's length counts. */
START_TEST(coalesced)
{
    static uint8_t b[100000];
    struct ip4_hdr h;
    struct ust_slice p;
    for (unsigned total = 0; total < 3; total++) {
        memcpy(b, sample, sizeof sample);
        b[2] = 0;
        b[3] = (uint8_t)(total * 20);
        fix_csum(b);
        must_drop(ip4_parse(slice_of(b, sizeof b), &h, &p), DROP_NONE);
        ck_assert_uint_eq(p.len, sizeof b - IP4_HDR_LEN);
    }
    memset(&h, 0, sizeof h);
    must_drop(ip4_parse(slice_of(b, 65535), &h, &p), DROP_NONE); /* the last has 40 */
    ck_assert_uint_eq(p.len, 20);
}
END_TEST

#define OPTS(...) {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})

static const struct {
    const char *what;
    uint8_t opts[40];
    size_t len;
    enum drop drop;
    uint8_t bad_off;
    uint8_t copied[40];
    size_t copied_len;
} options[] = {
    {"one EOL", OPTS(0), DROP_NONE, 0, OPTS(0)},
    {"NOPs", OPTS(1, 1, 1, 1), DROP_NONE, 0, OPTS(0)},
    {"what stands behind EOL is padding", OPTS(1, 0, 131, 99), DROP_NONE, 0, OPTS(0)},
    {"record route (not copied)", OPTS(7, 7, 4, 0, 0, 0, 0, 0), DROP_NONE, 0, OPTS(0)},
    {"timestamp (not copied)", OPTS(68, 4, 5, 0), DROP_NONE, 0, OPTS(0)},
    {"router alert (copied)", OPTS(148, 4, 0, 0), DROP_NONE, 0, OPTS(148, 4, 0, 0)},
    {"copied between others", OPTS(1, 7, 3, 4, 148, 4, 0, 7, 130, 3, 9, 1), DROP_NONE, 0,
     OPTS(148, 4, 0, 7, 130, 3, 9, 0)},
    {"unknown, length 2", OPTS(222, 2, 0, 0), DROP_NONE, 0, OPTS(222, 2, 0, 0)},
    {"length 0", OPTS(7, 0, 0, 0), DROP_IP4_OPTION, 21, OPTS(0)},
    {"length 1", OPTS(1, 148, 1, 0), DROP_IP4_OPTION, 22, OPTS(0)},
    {"length byte missing", OPTS(1, 1, 1, 148), DROP_IP4_OPTION, 23, OPTS(0)},
    {"one byte beyond", OPTS(148, 5, 0, 0), DROP_IP4_OPTION, 21, OPTS(0)},
    {"far beyond", OPTS(148, 255, 0, 0), DROP_IP4_OPTION, 21, OPTS(0)},
    {"good, then bad", OPTS(148, 4, 0, 0, 7, 9, 0, 0), DROP_IP4_OPTION, 25, OPTS(148, 4, 0, 0)},
    {"loose source route", OPTS(1, 131, 3, 4), DROP_IP4_SOURCE_ROUTE, 21, OPTS(131, 3, 4, 0)},
    {"strict source route", OPTS(137, 7, 4, 1, 2, 3, 4, 0), DROP_IP4_SOURCE_ROUTE, 20,
     OPTS(137, 7, 4, 1, 2, 3, 4, 0)},
    {"malformed source route", OPTS(137, 9, 4, 1, 2, 3, 4, 0), DROP_IP4_OPTION, 21, OPTS(0)},
};

START_TEST(option_walk)
{
    uint8_t off = 0, out[40];
    struct ust_slice s = tail_copy(options[_i].opts, options[_i].len);
    must_drop(ip4_check_options(s, &off), options[_i].drop);
    if (options[_i].drop != DROP_NONE)
        ck_assert_uint_eq(off, options[_i].bad_off);
    size_t n = ip4_copy_options(s, out);
    size_t want = options[_i].copied[0] ? options[_i].copied_len : 0;
    ck_assert_uint_eq(n, want);
    ck_assert(n == 0 || memcmp(out, options[_i].copied, n) == 0);
    tail_free(s);
}
END_TEST

/* Whatever stands there: both walks end inside, and what was copied passes the check. */
START_TEST(option_walk_on_anything)
{
    struct rnd r = {3};
    for (int i = 0; i < 50000; i++) {
        uint8_t b[40], out[40], off;
        size_t len = rnd_below(&r, 41);
        for (size_t k = 0; k < len; k++)
            b[k] = (uint8_t)(rnd_one_in(&r, 3) ? rnd_u64(&r)
                                               : rnd_below(&r, 12) | (rnd_u64(&r) & 0x80));
        struct ust_slice s = tail_copy(b, len);
        ip4_check_options(s, &off);
        size_t n = ip4_copy_options(s, out);
        must(n <= 40 && n % 4 == 0);
        must(ip4_check_options(slice_of(out, n), &off) != DROP_IP4_OPTION);
        tail_free(s);
    }
}
END_TEST

/* Options that are no multiple of 4 are padded with end-of-list. */
START_TEST(emit_pads_options)
{
    static const uint8_t alert[] = {148, 4, 0, 0, 1};
    struct ip4_hdr h, got;
    struct ust_slice p;
    uint8_t b[IP4_HDR_MAX];
    memset(b, 0xee, sizeof b);
    must_drop(ip4_parse(slice_of(sample, sizeof sample), &h, &p), DROP_NONE);
    h.opts = slice_of(alert, sizeof alert);
    h.total_len = 28;
    ck_assert_uint_eq(ip4_hdr_len(&h), 28);
    ck_assert_uint_eq(ip4_emit(&h, b), 28);
    must_drop(ip4_parse(slice_of(b, 28), &got, &p), DROP_NONE);
    ck_assert_uint_eq(got.opts.len, 8);
    ck_assert_mem_eq(got.opts.p, "\x94\x04\0\0\x01\0\0\0", 8);
    ck_assert_uint_eq(b[28], 0xee);
}
END_TEST

int main(void) {
    Suite *s = suite_create("ip4");
    TCase *t = tcase_create("ip4");
    tcase_add_test(t, round_trip);
    tcase_add_test(t, known_bytes);
    tcase_add_test(t, truncated);
    tcase_add_loop_test(t, malformed, 0, UST_ARRAY_CNT(bad));
    tcase_add_test(t, coalesced);
    tcase_add_loop_test(t, option_walk, 0, UST_ARRAY_CNT(options));
    tcase_add_test(t, option_walk_on_anything);
    tcase_add_test(t, emit_pads_options);
    suite_add_tcase(s, t);
    return run_suite(s);
}
