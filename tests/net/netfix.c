/* SPDX-License-Identifier: ISC */
#include "net/netfix.h"

#define ARENA_BYTES (64u * 1024 * 1024)

struct root {
    struct core core;
    struct link link;
    struct net net;
    struct udp udp;
};

const struct ust_mac fix_mac = {{2, 0, 0, 0, 0, 2}};
const struct ust_mac fix_peer_mac = {{2, 0, 0, 0, 0, 1}};
const struct ust_mac fix_other_mac = {{2, 0, 0, 0, 0, 9}};
const struct ust_mac fix_bcast_mac = {{255, 255, 255, 255, 255, 255}};

struct ust_addr ip(const char *s) {
    struct ust_addr a;
    if (!addr_parse(s, &a))
        ck_abort_msg("address %s", s);
    return a;
}

struct netfix *netfix_bare(uint32_t mtu, uint32_t features, uint32_t gso_max_bytes) {
    static const uint8_t secret[16] = "netfix secret 1";
    struct netfix *f = (struct netfix *)calloc(1, sizeof *f);
    f->mem = map_pages(ARENA_BYTES);
    f->now = FIX_START_NS;
    struct root *r = (struct root *)f->mem;
    f->c = &r->core;
    f->link = &r->link;
    f->net = &r->net;
    ck_assert_int_eq(arena_init(&f->c->arena, f->mem, ARENA_BYTES, sizeof *r), 0);
    wheel_init(&f->c->wheel, f->now);
    rng_init(&f->c->rng, secret);
    ck_assert_int_eq(link_init(f->link, f->c, &fix_mac, mtu, features, gso_max_bytes), 0);
    ck_assert_int_eq(net_init(f->net, f->c, f->link, f->now), 0);
    return f;
}

struct netfix *netfix_new(uint32_t mtu, uint32_t features, uint32_t gso_max_bytes) {
    struct netfix *f = netfix_bare(mtu, features, gso_max_bytes);
    struct ust_addr a = ip("10.0.0.2"), gw = ip("10.0.0.1"), zero = ip("0.0.0.0");
    ck_assert_int_eq(net_addr_add(f->net, f->now, &a, 96 + 24, false, false), 0);
    ck_assert_int_eq(route_add(f->net, &zero, 96, &gw, 0), 0);
    return f;
}

void netfix_udp(struct netfix *f) {
    f->udp = &((struct root *)f->mem)->udp;
    ck_assert_int_eq(udp_init(f->udp, f->c, f->net), 0);
}

void netfix_free(struct netfix *f) {
    must_hold(net_check(f->net));
    if (f->udp) {
        must_hold(udp_check(f->udp));
        udp_fini(f->udp);
    }
    net_fini(f->net);
    link_fini(f->link);
    for (int k = 0; k < SLAB_COUNT; k++)
        if (slab_in_use(&f->c->arena, (enum slab_kind)k))
            ck_abort_msg("pool %s holds %u", slab_kind_name((enum slab_kind)k),
                         slab_in_use(&f->c->arena, (enum slab_kind)k));
    ck_assert_uint_eq(f->c->wheel.cnt, 0);
    must_hold(arena_check(&f->c->arena));
    munmap(f->mem, ARENA_BYTES);
    free(f);
}

static void fire(struct netfix *f) {
    struct timer *t;
    while ((t = wheel_pop(&f->c->wheel, f->now)) != NULL) {
        if (t->kind == TIMER_FAULT)
            link_timer(f->link, f->now, t);
        else
            net_timer(f->net, f->now, t);
        must_hold(net_check(f->net));
    }
}

void fix_advance(struct netfix *f, uint64_t ns) {
    uint64_t end = f->now + ns, next;
    while ((next = wheel_next(&f->c->wheel)) <= end) {
        f->now = UST_MAX(f->now, next);
        fire(f);
    }
    f->now = end;
    fire(f);
}

const struct sent *fix_sent(struct netfix *f) {
    struct sent *o = &f->out;
    struct pkt_tx *p = link_tx_peek(f->link);
    struct ust_slice rest;
    o->any = p != NULL;
    o->is_arp = o->is_ip4 = false;
    if (!p)
        return o;
    o->gso = p->gso;
    o->gso_size = p->gso_size;
    o->needs_csum = p->needs_csum;
    o->len = (uint32_t)pkt_linearize(p, o->bytes, sizeof o->bytes);
    link_tx_done(f->link);
    ck_assert_int_eq(eth_parse(slice_of(o->bytes, o->len), &o->eth, &rest), DROP_NONE);
    ck_assert(mac_eq(&o->eth.src, &fix_mac));
    if (o->eth.type == ETH_TYPE_ARP) {
        o->is_arp = true;
        ck_assert_int_eq(arp_parse(rest, &o->arp), DROP_NONE);
    } else if (o->eth.type == ETH_TYPE_IP4) {
        o->is_ip4 = true;
        o->l3 = rest;
        ck_assert_int_eq(ip4_parse(rest, &o->ip, &o->l4), DROP_NONE);
        ck_assert_uint_eq(o->ip.total_len, rest.len);
    }
    return o;
}

