/* SPDX-License-Identifier: ISC */
#include "net/netfix6.h"

const struct nd_cfg fix6_cfg = {.on = true, .secret = "a fixed secret!"};
struct ip_error fix6_err;
static struct sent6 out;

struct netfix *netfix6_new(uint32_t mtu, uint32_t features) {
    struct netfix *f = netfix_bare(mtu, features, 65535);
    struct ust_addr ll = ip("fe80::2"), a = ip("2001:db8::2"), gw = ip("fe80::1"), any = ip("::");
    ck_assert_int_eq(nd_start(f->net, f->now, &fix6_cfg), 0);
    struct ust_addr made = f->net->addr[0].addr;
    ck_assert_int_eq(net_addr_del(f->net, f->now, &made), 0);
    ck_assert_int_eq(net_addr_add(f->net, f->now, &ll, 64, false, false), 0);
    ck_assert_int_eq(net_addr_add(f->net, f->now, &a, 64, false, false), 0);
    ck_assert_int_eq(route_add(f->net, &any, 0, &gw, 0), 0);
    fix_advance(f, 10 * NS_PER_S); /* MLD's reports */
    fix_flush(f);
    return f;
}

static void put16(uint8_t *p, unsigned v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static void put32(uint8_t *p, uint32_t v) {
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

enum drop fix6_rx(struct netfix *f, const struct fix_ip6 *p) {
    struct ust_addr src = ip(p->src), dst = ip(p->dst);
    struct ust_mac to = addr_is_multicast(&dst) ? eth_mcast_mac6(&dst) : fix_mac;
    struct eth_hdr eh = {.dst = p->eth_dst ? *p->eth_dst : to,
                         .src = p->eth_src ? *p->eth_src : fix_peer_mac,
                         .type = ETH_TYPE_IP6};
    struct ip6_hdr h = {.tclass = p->tclass,
                        .payload_len = (uint16_t)p->payload.len,
                        .next = p->next,
                        .hop_limit = p->hop_limit,
                        .src = src,
                        .dst = dst};
    size_t len = ETH_HDR_LEN + IP6_HDR_LEN + p->payload.len;
    eth_emit(&eh, f->frame);
    ip6_emit(&h, f->frame + ETH_HDR_LEN);
    if (p->payload.len)
        memcpy(f->frame + ETH_HDR_LEN + IP6_HDR_LEN, p->payload.p, p->payload.len);
    struct pkt_rx rx = {.frame = slice_of(f->frame, len)};
    ip_rx_done(f->net, &f->rx);
    memset(&f->rx, 0, sizeof f->rx);
    enum drop d = net_rx_eth(f->net, &eh);
    if (d == DROP_NONE)
        d = ip6_rx(f->net, f->now, &rx, slice_skip(rx.frame, ETH_HDR_LEN), &f->rx);
    if (d == DROP_NONE && f->rx.proto == IP_PROTO_ICMP6) {
        struct icmp6_hdr ih;
        struct ust_slice body;
        d = icmp6_rx(f->net, f->now, &f->rx, &ih, &body, &fix6_err);
    }
    must_hold(net_check(f->net));
    return d;
}

enum drop fix6_rx_icmp(struct netfix *f, const char *src, const char *dst, uint8_t hop_limit,
                       const void *msg, size_t len) {
    static uint8_t b[70000];
    struct ust_addr s = ip(src), d = ip(dst);
    memcpy(b, msg, len);
    icmp6_fill_csum(b, len, &s, &d);
    struct fix_ip6 p = {.src = src,
                        .dst = dst,
                        .next = IP_PROTO_ICMP6,
                        .hop_limit = hop_limit,
                        .payload = slice_of(b, len)};
    return fix6_rx(f, &p);
}

enum drop fix6_rx_nd(struct netfix *f, const char *src, const char *dst, const struct nd_msg *m) {
    uint8_t b[ND_MSG_MAX];
    struct ust_addr s = ip(src), d = ip(dst);
    return fix6_rx_icmp(f, src, dst, 255, b, nd_emit(m, &s, &d, b));
}

enum drop fix6_rx_ra(struct netfix *f, const char *src, const struct fix6_ra *ra) {
    uint8_t b[16 + sizeof ra->opts] = {ICMP6_RA, 0, 0, 0, ra->hop_limit, ra->flags};
    put16(b + 6, ra->lifetime_s);
    put32(b + 8, ra->reachable_ms);
    put32(b + 12, ra->retrans_ms);
    memcpy(b + 16, ra->opts, ra->opts_len);
    return fix6_rx_icmp(f, src, "ff02::1", 255, b, 16 + ra->opts_len);
}

static uint8_t *opt(struct fix6_ra *ra, uint8_t type, size_t len) {
    uint8_t *p = ra->opts + ra->opts_len;
    ck_assert_uint_le(ra->opts_len + len, sizeof ra->opts);
    memset(p, 0, len);
    p[0] = type;
    p[1] = (uint8_t)(len / 8);
    ra->opts_len += len;
    return p;
}

void fix6_ra_prefix(struct fix6_ra *ra, const char *prefix, unsigned plen, unsigned flags,
                    uint32_t valid_s, uint32_t preferred_s) {
    uint8_t *p = opt(ra, 3, 32);
    struct ust_addr a = ip(prefix);
    p[2] = (uint8_t)plen;
    p[3] = (uint8_t)flags;
    put32(p + 4, valid_s);
    put32(p + 8, preferred_s);
    memcpy(p + 16, a.b, 16);
}

void fix6_ra_mtu(struct fix6_ra *ra, uint32_t mtu) { put32(opt(ra, 5, 8) + 4, mtu); }

void fix6_ra_slla(struct fix6_ra *ra, const struct ust_mac *mac) {
    memcpy(opt(ra, 1, 8) + 2, mac->b, 6);
}

void fix6_ra_rdnss(struct fix6_ra *ra, const char *addr, uint32_t lifetime_s) {
    uint8_t *p = opt(ra, 25, 24);
    struct ust_addr a = ip(addr);
    put32(p + 4, lifetime_s);
    memcpy(p + 8, a.b, 16);
}

void fix6_ra_route(struct fix6_ra *ra, const char *prefix, unsigned plen, int pref_bits,
                   uint32_t lifetime_s) {
    uint8_t *p = opt(ra, 24, 24);
    struct ust_addr a = ip(prefix);
    p[2] = (uint8_t)plen;
    p[3] = (uint8_t)(pref_bits << 3);
    put32(p + 4, lifetime_s);
    memcpy(p + 8, a.b, 16);
}

const struct sent6 *fix6_sent(struct netfix *f) {
    static uint8_t bytes[FIX_FRAME_MAX];
    struct pkt_tx *p = link_tx_peek(f->link);
    uint32_t frag_off;
    memset(&out, 0, sizeof out);
    if (!p)
        return &out;
    out.any = true;
    size_t len = pkt_linearize(p, bytes, sizeof bytes);
    link_tx_done(f->link);
    ck_assert_int_eq(eth_parse(slice_of(bytes, len), &out.eth, &out.l3), DROP_NONE);
    ck_assert_uint_eq(out.eth.type, ETH_TYPE_IP6);
    ck_assert(mac_eq(&out.eth.src, &fix_mac));
    ck_assert_int_eq(ip6_parse(out.l3, &out.ip, &out.l4), DROP_NONE);
    if (addr_is_multicast(&out.ip.dst)) {
        struct ust_mac m = eth_mcast_mac6(&out.ip.dst);
        ck_assert(mac_eq(&m, &out.eth.dst));
    }
    if (out.ip.next == IP_PROTO_FRAGMENT) {
        out.is_frag = true;
        ck_assert_int_eq(ip6_frag_parse(out.l4, &out.frag, &out.l4), DROP_NONE);
        out.proto = out.frag.next;
        return &out;
    }
    out.router_alert = out.ip.next == IP_PROTO_HOPOPTS;
    ck_assert(ip6_upper(out.l3, &out.proto, &out.l4_off, &frag_off));
    out.l4 = slice_skip(out.l3, out.l4_off);
    if (out.proto == IP_PROTO_ICMP6) {
        ck_assert_int_eq(
            icmp6_parse(out.l4, &out.ip.src, &out.ip.dst, false, &out.icmp, &out.icmp_body),
            DROP_NONE);
        if (out.icmp.type >= ICMP6_RS && out.icmp.type <= ICMP6_NA) {
            out.is_nd = true;
            ck_assert_int_eq(nd_parse(out.l4, out.ip.hop_limit, &out.nd), DROP_NONE);
        }
    }
    return &out;
}

const char *fix6_addr(struct netfix *f, const char *prefix, unsigned plen) {
    static char s[ADDR_STR_LEN];
    struct ust_addr p = ip(prefix);
    for (uint32_t i = 0; i < f->net->addr_hi; i++) {
        const struct net_addr *a = &f->net->addr[i];
        if (a->used && addr_in_prefix(&a->addr, &p, plen) && net_addr_find(f->net, &a->addr))
            return addr_str(&a->addr, s);
    }
    return "";
}

const struct net_addr *fix6_find(struct netfix *f, const char *addr) {
    struct ust_addr a = ip(addr);
    for (uint32_t i = 0; i < f->net->addr_hi; i++)
        if (f->net->addr[i].used && addr_eq(&f->net->addr[i].addr, &a))
            return &f->net->addr[i];
    return NULL;
}

const struct neigh *fix6_neigh(struct netfix *f, const char *addr) {
    struct ust_addr a = ip(addr);
    return neigh_find(&f->net->neigh, &a);
}

void fix6_know(struct netfix *f, const char *addr, const struct ust_mac *mac) {
    struct ust_addr a = ip(addr);
    enum neigh_action act;
    ck_assert_ptr_nonnull(neigh_learn(&f->net->neigh, f->now, &a, mac, true, true, true, &act));
}
