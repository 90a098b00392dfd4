/* SPDX-License-Identifier: ISC */
/*
 * IPv4 out: route, header, fragments, next hop. RFC 791, RFC 1122 3.3.1, RFC 6864 (identification).
 *
 * A packet with its next hop unknown is copied, linear, into the neighbour's queue and comes out again in flush(): the same frame,
 * with its offload fields. Fragments do not copy the payload: their slices point into the packet's, and its own buffer goes with the last one, which
 * leaves the queue after all others.
 */
#include "net/priv.h"
#include "wire/gso_hdr.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define L4_HEAD_MAX (PKT_HEAD_BYTES - PKT_L4_OFF)

/* Where an outgoing IP packet goes on the link. */
struct hop {
    const struct net_path *path;
    struct neigh *nb; /* NULL: group or loop */
    bool resolved;    /* mac is good */
    struct ust_mac mac;
    enum neigh_action act;
};

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

/* ---- the next hop ---- */

/* 0 or -EHOSTUNREACH, -ENOBUFS. */
static int hop_find(struct net *n, uint64_t now_ns, const struct net_path *path, struct hop *hop) {
    memset(hop, 0, sizeof *hop);
    hop->path = path;
    hop->resolved = true;
    if (path->loop)
        return 0;
    if (path->broadcast) {
        memset(hop->mac.b, 255, sizeof hop->mac.b);
        return 0;
    }
    if (path->multicast) {
        hop->mac = eth_mcast_mac4(addr_ip4(&path->next_hop));
        return 0;
    }
    hop->nb = neigh_use(&n->neigh, now_ns, &path->next_hop, &hop->act);
    if (!hop->nb) {
        core_drop_flow(n->c, now_ns, DROP_NEIGH_TABLE_FULL, &path->src, -1, &path->next_hop, -1);
        return -ENOBUFS;
    }
    if (hop->nb->state == NEIGH_FAILED)
        return -EHOSTUNREACH;
    hop->resolved = hop->nb->state != NEIGH_INCOMPLETE;
    hop->mac = hop->nb->mac;
    return 0;
}

/* Copies p, an IP packet, into the neighbour's queue; p stays. 0 or -ENOBUFS. */
static int hop_wait(struct net *n, uint64_t now_ns, struct neigh *nb, const struct pkt_tx *p) {
    uint32_t len = pkt_len(p), at = (uint32_t)(p->head_end - p->head_off);
    struct neigh_pkt *np = buf_alloc(&n->c->arena, sizeof *np + len);
    if (!np)
        return -ENOBUFS;
    memset(np, 0, sizeof *np);
    memcpy(np->bytes, p->head + p->head_off, at);
    for (int i = 0; i < p->slice_cnt; i++) {
        memcpy(np->bytes + at, p->body[i].p, p->body[i].len);
        at += (uint32_t)p->body[i].len;
    }
    np->len = len;
    np->gso = p->gso;
    np->gso_size = p->gso_size;
    np->needs_csum = p->needs_csum;
    np->l4_off = (uint16_t)(PKT_L4_OFF - p->head_off);
    np->csum_off = (uint16_t)(np->l4_off + p->csum_off);
    neigh_queue(&n->neigh, now_ns, nb, np);
    return 0;
}

/* p holds an IP packet: it leaves, waits or loops. p is consumed. */
static int hop_send(struct net *n, uint64_t now_ns, const struct hop *hop, struct pkt_tx *p) {
    n->stats.ip_tx++;
    if (!hop->resolved) {
        int r = hop_wait(n, now_ns, hop->nb, p);
        link_cancel(n->link, p);
        return r;
    }
    if (hop->path->loop) {
        p->to_loop = 1;
    } else {
        struct eth_hdr eh = {.dst = hop->mac, .src = n->link->mac, .type = ETH_TYPE_IP4};
        eth_emit(&eh, pkt_push(p, ETH_HDR_LEN));
    }
    link_commit(n->link, now_ns, p);
    return 0;
}

static void flush(struct net *n, uint64_t now_ns, struct neigh *nb) {
    struct neigh_pkt *np;
    while ((np = neigh_dequeue(nb)) != NULL) {
        struct pkt_tx *p = link_reserve(n->link);
        if (!p) {
            core_drop(n->c, now_ns, DROP_LINK_TXQ_FULL);
            buf_free(&n->c->arena, np);
            continue;
        }
        uint32_t l4_len = np->len - np->l4_off, in_head = UST_MIN(l4_len, (uint32_t)L4_HEAD_MAX);
        memcpy(pkt_start(p, in_head), np->bytes + np->l4_off, in_head);
        memcpy(pkt_push(p, np->l4_off), np->bytes, np->l4_off);
        p->l3_off = p->head_off;
        pkt_add_body(p, slice_of(np->bytes + np->l4_off + in_head, l4_len - in_head));
        p->own = np;
        p->gso = np->gso;
        p->gso_size = np->gso_size;
        p->needs_csum = np->needs_csum;
        p->csum_off = (uint16_t)(np->csum_off - np->l4_off);
        struct eth_hdr eh = {.dst = nb->mac, .src = n->link->mac, .type = ETH_TYPE_IP4};
        eth_emit(&eh, pkt_push(p, ETH_HDR_LEN));
        link_commit(n->link, now_ns, p);
    }
}

