/* SPDX-License-Identifier: ISC */
/* UDP out: addresses and options as Linux's udp_sendmsg() takes them; RFC 768. */
#include <netinet/in.h>

#include "udp/priv.h"

/* Where the datagram goes and what the header says of it. */
struct plan {
    struct ip_flow flow;
    struct net_path path;
    uint16_t dport, gso_size;
    uint32_t mtu;
};

/* The unspecified address as a destination is this host. */
static struct ust_addr this_host(const struct udp *u, const struct udp_pcb *p,
                                 const struct ust_addr *dst) {
    if (!addr_is_any(&p->src))
        return p->src;
    return net_this_host(u->net, p->bind.v6 && !addr_is_ip4(dst));
}

static int plan_addr(const struct udp *u, const struct udp_pcb *p, const struct udp_send *to,
                     struct plan *pl) {
    bool to_peer = addr_is_any(&to->dst) && to->dport == 0;
    if (to_peer && !p->connected)
        return -EDESTADDRREQ;
    pl->flow.dst = to_peer ? p->raddr : to->dst;
    pl->dport = to_peer ? p->rport : to->dport;
    if (pl->dport == 0 && !to_peer) /* a peer without port is sent to, by Linux too */
        return -EINVAL;
    if (addr_is_any(&pl->flow.dst))
        pl->flow.dst = this_host(u, p, &pl->flow.dst);
    pl->flow.src = p->src;
    if (!addr_is_any(&to->src)) {
        if (!net_is_local(u->net, &to->src) || addr_is_multicast(&to->src))
            return -EINVAL;
        pl->flow.src = to->src;
    } else if (addr_is_multicast(&pl->flow.dst) && addr_is_ip4(&pl->flow.dst) &&
               addr_is_any(&p->src)) {
        pl->flow.src = p->mcast_if;
    }
    if (p->bind.v6 && p->bind.v6only && addr_is_ip4(&pl->flow.dst))
        return -ENETUNREACH;
    pl->flow.addr_prefs = p->ip6.addr_prefs;
    int r = net_route_prefs(u->net, &pl->flow.dst, &pl->flow.src, p->ip6.addr_prefs, &pl->path);
    if (r < 0)
        return r;
    pl->flow.src = pl->path.src;
    return 0;
}

static int plan_size(const struct udp *u, const struct udp_pcb *p, const struct udp_send *to,
                     size_t len, struct plan *pl) {
    struct ip_flow *f = &pl->flow;
    bool ip4 = addr_is_ip4(&f->dst);
    uint32_t hdrs = (ip4 ? IP4_HDR_LEN : IP6_HDR_LEN) + UDP_HDR_LEN;
    uint8_t pmtudisc =
        ip4 ? p->pmtudisc : p->ip6.pmtudisc; /* IPV6_PMTUDISC_* are the same numbers */
    if (len > (ip4 ? UDP_MAX_PAYLOAD4 : UDP_MAX_PAYLOAD6))
        return -EMSGSIZE;
    f->ignore_pmtu = pmtudisc >= IP_PMTUDISC_PROBE;
    pl->mtu = f->ignore_pmtu && !pl->path.loop ? net_link_mtu(u->net, &f->dst) : pl->path.mtu;
    if (!ip4 && p->ip6.mtu)
        pl->mtu = f->mtu = UST_MIN(pl->mtu, p->ip6.mtu);
    if (to->gso_size && len > to->gso_size) {
        if (hdrs + to->gso_size > pl->mtu || p->no_check ||
            len > (size_t)to->gso_size * UDP_SEGMENTS_MAX)
            return -EINVAL;
        pl->gso_size = to->gso_size;
    }
    bool fits = pl->gso_size || hdrs + len <= pl->mtu;
    if (!ip4 && !fits && (to->has_dontfrag ? to->dontfrag : p->ip6.dontfrag))
        return -EMSGSIZE;
    switch (pmtudisc) {
    case IP_PMTUDISC_DONT:
    case IP_PMTUDISC_OMIT:
        f->df = false;
        break;
    case IP_PMTUDISC_WANT:
        f->df = fits;
        break;
    case IP_PMTUDISC_INTERFACE:
        f->df = false;
        if (!fits)
            return -EMSGSIZE;
        break;
    default:
        f->df = true;
        break;
    }
    return f->df && !fits && !pl->path.no_df ? -EMSGSIZE : 0;
}

