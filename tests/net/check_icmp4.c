/* SPDX-License-Identifier: ISC */
/* ICMP: RFC 792, RFC 1122 3.2.2, RFC 1812 4.3, RFC 1191, RFC 5927. */
#include "net/netfix.h"

static struct netfix *f;
static uint8_t pattern[65536];

static void setup(void) {
    f = netfix_new(FIX_MTU, LINK_F_CSUM, 0);
    fix_know(f, "10.0.0.1", &fix_peer_mac);
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = fix_byte(i);
}
static void teardown(void) {
    ip_rx_done(f->net, &f->rx);
    netfix_free(f);
}

/* An ICMP message with a good checksum, in a static buffer. */
static struct ust_slice message(const struct icmp4_hdr *h, const void *body, size_t len) {
    static uint8_t m[66000];
    struct ust_slice s = slice_of(m + ICMP4_HDR_LEN, len);
    memcpy(m + ICMP4_HDR_LEN, body, len);
    icmp4_emit(h, &s, len ? 1 : 0, m);
    return slice_of(m, ICMP4_HDR_LEN + len);
}

static struct icmp4_hdr got;
static struct ust_slice got_body;
static struct ip_error got_err;

static enum drop rx_icmp(const char *src, const char *dst, struct ust_slice m) {
    struct fix_ip p = {
        .src = src, .dst = dst, .proto = IP_PROTO_ICMP, .ttl = 9, .tos = 0x28, .payload = m};
    enum drop d = fix_rx_ip(f, &p);
    return d != DROP_NONE ? d : icmp4_rx(f->net, f->now, &f->rx, &got, &got_body, &got_err);
}

/* ---- echo ---- */

static const size_t echo_lens[] = {0, 1, 7, 56, 57, 1000, 1471, 1472};

START_TEST(echo)
{
    size_t len = echo_lens[_i];
    struct icmp4_hdr h = {.type = ICMP4_ECHO, .id = 0x1234, .seq = 0xfedc};
    ck_assert_int_eq(rx_icmp("10.0.0.1", "10.0.0.2", message(&h, pattern, len)), DROP_NONE);
    const struct sent *o = fix_sent(f);
    struct ust_addr us = ip("10.0.0.2"), peer = ip("10.0.0.1");
    struct icmp4_hdr r;
    struct ust_slice body;
    ck_assert(o->is_ip4 && addr_eq(&o->ip.src, &us) && addr_eq(&o->ip.dst, &peer));
    ck_assert_int_eq(icmp4_parse(o->l4, false, &r, &body), DROP_NONE);
    ck_assert_uint_eq(o->ip.tos, 0x28);
    ck_assert_int_eq(r.type, ICMP4_ECHO_REPLY);
    ck_assert_uint_eq(r.id, 0x1234);
    ck_assert_uint_eq(r.seq, 0xfedc);
    ck_assert_uint_eq(body.len, len);
    ck_assert(len == 0 || memcmp(body.p, pattern, len) == 0);
    ck_assert(!fix_sent(f)->any);
}
END_TEST

START_TEST(echo_large_and_fragmented)
{
    enum { LEN = 60001 };
    struct icmp4_hdr h = {.type = ICMP4_ECHO, .id = 5, .seq = 6};
    struct ust_slice m = message(&h, pattern, LEN);
    enum drop d = DROP_COUNT;
    for (size_t off = 0; off < m.len; off += 1480) {
        size_t n = UST_MIN((size_t)1480, m.len - off);
        struct fix_ip p = {.src = "10.0.0.1",
                           .dst = "10.0.0.2",
                           .proto = IP_PROTO_ICMP,
                           .id = 3,
                           .frag_off = (uint16_t)off,
                           .mf = off + n < m.len,
                           .payload = slice_of(m.p + off, n)};
        d = fix_rx_ip(f, &p);
    }
    ck_assert_int_eq(d, DROP_NONE);
    ck_assert_int_eq(icmp4_rx(f->net, f->now, &f->rx, &got, &got_body, &got_err), DROP_NONE);
    static uint8_t reply[LEN + 8];
    size_t have = 0;
    while (fix_sent(f)->any) {
        memcpy(reply + f->out.ip.frag_off, f->out.l4.p, f->out.l4.len);
        have += f->out.l4.len;
    }
    ck_assert_uint_eq(have, LEN + 8);
    struct icmp4_hdr r;
    struct ust_slice body;
    ck_assert_int_eq(icmp4_parse(slice_of(reply, have), false, &r, &body), DROP_NONE);
    ck_assert_mem_eq(body.p, pattern, LEN);
}
END_TEST

