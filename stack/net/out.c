/* SPDX-License-Identifier: ISC */
/*
 * The way out that both families share: the next hop, packets that wait for it, packets cut into fragments.
 *
 * A packet with its next hop unknown is copied, linear, into the neighbour's queue and comes out again in flush(): the same frame,
 * with its offload fields. Fragments do not copy the payload: their slices point into the packet's, and its own buffer goes with the last one, which
 * leaves the queue after all others.
 */
#include "net/priv.h"

/* ---- the next hop ---- */

/* 0 or -EHOSTUNREACH, -ENOBUFS. */
int hop_find(struct net *n, uint64_t now_ns, const struct net_path *path, struct hop *hop) {
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
        hop->mac = net_group_mac(&path->next_hop);
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

/* The frame's type goes with the packet's version. */
static void push_eth(struct net *n, struct pkt_tx *p, const struct ust_mac *dst) {
    bool ip6 = ip_version(slice_of(p->head + p->head_off, 1)) == 6;
    struct eth_hdr eh = {
        .dst = *dst, .src = n->link->mac, .type = ip6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4};
    eth_emit(&eh, pkt_push(p, ETH_HDR_LEN));
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
int hop_send(struct net *n, uint64_t now_ns, const struct hop *hop, struct pkt_tx *p) {
    n->stats.ip_tx++;
    if (!hop->resolved) {
        int r = hop_wait(n, now_ns, hop->nb, p);
        link_cancel(n->link, p);
        return r;
    }
    if (hop->path->loop) {
        p->to_loop = 1;
    } else {
        push_eth(n, p, &hop->mac);
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
        push_eth(n, p, &nb->mac);
        link_commit(n->link, now_ns, p);
    }
}

/* Whose packet was it that waits in vain? False: a fragment that is not the first. */
static bool quote_waiting(const struct neigh_pkt *np, struct ip_error *e) {
    struct ust_slice packet = slice_of(np->bytes, np->len);
    if (ip_version(packet) == 6)
        return icmp6_quote(packet, e);
    return icmp4_quote(packet, e);
}

/* The neighbour does not answer: as if an address unreachable had come in for each packet that waits. */
static void fail(struct net *n, uint64_t now_ns, struct neigh *nb) {
    struct neigh_pkt *np;
    bool ip4 = addr_is_ip4(&nb->addr);
    route_gw_dead(n, now_ns, &nb->addr);
    while ((np = neigh_dequeue(nb)) != NULL) {
        struct ip_error e = {.err = EHOSTUNREACH,
                             .local = true,
                             .icmp_type = ip4 ? ICMP4_UNREACH : ICMP6_UNREACH,
                             .icmp_code = ip4 ? ICMP4_HOST_UNREACH : ICMP6_ADDR_UNREACH};
        core_drop(n->c, now_ns, DROP_NEIGH_UNREACHABLE);
        if (quote_waiting(np, &e)) {
            e.from = e.src;
            net_error_push(n, &e);
        }
        buf_free(&n->c->arena, np);
    }
}

static void solicit(struct net *n, uint64_t now_ns, const struct neigh *nb,
                    const struct ust_mac *mac) {
    if (addr_is_ip4(&nb->addr))
        arp_solicit(n, now_ns, &nb->addr, mac);
    else
        nd_solicit(n, now_ns, &nb->addr, mac);
}

void net_neigh_act(struct net *n, uint64_t now_ns, struct neigh *nb, enum neigh_action act) {
    switch (act) {
    case NEIGH_ACT_NONE:
        break;
    case NEIGH_ACT_SOLICIT_MCAST:
        solicit(n, now_ns, nb, NULL);
        break;
    case NEIGH_ACT_SOLICIT_UCAST:
        solicit(n, now_ns, nb, &nb->mac);
        break;
    case NEIGH_ACT_FLUSH:
        flush(n, now_ns, nb);
        break;
    case NEIGH_ACT_FAIL:
        fail(n, now_ns, nb);
        break;
    case NEIGH_ACT_GONE: /* nb is freed: its address is in the table's `gone` */
        route_gw_dead(n, now_ns, &n->neigh.gone);
        break;
    }
}

/* ---- fragments ---- */

void cargo_take(struct cargo *cg, struct pkt_tx *p) {
    cg->l4_hdr = (uint32_t)(p->head_end - PKT_L4_OFF);
    cg->total = pkt_l4_len(p);
    memcpy(cg->l4, p->head + PKT_L4_OFF, cg->l4_hdr);
    memcpy(cg->body, p->body, sizeof cg->body);
    cg->cnt = p->slice_cnt;
    cg->own = p->own;
    p->own = NULL;
}

/* Composes bytes [off, off+len) of the cargo into p. */
void cargo_part(const struct cargo *cg, struct pkt_tx *p, uint32_t off, uint32_t len) {
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

/* ---- in both families ---- */

uint32_t net_wire_len(const struct pkt_tx *p, uint32_t ip_len) {
    uint32_t total = ip_len + pkt_l4_len(p);
    if (p->gso == PKT_GSO_NONE)
        return total;
    return UST_MIN(total, ip_len + (uint32_t)(p->head_end - PKT_L4_OFF) + p->gso_size);
}

struct ust_mac net_group_mac(const struct ust_addr *group) {
    return addr_is_ip4(group) ? eth_mcast_mac4(addr_ip4(group)) : eth_mcast_mac6(group);
}

int ip_output(struct net *n, uint64_t now_ns, struct pkt_tx *p, const struct ip_flow *f) {
    int r = addr_is_ip4(&f->dst) ? ip4_output(n, now_ns, p, f) : ip6_output(n, now_ns, p, f);
    if (r < 0 && trace_on(&n->c->trace, TRACE_IP))
        trace_flow(&n->c->trace, now_ns, TRACE_IP, &f->src, -1, &f->dst, -1, "not sent: errno %d",
                   -r);
    return r;
}
