/* SPDX-License-Identifier: ISC */
/*
 * IPv6 out: path, source, header, fragments; the next hop is out.c's. RFC 8200, RFC 8201 (path MTU), RFC 6437 (flow labels), RFC 7739 (fragment identifications that nobody
 * can guess).
 */
#include "net/priv.h"
#include "wire/gso_hdr.h"

/* RFC 6437 3: the same for all packets of a flow, without pattern to others. */
/* RFC 8200 6 SHLD-1 */
static uint32_t flow_label(const struct net *n, const struct pkt_tx *p, const struct ip_flow *f,
                           const struct ust_addr *src) {
    uint8_t key[38] = {0};
    if (f->flow_label)
        return f->flow_label;
    memcpy(key, src->b, 16);
    memcpy(key + 16, f->dst.b, 16);
    key[32] = f->proto;
    key[33] = 6;
    if ((f->proto == IP_PROTO_TCP || f->proto == IP_PROTO_UDP) && p->head_end >= PKT_L4_OFF + 4)
        memcpy(key + 34, p->head + PKT_L4_OFF, 4); /* the ports */
    return (uint32_t)siphash(&n->c->key, key, sizeof key) & 0xfffff;
}

static void push_ip(struct pkt_tx *p, const struct ip6_hdr *h) {
    struct ip6_hdr out = *h;
    out.payload_len = (uint16_t)(pkt_len(p));
    ip6_emit(&out, pkt_push(p, IP6_HDR_LEN));
    p->l3_off = p->head_off;
}

static void push_fragment(struct pkt_tx *p, const struct ip6_hdr *h, const struct ip6_frag *f) {
    struct ip6_hdr out = *h;
    ip6_frag_emit(f, pkt_push(p, IP6_FRAG_LEN));
    out.next = IP_PROTO_FRAGMENT;
    push_ip(p, &out);
}

/* RFC 8200 4.5: only the source does it. */
/* RFC 8200 4.5 MUST-12, MUST-13 */
static int send_fragments(struct net *n, uint64_t now_ns, const struct hop *hop, struct pkt_tx *p,
                          const struct ip6_hdr *h, uint32_t mtu) {
    struct cargo cg;
    pkt_complete_csum(p);
    cargo_take(&cg, p);
    uint32_t room = (mtu - IP6_HDR_LEN - IP6_FRAG_LEN) & ~7u;
    if (hop->resolved && cg.total / room + 1 > link_room(n->link)) {
        link_cancel(n->link, p);
        buf_free(&n->c->arena, cg.own);
        return -ENOBUFS;
    }
    struct ip6_frag f = {.next = h->next, .id = (uint32_t)rng_u64(&n->c->rng)};
    int result = 0;
    for (uint32_t off = 0; off < cg.total;) {
        uint32_t len = UST_MIN(room, cg.total - off);
        if (off && (p = link_reserve(n->link)) == NULL) {
            buf_free(&n->c->arena, cg.own); /* as in ip4_output.c: nobody points into it */
            return -ENOBUFS;
        }
        cargo_part(&cg, p, off, len);
        f.off = (uint16_t)off;
        f.more = off + len < cg.total;
        push_fragment(p, h, &f);
        if (!f.more)
            p->own = cg.own;
        n->stats.frag_tx++;
        int r = hop_send(n, now_ns, hop, p);
        if (r < 0)
            result = r;
        off += len;
    }
    return result;
}

/* Who sends to a group that he is in hears himself. */
static void loop_group(struct net *n, uint64_t now_ns, struct pkt_tx *p, const struct ip6_hdr *h) {
    uint16_t at = p->head_off;
    push_ip(p, h);
    link_loop(n->link, now_ns, p);
    p->head_off = at;
}

int ip6_output(struct net *n, uint64_t now_ns, struct pkt_tx *p, const struct ip_flow *f) {
    struct net_path path;
    int r = net_route_prefs(n, &f->dst, &f->src, f->addr_prefs, &path);
    if (r < 0) {
        link_cancel(n->link, p);
        return r;
    }
    struct ip6_hdr h = {.tclass = f->tos,
                        .next = f->proto,
                        .hop_limit = f->ttl           ? f->ttl
                                     : path.multicast ? 1
                                                      : n->nd.hop_limit,
                        .src = path.src,
                        .dst = f->dst};
    h.flow_label = flow_label(n, p, f, &path.src);
    uint32_t mtu = f->ignore_pmtu && !path.loop ? net_link_mtu(n, &f->dst) : path.mtu;
    if (f->mtu)
        mtu = UST_MIN(mtu, f->mtu);
    bool too_long = pkt_l4_len(p) > UINT16_MAX;
    bool over_mtu = !path.loop && net_wire_len(p, IP6_HDR_LEN) > mtu;
    if (too_long || (over_mtu && (f->df || p->gso || mtu < IP6_MIN_MTU))) {
        link_cancel(n->link, p);
        return -EMSGSIZE;
    }
    if (trace_debug(&n->c->trace, TRACE_IP))
        trace_flow(&n->c->trace, now_ns, TRACE_IP, &h.src, -1, &h.dst, -1,
                   "out next %u len %u hop limit %u%s", h.next, IP6_HDR_LEN + pkt_l4_len(p),
                   h.hop_limit, over_mtu ? " in fragments" : "");
    if (path.multicast && f->mcast_loop && net_group_is_joined(n, &f->dst))
        loop_group(n, now_ns, p, &h);

    struct hop hop;
    r = hop_find(n, now_ns, &path, &hop);
    if (r < 0) {
        link_cancel(n->link, p);
        return r;
    }
    if (over_mtu) {
        r = send_fragments(n, now_ns, &hop, p, &h, mtu);
    } else {
        push_ip(p, &h);
        r = hop_send(n, now_ns, &hop, p);
    }
    if (hop.nb)
        net_neigh_act(n, now_ns, hop.nb, hop.act);
    return r;
}