START_TEST(echo_answers_from_the_address_asked)
{
    struct ust_addr second = ip("10.0.0.77");
    struct icmp4_hdr h = {.type = ICMP4_ECHO};
    net_addr_add(f->net, f->now, &second, 120, false, false);
    rx_icmp("10.0.0.1", "10.0.0.77", message(&h, pattern, 10));
    ck_assert(addr_eq(&fix_sent(f)->ip.src, &second));
}
END_TEST

START_TEST(echo_to_groups_is_not_answered)
{
    static const char *const dst[] = {"10.0.0.255", "255.255.255.255", "224.0.0.1"};
    struct icmp4_hdr h = {.type = ICMP4_ECHO};
    ck_assert_int_eq(rx_icmp("10.0.0.1", dst[_i], message(&h, pattern, 10)),
                     DROP_ICMP_BROADCAST_ECHO);
    ck_assert(!fix_sent(f)->any);
}
END_TEST

START_TEST(bad_messages)
{
    struct icmp4_hdr h = {.type = ICMP4_ECHO};
    struct ust_slice m = message(&h, pattern, 10);
    uint8_t bad[18];
    memcpy(bad, m.p, 18);
    bad[12] ^= 4;
    ck_assert_int_eq(rx_icmp("10.0.0.1", "10.0.0.2", slice_of(bad, 18)), DROP_ICMP_CSUM);
    for (size_t n = 0; n < ICMP4_HDR_LEN; n++)
        ck_assert_int_eq(rx_icmp("10.0.0.1", "10.0.0.2", slice_of(m.p, n)), DROP_ICMP_SHORT);
    static const struct {
        uint8_t type, code;
        enum drop d;
    } t[] = {{13, 0, DROP_ICMP_TYPE},
             {17, 0, DROP_ICMP_TYPE},
             {42, 0, DROP_ICMP_TYPE},
             /* RFC 9293 MUST-55 */
             {5, 1, DROP_ICMP_REDIRECT},
             {4, 0, DROP_ICMP_QUENCH},
             {3, 16, DROP_ICMP_CODE},
             {0, 0, DROP_ICMP_ECHO_REPLY}};
    for (size_t i = 0; i < UST_ARRAY_CNT(t); i++) {
        struct icmp4_hdr x = {
            .type = t[i].type, .code = t[i].code, .id = 9, .gateway = ip("0.0.0.0")};
        ck_assert_int_eq(rx_icmp("10.0.0.1", "10.0.0.2", message(&x, pattern, 40)), t[i].d);
    }
    ck_assert_uint_eq(got.id, 9); /* the echo reply, for a ping socket */
    ck_assert_uint_eq(got_body.len, 40);
    ck_assert(!fix_sent(f)->any);
}
END_TEST

/* ---- errors about our packets ---- */

/* The head of a packet that we might have sent: IP header and 8 bytes of proto. */
static struct ust_slice quote(const char *src, const char *dst, uint8_t proto, uint16_t frag_off,
                              uint16_t total) {
    static uint8_t q[IP4_HDR_LEN + 8 + 20];
    struct ip4_hdr h = {.ttl = 60,
                        .proto = proto,
                        .frag_off = frag_off,
                        .total_len = total,
                        .src = ip(src),
                        .dst = ip(dst)};
    memset(q, 0, sizeof q);
    ip4_emit(&h, q);
    uint8_t *l4 = q + IP4_HDR_LEN;
    if (proto == IP_PROTO_ICMP) {
        struct icmp4_hdr e = {.type = ICMP4_ECHO, .id = 4242};
        icmp4_emit(&e, NULL, 0, l4);
    } else {
        static const uint8_t ports[8] = {0x30, 0x39, 0x00, 0x50, 0x12, 0x34, 0x56, 0x78};
        memcpy(l4, ports, 8);
    }
    return slice_of(q, IP4_HDR_LEN + 8);
}

