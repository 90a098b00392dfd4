/* SPDX-License-Identifier: ISC */
/* IPv6, extension headers, ICMPv6, Neighbor Discovery, MLD: the codecs. */
#include "wire/wire_tools.h"

#include "wire/icmp6.h"
#include "wire/ip6.h"
#include "wire/mld.h"
#include "wire/nd.h"

/* ---- the header ---- */

START_TEST(header_round_trip)
{
    struct rnd r = {1};
    for (int i = 0; i < 3000; i++) {
        uint8_t b[IP6_HDR_LEN + 64];
        size_t len = rnd_below(&r, 64);
        struct ip6_hdr h, got;
        struct ust_slice payload;
        memset(&h, 0, sizeof h);
        h.tclass = (uint8_t)rnd_u64(&r);
        h.flow_label = (uint32_t)rnd_u64(&r) & 0xfffff;
        h.payload_len = (uint16_t)len;
        h.next = (uint8_t)rnd_u64(&r);
        h.hop_limit = (uint8_t)rnd_u64(&r);
        h.src = rnd_ip6(&r);
        h.dst = rnd_ip6(&r);
        ip6_emit(&h, b);
        memset(&got, 0, sizeof got);
        struct ust_slice s = tail_copy(b, IP6_HDR_LEN + len);
        must_drop(ip6_parse(s, &got, &payload), DROP_NONE);
        must(memcmp(&h, &got, sizeof h) == 0);
        must(payload.p == s.p + IP6_HDR_LEN && payload.len == len);
        tail_free(s);
        for (size_t n = 0; n < IP6_HDR_LEN + len; n++) {
            s = tail_copy(b, n);
            enum drop want = n < IP6_HDR_LEN ? DROP_IP6_SHORT : DROP_IP6_PAYLOAD_LEN;
            must_drop(ip6_parse(s, &got, &payload), want);
            must_drop(ip6_parse_quoted(s, &got, &payload),
                      n < IP6_HDR_LEN ? DROP_IP6_SHORT : DROP_NONE);
            tail_free(s);
        }
    }
}
END_TEST

