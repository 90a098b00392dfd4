/* SPDX-License-Identifier: ISC */
/* IPv6 in and out: RFC 8200, 4443, 5722, 6946, 7112, 8201, 6724. */
#include "net/netfix6.h"

static struct netfix *f;
static uint8_t pkt[70000];

static void setup(void) { f = netfix6_new(FIX_MTU, LINK_F_CSUM); }
static void teardown(void) {
    ip_rx_done(f->net, &f->rx);
    netfix_free(f);
}

/* An ICMPv6 error went to 2001:db8::1. */
static void told(uint8_t type, uint8_t code, uint32_t param) {
    const struct sent6 *o = fix6_sent(f);
    ck_assert(o->any && o->proto == IP_PROTO_ICMP6);
    ck_assert_uint_eq(o->icmp.type, type);
    ck_assert_uint_eq(o->icmp.code, code);
    ck_assert_uint_eq(o->icmp.param, param);
    ck_assert_uint_le(o->l3.len, IP6_MIN_MTU);
    ck_assert(!fix6_sent(f)->any);
}

/* ---- header and addresses ---- */

static const struct addr_case {
    const char *name, *src, *dst;
    enum drop drop;
} addr_cases[] = {
    {"to us", "2001:db8::1", "2001:db8::2", DROP_NONE},
    {"link-local", "fe80::1", "fe80::2", DROP_NONE},
    {"all nodes", "fe80::1", "ff02::1", DROP_NONE},
    {"our solicited-node group", "fe80::1", "ff02::1:ff00:2", DROP_NONE},
    {"another solicited-node group", "fe80::1", "ff02::1:ff00:3", DROP_ETH_NOT_US},
    {"another host", "2001:db8::1", "2001:db8::3", DROP_IP6_NOT_US},
    {"interface-local group from the wire", "fe80::1", "ff01::1", DROP_IP6_NOT_US},
    {"reserved scope", "fe80::1", "ff00::1", DROP_IP6_NOT_US},
    {"loopback destination", "2001:db8::1", "::1", DROP_IP6_NOT_US},
    {"unspecified destination", "2001:db8::1", "::", DROP_IP6_NOT_US},
    {"mapped destination", "2001:db8::1", "::ffff:10.0.0.2", DROP_IP6_NOT_US},
    {"multicast source", "ff02::1", "2001:db8::2", DROP_IP6_SRC},
    {"loopback source", "::1", "2001:db8::2", DROP_IP6_SRC},
    {"mapped source", "::ffff:10.0.0.1", "2001:db8::2", DROP_IP6_SRC},
    {"our own source", "2001:db8::2", "2001:db8::2", DROP_IP6_SRC},
};

START_TEST(addr_table)
{
    const struct addr_case *c = &addr_cases[_i];
    static const uint8_t body[16] = {1};
    struct fix_ip6 p = {.src = c->src,
                        .dst = c->dst,
                        .next = 17,
                        .hop_limit = 0, /* of no concern to its destination: RFC 8200 3 */
                        .tclass = 0x28,
                        .payload = slice_of(body, sizeof body)};
    enum drop d = fix6_rx(f, &p);
    ck_assert_msg(d == c->drop, "%s: %s", c->name, d ? drop_name(d) : "taken");
    ck_assert(!fix6_sent(f)->any);
    if (d != DROP_NONE)
        return;
    ck_assert_uint_eq(f->rx.proto, 17);
    ck_assert_uint_eq(f->rx.tos, 0x28);
    ck_assert_uint_eq(f->rx.payload.len, sizeof body);
    ck_assert_mem_eq(f->rx.payload.p, body, sizeof body);
}
END_TEST

START_TEST(off_without_being_started)
{
    struct netfix *g = netfix_bare(FIX_MTU, 0, 0);
    struct net_path path;
    struct ust_addr dst = ip("fe80::1");
    ck_assert_int_eq(net_route(g->net, &dst, NULL, &path), -ENETUNREACH);
    struct fix_ip6 p = {.src = "fe80::1", .dst = "ff02::1", .next = 59};
    ck_assert_int_eq(fix6_rx(g, &p), DROP_ETH_NOT_US);
    ck_assert(!fix_sent(g)->any);
    netfix_free(g);
}
END_TEST

/* ---- extension headers ---- */

struct build {
    size_t len;
};
static void put(struct build *b, const void *p, size_t len) {
    memcpy(pkt + b->len, p, len);
    b->len += len;
}
static enum drop rx(struct build *b, uint8_t next, const char *dst) {
    struct fix_ip6 p = {.src = "2001:db8::1",
                        .dst = dst,
                        .next = next,
                        .hop_limit = 64,
                        .payload = slice_of(pkt, b->len)};
    fix6_know(f, "2001:db8::1", &fix_peer_mac);
    return fix6_rx(f, &p);
}