uint32_t fix_flush(struct netfix *f) {
    uint32_t n = 0;
    while (link_tx_peek(f->link)) {
        link_tx_done(f->link);
        n++;
    }
    return n;
}

uint64_t fix_drops(const struct netfix *f, enum drop d) { return f->c->drops.cnt[d]; }

void fix_know(struct netfix *f, const char *addr, const struct ust_mac *mac) {
    struct ust_addr a = ip(addr);
    enum neigh_action act;
    ck_assert_ptr_nonnull(neigh_learn(&f->net->neigh, f->now, &a, mac, true, true, true, &act));
}

enum drop fix_rx_arp(struct netfix *f, uint16_t op, const struct ust_mac *sha, const char *spa,
                     const struct ust_mac *tha, const char *tpa, const struct ust_mac *eth_dst) {
    uint8_t b[ARP_LEN];
    struct arp_hdr h = {.op = op, .sha = *sha, .tha = *tha, .spa = ip(spa), .tpa = ip(tpa)};
    struct eth_hdr eh = {.dst = *eth_dst, .src = *sha, .type = ETH_TYPE_ARP};
    arp_emit(&h, b);
    enum drop d = net_rx_eth(f->net, &eh);
    d = d == DROP_NONE ? arp_rx(f->net, f->now, &eh, slice_of(b, sizeof b)) : d;
    must_hold(net_check(f->net));
    return d;
}

size_t fix_compose(struct netfix *f, const struct fix_ip *p) {
    struct eth_hdr eh = {.dst = p->eth_dst ? *p->eth_dst : fix_mac,
                         .src = p->eth_src ? *p->eth_src : fix_peer_mac,
                         .type = ETH_TYPE_IP4};
    struct ip4_hdr h = {.tos = p->tos,
                        .ttl = p->ttl,
                        .proto = p->proto,
                        .df = p->df,
                        .mf = p->mf,
                        .id = p->id,
                        .frag_off = p->frag_off,
                        .src = ip(p->src),
                        .dst = ip(p->dst),
                        .opts = p->opts};
    size_t hdr = ip4_hdr_len(&h), len = ETH_HDR_LEN + hdr + p->payload.len;
    h.total_len = (uint16_t)(hdr + p->payload.len);
    eth_emit(&eh, f->frame);
    ip4_emit(&h, f->frame + ETH_HDR_LEN);
    if (p->payload.len)
        memcpy(f->frame + ETH_HDR_LEN + hdr, p->payload.p, p->payload.len);
    while (len < p->pad_to)
        f->frame[len++] = 0xdb;
    return len;
}

enum drop fix_rx_frame(struct netfix *f, size_t len, bool csum_ok) {
    struct pkt_rx p = {.frame = slice_of(f->frame, len), .csum_ok = csum_ok};
    struct eth_hdr eh;
    struct ust_slice l3;
    ip_rx_done(f->net, &f->rx);
    memset(&f->rx, 0, sizeof f->rx);
    enum drop d = eth_parse(p.frame, &eh, &l3);
    if (d == DROP_NONE)
        d = net_rx_eth(f->net, &eh);
    if (d == DROP_NONE)
        d = ip4_rx(f->net, f->now, &p, l3, &f->rx);
    must_hold(net_check(f->net));
    return d;
}

enum drop fix_rx_ip(struct netfix *f, const struct fix_ip *p) {
    return fix_rx_frame(f, fix_compose(f, p), false);
}

enum drop fix_rx_loop(struct netfix *f) {
    struct pkt_rx p;
    if (!link_held_next(f->link, f->now, &p))
        return DROP_COUNT;
    ck_assert(p.looped);
    ck_assert_uint_le(p.frame.len, sizeof f->frame);
    memcpy(f->frame, p.frame.p, p.frame.len);
    p.frame.p = f->frame;
    link_held_done(f->link);
    ip_rx_done(f->net, &f->rx);
    return ip4_rx(f->net, f->now, &p, p.frame, &f->rx);
}

uint8_t fix_byte(size_t i) { return (uint8_t)(i * 7 + (i >> 8)); }

int fix_send(struct netfix *f, const struct ip_flow *flow, size_t len) {
    struct pkt_tx *p = link_reserve(f->link);
    ck_assert_ptr_nonnull(p);
    memset(pkt_start(p, 8), 0, 8);
    if (len) {
        uint8_t *buf = buf_alloc(&f->c->arena, len);
        ck_assert_ptr_nonnull(buf);
        for (size_t i = 0; i < len; i++)
            buf[i] = fix_byte(i);
        p->own = buf;
        pkt_add_body(p, slice_of(buf, len));
    }
    int r = ip_output(f->net, f->now, p, flow);
    ck_assert(!f->link->reserved);
    must_hold(net_check(f->net));
    return r;
}