static const struct map_case {
    uint8_t type, code;
    int err;
    bool hard;
} map_cases[] = {
    /* Linux's icmp_err_convert[] */
    {3, 0, ENETUNREACH, false},   {3, 1, EHOSTUNREACH, false},  {3, 2, ENOPROTOOPT, true},
    {3, 3, ECONNREFUSED, true},   {3, 4, EMSGSIZE, false},      {3, 5, EOPNOTSUPP, false},
    {3, 6, ENETUNREACH, true},    {3, 7, EHOSTDOWN, true},      {3, 8, ENONET, true},
    {3, 9, ENETUNREACH, true},    {3, 10, EHOSTUNREACH, true},  {3, 11, ENETUNREACH, false},
    {3, 12, EHOSTUNREACH, false}, {3, 13, EHOSTUNREACH, true},  {3, 14, EHOSTUNREACH, true},
    {3, 15, EHOSTUNREACH, true},  {11, 0, EHOSTUNREACH, false}, {11, 1, EHOSTUNREACH, false},
    {12, 0, EPROTO, true},
};

START_TEST(map_table)
{
    const struct map_case *c = &map_cases[_i];
    struct icmp4_hdr h = {.type = c->type, .code = c->code, .mtu = 1400};
    struct ust_slice q = quote("10.0.0.2", "192.0.2.9", IP_PROTO_UDP, 0, 100);
    ck_assert_int_eq(rx_icmp("10.0.0.1", "10.0.0.2", message(&h, q.p, q.len)), DROP_COUNT);
    struct ust_addr us = ip("10.0.0.2"), them = ip("192.0.2.9"), from = ip("10.0.0.1");
    ck_assert_int_eq(got_err.err, c->err);
    ck_assert(got_err.hard == c->hard);
    ck_assert(addr_eq(&got_err.src, &us) && addr_eq(&got_err.dst, &them));
    ck_assert(addr_eq(&got_err.from, &from));
    ck_assert_uint_eq(got_err.proto, IP_PROTO_UDP);
    ck_assert_uint_eq(got_err.sport, 12345);
    ck_assert_uint_eq(got_err.dport, 80);
    ck_assert(!got_err.local && !got_err.has_seq);
    ck_assert_uint_eq(got_err.icmp_type, c->type);
    ck_assert_uint_eq(got_err.icmp_code, c->code);
    ck_assert_uint_eq(got_err.quoted.len, 8);
    ck_assert(!fix_sent(f)->any);
}
END_TEST

START_TEST(quoted_tcp_and_echo)
{
    struct icmp4_hdr h = {.type = 3, .code = 1};
    struct ust_slice q = quote("10.0.0.2", "192.0.2.9", IP_PROTO_TCP, 0, 100);
    ck_assert_int_eq(rx_icmp("10.0.0.1", "10.0.0.2", message(&h, q.p, q.len)), DROP_COUNT);
    ck_assert(got_err.has_seq);
    ck_assert_uint_eq(got_err.seq.v, 0x12345678);
    ck_assert_uint_eq(got_err.sport, 12345);
    q = quote("10.0.0.2", "192.0.2.9", IP_PROTO_ICMP, 0, 100);
    ck_assert_int_eq(rx_icmp("10.0.0.1", "10.0.0.2", message(&h, q.p, q.len)), DROP_COUNT);
    ck_assert_uint_eq(got_err.sport, 4242);
}
END_TEST

START_TEST(quotes_that_are_refused)
{
    struct icmp4_hdr h = {.type = 3, .code = 3};
    struct ust_slice q = quote("10.0.0.2", "192.0.2.9", IP_PROTO_UDP, 0, 100);
    for (size_t n = 0; n < IP4_HDR_LEN + 8; n++)
        ck_assert_int_eq(rx_icmp("10.0.0.1", "10.0.0.2", message(&h, q.p, n)), DROP_ICMP_INNER);
    q = quote("10.0.0.2", "192.0.2.9", IP_PROTO_UDP, 8, 100); /* not the first fragment */
    ck_assert_int_eq(rx_icmp("10.0.0.1", "10.0.0.2", message(&h, q.p, q.len)), DROP_ICMP_INNER);
    q = quote("10.0.0.3", "192.0.2.9", IP_PROTO_UDP, 0, 100); /* not ours */
    ck_assert_int_eq(rx_icmp("10.0.0.1", "10.0.0.2", message(&h, q.p, q.len)), DROP_ICMP_INNER_SRC);
    q = quote("10.0.0.2", "10.0.0.255", IP_PROTO_UDP, 0, 100); /* about a broadcast */
    ck_assert_int_eq(rx_icmp("10.0.0.1", "10.0.0.2", message(&h, q.p, q.len)), DROP_ICMP_INNER_SRC);
}
END_TEST