/* One header of options whose only option is opt, data 0. */
static const struct ext_case {
    const char *name;
    uint8_t next, opt;
    const char *dst;
    enum drop drop;
    bool told;
    uint8_t code;
    uint32_t pointer;
} ext_cases[] = {
    {"hop-by-hop, 00", 0, 0x1e, "2001:db8::2", DROP_NONE, false, 0, 0},
    {"hop-by-hop, 01", 0, 0x5e, "2001:db8::2", DROP_IP6_OPTION_DROP, false, 0, 0},
    {"hop-by-hop, 10", 0, 0x9e, "2001:db8::2", DROP_IP6_OPTION_TELL, true, 2, 42},
    {"hop-by-hop, 11", 0, 0xde, "2001:db8::2", DROP_IP6_OPTION_TELL, true, 2, 42},
    {"destination, 10", 60, 0x9e, "2001:db8::2", DROP_IP6_OPTION_TELL, true, 2, 42},
    {"destination, 11", 60, 0xde, "2001:db8::2", DROP_IP6_OPTION_TELL, true, 2, 42},
    {"10 to a group", 60, 0x9e, "ff02::1", DROP_IP6_OPTION_TELL, true, 2, 42},
    {"11 to a group", 60, 0xde, "ff02::1", DROP_IP6_OPTION_TELL, false, 0, 0},
};

/* RFC 8200 4.2 MUST-4 */
START_TEST(ext_option_actions)
{
    const struct ext_case *c = &ext_cases[_i];
    const uint8_t hdr[8] = {17, 0, c->opt, 4};
    struct build b = {0};
    put(&b, hdr, 8);
    put(&b, "12345678", 8);
    enum drop d = rx(&b, c->next, c->dst);
    ck_assert_msg(d == c->drop, "%s: %s", c->name, drop_name(d));
    if (c->told)
        told(ICMP6_PARAM_PROBLEM, c->code, c->pointer);
    ck_assert(!fix6_sent(f)->any);
    if (d != DROP_NONE)
        return;
    ck_assert_uint_eq(f->rx.proto, 17);
    ck_assert_uint_eq(f->rx.next_off, 40);
    ck_assert_mem_eq(f->rx.payload.p, "12345678", 8);
}
END_TEST

START_TEST(ext_malformed)
{
    const uint8_t over[8] = {17, 0, 1, 5};
    struct build b = {0};
    put(&b, over, 8);
    ck_assert_int_eq(rx(&b, 60, "2001:db8::2"), DROP_IP6_OPTION);
    told(ICMP6_PARAM_PROBLEM, ICMP6_BAD_FIELD, 42);
    const uint8_t cut[8] = {17, 1};
    b.len = 0;
    put(&b, cut, 8);
    ck_assert_int_eq(rx(&b, 60, "2001:db8::2"), DROP_IP6_EXT_SHORT);
    b.len = 0;
    for (int i = 0; i < 20; i++) { /* one could go on for ever */
        const uint8_t pad[8] = {60, 0, 1, 4};
        put(&b, pad, 8);
    }
    ck_assert_int_eq(rx(&b, 60, "2001:db8::2"), DROP_IP6_EXT_MANY);
    ck_assert(!fix6_sent(f)->any);
}
END_TEST

/* Hop-by-hop stands first or not at all: elsewhere its number is unrecognized (RFC 8200 4.1, 4.3). */
/* RFC 8200 4.1 MUST-3 */
START_TEST(ext_hop_by_hop_first_only)
{
    const uint8_t dst[8] = {0, 0, 1, 4}, hop[8] = {17, 0, 1, 4};
    struct build b = {0};
    put(&b, dst, 8);
    put(&b, hop, 8);
    ck_assert_int_eq(rx(&b, 60, "2001:db8::2"), DROP_NONE);
    ck_assert_uint_eq(f->rx.proto, 0); /* stack/rx.c tells of it, with this pointer: */
    ck_assert_uint_eq(f->rx.next_off, 40);
}
END_TEST

/* RFC 8200 4.4 MUST-5 */
START_TEST(ext_routing)
{
    static const uint8_t types[] = {0, 2, 4, 77};
    for (size_t i = 0; i < sizeof types; i++) {
        uint8_t h[24] = {17, 2, types[i], 1};
        struct build b = {0};
        put(&b, h, 24);
        put(&b, "12345678", 8);
        ck_assert_int_eq(rx(&b, 43, "2001:db8::2"), DROP_IP6_ROUTING); /* RFC 5095 */
        told(ICMP6_PARAM_PROBLEM, ICMP6_BAD_FIELD, 42);
        pkt[3] = 0; /* nothing left to visit: it is over */
        ck_assert_int_eq(rx(&b, 43, "2001:db8::2"), DROP_NONE);
        ck_assert_uint_eq(f->rx.proto, 17);
    }
}
END_TEST