/* What the program wants of the IP header. */
static void plan_header(const struct udp_pcb *p, const struct udp_send *to, struct plan *pl) {
    struct ip_flow *f = &pl->flow;
    bool ip4 = addr_is_ip4(&f->dst), group = pl->path.multicast;
    if (ip4) {
        f->ttl = group ? p->mcast_ttl : p->ttl;
        f->tos = p->tos;
        f->mcast_loop = p->mcast_loop;
    } else {
        f->ttl = group ? (uint8_t)p->ip6.mcast_hops : p->ip6.hops;
        f->tos = p->ip6.tclass;
        f->mcast_loop = p->ip6.mcast_loop;
    }
    if (to->has_ttl)
        f->ttl = to->ttl;
    if (to->has_tos)
        f->tos = to->tos;
}

static int transmit(struct udp *u, uint64_t now_ns, const struct udp_pcb *p, const struct plan *pl,
                    uint8_t *buf, size_t len) {
    struct pkt_tx *tx = link_reserve(u->net->link);
    if (!tx) {
        buf_free(&u->c->arena, buf);
        return -ENOBUFS;
    }
    struct udp_hdr h = {
        .sport = p->bind.port, .dport = pl->dport, .len = (uint16_t)(UDP_HDR_LEN + len)};
    struct ust_slice body = slice_of(buf, len);
    uint8_t *head = pkt_start(tx, UDP_HDR_LEN);
    tx->own = buf;
    pkt_add_body(tx, body);
    if (pl->gso_size) {
        tx->gso = PKT_GSO_UDP;
        tx->gso_size = pl->gso_size;
    }
    bool ip4 = addr_is_ip4(&pl->flow.dst);
    bool whole = pl->gso_size || (ip4 ? IP4_HDR_LEN : IP6_HDR_LEN) + UDP_HDR_LEN + len <= pl->mtu;
    if (p->no_check && ip4) {
        udp_emit_nocsum(&h, head);
    } else if (whole && (pl->path.loop || pl->gso_size || (u->net->link->features & LINK_F_CSUM))) {
        udp_emit_partial(&h, &pl->flow.src, &pl->flow.dst, head);
        tx->needs_csum = true;
        tx->csum_off = UDP_CSUM_OFF;
    } else {
        udp_emit(&h, &pl->flow.src, &pl->flow.dst, &body, len ? 1 : 0, head);
    }
    return ip_output(u->net, now_ns, tx, &pl->flow);
}

static int plan_make(struct udp *u, struct udp_pcb *p, const struct udp_send *to, size_t len,
                     struct plan *pl) {
    *pl = (struct plan){.flow = {.proto = IP_PROTO_UDP, .broadcast_ok = p->broadcast}};
    int r = udp_autobind(u, p); /* first of all, as Linux does */
    if (r == 0)
        r = len > UDP_MAX_PAYLOAD6 ? -EMSGSIZE : plan_addr(u, p, to, pl);
    if (r == 0 && pl->path.broadcast && !p->broadcast)
        r = -EACCES;
    return r < 0 ? r : plan_size(u, p, to, len, pl);
}

int udp_may_send(struct udp *u, struct udp_pcb *p, const struct udp_send *to, size_t len) {
    struct plan pl;
    return plan_make(u, p, to, len, &pl);
}

int udp_send(struct udp *u, uint64_t now_ns, struct udp_pcb *p, const struct udp_send *to,
             uint8_t *buf, size_t len) {
    struct plan pl;
    int r = plan_make(u, p, to, len, &pl);
    if (r < 0) {
        buf_free(&u->c->arena, buf);
        return r;
    }
    plan_header(p, to, &pl);
    if (trace_debug(&u->c->trace, TRACE_UDP))
        trace_flow(&u->c->trace, now_ns, TRACE_UDP, &pl.flow.src, p->bind.port, &pl.flow.dst,
                   pl.dport, "out len %u", (unsigned)len);
    r = transmit(u, now_ns, p, &pl, buf, len);
    if (r < 0)
        return r;
    p->tx_dgrams++;
    p->tx_bytes += len;
    u->tx_dgrams++;
    return 0;
}