/* ---- path MTU ---- */

static const struct mtu_case {
    const char *name;
    uint16_t mtu, total;
    enum drop drop;
    uint32_t expect;
    bool no_df;
} mtu_cases[] = {
    {"lower", 1400, 1500, DROP_COUNT, 1400, false},
    {"minimum", 552, 1500, DROP_COUNT, 552, false},
    {"below the minimum", 300, 1500, DROP_COUNT, 552, true},
    {"not lower", 1500, 1500, DROP_COUNT, 1500, false},
    {"larger", 9000, 1500, DROP_COUNT, 1500, false},
    {"old router: next plateau", 0, 1500, DROP_COUNT, 1492, false},
    {"old router: next plateau but one", 0, 1492, DROP_COUNT, 1006, false},
    {"old router, small packet", 0, 500, DROP_COUNT, 552, true},
    {"under 68", 67, 1500, DROP_ICMP_MTU, 1500, false},
};

START_TEST(mtu_table)
{
    const struct mtu_case *c = &mtu_cases[_i];
    struct icmp4_hdr h = {.type = 3, .code = 4, .mtu = c->mtu};
    struct ust_addr dst = ip("192.0.2.9");
    struct ust_slice q = quote("10.0.0.2", "192.0.2.9", IP_PROTO_TCP, 0, c->total);
    enum drop d = rx_icmp("10.0.0.1", "10.0.0.2", message(&h, q.p, q.len));
    ck_assert_msg(d == c->drop, "%s", c->name);
    if (d != DROP_COUNT)
        return;
    ck_assert_msg(got_err.mtu == c->expect, "%s: %u", c->name, got_err.mtu);
    ck_assert(got_err.mtu_no_df == c->no_df);
    /* nothing happens until the transport has recognised its packet */
    ck_assert_uint_eq(net_mtu(f->net, &dst), 1500);
    net_pmtu_apply(f->net, f->now, &got_err);
    ck_assert_uint_eq(net_mtu(f->net, &dst), c->expect);
}
END_TEST

/* ---- errors that we send ---- */

static const struct err_case {
    const char *name, *src, *dst;
    uint8_t proto;
    uint8_t icmp_type; /* of the packet, if it is ICMP */
    const struct ust_mac *eth_dst;
    enum drop drop;
} err_cases[] = {
    {"UDP to us", "10.0.0.1", "10.0.0.2", 17, 0, NULL, DROP_NONE},
    {"unknown protocol", "192.0.2.1", "10.0.0.2", 77, 0, NULL, DROP_NONE},
    {"about an echo", "10.0.0.1", "10.0.0.2", 1, 8, NULL, DROP_NONE},
    {"about an echo reply", "10.0.0.1", "10.0.0.2", 1, 0, NULL, DROP_NONE},
    {"about an unreachable", "10.0.0.1", "10.0.0.2", 1, 3, NULL, DROP_ICMP_NOT_ALLOWED},
    {"about a time exceeded", "10.0.0.1", "10.0.0.2", 1, 11, NULL, DROP_ICMP_NOT_ALLOWED},
    {"about a redirect", "10.0.0.1", "10.0.0.2", 1, 5, NULL, DROP_ICMP_NOT_ALLOWED},
    {"about an unknown type", "10.0.0.1", "10.0.0.2", 1, 99, NULL, DROP_ICMP_NOT_ALLOWED},
    {"to the subnet's broadcast", "10.0.0.1", "10.0.0.255", 17, 0, NULL, DROP_ICMP_NOT_ALLOWED},
    {"to everybody", "10.0.0.1", "255.255.255.255", 17, 0, NULL, DROP_ICMP_NOT_ALLOWED},
    {"to a group", "10.0.0.1", "224.0.0.1", 17, 0, NULL, DROP_ICMP_NOT_ALLOWED},
    {"by link broadcast", "10.0.0.1", "10.0.0.2", 17, 0, &fix_bcast_mac, DROP_ICMP_NOT_ALLOWED},
    {"from 0.0.0.0", "0.0.0.0", "255.255.255.255", 17, 0, NULL, DROP_ICMP_NOT_ALLOWED},
};

