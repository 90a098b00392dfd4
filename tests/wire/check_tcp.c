/* SPDX-License-Identifier: ISC */
#include "wire/wire_tools.h"

#include "base/pkt.h"
#include "wire/tcp.h"

static struct ust_addr src, dst;

static struct tcp_hdr random_hdr(struct rnd *r, bool ip6) {
    struct tcp_hdr h;
    struct tcp_opts *o = &h.opts;
    memset(&h, 0, sizeof h);
    h.sport = (uint16_t)rnd_u64(r);
    h.dport = (uint16_t)rnd_u64(r);
    h.seq = seq_of((uint32_t)rnd_u64(r));
    h.ack = seq_of((uint32_t)rnd_u64(r));
    h.flags = (uint8_t)rnd_u64(r);
    h.wnd = (uint16_t)rnd_u64(r);
    h.urg = (uint16_t)rnd_u64(r);
    o->has_ts = rnd_one_in(r, 2);
    if (o->has_ts) {
        o->ts_val = (uint32_t)rnd_u64(r);
        o->ts_ecr = (uint32_t)rnd_u64(r);
    }
    o->sack_cnt = (uint8_t)(rnd_one_in(r, 2) ? rnd_below(r, TCP_SACK_MAX + 1) : 0);
    for (int i = 0; i < o->sack_cnt; i++) {
        o->sack[i].start = seq_of((uint32_t)rnd_u64(r));
        o->sack[i].end = seq_of((uint32_t)rnd_u64(r));
    }
    if (h.flags & TCPF_SYN) {
        o->has_mss = rnd_one_in(r, 2);
        o->mss = o->has_mss ? (uint16_t)rnd_u64(r) : 0;
        o->has_wscale = rnd_one_in(r, 2);
        o->wscale = o->has_wscale ? (uint8_t)rnd_below(r, 15) : 0;
        o->sack_ok = rnd_one_in(r, 2);
        o->has_fo = rnd_one_in(r, 2);
        if (o->has_fo && rnd_one_in(r, 2)) {
            o->fo_len = (uint8_t)(4 + 2 * rnd_below(r, 7));
            rnd_fill(r, o->fo_cookie, o->fo_len);
        }
    }
    src = ip6 ? rnd_ip6(r) : rnd_ip4(r);
    dst = ip6 ? rnd_ip6(r) : rnd_ip4(r);
    return h;
}

/* SACK blocks that h's other options leave room for, by RFC 2018 3: 8n + 2 bytes, two NOPs in
 * front. */
static uint8_t sacks_with_room(const struct tcp_opts *o) {
    int room = 40 - 4 - (o->has_mss ? 4 : 0) - (o->has_ts ? 12 : 0) - (o->has_wscale ? 4 : 0) -
               (o->sack_ok && !o->has_ts ? 4 : 0) - (o->has_fo ? (2 + o->fo_len + 3) / 4 * 4 : 0);
    return (uint8_t)(room < 8 ? 0 : UST_MIN((int)o->sack_cnt, room / 8));
}

/* RFC 9293 MUST-2, MUST-3, MUST-69 */
START_TEST(round_trip)
{
    struct rnd r = {1};
    for (int i = 0; i < 20000; i++) {
        uint8_t b[TCP_HDR_MAX + 200];
        struct tcp_hdr h = random_hdr(&r, i & 1), got;
        struct ust_slice v[4], payload;
        size_t len = rnd_below(&r, 200), hdr_len = tcp_hdr_len(&h);
        must(hdr_len >= TCP_HDR_LEN && hdr_len <= TCP_HDR_MAX && hdr_len % 4 == 0);
        rnd_fill(&r, b, sizeof b);
        int cnt = rnd_slices(&r, b + hdr_len, len, v, 4);
        uint8_t guard = b[hdr_len];
        must_eq(tcp_emit(&h, &src, &dst, v, cnt, b), hdr_len);
        must_eq(b[hdr_len], guard);
        memset(&got, 0x55, sizeof got);
        struct ust_slice s = tail_copy(b, hdr_len + len);
        must_drop(tcp_parse(s, &src, &dst, false, &got, &payload), DROP_NONE);
        uint8_t sacks = sacks_with_room(&h.opts);
        memset(&h.opts.sack[sacks], 0, (size_t)(TCP_SACK_MAX - sacks) * sizeof h.opts.sack[0]);
        h.opts.sack_cnt = sacks;
        must(memcmp(&h, &got, sizeof h) == 0);
        must(payload.p == s.p + hdr_len && payload.len == len);
        uint64_t bit = rnd_below(&r, s.len * 8);
        ((uint8_t *)(uintptr_t)s.p)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        must(tcp_parse(s, &src, &dst, false, &got, &payload) != DROP_NONE);
        tail_free(s);
    }
}
END_TEST