/* ---- fragments ---- */

/* A fragment of the pattern [off, off+len), as UDP. */
static enum drop frag(uint32_t id, uint16_t off, size_t len, bool more) {
    struct ip6_frag h = {.next = 17, .off = off, .more = more, .id = id};
    ip6_frag_emit(&h, pkt);
    for (size_t i = 0; i < len; i++)
        pkt[8 + i] = fix_byte(off + i);
    struct build b = {8 + len};
    return rx(&b, 44, "2001:db8::2");
}

static void whole(size_t len) {
    ck_assert(f->rx.reassembled && f->rx.proto == 17 && f->rx.payload.len == len);
    for (size_t i = 0; i < len; i++)
        must(f->rx.payload.p[i] == fix_byte(i));
    struct ip6_hdr h;
    struct ust_slice p;
    ck_assert_int_eq(ip6_parse(f->rx.packet, &h, &p), DROP_NONE);
    ck_assert_uint_eq(h.next, 17);
    ck_assert_uint_eq(h.payload_len, len);
    ck_assert(!fix6_sent(f)->any);
}

static const uint8_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                     {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};

START_TEST(frag_any_order)
{
    for (int k = 0; k < 3; k++) {
        int i = orders[_i][k];
        enum drop d = frag(7, (uint16_t)(i * 64), i == 2 ? 13 : 64, i < 2);
        ck_assert_int_eq(d, k < 2 ? DROP_COUNT : DROP_NONE);
    }
    whole(141);
}
END_TEST

START_TEST(frag_two_at_once)
{
    ck_assert_int_eq(frag(1, 0, 64, true), DROP_COUNT);
    ck_assert_int_eq(frag(2, 64, 8, false), DROP_COUNT);
    ck_assert_int_eq(frag(1, 64, 8, false), DROP_NONE);
    whole(72);
    ck_assert_int_eq(frag(2, 0, 64, true), DROP_NONE);
    whole(72);
}
END_TEST

/* RFC 8200 4.5 MUST-9 */
START_TEST(frag_overlap_drops_all)
{
    ck_assert_int_eq(frag(1, 0, 64, true), DROP_COUNT);
    ck_assert_int_eq(frag(1, 0, 64, true), DROP_FRAG_DUP);
    ck_assert_int_eq(frag(1, 56, 64, true), DROP_FRAG_OVERLAP);
    ck_assert_int_eq(frag(1, 64, 8, false),
                     DROP_FRAG_POISONED); /* RFC 5722 4: also those to come */
    ck_assert_uint_eq(f->net->reass.mem_bytes, 0);
    fix_advance(f, REASS_TIMEOUT6_NS);
    ck_assert(!fix6_sent(f)->any); /* in silence */
}
END_TEST

/* RFC 8200 4.5 MUST-10 */
START_TEST(frag_atomic_stands_alone)
{
    ck_assert_int_eq(frag(1, 0, 64, true), DROP_COUNT);
    ck_assert_int_eq(frag(1, 0, 24, false), DROP_NONE); /* RFC 6946 4: the same identification */
    ck_assert(!f->rx.reassembled);
    ck_assert_uint_eq(f->rx.payload.len, 24);
    ck_assert_int_eq(frag(1, 64, 8, false), DROP_NONE);
    whole(72);
}
END_TEST

/* RFC 8200 4.5 MUST-6, MUST-7 */
START_TEST(frag_malformed)
{
    ck_assert_int_eq(frag(1, 0, 63, true), DROP_FRAG6_LEN);
    told(ICMP6_PARAM_PROBLEM, ICMP6_BAD_FIELD, IP6_OFF_PAYLOAD_LEN);
    ck_assert_int_eq(frag(1, 65528, 16, false), DROP_FRAG6_RANGE);
    told(ICMP6_PARAM_PROBLEM, ICMP6_BAD_FIELD, 42);
    ck_assert_int_eq(frag(1, 64, 0, false), DROP_FRAG_EMPTY);
    struct build b = {7};
    ck_assert_int_eq(rx(&b, 44, "2001:db8::2"), DROP_IP6_FRAG_SHORT);
}
END_TEST