START_TEST(err_table)
{
    const struct err_case *c = &err_cases[_i];
    struct icmp4_hdr in = {.type = c->icmp_type, .gateway = ip("0.0.0.0")};
    struct fix_ip p = {.src = c->src,
                       .dst = c->dst,
                       .proto = c->proto,
                       .eth_dst = c->eth_dst,
                       .payload =
                           c->proto == 1 ? message(&in, pattern, 20) : slice_of(pattern, 28)};
    ck_assert_int_eq(fix_rx_ip(f, &p), DROP_NONE);
    enum drop d = icmp4_send_error(f->net, f->now, ICMP4_UNREACH, ICMP4_PORT_UNREACH, 0, &f->rx);
    ck_assert_msg(d == c->drop, "%s: %s", c->name, d ? drop_name(d) : "sent");
    const struct sent *o = fix_sent(f);
    ck_assert(o->any == (d == DROP_NONE));
    if (!o->any)
        return;
    struct icmp4_hdr h;
    struct ust_slice body;
    struct ust_addr src = ip(c->dst), dst = ip(c->src);
    ck_assert(addr_eq(&o->ip.src, &src) && addr_eq(&o->ip.dst, &dst));
    ck_assert_uint_eq(o->ip.tos, 0xc0);
    ck_assert_int_eq(icmp4_parse(o->l4, false, &h, &body), DROP_NONE);
    ck_assert_int_eq(h.type, ICMP4_UNREACH);
    ck_assert_int_eq(h.code, ICMP4_PORT_UNREACH);
    ck_assert_uint_eq(body.len, f->rx.packet.len);
    ck_assert_mem_eq(body.p, f->rx.packet.p, body.len);
}
END_TEST

START_TEST(not_about_later_fragments)
{
    struct fix_ip p = {.src = "10.0.0.1",
                       .dst = "10.0.0.2",
                       .proto = 17,
                       .frag_off = 8,
                       .payload = slice_of(pattern, 40)};
    size_t len = fix_compose(f, &p);
    struct ip_rx rx = {.src = ip("10.0.0.1"),
                       .dst = ip("10.0.0.2"),
                       .proto = 17,
                       .packet = slice_of(f->frame + ETH_HDR_LEN, len - ETH_HDR_LEN)};
    ck_assert_int_eq(icmp4_send_error(f->net, f->now, 3, 2, 0, &rx), DROP_ICMP_NOT_ALLOWED);
}
END_TEST

START_TEST(quote_is_limited_to_576)
{
    struct fix_ip p = {
        .src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17, .payload = slice_of(pattern, 1400)};
    ck_assert_int_eq(fix_rx_ip(f, &p), DROP_NONE);
    icmp4_send_error(f->net, f->now, ICMP4_UNREACH, ICMP4_PORT_UNREACH, 0, &f->rx);
    ck_assert_uint_eq(fix_sent(f)->l3.len, 576);
}
END_TEST

START_TEST(reassembled_is_quoted_whole)
{
    struct fix_ip p = {.src = "10.0.0.1",
                       .dst = "10.0.0.2",
                       .proto = 17,
                       .id = 9,
                       .mf = true,
                       .payload = slice_of(pattern, 800)};
    struct ip4_hdr q;
    struct icmp4_hdr h;
    struct ust_slice body, l4;
    fix_rx_ip(f, &p);
    p.mf = false;
    p.frag_off = 800;
    p.payload = slice_of(pattern + 800, 100);
    ck_assert_int_eq(fix_rx_ip(f, &p), DROP_NONE);
    ck_assert_int_eq(icmp4_send_error(f->net, f->now, 3, 3, 0, &f->rx), DROP_NONE);
    icmp4_parse(fix_sent(f)->l4, false, &h, &body);
    ck_assert_int_eq(ip4_parse_quoted(body, &q, &l4), DROP_NONE);
    ck_assert_uint_eq(q.total_len, 920);
    ck_assert(!q.mf);
    ck_assert_mem_eq(l4.p, pattern, 500);
}
END_TEST