/* The neighbour does not answer: as if a host unreachable had come in for each packet that waits. */
static void fail(struct net *n, uint64_t now_ns, struct neigh *nb) {
    struct neigh_pkt *np;
    while ((np = neigh_dequeue(nb)) != NULL) {
        struct ip4_hdr h;
        struct ust_slice l4;
        struct ip_error e = {.err = EHOSTUNREACH,
                             .local = true,
                             .icmp_type = ICMP4_UNREACH,
                             .icmp_code = ICMP4_HOST_UNREACH};
        core_drop(n->c, now_ns, DROP_NEIGH_UNREACHABLE);
        if (ip4_parse_quoted(slice_of(np->bytes, np->len), &h, &l4) == DROP_NONE &&
            h.frag_off == 0) {
            e.src = e.from = h.src;
            e.dst = h.dst;
            e.proto = h.proto;
            e.quoted = l4;
            icmp4_quoted_ports(&e);
            e.quoted = slice_of(NULL, 0); /* np is gone before the error is handed on */
            net_error_push(n, &e);
        }
        buf_free(&n->c->arena, np);
    }
}

void net_neigh_act(struct net *n, uint64_t now_ns, struct neigh *nb, enum neigh_action act) {
    switch (act) {
    case NEIGH_ACT_NONE:
        break;
    case NEIGH_ACT_SOLICIT_MCAST:
        arp_solicit(n, now_ns, &nb->addr, NULL);
        break;
    case NEIGH_ACT_SOLICIT_UCAST:
        arp_solicit(n, now_ns, &nb->addr, &nb->mac);
        break;
    case NEIGH_ACT_FLUSH:
        flush(n, now_ns, nb);
        break;
    case NEIGH_ACT_FAIL:
        fail(n, now_ns, nb);
        break;
    }
}

/* ---- fragments ---- */

/* A packet taken out of its slot. */
struct cargo {
    uint8_t l4[L4_HEAD_MAX];
    uint32_t l4_hdr, total;
    struct ust_slice body[PKT_SLICE_MAX];
    int cnt;
    void *own;
};

static void cargo_take(struct cargo *cg, struct pkt_tx *p) {
    cg->l4_hdr = (uint32_t)(p->head_end - PKT_L4_OFF);
    cg->total = pkt_l4_len(p);
    memcpy(cg->l4, p->head + PKT_L4_OFF, cg->l4_hdr);
    memcpy(cg->body, p->body, sizeof cg->body);
    cg->cnt = p->slice_cnt;
    cg->own = p->own;
    p->own = NULL;
}

/* Composes bytes [off, off+len) of the cargo into p. */
static void cargo_part(const struct cargo *cg, struct pkt_tx *p, uint32_t off, uint32_t len) {
    uint32_t n = off < cg->l4_hdr ? UST_MIN(len, cg->l4_hdr - off) : 0;
    memcpy(pkt_start(p, n), cg->l4 + (n ? off : 0), n);
    uint32_t at = cg->l4_hdr, from = off + n, end = off + len;
    for (int i = 0; i < cg->cnt && from < end; i++) {
        uint32_t slice_end = at + (uint32_t)cg->body[i].len;
        if (from < slice_end) {
            uint32_t take = UST_MIN(end, slice_end) - from;
            pkt_add_body(p, slice_of(cg->body[i].p + (from - at), take));
            from += take;
        }
        at = slice_end;
    }
}

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

/* Largest packet on the wire that p makes: that of a segment, if it is to be cut. */
static uint32_t wire_len(const struct pkt_tx *p, uint32_t ip_len) {
    uint32_t total = ip_len + pkt_l4_len(p);
    if (p->gso == PKT_GSO_NONE)
        return total;
    return UST_MIN(total, ip_len + (uint32_t)(p->head_end - PKT_L4_OFF) + p->gso_size);
}

/* Who sends to a group that he is in, or to everybody, hears himself (RFC 1112 6.1; Linux does it for broadcasts too). */
static void loop_group(struct net *n, uint64_t now_ns, struct pkt_tx *p, const struct ip4_hdr *h) {
    uint16_t at = p->head_off;
    push_ip(p, h);
    link_loop(n->link, now_ns, p);
    p->head_off = at;
}

static int output(struct net *n, uint64_t now_ns, struct pkt_tx *p, const struct ip_flow *f) {
    struct net_path path;
    int r = net_route(n, &f->dst, &f->src, &path);
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
    bool over_mtu = wire_len(p, ip_len) > mtu;
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

int ip_output(struct net *n, uint64_t now_ns, struct pkt_tx *p, const struct ip_flow *f) {
    int r = output(n, now_ns, p, f);
    if (r < 0 && trace_on(&n->c->trace, TRACE_IP))
        trace_flow(&n->c->trace, now_ns, TRACE_IP, &f->src, -1, &f->dst, -1, "not sent: errno %d",
                   -r);
    return r;
}