START_TEST(header_known_bytes)
{
    static const uint8_t b[IP6_HDR_LEN] = {
        0x6a, 0xb1, 0x23, 0x45, 0,    0, 58, 255, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0,    0,    0,    1,    0xff, 2, 0,  0,   0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    struct ip6_hdr h;
    struct ust_slice p;
    uint8_t out[IP6_HDR_LEN];
    must_drop(ip6_parse(slice_of(b, sizeof b), &h, &p), DROP_NONE);
    ck_assert_uint_eq(h.tclass, 0xab);
    ck_assert_uint_eq(h.flow_label, 0x12345);
    ck_assert_uint_eq(h.next, 58);
    ip6_emit(&h, out);
    ck_assert_mem_eq(out, b, sizeof b);
    memcpy(out, b, sizeof b);
    out[0] = 0x45;
    must_drop(ip6_parse(slice_of(out, sizeof out), &h, &p), DROP_IP6_VERSION);
    ck_assert_uint_eq(ip_version(slice_of(b, 1)), 6);
    ck_assert_uint_eq(ip_version(slice_of(b, 0)), 0);
}
END_TEST

/* Ethernet's padding is no payload; a coalesced frame is longer than its length field can say. */
START_TEST(header_lengths)
{
    static uint8_t big[IP6_HDR_LEN + 66000];
    struct ip6_hdr h = {.payload_len = 4, .next = 59}, got;
    struct ust_slice p;
    ip6_emit(&h, big);
    must_drop(ip6_parse(slice_of(big, 60), &got, &p), DROP_NONE);
    ck_assert_uint_eq(p.len, 4);
    must_drop(ip6_parse(slice_of(big, sizeof big), &got, &p), DROP_NONE);
    ck_assert_uint_eq(p.len, 66000);
}
END_TEST

/* ---- extension headers ---- */

START_TEST(fragment_round_trip)
{
    struct rnd r = {2};
    for (int i = 0; i < 1000; i++) {
        uint8_t b[IP6_FRAG_LEN];
        struct ip6_frag f, got;
        struct ust_slice rest;
        memset(&f, 0, sizeof f);
        f.next = (uint8_t)rnd_u64(&r);
        f.off = (uint16_t)((uint16_t)rnd_u64(&r) & ~7u);
        f.more = rnd_one_in(&r, 2);
        f.id = (uint32_t)rnd_u64(&r);
        ip6_frag_emit(&f, b);
        memset(&got, 0, sizeof got);
        must_drop(ip6_frag_parse(slice_of(b, sizeof b), &got, &rest), DROP_NONE);
        must(memcmp(&f, &got, sizeof f) == 0 && rest.len == 0);
        for (size_t n = 0; n < sizeof b; n++) {
            struct ust_slice s = tail_copy(b, n);
            must_drop(ip6_frag_parse(s, &got, &rest), DROP_IP6_FRAG_SHORT);
            tail_free(s);
        }
    }
}
END_TEST

START_TEST(ext_truncated)
{
    uint8_t b[24] = {6, 2, 5, 7};
    struct ip6_ext x;
    must_drop(ip6_ext_parse(slice_of(b, 24), &x), DROP_NONE);
    ck_assert_uint_eq(x.next, 6);
    ck_assert_uint_eq(x.len, 24);
    ck_assert_uint_eq(x.opts.len, 22);
    ck_assert_uint_eq(x.routing_type, 5);
    ck_assert_uint_eq(x.segments_left, 7);
    for (size_t n = 0; n < sizeof b; n++) {
        struct ust_slice s = tail_copy(b, n);
        must_drop(ip6_ext_parse(s, &x), DROP_IP6_EXT_SHORT);
        tail_free(s);
    }
}
END_TEST

static const struct {
    const char *name;
    uint8_t b[8];
    uint8_t len;
    enum ip6_opt_verdict verdict;
    uint32_t bad_off;
    bool alert;
} opt_cases[] = {
    {"none", {0}, 0, IP6_OPT_OK, 0, false},
    {"Pad1", {0, 0, 0}, 3, IP6_OPT_OK, 0, false},
    {"PadN", {1, 4, 0, 0, 0, 0}, 6, IP6_OPT_OK, 0, false},
    {"PadN of length 0", {1, 0, 1, 0}, 4, IP6_OPT_OK, 0, false},
    {"router alert", {5, 2, 0, 0, 1, 0}, 6, IP6_OPT_OK, 0, true},
    {"unknown, skip (00)", {0x1e, 2, 9, 9, 1, 0}, 6, IP6_OPT_OK, 0, false},
    {"unknown, drop (01)", {0, 0x5e, 0, 0}, 4, IP6_OPT_DROP, 1, false},
    {"unknown, tell (10)", {1, 0, 0x9e, 0}, 4, IP6_OPT_TELL, 2, false},
    {"unknown, tell unless group (11)", {0xde, 4, 1, 2, 3, 4}, 6, IP6_OPT_TELL_UNICAST, 0, false},
    {"jumbo payload", {0xc2, 4, 0, 1, 0, 0}, 6, IP6_OPT_TELL_UNICAST, 0, false},
    {"over the end", {1, 3, 0, 0}, 4, IP6_OPT_BAD, 0, false},
    {"length cut off", {0, 1}, 2, IP6_OPT_BAD, 1, false},
};

START_TEST(options_table)
{
    struct ust_slice s = tail_copy(opt_cases[_i].b, opt_cases[_i].len);
    uint32_t bad = 0;
    bool alert;
    enum ip6_opt_verdict v = ip6_check_options(s, &bad, &alert);
    ck_assert_msg(v == opt_cases[_i].verdict, "%s: %d", opt_cases[_i].name, v);
    if (v != IP6_OPT_OK)
        ck_assert_uint_eq(bad, opt_cases[_i].bad_off);
    ck_assert(alert == opt_cases[_i].alert);
    tail_free(s);
}
END_TEST

/* Hop-by-hop, routing, fragment (first), destination options, UDP. */
static size_t chain(uint8_t *b, uint16_t frag_off) {
    struct ip6_hdr h = {.payload_len = 8 + 8 + 8 + 16 + 8, .next = IP_PROTO_HOPOPTS};
    struct ip6_frag f = {.next = IP_PROTO_DSTOPTS, .off = frag_off, .more = true, .id = 7};
    ip6_emit(&h, b);
    ip6_emit_router_alert(IP_PROTO_ROUTING, b + 40);
    memset(b + 48, 0, 40);
    b[48] = IP_PROTO_FRAGMENT;
    ip6_frag_emit(&f, b + 56);
    b[64] = 17;
    b[65] = 1;
    b[66] = 1;
    b[67] = 12;
    return 88;
}

START_TEST(upper_layer_found_or_not)
{
    uint8_t b[100] = {0}, proto = 0;
    uint32_t off = 0, frag_off = 1;
    size_t len = chain(b, 0);
    ck_assert(ip6_upper(slice_of(b, len), &proto, &off, &frag_off));
    ck_assert_uint_eq(proto, 17);
    ck_assert_uint_eq(off, 80);
    ck_assert_uint_eq(frag_off, 0);
    for (size_t n = 0; n < 80; n++) {
        struct ust_slice s = tail_copy(b, n);
        ck_assert_msg(!ip6_upper(s, &proto, &off, &frag_off), "%zu bytes", n);
        tail_free(s);
    }
    chain(b, 64);
    ck_assert(!ip6_upper(slice_of(b, len), &proto, &off, &frag_off));
    ck_assert_uint_eq(frag_off, 64);
}
END_TEST

START_TEST(unfragmented_header)
{
    uint8_t b[100];
    chain(b, 0);
    ck_assert_uint_eq(ip6_last_next(b, 56), 48);
    ck_assert_uint_eq(ip6_last_next(b, 40), 6);
    ip6_unfragment(b, 56, 6, 0x1234);
    ck_assert_uint_eq(b[48], 6);
    ck_assert_uint_eq(b[4], 0x12);
    ck_assert_uint_eq(b[5], 0x34);
    ck_assert_uint_eq(b[6], IP_PROTO_HOPOPTS);
}
END_TEST

START_TEST(group_mac)
{
    struct ust_addr a;
    ck_assert(addr_parse("ff02::1:ff12:3456", &a));
    const struct ust_mac want = {{0x33, 0x33, 0xff, 0x12, 0x34, 0x56}}, got = eth_mcast_mac6(&a);
    ck_assert(mac_eq(&got, &want));
    struct ust_addr u, g;
    ck_assert(addr_parse("2001:db8::aa12:3456", &u));
    g = nd_solicited_node(&u);
    ck_assert(addr_eq(&g, &a));
}
END_TEST

/* ---- ICMPv6 ---- */

/* RFC 8200 8.1 MUST-16 */
START_TEST(icmp6_round_trip)
{
    static const uint8_t types[] = {1, 2, 3, 4, 128, 129, 200};
    struct rnd r = {3};
    for (int i = 0; i < 3000; i++) {
        uint8_t b[ICMP6_HDR_LEN + 200];
        struct icmp6_hdr h, got;
        struct ust_slice v[4], payload;
        struct ust_addr src = rnd_ip6(&r), dst = rnd_ip6(&r);
        size_t len = rnd_below(&r, 200);
        memset(&h, 0, sizeof h);
        h.type = types[rnd_below(&r, sizeof types)];
        h.code = (uint8_t)rnd_below(&r, 8);
        if (h.type == ICMP6_ECHO || h.type == ICMP6_ECHO_REPLY) {
            h.id = (uint16_t)rnd_u64(&r);
            h.seq = (uint16_t)rnd_u64(&r);
        } else {
            h.param = (uint32_t)rnd_u64(&r);
        }
        rnd_fill(&r, b + ICMP6_HDR_LEN, len);
        int cnt = rnd_slices(&r, b + ICMP6_HDR_LEN, len, v, 4);
        icmp6_emit(&h, &src, &dst, v, cnt, b);
        struct ust_slice s = tail_copy(b, ICMP6_HDR_LEN + len);
        must_drop(icmp6_parse(s, &src, &dst, false, &got, &payload), DROP_NONE);
        must(memcmp(&h, &got, sizeof h) == 0);
        must(payload.len == len);
        struct ust_addr other = dst; /* the pseudo header counts */
        other.b[rnd_below(&r, 16)] ^= 0x10;
        must_drop(icmp6_parse(s, &src, &other, false, &got, &payload), DROP_ICMP6_CSUM);
        must_drop(icmp6_parse(s, &src, &other, true, &got, &payload), DROP_NONE);
        uint64_t bit = rnd_below(&r, s.len * 8);
        ((uint8_t *)(uintptr_t)s.p)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        must_drop(icmp6_parse(s, &src, &dst, false, &got, &payload), DROP_ICMP6_CSUM);
        tail_free(s);
        s = tail_copy(b, rnd_below(&r, ICMP6_HDR_LEN));
        must_drop(icmp6_parse(s, &src, &dst, true, &got, &payload), DROP_ICMP6_SHORT);
        tail_free(s);
    }
}
END_TEST

/* ---- Neighbor Discovery ---- */

START_TEST(nd_round_trip)
{
    static const uint8_t types[] = {ICMP6_RS, ICMP6_NS, ICMP6_NA};
    struct rnd r = {4};
    for (int i = 0; i < 3000; i++) {
        uint8_t b[ND_MSG_MAX];
        struct nd_msg m, got;
        struct ust_addr src = rnd_ip6(&r), dst = rnd_ip6(&r);
        struct icmp6_hdr h;
        struct ust_slice rest;
        memset(&m, 0, sizeof m);
        m.type = types[rnd_below(&r, sizeof types)];
        if (m.type != ICMP6_RS)
            m.target = rnd_ip6(&r);
        if (m.type == ICMP6_NA) {
            m.router = rnd_one_in(&r, 2);
            m.solicited = rnd_one_in(&r, 2);
            m.override = rnd_one_in(&r, 2);
        }
        if ((m.has_slla = rnd_one_in(&r, 2)))
            m.slla = rnd_mac(&r);
        if ((m.has_tlla = rnd_one_in(&r, 2)))
            m.tlla = rnd_mac(&r);
        if ((m.has_nonce = rnd_one_in(&r, 2)))
            rnd_fill(&r, m.nonce, sizeof m.nonce);
        size_t len = nd_emit(&m, &src, &dst, b);
        must_drop(icmp6_parse(slice_of(b, len), &src, &dst, false, &h, &rest), DROP_NONE);
        must_drop(nd_parse(slice_of(b, len), 255, &got), DROP_NONE);
        must(memcmp(&m, &got, sizeof m) == 0);
        must_drop(nd_parse(slice_of(b, len), 254, &got), DROP_ND_HOP_LIMIT);
        b[1] = 1;
        must_drop(nd_parse(slice_of(b, len), 255, &got), DROP_ND_CODE);
        b[1] = 0;
        /* Cut anywhere: too short, or within an option, or a good message with fewer options. */
        for (size_t n = 0; n < len; n++) {
            size_t fixed = m.type == ICMP6_RS ? 8 : 24;
            struct ust_slice s = tail_copy(b, n);
            must_drop(nd_parse(s, 255, &got), n < fixed         ? DROP_ND_SHORT
                                              : (n - fixed) % 8 ? DROP_ND_OPTION
                                                                : DROP_NONE);
            tail_free(s);
        }
    }
}
END_TEST

/* As radvd sends it. */
static const uint8_t ra[] =
    {
        134,  0,   0,    0,    64,  0x48, 0x07, 0x08, 0,    0,    0x75, 0x30,
        0,    0,   0x03, 0xe8,                        /* pref high, other */
        1,    1,   2,    0,    0,   0,    0,    1,    /* slla */
        5,    1,   0,    0,    0,   0,    0x05, 0x78, /* MTU 1400 */
        3,    4,   64,   0xc0, 0,   1,    0x51, 0x80, 0xff, 0xff, 0xff, 0xff,
        0,    0,   0,    0, /* prefix */
        0x20, 1,   0x0d, 0xb8, 0,   1,    0,    0,    0,    0,    0,    0,
        0,    0,   0,    0, /* 2001:db8:1:: */
        25,   3,   0,    0,    0,   0,    0x02, 0x58, 0x20, 1,    0x0d, 0xb8,
        0,    0,   0,    0,                           /* RDNSS, 600 s */
        0,    0,   0,    0,    0,   0,    0,    0x53, /* 2001:db8::53 */
        31,   3,   0,    0,    0,   0,    0x02, 0x58, 3,    'l',  'a',  'n',
        7,    'e', 'x',  'a',  'm', 'p',  'l',  'e',  0,    0,    0,    0, /* DNSSL */
        24,   2,   48,   0x18, 0,   0,    0,    60,   0x20, 1,    0x0d, 0xb8,
        0,    7,   0,    0, /* route, low */
};

START_TEST(nd_advertisement)
{
    struct nd_msg m;
    must_drop(nd_parse(slice_of(ra, sizeof ra), 255, &m), DROP_NONE);
    ck_assert_uint_eq(m.hop_limit, 64);
    ck_assert(m.other && !m.managed);
    ck_assert_int_eq(m.pref, ND_PREF_HIGH);
    ck_assert_uint_eq(m.router_lifetime_s, 1800);
    ck_assert_uint_eq(m.reachable_ms, 30000);
    ck_assert_uint_eq(m.retrans_ms, 1000);
    ck_assert(m.has_slla && m.slla.b[5] == 1);
    ck_assert(m.has_mtu && m.mtu == 1400);
    ck_assert_uint_eq(m.prefix_cnt, 1);
    ck_assert(m.prefix[0].on_link && m.prefix[0].autonomous);
    ck_assert_uint_eq(m.prefix[0].plen, 64);
    ck_assert_uint_eq(m.prefix[0].valid_s, 86400);
    ck_assert_uint_eq(m.prefix[0].preferred_s, UINT32_MAX);
    ck_assert_uint_eq(m.rdnss_cnt, 1);
    ck_assert_uint_eq(m.rdnss[0].addr.b[15], 0x53);
    ck_assert_uint_eq(m.dnssl_cnt, 1);
    ck_assert_str_eq(m.dnssl[0].name, "lan.example");
    ck_assert_uint_eq(m.dnssl[0].lifetime_s, 600);
    ck_assert_uint_eq(m.route_cnt, 1);
    ck_assert_uint_eq(m.route[0].plen, 48);
    ck_assert_int_eq(m.route[0].pref, ND_PREF_LOW);
    ck_assert_uint_eq(m.route[0].prefix.b[5], 7);
    for (size_t n = 0; n < sizeof ra; n++) { /* never a read behind the end */
        struct ust_slice s = tail_copy(ra, n);
        enum drop d = nd_parse(s, 255, &m);
        ck_assert(d == DROP_NONE || d == (n < 16 ? DROP_ND_SHORT : DROP_ND_OPTION));
        tail_free(s);
    }
}
END_TEST

/* Options that are wrong in themselves are skipped; one of length 0 spoils the message. */
static const struct {
    const char *name;
    uint8_t b[24];
    uint8_t len;
    enum drop drop;
} nd_opt_cases[] = {
    {"length 0", {1, 0, 0, 0, 0, 0, 0, 0}, 8, DROP_ND_OPTION},
    {"unknown", {77, 1, 0, 0, 0, 0, 0, 0}, 8, DROP_NONE},
    {"long link-layer address", {1, 2, 1, 2, 3, 4, 5, 6}, 16, DROP_NONE},
    {"option over the end", {3, 4, 64, 0xc0}, 24, DROP_ND_OPTION},
    {"short prefix option", {3, 1, 64, 0xc0}, 8, DROP_NONE},
    {"route of reserved preference", {24, 1, 0, 0x10, 0, 0, 0, 9}, 8, DROP_NONE},
    {"long route in a short option", {24, 2, 65, 0, 0, 0, 0, 9}, 16, DROP_NONE},
    {"RDNSS without server", {25, 1}, 8, DROP_NONE},
    {"RDNSS of even length", {25, 2}, 16, DROP_NONE},
    {"DNSSL with a pointer", {31, 2, 0, 0, 0, 0, 0, 9, 0xc0, 0}, 16, DROP_NONE},
    {"DNSSL without end",
     {31, 2, 0, 0, 0, 0, 0, 9, 7, 'a', 'b', 'c', 'd', 'e', 'f', 'g'},
     16,
     DROP_NONE},
    {"DNSSL with odd characters", {31, 2, 0, 0, 0, 0, 0, 9, 3, 'a', '/', 'c'}, 16, DROP_NONE},
};

/* RFC 4861 4.6 MUST-1, MUST-2 */
START_TEST(nd_options_table)
{
    uint8_t b[16 + 24] = {134};
    struct nd_msg m;
    memcpy(b + 16, nd_opt_cases[_i].b, nd_opt_cases[_i].len);
    struct ust_slice s = tail_copy(b, 16u + nd_opt_cases[_i].len);
    enum drop d = nd_parse(s, 255, &m);
    ck_assert_msg(d == nd_opt_cases[_i].drop, "%s: %s", nd_opt_cases[_i].name, drop_name(d));
    ck_assert(!m.has_slla && !m.prefix_cnt && !m.route_cnt && !m.rdnss_cnt && !m.dnssl_cnt);
    tail_free(s);
}
END_TEST

START_TEST(nd_more_options_than_are_kept)
{
    uint8_t b[16 + 32 * (ND_PREFIX_MAX + 2)] = {134};
    struct nd_msg m;
    for (int i = 0; i < ND_PREFIX_MAX + 2; i++) {
        b[16 + 32 * i] = 3;
        b[17 + 32 * i] = 4;
        b[18 + 32 * i] = (uint8_t)(60 + i);
    }
    must_drop(nd_parse(slice_of(b, sizeof b), 255, &m), DROP_NONE);
    ck_assert_uint_eq(m.prefix_cnt, ND_PREFIX_MAX);
    ck_assert_uint_eq(m.prefix[ND_PREFIX_MAX - 1].plen, 60 + ND_PREFIX_MAX - 1);
}
END_TEST

/* ---- MLD ---- */

START_TEST(mld_queries)
{
    uint8_t b[28 + 32] = {130, 0, 0, 0, 0x27, 0x10};
    struct mld_query q;
    b[8] = 0xff;
    b[9] = 2;
    b[23] = 9;
    must_drop(mld_query_parse(slice_of(b, 24), &q), DROP_NONE);
    ck_assert(!q.v2);
    ck_assert_uint_eq(q.max_resp_ms, 10000);
    ck_assert_uint_eq(q.group.b[15], 9);
    b[24] = 0x0b; /* S, QRV 3 */
    b[25] = 125;
    b[27] = 2;
    b[28] = 0x20;
    b[44] = 0x21;
    must_drop(mld_query_parse(slice_of(b, sizeof b), &q), DROP_NONE);
    ck_assert(q.v2 && q.suppress);
    ck_assert_uint_eq(q.qrv, 3);
    ck_assert_uint_eq(q.interval_s, 125);
    ck_assert_uint_eq(q.src_cnt, 2);
    ck_assert_uint_eq(q.src[1].b[0], 0x21);
    b[4] = 0x80; /* RFC 3810 5.1.3: a mantissa of 1.0 */
    b[5] = 0;
    b[25] = 0x80;
    must_drop(mld_query_parse(slice_of(b, sizeof b), &q), DROP_NONE);
    ck_assert_uint_eq(q.max_resp_ms, 32768);
    ck_assert_uint_eq(q.interval_s, 128);
    b[4] = b[5] = b[25] = 0xff;
    must_drop(mld_query_parse(slice_of(b, sizeof b), &q), DROP_NONE);
    ck_assert_uint_eq(q.max_resp_ms, 8387584);
    ck_assert_uint_eq(q.interval_s, 31744);
    for (size_t n = 0; n < sizeof b; n++) {
        struct ust_slice s = tail_copy(b, n);
        must_drop(mld_query_parse(s, &q), n == 24 ? DROP_NONE : DROP_MLD_SHORT);
        tail_free(s);
    }
}
END_TEST

START_TEST(mld_reports)
{
    uint8_t b[MLD2_REPORT_HDR_LEN + MLD2_RECORD_LEN + 32];
    struct ust_addr g, got, src[2];
    struct icmp6_hdr h;
    struct ust_slice rest;
    ck_assert(addr_parse("ff02::fb", &g) && addr_parse("2001:db8::1", &src[0]) &&
              addr_parse("2001:db8::2", &src[1]));
    mld1_emit(ICMP6_MLD_REPORT, &g, &src[0], &g, b);
    must_drop(icmp6_parse(slice_of(b, MLD1_LEN), &src[0], &g, false, &h, &rest), DROP_NONE);
    ck_assert_uint_eq(h.type, ICMP6_MLD_REPORT);
    ck_assert(mld1_parse(slice_of(b, MLD1_LEN), &got) && addr_eq(&got, &g));
    ck_assert(!mld1_parse(slice_of(b, MLD1_LEN - 1), &got));
    mld2_report_emit(1, b);
    ck_assert_uint_eq(mld2_record_emit(MLD2_ALLOW, &g, src, 2, b + 8), 52);
    ck_assert_uint_eq(b[0], 143);
    ck_assert_uint_eq(b[7], 1);
    ck_assert_uint_eq(b[8], MLD2_ALLOW);
    ck_assert_uint_eq(b[11], 2);
    ck_assert_mem_eq(b + 12, g.b, 16);
    ck_assert_mem_eq(b + 28, src[0].b, 16);
    ck_assert_mem_eq(b + 44, src[1].b, 16);
}
END_TEST

int main(void) {
    Suite *s = suite_create("ip6");
    TCase *t = tcase_create("ip6");
    tcase_add_test(t, header_round_trip);
    tcase_add_test(t, header_known_bytes);
    tcase_add_test(t, header_lengths);
    tcase_add_test(t, fragment_round_trip);
    tcase_add_test(t, ext_truncated);
    tcase_add_loop_test(t, options_table, 0, (int)UST_ARRAY_CNT(opt_cases));
    tcase_add_test(t, upper_layer_found_or_not);
    tcase_add_test(t, unfragmented_header);
    tcase_add_test(t, group_mac);
    tcase_add_test(t, icmp6_round_trip);
    tcase_add_test(t, nd_round_trip);
    tcase_add_test(t, nd_advertisement);
    tcase_add_loop_test(t, nd_options_table, 0, (int)UST_ARRAY_CNT(nd_opt_cases));
    tcase_add_test(t, nd_more_options_than_are_kept);
    tcase_add_test(t, mld_queries);
    tcase_add_test(t, mld_reports);
    suite_add_tcase(s, t);
    return run_suite(s);
}