/* RFC 7112 5: a first fragment whose headers go on in the next one. */
/* RFC 8200 4.5 MUST-11 */
START_TEST(frag_first_has_all_headers)
{
    const struct {
        uint8_t next;
        size_t len;
    } cases[] = {{17, 7}, {6, 16}, {60, 8}};
    for (size_t i = 0; i < UST_ARRAY_CNT(cases); i++) {
        struct ip6_frag h = {.next = cases[i].next, .more = true, .id = 5};
        memset(pkt, 0, 64);
        ip6_frag_emit(&h, pkt);
        pkt[8] = 17; /* destination options, 24 bytes, of which 8 are here */
        pkt[9] = 2;
        struct build b = {8 + cases[i].len};
        ck_assert_int_eq(rx(&b, 44, "2001:db8::2"), DROP_FRAG6_CHAIN);
        told(ICMP6_PARAM_PROBLEM, ICMP6_SHORT_CHAIN, 0);
    }
}
END_TEST

/* RFC 8200 4.5 MUST-8 */
START_TEST(frag_timeout)
{
    ck_assert_int_eq(frag(1, 0, 64, true), DROP_COUNT);
    ck_assert_int_eq(frag(2, 64, 64, true), DROP_COUNT);
    fix_advance(f, REASS_TIMEOUT6_NS - NS_PER_S);
    fix6_know(f, "2001:db8::1", &fix_peer_mac);
    ck_assert(!fix6_sent(f)->any);
    fix_advance(f, NS_PER_S + NS_PER_MS);
    told(ICMP6_TIME_EXCEEDED, ICMP6_REASSEMBLY, 0); /* one: of the other the first is missing */
    ck_assert_uint_eq(f->net->reass.cnt, 0);
    ck_assert_uint_eq(fix_drops(f, DROP_FRAG_TIMEOUT), 2);
}
END_TEST

/* Headers in front of the fragment header stay, and the last Next Header is mended. */
/* RFC 8200 4.1 MUST-1 */
START_TEST(frag_behind_options)
{
    const uint8_t opts[8] = {44, 0, 1, 4};
    for (int i = 0; i < 2; i++) {
        struct ip6_frag h = {.next = 17, .off = (uint16_t)(16 * i), .more = i == 0, .id = 9};
        struct build b = {0};
        put(&b, opts, 8);
        ip6_frag_emit(&h, pkt + b.len);
        b.len += 8;
        put(&b, "0123456789abcdef", 16);
        ck_assert_int_eq(rx(&b, 60, "2001:db8::2"), i ? DROP_NONE : DROP_COUNT);
    }
    ck_assert_uint_eq(f->rx.packet.len, 40 + 8 + 32);
    ck_assert_uint_eq(f->rx.packet.p[6], 60);
    ck_assert_uint_eq(f->rx.packet.p[40], 17);
    ck_assert_uint_eq(f->rx.next_off, 40);
    ck_assert_uint_eq(f->rx.payload.len, 32);
}
END_TEST

/* ---- out ---- */

static int send(const char *dst, size_t len, struct ip_flow extra) {
    extra.dst = ip(dst);
    extra.proto = 17;
    fix6_know(f, "fe80::1", &fix_peer_mac);
    return fix_send(f, &extra, len);
}

/* RFC 8200 6 SHLD-1 */
START_TEST(out_header)
{
    ck_assert_int_eq(send("2001:db8:9::1", 100, (struct ip_flow){.tos = 0x17}), 0);
    const struct sent6 *o = fix6_sent(f);
    struct ust_addr src = ip("2001:db8::2"), dst = ip("2001:db8:9::1");
    ck_assert(o->any && mac_eq(&o->eth.dst, &fix_peer_mac));
    ck_assert(addr_eq(&o->ip.src, &src) && addr_eq(&o->ip.dst, &dst));
    ck_assert_uint_eq(o->ip.tclass, 0x17);
    ck_assert_uint_eq(o->ip.hop_limit, 64);
    ck_assert_uint_eq(o->ip.payload_len, 108);
    uint32_t label = o->ip.flow_label;
    ck_assert_uint_ne(label, 0);
    send("2001:db8:9::1", 10, (struct ip_flow){.ttl = 3});
    o = fix6_sent(f);
    ck_assert_uint_eq(o->ip.flow_label, label); /* RFC 6437 3: the same flow */
    ck_assert_uint_eq(o->ip.hop_limit, 3);
    send("2001:db8:9::2", 10, (struct ip_flow){0});
    ck_assert_uint_ne(fix6_sent(f)->ip.flow_label, label);
    f->net->nd.hop_limit = 30; /* as a router advertised */
    send("2001:db8:9::2", 10, (struct ip_flow){.flow_label = 0x54321});
    ck_assert_uint_eq(fix6_sent(f)->ip.flow_label, 0x54321);
    ck_assert_uint_eq(f->net->nd.hop_limit, 30);
    send("ff02::99", 10, (struct ip_flow){0});
    o = fix6_sent(f);
    ck_assert_uint_eq(o->ip.hop_limit, 1);
    src = ip("fe80::2");
    ck_assert(addr_eq(&o->ip.src, &src));
}
END_TEST

