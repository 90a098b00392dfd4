/* SPDX-License-Identifier: ISC */
/*
 * Datagrams out: addresses and options as Linux's udp_sendmsg(), ping_v4_sendmsg() and raw_sendmsg() take them; RFC 768.
 */
#include <netinet/in.h>

#include "udp/priv.h"
#include "wire/icmp4.h"

/* Where the datagram goes and what the header says of it. */
struct plan {
    struct ip_flow flow;
    struct net_path path;
    uint16_t dport, gso_size;
    uint32_t mtu;
    uint32_t hdrs; /* bytes of headers that are not in the program's data */
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
    /* A peer without port is sent to, by Linux too. */
    if (pl->dport == 0 && !to_peer && p->kind == UDP_KIND_UDP)
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
    if (!ip4)
        f->opts = slice_of(NULL, 0);
    pl->hdrs = (ip4 ? IP4_HDR_LEN + ((uint32_t)f->opts.len + 3) / 4 * 4 : IP6_HDR_LEN) +
               (p->kind == UDP_KIND_UDP ? UDP_HDR_LEN : 0);
    uint8_t pmtudisc =
        ip4 ? p->pmtudisc : p->ip6.pmtudisc; /* IPV6_PMTUDISC_* are the same numbers */
    if (ip4 ? pl->hdrs + len > 65535 : len > UDP_MAX_PAYLOAD6)
        return -EMSGSIZE;
    f->ignore_pmtu = pmtudisc >= IP_PMTUDISC_PROBE;
    pl->mtu = f->ignore_pmtu && !pl->path.loop ? net_link_mtu(u->net, &f->dst) : pl->path.mtu;
    if (!ip4 && p->ip6.mtu)
        pl->mtu = f->mtu = UST_MIN(pl->mtu, p->ip6.mtu);
    if (to->gso_size && len > to->gso_size) {
        if (pl->hdrs + to->gso_size > pl->mtu || p->no_check ||
            len > (size_t)to->gso_size * UDP_SEGMENTS_MAX)
            return -EINVAL;
        pl->gso_size = to->gso_size;
    }
    bool fits = pl->gso_size || pl->hdrs + len <= pl->mtu;
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

/* A packet with buf, whose owner it is, as its body from `from` on; NULL: no slot, buf is gone. */
static struct pkt_tx *packet(struct udp *u, uint8_t *buf, size_t from, size_t len, size_t head) {
    struct pkt_tx *tx = link_reserve(u->net->link);
    if (!tx) {
        buf_free(&u->c->arena, buf);
        return NULL;
    }
    pkt_start(tx, head);
    tx->own = buf;
    pkt_add_body(tx, slice_of(buf + from, len - from));
    return tx;
}

static int transmit_udp(struct udp *u, uint64_t now_ns, const struct udp_pcb *p,
                        const struct plan *pl, uint8_t *buf, size_t len) {
    struct pkt_tx *tx = packet(u, buf, 0, len, UDP_HDR_LEN);
    if (!tx)
        return -ENOBUFS;
    struct udp_hdr h = {
        .sport = p->bind.port, .dport = pl->dport, .len = (uint16_t)(UDP_HDR_LEN + len)};
    uint8_t *head = tx->head + PKT_L4_OFF;
    if (pl->gso_size) {
        tx->gso = PKT_GSO_UDP;
        tx->gso_size = pl->gso_size;
    }
    bool whole = pl->gso_size || pl->hdrs + len <= pl->mtu;
    if (p->no_check && addr_is_ip4(&pl->flow.dst)) {
        udp_emit_nocsum(&h, head);
    } else if (whole && (pl->path.loop || pl->gso_size || (u->net->link->features & LINK_F_CSUM))) {
        udp_emit_partial(&h, &pl->flow.src, &pl->flow.dst, head);
        tx->needs_csum = true;
        tx->csum_off = UDP_CSUM_OFF;
    } else {
        udp_emit(&h, &pl->flow.src, &pl->flow.dst, tx->body, tx->slice_cnt, head);
    }
    return ip_output(u->net, now_ns, tx, &pl->flow);
}

/* The program's ICMP header with our identifier and checksum; echo requests only. */
static int transmit_ping(struct udp *u, uint64_t now_ns, const struct udp_pcb *p,
                         const struct plan *pl, uint8_t *buf, size_t len) {
    struct icmp4_hdr h;
    struct ust_slice rest;
    if (icmp4_parse(slice_of(buf, len), true, &h, &rest) != DROP_NONE || h.type != ICMP4_ECHO ||
        h.code != 0) {
        buf_free(&u->c->arena, buf);
        return -EINVAL;
    }
    struct pkt_tx *tx = packet(u, buf, len - rest.len, len, ICMP4_HDR_LEN);
    if (!tx)
        return -ENOBUFS;
    h.id = p->bind.port;
    icmp4_emit(&h, tx->body, tx->slice_cnt, tx->head + PKT_L4_OFF);
    return ip_output(u->net, now_ns, tx, &pl->flow);
}

static int transmit_raw(struct udp *u, uint64_t now_ns, const struct plan *pl, uint8_t *buf,
                        size_t len) {
    struct pkt_tx *tx = packet(u, buf, 0, len, 0);
    return tx ? ip_output(u->net, now_ns, tx, &pl->flow) : -ENOBUFS;
}

/* IP_HDRINCL: the program's header, but for what Linux fills in (raw(7)). */
static int transmit_hdrincl(struct udp *u, uint64_t now_ns, const struct plan *pl, uint8_t *buf,
                            size_t len) {
    struct ip4_hdr h;
    struct ust_slice rest;
    if (ip4_parse_own(slice_of(buf, len), &h, &rest) != DROP_NONE) {
        buf_free(&u->c->arena, buf);
        return -EINVAL;
    }
    struct pkt_tx *tx = packet(u, buf, h.hdr_len, len, 0);
    return tx ? ip4_output_as(u->net, now_ns, tx, &pl->flow, &h) : -ENOBUFS;
}

static int transmit(struct udp *u, uint64_t now_ns, const struct udp_pcb *p, const struct plan *pl,
                    uint8_t *buf, size_t len) {
    switch ((enum udp_kind)p->kind) {
    case UDP_KIND_PING:
        return transmit_ping(u, now_ns, p, pl, buf, len);
    case UDP_KIND_RAW:
        return p->hdrincl ? transmit_hdrincl(u, now_ns, pl, buf, len)
                          : transmit_raw(u, now_ns, pl, buf, len);
    case UDP_KIND_UDP:
        break;
    }
    return transmit_udp(u, now_ns, p, pl, buf, len);
}

/* Too long for the path, and not to be cut: the program hears it from the call, and with the MTU from the error queue. */
static int too_long(struct udp *u, struct udp_pcb *p, const struct plan *pl) {
    if (udp_recverr(p, &pl->flow.dst) &&
        errq_push_local(&p->errq, u->c, EMSGSIZE, &pl->flow.dst, p->rport, pl->mtu, p->rcvbuf))
        udp_mark(u, p, PCB_EV_ERR);
    return -EMSGSIZE;
}

static int plan_make(struct udp *u, struct udp_pcb *p, const struct udp_send *to, size_t len,
                     struct plan *pl) {
    *pl = (struct plan){.flow = {.proto = p->proto,
                                 .broadcast_ok = p->broadcast,
                                 .opts = slice_of(p->opts, p->opts_len)}};
    int r = udp_autobind(u, p); /* first of all, as Linux does */
    if (r == 0)
        r = p->kind == UDP_KIND_UDP && len > UDP_MAX_PAYLOAD6 ? -EMSGSIZE : plan_addr(u, p, to, pl);
    if (r == 0 && pl->path.broadcast && !p->broadcast)
        r = -EACCES;
    if (r < 0 || p->hdrincl)
        return r;
    r = plan_size(u, p, to, len, pl);
    return r == -EMSGSIZE ? too_long(u, p, pl) : r;
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