START_TEST(truncated)
{
    struct rnd r = {2};
    for (int i = 0; i < 300; i++) {
        uint8_t b[TCP_HDR_MAX + 30];
        struct tcp_hdr h = random_hdr(&r, i & 1), got;
        size_t hdr_len = tcp_hdr_len(&h);
        rnd_fill(&r, b, sizeof b);
        struct ust_slice p = slice_of(b + hdr_len, 30);
        tcp_emit(&h, &src, &dst, &p, 1, b);
        for (size_t n = 0; n < hdr_len + 30; n++) {
            struct ust_slice s = tail_copy(b, n);
            enum drop want = n < TCP_HDR_LEN ? DROP_TCP_SHORT
                             : n < hdr_len   ? DROP_TCP_OFFSET
                                             : DROP_TCP_CSUM;
            must_drop(tcp_parse(s, &src, &dst, false, &got, &p), want);
            must_drop(tcp_parse(s, &src, &dst, true, &got, &p),
                      want == DROP_TCP_CSUM ? DROP_NONE : want);
            uint16_t sport, dport;
            seq_t seq;
            must_eq(tcp_parse_quoted(s, &sport, &dport, &seq), n >= 8);
            must(n < 8 || (sport == h.sport && dport == h.dport && seq_eq(seq, h.seq)));
            tail_free(s);
        }
    }
}
END_TEST

START_TEST(data_offset)
{
    uint8_t b[64] = {0};
    struct tcp_hdr h;
    struct ust_slice p;
    for (unsigned off = 0; off < 16; off++) {
        b[12] = (uint8_t)(off << 4 | 0xf); /* reserved bits are ignored */
        for (size_t n = TCP_HDR_LEN; n <= sizeof b; n++) {
            struct ust_slice s = tail_copy(b, n);
            bool ok = off >= 5 && off * 4 <= n;
            must_drop(tcp_parse(s, &src, &dst, true, &h, &p), ok ? DROP_NONE : DROP_TCP_OFFSET);
            must(!ok || p.len == n - off * 4);
            tail_free(s);
        }
    }
}
END_TEST

#define BYTES(...) {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})
#define SEQ(x)                                                                                     \
    { x }