/* What was sent in fragments comes together again. */
/* RFC 8200 4.5 MUST-12, MUST-13 */
START_TEST(out_fragments)
{
    static uint8_t got[70000];
    ck_assert_int_eq(send("2001:db8:9::1", 5000, (struct ip_flow){0}), 0);
    uint32_t end = 0, id = 0, cnt = 0;
    bool more = true;
    while (more) {
        const struct sent6 *o = fix6_sent(f);
        ck_assert(o->any && o->is_frag && o->frag.off == end);
        ck_assert(cnt == 0 || o->frag.id == id);
        ck_assert_uint_le(o->l3.len, FIX_MTU);
        ck_assert(!o->frag.more || (o->l4.len % 8 == 0 && o->l3.len > FIX_MTU - 8));
        memcpy(got + end, o->l4.p, o->l4.len);
        end += (uint32_t)o->l4.len;
        more = o->frag.more;
        id = o->frag.id;
        cnt++;
    }
    ck_assert_uint_eq(cnt, 4);
    ck_assert_uint_eq(end, 5008);
    for (size_t i = 0; i < 5000; i++)
        must(got[8 + i] == fix_byte(i));
    ck_assert_int_eq(send("2001:db8:9::1", 5000, (struct ip_flow){0}), 0);
    ck_assert_uint_ne(fix6_sent(f)->frag.id, id);
    fix_flush(f);
    ck_assert_int_eq(send("2001:db8:9::1", 1453, (struct ip_flow){.df = true}), -EMSGSIZE);
    ck_assert_int_eq(send("2001:db8:9::1", 1452, (struct ip_flow){.df = true}), 0);
    ck_assert_int_eq(send("2001:db8:9::1", 65528, (struct ip_flow){0}), -EMSGSIZE);
    ck_assert_int_eq(send("2001:db8:9::1", 65527, (struct ip_flow){0}), 0);
    fix_flush(f);
}
END_TEST

/* A "packet too big" about a packet of ours. */
static enum drop too_big(const char *from, const char *inner_dst, uint32_t mtu) {
    uint8_t b[8 + 40 + 8] = {ICMP6_TOO_BIG};
    b[4] = (uint8_t)(mtu >> 24);
    b[5] = (uint8_t)(mtu >> 16);
    b[6] = (uint8_t)(mtu >> 8);
    b[7] = (uint8_t)mtu;
    struct ip6_hdr h = {.payload_len = 1400,
                        .next = 17,
                        .hop_limit = 3,
                        .src = ip("2001:db8::2"),
                        .dst = ip(inner_dst)};
    ip6_emit(&h, b + 8);
    memcpy(b + 48, "\x10\x01\x20\x02\x05\x78\0\0", 8);
    return fix6_rx_icmp(f, from, "2001:db8::2", 64, b, sizeof b);
}

/* RFC 8200 5 MUST-15 */
START_TEST(out_path_mtu)
{
    struct ust_addr dst = ip("2001:db8:9::1");
    ck_assert_uint_eq(net_mtu(f->net, &dst), FIX_MTU);
    ck_assert_int_eq(too_big("2001:db8:7::1", "2001:db8:9::1", 1400), DROP_COUNT);
    ck_assert_int_eq(fix6_err.err, EMSGSIZE);
    ck_assert_uint_eq(fix6_err.mtu, 1400);
    ck_assert_uint_eq(fix6_err.sport, 0x1001);
    ck_assert_uint_eq(fix6_err.dport, 0x2002);
    ck_assert_uint_eq(net_mtu(f->net, &dst), FIX_MTU); /* until a transport knows the packet */
    net_pmtu_apply(f->net, f->now, &fix6_err);
    ck_assert_uint_eq(net_mtu(f->net, &dst), 1400);
    ck_assert_int_eq(too_big("2001:db8:7::1", "2001:db8:9::1", 600), DROP_COUNT);
    net_pmtu_apply(f->net, f->now, &fix6_err);
    ck_assert_uint_eq(net_mtu(f->net, &dst), IP6_MIN_MTU); /* RFC 8201 4: never below */
    ck_assert_int_eq(too_big("2001:db8:7::1", "2001:db8:9::1", 9000), DROP_COUNT);
    net_pmtu_apply(f->net, f->now, &fix6_err);
    ck_assert_uint_eq(net_mtu(f->net, &dst), IP6_MIN_MTU); /* nor up */
    ck_assert_int_eq(send("2001:db8:9::1", 1300, (struct ip_flow){0}), 0);
    ck_assert(fix6_sent(f)->is_frag && fix6_sent(f)->is_frag && !fix6_sent(f)->any);
    ck_assert_int_eq(send("2001:db8:9::1", 1300, (struct ip_flow){.ignore_pmtu = true}), 0);
    ck_assert(!fix6_sent(f)->is_frag);
    fix_advance(f, PMTU_AGE_NS + NS_PER_S);
    ck_assert_uint_eq(net_mtu(f->net, &dst), FIX_MTU);
    fix_flush(f);
}
END_TEST

