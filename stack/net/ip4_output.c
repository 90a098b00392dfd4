/* SPDX-License-Identifier: ISC */
/*
 * IPv4 out: route, header, fragments; the next hop is out.c's. RFC 791, RFC 1122 3.3.1, RFC 6864 (identification).
 */
#include "net/priv.h"
#include "wire/gso_hdr.h"

uint16_t net_ip4_id(struct net *n, uint64_t now_ns, const struct ip_flow *f,
                    const struct ust_addr *src, uint32_t cnt) {
    uint8_t key[33];
    memcpy(key, src->b, 16);
    memcpy(key + 16, f->dst.b, 16);
    key[32] = f->proto;
    struct net_id *id = &n->id[siphash(&n->c->key, key, sizeof key) % NET_ID_CNT];
    uint32_t now_ms = (uint32_t)(now_ns / NS_PER_MS), since = now_ms - id->last_ms;
    if (since) { /* a random step, so that nobody can count our packets to others that share the counter */
        id->next = (uint16_t)(id->next + rng_below(&n->c->rng, UST_MIN(since, 1000u)));
        id->last_ms = now_ms;
    }
    uint16_t v = id->next;
    id->next = (uint16_t)(id->next + cnt);
    return v;
}

/* ---- fragments ---- */

static void push_ip(struct pkt_tx *p, const struct ip4_hdr *h) {
    struct ip4_hdr out = *h;
    size_t len = ip4_hdr_len(h);
    out.total_len = (uint16_t)(len + pkt_l4_len(p));
    ip4_emit(&out, pkt_push(p, len));
    p->l3_off = p->head_off;
}

static int send_fragments(struct net *n, uint64_t now_ns, const struct hop *hop, struct pkt_tx *p,
                          struct ip4_hdr h, uint32_t mtu) {
    uint8_t rest_opts[40];
    struct cargo cg;
    pkt_complete_csum(p);
    cargo_take(&cg, p);
    uint32_t room = (mtu - (uint32_t)ip4_hdr_len(&h)) & ~7u;
    if (hop->resolved && cg.total / room + 1 > link_room(n->link)) {
        link_cancel(n->link, p);
        buf_free(&n->c->arena, cg.own);
        return -ENOBUFS;
    }
    int result = 0;
    for (uint32_t off = 0; off < cg.total;) {
        uint32_t len = UST_MIN(room, cg.total - off);
        if (off && (p = link_reserve(n->link)) == NULL) {
            /* No frame points into cg.own: those sent so far were copied, to wait or by the fault link, whose
             * duplicates alone can use up the room that was there. */
            buf_free(&n->c->arena, cg.own);
            return -ENOBUFS;
        }
        cargo_part(&cg, p, off, len);
        h.frag_off = (uint16_t)off;
        h.mf = off + len < cg.total;
        push_ip(p, &h);
        if (!h.mf)
            p->own = cg.own;
        n->stats.frag_tx++;
        int r = hop_send(n, now_ns, hop, p);
        if (r < 0)
            result = r;
        off += len;
        h.opts = slice_of(rest_opts, off == len ? ip4_copy_options(h.opts, rest_opts) : h.opts.len);
    }
    return result;
}

/* ---- the way out ---- */

/* Who sends to a group that he is in, or to everybody, hears himself (RFC 1112 6.1; Linux does it for broadcasts too). */
static void loop_group(struct net *n, uint64_t now_ns, struct pkt_tx *p, const struct ip4_hdr *h) {
    uint16_t at = p->head_off;
    push_ip(p, h);
    link_loop(n->link, now_ns, p);
    p->head_off = at;
}

/* Of an address that went with its lease, or that turned out to be somebody else's, nothing is sent; Linux says EINVAL. */
static bool src_is_gone(const struct net *n, const struct ust_addr *src) {
    return !addr_is_any(src) && !addr_is_loopback(src) && !net_addr_find(n, src);
}

int ip4_output(struct net *n, uint64_t now_ns, struct pkt_tx *p, const struct ip_flow *f) {
    struct net_path path;
    int r = net_route(n, &f->dst, &f->src, &path);
    if (r == 0 && src_is_gone(n, &f->src))
        r = -EINVAL;
    if (r == 0 && path.broadcast && !f->broadcast_ok)
        r = -EACCES;
    if (r < 0) {
        link_cancel(n->link, p);
        return r;
    }
    struct ip4_hdr h = {.tos = f->tos,
                        .ttl = f->ttl           ? f->ttl
                               : path.multicast ? 1
                                                : 64,
                        .proto = f->proto,
                        .df = f->df && !path.no_df,
                        .src = path.src,
                        .dst = f->dst,
                        .opts = f->opts};
    uint32_t ip_len = (uint32_t)ip4_hdr_len(&h);
    uint32_t mtu = f->ignore_pmtu && !path.loop ? n->link->mtu : path.mtu;
    bool too_long = ip_len + pkt_l4_len(p) > 65535;
    bool over_mtu = net_wire_len(p, ip_len) > mtu;
    if (too_long || (over_mtu && (h.df || p->gso))) {
        link_cancel(n->link, p);
        return -EMSGSIZE;
    }
    uint32_t segs = p->gso && p->gso_size ? (p->body_len + p->gso_size - 1) / p->gso_size : 1;
    h.id = net_ip4_id(n, now_ns, f, &path.src, segs ? segs : 1);
    if (trace_debug(&n->c->trace, TRACE_IP))
        trace_flow(&n->c->trace, now_ns, TRACE_IP, &h.src, -1, &h.dst, -1,
                   "out proto %u len %u ttl %u id %u%s%s", h.proto, ip_len + pkt_l4_len(p), h.ttl,
                   h.id, h.df ? " DF" : "", over_mtu ? " in fragments" : "");
    if (path.broadcast || (path.multicast && f->mcast_loop && net_is_local(n, &f->dst)))
        loop_group(n, now_ns, p, &h);

    struct hop hop;
    r = hop_find(n, now_ns, &path, &hop);
    if (r < 0) {
        link_cancel(n->link, p);
        return r;
    }
    if (over_mtu) {
        r = send_fragments(n, now_ns, &hop, p, h, mtu);
    } else {
        push_ip(p, &h);
        r = hop_send(n, now_ns, &hop, p);
    }
    if (hop.nb)
        net_neigh_act(n, now_ns, hop.nb, hop.act);
    return r;
}

int ip4_output_as(struct net *n, uint64_t now_ns, struct pkt_tx *p, const struct ip_flow *f,
                  const struct ip4_hdr *given) {
    struct ip4_hdr h = *given;
    struct net_path path;
    struct hop hop;
    int r = net_route(n, &f->dst, &f->src, &path);
    if (r == 0 && path.broadcast && !f->broadcast_ok)
        r = -EACCES;
    if (r == 0 && !path.loop && ip4_hdr_len(&h) + pkt_l4_len(p) > n->link->mtu)
        r = -EMSGSIZE;
    if (r == 0)
        r = hop_find(n, now_ns, &path, &hop);
    if (r < 0) {
        link_cancel(n->link, p);
        return r;
    }
    if (addr_is_any(&h.src))
        h.src = path.src;
    if (h.id == 0)
        h.id = net_ip4_id(n, now_ns, f, &h.src, 1);
    push_ip(p, &h);
    r = hop_send(n, now_ns, &hop, p);
    if (hop.nb)
        net_neigh_act(n, now_ns, hop.nb, hop.act);
    return r;
}