START_TEST(rate_limit)
{
    struct fix_ip p = {
        .src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17, .payload = slice_of(pattern, 20)};
    int sent = 0;
    fix_rx_ip(f, &p);
    for (int i = 0; i < 500; i++)
        sent += icmp4_send_error(f->net, f->now, 3, 3, 0, &f->rx) == DROP_NONE;
    ck_assert_int_eq(sent, 50); /* the burst */
    fix_flush(f);
    sent = 0;
    for (int i = 0; i < 20000; i++) { /* two seconds */
        fix_advance(f, NS_PER_MS / 10);
        sent += icmp4_send_error(f->net, f->now, 3, 3, 0, &f->rx) == DROP_NONE;
        fix_flush(f);
    }
    ck_assert_int_ge(sent, 1998);
    ck_assert_int_le(sent, 2001);
    fix_advance(f, 60 * NS_PER_S);
    sent = 0;
    for (int i = 0; i < 500; i++)
        sent += icmp4_send_error(f->net, f->now, 3, 3, 0, &f->rx) == DROP_NONE;
    ck_assert_int_eq(sent, 50); /* no more is saved up */
    fix_flush(f);
}
END_TEST

START_TEST(rate_limit_loses_no_fractions)
{
    struct fix_ip p = {
        .src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17, .payload = slice_of(pattern, 20)};
    int sent = -50;
    fix_rx_ip(f, &p);
    for (int i = 0; i < 100000; i++) { /* 0.2 s in steps that are no whole microsecond */
        sent += icmp4_send_error(f->net, f->now, 3, 3, 0, &f->rx) == DROP_NONE;
        f->now += 1999;
        fix_flush(f);
    }
    ck_assert_int_ge(sent, 198);
    ck_assert_int_le(sent, 201);
}
END_TEST

START_TEST(error_queue_is_bounded_and_keeps_quotes)
{
    struct ip_error e = {.err = 1};
    uint8_t q[NET_ERROR_QUOTE + 50];
    memset(q, 7, sizeof q);
    e.packet = slice_of(q, sizeof q);
    e.quoted = slice_skip(e.packet, 20);
    for (int i = 0; i < NET_ERROR_CAP + 5; i++) {
        e.err = i + 1;
        net_error_push(f->net, &e);
    }
    ck_assert_uint_eq(fix_drops(f, DROP_ICMP_QUEUE), 5);
    memset(q, 9, sizeof q);
    for (int i = 0; i < NET_ERROR_CAP; i++) {
        ck_assert(net_error_pop(f->net, &e));
        ck_assert_int_eq(e.err, i + 1);
        ck_assert_uint_eq(e.packet.len, NET_ERROR_QUOTE);
        ck_assert_uint_eq(e.quoted.len, NET_ERROR_QUOTE - 20);
        ck_assert_uint_eq(e.quoted.p[NET_ERROR_QUOTE - 21], 7);
    }
    ck_assert(!net_error_pop(f->net, &e));
}
END_TEST

int main(void) {
    Suite *s = suite_create("icmp4");
    TCase *t = tcase_create("icmp4");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, echo, 0, (int)UST_ARRAY_CNT(echo_lens));
    tcase_add_test(t, echo_large_and_fragmented);
    tcase_add_test(t, echo_answers_from_the_address_asked);
    tcase_add_loop_test(t, echo_to_groups_is_not_answered, 0, 3);
    tcase_add_test(t, bad_messages);
    tcase_add_loop_test(t, map_table, 0, (int)UST_ARRAY_CNT(map_cases));
    tcase_add_test(t, quoted_tcp_and_echo);
    tcase_add_test(t, quotes_that_are_refused);
    tcase_add_loop_test(t, mtu_table, 0, (int)UST_ARRAY_CNT(mtu_cases));
    tcase_add_loop_test(t, err_table, 0, (int)UST_ARRAY_CNT(err_cases));
    tcase_add_test(t, not_about_later_fragments);
    tcase_add_test(t, quote_is_limited_to_576);
    tcase_add_test(t, rate_limit_loses_no_fractions);
    tcase_add_test(t, reassembled_is_quoted_whole);
    tcase_add_test(t, rate_limit);
    tcase_add_test(t, error_queue_is_bounded_and_keeps_quotes);
    suite_add_tcase(s, t);
    return run_suite(s);
}