/* ---- ICMPv6 ---- */

static const struct {
    uint8_t type, code;
    int err;
    bool hard;
} err_cases[] = {
    {1, 0, ENETUNREACH, false},  {1, 1, EACCES, true},       {1, 2, EHOSTUNREACH, false},
    {1, 3, EHOSTUNREACH, false}, {1, 4, ECONNREFUSED, true}, {1, 5, EACCES, true},
    {1, 6, EACCES, true},        {1, 9, EPROTO, true},       {3, 0, EHOSTUNREACH, false},
    {4, 1, EPROTO, true},        {100, 0, EPROTO, false},
};

START_TEST(icmp_errors_in)
{
    uint8_t b[8 + 40 + 8] = {err_cases[_i].type, err_cases[_i].code};
    struct ip6_hdr h = {
        .payload_len = 8, .next = 17, .src = ip("2001:db8::2"), .dst = ip("2001:db8:9::1")};
    ip6_emit(&h, b + 8);
    ck_assert_int_eq(fix6_rx_icmp(f, "2001:db8:7::1", "2001:db8::2", 9, b, sizeof b), DROP_COUNT);
    ck_assert_int_eq(fix6_err.err, err_cases[_i].err);
    ck_assert(fix6_err.hard == err_cases[_i].hard);
    ck_assert_int_eq(fix6_rx_icmp(f, "2001:db8:7::1", "2001:db8::2", 9, b, sizeof b - 1),
                     DROP_ICMP6_INNER);
    h.src = ip("2001:db8::77");
    ip6_emit(&h, b + 8);
    ck_assert_int_eq(fix6_rx_icmp(f, "2001:db8:7::1", "2001:db8::2", 9, b, sizeof b),
                     DROP_ICMP6_INNER_SRC);
}
END_TEST

static enum drop echo(const char *dst, size_t len) {
    pkt[0] = ICMP6_ECHO;
    pkt[1] = pkt[2] = pkt[3] = 0;
    memcpy(pkt + 4, "\x12\x34\0\7", 4);
    for (size_t i = 0; i < len; i++)
        pkt[8 + i] = fix_byte(i);
    fix6_know(f, "fe80::1", &fix_peer_mac);
    return fix6_rx_icmp(f, "fe80::1", dst, 64, pkt, 8 + len);
}

START_TEST(icmp_echo)
{
    struct ust_addr ll = ip("fe80::2");
    ck_assert_int_eq(echo("fe80::2", 55), DROP_NONE);
    const struct sent6 *o = fix6_sent(f);
    ck_assert_uint_eq(o->icmp.type, ICMP6_ECHO_REPLY);
    ck_assert_uint_eq(o->icmp.id, 0x1234);
    ck_assert_uint_eq(o->icmp.seq, 7);
    ck_assert(o->icmp_body.len == 55 && o->icmp_body.p[54] == fix_byte(54));
    ck_assert(addr_eq(&o->ip.src, &ll));
    ck_assert_int_eq(echo("ff02::1", 3), DROP_NONE); /* RFC 4443 4.2 */
    o = fix6_sent(f);
    ck_assert(o->any && addr_eq(&o->ip.src, &ll));
    ck_assert_int_eq(echo("fe80::2", 1453), DROP_NONE);
    ck_assert(fix6_sent(f)->is_frag && fix6_sent(f)->is_frag);
    pkt[0] = ICMP6_ECHO_REPLY;
    ck_assert_int_eq(fix6_rx_icmp(f, "fe80::1", "fe80::2", 64, pkt, 20), DROP_ICMP6_ECHO_REPLY);
    pkt[0] = 200;
    ck_assert_int_eq(fix6_rx_icmp(f, "fe80::1", "fe80::2", 64, pkt, 20), DROP_ICMP6_TYPE);
    struct fix_ip6 p = {
        .src = "fe80::1", .dst = "fe80::2", .next = 58, .payload = slice_of(pkt, 20)};
    pkt[2] ^= 1;
    ck_assert_int_eq(fix6_rx(f, &p), DROP_ICMP6_CSUM);
}
END_TEST