/* What a list of options is read as. Without SYN only what is marked `always`. */
static const struct {
    const char *what;
    uint8_t b[40];
    size_t len;
    struct tcp_opts want;
    bool always;
} lists[] = {
    {"none", BYTES(0), {0}, true},
    {"Linux SYN",
     BYTES(2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 7, 0, 0, 0, 9, 1, 3, 3, 7),
     {.has_mss = true,
      .mss = 1460,
      .sack_ok = true,
      .has_ts = true,
      .ts_val = 7,
      .ts_ecr = 9,
      .has_wscale = true,
      .wscale = 7},
     false},
    {"timestamps",
     BYTES(1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8),
     {.has_ts = true, .ts_val = 0x01020304, .ts_ecr = 0x05060708},
     true},
    {"timestamps unaligned",
     BYTES(8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0),
     {.has_ts = true, .ts_val = 0x01020304, .ts_ecr = 0x05060708},
     true},
    {"SACK, one block",
     BYTES(1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2),
     {.sack_cnt = 1, .sack = {{SEQ(1), SEQ(2)}}},
     true},
    {"SACK, four blocks",
     BYTES(1, 1, 5, 34, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6, 0,
           0, 0, 7, 0xff, 0, 0, 8),
     {.sack_cnt = 4,
      .sack = {{SEQ(1), SEQ(2)}, {SEQ(3), SEQ(4)}, {SEQ(5), SEQ(6)}, {SEQ(7), SEQ(0xff000008)}}},
     true},
    {"behind EOL nothing counts", BYTES(1, 0, 2, 4, 5, 0xb4, 0, 0), {0}, true},
    {"NOPs all the way", BYTES(1, 1, 1, 1, 1, 1, 1, 1), {0}, true},
    /* RFC 9293 MUST-4, MUST-5, MUST-6, MUST-68, MUST-64 */
    {"unknown kinds are skipped (MUST-6)",
     BYTES(99, 3, 0, 77, 2, 253, 4, 0, 0, 2, 4, 1, 0),
     {.has_mss = true, .mss = 256},
     false},
    {"the last of two counts", BYTES(2, 4, 1, 0, 2, 4, 2, 0), {.has_mss = true, .mss = 512}, false},
    {"wscale 14", BYTES(3, 3, 14, 0), {.has_wscale = true, .wscale = 14}, false},
    {"wscale 15 is 14", BYTES(3, 3, 15, 0), {.has_wscale = true, .wscale = 14}, false},
    {"wscale 255 is 14", BYTES(3, 3, 255, 0), {.has_wscale = true, .wscale = 14}, false},
    {"fast open request", BYTES(34, 2, 0, 0), {.has_fo = true}, false},
    {"fast open cookie of 8",
     BYTES(34, 10, 1, 2, 3, 4, 5, 6, 7, 8),
     {.has_fo = true, .fo_len = 8, .fo_cookie = {1, 2, 3, 4, 5, 6, 7, 8}},
     false},
    {"fast open cookie of 16",
     BYTES(34, 18, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16),
     {.has_fo = true,
      .fo_len = 16,
      .fo_cookie = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
     false},
    /* Wrong lengths: the option is ignored, the walk goes on. */
    {"MSS of 3", BYTES(2, 3, 5, 3, 3, 7), {.has_wscale = true, .wscale = 7}, false},
    {"MSS of 5", BYTES(2, 5, 5, 0xb4, 0, 3, 3, 7), {.has_wscale = true, .wscale = 7}, false},
    {"MSS of 2", BYTES(2, 2, 3, 3, 7, 0), {.has_wscale = true, .wscale = 7}, false},
    {"wscale of 2", BYTES(3, 2, 2, 4, 1, 0), {.has_mss = true, .mss = 256}, false},
    {"wscale of 4", BYTES(3, 4, 7, 7, 2, 4, 1, 0), {.has_mss = true, .mss = 256}, false},
    {"SACK-permitted of 3", BYTES(4, 3, 0, 2, 4, 1, 0), {.has_mss = true, .mss = 256}, false},
    {"timestamps of 9", BYTES(8, 9, 1, 2, 3, 4, 5, 6, 7, 1), {0}, true},
    {"timestamps of 11", BYTES(8, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1), {0}, true},
    {"timestamps of 2", BYTES(8, 2, 1, 1), {0}, true},
    {"SACK of 2", BYTES(5, 2, 1, 1), {0}, true},
    {"SACK of 9", BYTES(5, 9, 1, 2, 3, 4, 5, 6, 7, 0), {0}, true},
    {"SACK of 11", BYTES(5, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0), {0}, true},
    {"fast open of 3", BYTES(34, 3, 1, 0), {0}, true},
    {"fast open cookie of 2", BYTES(34, 4, 1, 2), {0}, true},
    {"fast open cookie of 5", BYTES(34, 7, 1, 2, 3, 4, 5, 0), {0}, true},
    {"fast open cookie of 18",
     BYTES(34, 20, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18),
     {0},
     true},
    /* Malformed: the list ends there, what was read before counts (RFC 9293 MUST-7). */
    {"length 0", BYTES(3, 3, 7, 2, 0, 5, 0xb4, 0), {.has_wscale = true, .wscale = 7}, false},
    {"length 1", BYTES(3, 3, 7, 2, 1, 5, 0xb4, 0), {.has_wscale = true, .wscale = 7}, false},
    {"length byte missing", BYTES(3, 3, 7, 2), {.has_wscale = true, .wscale = 7}, false},
    {"MSS beyond the end", BYTES(3, 3, 7, 1, 1, 2, 4, 5), {.has_wscale = true, .wscale = 7}, false},
    {"timestamps beyond the end",
     BYTES(3, 3, 7, 8, 10, 1, 2, 3, 4, 5, 6, 7),
     {.has_wscale = true, .wscale = 7},
     false},
    {"unknown beyond the end",
     BYTES(3, 3, 7, 99, 255, 1, 1, 1),
     {.has_wscale = true, .wscale = 7},
     false},
    {"unknown of length 0", BYTES(99, 0, 2, 4, 5, 0xb4), {0}, true},
    {"SACK-permitted of length 0", BYTES(4, 0, 2, 4, 5, 0xb4), {0}, true},
    {"first byte is a lone kind", BYTES(0x63), {0}, true},
};

/* A segment with these options and nothing else, as long as data offset says. */
static struct ust_slice segment_with(const uint8_t *opts, size_t len, uint8_t flags) {
    uint8_t b[TCP_HDR_MAX] = {0};
    size_t padded = (len + 3) / 4 * 4;
    /* Padding goes to the front, as NOPs: the list ends where the header ends. */
    memset(b + TCP_HDR_LEN, 1, padded - len);
    memcpy(b + TCP_HDR_LEN + padded - len, opts, len);
    b[12] = (uint8_t)((TCP_HDR_LEN + padded) / 4 << 4);
    b[13] = flags;
    return tail_copy(b, TCP_HDR_LEN + padded);
}

START_TEST(option_lists)
{
    static const struct tcp_opts none;
    struct tcp_hdr h;
    struct ust_slice p;
    struct ust_slice s = segment_with(lists[_i].b, lists[_i].len, TCPF_SYN);
    must_drop(tcp_parse(s, &src, &dst, true, &h, &p), DROP_NONE);
    ck_assert_mem_eq(&h.opts, &lists[_i].want, sizeof h.opts);
    tail_free(s);
    s = segment_with(lists[_i].b, lists[_i].len, TCPF_ACK);
    must_drop(tcp_parse(s, &src, &dst, true, &h, &p), DROP_NONE);
    if (lists[_i].always) {
        ck_assert_mem_eq(&h.opts, &lists[_i].want, sizeof h.opts);
    } else {
        /* MSS, wscale, SACK-permitted and fast open belong to SYNs. */
        h.opts.has_ts = false;
        h.opts.ts_val = h.opts.ts_ecr = 0;
        ck_assert_mem_eq(&h.opts, &none, sizeof h.opts);
    }
    tail_free(s);
}
END_TEST

/* Every kind with every length byte at every distance from the end: no read beyond, and the walk
 * ends. */
START_TEST(every_option_shape)
{
    struct tcp_hdr h;
    struct ust_slice p;
    uint8_t b[40];
    for (unsigned kind = 0; kind < 256; kind++) {
        for (unsigned olen = 0; olen < 256; olen += olen < 44 ? 1 : 23) {
            for (size_t room = 1; room <= 40; room += room < 20 ? 1 : 4) {
                memset(b, 1, sizeof b);
                b[0] = (uint8_t)kind;
                b[1] = (uint8_t)olen;
                struct ust_slice s = segment_with(b, room, TCPF_SYN);
                must_drop(tcp_parse(s, &src, &dst, true, &h, &p), DROP_NONE);
                must(h.opts.sack_cnt <= TCP_SACK_MAX && h.opts.fo_len <= TCP_FO_COOKIE_MAX);
                must(!h.opts.has_wscale || h.opts.wscale <= 14);
                must(!h.opts.has_mss || (kind == 2 && olen == 4 && room >= 4));
                must(!h.opts.has_ts || (kind == 8 && olen == 10 && room >= 10));
                must(!h.opts.sack_ok || (kind == 4 && olen == 2 && room >= 2));
                must(!h.opts.has_fo || (kind == 34 && olen % 2 == 0 && room >= olen));
                must(!h.opts.sack_cnt || (kind == 5 && olen % 8 == 2 && room >= olen));
                tail_free(s);
            }
        }
    }
}
END_TEST

START_TEST(options_of_random_bytes)
{
    struct rnd r = {3};
    for (int i = 0; i < 100000; i++) {
        static const uint8_t kinds[] = {0, 1, 2, 3, 4, 5, 8, 34};
        uint8_t b[40];
        size_t len = 1 + rnd_below(&r, 40);
        for (size_t k = 0; k < len; k++)
            b[k] = rnd_one_in(&r, 2)   ? kinds[rnd_below(&r, sizeof kinds)]
                   : rnd_one_in(&r, 2) ? (uint8_t)rnd_below(&r, 20)
                                       : (uint8_t)rnd_u64(&r);
        struct tcp_hdr h, again;
        struct ust_slice p, s = segment_with(b, len, i & 1 ? TCPF_SYN : TCPF_ACK);
        must_drop(tcp_parse(s, &src, &dst, true, &h, &p), DROP_NONE);
        tail_free(s);
        /* What was understood can be said again. */
        uint8_t out[TCP_HDR_MAX];
        size_t n = tcp_emit(&h, &src, &dst, NULL, 0, out);
        must_drop(tcp_parse(slice_of(out, n), &src, &dst, false, &again, &p), DROP_NONE);
        uint8_t sacks = sacks_with_room(&h.opts);
        memset(&h.opts.sack[sacks], 0, (size_t)(TCP_SACK_MAX - sacks) * sizeof h.opts.sack[0]);
        h.opts.sack_cnt = sacks;
        must(memcmp(&h, &again, sizeof h) == 0);
    }
}
END_TEST

/* The bytes that Linux sends, option by option (tcp_options_write). */
static const struct {
    const char *what;
    uint8_t flags;
    struct tcp_opts opts;
    uint8_t b[40];
    size_t len;
} emitted[] = {
    {"SYN, everything",
     TCPF_SYN,
     {.has_mss = true,
      .mss = 1460,
      .sack_ok = true,
      .has_ts = true,
      .ts_val = 1,
      .has_wscale = true,
      .wscale = 7},
     BYTES(2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7)},
    {"SYN, no timestamps",
     TCPF_SYN,
     {.has_mss = true, .mss = 1460, .sack_ok = true, .has_wscale = true, .wscale = 7},
     BYTES(2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7)},
    {"SYN, no SACK",
     TCPF_SYN,
     {.has_mss = true, .mss = 1460, .has_ts = true, .ts_val = 1, .has_wscale = true, .wscale = 7},
     BYTES(2, 4, 5, 0xb4, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 3, 3, 7)},
    {"SYN, MSS alone", TCPF_SYN, {.has_mss = true, .mss = 536}, BYTES(2, 4, 2, 0x18)},
    {"SYN with a cookie request",
     TCPF_SYN,
     {.has_mss = true, .mss = 1460, .has_fo = true},
     BYTES(2, 4, 5, 0xb4, 34, 2, 1, 1)},
    {"SYN with a cookie",
     TCPF_SYN,
     {.has_mss = true,
      .mss = 1460,
      .has_fo = true,
      .fo_len = 8,
      .fo_cookie = {1, 2, 3, 4, 5, 6, 7, 8}},
     BYTES(2, 4, 5, 0xb4, 34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1)},
    {"data",
     TCPF_ACK,
     {.has_ts = true, .ts_val = 1, .ts_ecr = 2},
     BYTES(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2)},
    {"SACK",
     TCPF_ACK,
     {.sack_cnt = 1, .sack = {{SEQ(1), SEQ(2)}}},
     BYTES(1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2)},
    {"timestamps leave room for three SACK blocks",
     TCPF_ACK,
     {.has_ts = true,
      .ts_val = 1,
      .ts_ecr = 2,
      .sack_cnt = 4,
      .sack = {{SEQ(1), SEQ(2)}, {SEQ(3), SEQ(4)}, {SEQ(5), SEQ(6)}, {SEQ(7), SEQ(8)}}},
     BYTES(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 5, 26, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0,
           0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6)},
};

START_TEST(options_as_linux_sends_them)
{
    struct tcp_hdr h;
    uint8_t b[TCP_HDR_MAX];
    memset(&h, 0, sizeof h);
    h.flags = emitted[_i].flags;
    h.opts = emitted[_i].opts;
    ck_assert_uint_eq(tcp_hdr_len(&h), TCP_HDR_LEN + emitted[_i].len);
    ck_assert_uint_eq(tcp_emit(&h, &src, &dst, NULL, 0, b), TCP_HDR_LEN + emitted[_i].len);
    ck_assert_mem_eq(b + TCP_HDR_LEN, emitted[_i].b, emitted[_i].len);
}
END_TEST

START_TEST(known_bytes)
{
    static const uint8_t want[] = {0x9c, 0x40, 0x00, 0x50, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06,
                                   0x07, 0x08, 0x50, 0x18, 0xff, 0xff, 0xab, 0x4e, 0x00, 0x00};
    struct tcp_hdr h = {.sport = 40000,
                        .dport = 80,
                        .seq = {0x01020304},
                        .ack = {0x05060708},
                        .flags = TCPF_PSH | TCPF_ACK,
                        .wnd = 65535};
    struct ust_slice p = slice_of("hello", 5);
    uint8_t b[TCP_HDR_LEN];
    src = addr_from_ip4(0x0a000001);
    dst = addr_from_ip4(0x0a000002);
    ck_assert_uint_eq(tcp_emit(&h, &src, &dst, &p, 1, b), TCP_HDR_LEN);
    ck_assert_mem_eq(b, want, sizeof want);
}
END_TEST

START_TEST(partial_completes_to_full)
{
    static struct pkt_tx pkt;
    struct rnd r = {5};
    for (int i = 0; i < 2000; i++) {
        uint8_t body[101], full[TCP_HDR_MAX], out[TCP_HDR_MAX + 101];
        size_t len = rnd_below(&r, sizeof body);
        struct tcp_hdr h = random_hdr(&r, i & 1);
        struct ust_slice p = slice_of(body, len);
        rnd_fill(&r, body, len);
        size_t hdr_len = tcp_emit(&h, &src, &dst, &p, 1, full);
        uint8_t *l4 = pkt_start(&pkt, hdr_len);
        must_eq(tcp_emit_partial(&h, &src, &dst, (uint32_t)(hdr_len + len), l4), hdr_len);
        pkt_add_body(&pkt, p);
        pkt.needs_csum = true;
        pkt.csum_off = TCP_CSUM_OFF;
        must_eq(pkt_linearize(&pkt, out, sizeof out), hdr_len + len);
        must(memcmp(out, full, hdr_len) == 0);
    }
}
END_TEST

START_TEST(flags_text)
{
    char b[40];
    ck_assert_str_eq(tcp_flags_str(0, b), "none");
    ck_assert_str_eq(tcp_flags_str(TCPF_SYN, b), "SYN");
    ck_assert_str_eq(tcp_flags_str(TCPF_SYN | TCPF_ACK, b), "SYN|ACK");
    ck_assert_str_eq(tcp_flags_str(TCPF_FIN | TCPF_PSH | TCPF_ACK, b), "FIN|PSH|ACK");
    ck_assert_str_eq(tcp_flags_str(0xff, b), "FIN|SYN|RST|PSH|ACK|URG|ECE|CWR");
}
END_TEST

int main(void) {
    Suite *s = suite_create("tcp codec");
    TCase *t = tcase_create("tcp codec");
    tcase_add_test(t, round_trip);
    tcase_add_test(t, truncated);
    tcase_add_test(t, data_offset);
    tcase_add_loop_test(t, option_lists, 0, UST_ARRAY_CNT(lists));
    tcase_add_test(t, every_option_shape);
    tcase_add_test(t, options_of_random_bytes);
    tcase_add_loop_test(t, options_as_linux_sends_them, 0, UST_ARRAY_CNT(emitted));
    tcase_add_test(t, known_bytes);
    tcase_add_test(t, partial_completes_to_full);
    tcase_add_test(t, flags_text);
    suite_add_tcase(s, t);
    return run_suite(s);
}