/* RFC 4443 2.4 (e). */
static const struct no_case {
    const char *name, *src, *dst;
    uint8_t next, first;
    bool group_mac;
    bool port, option; /* is port unreachable, is "unknown option" sent? */
} no_cases[] = {
    {"plain", "2001:db8::1", "2001:db8::2", 17, 0, false, true, true},
    {"about an error", "2001:db8::1", "2001:db8::2", 58, ICMP6_UNREACH, false, false, false},
    {"about a redirect", "2001:db8::1", "2001:db8::2", 58, ICMP6_REDIRECT, false, false, false},
    {"about an echo", "2001:db8::1", "2001:db8::2", 58, ICMP6_ECHO, false, true, true},
    {"to a group", "2001:db8::1", "ff02::1", 17, 0, false, false, true},
    {"to a group's MAC", "2001:db8::1", "2001:db8::2", 17, 0, true, false, true},
    {"from ::", "::", "2001:db8::2", 17, 0, false, false, false},
};

START_TEST(icmp_errors_out)
{
    const struct no_case *c = &no_cases[_i];
    struct ip_rx in = {.src = ip(c->src), .dst = ip(c->dst), .link_group = c->group_mac};
    uint8_t b[3000] = {0};
    struct ip6_hdr h = {.payload_len = 2960, .next = c->next, .src = in.src, .dst = in.dst};
    ip6_emit(&h, b);
    b[40] = c->first;
    in.packet = slice_of(b, sizeof b);
    in.dst_multicast = addr_is_multicast(&in.dst);
    fix6_know(f, "2001:db8::1", &fix_peer_mac);
    enum drop d = icmp6_send_error(f->net, f->now, 1, ICMP6_PORT_UNREACH, 0, &in);
    ck_assert_msg(d == (c->port ? DROP_NONE : DROP_ICMP6_NOT_ALLOWED), "%s", c->name);
    if (c->port)
        told(1, ICMP6_PORT_UNREACH, 0);
    d = icmp6_send_error(f->net, f->now, 4, ICMP6_UNKNOWN_OPTION, 42, &in);
    ck_assert_msg(d == (c->option ? DROP_NONE : DROP_ICMP6_NOT_ALLOWED), "%s", c->name);
    if (c->option)
        told(4, ICMP6_UNKNOWN_OPTION, 42);
}
END_TEST

START_TEST(icmp_errors_rate)
{
    uint8_t b[48] = {0};
    struct ip_rx in = {.src = ip("2001:db8::1"), .dst = ip("2001:db8::2")};
    struct ip6_hdr h = {.payload_len = 8, .next = 17, .src = in.src, .dst = in.dst};
    ip6_emit(&h, b);
    in.packet = slice_of(b, sizeof b);
    fix6_know(f, "2001:db8::1", &fix_peer_mac);
    int sent = 0;
    for (int i = 0; i < 1000; i++)
        sent += icmp6_send_error(f->net, f->now, 1, 4, 0, &in) == DROP_NONE;
    ck_assert_int_eq(sent, 50);
    fix_advance(f, 100 * NS_PER_MS);
    ck_assert_int_eq(icmp6_send_error(f->net, f->now, 1, 4, 0, &in), DROP_NONE);
    fix_flush(f);
}
END_TEST

/* ---- source selection ---- */

static void add(const char *a, enum net_addr_origin origin, bool deprecated, const char *router) {
    struct ust_addr x = ip(a);
    int r = net_addr_add(f->net, f->now, &x, 64, false, false);
    ck_assert(r == 0 || r == -EEXIST);
    struct net_addr *na = (struct net_addr *)(uintptr_t)fix6_find(f, a);
    na->origin = (uint8_t)origin;
    if (deprecated)
        na->preferred_ns = 0;
    if (router)
        na->router = ip(router);
}

static const struct src_case {
    const char *name, *a, *b, *dst, *want;
    uint16_t prefs;
} src_cases[] = {
    {"1: the destination itself", "2001:db8:5::7", "2001:db8:5::8", "2001:db8:5::8",
     "2001:db8:5::8", 0},
    {"2: scope link to link", "2001:db8:5::7", "fe80::9", "fe80::1", "fe80::2", 0},
    {"2: scope global to global", "fe80::9", "2001:db8:5::7", "2001:4:5::1", "2001:db8::2", 0},
    {"2: group of link scope", "fe80::9", "2001:db8:5::7", "ff02::5", "fe80::2", 0},
    {"2: group of global scope", "fe80::9", "2001:db8:5::7", "ff0e::5", "2001:db8::2", 0},
    {"3: not deprecated", "2001:db8:5::7 D", "2001:db8:6::8", "2001:db8:5::1", "2001:db8:6::8", 0},
    {"6: label of 6to4", "2002:102:304::1", "2001:db8:5::7", "2002:908:706::5", "2002:102:304::1",
     0},
    {"6: label of unique local", "fd00:5::1", "2001:db8:5::7", "fd99::1", "fd00:5::1", 0},
    {"7: temporary", "2001:db8:5::7", "2001:db8:5::8 T", "2001:db8:5::1", "2001:db8:5::8", 0},
    {"7: public asked for", "2001:db8:5::7", "2001:db8:5::8 T", "2001:db8:5::1", "2001:db8:5::7",
     2},
    {"8: longest prefix", "2001:db8:5::7", "2001:db8:6::8", "2001:db8:6::1", "2001:db8:6::8", 0},
    {"5.5: of the next hop's prefix", "2001:9:5::7 R", "2001:db8:6::8", "2001:db8:4::1",
     "2001:9:5::7", 0},
};

static void add_marked(const char *text) {
    char a[64];
    size_t n = strcspn(text, " ");
    memcpy(a, text, n);
    a[n] = '\0';
    char mark = text[n] ? text[n + 1] : 0;
    add(a, mark == 'T' ? NET_ADDR_TEMPORARY : NET_ADDR_SLAAC, mark == 'D',
        mark == 'R' ? "fe80::1" : NULL);
}

/* RFC 4862 5.5.4 SHLD-1 */
START_TEST(source_rules)
{
    const struct src_case *c = &src_cases[_i];
    struct ust_addr dst = ip(c->dst), want = ip(c->want);
    struct net_path path;
    char s[ADDR_STR_LEN];
    add_marked(c->a);
    add_marked(c->b);
    ck_assert_int_eq(net_route_prefs(f->net, &dst, NULL, c->prefs, &path), 0);
    ck_assert_msg(addr_eq(&path.src, &want), "%s: %s", c->name, addr_str(&path.src, s));
    fix_flush(f);
}
END_TEST

START_TEST(source_of_the_other_family)
{
    struct ust_addr v4 = ip("10.0.0.2"), v6 = ip("2001:db8::2"), dst6 = ip("2001:db8::9"),
                    dst4 = ip("10.0.0.9");
    struct net_path path;
    ck_assert_int_eq(net_route(f->net, &dst6, &v4, &path), -EAFNOSUPPORT);
    ck_assert_int_eq(net_route(f->net, &dst4, &v6, &path), -EINVAL);
    ck_assert_int_eq(net_route(f->net, &dst4, NULL, &path),
                     -ENETUNREACH); /* ::/0 is not for IPv4 */
}
END_TEST

int main(void) {
    Suite *s = suite_create("ip6");
    TCase *t = tcase_create("ip6");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, addr_table, 0, (int)UST_ARRAY_CNT(addr_cases));
    tcase_add_test(t, off_without_being_started);
    tcase_add_loop_test(t, ext_option_actions, 0, (int)UST_ARRAY_CNT(ext_cases));
    tcase_add_test(t, ext_malformed);
    tcase_add_test(t, ext_hop_by_hop_first_only);
    tcase_add_test(t, ext_routing);
    tcase_add_loop_test(t, frag_any_order, 0, 6);
    tcase_add_test(t, frag_two_at_once);
    tcase_add_test(t, frag_overlap_drops_all);
    tcase_add_test(t, frag_atomic_stands_alone);
    tcase_add_test(t, frag_malformed);
    tcase_add_test(t, frag_first_has_all_headers);
    tcase_add_test(t, frag_timeout);
    tcase_add_test(t, frag_behind_options);
    tcase_add_test(t, out_header);
    tcase_add_test(t, out_fragments);
    tcase_add_test(t, out_path_mtu);
    tcase_add_loop_test(t, icmp_errors_in, 0, (int)UST_ARRAY_CNT(err_cases));
    tcase_add_test(t, icmp_echo);
    tcase_add_loop_test(t, icmp_errors_out, 0, (int)UST_ARRAY_CNT(no_cases));
    tcase_add_test(t, icmp_errors_rate);
    tcase_add_loop_test(t, source_rules, 0, (int)UST_ARRAY_CNT(src_cases));
    tcase_add_test(t, source_of_the_other_family);
    suite_add_tcase(s, t);
    return run_suite(s);
}
